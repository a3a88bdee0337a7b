/* Driver of the NV areas of a real STM32F4: flash sectors 2 and 3, 16 KiB each. QEMU 7.2 has no model of the flash
 * controller (its registers read 0, stores to flash vanish), so this file has run on no emulator. */
#include "nt_flash.h"

#include "nt_bytes.h"
#include "nt_error.h"
#include "nt_nv.h"
#include "nt_registers.h"

#define NV_FLASH_AT 0x08008000u
#define FIRST_SECTOR 2
/* Polls of the busy flag before giving up; a poll takes at least 4 cycles of 62.5 ns. The data sheet's worst cases are
 * 0.1 ms for a word and 0.8 s for a sector of 16 KiB. A core that runs from flash stalls meanwhile, so the count is far
 * above what is ever seen. */
#define PROGRAM_POLLS 4000u
#define ERASE_POLLS 8000000u

bool nt_flash_detect(void)
{
    return (FLASH_CR & FLASH_CR_LOCK) != 0; /* locked after every reset */
}

static bool range_refused(int area, uint32_t offset, size_t length)
{
    return area < 0 || area > 1 || offset > NT_FLASH_AREA_BYTES || length > NT_FLASH_AREA_BYTES - offset;
}

static uintptr_t area_at(int area)
{
    return NV_FLASH_AT + (uint32_t)area * NT_FLASH_AREA_BYTES;
}

int nt_flash_read(void *context, int area, uint32_t offset, uint8_t *data, size_t length)
{
    (void)context;
    if (range_refused(area, offset, length))
        return NT_ERROR_ARGUMENT;
    for (size_t i = 0; i < length; i++)
        data[i] = ((const uint8_t *)area_at(area))[offset + i];
    return 0;
}

static bool idle_reached(uint32_t polls)
{
    while (FLASH_SR & FLASH_SR_BUSY)
        if (polls-- == 0)
            return false;
    return true;
}

/* Ends an operation: it succeeded if the controller became idle in time and names no error. */
static bool operation_end(uint32_t polls)
{
    return idle_reached(polls) && (FLASH_SR & FLASH_SR_ERRORS) == 0;
}

static bool flash_unlock(void)
{
    if (!idle_reached(ERASE_POLLS))
        return false;
    FLASH_SR = FLASH_SR_ERRORS; /* cleared by writing ones; a programmer may have left some */
    if (FLASH_CR & FLASH_CR_LOCK) {
        FLASH_KEYR = 0x45670123u;
        FLASH_KEYR = 0xCDEF89ABu;
    }
    return (FLASH_CR & FLASH_CR_LOCK) == 0;
}

static void flash_lock(void)
{
    FLASH_CR = FLASH_CR_LOCK;
}

static bool word_program(uintptr_t at, uint32_t word)
{
    volatile uint32_t *cell = (volatile uint32_t *)at;

    FLASH_CR = FLASH_CR_PSIZE_32 | FLASH_CR_PG;
    *cell = word;
    __asm volatile("dsb" ::: "memory");
    return operation_end(PROGRAM_POLLS) && *cell == word;
}

int nt_flash_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    bool good = true;

    (void)context;
    if (range_refused(area, offset, length) || offset % 4 || length % 4 || !flash_unlock())
        return NT_ERROR_NV_DEVICE;
    for (size_t i = 0; i < length && good; i += 4)
        good = word_program(area_at(area) + offset + i, nt_u32_load(data + i));
    flash_lock();
    return good ? 0 : NT_ERROR_NV_DEVICE;
}

int nt_flash_erase(void *context, int area)
{
    bool good;

    (void)context;
    if (range_refused(area, 0, NT_FLASH_AREA_BYTES) || !flash_unlock())
        return NT_ERROR_NV_DEVICE;
    FLASH_CR = FLASH_CR_PSIZE_32 | FLASH_CR_SER | FLASH_CR_SNB(FIRST_SECTOR + area);
    FLASH_CR |= FLASH_CR_START;
    __asm volatile("dsb" ::: "memory");
    good = operation_end(ERASE_POLLS);
    flash_lock();
    for (uint32_t i = 0; good && i < NT_FLASH_AREA_BYTES; i += 4)
        good = *(const volatile uint32_t *)(area_at(area) + i) == 0xFFFFFFFFu;
    return good ? 0 : NT_ERROR_NV_DEVICE;
}
