/* Which loop a block's neurons run through, and that of several steps on narrow sums; private to the kernels. */
#ifndef NT_HOST_TIMED_H
#define NT_HOST_TIMED_H

#include "nt_host_neurons.h"

#if NT_VECTOR_BYTES == 64 && defined(__AVX512BW__)
/* Vectors of neurons whose bits fill a word. */
#define TIMED 4u

/* 64 neurons, or the first `vectors` vectors of them, over all rows: one leak, nothing refractory, no noise, and no membrane
   leaves 32 bits, so that a neuron that does not work is one whose threshold is out of reach. Membranes and counts of bytes
   stay in registers. */
NT_INLINE void timed_lanes_run(struct nt_host_state *state, const struct nt_host_cells *cells, const struct nt_host_rows *rows,
                               const struct nt_host_out *out, uint32_t first, uint32_t vectors, int leaks)
{
    uint8_t *counts = (uint8_t *)state->count + first;
    __m512i membrane[TIMED], gain[TIMED], bias[TIMED], threshold[TIMED];
    __m512i count = _mm512_loadu_si512(counts);
    __m128i leak = _mm_cvtsi32_si128(cells->leak_shift);
    uint32_t step = rows->step;
    size_t left = out->neurons > first ? out->neurons - first : 0;
    uint8_t *raster = out->raster ? out->raster + first / 8 : 0;
    uint8_t *shown = out->counts ? out->counts + first : 0;
#pragma GCC unroll 4
    for (uint32_t v = 0; v < vectors; v++) {
        uint32_t i = first + v * LANES;
        __m512i works = (__m512i)ints_load(cells->works + i);
        __m512i stuck = (__m512i)ints_load(cells->stuck + i);
        membrane[v] = (__m512i)ints_load(state->membrane + i);
        gain[v] = (__m512i)ints_load(cells->gain_exc_q12 + i);
        bias[v] = (__m512i)ints_load(cells->bias + i);
        threshold[v] = _mm512_mask_mov_epi32(_mm512_set1_epi32(INT32_MAX), _mm512_movepi32_mask(works),
                                             (__m512i)ints_load(cells->threshold_q8 + i));
        threshold[v] = _mm512_mask_mov_epi32(threshold[v], _mm512_movepi32_mask(stuck), _mm512_set1_epi32(INT32_MIN));
    }
    for (size_t r = 0; r < rows->count; r++)
        for (uint32_t k = 0; k < rows->repeat; k++) {
            uint64_t quiet = vectors == TIMED ? 0 : UINT64_MAX << vectors * LANES;
            if (step == 0) {
#pragma GCC unroll 4
                for (uint32_t v = 0; v < vectors; v++)
                    membrane[v] = _mm512_setzero_si512();
                count = _mm512_setzero_si512();
            }
#pragma GCC unroll 4
            for (uint32_t v = 0; v < vectors; v++) {
                const int16_t *at = rows->narrow + r * NT_HOST_BLOCK + first + v * LANES;
                __m512i current = _mm512_add_epi32(_mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)at)), bias[v]);
                __m512i drive = _mm512_srai_epi32(_mm512_mullo_epi32(current, gain[v]), 4);
                if (leaks)
                    membrane[v] = _mm512_sub_epi32(membrane[v], _mm512_sra_epi32(membrane[v], leak));
                membrane[v] = _mm512_add_epi32(membrane[v], drive);
                __mmask16 own = _mm512_cmplt_epi32_mask(membrane[v], threshold[v]);
                membrane[v] = _mm512_maskz_mov_epi32(own, membrane[v]);
                quiet |= (uint64_t)own << v * LANES;
            }
            uint64_t spikes = ~quiet;
            count = _mm512_mask_sub_epi8(count, spikes, count, _mm512_set1_epi8(-1));
            if (raster) {
                __builtin_memcpy(raster, &spikes, sizeof spikes);
                raster += out->raster_stride;
            }
            if (++step < rows->steps)
                continue;
            step = 0;
            if (shown) {
                part_bytes_store(shown, (bytes_v)count, left);
                shown += out->stride;
            }
        }
#pragma GCC unroll 4
    for (uint32_t v = 0; v < vectors; v++)
        vector_store(state->membrane + first + v * LANES, (bytes_v)membrane[v]);
    vector_store(counts, (bytes_v)count);
}

static void timed_run(struct nt_host_state *state, const struct nt_host_cells *cells, const struct nt_host_rows *rows,
                      const struct nt_host_out *out)
{
    const struct nt_host_cells own_cells = *cells;
    const struct nt_host_rows own_rows = *rows;
    const struct nt_host_out own_out = *out;
    for (uint32_t i = 0; i < (own_out.raster ? NT_HOST_BLOCK : own_out.neurons); i += TIMED * LANES)
        if (own_out.neurons <= i + LANES && own_cells.leak_mask)
            timed_lanes_run(state, &own_cells, &own_rows, &own_out, i, 1, 1);
        else if (own_out.neurons <= i + LANES)
            timed_lanes_run(state, &own_cells, &own_rows, &own_out, i, 1, 0);
        else if (own_cells.leak_mask)
            timed_lanes_run(state, &own_cells, &own_rows, &own_out, i, TIMED, 1);
        else
            timed_lanes_run(state, &own_cells, &own_rows, &own_out, i, TIMED, 0);
}
#else
static void timed_run(struct nt_host_state *state, const struct nt_host_cells *cells, const struct nt_host_rows *rows,
                      const struct nt_host_out *out)
{
    neurons_run_as(state, cells, rows, out, (struct step_kind){.timed = 1, .fits = 1, .even = 1, .narrow = 1});
}
#endif

static void neurons_run(struct nt_host_state *state, const struct nt_host_cells *cells, const struct nt_host_rows *rows,
                        const struct nt_host_out *out)
{
    int noisy = cells->sigma_q8 != 0;
    int shown = out->compared_q8 || out->membrane_q8;
    int plain = !cells->is_split && !noisy && cells->drive_fits;
    if (rows->narrow)
        timed_run(state, cells, rows, out);
    else if (rows->steps > 1 && plain && cells->leak_is_even && cells->membrane_fits && !shown)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.timed = 1, .fits = 1, .even = 1});
    else if (rows->steps > 1 && cells->is_split)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.split = 1, .noisy = noisy, .timed = 1, .shown = 1});
    else if (rows->steps > 1 && noisy)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.noisy = 1, .timed = 1, .shown = 1});
    else if (rows->steps > 1)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.timed = 1, .shown = 1});
    else if (cells->is_split)
        neurons_run_as(state, cells, rows, out, (struct step_kind){.split = 1, .noisy = noisy, .shown = 1});
    else if (noisy && cells->drive_fits && !shown && !rows->draw)
        neurons_near_run(cells, rows, out);
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
