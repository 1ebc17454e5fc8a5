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
