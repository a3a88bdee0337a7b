/* Kernels for hosts: the lanes of the portable ones in vectors of GCC and Clang, whatever the machine has of them. */
#include "nt_kernel.h"

#include "nt_kernel_swar.h"

typedef uint32_t words_vector __attribute__((vector_size(64)));
typedef uint16_t halves_vector __attribute__((vector_size(16)));

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wide kernels read vectors as little-endian words; use nt_kernel_portable"
#endif

#define TILE (sizeof(words_vector) / 4)
#define COUNTED_TILE (sizeof(halves_vector) / 4)
#define HALF_SIGNS 0x1111u

/* Byte lanes hold neurons 2i (even) and 2i + 1 (odd) of the tile. */
NT_INLINE void tile_widen(uint32_t *restrict sum, const words_vector *even, const words_vector *odd)
{
    uint8_t low[sizeof *even];
    uint8_t high[sizeof *odd];
    __builtin_memcpy(low, even, sizeof low);
    __builtin_memcpy(high, odd, sizeof high);
    for (size_t i = 0; i < sizeof low; i++) {
        sum[2 * i] += low[i];
        sum[2 * i + 1] += high[i];
    }
}

NT_INLINE void tile_add(uint32_t *sum, const uint8_t *const *column, size_t count, size_t at, int positive)
{
    words_vector even = {0};
    words_vector odd = {0};
    for (size_t e = 0; e < count; e++) {
        words_vector word;
        __builtin_memcpy(&word, column[e] + 4 * at, sizeof word);
        if (positive) {
            words_vector sign = word >> 3 & NT_SIGNS;
            word &= (sign << 3) - sign;
        }
        even += word & NT_LOW_NIBBLES;
        odd += word >> 4 & NT_LOW_NIBBLES;
    }
    tile_widen(sum + 8 * at, &even, &odd);
}

NT_INLINE void columns_add(uint32_t *sum, const uint8_t *const *column, size_t count, size_t words, int positive)
{
    for (size_t done = 0; done < count; done += NT_KERNEL_GROUP) {
        size_t group = nt_swar_group_size(count - done);
        size_t at = 0;
        for (; at + TILE <= words; at += TILE)
            tile_add(sum, column + done, group, at, positive);
        for (; at < words; at++)
            nt_swar_group_add(sum, column + done, group, at, 1, positive);
    }
}

/* Lane h of nibble i holds neuron 4h + i of the tile. */
NT_INLINE void counted_tile_add(uint32_t *sum, const uint8_t *const *column, const uint8_t *times, size_t count,
                                size_t at, int positive)
{
    halves_vector lanes[4] = {{0}};
    uint16_t wide[4][2 * COUNTED_TILE];
    for (size_t e = 0; e < count; e++) {
        halves_vector half;
        __builtin_memcpy(&half, column[e] + 4 * at, sizeof half);
        if (positive) {
            halves_vector sign = half >> 3 & HALF_SIGNS;
            half &= (sign << 3) - sign;
        }
        for (int i = 0; i < 4; i++)
            lanes[i] += (half >> 4 * i & 15) * (uint16_t)times[e];
    }
    __builtin_memcpy(wide, lanes, sizeof wide);
    for (size_t h = 0; h < 2 * COUNTED_TILE; h++)
        for (size_t i = 0; i < 4; i++)
            sum[8 * at + 4 * h + i] += wide[i][h];
}

NT_INLINE void columns_add_counted(uint32_t *sum, const uint8_t *const *column, const uint8_t *times, size_t count,
                                   size_t words, int positive)
{
    for (size_t done = 0; done < count; done += NT_KERNEL_GROUP) {
        size_t group = nt_swar_group_size(count - done);
        size_t at = 0;
        for (; at + COUNTED_TILE <= words; at += COUNTED_TILE)
            counted_tile_add(sum, column + done, times + done, group, at, positive);
        for (; at < words; at++)
            nt_swar_group_add_counted(sum, column + done, times + done, group, at, positive);
    }
}

static void sum_add(uint32_t *sum, const uint8_t *const *column, size_t count, size_t words)
{
    columns_add(sum, column, count, words, 0);
}

static void sum_add_counted(uint32_t *sum, const uint8_t *const *column, const uint8_t *times, size_t count,
                            size_t words)
{
    columns_add_counted(sum, column, times, count, words, 0);
}

static void positive_add(uint32_t *sum, const uint8_t *const *column, size_t count, size_t words)
{
    columns_add(sum, column, count, words, 1);
}

static void positive_add_counted(uint32_t *sum, const uint8_t *const *column, const uint8_t *times, size_t count,
                                 size_t words)
{
    columns_add_counted(sum, column, times, count, words, 1);
}

static uint32_t column_dot(const uint8_t *column, const uint32_t *error, size_t words)
{
    return nt_swar_column_dot(column, error, words);
}

const struct nt_kernel nt_kernel_wide = {
    .sum_add = sum_add,
    .sum_add_counted = sum_add_counted,
    .positive_add = positive_add,
    .positive_add_counted = positive_add_counted,
    .column_dot = column_dot,
};
