/* What the machine could do at most: dot products of bytes out of registers, and reading memory; for benchmarks. */
#ifndef NT_HOST_PEAK_H
#define NT_HOST_PEAK_H

#include "nt_host_vector.h"

#define PEAK_SUMS 10u
#define PEAK_MACS (PEAK_SUMS * NT_VECTOR_BYTES)

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

/* Keeps a vector in a register and its value unknown to the compiler. */
#if defined(__AVX512F__)
#define REGISTER_KEEP(vector) __asm__ volatile("" : "+v"(vector))
#elif defined(__x86_64__)
#define REGISTER_KEEP(vector) __asm__ volatile("" : "+x"(vector))
#else
#define REGISTER_KEEP(vector) __asm__ volatile("" : "+w"(vector))
#endif

/* Gives the number of multiply-adds done. */
static uint64_t dot_peak(uint64_t loops)
{
    ints_v sum[PEAK_SUMS];
    bytes_v weights = (bytes_v){0} + 3;
    bytes_v errors = (bytes_v){0} + 5;
#pragma GCC unroll 16
    for (unsigned k = 0; k < PEAK_SUMS; k++)
        sum[k] = (ints_v){0};
    for (uint64_t i = 0; i < loops; i++) {
#pragma GCC unroll 16
        for (unsigned k = 0; k < PEAK_SUMS; k++) {
            REGISTER_KEEP(weights);
            sum[k] = quads_add(sum[k], weights, errors);
            REGISTER_KEEP(sum[k]);
        }
    }
    return loops * PEAK_MACS;
}

/* Reads `bytes` bytes, a multiple of 512; gives a number that depends on all of them. */
static uint32_t memory_read(const uint8_t *data, size_t bytes)
{
    words_v sum[8] = {{0}};
    for (size_t i = 0; i < bytes; i += 8 * NT_VECTOR_BYTES) {
        /* Two pages ahead, as far as the kernels' own reads are spread. */
        for (size_t line = 0; line < 8 * NT_VECTOR_BYTES; line += NT_HOST_COLUMN)
            __builtin_prefetch(data + i + line + 8192, 0, 2);
#pragma GCC unroll 8
        for (unsigned k = 0; k < 8; k++)
            sum[k] += (words_v)bytes_load(data + i + k * NT_VECTOR_BYTES);
    }
    uint32_t total = 0;
    for (unsigned k = 0; k < 8; k++)
        for (unsigned lane = 0; lane < LANES; lane++)
            total += sum[k][lane];
    return total;
}

#endif
