/* Fuzzes sessions and commands: the input is a list of requests, each given a valid frame so that it gets past the CRC.
 *
 * A request is `control, type, length`, then the payload. Bits of control: 0-1 sequence number (expected, one ahead, one
 * behind, eight behind), 2 wrong session, 3 the payload's revision or step is made the present one, 4 power cycle
 * first, 5 silence first, 6 the NV memory refuses, 7 a length of 256 more. A board with little memory is used if the
 * first byte of all is odd. */
#include <stdlib.h>
#include <string.h>

#include "nt_core.h"
#include "nt_error.h"
#include "nt_fuzz_image.h"

#define SCRATCH_SMALL 24576u
#define SCRATCH_LARGE 524288u
#define NV_AREA_BYTES 4096u
#define CODE_LOW 10
#define CODE_HIGH 250
#define MOVE_MAX 8
#define CODES_MAX 4096u
#define OUT_BYTES 8192u
#define REQUESTS_MAX 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nt_core core;
static struct nt_hal hal;
static uint8_t *scratch;
static size_t scratch_bytes;
static uint8_t nv[2][NV_AREA_BYTES];
static uint8_t wire[NT_FRAME_WIRE_BYTES(NT_BASE_MAX_PAYLOAD)];
static size_t wire_at, wire_end, out_end;
static uint8_t out[OUT_BYTES];
static uint8_t before[CODES_MAX];
static uint32_t now_us;
static int reset_wanted, nv_refuses;

static void require(int good)
{
    if (!good)
        abort();
}

static int rx_read(void *context, uint8_t *data, size_t capacity)
{
    size_t left = wire_end - wire_at;
    size_t count = left < capacity ? left : capacity;
    (void)context;
    memcpy(data, wire + wire_at, count);
    wire_at += count;
    return (int)count;
}

static int tx_write(void *context, const uint8_t *data, size_t length)
{
    (void)context;
    require(out_end + length <= OUT_BYTES);
    memcpy(out + out_end, data, length);
    out_end += length;
    return (int)length;
}

static int baud_set(void *context, uint32_t baud)
{
    (void)context;
    return (int)baud;
}

static uint32_t time_us(void *context)
{
    (void)context;
    return now_us;
}

static void nothing_do(void *context)
{
    (void)context;
}

static int nv_read(void *context, int area, uint32_t offset, uint8_t *data, size_t length)
{
    (void)context;
    require(offset <= NV_AREA_BYTES && length <= NV_AREA_BYTES - offset);
    memcpy(data, nv[area] + offset, length);
    return 0;
}

static int nv_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    (void)context;
    require(offset <= NV_AREA_BYTES && length <= NV_AREA_BYTES - offset && offset % 4 == 0 && length % 4 == 0);
    if (nv_refuses)
        return NT_ERROR_ARGUMENT;
    for (size_t i = 0; i < length; i++)
        require(nv[area][offset + i] == 0xFF);
    memcpy(nv[area] + offset, data, length);
    return 0;
}

static int nv_erase(void *context, int area)
{
    (void)context;
    if (nv_refuses)
        return NT_ERROR_ARGUMENT;
    memset(nv[area], 0xFF, NV_AREA_BYTES);
    return 0;
}

static int uid_read(void *context, uint8_t uid[8])
{
    (void)context;
    memset(uid, 0x5A, 8);
    return 0;
}

static void reset(void *context)
{
    (void)context;
    reset_wanted = 1;
}

static void boot(uint32_t reason)
{
    hal = (struct nt_hal){.rx_read = rx_read, .tx_write = tx_write, .baud_set = baud_set, .time_us = time_us,
                          .idle_wait = nothing_do, .watchdog_feed = nothing_do, .nv_read = nv_read,
                          .nv_program = nv_program, .nv_erase = nv_erase, .uid_read = uid_read, .reset = reset,
                          .nv_area_bytes = NV_AREA_BYTES, .nv_word_bytes = 4, .reset_reason = reason,
                          .image = nt_fuzz_image, .image_bytes = sizeof nt_fuzz_image};
    reset_wanted = 0;
    require(nt_core_init(&core, &hal, scratch, scratch_bytes) == NT_OK);
    core.chip.codes.code_min = CODE_LOW;
    core.chip.codes.code_max = CODE_HIGH;
    core.chip.codes.max_move_code = MOVE_MAX;
}

/* Whatever is sent are whole frames with types of answers. */
static uint32_t answers_check(void)
{
    static uint8_t buffer[NT_FRAME_BUFFER_BYTES(NT_BASE_MAX_PAYLOAD)];
    struct nt_frame_decoder decoder;
    struct nt_frame frame = {0};
    uint32_t answers = 0;
    nt_frame_decoder_begin(&decoder, buffer, sizeof buffer);
    for (size_t i = 0; i < out_end; i++) {
        int result = nt_frame_decoder_push(&decoder, out[i], &frame);
        require(result >= 0);
        require(result == 0 || (frame.type & NT_RESPONSE_BIT) != 0);
        answers += (uint32_t)result;
    }
    require(out_end == 0 || out[out_end - 1] == 0);
    return answers;
}

/* No request moves a code out of range, and no write moves one further than the slew limit. */
static void codes_check(uint8_t type)
{
    const struct nt_codes *codes = &core.chip.codes;
    for (uint32_t i = 0; i < core.chip.image.n_codes; i++) {
        int move = codes->codes[i] - before[i];
        require(codes->codes[i] >= CODE_LOW && codes->codes[i] <= CODE_HIGH);
        require(type != NT_TYPE_CODES_WRITE_REQ || (move >= -MOVE_MAX && move <= MOVE_MAX));
        require(type == NT_TYPE_CODES_WRITE_REQ || type == NT_TYPE_LEARN_REQ || type == NT_TYPE_RESET_REQ ||
                move == 0);
    }
}

static void frame_run(const struct nt_frame *frame)
{
    int length = nt_frame_encode(frame, wire, sizeof wire);
    require(length > 0 && core.chip.image.n_codes <= CODES_MAX);
    memcpy(before, core.chip.codes.codes, core.chip.image.n_codes);
    wire_at = out_end = 0;
    wire_end = (size_t)length;
    for (int polls = 0; !reset_wanted && (nt_core_poll(&core) > 0 || wire_at < wire_end); polls++)
        require(polls < 100000);
    require(answers_check() <= 1);
    if (reset_wanted)
        boot(NT_RESET_REASON_SOFTWARE);
    codes_check(frame->type);
}

static void hello_run(uint8_t nonce)
{
    uint8_t payload[NT_HELLO_REQ_SIZE] = {NT_PROTOCOL_MAJOR, NT_PROTOCOL_MINOR};
    const struct nt_frame frame = {0, NT_TYPE_HELLO_REQ, 7, sizeof payload, payload};
    nt_u32_store(payload + NT_HELLO_REQ_SCHEMA_HASH_AT, NT_SCHEMA_HASH);
    payload[NT_HELLO_REQ_NONCE_AT] = nonce;
    nt_u16_store(payload + NT_HELLO_REQ_MAX_PAYLOAD_AT, NT_BASE_MAX_PAYLOAD);
    payload[NT_HELLO_REQ_WINDOW_AT] = 8;
    frame_run(&frame);
}

static void present_state_store(uint8_t type, uint8_t *payload, size_t length)
{
    if (length < 4)
        return;
    if (type == NT_TYPE_CODES_WRITE_REQ || type == NT_TYPE_COMMIT_REQ)
        nt_u32_store(payload, core.chip.codes.revision);
    if (type == NT_TYPE_LEARN_REQ)
        nt_u32_store(payload, core.chip.loop.step);
}

static void world_change(uint8_t control)
{
    nv_refuses = control >> 6 & 1;
    if (control & 16)
        boot(NT_RESET_REASON_WATCHDOG);
    if (control & 32) {
        (void)nt_core_poll(&core);
        now_us += NT_SILENCE_US;
        (void)nt_core_poll(&core);
    }
    if (core.session.number == 0)
        hello_run(control);
}

static void request_run(uint8_t control, uint8_t type, const uint8_t *data, size_t length)
{
    static const uint16_t distance[4] = {0, 1, 0xFFFF, 0xFFF8};
    uint8_t payload[NT_BASE_MAX_PAYLOAD];
    struct nt_frame frame = {0, type, 0, (uint16_t)length, payload};
    memcpy(payload, data, length);
    world_change(control);
    if (control & 8)
        present_state_store(type, payload, length);
    frame.session = (uint8_t)(core.session.number + (control >> 2 & 1));
    frame.seq = (uint16_t)(core.session.expected + distance[control & 3]);
    frame_run(&frame);
}

static void chip_make(int is_small)
{
    scratch_bytes = is_small ? SCRATCH_SMALL : SCRATCH_LARGE;
    scratch = malloc(scratch_bytes);
    require(scratch != NULL);
    memset(scratch, 0, sizeof(struct nt_retained_boots));
    memset(nv, 0xFF, sizeof nv);
    nv_refuses = 0;
    boot(NT_RESET_REASON_POWER_ON);
    hello_run(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 1;
    if (size == 0)
        return 0;
    chip_make(data[0] & 1);
    for (int requests = 0; size - at >= 3 && requests < REQUESTS_MAX; requests++) {
        uint8_t control = data[at];
        uint8_t type = data[at + 1];
        size_t length = data[at + 2] + (control & 128 ? 256u : 0u);
        at += 3;
        if (length > size - at)
            length = size - at;
        request_run(control, type, data + at, length);
        at += length;
    }
    free(scratch);
    return 0;
}
