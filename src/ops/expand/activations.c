#include "ops/expand/expand.h"

/* Hendrycks, Gimpel, "Gaussian Error Linear Units" (2016): exact, or its approximation by tanh. */
void ig_expand_gelu(ig_sketch *s, const ig_node *node) {
    if (ig_attr_is(node, "approximate", "tanh"))
        ig_sketch_run(s, "y = 0.5 * x * (1 + Tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))");
    else
        ig_sketch_run(s, "y = 0.5 * x * (1 + Erf(x * 0.7071067811865476))");
}

/* Bounds are optional. */
void ig_expand_clip(ig_sketch *s, const ig_node *node) {
    IG_UNUSED(node);
    bool low = ig_sketch_has(s, "x1"), high = ig_sketch_has(s, "x2");
    ig_sketch_run(s, !low && !high ? "y = Identity(x)"
                     : !high       ? "y = Max(x, x1)"
                     : !low        ? "y = Min(x, x2)"
                                   : "y = Min(x2, Max(x, x1))");
}

void ig_expand_softmax(ig_sketch *s, const ig_node *node) {
    bool log = node->op[0] == 'L';
    ig_sketch_run(s, "a = Reshape(@axis i, [1]); c = x - ReduceMax<keepdims=1>(x, a); e = Exp(c);"
                     "t = ReduceSum<keepdims=1>(e, a)");
    ig_sketch_run(s, log ? "y = c - Log(t)" : "y = e / t");
}

/* Reductions by ReduceSum; axes are an attribute at first, later an input. */
void ig_expand_reduce(ig_sketch *s, const ig_node *node) {
    const char *op = node->schema->name + strlen("Reduce");
    bool attribute = ig_attr_given(node, "axes");
    ig_value *axes = attribute ? ig_sketch_value(s, "@axes") : ig_sketch_get(s, "x1");
    ig_sketch_bind(s, "a", axes);
    if (strcmp(op, "LogSumExp") == 0) { /* the largest is taken out, so that nothing overflows; infinities stay out of it */
        ig_sketch_run(s,
                      "m = ReduceMax<keepdims=1, noop_with_empty_axes=@noop_with_empty_axes>(x, a);"
                      "f = Where(Or(IsInf(m), IsNaN(m)), 0, m);"
                      "t = ReduceSum<keepdims=1, noop_with_empty_axes=@noop_with_empty_axes>(Exp(x - f), a);"
                      "k = Log(t) + f;"
                      "y = Reshape(k, Shape(ReduceSum<keepdims=@keepdims, noop_with_empty_axes=@noop_with_empty_axes>(x, a)))");
        return;
    }
    const char *of = strcmp(op, "L1") == 0 ? "Abs(x)" : strcmp(op, "LogSum") == 0 ? "x" : "x * x";
    const char *then = strcmp(op, "L2") == 0 ? "Sqrt" : strcmp(op, "LogSum") == 0 ? "Log" : "Identity";
    ig_sketch_run(s, "y = %s(ReduceSum<keepdims=@keepdims, noop_with_empty_axes=@noop_with_empty_axes>(%s, a))", then, of);
}
