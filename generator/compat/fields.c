/* compat/fields.c: a field of one number in two versions of its message. */
#include "compat/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#include "base/banned.h"

/* `Field "1" with name "id" on message "User"` */
#define FIELD         "%s \"%u\" with name \"%s\" on message \"%s\""
#define FIELD_OF(now) what_is(now), (unsigned)(now)->number, (now)->name, owner_of(now)

static const char *what_is(const gen_field *field)
{
    return field->extendee != NULL ? "Extension" : "Field";
}

static const char *owner_of(const gen_field *field)
{
    return field->extendee != NULL ? field->extendee : field->parent->name;
}

static bool is_of_map(const gen_field *field)
{
    return field->extendee == NULL && field->parent->map_entry;
}

/* Entries of maps stand nowhere: at the field that is the map. */
static gen_place place_of(const gen_field *field)
{
    const gen_message *entry = field->parent;

    for (size_t i = 0; is_of_map(field) && entry->parent != NULL && i < entry->parent->n_fields;
         i++) {
        if (entry->parent->fields[i]->message == entry) {
            return entry->parent->fields[i]->place;
        }
    }
    return field->place;
}

/* ---- types ---- */

/* Kinds of one group can be exchanged; 0: not by a group. */
typedef struct kind_groups {
    const char *name;
    uint8_t wire, json;
} kind_groups;

static kind_groups groups_of(const gen_field *field)
{
    switch (field->kind) {
    case CSVC_KIND_INT32:
        return (kind_groups){"int32", 1, 1};
    case CSVC_KIND_UINT32:
        return (kind_groups){"uint32", 1, 1};
    case CSVC_KIND_INT64:
        return (kind_groups){"int64", 1, 2};
    case CSVC_KIND_UINT64:
        return (kind_groups){"uint64", 1, 2};
    case CSVC_KIND_BOOL:
        return (kind_groups){"bool", 1, 3};
    case CSVC_KIND_SINT32:
        return (kind_groups){"sint32", 2, 4};
    case CSVC_KIND_SINT64:
        return (kind_groups){"sint64", 2, 5};
    case CSVC_KIND_STRING:
        return (kind_groups){"string", 3, 6};
    case CSVC_KIND_BYTES:
        return (kind_groups){"bytes", 4, 7};
    case CSVC_KIND_FIXED32:
        return (kind_groups){"fixed32", 5, 8};
    case CSVC_KIND_SFIXED32:
        return (kind_groups){"sfixed32", 5, 8};
    case CSVC_KIND_FIXED64:
        return (kind_groups){"fixed64", 6, 9};
    case CSVC_KIND_SFIXED64:
        return (kind_groups){"sfixed64", 6, 9};
    case CSVC_KIND_DOUBLE:
        return (kind_groups){"double", 7, 10};
    case CSVC_KIND_FLOAT:
        return (kind_groups){"float", 8, 11};
    case CSVC_KIND_ENUM:
        return (kind_groups){"enum", 9, 12};
    default:
        return field->group ? (kind_groups){"group", 10, 13} : (kind_groups){"message", 11, 14};
    }
}

/* Whether all values of one are values of the other, by name and number. */
static bool is_subset(const gen_enum *before, const gen_enum *now)
{
    for (size_t i = 0; i < before->n_values; i++) {
        bool found = false;

        for (size_t k = 0; k < now->n_values && !found; k++) {
            found = before->values[i].number == now->values[k].number &&
                    strcmp(before->values[i].name, now->values[k].name) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static void compare_types(compat_run *run, const gen_field *before, const gen_field *now)
{
    const kind_groups then = groups_of(before);
    const kind_groups group = groups_of(now);
    const char *from = NULL;
    const char *to = NULL;

    if (then.wire != group.wire &&
        !(before->kind == CSVC_KIND_STRING && now->kind == CSVC_KIND_BYTES)) {
        compat_report(run, COMPAT_FIELD_WIRE_COMPATIBLE_TYPE, place_of(now),
                      FIELD " changed type from \"%s\" to \"%s\"", FIELD_OF(now), then.name,
                      group.name);
        return;
    }
    if (then.json != group.json) {
        compat_report(run, COMPAT_FIELD_WIRE_JSON_COMPATIBLE_TYPE, place_of(now),
                      FIELD " changed type from \"%s\" to \"%s\"", FIELD_OF(now), then.name,
                      group.name);
        return;
    }
    if (before->message != NULL && now->message != NULL) {
        from = before->message->full_name;
        to = now->message->full_name;
    } else if (before->enumeration != NULL && now->enumeration != NULL &&
               (strcmp(before->enumeration->name, now->enumeration->name) != 0 ||
                !is_subset(before->enumeration, now->enumeration))) {
        from = before->enumeration->full_name;
        to = now->enumeration->full_name;
    }
    if (from != NULL && strcmp(from, to) != 0) {
        compat_report(run, COMPAT_FIELD_WIRE_COMPATIBLE_TYPE, place_of(now),
                      FIELD " changed type from \"%s\" to \"%s\"", FIELD_OF(now), from, to);
    }
}

/* ---- how many ---- */

typedef enum cardinality {
    EXPLICIT,
    IMPLICIT,
    REQUIRED,
    REPEATED,
    MAP,
} cardinality;

static cardinality cardinality_of(const gen_field *field)
{
    switch (field->label) {
    case CSVC_LABEL_REQUIRED:
        return REQUIRED;
    case CSVC_LABEL_REPEATED:
        return field->message != NULL && field->message->map_entry ? MAP : REPEATED;
    case CSVC_LABEL_IMPLICIT:
        return IMPLICIT;
    default:
        return EXPLICIT;
    }
}

static void compare_cardinality(compat_run *run, const gen_field *before, const gen_field *now)
{
    static const struct {
        const char *name;
        uint8_t wire, json;
    } kinds[] = {
        [EXPLICIT] = {"optional with explicit presence", 1, 1},
        [IMPLICIT] = {"optional with implicit presence", 1, 1},
        [REQUIRED] = {"required", 2, 2},
        [REPEATED] = {"repeated", 3, 3},
        [MAP] = {"map", 3, 4},
    };
    cardinality then = cardinality_of(before);
    cardinality here = cardinality_of(now);

    if (is_of_map(before) && is_of_map(now)) {
        return;
    }
    if (kinds[then].json != kinds[here].json) {
        compat_report(run,
                      kinds[then].wire != kinds[here].wire
                          ? COMPAT_FIELD_WIRE_COMPATIBLE_CARDINALITY
                          : COMPAT_FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY,
                      place_of(now), FIELD " changed cardinality from \"%s\" to \"%s\"",
                      FIELD_OF(now), kinds[then].name, kinds[here].name);
    }
}

/* ---- oneofs ---- */

static const gen_oneof *oneof_of(const gen_field *field)
{
    return field->oneof != NULL && !field->oneof->synthetic ? field->oneof : NULL;
}

static void compare_oneofs(compat_run *run, const gen_field *before, const gen_field *now)
{
    const gen_oneof *then = oneof_of(before);
    const gen_oneof *here = oneof_of(now);

    if (then != NULL && here != NULL && strcmp(then->name, here->name) != 0) {
        compat_report(run, COMPAT_FIELD_SAME_ONEOF, place_of(now),
                      FIELD " moved from oneof \"%s\" to oneof \"%s\"", FIELD_OF(now), then->name,
                      here->name);
    } else if ((then != NULL) != (here != NULL)) {
        compat_report(run, COMPAT_FIELD_SAME_ONEOF, place_of(now),
                      FIELD " moved from %s to %s a oneof", FIELD_OF(now),
                      then != NULL ? "inside" : "outside", here != NULL ? "inside" : "outside");
    }
}

/* ---- defaults ---- */

static bool is_text(const gen_field *field)
{
    return field->kind == CSVC_KIND_STRING || field->kind == CSVC_KIND_BYTES;
}

static bool has_default(const gen_field *field)
{
    return field->label != CSVC_LABEL_REPEATED && field->message == NULL;
}

static const char *default_of(const gen_field *field)
{
    if (field->default_text != NULL) {
        return field->default_text;
    }
    if (field->enumeration != NULL && field->enumeration->n_values > 0) {
        return field->enumeration->values[0].name;
    }
    return is_text(field) ? "" : field->kind == CSVC_KIND_BOOL ? "false" : "0";
}

/* A default that is a number, with the digits of 64 bits: `whole` as far as it is one, else `real`.
 */
typedef struct number {
    bool is_whole, is_negative;
    uint64_t whole; /* its size */
    double real;
} number;

static number whole_number(int64_t value)
{
    return (number){.is_whole = true,
                    .is_negative = value < 0,
                    .whole = value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value};
}

static number number_of(const gen_field *field)
{
    const char *text = default_of(field);
    const char *digits = text + (*text == '-');

    if (field->kind == CSVC_KIND_BOOL) {
        return whole_number(strcmp(text, "true") == 0);
    }
    if (field->enumeration != NULL) {
        for (size_t i = 0; i < field->enumeration->n_values; i++) {
            if (strcmp(field->enumeration->values[i].name, text) == 0) {
                return whole_number(field->enumeration->values[i].number);
            }
        }
        return whole_number(0);
    }
    if (field->kind != CSVC_KIND_FLOAT && field->kind != CSVC_KIND_DOUBLE) {
        uint64_t value = strtoull(digits, NULL, 10);

        return (number){
            .is_whole = true, .is_negative = *text == '-' && value != 0, .whole = value};
    }
    return (number){.real = field->kind == CSVC_KIND_FLOAT ? (double)strtof(text, NULL)
                                                           : strtod(text, NULL)};
}

static double as_real(const number *n)
{
    return !n->is_whole ? n->real : n->is_negative ? -(double)n->whole : (double)n->whole;
}

static bool same_default(const gen_field *before, const gen_field *now)
{
    number x;
    number y;

    if (is_text(before) || is_text(now)) {
        return is_text(before) && is_text(now) && strcmp(default_of(before), default_of(now)) == 0;
    }
    x = number_of(before);
    y = number_of(now);
    if (x.is_whole && y.is_whole) {
        return x.is_negative == y.is_negative && x.whole == y.whole;
    }
    if (before->kind == CSVC_KIND_FLOAT || now->kind == CSVC_KIND_FLOAT) {
        return (float)as_real(&x) == (float)as_real(&y) ||
               (as_real(&x) != as_real(&x) && as_real(&y) != as_real(&y)); /* both are nan */
    }
    return as_real(&x) == as_real(&y) || (as_real(&x) != as_real(&x) && as_real(&y) != as_real(&y));
}

/* Nothing to lose: the value of a field that nobody set. */
static bool is_zero(const gen_field *field)
{
    number n;

    if (is_text(field)) {
        return *default_of(field) == '\0';
    }
    n = number_of(field);
    return n.is_whole ? n.whole == 0 : n.real == 0;
}

static void put_default(csvc__buffer *b, const gen_field *field)
{
    if (is_text(field)) {
        csvc__buffer_printf(b, "\"%s\"", default_of(field));
    } else {
        csvc__buffer_printf(b, "%s%s%s", field->enumeration != NULL ? field->enumeration->name : "",
                            field->enumeration != NULL ? "." : "", default_of(field));
    }
}

static void compare_defaults(compat_run *run, const gen_field *before, const gen_field *now)
{
    csvc__buffer text;

    if (!has_default(before) || !has_default(now) || (is_zero(before) && is_zero(now)) ||
        same_default(before, now)) {
        return;
    }
    csvc__buffer_init(&text, 1 << 20);
    put_default(&text, before);
    csvc__buffer_puts(&text, " to ");
    put_default(&text, now);
    if (!csvc__buffer_ok(&text)) {
        run->diag->failed = true;
    } else {
        compat_report(run, COMPAT_FIELD_SAME_DEFAULT, place_of(now),
                      FIELD " changed default value from %s", FIELD_OF(now), text.data);
    }
    csvc__buffer_release(&text);
}

/* ---- all of it ---- */

void compat_field(compat_run *run, const gen_field *before, const gen_field *now)
{
    compare_types(run, before, now);
    compare_cardinality(run, before, now);
    compare_oneofs(run, before, now);
    compare_defaults(run, before, now);
    if (strcmp(before->name, now->name) != 0) {
        compat_report(run, COMPAT_FIELD_SAME_NAME, place_of(now),
                      "%s \"%u\" on message \"%s\" changed name from \"%s\" to \"%s\"",
                      what_is(now), (unsigned)now->number, owner_of(now), before->name, now->name);
    }
    if (now->extendee == NULL && strcmp(before->json_name, now->json_name) != 0) {
        compat_report(run, COMPAT_FIELD_SAME_JSON_NAME, place_of(now),
                      FIELD " changed option \"json_name\" from \"%s\" to \"%s\"", FIELD_OF(now),
                      before->json_name, now->json_name);
    }
}
