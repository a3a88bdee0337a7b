/* Eight 4-bit weights per 32-bit word, added in byte or 16-bit lanes; private to the kernels. */
#ifndef NT_KERNEL_SWAR_H
#define NT_KERNEL_SWAR_H

#include "nt_bytes.h"
#include "nt_kernel.h"

#define NT_INLINE static inline __attribute__((always_inline))
#define NT_LOW_NIBBLES 0x0F0F0F0Fu
#define NT_NIBBLES_OF_HALVES 0x000F000Fu
#define NT_SIGNS 0x11111111u
/* Words of a tile: its accumulators fit the registers of a Cortex-M. */
#define NT_SWAR_TILE 2

/* A nibble with its top bit set is w >= 0 and holds w in the other three. */
NT_INLINE uint32_t nt_swar_positive(uint32_t word)
{
    uint32_t sign = word >> 3 & NT_SIGNS;
    return word & ((sign << 3) - sign);
}

NT_INLINE uint32_t nt_swar_word(const uint8_t *column, size_t k, int positive)
{
    uint32_t word = nt_u32_load(column + 4 * k);
    return positive ? nt_swar_positive(word) : word;
}

NT_INLINE size_t nt_swar_group_size(size_t left)
{
    return left < NT_KERNEL_GROUP ? left : NT_KERNEL_GROUP;
}

/* Written out, since a byte at a constant place is added in one instruction of a Cortex-M. */
NT_INLINE void nt_swar_bytes_widen(uint32_t *sum, uint32_t even, uint32_t odd)
{
    sum[0] += even & 255;
    sum[1] += odd & 255;
    sum[2] += even >> 8 & 255;
    sum[3] += odd >> 8 & 255;
    sum[4] += even >> 16 & 255;
    sum[5] += odd >> 16 & 255;
    sum[6] += even >> 24;
    sum[7] += odd >> 24;
}

/* Words at to at + tile - 1 of one group of columns. */
NT_INLINE void nt_swar_group_add(uint32_t *sum, const uint8_t *const *column, size_t count, size_t at, size_t tile,
                                 int positive)
{
    uint32_t even[NT_SWAR_TILE] = {0};
    uint32_t odd[NT_SWAR_TILE] = {0};
    for (size_t e = 0; e < count; e++)
        for (size_t k = 0; k < tile; k++) {
            uint32_t word = nt_swar_word(column[e], at + k, positive);
            even[k] += word & NT_LOW_NIBBLES;
            odd[k] += word >> 4 & NT_LOW_NIBBLES;
        }
    for (size_t k = 0; k < tile; k++)
        nt_swar_bytes_widen(sum + 8 * (at + k), even[k], odd[k]);
}

/* 17 events of 255 times 15 are 65025: a group fills the 16-bit lanes as it fills the byte lanes, and one product
   serves two of them. */
NT_INLINE void nt_swar_group_add_counted(uint32_t *sum, const uint8_t *const *column, const uint8_t *times,
                                         size_t count, size_t at, int positive)
{
    uint32_t lanes[4] = {0};
    for (size_t e = 0; e < count; e++) {
        uint32_t word = nt_swar_word(column[e], at, positive);
        lanes[0] += (word & NT_NIBBLES_OF_HALVES) * times[e];
        lanes[1] += (word >> 4 & NT_NIBBLES_OF_HALVES) * times[e];
        lanes[2] += (word >> 8 & NT_NIBBLES_OF_HALVES) * times[e];
        lanes[3] += (word >> 12 & NT_NIBBLES_OF_HALVES) * times[e];
    }
    for (unsigned i = 0; i < 4; i++) {
        sum[8 * at + i] += lanes[i] & 0xFFFF;
        sum[8 * at + i + 4] += lanes[i] >> 16;
    }
}

NT_INLINE uint32_t nt_swar_column_dot(const uint8_t *column, const uint32_t *error, size_t words)
{
    uint32_t total = 0;
    for (size_t i = 0; i < 4 * words; i++) {
        total += ((column[i] & 15u) - 8u) * error[2 * i];
        total += ((uint32_t)(column[i] >> 4) - 8u) * error[2 * i + 1];
    }
    return total;
}

#endif
