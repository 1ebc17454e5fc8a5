/* Pow: base and exponent may have different types; the result has the base's. */
#include "ops/math/elementwise.h"

#include <math.h>

/* Wraps; x^-n is the quotient 1 / x^n rounded toward zero. */
static inline int64_t power(int64_t x, int64_t y) {
    uint64_t result = 1, base = (uint64_t)x;
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
    for (uint64_t n = (uint64_t)y; n; n >>= 1) {
        if (n & 1) result *= base;
        base *= base;
    }
    return (int64_t)result;
}

IG_LOOP_2(pow_i64, int64_t, int64_t, int64_t, power(x, y))
IG_LOOP_2(pow_f32, float, float, float, powf(x, y))
IG_LOOP_2(pow_f64, double, double, double, pow(x, y))

/* Exponents that models are full of, right to the last bit or nearly so, as pow is. */
IG_LOOP_2(square_f32, float, float, float, (IG_UNUSED(y), x *x))
IG_LOOP_2(cube_f32, float, float, float, (IG_UNUSED(y), x *x *x))
/* pow(-0, 0.5) is +0 and pow(-inf, 0.5) is +inf. */
IG_LOOP_2(root_f32, float, float, float, (IG_UNUSED(y), x == -INFINITY ? INFINITY : sqrtf(x + 0.0f)))

static const ig_loop loops[] = {IG_ROW_2(pow_f32, IG_F32), IG_ROW_2(pow_f64, IG_F64), IG_ROW_2(pow_i64, IG_I64)};
static const ig_loop shortcuts[] = {IG_ROW_2(square_f32, IG_F32), IG_ROW_2(cube_f32, IG_F32), IG_ROW_2(root_f32, IG_F32)};

static const ig_loop *pick(const ig_call *c) {
    ig_dtype x = c->in[0]->dtype, y = c->in[1]->dtype;
    if (ig_dtype_is_int(x)) return ig_dtype_is_int(y) ? &loops[2] : &loops[1];
    if (x == IG_F64 || y == IG_F64) return &loops[1];
    if (c->in[1]->count != 1) return &loops[0];
    double exponent = ig_load_as_f64(y, c->in[1]->data, 0);
    return exponent == 2 ? &shortcuts[0] : exponent == 3 ? &shortcuts[1] : exponent == 0.5 ? &shortcuts[2] : &loops[0];
}

static ig_status run_pow(ig_call *c) {
    ig_operand in[2];
    int64_t dims[IG_MAX_RANK];
    if (!c->out[0]) return IG_OK;
    const ig_loop *loop = pick(c);
    IG_TRY(ig_binary_operands(c, in, dims));
    bool heavy = loop < shortcuts || loop >= shortcuts + IG_COUNT_OF(shortcuts);
    const ig_loop_job job = {
        .loop = loop, .out = ig_operand_of(c->out[0]), .in = in, .n_in = 2, .grain = heavy ? IG_GRAIN_HEAVY : IG_GRAIN};
    return ig_loop_run(c, &job);
}

static ig_dim content_pow(ig_syms *syms, ig_dim x, ig_dim y) {
    if (ig_dim_known(x) && ig_dim_known(y)) return ig_dim_of(power(x.value, y.value));
    if (ig_dim_is(y, 2)) return ig_dim_mul(syms, x, x);
    return ig_dim_is(y, 1) ? x : ig_dim_unknown();
}

static ig_status infer_pow(ig_infer *c) { return ig_infer_binary(c, 0, content_pow); }

IG_ELEMENTWISE(pow, "Pow", 1, IG_OP_INPLACE, infer_pow, run_pow)
