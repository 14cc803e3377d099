/* grpc_core/tls.c: credentials from files, and again when the files have changed. */
#include <base/clock.h>
#include <csvc/alloc.h>
#include <csvc/log.h>
#include <transport/grpc_core/tls.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/banned.h>

#define LOOK_EVERY CSVC__SECOND /* of a channel; a server looks with each connection */

/* Of one address: what the core has fetched for it. */
typedef struct gc_fetcher {
    struct gc_fetcher *next;
    gc_tls *tls;
    uint64_t fetched; /* generation; 0: nothing yet */
} gc_fetcher;

struct gc_tls {
    char *paths[GC_PEM_FILES];
    pthread_mutex_t lock; /* of the rest */
    gc_pem pem;
    uint64_t generation; /* of pem, from 1 on */
    gc_pem_stamp stamp;  /* of pem */
    gc_pem_stamp failed; /* of the last state that was no good: said once */
    bool has_failed;
    gc_fetcher *fetchers;
    _Atomic int64_t next_look;
};

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

gc_tls *csvc__gc_tls_new(const csvc_ttls *config, csvc_error *err)
{
    const char *ca = config->ca_file;
    gc_tls *tls = NULL;

    if ((config->cert_file == NULL) != (config->key_file == NULL)) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                             "a certificate and its key go together; the %s is missing",
                             config->cert_file == NULL ? "certificate" : "key");
        return NULL;
    }
    if (ca == NULL && config->system_ca) {
        ca = system_ca();
        if (ca == NULL) {
            (void)csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                                 "this system has no file of CAs where they are looked for; name "
                                 "one to verify servers with");
            return NULL;
        }
    }
    tls = csvc__calloc(1, sizeof(*tls));
    if (tls == NULL || pthread_mutex_init(&tls->lock, NULL) != 0) {
        csvc__free(tls);
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    if (!copy_path(config->cert_file, &tls->paths[GC_PEM_CERT]) ||
        !copy_path(config->key_file, &tls->paths[GC_PEM_KEY]) ||
        !copy_path(ca, &tls->paths[GC_PEM_CA])) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        csvc__gc_tls_free(tls);
        return NULL;
    }
    /* Before reading: what is replaced meanwhile is then read once more. */
    csvc__gc_pem_stamp(tls->paths, &tls->stamp);
    if (csvc__gc_pem_load(tls->paths, &tls->pem, err) != CSVC_OK) {
        csvc__gc_tls_free(tls);
        return NULL;
    }
    tls->generation = 1;
    return tls;
}

void csvc__gc_tls_free(gc_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    while (tls->fetchers != NULL) {
        gc_fetcher *fetcher = tls->fetchers;

        tls->fetchers = fetcher->next;
        csvc__free(fetcher);
    }
    csvc__gc_pem_release(&tls->pem);
    for (int i = 0; i < GC_PEM_FILES; i++) {
        csvc__free(tls->paths[i]);
    }
    pthread_mutex_destroy(&tls->lock);
    csvc__free(tls);
}

/* Reads the files again when they are others; with the lock. True: there is something new. */
static bool look(gc_tls *tls)
{
    const char *file = tls->paths[tls->paths[GC_PEM_CERT] != NULL ? GC_PEM_CERT : GC_PEM_CA];
    csvc_error err = {CSVC_ERROR_INIT};
    gc_pem_stamp stamp;
    gc_pem pem;

    csvc__gc_pem_stamp(tls->paths, &stamp);
    if (csvc__gc_pem_stamp_same(&stamp, &tls->stamp) ||
        (tls->has_failed && csvc__gc_pem_stamp_same(&stamp, &tls->failed))) {
        return false;
    }
    tls->has_failed = csvc__gc_pem_load(tls->paths, &pem, &err) != CSVC_OK;
    if (tls->has_failed) {
        tls->failed = stamp;
        csvc_log(CSVC_LOG_WARN, "changed certificates are not used", "why", err.text, NULL);
        return false;
    }
    csvc__gc_pem_release(&tls->pem);
    tls->pem = pem;
    tls->stamp = stamp;
    tls->generation++;
    csvc_log(CSVC_LOG_INFO, "certificates were read again", "file", file, NULL);
    return true;
}

/* ---- a server ---- */

/* The core asks with each connection. */
static grpc_ssl_certificate_config_reload_status
fetch(void *self, grpc_ssl_server_certificate_config **ret_config)
{
    gc_fetcher *fetcher = self;
    gc_tls *tls = fetcher->tls;
    grpc_ssl_certificate_config_reload_status status = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;

    pthread_mutex_lock(&tls->lock);
    (void)look(tls);
    if (fetcher->fetched != tls->generation) {
        const grpc_ssl_pem_key_cert_pair pair = {.private_key = tls->pem.text[GC_PEM_KEY],
                                                 .cert_chain = tls->pem.text[GC_PEM_CERT]};

        /* The core (1.51) aborts without roots when they come this way, also where no caller is
         * asked for a certificate and nothing is verified by them. */
        *ret_config = grpc_ssl_server_certificate_config_create(
            tls->pem.text[GC_PEM_CA] != NULL ? tls->pem.text[GC_PEM_CA] : pair.cert_chain, &pair,
            1);
        fetcher->fetched = tls->generation;
        status = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
    }
    pthread_mutex_unlock(&tls->lock);
    return status;
}

grpc_server_credentials *csvc__gc_tls_server_credentials(gc_tls *tls)
{
    gc_fetcher *fetcher = csvc__calloc(1, sizeof(*fetcher));

    if (fetcher == NULL) {
        return NULL;
    }
    fetcher->tls = tls;
    pthread_mutex_lock(&tls->lock);
    fetcher->next = tls->fetchers;
    tls->fetchers = fetcher;
    pthread_mutex_unlock(&tls->lock);
    return grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            tls->paths[GC_PEM_CA] != NULL
                ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            fetch, fetcher));
}

/* ---- a channel ---- */

grpc_channel_credentials *csvc__gc_tls_channel_credentials(gc_tls *tls)
{
    grpc_channel_credentials *credentials = NULL;
    grpc_ssl_pem_key_cert_pair pair;

    pthread_mutex_lock(&tls->lock);
    pair = (grpc_ssl_pem_key_cert_pair){.private_key = tls->pem.text[GC_PEM_KEY],
                                        .cert_chain = tls->pem.text[GC_PEM_CERT]};
    credentials = grpc_ssl_credentials_create_ex(
        tls->pem.text[GC_PEM_CA], pair.cert_chain != NULL ? &pair : NULL, NULL, NULL);
    pthread_mutex_unlock(&tls->lock);
    return credentials;
}

bool csvc__gc_tls_reload(gc_tls *tls)
{
    int64_t now = csvc__now();
    int64_t next = atomic_load_explicit(&tls->next_look, memory_order_relaxed);
    bool changed = false;

    if (now < next || !atomic_compare_exchange_strong(&tls->next_look, &next, now + LOOK_EVERY)) {
        return false;
    }
    pthread_mutex_lock(&tls->lock);
    changed = look(tls);
    pthread_mutex_unlock(&tls->lock);
    return changed;
}
