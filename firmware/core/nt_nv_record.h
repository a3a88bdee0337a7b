/* Records of the non-volatile store: their bits, and what a reading shows of them; docs/spec_nv.md.
 *
 * Private to nt_nv*.c. */
#ifndef NT_NV_RECORD_H
#define NT_NV_RECORD_H

#include <stdint.h>

#include "nt_nv.h"

#define NT_NV_MAGIC UINT32_C(0x31564E4E)
#define NT_NV_UNIT 8u /* everything is a multiple of the largest word */
#define NT_NV_CHUNK_BYTES 64u
#define NT_NV_HEADER_BYTES 72u
#define NT_NV_HEADER_CRC_AT 68u
#define NT_NV_TRAILER_BYTES 8u
#define NT_NV_MARK_BYTES 8u
#define NT_NV_OVERHEAD_BYTES (NT_NV_HEADER_BYTES + NT_NV_TRAILER_BYTES + 2u * NT_NV_MARK_BYTES)
#define NT_NV_SECTION_HEADER_BYTES 8u
#define NT_NV_DIGEST_BYTES 32u
#define NT_NV_UID_BYTES 8u

/* What a reading shows of a record, in the order of writing. */
enum nt_nv_state {
    NT_NV_NONE = 0,  /* no header, or a body that does not match it */
    NT_NV_BODY,      /* header and payload are good */
    NT_NV_COMMITTED, /* and the commit mark */
    NT_NV_SEALED     /* and the seal: nothing of the record was under way when power failed */
};

extern const uint8_t nt_nv_commit_mark[NT_NV_MARK_BYTES];
extern const uint8_t nt_nv_seal_mark[NT_NV_MARK_BYTES];

/* What one pass over an area finds. */
struct nt_nv_log {
    struct nt_nv_record head;   /* the first record, in whatever state */
    struct nt_nv_record last;   /* the newest sealed one */
    struct nt_nv_record doubt;  /* a record behind it whose body is good, but which is not sealed */
    struct nt_nv_record wanted; /* the one with the sequence that was asked for */
};

struct nt_nv_header {
    uint8_t bytes[NT_NV_HEADER_BYTES];
};

static inline uint32_t nt_nv_unit_round(uint32_t length)
{
    return (length + NT_NV_UNIT - 1) / NT_NV_UNIT * NT_NV_UNIT;
}

void nt_nv_bytes_copy(uint8_t *to, const uint8_t *from, uint32_t length);
int nt_nv_bytes_equal(const uint8_t *a, const uint8_t *b, uint32_t length);
uint32_t nt_nv_bytes_crc(const uint8_t *data, uint32_t length);

/* A word that was cut may not even be readable where the memory has ECC: that is one more way of not being valid. */
int nt_nv_bytes_read(const struct nt_hal *hal, uint32_t area, uint32_t offset, uint8_t *data, uint32_t length);

/* Reads the record at `offset` in full; `record->state` tells how much of it is there. */
void nt_nv_record_read(const struct nt_hal *hal, uint32_t area, uint32_t offset, struct nt_nv_record *record,
                       struct nt_nv_header *header);

void nt_nv_log_scan(const struct nt_hal *hal, uint32_t area, uint32_t sequence, struct nt_nv_log *log);

#endif
