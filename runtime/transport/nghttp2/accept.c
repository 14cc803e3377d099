/* nghttp2/accept.c: connections come in on the first loop, which deals them out. */
#include <transport/net/refusals.h>
#include <transport/net/peer.h>
#include <transport/nghttp2/accept.h>
#include <transport/nghttp2/counts.h>
#include <transport/nghttp2/life.h>

#include <sys/epoll.h>
#include <unistd.h>

#include <base/banned.h>

#define PAUSE (100 * CSVC__MS) /* without a descriptor in reserve */

enum {
    ACCEPTS = 64 /* in a row */
};

static void refused(ng_acceptor *acceptor, const char *word, const char *why)
{
    csvc__ng_refused(acceptor->shared, word);
    csvc__net_complain(&acceptor->complaints, "a connection was refused", why);
}

static bool watch(ng_acceptor *acceptor, bool on)
{
    ng_loop *loop = &acceptor->loops[0];
    bool ok = true;

    for (size_t i = 0; i < acceptor->sockets.n; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &acceptor->listeners[i].source};

        ok = epoll_ctl(loop->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
                       acceptor->listeners[i].source.fd, &e) == 0 &&
             ok;
    }
    return ok;
}

static void pause_accepting(ng_acceptor *acceptor)
{
    ng_loop *loop = &acceptor->loops[0];

    if (!acceptor->paused &&
        csvc__timer_set(&loop->base, &acceptor->pause, loop->now + PAUSE) == CSVC_OK) {
        acceptor->paused = true;
        (void)watch(acceptor, false);
    }
}

static void go_on(csvc_timer *timer)
{
    ng_acceptor *acceptor = NG_CONTAINER(timer, ng_acceptor, pause);

    acceptor->paused = false;
    if (!watch(acceptor, true)) {
        (void)watch(acceptor, false);
        pause_accepting(acceptor);
    }
}

static ng_loop *emptiest(ng_acceptor *acceptor)
{
    ng_loop *best = &acceptor->loops[0];

    for (uint32_t i = 1; i < acceptor->n_loops; i++) {
        if (atomic_load_explicit(&acceptor->loops[i].n_conns, memory_order_relaxed) <
            atomic_load_explicit(&best->n_conns, memory_order_relaxed)) {
            best = &acceptor->loops[i];
        }
    }
    return best;
}

static void deal(ng_acceptor *acceptor, int fd, const struct sockaddr_storage *from)
{
    char peer[CSVC__NET_PEER_SIZE];
    ng_loop *loop = emptiest(acceptor);
    ng_conn *conn = NULL;

    csvc__net_name_peer(from, peer);
    csvc__net_give_up_after(fd, acceptor->shared->times.silence_ms);
    conn = csvc__ng_conn_new(fd, peer);
    if (conn == NULL) {
        refused(acceptor, CSVC__NET_NO_MEMORY, "no memory");
        return;
    }
    (void)atomic_fetch_add(&acceptor->shared->n_conns, 1);
    csvc__ng_count(acceptor->shared, 1);
    (void)atomic_fetch_add(&loop->n_conns, 1);
    if (loop == &acceptor->loops[0]) {
        csvc__ng_conn_open(loop, conn);
        return;
    }
    csvc__ng_conn_hand_over(loop, conn);
}

static void accept_some(ng_source *source, uint32_t events)
{
    ng_acceptor *acceptor = NG_CONTAINER(source, ng_listener, source)->acceptor;
    const int listener = source->fd;

    (void)events;
    for (int i = 0; i < ACCEPTS && !acceptor->paused && !atomic_load(&acceptor->shared->draining);
         i++) {
        struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
        const char *why = "";
        int fd = -1;

        switch (csvc__net_accept(listener, &acceptor->reserve, &fd, &from, &why)) {
        case CSVC__NET_ACCEPTED:
            if (acceptor->shared->max_connections != 0 &&
                atomic_load(&acceptor->shared->n_conns) >= acceptor->shared->max_connections) {
                refused(acceptor, CSVC__NET_TOO_MANY, "there are as many as there may be");
                (void)close(fd);
            } else {
                deal(acceptor, fd, &from);
            }
            break;
        case CSVC__NET_GONE:
            break;
        case CSVC__NET_REFUSED:
            refused(acceptor, CSVC__NET_NO_DESCRIPTORS, why);
            break;
        case CSVC__NET_NONE:
            return;
        case CSVC__NET_WAIT:
            csvc__net_complain(&acceptor->complaints, "connections wait", why);
            pause_accepting(acceptor);
            return;
        }
    }
}

bool csvc__ng_accept_begin(ng_acceptor *acceptor, ng_loop *loops, uint32_t n_loops)
{
    acceptor->shared = loops[0].shared;
    acceptor->loops = loops;
    acceptor->n_loops = n_loops;
    for (size_t i = 0; i < acceptor->sockets.n; i++) {
        acceptor->listeners[i] = (ng_listener){{acceptor->sockets.fds[i], accept_some}, acceptor};
    }
    acceptor->pause.run = go_on;
    return watch(acceptor, true);
}

void csvc__ng_accept_end(ng_acceptor *acceptor)
{
    if (!acceptor->paused) {
        (void)watch(acceptor, false);
    }
    csvc__timer_stop(&acceptor->loops[0].base, &acceptor->pause);
    csvc__net_listeners_close(&acceptor->sockets);
}
