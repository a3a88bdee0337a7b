/* What the shared part of the Cortex-M ports needs of the STM32F405: USART1, TIM2, watchdog, unique id. */
#ifndef NT_BOARD_H
#define NT_BOARD_H

#include "nt_hal.h"
#include "nt_registers.h"

#define NT_BOARD_UART_HZ 16000000u /* HSI, as after reset */
#define NT_BOARD_DIVIDER(baud) ((NT_BOARD_UART_HZ + (baud) / 2u) / (baud))
#define NT_BOARD_DIVIDER_MIN 16u
#define NT_BOARD_DIVIDER_MAX 0xFFFFu
#define NT_BOARD_DRAIN_POLLS 20000u /* more than one character at 2400 baud */
#define NT_BOARD_UID_AT UNIQUE_ID_AT

/* Clocks, pins, link, watchdog; fills in the NV areas and the reset reason. */
void nt_board_start(struct nt_hal *hal);

static inline void nt_board_rx_acknowledge(void)
{
}

static inline bool nt_board_rx_ready(void)
{
    return (USART1_SR & (USART_SR_RXNE | USART_SR_OVERRUN)) != 0;
}

/* Also ends an overrun, whose lost byte the CRC tells; false where there was nothing else. */
static inline bool nt_board_rx_take(uint8_t *byte)
{
    bool is_there = (USART1_SR & USART_SR_RXNE) != 0;

    *byte = (uint8_t)USART1_DR;
    return is_there;
}

static inline bool nt_board_tx_ready(void)
{
    return (USART1_SR & USART_SR_TXE) != 0; /* polled: QEMU never raises the transmit interrupts */
}

static inline bool nt_board_tx_done(void)
{
    return (USART1_SR & USART_SR_TC) != 0;
}

static inline void nt_board_tx_put(uint8_t byte)
{
    USART1_DR = byte;
}

static inline void nt_board_divider_set(uint32_t divider)
{
    USART1_BRR = divider;
}

static inline uint32_t nt_board_time_us(void)
{
    return TIM2_CNT;
}

static inline void nt_board_watchdog_feed(void)
{
    IWDG_KR = 0xAAAAu;
}

#endif
