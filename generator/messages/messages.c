/*
 * messages/messages.c: the messages, by protoc-gen-c.
 *
 * It gets the request as we would have it: no services (their C is ours, and its own does not
 * survive an rpc called Delete), no extensions (it makes nothing of them), only the imports whose
 * types are used, and the options that keep a field clear of the first member's name.
 */
#include <string.h>

#include "common/index.h"
#include "common/pb.h"
#include "common/process.h"
#include "messages/mend.h"
#include "messages/messages.h"

#include "base/banned.h"

typedef struct maker {
    csvc_arena *a;
    const gen_model *model;
    const gen_parameters *parameters;
    bool *wanted; /* by a file's order */
    bool no_memory;
} maker;

static void *copy_of(maker *m, const void *message, size_t size)
{
    void *copy = csvc_arena_alloc(m->a, size);

    if (copy == NULL) {
        m->no_memory = true;
        return NULL;
    }
    memcpy(copy, message, size);
    return copy;
}

static void *take(maker *m, size_t count, size_t size)
{
    void *memory = csvc_arena_calloc(m->a, count, size);

    m->no_memory |= memory == NULL;
    return memory;
}

static bool add_extension(maker *m, void *options, const csvc_message_type *type, const void *rule)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_bytes bytes;

    if (csvc_encode(m->a, type, rule, &bytes, &err) != CSVC_OK ||
        !gen_pb_add_extension(m->a, options, GEN_EXT_PB_C, bytes)) {
        m->no_memory = true;
        return false;
    }
    return true;
}

/* ---- one message ---- */

static CsvcPb__FieldDescriptorProto *rename_field(maker *m, const gen_field *field,
                                                  CsvcPb__FieldDescriptorProto *proto)
{
    CsvcPb__FieldDescriptorProto *copy = copy_of(m, proto, sizeof(*copy));
    char *name = csvc_arena_printf(m->a, "%s_", field->name);

    if (copy == NULL || name == NULL) {
        m->no_memory = true;
        return NULL;
    }
    copy->name = name;
    return copy;
}

static bool has_renamed(const gen_message *message)
{
    for (size_t i = 0; i < message->n_fields; i++) {
        if (message->fields[i]->renamed) {
            return true;
        }
    }
    return false;
}

static CsvcPb__MessageOptions *with_base(maker *m, const gen_message *message)
{
    CsvcPb__MessageRule rule = CSVC_PB__MESSAGE_RULE__INIT;
    CsvcPb__MessageOptions *options;

    if (message->proto->options != NULL) {
        options = copy_of(m, message->proto->options, sizeof(*options));
    } else {
        options = csvc_message_new(m->a, GEN_PB(message_options));
        m->no_memory |= options == NULL;
    }
    rule.base_field_name = (char *)(uintptr_t)message->c_base;
    if (options != NULL) {
        (void)add_extension(m, options, GEN_PB(message_rule), &rule);
    }
    return options;
}

static CsvcPb__DescriptorProto *make_message(maker *m, const gen_message *message)
{
    CsvcPb__DescriptorProto *copy = copy_of(m, message->proto, sizeof(*copy));

    if (copy == NULL) {
        return NULL;
    }
    copy->n_extension = 0;
    if (message->base_option == NULL && strcmp(message->c_base, "base") != 0) {
        copy->options = with_base(m, message);
    }
    if (has_renamed(message)) {
        copy->field = take(m, message->n_fields, sizeof(*copy->field));
        for (size_t i = 0; i < message->n_fields && !m->no_memory; i++) {
            copy->field[i] = message->proto->field[i];
            if (message->fields[i]->renamed) {
                copy->field[i] = rename_field(m, message->fields[i], copy->field[i]);
            }
        }
    }
    if (message->n_messages > 0) {
        copy->nested_type = take(m, message->n_messages, sizeof(*copy->nested_type));
        for (size_t i = 0; i < message->n_messages && !m->no_memory; i++) {
            copy->nested_type[i] = make_message(m, message->messages[i]);
        }
    }
    return copy;
}

/* ---- one file ---- */

static void make_file_options(maker *m, const gen_file *file, CsvcPb__FileDescriptorProto *copy)
{
    bool renames = file->generate && m->parameters->c_package != NULL;

    if (!renames && !file->code_size) {
        return;
    }
    if (copy->options != NULL) {
        copy->options = copy_of(m, copy->options, sizeof(*copy->options));
    } else {
        copy->options = csvc_message_new(m->a, GEN_PB(file_options));
        m->no_memory |= copy->options == NULL;
    }
    if (m->no_memory) {
        return;
    }
    /* It would leave out the names, which JSON and texts of errors need. */
    copy->options->has_optimize_for = false;
    if (renames) {
        CsvcPb__FileRule rule = CSVC_PB__FILE_RULE__INIT;

        rule.c_package = (char *)(uintptr_t)m->parameters->c_package;
        (void)add_extension(m, copy->options, GEN_PB(file_rule), &rule);
    }
}

/* Comments are copied into C by protoc-gen-c, which knows of end marks, but not of trigraphs. */
static char *clean(maker *m, char *comment)
{
    char *copy = comment;

    for (char *at = comment; at != NULL && (at = strstr(at, "?\?")) != NULL; at++) {
        if (copy == comment) {
            copy = csvc_arena_strdup(m->a, comment);
            if (copy == NULL) {
                m->no_memory = true;
                return NULL;
            }
        }
        copy[at + 1 - comment] = '.';
    }
    return copy;
}

/* Only places with comments: it looks for nothing else, and there are ten times as many others. */
static CsvcPb__SourceCodeInfo *clean_comments(maker *m, CsvcPb__SourceCodeInfo *info)
{
    CsvcPb__SourceCodeInfo *copy = copy_of(m, info, sizeof(*copy));
    CsvcPb__SourceCodeInfo__Location **locations =
        take(m, info->n_location, sizeof(CsvcPb__SourceCodeInfo__Location *));
    size_t n = 0;

    for (size_t i = 0; i < info->n_location && !m->no_memory; i++) {
        CsvcPb__SourceCodeInfo__Location *location = info->location[i];
        char *leading = clean(m, location->leading_comments);
        char *trailing = clean(m, location->trailing_comments);

        if (leading == NULL && trailing == NULL && location->n_leading_detached_comments == 0) {
            continue;
        }
        locations[n] = location;
        if (leading != location->leading_comments || trailing != location->trailing_comments) {
            locations[n] = copy_of(m, location, sizeof(*location));
            if (locations[n] != NULL) {
                locations[n]->leading_comments = leading;
                locations[n]->trailing_comments = trailing;
            }
        }
        n++;
    }
    if (copy != NULL) {
        copy->n_location = n;
        copy->location = locations;
    }
    return copy;
}

static CsvcPb__FileDescriptorProto *make_file(maker *m, const gen_file *file)
{
    CsvcPb__FileDescriptorProto *copy = copy_of(m, file->proto, sizeof(*copy));

    if (copy == NULL) {
        return NULL;
    }
    copy->n_service = 0;
    copy->n_extension = 0;
    copy->n_public_dependency = 0;
    copy->n_weak_dependency = 0;
    copy->n_dependency = file->n_field_uses;
    copy->dependency = take(m, file->n_field_uses, sizeof(char *));
    for (size_t i = 0; i < file->n_field_uses && !m->no_memory; i++) {
        copy->dependency[i] = (char *)(uintptr_t)file->field_uses[i]->name;
    }
    make_file_options(m, file, copy);
    if (copy->source_code_info != NULL) {
        copy->source_code_info = clean_comments(m, copy->source_code_info);
    }
    copy->message_type = take(m, file->n_messages, sizeof(*copy->message_type));
    for (size_t i = 0; i < file->n_messages && !m->no_memory; i++) {
        copy->message_type[i] = make_message(m, file->messages[i]);
    }
    return copy;
}

static void want(maker *m, const gen_file *file)
{
    if (m->wanted[file->order]) {
        return;
    }
    m->wanted[file->order] = true;
    for (size_t i = 0; i < file->n_field_uses; i++) {
        want(m, file->field_uses[i]);
    }
}

static csvc_code make_request(maker *m, csvc_bytes *ret_bytes, size_t *ret_n_files, csvc_error *err)
{
    CsvcPb__CodeGeneratorRequest request = CSVC_PB__CODE_GENERATOR_REQUEST__INIT;
    const gen_model *model = m->model;

    request.file_to_generate = take(m, model->n_files, sizeof(char *));
    request.proto_file = take(m, model->n_files, sizeof(*request.proto_file));
    m->wanted = take(m, model->n_files, sizeof(bool));
    for (size_t i = 0; i < model->n_files && !m->no_memory; i++) {
        const gen_file *file = model->files[i];

        if (file->generate && !file->no_code) {
            request.file_to_generate[request.n_file_to_generate++] = (char *)(uintptr_t)file->name;
            want(m, file);
        }
    }
    for (size_t i = 0; i < model->n_files && !m->no_memory; i++) {
        if (m->wanted[i]) {
            request.proto_file[request.n_proto_file++] = make_file(m, model->files[i]);
        }
    }
    if (m->no_memory) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    *ret_n_files = request.n_file_to_generate;
    return csvc_encode(m->a, GEN_PB(code_generator_request), &request, ret_bytes, err);
}

/* ---- what comes back ---- */

static csvc_code explain(const csvc_error *why, csvc_code code, csvc_error *err)
{
    if (code == CSVC_NOT_FOUND) {
        return csvc_error_set(err, code,
                              "%s; it makes the messages: install the package protobuf-c-compiler, "
                              "or say where it is with the parameter protoc_gen_c=PATH, or leave "
                              "the messages to protoc --c_out with messages=off",
                              why->text);
    }
    return csvc_error_set(err, code, "%s", why->text);
}

/* The file of the model whose messages an output holds; NULL: it is none we asked for. */
static const gen_file *source_of(maker *m, const gen_index *bases, const char *path)
{
    size_t len = strlen(path);
    char *base;

    if (len < 7 || (strcmp(path + len - 7, ".pb-c.h") != 0 && strcmp(path + len - 7, ".pb-c.c"))) {
        return NULL;
    }
    base = csvc_arena_strndup(m->a, path, len - 7);
    m->no_memory |= base == NULL;
    return base != NULL ? gen_index_get(bases, base) : NULL;
}

static csvc_code take_files(maker *m, gen_plan *plan, const char *program,
                            const CsvcPb__CodeGeneratorResponse *response, size_t n_files,
                            csvc_error *err)
{
    gen_index bases;
    void *old;

    if (response->error != NULL && response->error[0] != '\0') {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%.100s: %.380s", program,
                              response->error);
    }
    gen_index_init(&bases, m->a);
    for (size_t i = 0; i < m->model->n_files; i++) {
        gen_file *file = m->model->files[i];

        if (file->generate && !file->no_code && !gen_index_put(&bases, file->base, file, &old)) {
            m->no_memory = true;
        }
    }
    for (size_t i = 0; i < response->n_file && !m->no_memory; i++) {
        const CsvcPb__CodeGeneratorResponse__File *file = response->file[i];
        const gen_file *source = file->name != NULL ? source_of(m, &bases, file->name) : NULL;
        gen_output output = {.path = file->name, .owner = GEN_MACHINE, .content = file->content};
        csvc_code code;

        if (source == NULL || file->content == NULL) {
            return csvc_error_set(err, CSVC_INTERNAL, "%.100s made a file nobody asked for: %.200s",
                                  program, file->name != NULL ? file->name : "without a name");
        }
        code =
            gen_mend(m->a, source, file->name[strlen(file->name) - 1] == 'h', &output.content, err);
        if (code != CSVC_OK) {
            return code;
        }
        output.len = strlen(output.content);
        m->no_memory |= !gen_plan_add(m->a, plan, output);
    }
    if (m->no_memory) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (response->n_file != n_files * 2) {
        return csvc_error_set(err, CSVC_INTERNAL, "%.100s made %zu files of %zu", program,
                              response->n_file, n_files * 2);
    }
    return CSVC_OK;
}

/* ---- the run ---- */

struct gen_messages {
    maker m;
    const char *program;
    gen_running *running;
    size_t n_files;
};

csvc_code gen_messages_start(const gen_model *model, const gen_request *request,
                             gen_messages **ret_messages, csvc_error *err)
{
    gen_messages *messages = csvc_arena_calloc(request->arena, 1, sizeof(*messages));
    csvc_error why = {CSVC_ERROR_INIT};
    csvc_arena *scratch;
    csvc_bytes input;
    csvc_code code;

    *ret_messages = NULL;
    if (messages == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    scratch = csvc_arena_new(0); /* its request is as large as ours, and gone once it is fed */
    if (scratch == NULL) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    messages->m = (maker){.a = scratch, .model = model, .parameters = &request->parameters};
    messages->program = request->parameters.protoc_gen_c != NULL ? request->parameters.protoc_gen_c
                                                                 : "protoc-gen-c";
    code = make_request(&messages->m, &input, &messages->n_files, err);
    if (code == CSVC_OK && messages->n_files > 0) {
        code = gen_filter_start(request->arena, messages->program, input, &messages->running, &why);
        if (code != CSVC_OK) {
            code = explain(&why, code, err);
        } else {
            *ret_messages = messages;
        }
    }
    (void)csvc_arena_free(scratch);
    messages->m.a = request->arena;
    return code;
}

csvc_code gen_messages_end(gen_messages *messages, gen_plan *plan, csvc_error *err)
{
    csvc_error why = {CSVC_ERROR_INIT};
    csvc__buffer output;
    void *response = NULL;
    csvc_code code;

    if (messages == NULL) {
        return CSVC_OK;
    }
    code = gen_filter_end(messages->running, &output, &why);
    if (code != CSVC_OK) {
        return explain(&why, code, err);
    }
    code =
        csvc_decode(messages->m.a, GEN_PB(code_generator_response),
                    (csvc_bytes){output.len, (const uint8_t *)output.data}, NULL, &response, &why);
    csvc__buffer_release(&output);
    if (code != CSVC_OK) {
        return csvc_error_set(err, code, "%.100s answered with something else: %.300s",
                              messages->program, why.text);
    }
    return take_files(&messages->m, plan, messages->program, response, messages->n_files, err);
}

void gen_messages_drop(gen_messages *messages)
{
    if (messages != NULL) {
        gen_process_drop(messages->running);
    }
}
