/*
 * nghttp2/send.h: what a call says: headers, messages, its end.
 *
 * What it sends waits in its queue until nghttp2 asks for a frame's worth. Trailers are handed over
 * when the queue has run dry, so they stand ready, as they will be on the wire, in the call.
 */
#ifndef CSVC_NGHTTP2_SEND_H
#define CSVC_NGHTTP2_SEND_H

#include <transport/nghttp2/call.h>

/* Of csvc_tcall_ops. */
void *csvc__ng_reserve(csvc_tcall *tc, size_t len);
void csvc__ng_send(csvc_tcall *tc, const csvc_outgoing *message, bool more);
void csvc__ng_send_headers(csvc_tcall *tc, csvc_md_list headers, bool announce);
void csvc__ng_finish(csvc_tcall *tc, const csvc_ending *end);

/* Ends it with a status of ours, in place of what is queued: by trailers where they can go out,
 * else by a reset. */
void csvc__ng_cut(ng_call *call, csvc_code code, const char *text);
/* The same without words. */
void csvc__ng_reset(ng_call *call);
/* A message that nobody will take any more counts as sent. */
void csvc__ng_unblock(ng_call *call);

/* Answers a request that is none of gRPC's, or that there is no memory for. */
void csvc__ng_refuse(ng_conn *conn, int32_t stream, const char *http_status, csvc_code code,
                     const char *text);

/* nghttp2 writes a frame of DATA now. */
int csvc__ng_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                       size_t length, nghttp2_data_source *source, void *user);

#endif /* CSVC_NGHTTP2_SEND_H */
