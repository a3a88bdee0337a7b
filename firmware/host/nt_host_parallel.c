/* Threads that sleep between jobs; who is done with his own shares takes from the end of others', so that a slow core holds
   nobody up. */
#define _POSIX_C_SOURCE 200809L
#include "nt_host_parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "nt_host_place.h"

#define THREADS_MAX 64u
/* How long a thread looks out for work before it sleeps. To wake it costs its caller up to 40 us and comes after 85 us, where
   a virtual machine has to be asked; who waits for another's last block would otherwise fall asleep within a call. */
#define WATCH_NS 200000
#define PAUSES 32u

/* The gate: what every thread must know of a job before it may look at it, in one word. Workers come in while it is open
   and count themselves; who comes too late finds it shut, and nobody waits for him. */
#define GATE_INSIDE UINT64_C(0xFF)
#define GATE_OPEN (UINT64_C(1) << 8)
#define GATE_END (UINT64_C(1) << 9)
#define GATE_THREADS_AT 16
#define GATE_JOB_ONE (UINT64_C(1) << 32)
#define GATE_JOB (~UINT64_C(0) << 32)

/* Shares that are left of what one thread was given: from the low half on, up to the high half. Given one after the other
   where their data lie so, as what a share's kernels fetch ahead at its end belongs to the next. */
struct part {
    _Alignas(64) _Atomic uint64_t left;
};

struct worker {
    struct nt_host_pool *pool;
    uint32_t lane;
    pthread_t thread;
    pthread_cond_t wake;
    atomic_int is_asleep;
};

struct nt_host_pool {
    /* Alone on its line: it is watched while others work. */
    _Alignas(128) _Atomic uint64_t gate;
    _Alignas(128) nt_host_job *job;
    void *context;
    uint32_t threads;
    uint32_t workers_started;
    pid_t process; /* that started the workers: a child after fork has none of them */
    pthread_mutex_t mutex;
    pthread_cond_t done;
    atomic_int owner_waits;
    struct nt_host_place *place;
    uint32_t workers_placed;
    struct worker workers[THREADS_MAX - 1];
    struct part parts[THREADS_MAX];
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void processor_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Whether (gate & mask) is `value`, or (`differs`) is not. */
static int gate_is(struct nt_host_pool *pool, uint64_t mask, uint64_t value, int differs)
{
    return ((atomic_load(&pool->gate) & mask) == value) != differs;
}

/* Waits awake for the same, for a while; whether it came. */
static int gate_watch(struct nt_host_pool *pool, uint64_t mask, uint64_t value, int differs)
{
    int64_t start = now_ns();
    do {
        for (unsigned i = 0; i < PAUSES; i++) {
            if (gate_is(pool, mask, value, differs))
                return 1;
            processor_pause();
        }
    } while (now_ns() - start < WATCH_NS);
    return 0;
}

static void parts_give(struct nt_host_pool *pool, uint32_t count, uint32_t threads)
{
    for (uint32_t i = 0; i < threads; i++) {
        uint64_t first = (uint64_t)count * i / threads;
        uint64_t end = (uint64_t)count * (i + 1) / threads;
        atomic_store_explicit(&pool->parts[i].left, end << 32 | first, memory_order_relaxed);
    }
}

/* The first share of one's own part, or the last one of another's. */
static int share_take(struct part *part, int is_own, uint32_t *share)
{
    uint64_t left = atomic_load_explicit(&part->left, memory_order_relaxed);
    while ((uint32_t)left < left >> 32) {
        uint64_t after = is_own ? left + 1 : left - (UINT64_C(1) << 32);
        if (atomic_compare_exchange_weak_explicit(&part->left, &left, after, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            *share = is_own ? (uint32_t)left : (uint32_t)(after >> 32);
            return 1;
        }
    }
    return 0;
}

static void shares_do(struct nt_host_pool *pool, uint32_t lane)
{
    uint32_t share;
    for (uint32_t k = 0; k < pool->threads; k++)
        while (share_take(&pool->parts[(lane + k) % pool->threads], k == 0, &share))
            pool->job(pool->context, share, lane);
}

/* Whether the caller may look at the job of `gate`, and is waited for. */
static int gate_enter(struct nt_host_pool *pool, uint64_t gate, uint32_t lane)
{
    while ((gate & GATE_OPEN) && lane < (gate >> GATE_THREADS_AT & 0xFF))
        if (atomic_compare_exchange_weak(&pool->gate, &gate, gate + 1))
            return 1;
    return 0;
}

static void gate_leave(struct nt_host_pool *pool)
{
    uint64_t before = atomic_fetch_sub(&pool->gate, 1);
    if ((before & GATE_INSIDE) != 1 || !atomic_load(&pool->owner_waits))
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->mutex);
}

/* Sleeps until the gate is another job's than that of `seen`. */
static void worker_sleep(struct worker *worker, uint64_t seen)
{
    struct nt_host_pool *pool = worker->pool;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        /* Each time: a call for the job just done may come late, and takes it back. */
        atomic_store(&worker->is_asleep, 1);
        if (gate_is(pool, GATE_JOB, seen, 1))
            break;
        pthread_cond_wait(&worker->wake, &pool->mutex);
    }
    atomic_store(&worker->is_asleep, 0);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker_run(void *argument)
{
    struct worker *worker = argument;
    struct nt_host_pool *pool = worker->pool;
    uint64_t seen = 0;
    for (;;) {
        if (!gate_watch(pool, GATE_JOB, seen, 1))
            worker_sleep(worker, seen);
        uint64_t gate = atomic_load(&pool->gate);
        seen = gate & GATE_JOB;
        if (gate & GATE_END)
            return 0;
        if (gate_enter(pool, gate, worker->lane)) {
            shares_do(pool, worker->lane);
            gate_leave(pool);
        }
    }
}

/* Signals are for the threads of the program. */
static int worker_start(struct worker *worker)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    if (pthread_cond_init(&worker->wake, 0) != 0)
        return 0;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&worker->thread, 0, worker_run, worker);
    pthread_sigmask(SIG_SETMASK, &before, 0);
    if (result != 0)
        pthread_cond_destroy(&worker->wake);
    return result == 0;
}

static void workers_start(struct nt_host_pool *pool, uint32_t count)
{
    for (; pool->workers_started < count; pool->workers_started++) {
        struct worker *worker = &pool->workers[pool->workers_started];
        worker->pool = pool;
        worker->lane = pool->workers_started + 1;
        atomic_init(&worker->is_asleep, 0);
        if (!worker_start(worker))
            return;
    }
}

static struct nt_host_pool *pool_new(void)
{
    struct nt_host_pool *pool = aligned_alloc(_Alignof(struct nt_host_pool), sizeof *pool);
    if (!pool)
        return 0;
    atomic_init(&pool->gate, 0);
    atomic_init(&pool->owner_waits, 0);
    pool->workers_started = 0;
    pool->workers_placed = 0;
    pool->place = nt_host_place_new();
    pool->process = getpid();
    if (pthread_mutex_init(&pool->mutex, 0) == 0 && pthread_cond_init(&pool->done, 0) == 0)
        return pool;
    nt_host_place_free(pool->place);
    free(pool);
    return 0;
}

/* Off the caller's processor: those just started, and all once the caller has moved. */
static void workers_place(struct nt_host_pool *pool)
{
    if (!pool->place)
        return;
    if (nt_host_place_moves(pool->place))
        pool->workers_placed = 0;
    for (; pool->workers_placed < pool->workers_started; pool->workers_placed++)
        nt_host_place_keep_off(pool->place, pool->workers[pool->workers_placed].thread);
}

/* Lets the first `workers` in, or sends them home. */
static void gate_change(struct nt_host_pool *pool, uint32_t workers, uint64_t what)
{
    uint64_t job = (atomic_load(&pool->gate) & GATE_JOB) + GATE_JOB_ONE;
    atomic_store(&pool->gate, job | (uint64_t)(workers + 1) << GATE_THREADS_AT | what);
    for (uint32_t i = 0; i < workers && i < pool->workers_started; i++)
        if (atomic_exchange(&pool->workers[i].is_asleep, 0)) {
            pthread_mutex_lock(&pool->mutex);
            pthread_cond_signal(&pool->workers[i].wake);
            pthread_mutex_unlock(&pool->mutex);
        }
}

/* Waits for those who are inside. */
static void gate_shut(struct nt_host_pool *pool)
{
    atomic_fetch_and(&pool->gate, ~GATE_OPEN);
    if (gate_watch(pool, GATE_INSIDE, 0, 0))
        return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->owner_waits, 1);
    while (gate_is(pool, GATE_INSIDE, 0, 1))
        pthread_cond_wait(&pool->done, &pool->mutex);
    atomic_store(&pool->owner_waits, 0);
    pthread_mutex_unlock(&pool->mutex);
}

void nt_host_pool_run(struct nt_host_pool **at, nt_host_job *job, void *context, uint32_t count, uint32_t threads)
{
    uint32_t wanted = threads < THREADS_MAX ? threads : THREADS_MAX;
    wanted = wanted < count ? wanted : count;
    if (wanted > 1 && (!*at || (*at)->process != getpid())) {
        nt_host_pool_free(*at);
        *at = pool_new();
    }
    struct nt_host_pool *pool = *at;
    if (wanted <= 1 || !pool) {
        for (uint32_t index = 0; index < count; index++)
            job(context, index, 0);
        return;
    }
    pool->job = job;
    pool->context = context;
    pool->threads = wanted;
    parts_give(pool, count, wanted);
    workers_start(pool, wanted - 1);
    workers_place(pool);
    gate_change(pool, wanted - 1, GATE_OPEN);
    shares_do(pool, 0);
    gate_shut(pool);
}

static void nothing_do(void *context, uint32_t share, uint32_t lane)
{
    (void)context;
    (void)share;
    (void)lane;
}

void nt_host_pool_call(struct nt_host_pool **at, uint32_t threads)
{
    nt_host_pool_run(at, nothing_do, 0, threads, threads);
}

void nt_host_pool_free(struct nt_host_pool *pool)
{
    if (!pool)
        return;
    if (pool->process == getpid()) {
        gate_change(pool, pool->workers_started, GATE_END);
        for (uint32_t i = 0; i < pool->workers_started; i++) {
            pthread_join(pool->workers[i].thread, 0);
            pthread_cond_destroy(&pool->workers[i].wake);
        }
        pthread_mutex_destroy(&pool->mutex);
        pthread_cond_destroy(&pool->done);
    }
    nt_host_place_free(pool->place);
    free(pool);
}
