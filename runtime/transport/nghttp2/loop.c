/*
 * nghttp2/loop.c: an epoll set and its thread.
 *
 * A turn: what came from sockets, each of them up to its answers, what was posted, timers, what
 * calls are ready for, late work, and last each connection that has something to say, once.
 */
#include <base/thread.h>
#include <base/clock.h>
#include <csvc/alloc.h>
#include <transport/nghttp2/loop.h>

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    EVENTS = 64,
    ROUNDS = 256 /* of what calls are ready for, in one turn */
};

/* Watched by edge: each write is an event, nothing has to be read. */
static void on_woken(ng_source *source, uint32_t events)
{
    (void)source;
    (void)events;
}

/* False: no memory. */
static bool make_sealed(ng_loop *loop)
{
    if (loop->shared->tls != NULL) {
        loop->sealed.room = NG_OUT_SIZE + NG_TLS_OVERHEAD(NG_OUT_SIZE);
        loop->sealed.bytes = csvc__malloc(loop->sealed.room);
    }
    return loop->sealed.bytes != NULL || loop->shared->tls == NULL;
}

bool csvc__ng_loop_init(ng_loop *loop, ng_shared *shared)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.ptr = &loop->waker};

    csvc__loop_init(&loop->base, &csvc_nghttp2);
    loop->base.runs_late = true;
    loop->shared = shared;
    loop->ready_end = &loop->ready;
    csvc__buffer_init(&loop->scratch, NG_MAX_HEADERS);
    csvc__ng_memory_init(&loop->memory);
    atomic_init(&loop->waiting, false);
    atomic_init(&loop->n_coming, 0);
    atomic_init(&loop->n_conns, 0);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->waker.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->waker.on_events = on_woken;
    loop->in = csvc__malloc(NG_READ_SIZE);
    if (!csvc__ng_out_init(&loop->out) || !make_sealed(loop) || loop->in == NULL ||
        loop->epoll < 0 || loop->waker.fd < 0 ||
        epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->waker.fd, &e) != 0) {
        csvc__ng_loop_release(loop);
        return false;
    }
    return true;
}

void csvc__ng_loop_release(ng_loop *loop)
{
    if (loop->epoll >= 0) {
        (void)close(loop->epoll);
    }
    if (loop->waker.fd >= 0) {
        (void)close(loop->waker.fd);
    }
    csvc__free(loop->in);
    csvc__ng_out_release(&loop->out);
    csvc__free(loop->sealed.bytes);
    csvc__ng_fields_release(&loop->fields);
    csvc__buffer_release(&loop->scratch);
    csvc__ng_memory_release(&loop->memory);
    csvc__loop_release(&loop->base);
}

/* ---- waking ---- */

void csvc__ng_wake(csvc_loop *base)
{
    ng_loop *loop = NG_CONTAINER(base, ng_loop, base);
    const uint64_t one = 1;

    /* A thread that does not wait looks at its queue before it does. The exchange orders that look
     * against the push that brought us here. */
    if (atomic_exchange(&loop->waiting, false)) {
        (void)!write(loop->waker.fd, &one, sizeof(one));
    }
}

static bool has_posted(ng_loop *loop)
{
    return atomic_load(&loop->base.posted) != NULL;
}

/* Milliseconds to wait; -1: for ever. */
static int patience(ng_loop *loop)
{
    int64_t due = INT64_MAX;

    if (has_posted(loop) || loop->ready != NULL || loop->dirty != NULL || loop->base.late != NULL) {
        return 0;
    }
    due = csvc__loop_next_due(&loop->base);
    if (due == INT64_MAX) {
        return -1;
    }
    due = (due - csvc__now() + CSVC__MS - 1) / CSVC__MS;
    return due < 0 ? 0 : due > INT32_MAX ? INT32_MAX : (int)due;
}

static int wait_for_events(ng_loop *loop, struct epoll_event events[EVENTS])
{
    int timeout = patience(loop);
    int n = 0;

    if (timeout != 0) {
        atomic_store(&loop->waiting, true);
        if (has_posted(loop)) {
            timeout = 0;
        }
    }
    n = epoll_wait(loop->epoll, events, EVENTS, timeout);
    atomic_store_explicit(&loop->waiting, false, memory_order_relaxed);
    loop->now = csvc__now();
    return n;
}

/* ---- turns ---- */

/* Those that are ready now: what makes itself ready again waits for the next round. */
static void run_ready(ng_loop *loop)
{
    ng_due *due = loop->ready;

    loop->ready = NULL;
    loop->ready_end = &loop->ready;
    while (due != NULL) {
        ng_due *next = due->next;

        due->listed = false;
        due->run(due);
        due = next;
    }
}

static void handle(ng_loop *loop, const struct epoll_event *event)
{
    ng_source *source = event->data.ptr;

    source->on_events(source, event->events);
    /* answers first, then the next one: their calls' memory serves it again, still at hand */
    if (loop->ready != NULL) {
        run_ready(loop);
    }
}

static void run_dirty(ng_loop *loop)
{
    ng_due *due = loop->dirty;

    loop->dirty = NULL;
    while (due != NULL) {
        ng_due *next = due->next;

        due->listed = false;
        due->run(due);
        due = next;
    }
}

/* Whether the thread may end. */
static bool is_over(ng_loop *loop)
{
    if (!loop->ending || loop->n_live > 0 || loop->ready != NULL ||
        atomic_load(&loop->n_coming) > 0) {
        return false;
    }
    /* A thread that posted the last thing may still be about to wake us. */
    csvc__loop_settle(&loop->base);
    return !has_posted(loop);
}

void csvc__ng_loop_run(ng_loop *loop)
{
    struct epoll_event events[EVENTS];
    int n = 0;

    csvc__loop_enter(&loop->base);
    loop->now = csvc__now();
    for (;;) {
        for (int i = 0; i < n; i++) {
            handle(loop, &events[i]);
        }
        csvc__loop_run_posted(&loop->base);
        csvc__loop_run_timers(&loop->base);
        for (int i = 0; i < ROUNDS && loop->ready != NULL; i++) {
            run_ready(loop); /* who sends message after message fills a frame */
        }
        csvc__loop_run_late(&loop->base);
        run_dirty(loop);
        if (loop->ready != NULL) {
            run_ready(loop); /* what was written has ended calls */
        }
        if (is_over(loop)) {
            break;
        }
        n = wait_for_events(loop, events);
    }
    csvc__loop_enter(NULL);
}
