/* Order of nodes: topological sorting, dead code. */
#include "graph/graph.h"

/* Node of graph g that holds the place where a value is read or made (itself, or the one whose subgraph it is in); NULL when
 * that lies outside of g. */
static ig_node *holder_in(const ig_graph *g, ig_node *node) {
    while (node && node->graph != g) node = node->graph->owner;
    return node;
}

/* Counts the nodes of g that node must wait for, through its subgraphs too: sets mark of node. */
static void count_reads(const ig_graph *g, ig_node *node, const ig_node *inside) {
    for (uint32_t i = 0; i < inside->n_in; i++)
        if (inside->in[i] && inside->in[i]->producer && inside->in[i]->graph == g) node->mark++;
    for (const ig_attr *a = inside->attrs; a; a = a->next) {
        size_t n = a->kind == IG_ATTR_GRAPH && a->g ? 1 : a->kind == IG_ATTR_GRAPHS ? a->n : 0;
        for (size_t k = 0; k < n; k++) {
            const ig_graph *sub = a->kind == IG_ATTR_GRAPH ? a->g : a->graphs[k];
            for (const ig_node *m = sub->first; m; m = m->next) count_reads(g, node, m);
            for (size_t o = 0; o < sub->outputs.n; o++) {
                const ig_value *v = sub->outputs.items[o].value;
                if (v && v->graph == g && v->producer) node->mark++;
            }
        }
    }
}

static bool already_sorted(const ig_graph *g) {
    uint32_t position = 0;
    for (ig_node *n = g->first; n; n = n->next) n->mark = ++position;
    for (ig_node *n = g->first; n; n = n->next)
        for (uint32_t o = 0; o < n->n_out; o++)
            for (const ig_use *u = n->out[o] ? n->out[o]->uses : NULL; u; u = u->next) {
                const ig_node *reader = u->node ? holder_in(g, u->node) : u->graph == g ? NULL : holder_in(g, u->graph->owner);
                if (reader && reader->mark <= n->mark) return false;
            }
    return true;
}

/* Kahn's algorithm (1962) with the file's order as the tie break: repeatedly takes the first ready node. Ready nodes that lie
 * before the scan position wait in a list ordered by arrival. */
static ig_status sort_one(ig_graph *g, void *user) {
    ig_error *err = user;
    if (already_sorted(g)) return IG_OK;
    ig_arena scratch;
    ig_arena_init(&scratch, g->model->context);
    IG_VEC(ig_node *) ready = {0};
    ig_status status = IG_OK;
    size_t n_nodes = g->n_nodes;
    for (ig_node *n = g->first; n && status == IG_OK; n = n->next) {
        n->mark = 0;
        count_reads(g, n, n);
        if (n->mark == 0 && !IG_PUSH(&scratch, &ready, n)) status = ig_oom(err);
    }
    for (size_t next = 0; next < ready.n && status == IG_OK; next++) {
        ig_node *n = ready.items[next];
        for (uint32_t o = 0; o < n->n_out; o++)
            for (const ig_use *u = n->out[o] ? n->out[o]->uses : NULL; u; u = u->next) {
                ig_node *reader = u->node ? holder_in(g, u->node) : u->graph == g ? NULL : holder_in(g, u->graph->owner);
                if (reader && --reader->mark == 0 && !IG_PUSH(&scratch, &ready, reader)) status = ig_oom(err);
            }
    }
    if (status == IG_OK && ready.n < n_nodes) {
        ig_node *stuck = g->first;
        while (stuck && stuck->mark == 0) stuck = stuck->next;
        status = ig_fail(err, IG_NO, "the graph has a cycle through node '%.80s' (%.80s)", ig_name_text(stuck->name),
                         ig_name_text(stuck->op));
    }
    if (status == IG_OK)
        for (size_t i = 0; i < ready.n; i++) ig_node_move(ready.items[i], NULL);
    ig_arena_free(&scratch);
    return status;
}

ig_status ig_graph_sort(ig_graph *g, ig_error *err) { return ig_graph_each(g, sort_one, err); }

static bool has_uses(const ig_node *n) {
    for (uint32_t o = 0; o < n->n_out; o++)
        if (n->out[o] && n->out[o]->n_uses) return true;
    return false;
}

size_t ig_graph_remove_dead(ig_graph *g) {
    size_t removed = 0;
    for (ig_node *n = g->last, *previous; n; n = previous) { /* backwards: readers go before what they read */
        previous = n->previous;
        if (!has_uses(n)) {
            ig_node_erase(n);
            for (uint32_t o = 0; o < n->n_out; o++)
                if (n->out[o]) ig_map_remove(&g->values, IG_KEY(n->out[o]->name));
            removed++;
            continue;
        }
        for (ig_attr *a = n->attrs; a; a = a->next) {
            if (a->kind == IG_ATTR_GRAPH && a->g) removed += ig_graph_remove_dead(a->g);
            if (a->kind == IG_ATTR_GRAPHS)
                for (size_t i = 0; i < a->n; i++) removed += ig_graph_remove_dead(a->graphs[i]);
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < g->initializers.n; i++) {
        ig_value *v = g->initializers.items[i];
        if (v->n_uses || v->is_input)
            g->initializers.items[kept++] = v;
        else
            ig_map_remove(&g->values, IG_KEY(v->name));
    }
    g->initializers.n = kept;
    kept = 0;
    for (size_t i = 0; i < g->value_infos.n; i++) {
        const ig_value *v = g->value_infos.items[i].value;
        if (!v || ig_map_get(&g->values, IG_KEY(v->name)) == v) g->value_infos.items[kept++] = g->value_infos.items[i];
    }
    g->value_infos.n = kept;
    return removed;
}
