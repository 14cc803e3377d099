/*
 * pipeline.h: from .proto files to a model that may be rendered: protoc, request, model,
 * inference, check. What new-service, generate and explain have in common.
 */
#ifndef PROJECT_PIPELINE_H
#define PROJECT_PIPELINE_H

#include "config.h"
#include "infer/infer.h"
#include "model/build.h"
#include "protoc.h"

typedef struct pipeline {
    csvc_arena *a;

    /* Asked for. */
    cli_list folders; /* that imports start from */
    protoc_file *files;
    size_t n_files;
    uint32_t inference;
    bool no_storage;     /* no entities, whatever they look like */
    bool needs_services; /* protos without any are an error, else a warning */

    /* What came out. */
    cli_list all;     /* folders, and those that a buf.yaml adds */
    csvc_bytes set;   /* of descriptors */
    bool lost_import; /* protoc failed, and did not find a file */
    gen_request request;
    gen_model *model;
    gen_diag diag;
} pipeline;

/*
 * Runs it. Prints what is wrong with the protos, and the warnings, on standard error, each line
 * with the path of its file. INVALID_ARGUMENT when there were errors (all are printed); other codes
 * with the reason in err.
 */
csvc_code pipeline_run(pipeline *p, csvc_error *err);

/* The first half: protoc alone. What it said is printed, too, unless `quiet`. */
csvc_code pipeline_compile(pipeline *p, bool quiet, csvc_error *err);
csvc_code pipeline_build(pipeline *p, csvc_error *err);

/* Problems reported since, by who works with the model afterwards. */
void pipeline_print_problems(pipeline *p);

/* Where the proto that is imported by this name lies, as it is shown. */
const char *pipeline_shown(const pipeline *p, const char *name);

/* google/protobuf/timestamp.proto and its siblings: their C comes with libcsvc-wkt. */
bool pipeline_is_well_known(const char *name);

/* The options that protos may import of us. */
#define PIPELINE_OPTIONS "c_svc/options.proto"

/* protoc or c-svc bring it, so a project holds no copy: google/protobuf/ and c_svc/options.proto.
 */
bool pipeline_is_provided(const char *name);

#endif /* PROJECT_PIPELINE_H */
