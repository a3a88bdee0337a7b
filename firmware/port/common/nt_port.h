/* What a board gives to the main program, and what the shared start-up code asks of a board. */
#ifndef NT_PORT_H
#define NT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nt_hal.h"

#define NT_PORT_VERSION "0.1.0"
#define NT_STRINGIFY_(x) #x
#define NT_STRINGIFY(x) NT_STRINGIFY_(x)

/* What a receiver of COBS frames throws away, and a person or a test reads: zero byte, text line, zero byte. */
#define NT_BOOT_MARKER "\0nt-host firmware " NT_PORT_VERSION " " NT_STRINGIFY(NT_BOARD_NAME) "\n"
#define NT_BOOT_MARKER_BYTES sizeof(NT_BOOT_MARKER) /* with the closing zero */

/* Brings up clocks, link, clock of microseconds, watchdog and NV; never waits without a bound. */
const struct nt_hal *nt_port_init(void);

/* The main program: brings up the port and serves the link; returns only where the port ends the program. */
int nt_program_run(void);

/* Memory that the core may use, 8-byte aligned; its size depends on what the board finds at boot. */
uint8_t *nt_port_scratch(size_t *bytes);

/* Length of the chip image at `at`, as its header states it; 0 where there is none or it would not fit. */
static inline size_t nt_port_image_bytes(const uint8_t *at, size_t capacity)
{
    static const uint8_t magic[8] = {'N', 'T', 'R', 'O', 'M', '\r', '\n', 0};
    size_t total;

    if (capacity < 16)
        return 0;
    for (unsigned i = 0; i < sizeof magic; i++)
        if (at[i] != magic[i])
            return 0;
    total = (size_t)at[12] | (size_t)at[13] << 8 | (size_t)at[14] << 16 | (size_t)at[15] << 24;
    return total <= capacity ? total : 0;
}

#endif
