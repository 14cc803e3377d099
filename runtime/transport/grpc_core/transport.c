/* grpc_core/transport.c: the table. */
#include <transport/grpc_core/channel.h>
#include <transport/grpc_core/server.h>

#include <base/banned.h>

const csvc_transport csvc_grpc_core = {
    .name = "grpc-core",
    .wake = csvc__gc_wake,
    .server_new = csvc__gc_server_new,
    .server_listen = csvc__gc_server_listen,
    .server_start = csvc__gc_server_start,
    .server_drain = csvc__gc_server_drain,
    .server_cancel_all = csvc__gc_server_cancel_all,
    .server_join = csvc__gc_server_join,
    .server_free = csvc__gc_server_free,
    .channel_new = csvc__gc_channel_new,
    .channel_free = csvc__gc_channel_free,
    .channel_loop = csvc__gc_channel_loop,
    .call_new = csvc__gc_call_new,
    .call_start = csvc__gc_call_start,
};
