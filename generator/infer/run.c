/* infer/run.c: drives rule set 1 over a model; docs/inference.md says it in words. */
#include "infer/steps.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names/names.h"

#include "base/banned.h"

/* ---- which messages ---- */

static bool ends_with(const char *text, const char *tail)
{
    size_t len = strlen(text), n = strlen(tail);

    return len >= n && strcmp(text + len - n, tail) == 0;
}

static bool is_envelope(const gen_message *message)
{
    return ends_with(message->name, "Request") || ends_with(message->name, "Response") ||
           ends_with(message->name, "Reply");
}

/*
 * Does a service of the message's own file create it, and get or list it? The names come first, so
 * that a reason is only given where somebody might have expected an entity.
 */
static bool used_as_entity(gen_inference *in, gen_entity *entity, const char **ret_reason,
                           gen_place *ret_place)
{
    const gen_rpc *create = NULL, *read = NULL;
    const gen_infer_use *use;
    const char *why = NULL;

    for (use = in->uses; use != NULL; use = use->next) {
        const char *reason = NULL;
        gen_place place;

        if (use->rpc->service->file != entity->message->file ||
            (use->role != GEN_CRUD_CREATE && use->role != GEN_CRUD_GET &&
             use->role != GEN_CRUD_LIST)) {
            continue;
        }
        if (gen_infer_crud(in, use->rpc, use->role, entity, &reason, &place) == NULL) {
            *ret_place = why != NULL ? *ret_place : place;
            why = why != NULL ? why : gen_infer_printf(in, "%s: %s", use->rpc->name, reason);
        } else if (use->role == GEN_CRUD_CREATE) {
            create = create == NULL ? use->rpc : create;
        } else {
            read = read == NULL ? use->rpc : read;
        }
    }
    if (create != NULL && read != NULL) {
        entity->reason =
            gen_infer_printf(in, "%s creates it and %s reads it", create->name, read->name);
        return true;
    }
    *ret_reason = why != NULL      ? why
                  : create != NULL ? "no rpc gets or lists it"
                                   : "no rpc of its own file creates it";
    return false;
}

/* Might somebody expect it in a table? */
static bool wants_entity(const gen_inference *in, const gen_message *message)
{
    const gen_infer_use *use;

    if (message->has_entity_option) {
        return message->entity_option;
    }
    if (message->parent != NULL || message->map_entry || is_envelope(message) ||
        message->well_known != CSVC_WKT_NONE) {
        return false;
    }
    for (use = in->uses; use != NULL; use = use->next) {
        if (use->role == GEN_CRUD_CREATE) {
            return true;
        }
    }
    return false;
}

static bool consider(gen_inference *in, gen_message *message)
{
    const char *reason = NULL;
    gen_place place = message->place;
    gen_entity *entity;

    in->uses = gen_infer_uses(in, message);
    if (!wants_entity(in, message)) {
        return true;
    }
    if (message->has_entity_option && message->parent != NULL) {
        gen_report(in->diag, GEN_ERROR, message->place,
                   "%s cannot be an entity: only a message at top level can", message->full_name);
        return true;
    }
    entity = gen_infer_entity(in, message, &reason);
    if (entity != NULL && message->has_entity_option) {
        entity->reason = "the option (c_svc.message).entity says so";
    } else if (entity != NULL && !used_as_entity(in, entity, &reason, &place)) {
        entity = NULL;
    }
    if (in->failed) {
        return false;
    }
    if (entity != NULL) {
        message->entity = entity;
        in->model->entities[in->model->n_entities++] = entity;
        gen_infer_entity_report(in, entity);
    } else if (message->has_entity_option) {
        gen_report(in->diag, GEN_ERROR, message->place, "%s cannot be an entity: %s",
                   message->full_name, reason);
    } else {
        message->entity_reason =
            gen_infer_printf(in, "%s is not kept in a table: %s", message->name, reason);
        message->entity_reason_place = place;
    }
    return !in->failed;
}

/* ---- which rpcs ---- */

/*
 * The messages that each rpc is about; entities come before messages that are none, those of the
 * rpc's package before others.
 */
typedef struct about {
    gen_message *message;
    gen_crud_role role;
} about;

static bool better(const gen_rpc *rpc, const gen_message *message, const gen_message *than)
{
    const char *package = rpc->service->file->package;

    if ((message->entity != NULL) != (than->entity != NULL)) {
        return message->entity != NULL;
    }
    return strcmp(message->file->package, package) == 0 &&
           strcmp(than->file->package, package) != 0;
}

/* Fills `abouts`, by the rpc's path, for all rpcs that are about some message worth a word. */
static void find_abouts(gen_inference *in, csvc__map *abouts)
{
    size_t i, j;

    for (i = 0; i < in->model->n_files; i++) {
        const gen_file *file = in->model->files[i];

        for (j = 0; file->generate && j < file->n_messages && !in->failed; j++) {
            gen_message *message = file->messages[j];
            const gen_infer_use *use;

            if (message->entity == NULL && message->entity_reason == NULL) {
                continue;
            }
            for (use = gen_infer_uses(in, message); use != NULL; use = use->next) {
                about *found = csvc__map_get(abouts, use->rpc->path);

                if (found == NULL) {
                    found = gen_infer_calloc(in, 1, sizeof(*found));
                    if (found == NULL || !csvc__map_put(abouts, use->rpc->path, found)) {
                        in->failed = true;
                        return;
                    }
                } else if (!better(use->rpc, message, found->message)) {
                    continue;
                }
                *found = (about){.message = message, .role = use->role};
            }
        }
    }
}

static void give_role(gen_inference *in, gen_rpc *rpc, const about *found)
{
    gen_crud_role role = found != NULL ? found->role : GEN_CRUD_CREATE;
    const gen_message *message = found != NULL ? found->message : NULL;
    const char *reason = NULL;
    gen_place place;
    size_t i;

    if ((rpc->kind & CSVC_RPC_CLIENT_STREAM) != 0) {
        rpc->crud_reason = "its request is a stream";
        return;
    }
    if (message == NULL) {
        rpc->crud_reason = rpc->kind == CSVC_RPC_UNARY
                               ? "its name is none of create, get, update, delete, list or batch "
                                 "get with an entity's name"
                               : "its name is neither stream nor list with an entity's name";
        return;
    }
    if (message->entity == NULL) {
        rpc->crud_reason = message->entity_reason;
        return;
    }
    if (role == GEN_CRUD_LIST && rpc->kind == CSVC_RPC_SERVER_STREAM) {
        role = GEN_CRUD_STREAM; /* here, where the entity is known: a stream makes no message one */
    }
    rpc->crud = gen_infer_crud(in, rpc, role, message->entity, &reason, &place);
    rpc->crud_reason = rpc->crud != NULL ? "by its name and the fields of its messages" : reason;
    if (rpc->crud == NULL) {
        return;
    }
    for (i = 0; i < rpc->crud->n_ignored; i++) {
        const gen_field *field = rpc->crud->ignored[i];

        if (field->options.has_stored && !field->options.stored) {
            continue; /* said to be dropped on purpose */
        }
        gen_report(in->diag, GEN_WARNING, field->place,
                   "%s.%s has no column in %s: what callers send in it is dropped",
                   field->parent->name, field->name, message->full_name);
        gen_report(in->diag, GEN_NOTE, field->place,
                   "use it in the handler of %s, and say [(c_svc.field).stored = false] when that "
                   "is meant",
                   rpc->name);
    }
}

/* ---- all of it ---- */

static int by_full_name(const void *x, const void *y)
{
    const gen_entity *const *left = x, *const *right = y;

    return strcmp((*left)->message->full_name, (*right)->message->full_name);
}

/* One database: two entities may not share a table. SQL folds the case of names. */
static void check_tables(gen_inference *in)
{
    const gen_model *model = in->model;
    size_t i, j;

    for (i = 0; i < model->n_entities; i++) {
        for (j = 0; j < i; j++) {
            const gen_message *one = model->entities[j]->message;
            const gen_message *other = model->entities[i]->message;
            const char *x = gen_snake(in->a, model->entities[j]->table);
            const char *y = gen_snake(in->a, model->entities[i]->table);

            if (x == NULL || y == NULL) {
                in->failed = true;
                return;
            }
            if (strcmp(x, y) == 0) {
                gen_report(in->diag, GEN_ERROR, other->place,
                           "%s and %s (%s:%u) would be kept in one table, \"%s\"", other->full_name,
                           one->full_name, one->place.file, (unsigned)one->place.line,
                           model->entities[i]->table);
                gen_report(in->diag, GEN_NOTE, other->place,
                           "give one of them another: option (c_svc.message).table = \"...\";");
            }
        }
    }
}

static void find_entities(gen_inference *in)
{
    gen_model *model = in->model;
    size_t i, j, most = 0;

    for (i = 0; i < model->n_files; i++) {
        most += model->files[i]->generate ? model->files[i]->n_all_messages : 0;
    }
    model->n_entities = 0;
    model->entities = gen_infer_calloc(in, most, sizeof(gen_entity *));
    for (i = 0; i < model->n_files; i++) {
        const gen_file *file = model->files[i];

        for (j = 0; file->generate && j < file->n_all_messages; j++) {
            if (in->failed || !consider(in, file->all_messages[j])) {
                return;
            }
        }
    }
    if (model->n_entities > 1) {
        qsort(model->entities, model->n_entities, sizeof(model->entities[0]), by_full_name);
    }
    check_tables(in);
}

static void find_roles(gen_inference *in)
{
    const gen_model *model = in->model;
    csvc__map abouts;
    size_t i, j, k;

    csvc__map_init(&abouts);
    find_abouts(in, &abouts);
    for (i = 0; i < model->n_files; i++) {
        const gen_file *file = model->files[i];

        for (j = 0; file->served && j < file->n_services; j++) {
            for (k = 0; k < file->services[j].n_rpcs && !in->failed; k++) {
                gen_rpc *rpc = &file->services[j].rpcs[k];

                give_role(in, rpc, csvc__map_get(&abouts, rpc->path));
            }
        }
    }
    csvc__map_release(&abouts);
}

bool gen_infer(gen_model *model, gen_diag *diag)
{
    gen_inference in = {.model = model, .diag = diag, .a = model->arena};

    gen_infer_nouns(&in);
    find_entities(&in);
    if (!in.failed) {
        find_roles(&in);
    }
    gen_infer_nouns_release(&in);
    return !in.failed;
}
