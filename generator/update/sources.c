/* update/sources.c: the user's C, wherever it lies. */
#include "sources.h"

#include <string.h>

#include "project/files.h"

#include "base/banned.h"

enum {
    MAX_DEPTH = 8
};

static void walk(project *p, const char *folder, int depth, update_visit *visit, void *self)
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
        size_t len = strlen(source.path);

        source.shown = files_join(a, p->root, source.path);
        if (files_is_folder(source.shown)) {
            walk(p, source.path, depth + 1, visit, self);
        } else if (len > 2 &&
                   (strcmp(source.path + len - 2, ".c") == 0 ||
                    strcmp(source.path + len - 2, ".h") == 0) &&
                   files_read(a, source.shown, PROJECT_MAX_SOURCE, &source.text, &ignored) ==
                       CSVC_OK) {
            visit(self, &source);
        }
    }
}

void update_each_source(project *p, update_visit *visit, void *self)
{
    walk(p, "server", 0, visit, self);
    walk(p, "client", 0, visit, self);
    walk(p, "tests", 0, visit, self);
}
