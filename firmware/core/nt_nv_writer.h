/* Writing records of the non-volatile store. Private to nt_nv*.c; why the order is as it is: docs/spec_nv.md. */
#ifndef NT_NV_WRITER_H
#define NT_NV_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "nt_nv_record.h"

/* Programs a stream of bytes through one chunk; after an error `result` keeps it and nothing more is programmed. */
struct nt_nv_writer {
    const struct nt_hal *hal;
    uint32_t area;
    uint32_t offset;
    uint32_t payload_crc;
    uint32_t fill;
    int result;
    uint8_t chunk[NT_NV_CHUNK_BYTES];
};

/* Chip and image that the set belongs to; the other fields of the header are those of the record. */
void nt_nv_binding_store(struct nt_nv_header *header, const struct nt_nv *nv);

/* A record is begun, given its payload in one of two ways, and ended. */
void nt_nv_record_begin(struct nt_nv_writer *writer, const struct nt_hal *hal, const struct nt_nv_record *record,
                        struct nt_nv_header *header);
void nt_nv_sections_write(struct nt_nv_writer *writer, const struct nt_nv_section *sections, size_t count);
void nt_nv_record_carry(struct nt_nv_writer *writer, const struct nt_nv_record *from);

/* Trailer, then the commit mark once the body was read back, then the seal: each in a program call of its own. */
int nt_nv_record_end(struct nt_nv_writer *writer, struct nt_nv *nv, struct nt_nv_record *record,
                     const struct nt_nv_header *header);

#endif
