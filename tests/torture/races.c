/*
 * What happens at the same moment, again and again with random delays (T19): a server stops while
 * it is called, a call is cancelled while it is finished, health is watched while it is set,
 * certificates are replaced while connections begin. Worth most under ThreadSanitizer.
 *
 *     races shutdown|cancel|watch|reload ITERATIONS [SEED]
 */
#include <certs.h>
#include <csvc/client.h>
#include <csvc/health.h>
#include <csvc/std.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <transports.h>

#include "grpc/health/v1/health.csvc.h"
#include "torture.csvc.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                  \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static unsigned seed = 1;

static void pause_us(unsigned most, unsigned *state)
{
    const unsigned us = most == 0 ? 0 : (unsigned)rand_r(state) % most;
    const struct timespec ts = {.tv_nsec = (long)us * 1000};

    nanosleep(&ts, NULL);
}

/* ---- handlers ---- */

/* Detached calls that somebody else finishes. */
typedef struct parked {
    struct parked *next;
    csvc_ctx *ctx;
    atomic_int done;
} parked;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    parked *first;
    bool over;
    atomic_long served, dones, twice;
} lot = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static csvc_code echo(void *self, csvc_ctx *ctx, const Torture__V1__Msg *req, Torture__V1__Msg *rsp)
{
    (void)self;
    (void)ctx;
    *rsp = *req;
    return CSVC_OK;
}

static void parked_done(void *self, csvc_code code)
{
    parked *p = self;

    (void)code;
    if (atomic_fetch_add(&p->done, 1) != 0) {
        atomic_fetch_add(&lot.twice, 1);
    }
    atomic_fetch_add(&lot.dones, 1);
}

static csvc_code park(void *self, csvc_ctx *ctx, const Torture__V1__WaitRequest *req,
                      Torture__V1__Msg *rsp)
{
    parked *p = csvc_calloc(ctx, 1, sizeof(*p));

    (void)self;
    MUST(p != NULL);
    rsp->id = req->ms;
    atomic_fetch_add(&lot.served, 1);
    p->ctx = csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = p, .on_done = parked_done});
    pthread_mutex_lock(&lot.lock);
    p->next = lot.first;
    lot.first = p;
    pthread_cond_signal(&lot.changed);
    pthread_mutex_unlock(&lot.lock);
    return CSVC_OK;
}

static csvc_code both(void *self, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    const Torture__V1__Msg *msg;
    csvc_code code = CSVC_OK;

    (void)self;
    (void)ctx;
    while (code == CSVC_OK && torture_v1_torture_both_recv(in, &msg)) {
        code = torture_v1_torture_both_send(out, msg);
    }
    return code != CSVC_OK ? code : csvc_stream_code(in);
}

static void *finisher(void *self)
{
    unsigned state = (unsigned)(uintptr_t)self;

    pthread_mutex_lock(&lot.lock);
    while (!lot.over || lot.first != NULL) {
        parked *p = lot.first;

        if (p == NULL) {
            pthread_cond_wait(&lot.changed, &lot.lock);
            continue;
        }
        lot.first = p->next;
        pthread_mutex_unlock(&lot.lock);
        pause_us(400, &state);
        (void)csvc_finish(p->ctx, CSVC_OK);
        csvc_ctx_unref(p->ctx);
        pthread_mutex_lock(&lot.lock);
    }
    pthread_mutex_unlock(&lot.lock);
    return NULL;
}

static void finishers_begin(pthread_t *threads, size_t n)
{
    lot.over = false;
    for (size_t i = 0; i < n; i++) {
        MUST(pthread_create(&threads[i], NULL, finisher, (void *)(uintptr_t)(seed + i)) == 0);
    }
}

static void finishers_end(pthread_t *threads, size_t n)
{
    pthread_mutex_lock(&lot.lock);
    lot.over = true;
    pthread_cond_broadcast(&lot.changed);
    pthread_mutex_unlock(&lot.lock);
    for (size_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
}

static const torture_v1_torture_ops ops = {TORTURE_V1_TORTURE_OPS_INIT, .echo = echo, .fast = echo,
                                           .wait = park, .both = both};

static csvc_server *serve(csvc_server_options *options, csvc_health *health, char *ret_address)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_server *srv;
    int port = 0;

    options->transport = test_transport();
    options->loops = 2;
    srv = csvc_server_new(options, &err);
    MUST(srv != NULL);
    MUST(torture_v1_torture_ops_register(srv, &ops, NULL) == CSVC_OK);
    MUST(health == NULL || csvc_health_register(srv, health) == CSVC_OK);
    MUST(csvc_server_listen(srv, "127.0.0.1:0", &port, &err) == CSVC_OK);
    MUST(csvc_server_start(srv, &err) == CSVC_OK);
    (void)snprintf(ret_address, 32, "127.0.0.1:%d", port);
    return srv;
}

/* ---- callers ---- */

static atomic_long begun, ended, ok;

static void count(csvc_code code)
{
    MUST(code == CSVC_OK || code == CSVC_CANCELLED || code == CSVC_UNAVAILABLE);
    atomic_fetch_add(&ok, code == CSVC_OK);
    atomic_fetch_add(&ended, 1);
}

static void call_done(void *self, const csvc_rpc *rpc, const Torture__V1__Msg *rsp)
{
    (void)self;
    (void)rsp;
    count(rpc->code);
}

static void stream_done(void *self, csvc_code code)
{
    (void)self;
    count(code);
}

static void all_ended(void)
{
    for (int i = 0; i < 20000 && atomic_load(&ended) < atomic_load(&begun); i++) {
        const struct timespec ts = {.tv_nsec = 1000000};

        nanosleep(&ts, NULL);
    }
    MUST(atomic_load(&ended) == atomic_load(&begun));
}

static csvc_channel *channel(const char *address, bool tls)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = csvc_channel_new(
        address,
        &(csvc_channel_options){CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core,
                                .tls_ca_file = tls ? "ca.pem" : NULL},
        &err);

    MUST(ch != NULL);
    return ch;
}

/* A unary call that is held to be finished by another, one that is answered, a stream. */
static void begin_some(csvc_channel *ch, csvc_call **ret_calls)
{
    const csvc_events events = {CSVC_EVENTS_INIT, .on_done = stream_done, .auto_more = true};
    Torture__V1__WaitRequest held = TORTURE__V1__WAIT_REQUEST__INIT;
    Torture__V1__Msg msg = TORTURE__V1__MSG__INIT;
    csvc_rpc rpc = {CSVC_RPC_INIT, .wait_for_ready = true, .timeout_ms = 20000};

    atomic_fetch_add(&begun, 3);
    ret_calls[0] = torture_v1_torture_client_wait_async(ch, &rpc, &held, call_done, NULL);
    ret_calls[1] = torture_v1_torture_client_echo_async(ch, &rpc, &msg, call_done, NULL);
    ret_calls[2] = torture_v1_torture_client_both_async(ch, &rpc, &events);
    MUST(ret_calls[0] != NULL && ret_calls[1] != NULL && ret_calls[2] != NULL);
    (void)torture_v1_torture_client_both_send(ret_calls[2], &msg);
    csvc_rpc_clear(&rpc);
}

/* ---- shutdown ---- */

static void *set_health(void *self)
{
    csvc_health *health = self;
    unsigned state = seed;

    for (int i = 0; i < 20; i++) {
        (void)csvc_health_set(health, "torture.v1.Torture",
                              i % 2 == 0 ? CSVC_HEALTH_NOT_SERVING : CSVC_HEALTH_SERVING);
        pause_us(100, &state);
    }
    return NULL;
}

static void shutdowns(long n)
{
    for (long i = 0; i < n; i++) {
        csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT};
        csvc_health *health = csvc_health_new();
        pthread_t threads[2], setter;
        csvc_call *calls[12];
        csvc_channel *ch;
        csvc_server *srv;
        char address[32];

        MUST(health != NULL);
        finishers_begin(threads, 2);
        srv = serve(&options, health, address);
        MUST(pthread_create(&setter, NULL, set_health, health) == 0);
        ch = channel(address, false);
        for (int k = 0; k < 4; k++) {
            begin_some(ch, calls + 3 * k);
            pause_us(500, &seed);
        }
        pause_us(3000, &seed);
        for (int k = 0; k < 12; k++) {
            if (rand_r(&seed) % 4 == 0) {
                csvc_call_cancel(calls[k]);
            }
        }
        if (rand_r(&seed) % 2 == 0) {
            csvc_health_drain(health);
        }
        (void)csvc_server_shutdown(srv, rand_r(&seed) % 5);
        for (int k = 0; k < 12; k++) {
            csvc_call_cancel(calls[k]); /* those that the server never saw wait for it */
            csvc_call_unref(calls[k]);
        }
        finishers_end(threads, 2);
        csvc_server_free(srv);
        csvc_channel_free(ch);
        pthread_join(setter, NULL);
        csvc_health_free(health);
        all_ended();
    }
}

/* ---- cancel against finish ---- */

static void cancels(long n)
{
    csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT};
    pthread_t threads[2];
    csvc_channel *ch;
    csvc_server *srv;
    char address[32];

    finishers_begin(threads, 2);
    srv = serve(&options, NULL, address);
    ch = channel(address, false);
    for (long i = 0; i < n; i++) {
        csvc_call *calls[3];

        begin_some(ch, calls);
        pause_us(600, &seed);
        for (int k = 0; k < 3; k++) {
            csvc_call_cancel(calls[k]);
            csvc_call_unref(calls[k]);
            pause_us(100, &seed);
        }
    }
    all_ended();
    csvc_channel_free(ch);
    (void)csvc_server_shutdown(srv, 5000);
    finishers_end(threads, 2);
    csvc_server_free(srv);
    MUST(atomic_load(&ok) > 0 && atomic_load(&ok) < atomic_load(&begun));
}

/* ---- watch against set ---- */

typedef struct watcher {
    atomic_int told, last, ends;
} watcher;

static atomic_bool set_over;

static void watch_told(void *self, const void *message)
{
    const CsvcPb__HealthCheckResponse *rsp = message;
    watcher *w = self;

    if (rsp != NULL) {
        MUST(atomic_load(&w->ends) == 0);
        MUST((int)rsp->status >= CSVC_HEALTH_UNKNOWN &&
             (int)rsp->status <= CSVC_HEALTH_SERVICE_UNKNOWN);
        atomic_store(&w->last, (int)rsp->status);
        atomic_fetch_add(&w->told, 1);
    }
}

static void watch_done(void *self, csvc_code code)
{
    watcher *w = self;

    MUST(atomic_fetch_add(&w->ends, 1) == 0);
    count(code);
}

static csvc_call *watch(csvc_channel *ch, const char *service, watcher *w)
{
    const csvc_events events = {CSVC_EVENTS_INIT, .self = w, .on_message = watch_told,
                                .on_done = watch_done, .auto_more = true};
    CsvcPb__HealthCheckRequest req = CSVC_PB__HEALTH_CHECK_REQUEST__INIT;
    csvc_rpc rpc = {CSVC_RPC_INIT, .wait_for_ready = true};
    csvc_call *call;

    req.service = (char *)(uintptr_t)service;
    atomic_fetch_add(&begun, 1);
    call = csvc_pb_health_client_watch_async(ch, &rpc, &req, &events);
    MUST(call != NULL);
    csvc_rpc_clear(&rpc);
    return call;
}

static void *set_on(void *self)
{
    csvc_health *health = self;
    unsigned state = seed + 7;

    for (int i = 0; !atomic_load(&set_over); i++) {
        (void)csvc_health_set(health, i % 3 == 0 ? "" : "a",
                              i % 2 == 0 ? CSVC_HEALTH_NOT_SERVING : CSVC_HEALTH_SERVING);
        if (i % 64 == 0) {
            csvc_health_drain(health);
            pause_us(200, &state);
            csvc_health_resume(health);
        }
        pause_us(100, &state);
    }
    return NULL;
}

/* Watchers come and go while two threads set; two who stay hear of the last status. */
static void watches(long n)
{
    enum {
        STAY = 2,
        GUESTS = 4
    };
    csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT};
    csvc_health *health = csvc_health_new();
    csvc_call *staying[STAY], *calls[GUESTS];
    watcher stay[STAY] = {0};
    pthread_t setters[2];
    csvc_channel *ch;
    csvc_server *srv;
    char address[32];

    MUST(health != NULL);
    srv = serve(&options, health, address);
    ch = channel(address, false);
    for (int k = 0; k < STAY; k++) {
        staying[k] = watch(ch, k == 0 ? "" : "a", &stay[k]);
        MUST(pthread_create(&setters[k], NULL, set_on, health) == 0);
    }
    for (long i = 0; i < n; i++) {
        watcher guests[GUESTS] = {0};

        for (int k = 0; k < GUESTS; k++) {
            calls[k] = watch(ch, k % 2 == 0 ? "" : k == 1 ? "a" : "nobody", &guests[k]);
        }
        pause_us(1500, &seed);
        for (int k = 0; k < GUESTS; k++) {
            csvc_call_cancel(calls[k]);
            csvc_call_unref(calls[k]);
            pause_us(100, &seed);
        }
        for (int k = 0; k < GUESTS; k++) { /* their memory ends with the iteration */
            for (int ms = 0; ms < 20000 && atomic_load(&guests[k].ends) == 0; ms++) {
                const struct timespec ts = {.tv_nsec = 1000000};

                nanosleep(&ts, NULL);
            }
            MUST(atomic_load(&guests[k].ends) == 1);
        }
    }
    atomic_store(&set_over, true);
    for (int k = 0; k < STAY; k++) {
        pthread_join(setters[k], NULL);
    }
    (void)csvc_health_set(health, "", CSVC_HEALTH_UNKNOWN);
    (void)csvc_health_set(health, "a", CSVC_HEALTH_UNKNOWN);
    for (int k = 0; k < STAY; k++) {
        for (int ms = 0; ms < 20000 && atomic_load(&stay[k].last) != CSVC_HEALTH_UNKNOWN; ms++) {
            const struct timespec ts = {.tv_nsec = 1000000};

            nanosleep(&ts, NULL);
        }
        MUST(atomic_load(&stay[k].last) == CSVC_HEALTH_UNKNOWN && atomic_load(&stay[k].told) > 1);
        csvc_call_cancel(staying[k]);
        csvc_call_unref(staying[k]);
    }
    all_ended();
    (void)csvc_server_shutdown(srv, 5000);
    csvc_server_free(srv);
    csvc_channel_free(ch);
    csvc_health_free(health);
}

/* ---- reload against call ---- */

static atomic_bool swap_over;
static atomic_long swaps;

static void copy(const char *from, const char *to)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "cp %s new && mv new %s", from, to);
    MUST(system(command) == 0);
}

static void *swap(void *self)
{
    unsigned state = seed;

    (void)self;
    while (!atomic_load(&swap_over)) {
        const bool one = atomic_fetch_add(&swaps, 1) % 2 == 0;

        copy(one ? "one.pem" : "two.pem", "server.pem");
        pause_us(2000, &state);
        copy(one ? "one.key" : "two.key", "server.key");
        pause_us(5000, &state);
    }
    return NULL;
}

static void reloads(long n)
{
    csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .tls_cert_file = "server.pem",
                                   .tls_key_file = "server.key"};
    csvc_server *srv;
    pthread_t swapper;
    char address[32];

    certs_begin();
    certs_ca("ca");
    certs_sign("one", "ca", "one", "DNS:localhost,IP:127.0.0.1", 0);
    certs_sign("two", "ca", "two", "DNS:localhost,IP:127.0.0.1", 0);
    copy("one.pem", "server.pem");
    copy("one.key", "server.key");
    srv = serve(&options, NULL, address);
    MUST(pthread_create(&swapper, NULL, swap, NULL) == 0);
    for (long i = 0; i < n; i++) {
        csvc_channel *ch = channel(address, true);
        csvc_rpc rpc = {CSVC_RPC_INIT, .wait_for_ready = true, .timeout_ms = 20000};
        Torture__V1__Msg msg = TORTURE__V1__MSG__INIT;
        const Torture__V1__Msg *rsp;

        if (torture_v1_torture_client_echo(ch, &rpc, &msg, &rsp) != CSVC_OK) {
            (void)fprintf(stderr, "call %ld: %s\n", i, rpc.message);
            exit(1);
        }
        csvc_rpc_clear(&rpc);
        csvc_channel_free(ch);
        pause_us(1000, &seed);
    }
    atomic_store(&swap_over, true);
    pthread_join(swapper, NULL);
    (void)csvc_server_shutdown(srv, 5000);
    csvc_server_free(srv);
    certs_end();
    MUST(atomic_load(&swaps) > 1);
}

/* ---- the program ---- */

int main(int argc, char **argv)
{
    const long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0;

    if (n < 1) {
        (void)fprintf(stderr, "usage: races shutdown|cancel|watch|reload ITERATIONS [SEED]\n");
        return 2;
    }
    seed = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : (unsigned)time(NULL);
    printf("seed %u\n", seed);
    fflush(stdout);
    if (strcmp(argv[1], "shutdown") == 0) {
        shutdowns(n);
    } else if (strcmp(argv[1], "cancel") == 0) {
        cancels(n);
    } else if (strcmp(argv[1], "watch") == 0) {
        watches(n);
    } else if (strcmp(argv[1], "reload") == 0) {
        reloads(n);
    } else {
        return 2;
    }
    MUST(atomic_load(&lot.twice) == 0 && atomic_load(&lot.dones) == atomic_load(&lot.served));
    printf("%ld iterations, %ld calls, %ld of them OK, %ld held\n", n, atomic_load(&begun),
           atomic_load(&ok), atomic_load(&lot.served));
    return 0;
}
