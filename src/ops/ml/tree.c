#include "ops/ml/tree.h"

#include <math.h>

enum { NEW, OPEN, DONE };

typedef struct flattener {
    ig_trees *t;
    const ig_tree_source *s;
    uint8_t *state;   /* of nodes */
    uint32_t *new_of; /* node -> its place */
    uint32_t *order;  /* place -> node */
    uint32_t *stack;
    size_t n;
    ig_error *err;
} flattener;

/* Gives places to a tree's nodes, parents first, the false side next to its parent. A node may have several parents (converters
 * write sets as chains of tests with a common leaf), but must not be among its own descendants. */
static ig_status place(flattener *f, uint32_t root) {
    size_t top = 0;
    f->stack[top++] = root;
    while (top) {
        uint32_t node = f->stack[top - 1];
        if (f->state[node] != NEW) {
            f->state[node] = DONE;
            top--;
            continue;
        }
        f->order[f->n] = node;
        f->new_of[node] = (uint32_t)f->n++;
        f->state[node] = OPEN;
        if (f->s->mode[node] == IG_TREE_LEAF) continue;
        const uint32_t next[2] = {f->s->when_true[node], f->s->when_false[node]};
        for (int k = 0; k < 2; k++) {
            if (f->state[next[k]] == OPEN)
                return ig_fail(f->err, IG_E_INPUT, "tree node %u is among its own descendants", (unsigned)next[k]);
            if (f->state[next[k]] == NEW) f->stack[top++] = next[k];
        }
    }
    return IG_OK;
}

typedef struct test {
    uint32_t kind;
    double value;
    uint32_t child[2];
    bool nan; /* goes to child 1 */
} test;

static double before(double x, bool wide) { return wide ? nextafter(x, -INFINITY) : (double)nextafterf((float)x, -INFINITY); }

/* A comparison in the one form of the walk. `nan_true`: NaN goes the true way. */
static test turn(ig_tree_mode mode, double value, uint32_t no, uint32_t yes, bool nan_true, bool wide) {
    if (mode == IG_TREE_MEMBER) return (test){IG_TREE_TEST_MEMBER, value, {no, yes}, nan_true};
    nan_true |= mode == IG_TREE_NEQ; /* NaN differs from everything */
    if (isnan(value)) {              /* nothing compares with NaN: all numbers go one way, here by x <= inf */
        bool differs = mode == IG_TREE_NEQ;
        return (test){IG_TREE_TEST_LEQ, INFINITY, {yes, differs ? yes : no}, differs || !nan_true};
    }
    if (mode == IG_TREE_LT || mode == IG_TREE_GTE) value = value == -INFINITY ? NAN : before(value, wide);
    uint32_t kind = mode == IG_TREE_EQ || mode == IG_TREE_NEQ ? IG_TREE_TEST_EQ : IG_TREE_TEST_LEQ;
    if (mode == IG_TREE_GT || mode == IG_TREE_GTE || mode == IG_TREE_NEQ) return (test){kind, value, {yes, no}, !nan_true};
    return (test){kind, value, {no, yes}, nan_true};
}

static void write_node(ig_trees *t, uint32_t at, const test *x, uint64_t feature) {
    uint32_t code = (uint32_t)feature << 3 | x->kind << 1 | (x->nan ? 1 : 0);
    if (t->wide)
        t->f64[at] = (ig_tree_node_f64){x->value, code, {x->child[0], x->child[1]}};
    else
        t->f32[at] = (ig_tree_node_f32){(float)x->value, code, {x->child[0], x->child[1]}};
}

static ig_status write_nodes(flattener *f) {
    ig_trees *t = f->t;
    const ig_tree_source *s = f->s;
    t->plain = true;
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t node = f->order[i];
        if (s->set) t->sets[i] = s->set[node];
        if (s->mode[node] == IG_TREE_LEAF) {
            ig_tree_span w = t->weights[i];
            write_node(t, i, &(test){IG_TREE_TEST_LEQ, w.n ? t->weight[w.first].value : 0, {i, i}, false}, 0);
            continue;
        }
        if (s->feature[node] < 0 || s->feature[node] >= IG_TREE_FEATURES)
            return ig_fail(f->err, IG_E_INPUT, "a tree's feature number is %lld", (long long)s->feature[node]);
        test x = turn((ig_tree_mode)s->mode[node], s->value[node], f->new_of[s->when_false[node]],
                      f->new_of[s->when_true[node]], s->nan_true[node], t->wide);
        t->plain &= x.kind == IG_TREE_TEST_LEQ && !x.nan;
        t->n_features = ig_max_size(t->n_features, (size_t)s->feature[node] + 1);
        write_node(t, i, &x, (uint64_t)s->feature[node]);
    }
    return IG_OK;
}

/* Weights by leaf, each leaf's in their order. What belongs to an inner node (old converters wrote that) or to no tree is left
 * out. */
static ig_status write_weights(flattener *f) {
    ig_trees *t = f->t;
    const ig_tree_source *s = f->s;
    uint32_t total = 0;
    t->all_positive = true;
    for (size_t i = 0; i < s->n_weights; i++) {
        uint32_t node = s->weight_node[i];
        if (s->weight[i].target >= t->n_targets)
            return ig_fail(f->err, IG_E_INPUT, "a leaf is for target %u of %zu", (unsigned)s->weight[i].target, t->n_targets);
        t->all_positive &= !(s->weight[i].value < 0);
        if (f->state[node] == DONE && s->mode[node] == IG_TREE_LEAF) t->weights[f->new_of[node]].n++;
    }
    for (size_t i = 0; i < f->n; i++) {
        t->weights[i].first = total;
        total += t->weights[i].n;
        t->weights[i].n = 0;
    }
    for (size_t i = 0; i < s->n_weights; i++) {
        uint32_t node = s->weight_node[i];
        if (f->state[node] != DONE || s->mode[node] != IG_TREE_LEAF) continue;
        ig_tree_span *w = &t->weights[f->new_of[node]];
        t->weight[w->first + w->n++] = s->weight[i];
    }
    t->one_class = true;
    for (size_t i = 1; i < s->n_weights; i++) t->one_class &= s->weight[i].target == s->weight[0].target;
    return IG_OK;
}

static bool get_room(flattener *f) {
    ig_trees *t = f->t;
    const ig_tree_source *s = f->s;
    ig_arena *arena = &t->arena;
    if (t->wide)
        t->f64 = IG_NEW_ARRAY(arena, ig_tree_node_f64, s->n);
    else
        t->f32 = IG_NEW_ARRAY(arena, ig_tree_node_f32, s->n);
    t->roots = IG_NEW_ARRAY(arena, uint32_t, s->n_roots);
    t->weights = IG_NEW_ARRAY(arena, ig_tree_span, s->n);
    t->weight = IG_NEW_ARRAY(arena, ig_tree_weight, s->n_weights);
    if (s->set) t->sets = IG_NEW_ARRAY(arena, ig_tree_span, s->n);
    return (t->f32 || t->f64) && t->roots && t->weights && t->weight && (!s->set || t->sets);
}

static ig_status flatten(flattener *f, ig_arena *scratch) {
    const ig_tree_source *s = f->s;
    f->state = IG_NEW_ARRAY(scratch, uint8_t, s->n);
    f->new_of = IG_NEW_ARRAY(scratch, uint32_t, s->n);
    f->order = IG_NEW_ARRAY(scratch, uint32_t, s->n);
    f->stack = IG_NEW_ARRAY(scratch, uint32_t, 2 * s->n + 2);
    if (!f->state || !f->new_of || !f->order || !f->stack || !get_room(f)) return ig_oom(f->err);
    for (size_t i = 0; i < s->n_roots; i++) {
        IG_TRY(place(f, s->roots[i]));
        f->t->roots[i] = f->new_of[s->roots[i]];
    }
    f->t->n_trees = s->n_roots;
    f->t->n_nodes = f->n;
    IG_TRY(write_weights(f));
    return write_nodes(f);
}

ig_status ig_trees_build(ig_trees *t, const ig_tree_source *s, ig_error *err) {
    flattener f = {.t = t, .s = s, .err = err};
    ig_arena scratch;
    if (s->n > UINT32_MAX / 4 || s->n_weights > UINT32_MAX / 4) return ig_fail(err, IG_E_LIMIT, "%zu tree nodes", s->n);
    ig_arena_init(&scratch, t->arena.context);
    ig_status status = flatten(&f, &scratch);
    ig_arena_free(&scratch);
    return status;
}
