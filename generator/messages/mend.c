/*
 * messages/mend.c: what has to be changed in protoc-gen-c's output.
 *
 * The INIT macros: the union of a oneof is initialised as {0}, which C++ refuses when its first
 * member is an enum, and of which compilers warn when that is a struct (bytes).
 *
 * The names of renamed fields: a field `errno` is handed on as `errno_`, so that the member is
 * called so. Its name in the descriptor must still be that of the .proto: that string is put back
 * in place, and the list of indices that is sorted by name is written again.
 */
#include "messages/mend.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#include "base/banned.h"

enum {
    MAX_TEXT = 1 << 30
};

static bool has_renamed(const gen_message *message)
{
    for (size_t i = 0; i < message->n_fields; i++) {
        if (message->fields[i]->renamed) {
            return true;
        }
    }
    return false;
}

static int by_name(const void *x, const void *y)
{
    const gen_field *const *a = x;
    const gen_field *const *b = y;

    return strcmp((*a)->name, (*b)->name);
}

/* What protoc-gen-c writes for the fields of a message by name, with the names as they are. */
static bool put_index(csvc_arena *a, const gen_message *message, csvc__buffer *out)
{
    gen_field **sorted = csvc_arena_calloc(a, message->n_fields, sizeof(gen_field *));

    if (sorted == NULL) {
        out->failed = true;
        return false;
    }
    memcpy(sorted, message->by_number, message->n_fields * sizeof(gen_field *));
    qsort(sorted, message->n_fields, sizeof(gen_field *), by_name);
    for (size_t i = 0; i < message->n_fields; i++) {
        csvc__buffer_printf(out, "  %u,   /* field[%u] = %s */\n", (unsigned)sorted[i]->index,
                            (unsigned)sorted[i]->index, sorted[i]->name);
    }
    return true;
}

typedef struct mending {
    csvc_arena *a;
    const char *at; /* what is not yet copied */
    csvc__buffer *out;
    bool is_other; /* not what protoc-gen-c 1.4 and 1.5 write: a later one may have mended it */
} mending;

static char *text_of(mending *m, const char *format, ...) CSVC_PRINTF(2, 3);

static char *text_of(mending *m, const char *format, ...)
{
    va_list args;
    int len;
    char *copy = NULL;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len >= 0) {
        copy = csvc_arena_alloc(m->a, (size_t)len + 1);
    }
    if (copy == NULL) {
        m->out->failed = true;
        return NULL;
    }
    va_start(args, format);
    (void)vsnprintf(copy, (size_t)len + 1, format, args);
    va_end(args);
    return copy;
}

/* Copies up to and with `mark`. False when it does not follow. */
static bool pass(mending *m, const char *mark)
{
    const char *found = strstr(m->at, mark);

    if (found == NULL) {
        return false;
    }
    found += strlen(mark);
    csvc__buffer_add(m->out, m->at, (size_t)(found - m->at));
    m->at = found;
    return true;
}

static bool mend_message(mending *m, const gen_message *message)
{
    char *mark = text_of(m, "ProtobufCFieldDescriptor %s__field_descriptors[", message->c_lower);

    if (mark == NULL || !pass(m, mark)) {
        return false;
    }
    for (size_t i = 0; i < message->n_fields; i++) {
        const gen_field *field = message->by_number[i];
        const char *end;

        if (!field->renamed) {
            continue;
        }
        mark = text_of(m, "    \"%s", field->name);
        if (mark == NULL || !pass(m, mark)) {
            return false;
        }
        /* What follows is `_",`, a newline and the number, or this is another field's name. */
        mark = text_of(m, "_\",\n    %u,\n", (unsigned)field->number);
        if (mark == NULL) {
            return false;
        }
        end = m->at;
        if (strncmp(end, mark, strlen(mark)) != 0) {
            i--; /* again, from here */
            continue;
        }
        m->at++;
    }
    mark = text_of(m, "unsigned %s__field_indices_by_name[] = {\n", message->c_lower);
    if (mark == NULL || !pass(m, mark) || !put_index(m->a, message, m->out)) {
        return false;
    }
    mark = strstr(m->at, "};\n");
    if (mark == NULL) {
        return false;
    }
    m->at = mark;
    return true;
}

/* In the order protoc-gen-c writes them: what is within comes first. */
static bool mend_messages(mending *m, gen_message *const *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!mend_messages(m, messages[i]->messages, messages[i]->n_messages) ||
            (has_renamed(messages[i]) && !mend_message(m, messages[i]))) {
            return false;
        }
    }
    return true;
}

static bool any_renamed(const gen_file *file)
{
    for (size_t i = 0; i < file->n_all_messages; i++) {
        if (has_renamed(file->all_messages[i])) {
            return true;
        }
    }
    return false;
}

/* ---- initialisers ---- */

static bool is_mended(const gen_oneof *oneof)
{
    const csvc_kind first = oneof->fields[0]->kind;

    return first == CSVC_KIND_BYTES || first == CSVC_KIND_ENUM;
}

static bool mend_init(mending *m, const gen_message *message)
{
    for (size_t i = 0; i < message->n_oneofs; i++) {
        const gen_oneof *oneof = &message->oneofs[i];
        const gen_field *first = oneof->fields[0];
        const char *found;
        char *mark;

        if (!is_mended(oneof)) {
            continue;
        }
        mark = text_of(m, ", %s__NOT_SET, {0}", oneof->c_prefix);
        found = mark != NULL ? strstr(m->at, mark) : NULL;
        if (found == NULL) {
            m->is_other = true;
            return false;
        }
        found += strlen(mark) - 2;
        csvc__buffer_add(m->out, m->at, (size_t)(found - m->at));
        m->at = found + 1;
        if (first->kind == CSVC_KIND_BYTES) {
            csvc__buffer_puts(m->out, "{0, NULL}");
        } else {
            csvc__buffer_printf(m->out, "(%s) 0", first->c_type);
        }
    }
    return true;
}

static bool mend_inits(mending *m, gen_message *const *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!mend_inits(m, messages[i]->messages, messages[i]->n_messages) ||
            !mend_init(m, messages[i])) {
            return false;
        }
    }
    return true;
}

static bool any_init(const gen_file *file)
{
    for (size_t i = 0; i < file->n_all_messages; i++) {
        const gen_message *message = file->all_messages[i];

        for (size_t j = 0; j < message->n_oneofs; j++) {
            if (is_mended(&message->oneofs[j])) {
                return true;
            }
        }
    }
    return false;
}

csvc_code gen_mend(csvc_arena *a, const gen_file *file, bool is_header, const char **text,
                   csvc_error *err)
{
    csvc__buffer out;
    mending m = {.a = a, .at = *text, .out = &out};
    csvc_code code = CSVC_OK;
    bool ok;

    if (is_header ? !any_init(file) : !any_renamed(file)) {
        return CSVC_OK;
    }
    csvc__buffer_init(&out, MAX_TEXT);
    ok = is_header ? mend_inits(&m, file->messages, file->n_messages)
                   : mend_messages(&m, file->messages, file->n_messages);
    csvc__buffer_puts(&out, m.at);
    if (!csvc__buffer_ok(&out)) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    } else if (!ok && !m.is_other) {
        code = csvc_error_set(err, CSVC_INTERNAL,
                              "%.200s: protoc-gen-c's output is not as expected, so fields with "
                              "names like `errno` cannot be had; please report this",
                              file->name);
    } else {
        *text = csvc_arena_strndup(a, out.data, out.len);
        if (*text == NULL) {
            code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
        }
    }
    csvc__buffer_release(&out);
    return code;
}
