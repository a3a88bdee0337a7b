/* Whole batches in one call, for hosts: the loops over samples of the forward pass and of the learning step. */
#ifndef NT_BATCH_H
#define NT_BATCH_H

#include "nt_array.h"
#include "nt_learn.h"

/* Runs `samples` samples; sample b reads events + b * steps * n_inputs, starts at first_step + b * steps and writes row
   b of each result (one row: n_neurons entries). */
int nt_batch_run(struct nt_array *array, const struct nt_operating *const *operating, uint32_t points,
                 const uint8_t *events, uint32_t samples, uint32_t steps, uint64_t first_step,
                 const struct nt_response *response);

/* One learning step on `samples` rows of dithered spike counts. */
void nt_batch_learn(struct nt_learn *learn, const struct nt_learn_state *state, const uint8_t *plus,
                    const uint8_t *minus, const int64_t *labels, uint32_t samples);

#endif
