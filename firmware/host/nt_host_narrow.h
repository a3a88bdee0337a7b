/* One step from rest without a product: a drive grows with its sum, so that a neuron spikes from some sum on; private to
   the kernels. */
#ifndef NT_HOST_NARROW_H
#define NT_HOST_NARROW_H

#include "nt_host_vector.h"

#define HALVES (NT_VECTOR_BYTES / 2)
/* Beyond all sums of one section's weights, at most 7 * 4352. */
#define EDGE_NEVER 32767
#define EDGE_ALWAYS (-32768)
/* Beyond all edges less bias, and small enough for 32 bits. */
#define EDGE_FAR 1e6

typedef double doubles_v NT_VECTOR;
typedef int64_t long_ints_v NT_VECTOR;
/* Half words, one for each lane of 64 bits. */
typedef int16_t long_shorts_v __attribute__((vector_size(NT_VECTOR_BYTES / 4)));

NT_INLINE long_words_v long_words_load(const int32_t *at)
{
    long_words_v value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

NT_INLINE long_words_v long_words_choose(long_words_v mask, long_words_v yes, long_words_v no)
{
    return (mask & yes) | (~mask & no);
}

NT_INLINE doubles_v doubles_choose(long_ints_v mask, doubles_v yes, doubles_v no)
{
    return (doubles_v)((mask & (long_ints_v)yes) | (~mask & (long_ints_v)no));
}

/* ceil(16 threshold / gain): (I gain) >> 4 >= threshold says that I is no less. The division in double precision finds it
   exactly: the quotient of numbers below 2^36 and 2^16 is an integer or at least 2^-16 from one, and rounds by less.
   Saturation of the drive changes no comparison. Without gain the drive is 0: always from a threshold of 0 down, else
   never. */
NT_INLINE long_words_v least_current(long_words_v threshold, long_words_v gain)
{
    doubles_v far = {0};
    doubles_v deaf = __builtin_convertvector((long_words_v)(gain == 0), doubles_v);
    far += EDGE_FAR;
    doubles_v least = (__builtin_convertvector(threshold, doubles_v) * 16.0 + deaf) /
                      (__builtin_convertvector(gain, doubles_v) - deaf * 1e-9);
    least = doubles_choose((long_ints_v)(least > far), far, least);
    least = doubles_choose((long_ints_v)(least < -far), -far, least);
    long_words_v whole = __builtin_convertvector(least, long_words_v);
    long_ints_v is_above = (long_ints_v)(least > __builtin_convertvector(whole, doubles_v));
    return whole - __builtin_convertvector(is_above, long_words_v);
}

static void edges_find(int16_t *edge, const struct nt_host_cells *cells, const int32_t *threshold_q8, size_t count)
{
    const long_words_v never = (long_words_v){0} + EDGE_NEVER;
    const long_words_v always = (long_words_v){0} + EDGE_ALWAYS;
    for (size_t i = 0; i < count; i += LONG_LANES) {
        long_words_v least = least_current(long_words_load(threshold_q8 + i), long_words_load(cells->gain_exc_q12 + i));
        least -= long_words_load(cells->bias + i);
        least = long_words_choose((long_words_v)(least > never), never, least);
        least = long_words_choose((long_words_v)(least < always), always, least);
        least = long_words_choose(long_words_load(cells->works + i), least, never);
        least = long_words_choose(long_words_load(cells->stuck + i), always, least);
        long_shorts_v edges = __builtin_convertvector(least, long_shorts_v);
        __builtin_memcpy(edge + i, &edges, sizeof edges);
    }
}

NT_INLINE shorts_v shorts_load(const int16_t *at)
{
    return (shorts_v)halves_load(at);
}

/* Lanes of 0 or -1 as bits, a vector's width of them. */
NT_INLINE uint64_t shorts_bits(shorts_v low, shorts_v high)
{
#if NT_VECTOR_BYTES == 64 && defined(__AVX512BW__)
    return (uint64_t)_mm512_movepi16_mask((__m512i)high) << 32 | _mm512_movepi16_mask((__m512i)low);
#elif NT_VECTOR_BYTES == 32 && defined(__AVX2__)
    __m256i packed = _mm256_packs_epi16((__m256i)low, (__m256i)high);
    return (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(packed, 0xD8));
#elif NT_VECTOR_BYTES == 16 && defined(__SSE2__)
    return (uint16_t)_mm_movemask_epi8(_mm_packs_epi16((__m128i)low, (__m128i)high));
#else
    uint64_t bits = 0;
    for (unsigned i = 0; i < HALVES; i++)
        bits |= (uint64_t)(low[i] & 1) << i | (uint64_t)(high[i] & 1) << (i + HALVES);
    return bits;
#endif
}

/* Lanes of 0 or -1 as bytes of 0 or 1. */
NT_INLINE bytes_v shorts_ones(shorts_v low, shorts_v high)
{
#if NT_VECTOR_BYTES == 64 && defined(__AVX512BW__)
    return (bytes_v)_mm512_maskz_set1_epi8(shorts_bits(low, high), 1);
#elif NT_VECTOR_BYTES == 32 && defined(__AVX2__)
    __m256i packed = _mm256_packs_epi16((__m256i)low, (__m256i)high);
    return -(bytes_v)_mm256_permute4x64_epi64(packed, 0xD8);
#elif NT_VECTOR_BYTES == 16 && defined(__SSE2__)
    return -(bytes_v)_mm_packs_epi16((__m128i)low, (__m128i)high);
#else
    bytes_v ones = {0};
    for (unsigned i = 0; i < HALVES; i++) {
        ones[i] = (uint8_t)(low[i] & 1);
        ones[i + HALVES] = (uint8_t)(high[i] & 1);
    }
    return ones;
#endif
}

/* Neurons beyond the layer have edges that no sum reaches: their bits are zeros, which the layer above reads. */
static void edges_run(const int16_t *edge, const struct nt_host_rows *rows, const struct nt_host_out *out)
{
    const struct nt_host_out own = *out;
    const int16_t *sum = rows->narrow;
    size_t count = rows->count;
    for (size_t i = 0; i < (own.raster ? NT_HOST_BLOCK : own.neurons); i += NT_VECTOR_BYTES) {
        shorts_v low = shorts_load(edge + i);
        shorts_v high = shorts_load(edge + i + HALVES);
        size_t left = own.neurons > i ? own.neurons - i : 0;
        for (size_t r = 0; r < count; r++) {
            const int16_t *at = sum + r * NT_HOST_BLOCK + i;
            shorts_v spike_low = (shorts_v)(shorts_load(at) >= low);
            shorts_v spike_high = (shorts_v)(shorts_load(at + HALVES) >= high);
            if (own.raster) {
                uint64_t bits = shorts_bits(spike_low, spike_high);
                __builtin_memcpy(own.raster + r * own.raster_stride + i / 8, &bits, NT_VECTOR_BYTES / 8);
            }
            if (own.counts)
                part_bytes_store(own.counts + r * own.stride + i, shorts_ones(spike_low, spike_high), left);
        }
    }
}

static size_t edges_between(const int16_t *low, const int16_t *high, const struct nt_host_rows *rows, uint16_t *entries)
{
    size_t found = 0;
    for (size_t r = 0; r < rows->count; r++)
        for (size_t i = 0; i < NT_HOST_BLOCK; i += NT_VECTOR_BYTES) {
            uint64_t bits;
            shorts_v inside[2];
            for (size_t k = 0; k < 2; k++) {
                shorts_v own = shorts_load(rows->narrow + r * NT_HOST_BLOCK + i + k * HALVES);
                inside[k] = (shorts_v)(own >= shorts_load(low + i + k * HALVES)) &
                            (shorts_v)(own < shorts_load(high + i + k * HALVES));
            }
            for (bits = shorts_bits(inside[0], inside[1]); bits != 0; bits &= bits - 1)
                entries[found++] = (uint16_t)(r * NT_HOST_BLOCK + i + (size_t)__builtin_ctzll(bits));
        }
    return found;
}

#endif
