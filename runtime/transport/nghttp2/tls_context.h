/* nghttp2/tls_context.h: between tls.c (a server's part) and tls_session.c (a connection's). */
#ifndef CSVC_NGHTTP2_TLS_CONTEXT_H
#define CSVC_NGHTTP2_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include <transport/nghttp2/tls.h>

/* For a new connection, from the newest files. NULL: no memory. */
SSL *csvc__ng_tls_ssl_new(ng_tls *tls);
BIO_METHOD *csvc__ng_tls_bio_method(ng_tls *tls);

/* The functions of a BIO on a session's socket. NULL: no memory. */
BIO_METHOD *csvc__ng_tls_bio_method_new(void);

/* OpenSSL asks and tells these about a session, by SSL_get_app_data. */
int csvc__ng_tls_on_hello(SSL *ssl, int *alert, void *arg);
void csvc__ng_tls_on_record(int write, int version, int type, const void *data, size_t len,
                            SSL *ssl, void *arg);

#endif /* CSVC_NGHTTP2_TLS_CONTEXT_H */
