/* Edges of an operating point, and one time step of a tile by them: no membrane is computed where noise cannot matter. */
#include "nt_host_edges.h"

#include "nt_host_input.h"
#include "nt_random.h"

/* A neuron with noise of standard deviation sigma (times sqrt(3), and floor) stays within twice that. */
static void noise_edges_find(const struct nt_host_isa *isa, const struct nt_host_edges *edges,
                             const struct nt_host_cells *cells)
{
    int32_t low[NT_HOST_BLOCK];
    int32_t high[NT_HOST_BLOCK];
    for (uint32_t i = 0; i < NT_HOST_BLOCK; i++) {
        int64_t reach = 2 * (int64_t)cells->sigma_q8[i];
        int64_t least = cells->threshold_q8[i] - reach;
        int64_t most = cells->threshold_q8[i] + reach + 1;
        low[i] = least < INT32_MIN ? INT32_MIN : (int32_t)least;
        high[i] = most > INT32_MAX ? INT32_MAX : (int32_t)most;
    }
    isa->edges_find(edges->low, cells, low, NT_HOST_BLOCK);
    isa->edges_find(edges->high, cells, high, NT_HOST_BLOCK);
}

struct nt_host_edges nt_host_edges_at(const struct nt_host_point_layer *layer, uint32_t block)
{
    int16_t *first = layer->edges + (size_t)block * NT_HOST_BLOCK;
    return (struct nt_host_edges){first, first + layer->entries, first + 2 * (size_t)layer->entries};
}

void nt_host_edges_find(const struct nt_host_isa *isa, const struct nt_host_point_layer *layer, uint32_t first,
                        uint32_t blocks)
{
    if (!layer->edges)
        return;
    struct nt_host_cells some = nt_host_block_cells(&layer->cells, first);
    isa->edges_find(nt_host_edges_at(layer, first).spike, &some, some.threshold_q8, (size_t)blocks * NT_HOST_BLOCK);
    for (uint32_t block = first; layer->cells.sigma_q8 && block < first + blocks; block++) {
        struct nt_host_cells cells = nt_host_block_cells(&layer->cells, block);
        struct nt_host_edges edges = nt_host_edges_at(layer, block);
        noise_edges_find(isa, &edges, &cells);
    }
}

static int64_t saturated(int64_t value)
{
    int64_t raised = value < INT32_MIN ? INT32_MIN : value;
    return raised > INT32_MAX ? INT32_MAX : raised;
}

/* Spikes of neurons that their noise may push over the threshold, or keep from it. */
static void near_run(const struct nt_host_cells *cells, const struct nt_host_rows *rows, const struct nt_host_out *out,
                     const uint16_t *entries, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        uint32_t row = entries[k] / NT_HOST_BLOCK;
        uint32_t i = entries[k] % NT_HOST_BLOCK;
        int32_t draw = nt_random_noise_draw(rows->noise_key, rows->time + row, rows->neuron + i);
        int64_t current = (int64_t)rows->narrow[entries[k]] + cells->bias[i];
        int64_t drive = saturated((current * cells->gain_exc_q12[i]) >> 4);
        int64_t seen = saturated(drive + (((int64_t)draw * cells->sigma_q8[i]) >> 16));
        int spikes = seen >= cells->threshold_q8[i];
        if (out->counts)
            out->counts[row * out->stride + i] = (uint8_t)spikes;
        if (out->raster) {
            uint8_t *byte = out->raster + row * out->raster_stride + i / 8;
            *byte = (uint8_t)((*byte & ~(1u << i % 8)) | (unsigned)spikes << i % 8);
        }
    }
}

void nt_host_edges_run(const struct nt_host_isa *isa, const struct nt_host_edges *edges,
                       const struct nt_host_cells *cells, const struct nt_host_rows *rows, const struct nt_host_out *out,
                       uint16_t *room)
{
    isa->edges_run(edges->spike, rows, out);
    if (cells->sigma_q8)
        near_run(cells, rows, out, room, isa->edges_between(edges->low, edges->high, rows, room));
}
