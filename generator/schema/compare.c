/*
 * schema/compare.c: what lies between the tables that are there and those that are wanted.
 *
 * What users made by steps of their own is theirs: their tables get the columns that their entities
 * lack, nothing else; their columns, indexes, triggers and views stay. What looks like a new name
 * is asked, never guessed.
 */
#include "schema/parts.h"

#include <string.h>

#include "base/utf8.h"

#include "base/banned.h"

typedef struct comparison {
    csvc_arena *a;
    schema_answered answered;
    schema_difference *d;

    /* of the table at hand */
    schema_step *step;
    const schema_table *there, *wanted;
    const schema_column **match; /* of each wanted column, what is there; NULL: it is new */
    bool *matched;               /* of each column there */
} comparison;

/* ---- lists that grow ---- */

static schema_step *add_step(comparison *c, const schema_table *table, const schema_table *there)
{
    schema_difference *d = c->d;

    d->steps = cli_grown(c->a, d->steps, d->n_steps, &d->max_steps, sizeof(*d->steps));
    d->steps[d->n_steps] = (schema_step){.table = table, .there = there};
    return &d->steps[d->n_steps++];
}

static void add_change(comparison *c, schema_change change)
{
    schema_step *s = c->step;

    s->changes = cli_grown(c->a, s->changes, s->n_changes, &s->max_changes, sizeof(*s->changes));
    s->changes[s->n_changes++] = change;
}

static void refuse(comparison *c, schema_refusal refusal)
{
    schema_difference *d = c->d;

    d->refusals =
        cli_grown(c->a, d->refusals, d->n_refusals, &d->max_refusals, sizeof(*d->refusals));
    d->refusals[d->n_refusals++] = refusal;
}

/* ---- columns that nothing fills any more ---- */

/* NOT NULL and without a default: no row could be added. */
static bool is_demanded(const schema_column *column)
{
    return !column->nullable && !column->has_default && !column->key;
}

/* A column of an entity, once. */
static bool is_gone(const comparison *c, size_t i)
{
    const schema_column *column = &c->there->columns[i];

    return !c->matched[i] && (column->ours || is_demanded(column));
}

/* What callers see of a field is its number: one that kept it has another name, whatever else is
 * new. */
static bool kept_number(const schema_column *gone, const schema_column *column)
{
    return gone->of != NULL && column->of != NULL &&
           gone->of->field->number == column->of->field->number;
}

/* The new columns that it could be by another name, "--rename users.phone=cell or --rename ...". */
static const char *new_names(comparison *c, const schema_column *gone,
                             const schema_column **ret_new)
{
    const char *text = NULL;

    for (size_t i = 0; i < c->wanted->n_columns; i++) {
        const schema_column *column = &c->wanted->columns[i];

        if (c->match[i] == NULL && strcmp(column->type, gone->type) == 0) {
            if (kept_number(gone, column)) {
                *ret_new = column;
                return cli_printf(c->a, "--rename %s.%s=%s", c->there->name, gone->name,
                                  column->name);
            }
            text = cli_printf(c->a, "%s%s--rename %s.%s=%s", text != NULL ? text : "",
                              text != NULL ? " or " : "", c->there->name, gone->name, column->name);
            *ret_new = column;
        }
    }
    return text;
}

static void settle_gone(comparison *c, const schema_column *gone)
{
    const schema_column *fresh = NULL;
    const char *table = c->there->name;

    if (!schema_answers_keep(&c->answered, table, gone->name)) {
        const char *renames;

        if (c->answered.answers->allow_data_loss && gone->ours && !gone->key) {
            add_change(
                c, (schema_change){.kind = SCHEMA_DROP_COLUMN, .there = gone, .was = gone->name});
            return;
        }
        renames = new_names(c, gone, &fresh);
        if (renames != NULL) {
            const bool several = strstr(renames, " or ") != NULL;

            refuse(c, (schema_refusal){
                          .place = fresh->of->field->place,
                          .text = cli_printf(
                              c->a,
                              "no field of %s fills the column %s any more, and %s is new and of "
                              "the same type: the same by a new name?",
                              c->wanted->of->message->name, gone->name, fresh->name),
                          .hint = cli_printf(
                              c->a,
                              "c-svc update %s keeps what is in it; --allow-data-loss drops it; "
                              "--keep %s.%s leaves it as it is, beside a new one",
                              renames, table, gone->name),
                          .ask = several ? cli_printf(c->a, "--rename %s.%s=...", table, gone->name)
                                         : renames});
            return;
        }
        cli_list_add(c->a, &c->d->notes,
                     cli_printf(c->a, "table %s keeps the column %s, which no field of %s fills%s",
                                table, gone->name, c->wanted->of->message->name,
                                gone->ours && !gone->key ? "; --allow-data-loss drops it" : ""));
    }
    if (is_demanded(gone)) {
        add_change(c, (schema_change){.kind = SCHEMA_DEFAULT, .there = gone});
    }
}

/* ---- columns that are there and wanted ---- */

static const char *narrowed(comparison *c, const schema_column *column, const schema_column *there)
{
    bool plain = column->of->field->kind == CSVC_KIND_STRING && !column->nullable;

    if ((strcmp(there->type, "INTEGER") == 0 && strcmp(column->type, "TEXT") == 0 && plain) ||
        (strcmp(there->type, "TEXT") == 0 && strcmp(column->type, "BLOB") == 0 &&
         column->of->field->kind == CSVC_KIND_BYTES)) {
        return NULL; /* every value has its own */
    }
    return cli_printf(c->a,
                      "%s.%s was %s and becomes %s, and not every value can: see what the "
                      "statements below make of it",
                      c->wanted->name, column->name, there->type, column->type);
}

/* Of one type in SQL, and yet not to be read as before. */
static void compare_form(comparison *c, const schema_column *column, const schema_column *there)
{
    const char *was = there->of != NULL ? schema_form(c->a, there->of) : NULL;
    const char *is = schema_form(c->a, column->of);

    if (was != NULL && strcmp(column->type, there->type) == 0 && strcmp(was, is) != 0) {
        add_change(c, (schema_change){
                          .kind = SCHEMA_REFORM,
                          .column = column,
                          .there = there,
                          .todo = cli_printf(c->a,
                                             "what stands in %s.%s was %s and is to be %s: let the "
                                             "UPDATE below make one of the other",
                                             c->wanted->name, column->name, was, is)});
    } else if (was != NULL && strcmp(column->type, there->type) == 0) {
        const char *how = schema_narrowed(c->a, there->of, column->of);

        if (how != NULL) {
            add_change(c, (schema_change){
                              .kind = SCHEMA_NARROW,
                              .column = column,
                              .there = there,
                              .todo = cli_printf(c->a,
                                                 "%s.%s %s: let the UPDATE below see to those that "
                                                 "do not fit",
                                                 c->wanted->name, column->name, how)});
        }
    }
}

static void compare_column(comparison *c, const schema_column *column, const schema_column *there)
{
    const char *table = c->wanted->name;

    if (!c->there->ours || !c->there->strict) {
        return; /* the user's own */
    }
    if (strcmp(column->type, there->type) != 0) {
        add_change(c, (schema_change){.kind = SCHEMA_RETYPE,
                                      .column = column,
                                      .there = there,
                                      .todo = narrowed(c, column, there)});
    }
    if (column->key && !there->key) {
        add_change(c, (schema_change){.kind = SCHEMA_KEY,
                                      .column = column,
                                      .there = there,
                                      .todo = cli_printf(
                                          c->a,
                                          "%s.%s becomes the key: see that each row has one, and "
                                          "no two the same",
                                          table, column->name)});
    } else if (!column->key && there->key) {
        add_change(c, (schema_change){.kind = SCHEMA_NULLABLE, .column = column, .there = there});
    } else if (column->nullable != there->nullable) {
        bool asked = there->nullable && column->required;

        add_change(c, (schema_change){
                          .kind = SCHEMA_NULLABLE,
                          .column = column,
                          .there = there,
                          .todo = asked ? cli_printf(c->a,
                                                     "%s.%s is required: say what rows without one "
                                                     "get",
                                                     table, column->name)
                                        : NULL});
    }
    compare_form(c, column, there);
    if (column->key && there->key && column->numbered != there->numbered) {
        add_change(c, (schema_change){.kind = SCHEMA_NUMBERED, .column = column, .there = there});
    }
}

static void add_column(comparison *c, const schema_column *column)
{
    const char *todo = NULL;

    if (column->key) {
        todo = cli_printf(c->a, "%s.%s is the key: say what the rows that are there get",
                          c->wanted->name, column->name);
    } else if (column->required) {
        todo = cli_printf(c->a, "%s.%s is required: say what the rows that are there get",
                          c->wanted->name, column->name);
    }
    add_change(c, (schema_change){.kind = SCHEMA_ADD_COLUMN, .column = column, .todo = todo});
    if (column->key) {
        add_change(c, (schema_change){.kind = SCHEMA_KEY, .column = column});
    }
}

/* ---- indexes ---- */

static bool is_named_by_us(comparison *c, const schema_index *index)
{
    return csvc__ascii_same(index->name, cli_printf(c->a, "%s_%s_%s", c->there->name, index->column,
                                                    index->unique ? "key" : "idx"));
}

/* The wanted column that this one, which is there, is matched with; NULL. */
static const schema_column *matched_with(const comparison *c, const char *column)
{
    for (size_t i = 0; i < c->wanted->n_columns; i++) {
        if (c->match[i] != NULL && csvc__ascii_same(c->match[i]->name, column)) {
            return &c->wanted->columns[i];
        }
    }
    return NULL;
}

/* Whether the index that is there is the wanted one, but perhaps for its name. */
static bool is_alike(comparison *c, const schema_index *there, const schema_index *wanted)
{
    const schema_column *column = matched_with(c, there->column);
    const schema_column *was = schema_find_column(c->there, there->column);

    return column != NULL && csvc__ascii_same(column->name, wanted->column) &&
           there->unique == wanted->unique && there->sparse == wanted->sparse &&
           (!there->sparse || strcmp(was->type, column->type) == 0); /* it names the empty value */
}

/* Whether it does for the wanted one as it is. */
static bool serves(comparison *c, const schema_index *there, const schema_index *wanted)
{
    return is_alike(c, there, wanted) &&
           (csvc__ascii_same(there->name, wanted->name) || !is_named_by_us(c, there));
}

static void drop_indexes(comparison *c)
{
    for (size_t i = 0; i < c->there->n_indexes; i++) {
        const schema_index *there = &c->there->indexes[i];
        const schema_column *on = schema_find_column(c->there, there->column);
        const char *was = NULL;
        bool serving = false;

        for (size_t k = 0; k < c->wanted->n_indexes && !serving; k++) {
            serving = serves(c, there, &c->wanted->indexes[k]);
            was = is_alike(c, there, &c->wanted->indexes[k]) ? there->name : was;
        }
        /* that of a column of the user's own is the user's own */
        if (!serving && on != NULL && on->ours && is_named_by_us(c, there)) {
            add_change(c, (schema_change){.kind = SCHEMA_DROP_INDEX, .index = there, .was = was});
        }
    }
}

static void add_indexes(comparison *c)
{
    for (size_t i = 0; i < c->wanted->n_indexes; i++) {
        const schema_index *wanted = &c->wanted->indexes[i];
        const schema_column *column = schema_find_column(c->wanted, wanted->column);
        const bool fresh = c->match[column - c->wanted->columns] == NULL;
        const char *was = NULL;
        bool serving = false;
        bool as_strong = fresh;

        for (size_t k = 0; k < c->there->n_indexes; k++) {
            const schema_index *there = &c->there->indexes[k];

            serving = serving || serves(c, there, wanted);
            was = is_alike(c, there, wanted) && is_named_by_us(c, there) ? there->name : was;
            as_strong = as_strong || (matched_with(c, there->column) == column && there->unique &&
                                      (!there->sparse || wanted->sparse));
        }
        if (serving || (!fresh && !c->there->ours)) {
            continue;
        }
        add_change(c, (schema_change){
                          .kind = SCHEMA_ADD_INDEX,
                          .column = column,
                          .index = wanted,
                          .was = was,
                          .todo = wanted->unique && !as_strong
                                      ? cli_printf(c->a,
                                                   "%s.%s becomes unique: say what becomes of rows "
                                                   "that have the same",
                                                   c->wanted->name, wanted->column)
                                      : NULL});
    }
}

/* ---- tables ---- */

static void match_columns(comparison *c)
{
    c->match = cli_must(csvc_arena_calloc(c->a, c->wanted->n_columns + 1, sizeof(*c->match)));
    c->matched = cli_must(csvc_arena_calloc(c->a, c->there->n_columns + 1, sizeof(bool)));
    for (size_t i = 0; i < c->wanted->n_columns; i++) {
        const char *name = c->wanted->columns[i].name;
        const schema_column *there = schema_find_column(c->there, name);

        if (there == NULL) {
            there = schema_answers_column(&c->answered, c->there, c->wanted, name);
        }
        if (there != NULL && !c->matched[there - c->there->columns]) {
            c->match[i] = there;
            c->matched[there - c->there->columns] = true;
        }
    }
}

static void compare_table(comparison *c, const schema_table *there, const schema_table *wanted)
{
    c->there = there;
    c->wanted = wanted;
    c->step = add_step(c, wanted, there);
    match_columns(c);
    if (!csvc__ascii_same(there->name, wanted->name)) {
        add_change(c, (schema_change){.kind = SCHEMA_RENAME_TABLE, .was = there->name});
    }
    drop_indexes(c);
    for (size_t i = 0; i < wanted->n_columns; i++) {
        if (c->match[i] != NULL && !csvc__ascii_same(c->match[i]->name, wanted->columns[i].name)) {
            add_change(c, (schema_change){.kind = SCHEMA_RENAME_COLUMN,
                                          .column = &wanted->columns[i],
                                          .was = c->match[i]->name});
        }
    }
    for (size_t i = 0; i < there->n_columns; i++) {
        if (is_gone(c, i)) {
            settle_gone(c, &there->columns[i]);
        }
    }
    for (size_t i = 0; i < wanted->n_columns; i++) {
        if (c->match[i] == NULL) {
            add_column(c, &wanted->columns[i]);
        }
    }
    for (size_t i = 0; i < wanted->n_columns; i++) {
        if (c->match[i] != NULL) {
            compare_column(c, &wanted->columns[i], c->match[i]);
        }
    }
    add_indexes(c);
    if (c->step->n_changes == 0) {
        c->d->n_steps--;
    }
}

/* Made by us, and no entity is kept in it. */
static bool is_left(const comparison *c, const schema_table *table)
{
    return table->ours && schema_find_table(c->answered.wanted, table->name) == NULL;
}

/* At least half of the columns, the key among them: too much alike for chance. */
static bool look_alike(const schema_table *there, const schema_table *wanted)
{
    size_t n = 0;
    bool key = false;

    for (size_t i = 0; i < wanted->n_columns; i++) {
        const schema_column *column = schema_find_column(there, wanted->columns[i].name);

        if (column != NULL && strcmp(column->type, wanted->columns[i].type) == 0) {
            n++;
            key = key || (column->key && wanted->columns[i].key);
        }
    }
    return key && n * 2 >= wanted->n_columns && n * 2 >= there->n_columns;
}

/* A new table: or one that is there, by a new name? */
static void make_table(comparison *c, const schema_table *wanted, const bool *used)
{
    const schema *there = c->answered.there;

    for (size_t i = 0; i < there->n_tables; i++) {
        const schema_table *table = &there->tables[i];

        if (used[i] || !is_left(c, table) || c->answered.answers->allow_data_loss ||
            !look_alike(table, wanted) || schema_answers_keep(&c->answered, table->name, NULL)) {
            continue;
        }
        refuse(c, (schema_refusal){
                      .place = wanted->of->message->place,
                      .text = cli_printf(
                          c->a,
                          "no message is kept in the table %s any more, and %s is new and looks "
                          "like it: the same by a new name?",
                          table->name, wanted->name),
                      .hint = cli_printf(
                          c->a,
                          "c-svc update --rename %s=%s keeps its rows; --allow-data-loss drops it; "
                          "--keep %s leaves it as it is, beside a new one",
                          table->name, wanted->name, table->name),
                      .ask = cli_printf(c->a, "--rename %s=%s", table->name, wanted->name)});
    }
    c->step = add_step(c, wanted, NULL);
    add_change(c, (schema_change){.kind = SCHEMA_CREATE_TABLE});
}

/* A table that no entity is kept in any more. */
static void settle_left(comparison *c, const schema_table *table)
{
    if (schema_answers_keep(&c->answered, table->name, NULL)) {
        return;
    }
    if (c->answered.answers->allow_data_loss) {
        c->step = add_step(c, table, table);
        add_change(c, (schema_change){.kind = SCHEMA_DROP_TABLE});
        return;
    }
    cli_list_add(c->a, &c->d->notes,
                 cli_printf(c->a,
                            "the table %s stays, though no message is kept in it any more "
                            "(c-svc explain says why); --allow-data-loss drops it",
                            table->name));
}

void schema_compare(csvc_arena *a, const schema *there, const schema *wanted,
                    const schema_answers *answers, schema_difference *ret_difference)
{
    schema_difference d = {0};
    comparison c = {
        .a = a,
        .answered = {.a = a, .there = there, .wanted = wanted, .answers = answers},
        .d = &d,
    };
    bool *used = cli_must(csvc_arena_calloc(a, there->n_tables + 1, sizeof(bool)));
    const schema_table **match =
        cli_must(csvc_arena_calloc(a, wanted->n_tables + 1, sizeof(*match)));

    schema_answers_read(&c.answered, &d);
    for (size_t i = 0; i < wanted->n_tables; i++) {
        match[i] = schema_find_table(there, wanted->tables[i].name);
        if (match[i] == NULL) {
            match[i] = schema_answers_table(&c.answered, &wanted->tables[i]);
        }
        if (match[i] != NULL && used[match[i] - there->tables]) {
            match[i] = NULL; /* two new names for one: the second finds it taken */
        } else if (match[i] != NULL) {
            used[match[i] - there->tables] = true;
        }
    }
    for (size_t i = 0; i < wanted->n_tables; i++) {
        if (match[i] != NULL) {
            compare_table(&c, match[i], &wanted->tables[i]);
        } else {
            make_table(&c, &wanted->tables[i], used);
        }
    }
    for (size_t i = 0; i < there->n_tables; i++) {
        if (!used[i] && is_left(&c, &there->tables[i])) {
            settle_left(&c, &there->tables[i]);
        }
    }
    schema_answers_finish(&c.answered, &d);
    for (size_t i = 0; i < d.n_steps; i++) {
        schema_step_words(a, &d.steps[i]);
    }
    *ret_difference = d;
}
