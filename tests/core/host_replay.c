/* Replays one case on the first kernels of this machine: reads nt_host's arguments from stdin, writes its results to stdout.
   For instruction sets that only an emulator runs here (test_neon.py). */
#include <stdio.h>
#include <stdlib.h>

#include "nt_host.h"

static void *taken(size_t count, size_t size)
{
    void *room = malloc(count * size + 1);
    if (!room || fread(room, size, count, stdin) != count)
        exit(3);
    return room;
}

static uint32_t number(void)
{
    uint32_t *one = taken(1, sizeof *one);
    return *one;
}

static void given(const void *data, size_t count, size_t size)
{
    if (fwrite(data, size, count, stdout) != count)
        exit(4);
}

static struct nt_host *host_read(uint32_t n_layers, struct nt_host_source *sources)
{
    const struct nt_host_isa *isa = nt_host_isa_available(0);
    for (uint32_t l = 0; l < n_layers; l++) {
        struct nt_host_source *source = &sources[l];
        source->n_inputs = number();
        source->n_neurons = number();
        source->refractory = (uint8_t)number();
        source->weight = taken((size_t)source->n_inputs * ((source->n_neurons + 7) / 8 * 4), 1);
        source->bias = taken(source->n_neurons, 2);
        source->domain = taken(2 * (size_t)source->n_neurons, 2);
    }
    uint32_t n_codes = number();
    const uint16_t *readout = taken(sources[n_layers - 1].n_neurons, 2);
    fprintf(stderr, "%s\n", isa->name);
    return nt_host_new(isa, sources, n_layers, readout, n_codes);
}

static struct nt_host_point *point_read(const struct nt_host *host, uint32_t n_layers,
                                        const struct nt_host_source *sources)
{
    struct nt_host_point *point = nt_host_point_new(host);
    for (uint32_t l = 0; l < n_layers; l++) {
        uint32_t neurons = sources[l].n_neurons;
        struct nt_layer_operating operating;
        operating.gain_q12 = taken(2 * (size_t)neurons, 2);
        operating.threshold_q8 = taken(neurons, 4);
        operating.leak_q16 = taken(neurons, 4);
        operating.noise_q8 = taken(neurons, 2);
        operating.fault = taken(neurons, 1);
        operating.noise_seed = number();
        nt_host_point_set(point, l, &operating, neurons);
    }
    return point;
}

int main(void)
{
    uint32_t n_layers = number();
    struct nt_host_source *sources = calloc(n_layers, sizeof *sources);
    struct nt_host *host = host_read(n_layers, sources);
    const struct nt_host_point *point = point_read(host, n_layers, sources);
    uint32_t n_neurons = number();
    uint32_t n_codes = number();
    uint32_t samples = number();
    uint32_t steps = number();
    struct nt_host_options options = {.threads = 1, .path = number()};
    const uint8_t *events = taken((size_t)samples * steps * sources[0].n_inputs, 1);
    size_t count = (size_t)samples * n_neurons;
    struct nt_response response = {.counts = {malloc(count), 0, 0}, .compared_q8 = malloc(4 * count),
                                   .membrane_q8 = malloc(4 * count)};
    if (nt_host_run(host, &options, &point, 1, events, samples, steps, 5, &response) != 0)
        return 5;
    const uint8_t *plus = taken(count, 1);
    const uint8_t *minus = taken(count, 1);
    const int64_t *labels = taken(samples, 8);
    struct nt_learn_state state = {.codes = taken(n_codes, 1)};
    state.accumulator_q8 = calloc(n_codes, 2);
    state.mean_q8 = calloc(n_codes, 4);
    struct nt_learn_settings settings = {48, 48, 2560, 16, 0, 255};
    if (nt_host_learn(host, &options, &settings, &state, plus, minus, labels, samples) != 0)
        return 6;
    given(response.counts[0], count, 1);
    given(response.compared_q8, count, 4);
    given(response.membrane_q8, count, 4);
    given(state.codes, n_codes, 1);
    given(state.accumulator_q8, n_codes, 2);
    given(state.mean_q8, n_codes, 4);
    nt_host_free(host);
    return 0;
}
