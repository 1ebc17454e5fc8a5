/* Reference-counted bytes: heap memory, a mapped file, or the user's memory. Weights point into one and keep it alive. */
#ifndef IG_BASE_BUFFER_H
#define IG_BASE_BUFFER_H

#include "base/arena.h"
#include "base/bytes.h"

typedef struct ig_buffer {
    ig_context *context; /* retained */
    uint8_t *data;       /* writable only when the heap owns it */
    size_t size;
    atomic_int references;
    void (*destroy)(struct ig_buffer *buffer); /* releases data, may be NULL */
} ig_buffer;

/* Heap memory, 64-byte aligned. */
ig_buffer *ig_buffer_create(ig_context *context, size_t size, bool zeroed);
/* Bytes that someone else owns and that outlive the buffer. */
ig_buffer *ig_buffer_borrow(ig_context *context, const void *data, size_t size);
ig_buffer *ig_buffer_retain(ig_buffer *buffer);
void ig_buffer_release(ig_buffer *buffer); /* NULL is allowed */
/* Says that `size` bytes at `data` won't be read for long: where they are those of a mapped file, their memory is given back.
 * They may be read as before. */
void ig_buffer_forget(const ig_buffer *buffer, const void *data, size_t size);
static inline ig_span ig_buffer_span(const ig_buffer *b) { return (ig_span){b->data, b->size}; }

/* Maps a whole file. `root` NULL: `path` is the user's own choice. Otherwise `path` came from a file: it must be relative and
 * stay below the folder `root`, without "..", links, absolute or drive parts, and name a regular file. Errors: IG_E_INPUT
 * with the reason. */
ig_status ig_buffer_map(ig_buffer **buffer, ig_context *context, const char *root, ig_str path, ig_error *err);
/* Only the checks on the text of a path from a file. */
ig_status ig_path_check(ig_str path, ig_error *err);
/* The folder part of a path ("" when it has none), in the arena. NULL when memory runs out. */
const char *ig_path_folder(ig_arena *arena, const char *path);

#endif
