/*
 * rpc/serve_pool.c: served calls on their way to the pool, and those of them that are looked after.
 *
 * Each loop has a guard, made when it is first needed.
 */
#include <base/clock.h>
#include <csvc/alloc.h>
#include <csvc/log.h>
#include <rpc/serve_pool.h>

#include <inttypes.h>
#include <stdio.h>

#include <base/banned.h>

enum {
    QUICK_MICROS = 20, /* handlers that usually take less are quick jobs */
    WATCH_TICKS = 5,   /* a quick job that is out for so many is watched after all */
};
#define GUARD_EVERY CSVC__MS

typedef csvc__served served;

static void watch_busy(csvc__guard *guard);

/* Calls wait for a worker, or did: for long? */
static void busy_look(csvc_timer *timer)
{
    csvc__guard *guard = (csvc__guard *)((uint8_t *)timer - offsetof(csvc__guard, busy));

    watch_busy(guard);
}

/* Says so when calls have long waited for a worker, and looks again as long as some wait. */
static void watch_busy(csvc__guard *guard)
{
    csvc_server *srv = guard->srv;
    csvc__pool_jam jam;
    char event[48], waiting[16];
    int64_t next;

    if (guard->busy.slot != 0 || srv->o.slow_call_ms >= INT64_MAX / CSVC__MS) {
        return;
    }
    if (csvc__pool_jammed(srv->pool, csvc__now(), srv->o.slow_call_ms * CSVC__MS, &jam, &next)) {
        (void)snprintf(event, sizeof(event), "all %" PRIu32 " workers are busy", jam.n_workers);
        (void)snprintf(waiting, sizeof(waiting), "%" PRIu32, jam.n_waiting);
        csvc_log(CSVC_LOG_WARN, event, "#waiting", waiting, "oldest", jam.oldest, NULL);
    }
    guard->busy.run = busy_look;
    if (next != INT64_MAX && csvc__timer_set(guard->loop, &guard->busy, next) != CSVC_OK) {
        csvc_log(CSVC_LOG_WARN, "no memory for a timer", NULL);
    }
}

/* Every millisecond: has the pool come to a halt, is somebody overdue? */
static void guard_look(csvc_timer *timer)
{
    csvc__guard *guard = (csvc__guard *)((uint8_t *)timer - offsetof(csvc__guard, timer));

    (void)csvc__pool_nudge(guard->srv->pool, &guard->seen);
    if (csvc__pool_is_full(guard->srv->pool)) {
        watch_busy(guard);
    }
    for (served *s = guard->out; s != NULL; s = s->next_out) {
        if (s->ticks_out++ == WATCH_TICKS) {
            s->ctx.tc->ops->watch(s->ctx.tc);
        }
    }
    if (guard->out != NULL &&
        csvc__timer_set(guard->loop, timer, csvc__now() + GUARD_EVERY) != CSVC_OK) {
        csvc_log(CSVC_LOG_WARN, "no memory for a timer", NULL);
    }
}

static csvc__guard *guard_of(csvc_server *srv, csvc_loop *loop)
{
    csvc__guard *guard = loop->upper;

    if (guard == NULL) {
        guard = csvc__calloc(1, sizeof(*guard));
        if (guard == NULL) {
            return NULL;
        }
        guard->srv = srv;
        guard->loop = loop;
        guard->timer.run = guard_look;
        guard->next = atomic_load(&srv->guards);
        while (!atomic_compare_exchange_weak(&srv->guards, &guard->next, guard)) {
        }
        loop->upper = guard;
    }
    return guard;
}

csvc_code csvc__served_submit(served *s)
{
    csvc_code code;
    csvc__guard *guard;

    s->job.name = s->sm->method->path;
    code = csvc__pool_submit(s->srv->pool, &s->job);
    if (csvc__pool_is_full(s->srv->pool)) {
        guard = guard_of(s->srv, s->ctx.tc->loop);
        if (guard != NULL) {
            watch_busy(guard);
        }
    }
    return code;
}

bool csvc__served_guard_out(served *s)
{
    csvc_loop *loop = s->ctx.tc->loop;
    csvc__guard *guard;

    if (atomic_load_explicit(&s->sm->usual_micros, memory_order_relaxed) > 16 * QUICK_MICROS) {
        return false;
    }
    guard = guard_of(s->srv, loop);
    if (guard == NULL ||
        (guard->timer.slot == 0 &&
         csvc__timer_set(loop, &guard->timer, csvc__now() + GUARD_EVERY) != CSVC_OK)) {
        return false;
    }
    s->ticks_out = 0;
    s->prev_out = NULL;
    s->next_out = guard->out;
    if (guard->out != NULL) {
        ((served *)guard->out)->prev_out = s;
    }
    guard->out = s;
    return true;
}

void csvc__served_guard_back(served *s)
{
    csvc__guard *guard = s->ctx.tc->loop->upper;

    if (!s->job.quick) {
        return;
    }
    if (s->prev_out != NULL) {
        s->prev_out->next_out = s->next_out;
    } else {
        guard->out = s->next_out;
    }
    if (s->next_out != NULL) {
        s->next_out->prev_out = s->prev_out;
    }
}
