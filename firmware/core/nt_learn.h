/* Learning step of rule `dmn` (dither, margin, normalise), a batch streamed sample by sample. */
#ifndef NT_LEARN_H
#define NT_LEARN_H

#include <stddef.h>
#include <stdint.h>

#include "nt_image.h"
#include "nt_kernel.h"

struct nt_learn_settings {
    uint8_t hidden_dither_code; /* d, 1..127 */
    uint8_t output_dither_code; /* m, 1..127 */
    uint16_t rate_q8;           /* codes per normalised error, 1..32767 */
    uint8_t max_move_code;      /* largest move in one step, 1..127 */
    uint8_t code_min;
    uint8_t code_max;
};

/* What a learning chip keeps between steps: one entry per code. */
struct nt_learn_state {
    uint8_t *codes;
    int16_t *accumulator_q8; /* fraction of a code still owed, within +-4 codes */
    uint32_t *mean_q8;       /* running mean of the size of the summed error, Q24.8 */
};

/* Memory of a batch. `kept` bytes belong to it from begin to finish; `lent` ones only within nt_learn_accumulate, so that
   the caller may keep there what it needs for the forward pass alone. */
struct nt_learn_sizes {
    size_t kept;
    size_t lent;
    uint8_t wide_total; /* 64 bits, where some batch of the allowed size could exceed 32 */
    uint8_t wide_error;
};

/* One batch. Errors are exact as long as they fit 64 bits: |error| of layer l is below the product of 7 * neurons over
   the layers above it. */
struct nt_learn {
    const struct nt_image *image;
    const struct nt_kernel *kernel;
    struct nt_learn_settings settings;
    int32_t *total; /* G: one per code; null where wide_total is in use */
    int64_t *wide_total;
    uint8_t *gate;         /* one bit per neuron: the dither changes its spikes */
    int8_t *output_error;  /* one per output neuron */
    uint32_t *low[2];      /* errors of even and of odd layers; high words only where they can exceed 32 bits */
    uint32_t *high[2];
};

/* Memory for batches of up to `samples_max` samples: the image's geometry proves what 32 bits hold. */
void nt_learn_sizes_get(const struct nt_image *image, uint32_t samples_max, struct nt_learn_sizes *sizes);

/* Bytes of scratch, kept and lent, for batches of any size. */
size_t nt_learn_scratch_size(const struct nt_image *image);

/* Starts a batch of any size with G = 0; `scratch` is 8-byte aligned. NT_OK, NT_ERROR_SETTING, _ARGUMENT or _SPACE. */
int nt_learn_begin(struct nt_learn *learn, const struct nt_image *image, const struct nt_kernel *kernel,
                   const struct nt_learn_settings *settings, void *scratch, size_t scratch_bytes);

/* The same within memory of `sizes`, both pieces 8-byte aligned, for at most as many samples as these were made for. */
int nt_learn_begin_within(struct nt_learn *learn, const struct nt_image *image, const struct nt_kernel *kernel,
                          const struct nt_learn_settings *settings, const struct nt_learn_sizes *sizes, void *kept,
                          void *lent);

/* Adds the errors of one sample; `plus` and `minus` are the spike counts of all neurons at the dithered codes
   and may lie in the lent memory. */
void nt_learn_accumulate(struct nt_learn *learn, const uint8_t *plus, const uint8_t *minus, int64_t label);

/* Moves the codes by what was accumulated. */
void nt_learn_finish(const struct nt_learn *learn, const struct nt_learn_state *state);

/* `out` (one per code) = codes + sign * d, or m where a domain supplies an output neuron, within 0..255. */
void nt_learn_dither(const struct nt_image *image, const struct nt_learn_settings *settings, const uint8_t *codes,
                     int sign, uint8_t *out);

#endif
