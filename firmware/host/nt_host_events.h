/* Sums over lists of active inputs: what does not spike costs nothing; private to the kernels. */
#ifndef NT_HOST_EVENTS_H
#define NT_HOST_EVENTS_H

#include "nt_host_vector.h"

/* Vectors of a column, and how many of them are worked on at a time: as many as the registers hold. */
#define COLUMN_VECTORS (NT_HOST_COLUMN / NT_VECTOR_BYTES)
#define EVENT_VECTORS (COLUMN_VECTORS < 2 ? 1 : 2)
/* Groups whose byte lanes cannot overflow: 17 * 15 = 255. Carry-save adders put one of every sixteen columns there. */
#if NT_VECTOR_BYTES == 64 && defined(__AVX512F__)
#define CARRY_SAVE 1
#define EVENT_CHUNK 34u
#else
#define CARRY_SAVE 0
#define EVENT_CHUNK (17u / NT_HOST_GROUP)
#endif

/* What to fetch while a group is added up, into the second-level cache, which can wait for more lines at a time than the
   first: `lines` lines from `next` on, which the rows share later; or the columns further down the row's own list, beyond
   `end` those of `next`. */
struct event_fetch {
    const uint8_t *next;
    const uint16_t *end;
    size_t ahead;
    size_t lines;
    int is_own;
};

/* 16-bit lanes of one column vector: low nibbles, high nibbles; all bytes and the odd ones alone. */
struct event_halves {
    halves_v whole[2];
    halves_v odd[2];
};

/* Byte sums of low nibbles, and 64-bit sums of whole lanes shifted by a nibble: the high nibbles, and above them the low
   ones of the next byte. The lanes wrap, but what is left of them without those fits. */
struct event_bytes {
    longs_v low;
    longs_v shifted;
};

NT_INLINE bytes_v high_bytes(const struct event_bytes *bytes)
{
    return (bytes_v)(bytes->shifted - (bytes->low >> 8 << 4));
}

NT_INLINE void bytes_count(struct event_bytes *bytes, bytes_v column)
{
    bytes->low += (longs_v)(column & 15);
    bytes->shifted += (longs_v)column >> 4;
}

NT_INLINE void bytes_widen(struct event_halves *at, const struct event_bytes *bytes)
{
    halves_v low = (halves_v)bytes->low;
    halves_v high = (halves_v)high_bytes(bytes);
    at->whole[0] += low;
    at->odd[0] += low >> 8;
    at->whole[1] += high;
    at->odd[1] += high >> 8;
}

/* max(w, 0) in both nibbles of w + 8. */
NT_INLINE bytes_v packed_positive(bytes_v packed)
{
    bytes_v above = packed & 0x88;
    return packed & (above - (bytes_v)((halves_v)above >> 3));
}

NT_INLINE bytes_v column_load(const uint8_t *at, int positive)
{
    bytes_v packed = bytes_load(at);
    return positive ? packed_positive(packed) : packed;
}

NT_INLINE const uint8_t *event_column(const uint8_t *base, uint16_t entry)
{
    return base + (size_t)entry * (NT_HOST_COLUMN / NT_HOST_ENTRY);
}

NT_INLINE void group_fetch(struct event_fetch *fetch, const uint8_t *base, const uint16_t *list)
{
    if (fetch->is_own) {
        const uint16_t *ahead = list + fetch->ahead;
        const uint8_t *from = ahead < fetch->end ? base : fetch->next;
#pragma GCC unroll 8
        for (size_t e = 0; e < NT_HOST_GROUP; e++)
            __builtin_prefetch(event_column(from, ahead[e]), 0, 2);
        return;
    }
    for (size_t k = 0; k < fetch->lines; k++, fetch->next += NT_HOST_COLUMN)
        __builtin_prefetch(fetch->next, 0, 2);
}

#if CARRY_SAVE
/* Full adders on all bits: two * 2 + one is a + b + c. A column of nibbles is a number of four bits at every neuron, so that
   sums of columns in each weight of two are columns again. */
NT_INLINE bytes_v bits_parity(bytes_v a, bytes_v b, bytes_v c)
{
    return (bytes_v)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0x96);
}

NT_INLINE bytes_v bits_majority(bytes_v a, bytes_v b, bytes_v c)
{
    return (bytes_v)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0xE8);
}

NT_INLINE bytes_v bits_add(bytes_v *one, bytes_v a, bytes_v b)
{
    bytes_v two = bits_majority(*one, a, b);
    *one = bits_parity(*one, a, b);
    return two;
}

struct event_counts {
    bytes_v one;
    bytes_v two;
    bytes_v four;
    bytes_v eight;
};

/* Adds eight columns; gives their eights. A tree, so that groups wait for one another as little as can be. */
NT_INLINE bytes_v group_add(struct event_counts *counts, const uint8_t *base, const uint16_t *list, int positive)
{
    bytes_v column[NT_HOST_GROUP];
#pragma GCC unroll 8
    for (size_t e = 0; e < NT_HOST_GROUP; e++)
        column[e] = column_load(event_column(base, list[e]), positive);
    bytes_v two_a = bits_add(&column[2], column[0], column[1]);
    bytes_v two_b = bits_add(&column[5], column[3], column[4]);
    bytes_v two_c = bits_add(&counts->one, column[6], column[7]);
    bytes_v two_d = bits_add(&counts->one, column[2], column[5]);
    bytes_v four_a = bits_add(&two_c, two_a, two_b);
    bytes_v four_b = bits_add(&counts->two, two_c, two_d);
    return bits_add(&counts->four, four_a, four_b);
}

/* Sixteens, and what is left below them. */
NT_INLINE void counts_widen(struct event_halves *at, const struct event_bytes *sixteens,
                            const struct event_counts *counts)
{
    struct event_bytes rest = {{0}, {0}};
    bytes_count(&rest, counts->eight);
    rest.low += rest.low;
    rest.shifted += rest.shifted;
    bytes_count(&rest, counts->four);
    rest.low += rest.low;
    rest.shifted += rest.shifted;
    bytes_count(&rest, counts->two);
    rest.low += rest.low;
    rest.shifted += rest.shifted;
    bytes_count(&rest, counts->one);
    halves_v low = (halves_v)sixteens->low;
    halves_v high = (halves_v)high_bytes(sixteens);
    halves_v rest_low = (halves_v)rest.low;
    halves_v rest_high = (halves_v)high_bytes(&rest);
    at->whole[0] += (low << 4) + rest_low;
    at->odd[0] += (low >> 8 << 4) + (rest_low >> 8);
    at->whole[1] += (high << 4) + rest_high;
    at->odd[1] += (high >> 8 << 4) + (rest_high >> 8);
}

NT_INLINE void row_events_add(struct event_halves *halves, const uint8_t *base, const uint16_t *list, size_t groups,
                              int positive, struct event_fetch *fetch)
{
    for (;;) {
        size_t count = groups < EVENT_CHUNK ? groups : EVENT_CHUNK;
        const uint16_t *end = list + count / 2 * 2 * NT_HOST_GROUP;
        struct event_counts counts = {{0}, {0}, {0}, {0}};
        struct event_bytes sixteens = {{0}, {0}};
        while (list < end) {
            bytes_v eight_a = group_add(&counts, base, list, positive);
            group_fetch(fetch, base, list);
            list += NT_HOST_GROUP;
            bytes_v eight_b = group_add(&counts, base, list, positive);
            group_fetch(fetch, base, list);
            list += NT_HOST_GROUP;
            bytes_count(&sixteens, bits_add(&counts.eight, eight_a, eight_b));
        }
        if (count % 2 != 0) {
            bytes_v eight = group_add(&counts, base, list, positive);
            group_fetch(fetch, base, list);
            list += NT_HOST_GROUP;
            bytes_count(&sixteens, bits_add(&counts.eight, eight, (bytes_v){0}));
        }
        groups -= count;
        counts_widen(halves, &sixteens, &counts);
        if (groups == 0)
            return;
    }
}

/* Columns scattered over memory go through vectors of half the width, each on its own: 1.4 times as fast as the trees, each
   of which waits for eight of them. */
#define NARROW 32
typedef uint64_t narrow_v __attribute__((vector_size(NARROW)));

struct narrow_bytes {
    narrow_v low[NT_HOST_COLUMN / NARROW];
    narrow_v shifted[NT_HOST_COLUMN / NARROW];
};

NT_INLINE void narrow_count(struct narrow_bytes *bytes, const uint8_t *column)
{
#pragma GCC unroll 2
    for (size_t k = 0; k < NT_HOST_COLUMN / NARROW; k++) {
        narrow_v packed;
        __builtin_memcpy(&packed, column + k * NARROW, sizeof packed);
        bytes->low[k] += packed & UINT64_C(0x0F0F0F0F0F0F0F0F);
        bytes->shifted[k] += packed >> 4;
    }
}

NT_INLINE void row_scattered_add(struct event_halves *halves, const uint8_t *base, const uint16_t *list, size_t groups,
                              struct event_fetch *fetch)
{
    for (size_t first = 0; first < groups; first += 2) {
        size_t end = groups - first < 2 ? groups : first + 2;
        struct narrow_bytes narrow = {{{0}}, {{0}}};
        struct event_bytes bytes;
        for (size_t group = first; group < end; group++, list += NT_HOST_GROUP) {
#pragma GCC unroll 8
            for (size_t e = 0; e < NT_HOST_GROUP; e++)
                narrow_count(&narrow, event_column(base, list[e]));
            group_fetch(fetch, base, list);
        }
        __builtin_memcpy(&bytes, &narrow, sizeof bytes);
        bytes_widen(halves, &bytes);
    }
}
#else
NT_INLINE void group_add(struct event_bytes *bytes, const uint8_t *base, const uint16_t *list, int positive)
{
#pragma GCC unroll 8
    for (size_t e = 0; e < NT_HOST_GROUP; e++)
#pragma GCC unroll 2
        for (size_t v = 0; v < EVENT_VECTORS; v++)
            bytes_count(&bytes[v], column_load(event_column(base, list[e]) + v * NT_VECTOR_BYTES, positive));
}

NT_INLINE void row_events_add(struct event_halves *halves, const uint8_t *base, const uint16_t *list, size_t groups,
                              int positive, struct event_fetch *fetch)
{
    for (size_t first = 0; first < groups; first += EVENT_CHUNK) {
        size_t end = groups - first < EVENT_CHUNK ? groups : first + EVENT_CHUNK;
        struct event_bytes bytes[EVENT_VECTORS] = {{{0}, {0}}};
        for (size_t group = first; group < end; group++, list += NT_HOST_GROUP) {
            group_add(bytes, base, list, positive);
            group_fetch(fetch, base, list);
        }
#pragma GCC unroll 2
        for (size_t v = 0; v < EVENT_VECTORS; v++)
            bytes_widen(&halves[v], &bytes[v]);
    }
}
#endif

NT_INLINE void section_spill(uint32_t *sum, const struct event_halves *halves, size_t rows, unsigned plane, int fresh)
{
    for (size_t r = 0; r < rows; r++, sum += NT_HOST_BLOCK, halves += COLUMN_VECTORS)
        for (size_t v = 0; v < COLUMN_VECTORS; v++)
            for (size_t half = 0; half < 2; half++)
                halves_spill(sum, half * COLUMN_VECTORS + v, halves[v].whole[half], halves[v].odd[half], plane, fresh);
}

NT_INLINE void reach_add(struct event_halves *halves, const uint8_t *base, const struct nt_host_events *events,
                         const struct nt_host_turn *turns, size_t rows, int positive, struct event_fetch fetch)
{
#if CARRY_SAVE
    if (fetch.is_own && !positive && events->is_scattered && rows == 1) {
        row_scattered_add(halves, base, events->list + turns[0].at, turns[0].groups, &fetch);
        return;
    }
#endif
    for (size_t r = 0; r < rows && turns[r].groups != 0; r++)
        for (size_t v = 0; v < COLUMN_VECTORS; v += EVENT_VECTORS)
            row_events_add(halves + turns[r].row * COLUMN_VECTORS + v, base + v * NT_VECTOR_BYTES,
                           events->list + turns[r].at, turns[r].groups, positive, &fetch);
}

/* Behind a section's columns and its column of zeros stand those of the next section, or of the next block. */
NT_INLINE void own_fetch(struct event_fetch *fetch, const uint8_t *section, size_t inputs,
                         const struct nt_host_events *events, const struct nt_host_turn *last)
{
    fetch->next = section + (inputs + 1) * NT_HOST_COLUMN;
    fetch->end = events->list + last->at + (size_t)last->groups * NT_HOST_GROUP;
}

/* Sums of one section of `inputs` inputs, to lane->halves. */
NT_INLINE void section_add(struct nt_host_lane *lane, const uint8_t *section, const struct nt_host_events *events,
                           const struct nt_host_turn *turns, size_t inputs, size_t rows, int positive, int is_own)
{
    struct event_halves *halves = (struct event_halves *)lane->halves;
    __builtin_memset(halves, 0, rows * COLUMN_VECTORS * sizeof *halves);
    for (size_t at = 0; at < inputs; at += events->reach, turns += rows) {
        struct event_fetch fetch = {.next = section + (at + events->reach) * NT_HOST_COLUMN, .ahead = events->ahead,
                                    .lines = events->lines, .is_own = is_own};
        if (is_own)
            own_fetch(&fetch, section, inputs, events, &turns[rows - 1]);
        reach_add(halves, section, events, turns, rows, positive, fetch);
    }
}

NT_INLINE void events_add_as(struct nt_host_lane *lane, uint32_t *sum, const uint8_t *block,
                             const struct nt_host_events *events, size_t rows, unsigned plane, int positive, int fresh,
                             int is_own)
{
    const struct event_halves *halves = (const struct event_halves *)lane->halves;
    const struct nt_host_turn *turns = events->turns;
    for (size_t first = 0; first < events->inputs; first += NT_HOST_SECTION, block += NT_HOST_SECTION_BYTES) {
        size_t inputs = events->inputs - first < NT_HOST_SECTION ? events->inputs - first : NT_HOST_SECTION;
        section_add(lane, block, events, turns, inputs, rows, positive, is_own);
        turns += (inputs + events->reach - 1) / events->reach * rows;
        if (fresh && first == 0)
            section_spill(sum, halves, rows, plane, 1);
        else
            section_spill(sum, halves, rows, plane, 0);
    }
}

static void events_add(struct nt_host_lane *lane, uint32_t *sum, const uint8_t *block,
                       const struct nt_host_events *events, size_t rows, unsigned plane, int positive, int fresh)
{
    if (positive)
        events_add_as(lane, sum, block, events, rows, plane, 1, fresh, 1);
    else if (events->lines == 0)
        events_add_as(lane, sum, block, events, rows, plane, 0, fresh, 1);
    else
        events_add_as(lane, sum, block, events, rows, plane, 0, fresh, 0);
}

NT_INLINE void halves_narrow_all(int16_t *sum, const struct event_halves *halves, size_t v, uint32_t offset)
{
    for (size_t half = 0; half < 2; half++)
        halves_narrow(sum, half * COLUMN_VECTORS + v, halves->whole[half], halves->odd[half], (uint16_t)offset);
}

/* A row's sums stay in registers from its first event to its last. */
NT_INLINE void resident_add(struct nt_host_lane *lane, const uint8_t *block, const struct nt_host_events *events,
                            size_t rows, const uint32_t *offset)
{
    const struct nt_host_turn *turns = events->turns;
    const uint16_t *list = events->list;
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < COLUMN_VECTORS; v += EVENT_VECTORS) {
            struct event_halves halves[EVENT_VECTORS] = {{{{0}}, {{0}}}};
            struct event_fetch fetch = {.lines = 0};
            row_events_add(halves, block + v * NT_VECTOR_BYTES, list + turns[r].at, turns[r].groups, 0, &fetch);
            for (size_t k = 0; k < EVENT_VECTORS; k++)
                halves_narrow_all(lane->narrow[turns[r].row], &halves[k], v + k, offset[turns[r].row]);
        }
}

static void events_narrow(struct nt_host_lane *lane, const uint8_t *block, const struct nt_host_events *events, size_t rows,
                          const uint32_t *offset)
{
    const struct event_halves *halves = (const struct event_halves *)lane->halves;
    if (events->is_resident) {
        resident_add(lane, block, events, rows, offset);
        return;
    }
    section_add(lane, block, events, events->turns, events->inputs, rows, 0, events->lines == 0);
    for (size_t r = 0; r < rows; r++, halves += COLUMN_VECTORS)
        for (size_t v = 0; v < COLUMN_VECTORS; v++)
            halves_narrow_all(lane->narrow[r], &halves[v], v, offset[r]);
}

/* Entries of the ones of up to 16 bits, in order; gives their number, and writes room for 16. */
#if NT_VECTOR_BYTES == 64 && defined(__AVX512F__)
NT_INLINE size_t ones_list(uint32_t bits, uint32_t first, uint16_t *list)
{
    __m512i places = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i entries = _mm512_slli_epi32(_mm512_add_epi32(places, _mm512_set1_epi32((int)first)), 3);
    __m256i chosen = _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32((__mmask16)bits, entries));
    __builtin_memcpy(list, &chosen, sizeof chosen);
    return (size_t)__builtin_popcount(bits);
}
#else
NT_INLINE size_t ones_list(uint32_t bits, uint32_t first, uint16_t *list)
{
#define ONES(a, b, c, d) (uint64_t)(d) << 51 | (uint64_t)(c) << 35 | (uint64_t)(b) << 19 | (uint64_t)(a) << 3
    static const uint64_t places[16] = {ONES(0, 0, 0, 0), ONES(0, 0, 0, 0), ONES(1, 0, 0, 0), ONES(0, 1, 0, 0),
                                        ONES(2, 0, 0, 0), ONES(0, 2, 0, 0), ONES(1, 2, 0, 0), ONES(0, 1, 2, 0),
                                        ONES(3, 0, 0, 0), ONES(0, 3, 0, 0), ONES(1, 3, 0, 0), ONES(0, 1, 3, 0),
                                        ONES(2, 3, 0, 0), ONES(0, 2, 3, 0), ONES(1, 2, 3, 0), ONES(0, 1, 2, 3)};
#undef ONES
    static const uint8_t counts[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
    size_t at = 0;
    for (unsigned k = 0; k < 16; k += 4) {
        unsigned four = bits >> k & 15;
        uint64_t entries = places[four] + (uint64_t)(first + k) * NT_HOST_ENTRY * UINT64_C(0x0001000100010001);
        __builtin_memcpy(list + at, &entries, sizeof entries);
        at += counts[four];
    }
    return at;
}
#endif

#if NT_VECTOR_BYTES == 64 && defined(__AVX512F__)
/* The same of 64 bits, whose places are bytes before they are entries: a quarter of the time, on processors that can. */
#define WORDS_TARGET "popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2"
__attribute__((target(WORDS_TARGET))) static size_t words_list(const uint8_t *bits, size_t words, uint32_t first,
                                                               uint16_t *list)
{
    static const uint8_t places[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                       16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                       32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                       48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    __m512i all = _mm512_loadu_si512(places);
    size_t at = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t own;
        __builtin_memcpy(&own, bits + 8 * i, sizeof own);
        __m512i base = _mm512_set1_epi16((int16_t)((first + 64 * (uint32_t)i) * NT_HOST_ENTRY));
        __m512i chosen = _mm512_maskz_compress_epi8(own, all);
        size_t count = (size_t)__builtin_popcountll(own);
        __m512i low = _mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(chosen)), 3);
        _mm512_storeu_si512(list + at, _mm512_add_epi16(base, low));
        if (count > 32) {
            __m512i high = _mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(chosen, 1)), 3);
            _mm512_storeu_si512(list + at + 32, _mm512_add_epi16(base, high));
        }
        at += count;
    }
    return at;
}
#endif

static size_t entries_list(const uint8_t *bits, size_t bytes, uint32_t first, uint16_t *list)
{
    size_t at = 0;
    size_t i = 0;
#if NT_VECTOR_BYTES == 64 && defined(__AVX512F__)
    if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vbmi")) {
        i = bytes / 8 * 8;
        at = words_list(bits, bytes / 8, first, list);
    }
#endif
    for (; i < bytes; i += 2) {
        uint16_t own;
        __builtin_memcpy(&own, bits + i, sizeof own);
        at += ones_list(own, first + 8 * (uint32_t)i, list + at);
    }
    return at;
}

/* Bit k of each of eight bytes, gathered into one byte. */
NT_INLINE uint32_t bits_gather(uint64_t bytes, unsigned k)
{
    return (uint32_t)(((bytes >> k & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080)) >> 56);
}

/* Ones of whole 64-bit words. */
static uint32_t ones_count(const uint8_t *bits, size_t bytes)
{
    uint32_t ones = 0;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word;
        __builtin_memcpy(&word, bits + i, sizeof word);
        ones += (uint32_t)__builtin_popcountll(word);
    }
    return ones;
}

/* Bit `plane` of the bytes of a vector, as bits. */
NT_INLINE void vector_pack(bytes_v bytes, unsigned plane, uint8_t *bits)
{
#if NT_VECTOR_BYTES == 64 && defined(__AVX512BW__)
    uint64_t packed = _mm512_test_epi8_mask((__m512i)bytes, _mm512_set1_epi8((char)(1 << plane)));
    __builtin_memcpy(bits, &packed, sizeof packed);
#elif NT_VECTOR_BYTES == 32 && defined(__AVX2__)
    uint32_t packed = (uint32_t)_mm256_movemask_epi8((__m256i)((halves_v)bytes << (7 - plane)));
    __builtin_memcpy(bits, &packed, sizeof packed);
#elif NT_VECTOR_BYTES == 16 && defined(__SSE2__)
    uint16_t packed = (uint16_t)_mm_movemask_epi8((__m128i)((halves_v)bytes << (7 - plane)));
    __builtin_memcpy(bits, &packed, sizeof packed);
#else
    uint64_t longs[NT_VECTOR_BYTES / 8];
    __builtin_memcpy(longs, &bytes, sizeof bytes);
    for (size_t k = 0; k < NT_VECTOR_BYTES / 8; k++)
        bits[k] = (uint8_t)bits_gather(longs[k], plane);
#endif
}

/* OR of eight bytes. */
NT_INLINE uint8_t long_or(uint64_t bytes)
{
    bytes |= bytes >> 32;
    bytes |= bytes >> 16;
    return (uint8_t)(bytes | bytes >> 8);
}

static uint8_t bits_pack(const uint8_t *x, size_t count, unsigned plane, uint8_t *bits)
{
    longs_v all = {0};
    uint64_t found = 0;
    size_t i = 0;
    for (; i + NT_VECTOR_BYTES <= count; i += NT_VECTOR_BYTES) {
        bytes_v bytes = bytes_load(x + i);
        all |= (longs_v)bytes;
        vector_pack(bytes, plane, bits + i / 8);
    }
    for (size_t k = 0; k < LONG_LANES; k++)
        found |= all[k];
    for (; i < count; i += 8) {
        uint64_t bytes = 0;
        for (size_t k = i; k < count && k < i + 8; k++)
            bytes |= (uint64_t)x[k] << 8 * (k - i);
        bits[i / 8] = (uint8_t)bits_gather(bytes, plane);
        found |= bytes;
    }
    return long_or(found);
}

#endif
