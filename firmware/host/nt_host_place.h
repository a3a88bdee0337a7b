/* Where the threads of a pool run: on other processors than who calls them; private to firmware/host. */
#ifndef NT_HOST_PLACE_H
#define NT_HOST_PLACE_H

#include <pthread.h>
#include <stdint.h>

struct nt_host_place;

/* For workers that are started by the calling thread, so that they may run where it may; null where there is no such choice:
   on one processor, or on a system that does not tell. */
struct nt_host_place *nt_host_place_new(void);

/* Whether the caller has come to another processor since the last time (or this is the first). */
int nt_host_place_moves(struct nt_host_place *place);

/* Has `thread` run on any processor that it may have but the caller's. Where the system refuses, it stays as it is: a
   matter of speed alone. */
void nt_host_place_keep_off(const struct nt_host_place *place, pthread_t thread);

/* Null is allowed. */
void nt_host_place_free(struct nt_host_place *place);

#endif
