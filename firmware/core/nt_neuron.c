/* The equations of a neuron (docs/spec.md, section 1). */
#include "nt_neuron.h"

#include "nt_random.h"

#define WEIGHT_MAX 7u
#define BIAS_MAX 32768u

/* What all operating points of a group share. With one gain for both parts all of I stands in `exc`. */
struct group {
    uint32_t first; /* within the block */
    uint32_t count;
    int32_t exc[NT_NEURON_GROUP];
    int32_t inh[NT_NEURON_GROUP];
    int32_t draw[NT_NEURON_GROUP]; /* of the noise with `noise_key`, once `drawn` */
    uint64_t noise_key;
    int drawn;
};

/* What silicon adds. The boards' array is ideal: built with NT_ARRAY_IDEAL, they leave the code for it out. */
static inline const struct nt_layer_operating *silicon(const struct nt_point *point)
{
#ifdef NT_ARRAY_IDEAL
    static const struct nt_layer_operating ideal;
    (void)point;
    return &ideal;
#else
    return &point->operating;
#endif
}

static uint32_t gain_exc_q12(const struct nt_point *point, const struct nt_step *step, uint32_t neuron)
{
    if (silicon(point)->gain_q12)
        return silicon(point)->gain_q12[2 * (size_t)neuron];
    return nt_image_gain_q12(step->image, point->codes[nt_layer_domain_exc(step->layer, neuron)]);
}

static uint32_t gain_inh_q12(const struct nt_point *point, const struct nt_step *step, uint32_t neuron)
{
    if (silicon(point)->gain_q12)
        return silicon(point)->gain_q12[2 * (size_t)neuron + 1];
    return nt_image_gain_q12(step->image, point->codes[nt_layer_domain_inh(step->layer, neuron)]);
}

int nt_point_is_split(const struct nt_point *point, const struct nt_step *step)
{
    uint32_t differ = 0;
    for (uint32_t i = 0; i < step->layer->n_neurons; i++)
        differ |= gain_exc_q12(point, step, i) ^ gain_inh_q12(point, step, i);
    return differ != 0;
}

static int32_t threshold_q8(const struct nt_point *point, const struct nt_step *step, uint32_t neuron)
{
    if (silicon(point)->threshold_q8)
        return silicon(point)->threshold_q8[neuron];
    return nt_i32_load(step->layer->threshold + 4 * (size_t)neuron);
}

static int32_t leaked_q8(const struct nt_point *point, const struct nt_step *step, uint32_t neuron, int32_t membrane,
                         int32_t drive)
{
    int64_t leak = silicon(point)->leak_q16 ? silicon(point)->leak_q16[neuron] : step->nominal_leak_q16;
    return nt_i32_saturate(membrane - (((int64_t)membrane * leak) >> 16) + drive);
}

static int32_t drive_q8(const struct nt_point *point, const struct nt_step *step, uint32_t neuron, int32_t exc,
                        int32_t inh)
{
    int64_t product = (int64_t)exc * gain_exc_q12(point, step, neuron);
    if (step->positive)
        product += (int64_t)inh * gain_inh_q12(point, step, neuron);
    return nt_i32_saturate(product >> 4);
}

static void sums_split(const struct nt_step *step, uint32_t i, int32_t bias, struct group *group, uint32_t k)
{
    int32_t exc = (int32_t)step->positive[i];
    group->exc[k] = exc + (bias > 0 ? bias : 0);
    group->inh[k] = (int32_t)(step->sum[i] - step->offset) - exc + (bias < 0 ? bias : 0);
}

/* 2^20 inputs of 255 events at weight 7 and the bias fit 32 bits. */
static void sums_finish(const struct nt_step *step, struct group *group)
{
    for (uint32_t k = 0; k < group->count; k++) {
        uint32_t i = group->first + k;
        int32_t bias = nt_i16_load(step->layer->bias + 2 * (size_t)(step->first + i));
        if (step->positive)
            sums_split(step, i, bias, group, k);
        else
            group->exc[k] = (int32_t)(step->sum[i] - step->offset) + bias;
    }
}

/* Draws are kept for the next point, which mostly has the same seed. */
static void noise_draw(const struct nt_point *point, const struct nt_step *step, struct group *group)
{
    if (!silicon(point)->noise_q8 || (group->drawn && group->noise_key == point->noise_key))
        return;
    for (uint32_t k = 0; k < group->count; k++)
        group->draw[k] = nt_random_noise_draw(point->noise_key, step->time, step->first + group->first + k);
    group->noise_key = point->noise_key;
    group->drawn = 1;
}

static int32_t compared_q8(const struct nt_point *point, uint32_t neuron, int32_t membrane, int32_t draw)
{
    if (!silicon(point)->noise_q8)
        return membrane;
    return nt_i32_saturate(membrane + nt_random_noise_scale(draw, silicon(point)->noise_q8[neuron]));
}

static uint32_t fault_apply(const struct nt_point *point, uint32_t neuron, uint32_t spike)
{
    int fault = silicon(point)->fault ? silicon(point)->fault[neuron] : 0;
    if (fault == 0)
        return spike;
    return fault > 0;
}

static inline uint32_t neuron_step(const struct nt_step *step, const struct nt_point *point,
                                   const struct group *group, uint32_t k)
{
    uint32_t i = group->first + k;
    uint32_t neuron = step->first + i;
    uint8_t held = point->hold[i];
    int32_t drive = held ? 0 : drive_q8(point, step, neuron, group->exc[k], group->inh[k]);
    int32_t membrane = leaked_q8(point, step, neuron, point->membrane[i], drive);
    int32_t compared = compared_q8(point, neuron, membrane, group->draw[k]);
    uint32_t spike = (compared >= threshold_q8(point, step, neuron)) & (held == 0);
    spike = fault_apply(point, neuron, spike);
    /* Spikes are hard to predict: masks cost less than a branch. */
    uint32_t keep = spike - 1u;
    point->membrane[i] = (int32_t)((uint32_t)membrane & keep);
    point->hold[i] = (uint8_t)((step->layer->refractory & ~keep) | ((uint32_t)(held - (held != 0)) & keep));
    if (point->counts)
        point->counts[i] = (uint8_t)(point->counts[i] + spike);
    if (point->compared_q8)
        point->compared_q8[i] = compared;
    return spike;
}

/* Restricted, since stores through byte pointers could otherwise change the structs for all that a compiler knows. */
static uint32_t point_step(const struct nt_step *restrict step, const struct nt_point *restrict point,
                           const struct group *restrict group)
{
    uint32_t spikes = 0;
    for (uint32_t k = 0; k < group->count; k++)
        spikes |= neuron_step(step, point, group, k) << k;
    return spikes;
}

int nt_points_are_plain(const struct nt_point *points, uint32_t n_points)
{
    for (uint32_t p = 0; p < n_points; p++) {
        const struct nt_layer_operating *at = silicon(&points[p]);
        if (at->gain_q12 || at->threshold_q8 || at->leak_q16 || at->noise_q8 || at->fault)
            return 0;
    }
    return 1;
}

/* sat(product >> 4), with one compare instead of two of 64 bits. */
static inline int32_t drive_of(int32_t current, uint32_t gain)
{
    int64_t product = (int64_t)current * (int32_t)gain;
    uint32_t low = (uint32_t)((uint64_t)product >> 4);
    int32_t high = (int32_t)(product >> 36);
    if (high != (int32_t)low >> 31)
        return high < 0 ? INT32_MIN : INT32_MAX;
    return (int32_t)low;
}

static inline int32_t saturated_sum(int32_t a, int32_t b)
{
    int32_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return a < 0 ? INT32_MIN : INT32_MAX;
    return sum;
}

static uint32_t plain_step(const struct nt_step *restrict step, const struct nt_point *restrict point, uint32_t i,
                           uint32_t count)
{
    const struct nt_layer *layer = step->layer;
    uint32_t neuron = step->first + i;
    const uint8_t *bias = layer->bias + 2 * (size_t)neuron;
    const uint8_t *domain = layer->domain + 4 * (size_t)neuron;
    const uint8_t *threshold = layer->threshold + 4 * (size_t)neuron;
    const uint8_t *codes = point->codes;
    const uint8_t *gain = step->image->gain;
    const uint32_t *sum = step->sum + i;
    int32_t *restrict membrane = point->membrane + i;
    uint8_t *restrict hold = point->hold + i;
    uint8_t *restrict counts = point->counts ? point->counts + i : 0;
    int32_t *restrict compared = point->compared_q8 ? point->compared_q8 + i : 0;
    uint32_t offset = step->offset;
    uint32_t refractory = layer->refractory;
    unsigned leak = layer->leak;
    uint32_t spikes = 0;
    for (uint32_t k = 0; k < count; k++) {
        int32_t v = membrane[k];
        uint32_t held = hold[k];
        if (leak)
            v -= v >> leak;
        if (held == 0) {
            int32_t current = (int32_t)(sum[k] - offset) + nt_i16_load(bias + 2 * k);
            uint32_t code = codes[nt_u16_load(domain + 4 * k)];
            v = saturated_sum(v, drive_of(current, nt_u16_load(gain + 2 * code)));
        } else {
            hold[k] = (uint8_t)(held - 1);
        }
        if (compared)
            compared[k] = v;
        if (held == 0 && v >= nt_i32_load(threshold + 4 * k)) {
            spikes |= 1u << k;
            v = 0;
            if (refractory)
                hold[k] = (uint8_t)refractory;
            if (counts)
                counts[k]++;
        }
        membrane[k] = v;
    }
    return spikes;
}

static uint32_t group_step(const struct nt_step *step, const struct nt_point *points, uint32_t n_points, uint32_t i,
                           uint32_t count)
{
    struct group group = {.first = i, .count = count};
    uint32_t spikes = 0;
    sums_finish(step, &group);
    for (uint32_t p = 0; p < n_points; p++) {
        noise_draw(&points[p], step, &group);
        uint32_t own = point_step(step, &points[p], &group);
        if (p == 0)
            spikes = own;
    }
    return spikes;
}

void nt_neurons_step(const struct nt_step *step, const struct nt_point *points, uint32_t n_points, uint32_t neurons,
                     uint8_t *raster)
{
    for (uint32_t i = 0; i < neurons; i += NT_NEURON_GROUP) {
        uint32_t count = neurons - i < NT_NEURON_GROUP ? neurons - i : NT_NEURON_GROUP;
        uint32_t spikes;
        if (step->is_plain) {
            spikes = plain_step(step, &points[0], i, count);
            for (uint32_t p = 1; p < n_points; p++)
                plain_step(step, &points[p], i, count);
        } else {
            spikes = group_step(step, points, n_points, i, count);
        }
        if (raster)
            *raster++ = (uint8_t)spikes;
    }
}

int nt_neurons_fit_once(const struct nt_step *step, const struct nt_point *points)
{
    uint32_t largest = WEIGHT_MAX * (step->offset / 8) + BIAS_MAX;
    return step->is_plain && !points[0].compared_q8 && largest <= INT32_MAX / nt_image_gain_q12(step->image, 255);
}

/* From the sums of nibbles to I, in place. */
static void currents_finish(const struct nt_step *restrict step, uint32_t neurons)
{
    const uint8_t *bias = step->layer->bias + 2 * (size_t)step->first;
    uint32_t *restrict sum = step->sum;
    uint32_t offset = step->offset;
    for (uint32_t i = 0; i < neurons; i++)
        sum[i] = (uint32_t)((int32_t)(sum[i] - offset) + nt_i16_load(bias + 2 * i));
}

/* D >= theta with D = I gain >> 4, as V starts from 0. */
static void once_point(const struct nt_step *restrict step, const uint8_t *restrict codes, uint8_t *restrict spikes,
                       uint32_t neurons)
{
    const uint8_t *domain = step->layer->domain + 4 * (size_t)step->first;
    const uint8_t *threshold = step->layer->threshold + 4 * (size_t)step->first;
    const uint8_t *gain = step->image->gain;
    const uint32_t *restrict current = step->sum;
    for (uint32_t i = 0; i < neurons; i++) {
        uint32_t code = codes[nt_u16_load(domain + 4 * i)];
        int32_t product = (int32_t)current[i] * nt_u16_load(gain + 2 * code);
        spikes[i] = product >> 4 >= nt_i32_load(threshold + 4 * i);
    }
}

/* Four bytes of 0 or 1 as four bits. */
static uint32_t bits_of_four(const uint8_t *spikes)
{
    return nt_u32_load(spikes) * 0x10204080u >> 28;
}

static void raster_pack(const uint8_t *spikes, uint32_t neurons, uint8_t *raster)
{
    uint32_t i = 0;
    for (; i + 8 <= neurons; i += 8)
        raster[i / 8] = (uint8_t)(bits_of_four(spikes + i) | bits_of_four(spikes + i + 4) << 4);
    for (; i < neurons; i++)
        raster[i / 8] = (uint8_t)(raster[i / 8] | spikes[i] << i % 8);
}

void nt_neurons_step_once(const struct nt_step *step, const struct nt_point *points, uint32_t n_points,
                          uint32_t neurons, uint8_t *raster)
{
    currents_finish(step, neurons);
    for (uint32_t p = 0; p < n_points; p++)
        once_point(step, points[p].codes, points[p].counts ? points[p].counts : points[p].hold, neurons);
    if (raster)
        raster_pack(points[0].counts ? points[0].counts : points[0].hold, neurons, raster);
}
