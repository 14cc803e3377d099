/* steps.c: from changed entities to the next files of migrations/. */
#include "steps.h"

#include <string.h>

#include "contract.h"
#include "files.h"
#include "migrations.h"
#include "trial.h"

#include "base/banned.h"

#define POSTGRES "migrations/postgres"

typedef struct planning {
    project *p;
    trial t;
    bool postgres;  /* its steps are wanted, too */
    size_t n_steps; /* so far */
} planning;

/* ---- rendering ---- */

static gen_value *create_scope(csvc_arena *a, const schema_table *table, schema_dialect dialect)
{
    gen_value *scope = gen_object(a);
    gen_value *columns = gen_list(a);
    gen_value *indexes = gen_list(a);

    for (size_t i = 0; i < table->n_columns; i++) {
        gen_push(
            a, columns,
            gen_text(a, cli_printf(a, "%s%s", schema_sql_column(a, dialect, &table->columns[i]),
                                   i + 1 < table->n_columns ? "," : "")));
    }
    for (size_t i = 0; i < table->n_indexes; i++) {
        gen_push(a, indexes, gen_text(a, schema_sql_index(a, dialect, table, &table->indexes[i])));
    }
    gen_set_text(a, scope, "message",
                 table->of != NULL ? table->of->message->full_name : table->name);
    gen_set_text(a, scope, "table", table->name);
    gen_set(a, scope, "columns", columns);
    gen_set(a, scope, "indexes", indexes);
    return scope;
}

static gen_value *change_scope(csvc_arena *a, const char *what, const cli_list *lines)
{
    gen_value *scope = gen_object(a);
    gen_value *list = gen_list(a);

    for (size_t i = 0; i < lines->len; i++) {
        gen_push(a, list, gen_text(a, lines->items[i]));
    }
    gen_set_text(a, scope, "what", what);
    gen_set(a, scope, "lines", list);
    return scope;
}

static csvc_code render(planning *s, schema_dialect dialect, const char *name, const char *template,
                        const gen_value *scope, csvc_error *err)
{
    const char *folder = dialect == SCHEMA_SQLITE ? "sqlite" : "postgres";

    return project_render(
        s->p, cli_printf(s->p->a, "migrations/%s/%04zu_%s.sql", folder, s->n_steps, name),
        GEN_BORN_ONCE, cli_printf(s->p->a, "project/migrations/%s/%s.sql.tmpl", folder, template),
        scope, err);
}

/* ---- one step ---- */

/* What c-svc's own SQL ran into is something of the user's: a view of a column that goes... */
static csvc_code try_lines(planning *s, const char *name, const cli_list *lines, csvc_error *err)
{
    csvc_arena *a = s->p->a;
    const char *path = cli_printf(a, "migrations/sqlite/%04zu_%s.sql", s->n_steps, name);
    csvc_error why = {CSVC_ERROR_INIT};
    csvc_code code = trial_run(
        &s->t, path, cli_printf(a, "-- " TRIAL_MARK "\n%s\n", cli_list_join(a, lines, "\n")), &why);

    if (code == CSVC_OK) {
        return CSVC_OK;
    }
    return csvc_error_set(err, code,
                          "%s: error: c-svc cannot write this step, write it yourself: %s", path,
                          why.text);
}

static void add_all(csvc_arena *a, cli_list *to, const cli_list *from)
{
    for (size_t i = 0; i < from->len; i++) {
        cli_list_add(a, to, from->items[i]);
    }
}

/* Statements for SQLite; they are run on the trial's database as they come. */
static csvc_code sqlite_lines(planning *s, const schema_step *step, cli_list *ret_lines,
                              csvc_error *err)
{
    csvc_arena *a = s->p->a;
    cli_list altered = {0}, rebuilt = {0};
    bool rebuild;
    csvc_code code;

    schema_sqlite_alter(a, step, &altered, &rebuild);
    code = try_lines(s, step->name, &altered, err);
    if (code == CSVC_OK && rebuild) {
        cli_list tried = {0};
        schema now;

        cli_list_add(a, &tried, SCHEMA_SQLITE_UNTIED);
        code = trial_read(&s->t, &now, err);
        code = code == CSVC_OK ? schema_sqlite_rebuild(a, step, &now, &rebuilt, err) : code;
        add_all(a, &tried, &rebuilt);
        code = code == CSVC_OK ? try_lines(s, step->name, &tried, err) : code;
        cli_list_add(a, ret_lines, SCHEMA_SQLITE_UNTIED);
    }
    schema_todos(a, step, SCHEMA_SQLITE, ret_lines);
    add_all(a, ret_lines, &altered);
    add_all(a, ret_lines, &rebuilt);
    return code;
}

static csvc_code plan_change(planning *s, const schema_step *step, csvc_error *err)
{
    csvc_arena *a = s->p->a;
    cli_list sqlite = {0}, postgres = {0};
    csvc_code code = sqlite_lines(s, step, &sqlite, err);

    if (code == CSVC_OK) {
        code = render(s, SCHEMA_SQLITE, step->name, "VERSION_CHANGE",
                      change_scope(a, step->what, &sqlite), err);
    }
    if (code == CSVC_OK && s->postgres) {
        schema_todos(a, step, SCHEMA_POSTGRES, &postgres);
        schema_postgres(a, step, &postgres);
        code = render(s, SCHEMA_POSTGRES, step->name, "VERSION_CHANGE",
                      change_scope(a, step->what, &postgres), err);
    }
    return code;
}

static csvc_code plan_create(planning *s, const schema_step *step, csvc_error *err)
{
    csvc_arena *a = s->p->a;
    const char *path = cli_printf(a, "migrations/sqlite/%04zu_%s.sql", s->n_steps, step->name);
    csvc_bytes sql;
    csvc_code code = render(s, SCHEMA_SQLITE, step->name, "VERSION_TABLE",
                            create_scope(a, step->table, SCHEMA_SQLITE), err);

    code = code == CSVC_OK ? project_read(s->p, path, &sql, err) : code;
    code = code == CSVC_OK ? trial_run(&s->t, path, (const char *)sql.data, err) : code;
    if (code == CSVC_OK && s->postgres) {
        code = render(s, SCHEMA_POSTGRES, step->name, "VERSION_TABLE",
                      create_scope(a, step->table, SCHEMA_POSTGRES), err);
    }
    return code;
}

/* ---- PostgreSQL, where SQLite has steps already ---- */

/* The table that is in `after` and not in `before`, when there is just one; NULL. */
static const schema_table *made_table(const schema *before, const schema *after)
{
    const schema_table *made = NULL;

    if (after->n_tables != before->n_tables + 1) {
        return NULL;
    }
    for (size_t i = 0; i < after->n_tables; i++) {
        if (schema_find_table(before, after->tables[i].name) == NULL) {
            made = &after->tables[i];
        }
    }
    return made;
}

/* What a user wrote for SQLite nobody else can say in other words. */
static gen_value *own_scope(csvc_arena *a, const char *path, const char *sql)
{
    cli_list lines = {0};

    cli_list_add(
        a, &lines,
        cli_printf(a, "TODO: write for PostgreSQL what %s does, then delete this line;", path));
    while (*sql != '\0') {
        const size_t len = strcspn(sql, "\n");

        cli_list_add(a, &lines, cli_printf(a, "-- %.*s", (int)len, sql));
        sql += len + (sql[len] == '\n' ? 1 : 0);
    }
    return change_scope(a, cli_printf(a, "as %s", path), &lines);
}

/* Runs a step of the project; PostgreSQL gets its like where it lacks one. */
static csvc_code run_step(planning *s, const char *path, bool lacking, csvc_error *err)
{
    static const char folder[] = "migrations/sqlite/0001_";
    csvc_arena *a = s->p->a;
    const char *name = cli_must(
        csvc_arena_strndup(a, path + sizeof(folder) - 1, strlen(path) - sizeof(folder) + 1 - 4));
    const schema_table *made = NULL;
    schema before, after;
    csvc_bytes sql;
    csvc_code code = project_read(s->p, path, &sql, err);

    code = code == CSVC_OK && lacking ? trial_read(&s->t, &before, err) : code;
    code = code == CSVC_OK ? trial_run(&s->t, path, (const char *)sql.data, err) : code;
    s->n_steps++;
    if (code != CSVC_OK || !lacking) {
        return code;
    }
    code = trial_read(&s->t, &after, err);
    made = code == CSVC_OK ? made_table(&before, &after) : NULL;
    if (code == CSVC_OK && made != NULL && made->ours) {
        return render(s, SCHEMA_POSTGRES, name, "VERSION_TABLE",
                      create_scope(a, made, SCHEMA_POSTGRES), err);
    }
    if (code == CSVC_OK) {
        cli_list_add(a, &s->p->notes,
                     cli_printf(a,
                                "todo: migrations/postgres/%04zu_%s.sql: write for PostgreSQL what "
                                "%s does",
                                s->n_steps, name, path));
        code = render(s, SCHEMA_POSTGRES, name, "VERSION_CHANGE",
                      own_scope(a, path, (const char *)sql.data), err);
    }
    return code;
}

static csvc_code run_project(planning *s, csvc_error *err)
{
    cli_list sqlite = {0}, pg = {0};
    csvc_code code = migrations_list(s->p, "sqlite", &sqlite, err);

    code = code == CSVC_OK && s->postgres ? migrations_list(s->p, "postgres", &pg, err) : code;
    for (size_t i = 0; code == CSVC_OK && i < sqlite.len; i++) {
        code = run_step(s, sqlite.items[i], s->postgres && i >= pg.len, err);
    }
    return code;
}

/* ---- all of them ---- */

static csvc_code check_answers(project *p, const schema_difference *d, csvc_error *err)
{
    if (d->useless.len > 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s", d->useless.items[0]);
    }
    for (size_t i = 0; i < d->n_refusals; i++) {
        gen_report(&p->pipeline->diag, GEN_ERROR, d->refusals[i].place, "%s", d->refusals[i].text);
        gen_report(&p->pipeline->diag, GEN_NOTE, d->refusals[i].place, "%s", d->refusals[i].hint);
        cli_list_add(p->a, &p->asks, d->refusals[i].ask);
    }
    return CSVC_OK;
}

/* The new steps were run, without their TODOs: now nothing may be missing. */
static csvc_code check_result(planning *s, const schema *wanted, csvc_error *err)
{
    schema_answers again = {.keeps = s->p->answers.keeps,
                            .allow_data_loss = s->p->answers.allow_data_loss};
    schema_difference rest;
    schema now;
    csvc_code code = trial_read(&s->t, &now, err);

    if (code != CSVC_OK) {
        return code;
    }
    schema_compare(s->p->a, &now, wanted, &again, &rest);
    if (rest.n_steps == 0) {
        return CSVC_OK;
    }
    return csvc_error_set(err, CSVC_INTERNAL,
                          "the new steps do not come to the tables that are wanted: %s; write the "
                          "step yourself, and please report this",
                          rest.steps[0].what);
}

static csvc_code plan_all(planning *s, csvc_error *err)
{
    project *p = s->p;
    schema there, wanted;
    schema_difference d;
    const gen_model *recorded = NULL;
    csvc_code code = run_project(s, err);

    code = code == CSVC_OK ? trial_read(&s->t, &there, err) : code;
    code = code == CSVC_OK ? contract_recorded(p, &recorded, err) : code;
    if (code != CSVC_OK) {
        return code;
    }
    if (recorded != NULL) {
        schema_remember(&there, recorded);
    }
    schema_wanted(p->a, p->pipeline->model, &wanted);
    schema_compare(p->a, &there, &wanted, &p->answers, &d);
    code = check_answers(p, &d, err);
    if (code == CSVC_OK && d.n_refusals > 0) {
        return CSVC_OK; /* nothing is written before it is answered */
    }
    if (code == CSVC_OK && s->n_steps + d.n_steps > MIGRATIONS_MAX) {
        code = csvc_error_set(err, CSVC_INVALID_ARGUMENT, "more than %d steps in migrations/sqlite",
                              MIGRATIONS_MAX);
    }
    for (size_t i = 0; code == CSVC_OK && i < d.n_steps; i++) {
        s->n_steps++;
        code = d.steps[i].changes[0].kind == SCHEMA_CREATE_TABLE ? plan_create(s, &d.steps[i], err)
                                                                 : plan_change(s, &d.steps[i], err);
    }
    code = code == CSVC_OK && d.n_steps > 0 ? check_result(s, &wanted, err) : code;
    for (size_t i = 0; code == CSVC_OK && i < d.notes.len; i++) {
        cli_list_add(p->a, &p->notes, d.notes.items[i]);
    }
    return code;
}

/* Its steps are made beside those of SQLite; who removes the folder wants none. */
static bool wants_postgres(const project *p)
{
    if (p->root == NULL || files_is_folder(files_join(p->a, p->root, POSTGRES))) {
        return true;
    }
    for (size_t i = 0; i < p->lock.n_files; i++) {
        if (strncmp(p->lock.files[i].path, POSTGRES "/", sizeof(POSTGRES)) == 0) {
            return false;
        }
    }
    return true; /* made by a c-svc that knew nothing of PostgreSQL */
}

csvc_code steps_plan(project *p, csvc_error *err)
{
    planning s = {.p = p, .postgres = wants_postgres(p)};
    const schema_answers *said = &p->answers;
    csvc_code code;

    if (p->config.storage != CONFIG_SQLITE) {
        return said->renames.len == 0 && said->keeps.len == 0
                   ? CSVC_OK
                   : csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                    "--rename and --keep: no rpc and no service of that name is "
                                    "gone, and the project has no tables");
    }
    code = trial_open(p, &s.t, err);
    if (code == CSVC_OK) {
        code = plan_all(&s, err);
        trial_close(&s.t);
    }
    return code;
}
