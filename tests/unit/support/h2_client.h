/*
 * support/h2_client.h: calls of gRPC by nghttp2, over TCP or TLS, in the test's own thread. None of
 * its memory is from the allocator of the code under test.
 *
 *     if (h2_client_open(&client, port, true, 0)) {
 *         h2_client_begin(&client, &call, "/p.S/M", body, len);
 *         h2_client_run(&client);
 *     }
 *     h2_client_close(&client);
 */
#ifndef TESTS_H2_CLIENT_H
#define TESTS_H2_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct h2_client {
    int fd;
    struct ssl_ctx_st *context;
    struct ssl_st *ssl; /* NULL: plaintext */
    struct nghttp2_session *session;
    int open;   /* calls */
    bool ended; /* by the server */
} h2_client;

enum {
    H2_NO_STATUS = -1
};

typedef struct h2_call {
    h2_client *client;
    const uint8_t *body; /* not copied */
    size_t len, sent;
    size_t received; /* bytes of DATA */
    uint32_t sum;    /* of them: h2_sum */
    int status;      /* grpc-status */
    bool closed;     /* in good order or not */
} h2_call;

/* Connects to that port of this machine; `room`: bytes that the system may keep for it to read, 0:
 * as many as it likes. False: the server has refused, or ended it. Call close in
 * either case. */
bool h2_client_open(h2_client *client, int port, bool tls, int room);
void h2_client_begin(h2_client *client, h2_call *call, const char *path, const void *body,
                     size_t len);
/* Until all calls are closed, or the connection is; fails the test when nothing comes for long. */
void h2_client_run(h2_client *client);
void h2_client_close(h2_client *client);

/* Of these bytes behind those with the sum, at first 0; another order is another sum. */
uint32_t h2_sum(uint32_t sum, const uint8_t *data, size_t len);

#endif /* TESTS_H2_CLIENT_H */
