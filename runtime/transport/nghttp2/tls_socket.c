/* nghttp2/tls_socket.c: the socket under a connection's TLS. */
#include <transport/nghttp2/tls_socket.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <base/banned.h>

enum {
    /* Of tickets, new keys, warnings, refused renegotiations, one behind the other: OpenSSL would
     * go on for as long as they come. */
    MAX_IDLE_RECORDS = 32,
    /* Reads of the socket, 16 KiB each, before others have their turn. */
    MAX_RECEIVED = 8
};

/* False: that is more than was reckoned with. */
static bool put(ng_tls_sealed *sealed, const void *data, size_t len)
{
    if (len > sealed->room - sealed->len) {
        errno = ENOBUFS;
        return false;
    }
    memcpy(sealed->bytes + sealed->len, data, len);
    sealed->len += len;
    return true;
}

/* OpenSSL's own would raise SIGPIPE. */
static int bio_write(BIO *bio, const char *data, int len)
{
    ng_tls_socket *on = BIO_get_data(bio);
    ssize_t n = 0;

    BIO_clear_retry_flags(bio);
    if (on->sealed != NULL) {
        return put(on->sealed, data, (size_t)len) ? len : -1;
    }
    if (on->held) {
        BIO_set_retry_write(bio);
        return -1;
    }
    do {
        n = send(on->fd, data, (size_t)len, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_write(bio);
    }
    return (int)n;
}

static int bio_read(BIO *bio, char *buffer, int len)
{
    ng_tls_socket *on = BIO_get_data(bio);
    ssize_t n = 0;

    BIO_clear_retry_flags(bio);
    if (csvc__ng_tls_socket_idles(on)) {
        errno = EPROTO;
        return -1;
    }
    if (on->received >= MAX_RECEIVED) {
        BIO_set_retry_read(bio); /* what is there is announced again */
        return -1;
    }
    on->received++;
    do {
        n = recv(on->fd, buffer, (size_t)len, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_read(bio);
    } else if (n == 0) {
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    } else if (n > 0) {
        on->began = true;
    }
    return (int)n;
}

static long bio_control(BIO *bio, int command, long number, void *data)
{
    (void)number;
    (void)data;
    if (command == BIO_CTRL_EOF) {
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    }
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *csvc__ng_tls_bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");

    if (method != NULL &&
        (BIO_meth_set_write(method, bio_write) != 1 || BIO_meth_set_read(method, bio_read) != 1 ||
         BIO_meth_set_ctrl(method, bio_control) != 1)) {
        BIO_meth_free(method);
        method = NULL;
    }
    return method;
}

bool csvc__ng_tls_socket_put(ng_tls_socket *socket, BIO_METHOD *method, SSL *ssl)
{
    BIO *bio = BIO_new(method);

    if (bio == NULL || SSL_set_app_data(ssl, socket) != 1) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return true;
}

bool csvc__ng_tls_socket_idles(const ng_tls_socket *socket)
{
    return socket->idle_records > MAX_IDLE_RECORDS;
}

/* ---- what OpenSSL asks and tells ---- */

/* A caller without ALPN has no other protocol in common with us: it speaks none of HTTP/2. */
int csvc__ng_tls_on_hello(SSL *ssl, int *alert, void *arg)
{
    ng_tls_socket *on = SSL_get_app_data(ssl);
    const unsigned char *data = NULL;
    size_t len = 0;

    (void)arg;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data,
                                  &len) != 1) {
        on->no_alpn = true;
        *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

void csvc__ng_tls_on_record(int write, int version, int type, const void *data, size_t len,
                            SSL *ssl, void *arg)
{
    ng_tls_socket *on = SSL_get_app_data(ssl);

    (void)version;
    (void)data;
    (void)len;
    (void)arg;
    if (write == 0 && type == SSL3_RT_HEADER && on->established) {
        on->idle_records++;
    }
}
