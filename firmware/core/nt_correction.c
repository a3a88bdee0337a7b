/* One parabola per domain, in 32 bits: offset in the low 13, slope in the next 10, bow in the upper 9. */
#include "nt_correction.h"

#include "nt_bytes.h"

#define CODE_NOMINAL 128

uint8_t nt_correction_dac(uint32_t word, uint8_t code, struct nt_code_range range)
{
    int32_t k = code - CODE_NOMINAL;
    int32_t offset = (int32_t)(word << 19) >> 19;
    int32_t slope = (int32_t)(word << 9) >> 22;
    int32_t bow = (int32_t)word >> 23;
    int32_t shift = (offset + (slope * k >> 5) + (bow * k * k >> 12) + 8) >> 4;
    /* A dither may have brought the code itself out of the range. */
    return (uint8_t)nt_i32_clamp(code + shift, code < range.low ? code : range.low,
                                 code > range.high ? code : range.high);
}

void nt_correction_dacs(const uint32_t *words, const uint8_t *codes, uint32_t count, struct nt_code_range range,
                        uint8_t *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = words[i] ? nt_correction_dac(words[i], codes[i], range) : codes[i];
}
