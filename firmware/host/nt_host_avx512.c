/* The kernels for x86-64 with AVX512. */
#if defined(__x86_64__)

#define NT_VECTOR_BYTES 64
#define NT_ISA_NAME avx512
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"))), apply_to = function)
#else
#pragma GCC target("popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,prefer-vector-width=512")
#endif
#include "nt_host_kernels.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif

typedef int nt_host_avx512_unit; /* ISO C wants something in every unit */
