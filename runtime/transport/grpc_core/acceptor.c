/*
 * grpc_core/acceptor.c: connections accepted by us.
 *
 * One thread, one epoll set. A connection is watched until its first bytes, which are looked at
 * and left in the socket, are HTTP/2's preface with its SETTINGS, or can no longer become that:
 * then the core gets it, to serve or to refuse. From then on we hold a duplicate of its descriptor:
 * the core shuts a socket down before it closes it, and the duplicate hears of that as of a peer
 * that has gone (EPOLLHUP). So a connection costs two descriptors.
 */
#include <base/clock.h>
#include <base/thread.h>
#include <csvc/alloc.h>
#include <transport/grpc_core/acceptor.h>
#include <transport/grpc_core/core.h>
#include <transport/grpc_core/names.h>
#include <transport/grpc_core/resting.h>
#include <transport/net/accept.h>
#include <transport/net/listeners.h>
#include <transport/net/refusals.h>

#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/banned.h>

#define PREFACE     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define PREFACE_LEN (sizeof(PREFACE) - 1)
#define PAUSE       (100 * CSVC__MS) /* without a descriptor in reserve */

enum {
    EVENTS = 64,
    ACCEPTS = 64, /* in a row */
    FRAME_HEAD = 9,
    LOOKED_AT = 1024, /* bytes of a beginning */
};

/* First in what an epoll event points to. */
typedef enum kind {
    LISTENER,
    WAKER,
    BEGINNING, /* the core does not know it yet */
    SERVED,
} kind;

typedef struct source {
    kind kind;
    int fd;
} source;

typedef struct connection {
    source source; /* fd: its own, later the duplicate */
    int number;    /* of the descriptor that the core has got */
    int64_t due;   /* to begin */
    char name[CSVC__NET_PEER_SIZE];
    struct connection *next, *prev;
} connection;

struct gc_acceptor {
    gc_acceptor_config config;
    grpc_server_credentials *credentials;
    csvc__net_listeners listening;
    source listeners[CSVC__NET_LISTENERS];
    source waker;
    int epoll;
    csvc__net_reserve reserve;
    bool running;
    pthread_t thread;
    atomic_bool begun, stopping, ending;

    /* of the thread */
    bool paused;
    int64_t paused_until;
    uint32_t n_connections;
    connection *beginning, *last_beginning; /* by due */
    connection *served;
    gc_resting resting;
    csvc__net_complaints complaints;
    gc_names names;
};

/* ---- new ---- */

static bool watch(gc_acceptor *acc, source *s, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = s};

    return epoll_ctl(acc->epoll, EPOLL_CTL_ADD, s->fd, &e) == 0;
}

/* Closing alone would leave it in the set while the core's descriptor is open. */
static void close_source(gc_acceptor *acc, const source *s)
{
    struct epoll_event none = {0};

    (void)epoll_ctl(acc->epoll, EPOLL_CTL_DEL, s->fd, &none);
    (void)close(s->fd);
}

/* Out of descriptors: numbers that rest have some. */
static bool give_up_rest(void *arg)
{
    gc_acceptor *acc = arg;
    const bool some = acc->resting.n > 0;

    csvc__gc_resting_clear(&acc->resting, INT64_MAX);
    return some;
}

gc_acceptor *csvc__gc_acceptor_new(const gc_acceptor_config *config, csvc_error *err)
{
    gc_acceptor *acc = csvc__calloc(1, sizeof(*acc));

    if (acc == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    acc->config = *config;
    acc->paused = true; /* until it begins */
    csvc__gc_names_init(&acc->names);
    acc->epoll = epoll_create1(EPOLL_CLOEXEC);
    acc->waker = (source){WAKER, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    acc->resting.filler = acc->waker.fd;
    acc->reserve = (csvc__net_reserve){.fd = -1, .spare = give_up_rest, .arg = acc};
    acc->credentials = grpc_insecure_server_credentials_create();
    if (acc->epoll < 0 || acc->waker.fd < 0 || !csvc__net_reserve_fill(&acc->reserve) ||
        acc->credentials == NULL || !watch(acc, &acc->waker, EPOLLIN)) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "no descriptors to accept connections");
        csvc__gc_acceptor_free(acc);
        return NULL;
    }
    return acc;
}

csvc_code csvc__gc_acceptor_listen(gc_acceptor *acc, const char *address, int *ret_port,
                                   csvc_error *err)
{
    const size_t n = acc->listening.n;
    const csvc_code code = csvc__net_listeners_add(&acc->listening, address, ret_port, err);

    for (size_t i = n; code == CSVC_OK && i < acc->listening.n; i++) {
        acc->listeners[i] = (source){LISTENER, acc->listening.fds[i]};
    }
    return code;
}

/* ---- connections ---- */

static const char *const all_words[] = {CSVC__NET_TOO_MANY, CSVC__NET_NO_DESCRIPTORS,
                                        CSVC__NET_NO_MEMORY, CSVC__NET_TOO_SLOW, NULL};

static void count(gc_acceptor *acc, int change)
{
    acc->n_connections += (uint32_t)change;
    if (acc->config.events->connection != NULL) {
        acc->config.events->connection(acc->config.server, change);
    }
}

static void count_refused(gc_acceptor *acc, const char *word)
{
    if (acc->config.events->refused != NULL) {
        acc->config.events->refused(acc->config.server, word);
    }
}

static void refused(gc_acceptor *acc, const char *word, const char *why)
{
    count_refused(acc, word);
    csvc__net_complain(&acc->complaints, "a connection was refused", why);
}

static void link_last(gc_acceptor *acc, connection *c)
{
    c->next = NULL;
    c->prev = acc->last_beginning;
    if (c->prev != NULL) {
        c->prev->next = c;
    } else {
        acc->beginning = c;
    }
    acc->last_beginning = c;
}

static void unlink_beginning(gc_acceptor *acc, connection *c)
{
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        acc->beginning = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    } else {
        acc->last_beginning = c->prev;
    }
}

/* Ends what the core does not know. */
static void drop(gc_acceptor *acc, connection *c)
{
    unlink_beginning(acc, c);
    close_source(acc, &c->source);
    count(acc, -1);
    csvc__free(c);
}

/* The core has closed a connection, or the peer has reset it. */
static void over(gc_acceptor *acc, connection *c)
{
    csvc__gc_names_ended(&acc->names, c->number, csvc__now());
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        acc->served = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    close_source(acc, &c->source);
    count(acc, -1);
    csvc__free(c);
}

static int duplicate(gc_acceptor *acc, int fd)
{
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    return copy < 0 && give_up_rest(acc) ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : copy;
}

static void hand_over(gc_acceptor *acc, connection *c)
{
    const int fd = c->source.fd;
    const int copy = duplicate(acc, fd);
    struct epoll_event none = {0};

    if (copy < 0 || !csvc__gc_names_add(&acc->names, fd, c->name)) {
        refused(acc, copy < 0 ? CSVC__NET_NO_DESCRIPTORS : CSVC__NET_NO_MEMORY,
                copy < 0 ? "out of descriptors" : "no memory");
        if (copy >= 0) {
            (void)close(copy);
        }
        drop(acc, c);
        return;
    }
    (void)epoll_ctl(acc->epoll, EPOLL_CTL_DEL, fd, &none);
    unlink_beginning(acc, c);
    c->source = (source){SERVED, copy};
    c->number = fd;
    c->prev = NULL;
    c->next = acc->served;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    acc->served = c;
    if (!watch(acc, &c->source, EPOLLET)) {
        refused(acc, CSVC__NET_NO_MEMORY, "no memory");
        (void)close(fd);
        over(acc, c);
        return;
    }
    grpc_server_add_channel_from_fd(acc->config.core, fd, acc->credentials);
}

/* Whether the bytes are a whole beginning, or never become one. */
static bool has_begun(const uint8_t *bytes, size_t len)
{
    size_t settings;

    if (memcmp(bytes, PREFACE, len < PREFACE_LEN ? len : PREFACE_LEN) != 0) {
        return true; /* the core knows what to say to that */
    }
    if (len < PREFACE_LEN + FRAME_HEAD) {
        return false;
    }
    settings = (size_t)bytes[PREFACE_LEN] << 16 | (size_t)bytes[PREFACE_LEN + 1] << 8 |
               bytes[PREFACE_LEN + 2];
    return bytes[PREFACE_LEN + 3] != 4 || len >= LOOKED_AT ||
           len >= PREFACE_LEN + FRAME_HEAD + settings;
}

/* `no_more`: the peer sends nothing behind what is there. */
static void look(gc_acceptor *acc, connection *c, bool no_more)
{
    uint8_t bytes[LOOKED_AT];
    const ssize_t got = recv(c->source.fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);

    if (got > 0 && has_begun(bytes, (size_t)got)) {
        hand_over(acc, c);
    } else if (no_more || got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        drop(acc, c);
    }
}

/* ---- accepting ---- */

static void begin(gc_acceptor *acc, int fd, const struct sockaddr_storage *from)
{
    connection *c = csvc__calloc(1, sizeof(*c));

    if (c == NULL) {
        refused(acc, CSVC__NET_NO_MEMORY, "no memory");
        (void)close(fd);
        return;
    }
    csvc__net_give_up_after(fd, acc->config.silence_ms);
    c->source = (source){BEGINNING, csvc__gc_rested(&acc->resting, &acc->names, fd)};
    c->due = acc->config.handshake_ms < 0 ? INT64_MAX
                                          : csvc__now() + acc->config.handshake_ms * CSVC__MS;
    csvc__net_name_peer(from, c->name);
    count(acc, 1);
    link_last(acc, c);
    if (!watch(acc, &c->source, EPOLLIN | EPOLLRDHUP | EPOLLET)) {
        refused(acc, CSVC__NET_NO_MEMORY, "no memory");
        drop(acc, c);
        return;
    }
    look(acc, c, false);
}

static void pause_listening(gc_acceptor *acc)
{
    struct epoll_event none = {0};

    for (size_t i = 0; i < acc->listening.n && !acc->paused; i++) {
        (void)epoll_ctl(acc->epoll, EPOLL_CTL_DEL, acc->listeners[i].fd, &none);
    }
    acc->paused = true;
    acc->paused_until = csvc__now() + PAUSE;
}

static void resume_listening(gc_acceptor *acc)
{
    bool ok = true;

    acc->paused = false;
    for (size_t i = 0; i < acc->listening.n && ok; i++) {
        ok = watch(acc, &acc->listeners[i], EPOLLIN);
    }
    if (!ok) {
        pause_listening(acc);
    }
}

/* One that is there, if there may be one more. */
static void take(gc_acceptor *acc, int fd, const struct sockaddr_storage *from)
{
    if (acc->config.max_connections != 0 && acc->n_connections >= acc->config.max_connections) {
        refused(acc, CSVC__NET_TOO_MANY, "there are as many as there may be");
        (void)close(fd);
    } else {
        begin(acc, fd, from);
    }
}

static void accept_some(gc_acceptor *acc, int listener)
{
    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage from;
        const char *why = NULL;
        int fd = -1;

        switch (csvc__net_accept(listener, &acc->reserve, &fd, &from, &why)) {
        case CSVC__NET_ACCEPTED:
            take(acc, fd, &from);
            break;
        case CSVC__NET_GONE:
            break;
        case CSVC__NET_REFUSED:
            refused(acc, CSVC__NET_NO_DESCRIPTORS, why);
            break;
        case CSVC__NET_NONE:
            return;
        case CSVC__NET_WAIT:
            csvc__net_complain(&acc->complaints, "connections wait", why);
            pause_listening(acc);
            return;
        }
    }
}

/* ---- the thread ---- */

/* Does what is due; returns how long to wait, in milliseconds. */
static int do_due(gc_acceptor *acc)
{
    const int64_t now = csvc__now();
    int64_t next;

    while (acc->beginning != NULL && acc->beginning->due <= now) {
        count_refused(acc, CSVC__NET_TOO_SLOW);
        drop(acc, acc->beginning);
    }
    csvc__gc_resting_clear(&acc->resting, now);
    (void)csvc__net_reserve_fill(&acc->reserve);
    if (acc->paused && acc->paused_until <= now && atomic_load(&acc->begun)) {
        resume_listening(acc);
    }
    next = csvc__gc_resting_due(&acc->resting);
    if (acc->beginning != NULL && acc->beginning->due < next) {
        next = acc->beginning->due;
    }
    if (acc->paused && acc->paused_until < next && atomic_load(&acc->begun)) {
        next = acc->paused_until;
    }
    if (next == INT64_MAX) {
        return -1;
    }
    next = (next - now) / CSVC__MS + 1;
    return next < INT32_MAX ? (int)next : INT32_MAX;
}

static void forget_wakes(const gc_acceptor *acc)
{
    uint64_t n = 0;

    while (read(acc->waker.fd, &n, sizeof(n)) > 0) {
    }
}

static void wake(const gc_acceptor *acc)
{
    const uint64_t one = 1;

    while (write(acc->waker.fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

static void happened(gc_acceptor *acc, const struct epoll_event *e)
{
    source *s = e->data.ptr;

    switch (s->kind) {
    case LISTENER:
        accept_some(acc, s->fd);
        break;
    case WAKER:
        forget_wakes(acc);
        break;
    case BEGINNING:
        look(acc, (connection *)(void *)s, (e->events & (EPOLLRDHUP | EPOLLHUP)) != 0);
        break;
    case SERVED:
        if ((e->events & EPOLLHUP) != 0) {
            over(acc, (connection *)(void *)s);
        }
        break;
    }
}

static void stop_listening(gc_acceptor *acc)
{
    pause_listening(acc); /* out of the set first: others may share the sockets */
    csvc__net_listeners_close(&acc->listening);
    while (acc->beginning != NULL) {
        drop(acc, acc->beginning);
    }
}

static void *run(void *arg)
{
    gc_acceptor *acc = arg;
    struct epoll_event events[EVENTS];
    bool listens = true;

    csvc__thread_name("csvc-accept");
    while (!atomic_load(&acc->ending)) {
        const int n = epoll_wait(acc->epoll, events, EVENTS, do_due(acc));

        /* each connection is in at most one of them, and only its own event frees it */
        for (int i = 0; i < n; i++) {
            happened(acc, &events[i]);
        }
        if (listens && atomic_load(&acc->stopping)) {
            stop_listening(acc);
            listens = false;
        }
    }
    stop_listening(acc);
    while (acc->served != NULL) {
        over(acc, acc->served);
    }
    csvc__gc_resting_clear(&acc->resting, INT64_MAX);
    return NULL;
}

int csvc__gc_acceptor_start(gc_acceptor *acc)
{
    int rc = 0;

    if (!acc->running) {
        rc = csvc__thread_start(&acc->thread, NULL, run, acc);
        acc->running = rc == 0;
    }
    return rc;
}

void csvc__gc_acceptor_begin(gc_acceptor *acc)
{
    if (acc->config.events->counts != NULL) {
        acc->config.events->counts(acc->config.server, all_words);
    }
    atomic_store(&acc->begun, true);
    wake(acc);
}

void csvc__gc_acceptor_stop(gc_acceptor *acc)
{
    atomic_store(&acc->stopping, true);
    wake(acc);
}

void csvc__gc_acceptor_free(gc_acceptor *acc)
{
    if (acc == NULL) {
        return;
    }
    if (acc->running) {
        atomic_store(&acc->ending, true);
        wake(acc);
        (void)pthread_join(acc->thread, NULL);
    }
    csvc__net_listeners_close(&acc->listening);
    if (acc->epoll >= 0) {
        (void)close(acc->epoll);
    }
    if (acc->waker.fd >= 0) {
        (void)close(acc->waker.fd);
    }
    csvc__net_reserve_release(&acc->reserve);
    if (acc->credentials != NULL) {
        grpc_server_credentials_release(acc->credentials);
    }
    csvc__gc_names_release(&acc->names);
    csvc__free(acc);
}

/* ---- names ---- */

bool csvc__gc_acceptor_peer(gc_acceptor *acc, const char *uri, uint64_t when,
                            char ret_name[CSVC__NET_PEER_SIZE])
{
    return csvc__gc_names_find(&acc->names, uri, when, ret_name);
}

uint64_t csvc__gc_acceptor_now(const gc_acceptor *acc)
{
    return atomic_load_explicit(&acc->names.now, memory_order_relaxed);
}
