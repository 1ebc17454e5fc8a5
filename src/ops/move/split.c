/* Split (1 with an optional input, 2, 11, 13 with an input, 18 with `num_outputs`). */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

/* The sizes of the parts: given, or as even as `num_outputs` (before version 18: the number of outputs) makes them, the last
 * one taking what is left. False when they aren't known. */
static bool part_sizes(ig_infer *c, ig_dim dim, ig_dim *sizes, ig_status *status) {
    ig_ints list;
    ig_known known = ig_infer_list(c, "split", 1, &list);
    *status = IG_OK;
    if (known == IG_ABSENT && ig_infer_has(c, 1)) known = ig_infer_list(c, NULL, 1, &list);
    for (size_t i = 0; i < c->n_out; i++) sizes[i] = ig_dim_unknown();
    if (known == IG_NOT_KNOWN) return false;
    if (known == IG_IS_KNOWN) {
        if (list.n != c->n_out) *status = ig_infer_fail(c, "%zu sizes are given for %zu outputs", list.n, c->n_out);
        ig_dim sum = ig_dim_of(0);
        for (size_t i = 0; i < c->n_out && *status == IG_OK; i++) {
            sizes[i] = list.values[i];
            sum = ig_dim_add(c->syms, sum, sizes[i]);
            if (ig_dim_known(sizes[i]) && sizes[i].value < 0)
                *status = ig_infer_fail(c, "part %zu has size %lld", i, (long long)sizes[i].value);
        }
        if (*status == IG_OK && ig_dim_differ(sum, dim)) {
            char text[2][100];
            ig_dim_text(sum, text[0], sizeof text[0]);
            ig_dim_text(dim, text[1], sizeof text[1]);
            *status = ig_infer_fail(c, "the parts add up to %s, the axis has %s", text[0], text[1]);
        }
        return *status == IG_OK;
    }
    bool counted = ig_schema_attr_find(c->node->schema, "num_outputs") != NULL;
    int64_t n = counted && ig_attr_given(c->node, "num_outputs") ? ig_attr_int(c->node, "num_outputs") : (int64_t)c->n_out;
    if (n != (int64_t)c->n_out) {
        *status = ig_infer_fail(c, "num_outputs is %lld, the node has %zu outputs", (long long)n, c->n_out);
        return false;
    }
    if (n == 1) sizes[0] = dim;
    if (!counted && ig_dim_known(dim) && dim.value % n != 0) {
        *status = ig_infer_fail(c, "%lld can't be split into %lld equal parts", (long long)dim.value, (long long)n);
        return false;
    }
    ig_dim each = counted ? ig_dim_ceil_div(c->syms, dim, ig_dim_of(n)) : ig_dim_floor_div(c->syms, dim, ig_dim_of(n));
    for (int64_t i = 0; i < n && n > 1; i++) {
        sizes[i] = each;
        if (!counted || i == 0) continue;
        ig_dim left = ig_dim_sub(c->syms, dim, ig_dim_mul(c->syms, each, ig_dim_of(i)));
        sizes[i] = ig_dim_max(c->syms, ig_dim_min(c->syms, each, left), ig_dim_of(0));
    }
    return true;
}

static ig_status pass_parts(ig_infer *c, const ig_dim *sizes) {
    ig_ints ints;
    if (!c->out_ints || !ig_dtype_is_int(ig_infer_dtype(c, 0)) || !ig_infer_ints(c, 0, &ints) || ints.rank != 1) return IG_OK;
    size_t at = 0;
    for (size_t i = 0; i < c->n_out; i++) {
        if (!ig_dim_known(sizes[i]) || (size_t)sizes[i].value > ints.n - at) return IG_OK;
        IG_TRY(ig_infer_set_ints(c, i, 1, ints.values + at, (size_t)sizes[i].value));
        at += (size_t)sizes[i].value;
    }
    return IG_OK;
}

static ig_status infer_split(ig_infer *c) {
    ig_shape x;
    ig_status status;
    int axis;
    bool parts = ig_schema_attr_find(c->node->schema, "num_outputs") != NULL;
    if (parts && c->syms && ig_infer_has(c, 1) == ig_attr_given(c->node, "num_outputs"))
        return ig_infer_fail(c, "either the input split or the attribute num_outputs is needed, and not both");
    if (!ig_infer_shape(c, 0, &x)) {
        for (size_t i = 0; i < c->n_out; i++) IG_TRY(ig_infer_set(c, i, ig_infer_dtype(c, 0), NULL));
        return IG_OK;
    }
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
    ig_dim *sizes = IG_NEW_ARRAY(c->arena, ig_dim, c->n_out);
    if (!sizes) return ig_oom(c->err);
    part_sizes(c, x.dims[axis], sizes, &status);
    IG_TRY(status);
    for (size_t i = 0; i < c->n_out; i++) {
        x.dims[axis] = sizes[i];
        IG_TRY(ig_infer_set(c, i, ig_infer_dtype(c, 0), &x));
    }
    return x.rank == 1 ? pass_parts(c, sizes) : IG_OK;
}

/* Outputs that nobody wants aren't there, so the sizes are worked out again. */
static ig_status run_sizes(ig_call *c, int64_t dim, const int64_t **sizes) {
    size_t n;
    IG_TRY(ig_call_list(c, "split", 1, sizes, &n));
    if (!*sizes && c->n_in > 1 && c->in[1]) IG_TRY(ig_call_list(c, NULL, 1, sizes, &n));
    if (*sizes) {
        int64_t left = dim;
        bool fits = n == c->n_out;
        for (size_t i = 0; i < n && fits; i++) {
            fits = (*sizes)[i] >= 0 && (*sizes)[i] <= left;
            left -= fits ? (*sizes)[i] : 0;
        }
        return fits && left == 0 ? IG_OK : ig_call_fail(c, "the sizes don't add up to the %lld of the axis", (long long)dim);
    }
    int64_t *even = ig_call_scratch(c, c->n_out * sizeof(int64_t));
    if (!even) return ig_oom(c->err);
    int64_t parts = (int64_t)c->n_out, each = (dim + parts - 1) / parts;
    for (int64_t i = 0; i < parts; i++) even[i] = ig_clamp_i64(dim - i * each, 0, each);
    *sizes = even;
    return IG_OK;
}

static ig_status run_split(ig_call *c) {
    const ig_tensor *x = c->in[0];
    const int64_t *sizes;
    ig_cells from, to;
    int axis;
    if (x->kind != IG_KIND_TENSOR) return ig_call_fail(c, "the input is no tensor");
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), x->rank, &axis));
    IG_TRY(run_sizes(c, x->dims[axis], &sizes));
    IG_TRY(ig_cells_in(c, x, &from));
    ig_copy r = {.rank = x->rank};
    memcpy(r.dims, x->dims, (size_t)x->rank * sizeof *r.dims);
    ig_steps_of(x->rank, x->dims, r.from);
    int64_t begin = 0;
    for (size_t i = 0; i < c->n_out; begin += sizes[i++]) {
        if (!c->wanted[i]) continue;
        r.dims[axis] = sizes[i];
        IG_TRY(ig_call_output(c, i, x->dtype, x->rank, r.dims));
        IG_TRY(ig_cells_out(c, c->out[i], &to));
        ig_steps_of(r.rank, r.dims, r.to);
        ig_copy_region(c->threads, &r, to.size, to.data, from.data + (size_t)(begin * r.from[axis]) * from.size);
        IG_TRY(ig_cells_done(c, c->out[i], &to));
    }
    return IG_OK;
}

const ig_op ig_op_split = {.name = "Split", .domain = "", .since = 1, .infer = infer_split, .run = run_split};
