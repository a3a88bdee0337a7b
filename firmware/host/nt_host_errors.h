/* Errors as planes of digits, and gates; private to the kernels. */
#ifndef NT_HOST_ERRORS_H
#define NT_HOST_ERRORS_H

#include "nt_host_vector.h"

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

/* Signed digits of which no two neighbours are set: a third of them, not half (G. W. Reitwiesner, Advances in Computers 1,
   1960). Errors come from a third to a fifth of the neurons, so that sums over the set digits beat products of all. */
static void errors_digits(const int32_t *errors, size_t count, uint32_t *positive, uint32_t *negative, uint32_t *used)
{
    uint32_t used_positive = 0;
    uint32_t used_negative = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t sign = (uint32_t)(errors[i] >> 31);
        uint32_t size = ((uint32_t)errors[i] ^ sign) - sign;
        uint32_t half = size >> 1;
        uint32_t whole = size + half;
        uint32_t set = half ^ whole;
        uint32_t plus = whole & set;
        uint32_t minus = half & set;
        positive[i] = (plus & ~sign) | (minus & sign);
        negative[i] = (minus & ~sign) | (plus & sign);
        used_positive |= positive[i];
        used_negative |= negative[i];
    }
    used[0] |= used_positive;
    used[1] |= used_negative;
}

static void words_narrow(const uint32_t *words, size_t count, unsigned shift, uint8_t *bytes)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(words[i] >> shift);
}

static void sums_negate(uint32_t *sum, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] = 0u - sum[i];
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
    if (count == NT_HOST_BLOCK)
        return errors_gate_as(error, dot, offset, plus, minus, total, NT_HOST_BLOCK);
    return errors_gate_as(error, dot, offset, plus, minus, total, count);
}

#endif
