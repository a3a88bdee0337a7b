/* The table of commands. There is none that writes a weight. */
#include "nt_command_run.h"

#include "nt_bytes.h"
#include "nt_messages.h"

struct command {
    uint8_t type;
    uint8_t fixed;   /* bytes of the fixed part */
    uint8_t element; /* bytes of an element of the rest; 0 for no rest */
    nt_command_handler *run;
};

static const struct command commands[] = {
    {NT_TYPE_CODES_READ_REQ, NT_CODES_READ_REQ_SIZE, 0, nt_command_codes_read},
    {NT_TYPE_CODES_WRITE_REQ, NT_CODES_WRITE_REQ_SIZE, 1, nt_command_codes_write},
    {NT_TYPE_CORRECTION_READ_REQ, NT_CORRECTION_READ_REQ_SIZE, 0, nt_command_correction_read},
    {NT_TYPE_CORRECTION_WRITE_REQ, NT_CORRECTION_WRITE_REQ_SIZE, 4, nt_command_correction_write},
    {NT_TYPE_STIMULATE_REQ, NT_STIMULATE_REQ_SIZE, 3, nt_command_stimulate},
    {NT_TYPE_INPUT_LOAD_REQ, NT_INPUT_LOAD_REQ_SIZE, 1, nt_command_input_load},
    {NT_TYPE_PRESENT_REQ, NT_PRESENT_REQ_SIZE, 2, nt_command_present},
    {NT_TYPE_RESULT_REQ, NT_RESULT_REQ_SIZE, 0, nt_command_result_read},
    {NT_TYPE_LEARN_START_REQ, NT_LEARN_START_REQ_SIZE, 0, nt_command_learn_start},
    {NT_TYPE_LEARN_REQ, NT_LEARN_REQ_SIZE, 2, nt_command_learn},
    {NT_TYPE_LEARN_STATE_REQ, NT_LEARN_STATE_REQ_SIZE, 0, nt_command_learn_state},
    {NT_TYPE_COMMIT_REQ, NT_COMMIT_REQ_SIZE, 0, nt_command_commit},
};

enum nt_command_result nt_command_refuse(struct nt_reply *reply, uint8_t error, uint32_t index, uint32_t seen,
                                         uint32_t limit)
{
    reply->error = error;
    reply->index = index;
    reply->seen = seen;
    reply->limit = limit;
    return NT_COMMAND_REFUSED;
}

enum nt_command_result nt_command_payload_refuse(struct nt_reply *reply, uint32_t seen)
{
    return nt_command_refuse(reply, NT_ERR_BAD_PAYLOAD, 0, seen, 0);
}

/* COMMIT and the writes begin with it. */
enum nt_command_result nt_command_revision_check(const struct nt_chip *chip, const struct nt_request *request,
                                                 struct nt_reply *reply)
{
    if (nt_u32_load(request->payload) == chip->codes.revision)
        return NT_COMMAND_DONE;
    return nt_command_refuse(reply, NT_ERR_STALE_REVISION, 0, chip->codes.revision, 0);
}

enum nt_command_result nt_command_range_check(uint32_t start, uint32_t count, uint32_t limit, struct nt_reply *reply)
{
    if (start <= limit && count <= limit - start)
        return NT_COMMAND_DONE;
    return nt_command_refuse(reply, NT_ERR_INDEX_RANGE, start + count - 1, 0, limit);
}

enum nt_command_result nt_command_room_check(uint32_t bytes, uint32_t room, struct nt_reply *reply)
{
    if (bytes <= room)
        return NT_COMMAND_DONE;
    return nt_command_refuse(reply, NT_ERR_RESPONSE_TOO_LONG, 0, bytes, room);
}

static int payload_fits(const struct command *command, uint32_t length)
{
    if (length < command->fixed)
        return 0;
    uint32_t rest = length - command->fixed;
    return rest == 0 || (command->element != 0 && rest % command->element == 0);
}

enum nt_command_result nt_command_run(struct nt_chip *chip, const struct nt_request *request, struct nt_reply *reply)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].type != request->type)
            continue;
        if (!payload_fits(&commands[i], request->length))
            return nt_command_payload_refuse(reply, request->length);
        return commands[i].run(chip, request, reply);
    }
    return nt_command_refuse(reply, NT_ERR_UNKNOWN_MESSAGE, request->type, 0, 0);
}

enum nt_command_result nt_command_continue(struct nt_chip *chip, struct nt_reply *reply)
{
    if (chip->job.is_learning)
        return nt_command_learn_continue(chip, reply);
    return nt_command_present_continue(chip, reply);
}

uint32_t nt_command_job_slot(const struct nt_chip *chip, uint32_t position)
{
    if (chip->job.is_learning)
        return chip->loop.pairs[2 * (size_t)position];
    if (chip->job.slots)
        return nt_u16_load(chip->job.slots + 2 * (size_t)position);
    return chip->job.first + position;
}

enum nt_command_result nt_command_status(const struct nt_chip *chip, const struct nt_request *request,
                                         uint32_t bad_frames, struct nt_reply *reply)
{
    uint8_t *out = reply->payload;
    if (request->length != NT_STATUS_REQ_SIZE)
        return nt_command_payload_refuse(reply, request->length);
    nt_u32_store(out + NT_STATUS_RSP_SAMPLES_PRESENTED_AT, (uint32_t)chip->samples_presented);
    nt_u32_store(out + NT_STATUS_RSP_SAMPLES_PRESENTED_AT + 4, (uint32_t)(chip->samples_presented >> 32));
    nt_u32_store(out + NT_STATUS_RSP_REVISION_AT, chip->codes.revision);
    out[NT_STATUS_RSP_LEARNING_AT] = chip->loop.is_learning;
    nt_u32_store(out + NT_STATUS_RSP_LEARNING_STEP_AT, chip->loop.step);
    nt_u32_store(out + NT_STATUS_RSP_TEMPERATURE_MK_AT, NT_TEMPERATURE_NOMINAL_MK);
    nt_u32_store(out + NT_STATUS_RSP_BOOT_COUNT_AT, chip->boot_count);
    nt_u32_store(out + NT_STATUS_RSP_NV_GENERATION_AT, chip->generation);
    nt_u32_store(out + NT_STATUS_RSP_BAD_FRAMES_AT, bad_frames);
    reply->length = NT_STATUS_RSP_SIZE;
    return NT_COMMAND_DONE;
}
