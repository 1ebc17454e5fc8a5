/* Removes nodes that pass their input on: Identity, Dropout without training, Cast to the type at hand, Transpose and Reshape
 * that change nothing.
 *
 *     a = Identity(x); y = Relu(a)   =>   y = Relu(x)
 */
#include "passes/match.h"

static bool keeps_shape(const ig_node *n) { return ig_match_same_type(n->in[0], n->out[0]); }

static bool is_cast(const ig_node *n) { return ig_match_dtype(n->in[0], (ig_dtype)ig_attr_int(n, "to")); }

static bool is_dropout(const ig_node *n) {
    if (n->n_out > 1 && n->out[1] && n->out[1]->n_uses) return false;
    if (n->schema->since < 7) return ig_attr_int(n, "is_test") != 0;
    const ig_tensor *training = n->n_in > 2 && n->in[2] ? ig_match_constant(n->in[2]) : NULL;
    return n->n_in <= 2 || !n->in[2] ||
           (training && training->count == 1 && ig_load_as_i64(training->dtype, training->data, 0) == 0);
}

static bool is_transpose(const ig_node *n) {
    size_t rank;
    const int64_t *perm = ig_attr_ints(n, "perm", &rank);
    for (size_t i = 0; i < rank; i++)
        if (perm[i] != (int64_t)i) return false;
    return rank > 0;
}

static bool always(const ig_node *n) {
    IG_UNUSED(n);
    return true;
}

static const struct rule {
    const char *op;
    bool (*is_noop)(const ig_node *n);
} rules[] = {
    {"Identity", always},        {"Dropout", is_dropout},    {"Cast", is_cast},
    {"Transpose", is_transpose}, {"Reshape", keeps_shape},   {"Flatten", keeps_shape},
    {"Squeeze", keeps_shape},    {"Unsqueeze", keeps_shape}, {"Expand", keeps_shape},
};

static bool is_noop(const ig_node *n) {
    if (!n->schema || ig_node_domain(n)[0] || n->n_in == 0 || !n->in[0] || n->n_out == 0 || !n->out[0]) return false;
    for (size_t i = 0; i < IG_COUNT_OF(rules); i++)
        if (strcmp(n->op, rules[i].op) == 0) return rules[i].is_noop(n);
    return false;
}

/* A graph must not give its input, or a captured value, as its output: those keep their node. */
static bool is_output(const ig_value *v) {
    for (const ig_use *u = v->uses; u; u = u->next)
        if (!u->node) return true;
    return false;
}

static ig_status visit(ig_graph *g, void *user) {
    ig_pass_env *env = user;
    for (ig_node *n = g->first, *next; n; n = next) {
        next = n->next;
        if (!is_noop(n)) continue;
        ig_value *in = n->in[0], *out = n->out[0];
        if (is_output(out) && (in->graph != g || !in->producer || is_output(in))) continue;
        if (!ig_value_replace(out, in)) return ig_oom(env->err);
        ig_node_erase(n);
        env->changes++;
    }
    return IG_OK;
}

ig_status ig_pass_remove_noop(ig_model *model, ig_pass_env *env) { return ig_graph_each(model->graph, visit, env); }
