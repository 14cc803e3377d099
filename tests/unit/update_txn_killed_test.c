/*
 * update_txn_killed_test.c: changes to a project that are killed at every call that changes
 * anything, fail at each of them, and what their journals come to.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk_faults.h"
#include "project/files.h"
#include "txn_scene.h"
#include "update/steps.h"

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

        disk_faults.on = true;
        disk_faults.left = n;
        disk_faults.number = 0;
        code = recovers ? update_recover(a, "p", &what, &err) : txn_commit_new(a, &err);
        disk_faults.on = false;
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

static both two_states(txn_scene *p)
{
    csvc_error err = {CSVC_ERROR_INIT};
    both b;

    txn_old_project();
    b.before = txn_snapshot(p);
    assert_int_equal(CSVC_OK, txn_commit_new(p->a, &err));
    b.after = txn_snapshot(p);
    assert_string_not_equal(b.before, b.after);
    return b;
}

static void killed_at_every_call(void **state)
{
    txn_scene *p = *state;
    both b = two_states(p);
    int back = 0;
    int forward = 0;
    int n;

    for (n = 0;; n++) {
        const char *what;
        const char *now;
        bool journal;

        txn_old_project();
        if (!killed_at(n, false)) {
            break;
        }
        journal = files_exists("p/" UPDATE_JOURNAL);
        what = txn_recover(p);
        now = txn_snapshot(p);
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
        assert_string_equal("", txn_recover(p));
    }
    assert_string_equal(b.after, txn_snapshot(p));
    assert_true(n > 50 && back > 20 && forward > 20);
}

static void recovery_is_killed_as_well(void **state)
{
    txn_scene *p = *state;
    both b = two_states(p);

    for (int n = 0;; n++) {
        bool through;
        int m = 0;

        txn_old_project();
        if (!killed_at(n, false)) {
            break;
        }
        if (!files_exists("p/" UPDATE_JOURNAL)) {
            continue;
        }
        do { /* each recovery gets one call further than the one before */
            through = !killed_at(m++, true);
        } while (!through);
        assert_string_equal(b.after, txn_snapshot(p));
        assert_false(files_exists("p/.c-svc/update"));
    }
}

/* ---- failing ---- */

/* One call fails, or all from there on, as on a disk that is full or broken. */
static void fails_at_every_call(txn_scene *p, int number, bool always)
{
    both b;
    int n;

    txn_ignore_empty = true;
    b = two_states(p);
    for (n = 0;; n++) {
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_code code;
        const char *now;
        bool struck;

        txn_old_project();
        disk_faults.on = true;
        disk_faults.left = n;
        disk_faults.number = number;
        disk_faults.always = always;
        code = txn_commit_new(p->a, &err);
        struck = disk_faults.left < 0;
        disk_faults.on = disk_faults.always = false;
        if (!struck) {
            break;
        }
        if (code == CSVC_DATA_LOSS) { /* neither forward nor back: for the next one */
            assert_non_null(strstr(err.text, "the next c-svc tries again"));
            assert_true(always);
            (void)txn_recover(p);
            now = txn_snapshot(p);
            assert_true(strcmp(now, b.before) == 0 || strcmp(now, b.after) == 0);
        } else if (code == CSVC_OK) { /* of what does not matter: cleaning up */
            (void)txn_recover(p);
            assert_string_equal(b.after, txn_snapshot(p));
        } else {
            assert_int_equal(number == ENOSPC ? CSVC_RESOURCE_EXHAUSTED : CSVC_UNAVAILABLE, code);
            assert_false(files_exists("p/" UPDATE_JOURNAL));
            if (!always) {
                assert_false(files_exists("p/.c-svc/update"));
            }
            (void)txn_recover(p);
            assert_string_equal(b.before, txn_snapshot(p));
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
    txn_scene *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    both b;

    txn_ignore_empty = true;
    b = two_states(p);
    for (int n = 0; n < 60; n++) {
        csvc_code code;

        txn_old_project();
        disk_faults.on = true;
        disk_faults.left = n;
        disk_faults.number = EPERM;
        disk_faults.always = false;
        code = txn_commit_new(p->a, &err);
        disk_faults.on = false;
        (void)txn_recover(p);
        assert_string_equal(code == CSVC_OK ? b.after : b.before, txn_snapshot(p));
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

        txn_old_project();
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
    txn_scene *p = *state;

    interrupted("p/Makefile");
    txn_assert_text(p, "p/gen/b.txt", "old b\n");
    txn_put("p/gen/b.txt", "mine\n");
    assert_string_equal("an update that was interrupted has been taken back (8 files); changed "
                        "meanwhile, and left as it is: p/gen/b.txt",
                        txn_recover(p));
    txn_assert_text(p, "p/Makefile", "old makefile\n");
    txn_assert_text(p, "p/gen/b.txt", "mine\n");
    txn_assert_text(p, "p/.c-svc/lock.json", "{}");
    assert_false(files_exists("p/new"));
}

static void an_edit_after_its_turn_stays(void **state)
{
    txn_scene *p = *state;

    interrupted("p/Makefile");
    txn_put("p/Makefile", "new makefile\nand mine\n");
    assert_string_equal("an update that was interrupted has been finished (8 files)",
                        txn_recover(p));
    txn_assert_text(p, "p/Makefile", "new makefile\nand mine\n");
    txn_assert_text(p, "p/gen/b.txt", "new b\n");

    /* Both: the one that was done is not overwritten by going back, either. */
    interrupted("p/Makefile");
    txn_put("p/Makefile", "new makefile\nand mine\n");
    txn_put("p/gen/b.txt", "mine\n");
    assert_string_equal("an update that was interrupted has been taken back (8 files); changed "
                        "meanwhile, and left as it is: p/gen/b.txt, p/Makefile",
                        txn_recover(p));
    txn_assert_text(p, "p/Makefile", "new makefile\nand mine\n");
}

static void putting_a_file_back_takes_all_back(void **state)
{
    txn_scene *p = *state;
    char *before;

    txn_old_project();
    before = txn_snapshot(p);
    interrupted("p/gen/b.txt");
    txn_put("p/Makefile", "old makefile\n"); /* as git checkout does */
    assert_string_equal("an update that was interrupted has been taken back (8 files)",
                        txn_recover(p));
    assert_string_equal(before, txn_snapshot(p));
}

static void a_new_file_that_was_made_meanwhile_stays(void **state)
{
    txn_scene *p = *state;

    interrupted("p/Makefile");
    txn_put("p/new/deep/e.sh", "mine\n");
    (void)txn_recover(p);
    txn_assert_text(p, "p/new/deep/e.sh", "mine\n");
    txn_assert_text(p, "p/Makefile", "old makefile\n");
}

/* ---- journals ---- */

static void a_damaged_journal_is_told_of(void **state)
{
    txn_scene *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_bytes journal;
    const char *what = NULL;
    char *text;

    interrupted("p/Makefile");
    assert_int_equal(CSVC_OK, files_read(p->a, "p/" UPDATE_JOURNAL, 1 << 20, &journal, NULL));
    for (size_t i = 0; i < journal.len; i++) { /* cut short anywhere, or with one byte changed */
        text = csvc_arena_strndup(p->a, (const char *)journal.data, i);
        txn_put("p/" UPDATE_JOURNAL, text);
        assert_int_equal(CSVC_DATA_LOSS, update_recover(p->a, "p", &what, &err));
        assert_non_null(strstr(err.text, "p/.c-svc/update/journal: is damaged"));
        text = csvc_arena_strndup(p->a, (const char *)journal.data, journal.len);
        text[i] = text[i] == '0' ? '1' : '0';
        txn_put("p/" UPDATE_JOURNAL, text);
        assert_true(update_recover(p->a, "p", &what, &err) != CSVC_OK);
    }
    txn_put("p/" UPDATE_JOURNAL, "c-svc update 2\nwhatever\n");
    assert_int_equal(CSVC_FAILED_PRECONDITION, update_recover(p->a, "p", &what, &err));
    assert_non_null(strstr(err.text, "a newer c-svc"));
    txn_put("p/" UPDATE_JOURNAL, (const char *)journal.data);
    assert_string_equal("an update that was interrupted has been finished (8 files)",
                        txn_recover(p));
}

static void a_staged_file_that_is_damaged_takes_all_back(void **state)
{
    txn_scene *p = *state;
    char *before;

    txn_old_project();
    before = txn_snapshot(p);
    interrupted("p/Makefile");
    txn_put("p/.c-svc/update/2.new", "not what it was");
    assert_string_equal("an update that was interrupted has been taken back (8 files)",
                        txn_recover(p));
    assert_string_equal(before, txn_snapshot(p));
}

static void a_folder_that_became_a_link_is_not_followed(void **state)
{
    txn_scene *p = *state;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_at_every_call, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(recovery_is_killed_as_well, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(one_call_fails, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(all_calls_fail_from_there_on, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(links_that_cannot_be_made_are_copies, txn_setup,
                                        txn_teardown),
        cmocka_unit_test_setup_teardown(an_edit_before_its_turn_takes_all_back, txn_setup,
                                        txn_teardown),
        cmocka_unit_test_setup_teardown(an_edit_after_its_turn_stays, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(putting_a_file_back_takes_all_back, txn_setup,
                                        txn_teardown),
        cmocka_unit_test_setup_teardown(a_new_file_that_was_made_meanwhile_stays, txn_setup,
                                        txn_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_journal_is_told_of, txn_setup, txn_teardown),
        cmocka_unit_test_setup_teardown(a_staged_file_that_is_damaged_takes_all_back, txn_setup,
                                        txn_teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_became_a_link_is_not_followed, txn_setup,
                                        txn_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
