/* Recurrent networks and Scan. */
#include "convert/convert.h"

/* ---- RNN, GRU, LSTM ---- */

/* Whether the whole sequence was wanted was said by an attribute before version 7. */
ig_status ig_adapt_output_sequence_up(ig_adapt *a) {
    ig_attr_remove(a->node, "output_sequence");
    return IG_OK;
}

ig_status ig_adapt_output_sequence_down(ig_adapt *a) {
    return !ig_adapt_out(a, 0) || ig_attr_put_int(a->node, "output_sequence", 1) ? IG_OK : ig_oom(a->err);
}

static ig_value *turned(ig_adapt *a, ig_value *v, const int64_t *perm, size_t n) {
    ig_value *out = IG_BUILD(&a->b, "Transpose", v);
    ig_build_ints(&a->b, "perm", perm, n);
    a->built = true;
    return out;
}

/* layout = 1 puts the batch first: the same as transposing what goes in and comes out. */
ig_status ig_adapt_layout_down(ig_adapt *a) {
    static const int64_t swap[] = {1, 0, 2}, sequence[] = {2, 0, 1, 3};
    static const uint32_t turned_inputs[] = {0, 5, 6};
    if (!ig_attr_int(a->node, "layout")) return IG_OK;
    for (size_t i = 0; i < IG_COUNT_OF(turned_inputs); i++) {
        ig_value *v = ig_adapt_in(a, turned_inputs[i]);
        if (v) ig_adapt_set(a, turned_inputs[i], turned(a, v, swap, 3));
    }
    for (uint32_t i = 0; i < a->node->n_out; i++)
        if (ig_adapt_behind(a, i, "Transpose")) ig_build_ints(&a->b, "perm", i ? swap : sequence, i ? 3 : 4);
    ig_attr_remove(a->node, "layout");
    return IG_OK;
}

/* ---- Scan: version 8 has a batch in front of everything, version 9 has none ---- */

static bool move_graph(ig_node *from, ig_node *to, ig_graph *outer) {
    ig_attr *body = ig_attr_find(from, "body");
    ig_attr copy;
    if (!body || body->kind != IG_ATTR_GRAPH || !body->g) return false;
    copy = *body;
    copy.wire = (ig_span){0};
    ig_attr_remove(from, "body");
    copy.g->owner = to;
    copy.g->outer = outer;
    return ig_attr_put(to, &copy);
}

/* The body of the outer Scan: one inner Scan, the old one, on what its inputs are for one entry of the batch. */
static ig_graph *entry_graph(ig_adapt *a, ig_node *owner, uint32_t n_in, ig_node **inner) {
    ig_model *m = a->model;
    ig_graph *g = ig_graph_new(m, a->node->graph, owner);
    ig_name scan = ig_model_name(m, "Scan");
    if (!g || !scan) return NULL;
    g->name = ig_model_name(m, "entry");
    ig_node *n = *inner = ig_node_new(g, scan, NULL, n_in, a->node->n_out);
    if (!n) return NULL;
    for (uint32_t i = 0; i < n_in; i++) {
        ig_value *v = ig_value_new(g, NULL, NULL);
        if (!v || !ig_graph_add_input(g, v) || !ig_node_set_input(n, i, v)) return NULL;
    }
    for (uint32_t o = 0; o < n->n_out; o++) {
        ig_value *v = ig_value_new(g, NULL, NULL);
        if (!v) return NULL;
        ig_node_set_output(n, o, v);
        if (!ig_graph_add_output(g, v)) return NULL;
    }
    return g;
}

ig_status ig_adapt_scan_up(ig_adapt *a) {
    ig_node *old = a->node, *inner;
    size_t n_directions;
    const int64_t *directions = ig_attr_ints(old, "directions", &n_directions);
    if (ig_adapt_in(a, 0)) return ig_adapt_refuse(a, "its sequence_lens can't be said from version 9 on");
    if (old->n_in < 2 || !ig_attr_graph(old, "body")) return ig_adapt_refuse(a, "it has no inputs or no body");
    uint32_t n_in = old->n_in - 1;
    int64_t n_scan = ig_attr_int(old, "num_scan_inputs");
    ig_node *outer = ig_build_node(&a->b, NULL, "Scan", old->in + 1, n_in, old->n_out);
    ig_graph *entry = outer && outer->n_in == n_in ? entry_graph(a, outer, n_in, &inner) : NULL;
    ig_attr body = {.name = ig_model_name(a->model, "body"), .kind = IG_ATTR_GRAPH, .g = entry};
    if (!entry || !body.name || !move_graph(old, inner, entry) || !ig_attr_put_int(inner, "num_scan_inputs", n_scan))
        return ig_oom(a->err);
    if (n_directions && !ig_attr_put_ints(inner, "scan_input_directions", directions, n_directions)) return ig_oom(a->err);
    if (!ig_attr_put(outer, &body) || !ig_attr_put_int(outer, "num_scan_inputs", n_in)) return ig_oom(a->err);
    for (uint32_t o = 0; o < old->n_out; o++) ig_adapt_give(a, o, outer, o);
    ig_adapt_erase(a);
    return IG_OK;
}

static bool has_other_than(const ig_node *n, const char *attr, int64_t value) {
    size_t count;
    const int64_t *list = ig_attr_ints(n, attr, &count);
    for (size_t i = 0; i < count; i++)
        if (list[i] != value) return true;
    return false;
}

static ig_value *with_batch(ig_adapt *a, ig_value *v) {
    int64_t first[] = {0};
    ig_value *out = IG_BUILD(&a->b, "Unsqueeze", v);
    ig_build_ints(&a->b, "axes", first, 1);
    a->built = true;
    return out;
}

/* A batch of one is put around the inputs and taken off the outputs. */
ig_status ig_adapt_scan_down(ig_adapt *a) {
    ig_node *n = a->node;
    size_t n_directions;
    int64_t first[] = {0};
    if (has_other_than(n, "scan_input_axes", 0) || has_other_than(n, "scan_output_axes", 0))
        return ig_adapt_refuse(a, "its axes have to be 0 before version 9");
    if (has_other_than(n, "scan_output_directions", 0))
        return ig_adapt_refuse(a, "its outputs can't run backwards before version 9");
    const int64_t *directions = ig_attr_ints(n, "scan_input_directions", &n_directions);
    if (n_directions && !ig_attr_put_ints(n, "directions", directions, n_directions)) return ig_oom(a->err);
    static const char *const gone[] = {"scan_input_axes", "scan_output_axes", "scan_input_directions",
                                       "scan_output_directions"};
    for (size_t i = 0; i < IG_COUNT_OF(gone); i++) ig_attr_remove(n, gone[i]);
    for (uint32_t o = 0; o < n->n_out; o++)
        if (ig_adapt_behind(a, o, "Squeeze")) ig_build_ints(&a->b, "axes", first, 1);
    uint32_t n_in = n->n_in;
    if (!ig_node_resize(n, n_in + 1, n->n_out)) return ig_oom(a->err);
    for (uint32_t i = n_in; i-- > 0;)
        if (!ig_node_set_input(n, i + 1, n->in[i] ? with_batch(a, n->in[i]) : NULL)) return ig_oom(a->err);
    return ig_node_set_input(n, 0, NULL) ? IG_OK : ig_oom(a->err);
}
