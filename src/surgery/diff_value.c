/* Contents of tensors and attributes: the same or not, by how much, and as text. */
#include "surgery/diff.h"

#include <math.h>
#include <stdio.h>

/* ---- contents ---- */

bool ig_diff_same_const_type(const ig_const *a, const ig_const *b) {
    if (a->dtype != b->dtype || a->rank != b->rank || a->sparse != b->sparse || a->bad != b->bad) return false;
    return a->rank <= 0 || memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

static void compare_strings(const ig_tensor *a, const ig_tensor *b, ig_content_diff *out) {
    const ig_str *x = ig_tensor_strings(a), *y = ig_tensor_strings(b);
    for (size_t i = 0; i < a->count; i++) out->changed += !ig_str_eq(x[i], y[i]);
    out->same = out->changed == 0;
}

static void compare_numbers(const ig_tensor *a, const ig_tensor *b, ig_content_diff *out) {
    double squares = 0, before = 0;
    for (size_t i = 0; i < a->count; i++) {
        double x = ig_load_as_f64(a->dtype, a->data, i), y = ig_load_as_f64(b->dtype, b->data, i), diff = fabs(y - x);
        if (!isnan(x)) before += x * x;
        if (x == y || (isnan(x) && isnan(y))) continue;
        out->changed++;
        squares += diff * diff;
        if (!(diff <= out->max_abs)) out->max_abs = diff;
    }
    out->norm = sqrt(squares);
    out->relative = before > 0 ? out->norm / sqrt(before) : out->norm > 0 ? HUGE_VAL : 0;
    out->numbers = true;
}

static bool is_real(ig_dtype dtype) { return dtype == IG_BOOL || ig_dtype_is_int(dtype) || ig_dtype_is_float(dtype); }

static void compare_tensors(const ig_tensor *a, const ig_tensor *b, ig_content_diff *out) {
    out->count = a->count;
    if (a->kind != b->kind || a->count != b->count || a->kind != IG_KIND_TENSOR) return;
    if (a->dtype == IG_STRING) {
        compare_strings(a, b, out);
        return;
    }
    out->same = a->bytes == b->bytes && (a->bytes == 0 || memcmp(a->data, b->data, a->bytes) == 0);
    if (!out->same && is_real(a->dtype)) compare_numbers(a, b, out);
}

ig_status ig_diff_content(ig_diff *d, ig_const *a, ig_const *b, ig_content_diff *out) {
    ig_tensor *x, *y;
    *out = (ig_content_diff){0};
    out->same = a->wire.p && b->wire.p && a->wire.n == b->wire.n && memcmp(a->wire.p, b->wire.p, a->wire.n) == 0 &&
                !a->external && !b->external;
    if (out->same || a->bad || b->bad) return IG_OK;
    IG_TRY(ig_const_tensor(d->a, a, &x, d->err));
    IG_TRY(ig_const_tensor(d->b, b, &y, d->err));
    if (a->sparse) { /* values and indices, entry by entry */
        ig_content_diff indices = {0};
        compare_tensors(ig_tensor_item(x, 0), ig_tensor_item(y, 0), out);
        compare_tensors(ig_tensor_item(x, 1), ig_tensor_item(y, 1), &indices);
        out->same &= indices.same;
        out->numbers &= indices.same;
        return IG_OK;
    }
    compare_tensors(x, y, out);
    return IG_OK;
}

/* ---- attributes ---- */

static bool same_consts(ig_diff *d, const ig_const *a, const ig_const *b, ig_status *status) {
    ig_content_diff c;
    if (!a || !b) return a == b;
    if (!ig_diff_same_const_type(a, b)) return false;
    *status = ig_diff_content(d, (ig_const *)(uintptr_t)a, (ig_const *)(uintptr_t)b, &c);
    return *status == IG_OK && c.same;
}

static bool same_ref(ig_name a, ig_name b) { return ig_str_eq(ig_name_str(a), ig_name_str(b)); }

/* Graphs are compared elsewhere: here they are all alike. */
bool ig_diff_same_attr(ig_diff *d, const ig_attr *a, const ig_attr *b, ig_status *status) {
    if (a->kind != b->kind || a->n != b->n || !same_ref(a->ref, b->ref)) return false;
    switch (a->kind) {
    case IG_ATTR_FLOAT: return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case IG_ATTR_INT: return a->i == b->i;
    case IG_ATTR_STRING: return ig_str_eq(a->s, b->s);
    case IG_ATTR_FLOATS: return a->n == 0 || memcmp(a->floats, b->floats, a->n * sizeof *a->floats) == 0;
    case IG_ATTR_INTS: return a->n == 0 || memcmp(a->ints, b->ints, a->n * sizeof *a->ints) == 0;
    case IG_ATTR_TENSOR:
    case IG_ATTR_SPARSE: return same_consts(d, a->t, b->t, status);
    case IG_ATTR_TYPE: return a->type == b->type || (a->type && b->type && ig_type_equal(a->type, b->type));
    case IG_ATTR_STRINGS:
        for (size_t i = 0; i < a->n; i++)
            if (!ig_str_eq(a->strings[i], b->strings[i])) return false;
        return true;
    case IG_ATTR_TENSORS:
    case IG_ATTR_SPARSES:
        for (size_t i = 0; i < a->n; i++)
            if (!same_consts(d, a->tensors[i], b->tensors[i], status)) return false;
        return true;
    default: return true;
    }
}

/* ---- texts ---- */

const char *ig_diff_type_text(ig_diff *d, const ig_type *type) {
    char text[512];
    ig_type_text(type, text, sizeof text);
    return ig_arena_printf(d->arena, "%s", text);
}

const char *ig_diff_const_text(ig_diff *d, const ig_const *c) {
    ig_text t;
    ig_text_init(&t, d->arena);
    ig_text_printf(&t, "%s%s[", c->sparse ? "sparse " : "", ig_dtypes[c->dtype].name);
    for (int i = 0; i < c->rank; i++) ig_text_printf(&t, "%s%lld", i ? "," : "", (long long)c->dims[i]);
    ig_text_printf(&t, "]");
    return t.failed ? NULL : t.s;
}

enum { MOST = 12 };

static void put_element(ig_text *t, const ig_attr *a, size_t i) {
    if (a->kind == IG_ATTR_FLOATS) ig_text_printf(t, "%.9g", (double)a->floats[i]);
    if (a->kind == IG_ATTR_INTS) ig_text_printf(t, "%lld", (long long)a->ints[i]);
    if (a->kind == IG_ATTR_STRINGS)
        ig_text_printf(t, "'%.*s'", (int)ig_min_size(a->strings[i].n, 100), a->strings[i].s ? a->strings[i].s : "");
}

const char *ig_diff_attr_text(ig_diff *d, const ig_attr *a) {
    ig_text t;
    ig_text_init(&t, d->arena);
    if (!a) return NULL;
    if (a->ref) {
        ig_text_printf(&t, "@%.100s", a->ref);
        return t.failed ? NULL : t.s;
    }
    switch (a->kind) {
    case IG_ATTR_FLOAT: ig_text_printf(&t, "%.9g", (double)a->f); break;
    case IG_ATTR_INT: ig_text_printf(&t, "%lld", (long long)a->i); break;
    case IG_ATTR_STRING: ig_text_printf(&t, "'%.*s'", (int)ig_min_size(a->s.n, 200), a->s.s ? a->s.s : ""); break;
    case IG_ATTR_FLOATS:
    case IG_ATTR_INTS:
    case IG_ATTR_STRINGS:
        ig_text_printf(&t, "[");
        for (size_t i = 0; i < a->n && i < MOST; i++) {
            if (i) ig_text_printf(&t, ", ");
            put_element(&t, a, i);
        }
        ig_text_printf(&t, a->n > MOST ? ", … %zu in all]" : "]", a->n);
        break;
    case IG_ATTR_TENSOR:
    case IG_ATTR_SPARSE: return a->t ? ig_diff_const_text(d, a->t) : "nothing";
    case IG_ATTR_TYPE: return ig_diff_type_text(d, a->type);
    case IG_ATTR_GRAPH: return "graph";
    default: ig_text_printf(&t, "%zu %s", a->n, ig_attr_kind_name(a->kind)); break;
    }
    return t.failed ? NULL : t.s;
}
