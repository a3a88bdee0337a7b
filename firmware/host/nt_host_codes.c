/* Codes in their shortest form, and out of it. */
#include "nt_host_codes.h"

#include <string.h>

#include "nt_bytes.h"
#include "nt_messages.h"

#define SPARSE_BYTES 3u
#define SPAN_BYTES 2u
#define SPAN_MAX 65535u

/* Codes that differ: their number, the first of them, and how many codes lie from it to the last. */
struct change {
    size_t count;
    uint32_t start;
    size_t span;
};

static struct change change_find(const uint8_t *before, const uint8_t *after, uint32_t n_codes)
{
    struct change change = {0, 0, 0};
    for (uint32_t i = 0; i < n_codes; i++) {
        if (before[i] == after[i])
            continue;
        if (change.count++ == 0)
            change.start = i;
        change.span = i - change.start + 1;
    }
    return change;
}

static size_t mask_bytes(size_t span)
{
    return (span + 7) / 8;
}

static void sparse_write(const uint8_t *before, const uint8_t *after, const struct change *change, uint8_t *out)
{
    for (size_t i = 0; i < change->span; i++) {
        if (before[i] == after[i])
            continue;
        nt_u16_store(out, (uint16_t)i);
        out[2] = after[i];
        out += SPARSE_BYTES;
    }
}

static void masked_write(const uint8_t *before, const uint8_t *after, const struct change *change, uint8_t *out)
{
    uint8_t *mask = out + SPAN_BYTES;
    uint8_t *codes = mask + mask_bytes(change->span);
    nt_u16_store(out, (uint16_t)change->span);
    memset(mask, 0, mask_bytes(change->span));
    for (size_t i = 0; i < change->span; i++) {
        if (before[i] == after[i])
            continue;
        mask[i / 8] |= (uint8_t)(1u << i % 8);
        *codes++ = after[i];
    }
}

int nt_host_codes_pack(const uint8_t *before, const uint8_t *after, uint32_t n_codes, uint8_t *out, size_t room,
                       uint32_t *start, size_t *length)
{
    struct change change = change_find(before, after, n_codes);
    size_t dense = change.span;
    size_t sparse = SPARSE_BYTES * change.count;
    size_t masked = SPAN_BYTES + mask_bytes(change.span) + change.count;
    size_t least = dense <= sparse ? dense : sparse;
    *start = change.start;
    *length = least <= masked ? least : masked;
    if (change.span > SPAN_MAX || *length > room)
        return -1;
    before += change.start;
    after += change.start;
    if (dense == *length) {
        memcpy(out, after, dense);
        return NT_CODE_FORM_DENSE;
    }
    if (sparse == *length) {
        sparse_write(before, after, &change, out);
        return NT_CODE_FORM_SPARSE;
    }
    masked_write(before, after, &change, out);
    return NT_CODE_FORM_MASKED;
}

static int dense_read(uint8_t *codes, size_t room, const uint8_t *data, size_t length)
{
    if (length > room)
        return -1;
    memcpy(codes, data, length);
    return 0;
}

static int sparse_read(uint8_t *codes, size_t room, const uint8_t *data, size_t length)
{
    if (length % SPARSE_BYTES != 0)
        return -1;
    for (size_t at = 0; at < length; at += SPARSE_BYTES)
        if (nt_u16_load(data + at) >= room)
            return -1;
    for (size_t at = 0; at < length; at += SPARSE_BYTES)
        codes[nt_u16_load(data + at)] = data[at + 2];
    return 0;
}

static int masked_read(uint8_t *codes, size_t room, const uint8_t *data, size_t length)
{
    if (length < SPAN_BYTES)
        return -1;
    size_t span = nt_u16_load(data);
    size_t values = SPAN_BYTES + mask_bytes(span);
    if (length < values)
        return -1;
    const uint8_t *mask = data + SPAN_BYTES;
    size_t count = 0;
    size_t end = 0;
    for (size_t i = 0; i < span; i++)
        if (mask[i / 8] >> i % 8 & 1) {
            count++;
            end = i + 1;
        }
    if (end > room || count != length - values)
        return -1;
    for (size_t i = 0; i < end; i++)
        if (mask[i / 8] >> i % 8 & 1)
            codes[i] = data[values++];
    return 0;
}

int nt_host_codes_unpack(uint8_t *codes, uint32_t n_codes, uint32_t form, uint32_t start, const uint8_t *data,
                         size_t length)
{
    size_t room = start < n_codes ? n_codes - start : 0;
    uint8_t *first = codes + (room ? start : 0);
    if (form == NT_CODE_FORM_DENSE)
        return dense_read(first, room, data, length);
    if (form == NT_CODE_FORM_SPARSE)
        return sparse_read(first, room, data, length);
    return form == NT_CODE_FORM_MASKED ? masked_read(first, room, data, length) : -1;
}
