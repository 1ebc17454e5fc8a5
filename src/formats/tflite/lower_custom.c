/* Custom operators that many files have: boxes of the object detection models, MediaPipe's, and TensorFlow's own operators that
 * the converter wraps ("Flex…"). Their options are FlexBuffers. */
#include "codec/flexbuffers.h"
#include "codec/protobuf.h"
#include "formats/tflite/rules.h"

#include <math.h>

static ig_value *out_of(const ig_lower *l, uint32_t o) { return o < l->node->n_out ? l->node->out[o] : NULL; }

static ig_flex options(const ig_lower *l) { return ig_flex_root(ig_span_of(ig_attr_str(l->node, IG_TFL_ATTR_CUSTOM))); }

static int64_t option_int(const ig_flex *map, const char *key, int64_t otherwise) {
    ig_flex v = ig_flex_get(map, key);
    return v.kind == IG_FLEX_NULL ? otherwise : ig_flex_int(&v);
}

/* ----------------------------------------------------------------------------------------------------------- MediaPipe's */

/* Options that are builtin ones stored as C structs: TfLitePoolParams and TfLiteTransposeConvParams begin with the padding (1
 * SAME, 2 VALID), strides along width and height, and for pools the filter's width and height. */
static bool struct_options(const ig_lower *l, int32_t *values, size_t n) {
    ig_str s = ig_attr_str(l->node, IG_TFL_ATTR_CUSTOM);
    if (s.n < 4 * n) return false;
    for (size_t i = 0; i < n; i++) values[i] = (int32_t)ig_load_u32(s.s + 4 * i);
    return true;
}

/* A transposed convolution whose bias is an input; the output's size follows from the padding. */
ig_status ig_tfl_lower_convolution_transpose_bias(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *filter = ig_lower_in(l, 1);
    int32_t p[3];
    if (!struct_options(l, p, 3) || p[1] < 1 || p[2] < 1) return ig_lower_refuse(l, "its options can't be understood");
    int64_t kernel[] = {ig_tfl_dim(filter, 1), ig_tfl_dim(filter, 2)}, strides[] = {p[2], p[1]}, pads[4] = {0}, extra[2] = {0};
    if (ig_tfl_rank(x) != 4 || kernel[0] < 1 || kernel[1] < 1)
        return ig_lower_refuse(l, "the shape of its filter is not known");
    bool more = false;
    for (int i = 0; i < 2 && p[0] == 1; i++) { /* SAME: the output is stride times the input */
        int64_t total = kernel[i] - strides[i];
        extra[i] = total < 0 ? -total : 0;
        more |= total < 0;
        total = ig_max_i64(total, 0);
        pads[i] = total / 2;
        pads[2 + i] = total - total / 2;
    }
    ig_value *weights = ig_tfl_transpose(l, ig_tfl_real(l, 1), (int64_t[]){3, 0, 1, 2}, 4);
    ig_value *y = IG_BUILD(&l->b, "ConvTranspose", ig_tfl_real_channels_first(l, 0), weights,
                           ig_lower_in(l, 2) ? ig_tfl_real(l, 2) : NULL);
    ig_build_ints(&l->b, "strides", strides, 2);
    ig_build_ints(&l->b, "pads", pads, 4);
    if (more) ig_build_ints(&l->b, "output_padding", extra, 2);
    ig_tfl_out_channels_first(l, 0, y, 4);
    return IG_OK;
}

/* The places are counted as in the file's layout: (row · width + column) · channels + channel. ONNX counts in its own, with the
 * batch and channel in front. */
ig_status ig_tfl_lower_max_pool_with_argmax(ig_lower *l) {
    ig_build *b = &l->b;
    ig_value *x = ig_lower_in(l, 0);
    int32_t p[5];
    int64_t h = ig_tfl_dim(x, 1), w = ig_tfl_dim(x, 2), c = ig_tfl_dim(x, 3);
    if (!struct_options(l, p, 5) || p[1] < 1 || p[2] < 1 || p[3] < 1 || p[4] < 1)
        return ig_lower_refuse(l, "its options can't be understood");
    if (ig_tfl_rank(x) != 4 || h < 1 || w < 1 || c < 1) return ig_lower_refuse(l, "the shape of its input is not known");
    ig_value *in = ig_tfl_real_channels_first(l, 0);
    ig_node *pool = ig_build_node(b, NULL, "MaxPool", &in, 1, 2);
    ig_build_ints(b, "kernel_shape", (int64_t[]){p[4], p[3]}, 2);
    ig_build_ints(b, "strides", (int64_t[]){p[2], p[1]}, 2);
    if (p[0] == 1) ig_build_str(b, "auto_pad", "SAME_UPPER");
    ig_value *place = IG_BUILD(b, "Mod", ig_build_out(pool, 1), ig_build_i64(b, h * w));
    ig_value *channel = IG_BUILD(b, "Range", ig_build_i64(b, 0), ig_build_i64(b, c), ig_build_i64(b, 1));
    channel = ig_tfl_reshape(l, channel, (int64_t[]){c, 1, 1}, 3);
    place = IG_BUILD(b, "Add", IG_BUILD(b, "Mul", place, ig_build_i64(b, c)), channel);
    ig_tfl_out_channels_first(l, 0, ig_build_out(pool, 0), 4);
    ig_tfl_out_cast(l, 1, ig_tfl_transpose(l, place, (int64_t[]){0, 2, 3, 1}, 4));
    return IG_OK;
}

/* Values go back to the places that the pool has noted, of each picture. */
ig_status ig_tfl_lower_max_unpooling(ig_lower *l) {
    ig_build *b = &l->b;
    ig_value *x = ig_lower_in(l, 0), *out = out_of(l, 0);
    int32_t p[5];
    int64_t n = ig_tfl_dim(x, 0), h = ig_tfl_dim(x, 1), w = ig_tfl_dim(x, 2), c = ig_tfl_dim(x, 3);
    if (!struct_options(l, p, 5)) return ig_lower_refuse(l, "its options can't be understood");
    if (ig_tfl_rank(x) != 4 || n < 1 || h < 1 || w < 1 || c < 1)
        return ig_lower_refuse(l, "the shape of its input is not known");
    int64_t rows = p[0] == 1 ? h * p[2] : (h - 1) * p[2] + p[4], columns = p[0] == 1 ? w * p[1] : (w - 1) * p[1] + p[3];
    int64_t size = rows * columns * c, dims[] = {n, rows, columns, c};
    if (rows < 1 || columns < 1) return ig_lower_refuse(l, "its options can't be understood");
    ig_value *at = ig_tfl_reshape(l, ig_tfl_i64(l, ig_lower_in(l, 1)), (int64_t[]){n, h * w * c}, 2);
    ig_value *zeros = ig_tfl_filled(l, ig_tfl_list(l, (int64_t[]){n, size}, 2), IG_F32, 0);
    ig_value *flat = ig_tfl_reshape(l, x, (int64_t[]){n, h * w * c}, 2);
    ig_value *y = IG_TFL_OP(l, "ScatterElements", "axis=1", zeros, at, flat);
    IG_UNUSED(b);
    IG_UNUSED(out);
    ig_tfl_out(l, 0, ig_tfl_reshape(l, y, dims, 4));
    return IG_OK;
}

/* Shifts along axes, around the ends; one axis. */
ig_status ig_tfl_lower_roll(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *y = x;
    int64_t shift[IG_MAX_RANK], axes[IG_MAX_RANK];
    size_t n, m;
    if (!ig_tfl_ints(l, ig_lower_in(l, 1), shift, IG_MAX_RANK, &n) ||
        !ig_tfl_ints(l, ig_lower_in(l, 2), axes, IG_MAX_RANK, &m) || n != m)
        return ig_lower_refuse(l, "its shifts are computed by the model");
    for (size_t i = 0; i < n; i++) {
        int axis;
        IG_TRY(ig_tfl_axis(l, x, axes[i], &axis));
        int64_t size = ig_tfl_dim(x, axis), by = size > 0 ? (shift[i] % size + size) % size : 0;
        if (size < 0) return ig_lower_refuse(l, "the shape of its input is not known");
        if (by)
            y = ig_tfl_concat(l, (ig_value *[]){ig_tfl_slice(l, y, axis, -by, INT64_MAX), ig_tfl_slice(l, y, axis, 0, -by)}, 2,
                              axis);
    }
    ig_tfl_out_moved(l, 0, y, x);
    return IG_OK;
}

/* Normalized Walsh-Hadamard transform of runs of the last dim. */
ig_status ig_tfl_lower_hadamard(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    ig_flex map = options(l);
    int64_t n = option_int(&map, "hadamard_size", 0), last = ig_tfl_dim(x, -1), dims[] = {n, n};
    if (n < 1 || n > 1 << 12 || (n & (n - 1)) || last < 1 || last % n)
        return ig_lower_refuse(l, "its size doesn't fit its input");
    ig_tensor *t = NULL;
    if (ig_tensor_new(&t, l->model->context, IG_F32, 2, dims, NULL) == IG_OK)
        for (int64_t i = 0; i < n * n; i++)
            ((float *)t->data)[i] =
                (__builtin_popcountll((unsigned long long)((i / n) & (i % n))) & 1 ? -1.0f : 1.0f) / sqrtf((float)n);
    ig_value *y = IG_BUILD(&l->b, "MatMul", ig_tfl_reshape(l, x, (int64_t[]){-1, n}, 2), ig_build_tensor(&l->b, t));
    ig_tfl_out(l, 0, ig_tfl_reshape_to(l, y, ig_tfl_shape(l, x, 0, INT64_MAX)));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------- TensorFlow's operators */

/* The options are a vector of the operator's name and its NodeDef (protobuf): attr is a map, field 5, of key 1 and value 2,
 * whose field 5 is a bool. */
static bool flex_bool(const ig_lower *l, const char *key) {
    ig_flex vector = options(l), def = ig_flex_at(&vector, 1);
    ig_span rest = ig_span_of(ig_flex_str(&def)), entry, value;
    ig_pb_reader r = {.base = rest.p, .depth = 8};
    ig_pb_tag field, part, what;
    while (ig_pb_next(&r, &rest, &field, NULL) == IG_OK) {
        bool named = false, on = false;
        if (field.number != 5 || field.wire != IG_PB_LENGTH) continue;
        entry = field.payload;
        while (ig_pb_next(&r, &entry, &part, NULL) == IG_OK) {
            if (part.wire != IG_PB_LENGTH) continue;
            if (part.number == 1) named = ig_str_is(ig_str_of(part.payload), key);
            value = part.payload;
            while (part.number == 2 && ig_pb_next(&r, &value, &what, NULL) == IG_OK)
                if (what.number == 5 && what.wire == IG_PB_VARINT) on = what.varint != 0;
        }
        if (named) return on;
    }
    return false;
}

/* Products of all elements up to each one: of a matrix whose rows hold those elements and ones. */
ig_status ig_tfl_lower_flex_cumprod(ig_lower *l) {
    ig_build *b = &l->b;
    ig_value *x = ig_lower_in(l, 0);
    int64_t given;
    size_t n;
    int axis, rank = ig_tfl_rank(x);
    if (!ig_tfl_ints(l, ig_lower_in(l, 1), &given, 1, &n) || n != 1)
        return ig_lower_refuse(l, "its axis is computed by the model");
    IG_TRY(ig_tfl_axis(l, x, given, &axis));
    ig_value *size = ig_tfl_squeeze(l, ig_tfl_shape(l, x, axis, axis + 1), 0);
    ig_value *line = IG_BUILD(b, "Range", ig_build_i64(b, 0), size, ig_build_i64(b, 1)), *row = ig_tfl_unsqueeze(l, line, 1);
    bool reverse = flex_bool(l, "reverse"), exclusive = flex_bool(l, "exclusive");
    const char *op = reverse ? (exclusive ? "Less" : "LessOrEqual") : exclusive ? "Greater" : "GreaterOrEqual";
    ig_value *mask = IG_BUILD(b, op, row, line); /* [result, element] */
    int64_t behind[IG_MAX_RANK];
    for (int i = 0; i < rank - 1 - axis; i++) behind[i] = 2 + i;
    if (axis < rank - 1) mask = IG_BUILD(b, "Unsqueeze", mask, ig_tfl_list(l, behind, (size_t)(rank - 1 - axis)));
    ig_value *wide = IG_BUILD(b, "Where", mask, ig_tfl_unsqueeze(l, x, axis), ig_tfl_scalar(l, x, 1));
    ig_tfl_out(l, 0, IG_TFL_OP(l, "ReduceProd", "keepdims=0", wide, ig_tfl_ints1(l, axis + 1)));
    return IG_OK;
}

/* exp(x) - 1 and log(x + 1). */
ig_status ig_tfl_lower_flex_shifted(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *one = ig_tfl_scalar(l, x, 1);
    bool before = l->rule->arg;
    ig_value *y = IG_BUILD(&l->b, l->rule->to, before ? IG_BUILD(&l->b, "Add", x, one) : x);
    ig_tfl_out(l, 0, before ? y : IG_BUILD(&l->b, "Sub", y, one));
    return IG_OK;
}

ig_status ig_tfl_lower_flex_is_finite(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    ig_value *bad = IG_BUILD(&l->b, "Or", IG_BUILD(&l->b, "IsNaN", x), IG_BUILD(&l->b, "IsInf", x));
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Not", bad));
    return IG_OK;
}
