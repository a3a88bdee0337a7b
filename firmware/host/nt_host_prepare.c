/* Lays a layer's events out for the look-up or for event sums, whichever costs less at the activity seen. */
#include <string.h>

#include "nt_error.h"
#include "nt_host_input.h"

/* Relative costs, measured (bench/kernels.py): per pass and block, per pass, row and block, per event and block, and per row and
   reach of event sums. Only choices hang on them, never results. */
#define TABLES_NS 140.0
#define LOOKUP_NS 8.0
#define EVENT_NS 1.15
#define REACH_NS 120.0

static uint32_t reaches_of(const struct nt_host_layer *layer)
{
    return (layer->n_inputs + NT_HOST_REACH - 1) / NT_HOST_REACH;
}

static double lookup_cost(const struct nt_host_input *input, const struct nt_host_layer *layer)
{
    double tiles = (input->rows + NT_HOST_TILE - 1) / NT_HOST_TILE;
    return input->n_planes * layer->passes * (tiles * TABLES_NS + input->rows * LOOKUP_NS);
}

static double events_cost(const struct nt_host_input *input, const struct nt_host_layer *layer)
{
    return (double)input->ones * EVENT_NS + (double)input->n_planes * input->rows * reaches_of(layer) * REACH_NS;
}

double nt_host_input_cost(const struct nt_host_input *input, const struct nt_host_layer *layer)
{
    return input->by_events ? events_cost(input, layer) : lookup_cost(input, layer);
}

static void tile_words_fill(const struct nt_host_input *input, const uint8_t *bits, uint32_t rows, size_t passes,
                            uint32_t *words)
{
    for (uint32_t r = 0; r < rows; r++)
        for (size_t pass = 0; pass < passes; pass++)
            memcpy(words + pass * rows + r, bits + r * input->stride + 4 * pass, 4);
}

static int words_fill(struct nt_host *host, struct nt_host_input *input, size_t passes)
{
    size_t words = (size_t)input->n_planes * input->rows * passes;
    input->words = nt_host_buffer_reserve(host, BUFFER_WORDS, words * sizeof(uint32_t));
    if (!input->words)
        return NT_ERROR_SPACE;
    for (uint32_t p = 0; p < input->n_planes; p++)
        for (uint32_t first = 0; first < input->rows; first += NT_HOST_TILE) {
            uint32_t left = input->rows - first;
            size_t row = (size_t)p * input->rows + first;
            tile_words_fill(input, input->bits + row * input->stride, left < NT_HOST_TILE ? left : NT_HOST_TILE,
                            passes, input->words + row * passes);
        }
    return NT_OK;
}

/* Inputs of one row; a segment per reach. Gives the end of the list. */
static uint32_t row_list(const struct nt_host_input *input, const uint8_t *bits, uint32_t *segment, uint32_t at)
{
    uint32_t *list = input->lists;
    for (uint32_t base = 0; base < 8 * input->stride; base += 64) {
        uint64_t word;
        if (base % NT_HOST_REACH == 0 && base / NT_HOST_REACH < input->reaches)
            segment[base / NT_HOST_REACH] = at;
        memcpy(&word, bits + base / 8, 8);
        for (; word; word &= word - 1)
            list[at++] = base + (uint32_t)__builtin_ctzll(word);
    }
    segment[input->reaches] = at;
    return at;
}

static int lists_fill(struct nt_host *host, struct nt_host_input *input, const struct nt_host_layer *layer)
{
    size_t rows = (size_t)input->n_planes * input->rows;
    input->reaches = reaches_of(layer);
    input->lists = nt_host_buffer_reserve(host, BUFFER_LISTS, (input->ones + 1) * sizeof(uint32_t));
    input->segments = nt_host_buffer_reserve(host, BUFFER_SEGMENTS, rows * (input->reaches + 1) * sizeof(uint32_t));
    if (!input->lists || !input->segments)
        return NT_ERROR_SPACE;
    uint32_t at = 0;
    for (size_t r = 0; r < rows; r++)
        at = row_list(input, input->bits + r * input->stride, input->segments + r * (input->reaches + 1), at);
    return NT_OK;
}

int nt_host_input_prepare(struct nt_host *host, struct nt_host_input *input, const struct nt_host_layer *layer,
                          uint32_t path)
{
    input->by_events = path == NT_HOST_EVENTS;
    if (path == NT_HOST_AUTO)
        input->by_events = events_cost(input, layer) < lookup_cost(input, layer);
    return input->by_events ? lists_fill(host, input, layer) : words_fill(host, input, layer->passes);
}

static void lookup_sums(const struct nt_host *host, const struct nt_host_input *input,
                        const struct nt_host_layer *layer, const uint8_t *weight, uint32_t first, uint32_t rows,
                        struct nt_host_lane *lane, int positive)
{
    uint32_t *sum = positive ? (uint32_t *)lane->positive : (uint32_t *)lane->sum;
    for (uint32_t p = 0; p < input->n_planes; p++) {
        const uint32_t *words = input->words + ((size_t)p * input->rows + first) * layer->passes;
        host->isa->lookup_add(lane, sum, weight, words, layer->passes, rows, input->planes[p], positive,
                              p == 0);
    }
}

/* A single row has nothing to share: its whole list in one go. */
static void row_events_sums(const struct nt_host *host, const struct nt_host_input *input, const uint8_t *weight,
                            uint32_t row, uint32_t *sum, int positive)
{
    for (uint32_t p = 0; p < input->n_planes; p++) {
        const uint32_t *segment = input->segments + ((size_t)p * input->rows + row) * (input->reaches + 1);
        host->isa->events_add(sum, weight, input->lists + segment[0], segment[input->reaches] - segment[0],
                              input->planes[p], positive, 0);
    }
}

static void events_sums(const struct nt_host *host, const struct nt_host_input *input, const uint8_t *weight,
                        uint32_t first, uint32_t rows, struct nt_host_lane *lane, int positive)
{
    uint32_t *sum = positive ? (uint32_t *)lane->positive : (uint32_t *)lane->sum;
    if (rows == 1) {
        row_events_sums(host, input, weight, first, sum, positive);
        return;
    }
    for (uint32_t p = 0; p < input->n_planes; p++)
        for (uint32_t reach = 0; reach < input->reaches; reach++) {
            const uint8_t *next = weight + (size_t)(reach + 1) * NT_HOST_REACH * NT_HOST_COLUMN;
            for (uint32_t r = 0; r < rows; r++) {
                size_t row = (size_t)p * input->rows + first + r;
                const uint32_t *segment = input->segments + row * (input->reaches + 1) + reach;
                host->isa->events_add(sum + r * NT_HOST_BLOCK, weight, input->lists + segment[0],
                                      segment[1] - segment[0], input->planes[p], positive,
                                      next + (size_t)r * NT_HOST_STRETCH * NT_HOST_COLUMN);
            }
        }
}

void nt_host_sums_add(const struct nt_host *host, const struct nt_host_input *input, const struct nt_host_layer *layer,
                      uint32_t block, uint32_t first, uint32_t rows, struct nt_host_lane *lane, int positive)
{
    const uint8_t *weight = layer->weight + (size_t)block * layer->passes * NT_HOST_PASS * NT_HOST_COLUMN;
    if (input->by_events || input->n_planes == 0)
        memset(positive ? lane->positive : lane->sum, 0, rows * sizeof lane->sum[0]);
    if (input->by_events)
        events_sums(host, input, weight, first, rows, lane, positive);
    else
        lookup_sums(host, input, layer, weight, first, rows, lane, positive);
}
