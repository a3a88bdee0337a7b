/* COBS (Cheshire and Baker 1999) by the library's searches and copies, CRC-32C by the processor where it has it. */
#include "nt_host_frame.h"

#include <string.h>

#include "nt_bytes.h"
#include "nt_crc32c.h"
#include "nt_error.h"

#define RUN_MAX 254

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_processor(uint32_t running, const uint8_t *data, size_t length)
{
    uint64_t crc = running;
    for (; length >= 8; length -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    for (; length > 0; length--, data++)
        crc = __builtin_ia32_crc32qi((uint32_t)crc, *data);
    return (uint32_t)crc;
}
#endif

static uint32_t crc_of(const uint8_t *data, size_t length)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return nt_crc32c_end(crc_by_processor(NT_CRC32C_START, data, length));
#endif
    return nt_crc32c_end(nt_crc32c_extend(NT_CRC32C_START, data, length));
}

/* Stuffs `length` bytes at `data`, which may lie behind `out` by at least the bytes that are added. */
static size_t bytes_stuff(const uint8_t *data, size_t length, uint8_t *out)
{
    uint8_t *at = out;
    for (size_t begin = 0;;) {
        const uint8_t *zero = length > begin ? memchr(data + begin, 0, length - begin) : 0;
        size_t run = (zero ? (size_t)(zero - data) : length) - begin;
        for (; run >= RUN_MAX; run -= RUN_MAX, begin += RUN_MAX, at += RUN_MAX + 1) {
            at[0] = RUN_MAX + 1;
            memmove(at + 1, data + begin, RUN_MAX);
            /* 254 bytes at the very end stand for no zero and need no empty block after them. */
            if (run == RUN_MAX && !zero)
                return (size_t)(at - out) + RUN_MAX + 1;
        }
        at[0] = (uint8_t)(run + 1);
        memmove(at + 1, data + begin, run);
        at += run + 1;
        begin += run + 1;
        if (!zero)
            return (size_t)(at - out);
    }
}

/* Undoes it; the number of bytes, or -1 where `data` is the stuffing of nothing. */
static long bytes_unstuff(const uint8_t *data, size_t length, uint8_t *out)
{
    size_t written = 0;
    for (size_t at = 0; at < length;) {
        size_t code = data[at];
        if (code == 0 || at + code > length || memchr(data + at + 1, 0, code - 1))
            return -1;
        memcpy(out + written, data + at + 1, code - 1);
        written += code - 1;
        at += code;
        if (code <= RUN_MAX && at < length)
            out[written++] = 0;
    }
    return (long)written;
}

size_t nt_host_frame_encode(uint8_t session, uint8_t type, uint16_t seq, const uint8_t *payload, uint16_t size, uint8_t *out)
{
    size_t covered = NT_FRAME_HEADER_BYTES + (size_t)size;
    size_t length = covered + NT_FRAME_CRC_BYTES;
    uint8_t *plain = out + NT_FRAME_WIRE_BYTES(size) - 1 - length;
    plain[0] = session;
    plain[1] = type;
    nt_u16_store(plain + 2, seq);
    nt_u16_store(plain + 4, size);
    memcpy(plain + NT_FRAME_HEADER_BYTES, payload, size);
    nt_u32_store(plain + covered, crc_of(plain, covered));
    out[0] = 0;
    size_t stuffed = bytes_stuff(plain, length, out + 1);
    out[stuffed + 1] = 0;
    return stuffed + 2;
}

int nt_host_frame_decode(const uint8_t *data, size_t length, uint8_t *frame)
{
    long plain = bytes_unstuff(data, length, frame);
    if (plain < 0)
        return NT_ERROR_FRAME_COBS;
    if (plain < NT_FRAME_HEADER_BYTES + NT_FRAME_CRC_BYTES)
        return NT_ERROR_FRAME_LENGTH;
    size_t covered = (size_t)plain - NT_FRAME_CRC_BYTES;
    if (nt_u16_load(frame + 4) != covered - NT_FRAME_HEADER_BYTES)
        return NT_ERROR_FRAME_LENGTH;
    if (crc_of(frame, covered) != nt_u32_load(frame + covered))
        return NT_ERROR_FRAME_CRC;
    return (int)covered;
}
