/* Bits of events, and lists of the places of ones; private to the kernels. */
#ifndef NT_HOST_LISTS_H
#define NT_HOST_LISTS_H

#include "nt_host_vector.h"

/* Entries of the ones of up to 16 bits, in order; gives their number, and writes room for 16. */
#if NT_VECTOR_BYTES == 64 && defined(__AVX512F__)
NT_INLINE size_t ones_list(uint32_t bits, uint32_t first, uint16_t *list)
{
    __m512i places = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i entries = _mm512_slli_epi32(_mm512_add_epi32(places, _mm512_set1_epi32((int)first)), 3);
    __m256i chosen = _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32((__mmask16)bits, entries));
    __builtin_memcpy(list, &chosen, sizeof chosen);
    return (size_t)__builtin_popcount(bits);
}
#else
NT_INLINE size_t ones_list(uint32_t bits, uint32_t first, uint16_t *list)
{
#define ONES(a, b, c, d) (uint64_t)(d) << 51 | (uint64_t)(c) << 35 | (uint64_t)(b) << 19 | (uint64_t)(a) << 3
    static const uint64_t places[16] = {ONES(0, 0, 0, 0), ONES(0, 0, 0, 0), ONES(1, 0, 0, 0), ONES(0, 1, 0, 0),
                                        ONES(2, 0, 0, 0), ONES(0, 2, 0, 0), ONES(1, 2, 0, 0), ONES(0, 1, 2, 0),
                                        ONES(3, 0, 0, 0), ONES(0, 3, 0, 0), ONES(1, 3, 0, 0), ONES(0, 1, 3, 0),
                                        ONES(2, 3, 0, 0), ONES(0, 2, 3, 0), ONES(1, 2, 3, 0), ONES(0, 1, 2, 3)};
#undef ONES
    static const uint8_t counts[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
    size_t at = 0;
    for (unsigned k = 0; k < 16; k += 4) {
        unsigned four = bits >> k & 15;
        uint64_t entries = places[four] + (uint64_t)(first + k) * NT_HOST_ENTRY * UINT64_C(0x0001000100010001);
        __builtin_memcpy(list + at, &entries, sizeof entries);
        at += counts[four];
    }
    return at;
}
#endif

#if NT_VECTOR_BYTES == 64 && defined(__AVX512F__)
/* The same of 64 bits, whose places are bytes before they are entries: a quarter of the time, on processors that can. */
#define WORDS_TARGET "popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2"
__attribute__((target(WORDS_TARGET))) static size_t words_list(const uint8_t *bits, size_t words, uint32_t first,
                                                               uint16_t *list)
{
    static const uint8_t places[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                       16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                       32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                       48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    __m512i all = _mm512_loadu_si512(places);
    size_t at = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t own;
        __builtin_memcpy(&own, bits + 8 * i, sizeof own);
        __m512i base = _mm512_set1_epi16((int16_t)((first + 64 * (uint32_t)i) * NT_HOST_ENTRY));
        __m512i chosen = _mm512_maskz_compress_epi8(own, all);
        size_t count = (size_t)__builtin_popcountll(own);
        __m512i low = _mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(chosen)), 3);
        _mm512_storeu_si512(list + at, _mm512_add_epi16(base, low));
        if (count > 32) {
            __m512i high = _mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(chosen, 1)), 3);
            _mm512_storeu_si512(list + at + 32, _mm512_add_epi16(base, high));
        }
        at += count;
    }
    return at;
}
#endif

static size_t entries_list(const uint8_t *bits, size_t bytes, uint32_t first, uint16_t *list)
{
    size_t at = 0;
    size_t i = 0;
#if NT_VECTOR_BYTES == 64 && defined(__AVX512F__)
    if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vbmi")) {
        i = bytes / 8 * 8;
        at = words_list(bits, bytes / 8, first, list);
    }
#endif
    for (; i < bytes; i += 2) {
        uint16_t own;
        __builtin_memcpy(&own, bits + i, sizeof own);
        at += ones_list(own, first + 8 * (uint32_t)i, list + at);
    }
    return at;
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

/* OR of eight bytes. */
NT_INLINE uint8_t long_or(uint64_t bytes)
{
    bytes |= bytes >> 32;
    bytes |= bytes >> 16;
    return (uint8_t)(bytes | bytes >> 8);
}

#if NT_VECTOR_BYTES == 64 && defined(__AVX512BW__)
/* The last `left` bytes of a row, fewer than a vector's; gives them, zeros behind. */
NT_INLINE bytes_v rest_pack(const uint8_t *x, size_t left, unsigned plane, uint8_t *bits)
{
    __m512i bytes = _mm512_maskz_loadu_epi8((UINT64_C(1) << left) - 1, x);
    uint64_t packed = _mm512_test_epi8_mask(bytes, _mm512_set1_epi8((char)(1 << plane)));
    _mm_mask_storeu_epi8(bits, (__mmask16)((1u << (left + 7) / 8) - 1), _mm_cvtsi64_si128((int64_t)packed));
    return (bytes_v)bytes;
}
#endif

static uint8_t bits_pack(const uint8_t *x, size_t count, unsigned plane, uint8_t *bits)
{
    longs_v all = {0};
    uint64_t found = 0;
    size_t i = 0;
    for (; i + NT_VECTOR_BYTES <= count; i += NT_VECTOR_BYTES) {
        bytes_v bytes = bytes_load(x + i);
        all |= (longs_v)bytes;
        vector_pack(bytes, plane, bits + i / 8);
    }
#if NT_VECTOR_BYTES == 64 && defined(__AVX512BW__)
    if (i < count)
        all |= (longs_v)rest_pack(x + i, count - i, plane, bits + i / 8);
    i = count;
#endif
    for (size_t k = 0; k < LONG_LANES; k++)
        found |= all[k];
    for (; i < count; i += 8) {
        uint64_t bytes = 0;
        for (size_t k = i; k < count && k < i + 8; k++)
            bytes |= (uint64_t)x[k] << 8 * (k - i);
        bits[i / 8] = (uint8_t)bits_gather(bytes, plane);
        found |= bytes;
    }
    return long_or(found);
}

#endif
