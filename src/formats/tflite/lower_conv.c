/* Convolutions and products. TFLite has channels last; ONNX has them first, so data is transposed around each node, in a form
 * that the pass cancel-transposes undoes between neighbours. */
#include "formats/tflite/rules.h"

static ig_value *out_of(const ig_lower *l, uint32_t o) { return o < l->node->n_out ? l->node->out[o] : NULL; }

/* --------------------------------------------------------------------------------------------------- weights and biases */

/* Old converters note int8 weights of float operators as uint8. */
static ig_value *signed_weights(ig_lower *l, ig_value *w) {
    const ig_tensor *t = ig_tfl_const(l, w);
    ig_quant *q = IG_NEW(&l->model->arena, ig_quant);
    if (!t || !q) return w;
    ig_tensor *same = ig_tensor_over(l->model->context, IG_I8, t->rank, t->dims, t->buffer, t->data);
    ig_value *v = ig_build_tensor(&l->b, same);
    *q = *w->quant;
    q->zero_points = NULL;
    if (v) v->quant = q;
    return v ? v : w;
}

/* Float activations meet quantized weights: TFLite quantizes the activations on the fly. */
static bool is_hybrid(const ig_lower *l, const ig_value *x, const ig_value *w) {
    return ig_tfl_is_float(x) && ig_tfl_quantized(w) && !ig_tfl_quantized(out_of(l, 0));
}

/* Weights with their dims reordered, as real numbers. */
static ig_value *weights_of(ig_lower *l, ig_value *w, const int64_t *perm, size_t n, bool hybrid) {
    if (hybrid && ig_tfl_type(w) == IG_U8) w = signed_weights(l, w);
    return ig_tfl_real_transposed(l, w, perm, n);
}

/* An integer bias counts in units of the product of the scales of data and weights. */
static ig_value *bias_of(ig_lower *l, uint32_t i, const ig_value *x, const ig_value *w) {
    ig_value *bias = ig_lower_in(l, i);
    ig_dtype dtype = ig_tfl_type(bias);
    if (!bias || (dtype != IG_I32 && dtype != IG_I64) || !ig_tfl_quantized(x) || !ig_tfl_quantized(w))
        return bias ? ig_tfl_real(l, i) : NULL;
    size_t n = w->quant->n;
    float *scales = IG_NEW_ARRAY(&ig_tfl_state_of(l)->arena, float, n);
    if (!scales || w->quant->block) {
        l->b.failed = true;
        return NULL;
    }
    for (size_t k = 0; k < n; k++) scales[k] = x->quant->scales[0] * w->quant->scales[k];
    ig_value *scale = n == 1 ? ig_build_f32(&l->b, scales[0]) : ig_build_f32s(&l->b, scales, n);
    if (dtype == IG_I64) return IG_BUILD(&l->b, "Mul", ig_build_cast(&l->b, bias, IG_F32), scale);
    ig_value *y = IG_BUILD(&l->b, "DequantizeLinear", bias, scale);
    if (n > 1) ig_build_int(&l->b, "axis", 0);
    return y;
}

/* Real numbers as they are after a round trip through int8, with a scale for each slice along the axes that are not listed
 * (TFLite's BatchQuantizeFloats). */
static ig_value *round_trip(ig_lower *l, ig_value *x, ig_value *axes, bool asymmetric) {
    ig_build *b = &l->b;
    ig_value *low = ig_build_f32(b, -127), *high = ig_build_f32(b, 127), *zero = ig_build_f32(b, 0),
             *tiny = ig_build_f32(b, 1e-30f);
    if (!asymmetric) {
        ig_value *most = IG_TFL_OP(l, "ReduceMax", "keepdims=1", IG_BUILD(b, "Abs", x), axes);
        ig_value *scale = IG_BUILD(b, "Div", IG_BUILD(b, "Max", most, tiny), high);
        ig_value *q = IG_BUILD(b, "Clip", IG_BUILD(b, "Round", IG_BUILD(b, "Div", x, scale)), low, high);
        return IG_BUILD(b, "Mul", q, scale);
    }
    low = ig_build_f32(b, -128);
    ig_value *min = IG_BUILD(b, "Min", IG_TFL_OP(l, "ReduceMin", "keepdims=1", x, axes), zero);
    ig_value *max = IG_BUILD(b, "Max", IG_TFL_OP(l, "ReduceMax", "keepdims=1", x, axes), zero);
    ig_value *range = IG_BUILD(b, "Max", IG_BUILD(b, "Sub", max, min), tiny);
    ig_value *scale = IG_BUILD(b, "Div", range, ig_build_f32(b, 255));
    ig_value *point = IG_BUILD(b, "Round", IG_BUILD(b, "Sub", low, IG_BUILD(b, "Div", min, scale)));
    point = IG_BUILD(b, "Clip", point, low, high);
    ig_value *q = IG_BUILD(b, "Round", IG_BUILD(b, "Add", IG_BUILD(b, "Div", x, scale), point));
    q = IG_BUILD(b, "Clip", q, low, high);
    return IG_BUILD(b, "Mul", IG_BUILD(b, "Sub", q, point), scale);
}

/* --------------------------------------------------------------------------------------------------------- convolutions */

/* The window of a convolution over `n` spatial dims, outermost first. */
typedef struct window {
    int n;
    int64_t kernel[3], stride[3], dilation[3];
    bool same; /* padding */
} window;

static ig_status read_window(ig_lower *l, window *w, int n, const ig_value *filter, int first) {
    static const char *const strides[] = {"stride_d", "stride_h", "stride_w"};
    static const char *const dilations[] = {"dilation_d_factor", "dilation_h_factor", "dilation_w_factor"};
    w->n = n;
    w->same = ig_tfl_attr_is(l, "padding", "SAME");
    for (int i = 0; i < n; i++) {
        const char *dilation = dilations[3 - n + i];
        w->kernel[i] = ig_tfl_dim(filter, first + i);
        w->stride[i] = ig_tfl_attr(l, strides[3 - n + i]);
        w->dilation[i] = ig_attr_given(l->node, dilation) ? ig_tfl_attr(l, dilation) : 1;
        if (w->stride[i] < 1 || w->dilation[i] < 1) return ig_lower_refuse(l, "a stride or dilation is not positive");
        if (w->kernel[i] < 1) return ig_lower_refuse(l, "the size of its filter is not known");
    }
    return IG_OK;
}

/* SAME: the result has ceil(size / stride) places, what that needs is padded, the odd one at the end. */
static void put_pads(ig_lower *l, const window *w, const ig_value *x) {
    int64_t pads[6] = {0};
    bool known = true;
    for (int i = 0; i < w->n && w->same; i++) {
        int64_t size = ig_tfl_dim(x, 1 + i), reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
        known &= size >= 0;
        int64_t total = ig_max_i64(((size + w->stride[i] - 1) / w->stride[i] - 1) * w->stride[i] + reach - size, 0);
        pads[i] = total / 2;
        pads[w->n + i] = total - total / 2;
    }
    if (known)
        ig_build_ints(&l->b, "pads", pads, 2 * (size_t)w->n);
    else
        ig_build_str(&l->b, "auto_pad", "SAME_UPPER");
}

/* Conv of data with channels first. */
static void convolve(ig_lower *l, const window *w, ig_value *data, ig_value *weights, ig_value *bias, int64_t group) {
    ig_value *y = IG_BUILD(&l->b, "Conv", data, weights, bias);
    ig_build_ints(&l->b, "strides", w->stride, (size_t)w->n);
    ig_build_ints(&l->b, "dilations", w->dilation, (size_t)w->n);
    if (group != 1) ig_build_int(&l->b, "group", group);
    put_pads(l, w, ig_lower_in(l, 0));
    ig_tfl_out_channels_first(l, 0, ig_tfl_activate(l, y), w->n + 2);
}

/* Data with channels first. For a hybrid operator, whose activations of one example share a scale, as int8 has it. */
static ig_value *data_of(ig_lower *l, uint32_t input, bool hybrid, bool asymmetric) {
    int64_t axes[IG_MAX_RANK];
    int rank = ig_tfl_rank(ig_lower_in(l, input));
    ig_value *data = ig_tfl_real_channels_first(l, input);
    for (int i = 1; i < rank; i++) axes[i - 1] = i;
    return hybrid ? round_trip(l, data, ig_tfl_list(l, axes, (size_t)ig_max_i64(rank - 1, 0)), asymmetric) : data;
}

ig_status ig_tfl_lower_conv_2d(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *filter = ig_lower_in(l, 1);
    window w = {0};
    if (ig_tfl_rank(x) != 4 || ig_tfl_rank(filter) != 4) return ig_lower_refuse(l, "its input or filter doesn't have 4 dims");
    IG_TRY(read_window(l, &w, 2, filter, 1));
    int64_t channels = ig_tfl_dim(x, 3), depth = ig_tfl_dim(filter, 3),
            group = channels > 0 && depth > 0 ? channels / depth : 1;
    if (group < 1 || (channels > 0 && channels % depth)) return ig_lower_refuse(l, "its filter doesn't fit its channels");
    bool hybrid = is_hybrid(l, x, filter);
    ig_value *data = data_of(l, 0, hybrid, hybrid && (filter->quant->n > 1 || group != 1));
    convolve(l, &w, data, weights_of(l, filter, (int64_t[]){0, 3, 1, 2}, 4, hybrid), bias_of(l, 2, x, filter), group);
    return IG_OK;
}

ig_status ig_tfl_lower_depthwise_conv_2d(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *filter = ig_lower_in(l, 1);
    window w = {0};
    if (ig_tfl_rank(x) != 4 || ig_tfl_rank(filter) != 4) return ig_lower_refuse(l, "its input or filter doesn't have 4 dims");
    IG_TRY(read_window(l, &w, 2, filter, 1));
    int64_t multiplier = ig_tfl_attr(l, "depth_multiplier"), channels = ig_tfl_dim(x, 3), results = ig_tfl_dim(filter, 3);
    if (channels < 0 && multiplier > 0 && results > 0) channels = results / multiplier;
    if (channels < 1 || results < 1 || results % channels) return ig_lower_refuse(l, "its filter doesn't fit its channels");
    bool hybrid = is_hybrid(l, x, filter);
    ig_value *data = data_of(l, 0, hybrid, true);
    convolve(l, &w, data, weights_of(l, filter, (int64_t[]){3, 0, 1, 2}, 4, hybrid), bias_of(l, 2, x, filter), channels);
    return IG_OK;
}

ig_status ig_tfl_lower_conv_3d(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *filter = ig_lower_in(l, 1);
    window w = {0};
    if (ig_tfl_rank(x) != 5 || ig_tfl_rank(filter) != 5) return ig_lower_refuse(l, "its input or filter doesn't have 5 dims");
    IG_TRY(read_window(l, &w, 3, filter, 0));
    int64_t channels = ig_tfl_dim(x, 4), depth = ig_tfl_dim(filter, 3),
            group = channels > 0 && depth > 0 ? channels / depth : 1;
    if (group < 1) return ig_lower_refuse(l, "its filter doesn't fit its channels");
    convolve(l, &w, data_of(l, 0, false, false), weights_of(l, filter, (int64_t[]){4, 3, 0, 1, 2}, 5, false),
             bias_of(l, 2, x, filter), group);
    return IG_OK;
}

/* Pads are those of the convolution that this one is the transpose of. What the wanted size has beyond that is added at the
 * end. Unknown sizes are taken to be stride times the input's, as SAME has them. */
static ig_status transposed(ig_lower *l, const window *w, ig_value *data, ig_value *weights, ig_value *bias,
                            const ig_value *x) {
    int64_t pads[6] = {0}, extra[3] = {0}, wanted[IG_MAX_RANK];
    size_t n;
    bool any_extra = false, given = ig_tfl_ints(l, ig_lower_in(l, 0), wanted, IG_MAX_RANK, &n) && n == (size_t)w->n + 2;
    for (int i = 0; i < w->n; i++) {
        int64_t in = ig_tfl_dim(x, 1 + i), to = given ? wanted[1 + i] : ig_tfl_dim(out_of(l, 0), 1 + i), s = w->stride[i];
        int64_t reach = (w->kernel[i] - 1) * w->dilation[i] + 1, total = w->same ? reach - s : 0;
        if (in >= 0 && to >= 0) total = (in - 1) * s + reach - to;
        if (total < 0) extra[i] = -total;
        any_extra |= total < 0;
        total = ig_max_i64(total, 0);
        if (!w->same && total > 0) return ig_lower_refuse(l, "its output is smaller than VALID padding makes it");
        pads[i] = total / 2;
        pads[w->n + i] = total - total / 2;
    }
    ig_value *y = IG_BUILD(&l->b, "ConvTranspose", data, weights, bias);
    ig_build_ints(&l->b, "strides", w->stride, (size_t)w->n);
    ig_build_ints(&l->b, "dilations", w->dilation, (size_t)w->n);
    ig_build_ints(&l->b, "pads", pads, 2 * (size_t)w->n);
    if (any_extra) ig_build_ints(&l->b, "output_padding", extra, (size_t)w->n);
    ig_tfl_out_channels_first(l, 0, ig_tfl_activate(l, y), w->n + 2);
    return IG_OK;
}

ig_status ig_tfl_lower_transpose_conv(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 2), *filter = ig_lower_in(l, 1);
    window w = {0};
    if (ig_tfl_rank(x) != 4 || ig_tfl_rank(filter) != 4) return ig_lower_refuse(l, "its input or filter doesn't have 4 dims");
    IG_TRY(read_window(l, &w, 2, filter, 1));
    bool hybrid = is_hybrid(l, x, filter);
    ig_value *data = data_of(l, 2, hybrid, true);
    ig_value *weights = weights_of(l, filter, (int64_t[]){3, 0, 1, 2}, 4, hybrid);
    return transposed(l, &w, data, weights, bias_of(l, 3, x, filter), x);
}

ig_status ig_tfl_lower_conv_3d_transpose(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 2), *filter = ig_lower_in(l, 1);
    window w = {0};
    if (ig_tfl_rank(x) != 5 || ig_tfl_rank(filter) != 5) return ig_lower_refuse(l, "its input or filter doesn't have 5 dims");
    IG_TRY(read_window(l, &w, 3, filter, 0));
    ig_value *weights = weights_of(l, filter, (int64_t[]){4, 3, 0, 1, 2}, 5, false);
    return transposed(l, &w, data_of(l, 2, false, false), weights, bias_of(l, 3, x, filter), x);
}

/* ------------------------------------------------------------------------------------------------------------- products */

/* x · wᵀ. The input's dims are flattened to rows of the weights' length, unless keep_num_dims. */
ig_status ig_tfl_lower_fully_connected(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *w = ig_lower_in(l, 1), *out = out_of(l, 0);
    int64_t depth = ig_tfl_dim(w, 1);
    int rank = ig_tfl_rank(x);
    if (ig_tfl_rank(w) != 2) return ig_lower_refuse(l, "its weights don't have 2 dims");
    if (ig_tfl_attr_is(l, "weights_format", "SHUFFLED4x16INT8")) return ig_lower_refuse(l, "its weights are shuffled");
    if (rank != 2 && depth < 0) return ig_lower_refuse(l, "the size of its weights is not known");
    /* Some files say the input's rank without the option. Integers are cheap to reshape. */
    bool keep = rank > 2 && (ig_tfl_attr(l, "keep_num_dims") || ig_tfl_rank(out) == rank), hybrid = is_hybrid(l, x, w);
    bool direct = keep && !ig_tfl_quantized(x);
    ig_value *real = NULL, *bias = bias_of(l, 2, x, w), *y;
    if (rank == 2 || direct)
        real = ig_tfl_real(l, 0);
    else
        real = ig_tfl_real_moved(l, ig_tfl_reshape(l, x, (int64_t[]){-1, depth}, 2), x);
    if (hybrid) real = round_trip(l, real, ig_tfl_ints1(l, -1), ig_tfl_attr(l, "asymmetric_quantize_inputs"));
    if (direct) {
        y = IG_BUILD(&l->b, "MatMul", real, weights_of(l, w, (int64_t[]){1, 0}, 2, hybrid));
        if (bias) y = IG_BUILD(&l->b, "Add", y, bias);
    } else {
        y = IG_TFL_OP(l, "Gemm", "transB=1", real, weights_of(l, w, (int64_t[]){0, 1}, 2, hybrid), bias);
    }
    y = ig_tfl_quantize(l, ig_tfl_activate(l, y), out);
    if (keep && !direct) {
        ig_value *lead = ig_tfl_shape(l, x, 0, rank - 1);
        y = ig_tfl_reshape_to(l, y, ig_tfl_concat(l, (ig_value *[]){lead, ig_tfl_shape(l, w, 0, 1)}, 2, 0));
    }
    ig_tfl_out(l, 0, y);
    return IG_OK;
}

static ig_value *adjoint(ig_lower *l, ig_value *v, int rank) {
    int64_t perm[IG_MAX_RANK];
    for (int i = 0; i < rank; i++) perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return ig_tfl_transpose(l, v, perm, (size_t)rank);
}

ig_status ig_tfl_lower_batch_matmul(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *y = ig_lower_in(l, 1);
    bool turn_x = ig_tfl_attr(l, "adj_x"), turn_y = ig_tfl_attr(l, "adj_y");
    int rank_x = ig_tfl_rank(x), rank_y = ig_tfl_rank(y);
    if ((turn_x && rank_x < 2) || (turn_y && rank_y < 2)) return ig_lower_refuse(l, "the rank of its inputs is not known");
    if (ig_tfl_is_complex(x)) return ig_lower_refuse(l, "it has complex numbers");
    ig_value *a = ig_tfl_real(l, 0), *b = ig_tfl_real(l, 1);
    if (turn_x) a = adjoint(l, a, rank_x);
    if (turn_y) b = adjoint(l, b, rank_y);
    if (is_hybrid(l, x, y)) a = round_trip(l, a, ig_tfl_ints1(l, -1), ig_tfl_attr(l, "asymmetric_quantize_inputs"));
    if (ig_tfl_type(out_of(l, 0)) == IG_I32 && ig_tfl_type(x) == IG_I8) { /* exact sums of int8 numbers */
        a = ig_build_cast(&l->b, a, IG_I32);
        b = ig_build_cast(&l->b, b, IG_I32);
    }
    ig_tfl_out_real(l, 0, IG_BUILD(&l->b, "MatMul", a, b));
    return IG_OK;
}
