/* Complex numbers, as pairs of real tensors: arithmetic, and Fourier transforms as products with tables of sines. */
#include "formats/tensorflow/rules.h"

/* The parts of input i; those of a real one are itself and nothing. */
typedef struct parts {
    ig_value *re, *im;
} parts;

static ig_status parts_of(ig_lower *l, uint32_t i, parts *p) {
    const ig_tf_thing *t = ig_tf_thing_of(l, ig_tf_in(l, i));
    *p = (parts){.re = ig_tf_in(l, i)};
    if (t && t->kind == IG_TF_VARIABLE && t->resource->reference)
        p->re = t->resource->value;
    else if (t && t->kind != IG_TF_COMPLEX)
        return ig_lower_refuse(l, "an input is a resource or a list, which it isn't lowered for");
    else if (t)
        *p = (parts){t->part[0], t->part[1]};
    return p->re ? IG_OK : ig_lower_refuse(l, "a variable has no value");
}

/* "ar", "ai", and with two inputs "br", "bi". *complex: any of them is complex; absent parts are zeros then. */
static ig_status bind_parts(ig_lower *l, bool *complex) {
    static const char *const names[][2] = {{"ar", "ai"}, {"br", "bi"}};
    parts p[2];
    uint32_t n = ig_tf_count_in(l) < 2 ? ig_tf_count_in(l) : 2;
    *complex = false;
    for (uint32_t i = 0; i < n; i++) {
        IG_TRY(parts_of(l, i, &p[i]));
        *complex |= p[i].im != NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        ig_tf_bind(l, names[i][0], p[i].re);
        ig_tf_bind(l, i == 0 ? "x0" : "x1", p[i].re);
        if (i == 0) ig_tf_bind(l, "x", p[i].re);
        ig_tf_bind(l, names[i][1], p[i].im || !*complex ? p[i].im : ig_tf_v(l, "%s - %s", names[i][0], names[i][0]));
    }
    if (n) ig_tf_s(l)->principal = p[0].re;
    return IG_OK;
}

static ig_status out_parts(ig_lower *l, const char *re, const char *im) {
    ig_value *r = ig_tf_v(l, "%s", re), *i = ig_tf_v(l, "%s", im);
    ig_tf_out_complex(l, 0, r, i);
    return ig_tf_s(l)->status;
}

ig_status ig_tf_lower_complex(ig_lower *l) {
    bool complex;
    IG_TRY(bind_parts(l, &complex));
    if (complex) return ig_lower_refuse(l, "its parts are complex");
    return out_parts(l, "Expand(ar, Shape(br))", "Expand(br, Shape(ar))");
}

ig_status ig_tf_lower_complex_part(ig_lower *l) {
    static const struct {
        const char *which, *complex, *real;
    } texts[] = {
        {"real", "ar", "ar"},
        {"imag", "ai", "ar - ar"},
        {"abs", "Sqrt(ar * ar + ai * ai)", "Abs(ar)"},
        {"angle", NULL, "Where(Less(ar, 0), 3.14159265358979323846, 0)"},
    };
    bool complex;
    IG_TRY(bind_parts(l, &complex));
    if (strcmp(l->rule->to, "conj") == 0) {
        if (complex) return out_parts(l, "Identity(ar)", "Neg(ai)");
        return ig_tf_text(l, "y = Identity(ar)");
    }
    if (complex && strcmp(l->rule->to, "angle") == 0)
        return ig_tf_text(l,
                          "turn = Where(Less(ar, 0), Where(Less(ai, 0), -3.14159265358979323846, 3.14159265358979323846), 0);"
                          "y = Where(And(Equal(ar, 0), Equal(ai, 0)), 0, Atan(ai / ar) + turn)");
    for (size_t i = 0; i < IG_COUNT_OF(texts); i++)
        if (strcmp(texts[i].which, l->rule->to) == 0)
            return ig_tf_text(l, "y = Identity(%s)", complex ? texts[i].complex : texts[i].real);
    return ig_fail(l->err, IG_E_INTERNAL, "unknown part '%s'", l->rule->to);
}

/* ------------------------------------------------------------------------------------------------------------ arithmetic */

/* rule->to: what real numbers do. */
ig_status ig_tf_lower_multiply(ig_lower *l) {
    bool complex;
    IG_TRY(bind_parts(l, &complex));
    if (!complex) return ig_tf_text(l, "%s", l->rule->to);
    if (ig_tf_count_in(l) == 1) return out_parts(l, "ar * ar - ai * ai", "2 * ar * ai");
    return out_parts(l, "ar * br - ai * bi", "ar * bi + ai * br");
}

ig_status ig_tf_lower_divide(ig_lower *l) {
    bool complex;
    IG_TRY(bind_parts(l, &complex));
    if (!complex) return ig_tf_text(l, "%s", l->rule->to);
    ig_tf_bind(l, "n", ig_tf_v(l, "br * br + bi * bi"));
    return out_parts(l, "(ar * br + ai * bi) / n", "(ai * br - ar * bi) / n");
}

ig_status ig_tf_lower_complex_exp(ig_lower *l) {
    bool complex;
    IG_TRY(bind_parts(l, &complex));
    if (!complex) return ig_tf_text(l, "%s", l->rule->to);
    return out_parts(l, "Exp(ar) * Cos(ai)", "Exp(ar) * Sin(ai)");
}

ig_status ig_tf_lower_complex_log(ig_lower *l) {
    bool complex;
    IG_TRY(bind_parts(l, &complex));
    if (!complex) return ig_tf_text(l, "%s", l->rule->to);
    return out_parts(l, "Log(Sqrt(ar * ar + ai * ai))",
                     "Where(And(Equal(ar, 0), Equal(ai, 0)), 0, Atan(ai / ar) + Where(Less(ar, 0), Where(Less(ai, 0), "
                     "-3.14159265358979323846,"
                     " 3.14159265358979323846), 0))");
}

ig_status ig_tf_lower_cast(ig_lower *l) {
    bool complex;
    ig_dtype to = ig_tf_attr_dtype(l, "DstT"), part = to == IG_C64 ? IG_F32 : IG_F64;
    IG_TRY(bind_parts(l, &complex));
    if (to == IG_UNDEFINED) return ig_lower_refuse(l, "its element type is unknown");
    if (ig_dtype_number(to) != IG_NUMBER_COMPLEX) { /* of a complex number the real part */
        ig_tf_out(l, 0,
                  ig_tf_dtype_of(ig_sketch_get(ig_tf_s(l), "ar")) == to ? ig_tf_v(l, "Identity(ar)")
                                                                        : ig_tf_cast(l, ig_sketch_get(ig_tf_s(l), "ar"), to));
        return IG_OK;
    }
    ig_tf_bind(l, "r", ig_tf_cast(l, ig_sketch_get(ig_tf_s(l), "ar"), part));
    ig_tf_out_complex(l, 0, ig_tf_v(l, "Identity(r)"),
                      complex ? ig_tf_cast(l, ig_sketch_get(ig_tf_s(l), "ai"), part) : ig_tf_v(l, "r - r"));
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- products */

/* Of complex factors, by the four products of their parts. `text` has A and B where the factors go. */
static ig_value *product_of(ig_lower *l, const char *text, const char *a, const char *b) {
    char out[600];
    size_t n = 0;
    for (const char *p = text; *p && n + 40 < sizeof out; p++) {
        const char *with = *p == '#' ? a : *p == '~' ? b : NULL;
        if (with)
            n += (size_t)snprintf(out + n, sizeof out - n, "%s", with);
        else
            out[n++] = *p;
    }
    out[n] = 0;
    return ig_tf_v(l, "%s", out);
}

static ig_status multiply_parts(ig_lower *l, bool complex, const char *text) {
    if (!complex) {
        ig_tf_out(l, 0, product_of(l, text, "ar", "br"));
        return ig_tf_s(l)->status;
    }
    ig_tf_bind(l, "rr", product_of(l, text, "ar", "br"));
    ig_tf_bind(l, "ii", product_of(l, text, "ai", "bi"));
    ig_tf_bind(l, "ri", product_of(l, text, "ar", "bi"));
    ig_tf_bind(l, "ir", product_of(l, text, "ai", "br"));
    return out_parts(l, "rr - ii", "ri + ir");
}

static void bind_transposed(ig_lower *l, const char *name, bool conjugate) {
    ig_value *v = ig_sketch_get(ig_tf_s(l), name);
    int64_t perm[IG_MAX_RANK];
    int rank = ig_tf_rank_of(v);
    if (!v || rank < 2) return;
    for (int i = 0; i < rank; i++) perm[i] = i == rank - 1 ? rank - 2 : i == rank - 2 ? rank - 1 : i;
    uint64_t fold = ig_tf_s(l)->fold;
    ig_tf_s(l)->fold = UINT64_MAX; /* weights, however large */
    ig_tf_bind(l, name, ig_tf_transpose(l, v, perm, (size_t)rank));
    ig_tf_s(l)->fold = fold;
    if (conjugate) ig_tf_bind(l, name, ig_tf_v(l, "Neg(%s)", name));
}

static ig_status matrix_product(ig_lower *l, bool swap_a, bool swap_b, bool conjugate) {
    bool complex;
    IG_TRY(bind_parts(l, &complex));
    for (int i = 0; i < 2; i++) {
        bool swap = i ? swap_b : swap_a;
        if (swap && ig_tf_rank_of(ig_sketch_get(ig_tf_s(l), i ? "br" : "ar")) < 2)
            return ig_lower_refuse(l, "the rank of input %d is unknown", i);
        if (swap) bind_transposed(l, i ? "br" : "ar", false);
        if (swap && complex) bind_transposed(l, i ? "bi" : "ai", conjugate);
    }
    ig_dtype a = ig_tf_dtype_of(ig_sketch_get(ig_tf_s(l), "ar")), out = ig_tf_attr_dtype(l, "Tout"),
             b = ig_tf_dtype_of(ig_sketch_get(ig_tf_s(l), "br"));
    if (a != b && a == IG_BF16) ig_tf_bind(l, "ar", ig_tf_cast(l, ig_sketch_get(ig_tf_s(l), "ar"), b));
    if (a != b && b == IG_BF16) ig_tf_bind(l, "br", ig_tf_cast(l, ig_sketch_get(ig_tf_s(l), "br"), a));
    if (!complex && out && out != a && ig_dtype_is_int(a)) { /* products of small integers in a wide one */
        ig_tf_bind(l, "ar", ig_tf_cast(l, ig_sketch_get(ig_tf_s(l), "ar"), out));
        ig_tf_bind(l, "br", ig_tf_cast(l, ig_sketch_get(ig_tf_s(l), "br"), out));
    }
    return multiply_parts(l, complex, "MatMul(#, ~)");
}

ig_status ig_tf_lower_batch_mat_mul(ig_lower *l) {
    return matrix_product(l, ig_tf_int_attr(l, "adj_x") != 0, ig_tf_int_attr(l, "adj_y") != 0, true);
}

static bool has_own(const char *name, const ig_node *n) {
    const ig_attr *a = ig_attr_find(n, name);
    return a && a->kind == IG_ATTR_INT && a->i;
}

ig_status ig_tf_lower_mat_mul(ig_lower *l) {
    size_t n = 0;
    IG_TRY(matrix_product(l, has_own("transpose_a", l->node), has_own("transpose_b", l->node), false));
    if (strcmp(l->node->op, "_FusedMatMul") == 0) ig_attr_strs(l->node, "fused_ops", &n);
    return n ? ig_tf_fused(l, ig_tf_state_of(l)->results[0].value, 2) : IG_OK;
}

ig_status ig_tf_lower_einsum(ig_lower *l) {
    bool complex;
    char text[300];
    ig_str equation = ig_attr_str(l->node, "equation");
    uint32_t n = ig_tf_count_in(l);
    if (equation.n > 200 || memchr(equation.s, '\'', equation.n)) return ig_lower_refuse(l, "its equation is too long");
    IG_TRY(bind_parts(l, &complex));
    if (n == 1 && complex) {
        snprintf(text, sizeof text, "Einsum<equation='%.*s'>(ai)", (int)equation.n, equation.s);
        ig_tf_bind(l, "im", ig_tf_v(l, "%s", text));
        snprintf(text, sizeof text, "Einsum<equation='%.*s'>(ar)", (int)equation.n, equation.s);
        ig_tf_out_complex(l, 0, ig_tf_v(l, "%s", text), ig_sketch_get(ig_tf_s(l), "im"));
        return IG_OK;
    }
    if (n == 2) {
        snprintf(text, sizeof text, "Einsum<equation='%.*s'>(#, ~)", (int)equation.n, equation.s);
        return multiply_parts(l, complex, text);
    }
    if (complex || n > 20) return ig_lower_refuse(l, "it has more than two complex inputs, or very many");
    size_t used = (size_t)snprintf(text, sizeof text, "Einsum<equation='%.*s'>(x0", (int)equation.n, equation.s);
    for (uint32_t i = 1; i < n; i++) used += (size_t)snprintf(text + used, sizeof text - used, ", x%u", i);
    ig_tf_out(l, 0, ig_tf_v(l, "%s)", text));
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------- Fourier transforms */

/* "re" and "im" (may be absent) with `axis` last, or back. */
static void swap_axis(ig_lower *l, int rank, int axis) {
    int64_t perm[IG_MAX_RANK];
    for (int i = 0; i < rank; i++) perm[i] = i == axis ? rank - 1 : i == rank - 1 ? axis : i;
    ig_tf_bind(l, "re", ig_tf_transpose(l, ig_sketch_get(ig_tf_s(l), "re"), perm, (size_t)rank));
    ig_tf_bind(l, "im", ig_tf_transpose(l, ig_sketch_get(ig_tf_s(l), "im"), perm, (size_t)rank));
}

/* "cosine", "sine" [rows, columns] of 2 pi row column / n. Products are taken modulo n first, so that angles stay small. */
static void bind_tables(ig_lower *l, const char *rows, const char *columns, bool inverse) {
    ig_tf_bind(l, "turns", ig_tf_v(l, "Mod(Unsqueeze(Range(0i, %s, 1i), [1]) * Range(0i, %s, 1i), n)", rows, columns));
    ig_tf_bind(l, "wide",
               ig_tf_v(l, "Cast<to=double>(turns) * (Cast<to=double>([628318530717958648]) / "
                          "Cast<to=double>([100000000000000000])) / Cast<to=double>(n)"));
    ig_tf_bind(l, "cosine", ig_tf_v(l, "CastLike(Cos(Cast<to=float>(wide)), re)"));
    ig_tf_bind(
        l, "sine",
        ig_tf_v(l, inverse ? "CastLike(Neg(Sin(Cast<to=float>(wide))), re)" : "CastLike(Sin(Cast<to=float>(wide)), re)"));
}

/* Along the last axis of "re", "im": [n] to [columns]. */
static void transform(ig_lower *l, const char *columns, bool inverse) {
    bool real = ig_sketch_get(ig_tf_s(l), "im") == NULL;
    ig_tf_bind(l, "n", ig_tf_v(l, "Gather(Shape(re), -1i)"));
    bind_tables(l, "n", columns, inverse);
    ig_tf_bind(l, "a", ig_tf_v(l, real ? "MatMul(re, cosine)" : "MatMul(re, cosine) + MatMul(im, sine)"));
    ig_tf_bind(l, "b", ig_tf_v(l, real ? "Neg(MatMul(re, sine))" : "MatMul(im, cosine) - MatMul(re, sine)"));
    ig_tf_bind(l, "re", inverse ? ig_tf_v(l, "a / CastLike(n, a)") : ig_sketch_get(ig_tf_s(l), "a"));
    ig_tf_bind(l, "im", inverse ? ig_tf_v(l, "b / CastLike(n, b)") : ig_sketch_get(ig_tf_s(l), "b"));
}

static ig_status begin_transform(ig_lower *l, int *rank, int dims) {
    bool complex;
    IG_TRY(bind_parts(l, &complex));
    *rank = ig_tf_rank_of(ig_sketch_get(ig_tf_s(l), "ar"));
    if (*rank < dims) return ig_lower_refuse(l, "the rank of its input is unknown or too small");
    ig_tf_s(l)->fold = 1 << 24;
    ig_tf_bind(l, "re", ig_sketch_get(ig_tf_s(l), "ar"));
    ig_tf_bind(l, "im", complex ? ig_sketch_get(ig_tf_s(l), "ai") : NULL);
    return IG_OK;
}

/* Along all but the last of the transformed axes. */
static void transform_others(ig_lower *l, int rank, int dims, bool inverse) {
    for (int axis = rank - dims; axis < rank - 1; axis++) {
        swap_axis(l, rank, axis);
        transform(l, "n", inverse);
        swap_axis(l, rank, axis);
    }
}

static ig_status out_transform(ig_lower *l) {
    ig_tf_out_complex(l, 0, ig_sketch_get(ig_tf_s(l), "re"), ig_sketch_get(ig_tf_s(l), "im"));
    return ig_tf_s(l)->status;
}

/* rule->to: how many axes, the last ones; arg 1: the inverse. */
ig_status ig_tf_lower_fft(ig_lower *l) {
    int rank, dims = l->rule->to[0] - '0';
    bool inverse = ig_tf_rule_arg(l) == 1;
    IG_TRY(begin_transform(l, &rank, dims));
    transform_others(l, rank, dims, inverse);
    transform(l, "n", inverse);
    return out_transform(l);
}

/* The last `dims` axes as long as the vector "want" says: cut, or zeros behind. */
static void fit(ig_lower *l, int rank, int dims) {
    int64_t axes[3];
    for (int i = 0; i < dims; i++) axes[i] = rank - dims + i;
    const char *list = ig_tf_join(l, axes, (size_t)dims);
    for (int half = 0; half < 2; half++) {
        const char *name = half ? "im" : "re";
        if (!ig_sketch_get(ig_tf_s(l), name)) continue;
        ig_tf_bind(l, "missing", ig_tf_v(l, "Max(want - Shape<start=%d>(%s), 0i)", rank - dims, name));
        ig_tf_bind(l, name,
                   ig_tf_v(l, "Slice(Pad(%s, Concat<axis=0>(missing - missing, missing), _, [%s]), want - want, want, [%s])",
                           name, list, list));
    }
}

ig_status ig_tf_lower_rfft(ig_lower *l) {
    int rank, dims = l->rule->to[0] - '0';
    IG_TRY(begin_transform(l, &rank, dims));
    ig_value *length = ig_tf_in(l, 1);
    ig_tf_bind(l, "length", length);
    ig_tf_bind(l, "want", ig_tf_v(l, "i64(length)"));
    fit(l, rank, dims);
    ig_tf_bind(l, "half", ig_tf_v(l, "Gather(want, %di) / 2i + 1i", dims - 1));
    transform(l, "half", false);
    transform_others(l, rank, dims, false);
    return out_transform(l);
}

/* The other half of the spectrum is the first, conjugated: so all but its ends count twice. */
ig_status ig_tf_lower_irfft(ig_lower *l) {
    int rank, dims = l->rule->to[0] - '0';
    IG_TRY(begin_transform(l, &rank, dims));
    if (!ig_sketch_get(ig_tf_s(l), "im")) return ig_lower_refuse(l, "its input isn't complex");
    ig_value *length = ig_tf_in(l, 1);
    ig_tf_bind(l, "length", length);
    ig_tf_bind(l, "size", ig_tf_v(l, "Gather(i64(length), %di)", dims - 1));
    ig_tf_bind(l, "half", ig_tf_v(l, "size / 2i + 1i"));
    ig_tf_bind(l, "want", ig_tf_v(l, "Concat<axis=0>(Slice(i64(length), [0], [%d]), Reshape(half, [1]))", dims - 1));
    fit(l, rank, dims);
    transform_others(l, rank, dims, true);
    ig_tf_bind(l, "n", ig_sketch_get(ig_tf_s(l), "size"));
    bind_tables(l, "half", "size", false);
    ig_tf_bind(l, "k", ig_tf_v(l, "Unsqueeze(Range(0i, half, 1i), [1])"));
    ig_tf_bind(l, "end", ig_tf_v(l, "Or(Equal(k, 0i), Equal(k * 2i, size))"));
    ig_tf_bind(l, "weight", ig_tf_v(l, "CastLike(Where(end, 1i, 2i), re) / CastLike(size, re)"));
    ig_tf_out(l, 0, ig_tf_v(l, "MatMul(re, cosine * weight) - MatMul(im, sine * weight)"));
    return ig_tf_s(l)->status;
}
