/* Corrections: from the calibrated code of a domain to the code of its DAC (docs/spec.md, section 6). */
#ifndef NT_CORRECTION_H
#define NT_CORRECTION_H

#include <stdint.h>

/* The range that no correction carries a code out of. */
struct nt_code_range {
    uint8_t low;
    uint8_t high;
};

/* What the DAC gets for `code` under the packed correction `word`; the code itself for 0. */
uint8_t nt_correction_dac(uint32_t word, uint8_t code, struct nt_code_range range);

/* The same for `count` codes; `out` may be `codes`. */
void nt_correction_dacs(const uint32_t *words, const uint8_t *codes, uint32_t count, struct nt_code_range range,
                        uint8_t *out);

#endif
