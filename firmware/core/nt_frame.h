/* Frames of the wire: 0x00, COBS of `session u8, type u8, seq u16, length u16, payload, crc32c u32`, 0x00. */
#ifndef NT_FRAME_H
#define NT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "nt_cobs.h"

#define NT_FRAME_HEADER_BYTES 6
#define NT_FRAME_CRC_BYTES 4

/* Receive buffer for payloads of up to `payload` bytes. */
#define NT_FRAME_BUFFER_BYTES(payload) ((payload) + NT_FRAME_HEADER_BYTES + NT_FRAME_CRC_BYTES)

/* Bytes on the wire of a frame with `payload` bytes, at most. */
#define NT_FRAME_WIRE_BYTES(payload) (NT_COBS_BYTES_MAX(NT_FRAME_BUFFER_BYTES(payload)) + 2)

struct nt_frame {
    uint8_t session;
    uint8_t type;
    uint16_t seq;
    uint16_t length;
    const uint8_t *payload;
};

/* Writes a frame with both delimiters to `out`; number of bytes, or NT_ERROR_SPACE. */
int nt_frame_encode(const struct nt_frame *frame, uint8_t *out, size_t capacity);

struct nt_frame_decoder {
    struct nt_cobs_decoder cobs;
    uint8_t seen;     /* bytes have come since the last delimiter */
    uint8_t overlong; /* the frame outgrew the buffer and is skipped up to its delimiter */
};

/* `buffer` belongs to the caller and lives as long as the decoder. */
void nt_frame_decoder_begin(struct nt_frame_decoder *decoder, uint8_t *buffer, size_t capacity);

/* Takes one byte from the line: 1 when `frame` was filled (its payload lies in the buffer, until the next byte), 0 when
   more is needed, NT_ERROR_FRAME_* when a frame was dropped; then the next delimiter starts afresh. */
int nt_frame_decoder_push(struct nt_frame_decoder *decoder, uint8_t byte, struct nt_frame *frame);

#endif
