/* model/model.c: nodes of a model by name. */
#include "model/model.h"

#include <string.h>

#include "common/index.h"

#include "base/banned.h"

static void *find(const gen_model *model, const char *kind, const char *name)
{
    char small[512];
    size_t len = strlen(name);
    char *key = small;
    void *found = NULL;

    if (len + 3 > sizeof(small)) {
        key = csvc_arena_alloc(model->arena, len + 3);
        if (key == NULL) {
            return NULL;
        }
    }
    memcpy(key, kind, 2);
    memcpy(key + 2, name, len + 1);
    found = gen_index_get(model->index, key);
    return found;
}

gen_message *gen_model_message(const gen_model *model, const char *full_name)
{
    return find(model, "m.", full_name);
}

gen_enum *gen_model_enum(const gen_model *model, const char *full_name)
{
    return find(model, "e.", full_name);
}

gen_file *gen_model_file(const gen_model *model, const char *name)
{
    return find(model, "f.", name);
}
