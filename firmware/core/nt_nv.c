/* Non-volatile store: append-only logs in two areas; why the order of the writes is as it is: docs/spec_nv.md. */
#include "nt_nv.h"

#include "nt_bytes.h"
#include "nt_cold.h"
#include "nt_crc32c.h"
#include "nt_error.h"

#define MAGIC UINT32_C(0x31564E4E)
#define UNIT 8u /* everything is a multiple of the largest word */
#define CHUNK_BYTES 64u
#define HEADER_BYTES 72u
#define HEADER_CRC_AT 68u
#define TRAILER_BYTES 8u
#define MARK_BYTES 8u
#define OVERHEAD_BYTES (HEADER_BYTES + TRAILER_BYTES + 2u * MARK_BYTES)
#define SECTION_HEADER_BYTES 8u
#define DIGEST_BYTES 32u
#define UID_BYTES 8u
#define AREAS 2u

/* What a reading shows of a record, in the order of writing. */
enum nt_nv_state {
    STATE_NONE = 0,  /* no header, or a body that does not match it */
    STATE_BODY,      /* header and payload are good */
    STATE_COMMITTED, /* and the commit mark */
    STATE_SEALED     /* and the seal: nothing of the record was under way when power failed */
};

static const uint8_t commit_mark[MARK_BYTES] = {0x5A, 0xC3, 0x96, 0xA5, 0x3C, 0x69, 0x0F, 0xF0};
static const uint8_t seal_mark[MARK_BYTES] = {0xA6, 0x35, 0x6A, 0x59, 0xC5, 0x93, 0xE1, 0x1E};

/* What one pass over an area finds. */
struct log_view {
    struct nt_nv_record head;   /* the first record, in whatever state */
    struct nt_nv_record last;   /* the newest sealed one */
    struct nt_nv_record doubt;  /* a record behind it whose body is good, but which is not sealed */
    struct nt_nv_record wanted; /* the one with the sequence that was asked for */
};

struct header {
    uint8_t bytes[HEADER_BYTES];
};

/* Programs a stream of bytes through one chunk. */
struct writer {
    const struct nt_hal *hal;
    uint32_t area;
    uint32_t offset;
    uint32_t payload_crc;
    uint32_t fill;
    int result;
    uint8_t chunk[CHUNK_BYTES];
};

static void bytes_copy(uint8_t *to, const uint8_t *from, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        to[i] = from[i];
}

static int bytes_equal(const uint8_t *a, const uint8_t *b, uint32_t length)
{
    uint32_t different = 0;
    for (uint32_t i = 0; i < length; i++)
        different |= (uint32_t)(a[i] ^ b[i]);
    return different == 0;
}

static uint32_t unit_round(uint32_t length)
{
    return (length + UNIT - 1) / UNIT * UNIT;
}

static uint32_t bytes_crc(const uint8_t *data, uint32_t length)
{
    return nt_crc32c_end(nt_crc32c_extend(NT_CRC32C_START, data, length));
}

/* A word that was cut may not even be readable where the memory has ECC: that is one more way of not being valid. */
static int area_read(const struct nt_hal *hal, uint32_t area, uint32_t offset, uint8_t *data, uint32_t length)
{
    return hal->nv_read(hal->context, (int)area, offset, data, length) >= 0;
}

static int mark_found(const struct nt_hal *hal, uint32_t area, uint32_t offset, const uint8_t *mark)
{
    uint8_t stored[MARK_BYTES];
    return area_read(hal, area, offset, stored, MARK_BYTES) && bytes_equal(stored, mark, MARK_BYTES);
}

static int payload_crc_read(const struct nt_hal *hal, const struct nt_nv_record *record, uint32_t *crc)
{
    uint8_t chunk[CHUNK_BYTES];
    uint32_t running = NT_CRC32C_START;
    for (uint32_t done = 0; done < record->payload_bytes;) {
        uint32_t left = record->payload_bytes - done;
        uint32_t length = left < CHUNK_BYTES ? left : CHUNK_BYTES;
        if (!area_read(hal, record->area, record->offset + HEADER_BYTES + done, chunk, length))
            return 0;
        running = nt_crc32c_extend(running, chunk, length);
        done += length;
    }
    *crc = nt_crc32c_end(running);
    return 1;
}

static int header_read(const struct nt_hal *hal, struct nt_nv_record *record, struct header *header)
{
    const uint8_t *bytes = header->bytes;
    uint32_t room = hal->nv_area_bytes - record->offset;
    if (room < OVERHEAD_BYTES || !area_read(hal, record->area, record->offset, header->bytes, HEADER_BYTES))
        return 0;
    if (nt_u32_load(bytes) != MAGIC || nt_u32_load(bytes + HEADER_CRC_AT) != bytes_crc(bytes, HEADER_CRC_AT))
        return 0;
    record->sequence = nt_u32_load(bytes + 4);
    record->base = nt_u32_load(bytes + 8);
    record->generation = nt_u32_load(bytes + 12);
    record->payload_bytes = nt_u32_load(bytes + 16);
    return record->payload_bytes % UNIT == 0 && record->payload_bytes <= room - OVERHEAD_BYTES;
}

static int body_good(const struct nt_hal *hal, struct nt_nv_record *record, const struct header *header)
{
    uint8_t trailer[TRAILER_BYTES];
    uint32_t at = record->offset + HEADER_BYTES + record->payload_bytes;
    if (!payload_crc_read(hal, record, &record->payload_crc) ||
        !area_read(hal, record->area, at, trailer, TRAILER_BYTES))
        return 0;
    /* The second half ties the payload to this header. */
    return nt_u32_load(trailer) == record->payload_crc &&
           nt_u32_load(trailer + 4) == (record->payload_crc ^ nt_u32_load(header->bytes + HEADER_CRC_AT));
}

/* Reads the record at `offset` in full; `record->state` tells how much of it is there. */
static void record_read(const struct nt_hal *hal, uint32_t area, uint32_t offset, struct nt_nv_record *record,
                        struct header *header)
{
    record->area = area;
    record->offset = offset;
    record->state = STATE_NONE;
    if (!header_read(hal, record, header) || !body_good(hal, record, header))
        return;
    uint32_t marks = offset + HEADER_BYTES + record->payload_bytes + TRAILER_BYTES;
    record->state = STATE_BODY;
    if (!mark_found(hal, area, marks, commit_mark))
        return;
    record->state = mark_found(hal, area, marks + MARK_BYTES, seal_mark) ? STATE_SEALED : STATE_COMMITTED;
}

static void log_scan(const struct nt_hal *hal, uint32_t area, uint32_t sequence, struct log_view *log)
{
    struct nt_nv_record record;
    struct header header;
    uint32_t offset = 0;
    log->head.state = log->last.state = log->doubt.state = log->wanted.state = STATE_NONE;
    do {
        record_read(hal, area, offset, &record, &header);
        if (record.state == STATE_NONE)
            return;
        if (offset == 0)
            log->head = record;
        if (record.sequence == sequence)
            log->wanted = record;
        if (record.state == STATE_SEALED)
            log->last = record;
        else if (offset != 0)
            log->doubt = record;
        offset += record.payload_bytes + OVERHEAD_BYTES;
    } while (record.state == STATE_SEALED);
}

/* ---- writing ---- */

static void chunk_flush(struct writer *writer)
{
    const struct nt_hal *hal = writer->hal;
    if (writer->fill == 0 || writer->result < 0)
        return;
    if (hal->nv_program(hal->context, (int)writer->area, writer->offset, writer->chunk, writer->fill) < 0)
        writer->result = NT_ERROR_NV_DEVICE;
    writer->offset += writer->fill;
    writer->fill = 0;
}

static void bytes_write(struct writer *writer, const uint8_t *data, uint32_t length)
{
    for (uint32_t i = 0; i < length && writer->result >= 0; i++) {
        writer->chunk[writer->fill++] = data[i];
        if (writer->fill == CHUNK_BYTES)
            chunk_flush(writer);
    }
}

static void payload_write(struct writer *writer, const uint8_t *data, uint32_t length)
{
    writer->payload_crc = nt_crc32c_extend(writer->payload_crc, data, length);
    bytes_write(writer, data, length);
}

static void sections_write(struct writer *writer, const struct nt_nv_section *sections, size_t count)
{
    static const uint8_t padding[UNIT];
    for (size_t i = 0; i < count; i++) {
        uint8_t head[SECTION_HEADER_BYTES] = {0};
        nt_u16_store(head, sections[i].id);
        nt_u32_store(head + 4, sections[i].length);
        payload_write(writer, head, sizeof head);
        payload_write(writer, sections[i].data, sections[i].length);
        payload_write(writer, padding, unit_round(sections[i].length) - sections[i].length);
    }
}

static void record_carry(struct writer *writer, const struct nt_nv_record *from)
{
    uint8_t unit[UNIT];
    for (uint32_t done = 0; done < from->payload_bytes && writer->result >= 0; done += UNIT) {
        if (!area_read(writer->hal, from->area, from->offset + HEADER_BYTES + done, unit, UNIT))
            writer->result = NT_ERROR_NV_DAMAGED;
        payload_write(writer, unit, UNIT);
    }
    if (writer->result >= 0 && nt_crc32c_end(writer->payload_crc) != from->payload_crc)
        writer->result = NT_ERROR_NV_DAMAGED;
}

static void header_store(struct header *header, const struct nt_nv_record *record)
{
    uint8_t *bytes = header->bytes;
    nt_u32_store(bytes, MAGIC);
    nt_u32_store(bytes + 4, record->sequence);
    nt_u32_store(bytes + 8, record->base);
    nt_u32_store(bytes + 12, record->generation);
    nt_u32_store(bytes + 16, record->payload_bytes);
    nt_u32_store(bytes + 20, 0);
    nt_u32_store(bytes + 64, 0);
    nt_u32_store(bytes + HEADER_CRC_AT, bytes_crc(bytes, HEADER_CRC_AT));
}

static void binding_store(struct header *header, const struct nt_nv *nv)
{
    bytes_copy(header->bytes + 24, nv->uid, UID_BYTES);
    bytes_copy(header->bytes + 32, nv->digest, DIGEST_BYTES);
}

static void record_begin(struct writer *writer, const struct nt_hal *hal, const struct nt_nv_record *record,
                         struct header *header)
{
    writer->hal = hal;
    writer->area = record->area;
    writer->offset = record->offset;
    writer->payload_crc = NT_CRC32C_START;
    writer->fill = 0;
    writer->result = NT_OK;
    header_store(header, record);
    bytes_write(writer, header->bytes, HEADER_BYTES);
}

static void mark_write(struct writer *writer, const uint8_t *mark)
{
    bytes_write(writer, mark, MARK_BYTES);
    chunk_flush(writer);
}

static void state_check(struct writer *writer, const struct nt_nv_record *record, int state)
{
    struct nt_nv_record stored;
    struct header header;
    if (writer->result < 0)
        return;
    record_read(writer->hal, record->area, record->offset, &stored, &header);
    if (stored.state != state || stored.sequence != record->sequence)
        writer->result = NT_ERROR_NV_DEVICE;
}

/* Trailer, then the commit mark once the body was read back, then the seal: each in a program call of its own. */
static int record_end(struct writer *writer, struct nt_nv *nv, struct nt_nv_record *record,
                      const struct header *header)
{
    uint8_t trailer[TRAILER_BYTES];
    record->payload_crc = nt_crc32c_end(writer->payload_crc);
    nt_u32_store(trailer, record->payload_crc);
    nt_u32_store(trailer + 4, record->payload_crc ^ nt_u32_load(header->bytes + HEADER_CRC_AT));
    bytes_write(writer, trailer, TRAILER_BYTES);
    chunk_flush(writer);
    state_check(writer, record, STATE_BODY);
    mark_write(writer, commit_mark);
    state_check(writer, record, STATE_COMMITTED);
    mark_write(writer, seal_mark);
    state_check(writer, record, STATE_SEALED);
    if (writer->result < 0)
        return writer->result;
    record->state = STATE_SEALED;
    nv->current = *record;
    nv->tail = writer->offset;
    return NT_OK;
}

/* Erases the other area and carries the set in force there, as the first record. It is the only thing that makes a tail
 * safe to write on: what a power failure has touched may read as erased. */
static int set_move(struct nt_nv *nv)
{
    const struct nt_nv_record from = nv->current;
    struct nt_nv_record record = from;
    struct nt_nv_record seen;
    struct writer writer;
    struct header header;
    nv->open = 0;
    record.area = from.state == STATE_NONE ? 0 : from.area ^ 1u;
    record.offset = 0;
    record.base = from.sequence;
    record.sequence = from.sequence + 2; /* above a doubtful successor of `from` too */
    if (from.state == STATE_NONE)
        binding_store(&header, nv);
    else
        record_read(nv->hal, from.area, from.offset, &seen, &header);
    if (from.state != STATE_NONE && (seen.state == STATE_NONE || seen.sequence != from.sequence))
        return NT_ERROR_NV_DAMAGED;
    if (nv->hal->nv_erase(nv->hal->context, (int)record.area) < 0)
        return NT_ERROR_NV_DEVICE;
    record_begin(&writer, nv->hal, &record, &header);
    record_carry(&writer, &from);
    int result = record_end(&writer, nv, &record, &header);
    nv->open = result >= 0;
    return result;
}

static int set_append(struct nt_nv *nv, const struct nt_nv_section *sections, size_t count, uint32_t payload_bytes)
{
    struct nt_nv_record record = nv->current;
    struct writer writer;
    struct header header;
    record.offset = nv->tail;
    record.sequence++;
    record.base = 0;
    record.generation++;
    record.payload_bytes = payload_bytes;
    binding_store(&header, nv);
    record_begin(&writer, nv->hal, &record, &header);
    sections_write(&writer, sections, count);
    return record_end(&writer, nv, &record, &header);
}

/* ---- deciding ---- */

/* Chooses the set in force. Gives 1 where another reading of the same memory could choose otherwise. */
static int set_choose(struct nt_nv *nv)
{
    struct log_view logs[AREAS];
    for (uint32_t area = 0; area < AREAS; area++)
        log_scan(nv->hal, area, 0, &logs[area]);
    int second = logs[1].head.state >= STATE_COMMITTED &&
                 (logs[0].head.state < STATE_COMMITTED || logs[1].head.sequence > logs[0].head.sequence);
    const struct log_view *log = &logs[second];
    struct log_view *other = &logs[!second];
    if (log->head.state < STATE_COMMITTED)
        return 0;
    if (log->head.state == STATE_COMMITTED) {
        /* A move that was cut near its end. What it carried is good for as long as it is still there. */
        log_scan(nv->hal, (uint32_t)!second, log->head.base, other);
        nv->current = other->wanted.state == STATE_NONE ? log->head : other->wanted;
        return other->wanted.state != STATE_NONE && other->doubt.state != STATE_NONE;
    }
    nv->current = log->doubt.state == STATE_COMMITTED ? log->doubt : log->last;
    return log->doubt.state != STATE_NONE;
}

static int set_resolve(struct nt_nv *nv)
{
    nv->open = 0;
    nv->current = (struct nt_nv_record){.state = STATE_NONE};
    if (!set_choose(nv))
        return 0;
    int result = set_move(nv);
    return result < 0 ? result : 1;
}

static int hal_usable(const struct nt_hal *hal)
{
    uint32_t word = hal->nv_word_bytes;
    return hal->nv_read && hal->nv_program && hal->nv_erase && (word == 1 || word == 2 || word == 4 || word == 8) &&
           hal->nv_area_bytes % UNIT == 0 && hal->nv_area_bytes >= 2 * OVERHEAD_BYTES &&
           hal->nv_area_bytes <= INT32_MAX;
}

NT_COLD int nt_nv_mount(struct nt_nv *nv, const struct nt_hal *hal, const uint8_t *digest, const uint8_t uid[8])
{
    if (!nv || !hal || !digest || !uid || !hal_usable(hal))
        return NT_ERROR_ARGUMENT;
    nv->hal = hal;
    nv->digest = digest;
    bytes_copy(nv->uid, uid, UID_BYTES);
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
        if (sections[i].length > limit || limit - total < SECTION_HEADER_BYTES + unit_round(sections[i].length))
            return NT_ERROR_NV_SPACE;
        total += SECTION_HEADER_BYTES + unit_round(sections[i].length);
    }
    return (int)total;
}

static int set_write(struct nt_nv *nv, const struct nt_nv_section *sections, size_t count, uint32_t payload_bytes)
{
    uint32_t need = payload_bytes + OVERHEAD_BYTES;
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
    uint32_t carried = nv->current.state == STATE_NONE ? 0 : nv->current.payload_bytes;
    if (carried > nv->hal->nv_area_bytes - 2 * OVERHEAD_BYTES)
        return NT_ERROR_NV_SPACE;
    int payload_bytes = sections_measure(sections, count, nv->hal->nv_area_bytes - 2 * OVERHEAD_BYTES - carried);
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

static int binding_check(const struct nt_nv *nv, const struct header *header)
{
    if (!bytes_equal(header->bytes + 32, nv->digest, DIGEST_BYTES))
        return NT_ERROR_NV_IMAGE;
    return bytes_equal(header->bytes + 24, nv->uid, UID_BYTES) ? NT_OK : NT_ERROR_NV_CHIP;
}

static int section_copy(const struct nt_nv *nv, uint32_t offset, uint32_t length, uint8_t *data)
{
    uint8_t unit[UNIT];
    for (uint32_t done = 0; done < length; done += UNIT) {
        uint32_t left = length - done;
        if (!area_read(nv->hal, nv->current.area, offset + done, unit, UNIT))
            return NT_ERROR_NV_DAMAGED;
        bytes_copy(data + done, unit, left < UNIT ? left : UNIT);
    }
    return (int)length;
}

static int section_find(const struct nt_nv *nv, uint16_t id, uint32_t *offset, uint32_t *length)
{
    uint8_t head[SECTION_HEADER_BYTES];
    uint32_t at = nv->current.offset + HEADER_BYTES;
    uint32_t end = at + nv->current.payload_bytes;
    while (at < end) {
        if (!area_read(nv->hal, nv->current.area, at, head, SECTION_HEADER_BYTES))
            return NT_ERROR_NV_DAMAGED;
        *length = nt_u32_load(head + 4);
        *offset = at + SECTION_HEADER_BYTES;
        if (*length > end - *offset)
            return NT_ERROR_NV_DAMAGED;
        if (nt_u16_load(head) == id)
            return NT_OK;
        at = *offset + unit_round(*length);
    }
    return NT_ERROR_NV_MISSING;
}

NT_COLD int nt_nv_load(const struct nt_nv *nv, uint16_t id, uint8_t *data, size_t capacity)
{
    struct nt_nv_record record;
    struct header header;
    uint32_t offset = 0;
    uint32_t length = 0;
    if (!nv || (!data && capacity != 0))
        return NT_ERROR_ARGUMENT;
    if (nv->current.generation == 0)
        return NT_ERROR_NV_MISSING;
    record_read(nv->hal, nv->current.area, nv->current.offset, &record, &header);
    if (record.state == STATE_NONE || record.sequence != nv->current.sequence)
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
