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

/* A compiler that adds columns up as a tree first runs out of registers, and keeps the sums in memory. */
NT_INLINE void longs_keep(longs_v *sum)
{
#if defined(__x86_64__)
    __asm__("" : "+x"(*sum));
#else
    (void)sum;
#endif
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

/* The same by another way, an operation more: of loaded columns 0.96 of the time that all columns of a row take, of sums more
   (measured on a Zen 4, which runs operations of two operands at twice the rate of those of three). */
NT_INLINE bytes_v columns_add(bytes_v *one, bytes_v a, bytes_v b)
{
    bytes_v differ = a ^ b;
    bytes_v two = (bytes_v)_mm512_ternarylogic_epi64((__m512i)differ, (__m512i)*one, (__m512i)a, 0xCA);
    *one ^= differ;
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
    bytes_v two_a = columns_add(&column[2], column[0], column[1]);
    bytes_v two_b = columns_add(&column[5], column[3], column[4]);
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
        for (size_t v = 0; v < EVENT_VECTORS; v++) {
            bytes_count(&bytes[v], column_load(event_column(base, list[e]) + v * NT_VECTOR_BYTES, positive));
            longs_keep(&bytes[v].low);
            longs_keep(&bytes[v].shifted);
        }
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
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; turns[r].groups != 0 && v < COLUMN_VECTORS; v += EVENT_VECTORS)
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

/* A block of so few neurons has them all in the low nibbles of every second byte: 16-bit lanes, once all else is masked, that
   need no widening. */
#define SLIM 16u
typedef uint16_t slim_v __attribute__((vector_size(2 * SLIM)));

NT_INLINE void slim_add(struct nt_host_lane *lane, const uint8_t *block, const struct nt_host_events *events, size_t rows,
                        const uint32_t *offset)
{
    for (size_t r = 0; r < rows; r++) {
        struct nt_host_turn turn = events->turns[r];
        const uint16_t *list = events->list + turn.at;
        int16_t *sum = lane->narrow[turn.row];
        slim_v total[2] = {{0}, {0}};
        for (size_t group = 0; group < turn.groups; group++, list += NT_HOST_GROUP)
#pragma GCC unroll 8
            for (size_t e = 0; e < NT_HOST_GROUP; e++) {
                slim_v column;
                __builtin_memcpy(&column, event_column(block, list[e]), sizeof column);
                total[e % 2] += column & 15;
            }
        total[0] += total[1] - (uint16_t)offset[turn.row];
        __builtin_memcpy(sum, &total[0], sizeof total[0]);
        __builtin_memset(sum + SLIM, 0, sizeof lane->narrow[0] - sizeof total[0]);
    }
}

static void events_narrow(struct nt_host_lane *lane, const uint8_t *block, const struct nt_host_events *events, size_t rows,
                          const uint32_t *offset)
{
    const struct event_halves *halves = (const struct event_halves *)lane->halves;
    if (events->is_resident && events->neurons <= SLIM) {
        slim_add(lane, block, events, rows, offset);
        return;
    }
    if (events->is_resident) {
        resident_add(lane, block, events, rows, offset);
        return;
    }
    section_add(lane, block, events, events->turns, events->inputs, rows, 0, events->lines == 0);
    for (size_t r = 0; r < rows; r++, halves += COLUMN_VECTORS)
        for (size_t v = 0; v < COLUMN_VECTORS; v++)
            halves_narrow_all(lane->narrow[r], &halves[v], v, offset[r]);
}

#endif
