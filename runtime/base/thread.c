/* base/thread.c: threads of our own. */
#include <base/clock.h>
#include <base/thread.h>

#include <signal.h>
#include <stdio.h>
#include <time.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <base/banned.h>

int csvc__thread_start(pthread_t *ret_thread, const pthread_attr_t *attr, void *(*run)(void *),
                       void *arg)
{
    sigset_t all;
    sigset_t before;
    int rc = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(ret_thread, attr, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

int csvc__cond_init(pthread_cond_t *ret_cond)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);

    if (rc != 0) {
        return rc;
    }
    rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (rc == 0) {
        rc = pthread_cond_init(ret_cond, &attr);
    }
    (void)pthread_condattr_destroy(&attr);
    return rc;
}

int csvc__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until)
{
    const struct timespec at = {.tv_sec = (time_t)(until / CSVC__SECOND),
                                .tv_nsec = (long)(until % CSVC__SECOND)};

    return until == INT64_MAX ? pthread_cond_wait(cond, lock)
                              : pthread_cond_timedwait(cond, lock, &at);
}

void csvc__sem_wait(sem_t *sem)
{
    while (sem_wait(sem) != 0) { /* a signal */
    }
}

void csvc__wait(csvc__waiter **list, pthread_mutex_t *lock)
{
    csvc__waiter self = {.next = *list};

    (void)sem_init(&self.woken, 0, 0);
    *list = &self;
    (void)pthread_mutex_unlock(lock);
    csvc__sem_wait(&self.woken);
    (void)sem_destroy(&self.woken);
    (void)pthread_mutex_lock(lock);
}

csvc__waiter *csvc__waiters_take(csvc__waiter **list)
{
    csvc__waiter *taken = *list;

    *list = NULL;
    return taken;
}

void csvc__waiters_wake(csvc__waiter *taken)
{
    while (taken != NULL) {
        csvc__waiter *next = taken->next; /* it is on the stack of who is woken */

        (void)sem_post(&taken->woken);
        taken = next;
    }
}

void csvc__thread_name(const char *name)
{
#if defined(__linux__)
    char text[16];

    (void)snprintf(text, sizeof(text), "%s", name);
    (void)prctl(PR_SET_NAME, text, 0, 0, 0);
#else
    (void)name;
#endif
}
