/* Rules about names: everything has one, and each is defined once (static single assignment). */
#include "check/check.h"

#include <stdio.h>

void ig_check_values(ig_check *c);

/* What a name of a graph was defined as first. */
typedef enum definition { INPUT = 1, INITIALIZER, NODE_OUTPUT } definition;

static const char *const words[] = {
    [INPUT] = "a graph input", [INITIALIZER] = "an initializer", [NODE_OUTPUT] = "the output of a node"};

typedef struct definitions {
    ig_check *c;
    ig_map kinds; /* name -> definition */
} definitions;

static definition kind_of(const definitions *d, ig_name name) {
    return (definition)(uintptr_t)ig_map_get(&d->kinds, IG_KEY(name));
}

static void define(definitions *d, ig_name name, definition kind) {
    if (!ig_map_set(&d->kinds, IG_KEY(name), (void *)(uintptr_t)kind)) d->c->report->failed = true;
}

static bool unnamed(ig_name name) { return !name || !name[0]; }

static void check_inputs(definitions *d, const ig_graph *g) {
    for (size_t i = 0; i < g->inputs.n; i++) {
        ig_name name = g->inputs.items[i].name;
        char which[160];
        snprintf(which, sizeof which, "input %zu", i);
        if (unnamed(name)) {
            ig_report_graph(d->c, IG_ERROR, "name", g, which, "", "input %zu has no name", i);
        } else if (kind_of(d, name)) {
            ig_report_graph(d->c, IG_ERROR, "ssa", g, which, "", "input '%.80s' is declared twice", name);
        } else {
            define(d, name, INPUT);
        }
    }
}

/* Up to IR version 3 an initializer is a default of an input; since 4 it may stand alone, and in subgraphs it must. */
static void check_initializer(definitions *d, const ig_graph *g, size_t i) {
    const ig_value *v = g->initializers.items[i];
    const char *name = ig_name_text(v->name);
    char which[160];
    int64_t ir = d->c->model->ir_version;
    snprintf(which, sizeof which, "initializer %zu", i);
    if (unnamed(v->name)) {
        ig_report_graph(d->c, IG_ERROR, "name", g, which, "", "initializer %zu has no name", i);
        return;
    }
    definition kind = kind_of(d, v->name);
    if (kind == INITIALIZER) ig_report_graph(d->c, IG_ERROR, "ssa", g, which, "", "initializer '%.80s' occurs twice", name);
    if (kind == INPUT && g->outer && ir >= 4) {
        ig_report_graph(d->c, IG_ERROR, "ssa", g, which, "rename one of them",
                        "'%.80s' is an input and an initializer of a subgraph", name);
    }
    if (!kind && ir > 0 && ir < 4) {
        ig_report_graph(d->c, IG_ERROR, "initializer", g, which, "list it as an input, or raise ir_version to 4",
                        "initializer '%.80s' is not a graph input, as IR version %lld wants", name, (long long)ir);
    }
    define(d, v->name, INITIALIZER);
}

static void check_output(definitions *d, const ig_graph *g, const ig_node *n, uint32_t i) {
    const ig_value *v = n->out[i];
    if (!v || unnamed(v->name)) return;
    char which[160];
    snprintf(which, sizeof which, "output %u", i);
    definition kind = kind_of(d, v->name);
    if (kind == NODE_OUTPUT) {
        ig_report_node(d->c, IG_ERROR, "ssa", n, which, "every name is assigned once", "'%.80s' is assigned twice", v->name);
        return;
    }
    if (kind)
        ig_report_node(d->c, IG_ERROR, "ssa", n, which, "", "'%.80s' is %s and the output of a node", v->name, words[kind]);
    const ig_value *outer = g->outer ? ig_graph_find(g->outer, v->name) : NULL;
    if (!kind && outer && (outer->is_input || outer->constant || ig_check_computed_before(outer, n))) {
        ig_report_node(d->c, IG_ERROR, "ssa", n, which, "rename it", "'%.80s' is defined in an outer graph too", v->name);
    }
    define(d, v->name, NODE_OUTPUT);
}

static void check_graph(ig_check *c, ig_graph *g) {
    ig_arena scratch;
    ig_arena_init(&scratch, c->model->context);
    definitions d = {.c = c};
    ig_map_init(&d.kinds, &scratch);
    check_inputs(&d, g);
    for (size_t i = 0; i < g->initializers.n; i++) check_initializer(&d, g, i);
    for (const ig_node *n = g->first; n; n = n->next)
        for (uint32_t i = 0; i < n->n_out; i++) check_output(&d, g, n, i);
    ig_arena_free(&scratch);
}

void ig_check_values(ig_check *c) { ig_check_each_graph(c, check_graph); }
