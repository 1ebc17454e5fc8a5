/* PRelu: slopes are broadcast to the input; before opset 7 they belong to the channels (axis 1). */
#include "ops/math/elementwise.h"

IG_LOOP_2(prelu_i32, int32_t, int32_t, int32_t, x < 0 ? (uint32_t)x * (uint32_t)y : (uint32_t)x)
IG_LOOP_2(prelu_i64, int64_t, int64_t, int64_t, x < 0 ? (uint64_t)x * (uint64_t)y : (uint64_t)x)
IG_LOOP_2(prelu_u32, uint32_t, uint32_t, uint32_t, (IG_UNUSED(y), x))
IG_LOOP_2(prelu_u64, uint64_t, uint64_t, uint64_t, (IG_UNUSED(y), x))
static const ig_loop loops[] = {IG_REAL_ROWS_2(prelu), IG_ROW_2(prelu_i32, IG_I32), IG_ROW_2(prelu_i64, IG_I64),
                                IG_ROW_2(prelu_u32, IG_U32), IG_ROW_2(prelu_u64, IG_U64)};

/* One slope for each channel, from the time before broadcasting. */
static bool by_channel(const ig_node *node, int rank, int slopes_rank) {
    return node->schema->since < 7 && rank > 1 && slopes_rank == 1;
}

static ig_status infer(ig_infer *c) {
    ig_shape x, slope;
    IG_TRY(ig_infer_same(c));
    if (!ig_infer_shape(c, 0, &x) || !ig_infer_shape(c, 1, &slope)) return IG_OK;
    int skip = by_channel(c->node, x.rank, slope.rank) ? 1 : x.rank - slope.rank;
    if (skip < 0) return ig_infer_fail(c, "slopes of rank %d don't fit an input of rank %d", slope.rank, x.rank);
    for (int d = 0; d < slope.rank; d++)
        if (ig_dim_differ(slope.dims[d], ig_dim_of(1)) && ig_dim_differ(slope.dims[d], x.dims[skip + d]))
            return ig_infer_fail(c, "axis %d of the slopes does not fit axis %d of the input", d, skip + d);
    return IG_OK;
}

static ig_status run(ig_call *c) {
    ig_operand in[2] = {ig_operand_of(c->in[0]), ig_operand_of(c->in[1])};
    int64_t dims[IG_MAX_RANK];
    if (!c->out[0]) return IG_OK;
    const ig_loop *loop = ig_loop_pick(loops, IG_COUNT_OF(loops), in[0].dtype);
    if (!loop) return ig_call_no_kernel(c, in[0].dtype);
    if (by_channel(c->node, in[0].rank, in[1].rank)) {
        dims[0] = in[1].dims[0];
        for (int d = 1; d < in[0].rank - 1; d++) dims[d] = 1;
        in[1].rank = in[0].rank - 1;
        in[1].dims = dims;
    }
    const ig_loop_job job = {.loop = loop, .out = ig_operand_of(c->out[0]), .in = in, .n_in = 2};
    return ig_loop_run(c, &job);
}

IG_ELEMENTWISE(prelu, "PRelu", 1, IG_OP_INPLACE, infer, run)
