/* Operators that look at shapes or move elements. Slices are in lower_slice.c, diagonals in lower_diag.c. */
#include "formats/tensorflow/rules.h"

/* ----------------------------------------------------------------------------------------------------------- about shapes */

/* rule->to says what to compute of each input, for the element type of the attribute out_type. */
ig_status ig_tf_lower_shape(ig_lower *l) {
    ig_dtype out = ig_tf_attr_dtype(l, "out_type");
    char text[64];
    if (!out) out = IG_I32;
    const char *percent = strchr(l->rule->to, '%');
    snprintf(text, sizeof text, "%.*s%d%s", (int)(percent - l->rule->to), l->rule->to, (int)out, percent + 2);
    for (uint32_t i = 0; i < ig_tf_count_out(l); i++) {
        ig_value *v = ig_tf_in(l, i);
        const ig_tf_thing *t = ig_tf_thing_of(l, v);
        if (t && t->kind == IG_TF_COMPLEX) v = t->part[0];
        if (t && t->kind == IG_TF_VARIABLE && t->resource->value) v = t->resource->value;
        if (t && t->kind != IG_TF_COMPLEX && t->kind != IG_TF_VARIABLE)
            return ig_lower_refuse(l, "an input is a resource or a list");
        ig_tf_bind(l, "v", v);
        ig_tf_out(l, i, ig_tf_v(l, "%s", text));
    }
    return IG_OK;
}

ig_status ig_tf_lower_reshape(ig_lower *l) {
    int64_t dims[IG_MAX_RANK];
    size_t n;
    bool zeros = true;
    if (ig_tf_ints(l, ig_tf_in(l, 1), dims, IG_MAX_RANK, &n)) {
        zeros = false;
        for (size_t i = 0; i < n; i++) zeros |= dims[i] == 0;
    }
    /* A 0 is a size here, but in ONNX's operator the input's own unless it is told so. */
    return ig_tf_text(l, zeros ? "y = Reshape<allowzero=1>(x0, i64(x1))" : "y = Reshape(x0, i64(x1))");
}

ig_status ig_tf_lower_ensure_shape(ig_lower *l) {
    ig_value *v = ig_tf_v(l, "Identity(x)");
    const ig_type *shape = ig_attr_type(l->node, "shape");
    ig_shape dims = ig_type_shape(shape);
    if (v && ig_tf_rank_of(v) < 0 && dims.rank >= 0) {
        const ig_type *type = ig_type_tensor(&l->model->arena, ig_tf_dtype_of(ig_tf_in(l, 0)), &dims);
        if (!type) return ig_oom(l->err);
        v->type = type;
    }
    ig_tf_out(l, 0, v);
    return IG_OK;
}

ig_status ig_tf_lower_squeeze(ig_lower *l) {
    size_t n;
    const int64_t *axes = ig_attr_ints(l->node, "squeeze_dims", &n);
    if (n == 0) axes = ig_attr_ints(l->node, "axis", &n);
    return n ? ig_tf_text(l, "y = Squeeze(x, [%s])", ig_tf_join(l, axes, n)) : ig_tf_text(l, "y = Squeeze(x)");
}

/* Zeros of the same kind. */
ig_status ig_tf_lower_zeros_like(ig_lower *l) {
    ig_tf_thing *t = ig_tf_thing_of(l, ig_tf_in(l, 0));
    if (t && t->kind == IG_TF_COMPLEX) {
        ig_tf_bind(l, "v", t->part[0]);
        ig_value *zeros = ig_tf_v(l, "v - v");
        ig_tf_out_complex(l, 0, zeros, zeros);
        return IG_OK;
    }
    if (t && t->kind == IG_TF_LIST && t->form == IG_TF_RESERVED) {
        ig_tf_out_thing(l, 0, t);
        return IG_OK;
    }
    if (t) return ig_lower_refuse(l, "its input is a resource or a list");
    if (ig_tf_dtype_of(ig_tf_in(l, 0)) == IG_BOOL) return ig_tf_text(l, "y = Expand(Cast<to=bool>(0i), Shape(x))");
    return ig_tf_text(l, "y = zeros(x)");
}

ig_status ig_tf_lower_empty(ig_lower *l) {
    ig_tf_bind(l, "zero", ig_tf_scalar(l, ig_tf_attr_dtype(l, "dtype"), 0));
    return ig_tf_text(l, "y = Expand(zero, i64(x))");
}

ig_status ig_tf_lower_range(ig_lower *l) {
    ig_dtype t = ig_tf_dtype_of(ig_tf_in(l, 0));
    if (t == IG_F32 || t == IG_F64 || t == IG_I32 || t == IG_I64) return ig_tf_text(l, "y = Range(x0, x1, x2)");
    const char *through = ig_dtype_is_float(t) ? "float" : "int64";
    return ig_tf_text(l, "y = CastLike(Range(Cast<to=%s>(x0), Cast<to=%s>(x1), Cast<to=%s>(x2)), x0)", through, through,
                      through);
}

/* Where the parts of a concatenation start. */
ig_status ig_tf_lower_concat_offset(ig_lower *l) {
    ig_tf_bind(l, "sum", ig_tf_v(l, "x1 - x1"));
    ig_tf_bind(l, "hot", ig_tf_v(l, "CastLike(OneHot(i64(x0), Size(x1), [0, 1]), x1)"));
    for (uint32_t i = 0; i < ig_tf_count_out(l); i++) {
        ig_tf_out(l, i, ig_tf_v(l, "Identity(sum)"));
        ig_tf_bind(l, "s", ig_tf_in(l, i + 1));
        ig_tf_bind(l, "sum", ig_tf_v(l, "sum + s * hot"));
    }
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------- joining, splitting */

static ig_value *concat(ig_lower *l, ig_value *const *in, size_t n, int64_t axis) {
    char attributes[32];
    snprintf(attributes, sizeof attributes, "axis=%lld", (long long)axis);
    return n == 1 ? in[0] : ig_tf_node1(l, NULL, "Concat", attributes, in, n);
}

/* rule->to: which input says the axis. */
ig_status ig_tf_lower_concat(ig_lower *l) {
    uint32_t n = ig_tf_count_in(l), first = strcmp(l->rule->to, "first") == 0, last = strcmp(l->rule->to, "last") == 0;
    int64_t axis = 0;
    if (n < 1 + first + last) return ig_lower_refuse(l, "it has no inputs");
    if (first && !ig_tf_int(l, ig_tf_in(l, 0), &axis)) return ig_lower_refuse(l, "its axis is computed at run time");
    if (last && !ig_tf_int(l, ig_tf_in(l, n - 1), &axis)) return ig_lower_refuse(l, "its axis is computed at run time");
    ig_tf_out(l, 0, concat(l, l->node->in + first, n - first - last, axis));
    return IG_OK;
}

ig_status ig_tf_lower_pack(ig_lower *l) {
    uint32_t n = ig_tf_count_in(l);
    ig_value **rows = IG_NEW_ARRAY(&ig_tf_s(l)->arena, ig_value *, n + 1);
    if (!rows) return ig_oom(l->err);
    for (uint32_t i = 0; i < n; i++) {
        ig_tf_bind(l, "v", ig_tf_in(l, i));
        rows[i] = ig_tf_v(l, "Unsqueeze(v, [%lld])", (long long)ig_tf_int_attr(l, "axis"));
    }
    if (n == 0) return ig_lower_refuse(l, "it has no inputs");
    ig_tf_out(l, 0, concat(l, rows, n, ig_tf_int_attr(l, "axis")));
    return IG_OK;
}

ig_status ig_tf_lower_unpack(ig_lower *l) {
    for (uint32_t i = 0; i < ig_tf_count_out(l); i++)
        if (ig_tf_wanted(l, i))
            ig_tf_out(l, i, ig_tf_v(l, "Gather<axis=%lld>(x, %ui)", (long long)ig_tf_int_attr(l, "axis"), i));
    return IG_OK;
}

static void take_outputs(ig_lower *l, const ig_node *n) {
    for (uint32_t i = 0; i < ig_tf_count_out(l); i++) ig_tf_out(l, i, ig_tf_nth(n, i));
}

/* Axis, value. */
ig_status ig_tf_lower_split(ig_lower *l) {
    char attributes[64];
    int64_t axis;
    uint32_t n = ig_tf_count_out(l);
    if (!ig_tf_int(l, ig_tf_in(l, 0), &axis)) return ig_lower_refuse(l, "its axis is computed at run time");
    if (n == 1) return ig_tf_text(l, "y = Identity(x1)");
    snprintf(attributes, sizeof attributes, "axis=%lld, num_outputs=%u", (long long)axis, n);
    take_outputs(l, ig_sketch_node(ig_tf_s(l), NULL, "Split", attributes, l->node->in + 1, 1, n));
    return IG_OK;
}

/* Value, sizes (one may be -1), axis. */
ig_status ig_tf_lower_split_v(ig_lower *l) {
    char attributes[64];
    int64_t axis;
    uint32_t n = ig_tf_count_out(l);
    if (!ig_tf_int(l, ig_tf_in(l, 2), &axis)) return ig_lower_refuse(l, "its axis is computed at run time");
    if (n == 1) return ig_tf_text(l, "y = Identity(x0)");
    ig_tf_bind(l, "s", ig_tf_i64(l, ig_tf_in(l, 1)));
    ig_value *sizes =
        ig_tf_v(l, "Where(Less(s, 0i), Gather(Shape(x0), %lldi) - ReduceSum<keepdims=0>(s) - 1i, s)", (long long)axis);
    snprintf(attributes, sizeof attributes, "axis=%lld", (long long)axis);
    take_outputs(l, ig_sketch_node(ig_tf_s(l), NULL, "Split", attributes, (ig_value *[]){ig_tf_in(l, 0), sizes}, 2, n));
    return IG_OK;
}

/* Rows of `data` at indices, several of each: those of the last input win. */
ig_status ig_tf_lower_dynamic_stitch(ig_lower *l) {
    uint32_t n = ig_tf_count_in(l) / 2;
    ig_value **at = IG_NEW_ARRAY(&ig_tf_s(l)->arena, ig_value *, n + 1),
             **rows = IG_NEW_ARRAY(&ig_tf_s(l)->arena, ig_value *, n + 1);
    if (!at || !rows) return ig_oom(l->err);
    if (n == 0) return ig_lower_refuse(l, "it has no inputs");
    for (uint32_t i = 0; i < n; i++) {
        int rank = ig_tf_rank_of(ig_tf_in(l, i));
        if (rank < 0) return ig_lower_refuse(l, "the rank of input %u is unknown", i);
        ig_tf_bind(l, "i", ig_tf_in(l, i));
        ig_tf_bind(l, "d", ig_tf_in(l, n + i));
        at[i] = ig_tf_v(l, "Reshape(i64(i), [-1])");
        rows[i] = rank == 1
                      ? ig_tf_in(l, n + i)
                      : ig_tf_v(l, "Reshape<allowzero=1>(d, Concat<axis=0>(Reshape(Size(i), [1]), Shape<start=%d>(d)))", rank);
    }
    ig_tf_bind(l, "at", concat(l, at, n, 0));
    ig_tf_bind(l, "rows", concat(l, rows, n, 0));
    ig_tf_bind(l, "zero", ig_tf_scalar(l, ig_tf_dtype_of(rows[0]), 0));
    return ig_tf_text(l, "n = ReduceMax<keepdims=1>(Concat<axis=0>(at, [-1]), [0]) + [1];"
                         "y = ScatterND(Expand(zero, Concat<axis=0>(n, Shape<start=1>(rows))), Unsqueeze(at, [1]), rows)");
}

ig_status ig_tf_lower_dynamic_partition(ig_lower *l) {
    int rank = ig_tf_rank_of(ig_tf_in(l, 1));
    if (rank < 0) return ig_lower_refuse(l, "the rank of input 1 is unknown");
    ig_tf_bind(l, "p", ig_tf_v(l, "Reshape(i64(x1), [-1])"));
    ig_tf_bind(l, "d",
               rank == 1 ? ig_tf_in(l, 0)
                         : ig_tf_v(l, "Reshape<allowzero=1>(x0, Concat<axis=0>(Shape(p), Shape<start=%d>(x0)))", rank));
    for (uint32_t i = 0; i < ig_tf_count_out(l); i++)
        if (ig_tf_wanted(l, i)) ig_tf_out(l, i, ig_tf_v(l, "Compress<axis=0>(d, Equal(p, %ui))", i));
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------------- order */

ig_status ig_tf_lower_transpose(ig_lower *l) {
    int64_t perm[IG_MAX_RANK];
    size_t n;
    int rank = ig_tf_rank_of(ig_tf_in(l, 0));
    bool known = ig_tf_ints(l, ig_tf_in(l, 1), perm, IG_MAX_RANK, &n);
    if (!known && rank >= 0 && rank <= 1) return ig_tf_text(l, "y = Identity(x0)");
    if (!known && rank == 2) /* how tf.linalg.matrix_transpose and numpy's .T compute it: rank - 1 - range(rank) */
        return ig_tf_text(l, "y = Transpose<perm=[1, 0]>(x0)");
    if (!known) return ig_lower_refuse(l, "its permutation is computed at run time");
    for (size_t i = 0; i < n; i++)
        if (perm[i] < 0) perm[i] += (int64_t)n;
    if (n < 2) return ig_tf_text(l, "y = Identity(x0)");
    ig_tf_out(l, 0, ig_tf_transpose(l, ig_tf_in(l, 0), perm, n));
    return IG_OK;
}

/* rule->to: whether input 1 lists axes or has a flag for each. */
ig_status ig_tf_lower_reverse(ig_lower *l) {
    int64_t list[IG_MAX_RANK], axes[IG_MAX_RANK], ones[IG_MAX_RANK], end[IG_MAX_RANK];
    size_t n, used = 0;
    bool flags = strcmp(l->rule->to, "flags") == 0;
    IG_TRY(ig_tf_need_ints(l, 1, list, IG_MAX_RANK, &n));
    for (size_t i = 0; i < n; i++) {
        if (flags && !list[i]) continue;
        axes[used] = flags ? (int64_t)i : list[i];
        ones[used] = -1;
        end[used++] = INT64_MIN + 1;
    }
    if (used == 0) return ig_tf_text(l, "y = Identity(x0)");
    return ig_tf_text(l, "y = Slice(x0, [%s], [%s], [%s], [%s])", ig_tf_join(l, ones, used), ig_tf_join(l, end, used),
                      ig_tf_join(l, axes, used), ig_tf_join(l, ones, used));
}

/* ONNX's operator wants time and batch to be the first two axes. */
ig_status ig_tf_lower_reverse_sequence(ig_lower *l) {
    int64_t time = ig_tf_int_attr(l, "seq_dim"), batch = ig_tf_int_attr(l, "batch_dim"), perm[IG_MAX_RANK], back[IG_MAX_RANK];
    int rank;
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    time += time < 0 ? rank : 0;
    batch += batch < 0 ? rank : 0;
    if (time < 0 || batch < 0 || time >= rank || batch >= rank || time == batch)
        return ig_lower_refuse(l, "its axes are out of range");
    ig_tf_bind(l, "n", ig_tf_i64(l, ig_tf_in(l, 1)));
    if (time < 2 && batch < 2)
        return ig_tf_text(l, "y = ReverseSequence<batch_axis=%d, time_axis=%d>(x0, n)", (int)batch, (int)time);
    perm[0] = batch;
    perm[1] = time;
    for (int i = 0, at = 2; i < rank; i++)
        if (i != time && i != batch) perm[at++] = i;
    for (int i = 0; i < rank; i++) back[perm[i]] = i;
    ig_tf_bind(l, "v", ig_tf_transpose(l, ig_tf_in(l, 0), perm, (size_t)rank));
    ig_tf_out(l, 0, ig_tf_transpose(l, ig_tf_v(l, "ReverseSequence<batch_axis=0, time_axis=1>(v, n)"), back, (size_t)rank));
    return IG_OK;
}

ig_status ig_tf_lower_roll(ig_lower *l) {
    int64_t axes[IG_MAX_RANK];
    size_t n;
    IG_TRY(ig_tf_need_ints(l, 2, axes, IG_MAX_RANK, &n));
    ig_tf_bind(l, "v", ig_tf_in(l, 0));
    ig_tf_bind(l, "s", ig_tf_v(l, "Reshape(i64(x1), [-1])"));
    for (size_t i = 0; i < n; i++) {
        long long axis = (long long)axes[i];
        ig_tf_bind(l, "n", ig_tf_v(l, "Gather(Shape(v), [%lld])", axis));
        ig_tf_bind(l, "k", ig_tf_v(l, "Mod(Neg(Gather(s, [%zu])), Max(n, [1]))", i));
        ig_tf_bind(l, "v", ig_tf_v(l, "Concat<axis=%lld>(Slice(v, k, n, [%lld]), Slice(v, [0], k, [%lld]))", axis, axis, axis));
    }
    ig_tf_out(l, 0, ig_tf_v(l, "Identity(v)"));
    return IG_OK;
}

/* From NHWC to another layout: attributes src_format, dst_format. */
ig_status ig_tf_lower_format_dim_map(ig_lower *l) {
    ig_str from = ig_attr_str(l->node, "src_format"), to = ig_attr_str(l->node, "dst_format");
    int64_t map[IG_MAX_RANK] = {0};
    if (from.n != to.n || from.n > IG_MAX_RANK) return ig_lower_refuse(l, "its formats don't fit together");
    for (size_t i = 0; i < from.n; i++) {
        const char *at = memchr(to.s, from.s[i], to.n);
        if (!at) return ig_lower_refuse(l, "its formats don't fit together");
        map[i] = at - to.s;
    }
    return ig_tf_text(l, "y = CastLike(Gather([%s], i64(x)), x)", ig_tf_join(l, map, from.n));
}

ig_status ig_tf_lower_format_permute(ig_lower *l) {
    ig_str from = ig_attr_str(l->node, "src_format"), to = ig_attr_str(l->node, "dst_format");
    int64_t map[IG_MAX_RANK], n = ig_tf_dim_of(ig_tf_in(l, 0), 0);
    size_t used = 0;
    if (from.n != to.n || from.n > IG_MAX_RANK || n < 0) return ig_lower_refuse(l, "its formats don't fit together");
    bool spatial = n == (int64_t)from.n - 2; /* only the sizes of the picture */
    for (size_t i = 0; i < to.n; i++) {
        const char *at = memchr(from.s, to.s[i], from.n);
        if (!at) return ig_lower_refuse(l, "its formats don't fit together");
        int64_t place = at - from.s;
        if (!spatial)
            map[used++] = place;
        else if (to.s[i] != 'N' && to.s[i] != 'C')
            map[used++] = place - (from.s[1] == 'C' ? 2 : 1);
    }
    return ig_tf_text(l, "y = Gather<axis=0>(x, [%s])", ig_tf_join(l, map, used));
}

/* --------------------------------------------------------------------------------------------------------------- padding */

ig_status ig_tf_lower_pad(ig_lower *l) {
    const char *constant = ig_tf_count_in(l) > 2 ? ", x2" : "";
    return ig_tf_text(l, "y = Pad<mode='constant'>(x0, Reshape(Transpose<perm=[1, 0]>(i64(x1)), [-1])%s)", constant);
}

/* Mirrors with the edge repeated: pieces in reversed order in front and behind. */
static ig_status mirror_symmetric(ig_lower *l) {
    int64_t pads[2 * IG_MAX_RANK];
    size_t n;
    IG_TRY(ig_tf_need_ints(l, 1, pads, 2 * IG_MAX_RANK, &n));
    ig_tf_bind(l, "v", ig_tf_in(l, 0));
    for (size_t axis = 0; axis < n / 2; axis++) {
        long long before = (long long)pads[2 * axis], after = (long long)pads[2 * axis + 1], lowest = INT64_MIN + 1;
        ig_tf_bind(l, "w", ig_tf_in(l, 0));
        ig_tf_bind(l, "w", ig_sketch_get(ig_tf_s(l), "v"));
        if (before)
            ig_tf_bind(
                l, "w",
                ig_tf_v(l, "Concat<axis=%zu>(Slice(v, [%lld], [%lld], [%zu], [-1]), w)", axis, before - 1, lowest, axis));
        if (after)
            ig_tf_bind(l, "w", ig_tf_v(l, "Concat<axis=%zu>(w, Slice(v, [-1], [%lld], [%zu], [-1]))", axis, -after - 1, axis));
        ig_tf_bind(l, "v", ig_sketch_get(ig_tf_s(l), "w"));
    }
    ig_tf_out(l, 0, ig_tf_v(l, "Identity(v)"));
    return IG_OK;
}

ig_status ig_tf_lower_mirror_pad(ig_lower *l) {
    if (ig_tf_attr_is(l, "mode", "SYMMETRIC")) return mirror_symmetric(l);
    return ig_tf_text(l, "y = Pad<mode='reflect'>(x0, Reshape(Transpose<perm=[1, 0]>(i64(x1)), [-1]))");
}

/* ------------------------------------------------------------------------------------------------- blocks of space, depth */

ig_status ig_tf_lower_depth_to_space(ig_lower *l) {
    int rank;
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    if (rank != 4 || ig_tf_attr_is(l, "data_format", "NCHW_VECT_C"))
        return ig_lower_refuse(l, "its data_format isn't NHWC or NCHW");
    ig_tf_bind(l, "v", ig_tf_to_first(l, ig_tf_in(l, 0), 4));
    ig_value *v = ig_tf_v(l, "%s<blocksize=@block_size>(v)", l->rule->to);
    ig_tf_out(l, 0, ig_tf_to_last(l, v, 4));
    return IG_OK;
}

/* Block sizes: an attribute, or input 1; what is padded or cut off: the last input. */
static ig_status block_sizes(ig_lower *l, int64_t *blocks, size_t *n, const char **edges) {
    bool old = strcmp(l->rule->to, "old") == 0;
    *edges = old ? "x1" : "x2";
    if (!old) return ig_tf_need_ints(l, 1, blocks, IG_MAX_RANK / 2, n);
    blocks[0] = blocks[1] = ig_tf_int_attr(l, "block_size");
    *n = 2;
    return IG_OK;
}

/* Batches first, then for each dim its blocks: [b1, …, bm, N, s1/b1, …, rest] out of [N, s1/b1, b1, …, rest]. */
ig_status ig_tf_lower_space_to_batch(ig_lower *l) {
    int64_t b[IG_MAX_RANK / 2], perm[2 * IG_MAX_RANK], product = 1;
    size_t n, at = 0;
    int rank;
    const char *edges;
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    IG_TRY(block_sizes(l, b, &n, &edges));
    if ((size_t)rank < n + 1 || (size_t)rank + n > IG_MAX_RANK) return ig_lower_refuse(l, "its rank doesn't fit its blocks");
    int64_t zeros[IG_MAX_RANK] = {0};
    ig_tf_bind(l, "e", ig_tf_v(l, "Transpose<perm=[1, 0]>(i64(%s))", edges));
    ig_tf_bind(l, "z", ig_tf_i64s(l, zeros, (size_t)rank - n - 1));
    ig_tf_bind(l, "p", ig_tf_v(l, "Pad(x0, Concat<axis=0>([0], Gather<axis=0>(e, 0i), z, [0], Gather<axis=0>(e, 1i), z))"));
    ig_tf_bind(l, "s", ig_tf_v(l, "Shape(p)"));
    ig_tf_bind(l, "shape", ig_tf_v(l, "Gather(s, [0])"));
    ig_tf_bind(l, "after", ig_tf_v(l, "Gather(s, [0])"));
    for (size_t i = 0; i < n; i++) {
        product *= b[i];
        ig_tf_bind(l, "part", ig_tf_v(l, "Gather(s, [%zu]) / [%lld]", i + 1, (long long)b[i]));
        ig_tf_bind(l, "shape", ig_tf_v(l, "Concat<axis=0>(shape, part, [%lld])", (long long)b[i]));
        ig_tf_bind(l, "after",
                   i == 0 ? ig_tf_v(l, "Concat<axis=0>(after * [0] + [-1], part)") : ig_tf_v(l, "Concat<axis=0>(after, part)"));
        perm[at++] = 2 + 2 * (int64_t)i;
    }
    perm[at++] = 0;
    for (size_t i = 0; i < n; i++) perm[at++] = 1 + 2 * (int64_t)i;
    for (size_t i = 1 + 2 * n; i < (size_t)rank + n; i++) perm[at++] = (int64_t)i;
    ig_tf_bind(l, "blocks", ig_tf_v(l, "Reshape(p, Concat<axis=0>(shape, Slice(s, [%zu], [%d])))", n + 1, rank));
    ig_tf_bind(l, "moved", ig_tf_transpose(l, ig_sketch_get(ig_tf_s(l), "blocks"), perm, at));
    if (product < 1) return ig_lower_refuse(l, "a block size isn't positive");
    return ig_tf_text(l, "y = Reshape(moved, Concat<axis=0>(after, Slice(s, [%zu], [%d])))", n + 1, rank);
}

/* The way back, and the edges cut off. */
ig_status ig_tf_lower_batch_to_space(ig_lower *l) {
    int64_t b[IG_MAX_RANK / 2], perm[2 * IG_MAX_RANK], axes[IG_MAX_RANK];
    size_t n, at = 0;
    int rank;
    const char *edges;
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    IG_TRY(block_sizes(l, b, &n, &edges));
    if ((size_t)rank < n + 1 || (size_t)rank + n > IG_MAX_RANK) return ig_lower_refuse(l, "its rank doesn't fit its blocks");
    ig_tf_bind(l, "s", ig_tf_v(l, "Shape(x0)"));
    ig_tf_bind(l, "b", ig_tf_i64s(l, b, n));
    ig_tf_bind(l, "after", ig_tf_v(l, "[-1]"));
    perm[at++] = (int64_t)n;
    for (size_t i = 0; i < n; i++) {
        perm[at++] = (int64_t)(n + 1 + i);
        perm[at++] = (int64_t)i;
        axes[i] = (int64_t)i + 1;
        ig_tf_bind(l, "after", ig_tf_v(l, "Concat<axis=0>(after, Gather(s, [%zu]) * [%lld])", i + 1, (long long)b[i]));
    }
    for (size_t i = 2 * n + 1; i < (size_t)rank + n; i++) perm[at++] = (int64_t)i;
    ig_tf_bind(l, "rest", ig_tf_v(l, "Slice(s, [1], [%d])", rank));
    ig_tf_bind(l, "blocks", ig_tf_v(l, "Reshape(x0, Concat<axis=0>(b, [-1], rest))"));
    ig_tf_bind(l, "moved", ig_tf_transpose(l, ig_sketch_get(ig_tf_s(l), "blocks"), perm, at));
    ig_tf_bind(l, "whole", ig_tf_v(l, "Reshape(moved, Concat<axis=0>(after, Slice(s, [%zu], [%d])))", n + 1, rank));
    ig_tf_bind(l, "e", ig_tf_v(l, "i64(%s)", edges));
    const char *list = ig_tf_join(l, axes, n);
    return ig_tf_text(l,
                      "y = Slice(whole, Gather<axis=1>(e, 0i), Slice(Shape(whole), [1], [%zu]) - Gather<axis=1>(e, 1i), [%s])",
                      n + 1, list);
}

/* ----------------------------------------------------------------------------------------------------------------- one hot */

/* Indices out of range have no hot place; ONNX counts negative ones from the end. */
ig_status ig_tf_lower_one_hot(ig_lower *l) {
    ig_tf_bind(l, "i", ig_tf_i64(l, ig_tf_in(l, 0)));
    ig_tf_bind(l, "d", ig_tf_i64(l, ig_tf_in(l, 1)));
    return ig_tf_text(
        l, "y = OneHot<axis=@axis>(Where(Less(i, 0i), d, i), d, Concat<axis=0>(Reshape(x3, [1]), Reshape(x2, [1])))");
}
