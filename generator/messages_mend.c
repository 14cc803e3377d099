/*
 * messages_mend.c: the names of renamed fields in protoc-gen-c's output.
 *
 * A field `errno` is handed on as `errno_`, so that the member is called so. Its name in the
 * descriptor must still be that of the .proto: that string is put back in place, and the list of
 * indices that is sorted by name is written again.
 */
#include "messages_parts.h"

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
} mending;

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
    char *mark = csvc_arena_printf(m->a, "ProtobufCFieldDescriptor %s__field_descriptors[",
                                   message->c_lower);

    if (mark == NULL || !pass(m, mark)) {
        return false;
    }
    for (size_t i = 0; i < message->n_fields; i++) {
        const gen_field *field = message->by_number[i];
        const char *end;

        if (!field->renamed) {
            continue;
        }
        mark = csvc_arena_printf(m->a, "    \"%s", field->name);
        if (mark == NULL || !pass(m, mark)) {
            return false;
        }
        /* What follows is `_",`, a newline and the number, or this is another field's name. */
        mark = csvc_arena_printf(m->a, "_\",\n    %u,\n", (unsigned)field->number);
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
    mark = csvc_arena_printf(m->a, "unsigned %s__field_indices_by_name[] = {\n", message->c_lower);
    if (mark == NULL || !pass(m, mark) || !put_index(m->a, message, m->out)) {
        return false;
    }
    m->at = strstr(m->at, "};\n");
    return m->at != NULL;
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

csvc_code gen_mend_names(csvc_arena *a, const gen_file *file, const char **text, csvc_error *err)
{
    csvc__buffer out;
    mending m = {.a = a, .at = *text, .out = &out};
    csvc_code code = CSVC_OK;
    bool ok;

    if (!any_renamed(file) || strstr(*text, "__field_descriptors[") == NULL) {
        return CSVC_OK;
    }
    csvc__buffer_init(&out, MAX_TEXT);
    ok = mend_messages(&m, file->messages, file->n_messages);
    if (ok) {
        csvc__buffer_puts(&out, m.at);
    }
    if (!csvc__buffer_ok(&out)) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    } else if (!ok) {
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
