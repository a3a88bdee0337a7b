/* Receive ring between the interrupt (one writer) and the main loop (one reader); both indices run freely. */
#ifndef NT_RING_H
#define NT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A power of two that holds the window of a small chip, two largest frames: with two wires and no flow control, bytes
 * that come while a sample runs would be lost else. */
#define NT_RING_BYTES 2048u

struct nt_ring {
    volatile uint32_t head; /* written by the interrupt alone */
    volatile uint32_t tail; /* written by the reader alone */
    uint8_t data[NT_RING_BYTES];
};

static inline uint32_t nt_ring_level(const struct nt_ring *ring)
{
    return ring->head - ring->tail;
}

/* The caller has seen that the ring is not full. */
static inline void nt_ring_put(struct nt_ring *ring, uint8_t byte)
{
    uint32_t head = ring->head;

    ring->data[head % NT_RING_BYTES] = byte;
    __asm volatile("" ::: "memory"); /* the byte is there before the index says so */
    ring->head = head + 1u;
}

static inline int nt_ring_take(struct nt_ring *ring, uint8_t *data, size_t capacity)
{
    uint32_t tail = ring->tail;
    uint32_t level = ring->head - tail;
    size_t count = level < capacity ? level : capacity;

    __asm volatile("" ::: "memory");
    for (size_t i = 0; i < count; i++)
        data[i] = ring->data[(tail + i) % NT_RING_BYTES];
    __asm volatile("" ::: "memory"); /* the bytes are out before their room is given back */
    ring->tail = tail + (uint32_t)count;
    return (int)count;
}

#endif
