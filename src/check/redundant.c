/* Rules about what a graph could do without: nodes whose results nobody uses, nodes that compute the same, constants without a
 * use. */
#include "check/check.h"
#include "ops/op.h"

#include <stdio.h>

void ig_check_redundant(ig_check *c);

/* ----------------------------------------------------------------------------------------------------------- dead nodes */

/* Whether somebody who counts reads the value. `live` says of nodes behind whether they do. */
static bool is_wanted(const ig_graph *g, const ig_value *v, const ig_node *producer, const bool *live) {
    for (const ig_use *u = v->uses; u; u = u->next) {
        if (!u->node && u->graph == g) return true;
        const ig_node *reader = ig_check_at_level(g, u->node ? u->node : u->graph ? u->graph->owner : NULL);
        if (!reader || reader->mark <= producer->mark || live[reader->mark]) return true;
    }
    return false;
}

static void check_dead(ig_check *c, const ig_graph *g, ig_arena *scratch) {
    bool *live = IG_NEW_ARRAY(scratch, bool, g->n_nodes);
    if (!live) {
        c->report->failed = true;
        return;
    }
    for (const ig_node *n = g->last; n; n = n->previous)
        for (uint32_t i = 0; i < n->n_out && !live[n->mark]; i++) live[n->mark] = n->out[i] && is_wanted(g, n->out[i], n, live);
    for (const ig_node *n = g->first; n; n = n->next) {
        if (live[n->mark] || (!n->schema && !n->function)) continue;
        ig_report_node(c, IG_WARNING, "dead-node", n, "", "optimize the model, or add the result to its outputs",
                       "nothing uses the result of %.80s", n->op);
    }
}

/* ----------------------------------------------------------------------------------------------------- duplicated nodes */

static bool is_plain(const ig_attr *a) {
    return a->kind == IG_ATTR_INT || a->kind == IG_ATTR_FLOAT || a->kind == IG_ATTR_STRING || a->kind == IG_ATTR_INTS ||
           a->kind == IG_ATTR_FLOATS;
}

static bool same_attr(const ig_attr *a, const ig_attr *b) {
    if (a->kind != b->kind || a->ref != b->ref || a->n != b->n) return false;
    switch (a->kind) {
    case IG_ATTR_INT: return a->i == b->i;
    case IG_ATTR_FLOAT: return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case IG_ATTR_STRING: return ig_str_eq(a->s, b->s);
    case IG_ATTR_INTS: return a->n == 0 || memcmp(a->ints, b->ints, a->n * sizeof *a->ints) == 0;
    default: return a->n == 0 || memcmp(a->floats, b->floats, a->n * sizeof *a->floats) == 0;
    }
}

/* Attributes of both, in whatever order. */
static bool same_attrs(const ig_node *a, const ig_node *b) {
    size_t na = 0, nb = 0;
    for (const ig_attr *x = a->attrs; x; x = x->next, na++) {
        const ig_attr *y = b->attrs;
        while (y && y->name != x->name) y = y->next;
        if (!y || !same_attr(x, y)) return false;
    }
    for (const ig_attr *y = b->attrs; y; y = y->next) nb++;
    return na == nb;
}

static bool same_work(const ig_node *a, const ig_node *b) {
    if (a->op != b->op || a->schema != b->schema || a->n_in != b->n_in || a->n_out != b->n_out) return false;
    if (a->n_in && memcmp(a->in, b->in, a->n_in * sizeof *a->in) != 0) return false;
    for (uint32_t i = 0; i < a->n_out; i++)
        if (!a->out[i] != !b->out[i]) return false;
    return same_attrs(a, b);
}

/* Whether two runs of the node give the same, and it is simple enough to be compared: no constants, no graphs. */
static bool is_comparable(const ig_node *n) {
    enum { MOST_ATTRS = 32 };
    const ig_op *op = n->schema ? ig_op_of(n) : NULL;
    size_t attrs = 0;
    if (!op || n->n_in == 0 || (op->flags & (IG_OP_RANDOM | IG_OP_GRAPHS))) return false;
    for (const ig_attr *a = n->attrs; a; a = a->next)
        if (!is_plain(a) || ++attrs > MOST_ATTRS) return false;
    return true;
}

typedef struct same_hash {
    struct same_hash *next;
    const ig_node *node;
} same_hash;

static void check_duplicates(ig_check *c, const ig_graph *g, ig_arena *scratch) {
    enum { MOST_TRIES = 16 };
    ig_map seen;
    ig_map_init(&seen, scratch);
    for (const ig_node *n = g->first; n; n = n->next) {
        if (!is_comparable(n)) continue;
        uint64_t h = ig_hash(n->in, n->n_in * sizeof *n->in, (uint64_t)(uintptr_t)n->op);
        same_hash *first = ig_map_get(&seen, h), *e = first;
        for (int k = 0; e && k < MOST_TRIES && !same_work(e->node, n); k++) e = e->next;
        if (e && same_work(e->node, n)) {
            char where[300];
            ig_node_place(e->node, where, sizeof where);
            ig_report_node(c, IG_NOTE, "duplicate-node", n, "", "optimize the model", "%.80s computes the same as %.280s",
                           n->op, where);
            continue;
        }
        same_hash *entry = IG_NEW(scratch, same_hash);
        if (!entry || !ig_map_set(&seen, h, entry)) {
            c->report->failed = true;
            return;
        }
        *entry = (same_hash){first, n};
    }
}

/* --------------------------------------------------------------------------------------------------- unused constants */

static void check_unused(ig_check *c, const ig_graph *g) {
    for (size_t i = 0; i < g->initializers.n; i++) {
        const ig_value *v = g->initializers.items[i];
        char which[160];
        if (v->uses || v->is_input || !v->constant || v->constant->bad) continue;
        snprintf(which, sizeof which, "initializer %zu", i);
        ig_report_graph(c, IG_WARNING, "unused-initializer", g, which, "optimize the model",
                        "nothing uses the initializer '%.80s' of %llu bytes", ig_name_text(v->name),
                        (unsigned long long)v->constant->bytes);
    }
    for (size_t i = 0; i < g->value_infos.n; i++) {
        const ig_value_info *info = &g->value_infos.items[i];
        const ig_value *v = info->value;
        char which[160];
        if (v && (v->producer || v->is_input || v->constant)) continue;
        snprintf(which, sizeof which, "value_info %zu", i);
        ig_report_graph(c, IG_NOTE, "value-info", g, which, "", "there is no value '%.80s'", ig_name_text(info->name));
    }
}

static void check_graph(ig_check *c, ig_graph *g) {
    ig_arena scratch;
    ig_arena_init(&scratch, c->model->context);
    check_dead(c, g, &scratch);
    check_duplicates(c, g, &scratch);
    if (!c->model->trainings.n) check_unused(c, g); /* which may name values of the main graph */
    ig_arena_free(&scratch);
}

void ig_check_redundant(ig_check *c) {
    /* Formats other than ONNX are judged as they are: their own tools made these graphs. */
    if (c->model->ir_version_given) ig_check_each_graph(c, check_graph);
}
