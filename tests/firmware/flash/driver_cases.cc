/* The STM32F4 flash driver, and the NV log on top of it, on the simulated controller. One case per name. */
#include <stdio.h>
#include <string.h>

#include "nt_cortex.h"

#define _Static_assert static_assert /* C's word for it, in the core's headers */

extern "C" {
#include NT_DRIVER /* nt_flash.c, or a copy with a planted fault */
#include "nt_hal.h"
}

#define CHECK(condition)                                                                                              \
    do {                                                                                                              \
        if (!(condition)) {                                                                                           \
            printf("line %d: not true: %s (violation: %s)\n", __LINE__, #condition,                                   \
                   controller.violation ? controller.violation : "none");                                             \
            return 1;                                                                                                 \
        }                                                                                                             \
    } while (0)
#define GOOD 0
#define WP 0x10u
#define PGSERR 0x80u

static const uint8_t data[8] = {0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE};
static uint8_t back[8];

static bool is_at_rest(void)
{
    return controller.violation == NULL && (controller.cr & FLASH_CR_LOCK) != 0;
}

static bool is_erased(int area)
{
    for (uint32_t at = 0; at < NT_FLASH_AREA_BYTES; at += 8) {
        if (nt_nv_area_read(NULL, area, at, back, 8) < 0)
            return false;
        for (int i = 0; i < 8; i++)
            if (back[i] != 0xFF)
                return false;
    }
    return true;
}

static int case_detect(void)
{
    CHECK(nt_flash_detect());
    controller.cr = 0; /* as QEMU reads */
    CHECK(!nt_flash_detect());
    return 0;
}

static int case_program(void)
{
    for (int area = 0; area < 2; area++) {
        uint32_t last = NT_FLASH_AREA_BYTES - 8;

        CHECK(nt_flash_program(NULL, area, 0, data, 8) == GOOD && is_at_rest());
        CHECK(nt_nv_area_read(NULL, area, 0, back, 8) == GOOD && memcmp(back, data, 8) == 0);
        CHECK(nt_flash_program(NULL, area, last, data, 8) == GOOD && is_at_rest());
        CHECK(memcmp((const void *)(uintptr_t)(0x0800C000u - 8 + 0x4000u * (uint32_t)area), data, 8) == 0);
        CHECK(nt_flash_program(NULL, area, 8, data, 0) == GOOD && is_at_rest());
    }
    CHECK(controller.operations == 8 && controller_is_pattern_whole());
    return 0;
}

static int case_erase(void)
{
    for (int area = 0; area < 2; area++) {
        CHECK(nt_flash_program(NULL, 0, 16, data, 8) == GOOD && nt_flash_program(NULL, 1, 16, data, 8) == GOOD);
        CHECK(nt_flash_erase(NULL, area) == GOOD && is_at_rest());
        CHECK(is_erased(area) && !is_erased(1 - area) && controller_is_pattern_whole());
        CHECK(nt_flash_program(NULL, area, 16, data, 8) == GOOD);
        CHECK(nt_flash_erase(NULL, 1 - area) == GOOD && nt_flash_erase(NULL, area) == GOOD);
    }
    CHECK(controller.erases[2] == 3 && controller.erases[3] == 3);
    return 0;
}

/* Refused before anything is written, even a key. */
static int case_bounds(void)
{
    const uint32_t end = NT_FLASH_AREA_BYTES;

    CHECK(nt_flash_program(NULL, 0, 2, data, 4) < 0 && nt_flash_program(NULL, 0, 0, data, 6) < 0);
    CHECK(nt_flash_program(NULL, 0, 1, data, 8) < 0 && nt_flash_program(NULL, 0, end, data, 4) < 0);
    CHECK(nt_flash_program(NULL, 1, end - 4, data, 8) < 0 && nt_flash_program(NULL, 0, UINT32_MAX - 3, data, 8) < 0);
    CHECK(nt_flash_program(NULL, -1, 0, data, 4) < 0 && nt_flash_program(NULL, 2, 0, data, 4) < 0);
    CHECK(nt_flash_erase(NULL, -1) < 0 && nt_flash_erase(NULL, 2) < 0);
    CHECK(nt_nv_area_read(NULL, 0, 4, back, 3) < 0 && nt_nv_area_read(NULL, 1, end, back, 4) < 0);
    CHECK(controller.writes == 0);
    return 0;
}

/* The part would add zeros without a word of protest: the driver must not let it. */
static int case_not_erased(void)
{
    CHECK(nt_flash_program(NULL, 0, 0, data, 8) == GOOD);
    CHECK(nt_flash_program(NULL, 0, 4, data, 4) < 0 && is_at_rest());
    CHECK(nt_nv_area_read(NULL, 0, 0, back, 8) == GOOD && memcmp(back, data, 8) == 0);
    CHECK(nt_flash_erase(NULL, 0) == GOOD && nt_flash_program(NULL, 0, 4, data, 4) == GOOD);
    return 0;
}

static int case_flags_left_by_another(void)
{
    controller.sr = WP | PGSERR;
    CHECK(nt_flash_program(NULL, 0, 0, data, 8) == GOOD && is_at_rest());
    controller.sr = WP | PGSERR;
    CHECK(nt_flash_erase(NULL, 1) == GOOD && is_at_rest() && controller.sr == 0);
    return 0;
}

static int case_left_unlocked(void)
{
    controller.cr = 0; /* a debugger was here */
    CHECK(nt_flash_program(NULL, 0, 0, data, 8) == GOOD && is_at_rest());
    return 0;
}

static int case_locked_out(void)
{
    controller.is_locked_out = true;
    CHECK(nt_flash_program(NULL, 0, 0, data, 8) < 0 && nt_flash_erase(NULL, 0) < 0);
    CHECK(is_erased(0) && controller.operations == 0 && (controller.cr & FLASH_CR_LOCK) != 0);
    return 0;
}

static int case_write_protected(void)
{
    controller.protected_mask = 1u << 2;
    CHECK(nt_flash_program(NULL, 0, 0, data, 8) < 0 && is_at_rest() && is_erased(0));
    CHECK(controller.operations == 1); /* the second word was not tried */
    CHECK(nt_flash_erase(NULL, 0) < 0 && is_at_rest());
    CHECK(nt_flash_program(NULL, 1, 0, data, 8) == GOOD && nt_flash_erase(NULL, 1) == GOOD);
    return 0;
}

static int case_weak_word(void)
{
    static const uint8_t zeros[4] = {0};

    controller.weak_at = 0x08008010u;
    CHECK(nt_flash_program(NULL, 0, 16, zeros, 4) < 0 && is_at_rest());
    *(uint32_t *)controller.weak_at = 0;
    CHECK(nt_flash_erase(NULL, 0) < 0 && is_at_rest());
    return 0;
}

static int case_busy_before(void)
{
    controller.busy_left = UINT32_MAX;
    CHECK(nt_flash_program(NULL, 0, 0, data, 8) < 0 && nt_flash_erase(NULL, 0) < 0);
    CHECK(controller.writes == 0 && controller.violation == NULL);
    controller.busy_left = 100; /* another's operation comes to its end */
    CHECK(nt_flash_program(NULL, 0, 0, data, 8) == GOOD && is_at_rest());
    return 0;
}

static int case_program_never_ends(void)
{
    controller.stuck_from = 1;
    CHECK(nt_flash_program(NULL, 0, 0, data, 8) < 0 && controller.violation == NULL);
    CHECK(controller.status_reads < 10000 && controller.operations == 2);
    return 0;
}

static int case_erase_never_ends(void)
{
    controller.stuck_from = 0;
    CHECK(nt_flash_erase(NULL, 1) < 0 && controller.violation == NULL);
    CHECK(controller.status_reads < 10000000 && controller.operations == 1);
    return 0;
}

static const uint8_t digest[32] = {7};
static const uint8_t chip[8] = {9};
static const struct nt_hal hal = {
    .context = NULL, .rx_read = NULL, .tx_write = NULL, .baud_set = NULL, .time_us = NULL, .idle_wait = NULL,
    .watchdog_feed = NULL, .nv_read = nt_nv_area_read, .nv_program = nt_flash_program, .nv_erase = nt_flash_erase,
    .dac_write = NULL, .dac_read = NULL, .array_present = NULL, .uid_read = NULL, .reset = NULL,
    .nv_area_bytes = NT_FLASH_AREA_BYTES, .nv_word_bytes = NT_NV_WORD_BYTES, .reset_reason = 0, .image = NULL,
    .image_bytes = 0};

static int commit(struct nt_nv *nv, uint32_t number)
{
    uint8_t codes[100];
    struct nt_nv_section section = {codes, sizeof codes, NT_NV_SECTION_CODES};

    memset(codes, (int)(number & 255), sizeof codes);
    return nt_nv_commit(nv, &section, 1);
}

static bool is_held(struct nt_nv *nv, uint32_t number)
{
    uint8_t codes[100];

    if (nt_nv_generation(nv) != number)
        return false;
    if (number == 0)
        return nt_nv_load(nv, NT_NV_SECTION_CODES, codes, sizeof codes) == NT_ERROR_NV_MISSING;
    return nt_nv_load(nv, NT_NV_SECTION_CODES, codes, sizeof codes) == 100 && codes[0] == (number & 255) &&
           memcmp(codes, codes + 1, 99) == 0;
}

/* Over several changes of area, with a boot every 37 commits. */
static int case_nv_log(void)
{
    struct nt_nv nv;

    CHECK(nt_nv_mount(&nv, &hal, digest, chip) == 0 && is_held(&nv, 0));
    for (uint32_t number = 1; number <= 400; number++) {
        CHECK(commit(&nv, number) == 0 && is_at_rest());
        if (number % 37 == 0)
            CHECK(nt_nv_mount(&nv, &hal, digest, chip) == 0);
        CHECK(is_held(&nv, number));
    }
    CHECK(controller.erases[2] > 4 && controller.erases[3] > 4 && controller_is_pattern_whole());
    return 0;
}

/* Each operation in turn is refused once by the part: the log holds the old or the new set, and says which. */
static int case_nv_log_refused(void)
{
    for (uint32_t turn = 0; turn < 160; turn++) {
        struct nt_nv nv;

        controller_begin();
        controller.refused_from = turn;
        controller.refused_count = 1;
        CHECK(nt_nv_mount(&nv, &hal, digest, chip) == 0);
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t before = nt_nv_generation(&nv);
            bool is_good = commit(&nv, before + 1) >= 0;

            CHECK(is_held(&nv, before + is_good));
            CHECK(nt_nv_mount(&nv, &hal, digest, chip) >= 0 && is_held(&nv, before + is_good));
        }
        CHECK(nt_nv_generation(&nv) >= 3 && is_at_rest() && controller_is_pattern_whole());
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } cases[] = {{"detect", case_detect},
                 {"program", case_program},
                 {"erase", case_erase},
                 {"bounds", case_bounds},
                 {"not_erased", case_not_erased},
                 {"flags_left_by_another", case_flags_left_by_another},
                 {"left_unlocked", case_left_unlocked},
                 {"locked_out", case_locked_out},
                 {"write_protected", case_write_protected},
                 {"weak_word", case_weak_word},
                 {"busy_before", case_busy_before},
                 {"program_never_ends", case_program_never_ends},
                 {"erase_never_ends", case_erase_never_ends},
                 {"nv_log", case_nv_log},
                 {"nv_log_refused", case_nv_log_refused}};
    int failures = 0;
    int found = 0;

    for (const auto &one : cases) {
        if (argc > 1 && strcmp(argv[1], one.name) != 0)
            continue;
        controller_begin();
        nt_nv_area_begin(NT_FLASH_AREAS_AT, NT_FLASH_AREA_BYTES);
        found++;
        if (one.run() != 0) {
            printf("FAIL %s\n", one.name);
            failures++;
        }
    }
    return found == 0 || failures != 0;
}
