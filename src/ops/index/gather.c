/* Gather (1, 11 with negative indices, 13), and TorchEmbedding of com.microsoft, which is Gather along axis 0. */
#include "ops/args.h"
#include "ops/index/indices.h"
#include "ops/loops/cells.h"

/* Entries of known integers at known places. */
static ig_status pick_ints(ig_infer *c, int rank) {
    ig_ints ints, at;
    ig_dim out[2 * IG_MAX_RANK];
    if (!c->out_ints || !ig_dtype_is_int(ig_infer_dtype(c, 0)) || !ig_infer_ints(c, 0, &ints) || ints.rank != 1) return IG_OK;
    if (!ig_infer_ints(c, 1, &at) || at.n > IG_COUNT_OF(out)) return IG_OK;
    for (size_t i = 0; i < at.n; i++) {
        int64_t index = at.values[i].value, n = (int64_t)ints.n;
        bool inside = ig_dim_known(at.values[i]) && index >= -n && index < n;
        out[i] = inside ? ints.values[index < 0 ? index + n : index] : ig_dim_unknown();
    }
    return ig_infer_set_ints(c, 0, rank, out, at.n);
}

static ig_status infer_along(ig_infer *c, int64_t wanted) {
    ig_shape x, at, y = {.rank = 0};
    int axis = 0;
    bool have = ig_infer_shape(c, 0, &x);
    if (have) IG_TRY(ig_infer_axis(c, wanted, x.rank, false, &axis));
    if (!have || !ig_infer_shape(c, 1, &at)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (x.rank + at.rank - 1 > IG_MAX_RANK) return ig_infer_fail(c, "the result would pass rank %d", IG_MAX_RANK);
    for (int k = 0; k < axis; k++) y.dims[y.rank++] = x.dims[k];
    for (int k = 0; k < at.rank; k++) y.dims[y.rank++] = at.dims[k];
    for (int k = axis + 1; k < x.rank; k++) y.dims[y.rank++] = x.dims[k];
    IG_TRY(ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y));
    return y.rank <= 1 && x.rank == 1 ? pick_ints(c, y.rank) : IG_OK;
}

static ig_status infer_gather(ig_infer *c) { return infer_along(c, ig_attr_int(c->node, "axis")); }

typedef struct lookup {
    char *to;
    const char *from;
    const int64_t *at;
    size_t n, entries, block; /* indices, entries along the axis, bytes of one */
} lookup;

static void gather_range(void *arg, size_t begin, size_t end) {
    const lookup *l = arg;
    while (begin < end) {
        size_t outer = begin / l->n, first = begin % l->n, n = ig_min_size(l->n - first, end - begin);
        ig_gather_blocks(l->to + begin * l->block, l->from + outer * l->entries * l->block, l->at + first, n, l->block);
        begin += n;
    }
}

static ig_status gather_along(ig_call *c, int64_t wanted) {
    const ig_tensor *x = c->in[0];
    ig_cells from, to;
    int axis;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(ig_call_axis(c, wanted, x->rank, &axis));
    lookup l = {.n = c->in[1]->count, .entries = (size_t)x->dims[axis]};
    IG_TRY(ig_call_indices(c, 1, x->dims[axis], &l.at));
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    l.to = to.data;
    l.from = from.data;
    l.block = from.size;
    for (int k = axis + 1; k < x->rank; k++) l.block *= (size_t)x->dims[k];
    if (to.count) ig_parallel(c->threads, to.count * to.size / l.block, (1 << 15) / l.block + 1, gather_range, &l);
    return ig_cells_done(c, c->out[0], &to);
}

static ig_status run_gather(ig_call *c) { return gather_along(c, ig_attr_int(c->node, "axis")); }

const ig_op ig_op_gather = {.name = "Gather", .domain = "", .since = 1, .infer = infer_gather, .run = run_gather};

static ig_status infer_embedding(ig_infer *c) { return infer_along(c, 0); }
static ig_status run_embedding(ig_call *c) { return gather_along(c, 0); }

const ig_op ig_op_ms_torch_embedding = {
    .name = "TorchEmbedding", .domain = "com.microsoft", .since = 1, .infer = infer_embedding, .run = run_embedding};
