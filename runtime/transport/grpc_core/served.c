/*
 * grpc_core/served.c: served calls.
 *
 * A call is posted to the core as a request, comes back when a client calls, is handed upward, and
 * after its release becomes the next request: nothing is allocated in the steady state. Unary
 * replies go out in one batch, with RECV_CLOSE in it unless the upper side wants to know of
 * cancellation earlier (`watch`).
 */
#include <base/arena.h>
#include <csvc/alloc.h>
#include <transport/grpc_core/server.h>

#include <string.h>

#include <base/banned.h>

struct gc_served {
    gc_call gc;
    gc_server_loop *loop;
    gc_served *next_spare;

    /* The request. */
    gc_tag request_tag;
    const gc_method *posted;   /* NULL: the catch-all */
    const gc_method *method;   /* what it came to be; NULL: nobody's */
    bool repost;               /* no memory for another request then: post this one again */
    bool starting;             /* came through the catch-all, its first message is being read */
    grpc_call_details details; /* method and host: of the catch-all only */
    gc_md_in metadata;
    uint64_t arrived; /* in connections: csvc__gc_acceptor_now */

    /* The end. */
    gc_tag close_tag;
    gc_md_out trailers;
    grpc_slice text;
    csvc_code code;
    int core_cancelled; /* written by the core with the close */
    bool watched;
    bool finish_asked;
    bool finish_done;
    bool close_done;
    bool delivered;
    bool refused; /* ended here, the upper side has never seen it */

    _Alignas(max_align_t) unsigned char upper[];
};

static void on_request(gc_tag *tag, bool ok);
static void on_close(gc_tag *tag, bool ok);
static size_t end_ops(gc_call *gc, grpc_op *ops, bool plain);
static void send_ended(gc_call *gc, bool ok);
static void writable(gc_call *gc);
static void message(gc_call *gc, csvc_payload *payload);
static void read_failed(gc_call *gc);

static const gc_side served_side = {
    .end_ops = end_ops,
    .send_ended = send_ended,
    .writable = writable,
    .message = message,
    .read_failed = read_failed,
};

/* Under AddressSanitizer a call is not reused, so that who touches a released one is found. */
static size_t max_spare(void)
{
#if defined(CSVC__ARENA_ASAN)
    return 0;
#else
    return GC_MAX_SPARE;
#endif
}

/* ---- memory ---- */

static const char *peer(csvc_tcall *tc, csvc_arena *a);
static void release(csvc_tcall *tc);
static void send_headers(csvc_tcall *tc, csvc_md_list headers, bool announce);
static void finish(csvc_tcall *tc, const csvc_ending *finish);
static void watch(csvc_tcall *tc);
static bool metadata(csvc_tcall *tc, csvc_md_list *ret_metadata);

static const csvc_tcall_ops served_ops = {
    .reserve = csvc__gc_reserve,
    .read = csvc__gc_read,
    .send = csvc__gc_send,
    .cancel = csvc__gc_cancel,
    .peer = peer,
    .identity = csvc__gc_identity,
    .release = release,
    .send_headers = send_headers,
    .finish = finish,
    .watch = watch,
    .metadata = metadata,
};

static gc_served *served_new(gc_server_loop *loop)
{
    gc_served *sc = csvc__malloc(sizeof(*sc) + loop->ts->upper_size);

    if (sc == NULL) {
        return NULL;
    }
    *sc = (gc_served){.loop = loop, .request_tag.run = on_request, .close_tag.run = on_close};
    csvc__gc_call_init(&sc->gc, &loop->loop, &served_ops, &served_side, sc->upper);
    grpc_metadata_array_init(&sc->metadata.core);
    sc->details.method = grpc_empty_slice();
    sc->details.host = grpc_empty_slice();
    sc->text = grpc_empty_slice();
    return sc;
}

static void served_free(gc_served *sc)
{
    csvc__gc_call_release(&sc->gc);
    csvc__gc_md_in_release(&sc->metadata);
    csvc__gc_md_out_release(&sc->trailers);
    csvc__free(sc);
}

static gc_served *take(gc_server_loop *loop)
{
    gc_served *sc = loop->spare;

    if (sc == NULL) {
        return served_new(loop);
    }
    loop->spare = sc->next_spare;
    loop->n_spare--;
    return sc;
}

static void give_back(gc_server_loop *loop, gc_served *sc)
{
    loop->loop.n_live--;
    if (loop->stopping || loop->n_spare >= max_spare()) {
        served_free(sc);
        return;
    }
    sc->next_spare = loop->spare;
    loop->spare = sc;
    loop->n_spare++;
}

/* ---- requests ---- */

static bool request(gc_server_loop *loop, gc_served *sc)
{
    grpc_server *core = loop->ts->core;
    grpc_completion_queue *cq = loop->loop.cq;
    const gc_method *method = sc->posted;
    grpc_call_error error = GRPC_CALL_OK;

    csvc__gc_call_reset(&sc->gc);
    GC_RELEASE(&sc->request_tag);
    if (method != NULL) {
        error = grpc_server_request_registered_call(
            core, method->registered, &sc->gc.call, &sc->details.deadline, &sc->metadata.core,
            method->reads_first ? &sc->gc.in : NULL, cq, cq, &sc->request_tag);
    } else {
        error = grpc_server_request_call(core, &sc->gc.call, &sc->details, &sc->metadata.core, cq,
                                         cq, &sc->request_tag);
    }
    return error == GRPC_CALL_OK;
}

/* Posts one more request for the method; NULL: for the catch-all. */
static bool post(gc_server_loop *loop, const gc_method *method)
{
    gc_served *sc = take(loop);

    if (sc == NULL) {
        return false;
    }
    loop->loop.n_live++;
    sc->posted = method;
    if (!request(loop, sc)) {
        give_back(loop, sc);
        return false;
    }
    return true;
}

/* For a method that is not rare; one of those has a single one. */
static size_t posted_each(const csvc_tserver *ts)
{
    size_t n_rare = 0;
    size_t each = 0;

    for (size_t i = 0; i < ts->n_methods; i++) {
        n_rare += ts->methods[i].rare;
    }
    if (ts->n_methods == n_rare) {
        return 1;
    }
    each = (GC_MAX_POSTED - n_rare) / (ts->n_methods - n_rare);
    return each > GC_POSTED_EACH ? GC_POSTED_EACH : each;
}

static size_t posted_catch_all(const csvc_tserver *ts)
{
    return ts->generic ? GC_POSTED_GENERIC : GC_POSTED_CATCH_ALL;
}

void csvc__gc_served_begin(gc_server_loop *loop)
{
    const csvc_tserver *ts = loop->ts;
    const size_t each = posted_each(ts);

    for (size_t n = posted_catch_all(ts); n > 0; n--) {
        (void)post(loop, NULL);
    }
    for (size_t i = 0; i < ts->n_methods && !ts->generic; i++) {
        for (size_t n = ts->methods[i].rare ? 1 : each; n > 0; n--) {
            (void)post(loop, &ts->methods[i]);
        }
    }
}

bool csvc__gc_served_prepare(gc_server_loop *loop)
{
    const csvc_tserver *ts = loop->ts;
    size_t n = posted_catch_all(ts) + (ts->generic ? 0 : posted_each(ts) * ts->n_methods);

    while (loop->n_spare < n) {
        gc_served *sc = served_new(loop);

        if (sc == NULL) {
            return false;
        }
        sc->next_spare = loop->spare;
        loop->spare = sc;
        loop->n_spare++;
    }
    return true;
}

void csvc__gc_served_release(gc_server_loop *loop)
{
    while (loop->spare != NULL) {
        gc_served *sc = loop->spare;

        loop->spare = sc->next_spare;
        served_free(sc);
    }
    loop->n_spare = 0;
}

/* ---- arrival ---- */

/* Ends a call that cannot be handed upward. */
static void refuse(gc_served *sc, csvc_code code, const char *text)
{
    csvc_ending end = {
        .code = code,
        .text = {.len = strlen(text), .data = (const uint8_t *)text},
    };

    sc->refused = true;
    finish(&sc->gc.base, &end);
}

static void start(gc_served *sc, csvc_payload *first, const char *refusal)
{
    csvc_tserver *ts = sc->loop->ts;
    const gc_method *method = sc->method;
    csvc_arrival arrival = {
        .deadline = csvc__gc_from_deadline(sc->details.deadline),
        .first = first,
        .refusal = refusal,
        .refusal_code = CSVC_RESOURCE_EXHAUSTED,
    };

    if (method != NULL) {
        arrival.method = method->method;
        arrival.path = (csvc_bytes){.len = method->path_len, .data = (const uint8_t *)method->path};
    } else {
        arrival.path = (csvc_bytes){.len = GRPC_SLICE_LENGTH(sc->details.method),
                                    .data = GRPC_SLICE_START_PTR(sc->details.method)};
    }
    if (ts->acceptor != NULL) {
        sc->arrived = csvc__gc_acceptor_now(ts->acceptor);
    }
    ts->events->started(ts->server, &sc->gc.base, &arrival);
}

/* Counted as HTTP/2 does: 32 bytes an entry beside its own. */
static bool too_much_metadata(const gc_served *sc)
{
    const grpc_metadata_array *md = &sc->metadata.core;
    size_t bytes = 0;

    for (size_t i = 0; i < md->count; i++) {
        bytes +=
            GRPC_SLICE_LENGTH(md->metadata[i].key) + GRPC_SLICE_LENGTH(md->metadata[i].value) + 32;
    }
    return bytes > sc->loop->ts->max_metadata;
}

/* What came through the catch-all may be a method of ours. */
static const gc_method *look_up(gc_served *sc)
{
    csvc_tserver *ts = sc->loop->ts;

    if (!ts->generic) {
        return NULL;
    }
    return csvc__map_get_n(&ts->by_path, (const char *)GRPC_SLICE_START_PTR(sc->details.method),
                           GRPC_SLICE_LENGTH(sc->details.method));
}

static void on_request(gc_tag *tag, bool ok)
{
    gc_served *sc = GC_CONTAINER(tag, gc_served, request_tag);
    gc_server_loop *loop = sc->loop;
    grpc_byte_buffer *buffer = sc->gc.in;
    csvc_payload *first = NULL;

    sc->gc.in = NULL;
    if (!ok) {
        sc->gc.call = NULL;
        give_back(loop, sc);
        return;
    }
    /* First, so that the core finds a taker while this one is served. */
    sc->repost = !loop->stopping && !post(loop, sc->posted);
    sc->watched = false;
    sc->finish_asked = false;
    sc->finish_done = false;
    sc->close_done = false;
    sc->delivered = false;
    sc->refused = false;
    sc->core_cancelled = 0;
    sc->method = sc->posted != NULL ? sc->posted : look_up(sc);
    if (too_much_metadata(sc)) {
        if (buffer != NULL) {
            grpc_byte_buffer_destroy(buffer);
        }
        start(sc, NULL, "the metadata is longer than this server allows");
        return;
    }
    if (sc->posted == NULL && sc->method != NULL && sc->method->reads_first) {
        sc->starting = true;
        csvc__gc_read(&sc->gc.base);
        return;
    }
    if (buffer != NULL) {
        first = csvc__gc_payload_take(&sc->gc.first, buffer);
        if (first == NULL) {
            refuse(sc, CSVC_RESOURCE_EXHAUSTED, "out of memory");
            return;
        }
    }
    start(sc, first, NULL);
}

/* ---- upward ---- */

static void writable(gc_call *gc)
{
    gc_served *sc = (gc_served *)gc;

    if (!sc->refused) {
        sc->loop->ts->events->writable(&gc->base);
    }
}

/* The last thing a call does: the upper side may release it here. */
static void end_if_over(gc_served *sc)
{
    if (!sc->finish_done || !sc->close_done || sc->gc.reading) {
        return;
    }
    if (sc->refused) {
        release(&sc->gc.base);
        return;
    }
    sc->loop->ts->events->closed(&sc->gc.base, sc->delivered && sc->core_cancelled == 0,
                                 sc->core_cancelled != 0);
}

static void message(gc_call *gc, csvc_payload *payload)
{
    gc_served *sc = (gc_served *)gc;

    if (sc->starting) {
        sc->starting = false;
        start(sc, payload, NULL);
        return;
    }
    if (sc->finish_asked) {
        csvc__payload_unref(payload);
        end_if_over(sc);
        return;
    }
    sc->loop->ts->events->message(&gc->base, payload);
}

/* The upper side hears `cancelled`, not a half-close: who reads has asked for `watch`. */
static void read_failed(gc_call *gc)
{
    gc_served *sc = (gc_served *)gc;

    if (sc->starting) {
        message(gc, NULL);
    } else if (sc->finish_asked) {
        end_if_over(sc);
    }
}

static void send_ended(gc_call *gc, bool ok)
{
    gc_served *sc = (gc_served *)gc;

    sc->finish_done = true;
    sc->delivered = ok;
    if (!sc->watched) {
        sc->close_done = true;
    }
    end_if_over(sc);
}

static void on_close(gc_tag *tag, bool ok)
{
    gc_served *sc = GC_CONTAINER(tag, gc_served, close_tag);

    (void)ok; /* the core says so always */
    sc->close_done = true;
    sc->gc.over = sc->core_cancelled != 0;
    if (sc->core_cancelled != 0 && !sc->finish_asked) {
        sc->loop->ts->events->cancelled(&sc->gc.base);
        return;
    }
    end_if_over(sc);
}

/* ---- downward ---- */

static void close_op(gc_served *sc, grpc_op *op)
{
    op->op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    op->flags = 0;
    op->reserved = NULL;
    op->data.recv_close_on_server.cancelled = &sc->core_cancelled;
}

static size_t end_ops(gc_call *gc, grpc_op *ops, bool plain)
{
    gc_served *sc = (gc_served *)gc;
    grpc_op *op = &ops[0];

    if (plain) {
        csvc__gc_md_out_clear(&sc->trailers);
        grpc_slice_unref(sc->text);
        sc->text = grpc_slice_from_static_string("the transport refused the metadata");
        sc->code = CSVC_INTERNAL;
    }
    op->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    op->flags = 0;
    op->reserved = NULL;
    op->data.send_status_from_server.trailing_metadata_count = sc->trailers.n;
    op->data.send_status_from_server.trailing_metadata = sc->trailers.entries;
    op->data.send_status_from_server.status = (grpc_status_code)sc->code;
    op->data.send_status_from_server.status_details =
        GRPC_SLICE_LENGTH(sc->text) > 0 ? &sc->text : NULL;
    if (sc->watched) {
        return 1;
    }
    close_op(sc, &ops[1]);
    return 2;
}

static void send_headers(csvc_tcall *tc, csvc_md_list headers, bool announce)
{
    gc_served *sc = (gc_served *)tc;

    if (sc->gc.headers_sent) {
        return;
    }
    if (!csvc__gc_md_out_set(&sc->gc.headers, headers)) {
        csvc__gc_cancel(tc, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    sc->gc.gzip = announce;
    sc->gc.want_headers = true;
    csvc__gc_flush(&sc->gc);
}

static void finish(csvc_tcall *tc, const csvc_ending *end)
{
    gc_served *sc = (gc_served *)tc;
    gc_call *gc = &sc->gc;
    bool ok = true;

    sc->finish_asked = true;
    sc->code = end->code;
    if (end->headers.n_entries > 0 && !gc->headers_sent) {
        ok = csvc__gc_md_out_set(&gc->headers, end->headers);
    }
    if (end->trailers.n_entries > 0) {
        ok = csvc__gc_md_out_set(&sc->trailers, end->trailers) && ok;
    }
    if (ok) {
        if (end->text.len > 0) {
            sc->text = grpc_slice_from_copied_buffer((const char *)end->text.data, end->text.len);
        }
        if (end->message != NULL) {
            gc->message_flags = 0;
            csvc__gc_put_message(gc, end->message);
        }
    } else {
        csvc__gc_md_out_clear(&gc->headers);
        csvc__gc_md_out_clear(&sc->trailers);
        sc->code = CSVC_RESOURCE_EXHAUSTED;
        sc->text = grpc_slice_from_static_string("out of memory");
    }
    gc->want_end = true;
    csvc__gc_flush(gc);
}

static void watch(csvc_tcall *tc)
{
    gc_served *sc = (gc_served *)tc;
    grpc_op op;

    close_op(sc, &op);
    /* Refused only when it was asked before. */
    if (!sc->watched && csvc__gc_start(&sc->gc, &op, 1, &sc->close_tag)) {
        sc->watched = true;
    }
}

static const char *peer(csvc_tcall *tc, csvc_arena *a)
{
    const gc_served *sc = (const gc_served *)tc;
    gc_acceptor *acceptor = sc->loop->ts->acceptor;
    const char *uri = csvc__gc_peer(tc, a);
    char name[CSVC__NET_PEER_SIZE];

    if (acceptor == NULL || uri == NULL || strncmp(uri, "fd:", 3) != 0) {
        return uri;
    }
    return csvc__gc_acceptor_peer(acceptor, uri, sc->arrived, name) ? csvc_arena_strdup(a, name)
                                                                    : "";
}

static bool metadata(csvc_tcall *tc, csvc_md_list *ret_metadata)
{
    return csvc__gc_md_in_list(&((gc_served *)tc)->metadata, ret_metadata);
}

static void release(csvc_tcall *tc)
{
    gc_served *sc = (gc_served *)tc;
    gc_server_loop *loop = sc->loop;

    csvc__gc_call_end(&sc->gc);
    sc->metadata.core.count = 0; /* the slices went with the call */
    if (sc->trailers.n > 0) {
        csvc__gc_md_out_clear(&sc->trailers);
    }
    if (GRPC_SLICE_LENGTH(sc->text) > 0) {
        grpc_slice_unref(sc->text);
        sc->text = grpc_empty_slice();
    }
    if (sc->details.method.refcount != NULL || GRPC_SLICE_LENGTH(sc->details.method) > 0) {
        grpc_slice_unref(sc->details.method);
        grpc_slice_unref(sc->details.host);
        sc->details.method = grpc_empty_slice();
        sc->details.host = grpc_empty_slice();
    }
    if (sc->repost && !loop->stopping) {
        if (request(loop, sc)) {
            return;
        }
    }
    give_back(loop, sc);
}
