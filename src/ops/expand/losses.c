/* Losses of classification. */
#include "ops/expand/expand.h"

/* "loss" of log-probabilities "l" [N, C, …], targets x1 [N, …] and perhaps weights x2 [C]. */
static void nll(ig_sketch *s, const ig_node *node) {
    bool weighted = ig_sketch_has(s, "x2"), ignores = ig_attr_given(node, "ignore_index");
    ig_str reduction = ig_attr_str(node, "reduction");
    ig_sketch_run(s, ignores ? "valid = Not(Equal(x1, CastLike(@ignore_index i, x1))); t = Where(valid, x1, CastLike(0i, x1))"
                             : "t = Identity(x1)");
    ig_sketch_run(s, "p = Squeeze(GatherElements<axis=1>(l, Unsqueeze(t, [1])), [1])");
    if (weighted) ig_sketch_run(s, "w = Gather<axis=0>(x2, t)");
    if (ignores) ig_sketch_run(s, weighted ? "w = Where(valid, w, 0)" : "w = CastLike(valid, l)");
    ig_sketch_run(s, weighted || ignores ? "each = -p * w" : "each = -p");
    if (ig_str_is(reduction, "none"))
        ig_sketch_run(s, "loss = Identity(each)");
    else if (ig_str_is(reduction, "sum"))
        ig_sketch_run(s, "loss = ReduceSum<keepdims=0>(each)");
    else if (weighted || ignores)
        ig_sketch_run(s, "loss = ReduceSum<keepdims=0>(each) / ReduceSum<keepdims=0>(w)");
    else
        ig_sketch_run(s, "loss = ReduceMean<keepdims=0>(each)");
}

void ig_expand_nll_loss(ig_sketch *s, const ig_node *node) {
    ig_sketch_bind(s, "l", ig_sketch_get(s, "x"));
    nll(s, node);
    ig_sketch_run(s, "y = loss");
}

void ig_expand_sce_loss(ig_sketch *s, const ig_node *node) {
    ig_sketch_run(s, "l = LogSoftmax<axis=1>(x)");
    nll(s, node);
    ig_sketch_run(s, "y0 = loss; y1 = l");
}

/* ----------------------------------------------------------------------------------------------------------- inference */

static ig_status same_dim(ig_infer *c, size_t input, int i, ig_dim a, ig_dim b) {
    if (!ig_dim_differ(a, b)) return IG_OK;
    char x[64], y[64];
    ig_dim_text(a, x, sizeof x);
    ig_dim_text(b, y, sizeof y);
    return ig_infer_fail(c, "dim %d of input %zu is %s, %s is due", i, input, x, y);
}

/* Scores [N, C, d…], targets [N, d…], weights [C]. */
static ig_status check_shapes(ig_infer *c, const ig_shape *x, ig_shape *t, bool *known) {
    ig_shape w;
    if (x->rank >= 0 && x->rank < 2)
        return ig_infer_fail(c, "the scores must have a batch and classes, their rank is %d", x->rank);
    *known = ig_infer_shape(c, 1, t);
    if (*known && x->rank >= 0) {
        if (t->rank != x->rank - 1) return ig_infer_fail(c, "targets of rank %d for scores of rank %d", t->rank, x->rank);
        for (int i = 0; i < t->rank; i++) {
            ig_dim due = x->dims[i ? i + 1 : 0];
            IG_TRY(same_dim(c, 1, i, t->dims[i], due));
            ig_dim_merge(due, t->dims[i], &t->dims[i]);
        }
    } else if (x->rank >= 0) {
        *t = *x;
        memmove(t->dims + 1, t->dims + 2, (size_t)(x->rank - 2) * sizeof t->dims[0]);
        t->rank--;
        *known = true;
    }
    if (!ig_infer_shape(c, 2, &w)) return IG_OK;
    if (w.rank != 1) return ig_infer_fail(c, "the weights must be a vector, their rank is %d", w.rank);
    return x->rank >= 0 ? same_dim(c, 2, 0, w.dims[0], x->dims[1]) : IG_OK;
}

static ig_status infer_loss(ig_infer *c) {
    ig_shape x, t, scalar = {.rank = 0};
    bool known = false;
    ig_dtype dtype = ig_infer_dtype(c, 0);
    ig_infer_shape(c, 0, &x);
    IG_TRY(check_shapes(c, &x, &t, &known));
    bool none = ig_attr_is(c->node, "reduction", "none");
    IG_TRY(ig_infer_set(c, 0, dtype, !none ? &scalar : known ? &t : NULL));
    return ig_infer_set(c, 1, dtype, x.rank >= 0 ? &x : NULL); /* the log-probabilities of SoftmaxCrossEntropyLoss */
}

const ig_op ig_op_nll_loss = {"", "NegativeLogLikelihoodLoss", 12, 0, 0, infer_loss, NULL, NULL, NULL};
const ig_op ig_op_sce_loss = {"", "SoftmaxCrossEntropyLoss", 12, 0, 0, infer_loss, NULL, NULL, NULL};
