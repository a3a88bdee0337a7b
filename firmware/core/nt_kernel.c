/* Portable kernels, made for a Cortex-M: a load, two masks and two additions per eight synapses. */
#include "nt_kernel.h"

#include "nt_kernel_swar.h"

NT_INLINE void columns_add(uint32_t *sum, const uint8_t *const *column, size_t count, size_t words, int positive)
{
    for (size_t done = 0; done < count; done += NT_KERNEL_GROUP) {
        size_t group = nt_swar_group_size(count - done);
        size_t at = 0;
        for (; at + NT_SWAR_TILE <= words; at += NT_SWAR_TILE)
            nt_swar_group_add(sum, column + done, group, at, NT_SWAR_TILE, positive);
        for (; at < words; at++)
            nt_swar_group_add(sum, column + done, group, at, 1, positive);
    }
}

NT_INLINE void columns_add_counted(uint32_t *sum, const uint8_t *const *column, const uint8_t *times, size_t count,
                                   size_t words, int positive)
{
    for (size_t done = 0; done < count; done += NT_KERNEL_GROUP)
        for (size_t at = 0; at < words; at++)
            nt_swar_group_add_counted(sum, column + done, times + done, nt_swar_group_size(count - done), at,
                                      positive);
}

static void sum_add(uint32_t *sum, const uint8_t *const *column, size_t count, size_t words)
{
    columns_add(sum, column, count, words, 0);
}

void nt_portable_sum_add_counted(uint32_t *sum, const uint8_t *const *column, const uint8_t *times, size_t count,
                                 size_t words)
{
    columns_add_counted(sum, column, times, count, words, 0);
}

void nt_portable_positive_add(uint32_t *sum, const uint8_t *const *column, size_t count, size_t words)
{
    columns_add(sum, column, count, words, 1);
}

void nt_portable_positive_add_counted(uint32_t *sum, const uint8_t *const *column, const uint8_t *times, size_t count,
                                      size_t words)
{
    columns_add_counted(sum, column, times, count, words, 1);
}

static uint32_t column_dot(const uint8_t *column, const uint32_t *error, size_t words)
{
    return nt_swar_column_dot(column, error, words);
}

const struct nt_kernel nt_kernel_portable = {
    .sum_add = sum_add,
    .sum_add_counted = nt_portable_sum_add_counted,
    .positive_add = nt_portable_positive_add,
    .positive_add_counted = nt_portable_positive_add_counted,
    .column_dot = column_dot,
};
