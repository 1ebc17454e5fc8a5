/* Elementwise operators: arithmetic, comparisons, logic, bits, activations, casts, quantization. */
#include "formats/tflite/rules.h"

#include <math.h>

/* ------------------------------------------------------------------------------------------------------------ one input */

/* Kernels go from one scale to another by a factor of 31 bits and a shift to the right, and round after each: with ties away
 * from zero. *unit is what a number stands for after the first step, of the real numbers; that step is done here. */
static ig_value *first_step(ig_lower *l, ig_value *x, const ig_value *out, double *unit) {
    const ig_quant *q = x->quant;
    int shift;
    double scale = (double)out->quant->scales[0], factor = frexp((double)q->scales[0] / scale, &shift);
    if (shift >= 0 || shift < -30) return NULL;
    *unit = ldexp(scale, shift);
    ig_quant *mine = IG_NEW(&l->model->arena, ig_quant);
    float *step = IG_NEW_ARRAY(&l->model->arena, float, 1);
    if (!mine || !step) {
        l->b.failed = true;
        return NULL;
    }
    const ig_quant *given = x->quant;
    *mine = *q;
    *step = (float)factor / IG_TFL_AWAY;
    mine->scales = step;
    x->quant = mine;
    ig_value *y = IG_BUILD(&l->b, "Round", ig_tfl_dequantize(l, x));
    x->quant = given;
    return y;
}

static void second_step(ig_lower *l, ig_value *v, const ig_value *out, double unit) {
    float scale = (float)((double)out->quant->scales[0] / unit) * IG_TFL_AWAY;
    double zero = out->quant->zero_points ? (double)out->quant->zero_points[0] : 0;
    ig_tfl_out(
        l, 0, IG_BUILD(&l->b, "QuantizeLinear", v, ig_build_f32(&l->b, scale), ig_build_scalar(&l->b, ig_tfl_type(out), zero)));
}

/* From one scale to another, between two real numbers. False when that isn't what the node does, or one step suffices. */
static bool rescale(ig_lower *l, double low, double high) {
    ig_value *x = ig_lower_in(l, 0), *out = l->node->n_out ? l->node->out[0] : NULL;
    double unit;
    if (!ig_tfl_quantized(x) || !ig_tfl_quantized(out) || x->quant->n != 1 || out->quant->n != 1) return false;
    ig_value *y = first_step(l, x, out, &unit);
    if (!y) return false;
    if (low > -INFINITY && high == INFINITY)
        y = IG_BUILD(&l->b, "Max", y, ig_build_f32(&l->b, (float)(low / unit)));
    else if (low > -INFINITY)
        y = IG_BUILD(&l->b, "Clip", y, ig_build_f32(&l->b, (float)(low / unit)), ig_build_f32(&l->b, (float)(high / unit)));
    second_step(l, y, out, unit);
    return true;
}

ig_status ig_tfl_lower_relu(ig_lower *l) {
    if (!rescale(l, 0, INFINITY)) ig_tfl_out_real(l, 0, IG_BUILD(&l->b, "Relu", ig_tfl_real(l, 0)));
    return IG_OK;
}

/* rule->to of the real numbers. */
ig_status ig_tfl_lower_unary(ig_lower *l) {
    if (ig_tfl_is_complex(ig_lower_in(l, 0))) return ig_lower_refuse(l, "it has complex numbers");
    ig_tfl_out_real(l, 0, IG_BUILD(&l->b, l->rule->to, ig_tfl_real(l, 0)));
    return IG_OK;
}

/* Kernels negate the numbers themselves, whatever their zero point. */
ig_status ig_tfl_lower_neg(ig_lower *l) {
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Neg", ig_lower_in(l, 0)));
    return IG_OK;
}

ig_status ig_tfl_lower_rsqrt(ig_lower *l) {
    ig_value *root = IG_BUILD(&l->b, "Sqrt", ig_tfl_real(l, 0));
    ig_tfl_out_real(l, 0, IG_BUILD(&l->b, "Reciprocal", root));
    return IG_OK;
}

ig_status ig_tfl_lower_square(ig_lower *l) {
    ig_value *x = ig_tfl_real(l, 0);
    ig_tfl_out_real(l, 0, IG_BUILD(&l->b, "Mul", x, x));
    return IG_OK;
}

ig_status ig_tfl_lower_gelu(ig_lower *l) {
    const char *kind = ig_tfl_attr(l, "approximate") ? "approximate=tanh" : NULL;
    ig_tfl_out_real(l, 0, IG_TFL_OP(l, "Gelu", kind, ig_tfl_real(l, 0)));
    return IG_OK;
}

ig_status ig_tfl_lower_leaky_relu(ig_lower *l) {
    ig_value *y = IG_BUILD(&l->b, "LeakyRelu", ig_tfl_real(l, 0));
    ig_build_float(&l->b, "alpha", ig_attr_float(l->node, "alpha"));
    ig_tfl_out_real(l, 0, y);
    return IG_OK;
}

/* Between rule->to's first number and rule->arg. */
ig_status ig_tfl_lower_clip(ig_lower *l) {
    const ig_value *out = l->node->n_out ? l->node->out[0] : NULL;
    if (rescale(l, l->rule->to[0] == '-' ? -1 : 0, (double)l->rule->arg)) return IG_OK;
    ig_value *low = ig_tfl_scalar(l, out, l->rule->to[0] == '-' ? -1 : 0);
    ig_value *high = ig_tfl_scalar(l, out, (double)l->rule->arg);
    ig_tfl_out_real(l, 0, IG_BUILD(&l->b, "Clip", ig_tfl_real(l, 0), low, high));
    return IG_OK;
}

ig_status ig_tfl_lower_zeros_like(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    ig_tfl_out(l, 0, ig_tfl_filled(l, ig_tfl_shape(l, x, 0, INT64_MAX), ig_tfl_type(x), 0));
    return IG_OK;
}

ig_status ig_tfl_lower_softmax(ig_lower *l) {
    ig_value *x = ig_tfl_real(l, 0);
    float beta = ig_attr_float(l->node, "beta");
    if (strcmp(l->rule->to, "Softmax") == 0 && beta != 1)
        x = IG_BUILD(&l->b, "Mul", x, ig_tfl_scalar(l, l->node->n_out ? l->node->out[0] : NULL, (double)beta));
    ig_tfl_out_real(l, 0, IG_TFL_OP(l, l->rule->to, "axis=-1", x));
    return IG_OK;
}

/* By the length of the vectors in the last dim, which counts as at least 1e-6. */
ig_status ig_tfl_lower_l2_normalization(ig_lower *l) {
    ig_value *x = ig_tfl_real(l, 0);
    ig_value *length = IG_TFL_OP(l, "ReduceL2", "keepdims=1", x, ig_tfl_ints1(l, -1));
    ig_value *divisor = IG_BUILD(&l->b, "Max", length, ig_build_f32(&l->b, 1e-6f));
    ig_tfl_out_real(l, 0, ig_tfl_activate(l, IG_BUILD(&l->b, "Div", x, divisor)));
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------- two inputs */

ig_status ig_tfl_lower_binary(ig_lower *l) {
    if (ig_tfl_is_complex(ig_lower_in(l, 0))) return ig_lower_refuse(l, "it has complex numbers");
    ig_value *y = IG_BUILD(&l->b, l->rule->to, ig_tfl_real(l, 0), ig_tfl_real(l, 1));
    ig_tfl_out_real(l, 0, ig_tfl_activate(l, y));
    return IG_OK;
}

/* The result is bool whatever is compared. rule->arg: the opposite of rule->to. */
ig_status ig_tfl_lower_compare(ig_lower *l) {
    ig_value *y =
        IG_BUILD(&l->b, l->rule->to, ig_tfl_dequantize(l, ig_lower_in(l, 0)), ig_tfl_dequantize(l, ig_lower_in(l, 1)));
    ig_tfl_out(l, 0, l->rule->arg ? IG_BUILD(&l->b, "Not", y) : y);
    return IG_OK;
}

ig_status ig_tfl_lower_squared_difference(ig_lower *l) {
    ig_value *d = IG_BUILD(&l->b, "Sub", ig_tfl_real(l, 0), ig_tfl_real(l, 1));
    ig_tfl_out_real(l, 0, IG_BUILD(&l->b, "Mul", d, d));
    return IG_OK;
}

ig_status ig_tfl_lower_add_n(ig_lower *l) {
    ig_value *sum = ig_tfl_real(l, 0);
    for (uint32_t i = 1; i < l->node->n_in; i++) sum = IG_BUILD(&l->b, "Add", sum, ig_tfl_real(l, i));
    ig_tfl_out_real(l, 0, sum);
    return IG_OK;
}

/* Integers: (x - x mod y) / y, where mod has the sign of y. */
ig_status ig_tfl_lower_floor_div(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *y = ig_lower_in(l, 1);
    if (ig_tfl_is_float(x)) {
        ig_tfl_out(l, 0, IG_BUILD(&l->b, "Floor", IG_BUILD(&l->b, "Div", x, y)));
        return IG_OK;
    }
    ig_value *rest = IG_BUILD(&l->b, "Mod", x, y);
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Div", IG_BUILD(&l->b, "Sub", x, rest), y));
    return IG_OK;
}

/* ONNX's Mod for floats has the sign of the dividend; here it is the divisor's. */
ig_status ig_tfl_lower_floor_mod(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *y = ig_lower_in(l, 1);
    if (!ig_tfl_is_float(x)) {
        ig_tfl_out(l, 0, IG_BUILD(&l->b, "Mod", x, y));
        return IG_OK;
    }
    ig_value *zero = ig_tfl_scalar(l, x, 0), *rest = IG_TFL_OP(l, "Mod", "fmod=1", x, y);
    ig_value *signs = IG_BUILD(&l->b, "Xor", IG_BUILD(&l->b, "Less", rest, zero), IG_BUILD(&l->b, "Less", y, zero));
    ig_value *nonzero = IG_BUILD(&l->b, "Not", IG_BUILD(&l->b, "Equal", rest, zero));
    ig_value *wrong = IG_BUILD(&l->b, "And", signs, nonzero);
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Where", wrong, IG_BUILD(&l->b, "Add", rest, y), rest));
    return IG_OK;
}

/* atan(y / x), moved by pi where x is negative. */
ig_status ig_tfl_lower_atan2(ig_lower *l) {
    const double pi = 3.14159265358979323846;
    ig_value *y = ig_lower_in(l, 0), *x = ig_lower_in(l, 1), *zero = ig_tfl_scalar(l, x, 0);
    ig_value *angle = IG_BUILD(&l->b, "Atan", IG_BUILD(&l->b, "Div", y, x));
    ig_value *below = IG_BUILD(&l->b, "Less", y, zero);
    ig_value *turn = IG_BUILD(&l->b, "Where", below, ig_tfl_scalar(l, x, -pi), ig_tfl_scalar(l, x, pi));
    ig_value *left = IG_BUILD(&l->b, "Where", IG_BUILD(&l->b, "Less", x, zero), IG_BUILD(&l->b, "Add", angle, turn), angle);
    ig_value *half = IG_BUILD(&l->b, "Mul", IG_BUILD(&l->b, "Sign", y), ig_tfl_scalar(l, x, pi / 2));
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Where", IG_BUILD(&l->b, "Equal", x, zero), half, left));
    return IG_OK;
}

/* Shifts with the sign; the distance is clamped to the width. Numbers are divided by a power of two, rounding down. */
ig_status ig_tfl_lower_right_shift(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *by = ig_lower_in(l, 1);
    int64_t bits = ig_dtypes[ig_tfl_type(x)].bits;
    if (bits < 8 || bits > 32) return ig_lower_refuse(l, "it shifts numbers of type %s", ig_dtypes[ig_tfl_type(x)].name);
    x = ig_build_cast(&l->b, x, IG_I64);
    by = IG_BUILD(&l->b, "Clip", ig_build_cast(&l->b, by, IG_I64), ig_build_i64(&l->b, 0), ig_build_i64(&l->b, bits - 1));
    ig_value *one = ig_build_scalar(&l->b, IG_U64, 1);
    ig_value *power = IG_TFL_OP(l, "BitShift", "direction=LEFT", one, ig_build_cast(&l->b, by, IG_U64));
    power = ig_build_cast(&l->b, power, IG_I64);
    ig_value *down = IG_BUILD(&l->b, "Sub", x, IG_BUILD(&l->b, "Mod", x, power));
    ig_tfl_out_cast(l, 0, IG_BUILD(&l->b, "Div", down, power));
    return IG_OK;
}

/* Alpha broadcasts from the last dim, as ONNX's slope does. */
ig_status ig_tfl_lower_prelu(ig_lower *l) {
    ig_tfl_out_real(l, 0, IG_BUILD(&l->b, "PRelu", ig_tfl_real(l, 0), ig_tfl_real(l, 1)));
    return IG_OK;
}

/* The condition of SELECT may choose whole slices of the first dim. */
ig_status ig_tfl_lower_select(ig_lower *l) {
    ig_value *condition = ig_lower_in(l, 0);
    int rank = ig_tfl_rank(ig_lower_in(l, 1));
    if (l->rule->arg && ig_tfl_rank(condition) == 1 && rank > 1) {
        int64_t dims[IG_MAX_RANK] = {-1};
        for (int i = 1; i < rank; i++) dims[i] = 1;
        condition = ig_tfl_reshape(l, condition, dims, (size_t)rank);
    }
    ig_tfl_out_real(l, 0, IG_BUILD(&l->b, "Where", condition, ig_tfl_real(l, 1), ig_tfl_real(l, 2)));
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------- types, quantization */

ig_status ig_tfl_lower_cast(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    if (ig_tfl_is_complex(x)) return ig_lower_refuse(l, "it has complex numbers");
    if (ig_tfl_is_complex(l->node->n_out ? l->node->out[0] : NULL)) return ig_tfl_to_pair(l, x);
    ig_value *y = IG_BUILD(&l->b, "Cast", x);
    ig_build_int(&l->b, "to", l->node->n_out ? ig_tfl_type(l->node->out[0]) : IG_F32);
    ig_tfl_out(l, 0, y);
    return IG_OK;
}

ig_status ig_tfl_lower_dequantize(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    if (ig_tfl_quantized(x) && ig_tfl_type(l->node->n_out ? l->node->out[0] : NULL) == IG_F32)
        ig_tfl_out(l, 0, ig_tfl_dequantize(l, x));
    else
        ig_tfl_out_cast(l, 0, ig_tfl_quantized(x) ? ig_tfl_dequantize(l, x) : x);
    return IG_OK;
}

/* From floats, or from one quantization to another. */
ig_status ig_tfl_lower_quantize(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    if (!ig_tfl_quantized(l->node->n_out ? l->node->out[0] : NULL)) return ig_lower_refuse(l, "its output has no scale");
    if (!ig_tfl_is_float(x) && ig_tfl_same_quant(x, l->node->out[0]))
        ig_tfl_out(l, 0, x);
    else if (!rescale(l, -INFINITY, INFINITY))
        ig_tfl_out_real(l, 0, ig_tfl_dequantize(l, x));
    return IG_OK;
}

/* The range is moved so that zero is one of the numbers (TensorFlow's fake_quant_ops_functor.h). */
ig_status ig_tfl_lower_fake_quant(ig_lower *l) {
    float low = ig_attr_float(l->node, "min"), high = ig_attr_float(l->node, "max");
    int64_t bits = ig_tfl_attr(l, "num_bits");
    if (bits < 2 || bits > 16 || !(low < high)) return ig_lower_refuse(l, "its range or number of bits is impossible");
    float first = ig_tfl_attr(l, "narrow_range") ? 1 : 0, last = (float)((1 << bits) - 1),
          scale = (high - low) / (last - first);
    float zero = first - low / scale;
    zero = zero < first ? first : zero > last ? last : roundf(zero);
    low = (first - zero) * scale;
    high = (last - zero) * scale;
    ig_value *shift = ig_build_f32(&l->b, low), *half = ig_build_f32(&l->b, 0.5f);
    ig_value *x = IG_BUILD(&l->b, "Clip", ig_tfl_real(l, 0), shift, ig_build_f32(&l->b, high));
    x = IG_BUILD(&l->b, "Mul", IG_BUILD(&l->b, "Sub", x, shift), ig_build_f32(&l->b, 1 / scale));
    x = IG_BUILD(&l->b, "Floor", IG_BUILD(&l->b, "Add", x, half));
    x = IG_BUILD(&l->b, "Add", IG_BUILD(&l->b, "Mul", x, ig_build_f32(&l->b, scale)), shift);
    ig_tfl_out_real(l, 0, x);
    return IG_OK;
}

/* Sparse constants are dense as soon as they are read. */
ig_status ig_tfl_lower_identity(ig_lower *l) {
    ig_tfl_out(l, 0, ig_lower_in(l, 0));
    return IG_OK;
}

/* An operator that only checks. */
ig_status ig_tfl_lower_nothing(ig_lower *l) {
    IG_UNUSED(l);
    return IG_OK;
}

/* The bits of a type as an unsigned one, and back. */
static ig_value *bits_as(ig_lower *l, ig_value *x, ig_dtype to) {
    if (ig_tfl_type(x) == to) return x;
    ig_value *y = IG_BUILD(&l->b, "BitCast", x);
    ig_build_int(&l->b, "to", to);
    return y;
}

static ig_dtype unsigned_of(unsigned bits) {
    return bits == 8 ? IG_U8 : bits == 16 ? IG_U16 : bits == 32 ? IG_U32 : bits == 64 ? IG_U64 : IG_UNDEFINED;
}

/* Of types of different sizes, the smaller one has a last dim of the parts of each element of the other. */
ig_status ig_tfl_lower_bitcast(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *y;
    ig_dtype to = ig_tfl_type(l->node->n_out ? l->node->out[0] : NULL);
    unsigned in = ig_dtypes[ig_tfl_type(x)].bits, out = ig_dtypes[to].bits;
    ig_dtype in_bits = unsigned_of(in), out_bits = unsigned_of(out);
    uint64_t factors[8];
    if (!in_bits || !out_bits) return ig_lower_refuse(l, "an element type is not of 8, 16, 32 or 64 bits");
    IG_TRY(ig_tfl_need_opset(l, 26));
    if (in == out) {
        ig_tfl_out(l, 0, bits_as(l, x, to));
        return IG_OK;
    }
    int64_t n = in > out ? in / out : out / in;
    ig_dtype wide_type = in > out ? IG_U64 : IG_I64;
    ig_tensor *t = NULL;
    for (int64_t i = 0; i < n; i++) factors[i] = UINT64_C(1) << (i * (in > out ? out : in));
    if (ig_tensor_new(&t, l->model->context, wide_type, 1, &n, NULL) == IG_OK) memcpy(t->data, factors, t->bytes);
    ig_value *places = ig_build_tensor(&l->b, t), *wide = bits_as(l, x, in_bits);
    if (in_bits != wide_type) {
        wide = IG_BUILD(&l->b, "Cast", wide);
        ig_build_int(&l->b, "to", wide_type);
    }
    if (in > out) {
        y = IG_BUILD(&l->b, "Div", ig_tfl_unsqueeze(l, wide, -1), places);
        if (out < 64) y = IG_BUILD(&l->b, "Mod", y, ig_build_scalar(&l->b, IG_U64, ldexp(1, (int)out)));
    } else {
        y = IG_TFL_OP(l, "ReduceSum", "keepdims=0", IG_BUILD(&l->b, "Mul", wide, places), ig_tfl_ints1(l, -1));
        if (out == 64) { /* sums have wrapped to the sign */
            y = IG_BUILD(&l->b, "BitCast", y);
            ig_build_int(&l->b, "to", to);
            ig_tfl_out(l, 0, y);
            return IG_OK;
        }
    }
    y = IG_BUILD(&l->b, "Cast", y);
    ig_build_int(&l->b, "to", out_bits);
    if (to != out_bits) {
        y = IG_BUILD(&l->b, "BitCast", y);
        ig_build_int(&l->b, "to", to);
    }
    ig_tfl_out(l, 0, y);
    return IG_OK;
}
