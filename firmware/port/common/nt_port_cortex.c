/* What all Cortex-M ports do alike, over the few inline functions of the board's nt_board.h: reception by interrupt
 * into a ring, with back-pressure when it is full; transmission by polling; the table; the core's memory. */
#include "nt_port.h"

#include "nt_board.h"
#include "nt_cortex.h"
#include "nt_error.h"
#include "nt_messages.h"
#include "nt_nv_area.h"
#include "nt_ring.h"

#define BAUD_ERROR(baud) (NT_BOARD_UART_HZ / NT_BOARD_DIVIDER(baud) - (baud)) /* as int32_t, negative if too slow */
_Static_assert(NT_BOARD_DIVIDER(NT_BAUD) >= NT_BOARD_DIVIDER_MIN && BAUD_ERROR(NT_BAUD) + NT_BAUD / 50 <= NT_BAUD / 25,
               "the board's clock cannot make this baud rate within 2 %; 16 MHz makes 115200, 230400, 460800, 500000 "
               "and 1000000");

extern uint8_t nt_scratch_start[], nt_scratch_end[], nt_nv_ram[], nt_image_start[], nt_image_capacity[];

static struct nt_ring ring;
static volatile bool is_held; /* the interrupt line is off because the ring was full */

/* The request is level-triggered and must not be lost, and clearing the UART's own enable bit stalls QEMU: the line is
 * switched off at the NVIC, and the byte stays in the UART. */
void nt_port_rx_irq(void)
{
    uint8_t byte;

    nt_board_rx_acknowledge();
    while (nt_board_rx_ready()) {
        if (nt_ring_level(&ring) == NT_RING_BYTES) {
            is_held = true;
            nt_irq_disable(NT_RX_IRQ);
            return;
        }
        if (nt_board_rx_take(&byte))
            nt_ring_put(&ring, byte);
    }
}

static int rx_read(void *context, uint8_t *data, size_t capacity)
{
    int count = nt_ring_take(&ring, data, capacity);

    (void)context;
    if (is_held && nt_ring_level(&ring) <= NT_RING_BYTES / 2) {
        is_held = false;
        nt_irq_enable_pending(NT_RX_IRQ);
    }
    return count;
}

static int tx_write(void *context, const uint8_t *data, size_t length)
{
    size_t sent = 0;

    (void)context;
    while (sent < length && nt_board_tx_ready())
        nt_board_tx_put(data[sent++]);
    return (int)sent;
}

static void tx_drain(void)
{
    for (uint32_t polls = NT_BOARD_DRAIN_POLLS; !nt_board_tx_done() && polls > 0; polls--)
        ;
}

static int baud_set(void *context, uint32_t baud)
{
    uint32_t divider = baud ? NT_BOARD_DIVIDER(baud) : 0;
    uint32_t actual = divider ? NT_BOARD_UART_HZ / divider : 0;
    uint32_t error = actual > baud ? actual - baud : baud - actual;

    (void)context;
    if (divider < NT_BOARD_DIVIDER_MIN || divider > NT_BOARD_DIVIDER_MAX || error > baud / 50)
        return NT_ERROR_ARGUMENT;
    tx_drain();
    nt_board_divider_set(divider);
    return (int)actual;
}

static uint32_t time_us(void *context)
{
    (void)context;
    return nt_board_time_us();
}

static void watchdog_feed(void *context)
{
    (void)context;
    nt_board_watchdog_feed();
}

/* Until a byte or the tick; while sending it stays awake, because that is polled. With interrupts masked a byte that
 * comes after the test still ends the sleep. */
static void idle_wait(void *context)
{
    (void)context;
    if (!nt_board_tx_ready())
        return;
    __asm volatile("cpsid i" ::: "memory");
    if (nt_ring_level(&ring) == 0)
        __asm volatile("dsb\n\twfi" ::: "memory");
    __asm volatile("cpsie i\n\tisb" ::: "memory");
}

static int uid_read(void *context, uint8_t uid[8])
{
    (void)context;
    nt_uid_read(NT_BOARD_UID_AT, uid);
    return 0;
}

static void reset(void *context)
{
    (void)context;
    tx_drain(); /* the answer to RESET leaves first */
    nt_system_reset(NT_RESET_REASON_SOFTWARE);
}

uint8_t *nt_port_scratch(size_t *bytes)
{
    bool ram_is_shared = nt_nv_area_at(0, 0, 0) == nt_nv_ram;

    *bytes = (size_t)((ram_is_shared ? nt_nv_ram : nt_scratch_end) - nt_scratch_start);
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
        .nv_read = nt_nv_area_read,
        .nv_program = nt_nv_ram_program,
        .nv_erase = nt_nv_ram_erase,
        .uid_read = uid_read,
        .reset = reset,
        .nv_word_bytes = NT_NV_WORD_BYTES,
        .image = nt_image_start,
    };

    hal.image_bytes = nt_port_image_bytes(nt_image_start, (size_t)nt_image_capacity);
    nt_board_start(&hal);
    return &hal;
}
