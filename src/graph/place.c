/* Where a node or graph stands in its model, for messages. */
#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>

enum { MAX_LEVELS = 64 };

typedef struct out_text {
    char *s;
    size_t size, n;
} out_text;

IG_PRINTF(2, 3) static void put(out_text *o, const char *format, ...) {
    if (o->n + 1 >= o->size) return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(o->s + o->n, o->size - o->n, format, args);
    va_end(args);
    if (n > 0) o->n = ig_min_size(o->n + (size_t)n, o->size - 1);
}

/* Name of the attribute of its owner that a graph is. */
static const char *attr_name(const ig_graph *graph) {
    for (const ig_attr *a = graph->owner->attrs; a; a = a->next) {
        if (a->kind == IG_ATTR_GRAPH && a->g == graph) return a->name;
        for (size_t i = 0; a->kind == IG_ATTR_GRAPHS && i < a->n; i++)
            if (a->graphs[i] == graph) return a->name;
    }
    return "graph";
}

static void put_node(out_text *o, const ig_node *node) {
    size_t index = 0;
    for (const ig_node *n = node->previous; n; n = n->previous) index++;
    put(o, ".node[%zu]", index);
    if (node->name && node->name[0]) put(o, " '%.80s'", node->name);
    put(o, " (%.80s)", ig_name_text(node->op));
}

static void put_graph(out_text *o, const ig_graph *graph) {
    const ig_graph *levels[MAX_LEVELS];
    size_t n = 0;
    for (const ig_graph *g = graph; g && n < MAX_LEVELS; g = g->outer) levels[n++] = g;
    const ig_graph *root = levels[n - 1];
    if (root->function) {
        const char *domain = ig_domain_canonical(root->function->domain);
        put(o, "function '%.80s%s%.80s'", domain, domain[0] ? "." : "", ig_name_text(root->function->name));
    } else {
        put(o, root->outer ? "..." : "graph");
    }
    for (size_t i = n - 1; i-- > 0;) {
        if (!levels[i]->owner) continue;
        put_node(o, levels[i]->owner);
        put(o, ".%.80s", attr_name(levels[i]));
    }
}

size_t ig_graph_place(const ig_graph *graph, char *out, size_t size) {
    if (size == 0) return 0;
    out_text o = {out, size, 0};
    put_graph(&o, graph);
    return o.n;
}

size_t ig_node_place(const ig_node *node, char *out, size_t size) {
    if (size == 0) return 0;
    out_text o = {out, size, 0};
    put_graph(&o, node->graph);
    put_node(&o, node);
    return o.n;
}
