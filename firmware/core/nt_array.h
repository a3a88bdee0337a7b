/* Forward pass of one sample: layers of leaky integrate-and-fire neurons over T time steps. */
#ifndef NT_ARRAY_H
#define NT_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#include "nt_image.h"
#include "nt_kernel.h"
#include "nt_operating.h"

/* Operating points that one pass can read: at the codes, and dithered up and down. */
#define NT_ARRAY_POINTS 3
/* Events gathered before the kernels run; whole groups of a kernel. */
#define NT_ARRAY_EVENTS (15 * NT_KERNEL_GROUP)

/* What a pass must hold: neurons worked on at a time (a multiple of 8), time steps, operating points. */
struct nt_array_shape {
    uint32_t block_neurons;
    uint32_t steps;
    uint32_t points;
};

struct nt_array {
    const struct nt_image *image;
    const struct nt_kernel *kernel;
    struct nt_array_shape shape;
    uint32_t compared_first; /* layers before this neuron leave `compared_q8` alone; 0 for none */
    uint32_t paired[8];   /* a bit per layer: some neuron has two domains */
    size_t raster_stride; /* bytes of one step of a spike raster */
    int32_t *membrane;    /* points x block */
    uint32_t *sum;        /* block */
    uint32_t *positive;   /* block */
    uint8_t *hold;        /* points x block */
    uint8_t *raster[2];   /* steps x raster_stride, one bit per neuron: below and above */
    const uint8_t **column;
    const uint8_t **column_counted;
    uint8_t *times;
};

/* Where results go; any pointer may be null. `counts` and the membranes hold one entry per neuron of all layers, in
   order: spikes over the steps, the membrane that the comparator saw in the last step, and the one left after it (both
   of the first operating point). */
struct nt_response {
    uint8_t *counts[NT_ARRAY_POINTS];
    int32_t *compared_q8;
    int32_t *membrane_q8;
};

/* One layer driven alone by the same events in each of `steps` steps. */
struct nt_drive {
    const uint8_t *records; /* 3 bytes each: u16 input of the layer, u8 events */
    uint32_t n_records;
    uint32_t layer;
    uint32_t steps;
};

/* Bytes of scratch for `shape`; 0 if the shape is out of range. */
size_t nt_array_scratch_size(const struct nt_image *image, const struct nt_array_shape *shape);

/* Binds image, kernels and scratch (8-byte aligned, for the life of `array`); NT_OK, NT_ERROR_ARGUMENT or _SPACE. */
int nt_array_begin(struct nt_array *array, const struct nt_image *image, const struct nt_kernel *kernel,
                   const struct nt_array_shape *shape, void *scratch, size_t scratch_bytes);

/* Runs one sample of `steps` x n_inputs event counts from rest. Every layer is read at each of `points` operating
   points; the spikes at the first one feed the layer above. `first_step` is the chip's time-step counter. */
int nt_array_run(struct nt_array *array, const struct nt_operating *const *operating, uint32_t points,
                 const uint8_t *events, uint32_t steps, uint64_t first_step, const struct nt_response *response);

/* Spikes of each neuron of the layer driven, from rest, without temporal noise. Layer, inputs and operating point must
   exist, `steps` be 1 to 255; the shape of the array does not matter. */
void nt_array_drive(struct nt_array *array, const struct nt_operating *operating, const struct nt_drive *drive,
                    uint8_t *counts);

#endif
