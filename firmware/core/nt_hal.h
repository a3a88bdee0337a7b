/* What a board must provide to run the core: at most 14 functions and a few constants. */
#ifndef NT_HAL_H
#define NT_HAL_H

#include <stddef.h>
#include <stdint.h>

/* Every function gets the `context` of the table. Results are >= 0 when good and negative nt_error otherwise. */
struct nt_hal {
	void *context;

	/* Link: neither call waits. Both give the number of bytes moved, which may be 0. */
	int (*rx_read)(void *context, uint8_t *data, size_t capacity);
	int (*tx_write)(void *context, const uint8_t *data, size_t length);
	int (*baud_set)(void *context, uint32_t baud);

	/* Microseconds since boot, wrapping; sleep until an interrupt; feed the watchdog. */
	uint32_t (*time_us)(void *context);
	void (*idle_wait)(void *context);
	void (*watchdog_feed)(void *context);

	/* Non-volatile memory: two areas of nv_area_bytes each. A word of nv_word_bytes can be programmed once between
	 * erases; the erased state is all ones. Read and program stay inside one area and are aligned to words. */
	int (*nv_read)(void *context, int area, uint32_t offset, uint8_t *data, size_t length);
	int (*nv_program)(void *context, int area, uint32_t offset, const uint8_t *data, size_t length);
	int (*nv_erase)(void *context, int area);

	/* Power domains and array of a real part; NULL where the core itself simulates the array. */
	int (*dac_write)(void *context, uint32_t domain, uint8_t code);
	int (*dac_read)(void *context, uint32_t domain);
	int (*array_present)(void *context, const uint8_t *events, size_t inputs, uint8_t *spikes, size_t neurons);

	int (*uid_read)(void *context, uint8_t uid[8]);
	void (*reset)(void *context);

	uint32_t nv_area_bytes;
	uint32_t nv_word_bytes; /* 1, 4 or 8 */
	uint32_t reset_reason;  /* enum nt_reset_reason, read once by the port at boot */
	const uint8_t *image;   /* chip image in flash, as written by the host */
	size_t image_bytes;
};

#endif
