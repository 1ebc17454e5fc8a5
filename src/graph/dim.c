#include "graph/sym.h"

#include <stdio.h>

/* An expression being computed. */
typedef struct poly {
    int64_t constant;
    uint32_t n;
    ig_term terms[IG_SYM_TERMS];
} poly;

void ig_syms_init(ig_syms *syms, ig_arena *arena) {
    *syms = (ig_syms){.arena = arena};
    ig_map_init(&syms->table, arena);
}

/* ----------------------------------------------------------------------------------------------------------- interning */

static bool same_terms(const ig_sym *a, const ig_sym *b) {
    for (uint32_t i = 0; i < a->n; i++) {
        const ig_term *x = &a->terms[i], *y = &b->terms[i];
        if (x->factor != y->factor || x->n != y->n || memcmp(x->atoms, y->atoms, x->n * sizeof x->atoms[0]) != 0) return false;
    }
    return true;
}

static bool same_sym(const ig_sym *a, const ig_sym *b) {
    if (a->kind != b->kind) return false;
    if (a->kind == IG_SYM_NAME) return ig_str_eq(a->name, b->name);
    if (a->kind == IG_SYM_SUM) return a->constant == b->constant && a->n == b->n && same_terms(a, b);
    return ig_dim_equal(a->a, b->a) && ig_dim_equal(a->b, b->b);
}

static uint64_t hash_dim(ig_dim d, uint64_t seed) {
    int64_t parts[2] = {d.value, d.sym ? (int64_t)d.sym->id : -1};
    return ig_hash(parts, sizeof parts, seed);
}

static uint64_t hash_sym(const ig_sym *s) {
    if (s->kind == IG_SYM_NAME) return ig_hash(s->name.s, s->name.n, 1);
    if (s->kind != IG_SYM_SUM) return hash_dim(s->b, hash_dim(s->a, s->kind));
    uint64_t h = (uint64_t)s->constant;
    for (uint32_t i = 0; i < s->n; i++) {
        h = ig_hash(&s->terms[i].factor, sizeof s->terms[i].factor, h);
        for (uint32_t k = 0; k < s->terms[i].n; k++) h = ig_hash(&s->terms[i].atoms[k]->id, sizeof(uint32_t), h);
    }
    return h;
}

/* The one symbol equal to `s`, or NULL with *slot set to where it belongs. */
static const ig_sym *find_sym(const ig_syms *syms, const ig_sym *s, uint64_t hash) {
    for (const ig_sym *have = ig_map_get(&syms->table, hash); have; have = have->next)
        if (same_sym(have, s)) return have;
    return NULL;
}

/* NULL when memory runs out. */
static const ig_sym *intern(ig_syms *syms, const ig_sym *s) {
    uint64_t hash = hash_sym(s);
    const ig_sym *have = find_sym(syms, s, hash);
    if (have) return have;
    ig_sym *copy = IG_NEW(syms->arena, ig_sym);
    if (!copy) return NULL;
    *copy = *s;
    bool ok = true;
    copy->name = ig_arena_str(syms->arena, s->name, &ok);
    if (s->n) {
        ig_term *terms = IG_NEW_ARRAY(syms->arena, ig_term, s->n);
        if (!terms) return NULL;
        memcpy(terms, s->terms, s->n * sizeof *terms);
        copy->terms = terms;
    }
    copy->next = ig_map_get(&syms->table, hash);
    copy->id = syms->n_syms;
    if (!ok || !ig_map_set(&syms->table, hash, copy)) return NULL;
    syms->n_syms++;
    return copy;
}

static ig_dim dim_of_sym(const ig_sym *s) { return (ig_dim){IG_UNKNOWN, s}; }

static ig_dim named(ig_syms *syms, ig_str name, bool fresh) {
    return dim_of_sym(intern(syms, &(ig_sym){.kind = IG_SYM_NAME, .name = name, .positive = true, .fresh = fresh}));
}

ig_dim ig_dim_symbol(ig_syms *syms, ig_str name) {
    return syms && name.s && name.n ? named(syms, name, false) : ig_dim_unknown();
}

ig_dim ig_dim_fresh(ig_syms *syms) {
    if (!syms) return ig_dim_unknown();
    for (;;) {
        char text[32];
        int n = snprintf(text, sizeof text, "unk__%u", syms->n_fresh++);
        ig_sym s = {.kind = IG_SYM_NAME, .name = {text, (size_t)n}};
        if (!find_sym(syms, &s, hash_sym(&s))) return named(syms, s.name, true);
    }
}

bool ig_dim_is_fresh(ig_dim d) { return !ig_dim_known(d) && d.sym && d.sym->kind == IG_SYM_NAME && d.sym->fresh; }

static bool sym_made_since(const ig_sym *s, uint32_t n_syms) {
    if (s->kind == IG_SYM_NAME) return s->fresh && s->id >= n_syms;
    if (s->kind != IG_SYM_SUM) return ig_dim_made_since(s->a, n_syms) || ig_dim_made_since(s->b, n_syms);
    for (uint32_t i = 0; i < s->n; i++)
        for (uint32_t k = 0; k < s->terms[i].n; k++)
            if (sym_made_since(s->terms[i].atoms[k], n_syms)) return true;
    return false;
}

/* Recursion is bounded by IG_SYM_DEPTH. */
bool ig_dim_made_since(ig_dim d, uint32_t n_syms) { return !ig_dim_known(d) && d.sym && sym_made_since(d.sym, n_syms); }

ig_str ig_dim_name(ig_dim d) {
    return !ig_dim_known(d) && d.sym && d.sym->kind == IG_SYM_NAME ? d.sym->name : (ig_str){NULL, 0};
}

/* --------------------------------------------------------------------------------------------------------- polynomials */

/* Graded lexicographic order: negative when a comes first (is larger). */
static int term_order(const ig_term *a, const ig_term *b) {
    if (a->n != b->n) return a->n > b->n ? -1 : 1;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->atoms[i] != b->atoms[i]) return a->atoms[i]->id < b->atoms[i]->id ? -1 : 1;
    return 0;
}

/* A whole number must stay off the value that means unknown. */
static bool add_to(int64_t *sum, int64_t x) { return !__builtin_add_overflow(*sum, x, sum) && *sum != IG_UNKNOWN; }
static bool times(int64_t a, int64_t b, int64_t *out) { return !__builtin_mul_overflow(a, b, out) && *out != IG_UNKNOWN; }

static bool add_term(poly *p, const ig_term *t) {
    if (t->n == 0) return add_to(&p->constant, t->factor);
    uint32_t at = 0;
    int order = 1;
    while (at < p->n && (order = term_order(&p->terms[at], t)) < 0) at++;
    if (at < p->n && order == 0) {
        if (!add_to(&p->terms[at].factor, t->factor)) return false;
        if (p->terms[at].factor != 0) return true;
        memmove(&p->terms[at], &p->terms[at + 1], (--p->n - at) * sizeof *p->terms);
        return true;
    }
    if (p->n == IG_SYM_TERMS) return false;
    memmove(&p->terms[at + 1], &p->terms[at], (p->n - at) * sizeof *p->terms);
    p->terms[at] = *t;
    p->n++;
    return true;
}

static bool term_times(const ig_term *a, const ig_term *b, ig_term *out) {
    if (a->n + b->n > IG_SYM_FACTORS) return false;
    ig_term t = {.n = a->n + b->n};
    for (uint32_t i = 0, j = 0; i + j < t.n;) {
        bool first = j == b->n || (i < a->n && a->atoms[i]->id <= b->atoms[j]->id);
        t.atoms[i + j] = first ? a->atoms[i] : b->atoms[j];
        if (first) {
            i++;
        } else {
            j++;
        }
    }
    bool fits = times(a->factor, b->factor, &t.factor);
    *out = t;
    return fits;
}

/* a / b when it divides without remainder. */
static bool term_over(const ig_term *a, const ig_term *b, ig_term *out) {
    if (b->factor == 0 || a->factor % b->factor != 0 || a->n < b->n) return false;
    ig_term t = {.factor = a->factor / b->factor};
    uint32_t j = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        if (j < b->n && a->atoms[i] == b->atoms[j]) {
            j++;
        } else {
            t.atoms[t.n++] = a->atoms[i];
        }
    }
    *out = t;
    return j == b->n;
}

/* False when nothing is known of the dim. */
static bool to_poly(ig_dim d, poly *p) {
    p->n = 0;
    p->constant = 0;
    if (ig_dim_known(d)) {
        p->constant = d.value;
        return true;
    }
    if (!d.sym) return false;
    if (d.sym->kind != IG_SYM_SUM) {
        p->terms[p->n++] = (ig_term){.factor = 1, .n = 1, .atoms = {d.sym}};
        return true;
    }
    p->constant = d.sym->constant;
    p->n = d.sym->n;
    memcpy(p->terms, d.sym->terms, p->n * sizeof *p->terms);
    return true;
}

static bool term_positive(const ig_term *t) {
    for (uint32_t i = 0; i < t->n; i++)
        if (!t->atoms[i]->positive) return false;
    return true;
}

/* The least value when it is known: no term can be negative. `sign` -1 asks for the least value of -p. */
static bool least(const poly *p, int64_t sign, int64_t *value) {
    for (uint32_t i = 0; i < p->n; i++)
        if ((p->terms[i].factor > 0) != (sign > 0) || !term_positive(&p->terms[i])) return false;
    *value = p->constant * sign;
    return true;
}

static ig_dim from_poly(ig_syms *syms, const poly *p) {
    if (p->n == 0) return ig_dim_of(p->constant);
    if (p->n == 1 && p->constant == 0 && p->terms[0].factor == 1 && p->terms[0].n == 1) return dim_of_sym(p->terms[0].atoms[0]);
    int64_t low;
    ig_sym s = {.kind = IG_SYM_SUM, .constant = p->constant, .n = p->n, .terms = p->terms};
    s.positive = least(p, 1, &low) && low >= 0;
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k < p->terms[i].n; k++)
            if (p->terms[i].atoms[k]->depth > s.depth) s.depth = p->terms[i].atoms[k]->depth;
    return dim_of_sym(intern(syms, &s));
}

/* p += q * t. */
static bool add_product(poly *p, const poly *q, const ig_term *t) {
    for (uint32_t i = 0; i <= q->n; i++) {
        ig_term constant = {.factor = q->constant}, product;
        if (i == q->n && q->constant == 0) break;
        if (!term_times(i < q->n ? &q->terms[i] : &constant, t, &product) || !add_term(p, &product)) return false;
    }
    return true;
}

static bool subtract(poly *p, const poly *q) { return add_product(p, q, &(ig_term){.factor = -1}); }

/* ---------------------------------------------------------------------------------------------------------- arithmetic */

static ig_dim add_scaled(ig_syms *syms, ig_dim a, ig_dim b, int64_t sign) {
    if (ig_dim_known(a) && ig_dim_known(b)) {
        int64_t sum, other;
        if (!times(b.value, sign, &other)) return ig_dim_unknown();
        sum = a.value;
        return add_to(&sum, other) ? ig_dim_of(sum) : ig_dim_unknown();
    }
    if (ig_dim_is(b, 0)) return a;
    poly p, q;
    if (!syms || !to_poly(a, &p) || !to_poly(b, &q)) return ig_dim_unknown();
    return add_product(&p, &q, &(ig_term){.factor = sign}) ? from_poly(syms, &p) : ig_dim_unknown();
}

ig_dim ig_dim_add(ig_syms *syms, ig_dim a, ig_dim b) {
    return add_scaled(syms, ig_dim_is(a, 0) ? b : a, ig_dim_is(a, 0) ? a : b, 1);
}
ig_dim ig_dim_sub(ig_syms *syms, ig_dim a, ig_dim b) { return add_scaled(syms, a, b, -1); }

ig_dim ig_dim_mul(ig_syms *syms, ig_dim a, ig_dim b) {
    if (ig_dim_known(a) && ig_dim_known(b)) {
        int64_t product;
        return times(a.value, b.value, &product) ? ig_dim_of(product) : ig_dim_unknown();
    }
    if (ig_dim_is(a, 0) || ig_dim_is(b, 1)) return a;
    if (ig_dim_is(b, 0) || ig_dim_is(a, 1)) return b;
    poly p, q, product = {0};
    if (!syms || !to_poly(a, &p) || !to_poly(b, &q)) return ig_dim_unknown();
    for (uint32_t i = 0; i < p.n; i++)
        if (!add_product(&product, &q, &p.terms[i])) return ig_dim_unknown();
    if (p.constant && !add_product(&product, &q, &(ig_term){.factor = p.constant})) return ig_dim_unknown();
    return from_poly(syms, &product);
}

static ig_dim make_atom(ig_syms *syms, ig_sym_kind kind, ig_dim a, ig_dim b, bool positive) {
    unsigned da = a.sym && !ig_dim_known(a) ? a.sym->depth : 0, db = b.sym && !ig_dim_known(b) ? b.sym->depth : 0;
    ig_sym s = {.kind = (uint8_t)kind, .a = a, .b = b, .positive = positive};
    s.depth = (uint8_t)(1 + (da > db ? da : db));
    if (s.depth > IG_SYM_DEPTH) return ig_dim_unknown();
    return dim_of_sym(intern(syms, &s));
}

static bool is_positive(ig_dim d) { return ig_dim_known(d) ? d.value >= 0 : d.sym && d.sym->positive; }

static int64_t floor_over(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* floor(p/by) for a number by > 1. What divides moves out of the floor; the rest has factors in [1, by), without a divisor
 * common with by; a floor of a floor becomes one. */
static ig_dim floor_by_number(ig_syms *syms, const poly *p, int64_t by) {
    poly out = {.constant = floor_over(p->constant, by)}, rest = {0};
    rest.constant = p->constant - out.constant * by;
    int64_t common = by;
    for (uint32_t i = 0; i < p->n; i++) {
        ig_term whole = p->terms[i], part = p->terms[i];
        whole.factor = floor_over(part.factor, by);
        part.factor -= whole.factor * by;
        if (whole.factor && !add_term(&out, &whole)) return ig_dim_unknown();
        if (part.factor && !add_term(&rest, &part)) return ig_dim_unknown();
        if (part.factor) common = gcd(common, part.factor);
    }
    if (rest.n == 0) return from_poly(syms, &out);
    for (uint32_t i = 0; i < rest.n; i++) rest.terms[i].factor /= common;
    rest.constant /= common;
    by /= common;
    if (by == 1) { /* only the constant was in the way */
        return add_product(&out, &rest, &(ig_term){.factor = 1}) ? from_poly(syms, &out) : ig_dim_unknown();
    }
    const ig_sym *inner = rest.n == 1 && rest.terms[0].n == 1 && rest.terms[0].factor == 1 ? rest.terms[0].atoms[0] : NULL;
    ig_dim floor;
    if (inner && inner->kind == IG_SYM_FLOOR && ig_dim_known(inner->b)) {
        ig_dim shifted = ig_dim_add(syms, inner->a, ig_dim_mul(syms, inner->b, ig_dim_of(rest.constant)));
        floor = ig_dim_floor_div(syms, shifted, ig_dim_mul(syms, inner->b, ig_dim_of(by)));
    } else {
        ig_dim above = from_poly(syms, &rest);
        floor = make_atom(syms, IG_SYM_FLOOR, above, ig_dim_of(by), is_positive(above));
    }
    return ig_dim_add(syms, from_poly(syms, &out), floor);
}

/* floor(p/by) for an expression. Exact division of polynomials; else, by a single term, what divides moves out. */
static ig_dim floor_by_poly(ig_syms *syms, const poly *p, const poly *by) {
    poly left = *p, out = {0}, rest = {0};
    bool single = by->n == 1 && by->constant == 0;
    for (int step = 0; left.n || left.constant; step++) {
        ig_term lead = left.n ? left.terms[0] : (ig_term){.factor = left.constant}, quotient;
        if (step == 2 * IG_SYM_TERMS) return ig_dim_unknown();
        if (term_over(&lead, &by->terms[0], &quotient)) {
            ig_term minus = quotient;
            minus.factor = -minus.factor;
            if (!add_term(&out, &quotient) || !add_product(&left, by, &minus)) return ig_dim_unknown();
            continue;
        }
        lead.factor = -lead.factor;
        if (!add_term(&left, &lead)) return ig_dim_unknown();
        lead.factor = -lead.factor;
        if (!add_term(&rest, &lead)) return ig_dim_unknown();
    }
    if (rest.n == 0 && rest.constant == 0) return from_poly(syms, &out);
    if (!single) {
        rest = *p;
        out = (poly){0};
    }
    ig_dim above = from_poly(syms, &rest), below = from_poly(syms, by);
    ig_dim floor = make_atom(syms, IG_SYM_FLOOR, above, below, is_positive(above) && is_positive(below));
    return ig_dim_add(syms, from_poly(syms, &out), floor);
}

ig_dim ig_dim_floor_div(ig_syms *syms, ig_dim a, ig_dim b) {
    if (ig_dim_is(b, 0)) return ig_dim_unknown();
    if (ig_dim_is(b, 1) || ig_dim_is(a, 0)) return a;
    if (ig_dim_known(a) && ig_dim_known(b)) return ig_dim_of(floor_over(a.value, b.value));
    poly p, q;
    if (!syms || !to_poly(a, &p) || !to_poly(b, &q)) return ig_dim_unknown();
    if (q.n) return floor_by_poly(syms, &p, &q);
    if (q.constant > 0) return floor_by_number(syms, &p, q.constant);
    poly negative = {0};
    if (!subtract(&negative, &p)) return ig_dim_unknown();
    return ig_dim_floor_div(syms, from_poly(syms, &negative), ig_dim_of(-q.constant));
}

ig_dim ig_dim_ceil_div(ig_syms *syms, ig_dim a, ig_dim b) {
    return ig_dim_floor_div(syms, ig_dim_add(syms, a, ig_dim_sub(syms, b, ig_dim_of(1))), b);
}

/* Sign of a - b as far as it is proved: 1 when a >= b always, -1 when a <= b always, 0 otherwise. */
static int proved_order(ig_dim a, ig_dim b, bool strict) {
    poly p, q;
    int64_t low;
    if (!to_poly(a, &p) || !to_poly(b, &q) || !subtract(&p, &q)) return 0;
    if (least(&p, 1, &low) && low >= (strict ? 1 : 0)) return 1;
    if (least(&p, -1, &low) && low >= (strict ? 1 : 0)) return -1;
    return 0;
}

static ig_dim extreme(ig_syms *syms, ig_sym_kind kind, ig_dim a, ig_dim b) {
    int order = proved_order(a, b, false);
    if (order) return (order > 0) == (kind == IG_SYM_MAX) ? a : b;
    if (!syms || (!ig_dim_known(a) && !a.sym) || (!ig_dim_known(b) && !b.sym)) return ig_dim_unknown();
    /* One order of the two, so that max(a, b) is max(b, a): numbers last. */
    if (ig_dim_known(a) || (!ig_dim_known(b) && a.sym->id > b.sym->id)) {
        ig_dim swap = a;
        a = b;
        b = swap;
    }
    bool pa = is_positive(a), pb = is_positive(b);
    return make_atom(syms, kind, a, b, kind == IG_SYM_MAX ? pa || pb : pa && pb);
}

ig_dim ig_dim_max(ig_syms *syms, ig_dim a, ig_dim b) { return extreme(syms, IG_SYM_MAX, a, b); }
ig_dim ig_dim_min(ig_syms *syms, ig_dim a, ig_dim b) { return extreme(syms, IG_SYM_MIN, a, b); }

/* ---------------------------------------------------------------------------------------------------------- comparison */

bool ig_dim_equal(ig_dim a, ig_dim b) {
    return ig_dim_known(a) || ig_dim_known(b) ? a.value == b.value : a.sym != NULL && a.sym == b.sym;
}

bool ig_dim_differ(ig_dim a, ig_dim b) {
    if (ig_dim_known(a) && ig_dim_known(b)) return a.value != b.value;
    return !ig_dim_equal(a, b) && proved_order(a, b, true) != 0;
}

bool ig_dim_merge(ig_dim a, ig_dim b, ig_dim *out) {
    *out = a;
    if (ig_dim_differ(a, b)) return false;
    bool better = ig_dim_known(b) || (b.sym && (!a.sym || (ig_dim_is_fresh(a) && !ig_dim_is_fresh(b))));
    if (!ig_dim_known(a) && better) *out = b;
    return true;
}

/* Whether b is min(a, c) with c at least 1: what is cut off a longer constant to go with a. Then b fits only when it is a or 1.
 */
static bool is_cut_for(ig_dim b, ig_dim a) {
    if (ig_dim_known(b) || !b.sym || b.sym->kind != IG_SYM_MIN) return false;
    ig_dim other = ig_dim_equal(b.sym->a, a) ? b.sym->b : b.sym->a;
    return (ig_dim_equal(b.sym->a, a) || ig_dim_equal(b.sym->b, a)) && proved_order(other, ig_dim_of(0), true) > 0;
}

bool ig_dim_broadcast(ig_syms *syms, ig_dim a, ig_dim b, ig_dim *out) {
    IG_UNUSED(syms);
    *out = a;
    if (ig_dim_is(b, 1) || ig_dim_equal(a, b) || is_cut_for(b, a)) return true;
    *out = b;
    if (ig_dim_is(a, 1) || is_cut_for(a, b)) return true;
    ig_dim one = ig_dim_of(1);
    if (ig_dim_differ(a, b) && ig_dim_differ(a, one) && ig_dim_differ(b, one)) return false;
    /* A size that can't be 1 is the result's; the other one is 1 or the same. */
    if (ig_dim_known(a) || (!ig_dim_known(b) && ig_dim_differ(a, one))) {
        *out = a;
    } else if (!ig_dim_known(b) && !ig_dim_differ(b, one)) {
        *out = ig_dim_unknown();
    }
    return true;
}

/* -------------------------------------------------------------------------------------------------------- substitution */

static ig_dim substitute_sum(ig_syms *syms, const ig_sym *s, int64_t (*value_of)(void *user, ig_str name), void *user) {
    ig_dim sum = ig_dim_of(s->constant);
    for (uint32_t i = 0; i < s->n; i++) {
        ig_dim product = ig_dim_of(s->terms[i].factor);
        for (uint32_t k = 0; k < s->terms[i].n; k++) {
            ig_dim atom = ig_dim_substitute(syms, dim_of_sym(s->terms[i].atoms[k]), value_of, user);
            product = ig_dim_mul(syms, product, atom);
        }
        sum = ig_dim_add(syms, sum, product);
    }
    return sum;
}

/* Recursion is bounded by IG_SYM_DEPTH. */
ig_dim ig_dim_substitute(ig_syms *syms, ig_dim d, int64_t (*value_of)(void *user, ig_str name), void *user) {
    if (ig_dim_known(d) || !d.sym) return d;
    const ig_sym *s = d.sym;
    if (s->kind == IG_SYM_NAME) {
        int64_t value = value_of(user, s->name);
        return value == IG_UNKNOWN ? d : ig_dim_of(value);
    }
    if (s->kind == IG_SYM_SUM) return substitute_sum(syms, s, value_of, user);
    ig_dim a = ig_dim_substitute(syms, s->a, value_of, user), b = ig_dim_substitute(syms, s->b, value_of, user);
    if (s->kind == IG_SYM_FLOOR) return ig_dim_floor_div(syms, a, b);
    return extreme(syms, (ig_sym_kind)s->kind, a, b);
}
