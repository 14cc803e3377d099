/*
 * schema/sqlite.c: a step for SQLite.
 *
 * ALTER TABLE adds, renames and drops columns. For anything else the table is made anew under
 * another name, filled, and put in the old one's place, as SQLite's manual has it: foreign keys
 * unheeded meanwhile, indexes, triggers and views made again.
 */
#include "schema/create.h"
#include "schema/schema.h"

#include <string.h>

#include "base/utf8.h"

#include "base/banned.h"

static bool needs_rebuild(const schema_change *c)
{
    return c->kind == SCHEMA_RETYPE || c->kind == SCHEMA_NULLABLE || c->kind == SCHEMA_DEFAULT ||
           c->kind == SCHEMA_KEY || c->kind == SCHEMA_NUMBERED ||
           (c->kind == SCHEMA_ADD_COLUMN && c->column->key);
}

/* ---- ALTER TABLE ---- */

static void add_column(csvc_arena *a, const char *table, const schema_change *c,
                       cli_list *ret_lines)
{
    const char *empty = schema_sql_empty(SCHEMA_SQLITE, c->column);

    cli_list_add(a, ret_lines,
                 cli_printf(a, "ALTER TABLE \"%s\" ADD COLUMN %s%s%s;", table,
                            schema_sql_column(a, SCHEMA_SQLITE, c->column),
                            c->column->nullable ? "" : " DEFAULT ",
                            c->column->nullable ? "" : empty));
    if (c->todo != NULL) {
        cli_list_add(
            a, ret_lines,
            cli_printf(a, "UPDATE \"%s\" SET \"%s\" = %s;", table, c->column->name, empty));
    }
}

/* What comes when the table is otherwise as it should be. */
static const char *last_line(csvc_arena *a, const schema_step *step, const schema_change *c)
{
    return c->kind == SCHEMA_ADD_INDEX ? schema_sql_index(a, SCHEMA_SQLITE, step->table, c->index)
                                       : schema_sql_reform(a, step->table, c->column);
}

void schema_sqlite_alter(csvc_arena *a, const schema_step *step, cli_list *ret_lines,
                         bool *ret_rebuild)
{
    const char *table = step->table->name;

    *ret_rebuild = false;
    for (size_t i = 0; i < step->n_changes; i++) {
        *ret_rebuild = *ret_rebuild || needs_rebuild(&step->changes[i]);
    }
    for (size_t i = 0; i < step->n_changes; i++) {
        const schema_change *c = &step->changes[i];

        switch (c->kind) {
        case SCHEMA_DROP_TABLE:
            cli_list_add(a, ret_lines, cli_printf(a, "DROP TABLE \"%s\";", table));
            break;
        case SCHEMA_RENAME_TABLE:
            cli_list_add(a, ret_lines,
                         cli_printf(a, "ALTER TABLE \"%s\" RENAME TO \"%s\";", c->was, table));
            break;
        case SCHEMA_DROP_INDEX:
            cli_list_add(a, ret_lines, cli_printf(a, "DROP INDEX \"%s\";", c->index->name));
            break;
        case SCHEMA_RENAME_COLUMN:
            cli_list_add(a, ret_lines,
                         cli_printf(a, "ALTER TABLE \"%s\" RENAME COLUMN \"%s\" TO \"%s\";", table,
                                    c->was, c->column->name));
            break;
        case SCHEMA_DROP_COLUMN:
            cli_list_add(a, ret_lines,
                         cli_printf(a, "ALTER TABLE \"%s\" DROP COLUMN \"%s\";", table, c->was));
            break;
        case SCHEMA_ADD_COLUMN:
            if (!c->column->key) {
                add_column(a, table, c, ret_lines);
            }
            break;
        case SCHEMA_REFORM:
        case SCHEMA_NARROW:
        case SCHEMA_ADD_INDEX:
            if (!*ret_rebuild) {
                cli_list_add(a, ret_lines, last_line(a, step, c));
            }
            break;
        default:
            break;
        }
    }
}

/* ---- a table made anew ---- */

/* What a column of the old table becomes, and the expression that makes its values. */
typedef struct column_plan {
    schema_redefinition to;
    bool changes;
    const char *value;
} column_plan;

static const char *key_words(const schema_column *column)
{
    return column->numbered ? "PRIMARY KEY AUTOINCREMENT" : "NOT NULL PRIMARY KEY";
}

/* A value of the old type as one of the new. */
static const char *converted(csvc_arena *a, const schema_change *c)
{
    const char *type = c->column->type;

    if (strcmp(type, "BLOB") == 0 && c->column->of->field->kind != CSVC_KIND_BYTES) {
        return c->column->nullable ? "NULL" : "x''"; /* nothing becomes a message by itself */
    }
    return cli_printf(a, "CAST(\"%s\" AS %s)", c->column->name, type);
}

static void plan_column(csvc_arena *a, const schema_step *step, const char *name, bool takes_key,
                        column_plan *ret_plan)
{
    column_plan plan = {.value = cli_printf(a, "\"%s\"", name)};

    for (size_t i = 0; i < step->n_changes; i++) {
        const schema_change *c = &step->changes[i];
        const schema_column *column = c->kind == SCHEMA_DEFAULT ? c->there : c->column;

        if (column == NULL || !needs_rebuild(c) || !csvc__ascii_same(column->name, name)) {
            continue;
        }
        plan.changes = true;
        if (c->kind == SCHEMA_DEFAULT) {
            plan.to.default_ = schema_sql_empty_of(SCHEMA_SQLITE, column->type);
            continue;
        }
        if (c->kind == SCHEMA_RETYPE) {
            plan.to.type = column->type;
            plan.value = converted(a, c);
        }
        if (c->there != NULL && c->there->nullable && !column->nullable) {
            plan.value = cli_printf(a, "coalesce(%s, %s)", plan.value, column->empty);
        }
        if (c->kind == SCHEMA_NULLABLE) {
            plan.to.set_nullable = true;
            plan.to.nullable = column->nullable;
            plan.to.set_key = c->there->key;
            plan.to.key = "";
        }
        if (c->kind == SCHEMA_KEY || c->kind == SCHEMA_NUMBERED) {
            plan.to.set_key = true;
            plan.to.key = key_words(column);
        }
    }
    if (takes_key && !plan.to.set_key) { /* another is the key now: this one need not be filled */
        const schema_column *there = schema_find_column(step->there, name);

        if (there != NULL && there->key) {
            plan.changes = plan.to.set_key = true;
            plan.to.key = "";
        }
    }
    *ret_plan = plan;
}

static void add_definitions(csvc_arena *a, const schema_step *step, const schema_table *now,
                            const schema_create *create, cli_list *ret_definitions,
                            cli_list *ret_names, cli_list *ret_values)
{
    bool takes_key = false;

    for (size_t i = 0; i < step->n_changes; i++) {
        const schema_column *column = step->changes[i].column;

        takes_key = takes_key || step->changes[i].kind == SCHEMA_KEY;
        if (step->changes[i].kind == SCHEMA_ADD_COLUMN && column->key) {
            cli_list_add(a, ret_definitions, schema_sql_column(a, SCHEMA_SQLITE, column));
            cli_list_add(a, ret_names, cli_printf(a, "\"%s\"", column->name));
            cli_list_add(a, ret_values,
                         strcmp(column->type, "TEXT") == 0 ? "lower(hex(randomblob(16)))"
                                                           : "\"rowid\"");
        }
    }
    for (size_t i = 0; i < create->n_definitions; i++) {
        const schema_definition *d = &create->definitions[i];
        column_plan plan = {0};

        if (d->name != NULL) {
            plan_column(a, step, d->name, takes_key, &plan);
        }
        cli_list_add(a, ret_definitions,
                     plan.changes ? schema_create_redefine(a, d->text, &plan.to) : d->text);
        if (d->name != NULL && schema_find_column(now, d->name) != NULL) { /* not a computed one */
            cli_list_add(a, ret_names, schema_sql_name(a, d->name));
            cli_list_add(a, ret_values, plan.changes ? plan.value : schema_sql_name(a, d->name));
        }
    }
}

/* ---- what stands around it ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* In either case; a table called so within a longer word counts, too. */
static bool contains(const char *text, const char *word)
{
    for (; *text != '\0'; text++) {
        size_t i = 0;

        while (word[i] != '\0' && lower(text[i]) == lower(word[i])) {
            i++;
        }
        if (word[i] == '\0') {
            return true;
        }
    }
    return false;
}

static bool is_kind(const schema_object *object, const char *kind)
{
    return strcmp(object->kind, kind) == 0;
}

/*
 * Views and triggers that name the table would stop it from being renamed while it is gone. Which
 * view reads which is not known here, so either none of them is touched or all are.
 */
static bool are_others_touched(const schema *now, const char *table)
{
    for (size_t i = 0; i < now->n_objects; i++) {
        const schema_object *o = &now->objects[i];

        if (!is_kind(o, "index") && !csvc__ascii_same(o->table, table) && contains(o->sql, table)) {
            return true;
        }
    }
    return false;
}

static void drop_others(csvc_arena *a, const schema *now, cli_list *ret_lines)
{
    for (size_t i = 0; i < now->n_objects; i++) { /* triggers first: those on views go with them */
        if (is_kind(&now->objects[i], "trigger")) {
            cli_list_add(
                a, ret_lines,
                cli_printf(a, "DROP TRIGGER %s;", schema_sql_name(a, now->objects[i].name)));
        }
    }
    for (size_t i = 0; i < now->n_objects; i++) {
        if (is_kind(&now->objects[i], "view")) {
            cli_list_add(a, ret_lines,
                         cli_printf(a, "DROP VIEW %s;", schema_sql_name(a, now->objects[i].name)));
        }
    }
}

static void make_again(csvc_arena *a, const schema *now, const char *kind, const char *table,
                       cli_list *ret_lines)
{
    for (size_t i = 0; i < now->n_objects; i++) {
        const schema_object *o = &now->objects[i];

        if (is_kind(o, kind) && (table == NULL || csvc__ascii_same(o->table, table))) {
            cli_list_add(a, ret_lines, cli_printf(a, "%s;", o->sql));
        }
    }
}

static bool is_numbered(const schema_table *table)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->columns[i].numbered) {
            return true;
        }
    }
    return false;
}

csvc_code schema_sqlite_rebuild(csvc_arena *a, const schema_step *step, const schema *now,
                                cli_list *ret_lines, csvc_error *err)
{
    const char *name = step->table->name;
    const schema_table *table = schema_find_table(now, name);
    const char *fresh = cli_printf(a, "csvc_new_%s", name);
    cli_list definitions = {0}, names = {0}, values = {0};
    bool others = are_others_touched(now, name);
    schema_create create;

    if (table == NULL || !schema_create_read(a, table->sql, &create)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "table %s: c-svc does not understand how it was made; write this "
                              "step yourself",
                              name);
    }
    add_definitions(a, step, table, &create, &definitions, &names, &values);
    if (others) {
        drop_others(a, now, ret_lines);
    }
    cli_list_add(a, ret_lines, cli_printf(a, "CREATE TABLE \"%s\" (", fresh));
    for (size_t i = 0; i < definitions.len; i++) {
        cli_list_add(
            a, ret_lines,
            cli_printf(a, "    %s%s", definitions.items[i], i + 1 < definitions.len ? "," : ""));
    }
    cli_list_add(a, ret_lines,
                 cli_printf(a, ")%s%s;", *create.tail != '\0' ? " " : "", create.tail));
    cli_list_add(a, ret_lines,
                 cli_printf(a, "INSERT INTO \"%s\" (%s)", fresh, cli_list_join(a, &names, ", ")));
    cli_list_add(
        a, ret_lines,
        cli_printf(a, "    SELECT %s FROM \"%s\";", cli_list_join(a, &values, ", "), name));
    if (is_numbered(table) && is_numbered(step->table)) {
        /* numbers of rows that are gone are not given again */
        cli_list_add(
            a, ret_lines,
            cli_printf(a, "DELETE FROM \"sqlite_sequence\" WHERE \"name\" = '%s';", fresh));
        cli_list_add(a, ret_lines,
                     cli_printf(a,
                                "INSERT INTO \"sqlite_sequence\" (\"name\", \"seq\") SELECT '%s', "
                                "\"seq\" FROM \"sqlite_sequence\" WHERE \"name\" = '%s';",
                                fresh, name));
    }
    cli_list_add(a, ret_lines, cli_printf(a, "DROP TABLE \"%s\";", name));
    cli_list_add(a, ret_lines, cli_printf(a, "ALTER TABLE \"%s\" RENAME TO \"%s\";", fresh, name));
    make_again(a, now, "index", name, ret_lines);
    for (size_t i = 0; i < step->n_changes; i++) {
        const schema_change *c = &step->changes[i];

        if (c->kind == SCHEMA_REFORM || c->kind == SCHEMA_NARROW || c->kind == SCHEMA_ADD_INDEX) {
            cli_list_add(a, ret_lines, last_line(a, step, c));
        }
    }
    if (others) {
        make_again(a, now, "view", NULL, ret_lines);
    }
    make_again(a, now, "trigger", others ? NULL : name, ret_lines);
    return CSVC_OK;
}
