/*
 * bench/stream_load.c: the client of the stream benchmarks, for servers of every make.
 *
 *     stream_load --port N --mode count|add|echo|watch [--connections N] [--streams N]
 *                 [--messages N]
 *
 * HTTP/2 frames by libnghttp2 and no message library at all, so that it is faster than what it
 * measures. `messages` are those of one stream, and `streams` those of one connection. It checks
 * what comes back (how many messages, their last value, the status) and fails when that is wrong.
 * Prints "SECONDS MESSAGES", in echo mode "P50 P99" behind it: microseconds from a request to its
 * reply. In watch mode it prints "open" once every stream has its first message, waits for a line
 * of input, and publishes `messages` times, each time when everybody has the one before.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    REQUEST = 9, /* a framed SumRequest {a: 3, b: 4} */
    SUM = 7,
    PATTERN = 2048, /* of them, one behind the other */
    OUT = 128 * 1024,
    MAX_KEPT = 16, /* bytes of a message that are looked at */
    MAX_CONNECTIONS = 1000,
    WINDOW = 64 << 20,
    STALLED_MS = 120000, /* uploads are silent, and callgrind is slow on a busy machine */
};

typedef enum mode {
    COUNT,
    ADD,
    ECHO,
    WATCH
} mode;

typedef struct stream {
    uint8_t body[16]; /* of those that send one message */
    size_t body_len;
    uint64_t left; /* bytes to send */
    uint64_t at;
    uint64_t received; /* messages */
    uint8_t head[5];
    size_t head_len;
    uint32_t message_left, message_len;
    uint8_t kept[MAX_KEPT];
    bool publishes;
    bool replied; /* echo: the last message has been answered */
    double asked; /* echo: when */
} stream;

typedef struct connection {
    int fd;
    nghttp2_session *session;
    uint8_t out[OUT];
    size_t out_len, out_at;
    bool waits; /* for room in the socket */
    stream *streams;
} connection;

static mode what;
static long n_connections = 1;
static long n_streams = 1;
static uint64_t n_messages = 1;
static connection *connections[MAX_CONNECTIONS];
static uint8_t pattern[PATTERN * REQUEST];
static uint64_t n_received; /* messages, of all streams */
static uint64_t n_open;     /* calls that have not ended; those that watch do not */
static stream publisher;
static bool stopping;
static float *delays; /* echo: seconds, of each message */

static void die(const char *why)
{
    fprintf(stderr, "stream_load: %s\n", why);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- what is sent ---- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    stream *s = source->ptr;
    size_t n = s->left < size ? (size_t)s->left : size;

    (void)session;
    (void)id;
    (void)user;
    if (n == 0 && !s->replied) {
        return NGHTTP2_ERR_DEFERRED;
    }
    if (s->body_len > 0) {
        memcpy(to, s->body + s->at, n);
    } else {
        if (n > sizeof(pattern) - REQUEST) {
            n = sizeof(pattern) - REQUEST;
        }
        memcpy(to, pattern + s->at % REQUEST, n);
    }
    s->at += n;
    s->left -= n;
    if (s->left == 0 && (what != ECHO || s->publishes || s->replied)) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

/* One message {a: n}. */
static void set_body(stream *s, uint64_t n)
{
    size_t len = 0;

    s->body[5] = 0x08;
    do {
        s->body[6 + len] = (uint8_t)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
        len++;
        n >>= 7;
    } while (n > 0);
    s->body[4] = (uint8_t)(1 + len);
    s->body_len = 6 + len;
    s->left = s->body_len;
}

static void open_stream(connection *c, stream *s, const char *path)
{
#define NV(name, value, len)                                                                       \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name), (len), 0        \
    }
    const nghttp2_nv headers[] = {
        NV(":method", "POST", 4),
        NV(":scheme", "http", 4),
        NV(":path", path, strlen(path)),
        NV(":authority", "bench", 5),
        NV("content-type", "application/grpc", 16),
        NV("te", "trailers", 8),
    };
    const nghttp2_data_provider body = {.source.ptr = s, .read_callback = read_body};

    if (nghttp2_submit_request(c->session, NULL, headers, sizeof(headers) / sizeof(headers[0]),
                               &body, s) < 0) {
        die("no stream");
    }
}

/* ---- what comes ---- */

static uint64_t varint_at(const uint8_t *at)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7, at++) {
        value |= (uint64_t)(*at & 0x7f) << shift;
        if (*at < 0x80) {
            break;
        }
    }
    return value;
}

static void got_message(connection *c, stream *s, int32_t id)
{
    s->received++;
    n_received += !s->publishes;
    if (what == ECHO) {
        const double at = now();

        if (s->received > n_messages) {
            die("more messages than there should be");
        }
        delays[n_received - 1] = (float)(at - s->asked);
        s->asked = at;
        if (s->received < n_messages) {
            s->left = REQUEST;
        } else {
            s->replied = true;
        }
        (void)nghttp2_session_resume_data(c->session, id);
    }
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *user)
{
    connection *c = user;
    stream *s = nghttp2_session_get_stream_user_data(session, id);

    (void)flags;
    while (len > 0) {
        size_t n;

        if (s->head_len < sizeof(s->head)) {
            s->head[s->head_len++] = *data++;
            len--;
            if (s->head_len < sizeof(s->head)) {
                continue;
            }
            s->message_len = s->message_left = (uint32_t)s->head[1] << 24 |
                                               (uint32_t)s->head[2] << 16 |
                                               (uint32_t)s->head[3] << 8 | s->head[4];
        }
        n = s->message_left < len ? s->message_left : len;
        if (s->message_len <= MAX_KEPT) {
            memcpy(s->kept + s->message_len - s->message_left, data, n);
        }
        s->message_left -= (uint32_t)n;
        data += n;
        len -= n;
        if (s->message_left == 0) {
            s->head_len = 0;
            got_message(c, s, id);
        }
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    (void)session;
    (void)frame;
    (void)flags;
    (void)user;
    if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0 &&
        (value_len != 1 || *value != '0')) {
        die("a call ended with another status than 0");
    }
    return 0;
}

static void check(const stream *s)
{
    const uint64_t messages = what == ADD || s->publishes ? 1 : n_messages;
    const uint64_t value = what == COUNT  ? n_messages
                           : what == ADD  ? (uint32_t)(n_messages * SUM)
                           : what == ECHO ? SUM
                                          : (uint64_t)(n_connections * n_streams);

    if (s->received != messages) {
        die("not as many messages as there should be");
    }
    /* of a 32-bit sum: a negative one has ten bytes */
    if (s->message_len < 2 || (uint32_t)varint_at(s->kept + 1) != (uint32_t)value) {
        die("the last message says something else");
    }
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    stream *s = nghttp2_session_get_stream_user_data(session, id);

    (void)user;
    if (stopping) {
        return 0;
    }
    if (code != 0 || (what == WATCH && !s->publishes)) {
        die("a stream was reset");
    }
    check(s);
    n_open--;
    return 0;
}

/* ---- connections ---- */

static void flush(connection *c)
{
    for (;;) {
        const uint8_t *data;
        ssize_t n;

        while (c->out_at < c->out_len) {
            n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN) {
                c->waits = true;
                return;
            }
            if (n < 0) {
                die("the connection broke");
            }
            c->out_at += (size_t)n;
        }
        c->out_len = c->out_at = 0;
        while (c->out_len < OUT / 2) { /* a frame has 16 KiB at most */
            n = nghttp2_session_mem_send(c->session, &data);
            if (n < 0) {
                die("nghttp2 cannot send");
            }
            if (n == 0) {
                break;
            }
            memcpy(c->out + c->out_len, data, (size_t)n);
            c->out_len += (size_t)n;
        }
        if (c->out_len == 0) {
            c->waits = false;
            return;
        }
    }
}

static void receive(connection *c)
{
    static uint8_t in[256 * 1024];
    const ssize_t n = recv(c->fd, in, sizeof(in), 0);

    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0 || nghttp2_session_mem_recv(c->session, in, (size_t)n) != n) {
        die("the connection ended");
    }
}

static connection *connect_to(uint16_t port, const nghttp2_session_callbacks *callbacks)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    connection *c = calloc(1, sizeof(*c));
    int one = 1;

    if (c == NULL) {
        die("out of memory");
    }
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        die("cannot connect");
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
    if (nghttp2_session_client_new(&c->session, callbacks, c) != 0 ||
        nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 2) != 0 ||
        nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, WINDOW) != 0) {
        die("no session");
    }
    return c;
}

static void watch_socket(int epoll, connection *c, int op)
{
    struct epoll_event event = {.events = EPOLLIN | (c->waits ? (unsigned)EPOLLOUT : 0),
                                .data.ptr = c};

    if (epoll_ctl(epoll, op, c->fd, &event) != 0) {
        die("epoll");
    }
}

/* Whether it is flow control that holds the first stream. */
static void say_stalled(void)
{
    nghttp2_session *session = connections[0]->session;

    fprintf(stderr,
            "stream 1: %llu bytes not sent, its window %d, the connection's %d, initial %u\n",
            (unsigned long long)connections[0]->streams[0].left,
            (int)nghttp2_session_get_stream_remote_window_size(session, 1),
            (int)nghttp2_session_get_remote_window_size(session),
            (unsigned)nghttp2_session_get_remote_settings(session,
                                                          NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE));
}

/* Serves the connections until as many messages have come and all calls that end have ended. */
static void run(int epoll, uint64_t until)
{
    struct epoll_event events[64];

    while (n_received < until || n_open > 0) {
        const int n = epoll_wait(epoll, events, 64, STALLED_MS);

        if (n == 0) {
            say_stalled();
            die("nothing has come for a while");
        }
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            const bool waited = c->waits;

            if ((events[i].events & ~(unsigned)EPOLLOUT) != 0) {
                receive(c);
            }
            flush(c);
            if (c->waits != waited) {
                watch_socket(epoll, c, EPOLL_CTL_MOD);
            }
        }
    }
}

static void open_all(int epoll)
{
    static const char *const paths[] = {"/bench.Calc/Count", "/bench.Calc/Add", "/bench.Calc/Echo",
                                        "/bench.Calc/Watch"};

    for (long i = 0; i < n_connections; i++) {
        connection *c = connections[i];

        c->streams = calloc((size_t)n_streams, sizeof(stream));
        if (c->streams == NULL) {
            die("out of memory");
        }
        for (long k = 0; k < n_streams; k++) {
            stream *s = &c->streams[k];

            if (what == COUNT || what == WATCH) {
                set_body(s, n_messages);
            } else {
                s->left = what == ADD ? n_messages * REQUEST : REQUEST;
            }
            s->asked = now();
            open_stream(c, s, paths[what]);
            n_open += what != WATCH;
        }
        flush(c);
        watch_socket(epoll, c, EPOLL_CTL_ADD);
    }
}

/* Those who watch have their first message; then round after round. Returns when it began. */
static double publish_all(int epoll)
{
    const uint64_t all = (uint64_t)(n_connections * n_streams);
    double began;

    run(epoll, all);
    printf("open\n");
    fflush(stdout);
    if (getchar() == EOF) {
        die("nobody has said go");
    }
    began = now();
    for (uint64_t i = 0; i < n_messages; i++) {
        publisher = (stream){.publishes = true};
        set_body(&publisher, i + 1);
        n_open = 1;
        n_received = 0;
        open_stream(connections[0], &publisher, "/bench.Calc/Publish");
        flush(connections[0]);
        run(epoll, all);
    }
    return began;
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void print_delays(size_t n)
{
    qsort(delays, n, sizeof(*delays), compare);
    printf(" %.1f %.1f", (double)delays[n / 2] * 1e6, (double)delays[n * 99 / 100] * 1e6);
}

static long number(const char *text)
{
    char *end;
    const long value = strtol(text, &end, 10);

    if (*end != '\0' || value < 1) {
        die("numbers are from 1");
    }
    return value;
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {"count", "add", "echo", "watch"};
    static const uint8_t request[REQUEST] = {0, 0, 0, 0, 4, 0x08, 3, 0x10, 4};
    nghttp2_session_callbacks *callbacks;
    const int epoll = epoll_create1(0);
    long port = 0;
    uint64_t in_all;
    double began;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0) {
            port = number(argv[i + 1]);
        } else if (strcmp(argv[i], "--connections") == 0) {
            n_connections = number(argv[i + 1]);
        } else if (strcmp(argv[i], "--streams") == 0) {
            n_streams = number(argv[i + 1]);
        } else if (strcmp(argv[i], "--messages") == 0) {
            n_messages = (uint64_t)number(argv[i + 1]);
        } else if (strcmp(argv[i], "--mode") == 0) {
            for (int m = 0; m < 4; m++) {
                what = strcmp(argv[i + 1], modes[m]) == 0 ? (mode)m : what;
            }
        } else {
            die("what is asked is at the head of its source");
        }
    }
    if (n_connections > MAX_CONNECTIONS || port == 0) {
        die("a port, and at most 1000 connections");
    }
    for (int i = 0; i < PATTERN; i++) {
        memcpy(pattern + i * REQUEST, request, REQUEST);
    }
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        die("out of memory");
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    for (long i = 0; i < n_connections; i++) {
        connections[i] = connect_to((uint16_t)port, callbacks);
    }
    in_all = n_messages * (uint64_t)(n_connections * n_streams);
    if (what == ECHO) {
        delays = malloc(in_all * sizeof(*delays));
        if (delays == NULL) {
            die("out of memory");
        }
    }
    began = now();
    open_all(epoll);
    if (what == WATCH) {
        began = publish_all(epoll);
    } else {
        run(epoll, 0);
    }
    stopping = true;
    printf("%.6f %llu", now() - began, (unsigned long long)in_all);
    if (what == ECHO) {
        print_delays(in_all);
    }
    printf("\n");
    return 0;
}
