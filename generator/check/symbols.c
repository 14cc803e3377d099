/*
 * check/symbols.c: every name that comes out, held against every other one.
 *
 * protobuf-c folds names by two rules (types lose underscores, functions and constants gain them),
 * we by a third, and the linker sees all files of a program at once. So everything emitted for
 * every file is put into one table: typedefs, functions, objects, enumerators and macros share
 * C's ordinary name space, macros all of them. Names in the table with a blank in front are
 * outputs.
 */
#include <string.h>

#include "check/parts.h"
#include "infer/infer.h"
#include "names/names.h"
#include "names/words.h"

#include "base/banned.h"

/* Who a name is emitted for. */
typedef struct owner {
    const char *kind; /* "message" */
    const char *name; /* "user.User" */
    gen_place place;
    const gen_file *file;
    const char *mend; /* what to do about a clash, when there is more than renaming */
    bool clashed;     /* reported: its other names would only say it again */
} owner;

typedef struct table {
    gen_checking *c;
    gen_index names;
} table;

static const char rename_one[] = "rename one of the two, or give their files packages that differ";
static const char set_prefix[] =
    "give a service another prefix: option (c_svc.c_prefix) = \"my_service\";";

static owner *new_owner(table *t, const char *kind, const char *name, gen_place place,
                        const gen_file *file, const char *mend)
{
    owner *o = csvc_arena_alloc(t->c->a, sizeof(*o));

    if (o == NULL) {
        t->c->diag->failed = true;
        return NULL;
    }
    *o = (owner){.kind = kind, .name = name, .place = place, .file = file, .mend = mend};
    return o;
}

static void report(table *t, owner *now, owner *before, const char *name)
{
    /* The error goes to a file that was asked for; the later one of two such. */
    const owner *at = now->file->generate ? now : before;
    const owner *other = at == now ? before : now;

    if (!at->file->generate) {
        return; /* not ours to refuse */
    }
    if (*name == ' ') {
        gen_report(t->c->diag, GEN_ERROR, at->place, "%s %s and %s %s both make%s", at->kind,
                   at->name, other->kind, other->name, name);
    } else {
        gen_report(t->c->diag, GEN_ERROR, at->place, "%s %s and %s %s both make the C name %s",
                   at->kind, at->name, other->kind, other->name, name);
    }
    gen_report(t->c->diag, GEN_NOTE, other->place, "here is the other; %s",
               at->mend != NULL ? at->mend : rename_one);
}

/* Puts `stem``end` into the table. */
static void emit(table *t, owner *o, const char *stem, const char *end)
{
    size_t len;
    size_t end_len;
    char *name;
    void *old = NULL;

    if (stem == NULL || end == NULL || o == NULL) {
        t->c->diag->failed = true;
        return;
    }
    if (o->clashed) {
        return;
    }
    len = strlen(stem);
    end_len = strlen(end);
    name = csvc_arena_alloc(t->c->a, len + end_len + 1);
    if (name == NULL) {
        t->c->diag->failed = true;
        return;
    }
    memcpy(name, stem, len);
    memcpy(name + len, end, end_len + 1);
    if (!gen_index_put(&t->names, name, o, &old)) {
        t->c->diag->failed = true;
    } else if (old != NULL && old != o) {
        o->clashed = true;
        report(t, o, old, name);
    }
}

static void emit_all(table *t, owner *o, const char *stem, const char *const *ends, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        emit(t, o, stem, ends[i]);
    }
}

#define EMIT_ALL(t, o, stem, ends) emit_all(t, o, stem, ends, sizeof(ends) / sizeof((ends)[0]))

/* ---- protobuf-c's names ---- */

/* A type's name must be one, and nobody else's; only types without a package are at risk. */
static bool check_type(table *t, const owner *o, const char *c_type, const char *c_lower,
                       bool is_enum)
{
    const char *why = NULL;

    if (o->file->c_package != NULL && *o->file->c_package != '\0' &&
        !gen_name_package(o->file->c_package)) {
        return false; /* reported already */
    }
    if (!gen_name_identifier(c_type)) {
        why = *c_type == '\0' ? "is empty: protobuf-c takes out underscores"
                              : "is no identifier: protobuf-c takes out underscores";
    } else if (gen_name_capitals(c_type)) {
        why = "belongs to the C library";
    } else if (is_enum && gen_name_tag(c_type)) {
        why = "has the tag of a word of C's";
    } else if (strncmp(c_type, "ProtobufC", 9) == 0 && strncmp(c_lower, "protobuf_c", 10) == 0) {
        why = "belongs to protobuf-c";
    } else if (strcmp(c_lower, "csvc") == 0 || strncmp(c_lower, "csvc__", 6) == 0) {
        why = "is the runtime's own";
    }
    if (why == NULL) {
        return true;
    }
    if (o->file->generate) {
        gen_report(t->c->diag, GEN_ERROR, o->place, "%s %s gets the C type \"%s\", which %s",
                   o->kind, o->name, c_type, why);
        gen_report(t->c->diag, GEN_NOTE, o->place, "rename it, or give its file %s",
                   *o->file->package == '\0' ? "a package" : "another package");
    }
    return false;
}

static void add_enum(table *t, const gen_enum *e)
{
    static const char *const ends[] = {"__descriptor", "__enum_values_by_number",
                                       "__enum_values_by_name", "__value_ranges"};
    owner *o = new_owner(t, "enum", e->full_name, e->place, e->file, NULL);

    if (o == NULL || !check_type(t, o, e->c_type, e->c_lower, true)) {
        return;
    }
    emit(t, o, e->c_type, "");
    EMIT_ALL(t, o, e->c_lower, ends);
    for (size_t i = 0; i < e->n_values; i++) {
        const gen_enum_value *value = &e->values[i];
        owner *v = new_owner(t, "enum value", value->name, value->place, e->file, NULL);

        if (v != NULL && !o->clashed) {
            emit(t, v, value->c_name, "");
        }
    }
    emit(t, o, "_", csvc_arena_printf(t->c->a, "%s_IS_INT_SIZE", e->c_upper));
}

static void add_oneof(table *t, const gen_oneof *oneof)
{
    const gen_message *message = oneof->parent;
    const gen_place place = oneof->synthetic ? oneof->fields[0]->place : oneof->place;
    owner *o = new_owner(t, oneof->synthetic ? "optional field" : "oneof",
                         oneof->synthetic ? oneof->fields[0]->name : oneof->name, place,
                         message->file, NULL);

    if (o == NULL) {
        return;
    }
    emit(t, o, oneof->c_type, "");
    emit(t, o, oneof->c_prefix, "__NOT_SET");
    for (size_t i = 0; i < oneof->n_fields; i++) {
        const gen_field *field = oneof->fields[i];
        owner *f = oneof->synthetic
                       ? o
                       : new_owner(t, "field", field->name, field->place, message->file, NULL);

        emit(t, f, field->case_constant, "");
    }
    emit(t, o, "_", csvc_arena_printf(t->c->a, "%s__CASE_IS_INT_SIZE", oneof->c_prefix));
}

/* The object that holds a proto2 default; its name folds in yet another way. */
static void add_default(table *t, const gen_field *field)
{
    const gen_message *message = field->parent;
    char *name = csvc_arena_alloc(t->c->a, strlen(field->name) * 2 + 1);
    char *at = name;
    owner *o = new_owner(t, "the default of field", field->name, field->place, message->file,
                         "rename one of the two");

    if (name == NULL || o == NULL) {
        t->c->diag->failed = true;
        return;
    }
    for (const char *c = field->name; *c != '\0'; c++) {
        bool capital = *c >= 'A' && *c <= 'Z';

        if (capital && c > field->name && !(c[-1] >= 'A' && c[-1] <= 'Z')) {
            *at++ = '_';
        }
        *at++ = capital ? (char)(*c - 'A' + 'a') : *c;
    }
    *at = '\0';
    emit(t, o,
         csvc_arena_printf(t->c->a, "%s__%s%s", message->c_lower, name, field->renamed ? "_" : ""),
         field->kind == CSVC_KIND_BYTES ? "__default_value_data" : "__default_value");
}

static void add_message(table *t, const gen_message *message)
{
    static const char *const ends[] = {
        "__descriptor",
        "__init",
        "__get_packed_size",
        "__pack",
        "__pack_to_buffer",
        "__unpack",
        "__free_unpacked",
        "__field_descriptors",
        "__field_indices_by_name",
        "__number_ranges",
        /* ours */
        "__type",
        "__initial",
        "__fields",
        "__json_names",
    };
    owner *o = new_owner(t, "message", message->full_name, message->place, message->file, NULL);

    if (o == NULL || !check_type(t, o, message->c_type, message->c_lower, false)) {
        return;
    }
    emit(t, o, message->c_type, "");
    emit(t, o, message->c_type, "_Closure");
    EMIT_ALL(t, o, message->c_lower, ends);
    emit(t, o, message->c_upper, "__INIT");
    if (o->clashed) {
        return; /* what is within would clash as well */
    }
    for (size_t i = 0; i < message->n_oneofs; i++) {
        add_oneof(t, &message->oneofs[i]);
    }
    for (size_t i = 0; i < message->n_fields; i++) {
        if (message->fields[i]->default_text != NULL) {
            add_default(t, message->fields[i]);
        }
    }
}

/* ---- ours ---- */

static void add_rpc(table *t, const gen_rpc *rpc)
{
    static const char *const served[] = {"_send", "_recv", "_frame"};
    static const char *const called[] = {"_start", "_send", "_recv", "_close_send", "_finish"};
    csvc_arena *a = t->c->a;
    const char *handler = csvc_arena_printf(a, "%s_%s", rpc->service->prefix, rpc->c_name);
    const char *client = csvc_arena_printf(a, "%s_client_%s", rpc->service->prefix, rpc->c_name);
    owner *o = new_owner(t, "rpc", csvc_arena_printf(a, "%s.%s", rpc->service->name, rpc->name),
                         rpc->place, rpc->service->file, "rename one of the two");

    if (handler == NULL || client == NULL || o == NULL || o->name == NULL) {
        t->c->diag->failed = true;
        return;
    }
    emit(t, o, handler, "");
    emit(t, o, handler, "_invoke");
    emit(t, o, client, "");
    emit(t, o, client, "_async");
    if (rpc->kind == CSVC_RPC_UNARY) {
        emit(t, o, handler, "_relay");
    }
    if (rpc->kind != CSVC_RPC_UNARY) {
        EMIT_ALL(t, o, handler, served);
        EMIT_ALL(t, o, client, called);
    }
}

static void add_service(table *t, const gen_service *service)
{
    static const char *const ends[] = {"_ops", "_ops_register", "_ops_init", "_service",
                                       "_methods"};
    owner *o =
        new_owner(t, "service", service->full_name, service->place, service->file, set_prefix);

    EMIT_ALL(t, o, service->prefix, ends);
    emit(t, o, service->upper, "_OPS_INIT");
    if (o == NULL || o->clashed) {
        return;
    }
    for (size_t i = 0; i < service->n_rpcs; i++) {
        add_rpc(t, &service->rpcs[i]);
    }
}

static void add_entity(table *t, const gen_entity *entity)
{
    static const char *const ends[] = {"_entity", "_create",     "_get",       "_update",
                                       "_delete", "_list",       "_list_all",  "_rows",
                                       "_scan",   "_scan_start", "_scan_next", "_scan_end"};
    const gen_message *message = entity->message;
    owner *o = new_owner(t, "the store of", message->full_name, message->place, message->file,
                         "give an entity another name: option (c_svc.message).name = \"...\";");

    EMIT_ALL(t, o, entity->prefix, ends);
    for (size_t i = 0; i < entity->n_columns; i++) {
        const char *column =
            csvc_arena_printf(t->c->a, "%s_%s", entity->prefix, entity->columns[i].field->c_name);

        emit(t, o, column != NULL ? gen_upper(t->c->a, column) : NULL, "");
    }
}

static void add_file(table *t, const gen_file *file)
{
    owner *o = new_owner(t, "file", file->name, file->place, file, "rename one of the two");

    emit(t, o, " the output ", file->base);
    emit(t, o, file->c_lower, "__file");
    emit(t, o, file->c_lower, "__embedded");
    for (size_t i = 0; i < file->n_all_enums; i++) {
        add_enum(t, file->all_enums[i]);
    }
    for (size_t i = 0; i < file->n_all_messages; i++) {
        add_message(t, file->all_messages[i]);
    }
    for (size_t i = 0; i < file->n_services; i++) {
        add_service(t, &file->services[i]);
    }
    for (size_t i = 0; i < file->n_all_messages; i++) {
        if (file->all_messages[i]->entity != NULL) {
            add_entity(t, file->all_messages[i]->entity);
        }
    }
}

void gen_check_symbols(gen_checking *c)
{
    table t = {.c = c};

    gen_index_init(&t.names, c->a);
    for (size_t i = 0; i < c->model->n_files; i++) {
        const gen_file *file = c->model->files[i];

        if (c->reached[i] && !file->no_code) {
            add_file(&t, file);
        }
    }
}
