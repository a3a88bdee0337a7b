/* Each table of a chip image must lie inside the file and hold what the equations may rely on. */
#include "nt_image_check.h"

#include "nt_cold.h"
#include "nt_error.h"
#include "nt_image_format.h"

#define LEAK_MAX 16
#define CODE_NOMINAL 128
#define GAIN_NOMINAL_Q12 4096
#define ENCODER_KINDS 4
#define ENCODER_TRANSFORMS 2
#define SEEN_BITS 1024u

static int table_check(const struct nt_image *image, uint32_t offset, uint64_t count, uint32_t item_bytes)
{
    if (offset % 4 != 0 || offset < NT_HEADER_BYTES)
        return NT_ERROR_IMAGE_TABLE;
    return offset + count * item_bytes > image->length ? NT_ERROR_IMAGE_TABLE : NT_OK;
}

/* A byte of the word has nibble 0 if borrowing from its neighbours sets a high bit that was not there. */
static int has_zero_nibble(uint32_t word)
{
    return ((word - 0x11111111u) & ~word & 0x88888888u) != 0;
}

static int weights_check(const struct nt_layer *layer)
{
    size_t bytes = layer->stride * layer->n_inputs;
    for (size_t i = 0; i < bytes; i += 4)
        if (has_zero_nibble(nt_u32_load(layer->weight + i)))
            return NT_ERROR_IMAGE_WEIGHT;
    return NT_OK;
}

static int layer_shape_check(const struct nt_layer *layer, uint32_t inputs_wanted)
{
    int sizes = layer->n_neurons >= 1 && layer->n_neurons <= NT_IMAGE_NEURONS_MAX && layer->n_inputs >= 1 &&
                layer->n_inputs <= NT_IMAGE_INPUTS_MAX;
    int fits = inputs_wanted == 0 || inputs_wanted == layer->n_inputs;
    return sizes && fits && layer->leak <= LEAK_MAX ? NT_OK : NT_ERROR_IMAGE_LAYER;
}

static int layer_tables_check(const struct nt_image *image, const uint8_t *record, uint32_t inputs, uint32_t neurons)
{
    uint64_t packed = ((uint64_t)neurons + 7) / 8 * 4 * inputs;
    if (table_check(image, nt_u32_load(record + NT_LAYER_WEIGHT), packed, 1) < 0 ||
        table_check(image, nt_u32_load(record + NT_LAYER_BIAS), neurons, 2) < 0 ||
        table_check(image, nt_u32_load(record + NT_LAYER_THRESHOLD), neurons, 4) < 0 ||
        table_check(image, nt_u32_load(record + NT_LAYER_DOMAIN), neurons, 4) < 0)
        return NT_ERROR_IMAGE_TABLE;
    return NT_OK;
}

/* Pointers into the file are formed only from offsets that were checked. */
static int layer_check(const struct nt_image *image, uint32_t index, uint32_t inputs_wanted, struct nt_layer *layer)
{
    const uint8_t *record = image->data + NT_LAYERS_AT + (size_t)index * NT_LAYER_BYTES;
    struct nt_layer shape = {0};
    shape.n_inputs = nt_u32_load(record + NT_LAYER_INPUTS);
    shape.n_neurons = nt_u32_load(record + NT_LAYER_NEURONS);
    shape.leak = record[NT_LAYER_LEAK];
    int result = layer_shape_check(&shape, inputs_wanted);
    if (result == NT_OK)
        result = layer_tables_check(image, record, shape.n_inputs, shape.n_neurons);
    if (result < 0)
        return result;
    nt_image_layer_get(image, index, layer);
    return weights_check(layer);
}

static int layers_check(struct nt_image *image)
{
    struct nt_layer layer = {0};
    uint32_t neurons = 0;
    if (image->n_layers == 0 || image->n_steps == 0)
        return NT_ERROR_IMAGE_LAYER;
    if (NT_LAYERS_AT + (size_t)image->n_layers * NT_LAYER_BYTES > image->length)
        return NT_ERROR_IMAGE_TABLE;
    for (uint32_t i = 0; i < image->n_layers; i++) {
        int result = layer_check(image, i, layer.n_neurons, &layer);
        if (result < 0)
            return result;
        if (i == 0)
            image->n_inputs = layer.n_inputs;
        neurons += layer.n_neurons;
        image->widest = layer.n_neurons > image->widest ? layer.n_neurons : image->widest;
    }
    image->n_outputs = layer.n_neurons;
    return neurons == image->n_neurons ? NT_OK : NT_ERROR_IMAGE_COUNT;
}

static int gain_check(struct nt_image *image)
{
    uint32_t offset = nt_u32_load(image->data + NT_DIRECTORY_GAIN);
    if (table_check(image, offset, 256, 2) < 0)
        return NT_ERROR_IMAGE_TABLE;
    image->gain = image->data + offset;
    for (unsigned code = 1; code < 256; code++)
        if (nt_image_gain_q12(image, (uint8_t)code) < nt_image_gain_q12(image, (uint8_t)(code - 1)))
            return NT_ERROR_IMAGE_GAIN;
    return nt_image_gain_q12(image, CODE_NOMINAL) == GAIN_NOMINAL_Q12 ? NT_OK : NT_ERROR_IMAGE_GAIN;
}

/* Marks the values of a u16 table that lie in first..first + SEEN_BITS - 1; 0 if one is not below `limit`. */
static int values_mark(const uint8_t *table, size_t count, uint32_t first, uint32_t limit, uint32_t seen[])
{
    for (size_t i = 0; i < count; i++) {
        uint32_t value = nt_u16_load(table + 2 * i);
        if (value >= limit)
            return 0;
        if (value - first < SEEN_BITS)
            seen[(value - first) / 32] |= 1u << (value - first) % 32;
    }
    return 1;
}

static int all_seen(const uint32_t seen[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if ((seen[i / 32] >> i % 32 & 1) == 0)
            return 0;
    return 1;
}

/* In windows of SEEN_BITS codes, since a bitmap of all 65536 would be 8 KiB of a board's stack. */
static int domains_check(const struct nt_image *image)
{
    if (image->n_codes == 0)
        return NT_ERROR_IMAGE_DOMAIN;
    for (uint32_t first = 0; first < image->n_codes; first += SEEN_BITS) {
        uint32_t seen[SEEN_BITS / 32] = {0};
        uint32_t window = image->n_codes - first < SEEN_BITS ? image->n_codes - first : SEEN_BITS;
        for (uint32_t i = 0; i < image->n_layers; i++) {
            struct nt_layer layer;
            nt_image_layer_get(image, i, &layer);
            if (!values_mark(layer.domain, 2 * (size_t)layer.n_neurons, first, image->n_codes, seen))
                return NT_ERROR_IMAGE_DOMAIN;
        }
        if (!all_seen(seen, window))
            return NT_ERROR_IMAGE_DOMAIN;
    }
    return NT_OK;
}

static int readout_check(struct nt_image *image)
{
    uint32_t offset = nt_u32_load(image->data + NT_DIRECTORY_READOUT);
    if (table_check(image, offset, image->n_outputs, 2) < 0)
        return NT_ERROR_IMAGE_TABLE;
    image->readout = image->data + offset;
    if (image->n_classes == 0)
        return NT_ERROR_IMAGE_READOUT;
    for (uint32_t first = 0; first < image->n_classes; first += SEEN_BITS) {
        uint32_t seen[SEEN_BITS / 32] = {0};
        uint32_t window = image->n_classes - first < SEEN_BITS ? image->n_classes - first : SEEN_BITS;
        if (!values_mark(image->readout, image->n_outputs, first, image->n_classes, seen) || !all_seen(seen, window))
            return NT_ERROR_IMAGE_READOUT;
    }
    return NT_OK;
}

static int is_finite_float(uint32_t bits)
{
    return (bits >> 23 & 255) != 255;
}

static uint64_t encoder_inputs(uint32_t kind, uint32_t levels, uint64_t features)
{
    static const uint8_t fixed[ENCODER_KINDS] = {2, 1, 0, 1};
    return features * (fixed[kind] != 0 ? fixed[kind] : levels);
}

static int encoder_check(const struct nt_image *image)
{
    uint32_t at = nt_u32_load(image->data + NT_DIRECTORY_ENCODER);
    if ((uint64_t)at + NT_ENCODER_BYTES > image->length)
        return NT_ERROR_IMAGE_TABLE;
    const uint8_t *record = image->data + at;
    uint32_t levels = nt_u16_load(record + NT_ENCODER_LEVELS);
    uint32_t features = nt_u32_load(record + NT_ENCODER_FEATURES);
    if (record[NT_ENCODER_KIND] >= ENCODER_KINDS || record[NT_ENCODER_TRANSFORM] >= ENCODER_TRANSFORMS)
        return NT_ERROR_IMAGE_ENCODER;
    if (table_check(image, at + NT_ENCODER_BYTES, 2 * (uint64_t)features, 4) < 0)
        return NT_ERROR_IMAGE_TABLE;
    if (levels < 1 || levels > 255 || encoder_inputs(record[NT_ENCODER_KIND], levels, features) != image->n_inputs)
        return NT_ERROR_IMAGE_ENCODER;
    for (size_t i = 0; i < 2 * (size_t)features; i++)
        if (!is_finite_float(nt_u32_load(record + NT_ENCODER_BYTES + 4 * i)))
            return NT_ERROR_IMAGE_ENCODER;
    return NT_OK;
}

static int metadata_check(const struct nt_image *image)
{
    uint32_t offset = nt_u32_load(image->data + NT_DIRECTORY_METADATA);
    return table_check(image, offset, nt_u32_load(image->data + NT_DIRECTORY_METADATA_BYTES), 1);
}

NT_COLD int nt_image_tables_check(struct nt_image *image)
{
    if (image->length < NT_LAYERS_AT)
        return NT_ERROR_IMAGE_TABLE;
    int result = layers_check(image);
    if (result == NT_OK)
        result = gain_check(image);
    if (result == NT_OK)
        result = domains_check(image);
    if (result == NT_OK)
        result = readout_check(image);
    if (result == NT_OK)
        result = encoder_check(image);
    if (result == NT_OK)
        result = metadata_check(image);
    return result;
}
