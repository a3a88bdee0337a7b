/* Cuts the power at every flash operation of a scenario, with every outcome, and checks what the store holds after it.
 *
 *   nv_cuts single STORE WORD [STRIDE]           one cut in the long scenario
 *   nv_cuts pairs STORE WORD [STRIDE [STRIDE2]]  a cut in the short scenario and one more in what follows it
 *   nv_cuts replay STORE ID                      one trial, by the id that a failure printed
 * An id is w<word>-k<operation>-<outcome>, for a pair with a second -k<operation>-<outcome> counted from the reboot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flash_sim.h"
#include "stores.h"

#define MAX_CUTS 2
#define FAILURES_WANTED 5 /* then a campaign ends */
#define SECTIONS 3
#define SECTION_CAPACITY 48u
#define BOOTS_AFTER_CUT 3

struct cut {
    uint32_t at;
    enum flash_outcome outcome;
};

/* What the device may hold. */
struct expectation {
    uint32_t generation;
    uint32_t salt;     /* of the set with that number */
    uint32_t new_salt; /* of the set being committed, 0 if none is */
};

struct trial {
    struct flash flash;
    struct expectation expected;
    union store_memory memory;
    struct nt_hal hal;
    struct flash_power power;
    const struct store *store;
    const char *failure;
    uint32_t salts;
};

static const char *const outcome_names[FLASH_OUTCOMES] = {"old", "new", "blank", "half", "junk", "noise", "even", "odd"};
static const uint8_t digest[32] = {7, 1};
static const uint8_t uid[8] = {9, 2};

/* ---- sets ---- */

static uint32_t section_length(uint16_t id, uint32_t salt)
{
    return id == NT_NV_SECTION_CODES ? 20 + salt % 13 : id == NT_NV_SECTION_CALIBRATION ? 6 : 11 + salt % 5;
}

static void section_fill(uint16_t id, uint32_t salt, uint8_t *data)
{
    uint32_t state = (salt * 8 + id) * 2654435761u;
    for (uint32_t i = 0; i < section_length(id, salt); i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (uint8_t)(state >> 24);
    }
}

static int set_commit(struct trial *trial, uint32_t salt)
{
    uint8_t data[SECTIONS][SECTION_CAPACITY];
    struct nt_nv_section sections[SECTIONS];
    for (uint16_t i = 0; i < SECTIONS; i++) {
        section_fill((uint16_t)(i + 1), salt, data[i]);
        sections[i] = (struct nt_nv_section){data[i], section_length((uint16_t)(i + 1), salt), (uint16_t)(i + 1)};
    }
    return trial->store->commit(&trial->memory, sections, SECTIONS);
}

static int set_held(const struct trial *trial, uint32_t salt)
{
    uint8_t wanted[SECTION_CAPACITY];
    uint8_t stored[SECTION_CAPACITY];
    for (uint16_t id = 1; id <= SECTIONS; id++) {
        int length = trial->store->load(&trial->memory, id, stored, sizeof stored);
        section_fill(id, salt, wanted);
        if (length != (int)section_length(id, salt) || memcmp(wanted, stored, (size_t)length) != 0)
            return 0;
    }
    return 1;
}

/* ---- what a trial does ---- */

static void trial_fail(struct trial *trial, const char *reason)
{
    if (!trial->failure)
        trial->failure = reason;
}

static void set_check(struct trial *trial)
{
    struct expectation *expected = &trial->expected;
    uint32_t generation = trial->store->generation(&trial->memory);
    if (expected->new_salt != 0 && generation == expected->generation + 1)
        *expected = (struct expectation){generation, expected->new_salt, 0};
    expected->new_salt = 0; /* the device has said which; from here on it must keep to it */
    if (generation != expected->generation)
        trial_fail(trial, "neither the old nor the new generation, or another one than before");
    else if (generation != 0 && !set_held(trial, expected->salt))
        trial_fail(trial, "the set is not the one of its generation");
}

static void boot_do(struct trial *trial)
{
    memset(&trial->memory, 0xA5, sizeof trial->memory); /* RAM is lost */
    trial->flash.boot++;
    if (trial->store->mount(&trial->memory, &trial->hal, digest, uid) < 0)
        trial_fail(trial, "mount fails");
    else
        set_check(trial);
}

static void commit_do(struct trial *trial)
{
    trial->expected.new_salt = ++trial->salts;
    if (set_commit(trial, trial->salts) < 0)
        trial_fail(trial, "commit fails");
    else if (trial->store->generation(&trial->memory) != trial->expected.generation + 1)
        trial_fail(trial, "commit does not count");
    set_check(trial);
}

/* Boots and commits: more than an area holds in one boot, and boots with none and with one. */
static void scenario_long(struct trial *trial)
{
    static const int commits[] = {2, 0, 5, 1, 1, 4};
    for (size_t boot = 0; boot < sizeof commits / sizeof *commits; boot++) {
        boot_do(trial);
        for (int i = 0; i < commits[boot] && !trial->failure; i++)
            commit_do(trial);
    }
}

static void scenario_short(struct trial *trial)
{
    static const int commits[] = {1, 4};
    for (size_t boot = 0; boot < sizeof commits / sizeof *commits; boot++) {
        boot_do(trial);
        for (int i = 0; i < commits[boot] && !trial->failure; i++)
            commit_do(trial);
    }
}

/* After a cut: what one boot says must hold on the following ones, and the store must go on working. */
static void scenario_after(struct trial *trial)
{
    for (int i = 0; i < BOOTS_AFTER_CUT && !trial->failure; i++)
        boot_do(trial);
    for (int i = 0; i < 2 && !trial->failure; i++)
        commit_do(trial);
    boot_do(trial);
}

static void scenario_last(struct trial *trial)
{
    scenario_after(trial);
    for (int i = 0; i < 4 && !trial->failure; i++)
        commit_do(trial);
    for (int i = 0; i < 2 && !trial->failure; i++)
        boot_do(trial);
}

/* Gives 1 if power failed in it. */
static int scenario_run(struct trial *trial, void (*scenario)(struct trial *), struct cut cut)
{
    trial->hal = flash_hal(&trial->power);
    trial->power.flash = &trial->flash;
    flash_arm(&trial->flash, cut.at, cut.outcome);
    trial->flash.boot = 1; /* so that the boot after the cut is an even one */
    if (setjmp(trial->power.failure) != 0) {
        trial->flash.boot = 1;
        return 1;
    }
    scenario(trial);
    return 0;
}

static void trial_begin(struct trial *trial, const struct store *store, uint32_t word, struct cut cut)
{
    memset(trial, 0, sizeof *trial);
    trial->store = store;
    trial->power.flash = &trial->flash;
    flash_begin(&trial->flash, word, cut.at * 64 + (uint32_t)cut.outcome * 8 + word);
}

static void trial_finish(struct trial *trial)
{
    static const struct cut none = {UINT32_MAX, FLASH_OLD};
    if (!trial->failure)
        (void)scenario_run(trial, scenario_last, none);
    if (trial->flash.violation)
        trial->failure = trial->flash.violation;
}

/* ---- campaigns ---- */

struct campaign {
    const struct store *store;
    uint32_t word;
    uint32_t stride[MAX_CUTS];
    unsigned long trials;
    unsigned long points;
    unsigned long failures;
};

static void id_print(const struct campaign *campaign, const struct cut *cuts, int count)
{
    printf("w%u", campaign->word);
    for (int i = 0; i < count; i++)
        printf("-k%u-%s", cuts[i].at, outcome_names[cuts[i].outcome]);
}

static void trial_count(struct campaign *campaign, const struct trial *trial, const struct cut *cuts, int count)
{
    campaign->trials++;
    if (!trial->failure)
        return;
    campaign->failures++;
    printf("FAIL ");
    id_print(campaign, cuts, count);
    printf(": %s\n", trial->failure);
}

static int single_try(struct campaign *campaign, struct cut cut)
{
    struct trial trial;
    trial_begin(&trial, campaign->store, campaign->word, cut);
    if (!scenario_run(&trial, scenario_long, cut)) {
        if (trial.failure)
            trial_count(campaign, &trial, &cut, 1);
        return 0;
    }
    trial_finish(&trial);
    trial_count(campaign, &trial, &cut, 1);
    return 1;
}

static int pair_try(struct campaign *campaign, const struct trial *first, const struct cut cuts[2])
{
    struct trial trial = *first;
    trial.flash.random ^= (cuts[1].at * 64 + (uint32_t)cuts[1].outcome * 8) << 3;
    if (!scenario_run(&trial, scenario_after, cuts[1]))
        return 0;
    trial_finish(&trial);
    trial_count(campaign, &trial, cuts, 2);
    return 1;
}

static int pairs_try(struct campaign *campaign, struct cut cut)
{
    struct trial first;
    struct cut cuts[2] = {cut, {0, FLASH_OLD}};
    trial_begin(&first, campaign->store, campaign->word, cut);
    if (!scenario_run(&first, scenario_short, cut))
        return 0;
    for (uint32_t outcome = 0; outcome < FLASH_OUTCOMES; outcome++) {
        cuts[1] = (struct cut){(cut.at + outcome) % campaign->stride[1], (enum flash_outcome)outcome};
        while (campaign->failures < FAILURES_WANTED && pair_try(campaign, &first, cuts))
            cuts[1].at += campaign->stride[1];
    }
    return 1;
}

static int campaign_run(struct campaign *campaign, int (*attempt)(struct campaign *, struct cut))
{
    unsigned more = 1;
    for (uint32_t at = 0; more && campaign->failures < FAILURES_WANTED; at += campaign->stride[0]) {
        for (uint32_t outcome = 0; outcome < FLASH_OUTCOMES; outcome++)
            more = more && attempt(campaign, (struct cut){at, (enum flash_outcome)outcome});
        campaign->points += more;
    }
    printf("store=%s word=%u points=%lu trials=%lu failures=%lu\n", campaign->store->name, campaign->word,
           campaign->points, campaign->trials, campaign->failures);
    return campaign->failures != 0;
}

static const char *cut_parse(const char *text, struct cut *cut)
{
    char name[8];
    int used = 0;
    if (sscanf(text, "-k%u-%7[a-z]%n", &cut->at, name, &used) != 2)
        return NULL;
    for (uint32_t i = 0; i < FLASH_OUTCOMES; i++)
        if (strcmp(name, outcome_names[i]) == 0) {
            cut->outcome = (enum flash_outcome)i;
            return text + used;
        }
    return NULL;
}

static int replay(struct campaign *campaign, const char *id)
{
    struct cut cuts[MAX_CUTS];
    struct trial first;
    char *end = NULL;
    campaign->word = id[0] == 'w' ? (uint32_t)strtoul(id + 1, &end, 10) : 0;
    const char *rest = end ? cut_parse(end, &cuts[0]) : NULL;
    if (!rest || (*rest && !cut_parse(rest, &cuts[1]))) {
        fprintf(stderr, "not an id: %s\n", id);
        return 2;
    }
    if (!*rest) {
        (void)single_try(campaign, cuts[0]);
    } else {
        trial_begin(&first, campaign->store, campaign->word, cuts[0]);
        if (scenario_run(&first, scenario_short, cuts[0]))
            (void)pair_try(campaign, &first, cuts);
    }
    printf("trials=%lu failures=%lu\n", campaign->trials, campaign->failures);
    return campaign->trials == 0 || campaign->failures != 0;
}

static const struct store *store_find(const char *name)
{
    static const struct store *const stores[] = {&real_store, &early_store, &single_store};
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++)
        if (strcmp(stores[i]->name, name) == 0)
            return stores[i];
    return NULL;
}

static uint32_t number(int argc, char **argv, int index, uint32_t otherwise)
{
    uint32_t value = argc > index ? (uint32_t)strtoul(argv[index], NULL, 10) : otherwise;
    return value ? value : otherwise;
}

int main(int argc, char **argv)
{
    struct campaign campaign = {0};
    campaign.store = argc >= 4 ? store_find(argv[2]) : NULL;
    if (!campaign.store) {
        fprintf(stderr, "usage: nv_cuts single|pairs|replay STORE WORD|ID [STRIDE [STRIDE2]]\n");
        return 2;
    }
    if (strcmp(argv[1], "replay") == 0)
        return replay(&campaign, argv[3]);
    campaign.word = number(argc, argv, 3, 4);
    campaign.stride[0] = number(argc, argv, 4, 1);
    campaign.stride[1] = number(argc, argv, 5, 1);
    return campaign_run(&campaign, strcmp(argv[1], "pairs") == 0 ? pairs_try : single_try);
}
