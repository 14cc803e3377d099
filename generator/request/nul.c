/*
 * request/nul.c: NULs within the strings of a request.
 *
 * Our codec refuses them, as C strings cannot hold them, and with them a whole request. Where a
 * .proto can bring one in, it is replaced before a second try: in a default or a JSON name by a
 * byte that no text has, so that check.c can say where it stands, in comments by a blank.
 */
#include "request/nul.h"

#include <string.h>

#include "base/banned.h"

typedef enum node {
    REQUEST,
    SET,
    FILE_PROTO,
    MESSAGE,
    FIELD,
    SOURCE,
    LOCATION,
    MARKED, /* strings */
    BLANKED,
} node;

/* Which field of what leads to what. */
static const struct {
    node from;
    uint32_t number;
    node to;
} steps[] = {
    {REQUEST, 15, FILE_PROTO}, {SET, 1, FILE_PROTO},    {FILE_PROTO, 4, MESSAGE},
    {FILE_PROTO, 7, FIELD},    {FILE_PROTO, 9, SOURCE}, {MESSAGE, 2, FIELD},
    {MESSAGE, 3, MESSAGE},     {MESSAGE, 6, FIELD},     {FIELD, 7, MARKED},
    {FIELD, 10, MARKED},       {SOURCE, 1, LOCATION},   {LOCATION, 3, BLANKED},
    {LOCATION, 4, BLANKED},    {LOCATION, 6, BLANKED},
};

static bool read_varint(uint8_t **at, const uint8_t *end, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static void replace(uint8_t *at, const uint8_t *end, uint8_t by)
{
    for (; at < end; at++) {
        if (*at == 0) {
            *at = by;
        }
    }
}

/* Stops at what is no message: the second try will say what is wrong with it. */
static void walk(node from, uint8_t *at, const uint8_t *end, unsigned depth)
{
    while (at < end && depth < 100) {
        uint64_t tag;
        uint64_t len = 0;

        if (!read_varint(&at, end, &tag)) {
            return;
        }
        switch (tag & 7) {
        case 0:
            if (!read_varint(&at, end, &len)) {
                return;
            }
            continue;
        case 1:
            len = 8;
            break;
        case 2:
            if (!read_varint(&at, end, &len)) {
                return;
            }
            break;
        case 5:
            len = 4;
            break;
        default:
            return;
        }
        if (len > (uint64_t)(end - at)) {
            return;
        }
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && (tag & 7) == 2; i++) {
            if (steps[i].from != from || steps[i].number != tag >> 3) {
                continue;
            }
            if (steps[i].to == MARKED || steps[i].to == BLANKED) {
                replace(at, at + len, steps[i].to == MARKED ? GEN_NUL_MARK : ' ');
            } else {
                walk(steps[i].to, at, at + len, depth + 1);
            }
        }
        at += len;
    }
}

bool gen_mark_nuls(csvc_arena *a, csvc_bytes bytes, bool is_set, csvc_bytes *ret_bytes)
{
    uint8_t *copy = csvc_arena_alloc(a, bytes.len);

    if (copy == NULL) {
        return false;
    }
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    walk(is_set ? SET : REQUEST, copy, copy + bytes.len, 0);
    *ret_bytes = (csvc_bytes){bytes.len, copy};
    return true;
}
