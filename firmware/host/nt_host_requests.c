/* The everyday requests of a learning loop. */
#include "nt_host_requests.h"

#include <string.h>

#include "nt_bytes.h"
#include "nt_host_codes.h"
#include "nt_host_frames.h"
#include "nt_messages.h"

#define WHOLE (NT_CHUNK_FIRST | NT_CHUNK_LAST)
#define RANGE_LEAST 3u
#define U16_MAX 65535

size_t nt_host_codes_write(const uint8_t *before, const uint8_t *after, uint32_t n_codes, uint32_t revision,
                           size_t max_payload, uint8_t *out)
{
    uint32_t start;
    size_t length;
    int form = nt_host_codes_pack(before, after, n_codes, out + NT_CODES_WRITE_REQ_DATA_AT,
                                  max_payload - NT_CODES_WRITE_REQ_SIZE, &start, &length);
    if (form < 0)
        return 0;
    nt_u32_store(out + NT_CODES_WRITE_REQ_BASE_REVISION_AT, revision);
    out[NT_CODES_WRITE_REQ_CHUNK_AT] = WHOLE;
    out[NT_CODES_WRITE_REQ_FORM_AT] = (uint8_t)form;
    nt_u32_store(out + NT_CODES_WRITE_REQ_START_AT, start);
    return NT_CODES_WRITE_REQ_SIZE + length;
}

size_t nt_host_present_write(const uint8_t *head, const int64_t *slots, uint32_t count, uint32_t held,
                             uint8_t *out)
{
    uint8_t *named = out + NT_PRESENT_REQ_SLOTS_AT;
    uint32_t in_turn = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i] < 0 || slots[i] >= held || slots[i] > U16_MAX)
            return 0;
        nt_u16_store(named + 2 * (size_t)i, (uint16_t)slots[i]);
        in_turn += slots[i] == slots[0] + i;
    }
    memcpy(out, head, NT_PRESENT_REQ_SIZE);
    if (count < RANGE_LEAST || in_turn != count)
        return NT_PRESENT_REQ_SIZE + 2 * (size_t)count;
    out[NT_PRESENT_REQ_READOUT_AT] |= NT_READOUT_RANGE;
    nt_u16_store(named + 2, (uint16_t)count);
    return NT_PRESENT_REQ_SIZE + 4;
}

static size_t head_write(uint8_t type, size_t size, uint8_t *out)
{
    out[0] = type;
    nt_u16_store(out + 1, (uint16_t)size);
    return NT_HOST_REQUEST_HEAD + size;
}

size_t nt_host_step_write(const uint8_t *before, const uint8_t *after, uint32_t n_codes, uint32_t revision,
                          size_t max_payload, const uint8_t *head, const int64_t *slots, uint32_t count, uint32_t held,
                          uint8_t *out)
{
    uint8_t *at = out;
    size_t written = nt_host_codes_write(before, after, n_codes, revision, max_payload, at + NT_HOST_REQUEST_HEAD);
    if (written > NT_CODES_WRITE_REQ_SIZE)
        at += head_write(NT_TYPE_CODES_WRITE_REQ, written, at);
    size_t shown = nt_host_present_write(head, slots, count, held, at + NT_HOST_REQUEST_HEAD);
    if (written == 0 || shown == 0)
        return 0;
    return (size_t)(at - out) + head_write(NT_TYPE_PRESENT_REQ, shown, at);
}

size_t nt_host_learn_write(uint32_t expected_step, uint16_t rate_q8, const int64_t *slots, const int64_t *labels,
                           uint32_t count, uint32_t held, uint8_t *out)
{
    uint8_t *pair = out + NT_LEARN_REQ_PAIRS_AT;
    for (uint32_t i = 0; i < count; i++, pair += 4) {
        if (slots[i] < 0 || slots[i] >= held || slots[i] > U16_MAX || labels[i] < 0 || labels[i] > U16_MAX)
            return 0;
        nt_u16_store(pair, (uint16_t)slots[i]);
        nt_u16_store(pair + 2, (uint16_t)labels[i]);
    }
    nt_u32_store(out + NT_LEARN_REQ_EXPECTED_STEP_AT, expected_step);
    out[NT_LEARN_REQ_CHUNK_AT] = WHOLE;
    nt_u16_store(out + NT_LEARN_REQ_RATE_Q8_AT, rate_q8);
    return (size_t)(pair - out);
}
