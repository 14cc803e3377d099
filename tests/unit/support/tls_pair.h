/*
 * support/tls_pair.h: a session of the nghttp2 transport's TLS and OpenSSL's own client, at the two
 * ends of a socket pair, in one thread.
 */
#ifndef TESTS_TLS_PAIR_H
#define TESTS_TLS_PAIR_H

#include <openssl/ssl.h>
#include <transport/nghttp2/tls_session.h>

typedef struct tls_caller {
    int version;      /* TLS1_3_VERSION */
    const char *cert; /* NAME of NAME.pem and NAME.key; NULL: none */
    const char *alpn; /* as on the wire; NULL: none */
    const char *ciphers;
    SSL_SESSION *ticket; /* to resume with */
} tls_caller;

typedef struct tls_pair {
    int fd, far_fd; /* the server's, the caller's */
    ng_tls_session *session;
    SSL_CTX *context;
    SSL *ssl;
    SSL_SESSION *ticket; /* the last that came */
    ssize_t last;        /* result of the server's last read */
} tls_pair;

/* TLS 1.3, h2, and nothing to show. It trusts ca.pem. */
extern const tls_caller tls_caller_plain;

/* A server's part, of CERT.pem and CERT.key; ca: the file, or NULL. */
ng_tls *tls_pair_server(const char *cert, const char *ca);

/* All of it: the socket, both ends, and the handshake as far as it goes. */
void tls_pair_call(ng_tls *tls, tls_pair *p, const tls_caller *who);

/* Its parts. */
void tls_pair_connect(ng_tls *tls, tls_pair *p);
void tls_pair_call_by(tls_pair *p, const tls_caller *who);
void tls_pair_shake_hands(tls_pair *p);

/* Ends both, and sees that OpenSSL has no errors left behind. */
void tls_pair_hang_up(tls_pair *p);

/* The server's end; the memory it takes is counted. */
ssize_t tls_pair_read(tls_pair *p, void *buffer, size_t len);
ssize_t tls_pair_write(tls_pair *p, const void *data, size_t len);
bool tls_again(ssize_t n);

/* The caller's. */
bool tls_pair_caller_reads(tls_pair *p, void *buffer, size_t len, size_t *ret_len);

/* The handshake is done, and nobody was refused. */
void tls_pair_assert_established(tls_pair *p);

/* Who the caller is to the server: the common name, and the alternative ones behind it. */
void tls_pair_names(const tls_pair *p, char *text, size_t size);
void tls_pair_assert_identity(const tls_pair *p, const char *names);

/* Counts what OpenSSL allocates for the server's end, from before its first use in the process.
 * False: it was used before. */
bool tls_pair_count(void);
size_t tls_pair_held(void);

#endif /* TESTS_TLS_PAIR_H */
