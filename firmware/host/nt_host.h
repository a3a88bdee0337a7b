/* The array on a host: whole batches, weights repacked once, kernels of the machine's own instruction set. Computes the
   integers of docs/spec.md, sections 1 and 5, like firmware/core; only hosts compile it. */
#ifndef NT_HOST_H
#define NT_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "nt_array.h"
#include "nt_host_isa.h"
#include "nt_learn.h"

/* How sums are made: by what costs less at the activity seen, or always in one way. */
enum nt_host_path { NT_HOST_AUTO, NT_HOST_LOOKUP, NT_HOST_EVENTS };

/* One layer as it comes: `weight` is the image's, a column of packed nibbles per input (docs/spec.md, section 2). */
struct nt_host_source {
    uint32_t n_inputs;
    uint32_t n_neurons;
    const uint8_t *weight;
    const int16_t *bias;
    const uint16_t *domain; /* pairs */
    uint8_t refractory;
};

#define NT_HOST_TOO_WIDE 1

struct nt_host;
struct nt_host_point;

/* Repacks the layers for `isa`; null when memory is short. `readout` is the class of each output neuron. The first learning
   step makes the transposed copy for errors from `weight`, which must stay until then. */
struct nt_host *nt_host_new(const struct nt_host_isa *isa, const struct nt_host_source *layers, uint32_t n_layers,
                            const uint16_t *readout, uint32_t n_codes);
void nt_host_free(struct nt_host *host);

/* Bytes of the repacked weights with the transposed copy, once there is one, and of all memory that `host` holds now. */
size_t nt_host_weight_bytes(const struct nt_host *host);
size_t nt_host_bytes(const struct nt_host *host);

/* An operating point of all layers; null when memory is short. */
struct nt_host_point *nt_host_point_new(const struct nt_host *host);
void nt_host_point_free(struct nt_host_point *point);
/* Fills in one layer: gain, threshold and leak must be there (leak at most 65536), noise and fault may be null. */
void nt_host_point_set(struct nt_host_point *point, uint32_t layer, const struct nt_layer_operating *operating,
                       uint32_t neurons);

/* Gives each of `points` the gains, and nothing else, of a row of `codes`, which has one for each domain: `tables` has per
   layer 256 codes of n_neurons pairs. */
void nt_host_points_table_set(const struct nt_host *host, struct nt_host_point *const *points, uint32_t n_points,
                              const uint16_t *const *tables, const uint8_t *codes);

struct nt_host_options {
    uint32_t threads;   /* at most, 1 to 64 */
    uint32_t path;      /* enum nt_host_path */
    uint32_t thread_us; /* work of a layer that each thread must have */
};

/* Forward pass of a batch, as nt_batch_run. NT_OK, NT_ERROR_ARGUMENT or NT_ERROR_SPACE. One call at a time. */
int nt_host_run(struct nt_host *host, const struct nt_host_options *options, const struct nt_host_point *const *points,
                uint32_t n_points, const uint8_t *events, uint32_t samples, uint32_t steps, uint64_t first_step,
                const struct nt_response *response);

/* Learning step on `samples` rows of dithered spike counts, as nt_batch_learn. NT_HOST_TOO_WIDE, and nothing changed, where
   an error could leave 32 bits: the core's own learning step is then to be used. */
int nt_host_learn(struct nt_host *host, const struct nt_host_options *options, const struct nt_learn_settings *settings,
                  const struct nt_learn_state *state, const uint8_t *plus, const uint8_t *minus, const int64_t *labels,
                  uint32_t samples);

/* A whole learning step of the ideal chip, from `state` and events to `state`: dithered codes, their gains in the table
   `gain_q12`, spikes, errors. `points` are three of `host`, set to the nominal chip at any codes; their gains are changed.
   Results as nt_host_learn. */
int nt_host_step_nominal(struct nt_host *host, const struct nt_host_options *options,
                         const struct nt_learn_settings *settings, const uint16_t *gain_q12,
                         struct nt_host_point *const *points, const struct nt_learn_state *state,
                         const uint8_t *events, const int64_t *labels, uint32_t samples, uint32_t steps);

/* Learning steps of a die, one after the other: `settings` of each of `n_steps`, and events and labels of `samples` for each;
   codes and dithered codes are looked up in `tables` (see nt_host_points_table_set), `points` are three of the die. Gives the
   number of steps done, less than `n_steps` where one is too wide (see nt_host_learn), or a negative error. */
int nt_host_steps(struct nt_host *host, const struct nt_host_options *options, const struct nt_learn_settings *settings,
                  uint32_t n_steps, struct nt_host_point *const *points, const uint16_t *const *tables,
                  const struct nt_learn_state *state, const uint8_t *events, const int64_t *labels, uint32_t samples,
                  uint32_t steps, uint64_t first_step);

#endif
