#include "ops/expand/expand.h"

#include <stdio.h>

#define IG_EXPAND(domain, name, since, until, text)        {domain, name, since, until, text, NULL},
#define IG_EXPAND_BY(domain, name, since, until, function) {domain, name, since, until, NULL, function},
#define IG_EXPAND_DECLARE(function)                        void function(ig_sketch *s, const ig_node *node);
#include "ops/expand/functions.def"

static const ig_expansion expansions[] = {
#include "ops/expand/expansions.def"
};

const ig_expansion *ig_expansion_of(const ig_node *node) {
    const ig_schema *schema = node->schema;
    for (size_t i = 0; schema && i < IG_COUNT_OF(expansions); i++) {
        const ig_expansion *e = &expansions[i];
        if (strcmp(e->name, schema->name) == 0 && strcmp(e->domain, schema->domain) == 0 && schema->since >= e->since &&
            (e->until == 0 || schema->since <= e->until))
            return e;
    }
    return NULL;
}

bool ig_sketch_has(const ig_sketch *s, const char *name) { return ig_sketch_get(s, name) != NULL; }

void ig_sketch_unsupported(ig_sketch *s, const char *what) {
    if (s->status != IG_OK) return;
    s->status = ig_fail(s->err, IG_E_UNSUPPORTED, "%.80s can't be expanded: %s", ig_name_text(s->node->op), what);
}

bool ig_sketch_shape(const ig_sketch *s, const char *name, ig_shape *shape) {
    const ig_value *v = ig_sketch_get(s, name);
    *shape = ig_type_shape(v ? v->type : NULL);
    return shape->rank >= 0;
}

static void bind_inputs(ig_sketch *s, const ig_node *node) {
    for (uint32_t i = 0; i < node->n_in; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%u", (unsigned)i);
        ig_sketch_bind(s, name, node->in[i]);
    }
    if (node->n_in) ig_sketch_bind(s, "x", node->in[0]);
}

static ig_value *result(const ig_sketch *s, uint32_t i) {
    char name[16];
    snprintf(name, sizeof name, "y%u", (unsigned)i);
    ig_value *y = ig_sketch_get(s, name);
    return !y && i == 0 ? ig_sketch_get(s, "y") : y;
}

/* True when the value was made by the body: then its node can make the old output instead. */
static bool made_by_body(const ig_node *node, const ig_value *y) {
    bool given = !y->producer;
    for (uint32_t i = 0; i < node->n_in; i++) given |= node->in[i] == y;
    for (uint32_t o = 0; o < node->n_out; o++) given |= node->out[o] == y;
    return !given;
}

/* The old output keeps its name and identity: whoever holds on to it still has the right value. */
static bool put_result(ig_sketch *s, ig_node *node, uint32_t o, ig_value *y, ig_map *taken) {
    ig_value *old = node->out[o], *before = ig_map_get(taken, IG_KEY(y)), *made = y;
    if (before || !made_by_body(node, y)) { /* a second result of the same value, or an input as it is */
        ig_sketch_bind(s, "r", before ? before : y);
        y = ig_sketch_value(s, "Identity(r)");
    }
    if (!y) return s->status == IG_OK;
    ig_node *maker = y->producer;
    uint32_t index = y->index;
    if (!old->type) old->type = y->type;
    ig_node_set_output(node, o, NULL);
    ig_node_set_output(maker, index, NULL);
    if (!ig_value_replace(y, old)) return false;
    ig_node_set_output(maker, index, old);
    ig_value_remove(y);
    return ig_map_set(taken, IG_KEY(made), old);
}

static void take_results(ig_sketch *s, ig_node *node) {
    for (uint32_t o = 0; o < node->n_out && s->status == IG_OK; o++) {
        if (!node->out[o] || node->out[o]->n_uses == 0 || result(s, o)) continue;
        char what[32];
        snprintf(what, sizeof what, "output %u is wanted", (unsigned)o);
        ig_sketch_unsupported(s, what);
    }
    ig_map taken; /* result -> the output that it became */
    ig_map_init(&taken, &s->arena);
    for (uint32_t o = 0; o < node->n_out && s->status == IG_OK; o++) {
        if (!node->out[o] || node->out[o]->n_uses == 0) continue;
        if (!put_result(s, node, o, result(s, o), &taken) && s->status == IG_OK) s->status = ig_oom(s->err);
    }
}

ig_status ig_node_expand(ig_node *node, const ig_expansion *e, ig_error *err) {
    ig_sketch s;
    ig_sketch_init(&s, node, node, node->n_in ? node->in[0] : NULL, err);
    bind_inputs(&s, node);
    if (e->text)
        ig_sketch_run(&s, "%s", e->text);
    else
        e->body(&s, node);
    take_results(&s, node);
    ig_status status = s.status;
    ig_sketch_free(&s);
    if (status == IG_OK) ig_node_erase(node);
    return status;
}
