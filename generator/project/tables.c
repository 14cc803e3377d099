/*
 * tables.c: whether the steps in migrations/ come to the tables that the entities need.
 *
 * The steps run as the server runs them, on a database in memory; what stands there then is
 * compared with the columns of the entities. So no step is taken on trust, however it is written.
 */
#include "migrations.h"
#include "tables.h"

#include <csvc/ctx.h>
#include <csvc/store.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "names/names.h"
#include "scope/scope.h"

#include "base/utf8.h"

#include "base/banned.h"

#define FOLDER "migrations/sqlite"

enum {
    MAX_COLUMNS = 4096 /* of a table; SQLite has 2,000 */
};

typedef struct tables {
    project *p;
    csvc_db *db;
    csvc_ctx *ctx;
    size_t n_steps; /* there are, and were proposed */
    cli_list said;  /* the warnings, for gen/project.mk */
} tables;

/* ---- running the steps ---- */

/* The one that failed is the last: its file, the line, and what SQLite said. */
static csvc_code fail_step(tables *t, const char *path, const csvc_error *why, csvc_error *err)
{
    static const char at[] = " failed at line ";
    const char *said = strstr(why->text, at);
    const char *shown = t->p->root != NULL ? files_join(t->p->a, t->p->root, path) : path;
    const char *end;
    char *text;
    unsigned long line;

    if (said == NULL) {
        return csvc_error_set(err, why->code, "%s: error: %s", shown, why->text);
    }
    line = strtoul(said + sizeof(at) - 1, &text, 10);
    text += strspn(text, ": ");
    end = strstr(text, "; nothing of it was kept");
    return csvc_error_set(err, why->code, "%s:%lu: error: %.*s", shown, line,
                          (int)(end != NULL ? (size_t)(end - text) : strlen(text)), text);
}

static csvc_code run_steps(tables *t, csvc_error *err)
{
    csvc_arena *a = t->p->a;
    cli_list paths = {0};
    csvc_code code = migrations_list(t->p, &paths, err);
    csvc_migration *steps = cli_must(csvc_arena_calloc(a, paths.len + 1, sizeof(*steps)));
    csvc_migrations set = {.driver = "sqlite", .steps = steps};
    const csvc_migrations *const sets[] = {&set, NULL};

    for (size_t i = 0; code == CSVC_OK && i < paths.len; i++) {
        csvc_error why = {CSVC_ERROR_INIT};
        csvc_bytes sql;

        code = project_read(t->p, paths.items[i], &sql, err);
        if (code != CSVC_OK) {
            break;
        }
        steps[i] = (csvc_migration){
            .version = (uint32_t)(i + 1), .name = paths.items[i], .sql = (const char *)sql.data};
        set.n_steps = i + 1;
        if (csvc_db_migrate(t->db, sets, &why) != CSVC_OK) {
            code = fail_step(t, paths.items[i], &why, err);
        }
    }
    t->n_steps = paths.len;
    return code;
}

/* ---- saying what does not fit ---- */

static void say(tables *t, gen_severity severity, gen_place place, const char *text)
{
    gen_report(&t->p->pipeline->diag, severity, place, "%s", text);
    cli_list_add(t->p->a, &t->said,
                 cli_printf(t->p->a, "%s:%u:%u: %s: %s", project_proto_path(t->p, place.file),
                            (unsigned)place.line, (unsigned)place.column,
                            severity == GEN_NOTE ? "note" : "warning", text));
}

/* The file that the statements for this table go into. */
static const char *next_step(tables *t, const gen_entity *entity)
{
    return cli_printf(t->p->a, FOLDER "/%04zu_%s.sql", t->n_steps + 1,
                      (const char *)cli_must(gen_snake(t->p->a, entity->table)));
}

static void say_no_table(tables *t, const gen_entity *entity)
{
    csvc_arena *a = t->p->a;

    say(t, GEN_WARNING, entity->message->place,
        cli_printf(a, "no step makes the table %s, where %s is kept", entity->table,
                   entity->message->name));
    say(t, GEN_NOTE, entity->message->place,
        cli_printf(a, "write %s: %s", next_step(t, entity),
                   (const char *)cli_must(gen_sql_make_table(a, entity))));
}

/* `was`: a column that nothing fills any more, and that this one may be; or NULL. */
static void say_no_column(tables *t, const gen_entity *entity, const gen_column *column,
                          const char *was)
{
    csvc_arena *a = t->p->a;
    const char *renamed = was == NULL
                              ? ""
                              : cli_printf(a,
                                           " or, where it is %s by a new name: ALTER TABLE \"%s\" "
                                           "RENAME COLUMN \"%s\" TO \"%s\";",
                                           was, entity->table, was, column->name);

    say(t, GEN_WARNING, column->field->place,
        cli_printf(a, "table %s has no column %s, which %s needs", entity->table, column->name,
                   entity->message->name));
    if ((column->flags & CSVC_COLUMN_KEY) != 0) {
        say(t, GEN_NOTE, column->field->place,
            cli_printf(a,
                       "write %s; SQL adds no key to a table: rename the table, make it anew, copy "
                       "its rows and drop the old one. The new one: %s",
                       next_step(t, entity),
                       (const char *)cli_must(gen_sql_make_table(a, entity))));
    } else {
        say(t, GEN_NOTE, column->field->place,
            cli_printf(a, "write %s: %s%s", next_step(t, entity),
                       (const char *)cli_must(gen_sql_add_column(a, entity, column)), renamed));
    }
}

static void say_demanded(tables *t, const gen_entity *entity, const char *name)
{
    csvc_arena *a = t->p->a;

    say(t, GEN_WARNING, entity->message->place,
        cli_printf(a,
                   "table %s has a column %s, NOT NULL and without a default, that no field of %s "
                   "fills: no row could be added",
                   entity->table, name, entity->message->name));
    say(t, GEN_NOTE, entity->message->place,
        cli_printf(a,
                   "write %s: DROP INDEX IF EXISTS \"%s_%s_key\"; DROP INDEX IF EXISTS "
                   "\"%s_%s_idx\"; ALTER TABLE \"%s\" DROP COLUMN \"%s\";",
                   next_step(t, entity), entity->table, name, entity->table, name, entity->table,
                   name));
}

/* ---- comparing ---- */

static const char *name_of(const csvc_db_rows *rows, size_t i)
{
    return (const char *)rows->values[i * rows->n_columns].bytes.data;
}

/* SQL takes names without regard to ASCII case. */
static void compare(tables *t, const gen_entity *entity, const csvc_db_rows *rows)
{
    const gen_column **missing =
        cli_must(csvc_arena_calloc(t->p->a, entity->n_columns + 1, sizeof(gen_column *)));
    cli_list demanded = {0};
    size_t n_missing = 0;

    for (size_t i = 0; i < entity->n_columns; i++) {
        bool found = false;

        for (size_t k = 0; k < rows->n_rows && !found; k++) {
            found = csvc__ascii_same(entity->columns[i].name, name_of(rows, k));
        }
        if (!found) {
            missing[n_missing++] = &entity->columns[i];
        }
    }
    for (size_t k = 0; k < rows->n_rows; k++) {
        bool known = false;

        for (size_t i = 0; i < entity->n_columns && !known; i++) {
            known = csvc__ascii_same(entity->columns[i].name, name_of(rows, k));
        }
        if (!known && rows->values[k * rows->n_columns + 1].i != 0) {
            cli_list_add(t->p->a, &demanded, name_of(rows, k));
        }
    }
    for (size_t i = 0; i < n_missing; i++) {
        say_no_column(t, entity, missing[i],
                      n_missing == 1 && demanded.len == 1 ? demanded.items[0] : NULL);
    }
    for (size_t i = 0; i < demanded.len; i++) {
        say_demanded(t, entity, demanded.items[i]);
    }
}

static csvc_code check_entity(tables *t, const gen_entity *entity, csvc_error *err)
{
    size_t before = t->said.len;
    csvc_db_rows rows;
    csvc_code code = csvc_db_columns(t->db, t->ctx, entity->table, MAX_COLUMNS, &rows);

    if (code != CSVC_OK) {
        return csvc_error_set(err, code, "table %s: %s", entity->table,
                              csvc_fail_text(t->ctx, code));
    }
    if (rows.n_rows == 0) {
        say_no_table(t, entity);
    } else {
        compare(t, entity, &rows);
    }
    if (t->said.len > before) {
        t->n_steps++; /* another table's statements go into a step of their own */
    }
    return CSVC_OK;
}

csvc_code tables_check(project *p, cli_list *ret_warnings, csvc_error *err)
{
    static const csvc_db_driver *const drivers[] = {&csvc_sqlite, NULL};
    csvc_db_options options = {CSVC_DB_OPTIONS_INIT, .drivers = drivers};
    tables t = {.p = p};
    csvc_code code;

    if (p->config.storage != CONFIG_SQLITE) {
        return CSVC_OK;
    }
    t.ctx = cli_must(csvc_ctx_new(NULL));
    t.db = csvc_db_open("sqlite::memory:", &options, err);
    code = t.db != NULL ? run_steps(&t, err) : err->code;
    for (size_t i = 0; code == CSVC_OK && i < p->pipeline->model->n_entities; i++) {
        code = check_entity(&t, p->pipeline->model->entities[i], err);
    }
    for (size_t i = 0; i < t.said.len; i++) {
        cli_list_add(p->a, ret_warnings, t.said.items[i]);
    }
    t.db = csvc_db_close(t.db);
    t.ctx = csvc_ctx_unref(t.ctx);
    return code;
}
