/* Computes nodes that depend on constants only and replaces their results by initializers.
 *
 *     w = Constant; t = Transpose(w); y = MatMul(x, t)   =>   t initializer; y = MatMul(x, t)
 *
 * Right because kernels are deterministic; random operators are left alone. Results much larger than their inputs are not
 * stored (a ConstantOfShape or Expand in a small file must not fill the memory at load). */
#include "ops/call.h"
#include "passes/passes.h"

enum { FREE_BYTES = 1 << 20 }; /* results up to this size are always worth storing */

static ig_status constant_inputs(ig_model *model, const ig_node *n, const ig_tensor **in, uint64_t *bytes, bool *all,
                                 ig_error *err) {
    *all = false;
    *bytes = 0;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const ig_value *v = n->in[i];
        in[i] = NULL;
        if (!v) continue;
        if (!v->constant || v->is_input || v->constant->bad) return IG_OK;
        *bytes += v->constant->bytes;
    }
    for (uint32_t i = 0; i < n->n_in; i++) {
        ig_tensor *t;
        if (!n->in[i]) continue;
        IG_TRY(ig_const_tensor(model, n->in[i]->constant, &t, err));
        size_t align = ig_min_size(ig_max_size(ig_dtype_bytes(t->dtype), 1), 8);
        if (t->kind != IG_KIND_TENSOR || (t->dtype != IG_STRING && (uintptr_t)t->data % align)) return IG_OK;
        in[i] = t;
    }
    *all = true;
    return IG_OK;
}

/* Output values become initializers with the results, which are taken over. */
static bool store(ig_graph *g, ig_node *n, ig_tensor **out) {
    for (uint32_t o = 0; o < n->n_out; o++) {
        if (!n->out[o] || !out[o]) continue;
        ig_const *c = ig_const_create(g->model, NULL, out[o]);
        out[o] = NULL;
        ig_value *v = c ? ig_graph_add_initializer(g, c) : NULL;
        if (!v || !ig_value_replace(n->out[o], v)) return false;
    }
    return true;
}

/* The value of a Constant becomes an initializer as it is, however large: nothing is decoded or copied. */
static bool lift(ig_graph *g, ig_node *n, ig_const *c) {
    ig_shape shape = {.rank = c->rank};
    for (int d = 0; d < c->rank; d++) shape.dims[d] = ig_dim_of(c->dims[d]);
    ig_arena *arena = &g->model->arena;
    ig_type *type = ig_type_tensor(arena, c->dtype, &shape);
    ig_value *v = type ? ig_value_new(g, NULL, type) : NULL;
    if (!v || !IG_PUSH(arena, &g->initializers, v)) return false;
    v->constant = c;
    return ig_value_replace(n->out[0], v);
}

static ig_status fold_node(ig_graph *g, ig_node *n, ig_arena *scratch, ig_pass_env *env) {
    const ig_op *op = ig_op_of(n);
    ig_const *value = ig_node_is(n, "", "Constant") && n->n_out == 1 && n->out[0] ? ig_attr_const(n, "value") : NULL;
    if (value && !value->bad && !value->sparse && value->rank >= 0 && value->rank <= IG_MAX_RANK) {
        if (!lift(g, n, value)) return ig_oom(env->err);
        ig_node_erase(n);
        env->changes++;
        return IG_OK;
    }
    if (!op || !op->run || (op->flags & (IG_OP_RANDOM | IG_OP_GRAPHS))) return IG_OK;
    const ig_tensor **in = IG_NEW_ARRAY(scratch, const ig_tensor *, n->n_in);
    ig_tensor **out = IG_NEW_ARRAY(scratch, ig_tensor *, n->n_out);
    uint64_t bytes;
    bool all;
    if (!in || !out) return ig_oom(env->err);
    IG_TRY(constant_inputs(g->model, n, in, &bytes, &all, env->err));
    if (!all) return IG_OK;
    ig_error why;
    ig_status status = ig_node_evaluate(op, n, g->model->context, in, out, ig_max_size(FREE_BYTES, bytes * 2), &why);
    if (status == IG_E_MEMORY) return ig_oom(env->err);
    if (status != IG_OK) return IG_OK; /* the run will say what is wrong, if it comes to that */
    bool plain = true;
    for (uint32_t o = 0; o < n->n_out; o++) plain &= !out[o] || out[o]->kind == IG_KIND_TENSOR;
    bool stored = plain && store(g, n, out);
    for (uint32_t o = 0; o < n->n_out; o++) ig_tensor_free(out[o]);
    if (plain && !stored) return ig_oom(env->err);
    if (!plain) return IG_OK;
    ig_node_erase(n);
    env->changes++;
    return IG_OK;
}

static ig_status fold_graph(ig_graph *g, void *user) {
    ig_pass_env *env = user;
    ig_arena scratch;
    ig_arena_init(&scratch, g->model->context);
    ig_status status = IG_OK;
    for (ig_node *n = g->first, *next; n && status == IG_OK; n = next) {
        next = n->next;
        ig_arena_reset(&scratch);
        status = fold_node(g, n, &scratch, env);
    }
    ig_arena_free(&scratch);
    return status;
}

ig_status ig_pass_fold_constants(ig_model *model, ig_pass_env *env) { return ig_graph_each(model->graph, fold_graph, env); }
