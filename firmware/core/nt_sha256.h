/* SHA-256 (FIPS 180-4), in pieces. */
#ifndef NT_SHA256_H
#define NT_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define NT_SHA256_BYTES 32

struct nt_sha256 {
    uint32_t state[8];
    uint64_t length;
    uint8_t block[64];
};

void nt_sha256_begin(struct nt_sha256 *sha);
void nt_sha256_extend(struct nt_sha256 *sha, const uint8_t *data, size_t length);
void nt_sha256_end(struct nt_sha256 *sha, uint8_t digest[NT_SHA256_BYTES]);

#endif
