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

/* Spikes of a block at one step. */
struct block_spikes {
    _Alignas(64) int8_t bytes[NT_HOST_BLOCK]; /* 0 or -1 */
    uint8_t bits[NT_HOST_BLOCK / 8];
};

/* Lanes are 0 or -1. SSE2 takes two calls for a byte of bits, the lower half first. */
NT_INLINE void spikes_store(struct block_spikes *spikes, uint32_t i, ints_v spike)
{
    lane_bytes_v bytes = __builtin_convertvector(spike, lane_bytes_v);
    __builtin_memcpy(spikes->bytes + i, &bytes, sizeof bytes);
#if NT_VECTOR_BYTES == 64 && defined(__AVX512DQ__)
    uint16_t bits = (uint16_t)_mm512_movepi32_mask((__m512i)spike);
    __builtin_memcpy(spikes->bits + i / 8, &bits, sizeof bits);
#elif NT_VECTOR_BYTES == 32 && defined(__AVX2__)
    spikes->bits[i / 8] = (uint8_t)_mm256_movemask_ps((__m256)spike);
#else
    uint32_t bits = 0;
    for (uint32_t k = 0; k < LANES; k++)
        bits |= ((uint32_t)spike[k] & 1) << k;
    spikes->bits[i / 8] = (uint8_t)(i % 8 == 0 ? bits : spikes->bits[i / 8] | bits << 4);
#endif
}

/* What one step of a block is made of; constants to the compiler, so that each combination has a loop of its own. */
struct step_kind {
    int split;
    int noisy;
    int timed; /* more than one step: membranes and holds count */
    int shown; /* membranes are asked for */
    int fits;  /* products of the drive fit 32 bits */
    int even;  /* one leak for all, as a shift, and no refractory time */
};

NT_INLINE void lanes_step(struct nt_host_state *state, const struct nt_host_cells *cells, const uint32_t *sum,
                          const uint32_t *positive, const int32_t *draw, uint32_t offset, uint32_t i, int32_t *compared,
                          struct block_spikes *spikes, struct step_kind kind)
{
    ints_v bias = ints_load(cells->bias + i);
    ints_v total = ints_load(sum + i) - (int32_t)offset;
    ints_v gain = ints_load(cells->gain_exc_q12 + i);
    ints_v drive;
    if (kind.split) {
        ints_v exc = ints_load(positive + i);
        ints_v inh = total - exc;
        drive = drive_split_q8(exc + (bias & (bias > 0)), gain, inh + (bias & (bias < 0)),
                               ints_load(cells->gain_inh_q12 + i));
    } else if (kind.fits) {
        drive = ((total + bias) * gain) >> 4;
    } else {
        drive = drive_q8(total + bias, gain);
    }
    ints_v membrane = drive;
    ints_v hold = {0};
    if (kind.timed && kind.even) {
        ints_v before = ints_load(state->membrane + i);
        membrane = ints_add(before - ((before >> cells->leak_shift) & cells->leak_mask), drive);
    } else if (kind.timed) {
        hold = ints_load(state->hold + i);
        membrane = ints_add(leaked_q8(ints_load(state->membrane + i), ints_load(cells->leak_q16 + i)),
                            drive & (ints_v)(hold == 0));
    }
    ints_v seen = membrane;
    if (kind.noisy)
        seen = ints_add(membrane, noise_scale(ints_load(draw + i), ints_load(cells->sigma_q8 + i)));
    ints_v spike = (ints_v)(seen >= ints_load(cells->threshold_q8 + i));
    if (kind.timed && !kind.even)
        spike &= (ints_v)(hold == 0);
    spike = (spike & ints_load(cells->works + i)) | ints_load(cells->stuck + i);
    if (kind.shown)
        vector_store(compared + i, (bytes_v)seen);
    if (kind.shown || kind.timed)
        vector_store(state->membrane + i, (bytes_v)(membrane & ~spike));
    if (kind.timed && !kind.even) {
        ints_v rest = hold + (hold > 0);
        vector_store(state->hold + i, (bytes_v)ints_choose(spike, (ints_v){0} + cells->refractory, rest));
    }
    if (kind.timed) {
        vector_store(state->count + i, (bytes_v)(ints_load(state->count + i) - spike));
    }
    spikes_store(spikes, i, spike);
}

NT_INLINE void state_rest(struct nt_host_state *state)
{
    __builtin_memset(state, 0, sizeof *state);
}

NT_INLINE void counts_store(uint8_t *counts, const struct nt_host_state *state, const struct block_spikes *spikes,
                            uint32_t neurons, struct step_kind kind)
{
    uint8_t narrow[NT_HOST_BLOCK];
    if (kind.timed)
        for (uint32_t i = 0; i < NT_HOST_BLOCK; i++)
            narrow[i] = (uint8_t)state->count[i];
    else
        for (uint32_t i = 0; i < NT_HOST_BLOCK; i++)
            narrow[i] = (uint8_t)-spikes->bytes[i];
    if (neurons == NT_HOST_BLOCK)
        __builtin_memcpy(counts, narrow, NT_HOST_BLOCK);
    else
        __builtin_memcpy(counts, narrow, neurons);
}

NT_INLINE void results_store(const struct nt_host_out *out, size_t sample, const struct nt_host_state *state,
                             const int32_t *compared, const struct block_spikes *spikes, struct step_kind kind)
{
    size_t at = sample * out->stride;
    if (out->counts)
        counts_store(out->counts + at, state, spikes, out->neurons, kind);
    if (out->compared_q8)
        __builtin_memcpy(out->compared_q8 + at, compared, out->neurons * sizeof *compared);
    if (out->membrane_q8)
        __builtin_memcpy(out->membrane_q8 + at, state->membrane, out->neurons * sizeof *state->membrane);
}

NT_INLINE void neurons_run_as(struct nt_host_state *state, const struct nt_host_cells *cells,
                              const struct nt_host_rows *rows, const struct nt_host_out *out, struct step_kind kind)
{
    _Alignas(NT_VECTOR_BYTES) int32_t compared[NT_HOST_BLOCK];
    struct block_spikes spikes;
    uint32_t step = rows->step;
    size_t sample = 0;
    size_t time = 0;
    for (size_t r = 0; r < rows->count; r++)
        for (uint32_t k = 0; k < rows->repeat; k++, time++) {
            if (kind.timed && step == 0)
                state_rest(state);
            for (uint32_t i = 0; i < NT_HOST_BLOCK; i += LANES)
                lanes_step(state, cells, rows->sum + r * NT_HOST_BLOCK,
                           kind.split ? rows->positive + r * NT_HOST_BLOCK : 0,
                           kind.noisy ? rows->draw + time * NT_HOST_BLOCK : 0, rows->offset[r], i, compared, &spikes,
                           kind);
            if (out->raster)
                __builtin_memcpy(out->raster + time * out->raster_stride, spikes.bits, sizeof spikes.bits);
            if (++step == rows->steps) {
                results_store(out, sample++, state, compared, &spikes, kind);
                step = 0;
            }
        }
}

static void neurons_run(struct nt_host_state *state, const struct nt_host_cells *cells, const struct nt_host_rows *rows,
                        const struct nt_host_out *out)
{
    int noisy = cells->sigma_q8 != 0;
    int shown = out->compared_q8 || out->membrane_q8;
    int plain = !cells->is_split && !noisy && cells->drive_fits;
    if (rows->steps > 1 && plain && cells->leak_is_even && !shown)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.timed = 1, .fits = 1, .even = 1});
    else if (rows->steps > 1 && cells->is_split)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.split = 1, .noisy = noisy, .timed = 1, .shown = 1});
    else if (rows->steps > 1 && noisy)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.noisy = 1, .timed = 1, .shown = 1});
    else if (rows->steps > 1)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.timed = 1, .shown = 1});
    else if (cells->is_split)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.split = 1, .noisy = noisy, .shown = 1});
    else if (noisy && cells->drive_fits && !shown)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.noisy = 1, .fits = 1});
    else if (noisy)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.noisy = 1, .shown = 1});
    else if (plain && !shown)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.fits = 1});
    else
        neurons_run_as(state, cells, rows, out, (struct step_kind){.shown = 1});
}

#endif
