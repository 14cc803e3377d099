/* common/pb.c: the options that a message of options keeps as unknown fields. */
#include "common/pb.h"

#include <string.h>

#include "base/banned.h"

/* The bytes behind the length prefix that unknown fields keep; false when it is broken. */
static bool payload(const ProtobufCMessageUnknownField *field, csvc_bytes *ret_bytes)
{
    size_t len = 0;
    size_t i = 0;
    unsigned shift = 0;

    for (;;) {
        if (i >= field->len || shift > 28) {
            return false;
        }
        len |= (size_t)(field->data[i] & 0x7f) << shift;
        shift += 7;
        if ((field->data[i++] & 0x80) == 0) {
            break;
        }
    }
    if (len != field->len - i) {
        return false;
    }
    *ret_bytes = (csvc_bytes){len, field->data + i};
    return true;
}

bool gen_pb_extension(csvc_arena *a, const void *options, uint32_t number, csvc_bytes *ret_bytes,
                      csvc_code *code)
{
    const ProtobufCMessage *message = options;
    csvc_bytes all = {0};
    bool found = false;

    if (message == NULL) {
        return false;
    }
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &message->unknown_fields[i];
        csvc_bytes piece;

        if (field->tag != number || field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED ||
            !payload(field, &piece)) {
            continue;
        }
        if (all.len == 0) {
            all = piece;
        } else if (piece.len > 0) {
            uint8_t *joined = csvc_arena_alloc(a, all.len + piece.len);

            if (joined == NULL) {
                *code = CSVC_RESOURCE_EXHAUSTED;
                return false;
            }
            memcpy(joined, all.data, all.len);
            memcpy(joined + all.len, piece.data, piece.len);
            all = (csvc_bytes){all.len + piece.len, joined};
        }
        found = true;
    }
    if (found) {
        *ret_bytes = all;
    }
    return found;
}

bool gen_pb_add_extension(csvc_arena *a, void *options, uint32_t number, csvc_bytes bytes)
{
    ProtobufCMessage *message = options;
    unsigned n = message->n_unknown_fields;
    ProtobufCMessageUnknownField *fields = csvc_arena_calloc(a, (size_t)n + 1, sizeof(*fields));
    uint8_t *data = csvc_arena_alloc(a, bytes.len + 10);
    size_t at = 0;

    if (fields == NULL || data == NULL) {
        return false;
    }
    if (n > 0) {
        memcpy(fields, message->unknown_fields, n * sizeof(*fields));
    }
    for (size_t rest = bytes.len;; rest >>= 7) {
        data[at++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
        if (rest <= 0x7f) {
            break;
        }
    }
    if (bytes.len > 0) {
        memcpy(data + at, bytes.data, bytes.len);
    }
    fields[n] = (ProtobufCMessageUnknownField){
        .tag = number,
        .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
        .len = at + bytes.len,
        .data = data,
    };
    message->unknown_fields = fields;
    message->n_unknown_fields = n + 1;
    return true;
}
