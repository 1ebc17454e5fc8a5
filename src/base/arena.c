#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

struct ig_arena_block {
    ig_arena_block *previous;
    size_t size; /* of the block with this header */
    _Alignas(16) char start[];
};

/* Builds with a sanitizer give every allocation a block of its own, so that it sees accesses past one, and so that tests of
 * failing allocations meet every one. */
#ifdef IG_ARENA_SINGLE
enum { FIRST_BLOCK = 1, LARGEST_BLOCK = 1 };
#else
enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };
#endif

void ig_arena_init(ig_arena *arena, ig_context *context) { *arena = (ig_arena){.context = context, .block_size = FIRST_BLOCK}; }

void ig_arena_free(ig_arena *arena) {
    for (ig_arena_block *b = arena->blocks; b;) {
        ig_arena_block *previous = b->previous;
        ig_release(arena->context, b);
        b = previous;
    }
    ig_arena_init(arena, arena->context);
}

void ig_arena_reset(ig_arena *arena) {
    ig_arena_block *b = arena->blocks;
    if (!b) return;
    while (b->previous) { /* the newest block is the largest: keep that */
        ig_arena_block *old = b->previous;
        b->previous = old->previous;
        ig_release(arena->context, old);
    }
    arena->next = (char *)b->start;
    arena->end = (char *)b + b->size;
}

void *ig_arena_alloc(ig_arena *arena, size_t size) {
    if (size > SIZE_MAX / 2) return NULL;
    size = ig_round_up(size ? size : 1, 16);
    if ((size_t)(arena->end - arena->next) < size) {
        size_t block = ig_max_size(arena->block_size, size + sizeof(ig_arena_block));
        ig_arena_block *b = ig_alloc(arena->context, block);
        if (!b) return NULL;
        b->previous = arena->blocks;
        b->size = block;
        arena->blocks = b;
        arena->next = (char *)b->start;
        arena->end = (char *)b + block;
        if (arena->block_size < LARGEST_BLOCK) arena->block_size *= 2;
    }
    void *p = arena->next;
    arena->next += size;
    return memset(p, 0, size);
}

void *ig_arena_array(ig_arena *arena, size_t n, size_t size) {
    size_t total;
    return ig_mul_overflows(n, size, &total) ? NULL : ig_arena_alloc(arena, total);
}

ig_str ig_arena_str(ig_arena *arena, ig_str text, bool *ok) {
    if (!text.s) return text;
    char *s = text.n < SIZE_MAX ? ig_arena_alloc(arena, text.n + 1) : NULL;
    if (!s) {
        *ok = false;
        return (ig_str){0};
    }
    if (text.n) memcpy(s, text.s, text.n);
    return (ig_str){s, text.n};
}

char *ig_arena_printf(ig_arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *s = n < 0 ? NULL : ig_arena_alloc(arena, (size_t)n + 1);
    if (s) vsnprintf(s, (size_t)n + 1, format, again);
    va_end(again);
    return s;
}
