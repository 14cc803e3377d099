/* What a client makes of answers that no gRPC server would give: HTTP without a status, resets,
 * GOAWAY. The frames are written by hand; where the C core does otherwise than the specification
 * says is in docs/deviations.md. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/client.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log_catcher.h"
#include "stream_service.h"
#include "wire.h"

enum {
    PREFACE = 24
};

/* How a stream is answered; zeros: as a good server does. */
typedef struct answer {
    const char *http;        /* NULL: 200 */
    const char *grpc_status; /* NULL: "0"; "": none */
    const char *grpc_message;
    bool no_message;
    bool headers_first; /* then the reset */
    int reset;          /* an HTTP/2 error code + 1 */
    bool goaway;        /* instead of an answer: this stream was not looked at */
} answer;

typedef struct server {
    int fd, port;
    pthread_t thread;
    const answer *answers; /* to the streams in the order they come; behind them all are good */
    size_t n_answers;
    atomic_int streams;
} server;

static void put_u32(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 24);
    to[1] = (uint8_t)(value >> 16);
    to[2] = (uint8_t)(value >> 8);
    to[3] = (uint8_t)value;
}

static void send_headers(wire *w, uint32_t stream, const wire_header *headers, bool end)
{
    uint8_t block[512];
    const size_t len = wire_put_headers(block, headers);

    wire_send_frame(w, H2_HEADERS, H2_END_HEADERS | (end ? H2_END_STREAM : 0), stream, block, len);
}

/* False: the connection is to be closed. */
static bool give(wire *w, uint32_t stream, const answer *a)
{
    static const uint8_t empty_message[5];
    const char *http = a->http != NULL ? a->http : "200";
    const char *status = a->grpc_status != NULL ? a->grpc_status : "0";
    const wire_header headers[] = {
        {":status", http}, {"content-type", "application/grpc"}, {NULL, NULL}};
    const wire_header plain[] = {{":status", http}, {"content-type", "text/html"}, {NULL, NULL}};
    const wire_header trailers[] = {
        {"grpc-status", status}, {"grpc-message", a->grpc_message}, {NULL, NULL}};
    uint8_t payload[8];

    if (a->goaway) {
        put_u32(payload, stream > 2 ? stream - 2 : 0); /* the last one that was looked at */
        put_u32(payload + 4, 0);
        wire_send_frame(w, H2_GOAWAY, 0, 0, payload, 8);
        return false;
    }
    if (a->headers_first) {
        send_headers(w, stream, headers, false);
    }
    if (a->reset > 0) {
        put_u32(payload, (uint32_t)a->reset - 1);
        wire_send_frame(w, H2_RST_STREAM, 0, stream, payload, 4);
        return true;
    }
    if (status[0] == '\0') {
        send_headers(w, stream, plain, true);
        return true;
    }
    send_headers(w, stream, headers, false);
    if (!a->no_message) {
        wire_send_frame(w, H2_DATA, 0, stream, empty_message, sizeof(empty_message));
    }
    send_headers(w, stream, trailers, true);
    return true;
}

static void serve(server *srv, wire *w)
{
    static const answer good;
    static wire_frame frame;
    char preface[PREFACE];

    if (recv(w->fd, preface, PREFACE, MSG_WAITALL) != PREFACE) {
        return;
    }
    wire_send_frame(w, H2_SETTINGS, 0, 0, NULL, 0);
    while (!w->closed && wire_next_frame(w, &frame)) {
        if (frame.type == H2_HEADERS) {
            const size_t n = (size_t)atomic_fetch_add(&srv->streams, 1);

            if (!give(w, frame.stream, n < srv->n_answers ? &srv->answers[n] : &good)) {
                /* what was sent arrives before the end of the connection does */
                (void)shutdown(w->fd, SHUT_WR);
            }
        }
    }
}

static void *server_main(void *arg)
{
    server *srv = arg;
    int fd;

    while ((fd = accept(srv->fd, NULL, NULL)) >= 0) {
        wire w = {.fd = fd};

        serve(srv, &w);
        close(fd);
    }
    return NULL;
}

static void server_start(server *srv, const answer *answers, size_t n_answers)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);

    *srv = (server){.answers = answers, .n_answers = n_answers};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    srv->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(0, bind(srv->fd, (struct sockaddr *)&address, sizeof(address)));
    assert_int_equal(0, listen(srv->fd, 16));
    assert_int_equal(0, getsockname(srv->fd, (struct sockaddr *)&address, &len));
    srv->port = ntohs(address.sin_port);
    assert_int_equal(0, pthread_create(&srv->thread, NULL, server_main, srv));
}

/* Behind the channel: its connections are closed, so the thread is at accept or soon there. */
static void server_stop(server *srv)
{
    (void)shutdown(srv->fd, SHUT_RDWR);
    pthread_join(srv->thread, NULL);
    close(srv->fd);
}

static csvc_channel *channel_to(const server *srv, const csvc_retry *retry)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core,
                                          .retry = retry};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch;
    char target[32];

    (void)snprintf(target, sizeof(target), "ipv4:127.0.0.1:%d", srv->port);
    ch = csvc_channel_new(target, &options, &err);
    assert_non_null(ch);
    return ch;
}

static csvc_code call(csvc_channel *ch, char *ret_text, size_t size)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 20000};
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *rsp;
    const csvc_code code = csvc_call_unary(ch, &stream_methods[STREAM_KEEP], &rpc, &req, &rsp);

    (void)snprintf(ret_text, size, "%s", rpc.message);
    csvc_rpc_clear(&rpc);
    return code;
}

/* A case: how it is answered, and what the caller gets. */
typedef struct wire_case {
    const char *what;
    answer a;
    csvc_code code;
    const char *text; /* NULL: any */
} wire_case;

#define RESET(code) .reset = (code) + 1

static const wire_case cases[] = {
    {"a good one", {0}, CSVC_OK, ""},
    /* the mapping of HTTP, where there is no grpc-status */
    {"400", {.http = "400", .grpc_status = ""}, CSVC_INTERNAL, NULL},
    {"401", {.http = "401", .grpc_status = ""}, CSVC_UNAUTHENTICATED, NULL},
    {"403", {.http = "403", .grpc_status = ""}, CSVC_PERMISSION_DENIED, NULL},
    {"404", {.http = "404", .grpc_status = ""}, CSVC_UNIMPLEMENTED, NULL},
    {"429", {.http = "429", .grpc_status = ""}, CSVC_UNAVAILABLE, NULL},
    {"502", {.http = "502", .grpc_status = ""}, CSVC_UNAVAILABLE, NULL},
    {"503", {.http = "503", .grpc_status = ""}, CSVC_UNAVAILABLE, NULL},
    {"504", {.http = "504", .grpc_status = ""}, CSVC_UNAVAILABLE, NULL},
    {"500", {.http = "500", .grpc_status = ""}, CSVC_UNKNOWN, NULL},
    {"302", {.http = "302", .grpc_status = ""}, CSVC_UNKNOWN, NULL},
    {"200 without a status", {.grpc_status = ""}, CSVC_UNKNOWN, NULL},
    /* the status */
    {"one that is none", {.grpc_status = "99", .no_message = true}, CSVC_UNKNOWN, NULL},
    {"no number", {.grpc_status = "x", .no_message = true}, CSVC_UNKNOWN, NULL},
    {"OK without a message", {.no_message = true}, CSVC_UNIMPLEMENTED, "the server sent no reply"},
    {"escapes",
     {.grpc_status = "9", .no_message = true, .grpc_message = "a%20b%0A%E2%98%BA"},
     CSVC_FAILED_PRECONDITION,
     "a b\n\xe2\x98\xba"},
    {"broken escapes",
     {.grpc_status = "9", .no_message = true, .grpc_message = "a%2 %zz%"},
     CSVC_FAILED_PRECONDITION,
     "a%2 %zz%"},
    {"a failure behind a message", {.grpc_status = "10"}, CSVC_ABORTED, ""},
    /* resets */
    {"reset: NO_ERROR", {RESET(0)}, CSVC_INTERNAL, NULL},
    {"reset: PROTOCOL_ERROR", {RESET(1)}, CSVC_INTERNAL, NULL},
    {"reset: INTERNAL_ERROR", {RESET(2)}, CSVC_INTERNAL, NULL},
    {"reset: CANCEL", {RESET(8)}, CSVC_CANCELLED, NULL},
    {"reset: ENHANCE_YOUR_CALM", {RESET(11)}, CSVC_RESOURCE_EXHAUSTED, NULL},
    {"reset: INADEQUATE_SECURITY", {RESET(12)}, CSVC_PERMISSION_DENIED, NULL},
    {"reset behind headers: REFUSED_STREAM",
     {RESET(7), .headers_first = true},
     CSVC_UNAVAILABLE,
     NULL},
};

static void answers_of_all_kinds(void **state)
{
    int wrong = 0;

    (void)state;
    log_catch(CSVC_LOG_ERROR); /* the core warns of text/html */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        server srv;
        csvc_channel *ch;
        char text[256];
        csvc_code code;

        server_start(&srv, &cases[i].a, 1);
        ch = channel_to(&srv, NULL);
        code = call(ch, text, sizeof(text));
        if (code != cases[i].code || (cases[i].text != NULL && strcmp(text, cases[i].text) != 0)) {
            print_error("%s: %s: %s\n", cases[i].what, csvc_code_name(code), text);
            wrong++;
        }
        assert_int_equal(CSVC_OK, call(ch, text, sizeof(text))); /* the next one is not hurt */
        assert_null(csvc_channel_free(ch));
        server_stop(&srv);
    }
    log_let_go();
    assert_int_equal(0, wrong);
}

/* Streams that the server says it has not looked at are called again where there is a policy: those
 * behind a GOAWAY by any, refused ones by their code alone, for the core's own knows nothing of
 * them; without a policy it does nothing of the kind (core-transparent). */
static void what_no_server_has_seen(void **state)
{
    static const answer unseen[] = {{RESET(7)}, {.goaway = true}};
    static const csvc_retry twice = {CSVC_RETRY_INIT, .max_attempts = 2};
    static const csvc_retry aborted = {CSVC_RETRY_INIT, .codes = CSVC_RETRY_ON(CSVC_ABORTED)};
    static const csvc_retry unseen_alone = {CSVC_RETRY_INIT, .codes = CSVC_RETRY_UNSEEN};
    static const struct {
        const csvc_retry *retry;
        bool again[2];
    } policies[] = {{NULL, {false, false}},
                    {&twice, {true, true}},
                    {&aborted, {false, true}},
                    {&unseen_alone, {false, true}}};
    int wrong = 0;

    (void)state;
    log_catch(CSVC_LOG_ERROR);
    for (size_t i = 0; i < 8; i++) {
        const bool again = policies[i / 2].again[i % 2];
        server srv;
        csvc_channel *ch;
        char text[256];
        csvc_code code;

        server_start(&srv, &unseen[i % 2], 1);
        ch = channel_to(&srv, policies[i / 2].retry);
        code = call(ch, text, sizeof(text));
        if (code != (again ? CSVC_OK : CSVC_UNAVAILABLE) ||
            atomic_load(&srv.streams) != (again ? 2 : 1)) {
            print_error("%zu: %s: %s, %d\n", i, csvc_code_name(code), text,
                        atomic_load(&srv.streams));
            wrong++;
        }
        assert_null(csvc_channel_free(ch));
        server_stop(&srv);
    }
    log_let_go();
    assert_int_equal(0, wrong);
}

/* Why nobody but the core can call a refused stream again: a handler that hands on what its own
 * call met gives the same code and the same text, and it has run. */
static void a_refusal_looks_like_a_status(void **state)
{
    static const answer twins[] = {
        {RESET(7)},
        {.grpc_status = "14",
         .no_message = true,
         .grpc_message = "Received RST_STREAM with error code 7"},
    };
    char texts[2][256];

    (void)state;
    log_catch(CSVC_LOG_ERROR);
    for (int i = 0; i < 2; i++) {
        server srv;
        csvc_channel *ch;

        server_start(&srv, &twins[i], 1);
        ch = channel_to(&srv, NULL);
        assert_int_equal(CSVC_UNAVAILABLE, call(ch, texts[i], sizeof(texts[i])));
        assert_null(csvc_channel_free(ch));
        server_stop(&srv);
    }
    log_let_go();
    assert_string_equal(texts[0], texts[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_all_kinds),
        cmocka_unit_test(what_no_server_has_seen),
        cmocka_unit_test(a_refusal_looks_like_a_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
