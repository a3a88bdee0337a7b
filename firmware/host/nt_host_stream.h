/* Copies past the caches, for what other cores are to read; private to firmware/host. */
#ifndef NT_HOST_STREAM_H
#define NT_HOST_STREAM_H

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Both aligned to 16 bytes, as `bytes` is. A line that other cores have read waits for all of them before it can be written
   in the cache: 28 ns between two groups of cores of a Zen 4, against 2 ns past the cache. */
static inline void nt_host_stream_copy(void *to, const void *from, size_t bytes)
{
#if defined(__x86_64__)
    __m128i *out = to;
    const __m128i *in = from;
    for (size_t i = 0; i < bytes / sizeof *out; i++)
        _mm_stream_si128(out + i, _mm_load_si128(in + i));
    _mm_sfence();
#else
    memcpy(to, from, bytes);
#endif
}

#endif
