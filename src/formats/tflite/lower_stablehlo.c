/* StableHLO's operators (https://openxla.org/stablehlo/spec), those that TFLite has kernels for and those that it only stores.
 */
#include "formats/tflite/rules.h"

#include <math.h>

static ig_value *out_of(const ig_lower *l, uint32_t o) { return o < l->node->n_out ? l->node->out[o] : NULL; }

/* A list of a dims-like option; false when it is longer than a rank. */
static bool list_attr(const ig_lower *l, const char *name, const int64_t **list, size_t *n) {
    *list = ig_attr_ints(l->node, name, n);
    return *n <= IG_MAX_RANK;
}

static bool has(const int64_t *list, size_t n, int64_t x) {
    for (size_t i = 0; i < n; i++)
        if (list[i] == x) return true;
    return false;
}

/* ---------------------------------------------------------------------------------------------------------- elementwise */

/* And, Or: of bits where they are integers. */
ig_status ig_tfl_lower_bits(ig_lower *l) {
    bool logic = ig_tfl_type(ig_lower_in(l, 0)) == IG_BOOL, both = l->rule->arg;
    ig_tfl_out(l, 0,
               IG_BUILD(&l->b,
                        logic  ? l->rule->to
                        : both ? "BitwiseAnd"
                               : "BitwiseOr",
                        ig_lower_in(l, 0), ig_lower_in(l, 1)));
    return IG_OK;
}

ig_status ig_tfl_lower_bitwise_xor(ig_lower *l) {
    bool logic = ig_tfl_type(ig_lower_in(l, 0)) == IG_BOOL;
    ig_tfl_out(l, 0, IG_BUILD(&l->b, logic ? "Xor" : "BitwiseXor", ig_lower_in(l, 0), ig_lower_in(l, 1)));
    return IG_OK;
}

/* Shifts by the width or more, or by a negative number, leave nothing. */
ig_status ig_tfl_lower_shift_left(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *by = ig_lower_in(l, 1);
    static const uint8_t unsigned_of[IG_DTYPE_COUNT] = {
        [IG_I8] = IG_U8, [IG_I16] = IG_U16, [IG_I32] = IG_U32, [IG_I64] = IG_U64,
        [IG_U8] = IG_U8, [IG_U16] = IG_U16, [IG_U32] = IG_U32, [IG_U64] = IG_U64};
    ig_dtype type = ig_tfl_type(x), wide = (ig_dtype)unsigned_of[type];
    if (wide == IG_UNDEFINED) return ig_lower_refuse(l, "it shifts numbers of type %s", ig_dtypes[type].name);
    ig_value *limit = ig_build_scalar(&l->b, IG_I64, ig_dtypes[type].bits), *distance = ig_build_cast(&l->b, by, IG_I64);
    ig_value *inside = IG_BUILD(&l->b, "And", IG_BUILD(&l->b, "Less", distance, limit),
                                IG_BUILD(&l->b, "GreaterOrEqual", distance, ig_build_i64(&l->b, 0)));
    distance = IG_BUILD(&l->b, "Where", inside, distance, ig_build_i64(&l->b, 0));
    ig_value *y =
        IG_TFL_OP(l, "BitShift", "direction=LEFT", ig_build_cast(&l->b, x, wide), ig_build_cast(&l->b, distance, wide));
    y = IG_BUILD(&l->b, "Cast", y);
    ig_build_int(&l->b, "to", type);
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Where", inside, y, ig_build_scalar(&l->b, type, 0)));
    return IG_OK;
}

/* The sign of the dividend. */
ig_status ig_tfl_lower_remainder(ig_lower *l) {
    ig_tfl_out(l, 0, IG_TFL_OP(l, "Mod", "fmod=1", ig_lower_in(l, 0), ig_lower_in(l, 1)));
    return IG_OK;
}

ig_status ig_tfl_lower_cbrt(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    ig_value *size = IG_BUILD(&l->b, "Pow", IG_BUILD(&l->b, "Abs", x), ig_tfl_scalar(l, x, 1.0 / 3));
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Mul", size, IG_BUILD(&l->b, "Sign", x)));
    return IG_OK;
}

/* Low, x, high. */
ig_status ig_tfl_lower_clamp(ig_lower *l) {
    ig_value *y = IG_BUILD(&l->b, "Max", ig_lower_in(l, 1), ig_lower_in(l, 0));
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Min", y, ig_lower_in(l, 2)));
    return IG_OK;
}

ig_status ig_tfl_lower_stablehlo_compare(ig_lower *l) {
    static const struct {
        const char *direction, *op;
    } ops[] = {{"EQ", "Equal"},   {"NE", "Equal"},       {"GE", "GreaterOrEqual"},
               {"GT", "Greater"}, {"LE", "LessOrEqual"}, {"LT", "Less"}};
    ig_str direction = ig_attr_str(l->node, "comparison_direction");
    for (size_t i = 0; i < IG_COUNT_OF(ops); i++) {
        if (direction.n < 2 || memcmp(direction.s + direction.n - 2, ops[i].direction, 2) != 0) continue;
        ig_value *y = IG_BUILD(&l->b, ops[i].op, ig_lower_in(l, 0), ig_lower_in(l, 1));
        ig_tfl_out(l, 0, i == 1 ? IG_BUILD(&l->b, "Not", y) : y);
        return IG_OK;
    }
    return ig_lower_refuse(l, "its direction is unknown");
}

/* --------------------------------------------------------------------------------------------------------------- shapes */

ig_status ig_tfl_lower_stablehlo_reshape(ig_lower *l) {
    ig_value *out = out_of(l, 0);
    if (!ig_tfl_static(out)) return ig_lower_refuse(l, "the shape of its output is not known");
    ig_tfl_out(l, 0, ig_tfl_reshape_to(l, ig_lower_in(l, 0), ig_tfl_shape(l, out, 0, INT64_MAX)));
    return IG_OK;
}

ig_status ig_tfl_lower_stablehlo_transpose(ig_lower *l) {
    const int64_t *perm;
    size_t n;
    if (!list_attr(l, "permutation", &perm, &n)) return ig_lower_refuse(l, "it has too many dims");
    ig_tfl_out(l, 0, ig_tfl_transpose(l, ig_lower_in(l, 0), perm, n));
    return IG_OK;
}

ig_status ig_tfl_lower_stablehlo_concatenate(ig_lower *l) {
    ig_tfl_out(l, 0, ig_tfl_concat(l, l->node->in, l->node->n_in, ig_tfl_attr(l, "dimension")));
    return IG_OK;
}

/* Dim i of the input becomes dim broadcast_dimensions[i] of the output. */
ig_status ig_tfl_lower_broadcast_in_dim(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *out = out_of(l, 0);
    const int64_t *dims;
    size_t n;
    if (!list_attr(l, "broadcast_dimensions", &dims, &n) || !ig_tfl_static(out) || ig_tfl_rank(x) != (int)n)
        return ig_lower_refuse(l, "the shapes of its input and output are not known");
    ig_tfl_size sizes[IG_MAX_RANK];
    size_t rank = (size_t)ig_tfl_rank(out);
    for (size_t i = 0; i < rank; i++) sizes[i] = (ig_tfl_size){1, NULL};
    for (size_t i = 0; i < n; i++) {
        if (dims[i] < 0 || dims[i] >= (int64_t)rank) return ig_lower_refuse(l, "a dim is out of range");
        sizes[dims[i]] = ig_tfl_size_of(l, x, (int)i);
    }
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Expand", ig_tfl_resize(l, x, sizes, rank), ig_tfl_shape(l, out, 0, INT64_MAX)));
    return IG_OK;
}

ig_status ig_tfl_lower_stablehlo_slice(ig_lower *l) {
    const int64_t *from, *to, *steps;
    int64_t axes[IG_MAX_RANK];
    size_t n, m, k;
    if (!list_attr(l, "start_indices", &from, &n) || !list_attr(l, "limit_indices", &to, &m) ||
        !list_attr(l, "strides", &steps, &k) || n != m || n != k)
        return ig_lower_refuse(l, "its limits don't fit each other");
    for (size_t i = 0; i < n; i++) axes[i] = (int64_t)i;
    ig_tfl_out(l, 0,
               IG_BUILD(&l->b, "Slice", ig_lower_in(l, 0), ig_tfl_list(l, from, n), ig_tfl_list(l, to, n),
                        ig_tfl_list(l, axes, n), ig_tfl_list(l, steps, n)));
    return IG_OK;
}

/* Scalars from input `first` on, one for each dim, as a list; those that would leave the operand are moved inside. */
static ig_value *starts(ig_lower *l, uint32_t first, ig_value *room) {
    size_t n = l->node->n_in - first;
    ig_value **parts = IG_NEW_ARRAY(&ig_tfl_state_of(l)->arena, ig_value *, n);
    if (!parts) {
        l->b.failed = true;
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        parts[i] = ig_tfl_reshape(l, ig_tfl_i64(l, ig_lower_in(l, first + (uint32_t)i)), (int64_t[]){1}, 1);
    ig_value *at = ig_tfl_concat(l, parts, n, 0);
    return IG_BUILD(&l->b, "Max", IG_BUILD(&l->b, "Min", at, room), ig_build_i64(&l->b, 0));
}

ig_status ig_tfl_lower_dynamic_slice(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    const int64_t *sizes;
    size_t n;
    if (!list_attr(l, "slice_sizes", &sizes, &n) || l->node->n_in < 2) return ig_lower_refuse(l, "it has no sizes");
    ig_value *size = ig_tfl_list(l, sizes, n);
    ig_value *from = starts(l, 1, IG_BUILD(&l->b, "Sub", ig_tfl_shape(l, x, 0, INT64_MAX), size));
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Slice", x, from, IG_BUILD(&l->b, "Add", from, size)));
    return IG_OK;
}

ig_status ig_tfl_lower_stablehlo_update(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *update = ig_lower_in(l, 1);
    if (l->node->n_in < 3) {
        ig_tfl_out(l, 0, update);
        return IG_OK;
    }
    ig_value *sizes = ig_tfl_shape(l, update, 0, INT64_MAX);
    ig_value *room = IG_BUILD(&l->b, "Sub", ig_tfl_shape(l, x, 0, INT64_MAX), sizes), *from = starts(l, 2, room);
    ig_value *pads = ig_tfl_concat(l, (ig_value *[]){from, IG_BUILD(&l->b, "Sub", room, from)}, 2, 0);
    ig_value *mask = IG_BUILD(&l->b, "Pad", ig_tfl_filled(l, sizes, IG_BOOL, 1), pads, ig_build_scalar(&l->b, IG_BOOL, 0));
    ig_value *wide = IG_BUILD(&l->b, "Pad", update, pads, ig_tfl_scalar(l, update, 0));
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Where", mask, wide, x));
    return IG_OK;
}

ig_status ig_tfl_lower_iota(ig_lower *l) {
    ig_value *out = out_of(l, 0);
    int64_t axis = ig_tfl_attr(l, "iota_dimension"), n = ig_tfl_dim(out, (int)axis), dims[IG_MAX_RANK];
    if (!ig_tfl_static(out) || n < 0) return ig_lower_refuse(l, "the shape of its output is not known");
    int rank = ig_tfl_rank(out);
    for (int i = 0; i < rank; i++) dims[i] = i == axis ? n : 1;
    ig_value *line = IG_BUILD(&l->b, "Range", ig_build_i64(&l->b, 0), ig_build_i64(&l->b, n), ig_build_i64(&l->b, 1));
    line = ig_build_cast(&l->b, ig_tfl_reshape(l, line, dims, (size_t)rank), ig_tfl_type(out));
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Expand", line, ig_tfl_shape(l, out, 0, INT64_MAX)));
    return IG_OK;
}

/* Copies of a value between the elements of an axis: each gets a dim of its own, which is padded and joined again. */
static ig_value *spread(ig_lower *l, ig_value *x, int rank, int axis, int64_t size, int64_t by, ig_value *value) {
    int64_t pads[2 * (IG_MAX_RANK + 1)] = {0}, *after = pads + rank + 1;
    if (by <= 1 || size <= 1) return x;
    ig_value *lead = ig_tfl_shape(l, x, 0, axis), *rest = ig_tfl_shape(l, x, axis + 1, INT64_MAX);
    after[axis + 1] = by - 1;
    ig_value *y = IG_BUILD(&l->b, "Pad", ig_tfl_unsqueeze(l, x, axis + 1), ig_tfl_list(l, pads, 2 * (size_t)(rank + 1)), value);
    ig_value *shape = ig_tfl_concat(l, (ig_value *[]){lead, ig_tfl_ints1(l, size * by), rest}, 3, 0);
    return ig_tfl_slice(l, ig_tfl_reshape_to(l, y, shape), axis, 0, 1 - by);
}

/* Pads may be negative: then elements are cut off. */
ig_status ig_tfl_lower_stablehlo_pad(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *value = ig_tfl_reshape(l, ig_lower_in(l, 1), NULL, 0);
    const int64_t *low, *high, *inner;
    int64_t pads[2 * IG_MAX_RANK], from[IG_MAX_RANK], to[IG_MAX_RANK], axes[IG_MAX_RANK];
    size_t n, m, k;
    if (!list_attr(l, "edge_padding_low", &low, &n) || !list_attr(l, "edge_padding_high", &high, &m) ||
        !list_attr(l, "interior_padding", &inner, &k) || n != m || n != k || ig_tfl_rank(x) != (int)n)
        return ig_lower_refuse(l, "its pads don't fit its input");
    bool cut = false, padded = false;
    for (size_t i = 0; i < n; i++) {
        int64_t size = ig_tfl_dim(ig_lower_in(l, 0), (int)i);
        if (inner[i] && size < 0) return ig_lower_refuse(l, "the shape of its input is not known");
        x = spread(l, x, (int)n, (int)i, size, inner[i] + 1, value);
        pads[i] = ig_max_i64(low[i], 0);
        pads[n + i] = ig_max_i64(high[i], 0);
        from[i] = low[i] < 0 ? -low[i] : 0;
        to[i] = high[i] < 0 ? high[i] : INT64_MAX;
        axes[i] = (int64_t)i;
        cut |= low[i] < 0 || high[i] < 0;
        padded |= low[i] > 0 || high[i] > 0;
    }
    if (padded) x = IG_BUILD(&l->b, "Pad", x, ig_tfl_list(l, pads, 2 * n), value);
    if (cut) x = IG_BUILD(&l->b, "Slice", x, ig_tfl_list(l, from, n), ig_tfl_list(l, to, n), ig_tfl_list(l, axes, n));
    ig_tfl_out(l, 0, x);
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------- gather, scatter */

/* The places that windows cover: coordinates of each element, [batch…, window…, rank], from the start of each window. */
typedef struct windows {
    int rank, n_batch, n_window; /* of the operand; dims of the starts without their vector; window dims that stay */
    int64_t batch[IG_MAX_RANK];  /* sizes */
    int64_t window[IG_MAX_RANK]; /* size along each operand dim */
    bool dropped[IG_MAX_RANK];   /* operand dims of size 1 that the window doesn't show */
} windows;

/* One coordinate of the starts, with dims of 1 for the window behind it; `room` >= 0: moved inside. */
static ig_value *start_along(ig_lower *l, const windows *w, ig_value *starts, int64_t component, int64_t room) {
    int64_t dims[IG_MAX_RANK];
    for (int i = 0; i < w->n_batch; i++) dims[i] = w->batch[i];
    for (int i = 0; i < w->n_window; i++) dims[w->n_batch + i] = 1;
    ig_value *at = IG_BUILD(&l->b, "Gather", starts, ig_build_i64(&l->b, component));
    ig_build_int(&l->b, "axis", w->n_batch);
    if (room >= 0) at = IG_BUILD(&l->b, "Clip", at, ig_build_i64(&l->b, 0), ig_build_i64(&l->b, room));
    return ig_tfl_reshape(l, at, dims, (size_t)(w->n_batch + w->n_window));
}

static ig_value *offsets_along(ig_lower *l, const windows *w, int place, int64_t size) {
    int64_t dims[IG_MAX_RANK];
    for (int i = 0; i < w->n_batch + w->n_window; i++) dims[i] = i == w->n_batch + place ? size : 1;
    ig_value *line = IG_BUILD(&l->b, "Range", ig_build_i64(&l->b, 0), ig_build_i64(&l->b, size), ig_build_i64(&l->b, 1));
    return ig_tfl_reshape(l, line, dims, (size_t)(w->n_batch + w->n_window));
}

/* Coordinate tensors of all operand dims, not yet broadcast. */
static void coordinates(ig_lower *l, const windows *w, ig_value *starts, const int64_t *map, size_t n_map,
                        const ig_value *operand, bool clamp, ig_value **out) {
    int place = 0;
    for (int d = 0; d < w->rank; d++) {
        ig_value *at = NULL, *offset = NULL;
        for (size_t k = 0; k < n_map; k++)
            if (map[k] == d) at = start_along(l, w, starts, (int64_t)k, clamp ? ig_tfl_dim(operand, d) - w->window[d] : -1);
        if (!w->dropped[d]) offset = offsets_along(l, w, place++, w->window[d]);
        out[d] = at && offset ? IG_BUILD(&l->b, "Add", at, offset) : at ? at : offset ? offset : ig_build_i64(&l->b, 0);
    }
}

static ig_value *grid_shape(ig_lower *l, const windows *w) {
    int64_t dims[IG_MAX_RANK];
    int n = w->n_batch;
    for (int i = 0; i < n; i++) dims[i] = w->batch[i];
    for (int d = 0; d < w->rank; d++)
        if (!w->dropped[d]) dims[n++] = w->window[d];
    return ig_tfl_list(l, dims, (size_t)n);
}

/* Fills in what the starts say; they come out as int64 with the coordinates last. */
static bool read_windows(ig_lower *l, windows *w, ig_value **starts, int64_t vector_dim) {
    int rank = ig_tfl_rank(*starts);
    int64_t perm[IG_MAX_RANK];
    if (!ig_tfl_static(*starts) || vector_dim < 0 || vector_dim > rank) return false;
    ig_value *at = ig_tfl_i64(l, *starts);
    for (int i = 0; i < rank; i++)
        if (i != vector_dim) {
            perm[w->n_batch] = i;
            w->batch[w->n_batch++] = ig_tfl_dim(*starts, i);
        }
    perm[w->n_batch] = vector_dim;
    *starts = vector_dim == rank ? ig_tfl_unsqueeze(l, at, rank) : ig_tfl_transpose(l, at, perm, (size_t)rank);
    for (int d = 0; d < w->rank; d++) w->n_window += !w->dropped[d];
    return w->n_batch + w->n_window + 1 <= IG_MAX_RANK;
}

ig_status ig_tfl_lower_stablehlo_gather(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *at = ig_lower_in(l, 1), *coordinate[IG_MAX_RANK];
    const int64_t *offset, *collapsed, *map, *sizes;
    size_t n_offset, n_collapsed, n_map, n_sizes;
    windows w = {.rank = ig_tfl_rank(x)};
    if (!list_attr(l, "offset_dims", &offset, &n_offset) || !list_attr(l, "collapsed_slice_dims", &collapsed, &n_collapsed) ||
        !list_attr(l, "start_index_map", &map, &n_map) || !list_attr(l, "slice_sizes", &sizes, &n_sizes) || !ig_tfl_static(x) ||
        w.rank != (int)n_sizes)
        return ig_lower_refuse(l, "its slices don't fit its input, or the shape of that is not known");
    for (int d = 0; d < w.rank; d++) {
        w.window[d] = sizes[d];
        w.dropped[d] = has(collapsed, n_collapsed, d);
        if (sizes[d] < 0 || sizes[d] > ig_tfl_dim(x, d)) return ig_lower_refuse(l, "a slice is larger than its input");
    }
    if (!read_windows(l, &w, &at, ig_tfl_attr(l, "index_vector_dim")) || (int)n_offset != w.n_window)
        return ig_lower_refuse(l, "its indices don't fit, or their shape is not known");
    coordinates(l, &w, at, map, n_map, x, true, coordinate);
    ig_value *shape = grid_shape(l, &w);
    for (int d = 0; d < w.rank; d++) coordinate[d] = ig_tfl_unsqueeze(l, IG_BUILD(&l->b, "Expand", coordinate[d], shape), -1);
    ig_value *y = IG_BUILD(&l->b, "GatherND", x, ig_tfl_concat(l, coordinate, (size_t)w.rank, -1));
    int64_t perm[IG_MAX_RANK];
    int next_batch = 0, rank = w.n_batch + w.n_window;
    for (int i = 0; i < rank; i++) perm[i] = -1;
    for (size_t i = 0; i < n_offset; i++)
        if (offset[i] >= 0 && offset[i] < rank) perm[offset[i]] = w.n_batch + (int64_t)i;
    for (int i = 0; i < rank; i++)
        if (perm[i] < 0) perm[i] = next_batch++;
    ig_tfl_out(l, 0, ig_tfl_transpose(l, y, perm, (size_t)rank));
    return IG_OK;
}

/* What a body of one operator on two numbers computes. */
typedef enum fold { FOLD_NONE, FOLD_SUM, FOLD_PRODUCT, FOLD_MAX, FOLD_MIN, FOLD_ALL, FOLD_ANY, FOLD_LAST } fold;

static fold fold_of(const ig_lower *l, const char *option) {
    static const struct {
        const char *op;
        fold fold;
    } ops[] = {{"STABLEHLO_ADD", FOLD_SUM},
               {"STABLEHLO_MULTIPLY", FOLD_PRODUCT},
               {"STABLEHLO_MAXIMUM", FOLD_MAX},
               {"STABLEHLO_MINIMUM", FOLD_MIN},
               {"STABLEHLO_AND", FOLD_ALL},
               {"STABLEHLO_OR", FOLD_ANY},
               {"ADD", FOLD_SUM},
               {"MUL", FOLD_PRODUCT},
               {"MAXIMUM", FOLD_MAX},
               {"MINIMUM", FOLD_MIN},
               {"LOGICAL_AND", FOLD_ALL},
               {"LOGICAL_OR", FOLD_ANY}};
    int64_t number = ig_tfl_attr(l, option);
    const ig_function *f = number < 0 ? NULL : ig_map_get(&ig_tfl_state_of(l)->subgraphs, (uint64_t)number + 1);
    if (!f) return FOLD_NONE;
    if (!f->body->first) return FOLD_LAST;
    if (f->body->first->next || f->body->first->n_in != 2 || f->body->outputs.n != 1) return FOLD_NONE;
    for (size_t i = 0; i < IG_COUNT_OF(ops); i++)
        if (strcmp(f->body->first->op, ops[i].op) == 0) return ops[i].fold;
    return FOLD_NONE;
}

/* Places are numbered through; those outside of the operand are a place of their own behind it, which is cut off. */
ig_status ig_tfl_lower_stablehlo_scatter(ig_lower *l) {
    static const char *const reductions[] = {
        [FOLD_SUM] = "add", [FOLD_PRODUCT] = "mul", [FOLD_MAX] = "max", [FOLD_MIN] = "min", [FOLD_LAST] = "none"};
    ig_value *x = ig_lower_in(l, 0), *at = ig_lower_in(l, 1), *updates = ig_lower_in(l, 2), *coordinate[IG_MAX_RANK];
    const int64_t *window, *inserted, *map;
    size_t n_window, n_inserted, n_map;
    windows w = {.rank = ig_tfl_rank(x)};
    fold how = fold_of(l, "update_computation_subgraph_index");
    if (l->node->n_in != 3 || how >= IG_COUNT_OF(reductions) || !reductions[how])
        return ig_lower_refuse(l, "its update is not a plain operation");
    if (!list_attr(l, "update_window_dims", &window, &n_window) ||
        !list_attr(l, "inserted_window_dims", &inserted, &n_inserted) ||
        !list_attr(l, "scatter_dims_to_operand_dims", &map, &n_map) || !ig_tfl_static(x) || !ig_tfl_static(updates))
        return ig_lower_refuse(l, "the shapes of its inputs are not known");
    int64_t perm[IG_MAX_RANK], count = 1;
    int rank = ig_tfl_rank(updates), n_batch = 0;
    size_t place = 0;
    for (int d = 0; d < w.rank; d++) {
        w.dropped[d] = has(inserted, n_inserted, d);
        if (!w.dropped[d] && (place >= n_window || window[place] < 0 || window[place] >= rank))
            return ig_lower_refuse(l, "its windows don't fit");
        w.window[d] = w.dropped[d] ? 1 : ig_tfl_dim(updates, (int)window[place++]);
        count *= ig_tfl_dim(x, d);
    }
    if (!read_windows(l, &w, &at, ig_tfl_attr(l, "index_vector_dim")) || w.n_batch + w.n_window != rank)
        return ig_lower_refuse(l, "its indices don't fit, or their shape is not known");
    for (int i = 0; i < rank; i++)
        if (!has(window, n_window, i)) perm[n_batch++] = i;
    for (size_t i = 0; i < n_window; i++) perm[n_batch + (int)i] = window[i];
    coordinates(l, &w, at, map, n_map, x, false, coordinate);
    ig_value *zero = ig_build_i64(&l->b, 0), *number = zero, *inside = ig_build_scalar(&l->b, IG_BOOL, 1);
    for (int d = 0; d < w.rank; d++) {
        ig_value *size = ig_build_i64(&l->b, ig_tfl_dim(x, d));
        number = IG_BUILD(&l->b, "Add", IG_BUILD(&l->b, "Mul", number, size), coordinate[d]);
        inside = IG_BUILD(&l->b, "And", inside, IG_BUILD(&l->b, "Less", coordinate[d], size));
        inside = IG_BUILD(&l->b, "And", inside, IG_BUILD(&l->b, "GreaterOrEqual", coordinate[d], zero));
    }
    number = IG_BUILD(&l->b, "Where", inside, number, ig_build_i64(&l->b, count));
    number = ig_tfl_reshape(l, IG_BUILD(&l->b, "Expand", number, grid_shape(l, &w)), (int64_t[]){-1, 1}, 2);
    ig_value *flat = ig_tfl_reshape(l, x, (int64_t[]){-1}, 1), *spare = ig_tfl_filled(l, ig_tfl_ints1(l, 1), ig_tfl_type(x), 0);
    flat = ig_tfl_concat(l, (ig_value *[]){flat, spare}, 2, 0);
    updates = ig_tfl_reshape(l, ig_tfl_transpose(l, updates, perm, (size_t)rank), (int64_t[]){-1}, 1);
    ig_value *y = IG_BUILD(&l->b, "ScatterND", flat, number, updates);
    if (how != FOLD_LAST) ig_build_str(&l->b, "reduction", reductions[how]);
    y = ig_tfl_slice(l, y, 0, 0, count);
    ig_tfl_out(l, 0, ig_tfl_reshape_to(l, y, ig_tfl_shape(l, x, 0, INT64_MAX)));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------- reductions */

static ig_value *reduce_axis(ig_lower *l, fold how, ig_value *x, ig_value *axes) {
    static const char *const ops[] = {[FOLD_SUM] = "ReduceSum", [FOLD_PRODUCT] = "ReduceProd", [FOLD_MAX] = "ReduceMax",
                                      [FOLD_MIN] = "ReduceMin", [FOLD_ALL] = "ReduceMin",      [FOLD_ANY] = "ReduceMax"};
    return IG_TFL_OP(l, ops[how], "keepdims=0 noop_with_empty_axes=1", x, axes);
}

static ig_value *combine(ig_lower *l, fold how, ig_value *a, ig_value *b) {
    static const char *const ops[] = {[FOLD_SUM] = "Add", [FOLD_PRODUCT] = "Mul", [FOLD_MAX] = "Max",
                                      [FOLD_MIN] = "Min", [FOLD_ALL] = "And",     [FOLD_ANY] = "Or"};
    return IG_BUILD(&l->b, ops[how], a, b);
}

ig_status ig_tfl_lower_stablehlo_reduce(ig_lower *l) {
    const int64_t *dims;
    size_t n;
    fold how = fold_of(l, "body_subgraph_index");
    if (l->node->n_in != 2 || how == FOLD_NONE || how == FOLD_LAST)
        return ig_lower_refuse(l, "its body is not a plain operation");
    if (!list_attr(l, "dimensions", &dims, &n)) return ig_lower_refuse(l, "it has too many dims");
    ig_value *y = reduce_axis(l, how, ig_lower_in(l, 0), ig_tfl_list(l, dims, n));
    ig_tfl_out(l, 0, combine(l, how, y, ig_tfl_reshape(l, ig_lower_in(l, 1), NULL, 0)));
    return IG_OK;
}

/* Windows along one axis: their elements are gathered into a dim of their own and reduced. */
static ig_value *reduce_windows(ig_lower *l, fold how, ig_value *x, int axis, int64_t size, int64_t window, int64_t stride,
                                int64_t dilation) {
    int64_t reach = (window - 1) * dilation + 1, n = size < reach ? 0 : (size - reach) / stride + 1, dims[] = {n, window};
    ig_tensor *t = NULL;
    if (window == 1 && stride == 1) return x;
    if (ig_tensor_new(&t, l->model->context, IG_I64, 2, dims, NULL) == IG_OK)
        for (int64_t i = 0; i < n; i++)
            for (int64_t k = 0; k < window; k++) ((int64_t *)t->data)[i * window + k] = i * stride + k * dilation;
    ig_value *y = IG_BUILD(&l->b, "Gather", x, ig_build_tensor(&l->b, t));
    ig_build_int(&l->b, "axis", axis);
    return reduce_axis(l, how, y, ig_tfl_ints1(l, axis + 1));
}

/* A window over all dims. Lists of n; padding of 2n (before and after each dim), NULL: none; base NULL: all 1. */
typedef struct reduction {
    fold how;
    size_t n;
    const int64_t *window, *strides, *dilations, *base, *padding;
} reduction;

/* The reductions are associative, so that axes can follow one another. */
static ig_status reduce_all_windows(ig_lower *l, const reduction *r) {
    ig_value *x = ig_lower_in(l, 0), *y = x, *start = ig_tfl_reshape(l, ig_lower_in(l, 1), NULL, 0);
    int64_t pads[2 * IG_MAX_RANK], sizes[IG_MAX_RANK];
    bool padded = false;
    for (size_t i = 0; i < r->n; i++) {
        int64_t size = ig_tfl_dim(x, (int)i), base = r->base ? r->base[i] : 1;
        pads[i] = r->padding ? r->padding[2 * i] : 0;
        pads[r->n + i] = r->padding ? r->padding[2 * i + 1] : 0;
        if (r->window[i] < 1 || r->strides[i] < 1 || base < 1 || r->dilations[i] < 1 || pads[i] < 0 || pads[r->n + i] < 0)
            return ig_lower_refuse(l, "its window is impossible, or its padding negative");
        padded |= pads[i] || pads[r->n + i];
        sizes[i] = (size > 0 ? (size - 1) * base + 1 : 0) + pads[i] + pads[r->n + i];
        if (sizes[i] > 1 << 24 || r->window[i] > 1 << 24 || r->dilations[i] > 1 << 24 ||
            (sizes[i] + 1) * r->window[i] > 1 << 26)
            return ig_lower_refuse(l, "its window is too large");
        y = spread(l, y, (int)r->n, (int)i, size, base, start);
    }
    if (padded) y = IG_BUILD(&l->b, "Pad", y, ig_tfl_list(l, pads, 2 * r->n), start);
    for (size_t i = 0; i < r->n; i++)
        y = reduce_windows(l, r->how, y, (int)i, sizes[i], r->window[i], r->strides[i], r->dilations[i]);
    ig_tfl_out(l, 0, combine(l, r->how, y, start));
    return IG_OK;
}

ig_status ig_tfl_lower_stablehlo_reduce_window(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    size_t ns, nb, nd, np;
    reduction r = {.how = fold_of(l, "body_subgraph_index")};
    if (l->node->n_in != 2 || r.how == FOLD_NONE || r.how == FOLD_LAST)
        return ig_lower_refuse(l, "its body is not a plain operation");
    r.padding = ig_attr_ints(l->node, "padding", &np);
    bool fit = list_attr(l, "window_dimensions", &r.window, &r.n) && list_attr(l, "window_strides", &r.strides, &ns) &&
               list_attr(l, "base_dilations", &r.base, &nb) && list_attr(l, "window_dilations", &r.dilations, &nd);
    if (!fit || !ig_tfl_static(x) || ig_tfl_rank(x) != (int)r.n || ns != r.n || nb != r.n || nd != r.n || np != 2 * r.n)
        return ig_lower_refuse(l, "its window doesn't fit its input, or the shape of that is not known");
    return reduce_all_windows(l, &r);
}

/* TFLite's own: the window is in the inputs. */
ig_status ig_tfl_lower_reduce_window(ig_lower *l) {
    static const struct {
        const char *name;
        fold fold;
    } folds[] = {{"ADD", FOLD_SUM},     {"MUL", FOLD_PRODUCT}, {"MINIMUM", FOLD_MIN},
                 {"MAXIMUM", FOLD_MAX}, {"ALL", FOLD_ALL},     {"ANY", FOLD_ANY}};
    ig_value *x = ig_lower_in(l, 0);
    int64_t window[IG_MAX_RANK], strides[IG_MAX_RANK], dilations[IG_MAX_RANK];
    size_t ns, nd;
    reduction r = {.window = window, .strides = strides, .dilations = dilations};
    for (size_t i = 0; i < IG_COUNT_OF(folds); i++)
        if (ig_tfl_attr_is(l, "reduce_function", folds[i].name)) r.how = folds[i].fold;
    if (r.how == FOLD_NONE) return ig_lower_refuse(l, "its function is unknown");
    bool fit = ig_tfl_ints(l, ig_lower_in(l, 2), window, IG_MAX_RANK, &r.n) &&
               ig_tfl_ints(l, ig_lower_in(l, 3), strides, IG_MAX_RANK, &ns) &&
               ig_tfl_ints(l, ig_lower_in(l, 4), dilations, IG_MAX_RANK, &nd);
    if (!fit || !ig_tfl_static(x) || ig_tfl_rank(x) != (int)r.n || ns != r.n || nd != r.n)
        return ig_lower_refuse(l, "its window doesn't fit its input, or the shape of that is not known");
    return reduce_all_windows(l, &r);
}

/* Ascending or descending, as the comparator of two numbers says. */
ig_status ig_tfl_lower_sort(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    int64_t number = ig_tfl_attr(l, "comparator_subgraph_index");
    const ig_function *f = number < 0 ? NULL : ig_map_get(&ig_tfl_state_of(l)->subgraphs, (uint64_t)number + 1);
    const ig_node *n = f ? f->body->first : NULL;
    int axis;
    IG_TRY(ig_tfl_axis(l, x, ig_tfl_attr(l, "dimension"), &axis));
    bool plain = n && !n->next && n->n_in == 2 && f->body->inputs.n == 2 && n->in[0] == f->body->inputs.items[0].value;
    ig_str direction = plain ? ig_attr_str(n, "comparison_direction") : (ig_str){0};
    bool less = plain && (strstr(n->op, "LESS") == n->op || ig_str_ends(direction, "_LT") || ig_str_ends(direction, "_LE"));
    bool greater =
        plain && (strstr(n->op, "GREATER") == n->op || ig_str_ends(direction, "_GT") || ig_str_ends(direction, "_GE"));
    if (l->node->n_in != 1 || (!less && !greater)) return ig_lower_refuse(l, "its comparator is not a plain comparison");
    ig_value *in[] = {x, ig_tfl_shape(l, x, axis, axis + 1)};
    ig_node *top = ig_build_node(&l->b, NULL, "TopK", in, 2, 2);
    ig_build_int(&l->b, "axis", axis);
    ig_build_int(&l->b, "largest", greater);
    ig_tfl_out(l, 0, ig_build_out(top, 0));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------- products, convolutions */

/* Dims of a side in the order batch, free, contracting (or with `swap` batch, contracting, free), and the products of their
 * sizes. */
static ig_value *matrix(ig_lower *l, ig_value *v, const int64_t *batch, size_t n_batch, const int64_t *sum, size_t n_sum,
                        bool swap, ig_tfl_size *free, size_t *n_free) {
    int64_t perm[IG_MAX_RANK];
    size_t rank = (size_t)ig_tfl_rank(v), k = 0;
    int64_t rows = 1, depth = 1;
    ig_tfl_size sizes[IG_MAX_RANK];
    *n_free = 0;
    for (size_t i = 0; i < n_batch; i++) perm[k++] = batch[i];
    for (size_t i = 0; swap && i < n_sum; i++) perm[k++] = sum[i];
    for (size_t i = 0; i < rank; i++) {
        if (has(batch, n_batch, (int64_t)i) || has(sum, n_sum, (int64_t)i)) continue;
        perm[k++] = (int64_t)i;
        free[(*n_free)++] = ig_tfl_size_of(l, v, (int)i);
        rows *= ig_tfl_dim(v, (int)i);
    }
    for (size_t i = 0; !swap && i < n_sum; i++) perm[k++] = sum[i];
    for (size_t i = 0; i < n_sum; i++) depth *= ig_tfl_dim(v, (int)sum[i]);
    for (size_t i = 0; i < n_batch; i++) sizes[i] = ig_tfl_size_of(l, v, (int)batch[i]);
    sizes[n_batch] = (ig_tfl_size){swap ? depth : rows, NULL};
    sizes[n_batch + 1] = (ig_tfl_size){swap ? rows : depth, NULL};
    return ig_tfl_resize(l, ig_tfl_transpose(l, v, perm, rank), sizes, n_batch + 2);
}

static bool dims_within(const int64_t *list, size_t n, int rank) {
    for (size_t i = 0; i < n; i++)
        if (list[i] < 0 || list[i] >= rank) return false;
    return true;
}

ig_status ig_tfl_lower_dot_general(ig_lower *l) {
    ig_value *a = ig_lower_in(l, 0), *b = ig_lower_in(l, 1);
    const int64_t *batch_a, *batch_b, *sum_a, *sum_b;
    size_t n_batch, n_batch_b, n_sum, n_sum_b, n_a, n_b, k = 0;
    ig_tfl_size free_a[IG_MAX_RANK], free_b[IG_MAX_RANK], sizes[2 * IG_MAX_RANK];
    bool fit = list_attr(l, "lhs_batching_dimensions", &batch_a, &n_batch) &&
               list_attr(l, "rhs_batching_dimensions", &batch_b, &n_batch_b) &&
               list_attr(l, "lhs_contracting_dimensions", &sum_a, &n_sum) &&
               list_attr(l, "rhs_contracting_dimensions", &sum_b, &n_sum_b);
    if (!fit || n_batch != n_batch_b || n_sum != n_sum_b || !ig_tfl_static(a) || !ig_tfl_static(b) ||
        !dims_within(batch_a, n_batch, ig_tfl_rank(a)) || !dims_within(sum_a, n_sum, ig_tfl_rank(a)) ||
        !dims_within(batch_b, n_batch, ig_tfl_rank(b)) || !dims_within(sum_b, n_sum, ig_tfl_rank(b)) ||
        n_batch + 2 > IG_MAX_RANK)
        return ig_lower_refuse(l, "its dims don't fit, or the shapes of its inputs are not known");
    ig_value *x = matrix(l, a, batch_a, n_batch, sum_a, n_sum, false, free_a, &n_a);
    ig_value *y = matrix(l, b, batch_b, n_batch, sum_b, n_sum, true, free_b, &n_b);
    for (size_t i = 0; i < n_batch; i++) sizes[k++] = ig_tfl_size_of(l, a, (int)batch_a[i]);
    for (size_t i = 0; i < n_a; i++) sizes[k++] = free_a[i];
    for (size_t i = 0; i < n_b; i++) sizes[k++] = free_b[i];
    if (k > IG_MAX_RANK) return ig_lower_refuse(l, "its result has too many dims");
    ig_tfl_out_cast(l, 0, ig_tfl_resize(l, IG_BUILD(&l->b, "MatMul", x, y), sizes, k));
    return IG_OK;
}

/* batch, feature, spatial dims of a side as a permutation. */
static bool dim_numbers(const ig_lower *l, const char *first, const char *second, const char *spatial, int rank,
                        int64_t *perm) {
    const int64_t *dims;
    size_t n;
    if (!list_attr(l, spatial, &dims, &n) || (int)n + 2 != rank) return false;
    perm[0] = ig_tfl_attr(l, first);
    perm[1] = ig_tfl_attr(l, second);
    for (size_t i = 0; i < n; i++) perm[2 + i] = dims[i];
    for (int i = 0; i < rank; i++)
        if (perm[i] < 0 || perm[i] >= rank) return false;
    return true;
}

ig_status ig_tfl_lower_stablehlo_convolution(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *w = ig_lower_in(l, 1);
    int rank = ig_tfl_rank(x);
    int64_t in[IG_MAX_RANK], kernel[IG_MAX_RANK], out[IG_MAX_RANK], back[IG_MAX_RANK], pads[2 * IG_MAX_RANK];
    const int64_t *strides, *spread_x, *dilations, *reversal, *padding;
    size_t n = rank > 2 ? (size_t)rank - 2 : 0, ns, nl, nr, nv, np;
    padding = ig_attr_ints(l->node, "padding", &np);
    bool fit = rank > 2 && ig_tfl_rank(w) == rank &&
               dim_numbers(l, "input_batch_dimension", "input_feature_dimension", "input_spatial_dimensions", rank, in) &&
               dim_numbers(l, "kernel_output_feature_dimension", "kernel_input_feature_dimension", "kernel_spatial_dimensions",
                           rank, kernel) &&
               dim_numbers(l, "output_batch_dimension", "output_feature_dimension", "output_spatial_dimensions", rank, out) &&
               list_attr(l, "window_strides", &strides, &ns) && list_attr(l, "lhs_dilation", &spread_x, &nl) &&
               list_attr(l, "rhs_dilation", &dilations, &nr) && list_attr(l, "window_reversal", &reversal, &nv);
    if (!fit || (ns && ns != n) || (nl && nl != n) || (nr && nr != n) || (np && np != 2 * n))
        return ig_lower_refuse(l, "its dims don't fit, or the rank of its inputs is not known");
    if (ig_tfl_attr(l, "batch_group_count") > 1) return ig_lower_refuse(l, "it has batch groups");
    ig_value *data = ig_tfl_transpose(l, x, in, (size_t)rank), *weights = ig_tfl_transpose(l, w, kernel, (size_t)rank);
    for (size_t i = 0; i < n; i++) {
        int64_t size = ig_tfl_dim(x, (int)in[2 + i]);
        if (nl && spread_x[i] > 1 && size < 0) return ig_lower_refuse(l, "the shape of its input is not known");
        if (nl) data = spread(l, data, rank, (int)i + 2, size, spread_x[i], ig_tfl_scalar(l, x, 0));
        if (nv > i && reversal[i])
            weights = IG_BUILD(&l->b, "Slice", weights, ig_tfl_ints1(l, -1), ig_tfl_ints1(l, INT64_MIN),
                               ig_tfl_ints1(l, (int64_t)i + 2), ig_tfl_ints1(l, -1));
        pads[i] = np ? padding[2 * i] : 0;
        pads[n + i] = np ? padding[2 * i + 1] : 0;
        if (pads[i] < 0 || pads[n + i] < 0) return ig_lower_refuse(l, "its padding is negative");
    }
    for (int i = 0; i < rank; i++) back[out[i]] = i;
    ig_value *y = IG_BUILD(&l->b, "Conv", data, weights);
    if (ns) ig_build_ints(&l->b, "strides", strides, n);
    if (nr) ig_build_ints(&l->b, "dilations", dilations, n);
    ig_build_ints(&l->b, "pads", pads, 2 * n);
    ig_build_int(&l->b, "group", ig_max_i64(ig_tfl_attr(l, "feature_group_count"), 1));
    ig_tfl_out(l, 0, ig_tfl_transpose(l, y, back, (size_t)rank));
    return IG_OK;
}
