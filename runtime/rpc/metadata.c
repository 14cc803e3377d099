/* rpc/metadata.c: metadata read from the caller, and put with the reply. */
#include <rpc/ctx.h>

#include <inttypes.h>
#include <string.h>

#include <base/banned.h>

/* Those HTTP/2 and gRPC write themselves. */
static bool reserved(const char *key)
{
    static const char *const keys[] = {"connection", "content-type",      "host",
                                       "keep-alive", "proxy-connection",  "te",
                                       "upgrade",    "transfer-encoding", "user-agent"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return strncmp(key, "grpc-", 5) == 0;
}

const char *csvc__metadata_refuse(const char *key, csvc_bytes value)
{
    size_t len;

    if (key == NULL || key[0] == '\0') {
        return "a metadata key is empty";
    }
    for (len = 0; key[len] != '\0'; len++) {
        const char c = key[len];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
              c == '-')) {
            return "a metadata key may have lower-case letters, digits, '_', '.' and '-' only";
        }
    }
    if (reserved(key)) {
        return "this metadata key belongs to the protocol";
    }
    if (csvc__md_is_binary(key, len)) {
        return NULL;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < 0x20 || value.data[i] > 0x7e) {
            return "a metadata value is not printable ASCII; such values need a key in \"-bin\"";
        }
    }
    return NULL;
}

bool csvc__metadata_find(csvc_md_list list, const char *key, size_t n, csvc_bytes *ret_value)
{
    const size_t len = strlen(key);

    for (size_t i = 0; i < list.n_entries; i++) {
        const csvc_md *md = &list.entries[i];

        if (md->key.len == len && memcmp(md->key.data, key, len) == 0 && n-- == 0) {
            *ret_value = md->value;
            return true;
        }
    }
    return false;
}

/* ---- received ---- */

bool csvc_metadata_value(csvc_ctx *ctx, const char *key, size_t n, csvc_bytes *ret_value)
{
    csvc_md_list list;

    return ctx->tc != NULL && key != NULL && ctx->tc->ops->metadata(ctx->tc, &list) &&
           csvc__metadata_find(list, key, n, ret_value);
}

/* A value that was given out as text; asking again gives the same, without more memory. */
struct csvc__md_text {
    struct csvc__md_text *next;
    const uint8_t *value;
    char text[];
};

const char *csvc_metadata(csvc_ctx *ctx, const char *key)
{
    struct csvc__md_text *copy;
    csvc_bytes value;

    if (!csvc_metadata_value(ctx, key, 0, &value)) {
        return NULL;
    }
    if (value.len == 0) {
        return "";
    }
    for (copy = ctx->md_texts; copy != NULL; copy = copy->next) {
        if (copy->value == value.data) {
            return copy->text;
        }
    }
    copy = csvc_alloc(ctx, sizeof(*copy) + value.len + 1);
    if (copy == NULL) {
        return NULL;
    }
    copy->value = value.data;
    memcpy(copy->text, value.data, value.len);
    copy->text[value.len] = '\0';
    copy->next = ctx->md_texts;
    ctx->md_texts = copy;
    return copy->text;
}

/* ---- sent ---- */

static csvc_code append(csvc_ctx *ctx, csvc__md_out *out, const char *key, csvc_bytes value)
{
    const size_t key_len = strlen(key);
    uint8_t *bytes;

    if (ctx->tc == NULL && !ctx->outgoing) {
        return csvc_fail(ctx, CSVC_FAILED_PRECONDITION, "%s: no rpc is being served", key);
    }
    if (ctx->answered ||
        (out == &ctx->headers && atomic_load_explicit(&ctx->headers_gone, memory_order_relaxed))) {
        return csvc_fail(ctx, CSVC_FAILED_PRECONDITION, "%s: the reply has gone", key);
    }
    if (out->n_entries == CSVC__CTX_MAX_METADATA) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "%s: more than %d entries of metadata", key,
                         (int)CSVC__CTX_MAX_METADATA);
    }
    if (out->n_entries == out->max_entries) {
        const uint32_t more = out->max_entries == 0 ? 4 : 2 * out->max_entries;
        csvc_md *entries = csvc_alloc(ctx, more * sizeof(*entries));

        if (entries == NULL) {
            return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        }
        if (out->n_entries > 0) {
            memcpy(entries, out->entries, out->n_entries * sizeof(*entries));
        }
        out->entries = entries;
        out->max_entries = more;
    }
    if (value.len > SIZE_MAX - key_len) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s: the value is too long", key);
    }
    bytes = csvc_alloc(ctx, key_len + value.len);
    if (bytes == NULL) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    memcpy(bytes, key, key_len);
    if (value.len > 0) {
        memcpy(bytes + key_len, value.data, value.len);
    }
    out->entries[out->n_entries++] =
        (csvc_md){.key = {key_len, bytes}, .value = {value.len, bytes + key_len}};
    return CSVC_OK;
}

static csvc_code set(csvc_ctx *ctx, csvc__md_out *out, const char *key, csvc_bytes value)
{
    const char *refused = csvc__metadata_refuse(key, value);

    if (refused != NULL) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s: %s", key != NULL ? key : "", refused);
    }
    return append(ctx, out, key, value);
}

static csvc_bytes text_bytes(const char *text)
{
    return text != NULL ? (csvc_bytes){strlen(text), (const uint8_t *)text} : (csvc_bytes){0};
}

csvc_code csvc_set_header(csvc_ctx *ctx, const char *key, const char *value)
{
    return set(ctx, &ctx->headers, key, text_bytes(value));
}

csvc_code csvc_set_trailer(csvc_ctx *ctx, const char *key, const char *value)
{
    return set(ctx, &ctx->trailers, key, text_bytes(value));
}

csvc_code csvc_set_header_bytes(csvc_ctx *ctx, const char *key, csvc_bytes value)
{
    return set(ctx, &ctx->headers, key, value);
}

csvc_code csvc_set_trailer_bytes(csvc_ctx *ctx, const char *key, csvc_bytes value)
{
    return set(ctx, &ctx->trailers, key, value);
}

csvc_code csvc_retry_after(csvc_ctx *ctx, int64_t ms)
{
    static const char key[] = "grpc-retry-pushback-ms";
    csvc__md_out *out = &ctx->trailers;
    char *text = csvc_printf(ctx, "%" PRId64,
                             ms < 0           ? (int64_t)-1
                             : ms < INT32_MAX ? ms
                                              : INT32_MAX);

    if (text == NULL) {
        return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (uint32_t i = 0; i < out->n_entries && !ctx->answered; i++) {
        if (out->entries[i].key.len == sizeof(key) - 1 &&
            memcmp(out->entries[i].key.data, key, sizeof(key) - 1) == 0) {
            out->entries[i].value = text_bytes(text);
            return CSVC_OK;
        }
    }
    return append(ctx, out, key, text_bytes(text));
}
