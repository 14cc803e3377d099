/* names/lookup.c: lists of words, sorted. */
#include "names/words.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static int compare(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

bool gen_words_have(const char *const *list, size_t n, const char *name)
{
    return bsearch(name, list, n, sizeof(*list), compare) != NULL;
}

bool gen_words_sorted(const char *const *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (strcmp(list[i - 1], list[i]) >= 0) {
            return false;
        }
    }
    return true;
}
