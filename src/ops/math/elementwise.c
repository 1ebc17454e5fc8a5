#include "ops/math/elementwise.h"

/* ------------------------------------------------------------------------------------------------------------ contents */

static bool holds(ig_dtype t, int64_t v) {
    unsigned bits = ig_dtypes[t].bits;
    switch (ig_dtype_number(t)) {
    case IG_NUMBER_BOOL: return v == 0 || v == 1;
    case IG_NUMBER_UNSIGNED: return v >= 0 && (bits >= 63 || v < (int64_t)1 << bits);
    case IG_NUMBER_SIGNED: return bits == 64 || (v >= -((int64_t)1 << (bits - 1)) && v < (int64_t)1 << (bits - 1));
    default: return false;
    }
}

static bool is_whole(ig_dtype t) { return ig_dtype_is_int(t) || t == IG_BOOL; }

/* Output 0's element type when contents of it can be told at all. */
static ig_dtype content_type(const ig_infer *c) {
    const ig_type *out = c->n_out ? c->out[0] : NULL;
    return c->out_ints && out && out->kind == IG_KIND_TENSOR && is_whole(out->dtype) ? out->dtype : IG_UNDEFINED;
}

static ig_dim keep_if_held(ig_dtype t, ig_dim d) { return ig_dim_known(d) && !holds(t, d.value) ? ig_dim_unknown() : d; }

ig_status ig_infer_content_1(ig_infer *c, ig_content_1 content) {
    ig_dtype type = content_type(c);
    ig_ints x;
    ig_dim values[IG_MAX_RANK * 2];
    if (!content || !type || !ig_infer_ints(c, 0, &x) || x.n > IG_COUNT_OF(values)) return IG_OK;
    for (size_t i = 0; i < x.n; i++) values[i] = keep_if_held(type, content(c->syms, x.values[i]));
    return ig_infer_set_ints(c, 0, x.rank, values, x.n);
}

ig_status ig_infer_content_2(ig_infer *c, ig_content_2 content) {
    ig_dtype type = content_type(c);
    ig_ints x, y;
    ig_dim values[IG_MAX_RANK * 2];
    if (!content || !type || !is_whole(ig_infer_dtype(c, 0)) || !is_whole(ig_infer_dtype(c, 1))) return IG_OK;
    if (!ig_infer_ints(c, 0, &x) || !ig_infer_ints(c, 1, &y)) return IG_OK;
    size_t n = x.n == 1 ? y.n : x.n;
    if (n > IG_COUNT_OF(values) || (x.n != n && x.n != 1) || (y.n != n && y.n != 1)) return IG_OK;
    for (size_t i = 0; i < n; i++) {
        ig_dim a = x.values[x.n == 1 ? 0 : i], b = y.values[y.n == 1 ? 0 : i], r = content(c->syms, a, b);
        if (type == IG_I64 && ig_dim_known(a) && ig_dim_known(b) && !ig_dim_known(r))
            return ig_infer_fail(c, "%lld and %lld give a number that int64 can't hold", (long long)a.value,
                                 (long long)b.value);
        values[i] = keep_if_held(type, r);
    }
    return ig_infer_set_ints(c, 0, x.rank > y.rank ? x.rank : y.rank, values, n);
}

/* -------------------------------------------------------------------------------------------------------- broadcasting */

/* Before opset 7 the smaller input matched dims of the larger one only when told to. */
static bool is_old(const ig_node *node) { return ig_schema_attr_find(node->schema, "broadcast") != NULL; }

/* Where dim 0 of input 1 lies in input 0 under the old rules; -1 when it doesn't fit. */
static int old_axis(const ig_node *node, int rank, int own) {
    int64_t axis = ig_attr_given(node, "axis") ? ig_attr_int(node, "axis") : rank - own;
    if (ig_attr_given(node, "axis") && axis < 0) axis += rank;
    return axis < 0 || axis > rank - own ? -1 : (int)axis;
}

static ig_status infer_old(ig_infer *c, ig_dtype dtype) {
    ig_shape a, b;
    if (!ig_infer_shape(c, 0, &a)) return dtype ? ig_infer_set(c, 0, dtype, NULL) : IG_OK;
    bool single = ig_infer_shape(c, 1, &b);
    if (b.rank >= 0) {
        for (int d = 0; d < b.rank; d++) single &= ig_dim_is(b.dims[d], 1);
        bool spread = ig_attr_int(c->node, "broadcast") != 0;
        int axis = spread ? old_axis(c->node, a.rank, b.rank) : a.rank == b.rank ? 0 : -1;
        if (!(single && spread) && axis < 0)
            return ig_infer_fail(c, "input 1 of rank %d does not match dims of input 0 of rank %d", b.rank, a.rank);
        for (int d = 0; d < b.rank && !(single && spread); d++) {
            ig_dim *into = &a.dims[axis + d];
            if (spread && ig_dim_is(b.dims[d], 1)) continue;
            if (!ig_dim_merge(*into, b.dims[d], into))
                return ig_infer_fail(c, "input 1 does not match axis %d of input 0", axis + d);
        }
    }
    return ig_infer_set(c, 0, dtype, &a);
}

ig_status ig_infer_unary(ig_infer *c, ig_content_1 content) {
    IG_TRY(ig_infer_same(c));
    return ig_infer_content_1(c, content);
}

ig_status ig_infer_binary(ig_infer *c, ig_dtype dtype, ig_content_2 content) {
    if (is_old(c->node))
        IG_TRY(infer_old(c, dtype ? dtype : ig_infer_dtype(c, 0)));
    else
        IG_TRY(dtype ? ig_infer_broadcast_bool(c) : ig_infer_broadcast(c));
    return ig_infer_content_2(c, content);
}

ig_status ig_binary_operands(ig_call *c, ig_operand *in, int64_t dims[IG_MAX_RANK]) {
    in[0] = ig_operand_of(c->in[0]);
    in[1] = ig_operand_of(c->in[1]);
    if (!is_old(c->node) || !ig_attr_int(c->node, "broadcast")) return IG_OK;
    if (c->in[1]->count == 1) {
        in[1].rank = 0;
        return IG_OK;
    }
    int axis = old_axis(c->node, in[0].rank, in[1].rank);
    if (axis < 0)
        return ig_call_fail(c, "input 1 of rank %d does not match dims of input 0 of rank %d", in[1].rank, in[0].rank);
    int rank = in[0].rank - axis;
    for (int d = 0; d < rank; d++) dims[d] = d < in[1].rank ? in[1].dims[d] : 1;
    in[1].rank = rank;
    in[1].dims = dims;
    return IG_OK;
}

ig_status ig_binary_call(ig_call *c, const ig_loop *loops, size_t n, const void *params, size_t grain) {
    ig_operand in[2];
    int64_t dims[IG_MAX_RANK];
    if (!c->out[0]) return IG_OK;
    const ig_loop *loop = ig_loop_pick(loops, n, c->in[0]->dtype);
    if (!loop) return ig_call_no_kernel(c, c->in[0]->dtype);
    IG_TRY(ig_binary_operands(c, in, dims));
    const ig_loop_job job = {
        .loop = loop, .params = params, .out = ig_operand_of(c->out[0]), .in = in, .n_in = 2, .grain = grain};
    return ig_loop_run(c, &job);
}
