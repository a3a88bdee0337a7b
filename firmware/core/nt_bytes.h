/* Little-endian loads and stores at any alignment, and the integer idioms that the equations lean on. */
#ifndef NT_BYTES_H
#define NT_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* C11 leaves `>>` of a negative number and narrowing to a signed type to the implementation. GCC and Clang define
   both as the golden model needs them; a compiler that does not stops here. */
_Static_assert((INT64_C(-3) >> 1) == -2, "right shift of a negative number must round down");
_Static_assert((int32_t)UINT32_C(0xFFFFFFFE) == -2, "narrowing to int32 must wrap");

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

/* The builtin stays one load under -ffreestanding, where memcpy would be a call. */
static inline uint16_t nt_u16_load(const uint8_t *at)
{
    uint16_t value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t nt_u32_load(const uint8_t *at)
{
    uint32_t value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

#else

static inline uint16_t nt_u16_load(const uint8_t *at)
{
    return (uint16_t)(at[0] | ((uint32_t)at[1] << 8));
}

static inline uint32_t nt_u32_load(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

#endif

static inline int16_t nt_i16_load(const uint8_t *at)
{
    return (int16_t)nt_u16_load(at);
}

static inline int32_t nt_i32_load(const uint8_t *at)
{
    return (int32_t)nt_u32_load(at);
}

static inline void nt_u16_store(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void nt_u32_store(uint8_t *at, uint32_t value)
{
    nt_u16_store(at, (uint16_t)value);
    nt_u16_store(at + 2, (uint16_t)(value >> 16));
}

static inline int32_t nt_i32_saturate(int64_t value)
{
    if (value > INT32_MAX)
        return INT32_MAX;
    if (value < INT32_MIN)
        return INT32_MIN;
    return (int32_t)value;
}

static inline int32_t nt_i32_clamp(int32_t value, int32_t low, int32_t high)
{
    int32_t raised = value < low ? low : value;
    return raised > high ? high : raised;
}

#endif
