/* Forward pass of a batch: layer by layer, block by block, with all rows of a chunk of samples in one go. */
#include <string.h>

#include "nt_error.h"
#include "nt_host_edges.h"
#include "nt_host_input.h"

/* Rows of a chunk: enough that tables and weights pay, few enough that rasters stay in the cache. */
#define CHUNK_ROWS 1024u
#define STEPS_MAX 255u
#define BIAS_MOST 32768u
#define RASTER_BYTES (NT_HOST_BLOCK / 8)

struct layer_run {
    const struct nt_host *host;
    const struct nt_host_layer *layer;
    uint32_t index;
    const struct nt_host_input *input;
    const struct nt_host_point *const *points;
    uint32_t n_points;
    uint32_t steps;
    uint64_t first_step;
    const struct nt_response *response; /* of the chunk's first sample */
    uint8_t *raster;                    /* null above the last layer */
    size_t raster_stride;
    struct nt_host_lane *lanes;
    int is_split;
    int is_narrow; /* sums stay in 16 bits up to the neurons */
};

/* Rows of a tile whose noise is drawn together. */
struct piece {
    uint32_t row; /* within the tile */
    uint32_t rows;
    uint32_t repeat_first;
    uint32_t repeat;
};

static struct nt_host_cells block_cells(const struct layer_run *run, uint32_t point, uint32_t block)
{
    struct nt_host_cells cells = nt_host_block_cells(&run->points[point]->layers[run->index].cells, block);
    cells.is_split = run->is_split;
    uint64_t product = ((uint64_t)run->input->most + BIAS_MOST) * (uint64_t)run->points[point]->layers[run->index].gains;
    cells.drive_fits = product <= INT32_MAX;
    cells.membrane_fits = ((product >> 4) + 1) * run->steps <= INT32_MAX;
    return cells;
}

static struct nt_host_out block_out(const struct layer_run *run, uint32_t point, uint32_t block, size_t time)
{
    uint32_t first = block * NT_HOST_BLOCK;
    uint32_t left = run->layer->n_neurons - first;
    size_t at = time / run->steps * run->host->n_neurons + run->layer->first_neuron + first;
    const struct nt_response *response = run->response;
    struct nt_host_out out = {.stride = run->host->n_neurons, .raster_stride = run->raster_stride};
    out.neurons = left < NT_HOST_BLOCK ? left : NT_HOST_BLOCK;
    out.counts = response->counts[point] ? response->counts[point] + at : 0;
    if (point > 0)
        return out;
    out.compared_q8 = response->compared_q8 ? response->compared_q8 + at : 0;
    out.membrane_q8 = response->membrane_q8 ? response->membrane_q8 + at : 0;
    if (run->raster)
        out.raster = run->raster + time * run->raster_stride + block * RASTER_BYTES;
    return out;
}

static void noise_ready(const struct layer_run *run, struct nt_host_lane *lane, uint32_t block, uint32_t point,
                        size_t time, size_t steps)
{
    uint64_t key = run->points[point]->layers[run->index].noise_key;
    if (lane->is_drawn && lane->drawn_key == key)
        return;
    run->host->isa->noise_draw((int32_t *)lane->draw, key, run->first_step + time, block * NT_HOST_BLOCK, steps);
    lane->is_drawn = 1;
    lane->drawn_key = key;
}

static void piece_run(const struct layer_run *run, struct nt_host_lane *lane, uint32_t block, uint32_t tile_row,
                      const struct piece *piece, uint32_t point)
{
    struct nt_host_cells cells = block_cells(run, point, block);
    uint32_t row = tile_row + piece->row;
    size_t time = (size_t)row * run->input->repeat + piece->repeat_first;
    struct nt_host_out out = block_out(run, point, block, time);
    /* Points share what is drawn; one alone, whose membranes nobody asks for, hardly needs any. */
    int is_drawn = cells.sigma_q8 && !run->is_narrow && (run->n_points > 1 || out.compared_q8 || out.membrane_q8);
    if (is_drawn)
        noise_ready(run, lane, block, point, time, (size_t)piece->rows * piece->repeat);
    struct nt_host_rows rows = {
        .sum = (uint32_t *)lane->sum + piece->row * NT_HOST_BLOCK,
        .narrow = run->is_narrow ? (int16_t *)lane->narrow + piece->row * NT_HOST_BLOCK : 0,
        .positive = (uint32_t *)lane->positive + piece->row * NT_HOST_BLOCK,
        .draw = is_drawn ? (int32_t *)lane->draw : 0,
        .noise_key = run->points[point]->layers[run->index].noise_key,
        .time = run->first_step + time,
        .neuron = block * NT_HOST_BLOCK,
        .offset = run->input->offset + row,
        .count = piece->rows,
        .repeat = piece->repeat,
        .step = (uint32_t)(time % run->steps),
        .steps = run->steps,
    };
    if (run->is_narrow && run->steps == 1) {
        struct nt_host_edges edges = nt_host_edges_at(&run->points[point]->layers[run->index], block);
        nt_host_edges_run(run->host->isa, &edges, &cells, &rows, &out, (uint16_t *)lane->draw);
        return;
    }
    run->host->isa->neurons_run(&lane->state[point], &cells, &rows, &out);
}

static int is_noisy(const struct layer_run *run)
{
    for (uint32_t p = 0; p < run->n_points; p++)
        if (run->points[p]->layers[run->index].cells.sigma_q8)
            return 1;
    return 0;
}

static void piece_run_points(const struct layer_run *run, struct nt_host_lane *lane, uint32_t block,
                             uint32_t tile_row, const struct piece *piece)
{
    lane->is_drawn = 0;
    for (uint32_t p = 0; p < run->n_points; p++)
        piece_run(run, lane, block, tile_row, piece, p);
}

/* The lane holds noise for a tile of time steps; rows that repeat take it in pieces. */
static void tile_run(const struct layer_run *run, struct nt_host_lane *lane, uint32_t block, uint32_t tile_row,
                     uint32_t rows)
{
    uint32_t repeat = run->input->repeat;
    if (repeat == 1 || !is_noisy(run)) {
        piece_run_points(run, lane, block, tile_row, &(struct piece){0, rows, 0, repeat});
        return;
    }
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t first = 0; first < repeat; first += NT_HOST_TILE) {
            uint32_t left = repeat - first;
            struct piece piece = {r, 1, first, left < NT_HOST_TILE ? left : NT_HOST_TILE};
            piece_run_points(run, lane, block, tile_row, &piece);
        }
}

static void block_run(void *context, uint32_t block, uint32_t lane_index)
{
    const struct layer_run *run = context;
    struct nt_host_lane *lane = &run->lanes[lane_index];
    for (uint32_t row = 0; row < run->input->rows; row += NT_HOST_TILE) {
        uint32_t left = run->input->rows - row;
        uint32_t rows = left < NT_HOST_TILE ? left : NT_HOST_TILE;
        if (run->is_narrow)
            nt_host_sums_narrow(run->host, run->input, run->layer, block, row, rows, lane);
        else
            nt_host_sums_add(run->host, run->input, run->layer, block, row, rows, lane, 0);
        if (run->is_split)
            nt_host_sums_add(run->host, run->input, run->layer, block, row, rows, lane, 1);
        tile_run(run, lane, block, row, rows);
    }
}

static int any_point_is_split(const struct layer_run *run)
{
    for (uint32_t p = 0; p < run->n_points; p++)
        if (run->points[p]->layers[run->index].cells.is_split)
            return 1;
    return 0;
}

/* One step needs edges alone; several need membranes that 32 bits hold, of one leak. */
static int layer_is_narrow(const struct layer_run *run)
{
    const struct nt_host_input *input = run->input;
    if (run->is_split || input->n_planes != 1 || input->planes[0] != 0 || run->response->compared_q8 ||
        run->response->membrane_q8)
        return 0;
    for (uint32_t p = 0; p < run->n_points; p++) {
        struct nt_host_cells cells = block_cells(run, p, 0);
        int is_timed = cells.leak_is_even && !cells.sigma_q8 && cells.drive_fits && cells.membrane_fits;
        if (!run->points[p]->layers[run->index].edges || (run->steps > 1 && !is_timed))
            return 0;
    }
    return 1;
}

uint32_t nt_host_threads(const struct nt_host_options *options, double cost_ns)
{
    double each_ns = 1e3 * options->thread_us;
    if (cost_ns >= each_ns * options->threads)
        return options->threads;
    return cost_ns < 2 * each_ns ? 1 : (uint32_t)(cost_ns / each_ns);
}

static uint32_t threads_for(const struct layer_run *run, const struct nt_host_options *options)
{
    double block_ns = nt_host_input_cost(run->host, run->input, run->layer) * (1 + run->is_split);
    return nt_host_threads(options, block_ns * run->layer->n_blocks);
}

/* The raster of the layer just run becomes the input of the next. */
static int raster_hand_up(struct nt_host *host, const struct nt_host_options *options, const struct layer_run *run,
                          struct nt_host_input *input, uint32_t samples)
{
    input->bits = run->raster;
    input->stride = run->raster_stride;
    input->rows = samples * run->steps;
    input->repeat = 1;
    input->n_planes = 1;
    input->planes[0] = 0;
    return nt_host_input_count(host, options, input, run->layer + 1);
}

static int raster_reserve(struct nt_host *host, struct layer_run *run, uint32_t samples)
{
    run->raster = 0;
    if (run->index + 1 == host->n_layers)
        return NT_OK;
    unsigned buffer = run->index % 2 == 0 ? BUFFER_RASTER_A : BUFFER_RASTER_B;
    run->raster_stride = (size_t)run->layer->n_blocks * RASTER_BYTES;
    run->raster = nt_host_buffer_reserve(host, buffer, (size_t)samples * run->steps * run->raster_stride);
    return run->raster ? NT_OK : NT_ERROR_SPACE;
}

static int chunk_run(struct nt_host *host, const struct nt_host_options *options, struct layer_run *run,
                     const uint8_t *events, uint32_t samples)
{
    struct nt_host_input input = {0};
    run->input = &input;
    int result = nt_host_input_read(host, options, &input, events, samples, run->steps);
    for (uint32_t index = 0; index < host->n_layers && result == NT_OK; index++) {
        run->index = index;
        run->layer = &host->layers[index];
        run->is_split = any_point_is_split(run);
        run->is_narrow = layer_is_narrow(run);
        result = nt_host_input_prepare(host, options, &input, run->layer);
        if (result == NT_OK)
            result = raster_reserve(host, run, samples);
        if (result < 0)
            return result;
        nt_host_pool_run(&host->pool, block_run, run, run->layer->n_blocks, threads_for(run, options));
        if (run->raster)
            result = raster_hand_up(host, options, run, &input, samples);
    }
    return result;
}

static void response_from(const struct nt_response *all, size_t at, struct nt_response *from)
{
    for (unsigned p = 0; p < NT_ARRAY_POINTS; p++)
        from->counts[p] = all->counts[p] ? all->counts[p] + at : 0;
    from->compared_q8 = all->compared_q8 ? all->compared_q8 + at : 0;
    from->membrane_q8 = all->membrane_q8 ? all->membrane_q8 + at : 0;
}

int nt_host_run(struct nt_host *host, const struct nt_host_options *options, const struct nt_host_point *const *points,
                uint32_t n_points, const uint8_t *events, uint32_t samples, uint32_t steps, uint64_t first_step,
                const struct nt_response *response)
{
    struct nt_response part;
    struct layer_run run = {.host = host, .points = points, .n_points = n_points, .steps = steps, .response = &part};
    if (n_points < 1 || n_points > NT_ARRAY_POINTS || steps < 1 || steps > STEPS_MAX || options->threads < 1)
        return NT_ERROR_ARGUMENT;
    run.lanes = nt_host_buffer_reserve(host, BUFFER_LANES, options->threads * sizeof *run.lanes);
    if (!run.lanes)
        return NT_ERROR_SPACE;
    uint32_t chunk = CHUNK_ROWS / steps;
    size_t sample_bytes = (size_t)steps * host->layers[0].n_inputs;
    for (uint32_t b = 0; b < samples; b += chunk) {
        uint32_t left = samples - b;
        response_from(response, (size_t)b * host->n_neurons, &part);
        run.first_step = first_step + (uint64_t)b * steps;
        int result = chunk_run(host, options, &run, events + b * sample_bytes, left < chunk ? left : chunk);
        if (result < 0)
            return result;
    }
    return NT_OK;
}
