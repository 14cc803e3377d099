/* sqlite/driver.c: a database opened, with words for everything that can be wrong with its file. */
#include <csvc/alloc.h>
#include <store/sqlite/sqlite.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/banned.h>

/* ---- the path ---- */

/*
 * Makes `path` absolute, so that a change of folder later means nothing; its folder has to be
 * there. *ret_path is csvc__free's.
 */
static csvc_code absolute_path(const char *path, char **ret_path, csvc_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    char folder[PATH_MAX];
    char resolved[PATH_MAX];
    csvc__buffer b;
    size_t len = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);

    if (len >= sizeof(folder)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "the database's path is too long");
    }
    memcpy(folder, slash == NULL ? "." : path, len);
    folder[len] = '\0';
    if (realpath(folder, resolved) == NULL) {
        if (errno == EACCES) {
            return csvc_error_set(err, CSVC_PERMISSION_DENIED,
                                  "the database %s cannot be opened: its folder %s may not be "
                                  "entered; change its owner or mode",
                                  path, folder);
        }
        return csvc_error_set(err, CSVC_UNAVAILABLE,
                              "the database %s cannot be opened: its folder %s does not exist; "
                              "make it with mkdir -p",
                              path, folder);
    }
    csvc__buffer_init(&b, PATH_MAX);
    csvc__buffer_printf(&b, "%s/%s", strcmp(resolved, "/") == 0 ? "" : resolved, name);
    if (!csvc__buffer_ok(&b)) {
        csvc__buffer_release(&b);
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory, or a path too long");
    }
    *ret_path = csvc__buffer_take(&b);
    return CSVC_OK;
}

/* What the file system can tell beforehand, in better words than SQLite's. */
static csvc_code check_file(const char *path, csvc_error *err)
{
    const size_t folder_len = (size_t)(strrchr(path, '/') - path);
    char folder[PATH_MAX];
    struct stat st;

    memcpy(folder, folder_len == 0 ? "/" : path, folder_len == 0 ? 1 : folder_len);
    folder[folder_len == 0 ? 1 : folder_len] = '\0';
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode)) {
            return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                                  "the database %s is a folder; name a file in it", path);
        }
        if (!S_ISREG(st.st_mode)) {
            return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                                  "the database %s is not a regular file; name another", path);
        }
        if (access(path, R_OK | W_OK) != 0) {
            return csvc_error_set(err, CSVC_PERMISSION_DENIED,
                                  "the database %s may not be read and written by this user "
                                  "(%s); change its owner or mode",
                                  path, strerror(errno));
        }
    }
    if (access(folder, W_OK | X_OK) != 0) {
        return csvc_error_set(err, CSVC_PERMISSION_DENIED,
                              "the database %s needs its log beside it, but the folder %s may not "
                              "be written by this user (%s); change its owner or mode",
                              path, folder, strerror(errno));
    }
    return CSVC_OK;
}

/* ---- the first connection ---- */

static csvc_code open_problem(const char *path, const csvc__problem *problem, csvc_error *err)
{
    const char *todo = "";

    switch (problem->code) {
    case CSVC_DATA_LOSS:
        return csvc_error_set(err, CSVC_DATA_LOSS,
                              "the database %.200s is no SQLite database, or damaged (%s); name "
                              "another file, or restore it",
                              path != NULL ? path : "in memory", csvc__problem_said(problem));
    case CSVC_RESOURCE_EXHAUSTED:
        todo = "; make room and start again";
        break;
    case CSVC_UNAVAILABLE:
        todo = "; is another program using it?";
        break;
    default:
        break;
    }
    (void)csvc_error_set(err, problem->code, "the database %.200s cannot be opened: %s%s",
                         path != NULL ? path : "in memory", csvc__problem_said(problem), todo);
    if (err != NULL) {
        err->retriable = problem->code == CSVC_UNAVAILABLE;
    }
    return problem->code;
}

/* One text that a pragma answers with; a SQLite result. */
static int ask_text(csvc__sqlite_conn *conn, const char *sql, char *ret_text, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    int rc;

    conn->trusted = true;
    rc = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        errno = 0;
        rc = sqlite3_step(stmt);
        conn->system_errno = errno;
        if (rc == SQLITE_ROW) {
            const unsigned char *text = sqlite3_column_text(stmt, 0);

            (void)snprintf(ret_text, size, "%s", text != NULL ? (const char *)text : "");
            rc = SQLITE_OK;
        } else if (rc == SQLITE_DONE) {
            rc = SQLITE_OK;
        }
    }
    (void)sqlite3_finalize(stmt);
    conn->trusted = false;
    return rc;
}

/* Two programs that start on a new file both want to switch it; SQLite may say BUSY at once. */
static int switch_to_wal(csvc__sqlite_conn *conn, char mode[16])
{
    int rc;

    for (int64_t waited = 0;; waited += 10) {
        const struct timespec pause = {.tv_nsec = 10000000};

        rc = ask_text(conn, "PRAGMA journal_mode = WAL", mode, 16);
        if ((rc & 0xff) != SQLITE_BUSY || waited >= conn->busy_ms) {
            return rc;
        }
        (void)nanosleep(&pause, NULL);
    }
}

/* Settles the file: its log, and how safely commits are written. */
static csvc_code settle(csvc__backend *backend, csvc_error *err)
{
    csvc__sqlite_conn *conn = backend->writer.conn;
    csvc__problem problem;
    char mode[16] = "";
    char said[16] = "";
    char limit[64];
    int rc;

    if (backend->path == NULL) {
        return CSVC_OK;
    }
    rc = switch_to_wal(conn, mode);
    if (rc == SQLITE_OK) {
        rc = ask_text(conn, "PRAGMA synchronous = FULL", said, sizeof(said));
    }
    if (rc == SQLITE_OK) {
        (void)snprintf(limit, sizeof(limit), "PRAGMA journal_size_limit = %d",
                       CSVC__SQLITE_LOG_BYTES);
        rc = ask_text(conn, limit, said, sizeof(said));
    }
    if (rc == SQLITE_OK) { /* the file may open and yet hold nonsense */
        rc = ask_text(conn, "SELECT count(*) FROM sqlite_schema", said, sizeof(said));
    }
    if (rc != SQLITE_OK) {
        rc = sqlite3_extended_errcode(conn->db);
        (void)csvc__sqlite_problem(conn, NULL, rc, &problem);
        return open_problem(backend->path, &problem, err);
    }
    if (sqlite3_db_readonly(conn->db, "main") == 1) {
        return csvc_error_set(err, CSVC_PERMISSION_DENIED,
                              "the database %s may only be read; change its owner or mode, or "
                              "remount its file system",
                              backend->path);
    }
    if (strcmp(mode, "wal") != 0) {
        return csvc_error_set(err, CSVC_UNAVAILABLE,
                              "the database %s cannot have a write-ahead log; put it on a local "
                              "file system",
                              backend->path);
    }
    return CSVC_OK;
}

static csvc_code connect_writer(csvc__backend *backend, csvc_error *err)
{
    csvc__problem problem;
    int rc;

    backend->writer.conn =
        csvc__sqlite_connect(backend->path, true, backend->busy_ms, &rc, &problem);
    if (backend->writer.conn == NULL) {
        return open_problem(backend->path, &problem, err);
    }
    return settle(backend, err);
}

/* ---- the driver ---- */

static void close_backend(csvc__backend *backend)
{
    /* readers first: the last to go, the writer, copies the log back and removes it */
    csvc__readers_release(&backend->readers);
    csvc__writer_release(&backend->writer);
    csvc__free(backend->path);
    csvc__free(backend);
}

static csvc_code check_where(const char *where, csvc_error *err)
{
    if (*where == '\0') {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "the URL sqlite: names no file; write sqlite:PATH or "
                              "sqlite::memory:");
    }
    if (strncmp(where, "//", 2) == 0 && where[2] != '/') {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "the URL sqlite:%.100s names a host; write sqlite:%.100s for a "
                              "relative path, sqlite:/%.100s for an absolute one",
                              where, where + 2, where + 2);
    }
    if (strchr(where, '?') != NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "the URL sqlite:%.200s has options behind a '?', which are not "
                              "supported; leave them out",
                              where);
    }
    if (where[strlen(where) - 1] == '/') {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "the database %.200s is a folder; name a file in it", where);
    }
    return CSVC_OK;
}

static csvc_code open_backend(const char *where, const csvc_db_options *options,
                              csvc__backend **ret_backend, csvc_error *err)
{
    const bool in_memory = strcmp(where, ":memory:") == 0;
    csvc__backend *backend;
    char *path = NULL;
    csvc_code code = check_where(where, err);

    if (code == CSVC_OK && !in_memory) {
        code = absolute_path(where, &path, err);
    }
    if (code == CSVC_OK && !in_memory) {
        code = check_file(path, err);
    }
    backend = code == CSVC_OK ? csvc__calloc(1, sizeof(*backend)) : NULL;
    if (backend == NULL) {
        csvc__free(path);
        return code != CSVC_OK ? code
                               : csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    backend->path = path;
    backend->busy_ms =
        options->busy_timeout_ms != 0 ? options->busy_timeout_ms : CSVC__SQLITE_BUSY_MS;
    if (!csvc__writer_init(&backend->writer)) {
        csvc__free(path);
        csvc__free(backend);
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    /* in memory there is one connection, and nothing to wait for in a commit */
    backend->writer.commit_each = options->commit_each || in_memory;
    if (!csvc__readers_init(&backend->readers, options->max_readers == 0 ? CSVC__SQLITE_READERS
                                               : options->max_readers > CSVC__SQLITE_MAX_READERS
                                                   ? CSVC__SQLITE_MAX_READERS
                                                   : options->max_readers)) {
        csvc__writer_release(&backend->writer);
        csvc__free(path);
        csvc__free(backend);
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    code = connect_writer(backend, err);
    if (code != CSVC_OK) {
        close_backend(backend);
        return code;
    }
    *ret_backend = backend;
    return CSVC_OK;
}

static void put_param(csvc__buffer *b, size_t index, csvc__cell cell)
{
    (void)cell;
    csvc__buffer_printf(b, "?%zu", index);
}

/* SQLite numbers a lone INTEGER key by itself. */
static const char table_columns[] =
    "SELECT \"name\", \"notnull\" AND \"dflt_value\" IS NULL AND NOT (\"pk\" AND "
    "\"type\" = 'INTEGER' COLLATE NOCASE AND (SELECT sum(\"pk\") FROM pragma_table_info(?1)) = 1) "
    "FROM pragma_table_info(?1)";

const csvc_db_driver csvc_sqlite = {
    .name = "sqlite",
    .scheme = "sqlite:",
    .open = open_backend,
    .close = close_backend,
    .read = csvc__sqlite_read,
    .write = csvc__sqlite_write,
    .exclusive = csvc__sqlite_exclusive,
    .run = csvc__sqlite_run,
    .script = csvc__sqlite_script,
    .unties = csvc__sqlite_unties,
    .param = put_param,
    .like = "LIKE",
    .same = "IS",
    .columns = table_columns,
};
