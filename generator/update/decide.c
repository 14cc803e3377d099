/* decide.c: what becomes of one file. */
#include "decide.h"

#include <string.h>

#include "merge.h"
#include "project/migrations.h"
#include "project/sha256.h"

#include "base/banned.h"

static const char *const names[UPDATE_N_STATUS] = {
    [UPDATE_CREATE] = "create",       [UPDATE_CHANGE] = "update",   [UPDATE_MERGE] = "merge",
    [UPDATE_IDENTICAL] = "identical", [UPDATE_KEPT] = "kept",       [UPDATE_CONFLICT] = "conflict",
    [UPDATE_STALE] = "stale",         [UPDATE_DELETED] = "deleted", [UPDATE_MOVED] = "moved",
    [UPDATE_REMOVE] = "remove",       [UPDATE_RENAME] = "rename",
};

const char *update_status_name(update_status status)
{
    return names[status];
}

static void set(update_file *f, update_status status, bool news)
{
    f->status = status;
    f->news = news;
}

static void write_it(update_file *f, csvc_bytes content)
{
    f->act = UPDATE_WRITE;
    f->content = content;
}

/* What the lock says from now on; the place is where the file lies. */
static void record(update_file *f, lock_state state, const char *hash)
{
    bool moved = f->at != NULL && strcmp(f->at, f->path) != 0;

    f->keeps_record = true;
    f->becomes = (lock_record){.path = f->path,
                               .at = moved ? f->at : NULL,
                               .owner = f->owner,
                               .state = state,
                               .hash = hash};
}

static const char *recorded_hash(const update_file *f)
{
    return f->record != NULL ? f->record->hash : "";
}

/* It has been moved since the lock was written. */
static bool moved_since(const update_file *f)
{
    const char *was = f->record != NULL && f->record->at != NULL ? f->record->at : f->path;

    return f->at != NULL && strcmp(f->at, was) != 0 && strcmp(f->at, f->path) != 0;
}

/* ---- not there ---- */

static void decide_absent(csvc_arena *a, const update_how *how, update_file *f)
{
    bool once_there = f->record != NULL ? f->record->state != LOCK_FOREIGN
                                        : f->known || f->base.data != NULL || how->lost;

    if (once_there && !f->restore) {
        set(f, UPDATE_DELETED, f->record == NULL || f->record->state != LOCK_DELETED);
        f->remark = f->seems != NULL
                        ? cli_printf(a, "%s is like it, but make does not compile that", f->seems)
                        : "stays away; --restore brings it back";
        record(f, LOCK_DELETED, recorded_hash(f));
        f->becomes.at = f->record != NULL ? f->record->at : NULL; /* should it come back there */
        return;
    }
    set(f, UPDATE_CREATE, true);
    write_it(f, f->render);
    record(f, LOCK_THERE, sha256_text(a, f->render));
    f->new_base = f->owner == GEN_MERGED;
}

/* ---- no longer asked for ---- */

static void decide_unplanned(csvc_arena *a, const update_how *how, update_file *f)
{
    bool untouched;

    /* It may have been taken somewhere; and that it was there once tells what is wanted. */
    if (migrations_is_step(f->path) && f->record != NULL) {
        set(f, f->at == NULL ? UPDATE_DELETED : UPDATE_KEPT, false);
        record(f, f->at == NULL ? LOCK_DELETED : f->record->state, recorded_hash(f));
        return;
    }
    if (f->at == NULL || (f->record != NULL && f->record->state == LOCK_FOREIGN)) {
        set(f, f->at == NULL ? UPDATE_DELETED : UPDATE_KEPT, false);
        f->drops_base = true;
        return;
    }
    untouched = strcmp(sha256_text(a, f->disk), recorded_hash(f)) == 0;
    if (untouched && (how->prune || f->owner == GEN_MACHINE)) {
        set(f, UPDATE_REMOVE, true);
        f->act = UPDATE_UNLINK;
        f->drops_base = true;
        return;
    }
    set(f, UPDATE_STALE, true);
    f->remark = f->owner == GEN_MACHINE ? "changed by hand, and no longer made; remove it"
                : untouched             ? "--prune removes it"
                : how->prune            ? "changed since it was made: remove it yourself"
                                        : "changed since it was made";
    if (f->owner != GEN_MACHINE) {
        record(f, LOCK_THERE, recorded_hash(f));
    }
}

/* ---- asked for ---- */

static void decide_machine(update_file *f)
{
    if (f->at == NULL) {
        set(f, UPDATE_CREATE, true);
        write_it(f, f->render);
    } else if (update_same(f->disk, f->render)) {
        set(f, UPDATE_IDENTICAL, false);
    } else {
        set(f, UPDATE_CHANGE, true);
        write_it(f, f->render);
    }
}

static void decide_born_once(csvc_arena *a, update_file *f)
{
    const char *hash = recorded_hash(f);
    bool identical = update_same(f->disk, update_line_ends(a, f->render, f->disk));

    set(f, identical ? UPDATE_IDENTICAL : UPDATE_KEPT, false);
    if (moved_since(f)) {
        set(f, UPDATE_MOVED, true);
    }
    record(f, LOCK_THERE, hash[0] == '\0' && identical ? sha256_text(a, f->render) : hash);
}

static bool base_is_good(csvc_arena *a, const update_file *f)
{
    return f->base.data != NULL &&
           (recorded_hash(f)[0] == '\0' || strcmp(sha256_text(a, f->base), recorded_hash(f)) == 0);
}

/* Without a base: theirs, unless it is what we would write. */
static void decide_without_base(csvc_arena *a, const update_how *how, update_file *f,
                                bool identical)
{
    bool ours = f->record != NULL && f->record->state != LOCK_FOREIGN;

    if (identical || how->rebase) {
        set(f, identical ? UPDATE_IDENTICAL : UPDATE_KEPT, false);
        record(f, LOCK_THERE, sha256_text(a, f->render));
        f->new_base = true;
    } else if (ours) {
        f->problem = f->base.data == NULL ? "is gone" : "is not what c-svc wrote";
        set(f, UPDATE_KEPT, false);
        record(f, f->record->state, recorded_hash(f));
    } else {
        set(f, UPDATE_KEPT, f->record == NULL);
        f->remark = "was there before c-svc had such a file: left alone";
        record(f, LOCK_FOREIGN, "");
    }
}

static csvc_code merge_it(csvc_arena *a, update_file *f, csvc_bytes base, csvc_bytes render,
                          csvc_error *err)
{
    csvc_bytes merged = {0};
    bool conflict = false;
    csvc_code code = update_merge(a, base, f->disk, render, &merged, &conflict, err);

    if (code != CSVC_OK) {
        return code;
    }
    record(f, conflict ? LOCK_CONFLICT : LOCK_THERE, sha256_text(a, f->render));
    if (update_same(merged, f->disk)) {
        set(f, UPDATE_KEPT, false);
    } else {
        set(f, conflict ? UPDATE_CONFLICT : UPDATE_MERGE, true);
        write_it(f, merged);
    }
    if (conflict) {
        f->remark = cli_printf(a, "line %zu", update_marker_line(merged));
    }
    return CSVC_OK;
}

static csvc_code decide_merged(csvc_arena *a, const update_how *how, update_file *f,
                               csvc_error *err)
{
    csvc_bytes render = update_line_ends(a, f->render, f->disk);
    csvc_bytes base = update_line_ends(a, f->base, f->disk);
    bool identical = update_same(f->disk, render);
    csvc_code code = CSVC_OK;

    if (!base_is_good(a, f) || (f->record != NULL && f->record->state == LOCK_FOREIGN)) {
        decide_without_base(a, how, f, identical);
        return CSVC_OK;
    }
    f->new_base = true;
    record(f, LOCK_THERE, sha256_text(a, f->render));
    if (identical || update_same(base, render)) {
        set(f, identical ? UPDATE_IDENTICAL : UPDATE_KEPT, false);
    } else if (update_same(f->disk, base)) {
        set(f, UPDATE_CHANGE, true);
        write_it(f, render);
    } else {
        code = merge_it(a, f, base, render, err);
    }
    if (moved_since(f) && (f->status == UPDATE_IDENTICAL || f->status == UPDATE_KEPT)) {
        set(f, UPDATE_MOVED, true);
    }
    return code;
}

csvc_code update_decide(csvc_arena *a, const update_how *how, update_file *f, csvc_error *err)
{
    if (f->restore && f->at != NULL) {
        f->problem = strcmp(f->at, f->path) == 0 ? "is there; --restore brings back what is not"
                                                 : cli_printf(a, "lies in %s now", f->at);
        return CSVC_OK;
    }
    if (!f->planned) {
        decide_unplanned(a, how, f);
    } else if (f->owner == GEN_MACHINE || f->owner == GEN_YOURS) {
        decide_machine(f);
    } else if (f->at == NULL) {
        decide_absent(a, how, f);
    } else if (f->owner == GEN_BORN_ONCE) {
        decide_born_once(a, f);
    } else {
        return decide_merged(a, how, f, err);
    }
    return CSVC_OK;
}
