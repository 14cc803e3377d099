/* scope/store.c: entities as templates see them: their stores and their tables. */
#include "scope/parts.h"

#include <csvc/store.h>
#include <string.h>

#include "names/names.h"
#include "scope/crud.h"

#include "base/banned.h"

static const gen_flag_name column_flags[] = {
    {CSVC_COLUMN_KEY, "CSVC_COLUMN_KEY"},
    {CSVC_COLUMN_GENERATED, "CSVC_COLUMN_GENERATED"},
    {CSVC_COLUMN_REQUIRED, "CSVC_COLUMN_REQUIRED"},
    {CSVC_COLUMN_UNIQUE, "CSVC_COLUMN_UNIQUE"},
    {CSVC_COLUMN_CREATED_AT, "CSVC_COLUMN_CREATED_AT"},
    {CSVC_COLUMN_UPDATED_AT, "CSVC_COLUMN_UPDATED_AT"},
    {CSVC_COLUMN_TEXT_SEARCH, "CSVC_COLUMN_TEXT_SEARCH"},
};

const char *gen_column_constant(csvc_arena *a, const gen_entity *entity, const gen_column *column)
{
    const char *prefix = gen_upper(a, entity->prefix);
    const char *name = gen_upper(a, column->field->c_name);

    return prefix != NULL && name != NULL ? csvc_arena_printf(a, "%s_%s", prefix, name) : NULL;
}

/* ---- the store ---- */

static gen_value *scope_column(csvc_arena *a, const gen_entity *entity, const gen_column *column)
{
    gen_value *scope = gen_object(a);
    size_t n = sizeof(column_flags) / sizeof(column_flags[0]);

    gen_set_text(a, scope, "constant", gen_column_constant(a, entity, column));
    gen_set_number(a, scope, "bit", column->position);
    gen_set_text(a, scope, "name_string", gen_c_string(a, column->name));
    gen_set_number(a, scope, "field", column->field->index);
    gen_set_truth(a, scope, "has_flags", column->flags != 0);
    gen_set_text(a, scope, "flags", gen_flags_text(a, column->flags, column_flags, n));
    gen_set_number(a, scope, "max_len", column->max_len);
    return scope;
}

/* One function of the store: prototype and the head of its definition. */
static void set_function(csvc_arena *a, gen_value *scope, const gen_entity *entity,
                         const char *name, const char *const *rest, size_t n_rest,
                         const char *prototype, const char *definition)
{
    const char *items[8] = {"csvc_db *db", "csvc_ctx *ctx"};
    const char *head = csvc_arena_printf(a, "csvc_code %s_%s(", entity->prefix, name);
    bool ok = head != NULL;

    for (size_t i = 0; i < n_rest; i++) {
        items[i + 2] = rest[i];
        ok = ok && rest[i] != NULL;
    }
    gen_set_text(a, scope, prototype,
                 ok ? gen_layout(a, 0, head, items, n_rest + 2, ") CSVC_MUST_CHECK;") : NULL);
    gen_set_text(a, scope, definition, ok ? gen_layout(a, 0, head, items, n_rest + 2, ")") : NULL);
}

static void set_functions(csvc_arena *a, gen_value *scope, const gen_entity *entity)
{
    const gen_field *key = entity->key->field;
    const char *type = entity->message->c_type;
    const char *row = csvc_arena_printf(a, "const %s *row", type);
    const char *ret_row = csvc_arena_printf(a, "%s **ret_row", type);
    const char *ret_rows = csvc_arena_printf(a, "%s_rows *ret_rows", entity->prefix);
    const char *key_parameter = key->kind == CSVC_KIND_STRING
                                    ? csvc_arena_printf(a, "const char *%s", "key")
                                    : csvc_arena_printf(a, "%s key", key->c_type);
    const char *const create[] = {row, ret_row};
    const char *const get[] = {key_parameter, ret_row};
    const char *const update[] = {row, "csvc_column_set set", ret_row};
    const char *const list[] = {"const csvc_store_page *page", ret_rows};
    const char *const all[] = {"const csvc_store_page *page", "size_t max_rows", ret_rows};

    set_function(a, scope, entity, "create", create, 2, "create_prototype", "create_definition");
    set_function(a, scope, entity, "get", get, 2, "get_prototype", "get_definition");
    set_function(a, scope, entity, "update", update, 3, "update_prototype", "update_definition");
    set_function(a, scope, entity, "delete", get, 1, "delete_prototype", "delete_definition");
    set_function(a, scope, entity, "list", list, 2, "list_prototype", "list_definition");
    set_function(a, scope, entity, "list_all", all, 3, "list_all_prototype", "list_all_definition");
}

/* The call of the runtime that a function of the store consists of. */
static void set_call(csvc_arena *a, gen_value *scope, const gen_entity *entity, const char *name,
                     const char *head, const char *const *rest, size_t n_rest)
{
    const char *items[8] = {"db", "ctx", csvc_arena_printf(a, "&%s_entity", entity->prefix)};

    for (size_t i = 0; i < n_rest; i++) {
        items[i + 3] = rest[i];
    }
    gen_set_text(a, scope, name,
                 items[2] != NULL ? gen_layout(a, 4, head, items, n_rest + 3, ");") : NULL);
}

static void set_calls(csvc_arena *a, gen_value *scope, const gen_entity *entity)
{
    static const char *const create[] = {"row", "&stored"};
    static const char *const get[] = {"&wanted", "&stored"};
    static const char *const update[] = {"row", "set", "&stored"};
    static const char *const list[] = {"page", "&rows"};
    static const char *const all[] = {"page", "max_rows", "&rows"};

    set_call(a, scope, entity, "create_call", "csvc_code code = csvc_store_create(", create, 2);
    set_call(a, scope, entity, "get_call", "code = csvc_store_get(", get, 2);
    set_call(a, scope, entity, "update_call", "csvc_code code = csvc_store_update(", update, 3);
    set_call(a, scope, entity, "delete_call", "return csvc_store_delete(", get, 1);
    set_call(a, scope, entity, "list_call", "csvc_code code = csvc_store_list(", list, 2);
    set_call(a, scope, entity, "list_all_call", "csvc_code code = csvc_store_list_all(", all, 3);
    set_call(a, scope, entity, "scan_start_call", "return csvc_store_scan_start(", list, 1);
}

static void set_scan(csvc_arena *a, gen_value *scope, const gen_entity *entity)
{
    const char *start[] = {"csvc_db *db", "csvc_ctx *ctx", "const csvc_store_page *page"};
    const char *head =
        csvc_arena_printf(a, "%s_scan *%s_scan_start(", entity->prefix, entity->prefix);
    const char *next[] = {csvc_arena_printf(a, "%s_scan *scan", entity->prefix),
                          csvc_arena_printf(a, "const %s **ret_row", entity->message->c_type)};
    const char *next_head = csvc_arena_printf(a, "bool %s_scan_next(", entity->prefix);
    const char *end[] = {next[0], "csvc_code code"};
    const char *end_head = csvc_arena_printf(a, "csvc_code %s_scan_end(", entity->prefix);
    bool ok =
        head != NULL && next[0] != NULL && next[1] != NULL && next_head != NULL && end_head != NULL;

    gen_set_text(a, scope, "scan_end_prototype",
                 ok ? gen_layout(a, 0, end_head, end, 2, ");") : NULL);
    gen_set_text(a, scope, "scan_end_definition",
                 ok ? gen_layout(a, 0, end_head, end, 2, ")") : NULL);

    gen_set_text(a, scope, "scan_start_prototype",
                 ok ? gen_layout(a, 0, head, start, 3, ");") : NULL);
    gen_set_text(a, scope, "scan_start_definition",
                 ok ? gen_layout(a, 0, head, start, 3, ")") : NULL);
    gen_set_text(a, scope, "scan_next_prototype",
                 ok ? gen_layout(a, 0, next_head, next, 2, ");") : NULL);
    gen_set_text(a, scope, "scan_next_definition",
                 ok ? gen_layout(a, 0, next_head, next, 2, ")") : NULL);
}

static gen_value *scope_entity(csvc_arena *a, const gen_entity *entity)
{
    const gen_message *message = entity->message;
    const gen_field *key = entity->key->field;
    gen_value *scope = gen_object(a);
    gen_value *columns = gen_list(a);
    gen_value *set_key = gen_list(a);
    const char *value = key->kind == CSVC_KIND_STRING ? "(char *)key" : "key";

    for (size_t i = 0; i < entity->n_columns; i++) {
        gen_push(a, columns, scope_column(a, entity, &entity->columns[i]));
    }
    gen_put_field(a, set_key, "wanted.", key, value);
    gen_set_text(a, scope, "name", entity->name);
    gen_set_text(a, scope, "name_string", gen_c_string(a, entity->name));
    gen_set_text(a, scope, "message", message->full_name);
    gen_set_text(a, scope, "type", message->c_type);
    gen_set_text(a, scope, "type_table", csvc_arena_printf(a, "%s__type", message->c_lower));
    gen_set_text(a, scope, "init_wanted", gen_init_statement(a, message, "wanted"));
    gen_set_text(a, scope, "key_prefix",
                 entity->key_prefix != NULL ? gen_c_string(a, entity->key_prefix) : "");
    gen_set_text(a, scope, "table", entity->table);
    gen_set_text(a, scope, "table_string", gen_c_string(a, entity->table));
    gen_set_text(a, scope, "prefix", entity->prefix);
    gen_set_text(a, scope, "key_name", key->name);
    gen_set_text(a, scope, "bad_key",
                 key->kind == CSVC_KIND_STRING ? "an empty one" : "one below 1");
    gen_set(a, scope, "set_key", set_key);
    gen_set(a, scope, "columns", columns);
    gen_set_number(a, scope, "n_columns", (int64_t)entity->n_columns);
    set_functions(a, scope, entity);
    set_calls(a, scope, entity);
    set_scan(a, scope, entity);
    return scope;
}

gen_value *gen_scope_store(csvc_arena *a, const gen_model *model, const gen_file *file)
{
    gen_value *scope = gen_object(a);
    gen_value *entities = gen_list(a);

    (void)model;
    for (size_t i = 0; i < file->n_messages; i++) {
        if (file->messages[i]->entity != NULL) {
            gen_push(a, entities, scope_entity(a, file->messages[i]->entity));
        }
    }
    gen_set_text(a, scope, "name", gen_comment_escape(a, file->name));
    gen_set_text(a, scope, "upper", gen_upper(a, file->c_lower));
    gen_set_text(a, scope, "pb_header", csvc_arena_printf(a, "%s.pb-c.h", file->base));
    gen_set_text(a, scope, "csvc_header", csvc_arena_printf(a, "%s.csvc.h", file->base));
    gen_set_text(a, scope, "store_header", csvc_arena_printf(a, "%s.store.h", file->base));
    gen_set(a, scope, "entities", entities);
    return scope;
}
