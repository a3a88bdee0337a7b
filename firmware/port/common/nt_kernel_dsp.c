/* Kernels for a Cortex-M4 with the DSP extension: four words (32 neurons) of up to 17 columns are added in registers,
 * and widened with UXTAB. Of the portable kernels only those that binary events and learning use are replaced. */
#include "nt_bytes.h"
#include "nt_kernel.h"

#define TILE_WORDS 4u
#define OFFSET_MAX 0xFFFFu /* the offset of a tile within its columns shares a register with the count */

void nt_dsp_tile_add(uint32_t *sum, const uint8_t *const *column, uint32_t offset, uint32_t count);

/* r0 sum, r1 list of columns, r2 offset in bytes, r3 events (1 to 17). All 14 registers are in use:
 * r4-r11 accumulate (even and odd nibbles of words 0 to 3), r2 holds offset and, in its upper half, events left less
 * one, r0, r3, r12 and lr are the column and its words. Odd nibbles stay in the upper half of their byte until they are
 * added: no mask for them is needed. */
__asm__(".syntax unified\n"
    ".thumb\n"
    ".section .text.nt_dsp_tile_add, \"ax\", %progbits\n"
    ".balign 4\n"
    ".global nt_dsp_tile_add\n"
    ".thumb_func\n"
    ".type nt_dsp_tile_add, %function\n"
    "nt_dsp_tile_add:\n"
    "	push {r0, r4-r11, lr}\n"
    "	subs r3, #1\n"
    "	orr r2, r2, r3, lsl #16\n"
    "	movs r4, #0\n"
    "	mov r5, r4\n"
    "	mov r6, r4\n"
    "	mov r7, r4\n"
    "	mov r8, r4\n"
    "	mov r9, r4\n"
    "	mov r10, r4\n"
    "	mov r11, r4\n"
    "1:	ldr r0, [r1], #4\n"
    "	uxtah r0, r0, r2\n"
    "	ldrd r3, r12, [r0]\n"
    "	and lr, r3, #0x0F0F0F0F\n"
    "	eor r3, r3, lr\n"
    "	add r4, r4, lr\n"
    "	add r5, r5, r3, lsr #4\n"
    "	and lr, r12, #0x0F0F0F0F\n"
    "	eor r12, r12, lr\n"
    "	add r6, r6, lr\n"
    "	add r7, r7, r12, lsr #4\n"
    "	ldrd r3, r12, [r0, #8]\n"
    "	and lr, r3, #0x0F0F0F0F\n"
    "	eor r3, r3, lr\n"
    "	add r8, r8, lr\n"
    "	add r9, r9, r3, lsr #4\n"
    "	and lr, r12, #0x0F0F0F0F\n"
    "	eor r12, r12, lr\n"
    "	add r10, r10, lr\n"
    "	add r11, r11, r12, lsr #4\n"
    "	subs r2, r2, #0x10000\n"
    "	bpl 1b\n"
    /* Widen: eight sums of a word are loaded, added to and stored at once. */
    "	ldr r0, [sp]\n"
    "	push {r6-r11}\n"
    "	mov r2, r4\n"
    "	mov r3, r5\n"
    "	movs r1, #3\n"
    "2:	ldmia r0, {r4-r11}\n"
    "	uxtab r4, r4, r2\n"
    "	uxtab r5, r5, r3\n"
    "	uxtab r6, r6, r2, ror #8\n"
    "	uxtab r7, r7, r3, ror #8\n"
    "	uxtab r8, r8, r2, ror #16\n"
    "	uxtab r9, r9, r3, ror #16\n"
    "	uxtab r10, r10, r2, ror #24\n"
    "	uxtab r11, r11, r3, ror #24\n"
    "	stmia r0!, {r4-r11}\n"
    "	cbz r1, 3f\n"
    "	subs r1, #1\n"
    "	pop {r2, r3}\n"
    "	b 2b\n"
    "3:	pop {r0, r4-r11, pc}\n"
    ".size nt_dsp_tile_add, . - nt_dsp_tile_add\n"
    ".text\n");

static void word_add(uint32_t *sum, const uint8_t *const *column, size_t offset, size_t count)
{
    uint32_t even = 0;
    uint32_t odd = 0;

    for (size_t e = 0; e < count; e++) {
        uint32_t word = nt_u32_load(column[e] + offset);

        even += word & 0x0F0F0F0Fu;
        odd += word >> 4 & 0x0F0F0F0Fu;
    }
    for (unsigned lane = 0; lane < 4; lane++) {
        sum[2 * lane] += even >> 8 * lane & 255;
        sum[2 * lane + 1] += odd >> 8 * lane & 255;
    }
}

/* Columns that are not aligned to words, or longer than a tile's offset can tell, are added word by word. */
static void sum_add(uint32_t *sum, const uint8_t *const *column, size_t count, size_t words)
{
    int is_tiled = 4 * words <= OFFSET_MAX && ((uintptr_t)column[0] & 3) == 0;

    while (count > 0) {
        size_t group = count < NT_KERNEL_GROUP ? count : NT_KERNEL_GROUP;
        size_t at = 0;

        for (; is_tiled && at + TILE_WORDS <= words; at += TILE_WORDS)
            nt_dsp_tile_add(sum + 8 * at, column, 4 * at, group);
        for (; at < words; at++)
            word_add(sum + 8 * at, column, 4 * at, group);
        column += group;
        count -= group;
    }
}

/* Sum of (n - 8) * error over nibbles n: products of whole nibbles, less eight times the sum of the errors. */
static uint32_t column_dot(const uint8_t *column, const uint32_t *error, size_t words)
{
    uint32_t total = 0;
    uint32_t plain = 0;

    for (size_t k = 0; k < words; k++, error += 8) {
        uint32_t word = nt_u32_load(column + 4 * k);

#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++) {
            total += (word >> 4 * i & 15u) * error[i];
            plain += error[i];
        }
    }
    return total - 8 * plain;
}

const struct nt_kernel nt_kernel_dsp = {
    .sum_add = sum_add,
    .sum_add_counted = nt_portable_sum_add_counted,
    .positive_add = nt_portable_positive_add,
    .positive_add_counted = nt_portable_positive_add_counted,
    .column_dot = column_dot,
};
