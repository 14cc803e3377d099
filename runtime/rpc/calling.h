/* rpc/calling.h: what the kinds of outgoing call share (calling.c): call.c waits for one reply,
 * call_stream.c keeps calls that last. */
#ifndef CSVC_RPC_CALLING_H
#define CSVC_RPC_CALLING_H

#include <base/arena.h>
#include <rpc/channel.h>
#include <rpc/ctx.h>

/* What a csvc_rpc keeps from one call to the next. */
struct csvc_rpc_result {
    csvc_arena arena;
    csvc_md_list headers, trailers; /* in the arena */
    bool was_packed;                /* the reply, the last one */
    _Alignas(16) uint8_t first_chunk[CSVC__CTX_FIRST_CHUNK];
};

/* Lists of metadata, copied with all they point to. False: no memory. */
bool csvc__copy_metadata(csvc_arena *a, csvc_md_list from, csvc_md_list *ret_to);

/* Writes down how it went; for the parent as well. Returns the code. */
csvc_code csvc__rpc_outcome(csvc_rpc *rpc, csvc_code code, const char *text);

/* A result to write to, empty. False: no memory. */
bool csvc__rpc_fresh(csvc_rpc *rpc);

/* The metadata to send, checked, with what the parent hands on; what it points to is the caller's
 * and the parent's. */
csvc_code csvc__rpc_metadata(const csvc_channel *ch, csvc_rpc *rpc, csvc_md_list *ret_list,
                             const char **ret_text);

int64_t csvc__rpc_deadline(const csvc_rpc *rpc);

/* Why a call cannot even be tried; NULL when it can. `waits`: its caller's thread does. */
const char *csvc__rpc_refuse(const csvc_rpc *rpc, bool waits, csvc_code *ret_code);

/* Encodes a request into memory the transport gives. Text in the result's arena, or constant. */
csvc_code csvc__rpc_request(const csvc_channel *ch, csvc_rpc *rpc, const csvc_method *method,
                            csvc_tcall *tc, const void *request, csvc_outgoing *ret_message,
                            const char **ret_text);

/* Puts the call in the channel's list; takes it out, its transport's call with it. False when the
 * channel is being freed. */
bool csvc__channel_enlist(csvc_channel *ch, csvc__under_way *call);
void csvc__channel_delist(csvc_channel *ch, csvc__under_way *call, csvc_tcall *tc);

#endif /* CSVC_RPC_CALLING_H */
