/* open.c: the project that a command was started in. */
#include "open.h"

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

csvc_code project_open(csvc_arena *a, project *pr, pipeline *p, csvc_error *err)
{
    const char *up = project_find(a);
    const char *path;
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
    for (size_t i = 0; i < pr->config.include.len; i++) {
        const char *folder = pr->config.include.items[i];
        const char *shown = strcmp(folder, ".") == 0 ? (up[0] != '\0' ? up : ".")
                                                     : cli_printf(a, "%s%s", up, folder);

        cli_list_add(a, &p->folders, folder[0] == '/' ? folder : shown);
    }
    return project_use_templates(
        pr, pr->config.templates != NULL ? files_join(a, up, pr->config.templates) : NULL, err);
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

csvc_code project_name_protos(project *pr, csvc_error *err)
{
    pipeline *p = pr->pipeline;
    const config *c = &pr->config;

    p->files = cli_must(csvc_arena_calloc(pr->a, c->protos.len, sizeof(*p->files)));
    p->n_files = c->protos.len;
    for (size_t i = 0; i < c->protos.len; i++) {
        const char *path = c->protos.items[i];
        const char *name = import_name(c, path);

        if (name == NULL) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "%s" CONFIG_FILE ": error: %s lies in none of the include "
                                  "folders (%s)",
                                  pr->root, path, cli_list_join(pr->a, &c->include, ", "));
        }
        if (!files_exists(files_join(pr->a, pr->root, path))) {
            return csvc_error_set(err, CSVC_NOT_FOUND, "%s" CONFIG_FILE ": error: %s is not there",
                                  pr->root, path);
        }
        p->files[i] = (protoc_file){.path = files_join(pr->a, pr->root, path), .name = name};
    }
    return CSVC_OK;
}
