/* nghttp2/tls_session.c: one connection's TLS. */
#include <base/utf8.h>
#include <csvc/alloc.h>
#include <transport/nghttp2/tls_session.h>

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

struct ng_tls_session {
    SSL *ssl;
    ng_tls_socket socket;
    X509 *peer;      /* verified; NULL: nobody was asked for one */
    bool other_name; /* our certificate has not the name that the peer calls us by */
    bool heard;      /* there was data */
    bool failed;     /* OpenSSL will do nothing more */
    /* why it failed */
    unsigned long error;
    int system_error;
};

/* ---- a session ---- */

ng_tls_session *csvc__ng_tls_session_new(ng_tls *tls, int fd)
{
    ng_tls_session *session = csvc__calloc(1, sizeof(*session));

    if (session == NULL) {
        return NULL;
    }
    ERR_clear_error();
    session->socket.fd = fd;
    session->ssl = csvc__ng_tls_ssl_new(tls, &session->socket);
    if (session->ssl == NULL) {
        csvc__ng_tls_session_free(session);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_accept_state(session->ssl);
    return session;
}

void csvc__ng_tls_close_notify(ng_tls_session *session)
{
    if (session->socket.established && !session->failed) {
        ERR_clear_error();
        (void)SSL_shutdown(session->ssl);
        ERR_clear_error();
    }
}

void csvc__ng_tls_session_free(ng_tls_session *session)
{
    if (session == NULL) {
        return;
    }
    X509_free(session->peer);
    SSL_free(session->ssl);
    csvc__free(session);
}

/* What an operation that came to nothing, with this result, means; `system_error`: errno behind
 * it. */
static ssize_t outcome(ng_tls_session *session, int result, int system_error)
{
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        session->socket.received = 0;
        return NG_IO_AGAIN_READ;
    case SSL_ERROR_WANT_WRITE:
        return NG_IO_AGAIN_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        session->failed = true;
        session->error = ERR_peek_error();
        session->system_error = session->error == 0 ? system_error : 0;
        ERR_clear_error();
        return NG_IO_ERROR;
    }
}

/* Whether the peer calls us by a name that we have no certificate for. It will most likely leave
 * without a word then. */
static bool is_another(SSL *ssl)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    return name != NULL && X509_check_host(SSL_get_certificate(ssl), name, 0, 0, NULL) == 0;
}

/* More than 0: done. */
static ssize_t shake_hands(ng_tls_session *session)
{
    int result = 0;

    errno = 0;
    result = SSL_do_handshake(session->ssl);
    if (result != 1) {
        return outcome(session, result, errno);
    }
    session->socket.established = true;
    session->other_name = is_another(session->ssl);
    if ((SSL_get_verify_mode(session->ssl) & SSL_VERIFY_PEER) != 0) {
        session->peer = SSL_get1_peer_certificate(session->ssl);
    }
    return 1;
}

ssize_t csvc__ng_tls_read(ng_tls_session *session, void *buffer, size_t len)
{
    size_t n = 0;
    int result = 0;

    if (session->failed) {
        return NG_IO_ERROR;
    }
    ERR_clear_error();
    if (!session->socket.established) {
        ssize_t shaken = shake_hands(session);

        if (shaken <= 0) {
            return shaken;
        }
    }
    errno = 0;
    result = SSL_read_ex(session->ssl, buffer, len, &n);
    if (result != 1) {
        return outcome(session, result, errno);
    }
    session->socket.idle_records = 0;
    session->heard = true;
    if (SSL_has_pending(session->ssl) == 0) {
        session->socket.received = 0;
    }
    return (ssize_t)n;
}

bool csvc__ng_tls_seal(ng_tls_session *session, const void *data, size_t len, ng_tls_sealed *to)
{
    size_t at = 0;

    if (session->failed || !session->socket.established) {
        return false;
    }
    ERR_clear_error();
    session->socket.sealed = to;
    while (at < len && !session->failed) {
        size_t n = 0;
        int result = 0;

        errno = 0;
        result = SSL_write_ex(session->ssl, (const uint8_t *)data + at, len - at, &n);
        if (result == 1) {
            at += n;
        } else if (outcome(session, result, errno) != NG_IO_ERROR) {
            session->failed = true; /* it waits for what cannot come */
        }
    }
    session->socket.sealed = NULL;
    return at == len;
}

void csvc__ng_tls_hold(ng_tls_session *session, bool hold)
{
    session->socket.held = hold;
}

bool csvc__ng_tls_pending(const ng_tls_session *session)
{
    return !session->failed && SSL_has_pending(session->ssl) == 1;
}

bool csvc__ng_tls_established(const ng_tls_session *session)
{
    return session->socket.established;
}

/* In OpenSSL's words or the like of them; NULL: nothing. */
static const char *reason(const ng_tls_session *session)
{
    const char *text = NULL;

    if (session->socket.no_alpn) {
        return "no application protocol";
    }
    if (csvc__ng_tls_socket_idles(&session->socket)) {
        return "too many records without data";
    }
    if (session->error != 0) {
        text = ERR_reason_error_string(session->error);
        return text != NULL ? text : "failed";
    }
    if (session->socket.began && !session->socket.established && session->system_error == 0) {
        return "the peer closed in the midst of the handshake";
    }
    return NULL;
}

const char *csvc__ng_tls_refusal(const ng_tls_session *session, char *buffer, size_t size)
{
    const char *text = reason(session);

    if (ERR_GET_REASON(session->error) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        (void)snprintf(buffer, size, "%s: %s", text,
                       X509_verify_cert_error_string(SSL_get_verify_result(session->ssl)));
    } else if (text != NULL) {
        (void)snprintf(buffer, size, "%s", text);
    } else if (session->other_name && !session->heard) {
        (void)snprintf(buffer, size, "No match found for server name: %s",
                       SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name));
    } else if (session->system_error == 0 || session->socket.established ||
               strerror_r(session->system_error, buffer, size) != 0) {
        return NULL;
    }
    return buffer;
}

/* ---- who it is ---- */

/* A copy of a name; NULL also for one that is no text: a NUL within could make it look like
 * another one. */
static const char *copy_name(const void *text, int len, csvc_arena *a, bool *ret_short)
{
    const char *name = NULL;

    if (len < 0 || !csvc__utf8_text(text, (size_t)len)) {
        return NULL;
    }
    name = csvc_arena_strndup(a, text, (size_t)len);
    *ret_short |= name == NULL;
    return name;
}

static const char *copy_common_name(const X509 *cert, csvc_arena *a, bool *ret_short)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const ASN1_STRING *value =
        at >= 0 ? X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)) : NULL;
    unsigned char *text = NULL;
    int len = value != NULL ? ASN1_STRING_to_UTF8(&text, value) : -1;
    const char *name = copy_name(text, len, a, ret_short);

    OPENSSL_free(text);
    return name;
}

static const char *copy_alt_name(const GENERAL_NAME *alt, csvc_arena *a, bool *ret_short)
{
    char address[INET6_ADDRSTRLEN];
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(alt, &type);
    int len = 0;

    switch (type) {
    case GEN_DNS:
    case GEN_URI:
    case GEN_EMAIL:
        return copy_name(ASN1_STRING_get0_data(value), ASN1_STRING_length(value), a, ret_short);
    case GEN_IPADD:
        len = ASN1_STRING_length(value);
        if ((len != 4 && len != 16) ||
            inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), address,
                      sizeof(address)) == NULL) {
            return NULL;
        }
        return copy_name(address, (int)strlen(address), a, ret_short);
    default:
        return NULL;
    }
}

static bool copy_alt_names(const X509 *cert, csvc_arena *a, csvc_identity *identity)
{
    GENERAL_NAMES *alts = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int n = alts != NULL ? sk_GENERAL_NAME_num(alts) : 0;
    const char **names = n > 0 ? csvc_arena_alloc(a, (size_t)n * sizeof(*names)) : NULL;
    bool memory_short = n > 0 && names == NULL;

    for (int i = 0; i < n && !memory_short; i++) {
        const char *name = copy_alt_name(sk_GENERAL_NAME_value(alts, i), a, &memory_short);

        if (name != NULL) {
            names[identity->n_alt_names++] = name;
        }
    }
    identity->alt_names = names;
    GENERAL_NAMES_free(alts);
    ERR_clear_error();
    return !memory_short;
}

bool csvc__ng_tls_identity(const ng_tls_session *session, csvc_arena *a,
                           csvc_identity *ret_identity)
{
    csvc_identity identity = {0};
    bool memory_short = false;

    if (session->peer != NULL) {
        identity.common_name = copy_common_name(session->peer, a, &memory_short);
        if (memory_short || !copy_alt_names(session->peer, a, &identity)) {
            return false;
        }
    }
    *ret_identity = identity;
    return true;
}
