/*
 * tls/files.h: the files of a server or a channel, read again when they have changed.
 *
 * They are read and checked here rather than by a TLS library, which would say no more than that
 * something is wrong with a certificate, and later. A state of the files that is no good, as while
 * two of a pair are being replaced, leaves the one before in use, and is said once.
 *
 * No locks: whoever has one on several threads brings its own.
 */
#ifndef CSVC_TRANSPORT_TLS_FILES_H
#define CSVC_TRANSPORT_TLS_FILES_H

#include <transport/seam.h>
#include <transport/tls/pem.h>

/* Takes a state of the files into use, or refuses it with err set; then it counts as no good. */
typedef csvc_code tls_use(void *self, const tls_pem *pem, csvc_error *err);

typedef struct tls_files {
    char *paths[TLS_FILES];
    tls_pem pem;
    uint64_t generation;  /* of pem, from 1 on */
    tls_pem_stamp stamp;  /* of pem */
    tls_pem_stamp failed; /* of the last state that was no good */
    bool has_failed;
    tls_use *use;
    void *self;
} tls_files;

/*
 * Reads the files a first time; `use` may be NULL. INVALID_ARGUMENT: a certificate without its key
 * or the other way round; FAILED_PRECONDITION, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED.
 */
csvc_code csvc__tls_files_init(tls_files *files, const csvc_ttls *config, tls_use *use, void *self,
                               csvc_error *err) CSVC_MUST_CHECK;
void csvc__tls_files_release(tls_files *files); /* also what failed to be one, or is all zeros */

/* Three calls of stat, and reads when they say so. True: there is something new, and it is good.
 * Logs what it finds. */
bool csvc__tls_files_look(tls_files *files);

#endif /* CSVC_TRANSPORT_TLS_FILES_H */
