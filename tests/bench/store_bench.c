/*
 * store_bench: durable creates a second on SQLite, 64 callers, group commit against one commit a
 * call.
 *
 * Rounds of both take turns, the best of each counts; beside them what the disk itself does,
 * fdatasync after writing a page. The database lies in a new folder under TMPDIR, else the working
 * directory.
 *
 *     store_bench [SECONDS]     of each round; default 1
 */
#include <base/clock.h>
#include <csvc/store.h>

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CALLERS = 64,
    ROUNDS = 5
};

typedef struct User {
    ProtobufCMessage base;
    int64_t id;
    char *username;
    char *email;
    char *full_name;
    char *created_at;
    char *updated_at;
} User;

static const ProtobufCFieldDescriptor names[] = {
    {.name = "id"},        {.name = "username"},   {.name = "email"},
    {.name = "full_name"}, {.name = "created_at"}, {.name = "updated_at"},
};
static const ProtobufCMessageDescriptor descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "bench.User",
    .sizeof_message = sizeof(User),
    .n_fields = 6,
    .fields = names,
};
#define EMPTY (char *)protobuf_c_empty_string
static const User initial = {
    .base = {.descriptor = &descriptor},
    .username = EMPTY,
    .email = EMPTY,
    .full_name = EMPTY,
    .created_at = EMPTY,
    .updated_at = EMPTY,
};
static const csvc_field fields[] = {
    {1, offsetof(User, id), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {2, offsetof(User, username), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, 0, NULL},
    {3, offsetof(User, email), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, 0, NULL},
    {4, offsetof(User, full_name), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, 0, NULL},
    {5, offsetof(User, created_at), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, 0, NULL},
    {6, offsetof(User, updated_at), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, 0, NULL},
};
static const csvc_message_type type = {
    .struct_size = sizeof(type),
    .size = sizeof(User),
    .n_fields = 6,
    .n_dense = 6,
    .syntax = 3,
    .descriptor = &descriptor,
    .initial = &initial,
    .fields = fields,
};
static const csvc_column columns[] = {
    {"id", 0, CSVC_COLUMN_KEY | CSVC_COLUMN_GENERATED, 0},
    {"username", 1, CSVC_COLUMN_UNIQUE | CSVC_COLUMN_REQUIRED, 0},
    {"email", 2, CSVC_COLUMN_UNIQUE | CSVC_COLUMN_REQUIRED, 0},
    {"full_name", 3, 0, 0},
    {"created_at", 4, CSVC_COLUMN_CREATED_AT, 0},
    {"updated_at", 5, CSVC_COLUMN_UPDATED_AT, 0},
};
static const csvc_entity entity = {
    .struct_size = sizeof(entity),
    .name = "user",
    .table = "users",
    .type = &type,
    .columns = columns,
    .n_columns = 6,
};
static const csvc_migration step = {
    1, "0001_users",
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT NOT NULL, email TEXT "
    "NOT "
    "NULL, full_name TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX users_username_key ON users (username);"
    "CREATE UNIQUE INDEX users_email_key ON users (email);",
    0};
static const csvc_migrations set = {"sqlite", &step, 1};

struct round {
    csvc_db *db;
    atomic_bool stop;
    atomic_int_fast64_t next;
    atomic_int_fast64_t done;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "store_bench: %s: %s\n", what, why);
    exit(1);
}

static void *caller(void *self)
{
    struct round *r = self;
    char username[32], email[64];
    User user = initial;

    user.username = username;
    user.email = email;
    user.full_name = (char *)"Somebody with a Name";
    while (!atomic_load(&r->stop)) {
        csvc_ctx *ctx = csvc_ctx_new(NULL);
        const int64_t n = atomic_fetch_add(&r->next, 1);
        void *row;

        /* not in the order of the index, as people do not sign up alphabetically */
        snprintf(username, sizeof(username), "%08" PRIx64,
                 (uint64_t)n * UINT64_C(0x9e3779b97f4a7c15));
        snprintf(email, sizeof(email), "%s@example.org", username);
        if (ctx == NULL || csvc_store_create(r->db, ctx, &entity, &user, &row) != CSVC_OK) {
            die("create", ctx != NULL ? csvc_fail_text(ctx, CSVC_UNAVAILABLE) : "memory");
        }
        atomic_fetch_add(&r->done, 1);
        csvc_ctx_unref(ctx);
    }
    return NULL;
}

static double creates_a_second(const char *folder, int n_callers, bool commit_each, double seconds)
{
    static const csvc_db_driver *const drivers[] = {&csvc_sqlite, NULL};
    static const csvc_migrations *const sets[] = {&set, NULL};
    csvc_db_options options = {CSVC_DB_OPTIONS_INIT, .drivers = drivers,
                               .commit_each = commit_each};
    csvc_error err = {CSVC_ERROR_INIT};
    struct round r = {0};
    pthread_t threads[CALLERS];
    struct timespec pause = {.tv_sec = (time_t)seconds,
                             .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    char url[600];
    int64_t started, spent;

    snprintf(url, sizeof(url), "sqlite:%s/bench.db", folder);
    r.db = csvc_db_open(url, &options, &err);
    if (r.db == NULL || csvc_db_migrate(r.db, sets, &err) != CSVC_OK) {
        die(url, err.text);
    }
    started = csvc__now();
    for (int i = 0; i < n_callers; i++) {
        if (pthread_create(&threads[i], NULL, caller, &r) != 0) {
            die("threads", "cannot start one");
        }
    }
    nanosleep(&pause, NULL);
    atomic_store(&r.stop, true);
    for (int i = 0; i < n_callers; i++) {
        pthread_join(threads[i], NULL);
    }
    spent = csvc__now() - started;
    csvc_db_close(r.db);
    unlink(url + sizeof("sqlite:") - 1);
    return (double)atomic_load(&r.done) * 1e9 / (double)spent;
}

static double syncs_a_second(const char *folder, double seconds)
{
    static const char page[4096];
    char path[600];
    int64_t started, spent;
    int64_t n = 0;
    int fd;

    snprintf(path, sizeof(path), "%s/bench.sync", folder);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) {
        die(path, "cannot be written");
    }
    started = csvc__now();
    do {
        if (pwrite(fd, page, sizeof(page), (off_t)(n % 1000) * 4096) != (ssize_t)sizeof(page) ||
            fdatasync(fd) != 0) {
            die(path, "cannot be written");
        }
        n++;
        spent = csvc__now() - started;
    } while ((double)spent < seconds * 1e9);
    close(fd);
    unlink(path);
    return (double)n * 1e9 / (double)spent;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    const char *base = getenv("TMPDIR");
    double group = 0, each = 0, alone = 0, sync = 0;
    char folder[512];

    snprintf(folder, sizeof(folder), "%s/store-bench-XXXXXX", base != NULL ? base : ".");
    if (mkdtemp(folder) == NULL) {
        die(folder, "cannot be made");
    }
    for (int i = 0; i < ROUNDS; i++) {
        group = larger(group, creates_a_second(folder, CALLERS, false, seconds));
        each = larger(each, creates_a_second(folder, CALLERS, true, seconds));
        alone = larger(alone, creates_a_second(folder, 1, false, seconds));
        sync = larger(sync, syncs_a_second(folder, seconds / 2));
    }
    rmdir(folder);
    printf("store, durable creates a second on SQLite, best of %d\n", ROUNDS);
    printf("  %d callers, group commit: %.0f   one commit a call: %.0f   ratio %.1f\n", CALLERS,
           group, each, group / each);
    printf("  1 caller: %.0f   the disk's fdatasync/s: %.0f   ratio of 64 callers to it %.1f\n",
           alone, sync, group / sync);
    return 0;
}
