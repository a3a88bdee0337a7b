/* Repacks the image's columns of weights into blocks of columns, as they are (forward) and transposed (errors). */
#include <stdlib.h>
#include <string.h>

#include "nt_host_model.h"

#define LOW_NIBBLES UINT64_C(0x0F0F0F0F0F0F0F0F)
#define EIGHTS UINT64_C(0x8888888888888888)
/* Weight 0 in both halves of a byte. */
#define ZEROS 0x88

/* Bytes of one input's column in the image. */
static size_t stride_of(uint32_t neurons)
{
    return ((size_t)neurons + 7) / 8 * 4;
}

/* Part of an image's column, its first `neurons` weights and then zeros. */
static void column_cut(const uint8_t *from, uint32_t neurons, uint8_t *column)
{
    memset(column, ZEROS, NT_HOST_COLUMN);
    memcpy(column, from, (neurons + 1) / 2);
    if (neurons % 2 != 0)
        column[neurons / 2] = (column[neurons / 2] & 15) | (ZEROS & 0xF0);
}

/* From neurons 2k and 2k + 1 in byte k to neurons 32h + i and 64 + 32h + i in byte 2i + h. The loops are apart so that
   compilers make vectors of them: a quarter of the time. */
static void column_pack(const uint8_t *from, uint8_t *out)
{
    uint8_t even[2][16];
    uint8_t odd[2][16];
    for (uint32_t h = 0; h < 2; h++)
        for (uint32_t k = 0; k < 16; k++) {
            uint8_t low = from[16 * h + k];
            uint8_t high = from[32 + 16 * h + k];
            even[h][k] = (uint8_t)((low & 15) | high << 4);
            odd[h][k] = (uint8_t)(low >> 4 | (high & 0xF0));
        }
    for (uint32_t k = 0; k < 16; k++) {
        out[4 * k] = even[0][k];
        out[4 * k + 1] = even[1][k];
        out[4 * k + 2] = odd[0][k];
        out[4 * k + 3] = odd[1][k];
    }
}

/* Where column `input` of a block lies: a column of zeros is behind each section. */
static size_t column_at(uint32_t input)
{
    return ((size_t)input + input / NT_HOST_SECTION) * NT_HOST_COLUMN;
}

/* Columns of inputs that do not exist hold weight 0, those behind the sections bytes of 0. */
static void columns_end(const struct nt_host_layer *layer)
{
    uint32_t columns = layer->passes * NT_HOST_PASS;
    for (uint32_t block = 0; block < layer->n_blocks; block++) {
        uint8_t *weight = layer->weight + block * nt_host_block_bytes(layer);
        for (uint32_t input = layer->n_inputs; input < columns; input++)
            memset(weight + column_at(input), ZEROS, NT_HOST_COLUMN);
        for (uint32_t first = 0; first < columns; first += NT_HOST_SECTION) {
            uint32_t last = columns - first < NT_HOST_SECTION ? columns - 1 : first + NT_HOST_SECTION - 1;
            memset(weight + column_at(last) + NT_HOST_COLUMN, 0, NT_HOST_COLUMN);
        }
    }
}

void nt_host_layer_pack(struct nt_host_layer *layer, const uint8_t *weight)
{
    size_t stride = stride_of(layer->n_neurons);
    size_t block_bytes = nt_host_block_bytes(layer);
    uint8_t cut[NT_HOST_COLUMN];
    for (uint32_t input = 0; input < layer->n_inputs; input++, weight += stride)
        for (uint32_t block = 0; block < layer->n_blocks; block++) {
            uint32_t left = layer->n_neurons - block * NT_HOST_BLOCK;
            const uint8_t *from = weight + (size_t)block * NT_HOST_COLUMN;
            if (left < NT_HOST_BLOCK) {
                column_cut(from, left, cut);
                from = cut;
            }
            column_pack(from, layer->weight + block * block_bytes + column_at(input));
        }
    columns_end(layer);
}

static void swap_blocks(uint64_t *a, uint64_t *b, unsigned shift, uint64_t mask)
{
    uint64_t changed = ((*a >> shift) ^ *b) & mask;
    *b ^= changed;
    *a ^= changed << shift;
}

/* Byte k of row i becomes byte i of row k. */
static void bytes_transpose(uint64_t *row)
{
    for (unsigned i = 0; i < 4; i++)
        swap_blocks(&row[i], &row[i + 4], 32, UINT64_C(0x00000000FFFFFFFF));
    for (unsigned i = 0; i < 8; i += i % 4 == 1 ? 3 : 1)
        swap_blocks(&row[i], &row[i + 2], 16, UINT64_C(0x0000FFFF0000FFFF));
    for (unsigned i = 0; i < 8; i += 2)
        swap_blocks(&row[i], &row[i + 1], 8, UINT64_C(0x00FF00FF00FF00FF));
}

/* Eight bytes of the image's column for `neuron` of a transposed layer, from byte `at`; zeros behind its end. */
static uint64_t bytes_load(const struct nt_host_layer *back, const uint8_t *weight, uint32_t neuron, size_t at)
{
    uint64_t eight = EIGHTS;
    size_t stride = stride_of(back->n_inputs);
    if (neuron < back->n_neurons)
        memcpy(&eight, weight + neuron * stride + at, stride - at < 8 ? stride - at : 8);
    return eight;
}

/* The sixteen columns of a transposed layer's block whose weights are in eight bytes of the image's columns. */
static void columns_turn(const struct nt_host_layer *back, const uint8_t *weight, uint32_t block, size_t at, uint8_t *out)
{
    for (uint32_t byte = 0; byte < NT_HOST_COLUMN; byte += 8) {
        uint64_t even[8];
        uint64_t odd[8];
        for (uint32_t k = 0; k < 8; k++) {
            uint32_t neuron = block * NT_HOST_BLOCK + 32 * (k % 2) + (byte + k) / 2;
            uint64_t low = bytes_load(back, weight, neuron, at);
            uint64_t high = bytes_load(back, weight, neuron + 64, at);
            even[k] = (low & LOW_NIBBLES) | (high & LOW_NIBBLES) << 4;
            odd[k] = (low >> 4 & LOW_NIBBLES) | (high & ~LOW_NIBBLES);
        }
        bytes_transpose(even);
        bytes_transpose(odd);
        for (uint32_t j = 0; j < 8; j++) {
            memcpy(out + 2 * j * NT_HOST_COLUMN + byte, &even[j], 8);
            memcpy(out + (2 * j + 1) * NT_HOST_COLUMN + byte, &odd[j], 8);
        }
    }
}

/* Sum of |w| in the image's column of `count` weights. */
static uint32_t column_sum(const uint8_t *column, uint32_t count)
{
    int32_t sum = count % 2 != 0 ? abs((column[count / 2] & 15) - 8) : 0;
    for (uint32_t k = 0; k < count / 2; k++)
        sum += abs((column[k] & 15) - 8) + abs((column[k] >> 4) - 8);
    return (uint32_t)sum;
}

void nt_host_back_pack(struct nt_host_layer *back, const uint8_t *weight)
{
    size_t stride = stride_of(back->n_inputs);
    size_t block_bytes = nt_host_block_bytes(back);
    for (uint32_t block = 0; block < back->n_blocks; block++)
        for (size_t at = 0; at < stride; at += 8)
            columns_turn(back, weight, block, at, back->weight + block * block_bytes + column_at((uint32_t)(2 * at)));
    columns_end(back);
    back->largest = 0;
    for (uint32_t neuron = 0; neuron < back->n_neurons; neuron++) {
        uint32_t sum = column_sum(weight + neuron * stride, back->n_inputs);
        back->largest = sum > back->largest ? sum : back->largest;
    }
}
