/* model/resolve.c: which node each type name means, which files use which, and what a message is
 * because of what is in it. */
#include "model/parts.h"

#include "common/concat.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* "m" or "e" before ".user.User": a key of the index. NULL when there is no such node. */
static void *look_up(gen_builder *b, char kind, const char *type_name)
{
    const char letter[] = {kind, '\0'};
    char *key;

    if (type_name == NULL || *type_name != '.') {
        return NULL;
    }
    key = gen_concat(b->a, letter, type_name);
    b->no_memory |= key == NULL;
    return key == NULL ? NULL : gen_index_get(b->model->index, key);
}

static void resolve_field(gen_builder *b, gen_field *field,
                          const CsvcPb__FieldDescriptorProto *proto)
{
    bool found = true;

    if (field->kind == CSVC_KIND_MESSAGE) {
        field->message = look_up(b, 'm', proto->type_name);
        found = field->message != NULL;
        if (found && field->message->map_entry && field->label == CSVC_LABEL_REPEATED) {
            field->flags |= CSVC_FIELD_MAP;
        }
    } else if (field->kind == CSVC_KIND_ENUM) {
        field->enumeration = look_up(b, 'e', proto->type_name);
        found = field->enumeration != NULL;
        if (found && field->enumeration->closed) {
            field->flags |= CSVC_FIELD_CLOSED_ENUM;
        }
    }
    if (!found && !b->no_memory) {
        gen_report(b->diag, GEN_ERROR, field->place,
                   "field %s is of type %.200s, which no file has", field->name,
                   proto->type_name != NULL ? proto->type_name : "(none)");
    }
}

static int compare_numbers(const void *x, const void *y)
{
    const gen_field *const *a = x;
    const gen_field *const *b = y;

    return ((*a)->number > (*b)->number) - ((*a)->number < (*b)->number);
}

static void resolve_message(gen_builder *b, gen_message *message)
{
    for (size_t i = 0; i < message->n_fields; i++) {
        resolve_field(b, message->fields[i], message->proto->field[i]);
    }
    if (message->n_fields == 0) {
        return;
    }
    qsort(message->by_number, message->n_fields, sizeof(gen_field *), compare_numbers);
    for (size_t i = 0; i < message->n_fields; i++) {
        message->by_number[i]->index = (uint32_t)i;
        if (i > 0 && message->by_number[i]->number == message->by_number[i - 1]->number) {
            gen_report(b->diag, GEN_ERROR, message->by_number[i]->place,
                       "number %u of field %s is taken by field %s",
                       (unsigned)message->by_number[i]->number, message->by_number[i]->name,
                       message->by_number[i - 1]->name);
        }
    }
    if (message->map_entry && (message->n_fields != 2 || message->by_number[0]->number != 1 ||
                               message->by_number[1]->number != 2 || message->parent == NULL)) {
        gen_report(b->diag, GEN_ERROR, message->place, "%s is no map entry", message->full_name);
    }
}

static void resolve_service(gen_builder *b, gen_service *service, size_t index)
{
    const CsvcPb__ServiceDescriptorProto *proto = service->file->proto->service[index];

    for (size_t i = 0; i < service->n_rpcs && !b->no_memory; i++) {
        const CsvcPb__MethodDescriptorProto *method = proto->method[i];
        gen_rpc *rpc = &service->rpcs[i];

        rpc->request = look_up(b, 'm', method->input_type);
        rpc->reply = look_up(b, 'm', method->output_type);
        if ((rpc->request == NULL || rpc->reply == NULL) && !b->no_memory) {
            const char *missing = rpc->request == NULL ? method->input_type : method->output_type;

            gen_report(b->diag, GEN_ERROR, rpc->place, "rpc %s names %.200s, which no file has",
                       rpc->name, missing != NULL ? missing : "no type");
        }
    }
}

static void resolve_imports(gen_builder *b, gen_file *file)
{
    const CsvcPb__FileDescriptorProto *proto = file->proto;

    file->imports = gen_take(b, proto->n_dependency, sizeof(gen_file *));
    for (size_t i = 0; i < proto->n_dependency && !b->no_memory; i++) {
        gen_file *import = gen_model_file(b->model, proto->dependency[i]);

        if (import == NULL) {
            gen_report(b->diag, GEN_ERROR, file->place,
                       "imports \"%.200s\", which is not in the request", proto->dependency[i]);
            continue;
        }
        file->imports[file->n_imports++] = import;
    }
}

/* ---- who uses whom ---- */

typedef struct users {
    gen_builder *b;
    uint32_t *marks; /* by a file's order in the model: the last file that used it, plus 1 */
    uint32_t mark;
    gen_file **found;
    size_t n_found;
} users;

static void use(users *u, gen_file *self, gen_file *other)
{
    if (other != self && u->marks[other->order] != u->mark) {
        u->marks[other->order] = u->mark;
        u->found[u->n_found++] = other;
    }
}

static int compare_files(const void *x, const void *y)
{
    const gen_file *const *a = x;
    const gen_file *const *b = y;

    return strcmp((*a)->name, (*b)->name);
}

static gen_file **found_files(users *u)
{
    gen_file **files = gen_take(u->b, u->n_found, sizeof(gen_file *));

    if (files != NULL) {
        memcpy(files, u->found, u->n_found * sizeof(gen_file *));
        qsort(files, u->n_found, sizeof(gen_file *), compare_files);
    }
    return files;
}

/* Is a file there for its types? Not when it defines options (google/api/annotations.proto): nobody
 * makes C of those. Those it imports stand before it, so they are known. */
static bool provides_types(const gen_file *file)
{
    if (file->proto->n_extension > 0) {
        return false;
    }
    for (size_t i = 0; i < file->proto->n_public_dependency; i++) {
        size_t at = (size_t)file->proto->public_dependency[i];

        if (at < file->n_imports && file->imports[at]->provides_types) {
            return true;
        }
    }
    return file->n_messages > 0 || file->n_enums > 0;
}

static void find_uses(users *u, gen_file *file)
{
    u->n_found = 0;
    u->mark++;
    for (size_t i = 0; i < file->n_all_messages; i++) {
        const gen_message *message = file->all_messages[i];

        for (size_t k = 0; k < message->n_fields; k++) {
            if (message->fields[k]->message != NULL) {
                use(u, file, message->fields[k]->message->file);
            } else if (message->fields[k]->enumeration != NULL) {
                use(u, file, message->fields[k]->enumeration->file);
            }
        }
    }
    /* `import public` hands on somebody's C as well. What decides is in the files themselves, never
     * what else is generated in this run. */
    for (size_t i = 0; i < file->proto->n_public_dependency; i++) {
        size_t at = (size_t)file->proto->public_dependency[i];

        if (at < file->n_imports && file->imports[at]->provides_types) {
            use(u, file, file->imports[at]);
        }
    }
    file->n_field_uses = u->n_found;
    file->field_uses = found_files(u);
    for (size_t i = 0; i < file->n_services; i++) {
        for (size_t k = 0; k < file->services[i].n_rpcs; k++) {
            use(u, file, file->services[i].rpcs[k].request->file);
            use(u, file, file->services[i].rpcs[k].reply->file);
        }
    }
    file->n_uses = u->n_found;
    file->uses = found_files(u);
}

/* ---- what holds for a message when it does for one within it ---- */

typedef struct spread {
    gen_message **queue;
    gen_field **next; /* a list of the fields of each message type, threaded through an array */
    size_t n_queue;
    bool *(*mark)(gen_message *); /* where it is noted */
} spread;

static bool *required_of(gen_message *message)
{
    return &message->has_required;
}

static bool *rules_of(gen_message *message)
{
    return &message->has_rules;
}

static void note(spread *s, gen_message *message)
{
    if (!*s->mark(message)) {
        *s->mark(message) = true;
        s->queue[s->n_queue++] = message;
    }
}

static void flow(spread *s)
{
    while (s->n_queue > 0) {
        const gen_message *message = s->queue[--s->n_queue];

        for (gen_field *field = s->next[message->order]; field != NULL;
             field = field->next_of_type) {
            note(s, field->parent);
        }
    }
}

/* Calls `each` for every message. */
static void for_messages(gen_builder *b, spread *s, void (*each)(spread *, gen_message *))
{
    for (size_t i = 0; i < b->model->n_files; i++) {
        for (size_t k = 0; k < b->model->files[i]->n_all_messages; k++) {
            each(s, b->model->files[i]->all_messages[k]);
        }
    }
}

static void thread_fields(spread *s, gen_message *message)
{
    for (size_t f = 0; f < message->n_fields; f++) {
        gen_field *field = message->fields[f];

        if (field->message != NULL) {
            field->next_of_type = s->next[field->message->order];
            s->next[field->message->order] = field;
        }
    }
}

static void note_required(spread *s, gen_message *message)
{
    for (size_t f = 0; f < message->n_fields; f++) {
        if (message->fields[f]->label == CSVC_LABEL_REQUIRED) {
            note(s, message);
        }
    }
}

static void note_rules(spread *s, gen_message *message)
{
    for (size_t f = 0; f < message->n_fields; f++) {
        if (message->fields[f]->options.rules != 0) {
            note(s, message);
        }
    }
}

static void find_required_and_rules(gen_builder *b)
{
    spread s = {.mark = required_of};
    size_t n_messages = 0;

    for (size_t i = 0; i < b->model->n_files; i++) {
        const gen_file *file = b->model->files[i];

        for (size_t k = 0; k < file->n_all_messages; k++) {
            file->all_messages[k]->order = (uint32_t)n_messages++;
        }
    }
    s.queue = gen_take(b, n_messages, sizeof(gen_message *));
    s.next = gen_take(b, n_messages, sizeof(gen_field *));
    if (b->no_memory || n_messages == 0) {
        return;
    }
    for_messages(b, &s, thread_fields);
    for_messages(b, &s, note_required);
    flow(&s);
    s.mark = rules_of;
    for_messages(b, &s, note_rules);
    flow(&s);
}

void gen_resolve(gen_builder *b)
{
    users u = {.b = b};
    gen_model *model = b->model;

    for (size_t i = 0; i < model->n_files && !b->no_memory; i++) {
        gen_file *file = model->files[i];

        resolve_imports(b, file);
        for (size_t k = 0; k < file->n_all_messages; k++) {
            resolve_message(b, file->all_messages[k]);
        }
        for (size_t k = 0; k < file->n_services; k++) {
            resolve_service(b, &file->services[k], k);
        }
    }
    if (b->no_memory || b->diag->n_errors > 0) {
        return;
    }
    find_required_and_rules(b);
    u.marks = gen_take(b, model->n_files, sizeof(*u.marks));
    u.found = gen_take(b, model->n_files, sizeof(gen_file *));
    for (size_t i = 0; i < model->n_files && !b->no_memory; i++) {
        model->files[i]->provides_types = provides_types(model->files[i]);
        find_uses(&u, model->files[i]);
    }
}
