/*
 * grpc_core/tls.h: certificates and keys from files (tls/files.h), as the core wants them. They are
 * looked at again when a connection is made (by a server) or a call is started (by a channel, at
 * most once a second).
 */
#ifndef CSVC_GRPC_CORE_TLS_H
#define CSVC_GRPC_CORE_TLS_H

#include <grpc/grpc_security.h>

#include <transport/grpc_core/core.h>

typedef struct gc_tls gc_tls;

/* Reads the files a first time. NULL with err set. */
gc_tls *csvc__gc_tls_new(const csvc_ttls *config, csvc_error *err) CSVC_MUST_CHECK;
void csvc__gc_tls_free(gc_tls *tls); /* takes NULL */

/* Of a server: they look at the files by themselves, so `tls` must outlive the server. */
grpc_server_credentials *csvc__gc_tls_server_credentials(gc_tls *tls);

/* Of a channel, from the files as they were last read. */
grpc_channel_credentials *csvc__gc_tls_channel_credentials(gc_tls *tls);
/* Whether the files have changed to something usable, and were read again. Any thread. */
bool csvc__gc_tls_reload(gc_tls *tls);

#endif /* CSVC_GRPC_CORE_TLS_H */
