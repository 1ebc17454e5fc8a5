/* Concat (1 with a default axis, 4, 11, 13). */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

/* Version 1 has a default that its schema doesn't say. */
static int64_t axis_of(const ig_node *node) {
    return node->schema->since == 1 && !ig_attr_given(node, "axis") ? 1 : ig_attr_int(node, "axis");
}

/* Integers of rank 1 one after the other. */
static ig_status join_ints(ig_infer *c) {
    ig_dim all[2 * IG_MAX_RANK];
    size_t n = 0;
    for (size_t i = 0; i < c->n_in; i++) {
        ig_ints ints;
        if (!ig_infer_ints(c, i, &ints) || ints.rank != 1 || n + ints.n > IG_COUNT_OF(all)) return IG_OK;
        if (ints.n) memcpy(all + n, ints.values, ints.n * sizeof *all);
        n += ints.n;
    }
    return ig_infer_set_ints(c, 0, 1, all, n);
}

static ig_status join_shape(ig_infer *c, const ig_shape *x, size_t i, int axis, ig_shape *y) {
    if (x->rank != y->rank) return ig_infer_fail(c, "input %zu has rank %d, an earlier one has rank %d", i, x->rank, y->rank);
    for (int k = 0; k < y->rank; k++) {
        if (k == axis) {
            IG_TRY(ig_infer_plus(c, y->dims[k], x->dims[k], &y->dims[k]));
        } else if (!ig_dim_merge(y->dims[k], x->dims[k], &y->dims[k])) {
            char text[2][100];
            ig_dim_text(x->dims[k], text[0], sizeof text[0]);
            ig_dim_text(y->dims[k], text[1], sizeof text[1]);
            return ig_infer_fail(c, "dim %d of input %zu is %s, of an earlier one %s", k, i, text[0], text[1]);
        }
    }
    return IG_OK;
}

static ig_status infer_concat(ig_infer *c) {
    ig_shape y = {.rank = IG_UNRANKED};
    ig_dtype dtype = IG_UNDEFINED;
    bool all = true;
    int axis = 0;
    for (size_t i = 0; i < c->n_in; i++) {
        ig_shape x;
        if (!dtype) dtype = ig_infer_dtype(c, i);
        if (!ig_infer_shape(c, i, &x)) {
            all = false;
        } else if (y.rank == IG_UNRANKED) {
            IG_TRY(ig_infer_axis(c, axis_of(c->node), x.rank, false, &axis));
            y = x;
        } else {
            IG_TRY(join_shape(c, &x, i, axis, &y));
        }
    }
    if (y.rank == IG_UNRANKED) return ig_infer_set(c, 0, dtype, NULL);
    if (!all) y.dims[axis] = ig_dim_unknown();
    IG_TRY(ig_infer_set(c, 0, dtype, &y));
    return all && y.rank == 1 && c->out_ints && ig_dtype_is_int(dtype) ? join_ints(c) : IG_OK;
}

static ig_status run_concat(ig_call *c) {
    const ig_tensor *y = c->out[0];
    ig_cells from, to;
    int axis;
    IG_TRY(ig_call_made(c, 0));
    IG_TRY(ig_call_axis(c, axis_of(c->node), y->rank, &axis));
    IG_TRY(ig_cells_out(c, y, &to));
    ig_copy r = {.rank = y->rank};
    int64_t begin = 0;
    ig_steps_of(y->rank, y->dims, r.to);
    for (size_t i = 0; i < c->n_in; i++) {
        const ig_tensor *x = c->in[i];
        IG_TRY(ig_call_like(c, i, 0));
        IG_TRY(ig_call_fits(c, x, y, axis));
        if (x->dims[axis] > y->dims[axis] - begin) return ig_call_fail(c, "the inputs are longer than the output");
        IG_TRY(ig_cells_in(c, x, &from));
        memcpy(r.dims, x->dims, (size_t)x->rank * sizeof *r.dims);
        ig_steps_of(x->rank, x->dims, r.from);
        ig_copy_region(c->threads, &r, to.size, to.data + (size_t)(begin * r.to[axis]) * to.size, from.data);
        begin += x->dims[axis];
    }
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_concat = {.name = "Concat", .domain = "", .since = 1, .infer = infer_concat, .run = run_concat};
