/* Division of the scratch memory, and the pass of one sample. */
#include "nt_chip.h"

#include "nt_cold.h"
#include "nt_error.h"
#include "nt_messages.h"

#define ALIGNMENT 8u
#define STEPS_MAX 255u
#define SLOT_OVERHEAD (sizeof(uint32_t) + sizeof(uint8_t) + 2 * sizeof(uint16_t))
#define CARVE_SLACK (8u * ALIGNMENT)
/* Memory from which on time steps beyond the image's own are worth theirs, and the share that they may take. */
#define STEPS_FROM_BYTES (256u << 10)
#define STEPS_SHARE 8u

/* A board with kernels of its own names them with -DNT_CORE_KERNEL=. */
#ifdef NT_CORE_KERNEL
extern const struct nt_kernel NT_CORE_KERNEL;
#define KERNEL (&NT_CORE_KERNEL)
#elif defined(__x86_64__) || defined(__aarch64__)
#define KERNEL (&nt_kernel_wide)
#else
#define KERNEL (&nt_kernel_portable)
#endif

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t rounded_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void *nt_memory_take(struct nt_memory *memory, size_t bytes)
{
    uint8_t *piece = memory->base ? memory->base + memory->used : 0;
    memory->used += rounded_up(bytes);
    return piece;
}

static int has_room(const struct nt_memory *memory)
{
    return memory->used <= memory->size;
}

static void bytes_fill(uint8_t *bytes, size_t count, uint8_t value)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = value;
}

/* A held sample is repeated for the array, so each step costs its inputs and two rasters. */
static uint32_t steps_supported(const struct nt_image *image, size_t bytes)
{
    size_t step_bytes = image->n_inputs + ((size_t)image->widest + 31) / 32 * 8;
    size_t steps = bytes < STEPS_FROM_BYTES ? 0 : bytes / STEPS_SHARE / step_bytes;
    if (steps > STEPS_MAX)
        return STEPS_MAX;
    return steps < image->n_steps ? image->n_steps : (uint32_t)steps;
}

static void codes_carve(struct nt_chip *chip, struct nt_memory *memory)
{
    size_t codes = chip->image.n_codes;
    chip->codes.codes = nt_memory_take(memory, codes);
    chip->codes.dac = nt_memory_take(memory, codes);
    chip->codes.corrections = nt_memory_take(memory, codes * sizeof(uint32_t));
    chip->loop.persistent = nt_memory_take(memory, nt_loop_bytes(&chip->image));
    chip->loop.mean_q8 = chip->loop.persistent + NT_LOOP_HEAD_WORDS;
    chip->loop.accumulator_q8 = (int16_t *)(chip->loop.mean_q8 + codes);
}

/* What PRESENT answers: counts are bits where no sample can have a second step. */
static size_t record_bytes(const struct nt_image *image, uint32_t steps)
{
    size_t plane = steps > 1 ? image->n_neurons : ((size_t)image->n_neurons + 7) / 8;
    return 3 * plane + sizeof(int32_t) * image->n_outputs;
}

/* More samples than slots_carve can ever allow for one batch, so that sums of 32 bits are known to suffice. */
static uint32_t samples_bound(const struct nt_image *image, size_t bytes)
{
    size_t samples = bytes / ((size_t)image->n_steps * image->n_inputs + SLOT_OVERHEAD);
    return (uint32_t)(samples > NT_SLOTS_MAX ? NT_SLOTS_MAX : larger(samples, NT_PAIRS_MIN));
}

/* PRESENT needs counts and membranes, a batch its sums, and its errors only after each forward pass: never all at a
   time. Codes of the dithered points lead the lent piece, for either. */
static void results_carve(struct nt_chip *chip, struct nt_memory *memory)
{
    const struct nt_image *image = &chip->image;
    size_t codes = rounded_up(image->n_codes);
    size_t neurons = image->n_neurons;
    size_t hidden_membranes = (neurons - image->n_outputs) * sizeof(int32_t);
    size_t compared_at = larger(2 * codes, hidden_membranes);
    size_t record = record_bytes(image, steps_supported(image, memory->size));
    size_t lent = larger(2 * codes + 2 * neurons, compared_at + sizeof(int32_t) * image->n_outputs);
    nt_learn_sizes_get(image, samples_bound(image, memory->size), &chip->learn_sizes);
    chip->result_max = (uint32_t)larger(record, NT_BASE_MAX_PAYLOAD);
    chip->result = nt_memory_take(memory, chip->result_max);
    chip->counts = nt_memory_take(memory, larger(chip->learn_sizes.kept, 3 * neurons + image->n_codes));
    chip->codes.staged = chip->counts + 3 * neurons;
    uint8_t *shared = nt_memory_take(memory, larger(chip->learn_sizes.lent, lent));
    chip->learn_kept = chip->counts;
    chip->learn_lent = shared;
    chip->point_codes[0] = shared;
    chip->point_codes[1] = shared + codes;
    chip->learn_counts = shared + 2 * codes;
    chip->compared_q8 = (int32_t *)(void *)(shared + (compared_at - hidden_membranes));
}

static int array_carve(struct nt_chip *chip, struct nt_memory *memory)
{
    struct nt_array_shape shape = {.block_neurons = (chip->image.widest + 7) / 8 * 8, .points = NT_ARRAY_POINTS};
    shape.steps = steps_supported(&chip->image, memory->size);
    if (shape.block_neurons > NT_BLOCK_NEURONS)
        shape.block_neurons = NT_BLOCK_NEURONS;
    size_t bytes = nt_array_scratch_size(&chip->image, &shape);
    void *scratch = nt_memory_take(memory, bytes);
    chip->expanded = nt_memory_take(memory, shape.steps > 1 ? (size_t)shape.steps * chip->image.n_inputs : 0);
    if (!has_room(memory))
        return NT_ERROR_SPACE;
    int result = nt_array_begin(&chip->array, &chip->image, KERNEL, &shape, scratch, bytes);
    chip->array.compared_first = chip->image.n_neurons - chip->image.n_outputs;
    return result;
}

/* All that is left. Rasters longer than the image's own are for chips with memory to spare. */
static int slots_carve(struct nt_chip *chip, struct nt_memory *memory)
{
    struct nt_slots *slots = &chip->slots;
    size_t fixed = memory->used + NT_PAIRS_MIN * 2 * sizeof(uint16_t) + CARVE_SLACK;
    size_t left = memory->size > fixed ? memory->size - fixed : 0;
    size_t inputs = chip->image.n_inputs;
    size_t steps = chip->image.n_steps;
    size_t count = left / (steps * inputs + SLOT_OVERHEAD);
    if (count > NT_SLOTS_MAX) {
        count = NT_SLOTS_MAX;
        steps = (left / NT_SLOTS_MAX - SLOT_OVERHEAD) / inputs;
    }
    slots->count = (uint32_t)count;
    slots->steps_max = (uint32_t)(steps < STEPS_MAX ? steps : STEPS_MAX);
    slots->pitch = slots->steps_max * inputs;
    chip->loop.pairs_max = slots->count < NT_PAIRS_MIN ? NT_PAIRS_MIN : slots->count;
    slots->filled = nt_memory_take(memory, count * sizeof(uint32_t));
    slots->steps = nt_memory_take(memory, count);
    chip->loop.pairs = nt_memory_take(memory, chip->loop.pairs_max * 2 * sizeof(uint16_t));
    slots->data = nt_memory_take(memory, count * slots->pitch);
    if (count == 0 || !has_room(memory))
        return NT_ERROR_SPACE;
    bytes_fill(slots->steps, count, 0);
    return NT_OK;
}

static int image_open(struct nt_chip *chip)
{
    int result = nt_image_parse(&chip->image, chip->hal->image, chip->hal->image_bytes);
    return result < 0 ? result : nt_image_digest_check(&chip->image);
}

NT_COLD int nt_chip_begin(struct nt_chip *chip, const struct nt_hal *hal, struct nt_memory *memory)
{
    chip->hal = hal;
    if (hal->array_present || hal->dac_write)
        return NT_ERROR_ARGUMENT;
    int result = image_open(chip);
    if (result < 0)
        return result;
    codes_carve(chip, memory);
    results_carve(chip, memory);
    result = array_carve(chip, memory);
    if (result == NT_OK)
        result = slots_carve(chip, memory);
    if (result < 0)
        return result;
    chip->codes.code_min = NT_CODE_MIN;
    chip->codes.code_max = NT_CODE_MAX;
    chip->codes.max_move_code = NT_MAX_MOVE_CODE;
    return NT_OK;
}

void nt_chip_codes_changed(struct nt_chip *chip)
{
    chip->codes.revision++;
    chip->codes.is_staging = 0;
    chip->codes.is_dac_stale = 1;
}

void nt_chip_dither(struct nt_chip *chip, const struct nt_learn_settings *settings)
{
    struct nt_codes *codes = &chip->codes;
    for (int down = 0; down < 2; down++) {
        uint8_t *out = chip->point_codes[down];
        nt_learn_dither(&chip->image, settings, codes->codes, 1 - 2 * down, out);
        if (codes->is_corrected)
            nt_correction_dacs(codes->corrections, out, chip->image.n_codes, nt_chip_range(chip), out);
    }
}

static const uint8_t *dac_codes(struct nt_chip *chip)
{
    struct nt_codes *codes = &chip->codes;
    if (codes->is_dac_stale)
        nt_correction_dacs(codes->corrections, codes->codes, chip->image.n_codes, nt_chip_range(chip), codes->dac);
    codes->is_dac_stale = 0;
    return codes->dac;
}

static const uint8_t *sample_events(struct nt_chip *chip, uint32_t slot, uint32_t steps)
{
    const uint8_t *events = chip->slots.data + slot * chip->slots.pitch;
    size_t inputs = chip->image.n_inputs;
    if (chip->slots.steps[slot] == steps)
        return events;
    for (uint32_t t = 0; t < steps; t++)
        for (size_t j = 0; j < inputs; j++)
            chip->expanded[t * inputs + j] = events[j];
    return chip->expanded;
}

void nt_chip_sample_run(struct nt_chip *chip, uint32_t slot, uint32_t steps, uint32_t points, int wants_membrane)
{
    struct nt_operating operating[NT_ARRAY_POINTS] = {
        {0, dac_codes(chip)}, {0, chip->point_codes[0]}, {0, chip->point_codes[1]}};
    const struct nt_operating *at[NT_ARRAY_POINTS] = {&operating[0], &operating[1], &operating[2]};
    struct nt_response response = {.compared_q8 = wants_membrane ? chip->compared_q8 : 0};
    if (chip->job.is_learning) {
        response.counts[1] = chip->learn_counts;
        response.counts[2] = chip->learn_counts + chip->image.n_neurons;
    } else {
        for (uint32_t p = 0; p < points; p++)
            response.counts[p] = chip->counts + (size_t)p * chip->image.n_neurons;
    }
    /* Steps and points were checked against the array's shape before. */
    (void)nt_array_run(&chip->array, at, points, sample_events(chip, slot, steps), steps, chip->steps_done, &response);
    chip->samples_presented++;
    chip->steps_done += steps;
}

void nt_chip_stimulate(struct nt_chip *chip, const struct nt_drive *drive, uint32_t repeats)
{
    const struct nt_operating operating = {0, dac_codes(chip)};
    nt_array_drive(&chip->array, &operating, drive, chip->counts);
    chip->samples_presented += repeats;
    chip->steps_done += repeats * drive->steps;
}
