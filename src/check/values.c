/* Rules about names across graphs. That a name is defined once in its graph the reader sees. */
#include "check/check.h"

#include <stdio.h>

void ig_check_values(ig_check *c);

static bool is_input(const ig_graph *g, ig_name name) {
    for (size_t i = 0; i < g->inputs.n; i++)
        if (g->inputs.items[i].name == name) return true;
    return false;
}

/* Up to IR version 3 an initializer is the default of an input. Since 4 it may stand alone, and in subgraphs it must. */
static void check_initializer(ig_check *c, const ig_graph *g, size_t i) {
    const ig_value *v = g->initializers.items[i];
    char which[160];
    long long ir = (long long)c->model->ir_version;
    snprintf(which, sizeof which, "initializer %zu", i);
    if (v->is_input && g->outer && ir >= 4) {
        ig_report_graph(c, IG_ERROR, "ssa", g, which, "rename one of them",
                        "'%.80s' is an input and an initializer of a subgraph", ig_name_text(v->name));
    }
    if (!v->is_input && ir > 0 && ir < 4 && !is_input(g, v->name)) {
        ig_report_graph(c, IG_ERROR, "initializer", g, which, "list it as an input, or raise ir_version to 4",
                        "initializer '%.80s' is not a graph input, as IR version %lld wants", ig_name_text(v->name), ir);
    }
}

/* A graph may not define anew what it could capture. */
static void check_output(ig_check *c, const ig_graph *g, const ig_node *n, uint32_t i) {
    const ig_value *v = n->out[i];
    const ig_value *outer = v && g->outer && v->name ? ig_graph_find(g->outer, v->name) : NULL;
    char which[160];
    if (!outer || !(outer->is_input || outer->constant || ig_check_computed_before(outer, n))) return;
    snprintf(which, sizeof which, "output %u", i);
    ig_report_node(c, IG_ERROR, "ssa", n, which, "rename it", "'%.80s' is defined in an outer graph too", v->name);
}

static void check_graph(ig_check *c, ig_graph *g) {
    for (size_t i = 0; i < g->initializers.n; i++) check_initializer(c, g, i);
    for (const ig_node *n = g->outer ? g->first : NULL; n; n = n->next)
        for (uint32_t i = 0; i < n->n_out; i++) check_output(c, g, n, i);
}

void ig_check_values(ig_check *c) { ig_check_each_graph(c, check_graph); }
