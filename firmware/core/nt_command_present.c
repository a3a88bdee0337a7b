/* PRESENT and RESULT: forward passes of loaded samples, and their records. */
#include "nt_bytes.h"
#include "nt_command_run.h"
#include "nt_messages.h"

#define READOUT_KNOWN \
    (NT_READOUT_HIDDEN | NT_READOUT_DITHER | NT_READOUT_MEMBRANE | NT_READOUT_RANGE | NT_READOUT_GATES)
#define READOUT_OF_GATES (NT_READOUT_HIDDEN | NT_READOUT_DITHER | NT_READOUT_GATES)
#define DITHER_MAX 127u

static uint32_t first_neuron(const struct nt_chip *chip, uint8_t readout)
{
    return readout & NT_READOUT_HIDDEN ? 0 : chip->image.n_neurons - chip->image.n_outputs;
}

static uint32_t planes_count(uint8_t readout)
{
    return readout & NT_READOUT_DITHER ? 3 : 1;
}

static uint32_t bits_bytes(uint32_t neurons)
{
    return (neurons + 7) / 8;
}

/* One bit per neuron where a count is 0 or 1, else one byte. */
static uint32_t plane_bytes(const struct nt_chip *chip, const struct nt_job *job)
{
    uint32_t neurons = chip->image.n_neurons - first_neuron(chip, job->readout);
    return job->steps == 1 ? bits_bytes(neurons) : neurons;
}

static uint32_t record_bytes(const struct nt_chip *chip, const struct nt_job *job)
{
    uint32_t membranes = job->readout & NT_READOUT_MEMBRANE ? 4 * chip->image.n_outputs : 0;
    if (job->readout & NT_READOUT_GATES)
        return bits_bytes(chip->image.n_neurons) + bits_bytes(chip->image.n_outputs) + membranes;
    return planes_count(job->readout) * plane_bytes(chip, job) + membranes;
}

static enum nt_command_result dither_check(const struct nt_request *request, struct nt_reply *reply)
{
    const uint8_t *payload = request->payload;
    if ((payload[NT_PRESENT_REQ_READOUT_AT] & NT_READOUT_DITHER) == 0)
        return NT_COMMAND_DONE;
    for (uint32_t at = NT_PRESENT_REQ_HIDDEN_DITHER_AT; at <= NT_PRESENT_REQ_OUTPUT_DITHER_AT; at++)
        if (payload[at] < 1 || payload[at] > DITHER_MAX)
            return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, at, payload[at], payload[at] < 1 ? 1 : DITHER_MAX);
    return NT_COMMAND_DONE;
}

static enum nt_command_result slots_read(struct nt_job *job, const struct nt_request *request,
                                         struct nt_reply *reply)
{
    const uint8_t *slots = request->payload + NT_PRESENT_REQ_SLOTS_AT;
    uint32_t count = (request->length - NT_PRESENT_REQ_SIZE) / 2;
    job->slots = slots;
    job->count = count;
    if (job->readout & NT_READOUT_RANGE) {
        if (count != 2)
            return nt_command_payload_refuse(reply, count);
        job->slots = 0;
        job->first = nt_u16_load(slots);
        job->count = nt_u16_load(slots + 2);
    }
    return job->count == 0 ? nt_command_payload_refuse(reply, request->length) : NT_COMMAND_DONE;
}

static enum nt_command_result size_check(const struct nt_chip *chip, const struct nt_job *job,
                                         struct nt_reply *reply)
{
    uint64_t bytes = (uint64_t)job->count * job->record_bytes;
    uint32_t room = reply->room - NT_PRESENT_RSP_SIZE;
    if (job->count > 1 && bytes > room)
        return nt_command_refuse(reply, NT_ERR_RESPONSE_TOO_LONG, 0, (uint32_t)bytes, room);
    if (job->steps > chip->array.shape.steps)
        return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, 0, job->steps, chip->array.shape.steps);
    return NT_COMMAND_DONE;
}

static enum nt_command_result job_read(struct nt_chip *chip, const struct nt_request *request,
                                       struct nt_reply *reply)
{
    struct nt_job *job = &chip->job;
    uint8_t steps = request->payload[NT_PRESENT_REQ_N_STEPS_AT];
    *job = (struct nt_job){.readout = request->payload[NT_PRESENT_REQ_READOUT_AT]};
    job->steps = steps ? steps : chip->image.n_steps;
    uint8_t gates = job->readout & READOUT_OF_GATES;
    if ((job->readout & ~READOUT_KNOWN) || (gates >= NT_READOUT_GATES && gates != READOUT_OF_GATES))
        return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, 1, job->readout, 0);
    enum nt_command_result result = dither_check(request, reply);
    if (result == NT_COMMAND_DONE)
        result = slots_read(job, request, reply);
    job->record_bytes = record_bytes(chip, job);
    if (result == NT_COMMAND_DONE)
        result = size_check(chip, job, reply);
    return result == NT_COMMAND_DONE ? nt_command_slots_check(chip, job->steps, reply) : result;
}

enum nt_command_result nt_command_present(struct nt_chip *chip, const struct nt_request *request,
                                          struct nt_reply *reply)
{
    const struct nt_learn_settings dither = {
        .hidden_dither_code = request->payload[NT_PRESENT_REQ_HIDDEN_DITHER_AT],
        .output_dither_code = request->payload[NT_PRESENT_REQ_OUTPUT_DITHER_AT],
    };
    enum nt_command_result result = job_read(chip, request, reply);
    if (result == NT_COMMAND_REFUSED)
        return result;
    if (chip->job.readout & NT_READOUT_DITHER)
        nt_chip_dither(chip, &dither);
    chip->result_bytes = chip->job.count * chip->job.record_bytes;
    return NT_COMMAND_CONTINUES;
}

static uint8_t spikes_of_eight(const uint8_t *counts, uint32_t count)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < count && i < 8; i++)
        bits |= (uint32_t)(counts[i] != 0) << i;
    return (uint8_t)bits;
}

static uint8_t *bits_pack(const uint8_t *counts, uint32_t neurons, uint8_t *out)
{
    for (uint32_t i = 0; i < neurons; i += 8)
        *out++ = spikes_of_eight(counts + i, neurons - i);
    return out;
}

static uint8_t *plane_pack(const struct nt_job *job, const uint8_t *counts, uint32_t neurons, uint8_t *out)
{
    if (job->steps == 1)
        return bits_pack(counts, neurons, out);
    for (uint32_t i = 0; i < neurons; i++)
        *out++ = counts[i];
    return out;
}

/* Hidden neurons: do the dithered counts differ? Outputs: spikes at code + d, then at code - d. */
static uint8_t *gates_pack(struct nt_chip *chip, uint8_t *out)
{
    uint32_t neurons = chip->image.n_neurons;
    uint32_t hidden = neurons - chip->image.n_outputs;
    uint8_t *above = chip->counts + neurons;
    const uint8_t *below = above + neurons;
    for (uint32_t i = 0; i < hidden; i++)
        above[i] ^= below[i];
    out = bits_pack(above, neurons, out);
    return bits_pack(below + hidden, neurons - hidden, out);
}

static void record_pack(struct nt_chip *chip, uint8_t *out)
{
    const struct nt_job *job = &chip->job;
    uint32_t neurons = chip->image.n_neurons;
    uint32_t first = first_neuron(chip, job->readout);
    uint32_t planes = job->readout & NT_READOUT_GATES ? 0 : planes_count(job->readout);
    for (uint32_t p = 0; p < planes; p++)
        out = plane_pack(job, chip->counts + (size_t)p * neurons + first, neurons - first, out);
    if (planes == 0)
        out = gates_pack(chip, out);
    if ((job->readout & NT_READOUT_MEMBRANE) == 0)
        return;
    for (uint32_t i = neurons - chip->image.n_outputs; i < neurons; i++, out += 4)
        nt_u32_store(out, (uint32_t)chip->compared_q8[i]);
}

static void bytes_reply(struct nt_reply *reply, uint32_t head, const uint8_t *from, uint32_t count)
{
    uint32_t room = reply->room - head;
    reply->length = head + (count < room ? count : room);
    for (uint32_t i = head; i < reply->length; i++)
        reply->payload[i] = from[i - head];
}

enum nt_command_result nt_command_present_continue(struct nt_chip *chip, struct nt_reply *reply)
{
    struct nt_job *job = &chip->job;
    nt_chip_sample_run(chip, nt_command_job_slot(chip, job->done), job->steps, planes_count(job->readout),
                       job->readout & NT_READOUT_MEMBRANE);
    record_pack(chip, chip->result + job->done * job->record_bytes);
    job->done++;
    if (job->done < job->count)
        return NT_COMMAND_CONTINUES;
    nt_u16_store(reply->payload + NT_PRESENT_RSP_COUNT_AT, (uint16_t)job->count);
    nt_u32_store(reply->payload + NT_PRESENT_RSP_SIZE_AT, chip->result_bytes);
    bytes_reply(reply, NT_PRESENT_RSP_SIZE, chip->result, chip->result_bytes);
    return NT_COMMAND_DONE;
}

enum nt_command_result nt_command_result_read(struct nt_chip *chip, const struct nt_request *request,
                                              struct nt_reply *reply)
{
    uint32_t offset = nt_u32_load(request->payload + NT_RESULT_REQ_OFFSET_AT);
    if (offset >= chip->result_bytes)
        return nt_command_refuse(reply, NT_ERR_NO_RESULT, offset, 0, chip->result_bytes);
    bytes_reply(reply, NT_RESULT_RSP_SIZE, chip->result + offset, chip->result_bytes - offset);
    return NT_COMMAND_DONE;
}
