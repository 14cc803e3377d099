/*
 * nghttp2/tls_context.h: a server's part of TLS, by OpenSSL 3.
 *
 * The files (tls/files.h), looked at with each new connection; the keys of session tickets, which
 * outlive a change of certificates, but not one of the CA file: whoever was let in by it must be
 * let in again by the new one.
 *
 * TLS 1.2 and 1.3, as RFC 9113 (9.2) wants them for HTTP/2: ephemeral keys and authenticated
 * ciphers, no compression, no renegotiation. A caller that does not offer "h2" by ALPN is refused
 * with no_application_protocol.
 */
#ifndef CSVC_NGHTTP2_TLS_CONTEXT_H
#define CSVC_NGHTTP2_TLS_CONTEXT_H

#include <transport/nghttp2/tls_socket.h>
#include <transport/seam.h>

typedef struct ng_tls ng_tls;

/* Reads the files a first time. NULL with err set, as csvc__tls_files_init, and
 * FAILED_PRECONDITION for what OpenSSL refuses (a key too small). */
ng_tls *csvc__ng_tls_new(const csvc_ttls *files, csvc_error *err) CSVC_MUST_CHECK;
void csvc__ng_tls_free(ng_tls *tls); /* takes NULL; after the last session */

/* For a new connection, from the newest files, with its socket below. Any thread. NULL: no memory.
 */
SSL *csvc__ng_tls_ssl_new(ng_tls *tls, ng_tls_socket *socket) CSVC_MUST_CHECK;

#endif /* CSVC_NGHTTP2_TLS_CONTEXT_H */
