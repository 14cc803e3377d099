/* txn_scene.c: a project before and after a change, and what lies there. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "txn_scene.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "project/files.h"
#include "update/steps.h"

bool txn_ignore_empty;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int txn_setup(void **state)
{
    static txn_scene p;

    txn_ignore_empty = false;
    p = (txn_scene){.a = csvc_arena_new(0)};
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

int txn_teardown(void **state)
{
    txn_scene *p = *state;

    csvc_arena_free(p->a);
    return chdir("/") != 0 ? -1 : nftw(p->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

csvc_bytes txn_bytes(const char *text)
{
    return (csvc_bytes){.len = strlen(text), .data = (const uint8_t *)text};
}

void txn_put(const char *path, const char *text)
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
                if (txn_ignore_empty && b->len == after + 1) {
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

char *txn_snapshot(txn_scene *p)
{
    char *text;
    csvc__buffer b;

    csvc__buffer_init(&b, 1 << 20);
    describe(p->a, "p", &b);
    text = csvc_arena_strdup(p->a, b.data);
    csvc__buffer_release(&b);
    return text;
}

void txn_old_project(void)
{
    (void)nftw("p", remove_one, 8, FTW_DEPTH | FTW_PHYS);
    txn_put("p/.c-svc/lock.json", "{}");
    txn_put("p/Makefile", "old makefile\n");
    txn_put("p/gen/b.txt", "old b\n");
    txn_put("p/gen/c.txt", "old c\n");
    txn_put("p/only/deep/d.txt", "old d\n");
    txn_put("p/same.txt", "same\n");
    txn_put("p/real/r.txt", "old r\n");
    txn_put("p/real/s.txt", "s\n");
    assert_int_equal(0, chmod("p/gen/b.txt", 0750));
    assert_int_equal(0, symlink("real/r.txt", "p/link.txt"));
    assert_int_equal(0, symlink("real/s.txt", "p/gone.txt"));
}

void txn_plan_new(update_txn *txn)
{
    update_txn_write(txn, ".c-svc/lock.json", txn_bytes("{1}"), 0);
    update_txn_write(txn, "Makefile", txn_bytes("new makefile\n"), 0);
    update_txn_write(txn, "gen/b.txt", txn_bytes("new b\n"), 0);
    update_txn_remove(txn, "gen/c.txt");
    update_txn_remove(txn, "only/deep/d.txt");
    update_txn_remove(txn, "gone.txt");
    update_txn_remove(txn, "never/there.txt");
    update_txn_write(txn, "link.txt", txn_bytes("new r\n"), 0);
    update_txn_write(txn, "new/deep/e.sh", txn_bytes("new e\n"), 0755);
    update_txn_write(txn, "same.txt", txn_bytes("same\n"), 0);
}

csvc_code txn_commit_new(csvc_arena *a, csvc_error *err)
{
    update_txn *txn = NULL;
    csvc_code code = update_txn_begin(a, "p", &txn, err);

    if (code == CSVC_OK) {
        txn_plan_new(txn);
        code = update_txn_commit(txn, err);
        update_txn_end(txn);
    }
    return code;
}

update_txn *txn_begin(txn_scene *p)
{
    csvc_error err = {CSVC_ERROR_INIT};
    update_txn *txn = NULL;

    if (update_txn_begin(p->a, "p", &txn, &err) != CSVC_OK) {
        fail_msg("%s", err.text);
    }
    return txn;
}

const char *txn_recover(txn_scene *p)
{
    csvc_error err = {CSVC_ERROR_INIT};
    const char *what = NULL;

    if (update_recover(p->a, "p", &what, &err) != CSVC_OK) {
        fail_msg("%s", err.text);
    }
    return what;
}

void txn_assert_text(txn_scene *p, const char *path, const char *text)
{
    csvc_bytes content;

    assert_int_equal(CSVC_OK, files_read(p->a, path, 1000, &content, NULL));
    assert_string_equal(text, (const char *)content.data);
}
