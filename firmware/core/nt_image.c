/* Parser of chip images: header and CRC first, then every table, so that later reads need no check. */
#include "nt_image.h"

#include "nt_crc32c.h"
#include "nt_error.h"
#include "nt_image_check.h"
#include "nt_image_format.h"
#include "nt_sha256.h"

static const uint8_t magic[8] = {'N', 'T', 'R', 'O', 'M', '\r', '\n', 0};

static int magic_check(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < sizeof magic && i < length; i++)
        if (data[i] != magic[i])
            return NT_ERROR_IMAGE_MAGIC;
    return NT_OK;
}

static uint32_t content_crc(const uint8_t *data, size_t length)
{
    uint32_t crc = nt_crc32c_extend(NT_CRC32C_START, data, NT_HEADER_CRC);
    return nt_crc32c_end(nt_crc32c_extend(crc, data + NT_HEADER_BYTES, length - NT_HEADER_BYTES));
}

static int header_check(const uint8_t *data, size_t length)
{
    int result = magic_check(data, length);
    if (result < 0)
        return result;
    if (length < NT_HEADER_BYTES)
        return NT_ERROR_IMAGE_LENGTH;
    if (nt_u16_load(data + NT_HEADER_MAJOR) != NT_IMAGE_MAJOR)
        return NT_ERROR_IMAGE_VERSION;
    if (nt_u32_load(data + NT_HEADER_TOTAL) != length)
        return NT_ERROR_IMAGE_LENGTH;
    if (content_crc(data, length) != nt_u32_load(data + NT_HEADER_CRC))
        return NT_ERROR_IMAGE_CRC;
    return NT_OK;
}

static void header_read(struct nt_image *image, const uint8_t *data, size_t length)
{
    image->data = data;
    image->length = length;
    image->n_neurons = nt_u32_load(data + NT_HEADER_NEURONS);
    image->n_codes = nt_u32_load(data + NT_HEADER_CODES);
    image->n_classes = nt_u16_load(data + NT_HEADER_CLASSES);
    image->n_layers = data[NT_HEADER_LAYERS];
    image->n_steps = data[NT_HEADER_STEPS];
    image->gain = 0;
    image->readout = 0;
    image->n_inputs = 0;
    image->n_outputs = 0;
    image->widest = 0;
}

static void image_clear(struct nt_image *image)
{
    *image = (struct nt_image){0};
}

int nt_image_parse(struct nt_image *image, const uint8_t *data, size_t length)
{
    int result = header_check(data, length);
    image_clear(image);
    if (result < 0)
        return result;
    header_read(image, data, length);
    result = nt_image_tables_check(image);
    if (result < 0)
        image_clear(image);
    return result;
}

const uint8_t *nt_image_digest(const struct nt_image *image)
{
    return image->data + NT_HEADER_DIGEST;
}

int nt_image_digest_check(const struct nt_image *image)
{
    struct nt_sha256 sha;
    uint8_t digest[NT_SHA256_BYTES];
    nt_sha256_begin(&sha);
    nt_sha256_extend(&sha, image->data, NT_HEADER_DIGEST);
    nt_sha256_extend(&sha, image->data + NT_HEADER_BYTES, image->length - NT_HEADER_BYTES);
    nt_sha256_end(&sha, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        if (digest[i] != nt_image_digest(image)[i])
            return NT_ERROR_IMAGE_DIGEST;
    return NT_OK;
}

void nt_image_layer_get(const struct nt_image *image, uint32_t index, struct nt_layer *layer)
{
    const uint8_t *record = image->data + NT_LAYERS_AT + (size_t)index * NT_LAYER_BYTES;
    layer->n_inputs = nt_u32_load(record + NT_LAYER_INPUTS);
    layer->n_neurons = nt_u32_load(record + NT_LAYER_NEURONS);
    layer->leak = record[NT_LAYER_LEAK];
    layer->refractory = record[NT_LAYER_REFRACTORY];
    layer->stride = ((size_t)layer->n_neurons + 7) / 8 * 4;
    layer->weight = image->data + nt_u32_load(record + NT_LAYER_WEIGHT);
    layer->bias = image->data + nt_u32_load(record + NT_LAYER_BIAS);
    layer->threshold = image->data + nt_u32_load(record + NT_LAYER_THRESHOLD);
    layer->domain = image->data + nt_u32_load(record + NT_LAYER_DOMAIN);
}
