#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

void ig_text_init(ig_text *text, ig_arena *arena) { *text = (ig_text){.arena = arena}; }

static bool text_room(ig_text *text, size_t more) {
    size_t need;
    if (text->failed || ig_add_overflows(text->n, more, &need) || ig_add_overflows(need, 1, &need)) {
        text->failed = true;
        return false;
    }
    if (need <= text->cap) return true;
    size_t cap = ig_max_size(need, ig_max_size(256, text->cap * 2));
    char *s = ig_arena_alloc(text->arena, cap);
    if (!s) {
        text->failed = true;
        return false;
    }
    if (text->n) memcpy(s, text->s, text->n);
    text->s = s;
    text->cap = cap;
    return true;
}

void ig_text_add(ig_text *text, ig_str s) {
    if (!text_room(text, s.n)) return;
    if (s.n) memcpy(text->s + text->n, s.s, s.n);
    text->n += s.n;
    text->s[text->n] = 0;
}

void ig_text_printf(ig_text *text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        text->failed = true;
    else if (text_room(text, (size_t)n)) {
        vsnprintf(text->s + text->n, (size_t)n + 1, format, again);
        text->n += (size_t)n;
    }
    va_end(again);
}

/* Unicode 15, table 3-7: well-formed UTF-8 byte sequences. */
size_t ig_utf8_length(ig_str s) {
    if (s.n == 0) return 0;
    const unsigned char *p = (const unsigned char *)s.s;
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
    size_t n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (s.n < n) return 0;
    unsigned low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < n; i++)
        if (p[i] < 0x80 || p[i] > 0xBF) return 0;
    return n;
}

bool ig_utf8_valid(ig_str s) {
    for (size_t i = 0; i < s.n;) {
        size_t n = ig_utf8_length((ig_str){s.s + i, s.n - i});
        if (n == 0) return false;
        i += n;
    }
    return true;
}

uint32_t ig_utf8_decode(const char *s, size_t n) {
    static const uint8_t first_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = (uint8_t)s[0] & first_mask[n];
    for (size_t i = 1; i < n; i++) code = code << 6 | ((uint8_t)s[i] & 0x3Fu);
    return code;
}

size_t ig_utf8_encode(uint32_t code, char *out) {
    static const uint8_t first_bits[] = {0, 0, 0xC0, 0xE0, 0xF0};
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(first_bits[n] | code);
    return n;
}
