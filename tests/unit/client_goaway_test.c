/* A server that goes away, its frames written by hand: what it has taken it finishes, what it has
 * not looked at fails so that it may be called elsewhere, and the next call goes there. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/client.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log_catcher.h"
#include "stream_service.h"
#include "wire.h"

enum {
    PREFACE = 24,
    TAKEN = 2, /* calls that are finished; one more is not looked at */
    CALLS = TAKEN + 1,
    PATIENCE_MS = 60000
};

typedef struct server {
    int fd, port;
    pthread_t thread;
    bool early;   /* the first GOAWAY says that nothing is refused, as those of careful servers */
    sem_t seen;   /* a request has come */
    sem_t finish; /* what was taken may be answered */
} server;

/* {id: the stream's} and OK */
static void answer(wire *w, uint32_t stream)
{
    const uint8_t message[] = {0, 0, 0, 0, 2, 0x08, (uint8_t)stream};
    const wire_header headers[] = {
        {":status", "200"}, {"content-type", "application/grpc"}, {NULL, NULL}};
    const wire_header trailers[] = {{"grpc-status", "0"}, {NULL, NULL}};
    uint8_t block[256];

    wire_send_frame(w, H2_HEADERS, H2_END_HEADERS, stream, block, wire_put_headers(block, headers));
    wire_send_frame(w, H2_DATA, 0, stream, message, sizeof(message));
    wire_send_frame(w, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, stream, block,
                    wire_put_headers(block, trailers));
}

static void go_away(wire *w, uint32_t last)
{
    const uint8_t payload[8] = {(uint8_t)(last >> 24), (uint8_t)(last >> 16), (uint8_t)(last >> 8),
                                (uint8_t)last};

    wire_send_frame(w, H2_GOAWAY, 0, 0, payload, sizeof(payload)); /* NO_ERROR */
}

/* The stream of the next request; 0: the connection has ended. */
static uint32_t next_request(wire *w)
{
    static wire_frame frame;

    while (!w->closed && wire_next_frame(w, &frame)) {
        if (frame.type == H2_HEADERS) {
            return frame.stream;
        }
    }
    return 0;
}

static void serve_first(server *srv, wire *w)
{
    uint32_t streams[CALLS];

    for (int i = 0; i < CALLS; i++) {
        streams[i] = next_request(w);
        (void)sem_post(&srv->seen);
    }
    if (srv->early) {
        go_away(w, INT32_MAX);
    }
    go_away(w, streams[TAKEN - 1]);
    (void)sem_wait(&srv->finish);
    for (int i = 0; i < TAKEN; i++) {
        answer(w, streams[i]);
    }
    (void)next_request(w); /* none comes: the caller closes it */
}

static void *server_main(void *arg)
{
    server *srv = arg;
    int fd;

    for (int n = 0; (fd = accept(srv->fd, NULL, NULL)) >= 0; n++) {
        wire w = {.fd = fd};
        char preface[PREFACE];
        uint32_t stream;

        if (recv(fd, preface, PREFACE, MSG_WAITALL) == PREFACE) {
            wire_send_frame(&w, H2_SETTINGS, 0, 0, NULL, 0);
            if (n == 0) {
                serve_first(srv, &w);
            } else {
                while ((stream = next_request(&w)) != 0) {
                    answer(&w, stream);
                }
            }
        }
        close(fd);
    }
    return NULL;
}

static void server_start(server *srv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    srv->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(0, bind(srv->fd, (struct sockaddr *)&address, sizeof(address)));
    assert_int_equal(0, listen(srv->fd, 16));
    assert_int_equal(0, getsockname(srv->fd, (struct sockaddr *)&address, &len));
    srv->port = ntohs(address.sin_port);
    assert_int_equal(0, sem_init(&srv->seen, 0, 0));
    assert_int_equal(0, sem_init(&srv->finish, 0, 0));
    assert_int_equal(0, pthread_create(&srv->thread, NULL, server_main, srv));
}

/* Behind the channel: its connections are closed. */
static void server_stop(server *srv)
{
    (void)shutdown(srv->fd, SHUT_RDWR);
    (void)pthread_join(srv->thread, NULL);
    close(srv->fd);
    (void)sem_destroy(&srv->seen);
    (void)sem_destroy(&srv->finish);
}

static void taken_calls_finish_and_others_are_unavailable(void **state)
{
    (void)state;
    log_catch(CSVC_LOG_ERROR);
    for (int early = 0; early < 2; early++) {
        const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT,
                                              .transport = &csvc_grpc_core};
        csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = PATIENCE_MS};
        const Codec3__Inner req = CODEC3__INNER__INIT;
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_call *calls[CALLS];
        csvc_channel *ch;
        const void *message;
        char target[32];
        server srv = {.early = early};

        server_start(&srv);
        (void)snprintf(target, sizeof(target), "ipv4:127.0.0.1:%d", srv.port);
        ch = csvc_channel_new(target, &options, &err);
        assert_non_null(ch);
        for (int i = 0; i < CALLS; i++) {
            calls[i] = csvc_call_start(ch, &stream_methods[STREAM_DOWN], &rpc, &req, NULL);
            assert_non_null(calls[i]);
            assert_int_equal(0, sem_wait(&srv.seen)); /* so they come in this order */
        }

        /* the one above the last stream, at once, while the others are open */
        assert_false(csvc_call_recv(calls[TAKEN], &message));
        assert_int_equal(CSVC_UNAVAILABLE, csvc_call_finish(calls[TAKEN], &rpc, NULL));
        assert_int_equal(0, sem_post(&srv.finish));
        for (int i = 0; i < TAKEN; i++) {
            assert_true(csvc_call_recv(calls[i], &message));
            assert_int_equal(2 * i + 1, ((const Codec3__Inner *)message)->id);
            assert_false(csvc_call_recv(calls[i], &message));
            assert_int_equal(CSVC_OK, csvc_call_finish(calls[i], &rpc, NULL));
        }

        /* on a new connection, whose first stream it is */
        rpc.wait_for_ready = true;
        assert_int_equal(CSVC_OK,
                         csvc_call_unary(ch, &stream_methods[STREAM_KEEP], &rpc, &req, &message));
        assert_int_equal(1, ((const Codec3__Inner *)message)->id);
        csvc_rpc_clear(&rpc);
        assert_null(csvc_channel_free(ch));
        server_stop(&srv);
    }
    log_let_go();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_calls_finish_and_others_are_unavailable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
