/* Errors of the first layer, of which only sums over the batch are wanted: the errors above are summed over the samples
   whose gate is open, and then multiplied by the weights, once for the whole batch and not once for each sample. */
#include "nt_host_first.h"

#include <string.h>

#include "nt_error.h"
#include "nt_host_input.h"

/* Passes over the errors: each takes a byte of them. */
#define PASSES_MOST 2u
#define EMPTY_ENTRY (NT_HOST_TILE * NT_HOST_ENTRY)
/* Neurons of the first layer whose gates are listed together: their columns of weights and their lists stay in the
   first-level cache from one pass to the next. */
#define RANGE 512u
#define LINE 64u

struct pass {
    uint32_t bias;  /* of the whole error */
    unsigned shift; /* of the byte */
};

/* Open gates of a range, as struct nt_host_gates has them. */
struct range {
    _Alignas(2 * LINE) uint32_t at[RANGE + 1];
    _Alignas(2 * LINE) uint16_t lists[RANGE * NT_HOST_TILE + NT_HOST_LIST_SPARE];
};

/* What a thread alone writes: sums of its own blocks, kept apart until all are done. */
struct own {
    _Alignas(2 * LINE) uint8_t errors[PASSES_MOST][2 * NT_HOST_GATED_PLANE];
    int has_total;
    _Alignas(2 * LINE) uint64_t total[NT_HOST_SECTION];
};

struct tile {
    const struct nt_host *host;
    const struct nt_host_first *first;
    const struct nt_host_layer *layer;
    uint32_t sample;
    uint32_t rows;
    struct pass passes[PASSES_MOST];
    uint32_t n_passes;
    uint8_t together; /* as struct nt_host_gates has it */
    struct range *ranges;
    struct own *own; /* per thread */
};

static uint32_t rows_of(const struct nt_host_first *first, uint32_t tile)
{
    uint32_t left = first->samples - tile;
    return left < NT_HOST_TILE ? left : NT_HOST_TILE;
}

/* Bit k of row i becomes bit i of row k. */
static void bits_transpose(uint64_t *row)
{
    uint64_t mask = UINT64_C(0x00000000FFFFFFFF);
    for (unsigned width = 32; width != 0; width >>= 1, mask ^= mask << width)
        for (unsigned i = 0; i < 64; i += 2 * width)
            for (unsigned k = i; k < i + width; k++) {
                uint64_t changed = ((row[k] >> width) ^ row[k + width]) & mask;
                row[k + width] ^= changed;
                row[k] ^= changed << width;
            }
}

/* Neurons of a range. */
static size_t range_neurons(const struct tile *tile, uint32_t range)
{
    size_t left = tile->layer->n_inputs - (size_t)range * RANGE;
    return left < RANGE ? left : RANGE;
}

/* Per neuron, the entries of the samples of the tile whose gate is open, in fours. */
static void range_list(void *context, uint32_t index, uint32_t lane)
{
    const struct tile *tile = context;
    const struct nt_host_first *first = tile->first;
    struct range *range = &tile->ranges[index];
    size_t neurons = range_neurons(tile, index);
    uint64_t bits[NT_HOST_TILE][RANGE / 64] = {{0}};
    uint64_t open[NT_HOST_TILE];
    uint32_t filled = 0;
    (void)lane;
    for (uint32_t r = 0; r < tile->rows; r++) {
        size_t row = (size_t)(tile->sample + r) * first->stride + (size_t)index * RANGE;
        tile->host->isa->differ_pack(first->plus + row, first->minus + row, neurons, (uint8_t *)bits[r]);
    }
    for (size_t j = 0; j < neurons; j++) {
        if (j % 64 == 0) {
            for (uint32_t r = 0; r < NT_HOST_TILE; r++)
                open[r] = bits[r][j / 64];
            bits_transpose(open);
        }
        range->at[j] = filled;
        filled += (uint32_t)tile->host->isa->entries_list((const uint8_t *)&open[j % 64], 8, 0, range->lists + filled);
        for (; filled % NT_HOST_FOUR != 0; filled++)
            range->lists[filled] = EMPTY_ENTRY;
    }
    range->at[neurons] = filled;
}

/* One byte of every error of a block, with a row of none behind. */
static void errors_fill(const struct tile *tile, uint32_t block, struct pass pass, uint8_t *out)
{
    static const int32_t none[NT_HOST_BLOCK] = {0};
    const struct nt_host_first *first = tile->first;
    size_t at = (size_t)block * NT_HOST_BLOCK;
    size_t left = tile->layer->n_neurons - at;
    size_t count = left < NT_HOST_BLOCK ? left : NT_HOST_BLOCK;
    for (uint32_t r = 0; r < tile->rows; r++)
        tile->host->isa->errors_bytes(first->errors + (tile->sample + r) * first->error_stride + at, count, pass.bias,
                                      pass.shift, out + r * NT_HOST_COLUMN, NT_HOST_GATED_PLANE);
    tile->host->isa->errors_bytes(none, NT_HOST_BLOCK, pass.bias, pass.shift, out + NT_HOST_TILE * NT_HOST_COLUMN,
                                  NT_HOST_GATED_PLANE);
}

static void block_dots(void *context, uint32_t block, uint32_t lane)
{
    const struct tile *tile = context;
    const uint8_t *columns = tile->layer->weight + block * nt_host_block_bytes(tile->layer);
    struct own *own = &tile->own[lane];
    int32_t dots[RANGE];
    if (!own->has_total)
        memset(own->total, 0, tile->layer->n_inputs * sizeof *own->total);
    own->has_total = 1;
    for (uint32_t p = 0; p < tile->n_passes; p++)
        errors_fill(tile, block, tile->passes[p], own->errors[p]);
    for (uint32_t j = 0; j < tile->layer->n_inputs; j += RANGE) {
        const struct range *range = &tile->ranges[j / RANGE];
        size_t neurons = range_neurons(tile, j / RANGE);
        for (uint32_t p = 0; p < tile->n_passes; p++) {
            struct pass pass = tile->passes[p];
            struct nt_host_gates gates = {range->lists, range->at, (uint8_t)(pass.bias >> pass.shift), tile->together};
            tile->host->isa->gated_dots(columns + (size_t)j * NT_HOST_COLUMN, neurons, &gates, own->errors[p], dots);
            for (size_t i = 0; i < neurons; i++)
                own->total[j + i] += (uint64_t)(int64_t)dots[i] << pass.shift;
        }
    }
}

int nt_host_first_fits(const struct nt_host_layer *layer, uint32_t sizes)
{
    return layer->passes * NT_HOST_PASS <= NT_HOST_SECTION && sizes < 1u << (8 * PASSES_MOST - 1);
}

static void passes_set(struct tile *tile)
{
    uint32_t sizes = tile->first->sizes;
    uint32_t small = sizes < 32 ? 32 : sizes < 64 ? 64 : 128;
    int is_wide = sizes >= 128;
    tile->n_passes = is_wide ? 2 : 1;
    tile->together = is_wide ? 1 : (uint8_t)(128 / small);
    for (uint32_t p = 0; p < tile->n_passes; p++)
        tile->passes[p] = (struct pass){is_wide ? 128u << 8 : small, 8 * p};
}

static double tile_cost_ns(const struct tile *tile, uint32_t ranges)
{
    size_t entries = 0;
    for (uint32_t i = 0; i < ranges; i++)
        entries += tile->ranges[i].at[range_neurons(tile, i)];
    return (double)entries * tile->layer->n_blocks * tile->n_passes;
}

int nt_host_first_errors(struct nt_host *host, const struct nt_host_options *options, const struct nt_host_first *first,
                         int64_t *total)
{
    struct tile tile = {.host = host, .first = first, .layer = &host->layers[1]};
    size_t inputs = tile.layer->n_inputs;
    uint32_t ranges = (uint32_t)((inputs + RANGE - 1) / RANGE);
    uint32_t expected = nt_host_threads_expected(host, options, first->samples, tile.layer);
    tile.ranges = nt_host_buffer_reserve(host, BUFFER_GATED, ranges * sizeof *tile.ranges);
    tile.own = nt_host_buffer_reserve(host, BUFFER_GATED_OWN, options->threads * sizeof *tile.own);
    if (!tile.ranges || !tile.own)
        return NT_ERROR_SPACE;
    passes_set(&tile);
    for (uint32_t i = 0; i < options->threads; i++)
        tile.own[i].has_total = 0;
    for (; tile.sample < first->samples; tile.sample += NT_HOST_TILE) {
        tile.rows = rows_of(first, tile.sample);
        nt_host_pool_run(&host->pool, range_list, &tile, ranges, expected);
        uint32_t threads = nt_host_threads(options, tile_cost_ns(&tile, ranges));
        nt_host_pool_run(&host->pool, block_dots, &tile, tile.layer->n_blocks, threads);
    }
    for (uint32_t i = 0; i < options->threads; i++)
        for (size_t j = 0; j < inputs && tile.own[i].has_total; j++)
            total[j] += (int64_t)tile.own[i].total[j];
    return NT_OK;
}
