/*
 * lock.h: .c-svc/lock.json: which c-svc made a project, of what, and what became of each file.
 *
 *     {
 *       "format": 2,
 *       "c-svc": "0.1.0",
 *       "inference": 1,
 *       "inputs": {"c-svc.yaml": "SHA-256", ...},
 *       "files": {
 *         "Makefile": {"owner": "merged", "hash": "SHA-256"},
 *         "server/PREFIX/RPC.c": {"owner": "born-once", "hash": "SHA-256", "at": "server/a.c"},
 *         "server/service.h": {"owner": "born-once", "hash": "SHA-256", "state": "deleted"},
 *         ...
 *       },
 *       "generated": {"gen/user.csvc.c": "SHA-256", ...}
 *     }
 *
 * Sorted, a file a line, so that two people's runs give the same bytes and their changes merge.
 * Format 1 (no "format") knew no "files".
 */
#ifndef PROJECT_LOCK_H
#define PROJECT_LOCK_H

#include "console/say.h"
#include "output/output.h"

#define LOCK_HOME     ".c-svc/"
#define LOCK_FILE     ".c-svc/lock.json"
#define CONTRACT_FILE ".c-svc/descriptors.pb" /* what contract.h is about */
#define LOCK_GIT      ".c-svc/.gitattributes" /* how git merges all this */
#define LOCK_BASE     ".c-svc/base/"          /* and the path of a merged file: its last render */

enum {
    LOCK_FORMAT = 2,
    LOCK_MAX_FILES = 100000
};

struct project;

typedef enum lock_state {
    LOCK_THERE = 0,
    LOCK_DELETED,  /* by the user: stays so */
    LOCK_CONFLICT, /* the last update left markers in it */
    LOCK_FOREIGN,  /* was there when c-svc wanted to write it: not ours */
} lock_state;

/* What c-svc knows of a file that is the user's. */
typedef struct lock_record {
    const char *path; /* where c-svc put it */
    const char *at;   /* where the user moved it; NULL: nowhere */
    gen_owner owner;
    lock_state state;
    /* Of the render it was born as, of the last one that was merged; "": unknown. */
    const char *hash;
} lock_record;

typedef struct lock_hash {
    const char *path, *hash;
} lock_hash;

typedef struct lock {
    unsigned format; /* 0: there is none */
    const char *version;
    lock_record *files;
    size_t n_files, max_files;
    bool has_contract; /* the protos of the last update were recorded */
    lock_hash *generated;
    size_t n_generated, max_generated;
    bool is_merge; /* of two, with markers around where they differ */
} lock;

/*
 * Reads the project's. NOT_FOUND: there is none; DATA_LOSS: it is damaged; FAILED_PRECONDITION: a
 * newer c-svc has been here. The text says so in full, with how to mend it.
 */
csvc_code lock_read(csvc_arena *a, const char *root, lock *ret_lock, csvc_error *err);

/* Its text; `path` is for messages. One with the markers of a merge is read as both its sides. */
csvc_code lock_parse(csvc_arena *a, const char *path, csvc_bytes text, lock *ret_lock,
                     csvc_error *err);

/* The record of a path; NULL when there is none. */
lock_record *lock_find(const lock *l, const char *path);

/* Adds a record, or replaces the one of its path. */
void lock_put(csvc_arena *a, lock *l, lock_record record);
void lock_drop(lock *l, const char *path);

/* Whether a path of the project is one of .c-svc/: a record of ours, which nobody is told of. */
bool lock_is_record(const char *path);

const char *lock_owner_name(gen_owner owner);
const char *lock_state_name(lock_state state);

/* ---- two of them (lock_merge.c) ---- */

/* One side of a text with git's conflict markers; NULL when they are not whole. */
const char *lock_side(csvc_arena *a, const char *text, bool of_theirs);

/* Of such a side the last member of an object, on a line of its own, may have lost its comma. */
const char *lock_commas(csvc_arena *a, const char *text);

lock lock_together(csvc_arena *a, const lock *ours, const lock *theirs);

/* Whether b is a later version than a: "0.10.0" than "0.9.1". */
bool lock_is_later(const char *a, const char *b);

/* ---- of a project that is being made (lock_write.c) ---- */

/* The SHA-256 of what `sha256sum` prints of p->inputs; hex, in the arena. */
csvc_code lock_sum(struct project *p, const char **ret_hex, csvc_error *err);

/* Records the files in the plan that are the user's from now on, and adds the bases of the merged
 * ones: a project is born. */
void lock_born(struct project *p);

/* The text of .c-svc/lock.json: p->lock's files, and what is in the plan. */
csvc_code lock_text(struct project *p, csvc_bytes *ret_text, csvc_error *err);

#endif /* PROJECT_LOCK_H */
