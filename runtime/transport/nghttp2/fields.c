/* nghttp2/fields.c: header fields, as they will be on the wire. */
#include <base/base64.h>
#include <csvc/alloc.h>
#include <transport/nghttp2/fields.h>

#include <string.h>

#include <base/banned.h>

static const nghttp2_nv codes[] = {
    NG_FIXED("grpc-status", "0"),  NG_FIXED("grpc-status", "1"),  NG_FIXED("grpc-status", "2"),
    NG_FIXED("grpc-status", "3"),  NG_FIXED("grpc-status", "4"),  NG_FIXED("grpc-status", "5"),
    NG_FIXED("grpc-status", "6"),  NG_FIXED("grpc-status", "7"),  NG_FIXED("grpc-status", "8"),
    NG_FIXED("grpc-status", "9"),  NG_FIXED("grpc-status", "10"), NG_FIXED("grpc-status", "11"),
    NG_FIXED("grpc-status", "12"), NG_FIXED("grpc-status", "13"), NG_FIXED("grpc-status", "14"),
    NG_FIXED("grpc-status", "15"), NG_FIXED("grpc-status", "16"),
};

const nghttp2_nv *csvc__ng_status(csvc_code code)
{
    const unsigned n = (unsigned)code;

    return &codes[n < sizeof(codes) / sizeof(codes[0]) ? n : CSVC_UNKNOWN];
}

/* A field in a buffer: the lengths of name and value, then both. */
typedef struct record {
    uint32_t name_len, value_len;
} record;

static void end_record(csvc__buffer *b, size_t at, size_t name_len)
{
    const record r = {.name_len = (uint32_t)name_len,
                      .value_len = (uint32_t)(b->len - at - sizeof(r) - name_len)};

    if (csvc__buffer_ok(b)) {
        memcpy(b->data + at, &r, sizeof(r));
    }
}

static size_t begin_record(csvc__buffer *b, const void *name, size_t len)
{
    const size_t at = b->len;
    const record none = {0};

    csvc__buffer_add(b, &none, sizeof(none));
    csvc__buffer_add(b, name, len);
    return at;
}

void csvc__ng_put_metadata(csvc__buffer *b, csvc_md_list list, uint32_t *n)
{
    for (size_t i = 0; i < list.n_entries; i++) {
        const csvc_bytes key = list.entries[i].key;
        const csvc_bytes value = list.entries[i].value;
        const size_t at = begin_record(b, key.data, key.len);

        if (csvc__md_is_binary((const char *)key.data, key.len)) {
            csvc__base64_add(b, value.data, value.len);
            while (csvc__buffer_ok(b) && value.len > 0 && b->data[b->len - 1] == '=') {
                b->len--; /* sent without padding (PROTOCOL-HTTP2) */
            }
        } else {
            csvc__buffer_add(b, value.data, value.len);
        }
        end_record(b, at, key.len);
        (*n)++;
    }
}

/* All but printable ASCII, and '%', as %XX. */
void csvc__ng_put_message(csvc__buffer *b, csvc_bytes text, uint32_t *n)
{
    static const char name[] = "grpc-message";
    static const char digits[] = "0123456789ABCDEF";
    const size_t at = begin_record(b, name, sizeof(name) - 1);

    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (c >= 0x20 && c <= 0x7e && c != '%') {
            csvc__buffer_putc(b, (char)c);
        } else {
            csvc__buffer_putc(b, '%');
            csvc__buffer_putc(b, digits[c >> 4]);
            csvc__buffer_putc(b, digits[c & 15]);
        }
    }
    end_record(b, at, sizeof(name) - 1);
    (*n)++;
}

bool csvc__ng_fields_begin(ng_fields *fields, size_t max)
{
    nghttp2_nv *nva = NULL;

    fields->n = 0;
    if (max <= fields->max) {
        return true;
    }
    nva = csvc__realloc(fields->nva, max * sizeof(*nva));
    if (nva == NULL) {
        return false;
    }
    fields->nva = nva;
    fields->max = max;
    return true;
}

void csvc__ng_fields_add_records(ng_fields *fields, const csvc__buffer *b, uint32_t n_records)
{
    uint8_t *at = (uint8_t *)b->data;

    for (uint32_t i = 0; i < n_records; i++) {
        record r;

        memcpy(&r, at, sizeof(r));
        fields->nva[fields->n++] = (nghttp2_nv){.name = at + sizeof(r),
                                                .namelen = r.name_len,
                                                .value = at + sizeof(r) + r.name_len,
                                                .valuelen = r.value_len};
        at += sizeof(r) + r.name_len + r.value_len;
    }
}

void csvc__ng_fields_release(ng_fields *fields)
{
    csvc__free(fields->nva);
}
