/* Operations of keras.ops, and functions of TensorFlow in graphs of Keras 2, that move, choose and make elements. */
#include "formats/keras/operations.h"

#include <stdio.h>

static ig_status operand0(ig_k *k, ig_value **x) {
    *x = ig_k_operand(k, 0, "x a input tensor values value params", IG_UNDEFINED);
    return *x ? IG_OK : ig_k_refuse(k, "it has no argument");
}

static ig_status axis_of(ig_k *k, const ig_value *x, int position, int64_t otherwise, int64_t *axis) {
    int rank;
    IG_TRY(ig_k_need_rank(k, x, &rank));
    *axis = ig_k_op_int(k, position, "axis dim", otherwise);
    if (*axis < 0) *axis += rank;
    return *axis < 0 || *axis >= (rank ? rank : 1) ? ig_k_refuse(k, "its axis doesn't fit an input of %d dims", rank) : IG_OK;
}

/* A shape that is a list, whose entries may be tensors. */
static ig_value *shape_operand(ig_k *k, int position, const char *names) {
    ig_value *v = ig_k_operand(k, position, names, IG_I64);
    if (ig_k_rank(v) == 0) v = ig_k_unsqueeze(k, v, 0);
    return ig_k_cast(k, v, IG_I64);
}

ig_status ig_k_lower_op_reshape(ig_k *k) {
    ig_value *x, *shape;
    IG_TRY(operand0(k, &x));
    shape = shape_operand(k, 1, "newshape shape");
    if (!shape) return ig_k_refuse(k, "it has no shape");
    ig_k_out(k, 0, IG_K_OP(k, "Reshape", "allowzero=1", x, shape));
    double dims[IG_MAX_RANK];
    size_t n;
    bool zero = false, open = false;
    if (ig_k_numbers(k, shape, dims, IG_MAX_RANK, &n)) {
        for (size_t i = 0; i < n; i++) {
            zero |= dims[i] == 0;
            open |= dims[i] < 0;
        }
        if (zero && open) ig_k_out(k, 0, IG_K_OP(k, "Reshape", "", x, shape));
    }
    return IG_OK;
}

ig_status ig_k_lower_op_transpose(ig_k *k) {
    ig_value *x;
    int64_t perm[IG_MAX_RANK];
    size_t n;
    int rank;
    IG_TRY(operand0(k, &x));
    IG_TRY(ig_k_need_rank(k, x, &rank));
    if (!ig_k_op_ints(k, 1, "axes perm", perm, IG_MAX_RANK, &n)) {
        for (int i = 0; i < rank; i++) perm[i] = rank - 1 - i;
        n = (size_t)rank;
    }
    if (n != (size_t)rank) return ig_k_refuse(k, "its axes don't fit an input of %d dims", rank);
    for (size_t i = 0; i < n; i++) {
        if (perm[i] < 0) perm[i] += rank;
        if (perm[i] < 0 || perm[i] >= rank) return ig_k_refuse(k, "its axes don't fit an input of %d dims", rank);
    }
    ig_k_out(k, 0, ig_k_transpose(k, x, perm, n));
    return IG_OK;
}

ig_status ig_k_lower_op_swapaxes(ig_k *k) {
    ig_value *x;
    int64_t perm[IG_MAX_RANK];
    int rank;
    IG_TRY(operand0(k, &x));
    IG_TRY(ig_k_need_rank(k, x, &rank));
    int64_t a = ig_k_op_int(k, 1, "axis1", 0), b = ig_k_op_int(k, 2, "axis2", 0);
    if (a < 0) a += rank;
    if (b < 0) b += rank;
    if (a < 0 || b < 0 || a >= rank || b >= rank) return ig_k_refuse(k, "its axes don't fit an input of %d dims", rank);
    for (int i = 0; i < rank; i++) perm[i] = i == a ? b : i == b ? a : i;
    ig_k_out(k, 0, ig_k_transpose(k, x, perm, (size_t)rank));
    return IG_OK;
}

ig_status ig_k_lower_op_moveaxis(ig_k *k) {
    ig_value *x;
    int64_t from[IG_MAX_RANK], to[IG_MAX_RANK], perm[IG_MAX_RANK];
    size_t n, m;
    int rank, next = 0;
    IG_TRY(operand0(k, &x));
    IG_TRY(ig_k_need_rank(k, x, &rank));
    if (!ig_k_op_ints(k, 1, "source", from, IG_MAX_RANK, &n) || !ig_k_op_ints(k, 2, "destination", to, IG_MAX_RANK, &m) ||
        n != m)
        return ig_k_refuse(k, "its axes aren't numbers");
    for (int i = 0; i < rank; i++) perm[i] = -1;
    for (size_t i = 0; i < n; i++) {
        from[i] += from[i] < 0 ? rank : 0;
        to[i] += to[i] < 0 ? rank : 0;
        if (from[i] < 0 || from[i] >= rank || to[i] < 0 || to[i] >= rank)
            return ig_k_refuse(k, "its axes don't fit an input of %d dims", rank);
        perm[to[i]] = from[i];
    }
    for (int i = 0; i < rank; i++) {
        bool moved = false;
        for (size_t j = 0; j < n; j++) moved |= from[j] == i;
        if (moved) continue;
        while (next < rank && perm[next] >= 0) next++;
        if (next < rank) perm[next] = i;
    }
    ig_k_out(k, 0, ig_k_transpose(k, x, perm, (size_t)rank));
    return IG_OK;
}

/* The tensors of a list argument; numbers in it become tensors. */
static ig_status list_operand(ig_k *k, ig_value ***v, size_t *n) {
    const ig_json *list = ig_k_op_arg(k, 0, "xs values inputs arrays x");
    *n = 0;
    if (!list && !k->args) { /* Keras 2 lists tensors alone */
        *v = k->in;
        *n = k->n_in;
        return k->n_in ? IG_OK : ig_k_refuse(k, "it has no arguments");
    }
    if (!ig_json_is_kind(list, IG_JSON_LIST) || list->n == 0) return ig_k_refuse(k, "its argument is no list");
    *v = IG_NEW_ARRAY(k->arena, ig_value *, list->n);
    if (!*v) return ig_oom(k->l->err);
    ig_dtype dtype = k->n_in ? ig_k_dtype(k->in[0]) : IG_F32;
    for (size_t i = 0; i < list->n; i++) {
        ig_value *t = ig_k_tensor(k, &list->items[i]);
        (*v)[(*n)++] = t ? t : ig_k_constant(k, &list->items[i], dtype);
    }
    ig_k_same_type(k, *v, *n);
    return k->s->status;
}

ig_status ig_k_lower_op_concat(ig_k *k) {
    ig_value **v;
    size_t n;
    int64_t axis;
    IG_TRY(list_operand(k, &v, &n));
    IG_TRY(axis_of(k, v[0], 1, k->rule->op[0] == 't' ? 0 : 0, &axis));
    ig_value *y = ig_k_concat(k, v, n, axis);
    ig_k_bind(k, "y", y);
    ig_k_out(k, 0, n == 1 ? ig_k_v(k, "Identity(y)") : y);
    return IG_OK;
}

/* rule->arg 1: hstack, 2: vstack. */
ig_status ig_k_lower_op_stack(ig_k *k) {
    ig_value **v, **parts;
    size_t n;
    IG_TRY(list_operand(k, &v, &n));
    int rank = ig_k_rank(v[0]);
    int64_t axis = ig_k_op_int(k, 1, "axis", 0);
    parts = IG_NEW_ARRAY(k->arena, ig_value *, n);
    if (!parts) return ig_oom(k->l->err);
    if (ig_k_arg_of(k) == 1) {
        ig_k_out(k, 0, ig_k_concat(k, v, n, rank == 1 ? 0 : 1));
        return IG_OK;
    }
    if (ig_k_arg_of(k) == 2 && rank > 1) {
        ig_k_out(k, 0, ig_k_concat(k, v, n, 0));
        return IG_OK;
    }
    for (size_t i = 0; i < n; i++) parts[i] = ig_k_unsqueeze(k, v[i], axis);
    ig_k_out(k, 0, ig_k_concat(k, parts, n, axis));
    return IG_OK;
}

ig_status ig_k_lower_op_split(ig_k *k) {
    ig_value *x;
    int64_t axis, list[IG_K_MAX], from = 0;
    size_t n;
    bool tensorflow = k->rule->op[0] == 't';
    IG_TRY(operand0(k, &x));
    IG_TRY(axis_of(k, x, 2, 0, &axis));
    if (!ig_k_op_ints(k, 1, "indices_or_sections num_or_size_splits", list, IG_K_MAX, &n) || n < 1)
        return ig_k_refuse(k, "its parts aren't numbers");
    bool equal = !ig_json_is_kind(ig_k_op_arg(k, 1, "indices_or_sections num_or_size_splits"), IG_JSON_LIST);
    int64_t size = ig_k_dim(x, (int)axis), count = equal ? list[0] : (int64_t)n + !tensorflow;
    if (equal && (size < 0 || count < 1 || size % count))
        return ig_k_refuse(k, "the size of its axis isn't known, or doesn't divide");
    if (!equal && tensorflow) { /* sizes, of which one may be left open */
        int64_t sum = 0;
        for (size_t i = 0; i < n; i++) sum += list[i] > 0 ? list[i] : 0;
        for (size_t i = 0; i < n; i++)
            if (list[i] < 0) list[i] = size - sum;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t to = equal ? from + size / count : tensorflow ? from + list[i] : i < (int64_t)n ? list[i] : INT64_MAX;
        if ((size_t)i < k->n_out) ig_k_out(k, (size_t)i, ig_k_slice(k, x, axis, from, to, 1));
        from = to;
    }
    return IG_OK;
}

ig_status ig_k_lower_op_unstack(ig_k *k) {
    ig_value *x;
    int64_t axis;
    IG_TRY(operand0(k, &x));
    IG_TRY(axis_of(k, x, 2, 0, &axis));
    for (size_t i = 0; i < k->n_out; i++)
        ig_k_out(k, i, ig_k_squeeze(k, ig_k_slice(k, x, axis, (int64_t)i, (int64_t)i + 1, 1), axis));
    return IG_OK;
}

/* rule->to: Squeeze, Unsqueeze. */
ig_status ig_k_lower_op_squeeze(ig_k *k) {
    ig_value *x;
    int64_t axes[IG_MAX_RANK];
    size_t n;
    IG_TRY(operand0(k, &x));
    bool given = ig_k_op_ints(k, 1, "axis dim", axes, IG_MAX_RANK, &n) && n;
    if (!given && k->rule->to[0] == 'U') return ig_k_refuse(k, "it has no axis");
    ig_k_out(k, 0, ig_k_op(k, k->rule->to, "", (ig_value *[]){x, given ? ig_k_i64s(k, axes, n) : NULL}, given ? 2 : 1));
    return IG_OK;
}

ig_status ig_k_lower_op_flip(ig_k *k) {
    ig_value *x;
    int64_t axes[IG_MAX_RANK];
    size_t n;
    int rank;
    IG_TRY(operand0(k, &x));
    IG_TRY(ig_k_need_rank(k, x, &rank));
    if (!ig_k_op_ints(k, 1, "axis", axes, IG_MAX_RANK, &n)) {
        for (int i = 0; i < rank; i++) axes[i] = i;
        n = (size_t)rank;
    }
    for (size_t i = 0; i < n; i++) x = ig_k_slice(k, x, axes[i], -1, INT64_MIN + 1, -1);
    ig_k_out(k, 0, x);
    return IG_OK;
}

ig_status ig_k_lower_op_roll(ig_k *k) {
    ig_value *x;
    int64_t shift[IG_MAX_RANK], axes[IG_MAX_RANK];
    size_t n, m;
    IG_TRY(operand0(k, &x));
    if (!ig_k_op_ints(k, 1, "shift", shift, IG_MAX_RANK, &n) || !ig_k_op_ints(k, 2, "axis", axes, IG_MAX_RANK, &m) || n != m)
        return ig_k_refuse(k, "its shifts and axes aren't numbers");
    for (size_t i = 0; i < n; i++) {
        int64_t size = ig_k_dim(x, (int)axes[i]);
        if (size < 1) return ig_k_refuse(k, "the size of its axis isn't known");
        int64_t s = ((shift[i] % size) + size) % size;
        if (s == 0) continue;
        ig_value *parts[] = {ig_k_slice(k, x, axes[i], size - s, INT64_MAX, 1), ig_k_slice(k, x, axes[i], 0, size - s, 1)};
        x = ig_k_concat(k, parts, 2, axes[i]);
    }
    ig_k_bind(k, "x", x);
    ig_k_out(k, 0, ig_k_v(k, "Identity(x)"));
    return IG_OK;
}

ig_status ig_k_lower_op_tile(ig_k *k) {
    ig_value *x;
    int64_t repeats[IG_MAX_RANK];
    size_t n;
    int rank;
    IG_TRY(operand0(k, &x));
    IG_TRY(ig_k_need_rank(k, x, &rank));
    ig_value *given = shape_operand(k, 1, "repeats multiples");
    if (!given) return ig_k_refuse(k, "it has no repeats");
    if (ig_k_op_ints(k, 1, "repeats multiples", repeats, IG_MAX_RANK, &n)) {
        while (n < (size_t)rank) {
            memmove(repeats + 1, repeats, n++ * sizeof *repeats);
            repeats[0] = 1;
        }
        given = ig_k_i64s(k, repeats, n);
        for (; rank < (int)n; rank++) x = ig_k_unsqueeze(k, x, 0);
    }
    ig_k_out(k, 0, IG_K_OP(k, "Tile", "", x, given));
    return IG_OK;
}

/* Each element several times in a row. */
ig_status ig_k_lower_op_repeat(ig_k *k) {
    ig_value *x;
    int64_t n = ig_k_op_int(k, 1, "repeats", -1), axis;
    IG_TRY(operand0(k, &x));
    if (n < 0) return ig_k_refuse(k, "its repeats are no number");
    if (!ig_k_op_arg(k, 2, "axis")) x = ig_k_reshape(k, x, (int64_t[]){-1}, 1);
    IG_TRY(axis_of(k, x, 2, 0, &axis));
    int64_t repeats[IG_MAX_RANK + 1];
    int rank = ig_k_rank(x);
    if (rank >= IG_MAX_RANK) return ig_k_refuse(k, "its input has too many dims");
    for (int i = 0; i <= rank; i++) repeats[i] = i == axis + 1 ? n : 1;
    ig_value *wide = IG_K_OP(k, "Tile", "", ig_k_unsqueeze(k, x, axis + 1), ig_k_i64s(k, repeats, (size_t)rank + 1));
    ig_value *parts[3];
    size_t m = 0;
    if (axis > 0) parts[m++] = ig_k_shape(k, x, 0, axis);
    parts[m++] = ig_k_i64s(k, (int64_t[]){-1}, 1);
    if (axis + 1 < rank) parts[m++] = ig_k_shape(k, x, axis + 1, INT64_MAX);
    ig_k_out(k, 0, IG_K_OP(k, "Reshape", "", wide, ig_k_concat(k, parts, m, 0)));
    return IG_OK;
}

ig_status ig_k_lower_op_broadcast_to(ig_k *k) {
    ig_value *x;
    IG_TRY(operand0(k, &x));
    ig_value *shape = shape_operand(k, 1, "shape");
    if (!shape) return ig_k_refuse(k, "it has no shape");
    ig_k_out(k, 0, IG_K_OP(k, "Expand", "", x, shape));
    return IG_OK;
}

ig_status ig_k_lower_op_pad(ig_k *k) {
    ig_value *x;
    int rank;
    int64_t pads[2 * IG_MAX_RANK];
    const ig_json *widths = ig_k_op_arg(k, 1, "pad_width paddings");
    IG_TRY(operand0(k, &x));
    IG_TRY(ig_k_need_rank(k, x, &rank));
    for (int i = 0; i < rank; i++) {
        const ig_json *one =
            ig_json_is_kind(widths, IG_JSON_LIST) ? ig_json_at(widths, widths->n == 1 ? 0 : (size_t)i) : widths;
        if (ig_json_is_kind(widths, IG_JSON_LIST) && widths->n == 2 && ig_json_is_kind(&widths->items[0], IG_JSON_INT))
            one = widths;
        pads[i] = ig_json_int(ig_json_is_kind(one, IG_JSON_LIST) ? ig_json_at(one, 0) : one, -1);
        pads[rank + i] = ig_json_int(ig_json_is_kind(one, IG_JSON_LIST) ? ig_json_at(one, one->n > 1) : one, -1);
        if (pads[i] < 0 || pads[rank + i] < 0) return ig_k_refuse(k, "its pads are no sizes");
    }
    ig_str mode = ig_json_text(ig_k_op_arg(k, 2, "mode"));
    bool reflect = mode.n && (mode.s[0] | 32) == 'r', symmetric = mode.n && (mode.s[0] | 32) == 's',
         edge = ig_str_is(mode, "edge"), wrap = ig_str_is(mode, "wrap");
    ig_value *fill = ig_k_operand(k, 3, "constant_values", ig_k_dtype(x));
    if (symmetric) { /* the edge itself comes again: each side from a flipped slice */
        for (int i = 0; i < rank; i++) {
            ig_value *parts[3];
            size_t n = 0;
            int64_t size = ig_k_dim(x, i);
            if (!pads[i] && !pads[rank + i]) continue;
            if (size < pads[i] || size < pads[rank + i]) return ig_k_refuse(k, "the size of its axis isn't known");
            if (pads[i]) parts[n++] = ig_k_slice(k, ig_k_slice(k, x, i, 0, pads[i], 1), i, -1, INT64_MIN + 1, -1);
            parts[n++] = x;
            if (pads[rank + i])
                parts[n++] = ig_k_slice(k, ig_k_slice(k, x, i, size - pads[rank + i], size, 1), i, -1, INT64_MIN + 1, -1);
            x = ig_k_concat(k, parts, n, i);
        }
        ig_k_bind(k, "x", x);
        ig_k_out(k, 0, ig_k_v(k, "Identity(x)"));
        return IG_OK;
    }
    const char *attributes = reflect ? "mode='reflect'" : edge ? "mode='edge'" : wrap ? "mode='wrap'" : "mode='constant'";
    bool filled = fill && !reflect && !edge && !wrap;
    ig_k_out(k, 0,
             ig_k_op(k, "Pad", attributes,
                     (ig_value *[]){x, ig_k_i64s(k, pads, (size_t)rank * 2), filled ? ig_k_cast(k, fill, ig_k_dtype(x)) : NULL},
                     filled ? 3 : 2));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------- choosing */

typedef struct slicing {
    int64_t axes[IG_MAX_RANK], drop[IG_MAX_RANK], insert[IG_MAX_RANK];
    ig_value *from[IG_MAX_RANK], *to[IG_MAX_RANK];
    int64_t step[IG_MAX_RANK];
    size_t n, n_drop, n_insert;
    int64_t axis, out; /* of the input, of the result */
    ig_value *gather;  /* one index that is a tensor */
    int64_t gather_axis;
} slicing;

static bool is_ellipsis(const ig_json *v) {
    return ig_json_is(ig_json_get(v, "class_name"), "__ellipsis__") || ig_json_is(v, "__ellipsis__");
}

static ig_value *bound(ig_k *k, const ig_json *v, int64_t otherwise) {
    ig_value *t = ig_k_tensor(k, v);
    if (t) return ig_k_reshape(k, ig_k_cast(k, t, IG_I64), (int64_t[]){1}, 1);
    return ig_k_i64s(k, (int64_t[]){ig_json_int(v, otherwise)}, 1);
}

static ig_status add_range(ig_k *k, slicing *s, const ig_json *v) {
    const ig_json *config = ig_json_get(v, "config") ? ig_json_get(v, "config") : v, *from = ig_json_get(config, "start"),
                  *to = ig_json_get(config, "stop");
    int64_t step = ig_json_int(ig_json_get(config, "step"), 1);
    if (step == 0) return ig_k_refuse(k, "it has a step of 0");
    s->axes[s->n] = s->axis++;
    s->from[s->n] = bound(k, from, step > 0 ? 0 : INT64_MAX);
    s->to[s->n] = bound(k, to, step > 0 ? INT64_MAX : INT64_MIN + 1);
    s->step[s->n] = step;
    s->n += from || to || step != 1;
    s->out++;
    return IG_OK;
}

static ig_status add_index(ig_k *k, slicing *s, const ig_json *v) {
    if (s->axis >= IG_MAX_RANK || s->n >= IG_MAX_RANK || s->n_insert >= IG_MAX_RANK)
        return ig_k_refuse(k, "it has too many indices");
    if (!v || v->kind == IG_JSON_NULL) {
        s->insert[s->n_insert++] = s->out++;
        return IG_OK;
    }
    if (v->kind == IG_JSON_INT || (ig_k_tensor(k, v) && ig_k_rank(ig_k_tensor(k, v)) == 0)) {
        ig_value *at = bound(k, v, 0);
        ig_k_bind(k, "at", at);
        s->axes[s->n] = s->drop[s->n_drop++] = s->axis++;
        s->from[s->n] = at;
        if (v->kind == IG_JSON_INT)
            s->to[s->n] = ig_k_i64s(k, (int64_t[]){v->i == -1 ? INT64_MAX : v->i + 1}, 1);
        else /* the end of an index of -1 is the end of all */
            s->to[s->n] = ig_k_v(k, "Where(Equal(at, -1i), %lldi, at + 1i)", (long long)INT32_MAX);
        s->step[s->n++] = 1;
        return IG_OK;
    }
    ig_value *tensor = ig_k_tensor(k, v);
    if (tensor || ig_json_is_kind(v, IG_JSON_LIST)) {
        if (s->gather) return ig_k_refuse(k, "more than one of its indices is a tensor");
        s->gather = tensor ? tensor : ig_k_constant(k, v, IG_I64);
        s->gather_axis = s->axis++;
        s->out += ig_k_rank(s->gather);
        return IG_OK;
    }
    if (v->kind != IG_JSON_OBJECT) return ig_k_refuse(k, "one of its indices is neither number, range nor tensor");
    return add_range(k, s, v);
}

ig_status ig_k_lower_op_get_item(ig_k *k) {
    ig_value *x;
    const ig_json *key = ig_k_op_arg(k, 1, "key slice_spec");
    slicing s = {0};
    int rank;
    IG_TRY(operand0(k, &x));
    IG_TRY(ig_k_need_rank(k, x, &rank));
    if (!key) key = ig_json_at(k->args, 1);
    if (!key) key = ig_json_get(k->config, "key");
    bool many = ig_json_is_kind(key, IG_JSON_LIST);
    size_t n = many ? key->n : 1, used = 0;
    for (size_t i = 0; i < n; i++) {
        const ig_json *v = many ? &key->items[i] : key;
        used += v && v->kind != IG_JSON_NULL && !is_ellipsis(v);
    }
    if (used > (size_t)rank) return ig_k_refuse(k, "it has %zu indices into %d dims", used, rank);
    for (size_t i = 0; i < n; i++) {
        const ig_json *v = many ? &key->items[i] : key;
        if (is_ellipsis(v)) {
            s.axis += rank - (int64_t)used;
            s.out += rank - (int64_t)used;
        } else {
            IG_TRY(add_index(k, &s, v));
        }
    }
    if (s.n)
        x = IG_K_OP(k, "Slice", "", x, ig_k_concat(k, s.from, s.n, 0), ig_k_concat(k, s.to, s.n, 0), ig_k_i64s(k, s.axes, s.n),
                    ig_k_i64s(k, s.step, s.n));
    if (s.gather) {
        if (s.n_drop || s.n_insert) return ig_k_refuse(k, "it mixes a tensor with other indices");
        const char *attributes = ig_arena_printf(k->arena, "axis=%lld", (long long)s.gather_axis);
        if (!attributes) return ig_oom(k->l->err);
        x = IG_K_OP(k, "Gather", attributes, x, ig_k_cast(k, s.gather, IG_I64));
    }
    if (s.n_drop) x = IG_K_OP(k, "Squeeze", "", x, ig_k_i64s(k, s.drop, s.n_drop));
    if (s.n_insert) x = IG_K_OP(k, "Unsqueeze", "", x, ig_k_i64s(k, s.insert, s.n_insert));
    ig_k_bind(k, "x", x);
    ig_k_out(k, 0, ig_k_v(k, "Identity(x)"));
    return IG_OK;
}

/* Start and size of each axis. */
ig_status ig_k_lower_op_slice(ig_k *k) {
    ig_value *x, *from, *size;
    int rank;
    int64_t axes[IG_MAX_RANK];
    IG_TRY(operand0(k, &x));
    IG_TRY(ig_k_need_rank(k, x, &rank));
    from = shape_operand(k, 1, "start_indices begin");
    size = shape_operand(k, 2, "shape size");
    if (!from || !size) return ig_k_refuse(k, "it doesn't say what to take");
    for (int i = 0; i < rank; i++) axes[i] = i;
    ig_k_bind(k, "from", from);
    ig_k_bind(k, "size", size);
    ig_k_bind(k, "end", ig_k_v(k, "Where(Less(size, 0i), %lldi, from + size)", (long long)INT32_MAX));
    ig_k_out(k, 0, IG_K_OP(k, "Slice", "", x, from, ig_sketch_get(k->s, "end"), ig_k_i64s(k, axes, (size_t)rank)));
    return IG_OK;
}

static ig_value *index_operand(ig_k *k, int position, const char *names) {
    ig_value *v = ig_k_operand(k, position, names, IG_I64);
    return v && ig_k_dtype(v) != IG_I32 ? ig_k_cast(k, v, IG_I64) : v;
}

ig_status ig_k_lower_op_take(ig_k *k) {
    ig_value *x, *indices;
    int64_t axis;
    IG_TRY(operand0(k, &x));
    indices = index_operand(k, 1, "indices");
    if (!indices) return ig_k_refuse(k, "it has no indices");
    bool tensorflow = k->rule->op[0] == 't';
    if (ig_k_op_int(k, -1, "batch_dims", 0) != 0) return ig_k_refuse(k, "it has batch_dims");
    if (!ig_k_op_arg(k, tensorflow ? 3 : 2, "axis") && !tensorflow) x = ig_k_reshape(k, x, (int64_t[]){-1}, 1);
    IG_TRY(axis_of(k, x, tensorflow ? 3 : 2, 0, &axis));
    const char *attributes = ig_arena_printf(k->arena, "axis=%lld", (long long)axis);
    ig_k_out(k, 0, attributes ? IG_K_OP(k, "Gather", attributes, x, indices) : NULL);
    return IG_OK;
}

ig_status ig_k_lower_op_take_along_axis(ig_k *k) {
    ig_value *x, *indices;
    int64_t axis;
    IG_TRY(operand0(k, &x));
    indices = index_operand(k, 1, "indices");
    if (!indices || !ig_k_op_arg(k, 2, "axis")) return ig_k_refuse(k, "it has no indices or no axis");
    IG_TRY(axis_of(k, x, 2, 0, &axis));
    const char *attributes = ig_arena_printf(k->arena, "axis=%lld", (long long)axis);
    ig_k_out(k, 0, attributes ? IG_K_OP(k, "GatherElements", attributes, x, indices) : NULL);
    return IG_OK;
}

ig_status ig_k_lower_op_gather_nd(ig_k *k) {
    ig_value *x, *indices;
    IG_TRY(operand0(k, &x));
    indices = ig_k_cast(k, index_operand(k, 1, "indices"), IG_I64);
    if (!indices) return ig_k_refuse(k, "it has no indices");
    ig_k_out(k, 0, IG_K_OP(k, "GatherND", "", x, indices));
    return IG_OK;
}

ig_status ig_k_lower_op_top_k(ig_k *k) {
    ig_value *x;
    int64_t n = ig_k_op_int(k, 1, "k", 1);
    IG_TRY(operand0(k, &x));
    ig_k_bind(k, "x", x);
    ig_sketch_run(k->s, "values, indices = TopK<axis=-1, largest=1, sorted=1>(x, [%lld])", (long long)n);
    ig_k_out(k, 0, ig_sketch_get(k->s, "values"));
    ig_k_out(k, 1, ig_k_cast(k, ig_sketch_get(k->s, "indices"), IG_I32));
    return IG_OK;
}

/* rule->arg 1: the places, not the values. */
ig_status ig_k_lower_op_sort(ig_k *k) {
    ig_value *x;
    int64_t axis;
    IG_TRY(operand0(k, &x));
    IG_TRY(axis_of(k, x, 1, -1, &axis));
    bool falling = ig_json_is(ig_k_op_arg(k, 2, "direction"), "DESCENDING");
    ig_k_bind(k, "x", x);
    ig_sketch_run(k->s, "v, i = TopK<axis=%lld, largest=%d, sorted=1>(x, Shape<start=%lld, end=%lld>(x))", (long long)axis,
                  falling, (long long)axis, (long long)axis + 1);
    ig_k_out(k, 0, ig_k_arg_of(k) == 1 ? ig_k_cast(k, ig_sketch_get(k->s, "i"), IG_I32) : ig_sketch_get(k->s, "v"));
    return IG_OK;
}

/* Numbers outside are all zeros. rule->arg 1: of several. */
ig_status ig_k_lower_op_one_hot(ig_k *k) {
    ig_value *x;
    int64_t depth = ig_k_op_int(k, 1, "num_classes depth", -1), axis = ig_k_op_int(k, -1, "axis", -1);
    IG_TRY(operand0(k, &x));
    int rank = ig_k_rank(x);
    if (depth < 0 || rank < 0) return ig_k_refuse(k, "its number of classes isn't known");
    ig_dtype dtype = ig_k_op_dtype(k, -1, "dtype", IG_F32);
    ig_k_bind(k, "x", ig_k_cast(k, x, IG_I64));
    if (axis < 0) axis += rank + 1;
    if (axis < 0 || axis > rank) return ig_k_refuse(k, "its axis doesn't fit");
    int64_t dims[IG_MAX_RANK + 1];
    for (int i = 0; i <= rank; i++) dims[i] = i == axis ? depth : 1;
    ig_k_bind(k, "classes", ig_k_reshape(k, ig_k_v(k, "Range(0i, %lldi, 1i)", (long long)depth), dims, (size_t)rank + 1));
    ig_value *hot = ig_k_cast(k, ig_k_v(k, "Equal(Unsqueeze(x, [%lld]), classes)", (long long)axis), dtype);
    ig_k_bind(k, "hot", hot);
    if (ig_k_arg_of(k) == 1) hot = rank > 0 ? ig_k_v(k, "ReduceMax<keepdims=0>(hot, [%d])", rank > 1 ? rank - 1 : 0) : hot;
    ig_k_out(k, 0, hot);
    return IG_OK;
}

/* Tril, triu. */
ig_status ig_k_lower_op_trilu(ig_k *k) {
    ig_value *x;
    IG_TRY(operand0(k, &x));
    const char *attributes = ig_arena_printf(k->arena, "upper=%d", (int)ig_k_arg_of(k));
    ig_k_out(k, 0,
             attributes ? IG_K_OP(k, "Trilu", attributes, x, ig_k_scalar(k, IG_I64, (double)ig_k_op_int(k, 1, "k", 0))) : NULL);
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- making */

/* As large as an argument (rule->to: the number; "" for the second argument). */
ig_status ig_k_lower_op_like(ig_k *k) {
    ig_value *x, *fill;
    IG_TRY(operand0(k, &x));
    ig_dtype dtype = ig_k_op_dtype(k, -1, "dtype", ig_k_dtype(x));
    fill = k->rule->to[0] ? ig_k_scalar(k, dtype, k->rule->to[0] == '1')
                          : ig_k_cast(k, ig_k_operand(k, 1, "fill_value", dtype), dtype);
    if (!fill) return ig_k_refuse(k, "it has nothing to fill with");
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "fill", fill);
    ig_k_out(k, 0, ig_k_v(k, "Expand(fill, Shape(x))"));
    return IG_OK;
}

/* Of a shape. */
ig_status ig_k_lower_op_fill(ig_k *k) {
    ig_value *shape = shape_operand(k, 0, "shape dims"), *fill;
    ig_dtype dtype = ig_k_op_dtype(k, -1, "dtype", IG_F32);
    if (!shape) return ig_k_refuse(k, "it has no shape");
    fill = k->rule->to[0] ? ig_k_scalar(k, dtype, k->rule->to[0] == '1') : ig_k_operand(k, 1, "fill_value value", dtype);
    if (!fill) return ig_k_refuse(k, "it has nothing to fill with");
    ig_k_out(k, 0, IG_K_OP(k, "Expand", "", fill, shape));
    return IG_OK;
}

ig_status ig_k_lower_op_range(ig_k *k) {
    ig_value *v[3] = {ig_k_operand(k, 0, "start", IG_UNDEFINED), ig_k_operand(k, 1, "stop limit", IG_UNDEFINED),
                      ig_k_operand(k, 2, "step delta", IG_UNDEFINED)};
    ig_dtype dtype = ig_k_op_dtype(k, -1, "dtype", IG_UNDEFINED);
    if (!v[0]) return ig_k_refuse(k, "it has no end");
    if (!v[1]) {
        v[1] = v[0];
        v[0] = ig_k_scalar(k, ig_k_dtype(v[1]), 0);
    }
    if (!v[2]) v[2] = ig_k_scalar(k, ig_k_dtype(v[1]), 1);
    ig_k_same_type(k, v, 3);
    ig_value *y = ig_k_op(k, "Range", "", v, 3);
    ig_k_out(k, 0, dtype ? ig_k_cast(k, y, dtype) : y);
    return IG_OK;
}

ig_status ig_k_lower_op_shape(ig_k *k) {
    ig_value *x;
    IG_TRY(operand0(k, &x));
    ig_k_bind(k, "x", x);
    ig_k_out(k, 0, ig_k_cast(k, ig_k_v(k, "Shape(x)"), ig_k_op_dtype(k, -1, "out_type", IG_I32)));
    return IG_OK;
}

/* DepthToSpace, SpaceToDepth (rule->to) with channels last. */
ig_status ig_k_lower_op_depth_space(ig_k *k) {
    ig_value *x;
    int64_t size = ig_k_op_int(k, 1, "block_size", -1);
    IG_TRY(operand0(k, &x));
    ig_str format = ig_json_text(ig_k_op_arg(k, 2, "data_format"));
    if (ig_k_rank(x) != 4 || size < 1 || (format.s && !ig_str_is(format, "NHWC")))
        return ig_k_refuse(k, "its input is no picture with channels last");
    const char *attributes = ig_arena_printf(k->arena, "blocksize=%lld", (long long)size);
    ig_value *first = ig_k_first(k, x);
    ig_k_out(k, 0, attributes ? ig_k_last(k, ig_k_op(k, k->rule->to, attributes, &first, 1)) : NULL);
    return IG_OK;
}
