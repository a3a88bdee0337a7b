/* COMMIT, and what the NV log knows of earlier boots.
 *
 * Every boot is written down, so that a host can tell one boot from the next. A part that resets itself again and again
 * would wear out its flash in a day that way: such boots are counted in RAM alone. */
#include "nt_bytes.h"
#include "nt_cold.h"
#include "nt_command_run.h"
#include "nt_messages.h"

#define RETAINED_MAGIC UINT32_C(0x4E54424F)
#define HISTORY_BYTES 8u
#define CORRECTION_BYTES 4u
#define SECTIONS_MAX 4
/* Of a record, and of a section with its padding, at most. */
#define RECORD_BYTES 96u
#define SECTION_BYTES 16u

/* A section that is not there, or of another size, is left out. */
static int table_load(const struct nt_chip *chip, enum nt_nv_section_id id, void *table, size_t bytes)
{
    return nt_nv_load(&chip->nv, (uint16_t)id, table, bytes) == (int)bytes;
}

/* Codes, corrections and device loop of the last commit, or what a new chip has. */
static void set_load(struct nt_chip *chip)
{
    struct nt_codes *codes = &chip->codes;
    size_t count = chip->image.n_codes;
    if (!table_load(chip, NT_NV_SECTION_CODES, codes->codes, count))
        for (size_t i = 0; i < count; i++)
            codes->codes[i] = NT_CODE_DEFAULT;
    codes->is_corrected =
        (uint8_t)table_load(chip, NT_NV_SECTION_CALIBRATION, codes->corrections, count * sizeof(uint32_t));
    for (size_t i = 0; i < count && !codes->is_corrected; i++)
        codes->corrections[i] = 0;
    codes->is_dac_stale = 1;
    chip->loop.is_staging = 0;
    chip->loop.is_learning = 0;
    if (table_load(chip, NT_NV_SECTION_LEARNING, chip->loop.persistent, nt_loop_bytes(&chip->image)))
        nt_command_loop_resume(chip);
}

/* An area always has room for a set beside its predecessor if it has room for two of them. */
static size_t fits_twice(const struct nt_chip *chip, const struct nt_nv_section *sections, size_t count)
{
    uint32_t bytes = RECORD_BYTES;
    for (size_t i = 0; i < count; i++)
        bytes += SECTION_BYTES + sections[i].length;
    return bytes <= chip->hal->nv_area_bytes / 2;
}

NT_COLD int nt_chip_history_commit(struct nt_chip *chip, uint32_t generation)
{
    uint8_t history[HISTORY_BYTES];
    struct nt_nv_section sections[SECTIONS_MAX] = {
        {history, HISTORY_BYTES, NT_NV_SECTION_HISTORY},
        {chip->codes.codes, chip->image.n_codes, NT_NV_SECTION_CODES},
    };
    size_t count = 2;
    nt_u32_store(history, chip->boot_count);
    nt_u32_store(history + 4, generation);
    if (chip->codes.is_corrected)
        sections[count++] = (struct nt_nv_section){(const uint8_t *)chip->codes.corrections,
                                                   chip->image.n_codes * CORRECTION_BYTES, NT_NV_SECTION_CALIBRATION};
    if (chip->loop.is_learning) {
        nt_command_loop_save(chip);
        sections[count] = (struct nt_nv_section){(const uint8_t *)chip->loop.persistent,
                                                 (uint32_t)nt_loop_bytes(&chip->image), NT_NV_SECTION_LEARNING};
        count += fits_twice(chip, sections, count + 1);
    }
    return nt_nv_commit(&chip->nv, sections, count);
}

static int is_self_made(uint32_t reason)
{
    return reason == NT_RESET_REASON_WATCHDOG || reason == NT_RESET_REASON_UNKNOWN;
}

static int is_retained(const struct nt_retained_boots *retained)
{
    return retained->magic == RETAINED_MAGIC && retained->boots == ~retained->boots_inverted;
}

NT_COLD void nt_chip_history_begin(struct nt_chip *chip, struct nt_retained_boots *retained, const uint8_t uid[8])
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
    set_load(chip);
    if (!is_counted_in_ram)
        (void)nt_chip_history_commit(chip, chip->generation);
    *retained = (struct nt_retained_boots){RETAINED_MAGIC, chip->boot_count, ~chip->boot_count, 0};
}

NT_COLD void nt_chip_codes_restore(struct nt_chip *chip)
{
    set_load(chip);
    nt_chip_codes_changed(chip);
    chip->codes.committed_revision = chip->codes.revision;
}

enum nt_command_result nt_command_commit(struct nt_chip *chip, const struct nt_request *request,
                                         struct nt_reply *reply)
{
    if (nt_command_revision_check(chip, request, reply) == NT_COMMAND_REFUSED)
        return NT_COMMAND_REFUSED;
    if (nt_chip_history_commit(chip, chip->generation + 1) < 0)
        return nt_command_refuse(reply, NT_ERR_NV_FAILED, 0, 0, 0);
    chip->generation++;
    chip->codes.committed_revision = chip->codes.revision;
    nt_u32_store(reply->payload + NT_COMMIT_RSP_NV_GENERATION_AT, chip->generation);
    reply->length = NT_COMMIT_RSP_SIZE;
    return NT_COMMAND_DONE;
}
