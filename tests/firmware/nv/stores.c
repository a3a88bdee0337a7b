/* The real store behind the common table, and two planted naive writers. */
#include "stores.h"

#include <string.h>

#include "nt_bytes.h"
#include "nt_crc32c.h"

static int real_mount(union store_memory *memory, const struct nt_hal *hal, const uint8_t *digest, const uint8_t *uid)
{
    return nt_nv_mount(&memory->real, hal, digest, uid);
}

static int real_commit(union store_memory *memory, const struct nt_nv_section *sections, size_t count)
{
    return nt_nv_commit(&memory->real, sections, count);
}

static int real_load(const union store_memory *memory, uint16_t id, uint8_t *data, size_t capacity)
{
    return nt_nv_load(&memory->real, id, data, capacity);
}

static uint32_t real_generation(const union store_memory *memory)
{
    return nt_nv_generation(&memory->real);
}

const struct store real_store = {"real", real_mount, real_commit, real_load, real_generation};

/* ---- naive writers: a slot of fixed size per section behind a record of 16 bytes ---- */

#define NAIVE_MAGIC 0x4556494Eu
#define RECORD_BYTES 16u
#define SLOT_BYTES 64u
#define SLOTS 3u

static uint32_t slots_crc(const uint8_t *slots)
{
    return nt_crc32c_end(nt_crc32c_extend(NT_CRC32C_START, slots, SLOTS * SLOT_BYTES));
}

static void area_look(struct naive *naive, uint32_t area, int with_crc)
{
    uint8_t record[RECORD_BYTES];
    uint8_t slots[SLOTS * SLOT_BYTES];
    const struct nt_hal *hal = naive->hal;
    (void)hal->nv_read(hal->context, (int)area, 0, record, sizeof record);
    (void)hal->nv_read(hal->context, (int)area, RECORD_BYTES, slots, sizeof slots);
    if (nt_u32_load(record) != NAIVE_MAGIC || (with_crc && nt_u32_load(record + 8) != slots_crc(slots)))
        return;
    if (nt_u32_load(record + 4) > naive->generation) {
        naive->generation = nt_u32_load(record + 4);
        naive->area = area;
    }
}

static int early_mount(union store_memory *memory, const struct nt_hal *hal, const uint8_t *digest, const uint8_t *uid)
{
    (void)digest, (void)uid;
    memory->naive = (struct naive){.hal = hal};
    area_look(&memory->naive, 0, 0);
    area_look(&memory->naive, 1, 0);
    return 0;
}

static int single_mount(union store_memory *memory, const struct nt_hal *hal, const uint8_t *digest, const uint8_t *uid)
{
    (void)digest, (void)uid;
    memory->naive = (struct naive){.hal = hal};
    area_look(&memory->naive, 0, 1);
    return 0;
}

static void slots_fill(uint8_t *slots, const struct nt_nv_section *sections, size_t count)
{
    memset(slots, 0, SLOTS * SLOT_BYTES);
    for (size_t i = 0; i < count; i++) {
        uint8_t *slot = slots + (sections[i].id - 1u) * SLOT_BYTES;
        nt_u32_store(slot, sections[i].length);
        memcpy(slot + 8, sections[i].data, sections[i].length);
    }
}

static void record_fill(uint8_t *record, uint32_t generation, const uint8_t *slots)
{
    memset(record, 0, RECORD_BYTES);
    nt_u32_store(record, NAIVE_MAGIC);
    nt_u32_store(record + 4, generation);
    nt_u32_store(record + 8, slots_crc(slots));
}

static int naive_write(struct naive *naive, const struct nt_nv_section *sections, size_t count, int record_first)
{
    uint8_t record[RECORD_BYTES];
    uint8_t slots[SLOTS * SLOT_BYTES];
    const struct nt_hal *hal = naive->hal;
    slots_fill(slots, sections, count);
    record_fill(record, naive->generation + 1, slots);
    (void)hal->nv_erase(hal->context, (int)naive->area);
    if (record_first)
        (void)hal->nv_program(hal->context, (int)naive->area, 0, record, sizeof record);
    (void)hal->nv_program(hal->context, (int)naive->area, RECORD_BYTES, slots, sizeof slots);
    if (!record_first)
        (void)hal->nv_program(hal->context, (int)naive->area, 0, record, sizeof record);
    naive->generation++;
    return 0;
}

static int early_commit(union store_memory *memory, const struct nt_nv_section *sections, size_t count)
{
    memory->naive.area ^= 1u;
    return naive_write(&memory->naive, sections, count, 1);
}

static int single_commit(union store_memory *memory, const struct nt_nv_section *sections, size_t count)
{
    return naive_write(&memory->naive, sections, count, 0);
}

static int naive_load(const union store_memory *memory, uint16_t id, uint8_t *data, size_t capacity)
{
    uint8_t slot[SLOT_BYTES];
    const struct naive *naive = &memory->naive;
    const struct nt_hal *hal = naive->hal;
    if (naive->generation == 0)
        return NT_ERROR_NV_MISSING;
    (void)hal->nv_read(hal->context, (int)naive->area, RECORD_BYTES + (id - 1u) * SLOT_BYTES, slot, sizeof slot);
    uint32_t length = nt_u32_load(slot);
    if (length > SLOT_BYTES - 8 || length > capacity)
        return NT_ERROR_NV_DAMAGED;
    memcpy(data, slot + 8, length);
    return (int)length;
}

static uint32_t naive_generation(const union store_memory *memory)
{
    return memory->naive.generation;
}

const struct store early_store = {"early", early_mount, early_commit, naive_load, naive_generation};
const struct store single_store = {"single", single_mount, single_commit, naive_load, naive_generation};
