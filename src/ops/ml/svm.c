/* SVMClassifier, SVMRegressor: as libsvm (Chang, Lin 2011) and, without support vectors, as liblinear; sums and votes in
 * onnxruntime's types and order. */
#include "ops/ml/ml.h"

#include <math.h>

typedef enum kernel { LINEAR, POLY, RBF, SIGMOID } kernel;

typedef struct svm {
    kernel kernel;
    float gamma, coef0, degree;
    const float *vectors; /* [n_vectors, features] */
    size_t n_vectors, features;
    const float *coefficients, *rho, *prob_a, *prob_b;
    size_t n_coefficients, n_rho, n_prob;
} svm;

static bool read_svm(const ig_node *node, svm *s) {
    static const char *const names[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
    size_t n, k = 0, n_b;
    while (k < IG_COUNT_OF(names) && !ig_attr_is(node, "kernel_type", names[k])) k++;
    *s = (svm){.kernel = (kernel)k};
    const float *params = ig_attr_floats(node, "kernel_params", &n);
    if (n >= 3) {
        s->gamma = params[0];
        s->coef0 = params[1];
        s->degree = params[2];
    }
    s->coefficients = ig_attr_floats(node, "coefficients", &s->n_coefficients);
    s->rho = ig_attr_floats(node, "rho", &s->n_rho);
    s->prob_a = ig_attr_floats(node, "prob_a", &s->n_prob);
    s->prob_b = ig_attr_floats(node, "prob_b", &n_b);
    return k < IG_COUNT_OF(names) && s->n_prob == n_b;
}

static float kernel_value(const svm *s, const float *x, const float *v) {
    float sum = 0;
    if (s->kernel == RBF) {
        for (size_t i = 0; i < s->features; i++) sum += (x[i] - v[i]) * (x[i] - v[i]);
        return expf(-s->gamma * sum);
    }
    sum = ig_dot(x, v, s->features);
    if (s->kernel == LINEAR) return sum;
    sum = s->gamma * sum + s->coef0;
    if (s->kernel == SIGMOID) return tanhf(sum);
    return s->degree == 2 ? sum * sum : s->degree == 3 ? sum * sum * sum : powf(sum, s->degree);
}

/* Rows are done in parts whose kernel values fit this many floats. */
enum { PART = 1 << 20 };

typedef struct part {
    const svm *s;
    const float *x; /* of the part's first row */
    float *values;  /* [rows, n_vectors] */
} part;

static void kernel_rows(void *arg, size_t begin, size_t end) {
    const part *p = arg;
    const svm *s = p->s;
    for (size_t r = begin; r < end; r++)
        for (size_t v = 0; v < s->n_vectors; v++)
            p->values[r * s->n_vectors + v] = kernel_value(s, p->x + r * s->features, s->vectors + v * s->features);
}

static size_t part_rows(const svm *s) { return 1 + PART / (1 + s->n_vectors); }

static void kernel_part(ig_call *c, part *p, size_t rows) {
    ig_parallel(c->threads, rows, 1 + (1 << 13) / (1 + p->s->n_vectors * p->s->features), kernel_rows, p);
}

/* ---------------------------------------------------------------------------------------------------------- classifier */

typedef struct classifier {
    svm svm;
    ig_labels labels;
    const int64_t *per_class; /* support vectors of each class; NULL: liblinear's form */
    size_t classes, pairs;
    size_t columns; /* of the scores output */
    ig_post post;
    bool all_positive;
    float *r, *q, *qp; /* [classes, classes] twice, [classes]: for probabilities */
    float *pair_scores;
    int64_t *votes;
} classifier;

static size_t column_count(size_t classes, bool pairwise, bool probabilities) {
    if (!pairwise || probabilities) return classes;
    return classes > 2 ? classes * (classes - 1) / 2 : 2;
}

static ig_status infer_classifier(ig_infer *c) {
    ig_labels labels = ig_labels_of(c->node, "classlabels_strings", "classlabels_ints");
    size_t n_per_class, n_prob;
    ig_dim rows = ig_dim_unknown();
    ig_ml_rows(c, &rows);
    ig_attr_ints(c->node, "vectors_per_class", &n_per_class);
    ig_attr_floats(c->node, "prob_a", &n_prob);
    IG_TRY(ig_ml_set_rows(c, 0, labels.strings ? IG_STRING : IG_I64, rows));
    if (labels.n >= 65536) return ig_infer_fail(c, "%zu classes; at most 65535 are supported", labels.n);
    return ig_ml_set_matrix(c, 1, IG_F32, rows, (int64_t)column_count(labels.n, n_per_class > 0, n_prob > 0));
}

/* Sizes of all attributes against each other. */
static ig_status check_classifier(ig_call *c, classifier *k) {
    svm *s = &k->svm;
    size_t n_per_class, n_vectors, total = 0;
    k->labels = ig_labels_of(c->node, "classlabels_strings", "classlabels_ints");
    k->classes = k->labels.n;
    k->pairs = k->classes * (k->classes - 1) / 2;
    if (k->classes == 0 || k->classes >= 65536) return ig_call_fail(c, "%zu class labels", k->classes);
    k->per_class = ig_attr_ints(c->node, "vectors_per_class", &n_per_class);
    const float *vectors = ig_attr_floats(c->node, "support_vectors", &n_vectors);
    for (size_t i = 0; i < n_per_class; i++) {
        if (k->per_class[i] < 0 || (uint64_t)k->per_class[i] > n_vectors)
            return ig_call_fail(c, "vectors_per_class[%zu] is %lld", i, (long long)k->per_class[i]);
        total += (size_t)k->per_class[i];
    }
    if (total == 0) {
        k->per_class = NULL;
        s->kernel = LINEAR;
        s->vectors = s->coefficients;
        s->n_vectors = k->classes;
        s->features = s->n_coefficients / k->classes;
        s->n_prob = 0;
        return s->n_rho >= 1 ? IG_OK : ig_call_fail(c, "rho is empty");
    }
    s->vectors = vectors;
    s->n_vectors = total;
    s->features = n_vectors / total;
    if (n_per_class != k->classes)
        return ig_call_fail(c, "%zu classes, but vectors_per_class has %zu", k->classes, n_per_class);
    if (s->n_coefficients / total < k->classes - 1)
        return ig_call_fail(c, "%zu coefficients for %zu vectors of %zu classes", s->n_coefficients, total, k->classes);
    if (s->n_rho < k->pairs || (s->n_prob && s->n_prob < k->pairs))
        return ig_call_fail(c, "%zu entries of rho and %zu of prob_a for %zu pairs of classes", s->n_rho, s->n_prob, k->pairs);
    return IG_OK;
}

/* One classifier per pair of classes; coefficients are [classes - 1, vectors]. */
static void score_pairs(const classifier *k, const float *kernels, float *out) {
    const svm *s = &k->svm;
    memset(k->votes, 0, k->classes * sizeof *k->votes);
    for (size_t i = 0, start_i = 0, p = 0; i + 1 < k->classes; start_i += (size_t)k->per_class[i], i++) {
        size_t start_j = start_i + (size_t)k->per_class[i];
        for (size_t j = i + 1; j < k->classes; start_j += (size_t)k->per_class[j], j++, p++) {
            const float *of_i = s->coefficients + (j - 1) * s->n_vectors, *of_j = s->coefficients + i * s->n_vectors;
            double sum = 0;
            for (size_t m = start_i; m < start_i + (size_t)k->per_class[i]; m++) sum += (double)(of_i[m] * kernels[m]);
            for (size_t m = start_j; m < start_j + (size_t)k->per_class[j]; m++) sum += (double)(of_j[m] * kernels[m]);
            sum += (double)s->rho[p];
            out[p] = (float)sum;
            k->votes[sum > 0 ? i : j]++;
        }
    }
}

/* Pairwise probabilities to one per class: Wu, Lin, Weng, "Probability Estimates for Multi-class Classification by Pairwise
 * Coupling" (2004), the second method with its iteration. */
static void couple(const classifier *k, float *p) {
    size_t n = k->classes;
    const float *r = k->r;
    float *q = k->q, *qp = k->qp, eps = 0.005f / (float)n;
    for (size_t i = 0; i < n; i++) {
        p[i] = 1.0f / (float)n;
        q[i * n + i] = 0;
        for (size_t j = 0; j < n; j++) {
            if (j == i) continue;
            q[i * n + i] += r[j * n + i] * r[j * n + i];
            q[i * n + j] = j < i ? q[j * n + i] : -r[j * n + i] * r[i * n + j];
        }
    }
    for (int round = 0; round < 100; round++) {
        float pqp = 0, worst = 0;
        for (size_t i = 0; i < n; i++) {
            qp[i] = 0;
            for (size_t j = 0; j < n; j++) qp[i] += q[i * n + j] * p[j];
            pqp += p[i] * qp[i];
        }
        for (size_t i = 0; i < n; i++) worst = fmaxf(worst, fabsf(qp[i] - pqp));
        if (worst < eps) break;
        for (size_t i = 0; i < n; i++) {
            float diff = (-qp[i] + pqp) / q[i * n + i];
            p[i] += diff;
            pqp = (pqp + diff * (diff * q[i * n + i] + 2 * qp[i])) / (1 + diff) / (1 + diff);
            for (size_t j = 0; j < n; j++) {
                qp[j] = (qp[j] + diff * q[i * n + j]) / (1 + diff);
                p[j] /= 1 + diff;
            }
        }
    }
}

/* Platt's sigmoid of each pair's score. */
static void probabilities(const classifier *k, const float *pair_scores, float *out) {
    size_t n = k->classes;
    for (size_t i = 0, p = 0; i + 1 < n; i++) {
        for (size_t j = i + 1; j < n; j++, p++) {
            float v = 1 - ig_logistic(pair_scores[p] * k->svm.prob_a[p] + k->svm.prob_b[p]);
            v = fminf(fmaxf(v, 1e-7f), 1 - 1e-7f);
            k->r[i * n + j] = v;
            k->r[j * n + i] = 1 - v;
        }
    }
    couple(k, out);
}

/* The label of a row. With two classes and no probabilities the largest score decides, by rules that depend on whether the
 * coefficients can make a margin or only a probability. */
static bool set_label(const classifier *k, ig_tensor *y, size_t row, size_t best, float best_score) {
    if (k->pairs == 1 && !k->svm.n_prob) {
        bool second = k->all_positive ? best_score >= 0.5f : best_score > 0;
        return ig_label_set(y, row, &k->labels, second ? 1 : best);
    }
    return ig_label_set(y, row, &k->labels, best);
}

static bool finish_row(const classifier *k, ig_tensor *y, size_t row, const float *kernels, float *out) {
    size_t best = 0;
    float best_score = 0;
    size_t n = k->columns;
    ig_second second = IG_SECOND_NONE;
    if (!k->per_class) {
        for (size_t i = 0; i < n; i++) {
            out[i] = kernels[i] + k->svm.rho[0];
            best = out[i] > out[best] ? i : best;
        }
        best_score = out[best];
    } else {
        float *pairs = k->svm.n_prob ? k->pair_scores : out;
        score_pairs(k, kernels, pairs);
        if (k->svm.n_prob) probabilities(k, pairs, out);
        for (size_t i = 1; i < k->classes; i++) best = k->votes[i] > k->votes[best] ? i : best;
        if (!k->svm.n_prob && k->classes <= 2) {
            n = k->pairs;
            second = k->post == IG_POST_NONE ? IG_SECOND_NEGATED : IG_SECOND_ONE_MINUS;
        }
    }
    bool ok = !y || set_label(k, y, row, best, best_score);
    size_t written = n ? ig_post_apply(out, n, k->post, second) : 0;
    for (size_t i = written; i < k->columns; i++) out[i] = 0;
    return ok;
}

static bool get_room(ig_call *c, classifier *k) {
    size_t square = k->svm.n_prob ? k->classes * k->classes : 0;
    k->r = ig_call_scratch(c, square * sizeof(float));
    k->q = ig_call_scratch(c, square * sizeof(float));
    k->qp = ig_call_scratch(c, k->classes * sizeof(float));
    k->pair_scores = ig_call_scratch(c, k->pairs * sizeof(float));
    k->votes = ig_call_scratch(c, k->classes * sizeof(int64_t));
    if (k->r && square) memset(k->r, 0, square * sizeof(float));
    return k->r && k->q && k->qp && k->pair_scores && k->votes;
}

static ig_status run_classifier(ig_call *c) {
    classifier k = {0};
    size_t rows, columns;
    if (!read_svm(c->node, &k.svm)) return ig_call_fail(c, "unknown kernel_type, or prob_a and prob_b differ in length");
    if (!ig_post_of(c->node, &k.post)) return ig_call_fail(c, "post_transform has an unknown value");
    IG_TRY(check_classifier(c, &k));
    if (!ig_ml_matrix(c->in[0], &rows, &columns) || columns != k.svm.features)
        return ig_call_fail(c, "the input must have %zu columns", k.svm.features);
    k.columns = column_count(k.classes, k.per_class != NULL, k.svm.n_prob > 0);
    k.all_positive = true;
    for (size_t i = 0; i < k.svm.n_coefficients; i++) k.all_positive &= k.svm.coefficients[i] >= 0;
    IG_TRY(ig_call_output(c, 1, IG_F32, 2, (int64_t[]){(int64_t)rows, (int64_t)k.columns}));
    const float *x = ig_ml_floats(c, c->in[0]);
    size_t step = part_rows(&k.svm);
    part p = {&k.svm, x, ig_call_scratch(c, ig_min_size(step, rows) * k.svm.n_vectors * sizeof(float))};
    float *out = c->n_out > 1 && c->out[1] ? c->out[1]->data : ig_call_scratch(c, rows * k.columns * sizeof(float));
    if (!x || !p.values || !out || !get_room(c, &k)) return ig_oom(c->err);
    for (size_t first = 0; first < rows; first += step) {
        size_t n = ig_min_size(step, rows - first);
        p.x = x + first * columns;
        kernel_part(c, &p, n);
        for (size_t r = 0; r < n; r++)
            if (!finish_row(&k, c->out[0], first + r, p.values + r * k.svm.n_vectors, out + (first + r) * k.columns))
                return ig_oom(c->err);
    }
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------- regressor */

static ig_status infer_regressor(ig_infer *c) {
    ig_dim rows = ig_dim_unknown();
    ig_ml_rows(c, &rows);
    return ig_ml_set_matrix(c, 0, IG_F32, rows, 1);
}

static ig_status run_regressor(ig_call *c) {
    svm s;
    size_t rows, columns, n_vectors;
    int64_t supports = ig_attr_int(c->node, "n_supports");
    if (!read_svm(c->node, &s)) return ig_call_fail(c, "kernel_type has an unknown value");
    const float *vectors = ig_attr_floats(c->node, "support_vectors", &n_vectors);
    bool linear = supports <= 0;
    s.n_vectors = linear ? 1 : (size_t)supports;
    s.vectors = linear ? s.coefficients : vectors;
    s.features = linear ? s.n_coefficients : n_vectors / s.n_vectors;
    if (linear) s.kernel = LINEAR;
    if (s.n_rho < 1 || (!linear && s.n_coefficients < s.n_vectors))
        return ig_call_fail(c, "%zu coefficients and %zu entries of rho for %zu vectors", s.n_coefficients, s.n_rho,
                            s.n_vectors);
    if (!ig_ml_matrix(c->in[0], &rows, &columns) || columns != s.features)
        return ig_call_fail(c, "the input must have %zu columns", s.features);
    const float *x = ig_ml_floats(c, c->in[0]);
    size_t step = part_rows(&s);
    part p = {&s, x, ig_call_scratch(c, ig_min_size(step, rows) * s.n_vectors * sizeof(float))};
    float *out = c->out[0]->data;
    bool one_class = ig_attr_int(c->node, "one_class") != 0;
    if (!x || !p.values) return ig_oom(c->err);
    for (size_t first = 0; first < rows; first += step) {
        size_t n = ig_min_size(step, rows - first);
        p.x = x + first * columns;
        kernel_part(c, &p, n);
        for (size_t r = 0; r < n; r++) {
            float y = (linear ? p.values[r] : ig_dot(p.values + r * s.n_vectors, s.coefficients, s.n_vectors)) + s.rho[0];
            out[first + r] = !one_class ? y : y > 0 ? 1.0f : -1.0f;
        }
    }
    return IG_OK;
}

const ig_op ig_op_svm_classifier = {IG_ML, "SVMClassifier", 1, 0, 0, infer_classifier, run_classifier, NULL, NULL};
const ig_op ig_op_svm_regressor = {IG_ML, "SVMRegressor", 1, 0, 0, infer_regressor, run_regressor, NULL, NULL};
