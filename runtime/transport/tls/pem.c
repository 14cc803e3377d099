/* tls/pem.c: see the header. */
#include <csvc/alloc.h>
#include <transport/tls/pem.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <unistd.h>

#include <base/banned.h>

enum {
    MAX_FILE = 4 * 1024 * 1024 /* all the CAs of a system are 220 KB */
};

static const char *const nouns[TLS_FILES] = {
    [TLS_CERT] = "certificate",
    [TLS_KEY] = "key",
    [TLS_CA] = "CA file",
};

/* ---- stamps ---- */

void csvc__tls_pem_stamp(char *const paths[TLS_FILES], tls_pem_stamp *ret_stamp)
{
    memset(ret_stamp, 0, sizeof(*ret_stamp));
    for (int i = 0; i < TLS_FILES; i++) {
        if (paths[i] != NULL && stat(paths[i], &ret_stamp->files[i]) != 0) {
            memset(&ret_stamp->files[i], 0, sizeof(ret_stamp->files[i])); /* gone */
        }
    }
}

static bool same_time(struct timespec x, struct timespec y)
{
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
}

bool csvc__tls_pem_stamp_same(const tls_pem_stamp *x, const tls_pem_stamp *y)
{
    for (int i = 0; i < TLS_FILES; i++) {
        const struct stat *a = &x->files[i];
        const struct stat *b = &y->files[i];

        if (a->st_dev != b->st_dev || a->st_ino != b->st_ino || a->st_size != b->st_size ||
            !same_time(a->st_mtim, b->st_mtim) || !same_time(a->st_ctim, b->st_ctim)) {
            return false;
        }
    }
    return true;
}

/* ---- reading ---- */

static csvc_code cannot_read(int which, const char *path, int error, csvc_error *err)
{
    char reason[128] = "";
    csvc_code code = error == ENOENT || error == ENOTDIR ? CSVC_NOT_FOUND
                     : error == EACCES || error == EPERM ? CSVC_PERMISSION_DENIED
                                                         : CSVC_FAILED_PRECONDITION;

    (void)strerror_r(error, reason, sizeof(reason));
    return csvc_error_set(err, code, "the %s %s cannot be read: %s", nouns[which], path, reason);
}

/* Fills the memory from the file; false with errno set. */
static bool read_all(int fd, char *text, size_t len, size_t *ret_len)
{
    size_t at = 0;

    while (at < len) {
        ssize_t n = read(fd, text + at, len - at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return false;
        }
        if (n == 0) {
            break;
        }
        at += (size_t)n;
    }
    *ret_len = at;
    return true;
}

static csvc_code read_file(int which, const char *path, tls_pem *pem, csvc_error *err)
{
    csvc_code code = CSVC_OK;
    struct stat st;
    char *text = NULL;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        return cannot_read(which, path, errno, err);
    }
    if (fstat(fd, &st) != 0) {
        code = cannot_read(which, path, errno, err);
    } else if (!S_ISREG(st.st_mode)) {
        code = csvc_error_set(err, CSVC_FAILED_PRECONDITION, "the %s %s is no file", nouns[which],
                              path);
    } else if (st.st_size > MAX_FILE) {
        code = csvc_error_set(err, CSVC_FAILED_PRECONDITION, "the %s %s is longer than 4 MiB",
                              nouns[which], path);
    } else {
        text = csvc__malloc((size_t)st.st_size + 1);
        if (text == NULL) {
            code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        } else if (!read_all(fd, text, (size_t)st.st_size, &len)) {
            code = cannot_read(which, path, errno, err);
            csvc__free(text);
        } else {
            text[len] = '\0';
            pem->text[which] = text;
            pem->len[which] = len;
        }
    }
    close(fd);
    return code;
}

void csvc__tls_pem_release(tls_pem *pem)
{
    for (int i = 0; i < TLS_FILES; i++) {
        if (pem->text[i] != NULL && i == TLS_KEY) {
            OPENSSL_cleanse(pem->text[i], pem->len[i]);
        }
        csvc__free(pem->text[i]);
    }
    *pem = (tls_pem){0};
}

/* ---- checking ---- */

/* A key that needs a passphrase is refused, not asked for on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *self)
{
    (void)writing;
    *(bool *)self = true;
    if (size > 0) {
        buffer[0] = '\0';
    }
    return -1;
}

static BIO *open_text(const tls_pem *pem, int which)
{
    return BIO_new_mem_buf(pem->text[which], (int)pem->len[which]);
}

/* Why it does not hold at this time; NULL when it does. */
static const char *out_of_date(const X509 *cert)
{
    if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
        return "is not valid yet";
    }
    return X509_cmp_current_time(X509_get0_notAfter(cert)) < 0 ? "has expired" : NULL;
}

/* "has expired (Nov 21 09:00:00 2026 GMT)". */
static csvc_code say_out_of_date(const X509 *cert, const char *path, csvc_error *err)
{
    const char *why = out_of_date(cert);
    const ASN1_TIME *time = why[0] == 'h' ? X509_get0_notAfter(cert) : X509_get0_notBefore(cert);
    BIO *bio = BIO_new(BIO_s_mem());
    char text[64] = "";

    if (bio != NULL) {
        int len = ASN1_TIME_print(bio, time) ? BIO_read(bio, text, sizeof(text) - 1) : 0;

        text[len > 0 ? len : 0] = '\0';
        BIO_free(bio);
    }
    return csvc_error_set(err, CSVC_FAILED_PRECONDITION, "the certificate %s %s (%s)", path, why,
                          text);
}

static csvc_code check_pair(char *const paths[TLS_FILES], const tls_pem *pem, csvc_error *err)
{
    BIO *cert_bio = open_text(pem, TLS_CERT);
    BIO *key_bio = open_text(pem, TLS_KEY);
    bool locked = false;
    X509 *cert = cert_bio != NULL ? PEM_read_bio_X509(cert_bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key =
        key_bio != NULL ? PEM_read_bio_PrivateKey(key_bio, NULL, no_passphrase, &locked) : NULL;
    csvc_code code = CSVC_OK;

    if (cert == NULL) {
        code = csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "the certificate %s has no PEM certificate in it", paths[TLS_CERT]);
    } else if (locked) {
        code = csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "the key %s is locked with a passphrase; it must be without one",
                              paths[TLS_KEY]);
    } else if (key == NULL) {
        code = csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "the key %s has no PEM private key in it", paths[TLS_KEY]);
    } else if (X509_check_private_key(cert, key) != 1) {
        code = csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "the key %s does not belong to the certificate %s", paths[TLS_KEY],
                              paths[TLS_CERT]);
    } else if (out_of_date(cert) != NULL) {
        code = say_out_of_date(cert, paths[TLS_CERT], err);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_bio);
    BIO_free(key_bio);
    return code;
}

/* Some of a bundle may have expired; one must hold. */
static csvc_code check_ca(const char *path, const tls_pem *pem, csvc_error *err)
{
    BIO *bio = open_text(pem, TLS_CA);
    X509 *cert = NULL;
    size_t n = 0;
    size_t n_good = 0;

    while (bio != NULL && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        n++;
        n_good += out_of_date(cert) == NULL;
        X509_free(cert);
    }
    BIO_free(bio);
    if (n == 0) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "the CA file %s has no PEM certificate in it", path);
    }
    if (n_good == 0) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "the CA file %s has no certificate that is valid now", path);
    }
    return CSVC_OK;
}

csvc_code csvc__tls_pem_load(char *const paths[TLS_FILES], tls_pem *ret_pem, csvc_error *err)
{
    tls_pem pem = {0};
    csvc_code code = CSVC_OK;

    for (int i = 0; i < TLS_FILES && code == CSVC_OK; i++) {
        if (paths[i] != NULL) {
            code = read_file(i, paths[i], &pem, err);
        }
    }
    if (code == CSVC_OK && pem.text[TLS_CERT] != NULL) {
        code = check_pair(paths, &pem, err);
    }
    if (code == CSVC_OK && pem.text[TLS_CA] != NULL) {
        code = check_ca(paths[TLS_CA], &pem, err);
    }
    ERR_clear_error(); /* the core looks at this thread's queue after its own calls */
    if (code != CSVC_OK) {
        csvc__tls_pem_release(&pem);
        return code;
    }
    *ret_pem = pem;
    return CSVC_OK;
}
