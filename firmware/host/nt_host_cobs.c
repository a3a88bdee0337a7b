/* COBS (Cheshire and Baker 1999) with the library's searches and copies in place of a loop over bytes. */
#include "nt_host_cobs.h"

#include <string.h>

#define RUN_MAX 254

size_t nt_host_cobs_encode(const uint8_t *data, size_t length, uint8_t *out)
{
    uint8_t *at = out;
    for (size_t begin = 0;;) {
        const uint8_t *zero = length > begin ? memchr(data + begin, 0, length - begin) : 0;
        size_t run = (zero ? (size_t)(zero - data) : length) - begin;
        for (; run >= RUN_MAX; run -= RUN_MAX, begin += RUN_MAX, at += RUN_MAX + 1) {
            at[0] = RUN_MAX + 1;
            memcpy(at + 1, data + begin, RUN_MAX);
            /* 254 bytes at the very end stand for no zero and need no empty block after them. */
            if (run == RUN_MAX && !zero)
                return (size_t)(at - out) + RUN_MAX + 1;
        }
        at[0] = (uint8_t)(run + 1);
        memcpy(at + 1, data + begin, run);
        at += run + 1;
        begin += run + 1;
        if (!zero)
            return (size_t)(at - out);
    }
}

long nt_host_cobs_decode(const uint8_t *data, size_t length, uint8_t *out)
{
    size_t written = 0;
    if (length > 0 && memchr(data, 0, length))
        return -1;
    for (size_t at = 0; at < length;) {
        size_t code = data[at];
        if (at + code > length)
            return -1;
        memcpy(out + written, data + at + 1, code - 1);
        written += code - 1;
        at += code;
        if (code <= RUN_MAX && at < length)
            out[written++] = 0;
    }
    return (long)written;
}
