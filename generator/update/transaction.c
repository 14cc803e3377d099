/* transaction.c: planning, checking and committing changes to a project. */
#include "transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console/stop.h"
#include "project/files.h"
#include "steps.h"

#include "base/banned.h"

typedef struct seen {
    const char *path;
    csvc_bytes content;
} seen;

struct update_txn {
    csvc_arena *a;
    const char *root;
    int lock;
    bool checked;
    bool staging; /* there is something of ours under UPDATE_STAGING */
    update_steps planned;
    update_steps steps; /* of those what has to be done; after check */
    seen *seen;
    size_t n_seen, max_seen;
};

/* ---- planning ---- */

void update_txn_write(update_txn *txn, const char *path, csvc_bytes content, unsigned mode)
{
    update__add_step(
        txn->a, &txn->planned,
        (update_step){
            .path = path, .place = path, .content = content, .mode = mode != 0 ? mode : 0666});
    txn->checked = false;
}

void update_txn_remove(update_txn *txn, const char *path)
{
    update__add_step(txn->a, &txn->planned,
                     (update_step){.path = path, .place = path, .removes = true});
    txn->checked = false;
}

void update_txn_saw(update_txn *txn, const char *path, csvc_bytes content)
{
    txn->seen = cli_grown(txn->a, txn->seen, txn->n_seen, &txn->max_seen, sizeof(*txn->seen));
    txn->seen[txn->n_seen++] = (seen){.path = path, .content = content};
    txn->checked = false;
}

/* ---- begin and end ---- */

csvc_code update_txn_begin(csvc_arena *a, const char *root, update_txn **ret_txn, csvc_error *err)
{
    update_txn *txn = cli_must(csvc_arena_calloc(a, 1, sizeof(*txn)));
    csvc_code code = update__check_home(a, root, err);

    txn->a = a;
    txn->root = root;
    code = code == CSVC_OK ? update__lock(a, root, &txn->lock, err) : code;
    if (code != CSVC_OK) {
        return code;
    }
    if (files_exists(files_join(a, root, UPDATE_JOURNAL))) {
        code = csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "%s: another update was interrupted this moment; run this again",
                              files_join(a, root, UPDATE_JOURNAL));
        update_txn_end(txn);
        return code;
    }
    *ret_txn = txn;
    return CSVC_OK;
}

void update_txn_end(update_txn *txn)
{
    if (txn == NULL) {
        return;
    }
    if (txn->lock >= 0) {
        /* nothing but the lock was in it: it had not been there, and nothing was to stay */
        (void)rmdir(files_join(txn->a, txn->root, UPDATE_HOME));
        close(txn->lock);
        txn->lock = -1;
    }
}

/* ---- checking ---- */

static csvc_code check_seen(const update_txn *txn, const seen *was, csvc_error *err)
{
    const char *path = files_join(txn->a, txn->root, was->path);
    files_change change = FILES_SAME;
    csvc_code code = CSVC_OK;

    if (was->content.data == NULL) {
        change = files_exists(path) ? FILES_UPDATED : FILES_SAME;
    } else {
        code = files_compare(path, was->content, &change, err);
    }
    if (code == CSVC_OK && change != FILES_SAME) {
        code = csvc_error_set(err, CSVC_ABORTED, "%s: was changed while c-svc was at work", path);
    }
    return code;
}

static void note(csvc_code code, const csvc_error *failure, csvc_error *first, size_t *problems)
{
    if (code != CSVC_OK && ++*problems == 1) {
        *first = *failure;
    }
}

csvc_code update_txn_check(update_txn *txn, csvc_error *err)
{
    csvc_error first = {CSVC_ERROR_INIT};
    csvc_error failure = {CSVC_ERROR_INIT};
    size_t problems = 0;

    txn->steps = (update_steps){0};
    if (txn->planned.len > UPDATE_MAX_STEPS) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                              "%zu files would be changed, and c-svc changes at most %d at once",
                              txn->planned.len, UPDATE_MAX_STEPS);
    }
    for (size_t i = 0; i < txn->planned.len; i++) {
        update_step *step = &txn->planned.items[i];

        note(update__find_place(txn->a, txn->root, step, &txn->steps.folders, &failure), &failure,
             &first, &problems);
        if (!step->same) {
            update__add_step(txn->a, &txn->steps, *step);
        }
    }
    for (size_t i = 0; problems == 0 && i < txn->n_seen; i++) {
        note(check_seen(txn, &txn->seen[i], &failure), &failure, &first, &problems);
    }
    if (problems == 0) {
        note(update__check_apart(txn->a, txn->root, &txn->planned, &failure), &failure, &first,
             &problems);
    }
    if (problems > 1) {
        return csvc_error_set(err, first.code, "%s (and %zu more like that)", first.text,
                              problems - 1);
    }
    if (problems == 1) {
        return csvc_error_set(err, first.code, "%s", first.text);
    }
    txn->checked = true;
    return CSVC_OK;
}

size_t update_txn_changes(const update_txn *txn)
{
    return txn->steps.len;
}

/* ---- staging ---- */

/* Of a file that is replaced: mode and, where that is allowed, owner. */
static csvc_code take_over(int fd, const char *place, const update_step *step, csvc_error *err)
{
    struct stat st;
    mode_t mode;

    if (step->was[0] != '\0' && stat(place, &st) == 0) {
        mode = st.st_mode & 07777;
        if ((st.st_uid != geteuid() || st.st_gid != getegid()) &&
            fchown(fd, st.st_uid, st.st_gid) != 0) {
            mode &= 01777; /* another's rights are not ours to give */
        }
    } else {
        mode_t mask = umask(0);

        (void)umask(mask);
        mode = step->mode & ~mask;
    }
    return fchmod(fd, mode) == 0 ? CSVC_OK : files_failed(err, "write", place);
}

static csvc_code stage_new(update_txn *txn, size_t n, csvc_error *err)
{
    const update_step *step = &txn->steps.items[n];
    const char *place = files_join(txn->a, txn->root, step->place);
    int fd = open(update__staged(txn->a, txn->root, n, "new"),
                  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    csvc_code code;

    if (fd < 0) {
        return files_failed(err, "write", place);
    }
    code = files_write_all(fd, place, step->content, err);
    code = code == CSVC_OK ? take_over(fd, place, step, err) : code;
    if (close(fd) != 0 && code == CSVC_OK) {
        code = files_failed(err, "write", place);
    }
    return code;
}

static csvc_code copy_old(const char *place, const char *old, csvc_error *err)
{
    csvc_arena *scratch = cli_must(csvc_arena_new(0));
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
    struct stat st;
    csvc_bytes content = {0};
    csvc_code code = files_read(scratch, place, UPDATE_MAX_FILE, &content, err);
    int fd = code == CSVC_OK ? open(old, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;

    if (code == CSVC_OK && (fd < 0 || stat(place, &st) != 0)) {
        code = files_failed(err, "keep", place);
    }
    code = code == CSVC_OK ? files_write_all(fd, place, content, err) : code;
    if (code == CSVC_OK) {
        times[1] = st.st_mtim;
        if (fchmod(fd, st.st_mode & 07777) != 0 || futimens(fd, times) != 0 || fsync(fd) != 0) {
            code = files_failed(err, "keep", place);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    csvc_arena_free(scratch);
    return code;
}

/* The file that is going to be replaced gets a second name: it can be put back, date and all. */
static csvc_code keep_old(update_txn *txn, size_t n, csvc_error *err)
{
    const char *place = files_join(txn->a, txn->root, txn->steps.items[n].place);
    const char *old = update__staged(txn->a, txn->root, n, "old");

    if (link(place, old) == 0) {
        return CSVC_OK;
    }
    /* not every file system has links, and not every file may be linked */
    return errno == ENOENT || errno == ENOSPC ? files_failed(err, "keep", place)
                                              : copy_old(place, old, err);
}

static csvc_code stage(update_txn *txn, csvc_error *err)
{
    const char *staging = files_join(txn->a, txn->root, UPDATE_STAGING);
    csvc_code code = CSVC_OK;

    files_remove_all(staging); /* of somebody who was killed before it counted */
    if (mkdir(staging, 0777) != 0) {
        return files_failed(err, "make", staging);
    }
    txn->staging = true;
    for (size_t i = 0; code == CSVC_OK && i < txn->steps.len; i++) {
        const update_step *step = &txn->steps.items[i];

        if (stop_asked()) {
            code = csvc_error_set(err, CSVC_CANCELLED, "told to stop");
        } else if (!step->removes) {
            code = stage_new(txn, i, err);
            code = code == CSVC_OK && step->was[0] != '\0' ? keep_old(txn, i, err) : code;
        }
    }
    /* Written all first, synced then: the first takes the others along. */
    for (size_t i = 0; code == CSVC_OK && i < txn->steps.len; i++) {
        if (!txn->steps.items[i].removes) {
            code = update__sync(update__staged(txn->a, txn->root, i, "new"), err);
        }
    }
    if (code == CSVC_OK && stop_asked()) {
        code = csvc_error_set(err, CSVC_CANCELLED, "told to stop");
    }
    return code;
}

/* Nothing of the project has been touched. */
static void drop_staging(void *self)
{
    update_txn *txn = self;

    if (txn->staging) {
        txn->staging = false;
        /* first the journal, as long as all that it tells of is there */
        (void)unlink(files_join(txn->a, txn->root, UPDATE_JOURNAL));
        files_remove_all(files_join(txn->a, txn->root, UPDATE_STAGING));
    }
}

static void drop_all(void *self)
{
    drop_staging(self);
    update_txn_end(self);
}

/* ---- committing ---- */

/* Some of it may be in place; none of it afterwards. */
static csvc_code take_back(update_txn *txn, csvc_code code, const csvc_error *why, csvc_error *err)
{
    csvc_error failure = {CSVC_ERROR_INIT};
    cli_list left = {0};

    if (update__back(txn->a, txn->root, &txn->steps, &left, &failure) != CSVC_OK ||
        update__finish(txn->a, txn->root, &failure) != CSVC_OK) {
        return csvc_error_set(
            err, CSVC_DATA_LOSS,
            "%.200s; nor could all be put back (%.200s): the next c-svc tries again", why->text,
            failure.text);
    }
    return csvc_error_set(err, code, "%s", why->text);
}

csvc_code update_txn_commit(update_txn *txn, csvc_error *err)
{
    csvc_error failure = {CSVC_ERROR_INIT};
    csvc_code code = txn->checked ? CSVC_OK : update_txn_check(txn, err);

    if (code != CSVC_OK || txn->steps.len == 0) {
        return code;
    }
    stop_unfinished(drop_all, txn);
    code = stage(txn, &failure);
    code = code == CSVC_OK ? update__journal_write(txn->a, txn->root, &txn->steps, &failure) : code;
    stop_unfinished(NULL, NULL);
    if (code != CSVC_OK) {
        drop_staging(txn);
        if (files_exists(files_join(txn->a, txn->root, UPDATE_JOURNAL))) {
            return csvc_error_set(err, CSVC_DATA_LOSS,
                                  "%.400s; nothing was changed, but the next c-svc tries again",
                                  failure.text);
        }
        return csvc_error_set(err, code, "%s", failure.text);
    }
    txn->staging = false;
    code = update__forward(txn->a, txn->root, &txn->steps, &failure);
    code = code == CSVC_OK ? update__finish(txn->a, txn->root, &failure) : code;
    if (code != CSVC_OK) {
        return take_back(txn, code, &failure, err);
    }
    txn->checked = false;
    txn->planned = txn->steps = (update_steps){0};
    return CSVC_OK;
}
