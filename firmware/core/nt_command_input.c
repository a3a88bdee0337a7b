/* INPUT_LOAD: events into sample slots, running on from one slot into the next. */
#include "nt_bytes.h"
#include "nt_command_run.h"
#include "nt_messages.h"

/* Elements that run on from `offset` of a slot of `size` elements. */
struct load {
    const uint8_t *data;
    uint32_t at; /* of the next element within the data */
    uint32_t count;
    uint32_t size;
    uint8_t packing;
    uint8_t steps;
};

static uint8_t event_at(const struct load *load, uint32_t i)
{
    if (load->packing == NT_PACKING_BYTES)
        return load->data[i];
    return (uint8_t)((uint32_t)load->data[i / 8] >> i % 8 & 1u);
}

static int packing_fits(const struct nt_request *request)
{
    uint32_t count = nt_u32_load(request->payload + NT_INPUT_LOAD_REQ_COUNT_AT);
    uint32_t bytes = request->length - NT_INPUT_LOAD_REQ_SIZE;
    uint8_t packing = request->payload[NT_INPUT_LOAD_REQ_PACKING_AT];
    if (packing == NT_PACKING_BYTES)
        return bytes == count;
    return packing == NT_PACKING_BITS && bytes == count / 8 + (count % 8 != 0);
}

static enum nt_command_result steps_check(const struct nt_chip *chip, uint8_t steps, struct nt_reply *reply)
{
    uint32_t limit = chip->slots.steps_max;
    if (steps == 0)
        return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, 1, 0, 1);
    if (steps > limit)
        return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, 1, steps, limit);
    return NT_COMMAND_DONE;
}

/* A slot counts as filled up to where it was written without a gap. */
static void slot_mark(struct nt_slots *slots, uint32_t slot, uint8_t steps, uint32_t first, uint32_t last)
{
    int goes_on = first <= slots->filled[slot] && slots->steps[slot] == steps;
    slots->filled[slot] = first == 0 || goes_on ? last : 0;
    slots->steps[slot] = steps;
}

static void slot_fill(struct nt_slots *slots, uint32_t slot, uint32_t first, struct load *load)
{
    uint32_t left = load->count - load->at;
    uint32_t last = left < load->size - first ? first + left : load->size;
    uint8_t *out = slots->data + slot * slots->pitch;
    for (uint32_t i = first; i < last; i++)
        out[i] = event_at(load, load->at++);
    slot_mark(slots, slot, load->steps, first, last);
}

/* The slot of the last element. What the payload holds and the largest sample fit 32 bits together. */
static uint32_t slot_last(const struct load *load, uint32_t slot, uint32_t offset)
{
    uint32_t end = offset % load->size + load->count;
    slot += offset / load->size;
    return end == 0 ? slot - (offset != 0) : slot + (end - 1) / load->size;
}

enum nt_command_result nt_command_input_load(struct nt_chip *chip, const struct nt_request *request,
                                             struct nt_reply *reply)
{
    const uint8_t *payload = request->payload;
    struct load load = {.data = payload + NT_INPUT_LOAD_REQ_DATA_AT};
    uint32_t slot = nt_u16_load(payload + NT_INPUT_LOAD_REQ_SLOT_AT);
    uint32_t offset = nt_u32_load(payload + NT_INPUT_LOAD_REQ_OFFSET_AT);
    load.count = nt_u32_load(payload + NT_INPUT_LOAD_REQ_COUNT_AT);
    load.packing = payload[NT_INPUT_LOAD_REQ_PACKING_AT];
    load.steps = payload[NT_INPUT_LOAD_REQ_STEPS_AT];
    if (!packing_fits(request))
        return nt_command_payload_refuse(reply, request->length);
    enum nt_command_result result = steps_check(chip, load.steps, reply);
    if (result == NT_COMMAND_REFUSED)
        return result;
    load.size = load.steps * chip->image.n_inputs;
    uint32_t last = slot_last(&load, slot, offset);
    if (offset >= load.size || last >= chip->slots.count || load.count == 0)
        return nt_command_refuse(reply, NT_ERR_SLOT_RANGE, last, 0, chip->slots.count);
    for (; slot <= last; slot++, offset = 0)
        slot_fill(&chip->slots, slot, offset, &load);
    reply->length = NT_INPUT_LOAD_RSP_SIZE;
    return NT_COMMAND_DONE;
}

enum nt_command_result nt_command_slots_check(const struct nt_chip *chip, uint32_t steps, struct nt_reply *reply)
{
    const struct nt_slots *slots = &chip->slots;
    uint32_t count = chip->job.count;
    for (uint32_t i = 0; i < count; i++)
        if (nt_command_job_slot(chip, i) >= slots->count)
            return nt_command_refuse(reply, NT_ERR_SLOT_RANGE, nt_command_job_slot(chip, i), 0, slots->count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = nt_command_job_slot(chip, i);
        if (slots->steps[slot] == 0 || slots->filled[slot] < slots->steps[slot] * chip->image.n_inputs)
            return nt_command_refuse(reply, NT_ERR_SLOT_EMPTY, slot, 0, 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = nt_command_job_slot(chip, i);
        if (slots->steps[slot] != 1 && slots->steps[slot] != steps)
            return nt_command_refuse(reply, NT_ERR_STEPS_MISMATCH, slot, slots->steps[slot], steps);
    }
    return NT_COMMAND_DONE;
}
