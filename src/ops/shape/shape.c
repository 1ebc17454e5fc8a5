/* Shape (1, 13, 15, 19, 21, 23, 24, 25; `start` and `end` since 15) and Size (1, 13, 19, 21, 23, 24, 25). */
#include "ops/args.h"

/* The dims that Shape is asked for: [*begin, *end). */
static void range_of(const ig_node *node, int rank, int *begin, int *end) {
    int64_t start = ig_attr_int(node, "start"), stop = ig_attr_given(node, "end") ? ig_attr_int(node, "end") : rank;
    *begin = (int)ig_clamp_i64(start < 0 ? start + rank : start, 0, rank);
    *end = (int)ig_clamp_i64(stop < 0 ? stop + rank : stop, *begin, rank);
}

static ig_status infer_shape(ig_infer *c) {
    ig_shape x, y = {.rank = 1, .dims = {ig_dim_unknown()}};
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, IG_I64, &y);
    int begin, end;
    range_of(c->node, x.rank, &begin, &end);
    y.dims[0] = ig_dim_of(end - begin);
    IG_TRY(ig_infer_set(c, 0, IG_I64, &y));
    return ig_infer_set_ints(c, 0, 1, x.dims + begin, (size_t)(end - begin));
}

static ig_status run_shape(ig_call *c) {
    int begin, end;
    range_of(c->node, c->in[0]->rank, &begin, &end);
    if (end > begin) memcpy(c->out[0]->data, c->in[0]->dims + begin, (size_t)(end - begin) * sizeof(int64_t));
    return IG_OK;
}

const ig_op ig_op_shape = {
    .name = "Shape", .domain = "", .since = 1, .flags = IG_OP_SHAPE_ONLY, .infer = infer_shape, .run = run_shape};

static ig_status infer_size(ig_infer *c) {
    ig_shape x, scalar = {.rank = 0};
    IG_TRY(ig_infer_set(c, 0, IG_I64, &scalar));
    if (!ig_infer_shape(c, 0, &x)) return IG_OK;
    ig_dim size = ig_dim_product(c->syms, x.dims, (size_t)x.rank);
    return ig_infer_set_ints(c, 0, 0, &size, 1);
}

static ig_status run_size(ig_call *c) {
    *(int64_t *)c->out[0]->data = (int64_t)c->in[0]->count;
    return IG_OK;
}

const ig_op ig_op_size = {
    .name = "Size", .domain = "", .since = 1, .flags = IG_OP_SHAPE_ONLY, .infer = infer_size, .run = run_size};
