/* The SQLite driver: files that cannot be opened, other programs, full disks, damaged files, the
 * log. */
#define _GNU_SOURCE /* unshare */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_types.h"

static char folder[256];
static const char *url; /* sqlite:FOLDER/db.sqlite */
static const char *path;
static csvc_ctx *ctx;

static int set_up(void **state)
{
    (void)state;
    url = store_new_url(folder);
    path = url + strlen("sqlite:");
    ctx = csvc_ctx_new(NULL);
    return ctx == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    ctx = csvc_ctx_unref(ctx);
    store_remove(folder);
    return 0;
}

static csvc_db *try_open(const char *at, csvc_error *err)
{
    static const csvc_db_driver *const drivers[] = {&csvc_sqlite, NULL};
    csvc_db_options options = {CSVC_DB_OPTIONS_INIT, .drivers = drivers, .busy_timeout_ms = 200};

    *err = (csvc_error){CSVC_ERROR_INIT};
    return csvc_db_open(at, &options, err);
}

static void opening_fails(const char *at, csvc_code code, const char *what, const char *todo)
{
    csvc_error err;

    assert_null(try_open(at, &err));
    if (err.code != code || strstr(err.text, what) == NULL || strstr(err.text, todo) == NULL) {
        fail_msg("%s: %s: %s", at, csvc_code_name(err.code), err.text);
    }
}

static csvc_code create(csvc_db *db, csvc_ctx *in, const char *name, const char *full_name)
{
    User user = user_of(name, name);
    void *row;

    user.full_name = (char *)full_name;
    return csvc_store_create(db, in, &user_entity, &user, &row);
}

static int64_t number(csvc_db *db, const char *sql)
{
    csvc_db_rows rows;

    if (csvc_db_query(db, ctx, sql, NULL, 0, 1, &rows) != CSVC_OK || rows.n_rows != 1) {
        return -1;
    }
    return rows.values[0].i;
}

static void write_file(const char *at, const char *text)
{
    FILE *f = fopen(at, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* ---- opening ---- */

static void urls_that_name_no_database(void **state)
{
    (void)state;
    opening_fails(NULL, CSVC_INVALID_ARGUMENT, "is empty", "write one as in sqlite:PATH");
    opening_fails("", CSVC_INVALID_ARGUMENT, "is empty", "");
    opening_fails("users.db", CSVC_INVALID_ARGUMENT, "has no scheme", "sqlite:");
    opening_fails("postgres://me:secret@host/x", CSVC_INVALID_ARGUMENT,
                  "no database driver for postgres:", "knows sqlite:");
    opening_fails("sqlite:", CSVC_INVALID_ARGUMENT, "names no file", "sqlite::memory:");
    opening_fails("sqlite://users.db", CSVC_INVALID_ARGUMENT, "names a host",
                  "write sqlite:users.db");
    opening_fails("sqlite:users.db?mode=ro", CSVC_INVALID_ARGUMENT, "not supported", "leave");
}

static void the_password_is_never_told(void **state)
{
    csvc_error err;

    (void)state;
    assert_null(try_open("postgres://me:secret@host/x", &err));
    assert_null(strstr(err.text, "secret"));
}

static void files_that_are_none(void **state)
{
    char at[600];

    (void)state;
    snprintf(at, sizeof(at), "sqlite:%s", folder);
    opening_fails(at, CSVC_FAILED_PRECONDITION, "is a folder", "name a file in it");
    snprintf(at, sizeof(at), "sqlite:%s/", folder);
    opening_fails(at, CSVC_INVALID_ARGUMENT, "is a folder", "name a file in it");
    snprintf(at, sizeof(at), "sqlite:%s/none/such/db.sqlite", folder);
    opening_fails(at, CSVC_UNAVAILABLE, "does not exist", "mkdir -p");
    opening_fails("sqlite:/dev/null", CSVC_FAILED_PRECONDITION, "not a regular file",
                  "name another");
    write_file(path, "This is a letter to my bank, of more than a hundred characters, so that "
                     "nobody takes it for a new and empty database file.");
    opening_fails(url, CSVC_DATA_LOSS, path + 2, "name another file, or restore it");
}

/* As a user who owns nothing; root may write everything. */
static void in_a_child_that_is_nobody(void (*test)(void))
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(2);
        }
        test();
        _exit(0);
    }
    assert_int_equal(child, waitpid(child, &status, 0));
    if (status != 0) {
        fail_msg("the child ended with %d", status);
    }
}

static char absolute[600];

/* cmocka's own failures do not end a child as they should. */
static void expect_denied(const char *what)
{
    csvc_error err;

    if (try_open(absolute, &err) != NULL || err.code != CSVC_PERMISSION_DENIED ||
        strstr(err.text, what) == NULL || strstr(err.text, "change its owner or mode") == NULL) {
        fprintf(stderr, "%s: %s: %s\n", absolute, csvc_code_name(err.code), err.text);
        _exit(1);
    }
}

static void expect_file_denied(void)
{
    expect_denied("may not be read and written");
}

static void expect_folder_denied(void)
{
    expect_denied("its log beside it");
}

static void files_that_may_not_be_written(void **state)
{
    char here[400];

    (void)state;
    assert_non_null(realpath(folder, here));
    if (geteuid() == 0) { /* the way to it must be open to nobody */
        snprintf(here, sizeof(here), "/tmp/csvc-denied-XXXXXX");
        assert_non_null(mkdtemp(here));
    }
    snprintf(absolute, sizeof(absolute), "sqlite:%s/db.sqlite", here);
    csvc_db_close(store_open(absolute, NULL));
    assert_int_equal(0, chmod(here, 0777));
    assert_int_equal(0, chmod(absolute + 7, 0444));
    in_a_child_that_is_nobody(expect_file_denied);
    assert_int_equal(0, chmod(absolute + 7, 0666));
    assert_int_equal(0, chmod(here, 0555));
    in_a_child_that_is_nobody(expect_folder_denied);
    assert_int_equal(0, chmod(here, 0755));
    if (geteuid() == 0) {
        store_remove(here);
    }
}

static csvc_code look_at_settings(csvc_db *db, csvc_ctx *in, void *self)
{
    csvc_db_rows rows;

    (void)self;
    /* within a transaction this is the connection that writes */
    assert_int_equal(CSVC_OK, csvc_db_query(db, in, "PRAGMA synchronous", NULL, 0, 1, &rows));
    assert_int_equal(2, rows.values[0].i);
    assert_int_equal(CSVC_OK, csvc_db_query(db, in, "PRAGMA foreign_keys", NULL, 0, 1, &rows));
    assert_int_equal(1, rows.values[0].i);
    return CSVC_OK;
}

static void commits_are_durable_and_the_log_goes(void **state)
{
    csvc_db *db = store_open(url, NULL);
    char log[600];

    (void)state;
    assert_int_equal(CSVC_OK, csvc_db_transaction(db, ctx, look_at_settings, NULL));
    assert_int_equal(CSVC_OK, create(db, ctx, "ada", ""));
    assert_int_equal(1, number(db, "SELECT count(*) FROM users"));
    snprintf(log, sizeof(log), "%s-wal", path);
    assert_int_equal(0, access(log, F_OK));
    csvc_db_close(db);
    assert_int_equal(-1, access(log, F_OK));
}

static void a_change_of_folder_means_nothing(void **state)
{
    csvc_db *db = store_open(url, NULL);
    int here = open(".", O_RDONLY | O_DIRECTORY);

    (void)state;
    assert_true(here >= 0);
    assert_int_equal(0, chdir("/"));
    assert_int_equal(CSVC_OK, create(db, ctx, "ada", ""));
    assert_int_equal(1, number(db, "SELECT count(*) FROM users")); /* a reader opens only now */
    assert_int_equal(0, fchdir(here));
    close(here);
    csvc_db_close(db);
}

/* ---- other programs ---- */

static sqlite3 *open_raw(void)
{
    sqlite3 *raw;

    assert_int_equal(SQLITE_OK, sqlite3_open(path, &raw));
    return raw;
}

static void raw_ok(sqlite3 *raw, const char *sql)
{
    assert_int_equal(SQLITE_OK, sqlite3_exec(raw, sql, NULL, NULL, NULL));
}

static void a_lock_of_another_program_is_waited_for(void **state)
{
    csvc_db_options impatient = {CSVC_DB_OPTIONS_INIT, .busy_timeout_ms = 100};
    csvc_ctx_options soon = {CSVC_CTX_OPTIONS_INIT, .timeout_ms = 50};
    csvc_db *db = store_open(url, &impatient);
    sqlite3 *raw = open_raw();
    csvc_ctx *hurried;

    (void)state;
    raw_ok(raw, "BEGIN IMMEDIATE");
    assert_int_equal(CSVC_UNAVAILABLE, create(db, ctx, "ada", ""));
    assert_string_equal("the database is locked by another program; try again",
                        csvc_fail_text(ctx, CSVC_UNAVAILABLE));
    assert_int_equal(0, number(db, "SELECT count(*) FROM users")); /* reading goes on */
    csvc_db_close(db);
    db = store_open(url, NULL); /* waits up to 5 s, but not beyond the deadline */
    hurried = csvc_ctx_new(&soon);
    assert_int_equal(CSVC_DEADLINE_EXCEEDED, create(db, hurried, "ada", ""));
    csvc_ctx_unref(hurried);
    raw_ok(raw, "COMMIT");
    assert_int_equal(CSVC_OK, create(db, ctx, "ada", ""));
    sqlite3_close(raw);
    csvc_db_close(db);
}

/* A second process that writes all the time. */
static void two_programs_write(void **state)
{
    enum {
        EACH = 200
    };
    csvc_db *db = store_open(url, NULL);
    char name[32];
    pid_t child;
    int status;

    (void)state;
    csvc_db_close(db); /* no connection crosses the fork */
    child = fork();
    assert_true(child >= 0);
    db = store_open(url, NULL);
    for (int i = 0; i < EACH; i++) {
        csvc_code code;

        snprintf(name, sizeof(name), "%s%d", child == 0 ? "child" : "mine", i);
        code = create(db, ctx, name, "");
        if (code != CSVC_OK) {
            fprintf(stderr, "%s: %s\n", name, csvc_fail_text(ctx, code));
            if (child == 0) {
                _exit(1);
            }
            fail();
        }
    }
    if (child == 0) {
        csvc_db_close(db);
        _exit(0);
    }
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_int_equal(0, status);
    assert_int_equal(2 * EACH, number(db, "SELECT count(*) FROM users"));
    csvc_db_close(db);
}

/* ---- disks ---- */

/* Creates rows of 10 kB until one fails; how many worked. */
static int fill(csvc_db *db, const char *prefix, csvc_code *ret_code)
{
    static char large[10000];
    char name[32];
    int n = 0;

    memset(large, 'x', sizeof(large) - 1);
    for (;;) {
        csvc_ctx *one = csvc_ctx_new(NULL);

        snprintf(name, sizeof(name), "%s%d", prefix, n);
        *ret_code = create(db, one, name, large);
        if (*ret_code == CSVC_RESOURCE_EXHAUSTED &&
            strcmp(csvc_fail_text(one, *ret_code), "the database's disk is full") != 0) {
            fprintf(stderr, "%s\n", csvc_fail_text(one, *ret_code));
            *ret_code = CSVC_UNKNOWN;
        }
        csvc_ctx_unref(one);
        if (*ret_code != CSVC_OK || n > 10000) {
            return n;
        }
        n++;
    }
}

static void a_file_that_may_not_grow(void **state)
{
    csvc_db *db = store_open(url, NULL);
    struct rlimit was, limit;
    csvc_code code;
    int n;

    (void)state;
    assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &was));
    signal(SIGXFSZ, SIG_IGN);
    limit = was;
    limit.rlim_cur = 300000;
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &limit));
    n = fill(db, "a", &code);
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, code);
    assert_true(n > 3);
    assert_int_equal(n, number(db, "SELECT count(*) FROM users"));
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, create(db, ctx, "more", "x"));
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &was));
    /* no restart */
    assert_int_equal(CSVC_OK, create(db, ctx, "more", "x"));
    assert_int_equal(n + 1, number(db, "SELECT count(*) FROM users"));
    csvc_db_close(db);
}

#ifdef __linux__
#include <sys/mount.h>

/* A real full disk: 1 MiB of memory mounted, filled up, then freed. In a child with mounts of its
 * own. */
static int on_a_small_disk(void)
{
    char at[600], spare[600];
    csvc_db *db;
    csvc_code code;
    csvc_db_rows rows;
    char big[200000];
    FILE *f;
    int n;

    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, "size=1m") != 0) {
        perror("mount");
        return 77;
    }
    snprintf(spare, sizeof(spare), "%s/spare", folder);
    memset(big, 'x', sizeof(big));
    f = fopen(spare, "w");
    if (f == NULL || fwrite(big, sizeof(big), 1, f) != 1 || fclose(f) != 0) {
        return 1;
    }
    snprintf(at, sizeof(at), "sqlite:%s/db.sqlite", folder);
    db = store_open(at, NULL);
    n = fill(db, "a", &code);
    if (code != CSVC_RESOURCE_EXHAUSTED || n < 10) {
        fprintf(stderr, "%d rows, then %s\n", n, csvc_code_name(code));
        return 2;
    }
    if (number(db, "SELECT count(*) FROM users") != n) {
        return 3;
    }
    unlink(spare);
    code = create(db, ctx, "more", "x");
    if (code != CSVC_OK) {
        fprintf(stderr, "after room was made: %s: %s\n", csvc_code_name(code),
                csvc_fail_text(ctx, code));
        return 4;
    }
    if (csvc_db_query(db, ctx, "PRAGMA integrity_check", NULL, 0, 1, &rows) != CSVC_OK ||
        strcmp((const char *)rows.values[0].bytes.data, "ok") != 0) {
        return 5;
    }
    csvc_db_close(db);
    return 0;
}

static void a_full_disk(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        _exit(on_a_small_disk());
    }
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message(
            "a_full_disk: may not mount here; a_file_that_may_not_grow stands in for it\n");
        a_file_that_may_not_grow(state);
        return;
    }
    assert_int_equal(0, WEXITSTATUS(status));
}
#endif

static void a_damaged_file_is_said(void **state)
{
    csvc_db *db = store_open(url, NULL);
    csvc_code code;
    int fd;
    char noise[4096];
    char name[16];

    (void)state;
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        assert_int_equal(CSVC_OK, create(db, ctx, name, "somebody with a name of some length"));
    }
    csvc_db_close(db);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    memset(noise, 0x5a, sizeof(noise));
    for (off_t at = 4096 * 6; at < lseek(fd, 0, SEEK_END); at += 4096) {
        assert_int_equal(sizeof(noise), pwrite(fd, noise, sizeof(noise), at));
    }
    close(fd);
    db = store_open(url, NULL);
    {
        csvc_store_page page = {CSVC_STORE_PAGE_INIT, .page_size = 100, .want_total = true};
        csvc_store_rows rows;

        code = csvc_store_list(db, ctx, &user_entity, &page, &rows);
        assert_int_equal(CSVC_DATA_LOSS, code);
        assert_string_equal("the database's file is damaged", csvc_fail_text(ctx, code));
    }
    csvc_db_close(db);
}

/* ---- the log ---- */

/* Always one read transaction at least, so that there is never a moment without a reader. */
struct relay {
    atomic_bool stop;
    atomic_int turns;
};

static void *read_without_a_pause(void *self)
{
    struct relay *relay = self;
    sqlite3 *raw[2] = {open_raw(), open_raw()};
    int at = 0;

    raw_ok(raw[0], "BEGIN; SELECT count(*) FROM users");
    while (!atomic_load(&relay->stop)) {
        raw_ok(raw[!at], "BEGIN; SELECT count(*) FROM users");
        raw_ok(raw[at], "COMMIT");
        at = !at;
        atomic_fetch_add(&relay->turns, 1);
        sched_yield();
    }
    raw_ok(raw[at], "COMMIT");
    sqlite3_close(raw[0]);
    sqlite3_close(raw[1]);
    return NULL;
}

static void readers_without_a_pause_do_not_grow_the_log(void **state)
{
    static char large[100000];
    csvc_db *db = store_open(url, NULL);
    struct relay relay = {0};
    char log[600], name[32];
    struct stat st;
    off_t most = 0;
    pthread_t thread;

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    snprintf(log, sizeof(log), "%s-wal", path);
    assert_int_equal(0, pthread_create(&thread, NULL, read_without_a_pause, &relay));
    for (int i = 0; i < 800; i++) { /* 80 MB */
        csvc_ctx *one = csvc_ctx_new(NULL);

        snprintf(name, sizeof(name), "user%d", i);
        assert_int_equal(CSVC_OK, create(db, one, name, large));
        csvc_ctx_unref(one);
        assert_int_equal(0, stat(log, &st));
        most = st.st_size > most ? st.st_size : most;
    }
    atomic_store(&relay.stop, true);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&relay.turns) > 0);
    if (most > 40 << 20) {
        fail_msg("the log grew to %lld bytes", (long long)most);
    }
    csvc_db_close(db);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(urls_that_name_no_database),
        TEST(the_password_is_never_told),
        TEST(files_that_are_none),
        TEST(files_that_may_not_be_written),
        TEST(commits_are_durable_and_the_log_goes),
        TEST(a_change_of_folder_means_nothing),
        TEST(a_lock_of_another_program_is_waited_for),
        TEST(two_programs_write),
        TEST(a_file_that_may_not_grow),
#ifdef __linux__
        TEST(a_full_disk),
#endif
        TEST(a_damaged_file_is_said),
        TEST(readers_without_a_pause_do_not_grow_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
