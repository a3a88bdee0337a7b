/* The inner loops of the array, in one table, so that a board or a server can bring its own. */
#ifndef NT_KERNEL_H
#define NT_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* Events whose byte lanes cannot overflow: 17 * 15 = 255. */
#define NT_KERNEL_GROUP 17

/* A column is a run of 32-bit words; word k holds nibbles w + 8 of neurons 8k to 8k + 7, lowest bits first. Sums are
   modulo 2^32, `sum` has 8 * words entries. `sum_add` adds the nibbles as they are (w + 8); `positive_add` adds
   max(w, 0). The `_counted` ones take each column `times[e]` times. */
struct nt_kernel {
    void (*sum_add)(uint32_t *sum, const uint8_t *const *column, size_t count, size_t words);
    void (*sum_add_counted)(uint32_t *sum, const uint8_t *const *column, const uint8_t *times, size_t count,
                            size_t words);
    void (*positive_add)(uint32_t *sum, const uint8_t *const *column, size_t count, size_t words);
    void (*positive_add_counted)(uint32_t *sum, const uint8_t *const *column, const uint8_t *times, size_t count,
                                 size_t words);
    /* sum of w * error over one column, modulo 2^32; `error` has 8 * words entries. */
    uint32_t (*column_dot)(const uint8_t *column, const uint32_t *error, size_t words);
};

/* Plain C on 32-bit words; exact on any machine. */
extern const struct nt_kernel nt_kernel_portable;

/* Those of them that a board's own table may name; the others then take no flash. */
void nt_portable_sum_add_counted(uint32_t *sum, const uint8_t *const *column, const uint8_t *times, size_t count,
                                 size_t words);
void nt_portable_positive_add(uint32_t *sum, const uint8_t *const *column, size_t count, size_t words);
void nt_portable_positive_add_counted(uint32_t *sum, const uint8_t *const *column, const uint8_t *times, size_t count,
                                      size_t words);

/* Vectors of GCC and Clang, for little-endian hosts. */
extern const struct nt_kernel nt_kernel_wide;

#endif
