/* Writers taking turns: groups, deadlines, cancellation, transactions in between, many threads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <store/db.h>
#include <store/sqlite/sqlite.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store_types.h"

static char folder[256];
static const char *url;
static csvc_db *db;
static csvc_ctx *ctx;

static int open_with(const csvc_db_options *options)
{
    url = store_new_url(folder);
    db = store_open(url, options);
    ctx = csvc_ctx_new(NULL);
    return ctx == NULL;
}

static int set_up(void **state)
{
    (void)state;
    return open_with(NULL);
}

static int set_up_each(void **state)
{
    csvc_db_options options = {CSVC_DB_OPTIONS_INIT, .commit_each = true};

    (void)state;
    return open_with(&options);
}

static int set_up_one_reader(void **state)
{
    csvc_db_options options = {CSVC_DB_OPTIONS_INIT, .max_readers = 1};

    (void)state;
    return open_with(&options);
}

static int set_up_memory(void **state)
{
    (void)state;
    folder[0] = '\0';
    db = store_open_memory();
    ctx = csvc_ctx_new(NULL);
    return ctx == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    ctx = csvc_ctx_unref(ctx);
    db = csvc_db_close(db);
    if (folder[0] != '\0') {
        store_remove(folder);
    }
    return 0;
}

static csvc_code create(csvc_ctx *in, const char *name)
{
    User user = user_of(name, name);
    void *row;

    return csvc_store_create(db, in, &user_entity, &user, &row);
}

static int64_t number(const char *sql)
{
    csvc_ctx *own = csvc_ctx_new(NULL);
    csvc_db_rows rows;
    int64_t n = -1;

    if (csvc_db_query(db, own, sql, NULL, 0, 1, &rows) == CSVC_OK && rows.n_rows == 1) {
        n = rows.values[0].i;
    }
    csvc_ctx_unref(own);
    return n;
}

/* ---- threads that do one thing ---- */

enum what {
    CREATE,
    LONG_WRITE,
    LONG_READ,
    TRANSACTION
};

struct worker {
    pthread_t thread;
    enum what what;
    csvc_ctx *ctx;
    const char *name;
    csvc_code code;
    char text[200];
    /* of a transaction: it waits within for its gate */
    atomic_bool inside;
    atomic_bool gate;
    csvc_code result;
};

static void until(atomic_bool *flag)
{
    while (!atomic_load(flag)) {
        const struct timespec pause = {.tv_nsec = 100000};

        nanosleep(&pause, NULL);
    }
}

static csvc_code wait_at_the_gate(csvc_db *with, csvc_ctx *in, void *self)
{
    struct worker *w = self;
    User user = user_of(w->name, w->name);
    void *row;
    csvc_code code = csvc_store_create(with, in, &user_entity, &user, &row);

    atomic_store(&w->inside, true);
    until(&w->gate);
    return code != CSVC_OK ? code : w->result;
}

#define LONG                                                                                       \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000) "

static void *work(void *self)
{
    struct worker *w = self;
    csvc_db_rows rows;

    switch (w->what) {
    case CREATE:
        w->code = create(w->ctx, w->name);
        break;
    case LONG_WRITE:
        w->code = csvc_db_exec(db, w->ctx,
                               LONG "INSERT INTO users SELECT i, 'n' || i, i, '', '', '', i FROM n "
                                    "WHERE i % 100000 = 0",
                               NULL, 0, NULL);
        break;
    case LONG_READ:
        w->code = csvc_db_query(db, w->ctx, LONG "SELECT count(*) FROM n", NULL, 0, 1, &rows);
        break;
    case TRANSACTION:
        w->code = csvc_db_transaction(db, w->ctx, wait_at_the_gate, w);
        break;
    }
    snprintf(w->text, sizeof(w->text), "%s", csvc_fail_text(w->ctx, w->code));
    return NULL;
}

static void start(struct worker *w, enum what what, const char *name, int64_t timeout_ms)
{
    csvc_ctx_options options = {CSVC_CTX_OPTIONS_INIT, .timeout_ms = timeout_ms};

    *w = (struct worker){.what = what, .name = name, .ctx = csvc_ctx_new(&options)};
    assert_non_null(w->ctx);
    assert_int_equal(0, pthread_create(&w->thread, NULL, work, w));
}

static csvc_code finish(struct worker *w)
{
    pthread_join(w->thread, NULL);
    csvc_ctx_unref(w->ctx);
    return w->code;
}

/* Waits until this many stand in line for a turn. */
static void wait_for_line(int n)
{
    csvc__writer *w = &db->backend->writer;
    int seen;

    do {
        const struct timespec pause = {.tv_nsec = 100000};

        nanosleep(&pause, NULL);
        (void)pthread_mutex_lock(&w->lock);
        seen = csvc__sqlite_queued(w);
        (void)pthread_mutex_unlock(&w->lock);
    } while (seen < n);
}

/* ---- turns ---- */

static void who_waits_for_a_turn_goes_at_its_deadline(void **state)
{
    struct worker holder, late, cancelled;

    (void)state;
    start(&holder, TRANSACTION, "holder", 0);
    until(&holder.inside);
    start(&late, CREATE, "late", 50);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, finish(&late));
    assert_string_equal("deadline exceeded while waiting for a turn to write", late.text);
    start(&cancelled, CREATE, "cancelled", 0);
    wait_for_line(1);
    csvc_ctx_cancel(cancelled.ctx);
    assert_int_equal(CSVC_CANCELLED, finish(&cancelled));
    assert_string_equal("cancelled while waiting for a turn to write", cancelled.text);
    atomic_store(&holder.gate, true);
    assert_int_equal(CSVC_OK, finish(&holder));
    assert_int_equal(1, number("SELECT count(*) FROM users"));
}

static void a_group_is_answered_together(void **state)
{
    struct worker first, second, third, taken;

    (void)state;
    start(&first, TRANSACTION, "first", 0);
    until(&first.inside);
    start(&second, CREATE, "second", 0);
    wait_for_line(1);
    start(&taken, CREATE, "second", 0); /* rests on a row that is not committed yet */
    wait_for_line(2);
    start(&third, TRANSACTION, "third", 0);
    wait_for_line(3);
    atomic_store(&first.gate, true);
    until(&third.inside);
    /* all have run, none is durable */
    assert_int_equal(0, number("SELECT count(*) FROM users"));
    atomic_store(&third.gate, true);
    assert_int_equal(CSVC_OK, finish(&first));
    assert_int_equal(CSVC_OK, finish(&second));
    assert_int_equal(CSVC_OK, finish(&third));
    assert_int_equal(CSVC_ALREADY_EXISTS, finish(&taken));
    assert_string_equal("username \"second\" is already taken", taken.text);
    assert_int_equal(3, number("SELECT count(*) FROM users"));
}

/* Whoever stands behind the 128th waits for the next commit, and the first ones not for him. */
static void a_group_ends_at_its_limit(void **state)
{
    enum {
        CREATES = CSVC__SQLITE_GROUP + 2
    };
    static struct worker creates[CREATES];
    static char names[CREATES][16];
    struct worker first, last;

    (void)state;
    start(&first, TRANSACTION, "first", 0);
    until(&first.inside);
    for (int i = 0; i < CREATES; i++) {
        snprintf(names[i], sizeof(names[i]), "u%d", i);
        start(&creates[i], CREATE, names[i], 0);
    }
    wait_for_line(CREATES);
    start(&last, TRANSACTION, "last", 0);
    wait_for_line(CREATES + 1);
    atomic_store(&first.gate, true);
    until(&last.inside);
    assert_int_equal(CSVC__SQLITE_GROUP, number("SELECT count(*) FROM users"));
    atomic_store(&last.gate, true);
    assert_int_equal(CSVC_OK, finish(&first));
    assert_int_equal(CSVC_OK, finish(&last));
    for (int i = 0; i < CREATES; i++) {
        assert_int_equal(CSVC_OK, finish(&creates[i]));
    }
    assert_int_equal(CREATES + 2, number("SELECT count(*) FROM users"));
}

static void a_refused_transaction_takes_nobody_along(void **state)
{
    struct worker first, second, third;

    (void)state;
    start(&first, TRANSACTION, "first", 0);
    until(&first.inside);
    start(&second, CREATE, "second", 0);
    wait_for_line(1);
    start(&third, TRANSACTION, "third", 0);
    wait_for_line(2);
    third.result = CSVC_ABORTED;
    atomic_store(&third.gate, true);
    atomic_store(&first.gate, true);
    assert_int_equal(CSVC_OK, finish(&first));
    assert_int_equal(CSVC_OK, finish(&second));
    assert_int_equal(CSVC_ABORTED, finish(&third));
    assert_int_equal(2, number("SELECT count(*) FROM users"));
    assert_int_equal(0, number("SELECT count(*) FROM users WHERE username = 'third'"));
}

static void who_waits_for_the_commit_goes_at_its_deadline(void **state)
{
    struct worker first, second;

    (void)state;
    start(&first, TRANSACTION, "first", 500);
    until(&first.inside);
    start(&second, TRANSACTION, "second", 0);
    wait_for_line(1);
    atomic_store(&first.gate, true);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, finish(&first));
    assert_string_equal(
        "deadline exceeded while the write was being committed; it may have been made", first.text);
    atomic_store(&second.gate, true);
    assert_int_equal(CSVC_OK, finish(&second));
    assert_int_equal(2, number("SELECT count(*) FROM users"));
}

/* ---- long statements ---- */

static void long_statements_end_with_their_ctx(void **state)
{
    struct worker reader, writer;

    (void)state;
    start(&reader, LONG_READ, NULL, 100);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, finish(&reader));
    start(&writer, LONG_WRITE, NULL, 100);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, finish(&writer));
    assert_int_equal(0, number("SELECT count(*) FROM users"));
    start(&reader, LONG_READ, NULL, 0);
    csvc_ctx_cancel(reader.ctx);
    assert_int_equal(CSVC_CANCELLED, finish(&reader));
    start(&writer, LONG_WRITE, NULL, 0);
    csvc_ctx_cancel(writer.ctx);
    assert_int_equal(CSVC_CANCELLED, finish(&writer));
    assert_int_equal(CSVC_OK, create(ctx, "ada")); /* and nothing is worse for it */
    assert_int_equal(1, number("SELECT count(*) FROM users"));
}

static void a_long_write_in_company_takes_it_along(void **state)
{
    struct worker first, second, endless;

    (void)state;
    start(&first, TRANSACTION, "first", 0);
    until(&first.inside);
    start(&second, CREATE, "second", 0);
    wait_for_line(1);
    start(&endless, LONG_WRITE, NULL, 2000);
    wait_for_line(2);
    atomic_store(&first.gate, true);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, finish(&endless));
    assert_int_equal(CSVC_UNAVAILABLE, finish(&first));
    assert_int_equal(CSVC_UNAVAILABLE, finish(&second));
    assert_string_equal("undone together with another write that failed; try again", second.text);
    assert_int_equal(0, number("SELECT count(*) FROM users"));
    assert_int_equal(CSVC_OK, create(ctx, "second"));
    assert_int_equal(1, number("SELECT count(*) FROM users"));
}

static csvc_code swallows(csvc_db *with, csvc_ctx *in, void *self)
{
    struct worker *w = self;

    (void)with;
    assert_int_equal(CSVC_OK, create(in, "before"));
    w->what = LONG_WRITE;
    (void)work(w); /* SQLite undoes the whole transaction */
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, w->code);
    return CSVC_OK;
}

static void a_transaction_that_was_undone_is_not_kept(void **state)
{
    csvc_ctx_options options = {CSVC_CTX_OPTIONS_INIT, .timeout_ms = 100};
    struct worker w = {.ctx = csvc_ctx_new(&options)};

    (void)state;
    assert_int_equal(CSVC_UNAVAILABLE, csvc_db_transaction(db, w.ctx, swallows, &w));
    assert_int_equal(0, number("SELECT count(*) FROM users"));
    csvc_ctx_unref(w.ctx);
}

static void who_waits_to_read_goes_at_its_deadline(void **state)
{
    struct worker holder, late, next;

    (void)state;
    start(&holder, LONG_READ, NULL, 0);
    start(&late, LONG_READ, NULL, 100);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, finish(&late));
    start(&next, LONG_READ, NULL, 0);
    csvc_ctx_cancel(next.ctx);
    assert_int_equal(CSVC_CANCELLED, finish(&next));
    assert_int_equal(CSVC_OK, create(ctx, "ada")); /* writing goes on */
    csvc_ctx_cancel(holder.ctx);
    assert_int_equal(CSVC_CANCELLED, finish(&holder));
    assert_int_equal(1, number("SELECT count(*) FROM users"));
}

/* ---- many threads ---- */

enum {
    THREADS = 8,
    EACH = 150,
    NAMES = 200 /* fewer than writes, so that many are taken */
};

struct crowd {
    pthread_t thread;
    unsigned seed;
    int counts[NAMES]; /* creates that were acknowledged, minus deletes */
    int failed;
};

static csvc_code rename_and_back(csvc_db *with, csvc_ctx *in, void *self)
{
    User *user = self;
    void *row;
    char *name = user->username;
    csvc_code code;

    user->username = (char *)"someone else";
    code = csvc_store_update(with, in, &user_entity, user, USER_USERNAME, &row);
    user->username = name;
    if (code == CSVC_OK) {
        code = csvc_store_update(with, in, &user_entity, user, USER_USERNAME, &row);
    }
    return code;
}

static void *crowd_work(void *self)
{
    struct crowd *c = self;

    for (int i = 0; i < EACH; i++) {
        const int n = rand_r(&c->seed) % NAMES;
        csvc_ctx *in = csvc_ctx_new(NULL);
        char name[16];
        User user;
        void *row;
        csvc_store_rows rows;
        csvc_code code;

        snprintf(name, sizeof(name), "n%d", n);
        user = user_of(name, name);
        code = csvc_store_create(db, in, &user_entity, &user, &row);
        if (code == CSVC_OK) {
            c->counts[n]++;
            user.id = ((User *)row)->id;
            /* what was acknowledged can be read at once */
            if (csvc_store_get(db, in, &user_entity, &user, &row) != CSVC_OK) {
                c->failed++;
            }
            if (i % 3 == 0) {
                code = csvc_store_delete(db, in, &user_entity, &user);
                c->counts[n] -= code == CSVC_OK;
            } else if (i % 3 == 1) {
                code = csvc_db_transaction(db, in, rename_and_back, &user);
            } else {
                code = csvc_store_list(db, in, &user_entity, NULL, &rows);
            }
            c->failed += code != CSVC_OK;
        } else if (code != CSVC_ALREADY_EXISTS) {
            fprintf(stderr, "%s: %s\n", csvc_code_name(code), csvc_fail_text(in, code));
            c->failed++;
        }
        csvc_ctx_unref(in);
    }
    return NULL;
}

static void acknowledged_is_what_is_there(void **state)
{
    static struct crowd crowd[THREADS];
    csvc_db_rows rows;
    int total = 0;

    (void)state;
    memset(crowd, 0, sizeof(crowd));
    for (int i = 0; i < THREADS; i++) {
        crowd[i].seed = (unsigned)i + 1;
        assert_int_equal(0, pthread_create(&crowd[i].thread, NULL, crowd_work, &crowd[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(crowd[i].thread, NULL);
        assert_int_equal(0, crowd[i].failed);
    }
    assert_int_equal(CSVC_OK,
                     csvc_db_query(db, ctx, "SELECT username FROM users", NULL, 0, 10000, &rows));
    for (int n = 0; n < NAMES; n++) {
        char name[16];
        int counted = 0, stored = 0;

        snprintf(name, sizeof(name), "n%d", n);
        for (int i = 0; i < THREADS; i++) {
            counted += crowd[i].counts[n];
        }
        for (size_t r = 0; r < rows.n_rows; r++) {
            stored += strcmp(name, (const char *)rows.values[r].bytes.data) == 0;
        }
        assert_true(counted == 0 || counted == 1);
        assert_int_equal(counted, stored);
        total += counted;
    }
    assert_int_equal(total, rows.n_rows);
    assert_true(total > 10);
}

/* Deadlines at every moment of a write: whatever is said, OK means stored and the rest may be. */
static void *hurry(void *self)
{
    struct crowd *c = self;

    for (int i = 0; i < EACH; i++) {
        csvc_ctx *in = csvc_ctx_new(NULL);
        char name[32];
        csvc_code code;

        snprintf(name, sizeof(name), "%u-%d", c->seed, i);
        in->deadline = csvc__now() + rand_r(&c->seed) % 1000 * INT64_C(1000); /* up to 1 ms */
        code = create(in, name);
        if (code == CSVC_OK) {
            c->counts[0]++;
        } else if (code != CSVC_DEADLINE_EXCEEDED) {
            c->failed++;
        }
        csvc_ctx_unref(in);
    }
    return NULL;
}

static void deadlines_at_every_moment(void **state)
{
    static struct crowd crowd[THREADS];
    int acknowledged = 0;

    (void)state;
    memset(crowd, 0, sizeof(crowd));
    for (int i = 0; i < THREADS; i++) {
        crowd[i].seed = (unsigned)i + 1;
        assert_int_equal(0, pthread_create(&crowd[i].thread, NULL, hurry, &crowd[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(crowd[i].thread, NULL);
        assert_int_equal(0, crowd[i].failed);
        acknowledged += crowd[i].counts[0];
    }
    assert_true(number("SELECT count(*) FROM users") >= acknowledged);
    assert_int_equal(CSVC_OK, create(ctx, "after"));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_waits_for_a_turn_goes_at_its_deadline),
        TEST(a_group_is_answered_together),
        TEST(a_group_ends_at_its_limit),
        TEST(a_refused_transaction_takes_nobody_along),
        TEST(who_waits_for_the_commit_goes_at_its_deadline),
        TEST(long_statements_end_with_their_ctx),
        {"long_statements_end_with_their_ctx (memory)", long_statements_end_with_their_ctx,
         set_up_memory, tear_down, NULL},
        TEST(a_long_write_in_company_takes_it_along),
        TEST(a_transaction_that_was_undone_is_not_kept),
        cmocka_unit_test_setup_teardown(who_waits_to_read_goes_at_its_deadline, set_up_one_reader,
                                        tear_down),
        TEST(acknowledged_is_what_is_there),
        {"acknowledged_is_what_is_there (one commit each)", acknowledged_is_what_is_there,
         set_up_each, tear_down, NULL},
        {"acknowledged_is_what_is_there (memory)", acknowledged_is_what_is_there, set_up_memory,
         tear_down, NULL},
        TEST(deadlines_at_every_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
