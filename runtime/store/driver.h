/*
 * store/driver.h: all that a database driver has to offer.
 *
 * A driver brings connections and turns; the rest of store/ brings entities, paging, migrations and
 * texts. It runs a function with a connection (`read`, `write`, `exclusive`) and, for that
 * function, one statement at a time (`run`). How writers share connections and commits is the
 * driver's business; what they may rely on is said here. Statements use only what SQLite and
 * PostgreSQL both know; where those differ, the text asks the driver (`param`, `like`, `same`).
 *
 * ctx may be NULL in every function: no deadline then, and waiting is allowed.
 */
#ifndef CSVC_STORE_DRIVER_H
#define CSVC_STORE_DRIVER_H

#include <base/buffer.h>
#include <csvc/store.h>

typedef struct csvc__backend csvc__backend; /* a driver's open database */

/* One of its connections; a driver's own struct begins with this. */
typedef struct csvc__conn {
    const csvc_db_driver *driver;
} csvc__conn;

/* A statement. Drivers keep prepared ones by hash and text; the text need not live long. */
typedef struct csvc__sql {
    const char *text;
    size_t len;
    uint64_t hash; /* csvc__hash of text */
} csvc__sql;

/* How a column keeps its values; docs/internals/store.md has the SQL type of each. */
typedef enum csvc__cell {
    CSVC__CELL_INT,      /* whole numbers, bool, enums; uint64 by its bits */
    CSVC__CELL_REAL,     /* float, double */
    CSVC__CELL_TEXT,     /* string */
    CSVC__CELL_BYTES,    /* bytes */
    CSVC__CELL_TIME,     /* Timestamp, as RFC 3339 text with nine digits */
    CSVC__CELL_DURATION, /* Duration, as nanoseconds */
    CSVC__CELL_MESSAGE,  /* any other message, encoded */
    CSVC__CELL_FIELD,    /* repeated and maps: the entity with this field only, encoded */
} csvc__cell;

/* What a statement ran into, beyond the code. */
typedef enum csvc__problem_kind {
    CSVC__PROBLEM_OTHER = 0,
    CSVC__PROBLEM_UNIQUE,      /* names: the columns, or the constraint */
    CSVC__PROBLEM_NOT_NULL,    /* names: the column */
    CSVC__PROBLEM_FOREIGN_KEY, /* a row it names is not there, or rows still name it */
} csvc__problem_kind;

/* Written by `run` on failure only. */
typedef struct csvc__problem {
    csvc_code code;
    csvc__problem_kind kind;
    char names[160];  /* "username", "a, b", "users_username_key"; "" when not known */
    char text[300];   /* a complete sentence that may go to the caller */
    char detail[300]; /* what the database itself said, which names tables and SQL: for the log and
                         for who starts the program; "" when text says all */
} csvc__problem;

/* For who may know all. */
static inline const char *csvc__problem_said(const csvc__problem *problem)
{
    return problem->detail[0] != '\0' ? problem->detail : problem->text;
}

/* One row; values are borrowed until it returns. Anything but OK ends the statement with that. */
typedef csvc_code csvc__row_fn(void *self, const csvc_value *values, size_t n_values);

/* What runs with a connection. Failures are set with csvc_fail where there is a ctx. */
typedef csvc_code csvc__session_fn(csvc__conn *conn, csvc_ctx *ctx, void *self);

enum {
    /* for `write` */
    CSVC__WRITE_ATOMIC = 1, /* fn changes things by one short statement, which undoes itself when
                               it fails; it may run on any thread while the caller waits */
    /* for `read` */
    CSVC__READ_SNAPSHOT = 2, /* several statements that see the same moment */
    /* for `exclusive` */
    CSVC__EXCLUSIVE_UNTIED = 16, /* foreign keys are not looked at until it is done, and then no
                                    more of them may be broken than before: FAILED_PRECONDITION */
    /* for `run` */
    CSVC__RUN_READS = 4, /* INVALID_ARGUMENT when the statement changes anything */
    CSVC__RUN_SHORT = 8, /* touches one row by its key: not worth interrupting */
};

struct csvc_db_driver {
    const char *name;   /* "sqlite": of csvc_migrations.driver */
    const char *scheme; /* "sqlite:", how its URLs begin */

    /* `where` is the URL behind the scheme. */
    csvc_code (*open)(const char *where, const csvc_db_options *options,
                      csvc__backend **ret_backend, csvc_error *err);
    void (*close)(csvc__backend *backend);

    /*
     * Runs fn with a connection to read from. Returns what fn returned; when the driver itself
     * failed (no connection in time), err is set and fn did not run.
     */
    csvc_code (*read)(csvc__backend *backend, csvc_ctx *ctx, unsigned flags, csvc__session_fn *fn,
                      void *fn_self, csvc_error *err);

    /*
     * Runs fn as one unit: all it changed is kept when it returns OK, undone otherwise. Returns
     * when everything fn saw is durable. err is set when the driver failed (no turn in time, the
     * commit): the code returned is then that one, whatever fn returned, and nothing was kept;
     * except after CANCELLED or DEADLINE_EXCEEDED, when the unit may have been kept.
     */
    csvc_code (*write)(csvc__backend *backend, csvc_ctx *ctx, unsigned flags, csvc__session_fn *fn,
                       void *fn_self, csvc_error *err);

    /*
     * The same for a migration: in a transaction that no other process's migration overlaps, and
     * with more patience for their locks.
     */
    csvc_code (*exclusive)(csvc__backend *backend, unsigned flags, csvc__session_fn *fn,
                           void *fn_self, csvc_error *err);

    /*
     * Runs one statement. `row` may be NULL; ret_changed too. On failure (that of `row` excepted,
     * which is returned as it is with problem->code OK) problem is filled. Inside a write, the
     * statement's own changes are then undone and the unit can go on, unless problem says
     * otherwise by failing everything that follows.
     */
    csvc_code (*run)(csvc__conn *conn, csvc_ctx *ctx, unsigned flags, const csvc__sql *sql,
                     const csvc_value *params, size_t n_params, csvc__row_fn *row, void *row_self,
                     int64_t *ret_changed, csvc__problem *problem);

    /* Runs a text of several statements, which may not end the transaction. The problem's text
     * begins with "line N: ". */
    csvc_code (*script)(csvc__conn *conn, const char *text, csvc__problem *problem);

    /* Whether a script asks, by its first statement, to run with CSVC__EXCLUSIVE_UNTIED. NULL:
     * none can. */
    bool (*unties)(const char *text);

    /* Appends a statement's index-th parameter (from 1) for a value of this sort. */
    void (*param)(csvc__buffer *b, size_t index, csvc__cell cell);
    const char *like; /* LIKE that ignores ASCII case */
    const char *same; /* equality that takes NULL for a value */
    /* The columns of the table ?1: name, and 1 when a new row must bring a value for it (NOT NULL,
     * no default, not numbered by the database), else 0. No row: there is no such table. */
    const char *columns;
};

#endif /* CSVC_STORE_DRIVER_H */
