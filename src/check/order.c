/* Rules about order: what a node reads is defined, and computed before; no cycles; outputs are produced. */
#include "check/check.h"

#include <stdio.h>

void ig_check_order(ig_check *c);

static bool is_defined(const ig_value *v) { return v->producer || v->is_input || v->constant; }

/* ------------------------------------------------------------------------------------------------------------- cycles */

/* Kahn's algorithm on one graph: how many values each node still waits for; nodes in cycles, and those behind them, keep
 * waiting. */
typedef struct sorter {
    const ig_graph *graph;
    const ig_node **nodes, **ready;
    uint32_t *waits;
    size_t n, n_ready;
} sorter;

/* The node of the graph that uses the value at this use, NULL for none. */
static const ig_node *consumer(const sorter *s, const ig_use *use) {
    return ig_check_at_level(s->graph, use->node ? use->node : use->graph ? use->graph->owner : NULL);
}

static void each_consumer(sorter *s, const ig_node *producer, bool release) {
    for (uint32_t i = 0; i < producer->n_out; i++)
        for (const ig_use *u = producer->out[i] ? producer->out[i]->uses : NULL; u; u = u->next) {
            const ig_node *n = producer->out[i]->producer == producer ? consumer(s, u) : NULL;
            if (!n) continue;
            if (!release) {
                s->waits[n->mark]++;
            } else if (--s->waits[n->mark] == 0) {
                s->ready[s->n_ready++] = n;
            }
        }
}

static bool sort(sorter *s, ig_arena *scratch) {
    s->n = s->graph->n_nodes;
    s->nodes = IG_NEW_ARRAY(scratch, const ig_node *, s->n);
    s->ready = IG_NEW_ARRAY(scratch, const ig_node *, s->n);
    s->waits = IG_NEW_ARRAY(scratch, uint32_t, s->n);
    if (!s->nodes || !s->ready || !s->waits) return false;
    for (const ig_node *n = s->graph->first; n; n = n->next) s->nodes[n->mark] = n;
    for (size_t i = 0; i < s->n; i++) each_consumer(s, s->nodes[i], false);
    for (size_t i = 0; i < s->n; i++)
        if (s->waits[i] == 0) s->ready[s->n_ready++] = s->nodes[i];
    for (size_t i = 0; i < s->n_ready; i++) each_consumer(s, s->ready[i], true);
    return true;
}

/* Looks for an input that a waiting node of the graph makes. */
typedef struct search {
    const sorter *s;
    const ig_value *through;
} search;

static void search_inputs(search *q, const ig_node *node) {
    for (uint32_t i = 0; i < node->n_in && !q->through; i++) {
        const ig_node *p = node->in[i] ? node->in[i]->producer : NULL;
        if (p && p->graph == q->s->graph && q->s->waits[p->mark]) q->through = node->in[i];
    }
}

static ig_status search_graph(ig_graph *graph, void *user) {
    for (const ig_node *n = graph->first; n; n = n->next) search_inputs(user, n);
    return IG_OK;
}

/* The value of a waiting node that `node` waits for, itself or in its graphs. */
static const ig_value *waits_for(const sorter *s, const ig_node *node) {
    search q = {.s = s};
    search_inputs(&q, node);
    for (const ig_attr *a = node->attrs; a && !q.through; a = a->next) {
        if (a->kind == IG_ATTR_GRAPH && a->g) ig_graph_each(a->g, search_graph, &q);
        for (size_t i = 0; a->kind == IG_ATTR_GRAPHS && i < a->n; i++) ig_graph_each(a->graphs[i], search_graph, &q);
    }
    return q.through;
}

/* Follows what waits for what until a node comes again. */
static void report_cycle(ig_check *c, const sorter *s, ig_arena *scratch) {
    enum { MOST = 12 };
    bool *seen = IG_NEW_ARRAY(scratch, bool, s->n);
    const ig_node *node = NULL;
    const ig_value *through = NULL;
    for (size_t i = 0; i < s->n && !node; i++)
        if (s->waits[i]) node = s->nodes[i];
    if (!seen || !node) return;
    while (!seen[node->mark]) {
        seen[node->mark] = true;
        if (!(through = waits_for(s, node))) return;
        node = through->producer;
    }
    char text[800];
    size_t at = 0, n = 0;
    const ig_node *first = node;
    do {
        through = waits_for(s, node);
        node = through->producer;
        at += (size_t)snprintf(text + at, sizeof text - at, "%sneeds '%.40s' from '%.40s' (%.40s)", n ? ", which " : "",
                               ig_name_text(through->name), ig_name_text(node->name), ig_name_text(node->op));
    } while (node != first && ++n < MOST && at < sizeof text - 160);
    const char *hint = "the graph can't be computed; the exporter is at fault";
    if (n == 0) {
        ig_report_node(c, IG_ERROR, "cycle", first, "", hint, "the node uses its own output: it %s", text);
    } else {
        ig_report_node(c, IG_ERROR, "cycle", first, "", hint, "cycle: the node %s", text);
    }
}

/* ------------------------------------------------------------------------------------------------------------- inputs */

static void check_input(ig_check *c, const ig_node *n, uint32_t i, bool *unordered) {
    const ig_value *v = n->in[i];
    if (!v) return;
    char which[160];
    snprintf(which, sizeof which, "input %u '%.80s'", i, ig_name_text(v->name));
    if (!is_defined(v)) {
        ig_report_node(c, IG_ERROR, "undefined", n, which, "", "'%.80s' is not defined", ig_name_text(v->name));
    } else if (v->producer && !v->is_input && !v->constant && !ig_check_computed_before(v, n)) {
        *unordered = true;
    }
}

static void report_unordered(ig_check *c, const ig_graph *g) {
    for (const ig_node *n = g->first; n; n = n->next)
        for (uint32_t i = 0; i < n->n_in; i++) {
            const ig_value *v = n->in[i];
            if (!v || !v->producer || v->is_input || v->constant || ig_check_computed_before(v, n)) continue;
            char which[160];
            snprintf(which, sizeof which, "input %u '%.80s'", i, ig_name_text(v->name));
            ig_report_node(c, IG_ERROR, "order", n, which, "nodes must stand in the order of execution",
                           "'%.80s' is used before it is computed", ig_name_text(v->name));
        }
}

static void check_outputs(ig_check *c, const ig_graph *g) {
    for (size_t i = 0; i < g->outputs.n; i++) {
        const ig_value_info *o = &g->outputs.items[i];
        char which[160];
        snprintf(which, sizeof which, "output %zu '%.80s'", i, ig_name_text(o->name));
        if (!o->name || !o->name[0]) {
            ig_report_graph(c, IG_ERROR, "name", g, which, "", "output %zu has no name", i);
        } else if (!o->value || !is_defined(o->value)) {
            const char *who = g->function && !g->outer ? "the function" : "the graph";
            ig_report_graph(c, IG_ERROR, "undefined", g, which, "", "output '%.80s' is not produced by %s", o->name, who);
        }
    }
}

static void check_graph(ig_check *c, ig_graph *g) {
    bool unordered = false;
    for (const ig_node *n = g->first; n; n = n->next)
        for (uint32_t i = 0; i < n->n_in; i++) check_input(c, n, i, &unordered);
    check_outputs(c, g);
    if (!unordered) return;
    ig_arena scratch;
    ig_arena_init(&scratch, c->model->context);
    sorter s = {.graph = g};
    if (!sort(&s, &scratch)) {
        c->report->failed = true;
    } else if (s.n_ready < s.n) {
        report_cycle(c, &s, &scratch);
    } else {
        report_unordered(c, g);
    }
    ig_arena_free(&scratch);
}

void ig_check_order(ig_check *c) { ig_check_each_graph(c, check_graph); }
