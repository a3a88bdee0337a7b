/* Frames of the wire by the batch: what a host sends in one go, and what one read of its brings. */
#ifndef NT_HOST_FRAMES_H
#define NT_HOST_FRAMES_H

#include <stddef.h>
#include <stdint.h>

/* Bytes before each payload in `requests`: type u8, size of the payload u16. */
#define NT_HOST_REQUEST_HEAD 3u

/* A good frame of a read; its payload lies from `begin` to `end`. */
struct nt_host_frame_seen {
    uint8_t session;
    uint8_t type;
    uint16_t seq;
    uint32_t begin;
    uint32_t end;
};

/* What a read was made of: bytes up to its last delimiter, good frames, and pieces that were none. */
struct nt_host_frames_cut {
    uint32_t taken;
    uint32_t frames;
    uint32_t bad;
};

/* Frames `count` requests, one after the other in `requests`, numbered from `seq` on, into `out`, which has room for
   NT_FRAME_WIRE_BYTES of each. The bytes written. */
size_t nt_host_frames_encode(uint8_t session, uint16_t seq, const uint8_t *requests, uint32_t count, uint8_t *out);

/* Reads what lies between the delimiters of `data`. Pieces longer than `longest`, and frames whose payload is longer than
   `max_payload`, are none. `out` has room for `length` bytes, `seen` for a frame in every NT_HOST_FRAME_LEAST of them. */
#define NT_HOST_FRAME_LEAST 12u
void nt_host_frames_decode(const uint8_t *data, size_t length, size_t longest, size_t max_payload, uint8_t *out,
                           struct nt_host_frame_seen *seen, struct nt_host_frames_cut *cut);

#endif
