/*
 * journal.c: what an update is about to do, in .c-svc/update/journal.
 *
 *     c-svc update 1
 *     folder gen/new
 *     write WAS BECOMES gen/new/user.csvc.h
 *     remove WAS - gen/user.csvc.h
 *     end SHA-256 of all above
 *
 * WAS and BECOMES are SHA-256, or `-` for no file. The n-th file, from 0, has its new content in
 * n.new until that is moved into place, and what it replaces in n.old. The journal is
 * written and synced under another name and then renamed: there is never half of one.
 */
#include "steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "project/files.h"

#include "base/banned.h"

#define FIRST_LINE "c-svc update "
#define FORMAT     1

csvc_code update__sync(const char *path, csvc_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    csvc_code code = CSVC_OK;

    if (fd < 0) {
        return files_failed(err, "open", path);
    }
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP) {
        code = files_failed(err, "write", path);
    }
    close(fd);
    return code;
}

/* ---- writing ---- */

static const char *or_dash(const char *hash)
{
    return hash[0] != '\0' ? hash : "-";
}

static csvc_code put_file(const char *path, csvc_bytes content, csvc_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    csvc_code code;

    if (fd < 0) {
        return files_failed(err, "write", path);
    }
    code = files_write_all(fd, path, content, err);
    if (code == CSVC_OK && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP) {
        code = files_failed(err, "write", path);
    }
    if (close(fd) != 0 && code == CSVC_OK) {
        code = files_failed(err, "write", path);
    }
    return code;
}

csvc_code update__journal_write(csvc_arena *a, const char *root, const update_steps *steps,
                                csvc_error *err)
{
    const char *journal = files_join(a, root, UPDATE_JOURNAL);
    const char *unfinished = cli_printf(a, "%s.new", journal);
    char sum[SHA256_HEX];
    csvc__buffer b;
    csvc_code code;

    csvc__buffer_init(&b, UPDATE_MAX_JOURNAL);
    csvc__buffer_printf(&b, FIRST_LINE "%d\n", FORMAT);
    for (size_t i = 0; i < steps->folders.len; i++) {
        csvc__buffer_printf(&b, "folder %s\n", steps->folders.items[i]);
    }
    for (size_t i = 0; i < steps->len; i++) {
        const update_step *step = &steps->items[i];

        csvc__buffer_printf(&b, "%s %s %s %s\n", step->removes ? "remove" : "write",
                            or_dash(step->was), or_dash(step->becomes), step->place);
    }
    sha256_hex((csvc_bytes){.len = b.len, .data = (const uint8_t *)b.data}, sum);
    csvc__buffer_printf(&b, "end %s\n", sum);
    code =
        csvc__buffer_ok(&b)
            ? put_file(unfinished, (csvc_bytes){.len = b.len, .data = (const uint8_t *)b.data}, err)
            : csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    csvc__buffer_release(&b);
    /* What the journal speaks of is on the disk before the journal is, and that before it counts.
     */
    code = code == CSVC_OK ? update__sync(files_join(a, root, UPDATE_STAGING), err) : code;
    code = code == CSVC_OK ? update__sync(files_join(a, root, UPDATE_HOME), err) : code;
    code = code == CSVC_OK ? update__sync(update__folder(a, root, "."), err) : code;
    if (code == CSVC_OK && rename(unfinished, journal) != 0) {
        code = files_failed(err, "write", journal);
    }
    return code == CSVC_OK ? update__sync(files_join(a, root, UPDATE_STAGING), err) : code;
}

/* ---- reading ---- */

static csvc_code damaged(csvc_arena *a, const char *root, csvc_error *err)
{
    return csvc_error_set(
        err, CSVC_DATA_LOSS,
        "%s: is damaged, so the interrupted update it tells of cannot be finished nor taken back; "
        "%s holds new files (N.new) and replaced ones (N.old): see what the project lacks, then "
        "remove that folder",
        files_join(a, root, UPDATE_JOURNAL), files_join(a, root, UPDATE_STAGING));
}

/* The next word of a line, NUL-terminated; the rest is the last one. */
static char *take_word(char **at)
{
    char *word = *at;
    char *blank = strchr(word, ' ');

    if (blank == NULL) {
        return NULL;
    }
    *blank = '\0';
    *at = blank + 1;
    return word;
}

static bool take_hash(char **at, char ret_hash[SHA256_HEX])
{
    const char *word = take_word(at);
    size_t len = word != NULL ? strlen(word) : 0;

    if (len != SHA256_HEX - 1 && (len != 1 || word[0] != '-')) {
        return false;
    }
    memcpy(ret_hash, len == 1 ? "" : word, len == 1 ? 1 : len + 1);
    return true;
}

static bool take_line(csvc_arena *a, char *line, update_steps *steps)
{
    const char *what = take_word(&line);
    update_step step = {0};

    if (what == NULL) {
        return false;
    }
    if (strcmp(what, "folder") == 0) {
        cli_list_add(a, &steps->folders, line);
        return update__is_place(line) && steps->folders.len <= UPDATE_MAX_STEPS;
    }
    step.removes = strcmp(what, "remove") == 0;
    if ((!step.removes && strcmp(what, "write") != 0) || !take_hash(&line, step.was) ||
        !take_hash(&line, step.becomes) || !update__is_place(line) ||
        steps->len >= UPDATE_MAX_STEPS) {
        return false;
    }
    step.path = step.place = line;
    update__add_step(a, steps, step);
    return true;
}

csvc_code update__journal_read(csvc_arena *a, const char *root, update_steps *ret_steps,
                               csvc_error *err)
{
    const char *path = files_join(a, root, UPDATE_JOURNAL);
    update_steps steps = {0};
    char sum[SHA256_HEX];
    csvc_bytes text;
    char *at;
    char *end;
    long format;
    csvc_code code = files_read(a, path, UPDATE_MAX_JOURNAL, &text, err);

    if (code != CSVC_OK) {
        return code;
    }
    at = cli_must(csvc_arena_strndup(a, (const char *)text.data, text.len));
    if (strlen(at) != text.len || strncmp(at, FIRST_LINE, strlen(FIRST_LINE)) != 0) {
        return damaged(a, root, err);
    }
    format = strtol(at + strlen(FIRST_LINE), &end, 10);
    if (format > FORMAT && *end == '\n') {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "%s: an update of a newer c-svc was interrupted here; run that one "
                              "again",
                              path);
    }
    end =
        format == FORMAT && *end == '\n' && at[text.len - 1] == '\n' ? strstr(at, "\nend ") : NULL;
    if (end == NULL) {
        return damaged(a, root, err);
    }
    sha256_hex((csvc_bytes){.len = (size_t)(end + 1 - at), .data = text.data}, sum);
    if (strlen(end) != strlen("\nend ") + SHA256_HEX ||
        strncmp(end + strlen("\nend "), sum, SHA256_HEX - 1) != 0) {
        return damaged(a, root, err);
    }
    end[1] = '\0';
    for (char *line = strchr(at, '\n') + 1; *line != '\0';) {
        char *next = strchr(line, '\n');

        *next = '\0';
        if (!take_line(a, line, &steps)) {
            return damaged(a, root, err);
        }
        line = next + 1;
    }
    *ret_steps = steps;
    return CSVC_OK;
}
