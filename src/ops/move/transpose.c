/* Transpose (1, 13, 21, 23, 24, 25). */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

/* The permutation for this rank: false when the attribute isn't one. */
static bool permutation(const ig_node *node, int rank, int *perm) {
    size_t n;
    const int64_t *given = ig_attr_ints(node, "perm", &n);
    uint32_t seen = 0;
    if (given && n != (size_t)rank) return false;
    for (int k = 0; k < rank; k++) {
        int64_t from = given ? given[k] : rank - 1 - k;
        if (from < 0 || from >= rank || (seen >> from & 1)) return false;
        seen |= 1u << from;
        perm[k] = (int)from;
    }
    return true;
}

static ig_status infer_transpose(ig_infer *c) {
    ig_shape x, y;
    int perm[IG_MAX_RANK];
    if (!ig_infer_shape(c, 0, &x)) {
        size_t n; /* the attribute tells the rank */
        y.rank = ig_attr_ints(c->node, "perm", &n) && n <= IG_MAX_RANK ? (int)n : IG_UNRANKED;
        for (int k = 0; k < y.rank; k++) y.dims[k] = ig_dim_unknown();
        return ig_infer_set(c, 0, ig_infer_dtype(c, 0), y.rank < 0 ? NULL : &y);
    }
    if (!permutation(c->node, x.rank, perm))
        return ig_infer_fail(c, "perm is no permutation of the %d axes of the input", x.rank);
    y.rank = x.rank;
    for (int k = 0; k < y.rank; k++) y.dims[k] = x.dims[perm[k]];
    IG_TRY(ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y));
    ig_ints ints;
    if (c->out_ints && y.rank <= 1 && ig_infer_ints(c, 0, &ints)) return ig_infer_set_ints(c, 0, y.rank, ints.values, ints.n);
    return IG_OK;
}

static ig_status run_transpose(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_cells from, to;
    int perm[IG_MAX_RANK];
    int64_t steps[IG_MAX_RANK];
    if (!permutation(c->node, x->rank, perm)) return ig_call_fail(c, "perm is no permutation of %d axes", x->rank);
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    ig_copy r = {.rank = x->rank};
    ig_steps_of(x->rank, x->dims, steps);
    for (int k = 0; k < r.rank; k++) {
        r.dims[k] = x->dims[perm[k]];
        r.from[k] = steps[perm[k]];
    }
    ig_steps_of(r.rank, r.dims, r.to);
    ig_copy_region(c->threads, &r, to.size, to.data, from.data);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_transpose = {.name = "Transpose", .domain = "", .since = 1, .infer = infer_transpose, .run = run_transpose};
