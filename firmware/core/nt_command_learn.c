/* LEARN_START and LEARN: the device loop. A step that was done already is acknowledged, not repeated. */
#include "nt_bytes.h"
#include "nt_command_run.h"
#include "nt_messages.h"

#define DITHER_MAX 127u
#define MOVE_MAX 127u
#define RATE_MAX 32767u
#define PAIR_BYTES 4u

struct setting {
    uint32_t value;
    uint32_t low;
    uint32_t high;
};

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static enum nt_command_result setting_check(const struct setting *setting, uint32_t index, struct nt_reply *reply)
{
    if (setting->value >= setting->low && setting->value <= setting->high)
        return NT_COMMAND_DONE;
    return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, index, setting->value,
                             setting->value < setting->low ? setting->low : setting->high);
}

static enum nt_command_result settings_check(const struct nt_codes *codes, const struct nt_learn_settings *wanted,
                                             struct nt_reply *reply)
{
    const struct setting rows[] = {
        {wanted->hidden_dither_code, 1, DITHER_MAX},
        {wanted->output_dither_code, 1, DITHER_MAX},
        {wanted->rate_q8, 1, RATE_MAX},
        {wanted->max_move_code, 1, codes->max_move_code < MOVE_MAX ? codes->max_move_code : MOVE_MAX},
        {wanted->code_min, codes->code_min, codes->code_max},
        {wanted->code_max, larger(codes->code_min, wanted->code_min), codes->code_max},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (setting_check(&rows[i], i + 1, reply) == NT_COMMAND_REFUSED)
            return NT_COMMAND_REFUSED;
    return NT_COMMAND_DONE;
}

void nt_command_loop_save(struct nt_chip *chip)
{
    _Static_assert(sizeof(struct nt_learn_settings) <= (NT_LOOP_HEAD_WORDS - 1) * sizeof(uint32_t), "head");
    chip->loop.persistent[0] = chip->loop.step;
    __builtin_memcpy(chip->loop.persistent + 1, &chip->loop.settings, sizeof(struct nt_learn_settings));
}

void nt_command_loop_resume(struct nt_chip *chip)
{
    struct nt_reply ignored;
    chip->loop.step = chip->loop.persistent[0];
    __builtin_memcpy(&chip->loop.settings, chip->loop.persistent + 1, sizeof(struct nt_learn_settings));
    chip->loop.is_learning = settings_check(&chip->codes, &chip->loop.settings, &ignored) == NT_COMMAND_DONE;
}

static void loop_clear(struct nt_chip *chip)
{
    for (uint32_t i = 0; i < chip->image.n_codes; i++) {
        chip->loop.accumulator_q8[i] = 0;
        chip->loop.mean_q8[i] = 0;
    }
}

enum nt_command_result nt_command_learn_start(struct nt_chip *chip, const struct nt_request *request,
                                              struct nt_reply *reply)
{
    const uint8_t *payload = request->payload;
    const struct nt_learn_settings wanted = {
        .hidden_dither_code = payload[NT_LEARN_START_REQ_HIDDEN_DITHER_AT],
        .output_dither_code = payload[NT_LEARN_START_REQ_OUTPUT_DITHER_AT],
        .rate_q8 = nt_u16_load(payload + NT_LEARN_START_REQ_RATE_Q8_AT),
        .max_move_code = payload[NT_LEARN_START_REQ_MAX_MOVE_CODE_AT],
        .code_min = payload[NT_LEARN_START_REQ_CODE_MIN_AT],
        .code_max = payload[NT_LEARN_START_REQ_CODE_MAX_AT],
    };
    if (settings_check(&chip->codes, &wanted, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    chip->loop.settings = wanted;
    chip->loop.step = nt_u32_load(payload + NT_LEARN_START_REQ_FIRST_STEP_AT);
    chip->loop.is_learning = 1;
    chip->loop.is_staging = 0;
    loop_clear(chip);
    nt_u32_store(reply->payload + NT_LEARN_START_RSP_LEARNING_STEP_AT, chip->loop.step);
    reply->length = NT_LEARN_START_RSP_SIZE;
    return NT_COMMAND_DONE;
}

static enum nt_command_result step_reply(const struct nt_chip *chip, struct nt_reply *reply)
{
    nt_u32_store(reply->payload + NT_LEARN_RSP_LEARNING_STEP_AT, chip->loop.step);
    nt_u32_store(reply->payload + NT_LEARN_RSP_REVISION_AT, chip->codes.revision);
    reply->length = NT_LEARN_RSP_SIZE;
    return NT_COMMAND_DONE;
}

static void pairs_append(struct nt_loop *loop, const uint8_t *pairs, uint32_t count)
{
    for (uint32_t i = 0; i < 2 * count; i++)
        loop->pairs[2 * (size_t)loop->n_pairs + i] = nt_u16_load(pairs + 2 * (size_t)i);
    loop->n_pairs += count;
}

/* Whatever is refused leaves the batch closed, which is set before anything else. */
static enum nt_command_result pairs_stage(struct nt_chip *chip, const struct nt_request *request,
                                          struct nt_reply *reply)
{
    struct nt_loop *loop = &chip->loop;
    uint8_t chunk = request->payload[NT_LEARN_REQ_CHUNK_AT];
    uint32_t bytes = request->length - NT_LEARN_REQ_SIZE;
    int was_staging = loop->is_staging;
    loop->is_staging = 0;
    if (chunk & NT_CHUNK_FIRST)
        loop->n_pairs = 0;
    else if (!was_staging)
        return nt_command_refuse(reply, NT_ERR_NOT_STAGED, 0, 0, 0);
    if (bytes % PAIR_BYTES != 0)
        return nt_command_payload_refuse(reply, bytes);
    if (bytes / PAIR_BYTES > loop->pairs_max - loop->n_pairs)
        return nt_command_refuse(reply, NT_ERR_SETTING_RANGE, 3, loop->n_pairs + bytes / PAIR_BYTES, loop->pairs_max);
    pairs_append(loop, request->payload + NT_LEARN_REQ_PAIRS_AT, bytes / PAIR_BYTES);
    loop->is_staging = (chunk & NT_CHUNK_LAST) == 0;
    return NT_COMMAND_DONE;
}

static enum nt_command_result labels_check(const struct nt_chip *chip, struct nt_reply *reply)
{
    for (uint32_t i = 0; i < chip->loop.n_pairs; i++) {
        uint32_t label = chip->loop.pairs[2 * (size_t)i + 1];
        if (label >= chip->image.n_classes)
            return nt_command_refuse(reply, NT_ERR_LABEL_RANGE, i, label, chip->image.n_classes);
    }
    return NT_COMMAND_DONE;
}

static enum nt_command_result step_finish(struct nt_chip *chip, struct nt_reply *reply)
{
    const struct nt_learn_state state = {chip->codes.codes, chip->loop.accumulator_q8, chip->loop.mean_q8};
    nt_learn_finish(&chip->loop.batch, &state);
    nt_chip_codes_changed(chip);
    chip->loop.step++;
    return step_reply(chip, reply);
}

static enum nt_command_result step_begin(struct nt_chip *chip, struct nt_reply *reply)
{
    struct nt_loop *loop = &chip->loop;
    chip->job = (struct nt_job){.count = loop->n_pairs, .steps = chip->image.n_steps, .is_learning = 1};
    if (labels_check(chip, reply) == NT_COMMAND_REFUSED ||
        nt_command_slots_check(chip, chip->image.n_steps, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    /* The settings were checked by LEARN_START and the scratch is of its own size. */
    (void)nt_learn_begin_within(&loop->batch, &chip->image, chip->array.kernel, &loop->step_settings,
                                &chip->learn_sizes, chip->learn_kept, chip->learn_lent);
    return chip->job.count == 0 ? step_finish(chip, reply) : NT_COMMAND_CONTINUES;
}

enum nt_command_result nt_command_learn(struct nt_chip *chip, const struct nt_request *request,
                                        struct nt_reply *reply)
{
    struct nt_loop *loop = &chip->loop;
    uint32_t expected = nt_u32_load(request->payload + NT_LEARN_REQ_EXPECTED_STEP_AT);
    struct setting rate = {nt_u16_load(request->payload + NT_LEARN_REQ_RATE_Q8_AT), 1, RATE_MAX};
    if (!loop->is_learning)
        return nt_command_refuse(reply, NT_ERR_NOT_LEARNING, 0, 0, 0);
    if (expected + 1 == loop->step)
        return step_reply(chip, reply);
    if (expected != loop->step)
        return nt_command_refuse(reply, NT_ERR_WRONG_STEP, 0, loop->step, 0);
    if (setting_check(&rate, 2, reply) == NT_COMMAND_REFUSED ||
        pairs_stage(chip, request, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    if (loop->is_staging)
        return step_reply(chip, reply);
    loop->step_settings = loop->settings;
    loop->step_settings.rate_q8 = (uint16_t)rate.value;
    return step_begin(chip, reply);
}

enum nt_command_result nt_command_learn_continue(struct nt_chip *chip, struct nt_reply *reply)
{
    struct nt_job *job = &chip->job;
    const uint8_t *plus = chip->learn_counts;
    /* The errors of the sample before lie where these codes were. */
    nt_chip_dither(chip, &chip->loop.step_settings);
    nt_chip_sample_run(chip, nt_command_job_slot(chip, job->done), job->steps, NT_ARRAY_POINTS, 0);
    nt_learn_accumulate(&chip->loop.batch, plus, plus + chip->image.n_neurons,
                        chip->loop.pairs[2 * (size_t)job->done + 1]);
    job->done++;
    return job->done < job->count ? NT_COMMAND_CONTINUES : step_finish(chip, reply);
}
