/* The internal validator: is the structure consistent with itself? (Whether the model is right, the check floor says.) */
#include "graph/graph.h"

static ig_status wrong(ig_error *err, const char *what, ig_name name) {
    return ig_fail(err, IG_E_INTERNAL, "inconsistent graph: %s ('%.80s')", what, ig_name_text(name));
}

static bool has_use(const ig_value *v, const ig_node *node, const ig_graph *graph, uint32_t index) {
    for (const ig_use *u = v->uses; u; u = u->next)
        if (u->node == node && u->graph == graph && u->index == index) return true;
    return false;
}

static ig_status check_value(const ig_value *v, ig_error *err) {
    uint32_t n = 0;
    for (const ig_use *u = v->uses; u; u = u->next, n++) {
        if (u->next && u->next->previous != u) return wrong(err, "broken list of uses", v->name);
        const ig_value *read = u->node ? (u->index < u->node->n_in ? u->node->in[u->index] : NULL)
                                       : (u->index < u->graph->outputs.n ? u->graph->outputs.items[u->index].value : NULL);
        if (read != v) return wrong(err, "a use that doesn't read its value", v->name);
    }
    if (n != v->n_uses) return wrong(err, "wrong count of uses", v->name);
    if (v->producer && (v->index >= v->producer->n_out || v->producer->out[v->index] != v))
        return wrong(err, "a value that its producer doesn't make", v->name);
    return IG_OK;
}

static ig_status check_node(const ig_graph *g, const ig_node *n, ig_error *err) {
    if (n->graph != g) return wrong(err, "a node listed in another graph", n->name);
    for (uint32_t i = 0; i < n->n_in; i++)
        if (n->in[i] && !has_use(n->in[i], n, g, i)) return wrong(err, "an input without a use", n->in[i]->name);
    for (uint32_t i = 0; i < n->n_out; i++) {
        if (!n->out[i]) continue;
        if (n->out[i]->producer != n || n->out[i]->index != i) return wrong(err, "an output of somebody else", n->out[i]->name);
        IG_TRY(check_value(n->out[i], err));
    }
    for (const ig_attr *a = n->attrs; a; a = a->next) {
        if (a->kind == IG_ATTR_GRAPH && a->g && (a->g->owner != n || a->g->outer != g))
            return wrong(err, "a subgraph with another owner", n->name);
    }
    return IG_OK;
}

static ig_status check_graph(ig_graph *g, void *user) {
    ig_error *err = user;
    size_t n_nodes = 0;
    const ig_node *previous = NULL;
    for (const ig_node *n = g->first; n; previous = n, n = n->next, n_nodes++) {
        if (n->previous != previous) return wrong(err, "broken list of nodes", n->name);
        IG_TRY(check_node(g, n, err));
    }
    if (g->last != previous || n_nodes != g->n_nodes) return wrong(err, "wrong end or count of nodes", g->name);
    for (size_t i = 0; i < g->values.n; i++) {
        const ig_value *v = g->values.entries[i].value;
        if (!v) continue;
        if (v->graph != g || IG_KEY(v->name) != g->values.entries[i].key)
            return wrong(err, "a value under another name", v->name);
        IG_TRY(check_value(v, err));
    }
    for (size_t i = 0; i < g->outputs.n; i++)
        if (g->outputs.items[i].value && !has_use(g->outputs.items[i].value, NULL, g, (uint32_t)i))
            return wrong(err, "a graph output without a use", g->outputs.items[i].name);
    for (size_t i = 0; i < g->initializers.n; i++)
        if (!g->initializers.items[i]->constant)
            return wrong(err, "an initializer without content", g->initializers.items[i]->name);
    return IG_OK;
}

ig_status ig_model_validate(const ig_model *m, ig_error *err) {
    if (!m->graph) return ig_fail(err, IG_E_INTERNAL, "a model without a graph");
    IG_TRY(ig_graph_each(m->graph, check_graph, err));
    for (size_t i = 0; i < m->functions.n; i++) IG_TRY(ig_graph_each(m->functions.items[i]->body, check_graph, err));
    return IG_OK;
}
