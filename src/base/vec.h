/* A growing array in an arena: struct { T *items; size_t n, cap; }. Growth copies, the old array stays in the arena (at most
 * as much again is wasted). */
#ifndef IG_BASE_VEC_H
#define IG_BASE_VEC_H

#include "base/arena.h"

#define IG_VEC(type)                                                                                                           \
    struct {                                                                                                                   \
        type *items;                                                                                                           \
        size_t n, cap;                                                                                                         \
    }

/* Makes room for one more item; false when memory runs out. */
bool ig_vec_grow_(ig_arena *arena, void **items, size_t n, size_t *cap, size_t item_size);

#define IG_VEC_ROOM(arena, vec)                                                                                                \
    ((vec)->n < (vec)->cap || ig_vec_grow_((arena), (void **)&(vec)->items, (vec)->n, &(vec)->cap, sizeof(*(vec)->items)))
/* Appends; evaluates to false when memory runs out. */
#define IG_PUSH(arena, vec, item) (IG_VEC_ROOM(arena, vec) ? ((vec)->items[(vec)->n++] = (item), true) : false)

#endif
