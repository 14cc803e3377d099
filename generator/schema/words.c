/* schema/words.c: what a step is called, and what it does in a line. */
#include "schema/parts.h"

#include <string.h>

#include "names/names.h"

#include "base/banned.h"

enum {
    MAX_STEP_NAME = 80,
    MAX_NAMED = 3 /* columns in a name */
};

static const char *what_of(csvc_arena *a, const schema_change *c)
{
    switch (c->kind) {
    case SCHEMA_CREATE_TABLE:
        return "makes the table";
    case SCHEMA_DROP_TABLE:
        return "drops the table";
    case SCHEMA_RENAME_TABLE:
        return cli_printf(a, "was %s", c->was);
    case SCHEMA_DROP_INDEX:
        return cli_printf(a, "drops the index of %s", c->index->column);
    case SCHEMA_RENAME_COLUMN:
        return cli_printf(a, "renames %s to %s", c->was, c->column->name);
    case SCHEMA_DROP_COLUMN:
        return cli_printf(a, "drops %s", c->was);
    case SCHEMA_ADD_COLUMN:
        return cli_printf(a, "adds %s", c->column->name);
    case SCHEMA_RETYPE:
        return cli_printf(a, "makes %s %s", c->column->name, c->column->type);
    case SCHEMA_NARROW:
        return cli_printf(a, "narrows %s", c->column->name);
    case SCHEMA_REFORM:
        return cli_printf(a, "keeps %s in another form", c->column->name);
    case SCHEMA_NULLABLE:
        if (c->there->key) {
            return cli_printf(a, "makes %s a column like others", c->column->name);
        }
        return cli_printf(a,
                          c->column->nullable ? "lets %s be absent" : "fills %s where it is absent",
                          c->column->name);
    case SCHEMA_DEFAULT:
        return cli_printf(a, "gives %s, which no field fills, a default", c->there->name);
    case SCHEMA_KEY:
        return cli_printf(a, "makes %s the key", c->column->name);
    case SCHEMA_NUMBERED:
        return cli_printf(a, c->column->numbered ? "numbers %s" : "numbers %s no more",
                          c->column->name);
    case SCHEMA_ADD_INDEX:
        return cli_printf(a, c->index->unique ? "makes %s unique" : "indexes %s", c->index->column);
    }
    return "";
}

/* The name of the column that a change is about. */
static const char *subject(const schema_change *c)
{
    return c->kind == SCHEMA_DROP_COLUMN ? c->was
           : c->index != NULL            ? c->index->column
           : c->column != NULL           ? c->column->name
           : c->there != NULL            ? c->there->name
                                         : "";
}

/* "add", "drop"...: of changes that can stand together in a name; NULL: none of them. */
static const char *verb(const schema_change *c)
{
    switch (c->kind) {
    case SCHEMA_ADD_COLUMN:
        return "add";
    case SCHEMA_DROP_COLUMN:
        return "drop";
    case SCHEMA_RENAME_COLUMN:
        return "rename";
    case SCHEMA_RETYPE:
        return "retype";
    case SCHEMA_REFORM:
        return "reform";
    case SCHEMA_NARROW:
        return "narrow";
    case SCHEMA_NULLABLE:
        return c->column->nullable ? "optional" : "fill";
    case SCHEMA_DEFAULT:
        return "keep";
    case SCHEMA_KEY:
        return "key";
    case SCHEMA_NUMBERED:
        return "number";
    case SCHEMA_ADD_INDEX:
        return c->index->unique ? "unique" : "index";
    case SCHEMA_DROP_INDEX:
        return c->index->unique ? "not_unique" : "unindex";
    default:
        return NULL;
    }
}

/* What belongs to another change: the index of a column that comes or goes. */
static bool is_minor(const schema_step *step, const schema_change *c)
{
    bool index = c->kind == SCHEMA_DROP_INDEX || c->kind == SCHEMA_ADD_INDEX;

    if (index && c->was != NULL) {
        return true; /* only its name */
    }
    for (size_t i = 0; index && i < step->n_changes; i++) {
        const schema_change *other = &step->changes[i];

        if (other != c && other->kind != SCHEMA_DROP_INDEX &&
            (strcmp(subject(other), subject(c)) == 0 ||
             (other->was != NULL && strcmp(other->was, subject(c)) == 0))) {
            return true;
        }
    }
    return false;
}

static const char *change_name(csvc_arena *a, const schema_step *step)
{
    const char *table = step->table->name;
    const char *names = "";
    const schema_change *first = NULL;
    size_t n = 0;

    for (size_t i = 0; i < step->n_changes; i++) {
        const schema_change *c = &step->changes[i];

        if (is_minor(step, c)) {
            continue;
        }
        if (verb(c) == NULL || (first != NULL && strcmp(verb(c), verb(first)) != 0)) {
            return cli_printf(a, "change_%s", table);
        }
        names = cli_printf(a, "%s%s%s", names, first != NULL ? "_and_" : "", subject(c));
        first = first != NULL ? first : c;
        n++;
    }
    if (first == NULL || n > MAX_NAMED) {
        return cli_printf(a, "change_%s", table);
    }
    if (first->kind == SCHEMA_RENAME_COLUMN) {
        return n == 1
                   ? cli_printf(a, "rename_%s_to_%s_in_%s", first->was, first->column->name, table)
                   : cli_printf(a, "change_%s", table);
    }
    return cli_printf(a, "%s_%s_%s_%s", verb(first), names,
                      first->kind == SCHEMA_ADD_COLUMN    ? "to"
                      : first->kind == SCHEMA_DROP_COLUMN ? "from"
                                                          : "of",
                      table);
}

void schema_step_words(csvc_arena *a, schema_step *step)
{
    const schema_change *first = &step->changes[0];
    const char *what = cli_printf(a, "%s: ", step->table->name);
    bool any = false;

    for (size_t i = 0; i < step->n_changes; i++) {
        step->changes[i].what = what_of(a, &step->changes[i]);
        if (!is_minor(step, &step->changes[i])) {
            what = cli_printf(a, "%s%s%s", what, any ? ", " : "", step->changes[i].what);
            any = true;
        }
    }
    step->what = what;
    if (first->kind == SCHEMA_CREATE_TABLE) {
        step->name = step->table->name;
    } else if (first->kind == SCHEMA_DROP_TABLE) {
        step->name = cli_printf(a, "drop_%s", step->table->name);
    } else if (first->kind == SCHEMA_RENAME_TABLE) {
        step->name = cli_printf(a, "rename_%s_to_%s", first->was, step->table->name);
    } else {
        step->name = change_name(a, step);
    }
    if (strlen(step->name) > MAX_STEP_NAME) {
        step->name = cli_printf(a, "change_%s", step->table->name);
    }
    step->name = cli_must(gen_snake(a, step->name));
}
