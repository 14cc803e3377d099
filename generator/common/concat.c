/* common/concat.c: texts put together. */
#include "common/concat.h"

#include <string.h>

#include "base/banned.h"

char *gen_concat_n(csvc_arena *a, const char *const *parts, size_t n)
{
    size_t len = 0;
    char *text;
    char *at;

    for (size_t i = 0; i < n; i++) {
        if (parts[i] == NULL) {
            return NULL;
        }
        len += strlen(parts[i]);
    }
    text = csvc_arena_alloc(a, len + 1);
    if (text == NULL) {
        return NULL;
    }
    at = text;
    for (size_t i = 0; i < n; i++) {
        const size_t part = strlen(parts[i]);

        memcpy(at, parts[i], part);
        at += part;
    }
    *at = '\0';
    return text;
}
