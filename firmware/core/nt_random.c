/* SplitMix64 (Steele, Lea, Flood 2014) as a mixer, and the triangular read noise made of it. */
#include "nt_random.h"

#include "nt_bytes.h"

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)
#define MIX1 UINT64_C(0xBF58476D1CE4E5B9)
#define MIX2 UINT64_C(0x94D049BB133111EB)
#define NOISE_STREAM 0x4E00u
#define NOISE_SCALE_Q16 113512

uint64_t nt_random_mix(uint64_t value)
{
    uint64_t z = value + GOLDEN;
    z = (z ^ z >> 30) * MIX1;
    z = (z ^ z >> 27) * MIX2;
    return z ^ z >> 31;
}

uint64_t nt_random_key(uint64_t seed, uint64_t stream)
{
    return nt_random_mix(nt_random_mix(seed) ^ stream);
}

uint64_t nt_random_noise_key(uint64_t seed, uint32_t layer)
{
    return nt_random_key(seed, NOISE_STREAM + layer);
}

int32_t nt_random_noise_draw(uint64_t key, uint64_t step, uint32_t neuron)
{
    uint64_t bits = nt_random_mix((step << 20 | neuron) ^ key);
    uint32_t low = (uint32_t)bits;
    uint32_t high = (uint32_t)(bits >> 32);
    uint32_t sum = (low & 0xFFFF) + (low >> 16) + (high & 0xFFFF) + (high >> 16);
    return (int32_t)sum - 2 * 65536;
}

int64_t nt_random_noise_scale(int32_t draw, uint16_t sigma_q8)
{
    int64_t sigma = ((int64_t)sigma_q8 * NOISE_SCALE_Q16) >> 16;
    return (draw * sigma) >> 16;
}
