/* update_txn_test.c: changes to a project that happen as a whole, and everything that is refused
 * before. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "disk_faults.h"
#include "project/files.h"
#include "txn_scene.h"
#include "update/steps.h"

/* ---- what a commit does ---- */

static void all_of_it(void **state)
{
    txn_scene *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    update_txn *txn;
    struct stat st;

    txn_old_project();
    assert_int_equal(0, utimensat(AT_FDCWD, "p/same.txt", old, 0));
    txn = txn_begin(p);
    txn_plan_new(txn);
    assert_int_equal(CSVC_OK, update_txn_check(txn, &err));
    assert_int_equal(8, update_txn_changes(txn));
    assert_int_equal(CSVC_OK, update_txn_commit(txn, &err));
    update_txn_end(txn);
    txn_assert_text(p, "p/Makefile", "new makefile\n");
    txn_assert_text(p, "p/gen/b.txt", "new b\n");
    txn_assert_text(p, "p/real/r.txt", "new r\n");
    txn_assert_text(p, "p/real/s.txt", "s\n"); /* the link was removed, not where it led */
    txn_assert_text(p, "p/new/deep/e.sh", "new e\n");
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
    txn_scene *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn;

    txn_old_project();
    assert_int_equal(CSVC_OK, txn_commit_new(p->a, &err));
    disk_faults.on = true;
    disk_faults.seen = 0;
    disk_faults.left = 1000;
    txn = txn_begin(p);
    disk_faults.seen = 0; /* looking whether .c-svc is there tries to make it */
    txn_plan_new(txn);
    assert_int_equal(CSVC_OK, update_txn_commit(txn, &err));
    assert_int_equal(0, disk_faults.seen);
    disk_faults.on = false;
    update_txn_end(txn);
}

static void what_is_not_committed_leaves_nothing(void **state)
{
    txn_scene *p = *state;
    update_txn *txn;

    assert_int_equal(0, rmdir("p/.c-svc"));
    txn = txn_begin(p);
    assert_true(files_exists("p/.c-svc"));
    update_txn_write(txn, "a", txn_bytes("a"), 0);
    update_txn_end(txn);
    assert_false(files_exists("p/.c-svc"));
    assert_false(files_exists("p/a"));
    update_txn_end(NULL);
}

static void what_was_seen_has_to_stay(void **state)
{
    txn_scene *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn;

    txn_old_project();
    txn = txn_begin(p);
    update_txn_saw(txn, "Makefile", txn_bytes("old makefile\n"));
    update_txn_saw(txn, "absent", (csvc_bytes){0});
    update_txn_write(txn, "gen/b.txt", txn_bytes("new"), 0);
    assert_int_equal(CSVC_OK, update_txn_check(txn, &err));
    txn_put("p/gen/b.txt", "edited between check and commit");
    assert_int_equal(CSVC_ABORTED, update_txn_commit(txn, &err));
    assert_string_equal("p/gen/b.txt: was changed while c-svc was at work", err.text);
    txn_assert_text(p, "p/gen/b.txt", "edited between check and commit");
    assert_false(files_exists("p/.c-svc/update"));
    txn_put("p/Makefile", "edited");
    assert_int_equal(CSVC_ABORTED, update_txn_check(txn, &err));
    assert_string_equal("p/Makefile: was changed while c-svc was at work", err.text);
    txn_put("p/Makefile", "old makefile\n");
    txn_put("p/absent", "");
    assert_int_equal(CSVC_ABORTED, update_txn_check(txn, &err));
    update_txn_end(txn);
}

/* ---- refused before anything is written ---- */

/* A plan of one file, and of another that could be written. */
static void assert_refused(txn_scene *p, csvc_code code, const char *path, bool removes,
                           const char *text)
{
    csvc_error err = {CSVC_ERROR_INIT};
    char *before = txn_snapshot(p);
    update_txn *txn = txn_begin(p);

    update_txn_write(txn, "fine.txt", txn_bytes("fine"), 0);
    if (removes) {
        update_txn_remove(txn, path);
    } else {
        update_txn_write(txn, path, txn_bytes("x"), 0);
    }
    assert_int_equal(code, update_txn_commit(txn, &err));
    assert_string_equal(text, err.text);
    update_txn_end(txn);
    assert_string_equal(before, txn_snapshot(p));
}

static void what_is_read_only(void **state)
{
    txn_scene *p = *state;

    txn_old_project();
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
    txn_scene *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn;

    txn_old_project();
    assert_int_equal(0, chmod("p/Makefile", 0444));
    txn = txn_begin(p);
    update_txn_write(txn, "Makefile", txn_bytes("old makefile\n"), 0);
    assert_int_equal(CSVC_OK, update_txn_commit(txn, &err));
    update_txn_end(txn);
}

static void files_and_folders_in_the_way(void **state)
{
    txn_scene *p = *state;

    txn_old_project();
    txn_put("p/dir/x", "x");
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
    assert_refused(p, CSVC_FAILED_PRECONDITION, ".git/hooks/pre-commit", false,
                   ".git/hooks/pre-commit: is no path that c-svc can write to");
    assert_refused(p, CSVC_FAILED_PRECONDITION, UPDATE_JOURNAL, true,
                   UPDATE_JOURNAL ": is no path that c-svc can write to");
}

static void links_out_of_the_project(void **state)
{
    txn_scene *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn = NULL;
    const char *what = NULL;
    char real[200];

    txn_old_project();
    txn_put("outside/file", "theirs");
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
    txn = txn_begin(p);
    update_txn_write(txn, "Makefile", txn_bytes("1"), 0);
    update_txn_write(txn, "alias", txn_bytes("2"), 0);
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_commit(txn, &err));
    assert_string_equal("p/Makefile and p/alias: are one file, by a link, and would be written "
                        "twice",
                        err.text);
    update_txn_end(txn);

    assert_int_equal(0, rename("p/.c-svc", "p/c-svc"));
    assert_int_equal(0, symlink("../outside", "p/.c-svc"));
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_begin(p->a, "p", &txn, &err));
    assert_non_null(strstr(err.text, "p/.c-svc: is a link out of the project"));
    txn_put("outside/update/file", "theirs");
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_recover(p->a, "p", &what, &err));
    assert_non_null(strstr(err.text, "p/.c-svc: is a link out of the project"));
    txn_assert_text(p, "outside/update/file", "theirs");
    assert_int_equal(0, unlink("p/.c-svc"));
    assert_int_equal(0, symlink(".", "p/.c-svc"));
    txn_put("p/update/file", "mine");
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_recover(p->a, "p", &what, &err));
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_begin(p->a, "p", &txn, &err));
    assert_string_equal("p/.c-svc: is a link, and c-svc keeps its own files there; remove it",
                        err.text);
    txn_assert_text(p, "p/update/file", "mine");
    assert_int_equal(0, unlink("p/.c-svc"));
    txn_put("p/.c-svc", "a file");
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_begin(p->a, "p", &txn, &err));
    assert_string_equal("p/.c-svc: is a file, and a folder has to be there for "
                        ".c-svc/update/journal",
                        err.text);
}

static void names_that_are_too_long(void **state)
{
    txn_scene *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    char name[300] = "";
    csvc__buffer deep;
    update_txn *txn;

    memset(name, 'n', 256);
    txn = txn_begin(p);
    update_txn_write(txn, name, txn_bytes("x"), 0);
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_check(txn, &err));
    assert_non_null(strstr(err.text, "...: the name is too long; the system takes 255 bytes for "
                                     "one name and 4095 for a whole path"));
    update_txn_end(txn);
    csvc__buffer_init(&deep, 10000);
    for (int i = 0; i < 1400; i++) {
        csvc__buffer_puts(&deep, "dd/");
    }
    csvc__buffer_puts(&deep, "x");
    txn = txn_begin(p);
    update_txn_write(txn, deep.data, txn_bytes("x"), 0);
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_check(txn, &err));
    assert_non_null(strstr(err.text, "the name is too long"));
    update_txn_end(txn);
    csvc__buffer_release(&deep);
}

static void changes_at_once_are_bounded(void **state)
{
    txn_scene *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn = txn_begin(p);

    for (size_t i = 0; i <= UPDATE_MAX_STEPS; i++) {
        update_txn_remove(txn, "never/there.txt");
    }
    assert_int_equal(CSVC_RESOURCE_EXHAUSTED, update_txn_check(txn, &err));
    assert_string_equal("200001 files would be changed, and c-svc changes at most 200000 at once",
                        err.text);
    update_txn_end(txn);
}

static void all_problems_are_counted(void **state)
{
    txn_scene *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn;

    txn_put("p/d1/x", "x");
    txn_put("p/d2/x", "x");
    txn_put("p/d3/x", "x");
    txn = txn_begin(p);
    update_txn_write(txn, "d1", txn_bytes("1"), 0);
    update_txn_write(txn, "d2", txn_bytes("2"), 0);
    update_txn_write(txn, "d3", txn_bytes("3"), 0);
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_txn_check(txn, &err));
    assert_string_equal("p/d1: is a folder, and a file has to be there (and 2 more like that)",
                        err.text);
    update_txn_end(txn);
}

/* ---- two at once ---- */

static void the_second_one_waits(void **state)
{
    txn_scene *p = *state;
    update_txn *txn;
    int ends[2];
    int go[2];
    int status;
    char c = 0;
    pid_t pid;

    txn_old_project();
    assert_int_equal(0, pipe(ends));
    assert_int_equal(0, pipe(go));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_arena *a = csvc_arena_new(0);

        (void)dup2(ends[1], STDERR_FILENO); /* says that it waits */
        (void)!read(go[0], &c, 1);
        (void)txn_commit_new(a, &err);
        _exit(strcmp(err.text, "") == 0 ? 0 : 1);
    }
    txn = txn_begin(p);
    assert_int_equal(1, write(go[1], &c, 1));
    assert_int_equal(0, close(ends[1]));
    assert_int_equal(1, read(ends[0], &c, 1)); /* it does */
    update_txn_write(txn, "Makefile", txn_bytes("first\n"), 0);
    assert_int_equal(CSVC_OK, update_txn_commit(txn, NULL));
    txn_assert_text(p, "p/Makefile", "first\n");
    update_txn_end(txn);
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_int_equal(0, status);
    txn_assert_text(p, "p/Makefile", "new makefile\n");
    assert_int_equal(0, close(ends[0]));
    assert_int_equal(0, close(go[0]));
    assert_int_equal(0, close(go[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_it, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(the_same_again_touches_nothing, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_committed_leaves_nothing, txn_setup,
                                        txn_teardown),
        cmocka_unit_test_setup_teardown(what_was_seen_has_to_stay, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(what_is_read_only, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(what_is_read_only_and_the_same, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(files_and_folders_in_the_way, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(links_out_of_the_project, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(names_that_are_too_long, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(changes_at_once_are_bounded, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(all_problems_are_counted, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(the_second_one_waits, txn_setup, txn_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
