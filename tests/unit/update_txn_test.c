/*
 * update_txn_test.c: changes to a project that happen as a whole: killed at every call that
 * changes anything, failing at each of them, and everything that is refused before.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "project/files.h"
#include "update/steps.h"
#include "update/transaction.h"

/* ---- calls that change something, counted ---- */

static struct {
    bool on;
    int left;    /* calls until it happens */
    int number;  /* of the error; 0: the process is killed */
    bool always; /* from then on, not once */
    int seen;
} fault;

/* Whether this call fails, with errno; does not return where the process is killed. */
static bool strikes(void)
{
    if (!fault.on) {
        return false;
    }
    fault.seen++;
    if (fault.left-- > 0) {
        return false;
    }
    if (fault.number == 0) {
        (void)kill(getpid(), SIGKILL);
    }
    fault.on = fault.always;
    errno = fault.number;
    return true;
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int rename(const char *from, const char *to)
{
    return strikes() ? -1 : REAL(rename)(from, to);
}

int link(const char *from, const char *to)
{
    return strikes() ? -1 : REAL(link)(from, to);
}

int unlink(const char *path)
{
    return strikes() ? -1 : REAL(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags)
{
    return strikes() ? -1 : REAL(unlinkat)(folder, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
    return strikes() ? -1 : REAL(mkdir)(path, mode);
}

int rmdir(const char *path)
{
    return strikes() ? -1 : REAL(rmdir)(path);
}

/* Costs a disk its time, and nothing here is about power. */
int fsync(int fd)
{
    (void)fd;
    return strikes() ? -1 : 0;
}

int fchmod(int fd, mode_t mode)
{
    return strikes() ? -1 : REAL(fchmod)(fd, mode);
}

ssize_t write(int fd, const void *data, size_t len)
{
    return fd > 2 && strikes() ? -1 : REAL(write)(fd, data, len);
}

/* ---- a project ---- */

/* In snapshots: folders that could not be removed when they were empty. */
static bool ignore_empty;

typedef struct place {
    csvc_arena *a;
    char folder[64];
} place;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    static place p;

    fault.on = false;
    ignore_empty = false;
    p = (place){.a = csvc_arena_new(0)};
    /* thousands of small files: in memory where there is a place for that */
    snprintf(p.folder, sizeof(p.folder), "%s/update_txn_test-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    *state = &p;
    return p.a != NULL && mkdtemp(p.folder) != NULL && chdir(p.folder) == 0 &&
                   mkdir("p", 0755) == 0 && mkdir("p/.c-svc", 0755) == 0 &&
                   mkdir("outside", 0755) == 0
               ? 0
               : -1;
}

static int teardown(void **state)
{
    place *p = *state;

    csvc_arena_free(p->a);
    return chdir("/") != 0 ? -1 : nftw(p->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static csvc_bytes bytes(const char *text)
{
    return (csvc_bytes){.len = strlen(text), .data = (const uint8_t *)text};
}

static void put(const char *path, const char *text)
{
    csvc_arena *a = csvc_arena_new(0);
    int fd;

    assert_int_equal(CSVC_OK, files_make_folders(a, files_folder(a, path), NULL, NULL));
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(strlen(text), write(fd, text, strlen(text)));
    assert_int_equal(0, close(fd));
    csvc_arena_free(a);
}

/* Everything below a folder: names, kinds, modes, contents. */
static void describe(csvc_arena *a, const char *folder, csvc__buffer *b)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort);

    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        const char *path = files_join(a, folder, names[i]->d_name);
        char to[200] = "";
        struct stat st;
        csvc_bytes content;

        if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0) {
            assert_int_equal(0, lstat(path, &st));
            size_t before = b->len;
            size_t after;

            csvc__buffer_printf(b, "%s %o", path, (unsigned)st.st_mode);
            after = b->len;
            if (S_ISDIR(st.st_mode)) {
                csvc__buffer_puts(b, "\n");
                describe(a, path, b);
                if (ignore_empty && b->len == after + 1) {
                    b->len = before;
                    b->data[before] = '\0';
                }
            } else if (S_ISLNK(st.st_mode)) {
                assert_true(readlink(path, to, sizeof(to) - 1) > 0);
                csvc__buffer_printf(b, " -> %s\n", to);
            } else if (S_ISREG(st.st_mode)) {
                assert_int_equal(CSVC_OK, files_read(a, path, 1 << 20, &content, NULL));
                csvc__buffer_printf(b, " %s\n", (const char *)content.data);
            }
        }
        free(names[i]);
    }
    free(names);
}

static char *snapshot(place *p)
{
    char *text;
    csvc__buffer b;

    csvc__buffer_init(&b, 1 << 20);
    describe(p->a, "p", &b);
    text = csvc_arena_strdup(p->a, b.data);
    csvc__buffer_release(&b);
    return text;
}

static void old_project(void)
{
    (void)nftw("p", remove_one, 8, FTW_DEPTH | FTW_PHYS);
    put("p/.c-svc/lock.json", "{}");
    put("p/Makefile", "old makefile\n");
    put("p/gen/b.txt", "old b\n");
    put("p/gen/c.txt", "old c\n");
    put("p/only/deep/d.txt", "old d\n");
    put("p/same.txt", "same\n");
    put("p/real/r.txt", "old r\n");
    put("p/real/s.txt", "s\n");
    assert_int_equal(0, chmod("p/gen/b.txt", 0750));
    assert_int_equal(0, symlink("real/r.txt", "p/link.txt"));
    assert_int_equal(0, symlink("real/s.txt", "p/gone.txt"));
}

static void plan_new(update_txn *txn)
{
    update_txn_write(txn, ".c-svc/lock.json", bytes("{1}"), 0);
    update_txn_write(txn, "Makefile", bytes("new makefile\n"), 0);
    update_txn_write(txn, "gen/b.txt", bytes("new b\n"), 0);
    update_txn_remove(txn, "gen/c.txt");
    update_txn_remove(txn, "only/deep/d.txt");
    update_txn_remove(txn, "gone.txt");
    update_txn_remove(txn, "never/there.txt");
    update_txn_write(txn, "link.txt", bytes("new r\n"), 0);
    update_txn_write(txn, "new/deep/e.sh", bytes("new e\n"), 0755);
    update_txn_write(txn, "same.txt", bytes("same\n"), 0);
}

static csvc_code commit_new(csvc_arena *a, csvc_error *err)
{
    update_txn *txn = NULL;
    csvc_code code = update_txn_begin(a, "p", &txn, err);

    if (code == CSVC_OK) {
        plan_new(txn);
        code = update_txn_commit(txn, err);
        update_txn_end(txn);
    }
    return code;
}

static update_txn *begin(place *p)
{
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn = NULL;

    if (update_txn_begin(p->a, "p", &txn, &err) != CSVC_OK) {
        fail_msg("%s", err.text);
    }
    return txn;
}

static const char *recover(place *p)
{
    csvc_error err = {CSVC_ERROR_INIT};
    const char *what = NULL;

    if (update_recover(p->a, "p", &what, &err) != CSVC_OK) {
        fail_msg("%s", err.text);
    }
    return what;
}

static void assert_text(place *p, const char *path, const char *text)
{
    csvc_bytes content;

    assert_int_equal(CSVC_OK, files_read(p->a, path, 1000, &content, NULL));
    assert_string_equal(text, (const char *)content.data);
}

/* ---- what a commit does ---- */

static void all_of_it(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    update_txn *txn;
    struct stat st;

    old_project();
    assert_int_equal(0, utimensat(AT_FDCWD, "p/same.txt", old, 0));
    txn = begin(p);
    plan_new(txn);
    assert_int_equal(CSVC_OK, update_txn_check(txn, &err));
    assert_int_equal(8, update_txn_changes(txn));
    assert_int_equal(CSVC_OK, update_txn_commit(txn, &err));
    update_txn_end(txn);
    assert_text(p, "p/Makefile", "new makefile\n");
    assert_text(p, "p/gen/b.txt", "new b\n");
    assert_text(p, "p/real/r.txt", "new r\n");
    assert_text(p, "p/real/s.txt", "s\n"); /* the link was removed, not where it led */
    assert_text(p, "p/new/deep/e.sh", "new e\n");
    assert_int_equal(0, lstat("p/link.txt", &st));
    assert_true(S_ISLNK(st.st_mode));
    assert_false(files_exists("p/gone.txt"));
    assert_false(files_exists("p/gen/c.txt"));
    assert_true(files_exists("p/gen"));
    assert_false(files_exists("p/only"));
    assert_int_equal(0, stat("p/gen/b.txt", &st));
    assert_int_equal(0750, st.st_mode & 07777);
    assert_int_equal(0, stat("p/new/deep/e.sh", &st));
    assert_int_equal(0755, st.st_mode & 0777);
    assert_int_equal(0, stat("p/same.txt", &st));
    assert_int_equal(1000, st.st_mtime);
    assert_false(files_exists("p/.c-svc/update"));
}

static void the_same_again_touches_nothing(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn;

    old_project();
    assert_int_equal(CSVC_OK, commit_new(p->a, &err));
    fault.on = true;
    fault.seen = 0;
    fault.left = 1000;
    txn = begin(p);
    fault.seen = 0; /* looking whether .c-svc is there tries to make it */
    plan_new(txn);
    assert_int_equal(CSVC_OK, update_txn_commit(txn, &err));
    assert_int_equal(0, fault.seen);
    fault.on = false;
    update_txn_end(txn);
}

static void what_is_not_committed_leaves_nothing(void **state)
{
    place *p = *state;
    update_txn *txn;

    assert_int_equal(0, rmdir("p/.c-svc"));
    txn = begin(p);
    assert_true(files_exists("p/.c-svc"));
    update_txn_write(txn, "a", bytes("a"), 0);
    update_txn_end(txn);
    assert_false(files_exists("p/.c-svc"));
    assert_false(files_exists("p/a"));
    update_txn_end(NULL);
}

/* ---- killed ---- */

/* Runs commit_new, or recovery, in a child that is killed at the n-th call. False: it was through.
 */
static bool killed_at(int n, bool recovers)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_arena *a = csvc_arena_new(0);
        const char *what;
        csvc_code code;

        fault.on = true;
        fault.left = n;
        fault.number = 0;
        code = recovers ? update_recover(a, "p", &what, &err) : commit_new(a, &err);
        fault.on = false;
        _exit(code == CSVC_OK ? 0 : 1);
    }
    assert_int_equal(pid, waitpid(pid, &status, 0));
    if (WIFSIGNALED(status)) {
        assert_int_equal(SIGKILL, WTERMSIG(status));
        return true;
    }
    assert_int_equal(0, WEXITSTATUS(status));
    return false;
}

typedef struct both {
    char *before, *after;
} both;

static both two_states(place *p)
{
    csvc_error err = {CSVC_ERROR_INIT};
    both b;

    old_project();
    b.before = snapshot(p);
    assert_int_equal(CSVC_OK, commit_new(p->a, &err));
    b.after = snapshot(p);
    assert_string_not_equal(b.before, b.after);
    return b;
}

static void killed_at_every_call(void **state)
{
    place *p = *state;
    both b = two_states(p);
    int back = 0;
    int forward = 0;
    int n;

    for (n = 0;; n++) {
        const char *what;
        const char *now;
        bool journal;

        old_project();
        if (!killed_at(n, false)) {
            break;
        }
        journal = files_exists("p/" UPDATE_JOURNAL);
        what = recover(p);
        now = snapshot(p);
        if (journal) {
            assert_string_equal("an update that was interrupted has been finished (8 files)", what);
            assert_string_equal(b.after, now);
        } else {
            assert_string_equal("", what);
        }
        if (strcmp(now, b.after) == 0) {
            forward++;
        } else {
            assert_string_equal(b.before, now);
            back++;
        }
        assert_string_equal("", recover(p));
    }
    assert_string_equal(b.after, snapshot(p));
    assert_true(n > 50 && back > 20 && forward > 20);
}

static void recovery_is_killed_as_well(void **state)
{
    place *p = *state;
    both b = two_states(p);

    for (int n = 0;; n++) {
        bool through;
        int m = 0;

        old_project();
        if (!killed_at(n, false)) {
            break;
        }
        if (!files_exists("p/" UPDATE_JOURNAL)) {
            continue;
        }
        do { /* each recovery gets one call further than the one before */
            through = !killed_at(m++, true);
        } while (!through);
        assert_string_equal(b.after, snapshot(p));
        assert_false(files_exists("p/.c-svc/update"));
    }
}

/* ---- failing ---- */

/* One call fails, or all from there on, as on a disk that is full or broken. */
static void fails_at_every_call(place *p, int number, bool always)
{
    both b;
    int n;

    ignore_empty = true;
    b = two_states(p);
    for (n = 0;; n++) {
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_code code;
        const char *now;
        bool struck;

        old_project();
        fault.on = true;
        fault.left = n;
        fault.number = number;
        fault.always = always;
        code = commit_new(p->a, &err);
        struck = fault.left < 0;
        fault.on = fault.always = false;
        if (!struck) {
            break;
        }
        if (code == CSVC_DATA_LOSS) { /* neither forward nor back: for the next one */
            assert_non_null(strstr(err.text, "the next c-svc tries again"));
            assert_true(always);
            (void)recover(p);
            now = snapshot(p);
            assert_true(strcmp(now, b.before) == 0 || strcmp(now, b.after) == 0);
        } else if (code == CSVC_OK) { /* of what does not matter: cleaning up */
            (void)recover(p);
            assert_string_equal(b.after, snapshot(p));
        } else {
            assert_int_equal(number == ENOSPC ? CSVC_RESOURCE_EXHAUSTED : CSVC_UNAVAILABLE, code);
            assert_false(files_exists("p/" UPDATE_JOURNAL));
            if (!always) {
                assert_false(files_exists("p/.c-svc/update"));
            }
            (void)recover(p);
            assert_string_equal(b.before, snapshot(p));
        }
    }
    assert_true(n > 50);
}

static void one_call_fails(void **state)
{
    fails_at_every_call(*state, ENOSPC, false);
    fails_at_every_call(*state, EIO, false);
}

static void all_calls_fail_from_there_on(void **state)
{
    fails_at_every_call(*state, ENOSPC, true);
}

static void links_that_cannot_be_made_are_copies(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    both b;

    ignore_empty = true;
    b = two_states(p);
    for (int n = 0; n < 60; n++) {
        csvc_code code;

        old_project();
        fault.on = true;
        fault.left = n;
        fault.number = EPERM;
        fault.always = false;
        code = commit_new(p->a, &err);
        fault.on = false;
        (void)recover(p);
        assert_string_equal(code == CSVC_OK ? b.after : b.before, snapshot(p));
    }
}

/* ---- what somebody does meanwhile ---- */

/* Kills a commit as soon as the n-th file has moved into place. */
static void interrupted(const char *moved)
{
    for (int n = 0;; n++) {
        csvc_arena *a = csvc_arena_new(0);
        csvc_bytes content = {0};
        bool there;

        old_project();
        assert_true(killed_at(n, false));
        there = files_read(a, moved, 1000, &content, NULL) == CSVC_OK &&
                strncmp((const char *)content.data, "new", 3) == 0;
        csvc_arena_free(a);
        if (there) {
            return;
        }
    }
}

static void an_edit_before_its_turn_takes_all_back(void **state)
{
    place *p = *state;

    interrupted("p/Makefile");
    assert_text(p, "p/gen/b.txt", "old b\n");
    put("p/gen/b.txt", "mine\n");
    assert_string_equal("an update that was interrupted has been taken back (8 files); changed "
                        "meanwhile, and left as it is: p/gen/b.txt",
                        recover(p));
    assert_text(p, "p/Makefile", "old makefile\n");
    assert_text(p, "p/gen/b.txt", "mine\n");
    assert_text(p, "p/.c-svc/lock.json", "{}");
    assert_false(files_exists("p/new"));
}

static void an_edit_after_its_turn_stays(void **state)
{
    place *p = *state;

    interrupted("p/Makefile");
    put("p/Makefile", "new makefile\nand mine\n");
    assert_string_equal("an update that was interrupted has been finished (8 files)", recover(p));
    assert_text(p, "p/Makefile", "new makefile\nand mine\n");
    assert_text(p, "p/gen/b.txt", "new b\n");

    /* Both: the one that was done is not overwritten by going back, either. */
    interrupted("p/Makefile");
    put("p/Makefile", "new makefile\nand mine\n");
    put("p/gen/b.txt", "mine\n");
    assert_string_equal("an update that was interrupted has been taken back (8 files); changed "
                        "meanwhile, and left as it is: p/gen/b.txt, p/Makefile",
                        recover(p));
    assert_text(p, "p/Makefile", "new makefile\nand mine\n");
}

static void putting_a_file_back_takes_all_back(void **state)
{
    place *p = *state;
    char *before;

    old_project();
    before = snapshot(p);
    interrupted("p/gen/b.txt");
    put("p/Makefile", "old makefile\n"); /* as git checkout does */
    assert_string_equal("an update that was interrupted has been taken back (8 files)", recover(p));
    assert_string_equal(before, snapshot(p));
}

static void a_new_file_that_was_made_meanwhile_stays(void **state)
{
    place *p = *state;

    interrupted("p/Makefile");
    put("p/new/deep/e.sh", "mine\n");
    (void)recover(p);
    assert_text(p, "p/new/deep/e.sh", "mine\n");
    assert_text(p, "p/Makefile", "old makefile\n");
}

static void what_was_seen_has_to_stay(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn;

    old_project();
    txn = begin(p);
    update_txn_saw(txn, "Makefile", bytes("old makefile\n"));
    update_txn_saw(txn, "absent", (csvc_bytes){0});
    update_txn_write(txn, "gen/b.txt", bytes("new"), 0);
    assert_int_equal(CSVC_OK, update_txn_check(txn, &err));
    put("p/gen/b.txt", "edited between check and commit");
    assert_int_equal(CSVC_ABORTED, update_txn_commit(txn, &err));
    assert_string_equal("p/gen/b.txt: was changed while c-svc was at work", err.text);
    assert_text(p, "p/gen/b.txt", "edited between check and commit");
    assert_false(files_exists("p/.c-svc/update"));
    put("p/Makefile", "edited");
    assert_int_equal(CSVC_ABORTED, update_txn_check(txn, &err));
    assert_string_equal("p/Makefile: was changed while c-svc was at work", err.text);
    put("p/Makefile", "old makefile\n");
    put("p/absent", "");
    assert_int_equal(CSVC_ABORTED, update_txn_check(txn, &err));
    update_txn_end(txn);
}

/* ---- refused before anything is written ---- */

/* A plan of one file, and of another that could be written. */
static void assert_refused(place *p, csvc_code code, const char *path, bool removes,
                           const char *text)
{
    csvc_error err = {CSVC_ERROR_INIT};
    char *before = snapshot(p);
    update_txn *txn = begin(p);

    update_txn_write(txn, "fine.txt", bytes("fine"), 0);
    if (removes) {
        update_txn_remove(txn, path);
    } else {
        update_txn_write(txn, path, bytes("x"), 0);
    }
    assert_int_equal(code, update_txn_commit(txn, &err));
    assert_string_equal(text, err.text);
    update_txn_end(txn);
    assert_string_equal(before, snapshot(p));
}

static void what_is_read_only(void **state)
{
    place *p = *state;

    old_project();
    assert_int_equal(0, chmod("p/Makefile", 0444));
    assert_refused(p, CSVC_PERMISSION_DENIED, "Makefile", false,
                   "p/Makefile: is read-only; make it writable (chmod u+w p/Makefile)");
    assert_int_equal(0, chmod("p/gen", 0555));
    assert_refused(p, CSVC_PERMISSION_DENIED, "gen/b.txt", false,
                   "p/gen: is a read-only folder, so p/gen/b.txt cannot be written; make it "
                   "writable (chmod u+w p/gen)");
    assert_refused(p, CSVC_PERMISSION_DENIED, "gen/deep/x.txt", false,
                   "p/gen: is a read-only folder, so p/gen/deep/x.txt cannot be written; make it "
                   "writable (chmod u+w p/gen)");
    assert_refused(p, CSVC_PERMISSION_DENIED, "gen/c.txt", true,
                   "p/gen: is a read-only folder, so p/gen/c.txt cannot be written; make it "
                   "writable (chmod u+w p/gen)");
    assert_int_equal(0, chmod("p/gen", 0755));
}

static void what_is_read_only_and_the_same(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn;

    old_project();
    assert_int_equal(0, chmod("p/Makefile", 0444));
    txn = begin(p);
    update_txn_write(txn, "Makefile", bytes("old makefile\n"), 0);
    assert_int_equal(CSVC_OK, update_txn_commit(txn, &err));
    update_txn_end(txn);
}

static void files_and_folders_in_the_way(void **state)
{
    place *p = *state;

    old_project();
    put("p/dir/x", "x");
    assert_int_equal(0, mkfifo("p/pipe", 0644));
    assert_refused(p, CSVC_FAILED_PRECONDITION, "dir", false,
                   "p/dir: is a folder, and a file has to be there");
    assert_refused(p, CSVC_FAILED_PRECONDITION, "dir", true,
                   "p/dir: is a folder, and a file has to be there");
    assert_refused(p, CSVC_FAILED_PRECONDITION, "Makefile/x.txt", false,
                   "p/Makefile: is a file, and a folder has to be there for Makefile/x.txt");
    assert_refused(p, CSVC_FAILED_PRECONDITION, "pipe", false,
                   "p/pipe: is neither a file nor a folder");
    assert_refused(p, CSVC_FAILED_PRECONDITION, "fine.txt/below", false,
                   "p/fine.txt: cannot be a file and the folder of p/fine.txt/below at once");
    assert_refused(p, CSVC_FAILED_PRECONDITION, "../outside/x", false,
                   "../outside/x: is no path that c-svc can write to");
    assert_refused(p, CSVC_FAILED_PRECONDITION, "/x", false,
                   "/x: is no path that c-svc can write to");
    assert_refused(p, CSVC_FAILED_PRECONDITION, "a\nb", false,
                   "a\nb: is no path that c-svc can write to");
}

static void links_out_of_the_project(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn = NULL;
    char real[200];

    old_project();
    put("outside/file", "theirs");
    assert_int_equal(0, symlink("../outside", "p/away"));
    assert_int_equal(0, symlink("../outside/file", "p/away.txt"));
    assert_int_equal(0, symlink("nowhere", "p/dangling"));
    assert_int_equal(0, symlink("circle", "p/circle"));
    assert_int_equal(0, symlink("Makefile", "p/alias"));
    assert_refused(p, CSVC_FAILED_PRECONDITION, "away/x", false,
                   csvc_arena_printf(p->a,
                                     "p/away: is a link out of the project, to %s/outside; c-svc "
                                     "writes nothing there",
                                     realpath(p->folder, real)));
    assert_refused(p, CSVC_FAILED_PRECONDITION, "away.txt", false,
                   csvc_arena_printf(p->a,
                                     "p/away.txt: is a link out of the project, to "
                                     "%s/outside/file; c-svc writes nothing there",
                                     real));
    assert_refused(p, CSVC_FAILED_PRECONDITION, "dangling", false,
                   "p/dangling: is a link to nothing; remove it, or make what it leads to");
    assert_refused(p, CSVC_FAILED_PRECONDITION, "circle", false,
                   "p/circle: is a link that leads to itself; remove it");
    txn = begin(p);
    update_txn_write(txn, "Makefile", bytes("1"), 0);
    update_txn_write(txn, "alias", bytes("2"), 0);
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_commit(txn, &err));
    assert_string_equal("p/Makefile and p/alias: are one file, by a link, and would be written "
                        "twice",
                        err.text);
    update_txn_end(txn);

    assert_int_equal(0, rename("p/.c-svc", "p/c-svc"));
    assert_int_equal(0, symlink("../outside", "p/.c-svc"));
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_begin(p->a, "p", &txn, &err));
    assert_non_null(strstr(err.text, "p/.c-svc: is a link out of the project"));
    assert_int_equal(0, unlink("p/.c-svc"));
    put("p/.c-svc", "a file");
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_begin(p->a, "p", &txn, &err));
    assert_string_equal("p/.c-svc: is a file, and a folder has to be there for "
                        ".c-svc/update/journal",
                        err.text);
}

static void names_that_are_too_long(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    char name[300] = "";
    csvc__buffer deep;
    update_txn *txn;

    memset(name, 'n', 256);
    txn = begin(p);
    update_txn_write(txn, name, bytes("x"), 0);
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_check(txn, &err));
    assert_non_null(strstr(err.text, "...: the name is too long; the system takes 255 bytes for "
                                     "one name and 4095 for a whole path"));
    update_txn_end(txn);
    csvc__buffer_init(&deep, 10000);
    for (int i = 0; i < 1400; i++) {
        csvc__buffer_puts(&deep, "dd/");
    }
    csvc__buffer_puts(&deep, "x");
    txn = begin(p);
    update_txn_write(txn, deep.data, bytes("x"), 0);
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_check(txn, &err));
    assert_non_null(strstr(err.text, "the name is too long"));
    update_txn_end(txn);
    csvc__buffer_release(&deep);
}

static void all_problems_are_counted(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn;

    put("p/d1/x", "x");
    put("p/d2/x", "x");
    put("p/d3/x", "x");
    txn = begin(p);
    update_txn_write(txn, "d1", bytes("1"), 0);
    update_txn_write(txn, "d2", bytes("2"), 0);
    update_txn_write(txn, "d3", bytes("3"), 0);
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_check(txn, &err));
    assert_string_equal("p/d1: is a folder, and a file has to be there (and 2 more like that)",
                        err.text);
    update_txn_end(txn);
}

/* ---- journals ---- */

static void a_damaged_journal_is_told_of(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_bytes journal;
    const char *what = NULL;
    char *text;

    interrupted("p/Makefile");
    assert_int_equal(CSVC_OK, files_read(p->a, "p/" UPDATE_JOURNAL, 1 << 20, &journal, NULL));
    for (size_t i = 0; i < journal.len; i++) { /* cut short anywhere, or with one byte changed */
        text = csvc_arena_strndup(p->a, (const char *)journal.data, i);
        put("p/" UPDATE_JOURNAL, text);
        assert_int_equal(CSVC_DATA_LOSS, update_recover(p->a, "p", &what, &err));
        assert_non_null(strstr(err.text, "p/.c-svc/update/journal: is damaged"));
        text = csvc_arena_strndup(p->a, (const char *)journal.data, journal.len);
        text[i] = text[i] == '0' ? '1' : '0';
        put("p/" UPDATE_JOURNAL, text);
        assert_true(update_recover(p->a, "p", &what, &err) != CSVC_OK);
    }
    put("p/" UPDATE_JOURNAL, "c-svc update 2\nwhatever\n");
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_recover(p->a, "p", &what, &err));
    assert_non_null(strstr(err.text, "a newer c-svc"));
    put("p/" UPDATE_JOURNAL, (const char *)journal.data);
    assert_string_equal("an update that was interrupted has been finished (8 files)", recover(p));
}

static void a_staged_file_that_is_damaged_takes_all_back(void **state)
{
    place *p = *state;
    char *before;

    old_project();
    before = snapshot(p);
    interrupted("p/Makefile");
    put("p/.c-svc/update/2.new", "not what it was");
    assert_string_equal("an update that was interrupted has been taken back (8 files)", recover(p));
    assert_string_equal(before, snapshot(p));
}

static void a_folder_that_became_a_link_is_not_followed(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    const char *what = NULL;

    interrupted("p/Makefile");
    assert_int_equal(0, rename("p/gen", "p/gen-moved"));
    assert_int_equal(0, symlink("../outside", "p/gen"));
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_recover(p->a, "p", &what, &err));
    assert_string_equal("p/gen: was a folder when an update was interrupted here; make it one "
                        "again, so that it can be finished or taken back",
                        err.text);
    assert_false(files_exists("outside/b.txt"));
}

/* ---- two at once ---- */

static void the_second_one_waits(void **state)
{
    place *p = *state;
    update_txn *txn;
    int ends[2];
    int go[2];
    int status;
    char c = 0;
    pid_t pid;

    old_project();
    assert_int_equal(0, pipe(ends));
    assert_int_equal(0, pipe(go));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_arena *a = csvc_arena_new(0);

        (void)dup2(ends[1], STDERR_FILENO); /* says that it waits */
        (void)!read(go[0], &c, 1);
        (void)commit_new(a, &err);
        _exit(strcmp(err.text, "") == 0 ? 0 : 1);
    }
    txn = begin(p);
    assert_int_equal(1, write(go[1], &c, 1));
    assert_int_equal(0, close(ends[1]));
    assert_int_equal(1, read(ends[0], &c, 1)); /* it does */
    update_txn_write(txn, "Makefile", bytes("first\n"), 0);
    assert_int_equal(CSVC_OK, update_txn_commit(txn, NULL));
    assert_text(p, "p/Makefile", "first\n");
    update_txn_end(txn);
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_int_equal(0, status);
    assert_text(p, "p/Makefile", "new makefile\n");
    assert_int_equal(0, close(ends[0]));
    assert_int_equal(0, close(go[0]));
    assert_int_equal(0, close(go[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_again_touches_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_committed_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(killed_at_every_call, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_is_killed_as_well, setup, teardown),
        cmocka_unit_test_setup_teardown(one_call_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(all_calls_fail_from_there_on, setup, teardown),
        cmocka_unit_test_setup_teardown(links_that_cannot_be_made_are_copies, setup, teardown),
        cmocka_unit_test_setup_teardown(an_edit_before_its_turn_takes_all_back, setup, teardown),
        cmocka_unit_test_setup_teardown(an_edit_after_its_turn_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(putting_a_file_back_takes_all_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_file_that_was_made_meanwhile_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_seen_has_to_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_read_only, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_read_only_and_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(files_and_folders_in_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(links_out_of_the_project, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_are_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(all_problems_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_journal_is_told_of, setup, teardown),
        cmocka_unit_test_setup_teardown(a_staged_file_that_is_damaged_takes_all_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_became_a_link_is_not_followed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_second_one_waits, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
