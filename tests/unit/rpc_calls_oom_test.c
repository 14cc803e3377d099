/* Each allocation of ours fails in turn, through the life of a channel with a call of each kind
 * that lasts: streams that are waited for, calls nobody waits for, interceptors around all of them;
 * and through lists of addresses and calls with a policy of retries. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/client.h>
#include <csvc/server.h>
#include <rpc/resolve.h>

#include <base/arena.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "failing_alloc.h"
#include "fake_transport.h"
#include "log_catcher.h"
#include "stream_service.h"
#include "transports.h"

/* Runs `one` with the first allocation failing, then the second, until none is left to fail. */
static void fail_each(bool (*one)(void *arg), void *arg, size_t at_least)
{
    size_t n = 0, asked;
    bool fine;

    do {
        failing_alloc_begin(++n);
        fine = one(arg);
        asked = failing_alloc_end();
        assert_int_equal(0, failing_alloc_live());
    } while (asked >= n);
    assert_true(fine); /* the round in which nothing failed */
    assert_true(n > at_least);
}

/* ---- a server that answers whatever it is asked ---- */

static const uint8_t seven_ada[] = {0x08, 7, 0x12, 3, 'a', 'd', 'a'};

/* Three messages down, or one where only one is meant; none before the half-close of who sends. */
typedef struct plan {
    int which; /* a STREAM_ rpc */
    bool waits;
    int begun, ended, sent, received; /* what the interceptor saw */
    int told;                         /* replies */
} plan;

static void answers(void *self, fake_out *out)
{
    const plan *p = self;
    const int last = p->which == STREAM_UP ? 1 : 3;

    if (out->sending) {
        fake_out_writable(out);
    }
    if (!out->closed || !out->reading) {
        return;
    }
    if (out->n_answers < last) {
        out->n_answers++;
        fake_out_message(out, seven_ada, sizeof(seven_ada), false);
        return;
    }
    fake_out_half_close(out);
    fake_out_status(out, CSVC_OK, "", "x-tail", "last");
}

static void begins(void *self, fake_out *out)
{
    const plan *p = self;

    if (p->which == STREAM_KEEP) {
        fake_out_headers(out, "x-head", "first");
        fake_out_message(out, seven_ada, sizeof(seven_ada), false);
        fake_out_status(out, CSVC_OK, "", "x-tail", "last");
        return;
    }
    out->asked = answers;
    fake_out_headers(out, "x-head", "first");
}

/* ---- an interceptor that takes memory and counts ---- */

static csvc_code spy_begin(void *self, csvc_ctx *ctx, void *state)
{
    (void)state;
    ((plan *)self)->begun++;
    return csvc_set_header(ctx, "x-added", "1");
}

static csvc_code spy_received(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    (void)ctx;
    (void)state;
    (void)message;
    ((plan *)self)->received++;
    return CSVC_OK;
}

static void spy_sent(void *self, csvc_ctx *ctx, void *state, const void *message)
{
    (void)ctx;
    (void)state;
    (void)message;
    ((plan *)self)->sent++;
}

static void spy_end(void *self, csvc_ctx *ctx, void *state, const csvc_outcome *outcome)
{
    (void)ctx;
    (void)state;
    (void)outcome;
    ((plan *)self)->ended++;
}

static const csvc_interceptor spy = {CSVC_INTERCEPTOR_INIT,    .name = "spy",
                                     .phase = CSVC_PHASE_USER, .state_size = 700,
                                     .begin = spy_begin,       .received = spy_received,
                                     .sent = spy_sent,         .end = spy_end};

/* ---- the callers ---- */

/* An end that comes on the loop. */
typedef struct ending {
    plan *p;
    pthread_mutex_t lock;
    pthread_cond_t come;
    int ends;
    csvc_code code;
} ending;

static void come(ending *e, csvc_code code)
{
    (void)pthread_mutex_lock(&e->lock);
    e->ends++;
    e->code = code;
    (void)pthread_cond_signal(&e->come);
    (void)pthread_mutex_unlock(&e->lock);
}

static void on_message(void *self, const void *message)
{
    ((ending *)self)->p->told += message != NULL;
}

static void on_done(void *self, csvc_code code)
{
    come(self, code);
}

static void relay(csvc_done_fn *done, void *self, const csvc_rpc *rpc, const void *reply)
{
    (void)done;
    assert_non_null(rpc->message);
    assert_int_equal(rpc->code == CSVC_OK, reply != NULL);
    ((ending *)self)->p->told += reply != NULL;
    come(self, rpc->code);
}

static void nothing(void)
{
}

static csvc_code await(ending *e)
{
    (void)pthread_mutex_lock(&e->lock);
    while (e->ends == 0) {
        (void)pthread_cond_wait(&e->come, &e->lock);
    }
    (void)pthread_mutex_unlock(&e->lock);
    return e->code;
}

static csvc_code send_some(csvc_call *call)
{
    Codec3__Inner message = CODEC3__INNER__INIT;
    csvc_code code = CSVC_OK;
    char name[1501];

    memset(name, 'x', 1500);
    name[1500] = '\0';
    message.name = name; /* more than a scratch holds */
    for (int i = 0; i < 12 && code == CSVC_OK; i++) {
        code = csvc_call_send(call, &message);
    }
    csvc_call_close_send(call);
    return code;
}

/* Sends, receives, finishes; the worst code of the three. */
static csvc_code use_waiting(plan *p, csvc_call *call, csvc_rpc *rpc)
{
    csvc_code code = CSVC_OK, finished;
    const void *message;

    if (p->which != STREAM_DOWN) {
        code = send_some(call);
    }
    if (p->which == STREAM_UP) {
        finished = csvc_call_finish(call, rpc, &message);
        p->told += finished == CSVC_OK;
    } else {
        while (csvc_call_recv(call, &message)) {
            p->told++;
        }
        finished = csvc_call_finish(call, rpc, NULL);
    }
    assert_int_equal(finished, rpc->code);
    assert_non_null(rpc->message);
    return finished != CSVC_OK ? finished : code;
}

/* One call; true when all went well, else for want of memory. */
static csvc_code call_once(plan *p, csvc_channel *ch, csvc_rpc *rpc)
{
    ending e = {p, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, CSVC_OK};
    const csvc_events events = {CSVC_EVENTS_INIT, .self = &e, .on_message = on_message,
                                .on_done = on_done, .auto_more = true};
    const csvc_method *method = &stream_methods[p->which];
    const bool has_request = p->which == STREAM_DOWN || p->which == STREAM_KEEP;
    Codec3__Inner req = CODEC3__INNER__INIT;
    csvc_code code, sent = CSVC_OK;
    char name[1501];
    csvc_call *call;

    memset(name, 'x', 1500);
    name[1500] = '\0';
    req.name = name;
    if (p->which == STREAM_KEEP) {
        call = csvc_call_async(ch, method, rpc, &req, relay, nothing, &e);
    } else {
        call =
            csvc_call_start(ch, method, rpc, has_request ? &req : NULL, p->waits ? NULL : &events);
    }
    if (call == NULL) {
        assert_int_equal(0, e.ends);
        assert_non_null(rpc->message);
        return rpc->code;
    }
    if (p->waits) {
        return use_waiting(p, call, rpc);
    }
    if (!has_request) {
        sent = send_some(call);
    }
    code = await(&e);
    assert_int_equal(1, e.ends);
    (void)csvc_call_unref(call);
    return code != CSVC_OK ? code : sent;
}

static bool one_channel(void *arg)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &fake_transport};
    const csvc_metadata_pair pair = {"x-key", {1, (const uint8_t *)"x"}};
    plan *p = arg;
    csvc_rpc rpc = {CSVC_RPC_INIT, .metadata = &pair, .n_metadata = 1};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch;
    bool fine = true;

    *p = (plan){.which = p->which, .waits = p->waits};
    fake_set_script(begins, p);
    ch = csvc_channel_new("fake", &options, &err);
    if (ch == NULL) {
        assert_int_equal(CSVC_RESOURCE_EXHAUSTED, err.code);
        return false;
    }
    if (csvc_channel_intercept(ch, &spy, p) != CSVC_OK) {
        csvc_channel_free(ch);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        const csvc_code code = call_once(p, ch, &rpc);

        assert_true(code == CSVC_OK || code == CSVC_RESOURCE_EXHAUSTED);
        fine = fine && code == CSVC_OK;
    }
    csvc_rpc_clear(&rpc);
    csvc_channel_free(ch);
    assert_int_equal(p->begun, p->ended); /* one end for each begin */
    if (fine) {
        const int replies = p->which == STREAM_UP || p->which == STREAM_KEEP ? 1 : 3;

        assert_int_equal(2, p->begun);
        assert_int_equal(2 * replies, p->told);
        assert_int_equal(2 * replies, p->received);
        assert_int_equal(p->which == STREAM_UP || p->which == STREAM_BOTH ? 24 : 2, p->sent);
    }
    return fine;
}

static void streams_that_are_waited_for(void **state)
{
    (void)state;
    for (int which = STREAM_DOWN; which <= STREAM_BOTH; which++) {
        plan p = {.which = which, .waits = true};

        fail_each(one_channel, &p, 10);
    }
}

static void calls_nobody_waits_for(void **state)
{
    (void)state;
    for (int which = STREAM_DOWN; which <= STREAM_KEEP; which++) {
        plan p = {.which = which};

        fail_each(one_channel, &p, 10);
    }
}

/* ---- targets ---- */

static bool resolve_one(void *arg)
{
    csvc__endpoints endpoints;
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_arena a;
    csvc_code code;

    csvc__arena_init(&a, NULL, 0, 1 << 20);
    code = csvc__resolve(&a, arg, &endpoints, &err);
    if (code == CSVC_OK) {
        assert_int_equal(60, endpoints.n_addresses);
        assert_string_equal("127.0.0.1:1", endpoints.authority);
        assert_string_equal("[::1]:60", endpoints.addresses[59]);
    } else {
        assert_int_equal(CSVC_RESOURCE_EXHAUSTED, code);
        assert_string_equal("out of memory", err.text);
    }
    csvc__arena_release(&a);
    return code == CSVC_OK;
}

static void lists_of_addresses(void **state)
{
    char target[2000] = "static:";
    size_t at = 7;

    (void)state;
    for (int i = 1; i <= 60; i++) {
        at += (size_t)snprintf(target + at, sizeof(target) - at, "%s%s:%d", i > 1 ? "," : "",
                               i % 2 == 0 ? "[::1]" : "127.0.0.1", i);
    }
    fail_each(resolve_one, target, 1);
}

/* ---- over the C core, both ends ---- */

static csvc_code keep(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                      Codec3__Inner *rsp)
{
    (void)peer;
    (void)ctx;
    (void)req;
    rsp->id = 7;
    return CSVC_OK;
}

static csvc_code down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, csvc_stream *out)
{
    Codec3__Inner message = CODEC3__INNER__INIT;
    csvc_code code = CSVC_OK;

    (void)peer;
    (void)ctx;
    (void)req;
    for (int i = 0; i < 3 && code == CSVC_OK; i++) {
        code = csvc_stream_send(out, &message);
    }
    return code;
}

static csvc_code both(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    Codec3__Inner none = CODEC3__INNER__INIT;
    const csvc_code code = stream_sums(peer, ctx, in, &none);

    return code == CSVC_OK ? down(peer, ctx, NULL, out) : code;
}

/* A call with a policy of retries. */
static csvc_code call_with_policy(csvc_channel *ch, csvc_rpc *rpc)
{
    static const csvc_retry thrice = {CSVC_RETRY_INIT, .max_attempts = 3, .initial_backoff_ms = 1};
    csvc_method own = stream_methods[STREAM_KEEP];
    Codec3__Inner req = CODEC3__INNER__INIT;
    const void *rsp;

    own.retry = &thrice;
    return csvc_call_unary(ch, &own, rpc, &req, &rsp);
}

/* Two calls of the plan, and one with a policy. */
static bool call_thrice(plan *p, int port)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &csvc_grpc_core};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch;
    char target[32];
    bool fine = true;

    (void)snprintf(target, sizeof(target), "static:127.0.0.1:%d", port);
    ch = csvc_channel_new(target, &options, &err);
    if (ch == NULL) {
        assert_int_equal(CSVC_RESOURCE_EXHAUSTED, err.code);
        return false;
    }
    fine = csvc_channel_intercept(ch, &spy, p) == CSVC_OK;
    for (int i = 0; i < 3 && fine; i++) {
        const csvc_code code = i < 2 ? call_once(p, ch, &rpc) : call_with_policy(ch, &rpc);

        fine = code == CSVC_OK;
        /* UNAVAILABLE: the server had no memory for the connection */
        if (!fine && code != CSVC_RESOURCE_EXHAUSTED && code != CSVC_UNAVAILABLE) {
            fail_msg("%s: %s", csvc_code_name(code), rpc.message);
        }
    }
    csvc_rpc_clear(&rpc);
    csvc_channel_free(ch);
    assert_int_equal(p->begun, p->ended);
    return fine;
}

static bool over_the_core(void *arg)
{
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = test_transport(),
                                         .loops = 1};
    plan *p = arg;
    stream_peer peer = {.keep = keep, .down = down, .up = stream_sums, .both = both};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_server *srv = csvc_server_new(&options, &err);
    int port = 0;
    bool fine;

    *p = (plan){.which = p->which, .waits = p->waits};
    fine = srv != NULL && stream_register(srv, &peer) == CSVC_OK &&
           csvc_server_listen(srv, "127.0.0.1:0", &port, &err) == CSVC_OK &&
           csvc_server_start(srv, &err) == CSVC_OK && call_thrice(p, port);
    if (port != 0) {
        (void)csvc_server_shutdown(srv, 20000);
    }
    assert_null(csvc_server_free(srv));
    return fine;
}

static void calls_over_the_core(void **state)
{
    (void)state;
    log_catch(CSVC_LOG_OFF);
    for (int i = 0; i < 7; i++) {
        plan p = {.which = i / 2, .waits = i % 2 == 1};

        fail_each(over_the_core, &p, 10);
    }
    log_let_go();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_that_are_waited_for),
        cmocka_unit_test(calls_nobody_waits_for),
        cmocka_unit_test(lists_of_addresses),
        cmocka_unit_test(calls_over_the_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
