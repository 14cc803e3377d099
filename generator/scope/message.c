/* scope/message.c: messages and fields as templates see them: the rows of the codec's tables. */
#include "scope/parts.h"

#include <string.h>

#include "common/concat.h"

#include "base/banned.h"

/* ---- fields ---- */

static const char *const kinds[] = {
    [CSVC_KIND_INT32] = "CSVC_KIND_INT32",       [CSVC_KIND_INT64] = "CSVC_KIND_INT64",
    [CSVC_KIND_UINT32] = "CSVC_KIND_UINT32",     [CSVC_KIND_UINT64] = "CSVC_KIND_UINT64",
    [CSVC_KIND_SINT32] = "CSVC_KIND_SINT32",     [CSVC_KIND_SINT64] = "CSVC_KIND_SINT64",
    [CSVC_KIND_FIXED32] = "CSVC_KIND_FIXED32",   [CSVC_KIND_FIXED64] = "CSVC_KIND_FIXED64",
    [CSVC_KIND_SFIXED32] = "CSVC_KIND_SFIXED32", [CSVC_KIND_SFIXED64] = "CSVC_KIND_SFIXED64",
    [CSVC_KIND_FLOAT] = "CSVC_KIND_FLOAT",       [CSVC_KIND_DOUBLE] = "CSVC_KIND_DOUBLE",
    [CSVC_KIND_BOOL] = "CSVC_KIND_BOOL",         [CSVC_KIND_ENUM] = "CSVC_KIND_ENUM",
    [CSVC_KIND_STRING] = "CSVC_KIND_STRING",     [CSVC_KIND_BYTES] = "CSVC_KIND_BYTES",
    [CSVC_KIND_MESSAGE] = "CSVC_KIND_MESSAGE",
};

static const char *const labels[] = {
    [CSVC_LABEL_IMPLICIT] = "CSVC_LABEL_IMPLICIT", [CSVC_LABEL_OPTIONAL] = "CSVC_LABEL_OPTIONAL",
    [CSVC_LABEL_REQUIRED] = "CSVC_LABEL_REQUIRED", [CSVC_LABEL_REPEATED] = "CSVC_LABEL_REPEATED",
    [CSVC_LABEL_ONEOF] = "CSVC_LABEL_ONEOF",
};

static const gen_flag_name field_flags[] = {
    {CSVC_FIELD_PACKED, "CSVC_FIELD_PACKED"},
    {CSVC_FIELD_CLOSED_ENUM, "CSVC_FIELD_CLOSED_ENUM"},
    {CSVC_FIELD_UTF8, "CSVC_FIELD_UTF8"},
    {CSVC_FIELD_MAP, "CSVC_FIELD_MAP"},
    {CSVC_FIELD_PRESENCE, "CSVC_FIELD_PRESENCE"},
    {CSVC_FIELD_PTR_DEFAULT, "CSVC_FIELD_PTR_DEFAULT"},
};

/* Where protobuf-c notes how many there are, whether there is one, or which of a oneof. */
static const char *quantifier(csvc_arena *a, const gen_field *field)
{
    const char *type = field->parent->c_type;

    switch (field->label) {
    case CSVC_LABEL_REPEATED:
        return gen_concat(a, "offsetof(", type, ", n_", field->c_name, ")");
    case CSVC_LABEL_ONEOF:
        return gen_concat(a, "offsetof(", type, ", ", field->oneof->c_name, "_case)");
    case CSVC_LABEL_OPTIONAL:
        if (field->kind != CSVC_KIND_STRING && field->kind != CSVC_KIND_MESSAGE) {
            return gen_concat(a, "offsetof(", type, ", has_", field->c_name, ")");
        }
        return "0";
    case CSVC_LABEL_IMPLICIT:
    case CSVC_LABEL_REQUIRED:
        break;
    }
    return "0";
}

static const char *sub(csvc_arena *a, const gen_field *field)
{
    if (field->kind == CSVC_KIND_MESSAGE) {
        return gen_concat(a, "&", field->message->c_lower, "__type");
    }
    if (field->kind == CSVC_KIND_ENUM) {
        return gen_concat(a, "&", field->enumeration->c_lower, "__descriptor");
    }
    return "NULL";
}

/* `{1, offsetof(User__User, id), ...},`, for column 4. */
static char *row(csvc_arena *a, const gen_field *field, const char *number)
{
    const char *items[] = {
        number,
        gen_concat(a, "offsetof(", field->parent->c_type, ", ", field->c_name, ")"),
        quantifier(a, field),
        kinds[field->kind],
        labels[field->label],
        gen_flags_text(a, field->flags, field_flags, sizeof(field_flags) / sizeof(field_flags[0])),
        sub(a, field)};

    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        if (items[i] == NULL) {
            return NULL;
        }
    }
    return gen_layout(a, 4, "{", items, sizeof(items) / sizeof(items[0]), "},");
}

/* Whether the JSON name is the one protoc makes by itself: what follows '_' in capitals. */
static bool json_name_is_default(const gen_field *field)
{
    const char *json = field->json_name;
    bool raise = false;

    for (const char *c = field->name; *c != '\0'; c++) {
        char expected = raise && *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;

        raise = *c == '_';
        if (!raise && *json++ != expected) {
            return false;
        }
    }
    return *json == '\0';
}

static gen_value *scope_field(csvc_arena *a, const gen_field *field)
{
    gen_value *scope = gen_object(a);
    gen_value *number = gen_number(a, field->number);

    gen_set_text(a, scope, "name", field->name);
    gen_set_text(a, scope, "member", field->c_name);
    gen_set_text(a, scope, "type", field->c_type);
    gen_set(a, scope, "number", number);
    gen_set_text(a, scope, "json_name", field->json_name);
    gen_set_text(a, scope, "json_string",
                 json_name_is_default(field) ? "NULL" : gen_c_string(a, field->json_name));
    gen_set_truth(a, scope, "repeated", field->label == CSVC_LABEL_REPEATED);
    gen_set_text(a, scope, "row", row(a, field, gen_value_text(number)));
    return scope;
}

/* ---- messages ---- */

static const char *const well_known[] = {
    [CSVC_WKT_NONE] = "",
    [CSVC_WKT_ANY] = "CSVC_WKT_ANY",
    [CSVC_WKT_TIMESTAMP] = "CSVC_WKT_TIMESTAMP",
    [CSVC_WKT_DURATION] = "CSVC_WKT_DURATION",
    [CSVC_WKT_EMPTY] = "CSVC_WKT_EMPTY",
    [CSVC_WKT_STRUCT] = "CSVC_WKT_STRUCT",
    [CSVC_WKT_VALUE] = "CSVC_WKT_VALUE",
    [CSVC_WKT_LIST_VALUE] = "CSVC_WKT_LIST_VALUE",
    [CSVC_WKT_FIELD_MASK] = "CSVC_WKT_FIELD_MASK",
    [CSVC_WKT_WRAPPER] = "CSVC_WKT_WRAPPER",
};

static const gen_flag_name message_flags[] = {
    {CSVC_MESSAGE_MAP_ENTRY, "CSVC_MESSAGE_MAP_ENTRY"},
    {CSVC_MESSAGE_REQUIRED, "CSVC_MESSAGE_REQUIRED"},
    {CSVC_MESSAGE_RULES, "CSVC_MESSAGE_RULES"},
};

static const gen_flag_name rule_flags[] = {
    {CSVC_RULE_REQUIRED, "CSVC_RULE_REQUIRED"},
    {CSVC_RULE_MIN_LEN, "CSVC_RULE_MIN_LEN"},
    {CSVC_RULE_MAX_LEN, "CSVC_RULE_MAX_LEN"},
    {CSVC_RULE_MIN, "CSVC_RULE_MIN"},
    {CSVC_RULE_MAX, "CSVC_RULE_MAX"},
    {CSVC_RULE_MIN_ITEMS, "CSVC_RULE_MIN_ITEMS"},
    {CSVC_RULE_MAX_ITEMS, "CSVC_RULE_MAX_ITEMS"},
    {CSVC_RULE_DEFINED, "CSVC_RULE_DEFINED"},
};

/* `{.field = 1, .checks = CSVC_RULE_MAX_LEN, .max_len = 40},`, for column 4. Whether an entity's
 * column is required and how long it may be is its store's to say. */
static char *rule_row(csvc_arena *a, const gen_field *field)
{
    const gen_field_options *o = &field->options;
    const uint32_t columns =
        field->parent->entity != NULL ? CSVC_RULE_REQUIRED | CSVC_RULE_MAX_LEN : 0U;
    const uint32_t rules = o->rules & ~columns;
    const char *items[8];
    size_t n = 0;

    if (rules == 0) {
        return csvc_arena_strdup(a, "");
    }
    items[n++] = csvc_arena_printf(a, ".field = %u", (unsigned)field->index);
    items[n] = gen_flags_text(a, rules, rule_flags, sizeof(rule_flags) / sizeof(rule_flags[0]));
    items[n] = items[n] != NULL ? csvc_arena_printf(a, ".checks = %s", items[n]) : NULL;
    n++;
    if ((rules & CSVC_RULE_MIN_LEN) != 0) {
        items[n++] = csvc_arena_printf(a, ".min_len = %u", (unsigned)o->min_len);
    }
    if ((rules & CSVC_RULE_MAX_LEN) != 0) {
        items[n++] = csvc_arena_printf(a, ".max_len = %u", (unsigned)o->max_len);
    }
    if ((rules & CSVC_RULE_MIN_ITEMS) != 0) {
        items[n++] = csvc_arena_printf(a, ".min_items = %u", (unsigned)o->min_items);
    }
    if ((rules & CSVC_RULE_MAX_ITEMS) != 0) {
        items[n++] = csvc_arena_printf(a, ".max_items = %u", (unsigned)o->max_items);
    }
    if ((rules & CSVC_RULE_MIN) != 0) {
        items[n++] = csvc_arena_printf(a, ".min = %.17g", o->min);
    }
    if ((rules & CSVC_RULE_MAX) != 0) {
        items[n++] = csvc_arena_printf(a, ".max = %.17g", o->max);
    }
    for (size_t i = 0; i < n; i++) {
        if (items[i] == NULL) {
            return NULL;
        }
    }
    return gen_layout(a, 4, "{", items, n, "},");
}

/* The initialised struct that new messages are copied from, as a definition. */
static char *initial(csvc_arena *a, const gen_message *message)
{
    const char *head =
        gen_concat(a, "static const ", message->c_type, " ", message->c_lower, "__initial =");
    const char *value = gen_concat(a, message->c_upper, "__INIT;");

    if (head == NULL || value == NULL) {
        return NULL;
    }
    return gen_concat(a, head, strlen(head) + 1 + strlen(value) <= GEN_COLUMNS ? " " : "\n    ",
                      value);
}

gen_value *gen_scope_message(csvc_arena *a, const gen_message *message)
{
    uint32_t flags = (message->map_entry ? CSVC_MESSAGE_MAP_ENTRY : 0U) |
                     (message->has_required ? CSVC_MESSAGE_REQUIRED : 0U) |
                     (message->has_rules && message->entity == NULL ? CSVC_MESSAGE_RULES : 0U);
    gen_value *scope = gen_object(a);
    gen_value *fields = gen_list(a);
    gen_value *rules = gen_list(a);
    bool json_names = false;
    size_t n_dense = 0;
    const char *row;

    while (n_dense < message->n_fields && message->by_number[n_dense]->number == n_dense + 1) {
        n_dense++;
    }
    for (size_t i = 0; i < message->n_fields; i++) {
        json_names = json_names || !json_name_is_default(message->by_number[i]);
        gen_push(a, fields, scope_field(a, message->by_number[i]));
        row = rule_row(a, message->by_number[i]);
        if (row == NULL || *row != '\0') {
            gen_push(a, rules, gen_text(a, row));
        }
    }
    gen_set_text(a, scope, "name", message->name);
    gen_set_text(a, scope, "full_name", message->full_name);
    gen_set_text(a, scope, "type", message->c_type);
    gen_set_text(a, scope, "lower", message->c_lower);
    gen_set_text(a, scope, "upper", message->c_upper);
    gen_set_text(a, scope, "init", gen_concat(a, message->c_upper, "__INIT"));
    gen_set_text(a, scope, "initial", initial(a, message));
    gen_set_text(a, scope, "table", gen_concat(a, message->c_lower, "__type"));
    gen_set_text(a, scope, "comment",
                 gen_layout_comment(a, 0, gen_comment_of(a, message->comments)));
    gen_set_truth(a, scope, "map_entry", message->map_entry);
    gen_set_number(a, scope, "syntax", message->file->syntax);
    gen_set_text(a, scope, "well_known", well_known[message->well_known]);
    gen_set_truth(a, scope, "has_flags", flags != 0);
    gen_set_text(a, scope, "flags", gen_flags_text(a, flags, message_flags, 3));
    gen_set_number(a, scope, "n_fields", (int64_t)message->n_fields);
    gen_set_number(a, scope, "n_dense", (int64_t)n_dense);
    gen_set_truth(a, scope, "has_json_names", json_names);
    gen_set_truth(a, scope, "has_rules", gen_length(rules) > 0);
    gen_set_number(a, scope, "n_rules", (int64_t)gen_length(rules));
    gen_set(a, scope, "rules", rules);
    gen_set(a, scope, "fields", fields);
    return scope;
}
