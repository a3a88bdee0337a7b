/* CODES_READ, CORRECTION_READ and LEARN_STATE: windows into what is kept per code. */
#include "nt_bytes.h"
#include "nt_command_run.h"
#include "nt_messages.h"

#define CORRECTION_BYTES 4u
#define STATE_BYTES 6u
#define STATE_MEAN_AT 2u

/* The three requests and their answers are laid out alike. */
#define START_AT NT_CODES_READ_REQ_START_AT
#define COUNT_AT NT_CODES_READ_REQ_COUNT_AT
#define HEAD_BYTES NT_CODES_READ_RSP_SIZE
_Static_assert(NT_CORRECTION_READ_REQ_START_AT == START_AT && NT_LEARN_STATE_REQ_START_AT == START_AT &&
                   NT_CORRECTION_READ_REQ_COUNT_AT == COUNT_AT && NT_LEARN_STATE_REQ_COUNT_AT == COUNT_AT &&
                   NT_CORRECTION_READ_RSP_SIZE == HEAD_BYTES && NT_LEARN_STATE_RSP_SIZE == HEAD_BYTES,
               "layouts differ");

struct window {
    uint32_t start;
    uint32_t count;
    uint8_t *out;
};

static struct window window_of(const struct nt_request *request, const struct nt_reply *reply)
{
    return (struct window){nt_u32_load(request->payload + START_AT), nt_u16_load(request->payload + COUNT_AT),
                           reply->payload + HEAD_BYTES};
}

static enum nt_command_result room_check(const struct window *window, uint32_t element, struct nt_reply *reply)
{
    reply->length = HEAD_BYTES + window->count * element;
    return nt_command_room_check(window->count * element, reply->room - HEAD_BYTES, reply);
}

static enum nt_command_result range_check(const struct nt_chip *chip, const struct window *window,
                                          struct nt_reply *reply)
{
    return nt_command_range_check(window->start, window->count, chip->image.n_codes, reply);
}

enum nt_command_result nt_command_codes_read(struct nt_chip *chip, const struct nt_request *request,
                                             struct nt_reply *reply)
{
    struct window window = window_of(request, reply);
    if (room_check(&window, 1, reply) == NT_COMMAND_REFUSED ||
        range_check(chip, &window, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    nt_u32_store(reply->payload + NT_CODES_READ_RSP_REVISION_AT, chip->codes.revision);
    for (uint32_t i = 0; i < window.count; i++)
        window.out[i] = chip->codes.codes[window.start + i];
    return NT_COMMAND_DONE;
}

enum nt_command_result nt_command_correction_read(struct nt_chip *chip, const struct nt_request *request,
                                                  struct nt_reply *reply)
{
    struct window window = window_of(request, reply);
    if (room_check(&window, CORRECTION_BYTES, reply) == NT_COMMAND_REFUSED ||
        range_check(chip, &window, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    nt_u32_store(reply->payload + NT_CORRECTION_READ_RSP_REVISION_AT, chip->codes.revision);
    for (uint32_t i = 0; i < window.count; i++)
        nt_u32_store(window.out + CORRECTION_BYTES * i, chip->codes.corrections[window.start + i]);
    return NT_COMMAND_DONE;
}

enum nt_command_result nt_command_learn_state(struct nt_chip *chip, const struct nt_request *request,
                                              struct nt_reply *reply)
{
    const struct nt_loop *loop = &chip->loop;
    struct window window = window_of(request, reply);
    if (!loop->is_learning)
        return nt_command_refuse(reply, NT_ERR_NOT_LEARNING, 0, 0, 0);
    if (range_check(chip, &window, reply) == NT_COMMAND_REFUSED ||
        room_check(&window, STATE_BYTES, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    nt_u32_store(reply->payload + NT_LEARN_STATE_RSP_LEARNING_STEP_AT, loop->step);
    for (uint32_t i = 0; i < window.count; i++, window.out += STATE_BYTES) {
        nt_u16_store(window.out, (uint16_t)loop->accumulator_q8[window.start + i]);
        nt_u32_store(window.out + STATE_MEAN_AT, loop->mean_q8[window.start + i]);
    }
    return NT_COMMAND_DONE;
}
