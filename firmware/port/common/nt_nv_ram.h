/* NV areas in RAM, for emulators: the rules of flash (programming clears bits only, erasing sets them all), and the
 * content outlives a reset. What else it outlives is the board's matter. */
#ifndef NT_NV_RAM_H
#define NT_NV_RAM_H

#include <stddef.h>
#include <stdint.h>

/* Uses `memory` (two areas, 4-byte aligned) and one word `magic` that tells whether it holds data already. */
void nt_nv_ram_init(uint32_t *memory, uint32_t area_bytes, uint32_t *magic);

int nt_nv_ram_read(void *context, int area, uint32_t offset, uint8_t *data, size_t length);
int nt_nv_ram_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length);
int nt_nv_ram_erase(void *context, int area);

#endif
