/* What the machine could do at most: dot products of bytes out of registers, and reading memory; for benchmarks. */
#ifndef NT_HOST_PEAK_H
#define NT_HOST_PEAK_H

#include "nt_host_errors.h"

#define PEAK_SUMS 10u
#define PEAK_MACS (PEAK_SUMS * NT_VECTOR_BYTES)

/* Keeps a vector in a register and its value unknown to the compiler. */
#if defined(__AVX512F__)
#define REGISTER_KEEP(vector) __asm__ volatile("" : "+v"(vector))
#elif defined(__x86_64__)
#define REGISTER_KEEP(vector) __asm__ volatile("" : "+x"(vector))
#else
#define REGISTER_KEEP(vector) __asm__ volatile("" : "+w"(vector))
#endif

/* Gives the number of multiply-adds done. */
static uint64_t dot_peak(uint64_t loops)
{
    ints_v sum[PEAK_SUMS];
    bytes_v weights = (bytes_v){0} + 3;
    bytes_v errors = (bytes_v){0} + 5;
#pragma GCC unroll 16
    for (unsigned k = 0; k < PEAK_SUMS; k++)
        sum[k] = (ints_v){0};
    for (uint64_t i = 0; i < loops; i++) {
#pragma GCC unroll 16
        for (unsigned k = 0; k < PEAK_SUMS; k++) {
            REGISTER_KEEP(weights);
            sum[k] = quads_add(sum[k], weights, errors);
            REGISTER_KEEP(sum[k]);
        }
    }
    return loops * PEAK_MACS;
}

/* Reads `bytes` bytes, a multiple of 512; gives a number that depends on all of them. */
static uint32_t memory_read(const uint8_t *data, size_t bytes)
{
    words_v sum[8] = {{0}};
    for (size_t i = 0; i < bytes; i += 8 * NT_VECTOR_BYTES) {
        /* Two pages ahead, as far as the kernels' own reads are spread. */
        for (size_t line = 0; line < 8 * NT_VECTOR_BYTES; line += NT_HOST_COLUMN)
            __builtin_prefetch(data + i + line + 8192, 0, 2);
#pragma GCC unroll 8
        for (unsigned k = 0; k < 8; k++)
            sum[k] += (words_v)bytes_load(data + i + k * NT_VECTOR_BYTES);
    }
    uint32_t total = 0;
    for (unsigned k = 0; k < 8; k++)
        for (unsigned lane = 0; lane < LANES; lane++)
            total += sum[k][lane];
    return total;
}

#endif
