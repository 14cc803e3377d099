/*
 * rpc/served.h: a served call, shared by the files it is served in.
 *
 * serve_unary.c has what every call goes through, from arrival to release, and unary handlers;
 * serve_stream.c has calls that last: those with a stream, and those that are detached (`live`);
 * both stand on served.c; detach.c has what handlers and keepers ask of them, on any thread.
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

/* ---- served.c ---- */

csvc_code csvc__served_why_cancelled(const csvc__served *s);

/* A code from code that is not ours; outside 0 to 16 it is INTERNAL and a line in the log. */
csvc_code csvc__served_checked(csvc_ctx *ctx, const char *what, csvc_code code);

/* Where the handler runs: the later begins; the request; the reply, once the handler has filled
 * it. */
csvc_code csvc__served_begin(csvc__served *s);
csvc_code csvc__served_decode(csvc__served *s, void **ret_request);
csvc_code csvc__served_encode(csvc__served *s, const void *message);

/* To the pool; on the loop. */
csvc_code csvc__served_submit(csvc__served *s) CSVC_MUST_CHECK;

/* The end of a call that is closed, and its memory. */
void csvc__served_give_back(csvc__served *s);

/* ---- serve_stream.c ---- */

/* A call with a stream that was let in. On the loop. */
void csvc__live_start(csvc__served *s);

/* Sets up s->l; where the handler runs, before anybody else knows of it. */
void csvc__live_init(csvc__served *s);

/* The handler of a live call has returned. On the loop. */
void csvc__live_returned(csvc__served *s, csvc_code code);

/* The server stops; and, later, its caller has not read the end that followed. On the loop. */
void csvc__live_stop(csvc__served *s);
void csvc__live_cut(csvc__served *s);

/* Events. */
void csvc__live_message(csvc__served *s, csvc_payload *message);
void csvc__live_writable(csvc__served *s);
void csvc__live_cancelled(csvc__served *s, csvc_code why, bool never_ran);
void csvc__live_closing(csvc__served *s, csvc_code outcome); /* before the ends run */
void csvc__live_closed(csvc__served *s, csvc_code outcome);
void csvc__live_dispose(csvc__served *s); /* any thread */

/*
 * What interceptors hear of messages: one after the other, whatever thread they come from, and
 * nothing once the ends have begun. A message to send is queued and heard of in one go, so that
 * each that was queued counts.
 */
csvc_code csvc__live_received(csvc__served *s, const void *message) CSVC_MUST_CHECK;
csvc__pushed csvc__live_push(csvc__served *s, csvc_payload *payload, const void *message,
                             csvc_code *ret_why);

/* INTERNAL and a line in the log when a message was kept too long, where that is looked for. */
csvc_code csvc__live_kept(csvc__served *s) CSVC_MUST_CHECK;

#endif /* CSVC_RPC_SERVED_H */
