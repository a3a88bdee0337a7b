/* Events of a batch as bits: planes of powers of two, rows that repeat told once. */
#include "nt_host_input.h"

#include <stdatomic.h>
#include <string.h>

#include "nt_error.h"

/* Rows that a thread takes at a time. */
#define ROWS_SHARE 4u

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

/* Threads that a layer will be worth whose events are not counted yet: a quarter of the inputs are taken to be active. */
static uint32_t threads_expected(const struct nt_host *host, const struct nt_host_options *options, size_t rows,
                                 const struct nt_host_layer *layer)
{
    return nt_host_threads(options, 0.25 * (double)rows * layer->n_inputs * layer->n_blocks * host->isa->event_ns);
}

/* Rows shared out, ROWS_SHARE at a time. */
struct rows_job {
    const struct nt_host *host;
    struct nt_host_input *input;
    const uint8_t *events; /* of all steps of the input's first row */
    size_t row_bytes;
    uint32_t repeat;
    uint32_t rows;
    atomic_uint used;
    _Atomic uint64_t ones;
};

static uint32_t rows_end(const struct rows_job *job, uint32_t share)
{
    uint32_t left = job->rows - share * ROWS_SHARE;
    return share * ROWS_SHARE + (left < ROWS_SHARE ? left : ROWS_SHARE);
}

static void rows_share(struct nt_host *host, nt_host_job *work, struct rows_job *job, uint32_t threads)
{
    nt_host_pool_run(&host->pool, work, job, (job->rows + ROWS_SHARE - 1) / ROWS_SHARE, threads);
}

static void rows_look(void *context, uint32_t share, uint32_t lane)
{
    struct rows_job *job = context;
    uint32_t used = 0;
    (void)lane;
    for (uint32_t r = share * ROWS_SHARE; r < rows_end(job, share); r++)
        used |= job->host->isa->bytes_or(job->events + (size_t)r * job->repeat * job->row_bytes, job->row_bytes);
    atomic_fetch_or(&job->used, used);
}

static uint8_t *row_bits(const struct nt_host_input *input, uint32_t plane, uint32_t row)
{
    return input->bits + ((size_t)plane * input->rows + row) * input->stride;
}

/* Gives the row's ones, and eight times its events. */
static uint32_t row_count(const struct nt_host *host, const struct nt_host_input *input, uint32_t row, uint32_t *offset)
{
    uint32_t events = 0;
    uint32_t all = 0;
    for (uint32_t p = 0; p < input->n_planes; p++) {
        uint32_t ones = host->isa->ones_count(row_bits(input, p, row), input->stride);
        events += ones << input->planes[p];
        all += ones;
    }
    *offset = 8 * events;
    return all;
}

static void rows_count(void *context, uint32_t share, uint32_t lane)
{
    struct rows_job *job = context;
    uint64_t ones = 0;
    (void)lane;
    for (uint32_t r = share * ROWS_SHARE; r < rows_end(job, share); r++)
        ones += row_count(job->host, job->input, r, &job->input->offset[r]);
    atomic_fetch_add(&job->ones, ones);
}

static void rows_pack(void *context, uint32_t share, uint32_t lane)
{
    struct rows_job *job = context;
    const struct nt_host_input *input = job->input;
    size_t written = (job->row_bytes + 7) / 8;
    for (uint32_t r = share * ROWS_SHARE; r < rows_end(job, share); r++)
        for (uint32_t p = 0; p < input->n_planes; p++) {
            uint8_t *bits = row_bits(input, p, r);
            const uint8_t *row = job->events + (size_t)r * job->repeat * job->row_bytes;
            job->host->isa->bits_pack(row, job->row_bytes, input->planes[p], bits);
            memset(bits + written, 0, input->stride - written);
        }
    rows_count(context, share, lane);
}

/* Has `work` count all rows of the input, whose bits it may fill before. */
static int rows_finish(struct nt_host *host, nt_host_job *work, struct rows_job *job, uint32_t threads)
{
    struct nt_host_input *input = job->input;
    input->offset = nt_host_buffer_reserve(host, BUFFER_OFFSETS, input->rows * sizeof(uint32_t));
    if (!input->offset)
        return NT_ERROR_SPACE;
    rows_share(host, work, job, threads);
    input->ones = atomic_load(&job->ones);
    input->most = 0;
    for (uint32_t r = 0; r < input->rows; r++)
        input->most = input->offset[r] > input->most ? input->offset[r] : input->most;
    return NT_OK;
}

int nt_host_input_read(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                       const uint8_t *events, uint32_t samples, uint32_t steps)
{
    const struct nt_host_layer *layer = &host->layers[0];
    int repeats = steps_repeat(events, samples, steps, layer->n_inputs);
    input->repeat = repeats ? steps : 1;
    input->rows = repeats ? samples : samples * steps;
    input->stride = stride_of(layer);
    input->n_planes = 0;
    struct rows_job job = {.host = host, .input = input, .events = events, .row_bytes = layer->n_inputs,
                           .repeat = input->repeat, .rows = input->rows};
    uint32_t threads = threads_expected(host, options, input->rows, layer);
    rows_share(host, rows_look, &job, threads);
    planes_find(input, atomic_load(&job.used));
    input->bits = nt_host_buffer_reserve(host, BUFFER_BITS_A, input->n_planes * input->rows * input->stride);
    if (!input->bits)
        return NT_ERROR_SPACE;
    return rows_finish(host, rows_pack, &job, threads);
}

int nt_host_input_count(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                        const struct nt_host_layer *layer)
{
    struct rows_job job = {.host = host, .input = input, .rows = input->rows};
    return rows_finish(host, rows_count, &job, threads_expected(host, options, input->rows, layer));
}

/* Errors of some rows as digits, and the digits as planes of bits. */
struct digits_job {
    struct rows_job rows; /* first: the counts see it alone */
    const int32_t *errors;
    size_t stride;
    size_t inputs;
    uint32_t *positive;
    uint32_t *negative;
    uint8_t *bytes; /* a row of them per thread */
    atomic_uint used_negative;
};

static void digits_find(void *context, uint32_t share, uint32_t lane)
{
    struct digits_job *job = context;
    uint32_t used[2] = {0, 0};
    (void)lane;
    for (uint32_t r = share * ROWS_SHARE; r < rows_end(&job->rows, share); r++)
        job->rows.host->isa->errors_digits(job->errors + r * job->stride, job->inputs, job->positive + r * job->inputs,
                                           job->negative + r * job->inputs, used);
    atomic_fetch_or(&job->rows.used, used[0]);
    atomic_fetch_or(&job->used_negative, used[1]);
}

/* Planes `first` to `end` - 1 of one row, whose digits are `words`. */
static void digit_planes_fill(const struct digits_job *job, const uint32_t *words, uint32_t row, uint32_t first,
                              uint32_t end, uint8_t *bytes)
{
    const struct nt_host_input *input = job->rows.input;
    const struct nt_host_isa *isa = job->rows.host->isa;
    size_t written = (job->inputs + 7) / 8;
    unsigned loaded = 32;
    for (uint32_t p = first; p < end; p++) {
        unsigned plane = input->planes[p];
        uint8_t *bits = row_bits(input, p, row);
        if (plane / 8 != loaded)
            isa->words_narrow(words, job->inputs, plane / 8 * 8, bytes);
        loaded = plane / 8;
        isa->bits_pack(bytes, job->inputs, plane % 8, bits);
        memset(bits + written, 0, input->stride - written);
    }
}

/* 8 times the sum of a row's errors, in 32 bits that wrap as the sums do. */
static uint32_t error_offset(const int32_t *errors, size_t inputs)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < inputs; i++)
        sum += (uint32_t)errors[i];
    return 8 * sum;
}

static void digits_pack(void *context, uint32_t share, uint32_t lane)
{
    struct digits_job *job = context;
    const struct nt_host_input *input = job->rows.input;
    uint8_t *bytes = job->bytes + lane * job->inputs;
    for (uint32_t r = share * ROWS_SHARE; r < rows_end(&job->rows, share); r++) {
        digit_planes_fill(job, job->negative + r * job->inputs, r, 0, input->n_negative, bytes);
        digit_planes_fill(job, job->positive + r * job->inputs, r, input->n_negative, input->n_planes, bytes);
    }
    rows_count(&job->rows, share, lane);
    for (uint32_t r = share * ROWS_SHARE; r < rows_end(&job->rows, share); r++)
        input->offset[r] = error_offset(job->errors + r * job->stride, job->inputs);
}

int nt_host_input_errors(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                         const struct nt_host_layer *back, const int32_t *errors, size_t stride, uint32_t rows)
{
    size_t inputs = back->n_inputs;
    size_t words = (size_t)rows * inputs;
    uint32_t threads = threads_expected(host, options, rows, back);
    uint32_t *positive =
        nt_host_buffer_reserve(host, BUFFER_DIGITS, 2 * words * sizeof *positive + options->threads * inputs);
    if (!positive)
        return NT_ERROR_SPACE;
    *input = (struct nt_host_input){.rows = rows, .repeat = 1, .stride = stride_of(back)};
    struct digits_job job = {.rows = {.host = host, .input = input, .rows = rows}, .errors = errors, .stride = stride,
                             .inputs = inputs, .positive = positive, .negative = positive + words,
                             .bytes = (uint8_t *)(positive + 2 * words)};
    rows_share(host, digits_find, &job.rows, threads);
    planes_find(input, atomic_load(&job.used_negative));
    input->n_negative = input->n_planes;
    planes_find(input, atomic_load(&job.rows.used));
    input->bits = nt_host_buffer_reserve(host, BUFFER_BITS_A, input->n_planes * rows * input->stride);
    if (!input->bits)
        return NT_ERROR_SPACE;
    return rows_finish(host, digits_pack, &job.rows, threads);
}
