/* Dense layers, embeddings, activations, and layers that do nothing when a model is used. */
#include "formats/keras/layers.h"

#include <stdio.h>

/* ---------------------------------------------------------------------------------------------------------- activations */

typedef struct activation {
    const char *name, *text;
    bool whole; /* looks at more than one element at a time */
} activation;

static const activation activations[] = {
    {"celu", "Celu(x)", false},
    {"elu", "Elu(x)", false},
    {"exp", "Exp(x)", false},
    {"exponential", "Exp(x)", false},
    {"gelu", "Gelu(x)", false},
    {"gelu_new", "Gelu<approximate='tanh'>(x)", false},
    {"glu", "", true},
    {"hard_shrink", "Shrink<lambd=0.5, bias=0.0>(x)", false},
    {"hard_sigmoid", "HardSigmoid<alpha=0.16666667, beta=0.5>(x)", false},
    {"hard_silu", "HardSwish(x)", false},
    {"hard_swish", "HardSwish(x)", false},
    {"hard_tanh", "Clip(x, -1, 1)", false},
    {"leaky_relu", "LeakyRelu<alpha=0.2>(x)", false},
    {"linear", "x", false},
    {"log_sigmoid", "-Softplus(-x)", false},
    {"log_softmax", "LogSoftmax<axis=-1>(x)", true},
    {"mish", "Mish(x)", false},
    {"relu", "Relu(x)", false},
    {"relu6", "Clip(x, 0, 6)", false},
    {"selu", "Selu(x)", false},
    {"sigmoid", "Sigmoid(x)", false},
    {"silu", "x * Sigmoid(x)", false},
    {"soft_shrink", "Shrink<lambd=0.5, bias=0.5>(x)", false},
    {"softmax", "Softmax<axis=-1>(x)", true},
    {"softplus", "Softplus(x)", false},
    {"softsign", "Softsign(x)", false},
    {"sparse_plus", "Where(Less(x, 1), Where(Greater(x, -1), 0.25 * (x + 1) * (x + 1), zeros(x)), x)", false},
    {"sparse_sigmoid", "Clip(0.5 * (x + 1), 0, 1)", false},
    {"sparsemax", "", true},
    {"squareplus", "0.5 * (x + Sqrt(x * x + 4))", false},
    {"swish", "x * Sigmoid(x)", false},
    {"tanh", "Tanh(x)", false},
    {"tanh_shrink", "x - Tanh(x)", false},
    {"threshold", "Where(Greater(x, 0), x, zeros(x))", false},
};

static ig_str name_of(const ig_json *v) {
    ig_str class_name = ig_json_text(ig_json_get(v, "class_name"));
    if (ig_str_is(class_name, "function")) return ig_json_text(ig_json_get(v, "config"));
    return class_name.s ? class_name : ig_json_text(v);
}

static const activation *find(ig_str name) {
    for (size_t i = 0; i < IG_COUNT_OF(activations); i++)
        if (ig_str_is(name, activations[i].name)) return &activations[i];
    return NULL;
}

bool ig_k_is_elementwise(const ig_json *v) {
    const activation *a = find(name_of(v));
    return !v || (a && !a->whole);
}

/* x - tau, where tau makes what is above 0 sum up to 1 (Martins and Astudillo, "From Softmax to Sparsemax"). */
static ig_value *sparsemax(ig_k *k, ig_value *x) {
    int64_t n = ig_k_dim(x, -1);
    if (n < 1) {
        ig_k_refuse(k, "sparsemax of a size that isn't known");
        return NULL;
    }
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "ranks", ig_k_cast(k, ig_k_v(k, "Range(1i, %lldi, 1i)", (long long)n + 1), ig_k_dtype(x)));
    ig_sketch_run(k->s, "z, zi = TopK<axis=-1>(x, [%lld]); sums = CumSum(z, -1i)", (long long)n);
    ig_k_bind(k, "support", ig_k_cast(k, ig_k_v(k, "Greater(1 + ranks * z, sums)"), ig_k_dtype(x)));
    return ig_k_v(k, "Relu(x - (ReduceSum<keepdims=1>(z * support, [-1]) - 1) / ReduceSum<keepdims=1>(support, [-1]))");
}

static ig_value *glu(ig_k *k, ig_value *x) {
    ig_k_bind(k, "x", x);
    ig_sketch_run(k->s, "a, b = Split<axis=-1, num_outputs=2>(x)");
    return ig_k_v(k, "a * Sigmoid(b)");
}

ig_value *ig_k_activate(ig_k *k, const ig_json *v, ig_value *x) {
    ig_str name = name_of(v);
    const activation *a = find(name);
    ig_value *principal = k->s->principal, *y = NULL;
    if (!v || v->kind == IG_JSON_NULL) return x;
    if (!a && ig_json_get(v, "config")) { /* a layer */
        ig_k_inner inner = {.layer = v, .path = "activation"};
        return ig_k_call(k, &inner, &x, 1, &y, 1) == IG_OK ? y : NULL;
    }
    if (!a) {
        ig_k_refuse(k, "its activation '%.*s' is none that igata knows", (int)ig_min_size(name.n, 60), name.s ? name.s : "");
        return NULL;
    }
    ig_k_like(k, x);
    ig_k_bind(k, "x", x);
    if (ig_str_is(name, "sparsemax"))
        y = sparsemax(k, x);
    else if (ig_str_is(name, "glu"))
        y = glu(k, x);
    else if (ig_str_is(name, "hard_sigmoid") && k->version < 3)
        y = ig_k_v(k, "HardSigmoid<alpha=0.2, beta=0.5>(x)");
    else
        y = ig_k_v(k, "%s", a->text);
    k->s->principal = principal;
    return y;
}

/* An elementwise result on the value with channels first, where there is one. */
static ig_status out_elementwise(ig_k *k, const char *text, bool elementwise) {
    bool first = elementwise && ig_k_has_first(k, k->in[0]);
    ig_value *x = first ? ig_k_first(k, k->in[0]) : k->in[0];
    ig_k_like(k, x);
    ig_k_bind(k, "x", x);
    ig_value *y = ig_k_v(k, "%s", text);
    ig_k_out(k, 0, first ? ig_k_last(k, y) : y);
    return IG_OK;
}

ig_status ig_k_lower_activation(ig_k *k) {
    const ig_json *v = ig_k_get(k, "activation");
    bool first = ig_k_is_elementwise(v) && ig_k_has_first(k, k->in[0]);
    ig_value *y = ig_k_activate(k, v, first ? ig_k_first(k, k->in[0]) : k->in[0]);
    ig_k_out(k, 0, first ? ig_k_last(k, y) : y);
    return IG_OK;
}

static ig_status need_input(ig_k *k) { return k->n_in ? IG_OK : ig_k_refuse(k, "it is called without a tensor"); }

/* max_value, negative_slope, threshold: x from the threshold on, below it slope * (x - threshold). */
ig_status ig_k_lower_relu(ig_k *k) {
    IG_TRY(need_input(k));
    const ig_json *max_value = ig_k_get(k, "max_value");
    double slope = ig_k_real(k, "negative_slope", 0), threshold = ig_k_real(k, "threshold", 0);
    const char *text;
    if (threshold != 0)
        text = ig_arena_printf(k->arena, "Where(Less(x, %.9e), %.9e * (x - %.9e), x)", threshold, slope, threshold);
    else if (slope != 0)
        text = ig_arena_printf(k->arena, "LeakyRelu<alpha=%.9e>(x)", slope);
    else
        text = max_value ? "Max(x, 0)" : "Relu(x)";
    if (text && max_value)
        text = threshold == 0 && slope == 0 ? ig_arena_printf(k->arena, "Clip(x, 0, %.9e)", ig_json_real(max_value, 6))
                                            : ig_arena_printf(k->arena, "Min(%s, %.9e)", text, ig_json_real(max_value, 6));
    return text ? out_elementwise(k, text, true) : ig_oom(k->l->err);
}

/* One number of the config in a text: rule->to, its key by rule->arg. */
ig_status ig_k_lower_one_number(ig_k *k) {
    IG_TRY(need_input(k));
    double x = ig_k_real(k, "negative_slope",
                         ig_k_real(k, "alpha",
                                   ig_k_real(k, "theta",
                                             k->version >= 3 && ig_k_arg_of(k) ? 0.3
                                             : ig_k_arg_of(k) == 1             ? 0.3
                                                                               : 1)));
    const char *text = ig_arena_printf(k->arena,
                                       k->rule->to[0] == 'L'   ? "LeakyRelu<alpha=%.9e>(x)"
                                       : k->rule->to[0] == 'E' ? "Elu<alpha=%.9e>(x)"
                                                               : "Where(Greater(x, %.9e), x, zeros(x))",
                                       x);
    return text ? out_elementwise(k, text, true) : ig_oom(k->l->err);
}

ig_status ig_k_lower_prelu(ig_k *k) {
    IG_TRY(need_input(k));
    ig_k_bind(k, "x", k->in[0]);
    ig_k_bind(k, "alpha", ig_k_weight(k, "alpha", 0));
    ig_k_out(k, 0, ig_k_v(k, "PRelu(x, alpha)"));
    return IG_OK;
}

/* Masked elements get a very small number first, as Keras does it. */
ig_status ig_k_lower_softmax(ig_k *k) {
    IG_TRY(need_input(k));
    ig_value *x = k->in[0], *mask = ig_k_arg_tensor(k, "mask", k->args ? 1 : -1);
    const ig_json *axis = ig_k_get(k, "axis");
    int64_t axes[IG_MAX_RANK];
    size_t n = ig_json_is_kind(axis, IG_JSON_LIST) ? axis->n : 1;
    int rank;
    IG_TRY(ig_k_need_rank(k, x, &rank));
    if (n < 1 || n > (size_t)rank) return ig_k_refuse(k, "its axes don't fit its input");
    for (size_t i = 0; i < n; i++) {
        axes[i] = ig_json_int(ig_json_is_kind(axis, IG_JSON_LIST) ? ig_json_at(axis, i) : axis, -1);
        if (axes[i] < -rank || axes[i] >= rank) return ig_k_refuse(k, "its axes don't fit its input");
    }
    ig_k_bind(k, "x", x);
    if (!mask && !k->args) mask = k->mask[0];
    if (mask) {
        ig_k_bind(k, "m", ig_k_cast(k, mask, ig_k_dtype(x)));
        x = ig_k_v(k, "x + (1 - m) * %s",
                   ig_k_dtype(x) == IG_F16    ? "-65504"
                   : ig_k_dtype(x) == IG_BF16 ? "-3.3895314e38"
                                              : "-3.4028235e38");
        if (k->version < 3 && ig_k_dtype(x) == IG_F32) {
            ig_k_bind(k, "x", k->in[0]);
            x = ig_k_v(k, "x + (1 - m) * -1e9");
        }
        ig_k_bind(k, "x", x);
    }
    if (n == 1)
        ig_k_out(k, 0, ig_k_v(k, "Softmax<axis=%lld>(x)", (long long)axes[0]));
    else
        ig_k_out(k, 0, ig_k_v(k, "Exp(x - ReduceLogSumExp<keepdims=1>(x, [%s]))", ig_k_list(k, axes, n)));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------ layers that do nothing */

ig_status ig_k_lower_identity(ig_k *k) {
    IG_TRY(need_input(k));
    for (size_t i = 0; i < k->n_out; i++) ig_k_out(k, i, k->in[i < k->n_in ? i : 0]);
    return IG_OK;
}

ig_status ig_k_lower_lambda(ig_k *k) {
    return ig_k_refuse(
        k, "a Lambda layer is Python code, which igata never executes; write it with layers or keras.ops, and save again");
}

ig_status ig_k_lower_masking(ig_k *k) {
    IG_TRY(need_input(k));
    ig_k_bind(k, "x", k->in[0]);
    ig_value *differs = ig_k_v(k, "Not(Equal(x, %.9e))", ig_k_real(k, "mask_value", 0));
    ig_k_bind(k, "d", ig_k_cast(k, differs, IG_I32));
    ig_value *any = ig_k_v(k, "ReduceMax<keepdims=1>(d, [-1])");
    ig_k_bind(k, "m", ig_k_cast(k, any, ig_k_dtype(k->in[0])));
    ig_k_out(k, 0, ig_k_v(k, "x * m"));
    if (k->n_out) k->out_mask[0] = ig_k_cast(k, ig_k_squeeze(k, any, -1), IG_BOOL);
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------- quantization */

typedef enum mode { PLAIN, INT8, INT4, FLOAT8, OTHER } mode;

static mode mode_of(const ig_k *k) {
    const ig_json *policy = ig_k_get(k, "dtype"), *config = ig_json_get(policy, "config");
    ig_str text = ig_json_text(ig_json_get(config, "mode"));
    if (!text.s) return PLAIN;
    if (ig_str_is(text, "int8")) return INT8;
    if (ig_str_starts(text, "int4")) return INT4;
    return ig_str_is(text, "float8") ? FLOAT8 : OTHER;
}

/* Two numbers a byte along the last axis, the low one first; `columns` of them. */
static ig_value *unpack_int4(ig_k *k, ig_value *packed, int64_t columns) {
    int rank = ig_k_rank(packed);
    int64_t dims[IG_MAX_RANK + 1];
    if (rank < 1 || rank >= IG_MAX_RANK || columns < 0) {
        ig_k_refuse(k, "its packed weights have an unknown shape");
        return NULL;
    }
    ig_k_bind(k, "p", ig_k_cast(k, packed, IG_I32));
    ig_value *principal = k->s->principal;
    ig_k_like(k, ig_sketch_get(k->s, "p"));
    ig_k_bind(k, "low", ig_k_v(k, "Mod<fmod=0>(p, 16)"));
    ig_k_bind(k, "high", ig_k_v(k, "(Mod<fmod=0>(p, 256) - low) / 16"));
    ig_k_bind(k, "both", ig_k_v(k, "Concat<axis=-1>(Unsqueeze(low, [-1]), Unsqueeze(high, [-1]))"));
    for (int i = 0; i < rank; i++) dims[i] = ig_k_dim(packed, i);
    dims[rank - 1] = -1;
    ig_k_bind(k, "flat", ig_k_reshape(k, ig_k_v(k, "Where(Greater(both, 7), both - 16, both)"), dims, (size_t)rank));
    ig_value *v = ig_k_slice(k, ig_sketch_get(k->s, "flat"), -1, 0, columns, 1);
    k->s->principal = principal;
    return ig_k_cast(k, v, k->dtype);
}

/* Scales and zero points of groups of rows. */
static ig_value *grouped(ig_k *k, ig_value *q, ig_value *scale, ig_value *zero, ig_value *groups) {
    ig_k_bind(k, "q", q);
    ig_k_bind(k, "g", ig_k_cast(k, groups, IG_I64));
    ig_k_bind(k, "scale", scale);
    ig_k_bind(k, "zero", ig_k_cast(k, zero, k->dtype));
    return ig_k_v(k, "(q - Gather<axis=0>(zero, g)) * Gather<axis=0>(scale, g)");
}

/* Through float8 and back. */
static ig_value *through_float8(ig_k *k, ig_value *v, ig_value *scale) {
    ig_k_bind(k, "v", v);
    ig_k_bind(k, "scale", scale);
    return ig_k_v(k, "Cast<to=%s>(Cast<to=float8e4m3fn>(Clip(v / scale, -448, 448))) * scale", ig_dtype_name(k->dtype));
}

/* Numbers of int8 for each row, which have been multiplied by *scale. */
static ig_value *rounded_rows(ig_k *k, ig_value *x, const int64_t *axes, size_t n, ig_value **scale) {
    ig_k_like(k, x);
    ig_k_bind(k, "x", x);
    *scale = ig_k_v(k, "127 / (ReduceMax<keepdims=1>(Abs(x), [%s]) + 1e-7)", ig_k_list(k, axes, n));
    ig_k_bind(k, "s", *scale);
    return ig_k_v(k, "Clip(Round(x * s), -127, 127)");
}

static bool quantizes_inputs(const ig_k *k) {
    const ig_json *config = ig_json_get(ig_k_get(k, "quantization_config"), "config");
    const ig_json *q = ig_json_get(config, "activation_quantizer");
    return !config || (q && q->kind != IG_JSON_NULL);
}

/* ----------------------------------------------------------------------------------------------------------------- Dense */

static ig_value *matmul(ig_k *k, ig_value *x, ig_value *w) {
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "w", w);
    return ig_k_v(k, "MatMul(x, w)");
}

/* The kernel as floats, the rows of x in place of x where it is rounded too, and what the product is divided by. */
static ig_value *dense_kernel(ig_k *k, mode m, int64_t units, bool use_bias, ig_value **x, ig_value **divisor) {
    ig_value *w = ig_k_weight(k, "kernel", 0), *scale = NULL;
    int at = use_bias ? 2 : 1;
    *divisor = NULL;
    if (m == PLAIN || !w) return w;
    if (m == FLOAT8) {
        ig_value *x_scale = ig_k_weight(k, "inputs_scale", at), *w_scale = ig_k_weight(k, "kernel_scale", at + 2);
        *x = through_float8(k, *x, x_scale);
        return through_float8(k, w, w_scale);
    }
    ig_value *w_scale = ig_k_weight(k, "kernel_scale", at), *groups = ig_k_find_weight(k, "g_idx", at + 2);
    if (m == INT4) {
        w = unpack_int4(k, w, units);
        if (groups) return grouped(k, w, w_scale, ig_k_weight(k, "kernel_zero", at + 1), groups);
    }
    w = ig_k_cast(k, w, k->dtype);
    *divisor = w_scale;
    if (!quantizes_inputs(k)) return w;
    *x = rounded_rows(k, *x, (int64_t[]){-1}, 1, &scale);
    ig_k_bind(k, "a", w_scale);
    ig_k_bind(k, "b", scale);
    *divisor = ig_k_v(k, "a * b");
    return w;
}

ig_status ig_k_lower_dense(ig_k *k) {
    IG_TRY(need_input(k));
    mode m = mode_of(k);
    bool use_bias = ig_k_bool(k, "use_bias", true);
    int rank;
    if (m == OTHER) return ig_k_refuse(k, "its quantization is of a kind that igata doesn't know");
    ig_value *x = k->in[0], *divisor, *bias = use_bias ? ig_k_weight(k, "bias", 1) : NULL;
    IG_TRY(ig_k_need_rank(k, x, &rank));
    x = ig_k_is_float(x) ? x : ig_k_cast(k, x, k->dtype);
    ig_k_like(k, x);
    ig_value *w = dense_kernel(k, m, ig_k_int(k, "units", -1), use_bias, &x, &divisor), *y;
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "w", w);
    ig_k_bind(k, "b", bias);
    if (rank == 2 && bias && !divisor) {
        y = ig_k_v(k, "Gemm(x, w, b)");
    } else {
        y = matmul(k, x, w);
        ig_k_bind(k, "y", y);
        ig_k_bind(k, "d", divisor);
        if (divisor) y = ig_k_v(k, "y / d");
        ig_k_bind(k, "y", y);
        if (bias) y = ig_k_v(k, "y + b");
    }
    ig_k_out(k, 0, ig_k_activate(k, ig_k_get(k, "activation"), y));
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------- EinsumDense */

/* "...x,xy->...y" in letters that ONNX's Einsum takes; spaces are dropped. */
static bool parse_equation(ig_str text, char *left, char *weights, char *out, size_t cap) {
    char *parts[] = {left, weights, out};
    size_t part = 0, n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.s[i];
        if (c == ' ') continue;
        if ((c == ',' && part == 0) || (c == '-' && part == 1 && i + 1 < text.n && text.s[i + 1] == '>')) {
            parts[part++][n] = 0;
            n = 0;
            i += c == '-';
            continue;
        }
        if (n + 1 >= cap || c == '\'' || c == ',' || c == '>' || c == '-') return false;
        parts[part][n++] = c;
    }
    parts[part][n] = 0;
    return part == 2;
}

/* The bias has an axis for each of bias_axes, in the order of the result. */
static ig_value *spread_bias(ig_k *k, ig_value *bias, ig_str axes, const char *out) {
    int64_t dims[IG_MAX_RANK];
    size_t n = 0;
    int taken = 0;
    const char *from = strrchr(out, '.') ? strrchr(out, '.') + 1 : out;
    bool started = false;
    for (const char *c = from; *c; c++) {
        bool has = axes.n && memchr(axes.s, *c, axes.n);
        if (!has && !started) continue;
        started = true;
        if (n == IG_MAX_RANK) return NULL;
        dims[n++] = has ? ig_k_dim(bias, taken++) : 1;
    }
    return ig_k_reshape(k, bias, dims, n);
}

/* The divisor of a result from scales of the input (axes reduced to 1) or of the kernel: an Einsum with the scale's own axes.
 */
static ig_value *spread_scale(ig_k *k, ig_value *scale, const char *from, const char *reduced, const char *out) {
    int64_t perm[IG_MAX_RANK], dims[IG_MAX_RANK];
    size_t n = strlen(out), kept = 0;
    int rank = ig_k_rank(scale);
    if (rank < 0 || strchr(from, '.') || strlen(from) != (size_t)rank || n > IG_MAX_RANK) {
        ig_k_refuse(k, "quantized with an ellipsis in its equation");
        return NULL;
    }
    /* transposed to the order of the result, then with an axis of 1 for each letter that it lacks */
    for (size_t i = 0; i < n; i++) {
        const char *at = strchr(from, out[i]);
        bool has = at && !strchr(reduced, out[i]);
        dims[i] = has ? 0 : 1;
        if (has) perm[kept++] = at - from;
    }
    size_t total = kept;
    for (int i = 0; i < rank; i++)
        if (strchr(reduced, from[i]) || !strchr(out, from[i])) perm[total++] = i;
    scale = ig_k_transpose(k, scale, perm, (size_t)rank);
    for (int i = rank - 1; i >= (int)kept; i--) scale = ig_k_squeeze(k, scale, i);
    for (size_t i = 0; i < n; i++)
        if (dims[i] == 1) scale = ig_k_unsqueeze(k, scale, (int64_t)i);
    return scale;
}

static ig_value *einsum(ig_k *k, const char *a, const char *b, const char *out, ig_value *x, ig_value *w) {
    const char *attributes = ig_arena_printf(k->arena, "equation='%s,%s->%s'", a, b, out);
    return attributes ? ig_k_op(k, "Einsum", attributes, (ig_value *[]){x, w}, 2) : NULL;
}

static ig_value *quantized_einsum(ig_k *k, const char *a, const char *b, const char *out, ig_value *x, ig_value *w,
                                  bool use_bias) {
    char reduced[64];
    int64_t axes[IG_MAX_RANK];
    size_t n = 0;
    int at = use_bias ? 2 : 1;
    ig_value *x_scale, *y, *w_scale = ig_k_weight(k, "kernel_scale", at);
    for (size_t i = 0; a[i]; i++)
        if (!strchr(out, a[i]) && strchr(b, a[i])) {
            reduced[n] = a[i];
            axes[n++] = (int64_t)i;
        }
    reduced[n] = 0;
    bool rounds = quantizes_inputs(k);
    if (rounds) x = rounded_rows(k, x, axes, n, &x_scale);
    y = einsum(k, a, b, out, x, ig_k_cast(k, w, k->dtype));
    ig_k_bind(k, "y", y);
    ig_k_bind(k, "ws", w_scale); /* stored in the order of the result */
    y = ig_k_v(k, "y / ws");
    if (!rounds) return y;
    ig_k_bind(k, "y", y);
    ig_k_bind(k, "xs", spread_scale(k, x_scale, a, reduced, out));
    return ig_k_v(k, "y / xs");
}

ig_status ig_k_lower_einsum_dense(ig_k *k) {
    IG_TRY(need_input(k));
    char a[64], b[64], out[64];
    mode m = mode_of(k);
    ig_str axes = ig_json_text(ig_k_get(k, "bias_axes"));
    if (!parse_equation(ig_json_text(ig_k_get(k, "equation")), a, b, out, sizeof a))
        return ig_k_refuse(k, "its equation isn't of the form 'a,b->c'");
    ig_value *x = ig_k_cast(k, k->in[0], k->dtype), *w = ig_k_weight(k, "kernel", 0), *y,
             *bias = axes.s ? ig_k_weight(k, "bias", 1) : NULL;
    if (m == FLOAT8) {
        int at = axes.s ? 2 : 1;
        x = through_float8(k, x, ig_k_weight(k, "inputs_scale", at));
        w = through_float8(k, w, ig_k_weight(k, "kernel_scale", at + 2));
    }
    if (m == INT4 || m == OTHER) return ig_k_refuse(k, "its quantization is of a kind that igata doesn't know");
    y = m == INT8 ? quantized_einsum(k, a, b, out, x, w, bias != NULL) : einsum(k, a, b, out, x, w);
    if (bias) {
        ig_k_bind(k, "y", y);
        ig_k_bind(k, "b", spread_bias(k, bias, axes, out));
        y = ig_k_v(k, "y + b");
    }
    ig_k_out(k, 0, ig_k_activate(k, ig_k_get(k, "activation"), y));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------- Embedding */

static ig_value *embedding_rows(ig_k *k, ig_value *ids) {
    mode m = mode_of(k);
    ig_value *table = ig_k_weight(k, "embeddings", 0);
    ig_k_bind(k, "ids", ids);
    ig_k_bind(k, "table", table);
    if (m == PLAIN) return ig_k_v(k, "Gather<axis=0>(table, ids)");
    ig_value *scale = ig_k_weight(k, "embeddings_scale", 1);
    ig_k_bind(k, "scale", scale);
    ig_value *rows = ig_k_v(k, "Gather<axis=0>(table, ids)");
    if (m == INT4) rows = unpack_int4(k, rows, ig_k_int(k, "output_dim", -1));
    ig_k_bind(k, "rows", ig_k_cast(k, rows, k->dtype));
    ig_value *groups = m == INT4 ? ig_k_find_weight(k, "g_idx", 3) : NULL;
    if (!groups) return ig_k_v(k, "rows / Unsqueeze(Gather<axis=0>(scale, ids), [-1])");
    ig_k_bind(k, "zero", ig_k_cast(k, ig_k_weight(k, "embeddings_zero", 2), k->dtype));
    ig_k_bind(k, "g", ig_k_cast(k, groups, IG_I64));
    return ig_k_v(k, "(rows - Gather<axis=-1>(Gather<axis=0>(zero, ids), g)) * Gather<axis=-1>(Gather<axis=0>(scale, ids), g)");
}

ig_status ig_k_lower_embedding(ig_k *k) {
    IG_TRY(need_input(k));
    ig_value *ids = k->in[0];
    mode m = mode_of(k);
    if (m == FLOAT8 || m == OTHER) return ig_k_refuse(k, "its quantization is of a kind that igata doesn't know");
    if (ig_k_dtype(ids) != IG_I64 && ig_k_dtype(ids) != IG_I32) ids = ig_k_cast(k, ids, IG_I32);
    if (ig_k_arg_of(k) == 1 && ig_json_bool(ig_k_arg(k, "reverse", 1), false)) { /* ReversibleEmbedding: to logits */
        bool tied = ig_k_bool(k, "tie_weights", true);
        double cap = ig_k_real(k, "logit_soft_cap", 0);
        if (m != PLAIN) return ig_k_refuse(k, "it is quantized and reversed");
        ig_k_like(k, k->in[0]);
        ig_k_bind(k, "x", ig_k_cast(k, k->in[0], k->dtype));
        ig_k_bind(k, "w", tied ? ig_k_weight(k, "embeddings", 0) : ig_k_weight(k, "reverse_embeddings", 1));
        ig_k_bind(k, "y", tied ? ig_k_v(k, "MatMul(x, Transpose<perm=[1, 0]>(w))") : ig_k_v(k, "MatMul(x, w)"));
        ig_k_out(k, 0, cap != 0 ? ig_k_v(k, "Tanh(y / %.9e) * %.9e", cap, cap) : ig_sketch_get(k->s, "y"));
        return IG_OK;
    }
    ig_value *rows = embedding_rows(k, ids);
    ig_k_out(k, 0, rows);
    if (!ig_k_bool(k, "mask_zero", false) || !k->n_out) return IG_OK;
    ig_k_like(k, ids);
    ig_k_bind(k, "ids", ids);
    k->out_mask[0] = ig_k_v(k, "Not(Equal(ids, 0))");
    return IG_OK;
}
