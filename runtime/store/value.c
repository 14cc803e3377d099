/* store/value.c: fields of messages to values of columns and back. Decided by the field's type
 * alone; docs/internals/store.md has the table. */
#include <base/arena.h>
#include <base/clock.h>
#include <base/utf8.h>
#include <codec/codec.h>
#include <store/plan.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

#define AT(message, offset)       ((const void *)((const uint8_t *)(message) + (offset)))
#define AT_WRITE(message, offset) ((void *)((uint8_t *)(message) + (offset)))

/* Numbers of the fields of Timestamp and Duration, as indexes. */
enum {
    SECONDS = 0,
    NANOS = 1
};

static const char *name_of(const csvc__column *c)
{
    return c->def->name;
}

/* ---- presence ---- */

static const void *pointer_of(const csvc_field *f, const void *message)
{
    const void *p;

    memcpy(&p, AT(message, f->offset), sizeof(p));
    return p;
}

/* A field that notes no presence is always there, even with its zero value. */
static bool is_present(const csvc__column *c, const void *message)
{
    return (!c->nullable && c->field->kind != CSVC_KIND_MESSAGE) ||
           csvc__field_present(c->type, c->field, message);
}

static void set_present(const csvc_field *f, void *message)
{
    if (f->label == CSVC_LABEL_ONEOF) {
        memcpy(AT_WRITE(message, f->quantifier), &f->number, sizeof(f->number));
    } else if (f->label == CSVC_LABEL_OPTIONAL && f->kind != CSVC_KIND_STRING &&
               f->kind != CSVC_KIND_MESSAGE) {
        const protobuf_c_boolean yes = 1;

        memcpy(AT_WRITE(message, f->quantifier), &yes, sizeof(yes));
    }
}

/* ---- scalars ---- */

static int64_t get_int(const csvc_field *f, const void *message)
{
    int64_t i64;
    uint32_t u32;
    int32_t i32;

    switch ((csvc_kind)f->kind) {
    case CSVC_KIND_INT64:
    case CSVC_KIND_UINT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_FIXED64:
    case CSVC_KIND_SFIXED64:
        memcpy(&i64, AT(message, f->offset), sizeof(i64));
        return i64;
    case CSVC_KIND_UINT32:
    case CSVC_KIND_FIXED32:
        memcpy(&u32, AT(message, f->offset), sizeof(u32));
        return u32;
    case CSVC_KIND_BOOL:
        memcpy(&i32, AT(message, f->offset), sizeof(i32));
        return i32 != 0;
    default:
        memcpy(&i32, AT(message, f->offset), sizeof(i32));
        return i32;
    }
}

/* False when the field cannot hold it. */
static bool set_int(const csvc_field *f, void *message, int64_t i)
{
    void *at = AT_WRITE(message, f->offset);
    uint32_t u32 = (uint32_t)i;
    int32_t i32;

    switch ((csvc_kind)f->kind) {
    case CSVC_KIND_INT64:
    case CSVC_KIND_UINT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_FIXED64:
    case CSVC_KIND_SFIXED64:
        memcpy(at, &i, sizeof(i));
        return true;
    case CSVC_KIND_UINT32:
    case CSVC_KIND_FIXED32:
        memcpy(at, &u32, sizeof(u32));
        return i >= 0 && i <= UINT32_MAX;
    case CSVC_KIND_BOOL:
        i32 = i != 0;
        memcpy(at, &i32, sizeof(i32));
        return true;
    default:
        i32 = (int32_t)i;
        memcpy(at, &i32, sizeof(i32));
        return i >= INT32_MIN && i <= INT32_MAX;
    }
}

static double get_real(const csvc_field *f, const void *message)
{
    float narrow;
    double wide;

    if (f->kind == CSVC_KIND_FLOAT) {
        memcpy(&narrow, AT(message, f->offset), sizeof(narrow));
        return narrow;
    }
    memcpy(&wide, AT(message, f->offset), sizeof(wide));
    return wide;
}

static void set_real(const csvc_field *f, void *message, double wide)
{
    float narrow = (float)wide;

    if (f->kind == CSVC_KIND_FLOAT) {
        memcpy(AT_WRITE(message, f->offset), &narrow, sizeof(narrow));
    } else {
        memcpy(AT_WRITE(message, f->offset), &wide, sizeof(wide));
    }
}

/* ---- a field as a value ---- */

static csvc_code get_text(const csvc__column *c, const csvc_field *f, csvc_ctx *ctx,
                          const void *message, csvc_value *v)
{
    const char *text = pointer_of(f, message);
    size_t len;

    text = text != NULL ? text : "";
    len = strlen(text);
    if (csvc__utf8_valid(text, len) != len) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s is not UTF-8", name_of(c));
    }
    if (c->def->max_len != 0 && len > c->def->max_len &&
        csvc__characters(text, len) > c->def->max_len) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s is longer than %" PRIu32 " characters",
                         name_of(c), c->def->max_len);
    }
    v->type = CSVC_VALUE_TEXT;
    v->bytes = (csvc_bytes){.len = len, .data = (const uint8_t *)text};
    return CSVC_OK;
}

static csvc_code get_bytes(const csvc__column *c, const csvc_field *f, csvc_ctx *ctx,
                           const void *message, csvc_value *v)
{
    ProtobufCBinaryData b;

    memcpy(&b, AT(message, f->offset), sizeof(b));
    if (c->def->max_len != 0 && b.len > c->def->max_len) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s is longer than %" PRIu32 " bytes",
                         name_of(c), c->def->max_len);
    }
    v->type = CSVC_VALUE_BYTES;
    v->bytes = (csvc_bytes){.len = b.len, .data = b.data};
    return CSVC_OK;
}

static csvc_code get_scalar(const csvc__column *c, const csvc_field *f, csvc_ctx *ctx,
                            const void *message, csvc_value *v)
{
    switch (c->cell) {
    case CSVC__CELL_INT:
        v->type = CSVC_VALUE_INT;
        v->i = get_int(f, message);
        return CSVC_OK;
    case CSVC__CELL_REAL:
        v->type = CSVC_VALUE_DOUBLE;
        v->d = get_real(f, message);
        if (isnan(v->d)) {
            return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s is not a number", name_of(c));
        }
        return CSVC_OK;
    case CSVC__CELL_TEXT:
        return get_text(c, f, ctx, message, v);
    default:
        return get_bytes(c, f, ctx, message, v);
    }
}

/* "2026-11-21T09:00:00.000000000Z"; false when the years do not reach. */
static bool print_time(int64_t seconds, int32_t nanos, char ret_text[CSVC__RFC3339_SIZE])
{
    const size_t whole = sizeof("2026-11-21T09:00:00") - 1;

    if (nanos < 0 || nanos >= CSVC__SECOND || !csvc__rfc3339_print(seconds, 0, ret_text)) {
        return false;
    }
    (void)snprintf(ret_text + whole, CSVC__RFC3339_SIZE - whole, ".%09" PRId32 "Z", nanos);
    return true;
}

static csvc_code arena_text(csvc_ctx *ctx, const char *text, csvc_value *v)
{
    const char *copy = csvc_strdup(ctx, text);

    if (copy == NULL) {
        return csvc__fail_memory(ctx);
    }
    v->type = CSVC_VALUE_TEXT;
    v->bytes = (csvc_bytes){.len = strlen(text), .data = (const uint8_t *)copy};
    return CSVC_OK;
}

static csvc_code get_moment(const csvc__column *c, csvc_ctx *ctx, const void *sub, csvc_value *v)
{
    const csvc_field *f = ((const csvc_message_type *)c->field->sub)->fields;
    int64_t seconds = get_int(&f[SECONDS], sub);
    int64_t nanos = get_int(&f[NANOS], sub);
    char text[CSVC__RFC3339_SIZE];

    if (c->cell == CSVC__CELL_TIME) {
        if (!print_time(seconds, (int32_t)nanos, text)) {
            return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s is not a valid time", name_of(c));
        }
        return arena_text(ctx, text, v);
    }
    if (nanos <= -CSVC__SECOND || nanos >= CSVC__SECOND || (seconds > 0 && nanos < 0) ||
        (seconds < 0 && nanos > 0)) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s is not a valid duration", name_of(c));
    }
    if (seconds > INT64_MAX / CSVC__SECOND - 1 || seconds < INT64_MIN / CSVC__SECOND + 1) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s is longer than 292 years", name_of(c));
    }
    v->type = CSVC_VALUE_INT;
    v->i = seconds * CSVC__SECOND + nanos;
    return CSVC_OK;
}

/* A message as its encoding; a repeated field as that of the entity with nothing else in it. */
static csvc_code get_encoded(const csvc__column *c, csvc_ctx *ctx, const void *message,
                             csvc_value *v)
{
    const csvc_message_type *type = c->only != NULL ? c->only : c->field->sub;
    csvc_error err = {CSVC_ERROR_INIT};
    const void *source = message;
    csvc_code code;

    if (c->only != NULL) {
        ProtobufCMessage *alone = csvc_alloc(ctx, type->size);

        if (alone == NULL) {
            return csvc__fail_memory(ctx);
        }
        memcpy(alone, message, type->size);
        alone->descriptor = type->descriptor;
        alone->n_unknown_fields = 0;
        alone->unknown_fields = NULL;
        source = alone;
    } else {
        source = pointer_of(c->field, message);
    }
    v->type = CSVC_VALUE_BYTES;
    code = csvc_encode(csvc_ctx_arena(ctx), type, source, &v->bytes, &err);
    if (code == CSVC_OK && c->def->max_len != 0 && v->bytes.len > c->def->max_len) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s is longer than %" PRIu32 " bytes",
                         name_of(c), c->def->max_len);
    }
    if (code != CSVC_OK) {
        /* what cannot be written came from the caller of the store */
        code = code == CSVC_INTERNAL ? CSVC_INVALID_ARGUMENT : code;
        return csvc_fail(ctx, code, "%s: %s", name_of(c), err.text);
    }
    return CSVC_OK;
}

csvc_code csvc__value_get(const csvc__column *c, csvc_ctx *ctx, const void *message,
                          csvc_value *ret_value)
{
    csvc_value v = {.type = CSVC_VALUE_NULL};
    csvc_code code = CSVC_OK;

    if (!is_present(c, message)) {
        if (!c->nullable) { /* a proto2 required message */
            return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "%s is required", name_of(c));
        }
    } else if (c->inner != NULL) {
        code = get_scalar(c, c->inner, ctx, pointer_of(c->field, message), &v);
    } else if (c->cell == CSVC__CELL_TIME || c->cell == CSVC__CELL_DURATION) {
        code = get_moment(c, ctx, pointer_of(c->field, message), &v);
    } else if (c->cell == CSVC__CELL_MESSAGE || c->cell == CSVC__CELL_FIELD) {
        code = get_encoded(c, ctx, message, &v);
    } else {
        code = get_scalar(c, c->field, ctx, message, &v);
    }
    if (code == CSVC_OK) {
        *ret_value = v;
    }
    return code;
}

bool csvc__value_is_zero(const csvc__column *c, const void *message)
{
    const csvc_field *f = c->inner != NULL ? c->inner : c->field;
    ProtobufCBinaryData b;
    const char *text;

    if (!is_present(c, message)) {
        return true;
    }
    if (c->inner != NULL) {
        message = pointer_of(c->field, message);
    }
    switch (c->cell) {
    case CSVC__CELL_TEXT:
        text = pointer_of(f, message);
        return text == NULL || *text == '\0';
    case CSVC__CELL_BYTES:
        memcpy(&b, AT(message, f->offset), sizeof(b));
        return b.len == 0;
    case CSVC__CELL_INT:
        /* a 0 that was said explicitly is a value */
        return !c->nullable && get_int(f, message) == 0;
    case CSVC__CELL_REAL:
        return !c->nullable && get_real(f, message) == 0;
    default:
        return false;
    }
}

/* ---- a value as a field ---- */

static csvc_code unfit(const csvc__column *c, csvc_ctx *ctx, const char *why)
{
    return csvc_fail(ctx, CSVC_DATA_LOSS, "the stored %s is %s", name_of(c), why);
}

static csvc_code set_scalar(const csvc__column *c, const csvc_field *f, csvc_ctx *ctx,
                            csvc_arena *a, const csvc_value *v, void *message)
{
    ProtobufCBinaryData b = {0};
    const char *text;

    switch (c->cell) {
    case CSVC__CELL_INT:
        if (v->type != CSVC_VALUE_INT || !set_int(f, message, v->i)) {
            return unfit(c, ctx, "no number of its type");
        }
        return CSVC_OK;
    case CSVC__CELL_REAL:
        if (v->type != CSVC_VALUE_DOUBLE && v->type != CSVC_VALUE_INT) {
            return unfit(c, ctx, "not a number");
        }
        set_real(f, message, v->type == CSVC_VALUE_DOUBLE ? v->d : (double)v->i);
        return CSVC_OK;
    case CSVC__CELL_TEXT:
        if (v->type != CSVC_VALUE_TEXT || !csvc__utf8_text(v->bytes.data, v->bytes.len)) {
            return unfit(c, ctx, "not a text in UTF-8");
        }
        text = csvc_arena_strndup(a, (const char *)v->bytes.data, v->bytes.len);
        if (text == NULL) {
            return csvc__fail_memory(ctx);
        }
        memcpy(AT_WRITE(message, f->offset), &text, sizeof(text));
        return CSVC_OK;
    default:
        if (v->type != CSVC_VALUE_BYTES && v->type != CSVC_VALUE_TEXT) {
            return unfit(c, ctx, "not bytes");
        }
        b.len = v->bytes.len;
        if (b.len != 0) {
            b.data = csvc__arena_take(a, b.len);
            if (b.data == NULL) {
                return csvc__fail_memory(ctx);
            }
            memcpy(b.data, v->bytes.data, b.len);
        }
        memcpy(AT_WRITE(message, f->offset), &b, sizeof(b));
        return CSVC_OK;
    }
}

static csvc_code set_moment(const csvc__column *c, csvc_ctx *ctx, const csvc_value *v, void *sub)
{
    const csvc_field *f = ((const csvc_message_type *)c->field->sub)->fields;
    int64_t seconds;
    int32_t nanos;

    if (c->cell == CSVC__CELL_DURATION) {
        if (v->type != CSVC_VALUE_INT) {
            return unfit(c, ctx, "not a duration");
        }
        seconds = v->i / CSVC__SECOND;
        nanos = (int32_t)(v->i % CSVC__SECOND);
    } else if (v->type != CSVC_VALUE_TEXT ||
               !csvc__rfc3339_parse((const char *)v->bytes.data, &seconds, &nanos)) {
        return unfit(c, ctx, "not a time");
    }
    (void)set_int(&f[SECONDS], sub, seconds);
    (void)set_int(&f[NANOS], sub, nanos);
    return CSVC_OK;
}

static csvc_code set_encoded(const csvc__column *c, csvc_ctx *ctx, csvc_arena *a,
                             const csvc_value *v, void *message)
{
    const csvc_message_type *type = c->only != NULL ? c->only : c->field->sub;
    csvc_error err = {CSVC_ERROR_INIT};
    void *decoded;
    csvc_code code;

    if (v->type != CSVC_VALUE_BYTES && v->type != CSVC_VALUE_TEXT) {
        return unfit(c, ctx, "not an encoded message");
    }
    code = csvc_decode(a, type, v->bytes, NULL, &decoded, &err);
    if (code != CSVC_OK) {
        return code == CSVC_RESOURCE_EXHAUSTED ? csvc__fail_memory(ctx) : unfit(c, ctx, err.text);
    }
    if (c->only == NULL) {
        memcpy(AT_WRITE(message, c->field->offset), &decoded, sizeof(decoded));
    } else {
        memcpy(AT_WRITE(message, c->field->offset), AT(decoded, c->field->offset), sizeof(void *));
        memcpy(AT_WRITE(message, c->field->quantifier), AT(decoded, c->field->quantifier),
               sizeof(size_t));
    }
    return CSVC_OK;
}

csvc_code csvc__value_set(const csvc__column *c, csvc_ctx *ctx, csvc_arena *a,
                          const csvc_value *value, void *message)
{
    csvc_code code;
    void *sub;

    if (value->type == CSVC_VALUE_NULL) {
        return CSVC_OK; /* absent, or the default */
    }
    if (c->cell == CSVC__CELL_MESSAGE || c->cell == CSVC__CELL_FIELD) {
        code = set_encoded(c, ctx, a, value, message);
    } else if (c->field->kind != CSVC_KIND_MESSAGE) {
        code = set_scalar(c, c->field, ctx, a, value, message);
    } else {
        sub = csvc_message_new(a, c->field->sub);
        if (sub == NULL) {
            return csvc__fail_memory(ctx);
        }
        code = c->inner != NULL ? set_scalar(c, c->inner, ctx, a, value, sub)
                                : set_moment(c, ctx, value, sub);
        memcpy(AT_WRITE(message, c->field->offset), &sub, sizeof(sub));
    }
    if (code == CSVC_OK) {
        set_present(c->field, message);
    }
    return code;
}

csvc_code csvc__value_time(const csvc__column *c, csvc_ctx *ctx, int64_t unix_nanos,
                           csvc_value *ret_value)
{
    const int64_t seconds = unix_nanos / CSVC__SECOND;
    const int32_t nanos = (int32_t)(unix_nanos % CSVC__SECOND);
    char text[CSVC__RFC3339_SIZE];
    bool ok;

    if (c->cell == CSVC__CELL_INT) {
        *ret_value = (csvc_value){.type = CSVC_VALUE_INT, .i = seconds};
        return CSVC_OK;
    }
    ok = c->cell == CSVC__CELL_TIME ? print_time(seconds, nanos, text)
                                    : csvc__rfc3339_print(seconds, 0, text);
    if (!ok) {
        return csvc_fail(ctx, CSVC_INTERNAL, "the system's clock is not set");
    }
    return arena_text(ctx, text, ret_value);
}

csvc_code csvc__value_row(const csvc__plan *plan, csvc_ctx *ctx, csvc_arena *a,
                          const csvc_value *values, void **ret_row)
{
    void *row = csvc_message_new(a, plan->entity->type);
    csvc_code code = row != NULL ? CSVC_OK : csvc__fail_memory(ctx);

    for (uint32_t i = 0; i < plan->entity->n_columns && code == CSVC_OK; i++) {
        code = csvc__value_set(&plan->columns[i], ctx, a, &values[i], row);
    }
    if (code == CSVC_OK) {
        *ret_row = row;
    }
    return code;
}
