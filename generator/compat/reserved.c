/* compat/reserved.c: reserved numbers and names. */
#include "compat/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#include "base/banned.h"

static int by_first(const void *x, const void *y)
{
    const compat_range *a = x;
    const compat_range *b = y;

    return a->first != b->first ? (a->first > b->first) - (a->first < b->first)
                                : (a->last > b->last) - (a->last < b->last);
}

compat_reserved compat_reserved_message(csvc_arena *a, const gen_message *message)
{
    const CsvcPb__DescriptorProto *proto = message->proto;
    compat_reserved reserved = {.kind = "message",
                                .name = message->name,
                                .place = message->place,
                                .n_ranges = proto->n_reserved_range,
                                .names = proto->reserved_name,
                                .n_names = proto->n_reserved_name,
                                .max = 536870911};

    if (reserved.n_ranges > 0) {
        reserved.ranges = csvc_arena_calloc(a, reserved.n_ranges, sizeof(*reserved.ranges));
    }
    for (size_t i = 0; reserved.ranges != NULL && i < reserved.n_ranges; i++) {
        reserved.ranges[i] = (compat_range){.first = proto->reserved_range[i]->start,
                                            .last = (int64_t)proto->reserved_range[i]->end - 1};
    }
    return reserved;
}

compat_reserved compat_reserved_enum(csvc_arena *a, const gen_enum *e)
{
    const CsvcPb__EnumDescriptorProto *proto = e->proto;
    compat_reserved reserved = {.kind = "enum",
                                .name = e->name,
                                .place = e->place,
                                .n_ranges = proto->n_reserved_range,
                                .names = proto->reserved_name,
                                .n_names = proto->n_reserved_name,
                                .max = INT32_MAX};

    if (reserved.n_ranges > 0) {
        reserved.ranges = csvc_arena_calloc(a, reserved.n_ranges, sizeof(*reserved.ranges));
    }
    for (size_t i = 0; reserved.ranges != NULL && i < reserved.n_ranges; i++) {
        reserved.ranges[i] = (compat_range){.first = proto->reserved_range[i]->start,
                                            .last = proto->reserved_range[i]->end};
    }
    return reserved;
}

bool compat_reserves_number(const compat_reserved *reserved, int64_t number)
{
    for (size_t i = 0; i < reserved->n_ranges; i++) {
        if (number >= reserved->ranges[i].first && number <= reserved->ranges[i].last) {
            return true;
        }
    }
    return false;
}

bool compat_reserves_name(const compat_reserved *reserved, const char *name)
{
    for (size_t i = 0; i < reserved->n_names; i++) {
        if (strcmp(reserved->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void put_range(csvc__buffer *b, int64_t first, int64_t last, int64_t max)
{
    csvc__buffer_puts(b, b->len > 0 ? ", " : "");
    if (first == last) {
        csvc__buffer_printf(b, "[%lld]", (long long)first);
    } else if (last == max) {
        csvc__buffer_printf(b, "[%lld,max]", (long long)first);
    } else {
        csvc__buffer_printf(b, "[%lld,%lld]", (long long)first, (long long)last);
    }
}

/* What of `range` is in none of the sorted ones. */
static void put_missing(csvc__buffer *b, const compat_range *range, const compat_reserved *now)
{
    int64_t first = range->first;

    for (size_t i = 0; i < now->n_ranges && first <= range->last; i++) {
        const compat_range *has = &now->ranges[i];

        if (has->last < first || has->first > range->last) {
            continue;
        }
        if (has->first > first) {
            put_range(b, first, has->first - 1, now->max);
        }
        first = has->last + 1;
    }
    if (first <= range->last) {
        put_range(b, first, range->last, now->max);
    }
}

void compat_reserved_compare(compat_run *run, compat_rule rule, const compat_reserved *before,
                             const compat_reserved *now)
{
    if ((before->n_ranges > 0 && before->ranges == NULL) ||
        (now->n_ranges > 0 && now->ranges == NULL)) {
        run->diag->failed = true;
        return;
    }
    if (now->n_ranges > 1) {
        qsort(now->ranges, now->n_ranges, sizeof(*now->ranges), by_first);
    }
    for (size_t i = 0; i < before->n_ranges; i++) {
        csvc__buffer missing;
        csvc__buffer whole;

        csvc__buffer_init(&missing, 1 << 20);
        csvc__buffer_init(&whole, 256);
        put_missing(&missing, &before->ranges[i], now);
        put_range(&whole, before->ranges[i].first, before->ranges[i].last, before->max);
        if (!csvc__buffer_ok(&missing) || !csvc__buffer_ok(&whole)) {
            run->diag->failed = true;
        } else if (missing.len > 0) {
            compat_report(run, rule, now->place,
                          "Previously present reserved range \"%s\" on %s \"%s\" is missing "
                          "values: %s were removed",
                          whole.data, now->kind, now->name, missing.data);
        }
        csvc__buffer_release(&missing);
        csvc__buffer_release(&whole);
    }
    for (size_t i = 0; i < before->n_names; i++) {
        if (!compat_reserves_name(now, before->names[i])) {
            compat_report(run, rule, now->place,
                          "Previously present reserved name \"%s\" on %s \"%s\" was deleted",
                          before->names[i], now->kind, now->name);
        }
    }
}
