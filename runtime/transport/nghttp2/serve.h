/* nghttp2/serve.h: a call from the first of its headers to the end of its stream. */
#ifndef CSVC_NGHTTP2_SERVE_H
#define CSVC_NGHTTP2_SERVE_H

#include <transport/nghttp2/call.h>

ng_call *csvc__ng_serve_new(ng_conn *conn, int32_t stream); /* NULL: no memory */
/* Whether somebody has registered it. */
bool csvc__ng_serve_path(ng_call *call, const uint8_t *path, size_t len);
/* All headers are there: what can be said of it now is said, which may end its memory. */
void csvc__ng_serve_headers(ng_call *call);
/* The stream is gone. */
void csvc__ng_serve_gone(ng_call *call);

#endif /* CSVC_NGHTTP2_SERVE_H */
