/*
 * The template engine on any text. The input holds up to three templates, split at NUL bytes: "t",
 * then "a" and "b", which it may include. Whatever they hold, a render succeeds, or fails with a
 * sentence and leaves the output as it was; the second render says the same as the first.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "template/template.h"

enum {
    MAX_OUTPUT = 1 << 20
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char folder[64];

static void remove_folder(void)
{
    char path[80];

    for (const char *name = "tab"; *name != '\0'; name++) {
        (void)snprintf(path, sizeof(path), "%s/%c", folder, *name);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static void write_template(char name, const uint8_t *data, size_t len)
{
    char path[80];
    FILE *file;

    if (folder[0] == '\0') {
        (void)snprintf(folder, sizeof(folder), "%s/csvc-fuzz-XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        assert(mkdtemp(folder) != NULL);
        (void)atexit(remove_folder);
    }
    (void)snprintf(path, sizeof(path), "%s/%c", folder, name);
    file = fopen(path, "wb");
    assert(file != NULL && fwrite(data, 1, len, file) == len && fclose(file) == 0);
}

/* The names the corpus knows. */
static gen_value *make_scope(csvc_arena *a)
{
    gen_value *scope = gen_object(a);
    gen_value *list = gen_list(a);
    gen_value *words = gen_list(a);

    for (int i = 0; i < 3; i++) {
        gen_value *item = gen_object(a);

        gen_set_text(a, item, "n", i == 1 ? "x\ny\n\nz" : "n");
        gen_set_truth(a, item, "t", i == 0);
        gen_set(a, item, "w", words);
        gen_push(a, list, item);
        gen_push(a, words, gen_text(a, "w"));
    }
    gen_set(a, scope, "l", list);
    gen_set(a, scope, "w", words);
    gen_set(a, scope, "e", gen_list(a));
    gen_set_text(a, scope, "n", "name");
    gen_set_text(a, scope, "m", "\na\n\n");
    gen_set_truth(a, scope, "t", true);
    gen_set_number(a, scope, "z", 0);
    gen_set(a, scope, "o", gen_object(a));
    return scope;
}

/* Loops of three items within each other take 3^n rounds, which is the template's own doing. */
static bool loops_too_much(const uint8_t *data, size_t len)
{
    int n = 0;

    for (size_t i = 0; i + 5 <= len; i++) {
        n += memcmp(data + i, "@each", 5) == 0;
    }
    return n > 9;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *folders[] = {NULL, NULL};
    gen_templates templates = {.folders = folders};
    csvc_arena *a;
    csvc__buffer out[2];
    csvc_code codes[2];
    const uint8_t *end = data + len;

    if (loops_too_much(data, len)) {
        return 0;
    }
    a = csvc_arena_new(0);
    assert(a != NULL);
    for (const char *name = "tab"; *name != '\0'; name++) {
        const uint8_t *stop = len > 0 ? memchr(data, '\0', (size_t)(end - data)) : NULL;

        stop = stop != NULL && name[1] != '\0' ? stop : end;
        write_template(*name, data, (size_t)(stop - data));
        data = stop < end ? stop + 1 : end;
    }
    folders[0] = folder;
    for (int i = 0; i < 2; i++) {
        csvc_error err = {CSVC_ERROR_INIT};

        csvc__buffer_init(&out[i], MAX_OUTPUT);
        csvc__buffer_puts(&out[i], "!");
        codes[i] = gen_render(&templates, "t", make_scope(a), &out[i], &err);
        if (codes[i] != CSVC_OK) {
            assert(codes[i] == err.code && err.text[0] != '\0');
            assert(out[i].len == 1 && out[i].data[0] == '!');
        }
    }
    assert(codes[0] == codes[1] && out[0].len == out[1].len);
    assert(memcmp(out[0].data, out[1].data, out[0].len) == 0);
    csvc__buffer_release(&out[0]);
    csvc__buffer_release(&out[1]);
    (void)csvc_arena_free(a);
    return 0;
}
