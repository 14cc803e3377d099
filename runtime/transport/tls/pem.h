/* tls/pem.h: certificates and keys in files, and whether they are any good. */
#ifndef CSVC_TRANSPORT_TLS_PEM_H
#define CSVC_TRANSPORT_TLS_PEM_H

#include <csvc/code.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum {
    TLS_CERT,
    TLS_KEY,
    TLS_CA,
    TLS_FILES
};

/* What is in the files, with a NUL behind it; NULL where there is no file. */
typedef struct tls_pem {
    char *text[TLS_FILES];
    size_t len[TLS_FILES];
} tls_pem;

/* Which state of the files it was. */
typedef struct tls_pem_stamp {
    struct stat files[TLS_FILES];
} tls_pem_stamp;

void csvc__tls_pem_stamp(char *const paths[TLS_FILES], tls_pem_stamp *ret_stamp);
bool csvc__tls_pem_stamp_same(const tls_pem_stamp *x, const tls_pem_stamp *y);

/*
 * Reads and checks: certificate and key belong together, the certificate holds now, the CA file
 * has a certificate that does. NULL paths are left out. FAILED_PRECONDITION, NOT_FOUND or
 * PERMISSION_DENIED, naming the file; RESOURCE_EXHAUSTED.
 */
csvc_code csvc__tls_pem_load(char *const paths[TLS_FILES], tls_pem *ret_pem,
                             csvc_error *err) CSVC_MUST_CHECK;
void csvc__tls_pem_release(tls_pem *pem);

#endif /* CSVC_TRANSPORT_TLS_PEM_H */
