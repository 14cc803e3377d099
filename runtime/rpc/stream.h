/*
 * rpc/stream.h: the messages of a call between the threads that use it and its loop; the same for
 * served and outgoing calls.
 *
 * Both directions have a bounded queue of payloads. Who sends packs on its own thread, queues, and
 * posts one task to the loop, however many messages wait; the loop hands them to the transport one
 * by one. The loop reads a few messages ahead; who receives decodes them on its own thread, into a
 * scratch arena that the next one is received into as well. So a stream's memory does not grow with
 * its age.
 *
 * A stream lies in what its call keeps in the transport's memory. `task` is posted at most once at
 * a time (`posted`, which the owner's `task.run` begins with taking back).
 */
#ifndef CSVC_RPC_STREAM_H
#define CSVC_RPC_STREAM_H

#include <base/arena.h>
#include <base/thread.h>
#include <csvc/message.h>
#include <csvc/stream.h>
#include <transport/seam.h>

#include <pthread.h>

enum {
    CSVC__STREAM_SMALL = 4,   /* messages that can wait to be sent without memory of their own */
    CSVC__STREAM_AHEAD = 128, /* messages read before somebody asks for them */
    CSVC__STREAM_FIRST_CHUNK = 2048, /* of the scratch arena, from the first message on */
};
#define CSVC__STREAM_AHEAD_BYTES ((size_t)64 << 10) /* once more are here, no more are read */
#define CSVC__MORE_ALWAYS        UINT32_MAX

/* A message to be sent. */
typedef struct csvc__queued {
    csvc_payload *payload;
    bool compress;
} csvc__queued;

struct csvc_stream {
    csvc_tcall *tc;
    const csvc_message_type *sends;    /* NULL: that direction has no stream */
    const csvc_message_type *receives; /* the same */
    csvc_ctx *ctx;                     /* of a served call */
    csvc_task task;
    csvc_late tell;     /* who waits, of messages that have come; the loop's */
    csvc_arena scratch; /* of the message received last; whoever receives */
    void *scratch_first;
    uint8_t *stale;   /* with CSVC_DEBUG: the chunk of the message before, overwritten */
    bool misused;     /* and it was written to afterwards */
    csvc_arena *into; /* decode there instead, and keep what is there; NULL: the scratch arena */
    size_t max_memory;
    uint32_t max_queued;
    size_t max_queued_bytes;
    size_t max_send_bytes, max_receive_bytes; /* of a message */
    size_t compress_bytes;                    /* from here on it is packed */

    pthread_mutex_t lock;      /* of all below */
    csvc__waiter *for_room;    /* threads that wait for it, or the end */
    csvc__waiter *for_message; /* the same */
    bool posted;
    bool may_wait;     /* send and recv do: on a worker, until it is detached */
    bool shut;         /* its own side has said that it sends no more */
    bool ended;        /* the call is over: what is queued goes nowhere */
    csvc_code why;     /* it has ended */
    csvc_code in_code; /* what was received does not parse */

    atomic_int packing;  /* a csvc_compression, where there is no ctx, which has its own */
    csvc__queued *queue; /* a ring; `small` or from malloc */
    uint32_t queue_size, queue_first, n_queued;
    size_t queued_bytes;
    bool sending; /* one is with the transport */
    bool refused; /* a send found the queue full, and on_writable has not followed yet */
    csvc__queued small[CSVC__STREAM_SMALL];

    csvc_payload *ahead, **ahead_end; /* a list; its end while it is not empty */
    uint32_t n_ahead;
    size_t ahead_bytes;
    bool was_packed;  /* the message received last; whoever receives */
    bool decoding;    /* a thread has taken one out: the transport's call must stay */
    bool tc_waits;    /* it does: a turn is owed once decoding is over */
    bool reading;     /* the transport was asked */
    bool at_end;      /* the other side has sent its last message */
    uint32_t credits; /* on_message events asked for; CSVC__MORE_ALWAYS: all */
};

/* Whoever calls sets sends, receives, ctx, may_wait and the limits afterwards. Cannot fail. */
void csvc__stream_init(csvc_stream *st, csvc_tcall *tc, void (*run)(csvc_task *task));
void csvc__stream_release(csvc_stream *st);

/* ---- any thread ---- */

/* A message packed. INTERNAL with a reason in err when it cannot be, RESOURCE_EXHAUSTED. */
csvc_code csvc__pack(const csvc_message_type *type, const void *message, csvc_payload **ret_payload,
                     csvc_error *err) CSVC_MUST_CHECK;

/* What became of a message that was to be queued. */
typedef enum csvc__pushed {
    CSVC__PUSHED,
    CSVC__PUSH_TOO_LONG,
    CSVC__PUSH_FULL,  /* and waiting is not allowed */
    CSVC__PUSH_ENDED, /* st->why says why */
    CSVC__PUSH_SHUT,  /* after its own end */
    CSVC__PUSH_NO_MEMORY,
} csvc__pushed;

/* Whether a message that is sent now is to be packed; not one that is. */
bool csvc__stream_packs(const csvc_stream *st, const csvc_payload *payload);

/* Whether the headers are to say that messages may be packed. */
bool csvc__stream_announces(const csvc_stream *st);

/* A message as the transport is to send it. */
csvc_outgoing csvc__stream_outgoing(const csvc_stream *st, csvc__queued message);

/* Queues a payload and takes a reference of its own; waits for room where it may. */
csvc__pushed csvc__stream_push(csvc_stream *st, csvc_payload *payload, csvc_code *ret_why);

/* The same, but FULL instead of waiting; then csvc__stream_await_room, which is false at once where
 * nobody may wait. Room that there was may be taken when it is tried again. */
csvc__pushed csvc__stream_try_push(csvc_stream *st, csvc_payload *payload, csvc_code *ret_why);
bool csvc__stream_await_room(csvc_stream *st, size_t len);

/* The next message, decoded into the scratch arena; waits for it where it may. False: there is
 * none; csvc__stream_in_code says why. */
bool csvc__stream_receive(csvc_stream *st, const void **ret_message, csvc_error *err);

/* Whether the message before the last was written to after the last was received: only with
 * CSVC_DEBUG, which also makes its strings and its type unreadable, so that it cannot be sent. The
 * thread that receives. */
bool csvc__stream_misused(csvc_stream *st);

/* Why there are no more messages: OK at the end of them. */
csvc_code csvc__stream_in_code(csvc_stream *st);

/* There will be no more messages for its user: a received one was refused with this code. */
void csvc__stream_refuse(csvc_stream *st, csvc_code code);

/* Has the loop look at it. With the lock: says whether csvc__loop_post is owed once it is open. */
bool csvc__stream_want_turn(csvc_stream *st) CSVC_MUST_CHECK;

/* ---- on the loop ---- */

void csvc__stream_unposted(csvc_stream *st);

/* Gives the transport the next message, asks it for the next one; whether there is any of it to do,
 * with the lock. */
void csvc__stream_move(csvc_stream *st);
bool csvc__stream_moves(const csvc_stream *st);

/* The transport's events. NULL messages are the owner's to understand: csvc__stream_at_end. */
void csvc__stream_message(csvc_stream *st, csvc_payload *message);

/* The first of those that were read ahead, when there are some. Under the lock. */
csvc_payload *csvc__stream_pop_ahead(csvc_stream *st);
void csvc__stream_at_end(csvc_stream *st);
void csvc__stream_writable(csvc_stream *st);

/* It is over; wakes who waits. What waits to be sent is dropped, and what was received, too, when
 * `drop_received`. */
void csvc__stream_end(csvc_stream *st, csvc_code why, bool drop_received);

/* Copies what was received and not taken, so that it outlives the transport's call. */
void csvc__stream_own(csvc_stream *st);

/* True when nothing is with the transport and at most one message waits, which is taken out then:
 * it may go with the end. */
bool csvc__stream_drained(csvc_stream *st, csvc__queued *ret_last);

#endif /* CSVC_RPC_STREAM_H */
