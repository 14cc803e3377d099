/* codec/map_order.h: the entries of a map, sorted by their keys. */
#ifndef CSVC_CODEC_MAP_ORDER_H
#define CSVC_CODEC_MAP_ORDER_H

#include <csvc/message.h>

/* Below, at or above 0, as the key of one entry is below, equal to or above another's. */
int csvc__map_compare(const csvc_message_type *entry_type, const void *x, const void *y);

/*
 * The indices of the entries in the order of their keys; those with one key in the order they
 * have. n log n comparisons at most. NULL when memory is short; give it to csvc__map_order_free.
 */
uint32_t *csvc__map_order(const csvc_message_type *entry_type, void *const *entries, size_t n);
void csvc__map_order_free(uint32_t *order);

#endif /* CSVC_CODEC_MAP_ORDER_H */
