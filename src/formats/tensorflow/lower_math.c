/* Arithmetic, element by element. */
#include "formats/tensorflow/rules.h"

/* rule->to: "text for floats|text for integers". */
ig_status ig_tf_lower_by_type(ig_lower *l) {
    const char *bar = strchr(l->rule->to, '|');
    ig_dtype dtype = ig_tf_dtype_of(ig_tf_in(l, 0));
    if (dtype == IG_UNDEFINED) return ig_lower_refuse(l, "its element type is unknown");
    if (!ig_dtype_is_float(dtype)) return ig_tf_text(l, "%s", bar + 1);
    return ig_tf_text(l, "%.*s", (int)(bar - l->rule->to), l->rule->to);
}

/* Texts are put behind each other. */
static ig_value *joined_texts(ig_lower *l, ig_value *a, ig_value *b) {
    return ig_tf_node1(l, NULL, "StringConcat", "", (ig_value *[]){a, b}, 2);
}

ig_status ig_tf_lower_add(ig_lower *l) {
    if (ig_tf_dtype_of(ig_tf_in(l, 0)) != IG_STRING) return ig_tf_text(l, "y = x0 + x1");
    ig_tf_out(l, 0, joined_texts(l, ig_tf_in(l, 0), ig_tf_in(l, 1)));
    return IG_OK;
}

ig_status ig_tf_lower_add_n(ig_lower *l) {
    ig_value *sum = ig_tf_in(l, 0);
    for (uint32_t i = 1; i < ig_tf_count_in(l); i++)
        sum = ig_tf_node1(l, NULL, "Add", "", (ig_value *[]){sum, ig_tf_in(l, i)}, 2);
    if (!sum) return ig_lower_refuse(l, "it has no inputs");
    ig_tf_out(l, 0, sum);
    return IG_OK;
}

/* The condition may have one entry for each row. */
ig_status ig_tf_lower_select(ig_lower *l) {
    int64_t axes[IG_MAX_RANK];
    int rank = ig_tf_rank_of(ig_tf_in(l, 0)), of = ig_tf_rank_of(ig_tf_in(l, 1));
    if (rank != 1 || of == 1) return ig_tf_text(l, "y = Where(x0, x1, x2)");
    if (of < 0) return ig_lower_refuse(l, "the rank of input 1 is unknown");
    for (int i = 1; i < of; i++) axes[i - 1] = i;
    return ig_tf_text(l, "y = Where(Unsqueeze(x0, [%s]), x1, x2)", ig_tf_join(l, axes, (size_t)of - 1));
}

ig_status ig_tf_lower_to_bool(ig_lower *l) {
    int rank = ig_tf_rank_of(ig_tf_in(l, 0));
    if (rank != 0) return ig_tf_text(l, "y = Greater(Size(x), 0i)");
    return ig_tf_text(l, "y = Cast<to=bool>(x)");
}

/* Steps that Grappler joined: the attribute op_names lists them. */
ig_status ig_tf_lower_unary_composition(ig_lower *l) {
    static const struct {
        const char *op, *text;
    } known[] = {
        {"Abs", "Abs(v)"},       {"Acos", "Acos(v)"},         {"Acosh", "Acosh(v)"}, {"Asin", "Asin(v)"},
        {"Asinh", "Asinh(v)"},   {"Atan", "Atan(v)"},         {"Atanh", "Atanh(v)"}, {"Ceil", "Ceil(v)"},
        {"Cos", "Cos(v)"},       {"Cosh", "Cosh(v)"},         {"Elu", "Elu(v)"},     {"Exp", "Exp(v)"},
        {"Expm1", "Exp(v) - 1"}, {"Floor", "Floor(v)"},       {"Inv", "1 / v"},      {"Log", "Log(v)"},
        {"Log1p", "Log(v + 1)"}, {"Neg", "Neg(v)"},           {"Relu", "Relu(v)"},   {"Reciprocal", "1 / v"},
        {"Rint", "Round(v)"},    {"Round", "Round(v)"},       {"Selu", "Selu(v)"},   {"Relu6", "Clip(v, 0, 6)"},
        {"Sin", "Sin(v)"},       {"Rsqrt", "1 / Sqrt(v)"},    {"Sinh", "Sinh(v)"},   {"Sigmoid", "Sigmoid(v)"},
        {"Sqrt", "Sqrt(v)"},     {"Softplus", "Softplus(v)"}, {"Tan", "Tan(v)"},     {"Softsign", "Softsign(v)"},
        {"Tanh", "Tanh(v)"},     {"Square", "v * v"},
    };
    size_t n;
    const ig_str *names = ig_attr_strs(l->node, "op_names", &n);
    ig_value *v = ig_tf_in(l, 0);
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < IG_COUNT_OF(known) && !ig_str_is(names[i], known[k].op)) k++;
        if (k == IG_COUNT_OF(known))
            return ig_lower_refuse(l, "one of its steps is %.*s", (int)ig_min_size(names[i].n, 60), names[i].s);
        ig_tf_bind(l, "v", v);
        v = ig_tf_v(l, "%s", known[k].text);
    }
    ig_tf_out(l, 0, v);
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------- functions with names */

/* erfc(x) = 1 - erf(x) loses all digits where erf is near 1: there a Chebyshev fit (Numerical Recipes, section 6.2). */
ig_status ig_tf_lower_erfc(ig_lower *l) {
    return ig_tf_text(l,
                      "a = Abs(x); t = 1 / (1 + a / 2);"
                      "p = t * Exp(t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 +"
                      " t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))) - a * a - 1.26551223);"
                      "y = Where(Less(x, 1), 1 - Erf(x), p)");
}

/* Giles, "Approximating the erfinv function" (2010). rule->to is its argument; with arg 1 the result is times sqrt(2): the
 * inverse of the normal distribution. */
ig_status ig_tf_lower_erfinv(ig_lower *l) {
    ig_tf_bind(l, "u", ig_tf_v(l, "%s", l->rule->to));
    ig_tf_bind(l, "w", ig_tf_v(l, "-Log((1 - u) * (1 + u))"));
    ig_tf_bind(l, "a", ig_tf_v(l, "w - 2.5"));
    ig_tf_bind(l, "b", ig_tf_v(l, "Sqrt(Max(w, 5)) - 3"));
    ig_tf_bind(l, "p",
               ig_tf_v(l, "1.50140941 + a * (0.246640727 + a * (-0.00417768164 + a * (-0.00125372503 + a * (0.00021858087 + a *"
                          " (-4.39150654e-06 + a * (-3.5233877e-06 + a * (3.43273939e-07 + a * 2.81022636e-08)))))))"));
    ig_tf_bind(l, "q",
               ig_tf_v(l, "2.83297682 + b * (1.00167406 + b * (0.00943887047 + b * (-0.0076224613 + b * (0.00573950773 + b *"
                          " (-0.00367342844 + b * (0.00134934322 + b * (0.000100950558 + b * -0.000200214257)))))))"));
    ig_tf_bind(l, "r", ig_tf_v(l, "Where(Less(w, 5), p, q) * u"));
    ig_tf_bind(l, "e", ig_tf_v(l, "Where(Equal(Abs(u), 1), u / (1 - Abs(u)), r)"));
    return ig_tf_text(l, ig_tf_rule_arg(l) == 1 ? "y = e * 1.4142135623730951" : "y = Identity(e)");
}

/* exp(x) - 1 = 2 t / (1 - t) with t = tanh(x / 2), which keeps the digits of small x. */
ig_status ig_tf_lower_expm1(ig_lower *l) {
    return ig_tf_text(l, "t = Tanh(x / 2); y = Where(Less(Abs(x), 0.5), 2 * t / (1 - t), Exp(x) - 1)");
}

/* log(1 + x) = 2 atanh(x / (2 + x)), which keeps the digits of small x. With arg 1: times x0, and 0 where that is 0. */
ig_status ig_tf_lower_log1p(ig_lower *l) {
    ig_tf_bind(l, "v", ig_tf_v(l, "%s", l->rule->to));
    ig_tf_bind(l, "r", ig_tf_v(l, "Where(Less(Abs(v), 0.5), 2 * Atanh(v / (2 + v)), Log(1 + v))"));
    if (ig_tf_rule_arg(l) == 1) return ig_tf_text(l, "y = Where(Equal(x0, 0), 0, x0 * r)");
    return ig_tf_text(l, "y = Identity(r)");
}

/* Lanczos' approximation with g = 7 and nine terms; below 1/2 by reflection. */
ig_status ig_tf_lower_lgamma(ig_lower *l) {
    ig_tf_bind(l, "low", ig_tf_v(l, "Less(x, 0.5)"));
    ig_tf_bind(l, "z", ig_tf_v(l, "Where(low, -x, x - 1)"));
    ig_tf_bind(l, "s",
               ig_tf_v(l,
                       "0.99999999999980993 + 676.5203681218851 / (z + 1) - 1259.1392167224028 / (z + 2) +"
                       " 771.32342877765313 / (z + 3) - 176.61502916214059 / (z + 4) + 12.507343278686905 / (z + 5) -"
                       " 0.13857109526572012 / (z + 6) + 9.9843695780195716e-6 / (z + 7) + 1.5056327351493116e-7 / (z + 8)"));
    ig_tf_bind(l, "t", ig_tf_v(l, "z + 7.5"));
    ig_tf_bind(l, "g", ig_tf_v(l, "0.91893853320467274 + (z + 0.5) * Log(t) - t + Log(s)"));
    ig_tf_bind(l, "f", ig_tf_v(l, "Abs(x) - Floor(Abs(x))"));
    ig_tf_bind(l, "sine", ig_tf_v(l, "Log(Sin(3.14159265358979323846 * f))"));
    return ig_tf_text(l, "y = Where(low, 1.1447298858494002 - sine - g, Where(IsInf(x), Abs(x), g))");
}

/* Up by recurrence to where the asymptotic series holds; below 0 by reflection. */
ig_status ig_tf_lower_digamma(ig_lower *l) {
    ig_tf_bind(l, "low", ig_tf_v(l, "Less(x, 0)"));
    ig_tf_bind(l, "z", ig_tf_v(l, "Where(low, 1 - x, x)"));
    ig_tf_bind(l, "sum", ig_tf_v(l, "1 / z + 1 / (z + 1) + 1 / (z + 2) + 1 / (z + 3) + 1 / (z + 4) + 1 / (z + 5)"));
    ig_tf_bind(l, "w", ig_tf_v(l, "z + 6"));
    ig_tf_bind(l, "i", ig_tf_v(l, "1 / (w * w)"));
    ig_tf_bind(l, "p",
               ig_tf_v(l, "Log(w) - 0.5 / w - i * (0.083333333333333333 - i * (0.0083333333333333333 - i *"
                          " (0.003968253968253968 - i * 0.0041666666666666667))) - sum"));
    ig_tf_bind(l, "angle", ig_tf_v(l, "3.14159265358979323846 * (x - Floor(x))"));
    return ig_tf_text(l, "y = Where(low, p - 3.14159265358979323846 * Cos(angle) / Sin(angle), p)");
}

/* Modified Bessel functions of the first kind: Abramowitz and Stegun 9.8.1 to 9.8.4. */
ig_status ig_tf_lower_bessel(ig_lower *l) {
    bool first = l->rule->to[1] == '1', scaled = l->rule->to[2] == 'e';
    ig_tf_bind(l, "a", ig_tf_v(l, "Abs(x)"));
    ig_tf_bind(l, "t", ig_tf_v(l, "a * a / 14.0625"));
    ig_tf_bind(l, "u", ig_tf_v(l, "3.75 / Max(a, 3.75)"));
    if (first) {
        ig_tf_bind(l, "near",
                   ig_tf_v(l, "a * (0.5 + t * (0.87890594 + t * (0.51498869 + t * (0.15084934 + t * (0.02658733 + t *"
                              " (0.00301532 + t * 0.00032411))))))"));
        ig_tf_bind(l, "far",
                   ig_tf_v(l, "0.39894228 + u * (-0.03988024 + u * (-0.00362018 + u * (0.00163801 + u * (-0.01031555 + u *"
                              " (0.02282967 + u * (-0.02895312 + u * (0.01787654 - u * 0.00420059)))))))"));
    } else {
        ig_tf_bind(l, "near",
                   ig_tf_v(l, "1 + t * (3.5156229 + t * (3.0899424 + t * (1.2067492 + t * (0.2659732 + t * (0.0360768 +"
                              " t * 0.0045813)))))"));
        ig_tf_bind(l, "far",
                   ig_tf_v(l, "0.39894228 + u * (0.01328592 + u * (0.00225319 + u * (-0.00157565 + u * (0.00916281 + u *"
                              " (-0.02057706 + u * (0.02635537 + u * (-0.01647633 + u * 0.00392377)))))))"));
    }
    ig_tf_bind(l, "near", ig_tf_v(l, scaled ? "near * Exp(-a)" : "near * 1"));
    ig_tf_bind(l, "far", ig_tf_v(l, scaled ? "far / Sqrt(a)" : "far / Sqrt(a) * Exp(a)"));
    ig_tf_bind(l, "v", ig_tf_v(l, "Where(Less(a, 3.75), near, far)"));
    return ig_tf_text(l, first ? "y = Where(Less(x, 0), -v, v)" : "y = Identity(v)");
}

ig_status ig_tf_lower_sparse_cross_entropy(ig_lower *l) {
    return ig_tf_text(
        l, "p = LogSoftmax<axis=-1>(x0); hot = OneHot<axis=-1>(i64(x1), Gather(Shape(x0), [-1]), CastLike([0, 1], x0));"
           "y0 = -ReduceSum<keepdims=0>(hot * p, [-1]); y1 = Exp(p) - hot");
}

/* ----------------------------------------------------------------------------------------------------------------- bits */

static size_t bits_of(ig_dtype dtype) { return 8 * ig_dtype_bytes(dtype); }

ig_status ig_tf_lower_bitcast(ig_lower *l) {
    ig_value *v = ig_tf_in(l, 0);
    ig_dtype from = ig_tf_dtype_of(v), to = ig_tf_attr_dtype(l, "type");
    if (from == to) return ig_tf_text(l, "y = Identity(x)");
    if (bits_of(from) != bits_of(to)) return ig_lower_refuse(l, "its types are of different size");
    ig_tf_need_opset(l, 26);
    return ig_tf_text(l, "y = BitCast<to=%d>(x)", (int)to);
}

/* Shifts of signed integers are products and quotients with powers of two; of unsigned ones ONNX has them. */
ig_status ig_tf_lower_shift(ig_lower *l) {
    bool left = strcmp(l->rule->to, "left") == 0;
    ig_dtype dtype = ig_tf_dtype_of(ig_tf_in(l, 0));
    if (ig_dtype_number(dtype) == IG_NUMBER_UNSIGNED)
        return ig_tf_text(l, "y = BitShift<direction='%s'>(x0, x1)", left ? "LEFT" : "RIGHT");
    ig_tf_bind(l, "a", ig_tf_i64(l, ig_tf_in(l, 0)));
    ig_tf_bind(l, "p", ig_tf_v(l, "Pow(2i, i64(x1))"));
    if (left) return ig_tf_text(l, "y = CastLike(a * p, x0)");
    return ig_tf_text(l, "q = a / p; y = CastLike(q - i64(Less(a - q * p, 0i)), x0)");
}

ig_status ig_tf_lower_population_count(ig_lower *l) {
    int64_t places[64];
    ig_dtype dtype = ig_tf_dtype_of(ig_tf_in(l, 0));
    size_t n = bits_of(dtype);
    if (n > 64) return ig_lower_refuse(l, "its element type is unknown");
    for (size_t i = 0; i < n; i++) places[i] = (int64_t)i;
    return ig_tf_text(l,
                      "b = BitShift<direction='RIGHT'>(Cast<to=uint64>(Unsqueeze(x, [-1])), Cast<to=uint64>([%s]));"
                      "y = Cast<to=uint8>(ReduceSum<keepdims=0>(BitwiseAnd(b, Cast<to=uint64>(1i)), [-1]))",
                      ig_tf_join(l, places, n));
}

/* The neighbour in the order of the bits: one more away from zero, one less towards it. */
ig_status ig_tf_lower_next_after(ig_lower *l) {
    bool wide = ig_tf_dtype_of(ig_tf_in(l, 0)) == IG_F64;
    const char *type = wide ? "int64" : "int32", *back = wide ? "double" : "float";
    ig_tf_need_opset(l, 26);
    ig_tf_bind(l, "b", ig_tf_v(l, "BitCast<to=%s>(x0)", type));
    ig_tf_bind(l, "one", ig_tf_v(l, "Cast<to=%s>(1i)", type));
    ig_tf_bind(l, "away", ig_tf_v(l, "Not(Xor(Less(x0, x1), Greater(x0, 0)))"));
    ig_tf_bind(l, "next", ig_tf_v(l, "BitCast<to=%s>(Where(away, b + one, b - one))", back));
    ig_tf_bind(l, "least", ig_tf_v(l, "BitCast<to=%s>(one)", back));
    ig_tf_bind(l, "from_zero", ig_tf_v(l, "Where(Less(x1, 0), -least, least)"));
    return ig_tf_text(
        l, "y = Where(Or(IsNaN(x0), IsNaN(x1)), x0 + x1, Where(Equal(x0, x1), x1, Where(Equal(x0, 0), from_zero, next)))");
}
