/* rpc/pool.c: the threads that handlers run on. */
#define _GNU_SOURCE /* sched_getaffinity */
#include <base/clock.h>
#include <base/thread.h>
#include <csvc/alloc.h>
#include <csvc/log.h>
#include <rpc/pool.h>

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

enum {
    QUICK_BACKLOG = 16, /* quick jobs waiting for each worker awake before one more is woken */
    MAX_OWED = 8,       /* loops a worker owes a wake at a time */
    MAX_UNTOLD = 64,    /* results posted without one */
    LINGER = 3,         /* times a worker lets others run before it sleeps */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    STACK_SIZE = 2048 * 1024, /* instrumented frames are several times as large */
#else
    STACK_SIZE = 256 * 1024,
#endif
};

struct csvc__worker {
    csvc__pool *pool;
    pthread_t thread;
    pthread_cond_t wake;
    csvc__worker *next;          /* among the idle or the dead */
    csvc__worker *older, *newer; /* among those that live */
    const char *name;            /* of the job that runs, or NULL */
    uint64_t turn;               /* of that job: n_taken */
    bool idle;

    /* its own thread's */
    bool quick; /* the job that runs is */
    uint32_t n_untold;
    uint32_t n_owed;
    csvc_loop *owed[MAX_OWED];
};

struct csvc__pool {
    uint32_t max_workers, max_queued;
    int64_t idle_nanos;
    uint32_t max_awake; /* for quick jobs: CPUs */

    pthread_mutex_t lock; /* of all below */
    csvc__job *first, *last;
    uint32_t n_queued;
    uint64_t n_taken;    /* jobs, ever */
    uint32_t n_workers;  /* threads that live */
    uint32_t n_coming;   /* woken or started, have not looked at the queue yet */
    uint32_t n_slow;     /* run a slow job */
    uint32_t n_idle;     /* sleep */
    csvc__worker *live;  /* the newest */
    csvc__worker *idle;  /* last to fall asleep first, so that the others end */
    csvc__worker *dead;  /* ended, to be joined */
    pthread_cond_t left; /* a worker has ended */
    bool ending;
    int64_t next_told;          /* csvc__pool_jammed */
    _Atomic int64_t full_since; /* written under it; 0: nobody waits for a busy worker */
};

uint32_t csvc__cpus(void)
{
    cpu_set_t set;
    int n = 0;

    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        n = CPU_COUNT(&set);
    }
    return n > 0 ? (uint32_t)n : 1;
}

csvc__pool *csvc__pool_new(uint32_t max_workers, uint32_t max_queued, int64_t idle_nanos)
{
    csvc__pool *pool = csvc__calloc(1, sizeof(*pool));

    if (pool == NULL) {
        return NULL;
    }
    pool->max_workers = max_workers;
    pool->max_queued = max_queued;
    pool->idle_nanos = idle_nanos;
    pool->max_awake = csvc__cpus();
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->left, NULL);
    return pool;
}

/* ---- the queue, under the lock ---- */

static void enqueue(csvc__pool *pool, csvc__job *job)
{
    job->next = NULL;
    job->prev = pool->last;
    *(pool->last != NULL ? &pool->last->next : &pool->first) = job;
    pool->last = job;
    job->queued = true;
    pool->n_queued++;
}

static void dequeue(csvc__pool *pool, csvc__job *job)
{
    *(job->prev != NULL ? &job->prev->next : &pool->first) = job->next;
    *(job->next != NULL ? &job->next->prev : &pool->last) = job->prev;
    job->next = job->prev = NULL;
    job->queued = false;
    pool->n_queued--;
    if (pool->n_queued == 0 && atomic_load_explicit(&pool->full_since, memory_order_relaxed) != 0) {
        atomic_store_explicit(&pool->full_since, 0, memory_order_relaxed);
    }
}

/* ---- workers ---- */

static void forget_idle(csvc__pool *pool, csvc__worker *w)
{
    csvc__worker **at = &pool->idle;

    while (*at != w) {
        at = &(*at)->next;
    }
    *at = w->next;
    w->next = NULL;
    w->idle = false;
    pool->n_idle--;
}

/* Wakes the loops that results wait at. Not under the lock. */
static void tell_loops(csvc__worker *w)
{
    for (uint32_t i = 0; i < w->n_owed; i++) {
        csvc__loop_post_end(w->owed[i]);
    }
    w->n_owed = 0;
    w->n_untold = 0;
}

void csvc__worker_post(csvc__worker *w, csvc_loop *loop, csvc_task *task)
{
    w->n_untold++;
    if (!csvc__loop_post_begin(loop, task)) {
        return; /* whoever found its queue empty wakes it */
    }
    if (!w->quick || w->n_owed == MAX_OWED) {
        csvc__loop_post_end(loop);
    } else {
        w->owed[w->n_owed++] = loop;
    }
}

/* Sleeps until woken; false when it has slept long enough to end. */
static bool sleep_idle(csvc__pool *pool, csvc__worker *w)
{
    const int64_t until = csvc__now() + pool->idle_nanos;

    w->idle = true;
    w->next = pool->idle;
    pool->idle = w;
    pool->n_idle++;
    while (w->idle) {
        if (csvc__cond_wait_until(&w->wake, &pool->lock, until) != 0 && w->idle) {
            forget_idle(pool, w);
            return false;
        }
    }
    pool->n_coming--;
    return true;
}

/* After quick work more of it is likely on its way; on a busy CPU letting the loop run first saves
 * a sleep and a wake. Under the lock, which it gives away meanwhile. */
static void linger(csvc__pool *pool, csvc__worker *w)
{
    (void)pthread_mutex_unlock(&pool->lock);
    tell_loops(w);
    for (int i = 0; i < LINGER && w->quick; i++) {
        (void)sched_yield();
        (void)pthread_mutex_lock(&pool->lock);
        if (pool->first != NULL) {
            return;
        }
        (void)pthread_mutex_unlock(&pool->lock);
    }
    (void)pthread_mutex_lock(&pool->lock);
}

static void run_job(csvc__pool *pool, csvc__worker *w, csvc__job *job)
{
    const bool quick = job->quick;

    dequeue(pool, job);
    pool->n_taken++;
    pool->n_slow += !quick;
    w->name = job->name;
    w->turn = pool->n_taken;
    (void)pthread_mutex_unlock(&pool->lock);
    /* nobody waits for a slow job to hear of an earlier result */
    if (w->n_owed > 0 && (!quick || w->n_untold >= MAX_UNTOLD)) {
        tell_loops(w);
    }
    w->quick = quick;
    job->run(job, w); /* its memory may be gone when it returns */
    (void)pthread_mutex_lock(&pool->lock);
    pool->n_slow -= !quick;
    w->name = NULL;
}

static void join(csvc__pool *pool, csvc__worker *w)
{
    w->older = pool->live;
    if (pool->live != NULL) {
        pool->live->newer = w;
    }
    pool->live = w;
}

static void leave(csvc__pool *pool, csvc__worker *w)
{
    *(w->newer != NULL ? &w->newer->older : &pool->live) = w->older;
    if (w->older != NULL) {
        w->older->newer = w->newer;
    }
}

static void *worker_main(void *arg)
{
    csvc__worker *w = arg;
    csvc__pool *pool = w->pool;
    bool stay = true;

    csvc__thread_name("csvc-worker");
    (void)pthread_mutex_lock(&pool->lock);
    pool->n_coming--;
    while (stay) {
        if (pool->first == NULL && (w->n_owed > 0 || w->quick)) {
            linger(pool, w);
            w->quick = false;
        }
        if (pool->first != NULL) {
            run_job(pool, w, pool->first);
        } else {
            stay = !pool->ending && sleep_idle(pool, w);
        }
    }
    pool->n_workers--;
    leave(pool, w);
    w->next = pool->dead;
    pool->dead = w;
    (void)pthread_cond_signal(&pool->left);
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Joins those that have ended. Under the lock: who is in the list never asks for it again. */
static void bury(csvc__pool *pool)
{
    while (pool->dead != NULL) {
        csvc__worker *w = pool->dead;

        pool->dead = w->next;
        (void)pthread_join(w->thread, NULL);
        (void)pthread_cond_destroy(&w->wake);
        csvc__free(w);
    }
}

static bool start_thread(csvc__worker *w)
{
    pthread_attr_t attr;
    size_t stack = STACK_SIZE;
    bool started;

    if (pthread_attr_init(&attr) != 0) {
        return false;
    }
    if (stack < (size_t)PTHREAD_STACK_MIN) {
        stack = (size_t)PTHREAD_STACK_MIN;
    }
    (void)pthread_attr_setstacksize(&attr, stack);
    started = csvc__thread_start(&w->thread, &attr, worker_main, w) == 0;
    (void)pthread_attr_destroy(&attr);
    return started;
}

/* One more worker looks at the queue, if there is one to be had. Under the lock. */
static void call_worker(csvc__pool *pool)
{
    csvc__worker *w = pool->idle;

    if (w != NULL) {
        forget_idle(pool, w);
        pool->n_coming++;
        (void)pthread_cond_signal(&w->wake);
        return;
    }
    if (pool->n_workers == pool->max_workers) {
        if (atomic_load_explicit(&pool->full_since, memory_order_relaxed) == 0) {
            atomic_store_explicit(&pool->full_since, csvc__now(), memory_order_relaxed);
        }
        return;
    }
    bury(pool);
    w = csvc__calloc(1, sizeof(*w));
    if (w == NULL) {
        return;
    }
    w->pool = pool;
    if (csvc__cond_init(&w->wake) != 0) {
        csvc__free(w);
        return;
    }
    /* counted first: the thread takes the lock when it begins */
    pool->n_workers++;
    pool->n_coming++;
    join(pool, w);
    if (!start_thread(w)) {
        leave(pool, w);
        pool->n_workers--;
        pool->n_coming--;
        (void)pthread_cond_destroy(&w->wake);
        csvc__free(w);
    }
}

/* ---- jobs ---- */

/* Whether the workers that are up will not do for the job just queued. Under the lock. */
static bool wants_worker(const csvc__pool *pool, const csvc__job *job)
{
    const uint32_t awake = pool->n_workers - pool->n_idle - pool->n_slow;

    if (!job->quick) {
        return pool->n_queued > pool->n_coming;
    }
    return awake == 0 || (awake < pool->max_awake && pool->n_queued > QUICK_BACKLOG * awake);
}

csvc_code csvc__pool_submit(csvc__pool *pool, csvc__job *job)
{
    csvc_code code = CSVC_OK;

    (void)pthread_mutex_lock(&pool->lock);
    if (pool->n_queued >= pool->max_queued) {
        code = CSVC_RESOURCE_EXHAUSTED;
    } else {
        enqueue(pool, job);
        if (wants_worker(pool, job)) {
            call_worker(pool);
            if (pool->n_workers == 0) {
                dequeue(pool, job);
                code = CSVC_RESOURCE_EXHAUSTED;
            }
        }
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return code;
}

bool csvc__pool_take_back(csvc__pool *pool, csvc__job *job)
{
    bool queued;

    (void)pthread_mutex_lock(&pool->lock);
    queued = job->queued;
    if (queued) {
        dequeue(pool, job);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return queued;
}

bool csvc__pool_nudge(csvc__pool *pool, uint64_t *seen)
{
    bool queued;

    (void)pthread_mutex_lock(&pool->lock);
    queued = pool->n_queued > 0;
    if (queued && pool->n_taken == *seen) {
        call_worker(pool);
    }
    *seen = pool->n_taken;
    (void)pthread_mutex_unlock(&pool->lock);
    return queued;
}

bool csvc__pool_is_full(csvc__pool *pool)
{
    return atomic_load_explicit(&pool->full_since, memory_order_relaxed) != 0;
}

bool csvc__pool_jammed(csvc__pool *pool, int64_t now, int64_t nanos, csvc__pool_jam *ret_jam,
                       int64_t *ret_next)
{
    csvc__pool_jam jam = {0};
    uint64_t first = UINT64_MAX;
    int64_t since, at = INT64_MAX;
    bool jammed = false;

    (void)pthread_mutex_lock(&pool->lock);
    since = atomic_load_explicit(&pool->full_since, memory_order_relaxed);
    if (since != 0) {
        at = since < INT64_MAX - nanos ? since + nanos : INT64_MAX;
        at = at > pool->next_told ? at : pool->next_told;
        jammed = now >= at;
    }
    if (jammed) {
        at = pool->next_told = now + CSVC__JAM_EVERY;
        jam.n_workers = pool->n_workers;
        jam.n_waiting = pool->n_queued;
        for (const csvc__worker *w = pool->live; w != NULL; w = w->older) {
            if (w->name != NULL && w->turn < first) {
                first = w->turn;
                jam.oldest = w->name;
            }
        }
    }
    (void)pthread_mutex_unlock(&pool->lock);
    *ret_next = at;
    if (jammed) {
        *ret_jam = jam;
    }
    return jammed;
}

uint32_t csvc__pool_workers(csvc__pool *pool)
{
    uint32_t n;

    (void)pthread_mutex_lock(&pool->lock);
    n = pool->n_workers;
    (void)pthread_mutex_unlock(&pool->lock);
    return n;
}

void csvc__pool_free(csvc__pool *pool)
{
    if (pool == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    while (pool->n_workers > 0) {
        while (pool->idle != NULL) {
            call_worker(pool);
        }
        (void)pthread_cond_wait(&pool->left, &pool->lock);
    }
    bury(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    (void)pthread_cond_destroy(&pool->left);
    (void)pthread_mutex_destroy(&pool->lock);
    csvc__free(pool);
}
