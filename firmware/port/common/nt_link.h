/* Receive path shared by the Cortex-M ports: interrupt into a ring, and back-pressure when the ring is full. */
#ifndef NT_LINK_H
#define NT_LINK_H

#include "nt_cortex.h"
#include "nt_ring.h"

struct nt_link {
    struct nt_ring ring;
    volatile bool held; /* the interrupt line is off because the ring was full */
};

/* For the interrupt: true when there is no room. The request is level-triggered and must not be lost, and clearing the
 * UART's own enable bit stalls QEMU: the line is switched off at the NVIC, and the byte stays in the UART. */
static inline bool nt_link_hold(struct nt_link *link)
{
    if (nt_ring_level(&link->ring) < NT_RING_BYTES)
        return false;
    link->held = true;
    nt_irq_disable(NT_RX_IRQ);
    return true;
}

/* For rx_read: takes bytes, and lets the interrupt go on when the ring is half empty. */
static inline int nt_link_read(struct nt_link *link, uint8_t *data, size_t capacity)
{
    int count = nt_ring_take(&link->ring, data, capacity);

    if (link->held && nt_ring_level(&link->ring) <= NT_RING_BYTES / 2) {
        link->held = false;
        nt_irq_enable_pending(NT_RX_IRQ);
    }
    return count;
}

/* Sleeps until a byte or the tick. With interrupts masked a byte that comes after the test still ends the sleep. */
static inline void nt_link_wait(const struct nt_link *link)
{
    __asm volatile("cpsid i" ::: "memory");
    if (nt_ring_level(&link->ring) == 0)
        __asm volatile("dsb\n\twfi" ::: "memory");
    __asm volatile("cpsie i\n\tisb" ::: "memory");
}

#endif
