/* Port to the STM32F405, the same program on a real part and on QEMU's netduinoplus2: 16 MHz HSI, USART1 on PA9 and
 * PA10, TIM2 for time, independent watchdog. What QEMU lacks is found out at boot, never waited for. */
#include "nt_board.h"
#include "nt_flash.h"
#include "nt_messages.h"
#include "nt_nv_area.h"

#define EMULATED_TIMER_HZ 1000000000u /* QEMU clocks TIM2 so; one tick per instruction under -icount shift=0 */
#define EMULATED_CORE_HZ 168000000u   /* QEMU clocks SysTick so */
#define TICK_HZ 100u
#define WATCHDOG_POLLS 20000u

extern uint32_t nt_nv_ram[];

/* The flags add up until they are removed, and the pin's comes with all others: take the most telling one. */
static uint32_t reset_reason_take(bool real)
{
    uint32_t flags = RCC_CSR;
    uint32_t left = nt_retained_reason_take(real ? NT_RESET_REASON_SOFTWARE : NT_RESET_REASON_POWER_ON);

    RCC_CSR = flags | RCC_CSR_RMVF;
    if (!real || flags & RCC_CSR_SOFTWARE)
        return left;
    if (flags & RCC_CSR_WATCHDOG)
        return NT_RESET_REASON_WATCHDOG;
    if (flags & RCC_CSR_POWER_ON)
        return NT_RESET_REASON_POWER_ON;
    if (flags & RCC_CSR_BROWN_OUT)
        return NT_RESET_REASON_BROWN_OUT;
    return flags & RCC_CSR_PIN ? NT_RESET_REASON_PIN : NT_RESET_REASON_UNKNOWN;
}

/* About 4 s (32 kHz / 64 / 2048): longer than a sector erase, during which the core stands still. */
static void watchdog_start(bool real)
{
    if (real)
        DBGMCU_APB1_FZ |= DBGMCU_APB1_FZ_IWDG; /* a breakpoint must not reset the part */
    IWDG_KR = 0xCCCCu;
    IWDG_KR = 0x5555u;
    IWDG_PR = 4u;
    IWDG_RLR = 2047u;
    for (uint32_t polls = WATCHDOG_POLLS; IWDG_SR != 0 && polls > 0; polls--)
        ;
    nt_board_watchdog_feed();
}

static void time_start(bool real)
{
    RCC_APB1ENR |= 1u; /* TIM2 */
    (void)RCC_APB1ENR;
    TIM2_PSC = (real ? NT_BOARD_UART_HZ : EMULATED_TIMER_HZ) / 1000000u - 1u;
    TIM2_ARR = 0xFFFFFFFFu;
    TIM2_EGR = 1u; /* load the prescaler now */
    TIM2_CR1 = 1u;
    nt_tick_start((real ? NT_BOARD_UART_HZ : EMULATED_CORE_HZ) / TICK_HZ);
}

static void link_start(void)
{
    RCC_AHB1ENR |= 1u;      /* GPIOA */
    RCC_APB2ENR |= 1u << 4; /* USART1 */
    (void)RCC_APB2ENR;      /* a clock runs two cycles after it was switched on */
    GPIOA_MODER = (GPIOA_MODER & ~(0xFu << 18)) | 0xAu << 18; /* PA9 and PA10 to their alternate function */
    GPIOA_PUPDR = (GPIOA_PUPDR & ~(0xFu << 18)) | 0x4u << 18; /* an open RX pin must not receive */
    GPIOA_AFRH = (GPIOA_AFRH & ~0xFF0u) | 0x770u;
    /* Enabled before anything is sent: QEMU drops what comes earlier. */
    USART1_CR1 = USART_CR1_UE;
    nt_board_divider_set(NT_BOARD_DIVIDER(NT_BAUD));
    USART1_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
    NT_NVIC_ENABLE(NT_RX_IRQ) = NT_NVIC_BIT(NT_RX_IRQ);
}

void nt_board_start(struct nt_hal *hal)
{
    bool real = nt_flash_detect(); /* false under QEMU */

    hal->nv_area_bytes = NT_FLASH_AREA_BYTES;
    if (real) {
        nt_nv_area_begin(NT_FLASH_AREAS_AT, NT_FLASH_AREA_BYTES);
        hal->nv_program = nt_flash_program;
        hal->nv_erase = nt_flash_erase;
    } else {
        nt_nv_ram_begin(nt_nv_ram, NT_FLASH_AREA_BYTES, &nt_retained.nv_magic);
    }
    watchdog_start(real);
    hal->reset_reason = reset_reason_take(real);
    time_start(real);
    link_start();
}
