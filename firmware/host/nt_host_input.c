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

static void planes_find(struct nt_host_input *input, uint8_t used)
{
    input->n_planes = 0;
    for (unsigned plane = 0; plane < NT_HOST_PLANES; plane++)
        if (used >> plane & 1)
            input->planes[input->n_planes++] = (uint8_t)plane;
}

int nt_host_input_read(struct nt_host *host, struct nt_host_input *input, const uint8_t *events, uint32_t samples,
                       uint32_t steps)
{
    const struct nt_host_layer *layer = &host->layers[0];
    size_t row = layer->n_inputs;
    int repeats = steps_repeat(events, samples, steps, row);
    input->repeat = repeats ? steps : 1;
    input->rows = repeats ? samples : samples * steps;
    input->stride = ((size_t)layer->passes * (NT_HOST_PASS / 8) + 15) / 16 * 16;
    planes_find(input, host->isa->bytes_or(events, (size_t)samples * steps * row));
    size_t bytes = input->n_planes * input->rows * input->stride;
    input->bits = nt_host_buffer_reserve(host, BUFFER_BITS_A, bytes);
    if (!input->bits)
        return NT_ERROR_SPACE;
    uint8_t *bits = input->bits;
    size_t written = (row + 7) / 8;
    for (uint32_t p = 0; p < input->n_planes; p++)
        for (uint32_t r = 0; r < input->rows; r++, bits += input->stride) {
            host->isa->bits_pack(events + (size_t)r * input->repeat * row, row, input->planes[p], bits);
            memset(bits + written, 0, input->stride - written);
        }
    return nt_host_input_count(host, input);
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
