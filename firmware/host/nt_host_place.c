/* Where the threads of a pool run. A scheduler that wakes a thread may put it behind its caller on the same processor while
   another idles, or holds only work of less weight, and leaves it there for many milliseconds: two threads then take as long
   as one. So the caller says where they may not run, anew whenever it finds itself moved. */
#define _GNU_SOURCE
#include "nt_host_place.h"

#include <stdlib.h>

#if defined(__linux__)
#include <sched.h>

struct nt_host_place {
    cpu_set_t allowed;
    int processor; /* of the caller; -1: not asked yet */
};

struct nt_host_place *nt_host_place_new(void)
{
    struct nt_host_place *place = malloc(sizeof *place);
    if (!place)
        return 0;
    place->processor = -1;
    if (sched_getaffinity(0, sizeof place->allowed, &place->allowed) == 0 && CPU_COUNT(&place->allowed) > 1)
        return place;
    free(place);
    return 0;
}

int nt_host_place_moves(struct nt_host_place *place)
{
    int before = place->processor;
    place->processor = sched_getcpu();
    return place->processor != before;
}

void nt_host_place_keep_off(const struct nt_host_place *place, pthread_t thread)
{
    if (place->processor < 0 || place->processor >= CPU_SETSIZE)
        return;
    cpu_set_t others = place->allowed;
    CPU_CLR((size_t)place->processor, &others);
    (void)pthread_setaffinity_np(thread, sizeof others, &others);
}

void nt_host_place_free(struct nt_host_place *place)
{
    free(place);
}

#else

struct nt_host_place *nt_host_place_new(void)
{
    return 0;
}

int nt_host_place_moves(struct nt_host_place *place)
{
    (void)place;
    return 0;
}

void nt_host_place_keep_off(const struct nt_host_place *place, pthread_t thread)
{
    (void)place;
    (void)thread;
}

void nt_host_place_free(struct nt_host_place *place)
{
    (void)place;
}

#endif
