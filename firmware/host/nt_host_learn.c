/* Learning step of rule `dmn` on a whole batch: errors as signed bytes times the transposed weights, exact in 32 bits. */
#include <string.h>

#include "nt_error.h"
#include "nt_host_model.h"

/* Largest magnitude that four digits of -128..127 hold. */
#define DIGITS_MAX INT32_C(0x7F7F7F7F)
#define ROWS NT_HOST_ERROR_ROWS
#define STRIP NT_HOST_STRIP
/* Multiply-adds that a second thread must have to pay for its start. */
#define THREAD_WORK 10e6

/* Errors of one layer: `rows` (a multiple of ROWS) x `stride`, zero beyond samples and neurons. */
struct errors {
    int32_t *values;
    size_t stride;
    uint32_t neurons;
    uint32_t sizes; /* OR of all magnitudes */
};

struct descent {
    const struct nt_host *host;
    const struct nt_host_layer *above;
    uint32_t samples;
    uint32_t digits;
    const struct errors *from;
    struct errors *to;
    const int8_t *quads; /* digit, group of rows, four neurons, row */
    const int32_t *offset; /* per row: 8 * sum of its errors */
    const uint8_t *plus; /* of the layer below, first sample */
    const uint8_t *minus;
    int64_t *total; /* of the layer below */
    uint32_t *sizes; /* per strip */
};

static size_t rounded_up(size_t count, size_t unit)
{
    return (count + unit - 1) / unit * unit;
}

/* +1 for a target that is silent at code - m, -1 for another neuron that spikes at code + m. */
static void output_errors(const struct nt_host *host, struct errors *errors, const uint8_t *plus, const uint8_t *minus,
                          const int64_t *labels, uint32_t samples, int64_t *total)
{
    size_t first = host->n_neurons - errors->neurons;
    memset(errors->values, 0, rounded_up(samples, ROWS) * errors->stride * sizeof *errors->values);
    errors->sizes = 0;
    for (uint32_t b = 0; b < samples; b++) {
        const uint8_t *up = plus + (size_t)b * host->n_neurons + first;
        const uint8_t *down = minus + (size_t)b * host->n_neurons + first;
        int32_t *row = errors->values + b * errors->stride;
        for (uint32_t i = 0; i < errors->neurons; i++) {
            int32_t missing = down[i] == 0;
            int32_t extra = -(int32_t)(up[i] > 0);
            row[i] = host->readout[i] == labels[b] ? missing : extra;
            total[first + i] += row[i];
            errors->sizes |= (uint32_t)(row[i] != 0);
        }
    }
}

static uint32_t digits_of(uint32_t sizes)
{
    uint32_t digits = 1;
    for (uint32_t limit = 127; sizes > limit && digits < 4; digits++)
        limit = limit << 8 | 127;
    return digits;
}

/* One strip of neurons below, all rows. */
static void strip_run(void *context, uint32_t strip, uint32_t lane)
{
    const struct descent *descent = context;
    const struct nt_host_isa *isa = descent->host->isa;
    size_t above = (size_t)descent->above->cells * NT_HOST_CELL;
    const uint8_t *weights = descent->above->strips + strip * above * (STRIP / 2);
    uint32_t first = strip * STRIP;
    uint32_t left = descent->to->neurons - first;
    size_t count = left < STRIP ? left : STRIP;
    size_t groups = rounded_up(descent->samples, ROWS) / ROWS;
    int64_t total[STRIP] = {0};
    uint32_t sizes = 0;
    (void)lane;
    for (size_t group = 0; group < groups; group++) {
        _Alignas(64) int32_t dot[ROWS * STRIP];
        _Alignas(64) int32_t sum[ROWS * STRIP];
        for (uint32_t digit = 0; digit < descent->digits; digit++) {
            isa->errors_dot(digit == 0 ? sum : dot, weights,
                            descent->quads + (digit * groups + group) * above * ROWS, above);
            for (size_t i = 0; digit > 0 && i < ROWS * STRIP; i++)
                sum[i] = (int32_t)((uint32_t)sum[i] + ((uint32_t)dot[i] << 8 * digit));
        }
        for (size_t r = 0; r < ROWS && group * ROWS + r < descent->samples; r++) {
            size_t row = group * ROWS + r;
            size_t at = row * descent->host->n_neurons + first;
            sizes |= isa->errors_gate(descent->to->values + row * descent->to->stride + first, sum + r * STRIP,
                                      descent->offset[row], descent->plus + at, descent->minus + at, total, count);
        }
    }
    memcpy(descent->total + first, total, count * sizeof *total);
    descent->sizes[strip] = sizes;
}

/* Errors as digits, spread for the kernel, and 8 times the sum of each row. */
static void quads_fill(const struct descent *descent, int8_t *quads, int32_t *offset)
{
    const struct errors *from = descent->from;
    size_t above = (size_t)descent->above->cells * NT_HOST_CELL;
    size_t rows = rounded_up(descent->samples, ROWS);
    for (size_t row = 0; row < rows; row++) {
        const int32_t *values = from->values + row * from->stride;
        uint32_t sum = 0;
        for (uint32_t i = 0; i < from->neurons; i++)
            sum += (uint32_t)values[i];
        offset[row] = (int32_t)(8 * sum);
        for (uint32_t digit = 0; digit < descent->digits; digit++)
            descent->host->isa->errors_spread(quads + (digit * rows + row / ROWS * ROWS) * above + row % ROWS * 4, values,
                                              above, digit);
    }
}

static int errors_descend(struct nt_host *host, const struct nt_host_options *options, struct descent *descent)
{
    size_t above = (size_t)descent->above->cells * NT_HOST_CELL;
    size_t rows = rounded_up(descent->samples, ROWS);
    uint32_t strips = (descent->above->n_inputs + STRIP - 1) / STRIP;
    if (descent->from->sizes > (uint32_t)DIGITS_MAX ||
        (uint64_t)descent->from->sizes * descent->above->largest > INT32_MAX)
        return NT_HOST_TOO_WIDE;
    descent->digits = digits_of(descent->from->sizes);
    int8_t *quads = nt_host_buffer_reserve(host, BUFFER_QUADS, descent->digits * rows * above);
    int32_t *offset = nt_host_buffer_reserve(host, BUFFER_DOTS, (rows + strips) * sizeof *offset);
    if (!quads || !offset)
        return NT_ERROR_SPACE;
    quads_fill(descent, quads, offset);
    descent->quads = quads;
    descent->offset = offset;
    descent->sizes = (uint32_t *)offset + rows;
    double work = (double)rows * (double)above * descent->above->n_inputs * descent->digits;
    uint32_t most = work < THREAD_WORK ? 1 : options->threads;
    nt_host_parallel(strip_run, descent, strips, most);
    descent->to->sizes = 0;
    for (uint32_t strip = 0; strip < strips; strip++)
        descent->to->sizes |= descent->sizes[strip];
    return NT_OK;
}

/* Summed errors per neuron to errors per code; a domain of an inhibitory part alone takes them with the opposite sign. */
static void codes_finish(const struct nt_host *host, const struct nt_learn_settings *settings,
                         const struct nt_learn_state *state, const int64_t *total, int64_t *per_code)
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
    struct nt_image image = {.n_codes = host->n_codes};
    struct nt_learn learn = {.image = &image, .settings = *settings, .wide_total = per_code};
    nt_learn_finish(&learn, state);
}

static size_t widest_errors(const struct nt_host *host)
{
    size_t widest = 0;
    for (uint32_t l = 0; l < host->n_layers; l++)
        widest = host->layers[l].n_neurons > widest ? host->layers[l].n_neurons : widest;
    return rounded_up(widest, STRIP);
}

int nt_host_learn(struct nt_host *host, const struct nt_host_options *options, const struct nt_learn_settings *settings,
                  const struct nt_learn_state *state, const uint8_t *plus, const uint8_t *minus, const int64_t *labels,
                  uint32_t samples)
{
    size_t stride = widest_errors(host);
    size_t rows = rounded_up(samples, ROWS);
    int32_t *memory = nt_host_buffer_reserve(host, BUFFER_ERRORS, 2 * rows * stride * sizeof *memory);
    int64_t *total = nt_host_buffer_reserve(host, BUFFER_TOTALS, (host->n_neurons + (size_t)host->n_codes) * sizeof *total);
    if (!memory || !total)
        return NT_ERROR_SPACE;
    memset(total, 0, host->n_neurons * sizeof *total);
    struct errors errors[2] = {{memory, stride, 0, 0}, {memory + rows * stride, stride, 0, 0}};
    uint32_t index = host->n_layers - 1;
    errors[index % 2].neurons = host->layers[index].n_neurons;
    output_errors(host, &errors[index % 2], plus, minus, labels, samples, total);
    for (; index > 0 && errors[index % 2].sizes != 0; index--) {
        const struct nt_host_layer *below = &host->layers[index - 1];
        struct errors *to = &errors[(index - 1) % 2];
        to->neurons = below->n_neurons;
        memset(to->values, 0, rows * stride * sizeof *to->values);
        struct descent descent = {.host = host, .above = &host->layers[index], .samples = samples,
                                  .from = &errors[index % 2], .to = to, .plus = plus + below->first_neuron,
                                  .minus = minus + below->first_neuron, .total = total + below->first_neuron};
        int result = errors_descend(host, options, &descent);
        if (result != NT_OK)
            return result;
    }
    codes_finish(host, settings, state, total, total + host->n_neurons);
    return NT_OK;
}
