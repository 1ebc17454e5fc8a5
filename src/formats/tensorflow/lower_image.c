/* Images: resizing and colours. Boxes are in lower_boxes.c. */
#include "formats/tensorflow/rules.h"

static const int64_t to_first[] = {0, 3, 1, 2}, to_last[] = {0, 2, 3, 1};

/* Image, size. ONNX's Resize knows both kinds of TensorFlow. */
ig_status ig_tf_lower_resize(ig_lower *l) {
    bool corners = ig_tf_int_attr(l, "align_corners") != 0, half = ig_tf_int_attr(l, "half_pixel_centers") != 0;
    bool nearest = strcmp(l->rule->to, "nearest") == 0;
    const char *where = corners ? "align_corners" : half ? "half_pixel" : "asymmetric";
    const char *rounding = nearest ? (corners || half ? ", nearest_mode='round_prefer_ceil'" : ", nearest_mode='floor'") : "";
    bool cast = !nearest && ig_tf_dtype_of(ig_tf_in(l, 0)) != IG_F32;
    ig_tf_bind(l, "v", ig_tf_transpose(l, cast ? ig_tf_v(l, "Cast<to=float>(x0)") : ig_tf_in(l, 0), to_first, 4));
    ig_value *y = ig_tf_v(l, "Resize<mode='%s', coordinate_transformation_mode='%s', axes=[2, 3]%s>(v, _, _, i64(x1))",
                          l->rule->to, where, rounding);
    ig_tf_out(l, 0, ig_tf_transpose(l, y, to_last, 4));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------ by matrices */

/* How much each old row (or column) has to do with each new one: [new, old]. "old" and "new" are its sizes, "scale" old by new.
 */

/* The part of the new one's area that the old one covers. */
static ig_value *area_weights(ig_lower *l) {
    return ig_tf_v(l, "Max(Min((i + 1) * scale, j + 1) - Max(i * scale, j), 0) / scale");
}

/* Keys' cubic over the four nearest; TensorFlow rounds where it looks them up to 1/1024. With half pixels those outside don't
 * count (and a is -1/2), else the edge is repeated (and a is -3/4). */
static ig_value *cubic_weights(ig_lower *l, bool half) {
    ig_tf_bind(l, "at", ig_tf_v(l, half ? "(i + 0.5) * scale - 0.5" : "i * scale"));
    ig_tf_bind(l, "base", ig_tf_v(l, "Floor(at)"));
    ig_tf_bind(l, "t", ig_tf_v(l, "Round((at - base) * 1024) / 1024"));
    ig_value *sum = NULL;
    for (int tap = -1; tap <= 2; tap++) {
        const char *near = half ? "(1.5 * d - 2.5) * d * d + 1" : "(1.25 * d - 2.25) * d * d + 1";
        const char *far = half ? "((-0.5 * d + 2.5) * d - 4) * d + 2" : "((-0.75 * d + 3.75) * d - 6) * d + 3";
        ig_tf_bind(l, "d", ig_tf_v(l, "Abs(t - %d)", tap));
        ig_tf_bind(l, "w", ig_tf_v(l, "%s", tap == 0 || tap == 1 ? near : far));
        ig_tf_bind(l, "place", ig_tf_v(l, half ? "base + %d" : "Min(Max(base + %d, 0), old - 1)", tap));
        ig_tf_bind(l, "sum", sum);
        sum = ig_tf_v(l, sum ? "sum + Where(Equal(place, j), w, 0)" : "Where(Equal(place, j), w, 0)");
    }
    ig_tf_bind(l, "sum", sum);
    return half ? ig_tf_v(l, "sum / ReduceSum(sum, [1])") : sum;
}

static ig_value *weights(ig_lower *l, int axis, bool corners, bool half) {
    ig_sketch *s = ig_tf_s(l);
    ig_tf_bind(l, "old", ig_tf_v(l, "Cast<to=float>(Gather(Shape(x0), %di))", axis));
    ig_tf_bind(l, "new", ig_tf_v(l, "Cast<to=float>(Gather(x1, %di))", axis - 1));
    s->principal = ig_sketch_get(s, "old");
    ig_tf_bind(l, "scale",
               ig_tf_v(l, corners ? "Where(Greater(new, 1), (old - 1) / Max(new - 1, 1), old / new)" : "old / new"));
    ig_tf_bind(l, "i", ig_tf_v(l, "Unsqueeze(Cast<to=float>(Range(0i, i64(Gather(x1, %di)), 1i)), [1])", axis - 1));
    ig_tf_bind(l, "j", ig_tf_v(l, "Unsqueeze(Cast<to=float>(Range(0i, Gather(Shape(x0), %di), 1i)), [0])", axis));
    return strcmp(l->rule->to, "area") == 0 ? area_weights(l) : cubic_weights(l, half);
}

/* New rows from old rows, new columns from old columns. */
static ig_status apply(ig_lower *l, ig_value *rows, ig_value *columns) {
    ig_tf_bind(l, "rows", rows);
    ig_tf_bind(l, "columns", columns);
    ig_tf_bind(l, "v", ig_tf_transpose(l, ig_tf_v(l, "Cast<to=float>(x0)"), to_first, 4));
    ig_tf_out(l, 0, ig_tf_transpose(l, ig_tf_v(l, "MatMul(rows, MatMul(v, Transpose<perm=[1, 0]>(columns)))"), to_last, 4));
    return IG_OK;
}

ig_status ig_tf_lower_resize_by_matrix(ig_lower *l) {
    bool corners = ig_tf_int_attr(l, "align_corners") != 0, half = ig_tf_int_attr(l, "half_pixel_centers") != 0;
    ig_tf_s(l)->fold = 1 << 24;
    ig_value *rows = weights(l, 1, corners, half);
    return apply(l, rows, weights(l, 2, corners, half));
}

/* The kernels of ScaleAndTranslate at distances d (not negative), 0 from their radius on. */
static const struct {
    const char *name, *text;
    double radius;
} kernels[] = {
    {"lanczos1", "Where(Less(d, 0.001), 1, Sin(p) * Sin(p) / (p * p + 1e-30))", 1},
    {"lanczos3", "Where(Less(d, 0.001), 1, 3 * Sin(p) * Sin(p / 3) / (p * p + 1e-30))", 3},
    {"lanczos5", "Where(Less(d, 0.001), 1, 5 * Sin(p) * Sin(p / 5) / (p * p + 1e-30))", 5},
    {"gaussian", "Exp(d * d * -2)", 1.5},
    {"box", "Where(Less(d, 0.5), 1, Where(Equal(d, 0.5), 0.5, 0))", 1},
    {"triangle", "1 - d", 1},
    {"keyscubic", "Where(Less(d, 1), (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2)", 2},
    {"mitchellcubic",
     "Where(Less(d, 1), ((1.1666666666666667 * d - 2) * d * d + 0.8888888888888889), "
     "((-0.3888888888888889 * d + 2) * d - 3.3333333333333333) * d + 1.7777777777777778)",
     2},
};

/* Image, size, scale, translation. */
static ig_value *scaled_weights(ig_lower *l, int axis, size_t kernel, bool antialias) {
    ig_sketch *s = ig_tf_s(l);
    ig_tf_bind(l, "old", ig_tf_v(l, "Cast<to=float>(Gather(Shape(x0), %di))", axis));
    s->principal = ig_sketch_get(s, "old");
    ig_tf_bind(l, "back", ig_tf_v(l, "1 / Gather(x2, %di)", axis - 1));
    ig_tf_bind(l, "i", ig_tf_v(l, "Unsqueeze(Cast<to=float>(Range(0i, i64(Gather(x1, %di)), 1i)), [1])", axis - 1));
    ig_tf_bind(l, "j", ig_tf_v(l, "Unsqueeze(Cast<to=float>(Range(0i, Gather(Shape(x0), %di), 1i)), [0])", axis));
    ig_tf_bind(l, "at", ig_tf_v(l, "(i + 0.5) * back - back * Gather(x3, %di)", axis - 1));
    ig_tf_bind(l, "wide", ig_tf_v(l, antialias ? "Max(back, 1)" : "back - back + 1"));
    ig_tf_bind(l, "d", ig_tf_v(l, "Abs(j + 0.5 - at) / wide"));
    ig_tf_bind(l, "p", ig_tf_v(l, "d * 3.14159265358979323846"));
    ig_tf_bind(l, "w", ig_tf_v(l, "Where(Less(d, %.9g), %s, 0)", kernels[kernel].radius, kernels[kernel].text));
    ig_tf_bind(l, "sum", ig_tf_v(l, "ReduceSum(w, [1])"));
    ig_tf_bind(l, "w", ig_tf_v(l, "Where(Greater(Abs(sum), 1e-30), w / sum, w)"));
    return ig_tf_v(l, "Where(Or(Less(at, 0), Greater(at, old)), 0, w)");
}

ig_status ig_tf_lower_scale_and_translate(ig_lower *l) {
    size_t k = 0;
    ig_str name = ig_attr_str(l->node, "kernel_type");
    bool antialias = ig_tf_int_attr(l, "antialias") != 0;
    while (k < IG_COUNT_OF(kernels) && !ig_str_is(name, kernels[k].name)) k++;
    if (k == IG_COUNT_OF(kernels)) return ig_lower_refuse(l, "its kernel_type is unknown");
    ig_tf_s(l)->fold = 1 << 24;
    ig_value *rows = scaled_weights(l, 1, k, antialias);
    return apply(l, rows, scaled_weights(l, 2, k, antialias));
}

/* Images [n, h, w, c], transforms [n or 1, 8], size; new places to old ones by a projection. */
ig_status ig_tf_lower_projective(ig_lower *l) {
    bool nearest = ig_tf_attr_is(l, "interpolation", "NEAREST");
    ig_str fill = ig_attr_str(l->node, "fill_mode");
    bool constant = !fill.s || ig_str_is(fill, "CONSTANT") || fill.n == 0;
    double value = 0;
    if (ig_str_is(fill, "WRAP")) return ig_lower_refuse(l, "its fill_mode is WRAP");
    if (l->rule->to && constant && (!ig_tf_number(l, ig_tf_in(l, 3), &value) || value != 0))
        return ig_lower_refuse(l, "its fill_value isn't 0");
    ig_tf_bind(l, "i", ig_tf_v(l, "Reshape(Cast<to=float>(Range(0i, i64(Gather(x2, 0i)), 1i)), [1, -1, 1])"));
    ig_tf_bind(l, "j", ig_tf_v(l, "Reshape(Cast<to=float>(Range(0i, i64(Gather(x2, 1i)), 1i)), [1, 1, -1])"));
    for (int k = 0; k < 8; k++) {
        char name[3] = {'a', (char)('0' + k), 0};
        ig_tf_bind(l, name, ig_tf_v(l, "Reshape(Gather<axis=1>(x1, %di), [-1, 1, 1])", k));
    }
    ig_tf_s(l)->principal = ig_sketch_get(ig_tf_s(l), "i");
    ig_tf_bind(l, "h", ig_tf_v(l, "Cast<to=float>(Gather(Shape(x0), 1i))"));
    ig_tf_bind(l, "w", ig_tf_v(l, "Cast<to=float>(Gather(Shape(x0), 2i))"));
    ig_tf_bind(l, "k", ig_tf_v(l, "a6 * j + a7 * i + 1"));
    ig_tf_bind(l, "gx", ig_tf_v(l, "((a0 * j + a1 * i + a2) / k + 0.5) * 2 / w - 1"));
    ig_tf_bind(l, "gy", ig_tf_v(l, "((a3 * j + a4 * i + a5) / k + 0.5) * 2 / h - 1"));
    ig_tf_bind(l, "grid", ig_tf_v(l, "Concat<axis=3>(Unsqueeze(gx, [3]), Unsqueeze(gy, [3]))"));
    ig_tf_bind(l, "grid", ig_tf_v(l, "Expand(grid, Concat<axis=0>(Shape<end=1>(x0), [1, 1, 1]))"));
    ig_tf_bind(l, "v", ig_tf_transpose(l, ig_tf_v(l, "Cast<to=float>(x0)"), to_first, 4));
    ig_value *y =
        ig_tf_v(l, "GridSample<mode='%s', padding_mode='%s', align_corners=0>(v, grid)", nearest ? "nearest" : "linear",
                constant                     ? "zeros"
                : ig_str_is(fill, "REFLECT") ? "reflection"
                                             : "border");
    ig_tf_bind(l, "r", ig_tf_transpose(l, y, to_last, 4));
    return ig_tf_text(l, "y = CastLike(r, x0)");
}

/* --------------------------------------------------------------------------------------------------------------- colours */

/* Of "r", "g", "b": hue, saturation and value as "hue", "sat", "val". */
static void to_hsv(ig_lower *l, const char *image) {
    for (int i = 0; i < 3; i++)
        ig_tf_bind(l, i == 0 ? "r" : i == 1 ? "g" : "b", ig_tf_v(l, "Slice(%s, [%d], [%d], [-1])", image, i, i + 1));
    ig_tf_bind(l, "val", ig_tf_v(l, "Max(r, g, b)"));
    ig_tf_bind(l, "range", ig_tf_v(l, "val - Min(r, g, b)"));
    ig_tf_bind(l, "sat", ig_tf_v(l, "Where(Greater(val, 0), range / Where(Greater(val, 0), val, 1), 0)"));
    ig_tf_bind(l, "sixth", ig_tf_v(l, "1 / (6 * Where(Greater(range, 0), range, 1))"));
    ig_tf_bind(l, "h",
               ig_tf_v(l, "Where(Equal(r, val), sixth * (g - b), Where(Equal(g, val), sixth * (b - r) + 0.33333333333333333,"
                          " sixth * (r - g) + 0.66666666666666667))"));
    ig_tf_bind(l, "hue", ig_tf_v(l, "Where(Greater(range, 0), Where(Less(h, 0), h + 1, h), 0)"));
}

/* Of "hue", "sat", "val". */
static ig_value *to_rgb(ig_lower *l) {
    ig_tf_bind(l, "red", ig_tf_v(l, "Clip(Abs(hue * 6 - 3) - 1, 0, 1)"));
    ig_tf_bind(l, "green", ig_tf_v(l, "Clip(2 - Abs(hue * 6 - 2), 0, 1)"));
    ig_tf_bind(l, "blue", ig_tf_v(l, "Clip(2 - Abs(hue * 6 - 4), 0, 1)"));
    return ig_tf_v(l, "((Concat<axis=-1>(red, green, blue) - 1) * sat + 1) * val");
}

ig_status ig_tf_lower_colours(ig_lower *l) {
    if (strcmp(l->rule->to, "rgb") == 0) {
        to_hsv(l, "x");
        return ig_tf_text(l, "y = Concat<axis=-1>(hue, sat, val)");
    }
    for (int i = 0; i < 3; i++)
        ig_tf_bind(l, i == 0 ? "hue" : i == 1 ? "sat" : "val", ig_tf_v(l, "Slice(x, [%d], [%d], [-1])", i, i + 1));
    ig_tf_out(l, 0, to_rgb(l));
    return IG_OK;
}

ig_status ig_tf_lower_adjust_colour(ig_lower *l) {
    to_hsv(l, "x0");
    if (strcmp(l->rule->to, "hue") == 0)
        ig_tf_bind(l, "hue", ig_tf_v(l, "hue + CastLike(x1, x0) - Floor(hue + CastLike(x1, x0))"));
    else
        ig_tf_bind(l, "sat", ig_tf_v(l, "Clip(sat * CastLike(x1, x0), 0, 1)"));
    ig_tf_out(l, 0, to_rgb(l));
    return IG_OK;
}

ig_status ig_tf_lower_adjust_contrast(ig_lower *l) {
    return ig_tf_text(l, "v = Cast<to=float>(x0); m = ReduceMean(v, [-3, -2]); r = (v - m) * x1 + m; y = CastLike(r, x0)");
}
