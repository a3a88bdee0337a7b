/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), in pieces. */
#ifndef NT_CRC32C_H
#define NT_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#define NT_CRC32C_START UINT32_C(0xFFFFFFFF)

/* Running value over `length` more bytes; begin with NT_CRC32C_START. */
uint32_t nt_crc32c_extend(uint32_t running, const uint8_t *data, size_t length);

/* The CRC of what the running value has seen. */
uint32_t nt_crc32c_end(uint32_t running);

#endif
