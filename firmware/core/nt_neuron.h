/* One time step of a block of neurons, at one or more operating points; private to the array. */
#ifndef NT_NEURON_H
#define NT_NEURON_H

#include "nt_image.h"
#include "nt_operating.h"

/* Neurons that advance together: one byte of a spike raster. */
#define NT_NEURON_GROUP 8u

/* An operating point resolved for one layer and one block of its neurons. */
struct nt_point {
    struct nt_layer_operating operating;
    const uint8_t *codes;
    uint64_t noise_key;
    int32_t *membrane; /* of the block */
    uint8_t *hold;
    uint8_t *counts;      /* of the block, or null */
    int32_t *compared_q8; /* of the block, or null */
};

struct nt_step {
    const struct nt_image *image;
    const struct nt_layer *layer;
    uint32_t first; /* first neuron of the block within its layer */
    uint32_t nominal_leak_q16;
    uint64_t time;       /* the chip's time-step counter */
    uint32_t offset;     /* 8 * events: what the nibbles w + 8 have too much */
    uint32_t *sum;       /* of the block */
    const uint32_t *positive; /* of the block; null where both parts have one gain */
    int is_plain;             /* that, and nt_points_are_plain */
};

/* Whether the two parts of some neuron of the layer have different gains at this point. */
int nt_point_is_split(const struct nt_point *point, const struct nt_step *step);

/* Whether image and codes say all about every point. */
int nt_points_are_plain(const struct nt_point *points, uint32_t n_points);

/* Advances the first `neurons` of the block by a time step, at all points; their spikes at the first one go to `raster`,
   neuron 0 in bit 0 of byte 0, which may be null. */
void nt_neurons_step(const struct nt_step *step, const struct nt_point *points, uint32_t n_points, uint32_t neurons,
                     uint8_t *raster);

/* Whether the function below may take the place of the one above for a sample of one time step: nothing but the spikes is
   wanted, and no I of the step's events times a gain exceeds 32 bits. */
int nt_neurons_fit_once(const struct nt_step *step, const struct nt_point *points);

/* The only time step of a sample: whatever the neurons would hold for the next one is left alone, `sum` is spent, and counts
   are set. The raster must be clear. */
void nt_neurons_step_once(const struct nt_step *step, const struct nt_point *points, uint32_t n_points,
                          uint32_t neurons, uint8_t *raster);

#endif
