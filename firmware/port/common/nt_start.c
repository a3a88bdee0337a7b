/* Start-up of a Cortex-M4: vectors, memory, painted stack, faults. Shared by all Cortex-M ports. */
#include "nt_cortex.h"
#include "nt_messages.h"
#include "nt_port.h"

#define STACK_PAINT 0xC5C5C5C5u

extern uint32_t nt_data_load[], nt_data_start[], nt_data_end[], nt_bss_start[], nt_bss_end[];
extern uint32_t nt_stack_low[], nt_stack_top[];

static volatile bool probe_armed;
static volatile bool probe_failed;

_Noreturn void nt_reset_handle(void);
__attribute__((used)) void nt_fault_handle(uint32_t *frame);
__attribute__((naked)) void nt_fault_enter(void);

_Noreturn void nt_system_reset(uint32_t reason)
{
    nt_retained.reset_reason = reason;
    nt_retained.magic = NT_RETAINED_MAGIC;
    __asm volatile("dsb" ::: "memory");
    NT_SCB_AIRCR = NT_SCB_AIRCR_RESET;
    for (;;)
        __asm volatile("dsb");
}

uint32_t nt_retained_reason_take(uint32_t otherwise)
{
    uint32_t reason = nt_retained.magic == NT_RETAINED_MAGIC ? nt_retained.reset_reason : otherwise;

    nt_retained.magic = 0;
    return reason;
}

/* The stack holds the exception frame only: this is entered by branch from the vector. */
void nt_fault_handle(uint32_t *frame)
{
    if (probe_armed) {
        probe_failed = true;
        frame[6] += 4; /* return address: behind the 4-byte load of nt_word_probe */
        return;
    }
    nt_retained.fault_pc = frame[6];
    nt_system_reset(NT_RESET_REASON_UNKNOWN);
}

void nt_fault_enter(void)
{
    __asm volatile("mov r0, sp\n\tb nt_fault_handle");
}

bool nt_word_probe(uint32_t address, uint32_t *value)
{
    uint32_t read = 0;

    probe_failed = false;
    probe_armed = true;
    __asm volatile("ldr.w %0, [%1]\n\tdsb" : "+&r"(read) : "r"(address) : "memory");
    probe_armed = false;
    *value = read;
    return !probe_failed;
}

/* FNV-1a: an id of any structure gives 64 well-mixed bits. What is absent counts as 0. */
void nt_uid_read(uint32_t address, uint8_t uid[8])
{
    uint64_t hash = 0xCBF29CE484222325u;
    uint32_t word;

    for (uint32_t at = address; at < address + 12; at += 4) {
        if (!nt_word_probe(at, &word))
            word = 0;
        for (int i = 0; i < 4; i++)
            hash = (hash ^ (word >> (8 * i) & 0xFF)) * 0x100000001B3u;
    }
    for (int i = 0; i < 8; i++)
        uid[i] = nt_retained.uid_magic == NT_UID_MAGIC ? nt_retained.uid[i] : (uint8_t)(hash >> (8 * i));
}

uint32_t nt_stack_used(void)
{
    const uint32_t *at = nt_stack_low;

    while (at < nt_stack_top && *at == STACK_PAINT)
        at++;
    return (uint32_t)((uintptr_t)nt_stack_top - (uintptr_t)at);
}

/* Nothing may live on the stack before it is painted: paint up to the present stack pointer. */
_Noreturn void nt_reset_handle(void)
{
    uint32_t *stack;

    __asm volatile("mov %0, sp" : "=r"(stack));
    for (uint32_t *at = nt_stack_low; at < stack; at++)
        *at = STACK_PAINT;
    for (uint32_t *from = nt_data_load, *to = nt_data_start; to < nt_data_end;)
        *to++ = *from++;
    for (uint32_t *at = nt_bss_start; at < nt_bss_end;)
        *at++ = 0;
    NT_SCB_SHCSR |= NT_SCB_SHCSR_FAULTS;
    (void)nt_program_run();
    nt_system_reset(NT_RESET_REASON_UNKNOWN);
}

/* The tick wakes the core and does nothing else. */
static void tick_handle(void)
{
}

typedef void (*nt_vector)(void);

/* Ends with the link's interrupt: no other line is ever enabled. */
__attribute__((used, section(".vectors"))) const nt_vector nt_vectors[17u + NT_RX_IRQ] = {
    [0] = (nt_vector)(uintptr_t)nt_stack_top,
    [1] = (nt_vector)nt_reset_handle,
    [2 ... 6] = nt_fault_enter, /* NMI, hard, memory, bus and usage fault */
    [11 ... 14] = nt_fault_enter,
    [15] = tick_handle,
    [16u + NT_RX_IRQ] = nt_port_rx_irq,
};
