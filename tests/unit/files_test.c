/* files_test.c: files and trees that are whole or not there; SHA-256. */
#define _XOPEN_SOURCE 700 /* nftw */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console/say.h"
#include "project/files.h"
#include "console/stop.h"
#include "project/sha256.h"

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

    p = (place){.a = csvc_arena_new(0), .folder = "/tmp/files_test-XXXXXX"};
    *state = &p;
    return p.a != NULL && mkdtemp(p.folder) != NULL && chdir(p.folder) == 0 ? 0 : -1;
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

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(1, fwrite(text, strlen(text), 1, file));
    assert_int_equal(0, fclose(file));
}

static files_change compared(const char *path, const char *text)
{
    csvc_error err = {CSVC_ERROR_INIT};
    files_change change = FILES_SAME;

    assert_int_equal(CSVC_OK, files_compare(path, bytes(text), &change, &err));
    return change;
}

static void assert_content(place *p, const char *path, const char *text)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_bytes content;

    assert_int_equal(CSVC_OK, files_read(p->a, path, 1000, &content, &err));
    assert_string_equal(text, (const char *)content.data);
}

/* How many entries, hidden ones too. */
static size_t count(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n - 2;
}

static void tells_what_writing_would_do(void **state)
{
    csvc_error err = {CSVC_ERROR_INIT};
    files_change change = FILES_SAME;

    (void)state;
    assert_int_equal(FILES_CREATED, compared("a", "one"));
    write_text("a", "one");
    assert_int_equal(FILES_SAME, compared("a", "one"));
    assert_int_equal(FILES_UPDATED, compared("a", "two!"));
    assert_int_equal(FILES_UPDATED, compared("a", "3"));
    assert_int_not_equal(CSVC_OK, files_compare(".", bytes("x"), &change, &err));
    assert_string_equal(".: is not a file", err.text);
}

static void says_which_file_and_why(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_bytes content;

    assert_int_equal(CSVC_NOT_FOUND, files_read(p->a, "nope", 10, &content, &err));
    assert_string_equal("nope: there is no such file", err.text);
    assert_int_equal(CSVC_INVALID_ARGUMENT, files_read(p->a, ".", 10, &content, &err));
    assert_string_equal(".: is not a file", err.text);
    write_text("big", "0123456789x");
    assert_int_equal(CSVC_INVALID_ARGUMENT, files_read(p->a, "big", 10, &content, &err));
    assert_string_equal("big: is larger than 10 bytes", err.text);
    assert_int_not_equal(CSVC_OK, files_make_folders(p->a, "big/below", NULL, &err));
    assert_non_null(strstr(err.text, "big"));
}

static void paths_are_joined_and_cut(void **state)
{
    place *p = *state;

    assert_string_equal("a/b", files_join(p->a, "a", "b"));
    assert_string_equal("a/b", files_join(p->a, "a/", "b"));
    assert_string_equal("b", files_join(p->a, ".", "b"));
    assert_string_equal("b", files_join(p->a, "", "b"));
    assert_string_equal("/b", files_join(p->a, "a", "/b"));
    assert_string_equal("a", files_folder(p->a, "a/b"));
    assert_string_equal(".", files_folder(p->a, "b"));
    assert_string_equal("/", files_folder(p->a, "/b"));
}

static files_tree *begin(place *p, const char *target)
{
    csvc_error err = {CSVC_ERROR_INIT};
    files_tree *tree = NULL;

    assert_int_equal(CSVC_OK, files_tree_begin(p->a, target, &tree, &err));
    return tree;
}

static void a_tree_appears_at_once(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    files_tree *tree = begin(p, "x/y/project");

    assert_int_equal(CSVC_OK, files_tree_add(tree, "a/b.txt", bytes("b"), &err));
    assert_int_equal(CSVC_OK, files_tree_add(tree, "c.txt", bytes("c"), &err));
    assert_false(files_exists("x/y/project"));
    assert_int_equal(CSVC_OK, files_tree_commit(tree, &err));
    assert_content(p, "x/y/project/a/b.txt", "b");
    assert_content(p, "x/y/project/c.txt", "c");
    assert_int_equal(1, count("x/y"));
}

static void an_abandoned_tree_leaves_nothing(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    files_tree *tree = begin(p, "x/y/project");

    assert_int_equal(CSVC_OK, files_tree_add(tree, "a/b/c/d.txt", bytes("b"), &err));
    files_tree_abandon(tree);
    assert_int_equal(0, count("."));
}

static void an_empty_folder_is_filled_in_place(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    struct stat before;
    struct stat after;
    files_tree *tree;

    assert_int_equal(0, mkdir("empty", 0700));
    assert_int_equal(0, stat("empty", &before));
    tree = begin(p, "empty");
    assert_int_equal(CSVC_OK, files_tree_add(tree, "a/b.txt", bytes("b"), &err));
    files_tree_abandon(tree);
    assert_int_equal(0, count("empty"));
    tree = begin(p, "empty");
    assert_int_equal(CSVC_OK, files_tree_add(tree, "a/b.txt", bytes("b"), &err));
    assert_int_equal(CSVC_OK, files_tree_add(tree, ".c", bytes("c"), &err));
    assert_int_equal(CSVC_OK, files_tree_commit(tree, &err));
    assert_int_equal(0, stat("empty", &after));
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(2, count("empty"));
}

static void a_tree_takes_nobodys_place(void **state)
{
    place *p = *state;
    csvc_error err = {CSVC_ERROR_INIT};
    files_tree *tree = NULL;

    assert_int_equal(0, mkdir("full", 0777));
    write_text("full/x", "x");
    assert_int_equal(CSVC_ALREADY_EXISTS, files_tree_begin(p->a, "full", &tree, &err));
    assert_string_equal("full: is there already, and is not empty", err.text);
    assert_int_equal(CSVC_ALREADY_EXISTS, files_tree_begin(p->a, "full/x", &tree, &err));
    assert_string_equal("full/x: is there already, and is no folder", err.text);

    /* Somebody is quicker than we are: theirs stays, ours goes. */
    tree = begin(p, "race");
    assert_int_equal(CSVC_OK, files_tree_add(tree, "ours", bytes("b"), &err));
    assert_int_equal(0, mkdir("race", 0777));
    write_text("race/theirs", "t");
    assert_int_equal(CSVC_ALREADY_EXISTS, files_tree_commit(tree, &err));
    assert_int_equal(1, count("race"));
    assert_int_equal(2, count("."));
}

/* A child that is told to stop, exits or dies in the middle of a tree. */
static void in_a_child(const char *target, int how)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        csvc_error err = {CSVC_ERROR_INIT};
        csvc_arena *a = csvc_arena_new(0);
        files_tree *tree;

        stop_watch();
        if (files_tree_begin(a, target, &tree, &err) != CSVC_OK ||
            files_tree_add(tree, "a/b", bytes("b"), &err) != CSVC_OK) {
            _exit(99);
        }
        if (how == 0) {
            exit(7);
        }
        (void)raise(how);
        if (files_tree_add(tree, "c", bytes("c"), &err) != CSVC_CANCELLED) {
            _exit(98);
        }
        exit(stop_end(97));
    }
    assert_int_equal(pid, waitpid(pid, &status, 0));
    if (how == 0) {
        assert_true(WIFEXITED(status));
        assert_int_equal(7, WEXITSTATUS(status));
    } else {
        assert_true(WIFSIGNALED(status));
        assert_int_equal(how, WTERMSIG(status));
    }
}

static void whoever_is_stopped_cleans_up(void **state)
{
    (void)state;
    in_a_child("p/q", 0);
    in_a_child("p/q", SIGINT);
    in_a_child("p/q", SIGTERM);
    in_a_child("p/q", SIGHUP);
    assert_int_equal(0, count("."));
}

static void sha256_is_the_standards(void **state)
{
    static char million[1000000];
    char hex[SHA256_HEX];

    (void)state;
    sha256_hex(bytes(""), hex);
    assert_string_equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", hex);
    sha256_hex(bytes("abc"), hex);
    assert_string_equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", hex);
    sha256_hex(bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), hex);
    assert_string_equal("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", hex);
    memset(million, 'a', sizeof(million));
    sha256_hex((csvc_bytes){.len = sizeof(million), .data = (const uint8_t *)million}, hex);
    assert_string_equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", hex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_what_writing_would_do, setup, teardown),
        cmocka_unit_test_setup_teardown(says_which_file_and_why, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_are_joined_and_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tree_appears_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_abandoned_tree_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_folder_is_filled_in_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tree_takes_nobodys_place, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_is_stopped_cleans_up, setup, teardown),
        cmocka_unit_test(sha256_is_the_standards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
