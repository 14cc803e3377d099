/* template/load.c: finding a template, in folders first, then among the embedded ones. */
#include "template/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"

#include "base/banned.h"

enum {
    FIRST_READ = 16 * 1024
};

/* A path below the folder: "gen/csvc.h.tmpl", no "..", no "//", nothing absolute. */
static bool name_is_good(const char *name)
{
    const char *at = name;

    for (;;) {
        size_t len = strcspn(at, "/");

        if (len == 0 || (len == 1 && at[0] == '.') || (len == 2 && memcmp(at, "..", 2) == 0)) {
            return false;
        }
        if (at[len] == '\0') {
            return true;
        }
        at += len + 1;
    }
}

static csvc_code no_memory(csvc_error *err, const char *name)
{
    return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "%s: out of memory", name);
}

static csvc_code read_all(csvc_arena *a, FILE *file, const char *path, csvc_bytes *ret_text,
                          csvc_error *err)
{
    size_t size = FIRST_READ;
    size_t len = 0;
    char *text = csvc_arena_alloc(a, size);

    for (;;) {
        size_t n;
        char *larger;

        if (text == NULL) {
            return no_memory(err, path);
        }
        n = fread(text + len, 1, size - 1 - len, file);
        len += n;
        if (ferror(file)) {
            return csvc_error_set(err, CSVC_UNAVAILABLE, "%s: %s", path, strerror(errno));
        }
        if (len < size - 1) {
            break;
        }
        if (len > GEN_TEMPLATE_MAX_BYTES) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: larger than %d bytes", path,
                                  GEN_TEMPLATE_MAX_BYTES);
        }
        larger = csvc__arena_resize(a, text, size, size * 2);
        size *= 2;
        text = larger;
    }
    text[len] = '\0';
    *ret_text = (csvc_bytes){.len = len, .data = (const uint8_t *)text};
    return CSVC_OK;
}

static const gen_embedded *find_embedded(const char *name)
{
    size_t low = 0;
    size_t high = gen_n_embedded_templates;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(name, gen_embedded_templates[mid].name);

        if (order == 0) {
            return &gen_embedded_templates[mid];
        }
        if (order < 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return NULL;
}

csvc_code gen_template_load(csvc_arena *a, const gen_templates *templates, const char *name,
                            csvc_bytes *ret_text, csvc_error *err)
{
    const char *path;

    return gen_template_find(a, templates, name, ret_text, &path, err);
}

csvc_code gen_template_find(csvc_arena *a, const gen_templates *templates, const char *name,
                            csvc_bytes *ret_text, const char **ret_path, csvc_error *err)
{
    const char *const *folder = templates != NULL ? templates->folders : NULL;
    const gen_embedded *embedded;

    if (!name_is_good(name)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "%s: a template is named by its path below templates/", name);
    }
    for (; folder != NULL && *folder != NULL; folder++) {
        const char *path = csvc_arena_printf(a, "%s/%s", *folder, name);
        FILE *file;

        if (path == NULL) {
            return no_memory(err, name);
        }
        file = fopen(path, "rb");
        if (file != NULL) {
            csvc_code code = read_all(a, file, path, ret_text, err);

            (void)fclose(file);
            *ret_path = path;
            return code;
        }
        if (errno != ENOENT && errno != ENOTDIR) {
            return csvc_error_set(err, CSVC_UNAVAILABLE, "%s: %s", path, strerror(errno));
        }
    }
    embedded = find_embedded(name);
    if (embedded == NULL) {
        return csvc_error_set(err, CSVC_NOT_FOUND, "%s: there is no such template", name);
    }
    *ret_path = NULL;
    *ret_text = (csvc_bytes){.len = embedded->len, .data = (const uint8_t *)embedded->text};
    return CSVC_OK;
}
