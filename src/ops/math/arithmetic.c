/* Add, Sub, Mul, Div, Mod of two inputs. Whole numbers wrap; a quotient or remainder by zero is 0. */
#include "ops/math/elementwise.h"

#include <math.h>

/* The low bits of a sum, difference or product are the same for signed and unsigned numbers. */
#define WRAPPING_LOOPS(name, op)                                                                                               \
    IG_LOOP_2(name##_8, uint8_t, uint8_t, uint8_t, x op y)                                                                     \
    IG_LOOP_2(name##_16, uint16_t, uint16_t, uint16_t, (uint32_t)x op(uint32_t) y)                                             \
    IG_LOOP_2(name##_32, uint32_t, uint32_t, uint32_t, x op y)                                                                 \
    IG_LOOP_2(name##_64, uint64_t, uint64_t, uint64_t, x op y)                                                                 \
    static const ig_loop name[] = {IG_REAL_ROWS_2(name),        IG_ROW_2(name##_8, IG_U8),   IG_ROW_2(name##_8, IG_I8),        \
                                   IG_ROW_2(name##_16, IG_U16), IG_ROW_2(name##_16, IG_I16), IG_ROW_2(name##_32, IG_U32),      \
                                   IG_ROW_2(name##_32, IG_I32), IG_ROW_2(name##_64, IG_U64), IG_ROW_2(name##_64, IG_I64)};

WRAPPING_LOOPS(add, +)
WRAPPING_LOOPS(sub, -)
WRAPPING_LOOPS(mul, *)

/* Division in 32 bits is the faster one. */
static inline int32_t quotient_32(int32_t x, int32_t y) { return y == 0 ? 0 : y == -1 ? (int32_t)(0 - (uint32_t)x) : x / y; }
static inline int64_t quotient(int64_t x, int64_t y) { return y == 0 ? 0 : y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y; }
static inline int64_t remainder_of(int64_t x, int64_t y) { return y == 0 || y == -1 ? 0 : x % y; }
/* With the sign of y. */
static inline int64_t modulo(int64_t x, int64_t y) {
    int64_t r = remainder_of(x, y);
    return r && (r < 0) != (y < 0) ? r + y : r;
}
static inline double modulo_f64(double x, double y) {
    double r = fmod(x, y);
    if (r == 0) return copysign(0.0, y);
    return (r < 0) != (y < 0) ? r + y : r;
}
static inline float modulo_f32(float x, float y) {
    float r = fmodf(x, y);
    if (r == 0) return copysignf(0.0f, y);
    return (r < 0) != (y < 0) ? r + y : r;
}

IG_UNSIGNED_LOOPS_2(div, y == 0 ? 0 : x / y)
IG_LOOP_2(div_i8, int8_t, int8_t, int8_t, quotient_32(x, y))
IG_LOOP_2(div_i16, int16_t, int16_t, int16_t, quotient_32(x, y))
IG_LOOP_2(div_i32, int32_t, int32_t, int32_t, quotient_32(x, y))
IG_LOOP_2(div_i64, int64_t, int64_t, int64_t, quotient(x, y))
static const ig_loop div_loops[] = {IG_REAL_ROWS_2(div), IG_WHOLE_ROWS(IG_ROW_2, div)};

IG_UNSIGNED_LOOPS_2(mod, y == 0 ? 0 : x % y)
IG_SIGNED_LOOPS_2(mod, modulo(x, y))
IG_LOOP_2(mod_f32, float, float, float, modulo_f32(x, y))
IG_LOOP_2(mod_f64, double, double, double, modulo_f64(x, y))
static const ig_loop mod_loops[] = {IG_NUMBER_ROWS(IG_ROW_2, mod)};

IG_SIGNED_LOOPS_2(rem, remainder_of(x, y))
IG_LOOP_2(rem_f32, float, float, float, fmodf(x, y))
IG_LOOP_2(rem_f64, double, double, double, fmod(x, y))
static const ig_loop rem_loops[] = {IG_F32_F64_ROWS(IG_ROW_2, rem), IG_SIGNED_ROWS(IG_ROW_2, rem),
                                    IG_UNSIGNED_ROWS(IG_ROW_2, mod)};

/* Quotients of sizes are rounded down by dims, toward zero by Div: the same unless a number is negative. */
static ig_dim content_div(ig_syms *syms, ig_dim x, ig_dim y) {
    if (ig_dim_known(x) && ig_dim_known(y)) return ig_dim_of(quotient(x.value, y.value));
    return ig_dim_floor_div(syms, x, y);
}

static ig_dim content_mod(ig_syms *syms, ig_dim x, ig_dim y) {
    if (ig_dim_known(x) && ig_dim_known(y)) return ig_dim_of(modulo(x.value, y.value));
    return ig_dim_sub(syms, x, ig_dim_mul(syms, ig_dim_floor_div(syms, x, y), y));
}

static ig_dim content_rem(ig_syms *syms, ig_dim x, ig_dim y) {
    if (ig_dim_known(x) && ig_dim_known(y)) return ig_dim_of(remainder_of(x.value, y.value));
    return content_mod(syms, x, y);
}

static ig_status infer_add(ig_infer *c) { return ig_infer_binary(c, 0, ig_dim_add); }
static ig_status infer_sub(ig_infer *c) { return ig_infer_binary(c, 0, ig_dim_sub); }
static ig_status infer_mul(ig_infer *c) { return ig_infer_binary(c, 0, ig_dim_mul); }
static ig_status infer_div(ig_infer *c) { return ig_infer_binary(c, 0, content_div); }
static ig_status infer_mod(ig_infer *c) {
    return ig_infer_binary(c, 0, ig_attr_int(c->node, "fmod") ? content_rem : content_mod);
}

IG_BINARY_OP(add, "Add", 1, IG_OP_INPLACE | IG_OP_INPLACE_1, infer_add, add, 0)
IG_BINARY_OP(sub, "Sub", 1, IG_OP_INPLACE | IG_OP_INPLACE_1, infer_sub, sub, 0)
IG_BINARY_OP(mul, "Mul", 1, IG_OP_INPLACE | IG_OP_INPLACE_1, infer_mul, mul, 0)
IG_BINARY_OP(div, "Div", 1, IG_OP_INPLACE | IG_OP_INPLACE_1, infer_div, div_loops, 0)

static ig_status run_mod(ig_call *c) {
    if (ig_attr_int(c->node, "fmod")) return ig_binary_call(c, rem_loops, IG_COUNT_OF(rem_loops), NULL, IG_GRAIN_HEAVY);
    return ig_binary_call(c, mod_loops, IG_COUNT_OF(mod_loops), NULL, IG_GRAIN_HEAVY);
}

IG_ELEMENTWISE(mod, "Mod", 10, IG_OP_INPLACE | IG_OP_INPLACE_1, infer_mod, run_mod)
