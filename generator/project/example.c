/* example.c: a command of the client to try, for `Next:` and the README. */
#include "example.h"

#include <string.h>

#include "app/cli.h"
#include "names/names.h"
#include <csvc/store.h>

#include "base/banned.h"

enum {
    MAX_FLAGS = 3
};

typedef struct flags {
    csvc_arena *a;
    cli_list words;
    size_t n;
    const gen_oneof *chosen[MAX_FLAGS]; /* a oneof each; a second member would unset the first */
} flags;

/* Something that a field of this name would hold. */
static const char *sample_text(const gen_field *field)
{
    static const char *const samples[][2] = {
        {"email", "ada@example.org"},
        {"mail", "ada@example.org"},
        {"url", "https://example.org"},
        {"phone", "555-0100"},
        {"user", "ada"},
        {"author", "ada"},
        {"full_name", "ada"},
        {"first_name", "ada"},
        {"name", "first"},
        {"title", "first"},
        {"currency", "EUR"},
        {"time", "2026-01-01T00:00:00Z"},
    };

    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        if (strstr(field->name, samples[i][0]) != NULL) {
            return samples[i][1];
        }
    }
    return "hello";
}

/* NULL: no flag of the client takes it in one word. */
static const char *sample_value(csvc_arena *a, const gen_field *field)
{
    if (field->label == CSVC_LABEL_REPEATED) {
        return NULL;
    }
    switch (field->kind) {
    case CSVC_KIND_STRING:
        return sample_text(field);
    case CSVC_KIND_BOOL:
        return "true";
    case CSVC_KIND_FLOAT:
    case CSVC_KIND_DOUBLE:
        return "1.5";
    case CSVC_KIND_ENUM:
        return field->enumeration->values[field->enumeration->n_values > 1 ? 1 : 0].name;
    case CSVC_KIND_BYTES:
    case CSVC_KIND_MESSAGE:
        return NULL;
    default:
        return field->options.min > 1 ? cli_printf(a, "%.0f", field->options.min) : "1";
    }
}

static void add(flags *f, const gen_field *within, const gen_field *field, const char *value)
{
    const char *name = cli_must(gen_kebab(f->a, field->name));

    if (value == NULL || f->n >= MAX_FLAGS) {
        return;
    }
    for (size_t i = 0; i < f->n && field->oneof != NULL; i++) {
        if (f->chosen[i] == field->oneof) {
            return;
        }
    }
    f->chosen[f->n++] = field->oneof;
    if (within != NULL) {
        cli_list_add(f->a, &f->words,
                     cli_printf(f->a, "--%s.%s %s",
                                (const char *)cli_must(gen_kebab(f->a, within->name)), name,
                                value));
    } else {
        cli_list_add(f->a, &f->words, cli_printf(f->a, "--%s %s", name, value));
    }
}

/* Keys are numbers we give, from 1, or texts nobody knows before. */
static const char *sample_key(const gen_field *field)
{
    return field->kind == CSVC_KIND_STRING ? "ID" : "1";
}

static const gen_field *source_of(const gen_crud *crud, const gen_column *column)
{
    for (size_t i = 0; i < crud->n_assigns; i++) {
        if (crud->assigns[i].to == column) {
            return crud->assigns[i].from;
        }
    }
    return NULL;
}

/* The columns that a row needs, or else two that it may have. */
static void add_columns(flags *f, const gen_crud *crud)
{
    const uint32_t own = CSVC_COLUMN_KEY | CSVC_COLUMN_CREATED_AT | CSVC_COLUMN_UPDATED_AT;
    const gen_entity *entity = crud->entity;
    bool whole = crud->entity_field != NULL || crud->request_is_entity;

    for (int required = 1; required >= 0; required--) {
        for (size_t i = 0; i < entity->n_columns; i++) {
            const gen_column *column = &entity->columns[i];
            bool is_required = (column->flags & CSVC_COLUMN_REQUIRED) != 0;
            const gen_field *field = whole ? column->field : source_of(crud, column);

            if (field == NULL || (column->flags & own) != 0 || is_required != (required == 1) ||
                (required == 0 && f->n >= 2)) {
                continue;
            }
            add(f, crud->entity_field, field, sample_value(f->a, field));
        }
    }
}

static void add_crud(flags *f, const gen_crud *crud)
{
    const gen_field *key = crud->key_field != NULL ? crud->key_field : crud->entity->key->field;
    const gen_field *within = crud->key_field == NULL ? crud->entity_field : NULL;

    switch (crud->role) {
    case GEN_CRUD_CREATE:
        add_columns(f, crud);
        break;
    case GEN_CRUD_UPDATE:
        add(f, within, key, sample_key(key));
        add_columns(f, crud);
        break;
    case GEN_CRUD_GET:
    case GEN_CRUD_DELETE:
        add(f, within, key, sample_key(key));
        break;
    case GEN_CRUD_BATCH_GET:
        if (crud->keys_field != NULL) {
            add(f, NULL, crud->keys_field, sample_key(crud->keys_field));
        }
        break;
    case GEN_CRUD_LIST:
    case GEN_CRUD_STREAM:
        break;
    }
}

/* The services as gen/client.c lists them, of which only the names are needed. */
static const csvc_service *client_services(const project *p, size_t *ret_n)
{
    const gen_model *model = p->pipeline->model;
    csvc_service *services;
    size_t n = 0;

    for (size_t i = 0; i < model->n_files; i++) {
        n += model->files[i]->served ? model->files[i]->n_services : 0;
    }
    services = cli_must(csvc_arena_calloc(p->a, n + 1, sizeof(*services)));
    *ret_n = n;
    n = 0;
    for (size_t i = 0; i < model->n_files; i++) {
        const gen_file *file = model->files[i];

        for (size_t k = 0; file->served && k < file->n_services; k++) {
            const gen_service *service = &file->services[k];
            csvc_method *methods =
                cli_must(csvc_arena_calloc(p->a, service->n_rpcs + 1, sizeof(*methods)));

            for (size_t m = 0; m < service->n_rpcs; m++) {
                methods[m].name = service->rpcs[m].name;
            }
            services[n++] = (csvc_service){.name = service->full_name,
                                           .methods = methods,
                                           .n_methods = (uint32_t)service->n_rpcs};
        }
    }
    return services;
}

/* What the client calls each rpc, by the client's own rule: two services may have one so called. */
static gen_index name_commands(const project *p)
{
    size_t n;
    const csvc_service *services = client_services(p, &n);
    const csvc_service **list = cli_must(csvc_arena_calloc(p->a, n + 1, sizeof(*list)));
    const csvc_cli_info info = {CSVC_CLI_INFO_INIT, .services = list};
    gen_index commands;
    void *old = NULL;

    gen_index_init(&commands, p->a);
    for (size_t i = 0; i < n; i++) {
        list[i] = &services[i];
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < services[i].n_methods; k++) {
            const csvc_method *method = &services[i].methods[k];
            const char *path = cli_printf(p->a, "/%s/%s", services[i].name, method->name);
            char text[CSVC__CLI_NAME];
            bool ok;

            csvc__cli_command(&info, list[i], method, text);
            ok = gen_index_put(&commands, path, cli_must(csvc_arena_strdup(p->a, text)), &old);
            (void)cli_must(ok ? p : NULL);
        }
    }
    return commands;
}

static const char *command_of(project *p, const gen_rpc *rpc)
{
    if (p->commands.n_used == 0) {
        p->commands = name_commands(p);
    }
    return gen_index_get(&p->commands, rpc->path);
}

const char *project_example_rpc(project *p, const gen_rpc *rpc)
{
    csvc_arena *a = p->a;
    flags f = {.a = a};

    cli_list_add(a, &f.words, command_of(p, rpc));
    if (rpc->crud != NULL) {
        add_crud(&f, rpc->crud);
    } else {
        for (size_t i = 0; i < rpc->request->n_fields && f.n < 2; i++) {
            add(&f, NULL, rpc->request->fields[i], sample_value(a, rpc->request->fields[i]));
        }
    }
    return cli_list_join(a, &f.words, " ");
}

/* The member of a message as JSON: "name": "first"; NULL: none that is short. */
static const char *sample_member(csvc_arena *a, const gen_field *field)
{
    const bool text = field->kind == CSVC_KIND_STRING || field->kind == CSVC_KIND_ENUM;
    const char *value = sample_value(a, field);

    return value == NULL ? NULL
                         : cli_printf(a, "\"%s\": %s%s%s", field->json_name, text ? "\"" : "",
                                      value, text ? "\"" : "");
}

const char *project_example_lines(project *p, const gen_rpc *rpc)
{
    csvc_arena *a = p->a;
    cli_list members = {0};
    const char *message;

    for (size_t i = 0; i < rpc->request->n_fields && members.len < 2; i++) {
        const gen_field *field = rpc->request->fields[i];
        const char *member = field->oneof == NULL || field->oneof->synthetic || members.len == 0
                                 ? sample_member(a, field)
                                 : NULL;

        if (member != NULL) {
            cli_list_add(a, &members, member);
        }
    }
    message = cli_printf(a, "{%s}", cli_list_join(a, &members, ", "));
    return cli_printf(a, "printf '%s\\n%s\\n' | build/%s-client %s", message, message,
                      p->config.name, command_of(p, rpc));
}

static const char *command_line(project *p, const gen_rpc *rpc)
{
    return (rpc->kind & CSVC_RPC_CLIENT_STREAM) != 0
               ? project_example_lines(p, rpc)
               : cli_printf(p->a, "build/%s-client %s", p->config.name,
                            project_example_rpc(p, rpc));
}

/* What a reader should try first: best a create, then another unary one. */
static int worth(const gen_rpc *rpc)
{
    if (rpc->crud != NULL && rpc->crud->role == GEN_CRUD_CREATE && rpc->kind == CSVC_RPC_UNARY) {
        return 3;
    }
    return rpc->kind == CSVC_RPC_UNARY ? 2 : 1;
}

const char *project_example(project *p)
{
    const gen_rpc *best = NULL;

    for (const gen_rpc *const *rpc = project_rpcs(p); *rpc != NULL; rpc++) {
        if (best == NULL || worth(*rpc) > worth(best)) {
            best = *rpc;
        }
    }
    return best != NULL ? command_line(p, best) : NULL;
}
