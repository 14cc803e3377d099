#include <seam_bytes.h>
#include <seam_peer.h>

#include <string.h>

csvc_bytes peer_text(const char *text)
{
    return (csvc_bytes){.len = strlen(text), .data = (const uint8_t *)text};
}

uint8_t *peer_flat(const csvc_payload *payload, size_t *ret_len)
{
    const size_t len = payload != NULL ? payload->len : 0;
    uint8_t *copy = malloc(len + 1);
    size_t at = 0;

    CHECK(copy != NULL);
    for (size_t i = 0; payload != NULL && i < payload->n_pieces; i++) {
        const csvc_bytes piece = payload->pieces[i];

        CHECK(piece.len <= len - at);
        memcpy(copy + at, piece.data, piece.len);
        at += piece.len;
    }
    CHECK(at == len);
    copy[len] = '\0';
    *ret_len = len;
    return copy;
}

void peer_send_digits(csvc_tcall *tc, int n, size_t len, bool more)
{
    char digits[32];
    int n_digits = snprintf(digits, sizeof(digits), "%d", n);
    size_t size = len > (size_t)n_digits ? len : (size_t)n_digits;
    uint8_t *memory = tc->ops->reserve(tc, size);
    csvc_outgoing out = {.reserved = {.len = size, .data = memory}};

    CHECK(memory != NULL);
    memset(memory, '.', size);
    memcpy(memory, digits, (size_t)n_digits);
    tc->ops->send(tc, &out, more);
}
