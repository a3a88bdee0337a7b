/* The whole firmware but the board: one call to begin, one to poll. */
#ifndef NT_CORE_H
#define NT_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "nt_chip.h"
#include "nt_hal.h"
#include "nt_session.h"

/* A host that falls silent in the middle of a session leaves codes behind that nobody committed and nobody watches.
   After this long without a frame the committed ones come back, as a new revision, and the session is closed; a host
   that returns is told so by BAD_SESSION. Codes that are committed, or were never changed, wait for ever; GOODBYE ends
   the supervision. 0 switches it off. */
#ifndef NT_SILENCE_US
#define NT_SILENCE_US 120000000u
#endif

/* A poll does not begin another sample after this time. */
#define NT_POLL_US 5000u
#define NT_RX_BYTES 64u

struct nt_core {
    const struct nt_hal *hal;
    struct nt_chip chip;
    struct nt_session session;
    uint32_t heard_us; /* when the session's host was heard last */
    uint8_t rx[NT_RX_BYTES];
    uint8_t rx_at;
    uint8_t rx_end;
};

/* `core` and `scratch` (8-byte aligned) belong to the caller and live as long as the core. The first bytes of the scratch
   memory should survive a reset. Codes, samples and buffers live in the scratch memory; what remains becomes input slots.
   Gives NT_OK, or why the chip cannot work: nt_core_poll then answers every HELLO with NO_IMAGE and that reason in `seen`,
   unless the scratch memory is too small even for that. */
int nt_core_init(struct nt_core *core, const struct nt_hal *hal, void *scratch, size_t scratch_bytes);

/* Moves bytes and works, without waiting and for a bounded time, about one sample. 1 where there is more to do at once,
   0 where the board may sleep until a byte comes, or a negative error. */
int nt_core_poll(struct nt_core *core);

#endif
