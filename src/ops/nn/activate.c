#include "ops/nn/activate.h"

#include "kernels/kernels.h"
#include "ops/loops/map.h"
#include "ops/loops/real.h"

static const struct name {
    const char *name;
    ig_activation_kind kind;
    int parameters;
    float alpha, beta;
} names[] = {
    {"Relu", IG_ACT_RELU, 0, 0, 0},
    {"Tanh", IG_ACT_TANH, 0, 0, 0},
    {"Sigmoid", IG_ACT_SIGMOID, 0, 0, 0},
    {"Affine", IG_ACT_AFFINE, 2, 1, 0},
    {"LeakyRelu", IG_ACT_LEAKY_RELU, 1, 0.01f, 0},
    {"ThresholdedRelu", IG_ACT_THRESHOLDED_RELU, 1, 1, 0},
    {"ScaledTanh", IG_ACT_SCALED_TANH, 2, 1, 1},
    {"HardSigmoid", IG_ACT_HARD_SIGMOID, 2, 0.2f, 0.5f},
    {"Elu", IG_ACT_ELU, 1, 1, 0},
    {"Softsign", IG_ACT_SOFTSIGN, 0, 0, 0},
    {"Softplus", IG_ACT_SOFTPLUS, 0, 0, 0},
    {"Clip", IG_ACT_CLIP, 2, -INFINITY, INFINITY},
    {"Gelu", IG_ACT_GELU, 0, 0, 0},
    {"FastGelu", IG_ACT_FAST_GELU, 0, 0, 0},
    {"Silu", IG_ACT_SILU, 0, 1, 0},
    {"Swish", IG_ACT_SILU, 1, 1, 0},
    {"HardSwish", IG_ACT_HARD_SWISH, 0, 0, 0},
    {"Identity", IG_ACT_IDENTITY, 0, 0, 0},
};

static bool same(ig_str a, const char *b) {
    if (a.n != strlen(b)) return false;
    for (size_t i = 0; i < a.n; i++)
        if ((a.s[i] | 32) != (b[i] | 32)) return false;
    return true;
}

bool ig_activation_of(ig_activation *a, ig_str name, int *parameters) {
    for (size_t i = 0; i < IG_COUNT_OF(names); i++) {
        if (!same(name, names[i].name)) continue;
        *a = (ig_activation){names[i].kind, names[i].alpha, names[i].beta, NULL};
        if (parameters) *parameters = names[i].parameters;
        return true;
    }
    return false;
}

#define EACH(expr)                                                                                                             \
    IG_EACH (i, n) {                                                                                                           \
        x[i] = expr;                                                                                                           \
    }                                                                                                                          \
    return

#define SCOPE_activate_f32 static
#define SCOPE_ig_activate_f64
/* A NaN passes through every one of them. */
#define ACTIVATE(name, TYPE)                                                                                                   \
    SCOPE_##name void name(const void *activation, TYPE *x, size_t n) {                                                        \
        const ig_activation *act = activation;                                                                                 \
        const TYPE a = (TYPE)act->alpha, b = (TYPE)act->beta;                                                                  \
        switch (act->kind) {                                                                                                   \
        case IG_ACT_RELU: EACH(x[i] < 0 ? 0 : x[i]);                                                                           \
        case IG_ACT_TANH: EACH(IG_TANH(x[i]));                                                                                 \
        case IG_ACT_SIGMOID: EACH(IG_SIGMOID(x[i]));                                                                           \
        case IG_ACT_AFFINE: EACH(a *x[i] + b);                                                                                 \
        case IG_ACT_LEAKY_RELU: EACH(x[i] < 0 ? a * x[i] : x[i]);                                                              \
        case IG_ACT_THRESHOLDED_RELU: EACH(x[i] <= a ? 0 : x[i]);                                                              \
        case IG_ACT_SCALED_TANH: EACH(a *IG_TANH(b *x[i]));                                                                    \
        case IG_ACT_HARD_SIGMOID: EACH(a *x[i] + b < 0 ? 0 : a * x[i] + b > 1 ? 1 : a * x[i] + b);                             \
        case IG_ACT_ELU: EACH(x[i] < 0 ? a * (IG_EXP(x[i]) - 1) : x[i]);                                                       \
        case IG_ACT_SOFTSIGN: EACH(x[i] / (1 + (x[i] < 0 ? -x[i] : x[i])));                                                    \
        case IG_ACT_SOFTPLUS: EACH(IG_SOFTPLUS(x[i]));                                                                         \
        case IG_ACT_CLIP: EACH(x[i]<a ? a : x[i]> b ? b : x[i]);                                                               \
        case IG_ACT_GELU: EACH(x[i] * (TYPE)0.5 * (1 + IG_ERF(x[i] * (TYPE)0.70710678118654752)));                             \
        case IG_ACT_FAST_GELU:                                                                                                 \
            EACH(x[i] * (TYPE)0.5 *                                                                                            \
                 (1 + IG_TANH(x[i] * ((TYPE)0.79788456080286536 + (TYPE)0.035677408136300125 * x[i] * x[i]))));                \
        case IG_ACT_SILU: EACH(x[i] * IG_SIGMOID(a * x[i]));                                                                   \
        case IG_ACT_HARD_SWISH: EACH(x[i] * (x[i] < -3 ? 0 : x[i] > 3 ? 1 : x[i] / 6 + (TYPE)0.5));                            \
        case IG_ACT_NONE:                                                                                                      \
        case IG_ACT_IDENTITY: break;                                                                                           \
        }                                                                                                                      \
    }
ACTIVATE(activate_f32, float)
ACTIVATE(ig_activate_f64, double)

/* Those that cost something and have a loop for every instruction set. The others are IG_REAL_COUNT. */
static ig_real_loop loop_of(ig_activation_kind kind) {
    switch (kind) {
    case IG_ACT_TANH: return IG_REAL_tanh_f32;
    case IG_ACT_SIGMOID: return IG_REAL_sigmoid_f32;
    case IG_ACT_SCALED_TANH: return IG_REAL_scaled_tanh_f32;
    case IG_ACT_HARD_SIGMOID: return IG_REAL_hard_sigmoid_f32;
    case IG_ACT_ELU: return IG_REAL_elu_f32;
    case IG_ACT_SOFTSIGN: return IG_REAL_softsign_f32;
    case IG_ACT_SOFTPLUS: return IG_REAL_softplus_f32;
    case IG_ACT_GELU: return IG_REAL_gelu_f32;
    case IG_ACT_FAST_GELU: return IG_REAL_fast_gelu_f32;
    case IG_ACT_SILU: return IG_REAL_swish_f32;
    case IG_ACT_HARD_SWISH: return IG_REAL_hard_swish_f32;
    default: return IG_REAL_COUNT;
    }
}

void ig_activate_f32(const void *activation, float *x, size_t n) {
    const ig_activation *act = activation;
    ig_real_loop loop = act->loops ? loop_of(act->kind) : IG_REAL_COUNT;
    if (loop == IG_REAL_COUNT || n == 0) {
        activate_f32(activation, x, n);
        return;
    }
    const ig_params_f32 params = {act->alpha, act->beta, 0};
    const void *in[1] = {x};
    const size_t step[1] = {1};
    act->loops->real[loop](&params, n, x, in, step);
}

ig_status ig_activation_of_call(ig_call *c, ig_activation *a) {
    const ig_node *node = c->node;
    *a = (ig_activation){IG_ACT_NONE, 0, 0, NULL};
    ig_str name = ig_schema_attr_find(node->schema, "activation") ? ig_attr_str(node, "activation") : (ig_str){NULL, 0};
    if (name.n == 0) return IG_OK;
    if (!ig_activation_of(a, name, NULL))
        return ig_call_fail(c, "activation '%.*s' is not known", (int)ig_min_size(name.n, 40), name.s);
    a->loops = ig_kernels_of(c->context)->loops;
    size_t n = 0;
    const float *list =
        ig_schema_attr_find(node->schema, "activation_params") ? ig_attr_floats(node, "activation_params", &n) : NULL;
    if (n > 0) a->alpha = list[0];
    if (n > 1) a->beta = list[1];
    if (ig_attr_given(node, "activation_alpha")) a->alpha = ig_attr_float(node, "activation_alpha");
    if (ig_attr_given(node, "activation_beta")) a->beta = ig_attr_float(node, "activation_beta");
    return IG_OK;
}
