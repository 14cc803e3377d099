/* moved.c: files that the user renamed or moved, found again by what is in them. */
#include "moved.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "merge.h"
#include "project/files.h"
#include "project/sha256.h"

#include "base/banned.h"

enum {
    MAX_STRANGERS = 20000,
    MAX_DEPTH = 16,
    MAX_BYTES = 1 << 20, /* of one; nobody's source is longer */
    MAX_TOTAL = 256 << 20,
    LIKE_ENOUGH = 60, /* per cent, by lines; git asks for 50 of bytes */
    THE_VERY_ONE = 101
};

/* A file of the project that none of ours is. */
typedef struct stranger {
    const char *path;
    csvc_bytes content;
    bool taken;
} stranger;

/* What editors and people leave beside a file is not that file. */
static bool is_put_aside(const char *name)
{
    static const char *const ends[] = {"~", ".bak", ".old", ".orig", ".rej", ".swp"};
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t of_end = strlen(ends[i]);

        if (len > of_end && strcmp(name + len - of_end, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Any name that a line can be printed with. */
static bool is_printable(const char *path)
{
    for (const char *c = path; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~' || *c == '\\') {
            return false;
        }
    }
    return true;
}

typedef struct search {
    project *p;
    update_file *files;
    size_t n_files;
    stranger *items;
    size_t len, max;
    size_t total; /* bytes read */
} search;

typedef struct pair {
    size_t file, stranger;
    unsigned likeness;
    bool same_ending;
} pair;

static bool is_one_of_ours(const search *s, const char *path)
{
    for (size_t i = 0; i < s->n_files; i++) {
        if (strcmp(s->files[i].path, path) == 0 ||
            (s->files[i].at != NULL && strcmp(s->files[i].at, path) == 0)) {
            return true;
        }
    }
    return false;
}

/* Where nobody moves sources to, or what is not theirs. */
static bool is_left_out(const char *path)
{
    static const char *const folders[] = {".c-svc", "gen", "build", "proto", "c-svc.yaml"};
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (strcmp(path, folders[i]) == 0) {
            return true;
        }
    }
    return strcmp(name, ".git") == 0 || strcmp(name, "node_modules") == 0 || is_put_aside(name) ||
           !is_printable(path);
}

static void add(search *s, const char *path)
{
    csvc_error unread = {CSVC_ERROR_INIT};
    csvc_bytes content;

    if (files_read(s->p->a, files_join(s->p->a, s->p->root, path), MAX_BYTES, &content, &unread) !=
            CSVC_OK ||
        content.len == 0) {
        return;
    }
    s->items = cli_grown(s->p->a, s->items, s->len, &s->max, sizeof(*s->items));
    s->total += content.len;
    s->items[s->len++] = (stranger){.path = path, .content = content};
}

/* Below `folder`; "" is the project. Links are not followed. */
static void walk(search *s, const char *folder, int depth)
{
    csvc_arena *a = s->p->a;
    const char *there = files_join(a, s->p->root, folder[0] != '\0' ? folder : ".");
    DIR *dir = opendir(there);
    cli_list names = {0};

    if (dir == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            cli_list_add(a, &names, cli_must(csvc_arena_strdup(a, entry->d_name)));
        }
    }
    closedir(dir);
    cli_list_sort(&names); /* the same answer everywhere */
    for (size_t i = 0; i < names.len && s->len < MAX_STRANGERS && s->total < MAX_TOTAL; i++) {
        const char *path = files_join(a, folder, names.items[i]);
        struct stat st;

        if (is_left_out(path) || lstat(files_join(a, s->p->root, path), &st) != 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
            walk(s, path, depth + 1);
        } else if (S_ISREG(st.st_mode) && !is_one_of_ours(s, path)) {
            add(s, path);
        }
    }
}

static const char *ending(const char *path)
{
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    const char *dot = strrchr(name, '.');

    return dot != NULL ? dot : name;
}

static bool is_source(const char *path)
{
    return strcmp(ending(path), ".c") == 0 || strcmp(ending(path), ".h") == 0;
}

/* What is compiled has an ending and a name that make takes. */
static bool can_be(const update_file *f, const stranger *s)
{
    return !is_source(f->path) ||
           (strcmp(ending(f->path), ending(s->path)) == 0 && config_path_is_plain(s->path));
}

static unsigned likeness(const update_file *f, const stranger *s, const char *hash_of_stranger)
{
    csvc_bytes was = f->base.data != NULL ? f->base : f->render;

    if (f->record != NULL && strcmp(f->record->hash, hash_of_stranger) == 0) {
        return THE_VERY_ONE;
    }
    return was.data != NULL ? update_likeness(was, s->content) : 0;
}

static int best_first(const void *x, const void *y)
{
    const pair *a = x;
    const pair *b = y;

    if (a->likeness != b->likeness) {
        return a->likeness > b->likeness ? -1 : 1;
    }
    if (a->same_ending != b->same_ending) {
        return a->same_ending ? -1 : 1;
    }
    if (a->file != b->file) {
        return a->file < b->file ? -1 : 1;
    }
    return a->stranger < b->stranger ? -1 : a->stranger > b->stranger ? 1 : 0;
}

static void match(search *s, const bool *searched, size_t n_searched)
{
    pair *pairs = cli_must(csvc_arena_calloc(s->p->a, n_searched * s->len + 1, sizeof(*pairs)));
    size_t n = 0;

    for (size_t k = 0; k < s->len; k++) {
        char hex[SHA256_HEX];

        sha256_hex(s->items[k].content, hex);
        for (size_t i = 0; i < s->n_files; i++) {
            unsigned like = searched[i] ? likeness(&s->files[i], &s->items[k], hex) : 0;

            if (like >= LIKE_ENOUGH) {
                pairs[n++] = (pair){
                    .file = i,
                    .stranger = k,
                    .likeness = like,
                    .same_ending = strcmp(ending(s->files[i].path), ending(s->items[k].path)) == 0};
            }
        }
    }
    qsort(pairs, n, sizeof(*pairs), best_first);
    for (size_t i = 0; i < n; i++) {
        update_file *f = &s->files[pairs[i].file];
        stranger *other = &s->items[pairs[i].stranger];

        if (f->at != NULL || other->taken) {
            continue;
        }
        if (!can_be(f, other)) {
            f->seems = f->seems != NULL ? f->seems : other->path;
        } else {
            f->at = other->path;
            f->disk = other->content;
            other->taken = true;
        }
    }
}

csvc_code update_find_moved(project *p, update_file *files, size_t n_files, const bool *searched,
                            csvc_error *err)
{
    search s = {.p = p, .files = files, .n_files = n_files};
    size_t n = 0;

    for (size_t i = 0; i < n_files; i++) {
        n += searched[i] ? 1 : 0;
    }
    if (n == 0) {
        return CSVC_OK;
    }
    walk(&s, "", 0);
    if (n > 0 && s.len > (64u << 20) / n / sizeof(pair)) {
        return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED,
                              "%zu files are missing, and %zu others are too many to look for them "
                              "in",
                              n, s.len);
    }
    match(&s, searched, n);
    return CSVC_OK;
}
