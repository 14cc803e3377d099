/*
 * rpc/calling.c: what every outgoing call begins with and leaves behind: the options of a csvc_rpc
 * made into what a transport is asked for, the channel's list of calls, the result.
 */
#include <base/arena.h>
#include <base/clock.h>
#include <codec/codec.h>
#include <csvc/alloc.h>
#include <rpc/calling.h>

#include <string.h>

#include <base/banned.h>

#define RESULT_MAX_MEMORY CSVC__CTX_MAX_MEMORY
enum {
    SCRATCH = 1024 /* of a request; a larger one is encoded in the result's arena first */
};

/* ---- the channel's list ---- */

bool csvc__channel_enlist(csvc_channel *ch, csvc__under_way *call)
{
    bool open;

    (void)pthread_mutex_lock(&ch->lock);
    open = !ch->closing;
    if (open) {
        call->next = ch->calls;
        if (ch->calls != NULL) {
            ch->calls->prev = call;
        }
        ch->calls = call;
    }
    (void)pthread_mutex_unlock(&ch->lock);
    return open;
}

void csvc__channel_delist(csvc_channel *ch, csvc__under_way *call, csvc_tcall *tc)
{
    (void)pthread_mutex_lock(&ch->lock);
    *(call->prev != NULL ? &call->prev->next : &ch->calls) = call->next;
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    tc->ops->release(tc);
    if (ch->calls == NULL) {
        (void)pthread_cond_signal(&ch->quiet);
    }
    (void)pthread_mutex_unlock(&ch->lock);
}

/* ---- metadata ---- */

bool csvc__copy_metadata(csvc_arena *a, csvc_md_list from, csvc_md_list *ret_to)
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

/* Whether the caller has said it himself. */
static bool is_given(const csvc_rpc *rpc, const char *key)
{
    for (size_t i = 0; i < rpc->n_metadata; i++) {
        if (rpc->metadata[i].key != NULL && strcmp(rpc->metadata[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

/* Appends the parent's values of a key. */
static void carry_on(const csvc_rpc *rpc, csvc_md_list from, const char *key, csvc_md_list *list,
                     csvc_md *entries)
{
    csvc_bytes value;

    if (is_given(rpc, key)) {
        return;
    }
    for (size_t n = 0; csvc__metadata_find(from, key, n, &value); n++) {
        /* what may be received may not always be sent: then it is left out, the call goes on */
        if (list->n_entries < CSVC__CTX_MAX_METADATA && csvc__metadata_refuse(key, value) == NULL) {
            entries[list->n_entries++] = (csvc_md){{strlen(key), (const uint8_t *)key}, value};
        }
    }
}

/* The trace and the listed keys of the rpc that is the parent. Two traceparents are none. */
static void carry_all_on(const csvc_channel *ch, const csvc_rpc *rpc, csvc_md_list from,
                         csvc_md_list *list, csvc_md *entries)
{
    csvc_bytes value;

    if (!csvc__metadata_find(from, "traceparent", 1, &value) &&
        csvc__metadata_find(from, "traceparent", 0, &value)) {
        carry_on(rpc, from, "traceparent", list, entries);
        carry_on(rpc, from, "tracestate", list, entries);
    }
    for (size_t i = 0; i < ch->n_forward; i++) {
        carry_on(rpc, from, ch->forward[i], list, entries);
    }
}

csvc_code csvc__rpc_metadata(const csvc_channel *ch, csvc_rpc *rpc, csvc_md_list *ret_list,
                             const char **ret_text)
{
    csvc_tcall *served = rpc->parent != NULL ? rpc->parent->tc : NULL;
    csvc_md_list received = {0};
    csvc_md_list list = {0};
    csvc_md *entries = NULL;

    if (rpc->n_metadata > CSVC__CTX_MAX_METADATA) {
        *ret_text = "more than 64 entries of metadata";
        return CSVC_INVALID_ARGUMENT;
    }
    if (served != NULL && !served->ops->metadata(served, &received)) {
        *ret_text = "out of memory";
        return CSVC_RESOURCE_EXHAUSTED;
    }
    if (rpc->n_metadata + received.n_entries > 0) {
        const size_t most = rpc->n_metadata + received.n_entries;

        entries = csvc__arena_take(&rpc->result->arena, most * sizeof(*entries));
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
    list = (csvc_md_list){entries, rpc->n_metadata};
    if (received.n_entries > 0) {
        carry_all_on(ch, rpc, received, &list, entries);
    }
    *ret_list = list;
    return CSVC_OK;
}

/* ---- the way out ---- */

const char *csvc__rpc_refuse(const csvc_rpc *rpc, bool waits, csvc_code *ret_code)
{
    *ret_code = CSVC_FAILED_PRECONDITION;
    if (waits && (csvc__loop_current() != NULL ||
                  (rpc->parent != NULL && !csvc__ctx_may_block(rpc->parent)))) {
        return "an inline handler may not wait for a call";
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

int64_t csvc__rpc_deadline(const csvc_rpc *rpc)
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

csvc_code csvc__rpc_request(const csvc_channel *ch, csvc_rpc *rpc, const csvc_method *method,
                            csvc_tcall *tc, const void *request, csvc_outgoing *ret_message,
                            const char **ret_text)
{
    csvc_arena *a = &rpc->result->arena;
    csvc_error err;
    csvc_bytes bytes;
    uint8_t scratch[SCRATCH];
    void *memory;
    csvc_code code =
        csvc__encode_into(method->request, request, scratch, sizeof(scratch), a, &bytes, &err);

    *ret_text = "out of memory";
    if (code != CSVC_OK) {
        const char *text = csvc_arena_printf(a, "the request cannot be encoded: %s", err.text);

        *ret_text = text != NULL ? text : *ret_text;
        return code;
    }
    if (bytes.len > ch->max_request_bytes) {
        const char *text =
            csvc_arena_printf(a, "the request has %zu bytes, this channel sends %u at most",
                              bytes.len, (unsigned)ch->max_request_bytes);

        *ret_text = text != NULL ? text : *ret_text;
        return CSVC_RESOURCE_EXHAUSTED;
    }
    memory = tc->ops->reserve(tc, bytes.len);
    if (memory == NULL) {
        return CSVC_RESOURCE_EXHAUSTED;
    }
    if (bytes.len > 0) {
        memcpy(memory, bytes.data, bytes.len);
    }
    *ret_message =
        (csvc_outgoing){.reserved = {bytes.len, memory},
                        .compress = csvc__packs(rpc->compress, bytes.len, ch->compress_bytes),
                        .announce = rpc->compress != CSVC_COMPRESS_BY_SIZE};
    return CSVC_OK;
}

/* ---- the result ---- */

csvc_code csvc__rpc_outcome(csvc_rpc *rpc, csvc_code code, const char *text)
{
    rpc->code = code;
    rpc->message = text;
    if (rpc->parent != NULL && code != CSVC_OK) {
        (void)csvc_fail(rpc->parent, code, "%s", text);
    }
    return code;
}

bool csvc__rpc_fresh(csvc_rpc *rpc)
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
    result->was_packed = false;
    return true;
}

bool csvc_rpc_was_compressed(const csvc_rpc *rpc)
{
    return rpc->result != NULL && rpc->result->was_packed;
}

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
