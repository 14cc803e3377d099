/* say.c: messages, and the small helpers that end the program when memory is short. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/edits.h"

#include "base/banned.h"

void cli_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("c-svc: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void cli_hint(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("       ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void cli_status(const char *word, const char *path)
{
    printf("  %-6s  %s\n", word, path);
}

void *cli_must(const void *memory)
{
    if (memory == NULL) {
        cli_error("out of memory");
        exit(CLI_FAILED);
    }
    return (void *)(uintptr_t)memory;
}

char *cli_printf(csvc_arena *a, const char *format, ...)
{
    csvc__buffer text;
    va_list args;
    char *copy;

    csvc__buffer_init(&text, 1 << 20);
    va_start(args, format);
    csvc__buffer_vprintf(&text, format, args);
    va_end(args);
    copy = csvc__buffer_ok(&text)
               ? csvc_arena_strndup(a, text.data != NULL ? text.data : "", text.len)
               : NULL;
    csvc__buffer_release(&text);
    return cli_must(copy);
}

void *cli_grown(csvc_arena *a, void *items, size_t len, size_t *max, size_t size)
{
    const size_t before = *max;

    if (len < before) {
        return items;
    }
    *max = before > 0 ? 2 * before : 16;
    return cli_must(csvc__arena_resize(a, items, before * size, *max * size));
}

void cli_list_add(csvc_arena *a, cli_list *list, const char *item)
{
    list->items = cli_grown(a, list->items, list->len, &list->max, sizeof(*list->items));
    list->items[list->len++] = item;
}

bool cli_list_has(const cli_list *list, const char *item)
{
    for (size_t i = 0; i < list->len; i++) {
        if (strcmp(list->items[i], item) == 0) {
            return true;
        }
    }
    return false;
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

void cli_list_sort(cli_list *list)
{
    if (list->len > 1) {
        qsort(list->items, list->len, sizeof(*list->items), by_text);
    }
}

const char *cli_list_join(csvc_arena *a, const cli_list *list, const char *between)
{
    csvc__buffer text;
    const char *joined;

    csvc__buffer_init(&text, 16 << 20);
    for (size_t i = 0; i < list->len; i++) {
        csvc__buffer_puts(&text, i > 0 ? between : "");
        csvc__buffer_puts(&text, list->items[i]);
    }
    joined = csvc__buffer_ok(&text)
                 ? csvc_arena_strndup(a, text.data != NULL ? text.data : "", text.len)
                 : NULL;
    csvc__buffer_release(&text);
    return cli_must(joined);
}

const char *cli_nearest(const char *word, const char *const *names, size_t n_names)
{
    const char *nearest = NULL;
    size_t least = strlen(word) / 3 + 2; /* a third of it may be wrong */

    for (size_t i = 0; i < n_names; i++) {
        size_t d = csvc__edits(word, names[i]);
        bool begins = strlen(word) >= 3 && strncmp(word, names[i], strlen(word)) == 0;

        d = begins && d > 1 ? 1 : d;
        if (d < least && d < strlen(names[i])) {
            least = d;
            nearest = names[i];
        }
    }
    return nearest;
}
