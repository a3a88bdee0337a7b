/* A whole learning step in one call: spikes, errors, moves; of the ideal chip the dithered codes and their gains too. */
#include <string.h>

#include "nt_error.h"
#include "nt_host_input.h"

static uint8_t shifted(uint8_t code, int shift)
{
    return (uint8_t)nt_i32_clamp(code + shift, 0, 255);
}

/* All codes raised by `up`, or lowered by `down`, within 0..255; one of the two is 0. */
static void codes_shift(const uint8_t *codes, size_t count, uint8_t up, uint8_t down, uint8_t *out)
{
    uint8_t most = (uint8_t)(255 - up);
    for (size_t i = 0; i < count; i++) {
        uint8_t raised = (uint8_t)((codes[i] < most ? codes[i] : most) + up);
        out[i] = (uint8_t)((raised > down ? raised : down) - down);
    }
}

/* Codes of one operating point: `sign` 0 as they are, else dithered by d, or by m where a domain supplies an output. */
static void codes_dither(const struct nt_host *host, const struct nt_learn_settings *settings, const uint8_t *codes,
                         int sign, uint8_t *out)
{
    const struct nt_host_layer *outputs = &host->layers[host->n_layers - 1];
    uint8_t hidden = settings->hidden_dither_code;
    codes_shift(codes, host->n_codes, sign > 0 ? hidden : 0, sign < 0 ? hidden : 0, out);
    for (uint32_t i = 0; i < 2 * outputs->n_neurons; i++)
        out[outputs->domain[i]] = shifted(codes[outputs->domain[i]], sign * settings->output_dither_code);
}

int nt_host_dithered_run(struct nt_host *host, const struct nt_host_options *options,
                         const struct nt_host_point *const *points, const uint8_t *events, uint32_t samples,
                         uint32_t steps, uint64_t first_step, uint8_t **planes)
{
    size_t counts = (size_t)samples * host->n_neurons;
    uint8_t *plus = nt_host_buffer_reserve(host, BUFFER_STEP, 2 * counts);
    if (!plus)
        return NT_ERROR_SPACE;
    const struct nt_response response = {.counts = {0, plus, plus + counts}};
    *planes = plus;
    return nt_host_run(host, options, points, NT_ARRAY_POINTS, events, samples, steps, first_step, &response);
}

/* From events to codes, at three points that are set already. */
static int step_run(struct nt_host *host, const struct nt_host_options *options,
                    const struct nt_learn_settings *settings, const struct nt_host_point *const *points,
                    const struct nt_learn_state *state, const uint8_t *events, const int64_t *labels, uint32_t samples,
                    uint32_t steps, uint64_t first_step)
{
    uint8_t *plus;
    int result = nt_host_dithered_run(host, options, points, events, samples, steps, first_step, &plus);
    if (result < 0)
        return result;
    const uint8_t *minus = plus + (size_t)samples * host->n_neurons;
    return nt_host_learn(host, options, settings, state, plus, minus, labels, samples);
}

static const int signs[NT_ARRAY_POINTS] = {0, 1, -1};

int nt_host_dither(struct nt_host *host, const struct nt_host_options *options, uint32_t samples,
                   const struct nt_learn_settings *settings, struct nt_host_point *const *points,
                   struct nt_host_gains gains, const uint8_t *codes)
{
    uint32_t threads = nt_host_threads_expected(host, options, samples, &host->layers[0]);
    uint8_t *dithered = nt_host_buffer_reserve(host, BUFFER_DITHERED, (size_t)NT_ARRAY_POINTS * host->n_codes);
    if (!dithered)
        return NT_ERROR_SPACE;
    nt_host_pool_call(&host->pool, threads);
    for (unsigned p = 0; p < NT_ARRAY_POINTS; p++)
        codes_dither(host, settings, codes, signs[p], dithered + (size_t)p * host->n_codes);
    nt_host_gains_set(host, &host->pool, threads, points, NT_ARRAY_POINTS, gains, dithered);
    return NT_OK;
}

int nt_host_steps(struct nt_host *host, const struct nt_host_options *options, const struct nt_learn_settings *settings,
                  uint32_t n_steps, struct nt_host_point *const *points, const uint16_t *const *tables,
                  const struct nt_learn_state *state, const uint8_t *events, const int64_t *labels, uint32_t samples,
                  uint32_t steps, uint64_t first_step)
{
    const struct nt_host_point *fixed[NT_ARRAY_POINTS] = {points[0], points[1], points[2]};
    size_t batch_bytes = (size_t)samples * steps * host->layers[0].n_inputs;
    for (uint32_t done = 0; done < n_steps; done++) {
        int result = nt_host_dither(host, options, samples, &settings[done], points,
                                    (struct nt_host_gains){.tables = tables}, state->codes);
        if (result == NT_OK)
            result = step_run(host, options, &settings[done], fixed, state, events + done * batch_bytes,
                              labels + (size_t)done * samples, samples, steps,
                              first_step + (uint64_t)done * samples * steps);
        if (result < 0)
            return result;
        if (result == NT_HOST_TOO_WIDE)
            return (int)done;
    }
    return (int)n_steps;
}

int nt_host_step_nominal(struct nt_host *host, const struct nt_host_options *options,
                         const struct nt_learn_settings *settings, const uint16_t *gain_q12,
                         struct nt_host_point *const *points, const struct nt_learn_state *state,
                         const uint8_t *events, const int64_t *labels, uint32_t samples, uint32_t steps)
{
    const struct nt_host_point *fixed[NT_ARRAY_POINTS] = {points[0], points[1], points[2]};
    int result = nt_host_dither(host, options, samples, settings, points,
                                (struct nt_host_gains){.nominal_q12 = gain_q12}, state->codes);
    if (result < 0)
        return result;
    return step_run(host, options, settings, fixed, state, events, labels, samples, steps, 0);
}
