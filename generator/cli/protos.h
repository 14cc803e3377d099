/*
 * protos.h: .proto files named on the command line, and where their imports start from.
 *
 * With -I a proto is imported by what follows the first of those folders it lies below. Without,
 * its own folder is tried, then the ones above it: the first with which all imports are found.
 */
#ifndef CLI_PROTOS_H
#define CLI_PROTOS_H

#include "cli.h"
#include "project/pipeline.h"

/* Says what is wrong with them: not there, no .proto, given twice. CLI_FAILED, CLI_USAGE. */
int protos_check(csvc_arena *a, const cli_args *args, const char *const *protos, size_t n_protos,
                 const char *const *folders, size_t n_folders);

/* Finds their import names, fills p->files and p->folders and runs protoc. */
csvc_code protos_compile(pipeline *p, const char *const *protos, size_t n_protos,
                         const char *const *folders, size_t n_folders, csvc_error *err);

#endif /* CLI_PROTOS_H */
