/*
 * rpc/pool.h: the threads that handlers run on.
 *
 * Starts with none, adds one when a job finds nobody to take it, up to a limit; a worker without
 * work for a while ends. Jobs wait in one queue, bounded, first come first served.
 *
 * A job is *slow* when it may block: each gets a worker of its own at once. A job known to be
 * *quick* does not wake a worker while one is awake and about to look at the queue, and its result
 * is posted without waking the loop until the worker has run out of quick jobs: on a busy machine
 * that saves a context switch or two a call. Who submits quick jobs calls csvc__pool_nudge about
 * once a millisecond as long as some are out, in case one was not so quick.
 */
#ifndef CSVC_RPC_POOL_H
#define CSVC_RPC_POOL_H

#include <transport/seam.h>

typedef struct csvc__pool csvc__pool;
typedef struct csvc__worker csvc__worker;

/* Lives inside what it is about. */
typedef struct csvc__job {
    struct csvc__job *next, *prev;
    void (*run)(struct csvc__job *job, csvc__worker *w);
    const char *name; /* of what it runs, for the log; outlives the pool; NULL: nobody asks */
    bool queued;      /* the pool's, under its lock */
    bool quick;
} csvc__job;

/* CPUs this process may run on; at least 1. */
uint32_t csvc__cpus(void);

/* No thread yet; a worker that had nothing to do for `idle_nanos` ends. NULL when memory is short.
 */
csvc__pool *csvc__pool_new(uint32_t max_workers, uint32_t max_queued, int64_t idle_nanos);

/* How many threads it has now. Any thread. */
uint32_t csvc__pool_workers(csvc__pool *pool);

/* Runs the job on a worker; any thread. RESOURCE_EXHAUSTED when the queue is full or there is not
 * one thread to be had. */
csvc_code csvc__pool_submit(csvc__pool *pool, csvc__job *job) CSVC_MUST_CHECK;

/* Takes a job back that no worker has begun; false when one has. Any thread. */
bool csvc__pool_take_back(csvc__pool *pool, csvc__job *job);

/* True while something is queued. Wakes one more worker when none has taken a job since *seen,
 * which it brings up to date. */
bool csvc__pool_nudge(csvc__pool *pool, uint64_t *seen);

/* Whether jobs wait because all workers there may be are busy. Any thread; cheap, and by the time
 * of the answer perhaps no longer so. */
bool csvc__pool_is_full(csvc__pool *pool);

/* That this has been so for long. */
typedef struct csvc__pool_jam {
    uint32_t n_workers, n_waiting;
    const char *oldest; /* the name of the job that has run longest; NULL: it has none */
} csvc__pool_jam;

/* Whether the pool has been full for `nanos`, told once in CSVC__JAM_EVERY. *ret_next is when to
 * ask again, INT64_MAX when it is not full. */
bool csvc__pool_jammed(csvc__pool *pool, int64_t now, int64_t nanos, csvc__pool_jam *ret_jam,
                       int64_t *ret_next);
#define CSVC__JAM_EVERY (10 * CSVC__SECOND)

/* Waits for the jobs under way and ends the threads; no job may be queued. Takes NULL. */
void csvc__pool_free(csvc__pool *pool);

/* For a job that runs: posts to a loop, now or with what other quick jobs post soon. */
void csvc__worker_post(csvc__worker *w, csvc_loop *loop, csvc_task *task);

#endif /* CSVC_RPC_POOL_H */
