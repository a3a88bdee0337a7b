/* Records: a bit per neuron in one time step and a byte in more, then membranes of the outputs. */
#include "nt_host_readout.h"

#include <string.h>

#include "nt_bytes.h"
#include "nt_error.h"
#include "nt_host_gates.h"
#include "nt_host_model.h"
#include "nt_messages.h"

static uint32_t outputs_of(const struct nt_host *host)
{
    return host->layers[host->n_layers - 1].n_neurons;
}

static uint32_t neurons_read(const struct nt_host *host, uint8_t readout)
{
    return readout & NT_READOUT_HIDDEN ? host->n_neurons : outputs_of(host);
}

static size_t plane_bytes(const struct nt_host *host, uint8_t readout, uint32_t steps)
{
    size_t neurons = neurons_read(host, readout);
    return steps == 1 ? (neurons + 7) / 8 : neurons;
}

size_t nt_host_record_bytes(const struct nt_host *host, uint8_t readout, uint32_t steps)
{
    return plane_bytes(host, readout, steps) + (readout & NT_READOUT_MEMBRANE ? 4u * (size_t)outputs_of(host) : 0);
}

/* `counts` and `compared` are those of all neurons; only their last ones are read. */
static uint8_t *record_write(const struct nt_host *host, uint8_t readout, uint32_t steps, const uint8_t *counts,
                             const int32_t *compared, uint8_t *out)
{
    uint32_t read = neurons_read(host, readout);
    size_t plane = plane_bytes(host, readout, steps);
    counts += host->n_neurons - read;
    if (steps == 1)
        nt_host_bits_write(counts, 0, read, out);
    else
        memcpy(out, counts, plane);
    out += plane;
    if (!(readout & NT_READOUT_MEMBRANE))
        return out;
    for (uint32_t i = host->n_neurons - outputs_of(host); i < host->n_neurons; i++, out += 4)
        nt_u32_store(out, (uint32_t)compared[i]);
    return out;
}

int nt_host_records(struct nt_host *host, const struct nt_host_options *options, const struct nt_host_point *point,
                    uint8_t readout, const uint8_t *events, uint32_t samples, uint32_t steps, uint64_t first_step,
                    uint8_t *out)
{
    size_t all = (size_t)samples * host->n_neurons;
    uint8_t *counts = nt_host_buffer_reserve(host, BUFFER_PLANES, all);
    int32_t *membranes = nt_host_buffer_reserve(host, BUFFER_COMPARED, 2 * all * sizeof *membranes);
    if (!counts || !membranes)
        return NT_ERROR_SPACE;
    const struct nt_response response = {{counts, 0, 0}, membranes, membranes + all};
    int result = nt_host_run(host, options, &point, 1, events, samples, steps, first_step, &response);
    for (uint32_t s = 0; result == NT_OK && s < samples; s++, counts += host->n_neurons, membranes += host->n_neurons)
        out = record_write(host, readout, steps, counts, membranes, out);
    return result;
}
