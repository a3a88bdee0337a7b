/* What the store answers outside power failures: refusals, binding, full areas, failing memory. One case per name. */
#include <stdio.h>
#include <string.h>

#include "flash_sim.h"
#include "nt_error.h"
#include "nt_nv.h"

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            printf("line %d: not true: %s\n", __LINE__, #condition);            \
            return 1;                                                           \
        }                                                                       \
    } while (0)

/* A memory that refuses, or silently drops, the programs from `from` on, `count` of them. */
struct bad_memory {
    struct nt_hal good;
    uint32_t seen;
    uint32_t from;
    uint32_t count;
    int silent;
};

static struct flash flash;
static struct flash_power power;
static struct nt_hal hal;
static struct bad_memory bad;
static const uint8_t image_a[32] = {1};
static const uint8_t image_b[32] = {2};
static const uint8_t chip_a[8] = {3};
static const uint8_t chip_b[8] = {4};
static const uint8_t first[5] = {1, 2, 3, 4, 5};
static const uint8_t second[3] = {9, 8, 7};
static uint8_t big[FLASH_AREA_BYTES];
static uint8_t out[FLASH_AREA_BYTES];

static int bad_turn(void)
{
    uint32_t turn = bad.seen++;
    return turn >= bad.from && turn - bad.from < bad.count;
}

static int bad_read(void *context, int area, uint32_t offset, uint8_t *data, size_t length)
{
    (void)context;
    return bad.good.nv_read(bad.good.context, area, offset, data, length);
}

static int bad_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    (void)context;
    if (bad_turn())
        return bad.silent ? 0 : NT_ERROR_ARGUMENT;
    return bad.good.nv_program(bad.good.context, area, offset, data, length);
}

static int bad_erase(void *context, int area)
{
    (void)context;
    return bad_turn() && !bad.silent ? NT_ERROR_ARGUMENT : bad.good.nv_erase(bad.good.context, area);
}

static void begin(void)
{
    flash_begin(&flash, 4, 1);
    power.flash = &flash;
    hal = flash_hal(&power);
}

static int commit_one(struct nt_nv *nv, const uint8_t *data, uint32_t length)
{
    struct nt_nv_section section = {data, length, NT_NV_SECTION_CODES};
    return nt_nv_commit(nv, &section, 1);
}

static int case_empty(void)
{
    struct nt_nv nv;
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0);
    CHECK(nt_nv_generation(&nv) == 0);
    CHECK(nt_nv_load(&nv, NT_NV_SECTION_CODES, out, sizeof out) == NT_ERROR_NV_MISSING);
    CHECK(flash.erases[0] + flash.erases[1] == 0);
    return 0;
}

static int case_arguments(void)
{
    struct nt_nv nv;
    struct nt_nv_section twice[2] = {{first, 5, 1}, {second, 3, 1}};
    struct nt_nv_section nameless = {first, 5, 0};
    struct nt_nv_section dataless = {NULL, 5, 1};
    struct nt_hal odd = hal;
    odd.nv_word_bytes = 3;
    CHECK(nt_nv_mount(&nv, &odd, image_a, chip_a) == NT_ERROR_ARGUMENT);
    CHECK(nt_nv_mount(&nv, NULL, image_a, chip_a) == NT_ERROR_ARGUMENT);
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0);
    CHECK(nt_nv_commit(&nv, twice, 2) == NT_ERROR_ARGUMENT);
    CHECK(nt_nv_commit(&nv, &nameless, 1) == NT_ERROR_ARGUMENT);
    CHECK(nt_nv_commit(&nv, &dataless, 1) == NT_ERROR_ARGUMENT);
    CHECK(nt_nv_commit(&nv, NULL, 1) == NT_ERROR_ARGUMENT);
    CHECK(nt_nv_generation(&nv) == 0 && flash.erases[0] == 0);
    return 0;
}

static int case_sections(void)
{
    struct nt_nv nv;
    struct nt_nv_section set[3] = {{first, 5, 1}, {NULL, 0, 2}, {second, 3, 0xFFFF}};
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0);
    CHECK(nt_nv_commit(&nv, set, 3) == 0);
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0);
    CHECK(nt_nv_load(&nv, 1, out, 5) == 5 && memcmp(out, first, 5) == 0);
    CHECK(nt_nv_load(&nv, 2, NULL, 0) == 0);
    CHECK(nt_nv_load(&nv, 0xFFFF, out, sizeof out) == 3 && memcmp(out, second, 3) == 0);
    CHECK(nt_nv_load(&nv, 3, out, sizeof out) == NT_ERROR_NV_MISSING);
    CHECK(nt_nv_load(&nv, 1, out, 4) == NT_ERROR_SPACE);
    CHECK(nt_nv_commit(&nv, NULL, 0) == 0 && nt_nv_generation(&nv) == 2);
    CHECK(nt_nv_load(&nv, 1, out, sizeof out) == NT_ERROR_NV_MISSING);
    return 0;
}

static int case_binding(void)
{
    struct nt_nv nv;
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0 && commit_one(&nv, first, 5) == 0);
    CHECK(nt_nv_mount(&nv, &hal, image_b, chip_a) == 0 && nt_nv_generation(&nv) == 1);
    CHECK(nt_nv_load(&nv, 1, out, sizeof out) == NT_ERROR_NV_IMAGE);
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_b) == 0);
    CHECK(nt_nv_load(&nv, 1, out, sizeof out) == NT_ERROR_NV_CHIP);
    CHECK(nt_nv_mount(&nv, &hal, image_b, chip_a) == 0 && commit_one(&nv, second, 3) == 0);
    CHECK(nt_nv_generation(&nv) == 2 && nt_nv_load(&nv, 1, out, sizeof out) == 3);
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0);
    CHECK(nt_nv_load(&nv, 1, out, sizeof out) == NT_ERROR_NV_IMAGE);
    return 0;
}

/* A move alone must not bind an old set to the image of today. */
static int case_binding_carried(void)
{
    struct nt_nv nv;
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0 && commit_one(&nv, first, 5) == 0);
    CHECK(nt_nv_mount(&nv, &hal, image_b, chip_b) == 0);
    bad = (struct bad_memory){.good = hal, .from = 4, .count = 1000, .silent = 0};
    struct nt_hal broken = hal;
    broken.nv_read = bad_read, broken.nv_program = bad_program, broken.nv_erase = bad_erase;
    CHECK(nt_nv_mount(&nv, &broken, image_b, chip_b) == 0);
    CHECK(commit_one(&nv, second, 3) == NT_ERROR_NV_DEVICE);
    CHECK(nt_nv_mount(&nv, &hal, image_b, chip_b) == 0 && nt_nv_generation(&nv) == 1);
    CHECK(nt_nv_load(&nv, 1, out, sizeof out) == NT_ERROR_NV_IMAGE);
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0);
    CHECK(nt_nv_load(&nv, 1, out, sizeof out) == 5 && memcmp(out, first, 5) == 0);
    return 0;
}

static int case_space(void)
{
    struct nt_nv nv;
    const uint32_t largest = FLASH_AREA_BYTES - 2 * 96 - 8;
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0);
    CHECK(commit_one(&nv, big, largest + 1) == NT_ERROR_NV_SPACE);
    CHECK(commit_one(&nv, big, UINT32_MAX) == NT_ERROR_NV_SPACE);
    CHECK(flash.erases[0] == 0 && nt_nv_generation(&nv) == 0);
    CHECK(commit_one(&nv, big, largest) == 0);
    CHECK(commit_one(&nv, big, 1) == NT_ERROR_NV_SPACE);
    CHECK(nt_nv_commit(&nv, NULL, 0) == 0);
    CHECK(commit_one(&nv, big, 1) == 0 && nt_nv_generation(&nv) == 3);
    return 0;
}

static int case_wear(void)
{
    struct nt_nv nv;
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0);
    for (int i = 0; i < 300; i++)
        CHECK(commit_one(&nv, first, 5) == 0);
    /* A record is 112 bytes: six fit, one of them carried. */
    CHECK(flash.erases[0] + flash.erases[1] <= 61);
    CHECK(flash.erases[0] - flash.erases[1] <= 1);
    for (int boot = 0; boot < 10; boot++)
        CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0);
    CHECK(flash.erases[0] + flash.erases[1] <= 61);
    CHECK(nt_nv_generation(&nv) == 300 && flash.violation == NULL);
    return 0;
}

/* Every single program or erase fails, with and without telling: the set is old or new, and stays what was said. */
static int case_failing_memory(void)
{
    struct nt_nv nv;
    for (uint32_t turn = 0; turn < 64; turn++) {
        begin();
        bad = (struct bad_memory){.good = hal, .from = turn / 2, .count = 1, .silent = (int)(turn % 2)};
        struct nt_hal broken = hal;
        broken.nv_read = bad_read, broken.nv_program = bad_program, broken.nv_erase = bad_erase;
        CHECK(nt_nv_mount(&nv, &broken, image_a, chip_a) == 0);
        for (uint32_t i = 0; i < 8; i++) {
            uint32_t before = nt_nv_generation(&nv);
            int result = commit_one(&nv, i % 2 ? first : second, 3);
            uint32_t after = nt_nv_generation(&nv);
            CHECK(result >= 0 ? after == before + 1 : after == before);
            CHECK(nt_nv_mount(&nv, &broken, image_a, chip_a) >= 0 && nt_nv_generation(&nv) == after);
            if (result >= 0)
                CHECK(nt_nv_load(&nv, 1, out, 3) == 3 && memcmp(out, i % 2 ? first : second, 3) == 0);
        }
        CHECK(nt_nv_generation(&nv) >= 7);
    }
    return 0;
}

/* Bits that rot under the set in force are told, not loaded. */
static int case_rot(void)
{
    struct nt_nv nv;
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0 && commit_one(&nv, first, 5) == 0);
    flash.value[nv.current.area][nv.current.offset + 80] ^= 4;
    CHECK(nt_nv_load(&nv, 1, out, sizeof out) == NT_ERROR_NV_DAMAGED);
    CHECK(nt_nv_mount(&nv, &hal, image_a, chip_a) == 0 && nt_nv_generation(&nv) == 0);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } cases[] = {{"empty", case_empty},     {"arguments", case_arguments},
                 {"sections", case_sections}, {"binding", case_binding},
                 {"binding_carried", case_binding_carried},
                 {"space", case_space},     {"wear", case_wear},
                 {"failing_memory", case_failing_memory}, {"rot", case_rot}};
    int failures = 0;
    int found = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (argc > 1 && strcmp(argv[1], cases[i].name) != 0)
            continue;
        begin();
        found++;
        if (cases[i].run() != 0) {
            printf("FAIL %s\n", cases[i].name);
            failures++;
        }
    }
    return found == 0 || failures != 0;
}
