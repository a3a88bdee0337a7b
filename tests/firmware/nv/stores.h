/* The stores under test: the real one, and naive ones that the same test must catch. */
#ifndef STORES_H
#define STORES_H

#include "nt_nv.h"

struct naive {
    const struct nt_hal *hal;
    uint32_t generation;
    uint32_t area;
};

union store_memory {
    struct nt_nv real;
    struct naive naive;
};

struct store {
    const char *name;
    int (*mount)(union store_memory *memory, const struct nt_hal *hal, const uint8_t *digest, const uint8_t *uid);
    int (*commit)(union store_memory *memory, const struct nt_nv_section *sections, size_t count);
    int (*load)(const union store_memory *memory, uint16_t id, uint8_t *data, size_t capacity);
    uint32_t (*generation)(const union store_memory *memory);
};

extern const struct store real_store;
/* Writes the commit record first and the sections behind it. */
extern const struct store early_store;
/* Writes the record last and checks its CRC, but keeps one area and erases it first. */
extern const struct store single_store;

#endif
