/* Writing records of the non-volatile store; why the order of the writes is as it is: docs/spec_nv.md. */
#include "nt_nv_writer.h"

#include "nt_bytes.h"
#include "nt_cold.h"
#include "nt_crc32c.h"
#include "nt_error.h"

static void chunk_flush(struct nt_nv_writer *writer)
{
    const struct nt_hal *hal = writer->hal;
    if (writer->fill == 0 || writer->result < 0)
        return;
    if (hal->nv_program(hal->context, (int)writer->area, writer->offset, writer->chunk, writer->fill) < 0)
        writer->result = NT_ERROR_NV_DEVICE;
    writer->offset += writer->fill;
    writer->fill = 0;
}

static void bytes_write(struct nt_nv_writer *writer, const uint8_t *data, uint32_t length)
{
    for (uint32_t i = 0; i < length && writer->result >= 0; i++) {
        writer->chunk[writer->fill++] = data[i];
        if (writer->fill == NT_NV_CHUNK_BYTES)
            chunk_flush(writer);
    }
}

static void payload_write(struct nt_nv_writer *writer, const uint8_t *data, uint32_t length)
{
    writer->payload_crc = nt_crc32c_extend(writer->payload_crc, data, length);
    bytes_write(writer, data, length);
}

NT_COLD void nt_nv_sections_write(struct nt_nv_writer *writer, const struct nt_nv_section *sections, size_t count)
{
    static const uint8_t padding[NT_NV_UNIT];
    for (size_t i = 0; i < count; i++) {
        uint8_t head[NT_NV_SECTION_HEADER_BYTES] = {0};
        nt_u16_store(head, sections[i].id);
        nt_u32_store(head + 4, sections[i].length);
        payload_write(writer, head, sizeof head);
        payload_write(writer, sections[i].data, sections[i].length);
        payload_write(writer, padding, nt_nv_unit_round(sections[i].length) - sections[i].length);
    }
}

NT_COLD void nt_nv_record_carry(struct nt_nv_writer *writer, const struct nt_nv_record *from)
{
    uint8_t unit[NT_NV_UNIT];
    for (uint32_t done = 0; done < from->payload_bytes && writer->result >= 0; done += NT_NV_UNIT) {
        if (!nt_nv_bytes_read(writer->hal, from->area, from->offset + NT_NV_HEADER_BYTES + done, unit, NT_NV_UNIT))
            writer->result = NT_ERROR_NV_DAMAGED;
        payload_write(writer, unit, NT_NV_UNIT);
    }
    if (writer->result >= 0 && nt_crc32c_end(writer->payload_crc) != from->payload_crc)
        writer->result = NT_ERROR_NV_DAMAGED;
}

static void header_store(struct nt_nv_header *header, const struct nt_nv_record *record)
{
    uint8_t *bytes = header->bytes;
    nt_u32_store(bytes, NT_NV_MAGIC);
    nt_u32_store(bytes + 4, record->sequence);
    nt_u32_store(bytes + 8, record->base);
    nt_u32_store(bytes + 12, record->generation);
    nt_u32_store(bytes + 16, record->payload_bytes);
    nt_u32_store(bytes + 20, 0);
    nt_u32_store(bytes + 64, 0);
    nt_u32_store(bytes + NT_NV_HEADER_CRC_AT, nt_nv_bytes_crc(bytes, NT_NV_HEADER_CRC_AT));
}

NT_COLD void nt_nv_binding_store(struct nt_nv_header *header, const struct nt_nv *nv)
{
    nt_nv_bytes_copy(header->bytes + 24, nv->uid, NT_NV_UID_BYTES);
    nt_nv_bytes_copy(header->bytes + 32, nv->digest, NT_NV_DIGEST_BYTES);
}

NT_COLD void nt_nv_record_begin(struct nt_nv_writer *writer, const struct nt_hal *hal, const struct nt_nv_record *record,
                                struct nt_nv_header *header)
{
    writer->hal = hal;
    writer->area = record->area;
    writer->offset = record->offset;
    writer->payload_crc = NT_CRC32C_START;
    writer->fill = 0;
    writer->result = NT_OK;
    header_store(header, record);
    bytes_write(writer, header->bytes, NT_NV_HEADER_BYTES);
}

static void mark_write(struct nt_nv_writer *writer, const uint8_t *mark)
{
    bytes_write(writer, mark, NT_NV_MARK_BYTES);
    chunk_flush(writer);
}

static void state_check(struct nt_nv_writer *writer, const struct nt_nv_record *record, int state)
{
    struct nt_nv_record stored;
    struct nt_nv_header header;
    if (writer->result < 0)
        return;
    nt_nv_record_read(writer->hal, record->area, record->offset, &stored, &header);
    if (stored.state != state || stored.sequence != record->sequence)
        writer->result = NT_ERROR_NV_DEVICE;
}

NT_COLD int nt_nv_record_end(struct nt_nv_writer *writer, struct nt_nv *nv, struct nt_nv_record *record,
                             const struct nt_nv_header *header)
{
    uint8_t trailer[NT_NV_TRAILER_BYTES];
    record->payload_crc = nt_crc32c_end(writer->payload_crc);
    nt_u32_store(trailer, record->payload_crc);
    nt_u32_store(trailer + 4, record->payload_crc ^ nt_u32_load(header->bytes + NT_NV_HEADER_CRC_AT));
    bytes_write(writer, trailer, NT_NV_TRAILER_BYTES);
    chunk_flush(writer);
    state_check(writer, record, NT_NV_BODY);
    mark_write(writer, nt_nv_commit_mark);
    state_check(writer, record, NT_NV_COMMITTED);
    mark_write(writer, nt_nv_seal_mark);
    state_check(writer, record, NT_NV_SEALED);
    if (writer->result < 0)
        return writer->result;
    record->state = NT_NV_SEALED;
    nv->current = *record;
    nv->tail = writer->offset;
    return NT_OK;
}
