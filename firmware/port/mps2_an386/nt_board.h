/* What the shared part of the Cortex-M ports needs of the MPS2 with AN386: CMSDK UART 0, the FPGA's microseconds. */
#ifndef NT_BOARD_H
#define NT_BOARD_H

#include "nt_cortex.h"
#include "nt_hal.h"

#define NT_BOARD_UART_HZ 25000000u
#define NT_BOARD_DIVIDER(baud) ((NT_BOARD_UART_HZ + (baud) / 2u) / (baud))
#define NT_BOARD_DIVIDER_MIN 16u
#define NT_BOARD_DIVIDER_MAX 0xFFFFFu
#define NT_BOARD_DRAIN_POLLS 40000u
#define NT_BOARD_UID_AT 0x4002FFF4u /* the SCC's id names the FPGA image: the same on every board */

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
#define FPGA_PRESCALE NT_REGISTER(0x4002801Cu)

/* Clock, link; fills in the NV areas and the reset reason. */
void nt_board_start(struct nt_hal *hal);

/* Before draining, so that a byte that comes meanwhile raises the interrupt again. */
static inline void nt_board_rx_acknowledge(void)
{
    UART_INTERRUPT = UART_INTERRUPT_RX;
}

static inline bool nt_board_rx_ready(void)
{
    return (UART_STATE & UART_STATE_RX_FULL) != 0;
}

static inline bool nt_board_rx_take(uint8_t *byte)
{
    *byte = (uint8_t)UART_DATA;
    return true;
}

static inline bool nt_board_tx_ready(void)
{
    return (UART_STATE & UART_STATE_TX_FULL) == 0;
}

/* This UART does not tell when its shift register is empty. */
static inline bool nt_board_tx_done(void)
{
    return nt_board_tx_ready();
}

static inline void nt_board_tx_put(uint8_t byte)
{
    UART_DATA = byte;
}

static inline void nt_board_divider_set(uint32_t divider)
{
    UART_BAUD_DIVIDER = divider;
}

static inline uint32_t nt_board_time_us(void)
{
    return FPGA_COUNTER;
}

static inline void nt_board_watchdog_feed(void)
{
}

#endif
