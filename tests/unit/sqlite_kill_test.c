/*
 * kill -9 in a burst of creates: every row that was acknowledged is there afterwards.
 *
 * CSVC_KILL_ROUNDS says how often; 10 unless told.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_types.h"

enum {
    WRITERS = 8,
    MAX_ACKNOWLEDGED = 200000
};

/* What the child tells: a row was acknowledged. Shorter than PIPE_BUF, so never torn. */
struct note {
    int64_t id;
    char username[24];
};

static csvc_db *db;
static int pipe_end;
static int round_of;
static atomic_int next_name;

static csvc_code two_rows(csvc_db *with, csvc_ctx *in, void *self)
{
    User user = user_of(self, self);
    char second[40];
    void *row;
    csvc_code code = csvc_store_create(with, in, &user_entity, &user, &row);

    snprintf(second, sizeof(second), "%s+", (const char *)self);
    user = user_of(second, second);
    return code != CSVC_OK ? code : csvc_store_create(with, in, &user_entity, &user, &row);
}

static void *write_for_ever(void *self)
{
    (void)self;
    for (;;) {
        const int n = atomic_fetch_add(&next_name, 1);
        csvc_ctx *in = csvc_ctx_new(NULL);
        struct note note = {0};
        User user;
        void *row;
        csvc_code code;

        snprintf(note.username, sizeof(note.username), "%d-%d", round_of, n);
        if (n % 5 == 0) {
            code = csvc_db_transaction(db, in, two_rows, note.username);
        } else {
            user = user_of(note.username, note.username);
            code = csvc_store_create(db, in, &user_entity, &user, &row);
            note.id = code == CSVC_OK ? ((User *)row)->id : 0;
        }
        if (code != CSVC_OK || write(pipe_end, &note, sizeof(note)) != (ssize_t)sizeof(note)) {
            fprintf(stderr, "writer: %s\n", csvc_fail_text(in, code));
            _exit(1);
        }
        csvc_ctx_unref(in);
    }
    return NULL;
}

static void be_the_victim(const char *url, int end)
{
    pthread_t threads[WRITERS];

    pipe_end = end;
    db = store_open(url, NULL);
    for (int i = 0; i < WRITERS; i++) {
        if (pthread_create(&threads[i], NULL, write_for_ever, NULL) != 0) {
            _exit(1);
        }
    }
    pause();
    _exit(1);
}

static struct note *acknowledged;
static size_t n_acknowledged;

static bool read_note(int end)
{
    struct note *note = &acknowledged[n_acknowledged];
    ssize_t n;

    do {
        n = read(end, note, sizeof(*note));
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(*note)) {
        return false;
    }
    n_acknowledged++;
    return true;
}

/* Lets the child write until some number of rows was acknowledged, then kills it. */
static void one_round(const char *url, unsigned *seed)
{
    const size_t until = n_acknowledged + 1 + (size_t)(rand_r(seed) % 400);
    int ends[2], status;
    pid_t child;

    assert_int_equal(0, pipe(ends));
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        be_the_victim(url, ends[1]);
    }
    close(ends[1]);
    while (n_acknowledged < until && n_acknowledged < MAX_ACKNOWLEDGED && read_note(ends[0])) {
    }
    assert_int_equal(0, kill(child, SIGKILL));
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (n_acknowledged < MAX_ACKNOWLEDGED && read_note(ends[0])) { /* told, not yet read */
    }
    close(ends[0]);
    assert_true(n_acknowledged >= until);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct note *)a)->username, ((const struct note *)b)->username);
}

static csvc_db_rows query(csvc_ctx *ctx, const char *sql)
{
    csvc_db_rows rows;

    assert_int_equal(CSVC_OK, csvc_db_query(db, ctx, sql, NULL, 0, 1000000, &rows));
    return rows;
}

static void check(const char *url)
{
    csvc_ctx_options large = {CSVC_CTX_OPTIONS_INIT, .max_memory = (size_t)1 << 30};
    csvc_ctx *ctx = csvc_ctx_new(&large);
    csvc_db_rows rows;
    size_t found = 0;

    db = store_open(url, NULL);
    rows = query(ctx, "PRAGMA integrity_check");
    assert_string_equal("ok", (const char *)rows.values[0].bytes.data);
    /* a transaction is there whole or not at all */
    rows =
        query(ctx, "SELECT username FROM users WHERE (substr(username, instr(username, '-') + 1) "
                   "% 5) = 0 AND username NOT LIKE '%+' AND username || '+' NOT IN (SELECT "
                   "username FROM users)");
    assert_int_equal(0, rows.n_rows);
    rows = query(ctx, "SELECT username, id FROM users ORDER BY username");
    qsort(acknowledged, n_acknowledged, sizeof(acknowledged[0]), by_name);
    for (size_t i = 0; i < rows.n_rows && found < n_acknowledged; i++) {
        if (strcmp((const char *)rows.values[2 * i].bytes.data, acknowledged[found].username) ==
            0) {
            assert_true(acknowledged[found].id == 0 ||
                        acknowledged[found].id == rows.values[2 * i + 1].i);
            found++;
        }
    }
    if (found != n_acknowledged) {
        fail_msg("%s was acknowledged and is gone", acknowledged[found].username);
    }
    csvc_ctx_unref(ctx);
    db = csvc_db_close(db);
}

static void what_was_acknowledged_survives(void **state)
{
    const char *rounds = getenv("CSVC_KILL_ROUNDS");
    const int n_rounds = rounds != NULL ? (int)strtol(rounds, NULL, 10) : 10;
    char folder[256];
    const char *url = store_new_url(folder);
    unsigned seed = (unsigned)getpid();

    (void)state;
    print_message("seed %u\n", seed);
    acknowledged = calloc(MAX_ACKNOWLEDGED, sizeof(*acknowledged));
    assert_non_null(acknowledged);
    for (round_of = 0; round_of < n_rounds; round_of++) {
        one_round(url, &seed);
        check(url);
    }
    print_message("%zu rows acknowledged\n", n_acknowledged);
    free(acknowledged);
    store_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_survives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
