#include "codec/json.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_DEPTH = 512 };

typedef struct parser {
    ig_arena *arena;
    ig_str text;
    size_t at;
    IG_VEC(ig_json) values; /* of the lists and objects that are open, innermost last */
    IG_VEC(ig_str) keys;
    ig_error *err;
} parser;

static ig_status bad(const parser *p, const char *what) {
    size_t line = 1;
    for (size_t i = 0; i < p->at && i < p->text.n; i++) line += p->text.s[i] == '\n';
    ig_fail(p->err, IG_E_INPUT, "malformed JSON: %s", what);
    ig_error_at(p->err, "line %zu, byte %zu", line, p->at);
    return IG_E_INPUT;
}

static int peek(const parser *p) { return p->at < p->text.n ? (unsigned char)p->text.s[p->at] : -1; }

static void skip_space(parser *p) {
    for (int c; (c = peek(p)) == ' ' || c == '\t' || c == '\n' || c == '\r';) p->at++;
}

static bool take_word(parser *p, const char *word) {
    if (!ig_str_starts((ig_str){p->text.s + p->at, p->text.n - p->at}, word)) return false;
    p->at += strlen(word);
    return true;
}

/* ---------------------------------------------------------------------------------------------------------------- texts */

static bool hex4(const parser *p, size_t at, uint32_t *out) {
    *out = 0;
    if (p->text.n - at < 4 || at > p->text.n) return false;
    for (size_t i = 0; i < 4; i++) {
        char c = p->text.s[at + i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 16;
        if (digit == 16) return false;
        *out = *out << 4 | digit;
    }
    return true;
}

/* Behind "\u": a character, of two halves when it is beyond the first 65536. A half alone becomes U+FFFD. */
static bool unicode_escape(parser *p, char *out, size_t *n) {
    uint32_t code, low;
    if (!hex4(p, p->at, &code)) return false;
    p->at += 4;
    if (code >= 0xD800 && code < 0xDC00 && p->text.n - p->at >= 6 && p->text.s[p->at] == '\\' && p->text.s[p->at + 1] == 'u' &&
        hex4(p, p->at + 2, &low) && low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        p->at += 6;
    }
    size_t length = ig_utf8_encode(code, out + *n);
    *n += length ? length : ig_utf8_encode(0xFFFD, out + *n);
    return true;
}

static bool escape(parser *p, char *out, size_t *n) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = peek(p);
    p->at++;
    if (c == 'u') return unicode_escape(p, out, n);
    const char *found = c > 0 ? strchr(from, c) : NULL;
    if (!found) return false;
    out[(*n)++] = to[found - from];
    return true;
}

/* From the opening quote on. */
static ig_status read_text(parser *p, ig_str *out) {
    size_t start = ++p->at, n = 0;
    bool escaped = false;
    while (peek(p) != '"') {
        if (peek(p) < 0) return bad(p, "a text without end");
        escaped |= peek(p) == '\\';
        p->at += peek(p) == '\\' ? 2 : 1;
    }
    *out = (ig_str){p->text.s + start, p->at - start};
    p->at++;
    if (!escaped) return IG_OK;
    size_t end = p->at;
    char *copy = IG_NEW_ARRAY(p->arena, char, out->n + 1);
    if (!copy) return ig_oom(p->err);
    for (p->at = start; p->at < end - 1;) {
        if (peek(p) != '\\') {
            copy[n++] = p->text.s[p->at++];
            continue;
        }
        p->at++;
        if (!escape(p, copy, &n)) return bad(p, "an unknown escape");
    }
    p->at = end;
    *out = (ig_str){copy, n};
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- numbers */

static ig_status read_number(parser *p, ig_json *v) {
    char copy[64];
    size_t start = p->at, n;
    bool whole = true;
    for (int c; (c = peek(p)) == '-' || c == '+' || c == '.' || c == 'e' || c == 'E' || (c >= '0' && c <= '9'); p->at++)
        whole &= c == '-' || (c >= '0' && c <= '9');
    n = p->at - start;
    if (n == 0) return bad(p, "no value");
    v->kind = IG_JSON_INT;
    if (whole && ig_str_to_i64((ig_str){p->text.s + start, n}, &v->i)) return IG_OK;
    char *end, *digits = n < sizeof copy ? copy : IG_NEW_ARRAY(p->arena, char, n + 1);
    if (!digits) return ig_oom(p->err);
    memcpy(digits, p->text.s + start, n);
    digits[n] = 0;
    v->kind = IG_JSON_REAL;
    v->r = strtod(digits, &end);
    return end == digits + n ? IG_OK : bad(p, "a malformed number");
}

/* --------------------------------------------------------------------------------------------------------------- values */

static ig_status read_value(parser *p, ig_json *v, int depth);

/* Moves the values (and keys) from `first` on out of the open ones. */
static ig_status close_list(parser *p, ig_json *v, size_t first, size_t first_key) {
    v->n = p->values.n - first;
    ig_json *items = IG_NEW_ARRAY(p->arena, ig_json, v->n);
    ig_str *keys = v->kind == IG_JSON_OBJECT ? IG_NEW_ARRAY(p->arena, ig_str, v->n) : NULL;
    if (!items || (v->kind == IG_JSON_OBJECT && !keys)) return ig_oom(p->err);
    if (v->n) memcpy(items, p->values.items + first, v->n * sizeof *items);
    if (v->n && keys) memcpy(keys, p->keys.items + first_key, v->n * sizeof *keys);
    v->items = items;
    v->keys = keys;
    p->values.n = first;
    p->keys.n = first_key;
    return IG_OK;
}

static ig_status read_key(parser *p) {
    ig_str key;
    skip_space(p);
    if (peek(p) != '"') return bad(p, "no name of a member");
    IG_TRY(read_text(p, &key));
    skip_space(p);
    if (peek(p) != ':') return bad(p, "no ':' behind a name");
    p->at++;
    return IG_PUSH(p->arena, &p->keys, key) ? IG_OK : ig_oom(p->err);
}

/* From the opening bracket on. */
static ig_status read_list(parser *p, ig_json *v, int depth) {
    size_t first = p->values.n, first_key = p->keys.n;
    bool object = peek(p) == '{';
    v->kind = object ? IG_JSON_OBJECT : IG_JSON_LIST;
    p->at++;
    skip_space(p);
    for (bool any = false; peek(p) != (object ? '}' : ']'); any = true) {
        ig_json item;
        if (any && peek(p) != ',') return bad(p, object ? "no ',' or '}'" : "no ',' or ']'");
        if (any) p->at++;
        if (object) IG_TRY(read_key(p));
        IG_TRY(read_value(p, &item, depth + 1));
        if (!IG_PUSH(p->arena, &p->values, item)) return ig_oom(p->err);
        skip_space(p);
    }
    p->at++;
    return close_list(p, v, first, first_key);
}

static ig_status read_plain(parser *p, ig_json *v, int depth) {
    static const struct {
        const char *word;
        ig_json value;
    } words[] = {
        {"null", {.kind = IG_JSON_NULL}},
        {"true", {.kind = IG_JSON_BOOL, .b = true}},
        {"false", {.kind = IG_JSON_BOOL, .b = false}},
        {"NaN", {.kind = IG_JSON_REAL, .r = NAN}},
        {"Infinity", {.kind = IG_JSON_REAL, .r = INFINITY}},
        {"-Infinity", {.kind = IG_JSON_REAL, .r = -INFINITY}},
    };
    if (peek(p) == '{' || peek(p) == '[') return read_list(p, v, depth);
    if (peek(p) == '"') {
        v->kind = IG_JSON_TEXT;
        return read_text(p, &v->s);
    }
    for (size_t i = 0; i < IG_COUNT_OF(words); i++) {
        if (!take_word(p, words[i].word)) continue;
        *v = words[i].value;
        return IG_OK;
    }
    return read_number(p, v);
}

static ig_status read_value(parser *p, ig_json *v, int depth) {
    *v = (ig_json){0};
    if (depth > MAX_DEPTH) return bad(p, "lists and objects are nested too deep");
    skip_space(p);
    size_t start = p->at;
    IG_TRY(read_plain(p, v, depth));
    v->source = (ig_str){p->text.s + start, p->at - start};
    return IG_OK;
}

ig_status ig_json_parse(const ig_json **out, ig_arena *arena, ig_str text, ig_error *err) {
    parser p = {.arena = arena, .text = text, .err = err};
    *out = NULL;
    ig_json *v = IG_NEW(arena, ig_json);
    if (!v) return ig_oom(err);
    take_word(&p, "\357\273\277"); /* byte order mark */
    IG_TRY(read_value(&p, v, 0));
    skip_space(&p);
    if (p.at < text.n && text.s[p.at] != 0) return bad(&p, "more than one value");
    *out = v;
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- asking */

const ig_json *ig_json_get(const ig_json *object, const char *key) {
    if (!ig_json_is_kind(object, IG_JSON_OBJECT)) return NULL;
    for (size_t i = object->n; i-- > 0;) /* of members with one name the last holds, as in Python */
        if (ig_str_is(object->keys[i], key)) return object->items[i].kind == IG_JSON_NULL ? NULL : &object->items[i];
    return NULL;
}

const ig_json *ig_json_at(const ig_json *list, size_t i) { return i < ig_json_count(list) ? &list->items[i] : NULL; }

int64_t ig_json_int(const ig_json *v, int64_t otherwise) {
    if (!v) return otherwise;
    if (v->kind == IG_JSON_INT) return v->i;
    if (v->kind == IG_JSON_BOOL) return v->b;
    return v->kind == IG_JSON_REAL && v->r > -9e18 && v->r < 9e18 ? (int64_t)v->r : otherwise;
}

double ig_json_real(const ig_json *v, double otherwise) {
    if (!v) return otherwise;
    if (v->kind == IG_JSON_REAL) return v->r;
    return v->kind == IG_JSON_INT || v->kind == IG_JSON_BOOL ? (double)ig_json_int(v, 0) : otherwise;
}

bool ig_json_bool(const ig_json *v, bool otherwise) {
    if (!v) return otherwise;
    return v->kind == IG_JSON_BOOL ? v->b : v->kind == IG_JSON_INT ? v->i != 0 : otherwise;
}
