/* schema/answers.c: what --rename and --keep are about. */
#include "schema/parts.h"

#include <string.h>

#include "base/utf8.h"

#include "base/banned.h"

/* "users.phone=cell", "phone=cell", "users=accounts"; "users.phone=users.cell" will do, too. */
static bool read_rename(csvc_arena *a, const char *text, schema_rename *ret_rename)
{
    const char *equals = strchr(text, '=');
    const char *dot = strchr(text, '.');
    const char *to = equals != NULL ? equals + 1 : "";
    schema_rename r = {.text = text};

    if (equals == NULL || equals == text || *to == '\0') {
        return false;
    }
    if (dot != NULL && dot < equals) {
        r.table = cli_must(csvc_arena_strndup(a, text, (size_t)(dot - text)));
        text = dot + 1;
    }
    r.from = cli_must(csvc_arena_strndup(a, text, (size_t)(equals - text)));
    dot = strchr(to, '.');
    r.to = dot != NULL ? dot + 1 : to;
    *ret_rename = r;
    return *r.from != '\0' && *r.to != '\0' && strchr(r.to, '.') == NULL &&
           strchr(r.from, '.') == NULL;
}

/* A service's full name can be no column's, and is a name. */
static bool has_two_names(const char *text)
{
    const char *equals = strchr(text, '=');

    return equals != NULL && equals > text && *text != '.' && equals[-1] != '.' &&
           equals[1] != '.' && equals[1] != '\0' && text[strlen(text) - 1] != '.';
}

static const char *lost_by_nobody(csvc_arena *a, const char *text)
{
    const char *equals = strchr(text, '=');

    return cli_printf(a,
                      "--rename %s: no field, entity, rpc or service lost the name %.*s while %s "
                      "came to be",
                      text, (int)(equals - text), text, equals + 1);
}

void schema_answers_read(schema_answered *s, schema_difference *d)
{
    const cli_list *renames = &s->answers->renames;

    s->renames = cli_must(csvc_arena_calloc(s->a, renames->len + 1, sizeof(schema_rename)));
    s->kept = cli_must(csvc_arena_calloc(s->a, s->answers->keeps.len + 1, sizeof(bool)));
    for (size_t i = 0; i < renames->len; i++) {
        if (read_rename(s->a, renames->items[i], &s->renames[s->n_renames])) {
            s->n_renames++;
        } else if (has_two_names(renames->items[i])) {
            cli_list_add(s->a, &d->useless, lost_by_nobody(s->a, renames->items[i]));
        } else {
            cli_list_add(s->a, &d->useless,
                         cli_printf(s->a,
                                    "--rename %s: write TABLE.OLD=NEW for a column, OLD=NEW for a "
                                    "table, an rpc or a service",
                                    renames->items[i]));
        }
    }
}

const schema_table *schema_answers_table(schema_answered *s, const schema_table *wanted)
{
    for (size_t i = 0; i < s->n_renames; i++) {
        schema_rename *r = &s->renames[i];
        const schema_table *from = schema_find_table(s->there, r->from);

        if (r->table == NULL && csvc__ascii_same(r->to, wanted->name) && from != NULL &&
            schema_find_table(s->wanted, r->from) == NULL &&
            schema_find_table(s->there, r->to) == NULL) {
            r->n_used++;
            return from;
        }
    }
    return NULL;
}

const schema_column *schema_answers_column(schema_answered *s, const schema_table *there,
                                           const schema_table *wanted, const char *column)
{
    for (size_t i = 0; i < s->n_renames; i++) {
        schema_rename *r = &s->renames[i];
        const schema_column *from = schema_find_column(there, r->from);

        if ((r->table == NULL || csvc__ascii_same(r->table, there->name) ||
             csvc__ascii_same(r->table, wanted->name)) &&
            csvc__ascii_same(r->to, column) && from != NULL &&
            schema_find_column(wanted, r->from) == NULL) {
            r->n_used++;
            return from;
        }
    }
    return NULL;
}

/* "users.phone" or "phone"; of a table its name. */
bool schema_answers_keep(schema_answered *s, const char *table, const char *column)
{
    const cli_list *keeps = &s->answers->keeps;

    for (size_t i = 0; i < keeps->len; i++) {
        const char *text = keeps->items[i];
        const char *full = column != NULL ? cli_printf(s->a, "%s.%s", table, column) : table;

        if (csvc__ascii_same(text, full) || (column != NULL && csvc__ascii_same(text, column))) {
            s->kept[i] = true;
            return true;
        }
    }
    return false;
}

void schema_answers_finish(schema_answered *s, schema_difference *d)
{
    for (size_t i = 0; i < s->n_renames; i++) {
        const schema_rename *r = &s->renames[i];

        if (r->n_used == 0) {
            cli_list_add(s->a, &d->useless, lost_by_nobody(s->a, r->text));
        } else if (r->n_used > 1) {
            cli_list_add(s->a, &d->useless,
                         cli_printf(s->a, "--rename %s: there are %zu of them; write TABLE.%s",
                                    r->text, r->n_used, r->text));
        }
    }
    for (size_t i = 0; i < s->answers->keeps.len; i++) {
        if (!s->kept[i]) {
            cli_list_add(s->a, &d->useless,
                         cli_printf(s->a, "--keep %s: nothing of that name has lost its field",
                                    s->answers->keeps.items[i]));
        }
    }
}
