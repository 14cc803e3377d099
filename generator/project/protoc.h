/*
 * protoc.h: .proto files to descriptors, by the installed protoc.
 *
 * c-svc has no parser of its own: what protoc refuses is refused, in its words, with the place in
 * front. Nothing is written to disk.
 */
#ifndef PROJECT_PROTOC_H
#define PROJECT_PROTOC_H

#include "console/say.h"

/* A .proto and the name others import it by: "api/user/v1/user.proto", "user/v1/user.proto". */
typedef struct protoc_file {
    const char *path;
    const char *name;
} protoc_file;

/* The folder that c_svc/options.proto comes from, beside this program; NULL when it is not there.
 */
const char *protoc_own_folder(csvc_arena *a);

/* A page of the documentation that was installed with this program; in the sources, docs/NAME. */
const char *protoc_own_page(csvc_arena *a, const char *name);

/*
 * Compiles the files, with all they import and their comments, to a serialized FileDescriptorSet.
 * INVALID_ARGUMENT when protoc refused them: what it said is in *ret_said, as lines `file:line:col:
 * error: text` (on success its warnings). NOT_FOUND when there is no protoc; other codes as of
 * cli_run.
 */
csvc_code protoc_compile(csvc_arena *a, const cli_list *folders, const protoc_file *files,
                         size_t n_files, csvc_bytes *ret_set, const char **ret_said,
                         csvc_error *err);

/* Where a file lies that is imported by this name: the first folder that has it, or our own; NULL
 * when it comes with protoc. */
const char *protoc_find(csvc_arena *a, const cli_list *folders, const char *name);

#endif /* PROJECT_PROTOC_H */
