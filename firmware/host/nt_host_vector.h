/* Vectors of GCC and Clang, NT_VECTOR_BYTES wide as the including source says; private to the kernels. */
#ifndef NT_HOST_VECTOR_H
#define NT_HOST_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "nt_host_isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the host kernels read vectors as little-endian words"
#endif

#define NT_INLINE static inline __attribute__((always_inline))
#define NT_VECTOR __attribute__((vector_size(NT_VECTOR_BYTES)))
/* Vectors of a row of NT_HOST_BLOCK bytes, and lanes of 32 and 64 bits in one. */
#define ROW_VECTORS (NT_HOST_BLOCK / NT_VECTOR_BYTES)
#define LANES (NT_VECTOR_BYTES / 4)
#define LONG_LANES (NT_VECTOR_BYTES / 8)

typedef uint8_t bytes_v NT_VECTOR;
typedef uint16_t halves_v NT_VECTOR;
typedef int16_t shorts_v NT_VECTOR;
typedef uint32_t words_v NT_VECTOR;
typedef int32_t ints_v NT_VECTOR;
typedef uint64_t longs_v NT_VECTOR;
/* A byte and a half word for each 32-bit lane, and a word for each of 64 bits. */
typedef int8_t lane_bytes_v __attribute__((vector_size(LANES)));
typedef int16_t lane_shorts_v __attribute__((vector_size(2 * LANES)));
typedef int32_t long_words_v __attribute__((vector_size(NT_VECTOR_BYTES / 2)));

NT_INLINE bytes_v bytes_load(const void *at)
{
    bytes_v value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

NT_INLINE ints_v ints_load(const void *at)
{
    ints_v value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

NT_INLINE halves_v halves_load(const void *at)
{
    halves_v value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

NT_INLINE void vector_store(void *at, bytes_v value)
{
    __builtin_memcpy(at, &value, sizeof value);
}

/* w + 8 in every byte to max(w, 0). */
NT_INLINE bytes_v bytes_positive(bytes_v nibbles)
{
    return (nibbles & 7) & (bytes_v)(nibbles > 7);
}

/* The nibbles of vector `part` of a block's row of 128 bytes: low ones first, then high ones. */
NT_INLINE bytes_v row_nibbles(const uint8_t *column, size_t part, int positive)
{
    size_t per_column = NT_HOST_COLUMN / NT_VECTOR_BYTES;
    bytes_v packed = bytes_load(column + part % per_column * NT_VECTOR_BYTES);
    bytes_v nibbles = part < per_column ? packed & 15 : (bytes_v)((halves_v)packed >> 4) & 15;
    return positive ? bytes_positive(nibbles) : nibbles;
}

/* Sums of 16-bit pairs of bytes, whole and of the odd bytes alone, as 32-bit sums times 2^plane: added to `sum`, or, when
   `fresh`, in its place. `whole` and `odd` belong to vector `part` of the row. */
NT_INLINE void halves_spill(uint32_t *sum, size_t part, halves_v whole, halves_v odd, unsigned plane, int fresh)
{
    halves_v even = whole - (odd << 8);
    uint16_t lanes[2][NT_VECTOR_BYTES / 2];
    size_t per_column = NT_HOST_COLUMN / NT_VECTOR_BYTES;
    uint32_t *at = sum + part / per_column * 64 + part % per_column * (NT_VECTOR_BYTES / 2);
    __builtin_memcpy(lanes[0], &even, sizeof even);
    __builtin_memcpy(lanes[1], &odd, sizeof odd);
    for (unsigned half = 0; half < 2; half++)
        for (size_t i = 0; i < NT_VECTOR_BYTES / 2; i++)
            at[32 * half + i] = (fresh ? 0 : at[32 * half + i]) + ((uint32_t)lanes[half][i] << plane);
}

/* Sums less `offset`, 16 bits each, in the order of the neurons. */
NT_INLINE void halves_narrow(int16_t *sum, size_t part, halves_v whole, halves_v odd, uint16_t offset)
{
    halves_v even = whole - (odd << 8);
    size_t per_column = NT_HOST_COLUMN / NT_VECTOR_BYTES;
    int16_t *at = sum + part / per_column * 64 + part % per_column * (NT_VECTOR_BYTES / 2);
    vector_store(at, (bytes_v)(even - offset));
    vector_store(at + 32, (bytes_v)(odd - offset));
}

/* The first `left` bytes of a vector, at most all. */
NT_INLINE void part_bytes_store(uint8_t *at, bytes_v value, size_t left)
{
    if (left >= NT_VECTOR_BYTES)
        vector_store(at, value);
    else
        __builtin_memcpy(at, &value, left);
}

#endif
