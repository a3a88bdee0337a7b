/* Chip image: the bytes of a .ntrom file, checked and read in place. */
#ifndef NT_IMAGE_H
#define NT_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "nt_bytes.h"

#define NT_IMAGE_NEURONS_MAX (1u << 20)
#define NT_IMAGE_INPUTS_MAX (1u << 20)

struct nt_image {
    const uint8_t *data; /* not owned; must outlive the struct */
    size_t length;
    const uint8_t *gain;    /* 256 u16, Q4.12 */
    const uint8_t *readout; /* one u16 per output neuron: its class */
    uint32_t n_inputs;
    uint32_t n_neurons; /* of all layers */
    uint32_t n_outputs;
    uint32_t n_codes;
    uint32_t widest; /* neurons of the widest layer */
    uint16_t n_classes;
    uint8_t n_layers;
    uint8_t n_steps;
};

struct nt_layer {
    const uint8_t *weight;    /* columns of packed nibbles w + 8, one per input */
    const uint8_t *bias;      /* i16 */
    const uint8_t *threshold; /* i32, Q23.8 */
    const uint8_t *domain;    /* pairs of u16 */
    size_t stride;            /* bytes of a column */
    uint32_t n_inputs;
    uint32_t n_neurons;
    uint8_t leak;
    uint8_t refractory;
};

/* Checks `length` bytes at `data` (any alignment) and fills `image`; NT_OK or NT_ERROR_IMAGE_*. Nothing outside the
   bytes is read, whatever they hold. */
int nt_image_parse(struct nt_image *image, const uint8_t *data, size_t length);

/* Compares the SHA-256 in the header with that of the content: NT_OK or NT_ERROR_IMAGE_DIGEST. */
int nt_image_digest_check(const struct nt_image *image);

/* The 32 bytes of the digest in the header. */
const uint8_t *nt_image_digest(const struct nt_image *image);

/* Layer `index`, which must be below n_layers. */
void nt_image_layer_get(const struct nt_image *image, uint32_t index, struct nt_layer *layer);

static inline uint16_t nt_image_gain_q12(const struct nt_image *image, uint8_t code)
{
    return nt_u16_load(image->gain + 2u * code);
}

static inline uint16_t nt_image_class(const struct nt_image *image, uint32_t output)
{
    return nt_u16_load(image->readout + 2u * (size_t)output);
}

static inline uint16_t nt_layer_domain_exc(const struct nt_layer *layer, uint32_t neuron)
{
    return nt_u16_load(layer->domain + 4u * (size_t)neuron);
}

static inline uint16_t nt_layer_domain_inh(const struct nt_layer *layer, uint32_t neuron)
{
    return nt_u16_load(layer->domain + 4u * (size_t)neuron + 2u);
}

#endif
