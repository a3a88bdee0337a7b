/* Codes as a write carries them (docs/spec_wire.md): whole writes at once; boards take them code by code. */
#ifndef NT_HOST_CODES_H
#define NT_HOST_CODES_H

#include <stddef.h>
#include <stdint.h>

/* Writes the shortest form that turns `before` into `after` to `out`, which has room for `n_codes`, and gives the form,
   NT_CODE_FORM_*; -1 where one write of `room` bytes cannot carry it. `start` and `length` are then undefined. */
int nt_host_codes_pack(const uint8_t *before, const uint8_t *after, uint32_t n_codes, uint8_t *out, size_t room,
                       uint32_t *start, size_t *length);

/* Writes what a form carries into `codes`; -1, and nothing changed, where the data are no such form or a code lies outside. */
int nt_host_codes_unpack(uint8_t *codes, uint32_t n_codes, uint32_t form, uint32_t start, const uint8_t *data,
                         size_t length);

#endif
