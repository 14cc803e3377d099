/* infer/rpc.c: what an rpc does with an entity, by the shapes of its messages. */
#include "infer/steps.h"

#include <csvc/store.h>
#include <string.h>

#include "names/names.h"

#include "base/banned.h"

static const char *const page_names[] = {"page", "page_number", NULL};
static const char *const page_size_names[] = {"page_size", "limit", "per_page", NULL};
static const char *const page_token_names[] = {"page_token", NULL};
static const char *const keyword_names[] = {"keyword", "query", "search", "q", NULL};
static const char *const total_names[] = {"total", "total_count", "total_size", NULL};
static const char *const next_token_names[] = {"next_page_token", NULL};
static const char *const success_names[] = {"success", "ok", NULL};
static const char *const deleted_names[] = {"success", "ok", "deleted", NULL};

gen_field *gen_infer_field_of(const gen_message *in_message, const gen_message *type, bool repeated)
{
    gen_field *found = NULL;
    size_t i;

    for (i = 0; i < in_message->n_fields; i++) {
        gen_field *field = in_message->fields[i];

        if (field->kind == CSVC_KIND_MESSAGE && field->message == type &&
            gen_infer_many(field) == repeated && !gen_infer_in_oneof(field)) {
            if (found != NULL) {
                return NULL;
            }
            found = field;
        }
    }
    return found;
}

static gen_field *field_named(gen_inference *in, const gen_message *message,
                              const char *const *names)
{
    size_t i;

    for (; *names != NULL; names++) {
        const char *const one[] = {*names, NULL};

        for (i = 0; i < message->n_fields; i++) {
            if (gen_infer_named(in, message->fields[i]->name, one)) {
                return message->fields[i];
            }
        }
    }
    return NULL;
}

/* One value; `optional` may stand before it: absent, it reads as zero or NULL. */
static bool plain(const gen_field *field)
{
    return !gen_infer_many(field) && !gen_infer_in_oneof(field);
}

static gen_field *plain_named(gen_inference *in, const gen_message *message,
                              const char *const *names, csvc_kind kind)
{
    gen_field *field = field_named(in, message, names);

    return field != NULL && plain(field) && field->kind == kind ? field : NULL;
}

/* A whole number that a page or a total fits into. */
static gen_field *number_named(gen_inference *in, const gen_message *message,
                               const char *const *names)
{
    gen_field *field = field_named(in, message, names);

    if (field == NULL || !plain(field) || !gen_infer_key_kind(field) ||
        field->kind == CSVC_KIND_STRING) {
        return NULL;
    }
    return field;
}

gen_field *gen_infer_key_field(gen_inference *in, const gen_message *request,
                               const gen_message *message, const gen_field *key)
{
    const char *snake = gen_snake(in->a, message->name);
    const char *own = gen_infer_printf(in, "%s_id", snake != NULL ? snake : "");
    const char *key_words = gen_snake(in->a, key->name);
    const char *const names[] = {key_words != NULL ? key_words : "", own, "id", NULL};
    gen_field *field = field_named(in, request, names);

    if (field == NULL || !gen_infer_key_kind(field) || !gen_infer_same_type(field, key)) {
        return NULL;
    }
    return field;
}

static gen_field *keys_field(gen_inference *in, const gen_message *request,
                             const gen_entity *entity)
{
    const gen_field *key = entity->key->field;
    const char *snake = gen_snake(in->a, entity->message->name);
    const char *key_words = gen_snake(in->a, key->name);
    const char *own = gen_infer_printf(in, "%s_ids", snake != NULL ? snake : "");
    const char *many = gen_plural(in->a, key_words != NULL ? key_words : "");
    const char *const names[] = {"ids", own, many != NULL ? many : "", NULL};
    gen_field *field = field_named(in, request, names);

    if (field == NULL || !gen_infer_many(field) || (field->flags & CSVC_FIELD_MAP) != 0 ||
        field->kind == CSVC_KIND_MESSAGE || strcmp(field->c_type, key->c_type) != 0) {
        return NULL;
    }
    return field;
}

static gen_column *column_of(gen_inference *in, gen_entity *entity, const gen_field *field)
{
    size_t i;

    for (i = 0; i < entity->n_columns; i++) {
        if (gen_infer_same_name(in, field->name, entity->columns[i].field->name) &&
            gen_infer_same_type(field, entity->columns[i].field)) {
            return &entity->columns[i];
        }
    }
    return NULL;
}

/* What is made of one rpc, and which fields of its messages have found a use. */
typedef struct shape {
    gen_inference *in;
    const gen_rpc *rpc;
    gen_entity *entity;
    gen_crud *crud;
    const char *reason; /* why not; NULL: so far so good */
    gen_place place;    /* of what it is about */
} shape;

static void not_so(shape *s, const char *reason)
{
    if (s->reason == NULL) {
        s->reason = reason;
    }
}

static bool in_use(const gen_crud *crud, const gen_field *field)
{
    const gen_field *const used[] = {
        crud->entity_field, crud->key_field,        crud->keys_field,       crud->mask_field,
        crud->page_field,   crud->page_size_field,  crud->page_token_field, crud->keyword_field,
        crud->reply_field,  crud->reply_key_field,  crud->success_field,    crud->rows_field,
        crud->total_field,  crud->next_token_field,
    };
    size_t i;

    for (i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
        if (used[i] == field) {
            return true;
        }
    }
    for (i = 0; i < crud->n_assigns; i++) {
        if (crud->assigns[i].from == field) {
            return true;
        }
    }
    return false;
}

/* Fields of a message that have found no use, in their order. */
static gen_field **unused(shape *s, const gen_message *message, size_t *ret_n)
{
    gen_field **fields = gen_infer_calloc(s->in, message->n_fields, sizeof(*fields));
    size_t i;

    *ret_n = 0;
    for (i = 0; fields != NULL && i < message->n_fields; i++) {
        if (!in_use(s->crud, message->fields[i])) {
            fields[(*ret_n)++] = message->fields[i];
        }
    }
    return fields;
}

/* Create, update, list: request fields with the name and the type of a column. */
static void find_assigns(shape *s)
{
    const uint32_t never = CSVC_COLUMN_CREATED_AT | CSVC_COLUMN_UPDATED_AT;
    const gen_message *request = s->rpc->request;
    gen_assign *assigns = gen_infer_calloc(s->in, request->n_fields, sizeof(*assigns));
    size_t i, n = 0;

    for (i = 0; assigns != NULL && i < request->n_fields; i++) {
        gen_column *column = column_of(s->in, s->entity, request->fields[i]);
        bool key = column == s->entity->key;

        if (column == NULL || in_use(s->crud, request->fields[i]) || (column->flags & never) != 0) {
            continue;
        }
        if (key &&
            (s->crud->role != GEN_CRUD_CREATE || ((column->flags & CSVC_COLUMN_GENERATED) != 0 &&
                                                  column->field->kind != CSVC_KIND_STRING))) {
            continue;
        }
        assigns[n++] = (gen_assign){.from = request->fields[i], .to = column};
    }
    s->crud->assigns = assigns;
    s->crud->n_assigns = n;
}

/* Only what can be compared as it is, and only where the zero value cannot be meant. */
static void keep_comparable(shape *s)
{
    size_t i, n = 0;

    for (i = 0; i < s->crud->n_assigns; i++) {
        const gen_field *from = s->crud->assigns[i].from;

        if (!gen_infer_many(from) && from->kind != CSVC_KIND_MESSAGE &&
            from->kind != CSVC_KIND_BYTES && from->kind != CSVC_KIND_FLOAT &&
            from->kind != CSVC_KIND_DOUBLE && !gen_infer_in_oneof(s->crud->assigns[i].to->field)) {
            s->crud->assigns[n++] = s->crud->assigns[i];
        }
    }
    s->crud->n_assigns = n;
}

static void find_reply_entity(shape *s)
{
    const gen_message *reply = s->rpc->reply;

    s->crud->reply_is_entity = reply == s->entity->message;
    if (!s->crud->reply_is_entity) {
        s->crud->reply_field = gen_infer_field_of(reply, s->entity->message, false);
    }
}

static bool replies_entity(const shape *s)
{
    return s->crud->reply_is_entity || s->crud->reply_field != NULL;
}

/* Whether it worked: the field is true in every reply that is sent at all. */
static void find_success(shape *s)
{
    s->crud->success_field = plain_named(
        s->in, s->rpc->reply, s->crud->role == GEN_CRUD_DELETE ? deleted_names : success_names,
        CSVC_KIND_BOOL);
}

/* Create, update and delete may answer less than the row: its key, that it worked, or nothing. */
static void find_reply_less(shape *s)
{
    const gen_message *reply = s->rpc->reply;

    if (s->crud->reply_is_entity) {
        return;
    }
    find_success(s);
    if (replies_entity(s)) {
        return;
    }
    if (s->crud->role == GEN_CRUD_CREATE) {
        s->crud->reply_key_field =
            gen_infer_key_field(s->in, reply, s->entity->message, s->entity->key->field);
    }
    if (s->crud->reply_key_field == NULL && s->crud->success_field == NULL && reply->n_fields > 0) {
        not_so(s, gen_infer_printf(s->in, "its reply %s holds neither a %s nor whether it worked",
                                   reply->name, s->entity->message->name));
    }
}

/* The key of the row, for get, update and delete. */
static void find_key(shape *s)
{
    s->crud->key_field =
        gen_infer_key_field(s->in, s->rpc->request, s->entity->message, s->entity->key->field);
}

static void no_parent(shape *s)
{
    static const char *const names[] = {"parent", NULL};
    const gen_field *field = field_named(s->in, s->rpc->request, names);

    if (field != NULL && column_of(s->in, s->entity, field) == NULL) {
        not_so(s, gen_infer_printf(s->in, "%s has a `parent`, and %s no column for it",
                                   s->rpc->request->name, s->entity->message->name));
    }
}

/* create and update: the whole entity in one field, as the request itself, or field by field */
static void find_source(shape *s)
{
    const gen_message *request = s->rpc->request;

    s->crud->request_is_entity = request == s->entity->message;
    if (s->crud->request_is_entity) {
        return;
    }
    s->crud->entity_field = gen_infer_field_of(request, s->entity->message, false);
    if (s->crud->entity_field == NULL) {
        find_assigns(s);
    }
}

static void require_columns(shape *s)
{
    size_t i, j;

    for (i = 0; i < s->entity->n_columns; i++) {
        const gen_column *column = &s->entity->columns[i];
        bool given = false;

        if ((column->flags & CSVC_COLUMN_REQUIRED) == 0) {
            continue;
        }
        for (j = 0; !given && j < s->crud->n_assigns; j++) {
            given = s->crud->assigns[j].to == column;
        }
        if (!given) {
            s->place = s->reason == NULL ? s->rpc->request->place : s->place;
            not_so(s, gen_infer_printf(s->in, "%s does not carry `%s`, which is required",
                                       s->rpc->request->name, column->field->name));
        }
    }
}

static void shape_create(shape *s)
{
    const gen_message *message = s->entity->message;
    const gen_field *key = s->entity->key->field;

    find_source(s);
    no_parent(s);
    if (s->crud->entity_field != NULL && key->kind == CSVC_KIND_STRING) {
        s->crud->key_field = gen_infer_key_field(s->in, s->rpc->request, message, key);
    }
    if (s->crud->entity_field == NULL && !s->crud->request_is_entity) {
        if (s->crud->n_assigns == 0) {
            not_so(s, gen_infer_printf(s->in, "no field of %s is a column of %s",
                                       s->rpc->request->name, message->name));
        }
        require_columns(s);
    }
    find_reply_entity(s);
    find_reply_less(s);
}

static void shape_get(shape *s)
{
    find_key(s);
    find_reply_entity(s);
    if (!s->crud->reply_is_entity) {
        find_success(s);
    }
    if (s->crud->key_field == NULL) {
        not_so(s, gen_infer_printf(s->in, "%s does not carry the key `%s`", s->rpc->request->name,
                                   s->entity->key->field->name));
    }
    if (!replies_entity(s)) {
        not_so(s, gen_infer_printf(s->in, "its reply %s holds no %s", s->rpc->reply->name,
                                   s->entity->message->name));
    }
}

static void shape_update(shape *s)
{
    const gen_message *request = s->rpc->request;
    size_t i;

    find_key(s);
    for (i = 0; i < request->n_fields; i++) {
        if (request->fields[i]->kind == CSVC_KIND_MESSAGE && !gen_infer_many(request->fields[i]) &&
            !gen_infer_in_oneof(request->fields[i]) &&
            request->fields[i]->message->well_known == CSVC_WKT_FIELD_MASK) {
            s->crud->mask_field = request->fields[i];
        }
    }
    find_source(s);
    if (s->crud->entity_field == NULL && s->crud->key_field == NULL) {
        not_so(s, gen_infer_printf(s->in, "%s does not carry the key `%s`", request->name,
                                   s->entity->key->field->name));
    }
    if (s->crud->entity_field == NULL && !s->crud->request_is_entity && s->crud->n_assigns == 0) {
        not_so(s, gen_infer_printf(s->in, "no field of %s is a column of %s that can change",
                                   request->name, s->entity->message->name));
    }
    find_reply_entity(s);
    find_reply_less(s);
}

static void shape_delete(shape *s)
{
    find_key(s);
    if (s->crud->key_field == NULL) {
        not_so(s, gen_infer_printf(s->in, "%s does not carry the key `%s`", s->rpc->request->name,
                                   s->entity->key->field->name));
    }
    find_reply_entity(s);
    find_reply_less(s);
}

static void find_rows(shape *s)
{
    s->crud->rows_field = gen_infer_field_of(s->rpc->reply, s->entity->message, true);
    find_success(s);
    if (s->crud->rows_field == NULL) {
        not_so(s, gen_infer_printf(s->in, "its reply %s has no repeated %s", s->rpc->reply->name,
                                   s->entity->message->name));
    }
}

/* Fields of the request that ask for some rows only. */
static void find_filters(shape *s)
{
    gen_crud *crud = s->crud;

    crud->keyword_field = plain_named(s->in, s->rpc->request, keyword_names, CSVC_KIND_STRING);
    if (crud->keyword_field != NULL && column_of(s->in, s->entity, crud->keyword_field) != NULL) {
        crud->keyword_field = NULL; /* a column of that name is meant */
    }
    if (s->rpc->request != s->entity->message) {
        find_assigns(s);
        keep_comparable(s);
    }
}

static void shape_list(shape *s)
{
    const gen_message *request = s->rpc->request, *reply = s->rpc->reply;
    gen_crud *crud = s->crud;

    find_rows(s);
    no_parent(s);
    crud->page_field = number_named(s->in, request, page_names);
    crud->page_size_field = number_named(s->in, request, page_size_names);
    crud->page_token_field = plain_named(s->in, request, page_token_names, CSVC_KIND_STRING);
    crud->total_field = number_named(s->in, reply, total_names);
    crud->next_token_field = plain_named(s->in, reply, next_token_names, CSVC_KIND_STRING);
    find_filters(s);
}

/* Each message is a row, or holds one. */
static void shape_stream(shape *s)
{
    no_parent(s);
    find_filters(s);
    find_reply_entity(s);
    if (!replies_entity(s)) {
        not_so(s, gen_infer_printf(s->in, "its reply %s holds no %s", s->rpc->reply->name,
                                   s->entity->message->name));
    }
}

static void shape_batch_get(shape *s)
{
    find_rows(s);
    s->crud->keys_field = keys_field(s->in, s->rpc->request, s->entity);
    if (s->crud->keys_field == NULL) {
        not_so(s, gen_infer_printf(s->in, "%s has no repeated field of keys such as `ids`",
                                   s->rpc->request->name));
    }
}

/*
 * What is left of the request. Of a create or update it is dropped, with a warning (a password);
 * except what would make the call mean something else. Of the others it might change the answer, so
 * a call that sets it is refused.
 */
static void sort_rest(shape *s)
{
    static const char *const meant[] = {"validate_only", "allow_missing", "etag", NULL};
    gen_crud *crud = s->crud;
    const gen_message *request = s->rpc->request;
    bool drops = crud->role == GEN_CRUD_CREATE || crud->role == GEN_CRUD_UPDATE;
    gen_field **rest;
    size_t i, n;

    if (request == s->entity->message) {
        return; /* what it has besides the key is simply not asked for */
    }
    rest = unused(s, request, &n);
    crud->ignored = gen_infer_calloc(s->in, n, sizeof(gen_field *));
    crud->refused = gen_infer_calloc(s->in, n, sizeof(gen_field *));
    for (i = 0; !s->in->failed && i < n; i++) {
        if (drops && !gen_infer_named(s->in, rest[i]->name, meant)) {
            crud->ignored[crud->n_ignored++] = rest[i];
        } else {
            crud->refused[crud->n_refused++] = rest[i];
        }
    }
}

gen_crud *gen_infer_crud(gen_inference *in, const gen_rpc *rpc, gen_crud_role role,
                         gen_entity *entity, const char **ret_reason, gen_place *ret_place)
{
    gen_crud *crud = gen_infer_calloc(in, 1, sizeof(*crud));
    shape s = {.in = in, .rpc = rpc, .entity = entity, .crud = crud, .place = rpc->place};

    *ret_place = rpc->place;
    if (crud == NULL) {
        return NULL;
    }
    if (role == GEN_CRUD_STREAM && rpc->kind != CSVC_RPC_SERVER_STREAM) {
        *ret_reason = "its reply is no stream";
        return NULL;
    }
    if (role != GEN_CRUD_STREAM && rpc->kind != CSVC_RPC_UNARY) {
        *ret_reason = "it streams";
        return NULL;
    }
    if (rpc->is_inline) {
        *ret_reason = "it is inline, and a store blocks";
        return NULL;
    }
    crud->role = role;
    crud->entity = entity;
    switch (role) {
    case GEN_CRUD_CREATE:
        shape_create(&s);
        break;
    case GEN_CRUD_GET:
        shape_get(&s);
        break;
    case GEN_CRUD_UPDATE:
        shape_update(&s);
        break;
    case GEN_CRUD_DELETE:
        shape_delete(&s);
        break;
    case GEN_CRUD_LIST:
        shape_list(&s);
        break;
    case GEN_CRUD_BATCH_GET:
        shape_batch_get(&s);
        break;
    case GEN_CRUD_STREAM:
        shape_stream(&s);
        break;
    }
    if (s.reason != NULL) {
        *ret_reason = s.reason;
        *ret_place = s.place;
        return NULL;
    }
    sort_rest(&s);
    if (!crud->reply_is_entity) {
        crud->unfilled = unused(&s, rpc->reply, &crud->n_unfilled);
    }
    return in->failed ? NULL : crud;
}
