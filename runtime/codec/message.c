/* codec/message.c: messages made, copied and compared, by their tables. */
#include <base/arena.h>
#include <codec/codec.h>
#include <codec/map_order.h>
#include <codec/wire.h>

#include <base/banned.h>

void *csvc_message_new(csvc_arena *a, const csvc_message_type *type)
{
    void *message = csvc__arena_take(a, type->size);

    if (message != NULL) {
        memcpy(message, type->initial, type->size);
    }
    return message;
}

/* ---- copying ----------------------------------------------------------------------------------
 */

static void *copy_message(csvc_arena *a, const csvc_message_type *type, const void *message,
                          uint32_t depth);

static void *copy_memory(csvc_arena *a, const void *from, size_t len)
{
    void *copy = csvc__arena_take(a, len);

    if (copy != NULL && len > 0) {
        memcpy(copy, from, len);
    }
    return copy;
}

/* Copies the value at `from` to the slot `to`. */
static bool copy_value(csvc_arena *a, const csvc_field *field, void *to, const void *from,
                       uint32_t depth)
{
    size_t size = csvc__size_of(field->kind);
    ProtobufCBinaryData bytes;
    const void *pointer;
    void *copy;

    switch (field->kind) {
    case CSVC_KIND_STRING:
    case CSVC_KIND_MESSAGE:
        pointer = csvc__get_pointer(from, 0);
        /* protobuf-c's empty string is nobody's; its address may mean something */
        if (pointer == NULL || pointer == (const void *)protobuf_c_empty_string) {
            copy = (void *)(uintptr_t)pointer;
        } else {
            copy = field->kind == CSVC_KIND_STRING ? csvc_arena_strdup(a, pointer)
                                                   : copy_message(a, field->sub, pointer, depth);
            if (copy == NULL) {
                return false;
            }
        }
        csvc__put_pointer(to, copy);
        return true;
    case CSVC_KIND_BYTES:
        bytes = csvc__get_bytes(from, 0);
        if (bytes.data != NULL) {
            bytes.data = copy_memory(a, bytes.data, bytes.len);
            if (bytes.data == NULL) {
                return false;
            }
        }
        memcpy(to, &bytes, sizeof(bytes));
        return true;
    default:
        memcpy(to, from, size);
        return true;
    }
}

static bool copy_repeated(csvc_arena *a, const csvc_field *field, void *copy, const void *message,
                          uint32_t depth)
{
    size_t n = csvc__get_size(message, field->quantifier);
    size_t size = csvc__size_of(field->kind);
    const uint8_t *from = csvc__get_pointer(message, field->offset);
    uint8_t *to;

    if (n == 0) {
        return true;
    }
    if (n > SIZE_MAX / size) {
        return false;
    }
    to = csvc__arena_take(a, n * size);
    if (to == NULL) {
        return false;
    }
    if (field->kind < CSVC_KIND_STRING) {
        memcpy(to, from, n * size);
    } else {
        for (size_t i = 0; i < n; i++) {
            if (!copy_value(a, field, to + i * size, from + i * size, depth)) {
                return false;
            }
        }
    }
    csvc__put_pointer(csvc__at(copy, field->offset), to);
    memcpy(csvc__at(copy, field->quantifier), &n, sizeof(n));
    return true;
}

static bool copy_unknown(csvc_arena *a, ProtobufCMessage *copy, const ProtobufCMessage *message)
{
    ProtobufCMessageUnknownField *fields;

    copy->n_unknown_fields = 0;
    copy->unknown_fields = NULL;
    if (message->n_unknown_fields == 0) {
        return true;
    }
    fields = csvc_arena_calloc(a, message->n_unknown_fields, sizeof(*fields));
    if (fields == NULL) {
        return false;
    }
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        fields[i] = message->unknown_fields[i];
        fields[i].data = copy_memory(a, fields[i].data, fields[i].len);
        if (fields[i].data == NULL) {
            return false;
        }
    }
    copy->n_unknown_fields = message->n_unknown_fields;
    copy->unknown_fields = fields;
    return true;
}

static void *copy_message(csvc_arena *a, const csvc_message_type *type, const void *message,
                          uint32_t depth)
{
    void *copy = depth > 0 ? csvc_message_new(a, type) : NULL;

    if (copy == NULL || !copy_unknown(a, copy, message)) {
        return NULL;
    }
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const csvc_field *field = &type->fields[i];

        if (field->label == CSVC_LABEL_REPEATED) {
            if (!copy_repeated(a, field, copy, message, depth - 1)) {
                return NULL;
            }
            continue;
        }
        if (!csvc__field_present(type, field, message)) {
            continue; /* as it is in a fresh one */
        }
        if (!copy_value(a, field, csvc__at(copy, field->offset),
                        csvc__const_at(message, field->offset), depth - 1)) {
            return NULL;
        }
        if (field->quantifier > 0) {
            memcpy(csvc__at(copy, field->quantifier), csvc__const_at(message, field->quantifier),
                   4);
        }
    }
    return copy;
}

void *csvc_message_copy(csvc_arena *a, const csvc_message_type *type, const void *message)
{
    return copy_message(a, type, message, CSVC_MAX_DEPTH + 1);
}

/* ---- comparing --------------------------------------------------------------------------------
 */

static bool equal_messages(const csvc_message_type *type, const void *x, const void *y,
                           uint32_t depth);

static bool equal_values(const csvc_field *field, const void *x, const void *y, uint32_t depth)
{
    const char *s;
    const char *t;
    ProtobufCBinaryData a;
    ProtobufCBinaryData b;
    double d[2];
    float f[2];

    switch (field->kind) {
    case CSVC_KIND_STRING:
        s = csvc__get_pointer(x, 0);
        t = csvc__get_pointer(y, 0);
        return strcmp(s != NULL ? s : "", t != NULL ? t : "") == 0;
    case CSVC_KIND_BYTES:
        a = csvc__get_bytes(x, 0);
        b = csvc__get_bytes(y, 0);
        return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
    case CSVC_KIND_MESSAGE:
        s = csvc__get_pointer(x, 0);
        t = csvc__get_pointer(y, 0);
        return s == t || (s != NULL && t != NULL && equal_messages(field->sub, s, t, depth));
    case CSVC_KIND_BOOL:
        return (csvc__get32(x, 0) != 0) == (csvc__get32(y, 0) != 0);
    case CSVC_KIND_DOUBLE:
        memcpy(&d[0], x, sizeof(d[0]));
        memcpy(&d[1], y, sizeof(d[1]));
        return memcmp(&d[0], &d[1], sizeof(d[0])) == 0 || (d[0] != d[0] && d[1] != d[1]);
    case CSVC_KIND_FLOAT:
        memcpy(&f[0], x, sizeof(f[0]));
        memcpy(&f[1], y, sizeof(f[1]));
        return memcmp(&f[0], &f[1], sizeof(f[0])) == 0 || (f[0] != f[0] && f[1] != f[1]);
    default:
        return memcmp(x, y, csvc__size_of(field->kind)) == 0;
    }
}

/* Two maps of `n` entries each. Sorted where memory allows, else every pair is looked at. */
static bool equal_maps(const csvc_message_type *entry, void *const *x, void *const *y, size_t n,
                       uint32_t depth)
{
    uint32_t *x_order = csvc__map_order(entry, x, n);
    uint32_t *y_order = csvc__map_order(entry, y, n);
    bool equal = true;

    for (size_t i = 0; equal && i < n; i++) {
        if (x_order != NULL && y_order != NULL) {
            equal = equal_messages(entry, x[x_order[i]], y[y_order[i]], depth);
        } else {
            size_t k = 0;

            while (k < n && csvc__map_compare(entry, x[i], y[k]) != 0) {
                k++;
            }
            equal = k < n && equal_messages(entry, x[i], y[k], depth);
        }
    }
    csvc__map_order_free(x_order);
    csvc__map_order_free(y_order);
    return equal;
}

static bool equal_repeated(const csvc_field *field, const void *x, const void *y, uint32_t depth)
{
    size_t n = csvc__get_size(x, field->quantifier);
    size_t size = csvc__size_of(field->kind);
    const uint8_t *a = csvc__get_pointer(x, field->offset);
    const uint8_t *b = csvc__get_pointer(y, field->offset);

    if (n != csvc__get_size(y, field->quantifier)) {
        return false;
    }
    if ((field->flags & CSVC_FIELD_MAP) != 0) {
        return depth > 0 && (n == 0 || equal_maps(field->sub, csvc__get_pointer(x, field->offset),
                                                  csvc__get_pointer(y, field->offset), n, depth));
    }
    for (size_t i = 0; i < n; i++) {
        if (!equal_values(field, a + i * size, b + i * size, depth)) {
            return false;
        }
    }
    return true;
}

static bool equal_unknown(const ProtobufCMessage *x, const ProtobufCMessage *y)
{
    if (x->n_unknown_fields != y->n_unknown_fields) {
        return false;
    }
    for (unsigned i = 0; i < x->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *a = &x->unknown_fields[i];
        const ProtobufCMessageUnknownField *b = &y->unknown_fields[i];

        if (a->tag != b->tag || a->wire_type != b->wire_type || a->len != b->len ||
            (a->len > 0 && memcmp(a->data, b->data, a->len) != 0)) {
            return false;
        }
    }
    return true;
}

static bool equal_messages(const csvc_message_type *type, const void *x, const void *y,
                           uint32_t depth)
{
    bool is_entry = (type->flags & CSVC_MESSAGE_MAP_ENTRY) != 0;

    if (depth == 0 || !equal_unknown(x, y)) {
        return false;
    }
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const csvc_field *field = &type->fields[i];

        if (field->label == CSVC_LABEL_REPEATED) {
            if (!equal_repeated(field, x, y, depth - 1)) {
                return false;
            }
            continue;
        }
        if (!is_entry) {
            bool present = csvc__field_present(type, field, x);

            if (present != csvc__field_present(type, field, y)) {
                return false;
            }
            if (!present) {
                continue;
            }
        }
        if (!equal_values(field, csvc__const_at(x, field->offset), csvc__const_at(y, field->offset),
                          depth - 1)) {
            return false;
        }
    }
    return true;
}

bool csvc_message_equal(const csvc_message_type *type, const void *x, const void *y)
{
    return equal_messages(type, x, y, CSVC_MAX_DEPTH + 1);
}
