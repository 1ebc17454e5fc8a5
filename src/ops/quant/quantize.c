/* QuantizeLinear: round(x / scale) + zero point, kept within the type. Also com.microsoft's. */
#include "ops/loops/real.h"
#include "ops/math/elementwise.h"
#include "ops/quant/linear.h"

/* In what precision the division is done. */
typedef enum precision { IN_F32, IN_F16, IN_BF16 } precision;

static inline float quotient_f16(float x, float s) {
    return ig_f16_to_f32(ig_f32_to_f16(ig_f16_to_f32(ig_f32_to_f16(x)) / ig_f16_to_f32(ig_f32_to_f16(s))));
}
static inline float quotient_bf16(float x, float s) {
    return ig_bf16_to_f32(ig_f32_to_bf16(ig_bf16_to_f32(ig_f32_to_bf16(x)) / ig_bf16_to_f32(ig_f32_to_bf16(s))));
}
static inline int32_t rounded(float quotient, float zero, float low, float high) {
    return (int32_t)ig_within(ig_round_f32(quotient) + zero, low, high);
}
#define QUOTIENT(x, y) ((x) / (y))

#define LOOPS(P, QUOTIENT)                                                                                                     \
    IG_LOOP_3P(u8_##P, uint8_t, float, float, float, ig_params_f32, rounded(QUOTIENT(x, y), z, p.a, p.b))                      \
    IG_LOOP_3P(i8_##P, int8_t, float, float, float, ig_params_f32, rounded(QUOTIENT(x, y), z, p.a, p.b))                       \
    IG_LOOP_3P(u16_##P, uint16_t, float, float, float, ig_params_f32, rounded(QUOTIENT(x, y), z, p.a, p.b))                    \
    IG_LOOP_3P(i16_##P, int16_t, float, float, float, ig_params_f32, rounded(QUOTIENT(x, y), z, p.a, p.b))                     \
    REAL_LOOPS(P, QUOTIENT)
/* To small floats: as reals, which saturate when they are stored, or as codes, which don't. */
#define REAL_LOOPS(P, QUOTIENT)                                                                                                \
    IG_LOOP_3(real_##P, float, float, float, float, QUOTIENT(x, y) + z)                                                        \
    IG_LOOP_3P(code_##P, uint8_t, float, float, float, ig_dtype, ig_small_float_encode(p, QUOTIENT(x, y) + z, false))

REAL_LOOPS(f32, QUOTIENT)
LOOPS(f16, quotient_f16)
LOOPS(bf16, quotient_bf16)

#define ROW(fn, T)   IG_LOOP_ROW(fn, T, IG_F32, IG_F32, IG_F32)
#define HOT(name, T) IG_REAL_ROW(quantize_##name, T, IG_F32, IG_F32, IG_F32)
#define REAL_ROWS(P) ROW(real_##P, IG_F32), ROW(code_##P, IG_U8)
#define ROWS(P)                                                                                                                \
    { ROW(u8_##P, IG_U8), ROW(i8_##P, IG_I8), ROW(u16_##P, IG_U16), ROW(i16_##P, IG_I16), REAL_ROWS(P) }
enum { REAL_ROW = 4, CODE_ROW = 5, N_ROWS = 6 };
static const ig_loop loops[][N_ROWS] = {
    [IN_F32] = {HOT(u8, IG_U8), HOT(i8, IG_I8), HOT(u16, IG_U16), HOT(i16, IG_I16), REAL_ROWS(f32)},
    [IN_F16] = ROWS(f16),
    [IN_BF16] = ROWS(bf16)};

/* ----------------------------------------------------------------------------------------------------------- inference */

static bool can_quantize_to(int64_t t) {
    if (!ig_dtype_valid(t) || t == IG_F8E8M0) return false;
    return ig_dtypes[t].bits <= 8 ? t != IG_BOOL : t == IG_U16 || t == IG_I16;
}

static ig_status infer(ig_infer *c) {
    ig_shape shape;
    ig_dtype zero = ig_infer_dtype(c, 2);
    int64_t given = ig_attr_int(c->node, "output_dtype"); /* 0 where the version has no such attribute */
    if (given && !can_quantize_to(given))
        return ig_infer_fail(c, "attribute 'output_dtype' is %lld, which is no type to quantize to", (long long)given);
    if (given && zero && (int64_t)zero != given)
        return ig_infer_fail(c, "attribute 'output_dtype' says %s, the zero point is %s", ig_dtype_name((ig_dtype)given),
                             ig_dtype_name(zero));
    IG_TRY(ig_linear_check(c));
    ig_dtype dtype = zero ? zero : given ? (ig_dtype)given : ig_infer_has(c, 2) ? IG_UNDEFINED : IG_U8;
    bool known = ig_infer_shape(c, 0, &shape);
    return known || dtype ? ig_infer_set(c, 0, dtype, known ? &shape : NULL) : IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- kernel */

static precision precision_of(const ig_call *c) {
    int64_t t = ig_attr_int(c->node, "precision");
    if (!t && ig_node_domain(c->node)[0] == 0) t = (int64_t)c->in[1]->dtype;
    return t == IG_F16 ? IN_F16 : t == IG_BF16 ? IN_BF16 : IN_F32;
}

static ig_status run(ig_call *c) {
    if (!c->out[0]) return IG_OK;
    ig_operand out = ig_operand_of(c->out[0]);
    ig_dtype t = out.dtype;
    const ig_loop *row = loops[precision_of(c)];
    if (!can_quantize_to(t)) return ig_call_no_kernel(c, t);
    if (ig_dtype_is_float(t)) {
        bool saturate = ig_dtypes[t].bits != 8 || ig_attr_int(c->node, "saturate");
        if (!saturate) out.dtype = IG_U8; /* codes */
        return ig_linear_run(c, &row[saturate ? REAL_ROW : CODE_ROW], &t, out);
    }
    bool is_signed = ig_dtype_number(t) == IG_NUMBER_SIGNED;
    float range = (float)(1 << ig_dtypes[t].bits);
    const ig_params_f32 p = {.a = is_signed ? -range / 2 : 0, .b = (is_signed ? range / 2 : range) - 1};
    size_t index = (ig_dtypes[t].bits == 16 ? 2u : 0u) + (is_signed ? 1u : 0u);
    return ig_linear_run(c, &row[index], &p, out);
}

const ig_op ig_op_quantize_linear = {.domain = "", .name = "QuantizeLinear", .since = 10, .infer = infer, .run = run};
const ig_op ig_op_ms_quantize_linear = {
    .domain = "com.microsoft", .name = "QuantizeLinear", .since = 1, .infer = infer, .run = run};
