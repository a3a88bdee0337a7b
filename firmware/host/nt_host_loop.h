/* The frames of a learning loop, from bytes to bytes: what a simulated chip does for CODES_WRITE, PRESENT, plain or with
   GATES, and LEARN when nothing is out of the ordinary. Whatever else comes is left to the caller. */
#ifndef NT_HOST_LOOP_H
#define NT_HOST_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "nt_host.h"
#include "nt_learn.h"

#define NT_HOST_LOOP_ANSWERS 256

/* A chip without limits or corrections of its codes, which can do all that these frames ask for, and its session. */
struct nt_host_loop {
    struct nt_host *host;
    const struct nt_host_options *options;
    struct nt_host_point *const *points; /* three of the die, see nt_host_points_table_set */
    const uint16_t *const *tables;       /* null where none are at hand: then only plain read-outs are served, at `plain` */
    const struct nt_host_point *plain;   /* the die at its codes, where there are no tables */
    const uint8_t *events; /* of the slots: `held` time steps of n_inputs each */
    const uint8_t *ready;  /* of each slot, `held` where it holds a whole sample */
    uint32_t n_slots;
    uint32_t held; /* 1, and events are the same in all time steps, or `steps` */
    uint32_t steps;
    uint32_t n_classes;

    uint32_t max_payload; /* of a request, and of an answer */
    uint32_t room;
    uint16_t expected;
    uint8_t session;

    uint8_t is_learning;
    struct nt_learn_settings settings; /* but for the rate, which comes with each step */
    struct nt_learn_state state;       /* accumulator and mean are there where it learns */
    uint32_t learning_step;
    uint32_t revision;
    uint32_t fresh;      /* samples until the conditions of the die may change */
    uint64_t first_step; /* time steps so far */

    /* What came of it: where each answer ends, and the records of the last PRESENT, until the next call for `host`. */
    uint32_t answers;
    uint32_t ends[NT_HOST_LOOP_ANSWERS];
    const uint8_t *records;
    uint32_t record_bytes;
};

/* Takes frames off `data` and writes their answers to `out`, up to the first byte that belongs to anything else; the number
   of bytes taken. What was not taken has changed nothing. */
size_t nt_host_loop_serve(struct nt_host_loop *loop, const uint8_t *data, size_t length, uint8_t *out, size_t capacity);

/* Sets what changes from call to call. */
void nt_host_loop_place(struct nt_host_loop *loop, uint8_t session, uint16_t expected, uint32_t room, uint32_t revision,
                        uint32_t learning_step, uint32_t fresh, uint64_t first_step);

#endif
