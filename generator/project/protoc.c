/* protoc.c: runs protoc, and reads its complaints. */
#include "protoc.h"

#include <string.h>
#include <unistd.h>

#include "files.h"

#include "base/banned.h"

const char *protoc_own_folder(csvc_arena *a)
{
    char program[4096];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    const char *folder;

    if (len <= 0) {
        return NULL;
    }
    program[len] = '\0';
    folder = files_folder(a, files_folder(a, program)); /* bin/c-svc */
    folder = cli_printf(a, "%s/share/c-svc/proto", folder);
    return files_exists(cli_printf(a, "%s/c_svc/options.proto", folder)) ? folder : NULL;
}

const char *protoc_own_page(csvc_arena *a, const char *name)
{
    const char *own = protoc_own_folder(a); /* share/c-svc/proto */
    const char *page =
        own != NULL ? cli_printf(a, "%s/doc/c-svc/%s", files_folder(a, files_folder(a, own)), name)
                    : NULL;

    return page != NULL && files_exists(page) ? page : cli_printf(a, "docs/%s", name);
}

/* Whether `at` begins with `:LINE:COLUMN: `; how long that is. */
static size_t place_length(const char *at)
{
    size_t len = 0;

    for (int i = 0; i < 2; i++) {
        size_t digits = at[len] == ':' ? strspn(at + len + 1, "0123456789") : 0;

        if (digits == 0) {
            return 0;
        }
        len += 1 + digits;
    }
    return at[len] == ':' && at[len + 1] == ' ' ? len + 2 : 0;
}

typedef struct sources {
    csvc_arena *a;
    const cli_list *folders;
    const protoc_file *files;
    size_t n_files;
} sources;

/* protoc names files as they are imported; a reader wants their paths. */
static const char *shown_path(const sources *s, const char *name)
{
    const char *path;

    for (size_t i = 0; i < s->n_files; i++) {
        if (strcmp(s->files[i].name, name) == 0) {
            return s->files[i].path;
        }
    }
    path = protoc_find(s->a, s->folders, name);
    return path != NULL ? path : name;
}

/* protoc's `file:line:col: text` with the severity put in, as compilers write it. */
static void add_line(const sources *s, csvc__buffer *b, const char *line, size_t len)
{
    static const char warning[] = "warning: ";

    for (size_t i = 0; i + 1 < len; i++) {
        size_t place = place_length(line + i);
        size_t skip = place > 0 ? place : 2;
        bool is_end = place > 0 || (line[i] == ':' && line[i + 1] == ' ');

        if (is_end && i + skip < len) {
            const char *text = line + i + skip;
            size_t text_len = len - i - skip;
            bool has_severity =
                text_len >= sizeof(warning) - 1 && memcmp(text, warning, sizeof(warning) - 1) == 0;

            csvc__buffer_puts(b, shown_path(s, cli_must(csvc_arena_strndup(s->a, line, i))));
            csvc__buffer_add(b, line + i, skip);
            csvc__buffer_puts(b, has_severity ? "" : "error: ");
            csvc__buffer_add(b, text, text_len);
            csvc__buffer_putc(b, '\n');
            return;
        }
    }
    csvc__buffer_add(b, line, len);
    csvc__buffer_putc(b, '\n');
}

static const char *read_complaints(const sources *s, csvc_bytes said)
{
    const char *at = (const char *)said.data;
    csvc__buffer b;
    const char *text;

    csvc__buffer_init(&b, GEN_PROCESS_MAX_OUTPUT);
    while (*at != '\0') {
        size_t len = strcspn(at, "\n");

        if (len > 0) {
            add_line(s, &b, at, len);
        }
        at += len + (at[len] == '\n' ? 1 : 0);
    }
    text =
        csvc__buffer_ok(&b) ? csvc_arena_strndup(s->a, b.data != NULL ? b.data : "", b.len) : NULL;
    csvc__buffer_release(&b);
    return cli_must(text);
}

csvc_code protoc_compile(csvc_arena *a, const cli_list *folders, const protoc_file *files,
                         size_t n_files, csvc_bytes *ret_set, const char **ret_said,
                         csvc_error *err)
{
    const sources given = {a, folders, files, n_files};
    const char *own = protoc_own_folder(a);
    gen_process_result result;
    cli_list argv = {0};
    csvc_code code;

    cli_list_add(a, &argv, "protoc");
    /* Its output is a pipe of ours: nothing to clean up. */
    cli_list_add(a, &argv, "--descriptor_set_out=/dev/stdout");
    cli_list_add(a, &argv, "--include_imports");
    cli_list_add(a, &argv, "--include_source_info");
    for (size_t i = 0; i < folders->len; i++) {
        cli_list_add(a, &argv, cli_printf(a, "-I%s", folders->items[i]));
    }
    if (own != NULL) {
        cli_list_add(a, &argv, cli_printf(a, "-I%s", own));
    }
    for (size_t i = 0; i < n_files; i++) {
        cli_list_add(a, &argv, files[i].path);
    }
    cli_list_add(a, &argv, NULL);
    code = cli_run(a, argv.items, &result, err);
    if (code != CSVC_OK) {
        return code;
    }
    *ret_said = read_complaints(&given, result.err);
    if (result.exit_code != 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "protoc refused the protos");
    }
    *ret_set = result.out;
    return CSVC_OK;
}

const char *protoc_find(csvc_arena *a, const cli_list *folders, const char *name)
{
    const char *own;

    for (size_t i = 0; i < folders->len; i++) {
        const char *path = files_join(a, folders->items[i], name);

        if (files_exists(path)) {
            return path;
        }
    }
    own = protoc_own_folder(a);
    if (own != NULL && files_exists(cli_printf(a, "%s/%s", own, name))) {
        return cli_printf(a, "%s/%s", own, name);
    }
    return NULL;
}
