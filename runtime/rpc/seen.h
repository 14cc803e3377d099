/* rpc/seen.h: an outgoing call as the interceptors of its channel see it. Calls on a channel
 * without any have none of this. */
#ifndef CSVC_RPC_SEEN_H
#define CSVC_RPC_SEEN_H

#include <rpc/channel.h>
#include <rpc/ctx.h>
#include <rpc/stream.h>

typedef struct csvc__seen csvc__seen;

/*
 * The begins, on the thread that calls, once nothing but the start is to be done; what they add to
 * the headers is appended to start->metadata. *ret_seen is NULL when the channel has no
 * interceptors. When one refuses, all ends have run: the code, and a text in the arena.
 */
csvc_code csvc__seen_begin(csvc_channel *ch, const csvc_method *method, csvc_arena *a,
                           csvc_start *start, csvc__seen **ret_seen,
                           const char **ret_text) CSVC_MUST_CHECK;

/* Messages, one at a time, on whatever thread, none behind the ends; all take NULL for the call. A
 * received one may be refused: the text is csvc__seen_text. */
csvc_code csvc__seen_received(csvc__seen *seen, const void *message) CSVC_MUST_CHECK;
void csvc__seen_sent(csvc__seen *seen, const void *message);

/* csvc__stream_push, and the message is heard of in the same go: what is accepted counts, and the
 * ends do not run in between. */
csvc__pushed csvc__seen_push(csvc__seen *seen, csvc_stream *st, csvc_payload *payload,
                             const void *message, csvc_code *ret_why);
const char *csvc__seen_text(const csvc__seen *seen, csvc_code code); /* as long as the call */

/* The ends, the first time only; of an asynchronous call, once its stream has ended. */
void csvc__seen_end(csvc__seen *seen, csvc_code code, const char *text);

/* Behind the ends. */
void csvc__seen_free(csvc__seen *seen);

/* No call is under way: sees to it that all ends have run, since what interceptors need goes with
 * the channel. Waits for threads that settle a unary call; of a stream that nobody has finished the
 * ends run here. */
void csvc__seen_end_all(csvc_channel *ch);

#endif /* CSVC_RPC_SEEN_H */
