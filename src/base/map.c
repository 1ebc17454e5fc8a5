#include "base/map.h"

uint64_t ig_hash(const void *data, size_t n, uint64_t seed) {
    const uint8_t *p = data;
    uint64_t h = 0xcbf29ce484222325u ^ seed;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return h ^ (h >> 29);
}

void ig_map_init(ig_map *map, ig_arena *arena) { *map = (ig_map){.arena = arena}; }

static size_t slot_of(const ig_map *map, uint64_t key) {
    uint64_t h = (key ^ (key >> 32)) * 0x9E3779B97F4A7C15u; /* Fibonacci hashing, Knuth vol. 3, 6.4 */
    return (size_t)(h >> 20) & (map->n_slots - 1);
}

static ig_map_entry *find(const ig_map *map, uint64_t key) {
    if (map->n_slots == 0) return NULL;
    for (size_t s = slot_of(map, key); map->slots[s]; s = (s + 1) & (map->n_slots - 1)) {
        ig_map_entry *e = &map->entries[map->slots[s] - 1];
        if (e->key == key) return e;
    }
    return NULL;
}

void *ig_map_get(const ig_map *map, uint64_t key) {
    ig_map_entry *e = find(map, key);
    return e ? e->value : NULL;
}

static void put_slot(ig_map *map, size_t index) {
    size_t s = slot_of(map, map->entries[index].key);
    while (map->slots[s]) s = (s + 1) & (map->n_slots - 1);
    map->slots[s] = (uint32_t)index + 1;
}

static bool grow(ig_map *map) {
    size_t cap = map->cap ? map->cap * 2 : 8;
    if (cap > UINT32_MAX / 4) return false;
    ig_map_entry *entries = IG_NEW_ARRAY(map->arena, ig_map_entry, cap);
    uint32_t *slots = IG_NEW_ARRAY(map->arena, uint32_t, cap * 2);
    if (!entries || !slots) return false;
    if (map->n) memcpy(entries, map->entries, map->n * sizeof *entries);
    map->entries = entries;
    map->slots = slots;
    map->cap = cap;
    map->n_slots = cap * 2;
    for (size_t i = 0; i < map->n; i++) put_slot(map, i);
    return true;
}

bool ig_map_set(ig_map *map, uint64_t key, void *value) {
    ig_map_entry *e = find(map, key);
    if (e) {
        e->value = value;
        return true;
    }
    if (map->n == map->cap && !grow(map)) return false;
    map->entries[map->n] = (ig_map_entry){key, value};
    put_slot(map, map->n++);
    return true;
}

void ig_map_remove(ig_map *map, uint64_t key) {
    ig_map_entry *e = find(map, key);
    if (e) e->value = NULL;
}

void ig_map_clear(ig_map *map) {
    map->n = 0;
    if (map->n_slots) memset(map->slots, 0, map->n_slots * sizeof *map->slots);
}
