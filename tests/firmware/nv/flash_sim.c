/* Simulated flash: words go from erased to programmed once; an interrupted word is in one of eight conditions. */
#include "flash_sim.h"

#include <string.h>

enum word_mode { MODE_ERASED, MODE_STEADY, MODE_NOISE, MODE_EVEN, MODE_ODD };

static uint32_t random_draw(struct flash *flash)
{
    flash->random ^= flash->random << 13;
    flash->random ^= flash->random >> 17;
    flash->random ^= flash->random << 5;
    return flash->random;
}

void flash_begin(struct flash *flash, uint32_t word_bytes, uint32_t seed)
{
    memset(flash, 0, sizeof *flash);
    memset(flash->value, 0xFF, sizeof flash->value);
    flash->word_bytes = word_bytes;
    flash->random = seed * 2654435761u | 1u;
    flash->cut_at = UINT32_MAX;
}

void flash_arm(struct flash *flash, uint32_t cut_at, enum flash_outcome outcome)
{
    flash->operation = 0;
    flash->cut_at = cut_at;
    flash->outcome = outcome;
}

static int power_fails(struct flash *flash)
{
    return flash->operation++ == flash->cut_at;
}

static int range_refused(struct flash *flash, int area, uint32_t offset, size_t length)
{
    int wrong = area < 0 || area > 1 || offset > FLASH_AREA_BYTES || length > FLASH_AREA_BYTES - offset ||
                offset % flash->word_bytes != 0 || length % flash->word_bytes != 0;
    if (wrong)
        flash->violation = "outside an area, or not aligned to words";
    return wrong;
}

static uint8_t byte_read(struct flash *flash, int area, uint32_t offset)
{
    uint8_t after = flash->value[area][offset];
    uint8_t before = flash->before[area][offset];
    uint8_t mask;
    switch (flash->mode[area][offset / flash->word_bytes]) {
    case MODE_NOISE:
        mask = (uint8_t)(random_draw(flash) >> 8);
        return (uint8_t)((after & mask) | (before & ~mask));
    case MODE_EVEN:
        return flash->boot % 2 == 0 ? after : before;
    case MODE_ODD:
        return flash->boot % 2 == 1 ? after : before;
    default:
        return after;
    }
}

static int flash_read(void *context, int area, uint32_t offset, uint8_t *data, size_t length)
{
    struct flash *flash = ((struct flash_power *)context)->flash;
    if (range_refused(flash, area, offset, length))
        return -1;
    for (size_t i = 0; i < length; i++)
        data[i] = byte_read(flash, area, offset + (uint32_t)i);
    return 0;
}

static void word_tear(struct flash *flash, int area, uint32_t word, const uint8_t *data)
{
    static const uint8_t modes[FLASH_OUTCOMES] = {MODE_ERASED, MODE_STEADY, MODE_STEADY, MODE_STEADY,
                                                  MODE_STEADY, MODE_NOISE,  MODE_EVEN,   MODE_ODD};
    for (uint32_t i = 0; i < flash->word_bytes; i++) {
        uint8_t *value = &flash->value[area][word * flash->word_bytes + i];
        flash->before[area][word * flash->word_bytes + i] = 0xFF;
        if (flash->outcome == FLASH_HALF)
            *value = data[i] | 0xAA;
        else if (flash->outcome == FLASH_JUNK)
            *value = (uint8_t)(random_draw(flash) >> 8);
        else if (flash->outcome != FLASH_OLD && flash->outcome != FLASH_BLANK)
            *value = data[i];
    }
    flash->mode[area][word] = modes[flash->outcome];
}

static int flash_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length)
{
    struct flash_power *power = context;
    struct flash *flash = power->flash;
    if (range_refused(flash, area, offset, length))
        return -1;
    for (size_t done = 0; done < length; done += flash->word_bytes) {
        uint32_t word = (offset + (uint32_t)done) / flash->word_bytes;
        if (flash->mode[area][word] != MODE_ERASED)
            flash->violation = "a word was programmed twice, or after it was torn";
        if (power_fails(flash)) {
            word_tear(flash, area, word, data + done);
            longjmp(power->failure, 1);
        }
        memcpy(&flash->value[area][word * flash->word_bytes], data + done, flash->word_bytes);
        flash->mode[area][word] = MODE_STEADY;
    }
    return 0;
}

static void word_clear(struct flash *flash, int area, uint32_t word)
{
    memset(&flash->value[area][word * flash->word_bytes], 0xFF, flash->word_bytes);
    flash->mode[area][word] = MODE_STEADY;
}

static void word_junk(struct flash *flash, int area, uint32_t word)
{
    for (uint32_t i = 0; i < flash->word_bytes; i++)
        flash->value[area][word * flash->word_bytes + i] = (uint8_t)(random_draw(flash) >> 8);
    flash->mode[area][word] = MODE_STEADY;
}

/* From the word's content to erased, in a way that never settles. */
static void word_waver(struct flash *flash, int area, uint32_t word, enum word_mode mode)
{
    uint32_t at = word * flash->word_bytes;
    for (uint32_t i = 0; i < flash->word_bytes; i++)
        flash->before[area][at + i] = byte_read(flash, area, at + i);
    memset(&flash->value[area][at], 0xFF, flash->word_bytes);
    flash->mode[area][word] = (uint8_t)mode;
}

static void word_half_erase(struct flash *flash, int area, uint32_t word, int in_window)
{
    uint32_t third = random_draw(flash) / 7 % 3;
    enum flash_outcome outcome = flash->outcome;
    if (outcome == FLASH_BLANK || (outcome == FLASH_HALF && in_window) ||
        ((outcome == FLASH_JUNK || outcome == FLASH_NOISE) && third == 0))
        word_clear(flash, area, word);
    else if (outcome == FLASH_JUNK && third == 1)
        word_junk(flash, area, word);
    else if (outcome == FLASH_NOISE && third == 1)
        word_waver(flash, area, word, MODE_NOISE);
    else if (outcome == FLASH_EVEN || outcome == FLASH_ODD)
        word_waver(flash, area, word, outcome == FLASH_EVEN ? MODE_EVEN : MODE_ODD);
    else if (flash->mode[area][word] == MODE_ERASED)
        flash->mode[area][word] = MODE_STEADY; /* an area that was half erased is programmed nowhere */
}

/* Leaves the area as the outcome says; for FLASH_HALF a window anywhere in it is erased. */
static void area_half_erase(struct flash *flash, int area)
{
    uint32_t words = FLASH_AREA_BYTES / flash->word_bytes;
    uint32_t first = random_draw(flash) / 7 % words;
    uint32_t last = first + random_draw(flash) / 7 % words;
    for (uint32_t word = 0; word < words; word++)
        word_half_erase(flash, area, word, word >= first && word <= last);
}

static int flash_erase(void *context, int area)
{
    struct flash_power *power = context;
    struct flash *flash = power->flash;
    if (range_refused(flash, area, 0, 0))
        return -1;
    int failed = power_fails(flash);
    flash->erases[area]++;
    if (failed && flash->outcome == FLASH_OLD)
        longjmp(power->failure, 1);
    if (failed && flash->outcome != FLASH_NEW)
        area_half_erase(flash, area);
    if (!failed || flash->outcome == FLASH_NEW) {
        memset(flash->value[area], 0xFF, FLASH_AREA_BYTES);
        memset(flash->mode[area], MODE_ERASED, sizeof flash->mode[area]);
    }
    if (failed)
        longjmp(power->failure, 1);
    return 0;
}

struct nt_hal flash_hal(struct flash_power *power)
{
    return (struct nt_hal){.context = power,
                           .nv_read = flash_read,
                           .nv_program = flash_program,
                           .nv_erase = flash_erase,
                           .nv_area_bytes = FLASH_AREA_BYTES,
                           .nv_word_bytes = power->flash->word_bytes};
}
