/* Characters to words. */
#include "formats/onnxtxt/parse.h"

#include <stdarg.h>
#include <stdio.h>

static bool is_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_digit(int c) { return c >= '0' && c <= '9'; }
static bool is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static int char_at(const ig_txt *t, size_t at) { return at < t->text.n ? (unsigned char)t->text.s[at] : -1; }

int ig_txt_peek(ig_txt *t) {
    for (;; t->at++) {
        int c = char_at(t, t->at);
        if (c == '#') {
            while ((c = char_at(t, t->at)) != -1 && c != '\n') t->at++;
            t->at--; /* onto what ends the comment in the next round */
        } else if (!is_space(c)) {
            return c;
        }
    }
}

/* ---- failures ---- */

enum { EXCERPT = 96 }; /* characters of a line that are shown */

/* The line around byte `at` and a caret below it. Bytes that don't show as one column appear as '?'. */
static void excerpt(const ig_txt *t, size_t at, size_t line, char *out, size_t size) {
    size_t end = at, from = at - line > EXCERPT * 2 / 3 ? at - EXCERPT * 2 / 3 : line, n = 0;
    while (end < t->text.n && t->text.s[end] != '\n' && end - from < EXCERPT) end++;
    char shown[EXCERPT + 1];
    for (size_t i = from; i < end; i++) {
        unsigned char c = (unsigned char)t->text.s[i];
        shown[n++] = (char)(c == '\t' || c == '\r' ? ' ' : c < ' ' || c > '~' ? '?' : c);
    }
    shown[n] = 0;
    snprintf(out, size, "%s\n%*s^", shown, (int)(at - from), "");
}

ig_status ig_txt_fail(ig_txt *t, size_t at, const char *format, ...) {
    char message[600], lines[2 * EXCERPT + 40];
    size_t line = 0, number = 1;
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (at == t->at) { /* onto the next word */
        ig_txt_peek(t);
        at = t->at;
    }
    for (size_t i = 0; i < at; i++) {
        if (t->text.s[i] != '\n') continue;
        number++;
        line = i + 1;
    }
    excerpt(t, at, line, lines, sizeof lines);
    ig_fail(t->err, IG_E_INPUT, "%s\n%s", message, lines);
    ig_error_at(t->err, "line %zu, column %zu", number, at - line + 1);
    return IG_E_INPUT;
}

const char *ig_txt_shown(ig_txt *t, char out[32]) {
    int c = ig_txt_peek(t);
    ig_str id = ig_txt_peek_id(t);
    if (c < 0)
        snprintf(out, 32, "the end of the text");
    else if (id.n)
        snprintf(out, 32, "'%.*s'", (int)ig_min_size(id.n, 24), id.s);
    else if (c >= ' ' && c <= '~')
        snprintf(out, 32, "'%c'", c);
    else
        snprintf(out, 32, "byte 0x%02X", (unsigned)c);
    return out;
}

static ig_status unexpected(ig_txt *t, const char *what) {
    char shown[32];
    ig_txt_shown(t, shown);
    return ig_txt_fail(t, t->at, "expected %s, found %s", what, shown);
}

ig_status ig_txt_enter(ig_txt *t) {
    if (t->depth < t->most_depth) {
        t->depth++;
        return IG_OK;
    }
    ig_txt_fail(t, t->at, "graphs or types nest deeper than %u levels", t->most_depth);
    if (t->err) t->err->status = IG_E_LIMIT;
    return IG_E_LIMIT;
}

/* ---- words ---- */

bool ig_txt_match(ig_txt *t, char c) {
    if (ig_txt_peek(t) != (unsigned char)c) return false;
    t->at++;
    return true;
}

ig_status ig_txt_expect(ig_txt *t, char c, const char *where) {
    char what[80];
    if (ig_txt_match(t, c)) return IG_OK;
    snprintf(what, sizeof what, "'%c' %s", c, where);
    return unexpected(t, what);
}

ig_status ig_txt_arrow(ig_txt *t) {
    if (ig_txt_peek(t) != '=' || char_at(t, t->at + 1) != '>') return unexpected(t, "'=>' and the outputs");
    t->at += 2;
    return IG_OK;
}

ig_str ig_txt_peek_id(ig_txt *t) {
    size_t end = t->at;
    if (!is_letter(ig_txt_peek(t))) return (ig_str){"", 0};
    for (end = t->at; is_letter(char_at(t, end)) || is_digit(char_at(t, end));) end++;
    return (ig_str){t->text.s + t->at, end - t->at};
}

bool ig_txt_at_name(ig_txt *t) {
    int c = ig_txt_peek(t);
    return c == '"' || is_letter(c);
}

ig_status ig_txt_name(ig_txt *t, const char *what, ig_str *name) {
    if (ig_txt_peek(t) == '"') return ig_txt_string(t, what, name);
    *name = ig_txt_peek_id(t);
    if (name->n == 0) return unexpected(t, what);
    t->at += name->n;
    return IG_OK;
}

/* A backslash stands before a quote or a backslash that is meant as itself, and changes no other character either. */
ig_status ig_txt_string(ig_txt *t, const char *what, ig_str *string) {
    if (ig_txt_peek(t) != '"') return unexpected(t, what);
    size_t from = ++t->at, escapes = 0;
    while (char_at(t, t->at) != '"') {
        if (char_at(t, t->at) == '\\') escapes++, t->at++;
        if (t->at >= t->text.n) return ig_txt_fail(t, from - 1, "this string does not end");
        t->at++;
    }
    *string = (ig_str){t->text.s + from, t->at - from};
    t->at++;
    if (escapes == 0) return IG_OK;
    char *copy = ig_arena_alloc(t->arena, string->n);
    if (!copy) return ig_oom(t->err);
    size_t n = 0;
    for (size_t i = 0; i < string->n; i++) copy[n++] = string->s[i] == '\\' ? string->s[++i] : string->s[i];
    *string = (ig_str){copy, n};
    return IG_OK;
}

ig_status ig_txt_number(ig_txt *t, const char *what, ig_str *number, bool *real) {
    int c = ig_txt_peek(t);
    size_t from = t->at, end = from;
    if (c == '-') end++;
    bool word = is_letter(char_at(t, end));
    if (!word && !is_digit(char_at(t, end)) && char_at(t, end) != '.') return unexpected(t, what);
    *real = word;
    for (int last = 0;; end++) {
        c = char_at(t, end);
        bool sign = (c == '-' || c == '+') && !word && (last == 'e' || last == 'E');
        if (!is_letter(c) && !is_digit(c) && c != '.' && !sign) break;
        *real |= c == '.' || c == 'e' || c == 'E';
        last = c;
    }
    double value;
    *number = (ig_str){t->text.s + from, end - from};
    if (!ig_str_to_f64(*number, &value)) return ig_txt_fail(t, from, "expected %s, this is no number", what);
    t->at = end;
    return IG_OK;
}

ig_status ig_txt_int(ig_txt *t, const char *what, int64_t *value) {
    ig_str number;
    bool real;
    IG_TRY(ig_txt_number(t, what, &number, &real));
    if (!real && ig_str_to_i64(number, value)) return IG_OK;
    return ig_txt_fail(t, (size_t)(number.s - t->text.s), "expected %s, a whole number of at most 64 bits", what);
}
