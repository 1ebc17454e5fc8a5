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
