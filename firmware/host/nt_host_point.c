/* An operating point laid out for the kernels: one 32-bit lane per neuron. */
#include "nt_host_model.h"
#include "nt_random.h"

#define NOISE_SCALE_Q16 113512 /* sqrt(3): a draw has standard deviation 65536 / sqrt(3) */

/* Neurons beyond the layer keep zeros: they do not work and are not stuck. */
void nt_host_point_set(struct nt_host_point *point, uint32_t index, const struct nt_layer_operating *operating,
                       uint32_t neurons)
{
    struct nt_host_point_layer *layer = &point->layers[index];
    size_t entries = layer->entries;
    int32_t *gain_exc = layer->values;
    int32_t *gain_inh = gain_exc + entries;
    int32_t *threshold = gain_inh + entries;
    int32_t *leak = threshold + entries;
    int32_t *sigma = leak + entries;
    int32_t *works = sigma + entries;
    int32_t *stuck = works + entries;
    int32_t differ = 0;
    int32_t noisy = 0;
    for (uint32_t i = 0; i < neurons; i++) {
        int fault = operating->fault ? operating->fault[i] : 0;
        gain_exc[i] = operating->gain_q12[2 * (size_t)i];
        gain_inh[i] = operating->gain_q12[2 * (size_t)i + 1];
        threshold[i] = operating->threshold_q8[i];
        leak[i] = (int32_t)operating->leak_q16[i];
        sigma[i] = operating->noise_q8 ? (int32_t)(((int64_t)operating->noise_q8[i] * NOISE_SCALE_Q16) >> 16) : 0;
        works[i] = fault == 0 ? -1 : 0;
        stuck[i] = fault > 0 ? -1 : 0;
        differ |= gain_exc[i] ^ gain_inh[i];
        noisy |= sigma[i];
    }
    layer->noise_key = nt_random_noise_key(operating->noise_seed, index);
    layer->cells.gain_exc_q12 = gain_exc;
    layer->cells.gain_inh_q12 = gain_inh;
    layer->cells.threshold_q8 = threshold;
    layer->cells.leak_q16 = leak;
    layer->cells.sigma_q8 = noisy ? sigma : 0;
    layer->cells.works = works;
    layer->cells.stuck = stuck;
    layer->cells.is_split = differ != 0;
}
