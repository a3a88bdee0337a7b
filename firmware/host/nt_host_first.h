/* Errors of the first layer, summed over a batch; private to firmware/host. */
#ifndef NT_HOST_FIRST_H
#define NT_HOST_FIRST_H

#include "nt_host_model.h"

/* What the errors of the first layer are made of: errors of the second, and spike counts of the first. */
struct nt_host_first {
    const int32_t *errors; /* samples x error_stride */
    size_t error_stride;
    uint32_t sizes;        /* OR of all their magnitudes */
    const uint8_t *plus;   /* samples x stride */
    const uint8_t *minus;
    size_t stride;
    uint32_t samples;
};

/* Whether errors of such magnitudes can be summed so; `layer` is the second. */
int nt_host_first_fits(const struct nt_host_layer *layer, uint32_t sizes);

/* Adds the errors of each neuron of the first layer, over all samples, to `total`. 0, or a negative error. */
int nt_host_first_errors(struct nt_host *host, const struct nt_host_options *options, const struct nt_host_first *first,
                         int64_t *total);

#endif
