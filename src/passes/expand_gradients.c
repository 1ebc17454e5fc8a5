/* Replaces nodes Gradient (ai.onnx.preview.training) by the backward graphs that they stand for (src/autodiff).
 *
 *     y = Mul(x, x); d = Gradient(x) <xs = ["x"], y = "y">   =>   y = Mul(x, x); … d = Add(Mul(g, x), Mul(g, x))
 *
 * Gradient names values of its graph by text. Before anything renames or replaces them, bind-gradients makes them inputs: after
 * the values at which to differentiate come those that xs and zs name, then y. */
#include "autodiff/autodiff.h"
#include "infer/infer.h"
#include "passes/passes.h"

static bool is_gradient(const ig_node *n) { return ig_node_is(n, "ai.onnx.preview.training", "Gradient"); }

/* ---------------------------------------------------------------------------------------------------------- binding */

static ig_status named_value(ig_node *n, ig_str name, const char *what, ig_value **value, ig_error *err) {
    bool ok = true;
    ig_name interned = ig_model_intern(n->graph->model, name, &ok);
    if (!ok) return ig_oom(err);
    *value = interned ? ig_graph_find(n->graph, interned) : NULL;
    if (*value && (*value)->graph == n->graph) return IG_OK;
    return ig_fail(err, IG_E_INPUT, "Gradient: %s names '%.80s', which is no value of its graph", what, name.s ? name.s : "");
}

/* The names are in `xs`, then `zs`. */
static ig_status bind_node(ig_node *n, ig_error *err) {
    size_t n_xs, n_zs;
    const ig_str *xs = ig_attr_strs(n, "xs", &n_xs), *zs = ig_attr_strs(n, "zs", &n_zs);
    uint32_t given = n->n_in;
    ig_value *v = NULL;
    if (n_xs == 0 || n_xs + n_zs != given)
        return ig_fail(err, IG_E_INPUT, "Gradient has %u inputs, but xs and zs name %zu values", (unsigned)given, n_xs + n_zs);
    if (n->n_out > n_xs) return ig_fail(err, IG_E_INPUT, "Gradient has %u outputs for %zu xs", (unsigned)n->n_out, n_xs);
    if (!ig_node_resize(n, 2 * given + 1, n->n_out)) return ig_oom(err);
    for (size_t i = 0; i <= given; i++) {
        bool is_y = i == given;
        ig_str name = is_y ? ig_attr_str(n, "y") : i < n_xs ? xs[i] : zs[i - n_xs];
        IG_TRY(named_value(n, name, is_y ? "y" : i < n_xs ? "xs" : "zs", &v, err));
        if (!ig_node_set_input(n, given + (uint32_t)i, v)) return ig_oom(err);
    }
    return IG_OK;
}

static ig_status bind_graph(ig_graph *g, void *user) {
    ig_pass_env *env = user;
    for (ig_node *n = g->first; n; n = n->next) {
        if (!is_gradient(n)) continue;
        IG_TRY(bind_node(n, env->err));
        env->changes++;
    }
    return IG_OK;
}

ig_status ig_pass_bind_gradients(ig_model *model, ig_pass_env *env) {
    IG_TRY(ig_graph_each(model->graph, bind_graph, env));
    return env->changes ? ig_graph_sort(model->graph, env->err) : IG_OK; /* y may have been listed after the node */
}

/* --------------------------------------------------------------------------------------------------------- expanding */

typedef struct job {
    ig_node *node;
    size_t n_xs, n; /* xs; xs and zs */
    ig_value **at;  /* n: the values at which to differentiate */
    ig_value **named;
    ig_value *y;
    ig_arena *arena;
    ig_error *err;
} job;

/* Copies what lies between the named values and y, reading the given values instead. */
static ig_status copy_path(job *j) {
    ig_map copies;
    ig_sketch s;
    ig_map_init(&copies, j->arena);
    for (size_t i = 0; i < j->n; i++)
        if (!ig_map_set(&copies, IG_KEY(j->named[i]), j->at[i])) return ig_oom(j->err);
    ig_node *last = j->node->previous;
    ig_sketch_init(&s, j->node, j->node, NULL, j->err);
    for (ig_node *n = j->node->graph->first, *stop = last ? last->next : NULL; n && n != stop; n = n->next) {
        bool reads = false;
        for (uint32_t i = 0; i < n->n_in; i++) reads |= n->in[i] && ig_map_get(&copies, IG_KEY(n->in[i]));
        if (!reads || is_gradient(n)) continue;
        ig_value **in = IG_NEW_ARRAY(j->arena, ig_value *, n->n_in);
        if (!in) s.status = ig_oom(j->err);
        for (uint32_t i = 0; in && i < n->n_in; i++) {
            ig_value *copy = n->in[i] ? ig_map_get(&copies, IG_KEY(n->in[i])) : NULL;
            in[i] = copy ? copy : n->in[i];
        }
        ig_node *copy = in ? ig_sketch_copy(&s, n, in, n->n_in) : NULL;
        for (uint32_t o = 0; copy && o < n->n_out; o++) {
            if (!n->out[o] || ig_map_get(&copies, IG_KEY(n->out[o]))) continue; /* named ones stay what is given */
            if (!ig_map_set(&copies, IG_KEY(n->out[o]), copy->out[o])) s.status = ig_oom(j->err);
        }
        if (s.status != IG_OK) break;
    }
    ig_value *y = ig_map_get(&copies, IG_KEY(j->y));
    if (y) j->y = y;
    ig_sketch_free(&s);
    return s.status;
}

static ig_status replace_outputs(job *j, ig_value **gradients) {
    ig_sketch s;
    ig_sketch_init(&s, j->node, j->node, NULL, j->err);
    for (uint32_t o = 0; o < j->node->n_out && s.status == IG_OK; o++) {
        ig_value *out = j->node->out[o], *g = gradients[o];
        if (!out) continue;
        s.principal = j->at[o];
        ig_sketch_bind(&s, "x", j->at[o]);
        if (!g) g = ig_sketch_value(&s, "zeros(x)"); /* y does not depend on it */
        if (g && !ig_value_replace(out, g)) s.status = ig_oom(j->err);
    }
    ig_status status = s.status;
    ig_sketch_free(&s);
    if (status == IG_OK) ig_node_erase(j->node);
    return status;
}

static ig_status expand_node(ig_node *n, ig_arena *scratch, ig_error *err) {
    job j = {.node = n, .n = (n->n_in - 1) / 2, .at = n->in, .arena = scratch, .err = err};
    bool elsewhere = false;
    ig_attr_strs(n, "xs", &j.n_xs);
    j.named = n->in + j.n;
    j.y = n->in[2 * j.n];
    for (size_t i = 0; i < j.n; i++) {
        if (!j.at[i] || !j.named[i]) return ig_fail(err, IG_E_INPUT, "Gradient: input %zu is absent", i);
        elsewhere |= j.at[i] != j.named[i];
    }
    if (elsewhere) IG_TRY(copy_path(&j));
    ig_value **gradients = IG_NEW_ARRAY(scratch, ig_value *, j.n);
    if (!gradients) return ig_oom(err);
    IG_TRY(ig_differentiate(n, j.y, j.at, j.n, gradients, err));
    return replace_outputs(&j, gradients);
}

static ig_status expand_graph(ig_graph *g, void *user) {
    ig_pass_env *env = user;
    ig_arena scratch;
    ig_arena_init(&scratch, g->model->context);
    ig_status status = IG_OK;
    for (ig_node *n = g->first, *next; n && status == IG_OK; n = next) {
        next = n->next;
        if (!is_gradient(n)) continue;
        status = expand_node(n, &scratch, env->err);
        env->changes++;
    }
    ig_arena_free(&scratch);
    return status;
}

static ig_status count_graph(ig_graph *g, void *user) {
    size_t *n_gradients = user;
    for (const ig_node *n = g->first; n; n = n->next) *n_gradients += is_gradient(n);
    return IG_OK;
}

ig_status ig_pass_expand_gradients(ig_model *model, ig_pass_env *env) {
    size_t n = 0;
    IG_TRY(ig_graph_each(model->graph, count_graph, &n));
    if (n == 0) return IG_OK;
    IG_TRY(ig_model_infer(model, NULL, env->err));
    return ig_graph_each(model->graph, expand_graph, env);
}
