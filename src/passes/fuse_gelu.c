/* Names what exporters write in small steps.
 *
 *     y = x * (0.5 * (1 + Erf(x / sqrt(2))))                                   =>   y = com.microsoft.Gelu(x)
 *     y = 0.5 * x * (1 + Tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))      =>   y = com.microsoft.FastGelu(x)
 *
 * in any order of the factors, with constants on either side. Right because these are the definitions (Hendrycks, Gimpel:
 * Gaussian Error Linear Units, 2016); what stands between must have no other readers. */
#include "passes/match.h"

#include <math.h>

enum { MOST = 6 };

/* A product taken apart: its constant factor and its other factors. Nodes that make it go to `nodes`. */
typedef struct factors {
    double scale;
    ig_value *of[MOST];
    size_t n;
    ig_node *nodes[2 * MOST];
    size_t n_nodes;
} factors;

static bool is_near(double a, double b) { return fabs(a - b) <= 1e-3 * fabs(b); }

/* The value as a product of values that are no products of one reader themselves. */
static void take_apart(ig_value *v, factors *f, bool top, int depth) {
    ig_node *n = v->producer;
    double c;
    bool inner = n && n->schema && n->schema->since >= 7 && (top || ig_match_only_reader(v)) && depth < MOST;
    if (inner && ig_node_is(n, "", "Div") && ig_match_scalar(n->in[1], &c) && c != 0 && f->n_nodes < MOST) {
        f->scale /= c;
        f->nodes[f->n_nodes++] = n;
        take_apart(n->in[0], f, false, depth + 1);
        return;
    }
    if (inner && ig_node_is(n, "", "Mul") && f->n_nodes < MOST) {
        f->nodes[f->n_nodes++] = n;
        for (int i = 0; i < 2; i++) {
            if (ig_match_scalar(n->in[i], &c))
                f->scale *= c;
            else
                take_apart(n->in[i], f, false, depth + 1);
        }
        return;
    }
    if (inner && ig_node_is(n, "", "Pow") && ig_match_scalar(n->in[1], &c) && c == 3 && f->n + 3 <= MOST) {
        f->nodes[f->n_nodes++] = n;
        for (int i = 0; i < 3; i++) f->of[f->n++] = n->in[0];
        return;
    }
    if (f->n < MOST)
        f->of[f->n++] = v;
    else
        f->n = MOST + 1; /* too many: matches nothing */
}

/* Both addends of a sum that one node reads; false when it is none. */
static bool addends(const ig_value *v, ig_value *of[2], ig_node **node) {
    *node = v->producer;
    if (!*node || !ig_node_is(*node, "", "Add") || !ig_match_only_reader(v) || (*node)->schema == NULL ||
        (*node)->schema->since < 7)
        return false;
    of[0] = (*node)->in[0], of[1] = (*node)->in[1];
    return true;
}

/* 1 + f(w): w, the node of f and the sum's. */
static ig_value *one_plus(const ig_value *v, const char *f, ig_node **nodes) {
    ig_value *of[2];
    double one;
    if (!addends(v, of, &nodes[0])) return NULL;
    int k = ig_match_scalar(of[0], &one) ? 1 : 0;
    if ((k == 0 && !ig_match_scalar(of[1], &one)) || one != 1) return NULL;
    nodes[1] = of[k]->producer;
    if (!nodes[1] || !ig_node_is(nodes[1], "", f) || !ig_match_only_reader(of[k])) return NULL;
    return nodes[1]->in[0];
}

/* sqrt(2 / pi) * (x + 0.044715 * x^3). */
static bool is_tanh_argument(ig_value *v, const ig_value *x) {
    factors outer = {.scale = 1};
    ig_value *of[2];
    ig_node *sum;
    take_apart(v, &outer, false, 0);
    if (outer.n != 1 || !is_near(outer.scale, sqrt(2 / acos(-1))) || !addends(outer.of[0], of, &sum)) return false;
    ig_value *cube = of[0] == x ? of[1] : of[1] == x ? of[0] : NULL;
    if (!cube) return false;
    factors inner = {.scale = 1};
    take_apart(cube, &inner, false, 0);
    return inner.n == 3 && inner.of[0] == x && inner.of[1] == x && inner.of[2] == x && is_near(inner.scale, 0.044715);
}

/* The argument when v is the function of it. */
static ig_value *match(ig_value *v, const char **name) {
    factors f = {.scale = 1};
    take_apart(v, &f, true, 0);
    if (f.n != 2 || !is_near(f.scale, 0.5)) return NULL;
    for (int k = 0; k < 2; k++) {
        ig_node *nodes[2];
        ig_value *x = f.of[1 - k], *w = one_plus(f.of[k], "Erf", nodes);
        if (w) {
            factors g = {.scale = 1};
            take_apart(w, &g, false, 0);
            *name = "Gelu";
            if (g.n == 1 && g.of[0] == x && is_near(g.scale, sqrt(0.5))) return x;
        }
        w = one_plus(f.of[k], "Tanh", nodes);
        *name = "FastGelu";
        if (w && is_tanh_argument(w, x)) return x;
    }
    return NULL;
}

static ig_status visit(ig_graph *g, void *user) {
    ig_pass_env *env = user;
    for (ig_node *n = g->first, *next; n; n = next) {
        next = n->next;
        const char *name;
        if (!n->schema || !ig_node_is(n, "", "Mul") || n->schema->since < 7 || n->n_out != 1 || !n->out[0] || !n->in[0] ||
            !n->in[1])
            continue;
        if (!ig_match_dtype(n->out[0], IG_F32)) continue;
        ig_value *x = match(n->out[0], &name);
        if (!x || !ig_match_same_type(x, n->out[0])) continue;
        ig_build b = ig_build_before(n);
        if (!ig_model_import(g, "com.microsoft", 1)) return ig_oom(env->err);
        ig_node *made = ig_build_node(&b, "com.microsoft", name, &x, 1, 1);
        if (!made) return ig_oom(env->err);
        made->name = n->name;
        ig_node_resolve(made);
        ig_node_take_over(made, n->out[0], &n, 1);
        env->changes++;
    }
    return IG_OK;
}

ig_status ig_pass_fuse_gelu(ig_model *model, ig_pass_env *env) {
    IG_TRY(ig_graph_each(model->graph, visit, env));
    if (env->changes)
        ig_graph_remove_dead(model->graph); /* the steps, whose uses would hide what they read from passes after this */
    return IG_OK;
}
