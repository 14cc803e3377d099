/* merge.c: texts against texts, by libgit2's merge. */
#include "merge.h"

#include <stdlib.h>
#include <string.h>

#include <csvc/alloc.h>
#include <git2.h>

#include "base/map.h"
#include "console/say.h"

#include "base/banned.h"

enum {
    MAX_LINES = 100000 /* that are compared for likeness */
};

bool update_same(csvc_bytes x, csvc_bytes y)
{
    return x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
}

/* ---- line ends ---- */

typedef struct line_ends {
    size_t lf, crlf;
} line_ends;

static line_ends count_ends(csvc_bytes text)
{
    line_ends n = {0};

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n') {
            *(i > 0 && text.data[i - 1] == '\r' ? &n.crlf : &n.lf) += 1;
        }
    }
    return n;
}

static bool has_crlf_throughout(csvc_bytes text)
{
    line_ends n = count_ends(text);

    return n.crlf > 0 && n.lf == 0;
}

/* All lines to one end. */
static csvc_bytes with_ends(csvc_arena *a, csvc_bytes text, bool crlf)
{
    line_ends n = count_ends(text);
    uint8_t *to = cli_must(csvc_arena_alloc(a, text.len + n.lf + 1));
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n') {
            len -= len > 0 && to[len - 1] == '\r' ? 1 : 0;
            if (crlf) {
                to[len++] = '\r';
            }
        }
        to[len++] = text.data[i];
    }
    to[len] = '\0';
    return (csvc_bytes){.len = len, .data = to};
}

csvc_bytes update_line_ends(csvc_arena *a, csvc_bytes text, csvc_bytes like)
{
    return text.data == NULL || !has_crlf_throughout(like) || has_crlf_throughout(text)
               ? text
               : with_ends(a, text, true);
}

/* ---- merging ---- */

static git_merge_file_input input(csvc_bytes text)
{
    git_merge_file_input in = GIT_MERGE_FILE_INPUT_INIT;

    in.ptr = (const char *)text.data;
    in.size = text.len;
    return in;
}

static csvc_code merge(csvc_arena *a, csvc_bytes base, csvc_bytes yours, csvc_bytes ours,
                       bool any_end, csvc_bytes *ret_merged, bool *ret_conflict, csvc_error *err)
{
    git_merge_file_options options = GIT_MERGE_FILE_OPTIONS_INIT;
    git_merge_file_input in_base = input(base);
    git_merge_file_input in_yours = input(yours);
    git_merge_file_input in_ours = input(ours);
    git_merge_file_result result = {0};
    csvc_code code = CSVC_OK;

    options.ancestor_label = "base";
    options.our_label = "yours";
    options.their_label = "c-svc " CSVC_VERSION;
    options.flags = GIT_MERGE_FILE_STYLE_DIFF3;
    options.flags |= any_end ? GIT_MERGE_FILE_IGNORE_WHITESPACE_EOL : 0;
    (void)git_libgit2_init();
    if (git_merge_file(&result, &in_base, &in_yours, &in_ours, &options) != 0) {
        const git_error *why = git_error_last();

        code = csvc_error_set(err, CSVC_INTERNAL, "cannot merge: %s",
                              why != NULL ? why->message : "libgit2 does not say why");
    } else {
        char *text = cli_must(csvc_arena_alloc(a, result.len + 1));

        if (result.len > 0) {
            memcpy(text, result.ptr, result.len);
        }
        text[result.len] = '\0';
        *ret_merged = (csvc_bytes){.len = result.len, .data = (const uint8_t *)text};
        *ret_conflict = !result.automergeable;
        git_merge_file_result_free(&result);
    }
    (void)git_libgit2_shutdown();
    return code;
}

/* Two texts with a heading that they do not have in common: whatever is below it, neither is the
 * other one unchanged, for which a merge would take a short cut. */
static csvc_bytes headed(csvc_arena *a, const char *heading, csvc_bytes text)
{
    size_t len = strlen(heading);
    uint8_t *to = cli_must(csvc_arena_alloc(a, len + text.len + 1));

    memcpy(to, heading, len);
    if (text.len > 0) {
        memcpy(to + len, text.data, text.len);
    }
    to[len + text.len] = '\0';
    return (csvc_bytes){.len = len + text.len, .data = to};
}

static bool is_ended(csvc_bytes text)
{
    return text.len == 0 || text.data[text.len - 1] == '\n';
}

/* The last line gets an end, too. */
static csvc_bytes ended(csvc_arena *a, csvc_bytes text, const char *end)
{
    size_t len = strlen(end);
    uint8_t *to = cli_must(csvc_arena_alloc(a, text.len + len + 1));

    if (is_ended(text)) {
        return text;
    }
    memcpy(to, text.data, text.len);
    memcpy(to + text.len, end, len + 1);
    return (csvc_bytes){.len = text.len + len, .data = to};
}

/* Its last line has none. */
static csvc_bytes unended(csvc_arena *a, csvc_bytes text)
{
    size_t len = text.len;

    len -= len > 0 && text.data[len - 1] == '\n' ? 1 : 0;
    len -= len < text.len && len > 0 && text.data[len - 1] == '\r' ? 1 : 0;
    return (csvc_bytes){
        .len = len,
        .data = (const uint8_t *)cli_must(csvc_arena_strndup(a, (const char *)text.data, len))};
}

/*
 * `merged` has one end throughout; its lines that are in `yours` get the ends they have there. That
 * is a merge as well: of what became of `yours` into it, where nothing but ends was changed, and of
 * lines that differ in nothing else the ones in `yours` are taken. A last line without an end may
 * have come to stand before others, so it has one meanwhile.
 */
static csvc_code give_ends_back(csvc_arena *a, csvc_bytes yours, csvc_bytes plain,
                                csvc_bytes merged, const char *end, csvc_bytes *ret_merged,
                                csvc_error *err)
{
    static const char was[] = "\001\n\001 was\n\001 1\n\001 2\n\001 3\n";
    static const char is[] = "\001\n\001 is.\n\001 1\n\001 2\n\001 3\n";
    csvc_bytes out = {0};
    bool conflict = false;
    csvc_code code =
        merge(a, headed(a, was, ended(a, plain, "\n")), headed(a, is, ended(a, yours, end)),
              headed(a, was, ended(a, merged, end)), true, &out, &conflict, err);

    if (code == CSVC_OK && (conflict || out.len < strlen(is))) {
        code =
            csvc_error_set(err, CSVC_INTERNAL, "cannot merge a file with line ends of two kinds");
    }
    if (code == CSVC_OK) {
        const size_t head = strlen(is);

        *ret_merged = (csvc_bytes){.len = out.len - head, .data = out.data + head};
        *ret_merged = is_ended(merged) ? *ret_merged : unended(a, *ret_merged);
    }
    return code;
}

csvc_code update_merge(csvc_arena *a, csvc_bytes base, csvc_bytes yours, csvc_bytes ours,
                       csvc_bytes *ret_merged, bool *ret_conflict, csvc_error *err)
{
    line_ends ends = count_ends(yours);
    csvc_bytes plain;
    csvc_bytes merged = {0};
    csvc_code code;

    if (ends.crlf + count_ends(base).crlf + count_ends(ours).crlf == 0) {
        return merge(a, base, yours, ours, false, ret_merged, ret_conflict, err);
    }
    plain = with_ends(a, yours, false);
    code = merge(a, with_ends(a, base, false), plain, with_ends(a, ours, false), false, &merged,
                 ret_conflict, err);
    if (code == CSVC_OK) { /* new lines get the end that most have */
        const bool crlf = ends.crlf > ends.lf;

        merged = with_ends(a, merged, crlf);
        code = give_ends_back(a, yours, plain, merged, crlf ? "\r\n" : "\n", ret_merged, err);
    }
    return code;
}

size_t update_marker_line(csvc_bytes text)
{
    size_t line = 1;

    for (size_t i = 0; i + 8 <= text.len; i++) {
        bool begins = i == 0 || text.data[i - 1] == '\n';

        if (begins && (memcmp(text.data + i, "<<<<<<< ", 8) == 0 ||
                       memcmp(text.data + i, "||||||| ", 8) == 0 ||
                       memcmp(text.data + i, ">>>>>>> ", 8) == 0)) {
            return line;
        }
        line += text.data[i] == '\n' ? 1 : 0;
    }
    return 0;
}

/* ---- likeness ---- */

static int by_number(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x;
    uint64_t b = *(const uint64_t *)y;

    return a < b ? -1 : a > b ? 1 : 0;
}

/* The hashes of the lines, without the blanks around them, sorted. */
static uint64_t *line_hashes(csvc_bytes text, size_t *ret_n)
{
    const char *at = (const char *)text.data;
    const char *end = at + text.len;
    uint64_t *hashes;
    size_t n = 0;
    size_t lines = 1;

    for (size_t i = 0; i < text.len; i++) {
        lines += text.data[i] == '\n' ? 1 : 0;
    }
    lines = lines < MAX_LINES ? lines : MAX_LINES;
    hashes = cli_must(csvc__malloc(lines * sizeof(*hashes)));
    while (at < end && n < lines) {
        const char *line = at;
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        stop = stop != NULL ? stop : end;
        at = stop < end ? stop + 1 : end;
        while (line < stop && strchr(" \t\r", *line) != NULL) {
            line++;
        }
        while (stop > line && strchr(" \t\r", stop[-1]) != NULL) {
            stop--;
        }
        if (stop > line) {
            hashes[n++] = csvc__hash(line, (size_t)(stop - line));
        }
    }
    qsort(hashes, n, sizeof(*hashes), by_number);
    *ret_n = n;
    return hashes;
}

unsigned update_likeness(csvc_bytes x, csvc_bytes y)
{
    size_t n_x = 0;
    size_t n_y = 0;
    uint64_t *of_x = line_hashes(x, &n_x);
    uint64_t *of_y = line_hashes(y, &n_y);
    size_t same = 0;

    for (size_t i = 0, k = 0; i < n_x && k < n_y;) {
        if (of_x[i] == of_y[k]) {
            same++;
            i++;
            k++;
        } else if (of_x[i] < of_y[k]) {
            i++;
        } else {
            k++;
        }
    }
    csvc__free(of_x);
    csvc__free(of_y);
    return n_x + n_y > 0 ? (unsigned)(200 * same / (n_x + n_y)) : 0;
}
