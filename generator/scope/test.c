/* scope/test.c: the tests of handlers that use a store, as their templates see them. */
#include "scope/crud.h"

#include <csvc/store.h>
#include <string.h>

#include "base/banned.h"

static void push(csvc_arena *a, gen_value *list, const char *text)
{
    gen_push(a, list, gen_text(a, text));
}

/* ---- sample values ---- */

static const uint32_t made =
    CSVC_COLUMN_GENERATED | CSVC_COLUMN_CREATED_AT | CSVC_COLUMN_UPDATED_AT;

/* Longer texts than this are not sent: of the column, and of what carries it. */
static uint32_t longest(const gen_column *column, const gen_field *from)
{
    const uint32_t one = column->max_len, other = from->options.max_len;

    return one == 0 || (other != 0 && other < one) ? other : one;
}

/* A value of the right type that `n` tells from others where that is possible, and that the rules
 * of column and field let through; "": none. */
static const char *sample(csvc_arena *a, const gen_column *column, const gen_field *from,
                          const char *n)
{
    const gen_field *field = column->field;
    const uint32_t max_len = longest(column, from);
    const uint32_t min_len = field->options.min_len > from->options.min_len ? field->options.min_len
                                                                            : from->options.min_len;
    const double min =
        field->options.min > from->options.min ? field->options.min : from->options.min;

    if (field->label == CSVC_LABEL_REPEATED) {
        return "";
    }
    switch (field->kind) {
    case CSVC_KIND_STRING:
        if (min_len > strlen(field->name) + 2) {
            return csvc_arena_printf(a, "csvc_printf(t->ctx, \"%%0%uu\", %s)", (unsigned)min_len,
                                     n);
        }
        if (max_len > 0 && max_len < strlen(field->name) + 3) {
            return csvc_arena_printf(a, "csvc_printf(t->ctx, \"%%u\", %s)", n);
        }
        return csvc_arena_printf(a, "csvc_printf(t->ctx, \"%s %%u\", %s)", field->name, n);
    case CSVC_KIND_BOOL:
        return "true";
    case CSVC_KIND_ENUM:
        return field->enumeration->values[field->enumeration->n_values - 1].c_name;
    case CSVC_KIND_BYTES:
        return "(ProtobufCBinaryData){1, (uint8_t *)\"x\"}";
    case CSVC_KIND_MESSAGE:
        return "";
    default:
        return min > 1 ? csvc_arena_printf(a, "%s + %.0f", n, min) : n;
    }
}

static bool is_required(const gen_column *column)
{
    return (column->flags & CSVC_COLUMN_REQUIRED) != 0;
}

/* Filled in a sample: what is required, and plain values that show whether all went through. */
static bool is_filled(const gen_column *column)
{
    const gen_field *field = column->field;

    if ((column->flags & made) != 0 ||
        ((column->flags & CSVC_COLUMN_KEY) != 0 && field->kind == CSVC_KIND_STRING)) {
        return false;
    }
    return is_required(column) ||
           ((field->label == CSVC_LABEL_IMPLICIT || field->label == CSVC_LABEL_REQUIRED) &&
            field->kind != CSVC_KIND_BYTES && field->kind != CSVC_KIND_MESSAGE);
}

/* Can rows be made up at all? */
static bool can_sample(csvc_arena *a, const gen_entity *entity)
{
    for (size_t i = 0; i < entity->n_columns; i++) {
        const char *value = sample(a, &entity->columns[i], entity->columns[i].field, "n");

        if (is_required(&entity->columns[i]) && (value == NULL || *value == '\0')) {
            return false;
        }
    }
    return true;
}

static void put_sample(csvc_arena *a, gen_value *lines, const char *of, const gen_field *field,
                       const gen_column *column, const char *n)
{
    const char *value = sample(a, column, field, n);

    if (value == NULL || *value != '\0') {
        gen_put_field(a, lines, of, field, value);
    }
}

static gen_value *fill_row(csvc_arena *a, const gen_entity *entity, const char *of)
{
    gen_value *lines = gen_list(a);

    for (size_t i = 0; i < entity->n_columns; i++) {
        if (is_filled(&entity->columns[i])) {
            put_sample(a, lines, of, entity->columns[i].field, &entity->columns[i], "n");
        }
    }
    return lines;
}

static gen_value *fill_request(csvc_arena *a, const gen_crud *crud)
{
    gen_value *lines = gen_list(a);

    for (size_t i = 0; i < crud->n_assigns; i++) {
        if (is_filled(crud->assigns[i].to)) {
            put_sample(a, lines, "req->", crud->assigns[i].from, crud->assigns[i].to, "n");
        }
    }
    return lines;
}

/* The lines of fill_row or fill_request, and whether they use its parameters. */
static void set_filler(csvc_arena *a, gen_value *test, const char *name, gen_value *lines)
{
    bool row = strcmp(name, "row") == 0;
    bool uses_t = false, uses_n = false;

    for (size_t i = 0; i < gen_length(lines); i++) {
        const char *line = gen_value_text(gen_item(lines, i));

        uses_t = uses_t || (line != NULL && strstr(line, "(t->") != NULL);
        uses_n = uses_n || (line != NULL &&
                            (strstr(line, " n)") || strstr(line, "= n;") || strstr(line, "= n +")));
    }
    gen_set(a, test, row ? "fill_row" : "fill_request", lines);
    gen_set_truth(a, test, row ? "row_without_t" : "request_without_t", !uses_t);
    gen_set_truth(a, test, row ? "row_without_n" : "request_without_n", !uses_n);
}

/* ---- what a test expects ---- */

/* Where a value of this column stands in what is sent: in the request or in the row within it. */
static const gen_field *sent_as(const gen_crud *crud, const gen_column *column)
{
    for (size_t i = 0; i < crud->n_assigns; i++) {
        if (crud->assigns[i].to == column) {
            return crud->assigns[i].from;
        }
    }
    return crud->entity_field != NULL || crud->request_is_entity ? column->field : NULL;
}

/* One block for each constraint: spoil one field of a good request. */
static gen_value *spoilt(csvc_arena *a, const gen_crud *crud, const char *of, uint32_t flag)
{
    gen_value *list = gen_list(a);

    for (size_t i = 0; i < crud->entity->n_columns; i++) {
        const gen_column *column = &crud->entity->columns[i];
        const gen_field *field = sent_as(crud, column);
        gen_value *item, *lines;

        if ((column->flags & flag) == 0 || field == NULL || field->kind == CSVC_KIND_BOOL ||
            field->kind == CSVC_KIND_ENUM) {
            continue;
        }
        lines = gen_list(a);
        if (flag == CSVC_COLUMN_UNIQUE) {
            put_sample(a, lines, of, field, column, "1");
        } else if (field->kind == CSVC_KIND_STRING) {
            gen_put_field(a, lines, of, field, "\"\"");
        } else if (field->kind != CSVC_KIND_BYTES && field->kind != CSVC_KIND_MESSAGE) {
            gen_put_field(a, lines, of, field, "0");
        }
        if (lines == NULL || gen_length(lines) > 0) { /* NULL: the list notes it */
            item = gen_object(a);
            gen_set_text(a, item, "name", column->field->name);
            gen_set(a, item, "lines", lines);
            gen_push(a, list, item);
        }
    }
    return list;
}

static void push_same(csvc_arena *a, gen_value *lines, const gen_field *x, const char *of_x,
                      const gen_field *y, const char *of_y)
{
    if (x->kind == CSVC_KIND_STRING) {
        push(a, lines,
             csvc_arena_printf(a, "assert_string_equal(%s%s, %s%s);", of_x, x->c_name, of_y,
                               y->c_name));
    } else if (x->kind != CSVC_KIND_BYTES) {
        push(a, lines,
             csvc_arena_printf(a, "assert_true(%s%s == %s%s);", of_x, x->c_name, of_y, y->c_name));
    }
}

/* Assertions that what is in the reply is what was sent. */
static gen_value *same(csvc_arena *a, const gen_crud *crud, const char *reply, const char *sent,
                       bool from_row)
{
    gen_value *lines = gen_list(a);

    for (size_t i = 0; i < crud->entity->n_columns; i++) {
        const gen_column *column = &crud->entity->columns[i];
        const gen_field *field = from_row ? column->field : sent_as(crud, column);

        if (field == NULL || !is_filled(column)) {
            continue;
        }
        push_same(a, lines, column->field, reply, field, sent);
    }
    return lines;
}

/* That key and times have come. */
static void push_made(csvc_arena *a, gen_value *lines, const gen_entity *entity, const char *of)
{
    for (size_t i = 0; i < entity->n_columns; i++) {
        const gen_column *column = &entity->columns[i];
        const gen_field *field = column->field;

        if ((column->flags & (made | CSVC_COLUMN_KEY)) == 0) {
            continue;
        }
        push(a, lines,
             field->kind == CSVC_KIND_STRING
                 ? csvc_arena_printf(a, "assert_string_not_equal(%s%s, \"\");", of, field->c_name)
             : field->kind == CSVC_KIND_MESSAGE
                 ? csvc_arena_printf(a, "assert_non_null(%s%s);", of, field->c_name)
                 : csvc_arena_printf(a, "assert_true(%s%s > 0);", of, field->c_name));
    }
}

/* ---- requests ---- */

/* The statements that make `req` a good request; `n` tells it from others. */
static gen_value *prepare(csvc_arena *a, const gen_crud *crud, const char *row, const char *n)
{
    gen_value *lines = gen_list(a);

    if (crud->entity_field != NULL) {
        push(a, lines, csvc_arena_printf(a, "fill_row(t, &%s, %s);", row, n));
        gen_put_field(a, lines, "req.", crud->entity_field, csvc_arena_printf(a, "&%s", row));
    } else {
        push(a, lines,
             csvc_arena_printf(a, "fill_%s(t, &req, %s);",
                               crud->request_is_entity ? "row" : "request", n));
    }
    return lines;
}

static gen_value *put_key(csvc_arena *a, const gen_crud *crud, const char *row, const char *value)
{
    gen_value *lines = gen_list(a);
    bool whole = crud->entity_field != NULL && crud->key_field == NULL;

    gen_put_field(a, lines, whole ? csvc_arena_printf(a, "%s.", row) : "req.",
                  whole ? crud->entity->key->field : crud->key_field, value);
    return lines;
}

static void set_keys(csvc_arena *a, gen_value *test, const gen_crud *crud, const char *row)
{
    const gen_field *key = crud->entity->key->field;
    bool text = key->kind == CSVC_KIND_STRING;

    gen_set(a, test, "key_of_stored",
            put_key(a, crud, row, csvc_arena_printf(a, "stored->%s", key->c_name)));
    gen_set(a, test, "key_absent", put_key(a, crud, row, text ? "\"nobody\"" : "42"));
    gen_set(a, test, "key_bad", put_key(a, crud, row, text ? "\"\"" : "0"));
}

static void set_list(csvc_arena *a, gen_value *test, const gen_crud *crud)
{
    const gen_field *size = crud->page_size_field, *page = crud->page_field;
    const gen_field *token = crud->page_token_field;
    gen_value *two = gen_list(a), *second = gen_list(a), *next = gen_list(a), *found = gen_list(a);
    bool by_number = size != NULL && page != NULL;
    bool by_token = size != NULL && token != NULL && crud->next_token_field != NULL;
    const char *word = "";

    if (size != NULL) {
        gen_put_field(a, two, "req.", size, "2");
    }
    if (by_number) {
        gen_put_field(a, second, "req.", page, "2");
    }
    if (by_token) {
        gen_put_field(a, next, "req.", token, "token");
    }
    for (size_t i = 0; i < crud->entity->n_columns && *word == '\0'; i++) {
        const gen_column *column = &crud->entity->columns[i];

        if ((column->flags & CSVC_COLUMN_TEXT_SEARCH) != 0 && is_filled(column)) {
            word = sample(a, column, column->field, "2");
            word = word != NULL ? word : "";
        }
    }
    if (crud->keyword_field != NULL && *word != '\0') {
        gen_put_field(a, found, "req.", crud->keyword_field, word);
    }
    gen_set_text(a, test, "rows", crud->rows_field->c_name);
    gen_set_text(a, test, "total", crud->total_field != NULL ? crud->total_field->c_name : "");
    gen_set_text(a, test, "token", by_token ? crud->next_token_field->c_name : "");
    gen_set(a, test, "two", two);
    gen_set(a, test, "second", second);
    gen_set(a, test, "next", next);
    gen_set(a, test, "found", found);
}

/* That the rows came in the order asked for: the last one first. */
static gen_value *in_order(csvc_arena *a, const gen_crud *crud)
{
    bool text = crud->entity->key->field->kind == CSVC_KIND_STRING;
    const char *rows = crud->rows_field->c_name;
    const char *key = crud->entity->key->field->c_name;
    gen_value *lines = gen_list(a);

    for (int i = 0; i < 2; i++) {
        const char *asked = i == 0 ? "last" : "first";

        push(a, lines,
             text ? csvc_arena_printf(a, "assert_string_equal(rsp->%s[%d]->%s, %s->%s);", rows, i,
                                      key, asked, key)
                  : csvc_arena_printf(a, "assert_true(rsp->%s[%d]->%s == %s->%s);", rows, i, key,
                                      asked, key));
    }
    return lines;
}

static void set_batch(csvc_arena *a, gen_value *test, const gen_crud *crud)
{
    const gen_field *key = crud->entity->key->field;
    bool text = key->kind == CSVC_KIND_STRING;
    const char *keys = crud->keys_field->c_name;
    gen_value *lines = gen_list(a);

    gen_set_text(a, test, "rows", crud->rows_field->c_name);
    gen_set_text(a, test, "key_type", key->c_type);
    gen_set_text(a, test, "key_space", text ? "" : " ");
    gen_set_text(a, test, "key", key->c_name);
    gen_set_truth(a, test, "key_is_text", text);
    gen_set(a, test, "in_order", in_order(a, crud));
    gen_set_text(a, test, "absent", text ? "\"nobody\"" : "42");
    push(a, lines, csvc_arena_printf(a, "req.n_%s = 3;", keys));
    push(a, lines, csvc_arena_printf(a, "req.%s = ids;", keys));
    gen_set(a, test, "put_keys", lines);
    lines = gen_list(a);
    push(a, lines, csvc_arena_printf(a, "req.n_%s = 101;", keys));
    push(a, lines, csvc_arena_printf(a, "req.%s = ids;", keys));
    gen_set(a, test, "put_many", lines);
}

/* Assertions that two rows have the same plain values. */
static gen_value *same_rows(csvc_arena *a, const gen_entity *entity, const char *one,
                            const char *other)
{
    gen_value *lines = gen_list(a);

    for (size_t i = 0; i < entity->n_columns; i++) {
        if (is_filled(&entity->columns[i])) {
            push_same(a, lines, entity->columns[i].field, one, entity->columns[i].field, other);
        }
    }
    return lines;
}

static void set_mask(csvc_arena *a, gen_value *test, const gen_crud *crud)
{
    gen_value *lines = gen_list(a);
    const gen_message *mask = crud->mask_field->message;

    gen_put_field(a, lines, "req.", crud->mask_field, "&mask");
    gen_set_text(a, test, "mask_type", mask->c_type);
    gen_set_text(a, test, "mask_init", csvc_arena_printf(a, "%s__INIT", mask->c_upper));
    gen_set(a, test, "put_mask", lines);
    gen_set_text(a, test, "key_path", crud->entity->key->field->name);
    gen_set(a, test, "unchanged", same_rows(a, crud->entity, "after->", "stored->"));
}

/* How good and bad requests of a create or update are made. */
static void set_request(csvc_arena *a, gen_value *test, const gen_crud *crud, const char *row)
{
    const char *of = crud->entity_field != NULL ? csvc_arena_printf(a, "%s.", row) : "req.";

    set_filler(a, test, "request", fill_request(a, crud));
    gen_set_truth(a, test, "whole", crud->entity_field != NULL);
    gen_set(a, test, "prepare", prepare(a, crud, row, "1"));
    gen_set(a, test, "prepare_other", prepare(a, crud, row, "2"));
    gen_set(a, test, "required", spoilt(a, crud, of, CSVC_COLUMN_REQUIRED));
    gen_set(a, test, "unique", spoilt(a, crud, of, CSVC_COLUMN_UNIQUE));
}

/* ---- which tests there are ---- */

static void push_if(csvc_arena *a, gen_value *tests, bool there, const char *name)
{
    const char *items[] = {name, "service_testing_start", "service_testing_stop"};

    if (there) {
        push(a, tests, gen_layout(a, 8, "cmocka_unit_test_setup_teardown(", items, 3, "),"));
    }
}

static void set_tests(csvc_arena *a, gen_value *test, const gen_crud *crud, bool rows_can_be)
{
    gen_value *tests = gen_list(a);
    bool flat = crud->entity_field == NULL && !crud->request_is_entity;
    bool create = crud->role == GEN_CRUD_CREATE;
    bool unique = create && gen_length(gen_get(test, "unique")) > 0;
    bool keyed = crud->role == GEN_CRUD_GET || crud->role == GEN_CRUD_UPDATE ||
                 crud->role == GEN_CRUD_DELETE;
    bool list = crud->role == GEN_CRUD_LIST;
    bool mask = crud->role == GEN_CRUD_UPDATE && crud->mask_field != NULL;

    if (crud->role == GEN_CRUD_CREATE) {
        push_if(a, tests, rows_can_be, "stores_one");
        push_if(a, tests, rows_can_be && gen_length(gen_get(test, "required")) > 0,
                "needs_what_is_required");
        push_if(a, tests, rows_can_be && unique, "refuses_what_is_taken");
        push_if(a, tests, !rows_can_be, "refuses_an_empty_one");
    }
    push_if(a, tests, crud->role == GEN_CRUD_GET && rows_can_be, "reads_one");
    push_if(a, tests, crud->role == GEN_CRUD_UPDATE && rows_can_be, "changes_one");
    push_if(a, tests, mask && rows_can_be, "changes_what_the_mask_names");
    push_if(a, tests, mask && rows_can_be, "refuses_a_mask_with_an_unknown_path");
    push_if(a, tests, crud->role == GEN_CRUD_DELETE && rows_can_be, "removes_one");
    push_if(a, tests, keyed && (rows_can_be || crud->role != GEN_CRUD_UPDATE),
            "does_not_find_one_that_is_not_there");
    push_if(a, tests, keyed && rows_can_be, "refuses_a_bad_key");
    push_if(a, tests, list && rows_can_be, "lists_all");
    push_if(a, tests, list && !rows_can_be, "lists_none");
    push_if(a, tests, list && rows_can_be && gen_length(gen_get(test, "second")) > 0, "pages");
    push_if(a, tests, list && rows_can_be && gen_length(gen_get(test, "next")) > 0,
            "goes_on_behind_a_page");
    push_if(a, tests, list && rows_can_be && gen_length(gen_get(test, "found")) > 0,
            "finds_by_keyword");
    push_if(a, tests, crud->role == GEN_CRUD_STREAM && rows_can_be, "streams_all");
    push_if(a, tests, crud->role == GEN_CRUD_STREAM && !rows_can_be, "streams_none");
    push_if(a, tests, crud->role == GEN_CRUD_BATCH_GET && rows_can_be, "reads_several");
    push_if(a, tests, crud->role == GEN_CRUD_BATCH_GET, "refuses_too_many");
    gen_set(a, test, "tests", tests);
    gen_set_truth(a, test, "stores_rows", rows_can_be && !create);
    gen_set_truth(a, test, "fills_rows", rows_can_be && (!create || !flat));
    gen_set_truth(a, test, "uses_text",
                  crud->role == GEN_CRUD_CREATE && gen_length(gen_get(test, "required")) > 0);
}

/* Lines that names may make too long for one. */
static void set_layouts(csvc_arena *a, gen_value *test, const gen_rpc *rpc, const char *row)
{
    const gen_entity *entity = rpc->crud->entity;
    const char *key = entity->key->field->c_name;
    const char *row_items[] = {"struct service_testing *t",
                               csvc_arena_printf(a, "%s *%s", entity->message->c_type, row),
                               "unsigned n"};
    const char *req_items[] = {"struct service_testing *t",
                               csvc_arena_printf(a, "%s *req", rpc->request->c_type), "unsigned n"};
    const char *put[] = {
        "CSVC_OK",
        csvc_arena_printf(a, "%s_create(t->svc.db, t->ctx, &%s, &stored)", entity->prefix, row)};
    const char *again[] = {
        "CSVC_NOT_FOUND",
        csvc_arena_printf(a, "%s_get(t->svc.db, t->ctx, stored->%s, &again)", entity->prefix, key)};
    const char *after[] = {
        "CSVC_OK",
        csvc_arena_printf(a, "%s_get(t->svc.db, t->ctx, stored->%s, &after)", entity->prefix, key)};
    bool ok = row_items[1] != NULL && req_items[1] != NULL && put[1] != NULL && again[1] != NULL &&
              after[1] != NULL;

    gen_set_text(a, test, "fill_row_head",
                 ok ? gen_layout(a, 0, "static void fill_row(", row_items, 3, ")") : NULL);
    gen_set_text(a, test, "fill_request_head",
                 ok ? gen_layout(a, 0, "static void fill_request(", req_items, 3, ")") : NULL);
    gen_set_text(a, test, "put_call", ok ? gen_layout(a, 4, "assert_code(", put, 2, ");") : NULL);
    gen_set_text(a, test, "again_call",
                 ok ? gen_layout(a, 4, "assert_code(", again, 2, ");") : NULL);
    gen_set_text(a, test, "after_call",
                 ok ? gen_layout(a, 4, "assert_code(", after, 2, ");") : NULL);
}

void gen_scope_crud_test(csvc_arena *a, gen_value *scope, const gen_rpc *rpc)
{
    const gen_crud *crud = rpc->crud;
    const char *row = gen_row_name(a, crud->entity);
    const char *reply = crud->reply_is_entity ? "rsp->"
                        : crud->reply_field != NULL
                            ? csvc_arena_printf(a, "rsp->%s->", crud->reply_field->c_name)
                            : "";
    const char *sent = crud->entity_field != NULL ? csvc_arena_printf(a, "%s.", row) : "req.";
    bool flat = crud->entity_field == NULL && !crud->request_is_entity;
    gen_value *test = gen_object(a);
    gen_value *empty = gen_list(a);
    bool rows_can_be = can_sample(a, crud->entity);
    bool writes = crud->role == GEN_CRUD_CREATE || crud->role == GEN_CRUD_UPDATE;
    gen_value *row_is_there = gen_list(a);

    gen_set_truth(a, test, "rows_can_be", rows_can_be);
    gen_set_truth(a, test, "flat", flat && writes);
    set_filler(a, test, "row", fill_row(a, crud->entity, csvc_arena_printf(a, "%s->", row)));
    gen_set_truth(a, test, "replies_row", reply == NULL || *reply != '\0');
    gen_set_text(a, test, "success",
                 crud->success_field != NULL ? crud->success_field->c_name : "");
    gen_set_text(a, test, "key", crud->entity->key->field->c_name);
    gen_set_text(a, test, "init_request", gen_init_statement(a, rpc->request, "req"));
    gen_set_truth(a, test, "mask", crud->role == GEN_CRUD_UPDATE && crud->mask_field != NULL);
    if (crud->reply_field != NULL) {
        push(a, row_is_there,
             csvc_arena_printf(a, "assert_non_null(rsp->%s);", crud->reply_field->c_name));
    }
    gen_set(a, test, "row_is_there", row_is_there);
    if (reply != NULL && *reply != '\0' && sent != NULL) {
        gen_value *lines =
            writes ? same(a, crud, reply, sent, false) : same(a, crud, reply, "stored->", true);

        push_made(a, lines, crud->entity, reply);
        gen_set(a, test, "same", lines);
    } else {
        gen_set(a, test, "same", empty);
    }
    switch (crud->role) {
    case GEN_CRUD_CREATE:
        set_request(a, test, crud, row);
        break;
    case GEN_CRUD_UPDATE:
        set_request(a, test, crud, row);
        set_keys(a, test, crud, row);
        if (crud->mask_field != NULL) {
            set_mask(a, test, crud);
        }
        break;
    case GEN_CRUD_GET:
    case GEN_CRUD_DELETE:
        set_keys(a, test, crud, row);
        break;
    case GEN_CRUD_LIST:
        set_list(a, test, crud);
        break;
    case GEN_CRUD_BATCH_GET:
        set_batch(a, test, crud);
        break;
    case GEN_CRUD_STREAM:
        break;
    }
    set_layouts(a, test, rpc, row);
    set_tests(a, test, crud, rows_can_be);
    gen_set(a, scope, "test", test);
}
