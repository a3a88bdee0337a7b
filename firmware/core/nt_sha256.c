/* SHA-256: the constants are the fractional parts of the roots of the first primes. */
#include "nt_sha256.h"

#include "nt_cold.h"

static const uint32_t round_constant[64] = {
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
};

static const uint32_t initial_state[8] = {
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
};

static uint32_t rotated(uint32_t value, unsigned by)
{
    return value >> by | value << (32 - by);
}

static uint32_t big_endian_load(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Word t of the schedule, kept in a ring of 16. */
static uint32_t schedule_word(uint32_t ring[16], unsigned t)
{
    uint32_t near = ring[(t + 14) & 15];
    uint32_t far = ring[(t + 1) & 15];
    uint32_t s0 = rotated(far, 7) ^ rotated(far, 18) ^ far >> 3;
    uint32_t s1 = rotated(near, 17) ^ rotated(near, 19) ^ near >> 10;
    ring[t & 15] += s0 + s1 + ring[(t + 9) & 15];
    return ring[t & 15];
}

static void round_run(uint32_t v[8], uint32_t word)
{
    uint32_t s1 = rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25);
    uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
    uint32_t s0 = rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22);
    uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    uint32_t first = v[7] + s1 + choice + word;
    for (unsigned i = 7; i > 0; i--)
        v[i] = v[i - 1];
    v[4] += first;
    v[0] = first + s0 + majority;
}

static void block_absorb(struct nt_sha256 *sha)
{
    uint32_t ring[16];
    uint32_t v[8];
    for (unsigned i = 0; i < 16; i++)
        ring[i] = big_endian_load(sha->block + 4 * i);
    for (unsigned i = 0; i < 8; i++)
        v[i] = sha->state[i];
    for (unsigned t = 0; t < 64; t++)
        round_run(v, round_constant[t] + (t < 16 ? ring[t] : schedule_word(ring, t)));
    for (unsigned i = 0; i < 8; i++)
        sha->state[i] += v[i];
}

static void byte_absorb(struct nt_sha256 *sha, uint8_t byte)
{
    sha->block[sha->length & 63] = byte;
    sha->length++;
    if ((sha->length & 63) == 0)
        block_absorb(sha);
}

void nt_sha256_begin(struct nt_sha256 *sha)
{
    sha->length = 0;
    for (unsigned i = 0; i < 8; i++)
        sha->state[i] = initial_state[i];
}

NT_COLD void nt_sha256_extend(struct nt_sha256 *sha, const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        byte_absorb(sha, data[i]);
}

NT_COLD void nt_sha256_end(struct nt_sha256 *sha, uint8_t digest[NT_SHA256_BYTES])
{
    uint64_t bits = sha->length * 8;
    byte_absorb(sha, 0x80);
    while ((sha->length & 63) != 56)
        byte_absorb(sha, 0);
    for (unsigned i = 0; i < 8; i++)
        byte_absorb(sha, (uint8_t)(bits >> (56 - 8 * i)));
    for (unsigned i = 0; i < NT_SHA256_BYTES; i++)
        digest[i] = (uint8_t)(sha->state[i / 4] >> (24 - 8 * (i & 3)));
}
