/*
 * A connection of the server on nghttp2 that gets any bytes: with an odd first byte behind a valid
 * preface and settings, else raw. One thread does it all, and the peer reads nothing. Each call
 * that has started is closed once, and nothing is left.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csvc/transport.h>
#include <transport/nghttp2/life.h>
#include <transport/nghttp2/server.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
    ECHO,
    STREAM,
    HOLD,
    MAX_LEN = 60 * 1024
};

typedef struct fuzz_call {
    int kind;
    bool finished;
    int n;
} fuzz_call;

static int started, closed;

static void finish(csvc_tcall *tc, csvc_code code, const csvc_outgoing *message)
{
    fuzz_call *call = tc->upper;
    csvc_md_list all;

    assert(!call->finished);
    call->finished = true;
    assert(tc->ops->metadata(tc, &all));
    tc->ops->finish(tc, &(csvc_ending){.code = code, .message = message, .trailers = all});
}

static void send_one(csvc_tcall *tc, csvc_payload *payload)
{
    const csvc_outgoing out = {.payload = payload, .compress = true};

    tc->ops->send(tc, &out, false);
}

static void on_started(void *server, csvc_tcall *tc, const csvc_arrival *arrival)
{
    fuzz_call *call = tc->upper;
    const int *kind = arrival->method;

    (void)server;
    started++;
    *call = (fuzz_call){.kind = kind != NULL ? *kind : ECHO};
    if (arrival->refusal != NULL || kind == NULL) {
        finish(tc, arrival->refusal != NULL ? arrival->refusal_code : CSVC_UNIMPLEMENTED, NULL);
    } else if (call->kind == ECHO) {
        const csvc_outgoing out = {.payload = arrival->first};

        finish(tc, CSVC_OK, arrival->first != NULL ? &out : NULL);
    } else {
        tc->ops->watch(tc);
        if (call->kind == STREAM) {
            tc->ops->read(tc);
        }
    }
    csvc__payload_unref(arrival->first);
}

static void on_message(csvc_tcall *tc, csvc_payload *message)
{
    assert(!((fuzz_call *)tc->upper)->finished);
    if (message == NULL) {
        finish(tc, CSVC_OK, NULL);
    } else {
        send_one(tc, message);
        csvc__payload_unref(message);
    }
}

static void on_writable(csvc_tcall *tc)
{
    fuzz_call *call = tc->upper;

    assert(!call->finished && call->kind == STREAM);
    tc->ops->read(tc);
}

static void on_cancelled(csvc_tcall *tc)
{
    finish(tc, CSVC_CANCELLED, NULL);
}

static void on_closed(csvc_tcall *tc, bool delivered, bool cancelled)
{
    assert(((fuzz_call *)tc->upper)->finished && !(delivered && cancelled));
    closed++;
    tc->ops->release(tc);
}

static csvc_tserver *new_server(void)
{
    static const int kinds[] = {ECHO, STREAM, HOLD};
    static const csvc_tmethod methods[] = {
        {.path = "/f/e", .reads_first = true, .method = &kinds[0]},
        {.path = "/f/s", .method = &kinds[1]},
        {.path = "/f/h", .reads_first = true, .method = &kinds[2]}};
    static const csvc_served_events events = {.started = on_started,
                                              .message = on_message,
                                              .writable = on_writable,
                                              .cancelled = on_cancelled,
                                              .closed = on_closed};
    const csvc_tserver_config config = {.events = &events,
                                        .upper_size = sizeof(fuzz_call),
                                        .methods = methods,
                                        .n_methods = 3,
                                        .loops = 1,
                                        .max_message_bytes = 8192,
                                        .max_metadata_bytes = 2048,
                                        .max_streams = 8};
    csvc_error err = {CSVC_ERROR_INIT};

    return csvc_nghttp2.server_new(&config, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    static csvc_tserver *ts;
    ng_loop *loop = NULL;
    ng_conn *conn = NULL;
    int fds[2];

    if (len == 0 || len > MAX_LEN) {
        return 0;
    }
    if (ts == NULL) {
        ts = new_server();
        assert(ts != NULL);
    }
    loop = &ts->loops[0];
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    if (data[0] % 2 == 1) {
        assert(write(fds[1], hello, sizeof(hello) - 1) == (ssize_t)sizeof(hello) - 1);
    }
    assert(write(fds[1], data + 1, len - 1) == (ssize_t)len - 1);
    assert(shutdown(fds[1], SHUT_WR) == 0);
    started = closed = 0;
    conn = csvc__ng_conn_new(fds[0], "fuzz");
    assert(conn != NULL);
    (void)atomic_fetch_add(&ts->shared.n_conns, 1);
    (void)atomic_fetch_add(&loop->n_conns, 1);
    loop->now = csvc__now();
    csvc__ng_conn_open(loop, conn);
    loop->ending = true; /* when nothing is left of it */
    csvc__ng_loop_run(loop);
    assert(started == closed && loop->n_live == 0 && atomic_load(&ts->shared.buffered) == 0);
    assert(atomic_load(&ts->shared.n_conns) == 0);
    close(fds[1]);
    return 0;
}
