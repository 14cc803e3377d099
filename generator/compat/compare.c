/* compat/compare.c: two models, node by node. */
#include "compat/parts.h"

#include <string.h>

#include "base/buffer.h"

#include "base/banned.h"

bool compat_is_provided(const gen_file *file)
{
    return strncmp(file->name, "google/protobuf/", 16) == 0;
}

/* ---- messages ---- */

static const gen_field *field_of(const gen_message *message, uint32_t number)
{
    size_t low = 0;
    size_t high = message->n_fields;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const gen_field *field = message->by_number[middle];

        if (field->number == number) {
            return field;
        }
        if (field->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static void field_gone(compat_run *run, const gen_field *field, const gen_message *now,
                       const compat_reserved *reserved)
{
    if (!compat_reserves_number(reserved, field->number)) {
        compat_report(run, COMPAT_FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED, now->place,
                      "Previously present field \"%u\" with name \"%s\" on message \"%s\" was "
                      "deleted without reserving the number \"%u\"",
                      (unsigned)field->number, field->name, field->parent->name,
                      (unsigned)field->number);
    } else if (!compat_reserves_name(reserved, field->name)) {
        compat_report(run, COMPAT_FIELD_NO_DELETE_UNLESS_NAME_RESERVED, now->place,
                      "Previously present field \"%u\" with name \"%s\" on message \"%s\" was "
                      "deleted without reserving the name \"%s\"",
                      (unsigned)field->number, field->name, field->parent->name, field->name);
    } else {
        return;
    }
    gen_report(run->diag, GEN_NOTE, now->place,
               "so that nobody gives them another meaning: reserved %u; reserved \"%s\";",
               (unsigned)field->number, field->name);
}

static const char needs[] = "Required fields must always be sent, so if one side does not know "
                            "about the required field, this will result in a breakage";

static void compare_required(compat_run *run, const gen_message *before, const gen_message *now)
{
    for (size_t i = 0; i < before->n_fields; i++) {
        const gen_field *field = before->by_number[i];
        const gen_field *other = field_of(now, field->number);

        if (field->label == CSVC_LABEL_REQUIRED &&
            (other == NULL || other->label != CSVC_LABEL_REQUIRED)) {
            compat_report(run, COMPAT_MESSAGE_SAME_REQUIRED_FIELDS, now->place,
                          "Message \"%s\" had required field \"%u\" deleted. %s", now->name,
                          (unsigned)field->number, needs);
        }
    }
    for (size_t i = 0; i < now->n_fields; i++) {
        const gen_field *field = now->by_number[i];
        const gen_field *other = field_of(before, field->number);

        if (field->label == CSVC_LABEL_REQUIRED &&
            (other == NULL || other->label != CSVC_LABEL_REQUIRED)) {
            compat_report(run, COMPAT_MESSAGE_SAME_REQUIRED_FIELDS, field->place,
                          "Message \"%s\" had required field \"%u\" added. %s", now->name,
                          (unsigned)field->number, needs);
        }
    }
}

static void compare_message(compat_run *run, const gen_message *before, const gen_message *now)
{
    csvc_arena *a = run->now->arena;
    compat_reserved then = compat_reserved_message(a, before);
    compat_reserved reserved = compat_reserved_message(a, now);

    compat_reserved_compare(run, COMPAT_RESERVED_MESSAGE_NO_DELETE, &then, &reserved);
    if (run->diag->failed) {
        return;
    }
    for (size_t i = 0; i < before->n_fields; i++) {
        const gen_field *field = before->by_number[i];
        const gen_field *other = field_of(now, field->number);

        if (other == NULL) {
            field_gone(run, field, now, &reserved);
        } else {
            compat_field(run, field, other);
        }
    }
    compare_required(run, before, now);
}

/* ---- enums ---- */

/* The names of a number, in the order of the alphabet, quoted. */
static void put_names(csvc__buffer *b, const gen_enum *e, int32_t number, size_t *ret_n)
{
    const char *last = NULL;
    size_t n = 0;

    for (;;) {
        const char *next = NULL;

        for (size_t i = 0; i < e->n_values; i++) {
            const char *name = e->values[i].name;

            if (e->values[i].number == number && (last == NULL || strcmp(name, last) > 0) &&
                (next == NULL || strcmp(name, next) < 0)) {
                next = name;
            }
        }
        if (next == NULL) {
            break;
        }
        csvc__buffer_printf(b, "%s\"%s\"", n > 0 ? ", " : "", next);
        last = next;
        n++;
    }
    *ret_n = n;
}

static bool has_value(const gen_enum *e, int32_t number, const char *name)
{
    for (size_t i = 0; i < e->n_values; i++) {
        if (e->values[i].number == number &&
            (name == NULL || strcmp(e->values[i].name, name) == 0)) {
            return true;
        }
    }
    return false;
}

/* Whether a value stands before this one with the same number: told once. */
static bool is_alias(const gen_enum *e, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (e->values[i].number == e->values[index].number) {
            return true;
        }
    }
    return false;
}

static void value_gone(compat_run *run, const gen_enum *before, int32_t number, const gen_enum *now,
                       const compat_reserved *reserved, const char *names, size_t n_names)
{
    bool has_names = true;

    for (size_t i = 0; i < before->n_values; i++) {
        has_names = has_names && (before->values[i].number != number ||
                                  compat_reserves_name(reserved, before->values[i].name));
    }
    if (!compat_reserves_number(reserved, number)) {
        compat_report(run, COMPAT_ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED, now->place,
                      "Previously present enum value \"%d\" on enum \"%s\" was deleted without "
                      "reserving the number \"%d\"",
                      (int)number, now->name, (int)number);
    } else if (!has_names) {
        compat_report(run, COMPAT_ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED, now->place,
                      "Previously present enum value \"%d\" on enum \"%s\" was deleted without "
                      "reserving the name%s %s",
                      (int)number, now->name, n_names > 1 ? "s" : "", names);
    } else {
        return;
    }
    gen_report(run->diag, GEN_NOTE, now->place,
               "so that nobody gives them another meaning: reserved %d; reserved %s;", (int)number,
               names);
}

static void value_renamed(compat_run *run, const gen_enum *before, int32_t number,
                          const gen_enum *now, const char *names, size_t n_names)
{
    const gen_enum_value *value = NULL;
    csvc__buffer others;
    size_t n_others = 0;
    bool all = true;

    for (size_t i = 0; i < before->n_values; i++) {
        all = all && (before->values[i].number != number ||
                      has_value(now, number, before->values[i].name));
    }
    for (size_t i = 0; i < now->n_values && value == NULL; i++) {
        value = now->values[i].number == number ? &now->values[i] : NULL;
    }
    if (all || value == NULL) {
        return;
    }
    csvc__buffer_init(&others, 1 << 20);
    put_names(&others, now, number, &n_others);
    if (!csvc__buffer_ok(&others)) {
        run->diag->failed = true;
    } else {
        compat_report(run, COMPAT_ENUM_VALUE_SAME_NAME, value->place,
                      "Enum value \"%d\" on enum \"%s\" changed name%s from %s to %s", (int)number,
                      now->name, n_names > 1 && n_others > 1 ? "s" : "", names, others.data);
    }
    csvc__buffer_release(&others);
}

static void compare_enum(compat_run *run, const gen_enum *before, const gen_enum *now)
{
    csvc_arena *a = run->now->arena;
    compat_reserved then = compat_reserved_enum(a, before);
    compat_reserved reserved = compat_reserved_enum(a, now);

    compat_reserved_compare(run, COMPAT_RESERVED_ENUM_NO_DELETE, &then, &reserved);
    for (size_t i = 0; i < before->n_values && !run->diag->failed; i++) {
        int32_t number = before->values[i].number;
        csvc__buffer names;
        size_t n_names = 0;

        if (is_alias(before, i)) {
            continue;
        }
        csvc__buffer_init(&names, 1 << 20);
        put_names(&names, before, number, &n_names);
        if (!csvc__buffer_ok(&names)) {
            run->diag->failed = true;
        } else if (!has_value(now, number, NULL)) {
            value_gone(run, before, number, now, &reserved, names.data, n_names);
        } else {
            value_renamed(run, before, number, now, names.data, n_names);
        }
        csvc__buffer_release(&names);
    }
}

/* ---- services ---- */

static const char *idempotency(const gen_rpc *rpc)
{
    const CsvcPb__MethodOptions *options = rpc->proto->options;

    switch (options != NULL ? options->idempotency_level
                            : CSVC_PB__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__IDEMPOTENCY_UNKNOWN) {
    case CSVC_PB__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS:
        return "NO_SIDE_EFFECTS";
    case CSVC_PB__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__IDEMPOTENT:
        return "IDEMPOTENT";
    default:
        return "IDEMPOTENCY_UNKNOWN";
    }
}

static const char *streams(bool streaming)
{
    return streaming ? "streaming" : "unary";
}

static bool client_streams(const gen_rpc *rpc)
{
    return rpc->kind == CSVC_RPC_CLIENT_STREAM || rpc->kind == CSVC_RPC_BIDI_STREAM;
}

static bool server_streams(const gen_rpc *rpc)
{
    return rpc->kind == CSVC_RPC_SERVER_STREAM || rpc->kind == CSVC_RPC_BIDI_STREAM;
}

static void compare_rpc(compat_run *run, const gen_rpc *before, const gen_rpc *now)
{
    const char *service = now->service->name;

    if (strcmp(before->request->full_name, now->request->full_name) != 0) {
        compat_report(run, COMPAT_RPC_SAME_REQUEST_TYPE, now->place,
                      "RPC \"%s\" on service \"%s\" changed request type from \"%s\" to \"%s\"",
                      now->name, service, before->request->full_name, now->request->full_name);
    }
    if (strcmp(before->reply->full_name, now->reply->full_name) != 0) {
        compat_report(run, COMPAT_RPC_SAME_RESPONSE_TYPE, now->place,
                      "RPC \"%s\" on service \"%s\" changed response type from \"%s\" to \"%s\"",
                      now->name, service, before->reply->full_name, now->reply->full_name);
    }
    if (client_streams(before) != client_streams(now)) {
        compat_report(run, COMPAT_RPC_SAME_CLIENT_STREAMING, now->place,
                      "RPC \"%s\" on service \"%s\" changed from client %s to client %s", now->name,
                      service, streams(client_streams(before)), streams(client_streams(now)));
    }
    if (server_streams(before) != server_streams(now)) {
        compat_report(run, COMPAT_RPC_SAME_SERVER_STREAMING, now->place,
                      "RPC \"%s\" on service \"%s\" changed from server %s to server %s", now->name,
                      service, streams(server_streams(before)), streams(server_streams(now)));
    }
    if (strcmp(idempotency(before), idempotency(now)) != 0) {
        compat_report(run, COMPAT_RPC_SAME_IDEMPOTENCY_LEVEL, now->place,
                      "RPC \"%s\" on service \"%s\" changed option \"idempotency_level\" from "
                      "\"%s\" to \"%s\"",
                      now->name, service, idempotency(before), idempotency(now));
    }
}

/* What one that is gone may have become. */
static void hint_rename(compat_run *run, const char *likely, const char *offer, gen_place place)
{
    gen_report(
        run->diag, GEN_NOTE, place,
        "if %s is what it is called now, `c-svc update --rename %s` takes its handlers along",
        likely, offer);
}

static const compat_rpc *likely_rpc(const compat_run *run, const gen_rpc *gone)
{
    for (size_t i = 0; i < run->matched->n_services; i++) {
        const compat_service *service = &run->matched->services[i];

        for (size_t k = 0; k < service->n_rpcs; k++) {
            if (service->rpcs[k].before == gone && service->rpcs[k].likely != NULL) {
                return &service->rpcs[k];
            }
        }
    }
    return NULL;
}

static const compat_service *likely_service(const compat_run *run, const gen_service *gone)
{
    for (size_t i = 0; i < run->matched->n_services; i++) {
        const compat_service *service = &run->matched->services[i];

        if (service->before == gone && service->likely != NULL) {
            return service;
        }
    }
    return NULL;
}

static void compare_service(compat_run *run, const gen_service *before, const gen_service *now)
{
    for (size_t i = 0; i < before->n_rpcs; i++) {
        const gen_rpc *other = NULL;

        for (size_t k = 0; k < now->n_rpcs && other == NULL; k++) {
            other = strcmp(now->rpcs[k].name, before->rpcs[i].name) == 0 ? &now->rpcs[k] : NULL;
        }
        if (other != NULL) {
            compare_rpc(run, &before->rpcs[i], other);
        } else {
            const compat_rpc *gone = likely_rpc(run, &before->rpcs[i]);

            compat_report(run, COMPAT_RPC_NO_DELETE, now->place,
                          "Previously present RPC \"%s\" on service \"%s\" was deleted",
                          before->rpcs[i].name, now->name);
            if (gone != NULL) {
                hint_rename(run, gone->likely->name, gone->offer, now->place);
            }
        }
    }
}

static const gen_service *find_service(const gen_model *model, const char *full_name)
{
    for (size_t i = 0; i < model->n_files; i++) {
        for (size_t k = 0; k < model->files[i]->n_services; k++) {
            if (strcmp(model->files[i]->services[k].full_name, full_name) == 0) {
                return &model->files[i]->services[k];
            }
        }
    }
    return NULL;
}

/* ---- extensions ---- */

static bool is_same_extension(const gen_field *one, const gen_field *other)
{
    return one->number == other->number && strcmp(one->extendee, other->extendee) == 0;
}

/* Wherever it stands. */
static const gen_field *find_extension(const gen_model *model, const gen_field *field)
{
    for (size_t i = 0; i < model->n_files; i++) {
        const gen_file *file = model->files[i];

        for (size_t k = 0; k < file->n_extensions; k++) {
            if (is_same_extension(file->extensions[k], field)) {
                return file->extensions[k];
            }
        }
    }
    return NULL;
}

/* ---- files ---- */

static void compare_file(compat_run *run, const gen_file *before)
{
    const gen_file *now = gen_model_file(run->now, before->name);

    if (now != NULL && strcmp(before->package, now->package) != 0) {
        compat_report(run, COMPAT_FILE_SAME_PACKAGE, now->package_place,
                      "File package changed from \"%s\" to \"%s\"", before->package, now->package);
    }
    for (size_t i = 0; i < before->n_all_messages && !run->diag->failed; i++) {
        const gen_message *message =
            gen_model_message(run->now, before->all_messages[i]->full_name);

        if (message != NULL) {
            compare_message(run, before->all_messages[i], message);
        }
    }
    for (size_t i = 0; i < before->n_all_enums && !run->diag->failed; i++) {
        const gen_enum *e = gen_model_enum(run->now, before->all_enums[i]->full_name);

        if (e != NULL) {
            compare_enum(run, before->all_enums[i], e);
        }
    }
    for (size_t i = 0; i < before->n_extensions && !run->diag->failed; i++) {
        const gen_field *field = find_extension(run->now, before->extensions[i]);

        if (field != NULL) {
            compat_field(run, before->extensions[i], field);
        }
    }
    for (size_t i = 0; i < before->n_services && !run->diag->failed; i++) {
        const gen_service *service = find_service(run->now, before->services[i].full_name);

        if (service != NULL) {
            compare_service(run, &before->services[i], service);
        } else {
            const compat_service *gone = likely_service(run, &before->services[i]);
            gen_place place = gone != NULL ? gone->likely->place : before->place;

            compat_report(run, COMPAT_PACKAGE_SERVICE_NO_DELETE, place,
                          "Previously present service \"%s\" was deleted from package \"%s\"",
                          before->services[i].name, before->package);
            if (gone != NULL) {
                hint_rename(run, gone->likely->full_name, gone->offer, place);
            }
        }
    }
}

size_t compat_check(const gen_model *before, const gen_model *now, const compat_services *matched,
                    gen_severity wire, gen_diag *diag)
{
    compat_run run = {.before = before, .now = now, .wire = wire, .diag = diag, .matched = matched};

    for (size_t i = 0; i < before->n_files && !diag->failed; i++) {
        if (!compat_is_provided(before->files[i])) {
            compare_file(&run, before->files[i]);
        }
    }
    return run.n_wire;
}
