/* Byte stuffing of whole frames, a run at a time; the byte-by-byte form of boards is firmware/core/nt_cobs.c. */
#ifndef NT_HOST_COBS_H
#define NT_HOST_COBS_H

#include <stddef.h>
#include <stdint.h>

/* Stuffs `length` bytes into `out`, which has room for length + length / 254 + 1; gives the number written. */
size_t nt_host_cobs_encode(const uint8_t *data, size_t length, uint8_t *out);

/* Undoes it into `out`, which has room for `length`; gives the number written, or -1 where `data` is no stuffing of anything. */
long nt_host_cobs_decode(const uint8_t *data, size_t length, uint8_t *out);

#endif
