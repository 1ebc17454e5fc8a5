/* Lets matrix products finish their own work: a bias, an addition and an activation behind a product of floats become part of
 * it.
 *
 *     t = MatMul(x, w); s = Add(t, b); y = Gelu(s)   =>   y = igata.FusedMatMul <activation = "Gelu"> (x, w, b)
 *     t = MatMul(x, w); s = Add(t, b); y = Add(s, z) =>   y = igata.FusedMatMul (x, w, b, z)
 *     t = Gemm(x, w, c); y = Relu(t)                 =>   y = com.microsoft.FusedGemm <activation = "Relu"> (x, w, c)
 *
 * Right because the fused operators are defined as these very sequences. Intermediate results must have no other readers, w
 * must be a constant matrix, b constant with an entry for each column, and z of the shape of the result. */
#include "passes/match.h"

static bool is_bias(const ig_value *v, const ig_value *w) {
    const ig_const *c = v ? v->constant : NULL;
    if (!c || v->is_input || c->bad || c->sparse || c->dtype != IG_F32 || c->rank < 1) return false;
    return c->count == w->constant->dims[1] && c->dims[c->rank - 1] == w->constant->dims[1];
}

/* What is added to v by its only reader. */
static ig_value *added(const ig_value *v, ig_node **add) {
    *add = ig_match_only_reader(v);
    if (!*add || !ig_node_is(*add, "", "Add") || !(*add)->schema || (*add)->schema->since < 7) return NULL;
    ig_value *z = (*add)->in[0] == v ? (*add)->in[1] : (*add)->in[0];
    return z != v && ig_match_same_type(v, (*add)->out[0]) ? z : NULL;
}

static ig_status fuse_matmul(ig_node *n, ig_node **next, ig_pass_env *env) {
    ig_value *w = n->in[1], *bias = NULL, *z = NULL, *out = n->out[0];
    const ig_const *c = w ? w->constant : NULL;
    ig_node *old[6] = {n}, *add;
    size_t n_old = 1;
    if (!c || w->is_input || c->bad || c->sparse || c->rank != 2 || !ig_match_dtype(out, IG_F32) || ig_match_rank(n->in[0]) < 2)
        return IG_OK;
    for (int i = 0; i < 2; i++) {
        ig_value *v = added(out, &add);
        if (v && !bias && !z && is_bias(v, w))
            bias = v;
        else if (v && !z && ig_match_same_type(v, out))
            z = v;
        else
            break;
        old[n_old++] = add;
        out = add->out[0];
    }
    ig_match_activation act = {0};
    if (ig_match_activation_of(out, &act)) {
        out = act.out;
        old[n_old++] = act.nodes[0];
        old[n_old++] = act.nodes[1];
    } else
        act.name = NULL;
    if (n_old == 1) return IG_OK;
    ig_node *before = n->previous;
    ig_build b = ig_build_before(out->producer); /* z may be made between the product and here */
    if (!ig_model_import(n->graph, "igata", 1)) return ig_oom(env->err);
    ig_value *in[4] = {n->in[0], w, bias, z};
    ig_node *fused = ig_build_node(&b, "igata", "FusedMatMul", in, 4, 1);
    if (!fused) return ig_oom(env->err);
    if (act.name) ig_build_activation(&b, &act);
    if (b.failed) return ig_oom(env->err);
    fused->name = n->name;
    ig_node_resolve(fused);
    ig_node_take_over(fused, out, old, n_old);
    *next = before ? before->next : fused->graph->first;
    env->changes++;
    return IG_OK;
}

static ig_status fuse_gemm(ig_node *n, ig_node **next, ig_pass_env *env) {
    ig_match_activation act = {0};
    if (!ig_match_dtype(n->out[0], IG_F32) || n->schema->since < 7 || !ig_match_activation_of(n->out[0], &act)) return IG_OK;
    ig_node *before = n->previous, *old[3] = {n, act.nodes[0], act.nodes[1]};
    ig_build b = ig_build_before(act.out->producer);
    if (!ig_model_import(n->graph, "com.microsoft", 1)) return ig_oom(env->err);
    ig_value *in[3] = {n->in[0], n->in[1], n->n_in > 2 ? n->in[2] : NULL};
    ig_node *fused = ig_build_node(&b, "com.microsoft", "FusedGemm", in, 3, 1);
    if (!fused || !ig_node_copy_attributes(fused, n)) return ig_oom(env->err);
    ig_build_str(&b, "activation", act.name);
    if (act.n_params > 0) ig_build_float(&b, "activation_alpha", act.params[0]);
    if (act.n_params > 1) ig_build_float(&b, "activation_beta", act.params[1]);
    if (b.failed) return ig_oom(env->err);
    fused->name = n->name;
    ig_node_resolve(fused);
    ig_node_take_over(fused, act.out, old, 3);
    *next = before ? before->next : fused->graph->first;
    env->changes++;
    return IG_OK;
}

static ig_status visit(ig_graph *g, void *user) {
    for (ig_node *n = g->first, *next; n; n = next) {
        next = n->next;
        if (!n->schema || n->n_out != 1 || !n->out[0] || n->n_in < 2 || !n->in[0]) continue;
        if (ig_node_is(n, "", "MatMul"))
            IG_TRY(fuse_matmul(n, &next, user));
        else if (ig_node_is(n, "", "Gemm"))
            IG_TRY(fuse_gemm(n, &next, user));
    }
    return IG_OK;
}

ig_status ig_pass_fuse_product(ig_model *model, ig_pass_env *env) { return ig_graph_each(model->graph, visit, env); }
