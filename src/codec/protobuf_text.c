#include "codec/protobuf_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Written bytes grow at the end. The length of a message is known when it ends: room for it is left, and it is written as a
 * varint of that many bytes, which is longer than it need be and yet a right one. */
enum { LENGTH_ROOM = 5, MOST_DIGITS = 60 };

typedef struct writer {
    ig_context *context;
    uint8_t *p;
    size_t n, cap;
} writer;

typedef struct lexer {
    const ig_pb_text *how;
    const char *p, *end;
    size_t line;
    writer out;
    writer scratch; /* a string's characters */
} lexer;

static ig_status IG_PRINTF(2, 3) fail(const lexer *x, const char *format, ...) {
    char message[300];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    ig_fail(x->how->err, IG_E_INPUT, "not protobuf's text format: %s", message);
    ig_error_at(x->how->err, "line %zu", x->line);
    return IG_E_INPUT;
}

/* ---- writing ---- */

static bool put(writer *w, const void *data, size_t n) {
    if (n > w->cap - w->n) {
        size_t cap = ig_max_size(2 * w->cap, ig_max_size(w->n + n, 256));
        uint8_t *p = ig_resize(w->context, w->p, cap);
        if (!p) return false;
        w->p = p;
        w->cap = cap;
    }
    if (n) memcpy(w->p + w->n, data, n);
    w->n += n;
    return true;
}

static bool put_varint(writer *w, uint64_t value) {
    uint8_t bytes[10];
    size_t n = 0;
    for (; value > 0x7f; value >>= 7) bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    return put(w, bytes, n);
}

static bool put_tag(writer *w, const ig_pb_field *f) {
    return put_varint(w, (uint64_t)f->number << 3 | ig_pb_types[f->type].wire);
}

static void put_length(writer *w, size_t start) {
    size_t length = w->n - start;
    for (int i = 0; i < LENGTH_ROOM; i++, length >>= 7)
        w->p[start - LENGTH_ROOM + (size_t)i] = (uint8_t)((length & 0x7f) | (i + 1 < LENGTH_ROOM ? 0x80 : 0));
}

/* ---- tokens ---- */

static void skip_space(lexer *x) {
    for (; x->p < x->end; x->p++) {
        if (*x->p == '#')
            while (x->p + 1 < x->end && x->p[1] != '\n') x->p++;
        else if (*x->p == '\n')
            x->line++;
        else if (!isspace((unsigned char)*x->p))
            return;
    }
}

static char peek(lexer *x) {
    skip_space(x);
    return x->p < x->end ? *x->p : '\0';
}

static bool take(lexer *x, char c) {
    if (peek(x) != c || x->p == x->end) return false;
    x->p++;
    return true;
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '+' || c == '-'; }

/* A name or a number. */
static ig_str take_word(lexer *x) {
    skip_space(x);
    const char *start = x->p;
    while (x->p < x->end && is_word(*x->p)) x->p++;
    return (ig_str){start, (size_t)(x->p - start)};
}

static unsigned digit_of(char c) {
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
           : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                  : 99;
}

/* At most `most` digits of a base; false when there are none. */
static bool take_digits(lexer *x, unsigned base, int most, uint32_t *value) {
    int n = 0;
    for (*value = 0; n < most && x->p < x->end && digit_of(*x->p) < base; n++) *value = *value * base + digit_of(*x->p++);
    return n > 0;
}

static ig_status take_escape(lexer *x) {
    static const char letters[] = "abfnrtv", codes[] = "\a\b\f\n\r\t\v";
    uint32_t value = 0;
    char utf8[4];
    char c = x->p < x->end ? *x->p : '\0';
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter) {
        x->p++;
        return put(&x->scratch, &codes[letter - letters], 1) ? IG_OK : ig_oom(x->how->err);
    }
    bool octal = c >= '0' && c <= '7', unicode = c == 'u' || c == 'U';
    if (octal || unicode || c == 'x' || c == 'X') {
        if (!octal) x->p++;
        if (!take_digits(x, octal ? 8 : 16, octal ? 3 : c == 'U' ? 8 : c == 'u' ? 4 : 2, &value))
            return fail(x, "a string has an escape without digits");
        uint8_t byte = (uint8_t)value;
        size_t n = unicode ? ig_utf8_encode(value, utf8) : 1;
        return put(&x->scratch, unicode ? (const void *)utf8 : &byte, n) ? IG_OK : ig_oom(x->how->err);
    }
    if (!c) return fail(x, "a string doesn't end");
    x->p++;
    return put(&x->scratch, &c, 1) ? IG_OK : ig_oom(x->how->err);
}

/* One or more strings behind each other, which are one. */
static ig_status take_string(lexer *x) {
    x->scratch.n = 0;
    for (char quote = peek(x); quote == '"' || quote == '\''; quote = peek(x)) {
        for (x->p++; x->p < x->end && *x->p != quote;) {
            const char *start = x->p;
            while (x->p < x->end && *x->p != quote && *x->p != '\\' && *x->p != '\n') x->p++;
            if (!put(&x->scratch, start, (size_t)(x->p - start))) return ig_oom(x->how->err);
            if (x->p < x->end && *x->p == '\n') return fail(x, "a string doesn't end on its line");
            if (x->p == x->end || *x->p == quote) break;
            x->p++;
            IG_TRY(take_escape(x));
        }
        if (x->p == x->end) return fail(x, "a string doesn't end");
        x->p++;
    }
    return IG_OK;
}

/* ---- values ---- */

static ig_status bad_value(const lexer *x, const ig_pb_field *f, ig_str word) {
    return fail(x, "'%.*s' is no value of the field '%.60s'", (int)ig_min_size(word.n, 60), word.s, f->name);
}

/* A word as a C string; false when it is too long to be a number. */
static bool number_text(ig_str word, char *out) {
    if (word.n == 0 || word.n >= MOST_DIGITS) return false;
    memcpy(out, word.s, word.n);
    out[word.n] = 0;
    return true;
}

static bool integer_of(ig_str word, bool *negative, uint64_t *magnitude) {
    char text[MOST_DIGITS], *end;
    if (!number_text(word, text)) return false;
    *negative = text[0] == '-';
    const char *digits = text + *negative;
    if (!isdigit((unsigned char)digits[0])) return false;
    *magnitude = strtoull(digits, &end, 0);
    return *end == 0;
}

static bool real_of(ig_str word, double *value) {
    char text[MOST_DIGITS], *end;
    if (!number_text(word, text)) return false;
    *value = strtod(text, &end);
    if ((*end == 'f' || *end == 'F') && end > text) end++;
    return *end == 0;
}

static bool is_true(ig_str w) { return ig_str_is(w, "true") || ig_str_is(w, "True") || ig_str_is(w, "t"); }
static bool is_false(ig_str w) { return ig_str_is(w, "false") || ig_str_is(w, "False") || ig_str_is(w, "f"); }

static ig_status put_scalar(lexer *x, const ig_pb_field *f, ig_str word) {
    bool negative = false, ok;
    uint64_t magnitude = 0;
    double real = 0;
    int32_t number;
    ig_pb_type type = (ig_pb_type)f->type;
    if (type == IG_PB_FLOAT || type == IG_PB_DOUBLE) {
        if (!real_of(word, &real)) return bad_value(x, f, word);
        float narrow = (float)real;
        ok = put_tag(&x->out, f) && (type == IG_PB_FLOAT ? put(&x->out, &narrow, 4) : put(&x->out, &real, 8));
        return ok ? IG_OK : ig_oom(x->how->err);
    }
    if (type == IG_PB_BOOL && (is_true(word) || is_false(word)))
        magnitude = is_true(word);
    else if (type == IG_PB_ENUM && x->how->enum_value && x->how->enum_value(f, word, &number))
        magnitude = (uint64_t)number;
    else if (!integer_of(word, &negative, &magnitude))
        return bad_value(x, f, word);
    uint64_t value = negative ? 0 - magnitude : magnitude;
    if (type == IG_PB_SINT32 || type == IG_PB_SINT64) value = value << 1 ^ (negative ? UINT64_MAX : 0);
    uint8_t wire = ig_pb_types[type].wire;
    ok = put_tag(&x->out, f);
    ok = ok && (wire == IG_PB_VARINT ? put_varint(&x->out, value) : put(&x->out, &value, wire == IG_PB_FOUR ? 4 : 8));
    return ok ? IG_OK : ig_oom(x->how->err);
}

static ig_status message_fields(lexer *x, const ig_pb_message *m, char closing, uint32_t depth);

static ig_status put_value(lexer *x, const ig_pb_field *f, uint32_t depth) {
    static const uint8_t room[LENGTH_ROOM];
    if (f->type == IG_PB_MESSAGE) {
        char closing = take(x, '{') ? '}' : take(x, '<') ? '>' : '\0';
        if (!closing) return fail(x, "the field '%.60s' is a message, '{' should follow", f->name);
        if (!put_tag(&x->out, f) || !put(&x->out, room, sizeof room)) return ig_oom(x->how->err);
        size_t start = x->out.n;
        IG_TRY(message_fields(x, f->sub, closing, depth - 1));
        put_length(&x->out, start);
        return IG_OK;
    }
    if (f->type == IG_PB_STRING || f->type == IG_PB_BYTES) {
        char quote = peek(x);
        if (quote != '"' && quote != '\'') return fail(x, "the field '%.60s' is a text, a quote should follow", f->name);
        IG_TRY(take_string(x));
        bool ok = put_tag(&x->out, f) && put_varint(&x->out, x->scratch.n) && put(&x->out, x->scratch.p, x->scratch.n);
        return ok ? IG_OK : ig_oom(x->how->err);
    }
    ig_str word = take_word(x);
    if (ig_str_is(word, "-")) { /* white space may stand behind a sign */
        ig_str rest = take_word(x);
        word = (ig_str){word.s, (size_t)(rest.s + rest.n - word.s)};
    }
    return put_scalar(x, f, word);
}

/* The value of a field that nobody knows. */
static ig_status skip_value(lexer *x) {
    uint32_t open = 0;
    do {
        char c = peek(x);
        if (x->p == x->end) return fail(x, "it ends within a value");
        if (c == '"' || c == '\'') {
            IG_TRY(take_string(x));
        } else if (is_word(c)) {
            take_word(x);
        } else {
            x->p++;
            if (c == '{' || c == '<' || c == '[') open++;
            if ((c == '}' || c == '>' || c == ']') && open) open--;
        }
    } while (open);
    return IG_OK;
}

static const ig_pb_field *find_field(const ig_pb_message *m, ig_str name) {
    for (size_t i = 0; i < m->n; i++)
        if (ig_str_is(name, m->fields[i].name)) return &m->fields[i];
    return NULL;
}

static ig_status one_field(lexer *x, const ig_pb_message *m, uint32_t depth) {
    const ig_pb_field *f = NULL;
    if (peek(x) == '[') { /* the name of an extension */
        IG_TRY(skip_value(x));
    } else {
        ig_str name = take_word(x);
        if (name.n == 0) return fail(x, "no name of a field of %.60s", m->name);
        f = find_field(m, name);
    }
    take(x, ':');
    if (!f) return skip_value(x);
    if (!take(x, '[')) return put_value(x, f, depth);
    while (!take(x, ']')) {
        if (peek(x) == '\0') return fail(x, "a list doesn't end");
        IG_TRY(put_value(x, f, depth));
        take(x, ',');
    }
    return IG_OK;
}

static ig_status message_fields(lexer *x, const ig_pb_message *m, char closing, uint32_t depth) {
    if (depth == 0) return ig_fail(x->how->err, IG_E_LIMIT, "messages are nested more than %u levels deep", x->how->depth);
    for (;;) {
        while (take(x, ',') || take(x, ';')) {}
        if (closing && take(x, closing)) return IG_OK;
        if (peek(x) == '\0' && x->p == x->end) return closing ? fail(x, "a message doesn't end") : IG_OK;
        IG_TRY(one_field(x, m, depth));
    }
}

ig_status ig_pb_text_encode(const ig_pb_text *how, const ig_pb_message *message, ig_span text, ig_buffer **out) {
    lexer x = {.how = how, .p = (const char *)text.p, .end = (const char *)text.p + text.n, .line = 1};
    x.out.context = x.scratch.context = how->context;
    ig_status status = message_fields(&x, message, '\0', how->depth);
    if (status == IG_OK) {
        *out = ig_buffer_create(how->context, x.out.n, false);
        if (!*out) status = ig_oom(how->err);
    }
    if (status == IG_OK && x.out.n) memcpy((*out)->data, x.out.p, x.out.n);
    ig_release(how->context, x.out.p);
    ig_release(how->context, x.scratch.p);
    return status;
}

bool ig_pb_text_probe(const ig_pb_message *message, ig_span text) {
    lexer x = {.p = (const char *)text.p, .end = (const char *)text.p + text.n};
    const ig_pb_field *f = find_field(message, take_word(&x));
    if (!f) return false;
    char c = peek(&x);
    return f->type == IG_PB_MESSAGE ? c == '{' || c == '<' || c == ':' : c == ':';
}
