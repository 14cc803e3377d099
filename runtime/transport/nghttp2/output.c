/* nghttp2/output.c: from frames to one write. */
#include <csvc/alloc.h>
#include <transport/nghttp2/call.h>
#include <transport/nghttp2/output.h>
#include <transport/nghttp2/settings.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <base/banned.h>

/* Bytes taken; 0: none now; below 0: the connection is dead. */
static ssize_t write_some(ng_conn *conn, const struct iovec *pieces, size_t n_pieces)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = n_pieces};
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;

    for (;;) {
        /* most have one piece, and sendmsg first reads two structs from us */
        const ssize_t n = n_pieces == 1
                              ? send(conn->source.fd, pieces->iov_base, pieces->iov_len, flags)
                              : sendmsg(conn->source.fd, &message, flags);

        if (n >= 0) {
            return n;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
            return 0;
        }
        if (errno != EINTR) {
            return -1;
        }
    }
}

/* What is left of an earlier write. False: the connection is dead. */
static bool write_pending(ng_conn *conn)
{
    const struct iovec piece = {.iov_base = conn->pending + conn->pending_at,
                                .iov_len = conn->n_pending - conn->pending_at};
    const ssize_t n = write_some(conn, &piece, 1);

    if (n < 0) {
        return false;
    }
    if (n > 0) {
        conn->stuck = conn->loop->now;
        conn->pending_at += (size_t)n;
    }
    if (conn->pending_at == conn->n_pending) {
        csvc__free(conn->pending);
        conn->pending = NULL;
        conn->n_pending = 0;
        conn->pending_at = 0;
    }
    return true;
}

/* Keeps what was not taken of the pieces, `left` bytes. False: no memory. */
static bool keep(ng_conn *conn, const struct iovec *pieces, size_t n_pieces, size_t taken,
                 size_t left)
{
    size_t at = 0;

    conn->pending = csvc__malloc(left);
    if (conn->pending == NULL) {
        return false;
    }
    for (size_t i = 0; i < n_pieces; i++) {
        const struct iovec *piece = &pieces[i];
        const size_t skip = taken < piece->iov_len ? taken : piece->iov_len;

        memcpy(conn->pending + at, (const uint8_t *)piece->iov_base + skip, piece->iov_len - skip);
        at += piece->iov_len - skip;
        taken -= skip;
    }
    conn->n_pending = at;
    conn->pending_at = 0;
    conn->stuck = conn->loop->now;
    return true;
}

/* Writes pieces of so many bytes. False: the connection is dead. */
static bool write_pieces(ng_conn *conn, const struct iovec *pieces, size_t n_pieces, size_t total)
{
    const ssize_t n = write_some(conn, pieces, n_pieces);

    if (n < 0) {
        return false;
    }
    return (size_t)n == total || keep(conn, pieces, n_pieces, (size_t)n, total - (size_t)n);
}

/* The same as records, all in one write. */
static bool write_sealed(ng_conn *conn, const struct iovec *pieces, size_t n_pieces)
{
    ng_tls_sealed *sealed = &conn->loop->sealed;
    struct iovec records = {.iov_base = sealed->bytes};

    sealed->len = 0;
    for (size_t i = 0; i < n_pieces; i++) {
        if (!csvc__ng_tls_seal(conn->tls, pieces[i].iov_base, pieces[i].iov_len, sealed)) {
            return false;
        }
    }
    records.iov_len = sealed->len;
    return write_pieces(conn, &records, 1, sealed->len);
}

/* Writes what is gathered. False: the connection is dead. */
static bool write_out(ng_conn *conn, ng_out *out)
{
    bool ok = true;

    if (out->total == 0) {
        return true;
    }
    ok = conn->tls == NULL ? write_pieces(conn, out->pieces, out->n_pieces, out->total)
                           : write_sealed(conn, out->pieces, out->n_pieces);
    csvc__ng_out_clear(out);
    return ok;
}

/* Their last frames are with the socket. */
static void tell_ended(ng_conn *conn)
{
    while (conn->ended != NULL) {
        ng_call *call = conn->ended;

        conn->ended = call->next_ended;
        call->delivered = !call->cut;
        csvc__ng_call_ready(call, NG_READY_CLOSED);
    }
}

/* False: the connection is dead. */
static bool gather_and_write(ng_conn *conn, ng_out *out)
{
    out->one_piece = conn->tls != NULL;
    while (conn->n_pending == 0) {
        const uint8_t *frame = NULL;
        ssize_t n = 0;
        bool more = true;

        if (csvc__ng_out_has_room(out)) {
            n = nghttp2_session_mem_send(conn->session, &frame);
            if (n > 0) {
                uint8_t *at = out->bytes + out->len;

                csvc__ng_out_copy(out, frame, (size_t)n);
                if (!conn->settings_sent) {
                    conn->settings_sent = true;
                    csvc__ng_settings_complete(at, (size_t)n, conn->loop->shared);
                }
                if (!conn->sent_away) {
                    continue;
                }
                n = 0; /* nothing goes behind it */
            }
            more = out->full; /* DATA is gathered by its callback, which stopped */
        }
        if (n < 0 || !write_out(conn, out)) {
            return false;
        }
        if (!more) {
            return true;
        }
    }
    return true;
}

static bool is_all_said(const ng_conn *conn)
{
    if (conn->sent_away) {
        return true;
    }
    if (nghttp2_session_want_write(conn->session)) {
        return false;
    }
    /* while it drains, nghttp2 thinks so too soon: calls may be on their way */
    return conn->spent ||
           (!nghttp2_session_want_read(conn->session) && (!conn->draining || conn->last_said));
}

ng_said csvc__ng_output(ng_conn *conn)
{
    bool ok = true;

    if (conn->tls != NULL && !csvc__ng_tls_established(conn->tls)) {
        /* the handshake goes on as things are read */
        return conn->failed ? NG_DEAD : NG_SAID;
    }
    if (conn->n_pending > 0) {
        ok = write_pending(conn);
    }
    if (ok && conn->n_pending == 0 && !conn->sent_away) {
        ok = gather_and_write(conn, &conn->loop->out);
        csvc__ng_out_clear(&conn->loop->out);
    }
    if (conn->tls != NULL) {
        csvc__ng_tls_hold(conn->tls, conn->n_pending > 0);
    }
    if (ok && conn->n_pending == 0) {
        tell_ended(conn);
    }
    if (!ok || conn->failed || !csvc__ng_conn_epoll(conn)) {
        return NG_DEAD;
    }
    return conn->n_pending == 0 && is_all_said(conn) ? NG_SAID_ALL : NG_SAID;
}
