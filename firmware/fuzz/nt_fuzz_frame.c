/* Fuzzes the frame decoder: any bytes, any buffer size; what it accepts must encode back to an equivalent frame. */
#include <stdlib.h>
#include <string.h>

#include "nt_error.h"
#include "nt_frame.h"

#define PAYLOAD_MAX 600

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int good)
{
    if (!good)
        abort();
}

/* Encoding what was decoded, and decoding that, gives the same frame. */
static void frame_round_trip(const struct nt_frame *frame)
{
    static uint8_t wire[NT_FRAME_WIRE_BYTES(PAYLOAD_MAX)];
    static uint8_t buffer[NT_FRAME_BUFFER_BYTES(PAYLOAD_MAX)];
    struct nt_frame_decoder decoder;
    struct nt_frame back = {0};
    int length = nt_frame_encode(frame, wire, sizeof wire);
    require(length > 0);
    nt_frame_decoder_begin(&decoder, buffer, sizeof buffer);
    for (int i = 0; i < length - 1; i++)
        require(nt_frame_decoder_push(&decoder, wire[i], &back) == 0);
    require(nt_frame_decoder_push(&decoder, wire[length - 1], &back) == 1);
    require(back.session == frame->session && back.type == frame->type && back.seq == frame->seq);
    require(back.length == frame->length && memcmp(back.payload, frame->payload, frame->length) == 0);
}

/* Two bytes of the input choose the size of the buffer, which lies at the end of its allocation. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nt_frame_decoder decoder;
    struct nt_frame frame = {0};
    if (size < 2)
        return 0;
    size_t capacity = (size_t)(data[0] | data[1] << 8) % NT_FRAME_BUFFER_BYTES(PAYLOAD_MAX) + 1;
    uint8_t *buffer = malloc(capacity);
    require(buffer != NULL);
    nt_frame_decoder_begin(&decoder, buffer, capacity);
    for (size_t i = 2; i < size; i++) {
        int result = nt_frame_decoder_push(&decoder, data[i], &frame);
        require(result >= NT_ERROR_FRAME_SPACE && result <= 1);
        if (result == 1)
            frame_round_trip(&frame);
    }
    free(buffer);
    return 0;
}
