/* open.c: the project that a command was started in. */
#include "open.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

#include "base/banned.h"

const char *project_find(csvc_arena *a)
{
    const char *up = "";
    char here[4096];

    if (getcwd(here, sizeof(here)) == NULL) {
        return NULL;
    }
    for (const char *c = here; c != NULL; c = strchr(c + 1, '/')) {
        if (files_exists(cli_printf(a, "%s" CONFIG_FILE, up))) {
            return up;
        }
        up = cli_printf(a, "%s../", up);
    }
    return NULL;
}

/* c-svc.yaml and the place of a value in it, for messages. */
static const char *shown_place(const project *pr, config_place at)
{
    return cli_printf(pr->a, "%s" CONFIG_FILE ":%zu:%zu", pr->root, at.line, at.column);
}

/* Where imports start from. protoc takes one that is not there for a warning, and so do we: git
 * keeps no empty folders. */
static csvc_code name_folders(project *pr, csvc_error *err)
{
    const config *c = &pr->config;

    for (size_t i = 0; i < c->include.len; i++) {
        const char *folder = c->include.items[i];
        const char *shown = files_join(pr->a, pr->root, folder);

        if (strcmp(folder, ".") == 0) {
            shown = pr->root[0] != '\0' ? pr->root : ".";
        }
        if (c->include_at == NULL || files_is_folder(shown)) {
            cli_list_add(pr->a, &pr->pipeline->folders, shown);
        } else if (files_exists(shown)) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "%s: error: %s is a file, and imports start from a folder",
                                  shown_place(pr, c->include_at[i]), folder);
        } else {
            fprintf(stderr, "%s: warning: the folder %s is not there\n",
                    shown_place(pr, c->include_at[i]), folder);
        }
    }
    return CSVC_OK;
}

csvc_code project_open(csvc_arena *a, project *pr, pipeline *p, csvc_error *err)
{
    const char *up = project_find(a);
    const char *path;
    const char *templates;
    csvc_bytes text;
    csvc_code code;

    if (up == NULL) {
        return csvc_error_set(err, CSVC_NOT_FOUND,
                              "there is no " CONFIG_FILE " here or above; go to a project, or "
                              "begin one: c-svc new-service NAME");
    }
    path = cli_printf(a, "%s" CONFIG_FILE, up);
    code = files_read(a, path, CONFIG_MAX_BYTES, &text, err);
    code = code == CSVC_OK ? config_parse(a, path, text, &pr->config, err) : code;
    if (code != CSVC_OK) {
        return code;
    }
    pr->a = a;
    pr->pipeline = p;
    pr->root = up;
    p->a = a;
    p->inference = pr->config.inference;
    p->no_storage = pr->config.storage == CONFIG_NONE;
    code = name_folders(pr, err);
    if (code != CSVC_OK) {
        return code;
    }
    templates = pr->config.templates != NULL ? files_join(a, up, pr->config.templates) : NULL;
    if (templates != NULL && !files_is_folder(templates)) {
        return csvc_error_set(err, CSVC_NOT_FOUND, "%s: error: there is no folder of templates %s",
                              shown_place(pr, pr->config.templates_at), pr->config.templates);
    }
    return project_use_templates(pr, templates, err);
}

/* "proto/a/user.proto" below the include folder "proto" is imported as "a/user.proto". */
static const char *import_name(const config *c, const char *path)
{
    for (size_t i = 0; i < c->include.len; i++) {
        const char *folder = c->include.items[i];
        size_t len = strlen(folder);

        if (strcmp(folder, ".") == 0) {
            return path;
        }
        while (len > 0 && folder[len - 1] == '/') {
            len--;
        }
        if (strncmp(path, folder, len) == 0 && path[len] == '/') {
            return path + len + 1;
        }
    }
    return NULL;
}

static csvc_code check_proto(const project *pr, size_t i, const char *name, csvc_error *err)
{
    const config *c = &pr->config;
    const char *path = c->protos.items[i];
    const char *at = shown_place(pr, c->protos_at[i]);
    size_t len = strlen(path);

    if (!files_exists(files_join(pr->a, pr->root, path))) {
        return csvc_error_set(err, CSVC_NOT_FOUND, "%s: error: %s is not there", at, path);
    }
    if (files_is_folder(files_join(pr->a, pr->root, path))) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "%s: error: %s is a folder; name the files in it", at, path);
    }
    if (len < 7 || strcmp(path + len - 6, ".proto") != 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: error: %s does not end in .proto",
                              at, path);
    }
    if (name == NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "%s: error: %s lies in none of the include folders (%s)", at, path,
                              cli_list_join(pr->a, &c->include, ", "));
    }
    for (size_t k = 0; k < i; k++) {
        if (strcmp(pr->pipeline->files[k].name, name) == 0) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "%s: error: %s and %s would both be imported as %s", at,
                                  c->protos.items[k], path, name);
        }
    }
    return CSVC_OK;
}

csvc_code project_name_protos(project *pr, csvc_error *err)
{
    pipeline *p = pr->pipeline;
    const config *c = &pr->config;

    p->files = cli_must(csvc_arena_calloc(pr->a, c->protos.len, sizeof(*p->files)));
    p->n_files = c->protos.len;
    for (size_t i = 0; i < c->protos.len; i++) {
        const char *path = c->protos.items[i];
        const char *name = import_name(c, path);
        csvc_code code = check_proto(pr, i, name, err);

        if (code != CSVC_OK) {
            return code;
        }
        p->files[i] = (protoc_file){.path = files_join(pr->a, pr->root, path), .name = name};
    }
    return CSVC_OK;
}
