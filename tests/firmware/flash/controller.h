/* Simulated flash controller of an STM32F405 (RM0090, section 3): its registers, its sectors, and what it refuses. The
 * flash lies at its true address, so that it is read in place; the driver's writes come through controller_store. */
#ifndef CONTROLLER_H
#define CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#define CONTROLLER_FLASH_AT 0x08000000u
#define CONTROLLER_FLASH_BYTES 0x100000u

struct controller {
    uint32_t cr;
    uint32_t sr;
    bool first_key_seen;
    bool is_locked_out;      /* a wrong key sequence: until the next reset nothing unlocks it */
    uint32_t busy_reads;     /* readings of SR until BSY falls */
    uint32_t busy_left;
    uint32_t stuck_from;     /* number of the operation that never ends; and those after it */
    uint32_t operations;     /* programs and erases begun */
    uint32_t protected_mask; /* write-protected sectors, by bit */
    uint32_t refused_from;   /* operations from this number on meet write protection */
    uint32_t refused_count;
    uintptr_t weak_at; /* a word whose bit 0 neither programs nor erases */
    uint64_t status_reads;
    uint32_t writes; /* of any register or flash word */
    uint32_t erases[12];
    const char *violation; /* the last broken rule that no flag tells of */
};

extern struct controller controller;

/* Reset of the part: NV areas erased, a pattern elsewhere, CR locked. Maps the flash when first called. */
void controller_begin(void);
bool controller_is_pattern_whole(void);
uint32_t controller_load(uintptr_t address);
void controller_store(uintptr_t address, uint32_t value);

#endif
