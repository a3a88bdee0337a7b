/* The inner loops of a host, once per instruction set: one portable source compiled for each (nt_host_kernels.h). */
#ifndef NT_HOST_ISA_H
#define NT_HOST_ISA_H

#include <stddef.h>
#include <stdint.h>

/* Neurons of a block; a column of a block is 64 bytes. Neuron 32 g + i (g = 0..3) of a block stands in byte 2 i + g % 2,
   in the low nibble for g < 2, in the high one above; nibbles are w + 8. */
#define NT_HOST_BLOCK 128u
#define NT_HOST_COLUMN 64u
/* Inputs of one pass of the look-up; layers are padded to it. */
#define NT_HOST_PASS 32u
/* Rows (samples times steps) worked on at a time. */
#define NT_HOST_TILE 64u
/* Inputs of a section, whose sums fit 16 bits: 4352 * 15 = 65,280. Their columns of a block (272 KiB) stay in the
   second-level cache; behind them stands a column of zeros. */
#define NT_HOST_SECTION 4352u
#define NT_HOST_SECTION_BYTES ((NT_HOST_SECTION + 1) * (size_t)NT_HOST_COLUMN)
/* Events are added in groups of columns; what a list lacks to whole groups are entries of the column of zeros. An entry is
   the number of a column within its section, times NT_HOST_ENTRY. */
#define NT_HOST_GROUP 8u
#define NT_HOST_ENTRY 8u
/* Entries that a list may be read or written beyond its end, 64 of them written. */
#define NT_HOST_LIST_SPARE 144u
/* Room of one thread; every member is aligned to a vector. */
struct nt_host_lane {
    uint8_t tables[2][NT_HOST_PASS / 4][16][NT_HOST_BLOCK / 2]; /* of this pass and of the next */
    uint16_t halves[NT_HOST_TILE][NT_HOST_BLOCK];
    uint32_t sum[NT_HOST_TILE][NT_HOST_BLOCK];
    uint32_t positive[NT_HOST_TILE][NT_HOST_BLOCK];
    int32_t draw[NT_HOST_TILE][NT_HOST_BLOCK]; /* noise with key `drawn_key`, once drawn */
    int16_t narrow[NT_HOST_TILE][NT_HOST_BLOCK]; /* sums of weights of a layer of one section */
    struct nt_host_state {
        int32_t membrane[NT_HOST_BLOCK];
        int32_t hold[NT_HOST_BLOCK];
        int32_t count[NT_HOST_BLOCK];
    } state[3];
    uint64_t drawn_key;
    uint64_t is_drawn;
    uint64_t spare[6]; /* a lane is whole cache lines */
};

/* A block's neurons at one operating point: NT_HOST_BLOCK entries each, aligned. */
struct nt_host_cells {
    const int32_t *bias;
    const int32_t *gain_exc_q12;
    const int32_t *gain_inh_q12;
    const int32_t *threshold_q8;
    const int32_t *leak_q16;
    const int32_t *sigma_q8; /* times sqrt(3); null without noise */
    const int32_t *works;    /* -1, or 0 for a neuron that ignores its threshold */
    const int32_t *stuck;    /* -1 for one that spikes at every step */
    int32_t refractory;
    int is_split;     /* some gain_exc differs from gain_inh */
    int drive_fits;   /* no product of sum and gain leaves 32 bits in this run */
    int membrane_fits; /* nor does a sum of the drives of all steps */
    int leak_is_even; /* every leak is the same shift, or none (mask 0), and nothing is refractory */
    int32_t leak_shift;
    int32_t leak_mask;
};

/* Rows that run through a block: row r of `sum` serves time steps r * repeat to r * repeat + repeat - 1 of the tile. */
struct nt_host_rows {
    const uint32_t *sum;
    const int16_t *narrow;    /* in place of `sum` less `offset`; null: there are none */
    const uint32_t *positive;
    const int32_t *draw;      /* one row per time step; null: drawn where it matters */
    uint64_t noise_key;
    uint64_t time;            /* of the first row, as the noise counts */
    uint32_t neuron;          /* first of the block, within the layer */
    const uint32_t *offset;   /* per row of `sum`: 8 * events */
    uint32_t count;
    uint32_t repeat;
    uint32_t step;            /* time step within its sample of the first row */
    uint32_t steps;           /* of a sample */
};

/* Where a block's results go: entry 0 is the block's first neuron, of the sample of the first row. Pointers may be
   null. */
struct nt_host_out {
    uint8_t *counts;
    int32_t *compared_q8;
    int32_t *membrane_q8;
    size_t stride;   /* entries between samples */
    uint8_t *raster; /* one bit per neuron; 16 bytes are written for each time step */
    size_t raster_stride;
    uint32_t neurons; /* of the block that exist */
};

/* One row's events in one reach of inputs: `groups` groups of entries of the list from `at` on. */
struct nt_host_turn {
    uint32_t at;
    uint16_t groups;
    uint16_t row; /* within the tile */
};

/* Events of a tile of rows in one plane. */
struct nt_host_events {
    const uint16_t *list;
    /* Section by section, reach by reach within it: all rows, those of most groups first; in order where they are resident. */
    const struct nt_host_turn *turns;
    size_t inputs; /* of the layer, padded */
    size_t neurons; /* of the block that exist, for narrow sums */
    size_t reach;
    size_t lines; /* of the next reach, to be fetched with every group; 0: a row fetches for itself alone, */
    size_t ahead; /* columns so far down its list: they come from memory */
    int is_scattered; /* lists are not in order */
    int is_resident;  /* all weights of the layer stay in the cache: one reach, nothing to fetch */
};

/* Samples whose gates are summed at a time. */
#define NT_HOST_FOUR 4u
/* Bytes of a tile's errors of half a block, with a row of none behind: row r at r * NT_HOST_COLUMN. */
#define NT_HOST_GATED_PLANE ((NT_HOST_TILE + 1) * NT_HOST_COLUMN)

/* Open gates of a tile: input j's samples, row * NT_HOST_ENTRY, are lists[at[j]] to lists[at[j + 1]] - 1, in fours that rows
   of no error fill up. */
struct nt_host_gates {
    const uint16_t *lists;
    const uint32_t *at;
    uint8_t bias;     /* of the errors, which are bytes */
    uint8_t together; /* 4, 2 or 1 of which fit one */
};

struct nt_host_isa {
    const char *name;
    /* Relative costs, measured on a Zen 4 (NEON: those of SSE2): look-up of a pass of one row, one event. Only choices hang
       on them, never results. */
    double lookup_ns;
    double event_ns;
    /* Bit `plane` of each of `count` bytes, as bits; the last byte of `bits` is filled with zeros. Gives the OR of all
       bytes. Asks for those `ahead` bytes on, if not 0, which must exist. */
    uint8_t (*bits_pack)(const uint8_t *x, size_t count, size_t ahead, unsigned plane, uint8_t *bits);
    /* Ones in `bytes` bytes, a multiple of 8. */
    uint32_t (*ones_count)(const uint8_t *bits, size_t bytes);
    /* sum += (when `fresh`: =) nibbles (or positive weights) of the active inputs, times 2^plane; `bits` holds a word of 32
       inputs per row, pass by pass. */
    void (*lookup_add)(struct nt_host_lane *lane, uint32_t *sum, const uint8_t *block, const uint32_t *bits, size_t passes,
                       size_t rows, unsigned plane, int positive, int fresh);
    /* The same from lists of active inputs. */
    void (*events_add)(struct nt_host_lane *lane, uint32_t *sum, const uint8_t *block,
                       const struct nt_host_events *events, size_t rows, unsigned plane, int positive, int fresh);
    /* The same sums of a layer of one section, plane 0, each less its row's offset, to lane->narrow. */
    void (*lookup_narrow)(struct nt_host_lane *lane, const uint8_t *block, const uint32_t *bits, size_t passes, size_t rows,
                          const uint32_t *offset);
    void (*events_narrow)(struct nt_host_lane *lane, const uint8_t *block, const struct nt_host_events *events, size_t rows,
                          const uint32_t *offset);
    /* Smallest sums of weights that reach `threshold_q8` in one step from rest; `cells` at a block's first of `count`
       neurons, whole blocks; faults make it -32768 or 32767. */
    void (*edges_find)(int16_t *edge, const struct nt_host_cells *cells, const int32_t *threshold_q8, size_t count);
    /* One step from rest: a neuron spikes where its sum is its edge or more. */
    void (*edges_run)(const int16_t *edge, const struct nt_host_rows *rows, const struct nt_host_out *out);
    /* Entries (row * NT_HOST_BLOCK + neuron) of the neurons whose sum is `low` or more and less than `high`. Gives
       their number. */
    size_t (*edges_between)(const int16_t *low, const int16_t *high, const struct nt_host_rows *rows, uint16_t *entries);
    /* Entries of the ones of `bytes` bytes, an even number; bit 0 of the first is input `first`. Gives their number; writes
       up to NT_HOST_LIST_SPARE beyond them. */
    size_t (*entries_list)(const uint8_t *bits, size_t bytes, uint32_t first, uint16_t *list);
    void (*noise_draw)(int32_t *draw, uint64_t key, uint64_t time, uint32_t neuron, size_t rows);
    void (*neurons_run)(struct nt_host_state *state, const struct nt_host_cells *cells, const struct nt_host_rows *rows,
                        const struct nt_host_out *out);
    /* Errors as sums of powers of two, those to add and those to take away; ORs what bits they have into `used`. */
    void (*errors_digits)(const int32_t *errors, size_t count, uint32_t *positive, uint32_t *negative, uint32_t *used);
    /* Eight bits of each word from bit `shift` on. */
    void (*words_narrow)(const uint32_t *words, size_t count, unsigned shift, uint8_t *bytes);
    void (*sums_negate)(uint32_t *sum, size_t count);
    /* error[j] = dot[j] - offset where plus and minus differ, else 0; adds to total[j]; gives the OR of all |error|. */
    uint32_t (*errors_gate)(int32_t *error, const int32_t *dot, int32_t offset, const uint8_t *plus,
                            const uint8_t *minus, int64_t *total, size_t count);
    /* Bits of the bytes in which two rows of `count` differ. */
    void (*differ_pack)(const uint8_t *a, const uint8_t *b, size_t count, uint8_t *bits);
    /* Bits `shift` to `shift` + 7 of up to NT_HOST_BLOCK errors and `bias`, in the order of a column's nibbles: low ones, and
       `plane` bytes on high ones. */
    void (*errors_bytes)(const int32_t *errors, size_t count, uint32_t bias, unsigned shift, uint8_t *out, size_t plane);
    /* For each of `count` inputs of a block of neurons: its weights times the neurons' errors, over the samples of its
       gates. `errors` are two planes of NT_HOST_GATED_PLANE bytes. */
    void (*gated_dots)(const uint8_t *columns, size_t count, const struct nt_host_gates *gates, const uint8_t *errors,
                       int32_t *dots);
    /* For benchmarks: as many byte products as the machine can do, and memory as fast as it can be read. */
    uint64_t (*dot_peak)(uint64_t loops);
    uint32_t (*memory_read)(const uint8_t *data, size_t bytes);
};

extern const struct nt_host_isa nt_host_isa_avx512;
extern const struct nt_host_isa nt_host_isa_avx2;
extern const struct nt_host_isa nt_host_isa_sse2;
extern const struct nt_host_isa nt_host_isa_neon;

/* Kernels number `index` that this machine can run, best first; null past the last. */
const struct nt_host_isa *nt_host_isa_available(unsigned index);

#endif
