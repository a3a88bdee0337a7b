/* NV areas in the address space: bounds and reading, and RAM that obeys the rules of flash. */
#include "nt_nv_area.h"

#include "nt_error.h"
#include "nt_nv.h"

static uintptr_t base;
static uint32_t area_size;

void nt_nv_area_begin(uintptr_t address, uint32_t area_bytes)
{
    base = address;
    area_size = area_bytes;
}

uint8_t *nt_nv_area_at(int area, uint32_t offset, size_t length)
{
    if (area < 0 || area > 1 || offset > area_size || length > area_size - offset ||
        (offset | length) % NT_NV_WORD_BYTES != 0)
        return NULL;
    return (uint8_t *)(base + (uint32_t)area * area_size + offset);
}

int nt_nv_area_read(void *context, int area, uint32_t offset, uint8_t *data, size_t length)
{
    const uint8_t *from = nt_nv_area_at(area, offset, length);

    (void)context;
    if (!from)
        return NT_ERROR_ARGUMENT;
    for (size_t i = 0; i < length; i++)
        data[i] = from[i];
    return 0;
}

void nt_nv_ram_begin(uint32_t *memory, uint32_t area_bytes, uint32_t *magic)
{
    nt_nv_area_begin((uintptr_t)memory, area_bytes);
    if (*magic == NT_NV_RAM_MAGIC)
        return;
    for (int area = 0; area < 2; area++)
        (void)nt_nv_ram_erase(NULL, area);
    *magic = NT_NV_RAM_MAGIC;
}

int nt_nv_ram_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    uint8_t *to = nt_nv_area_at(area, offset, length);

    (void)context;
    if (!to)
        return NT_ERROR_ARGUMENT;
    for (size_t i = 0; i < length; i++)
        if (to[i] != 0xFF)
            return NT_ERROR_NV_DEVICE;
    for (size_t i = 0; i < length; i++)
        to[i] = data[i];
    return 0;
}

int nt_nv_ram_erase(void *context, int area)
{
    uint8_t *to = nt_nv_area_at(area, 0, area_size);

    (void)context;
    if (!to)
        return NT_ERROR_ARGUMENT;
    for (uint32_t i = 0; i < area_size; i++)
        to[i] = 0xFF;
    return 0;
}
