/*
 * What a served call makes of bytes that no gRPC library would send. The frames are written by
 * hand; what a transport does otherwise than the specification says is in docs/deviations.md.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <seam_peer.h>
#include <transports.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wire.h>

typedef struct outcome {
    bool connection_closed;
    int reset;  /* error code of RST_STREAM; -1: none */
    int status; /* grpc-status; -1: none seen */
    int http;   /* :status; -1: none seen */
    size_t bytes;
} outcome;

static void read_number(const wire_frame *frame, const char *key, int *ret_number)
{
    char value[16];

    if (wire_find_header(frame, key, value, sizeof(value))) {
        *ret_number = (int)strtol(value, NULL, 10);
    }
}

/* Reads until the stream is over. */
static outcome finish_stream(wire *w, uint32_t stream)
{
    outcome out = {.reset = -1, .status = -1, .http = -1};
    static wire_frame fr;

    for (;;) {
        if (!wire_next_frame(w, &fr)) {
            out.connection_closed = true;
            return out;
        }
        if (fr.stream != stream) {
            continue;
        }
        if (fr.type == H2_DATA) {
            out.bytes += fr.len;
        }
        if (fr.type == H2_RST_STREAM) {
            if (out.status < 0) {
                out.reset = fr.payload[3];
            }
            return out;
        }
        if (fr.type == H2_HEADERS) {
            read_number(&fr, ":status", &out.http);
            read_number(&fr, "grpc-status", &out.status);
        }
        if ((fr.flags & H2_END_STREAM) != 0) {
            return out;
        }
    }
}

/* ---- requests ---- */

typedef struct request {
    const char *method;       /* "POST" */
    const char *path;         /* "/t.T/Echo" */
    const char *content_type; /* "application/grpc" */
    const char *te;           /* "trailers" */
    const char *encoding;     /* absent */
    const char *timeout;      /* absent */
    bool no_authority;
    bool no_te;
    bool no_data; /* END_STREAM with the headers */
    csvc_bytes data;
} request;

#define OR(a, b) ((a) != NULL ? (a) : (b))

static void send_request(wire *w, uint32_t stream, const request *req)
{
    const wire_header headers[] = {
        {":method", OR(req->method, "POST")},
        {":scheme", "http"},
        {":path", OR(req->path, "/t.T/Echo")},
        {":authority", req->no_authority ? NULL : "localhost"},
        {"content-type", OR(req->content_type, "application/grpc")},
        {"te", req->no_te ? NULL : OR(req->te, "trailers")},
        {"grpc-encoding", req->encoding},
        {"grpc-timeout", req->timeout},
        {NULL, NULL},
    };
    uint8_t block[1024];
    size_t len = wire_put_headers(block, headers);

    wire_send_frame(w, H2_HEADERS, H2_END_HEADERS | (req->no_data ? H2_END_STREAM : 0), stream,
                    block, len);
    if (!req->no_data) {
        wire_send_frame(w, H2_DATA, H2_END_STREAM, stream, req->data.data, req->data.len);
    }
}

static outcome ask(const peer_server *srv, const request *req)
{
    wire w = wire_open(srv->port);
    outcome out;

    send_request(&w, 1, req);
    out = finish_stream(&w, 1);
    close(w.fd);
    return out;
}

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

#define BYTES(text) ((csvc_bytes){.len = sizeof(text) - 1, .data = (const uint8_t *)(text)})
#define MESSAGE     BYTES("\0\0\0\0\3abc")

/* A good call on a connection of its own. */
static void check_alive(const peer_server *srv)
{
    request good = {.data = MESSAGE};
    outcome out = ask(srv, &good);

    assert_int_equal(0, out.status);
    assert_int_equal(8, out.bytes);
}

static int set_up(void **state)
{
    peer_server *srv = calloc(1, sizeof(*srv));

    peer_server_start(srv, test_transport(), 1, 0);
    *state = srv;
    return 0;
}

static int tear_down(void **state)
{
    peer_server_stop(*state);
    free(*state);
    return 0;
}

/* What comes of a request: 0 or NULL where nothing else is said. */
typedef struct answer {
    int status;    /* grpc-status; NONE where the stream is reset */
    int http;      /* 0: 200 */
    int reset;     /* 0: it is not */
    size_t bytes;  /* of DATA */
    bool no_first; /* the call came without a message */
    bool or_first; /* or with an empty one */
} answer;

/* A case: what is sent, what is to come of it, and what comes where docs/deviations.md says so. */
typedef struct wire_case {
    const char *what;
    request req;
    answer right;
    const char *deviation; /* NULL: none is known */
    answer otherwise;
} wire_case;

#define NONE (-1)

/* What a unary echo of three bytes answers, and one that comes without a message. */
#define ECHOED                                                                                     \
    {                                                                                              \
        .bytes = 8                                                                                 \
    }
#define EMPTY                                                                                      \
    {                                                                                              \
        .bytes = 5, .no_first = true                                                               \
    }

static void what_the_server_answers(void **state)
{
    static const uint8_t two_gigabytes[] = {0, 0x7f, 0xff, 0xff, 0xff, 'a', 'b', 'c'};
    const wire_case cases[] = {
        {"good", {.data = MESSAGE}, ECHOED},
        {"a content type with a suffix",
         {.content_type = "application/grpc+proto", .data = MESSAGE},
         ECHOED},
        /* handed up as it came; the peer server sends it back as it is */
        {"gzip", {.encoding = "gzip", .data = BYTES("\1\0\0\0\3abc")}, ECHOED},
        {"gzip, not used", {.encoding = "gzip", .data = MESSAGE}, ECHOED},
        {"deflate", {.encoding = "deflate", .data = BYTES("\1\0\0\0\3abc")}, {12}},
        {"no time at all", {.timeout = "0S", .data = MESSAGE}, {4}},
        {"no such path", {.path = "/nobody", .data = MESSAGE}, {12}},
        {"no message", {.data = BYTES("")}, EMPTY},
        {"no body", {.no_data = true}, EMPTY},
        {"cut short", {.data = BYTES("\0\0\0\0\144abc")}, {13}, "core-truncated", EMPTY},
        {"cut in the prefix", {.data = BYTES("\0\0\0")}, {13}, "core-truncated", EMPTY},
        {"2 GB announced",
         {.data = {.len = 8, .data = two_gigabytes}},
         {8},
         "core-truncated",
         EMPTY},
        {"a stream cut short",
         {.path = "/t.T/Sink", .data = BYTES("\0\0\0\0\3abc\0\0\0\0\144ab")},
         {13},
         "core-truncated",
         {.bytes = 6}},
        {"two messages",
         {.data = BYTES("\0\0\0\0\3abc\0\0\0\0\3def")},
         {12},
         "core-second-message",
         ECHOED},
        {"unknown encoding",
         {.encoding = "zz", .data = BYTES("\1\0\0\0\3abc")},
         {12},
         "core-flag-1",
         ECHOED},
        {"flag 1, no encoding", {.data = BYTES("\1\0\0\0\3abc")}, {13}, "core-flag-1", ECHOED},
        {"flag 1, identity",
         {.encoding = "identity", .data = BYTES("\1\0\0\0\3abc")},
         {13},
         "core-flag-1",
         ECHOED},
        {"flag 2",
         {.data = BYTES("\2\0\0\0\3abc")},
         {13},
         "core-flag-2",
         {.bytes = 5, .no_first = true, .or_first = true}},
        {"GET", {.method = "GET", .data = MESSAGE}, {13, .http = 405}, "core-http-rules", {2}},
        {"text/plain",
         {.content_type = "text/plain", .data = MESSAGE},
         {13, .http = 415},
         "core-content-type",
         ECHOED},
        {"no te", {.no_te = true, .data = MESSAGE}, {13, .http = 400}, "core-http-rules", {2}},
        {"no authority",
         {.no_authority = true, .data = MESSAGE},
         {NONE, .http = NONE, .reset = 1},
         "core-http-rules",
         {2}},
        {"no path",
         {.path = "", .data = MESSAGE},
         {NONE, .http = NONE, .reset = 1},
         "core-http-rules",
         {12}},
        {"a path without a slash",
         {.path = "nobody", .data = MESSAGE},
         {NONE, .http = NONE, .reset = 1},
         "core-http-rules",
         {12}},
        {"a timeout without digits",
         {.timeout = "x", .data = MESSAGE},
         {13},
         "core-bad-timeout",
         ECHOED},
        {"a timeout of nine digits",
         {.timeout = "999999999S", .data = MESSAGE},
         {13},
         "core-bad-timeout",
         ECHOED},
    };
    peer_server *srv = *state;

    for (size_t i = 0; i < N_OF(cases); i++) {
        const wire_case *c = &cases[i];
        const bool deviates = c->deviation != NULL && test_deviates(c->deviation);
        const answer *expected = deviates ? &c->otherwise : &c->right;
        const outcome out = ask(srv, &c->req);
        const bool no_first = peer_server_no_first(srv);

        if (out.status != expected->status || out.bytes != expected->bytes ||
            out.http != (expected->http != 0 ? expected->http : 200) ||
            out.reset != (expected->reset != 0 ? expected->reset : -1) || out.connection_closed ||
            (no_first != expected->no_first && !expected->or_first)) {
            fail_msg("%s: status %d, HTTP %d, reset %d, closed %d, %zu bytes, no message %d",
                     c->what, out.status, out.http, out.reset, out.connection_closed, out.bytes,
                     no_first);
        }
        check_alive(srv);
    }
}

enum {
    MAX_STREAMS = 1000 /* of peer_server_start */
};

static void as_many_streams_as_allowed(void **state)
{
    peer_server *srv = *state;
    wire w = wire_open(srv->port);
    request hold = {.path = "/t.T/Hold", .data = MESSAGE};
    static wire_frame fr;
    int ended = 0;

    wire_settle(&w);
    for (uint32_t i = 0; i < MAX_STREAMS; i++) {
        send_request(&w, 2 * i + 1, &hold);
    }
    peer_server_wait(srv, &srv->n_held, MAX_STREAMS);
    check_alive(srv);
    peer_server_let_go(srv);
    while (ended < MAX_STREAMS) {
        if (!wire_next_frame(&w, &fr)) {
            fail_msg("the connection went away after %d", ended);
        }
        ended += (fr.flags & H2_END_STREAM) != 0 && fr.type == H2_HEADERS;
    }
    close(w.fd);
}

/* It is refused, the others go on; or the connection goes, and all calls on it are cancelled. */
static void one_stream_more_than_allowed(void **state)
{
    peer_server *srv = *state;
    wire w = wire_open(srv->port);
    request hold = {.path = "/t.T/Hold", .data = MESSAGE};
    outcome out;

    wire_settle(&w);
    for (uint32_t i = 0; i < MAX_STREAMS; i++) {
        send_request(&w, 2 * i + 1, &hold);
    }
    peer_server_wait(srv, &srv->n_held, MAX_STREAMS);
    send_request(&w, 2 * MAX_STREAMS + 1, &hold);
    out = finish_stream(&w, 2 * MAX_STREAMS + 1);
    if (test_deviates("core-stream-limit")) {
        assert_true(out.connection_closed);
        peer_server_wait(srv, &srv->cancelled, MAX_STREAMS);
        peer_server_wait(srv, &srv->closed, MAX_STREAMS);
    } else {
        assert_int_equal(7, out.reset); /* REFUSED_STREAM */
        assert_int_equal(0, peer_server_count(srv, &srv->cancelled));
    }
    check_alive(srv);
    close(w.fd);
}

/* Who does not accept the settings: is held to them all the same, or is not. */
static void settings_not_accepted(void **state)
{
    peer_server *srv = *state;
    wire w = wire_open(srv->port);
    request hold = {.path = "/t.T/Hold", .data = MESSAGE};

    const int n = test_deviates("core-settings-ack") ? MAX_STREAMS + 1 : MAX_STREAMS;

    for (uint32_t i = 0; i < MAX_STREAMS + 1; i++) {
        send_request(&w, 2 * i + 1, &hold);
    }
    peer_server_wait(srv, &srv->n_held, n);
    if (n == MAX_STREAMS) {
        const outcome out = finish_stream(&w, 2 * MAX_STREAMS + 1);

        assert_int_equal(7, out.reset); /* REFUSED_STREAM */
    }
    close(w.fd);
    peer_server_wait(srv, &srv->closed, n);
    check_alive(srv);
}

/* Opened and reset at once, many times: the server lives, and every call it saw is closed. */
static void rapid_resets(void **state)
{
    static const uint8_t cancel[4] = {0, 0, 0, 8};
    peer_server *srv = *state;
    wire w = wire_open(srv->port);
    request hold = {.path = "/t.T/Hold", .data = MESSAGE};
    int started = 0;

    for (uint32_t i = 0; i < 5000 && !w.closed; i++) {
        send_request(&w, 2 * i + 1, &hold);
        wire_send_frame(&w, H2_RST_STREAM, 0, 2 * i + 1, cancel, sizeof(cancel));
    }
    close(w.fd);
    check_alive(srv);
    pthread_mutex_lock(&srv->lock);
    started = srv->started;
    pthread_mutex_unlock(&srv->lock);
    peer_server_wait(srv, &srv->closed, started);
}

/* A connection that ends in the middle of a call cancels it. */
static void gone_in_the_middle(void **state)
{
    peer_server *srv = *state;
    wire w = wire_open(srv->port);
    request hold = {.path = "/t.T/Hold", .data = MESSAGE};

    send_request(&w, 1, &hold);
    peer_server_wait(srv, &srv->n_held, 1);
    close(w.fd);
    peer_server_wait(srv, &srv->cancelled, 1);
    peer_server_wait(srv, &srv->closed, 1);
    check_alive(srv);
}

/* A call that its deadline ends is ended once on the wire, whatever its handler still says. */
static void a_late_call_ends_once(void **state)
{
    peer_server *srv = *state;
    wire w = wire_open(srv->port);
    request late = {.path = "/t.T/Hold", .timeout = "30m", .data = MESSAGE};
    request good = {.data = MESSAGE};
    static wire_frame fr;
    int headers = 0;

    for (uint32_t stream = 1; stream < 20; stream += 4) {
        send_request(&w, stream, &late);
        peer_server_wait(srv, &srv->closed, (int)stream / 2 + 1);
        send_request(&w, stream + 2, &good);
        do {
            assert_true(wire_next_frame(&w, &fr));
            headers += fr.type == H2_HEADERS && fr.stream == stream;
        } while (fr.stream != stream + 2 || (fr.flags & H2_END_STREAM) == 0);
        assert_int_equal(stream / 4 + 1, headers);
        peer_server_wait(srv, &srv->closed, (int)stream / 2 + 2);
    }
    close(w.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_server_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_streams_as_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_stream_more_than_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(settings_not_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rapid_resets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gone_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_call_ends_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
