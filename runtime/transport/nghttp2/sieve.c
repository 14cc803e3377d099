/*
 * nghttp2/sieve.c: what comes before nghttp2 in reading.
 *
 * The C core, and with it clients in C++, Python, Ruby and PHP, sends RST_STREAM for a call that
 * was cancelled before its HEADERS went out (seen with 1.51). By RFC 9113 (6.4) that ends the
 * connection, and so nghttp2 does it, with all its calls. Here such a frame is taken out instead:
 * it speaks of nothing that we know. Frames are told apart by their heads alone.
 */
#include <transport/nghttp2/guard.h>
#include <transport/nghttp2/sieve.h>

#include <string.h>

#include <base/banned.h>

enum {
    RESET_LEN = 4
};

static ssize_t give(ng_conn *conn, const uint8_t *data, size_t len)
{
    return len > 0 ? nghttp2_session_mem_recv(conn->session, data, len) : 0;
}

/* Looks at a whole head. */
static void look(ng_conn *conn, const uint8_t *head)
{
    ng_sieve *sieve = &conn->sieve;
    const uint8_t type = head[3];
    const uint32_t stream =
        ((uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8]) &
        INT32_MAX;

    sieve->left = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    sieve->n_head = 0;
    sieve->drops = false;
    if (type == NGHTTP2_HEADERS && stream > sieve->last) {
        sieve->last = stream;
    } else if (type == NGHTTP2_RST_STREAM && stream > sieve->last && stream % 2 == 1 &&
               sieve->left == RESET_LEN) {
        sieve->drops = true;
        csvc__ng_guard(conn, NG_RESETS);
    } else if (type > NGHTTP2_CONTINUATION) {
        csvc__ng_guard(conn, NG_OTHER); /* nghttp2 tells nobody of what it does not know */
    }
}

/*
 * A head that lies in two reads is kept back until it is whole, which costs two calls of nghttp2;
 * all else goes through in one.
 */
ssize_t csvc__ng_sieve_recv(ng_conn *conn, const uint8_t *data, size_t len)
{
    ng_sieve *sieve = &conn->sieve;
    size_t from = 0; /* what was not handed over begins here */
    size_t at = 0;

    while (at < len && !conn->spent) {
        size_t n = len - at;
        ssize_t rc = 0;

        if (sieve->magic < NGHTTP2_CLIENT_MAGIC_LEN) {
            n = n < NGHTTP2_CLIENT_MAGIC_LEN - sieve->magic
                    ? n
                    : NGHTTP2_CLIENT_MAGIC_LEN - sieve->magic;
            sieve->magic += n;
            at += n;
        } else if (sieve->left > 0) {
            n = n < sieve->left ? n : sieve->left;
            sieve->left -= n;
            at += n;
            if (sieve->drops) {
                from = at;
            }
        } else if (sieve->n_head == 0 && n >= NG_HEAD) {
            look(conn, data + at);
            if (sieve->drops) {
                rc = give(conn, data + from, at - from);
                from = at + NG_HEAD;
            }
            at += NG_HEAD;
        } else {
            n = n < NG_HEAD - sieve->n_head ? n : NG_HEAD - sieve->n_head;
            rc = give(conn, data + from, at - from);
            memcpy(sieve->head + sieve->n_head, data + at, n);
            sieve->n_head += n;
            at += n;
            from = at;
            if (rc >= 0 && sieve->n_head == NG_HEAD) {
                look(conn, sieve->head);
                rc = sieve->drops ? 0 : give(conn, sieve->head, NG_HEAD);
            }
        }
        if (rc < 0) {
            return rc;
        }
    }
    return conn->spent ? 0 : give(conn, data + from, at - from);
}
