/* codec/json_place.c: where a value that JSON brings goes in its message, and whether it may. */
#include <codec/decoder.h>
#include <codec/json_reader.h>
#include <codec/map_order.h>

#include <base/banned.h>

bool csvc__read_takes_null(const csvc_field *field)
{
    if (field->kind == CSVC_KIND_ENUM) {
        const ProtobufCEnumDescriptor *type = field->sub;

        return strcmp(type->name, "google.protobuf.NullValue") == 0;
    }
    return field->kind == CSVC_KIND_MESSAGE &&
           ((const csvc_message_type *)field->sub)->well_known == CSVC_WKT_VALUE;
}

void csvc__read_present(const csvc_field *field, void *message)
{
    if (field->label == CSVC_LABEL_ONEOF) {
        csvc__put32(csvc__at(message, field->quantifier), field->number);
    } else if (field->label == CSVC_LABEL_OPTIONAL && field->quantifier > 0) {
        csvc__put32(csvc__at(message, field->quantifier), 1);
    }
}

/* The capacity follows from `n`, as in the decoder. */
void *csvc__read_grown(struct csvc__reader *r, void *values, size_t n, size_t size)
{
    const size_t capacity = n > 0 ? 2 * n : (size_t)CSVC__FIRST_VALUES;

    if (!csvc__array_full(n)) {
        return values;
    }
    values = csvc__arena_resize(r->a, values, n * size, capacity * size);
    if (values == NULL) {
        (void)csvc__read_no_memory(r);
    }
    return values;
}

void *csvc__read_more(struct csvc__reader *r, const csvc_field *field, void *message)
{
    const size_t size = csvc__size_of(field->kind);
    size_t n = csvc__get_size(message, field->quantifier);
    uint8_t *values = csvc__read_grown(r, csvc__get_pointer(message, field->offset), n, size);

    if (values == NULL) {
        return NULL;
    }
    csvc__put_pointer(csvc__at(message, field->offset), values);
    n++;
    memcpy(csvc__at(message, field->quantifier), &n, sizeof(n));
    return values + (n - 1) * size;
}

bool csvc__read_check_keys(struct csvc__reader *r, const csvc_field *field, void *message,
                           const uint32_t *places)
{
    const csvc_message_type *type = field->sub;
    void *const *entries = csvc__get_pointer(message, field->offset);
    size_t n = csvc__get_size(message, field->quantifier);
    uint32_t *order;
    size_t i = 1;

    if (n < 2) {
        return true;
    }
    order = csvc__map_order(type, entries, n);
    if (order == NULL) {
        return csvc__read_no_memory(r);
    }
    while (i < n && csvc__map_compare(type, entries[order[i - 1]], entries[order[i]]) != 0) {
        i++;
    }
    if (i < n) {
        (void)csvc__read_refuse(r, r->start + places[order[i]], "a key that was there before");
    }
    csvc__map_order_free(order);
    return i == n;
}

bool csvc__read_check_oneof(struct csvc__reader *r, const csvc_message_type *type,
                            const csvc_field *field, const void *message, const char *at)
{
    uint32_t now;

    if (field->label != CSVC_LABEL_ONEOF) {
        return true;
    }
    now = csvc__get32(message, field->quantifier);
    for (uint32_t i = 0; now != 0 && i < type->n_fields; i++) {
        if (type->fields[i].number == now) {
            return csvc__read_refuse(r, at,
                                     "of a oneof one member may be given; %s was there before",
                                     type->descriptor->fields[i].name);
        }
    }
    return true;
}

bool csvc__read_check_required(struct csvc__reader *r, const csvc_message_type *type,
                               const uint64_t *given)
{
    for (uint32_t i = 0; i < type->n_fields; i++) {
        if (type->fields[i].label == CSVC_LABEL_REQUIRED && (given[i / 64] >> i % 64 & 1) == 0) {
            return csvc__read_refuse(r, r->at, "the required field %s is missing",
                                     type->descriptor->fields[i].name);
        }
    }
    return true;
}
