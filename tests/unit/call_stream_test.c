/* The sending half of a caller's stream: what comes behind its half-close, and a server that ends
 * the call while much is still to be sent. Over a transport whose events the test fires, and over
 * the C core. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/testing.h>
#include <rpc/call_stream.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "await.h"
#include "fake_transport.h"
#include "stream_service.h"
#include "transports.h"

static const uint8_t seven_ada[] = {0x08, 7, 0x12, 3, 'a', 'd', 'a'};

/* A server, written as a script. */
typedef struct script {
    int takes;           /* messages; behind them nothing is taken any more */
    csvc_code code;      /* of the end */
    bool ends_at_once;   /* when the last one is taken, else when it is told to */
    bool replies;        /* with one message, before the end */
    fake_out *out;       /* the call */
    atomic_int n_sent;   /* messages that came */
    atomic_int n_closes; /* half-closes */
    bool cancelled;      /* when it was told to end */
    csvc_call *call;     /* of a client that gives up within a send */
    csvc_task end;
} script;

static void give_end(script *s)
{
    if (s->replies) {
        fake_out_message(s->out, seven_ada, sizeof(seven_ada), false);
    }
    fake_out_status(s->out, s->code, s->code != CSVC_OK ? "enough" : "", NULL, NULL);
}

static void run_end(csvc_task *task)
{
    give_end((script *)(void *)((uint8_t *)task - offsetof(script, end)));
}

static void takes(void *self, fake_out *out)
{
    script *s = self;

    while (out->sending && out->n_sent < s->takes) {
        fake_out_writable(out); /* the next one may come within */
    }
    atomic_store(&s->n_sent, out->n_sent);
    atomic_store(&s->n_closes, out->closed ? 1 : 0);
    if ((out->sending && s->ends_at_once) || (out->closed && !out->sending)) {
        give_end(s);
    }
}

static void begins(void *self, fake_out *out)
{
    ((script *)self)->out = out;
    out->asked = takes;
    fake_out_headers(out, "x-head", "first");
}

static csvc_channel *channel_to(script *s)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = &fake_transport};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = csvc_channel_new("fake", &options, &err);

    fake_set_script(begins, s);
    assert_non_null(ch);
    return ch;
}

static csvc_code send_one(csvc_call *call)
{
    Codec3__Inner message = CODEC3__INNER__INIT;

    message.name = (char *)(uintptr_t) "one of many";
    return csvc_call_send(call, &message);
}

/* ---- behind the half-close ---- */

typedef struct told {
    atomic_int messages, done, code;
} told;

static void on_message(void *self, const void *message)
{
    atomic_fetch_add(&((told *)self)->messages, message != NULL);
}

static void on_done(void *self, csvc_code code)
{
    atomic_store(&((told *)self)->code, (int)code);
    atomic_fetch_add(&((told *)self)->done, 1);
}

static void nothing_is_sent_behind_the_half_close(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT};
    told t = {.messages = 0};
    const csvc_events events = {CSVC_EVENTS_INIT, .self = &t, .on_message = on_message,
                                .on_done = on_done, .auto_more = true};

    (void)state;
    for (int i = 0; i < 2; i++) {
        script s = {.takes = 100, .replies = true, .end.run = run_end};
        csvc_channel *ch = channel_to(&s);
        csvc_call *call =
            csvc_call_start(ch, &stream_methods[STREAM_BOTH], &rpc, NULL, i == 1 ? &events : NULL);
        const void *message;

        assert_non_null(call);
        assert_int_equal(CSVC_OK, send_one(call));
        csvc_call_close_send(call);
        assert_int_equal(CSVC_FAILED_PRECONDITION, send_one(call));
        csvc_call_close_send(call); /* once is enough: a second one would be the transport's end */
        assert_int_equal(CSVC_FAILED_PRECONDITION, send_one(call));
        if (i == 0) {
            assert_true(csvc_call_recv(call, &message)); /* the other half is open */
            assert_false(csvc_call_recv(call, &message));
            assert_int_equal(CSVC_OK, csvc_call_finish(call, &rpc, NULL));
        } else {
            await_value(&t.done, 1);
            assert_int_equal(CSVC_OK, atomic_load(&t.code));
            assert_int_equal(1, atomic_load(&t.messages));
            assert_int_equal(CSVC_FAILED_PRECONDITION, send_one(call)); /* nor behind the end */
            csvc_call_unref(call);
        }
        assert_int_equal(1, atomic_load(&s.n_sent));
        assert_int_equal(1, atomic_load(&s.n_closes));
        csvc_channel_free(ch);
    }
    csvc_rpc_clear(&rpc);
}

/* ---- a client gives up ---- */

static void run_end_of_cancelled(csvc_task *task)
{
    script *s = (script *)(void *)((uint8_t *)task - offsetof(script, end));

    s->cancelled = s->out->cancelled;
    atomic_store(&s->n_closes, s->out->closed ? 1 : 0);
    give_end(s);
}

/* What another thread may do while the loop is in the transport's send. */
static void give_up(void *self, fake_out *out)
{
    script *s = self;

    csvc_call_cancel(s->call);
    csvc_call_close_send(s->call);           /* as csvc_call_finish does */
    csvc__loop_post(out->tc->loop, &s->end); /* behind the turn of those two */
}

static void begins_to_be_given_up(void *self, fake_out *out)
{
    ((script *)self)->out = out;
    out->silent_cancel = true;
    out->in_send = give_up;
}

static void a_call_that_was_cancelled_is_not_half_closed(void **state)
{
    script s = {.code = CSVC_CANCELLED, .end.run = run_end_of_cancelled};
    csvc_rpc rpc = {CSVC_RPC_INIT};
    csvc_channel *ch = channel_to(&s);

    (void)state;
    fake_set_script(begins_to_be_given_up, &s);
    s.call = csvc_call_start(ch, &stream_methods[STREAM_UP], &rpc, NULL, NULL);
    assert_non_null(s.call);
    assert_int_equal(CSVC_OK, send_one(s.call));
    assert_int_equal(CSVC_CANCELLED, csvc_call_finish(s.call, &rpc, NULL));
    assert_true(s.cancelled);
    assert_int_equal(0, atomic_load(&s.n_closes));
    csvc_channel_free(ch);
    csvc_rpc_clear(&rpc);
}

/* ---- the server wants no more ---- */

typedef struct waker {
    csvc_call *call;
    script *s;
} waker;

/* Ends the call when the server has taken what it takes and the sender waits for room. */
static void *end_when_it_waits(void *arg)
{
    waker *w = arg;
    const int64_t until = csvc__now() + 20 * CSVC__SECOND;
    bool waiting = false;

    while ((!waiting || atomic_load(&w->s->n_sent) < w->s->takes) && csvc__now() < until) {
        (void)pthread_mutex_lock(&w->call->stream.lock);
        waiting = w->call->stream.for_room != NULL;
        (void)pthread_mutex_unlock(&w->call->stream.lock);
        sched_yield();
    }
    csvc__loop_post(w->s->out->tc->loop, &w->s->end);
    return waiting ? w : NULL;
}

static void a_sender_hears_of_the_end(void **state)
{
    static const struct {
        int which;
        csvc_code status, sent, finished;
        bool replies;
    } cases[] = {
        {STREAM_BOTH, CSVC_ABORTED, CSVC_ABORTED, CSVC_ABORTED, false},
        {STREAM_BOTH, CSVC_OK, CSVC_CANCELLED, CSVC_OK, false},
        {STREAM_UP, CSVC_ABORTED, CSVC_ABORTED, CSVC_ABORTED, false},
        {STREAM_UP, CSVC_OK, CSVC_CANCELLED, CSVC_OK, true},
        {STREAM_UP, CSVC_OK, CSVC_CANCELLED, CSVC_UNIMPLEMENTED, false},
    };
    csvc_rpc rpc = {CSVC_RPC_INIT};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        const bool waits = i % 2 == 1; /* when the end comes */
        const size_t at = i / 2;
        script s = {.takes = 3,
                    .code = cases[at].status,
                    .ends_at_once = !waits,
                    .replies = cases[at].replies,
                    .end.run = run_end};
        csvc_channel *ch = channel_to(&s);
        csvc_call *call = csvc_call_start(ch, &stream_methods[cases[at].which], &rpc, NULL, NULL);
        waker w = {call, &s};
        const void *reply = NULL;
        pthread_t thread;
        void *waited;
        csvc_code code;

        assert_non_null(call);
        assert_int_equal(CSVC_OK, send_one(call));
        await_value(&s.n_sent, 1);
        if (waits) {
            assert_int_equal(0, pthread_create(&thread, NULL, end_when_it_waits, &w));
        }
        while ((code = send_one(call)) == CSVC_OK) {
        }
        if (waits) {
            assert_int_equal(0, pthread_join(thread, &waited));
            assert_non_null(waited);
        }
        assert_int_equal(cases[at].sent, code);
        assert_int_equal(cases[at].sent, send_one(call)); /* and so it stays */
        assert_int_equal(
            cases[at].finished,
            csvc_call_finish(call, &rpc, cases[at].which == STREAM_UP ? &reply : NULL));
        assert_string_equal(cases[at].finished == CSVC_ABORTED         ? "enough"
                            : cases[at].finished == CSVC_UNIMPLEMENTED ? "the server sent no reply"
                                                                       : "",
                            rpc.message);
        assert_int_equal(cases[at].replies, reply != NULL);
        assert_int_equal(3, atomic_load(&s.n_sent)); /* what was queued behind them is dropped */
        csvc_channel_free(ch);
    }
    csvc_rpc_clear(&rpc);
}

/* Nobody waits: the queue refuses what is too much, then the end comes, once. */
static void who_does_not_wait_hears_too(void **state)
{
    csvc_rpc rpc = {CSVC_RPC_INIT};
    told t = {.messages = 0};
    const csvc_events events = {CSVC_EVENTS_INIT, .self = &t, .on_done = on_done};
    script s = {.takes = 3, .code = CSVC_ABORTED, .end.run = run_end};
    csvc_channel *ch = channel_to(&s);
    csvc_call *call = csvc_call_start(ch, &stream_methods[STREAM_UP], &rpc, NULL, &events);
    csvc_code code;
    int n = 0;

    (void)state;
    assert_non_null(call);
    while ((code = send_one(call)) == CSVC_OK) {
        assert_true(++n < 1000);
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, code);
    await_value(&s.n_sent, 3);
    assert_int_equal(0, atomic_load(&t.done));
    csvc__loop_post(s.out->tc->loop, &s.end);
    await_value(&t.done, 1);
    assert_int_equal(CSVC_ABORTED, atomic_load(&t.code));
    assert_int_equal(CSVC_ABORTED, send_one(call));
    assert_string_equal("enough", csvc_call_outcome(call)->message);
    csvc_call_unref(call);
    csvc_channel_free(ch);
    assert_int_equal(1, atomic_load(&t.done));
    csvc_rpc_clear(&rpc);
}

/* ---- the same over the C core ---- */

static csvc_code takes_one(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    const csvc_code code = (csvc_code)atomic_load(&peer->told);
    const void *message;

    rsp->id = 1;
    assert_true(csvc_stream_recv(in, &message));
    return code != CSVC_OK ? csvc_fail(ctx, code, "enough") : CSVC_OK;
}

static void a_server_that_wants_no_more(void **state)
{
    stream_peer peer = {.up = takes_one};
    csvc_rpc rpc = {CSVC_RPC_INIT, .timeout_ms = 60000};
    csvc_testing *t = test_new();
    csvc_channel *ch;

    (void)state;
    assert_int_equal(CSVC_OK, stream_register(csvc_testing_server(t), &peer));
    ch = csvc_testing_channel(t);
    for (int i = 0; i < 20; i++) {
        const csvc_code status = i % 2 == 0 ? CSVC_ABORTED : CSVC_OK;
        csvc_call *call;
        const void *reply;
        csvc_code code;

        atomic_store(&peer.told, (int)status);
        call = csvc_call_start(ch, &stream_methods[STREAM_UP], &rpc, NULL, NULL);
        assert_non_null(call);
        while ((code = send_one(call)) == CSVC_OK) {
        }
        assert_int_equal(status == CSVC_OK ? CSVC_CANCELLED : status, code);
        assert_int_equal(status, csvc_call_finish(call, &rpc, &reply));
        assert_string_equal(status == CSVC_OK ? "" : "enough", rpc.message);
    }
    csvc_rpc_clear(&rpc);
    assert_null(csvc_testing_free(t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sent_behind_the_half_close),
        cmocka_unit_test(a_call_that_was_cancelled_is_not_half_closed),
        cmocka_unit_test(a_sender_hears_of_the_end),
        cmocka_unit_test(who_does_not_wait_hears_too),
        cmocka_unit_test(a_server_that_wants_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
