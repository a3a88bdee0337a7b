/* Port to the MPS2 board with FPGA image AN386 (Cortex-M4 at 25 MHz), as QEMU's mps2-an386 models it: CMSDK UART 0, the
 * FPGA's microsecond counter, NV areas in the PSRAM, which QEMU can back with a file. No watchdog, no unique id
 * (the emulator leaves one), no real flash: this board is for tests with more memory than a small part has. */
#include "nt_port.h"

#include "nt_cortex.h"
#include "nt_link.h"
#include "nt_error.h"
#include "nt_messages.h"
#include "nt_nv_ram.h"

#define CORE_HZ 25000000u
#define TICK_HZ 100u
#define DRAIN_POLLS 40000u
#define NV_AREA_BYTES 0x10000u
#define NV_WORD_BYTES 4u

#define UART_DATA NT_REGISTER(0x40004000u)
#define UART_STATE NT_REGISTER(0x40004004u)
#define UART_CTRL NT_REGISTER(0x40004008u)
#define UART_INTERRUPT NT_REGISTER(0x4000400Cu)
#define UART_BAUD_DIVIDER NT_REGISTER(0x40004010u)
#define UART_STATE_TX_FULL 1u
#define UART_STATE_RX_FULL 2u
#define UART_CTRL_TX 1u
#define UART_CTRL_RX 2u
#define UART_CTRL_RX_INTERRUPT 8u
#define UART_INTERRUPT_RX 2u
#define FPGA_COUNTER NT_REGISTER(0x40028018u)
#define SCC_ID_AT 0x4002FFF4u /* names the FPGA image: the same on every board */
#define FPGA_PRESCALE NT_REGISTER(0x4002801Cu)

extern uint8_t nt_scratch_start[], nt_scratch_end[], nt_image_start[], nt_image_capacity[];
extern uint32_t nt_psram_start[];

static struct nt_link link;

/* Where the emulator asks for a power failure: the number of the word programmed or area erased, from now, at which
 * this board stops, half done. 0, as in a fresh file of zeros: never. */
static volatile uint32_t *fuse;

static int fuse_burns(void)
{
    if (*fuse > 1)
        --*fuse;
    else if (*fuse == 1)
        return 1;
    return 0;
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

    for (size_t at = 0; at < length && result >= 0; at += NV_WORD_BYTES) {
        if (fuse_burns()) {
            const uint8_t torn[NV_WORD_BYTES] = {data[at], data[at + 1], 0xFF, 0xFF};

            (void)nt_nv_ram_program(context, area, offset + (uint32_t)at, torn, NV_WORD_BYTES);
            power_lost();
        }
        result = nt_nv_ram_program(context, area, offset + (uint32_t)at, data + at, NV_WORD_BYTES);
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

void nt_port_rx_irq(void)
{
    UART_INTERRUPT = UART_INTERRUPT_RX; /* first, so that a byte that comes while draining raises it again */
    while (UART_STATE & UART_STATE_RX_FULL) {
        if (nt_link_hold(&link))
            return;
        nt_ring_put(&link.ring, (uint8_t)UART_DATA);
    }
}

static int rx_read(void *context, uint8_t *data, size_t capacity)
{
    (void)context;
    return nt_link_read(&link, data, capacity);
}

static int tx_write(void *context, const uint8_t *data, size_t length)
{
    size_t sent = 0;

    (void)context;
    while (sent < length && !(UART_STATE & UART_STATE_TX_FULL))
        UART_DATA = data[sent++];
    return (int)sent;
}

static int baud_set(void *context, uint32_t baud)
{
    uint32_t divider = baud ? (CORE_HZ + baud / 2) / baud : 0;

    (void)context;
    if (divider < 16 || divider > 0xFFFFF)
        return NT_ERROR_ARGUMENT;
    for (uint32_t polls = DRAIN_POLLS; UART_STATE & UART_STATE_TX_FULL && polls > 0; polls--)
        ;
    UART_BAUD_DIVIDER = divider;
    return (int)(CORE_HZ / divider);
}

static uint32_t time_us(void *context)
{
    (void)context;
    return FPGA_COUNTER;
}

static void idle_wait(void *context)
{
    (void)context;
    if (!(UART_STATE & UART_STATE_TX_FULL)) /* while sending, stay awake: TX is polled */
        nt_link_wait(&link);
}

static void watchdog_feed(void *context)
{
    (void)context;
}

static int uid_read(void *context, uint8_t uid[8])
{
    (void)context;
    nt_uid_read(SCC_ID_AT, uid);
    return 0;
}

static void reset(void *context)
{
    (void)context;
    for (uint32_t polls = DRAIN_POLLS; UART_STATE & UART_STATE_TX_FULL && polls > 0; polls--)
        ; /* the answer to RESET leaves first */
    nt_system_reset(NT_RESET_REASON_SOFTWARE);
}

uint8_t *nt_port_scratch(size_t *bytes)
{
    *bytes = (size_t)(nt_scratch_end - nt_scratch_start);
    return nt_scratch_start;
}

const struct nt_hal *nt_port_init(void)
{
    static struct nt_hal hal = {
        .rx_read = rx_read,
        .tx_write = tx_write,
        .baud_set = baud_set,
        .time_us = time_us,
        .idle_wait = idle_wait,
        .watchdog_feed = watchdog_feed,
        .nv_read = nt_nv_ram_read,
        .nv_program = nv_program,
        .nv_erase = nv_erase,
        .uid_read = uid_read,
        .reset = reset,
        .nv_area_bytes = NV_AREA_BYTES,
        .nv_word_bytes = NV_WORD_BYTES,
        .image = nt_image_start,
    };

    hal.reset_reason = nt_retained_reason_take(NT_RESET_REASON_POWER_ON);
    hal.image_bytes = nt_port_image_bytes(nt_image_start, (size_t)nt_image_capacity);
    /* The areas; behind them the word that tells a fresh file of zeros from one that was used, and the fuse. */
    fuse = nt_psram_start + 2 * NV_AREA_BYTES / 4 + 1;
    nt_nv_ram_init(nt_psram_start, NV_AREA_BYTES, nt_psram_start + 2 * NV_AREA_BYTES / 4);
    FPGA_PRESCALE = CORE_HZ / 1000000u - 1u;
    nt_tick_start(CORE_HZ / TICK_HZ);
    (void)baud_set(NULL, NT_BAUD);
    UART_CTRL = UART_CTRL_TX | UART_CTRL_RX | UART_CTRL_RX_INTERRUPT;
    NT_NVIC_ENABLE(NT_RX_IRQ) = NT_NVIC_BIT(NT_RX_IRQ);
    return &hal;
}
