/*
 * nghttp2/tls_socket.h: the socket under a connection's TLS, as OpenSSL reads and writes it, and
 * what it is told of records and of the hello meanwhile.
 */
#ifndef CSVC_NGHTTP2_TLS_SOCKET_H
#define CSVC_NGHTTP2_TLS_SOCKET_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

/* Where records come to lie that are to be written later, many at once. */
typedef struct ng_tls_sealed {
    uint8_t *bytes;
    size_t len, room;
} ng_tls_sealed;

/* Bytes that records take besides what is in them. One that had to wait, and was not sealed, may
 * come with them. */
#define NG_TLS_OVERHEAD(len) (((len) / 16384 + 2) * 256 + 16384)

typedef struct ng_tls_socket {
    int fd;
    ng_tls_sealed *sealed; /* records go there; NULL: to the socket */
    bool held;             /* not now: others come first */
    bool established;      /* the handshake is done */
    bool began;            /* the peer has sent something */
    bool no_alpn;
    unsigned idle_records; /* since there was data */
    unsigned received;     /* reads of the socket since it was last waited for */
} ng_tls_socket;

/* The functions of a BIO on such a socket. NULL: no memory. */
BIO_METHOD *csvc__ng_tls_bio_method_new(void);

/* Puts it below; it outlives the SSL. False: no memory. */
bool csvc__ng_tls_socket_put(ng_tls_socket *socket, BIO_METHOD *method, SSL *ssl);

/* There have been so many records without data that nothing more is read. */
bool csvc__ng_tls_socket_idles(const ng_tls_socket *socket);

/* For an SSL_CTX: OpenSSL asks and tells these of each of its SSLs, which has a socket below. */
int csvc__ng_tls_on_hello(SSL *ssl, int *alert, void *arg);
void csvc__ng_tls_on_record(int write, int version, int type, const void *data, size_t len,
                            SSL *ssl, void *arg);

#endif /* CSVC_NGHTTP2_TLS_SOCKET_H */
