/* TensorScatter (24): rows written into a cache at an index of each batch entry. */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

static ig_status infer_tensor_scatter(ig_infer *c) {
    ig_shape x, update;
    int axis;
    IG_TRY(ig_infer_rank(c, 2, 1));
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_same(c);
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
    if (ig_infer_has(c, 2) && ig_infer_shape(c, 2, &update) && x.rank && ig_dim_differ(update.dims[0], x.dims[0]))
        return ig_infer_fail(c, "there isn't one index for each of the batch");
    if (axis == 0) return ig_infer_fail(c, "axis 0 is the batch");
    if (ig_infer_shape(c, 1, &update)) {
        if (update.rank != x.rank) return ig_infer_fail(c, "the update has rank %d, the cache %d", update.rank, x.rank);
        for (int k = 0; k < x.rank; k++) {
            if (k != axis && ig_dim_differ(update.dims[k], x.dims[k]))
                return ig_infer_fail(c, "dim %d of the update and the cache differ", k);
        }
        bool more =
            ig_dim_known(x.dims[axis]) && ig_dim_known(update.dims[axis]) && update.dims[axis].value > x.dims[axis].value;
        if (more) return ig_infer_fail(c, "the update is longer than the cache");
    }
    return ig_infer_same(c);
}

static ig_status run_tensor_scatter(ig_call *c) {
    const ig_tensor *x = c->in[0], *update = c->in[1];
    ig_cells from, to, rows;
    const int64_t *at;
    size_t n;
    int axis;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(ig_call_like(c, 1, 0));
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), x->rank, &axis));
    IG_TRY(ig_call_fits(c, update, x, axis));
    IG_TRY(ig_call_list(c, NULL, 2, &at, &n));
    if (axis == 0 || (at && (int64_t)n != x->dims[0]))
        return ig_call_fail(c, "there isn't one write index for each batch entry");
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_in(c, update, &rows));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    ig_copy r = {.rank = 1, .dims = {(int64_t)from.count}, .to = {1}, .from = {1}};
    if (to.data != from.data) ig_copy_region(c->threads, &r, to.size, to.data, from.data);
    bool circular = ig_attr_is(c->node, "mode", "circular");
    int64_t length = x->dims[axis], some = update->dims[axis];
    r.rank = x->rank;
    memcpy(r.dims, update->dims, (size_t)r.rank * sizeof *r.dims);
    ig_steps_of(r.rank, x->dims, r.to);
    ig_steps_of(r.rank, update->dims, r.from);
    r.dims[0] = 1;
    for (int64_t b = 0; b < x->dims[0] && rows.count && to.count; b++) {
        int64_t begin = at ? at[b] : 0;
        if (circular) begin = (begin % length + length) % length;
        if (begin < 0 || begin >= length || (!circular && some > length - begin))
            return ig_call_fail(c, "entry %lld: %lld rows at %lld don't fit into a cache of %lld", (long long)b,
                                (long long)some, (long long)begin, (long long)length);
        for (int64_t done = 0; done < some; done += r.dims[axis]) {
            int64_t place = (begin + done) % length;
            r.dims[axis] = ig_min_i64(some - done, length - place);
            int64_t target = b * r.to[0] + place * r.to[axis], source = b * r.from[0] + done * r.from[axis];
            ig_copy_region(c->threads, &r, to.size, to.data + (size_t)target * to.size, rows.data + (size_t)source * to.size);
        }
    }
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_tensor_scatter = {.name = "TensorScatter",
                                    .domain = "",
                                    .since = 24,
                                    .flags = IG_OP_INPLACE,
                                    .infer = infer_tensor_scatter,
                                    .run = run_tensor_scatter};
