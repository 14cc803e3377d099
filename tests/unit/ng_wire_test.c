/*
 * What the server on nghttp2 answers to frames that are written by hand, where
 * grpc_core_wire_test, which asks both transports the same, does not go.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/transport.h>
#include <poll.h>
#include <seam_peer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wire_answer.h>

#define N_OF(array)  (sizeof(array) / sizeof((array)[0]))
#define BYTES(text)  ((csvc_bytes){.len = sizeof(text) - 1, .data = (const uint8_t *)(text)})
#define MESSAGE      BYTES("\0\0\0\0\3abc")
#define FIELDS(...)  ((const wire_header[]){__VA_ARGS__, {NULL, NULL}})
#define MAX_METADATA (16 << 10) /* of peer_server_start, as those below */

enum {
    MAX_MESSAGE = 1 << 20,
    MAX_STREAMS = 1000
};

static const wire_request good = {.path = "/t.T/Echo",
                                  .data = {8, (const uint8_t *)"\0\0\0\0\3abc"}};

static void ask(const peer_server *srv, const wire_request *request, wire_answer *ret_answer)
{
    wire w = wire_open(srv->port);

    wire_send_request(&w, 1, request);
    wire_await(&w, 1, ret_answer);
    close(w.fd);
}

/* A good call on this connection. */
static void check_serves(wire *w, uint32_t stream)
{
    wire_answer a;

    wire_send_request(w, stream, &good);
    wire_await(w, stream, &a);
    assert_int_equal(0, a.status);
    assert_int_equal(8, a.n_bytes);
}

static void check_alive(const peer_server *srv)
{
    wire w = wire_open(srv->port);

    check_serves(&w, 1);
    close(w.fd);
}

static int set_up(void **state)
{
    peer_server *srv = calloc(1, sizeof(*srv));

    peer_server_start(srv, &csvc_nghttp2, 1, 0);
    *state = srv;
    return 0;
}

static int tear_down(void **state)
{
    peer_server_stop(*state);
    free(*state);
    return 0;
}

/* ---- requests ---- */

typedef struct answer_case {
    const char *what;
    wire_request request;
    int http, status, reset;
} answer_case;

static void check_cases(peer_server *srv, const answer_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        wire_answer a;

        ask(srv, &cases[i].request, &a);
        if (a.http != cases[i].http || a.status != cases[i].status || a.reset != cases[i].reset ||
            a.closed) {
            fail_msg("%s: HTTP %d, status %d (%s), reset %d, closed %d", cases[i].what, a.http,
                     a.status, a.message, a.reset, a.closed);
        }
        check_alive(srv);
    }
}

static void header_fields(void **state)
{
#define WITH(...)                                                                                  \
    {                                                                                              \
        .path = "/t.T/Echo", .more = FIELDS(__VA_ARGS__), .data = MESSAGE                          \
    }
    const answer_case cases[] = {
        {"application/grpc", WITH({"content-type", "application/grpc"}), 200, 0, NONE},
        {"+proto", WITH({"content-type", "application/grpc+proto"}), 200, 0, NONE},
        {"; charset", WITH({"content-type", "application/grpc;charset=utf-8"}), 200, 0, NONE},
        {"+json: the codec is not ours to judge", WITH({"content-type", "application/grpc+json"}),
         200, 0, NONE},
        {"grpc-web", WITH({"content-type", "application/grpc-web"}), 415, 13, NONE},
        {"JSON", WITH({"content-type", "application/json"}), 415, 13, NONE},
        {"nothing", WITH({"content-type", NULL}), 415, 13, NONE},
        {"an empty one", WITH({"content-type", ""}), 415, 13, NONE},
        {"cut short", WITH({"content-type", "application/grp"}), 415, 13, NONE},
        {"PUT", WITH({":method", "PUT"}), 405, 13, NONE},
        {"post", WITH({":method", "post"}), 405, 13, NONE},
        {"te: gzip", WITH({"te", "gzip"}), NONE, NONE, H2_PROTOCOL_ERROR},
        {"te: nothing", WITH({"te", NULL}), 400, 13, NONE},
        {"host", WITH({":authority", NULL}, {"host", "localhost"}), 200, 0, NONE},
        {"no scheme", WITH({":scheme", NULL}), NONE, NONE, H2_PROTOCOL_ERROR},
        {"connection", WITH({"connection", "close"}), NONE, NONE, H2_PROTOCOL_ERROR},
        {"upper case", WITH({"X-Upper", "x"}), NONE, NONE, H2_PROTOCOL_ERROR},
        {"unknown pseudo", WITH({":other", "x"}), NONE, NONE, H2_PROTOCOL_ERROR},
        {"1 hour", WITH({"grpc-timeout", "1H"}), 200, 0, NONE},
        {"8 digits", WITH({"grpc-timeout", "99999999H"}), 200, 0, NONE},
        {"9 digits", WITH({"grpc-timeout", "100000000n"}), 200, 13, NONE},
        {"letters", WITH({"grpc-timeout", "abcS"}), 200, 13, NONE},
        {"no unit", WITH({"grpc-timeout", "100"}), 200, 13, NONE},
        {"only a unit", WITH({"grpc-timeout", "S"}), 200, 13, NONE},
        {"another unit", WITH({"grpc-timeout", "1s"}), 200, 13, NONE},
        {"negative", WITH({"grpc-timeout", "-1S"}), 200, 13, NONE},
        {"a fraction", WITH({"grpc-timeout", "1.5S"}), 200, 13, NONE},
        {"a space", WITH({"grpc-timeout", "1 S"}), 200, 13, NONE},
        {"empty", WITH({"grpc-timeout", ""}), 200, 13, NONE},
        {"0S", WITH({"grpc-timeout", "0S"}), 200, 4, NONE},
        {"0n", WITH({"grpc-timeout", "00000000n"}), 200, 4, NONE},
        {"an invalid value is left out", WITH({"x-bad", "a\x01z"}), 200, 0, NONE},
        {"content-length that is right", WITH({"content-length", "8"}), 200, 0, NONE},
        {"content-length that is not", WITH({"content-length", "9"}), NONE, NONE,
         H2_PROTOCOL_ERROR},
    };
#undef WITH

    check_cases(*state, cases, N_OF(cases));
}

static void flags_and_lengths(void **state)
{
    peer_server *srv = *state;

#define SENDS(text)                                                                                \
    {                                                                                              \
        .path = "/t.T/Echo", .data = BYTES(text)                                                   \
    }
#define ENCODED(name, text)                                                                        \
    {                                                                                              \
        .path = "/t.T/Echo", .more = FIELDS({"grpc-encoding", name}), .data = BYTES(text)          \
    }
    const answer_case cases[] = {
        {"a message of nothing", SENDS("\0\0\0\0\0"), 200, 0, NONE},
        {"two bytes of a prefix", SENDS("\0\0"), 200, 13, NONE},
        {"a prefix", SENDS("\0\0\0\0\1"), 200, 13, NONE},
        {"a message and a byte", SENDS("\0\0\0\0\1a\0"), 200, 12, NONE},
        {"two of nothing", SENDS("\0\0\0\0\0\0\0\0\0\0"), 200, 12, NONE},
        {"flag 1", SENDS("\1\0\0\0\3abc"), 200, 13, NONE},
        {"flag 1, gzip", ENCODED("gzip", "\1\0\0\0\3abc"), 200, 0, NONE},
        {"flag 1, identity", ENCODED("identity", "\1\0\0\0\3abc"), 200, 13, NONE},
        {"flag 1, deflate", ENCODED("deflate", "\1\0\0\0\3abc"), 200, 12, NONE},
        {"flag 1, unknown", ENCODED("zz", "\1\0\0\0\3abc"), 200, 12, NONE},
        {"flag 0, unknown", ENCODED("zz", "\0\0\0\0\3abc"), 200, 0, NONE},
    };

    check_cases(srv, cases, N_OF(cases));
    for (int flag = 2; flag < 256; flag++) {
        const uint8_t data[] = {(uint8_t)flag, 0, 0, 0, 1, 'x'};
        const wire_request request = {.path = "/t.T/Echo", .data = {sizeof(data), data}};
        wire_answer a;

        ask(srv, &request, &a);
        assert_int_equal(13, a.status);
    }
}

/* One that does not know the encoding says which it knows. */
static void what_is_accepted(void **state)
{
    const wire_request request = {.path = "/t.T/Echo",
                                  .more = FIELDS({"grpc-encoding", "zz"}),
                                  .data = BYTES("\1\0\0\0\3abc")};
    wire_answer a;

    ask(*state, &request, &a);
    assert_int_equal(12, a.status);
    assert_non_null(strstr(a.fields, "grpc-accept-encoding=identity,gzip;"));
}

/* At its prefix, not when all of it has come: the rest is never sent. */
static void a_length_is_judged_at_once(void **state)
{
    static const uint8_t too_long[] = {0, 0, 0x10, 0, 1, 'a'};
    static const uint8_t huge[] = {0, 0xff, 0xff, 0xff, 0xff};
    const wire_request requests[] = {
        {.path = "/t.T/Echo", .data = {sizeof(too_long), too_long}, .open = true},
        {.path = "/t.T/Sink", .data = {sizeof(too_long), too_long}, .open = true},
        {.path = "/t.T/Echo", .data = {sizeof(huge), huge}, .open = true},
    };
    wire w = wire_open(((peer_server *)*state)->port);

    for (uint32_t i = 0; i < N_OF(requests); i++) {
        wire_answer a;

        wire_send_request(&w, 2 * i + 1, &requests[i]);
        wire_await(&w, 2 * i + 1, &a);
        assert_int_equal(8, a.status);
        /* what it still sends is thrown away, and its window comes back */
        wire_send_frame(&w, H2_DATA, 0, 2 * i + 1, too_long, sizeof(too_long));
    }
    check_serves(&w, 101);
    close(w.fd);
}

static void the_longest_message(void **state)
{
    uint8_t *data = calloc(1, MAX_MESSAGE + 5);
    wire w = wire_open(((peer_server *)*state)->port);
    wire_request request = {.path = "/t.T/Sink", .open = true};
    wire_answer a;
    char digits[16];

    data[1] = 0;
    data[2] = 0x10;
    wire_settle(&w);
    request.data = (csvc_bytes){5, data};
    wire_send_request(&w, 1, &request);
    for (size_t at = 0; at < MAX_MESSAGE; at += 16384) { /* within the windows: it is read */
        static wire_frame fr;

        wire_send_frame(&w, H2_DATA, at + 16384 == MAX_MESSAGE ? H2_END_STREAM : 0, 1, data + 5,
                        16384);
        if (at % (128 << 10) == 0 && at > 0) {
            assert_true(wire_next_frame(&w, &fr));
            assert_int_equal(H2_WINDOW_UPDATE, fr.type);
        }
    }
    wire_await(&w, 1, &a);
    assert_int_equal(0, a.status);
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)a.n_bytes - 5, (const char *)a.bytes + 5);
    assert_string_equal("1048576", digits);
    close(w.fd);
    free(data);
}

/* ---- metadata and texts ---- */

static void check_echo(peer_server *srv, const wire_header *sent, const char *fields)
{
    const wire_request request = {.path = "/t.T/Meta", .more = sent, .data = MESSAGE};
    char twice[2048];
    const char *at;
    wire_answer a;

    ask(srv, &request, &a);
    assert_int_equal(0, a.status);
    at = strstr(a.fields, "x-");
    /* all in order among the headers, and once more among the trailers */
    (void)snprintf(twice, sizeof(twice), "%sgrpc-status=0;%s", fields, fields);
    assert_string_equal(twice, at != NULL ? at : strstr(a.fields, "grpc-status"));
}

static void metadata_comes_and_goes(void **state)
{
    peer_server *srv = *state;

    check_echo(srv, FIELDS({"x-a", "1"}, {"x-b", ""}, {"x-a", "2"}), "x-a=1;x-b=;x-a=2;");
    /* with padding or without, one by one or joined by commas; sent without */
    check_echo(srv, FIELDS({"x-1-bin", "AAE="}), "x-1-bin=AAE;");
    check_echo(srv, FIELDS({"x-1-bin", "AAE"}), "x-1-bin=AAE;");
    check_echo(srv, FIELDS({"x-1-bin", "AAE=,AAEC,/+8"}, {"x-1-bin", "QQ"}),
               "x-1-bin=AAE;x-1-bin=AAEC;x-1-bin=/+8;x-1-bin=QQ;");
    check_echo(srv, FIELDS({"x-1-bin", "AAE, AAEC"}), "x-1-bin=AAE;x-1-bin=AAEC;");
    check_echo(srv, FIELDS({"x-1-bin", ""}), "x-1-bin=;");
    check_echo(srv, FIELDS({"x-a", "a,b"}), "x-a=a,b;");
    /* what cannot be read is left out, and fails nothing */
    check_echo(srv, FIELDS({"x-1-bin", "A"}, {"x-a", "1"}), "x-a=1;");
    check_echo(srv, FIELDS({"x-1-bin", "!!!!,AAE"}, {"x-a", "1"}), "x-1-bin=AAE;x-a=1;");
    check_echo(srv, FIELDS({"x-a", "a\x01z"}, {"x-b", "2"}), "x-b=2;");
    check_alive(srv);
}

/* The limit counts what a handler sees, as HTTP/2 counts header fields. */
static void metadata_has_a_limit(void **state)
{
    char value[121];
    wire_header more[34] = {0};
    uint8_t block[32 << 10];
    size_t len = 0;
    wire w = wire_open(((peer_server *)*state)->port);
    wire_answer a;

    memset(value, 'v', 120);
    value[120] = '\0';
    for (size_t i = 0; i < 30; i++) {
        more[i] = (wire_header){"x-1234567", value};
    }
    len = wire_put_request(block, "/t.T/Void", more);
    for (int i = 0; i < 3; i++) { /* 120 fields of 161 */
        len += wire_put_headers(block + len, more);
    }
    wire_send_frame(&w, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1, block, len);
    wire_await(&w, 1, &a);
    assert_int_equal(8, a.status);
    /* far over it: the connection goes */
    for (int i = 0; i < 20; i++) {
        const size_t n =
            i == 0 ? wire_put_request(block, "/t.T/Void", more) : wire_put_headers(block, more);

        wire_send_frame(&w, i == 0 ? H2_HEADERS : H2_CONTINUATION, i == 19 ? H2_END_HEADERS : 0, 3,
                        block, n);
    }
    wire_await(&w, 0, &a);
    assert_int_equal(H2_ENHANCE_YOUR_CALM, a.goaway);
    close(w.fd);
    check_alive(*state);
}

static void texts_are_escaped(void **state)
{
    const struct {
        csvc_bytes request;
        const char *message;
    } cases[] = {
        {BYTES("\0\0\0\0\5\5plai"), "plai"},
        {BYTES("\0\0\0\0\4\5a%b"), "a%25b"},
        {BYTES("\0\0\0\0\5\5\r\n\t\x7f"), "%0D%0A%09%7F"},
        {BYTES("\0\0\0\0\5\5\xf0\x9f\x98\x80"), "%F0%9F%98%80"},
        {BYTES("\0\0\0\0\3\5~ "), "~ "},
    };

    for (size_t i = 0; i < N_OF(cases); i++) {
        const wire_request request = {.path = "/t.T/Status", .data = cases[i].request};
        wire_answer a;

        ask(*state, &request, &a);
        assert_int_equal(5, a.status);
        assert_string_equal(cases[i].message, a.message);
        assert_int_equal(1, a.n_headers); /* all in one frame */
        assert_int_equal(0, a.n_bytes);
    }
}

/* ---- frames ---- */

static void unusual_frames_are_read(void **state)
{
    static const uint8_t padded[] = {3, 0, 0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0};
    static const uint8_t number[] = {0, 0, 0, 9};
    static const uint8_t setting[] = {0xab, 0xcd, 0, 0, 0, 1};
    static const uint8_t priority[] = {0, 0, 0, 0, 16};
    wire w = wire_open(((peer_server *)*state)->port);
    uint8_t block[1024], framed[1200];
    const size_t len = wire_put_request(block, "/t.T/Echo", NULL);
    wire_answer a;

    /* END_STREAM in a frame of its own */
    wire_send_frame(&w, H2_HEADERS, H2_END_HEADERS, 1, block, len);
    wire_send_frame(&w, H2_DATA, 0, 1, MESSAGE.data, MESSAGE.len);
    wire_send_frame(&w, H2_DATA, H2_END_STREAM, 1, NULL, 0);
    wire_await(&w, 1, &a);
    assert_int_equal(0, a.status);
    /* a message a byte a frame */
    wire_send_frame(&w, H2_HEADERS, H2_END_HEADERS, 3, block, len);
    for (size_t i = 0; i < MESSAGE.len; i++) {
        wire_send_frame(&w, H2_DATA, i + 1 == MESSAGE.len ? H2_END_STREAM : 0, 3, MESSAGE.data + i,
                        1);
    }
    wire_await(&w, 3, &a);
    assert_int_equal(0, a.status);
    assert_int_equal(8, a.n_bytes);
    /* trailers of the request end it */
    wire_send_frame(&w, H2_HEADERS, H2_END_HEADERS, 5, block, len);
    wire_send_frame(&w, H2_DATA, 0, 5, MESSAGE.data, MESSAGE.len);
    wire_send_frame(&w, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 5, framed,
                    wire_put_headers(framed, FIELDS({"x-late", "1"})));
    wire_await(&w, 5, &a);
    assert_int_equal(0, a.status);
    assert_int_equal(8, a.n_bytes);
    /* padding and priority in HEADERS, padding in DATA */
    framed[0] = 2;
    memset(framed + 1, 0, 5);
    memcpy(framed + 6, block, len);
    memset(framed + 6 + len, 0, 2);
    wire_send_frame(&w, H2_HEADERS, H2_END_HEADERS | H2_PADDED | H2_HAS_PRIORITY, 7, framed,
                    len + 8);
    wire_send_frame(&w, H2_DATA, H2_END_STREAM | H2_PADDED, 7, padded, sizeof(padded));
    wire_await(&w, 7, &a);
    assert_int_equal(0, a.status);
    assert_int_equal(8, a.n_bytes);
    /* CONTINUATION */
    wire_send_frame(&w, H2_HEADERS, 0, 9, block, 1);
    wire_send_frame(&w, H2_CONTINUATION, 0, 9, block + 1, 10);
    wire_send_frame(&w, H2_CONTINUATION, H2_END_HEADERS, 9, block + 11, len - 11);
    wire_send_frame(&w, H2_DATA, H2_END_STREAM, 9, MESSAGE.data, MESSAGE.len);
    wire_await(&w, 9, &a);
    assert_int_equal(0, a.status);
    /* a reset of a stream that never was, as the C core sends it */
    wire_send_frame(&w, H2_RST_STREAM, 0, 99, number, sizeof(number));
    /* unknown frames, unknown settings, a window and a priority */
    wire_send_frame(&w, 0xbe, 0xff, 0, number, sizeof(number));
    wire_send_frame(&w, 0xbe, 0xff, 11, number, sizeof(number));
    wire_send_frame(&w, H2_SETTINGS, 0, 0, setting, sizeof(setting));
    wire_send_frame(&w, H2_WINDOW_UPDATE, 0, 0, number, sizeof(number));
    wire_send_frame(&w, H2_PRIORITY, 0, 11, priority, sizeof(priority));
    check_serves(&w, 11);
    close(w.fd);
}

/* The stream is over and the peer may still send: it is told that it need not. */
static void an_early_end(void **state)
{
    peer_server *srv = *state;
    const wire_request early = {.path = "/t.T/Early", .data = MESSAGE, .open = true};
    const wire_request refused = {.path = "/t.T/Echo",
                                  .more = FIELDS({"content-type", "text/html"}),
                                  .data = MESSAGE,
                                  .open = true};
    wire w = wire_open(srv->port);
    static wire_frame fr;
    wire_answer a;

    wire_send_request(&w, 1, &early);
    wire_await(&w, 1, &a);
    assert_int_equal(10, a.status);
    assert_true(wire_next_frame(&w, &fr));
    assert_int_equal(H2_RST_STREAM, fr.type);
    assert_int_equal(H2_NO_ERROR, fr.payload[3]);
    wire_send_request(&w, 3, &refused);
    wire_await(&w, 3, &a);
    assert_int_equal(415, a.http);
    assert_true(wire_next_frame(&w, &fr));
    assert_int_equal(H2_RST_STREAM, fr.type);
    assert_int_equal(H2_NO_ERROR, fr.payload[3]);
    check_serves(&w, 5);
    close(w.fd);
}

static void half_closed_then_reset(void **state)
{
    static const uint8_t cancel[4] = {0, 0, 0, H2_CANCEL};
    peer_server *srv = *state;
    const wire_request hold = {.path = "/t.T/Hold", .data = MESSAGE};
    const wire_request bidi = {.path = "/t.T/Bidi", .data = MESSAGE, .open = true};
    wire w = wire_open(srv->port);
    wire_answer a;

    wire_send_request(&w, 1, &hold);
    peer_server_wait(srv, &srv->n_held, 1);
    wire_send_frame(&w, H2_RST_STREAM, 0, 1, cancel, sizeof(cancel));
    peer_server_wait(srv, &srv->cancelled, 1);
    peer_server_wait(srv, &srv->closed, 1);
    wire_send_request(&w, 3, &bidi);
    wire_await_bytes(&w, 3, 8, &a);
    wire_send_frame(&w, H2_RST_STREAM, 0, 3, cancel, sizeof(cancel));
    peer_server_wait(srv, &srv->cancelled, 2);
    peer_server_wait(srv, &srv->closed, 2);
    check_serves(&w, 5);
    close(w.fd);
}

/* Its message is not all here: the deadline ends it all the same. */
static void half_a_message_is_late(void **state)
{
    const wire_request slow = {.path = "/t.T/Echo",
                               .more = FIELDS({"grpc-timeout", "50m"}),
                               .data = BYTES("\0\0\0\0\3ab"),
                               .open = true};
    wire_answer a;

    ask(*state, &slow, &a);
    assert_int_equal(4, a.status);
}

/* A deadline that falls between a frame's announcement and its writing: a stream whose peer reads
 * nothing, as its windows are wide and its socket is full. */
static void a_late_call_in_a_full_socket(void **state)
{
    static const uint8_t wide[] = {0, 4, 0x7f, 0xff, 0xff, 0xff};
    static const uint8_t more[] = {0x7f, 0, 0, 0};
    peer_server *srv = *state;
    wire w = wire_open(srv->port);
    const wire_request source = {.path = "/t.T/Source",
                                 .more = FIELDS({"grpc-timeout", "300m"}),
                                 .data = BYTES("\0\0\0\0\0079000000")};
    const wire_request big = {.path = "/t.T/Big",
                              .more = FIELDS({"grpc-timeout", "300m"}),
                              .data = BYTES("\0\0\0\0\0074000000")};

    wire_send_frame(&w, H2_SETTINGS, 0, 0, wide, sizeof(wide));
    wire_send_frame(&w, H2_WINDOW_UPDATE, 0, 0, more, sizeof(more));
    for (uint32_t i = 0; i < 20; i++) {
        wire_send_request(&w, 2 * i + 1, i % 2 == 0 ? &source : &big);
    }
    peer_server_wait(srv, &srv->started, 20);
    peer_server_wait(srv, &srv->cancelled, 10); /* the sources; the others are finished */
    for (uint32_t i = 0; i < 20; i++) {
        wire_answer a;

        /* now it reads; in which order they end is not said */
        if (i == 19) {
            wire_await(&w, 39, &a);
            assert_true(a.reset != NONE || a.status == 4 || a.status == 0);
        }
    }
    close(w.fd);
    peer_server_wait_all_closed(srv);
    check_alive(srv);
}

/* ---- the end of a connection ---- */

static void two_steps_of_a_drain(void **state)
{
    peer_server srv;
    wire w;
    wire_answer a;
    static wire_frame fr;

    (void)state;
    peer_server_start(&srv, &csvc_nghttp2, 1, 0);
    w = wire_open(srv.port);
    wire_settle(&w);
    check_serves(&w, 1);
    srv.transport->server_drain(srv.ts);
    assert_int_equal(1, poll(&(struct pollfd){.fd = w.fd, .events = POLLIN}, 1, 60000));
    /* sent before this side has read of it, and answered the ping: served */
    wire_send_request(&w, 3, &(wire_request){.path = "/t.T/Hold", .data = MESSAGE});
    wire_await_goaways(&w, 1, &a);
    assert_int_equal(H2_NO_ERROR, a.goaway);
    assert_int_equal(0x7fffffff, a.last);
    do {
        assert_true(wire_next_frame(&w, &fr));
    } while (fr.type != H2_GOAWAY);
    assert_int_equal(3, fr.payload[3]);
    assert_int_equal(0, fr.payload[2]);
    /* behind the second one: nobody hears it */
    wire_send_request(&w, 5, &good);
    peer_server_let_go(&srv);
    wire_await(&w, 3, &a);
    assert_int_equal(0, a.status);
    wire_await(&w, 0, &a);
    assert_true(a.closed);
    assert_int_equal(2, srv.started);
    close(w.fd);
    peer_server_stop(&srv);
}

/* Who breaks the rules of HTTP/2 is told which, and the connection ends; others go on. */
static void rules_of_http2(void **state)
{
    static const uint8_t zero[4] = {0};
    static const uint8_t eight[8] = {0};
    static const uint8_t window[6] = {0, 4, 0x80, 0, 0, 0};
    static const uint8_t push[6] = {0, 2, 0, 0, 0, 2};
    static const uint8_t frame_size[6] = {0, 5, 0, 0, 0, 1};
    static const uint8_t wide[4] = {0x7f, 0xff, 0xff, 0xff};
    static const uint8_t bad_block[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static uint8_t long_frame[20000];
    const struct {
        const char *what;
        uint8_t type, flags;
        uint32_t stream;
        const void *payload;
        size_t len;
        int code;
    } cases[] = {
        {"DATA on stream 0", H2_DATA, 0, 0, eight, 8, H2_PROTOCOL_ERROR},
        {"DATA on an idle stream", H2_DATA, 0, 9, eight, 8, H2_PROTOCOL_ERROR},
        {"HEADERS on an even stream", H2_HEADERS, 4, 2, "\x82", 1, H2_PROTOCOL_ERROR},
        {"HEADERS on stream 0", H2_HEADERS, 4, 0, "\x82", 1, H2_PROTOCOL_ERROR},
        {"a block that is none", H2_HEADERS, 4, 1, bad_block, sizeof(bad_block),
         H2_COMPRESSION_ERROR},
        {"CONTINUATION alone", H2_CONTINUATION, 4, 1, "\x82", 1, H2_PROTOCOL_ERROR},
        {"RST_STREAM of 8 bytes", H2_RST_STREAM, 0, 1, eight, 8, H2_FRAME_SIZE_ERROR},
        {"SETTINGS of 8 bytes", H2_SETTINGS, 0, 0, eight, 8, H2_FRAME_SIZE_ERROR},
        {"SETTINGS of a stream", H2_SETTINGS, 0, 1, NULL, 0, H2_PROTOCOL_ERROR},
        {"a window of 2^31", H2_SETTINGS, 0, 0, window, 6, H2_FLOW_CONTROL_ERROR},
        {"ENABLE_PUSH 2", H2_SETTINGS, 0, 0, push, 6, H2_PROTOCOL_ERROR},
        {"MAX_FRAME_SIZE 1", H2_SETTINGS, 0, 0, frame_size, 6, H2_PROTOCOL_ERROR},
        {"PING of 4 bytes", H2_PING, 0, 0, zero, 4, H2_FRAME_SIZE_ERROR},
        {"a window of nothing", H2_WINDOW_UPDATE, 0, 0, zero, 4, H2_PROTOCOL_ERROR},
        {"a window too wide", H2_WINDOW_UPDATE, 0, 0, wide, 4, H2_FLOW_CONTROL_ERROR},
        {"PUSH_PROMISE", 5, 4, 1, "\0\0\0\2\x82", 5, H2_PROTOCOL_ERROR},
        {"a frame too long", H2_DATA, 0, 1, long_frame, sizeof(long_frame), H2_FRAME_SIZE_ERROR},
        {"an ACK nobody asked for, twice", H2_SETTINGS, 1, 0, NULL, 0, H2_PROTOCOL_ERROR},
    };
    peer_server *srv = *state;
    wire bystander = wire_open(srv->port);

    for (uint32_t i = 0; i < N_OF(cases); i++) {
        wire w = wire_open(srv->port);
        wire_answer a;

        if (cases[i].type == H2_SETTINGS && (cases[i].flags & H2_ACK) != 0) {
            wire_settle(&w);
        }
        wire_send_frame(&w, cases[i].type, cases[i].flags, cases[i].stream, cases[i].payload,
                        cases[i].len);
        wire_await(&w, 0, &a);
        if (a.goaway != cases[i].code || !a.closed) {
            fail_msg("%s: GOAWAY %d %s, closed %d", cases[i].what, a.goaway, a.why, a.closed);
        }
        close(w.fd);
        check_serves(&bystander, 2 * i + 1);
    }
    close(bystander.fd);
}

/* One too many is refused by itself, also one after another, and what was there goes on. */
static void streams_over_the_limit(void **state)
{
    peer_server *srv = *state;
    const wire_request hold = {.path = "/t.T/Hold", .data = MESSAGE};
    wire w = wire_open(srv->port);
    wire_answer a;

    wire_settle(&w);
    for (uint32_t i = 0; i < MAX_STREAMS; i++) {
        wire_send_request(&w, 2 * i + 1, &hold);
    }
    peer_server_wait(srv, &srv->n_held, MAX_STREAMS);
    for (uint32_t i = MAX_STREAMS; i < MAX_STREAMS + 50; i++) {
        wire_send_request(&w, 2 * i + 1, &good);
        wire_await(&w, 2 * i + 1, &a);
        assert_int_equal(H2_REFUSED_STREAM, a.reset);
    }
    assert_int_equal(MAX_STREAMS, peer_server_count(srv, &srv->started));
    check_alive(srv);
    peer_server_let_go(srv);
    peer_server_wait(srv, &srv->delivered, MAX_STREAMS);
    check_serves(&w, 10001);
    close(w.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(header_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags_and_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_length_is_judged_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metadata_comes_and_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metadata_has_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_are_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unusual_frames_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_early_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_closed_then_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_a_message_is_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_call_in_a_full_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rules_of_http2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(streams_over_the_limit, set_up, tear_down),
        cmocka_unit_test(two_steps_of_a_drain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
