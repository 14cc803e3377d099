/*
 * csvc/stream.h: streams and detached calls.
 *
 * THE SHAPE, NOT YET THE CODE: the functions of this header are declared so that generated code and
 * handlers keep their signatures; this release defines none of them, generates no calls to them and
 * answers UNIMPLEMENTED to rpcs with a stream. The header is not installed until they exist.
 *
 * A csvc_stream is one direction of a call, seen by its handler: messages received, or messages
 * sent. On pool threads `recv` and `send` look as if they blocked; cancellation, deadline and stop
 * wake both. Typed wrappers of these are emitted as PREFIX_RPC_send, PREFIX_RPC_recv and
 * PREFIX_RPC_frame.
 */
#ifndef CSVC_STREAM_H
#define CSVC_STREAM_H

#include <csvc/service.h>

CSVC_BEGIN_DECLS

typedef struct csvc_frame csvc_frame;

/* The next message, living in the stream's scratch arena until the next recv. False at half-close
 * and when it ended. Blocks. */
CSVC_API bool csvc_stream_recv(csvc_stream *in, const void **ret_message);

/* OK at half-close, else why receiving ended. */
CSVC_API csvc_code csvc_stream_code(csvc_stream *in);

/*
 * Sends a message; waits for room on a pool thread. CANCELLED or DEADLINE_EXCEEDED when the caller
 * has gone, FAILED_PRECONDITION in an inline handler, RESOURCE_EXHAUSTED (never waits) once
 * detached and the queue is full.
 */
CSVC_API csvc_code csvc_stream_send(csvc_stream *out, const void *message) CSVC_MUST_CHECK;

/* A message packed once for many streams. Counted; any thread. NULL when it cannot be encoded. */
CSVC_API csvc_frame *csvc_frame_new(const csvc_message_type *type, const void *message);
CSVC_API csvc_frame *csvc_frame_unref(csvc_frame *frame);
CSVC_API csvc_code csvc_stream_send_frame(csvc_stream *out, csvc_frame *frame) CSVC_MUST_CHECK;

/* What a detached call tells its keeper, serially, on the call's loop, after the handler has
 * returned. */
typedef struct csvc_events {
    size_t struct_size;
    void *self;
    void (*on_message)(void *self,
                       const void *message);     /* NULL: half-close. Lives until it returns */
    void (*on_writable)(void *self);             /* follows a refused send */
    void (*on_done)(void *self, csvc_code code); /* exactly once */
    bool auto_more;                              /* the next message without csvc_more */
} csvc_events;

#define CSVC_EVENTS_INIT .struct_size = sizeof(csvc_events)

/*
 * Keeps the call open after the handler has returned OK. Copies the events, cannot fail, returns
 * the same ctx with one reference more. ctx, streams, request, reply and arena live until the last
 * csvc_ctx_unref and until on_done has returned. The last reference dropped without csvc_finish
 * ends the call with INTERNAL.
 */
CSVC_API csvc_ctx *csvc_detach(csvc_ctx *ctx, const csvc_events *events);

/* Ends a detached call. Any thread. Ignored once the call has ended. */
CSVC_API void csvc_finish(csvc_ctx *ctx, csvc_code code);

/* Asks for one more on_message. Any thread. */
CSVC_API void csvc_more(csvc_stream *in);

CSVC_END_DECLS

#endif /* CSVC_STREAM_H */
