/* What a layer sees in a batch: events as bits, and the forms that the kernels read; private to firmware/host. */
#ifndef NT_HOST_INPUT_H
#define NT_HOST_INPUT_H

#include "nt_host_model.h"

/* Powers of two with both signs. */
#define NT_HOST_PLANES 64u
/* Event counts split into planes of bits: row r of plane p is at bits + (p * rows + r) * stride. */
struct nt_host_input {
    uint8_t *bits;
    size_t stride;      /* bytes, a multiple of 16 */
    uint32_t rows;
    uint32_t repeat;    /* time steps that each row serves */
    uint32_t n_planes;
    uint32_t n_negative; /* of the planes: the first ones, to be taken away */
    uint8_t planes[NT_HOST_PLANES]; /* the power of two of each plane */
    uint32_t *offset;   /* per row: 8 * events */
    uint32_t most;      /* the largest offset: |sum| of every neuron stays below it */
    uint64_t ones;      /* of all rows and planes */
    int by_events;      /* how the sums are to be made */
    uint32_t *words;    /* look-up: per plane and tile, pass by pass, one word per row */
    uint16_t *lists;    /* events: as struct nt_host_events has them, plane by plane, tile by tile */
    size_t *starts;     /* events: per plane and tile, where its entries begin in `lists` */
    struct nt_host_turn *turns; /* events: per plane and tile, `reaches` x rows of the tile */
    size_t lines;       /* events: as struct nt_host_events has them */
    int is_scattered;
    int is_resident;
    uint32_t reach;
    uint32_t reaches;
};

/* Reads `samples` x `steps` rows of event counts. 0, or a negative error. */
int nt_host_input_read(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                       const uint8_t *events, uint32_t samples, uint32_t steps);

/* Counts the events of `input`, whose bits are those of a layer below `layer`. 0, or a negative error. */
int nt_host_input_count(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                        const struct nt_host_layer *layer);

/* Lays out `rows` rows of errors, `stride` apart, as input of the transposed layer `back`. 0, or a negative error. */
int nt_host_input_errors(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                         const struct nt_host_layer *back, const int32_t *errors, size_t stride, uint32_t rows);

/* Chooses how `layer` makes its sums and lays the events out for that. 0, or a negative error. */
int nt_host_input_prepare(struct nt_host *host, const struct nt_host_options *options, struct nt_host_input *input,
                          const struct nt_host_layer *layer);

/* Threads that a layer will be worth whose events are not counted yet. */
uint32_t nt_host_threads_expected(const struct nt_host *host, const struct nt_host_options *options, uint32_t rows,
                                  const struct nt_host_layer *layer);

/* Expected nanoseconds of the sums of one block. */
double nt_host_input_cost(const struct nt_host *host, const struct nt_host_input *input,
                          const struct nt_host_layer *layer);

/* Adds the sums of `rows` rows from `first` on, the first of a tile, to lane->sum or lane->positive. */
void nt_host_sums_add(const struct nt_host *host, const struct nt_host_input *input, const struct nt_host_layer *layer,
                      uint32_t block, uint32_t first, uint32_t rows, struct nt_host_lane *lane, int positive);

/* Fills lane->narrow with the same sums, of a layer of one section and one plane of ones. */
void nt_host_sums_narrow(const struct nt_host *host, const struct nt_host_input *input,
                         const struct nt_host_layer *layer, uint32_t block, uint32_t first, uint32_t rows,
                         struct nt_host_lane *lane);

#endif
