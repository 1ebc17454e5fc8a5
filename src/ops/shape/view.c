/* The operators that give the same elements another shape: Reshape, Flatten, Squeeze, Unsqueeze, and ExpandDims of
 * com.microsoft. They cost nothing where the executor can share memory. */
#include "ops/args.h"

static ig_status run_copy(ig_call *c) { return ig_call_copy(c, 0, 0); }

/* Sets the output, and passes on what is known of small integer content. */
static ig_status set_view(ig_infer *c, const ig_shape *shape) {
    IG_TRY(ig_infer_set(c, 0, ig_infer_dtype(c, 0), shape));
    return shape && shape->rank >= 0 && shape->rank <= 1 ? ig_infer_pass_ints(c, shape->rank) : IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------- Reshape */

/* `shape` is an attribute in version 1, an input since 5; `allowzero` since 14. */
static ig_status infer_reshape(ig_infer *c) {
    ig_ints wanted;
    ig_shape x, y = {.rank = 0};
    if (c->syms) IG_TRY(ig_infer_rank(c, 1, 1));
    ig_known known = ig_infer_list(c, "shape", 1, &wanted);
    if (known != IG_IS_KNOWN) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (wanted.n > IG_MAX_RANK) return ig_infer_fail(c, "a shape of %zu dims; at most %d are supported", wanted.n, IG_MAX_RANK);
    bool have = ig_infer_shape(c, 0, &x), zeros = ig_attr_int(c->node, "allowzero") != 0, open = false;
    int free_dim = -1;
    y.rank = (int)wanted.n;
    for (int k = 0; k < y.rank; k++) {
        y.dims[k] = wanted.values[k];
        if (ig_dim_is(y.dims[k], 0) && !zeros) {
            if (have && k >= x.rank)
                return ig_infer_fail(c, "dim %d of the shape is 0 (take over), but the input has rank %d", k, x.rank);
            y.dims[k] = have ? x.dims[k] : ig_dim_unknown();
        } else if (ig_dim_is(y.dims[k], -1)) {
            if (free_dim >= 0) return ig_infer_fail(c, "dims %d and %d of the shape are both -1", free_dim, k);
            free_dim = k;
        } else if (ig_dim_known(y.dims[k]) && y.dims[k].value < 0) {
            return ig_infer_fail(c, "dim %d of the shape is %lld", k, (long long)y.dims[k].value);
        } else if (!ig_dim_known(y.dims[k]) && !y.dims[k].sym) {
            open = true; /* may be -1 at run time */
        }
    }
    ig_dim all = have ? ig_dim_product(c->syms, x.dims, (size_t)x.rank) : ig_dim_unknown(), rest = ig_dim_of(1);
    for (int k = 0; k < y.rank; k++) {
        if (k != free_dim) rest = ig_dim_mul(c->syms, rest, y.dims[k]);
    }
    if (free_dim >= 0) {
        bool zero = ig_dim_is(rest, 0), numbers = ig_dim_known(all) && ig_dim_known(rest);
        if (numbers && (zero ? all.value != 0 : all.value % rest.value != 0))
            return ig_infer_fail(c, "%lld elements can't be reshaped to a multiple of %lld", (long long)all.value,
                                 (long long)rest.value);
        y.dims[free_dim] = zero ? ig_dim_of(0) : ig_dim_floor_div(c->syms, all, rest);
    } else if (!open && ig_dim_differ(all, rest)) {
        char a[100], b[100];
        ig_dim_text(all, a, sizeof a);
        ig_dim_text(rest, b, sizeof b);
        return ig_infer_fail(c, "%s elements can't be reshaped to %s", a, b);
    }
    return set_view(c, &y);
}

const ig_op ig_op_reshape = {
    .name = "Reshape", .domain = "", .since = 1, .flags = IG_OP_VIEW, .infer = infer_reshape, .run = run_copy};

/* ------------------------------------------------------------------------------------------------------------- Flatten */

/* Negative axes since version 11. */
static ig_status infer_flatten(ig_infer *c) {
    ig_shape x, y = {.rank = 2, .dims = {ig_dim_unknown(), ig_dim_unknown()}};
    int axis;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
    int64_t given = ig_attr_int(c->node, "axis"), least = c->node->schema->since < 11 && c->syms ? 0 : -(int64_t)x.rank;
    if (given < least || given > x.rank)
        return ig_infer_fail(c, "axis %lld is outside [%d, %d] of an input of rank %d", (long long)given, (int)least, x.rank,
                             x.rank);
    axis = (int)(given < 0 ? given + x.rank : given);
    y.dims[0] = ig_dim_product(c->syms, x.dims, (size_t)axis);
    y.dims[1] = ig_dim_product(c->syms, x.dims + axis, (size_t)(x.rank - axis));
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

const ig_op ig_op_flatten = {
    .name = "Flatten", .domain = "", .since = 1, .flags = IG_OP_VIEW, .infer = infer_flatten, .run = run_copy};

/* ------------------------------------------------------------------------------------------------- Squeeze, Unsqueeze */

/* `axes` is an attribute before version 13. Without axes all dims of 1 go. */
static ig_status infer_squeeze(ig_infer *c) {
    ig_ints list;
    ig_shape x, y = {.rank = 0};
    uint32_t mask = 0;
    ig_status status = IG_OK;
    ig_dtype dtype = ig_infer_dtype(c, 0);
    ig_known known = ig_infer_list(c, "axes", 1, &list);
    bool axes = known == IG_IS_KNOWN;
    if (known == IG_NOT_KNOWN || !ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, dtype, NULL);
    if (axes && !ig_infer_axes(c, &list, x.rank, &mask, &status))
        return status != IG_OK ? status : ig_infer_set(c, 0, dtype, NULL);
    for (int k = 0; k < x.rank; k++) {
        bool go = mask >> k & 1;
        if (!axes && !ig_dim_known(x.dims[k])) return ig_infer_set(c, 0, dtype, NULL);
        if (go && ig_dim_differ(x.dims[k], ig_dim_of(1))) {
            char text[100];
            ig_dim_text(x.dims[k], text, sizeof text);
            return ig_infer_fail(c, "dim %d can't be squeezed, it is %s", k, text);
        }
        if (axes ? !go : !ig_dim_is(x.dims[k], 1)) y.dims[y.rank++] = x.dims[k];
    }
    return set_view(c, &y);
}

const ig_op ig_op_squeeze = {
    .name = "Squeeze", .domain = "", .since = 1, .flags = IG_OP_VIEW, .infer = infer_squeeze, .run = run_copy};

/* New dims of 1 at `axes`, which count in the output's rank. */
static ig_status insert_dims(ig_infer *c, const ig_ints *axes) {
    ig_shape x, y = {.rank = 0};
    uint32_t mask;
    ig_status status;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (axes->n + (size_t)x.rank > IG_MAX_RANK)
        return ig_infer_fail(c, "a result of rank %zu; at most %d is supported", axes->n + (size_t)x.rank, IG_MAX_RANK);
    int rank = x.rank + (int)axes->n, from = 0;
    bool all = ig_infer_axes(c, axes, rank, &mask, &status);
    if (status != IG_OK) return status;
    y.rank = rank;
    for (int k = 0; k < rank; k++) y.dims[k] = !all ? ig_dim_unknown() : mask >> k & 1 ? ig_dim_of(1) : x.dims[from++];
    return set_view(c, &y);
}

/* `axes` is an attribute before version 13. */
static ig_status infer_unsqueeze(ig_infer *c) {
    ig_ints axes;
    ig_known known = ig_infer_list(c, "axes", 1, &axes);
    if (known == IG_ABSENT) return ig_infer_fail(c, "the axes are missing");
    return known == IG_IS_KNOWN ? insert_dims(c, &axes) : ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
}

const ig_op ig_op_unsqueeze = {
    .name = "Unsqueeze", .domain = "", .since = 1, .flags = IG_OP_VIEW, .infer = infer_unsqueeze, .run = run_copy};

static ig_status infer_expand_dims(ig_infer *c) {
    int64_t axis;
    ig_dim value = ig_dim_unknown();
    if (ig_infer_int(c, 1, &axis)) value = ig_dim_of(axis);
    return insert_dims(c, &(ig_ints){1, 1, &value});
}

const ig_op ig_op_ms_expand_dims = {.name = "ExpandDims",
                                    .domain = "com.microsoft",
                                    .since = 1,
                                    .flags = IG_OP_VIEW,
                                    .infer = infer_expand_dims,
                                    .run = run_copy};
