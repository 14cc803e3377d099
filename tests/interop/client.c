/*
 * interop_client: the cases of gRPC's interoperability tests, against any server of TestService.
 *
 *     interop_client --server_host 127.0.0.1 --server_port 10000 --test_case large_unary
 *         [--use_tls [--tls_ca_file F]] [--server_host_override NAME]
 *
 * --test_case takes several, with commas between, and `all`. Exit code 0 when all went well; each
 * that did not has a line on standard error.
 */
#include "interop.csvc.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flags.h"

#define INITIAL  "x-grpc-test-echo-initial"
#define TRAILING "x-grpc-test-echo-trailing-bin"

enum {
    REQUEST = 271828,
    REPLY = 314159,
    PARALLEL = 1000,
    PATIENCE_MS = 100000, /* a call without an end is no test */
    LONG_VALUE = 63 << 10
};

typedef Grpc__Testing__BoolValue bool_value;
typedef Grpc__Testing__EchoStatus echo_status;
typedef Grpc__Testing__Empty empty;
typedef Grpc__Testing__Payload payload;
typedef Grpc__Testing__ResponseParameters response_parameters;
typedef Grpc__Testing__SimpleRequest simple_request;
typedef Grpc__Testing__SimpleResponse simple_response;
typedef Grpc__Testing__StreamingInputCallRequest input_request;
typedef Grpc__Testing__StreamingInputCallResponse input_response;
typedef Grpc__Testing__StreamingOutputCallRequest output_request;
typedef Grpc__Testing__StreamingOutputCallResponse output_response;

static uint8_t zeros[REQUEST];

/* ---- what went wrong ---- */

static const char *current; /* the case */
static int failures;

/* False, and a line, when it does not hold. */
static bool check(bool holds, const char *format, ...) CSVC_PRINTF(2, 3);
static bool check(bool holds, const char *format, ...)
{
    va_list args;

    if (!holds) {
        failures++;
        fprintf(stderr, "%s: ", current);
        va_start(args, format);
        (void)vfprintf(stderr, format, args);
        va_end(args);
        fprintf(stderr, "\n");
    }
    return holds;
}

static bool check_code(const csvc_rpc *rpc, csvc_code expected)
{
    return check(rpc->code == expected, "%s (%s), not %s", csvc_code_name(rpc->code), rpc->message,
                 csvc_code_name(expected));
}

static payload payload_of(size_t len)
{
    payload p = GRPC__TESTING__PAYLOAD__INIT;

    p.body.data = zeros;
    p.body.len = len;
    return p;
}

static bool check_size(const payload *p, size_t expected)
{
    const size_t len = p != NULL ? p->body.len : 0;

    return check(len == expected, "a payload of %zu bytes, not %zu", len, expected);
}

/* ---- one message each way ---- */

static void empty_unary(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    empty req = GRPC__TESTING__EMPTY__INIT;
    const empty *rsp;

    (void)grpc_testing_test_service_client_empty_call(ch, &rpc, &req, &rsp);
    (void)check_code(&rpc, CSVC_OK);
    csvc_rpc_clear(&rpc);
}

static void large(csvc_channel *ch, csvc_rpc *rpc, bool cacheable)
{
    payload body = payload_of(REQUEST);
    simple_request req = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    const simple_response *rsp;
    csvc_code code;

    req.response_size = REPLY;
    req.payload = &body;
    code = cacheable ? grpc_testing_test_service_client_cacheable_unary_call(ch, rpc, &req, &rsp)
                     : grpc_testing_test_service_client_unary_call(ch, rpc, &req, &rsp);
    if (check_code(rpc, CSVC_OK) && code == CSVC_OK) {
        (void)check_size(rsp->payload, REPLY);
    }
}

static void large_unary(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};

    large(ch, &rpc, false);
    csvc_rpc_clear(&rpc);
}

/* By POST: the C core has no GET since 1.46. Twice, as a cache between would have it. */
static void cacheable_unary(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};

    large(ch, &rpc, true);
    large(ch, &rpc, true);
    csvc_rpc_clear(&rpc);
}

static void unimplemented_method(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    empty req = GRPC__TESTING__EMPTY__INIT;
    const empty *rsp;

    (void)grpc_testing_test_service_client_unimplemented_call(ch, &rpc, &req, &rsp);
    (void)check_code(&rpc, CSVC_UNIMPLEMENTED);
    csvc_rpc_clear(&rpc);
}

static void unimplemented_service(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    empty req = GRPC__TESTING__EMPTY__INIT;
    const empty *rsp;

    (void)grpc_testing_unimplemented_service_client_unimplemented_call(ch, &rpc, &req, &rsp);
    (void)check_code(&rpc, CSVC_UNIMPLEMENTED);
    csvc_rpc_clear(&rpc);
}

/* ---- streams ---- */

/* Upload sizes, download sizes: the document's. */
static const int up_sizes[] = {27182, 8, 1828, 45904};
static const int down_sizes[] = {31415, 9, 2653, 58979};

static void client_streaming(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    csvc_call *call = grpc_testing_test_service_client_streaming_input_call(ch, &rpc);
    const input_response *rsp;
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < 4; i++) {
        input_request req = GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
        payload body = payload_of((size_t)up_sizes[i]);

        req.payload = &body;
        code = grpc_testing_test_service_client_streaming_input_call_send(call, &req);
    }
    code = grpc_testing_test_service_client_streaming_input_call_finish(call, &rpc, &rsp);
    if (check_code(&rpc, CSVC_OK) && code == CSVC_OK) {
        (void)check(rsp->aggregated_payload_size == 74922, "a sum of %d, not 74922",
                    (int)rsp->aggregated_payload_size);
    }
    csvc_rpc_clear(&rpc);
}

/* A request for `n` replies. */
typedef struct asking {
    output_request req;
    response_parameters parameters[4];
    response_parameters *list[4];
    bool_value compressed[4];
} asking;

static const output_request *ask(asking *a, const int *sizes, size_t n)
{
    grpc__testing__streaming_output_call_request__init(&a->req);
    for (size_t i = 0; i < n; i++) {
        grpc__testing__response_parameters__init(&a->parameters[i]);
        a->parameters[i].size = sizes[i];
        a->list[i] = &a->parameters[i];
    }
    a->req.response_parameters = a->list;
    a->req.n_response_parameters = n;
    return &a->req;
}

static void server_streaming(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    asking a;
    csvc_call *call =
        grpc_testing_test_service_client_streaming_output_call(ch, &rpc, ask(&a, down_sizes, 4));
    const output_response *rsp;
    size_t n = 0;

    while (grpc_testing_test_service_client_streaming_output_call_recv(call, &rsp)) {
        (void)(n < 4 && check_size(rsp->payload, (size_t)down_sizes[n]));
        n++;
    }
    (void)grpc_testing_test_service_client_streaming_output_call_finish(call, &rpc);
    (void)(check_code(&rpc, CSVC_OK) && check(n == 4, "%zu replies, not 4", n));
    csvc_rpc_clear(&rpc);
}

/* One request, one reply. */
static bool ping(csvc_call *call, size_t up, int down)
{
    payload body = payload_of(up);
    const output_response *rsp = NULL;
    asking a;

    (void)ask(&a, &down, 1);
    a.req.payload = &body;
    return check(grpc_testing_test_service_client_full_duplex_call_send(call, &a.req) == CSVC_OK,
                 "the call takes no more") &&
           check(grpc_testing_test_service_client_full_duplex_call_recv(call, &rsp), "no reply") &&
           check_size(rsp->payload, (size_t)down);
}

static void ping_pong(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    csvc_call *call = grpc_testing_test_service_client_full_duplex_call(ch, &rpc);
    const output_response *rsp;
    bool fine = true;

    for (size_t i = 0; fine && i < 4; i++) {
        fine = ping(call, (size_t)up_sizes[i], down_sizes[i]);
    }
    grpc_testing_test_service_client_full_duplex_call_close_send(call);
    (void)check(!grpc_testing_test_service_client_full_duplex_call_recv(call, &rsp),
                "a reply that nobody asked for");
    (void)grpc_testing_test_service_client_full_duplex_call_finish(call, &rpc);
    (void)check_code(&rpc, CSVC_OK);
    csvc_rpc_clear(&rpc);
}

static void empty_stream(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    csvc_call *call = grpc_testing_test_service_client_full_duplex_call(ch, &rpc);
    const output_response *rsp;

    grpc_testing_test_service_client_full_duplex_call_close_send(call);
    (void)check(!grpc_testing_test_service_client_full_duplex_call_recv(call, &rsp),
                "a reply that nobody asked for");
    (void)grpc_testing_test_service_client_full_duplex_call_finish(call, &rpc);
    (void)check_code(&rpc, CSVC_OK);
    csvc_rpc_clear(&rpc);
}

/* ---- compression ---- */

/* Whether the server looks at what came: it must refuse what should have been compressed. */
static bool probe_unary(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS, .compress = CSVC_COMPRESS_OFF};
    simple_request req = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    bool_value yes = GRPC__TESTING__BOOL_VALUE__INIT;
    payload body = payload_of(REQUEST);
    const simple_response *rsp;
    bool fine;

    yes.value = true;
    req.expect_compressed = &yes;
    req.response_size = REPLY;
    req.payload = &body;
    (void)grpc_testing_test_service_client_unary_call(ch, &rpc, &req, &rsp);
    fine = check_code(&rpc, CSVC_INVALID_ARGUMENT);
    csvc_rpc_clear(&rpc);
    return fine;
}

static void client_compressed_unary(csvc_channel *ch)
{
    for (int on = 1; on >= 0 && probe_unary(ch); on--) {
        csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS,
                        .compress = on ? CSVC_COMPRESS_ON : CSVC_COMPRESS_OFF};
        simple_request req = GRPC__TESTING__SIMPLE_REQUEST__INIT;
        bool_value expected = GRPC__TESTING__BOOL_VALUE__INIT;
        payload body = payload_of(REQUEST);
        const simple_response *rsp;

        expected.value = on;
        req.expect_compressed = &expected;
        req.response_size = REPLY;
        req.payload = &body;
        if (grpc_testing_test_service_client_unary_call(ch, &rpc, &req, &rsp) == CSVC_OK) {
            (void)check_size(rsp->payload, REPLY);
        }
        (void)check_code(&rpc, CSVC_OK);
        csvc_rpc_clear(&rpc);
    }
}

static csvc_code send_input(csvc_call *call, size_t size, bool expected, bool compressed)
{
    input_request req = GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
    bool_value expect = GRPC__TESTING__BOOL_VALUE__INIT;
    payload body = payload_of(size);

    expect.value = expected;
    req.expect_compressed = &expect;
    req.payload = &body;
    csvc_call_compress(call, compressed);
    return grpc_testing_test_service_client_streaming_input_call_send(call, &req);
}

static void client_compressed_streaming(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS, .compress = CSVC_COMPRESS_ON};
    const input_response *rsp;
    csvc_call *call = grpc_testing_test_service_client_streaming_input_call(ch, &rpc);

    (void)send_input(call, 27182, true, false);
    (void)grpc_testing_test_service_client_streaming_input_call_finish(call, &rpc, &rsp);
    if (check_code(&rpc, CSVC_INVALID_ARGUMENT)) {
        call = grpc_testing_test_service_client_streaming_input_call(ch, &rpc);
        (void)check(send_input(call, 27182, true, true) == CSVC_OK &&
                        send_input(call, 45904, false, false) == CSVC_OK,
                    "the call takes no more");
        if (grpc_testing_test_service_client_streaming_input_call_finish(call, &rpc, &rsp) ==
            CSVC_OK) {
            (void)check(rsp->aggregated_payload_size == 73086, "a sum of %d, not 73086",
                        (int)rsp->aggregated_payload_size);
        }
        (void)check_code(&rpc, CSVC_OK);
    }
    csvc_rpc_clear(&rpc);
}

static void check_packed(bool packed, bool expected)
{
    (void)check(packed == expected, "the reply came %s",
                packed ? "compressed" : "as it is, not compressed");
}

static void server_compressed_unary(csvc_channel *ch)
{
    for (int on = 1; on >= 0; on--) {
        csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
        simple_request req = GRPC__TESTING__SIMPLE_REQUEST__INIT;
        bool_value asked = GRPC__TESTING__BOOL_VALUE__INIT;
        payload body = payload_of(REQUEST);
        const simple_response *rsp;

        asked.value = on;
        req.response_compressed = &asked;
        req.response_size = REPLY;
        req.payload = &body;
        if (grpc_testing_test_service_client_unary_call(ch, &rpc, &req, &rsp) == CSVC_OK) {
            check_packed(csvc_rpc_was_compressed(&rpc), on);
            (void)check_size(rsp->payload, REPLY);
        }
        (void)check_code(&rpc, CSVC_OK);
        csvc_rpc_clear(&rpc);
    }
}

static void server_compressed_streaming(csvc_channel *ch)
{
    static const int sizes[] = {31415, 92653};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    const output_response *rsp;
    csvc_call *call;
    size_t n = 0;
    asking a;

    (void)ask(&a, sizes, 2);
    for (size_t i = 0; i < 2; i++) {
        grpc__testing__bool_value__init(&a.compressed[i]);
        a.compressed[i].value = i == 0;
        a.parameters[i].compressed = &a.compressed[i];
    }
    call = grpc_testing_test_service_client_streaming_output_call(ch, &rpc, &a.req);
    while (grpc_testing_test_service_client_streaming_output_call_recv(call, &rsp)) {
        if (n < 2) {
            check_packed(csvc_call_was_compressed(call), n == 0);
            (void)check_size(rsp->payload, (size_t)sizes[n]);
        }
        n++;
    }
    (void)grpc_testing_test_service_client_streaming_output_call_finish(call, &rpc);
    (void)(check_code(&rpc, CSVC_OK) && check(n == 2, "%zu replies, not 2", n));
    csvc_rpc_clear(&rpc);
}

/* ---- status and metadata ---- */

static void echo(csvc_channel *ch, bool duplex, const char *message)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    echo_status status = GRPC__TESTING__ECHO_STATUS__INIT;

    status.code = CSVC_UNKNOWN;
    status.message = (char *)(uintptr_t)message;
    if (duplex) {
        csvc_call *call = grpc_testing_test_service_client_full_duplex_call(ch, &rpc);
        output_request req = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;

        req.response_status = &status;
        (void)check(grpc_testing_test_service_client_full_duplex_call_send(call, &req) == CSVC_OK,
                    "the call takes no more");
        (void)grpc_testing_test_service_client_full_duplex_call_finish(call, &rpc);
    } else {
        simple_request req = GRPC__TESTING__SIMPLE_REQUEST__INIT;
        const simple_response *rsp;

        req.response_status = &status;
        (void)grpc_testing_test_service_client_unary_call(ch, &rpc, &req, &rsp);
    }
    (void)(check_code(&rpc, CSVC_UNKNOWN) &&
           check(strcmp(rpc.message, message) == 0, "the text \"%s\"", rpc.message));
    csvc_rpc_clear(&rpc);
}

static void status_code_and_message(csvc_channel *ch)
{
    echo(ch, false, "test status message");
    echo(ch, true, "test status message");
}

static void special_status_message(csvc_channel *ch)
{
    echo(ch, false,
         "\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP "
         "\xf0\x9f\x98\x88\t\n");
}

static void check_echoed(const csvc_rpc *rpc)
{
    csvc_bytes value = {0};

    (void)check(csvc_rpc_header(rpc, INITIAL, 0, &value) && value.len == 27 &&
                    memcmp(value.data, "test_initial_metadata_value", 27) == 0,
                INITIAL " did not come back with the headers");
    (void)check(csvc_rpc_trailer(rpc, TRAILING, 0, &value) && value.len == 3 &&
                    memcmp(value.data, "\xab\xab\xab", 3) == 0,
                TRAILING " did not come back with the trailers");
}

static void custom_metadata(csvc_channel *ch)
{
    const csvc_metadata_pair pairs[] = {
        {INITIAL, {27, (const uint8_t *)"test_initial_metadata_value"}},
        {TRAILING, {3, (const uint8_t *)"\xab\xab\xab"}},
    };
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS, .metadata = pairs, .n_metadata = 2};
    csvc_call *call;

    large(ch, &rpc, false);
    check_echoed(&rpc);

    call = grpc_testing_test_service_client_full_duplex_call(ch, &rpc);
    (void)ping(call, REQUEST, REPLY);
    (void)grpc_testing_test_service_client_full_duplex_call_finish(call, &rpc);
    (void)check_code(&rpc, CSVC_OK);
    check_echoed(&rpc);
    csvc_rpc_clear(&rpc);
}

static void long_metadata(csvc_channel *ch)
{
    static char text[LONG_VALUE];
    const csvc_metadata_pair pair = {INITIAL, {LONG_VALUE, (const uint8_t *)text}};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS, .metadata = &pair, .n_metadata = 1};
    csvc_bytes value = {0};

    memset(text, 'x', sizeof(text));
    large(ch, &rpc, false);
    (void)check(csvc_rpc_header(&rpc, INITIAL, 0, &value) && value.len == LONG_VALUE &&
                    memcmp(value.data, text, LONG_VALUE) == 0,
                "63 KB of headers did not come back");
    csvc_rpc_clear(&rpc);
}

/* ---- ends before the end ---- */

static void cancel_after_begin(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    csvc_call *call = grpc_testing_test_service_client_streaming_input_call(ch, &rpc);
    const input_response *rsp;

    csvc_call_cancel(call);
    (void)grpc_testing_test_service_client_streaming_input_call_finish(call, &rpc, &rsp);
    (void)check_code(&rpc, CSVC_CANCELLED);
    csvc_rpc_clear(&rpc);
}

static void cancel_after_first_response(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    csvc_call *call = grpc_testing_test_service_client_full_duplex_call(ch, &rpc);

    (void)ping(call, 27182, 31415);
    csvc_call_cancel(call);
    (void)grpc_testing_test_service_client_full_duplex_call_finish(call, &rpc);
    (void)check_code(&rpc, CSVC_CANCELLED);
    csvc_rpc_clear(&rpc);
}

static void timeout_on_sleeping_server(csvc_channel *ch)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 1};
    csvc_call *call = grpc_testing_test_service_client_full_duplex_call(ch, &rpc);
    output_request req = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    payload body = payload_of(27182);
    const output_response *rsp;
    csvc_code code;

    req.payload = &body;
    code = grpc_testing_test_service_client_full_duplex_call_send(call, &req);
    (void)check(code == CSVC_OK || code == CSVC_DEADLINE_EXCEEDED, "send: %s",
                csvc_code_name(code));
    (void)check(!grpc_testing_test_service_client_full_duplex_call_recv(call, &rsp), "a reply");
    (void)grpc_testing_test_service_client_full_duplex_call_finish(call, &rpc);
    (void)check_code(&rpc, CSVC_DEADLINE_EXCEEDED);
    csvc_rpc_clear(&rpc);
}

/* ---- many at a time ---- */

typedef struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int done, fine;
    char first[128]; /* what the first that failed was told */
} waiting;

static void on_large(void *self, const csvc_rpc *rpc, const simple_response *rsp)
{
    waiting *w = self;
    bool fine = rpc->code == CSVC_OK && rsp->payload != NULL && rsp->payload->body.len == REPLY;

    (void)pthread_mutex_lock(&w->lock);
    w->done++;
    w->fine += fine;
    if (!fine && w->first[0] == '\0') {
        (void)snprintf(w->first, sizeof(w->first), "; the first: %s: %s", csvc_code_name(rpc->code),
                       rpc->message);
    }
    (void)pthread_cond_signal(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
}

/* A server with a limit of streams lets those over it wait. */
static void concurrent_large_unary(csvc_channel *ch)
{
    waiting w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, ""};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
    simple_request req = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    payload body = payload_of(REQUEST);
    int started = 0;

    req.response_size = REPLY;
    req.payload = &body;
    for (int i = 0; i < PARALLEL; i++) {
        csvc_call *call =
            grpc_testing_test_service_client_unary_call_async(ch, &rpc, &req, on_large, &w);

        started += call != NULL;
        (void)csvc_call_unref(call);
    }
    (void)pthread_mutex_lock(&w.lock);
    while (w.done < started) {
        (void)pthread_cond_wait(&w.changed, &w.lock);
    }
    (void)pthread_mutex_unlock(&w.lock);
    (void)check(w.fine == PARALLEL, "%d of %d calls went well%s", w.fine, PARALLEL, w.first);
    csvc_rpc_clear(&rpc);
}

/* ---- the list ---- */

static const struct test_case {
    const char *name;
    void (*run)(csvc_channel *ch);
} cases[] = {
    {"empty_unary", empty_unary},
    {"large_unary", large_unary},
    {"cacheable_unary", cacheable_unary},
    {"client_streaming", client_streaming},
    {"server_streaming", server_streaming},
    {"ping_pong", ping_pong},
    {"empty_stream", empty_stream},
    {"client_compressed_unary", client_compressed_unary},
    {"client_compressed_streaming", client_compressed_streaming},
    {"server_compressed_unary", server_compressed_unary},
    {"server_compressed_streaming", server_compressed_streaming},
    {"status_code_and_message", status_code_and_message},
    {"special_status_message", special_status_message},
    {"custom_metadata", custom_metadata},
    {"long_metadata", long_metadata},
    {"cancel_after_begin", cancel_after_begin},
    {"cancel_after_first_response", cancel_after_first_response},
    {"timeout_on_sleeping_server", timeout_on_sleeping_server},
    {"unimplemented_method", unimplemented_method},
    {"unimplemented_service", unimplemented_service},
    {"concurrent_large_unary", concurrent_large_unary},
};

/* Whether a list "a,b" names it. */
static bool named(const char *list, const char *name)
{
    const size_t len = strlen(name);

    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* False, with a line on standard error, when the list names what is no case: nothing is run then.
 */
static bool all_known(const char *list)
{
    while (*list != '\0' && strcmp(list, "all") != 0) {
        const size_t len = strcspn(list, ",");
        bool known = false;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) && !known; i++) {
            known = strlen(cases[i].name) == len && strncmp(cases[i].name, list, len) == 0;
        }
        if (!known) {
            fprintf(stderr, "interop_client: there is no test case %.*s\n", (int)len, list);
            return false;
        }
        list += len + (list[len] == ',');
    }
    return true;
}

int main(int argc, char **argv)
{
    const char *host = "127.0.0.1";
    const char *port = NULL;
    const char *test_case = "large_unary";
    const char *use_tls = "false";
    const char *use_test_ca = "true";
    csvc_channel_options options = {
        CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core,
        .max_metadata_bytes = 128 << 10, /* long_metadata's come back */
    };
    const flag flags[] = {
        {"server_host", &host},
        {"server_port", &port},
        {"test_case", &test_case},
        {"use_tls", &use_tls},
        {"use_test_ca", &use_test_ca},
        {"tls_ca_file", &options.tls_ca_file},
        {"server_host_override", &options.tls_server_name},
        {NULL, NULL},
    };
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch;
    char target[300], ca[4096];
    bool test_ca;

    if (!flags_read(flags, argc, argv) || !flag_bool("use_tls", use_tls, &options.tls) ||
        !flag_bool("use_test_ca", use_test_ca, &test_ca) || !all_known(test_case)) {
        return 2;
    }
    if (port == NULL) {
        fprintf(stderr, "interop_client: --server_port is missing\n");
        return 2;
    }
    if (!options.tls) {
        options.tls_ca_file = options.tls_server_name = NULL;
    } else if (options.tls_ca_file == NULL && test_ca) {
        options.tls_ca_file = file_beside(argv[0], "interop/ca.pem", ca, sizeof(ca));
    }
    (void)snprintf(target, sizeof(target), "%s:%s", host, port);
    ch = csvc_channel_new(target, &options, &err);
    if (ch == NULL) {
        fprintf(stderr, "interop_client: %s\n", err.text);
        return 1;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int before = failures;

        if (strcmp(test_case, "all") == 0 || named(test_case, cases[i].name)) {
            current = cases[i].name;
            cases[i].run(ch);
            printf("%s: %s\n", current, failures == before ? "OK" : "failed");
            (void)fflush(stdout);
        }
    }
    (void)csvc_channel_free(ch);
    return failures == 0 ? 0 : 1;
}
