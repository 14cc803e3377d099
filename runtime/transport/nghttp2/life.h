/* nghttp2/life.h: a connection, from its accept to its end. */
#ifndef CSVC_NGHTTP2_LIFE_H
#define CSVC_NGHTTP2_LIFE_H

#include <transport/nghttp2/conn.h>

/* `fd` is its own from here on. NULL: no memory. */
ng_conn *csvc__ng_conn_new(int fd, const char *peer);
/* On its loop. Whatever fails, it is its loop's to end. */
void csvc__ng_conn_open(ng_loop *loop, ng_conn *conn);
/* The same from another loop. */
void csvc__ng_conn_hand_over(ng_loop *loop, ng_conn *conn);
void csvc__ng_conn_drain(ng_conn *conn);

#endif /* CSVC_NGHTTP2_LIFE_H */
