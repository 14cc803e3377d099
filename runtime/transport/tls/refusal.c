/* tls/refusal.c: see the header. */
#include <base/clock.h>
#include <csvc/log.h>
#include <transport/tls/refusal.h>

#include <stdatomic.h>
#include <string.h>

#include <base/banned.h>

enum {
    WARNINGS_A_SECOND = 10
};

/*
 * What OpenSSL says of a handshake that failed, and what that means to who runs the program. The
 * first that is found; our own failures before the peer's alerts.
 */
static const struct {
    const char *said;
    const char *means;
} reasons[] = {
    {"did not return a certificate", "no certificate came from the peer"},
    {"certificate verify failed", "the peer's certificate could not be verified"},
    {"No match found for server name", "the server's certificate is for another name"},
    {"no application protocol", "the peer does not offer HTTP/2 (ALPN h2)"},
    {"alert unknown ca", "the peer could not verify our certificate: it does not know its CA"},
    {"alert certificate expired", "the peer holds our certificate for expired"},
    {"alert certificate required", "the peer wants a certificate, and we have none for it"},
    {"alert bad certificate", "the peer does not take our certificate"},
    {"alert certificate unknown", "the peer does not take our certificate"},
    {"alert handshake failure", "the peer wants what we have not: a certificate, or a cipher"},
    {"wrong version number", "the peer does not speak TLS"},
    {"http request", "the peer does not speak TLS"},
    {"no shared cipher", "no cipher in common"},
    {"unsupported protocol", "the peer's version of TLS is too old"},
};

bool csvc__tls_may_warn(void)
{
    static _Atomic int64_t second;
    static atomic_int shown;
    int64_t now = csvc__now() / CSVC__SECOND;

    if (atomic_exchange(&second, now) != now) {
        atomic_store(&shown, 0);
    }
    return atomic_fetch_add(&shown, 1) < WARNINGS_A_SECOND;
}

void csvc__tls_log_refusal(const char *said, const char *peer)
{
    csvc_log_level level = csvc__tls_may_warn() ? CSVC_LOG_WARN : CSVC_LOG_DEBUG;
    const char *why = "see the text";

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strstr(said, reasons[i].said) != NULL) {
            why = reasons[i].means;
            break;
        }
    }
    csvc_log(level, "TLS handshake failed", "why", why, "text", said, peer != NULL ? "peer" : NULL,
             peer, NULL);
}
