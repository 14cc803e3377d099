/* nghttp2/tls_context.c: a server's certificates and the keys of its tickets, as OpenSSL wants
 * them. */
#include <base/clock.h>
#include <csvc/alloc.h>
#include <transport/nghttp2/tls_context.h>
#include <transport/tls/files.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#include <base/banned.h>

/* A ticket opens for this long, and as long its key is the one for new tickets; so the one before
 * is kept. */
#define TICKET_SECONDS 3600

enum {
    MAX_CA_NAMES = 16 * 1024 /* bytes; the message that asks for a certificate has 64 KiB for all */
};

/* What HTTP/2 allows of TLS 1.2 (RFC 9113, 9.2.2), the quickest first. */
static const char ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                              "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                              "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/* The same of TLS 1.3. */
static const char suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

typedef struct ticket_key {
    unsigned char name[16];
    unsigned char aes[32];
    unsigned char mac[32];
    int64_t made; /* csvc__now(); 0: there is none */
} ticket_key;

struct ng_tls {
    pthread_mutex_t lock; /* of files, context, keys */
    tls_files files;
    SSL_CTX *context; /* of the files; sessions hold on to the one they began with */
    ticket_key keys[2];
    BIO_METHOD *bio_method;
};

/* ---- tickets ---- */

/* The key for new tickets; with the lock. False: no randomness to be had. */
static bool key_to_seal(ng_tls *tls, ticket_key *ret_key)
{
    int64_t now = csvc__now();
    ticket_key key = {.made = now};

    if (tls->keys[0].made == 0 || now - tls->keys[0].made > TICKET_SECONDS * CSVC__SECOND) {
        if (RAND_bytes(key.name, sizeof(key.name)) != 1 ||
            RAND_priv_bytes(key.aes, sizeof(key.aes)) != 1 ||
            RAND_priv_bytes(key.mac, sizeof(key.mac)) != 1) {
            return false;
        }
        tls->keys[1] = tls->keys[0];
        tls->keys[0] = key;
        OPENSSL_cleanse(&key, sizeof(key));
    }
    *ret_key = tls->keys[0];
    return true;
}

/* The key of a ticket; with the lock. */
static bool key_to_open(const ng_tls *tls, const unsigned char *name, ticket_key *ret_key)
{
    for (size_t i = 0; i < sizeof(tls->keys) / sizeof(tls->keys[0]); i++) {
        if (tls->keys[i].made != 0 &&
            memcmp(tls->keys[i].name, name, sizeof(tls->keys[i].name)) == 0) {
            *ret_key = tls->keys[i];
            return true;
        }
    }
    return false;
}

/* Of OpenSSL: 1 and 2 (give a new ticket besides) set it up, 0: unknown, below: failed. */
static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                         EVP_MAC_CTX *mac, int seal)
{
    ng_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    ticket_key key;
    OSSL_PARAM params[3];
    bool newest = true;
    bool known = false;
    int result = -1;

    pthread_mutex_lock(&tls->lock);
    known = seal ? key_to_seal(tls, &key) : key_to_open(tls, name, &key);
    newest = known && memcmp(key.name, tls->keys[0].name, sizeof(key.name)) == 0;
    pthread_mutex_unlock(&tls->lock);
    if (!known) {
        return seal ? -1 : 0;
    }
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, sizeof(key.mac));
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0);
    params[2] = OSSL_PARAM_construct_end();
    if (seal) {
        memcpy(name, key.name, sizeof(key.name));
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
            EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.aes, iv) == 1 &&
            EVP_MAC_CTX_set_params(mac, params) == 1) {
            result = 1;
        }
    } else if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.aes, iv) == 1 &&
               EVP_MAC_CTX_set_params(mac, params) == 1) {
        /* in TLS 1.3 each is to be used once */
        result = !newest || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
    }
    OPENSSL_cleanse(&key, sizeof(key));
    return result;
}

/* A ticket has been opened: does it still hold? The certificate in it is not verified again. */
static SSL_TICKET_RETURN on_ticket(SSL *ssl, SSL_SESSION *ticket, const unsigned char *name,
                                   size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
    X509 *cert = NULL;

    (void)ssl;
    (void)name;
    (void)name_len;
    (void)arg;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    cert = SSL_SESSION_get0_peer(ticket);
    if (cert != NULL && X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* ---- a context from files ---- */

static csvc_code refused(const char *what, const char *path, csvc_error *err)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());

    return csvc_error_set(err, CSVC_FAILED_PRECONDITION, "OpenSSL does not take the %s%s: %s", what,
                          path, why != NULL ? why : "no reason given");
}

/* Each certificate of a text is handed on; false when that was refused, or one is broken. */
static bool each_certificate(const tls_pem *pem, int which, bool (*take)(SSL_CTX *, X509 *, size_t),
                             SSL_CTX *context)
{
    BIO *bio = BIO_new_mem_buf(pem->text[which], (int)pem->len[which]);
    X509 *cert = NULL;
    size_t n = 0;
    bool ok = bio != NULL;

    while (ok && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        ok = take(context, cert, n++);
        X509_free(cert);
    }
    BIO_free(bio);
    if (ok && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
        ERR_clear_error(); /* that is the end */
        return true;
    }
    return false;
}

static bool take_own(SSL_CTX *context, X509 *cert, size_t n)
{
    return (n == 0 ? SSL_CTX_use_certificate(context, cert)
                   : SSL_CTX_add1_chain_cert(context, cert)) == 1;
}

static bool take_ca(SSL_CTX *context, X509 *cert, size_t n)
{
    (void)n;
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), cert) == 1 &&
           SSL_CTX_add_client_CA(context, cert) == 1;
}

static bool use_key(SSL_CTX *context, const tls_pem *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->text[TLS_KEY], (int)pem->len[TLS_KEY]);
    /* it has been read before, and needs no passphrase: nobody will be asked for one */
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (char[]){""}) : NULL;
    bool ok = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1 &&
              SSL_CTX_check_private_key(context) == 1;

    EVP_PKEY_free(key);
    BIO_free(bio);
    return ok;
}

/* Callers are told whose certificates count, unless that is too long for the message: then any
 * may be tried. */
static bool shorten_ca_names(SSL_CTX *context)
{
    const STACK_OF(X509_NAME) *names = SSL_CTX_get_client_CA_list(context);
    STACK_OF(X509_NAME) *none = NULL;
    int len = 0;

    for (int i = 0; i < sk_X509_NAME_num(names); i++) {
        len += i2d_X509_NAME(sk_X509_NAME_value(names, i), NULL);
    }
    if (len > MAX_CA_NAMES) {
        none = sk_X509_NAME_new_null();
        if (none == NULL) {
            return false;
        }
        SSL_CTX_set_client_CA_list(context, none);
    }
    return true;
}

static csvc_code demand_certificates(SSL_CTX *context, const char *path, const tls_pem *pem,
                                     csvc_error *err)
{
    if (!each_certificate(pem, TLS_CA, take_ca, context) || !shorten_ca_names(context)) {
        return refused("CA file ", path, err);
    }
    /* A CA of the file counts, also one that another has signed. */
    X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return CSVC_OK;
}

/* Tickets are good for one set of CAs: they stand for a certificate that these have signed. */
static bool bind_tickets(SSL_CTX *context, const tls_pem *pem)
{
    unsigned char digest[SSL_MAX_SID_CTX_LENGTH];
    const char *text = pem->text[TLS_CA] != NULL ? pem->text[TLS_CA] : "";
    size_t len = 0;

    return EVP_Q_digest(NULL, "SHA256", NULL, text, pem->len[TLS_CA], digest, &len) == 1 &&
           SSL_CTX_set_session_id_context(context, digest, (unsigned)len) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket_key) == 1 &&
           SSL_CTX_set_session_ticket_cb(context, NULL, on_ticket, NULL) == 1 &&
           SSL_CTX_set_num_tickets(context, 1) == 1;
}

static int on_alpn(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_len,
                   const unsigned char *offered, unsigned offered_len, void *arg)
{
    (void)ssl;
    (void)arg;
    for (unsigned at = 0; at < offered_len; at += 1U + offered[at]) {
        if (offered[at] == 2 && at + 2 < offered_len && memcmp(offered + at + 1, "h2", 2) == 0) {
            *ret_name = offered + at + 1;
            *ret_len = 2;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool set_up(SSL_CTX *context, ng_tls *tls)
{
    SSL_CTX_set_app_data(context, tls);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets alone */
    SSL_CTX_set_timeout(context, TICKET_SECONDS);
    SSL_CTX_set_read_ahead(context, 1); /* a record is otherwise two reads */
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    SSL_CTX_set_client_hello_cb(context, csvc__ng_tls_on_hello, NULL);
    SSL_CTX_set_msg_callback(context, csvc__ng_tls_on_record);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, ciphers) == 1 &&
           SSL_CTX_set_ciphersuites(context, suites) == 1;
}

/* A tls_use. */
static csvc_code use(void *self, const tls_pem *pem, csvc_error *err)
{
    ng_tls *tls = self;
    SSL_CTX *context = NULL;
    csvc_code code = CSVC_OK;

    ERR_clear_error();
    context = SSL_CTX_new(TLS_server_method());
    if (context == NULL) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    } else if (!set_up(context, tls) || !bind_tickets(context, pem)) {
        code = refused("ciphers and versions of HTTP/2", "", err);
    } else if (!each_certificate(pem, TLS_CERT, take_own, context)) {
        code = refused("certificate ", tls->files.paths[TLS_CERT], err);
    } else if (!use_key(context, pem)) {
        code = refused("key ", tls->files.paths[TLS_KEY], err);
    } else if (pem->text[TLS_CA] != NULL) {
        code = demand_certificates(context, tls->files.paths[TLS_CA], pem, err);
    }
    ERR_clear_error();
    if (code != CSVC_OK) {
        SSL_CTX_free(context);
        return code;
    }
    SSL_CTX_free(tls->context);
    tls->context = context;
    return CSVC_OK;
}

/* ---- a server's ---- */

ng_tls *csvc__ng_tls_new(const csvc_ttls *files, csvc_error *err)
{
    ng_tls *tls = NULL;

    if (files->cert_file == NULL && files->key_file == NULL) {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT, "a server with TLS needs a certificate");
        return NULL;
    }
    tls = csvc__calloc(1, sizeof(*tls));
    if (tls == NULL || pthread_mutex_init(&tls->lock, NULL) != 0) {
        csvc__free(tls);
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    if (csvc__tls_files_init(&tls->files, files, use, tls, err) != CSVC_OK) {
        csvc__ng_tls_free(tls);
        return NULL;
    }
    tls->bio_method = csvc__ng_tls_bio_method_new();
    if (tls->bio_method == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        csvc__ng_tls_free(tls);
        return NULL;
    }
    return tls;
}

void csvc__ng_tls_free(ng_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->bio_method);
    csvc__tls_files_release(&tls->files);
    OPENSSL_cleanse(tls->keys, sizeof(tls->keys));
    pthread_mutex_destroy(&tls->lock);
    csvc__free(tls);
}

SSL *csvc__ng_tls_ssl_new(ng_tls *tls, ng_tls_socket *socket)
{
    SSL *ssl = NULL;

    pthread_mutex_lock(&tls->lock);
    (void)csvc__tls_files_look(&tls->files);
    ssl = SSL_new(tls->context);
    pthread_mutex_unlock(&tls->lock);
    if (ssl != NULL && !csvc__ng_tls_socket_put(socket, tls->bio_method, ssl)) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}
