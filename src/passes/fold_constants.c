/* Computes nodes that depend on constants only and replaces their results by initializers.
 *
 *     w = Constant; t = Transpose(w); y = MatMul(x, t)   =>   t initializer; y = MatMul(x, t)
 *
 * Right because kernels are deterministic; random operators are left alone. Results much larger than their inputs are not
 * stored (a ConstantOfShape or Expand in a small file must not fill the memory at load). */
#include "ops/call.h"
#include "passes/passes.h"

enum {
    FREE_BYTES = 1 << 20, /* results up to this size are always worth storing */
    FREE_COMPACT = 4096,  /* also in a model that is to stay small */
};

/* The node's inputs when all are constants, to be freed; kernels load whole elements, so what lies unaligned in a file is
 * copied. */
static ig_status constant_inputs(ig_model *model, const ig_node *n, ig_tensor **in, uint64_t *bytes, bool *all, ig_error *err) {
    *all = false;
    *bytes = 0;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const ig_value *v = n->in[i];
        if (!v) continue;
        if (!v->constant || v->is_input || v->constant->bad) return IG_OK;
        *bytes += v->constant->bytes;
    }
    for (uint32_t i = 0; i < n->n_in; i++) {
        ig_tensor *t;
        if (!n->in[i]) continue;
        IG_TRY(ig_const_tensor(model, n->in[i]->constant, &t, err));
        if (t->kind != IG_KIND_TENSOR) return IG_OK;
        size_t align = t->dtype == IG_STRING ? 1 : ig_min_size(ig_max_size(ig_dtype_bytes(t->dtype), 1), 8);
        if ((uintptr_t)t->data % align)
            IG_TRY(ig_tensor_copy(&in[i], model->context, t, err));
        else
            in[i] = ig_tensor_clone(t);
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

/* Computes the node when its inputs are constants; *out stays NULL when they aren't, or when it isn't worth it. */
static ig_status compute(ig_graph *g, const ig_node *n, const ig_op *op, ig_tensor **in, ig_tensor **out, bool *done,
                         ig_pass_env *env) {
    uint64_t bytes;
    bool all;
    ig_error why;
    *done = false;
    IG_TRY(constant_inputs(g->model, n, in, &bytes, &all, env->err));
    if (!all) return IG_OK;
    uint64_t times = ig_node_is(n, "", "DequantizeLinear") ? 8 : 2; /* 4-bit weights become floats once, not in every run */
    uint64_t most = env->compact ? ig_max_size(FREE_COMPACT, bytes) : ig_max_size(FREE_BYTES, bytes * times);
    ig_status status = ig_node_evaluate(op, n, g->model->context, (const ig_tensor *const *)in, out, most, &why);
    if (status == IG_E_MEMORY) return ig_oom(env->err);
    *done = status == IG_OK; /* the run will say what is wrong, if it comes to that */
    for (uint32_t o = 0; *done && o < n->n_out; o++) *done = !out[o] || out[o]->kind == IG_KIND_TENSOR;
    return IG_OK;
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
    if (env->compact && ig_node_is(n, "", "DequantizeLinear"))
        return IG_OK; /* weights stay in few bits, as engines want them */
    ig_tensor **in = IG_NEW_ARRAY(scratch, ig_tensor *, n->n_in), **out = IG_NEW_ARRAY(scratch, ig_tensor *, n->n_out);
    bool done;
    if (!in || !out) return ig_oom(env->err);
    ig_status status = compute(g, n, op, in, out, &done, env);
    for (uint32_t i = 0; i < n->n_in; i++) ig_tensor_free(in[i]);
    if (status == IG_OK && done && !store(g, n, out)) status = ig_oom(env->err);
    for (uint32_t o = 0; o < n->n_out; o++) ig_tensor_free(out[o]);
    if (status != IG_OK || !done) return status;
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
