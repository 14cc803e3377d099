/*
 * store/db.h: the inside of a csvc_db. Only db.c talks to the driver's read and write; it finds out
 * whether a ctx is within a transaction.
 *
 * Layers within the folder: plan <- value <- text; plan <- db; all of them <- entity, list;
 * list <- select; db, text <- sql; db <- migrations, schema.
 */
#ifndef CSVC_STORE_DB_H
#define CSVC_STORE_DB_H

#include <store/plan.h>

/* A transaction under way, on the stack of csvc_db_transaction. */
typedef struct csvc__transaction {
    struct csvc__transaction *next;
    csvc_ctx *ctx;
    csvc__conn *conn;
    pthread_t thread;
} csvc__transaction;

struct csvc_db {
    const csvc_db_driver *driver;
    csvc__backend *backend;
    csvc__plans plans;
    pthread_mutex_t lock; /* of transactions */
    csvc__transaction *transactions;
    atomic_uint n_transactions;
};

/* The driver's read and write, or the transaction that ctx is in; texts set on ctx. */
csvc_code csvc__db_read(csvc_db *db, csvc_ctx *ctx, unsigned flags, csvc__session_fn *fn,
                        void *fn_self);
csvc_code csvc__db_write(csvc_db *db, csvc_ctx *ctx, unsigned flags, csvc__session_fn *fn,
                         void *fn_self);

#endif /* CSVC_STORE_DB_H */
