/* update/steps.h: what the parts of a transaction share: its steps, and where they lie. */
#ifndef UPDATE_STEPS_H
#define UPDATE_STEPS_H

#include <csvc/arena.h>
#include <csvc/code.h>
#include "console/say.h"
#include "project/sha256.h"

#define UPDATE_HOME    ".c-svc"
#define UPDATE_STAGING ".c-svc/update"

/* There as long as an update is half done: whoever finds it leaves the project alone. */
#define UPDATE_JOURNAL ".c-svc/update/journal"

enum {
    UPDATE_MAX_FILE = 256 << 20,
    UPDATE_MAX_JOURNAL = 64 << 20,
    UPDATE_MAX_STEPS = 2 * 100000 /* what a lock may hold, and their bases */
};

typedef struct update_step {
    bool removes;
    bool same;         /* nothing to be done */
    const char *path;  /* as it was planned */
    const char *place; /* where that lies once links are followed; both below the root */
    unsigned mode;
    csvc_bytes content;       /* not after reading a journal */
    char was[SHA256_HEX];     /* what is there before; "" nothing */
    char becomes[SHA256_HEX]; /* and afterwards */
} update_step;

typedef struct update_steps {
    update_step *items;
    size_t len, max;
    cli_list folders; /* that are to be made, outer ones first */
} update_steps;

/* ---- steps.c ---- */

void update__add_step(csvc_arena *a, update_steps *steps, update_step step);

/* ---- where things lie (place.c) ---- */

/* The root or a folder below it ("."), as the system takes it. */
const char *update__folder(csvc_arena *a, const char *root, const char *folder);

/* Whether a path stays in the project, whatever links are on its way. */
csvc_code update__check_inside(csvc_arena *a, const char *root, const char *path, csvc_error *err);

/* Whether what c-svc keeps beside a change lies in folders that are its own. */
csvc_code update__check_home(csvc_arena *a, const char *root, csvc_error *err);

/*
 * Whether a change may be made there, links aside: below the root, and neither in a repository's
 * own folder nor among the files of the change itself.
 */
bool update__is_place(const char *path);

/*
 * Follows links; says whether a file can be written or removed there, and adds the folders that
 * this takes. Fills place, same, and, unless it is the same, was and becomes.
 */
csvc_code update__find_place(csvc_arena *a, const char *root, update_step *step, cli_list *folders,
                             csvc_error *err);

/* No two steps at one place, no file where another needs a folder. */
csvc_code update__check_apart(csvc_arena *a, const char *root, update_steps *steps,
                              csvc_error *err);

/* What lies at `place`: the hash of a file or of where a link leads, "" nothing, "?" anything else.
 */
csvc_code update__hash_at(const char *root, const char *place, char ret_hash[SHA256_HEX],
                          csvc_error *err);

/* The n-th step's file under UPDATE_STAGING, "new" or "old". */
const char *update__staged(csvc_arena *a, const char *root, size_t n, const char *which);

/* ---- the journal (journal.c) ---- */

/* Writes and syncs it; from then on the steps are going to happen. */
csvc_code update__journal_write(csvc_arena *a, const char *root, const update_steps *steps,
                                csvc_error *err);

/* NOT_FOUND: there is none. DATA_LOSS: it is not whole. FAILED_PRECONDITION: a newer c-svc's. */
csvc_code update__journal_read(csvc_arena *a, const char *root, update_steps *ret_steps,
                               csvc_error *err);

/* What was written to a file or a folder reaches the disk. */
csvc_code update__sync(const char *path, csvc_error *err);

/* ---- doing it (apply.c) ---- */

/* Moves everything into place that is not there yet. On failure some of it is. */
csvc_code update__forward(csvc_arena *a, const char *root, const update_steps *steps,
                          csvc_error *err);

/* Puts everything back that was moved. What is neither as it was nor as it was to be stays, and is
 * added to `left`. */
csvc_code update__back(csvc_arena *a, const char *root, const update_steps *steps, cli_list *left,
                       csvc_error *err);

/* Whether the rest can still be done; else adds what somebody changed to `changed`. */
bool update__may_go_forward(csvc_arena *a, const char *root, const update_steps *steps,
                            cli_list *changed);

/* The end of either: the journal goes, then the rest. */
csvc_code update__finish(csvc_arena *a, const char *root, csvc_error *err);

/* ---- the lock (lock_folder.c) ---- */

/* Opens and locks .c-svc, which is made when it is not there, waiting for another c-svc. */
csvc_code update__lock(csvc_arena *a, const char *root, int *ret_fd, csvc_error *err);

#endif /* UPDATE_STEPS_H */
