/* GatherND (11, 12 with batch_dims, 13), the one of com.microsoft, and GatherElements (11, 13). */
#include "ops/args.h"
#include "ops/index/indices.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

/* ------------------------------------------------------------------------------------------------------------ GatherND */

static ig_status infer_gather_nd(ig_infer *c) {
    ig_shape x, at, y = {.rank = 0};
    bool have_x = ig_infer_shape(c, 0, &x), have_at = ig_infer_shape(c, 1, &at);
    int64_t batch = ig_attr_int(c->node, "batch_dims");
    if (!have_x || !have_at || (at.rank && !ig_dim_known(at.dims[at.rank - 1])))
        return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (x.rank < 1 || at.rank < 1) return ig_infer_fail(c, "inputs of rank %d and %d, at least 1 is wanted", x.rank, at.rank);
    int64_t depth = at.dims[at.rank - 1].value;
    if (batch < 0 || batch >= at.rank || batch + depth > x.rank || depth < 0)
        return ig_infer_fail(c, "indices of %lld dims behind %lld batch dims for data of rank %d", (long long)depth,
                             (long long)batch, x.rank);
    for (int k = 0; k < batch; k++) {
        if (ig_dim_differ(at.dims[k], x.dims[k])) return ig_infer_fail(c, "batch dim %d of data and indices differ", k);
    }
    if (at.rank - 1 + x.rank - (int)(batch + depth) > IG_MAX_RANK)
        return ig_infer_fail(c, "the result would pass rank %d", IG_MAX_RANK);
    for (int k = 0; k < at.rank - 1; k++) y.dims[y.rank++] = at.dims[k];
    for (int k = (int)(batch + depth); k < x.rank; k++) y.dims[y.rank++] = x.dims[k];
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

typedef struct lookup {
    char *to;
    const char *from;
    const int64_t *at;
    size_t per_batch, batch_block, block; /* indices of one batch entry; bytes of its data, of one result */
} lookup;

static void gather_range(void *arg, size_t begin, size_t end) {
    const lookup *l = arg;
    for (size_t i = begin; i < end; i++) {
        memcpy(l->to + i * l->block, l->from + i / l->per_batch * l->batch_block + (size_t)l->at[i] * l->block, l->block);
    }
}

static ig_status run_gather_nd(ig_call *c) {
    const ig_tensor *x = c->in[0], *at = c->in[1];
    ig_cells from, to;
    IG_TRY(ig_call_like(c, 0, 0));
    int batch = (int)ig_attr_int(c->node, "batch_dims"), depth = (int)ig_tensor_dim(at, -1);
    int64_t steps[IG_MAX_RANK];
    lookup l = {.per_batch = 1};
    for (int k = 0; k < batch; k++) {
        if (x->dims[k] != at->dims[k]) return ig_call_fail(c, "batch dim %d of data and indices differ", k);
    }
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    l.block = l.batch_block = from.size;
    for (int k = batch + depth; k < x->rank; k++) l.block *= (size_t)x->dims[k];
    for (int k = batch; k < x->rank; k++) l.batch_block *= (size_t)x->dims[k];
    for (int k = batch; k < at->rank - 1; k++) l.per_batch *= (size_t)at->dims[k];
    ig_steps_of(depth, x->dims + batch, steps);
    IG_TRY(ig_call_offsets(c, 1, (size_t)depth, x->dims + batch, steps, &l.at));
    l.to = to.data;
    l.from = from.data;
    if (to.count) ig_parallel(c->threads, to.count * to.size / l.block, (1 << 15) / l.block + 1, gather_range, &l);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_gather_nd = {.name = "GatherND", .domain = "", .since = 11, .infer = infer_gather_nd, .run = run_gather_nd};
const ig_op ig_op_ms_gather_nd = {
    .name = "GatherND", .domain = "com.microsoft", .since = 1, .infer = infer_gather_nd, .run = run_gather_nd};

/* ------------------------------------------------------------------------------------------------------ GatherElements */

static ig_status infer_gather_elements(ig_infer *c) {
    ig_shape x, at;
    int axis;
    bool have_x = ig_infer_shape(c, 0, &x), have_at = ig_infer_shape(c, 1, &at);
    if (have_x && have_at && x.rank != at.rank)
        return ig_infer_fail(c, "data has rank %d, indices have rank %d", x.rank, at.rank);
    if (have_x) IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
    for (int k = 0; have_x && have_at && k < x.rank; k++) {
        bool more = ig_dim_known(x.dims[k]) && ig_dim_known(at.dims[k]) && at.dims[k].value > x.dims[k].value;
        if (k != axis && more) return ig_infer_fail(c, "dim %d of the indices is larger than that of the data", k);
    }
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), have_at ? &at : NULL);
}

typedef struct element_lookup {
    const ig_tensor *x, *index;
    const int64_t *at;
    int64_t steps[IG_MAX_RANK]; /* of x */
    int axis;
    size_t columns, size;
    char *to;
    const char *from;
} element_lookup;

/* Rows of indices: the last dim. */
static void gather_rows(void *arg, size_t begin, size_t end) {
    const element_lookup *l = arg;
    int last = l->index->rank - 1;
    int64_t along = l->steps[l->axis];
    for (size_t row = begin; row < end; row++) {
        size_t rest = row, base = 0;
        for (int k = last - 1; k >= 0; k--) {
            size_t dim = (size_t)l->index->dims[k];
            base += k == l->axis ? 0 : rest % dim * (size_t)l->steps[k];
            rest /= dim;
        }
        const int64_t *at = l->at + row * l->columns;
        char *to = l->to + row * l->columns * l->size;
        const char *from = l->from + base * l->size;
        if (l->axis == last) {
            ig_gather_blocks(to, from, at, l->columns, l->size);
            continue;
        }
        for (size_t j = 0; j < l->columns; j++)
            memcpy(to + j * l->size, from + ((size_t)(at[j] * along) + j) * l->size, l->size);
    }
}

static ig_status run_gather_elements(ig_call *c) {
    element_lookup l = {.x = c->in[0], .index = c->in[1]};
    ig_cells from, to;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), l.x->rank, &l.axis));
    IG_TRY(ig_call_inside(c, l.index, l.x, l.axis));
    IG_TRY(ig_call_indices(c, 1, l.x->dims[l.axis], &l.at));
    IG_TRY(ig_cells_in(c, l.x, &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    ig_steps_of(l.x->rank, l.x->dims, l.steps);
    l.columns = (size_t)ig_tensor_dim(l.index, -1);
    l.size = to.size;
    l.to = to.data;
    l.from = from.data;
    if (to.count) ig_parallel(c->threads, to.count / l.columns, (1 << 13) / l.columns + 1, gather_rows, &l);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_gather_elements = {
    .name = "GatherElements", .domain = "", .since = 11, .infer = infer_gather_elements, .run = run_gather_elements};
