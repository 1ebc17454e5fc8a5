/* SplitToSequence (11, 24) and ConcatFromSequence (11). */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"
#include "ops/sequence/sequence.h"

/* ----------------------------------------------------------------------------------------------------- SplitToSequence */

/* One size for all parts (a scalar), or a list of sizes. Without sizes the parts are single entries, and their axis goes when
 * keepdims is 0. */
static ig_status infer_split(ig_infer *c) {
    ig_shape x;
    ig_ints sizes;
    int axis;
    ig_known known = ig_infer_list(c, NULL, 1, &sizes);
    for (size_t i = 0; known == IG_IS_KNOWN && i < sizes.n; i++) {
        ig_dim size = sizes.values[i];
        if (ig_dim_known(size) && (size.value < 0 || (size.value == 0 && sizes.rank == 0)))
            return ig_infer_fail(c, "part %zu has size %lld", i, (long long)size.value);
    }
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set_sequence(c, ig_type_tensor(c->arena, ig_infer_dtype(c, 0), NULL));
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
    ig_dim whole = x.dims[axis];
    x.dims[axis] = ig_dim_unknown();
    if (known == IG_ABSENT) {
        x.dims[axis] = ig_dim_of(1);
        if (!ig_attr_int(c->node, "keepdims")) {
            x.rank--;
            memmove(x.dims + axis, x.dims + axis + 1, (size_t)(x.rank - axis) * sizeof *x.dims);
        }
    } else if (known == IG_IS_KNOWN && sizes.n) {
        bool equal = sizes.rank == 1;
        ig_dim sum = ig_dim_of(0);
        for (size_t i = 0; i < sizes.n; i++) {
            equal = equal && ig_dim_equal(sizes.values[i], sizes.values[0]);
            sum = ig_dim_add(c->syms, sum, sizes.values[i]);
        }
        if (sizes.rank == 0 && ig_dim_known(whole) && ig_dim_known(sizes.values[0]))
            equal = whole.value % sizes.values[0].value == 0;
        if (sizes.rank == 1 && ig_dim_differ(sum, whole))
            return ig_infer_fail(c, "the sizes don't add up to what the axis has");
        if (equal) x.dims[axis] = sizes.values[0];
    }
    const ig_type *of = ig_type_tensor(c->arena, ig_infer_dtype(c, 0), &x);
    return of ? ig_infer_set_sequence(c, of) : ig_oom(c->err);
}

typedef struct cutter {
    ig_call *c;
    ig_cells from;
    ig_copy region;
    int axis;
    bool drop; /* the axis goes */
    ig_tensor *sequence;
} cutter;

/* Appends entries [begin, begin + n) of the axis. */
static ig_status cut(cutter *k, int64_t begin, int64_t n) {
    const ig_tensor *x = k->c->in[0];
    ig_copy *r = &k->region;
    ig_tensor *part;
    ig_cells to;
    int64_t dims[IG_MAX_RANK];
    int rank = r->rank;
    r->dims[k->axis] = n;
    memcpy(dims, r->dims, (size_t)rank * sizeof *dims);
    if (k->drop) {
        rank--;
        memmove(dims + k->axis, dims + k->axis + 1, (size_t)(rank - k->axis) * sizeof *dims);
    }
    IG_TRY(ig_tensor_new(&part, k->c->context, x->dtype, rank, dims, k->c->err));
    ig_status status = ig_cells_out(k->c, part, &to);
    if (status == IG_OK) {
        ig_steps_of(r->rank, r->dims, r->to);
        ig_copy_region(k->c->threads, r, to.size, to.data, k->from.data + (size_t)(begin * r->from[k->axis]) * to.size);
        status = ig_cells_done(k->c, part, &to);
    }
    if (status == IG_OK && ig_tensor_append(k->sequence, part)) return IG_OK;
    ig_tensor_free(part);
    return status != IG_OK ? status : ig_oom(k->c->err);
}

static ig_status cut_all(cutter *k) {
    ig_call *c = k->c;
    const int64_t *sizes;
    size_t n;
    int64_t dim = c->in[0]->dims[k->axis], begin = 0;
    IG_TRY(ig_call_list(c, NULL, 1, &sizes, &n));
    k->drop = !sizes && !ig_attr_int(c->node, "keepdims");
    if (sizes && c->in[1]->rank > 0) {
        for (size_t i = 0; i < n; begin += sizes[i++]) {
            if (sizes[i] < 0 || sizes[i] > dim - begin)
                return ig_call_fail(c, "the sizes don't add up to the %lld of the axis", (long long)dim);
            IG_TRY(cut(k, begin, sizes[i]));
        }
        return begin == dim ? IG_OK : ig_call_fail(c, "the sizes don't add up to the %lld of the axis", (long long)dim);
    }
    int64_t each = sizes ? sizes[0] : 1;
    if (each < 1) return ig_call_fail(c, "parts of size %lld", (long long)each);
    for (; begin < dim; begin += ig_min_i64(each, dim - begin)) IG_TRY(cut(k, begin, ig_min_i64(each, dim - begin)));
    return IG_OK;
}

static ig_status run_split(ig_call *c) {
    const ig_tensor *x = c->in[0];
    cutter k = {.c = c, .region = {.rank = x->rank}};
    if (x->kind != IG_KIND_TENSOR) return ig_call_fail(c, "the input is no tensor");
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), x->rank, &k.axis));
    IG_TRY(ig_cells_in(c, x, &k.from));
    memcpy(k.region.dims, x->dims, (size_t)x->rank * sizeof *x->dims);
    ig_steps_of(x->rank, x->dims, k.region.from);
    k.sequence = ig_tensor_new_kind(c->context, IG_KIND_SEQUENCE);
    if (!k.sequence) return ig_oom(c->err);
    ig_status status = cut_all(&k);
    if (status == IG_OK) return ig_call_set(c, 0, k.sequence);
    ig_tensor_free(k.sequence);
    return status;
}

const ig_op ig_op_split_to_sequence = {
    .name = "SplitToSequence", .domain = "", .since = 11, .infer = infer_split, .run = run_split};

/* -------------------------------------------------------------------------------------------------- ConcatFromSequence */

static ig_status infer_concat(ig_infer *c) {
    const ig_type *of = ig_infer_element(c, 0);
    ig_shape x = ig_type_shape(of), y = {.rank = 0};
    int64_t new_axis = ig_attr_int(c->node, "new_axis");
    bool stack = new_axis != 0;
    int axis;
    if (c->syms && new_axis != 0 && new_axis != 1) return ig_infer_fail(c, "attribute new_axis is neither 0 nor 1");
    if (x.rank < 0) return ig_infer_set(c, 0, of ? of->dtype : IG_UNDEFINED, NULL);
    if (stack && x.rank == IG_MAX_RANK) return ig_infer_fail(c, "the result would pass rank %d", IG_MAX_RANK);
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, stack, &axis));
    for (int k = 0; k < x.rank + stack; k++) y.dims[y.rank++] = k == axis ? ig_dim_unknown() : x.dims[k - (stack && k > axis)];
    return ig_infer_set(c, 0, of->dtype, &y);
}

/* The output's dims, once the entries have been seen to fit together. */
static ig_status joined_dims(ig_call *c, const ig_tensor *s, int axis, bool stack, int64_t *dims) {
    const ig_tensor *first = s->items[0];
    int rank = first->rank + stack;
    for (int k = 0; k < rank; k++) dims[k] = k == axis ? 0 : first->dims[k - (stack && k > axis)];
    for (size_t i = 0; i < s->n_items; i++) {
        const ig_tensor *x = s->items[i];
        bool fits = x->kind == IG_KIND_TENSOR && x->dtype == first->dtype && x->rank == first->rank;
        for (int k = 0; k < x->rank && fits; k++) fits = x->dims[k] == first->dims[k] || (!stack && k == axis);
        if (!fits) return ig_call_fail(c, "entry %zu has another type or shape than the first", i);
        if (__builtin_add_overflow(dims[axis], stack ? 1 : x->dims[axis], &dims[axis])) return ig_oom(c->err);
    }
    return IG_OK;
}

static ig_status run_concat(ig_call *c) {
    const ig_tensor *s = c->in[0];
    bool stack = ig_attr_int(c->node, "new_axis") != 0;
    if (s->kind != IG_KIND_SEQUENCE || s->n_items == 0 || s->items[0]->kind != IG_KIND_TENSOR)
        return ig_call_fail(c, "a sequence of one tensor or more is wanted");
    int axis, rank = s->items[0]->rank + stack;
    int64_t dims[IG_MAX_RANK], begin = 0;
    if (rank > IG_MAX_RANK) return ig_call_fail(c, "the result would pass rank %d", IG_MAX_RANK);
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), rank, &axis));
    IG_TRY(joined_dims(c, s, axis, stack, dims));
    IG_TRY(ig_call_output(c, 0, s->items[0]->dtype, rank, dims));
    ig_cells from, to;
    ig_copy r = {.rank = rank};
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    memcpy(r.dims, dims, (size_t)rank * sizeof *dims);
    ig_steps_of(rank, dims, r.to);
    for (size_t i = 0; i < s->n_items; i++) {
        r.dims[axis] = stack ? 1 : s->items[i]->dims[axis];
        IG_TRY(ig_cells_in(c, s->items[i], &from));
        ig_steps_of(rank, r.dims, r.from);
        ig_copy_region(c->threads, &r, to.size, to.data + (size_t)(begin * r.to[axis]) * to.size, from.data);
        begin += r.dims[axis];
    }
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_concat_from_sequence = {
    .name = "ConcatFromSequence", .domain = "", .since = 11, .flags = IG_OP_DYNAMIC, .infer = infer_concat, .run = run_concat};
