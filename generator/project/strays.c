/* strays.c: handlers and tests whose rpc is gone. */
#include "strays.h"

#include <string.h>

#include "files.h"

#include "base/banned.h"

typedef const char *path_of_rpc(csvc_arena *a, const gen_rpc *rpc);

/* Whether it lies where one of ours would, but for no rpc that there is. `paths`: theirs. */
static bool is_stray(const project *p, const gen_index *paths, const char *path)
{
    return config_path_is_plain(path) && !cli_list_has(&p->removed, path) &&
           gen_index_get(paths, path) == NULL;
}

static gen_index paths_of_rpcs(const project *p, path_of_rpc *path_of)
{
    gen_index paths;
    void *old = NULL;

    gen_index_init(&paths, p->a);
    for (const gen_rpc *const *rpc = project_rpcs(p); *rpc != NULL; rpc++) {
        const char *path = path_of(p->a, *rpc);

        (void)cli_must(gen_index_put(&paths, path, (void *)(uintptr_t)path, &old) ? p : NULL);
    }
    return paths;
}

/* Whether one of ours would have this in it; other sources in these folders are not our business.
 */
static bool holds(project *p, const char *path, const char *text)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_bytes content;

    return files_read(p->a, path, PROJECT_MAX_SOURCE, &content, &err) == CSVC_OK &&
           strstr((const char *)content.data, text) != NULL;
}

/* Below `top` (server, tests): FOLDER/NAME`ending`. */
static void find(project *p, const char *top, const char *ending, path_of_rpc *path_of,
                 cli_list *ret_paths)
{
    csvc_arena *a = p->a;
    csvc_error err = {CSVC_ERROR_INIT};
    size_t ending_len = strlen(ending);
    gen_index paths = paths_of_rpcs(p, path_of);
    cli_list folders = {0};

    if (files_list(a, files_join(a, p->root, top), &folders, &err) != CSVC_OK) {
        return;
    }
    for (size_t i = 0; i < folders.len; i++) {
        const char *folder = cli_printf(a, "%s/%s", top, folders.items[i]);
        cli_list names = {0};

        if (!files_is_folder(files_join(a, p->root, folder)) ||
            files_list(a, files_join(a, p->root, folder), &names, &err) != CSVC_OK) {
            continue;
        }
        for (size_t k = 0; k < names.len; k++) {
            const char *path = cli_printf(a, "%s/%s", folder, names.items[k]);
            size_t len = strlen(names.items[k]);
            const char *mark;

            if (len <= ending_len || strcmp(names.items[k] + len - ending_len, ending) != 0 ||
                !is_stray(p, &paths, path)) {
                continue;
            }
            mark = path_of == project_handler_path
                       ? cli_printf(a, "%s_%.*s(", folders.items[i], (int)(len - ending_len),
                                    names.items[k])
                       : "\"service_testing.h\"";
            if (holds(p, files_join(a, p->root, path), mark)) {
                cli_list_add(a, ret_paths, path);
            }
        }
    }
}

void project_strays(project *p, cli_list *ret_paths)
{
    if (p->root == NULL) {
        return; /* only planned yet */
    }
    find(p, "server", ".c", project_handler_path, ret_paths);
    find(p, "tests", "_test.c", project_test_path, ret_paths);
}
