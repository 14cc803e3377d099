/* tests/interop/flags.c: see the header. */
#include "flags.h"

#include <stdio.h>
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
