/* support/tls_pair.c: see the header. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls_pair.h"

static _Thread_local bool ours; /* what is allocated now is the server's */
static atomic_size_t held;      /* by it */

/* ---- what OpenSSL allocates ---- */

typedef struct block {
    size_t counted; /* 0: not the server's */
    size_t size;
} block;

static void *count_malloc(size_t size, const char *file, int line)
{
    block *b = malloc(sizeof(*b) + size);

    (void)file;
    (void)line;
    if (b == NULL) {
        return NULL;
    }
    *b = (block){.counted = ours ? malloc_usable_size(b) : 0, .size = size};
    held += b->counted;
    return b + 1;
}

static void count_free(void *memory, const char *file, int line)
{
    block *b = memory != NULL ? (block *)memory - 1 : NULL;

    (void)file;
    (void)line;
    held -= b != NULL ? b->counted : 0;
    free(b);
}

static void *count_realloc(void *memory, size_t size, const char *file, int line)
{
    size_t before = memory != NULL ? ((block *)memory - 1)->size : 0;
    void *other = count_malloc(size, file, line);

    if (other != NULL && memory != NULL) {
        memcpy(other, memory, before < size ? before : size);
        count_free(memory, file, line);
    }
    return other;
}

bool tls_pair_count(void)
{
    return CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) == 1;
}

size_t tls_pair_held(void)
{
    return atomic_load(&held);
}

/* ---- the two ends ---- */

const tls_caller tls_caller_plain = {.version = TLS1_3_VERSION, .alpn = "\2h2"};

static int keep_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    tls_pair *p = SSL_get_app_data(ssl);

    SSL_SESSION_free(p->ticket);
    p->ticket = ticket;
    return 1;
}

void tls_pair_connect(ng_tls *tls, tls_pair *p)
{
    int fds[2];

    *p = (tls_pair){.last = NG_IO_AGAIN_READ};
    assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
    p->fd = fds[0];
    p->far_fd = fds[1];
    ours = true;
    p->session = csvc__ng_tls_session_new(tls, p->fd);
    ours = false;
    assert_non_null(p->session);
}

void tls_pair_call_by(tls_pair *p, const tls_caller *who)
{
    char name[64];

    p->context = SSL_CTX_new(TLS_client_method());
    assert_non_null(p->context);
    SSL_CTX_set_session_cache_mode(p->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(p->context, keep_ticket);
    SSL_CTX_set_security_level(p->context, 0);
    assert_int_equal(1, SSL_CTX_set_min_proto_version(p->context, who->version));
    assert_int_equal(1, SSL_CTX_set_max_proto_version(p->context, who->version));
    assert_int_equal(1, SSL_CTX_load_verify_locations(p->context, "ca.pem", NULL));
    SSL_CTX_set_verify(p->context, SSL_VERIFY_PEER, NULL);
    if (who->ciphers != NULL) {
        assert_int_equal(1, SSL_CTX_set_cipher_list(p->context, who->ciphers));
    }
    if (who->cert != NULL) {
        SSL_CTX_set_mode(p->context, SSL_MODE_NO_AUTO_CHAIN);
        (void)snprintf(name, sizeof(name), "%s.pem", who->cert);
        assert_int_equal(1, SSL_CTX_use_certificate_chain_file(p->context, name));
        (void)snprintf(name, sizeof(name), "%s.key", who->cert);
        assert_int_equal(1, SSL_CTX_use_PrivateKey_file(p->context, name, SSL_FILETYPE_PEM));
    }
    p->ssl = SSL_new(p->context);
    assert_non_null(p->ssl);
    SSL_set_app_data(p->ssl, p);
    if (who->alpn != NULL) {
        assert_int_equal(0, SSL_set_alpn_protos(p->ssl, (const unsigned char *)who->alpn,
                                                (unsigned)strlen(who->alpn)));
    }
    if (who->ticket != NULL) {
        assert_int_equal(1, SSL_set_session(p->ssl, who->ticket));
    }
    assert_int_equal(1, SSL_set_fd(p->ssl, p->far_fd));
    SSL_set_connect_state(p->ssl);
}

ssize_t tls_pair_read(tls_pair *p, void *buffer, size_t len)
{
    ours = true;
    p->last = csvc__ng_tls_read(p->session, buffer, len);
    ours = false;
    return p->last;
}

ssize_t tls_pair_write(tls_pair *p, const void *data, size_t len)
{
    uint8_t records[1024];
    ng_tls_sealed sealed = {.bytes = records, .room = sizeof(records)};
    bool ok = false;

    ours = true;
    ok = csvc__ng_tls_seal(p->session, data, len, &sealed);
    ours = false;
    if (!ok || send(p->fd, records, sealed.len, MSG_NOSIGNAL) != (ssize_t)sealed.len) {
        return NG_IO_ERROR;
    }
    return (ssize_t)len;
}

bool tls_again(ssize_t n)
{
    return n == NG_IO_AGAIN_READ || n == NG_IO_AGAIN_WRITE;
}

bool tls_pair_caller_reads(tls_pair *p, void *buffer, size_t len, size_t *ret_len)
{
    *ret_len = 0;
    ERR_clear_error();
    return SSL_read_ex(p->ssl, buffer, len, ret_len) == 1;
}

void tls_pair_shake_hands(tls_pair *p)
{
    char byte;
    size_t n = 0;

    for (int i = 0; i < 100; i++) {
        bool through = SSL_is_init_finished(p->ssl) && csvc__ng_tls_established(p->session);

        ERR_clear_error();
        (void)SSL_do_handshake(p->ssl);
        if (tls_again(p->last)) {
            (void)tls_pair_read(p, &byte, 1);
        }
        if (through || !tls_again(p->last)) {
            break;
        }
    }
    (void)tls_pair_caller_reads(p, &byte, 1, &n); /* a ticket, an alert */
    assert_int_equal(0, n);
}

void tls_pair_hang_up(tls_pair *p)
{
    if (p->ssl != NULL) {
        /* or its ticket would count as broken */
        SSL_set_shutdown(p->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(p->ssl);
        SSL_CTX_free(p->context);
    }
    SSL_SESSION_free(p->ticket);
    if (p->session != NULL) {
        csvc__ng_tls_close_notify(p->session);
    }
    csvc__ng_tls_session_free(p->session);
    assert_int_equal(0, ERR_peek_error());
    close(p->fd);
    if (p->far_fd >= 0) {
        close(p->far_fd);
    }
}

void tls_pair_call(ng_tls *tls, tls_pair *p, const tls_caller *who)
{
    tls_pair_connect(tls, p);
    tls_pair_call_by(p, who);
    tls_pair_shake_hands(p);
}

void tls_pair_names(const tls_pair *p, char *text, size_t size)
{
    csvc_arena *a = csvc_arena_new(1 << 16);
    csvc_identity identity = {0};
    size_t at = 0;

    if (!csvc__ng_tls_identity(p->session, a, &identity)) {
        identity.common_name = "out of memory";
    }
    at = (size_t)snprintf(text, size, "%s",
                          identity.common_name != NULL ? identity.common_name : "nobody");
    for (size_t i = 0; i < identity.n_alt_names; i++) {
        at += (size_t)snprintf(text + at, size - at, " %s", identity.alt_names[i]);
    }
    csvc_arena_free(a);
}

/* ---- what tests look for ---- */

ng_tls *tls_pair_server(const char *cert, const char *ca)
{
    char cert_file[64], key_file[64];
    const csvc_ttls files = {.cert_file = cert_file, .key_file = key_file, .ca_file = ca};
    csvc_error err = {CSVC_ERROR_INIT};
    ng_tls *tls = NULL;

    (void)snprintf(cert_file, sizeof(cert_file), "%s.pem", cert);
    (void)snprintf(key_file, sizeof(key_file), "%s.key", cert);
    tls = csvc__ng_tls_new(&files, &err);
    if (tls == NULL) {
        fail_msg("%s", err.text);
    }
    return tls;
}

void tls_pair_assert_established(tls_pair *p)
{
    char text[256] = "";

    if (!csvc__ng_tls_established(p->session)) {
        fail_msg("%s", csvc__ng_tls_refusal(p->session, text, sizeof(text)));
    }
    assert_true(SSL_is_init_finished(p->ssl));
    assert_null(csvc__ng_tls_refusal(p->session, text, sizeof(text)));
}

void tls_pair_assert_identity(const tls_pair *p, const char *names)
{
    char text[512];

    tls_pair_names(p, text, sizeof(text));
    assert_string_equal(names, text);
}
