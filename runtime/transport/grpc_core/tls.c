/* grpc_core/tls.c: credentials from files, and again when the files have changed. */
#include <base/clock.h>
#include <csvc/alloc.h>
#include <transport/grpc_core/tls.h>
#include <transport/tls/files.h>

#include <base/banned.h>

#define LOOK_EVERY CSVC__SECOND /* of a channel; a server looks with each connection */

/* Of one address: what the core has fetched for it. */
typedef struct gc_fetcher {
    struct gc_fetcher *next;
    gc_tls *tls;
    uint64_t fetched; /* generation; 0: nothing yet */
} gc_fetcher;

struct gc_tls {
    tls_files files;
    pthread_mutex_t lock; /* of the files and the fetchers */
    gc_fetcher *fetchers;
    _Atomic int64_t next_look;
};

gc_tls *csvc__gc_tls_new(const csvc_ttls *config, csvc_error *err)
{
    gc_tls *tls = csvc__calloc(1, sizeof(*tls));

    if (tls == NULL || pthread_mutex_init(&tls->lock, NULL) != 0) {
        csvc__free(tls);
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    if (csvc__tls_files_init(&tls->files, config, NULL, NULL, err) != CSVC_OK) {
        csvc__gc_tls_free(tls);
        return NULL;
    }
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
    csvc__tls_files_release(&tls->files);
    pthread_mutex_destroy(&tls->lock);
    csvc__free(tls);
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
    (void)csvc__tls_files_look(&tls->files);
    if (fetcher->fetched != tls->files.generation) {
        const grpc_ssl_pem_key_cert_pair pair = {.private_key = tls->files.pem.text[TLS_KEY],
                                                 .cert_chain = tls->files.pem.text[TLS_CERT]};

        /* The core (1.51) aborts without roots when they come this way, also where no caller is
         * asked for a certificate and nothing is verified by them. */
        *ret_config = grpc_ssl_server_certificate_config_create(
            tls->files.pem.text[TLS_CA] != NULL ? tls->files.pem.text[TLS_CA] : pair.cert_chain,
            &pair, 1);
        fetcher->fetched = tls->files.generation;
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
            tls->files.paths[TLS_CA] != NULL
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
    pair = (grpc_ssl_pem_key_cert_pair){.private_key = tls->files.pem.text[TLS_KEY],
                                        .cert_chain = tls->files.pem.text[TLS_CERT]};
    credentials = grpc_ssl_credentials_create_ex(
        tls->files.pem.text[TLS_CA], pair.cert_chain != NULL ? &pair : NULL, NULL, NULL);
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
    changed = csvc__tls_files_look(&tls->files);
    pthread_mutex_unlock(&tls->lock);
    return changed;
}
