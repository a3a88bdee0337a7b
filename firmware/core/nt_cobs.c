/* COBS (Cheshire and Baker 1999): each block is a code n and n - 1 bytes; n < 255 stands for a zero at its end. */
#include "nt_cobs.h"

#include <limits.h>

#include "nt_error.h"

#define BLOCK_FULL 255

static void byte_write(struct nt_cobs_encoder *encoder, size_t at, uint8_t byte)
{
    if (at < encoder->capacity)
        encoder->out[at] = byte;
}

static void block_open(struct nt_cobs_encoder *encoder)
{
    encoder->code_at = encoder->length;
    encoder->length++;
}

static void block_close(struct nt_cobs_encoder *encoder)
{
    byte_write(encoder, encoder->code_at, (uint8_t)(encoder->length - encoder->code_at));
}

void nt_cobs_encode_begin(struct nt_cobs_encoder *encoder, uint8_t *out, size_t capacity)
{
    encoder->out = out;
    encoder->capacity = capacity;
    encoder->length = 0;
    block_open(encoder);
}

void nt_cobs_encode_push(struct nt_cobs_encoder *encoder, uint8_t byte)
{
    /* A full block is closed only when more follows, so that 254 bytes end without an empty block. */
    if (encoder->length - encoder->code_at == BLOCK_FULL) {
        block_close(encoder);
        block_open(encoder);
    }
    if (byte == 0) {
        block_close(encoder);
        block_open(encoder);
        return;
    }
    byte_write(encoder, encoder->length, byte);
    encoder->length++;
}

int nt_cobs_encode_end(struct nt_cobs_encoder *encoder)
{
    block_close(encoder);
    if (encoder->length > encoder->capacity || encoder->length > INT_MAX)
        return NT_ERROR_SPACE;
    return (int)encoder->length;
}

void nt_cobs_decode_begin(struct nt_cobs_decoder *decoder, uint8_t *out, size_t capacity)
{
    decoder->out = out;
    decoder->capacity = capacity;
    decoder->length = 0;
    decoder->left = 0;
    decoder->zero_after = 0;
}

static int byte_keep(struct nt_cobs_decoder *decoder, uint8_t byte)
{
    if (decoder->length >= decoder->capacity)
        return NT_ERROR_SPACE;
    decoder->out[decoder->length] = byte;
    decoder->length++;
    return NT_OK;
}

int nt_cobs_decode_push(struct nt_cobs_decoder *decoder, uint8_t byte)
{
    if (decoder->left > 0) {
        decoder->left--;
        return byte_keep(decoder, byte);
    }
    int result = decoder->zero_after ? byte_keep(decoder, 0) : NT_OK;
    decoder->left = (uint8_t)(byte - 1);
    decoder->zero_after = byte < BLOCK_FULL;
    return result;
}

int nt_cobs_decode_end(const struct nt_cobs_decoder *decoder)
{
    if (decoder->left > 0 || decoder->length > INT_MAX)
        return NT_ERROR_FRAME_COBS;
    return (int)decoder->length;
}
