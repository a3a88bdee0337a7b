/* Lays a layer's events out for the look-up or for event sums, whichever costs less at the activity seen. */
#include <string.h>

#include "nt_error.h"
#include "nt_host_input.h"
#include "nt_host_stream.h"

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
#define STREAM_AHEAD 32u
/* Entries of two cache lines. */
#define LIST_LINE 64u
/* Passes of a tile's words that a thread takes at a time. */
#define PASSES_SHARE 64u

static size_t tiles_of(const struct nt_host_input *input)
{
    return (input->rows + NT_HOST_TILE - 1) / NT_HOST_TILE;
}

/* Rows of the tile that begins with row `first`. */
static uint32_t rows_from(const struct nt_host_input *input, uint32_t first)
{
    uint32_t left = input->rows - first;
    return left < NT_HOST_TILE ? left : NT_HOST_TILE;
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

/* Words of the look-up, some passes of a tile at a time. */
struct wording {
    const struct nt_host_input *input;
    size_t passes;
    size_t parts; /* of a tile */
};

static void tile_words_fill(void *context, uint32_t share, uint32_t lane)
{
    const struct wording *wording = context;
    const struct nt_host_input *input = wording->input;
    size_t tile = share / wording->parts;
    size_t first = share % wording->parts * PASSES_SHARE;
    size_t end = wording->passes - first < PASSES_SHARE ? wording->passes : first + PASSES_SHARE;
    uint32_t tile_row = (uint32_t)(tile % tiles_of(input)) * NT_HOST_TILE;
    size_t rows = rows_from(input, tile_row);
    size_t row = tile / tiles_of(input) * input->rows + tile_row;
    const uint8_t *bits = input->bits + row * input->stride;
    uint32_t *words = input->words + row * wording->passes;
    (void)lane;
    for (size_t r = 0; r < rows; r++)
        for (size_t pass = first; pass < end; pass++)
            memcpy(words + pass * rows + r, bits + r * input->stride + 4 * pass, 4);
}

static int words_fill(struct nt_host *host, struct nt_host_input *input, size_t passes, uint32_t threads)
{
    size_t words = (size_t)input->n_planes * input->rows * passes;
    input->words = nt_host_buffer_reserve(host, BUFFER_WORDS, words * sizeof(uint32_t));
    if (!input->words)
        return NT_ERROR_SPACE;
    struct wording wording = {input, passes, (passes + PASSES_SHARE - 1) / PASSES_SHARE};
    size_t shares = input->n_planes * tiles_of(input) * wording.parts;
    nt_host_pool_run(&host->pool, tile_words_fill, &wording, (uint32_t)shares, threads);
    return NT_OK;
}

/* Entries of one row in one reach, then those of the column of zeros up to a whole group. */
static void row_list(const struct nt_host *host, const uint8_t *bits, size_t bytes, size_t first, size_t empty,
                     uint16_t *list)
{
    size_t count = host->isa->entries_list(bits, bytes, (uint32_t)first, list);
    for (unsigned k = 0; k < NT_HOST_GROUP; k++)
        list[count + k] = (uint16_t)(empty * NT_HOST_ENTRY);
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

/* Lists of one layer, made reach by reach of each tile and plane: first the number of entries, then, once it is known
   where they begin, the entries. */
struct listing {
    const struct nt_host *host;
    const struct nt_host_input *input;
    size_t columns; /* of the layer */
    size_t *spans;  /* per tile and reach: its number of entries, then where they begin in `lists` */
    /* Where several threads make the lists, which all then read: `room` entries per thread, and turns as they are counted,
       which only who counts them writes and, mostly, reads. Null where one thread writes all in place. */
    uint16_t *scratch;
    size_t room;
    struct nt_host_turn *counted;
};

/* One reach of the rows of a tile in one plane. */
struct reach {
    const uint8_t *bits; /* of the first row */
    struct nt_host_turn *turns;
    struct nt_host_turn *counted; /* the same before it is known where their entries lie */
    size_t tile; /* planes one after the other */
    size_t rows;
    size_t first;  /* input, within its section */
    size_t inputs; /* of the reach */
    size_t empty;  /* the section's column of zeros */
};

static struct reach reach_of(const struct listing *listing, uint32_t share)
{
    const struct nt_host_input *input = listing->input;
    struct reach reach = {.tile = share / input->reaches};
    size_t index = share % input->reaches;
    size_t per_section = (NT_HOST_SECTION + input->reach - 1) / input->reach;
    size_t section = index / per_section * NT_HOST_SECTION;
    size_t left = listing->columns - section;
    uint32_t tile_row = (uint32_t)(reach.tile % tiles_of(input)) * NT_HOST_TILE;
    size_t row = reach.tile / tiles_of(input) * input->rows + tile_row;
    reach.rows = rows_from(input, tile_row);
    reach.first = index % per_section * input->reach;
    reach.empty = left < NT_HOST_SECTION ? left : NT_HOST_SECTION;
    reach.inputs = reach.empty - reach.first < input->reach ? reach.empty - reach.first : input->reach;
    reach.bits = input->bits + row * input->stride + (section + reach.first) / 8;
    reach.turns = input->turns + row * input->reaches + index * reach.rows;
    reach.counted = listing->counted ? listing->counted + (reach.turns - input->turns) : reach.turns;
    return reach;
}

/* Ones of an even number of bytes. */
static uint32_t ones_of(const struct nt_host *host, const uint8_t *bits, size_t bytes)
{
    size_t whole = bytes / 8 * 8;
    uint64_t rest = 0;
    memcpy(&rest, bits + whole, bytes - whole);
    return host->isa->ones_count(bits, whole) + host->isa->ones_count((const uint8_t *)&rest, sizeof rest);
}

/* Eight times the events of each row of the tile, where they are ones of one reach; else null. */
static const uint32_t *events_counted(const struct nt_host_input *input, const struct reach *reach)
{
    int are_ones = input->n_planes == 1 && input->planes[0] == 0 && input->n_negative == 0;
    return are_ones && input->reaches == 1 ? input->offset + reach->tile * NT_HOST_TILE : 0;
}

static void reach_count(void *context, uint32_t share, uint32_t lane)
{
    const struct listing *listing = context;
    struct reach reach = reach_of(listing, share);
    size_t entries = 0;
    const uint32_t *counted = events_counted(listing->input, &reach);
    (void)lane;
    for (size_t r = 0; r < reach.rows; r++) {
        uint32_t ones = counted ? counted[r] / 8
                                : ones_of(listing->host, reach.bits + r * listing->input->stride, reach.inputs / 8);
        uint32_t groups = (ones + NT_HOST_GROUP - 1) / NT_HOST_GROUP;
        reach.counted[r] = (struct nt_host_turn){0, (uint16_t)groups, (uint16_t)r};
        entries += (size_t)groups * NT_HOST_GROUP;
    }
    listing->spans[share] = entries;
    if (reach.rows > 1 && !listing->input->is_resident)
        turns_sort(reach.counted, (uint32_t)reach.rows);
}

/* Behind planes or before the end of a batch of odd rows, turns are not aligned. */
static void turns_copy(struct nt_host_turn *to, const struct nt_host_turn *from, size_t rows)
{
    if ((uintptr_t)to % 16 == 0 && (uintptr_t)from % 16 == 0 && rows % 2 == 0)
        nt_host_stream_copy(to, from, rows * sizeof *to);
    else
        memcpy(to, from, rows * sizeof *to);
}

static void reach_fill(void *context, uint32_t share, uint32_t lane)
{
    const struct listing *listing = context;
    const struct nt_host_input *input = listing->input;
    struct reach reach = reach_of(listing, share);
    size_t first = listing->spans[share];
    uint16_t *lists = input->lists + first;
    uint16_t *out = listing->scratch ? listing->scratch + lane * listing->room : lists;
    size_t at = 0;
    for (size_t r = 0; r < reach.rows; r++) {
        struct nt_host_turn *turn = &reach.counted[r];
        if (turn->groups == 0)
            continue;
        const uint8_t *bits = reach.bits + turn->row * input->stride;
        size_t count = (size_t)turn->groups * NT_HOST_GROUP;
        turn->at = (uint32_t)(first + at - input->starts[reach.tile]);
        row_list(listing->host, bits, reach.inputs / 8, reach.first, reach.empty, out + at);
        if (input->is_scattered)
            list_scatter(out + at, count);
        at += count;
    }
    if (!listing->scratch)
        return;
    nt_host_stream_copy(lists, out, at * sizeof *out);
    turns_copy(reach.turns, reach.counted, reach.rows);
}

/* Numbers of entries to where they begin; gives the largest of them. */
static size_t spans_place(struct nt_host_input *input, size_t *spans, size_t tiles)
{
    size_t at = 0;
    size_t most = 0;
    for (size_t tile = 0; tile < tiles; tile++) {
        input->starts[tile] = at;
        for (uint32_t k = 0; k < input->reaches; k++, spans++) {
            size_t entries = *spans;
            most = entries > most ? entries : most;
            *spans = at;
            at += entries;
        }
    }
    *spans = at;
    return most;
}

/* Rows whose columns come from memory, with gaps. */
static int is_scattered(const struct nt_host_input *input, const struct nt_host_layer *layer)
{
    double active = density(input, layer);
    return input->lines == 0 && layer->n_blocks * nt_host_block_bytes(layer) > CACHED_BYTES && active > STREAM_LEAST &&
           active < STREAM_MOST;
}

/* Room in which each of several threads makes the entries of a reach. */
static int scratch_reserve(struct nt_host *host, struct listing *listing, size_t entries, uint32_t threads)
{
    if (threads == 1)
        return NT_OK;
    listing->room = (entries + NT_HOST_LIST_SPARE + LIST_LINE - 1) / LIST_LINE * LIST_LINE;
    listing->scratch = nt_host_buffer_reserve(host, BUFFER_SCRATCH, threads * listing->room * sizeof *listing->scratch);
    return listing->scratch ? NT_OK : NT_ERROR_SPACE;
}

static int lists_reserve(struct nt_host *host, struct nt_host_input *input, struct listing *listing, uint32_t threads)
{
    size_t rows = (size_t)input->n_planes * input->rows;
    size_t tiles = input->n_planes * tiles_of(input);
    size_t spans = tiles * input->reaches + 1;
    size_t turns = rows * input->reaches;
    size_t entries = input->ones + rows * input->reaches * (NT_HOST_GROUP - 1) + NT_HOST_LIST_SPARE;
    input->lists = nt_host_buffer_reserve(host, BUFFER_LISTS, entries * sizeof *input->lists);
    input->turns = nt_host_buffer_reserve(host, BUFFER_TURNS, turns * sizeof *input->turns);
    input->starts = nt_host_buffer_reserve(host, BUFFER_SPANS, (tiles + spans) * sizeof *input->starts);
    if (!input->lists || !input->turns || !input->starts)
        return NT_ERROR_SPACE;
    listing->spans = input->starts + tiles;
    if (threads == 1)
        return NT_OK;
    listing->counted = nt_host_buffer_reserve(host, BUFFER_COUNTED, turns * sizeof *input->turns);
    return listing->counted ? NT_OK : NT_ERROR_SPACE;
}

static int lists_fill(struct nt_host *host, struct nt_host_input *input, const struct nt_host_layer *layer,
                      uint32_t threads)
{
    size_t tiles = input->n_planes * tiles_of(input);
    struct listing listing = {.host = host, .input = input, .columns = columns_of(layer)};
    input->lines = lines_for(input, layer);
    input->is_scattered = is_scattered(input, layer);
    input->is_resident = is_resident(layer);
    input->reach = reach_for(input, layer);
    input->reaches = reaches_of(layer, input->reach);
    if (lists_reserve(host, input, &listing, threads) != NT_OK)
        return NT_ERROR_SPACE;
    uint32_t shares = (uint32_t)(tiles * input->reaches);
    nt_host_pool_run(&host->pool, reach_count, &listing, shares, threads);
    size_t most = spans_place(input, listing.spans, tiles);
    size_t end = listing.spans[shares];
    if (scratch_reserve(host, &listing, most, threads) != NT_OK)
        return NT_ERROR_SPACE;
    nt_host_pool_run(&host->pool, reach_fill, &listing, shares, threads);
    /* What is fetched at the end of a block's only row is the beginning of the next one's. */
    memset(input->lists + end, 0, NT_HOST_LIST_SPARE * sizeof *input->lists);
    memcpy(input->lists + end, input->lists, (end < AHEAD ? end : AHEAD) * sizeof *input->lists);
    return NT_OK;
}

int nt_host_input_prepare(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                          const struct nt_host_layer *layer)
{
    input->by_events = options->path == NT_HOST_EVENTS;
    if (options->path == NT_HOST_AUTO)
        input->by_events = events_cost(host, input, layer) < lookup_cost(host, input, layer);
    uint32_t threads = nt_host_threads(options, nt_host_input_cost(host, input, layer) * layer->n_blocks);
    return input->by_events ? lists_fill(host, input, layer, threads)
                            : words_fill(host, input, layer->passes, threads);
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
        uint32_t left = layer->n_neurons - block * NT_HOST_BLOCK;
        events.neurons = left < NT_HOST_BLOCK ? left : NT_HOST_BLOCK;
        host->isa->events_narrow(lane, weight, &events, rows, input->offset + first);
        return;
    }
    const uint32_t *words = input->words + (size_t)first * layer->passes;
    host->isa->lookup_narrow(lane, weight, words, layer->passes, rows, input->offset + first);
}
