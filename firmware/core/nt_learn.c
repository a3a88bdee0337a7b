/* Errors of one sample down the layers, summed per code (docs/spec.md, section 5). */
#include "nt_learn.h"

#include "nt_cold.h"
#include "nt_error.h"

#define ALIGNMENT 8u
#define WEIGHT_MAX 7

/* Errors of one layer, in one plane of 32 bits or in two. */
struct errors {
    uint32_t *low;
    uint32_t *high;   /* null where no error of the image can exceed 32 bits */
    int64_t largest;  /* magnitude; without `high` any number but 0 for errors that are not all 0 */
};

static size_t padded(uint32_t neurons)
{
    return ((size_t)neurons + 7) / 8 * 8;
}

/* min(a * b, 2^31): more is too much anyway. */
NT_COLD static uint64_t product_limited(uint64_t a, uint64_t b)
{
    const uint64_t limit = UINT64_C(1) << 31;
    uint64_t product = a * b; /* a is at most 2^31 and b below 2^32 */
    return product < limit ? product : limit;
}

/* Neurons that one code can serve: one if the codes of the neurons, in order, only rise; else all of them. */
NT_COLD static uint32_t neurons_per_code(const struct nt_image *image)
{
    struct nt_layer layer;
    uint32_t next = 0;
    for (uint32_t index = 0; index < image->n_layers; index++) {
        nt_image_layer_get(image, index, &layer);
        for (uint32_t i = 0; i < layer.n_neurons; i++) {
            uint32_t exc = nt_layer_domain_exc(&layer, i);
            uint32_t inh = nt_layer_domain_inh(&layer, i);
            if (exc < next || inh < exc)
                return image->n_neurons;
            next = inh + 1;
        }
    }
    return 1;
}

/* Neurons of the widest of the layers with even or odd index, padded. */
NT_COLD static size_t plane_size(const struct nt_image *image, uint32_t index)
{
    struct nt_layer layer;
    size_t widest = 0;
    for (; index < image->n_layers; index += 2) {
        nt_image_layer_get(image, index, &layer);
        widest = padded(layer.n_neurons) > widest ? padded(layer.n_neurons) : widest;
    }
    return widest;
}

/* The largest |error| that the geometry allows, up to 2^31. */
NT_COLD static uint64_t error_bound(const struct nt_image *image)
{
    struct nt_layer layer;
    uint64_t bound = 1;
    for (uint32_t index = 1; index < image->n_layers; index++) {
        nt_image_layer_get(image, index, &layer);
        bound = product_limited(bound, (uint64_t)WEIGHT_MAX * layer.n_neurons);
    }
    return bound;
}

static size_t total_bytes(const struct nt_image *image, int is_wide)
{
    size_t bytes = (is_wide ? sizeof(int64_t) : sizeof(int32_t)) * image->n_codes;
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

NT_COLD void nt_learn_sizes_get(const struct nt_image *image, uint32_t samples_max, struct nt_learn_sizes *sizes)
{
    uint64_t bound = error_bound(image);
    sizes->wide_error = bound > INT32_MAX;
    bound = product_limited(product_limited(bound, samples_max), neurons_per_code(image));
    sizes->wide_total = bound > INT32_MAX;
    sizes->kept = total_bytes(image, sizes->wide_total) + padded(image->n_neurons) / 8 + image->n_outputs;
    sizes->kept = (sizes->kept + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    sizes->lent = (plane_size(image, 0) + plane_size(image, 1)) * sizeof(uint32_t) * (1u + sizes->wide_error);
}

NT_COLD size_t nt_learn_scratch_size(const struct nt_image *image)
{
    struct nt_learn_sizes sizes;
    nt_learn_sizes_get(image, UINT32_MAX, &sizes);
    return sizes.kept + sizes.lent;
}

static int is_within(int value, int low, int high)
{
    return value >= low && value <= high;
}

NT_COLD static int settings_check(const struct nt_learn_settings *settings)
{
    int good = is_within(settings->hidden_dither_code, 1, 127) && is_within(settings->output_dither_code, 1, 127) &&
               is_within(settings->rate_q8, 1, 32767) && is_within(settings->max_move_code, 1, 127) &&
               settings->code_min <= settings->code_max;
    return good ? NT_OK : NT_ERROR_SETTING;
}

NT_COLD static void memory_divide(struct nt_learn *learn, const struct nt_learn_sizes *sizes, uint8_t *kept, uint32_t *lent)
{
    size_t even = plane_size(learn->image, 0);
    size_t both = even + plane_size(learn->image, 1);
    learn->total = sizes->wide_total ? 0 : (int32_t *)(void *)kept;
    learn->wide_total = sizes->wide_total ? (int64_t *)(void *)kept : 0;
    learn->gate = kept + total_bytes(learn->image, sizes->wide_total);
    learn->output_error = (int8_t *)learn->gate + padded(learn->image->n_neurons) / 8;
    learn->low[0] = lent;
    learn->low[1] = lent + even;
    learn->high[0] = sizes->wide_error ? lent + both : 0;
    learn->high[1] = sizes->wide_error ? lent + both + even : 0;
}

NT_COLD int nt_learn_begin_within(struct nt_learn *learn, const struct nt_image *image, const struct nt_kernel *kernel,
                          const struct nt_learn_settings *settings, const struct nt_learn_sizes *sizes, void *kept,
                          void *lent)
{
    if (settings_check(settings) < 0)
        return NT_ERROR_SETTING;
    if ((uintptr_t)kept % ALIGNMENT != 0 || (uintptr_t)lent % ALIGNMENT != 0)
        return NT_ERROR_ARGUMENT;
    learn->image = image;
    learn->kernel = kernel;
    learn->settings = *settings;
    memory_divide(learn, sizes, kept, lent);
    for (uint32_t i = 0; i < image->n_codes && learn->total; i++)
        learn->total[i] = 0;
    for (uint32_t i = 0; i < image->n_codes && learn->wide_total; i++)
        learn->wide_total[i] = 0;
    return NT_OK;
}

NT_COLD int nt_learn_begin(struct nt_learn *learn, const struct nt_image *image, const struct nt_kernel *kernel,
                   const struct nt_learn_settings *settings, void *scratch, size_t scratch_bytes)
{
    struct nt_learn_sizes sizes;
    if (settings_check(settings) < 0)
        return NT_ERROR_SETTING;
    nt_learn_sizes_get(image, UINT32_MAX, &sizes);
    if ((uintptr_t)scratch % ALIGNMENT != 0)
        return NT_ERROR_ARGUMENT;
    if (!scratch || scratch_bytes < sizes.kept + sizes.lent)
        return NT_ERROR_SPACE;
    return nt_learn_begin_within(learn, image, kernel, settings, &sizes, scratch, (uint8_t *)scratch + sizes.kept);
}

static void error_store(struct errors *errors, size_t i, int64_t error)
{
    errors->low[i] = (uint32_t)((uint64_t)error);
    if (!errors->high) {
        errors->largest |= (int32_t)error;
        return;
    }
    int64_t size = error < 0 ? (int64_t)(0 - (uint64_t)error) : error;
    errors->high[i] = (uint32_t)((uint64_t)error >> 32);
    errors->largest = size > errors->largest ? size : errors->largest;
}

static int64_t error_load(const struct errors *errors, size_t i)
{
    if (!errors->high)
        return (int32_t)errors->low[i];
    return (int64_t)((uint64_t)errors->high[i] << 32 | errors->low[i]);
}

static void errors_clear(struct errors *errors, uint32_t neurons)
{
    errors->largest = 0;
    for (size_t i = 0; i < padded(neurons); i++)
        errors->low[i] = 0;
    for (size_t i = 0; errors->high && i < padded(neurons); i++)
        errors->high[i] = 0;
}

/* One bit per byte in which the words differ, in bits 0 to 3. */
static uint32_t bytes_differing(uint32_t a, uint32_t b)
{
    uint32_t x = a ^ b;
    uint32_t ones = (((x & 0x7F7F7F7Fu) + 0x7F7F7F7Fu) | x) >> 7 & 0x01010101u;
    return (ones * 0x10204080u) >> 28;
}

static void gates_read(const struct nt_learn *learn, const uint8_t *plus, const uint8_t *minus, uint32_t neurons)
{
    uint32_t i = 0;
    for (; i + 8 <= neurons; i += 8)
        learn->gate[i / 8] = (uint8_t)(bytes_differing(nt_u32_load(plus + i), nt_u32_load(minus + i)) |
                                       bytes_differing(nt_u32_load(plus + i + 4), nt_u32_load(minus + i + 4)) << 4);
    uint32_t last = 0;
    for (uint32_t k = 0; i + k < neurons; k++)
        last |= (uint32_t)(plus[i + k] != minus[i + k]) << k;
    if (i < neurons)
        learn->gate[i / 8] = (uint8_t)last;
}

/* +1 for a target that is silent at code - m, -1 for another neuron that spikes at code + m. */
static void output_errors_read(const struct nt_learn *learn, const uint8_t *plus, const uint8_t *minus, int64_t label)
{
    for (uint32_t i = 0; i < learn->image->n_outputs; i++) {
        int target = nt_image_class(learn->image, i) == label;
        learn->output_error[i] = (int8_t)(target ? minus[i] == 0 : -(plus[i] > 0));
    }
}

/* Kernels read whole words of eight weights, so planes are cleared up to there. */
static void output_errors(const struct nt_learn *learn, struct errors *errors)
{
    errors_clear(errors, learn->image->n_outputs);
    for (uint32_t i = 0; i < learn->image->n_outputs; i++)
        error_store(errors, i, learn->output_error[i]);
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
    if (!errors->high || errors->largest <= (int32_t)(INT32_MAX / WEIGHT_MAX / neurons))
        return (int32_t)learn->kernel->column_dot(column, errors->low, words);
    uint64_t high = learn->kernel->column_dot(column, errors->high, words);
    return (int64_t)(low_words_dot(column, errors->low, neurons) + (high << 32));
}

static uint32_t gate_at(const struct nt_learn *learn, uint32_t neuron)
{
    return (uint32_t)learn->gate[neuron / 8] >> neuron % 8 & 1u;
}

/* W^T e of the layer above, only for neurons whose gate is open: those whose spikes the dither changes. `first` is the
   number of the lower layer's first neuron. */
static void errors_descend(const struct nt_learn *learn, const struct nt_layer *above, const struct errors *from,
                           uint32_t first, struct errors *to)
{
    const uint8_t *column = above->weight;
    errors_clear(to, above->n_inputs);
    for (uint32_t j = 0; j < above->n_inputs; j++, column += above->stride)
        if (gate_at(learn, first + j))
            error_store(to, j, column_dot(learn, column, from, above->n_neurons));
}

/* Wide sums wrap like those of the golden model instead of being undefined; narrow ones never do. */
static void total_add(const struct nt_learn *learn, uint32_t code, uint64_t error)
{
    if (learn->total)
        learn->total[code] = (int32_t)((uint32_t)learn->total[code] + (uint32_t)error);
    else
        learn->wide_total[code] = (int64_t)((uint64_t)learn->wide_total[code] + error);
}

/* A domain that supplies only the inhibitory part of a neuron takes its error with the opposite sign. */
static void errors_collect(const struct nt_learn *learn, const struct nt_layer *layer, const struct errors *errors)
{
    for (uint32_t i = 0; i < layer->n_neurons; i++) {
        uint64_t error = (uint64_t)error_load(errors, i);
        if (error == 0)
            continue;
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
    /* All that is read of the counts, before the errors may overwrite them. */
    gates_read(learn, plus, minus, first);
    output_errors_read(learn, plus + first, minus + first, label);
    nt_image_layer_get(learn->image, index, &layer);
    output_errors(learn, &errors[index % 2]);
    errors_collect(learn, &layer, &errors[index % 2]);
    while (index > 0 && errors[index % 2].largest != 0) {
        struct errors *from = &errors[index % 2];
        struct errors *to = &errors[(index + 1) % 2];
        first -= layer.n_inputs;
        errors_descend(learn, &layer, from, first, to);
        index--;
        nt_image_layer_get(learn->image, index, &layer);
        errors_collect(learn, &layer, to);
    }
}
