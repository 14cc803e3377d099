/* app/cli_field.c: which field a flag names, and putting a value there. */
#include <app/cli.h>
#include <app/settings.h>
#include <base/arena.h>
#include <codec/codec.h>
#include <codec/map_order.h>

#include <stdio.h>
#include <string.h>

#include <base/banned.h>

enum {
    MAX_INDEX = 100000
};

void csvc__cli_flag_name(const csvc_message_type *type, uint32_t index,
                         char ret_text[CSVC__CLI_NAME])
{
    (void)snprintf(ret_text, CSVC__CLI_NAME, "%s", type->descriptor->fields[index].name);
    for (char *p = ret_text; *p != '\0'; p++) {
        if (*p == '_') {
            *p = '-';
        }
    }
}

/* ---- names ---- */

/* One step of a flag's way into a message: a field's name, or an index into a repeated one. */
typedef struct step {
    char name[CSVC__CLI_NAME];
    bool last;
} step;

/* Cuts the next step off; false when it is empty or too long. */
static bool next_step(const char **flag, step *s)
{
    const size_t len = strcspn(*flag, ".");

    if (len == 0 || len >= sizeof(s->name)) {
        return false;
    }
    memcpy(s->name, *flag, len);
    s->name[len] = '\0';
    s->last = (*flag)[len] == '\0';
    *flag += len + !s->last;
    return true;
}

static bool index_parse(const char *text, size_t *ret_index)
{
    size_t index = 0;

    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || index > MAX_INDEX) {
            return false;
        }
        index = 10 * index + (size_t)(*text - '0');
    }
    *ret_index = index;
    return index <= MAX_INDEX;
}

/* By its proto name, its JSON name, or the proto name with dashes. */
static int find_field(const csvc_message_type *type, const char *name)
{
    int index = csvc_field_find(type, name);

    for (uint32_t i = 0; i < type->n_fields && index < 0; i++) {
        char flag[CSVC__CLI_NAME];

        csvc__cli_flag_name(type, i, flag);
        if (strcmp(flag, name) == 0) {
            index = (int)i;
        }
    }
    return index;
}

static csvc_code not_found(const csvc_message_type *type, const char *flag, size_t before,
                           const char *name, csvc_error *err)
{
    char word[CSVC__CLI_NAME], best[CSVC__CLI_NAME];
    csvc__nearest nearest = {.typed = name};

    for (uint32_t i = 0; i < type->n_fields; i++) {
        csvc__cli_flag_name(type, i, word);
        csvc__nearest_try(&nearest, word);
        if (nearest.word == word) {
            memcpy(best, word, sizeof(best));
            nearest.word = best;
        }
    }
    if (nearest.word != NULL) {
        return csvc_error_set(err, CSVC_NOT_FOUND, "unknown flag --%s; did you mean --%.*s%s?",
                              flag, (int)before, flag, nearest.word);
    }
    return csvc_error_set(err, CSVC_NOT_FOUND, "unknown flag --%s", flag);
}

csvc_code csvc__cli_find(const csvc_message_type *type, const char *flag, csvc__cli_leaf *ret_leaf,
                         csvc_error *err)
{
    const char *rest = flag;
    step s;

    for (int depth = 0; depth < CSVC__CLI_DEPTH; depth++) {
        const size_t before = (size_t)(rest - flag);
        const csvc_field *field;
        int index;

        if (!next_step(&rest, &s)) {
            break;
        }
        index = find_field(type, s.name);
        if (index < 0) {
            return not_found(type, flag, before, s.name, err);
        }
        field = &type->fields[index];
        if (s.last) {
            *ret_leaf = (csvc__cli_leaf){type, field, (uint32_t)index};
            return CSVC_OK;
        }
        if (field->kind != CSVC_KIND_MESSAGE || (field->flags & CSVC_FIELD_MAP) != 0) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "--%s: %s is no message, so nothing is within it", flag, s.name);
        }
        if (field->label == CSVC_LABEL_REPEATED) {
            size_t number;

            if (!next_step(&rest, &s) || !index_parse(s.name, &number) || s.last) {
                return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                      "--%s: say which one, from 0: --%.*s0.FIELD", flag,
                                      (int)(before + strcspn(flag + before, ".") + 1), flag);
            }
        }
        type = field->sub;
    }
    return csvc_error_set(err, CSVC_NOT_FOUND, "unknown flag --%s", flag);
}

bool csvc__cli_is_switch(const csvc__cli_leaf *leaf)
{
    return leaf->field->kind == CSVC_KIND_BOOL;
}

/* ---- places ---- */

static csvc_code no_memory(csvc_error *err)
{
    return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
}

/* Notes that a field is there; two of one oneof are refused. */
static csvc_code mark_present(const csvc_message_type *type, const csvc_field *field,
                              uint8_t *message, const char *flag, csvc_error *err)
{
    if (field->label == CSVC_LABEL_ONEOF) {
        uint32_t now;

        memcpy(&now, message + field->quantifier, sizeof(now));
        if (now != 0 && now != field->number) {
            char other[CSVC__CLI_NAME] = "?";

            for (uint32_t i = 0; i < type->n_fields; i++) {
                if (type->fields[i].number == now) {
                    csvc__cli_flag_name(type, i, other);
                }
            }
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "--%s: only one of it and %s may be given", flag, other);
        }
        memcpy(message + field->quantifier, &field->number, sizeof(now));
    } else if (field->label == CSVC_LABEL_OPTIONAL && field->quantifier != 0) {
        const protobuf_c_boolean yes = 1;

        memcpy(message + field->quantifier, &yes, sizeof(yes));
    }
    return CSVC_OK;
}

/* The memory of one more value behind those of a repeated field; counted at once. */
static void *one_more(csvc_arena *a, const csvc_field *field, uint8_t *message)
{
    const size_t size = csvc__cli_value_size(field->kind);
    size_t n;
    uint8_t *values;

    memcpy(&n, message + field->quantifier, sizeof(n));
    memcpy(&values, message + field->offset, sizeof(values));
    if ((n & (n - 1)) == 0) { /* full: 0, 1, 2, 4, 8... */
        uint8_t *more = csvc__arena_take(a, (n == 0 ? 1 : 2 * n) * size);

        if (more == NULL) {
            return NULL;
        }
        if (n > 0) {
            memcpy(more, values, n * size);
        }
        values = more;
        memcpy(message + field->offset, &values, sizeof(values));
    }
    n++;
    memcpy(message + field->quantifier, &n, sizeof(n));
    return values + (n - 1) * size;
}

/* The message a singular field holds, made when there is none. */
static csvc_code enter(csvc_arena *a, const csvc_message_type *type, const csvc_field *field,
                       uint8_t **message, const char *flag, csvc_error *err)
{
    uint32_t now = 0;
    uint8_t *inner = NULL;
    csvc_code code;

    if (field->label == CSVC_LABEL_ONEOF) {
        memcpy(&now, *message + field->quantifier, sizeof(now));
    }
    if (field->label != CSVC_LABEL_ONEOF || now == field->number) {
        memcpy(&inner, *message + field->offset, sizeof(inner));
    }
    code = mark_present(type, field, *message, flag, err);
    if (code == CSVC_OK && inner == NULL) {
        inner = csvc_message_new(a, field->sub);
        if (inner == NULL) {
            return no_memory(err);
        }
        memcpy(*message + field->offset, &inner, sizeof(inner));
    }
    *message = inner;
    return code;
}

/* The same in a repeated field, by index; the one behind the last is made. */
static csvc_code enter_at(csvc_arena *a, const csvc_field *field, size_t index, uint8_t **message,
                          const char *flag, csvc_error *err)
{
    size_t n;
    uint8_t **values;

    memcpy(&n, *message + field->quantifier, sizeof(n));
    if (index > n) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--%s: %zu comes before %zu", flag, n,
                              index);
    }
    if (index == n) {
        uint8_t *inner = csvc_message_new(a, field->sub);
        void *place = inner != NULL ? one_more(a, field, *message) : NULL;

        if (place == NULL) {
            return no_memory(err);
        }
        memcpy(place, &inner, sizeof(inner));
    }
    memcpy(&values, *message + field->offset, sizeof(values));
    *message = values[index];
    return CSVC_OK;
}

/* ---- setting ---- */

static csvc_code bad_value(const char *flag, const char *value, const csvc_error *why,
                           csvc_error *err)
{
    if (why->code == CSVC_RESOURCE_EXHAUSTED) {
        return no_memory(err);
    }
    if (strncmp(why->text, "JSON for ", 9) == 0) {
        /* says where; the text may be long and have many lines */
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--%s: not %s", flag, why->text);
    }
    return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--%s: '%.100s' is not %s", flag, value,
                          why->text);
}

/* An entry into a map; a key that is there already gets the new value. */
static csvc_code put_entry(csvc_arena *a, const csvc_field *field, uint8_t *message, void *entry,
                           csvc_error *err)
{
    size_t n;
    uint8_t **entries;
    void *place;

    memcpy(&n, message + field->quantifier, sizeof(n));
    memcpy(&entries, message + field->offset, sizeof(entries));
    for (size_t i = 0; i < n; i++) {
        if (csvc__map_compare(field->sub, entries[i], entry) == 0) {
            entries[i] = entry;
            return CSVC_OK;
        }
    }
    place = one_more(a, field, message);
    if (place == NULL) {
        return no_memory(err);
    }
    memcpy(place, &entry, sizeof(entry));
    return CSVC_OK;
}

/* A whole map as JSON: its entries are put to those that are there. */
static csvc_code set_map(csvc_arena *a, const csvc_message_type *type, const csvc_field *field,
                         uint8_t *message, const char *flag, const char *text, csvc_error *err)
{
    uint8_t *more = csvc_message_new(a, type);
    csvc_error why = {CSVC_ERROR_INIT};
    csvc_code code;
    uint8_t **entries;
    size_t n;

    if (more == NULL) {
        return no_memory(err);
    }
    code = csvc__json_read_field(a, type, field, text, strlen(text), more, &why);
    if (code != CSVC_OK) {
        return code == CSVC_RESOURCE_EXHAUSTED
                   ? no_memory(err)
                   : csvc_error_set(err, code, "--%s: not a map as JSON: %s", flag, why.text);
    }
    memcpy(&n, more + field->quantifier, sizeof(n));
    memcpy(&entries, more + field->offset, sizeof(entries));
    for (size_t i = 0; i < n && code == CSVC_OK; i++) {
        code = put_entry(a, field, message, entries[i], err);
    }
    return code;
}

/* KEY=VALUE into a map. */
static csvc_code set_entry(csvc_arena *a, const csvc_field *field, uint8_t *message,
                           const char *flag, const char *text, csvc_error *err)
{
    const csvc_message_type *type = field->sub;
    const char *equals = strchr(text, '=');
    const csvc_field *k = &type->fields[0], *v = &type->fields[1];
    uint8_t *entry;
    csvc_error why = {CSVC_ERROR_INIT};
    csvc_code code;
    char *key;

    if (equals == NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--%s: '%.100s' is not KEY=VALUE", flag,
                              text);
    }
    key = csvc_arena_strndup(a, text, (size_t)(equals - text));
    entry = csvc_message_new(a, type);
    if (entry == NULL || key == NULL) {
        return no_memory(err);
    }
    code = csvc__cli_value(a, k, key, entry + k->offset, &why);
    if (code != CSVC_OK) {
        return bad_value(flag, key, &why, err);
    }
    code = csvc__cli_value(a, v, equals + 1, entry + v->offset, &why);
    if (code != CSVC_OK) {
        return bad_value(flag, equals + 1, &why, err);
    }
    code = mark_present(type, k, entry, flag, err);
    if (code == CSVC_OK) {
        code = mark_present(type, v, entry, flag, err);
    }
    return code == CSVC_OK ? put_entry(a, field, message, entry, err) : code;
}

static csvc_code set_leaf(csvc_arena *a, const csvc_message_type *type, const csvc_field *field,
                          uint8_t *message, const char *flag, const char *value, csvc_error *err)
{
    csvc_error why = {CSVC_ERROR_INIT};
    _Alignas(16) uint8_t place[sizeof(ProtobufCBinaryData)];
    void *at = message + field->offset;
    csvc_code code;

    if ((field->flags & CSVC_FIELD_MAP) != 0) {
        return value[0] == '{' ? set_map(a, type, field, message, flag, value, err)
                               : set_entry(a, field, message, flag, value, err);
    }
    code = csvc__cli_value(a, field, value, place, &why);
    if (code != CSVC_OK) {
        return bad_value(flag, value, &why, err);
    }
    if (field->label == CSVC_LABEL_REPEATED) {
        at = one_more(a, field, message);
        if (at == NULL) {
            return no_memory(err);
        }
    } else {
        code = mark_present(type, field, message, flag, err);
        if (code != CSVC_OK) {
            return code;
        }
    }
    memcpy(at, place, csvc__cli_value_size(field->kind));
    return CSVC_OK;
}

csvc_code csvc__cli_set(csvc_arena *a, const csvc_message_type *type, void *message,
                        const char *flag, const char *value, csvc_error *err)
{
    const char *rest = flag;
    uint8_t *at = message;
    csvc__cli_leaf leaf;
    step s;
    csvc_code code = csvc__cli_find(type, flag, &leaf, err);

    /* found, so every step below is one that exists */
    while (code == CSVC_OK && next_step(&rest, &s)) {
        const csvc_field *field = &type->fields[find_field(type, s.name)];

        if (s.last) {
            return set_leaf(a, type, field, at, flag, value, err);
        }
        if (field->label == CSVC_LABEL_REPEATED) {
            size_t index = 0;

            (void)next_step(&rest, &s);
            (void)index_parse(s.name, &index);
            code = enter_at(a, field, index, &at, flag, err);
        } else {
            code = enter(a, type, field, &at, flag, err);
        }
        type = field->sub;
    }
    return code;
}
