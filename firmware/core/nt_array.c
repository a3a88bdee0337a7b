/* Forward pass: layer by layer and, within a layer, in blocks of neurons whose state stays small while time runs. */
#include "nt_array.h"

#include "nt_cold.h"
#include "nt_error.h"
#include "nt_events.h"
#include "nt_neuron.h"
#include "nt_random.h"

#define STEPS_MAX 255u
#define ALIGNMENT 8u

struct layer_run {
    struct nt_array *array;
    struct nt_layer layer;
    struct nt_step step;
    struct nt_point points[NT_ARRAY_POINTS];
    const struct nt_response *response;
    const struct nt_drive *drive; /* null in a forward pass */
    const uint8_t *events; /* of the chip's inputs; null above the first layer */
    const uint8_t *below;  /* raster of the layer below; null in the first layer */
    uint8_t *above;        /* raster of this layer; null in the last one */
    uint64_t first_step;
    uint32_t n_points;
    uint32_t steps;
    uint32_t first_neuron; /* of the layer within the image */
    int is_once;           /* only the spikes of a single step are wanted */
};

static size_t rounded_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t raster_stride(const struct nt_image *image)
{
    return ((size_t)image->widest + 31) / 32 * 4;
}

static int shape_is_legal(const struct nt_array_shape *shape)
{
    return shape->block_neurons >= 8 && shape->block_neurons % 8 == 0 &&
           shape->block_neurons <= NT_IMAGE_NEURONS_MAX && shape->steps >= 1 && shape->steps <= STEPS_MAX &&
           shape->points >= 1 && shape->points <= NT_ARRAY_POINTS;
}

/* Hands out consecutive pieces of the scratch; with a null base it only counts. */
static void *piece_take(uint8_t *base, size_t *used, size_t bytes)
{
    void *piece = base ? base + *used : 0;
    *used += rounded_up(bytes);
    return piece;
}

static size_t scratch_carve(struct nt_array *array, uint8_t *base)
{
    size_t used = 0;
    size_t block = array->shape.block_neurons;
    size_t state = block * array->shape.points;
    size_t raster = array->image->n_layers > 1 ? array->raster_stride * array->shape.steps : 0;
    array->membrane = piece_take(base, &used, state * sizeof(int32_t));
    array->sum = piece_take(base, &used, block * sizeof(uint32_t));
    array->positive = piece_take(base, &used, block * sizeof(uint32_t));
    array->column = piece_take(base, &used, NT_ARRAY_EVENTS * sizeof(uint8_t *));
    array->column_counted = piece_take(base, &used, NT_ARRAY_EVENTS * sizeof(uint8_t *));
    array->times = piece_take(base, &used, NT_ARRAY_EVENTS);
    array->hold = piece_take(base, &used, state);
    array->raster[0] = piece_take(base, &used, raster);
    array->raster[1] = piece_take(base, &used, raster);
    return used;
}

static void array_shape_set(struct nt_array *array, const struct nt_image *image, const struct nt_array_shape *shape)
{
    array->image = image;
    array->shape = *shape;
    array->raster_stride = raster_stride(image);
}

NT_COLD size_t nt_array_scratch_size(const struct nt_image *image, const struct nt_array_shape *shape)
{
    struct nt_array counted;
    if (!shape_is_legal(shape))
        return 0;
    array_shape_set(&counted, image, shape);
    return scratch_carve(&counted, 0);
}

/* Layers whose neurons have two domains each; others have one gain at any codes. */
static void pairs_find(struct nt_array *array)
{
    for (uint32_t index = 0; index < array->image->n_layers; index++) {
        struct nt_layer layer;
        nt_image_layer_get(array->image, index, &layer);
        array->paired[index / 32] &= ~(1u << index % 32);
        for (uint32_t i = 0; i < layer.n_neurons; i++)
            if (nt_layer_domain_exc(&layer, i) != nt_layer_domain_inh(&layer, i))
                array->paired[index / 32] |= 1u << index % 32;
    }
}

NT_COLD int nt_array_begin(struct nt_array *array, const struct nt_image *image, const struct nt_kernel *kernel,
                   const struct nt_array_shape *shape, void *scratch, size_t scratch_bytes)
{
    if (!shape_is_legal(shape) || (uintptr_t)scratch % ALIGNMENT != 0)
        return NT_ERROR_ARGUMENT;
    if (!scratch || scratch_bytes < nt_array_scratch_size(image, shape))
        return NT_ERROR_SPACE;
    array_shape_set(array, image, shape);
    array->kernel = kernel;
    array->compared_first = 0;
    pairs_find(array);
    scratch_carve(array, scratch);
    return NT_OK;
}

static void words_clear(uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        words[i] = 0;
}

static void bytes_clear(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = 0;
}

static void points_resolve(struct layer_run *run, const struct nt_operating *const *operating, uint32_t index)
{
    for (uint32_t p = 0; p < run->n_points; p++) {
        struct nt_point *point = &run->points[p];
        point->codes = operating[p]->codes;
        (void)index;
#ifndef NT_ARRAY_IDEAL
        point->operating = (struct nt_layer_operating){0};
        if (operating[p]->layers)
            point->operating = operating[p]->layers[index];
        point->noise_key = point->operating.noise_q8 ? nt_random_noise_key(point->operating.noise_seed, index) : 0;
#endif
    }
}

static int any_point_is_split(const struct layer_run *run)
{
    for (uint32_t p = 0; p < run->n_points; p++)
        if (nt_point_is_split(&run->points[p], &run->step))
            return 1;
    return 0;
}

/* Where the block's results go. */
static void block_begin(struct layer_run *run, uint32_t first)
{
    size_t at = (size_t)run->first_neuron + first;
    int is_compared = run->response->compared_q8 && run->first_neuron >= run->array->compared_first;
    run->step.first = first;
    for (uint32_t p = 0; p < run->n_points; p++) {
        struct nt_point *point = &run->points[p];
        size_t state = (size_t)p * run->array->shape.block_neurons;
        uint8_t *counts = run->response->counts[p];
        point->membrane = run->array->membrane + state;
        point->hold = run->array->hold + state;
        point->counts = counts ? counts + at : 0;
        point->compared_q8 = p == 0 && is_compared ? run->response->compared_q8 + at : 0;
    }
}

static void state_clear(struct layer_run *run, uint32_t neurons)
{
    for (uint32_t p = 0; p < run->n_points; p++) {
        struct nt_point *point = &run->points[p];
        words_clear((uint32_t *)(void *)point->membrane, neurons);
        bytes_clear(point->hold, neurons);
        if (point->counts)
            bytes_clear(point->counts, neurons);
    }
}

static void block_end(const struct layer_run *run, uint32_t first, uint32_t neurons)
{
    if (!run->response->membrane_q8)
        return;
    int32_t *out = run->response->membrane_q8 + run->first_neuron + first;
    for (uint32_t i = 0; i < neurons; i++)
        out[i] = run->array->membrane[i];
}

/* Sums of the block at step t, exact: I less the bias, plus 8 per event. */
static void sums_gather(struct layer_run *run, uint32_t t, size_t words)
{
    struct nt_array *array = run->array;
    struct nt_events events;
    nt_events_begin(&events, array, &run->layer, run->step.first, words, run->step.positive != 0);
    words_clear(array->sum, 8 * words);
    if (run->step.positive)
        words_clear(array->positive, 8 * words);
    if (run->drive)
        nt_events_records_add(&events, run->drive->records, run->drive->n_records);
    else if (run->events)
        nt_events_bytes_add(&events, run->events + (size_t)t * run->layer.n_inputs);
    else
        nt_events_bits_add(&events, run->below + (size_t)t * array->raster_stride);
    nt_events_flush(&events);
    run->step.offset = 8 * events.total;
}

static void block_step(struct layer_run *run, uint32_t t, uint32_t neurons)
{
    uint8_t *raster = run->above ? run->above + (size_t)t * run->array->raster_stride + run->step.first / 8 : 0;
    if (t == 0 || !run->drive)
        sums_gather(run, t, (neurons + 7) / 8);
    if (run->is_once && nt_neurons_fit_once(&run->step, run->points)) {
        nt_neurons_step_once(&run->step, run->points, run->n_points, neurons, raster);
        return;
    }
    if (t == 0)
        state_clear(run, neurons);
    run->step.time = run->first_step + t;
    nt_neurons_step(&run->step, run->points, run->n_points, neurons, raster);
}

static void layer_run_blocks(struct layer_run *run)
{
    uint32_t block = run->array->shape.block_neurons;
    /* A layer's last word of raster may reach beyond its last block. */
    if (run->above)
        bytes_clear(run->above, run->steps * run->array->raster_stride);
    for (uint32_t first = 0; first < run->layer.n_neurons; first += block) {
        uint32_t left = run->layer.n_neurons - first;
        uint32_t neurons = left < block ? left : block;
        block_begin(run, first);
        for (uint32_t t = 0; t < run->steps; t++)
            block_step(run, t, neurons);
        block_end(run, first, neurons);
    }
}

static void layer_prepare(struct layer_run *run, const struct nt_operating *const *operating, uint32_t index)
{
    struct nt_array *array = run->array;
    nt_image_layer_get(array->image, index, &run->layer);
    run->below = index > 0 ? array->raster[(index + 1) % 2] : 0;
    run->above = index + 1u < array->image->n_layers ? array->raster[index % 2] : 0;
    run->step.image = array->image;
    run->step.layer = &run->layer;
    run->step.sum = array->sum;
    run->step.nominal_leak_q16 = run->layer.leak ? 65536u >> run->layer.leak : 0;
    points_resolve(run, operating, index);
    int is_plain = nt_points_are_plain(run->points, run->n_points);
    int is_paired = array->paired[index / 32] >> index % 32 & 1;
    run->step.positive = (is_paired || !is_plain) && any_point_is_split(run) ? array->positive : 0;
    run->step.is_plain = is_plain && !run->step.positive;
    run->is_once = run->steps == 1 && !run->response->membrane_q8;
}

static int operating_is_complete(const struct nt_array *array, const struct nt_operating *operating)
{
#ifdef NT_ARRAY_IDEAL
    (void)array;
    return operating->codes && !operating->layers;
#else
    if (operating->codes)
        return 1;
    for (uint32_t i = 0; i < array->image->n_layers; i++)
        if (!operating->layers || !operating->layers[i].gain_q12)
            return 0;
    return 1;
#endif
}

int nt_array_run(struct nt_array *array, const struct nt_operating *const *operating, uint32_t points,
                 const uint8_t *events, uint32_t steps, uint64_t first_step, const struct nt_response *response)
{
    struct layer_run run = {.array = array, .response = response, .events = events, .first_step = first_step};
    if (points < 1 || points > array->shape.points || steps < 1 || steps > array->shape.steps)
        return NT_ERROR_ARGUMENT;
    for (uint32_t p = 0; p < points; p++)
        if (!operating_is_complete(array, operating[p]))
            return NT_ERROR_ARGUMENT;
    run.n_points = points;
    run.steps = steps;
    for (uint32_t index = 0; index < array->image->n_layers; index++) {
        layer_prepare(&run, operating, index);
        layer_run_blocks(&run);
        run.first_neuron += run.layer.n_neurons;
        run.events = 0;
    }
    return NT_OK;
}

void nt_array_drive(struct nt_array *array, const struct nt_operating *operating, const struct nt_drive *drive,
                    uint8_t *counts)
{
    const struct nt_response response = {.counts = {counts}};
    struct layer_run run = {.array = array, .response = &response, .drive = drive};
    run.n_points = 1;
    run.steps = drive->steps;
    layer_prepare(&run, &operating, drive->layer);
    run.above = 0;
    layer_run_blocks(&run);
}
