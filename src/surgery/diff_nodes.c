/* Nodes of two graphs: which is which, and what changed in each.
 *
 * A node is the same as another when it makes a value of the same name, else when it has the same name, else when it does the
 * same to the same inputs (by a hash of all that leads to it), else when it is the next of its operator. */
#include "surgery/diff.h"

#include <stdio.h>

typedef struct matcher {
    ig_diff *d;
    ig_arena scratch;
    ig_map pairs;   /* node before -> node after */
    ig_map reverse; /* the other way */
    ig_status status;
} matcher;

static bool same_text(ig_name a, ig_name b) { return ig_str_eq(ig_name_str(a), ig_name_str(b)); }

static bool same_op(const ig_node *x, const ig_node *y) {
    return same_text(x->op, y->op) && strcmp(ig_node_domain(x), ig_node_domain(y)) == 0 && same_text(x->overload, y->overload);
}

static bool match(matcher *m, ig_node *x, ig_node *y) {
    bool ok = ig_map_set(&m->pairs, IG_KEY(x), y) && ig_map_set(&m->reverse, IG_KEY(y), x);
    for (uint32_t o = 0; ok && o < x->n_out && o < y->n_out; o++)
        if (x->out[o] && y->out[o]) ok = ig_map_set(&m->d->same, IG_KEY(x->out[o]), y->out[o]);
    return ok;
}

static bool is_free(const matcher *m, const ig_node *x, const ig_node *y) {
    return !ig_map_get(&m->pairs, IG_KEY(x)) && !ig_map_get(&m->reverse, IG_KEY(y));
}

/* ---- by names ---- */

static bool match_outputs(matcher *m, ig_graph *a, const ig_graph *b) {
    for (ig_node *x = a->first; x; x = x->next)
        for (uint32_t o = 0; o < x->n_out; o++) {
            ig_name name = x->out[o] ? ig_names_find(&m->d->b->names, ig_name_str(x->out[o]->name)) : NULL;
            const ig_value *v = name ? ig_map_get(&b->values, IG_KEY(name)) : NULL;
            ig_node *y = v ? v->producer : NULL;
            if (y && y->graph == b && same_op(x, y) && is_free(m, x, y) && !match(m, x, y)) return false;
        }
    return true;
}

static bool match_names(matcher *m, ig_graph *a, ig_graph *b) {
    ig_map named;
    ig_map_init(&named, &m->scratch);
    for (ig_node *y = b->first; y; y = y->next)
        if (ig_name_len(y->name) && !ig_map_set(&named, IG_KEY(y->name), y)) return false;
    for (ig_node *x = a->first; x; x = x->next) {
        ig_name name = ig_name_len(x->name) ? ig_names_find(&m->d->b->names, ig_name_str(x->name)) : NULL;
        ig_node *y = name ? ig_map_get(&named, IG_KEY(name)) : NULL;
        if (y && same_op(x, y) && is_free(m, x, y) && !match(m, x, y)) return false;
    }
    return true;
}

/* ---- by what they do ---- */

static uint64_t hash_name(ig_name name, uint64_t seed) { return ig_hash(ig_name_text(name), ig_name_len(name), seed); }

static uint64_t hash_attr(const ig_attr *a) {
    uint64_t h = hash_name(a->name, (uint64_t)a->kind);
    if (a->kind == IG_ATTR_INT) h = ig_hash(&a->i, sizeof a->i, h);
    if (a->kind == IG_ATTR_FLOAT) h = ig_hash(&a->f, sizeof a->f, h);
    if (a->kind == IG_ATTR_STRING) h = ig_hash(a->s.s, a->s.n, h);
    if (a->kind == IG_ATTR_INTS && a->n) h = ig_hash(a->ints, a->n * sizeof *a->ints, h);
    if (a->kind == IG_ATTR_FLOATS && a->n) h = ig_hash(a->floats, a->n * sizeof *a->floats, h);
    return h;
}

/* Hashes of values stand in a map; every value's is set before it is read when nodes are in order. */
static bool hash_node(const ig_node *n, ig_map *hashes, uint64_t *out) {
    uint64_t h = hash_name(n->op, hash_name(n->domain, n->n_out)), attrs = 0;
    for (const ig_attr *a = n->attrs; a; a = a->next) attrs += hash_attr(a); /* in any order */
    h = ig_hash(&attrs, sizeof attrs, h);
    for (uint32_t i = 0; i < n->n_in; i++) {
        const ig_value *v = n->in[i];
        uint64_t known = v ? (uint64_t)(uintptr_t)ig_map_get(hashes, IG_KEY(v)) : 1;
        if (!known) known = hash_name(v->name, 7);
        h = ig_hash(&known, sizeof known, h);
    }
    *out = h | 1;
    for (uint32_t o = 0; o < n->n_out; o++)
        if (n->out[o] && !ig_map_set(hashes, IG_KEY(n->out[o]), (void *)(uintptr_t)(ig_hash(&o, sizeof o, h) | 1)))
            return false;
    return true;
}

static bool match_hashes(matcher *m, ig_graph *a, ig_graph *b) {
    ig_map values, nodes;
    uint64_t h;
    ig_map_init(&values, &m->scratch);
    ig_map_init(&nodes, &m->scratch);
    for (ig_node *y = b->first; y; y = y->next) {
        if (!hash_node(y, &values, &h)) return false;
        if (!ig_map_get(&m->reverse, IG_KEY(y)) && !ig_map_get(&nodes, h) && !ig_map_set(&nodes, h, y)) return false;
    }
    for (ig_node *x = a->first; x; x = x->next) {
        if (!hash_node(x, &values, &h)) return false;
        ig_node *y = ig_map_get(&nodes, h);
        if (y && same_op(x, y) && is_free(m, x, y) && !match(m, x, y)) return false;
    }
    return true;
}

static bool match_order(matcher *m, ig_graph *a, ig_graph *b) {
    ig_node *y = b->first;
    for (ig_node *x = a->first; x && y; x = x->next) {
        ig_node *paired = ig_map_get(&m->pairs, IG_KEY(x));
        if (paired) {
            y = paired->next;
            continue;
        }
        ig_node *z = y; /* up to the next that has its counterpart */
        while (z && !ig_map_get(&m->reverse, IG_KEY(z)) && !same_op(x, z)) z = z->next;
        if (!z || ig_map_get(&m->reverse, IG_KEY(z))) continue;
        if (!match(m, x, z)) return false;
        y = z->next;
    }
    return true;
}

/* ---- what changed ---- */

static const char *place(matcher *m, const ig_node *n, const char *format, const char *what) {
    char where[400];
    size_t used = ig_node_place(n, where, sizeof where);
    if (what && used < sizeof where) snprintf(where + used, sizeof where - used, format, what);
    return ig_arena_printf(&m->scratch, "%s", where);
}

static const ig_attr *find_attr(const ig_node *n, ig_name name) { return name ? ig_attr_find(n, name) : NULL; }

static ig_status compare_attr(matcher *m, const ig_node *x, const ig_attr *before, const ig_attr *after) {
    ig_status status = IG_OK;
    const char *how = !before ? "added" : !after ? "removed" : "changed";
    if (before && after && ig_diff_same_attr(m->d, before, after, &status)) {
        if (before->kind == IG_ATTR_GRAPH && before->g && after->g) return ig_diff_graphs(m->d, before->g, after->g);
        for (size_t i = 0; before->kind == IG_ATTR_GRAPHS && i < before->n; i++)
            IG_TRY(ig_diff_graphs(m->d, before->graphs[i], after->graphs[i]));
        return IG_OK;
    }
    IG_TRY(status);
    const char *where = place(m, x, ", attribute '%.80s'", ig_name_text(before ? before->name : after->name));
    IG_TRY(ig_diff_add(m->d, "attribute", how, where, ig_diff_attr_text(m->d, before), ig_diff_attr_text(m->d, after)));
    if (!before || !after || before->kind != IG_ATTR_TENSOR || after->kind != IG_ATTR_TENSOR || !before->t || !after->t)
        return IG_OK;
    if (!ig_diff_same_const_type(before->t, after->t)) return IG_OK;
    ig_content_diff c;
    IG_TRY(ig_diff_content(m->d, (ig_const *)(uintptr_t)before->t, (ig_const *)(uintptr_t)after->t, &c));
    ig_difference_item *item = ig_diff_last(m->d);
    item->numbers = c.numbers;
    item->count = c.count;
    item->changed = c.changed;
    item->max_abs = c.max_abs;
    item->norm = c.norm;
    item->relative = c.relative;
    return IG_OK;
}

static ig_status compare_inputs(matcher *m, const ig_node *x, const ig_node *y) {
    uint32_t n = x->n_in > y->n_in ? x->n_in : y->n_in;
    for (uint32_t i = 0; i < n; i++) {
        const ig_value *v = i < x->n_in ? x->in[i] : NULL, *w = i < y->n_in ? y->in[i] : NULL;
        if (!v && !w) continue;
        const ig_value *now = v ? ig_map_get(&m->d->same, IG_KEY(v)) : NULL;
        if (v && w && (now ? now == w : same_text(v->name, w->name))) continue;
        char which[24];
        snprintf(which, sizeof which, "%u", i);
        IG_TRY(ig_diff_add(m->d, "node input",
                           !v   ? "added"
                           : !w ? "removed"
                                : "changed",
                           place(m, x, ", input %s", which), v ? ig_name_text(v->name) : NULL,
                           w ? ig_name_text(w->name) : NULL));
    }
    return IG_OK;
}

static ig_status compare_nodes(matcher *m, ig_node *x, ig_node *y) {
    if (!same_text(x->name, y->name) && ig_name_len(x->name) && ig_name_len(y->name))
        IG_TRY(ig_diff_add(m->d, "node", "renamed", place(m, x, "", NULL), x->name, y->name));
    for (uint32_t o = 0; o < x->n_out && o < y->n_out; o++)
        if (x->out[o] && y->out[o] && !same_text(x->out[o]->name, y->out[o]->name))
            IG_TRY(ig_diff_add(m->d, "value", "renamed", place(m, x, "", NULL), ig_name_text(x->out[o]->name),
                               ig_name_text(y->out[o]->name)));
    IG_TRY(compare_inputs(m, x, y));
    for (const ig_attr *a = x->attrs; a; a = a->next) IG_TRY(compare_attr(m, x, a, find_attr(y, a->name)));
    for (const ig_attr *a = y->attrs; a; a = a->next)
        if (!find_attr(x, a->name)) IG_TRY(compare_attr(m, x, NULL, a));
    return IG_OK;
}

static const char *outputs_text(matcher *m, const ig_node *n) {
    ig_text t;
    ig_text_init(&t, &m->scratch);
    for (uint32_t o = 0; o < n->n_out && o < 4; o++)
        ig_text_printf(&t, "%s%.80s", o ? ", " : "", n->out[o] ? ig_name_text(n->out[o]->name) : "");
    return t.s ? t.s : "";
}

static ig_status report(matcher *m, ig_graph *a, ig_graph *b) {
    for (ig_node *x = a->first; x; x = x->next) {
        ig_node *y = ig_map_get(&m->pairs, IG_KEY(x));
        if (y)
            IG_TRY(compare_nodes(m, x, y));
        else
            IG_TRY(ig_diff_add(m->d, "node", "removed", place(m, x, "", NULL), outputs_text(m, x), NULL));
    }
    for (ig_node *y = b->first; y; y = y->next)
        if (!ig_map_get(&m->reverse, IG_KEY(y)))
            IG_TRY(ig_diff_add(m->d, "node", "added", place(m, y, "", NULL), NULL, outputs_text(m, y)));
    return IG_OK;
}

ig_status ig_diff_graphs(ig_diff *d, ig_graph *a, ig_graph *b) {
    matcher m = {.d = d};
    ig_arena_init(&m.scratch, d->out->context);
    ig_map_init(&m.pairs, &m.scratch);
    ig_map_init(&m.reverse, &m.scratch);
    for (size_t i = 0; a->outer && i < a->inputs.n && i < b->inputs.n; i++) /* of inner graphs by position */
        if (a->inputs.items[i].value && b->inputs.items[i].value)
            ig_map_set(&d->same, IG_KEY(a->inputs.items[i].value), b->inputs.items[i].value);
    bool ok = match_outputs(&m, a, b) && match_names(&m, a, b) && match_hashes(&m, a, b) && match_order(&m, a, b);
    ig_status status = ok ? report(&m, a, b) : ig_oom(d->err);
    ig_arena_free(&m.scratch);
    return status;
}
