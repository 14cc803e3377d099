/*
 * interop_server: gRPC's TestService, for the interoperability tests of other implementations.
 *
 *     interop_server --port 10000 [--use_tls [--tls_cert_file F --tls_key_file F]]
 *
 * Serves until SIGTERM or SIGINT. Written as a service would be: what the compiler knows of
 * the protocol is in interop.csvc.h, what each rpc does is below.
 */
#include "interop.csvc.h"

#include <csvc/log.h>
#include <csvc/server.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flags.h"

#define INITIAL  "x-grpc-test-echo-initial"
#define TRAILING "x-grpc-test-echo-trailing-bin"

enum {
    MAX_BYTES = 64 << 20 /* of a payload that somebody asks for */
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

/* ---- what the rpcs share ---- */

/* Sends back the metadata that a caller wants to see again, also when the call fails later. What
 * came may be what may not be sent: that is left out. */
static csvc_code echo_metadata(csvc_ctx *ctx)
{
    csvc_bytes value;
    csvc_code code = CSVC_OK;

    for (size_t n = 0; code == CSVC_OK && csvc_metadata_value(ctx, INITIAL, n, &value); n++) {
        code = csvc_set_header_bytes(ctx, INITIAL, value);
        code = code == CSVC_INVALID_ARGUMENT ? CSVC_OK : code;
    }
    for (size_t n = 0; code == CSVC_OK && csvc_metadata_value(ctx, TRAILING, n, &value); n++) {
        code = csvc_set_trailer_bytes(ctx, TRAILING, value);
    }
    return code;
}

/* The status that was asked for, if one was. */
static csvc_code echo(csvc_ctx *ctx, const echo_status *status)
{
    if (status == NULL || status->code == CSVC_OK) {
        return CSVC_OK;
    }
    return csvc_fail(ctx, (csvc_code)status->code, "%s", status->message);
}

/* A message that should have come packed, or not, must have. */
static csvc_code expect(csvc_ctx *ctx, const bool_value *compressed)
{
    if (compressed == NULL || compressed->value == csvc_was_compressed(ctx)) {
        return CSVC_OK;
    }
    return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "the message came %s",
                     compressed->value ? "as it is, it should have been compressed"
                                       : "compressed, it should not have been");
}

/* The next message goes out as was asked for. */
static void compress(csvc_ctx *ctx, const bool_value *compressed)
{
    if (compressed != NULL) {
        csvc_compress(ctx, compressed->value);
    }
}

/* So many zeros. */
static csvc_code fill(csvc_ctx *ctx, int type, int32_t size, payload *zeros)
{
    if (type != GRPC__TESTING__PAYLOAD_TYPE__COMPRESSABLE) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "unsupported response_type %d", type);
    }
    if (size < 0 || size > MAX_BYTES) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "unsupported response_size %d", (int)size);
    }
    zeros->type = GRPC__TESTING__PAYLOAD_TYPE__COMPRESSABLE;
    zeros->body.len = (size_t)size;
    zeros->body.data = size > 0 ? csvc_calloc(ctx, 1, (size_t)size) : NULL;
    return size > 0 && zeros->body.data == NULL
               ? csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory")
               : CSVC_OK;
}

/* Sleeps, unless the caller goes away. */
static csvc_code pause_for(csvc_ctx *ctx, int64_t micros)
{
    csvc_code code = csvc_check_cancelled(ctx);

    while (code == CSVC_OK && micros > 0) {
        const int64_t step = micros < 10000 ? micros : 10000;
        const struct timespec nap = {0, (long)step * 1000};

        (void)nanosleep(&nap, NULL);
        micros -= step;
        code = csvc_check_cancelled(ctx);
    }
    return code;
}

/* ---- one message each way ---- */

static csvc_code empty_call(void *self, csvc_ctx *ctx, const empty *req, empty *rsp)
{
    (void)self;
    (void)req;
    (void)rsp;
    return echo_metadata(ctx);
}

static csvc_code unary_call(void *self, csvc_ctx *ctx, const simple_request *req,
                            simple_response *rsp)
{
    csvc_code code = echo_metadata(ctx);

    (void)self;
    if (code == CSVC_OK) {
        code = expect(ctx, req->expect_compressed);
    }
    if (code == CSVC_OK) {
        code = echo(ctx, req->response_status);
    }
    if (code != CSVC_OK) {
        return code;
    }
    rsp->payload = csvc_alloc(ctx, sizeof(*rsp->payload));
    if (rsp->payload == NULL) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    grpc__testing__payload__init(rsp->payload);
    compress(ctx, req->response_compressed);
    return fill(ctx, req->response_type, req->response_size, rsp->payload);
}

static csvc_code cacheable_unary_call(void *self, csvc_ctx *ctx, const simple_request *req,
                                      simple_response *rsp)
{
    csvc_code code = csvc_set_header(ctx, "cache-control", "max-age=60, public");

    return code == CSVC_OK ? unary_call(self, ctx, req, rsp) : code;
}

/* ---- streams ---- */

/* The replies that one request asks for. Their bytes are given back with the call alone, so the
 * largest is made once and shown in part. */
static csvc_code reply(csvc_ctx *ctx, const output_request *req, payload *zeros, csvc_stream *out)
{
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < req->n_response_parameters; i++) {
        const response_parameters *asked = req->response_parameters[i];
        output_response rsp = GRPC__TESTING__STREAMING_OUTPUT_CALL_RESPONSE__INIT;
        payload part;

        if (zeros->body.data == NULL || asked->size < 0 || (size_t)asked->size > zeros->body.len) {
            code = fill(ctx, req->response_type, asked->size, zeros);
        }
        if (code == CSVC_OK) {
            code = pause_for(ctx, asked->interval_us);
        }
        if (code == CSVC_OK) {
            part = *zeros;
            part.body.len = (size_t)asked->size;
            rsp.payload = &part;
            compress(ctx, asked->compressed);
            code = csvc_stream_send(out, &rsp);
        }
    }
    return code;
}

static csvc_code streaming_output_call(void *self, csvc_ctx *ctx, const output_request *req,
                                       csvc_stream *out)
{
    payload zeros = GRPC__TESTING__PAYLOAD__INIT;
    csvc_code code = echo_metadata(ctx);

    (void)self;
    if (code == CSVC_OK) {
        code = echo(ctx, req->response_status);
    }
    return code == CSVC_OK ? reply(ctx, req, &zeros, out) : code;
}

static csvc_code streaming_input_call(void *self, csvc_ctx *ctx, csvc_stream *in,
                                      input_response *rsp)
{
    const input_request *req;
    csvc_code code = echo_metadata(ctx);

    (void)self;
    while (code == CSVC_OK && grpc_testing_test_service_streaming_input_call_recv(in, &req)) {
        code = expect(ctx, req->expect_compressed);
        rsp->aggregated_payload_size += req->payload != NULL ? (int32_t)req->payload->body.len : 0;
    }
    return code == CSVC_OK ? csvc_stream_code(in) : code;
}

static csvc_code full_duplex_call(void *self, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    payload zeros = GRPC__TESTING__PAYLOAD__INIT;
    const output_request *req;
    csvc_code code = echo_metadata(ctx);

    (void)self;
    while (code == CSVC_OK && grpc_testing_test_service_full_duplex_call_recv(in, &req)) {
        code = echo(ctx, req->response_status);
        if (code == CSVC_OK) {
            code = reply(ctx, req, &zeros, out);
        }
    }
    return code == CSVC_OK ? csvc_stream_code(in) : code;
}

/* A request kept until the last one has come. */
struct kept {
    output_request *req;
    struct kept *next;
};

static csvc_code half_duplex_call(void *self, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    payload zeros = GRPC__TESTING__PAYLOAD__INIT;
    struct kept *first = NULL;
    struct kept **last = &first;
    const output_request *req;
    csvc_code code = echo_metadata(ctx);

    (void)self;
    while (code == CSVC_OK && grpc_testing_test_service_half_duplex_call_recv(in, &req)) {
        struct kept *kept = csvc_calloc(ctx, 1, sizeof(*kept));

        if (kept == NULL) {
            return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        }
        kept->req = csvc_message_copy(csvc_ctx_arena(ctx),
                                      &grpc__testing__streaming_output_call_request__type, req);
        if (kept->req == NULL) {
            return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        }
        *last = kept;
        last = &kept->next;
    }
    if (code == CSVC_OK) {
        code = csvc_stream_code(in);
    }
    for (; code == CSVC_OK && first != NULL; first = first->next) {
        code = reply(ctx, first->req, &zeros, out);
    }
    return code;
}

static const grpc_testing_test_service_ops ops = {
    GRPC_TESTING_TEST_SERVICE_OPS_INIT,
    .empty_call = empty_call,
    .unary_call = unary_call,
    .cacheable_unary_call = cacheable_unary_call,
    .streaming_output_call = streaming_output_call,
    .streaming_input_call = streaming_input_call,
    .full_duplex_call = full_duplex_call,
    .half_duplex_call = half_duplex_call,
    /* unimplemented_call stays NULL: that is what UNIMPLEMENTED means */
};

/* ---- the program ---- */

static const struct {
    const char *name;
    const csvc_transport *table;
} transports[] = {
    {"grpc-core", &csvc_grpc_core},
    {"nghttp2", &csvc_nghttp2},
};

int main(int argc, char **argv)
{
    const char *port = NULL;
    const char *host = "127.0.0.1";
    const char *use_tls = "false";
    const char *streams = "0";
    const char *transport = "grpc-core";
    csvc_server_options options = {
        CSVC_SERVER_OPTIONS_INIT,
        .max_metadata_bytes = 128 << 10, /* the tests send 63 KB of them */
    };
    const flag flags[] = {
        {"port", &port},
        {"host", &host},
        {"use_tls", &use_tls},
        {"tls_cert_file", &options.tls_cert_file},
        {"tls_key_file", &options.tls_key_file},
        {"max_streams", &streams},
        {"transport", &transport},
        {NULL, NULL},
    };
    csvc_error err = {CSVC_ERROR_INIT};
    char address[300], cert[4096], key[4096];
    csvc_server *srv;
    sigset_t stop;
    int bound, signo;
    bool tls;

    if (!flags_read(flags, argc, argv) || !flag_bool("use_tls", use_tls, &tls) ||
        !flag_uint32("max_streams", streams, &options.max_streams)) {
        return 2;
    }
    for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
        if (strcmp(transports[i].name, transport) == 0) {
            options.transport = transports[i].table;
        }
    }
    if (options.transport == NULL) {
        fprintf(stderr, "interop_server: --transport %s: grpc-core or nghttp2 expected\n",
                transport);
        return 2;
    }
    if (port == NULL) {
        fprintf(stderr, "interop_server: --port is missing\n");
        return 2;
    }
    if (!tls) {
        options.tls_cert_file = options.tls_key_file = NULL;
    } else if (options.tls_cert_file == NULL && options.tls_key_file == NULL) {
        options.tls_cert_file = file_beside(argv[0], "interop/server1.pem", cert, sizeof(cert));
        options.tls_key_file = file_beside(argv[0], "interop/server1.key", key, sizeof(key));
    }
    (void)snprintf(address, sizeof(address), "%s:%s", host, port);
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &stop, NULL); /* before there are threads */

    srv = csvc_server_new(&options, &err);
    if (srv != NULL && grpc_testing_test_service_ops_register(srv, &ops, NULL) != CSVC_OK) {
        (void)csvc_error_set(&err, CSVC_INTERNAL, "the service cannot be registered");
        srv = csvc_server_free(srv);
    }
    if (srv == NULL || csvc_server_listen(srv, address, &bound, &err) != CSVC_OK ||
        csvc_server_start(srv, &err) != CSVC_OK) {
        fprintf(stderr, "interop_server: %s\n", err.text);
        (void)csvc_server_free(srv);
        return 1;
    }
    printf("listening grpc=%s:%d\n", host, bound);
    (void)fflush(stdout);
    (void)sigwait(&stop, &signo);
    (void)csvc_server_shutdown(srv, 5000);
    (void)csvc_server_free(srv);
    return 0;
}
