/* An operating point laid out for the kernels: one 32-bit lane per neuron. */
#include "nt_host_edges.h"
#include "nt_random.h"

#define NOISE_SCALE_Q16 113512 /* sqrt(3): a draw has standard deviation 65536 / sqrt(3) */

/* One shift for all neurons, where there is one: 65536 >> shift, or 0 for no leak. */
static void leak_find(struct nt_host_cells *cells, const uint32_t *leak_q16, uint32_t neurons)
{
    uint32_t own = leak_q16[0];
    int even = cells->refractory == 0 && (own & (own - 1)) == 0;
    for (uint32_t i = 1; i < neurons && even; i++)
        even = leak_q16[i] == own;
    cells->leak_is_even = even;
    cells->leak_mask = own ? -1 : 0;
    cells->leak_shift = 0;
    for (uint32_t left = own; left != 0 && left < 65536; left <<= 1)
        cells->leak_shift++;
}

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
    int32_t gains = 0;
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
        gains |= gain_exc[i];
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
    layer->gains = gains;
    leak_find(&layer->cells, operating->leak_q16, neurons);
    nt_host_edges_find(point->isa, layer);
}

void nt_host_point_codes_set(const struct nt_host *host, struct nt_host_point *point, const uint16_t *gain_q12,
                             const uint8_t *codes)
{
    for (uint32_t l = 0; l < host->n_layers; l++) {
        struct nt_host_point_layer *layer = &point->layers[l];
        const uint16_t *domain = host->layers[l].domain;
        int32_t *gain_exc = layer->values;
        int32_t *gain_inh = gain_exc + layer->entries;
        int32_t differ = 0;
        int32_t gains = 0;
        for (uint32_t i = 0; i < host->layers[l].n_neurons; i++) {
            gain_exc[i] = gain_q12[codes[domain[2 * i]]];
            gain_inh[i] = gain_q12[codes[domain[2 * i + 1]]];
            differ |= gain_exc[i] ^ gain_inh[i];
            gains |= gain_exc[i];
        }
        layer->cells.is_split = differ != 0;
        layer->gains = gains;
        nt_host_edges_find(point->isa, layer);
    }
}

static void table_set(const struct nt_host *host, struct nt_host_point *point, const uint16_t *const *tables,
                      const uint8_t *codes)
{
    for (uint32_t l = 0; l < host->n_layers; l++) {
        struct nt_host_point_layer *layer = &point->layers[l];
        const uint16_t *domain = host->layers[l].domain;
        size_t neurons = host->layers[l].n_neurons;
        int32_t *gain_exc = layer->values;
        int32_t *gain_inh = gain_exc + layer->entries;
        int32_t differ = 0;
        int32_t gains = 0;
        for (size_t i = 0; i < neurons; i++) {
            gain_exc[i] = tables[l][2 * (codes[domain[2 * i]] * neurons + i)];
            gain_inh[i] = tables[l][2 * (codes[domain[2 * i + 1]] * neurons + i) + 1];
            differ |= gain_exc[i] ^ gain_inh[i];
            gains |= gain_exc[i];
        }
        layer->cells.is_split = differ != 0;
        layer->gains = gains;
        nt_host_edges_find(point->isa, layer);
    }
}

void nt_host_points_table_set(const struct nt_host *host, struct nt_host_point *const *points, uint32_t n_points,
                              const uint16_t *const *tables, const uint8_t *codes)
{
    for (uint32_t p = 0; p < n_points; p++)
        table_set(host, points[p], tables, codes + (size_t)p * host->n_codes);
}
