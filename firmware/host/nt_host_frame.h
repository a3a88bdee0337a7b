/* Frames of the wire as hosts make them, whole frames at a time; boards take bytes as they come (firmware/core/nt_frame.c). */
#ifndef NT_HOST_FRAME_H
#define NT_HOST_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "nt_frame.h"

/* Writes a frame of `size` bytes of payload, with both delimiters, to `out`, which has room for NT_FRAME_WIRE_BYTES of them;
   its length. */
size_t nt_host_frame_encode(uint8_t session, uint8_t type, uint16_t seq, const uint8_t *payload, uint16_t size, uint8_t *out);

/* Reads the bytes between two delimiters into `frame`, which has as many: header, payload and checksum. Gives the length of
   header and payload, or NT_ERROR_FRAME_* where they are no frame. */
int nt_host_frame_decode(const uint8_t *data, size_t length, uint8_t *frame);

#endif
