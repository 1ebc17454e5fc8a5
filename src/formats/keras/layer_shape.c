/* Layers that move elements, and layers that merge tensors. */
#include "formats/keras/layers.h"

static ig_status need_input(ig_k *k, int *rank) {
    if (!k->n_in) return ig_k_refuse(k, "it is called without a tensor");
    return ig_k_need_rank(k, k->in[0], rank);
}

/* Channels before the other dims, as data_format says, put behind them: so Keras flattens. */
static ig_value *to_last(ig_k *k, ig_value *x, int rank) {
    int64_t perm[IG_MAX_RANK];
    for (int i = 0; i < rank; i++) perm[i] = i == 0 ? 0 : i == rank - 1 ? 1 : i + 1;
    return rank > 2 ? ig_k_transpose(k, x, perm, (size_t)rank) : x;
}

ig_status ig_k_lower_flatten(ig_k *k) {
    int rank;
    IG_TRY(need_input(k, &rank));
    ig_value *x = k->in[0];
    if (ig_k_channels_first(k)) x = to_last(k, x, rank);
    int64_t size = 1;
    for (int i = 1; i < rank && size > 0; i++)
        size = ig_k_dim(x, i) > 0 && size < INT64_MAX / (1 << 20) ? size * ig_k_dim(x, i) : -1;
    int64_t dims[] = {size > 0 ? -1 : 0, size > 0 ? size : -1};
    if (rank == 0) return ig_k_refuse(k, "its input is a scalar");
    ig_k_out(k, 0, ig_k_reshape(k, x, dims, 2));
    return IG_OK;
}

ig_status ig_k_lower_reshape(ig_k *k) {
    int rank;
    const ig_json *shape = ig_k_get(k, "target_shape");
    int64_t dims[IG_MAX_RANK];
    bool open = false;
    IG_TRY(need_input(k, &rank));
    if (!ig_json_is_kind(shape, IG_JSON_LIST) || shape->n + 1 > IG_MAX_RANK)
        return ig_k_refuse(k, "its target_shape is no shape");
    for (size_t i = 0; i < shape->n; i++) {
        dims[i + 1] = ig_json_int(&shape->items[i], -1);
        open |= dims[i + 1] < 0;
    }
    dims[0] = open ? 0 : -1; /* a known rest leaves the batch to be found out */
    if (!open && ig_k_dim(k->in[0], 0) >= 0) dims[0] = ig_k_dim(k->in[0], 0);
    ig_k_out(k, 0, ig_k_reshape(k, k->in[0], dims, shape->n + 1));
    return IG_OK;
}

ig_status ig_k_lower_permute(ig_k *k) {
    int rank;
    int64_t perm[IG_MAX_RANK] = {0};
    IG_TRY(need_input(k, &rank));
    if (rank < 1 || !ig_k_ints(k, "dims", perm + 1, (size_t)rank - 1, 0))
        return ig_k_refuse(k, "its dims don't fit an input of %d", rank);
    unsigned seen = 1;
    for (int i = 1; i < rank; i++) {
        if (perm[i] < 1 || perm[i] >= rank || seen & 1u << perm[i])
            return ig_k_refuse(k, "its dims aren't those of its input in another order");
        seen |= 1u << perm[i];
    }
    ig_k_out(k, 0, ig_k_transpose(k, k->in[0], perm, (size_t)rank));
    return IG_OK;
}

ig_status ig_k_lower_repeat_vector(ig_k *k) {
    int rank;
    IG_TRY(need_input(k, &rank));
    int64_t n = ig_k_int(k, "n", 1);
    if (n < 1) return ig_k_refuse(k, "it repeats %lld times", (long long)n);
    ig_k_bind(k, "x", k->in[0]);
    ig_k_out(k, 0, ig_k_v(k, "Tile(Unsqueeze(x, [1]), [1, %lld, 1])", (long long)n));
    return IG_OK;
}

/* padding or cropping: n, (a, b), ((a, b), …). */
static bool read_pairs(const ig_json *v, int n, int64_t *before, int64_t *after) {
    for (int i = 0; i < n; i++) {
        const ig_json *one = ig_json_is_kind(v, IG_JSON_LIST) && n > 1 ? ig_json_at(v, (size_t)i) : v;
        before[i] = ig_json_int(ig_json_is_kind(one, IG_JSON_LIST) ? ig_json_at(one, 0) : one, -1);
        after[i] = ig_json_int(ig_json_is_kind(one, IG_JSON_LIST) ? ig_json_at(one, one->n > 1 ? 1 : 0) : one, -1);
        if (before[i] < 0 || after[i] < 0) return false;
    }
    return true;
}

/* The value to work on and where its spatial dims begin. */
static ig_value *spatial(ig_k *k, int n, int *from, bool *twin) {
    *twin = !ig_k_channels_first(k) && ig_k_has_first(k, k->in[0]);
    *from = ig_k_channels_first(k) || *twin ? 2 : 1;
    IG_UNUSED(n);
    return *twin ? ig_k_first(k, k->in[0]) : k->in[0];
}

static void out_spatial(ig_k *k, ig_value *y, bool twin) { ig_k_out(k, 0, twin ? ig_k_last(k, y) : y); }

ig_status ig_k_lower_zero_padding(ig_k *k) {
    int n = (int)ig_k_arg_of(k), from, rank;
    int64_t before[3], after[3], pads[2 * IG_MAX_RANK] = {0};
    bool twin;
    IG_TRY(need_input(k, &rank));
    if (rank != n + 2 || !read_pairs(ig_k_get(k, "padding"), n, before, after))
        return ig_k_refuse(k, "its padding doesn't fit");
    ig_value *x = spatial(k, n, &from, &twin);
    for (int i = 0; i < n; i++) {
        pads[from + i] = before[i];
        pads[rank + from + i] = after[i];
    }
    out_spatial(k, IG_K_OP(k, "Pad", "", x, ig_k_i64s(k, pads, (size_t)rank * 2)), twin);
    return IG_OK;
}

ig_status ig_k_lower_cropping(ig_k *k) {
    int n = (int)ig_k_arg_of(k), from, rank;
    int64_t before[3], after[3], axes[3];
    bool twin;
    IG_TRY(need_input(k, &rank));
    if (rank != n + 2 || !read_pairs(ig_k_get(k, "cropping"), n, before, after))
        return ig_k_refuse(k, "its cropping doesn't fit");
    ig_value *x = spatial(k, n, &from, &twin);
    for (int i = 0; i < n; i++) {
        axes[i] = from + i;
        after[i] = after[i] ? -after[i] : INT64_MAX;
    }
    size_t m = (size_t)n;
    out_spatial(k, IG_K_OP(k, "Slice", "", x, ig_k_i64s(k, before, m), ig_k_i64s(k, after, m), ig_k_i64s(k, axes, m)), twin);
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- merging */

/* Keras 3: a step counts that counts in one of the tensors, when all have masks. Keras 2: that counts in all that have one. */
static ig_status merge_masks(ig_k *k) {
    ig_value *mask = NULL;
    bool old = k->version < 3;
    for (size_t i = 0; i < k->n_in; i++) {
        if (!k->mask[i] && !old) return IG_OK;
        if (!k->mask[i]) continue;
        ig_k_bind(k, "a", mask);
        ig_k_bind(k, "b", k->mask[i]);
        mask = !mask || mask == k->mask[i] ? k->mask[i] : old ? ig_k_v(k, "And(a, b)") : ig_k_v(k, "Or(a, b)");
    }
    if (k->n_out) k->out_mask[0] = mask;
    return IG_OK;
}

/* Tensors of one type; those with fewer dims get some behind the batch. */
static ig_status prepare_merge(ig_k *k, ig_value **v, bool *twin) {
    int most = 0;
    *twin = true;
    for (size_t i = 0; i < k->n_in; i++) {
        int rank;
        IG_TRY(ig_k_need_rank(k, k->in[i], &rank));
        most = rank > most ? rank : most;
        *twin &= ig_k_has_first(k, k->in[i]) && rank == ig_k_rank(k->in[0]);
    }
    for (size_t i = 0; i < k->n_in; i++) {
        v[i] = *twin ? ig_k_first(k, k->in[i]) : k->in[i];
        for (int r = ig_k_rank(v[i]); r < most && r > 0; r++) v[i] = ig_k_unsqueeze(k, v[i], 1);
    }
    ig_k_same_type(k, v, k->n_in);
    return IG_OK;
}

/* Add, Sub, Mul, Max, Min (rule->to) of all; with rule->arg 1 the mean. */
ig_status ig_k_lower_merge(ig_k *k) {
    ig_value **v = IG_NEW_ARRAY(k->arena, ig_value *, k->n_in), *y;
    bool twin, mean = ig_k_arg_of(k) == 1;
    if (!v) return ig_oom(k->l->err);
    if (!k->n_in) return ig_k_refuse(k, "it is called without a tensor");
    IG_TRY(prepare_merge(k, v, &twin));
    y = v[0];
    for (size_t i = 1; i < k->n_in; i++) y = IG_K_OP(k, k->rule->to, "", y, v[i]);
    if (mean) {
        ig_k_like(k, y);
        ig_k_bind(k, "y", y);
        y = ig_k_v(k, "y / %zu", k->n_in);
    }
    ig_k_out(k, 0, twin ? ig_k_last(k, y) : y);
    return merge_masks(k);
}

static ig_value *wide_mask(ig_k *k, size_t i) {
    ig_value *x = k->in[i], *mask = k->mask[i];
    ig_k_bind(k, "x", x);
    if (!mask) {
        ig_k_bind(k, "all", ig_k_cast(k, ig_k_scalar(k, IG_I32, 1), IG_BOOL));
        return ig_k_v(k, "Expand(all, Shape(x))");
    }
    ig_k_bind(k, "m", mask);
    if (ig_k_rank(mask) >= ig_k_rank(x)) return mask;
    return ig_k_v(k, "Expand(Unsqueeze(m, [-1]), Shape(x))");
}

ig_status ig_k_lower_concatenate(ig_k *k) {
    int rank;
    ig_value **v = IG_NEW_ARRAY(k->arena, ig_value *, k->n_in);
    bool twin = true, masked = false;
    if (!v) return ig_oom(k->l->err);
    IG_TRY(need_input(k, &rank));
    int64_t axis = ig_k_int(k, "axis", -1);
    if (axis < -rank || axis >= rank) return ig_k_refuse(k, "its axis doesn't fit an input of %d dims", rank);
    if (axis < 0) axis += rank;
    for (size_t i = 0; i < k->n_in; i++) {
        twin &= rank > 2 && ig_k_has_first(k, k->in[i]);
        masked |= k->mask[i] != NULL;
    }
    for (size_t i = 0; i < k->n_in; i++) v[i] = twin ? ig_k_first(k, k->in[i]) : k->in[i];
    ig_k_same_type(k, v, k->n_in);
    ig_value *y = ig_k_concat(k, v, k->n_in, !twin ? axis : axis == 0 ? 0 : axis == rank - 1 ? 1 : axis + 1);
    if (k->n_in == 1) y = IG_K_OP(k, "Identity", "", y);
    ig_k_out(k, 0, twin ? ig_k_last(k, y) : y);
    if (!masked || !k->n_out) return IG_OK;
    for (size_t i = 0; i < k->n_in; i++) v[i] = wide_mask(k, i);
    ig_k_bind(k, "m", ig_k_cast(k, ig_k_concat(k, v, k->n_in, axis), IG_I32));
    k->out_mask[0] = ig_k_cast(k, ig_k_v(k, "%s<keepdims=0>(m, [-1])", k->version < 3 ? "ReduceMin" : "ReduceMax"), IG_BOOL);
    return IG_OK;
}

/* A product over one axis of each, with the batch in front: a[b, i, x] · b[b, x, j]. */
ig_status ig_k_lower_dot(ig_k *k) {
    int rank_a, rank_b;
    int64_t axes[2], perm[IG_MAX_RANK];
    if (k->n_in != 2) return ig_k_refuse(k, "it is called with %zu tensors", k->n_in);
    IG_TRY(ig_k_need_rank(k, k->in[0], &rank_a));
    IG_TRY(ig_k_need_rank(k, k->in[1], &rank_b));
    if (!ig_k_ints(k, "axes", axes, 2, -1)) return ig_k_refuse(k, "its axes are no numbers");
    if (axes[0] < 0) axes[0] += rank_a;
    if (axes[1] < 0) axes[1] += rank_b;
    if (axes[0] < 1 || axes[0] >= rank_a || axes[1] < 1 || axes[1] >= rank_b || rank_a < 2 || rank_b < 2)
        return ig_k_refuse(k, "its axes don't fit its inputs");
    ig_value *v[2] = {k->in[0], k->in[1]};
    ig_k_same_type(k, v, 2);
    for (int i = 0; i < 2 && ig_k_bool(k, "normalize", false); i++) {
        ig_k_like(k, v[i]);
        ig_k_bind(k, "x", v[i]);
        v[i] = ig_k_v(k, "x / Sqrt(Max(ReduceSumSquare<keepdims=1>(x, [%lld]), %s))", (long long)axes[i],
                      k->version < 3 ? "1e-12" : "1e-12");
    }
    /* the summed axis to the end of the first and in front of the rest of the second */
    int n = 0;
    for (int i = 0; i < rank_a; i++)
        if (i != axes[0]) perm[n++] = i;
    perm[n] = axes[0];
    ig_value *a = ig_k_transpose(k, v[0], perm, (size_t)rank_a);
    perm[0] = 0;
    perm[1] = axes[1];
    n = 2;
    for (int i = 1; i < rank_b; i++)
        if (i != axes[1]) perm[n++] = i;
    ig_value *b = ig_k_transpose(k, v[1], perm, (size_t)rank_b), *y;
    ig_k_bind(k, "a", a);
    ig_k_bind(k, "b", b);
    if (rank_a == 2 && rank_b == 2) {
        ig_k_out(k, 0, ig_k_v(k, "ReduceSum<keepdims=1>(a * b, [1])"));
        return IG_OK;
    }
    ig_k_bind(k, "a3",
              rank_a == 2   ? ig_k_v(k, "Unsqueeze(a, [1])")
              : rank_a == 3 ? a
                            : ig_k_v(k, "Reshape(a, Concat<axis=0>(Shape<end=1>(a), [-1], Shape<start=-1>(a)))"));
    ig_k_bind(k, "b3",
              rank_b == 2   ? ig_k_v(k, "Unsqueeze(b, [2])")
              : rank_b == 3 ? b
                            : ig_k_v(k, "Reshape(b, Concat<axis=0>(Shape<end=2>(b), [-1]))"));
    ig_k_bind(k, "y", ig_k_v(k, "MatMul(a3, b3)"));
    if (rank_a == 3 && rank_b == 3)
        y = ig_k_v(k, "y");
    else if (rank_a == 2 && rank_b == 3)
        y = ig_k_v(k, "Squeeze(y, [1])");
    else if (rank_a == 3 && rank_b == 2)
        y = ig_k_v(k, "Squeeze(y, [2])");
    else
        y = ig_k_v(k, "Reshape(y, Concat<axis=0>(Shape<end=-1>(a), Shape<start=2>(b)))");
    ig_k_out(k, 0, y);
    return IG_OK;
}
