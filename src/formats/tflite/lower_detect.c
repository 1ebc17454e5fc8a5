/* Boxes of objects: which of many overlapping ones to keep. */
#include "codec/flexbuffers.h"
#include "formats/tflite/rules.h"

#include <math.h>

/* [k,…] made `most` long with zeros; the other dims (rank in all) stay. */
static ig_value *filled_up(ig_lower *l, ig_value *v, ig_value *most, int64_t rank) {
    ig_value *missing = IG_BUILD(&l->b, "Sub", most, ig_tfl_slice(l, IG_BUILD(&l->b, "Shape", v), 0, 0, 1));
    ig_value *parts[] = {ig_tfl_filled(l, ig_tfl_ints1(l, rank), IG_I64, 0), missing,
                         ig_tfl_filled(l, ig_tfl_ints1(l, rank - 1), IG_I64, 0)};
    return IG_BUILD(&l->b, "Pad", v, ig_tfl_concat(l, parts, rank > 1 ? 3 : 2, 0));
}

static ig_value *column(ig_lower *l, ig_value *v, int64_t i) {
    ig_value *y = IG_BUILD(&l->b, "Gather", v, ig_build_i64(&l->b, i));
    ig_build_int(&l->b, "axis", 1);
    return y;
}

/* --------------------------------------------------------------------------------------------- NON_MAX_SUPPRESSION_V4, V5 */

/* TFLite drops a box from the threshold on, ONNX above it. */
static ig_value *iou_threshold(ig_lower *l, ig_value *v) {
    double number;
    if (!ig_tfl_number(l, v, &number)) return ig_tfl_reshape(l, v, (int64_t[]){1}, 1);
    float below = number > 0 ? nextafterf((float)number, -1) : 0;
    return ig_build_f32s(&l->b, &below, 1);
}

/* Of boxes in the main graph: their edges and areas, [n] each. */
typedef struct edges {
    ig_value *top, *left, *bottom, *right, *area;
} edges;

static edges edges_of(ig_lower *l, ig_value *boxes) {
    ig_build *b = &l->b;
    ig_value *y1 = column(l, boxes, 0), *x1 = column(l, boxes, 1), *y2 = column(l, boxes, 2), *x2 = column(l, boxes, 3);
    edges e = {IG_BUILD(b, "Min", y1, y2), IG_BUILD(b, "Min", x1, x2), IG_BUILD(b, "Max", y1, y2), IG_BUILD(b, "Max", x1, x2),
               NULL};
    e.area = IG_BUILD(b, "Mul", IG_BUILD(b, "Sub", e.bottom, e.top), IG_BUILD(b, "Sub", e.right, e.left));
    return e;
}

/* Overlap of box i with each: intersection over union, 0 where one has no area. */
static ig_value *overlaps(ig_lower *l, const edges *e, ig_value *i) {
    ig_build *b = &l->b;
    ig_value *zero = ig_build_f32(b, 0), *area = IG_BUILD(b, "Gather", e->area, i);
    ig_value *bottom = IG_BUILD(b, "Min", e->bottom, IG_BUILD(b, "Gather", e->bottom, i));
    ig_value *right = IG_BUILD(b, "Min", e->right, IG_BUILD(b, "Gather", e->right, i));
    ig_value *top = IG_BUILD(b, "Max", e->top, IG_BUILD(b, "Gather", e->top, i));
    ig_value *left = IG_BUILD(b, "Max", e->left, IG_BUILD(b, "Gather", e->left, i));
    ig_value *height = IG_BUILD(b, "Max", IG_BUILD(b, "Sub", bottom, top), zero);
    ig_value *common = IG_BUILD(b, "Mul", height, IG_BUILD(b, "Max", IG_BUILD(b, "Sub", right, left), zero));
    ig_value *all = IG_BUILD(b, "Sub", IG_BUILD(b, "Add", e->area, area), common);
    ig_value *real = IG_BUILD(b, "And", IG_BUILD(b, "Greater", e->area, zero), IG_BUILD(b, "Greater", area, zero));
    return IG_BUILD(b, "Where", real, IG_BUILD(b, "Div", common, all), zero);
}

static ig_value *body_input(ig_lower *l, ig_graph *g, ig_dtype dtype, int rank) {
    ig_shape shape = {.rank = rank, .dims = {{.value = IG_UNKNOWN}}};
    ig_value *v = ig_value_new(g, NULL, ig_type_tensor(&l->model->arena, dtype, &shape));
    return v && v->type && ig_graph_add_input(g, v) ? v : NULL;
}

static ig_value *any_above(ig_lower *l, ig_value *scores, ig_value *lowest) {
    float none = -INFINITY;
    ig_value *all = ig_tfl_concat(l, (ig_value *[]){scores, ig_build_f32s(&l->b, &none, 1)}, 2, 0);
    ig_value *best = IG_TFL_OP(l, "ReduceMax", "keepdims=0", all, ig_tfl_ints1(l, 0));
    return IG_BUILD(&l->b, "Greater", best, lowest);
}

/* One round: takes the best box, notes it and its score, lowers the scores of those that it overlaps, or drops them. */
static bool soft_body(ig_lower *l, ig_graph *g, const edges *e, ig_value *iou, ig_value *lowest, ig_value *factor) {
    ig_build *b = &l->b;
    ig_value *round = body_input(l, g, IG_I64, 0), *going = body_input(l, g, IG_BOOL, 0), *scores = body_input(l, g, IG_F32, 1);
    if (!round || !going || !scores) return false;
    ig_value *none = ig_build_f32(b, -INFINITY), *best = IG_TFL_OP(l, "ArgMax", "axis=0 keepdims=0", scores);
    ig_value *score = IG_BUILD(b, "Gather", scores, best), *over = overlaps(l, e, best);
    ig_value *decay = IG_BUILD(b, "Exp", IG_BUILD(b, "Mul", factor, IG_BUILD(b, "Mul", over, over)));
    ig_value *left = IG_BUILD(b, "Where", IG_BUILD(b, "GreaterOrEqual", over, iou), none, IG_BUILD(b, "Mul", scores, decay));
    ig_value *place = ig_tfl_unsqueeze(l, best, 0);
    left = IG_BUILD(b, "ScatterElements", left, place, ig_tfl_unsqueeze(l, none, 0));
    ig_value *results[] = {any_above(l, left, lowest), left, IG_BUILD(b, "Identity", best), IG_BUILD(b, "Identity", score)};
    for (size_t i = 0; i < IG_COUNT_OF(results); i++)
        if (!results[i] || !ig_graph_add_output(g, results[i])) return false;
    return !b->failed;
}

/* With sigma: scores of boxes near a chosen one sink by exp(-overlap² / (2·sigma)) (Bodla et al., Soft-NMS, 2017). */
static ig_status soft_suppression(ig_lower *l, ig_value *max, double sigma) {
    ig_build outer, *b = &l->b;
    ig_value *scores = ig_lower_in(l, 1), *iou = ig_tfl_reshape(l, ig_lower_in(l, 3), NULL, 0);
    ig_value *lowest = ig_tfl_reshape(l, ig_lower_in(l, 4), NULL, 0), *factor = ig_build_f32(b, (float)(-0.5 / sigma));
    edges e = edges_of(l, ig_lower_in(l, 0));
    ig_value *in[] = {ig_tfl_squeeze(l, max, 0), any_above(l, scores, lowest), scores};
    ig_node *loop = ig_build_node(b, NULL, "Loop", in, 3, 3);
    ig_graph *body = loop ? ig_graph_new(l->model, l->node->graph, loop) : NULL;
    if (!body) return ig_oom(l->err);
    outer = l->b;
    l->b = ig_build_end(body);
    bool built = soft_body(l, body, &e, iou, lowest, factor);
    l->b = outer;
    if (!built || !ig_tfl_put_graph(loop, "body", body)) return ig_oom(l->err);
    ig_value *count = IG_BUILD(b, "Shape", loop->out[1]);
    ig_tfl_out_cast(l, 0, filled_up(l, loop->out[1], max, 1));
    ig_tfl_out(l, 1, filled_up(l, loop->out[2], max, 1));
    ig_tfl_out_cast(l, 2, ig_tfl_squeeze(l, count, 0));
    return IG_OK;
}

/* Boxes, scores, how many, thresholds of overlap and score. V5 also has sigma, and the scores as second output. */
ig_status ig_tfl_lower_non_max_suppression(ig_lower *l) {
    ig_value *boxes = ig_tfl_unsqueeze(l, ig_lower_in(l, 0), 0);
    ig_value *scores = ig_lower_in(l, 1), *rows = ig_tfl_reshape(l, scores, (int64_t[]){1, 1, -1}, 3);
    ig_value *max = ig_tfl_reshape(l, ig_tfl_i64(l, ig_lower_in(l, 2)), (int64_t[]){1}, 1);
    ig_value *lowest = ig_tfl_reshape(l, ig_lower_in(l, 4), (int64_t[]){1}, 1);
    bool soft = l->node->n_in > 5;
    double sigma = 0;
    if (soft && !ig_tfl_number(l, ig_lower_in(l, 5), &sigma)) return ig_lower_refuse(l, "its sigma is computed by the model");
    if (sigma > 0) return soft_suppression(l, max, sigma);
    ig_value *found = IG_BUILD(&l->b, "NonMaxSuppression", boxes, rows, max, iou_threshold(l, ig_lower_in(l, 3)), lowest);
    ig_value *at = column(l, found, 2), *count = IG_BUILD(&l->b, "Shape", at);
    ig_tfl_out_cast(l, 0, filled_up(l, at, max, 1));
    if (soft) ig_tfl_out(l, 1, filled_up(l, IG_BUILD(&l->b, "Gather", scores, at), max, 1));
    ig_tfl_out_cast(l, soft ? 2 : 1, ig_tfl_squeeze(l, count, 0));
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------- detection post-process */

typedef struct detection {
    int64_t max, classes_each, per_class, classes, background;
    bool regular;
    float score, iou;
    ig_value *boxes, *scores; /* [n,4], [n,classes] */
} detection;

static int64_t option_int(const ig_flex *map, const char *key, int64_t otherwise) {
    ig_flex v = ig_flex_get(map, key);
    return v.kind == IG_FLEX_NULL ? otherwise : ig_flex_int(&v);
}

static float option_float(const ig_flex *map, const char *key) {
    ig_flex v = ig_flex_get(map, key);
    return (float)ig_flex_float(&v);
}

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

/* With a batch dim in front. */
static ig_value *finished(ig_lower *l, ig_value *v, int64_t most, int64_t rank) {
    return ig_tfl_unsqueeze(l, filled_up(l, v, ig_tfl_ints1(l, most), rank), 0);
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
    ig_tfl_out(l, 0, finished(l, ig_tfl_reshape(l, boxes, (int64_t[]){-1, 4}, 2), total, 2));
    ig_tfl_out(l, 1, finished(l, ig_tfl_reshape(l, names, (int64_t[]){-1}, 1), total, 1));
    ig_tfl_out(l, 2, finished(l, ig_tfl_reshape(l, best, (int64_t[]){-1}, 1), total, 1));
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
    ig_tfl_out(l, 0, finished(l, IG_BUILD(b, "Gather", d->boxes, column(l, found, 2)), total, 2));
    ig_tfl_out(l, 1, finished(l, ig_build_cast(b, column(l, found, 1), IG_F32), total, 1));
    ig_tfl_out(l, 2, finished(l, ig_build_out(top, 0), total, 1));
    ig_tfl_out(l, 3, ig_build_cast(b, most, IG_F32));
}

ig_status ig_tfl_lower_detection_postprocess(ig_lower *l) {
    ig_flex map = ig_flex_root(ig_span_of(ig_attr_str(l->node, IG_TFL_ATTR_CUSTOM)));
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
