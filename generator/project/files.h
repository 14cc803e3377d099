/*
 * files.h: files on disk: reading, what writing takes, and new trees.
 *
 * A new tree is made in a hidden folder beside its place and moved there at the very end; when the
 * program fails, exits or is told to stop before that (SIGINT, SIGTERM, SIGHUP), what was made is
 * removed again, folders above it included. What is there already changes by
 * update/transaction.h.
 *
 * One tree at a time, one thread. Errors say which file and why.
 */
#ifndef PROJECT_FILES_H
#define PROJECT_FILES_H

#include <csvc/arena.h>
#include <csvc/code.h>
#include "console/say.h"

/* ---- reading ---- */

/*
 * A whole file, with a NUL behind it. NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT for what is no
 * file or is larger than `max`, UNAVAILABLE for the rest; the text names the path.
 */
csvc_code files_read(csvc_arena *a, const char *path, size_t max, csvc_bytes *ret_content,
                     csvc_error *err);

bool files_exists(const char *path); /* as anything */
bool files_is_folder(const char *path);

/* The names in a folder, sorted, without those that begin with a dot; none when it is not there, or
 * no folder: whoever writes there says so. */
csvc_code files_list(csvc_arena *a, const char *folder, cli_list *ret_names, csvc_error *err);

/* "a/b" and "c" make "a/b/c"; "" and "." before something are left out. */
const char *files_join(csvc_arena *a, const char *folder, const char *name);

/* Where it really lies: in full, without links; NULL, with errno, when nothing is there. */
const char *files_real_path(csvc_arena *a, const char *path);

/* "a/b" of "a/b/c"; "." when there is none. */
const char *files_folder(csvc_arena *a, const char *path);

/* From errno: `PATH: cannot VERB it: why`. */
csvc_code files_failed(csvc_error *err, const char *verb, const char *path);

/* ---- parts of writing ---- */

/* Makes a folder and those above it; `made`, when not NULL, gets each that was not there. */
csvc_code files_make_folders(csvc_arena *a, const char *path, cli_list *made, csvc_error *err);

csvc_code files_write_all(int fd, const char *path, csvc_bytes content, csvc_error *err);

/* A file, or a folder with all below it, as far as that is allowed; follows no links. */
void files_remove_all(const char *path);

/* What writing a file would do. */
typedef enum files_change {
    FILES_SAME = 0, /* the content is there already */
    FILES_CREATED,
    FILES_UPDATED,
} files_change;

csvc_code files_compare(const char *path, csvc_bytes content, files_change *ret_change,
                        csvc_error *err);

/* ---- writing a tree ---- */

typedef struct files_tree files_tree;

/*
 * Begins a tree that will stand at `target`, which is absent or an empty folder (ALREADY_EXISTS
 * when it is not). Makes missing folders above it.
 */
csvc_code files_tree_begin(csvc_arena *a, const char *target, files_tree **ret_tree,
                           csvc_error *err);

/* Whether a tree could stand at `target`: what files_tree_begin would refuse. */
csvc_code files_tree_check(const char *target, csvc_error *err);

/* A tree in the folder for temporary files, never to be committed: for who needs files, but not for
 * long. */
csvc_code files_tree_scratch(csvc_arena *a, files_tree **ret_tree, csvc_error *err);

/* Adds a file below it; `path` is relative. CANCELLED when the program was told to stop. */
csvc_code files_tree_add(files_tree *tree, const char *path, csvc_bytes content, csvc_error *err);

/* The folder it is made in, until then. */
const char *files_tree_folder(const files_tree *tree);

/* Moves it to its place. */
csvc_code files_tree_commit(files_tree *tree, csvc_error *err);

/* Removes what was made since the beginning; nothing after a commit. Takes NULL. */
void files_tree_abandon(files_tree *tree);

#endif /* PROJECT_FILES_H */
