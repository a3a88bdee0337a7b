/* Parts of the POSIX port. What a reset must keep travels in file descriptors and one environment variable. */
#ifndef NT_POSIX_H
#define NT_POSIX_H

#include <stddef.h>
#include <stdint.h>

#define NT_POSIX_NV_AREA_BYTES 0x40000u

/* Opens `where` (stdio, pty, unix:PATH or tcp:PORT) and prints the address a host connects to; negative on failure. */
int nt_posix_link_open(const char *where);
void nt_posix_link_adopt(int listener, int client);
void nt_posix_link_tell(int *listener, int *client);
int nt_posix_rx_read(void *context, uint8_t *data, size_t capacity);
int nt_posix_tx_write(void *context, const uint8_t *data, size_t length);
void nt_posix_idle_wait(void *context);

/* Areas in the file `path`, made if absent; a null path takes a file without a name. Gives its descriptor. */
int nt_posix_nv_open(const char *path);
int nt_posix_nv_adopt(int file);
/* Puts memory that outlives a reset, but not the process, at `at` (64 KiB, so aligned). */
int nt_posix_nv_retained_map(int file, void *at);
int nt_posix_nv_read(void *context, int area, uint32_t offset, uint8_t *data, size_t length);
int nt_posix_nv_program(void *context, int area, uint32_t offset, const uint8_t *data, size_t length);
int nt_posix_nv_erase(void *context, int area);

#endif
