/*
 * nghttp2/receive.h: messages out of DATA frames.
 *
 * A message is put together while somebody wants it, and only then is the peer given room for more
 * of it: what nobody reads fills one window at most. The connection's window is given back at once,
 * so no call stands in another one's way.
 */
#ifndef CSVC_NGHTTP2_RECEIVE_H
#define CSVC_NGHTTP2_RECEIVE_H

#include <transport/nghttp2/call.h>

void csvc__ng_receive(ng_call *call, const uint8_t *data, size_t len);
void csvc__ng_receive_end(ng_call *call);  /* END_STREAM */
void csvc__ng_receive_more(ng_call *call); /* the upper side reads */

#endif /* CSVC_NGHTTP2_RECEIVE_H */
