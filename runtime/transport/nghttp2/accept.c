/*
 * nghttp2/accept.c: connections come in on the first loop, which deals them out: each to the loop
 * that has the fewest.
 */
#include <csvc/alloc.h>
#include <transport/net/refusals.h>
#include <transport/nghttp2/ng.h>

#include <sys/epoll.h>
#include <unistd.h>

#include <base/banned.h>

#define PAUSE (100 * CSVC__MS) /* without a descriptor in reserve */

enum {
    ACCEPTS = 64 /* in a row */
};

static void refused(csvc_tserver *ts, const char *word, const char *why)
{
    csvc__ng_refused(ts, word);
    csvc__net_complain(&ts->complaints, "a connection was refused", why);
}

static bool watch(csvc_tserver *ts, bool on)
{
    ng_loop *loop = &ts->loops[0];
    bool ok = true;

    for (size_t i = 0; i < ts->listeners.n; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &ts->sources[i]};

        ok = epoll_ctl(loop->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, ts->sources[i].fd, &e) ==
                 0 &&
             ok;
    }
    return ok;
}

static void pause_accepting(csvc_tserver *ts)
{
    ng_loop *loop = &ts->loops[0];

    if (!ts->paused && csvc__timer_set(&loop->base, &ts->pause, loop->now + PAUSE) == CSVC_OK) {
        ts->paused = true;
        (void)watch(ts, false);
    }
}

static void go_on(csvc_timer *timer)
{
    csvc_tserver *ts = NG_CONTAINER(timer, csvc_tserver, pause);

    ts->paused = false;
    if (!watch(ts, true)) {
        (void)watch(ts, false);
        pause_accepting(ts);
    }
}

bool csvc__ng_accept_begin(csvc_tserver *ts)
{
    for (size_t i = 0; i < ts->listeners.n; i++) {
        ts->sources[i] = (ng_source){NG_LISTENER, ts->listeners.fds[i]};
    }
    ts->pause.run = go_on;
    return watch(ts, true);
}

void csvc__ng_accept_end(csvc_tserver *ts)
{
    if (!ts->paused) {
        (void)watch(ts, false);
    }
    csvc__timer_stop(&ts->loops[0].base, &ts->pause);
    csvc__net_listeners_close(&ts->listeners);
}

static ng_loop *emptiest(csvc_tserver *ts)
{
    ng_loop *best = &ts->loops[0];

    for (uint32_t i = 1; i < ts->n_loops; i++) {
        if (atomic_load_explicit(&ts->loops[i].n_conns, memory_order_relaxed) <
            atomic_load_explicit(&best->n_conns, memory_order_relaxed)) {
            best = &ts->loops[i];
        }
    }
    return best;
}

static void deal(csvc_tserver *ts, int fd, const struct sockaddr_storage *from)
{
    char peer[CSVC__NET_PEER_SIZE];
    ng_loop *loop = emptiest(ts);
    ng_conn *conn = NULL;

    csvc__net_name_peer(from, peer);
    if (ts->times.silence_ms > 0) {
        csvc__net_give_up_after(fd, ts->times.silence_ms);
    }
    conn = csvc__ng_conn_new(fd, peer);
    if (conn == NULL) {
        refused(ts, CSVC__NET_NO_MEMORY, "no memory");
        return;
    }
    (void)atomic_fetch_add(&ts->n_conns, 1);
    csvc__ng_count(ts, 1);
    (void)atomic_fetch_add(&loop->n_conns, 1);
    conn->loop = loop;
    if (loop == &ts->loops[0]) {
        csvc__ng_conn_open(loop, conn);
        return;
    }
    (void)atomic_fetch_add(&loop->n_coming, 1); /* the loop does not end meanwhile */
    csvc__loop_post(&loop->base, &conn->task);
}

void csvc__ng_accept(csvc_tserver *ts, int listener)
{
    for (int i = 0; i < ACCEPTS && !ts->paused && !atomic_load(&ts->draining); i++) {
        struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
        const char *why = "";
        int fd = -1;

        switch (csvc__net_accept(listener, &ts->reserve, &fd, &from, &why)) {
        case CSVC__NET_ACCEPTED:
            if (ts->max_connections != 0 && atomic_load(&ts->n_conns) >= ts->max_connections) {
                refused(ts, CSVC__NET_TOO_MANY, "there are as many as there may be");
                (void)close(fd);
            } else {
                deal(ts, fd, &from);
            }
            break;
        case CSVC__NET_GONE:
            break;
        case CSVC__NET_REFUSED:
            refused(ts, CSVC__NET_NO_DESCRIPTORS, why);
            break;
        case CSVC__NET_NONE:
            return;
        case CSVC__NET_WAIT:
            csvc__net_complain(&ts->complaints, "connections wait", why);
            pause_accepting(ts);
            return;
        }
    }
}
