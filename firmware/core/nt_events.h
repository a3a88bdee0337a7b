/* Gathers the active inputs of a time step and hands their columns to the kernels; private to the array. */
#ifndef NT_EVENTS_H
#define NT_EVENTS_H

#include "nt_array.h"

struct nt_events {
    struct nt_array *array;
    const uint8_t *weight; /* columns of the block */
    size_t stride;
    size_t words;          /* of the block's columns */
    uint32_t n_inputs;
    uint32_t single;       /* columns gathered with one event */
    uint32_t counted;      /* columns gathered with more than one */
    uint32_t total;        /* events so far */
    int split;
};

void nt_events_begin(struct nt_events *events, struct nt_array *array, const struct nt_layer *layer, uint32_t first,
                     size_t words, int split);

/* Event counts, one byte per input. */
void nt_events_bytes_add(struct nt_events *events, const uint8_t *counts);

/* Spikes, one bit per input; spare bits of the last 32-bit word are 0. */
void nt_events_bits_add(struct nt_events *events, const uint8_t *bits);

/* Records of 3 bytes: u16 input, u8 events. */
void nt_events_records_add(struct nt_events *events, const uint8_t *records, uint32_t count);

/* Adds what is gathered to the sums of the array. */
void nt_events_flush(struct nt_events *events);

#endif
