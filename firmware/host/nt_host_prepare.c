/* Lays a layer's events out for the look-up or for event sums, whichever costs less at the activity seen. */
#include <string.h>

#include "nt_error.h"
#include "nt_host_input.h"

/* Relative costs, as those of struct nt_host_isa: tables of a pass and block, a row and reach of event sums. */
#define TABLES_NS 140.0
#define REACH_NS 12.0
/* Events of a row that a reach should hold: with fewer, what each reach costs shows; with more inputs, its columns leave
   the first-level cache. */
#define REACH_EVENTS 128.0
#define REACH_LEAST (NT_HOST_SECTION / 16)
#define REACH_MOST (NT_HOST_SECTION / 4)

/* Activities between which the hardware takes a row's columns for a stream and is wrong about it. */
#define STREAM_LEAST 0.1
#define STREAM_MOST 0.85
/* Weights that the second-level cache may hold from one call to the next. */
#define CACHED_BYTES (1u << 19)
/* Columns that a row asks for before they are needed, and those of a stream, which the hardware fetches as well. */
#define AHEAD 128u
#define STREAM_AHEAD 64u

static size_t tiles_of(const struct nt_host_input *input)
{
    return (input->rows + NT_HOST_TILE - 1) / NT_HOST_TILE;
}

static size_t columns_of(const struct nt_host_layer *layer)
{
    return (size_t)layer->passes * NT_HOST_PASS;
}

/* Events of a row and plane per input. */
static double density(const struct nt_host_input *input, const struct nt_host_layer *layer)
{
    return (double)input->ones / ((double)input->n_planes * input->rows * layer->n_inputs + 1);
}

/* Lines of the next reach that each group of a tile fetches; 0 where the rows hardly share any. */
static size_t lines_for(const struct nt_host_input *input, const struct nt_host_layer *layer)
{
    uint32_t rows = input->rows < NT_HOST_TILE ? input->rows : NT_HOST_TILE;
    double shared = rows * density(input, layer);
    return shared < 1 ? 0 : (size_t)(NT_HOST_GROUP / shared) + 1;
}

/* Weights that stay in the cache need no reaches. */
static int is_resident(const struct nt_host_layer *layer)
{
    return layer->n_blocks * nt_host_block_bytes(layer) <= CACHED_BYTES && columns_of(layer) <= NT_HOST_SECTION;
}

static uint32_t reach_for(const struct nt_host_input *input, const struct nt_host_layer *layer)
{
    uint32_t reach = REACH_LEAST;
    if (lines_for(input, layer) == 0 || is_resident(layer))
        return NT_HOST_SECTION;
    while (reach < REACH_MOST && reach * density(input, layer) < REACH_EVENTS)
        reach *= 2;
    return reach;
}

static uint32_t reaches_of(const struct nt_host_layer *layer, uint32_t reach)
{
    size_t columns = columns_of(layer);
    size_t whole = columns / NT_HOST_SECTION;
    size_t rest = columns % NT_HOST_SECTION;
    return (uint32_t)(whole * ((NT_HOST_SECTION + reach - 1) / reach) + (rest + reach - 1) / reach);
}

static double lookup_cost(const struct nt_host *host, const struct nt_host_input *input,
                          const struct nt_host_layer *layer)
{
    return input->n_planes * layer->passes *
           ((double)tiles_of(input) * TABLES_NS + input->rows * host->isa->lookup_ns);
}

static double events_cost(const struct nt_host *host, const struct nt_host_input *input,
                          const struct nt_host_layer *layer)
{
    uint32_t reaches = reaches_of(layer, reach_for(input, layer));
    return (double)input->ones * host->isa->event_ns + (double)input->n_planes * input->rows * reaches * REACH_NS;
}

double nt_host_input_cost(const struct nt_host *host, const struct nt_host_input *input,
                          const struct nt_host_layer *layer)
{
    return input->by_events ? events_cost(host, input, layer) : lookup_cost(host, input, layer);
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

/* Entries of one row in one reach, then those of the column of zeros up to a whole group. Gives their number. */
static size_t row_list(const struct nt_host *host, const uint8_t *bits, size_t bytes, size_t first, size_t empty,
                       uint16_t *list)
{
    size_t count = host->isa->entries_list(bits, bytes, (uint32_t)first, list);
    for (unsigned k = 0; k < NT_HOST_GROUP; k++)
        list[count + k] = (uint16_t)(empty * NT_HOST_ENTRY);
    return (count + NT_HOST_GROUP - 1) / NT_HOST_GROUP * NT_HOST_GROUP;
}

static size_t common_divisor(size_t a, size_t b)
{
    while (b != 0) {
        size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Takes the entries in steps of the golden section. Columns in order of memory, with gaps, look like a stream to the
   hardware, which then fetches the gaps too: half the speed at 25 %. */
static void list_scatter(uint16_t *list, size_t count)
{
    uint16_t before[NT_HOST_SECTION + NT_HOST_GROUP];
    size_t step = (size_t)((double)count * 0.6180339887);
    size_t at = 0;
    while (common_divisor(count, step) != 1)
        step++;
    memcpy(before, list, count * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i] = before[at];
        at = at + step < count ? at + step : at + step - count;
    }
}

/* Rows with the most groups first: equal numbers after another are what branch predictors are good at. */
static void turns_sort(struct nt_host_turn *turns, uint32_t rows)
{
    struct nt_host_turn before[NT_HOST_TILE];
    uint16_t place[NT_HOST_SECTION / NT_HOST_GROUP + 2] = {0};
    uint32_t most = 0;
    for (uint32_t r = 0; r < rows; r++) {
        before[r] = turns[r];
        most = turns[r].groups > most ? turns[r].groups : most;
    }
    for (uint32_t r = 0; r < rows; r++)
        place[most - before[r].groups + 1]++;
    for (uint32_t k = 1; k <= most; k++)
        place[k] = (uint16_t)(place[k] + place[k - 1]);
    for (uint32_t r = 0; r < rows; r++)
        turns[place[most - before[r].groups]++] = before[r];
}

/* Where the lists of a tile come from and go to. */
struct listing {
    const struct nt_host *host;
    const struct nt_host_input *input;
    size_t columns;    /* of the layer */
    uint16_t *scratch; /* for one reach of all rows; null: they stay where they are listed */
};

/* One reach of all rows, into `list` in the order of their turns. Gives the number of entries. */
static size_t reach_list(const struct listing *from, const uint8_t *bits, uint32_t rows, size_t first, size_t inputs,
                         struct nt_host_turn *turns, uint16_t *list)
{
    const struct nt_host_input *input = from->input;
    size_t reach = inputs - first < input->reach ? inputs - first : input->reach;
    size_t filled = 0;
    size_t at = 0;
    for (uint32_t r = 0; r < rows; r++) {
        uint16_t *own = (from->scratch ? from->scratch : list) + filled;
        size_t count = row_list(from->host, bits + r * input->stride, reach / 8, first, inputs, own);
        if (input->is_scattered && count != 0)
            list_scatter(own, count);
        turns[r] = (struct nt_host_turn){(uint32_t)filled, (uint16_t)(count / NT_HOST_GROUP), (uint16_t)r};
        filled += count;
    }
    if (rows > 1)
        turns_sort(turns, rows);
    if (!from->scratch)
        return filled;
    for (uint32_t r = 0; r < rows; r++) {
        size_t count = (size_t)turns[r].groups * NT_HOST_GROUP;
        memcpy(list + at, from->scratch + turns[r].at, count * sizeof *list);
        turns[r].at = (uint32_t)at;
        at += count;
    }
    return at;
}

/* Gives the number of the tile's entries. */
static size_t tile_list(const struct listing *from, const uint8_t *bits, uint32_t rows, struct nt_host_turn *turns,
                        uint16_t *list)
{
    size_t at = 0;
    for (size_t section = 0; section < from->columns; section += NT_HOST_SECTION) {
        size_t left = from->columns - section;
        size_t inputs = left < NT_HOST_SECTION ? left : NT_HOST_SECTION;
        for (size_t first = 0; first < inputs; first += from->input->reach, turns += rows) {
            size_t count = reach_list(from, bits + (section + first) / 8, rows, first, inputs, turns, list + at);
            for (uint32_t r = 0; r < rows; r++)
                turns[r].at += (uint32_t)at;
            at += count;
        }
    }
    return at;
}

/* Rows whose columns come from memory, with gaps. */
static int is_scattered(const struct nt_host_input *input, const struct nt_host_layer *layer)
{
    double active = density(input, layer);
    return input->lines == 0 && layer->n_blocks * nt_host_block_bytes(layer) > CACHED_BYTES && active > STREAM_LEAST &&
           active < STREAM_MOST;
}

static int lists_fill(struct nt_host *host, struct nt_host_input *input, const struct nt_host_layer *layer)
{
    size_t rows = (size_t)input->n_planes * input->rows;
    size_t tiles = input->n_planes * tiles_of(input);
    input->lines = lines_for(input, layer);
    input->is_scattered = is_scattered(input, layer);
    input->is_resident = is_resident(layer);
    input->reach = reach_for(input, layer);
    input->reaches = reaches_of(layer, input->reach);
    size_t entries = input->ones + rows * input->reaches * (NT_HOST_GROUP - 1) + NT_HOST_LIST_SPARE;
    input->lists = nt_host_buffer_reserve(host, BUFFER_LISTS, entries * sizeof *input->lists);
    input->starts = nt_host_buffer_reserve(host, BUFFER_TURNS, tiles * sizeof *input->starts +
                                                                   rows * input->reaches * sizeof *input->turns);
    size_t widest = input->rows < NT_HOST_TILE ? input->rows : NT_HOST_TILE;
    size_t scratch = widest * (input->reach + NT_HOST_GROUP) + NT_HOST_LIST_SPARE;
    struct listing from = {host, input, columns_of(layer), 0};
    if (!input->is_resident)
        from.scratch = nt_host_buffer_reserve(host, BUFFER_SCRATCH, scratch * sizeof *from.scratch);
    if (!input->lists || !input->starts || (!input->is_resident && !from.scratch))
        return NT_ERROR_SPACE;
    input->turns = (struct nt_host_turn *)(input->starts + tiles);
    size_t at = 0;
    size_t tile = 0;
    for (uint32_t p = 0; p < input->n_planes; p++)
        for (uint32_t first = 0; first < input->rows; first += NT_HOST_TILE) {
            uint32_t left = input->rows - first;
            size_t row = (size_t)p * input->rows + first;
            input->starts[tile++] = at;
            at += tile_list(&from, input->bits + row * input->stride, left < NT_HOST_TILE ? left : NT_HOST_TILE,
                            input->turns + row * input->reaches, input->lists + at);
        }
    /* What is fetched at the end of a block's only row is the beginning of the next one's. */
    memset(input->lists + at, 0, NT_HOST_LIST_SPARE * sizeof *input->lists);
    memcpy(input->lists + at, input->lists, (at < AHEAD ? at : AHEAD) * sizeof *input->lists);
    return NT_OK;
}

int nt_host_input_prepare(struct nt_host *host, struct nt_host_input *input, const struct nt_host_layer *layer,
                          uint32_t path)
{
    input->by_events = path == NT_HOST_EVENTS;
    if (path == NT_HOST_AUTO)
        input->by_events = events_cost(host, input, layer) < lookup_cost(host, input, layer);
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
        if (p + 1 == input->n_negative)
            host->isa->sums_negate(sum, (size_t)rows * NT_HOST_BLOCK);
    }
}

/* The events of a plane of a tile, as the kernels take them. */
static struct nt_host_events tile_events(const struct nt_host_input *input, const struct nt_host_layer *layer,
                                         uint32_t plane, uint32_t first)
{
    return (struct nt_host_events){
        .list = input->lists + input->starts[plane * tiles_of(input) + first / NT_HOST_TILE],
        .turns = input->turns + ((size_t)plane * input->rows + first) * input->reaches,
        .inputs = columns_of(layer),
        .reach = input->reach,
        .lines = input->lines,
        .ahead = density(input, layer) < STREAM_MOST ? AHEAD : STREAM_AHEAD,
        .is_scattered = input->is_scattered,
        .is_resident = input->is_resident,
    };
}

static void events_sums(const struct nt_host *host, const struct nt_host_input *input,
                        const struct nt_host_layer *layer, const uint8_t *weight, uint32_t first, uint32_t rows,
                        struct nt_host_lane *lane, int positive)
{
    uint32_t *sum = positive ? (uint32_t *)lane->positive : (uint32_t *)lane->sum;
    for (uint32_t p = 0; p < input->n_planes; p++) {
        struct nt_host_events events = tile_events(input, layer, p, first);
        host->isa->events_add(lane, sum, weight, &events, rows, input->planes[p], positive, p == 0);
        if (p + 1 == input->n_negative)
            host->isa->sums_negate(sum, (size_t)rows * NT_HOST_BLOCK);
    }
}

void nt_host_sums_add(const struct nt_host *host, const struct nt_host_input *input, const struct nt_host_layer *layer,
                      uint32_t block, uint32_t first, uint32_t rows, struct nt_host_lane *lane, int positive)
{
    const uint8_t *weight = layer->weight + block * nt_host_block_bytes(layer);
    if (input->n_planes == 0)
        memset(positive ? lane->positive : lane->sum, 0, rows * sizeof lane->sum[0]);
    else if (input->by_events)
        events_sums(host, input, layer, weight, first, rows, lane, positive);
    else
        lookup_sums(host, input, layer, weight, first, rows, lane, positive);
}

void nt_host_sums_narrow(const struct nt_host *host, const struct nt_host_input *input,
                         const struct nt_host_layer *layer, uint32_t block, uint32_t first, uint32_t rows,
                         struct nt_host_lane *lane)
{
    const uint8_t *weight = layer->weight + block * nt_host_block_bytes(layer);
    if (input->by_events) {
        struct nt_host_events events = tile_events(input, layer, 0, first);
        host->isa->events_narrow(lane, weight, &events, rows, input->offset + first);
        return;
    }
    const uint32_t *words = input->words + (size_t)first * layer->passes;
    host->isa->lookup_narrow(lane, weight, words, layer->passes, rows, input->offset + first);
}
