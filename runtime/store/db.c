/* store/db.c: a database opened by its URL, and who may run what when: reads, writes and
 * transactions on their way to the driver. */
#include <csvc/alloc.h>
#include <rpc/ctx.h>
#include <store/db.h>

#include <stdio.h>
#include <string.h>

#include <base/banned.h>

/* ---- opening ---- */

static const csvc_db_driver *find_driver(const char *url, const csvc_db_options *options)
{
    const csvc_db_driver *const *d = options->drivers;

    while (d != NULL && *d != NULL) {
        if (strncmp(url, (*d)->scheme, strlen((*d)->scheme)) == 0) {
            return *d;
        }
        d++;
    }
    return NULL;
}

/* Only the scheme goes into the text: what follows may hold a password. */
static void fail_url(const char *url, const csvc_db_options *options, csvc_error *err)
{
    const size_t scheme = strcspn(url, ":");
    char known[128] = "";
    size_t len = 0;

    for (const csvc_db_driver *const *d = options->drivers; d != NULL && *d != NULL; d++) {
        const int n =
            snprintf(known + len, sizeof(known) - len, "%s%s", len == 0 ? "" : " ", (*d)->scheme);

        len = n > 0 && (size_t)n < sizeof(known) - len ? len + (size_t)n : len;
    }
    if (url[scheme] != ':') {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                             "the database URL has no scheme; write one as in sqlite:PATH "
                             "(this program knows %s)",
                             len != 0 ? known : "none");
    } else {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                             "this program has no database driver for %.*s: URLs (it knows %s)",
                             (int)(scheme < 32 ? scheme : 32), url, len != 0 ? known : "none");
    }
}

csvc_db *csvc_db_open(const char *url, const csvc_db_options *options, csvc_error *err)
{
    csvc_db_options o = {CSVC_DB_OPTIONS_INIT};
    csvc_db *db;

    if (options != NULL) {
        memcpy(&o, options, options->struct_size < sizeof(o) ? options->struct_size : sizeof(o));
    }
    if (url == NULL || *url == '\0') {
        (void)csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                             "the database URL is empty; write one as in sqlite:PATH");
        return NULL;
    }
    db = csvc__calloc(1, sizeof(*db));
    if (db == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    db->driver = find_driver(url, &o);
    if (db->driver == NULL) {
        fail_url(url, &o, err);
        csvc__free(db);
        return NULL;
    }
    if (db->driver->open(url + strlen(db->driver->scheme), &o, &db->backend, err) != CSVC_OK) {
        csvc__free(db);
        return NULL;
    }
    (void)pthread_mutex_init(&db->lock, NULL);
    csvc__plans_init(&db->plans, db->driver);
    atomic_init(&db->n_transactions, 0);
    return db;
}

csvc_db *csvc_db_close(csvc_db *db)
{
    if (db == NULL) {
        return NULL;
    }
    db->driver->close(db->backend);
    csvc__plans_release(&db->plans);
    (void)pthread_mutex_destroy(&db->lock);
    csvc__free(db);
    return NULL;
}

/* ---- who may run ---- */

/*
 * Which connection a ctx must use: that of its transaction, or NULL for any. A thread that is
 * within a transaction must not come with another ctx: it would wait for itself.
 */
static csvc_code enter(csvc_db *db, csvc_ctx *ctx, csvc__conn **ret_conn)
{
    const csvc__transaction *t;
    csvc__conn *conn = NULL;
    bool stranger = false;

    if (!csvc__ctx_may_block(ctx)) {
        return csvc_fail(ctx, CSVC_FAILED_PRECONDITION,
                         "a database call waits, which an inline handler may not do");
    }
    if (atomic_load_explicit(&db->n_transactions, memory_order_acquire) != 0) {
        (void)pthread_mutex_lock(&db->lock);
        for (t = db->transactions; t != NULL; t = t->next) {
            if (t->ctx == ctx) {
                conn = t->conn;
            } else if (pthread_equal(t->thread, pthread_self())) {
                stranger = true;
            }
        }
        (void)pthread_mutex_unlock(&db->lock);
    }
    if (conn == NULL && stranger) {
        return csvc_fail(ctx, CSVC_FAILED_PRECONDITION,
                         "within csvc_db_transaction the database takes only its ctx");
    }
    *ret_conn = conn;
    return csvc_check_cancelled(ctx);
}

/* The driver's own failure, which knows no ctx, becomes the ctx's. */
static csvc_code leave(csvc_ctx *ctx, csvc_code code, const csvc_error *err)
{
    return err->code != CSVC_OK ? csvc_fail(ctx, code, "%s", err->text) : code;
}

typedef csvc_code session_of_driver(csvc__backend *backend, csvc_ctx *ctx, unsigned flags,
                                    csvc__session_fn *fn, void *fn_self, csvc_error *err);

/* In the transaction this ctx is in, or else in a session that the driver opens. */
static csvc_code session(csvc_db *db, csvc_ctx *ctx, unsigned flags, csvc__session_fn *fn,
                         void *fn_self, session_of_driver *open)
{
    csvc__conn *conn;
    csvc_error err;
    csvc_code code = enter(db, ctx, &conn);

    if (code != CSVC_OK) {
        return code;
    }
    if (conn != NULL) {
        return fn(conn, ctx, fn_self);
    }
    err.code = CSVC_OK;
    code = open(db->backend, ctx, flags, fn, fn_self, &err);
    return leave(ctx, code, &err);
}

csvc_code csvc__db_read(csvc_db *db, csvc_ctx *ctx, unsigned flags, csvc__session_fn *fn,
                        void *fn_self)
{
    return session(db, ctx, flags, fn, fn_self, db->driver->read);
}

csvc_code csvc__db_write(csvc_db *db, csvc_ctx *ctx, unsigned flags, csvc__session_fn *fn,
                         void *fn_self)
{
    return session(db, ctx, flags, fn, fn_self, db->driver->write);
}

/* ---- transactions ---- */

struct transaction_call {
    csvc_db *db;
    csvc_db_work *work;
    void *self;
};

static csvc_code run_transaction(csvc__conn *conn, csvc_ctx *ctx, void *self)
{
    struct transaction_call *call = self;
    csvc_db *db = call->db;
    csvc__transaction t = {.ctx = ctx, .conn = conn, .thread = pthread_self()};
    csvc__transaction **at;
    csvc_code code;

    (void)pthread_mutex_lock(&db->lock);
    t.next = db->transactions;
    db->transactions = &t;
    (void)atomic_fetch_add_explicit(&db->n_transactions, 1, memory_order_release);
    (void)pthread_mutex_unlock(&db->lock);

    code = call->work(db, ctx, call->self);

    (void)pthread_mutex_lock(&db->lock);
    at = &db->transactions;
    while (*at != &t) {
        at = &(*at)->next;
    }
    *at = t.next;
    (void)atomic_fetch_sub_explicit(&db->n_transactions, 1, memory_order_release);
    (void)pthread_mutex_unlock(&db->lock);
    return code;
}

csvc_code csvc_db_transaction(csvc_db *db, csvc_ctx *ctx, csvc_db_work *work, void *self)
{
    struct transaction_call call = {.db = db, .work = work, .self = self};
    csvc__conn *conn;
    csvc_error err;
    csvc_code code;

    if (db == NULL || work == NULL) {
        return csvc_fail(ctx, CSVC_INVALID_ARGUMENT, "csvc_db_transaction: there is no %s",
                         db == NULL ? "database" : "function");
    }
    code = enter(db, ctx, &conn);
    if (code != CSVC_OK) {
        return code;
    }
    if (conn != NULL) {
        return csvc_fail(ctx, CSVC_FAILED_PRECONDITION, "transactions do not nest");
    }
    err.code = CSVC_OK;
    code = db->driver->write(db->backend, ctx, 0, run_transaction, &call, &err);
    return leave(ctx, code, &err);
}
