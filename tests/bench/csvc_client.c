/*
 * bench/csvc_client.c: calls of /bench.Calc/Sum by the runtime's client.
 *
 *     csvc_client --port N [--calls N] [--async IN-FLIGHT]
 *
 * One thread that calls and waits; with --async so many calls at a time, each started again from
 * the end of the one before. Checks every reply. Prints "SECONDS CALLS".
 */
#include <csvc/client.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calc_tables.h"

static const csvc_method sum_method = {
    "Sum", "/bench.Calc/Sum", CSVC_RPC_UNARY, 0, &request_type, &reply_type, NULL};

static csvc_channel *channel;
static SumRequest request;
static long left, under_way; /* the loop's, once it has begun */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over = PTHREAD_COND_INITIALIZER;
static bool ended;

static void die(const char *why)
{
    fprintf(stderr, "csvc_client: %s\n", why);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(const csvc_rpc *rpc, const void *reply)
{
    if (rpc->code != CSVC_OK) {
        die(rpc->message);
    }
    if (((const SumReply *)reply)->sum != 7) {
        die("3 and 4 are 7");
    }
}

static void call_blocking(long calls)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 30000};
    const void *reply;

    for (long i = 0; i < calls; i++) {
        if (csvc_call_unary(channel, &sum_method, &rpc, &request, &reply) != CSVC_OK) {
            die(rpc.message);
        }
        check(&rpc, reply);
    }
    csvc_rpc_clear(&rpc);
}

static void start_one(void);

static void relay(csvc_done_fn *done, void *self, const csvc_rpc *rpc, const void *reply)
{
    (void)done;
    (void)self;
    check(rpc, reply);
    if (left > 0) {
        left--;
        start_one();
    } else if (--under_way == 0) {
        (void)pthread_mutex_lock(&lock);
        ended = true;
        (void)pthread_cond_signal(&over);
        (void)pthread_mutex_unlock(&lock);
    }
}

static void nothing(void)
{
}

static void start_one(void)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 30000};
    csvc_call *call = csvc_call_async(channel, &sum_method, &rpc, &request, relay, nothing, NULL);

    if (call == NULL) {
        die("a call could not be started");
    }
    (void)csvc_call_unref(call);
    csvc_rpc_clear(&rpc);
}

/* The first call of each chain is started from here, before any has to count the others. */
static void first_done(csvc_done_fn *done, void *self, const csvc_rpc *rpc, const void *reply)
{
    const long chains = under_way;

    (void)done;
    (void)self;
    check(rpc, reply);
    for (long i = 0; i < chains; i++) {
        start_one();
    }
}

static void call_async(long calls, long in_flight)
{
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 30000};
    csvc_call *call;

    left = calls - in_flight;
    under_way = in_flight;
    call = csvc_call_async(channel, &sum_method, &rpc, &request, first_done, nothing, NULL);
    if (call == NULL) {
        die("a call could not be started");
    }
    (void)csvc_call_unref(call);
    csvc_rpc_clear(&rpc);
    (void)pthread_mutex_lock(&lock);
    while (!ended) {
        (void)pthread_cond_wait(&over, &lock);
    }
    (void)pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core};
    csvc_error err = {CSVC_ERROR_INIT};
    char target[32] = "";
    long calls = 1000;
    long in_flight = 0;
    double began;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0) {
            snprintf(target, sizeof(target), "127.0.0.1:%s", argv[i + 1]);
        } else if (strcmp(argv[i], "--calls") == 0) {
            calls = strtol(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--async") == 0) {
            in_flight = strtol(argv[i + 1], NULL, 10);
        }
    }
    request = request_initial;
    request.a = 3;
    request.b = 4;
    channel = csvc_channel_new(target, &options, &err);
    if (channel == NULL) {
        die(err.text);
    }
    call_blocking(1);
    began = now();
    if (in_flight > 0) {
        call_async(calls, in_flight);
    } else {
        call_blocking(calls);
    }
    printf("%.6f %ld\n", now() - began, calls);
    (void)csvc_channel_free(channel);
    return 0;
}
