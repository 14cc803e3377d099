/*
 * nghttp2/settings.h: what our SETTINGS tell a peer.
 *
 * nghttp2 would end the whole connection for one stream too many, so it does not know the limit
 * (session.c refuses the stream): the frame is made without it, and gets it on its way out.
 */
#ifndef CSVC_NGHTTP2_SETTINGS_H
#define CSVC_NGHTTP2_SETTINGS_H

#include <transport/nghttp2/shared.h>

/* The first frame of a session, and the connection's window. False: no memory. */
bool csvc__ng_settings_submit(nghttp2_session *session, const ng_shared *shared);

/* That frame, gathered. */
void csvc__ng_settings_complete(uint8_t *frame, size_t len, const ng_shared *shared);

#endif /* CSVC_NGHTTP2_SETTINGS_H */
