/* Frame codec: nothing is believed before both the length and the CRC hold. */
#include "nt_frame.h"

#include "nt_bytes.h"
#include "nt_crc32c.h"
#include "nt_error.h"

static void bytes_push(struct nt_cobs_encoder *encoder, const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        nt_cobs_encode_push(encoder, data[i]);
}

static void header_store(const struct nt_frame *frame, uint8_t header[NT_FRAME_HEADER_BYTES])
{
    header[0] = frame->session;
    header[1] = frame->type;
    nt_u16_store(header + 2, frame->seq);
    nt_u16_store(header + 4, frame->length);
}

int nt_frame_encode(const struct nt_frame *frame, uint8_t *out, size_t capacity)
{
    uint8_t header[NT_FRAME_HEADER_BYTES];
    uint8_t tail[NT_FRAME_CRC_BYTES];
    struct nt_cobs_encoder encoder;
    if (capacity < 2)
        return NT_ERROR_SPACE;
    header_store(frame, header);
    uint32_t crc = nt_crc32c_extend(NT_CRC32C_START, header, sizeof header);
    nt_u32_store(tail, nt_crc32c_end(nt_crc32c_extend(crc, frame->payload, frame->length)));
    nt_cobs_encode_begin(&encoder, out + 1, capacity - 2);
    bytes_push(&encoder, header, sizeof header);
    bytes_push(&encoder, frame->payload, frame->length);
    bytes_push(&encoder, tail, sizeof tail);
    int length = nt_cobs_encode_end(&encoder);
    if (length < 0)
        return length;
    out[0] = 0;
    out[length + 1] = 0;
    return length + 2;
}

static void frame_restart(struct nt_frame_decoder *decoder)
{
    nt_cobs_decode_begin(&decoder->cobs, decoder->cobs.out, decoder->cobs.capacity);
    decoder->seen = 0;
    decoder->overlong = 0;
}

void nt_frame_decoder_begin(struct nt_frame_decoder *decoder, uint8_t *buffer, size_t capacity)
{
    nt_cobs_decode_begin(&decoder->cobs, buffer, capacity);
    frame_restart(decoder);
}

static int frame_check(const uint8_t *data, int length, struct nt_frame *frame)
{
    if (length < 0)
        return length;
    if (length < NT_FRAME_HEADER_BYTES + NT_FRAME_CRC_BYTES)
        return NT_ERROR_FRAME_LENGTH;
    size_t covered = (size_t)length - NT_FRAME_CRC_BYTES;
    if (nt_u16_load(data + 4) != covered - NT_FRAME_HEADER_BYTES)
        return NT_ERROR_FRAME_LENGTH;
    if (nt_crc32c_end(nt_crc32c_extend(NT_CRC32C_START, data, covered)) != nt_u32_load(data + covered))
        return NT_ERROR_FRAME_CRC;
    frame->session = data[0];
    frame->type = data[1];
    frame->seq = nt_u16_load(data + 2);
    frame->length = nt_u16_load(data + 4);
    frame->payload = data + NT_FRAME_HEADER_BYTES;
    return 1;
}

static int delimiter_take(struct nt_frame_decoder *decoder, struct nt_frame *frame)
{
    int result = 0;
    if (decoder->overlong)
        result = NT_ERROR_FRAME_SPACE;
    else if (decoder->seen)
        result = frame_check(decoder->cobs.out, nt_cobs_decode_end(&decoder->cobs), frame);
    frame_restart(decoder);
    return result;
}

int nt_frame_decoder_push(struct nt_frame_decoder *decoder, uint8_t byte, struct nt_frame *frame)
{
    if (byte == 0)
        return delimiter_take(decoder, frame);
    decoder->seen = 1;
    if (!decoder->overlong && nt_cobs_decode_push(&decoder->cobs, byte) < 0)
        decoder->overlong = 1;
    return 0;
}
