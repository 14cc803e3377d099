/*
 * base/map.h: a hash table from text to pointer.
 *
 * Keys are copied; values are the caller's. Entries are kept in the order they were put in, so
 * walking one is deterministic. Removing is not offered: nobody needs it.
 */
#ifndef CSVC_BASE_MAP_H
#define CSVC_BASE_MAP_H

#include <csvc/common.h>

typedef struct csvc__map_entry {
    char *key;
    size_t key_len;
    uint64_t hash;
    void *value;
} csvc__map_entry;

typedef struct csvc__map {
    csvc__map_entry *entries; /* in order of insertion */
    size_t n_entries, max_entries;
    uint32_t *slots; /* index + 1 into entries, 0: empty */
    size_t n_slots;  /* a power of two */
} csvc__map;

CSVC_API void csvc__map_init(csvc__map *map);
CSVC_API void csvc__map_release(csvc__map *map);

/* The value of a key, or NULL. */
CSVC_API void *csvc__map_get(const csvc__map *map, const char *key);
CSVC_API void *csvc__map_get_n(const csvc__map *map, const char *key, size_t len);

/* Puts a value under a key; the one that was there is replaced. False when memory is short. */
CSVC_API bool csvc__map_put(csvc__map *map, const char *key, void *value) CSVC_MUST_CHECK;

/* FNV-1a, 64 bits. */
CSVC_API uint64_t csvc__hash(const void *data, size_t len);

#endif /* CSVC_BASE_MAP_H */
