/* model/parts.h: what the files that build the model share. */
#ifndef GEN_MODEL_PARTS_H
#define GEN_MODEL_PARTS_H

#include "common/index.h"
#include "common/pb.h"
#include "model/model.h"

/* A path into a FileDescriptorProto, as source_code_info has them: field number, index, ... */
enum {
    GEN_MAX_PATH = 256
};
typedef struct gen_path {
    int32_t at[GEN_MAX_PATH];
    size_t n;
} gen_path;

/* The locations of one file, found by path. */
typedef struct gen_places {
    const char *file;
    const CsvcPb__SourceCodeInfo__Location **slots;
    size_t n_slots; /* a power of two; 0: there are none */
} gen_places;

typedef struct gen_builder {
    csvc_arena *a;
    gen_diag *diag;
    gen_model *model;
    gen_places places; /* of the file being read */
    gen_path path;     /* of the node being read */
    gen_file *file;
    bool no_memory;
} gen_builder;

/* Zeroed memory; NULL, and no_memory set, when it is short. A count of 0 gives NULL as well. */
void *gen_take(gen_builder *b, size_t count, size_t size);
char *gen_join(gen_builder *b, const char *scope, const char *name); /* scope.name */

/* ---- places.c ---- */

bool gen_places_read(gen_builder *b, const CsvcPb__FileDescriptorProto *proto);

/* Where the node at the builder's path has its name, else where it starts. */
gen_place gen_place_here(const gen_builder *b);
gen_place gen_place_of(const gen_builder *b, int32_t field); /* of a top-level field of the file */
gen_place gen_place_of_options(const gen_builder *b, int32_t extension, int32_t max_field);
gen_comments gen_comments_here(const gen_builder *b, bool trailing);

/* ---- options.c ---- */

void gen_read_file_options(gen_builder *b, gen_file *file);
void gen_read_message_options(gen_builder *b, gen_message *message);
void gen_read_field_options(gen_builder *b, gen_field *field,
                            const CsvcPb__FieldDescriptorProto *proto);
void gen_read_service_options(gen_builder *b, gen_service *service,
                              const CsvcPb__ServiceDescriptorProto *proto);
void gen_read_rpc_options(gen_builder *b, gen_rpc *rpc, const CsvcPb__MethodDescriptorProto *proto);

/* ---- read.c: the nodes of a file, with nothing resolved yet ---- */

void gen_read_file(gen_builder *b, gen_file *file);

/* ---- resolve.c: type names to nodes, and what follows from that ---- */

void gen_resolve(gen_builder *b);

/* ---- names.c: the C names, when all is resolved ---- */

/*
 * Fills every c_* member, prefix and path of the model. `c_package`
 * stands in for the packages of the files to generate; NULL: it does not. False: no memory.
 */
bool gen_name_model(gen_model *model, const char *c_package);

#endif /* GEN_MODEL_PARTS_H */
