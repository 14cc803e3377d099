/* scope/field.c: C about single fields, as protobuf-c lays them out. */
#include "scope/crud.h"

#include <string.h>

#include "names/names.h"

#include "base/banned.h"

static void push(csvc_arena *a, gen_value *list, const char *text)
{
    gen_push(a, list, gen_text(a, text));
}

static bool is_pointer(const gen_field *field)
{
    return field->kind == CSVC_KIND_STRING || field->kind == CSVC_KIND_MESSAGE;
}

void gen_put_field(csvc_arena *a, gen_value *statements, const char *of, const gen_field *field,
                   const char *value)
{
    if (field->label == CSVC_LABEL_ONEOF) {
        push(a, statements,
             csvc_arena_printf(a, "%s%s_case = %s;", of, field->oneof->c_name,
                               field->case_constant));
    } else if (field->label == CSVC_LABEL_OPTIONAL && !is_pointer(field)) {
        push(a, statements, csvc_arena_printf(a, "%shas_%s = true;", of, field->c_name));
    }
    push(a, statements,
         value != NULL ? csvc_arena_printf(a, "%s%s = %s;", of, field->c_name, value) : NULL);
}

/* Handlers only: needs their ctx. */
static void push_map(csvc_arena *a, gen_value *statements, const char *of, const gen_field *field,
                     const char *from_of, const gen_field *from)
{
    const char *items[] = {"ctx", csvc_arena_printf(a, "&%s__type", field->message->c_lower),
                           csvc_arena_printf(a, "%s%s", from_of, from->c_name),
                           csvc_arena_printf(a, "%sn_%s", from_of, from->c_name)};
    const char *head = csvc_arena_printf(a, "%s%s = csvc_store_map(", of, field->c_name);
    bool ok = items[1] != NULL && items[2] != NULL && items[3] != NULL && head != NULL;

    push(a, statements, ok ? gen_layout(a, 4, head, items, 4, ");") : NULL);
    push(a, statements, csvc_arena_printf(a, "if (%s%s == NULL) {", of, field->c_name));
    push(a, statements, "    return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, \"out of memory\");");
    push(a, statements, "}");
}

void gen_copy_field(csvc_arena *a, gen_value *statements, const char *of, const gen_field *field,
                    const char *from_of, const gen_field *from)
{
    const char *value = csvc_arena_printf(a, "%s%s", from_of, from->c_name);

    if (field->label != CSVC_LABEL_REPEATED) {
        gen_put_field(a, statements, of, field, value);
        return;
    }
    push(a, statements,
         csvc_arena_printf(a, "%sn_%s = %sn_%s;", of, field->c_name, from_of, from->c_name));
    if (field->message == from->message) {
        push(a, statements, csvc_arena_printf(a, "%s%s = %s;", of, field->c_name, value));
    } else { /* maps: entry messages of two names and one layout */
        push_map(a, statements, of, field, from_of, from);
    }
}

const char *gen_given(csvc_arena *a, const char *of, const gen_field *field)
{
    if (field->label == CSVC_LABEL_ONEOF) {
        size_t len = strlen(of) + strlen(field->oneof->c_name) + strlen(field->case_constant);
        bool fits = len + strlen("    if (_case == ) {") <= GEN_COLUMNS;

        return csvc_arena_printf(a, "%s%s_case ==%s%s", of, field->oneof->c_name,
                                 fits ? " " : "\n    ", field->case_constant);
    }
    if (field->label == CSVC_LABEL_REPEATED) {
        return "";
    }
    if (field->kind == CSVC_KIND_MESSAGE ||
        (field->label == CSVC_LABEL_OPTIONAL && is_pointer(field))) {
        return csvc_arena_printf(a, "%s%s != NULL", of, field->c_name);
    }
    if (field->label == CSVC_LABEL_OPTIONAL) {
        return csvc_arena_printf(a, "%shas_%s", of, field->c_name);
    }
    return "";
}

const char *gen_nonzero(csvc_arena *a, const char *of, const gen_field *field)
{
    const char *given = gen_given(a, of, field);

    if (given == NULL || *given != '\0') {
        return given;
    }
    if (field->label == CSVC_LABEL_REPEATED) {
        return csvc_arena_printf(a, "%sn_%s > 0", of, field->c_name);
    }
    switch (field->kind) {
    case CSVC_KIND_STRING:
        return csvc_arena_printf(a, "%s%s[0] != '\\0'", of, field->c_name);
    case CSVC_KIND_BYTES:
        return csvc_arena_printf(a, "%s%s.len > 0", of, field->c_name);
    case CSVC_KIND_BOOL:
        return csvc_arena_printf(a, "%s%s", of, field->c_name);
    default:
        return csvc_arena_printf(a, "%s%s != 0", of, field->c_name);
    }
}

const char *gen_init_statement(csvc_arena *a, const gen_message *message, const char *name)
{
    const char *value = csvc_arena_printf(a, "%s__INIT", message->c_upper);
    size_t len;

    for (size_t i = 0; i < message->n_oneofs; i++) {
        if (message->oneofs[i].n_fields > 0 &&
            message->oneofs[i].fields[0]->kind == CSVC_KIND_BYTES) {
            len = strlen(message->c_type) + strlen(message->c_lower);
            value =
                csvc_arena_printf(a, "*(const %s *)%s%s__type.initial", message->c_type,
                                  len + 32 <= GEN_COLUMNS ? "" : "\n        ", message->c_lower);
        }
    }
    if (value == NULL || name == NULL) {
        return NULL;
    }
    len = strlen(message->c_type) + strlen(name) + strlen(value);
    return csvc_arena_printf(a, "%s %s =%s%s;", message->c_type, name,
                             len + strlen("      = ;") <= GEN_COLUMNS ? " " : "\n    ", value);
}

const char *gen_row_name(csvc_arena *a, const gen_entity *entity)
{
    static const char *const taken[] = {"svc",   "ctx",    "req",   "rsp",    "page", "rows",
                                        "match", "set",    "code",  "stored", "i",    "t",
                                        "n",     "state",  "tests", "id",     "last", "first",
                                        "main",  "wanted", "row",   "scan",   "out",  "call"};

    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (strcmp(entity->name, taken[i]) == 0) {
            return csvc_arena_printf(a, "one_%s", entity->name);
        }
    }
    if (gen_name_reserved(entity->name) || gen_name_macro(entity->name)) {
        return csvc_arena_printf(a, "one_%s", entity->name);
    }
    return entity->name;
}
