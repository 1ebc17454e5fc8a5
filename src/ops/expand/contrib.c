/* Operators of com.microsoft that are little more than others. */
#include "ops/expand/expand.h"

#include <stdio.h>

/* Softmax over all axes from `axis` on. The bias lacks the axes that it is the same along: those before an inner axis, or the
 * first ones. Its rank says which: it broadcasts as numpy has it after dims of 1 are put in. */
void ig_expand_bias_softmax(ig_sketch *s, const ig_node *node) {
    ig_shape x;
    int64_t axis = ig_attr_int(node, "axis");
    if (!ig_sketch_shape(s, "x", &x)) {
        ig_sketch_unsupported(s, "the rank of the input is unknown");
        return;
    }
    if (axis < 0) axis += x.rank;
    ig_sketch_run(s, "z = Flatten<axis=%lld>(x + x1); y = Reshape(Softmax<axis=1>(z), Shape(x))", (long long)axis);
}

/* Pads are an input: the whole transposed convolution is made and cut. */
void ig_expand_conv_transpose_dynamic(ig_sketch *s, const ig_node *node) {
    ig_shape x;
    if (!ig_attr_is(node, "auto_pad", "NOTSET") || !ig_sketch_shape(s, "x", &x) || x.rank < 3) {
        ig_sketch_unsupported(s, "auto_pad is set or the rank of the input is unknown");
        return;
    }
    ig_sketch_run(s,
                  "t = ConvTranspose<group=@group, strides=@strides, dilations=@dilations, output_padding=@output_padding,"
                  "                  kernel_shape=@kernel_shape>(x, x1%s)",
                  ig_sketch_has(s, "x3") ? ", x3" : "");
    if (!ig_sketch_has(s, "x2")) {
        ig_sketch_run(s, "y = t");
        return;
    }
    int n = x.rank - 2;
    ig_sketch_run(s, "size = Slice(Shape(t), [2], [%d]); b = Slice(x2, [0], [%d]); e = Slice(x2, [%d], [%d])", x.rank, n, n,
                  2 * n);
    ig_sketch_run(s, "y = Slice(t, b, size - e, Range(2i, Size(Shape(t)), 1i))");
}

/* The modes got other names in ONNX. */
void ig_expand_grid_sample(ig_sketch *s, const ig_node *node) {
    const char *mode = ig_attr_is(node, "mode", "nearest")   ? "nearest"
                       : ig_attr_is(node, "mode", "bicubic") ? "cubic"
                                                             : "linear";
    ig_sketch_run(s, "y = GridSample<align_corners=@align_corners, padding_mode=@padding_mode, mode='%s'>(x, x1)", mode);
}

/* The transform along the last axis gives half a spectrum, those along the axes before it whole ones. */
void ig_expand_rfft(ig_sketch *s, const ig_node *node) {
    int64_t n = ig_attr_int(node, "signal_ndim");
    if (n < 1 || n > 3 || !ig_attr_int(node, "onesided") || ig_attr_int(node, "normalized")) {
        ig_sketch_unsupported(s, "only one-sided transforms without normalization of up to 3 axes");
        return;
    }
    ig_sketch_run(s, "y = DFT<onesided=1>(Unsqueeze(x, [-1]), _, -2i)");
    for (int64_t i = 1; i < n; i++) ig_sketch_run(s, "y = DFT(y, _, %lldi)", (long long)(-2 - i));
}

/* Half a spectrum of m values is one of 2 (m - 1): the other half mirrors it, conjugated. */
void ig_expand_irfft(ig_sketch *s, const ig_node *node) {
    int64_t n = ig_attr_int(node, "signal_ndim");
    if (n < 1 || n > 3 || !ig_attr_int(node, "onesided") || ig_attr_int(node, "normalized")) {
        ig_sketch_unsupported(s, "only one-sided transforms without normalization of up to 3 axes");
        return;
    }
    ig_sketch_run(s, "z = Identity(x)");
    for (int64_t i = n; i-- > 1;) ig_sketch_run(s, "z = DFT<inverse=1>(z, _, %lldi)", (long long)(-2 - i));
    ig_sketch_run(s, "m = Gather<axis=0>(Shape(x), [-2]);"
                     "back = Slice(z, m - 2i, [0], [-2], [-1]);"
                     "sign = Concat<axis=0>(Reshape(1, [1]), Reshape(-1, [1]));"
                     "t = DFT<inverse=1>(Concat<axis=-2>(z, back * sign), _, -2i);"
                     "y = Squeeze(Slice(t, [0], [1], [-1]), [-1])");
}

/* ----------------------------------------------------------------------------------------------------------- inference */

static ig_status infer_grid(ig_infer *c) {
    ig_shape x, grid, y = {.rank = 4};
    bool has_x = ig_infer_shape(c, 0, &x), has_grid = ig_infer_shape(c, 1, &grid);
    if ((has_x && x.rank != 4) || (has_grid && grid.rank != 4)) return ig_infer_fail(c, "both inputs must have 4 dimensions");
    for (int i = 0; i < 4; i++)
        y.dims[i] = !(i < 2 ? has_x : has_grid) ? ig_dim_unknown() : i < 2 ? x.dims[i] : grid.dims[i - 1];
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

static ig_status infer_rfft(ig_infer *c) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x) || x.rank < 1 || x.rank >= IG_MAX_RANK) return IG_OK;
    ig_dim *n = &x.dims[x.rank - 1];
    *n = ig_dim_add(c->syms, ig_dim_floor_div(c->syms, *n, ig_dim_of(2)), ig_dim_of(1));
    x.dims[x.rank++] = ig_dim_of(2);
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

static ig_status infer_irfft(ig_infer *c) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x) || x.rank < 2) return IG_OK;
    x.rank--;
    ig_dim *n = &x.dims[x.rank - 1];
    *n = ig_dim_mul(c->syms, ig_dim_sub(c->syms, *n, ig_dim_of(1)), ig_dim_of(2));
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

#define MS "com.microsoft"
const ig_op ig_op_ms_bias_softmax = {MS, "BiasSoftmax", 1, 0, 0, ig_infer_same, NULL, NULL, NULL};
const ig_op ig_op_ms_grid_sample = {MS, "GridSample", 1, 0, 0, infer_grid, NULL, NULL, NULL};
const ig_op ig_op_ms_rfft = {MS, "Rfft", 1, 0, 0, infer_rfft, NULL, NULL, NULL};
const ig_op ig_op_ms_irfft = {MS, "Irfft", 1, 0, 0, infer_irfft, NULL, NULL, NULL};
