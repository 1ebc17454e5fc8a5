/* Interned names: one copy of each distinct byte string in a table, so equal names are equal pointers. A name is a
 * NUL-terminated C string; its true length (names from files may hold NULs) stands before it. NULL is the absent name. */
#ifndef IG_BASE_NAME_H
#define IG_BASE_NAME_H

#include "base/arena.h"

typedef const char *ig_name;

typedef struct ig_names {
    ig_arena *arena;
    ig_name *slots;
    size_t n, n_slots;
    uint64_t seed; /* from the table's address and time: collisions can't be planned by a file's author */
} ig_names;

void ig_names_init(ig_names *names, ig_arena *arena);
/* The one copy of `text`; absent text gives NULL with *ok untouched. Sets *ok to false when memory runs out. */
ig_name ig_intern(ig_names *names, ig_str text, bool *ok);
/* Without adding: NULL when the table has no such name. */
ig_name ig_names_find(const ig_names *names, ig_str text);
size_t ig_name_len(ig_name name); /* 0 for NULL */
static inline ig_str ig_name_str(ig_name name) { return (ig_str){name, ig_name_len(name)}; }
/* "" for NULL: for messages. */
static inline const char *ig_name_text(ig_name name) { return name ? name : ""; }

#endif
