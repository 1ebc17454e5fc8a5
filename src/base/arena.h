/* An arena: memory that lives and dies together. Blocks come from the context, nothing is freed one by one. */
#ifndef IG_BASE_ARENA_H
#define IG_BASE_ARENA_H

#include "base/context.h"

typedef struct ig_arena_block ig_arena_block;

typedef struct ig_arena {
    ig_context *context; /* not retained */
    ig_arena_block *blocks;
    char *next, *end;
    size_t block_size; /* of the next block; grows */
} ig_arena;

void ig_arena_init(ig_arena *arena, ig_context *context);
void ig_arena_free(ig_arena *arena);
/* Forgets all content but keeps one block for use again. */
void ig_arena_reset(ig_arena *arena);
/* Zeroed, 16-byte aligned; NULL when memory runs out. A size of 0 gives a valid pointer. */
void *ig_arena_alloc(ig_arena *arena, size_t size);
/* n elements of `size` bytes, checked for overflow. */
void *ig_arena_array(ig_arena *arena, size_t n, size_t size);
/* A copy with a NUL behind it; the absent string stays absent. Sets *ok to false when memory runs out. */
ig_str ig_arena_str(ig_arena *arena, ig_str text, bool *ok);
char *ig_arena_printf(ig_arena *arena, const char *format, ...) IG_PRINTF(2, 3);

#define IG_NEW(arena, type)          ((type *)ig_arena_alloc((arena), sizeof(type)))
#define IG_NEW_ARRAY(arena, type, n) ((type *)ig_arena_array((arena), (n), sizeof(type)))

#endif
