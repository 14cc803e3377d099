/* codec/field.c: fields and enum values, found by number and by name; whether one is there. */
#include <codec/codec.h>
#include <codec/wire.h>

#include <base/banned.h>

const csvc_field *csvc__field_by_number(const csvc_message_type *type, uint32_t number)
{
    uint32_t low = type->n_dense;
    uint32_t high = type->n_fields;

    if (number - 1 < type->n_dense) {
        return &type->fields[number - 1];
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (type->fields[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < type->n_fields && type->fields[low].number == number ? &type->fields[low] : NULL;
}

const ProtobufCEnumValue *csvc__enum_value(const ProtobufCEnumDescriptor *type, int32_t number)
{
    unsigned low = 0;
    unsigned high = type->n_values;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (type->values[middle].value < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < type->n_values && type->values[low].value == number ? &type->values[low] : NULL;
}

bool csvc__field_present(const csvc_message_type *type, const csvc_field *field,
                         const void *message)
{
    const char *text;

    switch (field->label) {
    case CSVC_LABEL_REQUIRED:
        return true;
    case CSVC_LABEL_REPEATED:
        return csvc__get_size(message, field->quantifier) > 0;
    case CSVC_LABEL_ONEOF:
        return csvc__get32(message, field->quantifier) == field->number;
    case CSVC_LABEL_OPTIONAL:
        if (field->kind == CSVC_KIND_MESSAGE) {
            return csvc__get_pointer(message, field->offset) != NULL;
        }
        if (field->kind == CSVC_KIND_STRING) {
            text = csvc__get_pointer(message, field->offset);
            return text != NULL &&
                   ((field->flags & CSVC_FIELD_PTR_DEFAULT) == 0 ||
                    text != type->descriptor->fields[field - type->fields].default_value);
        }
        return csvc__get32(message, field->quantifier) != 0;
    }
    /* implicit: whatever is not zero; -0.0 is not, for its bits */
    switch (field->kind) {
    case CSVC_KIND_MESSAGE:
        return csvc__get_pointer(message, field->offset) != NULL;
    case CSVC_KIND_STRING:
        text = csvc__get_pointer(message, field->offset);
        return text != NULL && text[0] != '\0';
    case CSVC_KIND_BYTES:
        return csvc__get_bytes(message, field->offset).len > 0;
    default:
        return csvc__size_of(field->kind) == 8 ? csvc__get64(message, field->offset) != 0
                                               : csvc__get32(message, field->offset) != 0;
    }
}

const void *csvc__field_value(const csvc_message_type *type, const void *message, uint32_t number)
{
    const csvc_field *field = csvc__field_by_number(type, number);

    return field != NULL && csvc__field_present(type, field, message)
               ? csvc__const_at(message, field->offset)
               : NULL;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* Whether `json` is lowerCamelCase of `name`. */
static bool is_camel_of(const char *json, const char *name)
{
    bool raise = false;

    for (; *name != '\0'; name++) {
        if (*name == '_') {
            raise = true;
            continue;
        }
        if (*json++ != (raise ? upper(*name) : *name)) {
            return false;
        }
        raise = false;
    }
    return *json == '\0';
}

int csvc_field_find(const csvc_message_type *type, const char *name)
{
    const ProtobufCFieldDescriptor *fields = type->descriptor->fields;

    for (uint32_t i = 0; i < type->n_fields; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return (int)i;
        }
    }
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const char *json = type->json_names != NULL ? type->json_names[i] : NULL;

        if (json != NULL ? strcmp(json, name) == 0 : is_camel_of(name, fields[i].name)) {
            return (int)i;
        }
    }
    return -1;
}

const char *csvc_field_json_name(csvc_arena *a, const csvc_message_type *type, uint32_t index)
{
    const char *name = type->descriptor->fields[index].name;
    const char *json = type->json_names != NULL ? type->json_names[index] : NULL;
    bool raise = false;
    char *camel;
    char *at;

    if (json != NULL) {
        return json;
    }
    if (strchr(name, '_') == NULL) {
        return name;
    }
    camel = csvc_arena_strdup(a, name);
    if (camel == NULL) {
        return NULL;
    }
    at = camel;
    for (; *name != '\0'; name++) {
        if (*name == '_') {
            raise = true;
            continue;
        }
        *at++ = raise ? upper(*name) : *name;
        raise = false;
    }
    *at = '\0';
    return camel;
}
