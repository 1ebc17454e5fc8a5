#include "ops/quant/linear.h"
#include "ops/loops/convert.h"

/* How the elements of an input lie to its scales: [outer, length of axis, inner]. */
typedef enum pattern { ONE, PER_AXIS, BLOCKED } pattern;

static bool has_axis(const ig_node *node) {
    const ig_schema_attr *a = ig_schema_attr_find(node->schema, "axis");
    return a && (a->has_default || ig_attr_given(node, "axis"));
}

/* Before opset 13 there is one scale only; in com.microsoft too unless an axis is given. */
static pattern pattern_of(const ig_node *node, int rank, int scale_rank, bool single) {
    if (scale_rank == 0 || !has_axis(node)) return ONE;
    bool blocks = ig_schema_attr_find(node->schema, "block_size") && ig_attr_int(node, "block_size") > 0;
    if (blocks && scale_rank == rank) return BLOCKED;
    return scale_rank == 1 && (single || rank == 0) ? ONE : PER_AXIS;
}

static int axis_of(const ig_node *node, int rank) {
    int64_t axis = ig_attr_int(node, "axis");
    if (axis < 0) axis += rank;
    return axis < 0 || axis >= rank ? -1 : (int)axis;
}

/* ----------------------------------------------------------------------------------------------------------- inference */

static ig_status check_axis(ig_infer *c, const ig_shape *x, const ig_shape *scale, pattern kind) {
    int axis = axis_of(c->node, x->rank);
    if (axis < 0)
        return ig_infer_fail(c, "axis %lld is outside of an input of rank %d", (long long)ig_attr_int(c->node, "axis"),
                             x->rank);
    if (kind == PER_AXIS) {
        if (scale->rank != 1)
            return ig_infer_fail(c, "scales of rank %d; one number, a row, or blocks (with block_size) are possible",
                                 scale->rank);
        if (!ig_dim_differ(scale->dims[0], x->dims[axis]) || ig_dim_is(scale->dims[0], 1)) return IG_OK;
        return ig_infer_fail(c, "%lld scales for axis %d of %lld", (long long)scale->dims[0].value, axis,
                             (long long)x->dims[axis].value);
    }
    ig_dim block = ig_dim_of(ig_attr_int(c->node, "block_size"));
    for (int d = 0; d < x->rank; d++) {
        ig_dim want = d == axis ? ig_dim_ceil_div(c->syms, x->dims[d], block) : x->dims[d];
        if (ig_dim_differ(scale->dims[d], want))
            return ig_infer_fail(c, "axis %d has %lld scales, blocks of %lld ask for %lld", d, (long long)scale->dims[d].value,
                                 (long long)block.value, (long long)want.value);
    }
    return IG_OK;
}

ig_status ig_linear_check(ig_infer *c) {
    ig_shape x, scale, zero;
    if (!ig_infer_shape(c, 1, &scale)) return IG_OK;
    if (ig_infer_shape(c, 2, &zero)) {
        bool fits = zero.rank == scale.rank || (zero.rank <= 1 && scale.rank <= 1);
        for (int d = 0; fits && d < scale.rank && zero.rank == scale.rank; d++)
            fits = !ig_dim_differ(zero.dims[d], scale.dims[d]);
        if (!fits) return ig_infer_fail(c, "the zero points have another shape than the scales");
    }
    if (!ig_infer_shape(c, 0, &x)) return IG_OK;
    bool single = scale.rank == 0 || (scale.rank == 1 && ig_dim_is(scale.dims[0], 1));
    pattern kind = pattern_of(c->node, x.rank, scale.rank, single);
    return kind == ONE || x.rank == 0 ? IG_OK : check_axis(c, &x, &scale, kind);
}

/* ------------------------------------------------------------------------------------------------------------- running */

static const float zero_f32 = 0;
static const int32_t zero_i32 = 0;

/* Operands x, scale, zero, out share these dims: [outer, blocks, block, inner]. */
typedef struct layout {
    int64_t full[4], scales[4];
} layout;

static ig_status run_layout(ig_call *c, const ig_loop *loop, const void *params, const layout *l, ig_operand *in,
                            ig_operand out) {
    for (size_t k = 0; k < 3; k++) {
        in[k].rank = k && in[k].rank == 0 ? 0 : 4;
        in[k].dims = k ? l->scales : l->full;
    }
    out.rank = 4;
    out.dims = l->full;
    const ig_loop_job job = {.loop = loop, .params = params, .out = out, .in = in, .n_in = 3};
    return ig_loop_run(c, &job);
}

/* Every element's own scale or zero point, in the loop's type: for blocks that don't divide the axis. */
static ig_status spread(ig_call *c, ig_operand *o, ig_dtype to, const layout *l, int64_t length) {
    size_t size = ig_dtype_bytes(to), outer = (size_t)l->full[0], blocks = (size_t)l->full[1], block = (size_t)l->full[2],
           inner = (size_t)l->full[3], total;
    if (ig_mul_overflows(outer * (size_t)length * inner, size, &total)) return ig_oom(c->err);
    char *data = ig_call_scratch(c, total);
    if (!data) return ig_oom(c->err);
    char *at = data;
    for (size_t i = 0; i < outer; i++)
        for (size_t a = 0; a < (size_t)length; a++, at += inner * size)
            ig_convert_on(ig_kernels_of(c->context)->loops, o->dtype, o->data, (i * blocks + a / block) * inner, to, at, 0,
                          inner);
    o->data = data;
    o->dtype = to;
    return IG_OK;
}

static ig_status run_blocks(ig_call *c, const ig_loop *loop, const void *params, int axis, ig_operand *in, ig_operand out) {
    const ig_tensor *x = c->in[0], *scale = c->in[1];
    int64_t block = ig_attr_int(c->node, "block_size"), length = x->dims[axis];
    layout l = {.full = {1, length / block + (length % block != 0), block, 1}};
    for (int d = 0; d < x->rank; d++) {
        int64_t want = d == axis ? l.full[1] : x->dims[d];
        if (scale->dims[d] != want)
            return ig_call_fail(c, "axis %d has %lld scales instead of %lld", d, (long long)scale->dims[d], (long long)want);
        if (d != axis) l.full[d < axis ? 0 : 3] *= x->dims[d];
    }
    if (length % block) {
        IG_TRY(spread(c, &in[1], loop->in[1], &l, length));
        if (in[2].rank) IG_TRY(spread(c, &in[2], loop->in[2], &l, length));
        l.full[1] = 1;
        l.full[2] = length;
        memcpy(l.scales, l.full, sizeof l.scales);
    } else {
        memcpy(l.scales, l.full, sizeof l.scales);
        l.scales[2] = 1;
    }
    return run_layout(c, loop, params, &l, in, out);
}

ig_status ig_linear_run(ig_call *c, const ig_loop *loop, const void *params, ig_operand out) {
    const ig_tensor *x = c->in[0], *scale = c->in[1], *zero = c->n_in > 2 ? c->in[2] : NULL;
    ig_operand in[3] = {ig_operand_of(x), ig_operand_of(scale), ig_operand_of(zero)};
    if (!zero) { /* a constant of a type that the loop needs no conversion from, or an easy one */
        bool real = ig_dtype_is_float(loop->in[2]);
        in[2] = (ig_operand){real ? IG_F32 : IG_I32, 0, NULL, (void *)(uintptr_t)(real ? (const void *)&zero_f32 : &zero_i32)};
    }
    if (zero && zero->count != scale->count)
        return ig_call_fail(c, "%zu zero points for %zu scales", zero->count, scale->count);
    pattern kind = pattern_of(c->node, x->rank, scale->rank, scale->count == 1);
    if (kind == ONE) {
        if (scale->count != 1) return ig_call_fail(c, "%zu scales where one is expected", scale->count);
        in[1].rank = in[2].rank = 0;
        const ig_loop_job job = {.loop = loop, .params = params, .out = out, .in = in, .n_in = 3};
        return ig_loop_run(c, &job);
    }
    int axis = axis_of(c->node, x->rank);
    if (axis < 0)
        return ig_call_fail(c, "axis %lld is outside of an input of rank %d", (long long)ig_attr_int(c->node, "axis"), x->rank);
    if (kind == BLOCKED) return run_blocks(c, loop, params, axis, in, out);
    if (scale->rank != 1) return ig_call_fail(c, "scales of rank %d need a block_size", scale->rank);
    layout l = {.full = {1, x->dims[axis], 1, 1}, .scales = {1, scale->dims[0], 1, 1}};
    for (int d = 0; d < x->rank; d++)
        if (d != axis) l.full[d < axis ? 0 : 3] *= x->dims[d];
    return run_layout(c, loop, params, &l, in, out);
}
