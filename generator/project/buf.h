/*
 * buf.h: folders that protos are imported from because a buf.yaml or a buf.work.yaml says so:
 * modules, and the dependencies that the buf.lock of each names, where buf has them on this
 * machine.
 *
 * Nothing is fetched: that is `buf build`'s and `buf dep update`'s.
 */
#ifndef PROJECT_BUF_H
#define PROJECT_BUF_H

#include "console/say.h"

#define BUF_FILE      "buf.yaml"
#define BUF_WORKSPACE "buf.work.yaml" /* of version 1 */
#define BUF_LOCK      "buf.lock"

/*
 * What the buf.yaml and buf.work.yaml in this folder ("" or as files_join takes it), if there are
 * any, add to `folders`. Dependencies that are not on this machine come into `missing`.
 * FAILED_PRECONDITION, with place, when a file is not what buf writes.
 */
csvc_code buf_folders(csvc_arena *a, const char *folder, cli_list *folders, cli_list *missing,
                      csvc_error *err);

/* The same of an import folder and of the one above it, where such a file names it as a module. */
csvc_code buf_folders_of_import(csvc_arena *a, const char *folder, cli_list *folders,
                                cli_list *missing, csvc_error *err);

#endif /* PROJECT_BUF_H */
