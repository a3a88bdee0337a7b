/* An operating point laid out for the kernels: one 32-bit lane per neuron. */
#include <stdatomic.h>

#include "nt_host_edges.h"
#include "nt_random.h"

#define NOISE_SCALE_Q16 113512 /* sqrt(3): a draw has standard deviation 65536 / sqrt(3) */

/* Blocks whose gains a thread sets at a time. */
#define BLOCKS_SHARE 4u

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
    if (!layer->cells.is_split)
        nt_host_edges_find(point->isa, layer, 0, (uint32_t)(layer->entries / NT_HOST_BLOCK));
}

/* Gains of a layer at several points, of which each row of `codes` has its own. */
struct gains_job {
    const struct nt_host_layer *layer;
    uint32_t index;
    struct nt_host_point *const *points;
    uint32_t n_points;
    struct nt_host_gains gains;
    const uint8_t *codes;
    size_t n_codes;
    /* ORs per point: of all gains, and of the two of each neuron that differ. */
    atomic_int all[NT_ARRAY_POINTS];
    atomic_int differ[NT_ARRAY_POINTS];
};

/* The same over some neurons. */
struct gains_seen {
    int32_t all;
    int32_t differ;
};

/* Lines that do not change stay with all threads. */
static void seen_join(atomic_int *all, int32_t own)
{
    if (own & ~atomic_load(all))
        atomic_fetch_or(all, own);
}

static struct gains_seen gains_fill(const struct gains_job *job, uint32_t point, size_t first, size_t end)
{
    struct nt_host_point_layer *layer = &job->points[point]->layers[job->index];
    const uint8_t *codes = job->codes + point * job->n_codes;
    const uint16_t *domain = job->layer->domain;
    const uint16_t *table = job->gains.tables ? job->gains.tables[job->index] : 0;
    size_t neurons = job->layer->n_neurons;
    int32_t *gain_exc = layer->values;
    int32_t *gain_inh = gain_exc + layer->entries;
    struct gains_seen seen = {0, 0};
    for (size_t i = first; i < end; i++) {
        uint8_t exc = codes[domain[2 * i]];
        uint8_t inh = codes[domain[2 * i + 1]];
        gain_exc[i] = table ? table[2 * (exc * neurons + i)] : job->gains.nominal_q12[exc];
        gain_inh[i] = table ? table[2 * (inh * neurons + i) + 1] : job->gains.nominal_q12[inh];
        seen.differ |= gain_exc[i] ^ gain_inh[i];
        seen.all |= gain_exc[i];
    }
    return seen;
}

/* A run of blocks at all points, with their edges; nobody asks for those of a layer some domain of which is split. */
static void blocks_set(void *context, uint32_t share, uint32_t lane)
{
    struct gains_job *job = context;
    uint32_t first = share * BLOCKS_SHARE;
    uint32_t left = job->layer->n_blocks - first;
    uint32_t blocks = left < BLOCKS_SHARE ? left : BLOCKS_SHARE;
    size_t neurons = job->layer->n_neurons;
    size_t end = (size_t)(first + blocks) * NT_HOST_BLOCK;
    (void)lane;
    for (uint32_t p = 0; p < job->n_points; p++) {
        struct gains_seen seen = gains_fill(job, p, (size_t)first * NT_HOST_BLOCK, end < neurons ? end : neurons);
        seen_join(&job->all[p], seen.all);
        seen_join(&job->differ[p], seen.differ);
        if (!seen.differ)
            nt_host_edges_find(job->points[p]->isa, &job->points[p]->layers[job->index], first, blocks);
    }
}

void nt_host_gains_set(const struct nt_host *host, struct nt_host_pool **pool, uint32_t threads,
                       struct nt_host_point *const *points, uint32_t n_points, struct nt_host_gains gains,
                       const uint8_t *codes)
{
    for (uint32_t l = 0; l < host->n_layers; l++) {
        struct gains_job job = {.layer = &host->layers[l], .index = l, .points = points, .n_points = n_points,
                                .gains = gains, .codes = codes, .n_codes = host->n_codes};
        nt_host_pool_run(pool, blocks_set, &job, (job.layer->n_blocks + BLOCKS_SHARE - 1) / BLOCKS_SHARE, threads);
        for (uint32_t p = 0; p < n_points; p++) {
            points[p]->layers[l].gains = atomic_load(&job.all[p]);
            points[p]->layers[l].cells.is_split = atomic_load(&job.differ[p]) != 0;
        }
    }
}

void nt_host_points_table_set(const struct nt_host *host, struct nt_host_point *const *points, uint32_t n_points,
                              const uint16_t *const *tables, const uint8_t *codes)
{
    struct nt_host_pool *none = 0;
    for (uint32_t p = 0; p < n_points; p++)
        nt_host_gains_set(host, &none, 1, points + p, 1, (struct nt_host_gains){.tables = tables},
                          codes + (size_t)p * host->n_codes);
}
