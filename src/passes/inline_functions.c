/* Replaces calls of model-local functions by their bodies, innermost attributes bound (ONNX IR: "Functions").
 *
 *     y = f.Scale <k = 2.0> (x)          c = Constant <value_float = 2.0>
 *     f.Scale <k> (a) => (b) {...}  =>   y = Mul(x, c)
 */
#include "passes/passes.h"

typedef struct inliner {
    ig_model *model;
    ig_pass_env *env;
    bool (*wanted)(const ig_function *f, void *user); /* NULL: all */
    void *user;
    ig_map sizes; /* function -> nodes of its full expansion + 1 */
} inliner;

static bool is_wanted(const inliner *w, const ig_node *n) {
    return n->function && (!w->wanted || w->wanted(n->function, w->user));
}

/* The functions that are being expanded, innermost first. */
typedef struct chain {
    const ig_function *function;
    const struct chain *caller;
    uint32_t depth;
} chain;

static ig_status check_chain(const inliner *w, const ig_function *callee, const chain *caller) {
    for (const chain *c = caller; c; c = c->caller)
        if (c->function == callee) {
            ig_fail(w->env->err, IG_E_INPUT, "function '%.80s' calls itself", ig_name_text(callee->name));
            return IG_E_INPUT;
        }
    if (caller && caller->depth >= w->model->context->limits.depth)
        return ig_fail(w->env->err, IG_E_LIMIT, "functions call each other more than %u deep", w->model->context->limits.depth);
    return IG_OK;
}

/* Counts before anything is expanded: a small file can double its nodes with every level. Saturates at the limit. */
static ig_status count_graph(inliner *w, const ig_graph *g, const chain *caller, uint64_t *nodes);

static ig_status count_function(inliner *w, const ig_function *f, const chain *caller, uint64_t *nodes) {
    uintptr_t known = (uintptr_t)ig_map_get(&w->sizes, IG_KEY(f));
    if (!known) {
        uint64_t n = 0;
        IG_TRY(check_chain(w, f, caller));
        chain here = {f, caller, caller ? caller->depth + 1 : 1};
        IG_TRY(count_graph(w, f->body, &here, &n));
        known = (uintptr_t)n + 1;
        if (!ig_map_set(&w->sizes, IG_KEY(f), (void *)known)) return ig_oom(w->env->err);
    }
    *nodes += known - 1;
    return IG_OK;
}

static ig_status count_graph(inliner *w, const ig_graph *g, const chain *caller, uint64_t *nodes) {
    uint64_t limit = w->model->context->limits.nodes;
    for (const ig_node *n = g->first; n; n = n->next) {
        *nodes += 1;
        if (is_wanted(w, n)) IG_TRY(count_function(w, n->function, caller, nodes));
        for (const ig_attr *a = n->attrs; a; a = a->next)
            if (a->kind == IG_ATTR_GRAPH && a->g) IG_TRY(count_graph(w, a->g, caller, nodes));
        if (*nodes <= limit) continue;
        ig_fail(w->env->err, IG_E_LIMIT, "the model's functions expand to more than %llu nodes", (unsigned long long)limit);
        ig_error_hint(w->env->err, "raise the limit of nodes if the file is to be trusted");
        return IG_E_LIMIT;
    }
    return IG_OK;
}

static ig_status inline_graph(inliner *w, ig_graph *g, const chain *caller);

/* Names and operator versions in a body are those of the function; its nodes come with their schemas resolved. */
static ig_status inline_call(inliner *w, ig_node *call, const chain *caller) {
    const ig_function *f = call->function;
    ig_graph *g = call->graph;
    IG_TRY(check_chain(w, f, caller));
    if (call->n_in > f->body->inputs.n || call->n_out > f->body->outputs.n)
        return ig_fail(w->env->err, IG_E_INPUT, "function '%.80s' takes %zu inputs and gives %zu outputs; a call has %u and %u",
                       ig_name_text(f->name), f->body->inputs.n, f->body->outputs.n, call->n_in, call->n_out);
    ig_arena scratch;
    ig_arena_init(&scratch, w->model->context);
    ig_value **in = IG_NEW_ARRAY(&scratch, ig_value *, f->body->inputs.n);
    ig_value **out = IG_NEW_ARRAY(&scratch, ig_value *, f->body->outputs.n);
    ig_status status = in && out ? IG_OK : ig_oom(w->env->err);
    for (uint32_t i = 0; status == IG_OK && i < call->n_in; i++) in[i] = call->in[i];
    ig_node *before = call->previous;
    if (status == IG_OK) status = ig_graph_splice(g, call, f->body, in, out, call, f->default_attributes, w->env->err);
    for (uint32_t i = 0; status == IG_OK && i < call->n_out; i++) {
        if (!call->out[i]) continue;
        if (!out[i])
            status =
                ig_fail(w->env->err, IG_E_INPUT, "function '%.80s' does not produce its output %u", ig_name_text(f->name), i);
        else if (!ig_value_replace(call->out[i], out[i]))
            status = ig_oom(w->env->err);
    }
    ig_arena_free(&scratch);
    if (status != IG_OK) return status;
    chain here = {f, caller, caller ? caller->depth + 1 : 1};
    for (ig_node *n = before ? before->next : g->first, *next; n != call; n = next) {
        next = n->next;
        for (ig_attr *a = n->attrs; a; a = a->next)
            if (a->kind == IG_ATTR_GRAPH && a->g) IG_TRY(inline_graph(w, a->g, &here));
        if (is_wanted(w, n)) IG_TRY(inline_call(w, n, &here));
    }
    ig_node_erase(call);
    w->env->changes++;
    return IG_OK;
}

static ig_status inline_graph(inliner *w, ig_graph *g, const chain *caller) {
    for (ig_node *n = g->first, *next; n; n = next) {
        next = n->next;
        for (ig_attr *a = n->attrs; a; a = a->next)
            if (a->kind == IG_ATTR_GRAPH && a->g) IG_TRY(inline_graph(w, a->g, caller));
        if (is_wanted(w, n)) IG_TRY(inline_call(w, n, caller));
    }
    return IG_OK;
}

/* The bodies of functions that stay are as much a place for calls as the main graph. */
static ig_status inline_places(inliner *w, uint64_t *nodes) {
    IG_TRY(count_graph(w, w->model->graph, NULL, nodes));
    IG_TRY(inline_graph(w, w->model->graph, NULL));
    for (size_t i = 0; i < w->model->functions.n && w->wanted; i++) {
        ig_function *f = w->model->functions.items[i];
        chain here = {f, NULL, 1};
        if (w->wanted(f, w->user)) continue;
        IG_TRY(count_graph(w, f->body, &here, nodes));
        IG_TRY(inline_graph(w, f->body, &here));
    }
    return IG_OK;
}

ig_status ig_inline_some(ig_model *model, bool (*wanted)(const ig_function *f, void *user), void *user, ig_pass_env *env) {
    if (model->functions.n == 0) return IG_OK;
    inliner w = {model, env, wanted, user, {0}};
    ig_arena scratch;
    ig_arena_init(&scratch, model->context);
    ig_map_init(&w.sizes, &scratch);
    uint64_t nodes = 0;
    ig_status status = inline_places(&w, &nodes);
    ig_arena_free(&scratch);
    return status;
}

ig_status ig_pass_inline_functions(ig_model *model, ig_pass_env *env) { return ig_inline_some(model, NULL, NULL, env); }
