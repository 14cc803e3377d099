/* scope/file.c: a .proto file as templates see it: includes, descriptors, what is in it. */
#include "scope/parts.h"

#include <string.h>

#include "names/names.h"

#include "base/arena.h"

#include "base/banned.h"

/* ---- descriptors of files that have no set of their own here ---- */

/*
 * A file that only options use (google/api/annotations.proto) is not linked: nothing of it is
 * needed in C. Its descriptor is, by whoever asks for reflection, so it is embedded, with those of
 * the files it imports in turn. Whether a file is embedded depends on `uses` alone, never on what
 * else is generated in the same run, for buf runs the plugin once a folder.
 */
typedef struct embedding {
    csvc_arena *a;
    const gen_file *file; /* the one the scope is for */
    const gen_file **files;
    size_t n_files, max_files;
    gen_value *list; /* one object for each of files, imports first */
    bool ok;
} embedding;

static bool in_files(const gen_file *const *files, size_t n_files, const gen_file *wanted)
{
    for (size_t i = 0; i < n_files; i++) {
        if (files[i] == wanted) {
            return true;
        }
    }
    return false;
}

static bool is_linked(const embedding *e, const gen_file *file)
{
    return file == e->file ||
           in_files((const gen_file *const *)e->file->uses, e->file->n_uses, file);
}

static gen_value *symbols_of_imports(embedding *e, const gen_file *file)
{
    gen_value *symbols = gen_list(e->a);

    for (size_t i = 0; i < file->n_imports; i++) {
        const gen_file *import = file->imports[i];

        gen_push(e->a, symbols,
                 gen_text(e->a, csvc_arena_printf(e->a, "%s__%s", import->c_lower,
                                                  is_linked(e, import) ? "file" : "embedded")));
    }
    return symbols;
}

static void embed(embedding *e, const gen_file *file)
{
    gen_value *scope;

    if (is_linked(e, file) || in_files(e->files, e->n_files, file)) {
        return;
    }
    if (e->n_files == e->max_files) {
        size_t max = e->max_files > 0 ? e->max_files * 2 : 8;
        const gen_file **files =
            csvc__arena_resize(e->a, e->files, e->max_files * sizeof(*files), max * sizeof(*files));

        if (files == NULL) {
            e->ok = false;
            return;
        }
        e->files = files;
        e->max_files = max;
    }
    e->files[e->n_files++] = file; /* imports have no cycles; each file once */
    for (size_t i = 0; i < file->n_imports; i++) {
        embed(e, file->imports[i]);
    }
    scope = gen_object(e->a);
    gen_set_text(e->a, scope, "name", gen_comment_escape(e->a, file->name));
    gen_set_text(e->a, scope, "symbol", csvc_arena_printf(e->a, "%s__embedded", file->c_lower));
    gen_set_text(e->a, scope, "name_string", gen_c_string(e->a, file->name));
    gen_set_text(e->a, scope, "bytes", gen_c_bytes(e->a, file->descriptor));
    gen_set(e->a, scope, "imports", symbols_of_imports(e, file));
    gen_push(e->a, e->list, scope);
}

static void set_descriptors(csvc_arena *a, gen_value *scope, const gen_file *file)
{
    embedding e = {.a = a, .file = file, .list = gen_list(a), .ok = true};

    for (size_t i = 0; i < file->n_imports; i++) {
        embed(&e, file->imports[i]);
    }
    gen_set(a, scope, "embedded", e.ok ? e.list : NULL);
    gen_set_text(a, scope, "bytes", gen_c_bytes(a, file->descriptor));
    gen_set(a, scope, "imports", symbols_of_imports(&e, file));
}

/* ---- the file ---- */

static gen_value *scope_use(csvc_arena *a, const gen_file *file)
{
    gen_value *scope = gen_object(a);

    gen_set_text(a, scope, "header", csvc_arena_printf(a, "%s.csvc.h", file->base));
    gen_set_text(a, scope, "pb_header", csvc_arena_printf(a, "%s.pb-c.h", file->base));
    return scope;
}

static bool has_deprecated_field(const gen_message *message)
{
    for (size_t i = 0; i < message->n_fields; i++) {
        if (message->fields[i]->deprecated) {
            return true;
        }
    }
    return false;
}

gen_value *gen_scope_file(csvc_arena *a, const gen_file *file)
{
    const char *upper = gen_upper(a, file->c_lower);
    gen_value *scope = gen_object(a);
    gen_value *uses = gen_list(a);
    gen_value *messages = gen_list(a);
    gen_value *services = gen_list(a);
    bool has_oneofs = false;
    bool has_deprecated = false;

    for (size_t i = 0; i < file->n_uses; i++) {
        gen_push(a, uses, scope_use(a, file->uses[i]));
    }
    for (size_t i = 0; i < file->n_all_messages; i++) {
        const gen_message *message = file->all_messages[i];

        has_oneofs = has_oneofs || message->n_oneofs > 0;
        has_deprecated = has_deprecated || has_deprecated_field(message);
        gen_push(a, messages, gen_scope_message(a, message));
    }
    for (size_t i = 0; i < file->n_services; i++) {
        gen_push(a, services, gen_scope_service(a, &file->services[i]));
    }
    gen_set_text(a, scope, "name", gen_comment_escape(a, file->name));
    gen_set_text(a, scope, "name_string", gen_c_string(a, file->name));
    gen_set_text(a, scope, "package", file->package);
    gen_set_text(a, scope, "lower", file->c_lower);
    gen_set_text(a, scope, "upper", upper);
    gen_set_text(a, scope, "header", csvc_arena_printf(a, "%s.csvc.h", file->base));
    gen_set_text(a, scope, "pb_header", csvc_arena_printf(a, "%s.pb-c.h", file->base));
    gen_set_text(a, scope, "store_header", csvc_arena_printf(a, "%s.store.h", file->base));
    gen_set_truth(a, scope, "deprecated", file->deprecated);
    gen_set_truth(a, scope, "has_oneofs", has_oneofs);
    gen_set_truth(a, scope, "has_deprecated_fields", has_deprecated);
    gen_set_truth(a, scope, "has_quirks", has_oneofs || has_deprecated);
    gen_set(a, scope, "uses", uses);
    gen_set(a, scope, "messages", messages);
    gen_set(a, scope, "services", services);
    set_descriptors(a, scope, file);
    return scope;
}
