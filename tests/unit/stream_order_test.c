/* Detached calls over a transport without a network: every order in which messages, room, the end
 * of reading, cancellation, sends, finishes and the last reference can come. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <csvc/server.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_transport.h"
#include "log_catcher.h"
#include "stream_service.h"

static const uint8_t one[] = {0x08, 1};

/* A call in the test's hands. */
typedef struct kept {
    stream_peer peer;
    csvc_server *srv;
    fake_server *ts;
    bool auto_more, give_up; /* the handler drops its reference */
    csvc_code handler_code;

    csvc_ctx *ctx;
    csvc_stream *in, *out;
    Codec3__Inner *rsp;
    atomic_bool detached;
    bool inside; /* a function of csvc's was called by the test and has not returned */
    int messages, ends, writable, done;
    csvc_code code;
} kept;

static void check_event(const kept *k)
{
    assert_false(k->inside);                /* a sender may hold its locks */
    assert_int_equal(0, k->done);           /* that one is the last */
    assert_true(atomic_load(&k->detached)); /* and none is before the handler has returned */
}

static void on_message(void *self, const void *message)
{
    kept *k = self;

    check_event(k);
    assert_int_equal(0, k->ends);
    k->messages += message != NULL;
    k->ends += message == NULL;
}

static void on_writable(void *self)
{
    check_event(self);
    ((kept *)self)->writable++;
}

static void on_done(void *self, csvc_code code)
{
    kept *k = self;

    check_event(k);
    k->done++;
    k->code = code;
}

static csvc_code keep(kept *k, csvc_ctx *ctx)
{
    const csvc_events events = {CSVC_EVENTS_INIT,         .self = k,
                                .on_message = on_message, .on_writable = on_writable,
                                .on_done = on_done,       .auto_more = k->auto_more};

    k->ctx = csvc_detach(ctx, &events);
    if (k->give_up) {
        csvc_ctx_unref(k->ctx);
    }
    atomic_store(&k->detached, true);
    return k->handler_code;
}

static csvc_code both(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    kept *k = (kept *)(void *)peer;

    k->in = in;
    k->out = out;
    return keep(k, ctx);
}

static csvc_code up(stream_peer *peer, csvc_ctx *ctx, csvc_stream *in, Codec3__Inner *rsp)
{
    kept *k = (kept *)(void *)peer;

    k->in = in;
    k->rsp = rsp;
    return keep(k, ctx);
}

static csvc_code down(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req, csvc_stream *out)
{
    kept *k = (kept *)(void *)peer;

    (void)req;
    k->out = out;
    return keep(k, ctx);
}

static csvc_code unary(stream_peer *peer, csvc_ctx *ctx, const Codec3__Inner *req,
                       Codec3__Inner *rsp)
{
    kept *k = (kept *)(void *)peer;

    rsp->id = req->id + 1;
    k->rsp = rsp;
    return keep(k, ctx);
}

static void start(kept *k, uint32_t max_send_queue)
{
    const csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &fake_transport,
                                         .max_send_queue = max_send_queue};
    csvc_error err = {CSVC_ERROR_INIT};

    *k = (kept){.peer = {.down = down, .up = up, .both = both, .keep = unary}};
    k->srv = csvc_server_new(&options, &err);
    assert_non_null(k->srv);
    assert_int_equal(CSVC_OK, stream_register(k->srv, &k->peer));
    assert_int_equal(CSVC_OK, csvc_server_listen(k->srv, "fake:0", NULL, &err));
    assert_int_equal(CSVC_OK, csvc_server_start(k->srv, &err));
    k->ts = fake_last_server();
}

/* What was posted, and what that posts. */
static void run_posted(kept *k)
{
    csvc_loop *loop = csvc__loop_current();

    (void)k;
    while (atomic_load(&loop->posted) != NULL) {
        csvc__loop_run_posted(loop);
    }
}

/* A call whose handler has returned. */
static fake_call *arrive(kept *k, int which)
{
    fake_call *call;

    k->ctx = NULL;
    k->in = k->out = NULL;
    atomic_store(&k->detached, false);
    k->messages = k->ends = k->writable = k->done = 0;
    call = fake_arrive(k->ts, &(fake_arrival){.path = stream_methods[which].path,
                                              .bytes = one,
                                              .len = sizeof(one),
                                              .no_auto_close = true});
    while (!atomic_load(&k->detached)) {
        fake_turn(k->ts, csvc__now() + 20 * CSVC__SECOND);
    }
    if (stream_methods[which].flags == 0) { /* the worker has yet to post that it is through */
        while (!call->watched || csvc__loop_current() == NULL) {
            fake_turn(k->ts, csvc__now() + 20 * CSVC__SECOND);
        }
    }
    run_posted(k);
    return call;
}

static csvc_code finish(kept *k, csvc_code code)
{
    k->inside = true;
    code = csvc_finish(k->ctx, code);
    k->inside = false;
    return code;
}

static csvc_code send_one(kept *k, int id)
{
    Codec3__Inner message = CODEC3__INNER__INIT;
    csvc_code code;

    message.id = id;
    k->inside = true;
    code = csvc_stream_send(k->out, &message);
    k->inside = false;
    return code;
}

static void more(kept *k)
{
    k->inside = true;
    csvc_more(k->in);
    k->inside = false;
}

static void unref(kept *k)
{
    k->inside = true;
    csvc_ctx_unref(k->ctx);
    k->inside = false;
}

/* The transport's part of the end. */
static void close_call(kept *k, fake_call *call)
{
    run_posted(k);
    if (!call->finished) {
        fail_msg("the call was not finished");
    }
    fake_close(call, !call->cancelled, call->cancelled);
    run_posted(k);
}

static void assert_gone(kept *k, fake_call *call)
{
    run_posted(k);
    assert_int_equal(1, k->done);
    assert_int_equal(0, fake_live(k->ts));
    fake_call_free(call);
}

/* ---- every order ---- */

enum {
    MESSAGE,
    HALF_CLOSE,
    WRITABLE,
    CANCEL,
    SEND,
    FINISH,
    UNREF,
    N_STEPS,
};

/* What a call has gone through, to know what may come next and what has to come out. */
typedef struct course {
    bool finished, unrefed, cancelled_first;
} course;

/* One step, as far as it makes sense where the call is. */
static void step(kept *k, fake_call *call, course *c, int what)
{
    switch (what) {
    case MESSAGE:
        if (call->reading && !call->finished) {
            fake_message(call, one, sizeof(one));
        }
        break;
    case HALF_CLOSE:
        if (call->reading && !call->finished) {
            fake_message(call, NULL, 0);
        }
        break;
    case WRITABLE:
        if (call->sending && !call->finished) {
            fake_writable(call);
        }
        break;
    case CANCEL:
        c->cancelled_first = !c->finished && !c->unrefed;
        fake_cancel(call);
        break;
    case SEND:
        if (!c->unrefed) {
            const csvc_code code = send_one(k, 1);

            assert_int_equal(call->cancelled && !c->finished         ? CSVC_CANCELLED
                             : c->finished && code != CSVC_CANCELLED ? CSVC_FAILED_PRECONDITION
                             : code == CSVC_CANCELLED                ? CSVC_CANCELLED
                                                                     : CSVC_OK,
                             code);
        }
        break;
    case FINISH:
        if (!c->unrefed) {
            assert_int_equal(CSVC_OK, finish(k, CSVC_ABORTED));
            c->finished = true;
        }
        break;
    case UNREF:
        unref(k);
        c->unrefed = true;
        break;
    default:
        break;
    }
}

static void run_order(kept *k, int which, const int *order, bool promptly)
{
    fake_call *call = arrive(k, which);
    course c = {0};

    for (int i = 0; i < N_STEPS; i++) {
        step(k, call, &c, order[i]);
        if (promptly) {
            run_posted(k);
        }
    }
    run_posted(k);
    if (call->sending && !call->finished) {
        fake_writable(call); /* a message is on its way: the end comes behind it */
    }
    close_call(k, call);
    if (promptly && c.cancelled_first) {
        assert_int_equal(CSVC_CANCELLED, k->code);
    }
    if (!call->cancelled) {
        assert_int_equal(c.finished ? CSVC_ABORTED : CSVC_INTERNAL, call->code);
    }
    assert_gone(k, call);
}

static int n_orders;

static void permute(kept *k, int which, int *order, int n)
{
    if (n == N_STEPS) {
        run_order(k, which, order, true);
        run_order(k, which, order, false);
        n_orders++;
        return;
    }
    for (int i = n; i < N_STEPS; i++) {
        const int first = order[n];

        order[n] = order[i];
        order[i] = first;
        permute(k, which, order, n + 1);
        order[i] = order[n];
        order[n] = first;
    }
}

static void every_order_ends_once(void **state)
{
    kept k;

    (void)state;
    log_catch(CSVC_LOG_OFF);
    for (int auto_more = 0; auto_more < 2; auto_more++) {
        int order[N_STEPS] = {MESSAGE, HALF_CLOSE, WRITABLE, CANCEL, SEND, FINISH, UNREF};

        start(&k, 0);
        k.auto_more = auto_more == 1;
        permute(&k, STREAM_INLINE_BOTH, order, 0);
        csvc_server_free(k.srv);
    }
    log_let_go();
    assert_int_equal(2 * 5040, n_orders);
}

/* ---- one at a time ---- */

static void sending_behind_the_end(void **state)
{
    kept k;
    fake_call *call;

    (void)state;
    log_catch(CSVC_LOG_WARN);
    start(&k, 0);
    call = arrive(&k, STREAM_INLINE_BOTH);
    assert_int_equal(CSVC_OK, finish(&k, CSVC_NOT_FOUND));
    assert_string_equal("", log_caught());
    assert_int_equal(CSVC_FAILED_PRECONDITION, send_one(&k, 1));
    assert_non_null(strstr(log_caught(), "behind the end"));
    assert_int_equal(CSVC_FAILED_PRECONDITION, finish(&k, CSVC_OK));
    assert_non_null(strstr(log_caught(), "finished twice"));
    run_posted(&k);
    assert_int_equal(CSVC_NOT_FOUND, call->code); /* the first stands */
    assert_int_equal(0, call->n_sent);
    unref(&k);
    close_call(&k, call);
    assert_int_equal(CSVC_NOT_FOUND, k.code);
    assert_gone(&k, call);
    csvc_server_free(k.srv);
    log_let_go();
}

static void losing_to_a_cancel_is_no_mistake(void **state)
{
    kept k;
    fake_call *call;

    (void)state;
    log_catch(CSVC_LOG_WARN);
    start(&k, 0);
    call = arrive(&k, STREAM_INLINE_BOTH);
    fake_cancel(call);
    assert_int_equal(CSVC_CANCELLED, send_one(&k, 1));
    assert_int_equal(CSVC_OK, finish(&k, CSVC_OK));
    close_call(&k, call);
    assert_int_equal(CSVC_CANCELLED, k.code);
    unref(&k);
    assert_gone(&k, call);
    assert_string_equal("", log_caught());
    csvc_server_free(k.srv);
    log_let_go();
}

static void a_handlers_error_ends_a_detached_call(void **state)
{
    kept k;
    fake_call *call;

    (void)state;
    for (int which = STREAM_DOWN; which <= STREAM_INLINE_KEEP; which++) {
        start(&k, 0);
        k.handler_code = CSVC_OUT_OF_RANGE;
        call = arrive(&k, which);
        fake_wait_finish(call);
        assert_int_equal(CSVC_OUT_OF_RANGE, call->code);
        assert_int_equal(0, k.done); /* not before it is over */
        close_call(&k, call);
        assert_int_equal(CSVC_OUT_OF_RANGE, k.code);
        assert_int_equal(1, k.done);
        assert_int_equal(CSVC_OK, finish(&k, CSVC_OK)); /* too late, as of a call that has ended */
        unref(&k);
        assert_gone(&k, call);
        csvc_server_free(k.srv);
    }
}

static void given_up_or_finished_each_kind(void **state)
{
    kept k;
    fake_call *call;

    (void)state;
    log_catch(CSVC_LOG_OFF);
    for (int which = STREAM_DOWN; which <= STREAM_INLINE_KEEP; which++) {
        for (int give_up = 0; give_up < 2; give_up++) {
            const bool replies = stream_methods[which].kind == CSVC_RPC_UNARY ||
                                 stream_methods[which].kind == CSVC_RPC_CLIENT_STREAM;

            start(&k, 0);
            k.give_up = give_up == 1;
            call = arrive(&k, which);
            if (!k.give_up) {
                if (replies) {
                    k.rsp->id = 77;
                }
                assert_int_equal(CSVC_OK, finish(&k, CSVC_OK));
            }
            fake_wait_finish(call);
            assert_int_equal(k.give_up ? CSVC_INTERNAL : CSVC_OK, call->code);
            assert_int_equal(replies && !k.give_up, call->has_message);
            if (call->has_message) {
                assert_int_equal(2, call->len);
                assert_int_equal(77, call->message[1]);
            }
            close_call(&k, call);
            if (!k.give_up) {
                assert_int_equal(1, fake_live(k.ts)); /* the keeper's reference holds it */
                unref(&k);
            }
            assert_gone(&k, call);
            csvc_server_free(k.srv);
        }
    }
    log_let_go();
}

/* Messages come when they are asked for, the end of them too. */
static void messages_wait_to_be_asked_for(void **state)
{
    kept k;
    fake_call *call;

    (void)state;
    start(&k, 0);
    call = arrive(&k, STREAM_INLINE_BOTH);
    fake_message(call, one, sizeof(one));
    fake_message(call, one, sizeof(one));
    fake_message(call, NULL, 0);
    run_posted(&k);
    assert_int_equal(0, k.messages);
    more(&k);
    assert_int_equal(0, k.messages); /* not from inside */
    run_posted(&k);
    assert_int_equal(1, k.messages);
    more(&k);
    run_posted(&k);
    assert_int_equal(2, k.messages);
    assert_int_equal(0, k.ends);
    more(&k);
    more(&k);
    run_posted(&k);
    assert_int_equal(1, k.ends); /* once */
    assert_int_equal(CSVC_OK, finish(&k, CSVC_OK));
    unref(&k);
    close_call(&k, call);
    assert_gone(&k, call);
    csvc_server_free(k.srv);
}

/* The count of messages alone is the limit here; room is told of once, at half. */
static void a_queue_has_a_number_of_places(void **state)
{
    enum {
        PLACES = 8
    };
    kept k;
    fake_call *call;

    (void)state;
    start(&k, PLACES);
    call = arrive(&k, STREAM_INLINE_BOTH);
    assert_int_equal(CSVC_OK, send_one(&k, 0));
    run_posted(&k); /* with the transport */
    for (int i = 0; i < PLACES; i++) {
        assert_int_equal(CSVC_OK, send_one(&k, i));
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, send_one(&k, 9));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, send_one(&k, 9));
    run_posted(&k);
    assert_int_equal(0, k.writable);
    for (int i = 0; i < PLACES; i++) {
        fake_writable(call);
        run_posted(&k);
        assert_int_equal(i >= PLACES / 2, k.writable > 0);
    }
    assert_int_equal(1, k.writable);
    assert_int_equal(CSVC_OK, send_one(&k, 1));
    /* the last message goes with the end, once the others have gone */
    assert_int_equal(CSVC_OK, finish(&k, CSVC_OK));
    run_posted(&k);
    assert_false(call->finished);
    fake_writable(call);
    run_posted(&k);
    assert_true(call->finished);
    assert_true(call->has_message);
    assert_int_equal(PLACES + 1, call->n_sent);
    unref(&k);
    close_call(&k, call);
    assert_gone(&k, call);
    csvc_server_free(k.srv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_ends_once),
        cmocka_unit_test(sending_behind_the_end),
        cmocka_unit_test(losing_to_a_cancel_is_no_mistake),
        cmocka_unit_test(a_handlers_error_ends_a_detached_call),
        cmocka_unit_test(given_up_or_finished_each_kind),
        cmocka_unit_test(messages_wait_to_be_asked_for),
        cmocka_unit_test(a_queue_has_a_number_of_places),
    };

    return cmocka_run_group_tests_name("stream_order", tests, NULL, NULL);
}
