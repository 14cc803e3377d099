/* nghttp2/transport.c: the table. */
#include <transport/nghttp2/ng.h>

#include <base/banned.h>

/* Calls go out over another transport. */
static csvc_tchannel *channel_new(const csvc_tchannel_config *config, csvc_error *err)
{
    (void)config;
    (void)csvc_error_set(err, CSVC_UNIMPLEMENTED,
                         "the nghttp2 transport serves only; a channel needs another one");
    return NULL;
}

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
    .channel_new = channel_new,
};
