/* infer/entity.c: what a message is as a table: its key, its columns, what is known of each. */
#include "infer/steps.h"

#include <csvc/store.h>
#include <string.h>

#include "names/names.h"

#include "base/banned.h"

enum {
    MAX_COLUMNS = 64, /* bits of a csvc_column_set */
    MAX_NAME = 63     /* what every SQL database takes */
};

static const char *const created_names[] = {"created_at", "create_time", NULL};
static const char *const updated_names[] = {"updated_at", "update_time", NULL};
static const char *const identity_names[] = {"username", "email", NULL};
static const char *const account_names[] = {"user", "account", NULL};

/* Never kept unless an option says so: nobody wants these in a table as they come. */
static const char *const password_names[] = {"password", "passwd", "passphrase", "password_hash",
                                             NULL};

/* Kept, but never searched, and worth a warning. */
static const char *const secret_names[] = {"secret",       "token",         "api_key",
                                           "access_token", "refresh_token", "client_secret",
                                           "private_key",  "secret_key",    NULL};

/* ---- the key ---- */

/* Do the rpcs of its file that get or delete the message ask for it by `name`, as Google's AIPs
 * do? */
static bool asked_by_name(const gen_inference *in, const gen_message *message)
{
    const gen_infer_use *use;
    size_t i;

    for (use = in->uses; use != NULL; use = use->next) {
        const gen_message *request = use->rpc->request;

        if ((use->role != GEN_CRUD_GET && use->role != GEN_CRUD_DELETE) || request == message ||
            use->rpc->service->file != message->file) {
            continue;
        }
        for (i = 0; i < request->n_fields; i++) {
            if (strcmp(request->fields[i]->name, "name") == 0 &&
                request->fields[i]->kind == CSVC_KIND_STRING &&
                gen_infer_key_kind(request->fields[i])) {
                return true;
            }
        }
    }
    return false;
}

static gen_field *find_key(gen_inference *in, const gen_message *message, bool *ret_by_name,
                           const char **ret_why, const char **ret_reason)
{
    const char *snake = gen_snake(in->a, message->name);
    const char *own = gen_infer_printf(in, "%s_id", snake != NULL ? snake : "");
    const char *names[] = {"id", own, "name"};
    gen_field *key = NULL;
    size_t i, j;

    for (i = 0; i < message->n_fields; i++) {
        if (message->fields[i]->options.has_key && message->fields[i]->options.key) {
            if (key != NULL) {
                *ret_reason = gen_infer_printf(in, "%s and %s both have the option key", key->name,
                                               message->fields[i]->name);
                return NULL;
            }
            key = message->fields[i];
            *ret_why = "the key, by its option";
        }
    }
    for (i = 0; key == NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *const one[] = {names[i], NULL};

        if (i == 2 && !asked_by_name(in, message)) {
            break;
        }
        for (j = 0; key == NULL && j < message->n_fields; j++) {
            gen_field *field = message->fields[j];

            if (!field->options.has_key && gen_infer_named(in, field->name, one) &&
                (i < 2 || field->kind == CSVC_KIND_STRING)) {
                key = field;
                *ret_by_name = i == 2;
                *ret_why = i == 2 ? "the key, because it is got by `name`" : "the key, by its name";
            }
        }
    }
    if (key == NULL) {
        *ret_reason = gen_infer_printf(in, "it has no key: no field `id` or `%s`", own);
    } else if (!gen_infer_key_kind(key)) {
        *ret_reason = gen_infer_printf(
            in, "its key %s is not a single whole number or string outside any oneof", key->name);
        return NULL;
    } else if (key->options.has_stored && !key->options.stored) {
        *ret_reason = gen_infer_printf(in, "its key %s has the option stored = false", key->name);
        return NULL;
    }
    return key;
}

/* Does this rpc of the message's own file create it? */
static bool creates(const gen_infer_use *use, const gen_message *message)
{
    return use->role == GEN_CRUD_CREATE && use->rpc->service->file == message->file;
}

/* Does the request carry the message whole? */
static bool comes_whole(const gen_rpc *rpc, const gen_message *message)
{
    return rpc->request == message || gen_infer_field_of(rpc->request, message, false) != NULL;
}

/* Does every create request carry the key as a field? Then the callers number the rows, not we. */
static bool callers_give_key(gen_inference *in, const gen_message *message, const gen_field *key)
{
    const gen_infer_use *use;
    bool given = false;

    if (key->kind == CSVC_KIND_STRING) {
        return false; /* made only where it is missing */
    }
    for (use = in->uses; use != NULL; use = use->next) {
        if (creates(use, message)) {
            if (comes_whole(use->rpc, message) ||
                gen_infer_key_field(in, use->rpc->request, message, key) == NULL) {
                return false;
            }
            given = true;
        }
    }
    return given;
}

/* ---- columns ---- */

static const char *number_type(csvc_kind kind)
{
    switch (kind) {
    case CSVC_KIND_FLOAT:
    case CSVC_KIND_DOUBLE:
        return "REAL";
    case CSVC_KIND_STRING:
        return "TEXT";
    case CSVC_KIND_BYTES:
    case CSVC_KIND_MESSAGE:
        return "BLOB";
    default:
        return "INTEGER";
    }
}

/* The table of docs/internals/store.md. */
static const char *sqlite_type(const gen_field *field)
{
    if (gen_infer_many(field)) {
        return "BLOB";
    }
    if (field->kind != CSVC_KIND_MESSAGE) {
        return number_type(field->kind);
    }
    switch (field->message->well_known) {
    case CSVC_WKT_TIMESTAMP:
        return "TEXT";
    case CSVC_WKT_DURATION:
        return "INTEGER";
    case CSVC_WKT_WRAPPER:
        return field->message->n_fields == 1 ? number_type(field->message->fields[0]->kind)
                                             : "BLOB";
    default:
        return "BLOB";
    }
}

static bool is_time(const gen_field *field)
{
    if (gen_infer_many(field) || gen_infer_in_oneof(field)) {
        return false;
    }
    return field->kind == CSVC_KIND_STRING || strcmp(field->c_type, "int64_t") == 0 ||
           (field->kind == CSVC_KIND_MESSAGE && field->message->well_known == CSVC_WKT_TIMESTAMP);
}

/* Does every create request, where it comes field by field, carry one of this name and type? */
static bool always_given(gen_inference *in, const gen_message *message, const gen_field *column)
{
    const gen_infer_use *use;
    size_t i;

    for (use = in->uses; use != NULL; use = use->next) {
        const gen_message *request = use->rpc->request;
        bool found = !creates(use, message) || comes_whole(use->rpc, message);

        for (i = 0; !found && i < request->n_fields; i++) {
            found = gen_infer_same_name(in, request->fields[i]->name, column->name) &&
                    gen_infer_same_type(request->fields[i], column);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* unique and required, guessed or by option. */
static void find_constraints(gen_inference *in, const gen_message *message, gen_column *column)
{
    const gen_field *field = column->field;
    const gen_field_options *options = &field->options;
    bool guessed = gen_infer_named(in, message->name, account_names) &&
                   gen_infer_named(in, field->name, identity_names) &&
                   field->kind == CSVC_KIND_STRING && !gen_infer_many(field) &&
                   !gen_infer_in_oneof(field) && always_given(in, message, field);
    bool unique = options->has_unique ? options->unique : guessed;
    bool required = options->has_required ? options->required : unique;

    if ((column->flags & CSVC_COLUMN_KEY) != 0) {
        return; /* the key is both already */
    }
    column->flags |= unique ? (uint32_t)CSVC_COLUMN_UNIQUE : 0;
    column->flags |= required ? (uint32_t)CSVC_COLUMN_REQUIRED : 0;
    if (options->has_unique || options->has_required) {
        column->reason = unique && required ? "unique and required, by its options"
                         : unique           ? "unique, by its options"
                         : required         ? "required, by its option"
                         : guessed          ? "neither unique nor required, by its options"
                                            : NULL;
    } else if (unique) {
        column->reason =
            gen_infer_printf(in, "unique and so required, as `%s` of an entity called %s",
                             field->name, message->name);
    }
}

static bool any_search_option(const gen_message *message)
{
    size_t i;

    for (i = 0; i < message->n_fields; i++) {
        if (message->fields[i]->options.has_search && message->fields[i]->options.search) {
            return true;
        }
    }
    return false;
}

static bool is_searched(gen_inference *in, const gen_message *message, const gen_column *column)
{
    const gen_field *field = column->field;
    const uint32_t own = CSVC_COLUMN_KEY | CSVC_COLUMN_CREATED_AT | CSVC_COLUMN_UPDATED_AT;

    if (field->kind != CSVC_KIND_STRING || gen_infer_many(field)) {
        return false;
    }
    if (field->options.has_search) {
        return field->options.search;
    }
    return (column->flags & own) == 0 && !any_search_option(message) &&
           !gen_infer_named(in, field->name, secret_names) &&
           !gen_infer_named(in, field->name, password_names);
}

static void make_column(gen_inference *in, const gen_message *message, gen_field *field,
                        bool is_key, gen_column *column)
{
    const gen_field_options *options = &field->options;

    column->field = field;
    column->name = options->column != NULL ? options->column : field->name;
    column->max_len = options->max_len;
    column->sqlite_type = sqlite_type(field);
    if (is_key) {
        column->flags = CSVC_COLUMN_KEY;
    } else if (gen_infer_named(in, field->name, created_names) && is_time(field)) {
        column->flags = CSVC_COLUMN_CREATED_AT;
        column->reason = "the time of creation, by its name";
    } else if (gen_infer_named(in, field->name, updated_names) && is_time(field)) {
        column->flags = CSVC_COLUMN_UPDATED_AT;
        column->reason = "the time of the last change, by its name";
    } else if (gen_infer_named(in, field->name, created_names) ||
               gen_infer_named(in, field->name, updated_names)) {
        column->reason = "a plain column: a time is a string, a Timestamp or an int64";
    }
    find_constraints(in, message, column);
    if (is_searched(in, message, column)) {
        column->flags |= CSVC_COLUMN_TEXT_SEARCH;
    }
    column->nullable =
        (gen_infer_has_presence(field) || gen_infer_many(field)) &&
        (column->flags & (CSVC_COLUMN_KEY | CSVC_COLUMN_CREATED_AT | CSVC_COLUMN_UPDATED_AT)) == 0;
    column->indexed = options->has_index && options->index &&
                      (column->flags & (CSVC_COLUMN_KEY | CSVC_COLUMN_UNIQUE)) == 0;
}

/* Why a field gets no column; NULL: it gets one. */
static const char *left_out(gen_inference *in, const gen_field *field)
{
    if (field->options.has_stored) {
        return field->options.stored ? NULL : "its option stored = false says so";
    }
    if (gen_infer_named(in, field->name, password_names)) {
        return "a password does not belong in a table as it comes";
    }
    return NULL;
}

static gen_column *column_named(gen_entity *entity, const char *name)
{
    size_t i, j;

    for (i = 0; i < entity->n_columns; i++) {
        const char *other = entity->columns[i].name;

        for (j = 0; other[j] != '\0'; j++) { /* SQL folds the case of ASCII letters */
            char x = other[j] >= 'A' && other[j] <= 'Z' ? (char)(other[j] + 32) : other[j];
            char y = name[j] >= 'A' && name[j] <= 'Z' ? (char)(name[j] + 32) : name[j];

            if (x != y) {
                break;
            }
        }
        if (other[j] == '\0' && name[j] == '\0') {
            return &entity->columns[i];
        }
    }
    return NULL;
}

static bool make_columns(gen_inference *in, gen_entity *entity, const gen_field *key,
                         const char **ret_reason)
{
    gen_message *message = entity->message;
    size_t i;

    entity->columns = gen_infer_calloc(in, message->n_fields, sizeof(gen_column));
    entity->left_out = gen_infer_calloc(in, message->n_fields, sizeof(gen_left_out));
    if (in->failed) {
        return false;
    }
    for (i = 0; i < message->n_fields; i++) {
        gen_field *field = message->fields[i];
        const char *why = field == key ? NULL : left_out(in, field);
        gen_column column = {0};
        const gen_column *other;

        if (why != NULL) {
            entity->left_out[entity->n_left_out++] = (gen_left_out){.field = field, .reason = why};
            continue;
        }
        make_column(in, message, field, field == key, &column);
        other = column_named(entity, column.name);
        if (other != NULL) {
            *ret_reason = gen_infer_printf(in, "%s and %s would be one column, \"%s\"",
                                           other->field->name, field->name, column.name);
            return false;
        }
        column.position = (uint32_t)entity->n_columns;
        entity->columns[entity->n_columns++] = column;
        if (field == key) {
            entity->key = &entity->columns[column.position];
        }
    }
    if (entity->n_columns > MAX_COLUMNS) {
        *ret_reason = gen_infer_printf(in, "it has %zu columns, more than %d", entity->n_columns,
                                       (int)MAX_COLUMNS);
        return false;
    }
    return true;
}

/* ---- names ---- */

/* As a service's prefix: package and message; the package's last word goes when the message begins
 * with it. */
static const char *store_prefix(gen_inference *in, const gen_message *message, const char *name)
{
    const char *package = gen_snake(in->a, message->file->package);
    const char *last;
    size_t n;

    if (package == NULL) {
        in->failed = true;
        return "";
    }
    if (package[0] == '\0') {
        return gen_infer_printf(in, "%s_store", name);
    }
    last = strrchr(message->file->package, '.');
    last = gen_snake(in->a, last != NULL ? last + 1 : message->file->package);
    if (last == NULL) {
        in->failed = true;
        return "";
    }
    n = strlen(last);
    if (strncmp(name, last, n) != 0 || (name[n] != '\0' && name[n] != '_')) {
        return gen_infer_printf(in, "%s_%s_store", package, name);
    }
    return gen_infer_printf(in, "%.*s%s_store", (int)(strlen(package) - n), package, name);
}

/* book_shelf -> "bookShelves/": what aip.dev calls a collection. */
static const char *collection(gen_inference *in, const char *name)
{
    const char *words = gen_plural(in->a, name);
    size_t len = words != NULL ? strlen(words) : 0;
    char *text = gen_infer_calloc(in, len + 2, 1);
    size_t n = 0, i;

    if (words == NULL || text == NULL) {
        in->failed = true;
        return "";
    }
    for (i = 0; i < len; i++) {
        if (words[i] == '_' && words[i + 1] >= 'a' && words[i + 1] <= 'z') {
            text[n++] = (char)(words[++i] - ('a' - 'A'));
        } else if (words[i] != '_') {
            text[n++] = words[i];
        }
    }
    text[n] = '/';
    return text;
}

gen_entity *gen_infer_entity(gen_inference *in, gen_message *message, const char **ret_reason)
{
    gen_entity *entity = gen_infer_calloc(in, 1, sizeof(*entity));
    const char *why = NULL;
    bool by_name = false, given;
    gen_field *key = find_key(in, message, &by_name, &why, ret_reason);

    if (entity == NULL || key == NULL) {
        return NULL;
    }
    entity->message = message;
    entity->name =
        message->entity_name != NULL ? message->entity_name : gen_snake(in->a, message->name);
    if (entity->name == NULL) {
        in->failed = true;
        return NULL;
    }
    entity->table = message->table != NULL ? message->table
                                           : gen_plural(in->a, gen_snake(in->a, message->name));
    entity->prefix = store_prefix(in, message, entity->name);
    if (!make_columns(in, entity, key, ret_reason)) {
        return NULL;
    }
    given = callers_give_key(in, message, key);
    if (by_name) {
        entity->key_prefix = collection(in, entity->name);
    }
    entity->key->flags |= given ? 0 : (uint32_t)CSVC_COLUMN_GENERATED;
    if (given) {
        why = gen_infer_printf(in, "%s; create requests carry it", why);
    } else if (key->kind == CSVC_KIND_STRING) {
        why = gen_infer_printf(in, "%s; %s%sUUID (version 7) where a create does not carry it", why,
                               by_name ? entity->key_prefix : "a ", by_name ? " and a " : "");
    } else {
        why = gen_infer_printf(in, "%s; numbered by the database", why);
    }
    entity->key->reason = why;
    if (entity->table == NULL) {
        in->failed = true;
    }
    return in->failed ? NULL : entity;
}

/* ---- what is to be said ---- */

/* Names from options go into SQL, into C and into texts as they are. */
static void check_name(gen_inference *in, gen_place place, const char *what, const char *name)
{
    if (!gen_name_identifier(name) || strlen(name) > MAX_NAME) {
        gen_report(in->diag, GEN_ERROR, place, "the %s \"%s\" is no name", what, name);
        gen_report(in->diag, GEN_NOTE, place,
                   "letters, digits and '_', no digit first, at most %d of them", (int)MAX_NAME);
    }
}

void gen_infer_entity_report(gen_inference *in, const gen_entity *entity)
{
    const gen_message *message = entity->message;
    size_t i;

    check_name(in, message->place, "entity's name", entity->name);
    check_name(in, message->place, "table's name", entity->table);
    if (strncmp(entity->table, "sqlite_", 7) == 0 || strncmp(entity->table, "csvc_", 5) == 0) {
        gen_report(in->diag, GEN_ERROR, message->place, "the table's name \"%s\" is taken",
                   entity->table);
        gen_report(in->diag, GEN_NOTE, message->place,
                   "sqlite_... belongs to SQLite and csvc_... to the runtime: option "
                   "(c_svc.message).table = \"...\";");
    }
    for (i = 0; i < entity->n_left_out; i++) {
        const gen_field *field = entity->left_out[i].field;

        if (!field->options.has_stored) {
            gen_report(in->diag, GEN_WARNING, field->place,
                       "%s.%s is not kept: a password does not belong in a table as it comes",
                       message->full_name, field->name);
            gen_report(in->diag, GEN_NOTE, field->place,
                       "[(c_svc.field).stored = false] says that this is meant, true keeps it");
        }
    }
    for (i = 0; i < entity->n_columns; i++) {
        const gen_field *field = entity->columns[i].field;

        check_name(in, field->place, "column's name", entity->columns[i].name);
        if (!field->options.has_stored && gen_infer_named(in, field->name, secret_names)) {
            gen_report(in->diag, GEN_WARNING, field->place,
                       "%s.%s is kept as it comes, and answered to whoever may read a %s",
                       message->full_name, field->name, entity->name);
            gen_report(
                in->diag, GEN_NOTE, field->place,
                "[(c_svc.field).stored = true] says that this is meant, false leaves it out");
        }
    }
}
