/* UnfoldTensor of com.microsoft: all windows of `size` along one dim, `step` apart, as a new last dim. */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

static ig_status infer_unfold(ig_infer *c) {
    ig_shape x;
    int dim;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "dim"), x.rank, false, &dim));
    int64_t size = ig_attr_int(c->node, "size"), step = ig_attr_int(c->node, "step");
    if (size < 1 || step < 1) return ig_infer_fail(c, "size is %lld, step is %lld", (long long)size, (long long)step);
    if (x.rank == IG_MAX_RANK) return ig_infer_fail(c, "the result would pass rank %d", IG_MAX_RANK);
    if (ig_dim_known(x.dims[dim]) && x.dims[dim].value < size)
        return ig_infer_fail(c, "windows of %lld don't fit into a dim of %lld", (long long)size, (long long)x.dims[dim].value);
    ig_dim moves = ig_dim_floor_div(c->syms, ig_dim_sub(c->syms, x.dims[dim], ig_dim_of(size)), ig_dim_of(step));
    x.dims[dim] = ig_dim_add(c->syms, moves, ig_dim_of(1));
    x.dims[x.rank++] = ig_dim_of(size);
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

static ig_status run_unfold(ig_call *c) {
    const ig_tensor *x = c->in[0], *y = c->out[0];
    ig_cells from, to;
    int dim;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "dim"), x->rank, &dim));
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, y, &to));
    ig_copy r = {.rank = y->rank};
    memcpy(r.dims, y->dims, (size_t)y->rank * sizeof *r.dims);
    ig_steps_of(y->rank, y->dims, r.to);
    ig_steps_of(x->rank, x->dims, r.from);
    r.from[x->rank] = r.from[dim];
    r.from[dim] = y->dims[dim] > 1 ? r.from[dim] * ig_attr_int(c->node, "step") : 0;
    ig_copy_region(c->threads, &r, to.size, to.data, from.data);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_ms_unfold = {
    .name = "UnfoldTensor", .domain = "com.microsoft", .since = 1, .infer = infer_unfold, .run = run_unfold};
