/* trial.c: steps run on a database in memory, and what they come to. */
#include "trial.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "files.h"
#include "migrations.h"
#include "names/names.h"

#include "base/banned.h"

enum {
    MAX_ROWS = 1 << 20 /* columns of all tables */
};

#define TODO "TODO:"

/* A table, or with `column` one of its columns, since a step made it. */
typedef struct trial_seen {
    const char *table, *column;
    bool ours;
    bool there; /* when it was last looked */
} trial_seen;

/* ---- asking ---- */

static csvc_code query(trial *t, const char *sql, const char *table, csvc_db_rows *ret_rows,
                       csvc_error *err)
{
    const csvc_value param = table != NULL ? csvc_text(table) : (csvc_value){0};
    csvc_code code =
        csvc_db_query(t->db, t->ctx, sql, &param, table != NULL ? 1 : 0, MAX_ROWS, ret_rows);

    if (code != CSVC_OK) {
        return csvc_error_set(err, code, "the tables of migrations/sqlite: %s",
                              csvc_fail_text(t->ctx, code));
    }
    return CSVC_OK;
}

static const char *text_at(const trial *t, const csvc_db_rows *rows, size_t row, size_t column)
{
    const csvc_value *v = &rows->values[row * rows->n_columns + column];

    return v->type == CSVC_VALUE_TEXT
               ? cli_must(csvc_arena_strndup(t->p->a, (const char *)v->bytes.data, v->bytes.len))
               : "";
}

static bool truth_at(const csvc_db_rows *rows, size_t row, size_t column)
{
    return rows->values[row * rows->n_columns + column].i != 0;
}

/* ---- who made what ---- */

static trial_seen *find_seen(const trial *t, const char *table, const char *column)
{
    for (size_t i = 0; i < t->n_seen; i++) {
        if (t->seen[i].there && csvc__ascii_same(t->seen[i].table, table) &&
            csvc__ascii_same(t->seen[i].column, column)) {
            return &t->seen[i];
        }
    }
    return NULL;
}

/* A column that came along when its table got a new name is whose it was. */
static bool came_along(const trial *t, const char *column, bool *ret_ours)
{
    for (size_t i = 0; i < t->n_seen; i++) {
        if (!t->seen[i].there && *column != '\0' && csvc__ascii_same(t->seen[i].column, column) &&
            find_seen(t, t->seen[i].table, "") == NULL) {
            *ret_ours = t->seen[i].ours;
            return true;
        }
    }
    return false;
}

static csvc_code look(trial *t, bool ours, csvc_error *err)
{
    csvc_db_rows rows;
    csvc_code code = query(t,
                           "SELECT \"name\", '' FROM \"sqlite_schema\" WHERE \"type\" = 'table' "
                           "UNION ALL SELECT t.\"name\", c.\"name\" FROM \"sqlite_schema\" AS t, "
                           "pragma_table_info(t.\"name\") AS c WHERE t.\"type\" = 'table'",
                           NULL, &rows, err);
    bool *found;

    if (code != CSVC_OK) {
        return code;
    }
    found = cli_must(csvc_arena_calloc(t->p->a, t->n_seen + rows.n_rows + 1, sizeof(bool)));
    for (size_t i = 0; i < rows.n_rows; i++) {
        const trial_seen *seen = find_seen(t, text_at(t, &rows, i, 0), text_at(t, &rows, i, 1));

        if (seen != NULL) {
            found[seen - t->seen] = true;
        }
    }
    for (size_t i = 0; i < t->n_seen; i++) {
        t->seen[i].there = found[i];
    }
    for (size_t i = 0; i < rows.n_rows; i++) {
        const char *table = text_at(t, &rows, i, 0);
        const char *column = text_at(t, &rows, i, 1);
        bool whose = ours;

        if (find_seen(t, table, column) != NULL) {
            continue;
        }
        (void)(ours && came_along(t, column, &whose));
        t->seen = cli_grown(t->p->a, t->seen, t->n_seen, &t->max_seen, sizeof(*t->seen));
        t->seen[t->n_seen++] =
            (trial_seen){.table = table, .column = column, .ours = whose, .there = true};
    }
    return CSVC_OK;
}

static bool is_ours(const trial *t, const char *table, const char *column)
{
    const trial_seen *seen = find_seen(t, table, column);

    return seen != NULL && seen->ours && gen_name_identifier(table) &&
           (*column == '\0' || gen_name_identifier(column));
}

/* ---- running ---- */

/* The one that failed is the last: its file, the line, and what SQLite said. */
static csvc_code fail_step(trial *t, const char *path, const csvc_error *why, csvc_error *err)
{
    static const char at[] = " failed at line ";
    const char *said = strstr(why->text, at);
    const char *shown = project_shown(t->p, path);
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

/* Lines that wait for a decision become comments, and are noted. */
static const char *without_todos(trial *t, const char *path, const char *sql)
{
    char *text = cli_must(csvc_arena_strdup(t->p->a, sql));
    unsigned line = 1;

    for (char *at = text; *at != '\0'; line++) {
        const size_t len = strcspn(at, "\n");

        if (strncmp(at, TODO, sizeof(TODO) - 1) == 0) {
            t->todos = cli_grown(t->p->a, t->todos, t->n_todos, &t->max_todos, sizeof(*t->todos));
            t->todos[t->n_todos++] = (trial_todo){
                .path = path,
                .line = line,
                .text = cli_must(csvc_arena_strndup(t->p->a, at, len - (at[len - 1] == ';'))),
            };
            at[0] = at[1] = '-';
        }
        at += len + (at[len] == '\n');
    }
    return text;
}

csvc_code trial_run(trial *t, const char *path, const char *sql, csvc_error *err)
{
    csvc_migrations set = {.driver = "sqlite"};
    const csvc_migrations *const sets[] = {&set, NULL};
    const char *first_line = cli_must(csvc_arena_strndup(t->p->a, sql, strcspn(sql, "\n")));
    csvc_error why = {CSVC_ERROR_INIT};

    t->steps = cli_grown(t->p->a, t->steps, t->n_steps, &t->max_steps, sizeof(*t->steps));
    t->steps[t->n_steps] = (csvc_migration){
        .version = (uint32_t)(t->n_steps + 1), .name = path, .sql = without_todos(t, path, sql)};
    t->n_steps++;
    set.steps = t->steps;
    set.n_steps = t->n_steps;
    if (csvc_db_migrate(t->db, sets, &why) != CSVC_OK) {
        return fail_step(t, path, &why, err);
    }
    return look(t, strstr(first_line, TRIAL_MARK) != NULL, err);
}

csvc_code trial_run_project(trial *t, csvc_error *err)
{
    cli_list paths = {0};
    csvc_code code = migrations_list(t->p, "sqlite", &paths, err);

    for (size_t i = 0; code == CSVC_OK && i < paths.len; i++) {
        csvc_bytes sql;

        code = project_read(t->p, paths.items[i], &sql, err);
        code = code == CSVC_OK ? trial_run(t, paths.items[i], (const char *)sql.data, err) : code;
    }
    return code;
}

/* ---- reading ---- */

static csvc_code read_columns(trial *t, schema_table *table, csvc_error *err)
{
    size_t n_keys = 0;
    csvc_db_rows rows;
    csvc_code code = query(t,
                           "SELECT \"name\", \"type\", \"notnull\", \"dflt_value\" IS NOT NULL, "
                           "\"pk\" <> 0 FROM pragma_table_info(?1)",
                           table->name, &rows, err);

    if (code != CSVC_OK) {
        return code;
    }
    table->columns = cli_must(csvc_arena_calloc(t->p->a, rows.n_rows + 1, sizeof(schema_column)));
    for (size_t i = 0; i < rows.n_rows; i++) {
        bool key = truth_at(&rows, i, 4);
        schema_column column = {
            .name = text_at(t, &rows, i, 0),
            .type = text_at(t, &rows, i, 1),
            .nullable = !key && !truth_at(&rows, i, 2),
            .key = key,
            .has_default = truth_at(&rows, i, 3),
        };

        column.ours = is_ours(t, table->name, column.name);
        column.numbered = key && strstr(table->sql, "AUTOINCREMENT") != NULL;
        table->columns[table->n_columns++] = column;
        n_keys += key ? 1 : 0;
    }
    table->ours = table->ours && n_keys == 1; /* no key, or one of several: a user's hand */
    return CSVC_OK;
}

static csvc_code read_indexes(trial *t, schema_table *table, csvc_error *err)
{
    csvc_db_rows rows;
    csvc_code code =
        query(t,
              "SELECT i.\"name\", i.\"unique\", i.\"partial\", (SELECT \"name\" FROM "
              "pragma_index_info(i.\"name\")), s.\"sql\" FROM pragma_index_list(?1) AS i JOIN "
              "\"sqlite_schema\" AS s ON s.\"name\" = i.\"name\" WHERE i.\"origin\" = 'c' AND "
              "(SELECT count(*) FROM pragma_index_info(i.\"name\")) = 1 ORDER BY i.\"name\"",
              table->name, &rows, err);

    if (code != CSVC_OK) {
        return code;
    }
    table->indexes = cli_must(csvc_arena_calloc(t->p->a, rows.n_rows + 1, sizeof(schema_index)));
    for (size_t i = 0; i < rows.n_rows; i++) {
        schema_index index = {.name = text_at(t, &rows, i, 0),
                              .unique = truth_at(&rows, i, 1),
                              .sparse = truth_at(&rows, i, 2),
                              .column = text_at(t, &rows, i, 3)};
        const char *where = cli_printf(t->p->a, " WHERE \"%s\" <> ", index.column);

        if (*index.column != '\0' &&
            index.sparse == (strstr(text_at(t, &rows, i, 4), where) != NULL)) {
            table->indexes[table->n_indexes++] = index;
        }
    }
    return CSVC_OK;
}

static csvc_code read_objects(trial *t, schema *s, csvc_error *err)
{
    csvc_db_rows rows;
    csvc_code code =
        query(t,
              "SELECT \"type\", \"name\", \"tbl_name\", \"sql\" FROM \"sqlite_schema\" WHERE "
              "\"type\" IN ('index', 'trigger', 'view') AND \"sql\" IS NOT NULL ORDER BY \"rowid\"",
              NULL, &rows, err);

    if (code != CSVC_OK) {
        return code;
    }
    s->objects = cli_must(csvc_arena_calloc(t->p->a, rows.n_rows + 1, sizeof(schema_object)));
    for (size_t i = 0; i < rows.n_rows; i++) {
        s->objects[s->n_objects++] = (schema_object){.kind = text_at(t, &rows, i, 0),
                                                     .name = text_at(t, &rows, i, 1),
                                                     .table = text_at(t, &rows, i, 2),
                                                     .sql = text_at(t, &rows, i, 3)};
    }
    return CSVC_OK;
}

csvc_code trial_read(trial *t, schema *ret_schema, csvc_error *err)
{
    schema s = {0};
    csvc_db_rows rows;
    csvc_code code =
        query(t,
              "SELECT s.\"name\", s.\"sql\", l.\"strict\" FROM \"sqlite_schema\" AS s JOIN "
              "pragma_table_list AS l ON l.\"name\" = s.\"name\" WHERE s.\"type\" = 'table' AND "
              "s.\"name\" NOT LIKE 'sqlite_%' AND s.\"name\" <> 'csvc_migrations' AND "
              "l.\"schema\" = 'main' ORDER BY s.\"rowid\"",
              NULL, &rows, err);

    if (code != CSVC_OK) {
        return code;
    }
    s.tables = cli_must(csvc_arena_calloc(t->p->a, rows.n_rows + 1, sizeof(schema_table)));
    for (size_t i = 0; code == CSVC_OK && i < rows.n_rows; i++) {
        schema_table *table = &s.tables[s.n_tables++];

        table->name = text_at(t, &rows, i, 0);
        table->sql = text_at(t, &rows, i, 1);
        table->strict = truth_at(&rows, i, 2);
        table->ours = is_ours(t, table->name, "");
        code = read_columns(t, table, err);
        code = code == CSVC_OK ? read_indexes(t, table, err) : code;
    }
    code = code == CSVC_OK ? read_objects(t, &s, err) : code;
    if (code == CSVC_OK) {
        *ret_schema = s;
    }
    return code;
}

/* ---- life ---- */

csvc_code trial_open(project *p, trial *ret_trial, csvc_error *err)
{
    static const csvc_db_driver *const drivers[] = {&csvc_sqlite, NULL};
    csvc_db_options options = {CSVC_DB_OPTIONS_INIT, .drivers = drivers};
    trial t = {.p = p};

    t.db = csvc_db_open("sqlite::memory:", &options, err);
    if (t.db == NULL) {
        return err->code;
    }
    t.ctx = cli_must(csvc_ctx_new(NULL));
    *ret_trial = t;
    return CSVC_OK;
}

void trial_close(trial *t)
{
    t->db = csvc_db_close(t->db);
    t->ctx = csvc_ctx_unref(t->ctx);
}
