/*
 * bench/csvc_stream_server.c: the streams of peers/calc.proto on the runtime.
 *
 *     csvc_stream_server [--transport=NAME] [--detached] [--built-in] [--loops N] [--port N]
 *
 * Count, Add and Echo as most would write them: handlers on the pool that wait. --detached: by
 * events, without a thread. Watch and Publish are detached in any case. --built-in adds the
 * interceptors that a csvc_app has. Prints "listening PORT"; serves until it is killed.
 */
#include <csvc/stream.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calc_tables.h"
#include "csvc_serve.h"

enum {
    NEWS_TEXT = 100
};

/* ---- what the plugin emits ---- */

typedef struct calc_ops {
    size_t struct_size;
    csvc_code (*count)(void *self, csvc_ctx *ctx, const SumRequest *req, csvc_stream *out);
    csvc_code (*add)(void *self, csvc_ctx *ctx, csvc_stream *in, SumReply *rsp);
    csvc_code (*echo)(void *self, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out);
    csvc_code (*watch)(void *self, csvc_ctx *ctx, const SumRequest *req, csvc_stream *out);
    csvc_code (*publish)(void *self, csvc_ctx *ctx, const SumRequest *req, SumReply *rsp);
} calc_ops;

static csvc_code invoke_count(const void *ops, void *self, csvc_ctx *ctx, const void *in, void *out)
{
    return ((const calc_ops *)ops)->count(self, ctx, in, out);
}

static csvc_code invoke_add(const void *ops, void *self, csvc_ctx *ctx, const void *in, void *out)
{
    return ((const calc_ops *)ops)->add(self, ctx, (csvc_stream *)(uintptr_t)in, out);
}

static csvc_code invoke_echo(const void *ops, void *self, csvc_ctx *ctx, const void *in, void *out)
{
    return ((const calc_ops *)ops)->echo(self, ctx, (csvc_stream *)(uintptr_t)in, out);
}

static csvc_code invoke_watch(const void *ops, void *self, csvc_ctx *ctx, const void *in, void *out)
{
    return ((const calc_ops *)ops)->watch(self, ctx, in, out);
}

static csvc_code invoke_publish(const void *ops, void *self, csvc_ctx *ctx, const void *in,
                                void *out)
{
    return ((const calc_ops *)ops)->publish(self, ctx, in, out);
}

/* ---- handlers that wait ---- */

static csvc_code count(void *self, csvc_ctx *ctx, const SumRequest *req, csvc_stream *out)
{
    SumReply reply = reply_initial;
    csvc_code code = CSVC_OK;

    (void)self;
    (void)ctx;
    for (int32_t i = 1; i <= req->a && code == CSVC_OK; i++) {
        reply.sum = i;
        code = csvc_stream_send(out, &reply);
    }
    return code;
}

static csvc_code add(void *self, csvc_ctx *ctx, csvc_stream *in, SumReply *rsp)
{
    uint32_t sum = 0;
    const void *message;

    (void)self;
    (void)ctx;
    while (csvc_stream_recv(in, &message)) {
        const SumRequest *req = message;

        sum += (uint32_t)req->a + (uint32_t)req->b;
    }
    rsp->sum = (int32_t)sum;
    return csvc_stream_code(in);
}

static csvc_code echo(void *self, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    SumReply reply = reply_initial;
    csvc_code code = CSVC_OK;
    const void *message;

    (void)self;
    (void)ctx;
    while (code == CSVC_OK && csvc_stream_recv(in, &message)) {
        const SumRequest *req = message;

        reply.sum = req->a + req->b;
        code = csvc_stream_send(out, &reply);
    }
    return code != CSVC_OK ? code : csvc_stream_code(in);
}

/* ---- the same by events ---- */

typedef struct kept {
    csvc_ctx *ctx;
    csvc_stream *out;
    SumReply *rsp; /* of Add */
    int32_t sent, last;
    uint32_t sum;
} kept;

static void finish(kept *k, csvc_code code)
{
    (void)csvc_finish(k->ctx, code);
}

static void unkeep(void *self, csvc_code code)
{
    kept *k = self;
    csvc_ctx *ctx = k->ctx;

    (void)code;
    free(k);
    (void)csvc_ctx_unref(ctx);
}

static void count_on(void *self)
{
    kept *k = self;
    SumReply reply = reply_initial;
    csvc_code code = CSVC_OK;

    while (k->sent < k->last) {
        reply.sum = k->sent + 1;
        code = csvc_stream_send(k->out, &reply);
        if (code != CSVC_OK) {
            return; /* on_writable or on_done follows */
        }
        k->sent++;
    }
    finish(k, CSVC_OK);
}

static void add_on(void *self, const void *message)
{
    kept *k = self;
    const SumRequest *req = message;

    if (req == NULL) {
        k->rsp->sum = (int32_t)k->sum;
        finish(k, CSVC_OK);
        return;
    }
    k->sum += (uint32_t)req->a + (uint32_t)req->b;
}

static void echo_on(void *self, const void *message)
{
    kept *k = self;
    const SumRequest *req = message;
    SumReply reply = reply_initial;

    if (req == NULL) {
        finish(k, CSVC_OK);
        return;
    }
    reply.sum = req->a + req->b;
    if (csvc_stream_send(k->out, &reply) != CSVC_OK) {
        finish(k, CSVC_RESOURCE_EXHAUSTED); /* who sends without reading is of no use here */
    }
}

static kept *keep(csvc_ctx *ctx, csvc_stream *out, const csvc_events *like)
{
    kept *k = calloc(1, sizeof(*k));
    csvc_events events = *like;

    if (k == NULL) {
        return NULL;
    }
    events.self = k;
    events.on_done = unkeep;
    *k = (kept){.ctx = csvc_detach(ctx, &events), .out = out};
    return k;
}

static csvc_code count_detached(void *self, csvc_ctx *ctx, const SumRequest *req, csvc_stream *out)
{
    static const csvc_events events = {CSVC_EVENTS_INIT, .on_writable = count_on};
    kept *k = keep(ctx, out, &events);

    (void)self;
    if (k == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    k->last = req->a;
    count_on(k);
    return CSVC_OK;
}

static csvc_code add_detached(void *self, csvc_ctx *ctx, csvc_stream *in, SumReply *rsp)
{
    static const csvc_events events = {CSVC_EVENTS_INIT, .on_message = add_on, .auto_more = true};
    kept *k = keep(ctx, NULL, &events);

    (void)self;
    (void)in;
    if (k == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    k->rsp = rsp;
    return CSVC_OK;
}

static csvc_code echo_detached(void *self, csvc_ctx *ctx, csvc_stream *in, csvc_stream *out)
{
    static const csvc_events events = {CSVC_EVENTS_INIT, .on_message = echo_on, .auto_more = true};

    (void)self;
    (void)in;
    return keep(ctx, out, &events) != NULL ? CSVC_OK : CSVC_RESOURCE_EXHAUSTED;
}

/* ---- one message for all who watch ---- */

typedef struct watcher {
    csvc_ctx *ctx;
    csvc_stream *out;
    struct watcher *next, **at;
} watcher;

static pthread_mutex_t watchers_lock = PTHREAD_MUTEX_INITIALIZER;
static watcher *watchers;

static void unwatch(void *self, csvc_code code)
{
    watcher *w = self;
    csvc_ctx *ctx = w->ctx;

    (void)code;
    (void)pthread_mutex_lock(&watchers_lock);
    *w->at = w->next;
    if (w->next != NULL) {
        w->next->at = w->at;
    }
    (void)pthread_mutex_unlock(&watchers_lock);
    free(w);
    (void)csvc_ctx_unref(ctx);
}

static csvc_code watch(void *self, csvc_ctx *ctx, const SumRequest *req, csvc_stream *out)
{
    watcher *w = calloc(1, sizeof(*w));
    const csvc_events events = {CSVC_EVENTS_INIT, .self = w, .on_done = unwatch};
    News news = news_initial;

    (void)self;
    (void)req;
    if (w == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    *w = (watcher){.ctx = csvc_detach(ctx, &events), .out = out, .at = &watchers};
    (void)pthread_mutex_lock(&watchers_lock);
    w->next = watchers;
    if (w->next != NULL) {
        w->next->at = &w->next;
    }
    watchers = w;
    (void)pthread_mutex_unlock(&watchers_lock);
    return csvc_stream_send(out, &news);
}

static csvc_code publish(void *self, csvc_ctx *ctx, const SumRequest *req, SumReply *rsp)
{
    char text[NEWS_TEXT + 1];
    News news = news_initial;
    csvc_frame *frame;

    (void)self;
    (void)ctx;
    memset(text, 'n', NEWS_TEXT);
    text[NEWS_TEXT] = '\0';
    news.number = req->a;
    news.text = text;
    frame = csvc_frame_new(&news_type, &news);
    (void)pthread_mutex_lock(&watchers_lock);
    for (watcher *w = watchers; w != NULL; w = w->next) {
        rsp->sum += csvc_stream_send_frame(w->out, frame) == CSVC_OK;
    }
    (void)pthread_mutex_unlock(&watchers_lock);
    (void)csvc_frame_unref(frame);
    return CSVC_OK;
}

/* ---- the program ---- */

int main(int argc, char **argv)
{
    csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = &csvc_nghttp2,
                                   .loops = 1};
    calc_ops ops = {sizeof(ops), count, add, echo, watch, publish};
    csvc_method methods[] = {
        {"Count", "/bench.Calc/Count", CSVC_RPC_SERVER_STREAM, 0, &request_type, &reply_type,
         invoke_count},
        {"Add", "/bench.Calc/Add", CSVC_RPC_CLIENT_STREAM, 0, &request_type, &reply_type,
         invoke_add},
        {"Echo", "/bench.Calc/Echo", CSVC_RPC_BIDI_STREAM, 0, &request_type, &reply_type,
         invoke_echo},
        {"Watch", "/bench.Calc/Watch", CSVC_RPC_SERVER_STREAM, CSVC_METHOD_INLINE, &request_type,
         &news_type, invoke_watch},
        {"Publish", "/bench.Calc/Publish", CSVC_RPC_UNARY, CSVC_METHOD_INLINE, &request_type,
         &reply_type, invoke_publish},
    };
    const csvc_service service = {
        .struct_size = sizeof(csvc_service),
        .ops_size = sizeof(calc_ops),
        .name = "bench.Calc",
        .methods = methods,
        .n_methods = sizeof(methods) / sizeof(methods[0]),
    };
    bool built_in = false;
    const char *port = "0";

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--detached") == 0) {
            ops.count = count_detached;
            ops.add = add_detached;
            ops.echo = echo_detached;
            for (size_t m = 0; m < 3; m++) {
                methods[m].flags = CSVC_METHOD_INLINE;
            }
        } else if (strncmp(argv[i], "--transport=", 12) == 0) {
            options.transport = bench_transport(argv[i] + 12);
        } else if (strcmp(argv[i], "--built-in") == 0) {
            built_in = true;
        } else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) {
            port = argv[++i];
        } else if (strcmp(argv[i], "--loops") == 0 && i + 1 < argc) {
            options.loops = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else {
            fprintf(stderr,
                    "usage: csvc_stream_server [--transport=NAME] [--detached] [--built-in] "
                    "[--loops N] [--port N]\n");
            return 2;
        }
    }
    return bench_serve("csvc_stream_server", &options, &service, &ops, built_in, port);
}
