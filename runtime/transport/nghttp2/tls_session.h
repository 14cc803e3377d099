/*
 * nghttp2/tls_session.h: one connection's TLS, around a socket that stays the connection's.
 *
 *     n = csvc__ng_tls_read(session, buffer, sizeof(buffer));
 *     if (n == NG_IO_AGAIN_READ || n == NG_IO_AGAIN_WRITE) wait until the socket is so;
 *     if (n == NG_IO_ERROR || n == 0) {
 *         why = csvc__ng_tls_refusal(session, text, sizeof(text));
 *         if (why != NULL && nothing was heard before) csvc__tls_log_refusal(why, peer);
 *         close;
 *     }
 */
#ifndef CSVC_NGHTTP2_TLS_SESSION_H
#define CSVC_NGHTTP2_TLS_SESSION_H

#include <sys/types.h>

#include <transport/nghttp2/tls_context.h>

/* What reading and writing say besides a number of bytes. Either may wait for either. */
enum {
    NG_IO_ERROR = -1,
    NG_IO_AGAIN_READ = -2,
    NG_IO_AGAIN_WRITE = -3
};

typedef struct ng_tls_session ng_tls_session;

/* For an accepted, non-blocking socket, with the newest certificates. Any thread; from then on one
 * thread at a time. NULL: no memory. */
ng_tls_session *csvc__ng_tls_session_new(ng_tls *tls, int fd) CSVC_MUST_CHECK;

void csvc__ng_tls_session_free(ng_tls_session *session); /* takes NULL; leaves the socket */

/*
 * Bytes that came: how many; 0: no more will, with close_notify or without (HTTP/2 knows where it
 * ends); or one of NG_IO_. The handshake runs within the first ones. One record at most, so go
 * on while `pending` says so. That ends when it has had its share of a turn, with an again that is
 * none: the socket must be watched by level, not by edge.
 */
ssize_t csvc__ng_tls_read(ng_tls_session *session, void *buffer, size_t len);

/*
 * Encrypts all of the bytes, of an established session. The records come behind what is in `to`;
 * they are the caller's to write to the socket. False: the session has failed.
 */
bool csvc__ng_tls_seal(ng_tls_session *session, const void *data, size_t len, ng_tls_sealed *to);

/* While some of the records are still to be written, OpenSSL writes nothing by itself. */
void csvc__ng_tls_hold(ng_tls_session *session, bool hold);

/* Whether there may be bytes to read that the socket will not announce again. */
bool csvc__ng_tls_pending(const ng_tls_session *session);

/* That we shall write no more; before shutdown(SHUT_WR). Lost when the socket does not take it at
 * once. Reading goes on. */
void csvc__ng_tls_close_notify(ng_tls_session *session);

bool csvc__ng_tls_established(const ng_tls_session *session); /* the handshake is done */

/* Why the peer was refused, or may have left before the first data, in OpenSSL's words or the like
 * of them, in the buffer: "certificate verify failed: certificate has expired". NULL: for nothing
 * that TLS knows of. */
const char *csvc__ng_tls_refusal(const ng_tls_session *session, char *buffer, size_t size);

/* The names in the caller's certificate, verified. Any thread, any number at once, while the
 * session lives and once it is established. False: no memory. */
bool csvc__ng_tls_identity(const ng_tls_session *session, csvc_arena *a,
                           csvc_identity *ret_identity);

#endif /* CSVC_NGHTTP2_TLS_SESSION_H */
