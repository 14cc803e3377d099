/* place.c: where a path of the project really lies, and whether it can be changed there. */
#include "steps.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "project/files.h"

#include "base/banned.h"

/* ---- what lies there ---- */

csvc_code update__hash_at(const char *root, const char *place, char ret_hash[SHA256_HEX],
                          csvc_error *err)
{
    csvc_arena *scratch = cli_must(csvc_arena_new(0));
    const char *path = files_join(scratch, root, place);
    csvc_code code = CSVC_OK;
    csvc_bytes content = {0};
    struct stat st;

    ret_hash[0] = '?';
    ret_hash[1] = '\0';
    if (lstat(path, &st) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            ret_hash[0] = '\0';
        } else {
            code = files_failed(err, "read", path);
        }
    } else if (S_ISREG(st.st_mode)) {
        code = files_read(scratch, path, UPDATE_MAX_FILE, &content, err);
        if (code == CSVC_OK) {
            sha256_hex(content, ret_hash);
        }
    } else if (S_ISLNK(st.st_mode)) {
        char *to = cli_must(csvc_arena_alloc(scratch, PATH_MAX));
        ssize_t len = readlink(path, to, PATH_MAX);

        if (len < 0) {
            code = files_failed(err, "read", path);
        } else {
            sha256_hex((csvc_bytes){.len = (size_t)len, .data = (const uint8_t *)to}, ret_hash);
        }
    }
    csvc_arena_free(scratch);
    return code;
}

const char *update__folder(csvc_arena *a, const char *root, const char *folder)
{
    if (strcmp(folder, ".") != 0) {
        return files_join(a, root, folder);
    }
    return root[0] != '\0' ? root : ".";
}

const char *update__staged(csvc_arena *a, const char *root, size_t n, const char *which)
{
    return files_join(a, root, cli_printf(a, UPDATE_STAGING "/%zu.%s", n, which));
}

/* A journal may have come with a repository, and what is in .git is run by git. */
bool update__is_place(const char *path)
{
    size_t staging = strlen(UPDATE_STAGING);

    for (const char *part = path; part != NULL;) {
        size_t len = strcspn(part, "/");

        if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && strncmp(part, "..", 2) == 0) ||
            (len == 4 && strncmp(part, ".git", 4) == 0)) {
            return false;
        }
        part = part[len] == '/' ? part + len + 1 : NULL;
    }
    return strchr(path, '\n') == NULL &&
           (strncmp(path, UPDATE_STAGING, staging) != 0 || strchr("/", path[staging]) == NULL);
}

/* ---- following links ---- */

typedef struct walk {
    csvc_arena *a;
    const char *root;
    const char *path;    /* all of it, as planned */
    const char *place;   /* how far it has been followed; "" the root itself */
    const char *missing; /* what of it is not there yet, outermost; NULL: all is there */
    bool keeps_last;     /* a link at its end is meant itself */
} walk;

static const char *shown(const walk *w, const char *place)
{
    return files_join(w->a, w->root, place);
}

static csvc_code refuse(csvc_error *err, const char *path, const char *why)
{
    return csvc_error_set(err, CSVC_FAILED_PRECONDITION, "%s: %s", path, why);
}

/* A link on the way: to where it leads, which is in the project. */
static csvc_code follow(walk *w, const char *link, csvc_error *err)
{
    const char *path = shown(w, link);
    const char *root = update__folder(w->a, w->root, ".");
    char *top = cli_must(csvc_arena_alloc(w->a, PATH_MAX));
    char *end = cli_must(csvc_arena_alloc(w->a, PATH_MAX));
    size_t len;

    if (realpath(root, top) == NULL) {
        return files_failed(err, "find", root);
    }
    if (realpath(path, end) == NULL) {
        if (errno == ENOENT) {
            return refuse(err, path, "is a link to nothing; remove it, or make what it leads to");
        }
        return errno == ELOOP ? refuse(err, path, "is a link that leads to itself; remove it")
                              : files_failed(err, "follow", path);
    }
    len = strcmp(top, "/") == 0 ? 0 : strlen(top);
    if (strncmp(end, top, len) != 0 || (end[len] != '/' && end[len] != '\0')) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "%s: is a link out of the project, to %s; c-svc writes nothing there",
                              path, end);
    }
    w->place = end[len] == '/' ? end + len + 1 : end + len;
    return CSVC_OK;
}

/* One name further. */
static csvc_code step_into(walk *w, const char *name, bool last, csvc_error *err)
{
    const char *next = w->place[0] == '\0' ? name : cli_printf(w->a, "%s/%s", w->place, name);
    struct stat st;

    if (strlen(name) > NAME_MAX || strlen(shown(w, next)) >= PATH_MAX) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "%.100s...: the name is too long; the system takes %d bytes for one "
                              "name and %d for a whole path",
                              shown(w, next), NAME_MAX, PATH_MAX - 1);
    }
    if (w->missing != NULL) {
        w->place = next;
        return CSVC_OK;
    }
    if (lstat(shown(w, next), &st) != 0) {
        if (errno != ENOENT) {
            return files_failed(err, "read", shown(w, next));
        }
        w->missing = next;
        w->place = next;
        return CSVC_OK;
    }
    if (S_ISLNK(st.st_mode) && !(last && w->keeps_last)) {
        csvc_code code = follow(w, next, err);

        if (code != CSVC_OK) {
            return code;
        }
        if (stat(shown(w, w->place), &st) != 0) {
            return files_failed(err, "read", shown(w, next));
        }
    } else {
        w->place = next;
    }
    if (!last && !S_ISDIR(st.st_mode)) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "%s: is a file, and a folder has to be there for %s", shown(w, next),
                              w->path);
    }
    if (last && S_ISDIR(st.st_mode)) {
        return refuse(err, shown(w, next), "is a folder, and a file has to be there");
    }
    if (last && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)) {
        return refuse(err, shown(w, next), "is neither a file nor a folder");
    }
    return CSVC_OK;
}

static csvc_code walk_path(walk *w, csvc_error *err)
{
    const char *at = w->path;
    csvc_code code = CSVC_OK;

    w->place = "";
    while (code == CSVC_OK && *at != '\0') {
        size_t len = strcspn(at, "/");
        const char *name = cli_must(csvc_arena_strndup(w->a, at, len));

        if (len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            strchr(name, '\n') != NULL) {
            return refuse(err, w->path, "is no path that c-svc can write to");
        }
        at += len + (at[len] == '/' ? 1 : 0);
        code = step_into(w, name, *at == '\0', err);
    }
    return code;
}

/* ---- what may be changed ---- */

/* Root may write anywhere; a file or folder that nobody may write to is meant so all the same. */
static bool is_read_only(const char *path, int how)
{
    struct stat st;

    return (stat(path, &st) == 0 && (st.st_mode & 0222) == 0) ||
           (access(path, how) != 0 && errno != ENOENT);
}

static csvc_code check_writable(const walk *w, csvc_error *err)
{
    const char *path = shown(w, w->place);
    const char *folder = update__folder(
        w->a, w->root, files_folder(w->a, w->missing != NULL ? w->missing : w->place));
    const char *home = shown(w, UPDATE_HOME);
    struct stat home_st;
    struct stat st;

    if (w->missing == NULL && !w->keeps_last && is_read_only(path, W_OK)) {
        return csvc_error_set(err, CSVC_PERMISSION_DENIED,
                              "%s: is read-only; make it writable (chmod u+w %s)", path, path);
    }
    if (is_read_only(folder, W_OK | X_OK)) {
        return csvc_error_set(
            err, CSVC_PERMISSION_DENIED,
            "%s: is a read-only folder, so %s cannot be written; make it writable "
            "(chmod u+w %s)",
            folder, path, folder);
    }
    if (stat(folder, &st) != 0) {
        return files_failed(err, "read", folder);
    }
    if (stat(home, &home_st) == 0 && st.st_dev != home_st.st_dev) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "%s: is on another file system than %s, from where files are moved "
                              "into place all at once",
                              folder, home);
    }
    return CSVC_OK;
}

static void add_missing(const walk *w, cli_list *folders)
{
    for (size_t i = strlen(w->missing); w->place[i] != '\0'; i++) {
        const char *folder;

        if (w->place[i] != '/') {
            continue;
        }
        folder = cli_must(csvc_arena_strndup(w->a, w->place, i));
        if (!cli_list_has(folders, folder)) {
            cli_list_add(w->a, folders, folder);
        }
    }
}

csvc_code update__check_inside(csvc_arena *a, const char *root, const char *path, csvc_error *err)
{
    walk w = {.a = a, .root = root, .path = path};

    return walk_path(&w, err);
}

/* By a link even a folder of the project would be emptied as if it were ours. */
csvc_code update__check_home(csvc_arena *a, const char *root, csvc_error *err)
{
    static const char *const folders[] = {UPDATE_HOME, UPDATE_STAGING};
    csvc_code code = update__check_inside(a, root, UPDATE_JOURNAL, err);

    for (size_t i = 0; code == CSVC_OK && i < sizeof(folders) / sizeof(folders[0]); i++) {
        const char *path = files_join(a, root, folders[i]);
        struct stat st;

        if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
            code = refuse(err, path, "is a link, and c-svc keeps its own files there; remove it");
        }
    }
    return code;
}

csvc_code update__find_place(csvc_arena *a, const char *root, update_step *step, cli_list *folders,
                             csvc_error *err)
{
    walk w = {.a = a, .root = root, .path = step->path, .keeps_last = step->removes};
    files_change change = FILES_UPDATED;
    csvc_code code = walk_path(&w, err);

    if (code != CSVC_OK) {
        return code;
    }
    if (!update__is_place(w.place)) {
        return refuse(err, step->path, "is no path that c-svc can write to");
    }
    step->place = w.place;
    if (step->removes) {
        change = w.missing != NULL ? FILES_SAME : FILES_UPDATED;
    } else if (w.missing == NULL) {
        code = files_compare(shown(&w, w.place), step->content, &change, err);
    }
    step->same = change == FILES_SAME;
    if (code != CSVC_OK || step->same) {
        return code;
    }
    code = update__hash_at(root, w.place, step->was, err);
    if (!step->removes) {
        sha256_hex(step->content, step->becomes);
    }
    code = code == CSVC_OK ? check_writable(&w, err) : code;
    if (code == CSVC_OK && w.missing != NULL) {
        add_missing(&w, folders);
    }
    return code;
}

/* ---- steps beside one another ---- */

static int by_place(const void *x, const void *y)
{
    const update_step *const *a = x;
    const update_step *const *b = y;

    return strcmp((*a)->place, (*b)->place);
}

csvc_code update__check_apart(csvc_arena *a, const char *root, update_steps *steps, csvc_error *err)
{
    const update_step **sorted = cli_must(csvc_arena_calloc(a, steps->len + 1, sizeof(*sorted)));
    update_step key = {0};
    const update_step *wanted = &key;

    for (size_t i = 0; i < steps->len; i++) {
        sorted[i] = &steps->items[i];
    }
    if (steps->len > 1) {
        qsort(sorted, steps->len, sizeof(const update_step *), by_place);
    }
    for (size_t i = 1; i < steps->len; i++) {
        if (strcmp(sorted[i - 1]->place, sorted[i]->place) == 0) {
            return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                                  "%s and %s: are one file, by a link, and would be written twice",
                                  files_join(a, root, sorted[i - 1]->path),
                                  files_join(a, root, sorted[i]->path));
        }
    }
    for (size_t i = 0; i < steps->len; i++) {
        for (const char *slash = strchr(sorted[i]->place, '/'); slash != NULL;
             slash = strchr(slash + 1, '/')) {
            size_t len = (size_t)(slash - sorted[i]->place);

            key.place = cli_must(csvc_arena_strndup(a, sorted[i]->place, len));
            if (bsearch(&wanted, sorted, steps->len, sizeof(const update_step *), by_place) !=
                NULL) {
                return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                                      "%s: cannot be a file and the folder of %s at once",
                                      files_join(a, root, key.place),
                                      files_join(a, root, sorted[i]->path));
            }
        }
    }
    return CSVC_OK;
}
