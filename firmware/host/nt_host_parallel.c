/* Threads for the length of one layer: started and joined, nothing outlives a call. */
#include <pthread.h>
#include <stdatomic.h>

#include "nt_host_model.h"

#define THREADS_MAX 64u

struct work {
    void (*job)(void *context, uint32_t index, uint32_t lane);
    void *context;
    uint32_t count;
    atomic_uint next;
};

struct worker {
    struct work *work;
    uint32_t lane;
};

static void *worker_run(void *argument)
{
    const struct worker *worker = argument;
    struct work *work = worker->work;
    for (;;) {
        uint32_t index = atomic_fetch_add_explicit(&work->next, 1, memory_order_relaxed);
        if (index >= work->count)
            return 0;
        work->job(work->context, index, worker->lane);
    }
}

void nt_host_parallel(void (*job)(void *context, uint32_t index, uint32_t lane), void *context, uint32_t count,
                      uint32_t threads)
{
    struct work work = {job, context, count, 0};
    struct worker workers[THREADS_MAX];
    pthread_t handles[THREADS_MAX];
    int started[THREADS_MAX] = {0};
    uint32_t wanted = threads < THREADS_MAX ? threads : THREADS_MAX;
    wanted = wanted < count ? wanted : count;
    for (uint32_t i = 0; i < wanted; i++)
        workers[i] = (struct worker){&work, i};
    for (uint32_t i = 1; i < wanted; i++)
        started[i] = pthread_create(&handles[i], 0, worker_run, &workers[i]) == 0;
    /* A thread that could not be started leaves its share to the others. */
    struct worker own = {&work, 0};
    worker_run(&own);
    for (uint32_t i = 1; i < wanted; i++)
        if (started[i])
            pthread_join(handles[i], 0);
}
