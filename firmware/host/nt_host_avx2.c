/* The kernels for x86-64 with AVX2. */
#if defined(__x86_64__)

#define NT_VECTOR_BYTES 32
#define NT_ISA_NAME avx2
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,popcnt")
#endif
#include "nt_host_kernels.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif

typedef int nt_host_avx2_unit; /* ISO C wants something in every unit */
