/*
 * codec/json.c: messages as proto3 JSON. Their words are printed in json_put.c, the well-known
 * types that are one string in json_known.c.
 */
#include <codec/json_printer.h>

#include <math.h>

#include <base/banned.h>

/* ---- values ---- */

static bool put_message(struct csvc__printer *p, const csvc_message_type *type, const void *message,
                        uint32_t depth);

/* One value of a field, at `value`; not the list of a repeated one. */
static bool put_value(struct csvc__printer *p, const csvc_message_type *type,
                      const csvc_field *field, const void *value, uint32_t depth)
{
    const csvc_message_type *sub = field->sub;
    const void *message;

    if (field->kind != CSVC_KIND_MESSAGE) {
        return csvc__json_scalar(p, type, field, value);
    }
    message = csvc__get_pointer(value, 0);
    if (message == NULL && (type->flags & CSVC_MESSAGE_MAP_ENTRY) == 0) {
        return csvc__json_refuse(p, type, "a message that is NULL");
    }
    if (depth == 0) {
        return csvc__json_refuse(p, type, "messages are nested too deep");
    }
    return put_message(p, sub, message != NULL ? message : sub->initial, depth - 1);
}

static bool put_repeated(struct csvc__printer *p, const csvc_message_type *type,
                         const csvc_field *field, const void *message, uint32_t depth)
{
    bool is_map = (field->flags & CSVC_FIELD_MAP) != 0;
    size_t n = csvc__get_size(message, field->quantifier);
    size_t size = csvc__size_of(field->kind);
    const uint8_t *values = csvc__get_pointer(message, field->offset);

    if (n > 0 && values == NULL) {
        return csvc__json_refuse(p, type, "a count without values");
    }
    csvc__json_open(p, is_map ? '{' : '[');
    for (size_t i = 0; i < n; i++) {
        const void *value = values + i * size;

        csvc__json_next(p, i == 0);
        if (is_map) {
            const csvc_message_type *entry_type = field->sub;
            const void *entry = csvc__get_pointer(value, 0);

            if (entry == NULL) {
                return csvc__json_refuse(p, type, "an entry that is NULL");
            }
            if (depth == 0) {
                return csvc__json_refuse(p, type, "messages are nested too deep");
            }
            if (!csvc__json_map_key(p, entry_type, entry) ||
                !put_value(p, entry_type, &entry_type->fields[1],
                           csvc__const_at(entry, entry_type->fields[1].offset), depth - 1)) {
                return false;
            }
        } else if (!put_value(p, type, field, value, depth)) {
            return false;
        }
        if (!csvc__buffer_ok(&p->out)) {
            return csvc__json_no_memory(p);
        }
    }
    csvc__json_close(p, is_map ? '}' : ']', n == 0);
    return true;
}

/* The fields of a message, between braces that are there already. */
static bool put_fields(struct csvc__printer *p, const csvc_message_type *type, const void *message,
                       bool is_first, uint32_t depth)
{
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const csvc_field *field = &type->fields[i];
        const char *name = type->descriptor->fields[i].name;
        bool has_default =
            field->label == CSVC_LABEL_REPEATED ||
            (field->label == CSVC_LABEL_IMPLICIT && field->kind != CSVC_KIND_MESSAGE);

        if (!csvc__field_present(type, field, message) && !(p->options.defaults && has_default)) {
            continue;
        }
        if (!p->options.proto_names) {
            name = csvc_field_json_name(p->a, type, i);
            if (name == NULL) {
                return csvc__json_no_memory(p);
            }
        }
        csvc__json_next(p, is_first);
        csvc__json_key(p, name);
        is_first = false;
        if (field->label == CSVC_LABEL_REPEATED) {
            if (!put_repeated(p, type, field, message, depth)) {
                return false;
            }
        } else if (!put_value(p, type, field, csvc__const_at(message, field->offset), depth)) {
            return false;
        }
        if (!csvc__buffer_ok(&p->out)) {
            return csvc__json_no_memory(p);
        }
    }
    csvc__json_close(p, '}', is_first);
    return true;
}

/* ---- well-known types that hold values of any kind ---- */

static bool put_dynamic(struct csvc__printer *p, const csvc_message_type *type, const void *message,
                        uint32_t depth)
{
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const csvc_field *field = &type->fields[i];
        const void *value = csvc__const_at(message, field->offset);

        if (!csvc__field_present(type, field, message)) {
            continue;
        }
        if (field->kind == CSVC_KIND_DOUBLE) {
            double number;

            memcpy(&number, value, sizeof(number));
            if (!isfinite(number)) {
                /* as the string "NaN" it would be read as a string */
                return csvc__json_refuse(p, type, "a number that is not finite");
            }
        }
        return put_value(p, type, field, value, depth);
    }
    csvc__buffer_puts(&p->out, "null"); /* none chosen */
    return true;
}

/* The type of what an Any holds, or NULL: the name is behind the last '/'. */
static const csvc_message_type *resolve(struct csvc__printer *p, const char *url)
{
    const char *slash = strrchr(url, '/');

    return slash != NULL && p->options.resolve != NULL
               ? p->options.resolve(p->options.resolve_self, slash + 1)
               : NULL;
}

static const char *text_of(const csvc_message_type *type, const void *message, uint32_t number)
{
    const void *value = csvc__field_value(type, message, number);
    const char *text = value != NULL ? csvc__get_pointer(value, 0) : NULL;

    return text != NULL ? text : "";
}

static bool put_any(struct csvc__printer *p, const csvc_message_type *type, const void *message,
                    uint32_t depth)
{
    const char *url = text_of(type, message, 1);
    const void *data = csvc__field_value(type, message, 2);
    ProtobufCBinaryData bytes = {0, NULL};
    const csvc_message_type *inner = resolve(p, url);
    void *content = NULL;

    if (data != NULL) {
        bytes = csvc__get_bytes(data, 0);
    }
    csvc__json_open(p, '{');
    if (url[0] == '\0' && bytes.len == 0) {
        csvc__json_close(p, '}', true);
        return true;
    }
    csvc__json_next(p, true);
    csvc__json_key(p, "@type");
    csvc__buffer_json(&p->out, url, strlen(url));
    if (inner == NULL) {
        csvc__json_next(p, false);
        csvc__json_key(p, "value");
        csvc__json_base64(p, bytes.data, bytes.len);
        csvc__json_close(p, '}', false);
        return true;
    }
    if (depth == 0) {
        return csvc__json_refuse(p, type, "messages are nested too deep");
    }
    p->code = csvc_decode(p->a, inner, (csvc_bytes){bytes.len, bytes.data}, NULL, &content, p->err);
    if (p->code != CSVC_OK) {
        return false;
    }
    if (inner->well_known == CSVC_WKT_NONE) {
        return put_fields(p, inner, content, false, depth - 1);
    }
    csvc__json_next(p, false);
    csvc__json_key(p, "value");
    if (!put_message(p, inner, content, depth - 1)) {
        return false;
    }
    csvc__json_close(p, '}', false);
    return true;
}

static bool put_well_known(struct csvc__printer *p, const csvc_message_type *type,
                           const void *message, uint32_t depth)
{
    const csvc_field *field = csvc__field_by_number(type, 1);

    switch (type->well_known) {
    case CSVC_WKT_ANY:
        return put_any(p, type, message, depth);
    case CSVC_WKT_TIMESTAMP:
        return csvc__json_timestamp(p, type, message);
    case CSVC_WKT_DURATION:
        return csvc__json_duration(p, type, message);
    case CSVC_WKT_STRUCT:
    case CSVC_WKT_LIST_VALUE:
        if (field != NULL && field->label == CSVC_LABEL_REPEATED) {
            return put_repeated(p, type, field, message, depth); /* as their only field does */
        }
        break;
    case CSVC_WKT_VALUE:
        return put_dynamic(p, type, message, depth);
    case CSVC_WKT_FIELD_MASK:
        return csvc__json_mask(p, type, message);
    case CSVC_WKT_WRAPPER:
        if (field != NULL) {
            return put_value(p, type, field, csvc__const_at(message, field->offset), depth);
        }
        break;
    }
    csvc__json_open(p, '{'); /* Empty */
    csvc__json_close(p, '}', true);
    return true;
}

/* ---- messages ---- */

/* A message in its own JSON form; `depth` is how many more may be within it. */
static bool put_message(struct csvc__printer *p, const csvc_message_type *type, const void *message,
                        uint32_t depth)
{
    const ProtobufCMessage *base = message;

    if (base->descriptor != type->descriptor) {
        return csvc__json_refuse(p, type, "the struct is of another type or was never initialised");
    }
    if (type->well_known != CSVC_WKT_NONE) {
        return put_well_known(p, type, message, depth);
    }
    csvc__json_open(p, '{');
    return put_fields(p, type, message, true, depth);
}

char *csvc_json_print(csvc_arena *a, const csvc_message_type *type, const void *message,
                      const csvc_json_options *options, csvc_error *err)
{
    struct csvc__printer p = {.a = a, .err = err};
    char *text = NULL;
    bool ok;

    if (options != NULL) {
        /* an older caller's struct may end earlier, a newer one's later */
        memcpy(&p.options, options,
               options->struct_size < sizeof(p.options) ? options->struct_size : sizeof(p.options));
    }
    csvc__buffer_init(&p.out, INT32_MAX);
    ok = put_message(&p, type, message, CSVC_MAX_DEPTH);
    if (ok && csvc__buffer_ok(&p.out)) {
        text = csvc_arena_strndup(a, p.out.data, p.out.len);
    }
    if (ok && text == NULL) {
        (void)csvc__json_no_memory(&p);
    }
    csvc__buffer_release(&p.out);
    return text;
}
