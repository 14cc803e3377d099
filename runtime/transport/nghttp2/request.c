/* nghttp2/request.c: the headers of a request. */
#include <base/base64.h>
#include <base/clock.h>
#include <csvc/alloc.h>
#include <transport/nghttp2/request.h>

#include <string.h>

#include <base/banned.h>

enum {
    ENTRY_OVERHEAD = 32, /* RFC 9113, 6.5.2 */
    KEPT_TEXT = 4096,    /* bytes that go to the next call */
    KEPT_ENTRIES = 64,
    TIMEOUT_DIGITS = 8
};

void csvc__ng_request_init(ng_request *rq, size_t max_metadata)
{
    csvc__buffer_init(&rq->text, max_metadata + NG_METADATA_GRACE);
}

void csvc__ng_request_reset(ng_request *rq)
{
    if (rq->text.size > KEPT_TEXT) {
        csvc__buffer_release(&rq->text);
    }
    csvc__buffer_clear(&rq->text);
    rq->text.failed = false;
    if (rq->max_entries > KEPT_ENTRIES) {
        csvc__free(rq->entries);
        rq->entries = NULL;
        rq->max_entries = 0;
    }
    if (rq->max_view > KEPT_ENTRIES) {
        csvc__free(rq->view);
        rq->view = NULL;
        rq->max_view = 0;
    }
    rq->n_entries = 0;
    rq->n_view = 0;
    rq->path_len = 0;
    rq->bytes = 0;
    rq->metadata_bytes = 0;
    rq->timeout = INT64_MAX;
    rq->viewed = false;
    rq->is_post = false;
    rq->has_te = false;
    rq->is_grpc = false;
    rq->takes_gzip = false;
    rq->long_metadata = false;
    rq->bad_timeout = false;
    rq->no_memory = false;
    rq->encoding = NG_IDENTITY;
}

void csvc__ng_request_release(ng_request *rq)
{
    csvc__buffer_release(&rq->text);
    csvc__free(rq->entries);
    csvc__free(rq->view);
}

/* ---- the protocol's own ---- */

/* "100m": RFC-like of gRPC, PROTOCOL-HTTP2. False: it is none. */
static bool read_timeout(const uint8_t *value, size_t len, int64_t *ret_nanos)
{
    static const char units[] = "HMSmun";
    static const int64_t nanos[] = {
        3600 * CSVC__SECOND, 60 * CSVC__SECOND, CSVC__SECOND, CSVC__MS, 1000, 1};
    const char *unit = NULL;
    int64_t unit_nanos = 0;
    int64_t n = 0;

    if (len < 2 || len > TIMEOUT_DIGITS + 1) {
        return false;
    }
    for (size_t i = 0; i + 1 < len; i++) {
        if (value[i] < '0' || value[i] > '9') {
            return false;
        }
        n = 10 * n + value[i] - '0';
    }
    unit = memchr(units, value[len - 1], sizeof(units) - 1);
    if (unit == NULL) {
        return false;
    }
    unit_nanos = nanos[unit - units];
    *ret_nanos = n > INT64_MAX / unit_nanos ? INT64_MAX : n * unit_nanos; /* 11,000 years */
    return true;
}

static bool is(const uint8_t *value, size_t len, const char *text, size_t text_len)
{
    return len == text_len && memcmp(value, text, len) == 0;
}

#define IS(value, len, text) is(value, len, "" text, sizeof(text) - 1)

/* Whether a list like "identity, gzip" names gzip. */
static bool names_gzip(const uint8_t *value, size_t len)
{
    size_t i = 0;

    while (i < len) {
        size_t n = 0;

        while (i < len && (value[i] == ' ' || value[i] == ',' || value[i] == '\t')) {
            i++;
        }
        while (i + n < len && value[i + n] != ',' && value[i + n] != ' ') {
            n++;
        }
        if (IS(value + i, n, "gzip")) {
            return true;
        }
        i += n;
    }
    return false;
}

static bool is_grpc(const uint8_t *value, size_t len)
{
    static const char type[] = "application/grpc";
    const size_t n = sizeof(type) - 1;

    return len >= n && memcmp(value, type, n) == 0 &&
           (len == n || value[n] == '+' || value[n] == ';');
}

/* True: it is nothing that a handler sees. */
static bool is_protocol(ng_request *rq, const uint8_t *name, size_t name_len, const uint8_t *value,
                        size_t len)
{
    if (name[0] == ':') {
        if (IS(name, name_len, ":method")) {
            rq->is_post = IS(value, len, "POST");
        }
        return true;
    }
    switch (name_len) {
    case 2:
        if (IS(name, 2, "te")) {
            rq->has_te = IS(value, len, "trailers");
            return true;
        }
        return false;
    case 12:
        if (IS(name, 12, "content-type")) {
            rq->is_grpc = is_grpc(value, len);
            return true;
        }
        if (IS(name, 12, "grpc-timeout")) {
            rq->bad_timeout = !read_timeout(value, len, &rq->timeout);
            return true;
        }
        return false;
    case 13:
        if (IS(name, 13, "grpc-encoding")) {
            rq->encoding = IS(value, len, "identity") ? NG_IDENTITY
                           : IS(value, len, "gzip")   ? NG_GZIP
                                                      : NG_UNKNOWN;
            return true;
        }
        return false;
    case 14:
        return IS(name, 14, "content-length");
    case 15:
        return IS(name, 15, "accept-encoding");
    case 20:
        if (IS(name, 20, "grpc-accept-encoding")) {
            rq->takes_gzip = names_gzip(value, len);
            return true;
        }
        return false;
    default:
        return false;
    }
}

/* ---- the caller's ---- */

static bool make_room(ng_request *rq)
{
    const size_t max = rq->max_entries == 0 ? 4 : 2 * rq->max_entries;
    ng_entry *entries = NULL;

    if (rq->n_entries < rq->max_entries) {
        return true;
    }
    entries = csvc__realloc(rq->entries, max * sizeof(*entries));
    if (entries == NULL) {
        return false;
    }
    rq->entries = entries;
    rq->max_entries = max;
    return true;
}

void csvc__ng_request_header(ng_request *rq, size_t max_metadata, const uint8_t *name,
                             size_t name_len, const uint8_t *value, size_t value_len)
{
    ng_entry entry;

    rq->bytes += name_len + value_len + ENTRY_OVERHEAD;
    if (IS(name, name_len, ":path") && rq->n_entries == 0) {
        csvc__buffer_clear(&rq->text);
        csvc__buffer_add(&rq->text, value, value_len);
        rq->path_len = csvc__buffer_ok(&rq->text) ? value_len : 0;
        return;
    }
    if (is_protocol(rq, name, name_len, value, value_len)) {
        return;
    }
    rq->metadata_bytes += name_len + value_len + ENTRY_OVERHEAD;
    rq->long_metadata = rq->metadata_bytes > max_metadata;
    if (rq->long_metadata) {
        return;
    }
    if (!make_room(rq)) {
        rq->no_memory = true;
        return;
    }
    entry = (ng_entry){
        .key = (uint32_t)rq->text.len,
        .key_len = (uint32_t)name_len,
        .value = (uint32_t)(rq->text.len + name_len),
        .value_len = (uint32_t)value_len,
    };
    csvc__buffer_add(&rq->text, name, name_len);
    csvc__buffer_add(&rq->text, value, value_len);
    if (csvc__buffer_ok(&rq->text)) {
        rq->entries[rq->n_entries++] = entry;
    }
}

/* ---- as the seam shows it ---- */

static size_t count_values(const ng_request *rq)
{
    size_t n = 0;

    for (size_t i = 0; i < rq->n_entries; i++) {
        const ng_entry *e = &rq->entries[i];
        const char *at = rq->text.data + e->value;

        n++;
        if (csvc__md_is_binary(rq->text.data + e->key, e->key_len)) {
            for (size_t j = 0; j < e->value_len; j++) {
                n += at[j] == ',';
            }
        }
    }
    return n;
}

/* Several values may be joined by commas. They become bytes where they are; what is no base64 is
 * left out. */
static void add_binary(ng_request *rq, csvc_bytes key, char *value, size_t len)
{
    size_t i = 0;

    for (;;) {
        const char *comma = memchr(value + i, ',', len - i);
        size_t n = comma != NULL ? (size_t)(comma - value) - i : len - i;
        const size_t next = i + n + 1;
        size_t n_bytes = 0;

        while (n > 0 && value[i] == ' ') {
            i++;
            n--;
        }
        while (n > 0 && value[i + n - 1] == ' ') {
            n--;
        }
        if (csvc__base64_decode(value + i, n, (uint8_t *)value + i, &n_bytes)) {
            rq->view[rq->n_view++] = (csvc_md){
                .key = key, .value = {.len = n_bytes, .data = (const uint8_t *)value + i}};
        }
        if (comma == NULL) {
            return;
        }
        i = next;
    }
}

bool csvc__ng_request_metadata(ng_request *rq, csvc_md_list *ret_list)
{
    if (!rq->viewed) {
        const size_t n = count_values(rq);

        if (n > rq->max_view) {
            csvc_md *view = csvc__realloc(rq->view, n * sizeof(*view));

            if (view == NULL) {
                return false;
            }
            rq->view = view;
            rq->max_view = n;
        }
        for (size_t i = 0; i < rq->n_entries; i++) {
            const ng_entry *e = &rq->entries[i];
            char *key = rq->text.data + e->key;
            char *value = rq->text.data + e->value;
            const csvc_bytes key_bytes = {.len = e->key_len, .data = (const uint8_t *)key};

            if (csvc__md_is_binary(key, e->key_len)) {
                add_binary(rq, key_bytes, value, e->value_len);
            } else {
                rq->view[rq->n_view++] =
                    (csvc_md){.key = key_bytes,
                              .value = {.len = e->value_len, .data = (const uint8_t *)value}};
            }
        }
        rq->viewed = true;
    }
    *ret_list = (csvc_md_list){.entries = rq->view, .n_entries = rq->n_view};
    return true;
}
