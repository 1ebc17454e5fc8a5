#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

static bool is_attribute(const ig_node *node, const char *attr) {
    return attr && node->schema && ig_schema_attr_find(node->schema, attr) != NULL;
}

/* ----------------------------------------------------------------------------------------------------------- inference */

/* Entries mean places and counts, for which the smallest int64 is as good as the next one, and it doesn't stand for "unknown".
 */
static int64_t entry(const ig_tensor *t, size_t i) { return ig_max_i64(ig_load_as_i64(t->dtype, t->data, i), INT64_MIN + 1); }

/* Operators of the first opset (Split) take lists of sizes as reals. */
static bool lists(const ig_node *node, ig_dtype dtype) {
    return ig_dtype_is_int(dtype) || (ig_dtype_is_float(dtype) && node->schema && node->schema->since == 1);
}

/* A constant list of any length; ig_infer_ints stops at what shapes can need. */
static bool constant_list(ig_infer *c, size_t input, ig_ints *list) {
    const ig_tensor *t = c->data && input < c->n_in ? c->data[input] : NULL;
    if (!t || t->kind != IG_KIND_TENSOR || !lists(c->node, t->dtype) || t->rank > 1) return false;
    ig_dim *values = IG_NEW_ARRAY(c->arena, ig_dim, t->count);
    if (!values) return false;
    for (size_t i = 0; i < t->count; i++) values[i] = ig_dim_of(entry(t, i));
    *list = (ig_ints){t->rank, t->count, values};
    return true;
}

ig_known ig_infer_list(ig_infer *c, const char *attr, size_t input, ig_ints *list) {
    *list = (ig_ints){0};
    if (!is_attribute(c->node, attr)) {
        if (!ig_infer_has(c, input)) return IG_ABSENT;
        return constant_list(c, input, list) || ig_infer_ints(c, input, list) ? IG_IS_KNOWN : IG_NOT_KNOWN;
    }
    size_t n;
    const int64_t *ints = ig_attr_ints(c->node, attr, &n);
    if (!ints) return ig_attr_given(c->node, attr) ? IG_IS_KNOWN : IG_ABSENT;
    ig_dim *values = IG_NEW_ARRAY(c->arena, ig_dim, n);
    if (!values) return IG_NOT_KNOWN;
    for (size_t i = 0; i < n; i++) values[i] = ig_dim_of(ints[i]);
    *list = (ig_ints){1, n, values};
    return IG_IS_KNOWN;
}

bool ig_infer_number(ig_infer *c, size_t i, int64_t *value) {
    if (ig_infer_int(c, i, value)) return true;
    const ig_tensor *t = c->data && i < c->n_in ? c->data[i] : NULL;
    if (!t || t->kind != IG_KIND_TENSOR || t->count != 1 || !ig_dtype_is_float(t->dtype)) return false;
    *value = ig_load_as_i64(t->dtype, t->data, 0);
    return true;
}

bool ig_infer_axes(ig_infer *c, const ig_ints *list, int rank, uint32_t *mask, ig_status *status) {
    *mask = 0;
    *status = IG_OK;
    bool all = true;
    for (size_t i = 0; i < list->n; i++) {
        int axis;
        if (!ig_dim_known(list->values[i])) {
            all = false;
            continue;
        }
        *status = ig_infer_axis(c, list->values[i].value, rank, false, &axis);
        if (*status != IG_OK) return false;
        if (*mask >> axis & 1) {
            *status = ig_infer_fail(c, "axis %d is given twice", axis);
            return false;
        }
        *mask |= 1u << axis;
    }
    return all;
}

ig_dim ig_dim_product(ig_syms *syms, const ig_dim *dims, size_t n) {
    ig_dim product = ig_dim_of(1);
    bool zero = false;
    for (size_t i = 0; i < n; i++) {
        zero |= ig_dim_is(dims[i], 0);
        product = ig_dim_mul(syms, product, dims[i]);
    }
    return zero ? ig_dim_of(0) : product;
}

static ig_status too_large(ig_infer *c, ig_dim a, const char *op, ig_dim b) {
    return ig_infer_fail(c, "%lld %s %lld is larger than any dim can be", (long long)a.value, op, (long long)b.value);
}

ig_status ig_infer_plus(ig_infer *c, ig_dim a, ig_dim b, ig_dim *out) {
    int64_t sum;
    if (ig_dim_known(a) && ig_dim_known(b) && __builtin_add_overflow(a.value, b.value, &sum)) return too_large(c, a, "+", b);
    *out = ig_dim_add(c->syms, a, b);
    return IG_OK;
}

ig_status ig_infer_times(ig_infer *c, ig_dim a, ig_dim b, ig_dim *out) {
    int64_t product;
    if (ig_dim_known(a) && ig_dim_known(b) && __builtin_mul_overflow(a.value, b.value, &product))
        return too_large(c, a, "*", b);
    *out = ig_dim_is(a, 0) || ig_dim_is(b, 0) ? ig_dim_of(0) : ig_dim_mul(c->syms, a, b);
    return IG_OK;
}

ig_status ig_infer_pass_ints(ig_infer *c, int rank) {
    ig_ints ints;
    if (!c->out_ints || !ig_dtype_is_int(ig_infer_dtype(c, 0)) || !ig_infer_ints(c, 0, &ints)) return IG_OK;
    return rank == 1 || ints.n == 1 ? ig_infer_set_ints(c, 0, rank, ints.values, ints.n) : IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- calls */

ig_status ig_call_list(ig_call *c, const char *attr, size_t input, const int64_t **list, size_t *n) {
    *list = NULL;
    *n = 0;
    if (is_attribute(c->node, attr)) {
        static const int64_t none[1];
        *list = ig_attr_ints(c->node, attr, n);
        if (!*list && ig_attr_given(c->node, attr)) *list = none;
        return IG_OK;
    }
    const ig_tensor *t = input < c->n_in ? c->in[input] : NULL;
    if (!t) return IG_OK;
    size_t bytes;
    if (t->kind != IG_KIND_TENSOR || !lists(c->node, t->dtype))
        return ig_call_fail(c, "input %zu is no list of integers", input);
    if (ig_mul_overflows(t->count, sizeof(int64_t), &bytes)) return ig_oom(c->err);
    int64_t *values = ig_call_scratch(c, bytes);
    if (!values) return ig_oom(c->err);
    for (size_t i = 0; i < t->count; i++) values[i] = entry(t, i);
    *list = values;
    *n = t->count;
    return IG_OK;
}

ig_status ig_call_number(ig_call *c, const char *attr, size_t input, int64_t preset, int64_t *value) {
    *value = preset;
    if (is_attribute(c->node, attr)) {
        *value = ig_attr_int(c->node, attr);
        return IG_OK;
    }
    const ig_tensor *t = input < c->n_in ? c->in[input] : NULL;
    if (!t) return IG_OK;
    if (t->kind != IG_KIND_TENSOR || t->count != 1 || !ig_dtype_is_int(t->dtype))
        return ig_call_fail(c, "input %zu has %zu elements, one integer is wanted", input, t->count);
    *value = ig_load_as_i64(t->dtype, t->data, 0);
    return IG_OK;
}

ig_status ig_call_axis(ig_call *c, int64_t axis, int rank, int *out) {
    if (axis < -rank || axis >= rank)
        return ig_call_fail(c, "axis %lld is outside [%d, %d] of an input of rank %d", (long long)axis, -rank, rank - 1, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return IG_OK;
}

ig_status ig_call_axes(ig_call *c, const int64_t *list, size_t n, int rank, int *axes, uint32_t *mask) {
    uint32_t seen = 0;
    if (n > (size_t)rank) return ig_call_fail(c, "%zu axes are given for an input of rank %d", n, rank);
    for (size_t i = 0; i < n; i++) {
        int axis = 0;
        IG_TRY(ig_call_axis(c, list[i], rank, &axis));
        if (seen >> axis & 1) return ig_call_fail(c, "axis %d is given twice", axis);
        seen |= 1u << axis;
        if (axes) axes[i] = axis;
    }
    if (mask) *mask = seen;
    return IG_OK;
}

ig_status ig_call_made(ig_call *c, size_t o) {
    return c->out[o] ? IG_OK : ig_call_fail(c, "the shape of output %zu doesn't follow from inputs of these kinds", o);
}

ig_status ig_call_like(ig_call *c, size_t i, size_t o) {
    IG_TRY(ig_call_made(c, o));
    ig_dtype type = c->in[i]->dtype, wanted = c->out[o]->dtype;
    if (c->in[i]->kind == IG_KIND_TENSOR && type == wanted) return IG_OK;
    return ig_call_fail(c, "input %zu has elements of type %s, %s is wanted", i, ig_dtypes[type].name, ig_dtypes[wanted].name);
}

ig_status ig_call_broadcasts(ig_call *c, const ig_tensor *x, const ig_tensor *y) {
    bool fits = x->kind == IG_KIND_TENSOR && x->rank <= y->rank;
    for (int k = 1; k <= x->rank && fits; k++) fits = x->dims[x->rank - k] == 1 || x->dims[x->rank - k] == y->dims[y->rank - k];
    return fits ? IG_OK : ig_call_fail(c, "the inputs can't be broadcast to one shape");
}

ig_status ig_call_fits(ig_call *c, const ig_tensor *x, const ig_tensor *y, int except) {
    bool fits = x->kind == IG_KIND_TENSOR && x->rank == y->rank;
    for (int k = 0; k < x->rank && fits; k++) fits = k == except || x->dims[k] == y->dims[k];
    return fits ? IG_OK : ig_call_fail(c, "the shapes of the inputs don't fit together");
}

ig_status ig_call_copy(ig_call *c, size_t i, size_t o) {
    IG_TRY(ig_call_like(c, i, o));
    const ig_tensor *x = c->in[i];
    ig_tensor *y = c->out[o];
    if (x->count != y->count) return ig_call_fail(c, "%zu elements can't become %zu", x->count, y->count);
    ig_copy all = {.rank = 1, .dims = {(int64_t)x->bytes}, .to = {1}, .from = {1}};
    ig_copy_region(c->threads, &all, 1, y->data, x->data);
    return x->dtype == IG_STRING ? ig_own_strings(y, c->err) : IG_OK;
}
