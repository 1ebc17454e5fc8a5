/* Activations: functions of one real number with up to three parameters, which are float attributes. */
#include "ops/math/elementwise.h"

/* Parameters of loops from attributes of these names, and the kernel with them. */
static ig_status run_with(ig_call *c, const ig_loop *loops, size_t n_in, const char *const *attrs, size_t grain) {
    float p[3] = {0};
    for (size_t i = 0; i < 3 && attrs[i]; i++) p[i] = ig_attr_float(c->node, attrs[i]);
    const ig_params_f32 p32 = {p[0], p[1], p[2]};
    const ig_params_f64 p64 = {(double)p[0], (double)p[1], (double)p[2]};
    if (!c->out[0]) return IG_OK;
    const ig_loop *loop = ig_loop_pick(loops, 2, c->in[0]->dtype);
    if (!loop && !ig_dtype_is_int(c->in[0]->dtype)) return ig_call_no_kernel(c, c->in[0]->dtype);
    if (!loop) loop = &loops[1]; /* whole numbers are computed as doubles, then truncated */
    ig_operand in[2];
    for (size_t k = 0; k < n_in; k++) in[k] = ig_operand_of(c->in[k]);
    const ig_loop_job job = {.loop = loop,
                             .params = loop->out == IG_F64 ? (const void *)&p64 : &p32,
                             .out = ig_operand_of(c->out[0]),
                             .in = in,
                             .n_in = n_in,
                             .grain = grain};
    return ig_loop_run(c, &job);
}

#define ACTIVATION(symbol, domain_, text, since_, until_, loop, grain, ...)                                                    \
    static ig_status run_##symbol(ig_call *c) {                                                                                \
        static const ig_loop loops[] = {IG_REAL_ROWS_1(loop)};                                                                 \
        static const char *const attrs[3] = {__VA_ARGS__};                                                                     \
        return run_with(c, loops, 1, attrs, grain);                                                                            \
    }                                                                                                                          \
    const ig_op ig_op_##symbol = {.domain = domain_,                                                                           \
                                  .name = text,                                                                                \
                                  .since = since_,                                                                             \
                                  .until = until_,                                                                             \
                                  .flags = IG_OP_INPLACE,                                                                      \
                                  .infer = ig_infer_same,                                                                      \
                                  .run = run_##symbol};

enum { LIGHT = IG_GRAIN, HEAVY = IG_GRAIN_HEAVY };

ACTIVATION(leaky_relu, "", "LeakyRelu", 1, 0, leaky_relu, LIGHT, "alpha")
ACTIVATION(elu, "", "Elu", 1, 0, elu, HEAVY, "alpha")
ACTIVATION(celu, "", "Celu", 12, 0, celu, HEAVY, "alpha")
ACTIVATION(selu, "", "Selu", 1, 0, selu, HEAVY, "alpha", "gamma")
ACTIVATION(sigmoid, "", "Sigmoid", 1, 0, sigmoid, HEAVY, NULL)
ACTIVATION(hard_sigmoid, "", "HardSigmoid", 1, 0, hard_sigmoid, LIGHT, "alpha", "beta")
ACTIVATION(hard_swish, "", "HardSwish", 14, 0, hard_swish, LIGHT, NULL)
ACTIVATION(softplus, "", "Softplus", 1, 0, softplus, HEAVY, NULL)
ACTIVATION(softsign, "", "Softsign", 1, 0, softsign, LIGHT, NULL)
ACTIVATION(thresholded_relu, "", "ThresholdedRelu", 1, 0, thresholded_relu, LIGHT, "alpha")
ACTIVATION(mish, "", "Mish", 18, 0, mish, HEAVY, NULL)
ACTIVATION(swish, "", "Swish", 24, 0, swish, HEAVY, "alpha")
ACTIVATION(shrink, "", "Shrink", 9, 0, shrink, LIGHT, "lambd", "bias")
ACTIVATION(ms_gelu, "com.microsoft", "Gelu", 1, 0, gelu, HEAVY, NULL)
ACTIVATION(ms_quick_gelu, "com.microsoft", "QuickGelu", 1, 0, swish, HEAVY, "alpha")

/* Experimental operators of the first opset, gone in the tenth. */
ACTIVATION(affine, "", "Affine", 1, 1, affine, LIGHT, "alpha", "beta")
ACTIVATION(scale, "", "Scale", 1, 1, affine, LIGHT, "scale")
ACTIVATION(scaled_tanh, "", "ScaledTanh", 1, 1, scaled_tanh, HEAVY, "alpha", "beta")
ACTIVATION(parametric_softplus, "", "ParametricSoftplus", 1, 1, parametric_softplus, HEAVY, "alpha", "beta")

/* --------------------------------------------------------------------------------------- those that don't fit the list */

IG_LOOP_1(relu_i8, int8_t, int8_t, x < 0 ? 0 : x)
IG_LOOP_1(relu_i16, int16_t, int16_t, x < 0 ? 0 : x)
IG_LOOP_1(relu_i32, int32_t, int32_t, x < 0 ? 0 : x)
IG_LOOP_1(relu_i64, int64_t, int64_t, x < 0 ? 0 : x)
static const ig_loop relu_loops[] = {IG_REAL_ROWS_1(relu), IG_SIGNED_ROWS(IG_ROW_1, relu)};

static ig_dim content_relu(ig_syms *syms, ig_dim x) { return ig_dim_max(syms, x, ig_dim_of(0)); }
static ig_status infer_relu(ig_infer *c) { return ig_infer_unary(c, content_relu); }
IG_UNARY_OP(relu, "Relu", 1, IG_OP_INPLACE, infer_relu, relu_loops, 0)

static const ig_loop gelu_loops[] = {IG_REAL_ROWS_1(gelu)}, tanh_gelu_loops[] = {IG_REAL_ROWS_1(tanh_gelu)};

static ig_status infer_gelu(ig_infer *c) {
    if (!ig_attr_is(c->node, "approximate", "none") && !ig_attr_is(c->node, "approximate", "tanh"))
        return ig_infer_fail(c, "attribute 'approximate' is neither none nor tanh");
    return ig_infer_same(c);
}

static ig_status run_gelu(ig_call *c) {
    return ig_loop_call(c, ig_attr_is(c->node, "approximate", "tanh") ? tanh_gelu_loops : gelu_loops, 2, NULL, HEAVY);
}
IG_ELEMENTWISE(gelu, "Gelu", 20, IG_OP_INPLACE, infer_gelu, run_gelu)

/* Both inputs have the same shape: nothing is broadcast. */
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
    static const ig_loop loops[] = {IG_REAL_ROWS_2(swiglu)};
    static const char *const attrs[3] = {"alpha"};
    return run_with(c, loops, 2, attrs, HEAVY);
}
IG_ELEMENTWISE(swiglu, "SwiGLU", 28, IG_OP_INPLACE | IG_OP_INPLACE_1, infer_swiglu, run_swiglu)
