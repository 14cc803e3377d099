/*
 * sqlite/writer.c: writers take turns, and one commits for a group.
 *
 * Whoever has the turn leads: it runs its own write, then those that wait, in their order, and
 * commits once nobody waits or the group is full. Short writes (WRITE_ATOMIC) it runs itself, for
 * their sleeping callers; for others it hands the turn over, with the transaction still open, and
 * waits for the commit like everybody else. Each write is undone by itself when it fails: by
 * SQLite where it is one statement, else by a savepoint. Nobody returns before what it saw is
 * durable: after a refusal, too, for it may rest on a row that is not committed yet. When SQLite
 * undoes the whole transaction over one write (the culprit), all of the group have failed.
 *
 * A call whose ctx ends leaves: the queue without having run, the group without knowing how the
 * commit went. While its write runs, it waits.
 */
#include <store/sqlite/sqlite.h>

#include <stdio.h>

#include <base/banned.h>

typedef enum state {
    QUEUED,  /* for a turn */
    LEADS,   /* has the turn */
    RUNNING, /* by another thread */
    RAN,     /* waits for the commit */
    DONE,
} state;

/* One write, on its caller's stack. Guarded by the writer's lock; while RUNNING it belongs to the
 * leader. */
typedef struct csvc__request {
    struct csvc__request *next, *prev; /* in the queue or in the group */
    csvc__wait wait;
    state state;
    unsigned flags;
    csvc_ctx *ctx;
    csvc__session_fn *fn;
    void *fn_self;
    csvc_code code;
    csvc_error *err;
    bool impatient; /* its ctx has ended while it was RUNNING: wants to know when it RAN */
} request;

enum {
    /* more flags, of this file's */
    READ_ONLY = 1 << 8, /* needs no transaction */
    ALONE = 1 << 9      /* a transaction of its own */
};

bool csvc__writer_init(csvc__writer *w)
{
    w->next_checkpoint = CSVC__SQLITE_CHECKPOINT_PAGES;
    if (pthread_condattr_init(&w->clock) != 0) {
        return false;
    }
    if (pthread_condattr_setclock(&w->clock, CLOCK_MONOTONIC) != 0 ||
        pthread_mutex_init(&w->lock, NULL) != 0) {
        (void)pthread_condattr_destroy(&w->clock);
        return false;
    }
    return true;
}

void csvc__writer_release(csvc__writer *w)
{
    w->conn = csvc__sqlite_disconnect(w->conn);
    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_condattr_destroy(&w->clock);
}

/* ---- lists ---- */

static void append(request **first, request **last, request *req)
{
    req->next = NULL;
    req->prev = *last;
    *(*last != NULL ? &(*last)->next : first) = req;
    *last = req;
}

static void unlink_from(request **first, request **last, request *req)
{
    *(req->prev != NULL ? &req->prev->next : first) = req->next;
    *(req->next != NULL ? &req->next->prev : last) = req->prev;
    req->next = req->prev = NULL;
}

static request *pop_queue(csvc__writer *w)
{
    request *req = w->first;

    unlink_from(&w->first, &w->last, req);
    return req;
}

int csvc__sqlite_queued(const csvc__writer *w)
{
    int n = 0;

    for (const request *req = w->first; req != NULL; req = req->next) {
        n++;
    }
    return n;
}

/* With the lock held; the caller may be gone as soon as it is released. */
static void set_state(request *req, state s)
{
    req->state = s;
    (void)pthread_cond_signal(&req->wait.cond);
}

/* ---- one write ---- */

/* Ends a request with a failure of the driver's. */
static void fail(request *req, csvc_code code, const char *text)
{
    req->code = csvc_error_set(req->err, code, "%s", text);
    if (req->err != NULL) {
        req->err->retriable = code == CSVC_UNAVAILABLE;
    }
}

static void fail_over(request *req, const char *more)
{
    csvc_code code = csvc_check_cancelled(req->ctx);
    char text[160];

    (void)snprintf(text, sizeof(text), "%s%s", csvc_fail_text(req->ctx, code), more);
    fail(req, code, text);
}

/* Nobody can tell any more what is in the transaction, or it is gone already. */
static void lose(csvc__sqlite_conn *conn, csvc_code why)
{
    conn->lost = true;
    conn->why = why;
}

/* The savepoint goes, with or without what was done in it. */
static void close_savepoint(csvc__sqlite_conn *conn, request *req)
{
    int rc = SQLITE_OK;

    if (req->code != CSVC_OK) {
        rc = csvc__sqlite_own(conn, NULL, "ROLLBACK TO one_write");
    }
    if (rc == SQLITE_OK) {
        rc = csvc__sqlite_own(conn, NULL, "RELEASE one_write");
    }
    if (rc != SQLITE_OK) {
        csvc__problem problem;

        lose(conn, csvc__sqlite_problem(conn, NULL, rc, &problem));
    }
}

/* A deferred foreign key that is left open would fail the commit of the whole group. */
static bool leaves_key_open(csvc__sqlite_conn *conn)
{
    int now = 0, high;

    (void)sqlite3_db_status(conn->db, SQLITE_DBSTATUS_DEFERRED_FKS, &now, &high, 0);
    return now != 0;
}

/* How many rows refer to others that are not there; -1: it cannot be told, as of keys that refer to
 * no unique columns. */
static int count_broken_keys(csvc__sqlite_conn *conn)
{
    sqlite3_stmt *stmt = NULL;
    int n = 0;
    int rc = sqlite3_prepare_v2(conn->db, "SELECT count(*) FROM pragma_foreign_key_check", -1,
                                &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
        n = rc == SQLITE_ROW ? sqlite3_column_int(stmt, 0) : -1;
    }
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? n : -1;
}

/* Whether there are more of them than before; nobody can say so of what was wrong itself before. */
static bool has_broken_keys(csvc__sqlite_conn *conn, int before)
{
    const int now = before >= 0 ? count_broken_keys(conn) : 0;

    return now < 0 || (before >= 0 && now > before);
}

/* Whether SQLite looks at foreign keys: a setting of the connection, outside of transactions. */
static void tie(csvc__sqlite_conn *conn, bool tied)
{
    if (conn->untied == tied) {
        (void)sqlite3_db_config(conn->db, SQLITE_DBCONFIG_ENABLE_FKEY, tied ? 1 : 0, NULL);
        conn->untied = !tied;
    }
}

static bool begin_group(csvc__writer *w, request *req)
{
    csvc__sqlite_conn *conn = w->conn;
    const int64_t busy_ms = conn->busy_ms;
    csvc__problem problem;
    int rc;

    if ((req->flags & ALONE) != 0 && busy_ms < CSVC__SQLITE_MIGRATE_BUSY_MS) {
        conn->busy_ms = CSVC__SQLITE_MIGRATE_BUSY_MS;
    }
    tie(conn, (req->flags & CSVC__EXCLUSIVE_UNTIED) == 0);
    rc = csvc__sqlite_own(conn, req->ctx, "BEGIN IMMEDIATE");
    conn->busy_ms = busy_ms;
    if (rc != SQLITE_OK) {
        tie(conn, true);
        (void)csvc__sqlite_problem(conn, req->ctx, rc, &problem);
        csvc__sqlite_log(req->ctx, &problem);
        fail(req, problem.code, problem.text);
        return false;
    }
    w->open = true;
    w->alone = (req->flags & ALONE) != 0;
    w->n_group = 0;
    conn->begun = true;
    conn->lost = false;
    return true;
}

/* Runs it, in the group's transaction. False when it came to nothing and waits for no commit. */
static bool run_request(csvc__writer *w, request *req)
{
    csvc__sqlite_conn *conn = w->conn;
    const bool atomic = (req->flags & CSVC__WRITE_ATOMIC) != 0 && !w->careful;
    int broken;

    if (req->ctx != NULL && csvc_cancelled(req->ctx)) {
        fail_over(req, "");
        return false;
    }
    if ((req->flags & READ_ONLY) != 0) {
        req->code = req->fn(&conn->super, req->ctx, req->fn_self);
        return false;
    }
    if (!w->open && !begin_group(w, req)) {
        return false;
    }
    conn->shared = w->n_group++ != 0;
    broken = conn->untied ? count_broken_keys(conn) : 0;
    if (!atomic) {
        int rc = csvc__sqlite_own(conn, NULL, "SAVEPOINT one_write");

        if (rc != SQLITE_OK) {
            csvc__problem problem;

            (void)csvc__sqlite_problem(conn, NULL, rc, &problem);
            csvc__sqlite_log(req->ctx, &problem);
            fail(req, problem.code, problem.text);
            return true;
        }
    }
    req->code = req->fn(&conn->super, req->ctx, req->fn_self);
    if (req->code == CSVC_OK && !conn->lost && leaves_key_open(conn)) {
        fail(req, CSVC_FAILED_PRECONDITION, "a row that it refers to is not there");
        if (atomic) { /* too late to undo it alone; from now on there are savepoints */
            w->careful = true;
            lose(conn, req->code);
        }
    }
    if (req->code == CSVC_OK && !conn->lost && conn->untied && has_broken_keys(conn, broken)) {
        fail(req, CSVC_FAILED_PRECONDITION,
             "rows are left that refer to rows that are not there: see PRAGMA foreign_key_check");
    }
    if (!atomic && !conn->lost) {
        close_savepoint(conn, req);
    }
    if (conn->lost) {
        w->culprit = req;
    }
    return true;
}

/* ---- the group's end ---- */

/* Commits; OK, or why nothing of the group was kept. */
static csvc_code commit_group(csvc__writer *w, csvc__problem *problem)
{
    csvc__sqlite_conn *conn = w->conn;
    csvc_code code = CSVC_OK;
    int rc = SQLITE_OK;

    if (conn->lost) {
        /* for those in the company of the one that has its own reason */
        code = conn->why == CSVC_RESOURCE_EXHAUSTED || conn->why == CSVC_DATA_LOSS
                   ? conn->why
                   : CSVC_UNAVAILABLE;
        (void)snprintf(problem->text, sizeof(problem->text), "%s",
                       "undone together with another write that failed; try again");
    } else {
        rc = csvc__sqlite_own(conn, NULL, "COMMIT");
        if (rc != SQLITE_OK) {
            code = csvc__sqlite_problem(conn, NULL, rc, problem);
        }
    }
    if (code != CSVC_OK && !sqlite3_get_autocommit(conn->db)) {
        (void)csvc__sqlite_own(conn, NULL, "ROLLBACK");
    }
    conn->begun = conn->lost = conn->shared = false;
    tie(conn, true);
    return code;
}

/* With the lock held, which it gives up meanwhile. `mine` is the leader's own. */
static void end_group(csvc__writer *w, const request *mine)
{
    csvc__problem problem = {.code = CSVC_OK};
    csvc_code code;

    (void)pthread_mutex_unlock(&w->lock);
    code = commit_group(w, &problem);
    if (code != CSVC_OK) {
        csvc__sqlite_log(NULL, &problem); /* of all in the group */
    }
    (void)pthread_mutex_lock(&w->lock);
    w->open = w->alone = false;
    while (w->group_first != NULL) {
        request *req = w->group_first;

        unlink_from(&w->group_first, &w->group_last, req);
        if (code != CSVC_OK && (req != w->culprit || req->code == CSVC_OK)) {
            fail(req, code, problem.text);
        }
        if (req == mine) {
            req->state = DONE;
        } else {
            set_state(req, DONE);
        }
    }
    w->culprit = NULL;
}

/*
 * Copies the log back into the file when it has grown, after the group has been answered. Usually
 * without waiting; readers that never pause would let the log grow for ever, so in the end new ones
 * wait a moment for the old.
 */
static void checkpoint(csvc__writer *w)
{
    csvc__sqlite_conn *conn = w->conn;
    const int64_t busy_ms = conn->busy_ms;
    const bool grown = conn->logged_pages >= CSVC__SQLITE_RESTART_PAGES;

    if (conn->logged_pages < CSVC__SQLITE_CHECKPOINT_PAGES) {
        w->next_checkpoint = CSVC__SQLITE_CHECKPOINT_PAGES;
        return;
    }
    if (conn->logged_pages < w->next_checkpoint) {
        return;
    }
    (void)pthread_mutex_unlock(&w->lock);
    conn->busy_ms = CSVC__SQLITE_RESTART_MS;
    /* a failure leaves the log as it is, complete: nothing is lost, and the next one tries again */
    (void)sqlite3_wal_checkpoint_v2(
        conn->db, NULL, grown ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    conn->busy_ms = busy_ms;
    (void)pthread_mutex_lock(&w->lock);
    w->next_checkpoint = conn->logged_pages + CSVC__SQLITE_CHECKPOINT_PAGES;
}

/* ---- turns ---- */

/* With the lock held: the first that waits has the turn now, or nobody. */
static void pass_turn(csvc__writer *w)
{
    if (w->first != NULL) {
        set_state(pop_queue(w), LEADS);
    } else {
        w->busy = false;
    }
}

/* Runs one with the lock given up; afterwards it is in the group, or done. */
static void run_unlocked(csvc__writer *w, request *req, const request *mine)
{
    bool joined;

    (void)pthread_mutex_unlock(&w->lock);
    joined = run_request(w, req);
    (void)pthread_mutex_lock(&w->lock);
    if (joined) {
        append(&w->group_first, &w->group_last, req);
    }
    req->state = joined ? RAN : DONE;
    if (req != mine && (!joined || req->impatient)) {
        (void)pthread_cond_signal(&req->wait.cond);
    }
}

/* With the lock held and the turn taken: leads until the group is committed or handed over. */
static void lead(csvc__writer *w, request *mine)
{
    run_unlocked(w, mine, mine);
    while (w->open && !w->alone && !w->commit_each && !w->conn->lost &&
           w->n_group < CSVC__SQLITE_GROUP && w->first != NULL && (w->first->flags & ALONE) == 0) {
        request *req = pop_queue(w);

        if ((req->flags & CSVC__WRITE_ATOMIC) == 0) {
            set_state(req, LEADS);
            return;
        }
        req->state = RUNNING;
        run_unlocked(w, req, mine);
    }
    if (w->open) {
        end_group(w, mine);
        checkpoint(w);
    }
    pass_turn(w);
}

/* With the lock held: the caller's ctx has ended; true when it may go. */
static bool give_up(csvc__writer *w, request *req)
{
    if (req->state == QUEUED) {
        unlink_from(&w->first, &w->last, req);
        fail_over(req, " while waiting for a turn to write");
        return true;
    }
    if (req->state == RAN) {
        unlink_from(&w->group_first, &w->group_last, req);
        fail_over(req, " while the write was being committed; it may have been made");
        return true;
    }
    return false; /* another thread is at it: a moment */
}

static csvc_code run_in_turn(csvc__writer *w, request *req)
{
    csvc__wait_begin(&req->wait, req->ctx, &w->lock, &w->clock);
    (void)pthread_mutex_lock(&w->lock);
    if (!w->busy) {
        w->busy = true;
        req->state = LEADS;
    } else {
        req->state = QUEUED;
        append(&w->first, &w->last, req);
    }
    while (req->state != DONE) {
        if (req->state == LEADS) {
            lead(w, req);
        } else if (req->ctx != NULL && csvc_cancelled(req->ctx)) {
            if (give_up(w, req)) {
                break;
            }
            req->impatient = true;
            (void)pthread_cond_wait(&req->wait.cond, &w->lock);
        } else {
            csvc__wait_sleep(&req->wait);
        }
    }
    (void)pthread_mutex_unlock(&w->lock);
    csvc__wait_end(&req->wait);
    return req->code;
}

csvc_code csvc__sqlite_write(csvc__backend *backend, csvc_ctx *ctx, unsigned flags,
                             csvc__session_fn *fn, void *fn_self, csvc_error *err)
{
    request req = {
        .ctx = ctx, .flags = flags & CSVC__WRITE_ATOMIC, .fn = fn, .fn_self = fn_self, .err = err};

    return run_in_turn(&backend->writer, &req);
}

csvc_code csvc__sqlite_read_in_turn(csvc__backend *backend, csvc_ctx *ctx, csvc__session_fn *fn,
                                    void *fn_self, csvc_error *err)
{
    request req = {.ctx = ctx, .flags = READ_ONLY, .fn = fn, .fn_self = fn_self, .err = err};

    return run_in_turn(&backend->writer, &req);
}

csvc_code csvc__sqlite_exclusive(csvc__backend *backend, unsigned flags, csvc__session_fn *fn,
                                 void *fn_self, csvc_error *err)
{
    request req = {.flags = ALONE | (flags & CSVC__EXCLUSIVE_UNTIED),
                   .fn = fn,
                   .fn_self = fn_self,
                   .err = err};

    return run_in_turn(&backend->writer, &req);
}
