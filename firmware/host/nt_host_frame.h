/* Frames of the wire as hosts make them, whole frames at a time; boards take bytes as they come (firmware/core/nt_frame.c). */
#ifndef NT_HOST_FRAME_H
#define NT_HOST_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "nt_frame.h"

/* Writes a frame with both delimiters to `out`, which has room for NT_FRAME_WIRE_BYTES of its payload; its size. */
size_t nt_host_frame_encode(const struct nt_frame *frame, uint8_t *out);

/* Reads the bytes between two delimiters. `room` has as many bytes and keeps the payload that `frame` points to. NT_OK, or
   NT_ERROR_FRAME_* where they are no frame. */
int nt_host_frame_decode(const uint8_t *data, size_t length, uint8_t *room, struct nt_frame *frame);

#endif
