/* ScatterElements (11, 13, 16 with reductions, 18 with more), Scatter (9), which it was called before, and ScatterND (11, 13,
 * 16, 18). Updates are applied in their order, so that the result doesn't depend on threads. */
#include "ops/args.h"
#include "ops/index/indices.h"
#include "ops/loops/cells.h"
#include "ops/loops/convert.h"
#include "ops/loops/copy.h"
#include "ops/loops/work.h"

/* ---------------------------------------------------------------------------------------------------------- reductions */

/* to[i] = to[i] op from[i] for n elements. */
typedef void (*combine_fn)(void *to, const void *from, size_t n);

#define COMBINE(name, type, expr)                                                                                              \
    static void name(void *to, const void *from, size_t n) {                                                                   \
        type *a = to;                                                                                                          \
        const type *b = from;                                                                                                  \
        for (size_t i = 0; i < n; i++) a[i] = (expr);                                                                          \
    }
#define COMBINES(suffix, type)                                                                                                 \
    COMBINE(add_##suffix, type, a[i] + b[i])                                                                                   \
    COMBINE(mul_##suffix, type, a[i] * b[i])
/* A NaN stays. */
#define FLOAT_EXTREMES(suffix, type)                                                                                           \
    COMBINE(max_##suffix, type, ((b[i] > a[i]) | (b[i] != b[i])) ? b[i] : a[i])                                                \
    COMBINE(min_##suffix, type, ((b[i] < a[i]) | (b[i] != b[i])) ? b[i] : a[i])
#define WHOLE_EXTREMES(suffix, type)                                                                                           \
    COMBINE(max_##suffix, type, b[i] > a[i] ? b[i] : a[i])                                                                     \
    COMBINE(min_##suffix, type, b[i] < a[i] ? b[i] : a[i])
COMBINES(f32, float)
COMBINES(f64, double)
COMBINES(u64, uint64_t)
FLOAT_EXTREMES(f32, float)
FLOAT_EXTREMES(f64, double)
WHOLE_EXTREMES(u64, uint64_t)
WHOLE_EXTREMES(i64, int64_t)

/* Integers add and multiply with wrapping: as unsigned ones. */
static combine_fn combine_for(ig_dtype work, bool is_u64, ig_str reduction) {
    static const struct {
        const char *name;
        combine_fn f32, f64, i64, u64;
    } rows[] = {{"add", add_f32, add_f64, add_u64, add_u64},
                {"mul", mul_f32, mul_f64, mul_u64, mul_u64},
                {"max", max_f32, max_f64, max_i64, max_u64},
                {"min", min_f32, min_f64, min_i64, min_u64}};
    for (size_t i = 0; i < IG_COUNT_OF(rows); i++) {
        if (!ig_str_is(reduction, rows[i].name)) continue;
        return work == IG_F32 ? rows[i].f32 : work == IG_F64 ? rows[i].f64 : is_u64 ? rows[i].u64 : rows[i].i64;
    }
    return NULL;
}

/* The output while it is written, and the updates in the same form. */
typedef struct target {
    ig_cells to, updates;
    ig_dtype work; /* undefined: cells are moved, otherwise they are converted to this type to compute with */
    combine_fn combine;
} target;

static ig_status in_work_type(ig_call *c, const ig_tensor *t, ig_dtype work, ig_cells *cells) {
    *cells = (ig_cells){t->data, ig_dtype_bytes(work), t->count};
    size_t bytes;
    cells->data = ig_mul_overflows(t->count, cells->size, &bytes) ? NULL : ig_call_scratch(c, bytes);
    if (!cells->data) return ig_oom(c->err);
    ig_convert(t->dtype, t->data, 0, work, cells->data, 0, t->count);
    return IG_OK;
}

/* Input 0 as the start of the output; input 2 as updates. */
static ig_status begin(ig_call *c, target *t) {
    const ig_tensor *x = c->in[0];
    *t = (target){.work = IG_UNDEFINED};
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(ig_call_like(c, 2, 0));
    ig_str reduction = ig_attr_str(c->node, "reduction");
    if (reduction.n && !ig_str_is(reduction, "none")) {
        t->work = ig_work_type(x->dtype);
        if (!t->work) return ig_call_no_kernel(c, x->dtype);
        t->combine = combine_for(t->work, x->dtype == IG_U64, reduction);
        if (!t->combine) return ig_call_fail(c, "unknown reduction '%.*s'", (int)ig_min_size(reduction.n, 80), reduction.s);
        bool as_is = t->work == x->dtype || x->dtype == IG_U64;
        if (!as_is) {
            IG_TRY(in_work_type(c, x, t->work, &t->to));
            return in_work_type(c, c->in[2], t->work, &t->updates);
        }
        t->work = IG_UNDEFINED;
    }
    ig_cells from;
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, c->out[0], &t->to));
    IG_TRY(ig_cells_in(c, c->in[2], &t->updates));
    ig_copy all = {.rank = 1, .dims = {(int64_t)from.count}, .to = {1}, .from = {1}};
    if (from.data != t->to.data) ig_copy_region(c->threads, &all, from.size, t->to.data, from.data);
    return IG_OK;
}

static ig_status finish(ig_call *c, const target *t) {
    if (!t->work) return ig_cells_done(c, c->out[0], &t->to);
    ig_convert(t->work, t->to.data, 0, c->out[0]->dtype, c->out[0]->data, 0, t->to.count);
    return IG_OK;
}

static void put(const target *t, size_t at, size_t update, size_t n) {
    char *to = t->to.data + at * t->to.size;
    const char *from = t->updates.data + update * t->to.size;
    if (t->combine) {
        t->combine(to, from, n);
    } else {
        memcpy(to, from, n * t->to.size);
    }
}

/* ----------------------------------------------------------------------------------------------------- ScatterElements */

static ig_status infer_scatter_elements(ig_infer *c) {
    ig_shape x, at, updates;
    int axis;
    bool have_x = ig_infer_shape(c, 0, &x), have_at = ig_infer_shape(c, 1, &at), have_updates = ig_infer_shape(c, 2, &updates);
    if (have_x) IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
    if ((have_x && have_at && at.rank != x.rank) || (have_updates && have_at && at.rank != updates.rank))
        return ig_infer_fail(c, "data, indices and updates differ in rank");
    for (int k = 0; have_at && have_updates && k < at.rank; k++) {
        if (ig_dim_differ(at.dims[k], updates.dims[k])) return ig_infer_fail(c, "dim %d of indices and updates differs", k);
    }
    for (int k = 0; have_x && have_at && k < x.rank; k++) {
        bool more = ig_dim_known(x.dims[k]) && ig_dim_known(at.dims[k]) && at.dims[k].value > x.dims[k].value;
        if (k != axis && more) return ig_infer_fail(c, "dim %d of the indices is larger than that of the data", k);
    }
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), have_x ? &x : NULL);
}

static ig_status run_scatter_elements(ig_call *c) {
    const ig_tensor *x = c->in[0], *index = c->in[1];
    target t;
    int axis;
    const int64_t *at;
    int64_t steps[IG_MAX_RANK];
    IG_TRY(begin(c, &t));
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), x->rank, &axis));
    IG_TRY(ig_call_inside(c, index, x, axis));
    IG_TRY(ig_call_indices(c, 1, x->dims[axis], &at));
    if (index->count != c->in[2]->count)
        return ig_call_fail(c, "there are %zu indices and %zu updates", index->count, c->in[2]->count);
    ig_steps_of(x->rank, x->dims, steps);
    size_t along = (size_t)steps[axis], columns = (size_t)ig_tensor_dim(index, -1);
    int last = x->rank - 1;
    for (size_t row = 0; columns && row < index->count / columns; row++) {
        size_t rest = row, base = 0;
        for (int k = last - 1; k >= 0; k--) {
            size_t dim = (size_t)index->dims[k];
            base += k == axis ? 0 : rest % dim * (size_t)steps[k];
            rest /= dim;
        }
        for (size_t j = 0; j < columns; j++) {
            size_t update = row * columns + j;
            put(&t, base + (size_t)at[update] * along + (axis == last ? 0 : j), update, 1);
        }
    }
    return finish(c, &t);
}

const ig_op ig_op_scatter_elements = {.name = "ScatterElements",
                                      .domain = "",
                                      .since = 11,
                                      .flags = IG_OP_INPLACE,
                                      .infer = infer_scatter_elements,
                                      .run = run_scatter_elements};
const ig_op ig_op_scatter = {.name = "Scatter",
                             .domain = "",
                             .since = 9,
                             .flags = IG_OP_INPLACE,
                             .infer = infer_scatter_elements,
                             .run = run_scatter_elements};

/* ----------------------------------------------------------------------------------------------------------- ScatterND */

static ig_status infer_scatter_nd(ig_infer *c) {
    ig_shape x, at, updates;
    bool have_x = ig_infer_shape(c, 0, &x), have_at = ig_infer_shape(c, 1, &at), have_updates = ig_infer_shape(c, 2, &updates);
    if (have_x && have_at && at.rank && ig_dim_known(at.dims[at.rank - 1])) {
        int64_t depth = at.dims[at.rank - 1].value;
        if (depth > x.rank) return ig_infer_fail(c, "indices of %lld dims for data of rank %d", (long long)depth, x.rank);
        int outer = at.rank - 1, inner = x.rank - (int)depth;
        if (have_updates && updates.rank != outer + inner)
            return ig_infer_fail(c, "updates have rank %d, %d is wanted", updates.rank, outer + inner);
        for (int k = 0; have_updates && k < updates.rank; k++) {
            ig_dim wanted = k < outer ? at.dims[k] : x.dims[k - outer + depth];
            if (ig_dim_differ(updates.dims[k], wanted)) return ig_infer_fail(c, "dim %d of the updates doesn't fit", k);
        }
    }
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), have_x ? &x : NULL);
}

static ig_status run_scatter_nd(ig_call *c) {
    const ig_tensor *x = c->in[0], *index = c->in[1];
    target t;
    const int64_t *at;
    int64_t steps[IG_MAX_RANK];
    IG_TRY(begin(c, &t));
    if (index->kind != IG_KIND_TENSOR || index->rank < 1 || ig_tensor_dim(index, -1) > x->rank)
        return ig_call_fail(c, "the indices don't fit the data");
    size_t depth = (size_t)ig_tensor_dim(index, -1), block = 1, n = 1, places;
    ig_steps_of(x->rank, x->dims, steps);
    for (int k = (int)depth; k < x->rank; k++) block *= (size_t)x->dims[k];
    for (int k = 0; k < index->rank - 1; k++) n *= (size_t)index->dims[k];
    if (ig_mul_overflows(n, block, &places) || places != c->in[2]->count)
        return ig_call_fail(c, "%zu updates are given for %zu places", c->in[2]->count, places);
    IG_TRY(ig_call_offsets(c, 1, depth, x->dims, steps, &at));
    for (size_t i = 0; i < n && block; i++) put(&t, (size_t)at[i], i * block, block);
    return finish(c, &t);
}

const ig_op ig_op_scatter_nd = {
    .name = "ScatterND", .domain = "", .since = 11, .flags = IG_OP_INPLACE, .infer = infer_scatter_nd, .run = run_scatter_nd};
