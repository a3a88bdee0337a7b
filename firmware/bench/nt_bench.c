/* Counts instructions of the core on QEMU's netduinoplus2 under `-icount shift=0`, where TIM2 counts exactly one per
 * instruction. Prints one line `name key=value ...` per measurement, then `done`. Run by bench/nt_bench.py. */
#include "nt_array.h"
#include "nt_crc32c.h"
#include "nt_error.h"
#include "nt_learn.h"
#include "nt_port.h"
#include "nt_registers.h"

#define BATCH 4u

extern const struct nt_kernel nt_kernel_dsp;

static const struct nt_hal *hal;
static uint32_t overhead; /* of reading the counter twice */

static void text_send(const char *text)
{
    while (*text)
        text += hal->tx_write(hal->context, (const uint8_t *)text, 1);
}

static void number_send(const char *key, uint32_t value)
{
    char digits[11];
    int at = 10;

    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    text_send(" ");
    text_send(key);
    text_send("=");
    text_send(digits + at);
}

static uint32_t begin(void)
{
    return TIM2_CNT;
}

static uint32_t since(uint32_t start)
{
    return TIM2_CNT - start - overhead;
}

static uint8_t *scratch_at;
static size_t scratch_left;

static void *piece_take(size_t bytes)
{
    uint8_t *piece = scratch_at;

    bytes = (bytes + 7) / 8 * 8;
    if (bytes > scratch_left) {
        text_send("failed: the scratch is too small\n");
        for (;;)
            ;
    }
    scratch_at += bytes;
    scratch_left -= bytes;
    return piece;
}

/* Binary events, a quarter of them active, the same at every run. */
static void sample_fill(uint8_t *events, uint32_t inputs, uint32_t seed)
{
    for (uint32_t j = 0; j < inputs; j++) {
        seed = seed * 1664525u + 1013904223u;
        events[j] = seed >> 30 == 0;
    }
}

/* Active synapses of one forward pass: every event of a layer reaches each of its neurons. */
static uint32_t synapses_count(const struct nt_image *image, const uint8_t *events, uint32_t steps,
                   const uint8_t *counts)
{
    uint32_t total = 0;
    struct nt_layer layer;

    for (uint32_t l = 0; l < image->n_layers; l++) {
        uint32_t active = 0;

        nt_image_layer_get(image, l, &layer);
        for (uint32_t j = 0; j < layer.n_inputs; j++)
            active += l == 0 ? events[j] : counts[j];
        total += active * layer.n_neurons * (l == 0 ? steps : 1);
        if (l > 0)
            counts += layer.n_inputs;
    }
    return total;
}

/* The same columns through `kernel` and the portable one: instructions of the first, and whether they agree. */
static void kernel_measure(const struct nt_kernel *kernel, const struct nt_image *image)
{
    static uint32_t sum[512], expected[512];
    static const uint8_t *column[4 * NT_KERNEL_GROUP];
    struct nt_layer layer;
    uint32_t count = 4 * NT_KERNEL_GROUP - 3, used, start, dot, different = 0;
    size_t words;

    nt_image_layer_get(image, 0, &layer);
    words = layer.stride / 4;
    for (uint32_t e = 0; e < count; e++)
        column[e] = layer.weight + e % layer.n_inputs * layer.stride;
    for (uint32_t i = 0; i < 8 * words; i++)
        sum[i] = expected[i] = i * 0x9E3779B9u;
    nt_kernel_portable.sum_add(expected, column, count, words);
    start = begin();
    kernel->sum_add(sum, column, count, words);
    used = since(start);
    for (uint32_t i = 0; i < 8 * words; i++)
        different += sum[i] != expected[i];
    text_send("kernel_sum_add");
    number_send("instructions", used);
    number_send("synapses", count * (uint32_t)words * 8);
    number_send("different", different);
    text_send("\n");
    start = begin();
    dot = kernel->column_dot(layer.weight, sum, words);
    used = since(start);
    text_send("kernel_column_dot");
    number_send("instructions", used);
    number_send("synapses", (uint32_t)words * 8);
    number_send("different", dot != nt_kernel_portable.column_dot(layer.weight, sum, words));
    text_send("\n");
}

static void passes_measure(const struct nt_image *image, const struct nt_kernel *kernel, uint32_t steps)
{
    struct nt_array_shape shape = {.block_neurons = (image->widest + 7) / 8 * 8, .steps = steps, .points = 3};
    const struct nt_learn_settings settings = {16, 16, 256, 8, 0, 255};
    struct nt_operating points[3] = {{0}};
    const struct nt_operating *operating[3] = {&points[0], &points[1], &points[2]};
    struct nt_response response = {.counts = {0}};
    struct nt_learn_state state;
    struct nt_learn learn;
    struct nt_array array;
    uint8_t *codes[3], *events;
    uint32_t start, one, three, accumulate = 0, finish, silent = 0, dither;
    size_t bytes;

    for (int p = 0; p < 3; p++) {
        points[p].codes = codes[p] = piece_take(image->n_codes);
        response.counts[p] = piece_take(image->n_neurons);
        for (uint32_t i = 0; i < image->n_codes; i++)
            codes[p][i] = 128;
    }
    events = piece_take(steps * image->n_inputs);
    state.codes = codes[0];
    state.accumulator_q8 = piece_take(2 * image->n_codes);
    state.mean_q8 = piece_take(4 * image->n_codes);
    for (uint32_t i = 0; i < image->n_codes; i++)
        state.accumulator_q8[i] = 0, state.mean_q8[i] = 0;
    bytes = nt_array_scratch_size(image, &shape);
    (void)nt_array_begin(&array, image, kernel, &shape, piece_take(bytes), bytes);
    number_send("array_bytes", (uint32_t)bytes);
    bytes = nt_learn_scratch_size(image);
    start = begin();
    (void)nt_learn_begin(&learn, image, kernel, &settings, piece_take(bytes), bytes);
    number_send("learn_bytes", (uint32_t)bytes);
    number_send("learn_begin", since(start));
    text_send("\n");

    for (uint32_t t = 0; t < steps; t++)
        sample_fill(events + t * image->n_inputs, image->n_inputs, 7);
    start = begin();
    (void)nt_array_run(&array, operating, 1, events, steps, 0, &response);
    one = since(start);
    for (uint32_t i = 0; i < image->n_neurons - image->n_outputs; i++)
        silent += response.counts[0][i] == 0;
    text_send("forward");
    number_send("steps", steps);
    number_send("instructions", one);
    number_send("synapses", synapses_count(image, events, steps, response.counts[0]));
    number_send("hidden", image->n_neurons - image->n_outputs);
    number_send("silent_hidden", silent);
    text_send("\n");

    start = begin();
    nt_learn_dither(image, &settings, codes[0], 1, codes[1]);
    nt_learn_dither(image, &settings, codes[0], -1, codes[2]);
    dither = since(start);
    start = begin();
    (void)nt_array_run(&array, operating, 3, events, steps, 0, &response);
    three = since(start);
    for (uint32_t b = 0; b < BATCH; b++) {
        start = begin();
        nt_learn_accumulate(&learn, response.counts[1], response.counts[2], b % image->n_classes);
        accumulate += since(start);
    }
    start = begin();
    nt_learn_finish(&learn, &state);
    finish = since(start);
    text_send("learn");
    number_send("steps", steps);
    number_send("batch", BATCH);
    number_send("forward", one);
    number_send("dithered_pass", three);
    number_send("accumulate", accumulate / BATCH);
    number_send("finish", finish);
    number_send("dither", dither);
    text_send("\n");
}

static void image_measure(void)
{
    static const struct nt_kernel *const kernel[2] = {&nt_kernel_portable, &nt_kernel_dsp};
    struct nt_image image;
    uint32_t start = begin();
    int result = nt_image_parse(&image, hal->image, hal->image_bytes);
    uint32_t parse = since(start);

    if (result < 0) {
        text_send("failed: no chip image\n");
        return;
    }
    start = begin();
    result = nt_image_digest_check(&image);
    text_send("image");
    number_send("bytes", (uint32_t)hal->image_bytes);
    number_send("inputs", image.n_inputs);
    number_send("neurons", image.n_neurons);
    number_send("parse", parse);
    number_send("digest", since(start));
    number_send("digest_good", result == NT_OK);
    text_send("\n");
    for (int i = 0; i < 2; i++) {
        text_send(i == 0 ? "portable\n" : "dsp\n");
        kernel_measure(kernel[i], &image);
        for (uint32_t steps = 1; steps <= 8; steps += 7) {
            scratch_at = nt_port_scratch(&scratch_left);
            text_send("memory");
            passes_measure(&image, kernel[i], steps);
        }
    }
}

int nt_program_run(void)
{
    uint32_t start;

    hal = nt_port_init();
    NT_SYSTICK_CTRL = 0; /* no interrupt may count */
    TIM2_PSC = 0;
    TIM2_EGR = 1u;
    (void)hal->tx_write(hal->context, (const uint8_t *)NT_BOOT_MARKER, NT_BOOT_MARKER_BYTES);
    start = begin();
    overhead = since(start);
    image_measure();
    text_send("stack");
    number_send("bytes", nt_stack_used());
    text_send("\ndone\n");
    for (;;)
        hal->idle_wait(hal->context);
}
