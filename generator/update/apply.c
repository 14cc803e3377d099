/*
 * apply.c: moving files into place, and back.
 *
 * How far an update came is seen from the files alone: a file's n.new is gone once it was moved
 * into place, a removed file lies in n.old from then on. So each step may be done again by somebody
 * who finds the journal, and going back may be cut short like going forward.
 */
#include "steps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "project/files.h"

#include "base/banned.h"

typedef enum found {
    AS_BEFORE,
    AS_AFTER,
    AS_NEITHER, /* somebody's doing, or it cannot be read */
} found;

static found look(const char *root, const update_step *step)
{
    csvc_error err = {CSVC_ERROR_INIT};
    char hash[SHA256_HEX];

    if (update__hash_at(root, step->place, hash, &err) != CSVC_OK) {
        return AS_NEITHER;
    }
    if (strcmp(hash, step->was) == 0) {
        return AS_BEFORE;
    }
    return strcmp(hash, step->becomes) == 0 ? AS_AFTER : AS_NEITHER;
}

static bool is_done(csvc_arena *a, const char *root, const update_steps *steps, size_t n)
{
    return steps->items[n].removes ? files_exists(update__staged(a, root, n, "old"))
                                   : !files_exists(update__staged(a, root, n, "new"));
}

/* ---- forward ---- */

static bool staged_is_whole(csvc_arena *a, const char *root, const update_steps *steps, size_t n)
{
    csvc_error err = {CSVC_ERROR_INIT};
    char hash[SHA256_HEX];

    return update__hash_at(root, cli_printf(a, UPDATE_STAGING "/%zu.new", n), hash, &err) ==
               CSVC_OK &&
           strcmp(hash, steps->items[n].becomes) == 0;
}

bool update__may_go_forward(csvc_arena *a, const char *root, const update_steps *steps,
                            cli_list *changed)
{
    bool may = true;

    for (size_t i = 0; i < steps->len; i++) {
        const update_step *step = &steps->items[i];
        found now = look(root, step);

        if (is_done(a, root, steps, i)) {
            /* edited since is fine; put back since, as by `git checkout`, is meant for all of it */
            may = may && now != AS_BEFORE;
        } else if (now == AS_NEITHER) {
            cli_list_add(a, changed, files_join(a, root, step->place));
            may = false;
        } else if (!step->removes && now == AS_BEFORE) {
            may = may && staged_is_whole(a, root, steps, i);
        }
    }
    return may;
}

static csvc_code do_step(csvc_arena *a, const char *root, const update_steps *steps, size_t n,
                         csvc_error *err)
{
    const update_step *step = &steps->items[n];
    const char *place = files_join(a, root, step->place);
    csvc_code code = CSVC_OK;

    if (is_done(a, root, steps, n)) {
        return CSVC_OK;
    }
    switch (look(root, step)) {
    case AS_BEFORE:
        break;
    case AS_AFTER:
        return CSVC_OK;
    default:
        return csvc_error_set(err, CSVC_ABORTED, "%s: was changed while c-svc was at work", place);
    }
    if (step->removes) {
        return rename(place, update__staged(a, root, n, "old")) == 0
                   ? CSVC_OK
                   : files_failed(err, "remove", place);
    }
    code = files_make_folders(a, files_folder(a, place), NULL, err);
    if (code == CSVC_OK && rename(update__staged(a, root, n, "new"), place) != 0) {
        code = files_failed(err, "write", place);
    }
    return code;
}

/* The folders of what was moved: that it was moved reaches the disk. */
static csvc_code sync_folders(csvc_arena *a, const char *root, const update_steps *steps,
                              csvc_error *err)
{
    cli_list folders = {0};
    csvc_code code = CSVC_OK;

    for (size_t i = 0; i < steps->len; i++) {
        cli_list_add(a, &folders, files_folder(a, steps->items[i].place));
    }
    for (size_t i = 0; i < steps->folders.len; i++) {
        cli_list_add(a, &folders, files_folder(a, steps->folders.items[i]));
    }
    cli_list_sort(&folders);
    for (size_t i = 0; code == CSVC_OK && i < folders.len; i++) {
        const char *folder = update__folder(a, root, folders.items[i]);
        bool again = i > 0 && strcmp(folders.items[i], folders.items[i - 1]) == 0;

        if (!again && files_is_folder(folder)) {
            code = update__sync(folder, err);
        }
    }
    return code;
}

/* Folders that a removed file leaves empty. */
static void remove_empty(csvc_arena *a, const char *root, const char *place)
{
    for (const char *folder = files_folder(a, place); strcmp(folder, ".") != 0;
         folder = files_folder(a, folder)) {
        if (rmdir(files_join(a, root, folder)) != 0 && errno != ENOENT) {
            break;
        }
    }
}

csvc_code update__forward(csvc_arena *a, const char *root, const update_steps *steps,
                          csvc_error *err)
{
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < steps->len; i++) {
        code = do_step(a, root, steps, i, err);
    }
    code = code == CSVC_OK ? sync_folders(a, root, steps, err) : code;
    for (size_t i = 0; code == CSVC_OK && i < steps->len; i++) {
        if (steps->items[i].removes) {
            remove_empty(a, root, steps->items[i].place);
        }
    }
    return code;
}

/* ---- back ---- */

static csvc_code undo_step(csvc_arena *a, const char *root, const update_steps *steps, size_t n,
                           cli_list *left, csvc_error *err)
{
    const update_step *step = &steps->items[n];
    const char *place = files_join(a, root, step->place);
    const char *old = update__staged(a, root, n, "old");
    found now = look(root, step);
    csvc_code code;

    if (now == AS_BEFORE) {
        return CSVC_OK;
    }
    if (now == AS_NEITHER) {
        if (!cli_list_has(left, place)) {
            cli_list_add(a, left, place);
        }
        return CSVC_OK;
    }
    if (!is_done(a, root, steps, n)) {
        return CSVC_OK; /* not ours: somebody did the same */
    }
    if (step->was[0] == '\0') {
        return unlink(place) == 0 ? CSVC_OK : files_failed(err, "remove", place);
    }
    code = files_make_folders(a, files_folder(a, place), NULL, err);
    if (code == CSVC_OK && rename(old, place) != 0) {
        code = files_failed(err, "put back", place);
    }
    return code;
}

csvc_code update__back(csvc_arena *a, const char *root, const update_steps *steps, cli_list *left,
                       csvc_error *err)
{
    csvc_code first = CSVC_OK;

    for (size_t i = steps->len; i-- > 0;) {
        csvc_error failure = {CSVC_ERROR_INIT};
        csvc_code code = undo_step(a, root, steps, i, left, &failure);

        if (code != CSVC_OK && first == CSVC_OK) { /* the others go back all the same */
            first = csvc_error_set(err, CSVC_DATA_LOSS, "%s", failure.text);
        }
    }
    for (size_t i = steps->folders.len; first == CSVC_OK && i-- > 0;) {
        (void)rmdir(files_join(a, root, steps->folders.items[i]));
    }
    return first == CSVC_OK ? sync_folders(a, root, steps, err) : first;
}

/* ---- the end ---- */

csvc_code update__finish(csvc_arena *a, const char *root, csvc_error *err)
{
    const char *staging = files_join(a, root, UPDATE_STAGING);
    const char *journal = files_join(a, root, UPDATE_JOURNAL);
    csvc_error ignored = {CSVC_ERROR_INIT};

    if (unlink(journal) != 0 && errno != ENOENT) {
        return files_failed(err, "remove", journal);
    }
    (void)update__sync(staging, &ignored); /* should it come back: it is of what has been done */
    files_remove_all(staging);
    return CSVC_OK;
}
