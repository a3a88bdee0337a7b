/* The chip behind the protocol: image, codes, sample slots and the device loop, in memory that the caller lends. */
#ifndef NT_CHIP_H
#define NT_CHIP_H

#include <stddef.h>
#include <stdint.h>

#include "nt_array.h"
#include "nt_correction.h"
#include "nt_hal.h"
#include "nt_image.h"
#include "nt_learn.h"
#include "nt_nv.h"

/* Limits of every write, for boards whose power domains bear less. 255 codes of slew are none. */
#ifndef NT_CODE_MIN
#define NT_CODE_MIN 0
#endif
#ifndef NT_CODE_MAX
#define NT_CODE_MAX 255
#endif
#ifndef NT_MAX_MOVE_CODE
#define NT_MAX_MOVE_CODE 255
#endif

#define NT_CODE_DEFAULT 128
#define NT_TEMPERATURE_NOMINAL_MK 300000u /* of an array that the core computes */
#define NT_SLOTS_MAX 4096u
#define NT_PAIRS_MIN 64u
#define NT_BLOCK_NEURONS 128u
#define NT_NV_SECTION_HISTORY 16 /* boots u32, commits u32 */

struct nt_codes {
    uint8_t *codes;        /* calibrated; with the corrections the only writable state */
    uint32_t *corrections; /* packed, one per code */
    uint8_t *dac;          /* codes of the DACs, unless `is_dac_stale` */
    uint8_t *staged;       /* shares memory with the sums of a batch, whose end is a change of the codes */
    uint32_t revision;     /* of codes and corrections */
    uint32_t committed_revision; /* equal to `revision` while the codes are those of the NV log */
    uint8_t is_staging;
    uint8_t is_corrected; /* 0: every correction is zero */
    uint8_t is_dac_stale;
    uint8_t code_min;
    uint8_t code_max;
    uint8_t max_move_code;
};

/* Samples, `pitch` bytes apart, one byte per input and step. */
struct nt_slots {
    uint8_t *data;
    uint32_t *filled; /* elements written without a gap from the first on */
    uint8_t *steps;
    size_t pitch;
    uint32_t count;
    uint32_t steps_max;
};

struct nt_loop {
    struct nt_learn_settings settings;
    struct nt_learn_settings step_settings; /* with the rate of the step at hand */
    struct nt_learn batch;
    uint32_t *persistent; /* head, then the two below: the learning section of the NV log */
    uint32_t *mean_q8;
    int16_t *accumulator_q8;
    uint16_t *pairs; /* slot, label, slot, label, ... */
    uint32_t n_pairs;
    uint32_t pairs_max;
    uint32_t step;
    uint8_t is_learning;
    uint8_t is_staging;
};

/* What the NV log keeps of a device loop that learns: step, settings, then mean and accumulator of each code. */
#define NT_LOOP_HEAD_WORDS 3u
static inline size_t nt_loop_bytes(const struct nt_image *image)
{
    return NT_LOOP_HEAD_WORDS * sizeof(uint32_t) + image->n_codes * (sizeof(uint32_t) + sizeof(int16_t));
}

/* Samples still to be run for the request at hand. */
struct nt_job {
    const uint8_t *slots; /* u16 list in the request; null with a range */
    uint32_t first;
    uint32_t count;
    uint32_t done;
    uint32_t record_bytes;
    uint8_t steps;
    uint8_t readout;
    uint8_t is_learning;
};

struct nt_chip {
    const struct nt_hal *hal;
    struct nt_image image;
    struct nt_nv nv;
    struct nt_array array;
    struct nt_codes codes;
    struct nt_slots slots;
    struct nt_loop loop;
    struct nt_job job;
    uint64_t samples_presented; /* since boot */
    uint64_t steps_done;
    uint32_t boot_count;
    uint32_t generation;     /* commits of the host */
    struct nt_learn_sizes learn_sizes;
    void *learn_kept; /* while learning; else shared with `counts` */
    void *learn_lent; /* within nt_learn_accumulate; else shared with the next three */
    uint8_t *point_codes[2]; /* dithered up and down */
    uint8_t *learn_counts;   /* spike counts at these two, while learning */
    int32_t *compared_q8;    /* of the output neurons; their entries only */
    uint8_t *counts;         /* one plane of spike counts per operating point, for PRESENT */
    uint8_t *expanded;       /* a held sample, repeated for all time steps */
    uint8_t *result;         /* records of the last PRESENT */
    uint32_t result_bytes;
    uint32_t result_max;
};

/* Hands out consecutive 8-byte aligned pieces of `base`; with a null base it only counts. */
struct nt_memory {
    uint8_t *base;
    size_t used;
    size_t size;
};
void *nt_memory_take(struct nt_memory *memory, size_t bytes);

/* Parses and checks the image of `hal` and divides what `memory` has left. The codes are still undefined.
   NT_OK, NT_ERROR_IMAGE_*, NT_ERROR_SPACE, or NT_ERROR_ARGUMENT for a board with an array of its own. */
int nt_chip_begin(struct nt_chip *chip, const struct nt_hal *hal, struct nt_memory *memory);

/* What the scratch memory keeps through a reset that leaves the RAM on. */
struct nt_retained_boots {
    uint32_t magic;
    uint32_t boots;
    uint32_t boots_inverted;
    uint32_t zero;
};

/* Mounts the NV log, takes the committed codes from it and counts this boot. What the log refuses is not fatal: the
   chip then starts from default codes. */
void nt_chip_history_begin(struct nt_chip *chip, struct nt_retained_boots *retained, const uint8_t uid[8]);

/* Writes codes, corrections, the device loop while it learns, boots and commits to the NV log; negative where it refuses.
   A log without room for the device loop takes the rest. */
int nt_chip_history_commit(struct nt_chip *chip, uint32_t generation);

/* Codes, corrections and device loop of the last commit, or the default ones, as a new revision; staged writes are
   dropped. */
void nt_chip_codes_restore(struct nt_chip *chip);

/* Counts a change of codes or corrections. */
void nt_chip_codes_changed(struct nt_chip *chip);

static inline struct nt_code_range nt_chip_range(const struct nt_chip *chip)
{
    return (struct nt_code_range){chip->codes.code_min, chip->codes.code_max};
}

/* Fills point_codes with what the DACs get at the codes +- the dither. */
void nt_chip_dither(struct nt_chip *chip, const struct nt_learn_settings *settings);

/* Runs the sample of `slot` from rest at the codes and, with two more points, at the dithered ones; spike counts go to
   `counts` (in a job that learns, the dithered ones go to `learn_counts`), the membranes of the last step to
   `compared_q8` where wanted. */
void nt_chip_sample_run(struct nt_chip *chip, uint32_t slot, uint32_t steps, uint32_t points, int wants_membrane);

/* Drives one layer alone (see nt_array_drive): spikes of its neurons in one repeat go to `counts`. All `repeats` count as
   presented: they are alike, since this array has no noise. */
void nt_chip_stimulate(struct nt_chip *chip, const struct nt_drive *drive, uint32_t repeats);

#endif
