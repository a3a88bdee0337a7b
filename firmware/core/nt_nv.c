/* Non-volatile store: which set is in force, and how the next takes its place; docs/spec_nv.md. */
#include "nt_nv.h"

#include "nt_bytes.h"
#include "nt_cold.h"
#include "nt_error.h"
#include "nt_nv_record.h"
#include "nt_nv_writer.h"

#define AREAS 2u

/* Erases the other area and carries the set in force there, as the first record. It is the only thing that makes a tail
 * safe to write on: what a power failure has touched may read as erased. */
static int set_move(struct nt_nv *nv)
{
    const struct nt_nv_record from = nv->current;
    struct nt_nv_record record = from;
    struct nt_nv_record seen;
    struct nt_nv_writer writer;
    struct nt_nv_header header;
    nv->open = 0;
    record.area = from.state == NT_NV_NONE ? 0 : from.area ^ 1u;
    record.offset = 0;
    record.base = from.sequence;
    record.sequence = from.sequence + 2; /* above a doubtful successor of `from` too */
    if (from.state == NT_NV_NONE)
        nt_nv_binding_store(&header, nv);
    else
        nt_nv_record_read(nv->hal, from.area, from.offset, &seen, &header);
    if (from.state != NT_NV_NONE && (seen.state == NT_NV_NONE || seen.sequence != from.sequence))
        return NT_ERROR_NV_DAMAGED;
    if (nv->hal->nv_erase(nv->hal->context, (int)record.area) < 0)
        return NT_ERROR_NV_DEVICE;
    nt_nv_record_begin(&writer, nv->hal, &record, &header);
    nt_nv_record_carry(&writer, &from);
    int result = nt_nv_record_end(&writer, nv, &record, &header);
    nv->open = result >= 0;
    return result;
}

static int set_append(struct nt_nv *nv, const struct nt_nv_section *sections, size_t count, uint32_t payload_bytes)
{
    struct nt_nv_record record = nv->current;
    struct nt_nv_writer writer;
    struct nt_nv_header header;
    record.offset = nv->tail;
    record.sequence++;
    record.base = 0;
    record.generation++;
    record.payload_bytes = payload_bytes;
    nt_nv_binding_store(&header, nv);
    nt_nv_record_begin(&writer, nv->hal, &record, &header);
    nt_nv_sections_write(&writer, sections, count);
    return nt_nv_record_end(&writer, nv, &record, &header);
}

/* ---- deciding ---- */

/* Chooses the set in force. Gives 1 where another reading of the same memory could choose otherwise. */
static int set_choose(struct nt_nv *nv)
{
    struct nt_nv_log logs[AREAS];
    for (uint32_t area = 0; area < AREAS; area++)
        nt_nv_log_scan(nv->hal, area, 0, &logs[area]);
    int second = logs[1].head.state >= NT_NV_COMMITTED &&
                 (logs[0].head.state < NT_NV_COMMITTED || logs[1].head.sequence > logs[0].head.sequence);
    const struct nt_nv_log *log = &logs[second];
    struct nt_nv_log *other = &logs[!second];
    if (log->head.state < NT_NV_COMMITTED)
        return 0;
    if (log->head.state == NT_NV_COMMITTED) {
        /* A move that was cut near its end. What it carried is good for as long as it is still there. */
        nt_nv_log_scan(nv->hal, (uint32_t)!second, log->head.base, other);
        nv->current = other->wanted.state == NT_NV_NONE ? log->head : other->wanted;
        return other->wanted.state != NT_NV_NONE && other->doubt.state != NT_NV_NONE;
    }
    nv->current = log->doubt.state == NT_NV_COMMITTED ? log->doubt : log->last;
    return log->doubt.state != NT_NV_NONE;
}

static int set_resolve(struct nt_nv *nv)
{
    nv->open = 0;
    nv->current = (struct nt_nv_record){.state = NT_NV_NONE};
    if (!set_choose(nv))
        return 0;
    int result = set_move(nv);
    return result < 0 ? result : 1;
}

static int hal_usable(const struct nt_hal *hal)
{
    uint32_t word = hal->nv_word_bytes;
    return hal->nv_read && hal->nv_program && hal->nv_erase && (word == 1 || word == 2 || word == 4 || word == 8) &&
           hal->nv_area_bytes % NT_NV_UNIT == 0 && hal->nv_area_bytes >= 2 * NT_NV_OVERHEAD_BYTES &&
           hal->nv_area_bytes <= INT32_MAX;
}

NT_COLD int nt_nv_mount(struct nt_nv *nv, const struct nt_hal *hal, const uint8_t *digest, const uint8_t uid[8])
{
    if (!nv || !hal || !digest || !uid || !hal_usable(hal))
        return NT_ERROR_ARGUMENT;
    nv->hal = hal;
    nv->digest = digest;
    nt_nv_bytes_copy(nv->uid, uid, NT_NV_UID_BYTES);
    return set_resolve(nv);
}

/* Bytes of the payload, or what is wrong with the sections. */
static int sections_measure(const struct nt_nv_section *sections, size_t count, uint32_t limit)
{
    uint32_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (sections[i].id == 0 || (!sections[i].data && sections[i].length != 0))
            return NT_ERROR_ARGUMENT;
        for (size_t k = 0; k < i; k++)
            if (sections[k].id == sections[i].id)
                return NT_ERROR_ARGUMENT;
        if (sections[i].length > limit ||
            limit - total < NT_NV_SECTION_HEADER_BYTES + nt_nv_unit_round(sections[i].length))
            return NT_ERROR_NV_SPACE;
        total += NT_NV_SECTION_HEADER_BYTES + nt_nv_unit_round(sections[i].length);
    }
    return (int)total;
}

static int set_write(struct nt_nv *nv, const struct nt_nv_section *sections, size_t count, uint32_t payload_bytes)
{
    uint32_t need = payload_bytes + NT_NV_OVERHEAD_BYTES;
    if (!nv->open || need > nv->hal->nv_area_bytes - nv->tail) {
        int result = set_move(nv);
        if (result < 0)
            return result;
    }
    return set_append(nv, sections, count, payload_bytes);
}

NT_COLD int nt_nv_commit(struct nt_nv *nv, const struct nt_nv_section *sections, size_t count)
{
    if (!nv || (!sections && count != 0))
        return NT_ERROR_ARGUMENT;
    /* A full area holds the set that was carried there and at least one more: else a move would be for nothing. */
    uint32_t carried = nv->current.state == NT_NV_NONE ? 0 : nv->current.payload_bytes;
    if (carried > nv->hal->nv_area_bytes - 2 * NT_NV_OVERHEAD_BYTES)
        return NT_ERROR_NV_SPACE;
    int payload_bytes = sections_measure(sections, count, nv->hal->nv_area_bytes - 2 * NT_NV_OVERHEAD_BYTES - carried);
    if (payload_bytes < 0)
        return payload_bytes;
    uint32_t generation = nv->current.generation + 1;
    int result = set_write(nv, sections, count, (uint32_t)payload_bytes);
    if (result >= 0)
        return NT_OK;
    /* Decide now as a reboot would, so that what the caller is told stays true. */
    (void)set_resolve(nv);
    return nv->current.generation == generation ? NT_OK : result;
}

/* ---- loading ---- */

static int binding_check(const struct nt_nv *nv, const struct nt_nv_header *header)
{
    if (!nt_nv_bytes_equal(header->bytes + 32, nv->digest, NT_NV_DIGEST_BYTES))
        return NT_ERROR_NV_IMAGE;
    return nt_nv_bytes_equal(header->bytes + 24, nv->uid, NT_NV_UID_BYTES) ? NT_OK : NT_ERROR_NV_CHIP;
}

static int section_copy(const struct nt_nv *nv, uint32_t offset, uint32_t length, uint8_t *data)
{
    uint8_t unit[NT_NV_UNIT];
    for (uint32_t done = 0; done < length; done += NT_NV_UNIT) {
        uint32_t left = length - done;
        if (!nt_nv_bytes_read(nv->hal, nv->current.area, offset + done, unit, NT_NV_UNIT))
            return NT_ERROR_NV_DAMAGED;
        nt_nv_bytes_copy(data + done, unit, left < NT_NV_UNIT ? left : NT_NV_UNIT);
    }
    return (int)length;
}

static int section_find(const struct nt_nv *nv, uint16_t id, uint32_t *offset, uint32_t *length)
{
    uint8_t head[NT_NV_SECTION_HEADER_BYTES];
    uint32_t at = nv->current.offset + NT_NV_HEADER_BYTES;
    uint32_t end = at + nv->current.payload_bytes;
    while (at < end) {
        if (!nt_nv_bytes_read(nv->hal, nv->current.area, at, head, NT_NV_SECTION_HEADER_BYTES))
            return NT_ERROR_NV_DAMAGED;
        *length = nt_u32_load(head + 4);
        *offset = at + NT_NV_SECTION_HEADER_BYTES;
        if (*length > end - *offset)
            return NT_ERROR_NV_DAMAGED;
        if (nt_u16_load(head) == id)
            return NT_OK;
        at = *offset + nt_nv_unit_round(*length);
    }
    return NT_ERROR_NV_MISSING;
}

NT_COLD int nt_nv_load(const struct nt_nv *nv, uint16_t id, uint8_t *data, size_t capacity)
{
    struct nt_nv_record record;
    struct nt_nv_header header;
    uint32_t offset = 0;
    uint32_t length = 0;
    if (!nv || (!data && capacity != 0))
        return NT_ERROR_ARGUMENT;
    if (nv->current.generation == 0)
        return NT_ERROR_NV_MISSING;
    nt_nv_record_read(nv->hal, nv->current.area, nv->current.offset, &record, &header);
    if (record.state == NT_NV_NONE || record.sequence != nv->current.sequence)
        return NT_ERROR_NV_DAMAGED;
    int result = binding_check(nv, &header);
    if (result >= 0)
        result = section_find(nv, id, &offset, &length);
    if (result < 0)
        return result;
    return length > capacity ? NT_ERROR_SPACE : section_copy(nv, offset, length, data);
}

uint32_t nt_nv_generation(const struct nt_nv *nv)
{
    return nv->current.generation;
}
