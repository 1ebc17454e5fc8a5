/* Writing dims so that ig_dim_named reads them back. */
#include "graph/sym.h"

#include <stdio.h>

typedef struct out_text {
    char *s;
    size_t size, n;
} out_text;

static void put(out_text *o, ig_str text) {
    for (size_t i = 0; i < text.n && o->n + 1 < o->size; i++) o->s[o->n++] = text.s[i];
}

static void put_number(out_text *o, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    put(o, ig_str_c(text));
}

static void put_dim(out_text *o, ig_dim d);

/* In parentheses when it has an operator in it that binds less than "/". */
static void put_operand(out_text *o, ig_dim d, bool below) {
    const ig_sym *s = ig_dim_known(d) ? NULL : d.sym;
    bool parentheses = s && s->kind == IG_SYM_SUM && (below || s->n > 1 || s->constant != 0 || s->terms[0].factor < 0);
    if (parentheses) put(o, IG_STR("("));
    put_dim(o, d);
    if (parentheses) put(o, IG_STR(")"));
}

static void put_atom(out_text *o, const ig_sym *s) {
    static const char *const words[] = {[IG_SYM_FLOOR] = "floor(", [IG_SYM_MAX] = "max(", [IG_SYM_MIN] = "min("};
    if (s->kind == IG_SYM_NAME) {
        put(o, s->name);
        return;
    }
    bool floor = s->kind == IG_SYM_FLOOR;
    put(o, ig_str_c(words[s->kind]));
    if (floor) {
        put_operand(o, s->a, false);
        put(o, IG_STR("/"));
        put_operand(o, s->b, true);
    } else {
        put_dim(o, s->a);
        put(o, IG_STR(", "));
        put_dim(o, s->b);
    }
    put(o, IG_STR(")"));
}

static void put_term(out_text *o, const ig_term *t, bool first) {
    bool minus = t->factor < 0;
    uint64_t size = minus ? 0 - (uint64_t)t->factor : (uint64_t)t->factor;
    put(o, first ? ig_str_c(minus ? "-" : "") : ig_str_c(minus ? " - " : " + "));
    if (size != 1) {
        put_number(o, (int64_t)size);
        put(o, IG_STR("*"));
    }
    for (uint32_t i = 0; i < t->n; i++) {
        if (i) put(o, IG_STR("*"));
        put_atom(o, t->atoms[i]);
    }
}

/* Recursion is bounded by IG_SYM_DEPTH. */
static void put_dim(out_text *o, ig_dim d) {
    if (ig_dim_known(d)) {
        put_number(o, d.value);
        return;
    }
    if (!d.sym) {
        put(o, IG_STR("?"));
        return;
    }
    if (d.sym->kind != IG_SYM_SUM) {
        put_atom(o, d.sym);
        return;
    }
    /* A sum that starts with a term to subtract reads better from another one. */
    uint32_t first = 0;
    while (first < d.sym->n && d.sym->terms[first].factor < 0) first++;
    if (first == d.sym->n) first = 0;
    put_term(o, &d.sym->terms[first], true);
    for (uint32_t i = 0; i < d.sym->n; i++)
        if (i != first) put_term(o, &d.sym->terms[i], false);
    int64_t c = d.sym->constant;
    if (c) put(o, ig_str_c(c < 0 ? " - " : " + "));
    if (c) put_number(o, c < 0 ? -c : c);
}

size_t ig_dim_text(ig_dim d, char *out, size_t size) {
    if (size == 0) return 0;
    out_text o = {out, size, 0};
    put_dim(&o, d);
    out[o.n] = '\0';
    return o.n;
}
