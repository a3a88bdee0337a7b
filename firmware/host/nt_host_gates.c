/* Gates: both dithered planes of a batch, reduced to bits sample by sample. */
#include "nt_host_gates.h"

#include <string.h>

#include "nt_bytes.h"
#include "nt_error.h"
#include "nt_host_model.h"

static size_t outputs_of(const struct nt_host *host)
{
    return host->layers[host->n_layers - 1].n_neurons;
}

size_t nt_host_gates_bytes(const struct nt_host *host)
{
    return (host->n_neurons + 7) / 8 + (outputs_of(host) + 7) / 8;
}

static uint64_t eight_load(const uint8_t *at)
{
    return nt_u32_load(at) | (uint64_t)nt_u32_load(at + 4) << 32;
}

/* A bit for each of eight bytes, 1 where it is not 0: all ones are carried to the top of their byte, then gathered by a
   product whose top byte takes bit i from byte i. */
static uint8_t eight_gather(uint64_t bytes)
{
    const uint64_t low = UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t ones = ((((bytes & low) + low) | bytes) & ~low) >> 7;
    return (uint8_t)((ones * UINT64_C(0x0102040810204080)) >> 56);
}

void nt_host_bits_write(const uint8_t *bytes, const uint8_t *other, size_t count, uint8_t *out)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        *out++ = eight_gather(eight_load(bytes + i) ^ (other ? eight_load(other + i) : 0));
    if (i == count)
        return;
    *out = 0;
    for (size_t bit = 0; i < count; i++, bit++)
        *out |= (uint8_t)((bytes[i] != (other ? other[i] : 0)) << bit);
}

/* Outputs count as spiking, not as differing: below is 0 for them once it has been written. */
static void gates_write(const struct nt_host *host, const uint8_t *above, uint8_t *below, uint8_t *out)
{
    uint8_t *outputs = below + host->n_neurons - outputs_of(host);
    nt_host_bits_write(outputs, 0, outputs_of(host), out + (host->n_neurons + 7) / 8);
    memset(outputs, 0, outputs_of(host));
    nt_host_bits_write(above, below, host->n_neurons, out);
}

int nt_host_gates(struct nt_host *host, const struct nt_host_options *options, const struct nt_learn_settings *settings,
                  struct nt_host_point *const *points, const uint16_t *const *tables, const uint8_t *codes,
                  const uint8_t *events, uint32_t samples, uint32_t steps, uint64_t first_step, uint8_t *gates)
{
    int result = nt_host_dither(host, options, samples, settings, points, (struct nt_host_gains){.tables = tables}, codes);
    if (result < 0)
        return result;
    uint8_t *planes;
    const struct nt_host_point *fixed[NT_ARRAY_POINTS] = {points[0], points[1], points[2]};
    result = nt_host_dithered_run(host, options, fixed, events, samples, steps, first_step, &planes);
    if (result < 0)
        return result;
    uint8_t *below = planes + (size_t)samples * host->n_neurons;
    for (uint32_t s = 0; s < samples; s++)
        gates_write(host, planes + (size_t)s * host->n_neurons, below + (size_t)s * host->n_neurons,
                    gates + (size_t)s * nt_host_gates_bytes(host));
    return NT_OK;
}

/* Eight bytes of 0 or 1 from eight bits: every byte gets all of them, keeps its own, and carries it to its top. */
static uint64_t eight_scatter(uint8_t bits)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t own = bits * ones & UINT64_C(0x8040201008040201);
    return (own + 0x7F * ones) >> 7 & ones;
}

static void bits_read(const uint8_t *bits, size_t count, uint8_t *bytes)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t eight = eight_scatter(bits[i / 8]);
        nt_u32_store(bytes + i, (uint32_t)eight);
        nt_u32_store(bytes + i + 4, (uint32_t)(eight >> 32));
    }
    for (; i < count; i++)
        bytes[i] = bits[i / 8] >> i % 8 & 1;
}

void nt_host_gates_unpack(const uint8_t *gates, uint32_t samples, uint32_t neurons, uint32_t outputs, uint8_t *planes)
{
    size_t tail = (neurons + 7) / 8;
    size_t hidden = neurons - outputs;
    uint8_t *below = planes + (size_t)samples * neurons;
    for (uint32_t s = 0; s < samples; s++) {
        bits_read(gates, neurons, planes);
        memset(below, 0, hidden);
        bits_read(gates + tail, outputs, below + hidden);
        gates += tail + (outputs + 7) / 8;
        planes += neurons;
        below += neurons;
    }
}

int nt_host_gates_learn(struct nt_host *host, const struct nt_host_options *options,
                        const struct nt_learn_settings *settings, const struct nt_learn_state *state,
                        const uint8_t *gates, const int64_t *labels, uint32_t samples)
{
    size_t plane = (size_t)samples * host->n_neurons;
    uint8_t *planes = nt_host_buffer_reserve(host, BUFFER_PLANES, 2 * plane);
    if (!planes)
        return NT_ERROR_SPACE;
    nt_host_gates_unpack(gates, samples, host->n_neurons, (uint32_t)outputs_of(host), planes);
    return nt_host_learn(host, options, settings, state, planes, planes + plane, labels, samples);
}
