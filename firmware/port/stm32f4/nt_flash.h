/* NV areas of a real STM32F4: flash sectors 2 and 3. */
#ifndef NT_FLASH_H
#define NT_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NT_FLASH_AREAS_AT 0x08008000u
#define NT_FLASH_AREA_BYTES 0x4000u

/* True where the flash controller answers, that is on a real part. */
bool nt_flash_detect(void);

int nt_flash_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length);
int nt_flash_erase(void *context, int area);

#endif
