/* project.c: a project's files, there or planned. */
#include "project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "names/names.h"

#include "base/banned.h"

const char *project_handler_path(csvc_arena *a, const gen_rpc *rpc)
{
    return cli_printf(a, "server/%s/%s.c", rpc->service->prefix, rpc->c_name);
}

const char *project_test_path(csvc_arena *a, const gen_rpc *rpc)
{
    return cli_printf(a, "tests/%s/%s_test.c", rpc->service->prefix, rpc->c_name);
}

const char *project_served(csvc_arena *a, const gen_rpc *rpc)
{
    const gen_crud *crud = rpc->crud;
    bool many = crud != NULL && (crud->role == GEN_CRUD_LIST || crud->role == GEN_CRUD_BATCH_GET ||
                                 crud->role == GEN_CRUD_STREAM);

    if (crud == NULL) {
        return "yours to write";
    }
    return cli_printf(a, "%s %s", gen_crud_role_name(crud->role),
                      many ? (const char *)cli_must(gen_plural(a, crud->entity->name))
                           : crud->entity->name);
}

void project_print_error(const csvc_error *err)
{
    if (strstr(err->text, ": error: ") != NULL) {
        fprintf(stderr, "%s\n", err->text);
    } else {
        cli_error("%s", err->text);
    }
}

/* ---- what is there ---- */

static const gen_output *find_output(const project *p, const char *path)
{
    for (size_t i = 0; i < p->plan.n_outputs; i++) {
        if (strcmp(p->plan.outputs[i].path, path) == 0) {
            return &p->plan.outputs[i];
        }
    }
    return NULL;
}

/* While a project is only planned: a proto that stays outside of it, where it is now; or NULL. The
 * folders in c-svc.yaml are then those that protoc was given, in their order. */
static const char *find_outside(const project *p, const char *path)
{
    const cli_list *include = &p->config.include;

    for (size_t i = 0; p->root == NULL && i < include->len && i < p->pipeline->folders.len; i++) {
        const char *folder = include->items[i];
        size_t len = strlen(folder);

        if ((folder[0] == '/' || strncmp(folder, "..", 2) == 0) &&
            strncmp(path, folder, len) == 0 && path[len] == '/') {
            const char *now = files_join(p->a, p->pipeline->folders.items[i], path + len + 1);

            if (files_exists(now)) {
                return now;
            }
        }
    }
    return NULL;
}

bool project_has(project *p, const char *path)
{
    return find_output(p, path) != NULL || find_outside(p, path) != NULL ||
           (p->root != NULL && !cli_list_has(&p->removed, path) &&
            files_exists(files_join(p->a, p->root, path)));
}

const char *project_shown(const project *p, const char *path)
{
    return p->root != NULL ? files_join(p->a, p->root, path) : path;
}

const char *project_place(project *p, const char *path)
{
    return project_has(p, path) ? path : project_moved_to(p, path);
}

const char *project_moved_to(const project *p, const char *path)
{
    for (size_t i = 0; i < p->moved.len; i++) {
        if (strcmp(p->moved.items[i], path) == 0) {
            return p->moved_to.items[i];
        }
    }
    return NULL;
}

void project_moved(project *p, const char *path, const char *at)
{
    if (project_place(p, path) == NULL) {
        cli_list_add(p->a, &p->moved, path);
        cli_list_add(p->a, &p->moved_to, at);
    }
}

csvc_code project_read(project *p, const char *path, csvc_bytes *ret_content, csvc_error *err)
{
    const gen_output *output = find_output(p, path);

    if (output != NULL) {
        *ret_content = gen_output_content(output);
        return CSVC_OK;
    }
    if (p->config.templates != NULL && p->templates.folders != NULL) {
        size_t len = strlen(p->config.templates);

        if (strncmp(path, p->config.templates, len) == 0 && path[len] == '/') {
            return files_read(p->a, files_join(p->a, p->templates.folders[0], path + len + 1),
                              PROJECT_MAX_FILE, ret_content, err);
        }
    }
    if (find_outside(p, path) != NULL) {
        return files_read(p->a, find_outside(p, path), PROJECT_MAX_FILE, ret_content, err);
    }
    if (p->root == NULL) {
        return csvc_error_set(err, CSVC_NOT_FOUND, "%s: is not in the plan", path);
    }
    return files_read(p->a, files_join(p->a, p->root, path), PROJECT_MAX_FILE, ret_content, err);
}

csvc_code project_use_templates(project *p, const char *folder, csvc_error *err)
{
    const char **folders = cli_must(csvc_arena_calloc(p->a, 3, sizeof(*folders)));
    const char *team = getenv("C_SVC_TEMPLATES");
    size_t n = 0;

    if (folder != NULL) {
        folders[n++] = folder;
    }
    if (team != NULL && team[0] != '\0') {
        folders[n++] = team;
    }
    for (size_t i = 0; i < n; i++) {
        if (!files_is_folder(folders[i])) {
            return csvc_error_set(err, CSVC_NOT_FOUND, "%s: there is no such folder of templates%s",
                                  folders[i], folders[i] == team ? " (C_SVC_TEMPLATES)" : "");
        }
    }
    p->templates = (gen_templates){.folders = n > 0 ? folders : NULL, .shows_files = true};
    return CSVC_OK;
}

void project_protos(project *p, cli_list *ret_paths)
{
    const gen_model *model = p->pipeline->model;

    for (size_t i = 0; i < model->n_files; i++) {
        const char *name = model->files[i]->name;

        if (pipeline_is_provided(name)) {
            continue;
        }
        for (size_t k = 0; k < p->config.include.len; k++) {
            const char *path = files_join(p->a, p->config.include.items[k], name);

            if (project_has(p, path)) {
                cli_list_add(p->a, ret_paths, path);
                break;
            }
        }
    }
    cli_list_sort(ret_paths);
}

const char *project_proto_path(project *p, const char *name)
{
    for (size_t i = 0; i < p->config.include.len; i++) {
        const char *path = files_join(p->a, p->config.include.items[i], name);

        if (project_has(p, path)) {
            return path;
        }
    }
    return name;
}

const gen_rpc *const *project_rpcs(const project *p)
{
    const gen_model *model = p->pipeline->model;
    const gen_rpc **rpcs;
    size_t n = 0;

    for (size_t i = 0; i < model->n_files; i++) {
        for (size_t k = 0; k < model->files[i]->n_services; k++) {
            n += model->files[i]->services[k].n_rpcs;
        }
    }
    rpcs = cli_must(csvc_arena_calloc(p->a, n + 1, sizeof(const gen_rpc *)));
    n = 0;
    for (size_t i = 0; i < model->n_files; i++) {
        const gen_file *file = model->files[i];

        for (size_t k = 0; file->served && k < file->n_services; k++) {
            for (size_t m = 0; m < file->services[k].n_rpcs; m++) {
                rpcs[n++] = &file->services[k].rpcs[m];
            }
        }
    }
    return rpcs;
}

void project_count(const project *p, project_counts *ret_counts)
{
    const gen_model *model = p->pipeline->model;
    project_counts counts = {0};

    for (size_t i = 0; i < model->n_files; i++) {
        counts.services += model->files[i]->served ? model->files[i]->n_services : 0;
    }
    for (const gen_rpc *const *rpc = project_rpcs(p); *rpc != NULL; rpc++) {
        counts.rpcs++;
        counts.stubs += (*rpc)->crud == NULL ? 1 : 0;
    }
    for (size_t i = 0; i < model->n_entities; i++) {
        cli_list_add(p->a, &counts.entities, model->entities[i]->message->name);
    }
    *ret_counts = counts;
}

/* ---- adding to the plan ---- */

void project_add(project *p, const char *path, gen_owner owner, csvc_bytes content)
{
    bool ok = gen_plan_add(p->a, &p->plan,
                           (gen_output){.path = path,
                                        .owner = owner,
                                        .content = (const char *)content.data,
                                        .len = content.len});

    (void)cli_must(ok ? p : NULL);
}

csvc_code project_render(project *p, const char *path, gen_owner owner, const char *template,
                         const gen_value *scope, csvc_error *err)
{
    csvc__buffer text;
    csvc_code code;

    csvc__buffer_init(&text, PROJECT_MAX_FILE);
    code = gen_render(&p->templates, template, scope, &text, err);
    if (code == CSVC_OK) {
        const char *content =
            cli_must(csvc_arena_strndup(p->a, text.data != NULL ? text.data : "", text.len));

        project_add(p, path, owner,
                    (csvc_bytes){.len = text.len, .data = (const uint8_t *)content});
    }
    csvc__buffer_release(&text);
    return code;
}
