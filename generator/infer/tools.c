/* infer/tools.c: small questions that every rule asks. */
#include "infer/steps.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "names/names.h"

#include "base/banned.h"

void *gen_infer_calloc(gen_inference *in, size_t count, size_t size)
{
    void *memory = csvc_arena_calloc(in->a, count == 0 ? 1 : count, size);

    if (memory == NULL) {
        in->failed = true;
    }
    return memory;
}

const char *gen_infer_printf(gen_inference *in, const char *format, ...)
{
    char text[512];
    const char *copy;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    copy = csvc_arena_strdup(in->a, text);
    if (copy == NULL) {
        in->failed = true;
        return "";
    }
    return copy;
}

bool gen_infer_named(gen_inference *in, const char *name, const char *const *names)
{
    const char *snake = gen_snake(in->a, name);

    if (snake == NULL) {
        in->failed = true;
        return false;
    }
    for (; *names != NULL; names++) {
        if (strcmp(snake, *names) == 0) {
            return true;
        }
    }
    return false;
}

bool gen_infer_same_name(gen_inference *in, const char *x, const char *y)
{
    const char *const words[] = {gen_snake(in->a, y), NULL};

    if (words[0] == NULL) {
        in->failed = true;
    }
    return strcmp(x, y) == 0 || gen_infer_named(in, x, words);
}

bool gen_infer_key_kind(const gen_field *field)
{
    if (gen_infer_many(field) || gen_infer_in_oneof(field)) {
        return false;
    }
    switch (field->kind) {
    case CSVC_KIND_INT32:
    case CSVC_KIND_INT64:
    case CSVC_KIND_UINT32:
    case CSVC_KIND_UINT64:
    case CSVC_KIND_SINT32:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_FIXED32:
    case CSVC_KIND_FIXED64:
    case CSVC_KIND_SFIXED32:
    case CSVC_KIND_SFIXED64:
    case CSVC_KIND_STRING:
        return true;
    case CSVC_KIND_FLOAT:
    case CSVC_KIND_DOUBLE:
    case CSVC_KIND_BOOL:
    case CSVC_KIND_ENUM:
    case CSVC_KIND_BYTES:
    case CSVC_KIND_MESSAGE:
        break;
    }
    return false;
}

bool gen_infer_has_presence(const gen_field *field)
{
    return field->label == CSVC_LABEL_OPTIONAL || field->label == CSVC_LABEL_ONEOF ||
           (field->kind == CSVC_KIND_MESSAGE && !gen_infer_many(field));
}

static bool same_value(const gen_field *x, const gen_field *y)
{
    if (x->kind == CSVC_KIND_MESSAGE || y->kind == CSVC_KIND_MESSAGE) {
        return x->kind == y->kind && x->message == y->message;
    }
    if (x->kind == CSVC_KIND_ENUM || y->kind == CSVC_KIND_ENUM) {
        return x->kind == y->kind && x->enumeration == y->enumeration;
    }
    return strcmp(x->c_type, y->c_type) == 0;
}

bool gen_infer_same_type(const gen_field *from, const gen_field *to)
{
    bool from_map = (from->flags & CSVC_FIELD_MAP) != 0;
    bool to_map = (to->flags & CSVC_FIELD_MAP) != 0;

    if (gen_infer_many(from) != gen_infer_many(to) || from_map != to_map) {
        return false;
    }
    if (from_map) {
        /* each map has an entry message of its own: alike when key and value are */
        return from->message->n_fields == 2 && to->message->n_fields == 2 &&
               same_value(from->message->by_number[0], to->message->by_number[0]) &&
               same_value(from->message->by_number[1], to->message->by_number[1]);
    }
    return same_value(from, to);
}

const char *gen_crud_role_name(gen_crud_role role)
{
    switch (role) {
    case GEN_CRUD_CREATE:
        return "create";
    case GEN_CRUD_GET:
        return "get";
    case GEN_CRUD_UPDATE:
        return "update";
    case GEN_CRUD_DELETE:
        return "delete";
    case GEN_CRUD_LIST:
        return "list";
    case GEN_CRUD_BATCH_GET:
        return "batch get";
    case GEN_CRUD_STREAM:
        return "stream";
    }
    return "";
}
