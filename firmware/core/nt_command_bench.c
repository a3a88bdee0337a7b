/* CORRECTION_WRITE and STIMULATE: what the bench needs to measure a chip and to calibrate it. */
#include "nt_bytes.h"
#include "nt_command_run.h"
#include "nt_messages.h"

#define CORRECTION_BYTES 4u
#define EVENT_BYTES 3u
#define STEPS_MAX 255u

/* Refuses the first domain whose DAC would move too far. */
static enum nt_command_result slew_check(const struct nt_chip *chip, uint32_t start, const uint8_t *words,
                                         uint32_t count, struct nt_reply *reply)
{
    const struct nt_codes *codes = &chip->codes;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t code = codes->codes[start + i];
        int move = nt_correction_dac(nt_u32_load(words + CORRECTION_BYTES * i), code, nt_chip_range(chip)) -
                   nt_correction_dac(codes->corrections[start + i], code, nt_chip_range(chip));
        if (nt_command_slew_check(codes, start + i, move, reply) == NT_COMMAND_REFUSED)
            return NT_COMMAND_REFUSED;
    }
    return NT_COMMAND_DONE;
}

enum nt_command_result nt_command_correction_write(struct nt_chip *chip, const struct nt_request *request,
                                                   struct nt_reply *reply)
{
    const uint8_t *words = request->payload + NT_CORRECTION_WRITE_REQ_CORRECTIONS_AT;
    uint32_t start = nt_u32_load(request->payload + NT_CORRECTION_WRITE_REQ_START_AT);
    uint32_t count = (request->length - NT_CORRECTION_WRITE_REQ_SIZE) / CORRECTION_BYTES;
    chip->codes.is_staging = 0;
    if (nt_command_revision_check(chip, request, reply) == NT_COMMAND_REFUSED ||
        nt_command_range_check(start, count, chip->image.n_codes, reply) == NT_COMMAND_REFUSED ||
        slew_check(chip, start, words, count, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t word = nt_u32_load(words + CORRECTION_BYTES * i);
        chip->codes.corrections[start + i] = word;
        chip->codes.is_corrected |= word != 0;
    }
    nt_chip_codes_changed(chip);
    nt_u32_store(reply->payload + NT_CORRECTION_WRITE_RSP_REVISION_AT, chip->codes.revision);
    reply->length = NT_CORRECTION_WRITE_RSP_SIZE;
    return NT_COMMAND_DONE;
}

static enum nt_command_result steps_check(uint32_t steps, uint32_t repeats, struct nt_reply *reply)
{
    if (steps == 0)
        return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, 1, 0, 1);
    if (repeats == 0)
        return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, 2, 0, 1);
    if (steps * repeats > STEPS_MAX)
        return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, 2, repeats, STEPS_MAX / steps);
    return NT_COMMAND_DONE;
}

/* Inputs must exist and ascend. */
static enum nt_command_result inputs_check(const struct nt_drive *drive, uint32_t n_inputs, struct nt_reply *reply)
{
    uint32_t lowest = 0;
    for (uint32_t i = 0; i < drive->n_records; i++) {
        uint32_t input = nt_u16_load(drive->records + EVENT_BYTES * i);
        if (input >= n_inputs || input < lowest)
            return nt_command_refuse(reply, NT_ERR_INDEX_RANGE, input, 0, n_inputs);
        lowest = input + 1;
    }
    return NT_COMMAND_DONE;
}

enum nt_command_result nt_command_stimulate(struct nt_chip *chip, const struct nt_request *request,
                                            struct nt_reply *reply)
{
    const uint8_t *payload = request->payload;
    uint32_t start = nt_u32_load(payload + NT_STIMULATE_REQ_START_AT);
    uint32_t count = nt_u16_load(payload + NT_STIMULATE_REQ_COUNT_AT);
    uint32_t repeats = payload[NT_STIMULATE_REQ_N_REPEATS_AT];
    const struct nt_drive drive = {
        .records = payload + NT_STIMULATE_REQ_EVENTS_AT,
        .n_records = (request->length - NT_STIMULATE_REQ_SIZE) / EVENT_BYTES,
        .layer = payload[NT_STIMULATE_REQ_LAYER_AT],
        .steps = payload[NT_STIMULATE_REQ_N_STEPS_AT],
    };
    struct nt_layer layer;
    if (steps_check(drive.steps, repeats, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    if (drive.layer >= chip->image.n_layers)
        return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, 0, drive.layer, chip->image.n_layers - 1u);
    nt_image_layer_get(&chip->image, drive.layer, &layer);
    if (count == 0)
        return nt_command_refuse(reply, NT_ERR_INDEX_RANGE, start - 1, 0, layer.n_neurons);
    if (nt_command_range_check(start, count, layer.n_neurons, reply) == NT_COMMAND_REFUSED ||
        nt_command_room_check(count, reply->room - NT_STIMULATE_RSP_SIZE, reply) == NT_COMMAND_REFUSED ||
        inputs_check(&drive, layer.n_inputs, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    nt_chip_stimulate(chip, &drive, repeats);
    for (uint32_t i = 0; i < count; i++)
        reply->payload[i] = (uint8_t)(chip->counts[start + i] * repeats);
    reply->length = count;
    return NT_COMMAND_DONE;
}
