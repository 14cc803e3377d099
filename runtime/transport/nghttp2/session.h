/* nghttp2/session.h: what nghttp2 tells of a connection. Within its callbacks nothing is written,
 * and no session is deleted. */
#ifndef CSVC_NGHTTP2_SESSION_H
#define CSVC_NGHTTP2_SESSION_H

#include <transport/nghttp2/conn.h>

bool csvc__ng_sessions_prepare(ng_shared *shared); /* what all sessions share; false: no memory */
void csvc__ng_sessions_release(ng_shared *shared); /* also of what was not prepared whole */

nghttp2_session *csvc__ng_session_new(ng_conn *conn); /* NULL: no memory */

#endif /* CSVC_NGHTTP2_SESSION_H */
