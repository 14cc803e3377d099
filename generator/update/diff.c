/* diff.c: what update would do, as a unified diff. */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include <git2.h>

#include "base/banned.h"

enum {
    BAR = 40 /* + and - of the longest line of --stat */
};

typedef struct change {
    const update_file *file;
    git_patch *patch;
    size_t added, removed;
} change;

static csvc_code make_patch(const update_file *f, change *ret_change, csvc_error *err)
{
    git_diff_options options = GIT_DIFF_OPTIONS_INIT;
    const char *at = f->at != NULL ? f->at : f->path;
    bool goes = f->act == UPDATE_UNLINK;
    change c = {.file = f};

    /* no buffer: a file that is not there */
    if (git_patch_from_buffers(&c.patch, f->at != NULL ? f->disk.data : NULL, f->disk.len, at,
                               goes ? NULL : f->content.data, goes ? 0 : f->content.len, at,
                               &options) != 0 ||
        git_patch_line_stats(NULL, &c.added, &c.removed, c.patch) != 0) {
        const git_error *why = git_error_last();

        git_patch_free(c.patch);
        return csvc_error_set(err, CSVC_INTERNAL, "%s: cannot be compared: %s", at,
                              why != NULL ? why->message : "libgit2 does not say why");
    }
    *ret_change = c;
    return CSVC_OK;
}

/* ---- the diff ---- */

static int print_line(const git_diff_delta *delta, const git_diff_hunk *hunk,
                      const git_diff_line *line, void *self)
{
    const update_diff *how = self;
    const char *colour = NULL;

    (void)delta;
    (void)hunk;
    switch (line->origin) {
    case GIT_DIFF_LINE_FILE_HDR:
        colour = "\033[1m";
        break;
    case GIT_DIFF_LINE_HUNK_HDR:
        colour = "\033[36m";
        break;
    case GIT_DIFF_LINE_ADDITION:
    case GIT_DIFF_LINE_ADD_EOFNL:
        colour = "\033[32m";
        break;
    case GIT_DIFF_LINE_DELETION:
    case GIT_DIFF_LINE_DEL_EOFNL:
        colour = "\033[31m";
        break;
    default:
        break;
    }
    if (how->colour && colour != NULL) {
        size_t len = line->content_len;
        size_t text = len > 0 && line->content[len - 1] == '\n' ? len - 1 : len;

        fputs(colour, stdout);
        if (line->origin == GIT_DIFF_LINE_ADDITION || line->origin == GIT_DIFF_LINE_DELETION) {
            putchar(line->origin);
        }
        (void)fwrite(line->content, 1, text, stdout);
        fputs("\033[m", stdout);
        (void)fwrite(line->content + text, 1, len - text, stdout);
        return 0;
    }
    if (line->origin == GIT_DIFF_LINE_ADDITION || line->origin == GIT_DIFF_LINE_DELETION ||
        line->origin == GIT_DIFF_LINE_CONTEXT) {
        putchar(line->origin);
    }
    (void)fwrite(line->content, 1, line->content_len, stdout);
    return 0;
}

/* ---- --stat ---- */

static void print_bar(const update_diff *how, size_t n, size_t most, char sign, const char *colour)
{
    size_t len = n == 0 || most <= BAR ? n : (n * BAR + most - 1) / most;

    if (how->colour && len > 0) {
        fputs(colour, stdout);
    }
    for (size_t i = 0; i < len; i++) {
        putchar(sign);
    }
    if (how->colour && len > 0) {
        fputs("\033[m", stdout);
    }
}

static void print_stat(const update *u, const update_diff *how, const change *changes, size_t n)
{
    size_t added = 0;
    size_t removed = 0;
    size_t most = 1;
    int width = 1;

    for (size_t i = 0; i < n; i++) {
        const update_file *f = changes[i].file;
        int len = (int)strlen(update_shown(u, f->at != NULL ? f->at : f->path));
        size_t sum = changes[i].added + changes[i].removed;

        width = len > width ? len : width;
        most = sum > most ? sum : most;
        added += changes[i].added;
        removed += changes[i].removed;
    }
    for (size_t i = 0; i < n; i++) {
        const update_file *f = changes[i].file;

        printf(" %-*s | %5zu ", width, update_shown(u, f->at != NULL ? f->at : f->path),
               changes[i].added + changes[i].removed);
        print_bar(how, changes[i].added, most, '+', "\033[32m");
        print_bar(how, changes[i].removed, most, '-', "\033[31m");
        putchar('\n');
    }
    if (n > 0) {
        printf(" %zu file%s changed, %zu line%s added, %zu removed\n", n, n == 1 ? "" : "s", added,
               added == 1 ? "" : "s", removed);
    }
}

csvc_code update_print_diff(const update *u, const update_diff *how, bool *ret_differs,
                            csvc_error *err)
{
    change *changes = cli_must(csvc_arena_calloc(u->a, u->n_files + 1, sizeof(*changes)));
    csvc_code code = CSVC_OK;
    size_t n = 0;

    (void)git_libgit2_init();
    for (size_t i = 0; code == CSVC_OK && i < u->n_files; i++) {
        const update_file *f = &u->files[i];

        if (f->act != UPDATE_LEAVE && !lock_is_record(f->path)) {
            code = make_patch(f, &changes[n], err);
            n += code == CSVC_OK ? 1 : 0;
        }
    }
    if (code == CSVC_OK && how->stat) {
        print_stat(u, how, changes, n);
    }
    for (size_t i = 0; i < n; i++) {
        if (code == CSVC_OK && !how->stat &&
            git_patch_print(changes[i].patch, print_line, (void *)(uintptr_t)how) != 0) {
            code = csvc_error_set(err, CSVC_INTERNAL, "%s: cannot be printed as a diff",
                                  changes[i].file->path);
        }
        git_patch_free(changes[i].patch);
    }
    (void)git_libgit2_shutdown();
    if (code == CSVC_OK) {
        *ret_differs = n > 0;
    }
    return code;
}
