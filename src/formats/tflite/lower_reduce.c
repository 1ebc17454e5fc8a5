/* Operators that make one element of many, or order them. */
#include "formats/tflite/rules.h"

#include <float.h>
#include <math.h>

/* The axes of a reduction as ONNX wants them: [n] of int64, each once. */
static ig_value *axes_of(ig_lower *l, const ig_value *x, ig_value *given) {
    int64_t axes[IG_MAX_RANK];
    size_t n, kept = 0;
    int rank = ig_tfl_rank(x);
    if (!ig_tfl_ints(l, given, axes, IG_COUNT_OF(axes), &n)) return ig_tfl_reshape(l, ig_tfl_i64(l, given), (int64_t[]){-1}, 1);
    for (size_t i = 0; i < n; i++) {
        bool again = false;
        int64_t axis = axes[i] < 0 && rank >= 0 ? axes[i] + rank : axes[i];
        for (size_t k = 0; k < kept; k++) again |= axes[k] == axis;
        if (!again) axes[kept++] = axis;
    }
    return ig_tfl_list(l, axes, kept);
}

static ig_value *reduce(ig_lower *l, const char *op, ig_value *x, ig_value *axes) {
    ig_value *y = IG_BUILD(&l->b, op, x, axes);
    ig_build_int(&l->b, "keepdims", ig_tfl_attr(l, "keep_dims"));
    ig_build_int(&l->b, "noop_with_empty_axes", 1);
    return y;
}

ig_status ig_tfl_lower_reduce(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *axes = axes_of(l, x, ig_lower_in(l, 1));
    ig_tfl_out_real(l, 0, reduce(l, l->rule->to, ig_tfl_real(l, 0), axes));
    return IG_OK;
}

/* The order of quantized numbers is that of what they stand for. */
ig_status ig_tfl_lower_arg(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    int64_t axis;
    size_t n;
    if (!ig_tfl_ints(l, ig_lower_in(l, 1), &axis, 1, &n) || n != 1)
        return ig_lower_refuse(l, "its axis is computed by the model");
    if (ig_tfl_type(x) == IG_BOOL) x = ig_build_cast(&l->b, x, IG_I32);
    ig_value *y = IG_BUILD(&l->b, l->rule->to, x);
    ig_build_int(&l->b, "axis", axis);
    ig_build_int(&l->b, "keepdims", 0);
    ig_tfl_out_cast(l, 0, y);
    return IG_OK;
}

ig_status ig_tfl_lower_cumsum(ig_lower *l) {
    ig_value *axis = ig_tfl_reshape(l, ig_tfl_i64(l, ig_lower_in(l, 1)), NULL, 0);
    ig_value *y = IG_BUILD(&l->b, "CumSum", ig_tfl_real(l, 0), axis);
    ig_build_int(&l->b, "exclusive", ig_tfl_attr(l, "exclusive"));
    ig_build_int(&l->b, "reverse", ig_tfl_attr(l, "reverse"));
    ig_tfl_out_real(l, 0, y);
    return IG_OK;
}

ig_status ig_tfl_lower_topk(ig_lower *l) {
    ig_value *k = ig_tfl_reshape(l, ig_tfl_i64(l, ig_lower_in(l, 1)), (int64_t[]){1}, 1);
    ig_value *in[] = {ig_tfl_real(l, 0), k};
    ig_node *top = ig_build_node(&l->b, NULL, "TopK", in, 2, 2);
    ig_tfl_out_real(l, 0, ig_build_out(top, 0));
    ig_tfl_out_cast(l, 1, ig_build_out(top, 1));
    return IG_OK;
}

/* In the order of their first appearance; and for each element which one it is. Not every engine has this for small integers.
 */
ig_status ig_tfl_lower_unique(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    ig_value *wide = ig_dtype_is_int(ig_tfl_type(x)) ? ig_build_cast(&l->b, x, IG_I64) : x;
    ig_node *unique = ig_build_node(&l->b, NULL, "Unique", &wide, 1, 3);
    ig_build_int(&l->b, "sorted", 0);
    ig_tfl_out_cast(l, 0, ig_build_out(unique, 0));
    ig_tfl_out_cast(l, 1, ig_build_out(unique, 2));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------- segments */

static double highest(ig_dtype t) {
    if (ig_dtype_is_float(t)) return t == IG_F64 ? DBL_MAX : (double)FLT_MAX;
    double power = ldexp(1, ig_dtypes[t].bits - (ig_dtype_number(t) == IG_NUMBER_SIGNED));
    return ig_dtypes[t].bits < 64 ? power - 1 : nextafter(power, 0);
}

static double lowest(ig_dtype t) {
    if (ig_dtype_is_float(t)) return -highest(t);
    return ig_dtype_number(t) == IG_NUMBER_SIGNED ? -ldexp(1, ig_dtypes[t].bits - 1) : 0;
}

/* Slices of data, gathered by number: rows × the other dims of data. Slices with a negative number fall into a row of their own
 * behind the others, which is cut off. */
static ig_value *segments(ig_lower *l, const char *reduction, double start, ig_value *rows) {
    ig_value *data = ig_lower_in(l, 0), *ids = ig_tfl_i64(l, ig_lower_in(l, 1));
    int rank = ig_tfl_rank(ig_lower_in(l, 1));
    ig_value *tail = ig_tfl_shape(l, data, rank, INT64_MAX);
    ids = ig_tfl_reshape(l, ids, (int64_t[]){-1, 1}, 2);
    ids = IG_BUILD(&l->b, "Where", IG_BUILD(&l->b, "Less", ids, ig_build_i64(&l->b, 0)), rows, ids);
    if (rank != 1) data = ig_tfl_reshape_to(l, data, ig_tfl_concat(l, (ig_value *[]){ig_tfl_ints1(l, -1), tail}, 2, 0));
    ig_value *more = IG_BUILD(&l->b, "Add", rows, ig_tfl_ints1(l, 1));
    ig_value *base =
        ig_tfl_filled(l, ig_tfl_concat(l, (ig_value *[]){more, tail}, 2, 0), ig_tfl_type(ig_lower_in(l, 0)), start);
    ig_value *y = IG_BUILD(&l->b, "ScatterND", base, ids, data);
    ig_build_str(&l->b, "reduction", reduction);
    return IG_BUILD(&l->b, "Slice", y, ig_tfl_ints1(l, 0), rows, ig_tfl_ints1(l, 0));
}

/* As many rows as the largest number says. */
ig_status ig_tfl_lower_segment_sum(ig_lower *l) {
    if (ig_tfl_type(ig_lower_in(l, 0)) == IG_UNDEFINED) return ig_lower_refuse(l, "the type of its data is not known");
    ig_value *ids = ig_tfl_concat(l, (ig_value *[]){ig_tfl_i64(l, ig_lower_in(l, 1)), ig_tfl_ints1(l, -1)}, 2, 0);
    ig_value *last = IG_TFL_OP(l, "ReduceMax", "keepdims=1", ids);
    ig_tfl_out(l, 0, segments(l, "add", 0, IG_BUILD(&l->b, "Add", last, ig_tfl_ints1(l, 1))));
    return IG_OK;
}

/* rule->to: ScatterND's reduction. */
ig_status ig_tfl_lower_unsorted_segment(ig_lower *l) {
    ig_dtype t = ig_tfl_type(ig_lower_in(l, 0));
    const char *how = l->rule->to;
    int rank;
    if (t == IG_UNDEFINED) return ig_lower_refuse(l, "the type of its data is not known");
    IG_TRY(ig_tfl_need_rank(l, ig_lower_in(l, 1), &rank));
    ig_value *rows = ig_tfl_reshape(l, ig_tfl_i64(l, ig_lower_in(l, 2)), (int64_t[]){1}, 1);
    double start = strcmp(how, "max") == 0 ? lowest(t) : strcmp(how, "min") == 0 ? highest(t) : strcmp(how, "mul") == 0;
    ig_tfl_out(l, 0, segments(l, how, start, rows));
    return IG_OK;
}
