/*
 * rpc/call.c: an outgoing unary call, and the wait for it.
 *
 * What the loop works on lies in the transport's call (`outgoing`) and goes with it; what the
 * caller waits on lies on the caller's stack (`waiter`) and goes when csvc_call_unary returns. The
 * reply is decoded on the loop, straight into the result's arena, because its bytes go with the
 * transport's call. Locks: the waiter's, then the channel's.
 */
#include <base/arena.h>
#include <base/clock.h>
#include <codec/codec.h>
#include <csvc/alloc.h>
#include <rpc/channel.h>
#include <rpc/ctx.h>

#include <stdio.h>
#include <string.h>

#include <base/banned.h>

/* What a csvc_rpc keeps from one call to the next. */
struct csvc_rpc_result {
    csvc_arena arena;
    csvc_md_list headers, trailers; /* in the arena */
    _Alignas(16) uint8_t first_chunk[CSVC__CTX_FIRST_CHUNK];
};

#define RESULT_MAX_MEMORY CSVC__CTX_MAX_MEMORY
enum {
    SCRATCH = 1024 /* of a request; a larger one is encoded in the result's arena first */
};

typedef struct waiter {
    csvc_channel *ch;
    csvc_rpc_result *result;
    const csvc_method *method;
    csvc_tcall *tc;

    /* written on the loop, before `done` */
    bool memory_short;
    bool has_reply;
    csvc_code code;
    const char *text; /* in the arena, or constant */
    void *reply;

    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done; /* the call has ended; the loop looks at this struct no more */
} waiter;

typedef struct outgoing {
    csvc__under_way in_list; /* first */
    csvc_tcall *tc;
    csvc_channel *ch;
    waiter *w;
    csvc_task cancel;
    /* under the channel's lock */
    bool started;       /* may be cancelled */
    bool wanted;        /* somebody wants it cancelled */
    bool cancel_posted; /* the cancel task is with the loop, or has been */
    bool cancel_ran;
    bool over; /* status has come */
} outgoing;

/* ---- lists of metadata ---- */

static bool copy_metadata(csvc_arena *a, csvc_md_list from, csvc_md_list *ret_to)
{
    size_t size = 0;
    csvc_md *entries;
    uint8_t *bytes;

    for (size_t i = 0; i < from.n_entries; i++) {
        size += from.entries[i].key.len + from.entries[i].value.len;
    }
    entries = csvc__arena_take(a, from.n_entries * sizeof(*entries));
    bytes = csvc__arena_take(a, size);
    if (entries == NULL || bytes == NULL) {
        return false;
    }
    for (size_t i = 0; i < from.n_entries; i++) {
        const csvc_md *md = &from.entries[i];

        entries[i].key = (csvc_bytes){md->key.len, bytes};
        if (md->key.len > 0) {
            memcpy(bytes, md->key.data, md->key.len);
        }
        bytes += md->key.len;
        entries[i].value = (csvc_bytes){md->value.len, bytes};
        if (md->value.len > 0) {
            memcpy(bytes, md->value.data, md->value.len);
        }
        bytes += md->value.len;
    }
    *ret_to = (csvc_md_list){entries, from.n_entries};
    return true;
}

/* ---- on the loop ---- */

/* Gives the call's memory back and takes it out of the channel, which may go at once. */
static void give_back(outgoing *o)
{
    csvc_channel *ch = o->ch;
    csvc__under_way *call = &o->in_list;

    (void)pthread_mutex_lock(&ch->lock);
    *(call->prev != NULL ? &call->prev->next : &ch->calls) = call->next;
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    o->tc->ops->release(o->tc);
    if (ch->calls == NULL) {
        (void)pthread_cond_signal(&ch->quiet);
    }
    (void)pthread_mutex_unlock(&ch->lock);
}

static void run_cancel(csvc_task *task)
{
    outgoing *o = (outgoing *)((uint8_t *)task - offsetof(outgoing, cancel));
    bool over;

    (void)pthread_mutex_lock(&o->ch->lock);
    o->cancel_ran = true;
    over = o->over;
    (void)pthread_mutex_unlock(&o->ch->lock);
    if (over) {
        give_back(o);
    } else {
        o->tc->ops->cancel(o->tc, CSVC_CANCELLED, "cancelled");
    }
}

void csvc__call_cancel(csvc__under_way *call)
{
    outgoing *o = (outgoing *)(void *)call;

    o->wanted = true;
    if (o->started && !o->over && !o->cancel_posted) {
        o->cancel_posted = true;
        o->cancel.run = run_cancel;
        csvc__loop_post(o->tc->loop, &o->cancel);
    }
}

static void on_headers(csvc_tcall *tc, csvc_md_list headers)
{
    waiter *w = ((outgoing *)tc->upper)->w;

    w->memory_short |= !copy_metadata(&w->result->arena, headers, &w->result->headers);
}

/* The reply out of its message. */
static void take_reply(waiter *w, csvc_payload **message)
{
    csvc_arena *a = &w->result->arena;
    csvc_error err;

    w->code = csvc__payload_unpack(message, w->ch->max_message_bytes, &err);
    if (w->code != CSVC_OK) {
        w->text = csvc_arena_strdup(a, err.text);
        return;
    }
    w->code = csvc_decode_pieces(a, w->method->reply, (*message)->pieces, (*message)->n_pieces,
                                 NULL, &w->reply, &err);
    if (w->code != CSVC_OK) {
        w->text = csvc_arena_printf(a, "the reply does not parse: %s", err.text);
    }
}

static void on_message(csvc_tcall *tc, csvc_payload *message)
{
    waiter *w = ((outgoing *)tc->upper)->w;

    if (message == NULL) {
        return;
    }
    if (w->has_reply) {
        w->code = CSVC_UNIMPLEMENTED;
        w->text = "the server sent more than one reply";
    } else {
        take_reply(w, &message);
    }
    w->has_reply = true;
    csvc__payload_unref(message);
}

static void on_writable(csvc_tcall *tc)
{
    (void)tc; /* the request went with the start */
}

/* What the caller is told, from the server's status and from what became of the reply. */
static void conclude(waiter *w, csvc_code code, csvc_bytes text)
{
    csvc_arena *a = &w->result->arena;

    if (code != CSVC_OK) {
        w->code = (unsigned)code <= CSVC_UNAUTHENTICATED ? code : CSVC_UNKNOWN;
        w->text = csvc_arena_strndup(a, (const char *)text.data, text.len);
    } else if (!w->has_reply) {
        w->code = CSVC_UNIMPLEMENTED;
        w->text = "the server sent no reply";
    } else if (w->code == CSVC_OK && w->memory_short) {
        w->code = CSVC_RESOURCE_EXHAUSTED;
        w->text = NULL;
    } else if (w->code == CSVC_OK) {
        w->text = "";
    }
    if (w->text == NULL) {
        w->text = "out of memory";
    }
}

static void on_status(csvc_tcall *tc, csvc_code code, csvc_bytes text, csvc_md_list trailers)
{
    outgoing *o = tc->upper;
    waiter *w = o->w;
    bool release;

    w->memory_short |= !copy_metadata(&w->result->arena, trailers, &w->result->trailers);
    conclude(w, code, text);

    /* not before `done`: until then the caller's stack is there, and so is the channel */
    (void)pthread_mutex_lock(&w->lock);
    (void)pthread_mutex_lock(&o->ch->lock);
    o->over = true;
    release = !o->cancel_posted || o->cancel_ran;
    (void)pthread_mutex_unlock(&o->ch->lock);
    if (release) {
        give_back(o);
    }
    w->done = true;
    (void)pthread_cond_signal(&w->ended);
    (void)pthread_mutex_unlock(&w->lock);
}

static const csvc_outgoing_events events = {
    .headers = on_headers,
    .message = on_message,
    .writable = on_writable,
    .status = on_status,
};

/* ---- on the caller's thread ---- */

/* The parent was cancelled. On any thread, while the caller waits. */
static void on_parent_cancelled(void *self)
{
    waiter *w = self;

    (void)pthread_mutex_lock(&w->lock);
    if (!w->done) {
        outgoing *o = w->tc->upper;

        (void)pthread_mutex_lock(&w->ch->lock);
        csvc__call_cancel(&o->in_list);
        (void)pthread_mutex_unlock(&w->ch->lock);
    }
    (void)pthread_mutex_unlock(&w->lock);
}

static csvc_code outcome(csvc_rpc *rpc, csvc_code code, const char *text)
{
    rpc->code = code;
    rpc->message = text;
    if (rpc->parent != NULL && code != CSVC_OK) {
        (void)csvc_fail(rpc->parent, code, "%s", text);
    }
    return code;
}

/* A result to write to, empty. False: no memory. */
static bool fresh_result(csvc_rpc *rpc)
{
    csvc_rpc_result *result = rpc->result;

    if (result == NULL) {
        result = csvc__malloc(sizeof(*result));
        if (result == NULL) {
            return false;
        }
        csvc__arena_init(&result->arena, result->first_chunk, sizeof(result->first_chunk),
                         RESULT_MAX_MEMORY);
        rpc->result = result;
    } else {
        csvc_arena_reset(&result->arena);
    }
    result->headers = result->trailers = (csvc_md_list){0};
    return true;
}

/* The metadata to send, checked; what it points to is the caller's. */
static csvc_code metadata_of(csvc_rpc *rpc, csvc_md_list *ret_list, const char **ret_text)
{
    csvc_arena *a = &rpc->result->arena;
    csvc_md *entries = NULL;

    if (rpc->n_metadata > CSVC__CTX_MAX_METADATA) {
        *ret_text = "more than 64 entries of metadata";
        return CSVC_INVALID_ARGUMENT;
    }
    if (rpc->n_metadata > 0) {
        entries = csvc__arena_take(a, rpc->n_metadata * sizeof(*entries));
        if (entries == NULL) {
            *ret_text = "out of memory";
            return CSVC_RESOURCE_EXHAUSTED;
        }
    }
    for (size_t i = 0; i < rpc->n_metadata; i++) {
        const csvc_metadata_pair *pair = &rpc->metadata[i];
        const char *refused = csvc__metadata_refuse(pair->key, pair->value);

        if (refused != NULL) {
            *ret_text = refused;
            return CSVC_INVALID_ARGUMENT;
        }
        entries[i] = (csvc_md){{strlen(pair->key), (const uint8_t *)pair->key},
                               {pair->value.len, pair->value.data}};
    }
    *ret_list = (csvc_md_list){entries, rpc->n_metadata};
    return CSVC_OK;
}

static int64_t deadline_of(const csvc_rpc *rpc)
{
    int64_t deadline = rpc->parent != NULL ? rpc->parent->deadline : INT64_MAX;

    if (rpc->timeout_ms > 0) {
        const int64_t now = csvc__now();

        if (rpc->timeout_ms < (INT64_MAX - now) / CSVC__MS) {
            const int64_t own = now + rpc->timeout_ms * CSVC__MS;

            deadline = own < deadline ? own : deadline;
        }
    }
    return deadline;
}

/* Encodes the request into the memory the transport gives. */
static csvc_code request_of(waiter *w, const void *request, csvc_outgoing *ret_message)
{
    csvc_arena *a = &w->result->arena;
    csvc_error err;
    csvc_bytes bytes;
    uint8_t scratch[SCRATCH];
    void *memory;
    csvc_code code =
        csvc__encode_into(w->method->request, request, scratch, sizeof(scratch), a, &bytes, &err);

    if (code != CSVC_OK) {
        w->text = csvc_arena_printf(a, "the request cannot be encoded: %s", err.text);
        return code;
    }
    if (bytes.len > w->ch->max_request_bytes) {
        w->text = csvc_arena_printf(a, "the request has %zu bytes, this channel sends %u at most",
                                    bytes.len, (unsigned)w->ch->max_request_bytes);
        return CSVC_RESOURCE_EXHAUSTED;
    }
    memory = w->tc->ops->reserve(w->tc, bytes.len);
    if (memory == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    if (bytes.len > 0) {
        memcpy(memory, bytes.data, bytes.len);
    }
    *ret_message = (csvc_outgoing){.reserved = {bytes.len, memory},
                                   .compress = bytes.len >= w->ch->compress_bytes};
    return CSVC_OK;
}

/* Puts the call in the channel's list. False when the channel is being freed. */
static bool enlist(csvc_channel *ch, outgoing *o)
{
    bool open;

    (void)pthread_mutex_lock(&ch->lock);
    open = !ch->closing;
    if (open) {
        o->in_list.next = ch->calls;
        if (ch->calls != NULL) {
            ch->calls->prev = &o->in_list;
        }
        ch->calls = &o->in_list;
    }
    (void)pthread_mutex_unlock(&ch->lock);
    return open;
}

/* From here on the call may be cancelled; it is, when somebody wanted that already. */
static void mark_started(waiter *w)
{
    (void)pthread_mutex_lock(&w->lock);
    if (!w->done) {
        outgoing *o = w->tc->upper;

        (void)pthread_mutex_lock(&w->ch->lock);
        o->started = true;
        if (o->wanted) {
            csvc__call_cancel(&o->in_list);
        }
        (void)pthread_mutex_unlock(&w->ch->lock);
    }
    (void)pthread_mutex_unlock(&w->lock);
}

static void await(waiter *w)
{
    (void)pthread_mutex_lock(&w->lock);
    while (!w->done) {
        (void)pthread_cond_wait(&w->ended, &w->lock);
    }
    (void)pthread_mutex_unlock(&w->lock);
}

/* Starts the call and waits for its status; w->code and w->text say how it went. */
static void run_call(waiter *w, csvc_rpc *rpc, const csvc_start *start)
{
    csvc__hook hook = {.fn = on_parent_cancelled, .self = w};

    w->ch->transport->call_start(w->tc, start);
    mark_started(w);
    if (rpc->parent != NULL) {
        (void)csvc__ctx_hook_add(rpc->parent, &hook);
    }
    await(w);
    if (rpc->parent != NULL) {
        csvc__ctx_hook_remove(rpc->parent, &hook);
    }
}

/* Why this call cannot even be tried; NULL when it can. */
static const char *refuse(const csvc_method *method, const csvc_rpc *rpc, csvc_code *ret_code)
{
    *ret_code = CSVC_FAILED_PRECONDITION;
    if (csvc__loop_current() != NULL ||
        (rpc->parent != NULL && !csvc__ctx_may_block(rpc->parent))) {
        return "an inline handler may not wait for a call";
    }
    *ret_code = CSVC_UNIMPLEMENTED;
    if (method->kind != CSVC_RPC_UNARY) {
        return "this release calls unary rpcs only";
    }
    if (rpc->parent != NULL) {
        *ret_code = csvc_check_cancelled(rpc->parent);
        if (*ret_code != CSVC_OK) {
            return *ret_code == CSVC_DEADLINE_EXCEEDED ? "the parent's deadline has passed"
                                                       : "the parent was cancelled";
        }
    }
    return NULL;
}

csvc_code csvc_call_unary(csvc_channel *ch, const csvc_method *method, csvc_rpc *rpc,
                          const void *request, const void **ret_reply)
{
    waiter w = {.ch = ch, .method = method};
    csvc_outgoing message;
    csvc_start start = {.events = &events, .message = &message, .unary_reply = true};
    csvc_code code;
    outgoing *o;
    const char *text;

    if (rpc == NULL || rpc->struct_size < offsetof(csvc_rpc, result) + sizeof(rpc->result)) {
        return CSVC_INVALID_ARGUMENT;
    }
    if (ch == NULL || method == NULL || request == NULL || ret_reply == NULL) {
        return outcome(rpc, CSVC_INVALID_ARGUMENT,
                       "a call needs a channel, a method and a request");
    }
    if (!fresh_result(rpc)) {
        return outcome(rpc, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    text = refuse(method, rpc, &code);
    if (text != NULL) {
        return outcome(rpc, code, text);
    }
    w.result = rpc->result;
    code = metadata_of(rpc, &start.metadata, &text);
    if (code != CSVC_OK) {
        return outcome(rpc, code, text);
    }
    w.tc = ch->transport->call_new(ch->tch, ch->transport->channel_loop(ch->tch), sizeof(*o));
    if (w.tc == NULL) {
        return outcome(rpc, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    code = request_of(&w, request, &message);
    if (code != CSVC_OK) {
        w.tc->ops->release(w.tc);
        return outcome(rpc, code, w.text != NULL ? w.text : "out of memory");
    }
    o = w.tc->upper;
    *o = (outgoing){.tc = w.tc, .ch = ch, .w = &w};
    if (!enlist(ch, o)) {
        w.tc->ops->release(w.tc);
        return outcome(rpc, CSVC_CANCELLED, "the channel is being freed");
    }
    start.path = method->path;
    start.deadline = deadline_of(rpc);
    start.wait_for_ready = rpc->wait_for_ready;
    (void)pthread_mutex_init(&w.lock, NULL);
    (void)pthread_cond_init(&w.ended, NULL);
    run_call(&w, rpc, &start);
    (void)pthread_cond_destroy(&w.ended);
    (void)pthread_mutex_destroy(&w.lock);
    if (w.code == CSVC_OK) {
        *ret_reply = w.reply;
    }
    return outcome(rpc, w.code, w.text);
}

/* ---- the result ---- */

bool csvc_rpc_header(const csvc_rpc *rpc, const char *key, size_t n, csvc_bytes *ret_value)
{
    return rpc->result != NULL && csvc__metadata_find(rpc->result->headers, key, n, ret_value);
}

bool csvc_rpc_trailer(const csvc_rpc *rpc, const char *key, size_t n, csvc_bytes *ret_value)
{
    return rpc->result != NULL && csvc__metadata_find(rpc->result->trailers, key, n, ret_value);
}

void csvc_rpc_clear(csvc_rpc *rpc)
{
    if (rpc == NULL || rpc->result == NULL) {
        return;
    }
    csvc__arena_release(&rpc->result->arena);
    csvc__free(rpc->result);
    rpc->result = NULL;
    rpc->message = "";
}
