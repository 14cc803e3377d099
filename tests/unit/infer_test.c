/*
 * infer_test.c: rule set 1 over the protos of tests/protos/crud.
 *
 * Each is compiled by protoc, built into a model, inferred and written down as text, which must be
 * the kept NAME.infer beside it. CSVC_REWRITE=1 writes those anew, to be read before they are
 * committed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <csvc/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/infer.h"
#include "model/build.h"
#include "names/names.h"
#include "request/request.h"
#include "proto_helpers.h"

#include "base/buffer.h"

enum {
    MAX_FILE = 1 << 20
};

/* ---- from a .proto to a model ---- */

struct project {
    csvc_arena *a;
    gen_diag diag;
    gen_model *model;
};

static const char *source(void)
{
    const char *folder = getenv("CSVC_SOURCE");

    assert_non_null(folder);
    return folder;
}

static csvc_bytes read_file(csvc_arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    char *data = csvc_arena_alloc(a, MAX_FILE);
    size_t len;

    assert_non_null(data);
    if (f == NULL) {
        return (csvc_bytes){0};
    }
    len = fread(data, 1, MAX_FILE - 1, f);
    assert_int_equal(fclose(f), 0);
    data[len] = '\0';
    return (csvc_bytes){.len = len, .data = (const uint8_t *)data};
}

static void infer(struct project *p, const char *folder, const char *const *protos, size_t n)
{
    gen_parameters parameters = gen_parameters_default();
    csvc_error err = {CSVC_ERROR_INIT};
    gen_request request;
    csvc__buffer names;
    csvc_bytes set;

    p->a = csvc_arena_new(0);
    assert_non_null(p->a);
    gen_diag_init(&p->diag, p->a);
    csvc__buffer_init(&names, MAX_FILE);
    for (size_t i = 0; i < n; i++) {
        csvc__buffer_printf(&names, "%s ", protos[i]);
    }
    set = proto_set(p->a, folder, names.data, true);
    csvc__buffer_release(&names);
    assert_int_equal(gen_request_from_set(&request, p->a, set, protos, n, &parameters, &err),
                     CSVC_OK);
    p->model = gen_model_build(&request, &p->diag);
    assert_non_null(p->model);
    assert_int_equal(p->diag.n_errors, 0);
    assert_true(gen_infer(p->model, &p->diag));
}

static void release(struct project *p)
{
    csvc_arena_free(p->a);
}

/* ---- the model's inferences as text ---- */

static const struct {
    uint32_t flag;
    const char *word;
} words[] = {{CSVC_COLUMN_KEY, "key"},
             {CSVC_COLUMN_GENERATED, "generated"},
             {CSVC_COLUMN_REQUIRED, "required"},
             {CSVC_COLUMN_UNIQUE, "unique"},
             {CSVC_COLUMN_CREATED_AT, "created"},
             {CSVC_COLUMN_UPDATED_AT, "updated"},
             {CSVC_COLUMN_TEXT_SEARCH, "search"}};

static void put_column(csvc__buffer *out, const gen_column *column)
{
    csvc__buffer_printf(out, "  %s %s%s", column->name, column->sqlite_type,
                        column->nullable ? " null" : "");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((column->flags & words[i].flag) != 0) {
            csvc__buffer_printf(out, " %s", words[i].word);
        }
    }
    if (column->indexed) {
        csvc__buffer_puts(out, " indexed");
    }
    if (column->max_len > 0) {
        csvc__buffer_printf(out, " max_len=%u", column->max_len);
    }
    if (column->reason != NULL) {
        csvc__buffer_printf(out, " (%s)", column->reason);
    }
    csvc__buffer_putc(out, '\n');
}

static void put_entity(csvc__buffer *out, const gen_entity *entity)
{
    csvc__buffer_printf(out, "entity %s: \"%s\" in table %s, store %s (%s)\n",
                        entity->message->full_name, entity->name, entity->table, entity->prefix,
                        entity->reason);
    for (size_t i = 0; i < entity->n_columns; i++) {
        assert_int_equal(entity->columns[i].position, i);
        put_column(out, &entity->columns[i]);
    }
    for (size_t i = 0; i < entity->n_left_out; i++) {
        csvc__buffer_printf(out, "  without %s (%s)\n", entity->left_out[i].field->name,
                            entity->left_out[i].reason);
    }
}

static void put_field(csvc__buffer *out, const char *what, const gen_field *field)
{
    if (field != NULL) {
        csvc__buffer_printf(out, " %s=%s", what, field->name);
    }
}

static void put_fields(csvc__buffer *out, const char *what, gen_field *const *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        csvc__buffer_printf(out, "%s%s", i == 0 ? what : ",", fields[i]->name);
    }
}

static void put_rpc(csvc__buffer *out, const gen_rpc *rpc)
{
    const gen_crud *crud = rpc->crud;

    if (crud == NULL) {
        csvc__buffer_printf(out, "rpc %s: yours (%s)\n", rpc->name, rpc->crud_reason);
        return;
    }
    csvc__buffer_printf(out, "rpc %s: %s %s\n   request:", rpc->name,
                        gen_crud_role_name(crud->role), crud->entity->name);
    csvc__buffer_puts(out, crud->request_is_entity ? " is entity" : "");
    put_field(out, "entity", crud->entity_field);
    put_field(out, "key", crud->key_field);
    put_field(out, "keys", crud->keys_field);
    put_field(out, "mask", crud->mask_field);
    put_field(out, "page", crud->page_field);
    put_field(out, "size", crud->page_size_field);
    put_field(out, "token", crud->page_token_field);
    put_field(out, "keyword", crud->keyword_field);
    for (size_t i = 0; i < crud->n_assigns; i++) {
        csvc__buffer_printf(out, "%s%s>%s", i == 0 ? " columns=" : ",", crud->assigns[i].from->name,
                            crud->assigns[i].to->name);
    }
    put_fields(out, " ignored=", crud->ignored, crud->n_ignored);
    put_fields(out, " refused=", crud->refused, crud->n_refused);
    csvc__buffer_printf(out, "\n   reply:%s", crud->reply_is_entity ? " is entity" : "");
    put_field(out, "entity", crud->reply_field);
    put_field(out, "key", crud->reply_key_field);
    put_field(out, "success", crud->success_field);
    put_field(out, "rows", crud->rows_field);
    put_field(out, "total", crud->total_field);
    put_field(out, "next", crud->next_token_field);
    put_fields(out, " unfilled=", crud->unfilled, crud->n_unfilled);
    csvc__buffer_putc(out, '\n');
}

static void put_model(csvc__buffer *out, const struct project *p)
{
    const gen_model *model = p->model;

    for (size_t i = 0; i < model->n_entities; i++) {
        put_entity(out, model->entities[i]);
    }
    for (size_t i = 0; i < model->n_files; i++) {
        for (size_t j = 0; model->files[i]->generate && j < model->files[i]->n_services; j++) {
            const gen_service *service = &model->files[i]->services[j];

            csvc__buffer_printf(out, "service %s\n", service->full_name);
            for (size_t k = 0; k < service->n_rpcs; k++) {
                put_rpc(out, &service->rpcs[k]);
            }
        }
    }
    gen_diag_print(&p->diag, GEN_NOTE, out);
}

/* ---- the tests ---- */

static void check_kept(const char *text, const char *path)
{
    csvc_arena *a = csvc_arena_new(0);
    csvc_bytes kept;

    assert_non_null(a);
    if (getenv("CSVC_REWRITE") != NULL) {
        FILE *f = fopen(path, "wb");

        assert_non_null(f);
        assert_int_equal(fputs(text, f) >= 0, 1);
        assert_int_equal(fclose(f), 0);
    }
    kept = read_file(a, path);
    if (kept.data == NULL || strcmp(text, (const char *)kept.data) != 0) {
        print_error("%s: what came out is not what is kept:\n%s", path, text);
        fail();
    }
    csvc_arena_free(a);
}

static void check(const char *folder, const char *name, const char *const *protos, size_t n)
{
    char path[512];
    csvc__buffer first, again;
    struct project p;

    csvc__buffer_init(&first, MAX_FILE);
    csvc__buffer_init(&again, MAX_FILE);
    infer(&p, folder, protos, n);
    put_model(&first, &p);
    release(&p);
    infer(&p, folder, protos, n);
    put_model(&again, &p);
    release(&p);
    assert_string_equal(first.data, again.data);
    (void)snprintf(path, sizeof(path), "%s/tests/protos/crud/%s.infer", source(), name);
    check_kept(first.data, path);
    csvc__buffer_release(&first);
    csvc__buffer_release(&again);
}

static void check_crud(const char *name)
{
    char proto[64];
    const char *const protos[] = {proto};

    (void)snprintf(proto, sizeof(proto), "%s.proto", name);
    check("tests/protos/crud", name, protos, 1);
}

static void the_user_of_the_sample(void **state)
{
    static const char *const protos[] = {"user.proto"};

    (void)state;
    check("samples/user/proto", "user", protos, 1);
}

static void bare_replies_and_a_batch(void **state)
{
    (void)state;
    check_crud("accounts");
}

static void rpcs_without_a_noun(void **state)
{
    (void)state;
    check_crud("notes");
}

static void resources_with_names(void **state)
{
    (void)state;
    check_crud("library");
}

static void columns_of_every_sort(void **state)
{
    (void)state;
    check_crud("devices");
}

static void keys_that_callers_give(void **state)
{
    (void)state;
    check_crud("stock");
}

static void proto2(void **state)
{
    (void)state;
    check_crud("legacy");
}

static void what_is_none(void **state)
{
    static const char *const protos[] = {"odd.proto", "odd_types.proto"};

    (void)state;
    check("tests/protos/crud", "odd", protos, 2);
}

static void options_that_cannot_be_had(void **state)
{
    (void)state;
    check_crud("wrong");
}

/* Entities of a file are the same whether c-svc sees all files or the plugin just that one. */
static void a_file_alone_has_the_same_entities(void **state)
{
    static const char *const both[] = {"accounts.proto", "library.proto"};
    const char *folder = "tests/protos/crud";
    csvc__buffer alone, together;
    struct project p;

    (void)state;
    csvc__buffer_init(&alone, MAX_FILE);
    csvc__buffer_init(&together, MAX_FILE);
    for (size_t i = 0; i < 2; i++) {
        infer(&p, folder, &both[1 - i], 1); /* sorted by full name: library before user */
        assert_int_equal(p.model->n_entities, 1);
        put_entity(&alone, p.model->entities[0]);
        release(&p);
    }
    infer(&p, folder, both, 2);
    assert_int_equal(p.model->n_entities, 2);
    put_entity(&together, p.model->entities[0]);
    put_entity(&together, p.model->entities[1]);
    release(&p);
    assert_string_equal(alone.data, together.data);
    csvc__buffer_release(&alone);
    csvc__buffer_release(&together);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_user_of_the_sample),
        cmocka_unit_test(bare_replies_and_a_batch),
        cmocka_unit_test(rpcs_without_a_noun),
        cmocka_unit_test(resources_with_names),
        cmocka_unit_test(columns_of_every_sort),
        cmocka_unit_test(keys_that_callers_give),
        cmocka_unit_test(proto2),
        cmocka_unit_test(what_is_none),
        cmocka_unit_test(options_that_cannot_be_had),
        cmocka_unit_test(a_file_alone_has_the_same_entities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
