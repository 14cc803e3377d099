/* tls/refusal.h: why a handshake failed, in the log, for who runs the program. */
#ifndef CSVC_TRANSPORT_TLS_REFUSAL_H
#define CSVC_TRANSPORT_TLS_REFUSAL_H

#include <stdbool.h>

/* A warning from OpenSSL's words, with what they mean beside them; `peer` NULL: nobody knows. */
void csvc__tls_log_refusal(const char *said, const char *peer);

/* Whether one more warning that a peer can cause is in order this second: ten are, of all
 * together. */
bool csvc__tls_may_warn(void);

#endif /* CSVC_TRANSPORT_TLS_REFUSAL_H */
