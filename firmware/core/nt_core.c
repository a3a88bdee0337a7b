/* Ties link, session, chip and board together, and watches over a host that falls silent. */
#include "nt_core.h"

#include "nt_error.h"
#include "nt_session_hello.h"

#define ALIGNMENT 8u

static const uint32_t silence_us = NT_SILENCE_US;

static int chip_start(struct nt_core *core, struct nt_memory *memory, struct nt_retained_boots *retained)
{
    int result = core->hal->uid_read(core->hal->context, core->session.uid);
    if (result < 0)
        return result;
    result = nt_chip_begin(&core->chip, core->hal, memory);
    if (result < 0)
        return result;
    if (core->chip.image.n_layers > NT_SESSION_LAYERS_MAX)
        return NT_ERROR_IMAGE_LAYER;
    nt_chip_history_begin(&core->chip, retained, core->session.uid);
    return NT_OK;
}

int nt_core_init(struct nt_core *core, const struct nt_hal *hal, void *scratch, size_t scratch_bytes)
{
    struct nt_memory memory = {.base = scratch, .size = scratch_bytes};
    *core = (struct nt_core){.hal = hal};
    core->session.fault = NT_ERROR_SPACE;
    if (!scratch || (uintptr_t)scratch % ALIGNMENT != 0)
        return NT_ERROR_ARGUMENT;
    struct nt_retained_boots *retained = nt_memory_take(&memory, sizeof *retained);
    int result = nt_session_begin(&core->session, &core->chip, &memory);
    if (result < 0) {
        core->hal = 0;
        return result;
    }
    core->session.fault = chip_start(core, &memory, retained);
    return core->session.fault;
}

/* 1 if something was sent, 0 if the line takes nothing now. */
static int tx_step(struct nt_core *core)
{
    struct nt_session *session = &core->session;
    int sent = core->hal->tx_write(core->hal->context, session->tx, session->tx_left);
    if (sent <= 0)
        return sent;
    session->tx += sent;
    session->tx_left -= (uint32_t)sent;
    return 1;
}

/* Bytes up to the next frame that needs an answer; 0 if the line has none. */
static int rx_step(struct nt_core *core)
{
    struct nt_session *session = &core->session;
    if (core->rx_at == core->rx_end) {
        int count = core->hal->rx_read(core->hal->context, core->rx, sizeof core->rx);
        if (count <= 0)
            return count;
        core->rx_at = 0;
        core->rx_end = (uint8_t)count;
    }
    while (core->rx_at < core->rx_end && session->tx_left == 0 && !session->is_busy)
        nt_session_byte_take(session, core->rx[core->rx_at++]);
    return 1;
}

/* One piece of work, the most urgent one: answers leave before new requests are taken. */
static int step(struct nt_core *core)
{
    struct nt_session *session = &core->session;
    if (session->tx_left > 0)
        return tx_step(core);
    if (session->reset_wanted) {
        session->reset_wanted = 0;
        core->hal->reset(core->hal->context);
        return 0;
    }
    if (session->is_busy) {
        nt_session_continue(session);
        return 1;
    }
    return rx_step(core);
}

static int is_unwatched(const struct nt_core *core)
{
    const struct nt_codes *codes = &core->chip.codes;
    return core->session.number != 0 && !core->session.is_busy && codes->revision != codes->committed_revision;
}

static void silence_watch(struct nt_core *core, uint32_t now)
{
    if (core->session.is_heard || !is_unwatched(core)) {
        core->session.is_heard = 0;
        core->heard_us = now;
        return;
    }
    if (silence_us != 0 && now - core->heard_us >= silence_us) {
        nt_session_close(&core->session);
        nt_chip_codes_restore(&core->chip);
    }
}

int nt_core_poll(struct nt_core *core)
{
    const struct nt_hal *hal = core->hal;
    int result;
    if (!hal)
        return NT_ERROR_SPACE;
    uint32_t begin = hal->time_us(hal->context);
    do {
        hal->watchdog_feed(hal->context);
        result = step(core);
    } while (result > 0 && hal->time_us(hal->context) - begin < NT_POLL_US);
    silence_watch(core, hal->time_us(hal->context));
    return result;
}
