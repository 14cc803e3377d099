/*
 * grpc_core/outgoing.c: outgoing calls.
 *
 * A unary call is one batch of six ops and one event. A call with a stream keeps RECV_STATUS
 * pending from its start, so that cancelling it always comes back as a status.
 */
#include <csvc/alloc.h>
#include <transport/grpc_core/channel.h>

#include <string.h>

#include <base/banned.h>

typedef struct gc_outgoing {
    gc_call gc;
    csvc_tchannel *tch;
    gc_core_channel *core; /* from the start on */
    const csvc_outgoing_events *events;

    gc_tag headers_tag;
    gc_tag status_tag;
    csvc_task start_task;
    csvc_task failed_task; /* reports a call that could not be started */
    gc_md_in headers_in;
    gc_md_in trailers_in;
    grpc_status_code status;
    grpc_slice text;
    csvc_code own_code; /* what went wrong on this side; OK: nothing */
    const char *own_text;
    bool unary;
    bool headers_pending;
    bool status_pending;

    _Alignas(max_align_t) unsigned char upper[];
} gc_outgoing;

static void on_headers(gc_tag *tag, bool ok);
static void on_status(gc_tag *tag, bool ok);
static void start_stream(csvc_task *task);
static void on_failed(csvc_task *task);

/* ---- upward ---- */

/* The last event: the upper side may release the call in it. */
static void end_if_over(gc_outgoing *oc)
{
    csvc_code code = CSVC_UNKNOWN;
    csvc_bytes text = {0};
    csvc_md_list trailers = {0};

    if (oc->status_pending || oc->headers_pending || oc->gc.sending || oc->gc.reading) {
        return;
    }
    if (oc->status >= GRPC_STATUS_OK && oc->status <= GRPC_STATUS_UNAUTHENTICATED) {
        code = (csvc_code)oc->status;
    }
    text.len = GRPC_SLICE_LENGTH(oc->text);
    text.data = GRPC_SLICE_START_PTR(oc->text);
    if (!csvc__gc_md_in_list(&oc->trailers_in, &trailers) && oc->own_code == CSVC_OK) {
        oc->own_code = CSVC_RESOURCE_EXHAUSTED;
        oc->own_text = "out of memory for the trailers";
    }
    if (oc->own_code != CSVC_OK) {
        code = oc->own_code;
        text = (csvc_bytes){.len = strlen(oc->own_text), .data = (const uint8_t *)oc->own_text};
    }
    oc->events->status(&oc->gc.base, code, text, trailers);
}

/* Something failed here; the first reason stays, whatever status the core makes of it. */
static void fail(gc_outgoing *oc, csvc_code code, const char *text)
{
    if (oc->own_code == CSVC_OK) {
        oc->own_code = code;
        oc->own_text = text;
    }
    if (oc->gc.call != NULL) {
        (void)grpc_call_cancel_with_status(oc->gc.call, (grpc_status_code)code, text, NULL);
    }
}

static void report_headers(gc_outgoing *oc)
{
    csvc_md_list headers = {0};

    if (!csvc__gc_md_in_list(&oc->headers_in, &headers)) {
        fail(oc, CSVC_RESOURCE_EXHAUSTED, "out of memory for the headers");
        return;
    }
    oc->events->headers(&oc->gc.base, headers);
}

static void on_headers(gc_tag *tag, bool ok)
{
    gc_outgoing *oc = GC_CONTAINER(tag, gc_outgoing, headers_tag);

    oc->headers_pending = false;
    if (ok) {
        report_headers(oc);
    }
    end_if_over(oc);
}

static void on_status(gc_tag *tag, bool ok)
{
    gc_outgoing *oc = GC_CONTAINER(tag, gc_outgoing, status_tag);
    grpc_byte_buffer *buffer = oc->gc.in;

    (void)ok; /* the core says so always; the status says more */
    oc->status_pending = false;
    if (oc->unary) {
        csvc_payload *reply = NULL;

        oc->gc.in = NULL;
        report_headers(oc);
        if (buffer != NULL) {
            reply = csvc__gc_payload_take(&oc->gc.first, buffer);
            if (reply == NULL) {
                fail(oc, CSVC_RESOURCE_EXHAUSTED, "out of memory for the reply");
            } else {
                oc->events->message(&oc->gc.base, reply);
            }
        }
    }
    end_if_over(oc);
}

static void on_failed(csvc_task *task)
{
    gc_outgoing *oc = GC_CONTAINER(task, gc_outgoing, failed_task);

    end_if_over(oc);
}

static void writable(gc_call *gc)
{
    gc_outgoing *oc = (gc_outgoing *)gc;

    oc->events->writable(&gc->base);
    end_if_over(oc);
}

static void send_ended(gc_call *gc, bool ok)
{
    (void)ok;
    end_if_over((gc_outgoing *)gc);
}

/* The headers; a call that was refused at once may have its status before them. */
static void sent(gc_call *gc)
{
    end_if_over((gc_outgoing *)gc);
}

static void message(gc_call *gc, csvc_payload *payload)
{
    gc_outgoing *oc = (gc_outgoing *)gc;

    oc->events->message(&gc->base, payload);
    end_if_over(oc);
}

/* The status, which is always pending, says why. */
static void read_failed(gc_call *gc)
{
    message(gc, NULL);
}

/* ---- downward ---- */

static size_t end_ops(gc_call *gc, grpc_op *ops, bool plain)
{
    (void)gc;
    (void)plain;
    ops[0].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[0].flags = 0;
    ops[0].reserved = NULL;
    return 1;
}

static void close_send(csvc_tcall *tc)
{
    gc_call *gc = (gc_call *)tc;

    gc->want_end = true;
    csvc__gc_flush(gc);
}

static void release(csvc_tcall *tc)
{
    gc_outgoing *oc = (gc_outgoing *)tc;

    csvc__gc_call_release(&oc->gc);
    csvc__gc_md_in_release(&oc->headers_in);
    csvc__gc_md_in_release(&oc->trailers_in);
    grpc_slice_unref(oc->text);
    csvc__gc_core_give(oc->core);
    csvc__free(oc);
}

static const csvc_tcall_ops outgoing_ops = {
    .reserve = csvc__gc_reserve,
    .read = csvc__gc_read,
    .send = csvc__gc_send,
    .cancel = csvc__gc_cancel,
    .peer = csvc__gc_peer,
    .identity = csvc__gc_identity,
    .release = release,
    .close_send = close_send,
};

static const gc_side outgoing_side = {
    .end_ops = end_ops,
    .send_ended = send_ended,
    .writable = writable,
    .sent = sent,
    .message = message,
    .read_failed = read_failed,
};

csvc_tcall *csvc__gc_call_new(csvc_tchannel *tch, csvc_loop *loop, size_t upper_size)
{
    gc_outgoing *oc = csvc__malloc(sizeof(*oc) + upper_size);

    if (oc == NULL) {
        return NULL;
    }
    *oc = (gc_outgoing){
        .tch = tch,
        .headers_tag.run = on_headers,
        .status_tag.run = on_status,
        .start_task.run = start_stream,
        .failed_task.run = on_failed,
        .status = GRPC_STATUS_UNKNOWN,
    };
    csvc__gc_call_init(&oc->gc, GC_CONTAINER(loop, gc_loop, base), &outgoing_ops, &outgoing_side,
                       oc->upper);
    grpc_metadata_array_init(&oc->headers_in.core);
    grpc_metadata_array_init(&oc->trailers_in.core);
    oc->text = grpc_empty_slice();
    return &oc->gc.base;
}

static void close_op(grpc_op *op)
{
    op->op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    op->flags = 0;
    op->reserved = NULL;
}

static void recv_headers_op(gc_outgoing *oc, grpc_op *op)
{
    op->op = GRPC_OP_RECV_INITIAL_METADATA;
    op->flags = 0;
    op->reserved = NULL;
    op->data.recv_initial_metadata.recv_initial_metadata = &oc->headers_in.core;
}

static void recv_status_op(gc_outgoing *oc, grpc_op *op)
{
    op->op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    op->flags = 0;
    op->reserved = NULL;
    op->data.recv_status_on_client.trailing_metadata = &oc->trailers_in.core;
    op->data.recv_status_on_client.status = &oc->status;
    op->data.recv_status_on_client.status_details = &oc->text;
    op->data.recv_status_on_client.error_string = NULL;
}

static bool start_unary(gc_outgoing *oc)
{
    gc_call *gc = &oc->gc;
    grpc_op ops[6];

    csvc__gc_headers_op(gc, &ops[0]);
    csvc__gc_message_op(gc, &ops[1]);
    close_op(&ops[2]);
    recv_headers_op(oc, &ops[3]);
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].flags = 0;
    ops[4].reserved = NULL;
    ops[4].data.recv_message.recv_message = &gc->in;
    recv_status_op(oc, &ops[5]);
    gc->want_message = false;
    oc->status_pending = true;
    if (!csvc__gc_start(gc, ops, 6, &oc->status_tag)) {
        oc->status_pending = false;
        return false;
    }
    return true;
}

/* On the loop. The status first: what is refused after it comes back through it. */
static void start_stream(csvc_task *task)
{
    gc_outgoing *oc = GC_CONTAINER(task, gc_outgoing, start_task);
    gc_call *gc = &oc->gc;
    grpc_op op;

    recv_status_op(oc, &op);
    oc->status_pending = true;
    if (!csvc__gc_start(gc, &op, 1, &oc->status_tag)) {
        oc->status_pending = false;
        fail(oc, CSVC_INTERNAL, "the transport refused the call");
        end_if_over(oc);
        return;
    }
    recv_headers_op(oc, &op);
    oc->headers_pending = true;
    if (!csvc__gc_start(gc, &op, 1, &oc->headers_tag)) {
        fail(oc, CSVC_INTERNAL, "the transport refused the call");
        (void)csvc__gc_start(gc, NULL, 0, &oc->headers_tag);
    }
    gc->want_headers = true;
    csvc__gc_flush(gc);
}

void csvc__gc_call_start(csvc_tcall *tc, const csvc_start *start)
{
    gc_outgoing *oc = (gc_outgoing *)tc;
    gc_call *gc = &oc->gc;
    const char *text = NULL;
    grpc_slice path;

    oc->events = start->events;
    oc->unary = start->unary_reply && start->message != NULL;
    gc->gzip = start->announce ||
               (start->message != NULL && (start->message->compress || start->message->announce));
    if (!csvc__gc_md_out_set(&gc->headers, start->metadata) ||
        (gc->gzip && !csvc__gc_md_out_gzip(&gc->headers))) {
        fail(oc, CSVC_RESOURCE_EXHAUSTED, "out of memory for the metadata");
        csvc__loop_post(tc->loop, &oc->failed_task);
        return;
    }
    if (start->retry == NULL) {
        oc->core = csvc__gc_core_take(oc->tch);
    } else if (csvc__gc_core_take_retrying(oc->tch, start->retry, &oc->core, &text) != CSVC_OK) {
        fail(oc, CSVC_RESOURCE_EXHAUSTED, text);
        csvc__loop_post(tc->loop, &oc->failed_task);
        return;
    }
    /* Copied: the core may hold it in a blocked connection's queue longer than the call lasts. */
    path = grpc_slice_from_copied_string(start->path);
    gc->call = grpc_channel_create_call(oc->core->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
                                        GC_CONTAINER(tc->loop, gc_loop, base)->cq, path, NULL,
                                        csvc__gc_to_deadline(start->deadline), NULL);
    grpc_slice_unref(path);
    if (start->wait_for_ready) {
        gc->headers_flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY |
                            GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
    }
    if (start->message != NULL) {
        csvc__gc_put_message(gc, start->message);
    }
    if (!oc->unary) {
        /* Several batches, whose events must not meet another thread than the loop's. */
        gc->want_end = start->message != NULL;
        if (csvc__loop_current() == tc->loop) {
            start_stream(&oc->start_task);
        } else {
            csvc__loop_post(tc->loop, &oc->start_task);
        }
        return;
    }
    /* Nothing is touched behind a start that went well: the call may have been released already. */
    if (!start_unary(oc)) {
        fail(oc, CSVC_INTERNAL, "the transport refused the call; is its metadata valid?");
        csvc__loop_post(tc->loop, &oc->failed_task);
    }
}
