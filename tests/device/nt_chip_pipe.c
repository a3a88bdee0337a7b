/* The core behind a pipe, in lock-step: every command gets one answer once the core has nothing more to do.
 *
 * On standard input, little-endian: 'O' boots a fresh chip (struct open, image), 'F' feeds bytes (u32 length, bytes),
 * 'T' lets time pass (u32 us), 'N' makes the NV memory refuse (u8). Answer: i32 result, u32 extra, u32 length, bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nt_core.h"
#include "nt_error.h"

#define SCRATCH_BYTES (64u << 20)
#define NV_AREA_BYTES 0x10000u
#define OUT_BYTES (1u << 20)
#define POLLS_MAX 10000000u

struct open {
    uint32_t scratch_bytes;
    uint8_t code_min;
    uint8_t code_max;
    uint8_t max_move_code;
    uint8_t reset_reason;
    uint8_t uid[8];
    uint32_t image_bytes;
};

static _Alignas(16) uint8_t scratch[SCRATCH_BYTES];
static uint8_t nv[2][NV_AREA_BYTES];
static uint8_t out[OUT_BYTES];
static struct open options;
static struct nt_core core;
static struct nt_hal hal;
static uint8_t *image;
static uint8_t *in;
static size_t in_at, in_end, out_end;
static uint32_t now_us, chunk;
static int reset_wanted, nv_refuses;

/* Pieces of changing size, so that no boundary is special. */
static size_t piece(size_t wanted)
{
    size_t most = chunk++ * 7u % 61u + 1u;
    return wanted < most ? wanted : most;
}

static int rx_read(void *context, uint8_t *data, size_t capacity)
{
    size_t left = in_end - in_at;
    size_t count = piece(left < capacity ? left : capacity);
    (void)context;
    if (reset_wanted)
        return 0;
    memcpy(data, in + in_at, count);
    in_at += count;
    return (int)count;
}

static int tx_write(void *context, const uint8_t *data, size_t length)
{
    size_t count = piece(length);
    (void)context;
    if (chunk % 5 == 0)
        return 0;
    if (out_end + count > OUT_BYTES)
        abort();
    memcpy(out + out_end, data, count);
    out_end += count;
    return (int)count;
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
    if (offset + length > NV_AREA_BYTES)
        abort();
    memcpy(data, nv[area] + offset, length);
    return 0;
}

static int nv_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    (void)context;
    if (nv_refuses)
        return NT_ERROR_ARGUMENT;
    if (offset + length > NV_AREA_BYTES || offset % 4 || length % 4)
        abort();
    for (size_t i = 0; i < length; i++) {
        if (nv[area][offset + i] != 0xFF)
            abort();
        nv[area][offset + i] = data[i];
    }
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
    memcpy(uid, options.uid, 8);
    return 0;
}

static void reset(void *context)
{
    (void)context;
    reset_wanted = 1;
}

static int boot(uint32_t reason)
{
    uint32_t bytes = options.scratch_bytes < SCRATCH_BYTES ? options.scratch_bytes : SCRATCH_BYTES;
    hal = (struct nt_hal){.rx_read = rx_read, .tx_write = tx_write, .baud_set = baud_set, .time_us = time_us,
                          .idle_wait = nothing_do, .watchdog_feed = nothing_do, .nv_read = nv_read,
                          .nv_program = nv_program, .nv_erase = nv_erase, .uid_read = uid_read, .reset = reset,
                          .nv_area_bytes = NV_AREA_BYTES, .nv_word_bytes = 4, .reset_reason = reason,
                          .image = image, .image_bytes = options.image_bytes};
    int result = nt_core_init(&core, &hal, scratch, bytes);
    core.chip.codes.code_min = options.code_min;
    core.chip.codes.code_max = options.code_max;
    core.chip.codes.max_move_code = options.max_move_code;
    return result;
}

static void settle(void)
{
    int idle = 0;
    /* A line that takes nothing now gives 0 as well. */
    for (uint32_t polls = 0; idle < 3; polls++) {
        if (polls > POLLS_MAX)
            abort();
        int result = nt_core_poll(&core);
        if (result < 0)
            return;
        idle = result > 0 ? 0 : idle + 1;
        if (reset_wanted) {
            reset_wanted = 0;
            in_at = in_end;
            (void)boot(NT_RESET_REASON_SOFTWARE);
        }
        if (in_at < in_end || core.session.tx_left > 0)
            idle = 0;
    }
}

static void bytes_get(void *to, size_t count)
{
    if (fread(to, 1, count, stdin) != count)
        exit(0);
}

static uint8_t *block_get(uint8_t *old, size_t count)
{
    free(old);
    uint8_t *block = malloc(count + 1);
    if (!block)
        abort();
    bytes_get(block, count);
    return block;
}

static void answer_put(int32_t result, uint32_t extra)
{
    uint32_t length = (uint32_t)out_end;
    fwrite(&result, 4, 1, stdout);
    fwrite(&extra, 4, 1, stdout);
    fwrite(&length, 4, 1, stdout);
    fwrite(out, 1, out_end, stdout);
    fflush(stdout);
    out_end = 0;
}

static void chip_open(void)
{
    bytes_get(&options, sizeof options);
    image = block_get(image, options.image_bytes);
    memset(nv, 0xFF, sizeof nv);
    memset(scratch, 0xA5, sizeof(struct nt_retained_boots));
    in_at = in_end = 0;
    nv_refuses = 0;
    int result = boot(options.reset_reason);
    answer_put(result, result < 0 ? 0 : (uint32_t)((uint8_t *)core.chip.slots.filled - scratch));
}

static void bytes_feed(void)
{
    uint32_t length;
    bytes_get(&length, sizeof length);
    in = block_get(in, length);
    in_at = 0;
    in_end = length;
    settle();
    answer_put(0, sizeof core);
}

int main(void)
{
    for (;;) {
        uint32_t us;
        int command = getchar();
        if (command == 'O') {
            chip_open();
        } else if (command == 'F') {
            bytes_feed();
        } else if (command == 'T') {
            bytes_get(&us, sizeof us);
            now_us += us;
            settle();
            answer_put(0, 0);
        } else if (command == 'N') {
            nv_refuses = getchar() == 1;
            answer_put(0, 0);
        } else {
            return command == EOF ? 0 : 1;
        }
    }
}
