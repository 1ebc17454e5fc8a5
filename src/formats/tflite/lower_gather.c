/* Operators that look elements up by number or by key. */
#include "formats/tflite/rules.h"

/* With batch dims: the gathered axis is brought next to them, where GatherND takes it. */
static ig_status batched_gather(ig_lower *l, ig_value *x, ig_value *at, int axis, int batch) {
    int rank = ig_tfl_rank(x), at_rank;
    IG_TRY(ig_tfl_need_rank(l, at, &at_rank));
    if (batch > at_rank || batch > axis || rank + at_rank > IG_MAX_RANK) return ig_lower_refuse(l, "its batch dims don't fit");
    int64_t perm[IG_MAX_RANK], back[IG_MAX_RANK];
    for (int i = 0; i < rank; i++) perm[i] = i < batch ? i : i == batch ? axis : i <= axis ? i - 1 : i;
    ig_value *moved = ig_tfl_transpose(l, x, perm, (size_t)rank);
    ig_value *where = ig_tfl_unsqueeze(l, ig_tfl_i64(l, at), -1);
    ig_value *y = IG_BUILD(&l->b, "GatherND", moved, where);
    ig_build_int(&l->b, "batch_dims", batch);
    /* batch, indices, what was before the axis, the rest; wanted: batch, before, indices, the rest */
    int inner = at_rank - batch, before = axis - batch, k = batch;
    for (int i = 0; i < batch; i++) back[i] = i;
    for (int i = 0; i < before; i++) back[k++] = batch + inner + i;
    for (int i = 0; i < inner; i++) back[k++] = batch + i;
    for (; k < rank - 1 + inner; k++) back[k] = k;
    ig_tfl_out_moved(l, 0, ig_tfl_transpose(l, y, back, (size_t)k), x);
    return IG_OK;
}

ig_status ig_tfl_lower_gather(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *at = ig_lower_in(l, 1);
    int64_t batch = ig_tfl_attr(l, "batch_dims"), axis = ig_tfl_attr(l, "axis");
    if (batch < 0) batch += ig_tfl_rank(at);
    if (batch) {
        int full;
        IG_TRY(ig_tfl_axis(l, x, axis, &full));
        return batched_gather(l, x, at, full, (int)batch);
    }
    bool fits = ig_tfl_type(at) == IG_I32 || ig_tfl_type(at) == IG_I64;
    ig_value *y = IG_BUILD(&l->b, "Gather", x, fits ? at : ig_tfl_i64(l, at));
    ig_build_int(&l->b, "axis", axis);
    ig_tfl_out_moved(l, 0, y, x);
    return IG_OK;
}

ig_status ig_tfl_lower_gather_nd(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    ig_tfl_out_moved(l, 0, IG_BUILD(&l->b, "GatherND", x, ig_tfl_i64(l, ig_lower_in(l, 1))), x);
    return IG_OK;
}

/* Updates of one place add up. */
ig_status ig_tfl_lower_scatter_nd(ig_lower *l) {
    ig_value *at = ig_tfl_i64(l, ig_lower_in(l, 0)), *updates = ig_lower_in(l, 1), *shape = ig_tfl_i64(l, ig_lower_in(l, 2));
    ig_dtype dtype = ig_tfl_type(updates);
    if (dtype == IG_UNDEFINED) return ig_lower_refuse(l, "the type of its updates is not known");
    ig_value *y = IG_BUILD(&l->b, "ScatterND", ig_tfl_filled(l, shape, dtype, 0), at, updates);
    if (dtype != IG_BOOL) ig_build_str(&l->b, "reduction", "add");
    ig_tfl_out_moved(l, 0, y, updates);
    return IG_OK;
}

/* Where the number of each element is that of the place along a new axis. */
ig_status ig_tfl_lower_one_hot(ig_lower *l) {
    ig_value *at = ig_tfl_i64(l, ig_lower_in(l, 0)), *depth = ig_tfl_reshape(l, ig_tfl_i64(l, ig_lower_in(l, 1)), NULL, 0);
    int64_t axis = ig_tfl_attr(l, "axis"), dims[IG_MAX_RANK] = {-1};
    int rank;
    IG_TRY(ig_tfl_need_rank(l, ig_lower_in(l, 0), &rank));
    if (axis < 0) axis += rank + 1;
    if (axis < 0 || axis > rank || rank >= IG_MAX_RANK) return ig_lower_refuse(l, "its axis is out of range");
    for (int64_t i = 1; i <= rank - axis; i++) dims[i] = 1;
    ig_value *places = IG_BUILD(&l->b, "Range", ig_build_i64(&l->b, 0), depth, ig_build_i64(&l->b, 1));
    places = ig_tfl_reshape(l, places, dims, (size_t)(1 + rank - axis));
    ig_value *here = IG_BUILD(&l->b, "Equal", ig_tfl_unsqueeze(l, at, axis), places);
    ig_tfl_out_moved(l, 0, IG_BUILD(&l->b, "Where", here, ig_lower_in(l, 2), ig_lower_in(l, 3)), ig_lower_in(l, 2));
    return IG_OK;
}

ig_status ig_tfl_lower_where(ig_lower *l) {
    ig_value *at = IG_BUILD(&l->b, "NonZero", ig_lower_in(l, 0));
    ig_tfl_out_cast(l, 0, ig_tfl_transpose(l, at, (int64_t[]){1, 0}, 2));
    return IG_OK;
}

/* One place, places in a vector, or places with coordinates; one value for all or each its own. */
ig_status ig_tfl_lower_sparse_to_dense(ig_lower *l) {
    ig_value *at = ig_tfl_i64(l, ig_lower_in(l, 0)), *shape = ig_tfl_i64(l, ig_lower_in(l, 1));
    ig_value *values = ig_lower_in(l, 2), *rest = ig_lower_in(l, 3);
    int rank, value_rank;
    IG_TRY(ig_tfl_need_rank(l, ig_lower_in(l, 0), &rank));
    IG_TRY(ig_tfl_need_rank(l, values, &value_rank));
    if (rank == 0) at = ig_tfl_reshape(l, at, (int64_t[]){1, 1}, 2);
    if (rank == 1) at = ig_tfl_reshape(l, at, (int64_t[]){-1, 1}, 2);
    ig_value *count = ig_tfl_shape(l, at, 0, 1);
    values = IG_BUILD(&l->b, "Expand", values, count);
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "ScatterND", IG_BUILD(&l->b, "Expand", rest, shape), at, values));
    return IG_OK;
}

/* How many boundaries are not above each element. */
ig_status ig_tfl_lower_bucketize(ig_lower *l) {
    size_t n;
    const float *floats = ig_attr_floats(l->node, "boundaries", &n);
    ig_value *x = ig_tfl_unsqueeze(l, ig_build_cast(&l->b, ig_lower_in(l, 0), IG_F32), -1);
    ig_value *passed = IG_BUILD(&l->b, "GreaterOrEqual", x, ig_build_f32s(&l->b, floats, n));
    ig_value *counted = ig_build_cast(&l->b, passed, IG_I32);
    ig_tfl_out_cast(l, 0, IG_TFL_OP(l, "ReduceSum", "keepdims=0", counted, ig_tfl_ints1(l, -1)));
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------- embeddings */

/* Rows of a table; those of a quantized one as real numbers when the result is. */
static ig_value *rows_of(ig_lower *l, ig_value *table, ig_value *ids, const ig_value *out) {
    bool widen = ig_tfl_quantized(table) && !ig_tfl_quantized(out);
    if (!widen) return IG_BUILD(&l->b, "Gather", table, ids);
    bool plain = ig_dtypes[ig_tfl_type(table)].bits >= 8 && !table->quant->zero_points && !table->quant->block;
    if (!plain || (table->quant->n > 1 && table->quant->axis != 0))
        return IG_BUILD(&l->b, "Gather", ig_tfl_dequantize(l, table), ids);
    ig_value *rows = ig_build_cast(&l->b, IG_BUILD(&l->b, "Gather", table, ids), IG_F32), *scale;
    if (table->quant->n == 1) return IG_BUILD(&l->b, "Mul", rows, ig_build_f32(&l->b, table->quant->scales[0]));
    int64_t dims[IG_MAX_RANK] = {-1};
    int rank = ig_tfl_rank(table);
    for (int i = 1; i < rank; i++) dims[i] = 1;
    scale = ig_tfl_reshape(l, ig_build_f32s(&l->b, table->quant->scales, table->quant->n), dims, (size_t)rank);
    return IG_BUILD(&l->b, "Mul", rows, IG_BUILD(&l->b, "Gather", scale, ids));
}

ig_status ig_tfl_lower_embedding_lookup(ig_lower *l) {
    ig_value *table = ig_lower_in(l, 1), *out = l->node->n_out ? l->node->out[0] : NULL;
    ig_value *rows = rows_of(l, table, ig_lower_in(l, 0), out);
    if (ig_tfl_quantized(out))
        ig_tfl_out_moved(l, 0, rows, table);
    else
        ig_tfl_out(l, 0, rows);
    return IG_OK;
}

/* Inputs: ids, where each stands in a sparse tensor (all but the last dim say the row of the result), that tensor's shape, a
 * weight for each id, the table. */
ig_status ig_tfl_lower_embedding_lookup_sparse(ig_lower *l) {
    ig_value *at = ig_tfl_i64(l, ig_lower_in(l, 1)), *shape = ig_tfl_i64(l, ig_lower_in(l, 2)), *table = ig_lower_in(l, 4);
    ig_value *weights = ig_lower_in(l, 3), *zero = ig_build_f32(&l->b, 0);
    int64_t dims[IG_MAX_RANK] = {-1};
    int rank = ig_tfl_rank(table);
    if (rank < 2) return ig_lower_refuse(l, "the rank of its table is not known");
    for (int i = 1; i < rank; i++) dims[i] = 1;
    ig_value *outer = ig_tfl_slice(l, shape, 0, 0, -1), *tail = ig_tfl_shape(l, table, 1, INT64_MAX);
    ig_value *places = ig_tfl_slice(l, at, 1, 0, -1);
    ig_value *rows = rows_of(l, table, ig_lower_in(l, 0), l->node->n_out ? l->node->out[0] : NULL);
    ig_value *weighted = IG_BUILD(&l->b, "Mul", rows, ig_tfl_reshape(l, weights, dims, (size_t)rank));
    ig_value *sum =
        IG_TFL_OP(l, "ScatterND", "reduction=add",
                  ig_tfl_filled(l, ig_tfl_concat(l, (ig_value *[]){outer, tail}, 2, 0), IG_F32, 0), places, weighted);
    bool mean = ig_tfl_attr_is(l, "combiner", "MEAN");
    if (mean || ig_tfl_attr_is(l, "combiner", "SQRTN")) {
        ig_value *w = mean ? weights : IG_BUILD(&l->b, "Mul", weights, weights);
        ig_value *total = IG_TFL_OP(l, "ScatterND", "reduction=add", ig_tfl_filled(l, outer, IG_F32, 0), places, w);
        if (!mean) total = IG_BUILD(&l->b, "Sqrt", total);
        ig_value *none = IG_BUILD(&l->b, "Equal", total, zero); /* rows that nothing was added to stay zero */
        total = IG_BUILD(&l->b, "Where", none, ig_build_f32(&l->b, 1), total);
        int64_t axes[IG_MAX_RANK];
        for (int i = 0; i < rank - 1; i++) axes[i] = -1 - i;
        sum = IG_BUILD(&l->b, "Div", sum, IG_BUILD(&l->b, "Unsqueeze", total, ig_tfl_list(l, axes, (size_t)rank - 1)));
    }
    ig_tfl_out(l, 0, sum);
    return IG_OK;
}

/* Rows by key; where there is no such key, zeros, and 0 in the second output. */
ig_status ig_tfl_lower_hashtable_lookup(ig_lower *l) {
    ig_value *keys = ig_lower_in(l, 1), *values = ig_lower_in(l, 2);
    ig_dtype dtype = ig_tfl_type(values);
    int rank;
    IG_TRY(ig_tfl_need_rank(l, values, &rank));
    ig_value *match = IG_BUILD(&l->b, "Equal", ig_tfl_unsqueeze(l, ig_lower_in(l, 0), 1), keys);
    ig_value *number = ig_build_cast(&l->b, match, IG_I32);
    ig_value *hit = IG_TFL_OP(l, "ReduceMax", "keepdims=0", number, ig_tfl_ints1(l, 1));
    ig_value *rows = IG_BUILD(&l->b, "Gather", values, IG_TFL_OP(l, "ArgMax", "axis=1 keepdims=0", number));
    int64_t dims[IG_MAX_RANK] = {-1};
    for (int i = 1; i < rank; i++) dims[i] = 1;
    ig_value *found = ig_tfl_reshape(l, ig_build_cast(&l->b, hit, IG_BOOL), dims, (size_t)ig_max_i64(rank, 1));
    ig_value *none = NULL;
    if (dtype == IG_STRING) {
        ig_tensor *empty = NULL;
        if (ig_tensor_new(&empty, l->model->context, IG_STRING, 0, NULL, NULL) != IG_OK) empty = NULL;
        none = ig_build_tensor(&l->b, empty);
    } else {
        none = ig_build_scalar(&l->b, dtype, 0);
    }
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Where", found, rows, none));
    ig_tfl_out_cast(l, 1, hit);
    return IG_OK;
}
