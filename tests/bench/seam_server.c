/*
 * bench/seam_server.c: /bench.Calc/Sum on a transport alone, without rpc/ above it.
 *
 *     seam_server [--transport=nghttp2|grpc-core] [--port N] [--calls N]
 *
 * Does what raw_server and bare_nghttp2_server do with the same codec, so the difference is what
 * the transport adds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <transport/seam.h>

#include "sum_codec.h"

static long calls_left = -1;

static void started(void *server, csvc_tcall *tc, const csvc_arrival *arrival)
{
    csvc_outgoing message = {0};
    csvc_ending finish = {.code = CSVC_INVALID_ARGUMENT};
    csvc_payload *first = arrival->first;
    uint8_t room[256];
    csvc_bytes request = {0};
    int32_t a = 0;
    int32_t b = 0;

    (void)server;
    if (first != NULL && first->n_pieces == 1) {
        request = first->pieces[0];
    } else if (first != NULL && first->len <= sizeof(room)) {
        for (size_t i = 0; i < first->n_pieces; i++) {
            memcpy(room + request.len, first->pieces[i].data, first->pieces[i].len);
            request.len += first->pieces[i].len;
        }
        request.data = room;
    }
    if (first != NULL && sum_decode(request.data, request.len, &a, &b)) {
        uint8_t *reply = tc->ops->reserve(tc, SUM_REPLY_MAX);

        if (reply != NULL) {
            message.reserved.len = sum_encode((int32_t)((uint32_t)a + (uint32_t)b), reply);
            message.reserved.data = reply;
            finish.code = CSVC_OK;
            finish.message = &message;
        }
    }
    csvc__payload_unref(first);
    tc->ops->finish(tc, &finish);
}

static void closed(csvc_tcall *tc, bool delivered, bool cancelled)
{
    (void)delivered;
    (void)cancelled;
    tc->ops->release(tc);
    if (calls_left > 0) {
        calls_left--;
        if (calls_left == 0) {
            _exit(0); /* as raw_server: nothing here measures a shutdown */
        }
    }
}

int main(int argc, char **argv)
{
    static const csvc_served_events events = {.started = started, .closed = closed};
    static const csvc_tmethod method = {"/bench.Calc/Sum", true, &events};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_tserver_config config = {
        .events = &events,
        .upper_size = 2048,
        .methods = &method,
        .n_methods = 1,
        .loops = 1,
        .max_message_bytes = 4 << 20,
        .max_metadata_bytes = 16 << 10,
        .max_streams = 1000,
    };
    const csvc_transport *transport = &csvc_nghttp2;
    csvc_tserver *ts = NULL;
    char address[64];
    long asked = 0;
    int port = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--transport=grpc-core") == 0) {
            transport = &csvc_grpc_core;
        } else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) {
            asked = strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--calls") == 0 && i + 1 < argc) {
            calls_left = strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--transport=nghttp2") != 0) {
            fprintf(stderr, "usage: seam_server [--transport=nghttp2|grpc-core] [--port N] "
                            "[--calls N]\n");
            return 2;
        }
    }
    snprintf(address, sizeof(address), "127.0.0.1:%ld", asked);
    ts = transport->server_new(&config, &err);
    if (ts == NULL || transport->server_listen(ts, address, &port, &err) != CSVC_OK ||
        transport->server_start(ts, &err) != CSVC_OK) {
        fprintf(stderr, "seam_server: %s\n", err.text);
        return 1;
    }
    printf("listening %d\n", port);
    fflush(stdout);
    for (;;) {
        pause();
    }
}
