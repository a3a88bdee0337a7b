/* Threads of one nt_host: started when work first asks for them, asleep between jobs; private to firmware/host. */
#ifndef NT_HOST_PARALLEL_H
#define NT_HOST_PARALLEL_H

#include <stdint.h>

struct nt_host_pool;

/* One share of a job: `lane` is below the number of threads, and no two threads have the same one. */
typedef void nt_host_job(void *context, uint32_t index, uint32_t lane);

/* Does shares 0 to count - 1 on up to `threads` threads, the caller one of them, in any order; returns when all are done.
   `*pool` starts as null and is made when it is first needed, also anew in a child after fork. One caller at a time. Where
   threads cannot be started the others do their shares. */
void nt_host_pool_run(struct nt_host_pool **pool, nt_host_job *job, void *context, uint32_t count, uint32_t threads);

/* Has sleeping threads wake up while the caller does something else, in time for a job that follows at once. */
void nt_host_pool_call(struct nt_host_pool **pool, uint32_t threads);

/* Ends the threads; null is allowed. */
void nt_host_pool_free(struct nt_host_pool *pool);

#endif
