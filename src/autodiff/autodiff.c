#include "autodiff/autodiff.h"

#include "ops/call.h"
#include "ops/expand/expand.h"

#include <stdio.h>

/* --------------------------------------------------------------------------------------------------------------- rules */

#define IG_GRADIENT(domain, name, since, until, text)
#define IG_GRADIENT_BY(domain, name, since, until, function) void function(ig_sketch *s, const ig_node *node);
#include "autodiff/gradients.def"

#define IG_GRADIENT(domain, name, since, until, text)        {domain, name, since, until, text, NULL},
#define IG_GRADIENT_BY(domain, name, since, until, function) {domain, name, since, until, NULL, function},
static const ig_gradient rules[] = {
#include "autodiff/gradients.def"
};

const ig_gradient *ig_gradient_of(const ig_node *node) {
    const ig_schema *schema = node->schema;
    for (size_t i = 0; schema && i < IG_COUNT_OF(rules); i++) {
        const ig_gradient *r = &rules[i];
        if (strcmp(r->name, schema->name) == 0 && strcmp(r->domain, schema->domain) == 0 && schema->since >= r->since &&
            (r->until == 0 || schema->since <= r->until))
            return r;
    }
    return NULL;
}

bool ig_gradient_wanted(const ig_sketch *s, size_t input) { return input < s->n_wanted && s->wanted[input]; }
bool ig_gradient_has(const ig_sketch *s, const char *name) { return ig_sketch_get(s, name) != NULL; }

void ig_gradient_unsupported(ig_sketch *s, const char *what) {
    if (s->status != IG_OK) return;
    s->status = ig_fail(s->err, IG_E_UNSUPPORTED, "%.80s can't be differentiated: %s", ig_name_text(s->node->op), what);
}

int ig_gradient_rank(const ig_sketch *s, const char *name) {
    const ig_value *v = ig_sketch_get(s, name);
    return ig_type_shape(v ? v->type : NULL).rank;
}

/* ---------------------------------------------------------------------------------------------------------------- walk */

typedef struct walk {
    ig_graph *graph;
    ig_node *before;
    ig_arena arena;
    ig_map active;   /* values that depend on xs, themselves included */
    ig_map gradient; /* value -> its gradient so far */
    ig_map fixed;    /* xs: independent, whatever makes them */
    ig_error *err;
} walk;

static bool is_active(const walk *w, const ig_value *v) { return v && ig_map_get(&w->active, IG_KEY(v)); }

static bool mark(walk *w, ig_value *v) { return ig_map_set(&w->active, IG_KEY(v), v); }

static ig_status visit_captures(ig_graph *g, void *user) {
    walk *w = user;
    for (const ig_node *n = g->first; n; n = n->next)
        for (uint32_t i = 0; i < n->n_in; i++)
            if (n->in[i] && n->in[i]->graph == w->graph && is_active(w, n->in[i])) return IG_NO;
    for (size_t i = 0; i < g->outputs.n; i++)
        if (is_active(w, g->outputs.items[i].value)) return IG_NO;
    return IG_OK;
}

/* Reads an active value, also from inside its graphs. */
static bool reads_active(walk *w, const ig_node *n) {
    for (uint32_t i = 0; i < n->n_in; i++)
        if (is_active(w, n->in[i])) return true;
    for (const ig_attr *a = n->attrs; a; a = a->next)
        if (a->kind == IG_ATTR_GRAPH && a->g && ig_graph_each(a->g, visit_captures, w) != IG_OK) return true;
    return false;
}

/* Only floats have gradients: whole numbers, booleans and strings end a path. */
static bool can_vary(const ig_node *n, uint32_t o) {
    const ig_value *v = n->out[o];
    const uint32_t floats = 1u << IG_F32 | 1u << IG_F64 | 1u << IG_F16 | 1u << IG_BF16;
    if (!v) return false;
    if (v->type && v->type->kind == IG_KIND_TENSOR && v->type->dtype) return floats >> v->type->dtype & 1;
    const ig_formal *formal = n->schema ? ig_schema_output(n->schema, o) : NULL;
    return !formal || (n->schema->types[formal->types].tensor & floats);
}

/* Forward: what depends on xs. */
static ig_status find_active(walk *w, ig_value *const *xs, size_t n) {
    ig_map_clear(&w->active);
    for (size_t i = 0; i < n; i++)
        if (!mark(w, xs[i]) || !ig_map_set(&w->fixed, IG_KEY(xs[i]), xs[i])) return ig_oom(w->err);
    for (const ig_node *node = w->graph->first; node && node != w->before; node = node->next) {
        if (!reads_active(w, node)) continue;
        for (uint32_t o = 0; o < node->n_out; o++)
            if (can_vary(node, o) && !mark(w, node->out[o])) return ig_oom(w->err);
    }
    return IG_OK;
}

/* Backward: the nodes that y depends on and that depend on xs, marked by node->mark = 1. */
static ig_status mark_path(walk *w, ig_value *y, bool *any) {
    ig_map needed;
    ig_map_init(&needed, &w->arena);
    *any = false;
    if (!ig_map_set(&needed, IG_KEY(y), y)) return ig_oom(w->err);
    for (ig_node *n = w->graph->last; n; n = n->previous) n->mark = 0;
    for (ig_node *n = w->before->previous; n; n = n->previous) {
        bool used = false;
        for (uint32_t o = 0; o < n->n_out; o++) {
            const ig_value *v = n->out[o];
            used |= v && ig_map_get(&needed, IG_KEY(v)) && is_active(w, v) && !ig_map_get(&w->fixed, IG_KEY(v));
        }
        if (!used || !reads_active(w, n)) continue;
        n->mark = 1;
        *any = true;
        for (uint32_t i = 0; i < n->n_in; i++)
            if (n->in[i] && !ig_map_set(&needed, IG_KEY(n->in[i]), n->in[i])) return ig_oom(w->err);
    }
    return IG_OK;
}

/* Bodies take the place of operators on the path that have no rule. *changed: the path has to be found anew. */
static ig_status expand_path(walk *w, bool *changed) {
    *changed = false;
    for (ig_node *n = w->graph->first, *next; n && n != w->before; n = next) {
        next = n->next;
        if (!n->mark || ig_gradient_of(n)) continue;
        const ig_expansion *e = ig_expansion_of(n);
        if (!e) {
            ig_fail(w->err, IG_E_UNSUPPORTED, "no gradient of %s%s%.80s", ig_node_domain(n), ig_node_domain(n)[0] ? "." : "",
                    ig_name_text(n->op));
            ig_error_at_node(w->err, n);
            return IG_E_UNSUPPORTED;
        }
        IG_TRY(ig_node_expand(n, e, w->err));
        *changed = true;
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------ gradients */

static ig_status add_gradient(walk *w, ig_sketch *s, ig_value *v, ig_value *d) {
    ig_value *sum = ig_map_get(&w->gradient, IG_KEY(v));
    if (sum) {
        ig_sketch_bind(s, "left", sum);
        ig_sketch_bind(s, "right", d);
        d = ig_sketch_value(s, "left + right");
    }
    if (s->status != IG_OK) return s->status;
    return ig_map_set(&w->gradient, IG_KEY(v), d) ? IG_OK : ig_oom(w->err);
}

static void bind_values(ig_sketch *s, char letter, ig_value *const *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char name[24];
        snprintf(name, sizeof name, "%c%zu", letter, i);
        ig_sketch_bind(s, name, values[i]);
    }
    char name[2] = {letter};
    if (n) ig_sketch_bind(s, name, values[0]);
}

static ig_status apply(walk *w, ig_sketch *s, const ig_gradient *rule, ig_node *n, ig_value *const *gs) {
    bind_values(s, 'x', n->in, n->n_in);
    bind_values(s, 'y', n->out, n->n_out);
    bind_values(s, 'g', gs, n->n_out);
    if (rule->text) {
        if (!gs[0]) return IG_OK;
        ig_sketch_run(s, "%s", rule->text);
    } else {
        rule->rule(s, n);
    }
    for (uint32_t i = 0; i < n->n_in && s->status == IG_OK; i++) {
        char name[24];
        snprintf(name, sizeof name, "d%u", (unsigned)i);
        ig_value *d = s->wanted[i] ? ig_sketch_get(s, name) : NULL;
        if (d) IG_TRY(add_gradient(w, s, n->in[i], d));
    }
    return s->status;
}

static ig_status pass_back(walk *w, ig_node *n) {
    ig_value **gs = IG_NEW_ARRAY(&w->arena, ig_value *, n->n_out);
    bool *wanted = IG_NEW_ARRAY(&w->arena, bool, n->n_in), any = false;
    if (!gs || !wanted) return ig_oom(w->err);
    ig_value *principal = NULL;
    for (uint32_t o = 0; o < n->n_out; o++) {
        gs[o] = n->out[o] ? ig_map_get(&w->gradient, IG_KEY(n->out[o])) : NULL;
        if (gs[o] && !principal) principal = gs[o];
    }
    for (uint32_t i = 0; i < n->n_in; i++) any |= wanted[i] = is_active(w, n->in[i]);
    if (!principal || !any) return IG_OK;
    ig_sketch s;
    ig_sketch_init(&s, w->before, n, principal, w->err);
    s.wanted = wanted;
    s.n_wanted = n->n_in;
    ig_status status = apply(w, &s, ig_gradient_of(n), n, gs);
    ig_sketch_free(&s);
    if (status != IG_OK) ig_error_at_node(w->err, n);
    return status;
}

static ig_status seed(walk *w, ig_value *y) {
    ig_sketch s;
    ig_sketch_init(&s, w->before, w->before, y, w->err);
    ig_sketch_bind(&s, "y", y);
    ig_value *one = ig_sketch_value(&s, "ones(y)");
    ig_status status = s.status;
    if (status == IG_OK && !ig_map_set(&w->gradient, IG_KEY(y), one)) status = ig_oom(w->err);
    ig_sketch_free(&s);
    return status;
}

static ig_status differentiate(walk *w, ig_value *y, ig_value *const *xs, size_t n) {
    bool any, changed;
    do {
        IG_TRY(find_active(w, xs, n));
        IG_TRY(mark_path(w, y, &any));
        IG_TRY(expand_path(w, &changed));
    } while (changed);
    if (is_active(w, y)) IG_TRY(seed(w, y));
    ig_node *last = w->before->previous;
    while (last && !last->mark) last = last->previous; /* nodes that are added from here on are not on the path */
    for (ig_node *node = last, *previous; node; node = previous) {
        previous = node->previous;
        if (node->mark) IG_TRY(pass_back(w, node));
    }
    return IG_OK;
}

ig_status ig_differentiate(ig_node *before, ig_value *y, ig_value *const *xs, size_t n, ig_value **gradients, ig_error *err) {
    walk w = {.graph = before->graph, .before = before, .err = err};
    ig_arena_init(&w.arena, before->graph->model->context);
    ig_map_init(&w.active, &w.arena);
    ig_map_init(&w.gradient, &w.arena);
    ig_map_init(&w.fixed, &w.arena);
    ig_status status = differentiate(&w, y, xs, n);
    for (size_t i = 0; i < n; i++) gradients[i] = status == IG_OK ? ig_map_get(&w.gradient, IG_KEY(xs[i])) : NULL;
    ig_arena_free(&w.arena);
    return status;
}
