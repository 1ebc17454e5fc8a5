/* TreeEnsembleClassifier and TreeEnsembleRegressor (versions 1, 3 and the deprecated 5), TreeEnsemble (version 5). What becomes
 * of the summed scores follows onnxruntime, down to its special cases for two classes. */
#include "ops/ml/tree.h"

/* ------------------------------------------------------------------------------------------------------------ preparing */

/* The state: the ensemble for float input and the one for double input, of which at least one is there. */
typedef struct ensembles {
    ig_trees *of[2];
} ensembles;

static void release(ig_context *context, void *state) {
    ensembles *e = state;
    for (int wide = 0; wide < 2; wide++) {
        if (!e->of[wide]) continue;
        ig_arena_free(&e->of[wide]->arena);
        ig_release(context, e->of[wide]);
    }
    ig_release(context, e);
}

static ig_status new_trees(ig_prepare *p, bool wide, ig_trees **out) {
    ensembles *e = p->state;
    ig_trees *t = *out = e->of[wide] = ig_calloc(p->context, sizeof *t);
    if (!t) return ig_oom(p->err);
    ig_arena_init(&t->arena, p->context);
    t->wide = wide;
    return IG_OK;
}

static ig_status new_state(ig_prepare *p) {
    p->state = ig_calloc(p->context, sizeof(ensembles));
    return p->state ? IG_OK : ig_oom(p->err);
}

/* Thresholds and sums are doubles when the input is. */
static ig_status prepare_for(ig_prepare *p, const char *of, size_t n_targets, ig_tree_aggregate aggregate) {
    ig_post post;
    ig_dtype input = p->n_in && p->types[0] ? p->types[0]->dtype : IG_UNDEFINED;
    IG_TRY(new_state(p));
    if (!ig_post_of(p->node, &post)) return ig_fail(p->err, IG_E_UNSUPPORTED, "post_transform has an unknown value");
    for (int wide = 0; wide < 2; wide++) {
        ig_trees *t;
        if (input && wide != (input == IG_F64)) continue;
        IG_TRY(new_trees(p, wide, &t));
        t->n_targets = n_targets;
        t->aggregate = aggregate;
        t->post = post;
        IG_TRY(ig_trees_read(p, t, of));
    }
    return IG_OK;
}

static ig_status prepare_classifier(ig_prepare *p) {
    ig_labels labels = ig_labels_of(p->node, "classlabels_strings", "classlabels_int64s");
    if (labels.n == 0) return ig_fail(p->err, IG_E_INPUT, "there are no class labels");
    return prepare_for(p, "class", labels.n, IG_TREE_SUM);
}

static ig_status prepare_regressor(ig_prepare *p) {
    static const char *const names[] = {"AVERAGE", "SUM", "MIN", "MAX"};
    size_t k = 0;
    int64_t n = ig_attr_int(p->node, "n_targets");
    while (k < IG_COUNT_OF(names) && !ig_attr_is(p->node, "aggregate_function", names[k])) k++;
    if (k == IG_COUNT_OF(names)) return ig_fail(p->err, IG_E_UNSUPPORTED, "aggregate_function has an unknown value");
    if (n < 1 || n > UINT32_MAX) return ig_fail(p->err, IG_E_INPUT, "n_targets is %lld", (long long)n);
    return prepare_for(p, "target", (size_t)n, (ig_tree_aggregate)k);
}

/* The specification has SOFTMAX as 1 and LOGISTIC as 2. onnxruntime reads them the other way round, and what is written for it
 * is tested with it. */
static const ig_post posts_5[] = {IG_POST_NONE, IG_POST_LOGISTIC, IG_POST_SOFTMAX, IG_POST_SOFTMAX_ZERO, IG_POST_PROBIT};

static ig_status prepare_5(ig_prepare *p) {
    ig_trees *t;
    int64_t n = ig_attr_int(p->node, "n_targets"), aggregate = ig_attr_int(p->node, "aggregate_function"),
            post = ig_attr_int(p->node, "post_transform");
    const ig_const *splits = ig_attr_const(p->node, "nodes_splits");
    if (n < 1 || n > UINT32_MAX) return ig_fail(p->err, IG_E_INPUT, "n_targets is %lld", (long long)n);
    if (aggregate < IG_TREE_AVERAGE || aggregate > IG_TREE_MAX || post < 0 || post >= (int64_t)IG_COUNT_OF(posts_5))
        return ig_fail(p->err, IG_E_UNSUPPORTED, "aggregate_function %lld with post_transform %lld", (long long)aggregate,
                       (long long)post);
    IG_TRY(new_state(p));
    IG_TRY(new_trees(p, splits && splits->dtype == IG_F64, &t));
    t->n_targets = (size_t)n;
    t->aggregate = (ig_tree_aggregate)aggregate;
    t->post = posts_5[post];
    return ig_trees_read_5(p, t);
}

/* -------------------------------------------------------------------------------------------------------------- scoring */

enum { PART_ROWS = 1 << 12 }; /* rows scored at once, so that memory for sums is bounded */

typedef struct scorer {
    ig_call *c;
    const ig_trees *t;
    const char *x; /* features of type float or double */
    size_t rows, columns, element;
    void *scores; /* of a part */
    uint8_t *has;
    double *row;   /* n_targets + 1: scores on their way to the output */
    float *floats; /* as many */
} scorer;

static ig_status start(ig_call *c, scorer *s) {
    static const double no_features[1];
    const ensembles *e = c->state;
    const ig_tensor *x = c->in[0];
    *s = (scorer){.c = c};
    bool wide = x->dtype == IG_F64;
    s->t = e->of[wide] ? e->of[wide] : e->of[!wide];
    if (!s->t) return ig_fail(c->err, IG_E_INTERNAL, "the tree ensemble was not prepared");
    if (!ig_ml_matrix(x, &s->rows, &s->columns)) return ig_call_fail(c, "the input must be a vector or matrix");
    if (s->columns < s->t->n_features)
        return ig_call_fail(c, "the trees use feature %zu, the input has %zu columns", s->t->n_features - 1, s->columns);
    s->element = s->t->wide ? sizeof(double) : sizeof(float);
    size_t part = ig_min_size(s->rows, PART_ROWS) * s->t->n_targets;
    s->scores = ig_call_scratch(c, part * s->element);
    s->has = ig_call_scratch(c, part);
    s->row = ig_call_scratch(c, (s->t->n_targets + 1) * sizeof(double));
    s->floats = ig_call_scratch(c, (s->t->n_targets + 1) * sizeof(float));
    if (s->columns == 0) {
        s->x = (const char *)no_features;
    } else if (s->t->wide) {
        double *f = x->dtype == IG_F64 ? x->data : ig_call_scratch(c, x->count * sizeof *f);
        for (size_t i = 0; f && x->dtype != IG_F64 && i < x->count; i++) f[i] = ig_load_as_f64(x->dtype, x->data, i);
        s->x = (const char *)f;
    } else {
        s->x = (const char *)ig_ml_floats(c, x);
    }
    return s->scores && s->has && s->row && s->floats && s->x ? IG_OK : ig_oom(c->err);
}

static void score_part(scorer *s, size_t first, size_t n) {
    memset(s->scores, 0, n * s->t->n_targets * s->element);
    memset(s->has, 0, n * s->t->n_targets);
    ig_trees_score(s->t, s->c->threads, s->x + first * s->columns * s->element, n, s->columns, s->scores, s->has);
}

static double score_at(const scorer *s, size_t i) {
    return s->t->wide ? ((const double *)s->scores)[i] : (double)((const float *)s->scores)[i];
}

/* One operation's result in the type of the sums. */
static double rounded(const ig_trees *t, double x) { return t->wide ? x : (double)(float)x; }

/* The transforms are computed on floats also for doubles. */
static void transform(const scorer *s, size_t n) {
    if (s->t->post == IG_POST_NONE) return;
    for (size_t k = 0; k < n; k++) s->floats[k] = (float)s->row[k];
    ig_post_apply(s->floats, n, s->t->post, IG_SECOND_NONE);
    for (size_t k = 0; k < n; k++) s->row[k] = (double)s->floats[k];
}

/* ----------------------------------------------------------------------------------------------------------- regressors */

/* Row r of a part. A target that no tree spoke of is 0 whatever its base value, and of the transforms a single target has only
 * PROBIT: so it is in onnxruntime. */
static void finish_regression(const scorer *s, size_t r) {
    const ig_trees *t = s->t;
    size_t n = t->n_targets;
    bool sums = t->aggregate == IG_TREE_SUM || t->aggregate == IG_TREE_AVERAGE;
    for (size_t k = 0; k < n; k++) {
        bool has = s->has[r * n + k];
        double v = sums || has ? score_at(s, r * n + k) : 0;
        if (t->aggregate == IG_TREE_AVERAGE) v = rounded(t, v / (double)t->n_trees);
        if (n == 1 && t->n_base == 1) v = rounded(t, v + t->base[0]);
        if (n > 1 && t->n_base == n) v = rounded(t, v + t->base[k]);
        s->row[k] = has || n == 1 ? v : 0;
    }
    if (n > 1 || t->post == IG_POST_PROBIT) transform(s, n);
}

static ig_status run_regressor(ig_call *c) {
    scorer s;
    IG_TRY(start(c, &s));
    ig_tensor *y = c->out[0];
    size_t n = s.t->n_targets;
    if (y->count != s.rows * n) return ig_fail(c->err, IG_E_INTERNAL, "the output has another size than inferred");
    for (size_t first = 0; first < s.rows; first += PART_ROWS) {
        size_t part = ig_min_size(PART_ROWS, s.rows - first);
        score_part(&s, first, part);
        for (size_t r = 0; r < part; r++) {
            finish_regression(&s, r);
            for (size_t k = 0; k < n; k++) ig_store_f64(y->dtype, y->data, (first + r) * n + k, s.row[k]);
        }
    }
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------- classifiers */

/* Two scores of one: probabilities 1 - s and s, or margins -s and s. */
static size_t add_second(const scorer *s, bool probability) {
    double x = s->row[0];
    if (s->t->post == IG_POST_PROBIT) {
        transform(s, 1);
        return 1;
    }
    bool logistic = s->t->post == IG_POST_LOGISTIC;
    s->row[1] = logistic ? (double)ig_logistic((float)x) : x;
    s->row[0] = probability ? 1 - s->row[1] : logistic ? (double)ig_logistic((float)-x) : -x;
    return 2;
}

/* Which of two labels the deciding score means. */
static bool is_positive(const ig_trees *t, double score) {
    return t->one_class && t->n_targets == 2 && t->all_positive ? score > 0.5 : score > 0;
}

/* Two classes: when all weights are of one class there is one score, for the second class. Returns how many scores there are.
 */
static size_t finish_binary(const scorer *s, const double *score, const uint8_t *has, bool *positive) {
    const ig_trees *t = s->t;
    double s0 = score[0], s1 = score[1];
    bool both = has[1];
    if (t->n_base == 2 && has[1]) {
        s1 = rounded(t, t->base[1] + s0); /* the first base value is taken to be the second's */
        s0 = -s1;
    } else if (t->n_base == 2) {
        s1 = rounded(t, s1 + t->base[1]);
        s0 = rounded(t, s0 + t->base[0]);
        s->row[0] = has[0] ? s0 : 0;
        s->row[1] = 0;
        *positive = is_positive(t, has[0] ? s0 : 0);
        transform(s, 2);
        return 2;
    } else if (t->n_base == 1) {
        s0 = rounded(t, s0 + t->base[0]);
    }
    *positive = is_positive(t, both ? s1 : has[0] ? s0 : 0);
    s->row[0] = has[0] ? s0 : 0;
    if (!both) return add_second(s, t->one_class && t->all_positive);
    s->row[1] = s1;
    transform(s, 2);
    return 2;
}

/* One class: its score says yes or no. */
static size_t finish_single(const scorer *s, double score, bool *positive) {
    const ig_trees *t = s->t;
    if (t->n_base == 1) score = rounded(t, score + t->base[0]);
    *positive = score > 0;
    s->row[0] = score;
    if (t->post == IG_POST_PROBIT) transform(s, 1);
    return 1;
}

static void finish_classes(const scorer *s, const double *score, const uint8_t *has, size_t *best) {
    const ig_trees *t = s->t;
    bool found = false;
    double most = 0;
    *best = 0;
    for (size_t k = 0; k < t->n_targets; k++) {
        bool any = has[k] || k < t->n_base;
        double v = k < t->n_base ? rounded(t, (has[k] ? score[k] : 0) + t->base[k]) : score[k];
        s->row[k] = any ? v : 0;
        if (!any || (found && !(v > most))) continue;
        found = true;
        most = v;
        *best = k;
    }
    transform(s, t->n_targets);
}

/* With two classes whose weights are of both, onnxruntime answers 0 or 1 whatever the integer labels are. */
static bool set_label(const scorer *s, const ig_labels *labels, size_t row, size_t n_classes, size_t best) {
    ig_tensor *y = s->c->out[0];
    if (!y) return true;
    if (labels->strings || n_classes > 2 || (n_classes == 2 && s->t->one_class))
        return ig_label_set(y, row, labels, ig_min_size(best, labels->n - 1));
    ((int64_t *)y->data)[row] = (int64_t)best;
    return true;
}

static ig_status run_classifier(ig_call *c) {
    scorer s;
    IG_TRY(start(c, &s));
    ig_labels labels = ig_labels_of(c->node, "classlabels_strings", "classlabels_int64s");
    size_t n = s.t->n_targets;
    ig_tensor *z = c->n_out > 1 ? c->out[1] : NULL;
    double *score = ig_call_scratch(c, n * sizeof *score);
    if (!score) return ig_oom(c->err);
    for (size_t first = 0; first < s.rows; first += PART_ROWS) {
        size_t part = ig_min_size(PART_ROWS, s.rows - first);
        score_part(&s, first, part);
        for (size_t r = 0; r < part; r++) {
            const uint8_t *has = s.has + r * n;
            size_t best = 0, written = n;
            bool positive = false;
            for (size_t k = 0; k < n; k++) score[k] = score_at(&s, r * n + k);
            if (n > 2)
                finish_classes(&s, score, has, &best);
            else
                written = n == 2 ? finish_binary(&s, score, has, &positive) : finish_single(&s, score[0], &positive);
            if (n <= 2) best = positive;
            if (!set_label(&s, &labels, first + r, n, best)) return ig_oom(c->err);
            for (size_t k = 0; z && k < n; k++) ((float *)z->data)[(first + r) * n + k] = k < written ? (float)s.row[k] : 0;
        }
    }
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------- inference */

static ig_status infer_classifier(ig_infer *c) {
    ig_labels labels = ig_labels_of(c->node, "classlabels_strings", "classlabels_int64s");
    ig_dim rows = ig_dim_unknown();
    if (ig_attr_given(c->node, "classlabels_strings") && ig_attr_given(c->node, "classlabels_int64s"))
        return ig_infer_fail(c, "only one of classlabels_strings and classlabels_int64s can be given");
    if (c->syms && !labels.n) return ig_infer_fail(c, "neither classlabels_strings nor classlabels_int64s is given");
    IG_TRY(ig_ml_check_rank(c, 2));
    ig_ml_rows(c, &rows);
    IG_TRY(ig_ml_set_rows(c, 0, labels.strings ? IG_STRING : IG_I64, rows));
    return ig_ml_set_matrix(c, 1, IG_F32, rows, (int64_t)labels.n);
}

static ig_status infer_regressor(ig_infer *c) {
    ig_dim rows = ig_dim_unknown();
    IG_TRY(ig_ml_check_rank(c, 2));
    ig_ml_rows(c, &rows);
    return ig_ml_set_matrix(c, 0, IG_F32, rows, ig_attr_int(c->node, "n_targets"));
}

static ig_status check_lengths(ig_infer *c) {
    static const char *const lists[] = {"nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids", "nodes_trueleafs",
                                        "nodes_falseleafs"};
    const ig_const *modes = ig_attr_const(c->node, "nodes_modes"), *splits = ig_attr_const(c->node, "nodes_splits"),
                   *weights = ig_attr_const(c->node, "leaf_weights");
    size_t n;
    if (!modes || !splits || !weights) return ig_infer_fail(c, "nodes_modes, nodes_splits and leaf_weights are needed");
    for (size_t i = 0; i < IG_COUNT_OF(lists); i++) {
        ig_attr_ints(c->node, lists[i], &n);
        if ((int64_t)n != modes->count)
            return ig_infer_fail(c, "%s has %zu entries, nodes_modes has %lld", lists[i], n, (long long)modes->count);
    }
    if (splits->count != modes->count)
        return ig_infer_fail(c, "nodes_splits has %lld entries, nodes_modes has %lld", (long long)splits->count,
                             (long long)modes->count);
    ig_attr_ints(c->node, "leaf_targetids", &n);
    if ((int64_t)n != weights->count)
        return ig_infer_fail(c, "leaf_targetids has %zu entries, leaf_weights has %lld", n, (long long)weights->count);
    return IG_OK;
}

static ig_status infer_5(ig_infer *c) {
    static const char *const tensors[] = {"nodes_splits", "leaf_weights", "membership_values"};
    ig_dtype dtype = ig_infer_dtype(c, 0);
    ig_dim rows = ig_dim_unknown();
    IG_TRY(ig_ml_check_rank(c, 2));
    IG_TRY(check_lengths(c));
    for (size_t i = 0; i < IG_COUNT_OF(tensors); i++) {
        const ig_const *t = ig_attr_const(c->node, tensors[i]);
        if (t && dtype && t->dtype != dtype)
            return ig_infer_fail(c, "%s is of type %s, the input is %s", tensors[i], ig_dtype_name(t->dtype),
                                 ig_dtype_name(dtype));
    }
    ig_ml_rows(c, &rows);
    return ig_ml_set_matrix(c, 0, dtype, rows, ig_attr_int(c->node, "n_targets"));
}

const ig_op ig_op_tree_ensemble_classifier = {IG_ML,          "TreeEnsembleClassifier", 1,      0, 0, infer_classifier,
                                              run_classifier, prepare_classifier,       release};
const ig_op ig_op_tree_ensemble_regressor = {IG_ML,         "TreeEnsembleRegressor", 1,      0, 0, infer_regressor,
                                             run_regressor, prepare_regressor,       release};
const ig_op ig_op_tree_ensemble = {IG_ML, "TreeEnsemble", 5, 0, 0, infer_5, run_regressor, prepare_5, release};
