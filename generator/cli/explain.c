/* explain.c: c-svc explain: what was inferred from the protos, and why. */
#include "cli.h"
#include "project/open.h"
#include "update/transaction.h"
#include "protos.h"

#include <csvc/store.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

/* ---- tables ---- */

enum {
    MAX_COLUMNS = 5
};

/* Rows of cells, as wide as they need to be; the last column is as long as it likes. */
typedef struct table {
    csvc_arena *a;
    size_t n_columns;
    cli_list cells;
} table;

static void row(table *t, const char *const *cells)
{
    for (size_t i = 0; i < t->n_columns; i++) {
        cli_list_add(t->a, &t->cells, cells[i] != NULL ? cells[i] : "");
    }
}

static void print_table(const table *t)
{
    size_t widths[MAX_COLUMNS] = {0};

    for (size_t i = 0; i < t->cells.len; i++) {
        size_t len = strlen(t->cells.items[i]);
        size_t *width = &widths[i % t->n_columns];

        if (len > *width) {
            *width = len;
        }
    }
    for (size_t i = 0; i < t->cells.len; i += t->n_columns) {
        size_t last = t->n_columns;

        while (last > 1 && t->cells.items[i + last - 1][0] == '\0') {
            last--; /* no blanks at the end of a line */
        }
        printf("  ");
        for (size_t k = 0; k < last; k++) {
            if (k + 1 < last) {
                printf("%-*s  ", (int)widths[k], t->cells.items[i + k]);
            } else {
                printf("%s\n", t->cells.items[i + k]);
            }
        }
    }
}

/* ---- entities ---- */

static const char *flags_of(csvc_arena *a, const gen_column *column)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {
        {CSVC_COLUMN_KEY, "key"},
        {CSVC_COLUMN_GENERATED, "generated"},
        {CSVC_COLUMN_REQUIRED, "required"},
        {CSVC_COLUMN_UNIQUE, "unique"},
        {CSVC_COLUMN_CREATED_AT, "set at creation"},
        {CSVC_COLUMN_UPDATED_AT, "set at every change"},
        {CSVC_COLUMN_TEXT_SEARCH, "searched"},
    };
    cli_list list = {0};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((column->flags & words[i].flag) != 0) {
            cli_list_add(a, &list, words[i].word);
        }
    }
    if (column->indexed) {
        cli_list_add(a, &list, "indexed");
    }
    if (column->max_len > 0) {
        cli_list_add(a, &list, cli_printf(a, "at most %u", (unsigned)column->max_len));
    }
    return cli_list_join(a, &list, ", ");
}

static void explain_entity(csvc_arena *a, const gen_entity *entity)
{
    table t = {.a = a, .n_columns = 4};
    const char *const head[] = {"column", "type", "is", "why"};

    printf("Entity %s, table %s, store %s_...\n", entity->message->full_name, entity->table,
           entity->prefix);
    printf("  because %s\n\n", entity->reason);
    row(&t, head);
    for (size_t i = 0; i < entity->n_columns; i++) {
        const gen_column *column = &entity->columns[i];
        const char *const cells[] = {column->name, column->sqlite_type, flags_of(a, column),
                                     column->reason};

        row(&t, cells);
    }
    for (size_t i = 0; i < entity->n_left_out; i++) {
        const char *const cells[] = {entity->left_out[i].field->name, "-", "not kept",
                                     entity->left_out[i].reason};

        row(&t, cells);
    }
    print_table(&t);
    printf("\n");
}

/* What somebody might have expected in a table, with what is in its way. */
static void explain_others(const pipeline *p)
{
    bool any = false;

    for (size_t i = 0; i < p->model->n_files; i++) {
        const gen_file *file = p->model->files[i];

        for (size_t k = 0; !p->no_storage && file->generate && k < file->n_messages; k++) {
            const gen_message *message = file->messages[k];
            const gen_place *place = &message->entity_reason_place;

            if (message->entity == NULL && message->entity_reason != NULL) {
                printf("%s:%u:%u: %s\n", pipeline_shown(p, place->file), (unsigned)place->line,
                       (unsigned)place->column, message->entity_reason);
                any = true;
            }
        }
    }
    if (any) {
        printf("\n");
    }
}

/* ---- services ---- */

static const char *names_of(csvc_arena *a, gen_field *const *fields, size_t n)
{
    cli_list list = {0};

    for (size_t i = 0; i < n; i++) {
        cli_list_add(a, &list, fields[i]->name);
    }
    return cli_list_join(a, &list, ", ");
}

static const char *served_by(csvc_arena *a, const gen_rpc *rpc)
{
    return rpc->is_inline ? cli_printf(a, "%s, inline", project_served(a, rpc))
                          : project_served(a, rpc);
}

static const char *why(csvc_arena *a, const gen_rpc *rpc, bool no_storage)
{
    if (rpc->crud_reason != NULL) {
        return rpc->crud_reason;
    }
    (void)a;
    return no_storage ? "storage is none" : "";
}

static void explain_service(csvc_arena *a, const gen_service *service, bool no_storage)
{
    table t = {.a = a, .n_columns = 4};
    const char *const head[] = {"rpc", "handler", "served by", "why"};

    printf("Service %s, in C %s_...\n\n", service->full_name, service->prefix);
    row(&t, head);
    for (size_t i = 0; i < service->n_rpcs; i++) {
        const gen_rpc *rpc = &service->rpcs[i];
        const char *const cells[] = {rpc->name, project_handler_path(a, rpc), served_by(a, rpc),
                                     why(a, rpc, no_storage)};

        row(&t, cells);
    }
    print_table(&t);
    for (size_t i = 0; i < service->n_rpcs; i++) {
        const gen_crud *crud = service->rpcs[i].crud;

        if (crud != NULL && crud->n_ignored > 0) {
            printf("  %s: nothing is done with %s: no column is called so\n", service->rpcs[i].name,
                   names_of(a, crud->ignored, crud->n_ignored));
        }
        if (crud != NULL && crud->n_refused > 0) {
            printf(
                "  %s: a value in %s would change the answer; it is refused with UNIMPLEMENTED\n",
                service->rpcs[i].name, names_of(a, crud->refused, crud->n_refused));
        }
        if (crud != NULL && crud->n_unfilled > 0) {
            printf("  %s: nothing fills %s of the reply\n", service->rpcs[i].name,
                   names_of(a, crud->unfilled, crud->n_unfilled));
        }
    }
    printf("\n");
}

/* ---- the command ---- */

/* The protos that were named, or else the project's. */
static int build(csvc_arena *a, const cli_args *args, pipeline *p)
{
    csvc_error err = {CSVC_ERROR_INIT};
    project pr = {.a = a, .pipeline = p};
    const char *const *folders;
    size_t n_folders = cli_args_options(a, args, "I", &folders);
    csvc_code code;

    if (args->n_operands > 0) {
        int rc = protos_check(a, args, args->operands, args->n_operands, folders, n_folders);

        if (rc != CLI_OK) {
            return rc;
        }
        p->inference = CONFIG_INFERENCE;
        code = protos_compile(p, args->operands, args->n_operands, folders, n_folders, &err);
    } else {
        const char *root = project_find(a);

        code = root != NULL ? update_settle(a, root, &err) : CSVC_OK;
        code = code == CSVC_OK ? project_open(a, &pr, p, &err) : code;
        code = code == CSVC_OK ? project_name_protos(&pr, &err) : code;
        code = code == CSVC_OK ? pipeline_compile(p, false, &err) : code;
    }
    code = code == CSVC_OK ? pipeline_build(p, &err) : code;
    if (code != CSVC_OK) {
        project_print_error(&err);
        return CLI_FAILED;
    }
    return CLI_OK;
}

static int run_explain(csvc_arena *a, const cli_args *args)
{
    pipeline p = {.a = a};
    int rc = build(a, args, &p);

    if (rc != CLI_OK) {
        return rc;
    }
    for (size_t i = 0; i < p.model->n_entities; i++) {
        explain_entity(a, p.model->entities[i]);
    }
    explain_others(&p);
    for (size_t i = 0; i < p.model->n_files; i++) {
        const gen_file *file = p.model->files[i];

        for (size_t k = 0; file->served && k < file->n_services; k++) {
            explain_service(a, &file->services[k], p.no_storage);
        }
    }
    printf(
        "By rule set %u; options of c_svc/options.proto come before it. Both are told of in\n%s\n",
        (unsigned)p.inference, protoc_own_page(a, "inference.md"));
    return CLI_OK;
}

static const cli_option options[] = {
    {.name = "I", .value = "DIR", .many = true},
    {0},
};

const cli_command cli_explain = {
    .name = "explain",
    .operands = "[PROTO]...",
    .max_operands = 1000,
    .summary = "says what c-svc sees in the protos, and why",
    .text = "In a project, or for the PROTOs that are named: which messages are kept in tables,\n"
            "with which columns and keys; what each rpc does; and the reason for each. Writes\n"
            "nothing.\n"
            "\n"
            "  -I DIR           where import paths start from; again for more\n",
    .options = options,
    .run = run_explain,
};
