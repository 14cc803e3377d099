/*
 * sqlite/sqlite.h: the inside of the SQLite driver.
 *
 * One connection writes, taken in turn (writer.c); it alone checkpoints. Others only read
 * (readers.c). A database in memory has the writing one alone. connection.c runs statements on
 * either. Each connection serves one thread at a time and has no lock of its own.
 */
#ifndef CSVC_STORE_SQLITE_H
#define CSVC_STORE_SQLITE_H

#include <rpc/ctx.h>
#include <store/driver.h>

#include <pthread.h>
#include <sqlite3.h>

enum {
    CSVC__SQLITE_STATEMENTS = 128, /* kept prepared for each connection */
    CSVC__SQLITE_BUCKETS = 64,
    CSVC__SQLITE_GROUP = 128, /* writes that one commit is for */
    CSVC__SQLITE_READERS = 8, /* default */
    CSVC__SQLITE_MAX_READERS = 1024,
    CSVC__SQLITE_BUSY_MS = 5000,          /* default */
    CSVC__SQLITE_MIGRATE_BUSY_MS = 60000, /* other starters may have long steps */
    CSVC__SQLITE_LATE_MS = 250,           /* a cancelled write in company runs on so long */
    CSVC__SQLITE_CHECKPOINT_PAGES = 1000, /* of the log, before it is copied back */
    CSVC__SQLITE_RESTART_PAGES = 4000,    /* before readers are waited for */
    CSVC__SQLITE_RESTART_MS = 100,        /* and how long */
    CSVC__SQLITE_LOG_BYTES = 64 << 20,    /* the log file is cut to this when it restarts */
    CSVC__SQLITE_PROGRESS = 2000,         /* steps of SQLite's machine between two looks at ctx */
};

/* ---- connection.c ---- */

typedef struct csvc__statement {
    struct csvc__statement *next; /* in its bucket */
    sqlite3_stmt *stmt;           /* NULL: the place is free */
    uint64_t hash;
    uint64_t used; /* when, counted in uses */
} csvc__statement;

/* When a statement is interrupted after its ctx has ended. */
typedef enum csvc__patience {
    CSVC__INTERRUPT_NEVER = 0,
    CSVC__INTERRUPT_AT_ONCE,
    CSVC__INTERRUPT_LATE, /* it would take others' writes along: only when it is long */
} csvc__patience;

typedef struct csvc__sqlite_conn {
    csvc__conn super;
    struct csvc__sqlite_conn *next; /* idle readers */
    sqlite3 *db;
    bool writes;    /* the writer */
    bool trusted;   /* a statement of ours: may begin and end transactions */
    bool scripting; /* a migration: may set a few more pragmas */
    bool worn;      /* failed in a way that makes another connection a better choice */

    /* the statement that runs */
    csvc_ctx *ctx;
    csvc__patience patience;
    int64_t cancelled_since; /* csvc__now() when that was first seen; 0: it was not */
    int system_errno;        /* the last that the one before it left */
    int64_t busy_ms;         /* how long to wait for another process */

    /* the writer's transaction */
    bool begun;
    bool untied;      /* foreign keys are not looked at */
    bool shared;      /* others' writes are in it */
    bool lost;        /* SQLite has rolled it back by itself */
    csvc_code why;    /* and why */
    int logged_pages; /* of the write-ahead log, after the last commit */

    uint64_t uses;
    csvc__statement *buckets[CSVC__SQLITE_BUCKETS];
    csvc__statement statements[CSVC__SQLITE_STATEMENTS];
} csvc__sqlite_conn;

/* Opens a connection with its settings; path NULL: in memory. NULL, with SQLite's result in *ret_rc
 * and problem filled. Nothing has been read from the file yet. */
csvc__sqlite_conn *csvc__sqlite_connect(const char *path, bool writes, int64_t busy_ms, int *ret_rc,
                                        csvc__problem *problem);
csvc__sqlite_conn *csvc__sqlite_disconnect(csvc__sqlite_conn *conn);

/* Runs a statement of the driver's own, like BEGIN. A SQLite result. */
int csvc__sqlite_own(csvc__sqlite_conn *conn, csvc_ctx *ctx, const char *sql);

csvc_code csvc__sqlite_run(csvc__conn *conn, csvc_ctx *ctx, unsigned flags, const csvc__sql *sql,
                           const csvc_value *params, size_t n_params, csvc__row_fn *row,
                           void *row_self, int64_t *ret_changed, csvc__problem *problem);
csvc_code csvc__sqlite_script(csvc__conn *conn, const char *text, csvc__problem *problem);
bool csvc__sqlite_unties(const char *text);

/* ---- problem.c ---- */

/* What a result means; ctx may be NULL. Fills problem. */
csvc_code csvc__sqlite_problem(csvc__sqlite_conn *conn, csvc_ctx *ctx, int rc,
                               csvc__problem *problem);

/* Logs what the caller of a driver's own statement is not told. */
void csvc__sqlite_log(csvc_ctx *ctx, const csvc__problem *problem);

/* ---- writer.c ---- */

struct csvc__request;

typedef struct csvc__writer {
    pthread_mutex_t lock;
    pthread_condattr_t clock; /* of the requests' conditions: the monotonic one */
    csvc__sqlite_conn *conn;  /* of whoever has the turn */
    bool busy;                /* somebody has */
    bool open;                /* a group's transaction is */
    bool alone;               /* nobody may join it */
    bool commit_each;
    bool careful;     /* a deferred foreign key was seen: every write gets a savepoint */
    uint32_t n_group; /* writes since it began */
    struct csvc__request *first, *last;             /* waiting for a turn */
    struct csvc__request *group_first, *group_last; /* done, waiting for the commit */
    const struct csvc__request *culprit;            /* whose failure undid the group; or NULL */
    int next_checkpoint;                            /* pages */
} csvc__writer;

bool csvc__writer_init(csvc__writer *w);
void csvc__writer_release(csvc__writer *w);

/* How many wait for a turn; with the lock held. */
int csvc__sqlite_queued(const csvc__writer *w);

csvc_code csvc__sqlite_write(csvc__backend *backend, csvc_ctx *ctx, unsigned flags,
                             csvc__session_fn *fn, void *fn_self, csvc_error *err);
csvc_code csvc__sqlite_exclusive(csvc__backend *backend, unsigned flags, csvc__session_fn *fn,
                                 void *fn_self, csvc_error *err);

/* A read that takes its turn among the writes: for databases in memory. */
csvc_code csvc__sqlite_read_in_turn(csvc__backend *backend, csvc_ctx *ctx, csvc__session_fn *fn,
                                    void *fn_self, csvc_error *err);

/* ---- readers.c ---- */

struct csvc__reader_wait;

typedef struct csvc__readers {
    pthread_mutex_t lock;
    pthread_condattr_t clock;
    csvc__sqlite_conn *idle;
    uint32_t n_open, max;
    struct csvc__reader_wait *first, *last;
} csvc__readers;

bool csvc__readers_init(csvc__readers *r, uint32_t max);
void csvc__readers_release(csvc__readers *r);

csvc_code csvc__sqlite_read(csvc__backend *backend, csvc_ctx *ctx, unsigned flags,
                            csvc__session_fn *fn, void *fn_self, csvc_error *err);

/* ---- wait.c ---- */

/* Something that waits under a lock until it is signalled, or its ctx ends. */
typedef struct csvc__wait {
    csvc__hook hook;
    csvc_ctx *ctx; /* may be NULL */
    pthread_mutex_t *lock;
    pthread_cond_t cond;
} csvc__wait;

/* Without the lock held, both: a cancellation takes it. */
void csvc__wait_begin(csvc__wait *wait, csvc_ctx *ctx, pthread_mutex_t *lock,
                      const pthread_condattr_t *clock);
void csvc__wait_end(csvc__wait *wait);

/* With the lock held: sleeps until signalled, cancelled, the deadline, or for no reason. */
void csvc__wait_sleep(csvc__wait *wait);

/* ---- driver.c ---- */

struct csvc__backend {
    char *path; /* absolute; NULL: in memory */
    int64_t busy_ms;
    csvc__writer writer;
    csvc__readers readers;
};

#endif /* CSVC_STORE_SQLITE_H */
