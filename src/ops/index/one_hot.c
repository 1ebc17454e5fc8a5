/* OneHot (9, 11 with negative indices, 28). Indices and depth may be of any number type; they are truncated. */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

/* Where the new axis goes: behind the last one is -1. */
static ig_status infer_one_hot(ig_infer *c) {
    ig_shape x, y = {.rank = 0};
    int64_t depth;
    int axis;
    ig_shape values;
    IG_TRY(ig_infer_rank(c, 2, 1));
    if (ig_infer_shape(c, 2, &values) && ig_dim_differ(values.dims[0], ig_dim_of(2)))
        return ig_infer_fail(c, "values should hold two elements, what is off and what is on");
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 2), NULL);
    if (x.rank == IG_MAX_RANK) return ig_infer_fail(c, "the result would pass rank %d", IG_MAX_RANK);
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank + 1, false, &axis));
    bool known = ig_infer_number(c, 1, &depth);
    const ig_tensor *indices = c->node->schema->since < 11 && c->data ? c->data[0] : NULL;
    for (size_t i = 0; indices && indices->kind == IG_KIND_TENSOR && i < indices->count; i++) {
        int64_t index = ig_load_as_i64(indices->dtype, indices->data, i);
        if (index < 0) return ig_infer_fail(c, "index %lld is negative, which came with opset 11", (long long)index);
    }
    if (known && depth < 0) return ig_infer_fail(c, "depth is %lld", (long long)depth);
    for (int k = 0; k <= x.rank; k++) {
        if (k == axis) y.dims[y.rank++] = known ? ig_dim_of(depth) : ig_dim_unknown();
        if (k < x.rank) y.dims[y.rank++] = x.dims[k];
    }
    return ig_infer_set(c, 0, ig_infer_dtype(c, 2), &y);
}

typedef struct hot {
    char *to;
    const char *values; /* off, on */
    const ig_tensor *indices;
    size_t size, inner;
    int64_t depth;
    bool from_end; /* negative indices count */
} hot;

/* Items are indices; each sets one place of `depth`, all others stay off. */
static void set_on(void *arg, size_t begin, size_t end) {
    const hot *h = arg;
    for (size_t i = begin; i < end; i++) {
        int64_t index = ig_load_as_i64(h->indices->dtype, h->indices->data, i);
        if (index < 0 && h->from_end && index >= -h->depth) index += h->depth;
        if (index < 0 || index >= h->depth) continue;
        size_t place = (i / h->inner * (size_t)h->depth + (size_t)index) * h->inner + i % h->inner;
        memcpy(h->to + place * h->size, h->values + h->size, h->size);
    }
}

static ig_status run_one_hot(ig_call *c) {
    const ig_tensor *x = c->in[0], *y = c->out[0];
    ig_cells values, to;
    int axis;
    IG_TRY(ig_call_like(c, 2, 0));
    if (c->in[2]->count != 2) return ig_call_fail(c, "%zu values are given: off and on are wanted", c->in[2]->count);
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), y->rank, &axis));
    IG_TRY(ig_cells_in(c, c->in[2], &values));
    IG_TRY(ig_cells_out(c, y, &to));
    hot h = {to.data, values.data, x, to.size, 1, y->dims[axis], c->node->schema->since >= 11};
    for (int k = axis + 1; k < y->rank; k++) h.inner *= (size_t)y->dims[k];
    ig_copy_fill(c->threads, to.count, to.size, to.data, values.data);
    if (to.count) ig_parallel(c->threads, x->count, 1 << 12, set_on, &h);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_one_hot = {.name = "OneHot", .domain = "", .since = 9, .infer = infer_one_hot, .run = run_one_hot};
