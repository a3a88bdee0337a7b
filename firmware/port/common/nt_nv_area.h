/* NV areas that lie in the address space of the processor: two runs of bytes, read in place. Where they are RAM (for
 * emulators and hosts), also the rules of flash; the content outlives a reset, and what else is the board's matter. */
#ifndef NT_NV_AREA_H
#define NT_NV_AREA_H

#include <stddef.h>
#include <stdint.h>

#define NT_NV_WORD_BYTES 4u
#define NT_NV_RAM_MAGIC 0x4E4F5652u

/* Where the areas are, one behind the other, aligned to words. */
void nt_nv_area_begin(uintptr_t address, uint32_t area_bytes);

/* The place of that part of an area, or a null pointer where it leaves the area or is not aligned to words. */
uint8_t *nt_nv_area_at(int area, uint32_t offset, size_t length);

int nt_nv_area_read(void *context, int area, uint32_t offset, uint8_t *data, size_t length);

/* The same, and erases both areas unless `magic` says that they hold data already. */
void nt_nv_ram_begin(uint32_t *memory, uint32_t area_bytes, uint32_t *magic);

int nt_nv_ram_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length);
int nt_nv_ram_erase(void *context, int area);

#endif
