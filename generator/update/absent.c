/* update/absent.c: fields that may be absent from now on, in C that was written before. */
#include "absent.h"

#include <string.h>

#include "common/index.h"
#include "project/sha256.h"
#include "sources.h"
#include "words.h"

#include "base/banned.h"

/* A field that got a member beside it. */
typedef struct watched {
    const gen_field *field;
    const char *member; /* name_case, has_count */
    const char *set;    /* how it is set */
    gen_index types;    /* the names of its message and of those that it is in, directly or not */
} watched;

typedef struct watch {
    project *p;
    cli_list *notes;
    watched *items;
    size_t len, max;
} watch;

/* ---- which fields ---- */

static bool has_counter(const gen_field *field)
{
    return field->label == CSVC_LABEL_OPTIONAL && field->case_constant == NULL &&
           field->kind != CSVC_KIND_STRING && field->kind != CSVC_KIND_MESSAGE;
}

/* What C has to set with it now, and had not before; NULL: nothing. */
static const char *new_member(csvc_arena *a, const gen_field *before, const gen_field *now,
                              const char **ret_set)
{
    if (before->label == CSVC_LABEL_REPEATED || now->label == CSVC_LABEL_REPEATED ||
        strcmp(before->c_name, now->c_name) != 0) {
        return NULL; /* other types, which the compiler sees */
    }
    if (before->case_constant == NULL && now->case_constant != NULL) {
        const char *member = cli_printf(a, "%s_case", now->oneof->c_name);

        *ret_set = cli_printf(a, "%s = %s", member, now->case_constant);
        return member;
    }
    if (!has_counter(before) && before->case_constant == NULL && has_counter(now)) {
        const char *member = cli_printf(a, "has_%s", now->c_name);

        *ret_set = cli_printf(a, "%s = 1", member);
        return member;
    }
    return NULL;
}

/* ---- which files ---- */

/* By any of these names a file has to do with the field. */
static void add_types(watch *all, gen_index *types, const gen_message *message)
{
    const gen_model *model = all->p->pipeline->model;
    void *old = NULL;

    (void)cli_must(gen_index_put(types, message->c_type, all, &old) ? all : NULL);
    for (size_t i = 0; old == NULL && i < model->n_files; i++) {
        for (size_t k = 0; k < model->files[i]->n_all_messages; k++) {
            const gen_message *other = model->files[i]->all_messages[k];

            for (size_t n = 0; n < other->n_fields; n++) {
                if (other->fields[n]->message == message) {
                    add_types(all, types, other);
                    break;
                }
            }
        }
    }
}

/* As it was when c-svc wrote it: the record. */
static const lock_record *untouched(const watch *all, const update_source *source)
{
    const lock *l = &all->p->lock;

    for (size_t i = 0; i < l->n_files; i++) {
        const lock_record *r = &l->files[i];

        if (strcmp(r->at != NULL ? r->at : r->path, source->path) == 0) {
            return r->owner == GEN_BORN_ONCE &&
                           strcmp(r->hash, sha256_text(all->p->a, source->text)) == 0
                       ? r
                       : NULL;
        }
    }
    return NULL;
}

static const char *field_name(const watch *all, const gen_field *field)
{
    return cli_printf(all->p->a, "%s.%s", field->parent->full_name, field->name);
}

static void note_uses(void *self, const update_source *source)
{
    watch *all = self;
    csvc_arena *a = all->p->a;
    const lock_record *record = untouched(all, source);
    cli_list names = {0};
    size_t first = 0;

    for (size_t i = 0; i < all->len; i++) {
        watched *w = &all->items[i];
        bool points = w->field->kind == CSVC_KIND_STRING || w->field->kind == CSVC_KIND_MESSAGE;
        size_t line = update_words_member(source->text, &w->types, w->field->c_name, w->member);

        if (line > 0 && record == NULL) {
            cli_list_add(
                a, all->notes,
                cli_printf(a, "%s:%zu: note: %s may be absent now: who sets it sets %s, too%s",
                           source->shown, line, field_name(all, w->field), w->set,
                           points ? "; it may be NULL" : ""));
        } else if (line > 0) {
            first = first == 0 || line < first ? line : first;
            cli_list_add(a, &names, field_name(all, w->field));
        }
    }
    if (names.len > 0) {
        cli_list_add(a, all->notes,
                     cli_printf(a,
                                "%s:%zu: note: %s may be absent now; this file is as c-svc wrote "
                                "it: remove it, and `c-svc update --restore %s` writes it anew",
                                source->shown, first, cli_list_join(a, &names, ", "),
                                record->path));
    }
}

/* ---- all of them ---- */

static void watch_message(watch *all, const gen_message *before, const gen_message *now)
{
    for (size_t i = 0, k = 0; i < before->n_fields; i++) {
        const gen_field *was = before->by_number[i];
        watched w = {0};

        while (k < now->n_fields && now->by_number[k]->number < was->number) {
            k++;
        }
        if (k < now->n_fields && now->by_number[k]->number == was->number) {
            w.field = now->by_number[k];
            w.member = new_member(all->p->a, was, w.field, &w.set);
        }
        if (w.member != NULL) {
            gen_index_init(&w.types, all->p->a);
            add_types(all, &w.types, now);
            all->items = cli_grown(all->p->a, all->items, all->len, &all->max, sizeof(*all->items));
            all->items[all->len++] = w;
        }
    }
}

void update_note_absent(project *p, const gen_model *before, cli_list *notes)
{
    watch all = {.p = p, .notes = notes};

    for (size_t i = 0; before != NULL && i < before->n_files; i++) {
        const gen_file *file = before->files[i];

        for (size_t k = 0; !pipeline_is_provided(file->name) && k < file->n_all_messages; k++) {
            const gen_message *now =
                gen_model_message(p->pipeline->model, file->all_messages[k]->full_name);

            if (now != NULL) {
                watch_message(&all, file->all_messages[k], now);
            }
        }
    }
    if (all.len > 0) {
        update_each_source(p, note_uses, &all);
    }
}
