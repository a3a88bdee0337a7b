/* Errors of one sample down the layers, summed per code (docs/spec.md, section 5). */
#include "nt_learn.h"

#include "nt_error.h"

#define ALIGNMENT 8u
#define WEIGHT_MAX 7

/* Errors in sizes of one layer, in two planes of 32 bits. */
struct errors {
    uint32_t *low;
    uint32_t *high;
    int64_t largest; /* magnitude */
};

static size_t padded(uint32_t neurons)
{
    return ((size_t)neurons + 7) / 8 * 8;
}

size_t nt_learn_scratch_size(const struct nt_image *image)
{
    return image->n_codes * sizeof(int64_t) + 4 * padded(image->widest) * sizeof(uint32_t);
}

static int is_within(int value, int low, int high)
{
    return value >= low && value <= high;
}

static int settings_check(const struct nt_learn_settings *settings)
{
    int good = is_within(settings->hidden_dither_code, 1, 127) && is_within(settings->output_dither_code, 1, 127) &&
               is_within(settings->rate_q8, 1, 32767) && is_within(settings->max_move_code, 1, 127) &&
               settings->code_min <= settings->code_max;
    return good ? NT_OK : NT_ERROR_SETTING;
}

int nt_learn_begin(struct nt_learn *learn, const struct nt_image *image, const struct nt_kernel *kernel,
                   const struct nt_learn_settings *settings, void *scratch, size_t scratch_bytes)
{
    size_t plane = padded(image->widest);
    if (settings_check(settings) < 0)
        return NT_ERROR_SETTING;
    if ((uintptr_t)scratch % ALIGNMENT != 0)
        return NT_ERROR_ARGUMENT;
    if (!scratch || scratch_bytes < nt_learn_scratch_size(image))
        return NT_ERROR_SPACE;
    learn->image = image;
    learn->kernel = kernel;
    learn->settings = *settings;
    learn->total = scratch;
    learn->low[0] = (uint32_t *)(void *)(learn->total + image->n_codes);
    learn->high[0] = learn->low[0] + plane;
    learn->low[1] = learn->high[0] + plane;
    learn->high[1] = learn->low[1] + plane;
    for (uint32_t i = 0; i < image->n_codes; i++)
        learn->total[i] = 0;
    return NT_OK;
}

static void error_store(struct errors *errors, size_t i, int64_t error)
{
    int64_t size = error < 0 ? (int64_t)(0 - (uint64_t)error) : error;
    errors->low[i] = (uint32_t)((uint64_t)error);
    errors->high[i] = (uint32_t)((uint64_t)error >> 32);
    errors->largest = size > errors->largest ? size : errors->largest;
}

static int64_t error_load(const struct errors *errors, size_t i)
{
    return (int64_t)((uint64_t)errors->high[i] << 32 | errors->low[i]);
}

/* Kernels read whole words of eight weights. */
static void errors_pad(struct errors *errors, uint32_t neurons)
{
    for (size_t i = neurons; i < padded(neurons); i++)
        error_store(errors, i, 0);
}

/* +1 for a target that is silent at code - m, -1 for another neuron that spikes at code + m. */
static void output_errors(const struct nt_learn *learn, const uint8_t *plus, const uint8_t *minus, int64_t label,
                          struct errors *errors)
{
    errors->largest = 0;
    for (uint32_t i = 0; i < learn->image->n_outputs; i++) {
        int target = nt_image_class(learn->image, i) == label;
        error_store(errors, i, target ? minus[i] == 0 : -(plus[i] > 0));
    }
    errors_pad(errors, learn->image->n_outputs);
}

/* Sum of w * (unsigned low word of the error), modulo 2^64. */
static uint64_t low_words_dot(const uint8_t *column, const uint32_t *low, uint32_t neurons)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < neurons; i++) {
        uint32_t nibble = (uint32_t)column[i / 2] >> (i % 2 * 4) & 15;
        total += ((uint64_t)nibble - 8) * low[i];
    }
    return total;
}

static int64_t column_dot(const struct nt_learn *learn, const uint8_t *column, const struct errors *errors,
                          uint32_t neurons)
{
    size_t words = padded(neurons) / 8;
    if (errors->largest <= INT32_MAX / WEIGHT_MAX / (int64_t)neurons)
        return (int32_t)learn->kernel->column_dot(column, errors->low, words);
    uint64_t high = learn->kernel->column_dot(column, errors->high, words);
    return (int64_t)(low_words_dot(column, errors->low, neurons) + (high << 32));
}

/* W^T e of the layer above, only for neurons whose gate is open: those whose spikes the dither changes. */
static void errors_descend(const struct nt_learn *learn, const struct nt_layer *above, const struct errors *from,
                           const uint8_t *plus, const uint8_t *minus, struct errors *to)
{
    to->largest = 0;
    for (uint32_t j = 0; j < above->n_inputs; j++) {
        const uint8_t *column = above->weight + j * above->stride;
        int open = plus[j] != minus[j] && from->largest != 0;
        error_store(to, j, open ? column_dot(learn, column, from, above->n_neurons) : 0);
    }
    errors_pad(to, above->n_inputs);
}

/* The sum wraps like that of the golden model instead of being undefined. */
static void total_add(const struct nt_learn *learn, uint32_t code, uint64_t error)
{
    learn->total[code] = (int64_t)((uint64_t)learn->total[code] + error);
}

/* A domain that supplies only the inhibitory part of a neuron takes its error with the opposite sign. */
static void errors_collect(const struct nt_learn *learn, const struct nt_layer *layer, const struct errors *errors)
{
    for (uint32_t i = 0; i < layer->n_neurons; i++) {
        uint64_t error = (uint64_t)error_load(errors, i);
        uint32_t exc = nt_layer_domain_exc(layer, i);
        uint32_t inh = nt_layer_domain_inh(layer, i);
        total_add(learn, exc, error);
        if (inh != exc)
            total_add(learn, inh, 0 - error);
    }
}

void nt_learn_accumulate(struct nt_learn *learn, const uint8_t *plus, const uint8_t *minus, int64_t label)
{
    struct nt_layer layer;
    struct errors errors[2] = {{learn->low[0], learn->high[0], 0}, {learn->low[1], learn->high[1], 0}};
    uint32_t index = learn->image->n_layers - 1u;
    uint32_t first = learn->image->n_neurons - learn->image->n_outputs;
    nt_image_layer_get(learn->image, index, &layer);
    output_errors(learn, plus + first, minus + first, label, &errors[index % 2]);
    errors_collect(learn, &layer, &errors[index % 2]);
    while (index > 0 && errors[index % 2].largest != 0) {
        struct errors *from = &errors[index % 2];
        struct errors *to = &errors[(index + 1) % 2];
        first -= layer.n_inputs;
        errors_descend(learn, &layer, from, plus + first, minus + first, to);
        index--;
        nt_image_layer_get(learn->image, index, &layer);
        errors_collect(learn, &layer, to);
    }
}
