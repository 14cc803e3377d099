/*
 * Load on the server under torture, by our own client; the outcome is a line of JSON.
 *
 *     load unary ADDR [--calls N] [--connections N] [--streams N] [--rpc echo|fast] [--pad BYTES]
 *     load streams ADDR [--streams N] [--connections N] [--seconds N] [--keepalive MS]
 *     load storm ADDR [--calls N] [--streams N] [--connections N] [--rpc wait|front]
 *
 * unary: `streams` calls at a time on each connection; every reply is compared with its request.
 * streams: opens `streams` bidi streams in all, sends a message a second on each, compares what
 * comes back; prints `open` when each has answered once.
 * storm: calls with 1 to 5 ms of time, half of them cancelled by us at some moment before that.
 */
#include <csvc/client.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "torture.csvc.h"

enum {
    MAX_CONNECTIONS = 256,
    CODES = 17
};

typedef struct settings {
    const char *address;
    const char *rpc;
    long calls, connections, streams, seconds, pad, keepalive;
} settings;

/* What happened, of all calls. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    long codes[CODES + 1]; /* the last: none of them */
    long begun, ended, wrong, not_started;
    int64_t *took; /* nanoseconds of each call that was OK */
    long n_took;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static settings set;
static csvc_channel *channels[MAX_CONNECTIONS];
static uint8_t *pad;

static int64_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void pause_ns(int64_t ns)
{
    const struct timespec ts = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

    nanosleep(&ts, NULL);
}

static void count_code(csvc_code code)
{
    all.codes[(unsigned)code < CODES ? (unsigned)code : CODES]++;
}

static int compare(const void *x, const void *y)
{
    const int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return a < b ? -1 : a > b;
}

static long part(double share)
{
    return all.n_took == 0 ? 0 : (long)(all.took[(long)((double)(all.n_took - 1) * share)] / 1000);
}

static void print_outcome(int64_t began)
{
    qsort(all.took, (size_t)all.n_took, sizeof(*all.took), compare);
    printf("{\"calls\": %ld, \"ended\": %ld, \"wrong\": %ld, \"not_started\": %ld, "
           "\"p50_us\": %ld, \"p99_us\": %ld, \"seconds\": %.2f, \"codes\": {",
           all.begun, all.ended, all.wrong, all.not_started, part(0.5), part(0.99),
           (double)(now() - began) / 1e9);
    for (int i = 0, first = 1; i <= CODES; i++) {
        if (all.codes[i] > 0) {
            printf("%s\"%d\": %ld", first ? "" : ", ", i, all.codes[i]);
            first = 0;
        }
    }
    printf("}}\n");
}

/* ---- unary ---- */

typedef struct slot {
    csvc_channel *ch;
    int64_t id, began;
} slot;

static void unary_begin(slot *s);

static void unary_done(void *self, const csvc_rpc *rpc, const Torture__V1__Msg *rsp)
{
    slot *s = self;
    const int64_t took = now() - s->began;
    bool more;

    pthread_mutex_lock(&all.lock);
    count_code(rpc->code);
    if (rpc->code == CSVC_OK) {
        all.took[all.n_took++] = took;
        if (rsp->id != s->id || rsp->seq != -s->id || rsp->pad.len != (size_t)set.pad ||
            (set.pad > 0 && memcmp(rsp->pad.data, pad, rsp->pad.len) != 0)) {
            all.wrong++;
        }
    }
    more = all.begun < set.calls;
    if (more) {
        s->id = ++all.begun;
    }
    if (++all.ended == set.calls) {
        pthread_cond_signal(&all.changed);
    }
    pthread_mutex_unlock(&all.lock);
    if (more) {
        unary_begin(s);
    }
}

static void unary_begin(slot *s)
{
    Torture__V1__Msg req = TORTURE__V1__MSG__INIT;
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000, .wait_for_ready = true};
    csvc_call *call;

    req.id = s->id;
    req.seq = -s->id;
    req.pad.data = pad;
    req.pad.len = (size_t)set.pad;
    s->began = now();
    if (strcmp(set.rpc, "fast") == 0) {
        call = torture_v1_torture_client_fast_async(s->ch, &rpc, &req, unary_done, s);
    } else {
        call = torture_v1_torture_client_echo_async(s->ch, &rpc, &req, unary_done, s);
    }
    if (call == NULL) {
        pthread_mutex_lock(&all.lock);
        all.not_started++;
        all.ended++;
        pthread_cond_signal(&all.changed);
        pthread_mutex_unlock(&all.lock);
    }
    csvc_rpc_clear(&rpc);
    csvc_call_unref(call);
}

static bool all_ended(long n, int64_t patience_ns)
{
    struct timespec until;
    bool ended;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += patience_ns / 1000000000;
    pthread_mutex_lock(&all.lock);
    while (all.ended < n && rc == 0) {
        rc = pthread_cond_timedwait(&all.changed, &all.lock, &until);
    }
    ended = all.ended >= n;
    pthread_mutex_unlock(&all.lock);
    return ended;
}

static int unary(void)
{
    const long n =
        set.connections * set.streams < set.calls ? set.connections * set.streams : set.calls;
    slot *slots = calloc((size_t)n, sizeof(*slots));
    const int64_t began = now();
    bool fine;

    if (slots == NULL) {
        return 1;
    }
    all.begun = n;
    for (long i = 0; i < n; i++) {
        slots[i] = (slot){.ch = channels[i % set.connections], .id = i + 1};
        unary_begin(&slots[i]);
    }
    fine = all_ended(set.calls, 300000000000LL);
    print_outcome(began);
    for (long i = 0; i < set.connections; i++) {
        channels[i] = csvc_channel_free(channels[i]);
    }
    free(slots);
    return fine ? 0 : 1;
}

/* ---- streams ---- */

typedef struct stream {
    csvc_call *call;
    int64_t id, sent;
    int64_t received; /* under the lock */
} stream;

static void stream_message(void *self, const void *message)
{
    stream *st = self;
    const Torture__V1__Msg *msg = message;

    if (msg == NULL) {
        return;
    }
    pthread_mutex_lock(&all.lock);
    if (msg->id != st->id || msg->seq != ++st->received) {
        all.wrong++;
    }
    all.n_took++;
    pthread_cond_signal(&all.changed);
    pthread_mutex_unlock(&all.lock);
}

static void stream_done(void *self, csvc_code code)
{
    (void)self;
    pthread_mutex_lock(&all.lock);
    count_code(code);
    all.ended++;
    pthread_cond_signal(&all.changed);
    pthread_mutex_unlock(&all.lock);
}

/* Until so many messages have come back, or a stream has ended before its time. */
static bool all_answered(long n)
{
    struct timespec until;
    bool answered;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 120;
    pthread_mutex_lock(&all.lock);
    while (all.n_took < n && all.ended == 0 && rc == 0) {
        rc = pthread_cond_timedwait(&all.changed, &all.lock, &until);
    }
    answered = all.n_took >= n;
    pthread_mutex_unlock(&all.lock);
    return answered;
}

static int streams(void)
{
    stream *of = calloc((size_t)set.streams, sizeof(*of));
    const int64_t began = now();
    bool fine = of != NULL;
    long unsent = 0, answers;

    for (long i = 0; fine && i < set.streams; i++) {
        const csvc_events events = {CSVC_EVENTS_INIT, .self = &of[i], .on_message = stream_message,
                                    .on_done = stream_done, .auto_more = true};
        csvc_rpc rpc = {CSVC_RPC_INIT, .wait_for_ready = true};

        of[i].id = i + 1;
        of[i].call = torture_v1_torture_client_both_detached_async(channels[i % set.connections],
                                                                   &rpc, &events);
        csvc_rpc_clear(&rpc);
        if (of[i].call == NULL) {
            all.not_started++;
            fine = false;
        } else {
            all.begun++;
        }
    }
    for (long round = 1; fine && unsent == 0 && round <= set.seconds; round++) {
        const int64_t next = now() + 1000000000;

        for (long i = 0; i < set.streams; i++) {
            Torture__V1__Msg msg = TORTURE__V1__MSG__INIT;

            msg.id = of[i].id;
            msg.seq = ++of[i].sent;
            if (torture_v1_torture_client_both_detached_send(of[i].call, &msg) != CSVC_OK) {
                unsent++;
            }
        }
        if (round == 1) {
            fine = all_answered(set.streams);
            printf("open\n");
            fflush(stdout);
        }
        if (next > now()) {
            pause_ns(next - now());
        }
    }
    fine = fine && unsent == 0 && all_answered(set.streams * set.seconds);
    pthread_mutex_lock(&all.lock);
    answers = all.n_took;
    all.n_took = 0;
    pthread_mutex_unlock(&all.lock);
    for (long i = 0; of != NULL && i < set.streams; i++) {
        if (of[i].call != NULL) {
            torture_v1_torture_client_both_detached_close_send(of[i].call);
        }
    }
    fine = all_ended(all.begun, 120000000000LL) && fine;
    printf("{\"answers\": %ld, \"unsent\": %ld, \"outcome\": ", answers, unsent);
    print_outcome(began);
    printf("}\n");
    for (long i = 0; of != NULL && i < set.streams; i++) {
        csvc_call_unref(of[i].call);
    }
    for (long i = 0; i < set.connections; i++) {
        channels[i] = csvc_channel_free(channels[i]);
    }
    free(of);
    return fine ? 0 : 1;
}

/* ---- storm ---- */

static atomic_long storm_next;

static void storm_done(void *self, const csvc_rpc *rpc, const Torture__V1__Msg *rsp)
{
    (void)self;
    (void)rsp;
    pthread_mutex_lock(&all.lock);
    count_code(rpc->code);
    all.ended++;
    pthread_cond_broadcast(&all.changed);
    pthread_mutex_unlock(&all.lock);
}

/* One thread of the storm: keeps at most one call of its own to cancel. */
static void *storm_thread(void *self)
{
    unsigned seed = (unsigned)(uintptr_t)self * 2654435761U + 1;
    const long most = set.connections * set.streams;

    for (long n; (n = atomic_fetch_add(&storm_next, 1)) < set.calls;) {
        Torture__V1__WaitRequest req = TORTURE__V1__WAIT_REQUEST__INIT;
        csvc_rpc rpc = {CSVC_RPC_INIT, .wait_for_ready = true};
        csvc_channel *ch = channels[n % set.connections];
        csvc_call *call;

        /* a third is done in time, the others end by their deadline or by us */
        rpc.timeout_ms = 1 + rand_r(&seed) % 5;
        req.ms = rand_r(&seed) % 3 == 0 ? 0 : 60000;
        call = strcmp(set.rpc, "front") == 0
                   ? torture_v1_torture_client_front_async(ch, &rpc, &req, storm_done, NULL)
                   : torture_v1_torture_client_wait_async(ch, &rpc, &req, storm_done, NULL);
        csvc_rpc_clear(&rpc);
        pthread_mutex_lock(&all.lock);
        if (call == NULL) {
            all.not_started++;
            all.ended++;
        }
        all.begun++;
        while (all.begun - all.ended >= most) {
            pthread_cond_wait(&all.changed, &all.lock);
        }
        pthread_cond_broadcast(&all.changed); /* another thread may wait for the same */
        pthread_mutex_unlock(&all.lock);
        if (call != NULL && rand_r(&seed) % 2 == 0) {
            pause_ns(rand_r(&seed) % 3 == 0 ? 0 : rand_r(&seed) % 3000000);
            csvc_call_cancel(call);
        }
        csvc_call_unref(call);
    }
    return NULL;
}

static int storm(void)
{
    enum {
        THREADS = 4
    };
    pthread_t threads[THREADS];
    const int64_t began = now();
    bool fine;

    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, storm_thread, (void *)(uintptr_t)(i + 1)) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    fine = all_ended(set.calls, 60000000000LL);
    print_outcome(began);
    for (long i = 0; i < set.connections; i++) {
        channels[i] = csvc_channel_free(channels[i]);
    }
    return fine ? 0 : 1;
}

/* ---- the program ---- */

static int read_settings(int argc, char **argv)
{
    const struct {
        const char *name;
        long *to;
    } numbers[] = {{"--calls", &set.calls},     {"--connections", &set.connections},
                   {"--streams", &set.streams}, {"--seconds", &set.seconds},
                   {"--pad", &set.pad},         {"--keepalive", &set.keepalive}};

    set = (settings){.rpc = "echo", .calls = 1000, .connections = 1, .streams = 4, .seconds = 5};
    if (argc < 3) {
        return 2;
    }
    set.address = argv[2];
    for (int i = 3; i + 1 < argc; i += 2) {
        bool known = strcmp(argv[i], "--rpc") == 0;

        if (known) {
            set.rpc = argv[i + 1];
        }
        for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
            if (strcmp(argv[i], numbers[k].name) == 0) {
                *numbers[k].to = strtol(argv[i + 1], NULL, 10);
                known = true;
            }
        }
        if (!known) {
            return 2;
        }
    }
    return set.connections < 1 || set.connections > MAX_CONNECTIONS || set.calls < 1 ||
                   set.streams < 1 || set.pad < 0
               ? 2
               : 0;
}

int main(int argc, char **argv)
{
    int rc = read_settings(argc, argv);

    if (rc != 0) {
        fprintf(stderr, "usage: load unary|streams|storm ADDR [--calls N] [--connections N] "
                        "[--streams N] [--seconds N] [--pad N] [--rpc NAME] [--keepalive MS]\n");
        return rc;
    }
    pad = malloc((size_t)set.pad + 1);
    all.took = calloc((size_t)set.calls, sizeof(*all.took));
    if (pad == NULL || all.took == NULL) {
        return 1;
    }
    for (long i = 0; i < set.pad; i++) {
        pad[i] = (uint8_t)(i * 31);
    }
    for (long i = 0; i < set.connections; i++) {
        char authority[48]; /* channels that differ in nothing share a connection */
        csvc_error err = {CSVC_ERROR_INIT};

        snprintf(authority, sizeof(authority), "connection-%ld.test", i);
        channels[i] = csvc_channel_new(
            set.address,
            &(csvc_channel_options){CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core,
                                    .authority = authority, .keepalive_ms = set.keepalive,
                                    .keepalive_timeout_ms = set.keepalive},
            &err);
        if (channels[i] == NULL) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    }
    if (strcmp(argv[1], "unary") == 0) {
        rc = unary();
    } else if (strcmp(argv[1], "streams") == 0) {
        rc = streams();
    } else if (strcmp(argv[1], "storm") == 0) {
        rc = storm();
    } else {
        rc = 2;
    }
    free(all.took);
    free(pad);
    return rc;
}
