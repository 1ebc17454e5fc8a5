/* Reductions, softmax. */
#include "autodiff/autodiff.h"

/* "k" and "z": g and y with the reduced axes kept, so that they broadcast to x. Without axes everything was reduced, or
 * nothing. */
static void keep_axes(ig_sketch *s, const ig_node *node) {
    bool by_attribute = ig_attr_given(node, "axes");
    ig_sketch_bind(s, "a", by_attribute ? ig_sketch_value(s, "@axes") : ig_sketch_get(s, "x1"));
    if (ig_attr_int(node, "keepdims") || !ig_gradient_has(s, "a"))
        ig_sketch_run(s, "k = g; z = y");
    else
        ig_sketch_run(s, "k = Unsqueeze(g, a); z = Unsqueeze(y, a)");
}

void ig_gradient_reduce(ig_sketch *s, const ig_node *node) {
    static const struct {
        const char *op, *text;
    } rules[] = {
        {"L1", "d0 = k * Sign(x)"},
        {"L2", "d0 = k * x / Where(Equal(z, 0), 1, z)"},
        {"LogSum", "d0 = Expand(k / Exp(z), Shape(x))"},
        {"LogSumExp", "d0 = k * Exp(x - z)"},
        {"Max",
         "m = CastLike(Equal(x, z), g); d0 = k * m / ReduceSum<keepdims=1, noop_with_empty_axes=@noop_with_empty_axes>(m, a)"},
        {"Min",
         "m = CastLike(Equal(x, z), g); d0 = k * m / ReduceSum<keepdims=1, noop_with_empty_axes=@noop_with_empty_axes>(m, a)"},
        {"Mean", "d0 = Expand(k * (CastLike(Size(y), g) / CastLike(Size(x), g)), Shape(x))"},
        {"Prod", "d0 = k * z / x"},
        {"Sum", "d0 = Expand(k, Shape(x))"},
        {"SumSquare", "d0 = 2 * k * x"},
    };
    const char *op = node->op + strlen("Reduce");
    keep_axes(s, node);
    for (size_t i = 0; i < IG_COUNT_OF(rules); i++)
        if (strcmp(op, rules[i].op) == 0) ig_sketch_run(s, "%s", rules[i].text);
}

/* Before version 13 all axes from the given one on are one. */
void ig_gradient_softmax(ig_sketch *s, const ig_node *node) {
    bool log = node->op[0] == 'L', coerced = node->schema->since < 13;
    ig_sketch_run(s, coerced ? "p = Flatten<axis=@axis>(y); q = Flatten<axis=@axis>(g); a = [1]"
                             : "p = y; q = g; a = Reshape(@axis i, [1])");
    ig_sketch_run(s, log ? "r = q - Exp(p) * ReduceSum<keepdims=1>(q, a)" : "r = p * (q - ReduceSum<keepdims=1>(q * p, a))");
    ig_sketch_run(s, coerced ? "d0 = Reshape(r, Shape(x))" : "d0 = r");
}

void ig_gradient_cum_sum(ig_sketch *s, const ig_node *node) {
    ig_sketch_run(s, "d0 = CumSum<exclusive=@exclusive, reverse=%d>(g, x1)", ig_attr_int(node, "reverse") ? 0 : 1);
}
