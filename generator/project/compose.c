/* compose.c: the files of a project. */
#include "compose.h"

#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "contract.h"
#include "features.h"
#include "files.h"
#include "handlers.h"
#include "lock.h"
#include "migrations.h"
#include "names/names.h"
#include "plan/plan.h"
#include "project_scope.h"
#include "scope/scope.h"
#include "steps.h"
#include "tables.h"

#include "base/banned.h"

enum {
    MAX_FILE_NAME = 240 /* file systems have 255, of which a file under way needs some */
};

/* `project/PATH.tmpl` to PATH. */
static csvc_code add_own(project *p, const char *path, gen_owner owner, const gen_value *scope,
                         csvc_error *err)
{
    return project_render(p, path, owner, cli_printf(p->a, "project/%s.tmpl", path), scope, err);
}

/* `gen/NAME.tmpl` to gen/NAME. */
static csvc_code add_gen(project *p, const char *name, const gen_value *scope, csvc_error *err)
{
    return project_render(p, cli_printf(p->a, "gen/%s", name), GEN_MACHINE,
                          cli_printf(p->a, "gen/%s.tmpl", name), scope, err);
}

/* ---- the sources ---- */

csvc_code compose_sources(project *p, const protoc_file *copies, size_t n_copies, csvc_error *err)
{
    csvc_arena *a = p->a;
    gen_value *scope = gen_object(a);
    csvc_code code;

    gen_set_text(a, scope, "name", p->config.name);
    gen_set_text(a, scope, "protos", cli_list_join(a, &p->config.protos, ", "));
    gen_set_text(a, scope, "include", cli_list_join(a, &p->config.include, ", "));
    gen_set_text(a, scope, "storage", config_storage_name(p->config.storage));
    gen_set_text(a, scope, "storage_pad",
                 p->config.storage == CONFIG_NONE ? "              " : "            ");
    gen_set_text(a, scope, "features", cli_list_join(a, &p->config.features, ", "));
    gen_set_text(a, scope, "templates", p->config.templates != NULL ? p->config.templates : "");
    code = add_own(p, CONFIG_FILE, GEN_YOURS, scope, err);
    for (size_t i = 0; code == CSVC_OK && i < n_copies; i++) {
        csvc_bytes content;

        code = files_read(a, copies[i].path, PROJECT_MAX_FILE, &content, err);
        if (code == CSVC_OK) {
            project_add(p, copies[i].name, GEN_YOURS, content);
        }
    }
    return code;
}

/* Templates of the project's own that gen/ is made with. */
static csvc_code add_templates(project *p, csvc_error *err)
{
    cli_list names = {0};
    csvc_code code = CSVC_OK;

    if (p->config.templates != NULL) {
        code = files_list(p->a, files_join(p->a, p->templates.folders[0], "gen"), &names, err);
    }
    for (size_t i = 0; code == CSVC_OK && i < names.len; i++) {
        const char *path = cli_printf(p->a, "%s/gen/%s", p->config.templates, names.items[i]);

        if (config_path_is_plain(path)) {
            cli_list_add(p->a, &p->inputs, path);
        }
    }
    return code;
}

/* ---- what is the user's ---- */

static csvc_code plan_handlers(project *p, csvc_error *err)
{
    csvc_arena *a = p->a;
    csvc_code code = CSVC_OK;

    for (const gen_rpc *const *rpc = project_rpcs(p); code == CSVC_OK && *rpc != NULL; rpc++) {
        gen_value *scope = gen_scope_handler(a, p->pipeline->model, *rpc);

        gen_set_truth(a, scope, "sqlite", p->config.storage == CONFIG_SQLITE);
        code = project_render(p, project_handler_path(a, *rpc), GEN_BORN_ONCE,
                              "project/server/PREFIX/RPC.c.tmpl", scope, err);
        if (code == CSVC_OK) {
            code = project_render(p, project_test_path(a, *rpc), GEN_BORN_ONCE,
                                  "project/tests/PREFIX/RPC_test.c.tmpl", scope, err);
        }
    }
    return code;
}

static csvc_code add_merged(project *p, const char *path, const char *template,
                            const gen_value *scope, csvc_error *err)
{
    return project_render(p, path, GEN_MERGED, cli_printf(p->a, "project/%s.tmpl", template), scope,
                          err);
}

/* The options that the contract imports, for tools that do not ask c-svc where they are. */
static csvc_code add_options(project *p, csvc_error *err)
{
    const char *own = protoc_own_folder(p->a);
    csvc_bytes content;
    csvc_code code;

    if (own == NULL || gen_model_file(p->pipeline->model, PIPELINE_OPTIONS) == NULL) {
        return CSVC_OK;
    }
    code =
        files_read(p->a, files_join(p->a, own, PIPELINE_OPTIONS), PROJECT_MAX_FILE, &content, err);
    if (code == CSVC_OK) {
        project_add(p, FEATURES_OPTIONS, GEN_MERGED, content);
    }
    return code;
}

static csvc_code plan_features(project *p, const gen_value *scope, csvc_error *err)
{
    csvc_code code = CSVC_OK;

    for (const feature *f = features_all; f->name != NULL; f++) {
        for (const char *const *path = f->files;
             code == CSVC_OK && *path != NULL && config_has(&p->config, f->name); path++) {
            code =
                strcmp(*path, FEATURES_OPTIONS) == 0
                    ? add_options(p, err)
                    : add_merged(p, features_path(p->a, *path, p->config.name), *path, scope, err);
        }
    }
    return code;
}

csvc_code compose_own(project *p, csvc_error *err)
{
    static const char *const born[] = {"server/service.h", "server/request_id.h",
                                       "server/request_id.c", "tests/request_id_test.c"};
    static const char *const merged[] = {"server/main.c",
                                         "client/main.c",
                                         "tests/service_testing.h",
                                         "tests/service_testing.c",
                                         "Makefile",
                                         "README.md",
                                         ".gitignore",
                                         ".clang-format"};
    csvc_code code = plan_handlers(p, err);
    gen_value *scope;

    if (code == CSVC_OK) {
        code = steps_plan(p, err);
    }
    if (code != CSVC_OK) {
        return code;
    }
    scope = project_scope(p);
    for (size_t i = 0; code == CSVC_OK && i < sizeof(born) / sizeof(born[0]); i++) {
        code = add_own(p, born[i], GEN_BORN_ONCE, scope, err);
    }
    for (size_t i = 0; code == CSVC_OK && i < sizeof(merged) / sizeof(merged[0]); i++) {
        code = add_merged(p, merged[i], merged[i], scope, err);
    }
    code = code == CSVC_OK ? plan_features(p, scope, err) : code;
    return code;
}

/* ---- what is ours ---- */

/* Hashes are of bytes; and half of one description with half of another is none. */
static const char git_attributes[] = "* -text\n"
                                     "descriptors.pb -diff -merge\n";

/* A handler lies in a folder and a file called after it, and so does its test. */
static void check_file_names(project *p, const gen_rpc *rpc)
{
    const char *folder = rpc->service->prefix;
    const char *file = cli_printf(p->a, "%s_test.c", rpc->c_name);
    const char *longer = strlen(folder) > strlen(file) ? folder : file;

    if (strlen(longer) > MAX_FILE_NAME) {
        gen_report(&p->pipeline->diag, GEN_ERROR, rpc->place,
                   "the handler of %.60s... needs a %s whose name has %zu bytes, more than %d",
                   rpc->name, longer == folder ? "folder" : "file", strlen(longer), MAX_FILE_NAME);
        gen_report(&p->pipeline->diag, GEN_NOTE, rpc->place,
                   longer == folder ? "give the service a shorter prefix: option (c_svc.c_prefix)"
                                    : "rename the rpc");
    }
}

/* Names of gen/services.h, gen/client.h and gen/migrations.h that an rpc could have, too. */
static void check_names(project *p)
{
    csvc_arena *a = p->a;
    const char *c_name = config_c_name(a, p->config.name);
    cli_list taken = {0};

    cli_list_add(a, &taken, cli_printf(a, "%s_app", c_name));
    cli_list_add(a, &taken, cli_printf(a, "%s_cli", c_name));
    cli_list_add(a, &taken, cli_printf(a, "%s_migrations", c_name));
    cli_list_add(a, &taken, "request_id"); /* server/request_id.c */
    cli_list_add(a, &taken, "services_register");
    cli_list_add(a, &taken, "services_register_server");
    for (const gen_rpc *const *rpc = project_rpcs(p); *rpc != NULL; rpc++) {
        const char *symbol = handlers_function(a, *rpc);

        check_file_names(p, *rpc);
        if (cli_list_has(&taken, symbol)) {
            gen_report(&p->pipeline->diag, GEN_ERROR, (*rpc)->place,
                       "the handler of %s would be called %s, as a name of the project is",
                       (*rpc)->name, symbol);
            gen_report(&p->pipeline->diag, GEN_NOTE, (*rpc)->place,
                       "rename the rpc or the project, or give the service a prefix of its own: "
                       "option (c_svc.c_prefix)");
        }
    }
}

static csvc_code plan_sets(project *p, csvc_error *err)
{
    gen_plan sets = {0};
    csvc_code code =
        gen_plan_sets(&sets, p->pipeline->model, &p->pipeline->request, &p->templates, err);

    for (size_t i = 0; code == CSVC_OK && i < sets.n_outputs; i++) {
        project_add(p, cli_printf(p->a, "gen/%s", sets.outputs[i].path), GEN_MACHINE,
                    gen_output_content(&sets.outputs[i]));
    }
    return code;
}

/* Each warning as a line of a make variable. */
static gen_value *warning_lines(csvc_arena *a, const cli_list *warnings)
{
    gen_value *lines = gen_list(a);

    for (size_t i = 0; i < warnings->len; i++) {
        csvc__buffer b;

        csvc__buffer_init(&b, 1 << 20);
        for (const char *c = warnings->items[i]; *c != '\0'; c++) {
            csvc__buffer_puts(&b, *c == '$' ? "$" : "");
            csvc__buffer_putc(&b, *c);
        }
        (void)cli_must(csvc__buffer_ok(&b) ? lines : NULL);
        gen_push(a, lines, gen_text(a, cli_must(csvc_arena_strdup(a, b.data))));
        csvc__buffer_release(&b);
    }
    return lines;
}

/* Nobody in the middle of a change is locked out: `c-svc update` refuses, not this. */
static csvc_code warn_of_breaks(project *p, cli_list *warnings, csvc_error *err)
{
    compat_services matched;
    size_t n_wire;
    csvc_code code = contract_match(p, NULL, 0, &matched, err);

    return code == CSVC_OK ? contract_check(p, &matched, GEN_WARNING, warnings, &n_wire, err)
                           : code;
}

/* `scope`: what the other files of gen/ saw. */
static csvc_code plan_project_mk(project *p, gen_value *scope, csvc_error *err)
{
    cli_list migrations = {0};
    cli_list warnings = {0};
    const char *sum;
    csvc_code code;

    cli_list_add(p->a, &p->inputs, CONFIG_FILE);
    if (project_has(p, CONTRACT_FILE)) {
        cli_list_add(p->a, &p->inputs, CONTRACT_FILE);
    }
    if (project_has(p, BUF_LOCK)) {
        cli_list_add(p->a, &p->inputs, BUF_LOCK);
    }
    project_protos(p, &p->inputs);
    cli_list_sort(&p->inputs);
    code = p->records_protos ? CSVC_OK : warn_of_breaks(p, &warnings, err);
    code = code == CSVC_OK ? migrations_list(p, "postgres", &migrations, err) : code;
    code = code == CSVC_OK ? migrations_list(p, "sqlite", &migrations, err) : code;
    code = code == CSVC_OK ? add_templates(p, err) : code;
    for (size_t i = 0; i < migrations.len; i++) {
        cli_list_add(p->a, &p->inputs, migrations.items[i]);
    }
    code = code == CSVC_OK ? tables_check(p, &warnings, err) : code;
    if (code == CSVC_OK) {
        code = lock_sum(p, &sum, err);
    }
    if (code != CSVC_OK) {
        return code;
    }
    project_scope_files(p, scope);
    gen_set(p->a, scope, "warnings", warning_lines(p->a, &warnings));
    gen_set_text(p->a, scope, "gen_sum", sum);
    return add_gen(p, "project.mk", scope, err);
}

csvc_code compose_gen(project *p, csvc_error *err)
{
    gen_value *scope;
    csvc_bytes text;
    csvc_code code;

    check_names(p);
    pipeline_print_problems(p->pipeline);
    if (p->pipeline->diag.n_errors > 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "names that are taken");
    }
    code = handlers_find(p, err);
    code = code == CSVC_OK ? plan_sets(p, err) : code;
    if (code != CSVC_OK) {
        return code;
    }
    scope = project_scope(p);
    code = add_gen(p, "services.h", scope, err);
    code = code == CSVC_OK ? add_gen(p, "services.c", scope, err) : code;
    code = code == CSVC_OK ? add_gen(p, "client.h", scope, err) : code;
    code = code == CSVC_OK ? add_gen(p, "client.c", scope, err) : code;
    if (code == CSVC_OK && p->config.storage == CONFIG_SQLITE) {
        code = migrations_scope(p, scope, err);
        code = code == CSVC_OK ? add_gen(p, "migrations.h", scope, err) : code;
        code = code == CSVC_OK ? add_gen(p, "migrations.c", scope, err) : code;
    }
    if (code == CSVC_OK && p->records_protos) {
        code = contract_plan(p, err);
    }
    if (code == CSVC_OK) {
        code = plan_project_mk(p, scope, err);
    }
    if (code == CSVC_OK) {
        code = lock_text(p, &text, err);
    }
    if (code == CSVC_OK) {
        project_add(p, LOCK_GIT, GEN_MACHINE,
                    (csvc_bytes){.len = sizeof(git_attributes) - 1,
                                 .data = (const uint8_t *)git_attributes});
        project_add(p, LOCK_FILE, GEN_MACHINE, text);
    }
    return code;
}
