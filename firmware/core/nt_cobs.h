/* Consistent overhead byte stuffing, byte by byte in both directions; the delimiter 0x00 is the caller's. */
#ifndef NT_COBS_H
#define NT_COBS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that `length` bytes may take once stuffed. */
#define NT_COBS_BYTES_MAX(length) ((length) + (length) / 254 + 1)

struct nt_cobs_encoder {
    uint8_t *out;
    size_t capacity;
    size_t length;  /* bytes written or, where the room was too small, wanted */
    size_t code_at; /* where the code of the open block will go */
};

void nt_cobs_encode_begin(struct nt_cobs_encoder *encoder, uint8_t *out, size_t capacity);
void nt_cobs_encode_push(struct nt_cobs_encoder *encoder, uint8_t byte);

/* Length of the stuffed bytes, or NT_ERROR_SPACE. */
int nt_cobs_encode_end(struct nt_cobs_encoder *encoder);

struct nt_cobs_decoder {
    uint8_t *out;
    size_t capacity;
    size_t length;
    uint8_t left;       /* bytes still to come in the open block */
    uint8_t zero_after; /* the open block stands for a zero if another one follows */
};

void nt_cobs_decode_begin(struct nt_cobs_decoder *decoder, uint8_t *out, size_t capacity);

/* Takes one byte other than 0x00; NT_OK or NT_ERROR_SPACE. */
int nt_cobs_decode_push(struct nt_cobs_decoder *decoder, uint8_t byte);

/* Length of what was decoded, or NT_ERROR_FRAME_COBS if the last block is not complete. */
int nt_cobs_decode_end(const struct nt_cobs_decoder *decoder);

#endif
