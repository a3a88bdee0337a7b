/* Sums over lists of active inputs: what does not spike costs nothing; private to the kernels. */
#ifndef NT_HOST_EVENTS_H
#define NT_HOST_EVENTS_H

#include "nt_host_vector.h"

/* Columns whose byte lanes cannot overflow: 17 * 15 = 255; 256 such groups fill the 16-bit lanes: 65,280. */
#define EVENT_GROUP 17u
#define EVENTS_SPILL (256u * EVENT_GROUP)
/* How far ahead columns are asked for: they come from memory at batch 1. Into the second-level cache, which can wait for
   more lines at a time than the first. */
#define EVENTS_AHEAD 64u

/* What to fetch while a list is added up: the columns further down the list, or a stretch of those that the rows of a
   tile will share next. */
struct event_fetch {
    const uint8_t *block;
    const uint32_t *inputs; /* null where `next` is fetched */
    const uint8_t *next;
    size_t count;
};

NT_INLINE const uint8_t *event_fetched(const struct event_fetch *fetch, size_t e)
{
    if (!fetch->inputs)
        return fetch->next + e % NT_HOST_STRETCH * NT_HOST_COLUMN;
    size_t ahead = e + EVENTS_AHEAD < fetch->count ? e + EVENTS_AHEAD : e;
    return fetch->block + (size_t)fetch->inputs[ahead] * NT_HOST_COLUMN;
}

NT_INLINE void event_group_add(halves_v *whole, halves_v *odd, const struct event_fetch *fetch, const uint32_t *inputs,
                               size_t first, size_t count, int positive)
{
    bytes_v sum[ROW_VECTORS];
#pragma GCC unroll 8
    for (size_t part = 0; part < ROW_VECTORS; part++)
        sum[part] = (bytes_v){0};
    for (size_t e = first; e < first + count; e++) {
        const uint8_t *column = fetch->block + (size_t)inputs[e] * NT_HOST_COLUMN;
        __builtin_prefetch(event_fetched(fetch, e), 0, 2);
#pragma GCC unroll 8
        for (size_t part = 0; part < ROW_VECTORS; part++)
            sum[part] += row_nibbles(column, part, positive);
    }
#pragma GCC unroll 8
    for (size_t part = 0; part < ROW_VECTORS; part++) {
        whole[part] += (halves_v)sum[part];
        odd[part] += (halves_v)sum[part] >> 8;
    }
}

NT_INLINE void events_add_as(uint32_t *sum, const struct event_fetch *fetch, const uint32_t *inputs, size_t count,
                             unsigned plane, int positive)
{
    for (size_t first = 0; first < count; first += EVENTS_SPILL) {
        size_t end = count - first < EVENTS_SPILL ? count : first + EVENTS_SPILL;
        halves_v whole[ROW_VECTORS] = {{0}};
        halves_v odd[ROW_VECTORS] = {{0}};
        for (size_t e = first; e < end; e += EVENT_GROUP)
            event_group_add(whole, odd, fetch, inputs, e, end - e < EVENT_GROUP ? end - e : EVENT_GROUP, positive);
        for (size_t part = 0; part < ROW_VECTORS; part++)
            halves_spill(sum, part, whole[part], odd[part], plane, 0);
    }
}

static void events_add(uint32_t *sum, const uint8_t *block, const uint32_t *inputs, size_t count, unsigned plane,
                       int positive, const uint8_t *next)
{
    struct event_fetch shared = {block, 0, next, count};
    struct event_fetch own = {block, inputs, 0, count};
    if (positive)
        events_add_as(sum, &own, inputs, count, plane, 1);
    else if (next)
        events_add_as(sum, &shared, inputs, count, plane, 0);
    else
        events_add_as(sum, &own, inputs, count, plane, 0);
}

/* Bit k of each of eight bytes, gathered into one byte. */
NT_INLINE uint32_t bits_gather(uint64_t bytes, unsigned k)
{
    return (uint32_t)(((bytes >> k & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080)) >> 56);
}

/* Ones of whole 64-bit words. */
static uint32_t ones_count(const uint8_t *bits, size_t bytes)
{
    uint32_t ones = 0;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word;
        __builtin_memcpy(&word, bits + i, sizeof word);
        ones += (uint32_t)__builtin_popcountll(word);
    }
    return ones;
}

/* Bit `plane` of the bytes of a vector, as bits. */
NT_INLINE void vector_pack(bytes_v bytes, unsigned plane, uint8_t *bits)
{
#if NT_VECTOR_BYTES == 64 && defined(__AVX512BW__)
    uint64_t packed = _mm512_test_epi8_mask((__m512i)bytes, _mm512_set1_epi8((char)(1 << plane)));
    __builtin_memcpy(bits, &packed, sizeof packed);
#elif NT_VECTOR_BYTES == 32 && defined(__AVX2__)
    uint32_t packed = (uint32_t)_mm256_movemask_epi8((__m256i)((halves_v)bytes << (7 - plane)));
    __builtin_memcpy(bits, &packed, sizeof packed);
#elif NT_VECTOR_BYTES == 16 && defined(__SSE2__)
    uint16_t packed = (uint16_t)_mm_movemask_epi8((__m128i)((halves_v)bytes << (7 - plane)));
    __builtin_memcpy(bits, &packed, sizeof packed);
#else
    uint64_t longs[NT_VECTOR_BYTES / 8];
    __builtin_memcpy(longs, &bytes, sizeof bytes);
    for (size_t k = 0; k < NT_VECTOR_BYTES / 8; k++)
        bits[k] = (uint8_t)bits_gather(longs[k], plane);
#endif
}

static void bits_pack(const uint8_t *x, size_t count, unsigned plane, uint8_t *bits)
{
    size_t i = 0;
    for (; i + NT_VECTOR_BYTES <= count; i += NT_VECTOR_BYTES)
        vector_pack(bytes_load(x + i), plane, bits + i / 8);
    for (; i < count; i += 8) {
        uint64_t bytes = 0;
        for (size_t k = i; k < count && k < i + 8; k++)
            bytes |= (uint64_t)x[k] << 8 * (k - i);
        bits[i / 8] = (uint8_t)bits_gather(bytes, plane);
    }
}

static uint8_t bytes_or(const uint8_t *x, size_t count)
{
    bytes_v all = {0};
    uint8_t found = 0;
    size_t i = 0;
    for (; i + NT_VECTOR_BYTES <= count; i += NT_VECTOR_BYTES)
        all |= bytes_load(x + i);
    for (size_t k = 0; k < NT_VECTOR_BYTES; k++)
        found |= all[k];
    for (; i < count; i++)
        found |= x[i];
    return found;
}

#endif
