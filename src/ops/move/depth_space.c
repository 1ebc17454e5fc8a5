/* DepthToSpace (1, 11 with modes, 13, 28) and SpaceToDepth (1, 13, 28 with modes): two ways through one arrangement. */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

static ig_status block_size(ig_infer *c, int64_t *b) {
    *b = ig_attr_int(c->node, "blocksize");
    return *b > 0 && *b <= INT32_MAX ? IG_OK : ig_infer_fail(c, "blocksize is %lld", (long long)*b);
}

static ig_status not_divisible(ig_infer *c, int axis, int64_t dim, int64_t by) {
    return ig_infer_fail(c, "dim %d is %lld, no multiple of %lld", axis, (long long)dim, (long long)by);
}

static ig_status infer_depth_space(ig_infer *c, bool to_space) {
    ig_shape x, y = {4, {ig_dim_unknown(), ig_dim_unknown(), ig_dim_unknown(), ig_dim_unknown()}};
    int64_t b;
    IG_TRY(block_size(c, &b));
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
    if (x.rank != 4) return ig_infer_fail(c, "the input has rank %d, 4 is wanted: [N,C,H,W]", x.rank);
    ig_dim block = ig_dim_of(b), area = ig_dim_of(b * b);
    y.dims[0] = x.dims[0];
    for (int k = 1; k < 4; k++) {
        bool divides = (k == 1) == to_space;
        ig_dim by = k == 1 ? area : block;
        if (divides && ig_dim_known(x.dims[k]) && x.dims[k].value % by.value != 0)
            return not_divisible(c, k, x.dims[k].value, by.value);
        y.dims[k] = divides ? ig_dim_floor_div(c->syms, x.dims[k], by) : ig_dim_mul(c->syms, x.dims[k], by);
    }
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

static ig_status infer_to_space(ig_infer *c) { return infer_depth_space(c, true); }
static ig_status infer_to_depth(ig_infer *c) { return infer_depth_space(c, false); }

/* The mode says how channels of the deep side are numbered: (block row, block column, channel) or, column last and channel
 * first, CRD. Version 1 has no modes, which is DCR. */
static ig_status is_channel_first(ig_call *c, bool *crd) {
    ig_str mode = ig_attr_str(c->node, "mode");
    *crd = ig_str_is(mode, "CRD");
    if (*crd || !mode.s || ig_str_is(mode, "DCR")) return IG_OK;
    return ig_call_fail(c, "unknown mode '%.*s'", (int)ig_min_size(mode.n, 80), mode.s);
}

static ig_status run_depth_space(ig_call *c) {
    bool to_space = c->node->op[0] == 'D', crd;
    ig_cells from, to;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(is_channel_first(c, &crd));
    const ig_tensor *deep = c->in[0], *wide = c->out[0];
    if (!to_space) {
        deep = c->out[0];
        wide = c->in[0];
    }
    IG_TRY(ig_cells_in(c, c->in[0], &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    int64_t b = ig_attr_int(c->node, "blocksize"), channels = wide->dims[1], h = deep->dims[2], w = deep->dims[3],
            plane = h * w;
    int64_t dims[6] = {deep->dims[0], channels, h, b, w, b}, wide_steps[6];
    int64_t per_row = crd ? b * plane : b * channels * plane, per_column = crd ? plane : channels * plane;
    int64_t deep_steps[6] = {b * b * channels * plane, crd ? b * b * plane : plane, w, per_row, 1, per_column};
    ig_steps_of(6, dims, wide_steps);
    ig_copy r = {.rank = 6};
    memcpy(r.dims, dims, sizeof dims);
    memcpy(r.to, to_space ? wide_steps : deep_steps, sizeof wide_steps);
    memcpy(r.from, to_space ? deep_steps : wide_steps, sizeof wide_steps);
    ig_copy_region(c->threads, &r, to.size, to.data, from.data);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_depth_to_space = {
    .name = "DepthToSpace", .domain = "", .since = 1, .infer = infer_to_space, .run = run_depth_space};
const ig_op ig_op_space_to_depth = {
    .name = "SpaceToDepth", .domain = "", .since = 1, .infer = infer_to_depth, .run = run_depth_space};
