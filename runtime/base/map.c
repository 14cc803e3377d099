/* base/map.c: entries in an array, their indices in an open-addressed table. */
#include <base/map.h>
#include <csvc/alloc.h>

#include <string.h>

#include <base/banned.h>

enum {
    FIRST_ENTRIES = 8,
    FIRST_SLOTS = 16,
    MAX_ENTRIES = 1 << 28
};

uint64_t csvc__hash(const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ p[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

void csvc__map_init(csvc__map *map)
{
    *map = (csvc__map){0};
}

void csvc__map_release(csvc__map *map)
{
    for (size_t i = 0; i < map->n_entries; i++) {
        csvc__free(map->entries[i].key);
    }
    csvc__free(map->entries);
    csvc__free(map->slots);
    *map = (csvc__map){0};
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t find_slot(const csvc__map *map, const char *key, size_t len, uint64_t hash)
{
    size_t at = (size_t)hash & (map->n_slots - 1);

    for (;;) {
        const csvc__map_entry *entry;

        if (map->slots[at] == 0) {
            return at;
        }
        entry = &map->entries[map->slots[at] - 1];
        if (entry->hash == hash && entry->key_len == len && memcmp(entry->key, key, len) == 0) {
            return at;
        }
        at = (at + 1) & (map->n_slots - 1);
    }
}

void *csvc__map_get_n(const csvc__map *map, const char *key, size_t len)
{
    size_t at;

    if (map->n_entries == 0) {
        return NULL;
    }
    at = find_slot(map, key, len, csvc__hash(key, len));
    return map->slots[at] != 0 ? map->entries[map->slots[at] - 1].value : NULL;
}

void *csvc__map_get(const csvc__map *map, const char *key)
{
    return csvc__map_get_n(map, key, strlen(key));
}

/* Slots for twice as many entries; at most half of them are ever in use. */
static bool grow_slots(csvc__map *map)
{
    size_t n_slots = map->n_slots > 0 ? map->n_slots * 2 : FIRST_SLOTS;
    uint32_t *slots = csvc__calloc(n_slots, sizeof(*slots));

    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < map->n_entries; i++) {
        size_t at = (size_t)map->entries[i].hash & (n_slots - 1);

        while (slots[at] != 0) {
            at = (at + 1) & (n_slots - 1);
        }
        slots[at] = (uint32_t)i + 1;
    }
    csvc__free(map->slots);
    map->slots = slots;
    map->n_slots = n_slots;
    return true;
}

static bool grow_entries(csvc__map *map)
{
    size_t max_entries = map->max_entries > 0 ? map->max_entries * 2 : FIRST_ENTRIES;
    csvc__map_entry *entries;

    if (max_entries > MAX_ENTRIES) {
        return false;
    }
    entries = csvc__realloc(map->entries, max_entries * sizeof(*entries));
    if (entries == NULL) {
        return false;
    }
    map->entries = entries;
    map->max_entries = max_entries;
    return true;
}

bool csvc__map_put(csvc__map *map, const char *key, void *value)
{
    size_t len = strlen(key);
    uint64_t hash = csvc__hash(key, len);
    size_t at;
    char *copy;

    if ((map->n_entries + 1) * 2 > map->n_slots && !grow_slots(map)) {
        return false;
    }
    at = find_slot(map, key, len, hash);
    if (map->slots[at] != 0) {
        map->entries[map->slots[at] - 1].value = value;
        return true;
    }
    if (map->n_entries == map->max_entries && !grow_entries(map)) {
        return false;
    }
    copy = csvc__strdup(key);
    if (copy == NULL) {
        return false;
    }
    map->entries[map->n_entries++] =
        (csvc__map_entry){.key = copy, .key_len = len, .hash = hash, .value = value};
    map->slots[at] = (uint32_t)map->n_entries;
    return true;
}
