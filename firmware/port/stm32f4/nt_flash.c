/* Driver of the NV areas of a real STM32F4: flash sectors 2 and 3, 16 KiB each (RM0090, section 3). QEMU 7.2 has no
 * model of the flash controller; tests/firmware/flash runs this file on a simulated one. */
#include "nt_flash.h"

#include "nt_bytes.h"
#include "nt_error.h"
#include "nt_nv.h"
#include "nt_nv_area.h"
#include "nt_registers.h"

#define FIRST_SECTOR 2
#define ERASED 0xFFFFFFFFu
/* Polls of the busy flag before giving up; a poll takes at least 4 cycles of 62.5 ns. The data sheet's worst cases are
 * 0.1 ms for a word and 0.8 s for a sector of 16 KiB. A core that runs from flash stalls meanwhile, so the count is far
 * above what is ever seen. */
#define PROGRAM_POLLS 4000u
#define ERASE_POLLS 8000000u

bool nt_flash_detect(void)
{
    return (FLASH_CR & FLASH_CR_LOCK) != 0; /* locked after every reset */
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

/* A write to CR while the controller is busy would stall the bus until it no longer is. */
static int flash_lock(bool good)
{
    if ((FLASH_SR & FLASH_SR_BUSY) == 0)
        FLASH_CR = FLASH_CR_LOCK;
    return good ? 0 : NT_ERROR_NV_DEVICE;
}

/* Zeros can be added to a word that was programmed before, without an error flag: only an erased one is taken. */
static bool word_program(uint8_t *at, uint32_t word)
{
    if (NT_REGISTER(at) != ERASED)
        return false;
    FLASH_CR = FLASH_CR_PSIZE_32 | FLASH_CR_PG;
    NT_REGISTER(at) = word;
    nt_memory_barrier();
    return operation_end(PROGRAM_POLLS) && NT_REGISTER(at) == word;
}

int nt_flash_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    uint8_t *at = nt_nv_area_at(area, offset, length);
    bool good = true;

    (void)context;
    if (!at || !flash_unlock())
        return NT_ERROR_NV_DEVICE;
    for (size_t i = 0; i < length && good; i += NT_NV_WORD_BYTES)
        good = word_program(at + i, nt_u32_load(data + i));
    return flash_lock(good);
}

int nt_flash_erase(void *context, int area)
{
    uint8_t *at = nt_nv_area_at(area, 0, NT_FLASH_AREA_BYTES);
    bool good;

    (void)context;
    if (!at || !flash_unlock())
        return NT_ERROR_NV_DEVICE;
    FLASH_CR = FLASH_CR_PSIZE_32 | FLASH_CR_SER | FLASH_CR_SNB(FIRST_SECTOR + area);
    FLASH_CR |= FLASH_CR_START;
    nt_memory_barrier();
    good = operation_end(ERASE_POLLS);
    for (uint32_t i = 0; good && i < NT_FLASH_AREA_BYTES; i += NT_NV_WORD_BYTES)
        good = NT_REGISTER(at + i) == ERASED;
    return flash_lock(good);
}
