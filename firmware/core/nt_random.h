/* Counter-based random integers: the same draws as nt_model.random. */
#ifndef NT_RANDOM_H
#define NT_RANDOM_H

#include <stdint.h>

/* SplitMix64 finaliser of value + golden ratio. */
uint64_t nt_random_mix(uint64_t value);

/* Key of one (seed, stream); draw `index` of it is nt_random_mix(index ^ key). */
uint64_t nt_random_key(uint64_t seed, uint64_t stream);

/* Key of the read noise of one layer. */
uint64_t nt_random_noise_key(uint64_t seed, uint32_t layer);

/* Sum of the four 16-bit lanes of a noise draw, centred: -131072..131068. */
int32_t nt_random_noise_draw(uint64_t key, uint64_t step, uint32_t neuron);

/* A centred draw scaled to a standard deviation of sigma_q8, Q23.8. */
int64_t nt_random_noise_scale(int32_t draw, uint16_t sigma_q8);

#endif
