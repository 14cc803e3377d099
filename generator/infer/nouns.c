/* infer/nouns.c: which rpcs are about which message, by their names alone. */
#include "infer/steps.h"

#include <string.h>

#include "names/names.h"

#include "base/banned.h"

static const struct {
    const char *verb;
    gen_crud_role role;
} verbs[] = {
    {"BatchGet", GEN_CRUD_BATCH_GET}, {"Create", GEN_CRUD_CREATE}, {"Get", GEN_CRUD_GET},
    {"Update", GEN_CRUD_UPDATE},      {"Delete", GEN_CRUD_DELETE}, {"List", GEN_CRUD_LIST},
    {"Stream", GEN_CRUD_STREAM},
};

/* An rpc under its noun. `many`: the noun may be the plural of the entity's name. */
typedef struct noun_rpc {
    gen_rpc *rpc;
    gen_crud_role role;
    bool many;
    uint32_t order; /* of the rpc among all */
    struct noun_rpc *next;
} noun_rpc;

typedef struct gen_infer_noun {
    noun_rpc *first, **end;
} gen_infer_noun;

/* UserService is about User, as far as its rpcs called just Create, Get... are concerned. */
static const char *service_noun(gen_inference *in, const gen_service *service)
{
    size_t len = strlen(service->name), tail = strlen("Service");

    if (len > tail && strcmp(service->name + len - tail, "Service") == 0) {
        return gen_infer_printf(in, "%.*s", (int)(len - tail), service->name);
    }
    return service->name;
}

static void put_rpc(gen_inference *in, gen_rpc *rpc, uint32_t order)
{
    const char *noun = NULL;
    gen_infer_noun *entry;
    noun_rpc *item;
    bool many = false;
    size_t i;

    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]) && noun == NULL; i++) {
        size_t n = strlen(verbs[i].verb);

        if (strncmp(rpc->name, verbs[i].verb, n) == 0 &&
            !(rpc->name[n] >= 'a' && rpc->name[n] <= 'z')) {
            noun = rpc->name + n;
            many = verbs[i].role == GEN_CRUD_LIST || verbs[i].role == GEN_CRUD_BATCH_GET ||
                   verbs[i].role == GEN_CRUD_STREAM;
            break;
        }
    }
    if (noun == NULL) {
        return;
    }
    if (noun[0] == '\0') {
        noun = service_noun(in, rpc->service);
        many = true; /* a service may be named by its plural */
    }
    noun = gen_snake(in->a, noun);
    entry = noun != NULL ? csvc__map_get(&in->nouns, noun) : NULL;
    if (entry == NULL) {
        entry = gen_infer_calloc(in, 1, sizeof(*entry));
        if (entry == NULL || noun == NULL || !csvc__map_put(&in->nouns, noun, entry)) {
            in->failed = true;
            return;
        }
        entry->end = &entry->first;
    }
    item = gen_infer_calloc(in, 1, sizeof(*item));
    if (item != NULL) {
        *item = (noun_rpc){.rpc = rpc, .role = verbs[i].role, .many = many, .order = order};
        *entry->end = item;
        entry->end = &item->next;
    }
}

void gen_infer_nouns(gen_inference *in)
{
    uint32_t order = 0;
    size_t i, j, k;

    csvc__map_init(&in->nouns);
    for (i = 0; i < in->model->n_files; i++) {
        const gen_file *file = in->model->files[i];

        if (file->generate && !file->served) {
            continue;
        }
        for (j = 0; j < file->n_services; j++) {
            for (k = 0; k < file->services[j].n_rpcs && !in->failed; k++) {
                put_rpc(in, &file->services[j].rpcs[k], order++);
            }
        }
    }
}

void gen_infer_nouns_release(gen_inference *in)
{
    csvc__map_release(&in->nouns);
}

const gen_infer_use *gen_infer_uses(gen_inference *in, const gen_message *message)
{
    const char *one = gen_snake(in->a, message->name);
    const char *many = one != NULL ? gen_plural(in->a, one) : NULL;
    const gen_infer_noun *entry;
    const noun_rpc *x, *y;
    gen_infer_use *first = NULL, **end = &first;

    if (many == NULL) {
        in->failed = true;
        return NULL;
    }
    entry = csvc__map_get(&in->nouns, one);
    x = entry != NULL ? entry->first : NULL;
    entry = strcmp(one, many) != 0 ? csvc__map_get(&in->nouns, many) : NULL;
    y = entry != NULL ? entry->first : NULL;
    while (x != NULL || y != NULL) { /* both are in order; so is what comes out */
        bool take_x = y == NULL || (x != NULL && x->order < y->order);
        const noun_rpc *item = take_x ? x : y;

        if (take_x || item->many) {
            *end = gen_infer_calloc(in, 1, sizeof(**end));
            if (*end == NULL) {
                return NULL;
            }
            (*end)->rpc = item->rpc;
            (*end)->role = item->role;
            end = &(*end)->next;
        }
        x = take_x ? x->next : x;
        y = take_x ? y : y->next;
    }
    return first;
}
