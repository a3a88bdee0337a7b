/* What the parts of the host's array share; private to firmware/host. */
#ifndef NT_HOST_MODEL_H
#define NT_HOST_MODEL_H

#include "nt_host.h"
#include "nt_host_parallel.h"

struct nt_host_layer {
    uint32_t n_inputs;
    uint32_t n_neurons;
    uint32_t n_blocks;
    uint32_t passes;       /* of NT_HOST_PASS inputs */
    uint32_t first_neuron; /* within the image */
    uint32_t refractory;
    uint8_t *weight;  /* n_blocks x passes x NT_HOST_PASS columns, and one of zeros behind each section */
    const uint8_t *unturned; /* of a transposed layer: the image's columns of the one it transposes */
    uint32_t largest; /* of a transposed layer: largest sum of |w| of a neuron, which bounds W^T e */
    int32_t *bias;    /* n_blocks * NT_HOST_BLOCK */
    uint16_t *domain; /* n_neurons pairs */
};

/* A buffer that only grows, so that equal batches allocate once. What is shared out differently has buffers of its own: to
   overwrite a line that another core has read or written costs up to 300 ns. */
struct nt_host_buffer {
    void *data;
    size_t bytes;
};

enum { BUFFER_LANES, BUFFER_BITS, BUFFER_RASTER_A, BUFFER_RASTER_B, BUFFER_DIGITS, BUFFER_OFFSETS, BUFFER_WORDS,
       BUFFER_LISTS, BUFFER_TURNS, BUFFER_SPANS, BUFFER_COUNTED, BUFFER_SCRATCH, BUFFER_DITHERED, BUFFER_ERRORS,
       BUFFER_GATED, BUFFER_GATED_OWN, BUFFER_SIZES, BUFFER_TOTALS, BUFFER_STEP, BUFFER_FRAME, BUFFER_ANSWER,
       BUFFER_EVENTS, BUFFER_LABELS, BUFFER_PLANES, BUFFER_COMPARED, BUFFERS };

struct nt_host {
    const struct nt_host_isa *isa;
    uint32_t n_layers;
    uint32_t n_neurons;
    uint32_t n_codes;
    struct nt_host_layer *layers;
    struct nt_host_layer *backs; /* transposed, for errors: weights alone; the first has none */
    uint16_t *readout;
    struct nt_host_buffer buffers[BUFFERS];
    struct nt_host_pool *pool;
};

struct nt_host_point_layer {
    struct nt_host_cells cells; /* of the first block */
    uint64_t noise_key;
    int32_t gains; /* OR of all: no gain is larger */
    uint32_t entries;
    int16_t *edges; /* `entries` each: spike, low, high (nt_host_edges.h); null where sums may leave 16 bits */
    int32_t *values; /* all arrays of the layer, one after the other */
};

struct nt_host_point {
    const struct nt_host_isa *isa;
    uint32_t n_layers;
    struct nt_host_point_layer layers[];
};

/* Memory aligned for vectors, in large pages where there is much of it; null when short. Given back by `free`. */
void *nt_host_memory(size_t bytes);

/* At least `bytes` in buffer `index`, its old content lost when it had to grow; null when short. */
void *nt_host_buffer_reserve(struct nt_host *host, unsigned index, size_t bytes);

/* Bytes of one block of `weight`. */
size_t nt_host_block_bytes(const struct nt_host_layer *layer);

/* `cells` of a layer's first block as those of block number `block`. */
struct nt_host_cells nt_host_block_cells(const struct nt_host_cells *cells, uint32_t block);

/* Fills `weight` of a layer from the image's columns. */
void nt_host_layer_pack(struct nt_host_layer *layer, const uint8_t *weight);

/* Makes a transposed layer's `weight` and `largest`, unless they are there: before each use. NT_OK or NT_ERROR_SPACE. */
int nt_host_back_fill(struct nt_host_layer *back);

/* Fills `weight` and `largest` of a transposed layer from the image's columns of the one it transposes. */
void nt_host_back_pack(struct nt_host_layer *back, const uint8_t *weight);

/* Threads that work of `cost_ns` is worth. */
uint32_t nt_host_threads(const struct nt_host_options *options, double cost_ns);

/* Gains by code: of the ideal chip, or, where there are `tables`, of a die (see nt_host_points_table_set). */
struct nt_host_gains {
    const uint16_t *nominal_q12;
    const uint16_t *const *tables;
};

/* Gives each of up to NT_ARRAY_POINTS points the gains of a row of `codes`, on up to `threads` threads of `pool`. */
void nt_host_gains_set(const struct nt_host *host, struct nt_host_pool **pool, uint32_t threads,
                       struct nt_host_point *const *points, uint32_t n_points, struct nt_host_gains gains,
                       const uint8_t *codes);

/* Sets three points to `codes`, above and below them, by the offsets of `settings`, for a batch of `samples`. NT_OK or
   NT_ERROR_SPACE. */
int nt_host_dither(struct nt_host *host, const struct nt_host_options *options, uint32_t samples,
                   const struct nt_learn_settings *settings, struct nt_host_point *const *points,
                   struct nt_host_gains gains, const uint8_t *codes);

/* Presents a batch at three points; `planes` are then the counts above and those below, until the next step. Results as
   nt_host_run. */
int nt_host_dithered_run(struct nt_host *host, const struct nt_host_options *options,
                         const struct nt_host_point *const *points, const uint8_t *events, uint32_t samples,
                         uint32_t steps, uint64_t first_step, uint8_t **planes);

#endif
