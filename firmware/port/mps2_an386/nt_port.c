/* Port to the MPS2 board with FPGA image AN386 (Cortex-M4 at 25 MHz), as QEMU's mps2-an386 models it: CMSDK UART 0, the
 * FPGA's microsecond counter, NV areas in the PSRAM, which QEMU can back with a file. No watchdog, no unique id
 * (the emulator leaves one), no real flash: this board is for tests with more memory than a small part has. */
#include "nt_board.h"
#include "nt_messages.h"
#include "nt_nv_area.h"

#define TICK_HZ 100u
#define NV_AREA_BYTES 0x10000u
#define NV_AREAS_WORDS (2u * NV_AREA_BYTES / NT_NV_WORD_BYTES)

extern uint32_t nt_psram_start[];

/* Where the emulator asks for a power failure: the number of the word programmed or area erased, from now, at which
 * this board stops, half done. 0, as in a fresh file of zeros: never. */
static volatile uint32_t *fuse;

static bool fuse_burns(void)
{
    if (*fuse > 1)
        --*fuse;
    else if (*fuse == 1)
        return true;
    return false;
}

/* Nothing answers any more, and nothing changes, until the emulator is ended. */
static _Noreturn void power_lost(void)
{
    *fuse = 0; /* tells the emulator that what was to be half done is half done */
    __asm volatile("cpsid i" ::: "memory");
    for (;;)
        __asm volatile("wfi");
}

static int nv_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    int result = 0;

    for (size_t at = 0; at < length && result >= 0; at += NT_NV_WORD_BYTES) {
        if (fuse_burns()) {
            const uint8_t torn[NT_NV_WORD_BYTES] = {data[at], data[at + 1], 0xFF, 0xFF};

            (void)nt_nv_ram_program(context, area, offset + (uint32_t)at, torn, NT_NV_WORD_BYTES);
            power_lost();
        }
        result = nt_nv_ram_program(context, area, offset + (uint32_t)at, data + at, NT_NV_WORD_BYTES);
    }
    return result;
}

static int nv_erase(void *context, int area)
{
    if (fuse_burns()) {
        for (uint32_t at = 0; at < NV_AREA_BYTES / 8; at++) /* the first half; the rest stays as it was */
            nt_psram_start[(uint32_t)area * NV_AREA_BYTES / 4 + at] = UINT32_MAX;
        power_lost();
    }
    return nt_nv_ram_erase(context, area);
}

void nt_board_start(struct nt_hal *hal)
{
    hal->nv_area_bytes = NV_AREA_BYTES;
    hal->nv_program = nv_program;
    hal->nv_erase = nv_erase;
    hal->reset_reason = nt_retained_reason_take(NT_RESET_REASON_POWER_ON);
    /* The areas; behind them the word that tells a fresh file of zeros from one that was used, and the fuse. */
    fuse = nt_psram_start + NV_AREAS_WORDS + 1;
    nt_nv_ram_begin(nt_psram_start, NV_AREA_BYTES, nt_psram_start + NV_AREAS_WORDS);
    FPGA_PRESCALE = NT_BOARD_UART_HZ / 1000000u - 1u;
    nt_tick_start(NT_BOARD_UART_HZ / TICK_HZ);
    nt_board_divider_set(NT_BOARD_DIVIDER(NT_BAUD));
    UART_CTRL = UART_CTRL_TX | UART_CTRL_RX | UART_CTRL_RX_INTERRUPT;
    NT_NVIC_ENABLE(NT_RX_IRQ) = NT_NVIC_BIT(NT_RX_IRQ);
}
