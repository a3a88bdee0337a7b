/* W^T e with errors of 8 bits, eight rows and 32 neurons below at a time; private to the kernels. */
#ifndef NT_HOST_ERRORS_H
#define NT_HOST_ERRORS_H

#include "nt_host_vector.h"

#define STRIP_VECTORS (4 * NT_HOST_STRIP / NT_VECTOR_BYTES)
#define CELL_BYTES (4 * NT_HOST_STRIP)

/* Adds to every 32-bit lane the four products of its bytes: weights 1..15 with errors -128..127, exact. */
NT_INLINE ints_v quads_add(ints_v sum, bytes_v weights, bytes_v errors)
{
#if NT_VECTOR_BYTES == 64 && defined(__AVX512VNNI__)
    return (ints_v)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)weights, (__m512i)errors);
#elif NT_VECTOR_BYTES == 32 && defined(__AVX2__)
    /* Pairs of at most 15 * 128 * 2 do not saturate. */
    __m256i pairs = _mm256_maddubs_epi16((__m256i)weights, (__m256i)errors);
    return sum + (ints_v)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#elif NT_VECTOR_BYTES == 16 && defined(__SSE2__)
    __m128i even = _mm_and_si128((__m128i)weights, _mm_set1_epi16(255));
    __m128i odd = _mm_srli_epi16((__m128i)weights, 8);
    __m128i error_even = _mm_srai_epi16(_mm_slli_epi16((__m128i)errors, 8), 8);
    __m128i error_odd = _mm_srai_epi16((__m128i)errors, 8);
    __m128i both = _mm_add_epi32(_mm_madd_epi16(even, error_even), _mm_madd_epi16(odd, error_odd));
    return sum + (ints_v)both;
#else
    for (unsigned shift = 0; shift < 32; shift += 8)
        sum += (ints_v)((words_v)weights >> shift & 255) * ((ints_v)((words_v)errors << (24 - shift)) >> 24);
    return sum;
#endif
}

NT_INLINE bytes_v quad_broadcast(const int8_t *errors)
{
    uint32_t quad;
    __builtin_memcpy(&quad, errors, sizeof quad);
    return (bytes_v)((words_v){0} + quad);
}

/* Rows and vectors are few enough for the registers: with more of them GCC 12 spills. */
NT_INLINE void errors_dot_as(int32_t *dot, const uint8_t *strip, const int8_t *errors, size_t above, size_t first_row,
                             size_t rows, size_t first, size_t vectors)
{
    ints_v sum[NT_HOST_ERROR_ROWS][STRIP_VECTORS];
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] = (ints_v){0};
    for (size_t i = 0; i < above; i += NT_HOST_CELL, strip += CELL_BYTES) {
        const int8_t *quads = errors + i * NT_HOST_ERROR_ROWS + 4 * first_row;
#pragma GCC unroll 2
        for (unsigned half = 0; half < 2; half++) {
            bytes_v weights[STRIP_VECTORS];
#pragma GCC unroll 8
            for (size_t v = 0; v < vectors; v++) {
                bytes_v packed = bytes_load(strip + (first + v) * NT_VECTOR_BYTES);
                weights[v] = half == 0 ? packed & 15 : (bytes_v)((halves_v)packed >> 4) & 15;
            }
#pragma GCC unroll 8
            for (size_t r = 0; r < rows; r++) {
                bytes_v quad = quad_broadcast(quads + half * 4 * NT_HOST_ERROR_ROWS + 4 * r);
#pragma GCC unroll 8
                for (size_t v = 0; v < vectors; v++)
                    sum[r][v] = quads_add(sum[r][v], weights[v], quad);
            }
        }
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (size_t v = 0; v < vectors; v++)
            vector_store(dot + (first_row + r) * NT_HOST_STRIP + (first + v) * LANES, (bytes_v)sum[r][v]);
}

#define DOT_ROWS (NT_VECTOR_BYTES == 64 ? NT_HOST_ERROR_ROWS : 4u)

static void errors_dot(int32_t *dot, const uint8_t *strip, const int8_t *errors, size_t above)
{
    for (size_t row = 0; row < NT_HOST_ERROR_ROWS; row += DOT_ROWS)
        for (size_t first = 0; first < STRIP_VECTORS; first += 2)
            errors_dot_as(dot, strip, errors, above, row, DOT_ROWS, first, 2);
}

/* Digit `digit` of errors up to 0x7F7F7F7F: adding 128 before each shift rounds as taking off -128..127 does. */
NT_INLINE ints_v errors_digit(ints_v errors, unsigned digit)
{
    for (unsigned k = 0; k < digit; k++)
        errors = (errors + 128) >> 8;
    return errors;
}

/* Four neurons' bytes of one row stand together, those of the next row behind them. */
static void errors_spread(int8_t *out, const int32_t *errors, size_t count, unsigned digit)
{
    for (size_t i = 0; i < count; i += LANES) {
        uint32_t quads[LANES / 4];
        lane_bytes_v bytes = __builtin_convertvector(errors_digit(ints_load(errors + i), digit), lane_bytes_v);
        __builtin_memcpy(quads, &bytes, sizeof bytes);
        for (size_t k = 0; k < LANES / 4 && i + 4 * k < count; k++)
            __builtin_memcpy(out + (i / 4 + k) * 4 * NT_HOST_ERROR_ROWS, &quads[k], 4);
    }
}

NT_INLINE uint32_t errors_gate_as(int32_t *error, const int32_t *dot, int32_t offset, const uint8_t *plus,
                                  const uint8_t *minus, int64_t *total, size_t count)
{
    uint32_t sizes = 0;
    for (size_t j = 0; j < count; j++) {
        int32_t gate = -(int32_t)(plus[j] != minus[j]);
        int32_t own = (int32_t)((uint32_t)dot[j] - (uint32_t)offset) & gate;
        error[j] = own;
        total[j] += own;
        sizes |= (uint32_t)(own < 0 ? -own : own);
    }
    return sizes;
}

static uint32_t errors_gate(int32_t *error, const int32_t *dot, int32_t offset, const uint8_t *plus,
                            const uint8_t *minus, int64_t *total, size_t count)
{
    if (count == NT_HOST_STRIP)
        return errors_gate_as(error, dot, offset, plus, minus, total, NT_HOST_STRIP);
    return errors_gate_as(error, dot, offset, plus, minus, total, count);
}

#endif
