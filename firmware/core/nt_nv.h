/* Non-volatile store: sets of sections in two alternating logs, old or new after a power failure, never a mix.
 *
 * The caller owns `struct nt_nv`; its members are the store's own. Bits and proof: docs/spec_nv.md. */
#ifndef NT_NV_H
#define NT_NV_H

#include <stddef.h>
#include <stdint.h>

#include "nt_hal.h"

/* Results of this part, within the closed list of nt_error.h. */
enum nt_nv_error {
    NT_ERROR_NV_SPACE = -48,   /* the set in force and the new one do not fit one area together */
    NT_ERROR_NV_MISSING = -49, /* nothing committed yet, or no such section */
    NT_ERROR_NV_IMAGE = -50,   /* the set was committed under another image */
    NT_ERROR_NV_CHIP = -51,    /* the set was committed by another chip */
    NT_ERROR_NV_DAMAGED = -52, /* the set in force does not read back */
    NT_ERROR_NV_DEVICE = -53   /* the memory refused an erase or a program, or did not keep what it was given */
};

enum nt_nv_section_id {
    NT_NV_SECTION_CODES = 1,
    NT_NV_SECTION_CALIBRATION = 2,
    NT_NV_SECTION_LEARNING = 3
};

struct nt_nv_section {
    const uint8_t *data;
    uint32_t length;
    uint16_t id;
};

/* One record in the memory, as the last reading found it. */
struct nt_nv_record {
    uint32_t area;
    uint32_t offset;
    uint32_t sequence;
    uint32_t base;
    uint32_t generation;
    uint32_t payload_bytes;
    uint32_t payload_crc;
    int state; /* enum nt_nv_state of nt_nv_record.h; 0 where there is none */
};

struct nt_nv {
    const struct nt_hal *hal;
    const uint8_t *digest;
    uint8_t uid[8];
    struct nt_nv_record current;
    uint32_t tail; /* where the next record goes */
    int open;      /* everything from `tail` on is known to be untouched since its erase */
};

/* Finds the set in force; where a power failure left that open it decides and writes the decision down, which can take
 * one erase. `digest` (32 bytes) stays with the caller. Gives 1 if a decision had to be written, else 0. On a negative
 * result after a good argument check the set can be loaded, but the next boot may decide otherwise. */
int nt_nv_mount(struct nt_nv *nv, const struct nt_hal *hal, const uint8_t *digest, const uint8_t uid[8]);

/* Replaces the whole set. Ids are non-zero and differ. The first commit after a mount takes one erase, others none till
 * the area is full. On a negative result nt_nv_generation tells which set is in force. */
int nt_nv_commit(struct nt_nv *nv, const struct nt_nv_section *sections, size_t count);

/* Copies one section; gives its length. Refused where the set belongs to another image or chip. */
int nt_nv_load(const struct nt_nv *nv, uint16_t id, uint8_t *data, size_t capacity);

/* Number of the set in force: 0 before the first commit, then one more with each. */
uint32_t nt_nv_generation(const struct nt_nv *nv);

#endif
