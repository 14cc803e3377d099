/* nghttp2/sieve.h: what comes before nghttp2 in reading. */
#ifndef CSVC_NGHTTP2_SIEVE_H
#define CSVC_NGHTTP2_SIEVE_H

#include <transport/nghttp2/conn.h>

#include <sys/types.h>

/* Hands over what was read; below 0: what nghttp2 cannot go on from. */
ssize_t csvc__ng_sieve_recv(ng_conn *conn, const uint8_t *data, size_t len);

#endif /* CSVC_NGHTTP2_SIEVE_H */
