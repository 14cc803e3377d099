/*
 * .c-svc/update/journal, any text of it, and anything that lies beside it: it is finished, taken
 * back or explained. Nothing outside the project changes, no file that the journal does not name,
 * and none that is neither what it says was there nor what was to be there.
 *
 * An input is a project, a line a thing, and the journal behind it:
 *
 *     +PATH C     a file, with the one character C in it
 *     >PATH D     a link to the D-th of link_ends
 *     /PATH       a folder
 *     !           the journal is put there last, through links if need be
 *     c-svc update 1
 *     write #C #D PATH
 *
 * In the journal #C is the hash of such a file, %D that of such a link; its last line is made
 * unless there is one.
 */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "console/say.h"
#include "project/files.h"
#include "update/steps.h"
#include "update/transaction.h"

enum {
    MAX_THINGS = 64
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const link_ends[] = {
    "../outside", "../outside/theirs", "../outside/empty", ".", "./gen", "gen", "nowhere", "a"};

/* ---- a place for it ---- */

static char top[64];

static void remove_top(void)
{
    files_remove_all(top);
}

static const char *make_top(void)
{
    if (top[0] == '\0') {
        (void)snprintf(top, sizeof(top), "%s/journal_fuzz-XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        assert(mkdtemp(top) != NULL && atexit(remove_top) == 0);
    }
    return top;
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);

    if (fd >= 0) {
        assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
        (void)close(fd);
    }
}

/* Below the project whatever it is: links are made after everything else. */
static bool is_harmless(const char *path)
{
    return path[0] != '\0' && path[0] != '/' && strlen(path) < 60 && strstr(path, "..") == NULL &&
           strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789_./-") == strlen(path);
}

static void make_thing(csvc_arena *a, const char *root, char *line, bool links)
{
    char *blank = strrchr(line, ' ');
    const char *path;
    char text[2] = "";

    if (line[0] == '/') {
        blank = NULL;
    } else if (blank == NULL || blank[1] == '\0') {
        return;
    }
    text[0] = blank != NULL ? blank[1] : '\0';
    if (blank != NULL) {
        *blank = '\0';
    }
    path = files_join(a, root, line + 1);
    if (is_harmless(line + 1) && (line[0] == '>') == links &&
        files_make_folders(a, line[0] == '/' ? path : files_folder(a, path), NULL, NULL) ==
            CSVC_OK) {
        if (line[0] == '>') {
            (void)!symlink(link_ends[(unsigned char)text[0] % 8], path);
        } else if (line[0] == '+') {
            put(path, text);
        }
    }
    if (blank != NULL) {
        *blank = ' ';
    }
}

static void add_hash(csvc__buffer *b, const char *text)
{
    char hex[SHA256_HEX];

    sha256_hex((csvc_bytes){.len = strlen(text), .data = (const uint8_t *)text}, hex);
    csvc__buffer_puts(b, hex);
}

static void put_journal(csvc_arena *a, const char *root, const char *text)
{
    csvc__buffer b;

    csvc__buffer_init(&b, 1 << 24);
    for (const char *at = text; *at != '\0'; at++) {
        char one[2] = {at[0] == '#' ? at[1] : '\0', '\0'};

        if (one[0] != '\0') {
            add_hash(&b, one);
            at++;
        } else if (at[0] == '%' && at[1] != '\0') {
            add_hash(&b, link_ends[(unsigned char)at[1] % 8]);
            at++;
        } else {
            csvc__buffer_printf(&b, "%c", *at);
        }
    }
    if (b.len > 0 && strstr(b.data, "\nend ") == NULL) {
        const char *whole = csvc_arena_strdup(a, b.data);

        csvc__buffer_puts(&b, "end ");
        add_hash(&b, whole);
        csvc__buffer_puts(&b, "\n");
    }
    assert(csvc__buffer_ok(&b));
    if (files_make_folders(a, files_join(a, root, UPDATE_STAGING), NULL, NULL) == CSVC_OK) {
        put(files_join(a, root, UPDATE_JOURNAL), b.len > 0 ? b.data : "");
    }
    csvc__buffer_release(&b);
}

static void make_project(csvc_arena *a, const char *root, const char *text)
{
    const char *journal = strstr(text, "c-svc update");
    const char *end = journal != NULL ? journal : text + strlen(text);

    if (journal != NULL && text[0] != '!') {
        put_journal(a, root, journal);
    }
    for (int links = 0; links <= 1; links++) {
        int n = 0;

        for (const char *at = text; at < end && n < MAX_THINGS; n++) {
            size_t len = strcspn(at, "\n");
            char *line = csvc_arena_strndup(a, at, len);

            assert(line != NULL);
            make_thing(a, root, line, links == 1);
            at += len + (at[len] == '\n' ? 1 : 0);
        }
    }
    if (journal != NULL && text[0] == '!') {
        put_journal(a, root, journal);
    }
}

/* ---- what lies there ---- */

typedef struct thing {
    const char *path; /* from where the listing began */
    char hash[SHA256_HEX];
    bool folder;
} thing;

typedef struct things {
    thing *items;
    size_t len, max;
} things;

static void list(csvc_arena *a, const char *root, const char *below, things *all)
{
    DIR *dir = opendir(files_join(a, root, below));
    const struct dirent *entry;

    assert(dir != NULL);
    for (entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        csvc_error err = {CSVC_ERROR_INIT};
        struct stat st;
        thing one;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        one.path = csvc_arena_strdup(a, files_join(a, below, entry->d_name));
        assert(lstat(files_join(a, root, one.path), &st) == 0);
        one.folder = S_ISDIR(st.st_mode);
        assert(update__hash_at(root, one.path, one.hash, &err) == CSVC_OK);
        all->items = cli_grown(a, all->items, all->len, &all->max, sizeof(*all->items));
        all->items[all->len++] = one;
        if (one.folder) {
            list(a, root, one.path, all);
        }
    }
    (void)closedir(dir);
}

static const thing *find(const things *all, const char *path)
{
    for (size_t i = 0; i < all->len; i++) {
        if (strcmp(all->items[i].path, path) == 0) {
            return &all->items[i];
        }
    }
    return NULL;
}

static bool is_there(const things *all, const thing *one)
{
    const thing *other = find(all, one->path);

    return other != NULL && other->folder == one->folder && strcmp(other->hash, one->hash) == 0;
}

static void assert_same(const things *x, const things *y)
{
    assert(x->len == y->len);
    for (size_t i = 0; i < x->len; i++) {
        assert(is_there(y, &x->items[i]));
    }
}

static bool is_ours(const char *path)
{
    return strncmp(path, UPDATE_STAGING, sizeof(UPDATE_STAGING) - 1) == 0;
}

/* Some step speaks of it, and of what is in it. */
static bool may_change(const update_steps *steps, const thing *one)
{
    for (size_t i = 0; i < steps->len; i++) {
        const update_step *step = &steps->items[i];

        if (strcmp(step->place, one->path) == 0 &&
            (strcmp(step->was, one->hash) == 0 || strcmp(step->becomes, one->hash) == 0)) {
            return true;
        }
    }
    return false;
}

static bool is_named(const update_steps *steps, const char *path)
{
    size_t len = strlen(path);

    for (size_t i = 0; i < steps->len; i++) {
        const char *place = steps->items[i].place;

        if (strncmp(place, path, len) == 0 && (place[len] == '\0' || place[len] == '/')) {
            return true;
        }
    }
    return false;
}

/* Nothing was lost, and nothing came from anywhere. */
static void assert_kept(const update_steps *steps, const things *before, const things *after)
{
    for (size_t i = 0; i < before->len; i++) {
        const thing *one = &before->items[i];

        if (!one->folder && !is_ours(one->path) && !may_change(steps, one)) {
            assert(is_there(after, one));
        }
    }
    for (size_t i = 0; i < after->len; i++) {
        const thing *one = &after->items[i];

        assert(find(before, one->path) != NULL || is_named(steps, one->path));
    }
}

/* ---- one input ---- */

/* Before it is believed: no step leads anywhere else. */
static csvc_code read_steps(csvc_arena *a, const char *root, update_steps *ret_steps)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_code code = update__journal_read(a, root, ret_steps, &err);

    assert(code == CSVC_OK || (err.text[0] != '\0' && ret_steps->len == 0));
    assert(ret_steps->len <= UPDATE_MAX_STEPS && ret_steps->folders.len <= UPDATE_MAX_STEPS);
    for (size_t i = 0; i < ret_steps->len; i++) {
        const char *place = cli_printf(a, "/%s/", ret_steps->items[i].place);

        assert(strstr(place, "//") == NULL && strstr(place, "/../") == NULL &&
               strstr(place, "/.git/") == NULL);
    }
    return code;
}

static void recover(csvc_arena *a, const char *root)
{
    csvc_error err = {CSVC_ERROR_INIT};
    const char *what = NULL;
    update_steps steps = {0};
    things before = {0};
    things after = {0};
    csvc_code read;
    csvc_code code;

    list(a, root, "", &before);
    read = read_steps(a, root, &steps);
    code = update_recover(a, root, &what, &err);
    list(a, root, "", &after);
    assert_kept(&steps, &before, &after);
    if (code == CSVC_OK) {
        assert(what != NULL && (read == CSVC_OK || what[0] == '\0'));
        assert(!files_exists(files_join(a, root, UPDATE_JOURNAL)));
        assert(update_recover(a, root, &what, &err) == CSVC_OK && what[0] == '\0');
    } else {
        assert(err.text[0] != '\0');
        if (read != CSVC_OK) {
            assert_same(&before, &after);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    csvc_arena *a = csvc_arena_new(0);
    const char *around = make_top();
    const char *root = files_join(a, around, "p");
    const char *outside = files_join(a, around, "outside");
    const char *text = csvc_arena_strndup(a, (const char *)data, len);
    things before = {0};
    things after = {0};
    int lowest = dup(0);

    assert(text != NULL);
    assert(mkdir(root, 0755) == 0 && mkdir(outside, 0755) == 0);
    put(files_join(a, outside, "theirs"), "1");
    put(files_join(a, outside, "0.new"), "2");
    assert(mkdir(files_join(a, outside, "empty"), 0755) == 0);
    assert(mkdir(files_join(a, outside, "update"), 0755) == 0);
    put(files_join(a, outside, "update/0.new"), "2");
    make_project(a, root, text);
    list(a, outside, "", &before);
    recover(a, root);
    list(a, outside, "", &after);
    assert_same(&before, &after);
    files_remove_all(root);
    files_remove_all(outside);
    assert(rmdir(around) == 0 && mkdir(around, 0700) == 0); /* nothing else came to lie there */
    if (lowest >= 0) {
        (void)close(lowest);
        assert(dup(0) == lowest); /* no file was left open */
        (void)close(lowest);
    }
    (void)csvc_arena_free(a);
    return 0;
}
