/* sqlite/wait.c: waiting that ends with the ctx, too. */
#include <base/clock.h>
#include <store/sqlite/sqlite.h>

#include <time.h>

#include <base/banned.h>

/* On whatever thread cancels; the lock makes sure that the waiter sleeps or has not looked yet. */
static void wake(void *self)
{
    csvc__wait *wait = self;

    (void)pthread_mutex_lock(wait->lock);
    (void)pthread_cond_signal(&wait->cond);
    (void)pthread_mutex_unlock(wait->lock);
}

void csvc__wait_begin(csvc__wait *wait, csvc_ctx *ctx, pthread_mutex_t *lock,
                      const pthread_condattr_t *clock)
{
    wait->hook = (csvc__hook){.fn = wake, .self = wait};
    wait->ctx = ctx;
    wait->lock = lock;
    (void)pthread_cond_init(&wait->cond, clock); /* cannot fail in any libc we know */
    if (ctx != NULL) {
        (void)csvc__ctx_hook_add(ctx, &wait->hook);
    }
}

void csvc__wait_end(csvc__wait *wait)
{
    if (wait->ctx != NULL) {
        csvc__ctx_hook_remove(wait->ctx, &wait->hook);
    }
    (void)pthread_cond_destroy(&wait->cond);
}

void csvc__wait_sleep(csvc__wait *wait)
{
    int64_t left = wait->ctx != NULL ? csvc_time_left_ms(wait->ctx) : -1;
    struct timespec until;
    int64_t at;

    left = left == 0 ? 1 : left;                              /* it has just passed */
    if (left < 0 || left > INT64_C(365) * 24 * 3600 * 1000) { /* a year is as good as for ever */
        (void)pthread_cond_wait(&wait->cond, wait->lock);
        return;
    }
    at = csvc__now() + left * CSVC__MS;
    until.tv_sec = (time_t)(at / CSVC__SECOND);
    until.tv_nsec = (long)(at % CSVC__SECOND);
    (void)pthread_cond_timedwait(&wait->cond, wait->lock, &until);
}
