/* Operating point of the array: the integers that codes and silicon turn into for the equations. */
#ifndef NT_OPERATING_H
#define NT_OPERATING_H

#include <stdint.h>

/* One layer. A null pointer stands for the nominal value: gain from the image's table at the codes, threshold and leak
   from the image, no noise, no fault. */
struct nt_layer_operating {
    const uint16_t *gain_q12;     /* pairs: excitatory, inhibitory */
    const int32_t *threshold_q8;
    const uint32_t *leak_q16;     /* 0..65536 */
    const uint16_t *noise_q8;     /* standard deviation per read */
    const int8_t *fault;          /* 0 works, < 0 never spikes, > 0 spikes at every step */
    uint64_t noise_seed;
};

/* The whole array. `layers` may be null: an ideal chip; with NT_ARRAY_IDEAL, as boards are built, it must be. `codes` may be
   null if every layer has its gains. */
struct nt_operating {
    const struct nt_layer_operating *layers;
    const uint8_t *codes;
};

#endif
