/*
 * grpc_core/core.h: the pieces that the C core's servers and channels share.
 *
 * A gc_loop is a completion queue with the thread that waits on it. What the core hands back from
 * the queue is a gc_tag, which lives in what it is about and says who goes on. A gc_call is the
 * half of a call that is the same on both sides: one send-side batch and one read in flight at a
 * time.
 *
 * Everything given to a batch lives in the call until the batch's tag has come back. Bytes for the
 * wire are copied into slices or counted, never borrowed: the core may keep a slice in a blocked
 * connection's queue after the call it was part of has ended.
 */
#ifndef CSVC_GRPC_CORE_H
#define CSVC_GRPC_CORE_H

#include <grpc/byte_buffer.h>
#include <grpc/compression.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpc/slice_buffer.h>
#include <grpc/support/time.h>
#include <pthread.h>

#include <transport/seam.h>

/* libgrpc is not instrumented, so ThreadSanitizer must be told what its queues order. */
#if defined(__SANITIZE_THREAD__)
#define GC_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GC_TSAN 1
#endif
#endif
#if defined(GC_TSAN)
#include <sanitizer/tsan_interface.h>
#define GC_RELEASE(tag) __tsan_release(tag)
#define GC_ACQUIRE(tag) __tsan_acquire(tag)
#else
#define GC_RELEASE(tag) ((void)0)
#define GC_ACQUIRE(tag) ((void)0)
#endif

#define GC_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* ---- library.c: the core itself ---- */

/* Counted. The first one starts the core (its threads take no signals) and leads its log here. */
void csvc__gc_init(void);
void csvc__gc_shutdown(void);

/* Between csvc__now() time and the core's; INT64_MAX is never. */
gpr_timespec csvc__gc_to_deadline(int64_t deadline);
int64_t csvc__gc_from_deadline(gpr_timespec deadline);

/* ---- log.c ---- */

/* Leads what the core has to say into the log, where this version of the core allows it. */
void csvc__gc_log_attach(void);

/* ---- queue.c ---- */

typedef struct gc_tag {
    void (*run)(struct gc_tag *tag, bool ok);
} gc_tag;

typedef struct gc_loop {
    csvc_loop base;
    grpc_completion_queue *cq;
    grpc_channel *lame; /* goes nowhere; its one call takes the empty batches that wake us */
    grpc_call *kick;
    gc_tag kick_tag;
    pthread_t thread;
    bool ending;   /* the queue shuts down when nothing more can come */
    size_t n_live; /* what may still get a tag here: posted requests, calls */
} gc_loop;

/* A queue without a thread. False: no memory. */
bool csvc__gc_loop_init(gc_loop *loop);
/* The queue must be unused (never started), or its thread have ended. */
void csvc__gc_loop_release(gc_loop *loop);
/* The thread's work: returns when `ending` is set and n_live is 0. */
void csvc__gc_loop_run(gc_loop *loop);
void csvc__gc_wake(csvc_loop *loop);

/* ---- metadata.c ---- */

/* Metadata to send: slices of our own. The array is kept from call to call. */
typedef struct gc_md_out {
    grpc_metadata *entries;
    size_t n, max;
} gc_md_out;

/* Metadata received, as the seam shows it. The array is kept from call to call. */
typedef struct gc_md_in {
    grpc_metadata_array core;
    csvc_md *view;
    size_t max;
} gc_md_in;

/* False: no memory, and nothing set. */
bool csvc__gc_md_out_set(gc_md_out *md, csvc_md_list list);
/* Adds what tells the core to pack an outgoing call's messages. False: no memory. */
bool csvc__gc_md_out_gzip(gc_md_out *md);
void csvc__gc_md_out_clear(gc_md_out *md);
void csvc__gc_md_out_release(gc_md_out *md);

bool csvc__gc_md_in_list(gc_md_in *md, csvc_md_list *ret_list);
void csvc__gc_md_in_release(gc_md_in *md);

/* ---- message.c ---- */

/* Set of GRPC_COMPRESS_NONE and GRPC_COMPRESS_GZIP. */
#define GC_ENCODINGS (1 << GRPC_COMPRESS_NONE | 1 << GRPC_COMPRESS_GZIP)

enum {
    GC_FEW_PIECES = 4
};

/* A received message that shows a byte buffer's slices. */
typedef struct gc_payload {
    csvc_payload base;
    grpc_byte_buffer *buffer;
    atomic_bool used; /* until dispose is through, on whatever thread */
    bool embedded;
    csvc_bytes few[GC_FEW_PIECES];
} gc_payload;

/*
 * Takes the buffer over. `place` is used when nobody holds what was in it, else memory is
 * allocated. NULL: no memory, and the buffer is gone.
 */
csvc_payload *csvc__gc_payload_take(gc_payload *place, grpc_byte_buffer *buffer);

/* ---- call.c ---- */

typedef struct gc_call gc_call;

enum {
    GC_END_OPS = 2
};

/* What differs between the sides. */
typedef struct gc_side {
    /* The ops that end sending, at most GC_END_OPS; returns how many. `plain`: the core refused
     * what the caller of the seam gave, so without it. */
    size_t (*end_ops)(gc_call *gc, grpc_op *ops, bool plain);
    /* The batch that ends sending is back. */
    void (*send_ended)(gc_call *gc, bool ok);
    void (*writable)(gc_call *gc);
    /* A batch that nobody waits for, headers alone, is back. May be NULL. */
    void (*sent)(gc_call *gc);
    void (*message)(gc_call *gc, csvc_payload *payload); /* NULL: the peer has sent its last */
    /* There is none because something went wrong: the end follows, as an event of its own. */
    void (*read_failed)(gc_call *gc);
} gc_side;

struct gc_call {
    csvc_tcall base;
    const gc_side *side;
    grpc_call *call;

    /* Sending: what is wanted goes into the next batch, when the one in flight is back. */
    gc_tag send_tag;
    bool sending;
    bool sending_end;  /* the batch in flight is the last one */
    bool headers_sent; /* or in the batch in flight */
    bool want_headers;
    bool want_message;
    bool want_end;
    bool over; /* the core has ended the call by itself: what is wanted now goes nowhere */
    bool want_writable;
    bool has_reserved;
    bool gzip; /* the headers say, or will say, that messages may be packed */
    uint32_t message_flags;
    uint32_t headers_flags;
    grpc_slice reserved;
    grpc_byte_buffer out;
    gc_md_out headers;

    /* Reading. */
    gc_tag read_tag;
    bool reading;
    bool read_refused; /* the core would not have the batch */
    grpc_byte_buffer *in;
    gc_payload first;
};

/* A new call: its constant parts, and the part that each use of the memory starts with. */
void csvc__gc_call_init(gc_call *gc, gc_loop *loop, const csvc_tcall_ops *ops, const gc_side *side,
                        void *upper);
void csvc__gc_call_reset(gc_call *gc);
/* After it the memory may be reset; release gives the rest back. */
void csvc__gc_call_end(gc_call *gc);
void csvc__gc_call_release(gc_call *gc);

/* start_batch; false when the core refused it, and then no tag comes. */
bool csvc__gc_start(gc_call *gc, const grpc_op *ops, size_t n_ops, gc_tag *tag);

/* Starts a batch of what is wanted, unless one is in flight. What the core refuses (bad metadata
 * that the layers above let through) ends the call with INTERNAL; the tag comes back all the same.
 */
void csvc__gc_flush(gc_call *gc);

/* Takes an outgoing message for the next batch. */
void csvc__gc_put_message(gc_call *gc, const csvc_outgoing *message);

/* The ops that send the headers and what csvc__gc_put_message took. */
void csvc__gc_headers_op(gc_call *gc, grpc_op *op);
void csvc__gc_message_op(gc_call *gc, grpc_op *op);

/* Of csvc_tcall_ops. */
void *csvc__gc_reserve(csvc_tcall *tc, size_t len);
void csvc__gc_read(csvc_tcall *tc);
void csvc__gc_send(csvc_tcall *tc, const csvc_outgoing *message, bool more);
void csvc__gc_cancel(csvc_tcall *tc, csvc_code code, const char *text);
const char *csvc__gc_peer(csvc_tcall *tc, csvc_arena *a);

/* ---- identity.c: of csvc_tcall_ops ---- */

bool csvc__gc_identity(csvc_tcall *tc, csvc_arena *a, csvc_identity *ret_identity);

#endif /* CSVC_GRPC_CORE_H */
