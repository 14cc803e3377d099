/*
 * rpc/served.h: a served call, and what such calls have in common, of whatever kind.
 *
 * serve_pool.c takes them to the pool; serve_stream.c has calls that last: those with a stream, and
 * those that are detached (`live`); detach.c has what handlers and keepers ask of these, on any
 * thread; serve_unary.c has what every call goes through, from arrival to release, and unary
 * handlers. Each stands on those before it.
 */
#ifndef CSVC_RPC_SERVED_H
#define CSVC_RPC_SERVED_H

#include <rpc/inflight.h>
#include <rpc/server.h>
#include <rpc/stream.h>

typedef struct csvc__served {
    csvc_ctx ctx; /* first: dispose gets it */
    csvc_server *srv;
    csvc__served_method *sm; /* NULL: nobody registered the path */
    csvc_payload *request;   /* until it is decoded */
    void *states;            /* of the interceptors */
    uint32_t begun;
    csvc_code code; /* what the finish says */
    bool has_reply;
    bool takes_packed;         /* what was packed before it came to the transport */
    csvc_outgoing reply;       /* encoded */
    const void *reply_message; /* as the handler filled it; for the interceptors */
    csvc__inflight_call inflight;
    csvc__job job;
    struct csvc__served *next_out, *prev_out; /* quick jobs of this loop */
    uint32_t ticks_out;
    csvc_task task; /* the finish a worker posts, later the release another thread posts */

    bool closed;       /* only somebody's reference keeps it; not set of what none has kept */
    bool live;         /* what follows is set up: there is a stream, or the call is detached */
    bool on_loop_live; /* and the loop may look at it: unary handlers that detach have returned */
    bool detached;     /* by the handler; others look once it has returned */
    struct csvc__live {
        csvc_stream stream;
        csvc_events events;
        pthread_mutex_t hooks;  /* held while interceptors hear of a message; before the stream's */
        bool hooks_over;        /* under it: the ends have begun */
        csvc_code handler_code; /* what the handler returned */
        const char *text;       /* why the loop itself has ended it */
        bool told_misuse;       /* who receives has been told that he keeps messages too long */

        /* under the stream's lock */
        bool finish_called; /* csvc_finish */
        bool finish_asked;  /* in time, or by a handler that is not detached and has returned */
        bool given_up;      /* no reference is left */
        bool stopped;       /* it was ended because the server stops */

        /* on the loop */
        bool returned; /* the handler has */
        bool headers_sent;
        bool finished;  /* downward */
        bool told_end;  /* on_message(NULL) */
        bool told_stop; /* on_stop */
        bool says_text; /* it was finished with the text of csvc_fail */
        bool done;      /* closed, and on_done has returned */
    } l;
    _Alignas(16) uint8_t first_chunk[CSVC__CTX_FIRST_CHUNK];
} csvc__served;

csvc_code csvc__served_why_cancelled(const csvc__served *s);

/* A code from code that is not ours; outside 0 to 16 it is INTERNAL and a line in the log. */
csvc_code csvc__served_checked(csvc_ctx *ctx, const char *what, csvc_code code);

/* Where the handler runs: the later begins; the request; the reply, once the handler has filled
 * it. */
csvc_code csvc__served_begin(csvc__served *s);
csvc_code csvc__served_decode(csvc__served *s, void **ret_request);
csvc_code csvc__served_encode(csvc__served *s, const void *message);

/* The bytes packed here, so that the loop need not do it; a payload of the caller's. NULL: they go
 * as they are, as asked of the transport. */
csvc_payload *csvc__served_pack(const csvc__served *s, const csvc_bytes *pieces, size_t n_pieces);

/* The end of a call that is closed, and its memory. */
void csvc__served_give_back(csvc__served *s);

#endif /* CSVC_RPC_SERVED_H */
