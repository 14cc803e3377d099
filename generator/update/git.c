/* git.c: whether there is a commit to go back to. */
#include "report.h"

#include <string.h>

#include <git2.h>

#include "project/files.h"

#include "base/banned.h"

enum {
    MAX_COUNTED = 1000
};

typedef struct dirty {
    const update *u;
    const char *prefix; /* of the project in its repository: "", "services/user/" */
    size_t files;
    size_t written; /* of those, by this update */
} dirty;

static int count_dirty(const char *path, unsigned int flags, void *self)
{
    dirty *d = self;
    size_t len = strlen(d->prefix);
    const char *own = strncmp(path, d->prefix, len) == 0 ? path + len : NULL;

    (void)flags;
    d->files++;
    for (size_t i = 0; own != NULL && i < d->u->n_files; i++) {
        const update_file *f = &d->u->files[i];

        if (f->act != UPDATE_LEAVE && f->at != NULL && strcmp(f->at, own) == 0 &&
            !lock_is_record(own)) {
            d->written++;
        }
    }
    return d->files >= MAX_COUNTED ? 1 : 0;
}

/* Where the project lies below the working tree; NULL: nowhere. */
static const char *prefix_of(const update *u, git_repository *repository)
{
    const char *top = git_repository_workdir(repository);
    const char *root = u->project.root;
    const char *here = files_real_path(u->a, root[0] != '\0' ? root : ".");
    const char *real_top = top != NULL ? files_real_path(u->a, top) : NULL;
    size_t len = real_top != NULL ? strlen(real_top) : 0;

    if (here == NULL || real_top == NULL || strncmp(here, real_top, len) != 0) {
        return NULL;
    }
    return here[len] == '\0'  ? ""
           : here[len] == '/' ? cli_printf(u->a, "%s/", here + len + 1)
                              : NULL;
}

static void count_all(git_repository *repository, dirty *d)
{
    git_status_options options = GIT_STATUS_OPTIONS_INIT;
    char *folder = cli_must(csvc_arena_strdup(d->u->a, d->prefix));
    char *paths[1] = {folder};
    size_t len = strlen(folder);

    if (len > 0) {
        folder[len - 1] = '\0';
        options.pathspec.strings = paths;
        options.pathspec.count = 1;
    }
    options.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_DISABLE_PATHSPEC_MATCH |
                    GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
    (void)git_status_foreach_ext(repository, &options, count_dirty, d);
}

/* Whether anything is written but our own records. */
static bool writes(const update *u)
{
    for (size_t i = 0; i < u->n_files; i++) {
        if (u->files[i].act != UPDATE_LEAVE && !lock_is_record(u->files[i].path)) {
            return true;
        }
    }
    return false;
}

void update_warn_of_git(const update *u)
{
    git_repository *repository = NULL;
    dirty d = {.u = u};

    if (!writes(u)) {
        return;
    }
    (void)git_libgit2_init();
    if (git_repository_open_ext(&repository, u->project.root[0] != '\0' ? u->project.root : ".", 0,
                                NULL) == 0) {
        d.prefix = prefix_of(u, repository);
        if (d.prefix != NULL) {
            count_all(repository, &d);
        }
        git_repository_free(repository);
    }
    (void)git_libgit2_shutdown();
    if (d.files == 0) {
        return;
    }
    cli_error("warning: %zu file%s here differ%s from the last commit%s", d.files,
              d.files == 1 ? "" : "s", d.files == 1 ? "s" : "",
              d.written == 0   ? ""
              : d.written == 1 ? ", one of which this writes"
                               : cli_printf(u->a, ", %zu of which this writes", d.written));
    cli_hint(
        "to undo it: git checkout FILE, which goes back to the last commit, your changes to FILE "
        "included; `git clean -n` lists what is new, which stays");
    cli_hint("next time, `git add -A` or `git stash` first: then what c-svc changes stands alone");
}
