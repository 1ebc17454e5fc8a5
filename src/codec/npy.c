#include "codec/npy.h"

#include <stdio.h>

enum { MAX_DEPTH = 32, MAX_FIELDS = 65536 };

static const char magic[6] = "\x93NUMPY";

bool ig_npy_probe(ig_span file) { return file.n >= sizeof magic && memcmp(file.p, magic, sizeof magic) == 0; }

/* ------------------------------------------------------------------------------------------------- the Python literal */

/* The whole header text and where the parser stands; every failure leaves through bad(). */
typedef struct literal {
    ig_npy *npy;
    ig_arena *arena;
    const char *p, *end;
    const char *start;
    ig_error *err;
} literal;

static ig_status bad(literal *l, const char *what) {
    ig_fail(l->err, IG_E_INPUT, "malformed .npy header: %s", what);
    ig_error_at(l->err, "byte %zu of the header", (size_t)(l->p - l->start));
    return IG_E_INPUT;
}

static void skip_space(literal *l) {
    while (l->p < l->end && (*l->p == ' ' || *l->p == '\t' || *l->p == '\n' || *l->p == '\r')) l->p++;
}

static bool next_is(literal *l, char c) {
    skip_space(l);
    return l->p < l->end && *l->p == c;
}

static bool accept(literal *l, char c) {
    bool yes = next_is(l, c);
    if (yes) l->p++;
    return yes;
}

static ig_status expect(literal *l, char c) {
    char what[] = "' ' expected";
    what[1] = c;
    return accept(l, c) ? IG_OK : bad(l, what);
}

static bool add_char(ig_text *t, unsigned code) {
    char s[4];
    size_t n = ig_utf8_encode(code, s);
    ig_text_add(t, (ig_str){s, n});
    return n > 0;
}

static bool hex_code(literal *l, int digits, unsigned *code) {
    *code = 0;
    for (int i = 0; i < digits; i++, l->p++) {
        if (l->p >= l->end) return false;
        char c = *l->p;
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (v < 0) return false;
        *code = *code * 16 + (unsigned)v;
    }
    return true;
}

static bool escape(literal *l, ig_text *t) {
    static const char from[] = "\\'\"ntr0", to[] = "\\'\"\n\t\r";
    if (l->p >= l->end) return false;
    char c = *l->p++;
    unsigned code;
    if (c == 'x' || c == 'u' || c == 'U') return hex_code(l, c == 'x' ? 2 : c == 'u' ? 4 : 8, &code) && add_char(t, code);
    const char *at = c ? strchr(from, c) : NULL;
    return at && add_char(t, (unsigned char)to[at - from]);
}

/* Versions 1 and 2 are Latin-1, version 3 is UTF-8; the result is always UTF-8. */
static ig_status string(literal *l, ig_str *out) {
    skip_space(l);
    if (l->p < l->end && (*l->p == 'u' || *l->p == 'b')) l->p++; /* Python 2 */
    if (l->p >= l->end || (*l->p != '\'' && *l->p != '"')) return bad(l, "a string expected");
    char quote = *l->p++;
    ig_text text;
    ig_text_init(&text, l->arena);
    ig_text_add(&text, IG_STR(""));
    while (l->p < l->end && *l->p != quote) {
        unsigned char c = (unsigned char)*l->p;
        size_t n = l->npy->major < 3 ? 1 : ig_utf8_length((ig_str){l->p, (size_t)(l->end - l->p)});
        if (n == 0 || c == '\n') return bad(l, "a character that is not text");
        bool ok = true;
        if (c == '\\') {
            l->p++;
            ok = escape(l, &text);
        } else {
            if (l->npy->major < 3)
                add_char(&text, c);
            else
                ig_text_add(&text, (ig_str){l->p, n});
            l->p += n;
        }
        if (!ok) return bad(l, "an unknown escape in a string");
    }
    if (l->p >= l->end) return bad(l, "a string without an end");
    l->p++;
    if (text.failed) return ig_oom(l->err);
    *out = (ig_str){text.s, text.n};
    return IG_OK;
}

static ig_status whole_number(literal *l, int64_t *out) {
    skip_space(l);
    const char *start = l->p;
    while (l->p < l->end && *l->p >= '0' && *l->p <= '9') l->p++;
    if (l->p == start || !ig_str_to_i64((ig_str){start, (size_t)(l->p - start)}, out))
        return bad(l, start < l->end && *start == '-' ? "a negative dimension" : "a whole number below 2^63 expected");
    if (l->p < l->end && *l->p == 'L') l->p++; /* Python 2's long */
    return IG_OK;
}

/* "()", "(3,)", "(2, 3)"; a bare number is taken for a field's sub-array. */
static ig_status shape(literal *l, int *rank, int64_t *dims) {
    *rank = 0;
    if (!next_is(l, '(')) {
        *rank = 1;
        return whole_number(l, dims);
    }
    l->p++;
    while (!accept(l, ')')) {
        if (*rank == IG_MAX_RANK) return ig_fail(l->err, IG_E_UNSUPPORTED, "an array of more than %d dimensions", IG_MAX_RANK);
        IG_TRY(whole_number(l, &dims[(*rank)++]));
        if (!accept(l, ',') && !next_is(l, ')')) return bad(l, "',' or ')' expected in a shape");
    }
    return IG_OK;
}

static ig_status boolean(literal *l, bool *out) {
    skip_space(l);
    ig_str rest = {l->p, (size_t)(l->end - l->p)};
    *out = ig_str_starts(rest, "True");
    if (!*out && !ig_str_starts(rest, "False")) return bad(l, "True or False expected");
    l->p += *out ? 4 : 5;
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- types */

static bool size_fits_kind(char kind, size_t n) {
    switch (kind) {
    case 'b': return n == 1;
    case 'i':
    case 'u': return n == 1 || n == 2 || n == 4 || n == 8;
    case 'f': return n == 2 || n == 4 || n == 8 || n == 12 || n == 16;
    case 'c': return n == 8 || n == 16 || n == 24 || n == 32;
    case 'M':
    case 'm': return n == 8;
    case 'O': return true;
    default: return kind == 'S' || kind == 'U' || kind == 'V';
    }
}

/* "<f4", "|S5", "<U3", ">M8[us]", "|O": byte order, kind, size, unit of time. */
static ig_status type_text(literal *l, ig_str s, ig_npy_field *f) {
    size_t i = 0;
    char order = '|';
    if (i < s.n && s.s[i] && strchr("<>|=", s.s[i])) order = s.s[i++];
    char kind = i < s.n ? s.s[i++] : 0;
    if (kind == '?') kind = 'b';
    if (kind == 'a') kind = 'S'; /* its old name */
    int64_t n = 0;
    size_t digits = i, size = 0;
    while (i < s.n && s.s[i] >= '0' && s.s[i] <= '9') i++;
    bool good = i > digits && ig_str_to_i64((ig_str){s.s + digits, i - digits}, &n) &&
                !ig_mul_overflows((size_t)n, kind == 'U' ? 4 : 1, &size);
    if (kind == 'O' || (kind == 'b' && i == digits)) { /* "|O" and "?" go without a size */
        good = true;
        size = kind == 'O' ? 8 : 1;
    }
    bool unit = (kind == 'M' || kind == 'm') && i < s.n && s.s[i] == '[' && s.s[s.n - 1] == ']';
    if (!good || (i != s.n && !unit) || !size_fits_kind(kind, size)) {
        ig_fail(l->err, IG_E_INPUT, "malformed .npy header: '%.*s' is no NumPy type", (int)ig_min_size(s.n, 80), s.s);
        return IG_E_INPUT;
    }
    f->kind = kind;
    f->size = size;
    f->swapped = order == '>';
    return IG_OK;
}

static ig_status type(literal *l, ig_str prefix, size_t *bytes, int depth);

/* One "(name, type[, shape])" of a record; *bytes grows by what it takes. */
static ig_status record_field(literal *l, ig_str prefix, size_t *bytes, int depth) {
    ig_str name, title;
    int rank = 0;
    int64_t dims[IG_MAX_RANK], count;
    IG_TRY(expect(l, '('));
    if (accept(l, '(')) { /* (title, name) */
        IG_TRY(string(l, &title));
        IG_TRY(expect(l, ','));
        IG_TRY(string(l, &name));
        IG_TRY(expect(l, ')'));
    } else
        IG_TRY(string(l, &name));
    if (prefix.n) {
        char *joined = ig_arena_printf(l->arena, "%.*s.%.*s", (int)prefix.n, prefix.s, (int)name.n, name.s);
        if (!joined) return ig_oom(l->err);
        name = ig_str_c(joined);
    }
    IG_TRY(expect(l, ','));
    size_t first = l->npy->fields.n, before = *bytes, one;
    IG_TRY(type(l, name, bytes, depth + 1));
    one = *bytes - before;
    if (accept(l, ',') && !next_is(l, ')')) {
        IG_TRY(shape(l, &rank, dims));
        accept(l, ',');
    }
    IG_TRY(expect(l, ')'));
    if (rank == 0) return IG_OK;
    if (!ig_dims_count(rank, dims, &count) || ig_mul_overflows(one, (size_t)count, &one) ||
        ig_add_overflows(before, one, bytes))
        return bad(l, "a field's dimensions overflow");
    size_t made = l->npy->fields.n - first;
    if (made > 1 || (made == 1 && l->npy->fields.items[first].rank))
        return ig_fail(l->err, IG_E_UNSUPPORTED, "field '%.80s' is an array of records, which is not supported", name.s);
    if (made) {
        ig_npy_field *f = &l->npy->fields.items[first];
        f->rank = rank;
        memcpy(f->dims, dims, (size_t)rank * sizeof *dims);
    }
    return IG_OK;
}

/* A type text or a list of fields. Adds what it describes at offset *bytes to the fields. */
static ig_status type(literal *l, ig_str prefix, size_t *bytes, int depth) {
    if (depth > MAX_DEPTH) return bad(l, "records nested too deeply");
    if (accept(l, '[')) {
        l->npy->structured = true;
        while (!accept(l, ']')) {
            IG_TRY(record_field(l, prefix, bytes, depth));
            if (!accept(l, ',') && !next_is(l, ']')) return bad(l, "',' or ']' expected in a record");
        }
        return IG_OK;
    }
    ig_npy_field f = {.name = depth ? prefix : (ig_str){0}, .offset = *bytes};
    ig_str text;
    IG_TRY(string(l, &text));
    IG_TRY(type_text(l, text, &f));
    if (ig_add_overflows(*bytes, f.size, bytes)) return bad(l, "a record's size overflows");
    if (f.kind == 'O') l->npy->objects = true;
    bool padding = depth && f.kind == 'V' && f.name.n == 0; /* of aligned records */
    if (padding) return IG_OK;
    if (l->npy->fields.n >= MAX_FIELDS) return bad(l, "too many fields");
    return IG_PUSH(l->arena, &l->npy->fields, f) ? IG_OK : ig_oom(l->err);
}

static ig_status dictionary(literal *l) {
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    unsigned seen = 0;
    IG_TRY(expect(l, '{'));
    while (!accept(l, '}')) {
        ig_str key;
        IG_TRY(string(l, &key));
        unsigned k = 0;
        while (k < 3 && !ig_str_is(key, keys[k])) k++;
        if (k == 3 || seen & (1u << k)) return bad(l, k == 3 ? "an unknown key" : "a key twice");
        seen |= 1u << k;
        IG_TRY(expect(l, ':'));
        if (k == 0) IG_TRY(type(l, (ig_str){0}, &l->npy->item, 0));
        if (k == 1) IG_TRY(boolean(l, &l->npy->fortran));
        if (k == 2 && !next_is(l, '(')) return bad(l, "the shape is no tuple");
        if (k == 2) IG_TRY(shape(l, &l->npy->rank, l->npy->dims));
        if (!accept(l, ',') && !next_is(l, '}')) return bad(l, "',' or '}' expected");
    }
    if (seen != 7) return bad(l, "descr, fortran_order and shape must all be there");
    skip_space(l);
    return l->p == l->end ? IG_OK : bad(l, "something follows the dictionary");
}

ig_status ig_npy_parse(ig_npy *npy, ig_arena *arena, ig_span file, ig_error *err) {
    *npy = (ig_npy){0};
    ig_reader r = {.span = file};
    if (!ig_npy_probe(file)) return ig_fail(err, IG_E_INPUT, "not a .npy file: the magic bytes are missing");
    ig_read_bytes(&r, sizeof magic);
    npy->major = ig_read_u8(&r);
    ig_read_u8(&r);
    if (!r.failed && (npy->major < 1 || npy->major > 3))
        return ig_fail(err, IG_E_INPUT, ".npy format version %u is unknown (1 to 3 exist)", npy->major);
    size_t length = npy->major == 1 ? ig_read_u16(&r) : ig_read_u32(&r);
    ig_span header = ig_read_bytes(&r, length);
    if (r.failed) return ig_fail(err, IG_E_INPUT, ".npy file of %zu bytes is cut off in its header", file.n);
    npy->header_bytes = r.at;
    const char *text = (const char *)header.p;
    literal l = {.npy = npy, .arena = arena, .p = text, .start = text, .end = text + header.n, .err = err};
    IG_TRY(dictionary(&l));
    size_t need;
    if (!ig_dims_count(npy->rank, npy->dims, &npy->count) || ig_mul_overflows((size_t)npy->count, npy->item, &need))
        return ig_fail(err, IG_E_INPUT, "malformed .npy header: the shape's product overflows");
    npy->data = ig_read_bytes(&r, npy->objects ? ig_reader_left(&r) : need);
    if (!r.failed) return IG_OK;
    ig_fail(err, IG_E_INPUT, ".npy file is cut off: its data takes %zu bytes, %zu are there", need, ig_reader_left(&r));
    ig_error_hint(err, "the file was not fully written or copied; get it again");
    return IG_E_INPUT;
}

ig_str ig_npy_header(ig_arena *arena, const char *descr, int rank, const int64_t *dims) {
    ig_text t;
    ig_text_init(&t, arena);
    ig_text_printf(&t, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < rank; i++) ig_text_printf(&t, i ? ", %lld" : "%lld", (long long)dims[i]);
    ig_text_printf(&t, "%s), }", rank == 1 ? "," : "");
    size_t total = ig_round_up(10 + t.n + 1, 64); /* at most 32 dims of 19 digits: version 1's 65535 bytes always do */
    size_t length = total - 10;
    char *out = t.failed ? NULL : ig_arena_alloc(arena, total);
    if (!out) return (ig_str){0};
    memcpy(out, magic, sizeof magic);
    out[6] = 1;
    out[8] = (char)(length & 0xFF);
    out[9] = (char)(length >> 8);
    memset(out + 10, ' ', length);
    memcpy(out + 10, t.s, t.n);
    out[total - 1] = '\n';
    return (ig_str){out, total};
}
