/* Four-input look-up: 16 sums of each four columns, of which every row adds one; private to the kernels.
   The idea: V. L. Arlazarov, E. A. Dinic, M. A. Kronrod, I. A. Faradzev, Soviet Mathematics Doklady 11, 1970. */
#ifndef NT_HOST_LOOKUP_H
#define NT_HOST_LOOKUP_H

#include "nt_host_vector.h"

/* Passes whose 16-bit lanes cannot overflow: 136 * 32 * 15 = 65,280. */
#define SPILL_PASSES 136u
/* Bytes of one row of a table, as a shift. */
#define ROW_SHIFT 7
#define TABLE_BYTES (16u * NT_HOST_BLOCK)
#define PASS_BYTES (NT_HOST_PASS * NT_HOST_COLUMN)

NT_INLINE void table_fill(uint8_t (*table)[NT_HOST_BLOCK], const uint8_t *columns, int positive)
{
#pragma GCC unroll 8
    for (size_t part = 0; part < ROW_VECTORS; part++) {
        bytes_v entry[16];
        entry[0] = (bytes_v){0};
#pragma GCC unroll 4
        for (size_t k = 0; k < 4; k++) {
            bytes_v own = row_nibbles(columns + k * NT_HOST_COLUMN, part, positive);
#pragma GCC unroll 8
            for (size_t i = 0; i < (size_t)1 << k; i++)
                entry[((size_t)1 << k) + i] = entry[i] + own;
        }
#pragma GCC unroll 16
        for (size_t i = 0; i < 16; i++)
            vector_store(table[i] + part * NT_VECTOR_BYTES, entry[i]);
    }
}

/* Byte offset of the row that four of the bits choose: number `k` of the pass. */
NT_INLINE size_t row_offset(uint32_t bits, unsigned k)
{
    uint32_t at = 4 * k >= ROW_SHIFT ? bits >> (4 * k - ROW_SHIFT) : bits << (ROW_SHIFT - 4 * k);
    return (at & (15u << ROW_SHIFT)) + (size_t)k * TABLE_BYTES;
}

/* Four rows of at most 60 fit a byte. */
NT_INLINE bytes_v rows_sum(const uint8_t *table, const size_t *offset, size_t part)
{
    const uint8_t *at = table + part * NT_VECTOR_BYTES;
    return bytes_load(at + offset[0]) + bytes_load(at + offset[1]) + bytes_load(at + offset[2]) +
           bytes_load(at + offset[3]);
}

NT_INLINE void row_add(uint16_t *halves, const uint8_t *table, uint32_t bits)
{
    size_t offset[8];
#pragma GCC unroll 8
    for (unsigned k = 0; k < 8; k++)
        offset[k] = row_offset(bits, k);
#pragma GCC unroll 8
    for (size_t part = 0; part < ROW_VECTORS; part++) {
        uint16_t *at = halves + part * NT_VECTOR_BYTES;
        halves_v first = (halves_v)rows_sum(table, offset, part);
        halves_v second = (halves_v)rows_sum(table, offset + 4, part);
        halves_v whole = halves_load(at) + first + second;
        halves_v odd = halves_load(at + NT_VECTOR_BYTES / 2) + (first >> 8) + (second >> 8);
        vector_store(at, (bytes_v)whole);
        vector_store(at + NT_VECTOR_BYTES / 2, (bytes_v)odd);
    }
}

NT_INLINE void halves_clear(uint16_t *halves, size_t rows)
{
    for (size_t i = 0; i < rows * NT_HOST_BLOCK; i += NT_VECTOR_BYTES / 2)
        vector_store(halves + i, (bytes_v){0});
}

NT_INLINE void tile_spill(uint32_t *sum, const uint16_t *halves, size_t rows, unsigned plane)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t part = 0; part < ROW_VECTORS; part++) {
            const uint16_t *at = halves + r * NT_HOST_BLOCK + part * NT_VECTOR_BYTES;
            halves_spill(sum + r * NT_HOST_BLOCK, part, halves_load(at), halves_load(at + NT_VECTOR_BYTES / 2), plane);
        }
}

NT_INLINE void lookup_add_as(struct nt_host_lane *lane, uint32_t *sum, const uint8_t *block, const uint32_t *bits,
                             size_t passes, size_t rows, unsigned plane, int positive)
{
    uint16_t *halves = (uint16_t *)lane->halves;
    const uint8_t *table = (const uint8_t *)lane->table;
    halves_clear(halves, rows);
    for (size_t pass = 0; pass < passes; pass++) {
        const uint8_t *columns = block + pass * PASS_BYTES;
        const uint32_t *chosen = bits + pass * rows;
        for (size_t k = 0; k < NT_HOST_PASS / 4; k++)
            table_fill(lane->table[k], columns + 4 * k * NT_HOST_COLUMN, positive);
        for (size_t r = 0; r < rows; r++) {
            /* One line at a time: a burst of them would stall the loads. */
            __builtin_prefetch(columns + PASS_BYTES + (r * (PASS_BYTES / NT_HOST_TILE)));
            row_add(halves + r * NT_HOST_BLOCK, table, chosen[r]);
        }
        if ((pass + 1) % SPILL_PASSES == 0 || pass + 1 == passes) {
            tile_spill(sum, halves, rows, plane);
            halves_clear(halves, rows);
        }
    }
}

static void lookup_add(struct nt_host_lane *lane, uint32_t *sum, const uint8_t *block, const uint32_t *bits,
                       size_t passes, size_t rows, unsigned plane, int positive)
{
    if (positive)
        lookup_add_as(lane, sum, block, bits, passes, rows, plane, 1);
    else
        lookup_add_as(lane, sum, block, bits, passes, rows, plane, 0);
}

#endif
