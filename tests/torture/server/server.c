/*
 * The server under torture: a csvc_app with every kind of rpc, detached and not, made as a user of
 * the plain library would make it. Counts, beside what the runtime counts, which handlers were told
 * that their call is over. BACK in the environment: the server behind Front and FrontDown.
 */
#include <csvc/app.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "torture.csvc.h"

extern const csvc_http_driver csvc_http;

typedef struct torture {
    csvc_channel *back;
    csvc_counter *waits;    /* handlers of Wait that have begun */
    csvc_counter *told;     /* those that saw the end of their call */
    csvc_counter *finished; /* those whose time was up */
    csvc_gauge *detached;   /* detached calls that are kept */
} torture;

/* ---- unary ---- */

static csvc_code echo(void *self, csvc_ctx *ctx, const Torture__V1__Msg *req, Torture__V1__Msg *rsp)
{
    (void)self;
    (void)ctx;
    *rsp = *req;
    return CSVC_OK;
}

/* Waits on a condition that the end of the call signals, as a handler with something to do would.
 */
typedef struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool told;
} waiting;

static void be_told(void *self)
{
    waiting *w = self;

    pthread_mutex_lock(&w->lock);
    w->told = true;
    pthread_cond_signal(&w->over);
    pthread_mutex_unlock(&w->lock);
}

static csvc_code wait_here(void *self, csvc_ctx *ctx, const Torture__V1__WaitRequest *req,
                           Torture__V1__Msg *rsp)
{
    torture *t = self;
    waiting *w = csvc_calloc(ctx, 1, sizeof(*w));
    struct timespec until;
    pthread_condattr_t attr;
    bool told;
    int rc = 0;

    if (w == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    csvc_counter_add(t->waits, 1);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += req->ms / 1000;
    until.tv_nsec += req->ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->over, &attr);
    pthread_condattr_destroy(&attr);
    if (csvc_on_cancel(ctx, be_told, w) != CSVC_OK) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    pthread_mutex_lock(&w->lock);
    while (!w->told && rc == 0) {
        rc = pthread_cond_timedwait(&w->over, &w->lock, &until);
    }
    told = w->told;
    pthread_mutex_unlock(&w->lock);
    csvc_counter_add(told ? t->told : t->finished, 1);
    rsp->id = req->ms;
    return told ? csvc_check_cancelled(ctx) : CSVC_OK;
}

static csvc_code depth(void *self, csvc_ctx *ctx, const Torture__V1__Tree *req,
                       Torture__V1__Msg *rsp)
{
    (void)self;
    (void)ctx;
    for (; req != NULL; req = req->child) {
        rsp->seq++;
    }
    return CSVC_OK;
}

/* ---- streams on a worker ---- */

static csvc_code down(void *self, csvc_ctx *ctx, const Torture__V1__DownRequest *req,
                      csvc_stream *out)
{
    Torture__V1__Msg msg = TORTURE__V1__MSG__INIT;
    csvc_code code = CSVC_OK;

    (void)self;
    if (req->bytes < 0 || req->bytes > 1 << 20) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "bytes must be 0 to 1 MiB");
    }
    msg.pad.len = (size_t)req->bytes;
    msg.pad.data = csvc_calloc(ctx, 1, msg.pad.len + 1);
    if (msg.pad.data == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    while (code == CSVC_OK && (req->messages == 0 || msg.seq < req->messages)) {
        msg.seq++;
        code = torture_v1_torture_down_send(out, &msg);
    }
    return code;
}

static csvc_code up(void *self, csvc_ctx *ctx, csvc_stream *in, Torture__V1__Msg *rsp)
{
    const Torture__V1__Msg *msg;

    (void)self;
    (void)ctx;
    while (torture_v1_torture_up_recv(in, &msg)) {
        rsp->id++;
        rsp->seq += msg->seq;
    }
    return csvc_stream_code(in);
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

/* ---- detached streams: no thread, everything on the loop ---- */

/* In the arena of the ctx, which lives as long as the events. */
typedef struct kept {
    torture *t;
    csvc_ctx *ctx;
    csvc_stream *in, *out;
    Torture__V1__Msg msg;      /* what is sent, over and over */
    int64_t left;              /* messages; below 0: without end */
    Torture__V1__Msg *waiting; /* an echo that found the queue full */
} kept;

static void let_go(void *self, csvc_code code)
{
    kept *k = self;

    (void)code;
    csvc_gauge_add(k->t->detached, -1);
    free(k->waiting);
    csvc_ctx_unref(k->ctx);
}

static void pour(void *self)
{
    kept *k = self;
    csvc_code code = CSVC_OK;

    while (code == CSVC_OK && k->left != 0) {
        k->msg.seq++;
        code = torture_v1_torture_down_detached_send(k->out, &k->msg);
        if (code == CSVC_OK) {
            k->left--;
        } else {
            k->msg.seq--;
        }
    }
    if (k->left == 0) {
        csvc_finish(k->ctx, CSVC_OK);
    } else if (code != CSVC_RESOURCE_EXHAUSTED) {
        csvc_finish(k->ctx, code);
    }
}

static csvc_code down_detached(void *self, csvc_ctx *ctx, const Torture__V1__DownRequest *req,
                               csvc_stream *out)
{
    torture *t = self;
    kept *k = csvc_calloc(ctx, 1, sizeof(*k));

    if (req->bytes < 0 || req->bytes > 1 << 20) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "bytes must be 0 to 1 MiB");
    }
    if (k == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    k->t = t;
    k->out = out;
    torture__v1__msg__init(&k->msg);
    k->msg.pad.len = (size_t)req->bytes;
    k->msg.pad.data = csvc_calloc(ctx, 1, k->msg.pad.len + 1);
    k->left = req->messages == 0 ? -1 : req->messages;
    if (k->msg.pad.data == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    csvc_gauge_add(t->detached, 1);
    k->ctx = csvc_detach(
        ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = k, .on_writable = pour, .on_done = let_go});
    pour(k);
    return CSVC_OK;
}

static void echo_on(kept *k, const Torture__V1__Msg *msg)
{
    csvc_code code = torture_v1_torture_both_detached_send(k->out, msg);

    if (code == CSVC_RESOURCE_EXHAUSTED && k->waiting == NULL) {
        k->waiting = malloc(sizeof(*k->waiting));
        if (k->waiting == NULL) {
            csvc_finish(k->ctx, CSVC_RESOURCE_EXHAUSTED);
            return;
        }
        *k->waiting = *msg;
        k->waiting->pad.len = 0; /* of those who overfill the queue only the numbers come back */
        k->waiting->pad.data = NULL;
    } else if (code == CSVC_OK) {
        csvc_more(k->in);
    }
}

static void came(void *self, const void *message)
{
    kept *k = self;

    if (message == NULL) {
        csvc_finish(k->ctx, CSVC_OK);
    } else {
        echo_on(k, message);
    }
}

static void goes_again(void *self)
{
    kept *k = self;
    Torture__V1__Msg *msg = k->waiting;

    if (msg != NULL) {
        k->waiting = NULL;
        echo_on(k, msg);
        free(msg);
    }
}

static csvc_code both_detached(void *self, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    torture *t = self;
    kept *k = csvc_calloc(ctx, 1, sizeof(*k));

    if (k == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    k->t = t;
    k->in = in;
    k->out = out;
    csvc_gauge_add(t->detached, 1);
    k->ctx = csvc_detach(ctx, &(csvc_events){CSVC_EVENTS_INIT, .self = k, .on_message = came,
                                             .on_writable = goes_again, .on_done = let_go});
    csvc_more(in);
    return CSVC_OK;
}

/* ---- a server behind ---- */

static csvc_code front(void *self, csvc_ctx *ctx, const Torture__V1__WaitRequest *req,
                       Torture__V1__Msg *rsp)
{
    torture *t = self;
    csvc_rpc rpc = {CSVC_RPC_INIT, .parent = ctx};
    const Torture__V1__Msg *reply;
    csvc_code code = torture_v1_torture_client_wait(t->back, &rpc, req, &reply);

    if (code == CSVC_OK) {
        rsp->id = reply->id;
    }
    csvc_rpc_clear(&rpc);
    return code;
}

static csvc_code front_down(void *self, csvc_ctx *ctx, const Torture__V1__DownRequest *req,
                            csvc_stream *out)
{
    torture *t = self;
    csvc_rpc rpc = {CSVC_RPC_INIT, .parent = ctx};
    csvc_call *call = torture_v1_torture_client_down(t->back, &rpc, req);
    const Torture__V1__Msg *msg;
    csvc_code sent = CSVC_OK, code;

    while (sent == CSVC_OK && torture_v1_torture_client_down_recv(call, &msg)) {
        sent = torture_v1_torture_front_down_send(out, msg);
    }
    if (sent != CSVC_OK) {
        csvc_call_cancel(call);
    }
    code = torture_v1_torture_client_down_finish(call, &rpc);
    csvc_rpc_clear(&rpc);
    return sent != CSVC_OK ? sent : code;
}

/* ---- the program ---- */

static const torture_v1_torture_ops ops = {
    TORTURE_V1_TORTURE_OPS_INIT,
    .echo = echo,
    .fast = echo,
    .wait = wait_here,
    .down = down,
    .down_detached = down_detached,
    .up = up,
    .both = both,
    .both_detached = both_detached,
    .depth = depth,
    .front = front,
    .front_down = front_down,
};

int main(int argc, char **argv)
{
    static const csvc_service *const services[] = {&torture_v1_torture_service, NULL};
    static const csvc_transport *const transports[] = {
        &csvc_grpc_core,
        &csvc_nghttp2,
        NULL,
    };
    static const csvc_app_info info = {CSVC_APP_INFO_INIT, .name = "torture", .services = services,
                                       .http = &csvc_http, .transports = transports};
    const char *back = getenv("BACK");
    csvc_app *app = csvc_app_new(&info, argc, argv);
    csvc_metrics *m = csvc_app_metrics(app);
    torture t = {
        .waits = csvc_metrics_counter(m, "torture_waits_total", "Handlers that began to wait.",
                                      NULL, NULL),
        .told = csvc_metrics_counter(m, "torture_told_total", "Handlers that were told of the end.",
                                     NULL, NULL),
        .finished = csvc_metrics_counter(m, "torture_finished_total", "Handlers whose time was up.",
                                         NULL, NULL),
        .detached =
            csvc_metrics_gauge(m, "torture_detached", "Detached calls that are kept.", NULL, NULL),
    };

    if (back != NULL) {
        t.back = csvc_app_channel(app, back);
    }
    csvc_app_register(app, &torture_v1_torture_service, &ops, &t);
    return csvc_app_run(app);
}
