/* PCG64 (O'Neill 2014, XSL-RR 128/64) as NumPy runs it, and its bounded numbers (Lemire 2019, arXiv:1805.10941). */
#include "nt_host_batches.h"

#define LOW 0xFFFFFFFFu

struct wide {
    uint64_t high;
    uint64_t low;
};

struct generator {
    struct wide state;
    struct wide increment;
    uint32_t kept; /* the upper half of the last number, where `has_kept` */
    int has_kept;
};

static const struct wide MULTIPLIER = {UINT64_C(0x2360ED051FC65DA4), UINT64_C(0x4385DF649FCCF645)};

static struct wide wide_sum(struct wide a, struct wide b)
{
    struct wide sum = {a.high + b.high, a.low + b.low};
    sum.high += sum.low < a.low;
    return sum;
}

static uint64_t upper_product(uint64_t a, uint64_t b)
{
    uint64_t low = (a & LOW) * (b & LOW);
    uint64_t cross = (a >> 32) * (b & LOW) + (low >> 32);
    uint64_t other = (a & LOW) * (b >> 32) + (cross & LOW);
    return (a >> 32) * (b >> 32) + (cross >> 32) + (other >> 32);
}

static struct wide wide_product(struct wide a, struct wide b)
{
    return (struct wide){upper_product(a.low, b.low) + a.high * b.low + a.low * b.high, a.low * b.low};
}

static void state_step(struct generator *generator)
{
    generator->state = wide_sum(wide_product(generator->state, MULTIPLIER), generator->increment);
}

static struct generator generator_seeded(const uint64_t seed[4])
{
    struct generator generator = {.increment = {seed[2] << 1 | seed[3] >> 63, seed[3] << 1 | 1}};
    state_step(&generator);
    generator.state = wide_sum(generator.state, (struct wide){seed[0], seed[1]});
    state_step(&generator);
    return generator;
}

static uint32_t number_draw(struct generator *generator)
{
    if (generator->has_kept) {
        generator->has_kept = 0;
        return generator->kept;
    }
    state_step(generator);
    uint64_t folded = generator->state.high ^ generator->state.low;
    unsigned turn = (unsigned)(generator->state.high >> 58);
    uint64_t number = folded >> turn | folded << (-turn & 63);
    generator->kept = (uint32_t)(number >> 32);
    generator->has_kept = 1;
    return (uint32_t)number;
}

/* 0..count-1; nothing is drawn for a count of 1. */
static uint32_t bounded_draw(struct generator *generator, uint32_t count)
{
    if (count == 1)
        return 0;
    uint64_t product = (uint64_t)number_draw(generator) * count;
    if ((uint32_t)product < count) {
        uint32_t least = (uint32_t)-count % count;
        while ((uint32_t)product < least)
            product = (uint64_t)number_draw(generator) * count;
    }
    return (uint32_t)(product >> 32);
}

/* 0..last, as the shuffle draws it: the lower bits, again where they are too many. */
static uint32_t place_draw(struct generator *generator, uint32_t last)
{
    uint32_t mask = last;
    for (unsigned shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    uint32_t place;
    do
        place = number_draw(generator) & mask;
    while (place > last);
    return place;
}

static void order_draw(struct generator *generator, uint32_t *order, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t other = place_draw(generator, i);
        uint32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

void nt_host_batches_draw(const uint64_t *seeds, uint32_t n_batches, uint32_t size, const int64_t *by_class,
                          const int64_t *first, const int64_t *counts, uint32_t n_classes, uint32_t *order,
                          int64_t *rows)
{
    for (uint32_t batch = 0; batch < n_batches; batch++, seeds += 4) {
        struct generator generator = generator_seeded(seeds);
        order_draw(&generator, order, n_classes);
        for (uint32_t i = 0; i < size; i++) {
            uint32_t class = order[i % n_classes];
            *rows++ = by_class[first[class] + bounded_draw(&generator, (uint32_t)counts[class])];
        }
    }
}
