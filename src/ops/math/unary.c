/* Functions of one number: Neg to Atanh. */
#include "ops/math/elementwise.h"

#include <math.h>

/* ------------------------------------------------------------------------------------------------- signs, all numbers */

#define SIGNED_LOOPS_1(name, expr)                                                                                             \
    IG_LOOP_1(name##_i8, int8_t, int8_t, expr)                                                                                 \
    IG_LOOP_1(name##_i16, int16_t, int16_t, expr)                                                                              \
    IG_LOOP_1(name##_i32, int32_t, int32_t, expr)                                                                              \
    IG_LOOP_1(name##_i64, int64_t, int64_t, expr)
#define UNSIGNED_LOOPS_1(name, expr)                                                                                           \
    IG_LOOP_1(name##_u8, uint8_t, uint8_t, expr)                                                                               \
    IG_LOOP_1(name##_u16, uint16_t, uint16_t, expr)                                                                            \
    IG_LOOP_1(name##_u32, uint32_t, uint32_t, expr)                                                                            \
    IG_LOOP_1(name##_u64, uint64_t, uint64_t, expr)

/* The smallest number of a type has no opposite: it wraps to itself. */
#define NEGATIVE(x) (0 - (uint64_t)(x))

SIGNED_LOOPS_1(neg, NEGATIVE(x))
static const ig_loop neg_loops[] = {IG_REAL_ROWS_1(neg), IG_SIGNED_ROWS(IG_ROW_1, neg)};

UNSIGNED_LOOPS_1(abs, x)
SIGNED_LOOPS_1(abs, x < 0 ? NEGATIVE(x) : (uint64_t)x)
static const ig_loop abs_loops[] = {IG_REAL_ROWS_1(abs), IG_WHOLE_ROWS(IG_ROW_1, abs)};

UNSIGNED_LOOPS_1(sign, x > 0)
SIGNED_LOOPS_1(sign, (x > 0) - (x < 0))
static const ig_loop sign_loops[] = {IG_REAL_ROWS_1(sign), IG_WHOLE_ROWS(IG_ROW_1, sign)};

static ig_dim content_neg(ig_syms *syms, ig_dim x) { return ig_dim_sub(syms, ig_dim_of(0), x); }
static ig_dim content_abs(ig_syms *syms, ig_dim x) {
    if (ig_dim_known(x)) return ig_dim_of(x.value < 0 ? -x.value : x.value);
    return ig_dim_max(syms, x, content_neg(syms, x));
}
static ig_dim content_sign(ig_syms *syms, ig_dim x) {
    IG_UNUSED(syms);
    return ig_dim_known(x) ? ig_dim_of((x.value > 0) - (x.value < 0)) : ig_dim_unknown();
}

static ig_status infer_neg(ig_infer *c) { return ig_infer_unary(c, content_neg); }
static ig_status infer_abs(ig_infer *c) { return ig_infer_unary(c, content_abs); }
static ig_status infer_sign(ig_infer *c) { return ig_infer_unary(c, content_sign); }

IG_UNARY_OP(neg, "Neg", 1, IG_OP_INPLACE, infer_neg, neg_loops, 0)
IG_UNARY_OP(abs, "Abs", 1, IG_OP_INPLACE, infer_abs, abs_loops, 0)
IG_UNARY_OP(sign, "Sign", 9, IG_OP_INPLACE, infer_sign, sign_loops, 0)

/* --------------------------------------------------------------------------------------------------------------- reals */

#define REAL_OP(symbol, text, since, grain)                                                                                    \
    static const ig_loop symbol##_loops[] = {IG_REAL_ROWS_1(symbol)};                                                          \
    IG_UNARY_OP(symbol, text, since, IG_OP_INPLACE, ig_infer_same, symbol##_loops, grain)

REAL_OP(round, "Round", 11, 0)
REAL_OP(floor, "Floor", 1, 0)
REAL_OP(ceil, "Ceil", 1, 0)
REAL_OP(sqrt, "Sqrt", 1, 0)
REAL_OP(reciprocal, "Reciprocal", 1, 0)
REAL_OP(exp, "Exp", 1, IG_GRAIN_HEAVY)
REAL_OP(log, "Log", 1, IG_GRAIN_HEAVY)
REAL_OP(tanh, "Tanh", 1, IG_GRAIN_HEAVY)

#define LIBM_OP(symbol, text, since, fn)                                                                                       \
    IG_F32_F64_LOOPS_1(symbol, _Generic((x), float : fn##f, double : fn)(x))                                                   \
    static const ig_loop symbol##_loops[] = {IG_F32_F64_ROWS(IG_ROW_1, symbol)};                                               \
    IG_UNARY_OP(symbol, text, since, IG_OP_INPLACE, ig_infer_same, symbol##_loops, IG_GRAIN_HEAVY)

LIBM_OP(tan, "Tan", 7, tan)
LIBM_OP(asin, "Asin", 7, asin)
LIBM_OP(acos, "Acos", 7, acos)
LIBM_OP(atan, "Atan", 7, atan)
LIBM_OP(sinh, "Sinh", 9, sinh)
LIBM_OP(cosh, "Cosh", 9, cosh)
LIBM_OP(asinh, "Asinh", 9, asinh)
LIBM_OP(acosh, "Acosh", 9, acosh)
LIBM_OP(atanh, "Atanh", 9, atanh)

IG_LOOP_1(sin_f64, double, double, sin(x))
IG_LOOP_1(cos_f64, double, double, cos(x))
static const ig_loop sin_loops[] = {IG_REAL_ROW(sin_f32, IG_F32, IG_F32), IG_ROW_1(sin_f64, IG_F64)};
static const ig_loop cos_loops[] = {IG_REAL_ROW(cos_f32, IG_F32, IG_F32), IG_ROW_1(cos_f64, IG_F64)};
IG_UNARY_OP(sin, "Sin", 7, IG_OP_INPLACE, ig_infer_same, sin_loops, IG_GRAIN_HEAVY)
IG_UNARY_OP(cos, "Cos", 7, IG_OP_INPLACE, ig_infer_same, cos_loops, IG_GRAIN_HEAVY)

/* Erf took whole numbers in opset 9: the result as a float, truncated. */
static const ig_loop erf_loops[] = {IG_REAL_ROWS_1(erf)};

static ig_status run_erf(ig_call *c) {
    if (!ig_dtype_is_int(c->in[0]->dtype)) return ig_loop_call(c, erf_loops, IG_COUNT_OF(erf_loops), NULL, IG_GRAIN_HEAVY);
    if (!c->out[0]) return IG_OK;
    ig_operand in = ig_operand_of(c->in[0]);
    const ig_loop_job job = {
        .loop = &erf_loops[0], .out = ig_operand_of(c->out[0]), .in = &in, .n_in = 1, .grain = IG_GRAIN_HEAVY};
    return ig_loop_run(c, &job);
}

IG_ELEMENTWISE(erf, "Erf", 9, IG_OP_INPLACE, ig_infer_same, run_erf)
