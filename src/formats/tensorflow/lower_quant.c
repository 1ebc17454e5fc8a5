/* Numbers as if they were quantized, as training for it computes them. */
#include "formats/tensorflow/rules.h"

/* "lo", "hi" are the ends of the range; they move so that zero is one of the steps. */
static ig_status fake_quant(ig_lower *l) {
    int64_t bits = ig_tf_int_attr(l, "num_bits");
    bool narrow = ig_tf_int_attr(l, "narrow_range") != 0;
    if (bits < 2 || bits > 16) return ig_lower_refuse(l, "its num_bits are out of range");
    long long least = narrow, most = (1LL << bits) - 1;
    ig_tf_bind(l, "none", ig_tf_v(l, "And(Equal(lo, 0), Equal(hi, 0))"));
    ig_tf_bind(l, "scale", ig_tf_v(l, "Where(none, 1, (hi - lo) / %lld)", most - least));
    ig_tf_bind(l, "zero", ig_tf_v(l, "Clip(Floor(%lld - lo / scale + 0.5), %lld, %lld)", least, least, most));
    ig_tf_bind(l, "from", ig_tf_v(l, "(%lld - zero) * scale", least));
    ig_tf_bind(l, "to", ig_tf_v(l, "(%lld - zero) * scale", most));
    return ig_tf_text(l, "y = Where(none, 0, Floor((Min(Max(x0, from), to) - from) / scale + 0.5) * scale + from)");
}

/* rule->to: where the range is. */
ig_status ig_tf_lower_fake_quant(ig_lower *l) {
    bool inputs = strcmp(l->rule->to, "inputs") == 0;
    ig_tf_bind(l, "lo", inputs ? ig_tf_in(l, 1) : ig_tf_v(l, "@min"));
    ig_tf_bind(l, "hi", inputs ? ig_tf_in(l, 2) : ig_tf_v(l, "@max"));
    return fake_quant(l);
}

/* Input, range; rule->to: "attributes" where the range is attributes, "input" where the number of bits is input 3. */
ig_status ig_tf_lower_quantize_dequantize(ig_lower *l) {
    bool is_signed = ig_tf_int_attr(l, "signed_input") != 0, narrow = ig_tf_int_attr(l, "narrow_range") != 0;
    bool given = ig_tf_int_attr(l, "range_given") != 0, attributes = l->rule->to && strcmp(l->rule->to, "attributes") == 0;
    int64_t bits = ig_tf_int_attr(l, "num_bits"), axis = attributes ? -1 : ig_tf_int_attr(l, "axis"), shape[IG_MAX_RANK];
    int rank = ig_tf_rank_of(ig_tf_in(l, 0));
    if (l->rule->to && !attributes && !ig_tf_int(l, ig_tf_in(l, 3), &bits))
        return ig_lower_refuse(l, "its num_bits are computed");
    if (bits < 1 || bits > 32) return ig_lower_refuse(l, "its num_bits are out of range");
    if (axis >= 0 && axis >= rank) return ig_lower_refuse(l, "its axis is out of range");
    double most = is_signed ? (double)((1LL << (bits - 1)) - 1) : (double)((1LL << bits) - 1);
    double least = !is_signed ? 0 : narrow ? -most : -most - 1;
    for (int i = 0; i < rank; i++) shape[i] = i == axis ? -1 : 1;
    const char *list = axis >= 0 ? ig_tf_join(l, shape, (size_t)rank) : "";
    if (given) {
        ig_tf_bind(l, "lo",
                   attributes ? ig_tf_v(l, "@input_min") : ig_tf_v(l, axis >= 0 ? "Reshape(x1, [%s])" : "Identity(x1)", list));
        ig_tf_bind(l, "hi",
                   attributes ? ig_tf_v(l, "@input_max") : ig_tf_v(l, axis >= 0 ? "Reshape(x2, [%s])" : "Identity(x2)", list));
    } else if (axis >= 0) {
        int64_t axes[IG_MAX_RANK];
        size_t n = 0;
        for (int i = 0; i < rank; i++)
            if (i != axis) axes[n++] = i;
        ig_tf_bind(l, "lo", ig_tf_v(l, "ReduceMin<noop_with_empty_axes=1>(x0, [%s])", ig_tf_join(l, axes, n)));
        ig_tf_bind(l, "hi", ig_tf_v(l, "ReduceMax<noop_with_empty_axes=1>(x0, [%s])", ig_tf_join(l, axes, n)));
    } else {
        ig_tf_bind(l, "lo", ig_tf_v(l, "ReduceMin<keepdims=0>(x0)"));
        ig_tf_bind(l, "hi", ig_tf_v(l, "ReduceMax<keepdims=0>(x0)"));
    }
    /* The scale that both ends fit in. */
    ig_tf_bind(l, "a", ig_tf_v(l, "Where(Greater(lo * %.17g, 0), %.17g / lo, 3e38)", least, least)); /* none: FLT_MAX */
    ig_tf_bind(l, "b", ig_tf_v(l, "Where(Greater(hi * %.17g, 0), %.17g / hi, 3e38)", most, most));
    ig_tf_bind(l, "low", ig_tf_v(l, "Less(a, b)"));
    ig_tf_bind(l, "scale", ig_tf_v(l, "Where(low, a, b)"));
    ig_tf_bind(l, "back",
               least < 0 ? ig_tf_v(l, "Where(low, lo / %.17g, hi / %.17g)", least, most) : ig_tf_v(l, "hi / %.17g", most));
    ig_tf_bind(l, "v",
               given ? ig_tf_v(l, "Min(Max(x0, Where(low, lo, back * %.17g)), Where(low, back * %.17g, hi))", least, most)
                     : ig_tf_in(l, 0));
    return ig_tf_text(l, ig_tf_attr_is(l, "round_mode", "HALF_UP") ? "y = Floor(v * scale + 0.5) * back"
                                                                   : "y = Round(v * scale) * back");
}

/* Integers and the range that they stand for. */
ig_status ig_tf_lower_dequantize(ig_lower *l) {
    ig_dtype t = ig_tf_dtype_of(ig_tf_in(l, 0));
    bool is_signed = ig_dtype_number(t) == IG_NUMBER_SIGNED;
    double steps = t == IG_I8 || t == IG_U8 ? 255 : t == IG_I16 || t == IG_U16 ? 65535 : 4294967295.0;
    ig_tf_bind(l, "v", ig_tf_v(l, "Cast<to=float>(x0)"));
    ig_tf_s(l)->principal = ig_sketch_get(ig_tf_s(l), "v");
    if (ig_tf_int_attr(l, "axis") >= 0) return ig_lower_refuse(l, "it has a range for each slice");
    if (ig_tf_attr_is(l, "mode", "SCALED")) {
        double most = is_signed ? (steps - 1) / 2 : steps, least = is_signed ? -(steps + 1) / 2 : 0;
        if (ig_tf_int_attr(l, "narrow_range")) least += 1;
        if (!is_signed) return ig_tf_text(l, "y = v * (x2 / %.17g)", most);
        return ig_tf_text(l, "y = v * Max(x1 / %.17g, x2 / %.17g)", least, most);
    }
    return ig_tf_text(l, "y = (v + %.17g) * ((x2 - x1) / %.17g) + x1", is_signed ? (steps + 1) / 2 : 0.0, steps);
}
