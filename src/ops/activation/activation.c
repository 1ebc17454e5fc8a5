/* Activations: functions of one real number with up to three parameters, which are float attributes. */
#include "ops/loops/real.h"
#include "ops/math/elementwise.h"

typedef struct params_f32 {
    float a, b, c;
} params_f32;
typedef struct params_f64 {
    double a, b, c;
} params_f64;

/* What a row of the list below says; rows become operators. */
typedef struct activation {
    const char *attrs[3]; /* of p.a, p.b, p.c */
    ig_loop loops[2];
} activation;

static ig_status run_with(ig_call *c, const activation *f, size_t grain) {
    float p[3] = {0};
    for (size_t i = 0; i < 3 && f->attrs[i]; i++) p[i] = ig_attr_float(c->node, f->attrs[i]);
    const params_f32 p32 = {p[0], p[1], p[2]};
    const params_f64 p64 = {(double)p[0], (double)p[1], (double)p[2]};
    const ig_loop *loop = ig_loop_pick(f->loops, IG_COUNT_OF(f->loops), c->in[0]->dtype);
    if (!loop) return ig_call_no_kernel(c, c->in[0]->dtype);
    return ig_loop_call(c, loop, 1, loop->out == IG_F64 ? (const void *)&p64 : &p32, grain);
}

#define ACTIVATION(symbol, domain_, text, since_, until_, grain, expr, ...)                                                    \
    IG_LOOP_1P(symbol##_f32, float, float, params_f32, expr)                                                                   \
    IG_LOOP_1P(symbol##_f64, double, double, params_f64, expr)                                                                 \
    static const activation symbol##_function = {{__VA_ARGS__}, {IG_REAL_ROWS(IG_ROW_1, symbol)}};                             \
    static ig_status run_##symbol(ig_call *c) { return run_with(c, &symbol##_function, grain); }                               \
    const ig_op ig_op_##symbol = {.domain = domain_,                                                                           \
                                  .name = text,                                                                                \
                                  .since = since_,                                                                             \
                                  .until = until_,                                                                             \
                                  .flags = IG_OP_INPLACE,                                                                      \
                                  .infer = ig_infer_same,                                                                      \
                                  .run = run_##symbol};

#define POSITIVE(x)  ((x) < 0 ? 0 : (x)) /* keeps NaN */
#define NEGATIVE(x)  ((x) > 0 ? 0 : (x))
#define BETWEEN(x)   ((x) < 0 ? 0 : (x) > 1 ? 1 : (x))
#define GELU(x)      ((x) / 2 * (1 + IG_ERF((x)*IG_OF(x, 0x1.6a09e667f3bcdp-1))))
#define TANH_GELU(x) ((x) / 2 * (1 + IG_TANH(IG_OF(x, 0x1.9884533d43651p-1) * ((x) + IG_OF(x, 0.044715) * (x) * (x) * (x)))))

ACTIVATION(leaky_relu, "", "LeakyRelu", 1, 0, 0, x < 0 ? p.a * x : x, "alpha")
ACTIVATION(elu, "", "Elu", 1, 0, IG_GRAIN_HEAVY, x < 0 ? p.a * (IG_EXP(x) - 1) : x, "alpha")
ACTIVATION(celu, "", "Celu", 12, 0, IG_GRAIN_HEAVY, POSITIVE(x) + NEGATIVE(p.a * (IG_EXP(x / p.a) - 1)), "alpha")
ACTIVATION(selu, "", "Selu", 1, 0, IG_GRAIN_HEAVY, p.b *(x > 0 ? x : p.a * IG_EXP(x) - p.a), "alpha", "gamma")
ACTIVATION(sigmoid, "", "Sigmoid", 1, 0, IG_GRAIN_HEAVY, IG_SIGMOID(x), NULL)
ACTIVATION(hard_sigmoid, "", "HardSigmoid", 1, 0, 0, BETWEEN(p.a *x + p.b), "alpha", "beta")
ACTIVATION(hard_swish, "", "HardSwish", 14, 0, 0, x *BETWEEN(x / 6 + IG_OF(x, 0.5)), NULL)
ACTIVATION(softplus, "", "Softplus", 1, 0, IG_GRAIN_HEAVY, IG_SOFTPLUS(x), NULL)
ACTIVATION(softsign, "", "Softsign", 1, 0, 0, x / (1 + (x < 0 ? -x : x)), NULL)
ACTIVATION(thresholded_relu, "", "ThresholdedRelu", 10, 0, 0, x > p.a ? x : 0, "alpha")
ACTIVATION(mish, "", "Mish", 18, 0, IG_GRAIN_HEAVY, IG_MISH(x), NULL)
ACTIVATION(swish, "", "Swish", 24, 0, IG_GRAIN_HEAVY, x *IG_SIGMOID(p.a *x), "alpha")
ACTIVATION(ms_gelu, "com.microsoft", "Gelu", 1, 0, IG_GRAIN_HEAVY, GELU(x), NULL)
ACTIVATION(ms_quick_gelu, "com.microsoft", "QuickGelu", 1, 0, IG_GRAIN_HEAVY, x *IG_SIGMOID(p.a *x), "alpha")

/* Experimental operators of the first opset, gone in the tenth. */
ACTIVATION(affine, "", "Affine", 1, 1, 0, p.a *x + p.b, "alpha", "beta")
ACTIVATION(scale, "", "Scale", 1, 1, 0, p.a *x, "scale")
ACTIVATION(scaled_tanh, "", "ScaledTanh", 1, 1, IG_GRAIN_HEAVY, p.a *IG_TANH(p.b *x), "alpha", "beta")
ACTIVATION(parametric_softplus, "", "ParametricSoftplus", 1, 1, IG_GRAIN_HEAVY, p.a *IG_SOFTPLUS(p.b *x), "alpha", "beta")

/* --------------------------------------------------------------------------------------- those that don't fit the list */

IG_REAL_LOOPS_1(relu, POSITIVE(x))
IG_LOOP_1(relu_i8, int8_t, int8_t, POSITIVE(x))
IG_LOOP_1(relu_i16, int16_t, int16_t, POSITIVE(x))
IG_LOOP_1(relu_i32, int32_t, int32_t, POSITIVE(x))
IG_LOOP_1(relu_i64, int64_t, int64_t, POSITIVE(x))
static const ig_loop relu_loops[] = {IG_REAL_ROWS(IG_ROW_1, relu), IG_SIGNED_ROWS(IG_ROW_1, relu)};

static ig_dim content_relu(ig_syms *syms, ig_dim x) { return ig_dim_max(syms, x, ig_dim_of(0)); }
static ig_status infer_relu(ig_infer *c) { return ig_infer_unary(c, content_relu); }
IG_UNARY_OP(relu, "Relu", 1, IG_OP_INPLACE, infer_relu, relu_loops, 0)

IG_REAL_LOOPS_1(gelu, GELU(x))
IG_REAL_LOOPS_1(tanh_gelu, TANH_GELU(x))
static const ig_loop gelu_loops[] = {IG_REAL_ROWS(IG_ROW_1, gelu)}, tanh_gelu_loops[] = {IG_REAL_ROWS(IG_ROW_1, tanh_gelu)};

static ig_status infer_gelu(ig_infer *c) {
    if (!ig_attr_is(c->node, "approximate", "none") && !ig_attr_is(c->node, "approximate", "tanh"))
        return ig_infer_fail(c, "attribute 'approximate' is neither none nor tanh");
    return ig_infer_same(c);
}

static ig_status run_gelu(ig_call *c) {
    return ig_loop_call(c, ig_attr_is(c->node, "approximate", "tanh") ? tanh_gelu_loops : gelu_loops, 2, NULL, IG_GRAIN_HEAVY);
}
IG_ELEMENTWISE(gelu, "Gelu", 20, IG_OP_INPLACE, infer_gelu, run_gelu)

/* Whole numbers are compared and moved as doubles, then truncated. */
IG_LOOP_1P(shrink_f32, float, float, params_f32, x<-p.a ? x + p.b : x> p.a ? x - p.b : 0)
IG_LOOP_1P(shrink_f64, double, double, params_f64, x<-p.a ? x + p.b : x> p.a ? x - p.b : 0)
static const ig_loop shrink_loops[] = {IG_REAL_ROWS(IG_ROW_1, shrink)};

static ig_status run_shrink(ig_call *c) {
    float lambda = ig_attr_float(c->node, "lambd"), bias = ig_attr_float(c->node, "bias");
    const params_f32 p32 = {lambda, bias, 0};
    const params_f64 p64 = {(double)lambda, (double)bias, 0};
    if (!c->out[0]) return IG_OK;
    const ig_loop *loop = ig_loop_pick(shrink_loops, 2, c->in[0]->dtype);
    if (!loop) loop = &shrink_loops[1];
    ig_operand in = ig_operand_of(c->in[0]);
    const ig_loop_job job = {.loop = loop,
                             .params = loop == shrink_loops ? (const void *)&p32 : &p64,
                             .out = ig_operand_of(c->out[0]),
                             .in = &in,
                             .n_in = 1};
    return ig_loop_run(c, &job);
}
IG_ELEMENTWISE(shrink, "Shrink", 9, IG_OP_INPLACE, ig_infer_same, run_shrink)

/* ---------------------------------------------------------------------------------------------------------- two inputs */

IG_LOOP_2P(swiglu_f32, float, float, float, float, x *IG_SIGMOID(p *x) * y)
IG_LOOP_2P(swiglu_f64, double, double, double, float, x *IG_SIGMOID((double)p *x) * y)
static const ig_loop swiglu_loops[] = {IG_REAL_ROWS(IG_ROW_2, swiglu)};

static ig_status infer_swiglu(ig_infer *c) {
    ig_shape a, b;
    if (!ig_infer_shape(c, 0, &a)) return ig_infer_set_type(c, 0, c->in[1]);
    if (!ig_infer_shape(c, 1, &b)) return ig_infer_same(c);
    bool fits = a.rank == b.rank;
    for (int d = 0; fits && d < a.rank; d++) fits = ig_dim_merge(a.dims[d], b.dims[d], &a.dims[d]);
    if (!fits) return ig_infer_fail(c, "the gate and the linear input have different shapes");
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &a);
}

static ig_status run_swiglu(ig_call *c) {
    float alpha = ig_attr_float(c->node, "alpha");
    return ig_loop_call(c, swiglu_loops, IG_COUNT_OF(swiglu_loops), &alpha, IG_GRAIN_HEAVY);
}
IG_ELEMENTWISE(swiglu, "SwiGLU", 28, IG_OP_INPLACE | IG_OP_INPLACE_1, infer_swiglu, run_swiglu)
