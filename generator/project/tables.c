/* tables.c: whether the steps in migrations/ come to the tables that the entities need. */
#include "tables.h"

#include <string.h>

#include "files.h"
#include "trial.h"

#include "base/banned.h"

typedef struct tables {
    project *p;
    cli_list said; /* the warnings, for gen/project.mk */
} tables;

static void say(tables *t, gen_severity severity, gen_place place, const char *text)
{
    gen_report(&t->p->pipeline->diag, severity, place, "%s", text);
    cli_list_add(t->p->a, &t->said,
                 cli_printf(t->p->a, "%s:%u:%u: %s: %s", project_proto_path(t->p, place.file),
                            (unsigned)place.line, (unsigned)place.column,
                            severity == GEN_NOTE ? "note" : "warning", text));
}

/* ---- what does not fit ---- */

static const char *what_lacks(csvc_arena *a, const schema_step *step, const schema_change *c)
{
    const char *message = step->table->of->message->name;

    switch (c->kind) {
    case SCHEMA_CREATE_TABLE:
        return cli_printf(a, "no step makes the table %s, where %s is kept", step->table->name,
                          message);
    case SCHEMA_ADD_COLUMN:
        return cli_printf(a, "table %s has no column %s, which %s needs", step->there->name,
                          c->column->name, message);
    case SCHEMA_DEFAULT:
        return cli_printf(a,
                          "table %s has a column %s, NOT NULL and without a default, that no field "
                          "of %s fills: no row could be added",
                          step->there->name, c->there->name, message);
    default:
        return cli_printf(a, "table %s is not as %s needs it: no step %s", step->there->name,
                          message, c->what);
    }
}

static gen_place place_of(const schema_step *step, const schema_change *c)
{
    const schema_column *column = c->column;

    if (column == NULL && c->kind == SCHEMA_ADD_INDEX) {
        column = schema_find_column(step->table, c->index->column);
    }
    return column != NULL && column->of != NULL ? column->of->field->place
                                                : step->table->of->message->place;
}

static void say_difference(tables *t, const schema_difference *d)
{
    for (size_t i = 0; i < d->n_refusals; i++) {
        say(t, GEN_WARNING, d->refusals[i].place, d->refusals[i].text);
        say(t, GEN_NOTE, d->refusals[i].place, d->refusals[i].hint);
    }
    for (size_t i = 0; i < d->n_steps; i++) {
        const schema_step *step = &d->steps[i];

        for (size_t k = 0; k < step->n_changes; k++) {
            const schema_change *c = &step->changes[k];
            const gen_place place = place_of(step, c);

            say(t, GEN_WARNING, place, what_lacks(t->p->a, step, c));
            say(t, GEN_NOTE, place, "c-svc update writes the step");
        }
    }
}

/* ---- what waits ---- */

/* A step that somebody has to finish: refused, or in an update said. */
static csvc_code say_todos(tables *t, const trial *tried, csvc_error *err)
{
    project *p = t->p;

    for (size_t i = 0; i < tried->n_todos; i++) {
        const trial_todo *todo = &tried->todos[i];

        if (!p->may_wait) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s:%u: error: %s",
                                  project_shown(p, todo->path), todo->line, todo->text);
        }
        cli_list_add(p->a, &t->said,
                     cli_printf(p->a, "%s:%u: warning: %s", todo->path, todo->line, todo->text));
        cli_list_add(p->a, &p->notes,
                     cli_printf(p->a, "todo: %s:%u: %s", project_shown(p, todo->path), todo->line,
                                todo->text));
    }
    return CSVC_OK;
}

csvc_code tables_check(project *p, cli_list *ret_warnings, csvc_error *err)
{
    static const schema_answers none = {0};
    tables t = {.p = p};
    schema there, wanted;
    schema_difference d;
    trial tried;
    csvc_code code;

    if (p->config.storage != CONFIG_SQLITE) {
        return CSVC_OK;
    }
    code = trial_open(p, &tried, err);
    if (code != CSVC_OK) {
        return code;
    }
    code = trial_run_project(&tried, err);
    code = code == CSVC_OK ? say_todos(&t, &tried, err) : code;
    code = code == CSVC_OK ? trial_read(&tried, &there, err) : code;
    if (code == CSVC_OK) {
        schema_wanted(p->a, p->pipeline->model, &wanted);
        schema_compare(p->a, &there, &wanted, &none, &d);
        say_difference(&t, &d);
    }
    for (size_t i = 0; i < t.said.len; i++) {
        cli_list_add(p->a, ret_warnings, t.said.items[i]);
    }
    trial_close(&tried);
    return code;
}
