/* Lists of active columns: only what spikes costs anything. */
#include "nt_events.h"

#include "nt_bytes.h"

/* Inputs looked at between two checks of the lists' room. */
#define RUN 32u

void nt_events_begin(struct nt_events *events, struct nt_array *array, const struct nt_layer *layer, uint32_t first,
                     size_t words, int split)
{
    events->array = array;
    events->weight = layer->weight + first / 2;
    events->stride = layer->stride;
    events->words = words;
    events->n_inputs = layer->n_inputs;
    events->single = 0;
    events->counted = 0;
    events->total = 0;
    events->split = split;
}

void nt_events_flush(struct nt_events *events)
{
    struct nt_array *array = events->array;
    const struct nt_kernel *kernel = array->kernel;
    if (events->single > 0) {
        kernel->sum_add(array->sum, array->column, events->single, events->words);
        if (events->split)
            kernel->positive_add(array->positive, array->column, events->single, events->words);
    }
    if (events->counted > 0) {
        kernel->sum_add_counted(array->sum, array->column_counted, array->times, events->counted, events->words);
        if (events->split)
            kernel->positive_add_counted(array->positive, array->column_counted, array->times, events->counted,
                                         events->words);
    }
    events->single = 0;
    events->counted = 0;
}

static void room_make(struct nt_events *events)
{
    if (events->single + RUN > NT_ARRAY_EVENTS || events->counted + RUN > NT_ARRAY_EVENTS)
        nt_events_flush(events);
}

/* Most inputs of most samples are silent: four are looked at at once. */
static uint32_t four_load(const uint8_t *counts, uint32_t count)
{
    uint32_t four = 0;
    if (count >= 4)
        return nt_u32_load(counts);
    while (count-- > 0)
        four = four << 8 | counts[count];
    return four;
}

static void run_gather(struct nt_events *events, const uint8_t *counts, uint32_t first, uint32_t end)
{
    const uint8_t *weight = events->weight;
    size_t stride = events->stride;
    const uint8_t **single = events->array->column + events->single;
    uint32_t total = events->total;
    for (uint32_t j = first; j < end; j += 4) {
        uint32_t four = four_load(counts + j, end - j);
        while (four) {
            uint32_t shift = (uint32_t)__builtin_ctz(four) & 24u;
            uint32_t count = four >> shift & 255u;
            const uint8_t *column = weight + (j + shift / 8) * stride;
            four &= ~(255u << shift);
            total += count;
            if (count == 1) {
                *single++ = column;
            } else {
                events->array->column_counted[events->counted] = column;
                events->array->times[events->counted++] = (uint8_t)count;
            }
        }
    }
    events->single = (uint32_t)(single - events->array->column);
    events->total = total;
}

void nt_events_bytes_add(struct nt_events *events, const uint8_t *counts)
{
    for (uint32_t first = 0; first < events->n_inputs; first += RUN) {
        uint32_t left = events->n_inputs - first;
        room_make(events);
        run_gather(events, counts, first, first + (left < RUN ? left : RUN));
    }
}

static void word_gather(struct nt_events *events, uint32_t word, const uint8_t *column)
{
    while (word) {
        events->array->column[events->single] = column + (size_t)(uint32_t)__builtin_ctz(word) * events->stride;
        events->single++;
        events->total++;
        word &= word - 1;
    }
}

void nt_events_bits_add(struct nt_events *events, const uint8_t *bits)
{
    for (uint32_t first = 0; first < events->n_inputs; first += RUN) {
        room_make(events);
        word_gather(events, nt_u32_load(bits + first / 8), events->weight + (size_t)first * events->stride);
    }
}

void nt_events_records_add(struct nt_events *events, const uint8_t *records, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, records += 3) {
        room_make(events);
        events->array->column_counted[events->counted] = events->weight + (size_t)nt_u16_load(records) * events->stride;
        events->array->times[events->counted++] = records[2];
        events->total += records[2];
    }
}
