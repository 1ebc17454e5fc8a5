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

static float option_float(const ig_flex *map, const char *key) {
    ig_flex v = ig_flex_get(map, key);
    return (float)ig_flex_float(&v);
}

/* ----------------------------------------------------------------------------------------------- detection post-process */

typedef struct detection {
    int64_t max, classes_each, per_class, classes, background;
    bool regular;
    float score, iou;
    ig_value *boxes, *scores; /* [n,4], [n,classes] */
} detection;

/* Corners from offsets to anchors: y, x of the centre, then height and width. */
static ig_value *decode_boxes(ig_lower *l, const ig_flex *map) {
    ig_build *b = &l->b;
    float scale[] = {option_float(map, "y_scale"), option_float(map, "x_scale"), option_float(map, "h_scale"),
                     option_float(map, "w_scale")};
    ig_value *code = ig_tfl_squeeze(l, ig_tfl_real(l, 0), 0), *anchors = ig_tfl_real(l, 2);
    ig_value *place = IG_BUILD(b, "Div", ig_tfl_slice(l, code, 1, 0, 2), ig_build_f32s(b, scale, 2));
    ig_value *size = IG_BUILD(b, "Div", ig_tfl_slice(l, code, 1, 2, 4), ig_build_f32s(b, scale + 2, 2));
    ig_value *anchor_size = ig_tfl_slice(l, anchors, 1, 2, 4);
    place = IG_BUILD(b, "Add", IG_BUILD(b, "Mul", place, anchor_size), ig_tfl_slice(l, anchors, 1, 0, 2));
    ig_value *half = IG_BUILD(b, "Mul", IG_BUILD(b, "Mul", IG_BUILD(b, "Exp", size), anchor_size), ig_build_f32(b, 0.5f));
    return ig_tfl_concat(l, (ig_value *[]){IG_BUILD(b, "Sub", place, half), IG_BUILD(b, "Add", place, half)}, 2, 1);
}

/* [m,3] of batch, class, box. TFLite takes boxes with the threshold's score, ONNX only better ones. */
static ig_value *suppress(ig_lower *l, const detection *d, ig_value *scores, int64_t most) {
    float above = nextafterf(d->score, -INFINITY);
    return IG_BUILD(&l->b, "NonMaxSuppression", ig_tfl_unsqueeze(l, d->boxes, 0), scores, ig_tfl_ints1(l, most),
                    ig_build_f32s(&l->b, &d->iou, 1), ig_build_f32s(&l->b, &above, 1));
}

static ig_value *column(ig_lower *l, ig_value *v, int64_t i) {
    ig_value *y = IG_BUILD(&l->b, "Gather", v, ig_build_i64(&l->b, i));
    ig_build_int(&l->b, "axis", 1);
    return y;
}

/* Rows made `most` with zeros, and a batch dim in front. */
static ig_value *filled_up(ig_lower *l, ig_value *v, int64_t most, int64_t rank) {
    ig_value *missing = IG_BUILD(&l->b, "Sub", ig_tfl_ints1(l, most), IG_BUILD(&l->b, "Shape", v));
    missing = ig_tfl_slice(l, missing, 0, 0, 1);
    ig_value *none = ig_tfl_filled(l, ig_tfl_ints1(l, rank), IG_I64, 0);
    ig_value *rest = ig_tfl_filled(l, ig_tfl_ints1(l, rank - 1), IG_I64, 0);
    ig_value *pads =
        ig_tfl_concat(l, rank > 1 ? (ig_value *[]){none, missing, rest} : (ig_value *[]){none, missing}, rank > 1 ? 3 : 2, 0);
    return ig_tfl_unsqueeze(l, IG_BUILD(&l->b, "Pad", v, pads, ig_build_f32(&l->b, 0)), 0);
}

/* One round for all classes, by each box's best score; then its best classes. */
static void fast_detections(ig_lower *l, const detection *d) {
    ig_build *b = &l->b;
    int64_t k = ig_min_i64(d->classes_each, d->classes), total = d->max * d->classes_each;
    ig_value *in[] = {d->scores, ig_tfl_ints1(l, k)};
    ig_node *top = ig_build_node(b, NULL, "TopK", in, 2, 2);
    ig_value *best = ig_build_out(top, 0), *names = ig_build_cast(b, ig_build_out(top, 1), IG_F32);
    ig_value *first = ig_tfl_reshape(l, column(l, best, 0), (int64_t[]){1, 1, -1}, 3);
    ig_value *chosen = column(l, suppress(l, d, first, d->max), 2);
    ig_value *count = IG_BUILD(b, "Shape", chosen), *each = ig_tfl_ints1(l, d->classes_each);
    best = IG_BUILD(b, "Gather", best, chosen);
    names = IG_BUILD(b, "Gather", names, chosen);
    ig_value *boxes = ig_tfl_unsqueeze(l, IG_BUILD(b, "Gather", d->boxes, chosen), 1);
    boxes = IG_BUILD(b, "Expand", boxes, ig_tfl_concat(l, (ig_value *[]){each, ig_tfl_ints1(l, 1)}, 2, 0));
    if (k < d->classes_each) {
        ig_value *pads = ig_tfl_list(l, (int64_t[]){0, 0, 0, d->classes_each - k}, 4), *zero = ig_build_f32(b, 0);
        best = IG_BUILD(b, "Pad", best, pads, zero);
        names = IG_BUILD(b, "Pad", names, pads, zero);
    }
    ig_tfl_out(l, 0, filled_up(l, ig_tfl_reshape(l, boxes, (int64_t[]){-1, 4}, 2), total, 2));
    ig_tfl_out(l, 1, filled_up(l, ig_tfl_reshape(l, names, (int64_t[]){-1}, 1), total, 1));
    ig_tfl_out(l, 2, filled_up(l, ig_tfl_reshape(l, best, (int64_t[]){-1}, 1), total, 1));
    ig_tfl_out(l, 3, ig_build_cast(b, count, IG_F32));
}

/* A round for each class, then the best of all. */
static void regular_detections(ig_lower *l, const detection *d) {
    ig_build *b = &l->b;
    ig_value *by_class = ig_tfl_unsqueeze(l, ig_tfl_transpose(l, d->scores, (int64_t[]){1, 0}, 2), 0);
    ig_value *found = suppress(l, d, by_class, ig_min_i64(d->per_class, d->max));
    ig_value *scores = IG_BUILD(b, "GatherND", by_class, found);
    ig_value *most = IG_BUILD(b, "Min", IG_BUILD(b, "Shape", scores), ig_tfl_ints1(l, d->max)), *in[] = {scores, most};
    ig_node *top = ig_build_node(b, NULL, "TopK", in, 2, 2);
    ig_value *order = ig_build_out(top, 1);
    found = IG_BUILD(b, "Gather", found, order);
    int64_t total = d->max * d->classes_each;
    ig_tfl_out(l, 0, filled_up(l, IG_BUILD(b, "Gather", d->boxes, column(l, found, 2)), total, 2));
    ig_tfl_out(l, 1, filled_up(l, ig_build_cast(b, column(l, found, 1), IG_F32), total, 1));
    ig_tfl_out(l, 2, filled_up(l, ig_build_out(top, 0), total, 1));
    ig_tfl_out(l, 3, ig_build_cast(b, most, IG_F32));
}

ig_status ig_tfl_lower_detection_postprocess(ig_lower *l) {
    ig_flex map = options(l);
    detection d = {.max = option_int(&map, "max_detections", 0),
                   .classes_each = option_int(&map, "max_classes_per_detection", 1),
                   .per_class = option_int(&map, "detections_per_class", 100),
                   .classes = option_int(&map, "num_classes", 0),
                   .regular = option_int(&map, "use_regular_nms", 0),
                   .score = option_float(&map, "nms_score_threshold"),
                   .iou = option_float(&map, "nms_iou_threshold")};
    int64_t given = ig_tfl_dim(ig_lower_in(l, 1), 2);
    if (map.kind != IG_FLEX_MAP || d.max < 1 || d.max > 1 << 20 || d.classes_each < 1 || d.classes_each > 1 << 20 ||
        d.classes < 1)
        return ig_lower_refuse(l, "its options can't be understood");
    if (given < d.classes || given > d.classes + 1) return ig_lower_refuse(l, "its number of classes doesn't fit its input");
    d.boxes = decode_boxes(l, &map);
    d.scores = ig_tfl_squeeze(l, ig_tfl_real(l, 1), 0);
    if (given > d.classes) d.scores = ig_tfl_slice(l, d.scores, 1, 1, INT64_MAX); /* class 0 is the background */
    if (d.regular)
        regular_detections(l, &d);
    else
        fast_detections(l, &d);
    return IG_OK;
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
    ig_value *y = IG_BUILD(&l->b, "ConvTranspose", ig_tfl_to_channels_first(l, ig_tfl_real(l, 0), 4), weights,
                           ig_lower_in(l, 2) ? ig_tfl_real(l, 2) : NULL);
    ig_build_ints(&l->b, "strides", strides, 2);
    ig_build_ints(&l->b, "pads", pads, 4);
    if (more) ig_build_ints(&l->b, "output_padding", extra, 2);
    ig_tfl_out_real(l, 0, ig_tfl_to_channels_last(l, y, 4));
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
    ig_value *in = ig_tfl_to_channels_first(l, x, 4);
    ig_node *pool = ig_build_node(b, NULL, "MaxPool", &in, 1, 2);
    ig_build_ints(b, "kernel_shape", (int64_t[]){p[4], p[3]}, 2);
    ig_build_ints(b, "strides", (int64_t[]){p[2], p[1]}, 2);
    if (p[0] == 1) ig_build_str(b, "auto_pad", "SAME_UPPER");
    ig_value *place = IG_BUILD(b, "Mod", ig_build_out(pool, 1), ig_build_i64(b, h * w));
    ig_value *channel = IG_BUILD(b, "Range", ig_build_i64(b, 0), ig_build_i64(b, c), ig_build_i64(b, 1));
    channel = ig_tfl_reshape(l, channel, (int64_t[]){c, 1, 1}, 3);
    place = IG_BUILD(b, "Add", IG_BUILD(b, "Mul", place, ig_build_i64(b, c)), channel);
    ig_tfl_out(l, 0, ig_tfl_to_channels_last(l, ig_build_out(pool, 0), 4));
    ig_tfl_out_cast(l, 1, ig_tfl_to_channels_last(l, place, 4));
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
