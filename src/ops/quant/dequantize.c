/* DequantizeLinear: (x - zero point) * scale. Also com.microsoft's. */
#include "ops/math/elementwise.h"
#include "ops/quant/linear.h"

#define ROW(name, T) IG_REAL_ROW(dequantize_##name, IG_F32, T, IG_F32, T)
static const ig_loop loops[] = {ROW(u8, IG_U8),   ROW(i8, IG_I8),   ROW(u16, IG_U16),
                                ROW(i16, IG_I16), ROW(i32, IG_I32), ROW(f32, IG_F32)};

static ig_status infer(ig_infer *c) {
    ig_shape shape;
    int64_t given = ig_attr_int(c->node, "output_dtype");
    if (given && !(ig_dtype_valid(given) && ig_dtype_is_float((ig_dtype)given)))
        return ig_infer_fail(c, "attribute 'output_dtype' is %lld, which is no type of reals", (long long)given);
    IG_TRY(ig_linear_check(c));
    ig_dtype dtype = given ? (ig_dtype)given : ig_infer_dtype(c, 1);
    bool known = ig_infer_shape(c, 0, &shape);
    return known || dtype ? ig_infer_set(c, 0, dtype, known ? &shape : NULL) : IG_OK;
}

static ig_status run(ig_call *c) {
    if (!c->out[0]) return IG_OK;
    const ig_loop *loop = ig_loop_pick(loops, IG_COUNT_OF(loops), c->in[0]->dtype);
    if (!loop) return ig_call_no_kernel(c, c->in[0]->dtype);
    return ig_linear_run(c, loop, NULL, ig_operand_of(c->out[0]));
}

const ig_op ig_op_dequantize_linear = {.domain = "", .name = "DequantizeLinear", .since = 10, .infer = infer, .run = run};
const ig_op ig_op_ms_dequantize_linear = {
    .domain = "com.microsoft", .name = "DequantizeLinear", .since = 1, .infer = infer, .run = run};
