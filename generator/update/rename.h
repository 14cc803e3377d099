/*
 * update/rename.h: what of the user's is called after something in the protos that has a new name.
 *
 * For each rpc and service that `c-svc update --rename Old=New` names, and where only the prefix of
 * a service is another one: its handlers and tests go to
 * where they belong now, and the names in them that generated code no longer has become those it
 * has. Nothing else of the user's is changed; where such names stand elsewhere is said.
 */
#ifndef UPDATE_RENAME_H
#define UPDATE_RENAME_H

#include "compat/compat.h"
#include "project/project.h"

typedef struct update_rename {
    const char *before, *now; /* what c-svc calls the file: server/PREFIX/RPC.c */
    const char *from, *to;    /* where it is and will be, the same when the user keeps it elsewhere;
                                 NULL: there is none */
    csvc_bytes was, becomes;
    size_t n_names;       /* exchanged in it */
    const char *replaces; /* the one by the new name, as c-svc wrote it; NULL: none */
    csvc_bytes replaced;
} update_rename;

typedef struct update_renames {
    update_rename *items;
    size_t len;
    cli_list notes; /* `file:line: note: ...` */
} update_renames;

/* `matched` is what contract_match and update_match_late made of the names that were given; p->lock
 * that of the last update. ALREADY_EXISTS when there is a file where one would go, or a handler by
 * the new name, that is not as c-svc wrote it. */
csvc_code update_renames_find(project *p, const compat_services *matched, update_renames *ret,
                              csvc_error *err);

/* Where the user has a file: in its place, where the last update found it, or, a handler, wherever
 * its function is; NULL: nowhere. */
csvc_code update_place_of(project *p, const char *path, const char *function,
                          const char **ret_place, csvc_error *err);

/* The one that c-svc calls so now; NULL: none. */
const update_rename *update_renamed_to(const update_renames *renames, const char *path);

/* The lines where the compiler will find handlers whose types are others now, a note each; in those
 * of `renames` as they will be. */
csvc_code update_note_retyped(project *p, const compat_services *matched,
                              const update_renames *renames, cli_list *notes, csvc_error *err);

#endif /* UPDATE_RENAME_H */
