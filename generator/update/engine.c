/* engine.c: reads a project, and decides about each of its files. */
#include "update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merge.h"
#include "moved.h"
#include "protos.h"
#include "steps.h"
#include "project/compose.h"
#include "project/files.h"
#include "project/handlers.h"
#include "project/migrations.h"
#include "project/open.h"
#include "project/sha256.h"

#include "base/banned.h"

const char *update_shown(const update *u, const char *path)
{
    return project_shown(&u->project, path);
}

/* ---- the beginning ---- */

csvc_code update_open(csvc_arena *a, bool looking, update *u, csvc_error *err)
{
    const char *root = project_find(a);
    csvc_code code = CSVC_OK;

    u->a = a;
    if (root != NULL && looking && files_exists(files_join(a, root, UPDATE_JOURNAL))) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "%s: error: an update was interrupted; `c-svc update` finishes it or "
                              "takes it back",
                              files_join(a, root, UPDATE_JOURNAL));
    }
    if (root != NULL && !looking) {
        code = update_start(a, root, &u->txn, err);
    }
    return code == CSVC_OK ? project_open(a, &u->project, &u->pipeline, err) : code;
}

void update_close(update *u)
{
    update_txn_end(u->txn);
    u->txn = NULL;
}

/* ---- what is there ---- */

static update_file *add_file(update *u, update_file file)
{
    u->files = cli_grown(u->a, u->files, u->n_files, &u->max_files, sizeof(*u->files));
    u->files[u->n_files] = file;
    return &u->files[u->n_files++];
}

static csvc_code read_at(const update *u, const char *path, csvc_bytes *ret_content,
                         csvc_error *err)
{
    return files_read(u->a, update_shown(u, path), PROJECT_MAX_FILE, ret_content, err);
}

/* Two bases merged are the base of two files merged. Where they could not be, either is: what the
 * other branch took from c-svc is then in the file as it is in today's render. */
static csvc_bytes base_of_merge(const update *u, csvc_bytes base)
{
    const char *ours =
        update_marker_line(base) > 0 ? lock_side(u->a, (const char *)base.data, false) : NULL;

    return ours != NULL ? (csvc_bytes){.len = strlen(ours), .data = (const uint8_t *)ours} : base;
}

/* Finds the file, and reads it and its base. */
static csvc_code look_at(update *u, update_file *f, csvc_error *err)
{
    const lock_record *r = f->record;
    const char *base = cli_printf(u->a, LOCK_BASE "%s", f->path);
    const char *moved = project_moved_to(&u->project, f->path);
    const update_rename *one = update_renamed_to(&u->renamed, f->path);
    csvc_code code = CSVC_OK;

    if (one != NULL && one->from != NULL) {
        f->at = one->to;
        f->disk = one->becomes;
        return CSVC_OK;
    }
    if (files_exists(update_shown(u, f->path))) {
        f->at = f->path;
    } else if (moved != NULL) { /* a handler, which there can be only one of */
        f->at = moved;
    } else if (r != NULL && r->at != NULL && !f->restore && files_exists(update_shown(u, r->at))) {
        f->at = r->at;
    }
    if (f->at != NULL && files_is_folder(update_shown(u, f->at))) {
        f->at = NULL; /* no file; what would be written over it the transaction refuses */
    }
    if (f->at != NULL) {
        code = read_at(u, f->at, &f->disk, err);
        if (code == CSVC_NOT_FOUND) { /* a link; to what, is said in its own words */
            code = update__check_inside(u->a, u->project.root, f->at, err);
            code = code != CSVC_OK ? code : CSVC_NOT_FOUND;
        }
    }
    if (code == CSVC_OK && f->owner == GEN_MERGED && files_exists(update_shown(u, base))) {
        code = read_at(u, base, &f->base, err);
        f->base = u->is_merge && code == CSVC_OK ? base_of_merge(u, f->base) : f->base;
    }
    return code;
}

/* gen/project.mk of a project whose lock knew no files: the handlers and tests there were. */
static const char *old_list(const update *u, const lock *old)
{
    csvc_error unread = {CSVC_ERROR_INIT};
    csvc_bytes text;

    return old->format < LOCK_FORMAT && read_at(u, "gen/project.mk", &text, &unread) == CSVC_OK
               ? (const char *)text.data
               : "";
}

static bool is_listed(const char *list, const char *path)
{
    size_t len = strlen(path);

    for (const char *at = strstr(list, path); at != NULL; at = strstr(at + len, path)) {
        if (strchr(" \\\n", at[len]) != NULL && (at == list || at[-1] == ' ')) {
            return true;
        }
    }
    return false;
}

/* The handlers of all rpcs: those are found by their functions, and by nothing else. */
static void list_handlers(update *u, cli_list *ret_paths)
{
    for (const gen_rpc *const *rpc = project_rpcs(&u->project); *rpc != NULL; rpc++) {
        cli_list_add(u->a, ret_paths, project_handler_path(u->a, *rpc));
    }
}

static csvc_code find_moved(update *u, csvc_error *err)
{
    bool *searched = cli_must(csvc_arena_calloc(u->a, u->n_files + 1, sizeof(*searched)));
    cli_list handlers = {0};

    list_handlers(u, &handlers);
    for (size_t i = 0; i < u->n_files; i++) {
        const update_file *f = &u->files[i];
        bool once_there = f->record != NULL
                              ? f->record->state == LOCK_THERE || f->record->state == LOCK_CONFLICT
                              : f->known || f->base.data != NULL;

        searched[i] = f->planned && f->at == NULL && once_there && !f->restore &&
                      !cli_list_has(&handlers, f->path);
    }
    return update_find_moved(&u->project, u->files, u->n_files, searched, err);
}

/* ---- markers ---- */

/* Prints where; the number of files, so 0 or 1. */
static size_t has_marker(const update *u, const char *at, csvc_bytes text)
{
    size_t line = update_marker_line(text);

    if (line > 0) {
        fprintf(stderr, "%s:%zu: error: a conflict of the %s is still marked here\n",
                update_shown(u, at), line, u->is_merge ? "merge" : "last update");
    }
    return line > 0 ? 1 : 0;
}

static csvc_code markers_left(csvc_error *err)
{
    return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                          "take either side or both, remove the markers, and run this again; "
                          "nothing was changed");
}

/* In files that were moved with what the last update left in them. */
static csvc_code refuse_moved_markers(const update *u, csvc_error *err)
{
    size_t left = 0;

    for (size_t i = 0; i < u->n_files; i++) {
        const update_file *f = &u->files[i];

        bool may = u->is_merge || (f->record != NULL && f->record->state == LOCK_CONFLICT);

        if (may && f->at != NULL) {
            left += has_marker(u, f->at, f->disk);
        }
    }
    return left == 0 ? CSVC_OK : markers_left(err);
}

/* A folder where a file was is no deleted file, nor one to write. */
static csvc_code refuse_folders(const update *u, csvc_error *err)
{
    for (size_t i = 0; i < u->n_files; i++) {
        const update_file *f = &u->files[i];
        bool was_there = f->record != NULL && f->record->state != LOCK_DELETED;

        if (f->planned && was_there && f->at == NULL && files_is_folder(update_shown(u, f->path))) {
            return update__check_inside(u->a, u->project.root, f->path, err);
        }
    }
    return CSVC_OK;
}

/* ---- what is the user's ---- */

static csvc_code add_own(update *u, const lock *old, csvc_error *err)
{
    const gen_plan *plan = &u->project.plan;
    const char *list = old_list(u, old);
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < plan->n_outputs; i++) {
        const gen_output *output = &plan->outputs[i];
        update_file f = {.path = output->path,
                         .owner = output->owner,
                         .planned = true,
                         .render = gen_output_content(output),
                         .record = lock_find(old, output->path),
                         .restore = cli_list_has(&u->restore, output->path)};

        if (f.owner == GEN_BORN_ONCE || f.owner == GEN_MERGED) {
            f.known = f.record == NULL && is_listed(list, f.path);
            code = look_at(u, &f, err);
            /* a step of a database is planned where it lacks: one of that name was taken back */
            f.restore = f.restore || (f.at == NULL && migrations_is_step(f.path));
            add_file(u, f);
        }
    }
    for (size_t i = 0, planned = u->n_files; code == CSVC_OK && i < old->n_files; i++) {
        update_file f = {
            .path = old->files[i].path, .owner = old->files[i].owner, .record = &old->files[i]};
        bool seen = false;

        for (size_t k = 0; k < planned && !seen; k++) {
            seen = strcmp(u->files[k].path, f.path) == 0;
        }
        if (!seen) {
            code = look_at(u, &f, err);
            add_file(u, f);
        }
    }
    return code;
}

static csvc_code check_restored(const update *u, csvc_error *err)
{
    for (size_t i = 0; i < u->restore.len; i++) {
        const char *path = u->restore.items[i];
        cli_list paths = {0};
        const char *nearest;
        bool found = false;

        for (size_t k = 0; k < u->n_files; k++) {
            if (u->files[k].planned) {
                found = found || strcmp(u->files[k].path, path) == 0;
                cli_list_add(u->a, &paths, u->files[k].path);
            }
        }
        nearest = cli_nearest(path, paths.items, paths.len);
        if (!found) {
            return csvc_error_set(err, CSVC_NOT_FOUND,
                                  "--restore %s: c-svc makes no such file in this project%s%s%s",
                                  path, nearest != NULL ? "; did you mean " : "",
                                  nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
        }
    }
    return CSVC_OK;
}

/* Prints what has to be mended first. */
static csvc_code refuse_problems(const update *u, csvc_error *err)
{
    const update_file *first = NULL;
    bool bases = false;

    for (size_t i = 0; i < u->n_files; i++) {
        const update_file *f = &u->files[i];

        if (f->problem == NULL) {
            continue;
        }
        first = first != NULL ? first : f;
        if (f->restore) {
            fprintf(stderr, "%s: error: %s\n", update_shown(u, f->path), f->problem);
        } else {
            fprintf(stderr, "%s: error: %s\n",
                    update_shown(u, cli_printf(u->a, LOCK_BASE "%s", f->path)), f->problem);
            bases = true;
        }
    }
    if (bases) {
        cli_hint("it is the last render, which tells your changes from ours. Bring it back (git "
                 "checkout .c-svc), or");
        cli_hint("`c-svc update --rebase-from-current` leaves your file as it is and starts from "
                 "there");
    }
    return first != NULL ? csvc_error_set(err, CSVC_DATA_LOSS, "nothing was changed") : CSVC_OK;
}

/* From now on the plan holds what will be written, and the lock what is so afterwards. */
static void settle_own(update *u)
{
    project *p = &u->project;
    gen_plan plan = {0};
    lock next = {.format = LOCK_FORMAT};

    for (size_t i = 0; i < p->plan.n_outputs; i++) {
        if (p->plan.outputs[i].owner == GEN_YOURS) {
            (void)cli_must(gen_plan_add(u->a, &plan, p->plan.outputs[i]) ? p : NULL);
        }
    }
    p->plan = plan;
    for (size_t i = 0; i < u->n_files; i++) {
        const update_file *f = &u->files[i];

        if (f->act == UPDATE_WRITE) {
            project_add(p, f->at != NULL ? f->at : f->path, f->owner, f->content);
        }
        if (f->act == UPDATE_UNLINK) {
            cli_list_add(u->a, &p->removed, f->at);
        }
        if (f->keeps_record) {
            lock_put(u->a, &next, f->becomes);
        }
    }
    for (size_t i = 0; i < u->n_files; i++) {
        if (u->files[i].at != NULL) {
            project_moved(p, u->files[i].path, u->files[i].at);
        }
    }
    p->lock = next;
}

/* ---- what has a new name ---- */

/* What was as c-svc wrote it still is, but for the names. */
static const char *born_as(update *u, const update_rename *one, const char *hash)
{
    return one->from != NULL && strcmp(sha256_text(u->a, one->was), hash) == 0
               ? sha256_text(u->a, one->becomes)
               : hash;
}

/* What is known of a file goes along with it. */
static void hand_on_records(update *u, lock *old)
{
    for (size_t i = 0; i < u->renamed.len; i++) {
        const update_rename *one = &u->renamed.items[i];
        const lock_record *record = lock_find(old, one->before);
        lock_record copy;

        bool has_own = one->from == NULL && lock_find(old, one->now) != NULL;

        if (record != NULL && !has_own && strcmp(one->before, one->now) != 0) {
            copy = *record;
            copy.path = one->now;
            copy.hash = born_as(u, one, record->hash);
            lock_drop(old, one->before);
            lock_put(u->a, old, copy);
        }
    }
}

/* Told by the line of the one that takes its place. */
static void unlink_aside(update *u, const char *at, csvc_bytes content)
{
    add_file(u, (update_file){.path = at,
                              .owner = GEN_BORN_ONCE,
                              .at = at,
                              .disk = content,
                              .status = UPDATE_REMOVE,
                              .aside = true,
                              .act = UPDATE_UNLINK});
}

/* The file goes to its new place, with the names in it exchanged; it is the user's, so nothing else
 * is decided about it. */
static void rename_file(update *u, update_file *f, const update_rename *one)
{
    bool goes = strcmp(one->from, one->to) != 0;
    bool beside = one->replaces != NULL && strcmp(one->replaces, one->to) != 0;

    f->status = UPDATE_RENAME;
    f->news = true;
    f->act = UPDATE_WRITE;
    f->content = one->becomes;
    f->disk = !goes ? one->was : beside ? (csvc_bytes){0} : one->replaced;
    f->remark = cli_printf(u->a, "%s%s%zu name%s changed in it", goes ? "was " : "",
                           goes ? cli_printf(u->a, "%s, ", one->from) : "", one->n_names,
                           one->n_names == 1 ? "" : "s");
    if (goes) {
        unlink_aside(u, one->from, one->was);
    }
    if (beside) {
        unlink_aside(u, one->replaces, one->replaced);
    }
}

static void rename_files(update *u)
{
    for (size_t i = 0, n = u->n_files; i < n; i++) {
        update_file *f = &u->files[i];
        const update_rename *one = update_renamed_to(&u->renamed, f->path);

        if (one != NULL && one->from != NULL &&
            (one->n_names > 0 || strcmp(one->from, one->to) != 0 || one->replaces != NULL)) {
            rename_file(u, f, one);
        }
    }
}

static csvc_code plan_own(update *u, const lock *old, csvc_error *err)
{
    csvc_code code = compose_own(&u->project, err);
    csvc_error unsaid = {CSVC_ERROR_INIT};
    csvc_code asked = update_ask(u, code == CSVC_OK ? err : &unsaid);

    code = code == CSVC_OK ? asked : code;
    code = code == CSVC_OK ? add_own(u, old, err) : code;
    code = code == CSVC_OK ? check_restored(u, err) : code;
    code = code == CSVC_OK ? find_moved(u, err) : code;
    code = code == CSVC_OK ? refuse_moved_markers(u, err) : code;
    code = code == CSVC_OK ? refuse_folders(u, err) : code;
    for (size_t i = 0; code == CSVC_OK && i < u->n_files; i++) {
        update_how how = u->how;

        how.prune = how.prune || cli_list_has(&u->prune, u->files[i].path);
        code = update_decide(u->a, &how, &u->files[i], err);
    }
    code = code == CSVC_OK ? refuse_problems(u, err) : code;
    if (code == CSVC_OK) {
        rename_files(u);
        settle_own(u);
    }
    return code;
}

/* ---- what is ours ---- */

static csvc_code plan_machine(update *u, const lock *old, csvc_error *err)
{
    const gen_plan *plan = &u->project.plan;
    size_t first = u->n_files;
    csvc_code code = compose_gen(&u->project, err);

    for (size_t i = 0; code == CSVC_OK && i < plan->n_outputs; i++) {
        const gen_output *output = &plan->outputs[i];
        update_file f = {.path = output->path,
                         .owner = output->owner,
                         .planned = true,
                         .render = gen_output_content(output)};

        if (f.owner == GEN_MACHINE || f.owner == GEN_YOURS) {
            code = look_at(u, &f, err);
            add_file(u, f);
        }
    }
    for (size_t i = 0, planned = u->n_files; code == CSVC_OK && i < old->n_generated; i++) {
        const lock_hash *made = &old->generated[i];
        lock_record *record = cli_must(csvc_arena_calloc(u->a, 1, sizeof(*record)));
        update_file f = {.path = made->path, .owner = GEN_MACHINE, .record = record};
        bool seen = false;

        *record = (lock_record){.path = made->path, .hash = made->hash};
        for (size_t k = first; k < planned && !seen; k++) {
            seen = strcmp(u->files[k].path, f.path) == 0;
        }
        if (!seen) {
            code = look_at(u, &f, err);
            add_file(u, f);
        }
    }
    for (size_t i = first; code == CSVC_OK && i < u->n_files; i++) {
        code = update_decide(u->a, &u->how, &u->files[i], err);
    }
    return code;
}

/* ---- all of it ---- */

/* Markers of an earlier update, in files that it says it left them in. */
static csvc_code refuse_markers(const update *u, const lock *old, csvc_error *err)
{
    size_t left = 0;

    for (size_t i = 0; i < old->n_files; i++) {
        const lock_record *r = &old->files[i];
        const char *at = r->at != NULL ? r->at : r->path;
        csvc_error unread = {CSVC_ERROR_INIT};
        csvc_bytes text;

        if (r->state == LOCK_CONFLICT && read_at(u, at, &text, &unread) == CSVC_OK) {
            left += has_marker(u, at, text);
        }
    }
    return left == 0 ? CSVC_OK : markers_left(err);
}

static csvc_code read_lock(update *u, lock *ret_lock, csvc_error *err)
{
    csvc_error why = {CSVC_ERROR_INIT};
    csvc_code code = lock_read(u->a, u->project.root, ret_lock, &why);

    if (u->how.rebase && (code == CSVC_NOT_FOUND || code == CSVC_DATA_LOSS)) {
        *ret_lock = (lock){.format = LOCK_FORMAT, .version = CSVC_VERSION};
        u->how.lost = true;
        return CSVC_OK;
    }
    if (code == CSVC_OK && ret_lock->is_merge && u->gen_only) {
        code = csvc_error_set(&why, CSVC_FAILED_PRECONDITION,
                              "%s: error: two branches were merged here; `c-svc update` puts their "
                              "records together",
                              update_shown(u, LOCK_FILE));
    }
    if (code == CSVC_OK && ret_lock->is_merge) {
        u->is_merge = true;
        cli_list_add(u->a, &u->project.notes,
                     "two branches were merged: " LOCK_HOME " has the records of both now");
    }
    if (code != CSVC_OK && err != NULL) {
        *err = why;
    }
    return code;
}

static int by_place(const void *x, const void *y)
{
    const char *a = ((const update_file *)x)->path;
    const char *b = ((const update_file *)y)->path;
    int record_a = lock_is_record(a);
    int record_b = lock_is_record(b);

    return record_a != record_b ? record_a - record_b : strcmp(a, b);
}

static void count(update *u)
{
    for (size_t i = 0; i < u->n_files; i++) {
        const update_file *f = &u->files[i];

        if (!lock_is_record(f->path)) {
            u->counts[f->status] += f->aside ? 0 : 1;
        }
        u->changes += f->act != UPDATE_LEAVE ? 1 : 0;
        u->changes += f->new_base && (f->base.data == NULL || !update_same(f->base, f->render));
        u->changes += f->drops_base && f->base.data != NULL;
    }
}

/* Where files lie that were moved before; what was moved since is for `c-svc update` to find. */
static void recall_moved(update *u, const lock *old)
{
    for (size_t i = 0; i < old->n_files; i++) {
        const lock_record *r = &old->files[i];

        if (r->at != NULL && files_exists(update_shown(u, r->at))) {
            project_moved(&u->project, r->path, r->at);
        }
    }
}

csvc_code update_plan(update *u, csvc_error *err)
{
    lock old = {0};
    csvc_code code = read_lock(u, &old, err);

    code = code == CSVC_OK ? refuse_markers(u, &old, err) : code;
    code = code == CSVC_OK ? project_name_protos(&u->project, err) : code;
    code = code == CSVC_OK ? pipeline_run(&u->pipeline, err) : code;
    u->project.lock = old;
    code = code == CSVC_OK && !u->gen_only ? update_check_protos(u, err) : code;
    if (code == CSVC_OK) {
        hand_on_records(u, &old);
        u->project.lock = old;
    }
    code = code == CSVC_OK ? handlers_find(&u->project, err) : code;
    u->project.may_wait = !u->gen_only;
    if (code == CSVC_OK && u->gen_only) {
        recall_moved(u, &old);
    }
    if (code == CSVC_OK && !u->gen_only) {
        code = plan_own(u, &old, err);
    }
    code = code == CSVC_OK ? plan_machine(u, &old, err) : code;
    if (code == CSVC_OK) {
        qsort(u->files, u->n_files, sizeof(*u->files), by_place);
        count(u);
    }
    return code;
}

/* What is written or removed was decided from what was read: nobody may have changed it since. */
static void hand_over(const update *u, const update_file *f)
{
    const char *at = f->at != NULL ? f->at : f->path;
    const char *base = cli_printf(u->a, LOCK_BASE "%s", f->path);

    if (f->act != UPDATE_LEAVE) {
        update_txn_saw(u->txn, at, f->disk);
    }
    if (f->act == UPDATE_WRITE) {
        update_txn_write(u->txn, at, f->content, 0);
    } else if (f->act == UPDATE_UNLINK) {
        update_txn_remove(u->txn, at);
    }
    if (f->new_base) {
        update_txn_write(u->txn, base, f->render, 0);
    } else if (f->drops_base && f->base.data != NULL) {
        update_txn_remove(u->txn, base);
    }
}

csvc_code update_commit(update *u, csvc_error *err)
{
    for (size_t i = 0; i < u->n_files; i++) {
        hand_over(u, &u->files[i]);
    }
    return update_txn_commit(u->txn, err);
}
