/* NonMaxSuppression: the best boxes of each class that don't overlap a better one too much. */
#include "ops/args.h"

#include <math.h>
#include <stdlib.h>

static ig_status infer(ig_infer *c) {
    ig_shape boxes, scores, y = {.rank = 2, .dims = {ig_dim_unknown(), ig_dim_of(3)}};
    bool has_boxes = ig_infer_shape(c, 0, &boxes), has_scores = ig_infer_shape(c, 1, &scores);
    if (has_boxes && (boxes.rank != 3 || ig_dim_differ(boxes.dims[2], ig_dim_of(4))))
        return ig_infer_fail(c, "boxes should be batch x boxes x 4");
    if (has_scores && scores.rank != 3) return ig_infer_fail(c, "scores has rank %d, not 3", scores.rank);
    if (has_boxes && has_scores &&
        (ig_dim_differ(boxes.dims[0], scores.dims[0]) || ig_dim_differ(boxes.dims[1], scores.dims[2])))
        return ig_infer_fail(c, "boxes and scores have different batches or numbers of boxes");
    if (c->syms) y.dims[0] = ig_dim_fresh(c->syms);
    return ig_infer_set(c, 0, IG_I64, &y);
}

typedef struct box {
    float top, left, bottom, right, area;
} box;

typedef struct candidate {
    float score;
    int64_t index;
} candidate;

/* Best first; of equal ones the first. */
static int order(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static box box_of(const float *p, bool center) {
    box b = {fminf(p[0], p[2]), fminf(p[1], p[3]), fmaxf(p[0], p[2]), fmaxf(p[1], p[3]), 0};
    if (center) b = (box){p[1] - p[3] / 2, p[0] - p[2] / 2, p[1] + p[3] / 2, p[0] + p[2] / 2, 0};
    b.area = (b.bottom - b.top) * (b.right - b.left);
    return b;
}

static bool overlaps(const box *a, const box *b, float threshold) {
    float height = fminf(a->bottom, b->bottom) - fmaxf(a->top, b->top),
          width = fminf(a->right, b->right) - fmaxf(a->left, b->left);
    if (!(height > 0 && width > 0) || a->area <= 0 || b->area <= 0) return false;
    float both = height * width;
    return both / (a->area + b->area - both) > threshold;
}

static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }

static double number(const ig_tensor *t, double preset) {
    return t && t->count ? ig_load_as_f64(t->dtype, t->data, 0) : preset;
}

typedef struct work {
    size_t boxes;
    bool center, has_least;
    float threshold, least; /* of the overlap, of the score */
    size_t most;            /* boxes of a class */
    candidate *candidates;
    box *kept;
} work;

/* Indices of the boxes of one class of one batch that are kept, best first. Returns how many. */
static size_t select_boxes(const work *j, const float *boxes, const float *scores, int64_t *out, size_t stride) {
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < j->boxes; i++)
        if (!j->has_least || scores[i] > j->least)
            j->candidates[n++] = (candidate){isnan(scores[i]) ? -INFINITY : scores[i], (int64_t)i};
    qsort(j->candidates, n, sizeof *j->candidates, order);
    for (size_t i = 0; i < n && kept < j->most; i++) {
        box b = box_of(boxes + 4 * j->candidates[i].index, j->center);
        bool clear = true;
        for (size_t k = 0; clear && k < kept; k++) clear = !overlaps(&j->kept[k], &b, j->threshold);
        if (!clear) continue;
        j->kept[kept] = b;
        out[kept++ * stride] = j->candidates[i].index;
    }
    return kept;
}

static ig_status run(ig_call *c) {
    const ig_tensor *boxes = c->in[0], *scores = c->in[1], *most = input(c, 2), *least = input(c, 4);
    size_t batch = (size_t)boxes->dims[0], classes = (size_t)scores->dims[1], n = (size_t)boxes->dims[1], total = 0, all, bytes;
    double wanted = number(most, 0);
    work j = {.boxes = n, .center = ig_attr_int(c->node, "center_point_box") != 0, .has_least = least && least->count};
    j.threshold = (float)number(input(c, 3), 0);
    j.least = (float)number(least, 0);
    if (scores->dims[0] != boxes->dims[0] || scores->dims[2] != boxes->dims[1])
        return ig_call_fail(c, "boxes and scores don't fit each other");
    if (j.threshold < 0 || j.threshold > 1) return ig_call_fail(c, "iou_threshold is %g, not in [0, 1]", (double)j.threshold);
    j.most = wanted < 1 ? 0 : wanted < (double)n ? (size_t)wanted : n;
    j.candidates = ig_call_scratch(c, n * sizeof *j.candidates);
    j.kept = ig_call_scratch(c, n * sizeof *j.kept);
    if (ig_mul_overflows(batch * classes, j.most, &all) || ig_mul_overflows(all, 3 * sizeof(int64_t), &bytes))
        return ig_oom(c->err);
    int64_t *rows = ig_call_scratch(c, bytes);
    if (!j.candidates || !j.kept || !rows) return ig_oom(c->err);
    for (size_t b = 0; j.most && b < batch; b++)
        for (size_t k = 0; k < classes; k++) {
            int64_t *row = rows + 3 * total;
            size_t count = select_boxes(&j, (const float *)boxes->data + b * n * 4,
                                        (const float *)scores->data + (b * classes + k) * n, row + 2, 3);
            for (size_t i = 0; i < count; i++) row[3 * i] = (int64_t)b, row[3 * i + 1] = (int64_t)k;
            total += count;
        }
    IG_TRY(ig_call_output(c, 0, IG_I64, 2, (int64_t[]){(int64_t)total, 3}));
    if (total) memcpy(c->out[0]->data, rows, total * 3 * sizeof *rows);
    return IG_OK;
}

const ig_op ig_op_non_max_suppression = {"", "NonMaxSuppression", 10, 0, IG_OP_DYNAMIC, infer, run, NULL, NULL};
