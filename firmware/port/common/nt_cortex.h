/* The few Cortex-M4 system registers and instructions that the ports use (ARMv7-M Architecture Reference Manual). */
#ifndef NT_CORTEX_H
#define NT_CORTEX_H

#include <stdbool.h>
#include <stdint.h>

#define NT_REGISTER(address) (*(volatile uint32_t *)(address))

#define NT_SYSTICK_CTRL NT_REGISTER(0xE000E010u)
#define NT_SYSTICK_LOAD NT_REGISTER(0xE000E014u)
#define NT_SYSTICK_VALUE NT_REGISTER(0xE000E018u)
#define NT_NVIC_ENABLE(irq) NT_REGISTER(0xE000E100u + (irq) / 32u * 4u)
#define NT_NVIC_DISABLE(irq) NT_REGISTER(0xE000E180u + (irq) / 32u * 4u)
#define NT_NVIC_PEND(irq) NT_REGISTER(0xE000E200u + (irq) / 32u * 4u)
#define NT_NVIC_BIT(irq) (1u << (irq) % 32u)
#define NT_SCB_AIRCR NT_REGISTER(0xE000ED0Cu)
#define NT_SCB_AIRCR_RESET 0x05FA0004u
#define NT_SCB_SHCSR NT_REGISTER(0xE000ED24u)
#define NT_SCB_SHCSR_FAULTS (7u << 16) /* memory, bus and usage faults get their own handlers */

/* What outlives a reset, at the end of RAM in no section: neither start-up code nor an emulator's loader clears it. */
struct nt_retained {
    uint32_t magic;
    uint32_t reset_reason; /* NT_RESET_REASON_x, valid with `magic` */
    uint32_t nv_magic;     /* emulated NV areas hold data */
    uint32_t uid_magic;    /* `uid` was put here by the emulator's loader */
    uint8_t uid[8];
    uint32_t fault_pc; /* where the last fault struck; 0 for none */
    uint32_t zero;
};
#define NT_RETAINED_MAGIC 0x4E545250u
#define NT_UID_MAGIC 0x4E545549u
extern struct nt_retained nt_retained;

/* Vector of the link's receive interrupt, given by the board. */
void nt_port_rx_irq(void);

/* Reads a word that may not exist: false instead of a bus fault. */
bool nt_word_probe(uint32_t address, uint32_t *value);

/* 64 bits of the 96-bit id at `address`; where the emulator's loader left an id in the retained block, that one. */
void nt_uid_read(uint32_t address, uint8_t uid[8]);

/* Leaves `reason` for the next boot and resets. */
_Noreturn void nt_system_reset(uint32_t reason);

/* Reason left by nt_system_reset before this boot, or `otherwise`; clears it. */
uint32_t nt_retained_reason_take(uint32_t otherwise);

/* Bytes of stack that were ever used since boot, from the paint. */
uint32_t nt_stack_used(void);

/* What was written before has reached its register or memory. */
static inline void nt_memory_barrier(void)
{
    __asm volatile("dsb" ::: "memory");
}

/* Enables the line and makes it pending: a level that rose while it was off is served at once. */
static inline void nt_irq_enable_pending(uint32_t irq)
{
    NT_NVIC_PEND(irq) = NT_NVIC_BIT(irq);
    NT_NVIC_ENABLE(irq) = NT_NVIC_BIT(irq);
}

static inline void nt_irq_disable(uint32_t irq)
{
    NT_NVIC_DISABLE(irq) = NT_NVIC_BIT(irq);
    __asm volatile("dsb\n\tisb" ::: "memory");
}

/* Periodic wake-up, so that a sleeping core still sees its time-outs. */
static inline void nt_tick_start(uint32_t cycles)
{
    NT_SYSTICK_LOAD = cycles - 1u;
    NT_SYSTICK_VALUE = 0;
    NT_SYSTICK_CTRL = 7u; /* processor clock, interrupt, on */
}

#endif
