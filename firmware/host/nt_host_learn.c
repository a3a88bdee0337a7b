/* Learning step of rule `dmn` on a whole batch: errors as digits times the transposed weights, exact in 32 bits. */
#include <stdatomic.h>
#include <string.h>

#include "nt_error.h"
#include "nt_host_first.h"
#include "nt_host_input.h"

/* Codes that a thread moves at a time. */
#define CODES_SHARE 512u

/* Errors of one layer: samples x `stride`. */
struct errors {
    int32_t *values;
    size_t stride;
    uint32_t neurons;
    uint32_t sizes; /* OR of all magnitudes */
};

struct descent {
    const struct nt_host *host;
    const struct nt_host_layer *back;
    const struct nt_host_input *input;
    struct errors *to;
    const uint8_t *plus; /* of the layer below, first sample */
    const uint8_t *minus;
    int64_t *total;  /* of the layer below */
    uint32_t *sizes; /* per block */
    struct nt_host_lane *lanes;
};

static size_t rounded_up(size_t count, size_t unit)
{
    return (count + unit - 1) / unit * unit;
}

struct output_job {
    const struct nt_host *host;
    struct errors *errors;
    const uint8_t *plus; /* of the last layer, first sample */
    const uint8_t *minus;
    const int64_t *labels;
    uint32_t samples;
    int64_t *total; /* of the last layer */
    atomic_uint sizes;
};

/* +1 for a target that is silent at code - m, -1 for another neuron that spikes at code + m. Of one sample; gives the OR of
   all magnitudes. */
static uint32_t output_row(const uint16_t *readout, const uint8_t *up, const uint8_t *down, int64_t label, size_t count,
                           int32_t *row, int32_t *total)
{
    uint32_t target = label >= 0 && label <= UINT16_MAX ? (uint32_t)label : UINT32_MAX;
    uint32_t sizes = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t missing = down[i] == 0;
        int32_t extra = -(int32_t)(up[i] > 0);
        row[i] = readout[i] == target ? missing : extra;
        total[i] += row[i];
        sizes |= (uint32_t)row[i] & 1;
    }
    return sizes;
}

static void block_output(void *context, uint32_t block, uint32_t lane)
{
    struct output_job *job = context;
    size_t first = (size_t)block * NT_HOST_BLOCK;
    size_t left = job->errors->neurons - first;
    size_t count = left < NT_HOST_BLOCK ? left : NT_HOST_BLOCK;
    int32_t total[NT_HOST_BLOCK] = {0};
    uint32_t sizes = 0;
    (void)lane;
    for (uint32_t b = 0; b < job->samples; b++) {
        size_t at = (size_t)b * job->host->n_neurons + first;
        sizes |= output_row(job->host->readout + first, job->plus + at, job->minus + at, job->labels[b], count,
                            job->errors->values + b * job->errors->stride + first, total);
    }
    for (size_t i = 0; i < count; i++)
        job->total[first + i] = total[i];
    atomic_fetch_or(&job->sizes, sizes);
}

/* One block of neurons below, all rows. */
static void block_descend(void *context, uint32_t block, uint32_t lane_index)
{
    const struct descent *descent = context;
    struct nt_host_lane *lane = &descent->lanes[lane_index];
    uint32_t first = block * NT_HOST_BLOCK;
    uint32_t left = descent->to->neurons - first;
    size_t count = left < NT_HOST_BLOCK ? left : NT_HOST_BLOCK;
    int64_t total[NT_HOST_BLOCK] = {0};
    uint32_t sizes = 0;
    for (uint32_t tile = 0; tile < descent->input->rows; tile += NT_HOST_TILE) {
        uint32_t rest = descent->input->rows - tile;
        uint32_t rows = rest < NT_HOST_TILE ? rest : NT_HOST_TILE;
        nt_host_sums_add(descent->host, descent->input, descent->back, block, tile, rows, lane, 0);
        for (size_t r = 0; r < rows; r++) {
            size_t row = tile + r;
            size_t at = row * descent->host->n_neurons + first;
            sizes |= descent->host->isa->errors_gate(descent->to->values + row * descent->to->stride + first,
                                                     (const int32_t *)lane->sum[r], (int32_t)descent->input->offset[row],
                                                     descent->plus + at, descent->minus + at, total, count);
        }
    }
    memcpy(descent->total + first, total, count * sizeof *total);
    descent->sizes[block] = sizes;
}

static int errors_descend(struct nt_host *host, const struct nt_host_options *options, struct descent *descent,
                          const struct errors *from, uint32_t samples)
{
    const struct nt_host_layer *back = descent->back;
    struct nt_host_input input;
    if ((uint64_t)from->sizes * back->largest > INT32_MAX)
        return NT_HOST_TOO_WIDE;
    int result = nt_host_input_errors(host, options, &input, back, from->values, from->stride, samples);
    if (result == NT_OK)
        result = nt_host_input_prepare(host, options, &input, back);
    if (result < 0)
        return result;
    descent->input = &input;
    descent->sizes = nt_host_buffer_reserve(host, BUFFER_SIZES, back->n_blocks * sizeof *descent->sizes);
    descent->lanes = nt_host_buffer_reserve(host, BUFFER_LANES, options->threads * sizeof *descent->lanes);
    if (!descent->sizes || !descent->lanes)
        return NT_ERROR_SPACE;
    nt_host_pool_run(&host->pool, block_descend, descent, back->n_blocks,
                     nt_host_threads(options, nt_host_input_cost(host, &input, back) * back->n_blocks));
    descent->to->sizes = 0;
    for (uint32_t block = 0; block < back->n_blocks; block++)
        descent->to->sizes |= descent->sizes[block];
    return NT_OK;
}

/* Summed errors per neuron to errors per code; a domain of an inhibitory part alone takes them with the opposite sign. */
static void codes_sum(const struct nt_host *host, const int64_t *total, int64_t *per_code)
{
    memset(per_code, 0, host->n_codes * sizeof *per_code);
    for (uint32_t l = 0; l < host->n_layers; l++)
        for (uint32_t i = 0; i < host->layers[l].n_neurons; i++, total++) {
            uint32_t exc = host->layers[l].domain[2 * i];
            uint32_t inh = host->layers[l].domain[2 * i + 1];
            per_code[exc] += *total;
            if (inh != exc)
                per_code[inh] -= *total;
        }
}

struct codes_job {
    const struct nt_host *host;
    const struct nt_learn_settings *settings;
    const struct nt_learn_state *state;
    int64_t *per_code;
};

/* Each code moves by itself. */
static void codes_move(void *context, uint32_t share, uint32_t lane)
{
    const struct codes_job *job = context;
    uint32_t first = share * CODES_SHARE;
    uint32_t left = job->host->n_codes - first;
    struct nt_image image = {.n_codes = left < CODES_SHARE ? left : CODES_SHARE};
    struct nt_learn learn = {.image = &image, .settings = *job->settings, .wide_total = job->per_code + first};
    struct nt_learn_state state = {job->state->codes + first, job->state->accumulator_q8 + first,
                                   job->state->mean_q8 + first};
    (void)lane;
    nt_learn_finish(&learn, &state);
}

static size_t widest_errors(const struct nt_host *host)
{
    size_t widest = 0;
    for (uint32_t l = 0; l < host->n_layers; l++)
        widest = host->layers[l].n_neurons > widest ? host->layers[l].n_neurons : widest;
    return rounded_up(widest, NT_HOST_BLOCK);
}

int nt_host_learn(struct nt_host *host, const struct nt_host_options *options, const struct nt_learn_settings *settings,
                  const struct nt_learn_state *state, const uint8_t *plus, const uint8_t *minus, const int64_t *labels,
                  uint32_t samples)
{
    size_t stride = widest_errors(host);
    int32_t *memory = nt_host_buffer_reserve(host, BUFFER_ERRORS, 2 * samples * stride * sizeof *memory);
    int64_t *total = nt_host_buffer_reserve(host, BUFFER_TOTALS, (host->n_neurons + (size_t)host->n_codes) * sizeof *total);
    if (!memory || !total)
        return NT_ERROR_SPACE;
    memset(total, 0, host->n_neurons * sizeof *total);
    struct errors errors[2] = {{memory, stride, 0, 0}, {memory + samples * stride, stride, 0, 0}};
    uint32_t index = host->n_layers - 1;
    errors[index % 2].neurons = host->layers[index].n_neurons;
    uint32_t threads = nt_host_threads_expected(host, options, samples, &host->layers[0]);
    size_t outputs_at = host->layers[index].first_neuron;
    struct output_job output = {.host = host, .errors = &errors[index % 2], .plus = plus + outputs_at,
                                .minus = minus + outputs_at, .labels = labels, .samples = samples,
                                .total = total + outputs_at};
    nt_host_pool_run(&host->pool, block_output, &output, host->layers[index].n_blocks, threads);
    errors[index % 2].sizes = atomic_load(&output.sizes);
    for (; index > 0 && errors[index % 2].sizes != 0; index--) {
        const struct nt_host_layer *below = &host->layers[index - 1];
        struct errors *to = &errors[(index - 1) % 2];
        const struct errors *from = &errors[index % 2];
        if (index == 1 && nt_host_first_fits(&host->layers[1], from->sizes)) {
            struct nt_host_first first = {from->values, from->stride, from->sizes, plus, minus, host->n_neurons, samples};
            int result = nt_host_first_errors(host, options, &first, total);
            if (result < 0)
                return result;
            break;
        }
        to->neurons = below->n_neurons;
        struct descent descent = {.host = host, .back = &host->backs[index], .to = to,
                                  .plus = plus + below->first_neuron, .minus = minus + below->first_neuron,
                                  .total = total + below->first_neuron};
        int result = nt_host_back_fill(&host->backs[index]);
        if (result == NT_OK)
            result = errors_descend(host, options, &descent, &errors[index % 2], samples);
        if (result != NT_OK)
            return result;
    }
    struct codes_job codes = {host, settings, state, total + host->n_neurons};
    codes_sum(host, total, codes.per_code);
    nt_host_pool_run(&host->pool, codes_move, &codes, (host->n_codes + CODES_SHARE - 1) / CODES_SHARE, threads);
    return NT_OK;
}
