/* Which kernels this machine can run. */
#include "nt_host_isa.h"

const struct nt_host_isa *nt_host_isa_available(unsigned index)
{
    const struct nt_host_isa *found[4] = {0};
    unsigned count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"))
        found[count++] = &nt_host_isa_avx512;
    if (__builtin_cpu_supports("avx2"))
        found[count++] = &nt_host_isa_avx2;
    found[count++] = &nt_host_isa_sse2;
#elif defined(__aarch64__)
    found[count++] = &nt_host_isa_neon;
#endif
    return index < count ? found[index] : 0;
}
