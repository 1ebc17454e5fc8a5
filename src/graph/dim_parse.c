/* Reading a dim's name as an expression: what exporters write ("2*batch + 1", "floor((h + 2)/2)", "s0 // 2", "Max(1, s0)").
 *
 *     sum     = product { ("+" | "-") product }
 *     product = factor { ("*" | "/" | "//" | "%") factor }
 *     factor  = "-" factor | primary [ "**" number ]
 *     primary = number | name | "(" sum ")" | function "(" sum { "," sum } ")"
 *
 * Names have letters, digits, "_", "." and ":" and don't start with a digit. "/" gives a fraction, which only floor and ceil
 * turn into a whole number. Anything else is one symbol of that exact text. */
#include "graph/sym.h"

enum { MAX_TEXT = 1024, MAX_NESTING = 16 };

typedef struct parser {
    ig_syms *syms;
    const char *p, *end;
    unsigned depth;
    bool failed;
} parser;

typedef struct fraction {
    ig_dim above, below;
} fraction;

static fraction parse_sum(parser *c);

static fraction fail(parser *c) {
    c->failed = true;
    return (fraction){ig_dim_unknown(), ig_dim_of(1)};
}

static fraction whole(ig_dim d) { return (fraction){d, ig_dim_of(1)}; }

static bool is_letter(char ch) { return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_'; }
static bool is_digit(char ch) { return ch >= '0' && ch <= '9'; }
static bool is_name(char ch) { return is_letter(ch) || is_digit(ch) || ch == '.' || ch == ':'; }

static void skip_space(parser *c) {
    while (c->p < c->end && *c->p == ' ') c->p++;
}

/* Takes `text` when it comes next. */
static bool take(parser *c, const char *text) {
    skip_space(c);
    size_t n = strlen(text);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, text, n) != 0) return false;
    c->p += n;
    return true;
}

static ig_str take_word(parser *c, bool (*part)(char ch)) {
    const char *start = c->p;
    while (c->p < c->end && part(*c->p)) c->p++;
    return (ig_str){start, (size_t)(c->p - start)};
}

/* ---------------------------------------------------------------------------------------------------------- operations */

static fraction add(parser *c, fraction a, fraction b, bool minus) {
    ig_dim x = ig_dim_mul(c->syms, a.above, b.below), y = ig_dim_mul(c->syms, b.above, a.below);
    ig_dim sum = minus ? ig_dim_sub(c->syms, x, y) : ig_dim_add(c->syms, x, y);
    return (fraction){sum, ig_dim_mul(c->syms, a.below, b.below)};
}

static ig_dim floor_of(parser *c, fraction a) { return ig_dim_floor_div(c->syms, a.above, a.below); }

static fraction over(parser *c, fraction a, fraction b) {
    return (fraction){ig_dim_mul(c->syms, a.above, b.below), ig_dim_mul(c->syms, a.below, b.above)};
}

static fraction modulo(parser *c, fraction a, fraction b) {
    ig_dim product = ig_dim_mul(c->syms, floor_of(c, over(c, a, b)), b.above);
    return ig_dim_is(b.below, 1) ? add(c, a, whole(product), true) : fail(c);
}

typedef enum function { FLOOR, CEIL, MAX, MIN, FLOOR_DIV, CEIL_DIV, MOD, SAME } function;

static const struct {
    const char *name;
    function function;
    int arguments; /* 0: one or more */
} functions[] = {
    {"floor", FLOOR, 1},
    {"ceil", CEIL, 1},
    {"ceiling", CEIL, 1},
    {"max", MAX, 0},
    {"Max", MAX, 0},
    {"min", MIN, 0},
    {"Min", MIN, 0},
    {"Mod", MOD, 2},
    {"FloorDiv", FLOOR_DIV, 2},
    {"CleanDiv", FLOOR_DIV, 2},
    {"CeilDiv", CEIL_DIV, 2},
    {"PythonMod", MOD, 2},
    {"FloorToInt", FLOOR, 1},
    {"CeilToInt", CEIL, 1},
    {"ToFloat", SAME, 1},
};

/* a joined with the argument b; b is the only one when `first`. */
static fraction apply(parser *c, function f, fraction a, fraction b, bool first) {
    switch (f) {
    case SAME: return b;
    case FLOOR: return whole(floor_of(c, b));
    case CEIL: return whole(ig_dim_ceil_div(c->syms, b.above, b.below));
    case FLOOR_DIV: return first ? b : whole(floor_of(c, over(c, a, b)));
    case CEIL_DIV: {
        fraction q = first ? b : over(c, a, b);
        return first ? b : whole(ig_dim_ceil_div(c->syms, q.above, q.below));
    }
    case MOD: return first ? b : modulo(c, a, b);
    default: break;
    }
    if (first) return b;
    if (!ig_dim_is(a.below, 1) || !ig_dim_is(b.below, 1)) return fail(c);
    return whole(f == MAX ? ig_dim_max(c->syms, a.above, b.above) : ig_dim_min(c->syms, a.above, b.above));
}

/* ------------------------------------------------------------------------------------------------------------- grammar */

static fraction parse_call(parser *c, ig_str name) {
    for (size_t i = 0; i < IG_COUNT_OF(functions); i++) {
        if (!ig_str_is(name, functions[i].name)) continue;
        fraction value = whole(ig_dim_unknown());
        int n = 0;
        do value = apply(c, functions[i].function, value, parse_sum(c), n++ == 0);
        while (!c->failed && take(c, ","));
        if (functions[i].arguments && n != functions[i].arguments) return fail(c);
        return take(c, ")") ? value : fail(c);
    }
    return fail(c);
}

static fraction parse_primary(parser *c) {
    if (take(c, "(")) {
        fraction value = parse_sum(c);
        return take(c, ")") ? value : fail(c);
    }
    if (c->p == c->end) return fail(c);
    if (is_digit(*c->p)) {
        int64_t value;
        ig_str digits = take_word(c, is_digit);
        bool more = c->p < c->end && is_name(*c->p);
        return !more && ig_str_to_i64(digits, &value) ? whole(ig_dim_of(value)) : fail(c);
    }
    if (!is_letter(*c->p)) return fail(c);
    ig_str name = take_word(c, is_name);
    if (c->p < c->end && *c->p == '(') {
        c->p++;
        return parse_call(c, name);
    }
    /* "batch-size" is a name, "batch - size" and "s0-1" are differences. */
    if (c->end - c->p >= 2 && c->p[0] == '-' && is_letter(c->p[1])) return fail(c);
    return whole(ig_dim_symbol(c->syms, name));
}

static fraction parse_factor(parser *c) {
    if (c->depth >= MAX_NESTING || c->failed) return fail(c);
    c->depth++;
    fraction value;
    if (take(c, "-")) {
        value = parse_factor(c);
        value.above = ig_dim_mul(c->syms, value.above, ig_dim_of(-1));
    } else {
        value = parse_primary(c);
        if (!c->failed && take(c, "**")) {
            skip_space(c);
            int64_t power;
            if (!ig_str_to_i64(take_word(c, is_digit), &power) || power < 1 || power > IG_SYM_FACTORS) return fail(c);
            fraction base = value;
            while (--power) {
                value.above = ig_dim_mul(c->syms, value.above, base.above);
                value.below = ig_dim_mul(c->syms, value.below, base.below);
            }
        }
    }
    c->depth--;
    return value;
}

static fraction parse_product(parser *c) {
    fraction value = parse_factor(c);
    while (!c->failed) {
        if (take(c, "//")) {
            value = whole(floor_of(c, over(c, value, parse_factor(c))));
        } else if (take(c, "/")) {
            value = over(c, value, parse_factor(c));
        } else if (take(c, "%")) {
            value = modulo(c, value, parse_factor(c));
        } else if (take(c, "*")) {
            fraction b = parse_factor(c);
            value = (fraction){ig_dim_mul(c->syms, value.above, b.above), ig_dim_mul(c->syms, value.below, b.below)};
        } else {
            break;
        }
    }
    return value;
}

static fraction parse_sum(parser *c) {
    fraction value = parse_product(c);
    while (!c->failed) {
        if (take(c, "+")) {
            value = add(c, value, parse_product(c), false);
        } else if (take(c, "-")) {
            value = add(c, value, parse_product(c), true);
        } else {
            break;
        }
    }
    return value;
}

/* True when the text has a character that only an expression has: nearly all names don't. */
static bool may_be_expression(ig_str name) {
    bool digits = true;
    for (size_t i = 0; i < name.n; i++) {
        if (strchr("+-*/%(", name.s[i])) return true;
        digits = digits && is_digit(name.s[i]);
    }
    return digits;
}

ig_dim ig_dim_named(ig_syms *syms, ig_str name) {
    if (!syms || !name.s || name.n == 0) return ig_dim_unknown();
    if (name.n > MAX_TEXT || !may_be_expression(name)) return ig_dim_symbol(syms, name);
    parser c = {.syms = syms, .p = name.s, .end = name.s + name.n};
    fraction value = parse_sum(&c);
    skip_space(&c);
    bool known = ig_dim_known(value.above) || value.above.sym;
    if (c.failed || c.p != c.end || !known || !ig_dim_is(value.below, 1)) return ig_dim_symbol(syms, name);
    return value.above;
}
