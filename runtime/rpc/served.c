/* rpc/served.c: what served calls have in common, of whatever kind: the request, the reply, codes
 * that are not ours, why a call is over, its memory. */
#include <base/clock.h>
#include <codec/codec.h>
#include <csvc/log.h>
#include <rpc/served.h>

#include <stdio.h>
#include <string.h>

#include <base/banned.h>

enum {
    SCRATCH = 1024 /* of a reply; a larger one is encoded in the call's arena first */
};
#define DEADLINE_SLACK (5 * CSVC__MS)

void csvc__served_give_back(csvc__served *s)
{
    csvc_tcall *tc = s->ctx.tc;

    csvc__ctx_release(&s->ctx);
    tc->ops->release(tc);
}

/* Why a call is over that did not get its reply. The transport's clock is coarser than ours, and a
 * caller whose deadline has passed says no more than that it cancels. */
csvc_code csvc__served_why_cancelled(const csvc__served *s)
{
    if (s->ctx.deadline != INT64_MAX && s->ctx.deadline <= csvc__now() + DEADLINE_SLACK) {
        return CSVC_DEADLINE_EXCEEDED;
    }
    return atomic_load_explicit(&s->srv->hard, memory_order_relaxed) ||
                   (s->on_loop_live && s->l.stopped)
               ? CSVC_UNAVAILABLE
               : CSVC_CANCELLED;
}

/* ---- where the handler runs ---- */

static csvc_code misbehaved(csvc_ctx *ctx, const char *what, int number)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", number);
    csvc_log(CSVC_LOG_ERROR, "no such status code", "method", ctx->path, "from", what, "code", text,
             NULL);
    return csvc_fail(ctx, CSVC_INTERNAL, "%s returned %d, which is no status code", what, number);
}

/* A code from code that is not ours. */
csvc_code csvc__served_checked(csvc_ctx *ctx, const char *what, csvc_code code)
{
    return (unsigned)code <= CSVC_UNAUTHENTICATED ? code : misbehaved(ctx, what, (int)code);
}

csvc_code csvc__served_decode(csvc__served *s, void **ret_request)
{
    const csvc_method *method = s->sm->method;
    csvc_error err;
    csvc_code code;

    s->ctx.was_packed = s->request->compressed;
    if (s->request->compressed) {
        code = csvc__payload_unpack(&s->request, s->srv->o.max_message_bytes, &err);
        if (code != CSVC_OK) {
            return csvc_fail(&s->ctx, code, "%s", err.text);
        }
    }
    if (s->request->n_pieces == 1) {
        code = csvc_decode(&s->ctx.arena, method->request, s->request->pieces[0], NULL, ret_request,
                           &err);
    } else {
        code = csvc_decode_pieces(&s->ctx.arena, method->request, s->request->pieces,
                                  s->request->n_pieces, NULL, ret_request, &err);
    }
    csvc__payload_unref(s->request);
    s->request = NULL;
    if (code != CSVC_OK) {
        (void)csvc_fail(&s->ctx, code, "the request does not parse: %s", err.text);
    }
    return code;
}

csvc_payload *csvc__served_pack(const csvc__served *s, const csvc_bytes *pieces, size_t n_pieces)
{
    /* headers that went before a word of csvc_compress may not have announced it */
    const bool announced =
        s->sm->method->kind == CSVC_RPC_UNARY || s->srv->o.compress_bytes != UINT32_MAX;

    return s->takes_packed && announced ? csvc__payload_pack(pieces, n_pieces) : NULL;
}

csvc_code csvc__served_encode(csvc__served *s, const void *message)
{
    const csvc_method *method = s->sm->method;
    csvc_ctx *ctx = &s->ctx;
    csvc_error err;
    csvc_bytes bytes;
    uint8_t scratch[SCRATCH];
    csvc_payload *packed;
    bool packs;
    void *memory;
    csvc_code code = csvc__encode_into(method->reply, message, scratch, sizeof(scratch),
                                       &ctx->arena, &bytes, &err);

    if (code != CSVC_OK) {
        csvc_log(CSVC_LOG_ERROR, "a reply cannot be encoded", "method", ctx->path, "why", err.text,
                 NULL);
        return csvc_fail(ctx, code, "the reply cannot be encoded: %s", err.text);
    }
    if (bytes.len > s->srv->o.max_reply_bytes) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED,
                         "the reply has %zu bytes, this server sends %u at most", bytes.len,
                         (unsigned)s->srv->o.max_reply_bytes);
    }
    packs = csvc__packs(csvc__ctx_packing(ctx), bytes.len, s->srv->o.compress_bytes);
    packed = packs ? csvc__served_pack(s, &bytes, 1) : NULL;
    if (packed != NULL) {
        s->reply = (csvc_outgoing){.payload = packed, .announce = true};
        s->has_reply = true;
        return CSVC_OK;
    }
    memory = ctx->tc->ops->reserve(ctx->tc, bytes.len);
    if (memory == NULL) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (bytes.len > 0) {
        memcpy(memory, bytes.data, bytes.len);
    }
    s->reply = (csvc_outgoing){.reserved = {bytes.len, memory}, .compress = packs};
    s->has_reply = true;
    return CSVC_OK;
}

csvc_code csvc__served_begin(csvc__served *s)
{
    const csvc__chain *chain = &s->srv->chain;

    return s->begun < chain->n_links
               ? csvc__served_checked(
                     &s->ctx, "an interceptor",
                     csvc__chain_begin(chain, &s->ctx, s->states, chain->n_links, &s->begun))
               : CSVC_OK;
}
