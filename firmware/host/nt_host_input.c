/* Events of a batch as bits: planes of powers of two, rows that repeat told once. */
#include "nt_host_input.h"

#include <stdatomic.h>
#include <string.h>

#include "nt_error.h"

/* Strips of a tile for each thread: enough for one that is slow to leave some to the others. */
#define STRIPS_EACH 4u
/* Inputs of a strip: each of its rows has a price, and a line of bits belongs to one thread. */
#define STRIP_LEAST 512u
/* Share of the inputs taken to be active before they are counted. */
#define ACTIVITY_EXPECTED 0.25
/* Inputs of a row whose digits are worked on at a time. */
#define INPUTS_AT_ONCE 1024u

static int steps_repeat(const uint8_t *events, uint32_t samples, uint32_t steps, size_t row)
{
    if (steps == 1)
        return 0;
    for (uint32_t b = 0; b < samples; b++)
        for (uint32_t t = 1; t < steps; t++)
            if (memcmp(events + (size_t)b * steps * row, events + ((size_t)b * steps + t) * row, row) != 0)
                return 0;
    return 1;
}

/* Adds a plane for every bit of `used`. */
static void planes_find(struct nt_host_input *input, uint32_t used)
{
    for (unsigned plane = 0; plane < 32; plane++)
        if (used >> plane & 1)
            input->planes[input->n_planes++] = (uint8_t)plane;
}

static size_t stride_of(const struct nt_host_layer *layer)
{
    return ((size_t)layer->passes * (NT_HOST_PASS / 8) + 15) / 16 * 16;
}

uint32_t nt_host_threads_expected(const struct nt_host *host, const struct nt_host_options *options, uint32_t rows,
                                  const struct nt_host_layer *layer)
{
    return nt_host_threads(options, ACTIVITY_EXPECTED * rows * layer->n_inputs * layer->n_blocks * host->isa->event_ns);
}

/* Rows shared out by tiles and, within them, by ranges of inputs. Lists are shared out alike, so that most of what a thread
   reads there is what it has written here: lines of another core cost ten times as much. */
struct strips {
    const struct nt_host *host;
    struct nt_host_input *input;
    const uint8_t *events; /* of all steps of the input's first row */
    size_t inputs;
    size_t width;    /* inputs of a strip, a multiple of 64 */
    uint32_t across; /* strips of a tile */
    uint32_t threads;
    uint32_t *sums;  /* per strip and row of its tile: events, or errors */
    atomic_uint used;
    _Atomic uint64_t ones;
};

struct strip {
    uint32_t row;
    uint32_t rows;
    size_t first;
    size_t inputs;
};

static void strips_set(struct strips *strips, size_t inputs, uint32_t threads)
{
    size_t across = threads > 1 ? STRIPS_EACH * (size_t)threads : 1;
    size_t width = (inputs + 64 * across - 1) / (64 * across) * 64;
    strips->inputs = inputs;
    strips->width = threads > 1 && width < STRIP_LEAST ? STRIP_LEAST : width;
    strips->across = (uint32_t)((inputs + strips->width - 1) / strips->width);
    strips->threads = threads;
}

static uint32_t strips_number(const struct strips *strips)
{
    return (strips->input->rows + NT_HOST_TILE - 1) / NT_HOST_TILE * strips->across;
}

static struct strip strip_of(const struct strips *strips, uint32_t share)
{
    struct strip strip = {.row = share / strips->across * NT_HOST_TILE, .first = share % strips->across * strips->width};
    uint32_t rows = strips->input->rows - strip.row;
    size_t inputs = strips->inputs - strip.first;
    strip.rows = rows < NT_HOST_TILE ? rows : NT_HOST_TILE;
    strip.inputs = inputs < strips->width ? inputs : strips->width;
    return strip;
}

static const uint8_t *strip_events(const struct strips *strips, const struct strip *strip, uint32_t row)
{
    return strips->events + (size_t)row * strips->input->repeat * strips->inputs + strip->first;
}

static uint8_t *strip_bits(const struct strips *strips, const struct strip *strip, uint32_t plane, uint32_t row)
{
    const struct nt_host_input *input = strips->input;
    return input->bits + ((size_t)plane * input->rows + row) * input->stride + strip->first / 8;
}

/* Bytes of the strip's bits in a row; behind the last inputs of a row up to its end. */
static size_t strip_bytes(const struct strips *strips, const struct strip *strip)
{
    int is_last = strip->first + strip->inputs == strips->inputs;
    return is_last ? strips->input->stride - strip->first / 8 : strip->inputs / 8;
}

static void strip_count(void *context, uint32_t share, uint32_t lane)
{
    struct strips *strips = context;
    const struct nt_host_input *input = strips->input;
    struct strip strip = strip_of(strips, share);
    size_t bytes = strip_bytes(strips, &strip);
    uint64_t all = 0;
    (void)lane;
    for (uint32_t r = 0; r < strip.rows; r++) {
        uint32_t events = 0;
        for (uint32_t p = 0; p < input->n_planes; p++) {
            uint32_t ones = strips->host->isa->ones_count(strip_bits(strips, &strip, p, strip.row + r), bytes);
            events += ones << input->planes[p];
            all += ones;
        }
        strips->sums[(size_t)share * NT_HOST_TILE + r] = events;
    }
    atomic_fetch_add(&strips->ones, all);
}

/* `bytes` are those of the strip in one row. Gives their OR. */
static uint8_t strip_row_pack(const struct strips *strips, const struct strip *strip, const uint8_t *bytes, size_t ahead,
                              unsigned bit, uint8_t *bits)
{
    size_t written = (strip->inputs + 7) / 8;
    uint8_t used = strips->host->isa->bits_pack(bytes, strip->inputs, ahead, bit, bits);
    memset(bits + written, 0, strip_bytes(strips, strip) - written);
    return used;
}

static void strip_pack(void *context, uint32_t share, uint32_t lane)
{
    struct strips *strips = context;
    const struct nt_host_input *input = strips->input;
    struct strip strip = strip_of(strips, share);
    /* The next row's strip is elsewhere, where the hardware does not look for it. */
    size_t ahead = strips->across > 1 ? input->repeat * strips->inputs : 0;
    uint32_t used = 0;
    for (uint32_t p = 0; p < input->n_planes; p++)
        for (uint32_t r = strip.row; r < strip.row + strip.rows; r++)
            used |= strip_row_pack(strips, &strip, strip_events(strips, &strip, r),
                                   r + 1 < strip.row + strip.rows ? ahead : 0, input->planes[p],
                                   strip_bits(strips, &strip, p, r));
    atomic_fetch_or(&strips->used, used);
    strip_count(context, share, lane);
}

static void strips_run(struct nt_host *host, nt_host_job *job, struct strips *strips)
{
    nt_host_pool_run(&host->pool, job, strips, strips_number(strips), strips->threads);
}

/* Has `job` count all rows of the input, whose bits it may fill before. */
static int strips_finish(struct nt_host *host, nt_host_job *job, struct strips *strips)
{
    struct nt_host_input *input = strips->input;
    size_t sums = (size_t)strips_number(strips) * NT_HOST_TILE;
    input->offset = nt_host_buffer_reserve(host, BUFFER_OFFSETS, (input->rows + sums) * sizeof(uint32_t));
    if (!input->offset)
        return NT_ERROR_SPACE;
    strips->sums = input->offset + input->rows;
    strips_run(host, job, strips);
    input->ones = atomic_load(&strips->ones);
    input->most = 0;
    for (uint32_t r = 0; r < input->rows; r++) {
        const uint32_t *sum = strips->sums + (size_t)(r / NT_HOST_TILE) * strips->across * NT_HOST_TILE + r % NT_HOST_TILE;
        uint32_t events = 0;
        for (uint32_t k = 0; k < strips->across; k++)
            events += sum[k * NT_HOST_TILE];
        input->offset[r] = 8 * events;
        input->most = 8 * events > input->most ? 8 * events : input->most;
    }
    return NT_OK;
}

/* Packs and counts all planes of all rows; `used` is then the OR of all counts. */
static int planes_fill(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                       const uint8_t *events, uint32_t *used)
{
    const struct nt_host_layer *layer = &host->layers[0];
    struct strips strips = {.host = host, .input = input, .events = events};
    strips_set(&strips, layer->n_inputs, nt_host_threads_expected(host, options, input->rows, layer));
    input->bits = nt_host_buffer_reserve(host, BUFFER_BITS, (size_t)input->n_planes * input->rows * input->stride);
    if (!input->bits)
        return NT_ERROR_SPACE;
    int result = strips_finish(host, strip_pack, &strips);
    *used = atomic_load(&strips.used);
    return result;
}

int nt_host_input_read(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                       const uint8_t *events, uint32_t samples, uint32_t steps)
{
    const struct nt_host_layer *layer = &host->layers[0];
    int repeats = steps_repeat(events, samples, steps, layer->n_inputs);
    uint32_t used = 0;
    input->repeat = repeats ? steps : 1;
    input->rows = repeats ? samples : samples * steps;
    input->stride = stride_of(layer);
    /* As if all counts were 0 and 1: then one pass over them is enough. */
    input->n_planes = 1;
    input->planes[0] = 0;
    int result = planes_fill(host, options, input, events, &used);
    if (result != NT_OK || used == 1)
        return result;
    input->n_planes = 0;
    planes_find(input, used);
    return used == 0 ? NT_OK : planes_fill(host, options, input, events, &used);
}

int nt_host_input_count(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                        const struct nt_host_layer *layer)
{
    struct strips strips = {.host = host, .input = input};
    strips_set(&strips, layer->n_inputs, nt_host_threads_expected(host, options, input->rows, layer));
    return strips_finish(host, strip_count, &strips);
}

/* Errors as digits, and the digits as planes of bits. Digits are worked out twice, first to see which planes there are: that
   costs less than to keep them. */
struct digits {
    struct strips strips; /* first: the counts see it alone */
    const int32_t *errors;
    size_t stride;
    atomic_uint used_negative;
};

/* Digits of some inputs of one row: those to add, and those to take away. */
struct row_digits {
    uint32_t positive[INPUTS_AT_ONCE];
    uint32_t negative[INPUTS_AT_ONCE];
    uint32_t used[2];
};

/* The strip that holds up to INPUTS_AT_ONCE inputs of row `row` from `at` on of another. */
static struct strip strip_part(const struct strip *strip, uint32_t row, size_t at)
{
    size_t left = strip->inputs - at;
    return (struct strip){row, 1, strip->first + at, left < INPUTS_AT_ONCE ? left : INPUTS_AT_ONCE};
}

static void part_digits(const struct digits *digits, const struct strip *part, struct row_digits *found)
{
    const int32_t *errors = digits->errors + part->row * digits->stride + part->first;
    digits->strips.host->isa->errors_digits(errors, part->inputs, found->positive, found->negative, found->used);
}

static void strip_digits_look(void *context, uint32_t share, uint32_t lane)
{
    struct digits *digits = context;
    struct strip strip = strip_of(&digits->strips, share);
    struct row_digits found = {.used = {0, 0}};
    (void)lane;
    for (uint32_t r = strip.row; r < strip.row + strip.rows; r++)
        for (size_t at = 0; at < strip.inputs; at += INPUTS_AT_ONCE) {
            struct strip part = strip_part(&strip, r, at);
            part_digits(digits, &part, &found);
        }
    atomic_fetch_or(&digits->strips.used, found.used[0]);
    atomic_fetch_or(&digits->used_negative, found.used[1]);
}

/* Planes `first` to `end` - 1 of a part whose digits are `words`. */
static void part_planes_fill(const struct strips *strips, const struct strip *part, const uint32_t *words, uint32_t first,
                             uint32_t end)
{
    const struct nt_host_input *input = strips->input;
    uint8_t bytes[INPUTS_AT_ONCE];
    unsigned loaded = 32;
    for (uint32_t p = first; p < end; p++) {
        unsigned plane = input->planes[p];
        if (plane / 8 != loaded)
            strips->host->isa->words_narrow(words, part->inputs, plane / 8 * 8, bytes);
        loaded = plane / 8;
        strip_row_pack(strips, part, bytes, 0, plane % 8, strip_bits(strips, part, p, part->row));
    }
}

static void strip_digits_pack(void *context, uint32_t share, uint32_t lane)
{
    struct digits *digits = context;
    struct strips *strips = &digits->strips;
    const struct nt_host_input *input = strips->input;
    struct strip strip = strip_of(strips, share);
    struct row_digits found = {.used = {0, 0}};
    for (uint32_t r = strip.row; r < strip.row + strip.rows; r++)
        for (size_t at = 0; at < strip.inputs; at += INPUTS_AT_ONCE) {
            struct strip part = strip_part(&strip, r, at);
            part_digits(digits, &part, &found);
            part_planes_fill(strips, &part, found.negative, 0, input->n_negative);
            part_planes_fill(strips, &part, found.positive, input->n_negative, input->n_planes);
        }
    strip_count(strips, share, lane);
    /* What is taken off is the sum of the errors, in 32 bits that wrap as the sums do. */
    for (uint32_t r = 0; r < strip.rows; r++) {
        const int32_t *errors = digits->errors + (strip.row + r) * digits->stride + strip.first;
        uint32_t sum = 0;
        for (size_t i = 0; i < strip.inputs; i++)
            sum += (uint32_t)errors[i];
        strips->sums[(size_t)share * NT_HOST_TILE + r] = sum;
    }
}

int nt_host_input_errors(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                         const struct nt_host_layer *back, const int32_t *errors, size_t stride, uint32_t rows)
{
    *input = (struct nt_host_input){.rows = rows, .repeat = 1, .stride = stride_of(back)};
    struct digits digits = {.strips = {.host = host, .input = input}, .errors = errors, .stride = stride};
    strips_set(&digits.strips, back->n_inputs, nt_host_threads_expected(host, options, rows, back));
    strips_run(host, strip_digits_look, &digits.strips);
    planes_find(input, atomic_load(&digits.used_negative));
    input->n_negative = input->n_planes;
    planes_find(input, atomic_load(&digits.strips.used));
    input->bits = nt_host_buffer_reserve(host, BUFFER_DIGITS, input->n_planes * rows * input->stride);
    if (!input->bits)
        return NT_ERROR_SPACE;
    return strips_finish(host, strip_digits_pack, &digits.strips);
}
