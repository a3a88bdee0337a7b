/* Repacks rows of weights into blocks of columns, as they are (forward) and transposed (errors). */
#include <stdlib.h>
#include <string.h>

#include "nt_host_model.h"

#define LOW_NIBBLES UINT64_C(0x0F0F0F0F0F0F0F0F)
#define EIGHTS UINT64_C(0x8888888888888888)

/* Up to eight weights of one neuron; none for a neuron that does not exist. */
static uint64_t weights_load(const struct nt_host_layer *layer, const int8_t *weight, uint32_t neuron, uint32_t input)
{
    uint64_t eight = 0;
    if (neuron >= layer->n_neurons)
        return 0;
    uint32_t left = layer->n_inputs - input;
    const int8_t *at = weight + (size_t)neuron * layer->n_inputs + input;
    if (left >= 8)
        memcpy(&eight, at, 8);
    else
        memcpy(&eight, at, left);
    return eight;
}

/* (w & 15) ^ 8 is w + 8. */
static uint64_t nibbles_pair(uint64_t low, uint64_t high)
{
    return ((low & LOW_NIBBLES) | (high & LOW_NIBBLES) << 4) ^ EIGHTS;
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

/* Eight columns of a block. */
static void columns_pack(const struct nt_host_layer *layer, const int8_t *weight, uint32_t block, uint32_t input,
                         uint8_t *out)
{
    for (uint32_t byte = 0; byte < NT_HOST_COLUMN; byte += 8) {
        uint64_t row[8];
        for (uint32_t k = 0; k < 8; k++) {
            uint32_t neuron = block * NT_HOST_BLOCK + 32 * (k % 2) + (byte + k) / 2;
            row[k] = nibbles_pair(weights_load(layer, weight, neuron, input),
                                  weights_load(layer, weight, neuron + 64, input));
        }
        bytes_transpose(row);
        for (uint32_t j = 0; j < 8; j++)
            memcpy(out + j * NT_HOST_COLUMN + byte, &row[j], 8);
    }
}

void nt_host_layer_pack(struct nt_host_layer *layer, const int8_t *weight)
{
    uint32_t columns = layer->passes * NT_HOST_PASS;
    uint8_t *out = layer->weight;
    for (uint32_t block = 0; block < layer->n_blocks; block++)
        for (uint32_t first = 0; first < columns; first += NT_HOST_SECTION) {
            uint32_t end = columns - first < NT_HOST_SECTION ? columns : first + NT_HOST_SECTION;
            for (uint32_t input = first; input < end; input += 8, out += 8 * NT_HOST_COLUMN)
                if (input < layer->n_inputs)
                    columns_pack(layer, weight, block, input, out);
                else
                    memset(out, 0x88, 8 * NT_HOST_COLUMN);
            memset(out, 0, NT_HOST_COLUMN);
            out += NT_HOST_COLUMN;
        }
}

/* A row of the layer is a column of the transposed one. */
static void column_pack(const int8_t *row, uint32_t neurons, uint8_t *out)
{
    int8_t own[NT_HOST_BLOCK] = {0};
    memcpy(own, row, neurons < NT_HOST_BLOCK ? neurons : NT_HOST_BLOCK);
    for (uint32_t half = 0; half < 2; half++)
        for (uint32_t i = 0; i < 32; i++)
            out[2 * i + half] = (uint8_t)((own[32 * half + i] & 15) | (own[64 + 32 * half + i] & 15) << 4) ^ 0x88;
}

/* Largest sum of |w| to one neuron; all of them at the largest weight when memory is short. */
static uint32_t largest_row(const struct nt_host_layer *back, const int8_t *weight)
{
    uint32_t largest = 0;
    uint32_t *sum = calloc(back->n_neurons, sizeof *sum);
    if (!sum)
        return 7 * back->n_inputs;
    for (uint32_t i = 0; i < back->n_inputs; i++)
        for (uint32_t j = 0; j < back->n_neurons; j++)
            sum[j] += (uint32_t)abs(weight[(size_t)i * back->n_neurons + j]);
    for (uint32_t j = 0; j < back->n_neurons; j++)
        largest = sum[j] > largest ? sum[j] : largest;
    free(sum);
    return largest;
}

void nt_host_back_pack(struct nt_host_layer *back, const int8_t *weight)
{
    uint32_t columns = back->passes * NT_HOST_PASS;
    size_t block_bytes = nt_host_block_bytes(back);
    for (uint32_t input = 0; input < columns; input++) {
        size_t at = ((size_t)input + input / NT_HOST_SECTION) * NT_HOST_COLUMN;
        for (uint32_t block = 0; block < back->n_blocks; block++) {
            uint32_t first = block * NT_HOST_BLOCK;
            uint8_t *out = back->weight + block * block_bytes + at;
            if (input < back->n_inputs)
                column_pack(weight + (size_t)input * back->n_neurons + first, back->n_neurons - first, out);
            else
                memset(out, 0x88, NT_HOST_COLUMN);
            if (input + 1 == columns || (input + 1) % NT_HOST_SECTION == 0)
                memset(out + NT_HOST_COLUMN, 0, NT_HOST_COLUMN);
        }
    }
    back->largest = largest_row(back, weight);
}
