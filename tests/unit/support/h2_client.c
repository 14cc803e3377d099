/* support/h2_client.c: see the header. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "h2_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PATIENCE = 60, /* seconds */
    WINDOW = 4 << 20,
    READ_SIZE = 16 * 1024
};

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    h2_call *call = source->ptr;
    const size_t left = call->len - call->sent;
    const size_t n = left < length ? left : length;

    (void)session;
    (void)stream;
    (void)user;
    memcpy(buffer, call->body + call->sent, n);
    call->sent += n;
    if (call->sent == call->len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    h2_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)flags;
    (void)user;
    if (call != NULL && name_len == 11 && memcmp(name, "grpc-status", 11) == 0) {
        call->status = 0;
        for (size_t i = 0; i < value_len; i++) {
            call->status = 10 * call->status + value[i] - '0';
        }
    }
    return 0;
}

uint32_t h2_sum(uint32_t sum, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sum = 31 * sum + data[i];
    }
    return sum;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *user)
{
    h2_call *call = nghttp2_session_get_stream_user_data(session, stream);

    (void)flags;
    (void)user;
    if (call != NULL) {
        call->received += len;
        call->sum = h2_sum(call->sum, data, len);
    }
    return 0;
}

static void forget(h2_call *call)
{
    call->closed = true;
    call->client->open--;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    h2_call *call = nghttp2_session_get_stream_user_data(session, stream);

    (void)code;
    (void)user;
    if (call != NULL) {
        forget(call);
    }
    return 0;
}

static nghttp2_session *new_session(void)
{
    const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW};
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_session *session = NULL;

    assert_int_equal(0, nghttp2_session_callbacks_new(&cb));
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    assert_int_equal(0, nghttp2_session_client_new(&session, cb, NULL));
    nghttp2_session_callbacks_del(cb);
    assert_int_equal(0, nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &window, 1));
    assert_int_equal(0,
                     nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, WINDOW));
    return session;
}

static bool begin_tls(h2_client *client)
{
    static const unsigned char h2[] = {2, 'h', '2'};

    client->context = SSL_CTX_new(TLS_client_method());
    assert_non_null(client->context);
    client->ssl = SSL_new(client->context);
    assert_non_null(client->ssl);
    assert_int_equal(0, SSL_set_alpn_protos(client->ssl, h2, sizeof(h2)));
    assert_int_equal(1, SSL_set_fd(client->ssl, client->fd));
    ERR_clear_error();
    return SSL_connect(client->ssl) == 1;
}

bool h2_client_open(h2_client *client, int port, bool tls, int room)
{
    const struct timeval patience = {.tv_sec = PATIENCE};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    *client = (h2_client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(client->fd >= 0);
    assert_int_equal(0,
                     setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
    assert_int_equal(0, setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
    assert_true(room == 0 ||
                setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) == 0);
    client->session = new_session();
    client->ended = connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
                    (tls && !begin_tls(client));
    return !client->ended;
}

#define FIELD(name, value)                                                                         \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name), strlen(value),  \
            NGHTTP2_NV_FLAG_NONE                                                                   \
    }

void h2_client_begin(h2_client *client, h2_call *call, const char *path, const void *body,
                     size_t len)
{
    const nghttp2_nv headers[] = {
        FIELD(":method", "POST"),     FIELD(":scheme", "http"),
        FIELD(":path", path),         FIELD(":authority", "localhost"),
        FIELD("te", "trailers"),      FIELD("content-type", "application/grpc"),
        FIELD("grpc-timeout", "50S"), FIELD("grpc-accept-encoding", "gzip"),
        FIELD("x-key", "value"),      FIELD("x-key-bin", "AAEC,Aw"),
    };
    nghttp2_data_provider provider = {.source.ptr = call, .read_callback = read_body};

    *call = (h2_call){.client = client, .body = body, .len = len, .status = H2_NO_STATUS};
    client->open++;
    assert_true(nghttp2_submit_request(client->session, NULL, headers,
                                       sizeof(headers) / sizeof(headers[0]), &provider, call) > 0);
}

/* ---- the socket ---- */

/* False: the server has ended it. */
static bool write_all(h2_client *client, const uint8_t *data, size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t n = 0;

        if (client->ssl != NULL) {
            if (SSL_write_ex(client->ssl, data + at, len - at, &n) != 1) {
                ERR_clear_error();
                return false;
            }
        } else {
            const ssize_t sent = send(client->fd, data + at, len - at, MSG_NOSIGNAL);

            if (sent <= 0) {
                return false;
            }
            n = (size_t)sent;
        }
        at += n;
    }
    return true;
}

/* Bytes; 0: the server has ended it. */
static size_t read_some(h2_client *client, uint8_t *buffer, size_t len)
{
    size_t n = 0;

    errno = 0;
    if (client->ssl != NULL) {
        if (SSL_read_ex(client->ssl, buffer, len, &n) != 1) {
            n = 0;
            ERR_clear_error();
        }
    } else {
        const ssize_t received = recv(client->fd, buffer, len, 0);

        n = received > 0 ? (size_t)received : 0;
    }
    if (n == 0 && errno == EAGAIN) {
        fail_msg("nothing has come for %d seconds; %d calls are open", PATIENCE, client->open);
    }
    return n;
}

/* False: the connection is over. */
static bool say_all(h2_client *client)
{
    const uint8_t *data = NULL;
    ssize_t n = 0;

    while ((n = nghttp2_session_mem_send(client->session, &data)) > 0) {
        if (!write_all(client, data, (size_t)n)) {
            return false; /* what it has said before that is of no interest */
        }
    }
    return n == 0;
}

void h2_client_run(h2_client *client)
{
    uint8_t buffer[READ_SIZE];

    while (!client->ended && client->open > 0) {
        size_t n = 0;

        client->ended = !say_all(client);
        if (!client->ended) {
            n = read_some(client, buffer, sizeof(buffer));
            client->ended = n == 0 || nghttp2_session_mem_recv(client->session, buffer, n) < 0;
        }
    }
}

void h2_client_close(h2_client *client)
{
    nghttp2_session_del(client->session);
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    (void)close(client->fd);
    ERR_clear_error();
}
