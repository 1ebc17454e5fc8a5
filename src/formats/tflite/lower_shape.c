/* Operators that give elements another shape or look at shapes. */
#include "formats/tflite/rules.h"

static ig_value *out_of(const ig_lower *l, uint32_t o) { return o < l->node->n_out ? l->node->out[o] : NULL; }

/* The shape is an input, or an option of old files. There, and where it is a constant, a shape of one 0 means a scalar. */
ig_status ig_tfl_lower_reshape(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *shape = ig_lower_in(l, 1);
    int64_t dims[IG_MAX_RANK];
    size_t n = 0;
    if (shape && !ig_tfl_const(l, shape)) {
        ig_tfl_out_moved(l, 0, ig_tfl_reshape_to(l, x, ig_tfl_i64(l, shape)), x);
        return IG_OK;
    }
    if (shape && !ig_tfl_ints(l, shape, dims, IG_COUNT_OF(dims), &n)) return ig_lower_refuse(l, "its shape has too many dims");
    if (!shape) {
        const int64_t *given = ig_attr_ints(l->node, "new_shape", &n);
        if (n > IG_COUNT_OF(dims)) return ig_lower_refuse(l, "its shape has too many dims");
        if (n) memcpy(dims, given, n * sizeof *dims);
    }
    if (n == 1 && dims[0] == 0 && ig_tfl_rank(out_of(l, 0)) <= 0) n = 0;
    ig_tfl_out_moved(l, 0, ig_tfl_reshape(l, x, dims, n), x);
    return IG_OK;
}

ig_status ig_tfl_lower_squeeze(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    size_t n;
    const int64_t *axes = ig_attr_ints(l->node, "squeeze_dims", &n);
    ig_tfl_out_moved(l, 0, IG_BUILD(&l->b, "Squeeze", x, n ? ig_tfl_list(l, axes, n) : NULL), x);
    return IG_OK;
}

ig_status ig_tfl_lower_expand_dims(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *axis = ig_tfl_reshape(l, ig_tfl_i64(l, ig_lower_in(l, 1)), (int64_t[]){1}, 1);
    int64_t number;
    size_t n;
    if (ig_tfl_ints(l, ig_lower_in(l, 1), &number, 1, &n) && n == 1) axis = ig_tfl_ints1(l, number);
    ig_tfl_out_moved(l, 0, IG_BUILD(&l->b, "Unsqueeze", x, axis), x);
    return IG_OK;
}

ig_status ig_tfl_lower_transpose(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    int64_t perm[IG_MAX_RANK];
    size_t n;
    if (!ig_tfl_ints(l, ig_lower_in(l, 1), perm, IG_COUNT_OF(perm), &n))
        return ig_lower_refuse(l, "its permutation is computed by the model");
    for (size_t i = 0; i < n; i++)
        if (perm[i] < 0) perm[i] += (int64_t)n;
    ig_tfl_out_moved(l, 0, ig_tfl_transpose(l, x, perm, n), x);
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- slices */

/* begin, and how many elements; -1 is the rest. */
ig_status ig_tfl_lower_slice(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *begin = ig_tfl_i64(l, ig_lower_in(l, 1)), *size = ig_lower_in(l, 2);
    int64_t from[IG_MAX_RANK], to[IG_MAX_RANK], axes[IG_MAX_RANK];
    size_t n, m;
    for (int i = 0; i < IG_MAX_RANK; i++) axes[i] = i;
    if (ig_tfl_ints(l, ig_lower_in(l, 1), from, IG_MAX_RANK, &n) && ig_tfl_ints(l, size, to, IG_MAX_RANK, &m) && n == m) {
        for (size_t i = 0; i < n; i++) to[i] = to[i] < 0 || __builtin_add_overflow(to[i], from[i], &to[i]) ? INT64_MAX : to[i];
        ig_value *y = IG_BUILD(&l->b, "Slice", x, ig_tfl_list(l, from, n), ig_tfl_list(l, to, n), ig_tfl_list(l, axes, n));
        ig_tfl_out_moved(l, 0, y, x);
        return IG_OK;
    }
    size = ig_tfl_i64(l, size);
    ig_value *open = IG_BUILD(&l->b, "Less", size, ig_build_i64(&l->b, 0));
    ig_value *last = IG_BUILD(&l->b, "Where", open, ig_build_i64(&l->b, INT64_MAX), IG_BUILD(&l->b, "Add", begin, size));
    ig_tfl_out_moved(l, 0, IG_BUILD(&l->b, "Slice", x, begin, last), x);
    return IG_OK;
}

/* TensorFlow's x[a:b:c, ..., None, i]: entry i of the index as the masks have it. */
typedef struct index_spec {
    size_t n;
    int64_t begin[IG_MAX_RANK], end[IG_MAX_RANK], stride[IG_MAX_RANK];
    bool constant; /* begin and end are filled in */
    int64_t begin_mask, end_mask, ellipsis, new_axis, shrink;
    /* what becomes of it */
    size_t n_axes, n_shrink, n_new;
    int64_t entry[IG_MAX_RANK], axes[IG_MAX_RANK], shrink_axes[IG_MAX_RANK], new_axes[IG_MAX_RANK];
} index_spec;

static bool bit(int64_t mask, size_t i) { return mask >> i & 1; }

/* Which axis each entry is about. Positions of new axes are those in the result. */
static bool place_entries(index_spec *s, int rank) {
    int named = 0, axis = 0, out = 0;
    bool passed = false;
    for (size_t i = 0; i < s->n; i++) named += !bit(s->new_axis, i) && !bit(s->ellipsis, i);
    for (size_t i = 0; i < s->n; i++) {
        if (bit(s->ellipsis, i)) {
            int skip = passed ? 0 : rank - named;
            if (skip < 0) return false;
            axis += skip;
            out += skip;
            passed = true;
        } else if (bit(s->new_axis, i)) {
            s->new_axes[s->n_new++] = out++;
        } else {
            if (axis >= rank) return false;
            s->entry[s->n_axes] = (int64_t)i;
            s->axes[s->n_axes++] = axis;
            if (bit(s->shrink, i))
                s->shrink_axes[s->n_shrink++] = axis;
            else
                out++;
            axis++;
        }
    }
    return true;
}

static void constant_ends(const index_spec *s, int64_t *from, int64_t *to) {
    for (size_t k = 0; k < s->n_axes; k++) {
        size_t i = (size_t)s->entry[k];
        bool forward = s->stride[i] > 0;
        from[k] = bit(s->begin_mask, i) ? (forward ? 0 : INT64_MAX) : s->begin[i];
        to[k] = bit(s->end_mask, i) ? (forward ? INT64_MAX : INT64_MIN) : s->end[i];
        if (!bit(s->shrink, i)) continue;
        from[k] = s->begin[i];
        to[k] = from[k] == -1 ? INT64_MAX : from[k] + 1;
    }
}

/* The same where the model computes begin and end: values[i] unless `mask` has bit i, then `otherwise`. */
static ig_value *masked(ig_lower *l, const index_spec *s, ig_value *values, int64_t mask, int64_t ahead, int64_t back) {
    ig_tensor *t = NULL;
    int64_t others[IG_MAX_RANK], n = (int64_t)s->n_axes;
    bool any = false;
    values = IG_BUILD(&l->b, "Gather", values, ig_tfl_list(l, s->entry, s->n_axes));
    if (ig_tensor_create(&t, l->model->context, IG_BOOL, 1, &n, NULL) != IG_OK) t = NULL;
    for (size_t k = 0; t && k < s->n_axes; k++) {
        size_t i = (size_t)s->entry[k];
        bool is_masked = bit(mask, i) && !bit(s->shrink, i);
        others[k] = s->stride[i] > 0 ? ahead : back;
        ((bool *)t->data)[k] = is_masked;
        any |= is_masked;
    }
    ig_value *condition = ig_build_tensor(&l->b, t);
    return any ? IG_BUILD(&l->b, "Where", condition, ig_tfl_list(l, others, s->n_axes), values) : values;
}

/* Shrunk axes end one past their begin; after -1 comes the end. */
static ig_value *shrunk_ends(ig_lower *l, const index_spec *s, ig_value *from, ig_value *to) {
    int64_t n = (int64_t)s->n_axes;
    ig_tensor *t = NULL;
    if (s->n_shrink == 0) return to;
    if (ig_tensor_create(&t, l->model->context, IG_BOOL, 1, &n, NULL) != IG_OK) t = NULL;
    for (size_t k = 0; t && k < s->n_axes; k++) ((bool *)t->data)[k] = bit(s->shrink, (size_t)s->entry[k]);
    ig_value *after = IG_BUILD(&l->b, "Add", from, ig_build_i64(&l->b, 1));
    ig_value *last = IG_BUILD(&l->b, "Equal", from, ig_build_i64(&l->b, -1));
    after = IG_BUILD(&l->b, "Where", last, ig_build_i64(&l->b, INT64_MAX), after);
    return IG_BUILD(&l->b, "Where", ig_build_tensor(&l->b, t), after, to);
}

static ig_value *build_slice(ig_lower *l, const index_spec *s, ig_value *x) {
    int64_t from[IG_MAX_RANK], to[IG_MAX_RANK], steps[IG_MAX_RANK];
    ig_value *begin, *end;
    if (s->n_axes == 0) return x;
    if (s->constant) {
        constant_ends(s, from, to);
        begin = ig_tfl_list(l, from, s->n_axes);
        end = ig_tfl_list(l, to, s->n_axes);
    } else {
        begin = ig_tfl_i64(l, ig_lower_in(l, 1));
        end = ig_tfl_i64(l, ig_lower_in(l, 2));
        if (ig_tfl_attr(l, "offset")) end = IG_BUILD(&l->b, "Add", begin, end);
        begin = masked(l, s, begin, s->begin_mask, 0, INT64_MAX);
        end = shrunk_ends(l, s, begin, masked(l, s, end, s->end_mask, INT64_MAX, INT64_MIN));
    }
    for (size_t k = 0; k < s->n_axes; k++) {
        size_t i = (size_t)s->entry[k];
        steps[k] = bit(s->shrink, i) ? 1 : s->stride[i];
    }
    return IG_BUILD(&l->b, "Slice", x, begin, end, ig_tfl_list(l, s->axes, s->n_axes), ig_tfl_list(l, steps, s->n_axes));
}

ig_status ig_tfl_lower_strided_slice(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    index_spec s = {.begin_mask = ig_tfl_attr(l, "begin_mask"),
                    .end_mask = ig_tfl_attr(l, "end_mask"),
                    .ellipsis = ig_tfl_attr(l, "ellipsis_mask"),
                    .new_axis = ig_tfl_attr(l, "new_axis_mask"),
                    .shrink = ig_tfl_attr(l, "shrink_axis_mask")};
    size_t n_begin, n_end;
    int rank;
    if (!ig_tfl_ints(l, ig_lower_in(l, 3), s.stride, IG_MAX_RANK, &s.n))
        return ig_lower_refuse(l, "its strides are computed by the model");
    for (size_t i = 0; i < s.n; i++)
        if (s.stride[i] == 0) return ig_lower_refuse(l, "a stride is 0");
    rank = ig_tfl_rank(x);
    if (rank < 0 && s.ellipsis) return ig_lower_refuse(l, "the rank of its input is not known");
    if (!place_entries(&s, rank < 0 ? IG_MAX_RANK : rank))
        return ig_lower_refuse(l, "it has more indices than its input has dims");
    s.constant = ig_tfl_ints(l, ig_lower_in(l, 1), s.begin, IG_MAX_RANK, &n_begin) && n_begin == s.n &&
                 ig_tfl_ints(l, ig_lower_in(l, 2), s.end, IG_MAX_RANK, &n_end) && n_end == s.n;
    for (size_t i = 0; s.constant && ig_tfl_attr(l, "offset") && i < s.n; i++) s.end[i] += s.begin[i];
    ig_value *y = build_slice(l, &s, x);
    if (s.n_shrink) y = IG_BUILD(&l->b, "Squeeze", y, ig_tfl_list(l, s.shrink_axes, s.n_shrink));
    if (s.n_new) y = IG_BUILD(&l->b, "Unsqueeze", y, ig_tfl_list(l, s.new_axes, s.n_new));
    ig_tfl_out_moved(l, 0, y, x);
    return IG_OK;
}

ig_status ig_tfl_lower_reverse(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *axes = ig_tfl_i64(l, ig_lower_in(l, 1));
    int64_t n = ig_tfl_dim(ig_lower_in(l, 1), 0), from[IG_MAX_RANK], to[IG_MAX_RANK], steps[IG_MAX_RANK];
    if (ig_tfl_rank(ig_lower_in(l, 1)) == 0) {
        axes = ig_tfl_reshape(l, axes, (int64_t[]){1}, 1);
        n = 1;
    }
    if (n < 0 || n > IG_MAX_RANK) return ig_lower_refuse(l, "the number of its axes is not known");
    for (int64_t i = 0; i < n; i++) {
        from[i] = INT64_MAX;
        to[i] = INT64_MIN;
        steps[i] = -1;
    }
    size_t k = (size_t)n;
    ig_value *y = IG_BUILD(&l->b, "Slice", x, ig_tfl_list(l, from, k), ig_tfl_list(l, to, k), axes, ig_tfl_list(l, steps, k));
    ig_tfl_out_moved(l, 0, y, x);
    return IG_OK;
}

/* ONNX wants batch and time in the first two dims. */
ig_status ig_tfl_lower_reverse_sequence(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    int time, batch, rank = ig_tfl_rank(x);
    IG_TRY(ig_tfl_axis(l, x, ig_tfl_attr(l, "seq_dim"), &time));
    IG_TRY(ig_tfl_axis(l, x, ig_tfl_attr(l, "batch_dim"), &batch));
    if (time == batch) return ig_lower_refuse(l, "batch and time are the same dim");
    int64_t perm[IG_MAX_RANK] = {batch, time}, back[IG_MAX_RANK];
    for (int i = 0, k = 2; i < rank; i++)
        if (i != time && i != batch) perm[k++] = i;
    for (int i = 0; i < rank; i++) back[perm[i]] = i;
    ig_value *y = ig_tfl_transpose(l, x, perm, (size_t)rank);
    y = IG_TFL_OP(l, "ReverseSequence", "batch_axis=0 time_axis=1", y, ig_tfl_i64(l, ig_lower_in(l, 1)));
    ig_tfl_out_moved(l, 0, ig_tfl_transpose(l, y, back, (size_t)rank), x);
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------- many tensors */

/* True when all inputs from `first` on stand for the same with the same numbers as output 0. */
static bool all_like_output(const ig_lower *l, uint32_t first) {
    for (uint32_t i = first; i < l->node->n_in; i++)
        if (!ig_tfl_same_quant(l->node->in[i], out_of(l, 0))) return false;
    return true;
}

/* Inputs side by side; with rule->arg each gets a dim of its own for that. */
ig_status ig_tfl_lower_concatenation(ig_lower *l) {
    uint32_t n = l->node->n_in;
    int64_t axis = ig_tfl_attr(l, "axis");
    bool same = all_like_output(l, 0);
    ig_value **parts = IG_NEW_ARRAY(&ig_tfl_state_of(l)->arena, ig_value *, n);
    if (!parts) return ig_oom(l->err);
    for (uint32_t i = 0; i < n; i++) {
        parts[i] = same ? ig_lower_in(l, i) : ig_tfl_real(l, i);
        if (l->rule->arg) parts[i] = ig_tfl_unsqueeze(l, parts[i], axis);
    }
    ig_value *y = ig_tfl_concat(l, parts, n, axis);
    if (same && !ig_tfl_quantized(out_of(l, 0)))
        ig_tfl_out(l, 0, ig_tfl_activate(l, y));
    else if (same)
        ig_tfl_out(l, 0, y);
    else
        ig_tfl_out_real(l, 0, ig_tfl_activate(l, y));
    return IG_OK;
}

static void out_parts(ig_lower *l, ig_node *split, const ig_value *x, bool squeeze, int64_t axis) {
    for (uint32_t o = 0; split && o < split->n_out; o++)
        ig_tfl_out_moved(l, o, squeeze ? ig_tfl_squeeze(l, split->out[o], axis) : split->out[o], x);
}

ig_status ig_tfl_lower_unpack(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    int64_t axis = ig_tfl_attr(l, "axis");
    uint32_t n = l->node->n_out;
    if (n == 1) {
        ig_tfl_out_moved(l, 0, ig_tfl_squeeze(l, x, axis), x);
        return IG_OK;
    }
    ig_node *split = ig_build_node(&l->b, NULL, "Split", &x, 1, n);
    ig_build_int(&l->b, "axis", axis);
    ig_build_int(&l->b, "num_outputs", n);
    out_parts(l, split, x, true, axis);
    return IG_OK;
}

ig_status ig_tfl_lower_split(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 1);
    int64_t axis;
    size_t n;
    if (!ig_tfl_ints(l, ig_lower_in(l, 0), &axis, 1, &n) || n != 1)
        return ig_lower_refuse(l, "its axis is computed by the model");
    ig_node *split = ig_build_node(&l->b, NULL, "Split", &x, 1, l->node->n_out);
    ig_build_int(&l->b, "axis", axis);
    ig_build_int(&l->b, "num_outputs", l->node->n_out);
    out_parts(l, split, x, false, 0);
    return IG_OK;
}

/* One of the sizes may be -1: what is left. */
ig_status ig_tfl_lower_split_v(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *sizes = ig_tfl_i64(l, ig_lower_in(l, 1));
    int64_t axis, *given = IG_NEW_ARRAY(&ig_tfl_state_of(l)->arena, int64_t, l->node->n_out), left = -1, sum = 0;
    size_t n, m;
    if (!given) return ig_oom(l->err);
    if (!ig_tfl_ints(l, ig_lower_in(l, 2), &axis, 1, &n) || n != 1)
        return ig_lower_refuse(l, "its axis is computed by the model");
    if (ig_tfl_ints(l, ig_lower_in(l, 1), given, l->node->n_out, &m) && m == l->node->n_out) {
        for (size_t i = 0; i < m; i++)
            if (given[i] < 0)
                left = (int64_t)i;
            else
                sum += given[i];
        int64_t dim = ig_tfl_dim(x, (int)axis);
        if (left >= 0 && dim >= 0) {
            given[left] = dim - sum;
            sizes = ig_tfl_list(l, given, m);
        } else if (left >= 0) {
            int rank_axis;
            IG_TRY(ig_tfl_axis(l, x, axis, &rank_axis));
            ig_value *rest = IG_BUILD(&l->b, "Sub", ig_tfl_shape(l, x, rank_axis, rank_axis + 1), ig_tfl_ints1(l, sum));
            ig_value *open = IG_BUILD(&l->b, "Less", sizes, ig_build_i64(&l->b, 0));
            sizes = IG_BUILD(&l->b, "Where", open, rest, sizes);
        }
    }
    ig_value *in[] = {x, sizes};
    ig_node *split = ig_build_node(&l->b, NULL, "Split", in, 2, l->node->n_out);
    ig_build_int(&l->b, "axis", axis);
    out_parts(l, split, x, false, 0);
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- shapes */

ig_status ig_tfl_lower_shape(ig_lower *l) {
    ig_tfl_out_cast(l, 0, IG_BUILD(&l->b, "Shape", ig_lower_in(l, 0)));
    return IG_OK;
}

ig_status ig_tfl_lower_rank(ig_lower *l) {
    ig_tfl_out_cast(l, 0, IG_BUILD(&l->b, "Size", IG_BUILD(&l->b, "Shape", ig_lower_in(l, 0))));
    return IG_OK;
}

ig_status ig_tfl_lower_fill(ig_lower *l) {
    ig_value *value = ig_lower_in(l, 1);
    ig_tfl_out_moved(l, 0, IG_BUILD(&l->b, "Expand", value, ig_tfl_i64(l, ig_lower_in(l, 0))), value);
    return IG_OK;
}

/* rule->to: Expand or Tile. */
ig_status ig_tfl_lower_repeat(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    ig_tfl_out_moved(l, 0, IG_BUILD(&l->b, l->rule->to, x, ig_tfl_i64(l, ig_lower_in(l, 1))), x);
    return IG_OK;
}

ig_status ig_tfl_lower_range(ig_lower *l) {
    ig_tfl_out_real(l, 0, IG_BUILD(&l->b, "Range", ig_tfl_real(l, 0), ig_tfl_real(l, 1), ig_tfl_real(l, 2)));
    return IG_OK;
}

/* The shape that two shapes broadcast to. */
ig_status ig_tfl_lower_broadcast_args(ig_lower *l) {
    ig_value *shape[2];
    int64_t n[2], most;
    for (uint32_t i = 0; i < 2; i++) {
        shape[i] = ig_tfl_i64(l, ig_lower_in(l, i));
        n[i] = ig_tfl_dim(ig_lower_in(l, i), 0);
        if (n[i] < 0) return ig_lower_refuse(l, "the rank that its inputs describe is not known");
    }
    most = ig_max_i64(n[0], n[1]);
    for (int i = 0; i < 2; i++) {
        ig_value *ones = ig_tfl_filled(l, ig_tfl_ints1(l, most - n[i]), IG_I64, 1);
        if (n[i] < most) shape[i] = ig_tfl_concat(l, (ig_value *[]){ones, shape[i]}, 2, 0);
    }
    ig_value *one = IG_BUILD(&l->b, "Equal", shape[0], ig_build_i64(&l->b, 1));
    ig_tfl_out_cast(l, 0, IG_BUILD(&l->b, "Where", one, shape[1], shape[0]));
    return IG_OK;
}
