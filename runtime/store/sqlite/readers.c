/*
 * sqlite/readers.c: connections that only read: opened when needed, up to a number, and kept.
 * Who finds none free waits in line.
 */
#include <store/sqlite/sqlite.h>

#include <base/banned.h>

/* One that waits, on its caller's stack. */
struct csvc__reader_wait {
    struct csvc__reader_wait *next, *prev;
    csvc__wait wait;
    bool granted; /* may have `conn`, or, when that is NULL, open one */
    csvc__sqlite_conn *conn;
};

typedef struct csvc__reader_wait reader_wait;

bool csvc__readers_init(csvc__readers *r, uint32_t max)
{
    r->max = max;
    if (pthread_condattr_init(&r->clock) != 0) {
        return false;
    }
    if (pthread_condattr_setclock(&r->clock, CLOCK_MONOTONIC) != 0 ||
        pthread_mutex_init(&r->lock, NULL) != 0) {
        (void)pthread_condattr_destroy(&r->clock);
        return false;
    }
    return true;
}

void csvc__readers_release(csvc__readers *r)
{
    while (r->idle != NULL) {
        csvc__sqlite_conn *conn = r->idle;

        r->idle = conn->next;
        (void)csvc__sqlite_disconnect(conn);
    }
    (void)pthread_mutex_destroy(&r->lock);
    (void)pthread_condattr_destroy(&r->clock);
}

static void unlink_wait(csvc__readers *r, reader_wait *at)
{
    *(at->prev != NULL ? &at->prev->next : &r->first) = at->next;
    *(at->next != NULL ? &at->next->prev : &r->last) = at->prev;
}

/* With the lock held. True with a connection, or with NULL and the right to open one. */
static bool take_now(csvc__readers *r, csvc__sqlite_conn **ret_conn)
{
    if (r->first != NULL) {
        return false; /* others were here before */
    }
    if (r->idle != NULL) {
        *ret_conn = r->idle;
        r->idle = r->idle->next;
        return true;
    }
    if (r->n_open < r->max) {
        r->n_open++;
        *ret_conn = NULL;
        return true;
    }
    return false;
}

static csvc_code wait_in_line(csvc__readers *r, csvc_ctx *ctx, csvc__sqlite_conn **ret_conn,
                              csvc_error *err)
{
    reader_wait at = {.granted = false};
    csvc_code code = CSVC_OK;

    csvc__wait_begin(&at.wait, ctx, &r->lock, &r->clock);
    (void)pthread_mutex_lock(&r->lock);
    if (take_now(r, ret_conn)) { /* one came back meanwhile */
        (void)pthread_mutex_unlock(&r->lock);
        csvc__wait_end(&at.wait);
        return CSVC_OK;
    }
    at.prev = r->last;
    *(r->last != NULL ? &r->last->next : &r->first) = &at;
    r->last = &at;
    while (!at.granted && code == CSVC_OK) {
        if (ctx != NULL && csvc_cancelled(ctx)) {
            unlink_wait(r, &at);
            code = csvc_check_cancelled(ctx);
        } else {
            csvc__wait_sleep(&at.wait);
        }
    }
    *ret_conn = at.conn;
    (void)pthread_mutex_unlock(&r->lock);
    csvc__wait_end(&at.wait);
    if (code != CSVC_OK) {
        (void)csvc_error_set(err, code, "%s while waiting for a connection to read",
                             csvc_fail_text(ctx, code));
    }
    return code;
}

/* Gives a connection back; NULL: it is closed, another may be opened in its place. */
static void give_back(csvc__readers *r, csvc__sqlite_conn *conn)
{
    reader_wait *at;

    (void)pthread_mutex_lock(&r->lock);
    at = r->first;
    if (at != NULL) {
        unlink_wait(r, at);
        at->conn = conn;
        at->granted = true;
        (void)pthread_cond_signal(&at->wait.cond);
    } else if (conn != NULL) {
        conn->next = r->idle;
        r->idle = conn;
    } else {
        r->n_open--;
    }
    (void)pthread_mutex_unlock(&r->lock);
}

static csvc_code take(csvc__backend *backend, csvc_ctx *ctx, csvc__sqlite_conn **ret_conn,
                      csvc_error *err)
{
    csvc__readers *r = &backend->readers;
    csvc__sqlite_conn *conn = NULL;
    csvc__problem problem;
    csvc_code code = CSVC_OK;
    bool taken;
    int rc;

    (void)pthread_mutex_lock(&r->lock);
    taken = take_now(r, &conn);
    (void)pthread_mutex_unlock(&r->lock);
    if (!taken) {
        code = wait_in_line(r, ctx, &conn, err);
    }
    if (code == CSVC_OK && conn == NULL) {
        conn = csvc__sqlite_connect(backend->path, false, backend->busy_ms, &rc, &problem);
        if (conn == NULL) {
            csvc__sqlite_log(ctx, &problem);
            code = csvc_error_set(err, problem.code, "%s", problem.text);
            give_back(r, NULL);
        }
    }
    *ret_conn = conn;
    return code;
}

csvc_code csvc__sqlite_read(csvc__backend *backend, csvc_ctx *ctx, unsigned flags,
                            csvc__session_fn *fn, void *fn_self, csvc_error *err)
{
    csvc__sqlite_conn *conn;
    csvc_code code;
    int rc = SQLITE_OK;

    if (backend->path == NULL) {
        return csvc__sqlite_read_in_turn(backend, ctx, fn, fn_self, err);
    }
    code = take(backend, ctx, &conn, err);
    if (code != CSVC_OK) {
        return code;
    }
    if ((flags & CSVC__READ_SNAPSHOT) != 0) {
        rc = csvc__sqlite_own(conn, ctx, "BEGIN");
    }
    if (rc == SQLITE_OK) {
        code = fn(&conn->super, ctx, fn_self);
    } else {
        csvc__problem problem;

        code = csvc__sqlite_problem(conn, ctx, rc, &problem);
        csvc__sqlite_log(ctx, &problem);
        (void)csvc_error_set(err, code, "%s", problem.text);
    }
    /* never given back within a transaction */
    if (!sqlite3_get_autocommit(conn->db) &&
        csvc__sqlite_own(conn, NULL, "ROLLBACK") != SQLITE_OK) {
        conn->worn = true;
    }
    if (conn->worn) {
        conn = csvc__sqlite_disconnect(conn);
    }
    give_back(&backend->readers, conn);
    return code;
}
