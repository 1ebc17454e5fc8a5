#include "autodiff/autodiff.h"

/* The mask is the second output; a node without one gets it. */
void ig_gradient_dropout(ig_sketch *s, const ig_node *node) {
    bool can_train = node->schema->since >= 12 && ig_gradient_has(s, "x2");
    if (!can_train) {
        ig_sketch_run(s, "d0 = g");
        return;
    }
    if (node->n_out < 2 || !node->out[1]) {
        ig_node *n = (ig_node *)(uintptr_t)node;
        ig_value *mask = ig_value_new(n->graph, NULL, NULL);
        if (!mask || !ig_node_resize(n, n->n_in, 2)) {
            s->status = ig_oom(s->err);
            return;
        }
        mask->type = ig_type_tensor(&n->graph->model->arena, IG_BOOL, &(ig_shape){.rank = IG_UNRANKED});
        ig_node_set_output(n, 1, mask);
        ig_sketch_bind(s, "y1", mask);
    }
    ig_sketch_run(s, "k = Where(x2, 1 - CastLike(%s, g), 1); d0 = Where(y1, g / k, 0)",
                  ig_gradient_has(s, "x1") ? "x1" : "0.5");
}

void ig_gradient_sum(ig_sketch *s, const ig_node *node) {
    unsigned n = node->op[0] == 'M' ? node->n_in : 1;
    for (unsigned i = 0; i < node->n_in; i++) ig_sketch_run(s, "d%u = like(g / %u, x%u)", i, n, i);
}

/* Elements that are equal share. */
void ig_gradient_extremum(ig_sketch *s, const ig_node *node) {
    ig_sketch_run(s, "n = 0");
    for (unsigned i = 0; i < node->n_in; i++) ig_sketch_run(s, "m%u = CastLike(Equal(x%u, y), g); n = n + m%u", i, i, i);
    for (unsigned i = 0; i < node->n_in; i++) ig_sketch_run(s, "d%u = like(g * m%u / n, x%u)", i, i, i);
}
