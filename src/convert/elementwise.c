/* Elementwise operators: old broadcasting, casts, activations that are sums of older operators. */
#include "convert/convert.h"

/* ---- broadcasting before version 7: only the second input, whole or along `axis`, and only when asked for ---- */

static ig_value *with_axes(ig_adapt *a, const char *op, ig_value *v, int from, int to) {
    int64_t axes[IG_MAX_RANK];
    for (int i = from; i < to; i++) axes[i - from] = i;
    ig_value *out = IG_BUILD(&a->b, op, v);
    ig_build_ints(&a->b, "axes", axes, (size_t)(to - from));
    a->built = true;
    return out;
}

ig_status ig_adapt_axis_broadcast_up(ig_adapt *a) {
    const ig_attr *axis = ig_attr_find(a->node, "axis");
    ig_value *x = ig_adapt_in(a, 0), *y = ig_adapt_in(a, 1);
    if (ig_attr_int(a->node, "broadcast") && axis && y) {
        int rank = ig_adapt_rank(x), other = ig_adapt_rank(y);
        if (rank == IG_UNRANKED || other == IG_UNRANKED)
            return ig_adapt_refuse(a, "it broadcasts along an axis, and the rank of an input is not known");
        int64_t at = axis->i < 0 ? axis->i + rank : axis->i;
        int behind = rank - (int)at - other;
        if (at < 0 || behind < 0)
            return ig_adapt_refuse(a, "its inputs don't fit its broadcasting along axis %lld", (long long)axis->i);
        if (behind > 0 && other > 0) ig_adapt_set(a, 1, with_axes(a, "Unsqueeze", y, other, other + behind));
    }
    ig_attr_remove(a->node, "axis");
    ig_attr_remove(a->node, "broadcast");
    return IG_OK;
}

static bool same_shape(const ig_value *x, const ig_value *y) {
    ig_shape p = ig_type_shape(x->type), q = ig_type_shape(y->type);
    if (p.rank == IG_UNRANKED || p.rank != q.rank) return false;
    for (int i = 0; i < p.rank; i++)
        if (!ig_dim_equal(p.dims[i], q.dims[i])) return false;
    return true;
}

/* The one stretch of dims of y that aren't 1, which has to be equal to x's: [*from, *to). */
static bool contiguous(const ig_value *x, const ig_value *y, int *from, int *to) {
    ig_shape p = ig_type_shape(x->type), q = ig_type_shape(y->type);
    int shift = p.rank - q.rank;
    if (p.rank == IG_UNRANKED || q.rank == IG_UNRANKED || shift < 0) return false;
    *from = 0;
    *to = q.rank;
    while (*from < q.rank && ig_dim_is(q.dims[*from], 1)) ++*from;
    while (*to > *from && ig_dim_is(q.dims[*to - 1], 1)) --*to;
    for (int i = *from; i < *to; i++)
        if (!ig_dim_equal(p.dims[i + shift], q.dims[i])) return false;
    return true;
}

static bool commutes(const ig_node *n) {
    static const char *const ops[] = {"Add", "Mul", "And", "Or", "Xor", "Equal"};
    for (size_t i = 0; i < IG_COUNT_OF(ops); i++)
        if (strcmp(n->op, ops[i]) == 0) return true;
    return false;
}

ig_status ig_adapt_axis_broadcast_down(ig_adapt *a) {
    ig_value *x = ig_adapt_in(a, 0), *y = ig_adapt_in(a, 1);
    int from, to;
    if (!x || !y || same_shape(x, y)) return IG_OK;
    if (!contiguous(x, y, &from, &to) && commutes(a->node) && contiguous(y, x, &from, &to)) {
        if (!ig_node_set_input(a->node, 0, y) || !ig_node_set_input(a->node, 1, x)) return ig_oom(a->err);
        x = ig_adapt_in(a, 0);
        y = ig_adapt_in(a, 1);
    }
    if (!contiguous(x, y, &from, &to))
        return ig_adapt_refuse(a,
                               "only the second input can be broadcast before version 7, and its shape has to be known to fit");
    int rank = ig_adapt_rank(y), shift = ig_adapt_rank(x) - rank;
    if (to < rank) ig_adapt_set(a, 1, with_axes(a, "Squeeze", y, to, rank));
    if (from > 0 && to > from) ig_adapt_set(a, 1, with_axes(a, "Squeeze", ig_adapt_in(a, 1), 0, from));
    bool ok = ig_attr_put_int(a->node, "broadcast", 1);
    if (to > from && to < rank) ok = ok && ig_attr_put_int(a->node, "axis", from + shift);
    return ok ? IG_OK : ig_oom(a->err);
}

/* Sum, Max, Min, Mean take inputs of one shape before version 8. Sums are additions, which broadcast. */
ig_status ig_adapt_variadic_down(ig_adapt *a) {
    bool same = true;
    for (uint32_t i = 1; i < a->node->n_in; i++) same &= same_shape(a->node->in[0], a->node->in[i]);
    if (same) return IG_OK;
    bool mean = strcmp(a->node->op, "Mean") == 0;
    if (!mean && strcmp(a->node->op, "Sum") != 0)
        return ig_adapt_refuse(a, "it broadcasts its inputs, which is possible from version 8 on only");
    ig_value *sum = a->node->in[0];
    ig_dtype dtype = ig_adapt_dtype(sum);
    if (mean && dtype == IG_UNDEFINED) return ig_adapt_refuse(a, "it broadcasts its inputs, whose type is not known");
    for (uint32_t i = 1; i < a->node->n_in; i++) sum = IG_BUILD(&a->b, "Add", sum, a->node->in[i]);
    if (mean) sum = IG_BUILD(&a->b, "Div", sum, ig_adapt_scalar(a, dtype, a->node->n_in));
    ig_adapt_give_value(a, 0, sum);
    ig_adapt_erase(a);
    return IG_OK;
}

/* The slope is one number or has one for each channel (axis 1) before version 7; from then on it is broadcast to the input. */
ig_status ig_adapt_prelu_up(ig_adapt *a) {
    ig_value *x = ig_adapt_in(a, 0), *slope = ig_adapt_in(a, 1);
    int rank = ig_adapt_rank(x), own = ig_adapt_rank(slope);
    if (own == 0 || (own == 1 && ig_adapt_dim(slope, 0) == 1)) return IG_OK;
    if (own != 1 || rank == IG_UNRANKED) return ig_adapt_refuse(a, "the rank of its input or slope is not known");
    if (rank > 2) ig_adapt_set(a, 1, with_axes(a, "Unsqueeze", slope, 1, rank - 1));
    return IG_OK;
}

ig_status ig_adapt_prelu_down(ig_adapt *a) {
    ig_value *x = ig_adapt_in(a, 0), *slope = ig_adapt_in(a, 1);
    int rank = ig_adapt_rank(x), own = ig_adapt_rank(slope), large = -1;
    if (rank == IG_UNRANKED || own == IG_UNRANKED) return ig_adapt_refuse(a, "the rank of its input or slope is not known");
    for (int i = 0; i < own; i++) {
        if (ig_adapt_dim(slope, i) == 1) continue;
        if (large >= 0 || i + rank - own != 1)
            return ig_adapt_refuse(a, "its slope has to be one number or one for each channel before version 7");
        large = i;
    }
    if (own > large + 1 && own > 1) ig_adapt_set(a, 1, with_axes(a, "Squeeze", slope, large < 0 ? 1 : large + 1, own));
    if (large > 0) ig_adapt_set(a, 1, with_axes(a, "Squeeze", ig_adapt_in(a, 1), 0, large));
    return IG_OK;
}

/* The exponent may be of another type from version 12 on. */
ig_status ig_adapt_pow_down(ig_adapt *a) {
    ig_value *base = ig_adapt_in(a, 0), *exponent = ig_adapt_in(a, 1);
    ig_dtype b = ig_adapt_dtype(base), e = ig_adapt_dtype(exponent);
    if (b == e) return IG_OK;
    if (b == IG_UNDEFINED || e == IG_UNDEFINED) return ig_adapt_refuse(a, "the type of its base or exponent is not known");
    ig_value *cast = IG_BUILD(&a->b, "Cast", exponent);
    ig_build_int(&a->b, "to", b);
    ig_adapt_set(a, 1, cast);
    a->built = true;
    return IG_OK;
}

ig_status ig_adapt_mod_down(ig_adapt *a) {
    ig_dtype dtype = ig_adapt_dtype(ig_adapt_in(a, 0));
    if (ig_attr_int(a->node, "fmod") || ig_dtype_is_int(dtype)) return IG_OK;
    return ig_adapt_refuse(a, dtype
                                  ? "its remainder of floats has the divisor's sign, which is possible from version 28 on only"
                                  : "the type of its inputs is not known");
}

/* ---- Cast ---- */

ig_status ig_adapt_cast_up(ig_adapt *a) {
    const ig_attr *to = ig_attr_find(a->node, "to");
    if (!to || to->kind != IG_ATTR_STRING) return IG_OK;
    for (int d = 1; d < IG_DTYPE_COUNT; d++) {
        const char *name = ig_dtypes[d].name;
        size_t i = 0, n = strlen(name);
        while (i < n && i < to->s.n && (to->s.s[i] | 0x20) == name[i]) i++;
        if (i == n && n == to->s.n) return ig_attr_put_int(a->node, "to", d) ? IG_OK : ig_oom(a->err);
    }
    return ig_adapt_refuse(a, "its target type '%.*s' is none that is known", (int)ig_min_size(to->s.n, 40), to->s.s);
}

ig_status ig_adapt_cast_down(ig_adapt *a) {
    const ig_attr *to = ig_attr_find(a->node, "to");
    char name[32];
    if (!to || to->kind != IG_ATTR_INT || !ig_dtype_valid(to->i)) return IG_OK;
    size_t n = strlen(ig_dtypes[to->i].name);
    for (size_t i = 0; i <= n; i++) {
        char c = ig_dtypes[to->i].name[i];
        name[i] = (char)(c >= 'a' && c <= 'z' ? c - 0x20 : c);
    }
    return ig_attr_put_str(a->node, "to", name) ? IG_OK : ig_oom(a->err);
}

ig_status ig_adapt_castlike_down(ig_adapt *a) {
    ig_dtype to = ig_adapt_dtype(ig_adapt_in(a, 1));
    if (to == IG_UNDEFINED)
        return ig_adapt_refuse(a, "there is no CastLike before version 15, and the type of its second input is not known");
    ig_value *cast = IG_BUILD(&a->b, "Cast", ig_adapt_in(a, 0));
    ig_build_int(&a->b, "to", to);
    ig_adapt_give_value(a, 0, cast);
    ig_adapt_erase(a);
    return IG_OK;
}

/* ---- newer operators in terms of older ones ---- */

static ig_status done(ig_adapt *a, ig_value *made) {
    ig_adapt_give_value(a, 0, made);
    ig_adapt_erase(a);
    return IG_OK;
}

/* The element type of input 0, which constants need. */
static ig_status need_type(ig_adapt *a, ig_dtype *dtype) {
    *dtype = ig_adapt_dtype(ig_adapt_in(a, 0));
    return *dtype ? IG_OK
                  : ig_adapt_refuse(a, "there is no %s before version %d, and the type of its input is not known", a->node->op,
                                    a->version);
}

ig_status ig_adapt_or_equal_down(ig_adapt *a) {
    const char *op = strcmp(a->node->op, "GreaterOrEqual") == 0 ? "Greater" : "Less";
    ig_value *x = ig_adapt_in(a, 0), *y = ig_adapt_in(a, 1);
    ig_value *beyond = IG_BUILD(&a->b, op, x, y);
    return done(a, IG_BUILD(&a->b, "Or", beyond, IG_BUILD(&a->b, "Equal", x, y)));
}

ig_status ig_adapt_sign_down(ig_adapt *a) {
    ig_dtype dtype;
    IG_TRY(need_type(a, &dtype));
    ig_value *x = ig_adapt_in(a, 0), *zero = ig_adapt_scalar(a, dtype, 0);
    ig_value *above = IG_BUILD(&a->b, "Cast", IG_BUILD(&a->b, "Greater", x, zero));
    ig_build_int(&a->b, "to", dtype);
    ig_value *below = IG_BUILD(&a->b, "Cast", IG_BUILD(&a->b, "Less", x, zero));
    ig_build_int(&a->b, "to", dtype);
    return done(a, IG_BUILD(&a->b, "Sub", above, below));
}

/* The tables know an experimental version 1 that ONNX has not kept. */
ig_status ig_adapt_thresholded_relu_down(ig_adapt *a) {
    ig_dtype dtype;
    IG_TRY(need_type(a, &dtype));
    ig_value *x = ig_adapt_in(a, 0);
    ig_value *above = IG_BUILD(&a->b, "Greater", x, ig_adapt_scalar(a, dtype, (double)ig_attr_float(a->node, "alpha")));
    ig_value *gate = IG_BUILD(&a->b, "Cast", above);
    ig_build_int(&a->b, "to", dtype);
    return done(a, IG_BUILD(&a->b, "Mul", x, gate));
}

/* max(0, x) + min(0, alpha * (exp(x / alpha) - 1)) = alpha * Elu(x / alpha) */
ig_status ig_adapt_celu_down(ig_adapt *a) {
    ig_dtype dtype;
    IG_TRY(need_type(a, &dtype));
    ig_value *alpha = ig_adapt_scalar(a, dtype, (double)ig_attr_float(a->node, "alpha"));
    ig_value *elu = IG_BUILD(&a->b, "Elu", IG_BUILD(&a->b, "Div", ig_adapt_in(a, 0), alpha));
    return done(a, IG_BUILD(&a->b, "Mul", elu, alpha));
}

/* x * max(0, min(1, x / 6 + 0.5)) */
ig_status ig_adapt_hard_swish_down(ig_adapt *a) {
    ig_value *gate = IG_BUILD(&a->b, "HardSigmoid", ig_adapt_in(a, 0));
    ig_build_float(&a->b, "alpha", 1.0f / 6);
    ig_build_float(&a->b, "beta", 0.5f);
    return done(a, IG_BUILD(&a->b, "Mul", ig_adapt_in(a, 0), gate));
}

ig_status ig_adapt_mish_down(ig_adapt *a) {
    ig_value *x = ig_adapt_in(a, 0), *soft = IG_BUILD(&a->b, "Softplus", x);
    return done(a, IG_BUILD(&a->b, "Mul", x, IG_BUILD(&a->b, "Tanh", soft)));
}

ig_status ig_adapt_swish_down(ig_adapt *a) {
    ig_dtype dtype;
    IG_TRY(need_type(a, &dtype));
    ig_value *x = ig_adapt_in(a, 0), *scaled = x;
    float alpha = ig_attr_float(a->node, "alpha");
    if (alpha != 1) scaled = IG_BUILD(&a->b, "Mul", x, ig_adapt_scalar(a, dtype, (double)alpha));
    return done(a, IG_BUILD(&a->b, "Mul", x, IG_BUILD(&a->b, "Sigmoid", scaled)));
}

/* 0.5 * x * (1 + erf(x / sqrt 2)), or with tanh: 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) */
ig_status ig_adapt_gelu_down(ig_adapt *a) {
    ig_dtype dtype;
    IG_TRY(need_type(a, &dtype));
    ig_build *b = &a->b;
    ig_value *x = ig_adapt_in(a, 0), *bend;
    if (ig_attr_is(a->node, "approximate", "tanh")) {
        ig_value *cube = IG_BUILD(b, "Mul", x, IG_BUILD(b, "Mul", x, x));
        ig_value *inner = IG_BUILD(b, "Add", x, IG_BUILD(b, "Mul", cube, ig_adapt_scalar(a, dtype, 0.044715)));
        bend = IG_BUILD(b, "Tanh", IG_BUILD(b, "Mul", inner, ig_adapt_scalar(a, dtype, 0.79788456080286535588)));
    } else {
        bend = IG_BUILD(b, "Erf", IG_BUILD(b, "Mul", x, ig_adapt_scalar(a, dtype, 0.70710678118654752440)));
    }
    ig_value *half = IG_BUILD(b, "Mul", x, ig_adapt_scalar(a, dtype, 0.5));
    return done(a, IG_BUILD(b, "Mul", half, IG_BUILD(b, "Add", bend, ig_adapt_scalar(a, dtype, 1))));
}

/* ---- Gemm ---- */

ig_status ig_adapt_gemm_up(ig_adapt *a) {
    ig_attr_remove(a->node, "broadcast");
    return IG_OK;
}

ig_status ig_adapt_gemm_down(ig_adapt *a) {
    ig_value *c = ig_adapt_in(a, 2), *y = ig_adapt_out(a, 0);
    if (ig_adapt_rank(ig_adapt_in(a, 0)) != 2 || ig_adapt_rank(ig_adapt_in(a, 1)) != 2)
        return ig_adapt_refuse(a, "its inputs have to be matrices, known as such, before version 7");
    if (!c || !y || same_shape(c, y)) return IG_OK;
    int from, to;
    if (!contiguous(y, c, &from, &to)) return ig_adapt_refuse(a, "its third input has to be known to fit before version 7");
    if (to < ig_adapt_rank(c) && to > from)
        return ig_adapt_refuse(a, "its third input has one number a row, which old broadcasting lacks");
    return ig_attr_put_int(a->node, "broadcast", 1) ? IG_OK : ig_oom(a->err);
}

/* The third input may be absent from version 11 on. */
ig_status ig_adapt_gemm_bias_down(ig_adapt *a) {
    ig_dtype dtype = ig_adapt_dtype(ig_adapt_in(a, 0));
    if (ig_adapt_in(a, 2)) return IG_OK;
    if (dtype == IG_UNDEFINED) return ig_adapt_refuse(a, "it lacks its third input, and the type of the others is not known");
    ig_adapt_set(a, 2, ig_adapt_scalar(a, dtype, 0));
    return IG_OK;
}
