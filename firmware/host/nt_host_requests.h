/* Payloads of the requests of a learning loop as hosts make them from arrays, whole ones at a time. Whatever does not fit
   one request, or cannot be asked for, is left to the caller: 0, and nothing is to be sent. */
#ifndef NT_HOST_REQUESTS_H
#define NT_HOST_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

/* CODES_WRITE that turns `before` into `after` in the shortest form; `out` has room for its fixed part and `n_codes`. */
size_t nt_host_codes_write(const uint8_t *before, const uint8_t *after, uint32_t n_codes, uint32_t revision,
                           size_t max_payload, uint8_t *out);

/* PRESENT of `slots`, of which those below `held` exist; `head` is its fixed part without RANGE, which is set where three
   slots or more follow one another. `out` has room for the fixed part and all slots. */
size_t nt_host_present_write(const uint8_t *head, const int64_t *slots, uint32_t count, uint32_t held,
                             uint8_t *out);

/* A step of the host loop, as nt_host_frames_encode takes it: CODES_WRITE, left out where no code changes, and PRESENT.
   `out` has room for both. The bytes of both. */
size_t nt_host_step_write(const uint8_t *before, const uint8_t *after, uint32_t n_codes, uint32_t revision,
                          size_t max_payload, const uint8_t *head, const int64_t *slots, uint32_t count, uint32_t held,
                          uint8_t *out);

/* LEARN of a whole batch; `out` has room for its fixed part and all pairs of slot and label. */
size_t nt_host_learn_write(uint32_t expected_step, uint16_t rate_q8, const int64_t *slots, const int64_t *labels,
                           uint32_t count, uint32_t held, uint8_t *out);

#endif
