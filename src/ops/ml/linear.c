/* LinearClassifier, LinearRegressor: scores = X * coefficients' + intercepts. */
#include "ops/ml/ml.h"

typedef struct linear {
    const float *coefficients, *intercepts; /* [targets, features], [targets] or NULL */
    size_t targets, features;
    const float *x;
    float *out;
    size_t stride; /* floats from one row of scores to the next */
} linear;

static void score_rows(void *arg, size_t begin, size_t end) {
    const linear *w = arg;
    for (size_t r = begin; r < end; r++) {
        for (size_t t = 0; t < w->targets; t++) {
            float dot = ig_dot(w->x + r * w->features, w->coefficients + t * w->features, w->features);
            w->out[r * w->stride + t] = w->intercepts ? dot + w->intercepts[t] : dot;
        }
    }
}

/* Checks sizes and computes rows * targets scores. */
static ig_status scores(ig_call *c, linear *w, size_t rows) {
    size_t n;
    w->coefficients = ig_attr_floats(c->node, "coefficients", &n);
    if (w->features && n / w->features < w->targets)
        return ig_call_fail(c, "%zu coefficients for %zu targets and %zu features", n, w->targets, w->features);
    w->x = ig_ml_floats(c, c->in[0]);
    if (!w->x) return ig_oom(c->err);
    ig_parallel(c->threads, rows, 1 + (1 << 14) / (1 + w->targets * w->features), score_rows, w);
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------- LinearClassifier */

static size_t score_count(const ig_node *node, const ig_labels *labels, size_t *n_intercepts) {
    ig_attr_floats(node, "intercepts", n_intercepts);
    size_t classes = *n_intercepts ? *n_intercepts : labels->n;
    return classes == 1 && labels->n == 2 ? 2 : classes;
}

static ig_status infer_classifier(ig_infer *c) {
    ig_labels labels = ig_labels_of(c->node, "classlabels_strings", "classlabels_ints");
    ig_dim rows = ig_dim_unknown();
    size_t n_intercepts, n = score_count(c->node, &labels, &n_intercepts);
    IG_TRY(ig_ml_check_rank(c, 1));
    ig_ml_rows(c, &rows);
    IG_TRY(ig_ml_set_rows(c, 0, labels.strings ? IG_STRING : IG_I64, rows));
    return ig_ml_set_matrix(c, 1, IG_F32, rows, (int64_t)n);
}

/* A single score decides between two labels, "0" and "1" when there are none. */
static bool set_binary_label(ig_tensor *y, size_t row, const ig_labels *labels, bool positive) {
    if (labels->n == 2) return ig_label_set(y, row, labels, positive);
    if (y->dtype == IG_STRING) return ig_tensor_set_string(y, row, positive ? IG_STR("1") : IG_STR("0"));
    ((int64_t *)y->data)[row] = positive;
    return true;
}

static ig_status run_classifier(ig_call *c) {
    const ig_node *node = c->node;
    ig_labels labels = ig_labels_of(node, "classlabels_strings", "classlabels_ints");
    size_t n_intercepts, rows;
    linear w = {0};
    ig_post post;
    if (!ig_post_of(node, &post)) return ig_call_fail(c, "post_transform has an unknown value");
    if (!ig_ml_matrix(c->in[0], &rows, &w.features)) return ig_call_fail(c, "the input must be a vector or matrix");
    w.stride = score_count(node, &labels, &n_intercepts);
    w.targets = n_intercepts ? n_intercepts : labels.n;
    if (w.targets == 0) return ig_call_fail(c, "there are neither intercepts nor labels");
    if (w.targets > 1 && labels.n < w.targets) return ig_call_fail(c, "%zu classes, but %zu labels", w.targets, labels.n);
    if (n_intercepts) w.intercepts = ig_attr_floats(node, "intercepts", &n_intercepts);
    IG_TRY(ig_call_output(c, 1, IG_F32, 2, (int64_t[]){(int64_t)rows, (int64_t)w.stride}));
    w.out = c->n_out > 1 && c->out[1] ? c->out[1]->data : ig_call_scratch(c, rows * w.stride * sizeof(float));
    if (!w.out) return ig_oom(c->err);
    IG_TRY(scores(c, &w, rows));
    for (size_t r = 0; r < rows; r++) {
        float *s = w.out + r * w.stride;
        size_t best = 0;
        for (size_t t = 1; t < w.targets; t++) best = s[t] > s[best] ? t : best;
        bool ok = !c->out[0] || (w.targets == 1 ? set_binary_label(c->out[0], r, &labels, s[0] > 0)
                                                : ig_label_set(c->out[0], r, &labels, best));
        if (!ok) return ig_oom(c->err);
        size_t n = ig_post_apply(s, w.targets, post, w.stride > w.targets ? IG_SECOND_ONE_MINUS : IG_SECOND_NONE);
        for (; n < w.stride; n++) s[n] = 0;
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------ LinearRegressor */

static ig_status infer_regressor(ig_infer *c) {
    ig_dim rows = ig_dim_unknown();
    ig_ml_rows(c, &rows);
    int64_t targets = ig_attr_int(c->node, "targets");
    if (targets < 1) return ig_infer_fail(c, "targets is %lld", (long long)targets);
    return ig_ml_set_matrix(c, 0, IG_F32, rows, targets);
}

static ig_status run_regressor(ig_call *c) {
    size_t n_intercepts, rows;
    ig_post post;
    linear w = {.targets = (size_t)ig_attr_int(c->node, "targets"), .out = c->out[0]->data};
    w.stride = w.targets;
    if (!ig_post_of(c->node, &post)) return ig_call_fail(c, "post_transform has an unknown value");
    if (!ig_ml_matrix(c->in[0], &rows, &w.features)) return ig_call_fail(c, "the input must be a vector or matrix");
    const float *intercepts = ig_attr_floats(c->node, "intercepts", &n_intercepts);
    if (n_intercepts == w.targets) w.intercepts = intercepts;
    IG_TRY(scores(c, &w, rows));
    if (post == IG_POST_NONE) return IG_OK;
    for (size_t r = 0; r < rows; r++) ig_post_apply(w.out + r * w.targets, w.targets, post, IG_SECOND_NONE);
    return IG_OK;
}

const ig_op ig_op_linear_classifier = {IG_ML, "LinearClassifier", 1, 0, 0, infer_classifier, run_classifier, NULL, NULL};
const ig_op ig_op_linear_regressor = {IG_ML, "LinearRegressor", 1, 0, 0, infer_regressor, run_regressor, NULL, NULL};
