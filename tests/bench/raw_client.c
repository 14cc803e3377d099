/*
 * bench/raw_client.c: calls of /bench.Calc/Sum straight on the gRPC C core.
 *
 *     raw_client --port N [--calls N] [--async IN-FLIGHT] [--thread]
 *
 * What the runtime's client is measured against: one batch a call, a registered method, a deadline,
 * the hand-written codec. By default one thread that calls and waits at the queue by itself.
 * --thread: a second thread waits at the queue and wakes the first one, as it must be where calls
 * are cancelled and answered by events. --async: so many at a time, each started again from the end
 * of the one before. Prints "SECONDS CALLS".
 */
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/slice_buffer.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sum_codec.h"

typedef struct call {
    grpc_call *core;
    grpc_byte_buffer request;
    grpc_byte_buffer *reply;
    grpc_metadata_array headers, trailers;
    grpc_status_code status;
    grpc_slice text;
    bool done;
} call;

static grpc_completion_queue *cq;
static grpc_channel *channel;
static void *method;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;

static void die(const char *why)
{
    fprintf(stderr, "raw_client: %s\n", why);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void init(call *c)
{
    *c = (call){.text = grpc_empty_slice()};
    c->request.type = GRPC_BB_RAW;
    c->request.data.raw.compression = GRPC_COMPRESS_NONE;
    grpc_slice_buffer_init(&c->request.data.raw.slice_buffer);
    grpc_metadata_array_init(&c->headers);
    grpc_metadata_array_init(&c->trailers);
}

static void start(call *c)
{
    static const uint8_t message[] = {0x08, 3, 0x10, 4};
    const gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(30, GPR_TIMESPAN));
    grpc_op ops[6];

    memset(ops, 0, sizeof(ops));
    grpc_slice_buffer_add(&c->request.data.raw.slice_buffer,
                          grpc_slice_from_copied_buffer((const char *)message, sizeof(message)));
    c->core = grpc_channel_create_registered_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, cq,
                                                  method, deadline, NULL);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = &c->request;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &c->headers;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &c->reply;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &c->trailers;
    ops[5].data.recv_status_on_client.status = &c->status;
    ops[5].data.recv_status_on_client.status_details = &c->text;
    if (grpc_call_start_batch(c->core, ops, 6, c, NULL) != GRPC_CALL_OK) {
        die("the core refused a call");
    }
}

static call *next_done(void)
{
    for (;;) {
        const grpc_event event =
            grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);

        if (event.type == GRPC_OP_COMPLETE) {
            return event.tag;
        }
        if (event.type == GRPC_QUEUE_SHUTDOWN) {
            return NULL;
        }
    }
}

static void finish(call *c)
{
    int32_t sum, other;
    uint8_t room[16];
    size_t at = 0;

    if (c->status != GRPC_STATUS_OK || c->reply == NULL) {
        die("a call failed");
    }
    for (size_t i = 0; i < c->reply->data.raw.slice_buffer.count; i++) {
        const grpc_slice *slice = &c->reply->data.raw.slice_buffer.slices[i];

        if (at + GRPC_SLICE_LENGTH(*slice) <= sizeof(room)) {
            memcpy(room + at, GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
            at += GRPC_SLICE_LENGTH(*slice);
        }
    }
    if (!sum_decode(room, at, &sum, &other) || sum != 7) {
        die("3 and 4 are 7");
    }
    grpc_byte_buffer_destroy(c->reply);
    c->reply = NULL;
    c->headers.count = c->trailers.count = 0;
    grpc_slice_unref(c->text);
    c->text = grpc_empty_slice();
    grpc_slice_buffer_reset_and_unref(&c->request.data.raw.slice_buffer);
    grpc_call_unref(c->core);
}

static void *wait_at_queue(void *arg)
{
    call *c;

    (void)arg;
    while ((c = next_done()) != NULL) {
        (void)pthread_mutex_lock(&lock);
        c->done = true;
        (void)pthread_cond_signal(&ended);
        (void)pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void call_blocking(long calls, bool thread)
{
    call c;

    init(&c);
    for (long i = 0; i < calls; i++) {
        c.done = false;
        start(&c);
        if (thread) {
            (void)pthread_mutex_lock(&lock);
            while (!c.done) {
                (void)pthread_cond_wait(&ended, &lock);
            }
            (void)pthread_mutex_unlock(&lock);
        } else {
            (void)next_done();
        }
        finish(&c);
    }
}

static void call_async(long calls, long in_flight)
{
    call *all = calloc((size_t)in_flight, sizeof(*all));
    long left = calls - in_flight;

    if (all == NULL) {
        die("out of memory");
    }
    for (long i = 0; i < in_flight; i++) {
        init(&all[i]);
        start(&all[i]);
    }
    for (long done = 0; done < calls; done++) {
        call *c = next_done();

        finish(c);
        if (left > 0) {
            left--;
            start(c);
        }
    }
    free(all);
}

int main(int argc, char **argv)
{
    grpc_channel_credentials *credentials;
    char target[32] = "";
    bool thread = false;
    long calls = 1000;
    long in_flight = 0;
    pthread_t waits;
    double began;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--thread") == 0) {
            thread = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--port") == 0) {
            snprintf(target, sizeof(target), "127.0.0.1:%s", argv[++i]);
        } else if (i + 1 < argc && strcmp(argv[i], "--calls") == 0) {
            calls = strtol(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--async") == 0) {
            in_flight = strtol(argv[++i], NULL, 10);
        }
    }
    grpc_init();
    cq = grpc_completion_queue_create_for_next(NULL);
    credentials = grpc_insecure_credentials_create();
    channel = grpc_channel_create(target, credentials, NULL);
    grpc_channel_credentials_release(credentials);
    method = grpc_channel_register_call(channel, "/bench.Calc/Sum", NULL, NULL);
    call_blocking(1, false);
    if (thread && pthread_create(&waits, NULL, wait_at_queue, NULL) != 0) {
        die("no thread");
    }
    began = now();
    if (in_flight > 0) {
        call_async(calls, in_flight);
    } else {
        call_blocking(calls, thread);
    }
    printf("%.6f %ld\n", now() - began, calls);
    return 0; /* the core is left to the system: nothing here measures its shutdown */
}
