/* CenterCropPad (18). */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

static ig_status infer_center_crop_pad(ig_infer *c) {
    ig_shape x;
    ig_ints shape, axes;
    uint32_t mask;
    ig_status status;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    bool some = ig_infer_list(c, "axes", SIZE_MAX, &axes) == IG_IS_KNOWN;
    if (some && !ig_infer_axes(c, &axes, x.rank, &mask, &status)) return status;
    size_t n = some ? axes.n : (size_t)x.rank;
    bool known = ig_infer_list(c, NULL, 1, &shape) == IG_IS_KNOWN;
    if (known && shape.n != n) return ig_infer_fail(c, "%zu sizes are given for %zu axes", shape.n, n);
    for (size_t i = 0; i < n; i++) {
        int64_t axis = some ? axes.values[i].value : (int64_t)i;
        ig_dim size = known ? shape.values[i] : ig_dim_unknown();
        if (ig_dim_known(size) && size.value < 0)
            return ig_infer_fail(c, "the size of axis %lld is %lld", (long long)axis, (long long)size.value);
        x.dims[axis < 0 ? axis + x.rank : axis] = size;
    }
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

static ig_status run_center_crop_pad(ig_call *c) {
    IG_TRY(ig_call_like(c, 0, 0));
    const ig_tensor *x = c->in[0], *y = c->out[0];
    ig_cells from, to;
    _Alignas(16) char zero[16] = {0};
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, y, &to));
    if (x->dtype == IG_STRING) ((ig_str *)(void *)zero)->s = "";
    ig_copy r = {.rank = x->rank};
    int64_t begin = 0, target = 0;
    ig_steps_of(x->rank, x->dims, r.from);
    ig_steps_of(y->rank, y->dims, r.to);
    for (int k = 0; k < x->rank; k++) {
        r.dims[k] = ig_min_i64(x->dims[k], y->dims[k]);
        begin += (x->dims[k] - r.dims[k]) / 2 * r.from[k];
        target += (y->dims[k] - r.dims[k]) / 2 * r.to[k];
    }
    int64_t copied;
    if (!ig_dims_count(r.rank, r.dims, &copied) || (size_t)copied < to.count)
        ig_copy_fill(c->threads, to.count, to.size, to.data, zero);
    if (copied)
        ig_copy_region(c->threads, &r, to.size, to.data + (size_t)target * to.size, from.data + (size_t)begin * from.size);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_center_crop_pad = {
    .name = "CenterCropPad", .domain = "", .since = 18, .infer = infer_center_crop_pad, .run = run_center_crop_pad};
