/* check/rules.c: rules of values that do not fit the type of their field. */
#include <math.h>

#include "check/parts.h"

#include "base/banned.h"

#define LARGEST_WHOLE 9007199254740992.0 /* 2^53: what a double holds exactly */

/* The field whose values a rule is about: of a map its value, of a wrapper what is in it. */
static const gen_field *valued(const gen_field *field)
{
    if ((field->flags & CSVC_FIELD_MAP) != 0) {
        field = field->message->by_number[1];
    }
    if (field->kind == CSVC_KIND_MESSAGE && field->message->well_known == CSVC_WKT_WRAPPER) {
        field = field->message->by_number[0];
    }
    return field;
}

static void misfit(gen_checking *c, const gen_field *field, const char *option, const char *wants)
{
    gen_report(c->diag, GEN_ERROR, field->place, "(c_svc.field).%s of %s does not fit its type",
               option, field->name);
    gen_report(c->diag, GEN_NOTE, field->place, "it is for %s", wants);
}

static bool is_number(csvc_kind kind)
{
    return kind != CSVC_KIND_BOOL && kind != CSVC_KIND_ENUM && kind != CSVC_KIND_STRING &&
           kind != CSVC_KIND_BYTES && kind != CSVC_KIND_MESSAGE;
}

/* What whole numbers of this kind lie between; false for the others. */
static bool range_of(csvc_kind kind, double *ret_low, double *ret_high)
{
    switch (kind) {
    case CSVC_KIND_INT32:
    case CSVC_KIND_SINT32:
    case CSVC_KIND_SFIXED32:
        *ret_low = -2147483648.0;
        *ret_high = 2147483647.0;
        return true;
    case CSVC_KIND_UINT32:
    case CSVC_KIND_FIXED32:
        *ret_low = 0;
        *ret_high = 4294967295.0;
        return true;
    case CSVC_KIND_INT64:
    case CSVC_KIND_SINT64:
    case CSVC_KIND_SFIXED64:
        *ret_low = -LARGEST_WHOLE;
        *ret_high = LARGEST_WHOLE;
        return true;
    case CSVC_KIND_UINT64:
    case CSVC_KIND_FIXED64:
        *ret_low = 0;
        *ret_high = LARGEST_WHOLE;
        return true;
    default:
        return false;
    }
}

static void check_bound(gen_checking *c, const gen_field *field, csvc_kind kind, const char *option,
                        double value)
{
    double low, high;

    if (isnan(value) || isinf(value)) {
        gen_report(c->diag, GEN_ERROR, field->place, "(c_svc.field).%s of %s is no number", option,
                   field->name);
        gen_report(c->diag, GEN_NOTE, field->place, "leave out a bound that is none");
    } else if (range_of(kind, &low, &high) &&
               (value < low || value > high || value > floor(value) || value < floor(value))) {
        gen_report(c->diag, GEN_ERROR, field->place,
                   "(c_svc.field).%s of %s is %.17g, which is no whole number from %.17g to %.17g",
                   option, field->name, value, low, high);
        gen_report(c->diag, GEN_NOTE, field->place, "only such a one can be compared with it");
    }
}

static void check_order(gen_checking *c, const gen_field *field, bool wrong, const char *least,
                        const char *most)
{
    if (wrong) {
        gen_report(c->diag, GEN_ERROR, field->place, "(c_svc.field).%s of %s is larger than its %s",
                   least, field->name, most);
        gen_report(c->diag, GEN_NOTE, field->place, "no value can keep both");
    }
}

void gen_check_rules(gen_checking *c, const gen_field *field)
{
    const gen_field_options *o = &field->options;
    const bool column = field->parent->entity != NULL; /* whose max_len is about any type */
    const uint32_t both_lens = CSVC_RULE_MIN_LEN | CSVC_RULE_MAX_LEN;
    const uint32_t both_items = CSVC_RULE_MIN_ITEMS | CSVC_RULE_MAX_ITEMS;
    const uint32_t bounds = CSVC_RULE_MIN | CSVC_RULE_MAX;
    csvc_kind kind;

    if (o->rules == 0) {
        return;
    }
    kind = valued(field)->kind;
    if (kind != CSVC_KIND_STRING && kind != CSVC_KIND_BYTES) {
        if ((o->rules & CSVC_RULE_MIN_LEN) != 0) {
            misfit(c, field, "min_len", "strings and bytes");
        }
        if ((o->rules & CSVC_RULE_MAX_LEN) != 0 && !column) {
            misfit(c, field, "max_len", "strings and bytes");
        }
    }
    if ((o->rules & bounds) != 0 && !is_number(kind)) {
        misfit(c, field, (o->rules & CSVC_RULE_MIN) != 0 ? "min" : "max", "numbers");
        return;
    }
    if ((o->rules & both_items) != 0 && field->label != CSVC_LABEL_REPEATED) {
        misfit(c, field, (o->rules & CSVC_RULE_MIN_ITEMS) != 0 ? "min_items" : "max_items",
               "repeated fields and maps");
    }
    if ((o->rules & CSVC_RULE_DEFINED) != 0 && kind != CSVC_KIND_ENUM) {
        misfit(c, field, "defined_only", "enums");
    }
    if ((o->rules & CSVC_RULE_REQUIRED) != 0 && !column && field->oneof != NULL &&
        !field->oneof->synthetic) {
        misfit(c, field, "required", "fields outside a oneof, of which one member may be there");
    }
    if ((o->rules & CSVC_RULE_MIN) != 0) {
        check_bound(c, field, kind, "min", o->min);
    }
    if ((o->rules & CSVC_RULE_MAX) != 0) {
        check_bound(c, field, kind, "max", o->max);
    }
    check_order(c, field, (o->rules & both_lens) == both_lens && o->min_len > o->max_len, "min_len",
                "max_len");
    check_order(c, field, (o->rules & both_items) == both_items && o->min_items > o->max_items,
                "min_items", "max_items");
    check_order(c, field, (o->rules & bounds) == bounds && o->min > o->max, "min", "max");
}
