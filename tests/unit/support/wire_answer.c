/* support/wire_answer.c: what a server says to who writes frames by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <wire_answer.h>

static uint32_t number(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void read_headers(const uint8_t *at, size_t len, wire_answer *a)
{
    nghttp2_hd_inflater *inflater = NULL;
    int flags = 0;

    assert_int_equal(0, nghttp2_hd_inflate_new(&inflater));
    while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
        nghttp2_nv nv;
        const ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, at, len, 1);
        const size_t used = strlen(a->fields);

        assert_true(n >= 0);
        at += n;
        len -= (size_t)n;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0) {
            continue;
        }
        (void)snprintf(a->fields + used, sizeof(a->fields) - used, "%s=%s;", (const char *)nv.name,
                       (const char *)nv.value);
        if (strcmp((const char *)nv.name, ":status") == 0) {
            a->http = (int)strtol((const char *)nv.value, NULL, 10);
        } else if (strcmp((const char *)nv.name, "grpc-status") == 0) {
            a->status = (int)strtol((const char *)nv.value, NULL, 10);
        } else if (strcmp((const char *)nv.name, "grpc-message") == 0) {
            (void)snprintf(a->message, sizeof(a->message), "%s", (const char *)nv.value);
        }
    }
    nghttp2_hd_inflate_del(inflater);
}

/* A frame of the stream. */
static void take(const wire_frame *fr, wire_answer *a)
{
    switch (fr->type) {
    case H2_HEADERS:
        assert_true((fr->flags & H2_END_HEADERS) != 0);
        a->n_headers++;
        read_headers(fr->payload, fr->len, a);
        break;
    case H2_DATA:
        for (size_t i = 0; i < fr->len && a->n_bytes + i < sizeof(a->bytes); i++) {
            a->bytes[a->n_bytes + i] = fr->payload[i];
        }
        a->n_bytes += fr->len;
        break;
    case H2_RST_STREAM:
        *(a->ended ? &a->late_reset : &a->reset) = (int)number(fr->payload);
        return;
    default:
        return;
    }
    a->ended = a->ended || (fr->flags & H2_END_STREAM) != 0;
}

static void await(wire *w, uint32_t stream, size_t n_bytes, int n_goaways, wire_answer *a)
{
    static wire_frame fr;

    *a = (wire_answer){
        .goaway = NONE, .reset = NONE, .late_reset = NONE, .http = NONE, .status = NONE};
    while (!a->ended && a->reset == NONE && a->n_bytes < n_bytes && n_goaways > 0) {
        if (!wire_next_frame(w, &fr)) {
            a->closed = true;
            return;
        }
        if (fr.type == H2_GOAWAY) {
            const size_t len = fr.len - 8 < sizeof(a->why) - 1 ? fr.len - 8 : sizeof(a->why) - 1;

            a->last = number(fr.payload);
            a->goaway = (int)number(fr.payload + 4);
            memcpy(a->why, fr.payload + 8, len);
            a->why[len] = '\0';
            n_goaways--;
        } else if (fr.stream == stream && stream != 0) {
            take(&fr, a);
        }
    }
}

void wire_await(wire *w, uint32_t stream, wire_answer *ret_answer)
{
    await(w, stream, SIZE_MAX, INT32_MAX, ret_answer);
}

void wire_await_bytes(wire *w, uint32_t stream, size_t n, wire_answer *ret_answer)
{
    await(w, stream, n, INT32_MAX, ret_answer);
}

void wire_await_goaways(wire *w, int n, wire_answer *ret_answer)
{
    await(w, 0, SIZE_MAX, n, ret_answer);
}

/* ---- what is sent ---- */

size_t wire_put_request(uint8_t *to, const char *path, const wire_header *more)
{
    wire_header all[40] = {
        {":method", "POST"},
        {":scheme", "http"},
        {":path", path},
        {":authority", "localhost"},
        {"content-type", "application/grpc"},
        {"te", "trailers"},
    };
    size_t n = 6;

    for (; more != NULL && more->key != NULL; more++) {
        bool usual = false;

        for (size_t i = 0; i < 6; i++) {
            if (strcmp(all[i].key, more->key) == 0) {
                all[i].value = more->value;
                usual = true;
            }
        }
        if (!usual) {
            assert_true(n + 1 < sizeof(all) / sizeof(all[0]));
            all[n++] = *more;
        }
    }
    all[n] = (wire_header){NULL, NULL};
    return wire_put_headers(to, all);
}

void wire_send_request(wire *w, uint32_t stream, const wire_request *request)
{
    uint8_t block[8192];
    const size_t len = wire_put_request(block, request->path, request->more);

    wire_send_frame(w, H2_HEADERS, H2_END_HEADERS | (request->no_data ? H2_END_STREAM : 0), stream,
                    block, len);
    if (!request->no_data) {
        wire_send_frame(w, H2_DATA, request->open ? 0 : H2_END_STREAM, stream, request->data.data,
                        request->data.len);
    }
}

void wire_send(wire *w, const void *data, size_t len)
{
    const uint8_t *at = data;

    while (len > 0) {
        const ssize_t n = send(w->fd, at, len, MSG_NOSIGNAL);

        if (n <= 0) {
            w->closed = true;
            return;
        }
        at += n;
        len -= (size_t)n;
    }
}

wire wire_connect(int port)
{
    const struct sockaddr_in sin = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                    .sin_port = htons((uint16_t)port)};
    const wire w = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    assert_true(w.fd >= 0);
    assert_int_equal(0, connect(w.fd, (const struct sockaddr *)&sin, sizeof(sin)));
    return w;
}
