/*
 * bench/bare_nghttp2_server.c: peers/calc.proto straight on libnghttp2.
 *
 *     bare_nghttp2_server [--port N]
 *
 * The floor: what HTTP/2 by libnghttp2 costs when nothing stands above it. One thread, one epoll;
 * one read and one write a turn of a connection; gRPC's framing by hand, no deadlines, no metadata,
 * no limits but those of the library, and the hand-written codec of sum_codec.h. Prints
 * "listening PORT"; serves until it is killed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sum_codec.h"

enum {
    PREFIX = 5,
    NEWS_TEXT = 100,
    MAX_NEWS = PREFIX + NEWS_TEXT + 16,
    MAX_REPLY = PREFIX + SUM_REPLY_MAX,
    MAX_REQUEST = 32,
    IN = 128 * 1024,
    OUT = 256 * 1024,
    ENOUGH = OUT - 32 * 1024, /* a frame more fits */
    WINDOW = 1 << 20,
    STREAMS = 1000
};

typedef enum kind {
    UNKNOWN,
    SUM,
    COUNT,
    ADD,
    ECHO,
    WATCH,
    PUBLISH
} kind;

typedef struct connection connection;

typedef struct stream {
    struct stream *next, **at; /* of its connection's, or of those to use again */
    struct stream *next_watcher, **at_watcher;
    connection *connection;
    int32_t id;
    kind kind;
    bool asleep, ended; /* the body waits for more; nothing more will come */
    uint8_t in[PREFIX + MAX_REQUEST];
    size_t in_len;
    uint32_t sum;       /* add */
    int32_t sent, last; /* count */
    uint8_t *out;       /* framed, not sent yet: of `small`, or of its own memory */
    size_t out_len, out_size;
    uint8_t small[MAX_NEWS];
} stream;

struct connection {
    connection *next_dirty;
    nghttp2_session *session;
    stream *streams;
    int fd;
    bool dirty, waits; /* has something to write; the socket has no room */
    uint8_t *unsent;
    size_t n_unsent;
};

static int epoll;
static stream *spare, *watchers;
static connection *dirty;
static uint8_t in[IN], out[OUT];

static void die(const char *why)
{
    fprintf(stderr, "bare_nghttp2_server: %s\n", why);
    exit(1);
}

/* ---- messages ---- */

static size_t put_prefix(uint8_t *to, size_t len)
{
    to[0] = to[1] = to[2] = 0;
    to[3] = (uint8_t)(len >> 8);
    to[4] = (uint8_t)len;
    return PREFIX + len;
}

static size_t put_sum(uint8_t *to, int32_t sum)
{
    return put_prefix(to, sum_encode(sum, to + PREFIX));
}

static size_t put_news(uint8_t *to, uint32_t number, size_t text)
{
    size_t n = PREFIX;

    if (number != 0) {
        to[n++] = 0x08;
        for (; number >= 0x80; number >>= 7) {
            to[n++] = (uint8_t)(number | 0x80);
        }
        to[n++] = (uint8_t)number;
    }
    if (text != 0) {
        to[n++] = 0x12;
        to[n++] = (uint8_t)text;
        memset(to + n, 'n', text);
        n += text;
    }
    return put_prefix(to, n - PREFIX);
}

/* ---- streams ---- */

static stream *new_stream(connection *c, int32_t id)
{
    stream *s = spare;

    if (s != NULL) {
        spare = s->next;
    } else {
        s = malloc(sizeof(*s));
        if (s == NULL) {
            die("out of memory");
        }
        s->out = s->small;
        s->out_size = sizeof(s->small);
    }
    s->at = &c->streams;
    s->next = c->streams;
    if (s->next != NULL) {
        s->next->at = &s->next;
    }
    c->streams = s;
    s->at_watcher = NULL;
    s->connection = c;
    s->id = id;
    s->kind = UNKNOWN;
    s->asleep = s->ended = false;
    s->in_len = s->out_len = 0;
    s->sum = 0;
    s->sent = s->last = 0;
    return s;
}

static void free_stream(stream *s)
{
    *s->at = s->next;
    if (s->next != NULL) {
        s->next->at = s->at;
    }
    if (s->at_watcher != NULL) {
        *s->at_watcher = s->next_watcher;
        if (s->next_watcher != NULL) {
            s->next_watcher->at_watcher = s->at_watcher;
        }
    }
    s->next = spare;
    spare = s;
}

/* Room for a message of a stream's. */
static uint8_t *room(stream *s, size_t len)
{
    if (s->out_size - s->out_len < len) {
        const size_t size = 2 * s->out_size + len;
        uint8_t *bigger = realloc(s->out == s->small ? NULL : s->out, size);

        if (bigger == NULL) {
            die("out of memory");
        }
        if (s->out == s->small) {
            memcpy(bigger, s->small, s->out_len);
        }
        s->out = bigger;
        s->out_size = size;
    }
    return s->out + s->out_len;
}

/* What was put into a stream's room is to be sent. */
static void wake(stream *s)
{
    connection *c = s->connection;

    if (s->asleep) {
        s->asleep = false;
        (void)nghttp2_session_resume_data(c->session, s->id);
    }
    if (!c->dirty) {
        c->dirty = true;
        c->next_dirty = dirty;
        dirty = c;
    }
}

/* ---- replies ---- */

/* Names and values are not copied: they are literals. */
#define NV(name, value)                                                                            \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,             \
            sizeof(value) - 1, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE        \
    }

static ssize_t read_reply(nghttp2_session *session, int32_t id, uint8_t *to, size_t size,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    static const nghttp2_nv trailers[] = {NV("grpc-status", "0")};
    stream *s = source->ptr;
    size_t n = 0;

    (void)user;
    if (s->kind == COUNT) {
        while (s->sent < s->last && size - n >= MAX_REPLY) {
            n += put_sum(to + n, ++s->sent);
        }
        s->ended = s->sent == s->last;
    } else {
        n = s->out_len < size ? s->out_len : size;
        memcpy(to, s->out, n);
        s->out_len -= n;
        if (s->out_len > 0) {
            memmove(s->out, s->out + n, s->out_len);
        }
    }
    if (s->ended && s->out_len == 0) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(session, id, trailers, 1) != 0) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    } else if (n == 0) {
        s->asleep = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)n;
}

static void answer(stream *s)
{
    static const nghttp2_nv headers[] = {NV(":status", "200"),
                                         NV("content-type", "application/grpc")};
    const nghttp2_data_provider body = {.source.ptr = s, .read_callback = read_reply};

    if (nghttp2_submit_response(s->connection->session, s->id, headers, 2, &body) != 0) {
        die("no reply");
    }
}

static void publish(stream *s, int32_t number)
{
    uint8_t news[MAX_NEWS];
    const size_t len = put_news(news, (uint32_t)number, NEWS_TEXT);
    int32_t told = 0;

    for (stream *w = watchers; w != NULL; w = w->next_watcher, told++) {
        memcpy(room(w, len), news, len);
        w->out_len += len;
        wake(w);
    }
    s->out_len = put_sum(s->out, told);
}

static void got_request(stream *s, int32_t a, int32_t b)
{
    switch (s->kind) {
    case SUM:
        s->out_len = put_sum(s->out, (int32_t)((uint32_t)a + (uint32_t)b));
        break;
    case COUNT:
        s->last = a;
        break;
    case ADD:
        s->sum += (uint32_t)a + (uint32_t)b;
        break;
    case ECHO:
        s->out_len += put_sum(room(s, MAX_REPLY), (int32_t)((uint32_t)a + (uint32_t)b));
        wake(s);
        break;
    case WATCH:
        s->out_len = put_news(s->out, 0, 0);
        s->at_watcher = &watchers;
        s->next_watcher = watchers;
        if (watchers != NULL) {
            watchers->at_watcher = &s->next_watcher;
        }
        watchers = s;
        break;
    case PUBLISH:
        publish(s, a);
        break;
    default:
        break;
    }
}

/* ---- what comes ---- */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    connection *c = user;
    const int32_t id = frame->hd.stream_id;

    return nghttp2_session_set_stream_user_data(session, id, new_stream(c, id));
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *user)
{
    static const struct {
        const char *path;
        size_t len;
        kind kind;
    } paths[] = {
        {"/bench.Calc/Sum", 15, SUM},     {"/bench.Calc/Add", 15, ADD},
        {"/bench.Calc/Count", 17, COUNT}, {"/bench.Calc/Echo", 16, ECHO},
        {"/bench.Calc/Watch", 17, WATCH}, {"/bench.Calc/Publish", 19, PUBLISH},
    };

    (void)flags;
    (void)user;
    if (name_len == 5 && memcmp(name, ":path", 5) == 0) {
        stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
            if (len == paths[i].len && memcmp(value, paths[i].path, len) == 0) {
                s->kind = paths[i].kind;
                break;
            }
        }
    }
    return 0;
}

static size_t message_len(const uint8_t *prefix)
{
    return (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 | prefix[4];
}

/* Whole messages where they lie; what is left of one is kept. */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *user)
{
    stream *s = nghttp2_session_get_stream_user_data(session, id);
    int32_t a, b;

    (void)flags;
    (void)user;
    while (len > 0) {
        if (s->in_len == 0 && len >= PREFIX && len >= PREFIX + message_len(data)) {
            const size_t n = message_len(data);

            if (!sum_decode(data + PREFIX, n, &a, &b)) {
                die("that was no request");
            }
            got_request(s, a, b);
            data += PREFIX + n;
            len -= PREFIX + n;
            continue;
        }
        s->in[s->in_len++] = *data++;
        len--;
        if (s->in_len < PREFIX) {
            continue;
        }
        if (message_len(s->in) > MAX_REQUEST) {
            die("that request is too long");
        }
        if (s->in_len == PREFIX + message_len(s->in)) {
            if (!sum_decode(s->in + PREFIX, s->in_len - PREFIX, &a, &b)) {
                die("that was no request");
            }
            got_request(s, a, b);
            s->in_len = 0;
        }
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    stream *s;

    (void)user;
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s == NULL) {
        return 0;
    }
    if (frame->hd.type == NGHTTP2_HEADERS && s->kind == ECHO) {
        answer(s); /* before there is anything to say */
    }
    if (last) {
        s->ended = s->kind != WATCH;
        if (s->kind == ADD) {
            s->out_len = put_sum(s->out, (int32_t)s->sum);
        }
        if (s->kind == ECHO) {
            wake(s);
        } else {
            answer(s);
        }
    }
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    stream *s = nghttp2_session_get_stream_user_data(session, id);

    (void)code;
    (void)user;
    if (s != NULL) {
        free_stream(s);
    }
    return 0;
}

/* ---- connections ---- */

static void watch_socket(connection *c, int op)
{
    struct epoll_event event = {.events = EPOLLIN | (c->waits ? (unsigned)EPOLLOUT : 0),
                                .data.ptr = c};

    if (epoll_ctl(epoll, op, c->fd, &event) != 0) {
        die("epoll");
    }
}

static void close_connection(connection *c)
{
    for (connection **at = &dirty; *at != NULL; at = &(*at)->next_dirty) {
        if (*at == c) {
            *at = c->next_dirty;
            break;
        }
    }
    while (c->streams != NULL) {
        free_stream(c->streams);
    }
    nghttp2_session_del(c->session);
    (void)close(c->fd);
    free(c->unsent);
    free(c);
}

static void set_waits(connection *c, bool waits)
{
    if (c->waits != waits) {
        c->waits = waits;
        watch_socket(c, EPOLL_CTL_MOD);
    }
}

/* False: the connection is gone. */
static bool flush(connection *c)
{
    for (;;) {
        const uint8_t *from = c->unsent != NULL ? c->unsent : out;
        size_t len = c->n_unsent, sent = 0;

        while (c->unsent == NULL && len < ENOUGH) {
            const uint8_t *frame;
            const ssize_t n = nghttp2_session_mem_send(c->session, &frame);

            if (n < 0) {
                return false;
            }
            if (n == 0) {
                break;
            }
            memcpy(out + len, frame, (size_t)n);
            len += (size_t)n;
        }
        while (sent < len) {
            const ssize_t n = send(c->fd, from + sent, len - sent, MSG_NOSIGNAL);

            if (n < 0 && errno == EAGAIN) {
                break;
            }
            if (n < 0) {
                return false;
            }
            sent += (size_t)n;
        }
        if (sent < len) {
            uint8_t *left = malloc(len - sent);

            if (left == NULL) {
                die("out of memory");
            }
            memcpy(left, from + sent, len - sent);
            free(c->unsent);
            c->unsent = left;
            c->n_unsent = len - sent;
            set_waits(c, true);
            return true;
        }
        if (c->unsent == NULL && len < ENOUGH) {
            set_waits(c, false);
            return nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session);
        }
        free(c->unsent);
        c->unsent = NULL;
        c->n_unsent = 0;
    }
}

/* False: the connection is gone. */
static bool receive(connection *c)
{
    const ssize_t n = recv(c->fd, in, sizeof(in), 0);

    if (n < 0 && errno == EAGAIN) {
        return true;
    }
    return n > 0 && nghttp2_session_mem_recv(c->session, in, (size_t)n) == n;
}

static void accept_all(int listener, const nghttp2_session_callbacks *callbacks,
                       const nghttp2_option *option)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
    };
    int fd;

    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        connection *c = calloc(1, sizeof(*c));
        int one = 1;

        if (c == NULL) {
            die("out of memory");
        }
        c->fd = fd;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        (void)fcntl(fd, F_SETFL, O_NONBLOCK);
        if (nghttp2_session_server_new2(&c->session, callbacks, c, option) != 0 ||
            nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 2) != 0 ||
            nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, WINDOW) != 0) {
            die("no session");
        }
        watch_socket(c, EPOLL_CTL_ADD);
        if (!flush(c)) {
            close_connection(c);
        }
    }
}

static int listen_on(uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof(address);
    int one = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 4096) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("cannot listen");
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int main(int argc, char **argv)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    struct epoll_event events[64];
    uint16_t port = 0;
    int listener;

    if (argc == 3 && strcmp(argv[1], "--port") == 0) {
        port = (uint16_t)strtol(argv[2], NULL, 10);
    } else if (argc != 1) {
        die("usage: bare_nghttp2_server [--port N]");
    }
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) {
        die("out of memory");
    }
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    epoll = epoll_create1(0);
    listener = listen_on(port, &port);
    printf("listening %d\n", port);
    fflush(stdout);
    for (;;) {
        const int n = epoll_wait(epoll, events, 64, -1);

        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;

            if (c == NULL) {
                accept_all(listener, callbacks, option);
            } else if ((events[i].events & ~(unsigned)EPOLLOUT) != 0 && !receive(c)) {
                close_connection(c);
            } else if (!flush(c)) {
                close_connection(c);
            }
        }
        while (dirty != NULL) {
            connection *c = dirty;

            dirty = c->next_dirty;
            c->dirty = false;
            if (!c->waits && !flush(c)) {
                close_connection(c);
            }
        }
    }
}
