/*
 * check/check.c: everything that can refuse the input, file by file.
 *
 * The rule: what compiles for protoc but not for the C compiler, or only at somebody else's desk,
 * is either made to work (model/names.c, messages/) or refused here, with its place and a way to
 * mend it. docs/internals/generator.md lists what was decided.
 */
#include <string.h>

#include "check/check.h"
#include "check/parts.h"
#include "common/pb.h"
#include "infer/infer.h"
#include "names/names.h"
#include "names/words.h"

#include "base/banned.h"

enum {
    MAX_BACKOFF_MS = 3600 * 1000
};

/* ---- files ---- */

/* The path is pasted into comments and #include lines. */
static const char *path_fault(const char *path)
{
    const char *part = path;

    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            return "has a quote or a backslash";
        }
    }
    if (strstr(path, "*/") != NULL || strstr(path, "/*") != NULL) {
        return "has the mark of a C comment";
    }
    if (strstr(path, "?\?") != NULL) {
        return "has two question marks, which begin a trigraph in C";
    }
    for (;;) {
        size_t len = strcspn(part, "/");

        if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && memcmp(part, "..", 2) == 0)) {
            return "is not a clean one below an import folder";
        }
        if (part[len] == '\0') {
            return NULL;
        }
        part += len + 1;
    }
}

static void check_syntax(gen_checking *c, const gen_file *file)
{
    if (file->syntax != 0) {
        return;
    }
    gen_report(c->diag, GEN_ERROR, file->syntax_place.line > 0 ? file->syntax_place : file->place,
               "is written in an edition of protobuf (syntax \"%.40s\"); only proto2 and proto3 "
               "can be generated",
               file->proto->syntax);
    gen_report(c->diag, GEN_NOTE, file->place,
               "protoc-gen-c knows no editions; write syntax = \"proto3\"; at its top");
}

static void check_options(gen_checking *c, const gen_file *file)
{
    if (file->c_package != NULL && *file->c_package != '\0' && !gen_name_package(file->c_package)) {
        gen_report(c->diag, GEN_ERROR, file->pb_c_place,
                   "(pb_c_file).c_package is \"%.100s\", which is no name", file->c_package);
        gen_report(c->diag, GEN_NOTE, file->pb_c_place,
                   "it becomes part of C names: identifiers, with dots between them");
    }
    if (file->oneof_names) {
        gen_report(c->diag, GEN_ERROR, file->pb_c_place,
                   "(pb_c_file).use_oneof_field_name takes the fields of a oneof their names, "
                   "which JSON needs");
        gen_report(
            c->diag, GEN_NOTE, file->pb_c_place,
            "take the option out; with it protoc-gen-c crashes on any field outside a oneof");
    }
    if (file->code_size && !c->parameters->messages) {
        gen_report(c->diag, GEN_ERROR, file->place,
                   "optimize_for = CODE_SIZE takes messages and fields their names, which JSON and "
                   "the texts of errors need");
        gen_report(c->diag, GEN_NOTE, file->place,
                   "take the option out, or generate the messages with messages=on, which does");
    }
    if (file->no_code && file->n_services > 0) {
        gen_report(c->diag, GEN_ERROR, file->pb_c_place,
                   "(pb_c_file).no_generate is set, but the file has services, whose messages "
                   "would be missing");
        gen_report(c->diag, GEN_NOTE, file->pb_c_place,
                   "take the option out, or move service %s to another file",
                   file->services[0].name);
    }
}

/* A type of a file that has no C. */
static void check_use(gen_checking *c, gen_place place, const char *what, const char *name,
                      const gen_file *file)
{
    if (file->no_code) {
        gen_report(c->diag, GEN_ERROR, place, "%s %s is of a type of %s, for which there is no C",
                   what, name, file->name);
        gen_report(c->diag, GEN_NOTE, file->pb_c_place,
                   "because of this option, (pb_c_file).no_generate");
    }
}

static void check_uses(gen_checking *c, const gen_file *file)
{
    for (size_t i = 0; i < file->n_all_messages; i++) {
        const gen_message *message = file->all_messages[i];

        for (size_t k = 0; k < message->n_fields; k++) {
            const gen_field *field = message->fields[k];

            if (field->message != NULL) {
                check_use(c, field->place, "field", field->name, field->message->file);
            } else if (field->enumeration != NULL) {
                check_use(c, field->place, "field", field->name, field->enumeration->file);
            }
        }
    }
    for (size_t i = 0; i < file->n_services; i++) {
        for (size_t k = 0; k < file->services[i].n_rpcs; k++) {
            const gen_rpc *rpc = &file->services[i].rpcs[k];

            check_use(c, rpc->place, "the request of rpc", rpc->name, rpc->request->file);
            check_use(c, rpc->place, "the reply of rpc", rpc->name, rpc->reply->file);
        }
    }
}

/* ---- services ---- */

static bool begins(const char *text, const char *begin)
{
    return strncmp(text, begin, strlen(begin)) == 0;
}

static void check_prefix(gen_checking *c, const gen_service *service)
{
    const char *prefix = service->prefix;
    const char *why = NULL;

    if (!gen_name_identifier(prefix)) {
        why = "is no C identifier";
    } else if (*prefix == '_') {
        why = "is reserved for the compiler";
    } else if (strcmp(prefix, "csvc") == 0 ||
               (begins(prefix, "csvc_") && !begins(prefix, "csvc_pb_"))) {
        /* csvc_pb is what the runtime's own protos are made with */
        why = "is reserved for the runtime";
    } else if (begins(prefix, "protobuf_c")) {
        why = "belongs to protobuf-c";
    }
    if (why == NULL) {
        return;
    }
    gen_report(c->diag, GEN_ERROR, service->place, "service %s has the prefix \"%.100s\", which %s",
               service->name, prefix, why);
    gen_report(c->diag, GEN_NOTE, service->place,
               "say how its C names begin: option (c_svc.c_prefix) = \"my_service\";");
}

static void refuse_retry(gen_checking *c, const gen_rpc *rpc, const char *what, const char *range)
{
    gen_report(c->diag, GEN_ERROR, rpc->place, "rpc %s: (c_svc.rpc).retry.%s is out of range",
               rpc->name, what);
    gen_report(c->diag, GEN_NOTE, rpc->place, "%s; leave it out for the default", range);
}

/* What the runtime would refuse, at each call, is refused here, once. */
static void check_retry(gen_checking *c, const gen_rpc *rpc)
{
    static const char *const hour = "it is from 1 to 3600000, an hour";
    const CsvcPb__Retry *retry = rpc->retry;

    if (retry->has_max_attempts && (retry->max_attempts < 2 || retry->max_attempts > 5)) {
        refuse_retry(c, rpc, "max_attempts", "it is from 2 to 5, the first included");
    }
    for (size_t i = 0; i < retry->n_codes; i++) {
        if (retry->codes[i] <= CSVC_PB__CODE__OK ||
            retry->codes[i] > CSVC_PB__CODE__UNAUTHENTICATED) {
            refuse_retry(c, rpc, "codes",
                         "they are those of failures, CANCELLED to UNAUTHENTICATED");
        }
    }
    if (retry->has_initial_backoff_ms && retry->initial_backoff_ms - 1 >= MAX_BACKOFF_MS) {
        refuse_retry(c, rpc, "initial_backoff_ms", hour);
    }
    if (retry->has_max_backoff_ms && retry->max_backoff_ms - 1 >= MAX_BACKOFF_MS) {
        refuse_retry(c, rpc, "max_backoff_ms", hour);
    }
    if (retry->has_multiplier && !(retry->multiplier >= 0.001 && retry->multiplier <= 1000)) {
        refuse_retry(c, rpc, "multiplier", "it is from 0.001 to 1000");
    }
}

static void check_rpc(gen_checking *c, const gen_rpc *rpc)
{
    const char *prefix = rpc->service->prefix;
    const char *name = csvc_arena_printf(c->a, "%s_%s", prefix, rpc->c_name);

    if (rpc->retry != NULL) {
        check_retry(c, rpc);
    }
    if (name == NULL) {
        c->diag->failed = true;
    } else if (*rpc->c_name == '\0') {
        gen_report(c->diag, GEN_ERROR, rpc->place,
                   "rpc %s has no letter or digit to name it by in C", rpc->name);
        gen_report(c->diag, GEN_NOTE, rpc->place, "rename it");
    } else if (gen_name_function(name) || gen_name_macro(name)) {
        gen_report(c->diag, GEN_ERROR, rpc->place,
                   "rpc %s has the handler %s, which is a name of the C library", rpc->name, name);
        gen_report(c->diag, GEN_NOTE, rpc->service->place,
                   "give service %s another prefix: option (c_svc.c_prefix) = \"%s_service\";",
                   rpc->service->name, prefix);
    }
}

static void check_file(gen_checking *c, const gen_file *file)
{
    check_options(c, file);
    if (file->no_code) {
        return;
    }
    check_uses(c, file);
    for (size_t i = 0; i < file->n_all_messages; i++) {
        gen_check_message(c, file->all_messages[i]);
    }
    for (size_t i = 0; i < file->n_services; i++) {
        const gen_service *service = &file->services[i];

        check_prefix(c, service);
        for (size_t k = 0; k < service->n_rpcs; k++) {
            check_rpc(c, &service->rpcs[k]);
        }
    }
}

static void reach(gen_checking *c, const gen_file *file)
{
    if (c->reached[file->order]) {
        return;
    }
    c->reached[file->order] = true;
    for (size_t i = 0; i < file->n_uses; i++) {
        reach(c, file->uses[i]);
    }
}

void gen_check(const gen_model *model, const gen_parameters *parameters, gen_diag *diag)
{
    gen_checking c = {.model = model, .parameters = parameters, .diag = diag, .a = model->arena};

    gen_index_init(&c.members, c.a);
    c.reached = csvc_arena_calloc(c.a, model->n_files, sizeof(bool));
    if (c.reached == NULL) {
        diag->failed = true;
        return;
    }
    for (size_t i = 0; i < model->n_files; i++) {
        if (model->files[i]->generate) {
            reach(&c, model->files[i]);
        }
    }
    for (size_t i = 0; i < model->n_files; i++) {
        const gen_file *file = model->files[i];
        const char *fault = path_fault(file->name);

        if (!c.reached[i]) {
            continue;
        }
        if (fault != NULL) {
            gen_report(diag, GEN_ERROR, file->place,
                       "the path %s; it is pasted into comments and #include lines of C", fault);
            gen_report(diag, GEN_NOTE, file->place, "rename the file or its folder");
        }
        check_syntax(&c, file);
        if (file->generate) {
            check_file(&c, file);
        }
    }
    gen_check_symbols(&c);
}
