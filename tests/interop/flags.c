/* tests/interop/flags.c: see the header. */
#include "flags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool flags_read(const flag *flags, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + (strncmp(argv[i], "--", 2) == 0 ? 2 : 0);
        const size_t len = strcspn(name, "=");
        const flag *f = flags;

        while (f->name != NULL && (strlen(f->name) != len || strncmp(f->name, name, len) != 0)) {
            f++;
        }
        if (name == argv[i] || f->name == NULL) {
            fprintf(stderr, "%s: no such flag: %s; there are", argv[0], argv[i]);
            for (f = flags; f->name != NULL; f++) {
                fprintf(stderr, " --%s", f->name);
            }
            fprintf(stderr, "\n");
            return false;
        }
        if (name[len] == '=') {
            *f->value = name + len + 1;
        } else if (i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0) {
            *f->value = argv[++i];
        } else {
            *f->value = "true";
        }
    }
    return true;
}

static bool refuse(const char *name, const char *value, const char *expected)
{
    fprintf(stderr, "--%s %s: %s expected\n", name, value, expected);
    return false;
}

bool flag_bool(const char *name, const char *value, bool *ret_value)
{
    const bool yes = strcmp(value, "true") == 0;

    if (!yes && strcmp(value, "false") != 0) {
        return refuse(name, value, "true or false");
    }
    *ret_value = yes;
    return true;
}

bool flag_uint32(const char *name, const char *value, uint32_t *ret_value)
{
    unsigned long number;
    char *end;

    errno = 0;
    number = strtoul(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || number > UINT32_MAX) {
        return refuse(name, value, "a number");
    }
    *ret_value = (uint32_t)number;
    return true;
}

const char *file_beside(const char *program, const char *file, char *ret_path, size_t size)
{
    const char *slash = strrchr(program, '/');

    (void)snprintf(ret_path, size, "%.*s%s", slash != NULL ? (int)(slash + 1 - program) : 0,
                   program, file);
    return ret_path;
}
