/* support/seam_bytes.h: what both peers of seam_peer.h do with bytes. */
#ifndef TESTS_SEAM_BYTES_H
#define TESTS_SEAM_BYTES_H

#include <transport/seam.h>

#include <stdio.h>
#include <stdlib.h>

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A message in one run with a NUL behind it, freed by the caller; NULL has no bytes. */
uint8_t *peer_flat(const csvc_payload *payload, size_t *ret_len);

/* Sends `n` in decimal, filled with dots up to `len` bytes. */
void peer_send_digits(csvc_tcall *tc, int n, size_t len, bool more);

#endif /* TESTS_SEAM_BYTES_H */
