/* Each handler gives the size of its answer, or 0 for a request that is the caller's; it has then changed nothing. */
#include "nt_host_loop.h"

#include <string.h>

#include "nt_bytes.h"
#include "nt_host_codes.h"
#include "nt_host_frame.h"
#include "nt_host_gates.h"
#include "nt_host_model.h"
#include "nt_host_readout.h"
#include "nt_messages.h"

#define WHOLE (NT_CHUNK_FIRST | NT_CHUNK_LAST)
#define GATES (NT_READOUT_HIDDEN | NT_READOUT_DITHER | NT_READOUT_GATES)
#define DITHER_MAX 127
#define RATE_MAX 32767

/* Slots of a batch: named one by one in every `stride` bytes from `at` on, or `count` of them from `first` on. */
struct batch {
    const uint8_t *at;
    uint32_t stride;
    uint32_t first;
    uint32_t count;
};

static uint32_t slot_of(const struct batch *batch, uint32_t i)
{
    return batch->at ? nt_u16_load(batch->at + (size_t)i * batch->stride) : batch->first + i;
}

/* Events of a batch side by side; null where a slot holds no such sample, or the conditions change on the way. */
static const uint8_t *events_gather(const struct nt_host_loop *loop, const struct batch *batch)
{
    size_t size = (size_t)loop->held * loop->host->layers[0].n_inputs;
    uint32_t times = loop->steps / loop->held;
    if (batch->count == 0 || batch->count > loop->fresh)
        return 0;
    uint8_t *events = nt_host_buffer_reserve(loop->host, BUFFER_EVENTS, batch->count * times * size);
    uint8_t *to = events;
    for (uint32_t i = 0; events && i < batch->count; i++) {
        uint32_t slot = slot_of(batch, i);
        if (slot >= loop->n_slots || loop->ready[slot] != loop->held)
            return 0;
        for (uint32_t time = 0; time < times; time++, to += size)
            memcpy(to, loop->events + slot * size, size);
    }
    return events;
}

static void batch_done(struct nt_host_loop *loop, const struct batch *batch)
{
    loop->fresh -= batch->count;
    loop->first_step += (uint64_t)batch->count * loop->steps;
}

static size_t codes_write(struct nt_host_loop *loop, const uint8_t *payload, size_t size, uint8_t *answer)
{
    if (size < NT_CODES_WRITE_REQ_SIZE || payload[NT_CODES_WRITE_REQ_CHUNK_AT] != WHOLE ||
        nt_u32_load(payload + NT_CODES_WRITE_REQ_BASE_REVISION_AT) != loop->revision)
        return 0;
    if (nt_host_codes_unpack(loop->state.codes, loop->host->n_codes, payload[NT_CODES_WRITE_REQ_FORM_AT],
                             nt_u32_load(payload + NT_CODES_WRITE_REQ_START_AT),
                             payload + NT_CODES_WRITE_REQ_DATA_AT, size - NT_CODES_WRITE_REQ_SIZE) < 0)
        return 0;
    nt_u32_store(answer + NT_CODES_WRITE_RSP_REVISION_AT, ++loop->revision);
    return NT_CODES_WRITE_RSP_SIZE;
}

/* The slots that PRESENT names; a count of 0 where it cannot be read. */
static struct batch present_batch(const uint8_t *payload, size_t size)
{
    const uint8_t *slots = payload + NT_PRESENT_REQ_SLOTS_AT;
    size_t bytes = size - NT_PRESENT_REQ_SIZE;
    if (payload[NT_PRESENT_REQ_READOUT_AT] & NT_READOUT_RANGE)
        return (struct batch){0, 0, nt_u16_load(slots), bytes == 4 ? nt_u16_load(slots + 2) : 0};
    return (struct batch){slots, 2, 0, bytes % 2 == 0 ? (uint32_t)(bytes / 2) : 0};
}

static int shows_gates(const struct nt_host_loop *loop, const uint8_t *payload)
{
    uint8_t hidden = payload[NT_PRESENT_REQ_HIDDEN_DITHER_AT];
    uint8_t output = payload[NT_PRESENT_REQ_OUTPUT_DITHER_AT];
    return (payload[NT_PRESENT_REQ_READOUT_AT] & ~NT_READOUT_RANGE) == GATES && loop->tables && hidden >= 1 &&
           hidden <= DITHER_MAX && output >= 1 && output <= DITHER_MAX;
}

static int shows_plain(const uint8_t *payload)
{
    return (payload[NT_PRESENT_REQ_READOUT_AT] & ~(NT_READOUT_RANGE | NT_READOUT_HIDDEN | NT_READOUT_MEMBRANE)) == 0;
}

static int gates_show(struct nt_host_loop *loop, const uint8_t *payload, const uint8_t *events, uint32_t samples,
                      uint8_t *out)
{
    const struct nt_learn_settings settings = {.hidden_dither_code = payload[NT_PRESENT_REQ_HIDDEN_DITHER_AT],
                                               .output_dither_code = payload[NT_PRESENT_REQ_OUTPUT_DITHER_AT]};
    return nt_host_gates(loop->host, loop->options, &settings, loop->points, loop->tables, loop->state.codes, events,
                         samples, loop->steps, loop->first_step, out);
}

static int plain_show(struct nt_host_loop *loop, const uint8_t *payload, const uint8_t *events, uint32_t samples,
                      uint8_t *out)
{
    const struct nt_host_point *point = loop->plain;
    if (loop->tables) {
        nt_host_points_table_set(loop->host, loop->points, 1, loop->tables, loop->state.codes);
        point = loop->points[0];
    }
    return nt_host_records(loop->host, loop->options, point, payload[NT_PRESENT_REQ_READOUT_AT], events, samples,
                           loop->steps, loop->first_step, out);
}

static size_t present(struct nt_host_loop *loop, const uint8_t *payload, size_t size, uint8_t *answer)
{
    if (size < NT_PRESENT_REQ_SIZE + 2)
        return 0;
    uint8_t steps = payload[NT_PRESENT_REQ_N_STEPS_AT];
    int is_gates = shows_gates(loop, payload);
    if ((steps != 0 && steps != loop->steps) || (!is_gates && !shows_plain(payload)))
        return 0;
    struct batch batch = present_batch(payload, size);
    size_t bytes = batch.count * (is_gates ? nt_host_gates_bytes(loop->host)
                                           : nt_host_record_bytes(loop->host, payload[NT_PRESENT_REQ_READOUT_AT],
                                                                  loop->steps));
    if (NT_PRESENT_RSP_SIZE + bytes > loop->room)
        return 0;
    const uint8_t *events = events_gather(loop, &batch);
    uint8_t *out = answer + NT_PRESENT_RSP_DATA_AT;
    if (!events || (is_gates ? gates_show : plain_show)(loop, payload, events, batch.count, out) < 0)
        return 0;
    batch_done(loop, &batch);
    nt_u16_store(answer + NT_PRESENT_RSP_COUNT_AT, (uint16_t)batch.count);
    nt_u32_store(answer + NT_PRESENT_RSP_SIZE_AT, (uint32_t)bytes);
    loop->records = answer + NT_PRESENT_RSP_DATA_AT;
    loop->record_bytes = (uint32_t)bytes;
    return NT_PRESENT_RSP_SIZE + bytes;
}

/* Labels of LEARN, or null where one is no class. */
static const int64_t *labels_read(const struct nt_host_loop *loop, const struct batch *batch)
{
    int64_t *labels = nt_host_buffer_reserve(loop->host, BUFFER_LABELS, batch->count * sizeof *labels);
    for (uint32_t i = 0; labels && i < batch->count; i++) {
        labels[i] = nt_u16_load(batch->at + (size_t)i * batch->stride + 2);
        if (labels[i] >= loop->n_classes)
            return 0;
    }
    return labels;
}

static size_t learn(struct nt_host_loop *loop, const uint8_t *payload, size_t size, uint8_t *answer)
{
    if (!loop->is_learning || size < NT_LEARN_REQ_SIZE || (size - NT_LEARN_REQ_SIZE) % 4 != 0 ||
        payload[NT_LEARN_REQ_CHUNK_AT] != WHOLE ||
        nt_u32_load(payload + NT_LEARN_REQ_EXPECTED_STEP_AT) != loop->learning_step)
        return 0;
    struct batch batch = {payload + NT_LEARN_REQ_PAIRS_AT, 4, 0, (uint32_t)((size - NT_LEARN_REQ_SIZE) / 4)};
    struct nt_learn_settings settings = loop->settings;
    settings.rate_q8 = nt_u16_load(payload + NT_LEARN_REQ_RATE_Q8_AT);
    const uint8_t *events = events_gather(loop, &batch);
    const int64_t *labels = events ? labels_read(loop, &batch) : 0;
    if (!labels || settings.rate_q8 < 1 || settings.rate_q8 > RATE_MAX)
        return 0;
    /* A step whose errors leave 32 bits is not done, and the caller's. */
    if (nt_host_steps(loop->host, loop->options, &settings, 1, loop->points, loop->tables, &loop->state, events, labels,
                      batch.count, loop->steps, loop->first_step) != 1)
        return 0;
    batch_done(loop, &batch);
    nt_u32_store(answer + NT_LEARN_RSP_LEARNING_STEP_AT, ++loop->learning_step);
    nt_u32_store(answer + NT_LEARN_RSP_REVISION_AT, ++loop->revision);
    return NT_LEARN_RSP_SIZE;
}

static size_t request_serve(struct nt_host_loop *loop, uint8_t type, const uint8_t *payload, size_t size,
                            uint8_t *answer)
{
    switch (type) {
    case NT_TYPE_CODES_WRITE_REQ:
        return loop->tables ? codes_write(loop, payload, size, answer) : 0;
    case NT_TYPE_PRESENT_REQ:
        return present(loop, payload, size, answer);
    case NT_TYPE_LEARN_REQ:
        return loop->tables ? learn(loop, payload, size, answer) : 0;
    default:
        return 0;
    }
}

/* Bytes of the answer on the wire, or 0 where the bytes between two delimiters are no frame of the loop in its turn. */
static size_t piece_serve(struct nt_host_loop *loop, const uint8_t *piece, size_t length, uint8_t *out, size_t capacity)
{
    if (length > NT_FRAME_WIRE_BYTES((size_t)loop->max_payload) || loop->answers == NT_HOST_LOOP_ANSWERS ||
        capacity < NT_FRAME_WIRE_BYTES((size_t)loop->room))
        return 0;
    uint8_t *frame = nt_host_buffer_reserve(loop->host, BUFFER_FRAME, length);
    int covered = frame ? nt_host_frame_decode(piece, length, frame) : -1;
    if (covered < 0 || covered - NT_FRAME_HEADER_BYTES > (int)loop->max_payload || frame[0] != loop->session ||
        nt_u16_load(frame + 2) != loop->expected)
        return 0;
    /* The records of PRESENT stay where they are when other answers follow. */
    uint8_t brief[NT_LEARN_RSP_SIZE];
    uint8_t *answer = brief;
    if (frame[1] == NT_TYPE_PRESENT_REQ)
        answer = nt_host_buffer_reserve(loop->host, BUFFER_ANSWER, loop->room);
    size_t size = (size_t)covered - NT_FRAME_HEADER_BYTES;
    size_t bytes = answer ? request_serve(loop, frame[1], frame + NT_FRAME_HEADER_BYTES, size, answer) : 0;
    if (bytes == 0)
        return 0;
    return nt_host_frame_encode(loop->session, frame[1] | NT_RESPONSE_BIT, loop->expected++, answer, (uint16_t)bytes,
                                out);
}

void nt_host_loop_place(struct nt_host_loop *loop, uint8_t session, uint16_t expected, uint32_t room, uint32_t revision,
                        uint32_t learning_step, uint32_t fresh, uint64_t first_step)
{
    loop->session = session;
    loop->expected = expected;
    loop->room = room;
    loop->revision = revision;
    loop->learning_step = learning_step;
    loop->fresh = fresh;
    loop->first_step = first_step;
}

size_t nt_host_loop_serve(struct nt_host_loop *loop, const uint8_t *data, size_t length, uint8_t *out, size_t capacity)
{
    size_t at = 0;
    size_t written = 0;
    loop->answers = 0;
    loop->record_bytes = 0;
    while (at < length) {
        const uint8_t *end = memchr(data + at, 0, length - at);
        if (!end)
            break;
        size_t piece = (size_t)(end - data) - at;
        size_t bytes = piece ? piece_serve(loop, data + at, piece, out + written, capacity - written) : 0;
        if (piece && !bytes)
            break;
        at += piece + 1;
        written += bytes;
        if (bytes)
            loop->ends[loop->answers++] = (uint32_t)written;
    }
    return at;
}
