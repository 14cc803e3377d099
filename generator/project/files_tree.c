/* files_tree.c: a new tree, all of it or none. */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console/stop.h"

#include "base/banned.h"

struct files_tree {
    csvc_arena *a;
    const char *target;
    char *making;   /* the folder it is made in */
    bool was_there; /* the target is an empty folder of the user's: its entries are moved in */
    cli_list made;  /* folders above the target that were not there */
    cli_list moved; /* entries of the target, once the moving began */
};

static files_tree *unfinished;

static void abandon(void *tree)
{
    files_tree_abandon(tree);
}

static void set_unfinished(files_tree *tree)
{
    unfinished = tree;
    stop_unfinished(tree != NULL ? abandon : NULL, tree);
}

/* ---- the tree ---- */

static bool is_empty(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool empty = true;

    if (dir == NULL) {
        return false;
    }
    for (entry = readdir(dir); entry != NULL && empty; entry = readdir(dir)) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    closedir(dir);
    return empty;
}

csvc_code files_tree_check(const char *target, csvc_error *err)
{
    if (!files_exists(target)) {
        return CSVC_OK;
    }
    if (!files_is_folder(target)) {
        return csvc_error_set(err, CSVC_ALREADY_EXISTS, "%s: is there already, and is no folder",
                              target);
    }
    if (!is_empty(target)) {
        return csvc_error_set(err, CSVC_ALREADY_EXISTS, "%s: is there already, and is not empty",
                              target);
    }
    return CSVC_OK;
}

csvc_code files_tree_scratch(csvc_arena *a, files_tree **ret_tree, csvc_error *err)
{
    files_tree *tree = cli_must(csvc_arena_calloc(a, 1, sizeof(*tree)));
    const char *folder = getenv("TMPDIR");

    tree->a = a;
    tree->target = folder != NULL && folder[0] == '/' ? folder : "/tmp";
    tree->making = cli_printf(a, "%s/c-svc-XXXXXX", tree->target);
    if (mkdtemp(tree->making) == NULL) {
        return files_failed(err, "write in", tree->target);
    }
    set_unfinished(tree);
    *ret_tree = tree;
    return CSVC_OK;
}

csvc_code files_tree_begin(csvc_arena *a, const char *target, files_tree **ret_tree,
                           csvc_error *err)
{
    files_tree *tree = cli_must(csvc_arena_calloc(a, 1, sizeof(*tree)));
    csvc_code code = files_tree_check(target, err);
    mode_t mask;

    if (code != CSVC_OK) {
        return code;
    }
    tree->a = a;
    tree->target = target;
    tree->was_there = files_exists(target);
    set_unfinished(tree);
    code = files_make_folders(a, files_folder(a, target), &tree->made, err);
    if (code != CSVC_OK) {
        files_tree_abandon(tree);
        return code;
    }
    /* On the same file system as its place, so that it can be moved there. */
    tree->making =
        cli_printf(a, "%s/.c-svc-XXXXXX", tree->was_there ? target : files_folder(a, target));
    if (mkdtemp(tree->making) == NULL) {
        tree->making = NULL;
        code = files_failed(err, "make", target);
        files_tree_abandon(tree);
        return code;
    }
    mask = umask(0);
    (void)umask(mask);
    (void)chmod(tree->making, 0777 & ~mask);
    *ret_tree = tree;
    return CSVC_OK;
}

csvc_code files_tree_add(files_tree *tree, const char *path, csvc_bytes content, csvc_error *err)
{
    const char *full = files_join(tree->a, tree->making, path);
    const char *shown = files_join(tree->a, tree->target, path);
    csvc_code code;
    int fd;

    if (stop_asked()) {
        return csvc_error_set(err, CSVC_CANCELLED, "%s: told to stop", shown);
    }
    code = files_make_folders(tree->a, files_folder(tree->a, full), NULL, err);
    if (code != CSVC_OK) {
        return code;
    }
    fd = open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return files_failed(err, "write", shown);
    }
    code = files_write_all(fd, shown, content, err);
    if (close(fd) != 0 && code == CSVC_OK) {
        code = files_failed(err, "write", shown);
    }
    return code;
}

const char *files_tree_folder(const files_tree *tree)
{
    return tree->making;
}

static csvc_code move_entries(files_tree *tree, csvc_error *err)
{
    DIR *dir = opendir(tree->making);
    const struct dirent *entry;
    csvc_code code = dir != NULL ? CSVC_OK : files_failed(err, "read", tree->making);

    for (entry = code == CSVC_OK ? readdir(dir) : NULL; code == CSVC_OK && entry != NULL;
         entry = readdir(dir)) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        name = cli_must(csvc_arena_strdup(tree->a, name));
        cli_list_add(tree->a, &tree->moved, name);
        if (rename(files_join(tree->a, tree->making, name),
                   cli_printf(tree->a, "%s/%s", tree->target, name)) != 0) {
            tree->moved.len--; /* what is there now is not ours */
            code = files_failed(err, "move", name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return code;
}

csvc_code files_tree_commit(files_tree *tree, csvc_error *err)
{
    csvc_code code = CSVC_OK;

    if (stop_asked()) {
        code = csvc_error_set(err, CSVC_CANCELLED, "%s: told to stop", tree->target);
    } else if (tree->was_there) {
        code = move_entries(tree, err);
        if (code == CSVC_OK) {
            (void)rmdir(tree->making);
        }
    } else if (rename(tree->making, tree->target) != 0) {
        code = files_failed(err, "make", tree->target);
    }
    if (code != CSVC_OK) {
        files_tree_abandon(tree);
    }
    set_unfinished(NULL);
    return code;
}

void files_tree_abandon(files_tree *tree)
{
    if (tree == NULL || tree != unfinished) {
        return;
    }
    set_unfinished(NULL);
    for (size_t i = 0; i < tree->moved.len; i++) {
        files_remove_all(cli_printf(tree->a, "%s/%s", tree->target, tree->moved.items[i]));
    }
    if (tree->making != NULL) {
        files_remove_all(tree->making);
    }
    for (size_t i = tree->made.len; i-- > 0;) {
        (void)rmdir(tree->made.items[i]);
    }
}
