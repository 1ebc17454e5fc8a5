/* Operators on pictures: pools, local normalization, resizing. */
#include "formats/tflite/rules.h"

#include <math.h>

static ig_value *out_of(const ig_lower *l, uint32_t o) { return o < l->node->n_out ? l->node->out[o] : NULL; }

/* A pool of channels-first data by this ONNX operator. */
static ig_value *pool(ig_lower *l, const char *op, ig_value *x) {
    int64_t kernel[] = {ig_tfl_attr(l, "filter_height"), ig_tfl_attr(l, "filter_width")};
    int64_t stride[] = {ig_tfl_attr(l, "stride_h"), ig_tfl_attr(l, "stride_w")}, pads[4];
    const ig_value *in = ig_lower_in(l, 0);
    bool known = true;
    ig_value *y = IG_BUILD(&l->b, op, x);
    ig_build_ints(&l->b, "kernel_shape", kernel, 2);
    ig_build_ints(&l->b, "strides", stride, 2);
    if (!ig_tfl_attr_is(l, "padding", "SAME")) return y;
    for (int i = 0; i < 2; i++) {
        int64_t size = ig_tfl_dim(in, 1 + i), total = ((size + stride[i] - 1) / stride[i] - 1) * stride[i] + kernel[i] - size;
        known &= size >= 0;
        total = ig_max_i64(total, 0);
        pads[i] = total / 2;
        pads[2 + i] = total - total / 2;
    }
    if (known)
        ig_build_ints(&l->b, "pads", pads, 4);
    else
        ig_build_str(&l->b, "auto_pad", "SAME_UPPER");
    return y;
}

static ig_status check_pool(ig_lower *l) {
    bool positive = ig_tfl_attr(l, "filter_height") > 0 && ig_tfl_attr(l, "filter_width") > 0 &&
                    ig_tfl_attr(l, "stride_h") > 0 && ig_tfl_attr(l, "stride_w") > 0;
    if (!positive) return ig_lower_refuse(l, "the size of its window is not positive");
    return ig_tfl_rank(ig_lower_in(l, 0)) == 4 ? IG_OK : ig_lower_refuse(l, "its input doesn't have 4 dims");
}

/* The fused activation on quantized numbers: their bounds. */
static ig_value *clip_numbers(ig_lower *l, ig_value *v, const ig_value *like) {
    static const struct {
        const char *name;
        float low, high;
    } activations[] = {{"RELU", 0, INFINITY}, {"RELU6", 0, 6}, {"RELU_N1_TO_1", -1, 1}};
    ig_dtype dtype = ig_tfl_type(like);
    double zero = like->quant->zero_points ? (double)like->quant->zero_points[0] : 0, scale = (double)like->quant->scales[0];

    double least = dtype == IG_I16  ? -32768
                   : dtype == IG_U8 ? 0
                                    : -128,
           most = dtype == IG_I16  ? 32767
                  : dtype == IG_U8 ? 255
                                   : 127;
    for (size_t i = 0; i < IG_COUNT_OF(activations); i++) {
        if (!ig_tfl_attr_is(l, "fused_activation_function", activations[i].name)) continue;
        double low = fmax(zero + round((double)activations[i].low / scale), least);
        double high = fmin(zero + round((double)activations[i].high / scale), most);
        return IG_BUILD(&l->b, "Clip", v, ig_build_scalar(&l->b, dtype, low), ig_build_scalar(&l->b, dtype, high));
    }
    return v;
}

/* Quantized averages are those of the numbers themselves, rounded with ties away from zero: scales of input and output are the
 * same. */
static void average_numbers(ig_lower *l, const ig_value *out) {
    ig_value *x = ig_tfl_transpose(l, ig_lower_in(l, 0), (int64_t[]){0, 3, 1, 2}, 4);
    ig_value *y = pool(l, "AveragePool", ig_build_cast(&l->b, x, IG_F32));
    y = IG_BUILD(&l->b, "QuantizeLinear", y, ig_build_f32(&l->b, IG_TFL_AWAY), ig_build_scalar(&l->b, ig_tfl_type(out), 0));
    ig_tfl_out(l, 0, ig_tfl_transpose(l, clip_numbers(l, y, out), (int64_t[]){0, 2, 3, 1}, 4));
}

ig_status ig_tfl_lower_average_pool(ig_lower *l) {
    IG_TRY(check_pool(l));
    const ig_value *x = ig_lower_in(l, 0), *out = out_of(l, 0);
    if (ig_tfl_quantized(x) && ig_tfl_same_quant(x, out) && x->quant->n == 1 &&
        !ig_tfl_attr_is(l, "fused_activation_function", "TANH")) {
        average_numbers(l, out);
        return IG_OK;
    }
    ig_value *y = pool(l, "AveragePool", ig_tfl_real_channels_first(l, 0));
    ig_tfl_out_channels_first(l, 0, ig_tfl_activate(l, y), 4);
    return IG_OK;
}

/* The largest number stands for the largest value. */
ig_status ig_tfl_lower_max_pool(ig_lower *l) {
    IG_TRY(check_pool(l));
    ig_value *x = ig_lower_in(l, 0), *out = out_of(l, 0);
    bool bytes = ig_tfl_type(x) == IG_I8 || ig_tfl_type(x) == IG_U8;
    if (bytes && ig_tfl_quantized(x) && ig_tfl_same_quant(x, out) && !ig_tfl_attr_is(l, "fused_activation_function", "TANH")) {
        ig_value *y = pool(l, "MaxPool", ig_tfl_transpose(l, x, (int64_t[]){0, 3, 1, 2}, 4));
        ig_tfl_out(l, 0, ig_tfl_transpose(l, clip_numbers(l, y, out), (int64_t[]){0, 2, 3, 1}, 4));
        return IG_OK;
    }
    ig_value *y = pool(l, "MaxPool", ig_tfl_real_channels_first(l, 0));
    ig_tfl_out_channels_first(l, 0, ig_tfl_activate(l, y), 4);
    return IG_OK;
}

/* The root of the mean of squares. */
ig_status ig_tfl_lower_l2_pool(ig_lower *l) {
    IG_TRY(check_pool(l));
    ig_value *x = ig_tfl_real_channels_first(l, 0);
    ig_value *y = IG_BUILD(&l->b, "Sqrt", pool(l, "AveragePool", IG_BUILD(&l->b, "Mul", x, x)));
    ig_tfl_out_channels_first(l, 0, ig_tfl_activate(l, y), 4);
    return IG_OK;
}

/* ONNX divides alpha by the number of channels that it sums over. */
ig_status ig_tfl_lower_local_response_normalization(ig_lower *l) {
    int64_t radius = ig_tfl_attr(l, "radius"), size = 2 * radius + 1;
    if (radius < 0 || radius > 1 << 20) return ig_lower_refuse(l, "its radius is impossible");
    if (ig_tfl_rank(ig_lower_in(l, 0)) != 4) return ig_lower_refuse(l, "its input doesn't have 4 dims");
    ig_value *y = IG_BUILD(&l->b, "LRN", ig_tfl_real_channels_first(l, 0));
    ig_build_int(&l->b, "size", size);
    ig_build_float(&l->b, "bias", ig_attr_float(l->node, "bias"));
    ig_build_float(&l->b, "alpha", ig_attr_float(l->node, "alpha") * (float)size);
    ig_build_float(&l->b, "beta", ig_attr_float(l->node, "beta"));
    ig_tfl_out_channels_first(l, 0, y, 4);
    return IG_OK;
}

/* Sizes of the channels-first result: those of the batch and the channels stay. */
static ig_value *new_sizes(ig_lower *l, ig_value *x) {
    int64_t size[2];
    size_t n;
    ig_value *given = ig_lower_in(l, 1);
    ig_tfl_size batch = ig_tfl_size_of(l, x, 0), channels = ig_tfl_size_of(l, x, 3);
    if (ig_tfl_ints(l, given, size, 2, &n) && n == 2)
        return ig_tfl_sizes(l, (ig_tfl_size[]){batch, channels, {size[0], NULL}, {size[1], NULL}}, 4);
    ig_value *lead = ig_tfl_sizes(l, (ig_tfl_size[]){batch, channels}, 2);
    return ig_tfl_concat(l, (ig_value *[]){lead, ig_tfl_i64(l, given)}, 2, 0);
}

/* Which part of each input row an output row is made of, as the kernel for integers computes it, in 1024ths: [out, in], or
 * transposed. NULL when that is what ONNX's Resize computes too (*exact), or when memory runs out. */
static ig_value *weights_of(ig_lower *l, int64_t in, int64_t out, bool turned, bool *exact) {
    bool corners = ig_tfl_attr(l, "align_corners") && out > 1, centers = ig_tfl_attr(l, "half_pixel_centers");
    int64_t from = 1024 * (corners ? in - 1 : in), to = corners ? out - 1 : out, scale = (from + to / 2) / to;
    ig_tensor *t = NULL;
    *exact = from % to == 0 && (!centers || scale % 2 == 0);
    if (ig_tensor_create(&t, l->model->context, IG_F32, 2, (int64_t[]){turned ? in : out, turned ? out : in}, NULL) != IG_OK)
        return ig_build_tensor(&l->b, NULL);
    for (int64_t y = 0; y < out; y++) {
        int64_t at = y * scale + (centers ? scale / 2 - 512 : 0), low = ig_max_i64(at / 1024, 0),
                high = ig_min_i64((at + 1023) / 1024, in - 1);
        low = ig_min_i64(low, in - 1);
        float *w = t->data, part = (float)(at - 1024 * low) / 1024;
        w[turned ? low * out + y : y * in + low] += 1 - part;
        w[turned ? high * out + y : y * in + high] += part;
    }
    return ig_build_tensor(&l->b, t);
}

static ig_value *resize(ig_lower *l, ig_value *x, ig_value *first) {
    bool nearest = strcmp(l->rule->to, "nearest") == 0, corners = ig_tfl_attr(l, "align_corners"),
         centers = ig_tfl_attr(l, "half_pixel_centers");
    ig_value *y = IG_BUILD(&l->b, "Resize", first, NULL, NULL, new_sizes(l, x));
    ig_build_str(&l->b, "mode", l->rule->to);
    ig_build_str(&l->b, "coordinate_transformation_mode", corners ? "align_corners" : centers ? "half_pixel" : "asymmetric");
    if (nearest) ig_build_str(&l->b, "nearest_mode", corners || centers ? "round_prefer_ceil" : "floor");
    return y;
}

/* Signed integers are blended with coordinates of 10 bits behind the point. NULL when ONNX's Resize does the same, or sizes are
 * computed by the model. */
static ig_value *blend(ig_lower *l, const ig_value *x, ig_value *first) {
    int64_t h = ig_tfl_dim(x, 1), w = ig_tfl_dim(x, 2), size[2];
    size_t n;
    bool exact_h, exact_w;
    enum { MOST = 4096 };
    if (ig_tfl_type(x) == IG_U8 || h < 1 || w < 1 || h > MOST || w > MOST) return NULL;
    if (!ig_tfl_ints(l, ig_lower_in(l, 1), size, 2, &n) || n != 2) return NULL;
    if (size[0] < 1 || size[1] < 1 || size[0] > MOST || size[1] > MOST) return NULL;
    ig_value *rows = weights_of(l, h, size[0], false, &exact_h), *columns = weights_of(l, w, size[1], true, &exact_w);
    if (exact_h && exact_w) return NULL;
    return IG_BUILD(&l->b, "MatMul", IG_BUILD(&l->b, "MatMul", rows, first), columns);
}

/* The numbers themselves are blended and rounded, with ties away from zero: scales of input and output are the same. */
static void resize_numbers(ig_lower *l, ig_value *x, const ig_value *out) {
    ig_value *first = ig_build_cast(&l->b, ig_tfl_transpose(l, x, (int64_t[]){0, 3, 1, 2}, 4), IG_F32);
    ig_value *y = blend(l, x, first);
    if (!y) y = resize(l, x, first);
    y = IG_BUILD(&l->b, "QuantizeLinear", y, ig_build_f32(&l->b, IG_TFL_AWAY), ig_build_scalar(&l->b, ig_tfl_type(out), 0));
    ig_tfl_out(l, 0, ig_tfl_transpose(l, y, (int64_t[]){0, 2, 3, 1}, 4));
}

/* rule->to: ONNX's mode. */
ig_status ig_tfl_lower_resize(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *out = out_of(l, 0);
    if (ig_tfl_rank(x) != 4) return ig_lower_refuse(l, "its input doesn't have 4 dims");
    bool bytes = ig_tfl_type(x) == IG_I8 || ig_tfl_type(x) == IG_U8, nearest = strcmp(l->rule->to, "nearest") == 0;
    if (nearest && bytes) { /* engines resize these as they are */
        ig_value *y = resize(l, x, ig_tfl_transpose(l, x, (int64_t[]){0, 3, 1, 2}, 4));
        ig_tfl_out_moved(l, 0, ig_tfl_transpose(l, y, (int64_t[]){0, 2, 3, 1}, 4), x);
    } else if (!nearest && ig_tfl_quantized(x) && ig_tfl_same_quant(x, out) && x->quant->n == 1) {
        resize_numbers(l, x, out);
    } else {
        ig_tfl_out_channels_first(l, 0, resize(l, x, ig_tfl_real_channels_first(l, 0)), 4);
    }
    return IG_OK;
}
