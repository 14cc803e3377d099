/* app/cli_json.c: messages given as JSON, and files. */
#include <app/cli.h>
#include <base/buffer.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

enum {
    MAX_FILE = 32 << 20
};

csvc_code csvc__cli_file(csvc_arena *a, const char *path, csvc_bytes *ret_bytes, csvc_error *err)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    csvc__buffer content;
    char piece[4096];
    size_t got;
    csvc_code code = CSVC_OK;
    char *copy;

    if (file == NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "a file that can be read: %s: %s", path,
                              strerror(errno));
    }
    csvc__buffer_init(&content, MAX_FILE);
    do {
        got = fread(piece, 1, sizeof(piece), file);
        csvc__buffer_add(&content, piece, got);
    } while (got == sizeof(piece) && csvc__buffer_ok(&content));
    if (ferror(file)) {
        code = csvc_error_set(err, CSVC_INVALID_ARGUMENT, "a file that can be read: %s", path);
    } else if (!csvc__buffer_ok(&content)) {
        code = csvc_error_set(err, CSVC_INVALID_ARGUMENT, "a file of at most 32 MiB: %s", path);
    } else {
        copy = csvc_arena_strndup(a, content.len > 0 ? content.data : "", content.len);
        if (copy == NULL) {
            code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        } else {
            *ret_bytes = (csvc_bytes){content.len, (const uint8_t *)copy};
        }
    }
    csvc__buffer_release(&content);
    if (!is_stdin) {
        (void)fclose(file);
    }
    return code;
}

csvc_code csvc__cli_json(csvc_arena *a, const csvc_message_type *type, const char *text,
                         void **ret_message, csvc_error *err)
{
    csvc_bytes json = {strlen(text), (const uint8_t *)text};
    csvc_error why = {CSVC_ERROR_INIT};
    csvc_code code = CSVC_OK;

    if (text[0] == '@') {
        code = csvc__cli_file(a, text + 1, &json, err);
    }
    if (code != CSVC_OK) {
        return code;
    }
    code = csvc_json_read(a, type, (const char *)json.data, json.len, NULL, ret_message, &why);
    return code != CSVC_OK
               ? csvc_error_set(err, code, "JSON for %s: %s", type->descriptor->name, why.text)
               : CSVC_OK;
}
