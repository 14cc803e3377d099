/* grpc_core/call.c: the half of a call that is the same for served and outgoing ones. */
#include <csvc/alloc.h>
#include <transport/grpc_core/core.h>

#include <grpc/support/alloc.h>
#include <string.h>

#include <base/banned.h>

enum {
    COPY_BELOW = 256,      /* a shorter message is copied: cheaper than counting */
    CORE_BELOW = 64 * 1024 /* longer ones come from our allocator, which may say no */
};

static void send_done(gc_tag *tag, bool ok);
static void read_done(gc_tag *tag, bool ok);

void csvc__gc_call_init(gc_call *gc, gc_loop *loop, const csvc_tcall_ops *ops, const gc_side *side,
                        void *upper)
{
    *gc = (gc_call){
        .base = {.ops = ops, .loop = &loop->base, .upper = upper},
        .side = side,
        .send_tag.run = send_done,
        .read_tag.run = read_done,
    };
    gc->out.type = GRPC_BB_RAW;
    gc->out.data.raw.compression = GRPC_COMPRESS_NONE;
    grpc_slice_buffer_init(&gc->out.data.raw.slice_buffer);
    atomic_init(&gc->first.used, false);
}

void csvc__gc_call_reset(gc_call *gc)
{
    gc->call = NULL;
    gc->sending = false;
    gc->sending_end = false;
    gc->headers_sent = false;
    gc->want_headers = false;
    gc->want_message = false;
    gc->want_end = false;
    gc->over = false;
    gc->want_writable = false;
    gc->reading = false;
    gc->read_refused = false;
    gc->gzip = false;
    gc->message_flags = 0;
    gc->headers_flags = 0;
    gc->in = NULL;
}

void csvc__gc_call_end(gc_call *gc)
{
    if (gc->has_reserved) {
        grpc_slice_unref(gc->reserved);
        gc->has_reserved = false;
    }
    if (gc->out.data.raw.slice_buffer.count > 0) {
        grpc_slice_buffer_reset_and_unref(&gc->out.data.raw.slice_buffer);
    }
    if (gc->headers.n > 0) {
        csvc__gc_md_out_clear(&gc->headers);
    }
    if (gc->in != NULL) {
        grpc_byte_buffer_destroy(gc->in);
        gc->in = NULL;
    }
    if (gc->call != NULL) {
        grpc_call_unref(gc->call);
        gc->call = NULL;
    }
}

void csvc__gc_call_release(gc_call *gc)
{
    csvc__gc_call_end(gc);
    grpc_slice_buffer_destroy(&gc->out.data.raw.slice_buffer);
    csvc__gc_md_out_release(&gc->headers);
}

bool csvc__gc_start(gc_call *gc, const grpc_op *ops, size_t n_ops, gc_tag *tag)
{
    grpc_call *call = gc->call; /* another thread may end it as soon as the batch is on its way */

    GC_RELEASE(tag);
    return grpc_call_start_batch(call, ops, n_ops, tag, NULL) == GRPC_CALL_OK;
}

/* ---- sending ---- */

/* What the core no longer needs, on whatever thread of its own. */
static void drop_memory(void *memory)
{
    GC_ACQUIRE(memory);
    csvc__free(memory);
}

static void drop_payload(void *payload)
{
    GC_ACQUIRE(payload);
    csvc__payload_unref(payload);
}

void *csvc__gc_reserve(csvc_tcall *tc, size_t len)
{
    gc_call *gc = (gc_call *)tc;
    void *memory = NULL;

    if (gc->has_reserved) {
        grpc_slice_unref(gc->reserved);
        gc->has_reserved = false;
    }
    if (len < CORE_BELOW) {
        gc->reserved = grpc_slice_malloc(len);
    } else {
        memory = csvc__malloc(len);
        if (memory == NULL) {
            return NULL;
        }
        gc->reserved = grpc_slice_new(memory, len, drop_memory);
    }
    gc->has_reserved = true;
    return GRPC_SLICE_START_PTR(gc->reserved);
}

static void put_payload(grpc_slice_buffer *buffer, csvc_payload *payload)
{
    if (payload->len < COPY_BELOW) {
        grpc_slice slice = grpc_slice_malloc(payload->len);
        uint8_t *at = GRPC_SLICE_START_PTR(slice);

        for (size_t i = 0; i < payload->n_pieces; i++) {
            memcpy(at, payload->pieces[i].data, payload->pieces[i].len);
            at += payload->pieces[i].len;
        }
        grpc_slice_buffer_add(buffer, slice);
        return;
    }
    for (size_t i = 0; i < payload->n_pieces; i++) {
        csvc__payload_ref(payload);
        GC_RELEASE(payload);
        grpc_slice_buffer_add_indexed(
            buffer, grpc_slice_new_with_user_data((void *)(uintptr_t)payload->pieces[i].data,
                                                  payload->pieces[i].len, drop_payload, payload));
    }
}

void csvc__gc_put_message(gc_call *gc, const csvc_outgoing *message)
{
    grpc_slice_buffer *buffer = &gc->out.data.raw.slice_buffer;

    if (message->payload != NULL) {
        put_payload(buffer, message->payload);
    } else if (gc->has_reserved && message->reserved.len > 0) {
        GRPC_SLICE_SET_LENGTH(gc->reserved, message->reserved.len);
        GC_RELEASE(GRPC_SLICE_START_PTR(gc->reserved));
        gc->has_reserved = false; /* the buffer's now */
        grpc_slice_buffer_add(buffer, gc->reserved);
    }
    if ((message->compress || message->announce) && !gc->headers_sent) {
        gc->gzip = true;
    }
    if (gc->gzip && !message->compress) {
        gc->message_flags |= GRPC_WRITE_NO_COMPRESS;
    }
    gc->want_message = true;
}

void csvc__gc_headers_op(gc_call *gc, grpc_op *op)
{
    op->op = GRPC_OP_SEND_INITIAL_METADATA;
    op->flags = gc->headers_flags;
    op->reserved = NULL;
    op->data.send_initial_metadata.count = gc->headers.n;
    op->data.send_initial_metadata.metadata = gc->headers.entries;
    /* A served call's: the core takes gzip when the caller does. An outgoing call says it in its
     * metadata. */
    op->data.send_initial_metadata.maybe_compression_level.is_set = gc->gzip;
    op->data.send_initial_metadata.maybe_compression_level.level = GRPC_COMPRESS_LEVEL_MED;
}

void csvc__gc_message_op(gc_call *gc, grpc_op *op)
{
    op->op = GRPC_OP_SEND_MESSAGE;
    op->flags = gc->message_flags;
    op->reserved = NULL;
    op->data.send_message.send_message = &gc->out;
}

/* The core would not have it, so only what cannot be wrong goes out, and the tag comes back. */
static void flush_refused(gc_call *gc)
{
    grpc_op ops[1 + GC_END_OPS];
    size_t n_ops = 0;

    csvc__gc_md_out_clear(&gc->headers);
    if (gc->sending_end) {
        if (!gc->headers_sent) {
            csvc__gc_headers_op(gc, &ops[n_ops++]);
        }
        n_ops += gc->side->end_ops(gc, ops + n_ops, true);
        if (csvc__gc_start(gc, ops, n_ops, &gc->send_tag)) {
            return;
        }
    }
    (void)grpc_call_cancel_with_status(gc->call, GRPC_STATUS_INTERNAL,
                                       "the transport refused the message", NULL);
    (void)csvc__gc_start(gc, NULL, 0, &gc->send_tag);
}

void csvc__gc_flush(gc_call *gc)
{
    grpc_op ops[2 + GC_END_OPS];
    bool headers_sent = gc->headers_sent;
    size_t n_ops = 0;

    if (gc->sending) {
        return;
    }
    if (gc->over) {
        /* An empty batch, for its tag: a batch that fails makes the core cancel the call once more,
         * and put a second end behind the one that has gone out. */
        grpc_slice_buffer_reset_and_unref(&gc->out.data.raw.slice_buffer);
    } else {
        if (!headers_sent) {
            csvc__gc_headers_op(gc, &ops[n_ops++]);
        }
        if (gc->want_message) {
            csvc__gc_message_op(gc, &ops[n_ops++]);
        }
        if (gc->want_end) {
            n_ops += gc->side->end_ops(gc, ops + n_ops, false);
        }
    }
    gc->sending = true;
    gc->sending_end = gc->want_end;
    gc->want_headers = false;
    gc->want_message = false;
    gc->want_end = false;
    if (!csvc__gc_start(gc, ops, n_ops, &gc->send_tag)) {
        flush_refused(gc);
    }
    gc->headers_sent = true;
}

static void send_done(gc_tag *tag, bool ok)
{
    gc_call *gc = GC_CONTAINER(tag, gc_call, send_tag);
    bool writable = gc->want_writable;

    gc->sending = false;
    if (gc->headers.n > 0) {
        csvc__gc_md_out_clear(&gc->headers);
    }
    if (gc->sending_end) {
        gc->side->send_ended(gc, ok);
        return;
    }
    if (gc->want_headers || gc->want_message || gc->want_end) {
        csvc__gc_flush(gc);
        return; /* the message wanted, or the end, takes the place of `writable` */
    }
    if (writable) {
        gc->want_writable = false;
        gc->side->writable(gc);
    } else if (gc->side->sent != NULL) {
        gc->side->sent(gc);
    }
}

void csvc__gc_send(csvc_tcall *tc, const csvc_outgoing *message, bool more)
{
    gc_call *gc = (gc_call *)tc;

    /* Held back only behind headers that are on their way already: the core asks for that. */
    gc->message_flags = more && gc->headers_sent ? GRPC_WRITE_BUFFER_HINT : 0;
    csvc__gc_put_message(gc, message);
    gc->want_writable = true;
    csvc__gc_flush(gc);
}

/* ---- reading ---- */

static void read_done(gc_tag *tag, bool ok)
{
    gc_call *gc = GC_CONTAINER(tag, gc_call, read_tag);
    grpc_byte_buffer *buffer = gc->in;
    csvc_payload *payload = NULL;
    /* Without a message: the last one has come, or there will be none because the call failed. */
    bool failed = !ok || gc->read_refused;

    gc->in = NULL;
    gc->reading = false;
    if (buffer == NULL) {
        failed = failed || grpc_call_failed_before_recv_message(gc->call) != 0;
    } else if (!ok) {
        grpc_byte_buffer_destroy(buffer);
    } else {
        payload = csvc__gc_payload_take(&gc->first, buffer);
        if (payload == NULL) {
            failed = true;
            (void)grpc_call_cancel_with_status(gc->call, GRPC_STATUS_RESOURCE_EXHAUSTED,
                                               "out of memory", NULL);
        }
    }
    if (failed) {
        gc->side->read_failed(gc);
    } else {
        gc->side->message(gc, payload);
    }
}

void csvc__gc_read(csvc_tcall *tc)
{
    gc_call *gc = (gc_call *)tc;
    grpc_op op;

    op.op = GRPC_OP_RECV_MESSAGE;
    op.flags = 0;
    op.reserved = NULL;
    op.data.recv_message.recv_message = &gc->in;
    gc->reading = true;
    if (!csvc__gc_start(gc, &op, 1, &gc->read_tag)) {
        /* A second read at a time, which the seam forbids; or the core is out of its mind. */
        (void)grpc_call_cancel_with_status(gc->call, GRPC_STATUS_INTERNAL,
                                           "the transport refused to read", NULL);
        gc->read_refused = true;
        (void)csvc__gc_start(gc, NULL, 0, &gc->read_tag);
    }
}

/* ---- the rest ---- */

void csvc__gc_cancel(csvc_tcall *tc, csvc_code code, const char *text)
{
    gc_call *gc = (gc_call *)tc;

    if (gc->call != NULL) {
        (void)grpc_call_cancel_with_status(gc->call, (grpc_status_code)code, text, NULL);
    }
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "ipv6:%5B::1%5D:80" as people write it. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++, to++) {
        if (from[0] == '%' && hex(from[1]) >= 0 && hex(from[2]) >= 0) {
            *to = (char)(hex(from[1]) * 16 + hex(from[2]));
            from += 2;
        } else {
            *to = *from;
        }
    }
    *to = '\0';
}

const char *csvc__gc_peer(csvc_tcall *tc, csvc_arena *a)
{
    gc_call *gc = (gc_call *)tc;
    char *uri = gc->call != NULL ? grpc_call_get_peer(gc->call) : NULL;
    char *peer = csvc_arena_strdup(a, uri != NULL ? uri : "");

    gpr_free(uri);
    if (peer != NULL) {
        unescape(peer);
    }
    return peer;
}
