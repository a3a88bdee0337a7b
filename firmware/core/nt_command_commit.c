/* COMMIT, and what the NV log knows of earlier boots.
 *
 * Every boot is written down, so that a host can tell one boot from the next. A part that resets itself again and again
 * would wear out its flash in a day that way: such boots are counted in RAM alone. */
#include "nt_bytes.h"
#include "nt_command_run.h"
#include "nt_messages.h"

#define RETAINED_MAGIC UINT32_C(0x4E54424F)
#define HISTORY_BYTES 8u

static int codes_load(struct nt_chip *chip)
{
    int length = nt_nv_load(&chip->nv, NT_NV_SECTION_CODES, chip->codes.codes, chip->image.n_codes);
    if (length == (int)chip->image.n_codes)
        return 1;
    for (uint32_t i = 0; i < chip->image.n_codes; i++)
        chip->codes.codes[i] = NT_CODE_DEFAULT;
    return 0;
}

int nt_chip_history_commit(struct nt_chip *chip, uint32_t generation)
{
    uint8_t history[HISTORY_BYTES];
    struct nt_nv_section sections[2] = {
        {history, HISTORY_BYTES, NT_NV_SECTION_HISTORY},
        {chip->codes.codes, chip->image.n_codes, NT_NV_SECTION_CODES},
    };
    nt_u32_store(history, chip->boot_count);
    nt_u32_store(history + 4, generation);
    return nt_nv_commit(&chip->nv, sections, 2);
}

static int is_self_made(uint32_t reason)
{
    return reason == NT_RESET_REASON_WATCHDOG || reason == NT_RESET_REASON_UNKNOWN;
}

static int is_retained(const struct nt_retained_boots *retained)
{
    return retained->magic == RETAINED_MAGIC && retained->boots == ~retained->boots_inverted;
}

void nt_chip_history_begin(struct nt_chip *chip, struct nt_retained_boots *retained, const uint8_t uid[8])
{
    uint8_t history[HISTORY_BYTES] = {0};
    (void)nt_nv_mount(&chip->nv, chip->hal, nt_image_digest(&chip->image), uid);
    int is_known = nt_nv_load(&chip->nv, NT_NV_SECTION_HISTORY, history, sizeof history) == HISTORY_BYTES;
    uint32_t boots = is_known ? nt_u32_load(history) : 0;
    chip->generation = is_known ? nt_u32_load(history + 4) : 0;
    int is_counted_in_ram = is_self_made(chip->hal->reset_reason) && is_retained(retained);
    /* The log lags behind where it refused, or was spared. */
    if (is_retained(retained) && retained->boots > boots)
        boots = retained->boots;
    chip->boot_count = boots + 1;
    (void)codes_load(chip);
    if (!is_counted_in_ram)
        (void)nt_chip_history_commit(chip, chip->generation);
    *retained = (struct nt_retained_boots){RETAINED_MAGIC, chip->boot_count, ~chip->boot_count, 0};
}

void nt_chip_codes_restore(struct nt_chip *chip)
{
    (void)codes_load(chip);
    nt_chip_codes_changed(chip);
    chip->codes.committed_revision = chip->codes.revision;
    chip->loop.is_learning = 0;
    chip->loop.is_staging = 0;
}

enum nt_command_result nt_command_commit(struct nt_chip *chip, const struct nt_request *request,
                                         struct nt_reply *reply)
{
    if (nt_u32_load(request->payload + NT_COMMIT_REQ_REVISION_AT) != chip->codes.revision)
        return nt_command_refuse(reply, NT_ERR_STALE_REVISION, 0, chip->codes.revision, 0);
    if (nt_chip_history_commit(chip, chip->generation + 1) < 0)
        return nt_command_refuse(reply, NT_ERR_NV_FAILED, 0, 0, 0);
    chip->generation++;
    chip->codes.committed_revision = chip->codes.revision;
    nt_u32_store(reply->payload + NT_COMMIT_RSP_NV_GENERATION_AT, chip->generation);
    reply->length = NT_COMMIT_RSP_SIZE;
    return NT_COMMAND_DONE;
}
