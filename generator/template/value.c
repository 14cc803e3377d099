/* template/value.c: the tree of values that templates read. */
#include "template/parts.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"

#include "base/banned.h"

enum {
    FIRST_ITEMS = 8
};

uint32_t gen_name_hash(const char *name, size_t len)
{
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (uint8_t)name[i]) * 16777619U;
    }
    return hash;
}

static gen_value *new_value(csvc_arena *a, gen_value_type type)
{
    gen_value *value = csvc__arena_take(a, sizeof(*value));

    if (value != NULL) {
        *value = (gen_value){.type = (uint8_t)type};
    }
    return value;
}

gen_value *gen_text_n(csvc_arena *a, const char *text, size_t len)
{
    gen_value *value = text != NULL ? new_value(a, GEN_VALUE_TEXT) : NULL;

    if (value != NULL) {
        value->as.text = text;
        value->len = len;
        value->truth = len > 0;
    }
    return value;
}

gen_value *gen_text(csvc_arena *a, const char *text)
{
    return gen_text_n(a, text, text != NULL ? strlen(text) : 0);
}

gen_value *gen_truth(csvc_arena *a, bool truth)
{
    gen_value *value = new_value(a, GEN_VALUE_TRUTH);

    if (value != NULL) {
        value->as.text = truth ? "true" : "false";
        value->len = truth ? 4 : 5;
        value->truth = truth;
    }
    return value;
}

gen_value *gen_number(csvc_arena *a, int64_t number)
{
    char digits[24];
    char *at = digits + sizeof(digits);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    size_t len;
    gen_value *value;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) {
        *--at = '-';
    }
    len = (size_t)(digits + sizeof(digits) - at);
    value = gen_text_n(a, csvc_arena_strndup(a, at, len), len);
    if (value != NULL) {
        value->truth = number != 0;
    }
    return value;
}

gen_value *gen_list(csvc_arena *a)
{
    return new_value(a, GEN_VALUE_LIST);
}

gen_value *gen_object(csvc_arena *a)
{
    gen_value *value = new_value(a, GEN_VALUE_OBJECT);

    if (value != NULL) {
        value->truth = true;
    }
    return value;
}

/* Room for one more entry of `size` bytes; false, and the container marked, when there is none. */
static bool grow(csvc_arena *a, gen_value *container, size_t size)
{
    uint32_t max = container->max > 0 ? container->max * 2 : FIRST_ITEMS;
    void *memory;

    if (container->len < container->max) {
        return true;
    }
    memory = max > container->max
                 ? csvc__arena_resize(a, container->as.items, container->max * size, max * size)
                 : NULL;
    if (memory == NULL) {
        container->failed = true;
        return false;
    }
    container->as.items = memory;
    container->max = max;
    return true;
}

void gen_push(csvc_arena *a, gen_value *list, gen_value *item)
{
    if (list == NULL) {
        return;
    }
    assert(list->type == GEN_VALUE_LIST);
    if (item == NULL) {
        list->failed = true;
    } else if (grow(a, list, sizeof(gen_value *))) {
        list->as.items[list->len++] = item;
        list->truth = true;
    }
}

void gen_set(csvc_arena *a, gen_value *object, const char *name, gen_value *value)
{
    if (object == NULL) {
        return;
    }
    assert(object->type == GEN_VALUE_OBJECT);
    if (value == NULL) {
        object->failed = true;
    } else if (grow(a, object, sizeof(gen_member))) {
        size_t len = strlen(name);

        object->as.members[object->len++] = (gen_member){.hash = gen_name_hash(name, len),
                                                         .name_len = (uint32_t)len,
                                                         .name = name,
                                                         .value = value};
    }
}

void gen_set_text(csvc_arena *a, gen_value *object, const char *name, const char *text)
{
    gen_set(a, object, name, gen_text(a, text));
}

void gen_set_truth(csvc_arena *a, gen_value *object, const char *name, bool truth)
{
    gen_set(a, object, name, gen_truth(a, truth));
}

void gen_set_number(csvc_arena *a, gen_value *object, const char *name, int64_t number)
{
    gen_set(a, object, name, gen_number(a, number));
}

bool gen_value_ok(const gen_value *value)
{
    return value != NULL && !value->failed;
}

/* From the newest to the oldest, so that a name set twice has the later value. */
const gen_value *gen_object_find(const gen_value *object, uint32_t hash, const char *name,
                                 size_t len)
{
    for (size_t i = object->len; i > 0; i--) {
        const gen_member *member = &object->as.members[i - 1];

        if (member->hash == hash && member->name_len == len &&
            memcmp(member->name, name, len) == 0) {
            return member->value;
        }
    }
    return NULL;
}

const gen_value *gen_get(const gen_value *object, const char *name)
{
    size_t len = strlen(name);

    if (object == NULL || object->type != GEN_VALUE_OBJECT) {
        return NULL;
    }
    return gen_object_find(object, gen_name_hash(name, len), name, len);
}

size_t gen_length(const gen_value *list)
{
    return list != NULL ? list->len : 0;
}

const gen_value *gen_item(const gen_value *list, size_t index)
{
    if (list == NULL || list->type != GEN_VALUE_LIST || index >= list->len) {
        return NULL;
    }
    return list->as.items[index];
}

const char *gen_value_text(const gen_value *text)
{
    if (text == NULL || (text->type != GEN_VALUE_TEXT && text->type != GEN_VALUE_TRUTH)) {
        return NULL;
    }
    return text->as.text;
}
