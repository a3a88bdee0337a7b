/* Batches of frames, each made and read by nt_host_frame.c. */
#include "nt_host_frames.h"

#include <string.h>

#include "nt_bytes.h"
#include "nt_frame.h"
#include "nt_host_frame.h"

_Static_assert(NT_HOST_FRAME_LEAST <= NT_FRAME_BUFFER_BYTES(0) + 2, "a shorter frame would not find room in `seen`");

size_t nt_host_frames_encode(uint8_t session, uint16_t seq, const uint8_t *requests, uint32_t count, uint8_t *out)
{
    size_t written = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t size = nt_u16_load(requests + 1);
        written += nt_host_frame_encode(session, requests[0], seq++, requests + NT_HOST_REQUEST_HEAD, size, out + written);
        requests += NT_HOST_REQUEST_HEAD + size;
    }
    return written;
}

/* 1 where the piece is a frame, which is then in `seen` with its payload in `out`, after `kept` bytes. */
static int piece_decode(const uint8_t *piece, size_t length, size_t max_payload, uint8_t *out, size_t kept,
                        struct nt_host_frame_seen *seen)
{
    uint8_t *frame = out + kept;
    int covered = nt_host_frame_decode(piece, length, frame);
    if (covered < 0 || (size_t)covered - NT_FRAME_HEADER_BYTES > max_payload)
        return 0;
    seen->session = frame[0];
    seen->type = frame[1];
    seen->seq = nt_u16_load(frame + 2);
    seen->begin = (uint32_t)(kept + NT_FRAME_HEADER_BYTES);
    seen->end = (uint32_t)(kept + (size_t)covered);
    return 1;
}

void nt_host_frames_decode(const uint8_t *data, size_t length, size_t longest, size_t max_payload, uint8_t *out,
                           struct nt_host_frame_seen *seen, struct nt_host_frames_cut *cut)
{
    size_t at = 0;
    size_t kept = 0;
    const uint8_t *end;
    memset(cut, 0, sizeof *cut);
    while (at < length && (end = memchr(data + at, 0, length - at))) {
        size_t piece = (size_t)(end - data) - at;
        if (piece > 0 && piece <= longest &&
            piece_decode(data + at, piece, max_payload, out, kept, &seen[cut->frames]))
            kept = seen[cut->frames++].end;
        else if (piece > 0)
            cut->bad++;
        at += piece + 1;
    }
    cut->taken = (uint32_t)at;
}
