/* How far two values are apart. */
#include "graph/tensor.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct comparison {
    ig_difference *result;
    double rtol, atol;
    size_t worst; /* element with the largest difference outside the tolerances */
    double worst_by;
} comparison;

static void say(ig_difference *d, const char *format, ...) IG_PRINTF(2, 3);
static void say(ig_difference *d, const char *format, ...) {
    char raw[sizeof d->reason];
    d->equal = false;
    if (d->reason[0]) return; /* the first reason stays */
    va_list args;
    va_start(args, format);
    int n = vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    ig_text_clean(d->reason, sizeof d->reason, (ig_str){raw, n < 0 ? 0 : ig_min_size((size_t)n, sizeof raw - 1)});
}

static const char *kind_name(const ig_tensor *t) {
    static const char *const names[] = {"absent",      "a tensor", "a sparse tensor", "a sequence",
                                        "an optional", "a map",    "opaque"};
    return names[t->kind];
}

static void note(comparison *c, size_t i, double by, double expected, bool differs) {
    ig_difference *d = c->result;
    d->total++;
    if (!(by <= d->max_abs)) d->max_abs = by;
    double relative = by == 0 ? 0 : by / fabs(expected);
    if (!(relative <= d->max_rel)) d->max_rel = relative;
    if (!differs) return;
    d->differing++;
    if (d->differing > 1 && !(by > c->worst_by)) return;
    c->worst = i;
    c->worst_by = by;
}

/* NaN equals NaN, an infinity only itself. */
static void compare_real(comparison *c, size_t i, double actual, double expected) {
    bool same = actual == expected || (isnan(actual) && isnan(expected));
    double by = same ? 0 : fabs(actual - expected);
    note(c, i, by, expected, !same && !(isfinite(by) && by <= c->atol + c->rtol * fabs(expected)));
}

static void compare_complex(comparison *c, size_t i, const ig_tensor *a, const ig_tensor *e) {
    ig_dtype half = a->dtype == IG_C64 ? IG_F32 : IG_F64;
    double ar = ig_load_as_f64(half, a->data, 2 * i), ai = ig_load_as_f64(half, a->data, 2 * i + 1);
    double er = ig_load_as_f64(half, e->data, 2 * i), ei = ig_load_as_f64(half, e->data, 2 * i + 1);
    bool same = (ar == er || (isnan(ar) && isnan(er))) && (ai == ei || (isnan(ai) && isnan(ei)));
    double by = same ? 0 : hypot(ar - er, ai - ei), size = hypot(er, ei);
    note(c, i, by, size, !same && !(isfinite(by) && by <= c->atol + c->rtol * size));
}

/* 64-bit integers are exact: their distance is taken before it becomes a double. */
static void compare_whole(comparison *c, size_t i, const ig_tensor *a, const ig_tensor *e) {
    int64_t x = ig_load_as_i64(a->dtype, a->data, i), y = ig_load_as_i64(e->dtype, e->data, i);
    bool less = a->dtype == IG_U64 ? (uint64_t)x < (uint64_t)y : x < y;
    uint64_t by = less ? (uint64_t)y - (uint64_t)x : (uint64_t)x - (uint64_t)y;
    bool differs = a->dtype == IG_BOOL ? by != 0 : (double)by > c->atol;
    note(c, i, (double)by, a->dtype == IG_U64 ? (double)(uint64_t)y : (double)y, differs);
}

static void compare_string(comparison *c, size_t i, const ig_tensor *a, const ig_tensor *e) {
    bool same = ig_str_eq(ig_tensor_strings(a)[i], ig_tensor_strings(e)[i]);
    c->result->total++;
    if (same) return;
    if (c->result->differing++ == 0) c->worst = i;
}

static void index_text(char *out, size_t size, const ig_tensor *t, size_t i) {
    size_t at[IG_MAX_RANK], n = 0;
    for (int d = t->rank - 1; d >= 0; d--) {
        at[d] = i % (size_t)t->dims[d];
        i /= (size_t)t->dims[d];
    }
    out[0] = 0;
    for (int d = 0; d < t->rank && n + 24 < size; d++)
        n += (size_t)snprintf(out + n, size - n, "%s%zu%s", d ? "," : "[", at[d], d + 1 == t->rank ? "]" : "");
}

static void element_text(char *out, size_t size, const ig_tensor *t, size_t i) {
    if (t->dtype == IG_STRING)
        snprintf(out, size, "'%.*s'", (int)ig_min_size(ig_tensor_strings(t)[i].n, 40), ig_tensor_strings(t)[i].s);
    else if (ig_dtype_number(t->dtype) == IG_NUMBER_COMPLEX) {
        ig_dtype half = t->dtype == IG_C64 ? IG_F32 : IG_F64;
        snprintf(out, size, "%.9g%+.9gi", ig_load_as_f64(half, t->data, 2 * i), ig_load_as_f64(half, t->data, 2 * i + 1));
    } else if (ig_dtype_is_float(t->dtype))
        snprintf(out, size, "%.9g", ig_load_as_f64(t->dtype, t->data, i));
    else if (t->dtype == IG_U64)
        snprintf(out, size, "%llu", (unsigned long long)ig_load_as_i64(t->dtype, t->data, i));
    else
        snprintf(out, size, "%lld", (long long)ig_load_as_i64(t->dtype, t->data, i));
}

static void type_text(char *out, size_t size, const ig_tensor *t) {
    size_t n = (size_t)snprintf(out, size, "%s[", ig_dtypes[t->dtype].name);
    for (int d = 0; d < t->rank && n + 24 < size; d++)
        n += (size_t)snprintf(out + n, size - n, d ? ",%lld" : "%lld", (long long)t->dims[d]);
    snprintf(out + n, size - n, "]");
}

static bool same_dims(const ig_tensor *a, const ig_tensor *b) {
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

static void compare_dense(ig_difference *d, const ig_tensor *a, const ig_tensor *e, double rtol, double atol) {
    char left[80], right[80], where[80];
    if (a->dtype != e->dtype || !same_dims(a, e)) {
        type_text(left, sizeof left, a);
        type_text(right, sizeof right, e);
        say(d, "%s %s, expected %s", a->dtype != e->dtype ? "type" : "shape", left, right);
        return;
    }
    comparison c = {.result = d, .rtol = rtol, .atol = atol};
    uint64_t before = d->differing;
    d->differing = 0;
    ig_number number = ig_dtype_number(a->dtype);
    for (size_t i = 0; i < a->count; i++) {
        if (a->dtype == IG_STRING)
            compare_string(&c, i, a, e);
        else if (number == IG_NUMBER_COMPLEX)
            compare_complex(&c, i, a, e);
        else if (number == IG_NUMBER_FLOAT)
            compare_real(&c, i, ig_load_as_f64(a->dtype, a->data, i), ig_load_as_f64(e->dtype, e->data, i));
        else
            compare_whole(&c, i, a, e);
    }
    if (d->differing) {
        index_text(where, sizeof where, a, c.worst);
        element_text(left, sizeof left, a, c.worst);
        element_text(right, sizeof right, e, c.worst);
        say(d, "%llu of %zu values differ, the most at %s: %s, expected %s", (unsigned long long)d->differing, a->count,
            where[0] ? where : "the only one", left, right);
    }
    d->differing += before;
}

static void compare(ig_difference *d, const ig_tensor *a, const ig_tensor *e, double rtol, double atol, int depth) {
    if (a->kind != e->kind) {
        say(d, "%s, expected %s", kind_name(a), kind_name(e));
        return;
    }
    if (a->kind == IG_KIND_TENSOR) {
        compare_dense(d, a, e, rtol, atol);
        return;
    }
    if (a->n_items != e->n_items) {
        say(d, "%zu entries, expected %zu", a->n_items, e->n_items);
        return;
    }
    if (a->kind == IG_KIND_SPARSE && !same_dims(a, e)) say(d, "another shape than expected");
    if (depth == 0) say(d, "values nested too deeply to compare");
    for (size_t i = 0; i < a->n_items && depth > 0; i++) {
        bool before = d->equal;
        compare(d, a->items[i], e->items[i], rtol, atol, depth - 1);
        if (!before || d->equal) continue;
        char inner[sizeof d->reason];
        static const char *const parts[] = {"keys", "values"};
        memcpy(inner, d->reason, sizeof inner);
        d->reason[0] = 0;
        if (a->kind == IG_KIND_MAP)
            say(d, "%s: %.240s", parts[i & 1], inner);
        else
            say(d, "entry %zu: %.230s", i, inner);
    }
}

void ig_tensor_compare(ig_difference *d, const ig_tensor *actual, const ig_tensor *expected, double rtol, double atol) {
    *d = (ig_difference){.equal = true};
    compare(d, actual, expected, rtol, atol, 64);
}
