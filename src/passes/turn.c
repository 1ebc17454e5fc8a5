/* The table of operators that don't mind the order of dims, and what each of them needs. */
#include "passes/turn.h"

static const struct {
    const char *op;
    uint8_t kind;
} table[] = {
    {"Abs", IG_TURN_UNARY},
    {"Acos", IG_TURN_UNARY},
    {"Acosh", IG_TURN_UNARY},
    {"Asin", IG_TURN_UNARY},
    {"Asinh", IG_TURN_UNARY},
    {"Atan", IG_TURN_UNARY},
    {"Atanh", IG_TURN_UNARY},
    {"Cast", IG_TURN_UNARY},
    {"Ceil", IG_TURN_UNARY},
    {"Celu", IG_TURN_UNARY},
    {"Clip", IG_TURN_UNARY},
    {"Cos", IG_TURN_UNARY},
    {"Cosh", IG_TURN_UNARY},
    {"Elu", IG_TURN_UNARY},
    {"Erf", IG_TURN_UNARY},
    {"Exp", IG_TURN_UNARY},
    {"Floor", IG_TURN_UNARY},
    {"Gelu", IG_TURN_UNARY},
    {"HardSigmoid", IG_TURN_UNARY},
    {"HardSwish", IG_TURN_UNARY},
    {"Identity", IG_TURN_UNARY},
    {"IsInf", IG_TURN_UNARY},
    {"IsNaN", IG_TURN_UNARY},
    {"LeakyRelu", IG_TURN_UNARY},
    {"Log", IG_TURN_UNARY},
    {"Mish", IG_TURN_UNARY},
    {"Neg", IG_TURN_UNARY},
    {"Not", IG_TURN_UNARY},
    {"Reciprocal", IG_TURN_UNARY},
    {"Relu", IG_TURN_UNARY},
    {"Round", IG_TURN_UNARY},
    {"Selu", IG_TURN_UNARY},
    {"Sigmoid", IG_TURN_UNARY},
    {"Sign", IG_TURN_UNARY},
    {"Sin", IG_TURN_UNARY},
    {"Sinh", IG_TURN_UNARY},
    {"Softplus", IG_TURN_UNARY},
    {"Softsign", IG_TURN_UNARY},
    {"Sqrt", IG_TURN_UNARY},
    {"Swish", IG_TURN_UNARY},
    {"Tan", IG_TURN_UNARY},
    {"Tanh", IG_TURN_UNARY},
    {"Add", IG_TURN_NARY},
    {"And", IG_TURN_NARY},
    {"BitwiseAnd", IG_TURN_NARY},
    {"BitwiseOr", IG_TURN_NARY},
    {"BitwiseXor", IG_TURN_NARY},
    {"Div", IG_TURN_NARY},
    {"Equal", IG_TURN_NARY},
    {"Greater", IG_TURN_NARY},
    {"GreaterOrEqual", IG_TURN_NARY},
    {"Less", IG_TURN_NARY},
    {"LessOrEqual", IG_TURN_NARY},
    {"Max", IG_TURN_NARY},
    {"Mean", IG_TURN_NARY},
    {"Min", IG_TURN_NARY},
    {"Mod", IG_TURN_NARY},
    {"Mul", IG_TURN_NARY},
    {"Or", IG_TURN_NARY},
    {"PRelu", IG_TURN_NARY},
    {"Pow", IG_TURN_NARY},
    {"Sub", IG_TURN_NARY},
    {"Sum", IG_TURN_NARY},
    {"Where", IG_TURN_NARY},
    {"Xor", IG_TURN_NARY},
    {"QuantizeLinear", IG_TURN_QUANTIZE},
    {"DequantizeLinear", IG_TURN_QUANTIZE},
    {"Split", IG_TURN_AXIS},
    {"Softmax", IG_TURN_AXIS},
    {"LogSoftmax", IG_TURN_AXIS},
    {"Hardmax", IG_TURN_AXIS},
    {"ArgMax", IG_TURN_ARG},
    {"ArgMin", IG_TURN_ARG},
    {"CumSum", IG_TURN_CUMSUM},
    {"Tile", IG_TURN_PER_DIM},
    {"Expand", IG_TURN_PER_DIM},
    {"Concat", IG_TURN_CONCAT},
    {"Pad", IG_TURN_PADS},
    {"Slice", IG_TURN_SLICE},
    {"ReduceSum", IG_TURN_REDUCE},
    {"ReduceMean", IG_TURN_REDUCE},
    {"ReduceMax", IG_TURN_REDUCE},
    {"ReduceMin", IG_TURN_REDUCE},
    {"ReduceProd", IG_TURN_REDUCE},
    {"ReduceL1", IG_TURN_REDUCE},
    {"ReduceL2", IG_TURN_REDUCE},
    {"ReduceLogSum", IG_TURN_REDUCE},
    {"ReduceLogSumExp", IG_TURN_REDUCE},
    {"ReduceSumSquare", IG_TURN_REDUCE},
    {"Resize", IG_TURN_RESIZE},
    {"Shape", IG_TURN_SHAPE_ENDS},
};

/* ----------------------------------------------------------------------------------------------------------- conditions */

const int64_t *ig_turn_perm_of(const ig_node *n, int rank) {
    size_t k;
    const int64_t *perm = ig_node_is(n, "", "Transpose") && n->schema ? ig_attr_ints(n, "perm", &k) : NULL;
    uint64_t seen = 0;
    for (size_t i = 0; perm && i < k; i++) /* a file may say anything */
        seen |= perm[i] >= 0 && perm[i] < IG_MAX_RANK ? UINT64_C(1) << perm[i] : 0;
    return perm && (int)k == rank && rank <= IG_MAX_RANK && seen == (UINT64_C(1) << rank) - 1 ? perm : NULL;
}

/* A constant list of as many integers (scales: floats). */
static bool is_list(const ig_value *v, int64_t n) {
    const ig_tensor *t = v ? ig_match_content(v) : NULL;
    return t && t->rank == 1 && t->dims[0] == n;
}

static bool axis_within(const ig_node *n, int rank) {
    int64_t axis = ig_attr_int(n, "axis");
    return axis >= -rank && axis < rank;
}

/* The axes of a reduction or slice, non-negative; false when they aren't known. */
static bool axes_of(const ig_node *n, uint32_t input, int rank, int64_t *axes, size_t *count) {
    const ig_value *v = n->n_in > input ? n->in[input] : NULL;
    const ig_tensor *t = v ? ig_match_content(v) : NULL;
    if (v && (!t || t->rank != 1 || t->count > (size_t)rank)) return false;
    *count = t ? t->count : 0;
    const int64_t *given = !v && ig_attr_find(n, "axes") ? ig_attr_ints(n, "axes", count) : NULL;
    if (*count > (size_t)rank) return false;
    for (size_t i = 0; i < *count; i++) {
        axes[i] = t ? ig_load_as_i64(t->dtype, t->data, i) : given[i];
        if (axes[i] < 0) axes[i] += rank;
        if (axes[i] < 0 || axes[i] >= rank) return false;
    }
    return v || given;
}

/* The axis of a CumSum, non-negative; false when it isn't known. */
static bool axis_given(const ig_node *n, int rank, int64_t *axis) {
    const ig_tensor *t = n->n_in > 1 && n->in[1] ? ig_match_content(n->in[1]) : NULL;
    if (!t || t->count != 1) return false;
    *axis = ig_load_as_i64(t->dtype, t->data, 0);
    if (*axis < 0) *axis += rank;
    return *axis >= 0 && *axis < rank;
}

bool ig_turn_is_data(ig_turn_kind k, uint32_t input) { return k == IG_TURN_NARY || k == IG_TURN_CONCAT || input == 0; }

bool ig_turn_in_place(const ig_value *v) { return v->constant && !v->is_input && !v->constant->bad; }

static bool inputs_fit(const ig_node *n, ig_turn_kind k, int rank) {
    for (uint32_t i = 0; i < n->n_in; i++) {
        const ig_value *v = n->in[i];
        if (!v || !ig_turn_is_data(k, i)) continue;
        int r = ig_match_rank(v);
        if (ig_turn_in_place(v) && k == IG_TURN_NARY ? r < 0 || r > rank : r != rank && !(k == IG_TURN_NARY && r == 0))
            return false;
    }
    return true;
}

static bool outputs_fit(const ig_node *n, int rank) {
    for (uint32_t o = 0; o < n->n_out; o++)
        if (n->out[o] && ig_match_rank(n->out[o]) != rank) return false;
    return true;
}

static bool quantize_fits(const ig_node *n, int rank) {
    int scale = n->n_in > 1 && n->in[1] ? ig_match_rank(n->in[1]) : IG_UNRANKED;
    if (ig_attr_int(n, "block_size")) return false;
    return scale == 0 || (scale == 1 && axis_within(n, rank));
}

static bool slice_fits(const ig_node *n, int rank) {
    int64_t axes[IG_MAX_RANK];
    size_t count;
    if (n->schema->since < 10 || n->n_in < 3) return false;
    if (n->n_in > 3 && n->in[3]) return axes_of(n, 3, rank, axes, &count);
    const ig_tensor *starts = n->in[1] ? ig_match_content(n->in[1]) : NULL;
    return starts && starts->rank == 1 && starts->dims[0] <= rank;
}

/* A reduction whose dims are dropped ends the region, unless what is left would come out in another order. */
static ig_turn_kind reduce_kind(const ig_turn *r, const ig_node *n, ig_turn_kind kept) {
    int64_t axes[IG_MAX_RANK], last = -1;
    size_t count = 1;
    bool gone[IG_MAX_RANK] = {false};
    if (kept == IG_TURN_ARG) {
        if (!axis_within(n, r->rank)) return IG_TURN_NONE;
        axes[0] = ig_attr_int(n, "axis");
        if (axes[0] < 0) axes[0] += r->rank;
    } else if (!axes_of(n, 1, r->rank, axes, &count) || count == 0) {
        return IG_TURN_NONE;
    }
    if (ig_attr_int(n, "keepdims")) return kept;
    for (size_t i = 0; i < count; i++) gone[axes[i]] = true;
    for (int i = 0; i < r->rank; i++) { /* what is left must come out in the same order */
        if (gone[i]) continue;
        if (r->perm[i] < last) return IG_TURN_NONE;
        last = r->perm[i];
    }
    return IG_TURN_ENDS;
}

ig_turn_kind ig_turn_kind_of(const ig_turn *r, const ig_node *n) {
    ig_turn_kind k = IG_TURN_NONE;
    int64_t axis;
    if (!n->schema || ig_node_domain(n)[0] || n->graph != r->graph || n->n_in == 0) return IG_TURN_NONE;
    for (size_t i = 0; i < IG_COUNT_OF(table); i++)
        if (strcmp(n->op, table[i].op) == 0) k = (ig_turn_kind)table[i].kind;
    switch (k) {
    case IG_TURN_QUANTIZE:
        if (!quantize_fits(n, r->rank)) return IG_TURN_NONE;
        break;
    case IG_TURN_AXIS:
    case IG_TURN_CONCAT:
        if (!axis_within(n, r->rank) || (n->schema->since < 13 && strstr(n->op, "max"))) return IG_TURN_NONE;
        break;
    case IG_TURN_PADS:
        if (n->n_in < 2 || n->n_in > 3 || !is_list(n->in[1], 2 * r->rank)) return IG_TURN_NONE;
        break;
    case IG_TURN_SLICE:
        if (!slice_fits(n, r->rank)) return IG_TURN_NONE;
        break;
    case IG_TURN_ARG:
    case IG_TURN_REDUCE: k = reduce_kind(r, n, k); break;
    case IG_TURN_CUMSUM:
        if (!axis_given(n, r->rank, &axis)) return IG_TURN_NONE;
        break;
    case IG_TURN_PER_DIM:
        if (n->n_in < 2 || !is_list(n->in[1], r->rank)) return IG_TURN_NONE;
        break;
    case IG_TURN_RESIZE:
        if (n->n_in < 3 || (n->n_in > 1 && n->in[1]) || ig_attr_find(n, "axes")) return IG_TURN_NONE;
        for (uint32_t i = 2; i < n->n_in; i++)
            if (n->in[i] && !is_list(n->in[i], r->rank)) return IG_TURN_NONE;
        break;
    case IG_TURN_NARY:
        if (n->schema->since < 7) return IG_TURN_NONE; /* broadcasting from an axis */
        break;
    default: break;
    }
    if (k == IG_TURN_ENDS || k == IG_TURN_SHAPE_ENDS) return k;
    return k != IG_TURN_NONE && inputs_fit(n, k, r->rank) && outputs_fit(n, r->rank) ? k : IG_TURN_NONE;
}

/* --------------------------------------------------------------------------------------------------------------- turning */

static bool put_axes(const ig_turn *r, ig_node *n, uint32_t input, const int64_t *axes, size_t count) {
    int64_t turned[IG_MAX_RANK];
    for (size_t i = 0; i < count; i++) turned[i] = r->perm[axes[i]];
    if (n->n_in <= input && ig_attr_find(n, "axes")) return ig_attr_put_ints(n, "axes", turned, count);
    ig_build b = ig_build_before(n);
    ig_value *list = ig_build_i64s(&b, turned, count);
    if (n->n_in <= input && !ig_node_resize(n, input + 1, n->n_out)) return false;
    return list && ig_node_set_input(n, input, list);
}

/* A constant list with an entry for each dim (`sides` times), in the new order. */
static bool turn_list(const ig_turn *r, ig_node *n, uint32_t input, int sides) {
    const ig_tensor *t = n->in[input] ? ig_match_content(n->in[input]) : NULL;
    ig_tensor *copy = NULL;
    if (!n->in[input]) return true;
    if (!t || ig_tensor_new(&copy, r->graph->model->context, t->dtype, 1, t->dims, NULL) != IG_OK) return false;
    size_t size = ig_dtype_bytes(t->dtype);
    for (int s = 0; s < sides; s++)
        for (int i = 0; i < r->rank; i++)
            memcpy((uint8_t *)copy->data + size * (size_t)(s * r->rank + (int)r->perm[i]),
                   (const uint8_t *)t->data + size * (size_t)(s * r->rank + i), size);
    ig_build b = ig_build_before(n);
    ig_value *list = ig_build_tensor(&b, copy);
    return list && ig_node_set_input(n, input, list);
}

static bool turn_axis(const ig_turn *r, ig_node *n) {
    int64_t axis = ig_attr_int(n, "axis");
    return ig_attr_put_int(n, "axis", r->perm[axis < 0 ? axis + r->rank : axis]);
}

static bool turn_axis_input(const ig_turn *r, ig_node *n) {
    int64_t axis;
    ig_build b = ig_build_before(n);
    ig_value *turned = axis_given(n, r->rank, &axis) ? ig_build_i64(&b, r->perm[axis]) : NULL;
    return turned && ig_node_set_input(n, 1, turned);
}

bool ig_turn_words(const ig_turn *r, ig_node *n, ig_turn_kind k) {
    int64_t axes[IG_MAX_RANK];
    size_t count;
    switch (k) {
    case IG_TURN_QUANTIZE: return ig_match_rank(n->in[1]) == 0 || turn_axis(r, n);
    case IG_TURN_AXIS:
    case IG_TURN_CONCAT: return turn_axis(r, n);
    case IG_TURN_ARG: return turn_axis(r, n);
    case IG_TURN_CUMSUM: return turn_axis_input(r, n);
    case IG_TURN_PADS: return turn_list(r, n, 1, 2);
    case IG_TURN_PER_DIM: return turn_list(r, n, 1, 1);
    case IG_TURN_RESIZE:
        for (uint32_t i = 2; i < n->n_in; i++)
            if (!turn_list(r, n, i, 1)) return false;
        return true;
    case IG_TURN_SLICE:
        if (!axes_of(n, 3, r->rank, axes, &count)) {
            count = ig_match_content(n->in[1])->count;
            for (size_t i = 0; i < count; i++) axes[i] = (int64_t)i;
        }
        return put_axes(r, n, 3, axes, count);
    case IG_TURN_ENDS:
        if (strncmp(n->op, "Arg", 3) == 0) return turn_axis(r, n);
        return axes_of(n, 1, r->rank, axes, &count) && put_axes(r, n, 1, axes, count);
    case IG_TURN_REDUCE: return axes_of(n, 1, r->rank, axes, &count) && put_axes(r, n, 1, axes, count);
    default: return true;
    }
}
