/* rpc/serve_stream.h: served calls that last: those with a stream, and those that are detached. */
#ifndef CSVC_RPC_SERVE_STREAM_H
#define CSVC_RPC_SERVE_STREAM_H

#include <rpc/served.h>

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

#endif /* CSVC_RPC_SERVE_STREAM_H */
