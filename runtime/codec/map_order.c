/* codec/map_order.c: a merge sort, for a bound on its time and for its stability. */
#include <codec/map_order.h>
#include <codec/wire.h>
#include <csvc/alloc.h>

#include <base/banned.h>

int csvc__map_compare(const csvc_message_type *entry_type, const void *x, const void *y)
{
    const csvc_field *key = &entry_type->fields[0];
    uint64_t a;
    uint64_t b;

    if (key->kind == CSVC_KIND_STRING) {
        const char *s = csvc__get_pointer(x, key->offset);
        const char *t = csvc__get_pointer(y, key->offset);

        return strcmp(s != NULL ? s : "", t != NULL ? t : "");
    }
    /* any order will do, so signs do not matter */
    if (key->kind == CSVC_KIND_BOOL) {
        a = csvc__get32(x, key->offset) != 0;
        b = csvc__get32(y, key->offset) != 0;
    } else if (csvc__size_of(key->kind) == 8) {
        a = csvc__get64(x, key->offset);
        b = csvc__get64(y, key->offset);
    } else {
        a = csvc__get32(x, key->offset);
        b = csvc__get32(y, key->offset);
    }
    return (a > b) - (a < b);
}

uint32_t *csvc__map_order(const csvc_message_type *entry_type, void *const *entries, size_t n)
{
    uint32_t *memory = n <= UINT32_MAX ? csvc__calloc(n > 0 ? n : 1, 2 * sizeof(*memory)) : NULL;
    uint32_t *from;
    uint32_t *to;

    if (memory == NULL) {
        return NULL;
    }
    from = memory;
    to = memory + n;
    for (size_t i = 0; i < n; i++) {
        from[i] = (uint32_t)i;
    }
    for (size_t run = 1; run < n; run *= 2) {
        uint32_t *swap = from;

        for (size_t start = 0; start < n; start += 2 * run) {
            size_t left = start;
            size_t left_end = start + run < n ? start + run : n;
            size_t right = left_end;
            size_t right_end = left_end + run < n ? left_end + run : n;

            for (size_t i = start; i < right_end; i++) {
                bool take_left =
                    right == right_end ||
                    (left < left_end &&
                     csvc__map_compare(entry_type, entries[from[left]], entries[from[right]]) <= 0);

                to[i] = take_left ? from[left++] : from[right++];
            }
        }
        from = to;
        to = swap;
    }
    if (from != memory) {
        memcpy(memory, from, n * sizeof(*memory));
    }
    return memory;
}

void csvc__map_order_free(uint32_t *order)
{
    csvc__free(order);
}
