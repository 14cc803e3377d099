/*
 * update/update.h: bringing a project from what it is to what is asked for today.
 *
 *     update u;
 *     code = update_open(a, false, &u, &err);           locks it, finishes what was interrupted
 *     code = update_plan(&u, &err);                     reads and decides; nothing is written
 *     code = update_commit(&u, &err);                   all of it, or nothing
 *     update_close(&u);
 *
 * What changes the questions (c-svc add) changes u.project.config and adds the new c-svc.yaml to
 * the plan as GEN_YOURS between open and plan.
 */
#ifndef UPDATE_UPDATE_H
#define UPDATE_UPDATE_H

#include "decide.h"
#include "rename.h"
#include "project/project.h"
#include "transaction.h"

typedef struct update {
    csvc_arena *a;
    project project;
    pipeline pipeline;
    update_txn *txn; /* NULL: only looking */

    /* Asked for. */
    update_how how;
    bool gen_only;       /* gen/ alone: what is the user's is not looked at */
    bool allow_breaking; /* of the wire */
    bool only_shows;     /* what breaks and what looks renamed is no question */
    cli_list restore;    /* paths */
    cli_list prune;      /* paths, as how.prune does it for all */

    cli_list said; /* what of that answers a question, as it was given */

    /* What came out, by path; .c-svc/ last. */
    update_file *files;
    size_t n_files, max_files;
    update_renames renamed;
    size_t counts[UPDATE_N_STATUS];
    bool is_merge;  /* of two branches: the lock was in conflict */
    size_t changes; /* files that are written or removed, records included */
} update;

/* The project that c-svc was started in. With `looking` nothing is locked, mended or written:
 * FAILED_PRECONDITION when an interrupted update lies there. */
csvc_code update_open(csvc_arena *a, bool looking, update *ret_update, csvc_error *err);

/*
 * Runs protoc, composes the project and decides. Printed are only the protos' own errors.
 * FAILED_PRECONDITION: markers of the last conflict are left, a newer c-svc was here; DATA_LOSS:
 * .c-svc/ is damaged.
 */
csvc_code update_plan(update *u, csvc_error *err);

csvc_code update_commit(update *u, csvc_error *err);

void update_close(update *u);

/* project_shown. */
const char *update_shown(const update *u, const char *path);

#endif /* UPDATE_UPDATE_H */
