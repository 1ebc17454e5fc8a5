#include "ops/text/text.h"

#include <utf8proc.h>

char *ig_string_room(ig_tensor *t, size_t i, size_t n) {
    if (!t->strings) {
        t->strings = ig_alloc(t->context, sizeof *t->strings);
        if (!t->strings) return NULL;
        ig_arena_init(t->strings, t->context);
    }
    char *room = IG_NEW_ARRAY(t->strings, char, n);
    if (room) ((ig_str *)t->data)[i] = (ig_str){room, n};
    return room;
}

ig_status ig_call_strings(ig_call *c, size_t i) {
    const ig_tensor *t = i < c->n_in ? c->in[i] : NULL;
    if (t && t->kind == IG_KIND_TENSOR && t->dtype == IG_STRING) return IG_OK;
    return ig_call_fail(c, "input %zu is no tensor of strings", i);
}

ig_status ig_call_one_string(ig_call *c, size_t i, ig_str *out) {
    IG_TRY(ig_call_strings(c, i));
    if (c->in[i]->count != 1) return ig_call_fail(c, "input %zu has %zu strings, one is wanted", i, c->in[i]->count);
    *out = ig_tensor_strings(c->in[i])[0];
    return IG_OK;
}

int32_t ig_char_next(ig_str s, size_t *at) {
    utf8proc_int32_t c;
    size_t left = s.n - *at;
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)s.s + *at;
    utf8proc_ssize_t n = p[0] < 0x80 ? (c = p[0], 1) : utf8proc_iterate(p, left > 4 ? 4 : (utf8proc_ssize_t)left, &c);
    if (n <= 0) {
        (*at)++;
        return -1;
    }
    *at += (size_t)n;
    return c;
}

size_t ig_char_count(ig_str s) {
    size_t n = 0;
    for (size_t at = 0; at < s.n; n++) ig_char_next(s, &at);
    return n;
}

bool ig_char_is_space(int32_t c) {
    if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31);
    utf8proc_category_t kind = utf8proc_category(c);
    return c == 0x85 || kind == UTF8PROC_CATEGORY_ZS || kind == UTF8PROC_CATEGORY_ZL || kind == UTF8PROC_CATEGORY_ZP;
}

static int32_t case_of(int32_t c, bool upper) {
    if (c == 0xDF) return c; /* sharp s has no simple capital in Unicode's data, but in the library's */
    return upper ? utf8proc_toupper(c) : utf8proc_tolower(c);
}

ig_status ig_string_case(ig_call *c, ig_tensor *t, size_t i, ig_str text, bool upper) {
    utf8proc_uint8_t out[4];
    size_t n = 0;
    for (size_t at = 0; at < text.n;) {
        int32_t x = ig_char_next(text, &at);
        n += x < 0 ? 1 : (size_t)utf8proc_encode_char(case_of(x, upper), out);
    }
    char *room = ig_string_room(t, i, n);
    if (!room) return ig_oom(c->err);
    for (size_t at = 0; at < text.n;) {
        size_t begin = at;
        int32_t x = ig_char_next(text, &at);
        if (x < 0) {
            *room++ = text.s[begin];
            continue;
        }
        size_t some = (size_t)utf8proc_encode_char(case_of(x, upper), out);
        memcpy(room, out, some);
        room += some;
    }
    return IG_OK;
}

size_t ig_string_find(ig_str text, ig_str what, size_t from) {
    if (what.n == 0) return from <= text.n ? from : SIZE_MAX;
    for (size_t at = from; at + what.n <= text.n; at++) {
        const char *p = memchr(text.s + at, what.s[0], text.n - what.n - at + 1);
        if (!p) return SIZE_MAX;
        at = (size_t)(p - text.s);
        if (memcmp(p, what.s, what.n) == 0) return at;
    }
    return SIZE_MAX;
}
