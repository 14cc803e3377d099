/* rpc/call_stream.h: an outgoing call that lasts: what the threads that use it (call_stream.c) and
 * its loop (call_turns.c) share. */
#ifndef CSVC_RPC_CALL_STREAM_H
#define CSVC_RPC_CALL_STREAM_H

#include <rpc/calling.h>
#include <rpc/seen.h>
#include <rpc/stream.h>

enum {
    CSVC__CALL_FIRST_CHUNK = 256
};

struct csvc_call {
    csvc__under_way in_list; /* first */
    atomic_uint refs;
    csvc_channel *ch;
    csvc_tcall *tc; /* the loop's, until it has given it back */
    const csvc_method *method;
    csvc__seen *seen; /* NULL: the channel has no interceptors */
    csvc_stream stream;
    csvc_events events;
    csvc_relay_fn *relay; /* of an asynchronous unary call */
    csvc_done_fn *done_fn;
    void *done_self;
    csvc_ctx *parent; /* a reference */
    csvc__hook hook;  /* in the parent */
    csvc_arena arena; /* of the metadata received and the text; the loop's, then the user's */
    csvc_md_list headers, trailers;
    csvc_rpc outcome; /* of an asynchronous call */
    const void *reply;
    const char *text;
    csvc_code code;

    /* under the stream's lock */
    bool asynchronous;
    bool cancel_wanted;
    const char *refusal; /* an interceptor's, of a message; NULL: there was none */
    bool discards;       /* messages that come are nobody's */
    bool over;           /* the status has come */
    csvc__waiter *for_over;
    bool given_back; /* and the transport's call has gone */

    /* on the loop */
    bool cancelled, closed, told_end;
    bool has_status; /* nothing more may be asked of the transport */
    csvc_code status;
    csvc_bytes status_text; /* as long as the transport's call */
    bool memory_short, has_reply;

    _Alignas(16) uint8_t first_chunk[CSVC__CALL_FIRST_CHUNK]; /* of the arena */
};

/* What the transport tells it, on the loop. */
extern const csvc_outgoing_events csvc__call_events;

/* A turn on the loop: does what was asked of the call, and what can be done since. */
void csvc__call_run_turn(csvc_task *task);

/* Asks the loop for a turn, unless the call has ended; true: csvc__call_post is owed. With the
 * lock: what csvc__stream_want_turn says. */
bool csvc__call_want_turn(csvc_call *call);
void csvc__call_post(csvc_call *call, bool owed);

/* The next message, and what interceptors say of it. False: there is none; err is as it was, or the
 * call is cancelled and err says why. */
bool csvc__call_receive(csvc_call *call, const void **ret_message, csvc_error *err);

#endif /* CSVC_RPC_CALL_STREAM_H */
