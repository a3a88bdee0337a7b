/* NV areas in RAM, for emulators. */
#include "nt_nv_ram.h"

#include <stdbool.h>

#include "nt_error.h"
#include "nt_nv.h"

#define NV_MAGIC 0x4E4F5652u

static uint8_t *base;
static uint32_t area_size;

void nt_nv_ram_init(uint32_t *memory, uint32_t area_bytes, uint32_t *magic)
{
    base = (uint8_t *)memory;
    area_size = area_bytes;
    if (*magic == NV_MAGIC)
        return;
    for (int area = 0; area < 2; area++)
        (void)nt_nv_ram_erase(NULL, area);
    *magic = NV_MAGIC;
}

static bool range_refused(int area, uint32_t offset, size_t length)
{
    return area < 0 || area > 1 || offset > area_size || length > area_size - offset;
}

int nt_nv_ram_read(void *context, int area, uint32_t offset, uint8_t *data, size_t length)
{
    (void)context;
    if (range_refused(area, offset, length))
        return NT_ERROR_ARGUMENT;
    for (size_t i = 0; i < length; i++)
        data[i] = base[(uint32_t)area * area_size + offset + i];
    return 0;
}

int nt_nv_ram_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    bool good = true;

    (void)context;
    if (range_refused(area, offset, length) || offset % 4 || length % 4)
        return NT_ERROR_ARGUMENT;
    for (size_t i = 0; i < length; i++) {
        uint8_t *cell = &base[(uint32_t)area * area_size + offset + i];

        *cell &= data[i];
        good = good && *cell == data[i];
    }
    return good ? 0 : NT_ERROR_NV_DEVICE;
}

int nt_nv_ram_erase(void *context, int area)
{
    (void)context;
    if (range_refused(area, 0, area_size))
        return NT_ERROR_ARGUMENT;
    for (uint32_t i = 0; i < area_size; i++)
        base[(uint32_t)area * area_size + i] = 0xFF;
    return 0;
}
