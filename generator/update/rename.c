/* update/rename.c: what of the user's is called after something that has a new name. */
#include "rename.h"

#include <string.h>

#include "names/names.h"
#include "project/contract.h"
#include "project/files.h"
#include "project/handlers.h"
#include "project/sha256.h"
#include "sources.h"
#include "words.h"

#include "base/banned.h"

typedef struct renaming {
    project *p;
    update_words words;
    update_renames out;
    size_t max;
} renaming;

/* ---- the names ---- */

static void add_ends(renaming *r, const char *from, const char *to, const char *const *ends)
{
    for (size_t i = 0; ends[i] != NULL; i++) {
        update_words_add(&r->words, cli_printf(r->p->a, "%s%s", from, ends[i]),
                         cli_printf(r->p->a, "%s%s", to, ends[i]), NULL);
    }
}

/* What check/symbols.c lists of an rpc. */
static void add_rpc_words(renaming *r, const gen_rpc *before, const gen_rpc *now)
{
    static const char *const served[] = {"", "_invoke", "_relay", "_send", "_recv", "_frame", NULL};
    static const char *const called[] = {"",      "_async",      "_start",  "_send",
                                         "_recv", "_close_send", "_finish", NULL};
    csvc_arena *a = r->p->a;

    add_ends(r, cli_printf(a, "%s_%s", before->service->prefix, before->c_name),
             cli_printf(a, "%s_%s", now->service->prefix, now->c_name), served);
    add_ends(r, cli_printf(a, "%s_client_%s", before->service->prefix, before->c_name),
             cli_printf(a, "%s_client_%s", now->service->prefix, now->c_name), called);
}

static void add_service_words(renaming *r, const gen_service *before, const gen_service *now)
{
    static const char *const ends[] = {"_ops",     "_ops_register", "_ops_init",
                                       "_service", "_methods",      NULL};
    static const char *const uppers[] = {"_OPS_INIT", NULL};

    add_ends(r, before->prefix, now->prefix, ends);
    add_ends(r, before->upper, now->upper, uppers);
}

static const char *within_package(const gen_file *file, const char *full_name)
{
    size_t len = strlen(file->package);

    return full_name + (len > 0 ? len + 1 : 0);
}

/* What a message or enum is called once its package is another. */
static const char *full_name_in(csvc_arena *a, const gen_file *from, const char *full_name,
                                const gen_file *to)
{
    return cli_printf(a, "%s%s%s", to->package, to->package[0] != '\0' ? "." : "",
                      within_package(from, full_name));
}

/* The types of a package that moved: all that begins with their names goes along. */
static void add_type_words(renaming *r, const gen_model *before, const gen_file *from,
                           const gen_file *to)
{
    const gen_model *now = r->p->pipeline->model;
    csvc_arena *a = r->p->a;

    for (size_t i = 0; i < before->n_files; i++) {
        const gen_file *file = before->files[i];

        for (size_t k = 0; strcmp(file->package, from->package) == 0 && k < file->n_all_messages;
             k++) {
            const gen_message *old = file->all_messages[k];
            const gen_message *new =
                gen_model_message(now, full_name_in(a, file, old->full_name, to));

            if (new != NULL) {
                update_words_add(&r->words, old->c_type, new->c_type, "__");
                update_words_add(&r->words, old->c_lower, new->c_lower, "__");
                update_words_add(&r->words, old->c_upper, new->c_upper, "__");
            }
            if (new != NULL && old->entity != NULL &&new->entity != NULL) {
                update_words_add(&r->words, old->entity->prefix, new->entity->prefix, "_");
                update_words_add(&r->words, cli_must(gen_upper(a, old->entity->prefix)),
                                 cli_must(gen_upper(a, new->entity->prefix)), "_");
            }
        }
        for (size_t k = 0; strcmp(file->package, from->package) == 0 && k < file->n_all_enums;
             k++) {
            const gen_enum *old = file->all_enums[k];
            const gen_enum *new = gen_model_enum(now, full_name_in(a, file, old->full_name, to));

            if (new != NULL) {
                update_words_add(&r->words, old->c_type, new->c_type, NULL);
                update_words_add(&r->words, old->c_lower, new->c_lower, "__");
                update_words_add(&r->words, old->c_upper, new->c_upper, "__");
            }
        }
    }
}

/* ---- the files ---- */

csvc_code update_place_of(project *p, const char *path, const char *function,
                          const char **ret_place, csvc_error *err)
{
    const lock_record *record = lock_find(&p->lock, path);

    *ret_place = NULL;
    if (files_exists(files_join(p->a, p->root, path))) {
        *ret_place = path;
    } else if (record != NULL && record->at != NULL && record->state != LOCK_DELETED &&
               files_exists(files_join(p->a, p->root, record->at))) {
        *ret_place = record->at;
    } else if (function != NULL) {
        return handlers_where(p, function, ret_place, err);
    }
    return CSVC_OK;
}

/* There may be one by the new name already: only one that nobody has written to gives way. */
static csvc_code find_replaced(renaming *r, update_rename *one, const char *function,
                               csvc_error *err)
{
    project *p = r->p;
    const lock_record *record = lock_find(&p->lock, one->now);
    const char *there = NULL;
    csvc_code code = update_place_of(p, one->now, function, &there, err);

    if (code != CSVC_OK || there == NULL || strcmp(there, one->from) == 0) {
        return code;
    }
    code =
        files_read(p->a, files_join(p->a, p->root, there), PROJECT_MAX_SOURCE, &one->replaced, err);
    if (code != CSVC_OK) {
        return code;
    }
    if (record == NULL || strcmp(record->hash, sha256_text(p->a, one->replaced)) != 0) {
        return csvc_error_set(err, CSVC_ALREADY_EXISTS,
                              "%s: error: %s would take its place, and this one is not as c-svc "
                              "wrote it; bring what you need into one of them, remove the other, "
                              "and run this again",
                              files_join(p->a, p->root, there), one->from);
    }
    one->replaces = there;
    return CSVC_OK;
}

typedef struct its_names {
    const char *path, *function; /* NULL: a test */
} its_names;

static csvc_code add_file(renaming *r, its_names before, its_names now, csvc_error *err)
{
    project *p = r->p;
    const char *from = NULL;
    bool in_place;
    update_rename *one;
    csvc_code code = update_place_of(p, before.path, before.function, &from, err);

    if (code != CSVC_OK) {
        return code;
    }
    in_place = from != NULL && strcmp(from, before.path) == 0;
    r->out.items = cli_grown(p->a, r->out.items, r->out.len, &r->max, sizeof(*r->out.items));
    one = &r->out.items[r->out.len++];
    *one = (update_rename){
        .before = before.path, .now = now.path, .from = from, .to = in_place ? now.path : from};
    if (from == NULL) {
        return CSVC_OK;
    }
    code = find_replaced(r, one, now.function, err);
    if (code == CSVC_OK) {
        code =
            files_read(p->a, files_join(p->a, p->root, from), PROJECT_MAX_SOURCE, &one->was, err);
    }
    if (code == CSVC_OK) {
        one->becomes = update_words_replace(&r->words, one->was, &one->n_names);
    }
    return code;
}

static csvc_code add_rpc_files(renaming *r, const compat_rpc *rpc, csvc_error *err)
{
    csvc_arena *a = r->p->a;
    csvc_code code = add_file(
        r, (its_names){project_handler_path(a, rpc->before), handlers_function(a, rpc->before)},
        (its_names){project_handler_path(a, rpc->now), handlers_function(a, rpc->now)}, err);

    return code == CSVC_OK ? add_file(r, (its_names){project_test_path(a, rpc->before), NULL},
                                      (its_names){project_test_path(a, rpc->now), NULL}, err)
                           : code;
}

static bool is_moving(const renaming *r, const char *path)
{
    for (size_t i = 0; i < r->out.len; i++) {
        if (r->out.items[i].from != NULL && strcmp(r->out.items[i].from, path) == 0) {
            return true;
        }
    }
    return false;
}

/* Where else the old names stand. */
static void note_other(void *self, const update_source *source)
{
    renaming *r = self;
    csvc_arena *a = r->p->a;
    const char *from;
    const char *to;
    size_t line =
        is_moving(r, source->path) ? 0 : update_words_find(&r->words, source->text, &from, &to);

    if (line > 0) {
        cli_list_add(
            a, &r->out.notes,
            cli_printf(a, "%s:%zu: note: %s is called %s now", source->shown, line, from, to));
    }
}

/* ---- all of it ---- */

static csvc_code add_words(renaming *r, const compat_services *matched, csvc_error *err)
{
    const gen_model *before = NULL;
    csvc_code code = contract_recorded(r->p, &before, err);

    for (size_t i = 0; code == CSVC_OK && i < matched->n_services; i++) {
        const compat_service *service = &matched->services[i];

        if (service->before != NULL && service->now != NULL) {
            add_service_words(r, service->before, service->now);
        }
        if (service->renamed &&
            strcmp(service->before->file->package, service->now->file->package) != 0) {
            add_type_words(r, before, service->before->file, service->now->file);
        }
        for (size_t k = 0; k < service->n_rpcs; k++) {
            const compat_rpc *rpc = &service->rpcs[k];

            if (rpc->before != NULL && rpc->now != NULL) {
                add_rpc_words(r, rpc->before, rpc->now);
            }
        }
    }
    return code;
}

/* Renamed, or in a service that is, or that has another (c_svc.c_prefix). */
static bool has_other_names(const compat_rpc *rpc)
{
    return strcmp(rpc->before->c_name, rpc->now->c_name) != 0 ||
           strcmp(rpc->before->service->full_name, rpc->now->service->full_name) != 0 ||
           strcmp(rpc->before->service->prefix, rpc->now->service->prefix) != 0;
}

csvc_code update_renames_find(project *p, const compat_services *matched, update_renames *ret,
                              csvc_error *err)
{
    renaming r = {.p = p, .words = update_words_none(p->a)};
    csvc_code code = add_words(&r, matched, err);

    for (size_t i = 0; code == CSVC_OK && i < matched->n_services; i++) {
        const compat_service *service = &matched->services[i];

        for (size_t k = 0; code == CSVC_OK && k < service->n_rpcs; k++) {
            const compat_rpc *rpc = &service->rpcs[k];

            if (rpc->before != NULL && rpc->now != NULL && has_other_names(rpc)) {
                code = add_rpc_files(&r, rpc, err);
            }
        }
    }
    if (code == CSVC_OK && r.words.len > 0) {
        update_each_source(p, note_other, &r);
    }
    if (code == CSVC_OK) {
        *ret = r.out;
    }
    return code;
}

const update_rename *update_renamed_to(const update_renames *renames, const char *path)
{
    for (size_t i = 0; i < renames->len; i++) {
        if (strcmp(renames->items[i].now, path) == 0) {
            return &renames->items[i];
        }
    }
    return NULL;
}

/* ---- other types ---- */

static const char *streamed(const gen_rpc *rpc, bool reply)
{
    bool streams = rpc->kind == CSVC_RPC_BIDI_STREAM ||
                   rpc->kind == (reply ? CSVC_RPC_SERVER_STREAM : CSVC_RPC_CLIENT_STREAM);

    return streams ? "stream " : "";
}

/* The handler as it will be, and where; *ret_path is NULL when there is none. */
static csvc_code read_handler(project *p, const gen_rpc *rpc, const update_renames *renames,
                              const char **ret_path, csvc_bytes *ret_text, csvc_error *err)
{
    const char *path = project_handler_path(p->a, rpc);
    const update_rename *renamed = update_renamed_to(renames, path);
    csvc_code code;

    if (renamed != NULL && renamed->from != NULL) {
        *ret_path = renamed->to;
        *ret_text = renamed->becomes;
        return CSVC_OK;
    }
    code = update_place_of(p, path, handlers_function(p->a, rpc), ret_path, err);
    if (code == CSVC_OK && *ret_path != NULL) {
        code = files_read(p->a, files_join(p->a, p->root, *ret_path), PROJECT_MAX_SOURCE, ret_text,
                          err);
    }
    return code;
}

csvc_code update_note_retyped(project *p, const compat_services *matched,
                              const update_renames *renames, cli_list *notes, csvc_error *err)
{
    csvc_code code = CSVC_OK;

    for (size_t i = 0; i < matched->n_services; i++) {
        for (size_t k = 0; code == CSVC_OK && k < matched->services[i].n_rpcs; k++) {
            const gen_rpc *before = matched->services[i].rpcs[k].before;
            const gen_rpc *now = matched->services[i].rpcs[k].now;
            const char *path = NULL;
            csvc_bytes text;
            size_t line;

            if (before == NULL || now == NULL || compat_same_signature(before, now)) {
                continue;
            }
            code = read_handler(p, now, renames, &path, &text, err);
            if (code != CSVC_OK || path == NULL) {
                continue;
            }
            line = handlers_line((const char *)text.data, handlers_function(p->a, now));
            if (line > 0) {
                cli_list_add(p->a, notes,
                             cli_printf(p->a,
                                        "%s:%zu: note: %s is (%s%s) returns (%s%s) now; the "
                                        "compiler will point here, and gen/services.h has the "
                                        "prototype",
                                        files_join(p->a, p->root, path), line, now->name,
                                        streamed(now, false), now->request->full_name,
                                        streamed(now, true), now->reply->full_name));
            }
        }
    }
    return code;
}
