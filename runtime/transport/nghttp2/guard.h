/*
 * nghttp2/guard.h: what a peer may cost; for too much of something the connection ends.
 *
 * Who spends a budget (budget.h), or does what no client does that calls for a reason, is sent away
 * with ENHANCE_YOUR_CALM and a word that says why.
 */
#ifndef CSVC_NGHTTP2_GUARD_H
#define CSVC_NGHTTP2_GUARD_H

#include <transport/nghttp2/conn.h>

void csvc__ng_guard(ng_conn *conn, ng_abuse what);
void csvc__ng_guard_ping(ng_conn *conn);
void csvc__ng_guard_headers(ng_conn *conn);      /* far too many */
void csvc__ng_guard_slow_headers(ng_conn *conn); /* they do not end */
void csvc__ng_guard_streams(ng_conn *conn);      /* refused ones, whose refusals are not read */

#endif /* CSVC_NGHTTP2_GUARD_H */
