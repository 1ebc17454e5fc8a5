/* NonZero (9, 13) and Compress (9, 11, 28): how much comes out depends on the values. */
#include "ops/args.h"
#include "ops/index/indices.h"
#include "ops/loops/cells.h"

/* ------------------------------------------------------------------------------------------------------------- NonZero */

static ig_status infer_nonzero(ig_infer *c) {
    ig_shape x, y = {2, {ig_dim_unknown(), ig_dim_unknown()}};
    if (ig_infer_shape(c, 0, &x)) y.dims[0] = ig_dim_of(x.rank);
    return ig_infer_set(c, 0, IG_I64, &y);
}

static bool is_zero(const ig_tensor *x, size_t i) {
    switch (ig_dtype_number(x->dtype)) {
    case IG_NUMBER_FLOAT: return ig_load_as_f64(x->dtype, x->data, i) == 0;
    case IG_NUMBER_COMPLEX: {
        ig_dtype half = x->dtype == IG_C64 ? IG_F32 : IG_F64;
        return ig_load_as_f64(half, x->data, 2 * i) == 0 && ig_load_as_f64(half, x->data, 2 * i + 1) == 0;
    }
    case IG_NUMBER_NONE: return ig_tensor_strings(x)[i].n == 0;
    default: return ig_load_as_i64(x->dtype, x->data, i) == 0;
    }
}

static ig_status run_nonzero(ig_call *c) {
    const ig_tensor *x = c->in[0];
    size_t n = 0, bytes;
    if (x->kind != IG_KIND_TENSOR) return ig_call_fail(c, "the input is no tensor");
    size_t *places = ig_mul_overflows(x->count, sizeof(size_t), &bytes) ? NULL : ig_call_scratch(c, bytes);
    if (!places) return ig_oom(c->err);
    for (size_t i = 0; i < x->count; i++) {
        if (!is_zero(x, i)) places[n++] = i;
    }
    IG_TRY(ig_call_output(c, 0, IG_I64, 2, (int64_t[]){x->rank, (int64_t)n}));
    int64_t *out = c->out[0]->data;
    size_t step = 1;
    for (int k = x->rank - 1; k >= 0; k--) {
        size_t dim = (size_t)x->dims[k];
        for (size_t i = 0; i < n; i++) out[(size_t)k * n + i] = (int64_t)(places[i] / step % dim);
        step *= dim;
    }
    return IG_OK;
}

const ig_op ig_op_nonzero = {
    .name = "NonZero", .domain = "", .since = 9, .flags = IG_OP_DYNAMIC, .infer = infer_nonzero, .run = run_nonzero};

/* ------------------------------------------------------------------------------------------------------------ Compress */

static ig_status infer_compress(ig_infer *c) {
    ig_shape x, y = {1, {ig_dim_unknown()}}, condition;
    int axis;
    if (ig_infer_shape(c, 1, &condition) && condition.rank != 1)
        return ig_infer_fail(c, "the condition has rank %d, 1 is wanted", condition.rank);
    if (!ig_attr_given(c->node, "axis")) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
    x.dims[axis] = ig_dim_unknown();
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

static ig_status run_compress(ig_call *c) {
    const ig_tensor *x = c->in[0], *condition = c->in[1];
    bool flat = !ig_attr_given(c->node, "axis");
    if (x->kind != IG_KIND_TENSOR || condition->kind != IG_KIND_TENSOR || condition->dtype != IG_BOOL)
        return ig_call_fail(c, "a tensor and a condition of bool are wanted");
    int axis = 0, rank = flat ? 1 : x->rank;
    int64_t dims[IG_MAX_RANK] = {(int64_t)x->count};
    if (!flat) {
        IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), rank, &axis));
        memcpy(dims, x->dims, (size_t)rank * sizeof *dims);
    }
    if (condition->count > (size_t)dims[axis])
        return ig_call_fail(c, "the condition has %zu entries, the axis %lld", condition->count, (long long)dims[axis]);
    size_t n = 0, outer = 1, inner = 1, entries = (size_t)dims[axis], bytes;
    int64_t *at = ig_mul_overflows(condition->count, sizeof(int64_t), &bytes) ? NULL : ig_call_scratch(c, bytes);
    if (!at) return ig_oom(c->err);
    for (size_t i = 0; i < condition->count; i++) {
        if (((const uint8_t *)condition->data)[i]) at[n++] = (int64_t)i;
    }
    for (int k = 0; k < axis; k++) outer *= (size_t)dims[k];
    for (int k = axis + 1; k < rank; k++) inner *= (size_t)dims[k];
    dims[axis] = (int64_t)n;
    ig_cells from, to;
    IG_TRY(ig_call_output(c, 0, x->dtype, rank, dims));
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    size_t block = inner * to.size;
    for (size_t o = 0; o < outer && to.count; o++)
        ig_gather_blocks(to.data + o * n * block, from.data + o * entries * block, at, n, block);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_compress = {
    .name = "Compress", .domain = "", .since = 9, .flags = IG_OP_DYNAMIC, .infer = infer_compress, .run = run_compress};
