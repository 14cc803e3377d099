/* base/thread.h: threads of our own. */
#ifndef CSVC_BASE_THREAD_H
#define CSVC_BASE_THREAD_H

#include <csvc/common.h>
#include <pthread.h>
#include <semaphore.h>

/* pthread_create with every signal blocked: those are for the program's own threads. 0, or an
 * errno. `attr` may be NULL. */
CSVC_API int csvc__thread_start(pthread_t *ret_thread, const pthread_attr_t *attr,
                                void *(*run)(void *), void *arg) CSVC_MUST_CHECK;

/* A condition whose waits count in csvc__now() time. 0, or an errno. */
CSVC_API int csvc__cond_init(pthread_cond_t *ret_cond) CSVC_MUST_CHECK;

/* pthread_cond_wait, until then at most (INT64_MAX: however long). 0, or ETIMEDOUT. */
CSVC_API int csvc__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until);

/* sem_wait, whatever signals come. */
CSVC_API void csvc__sem_wait(sem_t *sem);

/*
 * Threads that wait for what a lock guards; each has a semaphore of its own. A condition does the
 * same, but glibc's leaves the lock marked as contended by who was woken: one system call more when
 * that opens it, and a thread that takes turns with a loop is woken for every message.
 *
 * Like a condition's, a wait may end early: its caller looks again.
 */
typedef struct csvc__waiter {
    struct csvc__waiter *next;
    sem_t woken;
} csvc__waiter;

/* Waits in *list until it is taken out and woken. With the lock, which is open meanwhile. */
CSVC_API void csvc__wait(csvc__waiter **list, pthread_mutex_t *lock);

/* All that wait, out of the list; with the lock. Then, with the lock or better without, wakes
 * them; takes NULL. */
CSVC_API csvc__waiter *csvc__waiters_take(csvc__waiter **list);
CSVC_API void csvc__waiters_wake(csvc__waiter *taken);

/* Names the calling thread for debuggers and ps; 15 characters count. */
CSVC_API void csvc__thread_name(const char *name);

#endif /* CSVC_BASE_THREAD_H */
