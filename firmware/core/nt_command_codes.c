/* CODES_WRITE: chunks are staged, and the last one applies all of them or none. */
#include "nt_bytes.h"
#include "nt_command_run.h"
#include "nt_messages.h"

#define SPARSE_BYTES 3u
#define SPAN_BYTES 2u

/* The data of a write, being walked code by code. */
struct walk {
    const uint8_t *data;
    const uint8_t *values; /* of the masked form */
    uint64_t start;
    uint32_t length;
    uint32_t span;
    uint32_t at;
};

static uint32_t bit_at(const uint8_t *mask, uint32_t i)
{
    return (uint32_t)mask[i / 8] >> i % 8 & 1u;
}

static uint32_t bits_count(const uint8_t *mask, uint32_t span)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < span; i++)
        count += bit_at(mask, i);
    return count;
}

static int masked_begin(struct walk *walk)
{
    if (walk->length < SPAN_BYTES)
        return 0;
    walk->span = nt_u16_load(walk->data);
    uint32_t mask_end = SPAN_BYTES + (walk->span + 7) / 8;
    if (walk->length < mask_end)
        return 0;
    walk->values = walk->data + mask_end;
    return bits_count(walk->data + SPAN_BYTES, walk->span) == walk->length - mask_end;
}

/* 0 where the data does not fit its form. */
static int form_begin(struct walk *walk, uint8_t form)
{
    if (form == NT_CODE_FORM_DENSE)
        return 1;
    if (form == NT_CODE_FORM_SPARSE)
        return walk->length % SPARSE_BYTES == 0;
    return form == NT_CODE_FORM_MASKED && masked_begin(walk);
}

/* The next code and where it goes; 0 at the end. */
static int form_next(struct walk *walk, uint8_t form, uint64_t *index, uint8_t *code)
{
    if (form == NT_CODE_FORM_MASKED) {
        while (walk->at < walk->span && bit_at(walk->data + SPAN_BYTES, walk->at) == 0)
            walk->at++;
        if (walk->at >= walk->span)
            return 0;
        *index = walk->start + walk->at++;
        *code = *walk->values++;
        return 1;
    }
    if (walk->at >= walk->length)
        return 0;
    const uint8_t *record = walk->data + walk->at;
    *index = walk->start + (form == NT_CODE_FORM_SPARSE ? nt_u16_load(record) : walk->at);
    *code = form == NT_CODE_FORM_SPARSE ? record[2] : record[0];
    walk->at += form == NT_CODE_FORM_SPARSE ? SPARSE_BYTES : 1;
    return 1;
}

static enum nt_command_result chunk_stage(struct nt_chip *chip, const struct nt_request *request,
                                          struct nt_reply *reply)
{
    uint8_t form = request->payload[NT_CODES_WRITE_REQ_FORM_AT];
    struct walk walk = {.data = request->payload + NT_CODES_WRITE_REQ_DATA_AT};
    uint64_t index;
    uint8_t code;
    walk.start = nt_u32_load(request->payload + NT_CODES_WRITE_REQ_START_AT);
    walk.length = request->length - NT_CODES_WRITE_REQ_SIZE;
    if (!form_begin(&walk, form))
        return nt_command_payload_refuse(reply, walk.length);
    while (form_next(&walk, form, &index, &code)) {
        if (index >= chip->image.n_codes)
            return nt_command_refuse(reply, NT_ERR_INDEX_RANGE, (uint32_t)index, 0, chip->image.n_codes);
        chip->codes.staged[index] = code;
    }
    return NT_COMMAND_DONE;
}

enum nt_command_result nt_command_slew_check(const struct nt_codes *codes, uint32_t i, int move,
                                             struct nt_reply *reply)
{
    if ((move < 0 ? -move : move) <= codes->max_move_code)
        return NT_COMMAND_DONE;
    return nt_command_refuse(reply, NT_ERR_SLEW_LIMIT, i, (uint32_t)move, codes->max_move_code);
}

/* A bound of a staged code; a code that does not move breaks none. */
enum bound { BOUND_LOW, BOUND_HIGH, BOUND_SLEW, BOUNDS };

static enum nt_command_result bound_check(const struct nt_codes *codes, uint32_t i, enum bound bound,
                                          struct nt_reply *reply)
{
    uint8_t code = codes->staged[i];
    int move = code - codes->codes[i];
    if (move == 0)
        return NT_COMMAND_DONE;
    if (bound == BOUND_SLEW)
        return nt_command_slew_check(codes, i, move, reply);
    if (bound == BOUND_LOW ? code >= codes->code_min : code <= codes->code_max)
        return NT_COMMAND_DONE;
    return nt_command_refuse(reply, NT_ERR_CODE_RANGE, i, code,
                             bound == BOUND_LOW ? codes->code_min : codes->code_max);
}

static enum nt_command_result staged_check(const struct nt_chip *chip, struct nt_reply *reply)
{
    for (unsigned bound = 0; bound < BOUNDS; bound++)
        for (uint32_t i = 0; i < chip->image.n_codes; i++)
            if (bound_check(&chip->codes, i, (enum bound)bound, reply) == NT_COMMAND_REFUSED)
                return NT_COMMAND_REFUSED;
    return NT_COMMAND_DONE;
}

static void codes_copy(uint8_t *to, const uint8_t *from, const struct nt_chip *chip)
{
    for (uint32_t i = 0; i < chip->image.n_codes; i++)
        to[i] = from[i];
}

/* Whatever is refused leaves the staging area closed, which is set before anything else. */
static enum nt_command_result chunk_write(struct nt_chip *chip, const struct nt_request *request,
                                          struct nt_reply *reply)
{
    uint8_t chunk = request->payload[NT_CODES_WRITE_REQ_CHUNK_AT];
    int was_staging = chip->codes.is_staging;
    chip->codes.is_staging = 0;
    if (nt_command_revision_check(chip, request, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    if (chunk & NT_CHUNK_FIRST)
        codes_copy(chip->codes.staged, chip->codes.codes, chip);
    else if (!was_staging)
        return nt_command_refuse(reply, NT_ERR_NOT_STAGED, 0, 0, 0);
    enum nt_command_result result = chunk_stage(chip, request, reply);
    if (result == NT_COMMAND_REFUSED)
        return result;
    if ((chunk & NT_CHUNK_LAST) == 0) {
        chip->codes.is_staging = 1;
        return NT_COMMAND_DONE;
    }
    result = staged_check(chip, reply);
    if (result == NT_COMMAND_REFUSED)
        return result;
    codes_copy(chip->codes.codes, chip->codes.staged, chip);
    nt_chip_codes_changed(chip);
    return result;
}

enum nt_command_result nt_command_codes_write(struct nt_chip *chip, const struct nt_request *request,
                                              struct nt_reply *reply)
{
    enum nt_command_result result = chunk_write(chip, request, reply);
    if (result == NT_COMMAND_DONE) {
        nt_u32_store(reply->payload + NT_CODES_WRITE_RSP_REVISION_AT, chip->codes.revision);
        reply->length = NT_CODES_WRITE_RSP_SIZE;
    }
    return result;
}
