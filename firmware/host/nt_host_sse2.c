/* The kernels for x86-64 with SSE2. */
#if defined(__x86_64__)

#define NT_VECTOR_BYTES 16
#define NT_ISA_NAME sse2
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("sse2"))), apply_to = function)
#else
#pragma GCC target("sse2")
#endif
#include "nt_host_kernels.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif

typedef int nt_host_sse2_unit; /* ISO C wants something in every unit */
