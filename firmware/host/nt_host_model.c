/* Memory of the host's array: layers, operating points, buffers. */
#define _DEFAULT_SOURCE /* madvise */
#include "nt_host_model.h"

#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "nt_error.h"
#include "nt_random.h"

#define LARGE_PAGE ((size_t)1 << 21)
#define LINE 64u
#define POINT_ARRAYS 7u
#define EDGE_ARRAYS 3u

void *nt_host_memory(size_t bytes)
{
    size_t alignment = bytes >= LARGE_PAGE ? LARGE_PAGE : LINE;
    void *memory = aligned_alloc(alignment, (bytes + LINE + alignment - 1) / alignment * alignment);
#if defined(__linux__)
    if (memory && bytes >= LARGE_PAGE)
        madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

void *nt_host_buffer_reserve(struct nt_host *host, unsigned index, size_t bytes)
{
    struct nt_host_buffer *buffer = &host->buffers[index];
    if (buffer->data && buffer->bytes >= bytes)
        return buffer->data;
    free(buffer->data);
    buffer->data = nt_host_memory(bytes);
    buffer->bytes = buffer->data ? bytes : 0;
    return buffer->data;
}

size_t nt_host_block_bytes(const struct nt_host_layer *layer)
{
    size_t columns = (size_t)layer->passes * NT_HOST_PASS;
    return (columns + (columns + NT_HOST_SECTION - 1) / NT_HOST_SECTION) * NT_HOST_COLUMN;
}

static size_t weight_bytes(const struct nt_host_layer *layer)
{
    return layer->n_blocks * nt_host_block_bytes(layer);
}

static void layer_shape(struct nt_host_layer *layer, const struct nt_host_source *source, uint32_t first_neuron)
{
    layer->n_inputs = source->n_inputs;
    layer->n_neurons = source->n_neurons;
    layer->refractory = source->refractory;
    layer->n_blocks = (source->n_neurons + NT_HOST_BLOCK - 1) / NT_HOST_BLOCK;
    layer->passes = (source->n_inputs + NT_HOST_PASS - 1) / NT_HOST_PASS;
    layer->first_neuron = first_neuron;
}

static int layer_fill(struct nt_host_layer *layer, const struct nt_host_source *source)
{
    size_t entries = (size_t)layer->n_blocks * NT_HOST_BLOCK;
    layer->weight = nt_host_memory(weight_bytes(layer));
    layer->bias = nt_host_memory(entries * sizeof *layer->bias);
    layer->domain = nt_host_memory((size_t)layer->n_neurons * 2 * sizeof *layer->domain);
    if (!layer->weight || !layer->bias || !layer->domain)
        return 0;
    nt_host_layer_pack(layer, source->weight);
    for (size_t i = 0; i < entries; i++)
        layer->bias[i] = i < layer->n_neurons ? source->bias[i] : 0;
    memcpy(layer->domain, source->domain, (size_t)layer->n_neurons * 2 * sizeof *layer->domain);
    return 1;
}

static void back_shape(struct nt_host_layer *back, const struct nt_host_source *source)
{
    struct nt_host_source turned = {.n_inputs = source->n_neurons, .n_neurons = source->n_inputs};
    layer_shape(back, &turned, 0);
    back->unturned = source->weight;
}

int nt_host_back_fill(struct nt_host_layer *back)
{
    if (back->weight)
        return NT_OK;
    back->weight = nt_host_memory(weight_bytes(back));
    if (!back->weight)
        return NT_ERROR_SPACE;
    nt_host_back_pack(back, back->unturned);
    return NT_OK;
}

struct nt_host *nt_host_new(const struct nt_host_isa *isa, const struct nt_host_source *layers, uint32_t n_layers,
                            const uint16_t *readout, uint32_t n_codes)
{
    struct nt_host *host = calloc(1, sizeof *host);
    if (!host)
        return 0;
    host->isa = isa;
    host->n_codes = n_codes;
    host->n_layers = n_layers;
    host->layers = calloc(n_layers, sizeof *host->layers);
    host->backs = calloc(n_layers, sizeof *host->backs);
    size_t outputs = layers[n_layers - 1].n_neurons;
    host->readout = malloc(outputs * sizeof *host->readout);
    int good = host->layers && host->backs && host->readout;
    for (uint32_t i = 0; good && i < n_layers; i++) {
        layer_shape(&host->layers[i], &layers[i], host->n_neurons);
        back_shape(&host->backs[i], &layers[i]);
        good = layer_fill(&host->layers[i], &layers[i]);
        host->n_neurons += layers[i].n_neurons;
    }
    if (!good) {
        nt_host_free(host);
        return 0;
    }
    memcpy(host->readout, readout, outputs * sizeof *host->readout);
    return host;
}

void nt_host_free(struct nt_host *host)
{
    if (!host)
        return;
    nt_host_pool_free(host->pool);
    for (uint32_t i = 0; host->layers && i < host->n_layers; i++) {
        free(host->layers[i].weight);
        free(host->layers[i].bias);
        free(host->layers[i].domain);
    }
    for (uint32_t i = 0; host->backs && i < host->n_layers; i++)
        free(host->backs[i].weight);
    for (unsigned i = 0; i < BUFFERS; i++)
        free(host->buffers[i].data);
    free(host->layers);
    free(host->backs);
    free(host->readout);
    free(host);
}

size_t nt_host_weight_bytes(const struct nt_host *host)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < host->n_layers; i++)
        bytes += weight_bytes(&host->layers[i]) + (host->backs[i].weight ? weight_bytes(&host->backs[i]) : 0);
    return bytes;
}

size_t nt_host_bytes(const struct nt_host *host)
{
    size_t bytes = nt_host_weight_bytes(host);
    for (unsigned i = 0; i < BUFFERS; i++)
        bytes += host->buffers[i].bytes;
    return bytes;
}

struct nt_host_point *nt_host_point_new(const struct nt_host *host)
{
    size_t entries = 0;
    for (uint32_t i = 0; i < host->n_layers; i++)
        entries += (size_t)host->layers[i].n_blocks * NT_HOST_BLOCK;
    size_t head = sizeof(struct nt_host_point) + host->n_layers * sizeof(struct nt_host_point_layer);
    head = (head + LINE - 1) / LINE * LINE;
    size_t entry_bytes = POINT_ARRAYS * sizeof(int32_t) + EDGE_ARRAYS * sizeof(int16_t);
    uint8_t *memory = nt_host_memory(head + entries * entry_bytes);
    struct nt_host_point *point = (void *)memory;
    if (!point)
        return 0;
    int32_t *values = (void *)(memory + head);
    int16_t *edges = (void *)(values + entries * POINT_ARRAYS);
    point->n_layers = host->n_layers;
    point->isa = host->isa;
    for (uint32_t i = 0; i < host->n_layers; i++) {
        struct nt_host_point_layer *layer = &point->layers[i];
        layer->entries = host->layers[i].n_blocks * NT_HOST_BLOCK;
        layer->values = values;
        layer->edges = host->layers[i].passes * NT_HOST_PASS <= NT_HOST_SECTION ? edges : 0;
        layer->cells.bias = host->layers[i].bias;
        layer->cells.refractory = (int32_t)host->layers[i].refractory;
        memset(values, 0, layer->entries * POINT_ARRAYS * sizeof *values);
        values += (size_t)layer->entries * POINT_ARRAYS;
        edges += (size_t)layer->entries * EDGE_ARRAYS;
    }
    return point;
}

struct nt_host_cells nt_host_block_cells(const struct nt_host_cells *layer, uint32_t block)
{
    struct nt_host_cells cells = *layer;
    size_t at = (size_t)block * NT_HOST_BLOCK;
    cells.bias += at;
    cells.gain_exc_q12 += at;
    cells.gain_inh_q12 += at;
    cells.threshold_q8 += at;
    cells.leak_q16 += at;
    cells.works += at;
    cells.stuck += at;
    if (cells.sigma_q8)
        cells.sigma_q8 += at;
    return cells;
}

void nt_host_point_free(struct nt_host_point *point)
{
    free(point);
}
