/* protos.c: .proto files named on the command line, and where their imports start from. */
#include "protos.h"

#include <errno.h>
#include <string.h>

#include "project/files.h"

#include "base/banned.h"

typedef struct input {
    const char *const *protos;
    size_t n_protos;
    const char *const *folders;
    size_t n_folders;
} input;

int protos_check(csvc_arena *a, const cli_args *args, const char *const *protos, size_t n_protos,
                 const char *const *folders, size_t n_folders)
{
    cli_list seen = {0};

    for (size_t i = 0; i < n_folders; i++) {
        if (!files_is_folder(folders[i])) {
            cli_error("-I %s: there is no such folder", folders[i]);
            return CLI_FAILED;
        }
    }
    for (size_t i = 0; i < n_protos; i++) {
        const char *path = protos[i];
        size_t len = strlen(path);
        const char *real = files_real_path(a, path);

        if (real == NULL) {
            cli_error("%s: %s", path, strerror(errno));
            return CLI_FAILED;
        }
        if (files_is_folder(path)) {
            cli_error("%s: is a folder; name the files", path);
            return CLI_FAILED;
        }
        if (len < 7 || strcmp(path + len - 6, ".proto") != 0) {
            cli_error("%s: its name does not end in .proto", path);
            return CLI_FAILED;
        }
        if (cli_list_has(&seen, real)) {
            return cli_usage(args->command, "%s is given twice", path);
        }
        cli_list_add(a, &seen, real);
    }
    return CLI_OK;
}

/* What follows the folder in the path, or NULL when the path is not below it. */
static const char *below(csvc_arena *a, const char *folder, const char *path)
{
    const char *real_folder = files_real_path(a, folder);
    const char *real = files_real_path(a, path);
    size_t len = real_folder != NULL ? strlen(real_folder) : 0;

    if (len == 0 || real == NULL || strncmp(real, real_folder, len) != 0) {
        return NULL;
    }
    if (len == 1) {
        return real + 1; /* the root */
    }
    return real[len] == '/' ? real + len + 1 : NULL;
}

/* The folder of a path, `depth` further up; NULL when the path does not reach so far. */
static const char *folder_above(csvc_arena *a, const char *path, size_t depth)
{
    const char *folder = files_folder(a, path);

    for (; depth > 0; depth--) {
        const char *last = strrchr(folder, '/');

        last = last != NULL ? last + 1 : folder;
        if (strcmp(folder, ".") == 0 || strcmp(folder, "/") == 0 || strcmp(last, "..") == 0) {
            return NULL;
        }
        folder = files_folder(a, folder);
    }
    return folder;
}

static void add_file(pipeline *p, size_t i, const char *folder, const char *name)
{
    if (!cli_list_has(&p->folders, folder)) {
        cli_list_add(p->a, &p->folders, folder);
    }
    p->files[i] = (protoc_file){.path = files_join(p->a, folder, name), .name = name};
}

/* With -I: a proto is named by what follows the first of them it lies below; one that lies below
 * none, by its own name. */
static void name_by_folders(const input *r, pipeline *p)
{
    for (size_t i = 0; i < r->n_folders; i++) {
        cli_list_add(p->a, &p->folders, r->folders[i]);
    }
    for (size_t i = 0; i < r->n_protos; i++) {
        const char *name = NULL;
        size_t k = 0;

        while (k < r->n_folders && name == NULL) {
            name = below(p->a, r->folders[k++], r->protos[i]);
        }
        if (name != NULL) {
            add_file(p, i, r->folders[k - 1], name);
        } else {
            const char *slash = strrchr(r->protos[i], '/');

            add_file(p, i, files_folder(p->a, r->protos[i]),
                     slash != NULL ? slash + 1 : r->protos[i]);
        }
    }
}

/* Without -I: every proto's own folder, or the one `depth` further up. */
static bool name_by_depth(const input *r, pipeline *p, size_t depth)
{
    bool reached = false;

    p->folders.len = 0;
    for (size_t i = 0; i < r->n_protos; i++) {
        const char *path = r->protos[i];
        const char *folder = NULL;
        size_t d = depth + 1;

        while (folder == NULL && d-- > 0) {
            folder = folder_above(p->a, path, d);
        }
        reached = reached || d == depth;
        add_file(p, i, folder,
                 strcmp(folder, ".") == 0   ? path + (strncmp(path, "./", 2) == 0 ? 2 : 0)
                 : strcmp(folder, "/") == 0 ? path + 1
                                            : path + strlen(folder) + 1);
    }
    return reached;
}

csvc_code protos_compile(pipeline *p, const char *const *protos, size_t n_protos,
                         const char *const *folders, size_t n_folders, csvc_error *err)
{
    const input given = {protos, n_protos, folders, n_folders};
    const input *r = &given;
    csvc_code code;

    p->files = cli_must(csvc_arena_calloc(p->a, n_protos, sizeof(*p->files)));
    p->n_files = n_protos;
    if (r->n_folders > 0) {
        name_by_folders(r, p);
        code = pipeline_compile(p, false, err);
        if (code == CSVC_INVALID_ARGUMENT && p->lost_import) {
            cli_hint("imports start from the folders that -I names; name the one it lies below, "
                     "too");
        }
        return code;
    }
    for (size_t depth = 0; name_by_depth(r, p, depth); depth++) {
        code = pipeline_compile(p, true, err);
        if (code == CSVC_INVALID_ARGUMENT && !p->lost_import) {
            return pipeline_compile(p, false, err); /* the right folders; now aloud */
        }
        if (code != CSVC_INVALID_ARGUMENT) {
            return code;
        }
    }
    (void)name_by_depth(r, p, 0);
    code = pipeline_compile(p, false, err);
    if (code == CSVC_INVALID_ARGUMENT && p->lost_import) {
        cli_hint("imports start from the folder that -I DIR names; without it, from the folder of "
                 "the proto or one above it");
    }
    return code;
}
