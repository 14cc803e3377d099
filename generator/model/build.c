/* model/build.c: building the model of a request. */
#include "model/build.h"

#include <string.h>

#include "model/parts.h"

#include "base/banned.h"

static bool is_printable(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return false;
        }
    }
    return *name != '\0';
}

static gen_file *new_file(gen_builder *b, const CsvcPb__FileDescriptorProto *proto)
{
    gen_file *file = gen_take(b, 1, sizeof(*file));
    void *old = NULL;
    char *key;

    if (file == NULL) {
        return NULL;
    }
    file->proto = proto;
    file->name = proto->name != NULL ? proto->name : "";
    key = csvc_arena_printf(b->a, "f.%s", file->name);
    if (key == NULL || !gen_index_put(b->model->index, key, file, &old)) {
        b->no_memory = true;
        return NULL;
    }
    file->place = (gen_place){.file = file->name};
    if (!is_printable(file->name)) { /* its name starts every report: nothing odd may be in it */
        file->place.file = NULL;
        gen_report(b->diag, GEN_ERROR, (gen_place){0},
                   "a file of the request has no name, or one with control characters");
    } else if (old != NULL) {
        gen_report(b->diag, GEN_ERROR, file->place, "is twice in the request");
    }
    return file;
}

static void mark_generated(gen_builder *b, const CsvcPb__CodeGeneratorRequest *proto)
{
    for (size_t i = 0; i < proto->n_file_to_generate; i++) {
        gen_file *file = gen_model_file(b->model, proto->file_to_generate[i]);

        if (file == NULL) {
            gen_report(b->diag, GEN_ERROR, (gen_place){0},
                       "the request asks for \"%.200s\" and does not have it",
                       proto->file_to_generate[i]);
        } else {
            file->generate = true;
            file->served = true;
        }
    }
}

/* What reflection serves: the file as it came, without the places and comments. */
static void keep_descriptor(gen_builder *b, gen_file *file)
{
    CsvcPb__FileDescriptorProto bare = *file->proto;
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_code code;

    bare.source_code_info = NULL;
    code = csvc_encode(b->a, GEN_PB(file_descriptor_proto), &bare, &file->descriptor, &err);
    if (code == CSVC_RESOURCE_EXHAUSTED) {
        b->no_memory = true;
    } else if (code != CSVC_OK) {
        gen_report(b->diag, GEN_ERROR, file->place, "its descriptor cannot be written: %s",
                   err.text);
    }
}

gen_model *gen_model_build(const gen_request *request, gen_diag *diag)
{
    const CsvcPb__CodeGeneratorRequest *proto = request->proto;
    gen_builder b = {.a = request->arena, .diag = diag};

    b.model = gen_take(&b, 1, sizeof(*b.model));
    if (b.model == NULL) {
        return NULL;
    }
    b.model->arena = request->arena;
    b.model->inference = request->parameters.inference;
    b.model->index = gen_take(&b, 1, sizeof(*b.model->index));
    b.model->files = gen_take(&b, proto->n_proto_file, sizeof(gen_file *));
    if (b.no_memory) {
        return NULL;
    }
    gen_index_init(b.model->index, request->arena);
    for (size_t i = 0; i < proto->n_proto_file && !b.no_memory; i++) {
        gen_file *file = new_file(&b, proto->proto_file[i]);

        if (file != NULL) {
            file->order = (uint32_t)i;
            b.model->files[b.model->n_files++] = file;
        }
    }
    if (b.no_memory) {
        return NULL;
    }
    mark_generated(&b, proto);
    for (size_t i = 0; i < b.model->n_files && !b.no_memory; i++) {
        gen_read_file(&b, b.model->files[i]);
        keep_descriptor(&b, b.model->files[i]);
    }
    if (!b.no_memory && diag->n_errors == 0) {
        gen_resolve(&b);
    }
    if (!b.no_memory && diag->n_errors == 0 &&
        !gen_name_model(b.model, request->parameters.c_package)) {
        b.no_memory = true;
    }
    return b.no_memory ? NULL : b.model;
}
