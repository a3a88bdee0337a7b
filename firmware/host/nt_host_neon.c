/* The kernels for AArch64, whose vectors every such machine has. */
#if defined(__aarch64__)

#define NT_VECTOR_BYTES 16
#define NT_ISA_NAME neon
#include "nt_host_kernels.h"

#endif

typedef int nt_host_neon_unit; /* ISO C wants something in every unit */
