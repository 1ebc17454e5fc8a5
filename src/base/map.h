/* A hash map from a pointer or 64-bit key to a pointer, in an arena. Interned names (base/name.h) are its usual keys. Iterates
 * in order of insertion, so that nothing depends on addresses. */
#ifndef IG_BASE_MAP_H
#define IG_BASE_MAP_H

#include "base/arena.h"

typedef struct ig_map_entry {
    uint64_t key;
    void *value; /* NULL: removed */
} ig_map_entry;

typedef struct ig_map {
    ig_arena *arena;
    ig_map_entry *entries; /* in order of insertion */
    uint32_t *slots;       /* entry index + 1; size is a power of two */
    size_t n, cap, n_slots;
} ig_map;

void ig_map_init(ig_map *map, ig_arena *arena);
void *ig_map_get(const ig_map *map, uint64_t key); /* NULL when absent */
/* Sets or replaces; value must not be NULL. False when memory runs out. */
bool ig_map_set(ig_map *map, uint64_t key, void *value);
void ig_map_remove(ig_map *map, uint64_t key);
/* Forgets all entries, keeps the room. */
void ig_map_clear(ig_map *map);

#define IG_KEY(pointer) ((uint64_t)(uintptr_t)(pointer))

/* FNV-1a, 64 bits: for contents, not against an adversary who wants collisions. */
uint64_t ig_hash(const void *data, size_t n, uint64_t seed);

#endif
