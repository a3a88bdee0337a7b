/* Events of a batch as bits: planes of powers of two, rows that repeat told once. */
#include "nt_host_input.h"

#include <string.h>

#include "nt_error.h"

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

/* All planes of all rows; gives the OR of all counts, or a negative error. */
static int planes_fill(struct nt_host *host, struct nt_host_input *input, const uint8_t *events, size_t row)
{
    size_t bytes = (size_t)input->n_planes * input->rows * input->stride;
    size_t written = (row + 7) / 8;
    uint8_t found = 0;
    input->bits = nt_host_buffer_reserve(host, BUFFER_BITS_A, bytes);
    if (!input->bits)
        return NT_ERROR_SPACE;
    uint8_t *bits = input->bits;
    for (uint32_t p = 0; p < input->n_planes; p++)
        for (uint32_t r = 0; r < input->rows; r++, bits += input->stride) {
            found |= host->isa->bits_pack(events + (size_t)r * input->repeat * row, row, input->planes[p], bits);
            memset(bits + written, 0, input->stride - written);
        }
    return found;
}

int nt_host_input_read(struct nt_host *host, struct nt_host_input *input, const uint8_t *events, uint32_t samples,
                       uint32_t steps)
{
    const struct nt_host_layer *layer = &host->layers[0];
    size_t row = layer->n_inputs;
    int repeats = steps_repeat(events, samples, steps, row);
    input->repeat = repeats ? steps : 1;
    input->rows = repeats ? samples : samples * steps;
    input->stride = stride_of(layer);
    /* As if all counts were 0 and 1: then one pass over them is enough. */
    input->n_planes = 1;
    input->planes[0] = 0;
    int used = planes_fill(host, input, events, row);
    if (used > 1) {
        input->n_planes = 0;
        planes_find(input, (uint32_t)used);
        used = planes_fill(host, input, events, row);
    } else if (used == 0) {
        input->n_planes = 0;
    }
    return used < 0 ? used : nt_host_input_count(host, input);
}

int nt_host_input_count(struct nt_host *host, struct nt_host_input *input)
{
    input->offset = nt_host_buffer_reserve(host, BUFFER_OFFSETS, input->rows * sizeof(uint32_t));
    if (!input->offset)
        return NT_ERROR_SPACE;
    input->ones = 0;
    input->most = 0;
    for (uint32_t r = 0; r < input->rows; r++) {
        uint32_t events = 0;
        for (uint32_t p = 0; p < input->n_planes; p++) {
            uint32_t ones = host->isa->ones_count(input->bits + (p * input->rows + r) * input->stride, input->stride);
            events += ones << input->planes[p];
            input->ones += ones;
        }
        input->offset[r] = 8 * events;
        input->most = 8 * events > input->most ? 8 * events : input->most;
    }
    return NT_OK;
}

/* Planes `first` to `end` - 1 of one row, whose digits are `words`. */
static void digit_planes_fill(const struct nt_host *host, const struct nt_host_input *input, const uint32_t *words,
                              uint32_t inputs, uint32_t row, uint32_t first, uint32_t end, uint8_t *bytes)
{
    unsigned loaded = 32;
    for (uint32_t p = first; p < end; p++) {
        unsigned plane = input->planes[p];
        uint8_t *bits = input->bits + ((size_t)p * input->rows + row) * input->stride;
        size_t written = (inputs + 7) / 8;
        if (plane / 8 != loaded)
            host->isa->words_narrow(words, inputs, plane / 8 * 8, bytes);
        loaded = plane / 8;
        host->isa->bits_pack(bytes, inputs, plane % 8, bits);
        memset(bits + written, 0, input->stride - written);
    }
}

/* 8 times the sum of each row's errors, in 32 bits that wrap as the sums do. */
static void error_offsets(const struct nt_host_input *input, uint32_t inputs, const int32_t *errors, size_t stride)
{
    for (uint32_t r = 0; r < input->rows; r++) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < inputs; i++)
            sum += (uint32_t)errors[r * stride + i];
        input->offset[r] = 8 * sum;
    }
}

int nt_host_input_errors(struct nt_host *host, struct nt_host_input *input, const struct nt_host_layer *back,
                         const int32_t *errors, size_t stride, uint32_t rows)
{
    size_t inputs = back->n_inputs;
    size_t words = (size_t)rows * inputs;
    uint32_t used[2] = {0, 0};
    uint32_t *positive = nt_host_buffer_reserve(host, BUFFER_DIGITS, 2 * words * sizeof *positive + inputs);
    if (!positive)
        return NT_ERROR_SPACE;
    uint32_t *negative = positive + words;
    uint8_t *bytes = (uint8_t *)(negative + words);
    for (uint32_t r = 0; r < rows; r++)
        host->isa->errors_digits(errors + r * stride, inputs, positive + r * inputs, negative + r * inputs, used);
    *input = (struct nt_host_input){.rows = rows, .repeat = 1, .stride = stride_of(back)};
    planes_find(input, used[1]);
    input->n_negative = input->n_planes;
    planes_find(input, used[0]);
    input->bits = nt_host_buffer_reserve(host, BUFFER_BITS_A, input->n_planes * rows * input->stride);
    if (!input->bits)
        return NT_ERROR_SPACE;
    for (uint32_t r = 0; r < rows; r++) {
        digit_planes_fill(host, input, negative + r * inputs, back->n_inputs, r, 0, input->n_negative, bytes);
        digit_planes_fill(host, input, positive + r * inputs, back->n_inputs, r, input->n_negative, input->n_planes, bytes);
    }
    int result = nt_host_input_count(host, input);
    if (result == NT_OK)
        error_offsets(input, back->n_inputs, errors, stride);
    return result;
}
