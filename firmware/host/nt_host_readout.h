/* The plain read-out of a die as PRESENT answers it without DITHER (docs/spec_wire.md). */
#ifndef NT_HOST_READOUT_H
#define NT_HOST_READOUT_H

#include "nt_host.h"

/* Bytes of one sample's record at `steps`, by the flags HIDDEN and MEMBRANE of `readout`. */
size_t nt_host_record_bytes(const struct nt_host *host, uint8_t readout, uint32_t steps);

/* Presents `samples` at `point` and writes the record of each to `out`. NT_OK or a negative error. */
int nt_host_records(struct nt_host *host, const struct nt_host_options *options, const struct nt_host_point *point,
                    uint8_t readout, const uint8_t *events, uint32_t samples, uint32_t steps, uint64_t first_step,
                    uint8_t *out);

#endif
