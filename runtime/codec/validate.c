/* codec/validate.c: the rules that options of a .proto set up for fields, checked. */
#include <base/utf8.h>
#include <codec/codec.h>
#include <codec/wire.h>

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

/* Where a value is: a field, and which of its values. Lives on the stack, one a level. */
typedef struct step {
    const struct step *up;
    const char *name;
    size_t index;          /* of a repeated field; NO_INDEX: none */
    const void *entry;     /* of a map: */
    const csvc_field *key; /* whose key says which */
} step;

#define NO_INDEX SIZE_MAX

typedef struct validation {
    csvc_error *err;
} validation;

/* ---- what is wrong ---- */

typedef struct path {
    char data[sizeof(((csvc_error *)NULL)->text)];
    size_t len;
} path;

CSVC_PRINTF(2, 3) static void put(path *t, const char *format, ...)
{
    const size_t room = sizeof(t->data) - t->len;
    va_list args;
    int wrote;

    va_start(args, format);
    wrote = vsnprintf(t->data + t->len, room, format, args);
    va_end(args);
    if (wrote > 0) {
        t->len += (size_t)wrote < room ? (size_t)wrote : room - 1;
    }
}

static void put_key(path *t, const step *at)
{
    const uint32_t offset = at->key->offset;

    switch (at->key->kind) {
    case CSVC_KIND_STRING: {
        const char *key = csvc__get_pointer(at->entry, offset);

        key = key != NULL ? key : "";
        put(t, "[\"%.*s\"]", csvc__utf8_cut(key, 60), key);
        break;
    }
    case CSVC_KIND_BOOL:
        put(t, "[%s]", csvc__get32(at->entry, offset) != 0 ? "true" : "false");
        break;
    case CSVC_KIND_UINT64:
    case CSVC_KIND_FIXED64:
        put(t, "[%" PRIu64 "]", csvc__get64(at->entry, offset));
        break;
    case CSVC_KIND_INT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_SFIXED64:
        put(t, "[%" PRId64 "]", (int64_t)csvc__get64(at->entry, offset));
        break;
    case CSVC_KIND_UINT32:
    case CSVC_KIND_FIXED32:
        put(t, "[%" PRIu32 "]", csvc__get32(at->entry, offset));
        break;
    default:
        put(t, "[%" PRId32 "]", (int32_t)csvc__get32(at->entry, offset));
        break;
    }
}

static void put_path(path *t, const step *at)
{
    if (at->up != NULL) {
        put_path(t, at->up);
        put(t, ".");
    }
    put(t, "%s", at->name);
    if (at->entry != NULL) {
        put_key(t, at);
    } else if (at->index != NO_INDEX) {
        put(t, "[%zu]", at->index);
    }
}

CSVC_PRINTF(3, 4)
static csvc_code refuse(const validation *v, const step *at, const char *format, ...)
{
    path t = {.len = 0};
    char why[160];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    put_path(&t, at);
    return csvc_error_set(v->err, CSVC_INVALID_ARGUMENT, "%s %s", t.data, why);
}

/* A bound as it was written: what is whole without a point, whatever the locale. */
static const char *bound(double value, char ret_text[40])
{
    char *comma;

    if (fabs(value) <= 9007199254740992.0 && value >= floor(value) && value <= floor(value)) {
        (void)snprintf(ret_text, 40, "%" PRId64, (int64_t)value);
        return ret_text;
    }
    (void)snprintf(ret_text, 40, "%.15g", value);
    comma = strchr(ret_text, ',');
    if (comma != NULL) {
        *comma = '.';
    }
    return ret_text;
}

/* ---- one value ---- */

size_t csvc__characters(const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n += ((uint8_t)text[i] & 0xc0) != 0x80;
    }
    return n;
}

static csvc_code check_length(const validation *v, const step *at, const csvc_rule *rule, size_t n,
                              const char *unit)
{
    if ((rule->checks & CSVC_RULE_MIN_LEN) != 0 && n < rule->min_len) {
        return refuse(v, at, "is shorter than %" PRIu32 " %s", rule->min_len, unit);
    }
    if ((rule->checks & CSVC_RULE_MAX_LEN) != 0 && n > rule->max_len) {
        return refuse(v, at, "is longer than %" PRIu32 " %s", rule->max_len, unit);
    }
    return CSVC_OK;
}

/* Bounds of whole numbers are whole and within 53 bits, which the generator sees to. */
static csvc_code check_bounds(const validation *v, const step *at, const csvc_rule *rule,
                              const csvc_field *f, const void *value)
{
    bool below, above;
    char number[40];

    switch (f->kind) {
    case CSVC_KIND_FLOAT:
    case CSVC_KIND_DOUBLE: {
        float narrow = 0;
        double wide = 0;

        if (f->kind == CSVC_KIND_FLOAT) {
            memcpy(&narrow, value, sizeof(narrow));
            wide = (double)narrow;
        } else {
            memcpy(&wide, value, sizeof(wide));
        }
        if (isnan(wide)) {
            return refuse(v, at, "is not a number");
        }
        below = wide < rule->min;
        above = wide > rule->max;
        break;
    }
    case CSVC_KIND_UINT64:
    case CSVC_KIND_FIXED64: {
        const uint64_t n = csvc__get64(value, 0);

        below = rule->min > 0 && n < (uint64_t)rule->min;
        above = rule->max < 0 || n > (uint64_t)rule->max;
        break;
    }
    case CSVC_KIND_UINT32:
    case CSVC_KIND_FIXED32:
        below = (double)csvc__get32(value, 0) < rule->min;
        above = (double)csvc__get32(value, 0) > rule->max;
        break;
    case CSVC_KIND_INT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_SFIXED64: {
        const int64_t n = (int64_t)csvc__get64(value, 0);

        below = n < (int64_t)rule->min;
        above = n > (int64_t)rule->max;
        break;
    }
    default:
        below = (double)(int32_t)csvc__get32(value, 0) < rule->min;
        above = (double)(int32_t)csvc__get32(value, 0) > rule->max;
        break;
    }
    if ((rule->checks & CSVC_RULE_MIN) != 0 && below) {
        return refuse(v, at, "is less than %s", bound(rule->min, number));
    }
    if ((rule->checks & CSVC_RULE_MAX) != 0 && above) {
        return refuse(v, at, "is more than %s", bound(rule->max, number));
    }
    return CSVC_OK;
}

static csvc_code check_value(const validation *v, const step *at, const csvc_rule *rule,
                             const csvc_field *f, const void *value)
{
    const char *string;

    switch (f->kind) {
    case CSVC_KIND_STRING:
        string = csvc__get_pointer(value, 0);
        string = string != NULL ? string : "";
        return check_length(v, at, rule, csvc__characters(string, strlen(string)), "characters");
    case CSVC_KIND_BYTES:
        return check_length(v, at, rule, csvc__get_bytes(value, 0).len, "bytes");
    case CSVC_KIND_ENUM:
        if ((rule->checks & CSVC_RULE_DEFINED) != 0 &&
            csvc__enum_value(f->sub, (int32_t)csvc__get32(value, 0)) == NULL) {
            return refuse(v, at, "is %" PRId32 ", which is no value of %.80s",
                          (int32_t)csvc__get32(value, 0),
                          ((const ProtobufCEnumDescriptor *)f->sub)->name);
        }
        return CSVC_OK;
    case CSVC_KIND_MESSAGE: {
        const csvc_message_type *sub = f->sub;
        const void *message = csvc__get_pointer(value, 0);

        /* a wrapper is its value */
        return sub->well_known == CSVC_WKT_WRAPPER && message != NULL
                   ? check_value(v, at, rule, &sub->fields[0],
                                 csvc__const_at(message, sub->fields[0].offset))
                   : CSVC_OK;
    }
    case CSVC_KIND_BOOL:
        return CSVC_OK;
    default:
        return (rule->checks & (CSVC_RULE_MIN | CSVC_RULE_MAX)) != 0
                   ? check_bounds(v, at, rule, f, value)
                   : CSVC_OK;
    }
}

/* ---- fields and messages ---- */

static csvc_code check_message(const validation *v, const step *up, const csvc_message_type *type,
                               const void *message, uint32_t depth);

/* Bytes from one value of a repeated field to the next. */
static size_t stride(const csvc_field *f)
{
    return f->kind == CSVC_KIND_STRING || f->kind == CSVC_KIND_MESSAGE ? sizeof(void *)
           : f->kind == CSVC_KIND_BYTES                                ? sizeof(ProtobufCBinaryData)
                                                                       : csvc__size_of(f->kind);
}

/* One value: by its own rule, when there is one, and by those within it. */
static csvc_code check_one(const validation *v, const step *at, const csvc_rule *rule,
                           const csvc_field *f, const void *value, uint32_t depth)
{
    csvc_code code = rule != NULL ? check_value(v, at, rule, f, value) : CSVC_OK;

    if (code == CSVC_OK && f->kind == CSVC_KIND_MESSAGE) {
        const csvc_message_type *sub = f->sub;
        const void *message = csvc__get_pointer(value, 0);

        if (message != NULL && (sub->flags & CSVC_MESSAGE_RULES) != 0 && depth > 0) {
            code = check_message(v, at, sub, message, depth - 1);
        }
    }
    return code;
}

static csvc_code check_repeated(const validation *v, step *at, const csvc_rule *rule,
                                const csvc_field *f, const void *message, uint32_t depth)
{
    const size_t n = csvc__get_size(message, f->quantifier);
    const uint8_t *values = csvc__get_pointer(message, f->offset);
    csvc_code code = CSVC_OK;

    if (rule != NULL && (rule->checks & CSVC_RULE_MIN_ITEMS) != 0 && n < rule->min_items) {
        return refuse(v, at, "has fewer than %" PRIu32 " items", rule->min_items);
    }
    if (rule != NULL && (rule->checks & CSVC_RULE_MAX_ITEMS) != 0 && n > rule->max_items) {
        return refuse(v, at, "has more than %" PRIu32 " items", rule->max_items);
    }
    for (size_t i = 0; i < n && code == CSVC_OK; i++) {
        const void *value = values + i * stride(f);

        if ((f->flags & CSVC_FIELD_MAP) != 0) {
            const csvc_field *pair = ((const csvc_message_type *)f->sub)->fields;
            const void *entry = csvc__get_pointer(value, 0);

            at->entry = entry;
            at->key = &pair[0];
            code = entry != NULL ? check_one(v, at, rule, &pair[1],
                                             csvc__const_at(entry, pair[1].offset), depth)
                                 : CSVC_OK;
        } else {
            at->index = i;
            code = check_one(v, at, rule, f, value, depth);
        }
    }
    return code;
}

static bool is_empty(const csvc_message_type *type, const csvc_field *f, const void *message)
{
    csvc_field plain = *f;

    if (!csvc__field_present(type, f, message)) {
        return true;
    }
    if (f->label == CSVC_LABEL_REPEATED || f->kind == CSVC_KIND_MESSAGE) {
        return false;
    }
    plain.label = CSVC_LABEL_IMPLICIT; /* there, and maybe zero */
    return !csvc__field_present(type, &plain, message);
}

static csvc_code check_field(const validation *v, const step *up, const csvc_message_type *type,
                             uint32_t index, const csvc_rule *rule, const void *message,
                             uint32_t depth)
{
    const csvc_field *f = &type->fields[index];
    step at = {.up = up, .name = type->descriptor->fields[index].name, .index = NO_INDEX};

    if (rule != NULL && (rule->checks & CSVC_RULE_REQUIRED) != 0 && is_empty(type, f, message)) {
        return refuse(v, &at, "is required");
    }
    if (f->label == CSVC_LABEL_REPEATED) {
        return check_repeated(v, &at, rule, f, message, depth);
    }
    if (f->label != CSVC_LABEL_IMPLICIT && !csvc__field_present(type, f, message)) {
        return CSVC_OK; /* what is absent breaks no rule but `required` */
    }
    return check_one(v, &at, rule, f, csvc__const_at(message, f->offset), depth);
}

static csvc_code check_message(const validation *v, const step *up, const csvc_message_type *type,
                               const void *message, uint32_t depth)
{
    const csvc_rule *rule = type->rules;
    const csvc_rule *end = rule + type->n_rules;
    csvc_code code = CSVC_OK;

    for (uint32_t i = 0; i < type->n_fields && code == CSVC_OK; i++) {
        const bool ruled = rule != end && rule->field == i;

        if (ruled || type->fields[i].kind == CSVC_KIND_MESSAGE) {
            code = check_field(v, up, type, i, ruled ? rule : NULL, message, depth);
        }
        rule += ruled;
    }
    return code;
}

csvc_code csvc_validate(const csvc_message_type *type, const void *message, csvc_error *err)
{
    const validation v = {.err = err};

    return (type->flags & CSVC_MESSAGE_RULES) != 0
               ? check_message(&v, NULL, type, message, CSVC_MAX_DEPTH)
               : CSVC_OK;
}

csvc_code csvc__validate_field(const csvc_message_type *type, uint32_t index, const void *message,
                               csvc_error *err)
{
    const validation v = {.err = err};
    const csvc_rule *rule = NULL;

    if (type->struct_size > offsetof(csvc_message_type, n_rules)) {
        for (uint32_t i = 0; i < type->n_rules && rule == NULL; i++) {
            rule = type->rules[i].field == index ? &type->rules[i] : NULL;
        }
    }
    return rule != NULL || type->fields[index].kind == CSVC_KIND_MESSAGE
               ? check_field(&v, NULL, type, index, rule, message, CSVC_MAX_DEPTH)
               : CSVC_OK;
}
