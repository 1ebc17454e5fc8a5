/* Recurrent operators whose steps are one node. Most models write the steps out as a loop, which is lowered as such. */
#include "formats/tensorflow/rules.h"

/* Input, cell state, state, weights [in + n, 4 n], three of peepholes, bias: gates in the order input, cell, forget, output.
 * Results: input gate, cell state, forget gate, output gate, new cell, its tanh, state. */
ig_status ig_tf_lower_lstm_cell(ig_lower *l) {
    bool peephole = ig_tf_int_attr(l, "use_peephole") != 0;
    double clip = (double)ig_attr_float(l->node, "cell_clip");
    ig_tf_bind(l, "n", ig_tf_v(l, "Gather(Shape(x1), [1])"));
    ig_tf_bind(l, "g", ig_tf_v(l, "MatMul(Concat<axis=1>(x0, x2), x3) + x7"));
    ig_tf_bind(l, "i", ig_tf_v(l, "Slice(g, [0], n, [1])"));
    ig_tf_bind(l, "c", ig_tf_v(l, "Tanh(Slice(g, n, n + n, [1]))"));
    ig_tf_bind(l, "f", ig_tf_v(l, "Slice(g, n + n, n + n + n, [1]) + @forget_bias"));
    ig_tf_bind(l, "o", ig_tf_v(l, "Slice(g, n + n + n, [9223372036854775807], [1])"));
    ig_tf_bind(l, "i", ig_tf_v(l, peephole ? "Sigmoid(i + x1 * x4)" : "Sigmoid(i)"));
    ig_tf_bind(l, "f", ig_tf_v(l, peephole ? "Sigmoid(f + x1 * x5)" : "Sigmoid(f)"));
    ig_tf_bind(l, "s", ig_tf_v(l, "c * i + x1 * f"));
    if (clip > 0) ig_tf_bind(l, "s", ig_tf_v(l, "Clip(s, %.9g, %.9g)", -clip, clip));
    ig_tf_bind(l, "o", ig_tf_v(l, peephole ? "Sigmoid(o + s * x6)" : "Sigmoid(o)"));
    return ig_tf_text(
        l,
        "y0 = Identity(i); y1 = Identity(s); y2 = Identity(f); y3 = Identity(o); y4 = Identity(c); y5 = Tanh(s); y6 = y5 * o");
}

/* Part k of the four gates of "from" [.., 4 n], as rows. */
static ig_value *gate(ig_lower *l, const char *from, int k) {
    return ig_tf_v(l, "Transpose<perm=[1, 0]>(Slice(%s, n * [%d], n * [%d], [1]))", from, k, k + 1);
}

static ig_value *four(ig_lower *l, const char *from, const int *order) {
    ig_value *rows[4];
    for (int k = 0; k < 4; k++) rows[k] = gate(l, from, order[k]);
    ig_tf_bind(l, "rows", ig_tf_node1(l, NULL, "Concat", "axis=0", rows, 4));
    return ig_tf_v(l, "Unsqueeze(rows, [0])");
}

/* Longest length, input [time, batch, in], cell state, state, weights, peepholes, bias. ONNX's operator has no cell states of
 * single steps. arg 2: version 2, whose gates are input, forget, cell, output, and which adds no bias to the forget gate. */
ig_status ig_tf_lower_block_lstm(ig_lower *l) {
    static const int first[] = {0, 3, 2, 1}, second[] = {0, 3, 1, 2}; /* input, output, forget, cell */
    const int *order = ig_tf_rule_arg(l) == 2 ? second : first;
    bool peephole = ig_tf_int_attr(l, "use_peephole") != 0;
    double clip = (double)ig_attr_float(l->node, "cell_clip"),
           forget = ig_tf_rule_arg(l) == 2 ? 0 : (double)ig_attr_float(l->node, "forget_bias");
    ig_sketch *s = ig_tf_s(l);
    for (uint32_t o = 0; o < 6; o++)
        if (ig_tf_wanted(l, o))
            return ig_lower_refuse(l, "its output %u is read: states of single steps are only known for the last output", o);
    if (clip > 0) return ig_lower_refuse(l, "it clips its cell states");
    s->fold = UINT64_MAX;
    ig_tf_bind(l, "n", ig_tf_v(l, "Gather(Shape(x2), [1])"));
    ig_tf_bind(l, "in", ig_tf_v(l, "Gather(Shape(x1), [2])"));
    ig_tf_bind(l, "wx", ig_tf_v(l, "Slice(x4, [0], in, [0])"));
    ig_tf_bind(l, "wh", ig_tf_v(l, "Slice(x4, in, in + n, [0])"));
    ig_tf_bind(l, "bias", ig_tf_v(l, "Unsqueeze(x8, [0])"));
    ig_tf_bind(l, "w", four(l, "wx", order));
    ig_tf_bind(l, "r", four(l, "wh", order));
    ig_tf_bind(l, "b4", four(l, "bias", order));
    ig_tf_bind(l, "zero", ig_tf_v(l, "Expand(CastLike(0, x8), n)"));
    ig_tf_bind(l, "more", ig_tf_v(l, "Concat<axis=0>(zero, zero, zero + CastLike(%.9g, x8), zero)", forget));
    ig_tf_bind(l, "b", ig_tf_v(l, "Unsqueeze(Concat<axis=0>(Reshape(b4, [-1]) + more, zero, zero, zero, zero), [0])"));
    ig_tf_bind(l, "p", peephole ? ig_tf_v(l, "Unsqueeze(Concat<axis=0>(x5, x7, x6), [0])") : NULL);
    ig_tf_bind(l, "h0", ig_tf_v(l, "Unsqueeze(x3, [0])"));
    ig_tf_bind(l, "c0", ig_tf_v(l, "Unsqueeze(x2, [0])"));
    int64_t n = ig_tf_dim_of(ig_tf_in(l, 2), 1);
    if (n < 1) return ig_lower_refuse(l, "the size of its state is unknown");
    ig_tf_bind(l, "h", ig_tf_v(l, "Squeeze(LSTM<hidden_size=%lld>(x1, w, r, b, _, h0, c0, p), [1])", (long long)n));
    /* Steps behind the longest sequence are zeros. */
    ig_tf_bind(l, "t", ig_tf_v(l, "Range(0i, Gather(Shape(x1), 0i), 1i)"));
    ig_tf_out(l, 6, ig_tf_v(l, "Where(Unsqueeze(Less(t, i64(x0)), [1, 2]), h, CastLike(0, h))"));
    return IG_OK;
}
