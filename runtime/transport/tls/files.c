/* tls/files.c: see the header. */
#include <csvc/alloc.h>
#include <csvc/log.h>
#include <transport/tls/files.h>

#include <stdlib.h>
#include <unistd.h>

#include <base/banned.h>

/* Where distributions keep the CAs of the system; the variable is OpenSSL's. */
static const char *system_ca(void)
{
    static const char *const places[] = {
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    };
    const char *path = getenv("SSL_CERT_FILE");

    if (path != NULL && path[0] != '\0') {
        return path;
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (access(places[i], R_OK) == 0) {
            return places[i];
        }
    }
    return NULL;
}

static bool copy_path(const char *path, char **ret_path)
{
    *ret_path = path != NULL ? csvc__strdup(path) : NULL;
    return path == NULL || *ret_path != NULL;
}

static csvc_code load(tls_files *files, tls_pem *ret_pem, csvc_error *err)
{
    tls_pem pem = {0};
    csvc_code code = csvc__tls_pem_load(files->paths, &pem, err);

    if (code == CSVC_OK && files->use != NULL) {
        code = files->use(files->self, &pem, err);
    }
    if (code != CSVC_OK) {
        csvc__tls_pem_release(&pem);
        return code;
    }
    *ret_pem = pem;
    return CSVC_OK;
}

csvc_code csvc__tls_files_init(tls_files *files, const csvc_ttls *config, tls_use *use, void *self,
                               csvc_error *err)
{
    const char *ca = config->ca_file;

    *files = (tls_files){.use = use, .self = self};
    if ((config->cert_file == NULL) != (config->key_file == NULL)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "a certificate and its key go together; the %s is missing",
                              config->cert_file == NULL ? "certificate" : "key");
    }
    if (ca == NULL && config->system_ca) {
        ca = system_ca();
        if (ca == NULL) {
            return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                                  "this system has no file of CAs where they are looked for; name "
                                  "one to verify servers with");
        }
    }
    if (!copy_path(config->cert_file, &files->paths[TLS_CERT]) ||
        !copy_path(config->key_file, &files->paths[TLS_KEY]) ||
        !copy_path(ca, &files->paths[TLS_CA])) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    /* Before reading: what is replaced meanwhile is then read once more. */
    csvc__tls_pem_stamp(files->paths, &files->stamp);
    files->generation = 1;
    return load(files, &files->pem, err);
}

void csvc__tls_files_release(tls_files *files)
{
    csvc__tls_pem_release(&files->pem);
    for (int i = 0; i < TLS_FILES; i++) {
        csvc__free(files->paths[i]);
    }
    *files = (tls_files){0};
}

bool csvc__tls_files_look(tls_files *files)
{
    const char *file = files->paths[files->paths[TLS_CERT] != NULL ? TLS_CERT : TLS_CA];
    csvc_error err = {CSVC_ERROR_INIT};
    tls_pem_stamp stamp;
    tls_pem pem;

    csvc__tls_pem_stamp(files->paths, &stamp);
    if (csvc__tls_pem_stamp_same(&stamp, &files->stamp) ||
        (files->has_failed && csvc__tls_pem_stamp_same(&stamp, &files->failed))) {
        return false;
    }
    files->has_failed = load(files, &pem, &err) != CSVC_OK;
    if (files->has_failed) {
        files->failed = stamp;
        csvc_log(CSVC_LOG_WARN, "changed certificates are not used", "why", err.text, NULL);
        return false;
    }
    csvc__tls_pem_release(&files->pem);
    files->pem = pem;
    files->stamp = stamp;
    files->generation++;
    csvc_log(CSVC_LOG_INFO, "certificates were read again", "file", file, NULL);
    return true;
}
