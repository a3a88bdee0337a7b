/* The equations of a neuron (docs/spec.md, section 1) in 32-bit lanes alone; private to the kernels.
   Products of 48 bits are split at 16: floor of a sum of multiples of 2^16 and a remainder is exact. */
#ifndef NT_HOST_NEURONS_H
#define NT_HOST_NEURONS_H

#include "nt_host_vector.h"

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)
#define MIX1 UINT64_C(0xBF58476D1CE4E5B9)
#define MIX2 UINT64_C(0x94D049BB133111EB)

NT_INLINE ints_v ints_choose(ints_v mask, ints_v yes, ints_v no)
{
    return (mask & yes) | (~mask & no);
}

/* a + b, saturated. */
NT_INLINE ints_v ints_add(ints_v a, ints_v b)
{
    ints_v sum = (ints_v)((words_v)a + (words_v)b);
    ints_v over = ((a ^ sum) & (b ^ sum)) >> 31;
    return ints_choose(over, (a >> 31) ^ INT32_MAX, sum);
}

/* sat(high * 2^12 + low), low < 2^31. */
NT_INLINE ints_v drive_join(ints_v high, words_v low)
{
    ints_v whole = high + (ints_v)(low >> 12);
    ints_v rest = (ints_v)(low & 4095);
    ints_v fits = (ints_v)(((whole >> 19) ^ (whole >> 31)) == 0);
    ints_v joined = (ints_v)((words_v)whole << 12) | rest;
    return ints_choose(fits, joined, (whole >> 31) ^ INT32_MAX);
}

/* sat((current * gain) >> 4): |current| < 2^20 * 255 * 7 + 2^15, gain < 2^16. */
NT_INLINE ints_v drive_q8(ints_v current, ints_v gain)
{
    ints_v high = (current >> 16) * gain;
    words_v low = ((words_v)current & 0xFFFF) * (words_v)gain;
    return drive_join(high, low >> 4);
}

/* sat((exc * gain_exc + inh * gain_inh) >> 4): exc >= 0 >= inh, so that the high parts cannot overflow. */
NT_INLINE ints_v drive_split_q8(ints_v exc, ints_v gain_exc, ints_v inh, ints_v gain_inh)
{
    ints_v high = (exc >> 16) * gain_exc + (inh >> 16) * gain_inh;
    words_v a = ((words_v)exc & 0xFFFF) * (words_v)gain_exc;
    words_v b = ((words_v)inh & 0xFFFF) * (words_v)gain_inh;
    return drive_join(high, (a >> 4) + (b >> 4) + (((a & 15) + (b & 15)) >> 4));
}

/* V - ((V * leak) >> 16), leak <= 65536. */
NT_INLINE ints_v leaked_q8(ints_v membrane, ints_v leak)
{
    ints_v high = (membrane >> 16) * leak;
    words_v low = (((words_v)membrane & 0xFFFF) * (words_v)leak) >> 16;
    return membrane - (high + (ints_v)low);
}

/* (draw * sigma) >> 16: |draw| <= 2^17, sigma < 2^17, so that its upper half is 0 or 1. */
NT_INLINE ints_v noise_scale(ints_v draw, ints_v sigma)
{
    ints_v sigma_low = sigma & 0xFFFF;
    ints_v high = (draw >> 8) * sigma_low;
    ints_v low = ((draw & 255) * sigma_low) >> 8;
    return (draw & -(sigma >> 16)) + ((high + low) >> 8);
}

/* SplitMix64 of the counter (nt_random.c), and the sum of its four 16-bit parts less their mean. */
NT_INLINE longs_v draws_mix(longs_v counter)
{
    longs_v z = counter + GOLDEN;
    z = (z ^ z >> 30) * MIX1;
    z = (z ^ z >> 27) * MIX2;
    z = z ^ z >> 31;
    longs_v pairs = (z & UINT64_C(0x0000FFFF0000FFFF)) + (z >> 16 & UINT64_C(0x0000FFFF0000FFFF));
    return pairs + (pairs >> 32);
}

/* Draws of one vector of neurons at one time. */
NT_INLINE ints_v lanes_draw(uint64_t key, uint64_t time, uint32_t neuron)
{
    static const uint64_t lanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    ints_v draw;
    longs_v counter;
    __builtin_memcpy(&counter, lanes, sizeof counter);
    counter += (time << 20) + neuron;
    for (uint32_t half = 0; half < 2; half++, counter += LONG_LANES) {
        longs_v sum = draws_mix(counter ^ key) & UINT64_C(0xFFFFFFFF);
        long_words_v own = __builtin_convertvector(sum, long_words_v) - 2 * 65536;
        __builtin_memcpy((int32_t *)&draw + half * LONG_LANES, &own, sizeof own);
    }
    return draw;
}

/* Whether a lane of 0 or -1 is set. */
NT_INLINE int ints_any(ints_v lanes)
{
#if NT_VECTOR_BYTES == 64 && defined(__AVX512DQ__)
    return _mm512_movepi32_mask((__m512i)lanes) != 0;
#elif NT_VECTOR_BYTES == 32 && defined(__AVX2__)
    return _mm256_movemask_ps((__m256)lanes) != 0;
#elif NT_VECTOR_BYTES == 16 && defined(__SSE2__)
    return _mm_movemask_ps((__m128)lanes) != 0;
#else
    uint64_t longs[NT_VECTOR_BYTES / 8];
    uint64_t all = 0;
    __builtin_memcpy(longs, &lanes, sizeof lanes);
    for (size_t k = 0; k < NT_VECTOR_BYTES / 8; k++)
        all |= longs[k];
    return all != 0;
#endif
}

static void noise_draw(int32_t *draw, uint64_t key, uint64_t time, uint32_t neuron, size_t rows)
{
    uint64_t first[LONG_LANES];
    longs_v lanes;
    for (uint32_t k = 0; k < LONG_LANES; k++)
        first[k] = neuron + k;
    __builtin_memcpy(&lanes, first, sizeof lanes);
    for (size_t r = 0; r < rows; r++, draw += NT_HOST_BLOCK) {
        longs_v counter = lanes + ((time + r) << 20);
        for (uint32_t i = 0; i < NT_HOST_BLOCK; i += LONG_LANES, counter += LONG_LANES) {
            longs_v sum = draws_mix(counter ^ key) & UINT64_C(0xFFFFFFFF);
            long_words_v own = __builtin_convertvector(sum, long_words_v) - 2 * 65536;
            __builtin_memcpy(draw + i, &own, sizeof own);
        }
    }
}

/* What one step of a block is made of; constants to the compiler, so that each combination has a loop of its own. */
struct step_kind {
    int split;
    int noisy;
    int timed; /* more than one step: membranes and holds count */
    int shown; /* membranes are asked for */
    int fits;  /* products of the drive fit 32 bits */
    int even;  /* one leak for all, as a shift, no refractory time, and no membrane saturates */
    int narrow; /* sums of 16 bits */
};

/* Vectors of neurons that are worked on together. */
#define TOGETHER 2u

/* One vector of neurons: what stays over all rows, and what changes. */
struct lanes {
    ints_v bias;
    ints_v gain_exc;
    ints_v gain_inh;
    ints_v threshold;
    ints_v works;
    ints_v stuck;
    ints_v leak;
    ints_v sigma;
    ints_v low; /* noise changes nothing below, */
    ints_v high; /* nor above */
    ints_v membrane;
    ints_v hold;
    ints_v count;
    ints_v seen;
};

NT_INLINE ints_v narrow_load(const int16_t *at)
{
    lane_shorts_v shorts;
    __builtin_memcpy(&shorts, at, sizeof shorts);
    return __builtin_convertvector(shorts, ints_v);
}

NT_INLINE struct lanes lanes_load(const struct nt_host_state *state, const struct nt_host_cells *cells, uint32_t i,
                                  struct step_kind kind)
{
    struct lanes own = {.bias = ints_load(cells->bias + i),
                        .gain_exc = ints_load(cells->gain_exc_q12 + i),
                        .threshold = ints_load(cells->threshold_q8 + i),
                        .works = ints_load(cells->works + i),
                        .stuck = ints_load(cells->stuck + i)};
    if (kind.split)
        own.gain_inh = ints_load(cells->gain_inh_q12 + i);
    if (kind.noisy) {
        own.sigma = ints_load(cells->sigma_q8 + i);
        own.low = ints_add(own.threshold, -2 * own.sigma);
        own.high = ints_add(own.threshold, 2 * own.sigma);
    }
    if (kind.timed) {
        own.leak = ints_load(cells->leak_q16 + i);
        own.membrane = ints_load(state->membrane + i);
        own.hold = ints_load(state->hold + i);
        own.count = ints_load(state->count + i);
    }
    return own;
}

NT_INLINE ints_v lanes_drive(const struct lanes *own, ints_v total, const uint32_t *positive, struct step_kind kind)
{
    if (kind.split) {
        ints_v exc = ints_load(positive);
        return drive_split_q8(exc + (own->bias & (own->bias > 0)), own->gain_exc,
                              total - exc + (own->bias & (own->bias < 0)), own->gain_inh);
    }
    if (kind.fits)
        return ((total + own->bias) * own->gain_exc) >> 4;
    return drive_q8(total + own->bias, own->gain_exc);
}

/* Noise of a standard deviation `sigma` lies within twice that, so that neurons further from their threshold need none:
   null for `draw` draws it where it matters alone. */
NT_INLINE ints_v lanes_seen(const struct lanes *own, ints_v membrane, const int32_t *draw,
                            const struct nt_host_rows *rows, size_t time, uint32_t i)
{
    if (draw)
        return ints_add(membrane, noise_scale(ints_load(draw), own->sigma));
    if (!ints_any((ints_v)(membrane >= own->low) & (ints_v)(membrane <= own->high)))
        return membrane;
    return ints_add(membrane, noise_scale(lanes_draw(rows->noise_key, rows->time + time, rows->neuron + i), own->sigma));
}

/* Gives the spikes, 0 or -1. */
NT_INLINE ints_v lanes_step(struct lanes *own, const struct nt_host_cells *cells, ints_v drive, const int32_t *draw,
                            const struct nt_host_rows *rows, size_t time, uint32_t i, struct step_kind kind)
{
    ints_v membrane = drive;
    if (kind.timed && kind.even)
        membrane = own->membrane - ((own->membrane >> cells->leak_shift) & cells->leak_mask) + drive;
    else if (kind.timed)
        membrane = ints_add(leaked_q8(own->membrane, own->leak), drive & (ints_v)(own->hold == 0));
    own->seen = kind.noisy ? lanes_seen(own, membrane, draw, rows, time, i) : membrane;
    ints_v spike = (ints_v)(own->seen >= own->threshold);
    if (kind.timed && !kind.even)
        spike &= (ints_v)(own->hold == 0);
    spike = (spike & own->works) | own->stuck;
    own->membrane = membrane & ~spike;
    if (kind.timed && !kind.even)
        own->hold = ints_choose(spike, (ints_v){0} + cells->refractory, own->hold + (own->hold > 0));
    if (kind.timed)
        own->count -= spike;
    return spike;
}

/* SSE2 takes two calls for a byte of bits. */
NT_INLINE void raster_store(uint8_t *raster, uint32_t i, ints_v spike)
{
#if NT_VECTOR_BYTES == 64 && defined(__AVX512DQ__)
    uint16_t bits = (uint16_t)_mm512_movepi32_mask((__m512i)spike);
    __builtin_memcpy(raster + i / 8, &bits, sizeof bits);
#elif NT_VECTOR_BYTES == 32 && defined(__AVX2__)
    raster[i / 8] = (uint8_t)_mm256_movemask_ps((__m256)spike);
#else
    uint32_t bits = 0;
    for (uint32_t k = 0; k < LANES; k++)
        bits |= ((uint32_t)spike[k] & 1) << k;
    raster[i / 8] = (uint8_t)((raster[i / 8] & (i % 8 == 0 ? 240 : 15)) | bits << i % 8);
#endif
}

/* The first `left` entries of a vector, at most all. */
NT_INLINE void part_store(void *at, const void *value, size_t entry, size_t left)
{
    if (left >= LANES)
        __builtin_memcpy(at, value, LANES * entry);
    else
        __builtin_memcpy(at, value, left * entry);
}

NT_INLINE void results_store(const struct nt_host_out *out, size_t at, uint32_t i, const struct lanes *own, ints_v spike,
                             struct step_kind kind)
{
    size_t left = out->neurons > i ? out->neurons - i : 0;
    if (out->counts) {
        lane_bytes_v counts = __builtin_convertvector(kind.timed ? own->count : -spike, lane_bytes_v);
        part_store(out->counts + at + i, &counts, 1, left);
    }
    if (!kind.shown)
        return;
    if (out->compared_q8)
        part_store(out->compared_q8 + at + i, &own->seen, sizeof(int32_t), left);
    if (out->membrane_q8)
        part_store(out->membrane_q8 + at + i, &own->membrane, sizeof(int32_t), left);
}

/* All rows of a few vectors of neurons, whose state stays in registers; each waits for its own last step, not for the
   others. */
NT_INLINE void lanes_run(struct nt_host_state *state, const struct nt_host_cells *cells, const struct nt_host_rows *rows,
                         const struct nt_host_out *out, uint32_t first, struct step_kind kind)
{
    struct lanes own[TOGETHER];
    uint32_t step = rows->step;
    size_t at = 0;
    size_t time = 0;
#pragma GCC unroll 4
    for (uint32_t v = 0; v < TOGETHER; v++)
        own[v] = lanes_load(state, cells, first + v * LANES, kind);
    for (size_t r = 0; r < rows->count; r++)
        for (uint32_t k = 0; k < rows->repeat; k++, time++) {
            int ends = !kind.timed || step + 1 == rows->steps;
#pragma GCC unroll 4
            for (uint32_t v = 0; v < TOGETHER; v++) {
                uint32_t i = first + v * LANES;
                size_t row = r * NT_HOST_BLOCK + i;
                if (kind.timed && step == 0)
                    own[v].membrane = own[v].hold = own[v].count = (ints_v){0};
                ints_v total = kind.narrow ? narrow_load(rows->narrow + row)
                                           : ints_load(rows->sum + row) - (int32_t)rows->offset[r];
                ints_v drive = lanes_drive(&own[v], total, kind.split ? rows->positive + row : 0, kind);
                const int32_t *draw = kind.noisy && rows->draw ? rows->draw + time * NT_HOST_BLOCK + i : 0;
                ints_v spike = lanes_step(&own[v], cells, drive, draw, rows, time, i, kind);
                if (out->raster)
                    raster_store(out->raster + time * out->raster_stride, i, spike);
                if (ends)
                    results_store(out, at, i, &own[v], spike, kind);
            }
            at += ends ? out->stride : 0;
            step = ends ? 0 : step + 1;
        }
    if (!kind.timed)
        return;
#pragma GCC unroll 4
    for (uint32_t v = 0; v < TOGETHER; v++) {
        uint32_t i = first + v * LANES;
        vector_store(state->membrane + i, (bytes_v)own[v].membrane);
        vector_store(state->hold + i, (bytes_v)own[v].hold);
        vector_store(state->count + i, (bytes_v)own[v].count);
    }
}

/* Neurons beyond the layer do not work: their bits are zeros, which the layer above reads. */
NT_INLINE void neurons_run_as(struct nt_host_state *state, const struct nt_host_cells *cells,
                              const struct nt_host_rows *rows, const struct nt_host_out *out, struct step_kind kind)
{
    /* Copies: bytes stored might be anybody's, and all would be loaded again. */
    const struct nt_host_cells own_cells = *cells;
    const struct nt_host_rows own_rows = *rows;
    const struct nt_host_out own_out = *out;
    for (uint32_t i = 0; i < (own_out.raster ? NT_HOST_BLOCK : own_out.neurons); i += TOGETHER * LANES)
        lanes_run(state, &own_cells, &own_rows, &own_out, i, kind);
}

/* One step with noise where it matters: first all neurons without, with a list of the vectors that have one within reach of
   its threshold; then those. In one go, every second branch would be foreseen wrongly. */
NT_INLINE void neurons_near_run(const struct nt_host_cells *cells, const struct nt_host_rows *rows,
                                const struct nt_host_out *out)
{
    uint16_t near[NT_HOST_TILE];
    struct step_kind quiet = {.fits = 1};
    struct step_kind noisy = {.fits = 1, .noisy = 1};
    const struct nt_host_cells own_cells = *cells;
    const struct nt_host_rows own_rows = *rows;
    const struct nt_host_out own_out = *out;
    for (uint32_t i = 0; i < (own_out.raster ? NT_HOST_BLOCK : own_out.neurons); i += LANES) {
        struct lanes own = lanes_load(0, &own_cells, i, noisy);
        size_t found = 0;
        for (uint32_t r = 0; r < own_rows.count; r++) {
            ints_v total = ints_load(own_rows.sum + r * NT_HOST_BLOCK + i) - (int32_t)own_rows.offset[r];
            ints_v spike = lanes_step(&own, &own_cells, lanes_drive(&own, total, 0, quiet), 0, &own_rows, r, i, quiet);
            near[found] = (uint16_t)r;
            found += (size_t)ints_any((ints_v)(own.seen >= own.low) & (ints_v)(own.seen <= own.high));
            if (own_out.raster)
                raster_store(own_out.raster + r * own_out.raster_stride, i, spike);
            results_store(&own_out, r * own_out.stride, i, &own, spike, quiet);
        }
        for (size_t k = 0; k < found; k++) {
            uint32_t r = near[k];
            ints_v draw = lanes_draw(own_rows.noise_key, own_rows.time + r, own_rows.neuron + i);
            ints_v total = ints_load(own_rows.sum + r * NT_HOST_BLOCK + i) - (int32_t)own_rows.offset[r];
            ints_v drive = lanes_drive(&own, total, 0, noisy);
            ints_v spike = lanes_step(&own, &own_cells, drive, (const int32_t *)&draw, &own_rows, r, i, noisy);
            if (own_out.raster)
                raster_store(own_out.raster + r * own_out.raster_stride, i, spike);
            results_store(&own_out, r * own_out.stride, i, &own, spike, noisy);
        }
    }
}

#endif
