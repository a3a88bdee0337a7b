/* Errors as planes of digits, and gates; private to the kernels. */
#ifndef NT_HOST_ERRORS_H
#define NT_HOST_ERRORS_H

#include "nt_host_vector.h"

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
