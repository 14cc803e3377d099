/*
 * csvc/stream.h: streams and detached calls, as a handler sees them.
 *
 * A csvc_stream is what a handler receives from (`in`) or sends to (`out`). On pool threads `recv`
 * and `send` look as if they blocked; cancellation, deadline and stop wake both. Generated code has
 * typed wrappers: PREFIX_RPC_recv, PREFIX_RPC_send, PREFIX_RPC_frame.
 *
 *     while (code == CSVC_OK && user_store_scan_next(scan, &user)) {
 *         code = user_service_stream_users_send(out, user);
 *     }
 *
 * A call that is to go on after its handler has returned is *detached*: it needs no thread then,
 * any thread may send on it and finish it, and what happens to it is told by events. Unary calls
 * may be detached, too. A stream lives as long as its ctx.
 *
 * What belongs to one thread at a time also in a detached call: csvc_alloc and its kind, csvc_fail,
 * metadata. streaming.md has whole handlers.
 */
#ifndef CSVC_STREAM_H
#define CSVC_STREAM_H

#include <csvc/service.h>

CSVC_BEGIN_DECLS

typedef struct csvc_frame csvc_frame;

/* ---- in a handler ---- */

/*
 * The next message. It lives in the stream's scratch arena until the next recv, so that the memory
 * of a stream does not grow with its age; csvc_message_copy keeps one. False when there are no
 * more: csvc_stream_code says why. Waits; false at once in an inline handler and on a detached
 * call.
 */
CSVC_API bool csvc_stream_recv(csvc_stream *in, const void **ret_message);

/*
 * Why recv returned false: OK when the caller has sent all it had (half-close), CANCELLED,
 * DEADLINE_EXCEEDED or UNAVAILABLE when the call is over, INTERNAL when a message did not parse,
 * FAILED_PRECONDITION where recv may not wait. A handler returns it as it is.
 */
CSVC_API csvc_code csvc_stream_code(csvc_stream *in);

/*
 * Sends a message: packs it, queues it, and waits for room in the queue on a pool thread. The
 * message may change as soon as it returns. CANCELLED, DEADLINE_EXCEEDED or UNAVAILABLE when the
 * call is over; INTERNAL when the message cannot be packed; FAILED_PRECONDITION in an inline
 * handler that has not detached, and after csvc_finish, which gets a line in the log;
 * RESOURCE_EXHAUSTED when memory is short and, on a detached call, where it never waits, when the
 * queue is full: on_writable tells when there is room again.
 */
CSVC_API csvc_code csvc_stream_send(csvc_stream *out, const void *message) CSVC_MUST_CHECK;

/* ---- one message for many streams ---- */

/* A message packed once; the streams it is sent to share the bytes. Counted; any thread. NULL when
 * it cannot be packed or memory is short. */
CSVC_API csvc_frame *csvc_frame_new(const csvc_message_type *type,
                                    const void *message) CSVC_MUST_CHECK;
CSVC_API csvc_frame *csvc_frame_ref(csvc_frame *frame);
CSVC_API csvc_frame *csvc_frame_unref(csvc_frame *frame); /* takes NULL, returns NULL */

/* csvc_stream_send for it, the same codes; INTERNAL for NULL. The frame is the stream's message
 * type, which the typed wrappers make sure of. */
CSVC_API csvc_code csvc_stream_send_frame(csvc_stream *out, csvc_frame *frame) CSVC_MUST_CHECK;

/* ---- detached calls ---- */

/*
 * What a detached call tells its keeper: serially, on the call's loop, so nothing here may block;
 * after the handler has returned; never from inside a csvc function, so a sender may hold a lock
 * that an event takes as well. All may be NULL.
 */
typedef struct csvc_events {
    size_t struct_size;
    void *self;

    /* The next message, one for each csvc_more, or all with auto_more. It lives until this
     * returns. NULL: the caller has sent all it had; that, too, waits for csvc_more. */
    void (*on_message)(void *self, const void *message);

    /* There is room again after a send that was refused with RESOURCE_EXHAUSTED. */
    void (*on_writable)(void *self);

    /* The call is over; exactly once, the last event, also when the handler returned an error. The
     * code is what the caller was told, or why it did not hear it. */
    void (*on_done)(void *self, csvc_code code);

    bool auto_more; /* the next message comes without csvc_more */

    /*
     * The server stops; once, on a served call that has not ended. True: the keeper itself finishes
     * the call, within the grace of csvc_server_shutdown. False, and where there is no on_stop: the
     * runtime ends it with UNAVAILABLE, behind what was sent. Without an on_stop that goes for
     * calls with a stream of replies, which nobody else would end; those with one reply are calls
     * in flight like any other.
     */
    bool (*on_stop)(void *self);
} csvc_events;

#define CSVC_EVENTS_INIT .struct_size = sizeof(csvc_events)

/*
 * From a handler: keeps the call open after the handler has returned OK (an error ends it with that
 * code). Copies the events, cannot fail, returns the same ctx with a reference for the keeper. ctx,
 * streams, request, reply and arena live until the last csvc_ctx_unref and until on_done has
 * returned. The last reference dropped without csvc_finish ends the call with INTERNAL.
 */
CSVC_API csvc_ctx *csvc_detach(csvc_ctx *ctx, const csvc_events *events);

/*
 * Ends a detached call, behind all that was sent; for a unary call with OK, with the reply as it is
 * filled now. Any thread. OK also when the call had ended already, which is nobody's mistake. The
 * text of csvc_fail goes with its code. A second one, or one for a call that is not detached, gets
 * a line in the log and FAILED_PRECONDITION; the first code stands.
 */
CSVC_API csvc_code csvc_finish(csvc_ctx *ctx, csvc_code code);

/* Asks for one more on_message. Any thread. */
CSVC_API void csvc_more(csvc_stream *in);

#ifdef __cplusplus
static inline csvc_events csvc_events_init(void)
{
    csvc_events events = csvc_events();
    events.struct_size = sizeof(events);
    return events;
}
#endif

CSVC_END_DECLS

#endif /* CSVC_STREAM_H */
