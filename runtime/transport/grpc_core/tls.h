/*
 * grpc_core/tls.h: certificates and keys from files, as the core wants them.
 *
 * The files are read and checked here rather than by the core, which would say no more than that
 * something is wrong with a certificate. They are looked at again when a connection is made (by a
 * server) or a call is started (by a channel, at most once a second); a pair that does not fit, as
 * while the two files are being replaced, leaves the one before in use.
 */
#ifndef CSVC_GRPC_CORE_TLS_H
#define CSVC_GRPC_CORE_TLS_H

#include <grpc/grpc_security.h>
#include <sys/stat.h>

#include <transport/grpc_core/core.h>

/* ---- pem.c: files, and whether they are any good ---- */

enum {
    GC_PEM_CERT,
    GC_PEM_KEY,
    GC_PEM_CA,
    GC_PEM_FILES
};

/* What is in the files, with the NUL that the core wants; NULL where there is no file. */
typedef struct gc_pem {
    char *text[GC_PEM_FILES];
    size_t len[GC_PEM_FILES];
} gc_pem;

/* Which state of the files it was. */
typedef struct gc_pem_stamp {
    struct stat files[GC_PEM_FILES];
} gc_pem_stamp;

void csvc__gc_pem_stamp(char *const paths[GC_PEM_FILES], gc_pem_stamp *ret_stamp);
bool csvc__gc_pem_stamp_same(const gc_pem_stamp *x, const gc_pem_stamp *y);

/*
 * Reads and checks: certificate and key belong together, the certificate holds now, the CA file
 * has a certificate that does. NULL paths are left out. FAILED_PRECONDITION, NOT_FOUND or
 * PERMISSION_DENIED, naming the file; RESOURCE_EXHAUSTED.
 */
csvc_code csvc__gc_pem_load(char *const paths[GC_PEM_FILES], gc_pem *ret_pem,
                            csvc_error *err) CSVC_MUST_CHECK;
void csvc__gc_pem_release(gc_pem *pem);

/* ---- tls.c: what a server and a channel keep ---- */

typedef struct gc_tls gc_tls;

/* Reads the files a first time. NULL with err set. */
gc_tls *csvc__gc_tls_new(const csvc_ttls *config, csvc_error *err) CSVC_MUST_CHECK;
void csvc__gc_tls_free(gc_tls *tls); /* takes NULL */

/* Of a server: they look at the files by themselves, so `tls` must outlive the server. */
grpc_server_credentials *csvc__gc_tls_server_credentials(gc_tls *tls);

/* Of a channel, from the files as they were last read. */
grpc_channel_credentials *csvc__gc_tls_channel_credentials(gc_tls *tls);
/* Whether the files have changed to something usable, and were read again. Any thread. */
bool csvc__gc_tls_reload(gc_tls *tls);

#endif /* CSVC_GRPC_CORE_TLS_H */
