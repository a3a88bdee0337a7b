/* Products of errors, summed over the samples whose gate is open, with the weights of one input; private to the kernels. */
#ifndef NT_HOST_GATED_H
#define NT_HOST_GATED_H

#include "nt_host_vector.h"

/* Bits of the bytes in which two rows differ. */
static void differ_pack(const uint8_t *a, const uint8_t *b, size_t count, uint8_t *bits)
{
    size_t i = 0;
#if NT_VECTOR_BYTES == 64 && defined(__AVX512BW__)
    for (; i + 64 <= count; i += 64) {
        uint64_t differ = _mm512_cmpneq_epi8_mask(_mm512_loadu_si512(a + i), _mm512_loadu_si512(b + i));
        __builtin_memcpy(bits + i / 8, &differ, sizeof differ);
    }
#endif
    for (; i < count; i += 8) {
        uint32_t differ = 0;
        for (size_t k = i; k < count && k < i + 8; k++)
            differ |= (uint32_t)(a[k] != b[k]) << (k - i);
        bits[i / 8] = (uint8_t)differ;
    }
}

/* One byte of each error and bias, in the order of a column's low nibbles, then of its high ones `plane` bytes on. */
static void errors_bytes(const int32_t *errors, size_t count, uint32_t bias, unsigned shift, uint8_t *out, size_t plane)
{
    uint8_t bytes[NT_HOST_BLOCK];
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(((uint32_t)errors[i] + bias) >> shift);
    for (size_t i = count; i < NT_HOST_BLOCK; i++)
        bytes[i] = (uint8_t)(bias >> shift);
    for (size_t half = 0; half < 2; half++)
        for (size_t i = 0; i < 32; i++) {
            out[half * plane + 2 * i] = bytes[64 * half + i];
            out[half * plane + 2 * i + 1] = bytes[64 * half + 32 + i];
        }
}

/* Adjacent products added up. */
NT_INLINE ints_v pairs_dot(shorts_v a, shorts_v b)
{
#if NT_VECTOR_BYTES == 64 && defined(__AVX512BW__)
    return (ints_v)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif NT_VECTOR_BYTES == 32 && defined(__AVX2__)
    return (ints_v)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif NT_VECTOR_BYTES == 16 && defined(__SSE2__)
    return (ints_v)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    return ((ints_v)((words_v)a << 16) >> 16) * ((ints_v)((words_v)b << 16) >> 16) + ((ints_v)a >> 16) * ((ints_v)b >> 16);
#endif
}

NT_INLINE int32_t lanes_sum(ints_v lanes)
{
#if NT_VECTOR_BYTES == 64 && defined(__AVX512F__)
    return _mm512_reduce_add_epi32((__m512i)lanes);
#else
    int32_t sum = 0;
    for (size_t i = 0; i < LANES; i++)
        sum += lanes[i];
    return sum;
#endif
}

NT_INLINE bytes_v gated_load(const uint8_t *errors, uint16_t entry)
{
    return bytes_load(errors + (size_t)entry * (NT_HOST_COLUMN / NT_HOST_ENTRY));
}

/* 16-bit lanes: all bytes, and the odd ones alone. */
struct gated_sums {
    halves_v whole;
    halves_v odd;
};

NT_INLINE void gated_count(struct gated_sums *sums, bytes_v bytes)
{
    sums->whole += (halves_v)bytes;
    sums->odd += (halves_v)bytes >> 8;
}

/* Four samples; as many of their bytes are added together as fit one. */
NT_INLINE void gated_add(struct gated_sums *sums, const uint8_t *errors, const uint16_t *list, unsigned together)
{
    bytes_v a = gated_load(errors, list[0]);
    bytes_v b = gated_load(errors, list[1]);
    bytes_v c = gated_load(errors, list[2]);
    bytes_v d = gated_load(errors, list[3]);
    if (together == 4) {
        gated_count(sums, (a + b) + (c + d));
    } else if (together == 2) {
        gated_count(sums, a + b);
        gated_count(sums, c + d);
    } else {
        gated_count(sums, a);
        gated_count(sums, b);
        gated_count(sums, c);
        gated_count(sums, d);
    }
}

NT_INLINE ints_v gated_dot(const struct gated_sums *sums, bytes_v nibbles, uint16_t bias)
{
    shorts_v even = (shorts_v)(sums->whole - (sums->odd << 8) - bias);
    shorts_v odd = (shorts_v)(sums->odd - bias);
    shorts_v even_weight = (shorts_v)((halves_v)nibbles & 255) - 8;
    shorts_v odd_weight = (shorts_v)((halves_v)nibbles >> 8) - 8;
    return pairs_dot(even, even_weight) + pairs_dot(odd, odd_weight);
}

NT_INLINE void gated_dots_as(const uint8_t *columns, size_t count, const struct nt_host_gates *gates,
                             const uint8_t *errors, int32_t *dots, unsigned together)
{
    size_t per_column = NT_HOST_COLUMN / NT_VECTOR_BYTES;
    for (size_t j = 0; j < count; j++, columns += NT_HOST_COLUMN) {
        const uint16_t *first = gates->lists + gates->at[j];
        const uint16_t *end = gates->lists + gates->at[j + 1];
        uint16_t bias = (uint16_t)((size_t)(end - first) * gates->bias);
        ints_v dot = {0};
        for (size_t part = 0; part < per_column; part++) {
            struct gated_sums low = {{0}, {0}};
            struct gated_sums high = {{0}, {0}};
            const uint8_t *own = errors + part * NT_VECTOR_BYTES;
            for (const uint16_t *list = first; list < end; list += NT_HOST_FOUR) {
                gated_add(&low, own, list, together);
                gated_add(&high, own + NT_HOST_GATED_PLANE, list, together);
            }
            dot += gated_dot(&low, row_nibbles(columns, part, 0), bias);
            dot += gated_dot(&high, row_nibbles(columns, per_column + part, 0), bias);
        }
        dots[j] = lanes_sum(dot);
    }
}

static void gated_dots(const uint8_t *columns, size_t count, const struct nt_host_gates *gates, const uint8_t *errors,
                       int32_t *dots)
{
    if (gates->together == 4)
        gated_dots_as(columns, count, gates, errors, dots, 4);
    else if (gates->together == 2)
        gated_dots_as(columns, count, gates, errors, dots, 2);
    else
        gated_dots_as(columns, count, gates, errors, dots, 1);
}

#endif
