/*
 * update/decide.h: what becomes of one file of a project.
 *
 * From what the lock knows, what lies on disk, the last render and today's render follow a status,
 * what is to be written, and what the lock says afterwards. Nothing is read or written here.
 */
#ifndef UPDATE_DECIDE_H
#define UPDATE_DECIDE_H

#include "project/lock.h"

typedef enum update_status {
    UPDATE_CREATE = 0,
    UPDATE_CHANGE,    /* "update" */
    UPDATE_MERGE,     /* ours and the user's changes together */
    UPDATE_IDENTICAL, /* as it would be written */
    UPDATE_KEPT,      /* the user's */
    UPDATE_CONFLICT,  /* merged, with markers */
    UPDATE_STALE,     /* nothing asks for it any more */
    UPDATE_DELETED,   /* by the user: stays so */
    UPDATE_MOVED,     /* by the user */
    UPDATE_REMOVE,
    UPDATE_RENAME, /* called after something that has a new name */
    UPDATE_N_STATUS
} update_status;

typedef enum update_act {
    UPDATE_LEAVE = 0,
    UPDATE_WRITE,
    UPDATE_UNLINK,
} update_act;

/* What concerns every file. */
typedef struct update_how {
    bool prune;  /* stale files go, when they are as c-svc wrote them */
    bool rebase; /* bases that were lost are taken from today's render */
    bool lost;   /* and so was the lock: what is not there is not wanted */
} update_how;

typedef struct update_file {
    /* What is known. Bytes without data: there are none. */
    const char *path; /* where c-svc puts it */
    gen_owner owner;
    bool planned;              /* templates and protos ask for it */
    csvc_bytes render;         /* when they do */
    const lock_record *record; /* NULL: none */
    const char *at;            /* where it lies: path, elsewhere, or NULL: nowhere */
    const char *seems;         /* at NULL: what it looks like, but cannot be; or NULL */
    csvc_bytes disk;           /* what lies there */
    csvc_bytes base;           /* the last render of a merged file */
    bool known;                /* no record, but it was there once (old projects) */
    bool restore;              /* --restore */

    /* What follows. */
    update_status status;
    bool news; /* of interest also to who did not ask for every file */
    update_act act;
    csvc_bytes content;  /* to be written, at `at` or path */
    bool keeps_record;   /* else the lock forgets it */
    lock_record becomes; /* when it does not */
    bool new_base;       /* the render is the base from now on */
    bool drops_base;
    const char *problem; /* nothing may be written before it is mended; NULL: none */
    const char *remark;  /* to the user, behind the path; NULL: none */
    bool aside;          /* a part of what another one's line tells */
} update_file;

/* "create", "update", "merge"... */
const char *update_status_name(update_status status);

/* Fills what follows. RESOURCE_EXHAUSTED, or INTERNAL when the merge cannot be made. */
csvc_code update_decide(csvc_arena *a, const update_how *how, update_file *f, csvc_error *err);

#endif /* UPDATE_DECIDE_H */
