/* codec/decode_unknown.c: what a message holds that its type does not know, kept byte for byte. */
#include <codec/decoder.h>

#include <base/banned.h>

const uint8_t *csvc__decode_group(struct csvc__decoder *d, const csvc_message_type *type,
                                  uint32_t number, const uint8_t *p, const uint8_t *end,
                                  uint32_t depth)
{
    uint32_t open[CSVC_MAX_DEPTH]; /* numbers of the groups that have begun */
    uint32_t n_open = 0;
    uint64_t number64;
    size_t len;

    do {
        uint32_t tag = number << 3 | CSVC__WIRE_GROUP; /* at first: read already */

        if (n_open > 0) {
            p = csvc__tag_read(p, end, &tag);
            if (p == NULL) {
                (void)csvc__decode_refuse(d, type, NULL, "a broken tag or a group without an end");
                return NULL;
            }
        }
        switch (tag & 7) {
        case CSVC__WIRE_VARINT:
            p = csvc__varint_read(p, end, &number64);
            break;
        case CSVC__WIRE_64:
            p = end - p >= 8 ? p + 8 : NULL;
            break;
        case CSVC__WIRE_32:
            p = end - p >= 4 ? p + 4 : NULL;
            break;
        case CSVC__WIRE_LEN:
            p = csvc__length_read(p, end, &len);
            p = p != NULL ? p + len : NULL;
            break;
        case CSVC__WIRE_GROUP:
            if (n_open >= depth) {
                (void)csvc__decode_refuse(d, type, NULL, "groups are nested too deep");
                return NULL;
            }
            open[n_open++] = tag >> 3;
            break;
        case CSVC__WIRE_END:
            if (open[--n_open] != tag >> 3) {
                (void)csvc__decode_refuse(d, type, NULL, "a group ends with another one's number");
                return NULL;
            }
            break;
        default:
            (void)csvc__decode_refuse(d, type, NULL, "a tag of no known wire type");
            return NULL;
        }
        if (p == NULL) {
            (void)csvc__decode_refuse(d, type, NULL, "cut off within a group");
            return NULL;
        }
    } while (n_open > 0);
    return p;
}

bool csvc__decode_keep(struct csvc__decoder *d, void *message, uint32_t tag, const uint8_t *data,
                       const uint8_t *end)
{
    ProtobufCMessage *base = message;
    size_t n = base->n_unknown_fields;
    size_t len = (size_t)(end - data);
    ProtobufCMessageUnknownField *fields = base->unknown_fields;
    uint8_t *copy;

    if (csvc__array_full(n)) {
        fields = csvc__arena_resize(d->a, fields, n * sizeof(*fields),
                                    (n > 0 ? 2 * n : CSVC__FIRST_VALUES) * sizeof(*fields));
        if (fields == NULL) {
            return csvc__decode_no_memory(d);
        }
        base->unknown_fields = fields;
    }
    copy = csvc__arena_take(d->a, len);
    if (copy == NULL) {
        return csvc__decode_no_memory(d);
    }
    memcpy(copy, data, len);
    fields[n] = (ProtobufCMessageUnknownField){
        .tag = tag >> 3,
        .wire_type = (ProtobufCWireType)(tag & 7),
        .len = len,
        .data = copy,
    };
    base->n_unknown_fields++;
    return true;
}
