/* update/sources.c: the user's files, wherever they lie. */
#include "sources.h"

#include <string.h>

#include "project/files.h"

#include "base/banned.h"

enum {
    MAX_DEPTH = 8
};

static bool ends_so(const char *path, const char *const *endings)
{
    size_t len = strlen(path);
    bool found = false;

    for (; *endings != NULL && !found; endings++) {
        size_t n = strlen(*endings);

        found = len > n && strcmp(path + len - n, *endings) == 0;
    }
    return found;
}

static void walk(project *p, const char *folder, const char *const *endings, int depth,
                 update_visit *visit, void *self)
{
    csvc_arena *a = p->a;
    csvc_error ignored = {CSVC_ERROR_INIT};
    cli_list names = {0};

    if (depth > MAX_DEPTH ||
        files_list(a, files_join(a, p->root, folder), &names, &ignored) != CSVC_OK) {
        return;
    }
    for (size_t i = 0; i < names.len; i++) {
        update_source source = {.path = cli_printf(a, "%s/%s", folder, names.items[i])};

        source.shown = files_join(a, p->root, source.path);
        if (files_is_folder(source.shown)) {
            walk(p, source.path, endings, depth + 1, visit, self);
        } else if (ends_so(source.path, endings) && files_read(a, source.shown, PROJECT_MAX_SOURCE,
                                                               &source.text, &ignored) == CSVC_OK) {
            visit(self, &source);
        }
    }
}

void update_each_file(project *p, const char *folder, const char *ending, update_visit *visit,
                      void *self)
{
    walk(p, folder, (const char *const[]){ending, NULL}, 0, visit, self);
}

void update_each_source(project *p, update_visit *visit, void *self)
{
    static const char *const endings[] = {".c", ".h", NULL};

    walk(p, "server", endings, 0, visit, self);
    walk(p, "client", endings, 0, visit, self);
    walk(p, "tests", endings, 0, visit, self);
}
