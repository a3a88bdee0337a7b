/* Simulated flash controller of an STM32F405; see controller.h. */
#include "controller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum : uint32_t {
    KEYR = 0x40023C04,
    SR = 0x40023C0C,
    CR = 0x40023C10,
    KEY1 = 0x45670123,
    KEY2 = 0xCDEF89AB,
    SR_CLEARABLE = 0xF3,
    SR_WRPERR = 1u << 4,
    SR_PGAERR = 1u << 5,
    SR_PGPERR = 1u << 6,
    SR_PGSERR = 1u << 7,
    SR_BSY = 1u << 16,
    CR_PG = 1u << 0,
    CR_SER = 1u << 1,
    CR_MER = 1u << 2,
    CR_PSIZE_32 = 2u << 8,
    CR_PSIZE = 3u << 8,
    CR_STRT = 1u << 16,
    CR_LOCK = 1u << 31,
    SECTORS = 12,
    NV_AT = 0x08008000,
    NV_BYTES = 0x8000,
    PATTERN = 0x5A
};
static const uint64_t READS_FOR_EVER = 40000000;

struct controller controller;
static bool is_mapped;

static uint32_t sector_begin(uint32_t sector)
{
    return sector < 4 ? sector * 0x4000u : sector == 4 ? 0x10000u : (sector - 4) * 0x20000u;
}

static uint32_t sector_bytes(uint32_t sector)
{
    return sector < 4 ? 0x4000u : sector == 4 ? 0x10000u : 0x20000u;
}

static uint32_t sector_of(uintptr_t address)
{
    uint32_t sector = SECTORS - 1;

    while (sector_begin(sector) > address - CONTROLLER_FLASH_AT)
        sector--;
    return sector;
}

static bool is_flash(uintptr_t address)
{
    return address >= CONTROLLER_FLASH_AT && address < CONTROLLER_FLASH_AT + CONTROLLER_FLASH_BYTES;
}

static bool is_nv(uintptr_t address)
{
    return address >= NV_AT && address < NV_AT + NV_BYTES;
}

void controller_begin(void)
{
    uint8_t *flash = (uint8_t *)(uintptr_t)CONTROLLER_FLASH_AT;

    if (!is_mapped && mmap(flash, CONTROLLER_FLASH_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != flash) {
        perror("the flash cannot be mapped at its address");
        exit(2);
    }
    is_mapped = true;
    memset(flash, PATTERN, CONTROLLER_FLASH_BYTES);
    memset((void *)(uintptr_t)NV_AT, 0xFF, NV_BYTES);
    controller = {};
    controller.cr = CR_LOCK;
    controller.busy_reads = 3;
    controller.stuck_from = controller.refused_from = UINT32_MAX;
}

bool controller_is_pattern_whole(void)
{
    for (uintptr_t at = CONTROLLER_FLASH_AT; at < CONTROLLER_FLASH_AT + CONTROLLER_FLASH_BYTES; at++)
        if (!is_nv(at) && *(const uint8_t *)at != PATTERN)
            return false;
    return true;
}

static bool is_busy(void)
{
    return controller.busy_left > 0;
}

uint32_t controller_load(uintptr_t address)
{
    if (is_flash(address))
        return *(const uint32_t *)address;
    if (address == CR)
        return controller.cr;
    if (address != SR) {
        controller.violation = "a register was read that is none of the flash controller's";
        return 0;
    }
    if (++controller.status_reads > READS_FOR_EVER) {
        printf("FAIL the driver waits for ever\n");
        exit(1);
    }
    uint32_t status = controller.sr | (is_busy() ? (uint32_t)SR_BSY : 0);

    if (is_busy() && controller.busy_left != UINT32_MAX)
        controller.busy_left--;
    return status;
}

/* True where the operation takes place; sets the flag of what refuses it. */
static bool operation_begin(uint32_t sector)
{
    uint32_t number = controller.operations++;
    bool is_refused = number >= controller.refused_from && number - controller.refused_from < controller.refused_count;

    if (is_refused || (controller.protected_mask >> sector & 1) != 0) {
        controller.sr |= SR_WRPERR;
        return false;
    }
    controller.busy_left = number >= controller.stuck_from ? UINT32_MAX : controller.busy_reads;
    return number < controller.stuck_from;
}

static void word_set(uintptr_t address, uint32_t value)
{
    uint32_t *word = (uint32_t *)address;

    *word = address == controller.weak_at ? (value & ~1u) | (*word & 1u) : value;
}

static void sector_erase(uint32_t sector)
{
    uintptr_t begin = CONTROLLER_FLASH_AT + sector_begin(sector);

    if (!operation_begin(sector))
        return;
    controller.erases[sector]++;
    for (uintptr_t at = begin; at < begin + sector_bytes(sector); at += 4)
        word_set(at, UINT32_MAX);
}

static void key_take(uint32_t key)
{
    bool is_right = (controller.cr & CR_LOCK) != 0 && key == (controller.first_key_seen ? KEY2 : KEY1);

    if (!is_right || controller.is_locked_out) {
        controller.violation = "a wrong key sequence: bus fault, and locked until reset";
        controller.is_locked_out = true;
        controller.cr |= CR_LOCK;
        return;
    }
    if (controller.first_key_seen)
        controller.cr &= ~(uint32_t)CR_LOCK;
    controller.first_key_seen = !controller.first_key_seen;
}

static void control_take(uint32_t value)
{
    uint32_t sector = value >> 3 & 15;

    if (is_busy()) {
        controller.violation = "CR was written while busy: the bus stalls";
        return;
    }
    if (controller.cr & CR_LOCK) {
        controller.violation = "CR was written while locked";
        return;
    }
    controller.cr = value & ~(uint32_t)CR_STRT;
    if ((value & CR_STRT) == 0)
        return;
    if ((value & (CR_SER | CR_PG | CR_MER)) == CR_SER && sector < SECTORS)
        sector_erase(sector);
    else
        controller.sr |= SR_PGSERR;
}

static void word_take(uintptr_t address, uint32_t value)
{
    if (is_busy())
        controller.violation = "flash was written while busy";
    else if ((controller.cr & CR_LOCK) || (controller.cr & (CR_PG | CR_SER | CR_MER)) != CR_PG)
        controller.sr |= SR_PGSERR;
    else if ((controller.cr & CR_PSIZE) != CR_PSIZE_32)
        controller.sr |= SR_PGPERR;
    else if (address % 4 != 0)
        controller.sr |= SR_PGAERR;
    else if (operation_begin(sector_of(address)))
        word_set(address, *(uint32_t *)address & value);
}

void controller_store(uintptr_t address, uint32_t value)
{
    controller.writes++;
    if (is_flash(address))
        word_take(address, value);
    else if (address == KEYR)
        key_take(value);
    else if (address == SR)
        controller.sr &= ~(value & SR_CLEARABLE);
    else if (address == CR)
        control_take(value);
    else
        controller.violation = "a register was written that is none of the flash controller's";
}
