/* codec/decode_finish.c: what can only be told when all of a message is read. */
#include <codec/decoder.h>
#include <codec/map_order.h>

#include <base/banned.h>

/*
 * Of entries with one key only the last is kept, in the place of the first. Sorting (not hashing)
 * bounds the work for keys that an enemy chose; done once, at the end, it also does for a map
 * whose message came in a million pieces.
 */
static bool drop_doubles(struct csvc__decoder *d, void *message, const csvc_field *field)
{
    const csvc_message_type *type = field->sub;
    size_t *count = csvc__at(message, field->quantifier);
    void **entries = csvc__get_pointer(message, field->offset);
    size_t kept = 0;
    uint32_t *order;

    order = csvc__map_order(type, entries, *count);
    if (order == NULL) {
        return csvc__decode_no_memory(d);
    }
    for (size_t i = 0; i < *count;) {
        size_t last = i;

        while (last + 1 < *count &&
               csvc__map_compare(type, entries[order[i]], entries[order[last + 1]]) == 0) {
            last++;
        }
        if (last > i) {
            entries[order[i]] = entries[order[last]];
        }
        for (i++; i <= last; i++) {
            entries[order[i]] = NULL;
        }
    }
    for (size_t i = 0; i < *count; i++) {
        if (entries[i] != NULL) {
            entries[kept++] = entries[i];
        }
    }
    *count = kept;
    csvc__map_order_free(order);
    return true;
}

static bool check_required(struct csvc__decoder *d, const csvc_message_type *type, void *message)
{
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const csvc_field *field = &type->fields[i];
        const csvc_message_type *sub = field->kind == CSVC_KIND_MESSAGE ? field->sub : NULL;
        void *const *subs;
        void *one;
        size_t n = 1;

        if (field->label == CSVC_LABEL_REQUIRED &&
            (*csvc__decode_seen(message, i) >> i % 64 & 1) == 0) {
            return csvc__decode_refuse(d, type, field, "a required field is missing");
        }
        if (sub == NULL || (sub->flags & CSVC_MESSAGE_REQUIRED) == 0 ||
            !csvc__field_present(type, field, message)) {
            continue;
        }
        one = csvc__get_pointer(message, field->offset);
        subs = &one;
        if (field->label == CSVC_LABEL_REPEATED) {
            n = csvc__get_size(message, field->quantifier);
            subs = one;
        }
        for (size_t k = 0; k < n; k++) {
            if (!check_required(d, sub, subs[k])) {
                return false;
            }
        }
    }
    return true;
}

bool csvc__decode_finish(struct csvc__decoder *d, const csvc_message_type *type, void *message)
{
    for (struct csvc__map_note *note = d->maps; note != NULL; note = note->next) {
        if (!drop_doubles(d, note->message, note->field)) {
            return false;
        }
    }
    return (type->flags & CSVC_MESSAGE_REQUIRED) == 0 || check_required(d, type, message);
}
