/* Four-input look-up: 16 sums of each four columns, of which every row adds one; private to the kernels.
   The idea: V. L. Arlazarov, E. A. Dinic, M. A. Kronrod, I. A. Faradzev, Soviet Mathematics Doklady 11, 1970. */
#ifndef NT_HOST_LOOKUP_H
#define NT_HOST_LOOKUP_H

#include "nt_host_vector.h"

#define SECTION_PASSES (NT_HOST_SECTION / NT_HOST_PASS)
/* Bytes of one row of a table: half a block. */
#define HALF (NT_HOST_BLOCK / 2)
#define ROW_SHIFT 6
#define TABLE_BYTES (16u * HALF)
#define TABLES (NT_HOST_PASS / 4)
#define PASS_BYTES (NT_HOST_PASS * NT_HOST_COLUMN)
#define HALF_VECTORS (HALF / NT_VECTOR_BYTES)
/* A unit fills one vector's width of one table; rows that are added between two units keep the loads busy meanwhile. */
#define UNITS (TABLES * HALF_VECTORS)
#define ROWS_PER_UNIT (NT_HOST_TILE / UNITS)

NT_INLINE void unit_fill(uint8_t *tables, const uint8_t *columns, size_t unit, size_t half, int positive)
{
    size_t part = unit % HALF_VECTORS;
    const uint8_t *four = columns + unit / HALF_VECTORS * 4 * NT_HOST_COLUMN;
    uint8_t *out = tables + unit / HALF_VECTORS * TABLE_BYTES + part * NT_VECTOR_BYTES;
    bytes_v entry[16];
    entry[0] = (bytes_v){0};
#pragma GCC unroll 4
    for (size_t k = 0; k < 4; k++) {
        bytes_v own = row_nibbles(four + k * NT_HOST_COLUMN, half * HALF_VECTORS + part, positive);
#pragma GCC unroll 8
        for (size_t i = 0; i < (size_t)1 << k; i++)
            entry[((size_t)1 << k) + i] = entry[i] + own;
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++)
        vector_store(out + i * HALF, entry[i]);
}

/* Byte offset of the row that four of the bits choose: number `k` of the pass. */
NT_INLINE size_t row_offset(uint32_t bits, unsigned k)
{
    uint32_t at = 4 * k >= ROW_SHIFT ? bits >> (4 * k - ROW_SHIFT) : bits << (ROW_SHIFT - 4 * k);
    return (at & (15u << ROW_SHIFT)) + (size_t)k * TABLE_BYTES;
}

/* Four rows of at most 60 fit a byte. */
NT_INLINE bytes_v rows_sum(const uint8_t *tables, const size_t *offset, size_t part)
{
    const uint8_t *at = tables + part * NT_VECTOR_BYTES;
    return bytes_load(at + offset[0]) + bytes_load(at + offset[1]) + bytes_load(at + offset[2]) +
           bytes_load(at + offset[3]);
}

NT_INLINE void row_add(uint16_t *halves, const uint8_t *tables, uint32_t bits)
{
    size_t offset[TABLES];
#pragma GCC unroll 8
    for (unsigned k = 0; k < TABLES; k++)
        offset[k] = row_offset(bits, k);
#pragma GCC unroll 8
    for (size_t part = 0; part < HALF_VECTORS; part++) {
        uint16_t *at = halves + part * NT_VECTOR_BYTES;
        halves_v first = (halves_v)rows_sum(tables, offset, part);
        halves_v second = (halves_v)rows_sum(tables, offset + 4, part);
        halves_v whole = halves_load(at) + first + second;
        halves_v odd = halves_load(at + NT_VECTOR_BYTES / 2) + (first >> 8) + (second >> 8);
        vector_store(at, (bytes_v)whole);
        vector_store(at + NT_VECTOR_BYTES / 2, (bytes_v)odd);
    }
}

NT_INLINE void halves_clear(uint16_t *halves, size_t rows)
{
    for (size_t i = 0; i < rows * NT_HOST_BLOCK / 2; i += NT_VECTOR_BYTES / 2)
        vector_store(halves + i, (bytes_v){0});
}

NT_INLINE void tile_spill(uint32_t *sum, const uint16_t *halves, size_t rows, size_t half, unsigned plane,
                          int fresh)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t part = 0; part < HALF_VECTORS; part++) {
            const uint16_t *at = halves + r * HALF + part * NT_VECTOR_BYTES;
            halves_spill(sum + r * NT_HOST_BLOCK, half * HALF_VECTORS + part, halves_load(at),
                         halves_load(at + NT_VECTOR_BYTES / 2), plane, fresh);
        }
}

/* Stores of the next pass's tables go on while rows of this one are loaded; each alone would leave half of the machine
   idle. */
NT_INLINE void pass_add(uint16_t *halves, const uint8_t *tables, const uint32_t *chosen, size_t rows, uint8_t *filled,
                        const uint8_t *columns, size_t half, int positive)
{
    size_t unit = 0;
    for (size_t first = 0; first < rows; first += ROWS_PER_UNIT) {
        size_t end = rows - first < ROWS_PER_UNIT ? rows : first + ROWS_PER_UNIT;
        if (filled)
            unit_fill(filled, columns, unit++, half, positive);
        for (size_t r = first; r < end; r++) {
            /* One line at a time: a burst of them would stall the loads. */
            __builtin_prefetch(columns + 4 * PASS_BYTES + r * (PASS_BYTES / NT_HOST_TILE));
            row_add(halves + r * HALF, tables, chosen[r]);
        }
    }
    for (; filled && unit < UNITS; unit++)
        unit_fill(filled, columns, unit, half, positive);
}

/* Sums of half a block, to lane->halves. */
NT_INLINE void half_add(struct nt_host_lane *lane, const uint8_t *columns, const uint32_t *bits, size_t passes,
                        size_t rows, size_t half, int positive)
{
    uint16_t *halves = (uint16_t *)lane->halves;
    uint8_t *tables = (uint8_t *)lane->tables;
    halves_clear(halves, rows);
    for (size_t unit = 0; unit < UNITS; unit++)
        unit_fill(tables, columns, unit, half, positive);
    for (size_t pass = 0; pass < passes; pass++) {
        uint8_t *now = tables + pass % 2 * TABLES * TABLE_BYTES;
        uint8_t *next = pass + 1 < passes ? tables + (pass + 1) % 2 * TABLES * TABLE_BYTES : 0;
        pass_add(halves, now, bits + pass * rows, rows, next, columns + (pass + 1) * PASS_BYTES, half, positive);
    }
}

NT_INLINE void lookup_add_as(struct nt_host_lane *lane, uint32_t *sum, const uint8_t *block, const uint32_t *bits,
                             size_t passes, size_t rows, unsigned plane, int positive,
                             int fresh)
{
    for (size_t first = 0; first < passes; first += SECTION_PASSES, block += NT_HOST_SECTION_BYTES) {
        size_t count = passes - first < SECTION_PASSES ? passes - first : SECTION_PASSES;
        for (size_t half = 0; half < 2; half++) {
            half_add(lane, block, bits + first * rows, count, rows, half, positive);
            if (fresh && first == 0)
                tile_spill(sum, (const uint16_t *)lane->halves, rows, half, plane, 1);
            else
                tile_spill(sum, (const uint16_t *)lane->halves, rows, half, plane, 0);
        }
    }
}

static void lookup_narrow(struct nt_host_lane *lane, const uint8_t *block, const uint32_t *bits, size_t passes, size_t rows,
                          const uint32_t *offset)
{
    for (size_t half = 0; half < 2; half++) {
        const uint16_t *at = (const uint16_t *)lane->halves;
        half_add(lane, block, bits, passes, rows, half, 0);
        for (size_t r = 0; r < rows; r++)
            for (size_t part = 0; part < HALF_VECTORS; part++, at += NT_VECTOR_BYTES)
                halves_narrow(lane->narrow[r], half * HALF_VECTORS + part, halves_load(at),
                              halves_load(at + NT_VECTOR_BYTES / 2), (uint16_t)offset[r]);
    }
}

static void lookup_add(struct nt_host_lane *lane, uint32_t *sum, const uint8_t *block, const uint32_t *bits,
                       size_t passes, size_t rows, unsigned plane, int positive,
                             int fresh)
{
    if (positive)
        lookup_add_as(lane, sum, block, bits, passes, rows, plane, 1, fresh);
    else
        lookup_add_as(lane, sum, block, bits, passes, rows, plane, 0, fresh);
}

#endif
