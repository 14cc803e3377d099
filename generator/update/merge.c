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

static bool has_crlf_throughout(csvc_bytes text)
{
    size_t lines = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n') {
            lines++;
            if (i == 0 || text.data[i - 1] != '\r') {
                return false;
            }
        }
    }
    return lines > 0;
}

csvc_bytes update_line_ends(csvc_arena *a, csvc_bytes text, csvc_bytes like)
{
    size_t lines = 0;
    uint8_t *to;
    size_t len = 0;

    if (text.data == NULL || !has_crlf_throughout(like) || has_crlf_throughout(text)) {
        return text;
    }
    for (size_t i = 0; i < text.len; i++) {
        lines += text.data[i] == '\n' ? 1 : 0;
    }
    to = cli_must(csvc_arena_alloc(a, text.len + lines + 1));
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n') {
            to[len++] = '\r';
        }
        to[len++] = text.data[i];
    }
    to[len] = '\0';
    return (csvc_bytes){.len = len, .data = to};
}

/* ---- merging ---- */

static git_merge_file_input input(csvc_bytes text)
{
    git_merge_file_input in = GIT_MERGE_FILE_INPUT_INIT;

    in.ptr = (const char *)text.data;
    in.size = text.len;
    return in;
}

csvc_code update_merge(csvc_arena *a, csvc_bytes base, csvc_bytes yours, csvc_bytes ours,
                       csvc_bytes *ret_merged, bool *ret_conflict, csvc_error *err)
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
