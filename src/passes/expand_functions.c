/* Replaces operators that have no kernel by their function bodies (src/ops/expand).
 *
 *     y = Celu(x)   =>   … a = Max(x, 0), b = Min(0, …), y = Add(a, b)
 *
 * Right because the bodies are what the specification says the operators are. Bodies may need types, so inference goes first
 * when there is anything to do. */
#include "infer/infer.h"
#include "ops/expand/expand.h"
#include "passes/passes.h"

typedef struct expander {
    ig_pass_env *env;
    bool all;                                    /* also operators that have kernels */
    bool look;                                   /* only count */
    bool (*asked)(const ig_node *n, void *user); /* NULL: all */
    void *user;
} expander;

static const ig_expansion *wanted(const expander *w, const ig_node *n) {
    if (w->asked && !w->asked(n, w->user)) return NULL;
    const ig_op *op = w->all ? NULL : ig_op_of(n);
    return op && op->run ? NULL : ig_expansion_of(n);
}

static ig_status expand_graph(ig_graph *g, void *user) {
    expander *w = user;
    for (ig_node *n = g->first, *next; n; n = next) {
        next = n->next;
        const ig_expansion *e = wanted(w, n);
        if (!e) continue;
        if (w->look) {
            w->env->changes++;
            continue;
        }
        ig_node *before = n->previous;
        ig_status status = ig_node_expand(n, e, w->env->err);
        if (status == IG_E_UNSUPPORTED) continue; /* whoever runs the model names the operator */
        IG_TRY(status);
        w->env->changes++;
        next = before ? before->next : g->first; /* what came in may need expanding too */
    }
    return IG_OK;
}

static ig_status expand(ig_model *model, expander w, ig_pass_env *env) {
    ig_pass_env count = {.err = env->err};
    w.env = &count;
    w.look = true;
    IG_TRY(ig_graph_each(model->graph, expand_graph, &w));
    if (count.changes == 0) return IG_OK;
    IG_TRY(ig_model_infer(model, NULL, env->err));
    w.env = env;
    w.look = false;
    return ig_graph_each(model->graph, expand_graph, &w);
}

ig_status ig_pass_expand_functions(ig_model *model, ig_pass_env *env) { return expand(model, (expander){.all = false}, env); }

ig_status ig_expand_all(ig_model *model, ig_pass_env *env) { return expand(model, (expander){.all = true}, env); }

ig_status ig_expand_some(ig_model *model, bool (*wanted)(const ig_node *n, void *user), void *user, ig_pass_env *env) {
    return expand(model, (expander){.all = true, .asked = wanted, .user = user}, env);
}
