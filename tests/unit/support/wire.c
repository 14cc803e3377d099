/* support/wire.c: an HTTP/2 client that writes its frames by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <wire.h>

enum {
    PATIENCE_MS = 20000
};

static void put(wire *w, const void *data, size_t len)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t n = send(w->fd, at, len, MSG_NOSIGNAL);

        if (n <= 0) {
            w->closed = true;
            return;
        }
        at += n;
        len -= (size_t)n;
    }
}

void wire_send_frame(wire *w, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                     size_t len)
{
    uint8_t *bytes = malloc(9 + len);

    assert_non_null(bytes);
    bytes[0] = (uint8_t)(len >> 16);
    bytes[1] = (uint8_t)(len >> 8);
    bytes[2] = (uint8_t)len;
    bytes[3] = type;
    bytes[4] = flags;
    bytes[5] = (uint8_t)(stream >> 24);
    bytes[6] = (uint8_t)(stream >> 16);
    bytes[7] = (uint8_t)(stream >> 8);
    bytes[8] = (uint8_t)stream;
    if (len > 0) {
        memcpy(bytes + 9, payload, len);
    }
    put(w, bytes, 9 + len);
    free(bytes);
}

wire wire_open(int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((uint16_t)port)};
    static const uint8_t no_table[] = {0, 1, 0, 0, 0, 0}; /* SETTINGS_HEADER_TABLE_SIZE */
    wire w = {.fd = socket(AF_INET, SOCK_STREAM, 0)};

    assert_true(w.fd >= 0);
    assert_int_equal(0, connect(w.fd, (struct sockaddr *)&sin, sizeof(sin)));
    put(&w, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    wire_send_frame(&w, H2_SETTINGS, 0, 0, no_table, sizeof(no_table));
    return w;
}

static bool read_all(wire *w, void *to, size_t len)
{
    uint8_t *at = to;

    while (len > 0) {
        struct pollfd pfd = {.fd = w->fd, .events = POLLIN};
        ssize_t n = 0;

        if (poll(&pfd, 1, PATIENCE_MS) != 1) {
            fail_msg("the server says nothing");
        }
        n = recv(w->fd, at, len, 0);
        if (n <= 0) {
            w->closed = true;
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool wire_next_frame(wire *w, wire_frame *ret_frame)
{
    uint8_t head[9];

    for (;;) {
        if (!read_all(w, head, sizeof(head))) {
            return false;
        }
        ret_frame->len = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
        ret_frame->type = head[3];
        ret_frame->flags = head[4];
        ret_frame->stream = (uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
                            (uint32_t)head[7] << 8 | head[8];
        assert_true(ret_frame->len <= sizeof(ret_frame->payload));
        if (!read_all(w, ret_frame->payload, ret_frame->len)) {
            return false;
        }
        if (ret_frame->type == H2_SETTINGS && (ret_frame->flags & H2_ACK) == 0) {
            wire_send_frame(w, H2_SETTINGS, H2_ACK, 0, NULL, 0);
        } else if (ret_frame->type == H2_PING && (ret_frame->flags & H2_ACK) == 0) {
            wire_send_frame(w, H2_PING, H2_ACK, 0, ret_frame->payload, 8);
        } else if (ret_frame->stream != 0 || ret_frame->type == H2_GOAWAY) {
            return true;
        }
    }
}

void wire_settle(wire *w)
{
    uint8_t head[9];
    uint8_t payload[256];
    uint32_t len = 0;

    assert_true(read_all(w, head, sizeof(head)));
    len = (uint32_t)head[1] << 8 | head[2];
    assert_int_equal(H2_SETTINGS, head[3]);
    assert_true(len <= sizeof(payload));
    assert_true(read_all(w, payload, len));
    wire_send_frame(w, H2_SETTINGS, H2_ACK, 0, NULL, 0);
}

size_t wire_put_headers(uint8_t *to, const wire_header *headers)
{
    size_t at = 0;

    for (; headers->key != NULL; headers++) {
        if (headers->value == NULL) {
            continue;
        }
        to[at++] = 0;
        to[at++] = (uint8_t)strlen(headers->key);
        memcpy(to + at, headers->key, strlen(headers->key));
        at += strlen(headers->key);
        to[at++] = (uint8_t)strlen(headers->value);
        memcpy(to + at, headers->value, strlen(headers->value));
        at += strlen(headers->value);
    }
    return at;
}

bool wire_find_header(const wire_frame *frame, const char *key, char *ret_value, size_t size)
{
    nghttp2_hd_inflater *inflater = NULL;
    const uint8_t *at = frame->payload;
    size_t left = frame->len;
    bool found = false;
    int flags = 0;

    assert_int_equal(0, nghttp2_hd_inflate_new(&inflater));
    while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
        nghttp2_nv nv;
        const ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, at, left, 1);

        assert_true(n >= 0);
        at += n;
        left -= (size_t)n;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && nv.namelen == strlen(key) &&
            memcmp(nv.name, key, nv.namelen) == 0) {
            (void)snprintf(ret_value, size, "%.*s", (int)nv.valuelen, (const char *)nv.value);
            found = true;
        }
    }
    nghttp2_hd_inflate_del(inflater);
    return found;
}
