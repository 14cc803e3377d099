/* project_scope.c: a project as its templates see it. */
#include "project_scope.h"

#include <string.h>

#include "example.h"
#include "features.h"
#include "names/names.h"
#include "scope/scope.h"
#include "sha256.h"
#include "strays.h"

#include "base/banned.h"

/* A list as the value of a make variable: one item a line. */
static gen_value *make_list(csvc_arena *a, const cli_list *list)
{
    return gen_text(
        a, list->len > 0 ? cli_printf(a, " \\\n    %s", cli_list_join(a, list, " \\\n    ")) : "");
}

static gen_value *text_list(csvc_arena *a, const cli_list *list)
{
    gen_value *values = gen_list(a);

    for (size_t i = 0; i < list->len; i++) {
        gen_push(a, values, gen_text(a, list->items[i]));
    }
    return values;
}

/* Folders of protos that a buf.yaml here can name: those in the project. */
static gen_value *modules(project *p)
{
    cli_list inside = {0};

    for (size_t i = 0; i < p->config.include.len; i++) {
        const char *folder = p->config.include.items[i];

        if (folder[0] != '/' && strncmp(folder, "..", 2) != 0) {
            cli_list_add(p->a, &inside, folder);
        }
    }
    if (inside.len == 0) {
        cli_list_add(p->a, &inside, "proto");
    }
    return text_list(p->a, &inside);
}

static gen_value *scope_of_rpc(project *p, const gen_rpc *rpc)
{
    csvc_arena *a = p->a;
    gen_value *scope = gen_scope_rpc(a, rpc);
    const char *head =
        cli_printf(a, "static csvc_code call_%s_%s(", rpc->service->prefix, rpc->c_name);

    gen_set_text(a, scope, "thunk", gen_layout_handler(a, rpc, head, "void *self", ")"));
    gen_set_text(a, scope, "handler", project_handler_path(a, rpc));
    gen_set_text(a, scope, "test", project_test_path(a, rpc));
    gen_set_text(a, scope, "example", project_example_rpc(p, rpc));
    gen_set_text(a, scope, "example_lines",
                 (rpc->kind & CSVC_RPC_CLIENT_STREAM) != 0 ? project_example_lines(p, rpc) : "");
    gen_set_text(a, scope, "served", project_served(a, rpc));
    return scope;
}

/* The calls of gen/services.c that register a service. */
static void set_registration(csvc_arena *a, gen_value *scope, const char *prefix)
{
    const char *ops = cli_printf(a, "&ops_of_%s", prefix);
    const char *const app[] = {"app", cli_printf(a, "&%s_service", prefix), ops, "svc"};
    const char *const server[] = {"srv", ops, "svc"};

    gen_set_text(a, scope, "app_register", gen_layout(a, 4, "csvc_app_register(", app, 4, ");"));
    gen_set_text(a, scope, "register_first",
                 gen_layout(a, 4, cli_printf(a, "csvc_code code = %s_ops_register(", prefix),
                            server, 3, ");"));
    gen_set_text(
        a, scope, "register_next",
        gen_layout(a, 8, cli_printf(a, "code = %s_ops_register(", prefix), server, 3, ");"));
}

/* A service with its rpcs sorted by whether they have a handler, and whether it is there. */
static gen_value *scope_of_service(project *p, const gen_service *service)
{
    csvc_arena *a = p->a;
    gen_value *scope = gen_scope_service(a, service);
    gen_value *handlers = gen_list(a);
    gen_value *present = gen_list(a);
    gen_value *missing = gen_list(a);
    bool takes_streams = false;

    for (size_t i = 0; i < service->n_rpcs; i++) {
        const gen_rpc *rpc = &service->rpcs[i];
        gen_value *value = scope_of_rpc(p, rpc);

        takes_streams = takes_streams || (rpc->kind & CSVC_RPC_CLIENT_STREAM) != 0;
        gen_push(a, handlers, value);
        gen_push(a, project_place(p, project_handler_path(a, rpc)) != NULL ? present : missing,
                 value);
    }
    set_registration(a, scope, service->prefix);
    gen_set_truth(a, scope, "takes_streams", takes_streams);
    gen_set(a, scope, "handlers", handlers);
    gen_set(a, scope, "present", present);
    gen_set(a, scope, "missing", missing);
    return scope;
}

static bool has_entities(const gen_file *file)
{
    for (size_t i = 0; i < file->n_all_messages; i++) {
        if (file->all_messages[i]->entity != NULL) {
            return true;
        }
    }
    return false;
}

static bool uses_well_known(const gen_file *file)
{
    for (size_t i = 0; i < file->n_uses; i++) {
        if (pipeline_is_well_known(file->uses[i]->name)) {
            return true;
        }
    }
    return false;
}

/* What the model says: services, headers, packages. */
static void set_model(project *p, gen_value *scope)
{
    csvc_arena *a = p->a;
    const gen_model *model = p->pipeline->model;
    gen_value *services = gen_list(a);
    gen_value *entities = gen_list(a);
    cli_list client_headers = {0};
    cli_list server_headers = {0};
    bool sqlite = p->config.storage == CONFIG_SQLITE;
    bool well_known = false;

    for (size_t i = 0; i < model->n_files; i++) {
        const gen_file *file = model->files[i];

        if (!file->generate || file->no_code) {
            continue;
        }
        if (file->served && file->n_services > 0) {
            cli_list_add(a, &client_headers, cli_printf(a, "%s.csvc.h", file->base));
            cli_list_add(a, &server_headers, cli_printf(a, "%s.csvc.h", file->base));
        }
        if (has_entities(file)) {
            cli_list_add(a, &server_headers, cli_printf(a, "%s.store.h", file->base));
        }
        well_known = well_known || uses_well_known(file);
        for (size_t k = 0; file->served && k < file->n_services; k++) {
            gen_push(a, services, scope_of_service(p, &file->services[k]));
        }
    }
    for (size_t i = 0; i < model->n_entities; i++) {
        gen_value *entity = gen_object(a);

        gen_set_text(a, entity, "message", model->entities[i]->message->name);
        gen_set_text(a, entity, "table", model->entities[i]->table);
        gen_set_text(a, entity, "symbol", cli_printf(a, "%s_entity", model->entities[i]->prefix));
        gen_push(a, entities, entity);
    }
    gen_set(a, scope, "services", services);
    gen_set(a, scope, "entities", entities);
    gen_set(a, scope, "client_headers", text_list(a, &client_headers));
    gen_set(a, scope, "headers", text_list(a, &server_headers));
    gen_set_text(a, scope, "packages",
                 cli_printf(a, "$(TRANSPORTS:%%=libcsvc-%%)%s libcsvc-http%s libcsvc",
                            sqlite ? " libcsvc-sqlite" : "", well_known ? " libcsvc-wkt" : ""));
    gen_set_text(a, scope, "packages_client",
                 cli_printf(a, "libcsvc-grpc-core%s libcsvc", well_known ? " libcsvc-wkt" : ""));
}

/* The handlers or tests of the project: those that are there, those that are not. */
static void set_born(project *p, gen_value *scope, const char *present_name,
                     const char *missing_name,
                     const char *(*path_of)(csvc_arena *, const gen_rpc *))
{
    cli_list present = {0};
    cli_list missing = {0};

    for (const gen_rpc *const *rpc = project_rpcs(p); *rpc != NULL; rpc++) {
        const char *path = path_of(p->a, *rpc);
        const char *at = project_place(p, path);

        if (at == NULL) {
            cli_list_add(p->a, &missing, path);
        } else if (!cli_list_has(&present, at)) { /* several may lie in one */
            cli_list_add(p->a, &present, at);
        }
    }
    gen_set(p->a, scope, present_name, make_list(p->a, &present));
    gen_set(p->a, scope, missing_name, make_list(p->a, &missing));
}

void project_scope_files(project *p, gen_value *scope)
{
    csvc_arena *a = p->a;
    cli_list all = {0};
    cli_list shared = {0};
    cli_list server = {0};
    cli_list client = {0};

    for (size_t i = 0; i < p->plan.n_outputs; i++) {
        const char *path = p->plan.outputs[i].path;
        size_t len = strlen(path);
        bool is_store = len > 8 && strcmp(path + len - 8, ".store.c") == 0;

        if (strncmp(path, "gen/", 4) != 0) {
            continue;
        }
        cli_list_add(a, &all, path);
        if (len < 2 || strcmp(path + len - 2, ".c") != 0) {
            continue;
        }
        if (strcmp(path, "gen/client.c") == 0) {
            cli_list_add(a, &client, path);
        } else if (is_store || strcmp(path, "gen/services.c") == 0 ||
                   strcmp(path, "gen/migrations.c") == 0) {
            cli_list_add(a, &server, path);
        } else {
            cli_list_add(a, &shared, path);
        }
    }
    cli_list_sort(&all);
    cli_list_sort(&shared);
    cli_list_sort(&server);
    gen_set(a, scope, "gen_files", make_list(a, &all));
    gen_set(a, scope, "gen_shared", make_list(a, &shared));
    gen_set(a, scope, "gen_server", make_list(a, &server));
    gen_set(a, scope, "gen_client", make_list(a, &client));
    gen_set(a, scope, "gen_inputs", make_list(a, &p->inputs));
}

/* The protos as Markdown links. */
static const char *links(csvc_arena *a, const cli_list *paths)
{
    cli_list list = {0};

    for (size_t i = 0; i < paths->len; i++) {
        cli_list_add(a, &list, cli_printf(a, "[%s](%s)", paths->items[i], paths->items[i]));
    }
    return cli_list_join(a, &list, ", ");
}

/* What the project has, as `feature.docker` and so on. */
static gen_value *features(const project *p)
{
    gen_value *object = gen_object(p->a);

    for (const feature *f = features_all; f->name != NULL; f++) {
        gen_set_truth(p->a, object, f->name, config_has(&p->config, f->name));
    }
    return object;
}

/* A server beside the service, which has the name when the service leaves it. */
static const char *host_beside(project *p, const char *host)
{
    return strcmp(p->config.name, host) == 0 ? cli_printf(p->a, "%s-server", host) : host;
}

/* Grafana takes 40 characters; two names that only differ behind them stay two. */
static const char *dashboard_uid(project *p)
{
    const char *name = p->config.name;
    csvc_bytes whole = {.len = strlen(name), .data = (const uint8_t *)name};
    char hash[SHA256_HEX];

    if (whole.len <= 40) {
        return name;
    }
    sha256_hex(whole, hash);
    return cli_printf(p->a, "%.31s-%.8s", name, hash);
}

gen_value *project_scope(project *p)
{
    csvc_arena *a = p->a;
    gen_value *scope = gen_object(a);
    const char *c_name = config_c_name(a, p->config.name);
    const char *example = project_example(p);
    cli_list strays = {0};

    gen_set_text(a, scope, "name", p->config.name);
    gen_set_text(a, scope, "c_name", c_name);
    gen_set_text(a, scope, "c_upper", gen_upper(a, c_name));
    gen_set_text(a, scope, "camel", gen_camel(a, p->config.name));
    gen_set_text(a, scope, "prometheus_host", host_beside(p, "prometheus"));
    gen_set_text(a, scope, "grafana_host", host_beside(p, "grafana"));
    gen_set_text(a, scope, "dashboard_uid", dashboard_uid(p));
    gen_set(a, scope, "modules", modules(p));
    gen_set_truth(a, scope, "own_options",
                  gen_model_file(p->pipeline->model, PIPELINE_OPTIONS) != NULL);
    gen_set_truth(a, scope, "volumes",
                  p->config.storage == CONFIG_SQLITE || config_has(&p->config, "prometheus"));
    gen_set_text(a, scope, "with_database",
                 p->config.storage == CONFIG_SQLITE ? ", with an empty database in memory," : "");
    gen_set_text(a, scope, "storage", config_storage_name(p->config.storage));
    gen_set_truth(a, scope, "sqlite", p->config.storage == CONFIG_SQLITE);
    gen_set(a, scope, "feature", features(p));
    gen_set_text(a, scope, "protos", cli_list_join(a, &p->config.protos, ", "));
    gen_set_text(a, scope, "proto_links", links(a, &p->config.protos));
    gen_set_text(a, scope, "example", example != NULL ? example : "");
    set_model(p, scope);
    set_born(p, scope, "handlers", "handlers_missing", project_handler_path);
    set_born(p, scope, "tests", "tests_missing", project_test_path);
    project_strays(p, &strays);
    gen_set(a, scope, "strays", make_list(a, &strays));
    return scope;
}
