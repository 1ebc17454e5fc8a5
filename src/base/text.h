/* Building text of unknown length, UTF-8 checks. */
#ifndef IG_BASE_TEXT_H
#define IG_BASE_TEXT_H

#include "base/arena.h"

typedef struct ig_text {
    ig_arena *arena;
    char *s; /* NUL-terminated once anything was added */
    size_t n, cap;
    bool failed; /* memory ran out: the content is incomplete */
} ig_text;

void ig_text_init(ig_text *text, ig_arena *arena);
void ig_text_add(ig_text *text, ig_str s);
void ig_text_printf(ig_text *text, const char *format, ...) IG_PRINTF(2, 3);

/* True when all bytes form well-formed UTF-8 (no overlong forms, no surrogates). */
bool ig_utf8_valid(ig_str s);
/* Bytes of the well-formed character at s, 0 when there is none. */
size_t ig_utf8_length(ig_str s);
/* The code point of a well-formed character of n bytes. */
uint32_t ig_utf8_decode(const char *s, size_t n);
/* Writes a character, at most 4 bytes. Returns its length; 0 for a surrogate or a number past U+10FFFF. */
size_t ig_utf8_encode(uint32_t code, char *out);

#endif
