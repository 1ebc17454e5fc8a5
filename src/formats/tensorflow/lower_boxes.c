/* Boxes in images: cutting them out, and which of many overlapping ones to keep. */
#include "formats/tensorflow/rules.h"

static ig_status import_domain(ig_lower *l, const char *name, int64_t version) {
    ig_model *m = l->model;
    ig_name domain = ig_model_name(m, name);
    for (size_t i = 0; i < m->opsets.n; i++)
        if (m->opsets.items[i].domain == domain) return IG_OK;
    ig_opset o = {.domain = domain, .domain_given = true, .version_given = true, .version = version};
    return domain && IG_PUSH(&m->arena, &m->opsets, o) ? IG_OK : ig_oom(l->err);
}

/* Image, boxes [n, 4], the image of each, size. onnxruntime has the same operator for channels first. */
ig_status ig_tf_lower_crop_and_resize(ig_lower *l) {
    const int64_t to_first[] = {0, 3, 1, 2}, to_last[] = {0, 2, 3, 1};
    char attributes[100];
    bool nearest = ig_tf_attr_is(l, "method", "nearest");
    snprintf(attributes, sizeof attributes, "mode='%s', extrapolation_value=%#.9g", nearest ? "nearest" : "bilinear",
             (double)ig_attr_float(l->node, "extrapolation_value"));
    IG_TRY(import_domain(l, "com.microsoft", 1));
    ig_value *image = ig_tf_transpose(l, ig_tf_v(l, "Cast<to=float>(x0)"), to_first, 4);
    ig_value *in[] = {image, ig_tf_in(l, 1), ig_tf_in(l, 2), ig_tf_in(l, 3)};
    ig_value *y = ig_tf_node1(l, "com.microsoft", "CropAndResize", attributes, in, 4);
    ig_shape shape = {.rank = 4,
                      .dims = {{.value = IG_UNKNOWN}, {.value = IG_UNKNOWN}, {.value = IG_UNKNOWN}, {.value = IG_UNKNOWN}}};
    if (y && !y->type && !(y->type = ig_type_tensor(&l->model->arena, IG_F32, &shape))) return ig_oom(l->err);
    ig_tf_out(l, 0, ig_tf_transpose(l, y, to_last, 4));
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------- suppression */

/* The chosen of "found" (numbers of boxes) filled up with zeros to "max": y0, and their number as output `count`. */
static void fill_up(ig_lower *l, bool pad, uint32_t count) {
    ig_tf_bind(l, "n", ig_tf_v(l, "Size(found)"));
    if (pad) ig_tf_bind(l, "found", ig_tf_v(l, "Pad(found, Concat<axis=0>([0], Reshape(Max(max - n, 0i), [1])))"));
    ig_tf_out(l, 0, ig_tf_v(l, "Cast<to=int32>(found)"));
    if (count) ig_tf_out(l, count, ig_tf_v(l, "Cast<to=int32>(n)"));
}

/* Boxes [n, 4], scores [n], most; overlap (an attribute in the first version), least score, sigma. arg is the version. */
ig_status ig_tf_lower_suppression(ig_lower *l) {
    int64_t version = ig_tf_rule_arg(l);
    double sigma = 0;
    if (version == 5 && (!ig_tf_number(l, ig_tf_in(l, 5), &sigma) || sigma != 0))
        return ig_lower_refuse(l, "it lowers scores by overlap (soft_nms_sigma isn't 0)");
    ig_tf_bind(l, "max", ig_tf_i64(l, ig_tf_in(l, 2)));
    ig_tf_bind(l, "overlap", version == 1 ? ig_tf_v(l, "Cast<to=float>(@iou_threshold)") : ig_tf_v(l, "Cast<to=float>(x3)"));
    ig_tf_bind(l, "least", version > 2 ? ig_tf_v(l, "Reshape(Cast<to=float>(x4), [1])") : NULL);
    ig_tf_bind(l, "all",
               ig_tf_v(l, "NonMaxSuppression(Unsqueeze(Cast<to=float>(x0), [0]), Unsqueeze(Cast<to=float>(x1), [0, 1]), "
                          "Reshape(max, [1]), Reshape(overlap, [1]), least)"));
    ig_tf_bind(l, "found", ig_tf_v(l, "Gather<axis=1>(all, 2i)"));
    if (version == 5) {
        ig_tf_bind(l, "s", ig_tf_v(l, "Gather(x1, found)"));
        if (ig_tf_int_attr(l, "pad_to_max_output_size"))
            ig_tf_bind(l, "s", ig_tf_v(l, "Pad(s, Concat<axis=0>([0], Reshape(Max(max - Size(found), 0i), [1])))"));
        ig_tf_out(l, 1, ig_sketch_get(ig_tf_s(l), "s"));
    }
    fill_up(l, version > 3 && ig_tf_int_attr(l, "pad_to_max_output_size"), version == 4 ? 1 : version == 5 ? 2 : 0);
    return IG_OK;
}

/* Boxes [b, n, q, 4], scores [b, n, c], most for a class, most, overlap, least score. */
ig_status ig_tf_lower_combined_suppression(ig_lower *l) {
    bool clip = ig_tf_int_attr(l, "clip_boxes") != 0, pad_per_class = ig_tf_int_attr(l, "pad_per_class") != 0;
    int64_t q = ig_tf_dim_of(ig_tf_in(l, 0), 2);
    if (q < 0) return ig_lower_refuse(l, "it isn't known whether each class has boxes of its own");
    ig_tf_bind(l, "s", ig_tf_v(l, "Transpose<perm=[0, 2, 1]>(x1)"));
    ig_tf_bind(l, "b", ig_tf_v(l, "Shape<end=1>(x1)"));
    ig_tf_bind(l, "n", ig_tf_v(l, "Shape<start=1, end=2>(x1)"));
    ig_tf_bind(l, "c", ig_tf_v(l, "Shape<start=2, end=3>(x1)"));
    ig_tf_bind(l, "per", ig_tf_v(l, "Reshape(i64(x2), [1])"));
    ig_tf_bind(l, "total", ig_tf_v(l, "Reshape(i64(x3), [1])"));
    if (pad_per_class) ig_tf_bind(l, "total", ig_tf_v(l, "Min(total, per * c)"));
    const char *rest = "per, Reshape(x4, [1]), Reshape(x5, [1])";
    if (q == 1) {
        ig_tf_bind(l, "found", ig_tf_v(l, "NonMaxSuppression(Squeeze(x0, [2]), s, %s)", rest));
    } else { /* each class is an image of its own */
        ig_tf_bind(l, "each", ig_tf_v(l, "Reshape(Transpose<perm=[0, 2, 1, 3]>(x0), Concat<axis=0>([-1], n, [4]))"));
        ig_tf_bind(l, "f", ig_tf_v(l, "NonMaxSuppression(each, Reshape(s, Concat<axis=0>([-1, 1], n)), %s)", rest));
        ig_tf_bind(l, "k", ig_tf_v(l, "Slice(f, [0], [1], [1])"));
        ig_tf_bind(l, "found", ig_tf_v(l, "Concat<axis=1>(k / c, Mod(k, c), Slice(f, [2], [3], [1]))"));
    }
    /* The scores of the chosen, all others far below: [b, c * n], and the best of them. */
    ig_tf_bind(l, "low", ig_tf_v(l, "CastLike(-3e38, x1)"));
    ig_tf_bind(l, "chosen", ig_tf_v(l, "ScatterND(Expand(low, Shape(s)), found, GatherND(s, found))"));
    ig_tf_bind(l, "flat", ig_tf_v(l, "Reshape(chosen, Concat<axis=0>(b, [-1]))"));
    ig_tf_bind(l, "wide", ig_tf_v(l, "Pad(flat, Concat<axis=0>([0, 0, 0], Max(total - c * n, [0])), low)"));
    ig_value *in[] = {ig_sketch_get(ig_tf_s(l), "wide"), ig_sketch_get(ig_tf_s(l), "total")};
    ig_node *top = ig_sketch_node(ig_tf_s(l), NULL, "TopK", "axis=1", in, 2, 2);
    ig_tf_bind(l, "v", ig_tf_nth(top, 0));
    ig_tf_bind(l, "i", ig_tf_nth(top, 1));
    ig_tf_bind(l, "real", ig_tf_v(l, "Greater(v, CastLike(-1e38, x1))"));
    ig_tf_bind(l, "at", ig_tf_v(l, "Where(real, i, i - i)"));
    ig_tf_bind(l, "class", ig_tf_v(l, "at / n"));
    ig_tf_bind(l, "place", q == 1 ? ig_tf_v(l, "Mod(at, n)") : ig_tf_v(l, "Mod(at, n) * c + class"));
    ig_tf_bind(l, "all", ig_tf_v(l, "Reshape(x0, Concat<axis=0>(b, [-1, 4]))"));
    ig_tf_bind(l, "boxes", ig_tf_v(l, "GatherND<batch_dims=1>(all, Unsqueeze(place, [2]))"));
    ig_tf_bind(l, "boxes", ig_tf_v(l, "Where(Unsqueeze(real, [2]), boxes, 0)"));
    ig_tf_out(l, 0, clip ? ig_tf_v(l, "Clip(boxes, 0, 1)") : ig_sketch_get(ig_tf_s(l), "boxes"));
    ig_tf_out(l, 1, ig_tf_v(l, "Where(real, v, 0)"));
    ig_tf_out(l, 2, ig_tf_v(l, "CastLike(Where(real, class, class - class), x1)"));
    ig_tf_out(l, 3, ig_tf_v(l, "ReduceSum<keepdims=0>(Cast<to=int32>(real), [1])"));
    return IG_OK;
}
