/* Operators that look at shapes, cut, pad and repeat. */
#include "convert/convert.h"

/* ---- Reshape, Shape ---- */

/* With allowzero a 0 in the shape is a 0; it matters only where there is one. */
ig_status ig_adapt_reshape_zero_down(ig_adapt *a) {
    const int64_t *shape;
    size_t n;
    if (!ig_attr_int(a->node, "allowzero")) return IG_OK;
    if (!ig_adapt_ints(a, ig_adapt_in(a, 1), &shape, &n))
        return ig_adapt_refuse(a, "its allowzero matters before version 14 unless its shape is constant");
    for (size_t i = 0; i < n; i++)
        if (shape[i] == 0) return ig_adapt_refuse(a, "a size of 0 can't be asked for before version 14 (allowzero)");
    ig_attr_remove(a->node, "allowzero");
    return IG_OK;
}

/* A part of the shape is a slice of it. */
ig_status ig_adapt_shape_down(ig_adapt *a) {
    const ig_attr *end = ig_attr_find(a->node, "end");
    int64_t start = ig_attr_int(a->node, "start"), stop = end ? end->i : INT64_MAX;
    if (start == 0 && !end) return IG_OK;
    ig_value *whole = IG_BUILD(&a->b, "Shape", ig_adapt_in(a, 0));
    ig_value *part = IG_BUILD(&a->b, "Slice", whole, ig_adapt_i64s(a, &start, 1), ig_adapt_i64s(a, &stop, 1));
    ig_adapt_give_value(a, 0, part);
    ig_adapt_erase(a);
    return IG_OK;
}

/* ---- Split ---- */

/* Before version 2 the lengths may also be an input. */
ig_status ig_adapt_split_input_up(ig_adapt *a) {
    const int64_t *list;
    size_t n;
    if (!ig_adapt_in(a, 1)) return IG_OK;
    if (!ig_adapt_ints(a, ig_adapt_in(a, 1), &list, &n))
        return ig_adapt_refuse(a, "its lengths become an attribute and have to be constant");
    ig_adapt_set(a, 1, NULL);
    return ig_attr_put_ints(a->node, "split", list, n) ? IG_OK : ig_oom(a->err);
}

ig_status ig_adapt_split_count_up(ig_adapt *a) {
    if (ig_adapt_in(a, 1)) return IG_OK;
    return ig_attr_put_int(a->node, "num_outputs", a->node->n_out) ? IG_OK : ig_oom(a->err);
}

/* Parts are of one length before version 18; otherwise their lengths have to be said. */
ig_status ig_adapt_split_count_down(ig_adapt *a) {
    const ig_attr *count = ig_attr_find(a->node, "num_outputs");
    if (!count) return IG_OK;
    ig_attr_remove(a->node, "num_outputs");
    if (ig_adapt_in(a, 1)) return IG_OK;
    int64_t n = a->node->n_out, size = ig_adapt_dim(ig_adapt_in(a, 0), (int)ig_attr_int(a->node, "axis"));
    if (size == IG_UNKNOWN)
        return ig_adapt_refuse(a, "the size that it divides is not known, so that its parts may differ in length");
    if (n == 0 || size % n == 0) return IG_OK;
    int64_t *list = IG_NEW_ARRAY(&a->model->arena, int64_t, (size_t)n), step = (size + n - 1) / n;
    if (!list) return ig_oom(a->err);
    for (int64_t i = 0; i < n; i++) list[i] = ig_clamp_i64(size - i * step, 0, step);
    ig_adapt_set(a, 1, ig_adapt_i64s(a, list, (size_t)n));
    return IG_OK;
}

ig_status ig_adapt_slice_steps_down(ig_adapt *a) {
    const int64_t *steps;
    size_t n;
    if (!ig_adapt_in(a, 4)) return IG_OK;
    bool known = ig_adapt_ints(a, ig_adapt_in(a, 4), &steps, &n);
    for (size_t i = 0; known && i < n; i++) known = steps[i] == 1;
    if (!known) return ig_adapt_refuse(a, "its steps have to be constant and 1 before version 10");
    ig_adapt_set(a, 4, NULL);
    return IG_OK;
}

/* ---- Pad ---- */

static ig_status rename_attr(ig_adapt *a, const char *from, const char *to) {
    size_t n;
    const int64_t *list = ig_attr_ints(a->node, from, &n);
    if (!ig_attr_find(a->node, from)) return IG_OK;
    if (!ig_attr_put_ints(a->node, to, list, n)) return ig_oom(a->err);
    ig_attr_remove(a->node, from);
    return IG_OK;
}

ig_status ig_adapt_pad_up(ig_adapt *a) { return rename_attr(a, "paddings", "pads"); }
ig_status ig_adapt_pad_down(ig_adapt *a) { return rename_attr(a, "pads", "paddings"); }

/* Pads for some axes become pads for all. */
ig_status ig_adapt_pad_axes_down(ig_adapt *a) {
    const int64_t *axes, *pads;
    size_t n, n_pads;
    int rank = ig_adapt_rank(ig_adapt_in(a, 0));
    if (!ig_adapt_in(a, 3)) return IG_OK;
    if (!ig_adapt_ints(a, ig_adapt_in(a, 3), &axes, &n) || !ig_adapt_ints(a, ig_adapt_in(a, 1), &pads, &n_pads) ||
        rank == IG_UNRANKED)
        return ig_adapt_refuse(a,
                               "its axes have to be constant before version 18, its pads too, and the rank of its input known");
    int64_t all[2 * IG_MAX_RANK] = {0};
    if (n_pads != 2 * n) return ig_adapt_refuse(a, "its pads don't fit its axes");
    for (size_t i = 0; i < n; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 0 || axis >= rank) return ig_adapt_refuse(a, "its axis %lld lies outside its input", (long long)axes[i]);
        all[axis] = pads[i];
        all[axis + rank] = pads[n + i];
    }
    ig_adapt_set(a, 3, NULL);
    ig_adapt_set(a, 1, ig_adapt_i64s(a, all, 2 * (size_t)rank));
    return IG_OK;
}

/* ---- Tile: one axis, in numbers of any type, before version 6 ---- */

ig_status ig_adapt_tile_up(ig_adapt *a) {
    const ig_tensor *tiles = ig_adapt_content(a, ig_adapt_in(a, 1)), *axis = ig_adapt_content(a, ig_adapt_in(a, 2));
    int rank = ig_adapt_rank(ig_adapt_in(a, 0));
    if (!tiles || !axis || tiles->count != 1 || axis->count != 1 || rank == IG_UNRANKED)
        return ig_adapt_refuse(a, "its tiles and axis have to be constant, and the rank of its input known");
    int64_t repeats[IG_MAX_RANK], at = ig_load_as_i64(axis->dtype, axis->data, 0);
    for (int i = 0; i < rank; i++) repeats[i] = i == at ? ig_load_as_i64(tiles->dtype, tiles->data, 0) : 1;
    ig_adapt_set(a, 2, NULL);
    ig_adapt_set(a, 1, ig_adapt_i64s(a, repeats, (size_t)rank));
    return IG_OK;
}

ig_status ig_adapt_tile_down(ig_adapt *a) {
    const int64_t *repeats;
    size_t n, at = 0, many = 0;
    if (!ig_adapt_ints(a, ig_adapt_in(a, 1), &repeats, &n))
        return ig_adapt_refuse(a, "its repeats have to be constant before version 6");
    for (size_t i = 0; i < n; i++)
        if (repeats[i] != 1) at = i, many++;
    ig_dtype dtype = ig_adapt_dtype(ig_adapt_in(a, 0));
    if (many > 1) return ig_adapt_refuse(a, "it repeats along several axes, which is possible from version 6 on only");
    if (!ig_dtype_is_float(dtype)) return ig_adapt_refuse(a, "its elements have to be floats before version 6");
    ig_adapt_set(a, 1, ig_adapt_scalar(a, dtype, n ? (double)repeats[at] : 1));
    ig_adapt_set(a, 2, ig_adapt_scalar(a, dtype, (double)at));
    return IG_OK;
}

/* ---- Scatter became ScatterElements in version 11 ---- */

static ig_status become(ig_adapt *a, const char *op) {
    ig_name name = ig_model_name(a->model, op);
    if (!name) return ig_oom(a->err);
    a->node->op = name;
    a->to = ig_schema_find("", op, a->up ? a->version : a->version - 1);
    return IG_OK;
}

ig_status ig_adapt_scatter_up(ig_adapt *a) { return become(a, "ScatterElements"); }

ig_status ig_adapt_scatter_down(ig_adapt *a) {
    static const ig_change axis = {"", "ScatterElements", 11, NULL, NULL, "axis", 0, 0, NULL};
    const ig_change *row = a->row;
    a->row = &axis;
    ig_status status = ig_adapt_count_axes(a);
    a->row = row;
    return status == IG_OK ? become(a, "Scatter") : status;
}

/* ---- reductions ---- */

/* With noop_with_empty_axes and no axes nothing is reduced: each element by itself, which the older versions reduce over an
 * axis of 1 that is put behind and taken off by keepdims = 0. */
ig_status ig_adapt_reduce_noop_down(ig_adapt *a) {
    const ig_attr *axes = ig_attr_find(a->node, "axes");
    bool noop = ig_attr_int(a->node, "noop_with_empty_axes") != 0;
    ig_attr_remove(a->node, "noop_with_empty_axes");
    if (axes && (axes->n || axes->ref)) return IG_OK;
    ig_attr_remove(a->node, "axes");
    if (!noop) return IG_OK;
    int rank = ig_adapt_rank(ig_adapt_in(a, 0));
    if (rank == IG_UNRANKED) return ig_adapt_refuse(a, "it reduces no axis, and the rank of its input is not known");
    int64_t last[] = {rank};
    const ig_schema *schema = ig_schema_find("", "Unsqueeze", a->version - 1);
    bool input = schema && schema->n_in > 1;
    ig_value *x = ig_adapt_in(a, 0);
    ig_value *wide = input ? IG_BUILD(&a->b, "Unsqueeze", x, ig_adapt_i64s(a, last, 1)) : IG_BUILD(&a->b, "Unsqueeze", x);
    if (!input) ig_build_ints(&a->b, "axes", last, 1);
    ig_adapt_set(a, 0, wide);
    a->built = true;
    return ig_attr_put_ints(a->node, "axes", last, 1) && ig_attr_put_int(a->node, "keepdims", 0) ? IG_OK : ig_oom(a->err);
}

/* The axis is an attribute with default 1 before version 20, an input with default -2 from then on. */
ig_status ig_adapt_dft_up(ig_adapt *a) {
    return ig_attr_find(a->node, "axis") || ig_attr_put_int(a->node, "axis", 1) ? IG_OK : ig_oom(a->err);
}

ig_status ig_adapt_dft_down(ig_adapt *a) {
    const ig_attr *axis = ig_attr_find(a->node, "axis");
    int rank = ig_adapt_rank(ig_adapt_in(a, 0));
    int64_t at = axis ? axis->i : -2;
    if (at < 0 && rank == IG_UNRANKED)
        return ig_adapt_refuse(a, "its axis counts from the end, and the rank of its input is not known");
    return ig_attr_put_int(a->node, "axis", at < 0 ? at + rank : at) ? IG_OK : ig_oom(a->err);
}

/* The smallest are the largest of the negated. Results are sorted before version 11. */
ig_status ig_adapt_top_k_down(ig_adapt *a) {
    bool largest = ig_attr_int(a->node, "largest") != 0;
    ig_attr_remove(a->node, "sorted");
    ig_attr_remove(a->node, "largest");
    if (largest) return IG_OK;
    ig_value *negated = IG_BUILD(&a->b, "Neg", ig_adapt_in(a, 0));
    if (!negated) return ig_oom(a->err);
    ig_adapt_set(a, 0, negated);
    ig_adapt_behind(a, 0, "Neg");
    a->built = true;
    return IG_OK;
}

/* ---- indices that count from the end, from version 11 on ---- */

static bool has_negative(const int64_t *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (list[i] < 0) return true;
    return false;
}

/* Constant ones are counted from the start; of others, what runs the model decides. */
ig_status ig_adapt_gather_down(ig_adapt *a) {
    const ig_value *at = ig_adapt_in(a, 1);
    int64_t size = ig_adapt_dim(ig_adapt_in(a, 0), (int)ig_attr_int(a->node, "axis"));
    const int64_t *list;
    size_t n;
    if (!ig_adapt_ints(a, at, &list, &n) || !has_negative(list, n)) return IG_OK;
    if (size == IG_UNKNOWN)
        return ig_adapt_refuse(a, "it has an index that counts from the end, and the size of its axis is not known");
    const ig_tensor *t = ig_adapt_content(a, at);
    ig_tensor *counted = NULL;
    if (!t || ig_tensor_new(&counted, a->model->context, t->dtype, t->rank, t->dims, NULL)) return ig_oom(a->err);
    for (size_t i = 0; i < n; i++) ig_store_i64(t->dtype, counted->data, i, list[i] < 0 ? list[i] + size : list[i]);
    ig_adapt_set(a, 1, ig_adapt_tensor(a, counted));
    return IG_OK;
}

/* Any index below 0 means a row without the on value before version 11, so that those that count from the end are counted from
 * the start. What is still below 0 then lies outside, like `depth`. */
ig_status ig_adapt_one_hot_down(ig_adapt *a) {
    ig_value *at = ig_adapt_in(a, 0), *depth = ig_adapt_in(a, 1);
    const int64_t *list;
    size_t n;
    if (ig_adapt_ints(a, at, &list, &n) && !has_negative(list, n)) return IG_OK;
    ig_value *whole = IG_BUILD(&a->b, "Cast", at);
    ig_build_int(&a->b, "to", IG_I64);
    ig_value *size = IG_BUILD(&a->b, "Cast", depth);
    ig_build_int(&a->b, "to", IG_I64);
    ig_value *zero = ig_adapt_i64(a, 0);
    ig_value *counted =
        IG_BUILD(&a->b, "Where", IG_BUILD(&a->b, "Less", whole, zero), IG_BUILD(&a->b, "Add", whole, size), whole);
    ig_value *chosen = IG_BUILD(&a->b, "Where", IG_BUILD(&a->b, "Less", counted, zero), size, counted);
    a->built = true;
    if (!chosen) return ig_oom(a->err);
    ig_adapt_set(a, 0, chosen);
    return IG_OK;
}
