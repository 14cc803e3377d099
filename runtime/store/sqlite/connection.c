/*
 * sqlite/connection.c: one connection and the statements on it.
 *
 * Statements are kept prepared. An authorizer keeps those that a program wrote from ending the
 * transaction that others' writes share. A progress handler looks at the ctx while one runs.
 */
#include <base/clock.h>
#include <csvc/alloc.h>
#include <store/sqlite/sqlite.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <base/banned.h>

/* ---- what SQLite asks ---- */

static bool is_over(csvc_ctx *ctx)
{
    return ctx != NULL && csvc_cancelled(ctx);
}

/* Not 0 interrupts. */
static int on_progress(void *self)
{
    csvc__sqlite_conn *conn = self;

    if (conn->patience == CSVC__INTERRUPT_NEVER || !is_over(conn->ctx)) {
        return 0;
    }
    if (conn->patience == CSVC__INTERRUPT_AT_ONCE) {
        return 1;
    }
    if (conn->cancelled_since == 0) {
        conn->cancelled_since = csvc__now();
    }
    return csvc__now() - conn->cancelled_since > CSVC__SQLITE_LATE_MS * CSVC__MS;
}

/* Not 0 tries again. Another process has the lock: there is nothing to wait on but time. */
static int on_busy(void *self, int n)
{
    csvc__sqlite_conn *conn = self;
    const int64_t waited = n < 10 ? n : 10 + (int64_t)(n - 10) * 10; /* 1 ms, then 10 ms each */
    const struct timespec pause = {.tv_nsec = (n < 10 ? 1 : 10) * CSVC__MS};

    if (waited >= conn->busy_ms || is_over(conn->ctx)) {
        return 0;
    }
    (void)nanosleep(&pause, NULL);
    return 1;
}

/* Pragmas that only tell. */
static bool is_telling(const char *name)
{
    static const char *const names[] = {
        "table_info",       "table_xinfo",       "index_list",      "index_info",  "index_xinfo",
        "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check", "table_list",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (sqlite3_stricmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool pragma_ok(const csvc__sqlite_conn *conn, const char *name, const char *value)
{
    if (value == NULL || is_telling(name)) {
        return sqlite3_stricmp(name, "wal_checkpoint") != 0 &&
               sqlite3_stricmp(name, "incremental_vacuum") != 0;
    }
    return conn->scripting && (sqlite3_stricmp(name, "defer_foreign_keys") == 0 ||
                               sqlite3_stricmp(name, "user_version") == 0 ||
                               sqlite3_stricmp(name, "application_id") == 0 ||
                               (conn->untied && sqlite3_stricmp(name, "foreign_keys") == 0));
}

static int on_authorize(void *self, int action, const char *a, const char *b, const char *c,
                        const char *d)
{
    const csvc__sqlite_conn *conn = self;

    (void)c;
    (void)d;
    if (conn->trusted) {
        return SQLITE_OK;
    }
    switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        return SQLITE_DENY;
    case SQLITE_PRAGMA:
        return pragma_ok(conn, a, b) ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_OK;
    }
}

static int on_commit(void *self, sqlite3 *db, const char *name, int pages)
{
    csvc__sqlite_conn *conn = self;

    (void)db;
    (void)name;
    conn->logged_pages = pages;
    return SQLITE_OK;
}

/* ---- statements kept ---- */

static csvc__statement **bucket_of(csvc__sqlite_conn *conn, uint64_t hash)
{
    return &conn->buckets[hash % CSVC__SQLITE_BUCKETS];
}

static sqlite3_stmt *find_statement(csvc__sqlite_conn *conn, const csvc__sql *sql)
{
    csvc__statement *s = *bucket_of(conn, sql->hash);

    for (; s != NULL; s = s->next) {
        const char *text;

        if (s->hash != sql->hash) {
            continue;
        }
        text = sqlite3_sql(s->stmt);
        if (strncmp(text, sql->text, sql->len) == 0 && text[sql->len] == '\0') {
            s->used = ++conn->uses;
            return s->stmt;
        }
    }
    return NULL;
}

static void drop_statement(csvc__sqlite_conn *conn, csvc__statement *s)
{
    csvc__statement **at = bucket_of(conn, s->hash);

    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
    (void)sqlite3_finalize(s->stmt);
    s->stmt = NULL;
}

/* In the place that is free, or was used longest ago. */
static void keep_statement(csvc__sqlite_conn *conn, const csvc__sql *sql, sqlite3_stmt *stmt)
{
    csvc__statement *place = &conn->statements[0];
    csvc__statement **bucket = bucket_of(conn, sql->hash);

    for (int i = 0; i < CSVC__SQLITE_STATEMENTS && place->stmt != NULL; i++) {
        if (conn->statements[i].stmt == NULL || conn->statements[i].used < place->used) {
            place = &conn->statements[i];
        }
    }
    if (place->stmt != NULL) {
        drop_statement(conn, place);
    }
    *place =
        (csvc__statement){.stmt = stmt, .hash = sql->hash, .used = ++conn->uses, .next = *bucket};
    *bucket = place;
}

static csvc_code refuse(csvc__problem *problem, csvc_code code, const char *text)
{
    problem->code = code;
    problem->kind = CSVC__PROBLEM_OTHER;
    problem->names[0] = problem->detail[0] = '\0';
    (void)snprintf(problem->text, sizeof(problem->text), "%s", text);
    return code;
}

/* Nothing but blanks, semicolons and comments. */
static bool is_blank(const char *text)
{
    for (;;) {
        text += strspn(text, " \t\r\n\f;");
        if (text[0] == '-' && text[1] == '-') {
            text += strcspn(text, "\n");
        } else if (text[0] == '/' && text[1] == '*') {
            const char *end = strstr(text + 2, "*/");

            text = end != NULL ? end + 2 : text + strlen(text);
        } else {
            return *text == '\0';
        }
    }
}

static csvc_code prepare(csvc__sqlite_conn *conn, csvc_ctx *ctx, const csvc__sql *sql,
                         sqlite3_stmt **ret_stmt, bool *ret_kept, csvc__problem *problem)
{
    sqlite3_stmt *stmt = find_statement(conn, sql);
    const char *tail = NULL;
    int rc;

    *ret_kept = true;
    if (stmt != NULL) {
        *ret_stmt = stmt;
        return CSVC_OK;
    }
    /* with its NUL: SQLite then needs no copy of its own to end the text */
    rc = sqlite3_prepare_v3(conn->db, sql->text, (int)sql->len + 1, SQLITE_PREPARE_PERSISTENT,
                            &stmt, &tail);
    if (rc != SQLITE_OK) {
        return csvc__sqlite_problem(conn, ctx, rc, problem);
    }
    if (stmt == NULL || !is_blank(tail)) {
        (void)sqlite3_finalize(stmt);
        return refuse(problem, CSVC_INVALID_ARGUMENT,
                      stmt == NULL ? "the SQL holds no statement"
                                   : "the SQL holds more than one statement");
    }
    /* what follows a statement is no part of sqlite3_sql, so it would never be found again */
    *ret_kept = *tail == '\0';
    if (*ret_kept) {
        keep_statement(conn, sql, stmt);
    }
    *ret_stmt = stmt;
    return CSVC_OK;
}

/* ---- running one ---- */

static int bind_one(sqlite3_stmt *stmt, int at, const csvc_value *v)
{
    /* a NULL pointer would bind NULL */
    const void *data = v->bytes.data != NULL ? (const void *)v->bytes.data : "";

    switch (v->type) {
    case CSVC_VALUE_INT:
        return sqlite3_bind_int64(stmt, at, v->i);
    case CSVC_VALUE_DOUBLE:
        return sqlite3_bind_double(stmt, at, v->d);
    case CSVC_VALUE_TEXT:
        return sqlite3_bind_text64(stmt, at, data, v->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
    case CSVC_VALUE_BYTES:
        return sqlite3_bind_blob64(stmt, at, data, v->bytes.len, SQLITE_STATIC);
    case CSVC_VALUE_NULL:
        break;
    }
    return sqlite3_bind_null(stmt, at);
}

static void read_column(sqlite3_stmt *stmt, int i, csvc_value *v)
{
    *v = (csvc_value){.type = CSVC_VALUE_NULL};
    switch (sqlite3_column_type(stmt, i)) {
    case SQLITE_INTEGER:
        v->type = CSVC_VALUE_INT;
        v->i = sqlite3_column_int64(stmt, i);
        break;
    case SQLITE_FLOAT:
        v->type = CSVC_VALUE_DOUBLE;
        v->d = sqlite3_column_double(stmt, i);
        break;
    case SQLITE_TEXT:
        v->type = CSVC_VALUE_TEXT;
        v->bytes.data = sqlite3_column_text(stmt, i);
        v->bytes.len = (size_t)sqlite3_column_bytes(stmt, i);
        break;
    case SQLITE_BLOB:
        v->type = CSVC_VALUE_BYTES;
        v->bytes.data = sqlite3_column_blob(stmt, i);
        v->bytes.len = (size_t)sqlite3_column_bytes(stmt, i);
        break;
    default:
        break;
    }
}

enum {
    FEW = 64 /* columns whose values need no memory of their own */
};

/* Steps to the end. A SQLite result; what `row` said against it goes to ret_row_code. */
static int step_all(sqlite3_stmt *stmt, csvc__row_fn *row, void *row_self, csvc_code *ret_row_code)
{
    const int n = sqlite3_column_count(stmt);
    csvc_value few[FEW];
    csvc_value *values = few;
    int rc = SQLITE_OK;

    if (row != NULL && n > FEW) {
        values = csvc__calloc((size_t)n, sizeof(*values));
        if (values == NULL) {
            return SQLITE_NOMEM;
        }
    }
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && row != NULL) {
        for (int i = 0; i < n; i++) {
            read_column(stmt, i, &values[i]);
        }
        *ret_row_code = row(row_self, values, (size_t)n);
        if (*ret_row_code != CSVC_OK) {
            break;
        }
    }
    while (rc == SQLITE_ROW && row == NULL) { /* RETURNING, and nobody listens */
        rc = sqlite3_step(stmt);
    }
    if (values != few) {
        csvc__free(values);
    }
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* SQLite has undone the whole transaction: nothing may follow in it. */
static void note_loss(csvc__sqlite_conn *conn, csvc_code code)
{
    if (conn->begun && !conn->lost && sqlite3_get_autocommit(conn->db)) {
        conn->lost = true;
        conn->why = code;
    }
}

static csvc__patience patience_of(const csvc__sqlite_conn *conn, unsigned flags, sqlite3_stmt *stmt)
{
    if (sqlite3_stmt_readonly(stmt)) {
        return CSVC__INTERRUPT_AT_ONCE;
    }
    if ((flags & CSVC__RUN_SHORT) != 0) {
        return CSVC__INTERRUPT_NEVER;
    }
    return conn->shared ? CSVC__INTERRUPT_LATE : CSVC__INTERRUPT_AT_ONCE;
}

static csvc_code run_statement(csvc__sqlite_conn *conn, csvc_ctx *ctx, unsigned flags,
                               sqlite3_stmt *stmt, const csvc_value *params, size_t n_params,
                               csvc__row_fn *row, void *row_self, int64_t *ret_changed,
                               csvc__problem *problem)
{
    const int64_t before = sqlite3_total_changes64(conn->db);
    csvc_code code = CSVC_OK;
    int rc = SQLITE_OK;

    problem->code = CSVC_OK;
    if ((flags & CSVC__RUN_READS) != 0 && !sqlite3_stmt_readonly(stmt)) {
        return refuse(problem, CSVC_INVALID_ARGUMENT,
                      "a query may not change anything; csvc_db_exec does");
    }
    if ((size_t)sqlite3_bind_parameter_count(stmt) != n_params) {
        return refuse(problem, CSVC_INVALID_ARGUMENT,
                      "the statement has not as many parameters as there are values");
    }
    for (size_t i = 0; i < n_params && rc == SQLITE_OK; i++) {
        rc = bind_one(stmt, (int)i + 1, &params[i]);
    }
    conn->ctx = ctx;
    conn->patience = patience_of(conn, flags, stmt);
    conn->cancelled_since = 0;
    if (rc == SQLITE_OK) {
        errno = 0;
        rc = step_all(stmt, row, row_self, &code);
        conn->system_errno = errno;
    }
    conn->ctx = NULL;
    if (rc != SQLITE_OK) {
        code = csvc__sqlite_problem(conn, ctx, rc, problem);
        note_loss(conn, code);
    } else if (code == CSVC_OK && ret_changed != NULL) {
        /* sqlite3_changes64 still counts an earlier statement's when this one changed nothing */
        *ret_changed =
            sqlite3_total_changes64(conn->db) != before ? sqlite3_changes64(conn->db) : 0;
    }
    (void)sqlite3_reset(stmt); /* says the same again */
    if (n_params != 0) {
        (void)sqlite3_clear_bindings(stmt); /* the values are the caller's */
    }
    return code;
}

csvc_code csvc__sqlite_run(csvc__conn *super, csvc_ctx *ctx, unsigned flags, const csvc__sql *sql,
                           const csvc_value *params, size_t n_params, csvc__row_fn *row,
                           void *row_self, int64_t *ret_changed, csvc__problem *problem)
{
    csvc__sqlite_conn *conn = (csvc__sqlite_conn *)super;
    sqlite3_stmt *stmt = NULL;
    bool kept;
    csvc_code code;

    if (conn->lost) {
        return refuse(problem, conn->why, "the transaction is undone after an earlier failure");
    }
    code = prepare(conn, ctx, sql, &stmt, &kept, problem);
    if (code != CSVC_OK) {
        return code;
    }
    code = run_statement(conn, ctx, flags, stmt, params, n_params, row, row_self, ret_changed,
                         problem);
    if (!kept) {
        (void)sqlite3_finalize(stmt);
    }
    return code;
}

int csvc__sqlite_own(csvc__sqlite_conn *conn, csvc_ctx *ctx, const char *sql)
{
    const csvc__sql own = {.text = sql, .len = strlen(sql), .hash = (uint64_t)(uintptr_t)sql};
    csvc__problem problem;
    sqlite3_stmt *stmt = NULL;
    bool kept;
    int rc = SQLITE_ERROR;

    conn->trusted = true;
    if (prepare(conn, ctx, &own, &stmt, &kept, &problem) == CSVC_OK) {
        conn->ctx = ctx;
        conn->patience = CSVC__INTERRUPT_NEVER;
        errno = 0;
        do {
            rc = sqlite3_step(stmt);
        } while (rc == SQLITE_ROW);
        conn->system_errno = errno;
        conn->ctx = NULL;
        rc = rc == SQLITE_DONE ? SQLITE_OK : sqlite3_extended_errcode(conn->db);
        (void)sqlite3_reset(stmt);
    } else {
        rc = sqlite3_extended_errcode(conn->db);
        rc = rc != SQLITE_OK ? rc : SQLITE_ERROR;
    }
    conn->trusted = false;
    return rc;
}

/* ---- life ---- */

/* Settings that hold for every connection; the texts are ours. */
static int apply_settings(csvc__sqlite_conn *conn)
{
    static const struct {
        int name;
        int value;
    } switches[] = {
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        /* "name" is a column, or an error; never a text */
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };
    int rc = SQLITE_OK;

    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]) && rc == SQLITE_OK; i++) {
        rc = sqlite3_db_config(conn->db, switches[i].name, switches[i].value, NULL);
    }
    (void)sqlite3_extended_result_codes(conn->db, 1);
    /* handlers have small stacks, and expressions are parsed by recursion */
    (void)sqlite3_limit(conn->db, SQLITE_LIMIT_EXPR_DEPTH, 200);
    (void)sqlite3_busy_handler(conn->db, on_busy, conn);
    sqlite3_progress_handler(conn->db, CSVC__SQLITE_PROGRESS, on_progress, conn);
    (void)sqlite3_set_authorizer(conn->db, on_authorize, conn);
    if (conn->writes) { /* and with it, no checkpoint of SQLite's own */
        (void)sqlite3_wal_hook(conn->db, on_commit, conn);
    } else {
        (void)sqlite3_wal_autocheckpoint(conn->db, 0);
        (void)sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    return rc;
}

csvc__sqlite_conn *csvc__sqlite_connect(const char *path, bool writes, int64_t busy_ms, int *ret_rc,
                                        csvc__problem *problem)
{
    const int flags = SQLITE_OPEN_NOMUTEX |
                      (writes ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    csvc__sqlite_conn *conn = csvc__calloc(1, sizeof(*conn));
    int rc;

    if (conn == NULL) {
        *ret_rc = SQLITE_NOMEM;
        (void)csvc__sqlite_problem(NULL, NULL, SQLITE_NOMEM, problem);
        return NULL;
    }
    conn->super.driver = &csvc_sqlite;
    conn->writes = writes;
    conn->busy_ms = busy_ms;
    errno = 0;
    rc = sqlite3_open_v2(path != NULL ? path : ":memory:", &conn->db, flags, NULL);
    conn->system_errno = errno;
    if (rc == SQLITE_OK) {
        rc = apply_settings(conn);
    }
    if (rc != SQLITE_OK) {
        *ret_rc = conn->db != NULL ? sqlite3_extended_errcode(conn->db) : rc;
        (void)csvc__sqlite_problem(conn, NULL, rc, problem);
        return csvc__sqlite_disconnect(conn);
    }
    return conn;
}

csvc__sqlite_conn *csvc__sqlite_disconnect(csvc__sqlite_conn *conn)
{
    if (conn == NULL) {
        return NULL;
    }
    for (int i = 0; i < CSVC__SQLITE_STATEMENTS; i++) {
        (void)sqlite3_finalize(conn->statements[i].stmt);
    }
    (void)sqlite3_close_v2(conn->db);
    csvc__free(conn);
    return NULL;
}

/* ---- scripts ---- */

static int line_of(const char *text, const char *at)
{
    int line = 1;

    for (; text < at; text++) {
        line += *text == '\n';
    }
    return line;
}

/* The line goes in front of what the problem says. */
static void put_line(csvc__problem *problem, int line)
{
    char said[sizeof(problem->text)];

    (void)snprintf(said, sizeof(said), "%s", csvc__problem_said(problem));
    problem->detail[0] = '\0';
    (void)snprintf(problem->text, sizeof(problem->text), "line %d: %.*s", line,
                   (int)sizeof(said) - 24, said);
}

/* Where a statement begins, blanks and comments behind it. */
static const char *skip_blank(const char *text)
{
    for (;;) {
        text += strspn(text, " \t\r\n\f;");
        if (text[0] == '-' && text[1] == '-') {
            text += strcspn(text, "\n");
        } else if (text[0] == '/' && text[1] == '*' && strstr(text + 2, "*/") != NULL) {
            text = strstr(text + 2, "*/") + 2;
        } else {
            return text;
        }
    }
}

/* The words of a statement, one after the other, whatever stands between them. */
static bool has_words(const char *at, const char *const *words)
{
    for (; *words != NULL; words++) {
        const size_t len = strlen(*words);

        at = skip_blank(at);
        if (sqlite3_strnicmp(at, *words, (int)len) != 0) {
            return false;
        }
        at += len;
    }
    return *(at + strspn(at, " \t\r\n\f")) == ';';
}

/* As SQLite's manual begins the making anew of a table; within a transaction it means nothing to
 * SQLite itself. */
bool csvc__sqlite_unties(const char *text)
{
    static const char *const off[] = {"PRAGMA", "foreign_keys", "=", "OFF", NULL};
    static const char *const zero[] = {"PRAGMA", "foreign_keys", "=", "0", NULL};

    return has_words(text, off) || has_words(text, zero);
}

csvc_code csvc__sqlite_script(csvc__conn *super, const char *text, csvc__problem *problem)
{
    csvc__sqlite_conn *conn = (csvc__sqlite_conn *)super;
    const char *at = skip_blank(text);
    csvc_code code = CSVC_OK;

    conn->scripting = true;
    while (*at != '\0' && code == CSVC_OK) {
        sqlite3_stmt *stmt = NULL;
        const char *tail = at;
        int rc = sqlite3_prepare_v2(conn->db, at, -1, &stmt, &tail);
        int offset = 0;

        if (rc == SQLITE_OK && stmt == NULL) {
            break; /* a comment that nothing follows */
        }
        if (rc == SQLITE_OK) {
            code = run_statement(conn, NULL, 0, stmt, NULL, 0, NULL, NULL, NULL, problem);
        } else {
            offset = sqlite3_error_offset(conn->db);
            code = csvc__sqlite_problem(conn, NULL, rc, problem);
        }
        if (code != CSVC_OK) {
            put_line(problem, line_of(text, at + (offset > 0 ? offset : 0)));
        }
        (void)sqlite3_finalize(stmt);
        at = skip_blank(tail);
    }
    conn->scripting = false;
    return code;
}
