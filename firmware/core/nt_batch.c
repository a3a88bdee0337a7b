/* Loops over samples. */
#include "nt_batch.h"

#include "nt_error.h"

static void response_row(const struct nt_response *rows, size_t at, struct nt_response *row)
{
    for (unsigned p = 0; p < NT_ARRAY_POINTS; p++)
        row->counts[p] = rows->counts[p] ? rows->counts[p] + at : 0;
    row->compared_q8 = rows->compared_q8 ? rows->compared_q8 + at : 0;
    row->membrane_q8 = rows->membrane_q8 ? rows->membrane_q8 + at : 0;
}

int nt_batch_run(struct nt_array *array, const struct nt_operating *const *operating, uint32_t points,
                 const uint8_t *events, uint32_t samples, uint32_t steps, uint64_t first_step,
                 const struct nt_response *response)
{
    size_t sample_bytes = (size_t)steps * array->image->n_inputs;
    for (uint32_t b = 0; b < samples; b++) {
        struct nt_response row;
        response_row(response, (size_t)b * array->image->n_neurons, &row);
        int result = nt_array_run(array, operating, points, events + b * sample_bytes, steps,
                                  first_step + (uint64_t)b * steps, &row);
        if (result < 0)
            return result;
    }
    return NT_OK;
}

void nt_batch_learn(struct nt_learn *learn, const struct nt_learn_state *state, const uint8_t *plus,
                    const uint8_t *minus, const int64_t *labels, uint32_t samples)
{
    for (uint32_t b = 0; b < samples; b++) {
        size_t at = (size_t)b * learn->image->n_neurons;
        nt_learn_accumulate(learn, plus + at, minus + at, labels[b]);
    }
    nt_learn_finish(learn, state);
}
