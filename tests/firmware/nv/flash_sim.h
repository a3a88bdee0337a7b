/* Simulated flash of two areas that loses power at a chosen operation, and counts every broken rule of the part. */
#ifndef FLASH_SIM_H
#define FLASH_SIM_H

#include <setjmp.h>
#include <stdint.h>

#include "nt_hal.h"

#define FLASH_AREA_BYTES 720u

/* What the interrupted operation leaves behind. */
enum flash_outcome {
    FLASH_OLD,   /* nothing happened */
    FLASH_NEW,   /* it was just done */
    FLASH_BLANK, /* reads as erased, but was touched: it must not be programmed before a full erase */
    FLASH_HALF,  /* half of the bits of the word, or a window of the area */
    FLASH_JUNK,  /* random and steady; an erase leaves each word erased, old or random */
    FLASH_NOISE, /* every reading gives each bit at random between before and after */
    FLASH_EVEN,  /* reads as after on every other boot, from the first one on; else as before */
    FLASH_ODD,   /* the other way round */
    FLASH_OUTCOMES
};

struct flash {
    uint8_t value[2][FLASH_AREA_BYTES];   /* what a reading gives, or one of two ends of it */
    uint8_t before[2][FLASH_AREA_BYTES];  /* the other end */
    uint8_t mode[2][FLASH_AREA_BYTES];    /* by word */
    uint32_t word_bytes;
    uint32_t boot;
    uint32_t random;
    uint32_t operation; /* counted since flash_arm */
    uint32_t cut_at;
    uint32_t erases[2];
    enum flash_outcome outcome;
    const char *violation;
};

/* Where a power failure goes. Apart from the flash, so that a flash can be copied. */
struct flash_power {
    struct flash *flash;
    jmp_buf failure;
};

void flash_begin(struct flash *flash, uint32_t word_bytes, uint32_t seed);
void flash_arm(struct flash *flash, uint32_t cut_at, enum flash_outcome outcome);
struct nt_hal flash_hal(struct flash_power *power);

#endif
