/*
 * What a served call makes of bytes that no gRPC library would send. The frames are written by
 * hand; what the C core does otherwise than the specification says is in docs/deviations.md.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <seam_peer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wire.h>

typedef struct outcome {
    bool connection_closed;
    int reset;  /* error code of RST_STREAM; -1: none */
    int status; /* grpc-status; -1: none seen */
    size_t bytes;
} outcome;

/* Reads until the stream is over. Each test has a connection of its own, so the core sends
 * "grpc-status" as a literal, not by a reference to its table. */
static outcome finish_stream(wire *w, uint32_t stream)
{
    outcome out = {.reset = -1, .status = -1};
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
            for (size_t i = 0; i + 13 < fr.len + 1; i++) {
                if (memcmp(fr.payload + i, "grpc-status", 11) == 0) {
                    char digits[8] = "";

                    memcpy(digits, fr.payload + i + 12, fr.payload[i + 11]);
                    out.status = (int)strtol(digits, NULL, 10);
                }
            }
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

    peer_server_start(srv, &csvc_grpc_core, 1, 0);
    *state = srv;
    return 0;
}

static int tear_down(void **state)
{
    peer_server_stop(*state);
    free(*state);
    return 0;
}

/* A case: what is sent, and what comes of it. */
typedef struct wire_case {
    const char *what;
    request req;
    int status;
    size_t bytes;  /* of DATA in the answer */
    bool no_first; /* the call came without a message */
    bool or_first; /* or with an empty one: the core does both */
} wire_case;

static void check_cases(peer_server *srv, const wire_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        outcome out = ask(srv, &cases[i].req);
        bool no_first = peer_server_no_first(srv);

        if (out.status != cases[i].status || out.bytes != cases[i].bytes || out.reset != -1 ||
            out.connection_closed || (no_first != cases[i].no_first && !cases[i].or_first)) {
            fail_msg("%s: status %d, reset %d, closed %d, %zu bytes, no message %d", cases[i].what,
                     out.status, out.reset, out.connection_closed, out.bytes, no_first);
        }
        check_alive(srv);
    }
}

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void as_the_specification_says(void **state)
{
    const wire_case cases[] = {
        {"good", {.data = MESSAGE}, 0, 8, false},
        {"a content type with a suffix",
         {.content_type = "application/grpc+proto", .data = MESSAGE},
         0,
         8,
         false},
        /* handed up as it came; the peer server sends it back as it is */
        {"gzip", {.encoding = "gzip", .data = BYTES("\1\0\0\0\3abc")}, 0, 8, false},
        {"gzip, not used", {.encoding = "gzip", .data = MESSAGE}, 0, 8, false},
        {"deflate", {.encoding = "deflate", .data = BYTES("\1\0\0\0\3abc")}, 12, 0, false},
        {"no time at all", {.timeout = "0S", .data = MESSAGE}, 4, 0, false},
        {"no such path", {.path = "nobody", .data = MESSAGE}, 12, 0, false},
        {"no path", {.path = "", .data = MESSAGE}, 12, 0, false},
        {"no message", {.data = BYTES("")}, 0, 5, true},
        {"no body", {.no_data = true}, 0, 5, true},
    };

    check_cases(*state, cases, N_OF(cases));
}

/* Each of these has its line in docs/deviations.md; a core that mends one breaks this test. */
static void as_the_core_does_it(void **state)
{
    static const uint8_t two_gigabytes[] = {0, 0x7f, 0xff, 0xff, 0xff, 'a', 'b', 'c'};
    const wire_case cases[] = {
        {"cut short", {.data = BYTES("\0\0\0\0\144abc")}, 0, 5, true},
        {"cut in the prefix", {.data = BYTES("\0\0\0")}, 0, 5, true},
        {"2 GB announced", {.data = {.len = 8, .data = two_gigabytes}}, 0, 5, true},
        {"a stream cut short",
         {.path = "/t.T/Sink", .data = BYTES("\0\0\0\0\3abc\0\0\0\0\144ab")},
         0,
         6,
         false},
        {"two messages", {.data = BYTES("\0\0\0\0\3abc\0\0\0\0\3def")}, 0, 8, false},
        {"unknown encoding", {.encoding = "zz", .data = BYTES("\1\0\0\0\3abc")}, 0, 8, false},
        {"flag 1, no encoding", {.data = BYTES("\1\0\0\0\3abc")}, 0, 8, false},
        {"flag 1, identity", {.encoding = "identity", .data = BYTES("\1\0\0\0\3abc")}, 0, 8, false},
        {"flag 2", {.data = BYTES("\2\0\0\0\3abc")}, 0, 5, true, .or_first = true},
        {"GET", {.method = "GET", .data = MESSAGE}, 2, 0, false},
        {"text/plain", {.content_type = "text/plain", .data = MESSAGE}, 0, 8, false},
        {"no te", {.no_te = true, .data = MESSAGE}, 2, 0, false},
        {"no authority", {.no_authority = true, .data = MESSAGE}, 2, 0, false},
        {"a timeout without digits", {.timeout = "x", .data = MESSAGE}, 0, 8, false},
        {"a timeout of nine digits", {.timeout = "999999999S", .data = MESSAGE}, 0, 8, false},
    };

    check_cases(*state, cases, N_OF(cases));
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

/* The core's way: the connection goes, and all calls on it are cancelled. */
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
    assert_true(out.connection_closed);
    peer_server_wait(srv, &srv->cancelled, MAX_STREAMS);
    peer_server_wait(srv, &srv->closed, MAX_STREAMS);
    check_alive(srv);
    close(w.fd);
}

/* The core's way: who does not accept the settings is not held to them. */
static void settings_not_accepted(void **state)
{
    peer_server *srv = *state;
    wire w = wire_open(srv->port);
    request hold = {.path = "/t.T/Hold", .data = MESSAGE};

    for (uint32_t i = 0; i < MAX_STREAMS + 1; i++) {
        send_request(&w, 2 * i + 1, &hold);
    }
    peer_server_wait(srv, &srv->n_held, MAX_STREAMS + 1);
    close(w.fd);
    peer_server_wait(srv, &srv->closed, MAX_STREAMS + 1);
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
        cmocka_unit_test_setup_teardown(as_the_specification_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_the_core_does_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_streams_as_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_stream_more_than_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(settings_not_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rapid_resets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gone_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_call_ends_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
