/* nghttp2/transport.c: the table. */
#include <csvc/transport.h>
#include <transport/nghttp2/server.h>

#include <base/banned.h>

/* Without the half that calls. */
const csvc_transport csvc_nghttp2 = {
    .name = "nghttp2",
    .wake = csvc__ng_wake,
    .server_new = csvc__ng_server_new,
    .server_listen = csvc__ng_server_listen,
    .server_start = csvc__ng_server_start,
    .server_drain = csvc__ng_server_drain,
    .server_cancel_all = csvc__ng_server_cancel_all,
    .server_join = csvc__ng_server_join,
    .server_free = csvc__ng_server_free,
};
