/* scope/crud.c: handlers as templates see them: what an rpc does with the store, in C. */
#include "scope/crud.h"
#include "scope/parts.h"

#include <string.h>

#include "names/names.h"

#include "base/banned.h"

enum {
    INDENT = 4 /* of a handler's statements */
};

static void push(csvc_arena *a, gen_value *list, const char *text)
{
    gen_push(a, list, gen_text(a, text));
}

/* order_item -> order item */
static const char *words_of(csvc_arena *a, const char *name)
{
    char *words = csvc_arena_strdup(a, name);

    for (size_t i = 0; words != NULL && words[i] != '\0'; i++) {
        words[i] = words[i] == '_' ? ' ' : words[i];
    }
    return words;
}

/* ---- pieces ---- */

/* if (condition) { lines }; without a condition just the lines */
static void push_step(csvc_arena *a, gen_value *steps, const char *condition, gen_value *lines)
{
    gen_value *step = gen_object(a);

    gen_set_text(a, step, "condition", condition);
    gen_set(a, step, "lines", lines);
    gen_push(a, steps, step);
}

static gen_value *refusals(csvc_arena *a, const gen_crud *crud)
{
    gen_value *list = gen_list(a);

    for (size_t i = 0; i < crud->n_refused; i++) {
        gen_value *check = gen_object(a);

        gen_set_text(a, check, "condition", gen_nonzero(a, "req->", crud->refused[i]));
        gen_set_text(a, check, "name", crud->refused[i]->name);
        gen_push(a, list, check);
    }
    return list;
}

static gen_value *ignored(csvc_arena *a, const gen_crud *crud)
{
    gen_value *list = gen_list(a);

    for (size_t i = 0; i < crud->n_ignored; i++) {
        push(a, list,
             gen_layout_comment(a, INDENT,
                                csvc_arena_printf(a, "%s has no column: what comes in it is yours",
                                                  crud->ignored[i]->name)));
    }
    return list;
}

/* An entity's column set that one assignment is about: its oneof's members change together. */
static const char *bits_of(csvc_arena *a, const gen_entity *entity, const gen_column *column)
{
    const gen_oneof *oneof = column->field->oneof;
    const char *bits = gen_column_constant(a, entity, column);

    for (size_t i = 0; oneof != NULL && !oneof->synthetic && i < entity->n_columns; i++) {
        const gen_column *other = &entity->columns[i];

        if (other != column && other->field->oneof == oneof) {
            const char *bit = gen_column_constant(a, entity, other);

            bits = bits != NULL && bit != NULL ? csvc_arena_printf(a, "%s | %s", bits, bit) : NULL;
        }
    }
    return bits;
}

/* Request fields into the row; for an update, absent ones are left alone. */
static gen_value *assignments(csvc_arena *a, const gen_crud *crud, const char *of)
{
    bool notes_set = crud->role == GEN_CRUD_UPDATE && crud->mask_field == NULL;
    gen_value *steps = gen_list(a);
    gen_value *plain = gen_list(a);

    if (crud->role == GEN_CRUD_UPDATE && crud->key_field != NULL) {
        gen_copy_field(a, plain, of, crud->entity->key->field, "req->", crud->key_field);
    }
    for (size_t i = 0; i < crud->n_assigns; i++) {
        const gen_assign *assign = &crud->assigns[i];
        const char *given = gen_given(a, "req->", assign->from);
        bool always = given != NULL && *given == '\0';
        gen_value *lines = always ? plain : gen_list(a);

        gen_copy_field(a, lines, of, assign->to->field, "req->", assign->from);
        if (!always) {
            const char *bits = notes_set ? bits_of(a, crud->entity, assign->to) : NULL;

            if (notes_set) {
                push(a, lines, bits != NULL ? csvc_arena_printf(a, "set |= %s;", bits) : NULL);
            }
            push_step(a, steps, given, lines);
        }
    }
    if (gen_length(plain) > 0) {
        gen_value *all = gen_list(a);

        push_step(a, all, "", plain);
        for (size_t i = 0; i < gen_length(steps); i++) {
            gen_push(a, all, (gen_value *)gen_item(steps, i));
        }
        return all;
    }
    return steps;
}

/* Words with blanks between them, wrapped below the first one, which stands behind `head`. */
static const char *join(csvc_arena *a, const char *head, const char *const *items, size_t n)
{
    size_t indent = strlen(head);
    size_t column = INDENT + indent;
    const char *text = "";

    for (size_t i = 0; i < n && text != NULL; i++) {
        size_t len = strlen(items[i]);

        if (i > 0 && column + 1 + len + 1 > GEN_COLUMNS) {
            text = csvc_arena_printf(a, "%s\n%*s%s", text, (int)indent, "", items[i]);
            column = INDENT + indent + len;
        } else {
            text = csvc_arena_printf(a, "%s%s%s", text, i > 0 ? " " : "", items[i]);
            column += len + (i > 0 ? 1 : 0);
        }
    }
    return text;
}

/* The columns that an update field by field always sets, or may set at all. */
static const char *update_set(csvc_arena *a, const gen_crud *crud, bool fixed)
{
    const char *items[64];
    bool all = crud->mask_field != NULL;
    size_t n = 0;

    for (size_t i = 0; i < crud->n_assigns && n < 64; i++) {
        const char *given = gen_given(a, "req->", crud->assigns[i].from);

        if (given == NULL) {
            return NULL;
        }
        if (all || *given == '\0') {
            items[n] = bits_of(a, crud->entity, crud->assigns[i].to);
            if (items[n] == NULL) {
                return NULL;
            }
            n++;
        }
    }
    if (n == 0) {
        return "0";
    }
    for (size_t i = 0; i + 1 < n; i++) { /* the operator ends the line where it has to wrap */
        items[i] = csvc_arena_printf(a, "%s |", items[i]);
        if (items[i] == NULL) {
            return NULL;
        }
    }
    return join(a, fixed ? "const csvc_column_set set = " : "csvc_column_set set = ", items, n);
}

/* What is done with the reply once the store has answered with `stored`. */
static gen_value *answer(csvc_arena *a, const gen_crud *crud, bool direct_field)
{
    gen_value *lines = gen_list(a);

    if (crud->reply_is_entity) {
        push(a, lines, "*rsp = *stored;");
    }
    if (crud->reply_field != NULL && !direct_field) {
        gen_put_field(a, lines, "rsp->", crud->reply_field, "stored");
    }
    if (crud->reply_key_field != NULL) {
        gen_put_field(a, lines, "rsp->", crud->reply_key_field,
                      csvc_arena_printf(a, "stored->%s", crud->entity->key->field->c_name));
    }
    if (crud->success_field != NULL) {
        gen_put_field(a, lines, "rsp->", crud->success_field, "true");
    }
    return lines;
}

/* ---- a handler ---- */

/* The call of the store, behind `return` or into `code`. */
static void set_call(csvc_arena *a, gen_value *scope, const gen_crud *crud, const char *function,
                     const char *const *items, size_t n_items)
{
    const char *name = csvc_arena_printf(a, "%s_%s(", crud->entity->prefix, function);
    const char *ret = name != NULL ? csvc_arena_printf(a, "return %s", name) : NULL;
    const char *code = name != NULL ? csvc_arena_printf(a, "code = %s", name) : NULL;
    const char *decl = name != NULL ? csvc_arena_printf(a, "csvc_code code = %s", name) : NULL;
    bool ok = ret != NULL && code != NULL && decl != NULL;

    for (size_t i = 0; i < n_items; i++) {
        ok = ok && items[i] != NULL;
    }
    gen_set_text(a, scope, "call_return",
                 ok ? gen_layout(a, INDENT, ret, items, n_items, ");") : NULL);
    gen_set_text(a, scope, "call_code",
                 ok ? gen_layout(a, INDENT, code, items, n_items, ");") : NULL);
    gen_set_text(a, scope, "call_declared",
                 ok ? gen_layout(a, INDENT, decl, items, n_items, ");") : NULL);
}

static const char *member(csvc_arena *a, const char *of, const gen_field *field)
{
    return field != NULL ? csvc_arena_printf(a, "%s%s", of, field->c_name) : "";
}

/* Whether the key beside the entity is the end of its name after aip.dev: book_id of a create. */
static bool ends_a_name(const gen_crud *crud)
{
    return crud->entity->key_prefix != NULL && crud->role == GEN_CRUD_CREATE &&
           crud->entity_field != NULL && crud->key_field != NULL &&
           strcmp(crud->key_field->name, crud->entity->key->field->name) != 0;
}

/* The key that comes beside the entity, into the copy of it. */
static void push_key(csvc_arena *a, gen_value *lines, const gen_crud *crud, const char *row)
{
    const gen_field *key = crud->entity->key->field;
    const char *prefix = crud->entity->key_prefix;
    const char *of = csvc_arena_printf(a, "%s.", row);
    const char *refusal[] = {"ctx", "CSVC_INVALID_ARGUMENT", NULL};

    if (!ends_a_name(crud)) {
        gen_copy_field(a, lines, of, key, "req->", crud->key_field);
        return;
    }
    /* get, update and delete know names of one segment behind the collection */
    push(a, lines,
         csvc_arena_printf(a, "if (strchr(req->%s, '/') != NULL) {", crud->key_field->c_name));
    refusal[2] = csvc_arena_printf(a, "\"%s: no / may stand in it\"", crud->key_field->name);
    push(a, lines,
         refusal[2] != NULL ? gen_layout(a, 8, "    return csvc_fail(", refusal, 3, ");") : NULL);
    push(a, lines, "}");
    gen_put_field(a, lines, of, key,
                  csvc_arena_printf(a, "csvc_printf(ctx, \"%s%%s\", req->%s)", prefix,
                                    crud->key_field->c_name));
    push(a, lines, csvc_arena_printf(a, "if (%s.%s == NULL) {", row, key->c_name));
    push(a, lines, "    return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, \"out of memory\");");
    push(a, lines, "}");
}

/* Where the row to be stored comes from: a local, or the request as it is. */
static void set_source(csvc_arena *a, gen_value *scope, const gen_crud *crud, const char *row,
                       const char **ret_source)
{
    bool whole = crud->entity_field != NULL;
    bool copied = whole && crud->key_field != NULL;
    gen_value *key = gen_list(a);
    const char *given = copied ? gen_nonzero(a, "req->", crud->key_field) : "";

    if (copied) {
        push_key(a, key, crud, row);
    }
    gen_set_truth(a, scope, "whole", whole);
    gen_set_truth(a, scope, "copied", copied);
    gen_set_truth(a, scope, "ends_a_name", ends_a_name(crud));
    gen_set_truth(a, scope, "flat", !whole && !crud->request_is_entity);
    gen_set_text(a, scope, "whole_field", member(a, "req->", crud->entity_field));
    gen_set_text(a, scope, "whole_name", whole ? crud->entity_field->name : "");
    gen_set(a, scope, "copy_key", key);
    gen_set_text(a, scope, "copy_key_given", given);
    *ret_source = copied                    ? csvc_arena_printf(a, "&%s", row)
                  : whole                   ? member(a, "req->", crud->entity_field)
                  : crud->request_is_entity ? "req"
                                            : csvc_arena_printf(a, "&%s", row);
}

/* Which variables the handler declares. */
static void set_locals(csvc_arena *a, gen_value *scope, const gen_crud *crud, bool stored,
                       bool answers)
{
    bool whole = crud->entity_field != NULL;
    bool row = whole ? crud->key_field != NULL : !crud->request_is_entity;
    bool code = answers || (crud->role == GEN_CRUD_UPDATE && crud->mask_field != NULL);
    bool reads_first =
        crud->role == GEN_CRUD_DELETE && (crud->reply_is_entity || crud->reply_field != NULL);
    bool declares; /* the call of the store is the first statement */

    if (crud->role == GEN_CRUD_GET || crud->role == GEN_CRUD_DELETE) {
        row = false;
    }
    stored = crud->role == GEN_CRUD_DELETE ? reads_first : stored;
    declares = answers && crud->n_refused == 0 && !row && !reads_first &&
               crud->role != GEN_CRUD_UPDATE && !whole;
    code = code && !declares;
    gen_set_truth(a, scope, "reads_first", reads_first);
    gen_set_truth(a, scope, "stored", stored);
    gen_set_truth(a, scope, "has_code", code);
    gen_set_truth(a, scope, "declares", declares);
    gen_set_truth(a, scope, "has_locals", !declares && (row || stored || code));
}

static void set_update(csvc_arena *a, gen_value *scope, const gen_crud *crud, const char *source)
{
    const char *table = csvc_arena_printf(a, "&%s_entity", crud->entity->prefix);
    const char *mask = crud->mask_field != NULL ? member(a, "req->", crud->mask_field) : "";
    bool flat = crud->entity_field == NULL && !crud->request_is_entity;
    const char *items[] = {"ctx", table, source, flat ? "set" : "CSVC_ALL_COLUMNS", mask, "&set"};
    bool fixed = crud->mask_field == NULL;

    for (size_t i = 0; i < crud->n_assigns; i++) {
        const char *given = gen_given(a, "req->", crud->assigns[i].from);

        fixed = fixed && given != NULL && *given == '\0';
    }
    gen_set_truth(a, scope, "mask", crud->mask_field != NULL);
    gen_set_text(a, scope, "set", update_set(a, crud, fixed));
    gen_set_truth(a, scope, "set_fixed", fixed);
    gen_set_text(a, scope, "call_mask",
                 table != NULL && source != NULL && mask != NULL
                     ? gen_layout(a, INDENT, "code = csvc_store_mask(", items, 6, ");")
                     : NULL);
}

static void set_one_row(csvc_arena *a, gen_value *scope, const gen_crud *crud)
{
    static const char *const functions[] = {[GEN_CRUD_CREATE] = "create",
                                            [GEN_CRUD_GET] = "get",
                                            [GEN_CRUD_UPDATE] = "update",
                                            [GEN_CRUD_DELETE] = "delete"};
    const char *row = gen_row_name(a, crud->entity);
    const char *of = row != NULL ? csvc_arena_printf(a, "%s.", row) : NULL;
    bool gives_row = crud->role != GEN_CRUD_DELETE;
    bool direct =
        gives_row && crud->reply_field != NULL && crud->reply_field->label != CSVC_LABEL_ONEOF;
    gen_value *lines = answer(a, crud, direct);
    const char *target =
        direct ? csvc_arena_printf(a, "&rsp->%s", crud->reply_field->c_name) : "&stored";
    const char *items[6] = {"svc->db", "ctx"};
    size_t n = 2;

    if (crud->role == GEN_CRUD_GET || crud->role == GEN_CRUD_DELETE) {
        items[n++] = member(a, "req->", crud->key_field);
    } else {
        set_source(a, scope, crud, row, &items[n++]);
        gen_set(a, scope, "steps", assignments(a, crud, of != NULL ? of : ""));
    }
    if (crud->role == GEN_CRUD_UPDATE) {
        items[n++] = "set";
    }
    if (gives_row) {
        items[n++] = target;
    }
    set_call(a, scope, crud, functions[crud->role], items, n);
    gen_set_text(a, scope, "key", member(a, "req->", crud->key_field));
    gen_set_text(a, scope, "source", items[2]);
    gen_set_truth(a, scope, "unused_reply", !direct && gen_length(lines) == 0);
    gen_set_truth(a, scope, "answers", gen_length(lines) > 0);
    gen_set(a, scope, "answer", lines);
    set_locals(a, scope, crud, !direct, gen_length(lines) > 0);
    if (crud->role == GEN_CRUD_UPDATE) {
        set_update(a, scope, crud, items[2]);
    }
}

static gen_value *page_members(csvc_arena *a, const gen_crud *crud)
{
    const struct {
        const char *name;
        const gen_field *field;
    } members[] = {{"page", crud->page_field},
                   {"page_size", crud->page_size_field},
                   {"page_token", crud->page_token_field},
                   {"keyword", crud->keyword_field}};
    gen_value *list = gen_list(a);

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].field != NULL) {
            push(a, list,
                 csvc_arena_printf(a, ".%s = req->%s", members[i].name, members[i].field->c_name));
        }
    }
    if (crud->total_field != NULL) {
        push(a, list, ".want_total = true");
    }
    return list;
}

/* {CSVC_STORE_PAGE_INIT, .page = req->page, ...} */
static const char *page_text(csvc_arena *a, const gen_value *members)
{
    const char *items[8] = {"CSVC_STORE_PAGE_INIT"};
    size_t n = 1;

    for (size_t i = 0; i < gen_length(members) && n < 8; i++) {
        items[n++] = gen_value_text(gen_item(members, i));
    }
    return gen_layout(a, INDENT, "csvc_store_page page = {", items, n, "};");
}

static void set_rows(csvc_arena *a, gen_value *lines, const gen_crud *crud)
{
    const char *rows = crud->rows_field->c_name;

    push(a, lines, csvc_arena_printf(a, "rsp->n_%s = rows.n_rows;", rows));
    push(a, lines, csvc_arena_printf(a, "rsp->%s = rows.rows;", rows));
    if (crud->total_field != NULL) {
        bool wide = strcmp(crud->total_field->c_type, "int64_t") == 0;

        gen_put_field(a, lines, "rsp->", crud->total_field,
                      wide ? "rows.total"
                           : csvc_arena_printf(a, "(%s)rows.total", crud->total_field->c_type));
    }
    if (crud->next_token_field != NULL) {
        gen_put_field(a, lines, "rsp->", crud->next_token_field, "rows.next_page_token");
    }
    if (crud->success_field != NULL) {
        gen_put_field(a, lines, "rsp->", crud->success_field, "true");
    }
}

/* A list whose request says nothing of pages wants all rows. */
static bool is_unpaged(const gen_crud *crud)
{
    return crud->role == GEN_CRUD_LIST && crud->page_field == NULL &&
           crud->page_size_field == NULL && crud->page_token_field == NULL;
}

/* What rows have to match. */
static gen_value *filters_of(csvc_arena *a, const gen_crud *crud)
{
    gen_value *filters = gen_list(a);

    for (size_t i = 0; i < crud->n_assigns; i++) {
        const gen_assign *assign = &crud->assigns[i];
        const char *bit = gen_column_constant(a, crud->entity, assign->to);
        gen_value *set = gen_list(a);

        gen_copy_field(a, set, "match.", assign->to->field, "req->", assign->from);
        push(a, set, bit != NULL ? csvc_arena_printf(a, "page.match_set |= %s;", bit) : NULL);
        push_step(a, filters, gen_nonzero(a, "req->", assign->from), set);
    }
    return filters;
}

/* A row a message: what is sent is the row, or holds it. */
static void set_stream(csvc_arena *a, gen_value *scope, const gen_rpc *rpc)
{
    const gen_crud *crud = rpc->crud;
    const char *row = gen_row_name(a, crud->entity);
    const char *items[] = {"out", crud->reply_is_entity ? row : "&rsp"};
    const char *head =
        csvc_arena_printf(a, "code = %s_%s_send(", rpc->service->prefix, rpc->c_name);
    gen_value *members = page_members(a, crud);
    gen_value *fill = gen_list(a);

    if (!crud->reply_is_entity) {
        gen_put_field(a, fill, "rsp.", crud->reply_field,
                      csvc_arena_printf(a, "(%s *)%s", crud->entity->message->c_type, row));
    }
    gen_set_text(a, scope, "page", page_text(a, members));
    gen_set_truth(a, scope, "unused_request",
                  crud->n_assigns == 0 && crud->n_refused == 0 && gen_length(members) == 0);
    gen_set_text(a, scope, "init_match", gen_init_statement(a, crud->entity->message, "match"));
    gen_set_text(a, scope, "init_reply",
                 crud->reply_is_entity ? "" : gen_init_statement(a, rpc->reply, "rsp"));
    gen_set(a, scope, "filters", filters_of(a, crud));
    gen_set(a, scope, "fill", fill);
    gen_set_text(a, scope, "call_send",
                 head != NULL && row != NULL ? gen_layout(a, 2 * INDENT, head, items, 2, ");")
                                             : NULL);
}

static void set_list(csvc_arena *a, gen_value *scope, const gen_crud *crud)
{
    const char *paged_items[] = {"svc->db", "ctx", "&page", "&rows"};
    const char *all_items[] = {"svc->db", "ctx", "&page", "MAX_ROWS", "&rows"};
    gen_value *members = page_members(a, crud);
    gen_value *filters = filters_of(a, crud);
    gen_value *lines = gen_list(a);
    bool unused;

    set_rows(a, lines, crud);
    if (is_unpaged(crud)) {
        set_call(a, scope, crud, "list_all", all_items, 5);
    } else {
        set_call(a, scope, crud, "list", paged_items, 4);
    }
    gen_set_text(a, scope, "page", page_text(a, members));
    unused = crud->n_assigns == 0 && crud->n_refused == 0 &&
             gen_length(members) == (crud->total_field != NULL ? 1U : 0U);
    gen_set_truth(a, scope, "unused_request", unused);
    gen_set_truth(a, scope, "declares", !unused && crud->n_assigns == 0 && crud->n_refused == 0);
    gen_set_text(a, scope, "init_match", gen_init_statement(a, crud->entity->message, "match"));
    gen_set(a, scope, "filters", filters);
    gen_set(a, scope, "answer", lines);
}

static void set_batch(csvc_arena *a, gen_value *scope, const gen_crud *crud)
{
    const char *rows = crud->rows_field->c_name;
    const char *keys = crud->keys_field->c_name;
    const char *one = csvc_arena_printf(a, "req->%s[i]", keys);
    const char *ret = csvc_arena_printf(a, "&rsp->%s[rsp->n_%s]", rows, rows);
    const char *items[] = {"svc->db", "ctx", one, ret};
    const char *head = csvc_arena_printf(a, "csvc_code code = %s_get(", crud->entity->prefix);
    bool ok = one != NULL && ret != NULL && head != NULL;
    gen_value *lines = gen_list(a);

    if (crud->success_field != NULL) {
        gen_put_field(a, lines, "rsp->", crud->success_field, "true");
    }
    gen_set(a, scope, "answer", lines);
    gen_set_text(a, scope, "keys", keys);
    gen_set_text(a, scope, "keys_name", crud->keys_field->name);
    gen_set_text(a, scope, "rows", rows);
    gen_set_text(a, scope, "call_one", ok ? gen_layout(a, INDENT * 2, head, items, 4, ");") : NULL);
}

static gen_value *scope_crud(csvc_arena *a, const gen_rpc *rpc)
{
    const gen_crud *crud = rpc->crud;
    const gen_entity *entity = crud->entity;
    const char *row = gen_row_name(a, entity);
    gen_value *scope = gen_object(a);

    gen_set_text(a, scope, "store", entity->prefix);
    gen_set_text(a, scope, "table", csvc_arena_printf(a, "%s_entity", entity->prefix));
    gen_set_text(a, scope, "type", entity->message->c_type);
    gen_set_text(a, scope, "row", row);
    gen_set_text(a, scope, "init_row", gen_init_statement(a, entity->message, row));
    gen_set(a, scope, "refused", refusals(a, crud));
    gen_set(a, scope, "ignored", ignored(a, crud));
    switch (crud->role) {
    case GEN_CRUD_CREATE:
    case GEN_CRUD_GET:
    case GEN_CRUD_UPDATE:
    case GEN_CRUD_DELETE:
        set_one_row(a, scope, crud);
        break;
    case GEN_CRUD_LIST:
        set_list(a, scope, crud);
        break;
    case GEN_CRUD_BATCH_GET:
        set_batch(a, scope, crud);
        break;
    case GEN_CRUD_STREAM:
        set_stream(a, scope, rpc);
        break;
    }
    gen_scope_crud_test(a, scope, rpc);
    return scope;
}

/* What the handler does, in words. */
static const char *what_it_does(csvc_arena *a, const gen_crud *crud)
{
    bool many = crud->role == GEN_CRUD_LIST || crud->role == GEN_CRUD_BATCH_GET ||
                crud->role == GEN_CRUD_STREAM;
    const char *name = many ? gen_plural(a, crud->entity->name) : crud->entity->name;
    const char *words = name != NULL ? words_of(a, name) : NULL;

    if (words == NULL) {
        return NULL;
    }
    switch (crud->role) {
    case GEN_CRUD_CREATE:
        return csvc_arena_printf(a, "stores a new %s", words);
    case GEN_CRUD_GET:
        return csvc_arena_printf(a, "reads one %s", words);
    case GEN_CRUD_UPDATE:
        return csvc_arena_printf(a, "changes one %s", words);
    case GEN_CRUD_DELETE:
        return csvc_arena_printf(a, "removes one %s", words);
    case GEN_CRUD_LIST:
        return csvc_arena_printf(a, "lists %s", words);
    case GEN_CRUD_BATCH_GET:
        return csvc_arena_printf(a, "reads several %s", words);
    case GEN_CRUD_STREAM:
        return csvc_arena_printf(a, "streams %s", words);
    }
    return "";
}

/* assert_code(CSVC_OK, PREFIX_client_RPC(...)); for each code that a test expects, and
 * code = PREFIX_client_RPC(...); for the others */
static void set_test_calls(csvc_arena *a, gen_value *scope, const gen_rpc *rpc)
{
    static const struct {
        const char *name, *code;
    } codes[] = {{"ok", "CSVC_OK"},
                 {"not_found", "CSVC_NOT_FOUND"},
                 {"invalid", "CSVC_INVALID_ARGUMENT"},
                 {"taken", "CSVC_ALREADY_EXISTS"}};
    static const char *const arguments[] = {"t->channel", "&t->rpc", "&req", "&rsp"};
    gen_value *calls = gen_object(a);
    const char *call = csvc_arena_printf(a, "%s_client_%s(t->channel, &t->rpc, &req, &rsp)",
                                         rpc->service->prefix, rpc->c_name);

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        const char *items[] = {codes[i].code, call};

        gen_set_text(a, calls, codes[i].name,
                     call != NULL ? gen_layout(a, INDENT, "assert_code(", items, 2, ");") : NULL);
    }
    call = csvc_arena_printf(a, "code = %s_client_%s(", rpc->service->prefix, rpc->c_name);
    gen_set_text(a, calls, "into_code",
                 call != NULL ? gen_layout(a, INDENT, call, arguments, 4, ");") : NULL);
    gen_set(a, scope, "call", calls);
}

/* What a stub says to whoever fills it. */
static const char *to_write(csvc_arena *a, const gen_rpc *rpc)
{
    return gen_layout_comment(
        a, INDENT,
        csvc_arena_printf(a,
                          "Yours to write. tests/%s/%s_test.c expects UNIMPLEMENTED until then: "
                          "replace that test by what this does.",
                          rpc->service->prefix, rpc->c_name));
}

gen_value *gen_scope_handler(csvc_arena *a, const gen_model *model, const gen_rpc *rpc)
{
    static const struct {
        const char *name;
        gen_crud_role role;
    } roles[] = {{"create", GEN_CRUD_CREATE}, {"get", GEN_CRUD_GET},
                 {"update", GEN_CRUD_UPDATE}, {"delete", GEN_CRUD_DELETE},
                 {"list", GEN_CRUD_LIST},     {"batch_get", GEN_CRUD_BATCH_GET},
                 {"stream", GEN_CRUD_STREAM}};
    const char *what = rpc->crud != NULL ? what_it_does(a, rpc->crud) : "not written yet";
    gen_value *scope = gen_object(a);

    (void)model;
    gen_set(a, scope, "rpc", gen_scope_rpc(a, rpc));
    gen_set_text(
        a, scope, "title",
        gen_layout_comment(a, 0,
                           what != NULL
                               ? csvc_arena_printf(a, "%s: %s. Yours: c-svc wrote this file once.",
                                                   rpc->name, what)
                               : NULL));
    gen_set_text(a, scope, "test_title",
                 gen_layout_comment(a, 0,
                                    csvc_arena_printf(a,
                                                      "%s, called as a client calls it. Yours: "
                                                      "c-svc wrote this file once.",
                                                      rpc->name)));
    gen_set_text(a, scope, "comment", gen_layout_comment(a, 0, gen_comment_of(a, rpc->comments)));
    gen_set_truth(a, scope, "todo", rpc->crud == NULL);
    gen_set_truth(a, scope, "unpaged", false);
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        gen_set_truth(a, scope, roles[i].name,
                      rpc->crud != NULL && rpc->crud->role == roles[i].role);
    }
    set_test_calls(a, scope, rpc);
    gen_set_text(a, scope, "handler_path",
                 csvc_arena_printf(a, "server/%s/%s.c", rpc->service->prefix, rpc->c_name));
    gen_set_text(a, scope, "to_write", to_write(a, rpc));
    if (rpc->crud != NULL) {
        gen_set(a, scope, "crud", scope_crud(a, rpc));
        gen_set_truth(a, scope, "unpaged", is_unpaged(rpc->crud));
    }
    return scope;
}
