/* Elementwise operators of com.microsoft with several inputs. */
#include "ops/loops/real.h"
#include "ops/math/elementwise.h"

#define MS_OP(symbol, text, flags_, infer_, run_)                                                                              \
    const ig_op ig_op_##symbol = {                                                                                             \
        .domain = "com.microsoft", .name = text, .since = 1, .flags = flags_, .infer = infer_, .run = run_};

static ig_status run_loop(ig_call *c, const ig_loop *loop, const ig_operand *in, size_t n_in, const void *params) {
    const ig_loop_job job = {
        .loop = loop, .params = params, .out = ig_operand_of(c->out[0]), .in = in, .n_in = n_in, .grain = IG_GRAIN_HEAVY};
    return c->out[0] ? ig_loop_run(c, &job) : IG_OK;
}

/* ----------------------------------------------------------------------------------------------------- gelu with bias */

static const ig_loop fast_gelu[] = {IG_REAL_ROWS_1(fast_gelu)}, bias_fast_gelu[] = {IG_REAL_ROWS_2(bias_fast_gelu)},
                     bias_gelu[] = {IG_REAL_ROWS_2(bias_gelu)};

static ig_status run_fast_gelu(ig_call *c) {
    bool bias = c->n_in > 1 && c->in[1];
    const ig_operand in[2] = {ig_operand_of(c->in[0]), ig_operand_of(bias ? c->in[1] : NULL)};
    const ig_loop *loop = ig_loop_pick(bias ? bias_fast_gelu : fast_gelu, 2, in[0].dtype);
    return loop ? run_loop(c, loop, in, bias ? 2 : 1, NULL) : ig_call_no_kernel(c, in[0].dtype);
}
static ig_status run_bias_gelu(ig_call *c) { return ig_loop_call(c, bias_gelu, 2, NULL, IG_GRAIN_HEAVY); }

MS_OP(ms_fast_gelu, "FastGelu", IG_OP_INPLACE, ig_infer_same, run_fast_gelu)
MS_OP(ms_bias_gelu, "BiasGelu", IG_OP_INPLACE, ig_infer_same, run_bias_gelu)

/* Left half of the last dim times gelu of the right half, both with their bias. */
static ig_status infer_bias_split_gelu(ig_infer *c) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x) || x.rank < 1) return IG_OK;
    ig_dim *last = &x.dims[x.rank - 1];
    if (ig_dim_known(*last) && last->value % 2)
        return ig_infer_fail(c, "the last dim is %lld, it must be even", (long long)last->value);
    *last = ig_dim_floor_div(c->syms, *last, ig_dim_of(2));
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

typedef struct split_job {
    const ig_tensor *x, *bias;
    ig_tensor *out;
    size_t half;
} split_job;

static void split_rows(void *arg, size_t begin, size_t end) {
    enum { BLOCK = 256 };
    const split_job *j = arg;
    float v[4][BLOCK];
    for (size_t row = begin; row < end; row++)
        for (size_t i = 0, n; i < j->half; i += n) {
            n = ig_min_size(j->half - i, BLOCK);
            size_t at = row * 2 * j->half + i;
            ig_to_f32(j->x->dtype, j->x->data, at, n, v[0]);
            ig_to_f32(j->x->dtype, j->x->data, at + j->half, n, v[1]);
            ig_to_f32(j->bias->dtype, j->bias->data, i, n, v[2]);
            ig_to_f32(j->bias->dtype, j->bias->data, i + j->half, n, v[3]);
            IG_EACH (k, n) {
                float right = v[1][k] + v[3][k];
                v[0][k] = (v[0][k] + v[2][k]) * IG_GELU(right);
            }
            ig_from_f32(j->out->dtype, j->out->data, row * j->half + i, n, v[0]);
        }
}

static ig_status run_bias_split_gelu(ig_call *c) {
    const ig_tensor *x = c->in[0], *bias = c->in[1];
    if (!c->out[0]) return IG_OK;
    size_t last = x->rank ? (size_t)ig_tensor_dim(x, -1) : 0;
    if (!x->rank || last % 2 || bias->count != last)
        return ig_call_fail(c, "the bias has %zu elements, the last dim %zu (must be even)", bias->count, last);
    split_job j = {x, bias, c->out[0], last / 2};
    if (x->count) ig_parallel(c->threads, x->count / last, IG_GRAIN_HEAVY / last + 1, split_rows, &j);
    return IG_OK;
}

MS_OP(ms_bias_split_gelu, "BiasSplitGelu", 0, infer_bias_split_gelu, run_bias_split_gelu)

/* ------------------------------------------------------------------------------------------------------ sums, products */

static const ig_loop bias_add[] = {IG_REAL_ROWS_3(add3)};
static ig_status run_bias_add(ig_call *c) { return ig_loop_call(c, bias_add, 2, NULL, 0); }
MS_OP(ms_bias_add, "BiasAdd", IG_OP_INPLACE, ig_infer_same, run_bias_add)

/* Results in the middle are rounded to the tensor's type, as separate operators would. */
static inline float to_f16(float v) { return ig_f16_to_f32(ig_f32_to_f16(v)); }
static inline float to_bf16(float v) { return ig_bf16_to_f32(ig_f32_to_bf16(v)); }
#define EXACT(v) (v)

#define ROUNDED_LOOPS(T, ROUND)                                                                                                \
    static inline float scaled_silu_one_##T(float x, float scale) {                                                            \
        float z = ROUND(scale * x);                                                                                            \
        return z * ROUND(ig_sigmoid_f32(z));                                                                                   \
    }                                                                                                                          \
    IG_LOOP_1P(scaled_silu_##T, float, float, float, scaled_silu_one_##T(x, p))                                                \
    IG_LOOP_3(gated_add_##T, float, float, float, float, x + ROUND(y * z))
ROUNDED_LOOPS(f32, EXACT)
ROUNDED_LOOPS(f16, to_f16)
ROUNDED_LOOPS(bf16, to_bf16)

/* By the type of the tensors; all compute in float. */
#define ROUNDED_ROWS(name, ...)                                                                                                \
    static const ig_loop name[] = {IG_LOOP_ROW(name##_f32, IG_F32, __VA_ARGS__), IG_LOOP_ROW(name##_f16, IG_F32, __VA_ARGS__), \
                                   IG_LOOP_ROW(name##_bf16, IG_F32, __VA_ARGS__)};
ROUNDED_ROWS(scaled_silu, IG_F32)
ROUNDED_ROWS(gated_add, IG_F32, IG_F32, IG_F32)
static size_t rounded_row(ig_dtype t) { return t == IG_F16 ? 1 : t == IG_BF16 ? 2 : 0; }

static ig_status run_gated_add(ig_call *c) {
    const ig_operand in[3] = {ig_operand_of(c->in[0]), ig_operand_of(c->in[1]), ig_operand_of(c->in[2])};
    return run_loop(c, &gated_add[rounded_row(in[0].dtype)], in, 3, NULL);
}
MS_OP(ms_gated_add, "GatedAdd", IG_OP_INPLACE, ig_infer_same, run_gated_add)

static ig_status run_scaled_silu(ig_call *c) {
    const ig_operand in = ig_operand_of(c->in[0]);
    float scale = ig_attr_float(c->node, "alpha");
    const ig_tensor *given = c->n_in > 1 ? c->in[1] : NULL;
    if (given && given->count != 1) return ig_call_fail(c, "the scale has %zu elements, not one", given->count);
    if (given) ig_to_f32(given->dtype, given->data, 0, 1, &scale);
    return run_loop(c, &scaled_silu[rounded_row(in.dtype)], &in, 1, &scale);
}
MS_OP(ms_scaled_silu, "ScaledSiLU", IG_OP_INPLACE, ig_infer_same, run_scaled_silu)

IG_LOOP_3(decay_f32, float, float, float, float, z *ig_softplus_f32(x + y))
IG_LOOP_1(beta_f32, float, float, ig_sigmoid_f32(x))
static const ig_loop decay = IG_LOOP_ROW(decay_f32, IG_F32, IG_F32, IG_F32, IG_F32),
                     beta = IG_LOOP_ROW(beta_f32, IG_F32, IG_F32);

static ig_status infer_linear_attention_gate(ig_infer *c) {
    if (c->n_in > 3 && ig_infer_has(c, 3)) IG_TRY(ig_infer_set_type(c, 1, c->in[3]));
    return ig_infer_same(c);
}

static ig_status run_linear_attention_gate(ig_call *c) {
    const ig_operand in[3] = {ig_operand_of(c->in[0]), ig_operand_of(c->in[1]), ig_operand_of(c->in[2])};
    IG_TRY(run_loop(c, &decay, in, 3, NULL));
    if (c->n_out < 2 || !c->out[1]) return IG_OK;
    if (c->n_in < 4 || !c->in[3]) return ig_call_fail(c, "output 1 (beta) needs input 3 (b)");
    const ig_operand b = ig_operand_of(c->in[3]);
    const ig_loop_job job = {.loop = &beta, .out = ig_operand_of(c->out[1]), .in = &b, .n_in = 1, .grain = IG_GRAIN_HEAVY};
    return ig_loop_run(c, &job);
}
MS_OP(ms_linear_attention_gate, "LinearAttentionGate", 0, infer_linear_attention_gate, run_linear_attention_gate)

/* ------------------------------------------------------------------------- complex numbers as pairs in the last dim */

typedef struct pair_f32 {
    float re, im;
} pair_f32;
typedef struct pair_f64 {
    double re, im;
} pair_f64;
typedef struct pair_f16 {
    uint16_t re, im;
} pair_f16;

static inline pair_f32 product_f32(pair_f32 x, pair_f32 y, float sign) {
    return (pair_f32){x.re * y.re - x.im * (sign * y.im), x.re * (sign * y.im) + x.im * y.re};
}
static inline pair_f64 product_f64(pair_f64 x, pair_f64 y, double sign) {
    return (pair_f64){x.re * y.re - x.im * (sign * y.im), x.re * (sign * y.im) + x.im * y.re};
}
static inline pair_f16 product_f16(pair_f16 x, pair_f16 y, float sign) {
    pair_f32 v = product_f32((pair_f32){ig_f16_to_f32(x.re), ig_f16_to_f32(x.im)},
                             (pair_f32){ig_f16_to_f32(y.re), ig_f16_to_f32(y.im)}, sign);
    return (pair_f16){ig_f32_to_f16(v.re), ig_f32_to_f16(v.im)};
}
IG_LOOP_2P(complex_f32, pair_f32, pair_f32, pair_f32, float, product_f32(x, y, p))
IG_LOOP_2P(complex_f64, pair_f64, pair_f64, pair_f64, float, product_f64(x, y, (double)p))
IG_LOOP_2P(complex_f16, pair_f16, pair_f16, pair_f16, float, product_f16(x, y, p))

/* Elements of the pair's size stand for pairs. */
static const ig_loop *complex_loop(ig_dtype t) {
    static const ig_loop loops[] = {IG_ROW_2(complex_f32, IG_C64), IG_ROW_2(complex_f64, IG_C128),
                                    IG_ROW_2(complex_f16, IG_U32)};
    return t == IG_F32 ? &loops[0] : t == IG_F64 ? &loops[1] : t == IG_F16 ? &loops[2] : NULL;
}

static ig_status run_complex(ig_call *c, float sign) {
    const ig_tensor *t[3] = {c->in[0], c->in[1], c->out[0]};
    ig_operand o[3];
    if (!c->out[0]) return IG_OK;
    const ig_loop *loop = complex_loop(c->in[0]->dtype);
    if (!loop) return ig_call_no_kernel(c, c->in[0]->dtype);
    for (size_t i = 0; i < 3; i++) {
        if (!t[i]->rank || ig_tensor_dim(t[i], -1) != 2) return ig_call_fail(c, "the last dim of complex values must be 2");
        o[i] = ig_operand_of(t[i]);
        o[i].dtype = loop->out;
        o[i].rank--;
    }
    const ig_loop_job job = {.loop = loop, .params = &sign, .out = o[2], .in = o, .n_in = 2};
    return ig_loop_run(c, &job);
}
static ig_status run_complex_mul(ig_call *c) { return run_complex(c, 1); }
static ig_status run_complex_mul_conj(ig_call *c) { return run_complex(c, -1); }

MS_OP(ms_complex_mul, "ComplexMul", IG_OP_INPLACE | IG_OP_INPLACE_1, ig_infer_broadcast, run_complex_mul)
MS_OP(ms_complex_mul_conj, "ComplexMulConj", IG_OP_INPLACE | IG_OP_INPLACE_1, ig_infer_broadcast, run_complex_mul_conj)

/* ---------------------------------------------------------------------------------------------------------- questions */

static ig_status infer_is_all_finite(ig_infer *c) {
    const ig_shape scalar = {.rank = 0};
    return ig_infer_set(c, 0, IG_BOOL, &scalar);
}

static ig_status run_is_all_finite(ig_call *c) {
    enum { BLOCK = 512 };
    float v[BLOCK];
    bool nan_counts = !ig_attr_int(c->node, "isinf_only"), inf_counts = !ig_attr_int(c->node, "isnan_only"), fine = true;
    if (!c->out[0]) return IG_OK;
    for (size_t k = 0; k < c->n_in; k++)
        for (size_t i = 0, n; c->in[k] && fine && i < c->in[k]->count; i += n) {
            const ig_tensor *t = c->in[k];
            n = ig_min_size(t->count - i, BLOCK);
            if (t->dtype == IG_F64) /* large doubles are finite although no float holds them */
                for (size_t j = 0; j < n; j++) {
                    double d = ((const double *)t->data)[i + j];
                    v[j] = isnan(d) ? NAN : isinf(d) ? INFINITY : 0;
                }
            else
                ig_to_f32(t->dtype, t->data, i, n, v);
            for (size_t j = 0; j < n; j++) fine &= !((nan_counts && isnan(v[j])) || (inf_counts && isinf(v[j])));
        }
    *(bool *)c->out[0]->data = fine;
    return IG_OK;
}
MS_OP(ms_is_all_finite, "IsAllFinite", 0, infer_is_all_finite, run_is_all_finite)
