/* Operators that choose, arrange and repeat elements. */
#include "autodiff/autodiff.h"

#include <stdio.h>

enum { MAX_OPERANDS = 30 };

/* For all of them alike: the operator applied to the numbers 1, 2, 3 … in x's shape says which element of x each element of y
 * is; 0 is one that comes from nowhere. The gradient is g added up by these numbers. */
void ig_gradient_select(ig_sketch *s, const ig_node *node) {
    ig_value *in[MAX_OPERANDS];
    if (node->n_in > MAX_OPERANDS) {
        ig_gradient_unsupported(s, "it has too many inputs");
        return;
    }
    ig_sketch_run(s, "n = Size(x)");
    for (uint32_t i = 0; i < node->n_in; i++) in[i] = node->in[i];
    in[0] = ig_sketch_value(s, "Reshape(Range(1i, n + 1i, 1i), Shape(x))");
    if (strcmp(node->op, "Pad") == 0 && node->n_in > 2) in[2] = NULL; /* a constant of x's type */
    ig_node *copy = ig_sketch_copy(s, node, in, node->n_in);
    if (!copy) return;
    ig_sketch_bind(s, "i", copy->out[0]);
    ig_sketch_run(s, "f = ScatterElements<axis=0, reduction='add'>(Expand(0, Reshape(n + 1i, [1])), Reshape(i, [-1]),"
                     "                                             Reshape(g, [-1]));"
                     "d0 = Reshape(Slice(f, [1], Reshape(n + 1i, [1])), Shape(x))");
}

void ig_gradient_resize(ig_sketch *s, const ig_node *node) {
    if (ig_attr_is(node, "mode", "nearest"))
        ig_gradient_select(s, node);
    else
        ig_gradient_unsupported(s, "only the mode nearest is differentiable here");
}

void ig_gradient_transpose(ig_sketch *s, const ig_node *node) {
    size_t n, used = 0;
    char text[256] = "";
    const int64_t *perm = ig_attr_ints(node, "perm", &n);
    for (size_t i = 0; i < n && n <= IG_MAX_RANK; i++)
        for (size_t k = 0; k < n; k++)
            if (perm[k] == (int64_t)i) used += (size_t)snprintf(text + used, sizeof text - used, "%zu, ", k);
    if (n)
        ig_sketch_run(s, "d0 = Transpose<perm=[%s]>(g)", text);
    else
        ig_sketch_run(s, "d0 = Transpose(g)");
}

void ig_gradient_concat(ig_sketch *s, const ig_node *node) {
    char sizes[512] = "", results[512] = "";
    size_t n_sizes = 0, n_results = 0;
    if (node->n_in > MAX_OPERANDS) {
        ig_gradient_unsupported(s, "it has too many inputs");
        return;
    }
    for (unsigned i = 0; i < node->n_in; i++) {
        ig_sketch_run(s, "z%u = Gather<axis=0>(Shape(x%u), Reshape(@axis i, [1]))", i, i);
        n_sizes += (size_t)snprintf(sizes + n_sizes, sizeof sizes - n_sizes, "%sz%u", i ? ", " : "", i);
        n_results += (size_t)snprintf(results + n_results, sizeof results - n_results, "%sd%u", i ? ", " : "", i);
    }
    if (node->n_in == 1)
        ig_sketch_run(s, "d0 = g");
    else
        ig_sketch_run(s, "%s = Split<axis=@axis>(g, Concat<axis=0>(%s))", results, sizes);
}

void ig_gradient_split(ig_sketch *s, const ig_node *node) {
    char parts[512] = "";
    size_t n = 0;
    if (node->n_out > MAX_OPERANDS) {
        ig_gradient_unsupported(s, "it has too many outputs");
        return;
    }
    for (unsigned i = 0; i < node->n_out; i++) {
        char name[16];
        snprintf(name, sizeof name, "g%u", i);
        if (!node->out[i])
            ig_gradient_unsupported(s, "an output is left out");
        else if (!ig_gradient_has(s, name))
            ig_sketch_run(s, "g%u = zeros(y%u)", i, i);
        n += (size_t)snprintf(parts + n, sizeof parts - n, "%sg%u", i ? ", " : "", i);
    }
    ig_sketch_run(s, "d0 = Concat<axis=@axis>(%s)", parts);
}

/* Overwritten elements get nothing, updates what lies where they were put. Sums pass everything on. */
void ig_gradient_scatter(ig_sketch *s, const ig_node *node) {
    bool nd = strcmp(node->op, "ScatterND") == 0;
    ig_str reduction = ig_attr_str(node, "reduction");
    bool add = ig_str_is(reduction, "add");
    if (reduction.s && !add && !ig_str_is(reduction, "none")) {
        ig_gradient_unsupported(s, "only the reductions none and add are differentiable here");
        return;
    }
    if (add)
        ig_sketch_run(s, "d0 = g");
    else
        ig_sketch_run(s, nd ? "d0 = ScatterND(g, x1, zeros(x2))" : "d0 = ScatterElements<axis=@axis>(g, x1, zeros(x2))");
    ig_sketch_run(s, nd ? "d2 = GatherND(g, x1)" : "d2 = GatherElements<axis=@axis>(g, x1)");
}

void ig_gradient_top_k(ig_sketch *s, const ig_node *node) {
    if (!node->out[0] || !ig_gradient_has(s, "g0")) return;
    if (node->n_out < 2 || !node->out[1]) {
        ig_gradient_unsupported(s, "its indices are not among its outputs");
        return;
    }
    ig_sketch_run(s, "d0 = ScatterElements<axis=@axis>(zeros(x), y1, g)");
}
