/* ReduceSum, ReduceMean and their kin (1, 11, 12, 13, 18, 20, 28), ReduceSumInteger and QLinearReduceMean of com.microsoft.
 * `axes` is an attribute in older versions and an input in newer ones. */
#include "ops/loops/reduce.h"
#include "ops/args.h"

#include <math.h>

/* ----------------------------------------------------------------------------------------------------------- inference */

/* Sets *mask to the dims that are reduced. False when that isn't known. */
static bool reduced_dims(ig_infer *c, int rank, size_t input, uint32_t *mask, ig_status *status) {
    ig_ints axes;
    *status = IG_OK;
    ig_known known = ig_infer_list(c, "axes", input, &axes);
    if (known == IG_NOT_KNOWN) return false;
    if (known == IG_IS_KNOWN && axes.n) return ig_infer_axes(c, &axes, rank, mask, status);
    bool none = ig_attr_int(c->node, "noop_with_empty_axes") != 0;
    *mask = none ? 0 : rank == 32 ? UINT32_MAX : (1u << rank) - 1;
    return true;
}

/* What sums, products and extremes of known integers are. */
static ig_status fold_ints(ig_infer *c, int rank) {
    ig_ints ints;
    const char *op = c->node->op;
    if (!c->out_ints || !ig_dtype_is_int(ig_infer_dtype(c, 0)) || !ig_infer_ints(c, 0, &ints) || ints.n == 0) return IG_OK;
    ig_dim result = ints.values[0];
    for (size_t i = 1; i < ints.n; i++) {
        ig_dim x = ints.values[i];
        if (strcmp(op, "ReduceSum") == 0) {
            result = ig_dim_add(c->syms, result, x);
        } else if (strcmp(op, "ReduceProd") == 0) {
            result = ig_dim_mul(c->syms, result, x);
        } else if (strcmp(op, "ReduceMax") == 0) {
            result = ig_dim_max(c->syms, result, x);
        } else if (strcmp(op, "ReduceMin") == 0) {
            result = ig_dim_min(c->syms, result, x);
        } else {
            return IG_OK;
        }
    }
    return ig_infer_set_ints(c, 0, rank, &result, 1);
}

static ig_status set_reduced(ig_infer *c, ig_dtype dtype, size_t input) {
    ig_shape x, y = {.rank = 0};
    uint32_t mask;
    ig_status status;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, dtype, NULL);
    bool keep = ig_attr_int(c->node, "keepdims") == 1;
    if (!reduced_dims(c, x.rank, input, &mask, &status)) {
        if (status != IG_OK || !keep) return status != IG_OK ? status : ig_infer_set(c, 0, dtype, NULL);
        for (int k = 0; k < x.rank; k++) x.dims[k] = ig_dim_unknown();
        return ig_infer_set(c, 0, dtype, &x);
    }
    for (int k = 0; k < x.rank; k++) {
        bool reduced = mask >> k & 1;
        if (!reduced || keep) y.dims[y.rank++] = reduced ? ig_dim_of(1) : x.dims[k];
    }
    IG_TRY(ig_infer_set(c, 0, dtype, &y));
    return x.rank <= 1 && mask == (1u << x.rank) - 1 ? fold_ints(c, y.rank) : IG_OK;
}

static ig_status infer_reduce(ig_infer *c) { return set_reduced(c, ig_infer_dtype(c, 0), 1); }

/* -------------------------------------------------------------------------------------------------------------- kernel */

static ig_status call_mask(ig_call *c, size_t input, uint32_t *mask) {
    const int64_t *axes;
    size_t n;
    int rank = c->in[0]->rank;
    IG_TRY(ig_call_list(c, "axes", input, &axes, &n));
    if (n) return ig_call_axes(c, axes, n, rank, NULL, mask);
    *mask = ig_attr_int(c->node, "noop_with_empty_axes") ? 0 : rank == 32 ? UINT32_MAX : (1u << rank) - 1;
    return IG_OK;
}

static ig_status reduce_by(ig_call *c, const ig_reduce_rule *rule) {
    uint32_t mask;
    IG_TRY(ig_call_made(c, 0));
    IG_TRY(call_mask(c, 1, &mask));
    return ig_reduce(c, rule, c->in[0], mask, c->out[0]);
}

static void mean(double *values, size_t n, double count) {
    for (size_t i = 0; i < n; i++) values[i] /= count;
}

static void root(double *values, size_t n, double count) {
    IG_UNUSED(count);
    for (size_t i = 0; i < n; i++) values[i] = sqrt(values[i]);
}

static void logarithm(double *values, size_t n, double count) {
    IG_UNUSED(count);
    for (size_t i = 0; i < n; i++) values[i] = log(values[i]);
}

#define REDUCE_OP(symbol, text, ...)                                                                                           \
    static ig_status run_##symbol(ig_call *c) {                                                                                \
        static const ig_reduce_rule rule = {__VA_ARGS__};                                                                      \
        return reduce_by(c, &rule);                                                                                            \
    }                                                                                                                          \
    const ig_op ig_op_##symbol = {.name = text, .domain = "", .since = 1, .infer = infer_reduce, .run = run_##symbol};

REDUCE_OP(reduce_sum, "ReduceSum", IG_FOLD_SUM, NULL)
REDUCE_OP(reduce_mean, "ReduceMean", IG_FOLD_SUM, mean)
REDUCE_OP(reduce_max, "ReduceMax", IG_FOLD_MAX, NULL)
REDUCE_OP(reduce_min, "ReduceMin", IG_FOLD_MIN, NULL)
REDUCE_OP(reduce_prod, "ReduceProd", IG_FOLD_PROD, NULL)
REDUCE_OP(reduce_l1, "ReduceL1", IG_FOLD_SUM_ABS, NULL)
REDUCE_OP(reduce_l2, "ReduceL2", IG_FOLD_SUM_SQUARE, root)
REDUCE_OP(reduce_log_sum, "ReduceLogSum", IG_FOLD_SUM, logarithm)
REDUCE_OP(reduce_log_sum_exp, "ReduceLogSumExp", IG_FOLD_SUM_EXP, NULL)
REDUCE_OP(reduce_sum_square, "ReduceSumSquare", IG_FOLD_SUM_SQUARE, NULL)

/* ------------------------------------------------------------------------------------------------------- com.microsoft */

static ig_status infer_sum_integer(ig_infer *c) {
    ig_dtype x = ig_infer_dtype(c, 0);
    return set_reduced(c, x == IG_I8 ? IG_I32 : x == IG_U8 ? IG_U32 : IG_UNDEFINED, SIZE_MAX);
}

const ig_op ig_op_ms_reduce_sum_integer = {
    .name = "ReduceSumInteger", .domain = "com.microsoft", .since = 1, .infer = infer_sum_integer, .run = run_reduce_sum};

/* A scalar input of scale or zero point, `preset` when it is absent. */
static ig_status scalar(ig_call *c, size_t i, double preset, double *value) {
    const ig_tensor *t = i < c->n_in ? c->in[i] : NULL;
    *value = preset;
    if (!t) return IG_OK;
    if (t->kind != IG_KIND_TENSOR || t->count != 1 || ig_dtype_number(t->dtype) == IG_NUMBER_NONE)
        return ig_call_fail(c, "input %zu is no single number", i);
    *value = ig_load_as_f64(t->dtype, t->data, 0);
    return IG_OK;
}

static ig_status run_qlinear_reduce_mean(ig_call *c) {
    static const ig_reduce_rule rule = {IG_FOLD_SUM, mean};
    double x_scale, x_zero, y_scale, y_zero;
    uint32_t mask;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(scalar(c, 1, 1, &x_scale));
    IG_TRY(scalar(c, 2, 0, &x_zero));
    IG_TRY(scalar(c, 3, 1, &y_scale));
    IG_TRY(scalar(c, 4, 0, &y_zero));
    IG_TRY(call_mask(c, SIZE_MAX, &mask));
    ig_tensor *y = c->out[0], means = {.kind = IG_KIND_TENSOR, .dtype = IG_F64, .count = y->count};
    size_t bytes;
    double *m = ig_mul_overflows(y->count, sizeof(double), &bytes) ? NULL : ig_call_scratch(c, bytes);
    if (!m) return ig_oom(c->err);
    means.data = m;
    IG_TRY(ig_reduce(c, &rule, c->in[0], mask, &means));
    double low = y->dtype == IG_I8 ? -128 : 0, high = y->dtype == IG_I8 ? 127 : 255;
    for (size_t i = 0; i < y->count; i++) {
        double v = rint((m[i] - x_zero) * x_scale / y_scale) + y_zero;
        ig_store_f64(y->dtype, y->data, i, v < low ? low : v > high ? high : v);
    }
    return IG_OK;
}

static ig_status infer_qlinear_reduce_mean(ig_infer *c) { return set_reduced(c, ig_infer_dtype(c, 0), SIZE_MAX); }

const ig_op ig_op_ms_qlinear_reduce_mean = {.name = "QLinearReduceMean",
                                            .domain = "com.microsoft",
                                            .since = 1,
                                            .infer = infer_qlinear_reduce_mean,
                                            .run = run_qlinear_reduce_mean};
