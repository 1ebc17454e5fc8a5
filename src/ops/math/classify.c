/* IsNaN, IsInf. */
#include "ops/math/elementwise.h"

#include <math.h>

IG_LOOP_1(is_nan_f32, bool, float, x != x)
IG_LOOP_1(is_nan_f64, bool, double, x != x)
static const ig_loop is_nan_loops[] = {IG_F32_F64_ROWS(IG_ROW_1_BOOL, is_nan)};

typedef struct signs {
    bool positive, negative;
} signs;

IG_LOOP_1P(is_inf_f32, bool, float, signs, (p.positive && x == INFINITY) || (p.negative && x == -INFINITY))
IG_LOOP_1P(is_inf_f64, bool, double, signs, (p.positive && x == (double)INFINITY) || (p.negative && x == -(double)INFINITY))
static const ig_loop is_inf_loops[] = {IG_F32_F64_ROWS(IG_ROW_1_BOOL, is_inf)};

static ig_status infer(ig_infer *c) {
    ig_shape shape;
    return ig_infer_set(c, 0, IG_BOOL, ig_infer_shape(c, 0, &shape) ? &shape : NULL);
}

static ig_status run_is_inf(ig_call *c) {
    const signs which = {ig_attr_int(c->node, "detect_positive") != 0, ig_attr_int(c->node, "detect_negative") != 0};
    return ig_loop_call(c, is_inf_loops, IG_COUNT_OF(is_inf_loops), &which, 0);
}

IG_UNARY_OP(is_nan, "IsNaN", 9, 0, infer, is_nan_loops, 0)
IG_ELEMENTWISE(is_inf, "IsInf", 10, 0, infer, run_is_inf)
