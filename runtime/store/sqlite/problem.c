/* sqlite/problem.c: SQLite's results in our codes and words. */
#include <csvc/log.h>
#include <store/sqlite/sqlite.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

/* "users.username" and "users.a, users.b" as "username" and "a, b". */
static void copy_names(csvc__problem *problem, const char *names)
{
    size_t len = 0;

    while (*names != '\0' && len + 1 < sizeof(problem->names)) {
        const size_t name = strcspn(names, ",");
        const char *dot = memchr(names, '.', name);
        const char *from = dot != NULL ? dot + 1 : names;
        size_t n = (size_t)(names + name - from);

        if (len + n + 3 > sizeof(problem->names)) {
            break;
        }
        memcpy(problem->names + len, from, n);
        len += n;
        names += name;
        if (*names == ',') {
            memcpy(problem->names + len, ", ", 2);
            len += 2;
            names += names[1] == ' ' ? 2 : 1;
        }
    }
    problem->names[len] = '\0';
}

/* SQLite says "UNIQUE constraint failed: users.username", "... failed: index 'NAME'". */
static void constraint_names(csvc__problem *problem, const char *said)
{
    const char *colon = strstr(said, "failed: ");
    const char *quote;

    if (colon == NULL) {
        return;
    }
    colon += strlen("failed: ");
    quote = strncmp(colon, "index '", 7) == 0 ? colon + 7 : NULL;
    if (quote != NULL) {
        (void)snprintf(problem->names, sizeof(problem->names), "%.*s", (int)strcspn(quote, "'"),
                       quote);
    } else {
        copy_names(problem, colon);
    }
}

static csvc_code constraint(csvc__problem *problem, int rc, const char *said)
{
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        problem->kind = CSVC__PROBLEM_UNIQUE;
        constraint_names(problem, said);
        (void)snprintf(problem->text, sizeof(problem->text), "%s is already taken",
                       problem->names[0] != '\0' ? problem->names : "a value");
        return CSVC_ALREADY_EXISTS;
    case SQLITE_CONSTRAINT_NOTNULL:
        problem->kind = CSVC__PROBLEM_NOT_NULL;
        constraint_names(problem, said);
        (void)snprintf(problem->text, sizeof(problem->text), "%s is required",
                       problem->names[0] != '\0' ? problem->names : "a value");
        return CSVC_INVALID_ARGUMENT;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        problem->kind = CSVC__PROBLEM_FOREIGN_KEY;
        (void)snprintf(problem->text, sizeof(problem->text),
                       "a row that it refers to is not there, or rows still refer to it");
        return CSVC_FAILED_PRECONDITION;
    case SQLITE_CONSTRAINT_TRIGGER: /* RAISE(ABORT, 'text'): the schema's own words */
        (void)snprintf(problem->text, sizeof(problem->text), "%s", said);
        return CSVC_FAILED_PRECONDITION;
    default: /* CHECK, and the types of a STRICT table */
        (void)snprintf(problem->text, sizeof(problem->text), "a value is refused: %s", said);
        return CSVC_INVALID_ARGUMENT;
    }
}

/* The file system was full, where SQLite says only that writing failed. Its own
 * sqlite3_system_errno knows nothing of what a COMMIT met with. */
static bool is_full(const csvc__sqlite_conn *conn)
{
    const int no = conn != NULL ? conn->system_errno : 0;

    return no == ENOSPC || no == EDQUOT || no == EFBIG;
}

static csvc_code interrupted(csvc_ctx *ctx, csvc__problem *problem)
{
    csvc_code code = ctx != NULL ? csvc_check_cancelled(ctx) : CSVC_CANCELLED;

    code = code != CSVC_OK ? code : CSVC_CANCELLED;
    (void)snprintf(problem->text, sizeof(problem->text), "%s",
                   ctx != NULL && *csvc_fail_text(ctx, code) != '\0' ? csvc_fail_text(ctx, code)
                                                                     : "interrupted");
    return code;
}

static csvc_code say(csvc__problem *problem, csvc_code code, const char *what, const char *said)
{
    (void)snprintf(problem->text, sizeof(problem->text), "%s%s%s", what, *said != '\0' ? ": " : "",
                   said);
    return code;
}

static csvc_code io_problem(csvc__sqlite_conn *conn, int rc, csvc__problem *problem)
{
    if (conn != NULL) {
        conn->worn = true;
    }
    if (is_full(conn)) {
        return say(problem, CSVC_RESOURCE_EXHAUSTED, "the database's disk is full", "");
    }
    return say(problem, CSVC_UNAVAILABLE, "the database's file cannot be read or written",
               sqlite3_errstr(rc));
}

csvc_code csvc__sqlite_problem(csvc__sqlite_conn *conn, csvc_ctx *ctx, int rc,
                               csvc__problem *problem)
{
    const char *said = conn != NULL && conn->db != NULL ? sqlite3_errmsg(conn->db) : "";
    csvc_code code;

    problem->kind = CSVC__PROBLEM_OTHER;
    problem->names[0] = problem->detail[0] = '\0';
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        code = constraint(problem, rc, said);
        break;
    case SQLITE_INTERRUPT:
        code = interrupted(ctx, problem);
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        if (ctx != NULL && csvc_cancelled(ctx)) {
            code = interrupted(ctx, problem);
            break;
        }
        code = say(problem, CSVC_UNAVAILABLE,
                   "the database is locked by another program; try again", "");
        break;
    case SQLITE_FULL:
        code = say(problem, CSVC_RESOURCE_EXHAUSTED, "the database's disk is full", "");
        break;
    case SQLITE_NOMEM:
        code = say(problem, CSVC_RESOURCE_EXHAUSTED, "out of memory", "");
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        if (conn != NULL) {
            conn->worn = true;
        }
        code = say(problem, CSVC_DATA_LOSS, "the database's file is damaged", "");
        (void)snprintf(problem->detail, sizeof(problem->detail), "%s", said);
        break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        code = say(problem, CSVC_PERMISSION_DENIED, "the database may not be written", "");
        break;
    case SQLITE_AUTH:
        code = say(problem, CSVC_INVALID_ARGUMENT,
                   "transactions, ATTACH and settings belong to the store, not to a statement", "");
        break;
    case SQLITE_CANTOPEN:
        if (conn != NULL) {
            conn->worn = true;
        }
        code = is_full(conn)
                   ? say(problem, CSVC_RESOURCE_EXHAUSTED, "the database's disk is full", "")
                   : say(problem, CSVC_UNAVAILABLE, "the database's file cannot be opened", "");
        break;
    case SQLITE_IOERR:
        code = io_problem(conn, rc, problem);
        break;
    case SQLITE_TOOBIG:
        code = say(problem, CSVC_INVALID_ARGUMENT, "a value is too large for the database", "");
        break;
    case SQLITE_MISMATCH:
        code = say(problem, CSVC_INVALID_ARGUMENT, "a value is not of its column's type", "");
        break;
    default:
        code = say(problem, CSVC_INTERNAL, "storage failure", "");
        (void)snprintf(problem->detail, sizeof(problem->detail), "%s",
                       *said != '\0' ? said : sqlite3_errstr(rc));
        break;
    }
    problem->code = code;
    return code;
}

void csvc__sqlite_log(csvc_ctx *ctx, const csvc__problem *problem)
{
    if (problem->detail[0] != '\0') {
        csvc_log(CSVC_LOG_ERROR, "storage failed", "method",
                 ctx != NULL ? csvc_method_path(ctx) : NULL, "code", csvc_code_name(problem->code),
                 "peer", ctx != NULL ? csvc_peer(ctx) : NULL, "text", problem->detail, NULL);
    }
}
