/* Reading records of the non-volatile store, whole or cut short by a power failure; bits in docs/spec_nv.md. */
#include "nt_nv_record.h"

#include "nt_bytes.h"
#include "nt_cold.h"
#include "nt_crc32c.h"

const uint8_t nt_nv_commit_mark[NT_NV_MARK_BYTES] = {0x5A, 0xC3, 0x96, 0xA5, 0x3C, 0x69, 0x0F, 0xF0};
const uint8_t nt_nv_seal_mark[NT_NV_MARK_BYTES] = {0xA6, 0x35, 0x6A, 0x59, 0xC5, 0x93, 0xE1, 0x1E};

NT_COLD void nt_nv_bytes_copy(uint8_t *to, const uint8_t *from, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        to[i] = from[i];
}

NT_COLD int nt_nv_bytes_equal(const uint8_t *a, const uint8_t *b, uint32_t length)
{
    uint32_t different = 0;
    for (uint32_t i = 0; i < length; i++)
        different |= (uint32_t)(a[i] ^ b[i]);
    return different == 0;
}

NT_COLD uint32_t nt_nv_bytes_crc(const uint8_t *data, uint32_t length)
{
    return nt_crc32c_end(nt_crc32c_extend(NT_CRC32C_START, data, length));
}

NT_COLD int nt_nv_bytes_read(const struct nt_hal *hal, uint32_t area, uint32_t offset, uint8_t *data, uint32_t length)
{
    return hal->nv_read(hal->context, (int)area, offset, data, length) >= 0;
}

static int mark_found(const struct nt_hal *hal, uint32_t area, uint32_t offset, const uint8_t *mark)
{
    uint8_t stored[NT_NV_MARK_BYTES];
    return nt_nv_bytes_read(hal, area, offset, stored, NT_NV_MARK_BYTES) &&
           nt_nv_bytes_equal(stored, mark, NT_NV_MARK_BYTES);
}

static int payload_crc_read(const struct nt_hal *hal, const struct nt_nv_record *record, uint32_t *crc)
{
    uint8_t chunk[NT_NV_CHUNK_BYTES];
    uint32_t running = NT_CRC32C_START;
    for (uint32_t done = 0; done < record->payload_bytes;) {
        uint32_t left = record->payload_bytes - done;
        uint32_t length = left < NT_NV_CHUNK_BYTES ? left : NT_NV_CHUNK_BYTES;
        if (!nt_nv_bytes_read(hal, record->area, record->offset + NT_NV_HEADER_BYTES + done, chunk, length))
            return 0;
        running = nt_crc32c_extend(running, chunk, length);
        done += length;
    }
    *crc = nt_crc32c_end(running);
    return 1;
}

static int header_read(const struct nt_hal *hal, struct nt_nv_record *record, struct nt_nv_header *header)
{
    const uint8_t *bytes = header->bytes;
    uint32_t room = hal->nv_area_bytes - record->offset;
    if (room < NT_NV_OVERHEAD_BYTES ||
        !nt_nv_bytes_read(hal, record->area, record->offset, header->bytes, NT_NV_HEADER_BYTES))
        return 0;
    if (nt_u32_load(bytes) != NT_NV_MAGIC ||
        nt_u32_load(bytes + NT_NV_HEADER_CRC_AT) != nt_nv_bytes_crc(bytes, NT_NV_HEADER_CRC_AT))
        return 0;
    record->sequence = nt_u32_load(bytes + 4);
    record->base = nt_u32_load(bytes + 8);
    record->generation = nt_u32_load(bytes + 12);
    record->payload_bytes = nt_u32_load(bytes + 16);
    return record->payload_bytes % NT_NV_UNIT == 0 && record->payload_bytes <= room - NT_NV_OVERHEAD_BYTES;
}

static int body_good(const struct nt_hal *hal, struct nt_nv_record *record, const struct nt_nv_header *header)
{
    uint8_t trailer[NT_NV_TRAILER_BYTES];
    uint32_t at = record->offset + NT_NV_HEADER_BYTES + record->payload_bytes;
    if (!payload_crc_read(hal, record, &record->payload_crc) ||
        !nt_nv_bytes_read(hal, record->area, at, trailer, NT_NV_TRAILER_BYTES))
        return 0;
    /* The second half ties the payload to this header. */
    return nt_u32_load(trailer) == record->payload_crc &&
           nt_u32_load(trailer + 4) == (record->payload_crc ^ nt_u32_load(header->bytes + NT_NV_HEADER_CRC_AT));
}

NT_COLD void nt_nv_record_read(const struct nt_hal *hal, uint32_t area, uint32_t offset, struct nt_nv_record *record,
                               struct nt_nv_header *header)
{
    record->area = area;
    record->offset = offset;
    record->state = NT_NV_NONE;
    if (!header_read(hal, record, header) || !body_good(hal, record, header))
        return;
    uint32_t marks = offset + NT_NV_HEADER_BYTES + record->payload_bytes + NT_NV_TRAILER_BYTES;
    record->state = NT_NV_BODY;
    if (!mark_found(hal, area, marks, nt_nv_commit_mark))
        return;
    record->state = mark_found(hal, area, marks + NT_NV_MARK_BYTES, nt_nv_seal_mark) ? NT_NV_SEALED : NT_NV_COMMITTED;
}

NT_COLD void nt_nv_log_scan(const struct nt_hal *hal, uint32_t area, uint32_t sequence, struct nt_nv_log *log)
{
    struct nt_nv_record record;
    struct nt_nv_header header;
    uint32_t offset = 0;
    log->head.state = log->last.state = log->doubt.state = log->wanted.state = NT_NV_NONE;
    do {
        nt_nv_record_read(hal, area, offset, &record, &header);
        if (record.state == NT_NV_NONE)
            return;
        if (offset == 0)
            log->head = record;
        if (record.sequence == sequence)
            log->wanted = record;
        if (record.state == NT_NV_SEALED)
            log->last = record;
        else if (offset != 0)
            log->doubt = record;
        offset += record.payload_bytes + NT_NV_OVERHEAD_BYTES;
    } while (record.state == NT_NV_SEALED);
}
