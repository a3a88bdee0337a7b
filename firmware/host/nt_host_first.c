/* Errors of the first layer, of which only sums over the batch are wanted: the errors above are summed over the samples
   whose gate is open, and then multiplied by the weights, once for the whole batch and not once for each sample. */
#include "nt_host_first.h"

#include <string.h>

#include "nt_error.h"

/* Errors that one pass takes: a byte of each. */
#define PASSES_MOST 2u
#define EMPTY_ENTRY (NT_HOST_TILE * NT_HOST_ENTRY)
#define ERRORS_BYTES (2u * NT_HOST_GATED_PLANE)

struct pass {
    uint32_t bias;  /* of the whole error */
    unsigned shift; /* of the byte */
};

struct tile {
    const struct nt_host *host;
    const struct nt_host_first *first;
    const struct nt_host_layer *layer;
    struct nt_host_gates gates;
    uint8_t *errors; /* ERRORS_BYTES per block */
    int32_t *dots;   /* n_inputs per block */
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

/* Per neuron of the first layer, the entries of the samples of a tile whose gate is open, in fours. */
static void gates_list(const struct tile *tile, uint32_t sample, uint32_t rows, uint8_t *bits, uint16_t *lists, uint32_t *at)
{
    const struct nt_host_first *first = tile->first;
    size_t neurons = tile->layer->n_inputs;
    size_t stride = (neurons + 63) / 64 * 8;
    size_t filled = 0;
    for (uint32_t r = 0; r < rows; r++) {
        size_t row = (size_t)(sample + r) * first->stride;
        memset(bits + r * stride + stride - 8, 0, 8);
        tile->host->isa->differ_pack(first->plus + row, first->minus + row, neurons, bits + r * stride);
    }
    for (size_t j = 0; j < neurons; j++) {
        uint64_t open[64];
        if (j % 64 == 0) {
            for (uint32_t r = 0; r < 64; r++)
                open[r] = 0;
            for (uint32_t r = 0; r < rows; r++)
                memcpy(&open[r], bits + r * stride + j / 8, 8);
            bits_transpose(open);
            memcpy(bits + NT_HOST_TILE * stride, open, sizeof open);
        }
        at[j] = (uint32_t)filled;
        filled += tile->host->isa->entries_list(bits + NT_HOST_TILE * stride + j % 64 * 8, 8, 0, lists + filled);
        for (; filled % NT_HOST_FOUR != 0; filled++)
            lists[filled] = EMPTY_ENTRY;
    }
    at[neurons] = (uint32_t)filled;
}

/* One byte of every error of the tile, with a row of none behind. */
static void errors_fill(const struct tile *tile, uint32_t sample, uint32_t rows, struct pass pass)
{
    static const int32_t none[NT_HOST_BLOCK] = {0};
    const struct nt_host_first *first = tile->first;
    for (uint32_t block = 0; block < tile->layer->n_blocks; block++) {
        uint32_t at = block * NT_HOST_BLOCK;
        uint32_t left = tile->layer->n_neurons - at;
        size_t count = left < NT_HOST_BLOCK ? left : NT_HOST_BLOCK;
        uint8_t *out = tile->errors + (size_t)block * ERRORS_BYTES;
        for (uint32_t r = 0; r < rows; r++)
            tile->host->isa->errors_bytes(first->errors + (sample + r) * first->error_stride + at, count, pass.bias,
                                          pass.shift, out + r * NT_HOST_COLUMN, NT_HOST_GATED_PLANE);
        tile->host->isa->errors_bytes(none, NT_HOST_BLOCK, pass.bias, pass.shift, out + NT_HOST_TILE * NT_HOST_COLUMN,
                                      NT_HOST_GATED_PLANE);
    }
}

static void block_dots(void *context, uint32_t block, uint32_t lane)
{
    const struct tile *tile = context;
    size_t inputs = tile->layer->n_inputs;
    const uint8_t *columns = tile->layer->weight + block * nt_host_block_bytes(tile->layer);
    (void)lane;
    tile->host->isa->gated_dots(columns, inputs, &tile->gates, tile->errors + (size_t)block * ERRORS_BYTES,
                                tile->dots + block * inputs);
}

static void tile_add(const struct tile *tile, unsigned shift, int64_t *total)
{
    size_t inputs = tile->layer->n_inputs;
    for (uint32_t block = 0; block < tile->layer->n_blocks; block++)
        for (size_t j = 0; j < inputs; j++)
            total[j] += (int64_t)tile->dots[block * inputs + j] * ((int64_t)1 << shift);
}

int nt_host_first_fits(const struct nt_host_layer *layer, uint32_t sizes)
{
    return layer->passes * NT_HOST_PASS <= NT_HOST_SECTION && sizes < 1u << (8 * PASSES_MOST - 1);
}

static size_t aligned(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

int nt_host_first_errors(struct nt_host *host, const struct nt_host_options *options, const struct nt_host_first *first,
                         int64_t *total)
{
    struct tile tile = {.host = host, .first = first, .layer = &host->layers[1]};
    size_t inputs = tile.layer->n_inputs;
    size_t list_bytes = aligned((inputs * (NT_HOST_TILE + NT_HOST_FOUR) + NT_HOST_LIST_SPARE) * sizeof(uint16_t));
    size_t at_bytes = aligned((inputs + 1) * sizeof(uint32_t));
    size_t error_bytes = (size_t)tile.layer->n_blocks * ERRORS_BYTES;
    size_t dot_bytes = aligned(tile.layer->n_blocks * inputs * sizeof(int32_t));
    size_t bit_bytes = aligned((NT_HOST_TILE + 64) * ((inputs + 63) / 64 * 8)) + 64 * 8;
    uint8_t *room = nt_host_buffer_reserve(host, BUFFER_GATED, error_bytes + list_bytes + at_bytes + dot_bytes + bit_bytes);
    if (!room)
        return NT_ERROR_SPACE;
    tile.errors = room;
    uint16_t *lists = (uint16_t *)(room + error_bytes);
    uint32_t *at = (uint32_t *)(room + error_bytes + list_bytes);
    tile.dots = (int32_t *)(room + error_bytes + list_bytes + at_bytes);
    uint8_t *bits = room + error_bytes + list_bytes + at_bytes + dot_bytes;
    int is_wide = first->sizes >= 128;
    uint32_t small = first->sizes < 32 ? 32 : first->sizes < 64 ? 64 : 128;
    for (uint32_t sample = 0; sample < first->samples; sample += NT_HOST_TILE) {
        uint32_t rows = rows_of(first, sample);
        gates_list(&tile, sample, rows, bits, lists, at);
        for (unsigned p = 0; p < (is_wide ? 2u : 1u); p++) {
            struct pass pass = {is_wide ? 128u << 8 : small, 8 * p};
            tile.gates = (struct nt_host_gates){lists, at, (uint8_t)(pass.bias >> pass.shift),
                                                is_wide ? 1 : (uint8_t)(128 / small)};
            errors_fill(&tile, sample, rows, pass);
            double cost_ns = (double)at[inputs] * tile.layer->n_blocks;
            nt_host_pool_run(&host->pool, block_dots, &tile, tile.layer->n_blocks, nt_host_threads(options, cost_ns));
            tile_add(&tile, pass.shift, total);
        }
    }
    return NT_OK;
}
