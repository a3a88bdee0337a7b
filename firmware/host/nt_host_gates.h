/* The dithered read-out of a die as a learning step needs it: a bit per neuron (docs/spec_wire.md, PRESENT with GATES). */
#ifndef NT_HOST_GATES_H
#define NT_HOST_GATES_H

#include <stddef.h>
#include <stdint.h>

#include "nt_host.h"

/* Bytes of the gates of one sample. */
size_t nt_host_gates_bytes(const struct nt_host *host);

/* A bit for each of `count` bytes, LSB first and filled up to a byte: 1 where it differs from that of `other`, or from 0
   where there is no other. */
void nt_host_bits_write(const uint8_t *bytes, const uint8_t *other, size_t count, uint8_t *out);

/* Presents `samples` at `codes`, above and below them, and writes the gates of each: a bit per neuron, LSB first and filled
   up to a byte, 1 where a hidden neuron's counts above and below differ, and where an output spiked above; then a bit per
   output, 1 where it spiked below. `settings` give the offsets alone; the rest as nt_host_steps. NT_OK or a negative error. */
int nt_host_gates(struct nt_host *host, const struct nt_host_options *options, const struct nt_learn_settings *settings,
                  struct nt_host_point *const *points, const uint16_t *const *tables, const uint8_t *codes,
                  const uint8_t *events, uint32_t samples, uint32_t steps, uint64_t first_step, uint8_t *gates);

/* Planes of `samples` rows of `neurons` bytes with the same gates: above, the bits of all neurons, then below, those of the
   outputs alone and 0 for the others. */
void nt_host_gates_unpack(const uint8_t *gates, uint32_t samples, uint32_t neurons, uint32_t outputs, uint8_t *planes);

/* nt_host_learn of the same planes. */
int nt_host_gates_learn(struct nt_host *host, const struct nt_host_options *options,
                        const struct nt_learn_settings *settings, const struct nt_learn_state *state,
                        const uint8_t *gates, const int64_t *labels, uint32_t samples);

#endif
