/* Reading tree ensembles from attributes. */
#include "ops/ml/tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ------------------------------------------------------------------------------------------------------------- numbers */

/* A list of numbers that is an attribute of floats, or one of a tensor named with "_as_tensor". */
typedef struct numbers {
    const float *floats;
    const ig_tensor *tensor;
    size_t n;
} numbers;

static ig_status tensor_numbers(ig_prepare *p, const char *name, numbers *list) {
    ig_const *c = ig_attr_const(p->node, name);
    ig_tensor *t;
    *list = (numbers){0};
    if (!c) return IG_OK;
    IG_TRY(ig_const_tensor(p->node->graph->model, c, &t, p->err));
    if (t->kind != IG_KIND_TENSOR || t->dtype == IG_STRING)
        return ig_fail(p->err, IG_E_INPUT, "attribute %s must be a dense tensor of numbers", name);
    list->tensor = t;
    list->n = t->count;
    return IG_OK;
}

static ig_status read_numbers(ig_prepare *p, const char *name, numbers *list) {
    char as_tensor[64];
    snprintf(as_tensor, sizeof as_tensor, "%s_as_tensor", name);
    IG_TRY(tensor_numbers(p, as_tensor, list));
    if (!list->tensor) list->floats = ig_attr_floats(p->node, name, &list->n);
    return IG_OK;
}

static double number_at(const numbers *list, size_t i) {
    return list->floats ? (double)list->floats[i] : ig_load_as_f64(list->tensor->dtype, list->tensor->data, i);
}

static bool is_f64(const numbers *list) { return list->tensor && list->tensor->dtype == IG_F64; }

static ig_status keep_base(ig_prepare *p, ig_trees *t) {
    numbers base;
    IG_TRY(read_numbers(p, "base_values", &base));
    double *copy = IG_NEW_ARRAY(&t->arena, double, base.n);
    if (!copy) return ig_oom(p->err);
    for (size_t i = 0; i < base.n; i++) copy[i] = number_at(&base, i);
    t->base = copy;
    t->n_base = base.n;
    return IG_OK;
}

static bool alloc_source(ig_arena *a, ig_tree_source *s, size_t n, size_t n_roots, size_t n_weights) {
    *s = (ig_tree_source){.n = n, .n_weights = n_weights};
    s->mode = IG_NEW_ARRAY(a, uint8_t, n);
    s->feature = IG_NEW_ARRAY(a, int64_t, n);
    s->value = IG_NEW_ARRAY(a, double, n);
    s->when_true = IG_NEW_ARRAY(a, uint32_t, n);
    s->when_false = IG_NEW_ARRAY(a, uint32_t, n);
    s->nan_true = IG_NEW_ARRAY(a, uint8_t, n);
    s->roots = IG_NEW_ARRAY(a, uint32_t, n_roots);
    s->weight_node = IG_NEW_ARRAY(a, uint32_t, n_weights);
    s->weight = IG_NEW_ARRAY(a, ig_tree_weight, n_weights);
    return s->mode && s->feature && s->value && s->when_true && s->when_false && s->nan_true && s->roots && s->weight_node &&
           s->weight;
}

/* -------------------------------------------------------------------------------------- versions 1 and 3: (tree, node) ids */

typedef struct node_id {
    int64_t tree, node;
    uint32_t at;
} node_id;

typedef struct ids {
    const int64_t *tree, *node;
    size_t n;
    node_id *sorted;
} ids;

static int by_id(const void *a, const void *b) {
    const node_id *x = a, *y = b;
    if (x->tree != y->tree) return x->tree < y->tree ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

static ig_status sort_ids(ids *w, ig_arena *scratch, ig_error *err) {
    w->sorted = IG_NEW_ARRAY(scratch, node_id, w->n);
    if (!w->sorted) return ig_oom(err);
    bool ordered = true;
    for (size_t i = 0; i < w->n; i++) {
        w->sorted[i] = (node_id){w->tree[i], w->node[i], (uint32_t)i};
        ordered &= i == 0 || by_id(&w->sorted[i - 1], &w->sorted[i]) < 0;
    }
    if (!ordered) qsort(w->sorted, w->n, sizeof *w->sorted, by_id);
    for (size_t i = 1; i < w->n && !ordered; i++)
        if (by_id(&w->sorted[i - 1], &w->sorted[i]) == 0)
            return ig_fail(err, IG_E_INPUT, "node %lld of tree %lld appears twice", (long long)w->sorted[i].node,
                           (long long)w->sorted[i].tree);
    return IG_OK;
}

/* The number of a node; `near` is one of the same tree, from which it is found at once in files that list nodes in order. */
static bool find_id(const ids *w, int64_t tree, int64_t node, size_t near, uint32_t *at) {
    if (near < w->n && w->tree[near] == tree) {
        int64_t guess;
        if (!__builtin_sub_overflow(node, w->node[near], &guess) && !__builtin_add_overflow(guess, (int64_t)near, &guess) &&
            guess >= 0 && (uint64_t)guess < w->n && w->tree[guess] == tree && w->node[guess] == node) {
            *at = (uint32_t)guess;
            return true;
        }
    }
    node_id key = {tree, node, 0};
    const node_id *found = bsearch(&key, w->sorted, w->n, sizeof key, by_id);
    if (found) *at = found->at;
    return found != NULL;
}

static bool mode_of(ig_str text, uint8_t *mode) {
    static const char *const names[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE",    "BRANCH_GT",
                                        "BRANCH_EQ",  "BRANCH_NEQ", "BRANCH_MEMBER", "LEAF"};
    for (size_t i = 0; i < IG_COUNT_OF(names); i++) {
        if (!ig_str_is(text, names[i])) continue;
        *mode = (uint8_t)i;
        return i != IG_TREE_MEMBER; /* only TreeEnsemble has sets */
    }
    return false;
}

static ig_status read_nodes(ig_prepare *p, const ids *w, ig_tree_source *s, const numbers *values) {
    const ig_node *node = p->node;
    size_t n_modes, n_features, n_true, n_false, n_track;
    const ig_str *modes = ig_attr_strs(node, "nodes_modes", &n_modes);
    const int64_t *features = ig_attr_ints(node, "nodes_featureids", &n_features),
                  *when_true = ig_attr_ints(node, "nodes_truenodeids", &n_true),
                  *when_false = ig_attr_ints(node, "nodes_falsenodeids", &n_false),
                  *track = ig_attr_ints(node, "nodes_missing_value_tracks_true", &n_track);
    if (n_modes != w->n || n_features != w->n || n_true != w->n || n_false != w->n || values->n != w->n)
        return ig_fail(p->err, IG_E_INPUT, "the attributes nodes_* differ in length");
    for (size_t i = 0; i < w->n; i++) {
        if (!mode_of(modes[i], &s->mode[i]))
            return ig_fail(p->err, IG_E_UNSUPPORTED, "a tree node has mode '%.40s'", modes[i].s ? modes[i].s : "");
        s->feature[i] = features[i];
        s->value[i] = number_at(values, i);
        s->nan_true[i] = i < n_track && track[i] == 1;
        if (i == 0 || w->tree[i] != w->tree[i - 1]) s->roots[s->n_roots++] = (uint32_t)i;
        if (s->mode[i] == IG_TREE_LEAF) continue;
        if (!find_id(w, w->tree[i], when_true[i], i, &s->when_true[i]) ||
            !find_id(w, w->tree[i], when_false[i], i, &s->when_false[i]))
            return ig_fail(p->err, IG_E_INPUT, "a child of node %lld of tree %lld does not exist", (long long)w->node[i],
                           (long long)w->tree[i]);
    }
    return IG_OK;
}

static ig_status read_weights(ig_prepare *p, const ids *w, ig_tree_source *s, const numbers *weights, const char *of) {
    char name[3][32];
    size_t n_trees, n_nodes, n_targets;
    snprintf(name[0], sizeof name[0], "%s_treeids", of);
    snprintf(name[1], sizeof name[1], "%s_nodeids", of);
    snprintf(name[2], sizeof name[2], "%s_ids", of);
    const int64_t *trees = ig_attr_ints(p->node, name[0], &n_trees), *nodes = ig_attr_ints(p->node, name[1], &n_nodes),
                  *targets = ig_attr_ints(p->node, name[2], &n_targets);
    if (n_trees != s->n_weights || n_nodes != s->n_weights || n_targets != s->n_weights)
        return ig_fail(p->err, IG_E_INPUT, "the attributes %s_* differ in length", of);
    uint32_t near = 0;
    for (size_t i = 0; i < s->n_weights; i++) {
        if (!find_id(w, trees[i], nodes[i], near, &near))
            return ig_fail(p->err, IG_E_INPUT, "a weight is for node %lld of tree %lld, which does not exist",
                           (long long)nodes[i], (long long)trees[i]);
        if (targets[i] < 0 || targets[i] > UINT32_MAX)
            return ig_fail(p->err, IG_E_INPUT, "a weight is for target %lld", (long long)targets[i]);
        s->weight_node[i] = near;
        s->weight[i] = (ig_tree_weight){(uint32_t)targets[i], number_at(weights, i)};
    }
    return IG_OK;
}

static ig_status read_with(ig_prepare *p, ig_trees *t, const char *of, ig_arena *scratch) {
    char name[32];
    ids w = {0};
    ig_tree_source s;
    numbers values, weights;
    size_t n_node_ids;
    w.tree = ig_attr_ints(p->node, "nodes_treeids", &w.n);
    w.node = ig_attr_ints(p->node, "nodes_nodeids", &n_node_ids);
    if (n_node_ids != w.n) return ig_fail(p->err, IG_E_INPUT, "the attributes nodes_* differ in length");
    snprintf(name, sizeof name, "%s_weights", of);
    IG_TRY(read_numbers(p, "nodes_values", &values));
    IG_TRY(read_numbers(p, name, &weights));
    IG_TRY(keep_base(p, t));
    if (!alloc_source(scratch, &s, w.n, w.n, weights.n)) return ig_oom(p->err);
    IG_TRY(sort_ids(&w, scratch, p->err));
    IG_TRY(read_nodes(p, &w, &s, &values));
    IG_TRY(read_weights(p, &w, &s, &weights, of));
    return ig_trees_build(t, &s, p->err);
}

ig_status ig_trees_read(ig_prepare *p, ig_trees *t, const char *of) {
    ig_arena scratch;
    ig_arena_init(&scratch, p->context);
    ig_status status = read_with(p, t, of, &scratch);
    ig_arena_free(&scratch);
    return status;
}

/* --------------------------------------------------------------------------------------- version 5: indices, leaves apart */

typedef struct form_5 {
    numbers modes, splits, members, leaf_weights;
    const int64_t *feature, *when_true, *when_false, *true_is_leaf, *false_is_leaf, *targets, *roots, *track;
    size_t n, n_leaves, n_roots, n_track;
} form_5;

static ig_status read_form_5(ig_prepare *p, form_5 *f) {
    const ig_node *node = p->node;
    size_t n[6];
    IG_TRY(tensor_numbers(p, "nodes_modes", &f->modes));
    IG_TRY(tensor_numbers(p, "nodes_splits", &f->splits));
    IG_TRY(tensor_numbers(p, "membership_values", &f->members));
    IG_TRY(tensor_numbers(p, "leaf_weights", &f->leaf_weights));
    f->feature = ig_attr_ints(node, "nodes_featureids", &n[0]);
    f->when_true = ig_attr_ints(node, "nodes_truenodeids", &n[1]);
    f->when_false = ig_attr_ints(node, "nodes_falsenodeids", &n[2]);
    f->true_is_leaf = ig_attr_ints(node, "nodes_trueleafs", &n[3]);
    f->false_is_leaf = ig_attr_ints(node, "nodes_falseleafs", &n[4]);
    f->targets = ig_attr_ints(node, "leaf_targetids", &n[5]);
    f->roots = ig_attr_ints(node, "tree_roots", &f->n_roots);
    f->track = ig_attr_ints(node, "nodes_missing_value_tracks_true", &f->n_track);
    f->n = f->modes.n;
    f->n_leaves = f->leaf_weights.n;
    bool same = f->splits.n == f->n && n[5] == f->n_leaves;
    for (size_t i = 0; i < 5; i++) same &= n[i] == f->n;
    return same ? IG_OK : ig_fail(p->err, IG_E_INPUT, "the attributes nodes_* or leaf_* differ in length");
}

static bool child_of(const form_5 *f, int64_t id, int64_t leaf, uint32_t *at) {
    if (id < 0 || (uint64_t)id >= (leaf ? f->n_leaves : f->n)) return false;
    *at = (uint32_t)(leaf ? f->n + (size_t)id : (size_t)id);
    return true;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Sets lie one after the other, each ended by NaN, in the order of the nodes that test them. */
static ig_status read_sets(ig_prepare *p, const form_5 *f, ig_trees *t, ig_tree_source *s, ig_arena *scratch) {
    size_t at = 0;
    t->members = IG_NEW_ARRAY(&t->arena, double, f->members.n);
    s->set = IG_NEW_ARRAY(scratch, ig_tree_span, s->n);
    if (!t->members || !s->set) return ig_oom(p->err);
    for (size_t i = 0; i < f->n; i++) {
        if (s->mode[i] != IG_TREE_MEMBER) continue;
        ig_tree_span *set = &s->set[i];
        if (at >= f->members.n) return ig_fail(p->err, IG_E_INPUT, "membership_values has fewer sets than nodes test");
        set->first = (uint32_t)at;
        for (; at < f->members.n; at++) {
            double v = number_at(&f->members, at);
            if (isnan(v)) break;
            t->members[set->first + set->n++] = v;
        }
        at++; /* the NaN */
        qsort(t->members + set->first, set->n, sizeof(double), ascending);
    }
    return IG_OK;
}

static ig_status fill_5(ig_prepare *p, const form_5 *f, ig_tree_source *s, bool *any_set) {
    for (size_t i = 0; i < f->n; i++) {
        double mode = number_at(&f->modes, i);
        if (!(mode >= 0 && mode <= IG_TREE_MEMBER)) return ig_fail(p->err, IG_E_INPUT, "nodes_modes[%zu] is %g", i, mode);
        s->mode[i] = (uint8_t)mode;
        *any_set |= s->mode[i] == IG_TREE_MEMBER;
        s->feature[i] = f->feature[i];
        s->value[i] = number_at(&f->splits, i);
        s->nan_true[i] = i < f->n_track && f->track[i] == 1;
        if (!child_of(f, f->when_true[i], f->true_is_leaf[i], &s->when_true[i]) ||
            !child_of(f, f->when_false[i], f->false_is_leaf[i], &s->when_false[i]))
            return ig_fail(p->err, IG_E_INPUT, "a child of tree node %zu does not exist", i);
    }
    for (size_t i = 0; i < f->n_leaves; i++) {
        s->mode[f->n + i] = IG_TREE_LEAF;
        s->weight_node[i] = (uint32_t)(f->n + i);
        if (f->targets[i] < 0 || f->targets[i] > UINT32_MAX)
            return ig_fail(p->err, IG_E_INPUT, "leaf_targetids[%zu] is %lld", i, (long long)f->targets[i]);
        s->weight[i] = (ig_tree_weight){(uint32_t)f->targets[i], number_at(&f->leaf_weights, i)};
    }
    for (size_t i = 0; i < f->n_roots; i++)
        if (!child_of(f, f->roots[i], 0, &s->roots[s->n_roots++]))
            return ig_fail(p->err, IG_E_INPUT, "tree_roots[%zu] is %lld", i, (long long)f->roots[i]);
    return IG_OK;
}

static ig_status read_5_with(ig_prepare *p, ig_trees *t, ig_arena *scratch) {
    form_5 f = {0};
    ig_tree_source s;
    bool any_set = false;
    IG_TRY(read_form_5(p, &f));
    t->wide = is_f64(&f.splits);
    if (!alloc_source(scratch, &s, f.n + f.n_leaves, f.n_roots, f.n_leaves)) return ig_oom(p->err);
    IG_TRY(fill_5(p, &f, &s, &any_set));
    if (any_set) IG_TRY(read_sets(p, &f, t, &s, scratch));
    return ig_trees_build(t, &s, p->err);
}

ig_status ig_trees_read_5(ig_prepare *p, ig_trees *t) {
    ig_arena scratch;
    ig_arena_init(&scratch, p->context);
    ig_status status = read_5_with(p, t, &scratch);
    ig_arena_free(&scratch);
    return status;
}
