/* The main program of every port: boot marker, core, and sleep when there is nothing to do. */
#include "nt_core.h"
#include "nt_port.h"

static void boot_marker_send(const struct nt_hal *hal)
{
    static const uint8_t marker[] = NT_BOOT_MARKER;
    size_t sent = 0;

    while (sent < sizeof marker) {
        int count = hal->tx_write(hal->context, marker + sent, sizeof marker - sent);

        if (count < 0)
            return;
        sent += (size_t)count;
        hal->watchdog_feed(hal->context);
    }
}

int nt_program_run(void)
{
    static struct nt_core core;
    const struct nt_hal *hal = nt_port_init();
    size_t scratch_bytes;
    uint8_t *scratch = nt_port_scratch(&scratch_bytes);

    boot_marker_send(hal);
    (void)nt_core_init(&core, hal, scratch, scratch_bytes);
    for (;;) {
        if (nt_core_poll(&core) > 0)
            continue;
        hal->watchdog_feed(hal->context); /* also where the core has nothing to poll: HELLO must stay refused */
        hal->idle_wait(hal->context);
    }
}
