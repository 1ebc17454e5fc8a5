#include "base/vec.h"

bool ig_vec_grow_(ig_arena *arena, void **items, size_t n, size_t *cap, size_t item_size) {
    size_t larger = *cap ? *cap * 2 : 4;
    if (larger < *cap) return false;
    void *p = ig_arena_array(arena, larger, item_size);
    if (!p) return false;
    if (n) memcpy(p, *items, n * item_size);
    *items = p;
    *cap = larger;
    return true;
}
