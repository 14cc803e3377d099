#include <seam_bytes.h>
#include <seam_peer.h>

#include <string.h>

csvc_bytes peer_text(const char *text)
{
    return (csvc_bytes){.len = strlen(text), .data = (const uint8_t *)text};
}

uint8_t *peer_flat(const csvc_payload *payload, size_t *ret_len)
{
    csvc_arena *a = csvc_arena_new(0);
    csvc_bytes bytes = {0};
    uint8_t *copy = NULL;

    CHECK(a != NULL);
    if (payload != NULL) {
        CHECK(csvc__payload_flat(payload, a, &bytes));
        CHECK(bytes.len == payload->len);
    }
    copy = malloc(bytes.len + 1);
    CHECK(copy != NULL);
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    copy[bytes.len] = '\0';
    *ret_len = bytes.len;
    csvc_arena_free(a);
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
