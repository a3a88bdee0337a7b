/* Port to the STM32F405, the same program on a real part and on QEMU's netduinoplus2: 16 MHz HSI as after reset, USART1
 * on PA9 and PA10, TIM2 for time, independent watchdog. What QEMU lacks is found out at boot, never waited for. */
#include "nt_port.h"

#include "nt_flash.h"
#include "nt_link.h"
#include "nt_error.h"
#include "nt_messages.h"
#include "nt_nv_ram.h"
#include "nt_registers.h"

#define HSI_HZ 16000000u
#define EMULATED_TIMER_HZ 1000000000u /* QEMU clocks TIM2 so; one tick per instruction under -icount shift=0 */
#define EMULATED_CORE_HZ 168000000u   /* QEMU clocks SysTick so */
#define TICK_HZ 100u
#define BAUD_DIVIDER(baud) ((HSI_HZ + (baud) / 2u) / (baud))
#define BAUD_ERROR(baud) (HSI_HZ / BAUD_DIVIDER(baud) - (baud)) /* as int32_t, negative if too slow */
_Static_assert(BAUD_DIVIDER(NT_BAUD) >= 16 && BAUD_ERROR(NT_BAUD) + NT_BAUD / 50 <= NT_BAUD / 25,
               "16 MHz cannot make this baud rate within 2 %: try 115200, 230400, 460800, 500000 or 1000000");
#define DRAIN_POLLS 20000u /* more than one character at 2400 baud */

extern uint8_t nt_scratch_start[], nt_scratch_end[], nt_image_start[], nt_image_capacity[];
extern uint32_t nt_nv_ram[];

static struct nt_link link;
static bool real; /* false under QEMU */

void nt_port_rx_irq(void)
{
    uint32_t status;

    while ((status = USART1_SR) & (USART_SR_RXNE | USART_SR_OVERRUN)) {
        if (nt_link_hold(&link))
            return;
        uint8_t byte = (uint8_t)USART1_DR; /* also ends an overrun, whose lost byte the CRC tells */

        if (status & USART_SR_RXNE)
            nt_ring_put(&link.ring, byte);
    }
}

static int rx_read(void *context, uint8_t *data, size_t capacity)
{
    (void)context;
    return nt_link_read(&link, data, capacity);
}

/* Polled: QEMU never raises the transmit interrupts. */
static int tx_write(void *context, const uint8_t *data, size_t length)
{
    size_t sent = 0;

    (void)context;
    while (sent < length && (USART1_SR & USART_SR_TXE))
        USART1_DR = data[sent++];
    return (int)sent;
}

static int baud_set(void *context, uint32_t baud)
{
    uint32_t divider = baud ? BAUD_DIVIDER(baud) : 0;
    uint32_t actual = divider ? HSI_HZ / divider : 0;
    uint32_t error = actual > baud ? actual - baud : baud - actual;

    (void)context;
    if (divider < 16 || divider > 0xFFFF || error > baud / 50)
        return NT_ERROR_ARGUMENT;
    for (uint32_t polls = DRAIN_POLLS; !(USART1_SR & USART_SR_TC) && polls > 0; polls--)
        ;
    USART1_BRR = divider;
    return (int)actual;
}

static uint32_t time_us(void *context)
{
    (void)context;
    return TIM2_CNT;
}

static void watchdog_feed(void *context)
{
    (void)context;
    IWDG_KR = 0xAAAAu;
}

static void idle_wait(void *context)
{
    (void)context;
    if (USART1_SR & USART_SR_TXE) /* while sending, stay awake: TX is polled */
        nt_link_wait(&link);
}

static int uid_read(void *context, uint8_t uid[8])
{
    (void)context;
    nt_uid_read(UNIQUE_ID_AT, uid);
    return 0;
}

static void reset(void *context)
{
    (void)context;
    for (uint32_t polls = DRAIN_POLLS; !(USART1_SR & USART_SR_TC) && polls > 0; polls--)
        ; /* the answer to RESET leaves first */
    nt_system_reset(NT_RESET_REASON_SOFTWARE);
}

/* The flags add up until they are removed, and the pin's comes with all others: take the most telling one. */
static uint32_t reset_reason_take(void)
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

static void link_start(void)
{
    RCC_AHB1ENR |= 1u;       /* GPIOA */
    RCC_APB2ENR |= 1u << 4;  /* USART1 */
    (void)RCC_APB2ENR;       /* a clock runs two cycles after it was switched on */
    GPIOA_MODER = (GPIOA_MODER & ~(0xFu << 18)) | 0xAu << 18; /* PA9 and PA10 to their alternate function */
    GPIOA_PUPDR = (GPIOA_PUPDR & ~(0xFu << 18)) | 0x4u << 18; /* an open RX pin must not receive */
    GPIOA_AFRH = (GPIOA_AFRH & ~0xFF0u) | 0x770u;
    /* Enabled before anything is sent: QEMU drops what comes earlier. */
    USART1_CR1 = USART_CR1_UE;
    (void)baud_set(NULL, NT_BAUD);
    USART1_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
    NT_NVIC_ENABLE(USART1_IRQ) = NT_NVIC_BIT(USART1_IRQ);
}

static void time_start(void)
{
    RCC_APB1ENR |= 1u; /* TIM2 */
    (void)RCC_APB1ENR;
    TIM2_PSC = (real ? HSI_HZ : EMULATED_TIMER_HZ) / 1000000u - 1u;
    TIM2_ARR = 0xFFFFFFFFu;
    TIM2_EGR = 1u; /* load the prescaler now */
    TIM2_CR1 = 1u;
    nt_tick_start((real ? HSI_HZ : EMULATED_CORE_HZ) / TICK_HZ);
}

/* About 4 s (32 kHz / 64 / 2048): longer than a sector erase, during which the core stands still. */
static void watchdog_start(void)
{
    if (real)
        DBGMCU_APB1_FZ |= DBGMCU_APB1_FZ_IWDG; /* a breakpoint must not reset the part */
    IWDG_KR = 0xCCCCu;
    IWDG_KR = 0x5555u;
    IWDG_PR = 4u;
    IWDG_RLR = 2047u;
    for (uint32_t polls = DRAIN_POLLS; IWDG_SR != 0 && polls > 0; polls--)
        ;
    watchdog_feed(NULL);
}

uint8_t *nt_port_scratch(size_t *bytes)
{
    *bytes = (size_t)((real ? nt_scratch_end : (uint8_t *)nt_nv_ram) - nt_scratch_start);
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
        .nv_program = nt_nv_ram_program,
        .nv_erase = nt_nv_ram_erase,
        .uid_read = uid_read,
        .reset = reset,
        .nv_area_bytes = NT_FLASH_AREA_BYTES,
        .nv_word_bytes = 4,
        .image = nt_image_start,
    };

    real = nt_flash_detect();
    if (real) {
        hal.nv_read = nt_flash_read;
        hal.nv_program = nt_flash_program;
        hal.nv_erase = nt_flash_erase;
    } else {
        nt_nv_ram_init(nt_nv_ram, NT_FLASH_AREA_BYTES, &nt_retained.nv_magic);
    }
    watchdog_start();
    hal.reset_reason = reset_reason_take();
    hal.image_bytes = nt_port_image_bytes(nt_image_start, (size_t)nt_image_capacity);
    time_start();
    link_start();
    return &hal;
}
