/* Lets a convolution finish its own work: an addition and an activation behind a Conv of floats become part of it.
 *
 *     t = Conv(x, w, b); s = Add(t, z); y = Relu(s)   =>   y = com.microsoft.FusedConv <activation = "Relu"> (x, w, b, z)
 *
 * Right because FusedConv is defined as this very sequence. The intermediate results must have no other readers, and z must be
 * known to have the shape of t (FusedConv does not broadcast). */
#include "passes/match.h"

/* The value added to v by its only reader, or NULL. */
static ig_value *match_add(const ig_value *v, ig_node **add) {
    *add = ig_match_only_reader(v);
    if (!*add || !ig_node_is(*add, "", "Add") || !(*add)->schema || (*add)->schema->since < 7) return NULL;
    ig_value *z = (*add)->in[0] == v ? (*add)->in[1] : (*add)->in[0];
    return z && z != v && ig_match_same_type(v, z) && ig_match_same_type(v, (*add)->out[0]) ? z : NULL;
}

/* Sets *next to the node to go on with when it changed something. */
static ig_status fuse(ig_node *conv, ig_node **next, ig_pass_env *env) {
    ig_value *t = conv->out[0], *out = t;
    ig_node *add, *old[4] = {conv};
    size_t n_old = 1;
    ig_value *z = match_add(t, &add);
    if (z) {
        out = add->out[0];
        old[n_old++] = add;
    }
    ig_match_activation act = {0};
    if (ig_match_activation_of(out, &act)) {
        out = act.out;
        old[n_old++] = act.nodes[0];
        old[n_old++] = act.nodes[1];
    } else
        act.name = NULL;
    if (n_old == 1) return IG_OK;
    ig_node *before = conv->previous;            /* is not touched */
    ig_build b = ig_build_before(out->producer); /* z may be made between the Conv and here */
    ig_value *in[4] = {conv->in[0], conv->in[1], conv->n_in > 2 ? conv->in[2] : NULL, z};
    if (!ig_model_import(conv->graph, "com.microsoft", 1)) return ig_oom(env->err);
    ig_node *fused = ig_build_node(&b, "com.microsoft", "FusedConv", in, 4, 1);
    if (!fused || !ig_node_copy_attributes(fused, conv)) return ig_oom(env->err);
    if (act.name) ig_build_activation(&b, &act);
    if (b.failed) return ig_oom(env->err);
    fused->name = conv->name;
    ig_node_resolve(fused);
    ig_node_take_over(fused, out, old, n_old);
    *next = before ? before->next : fused->graph->first;
    env->changes++;
    return IG_OK;
}

static ig_status visit(ig_graph *g, void *user) {
    for (ig_node *n = g->first, *next; n; n = next) {
        next = n->next;
        if (!ig_node_is(n, "", "Conv") || n->n_out != 1 || !n->out[0] || !n->schema || !ig_match_dtype(n->out[0], IG_F32))
            continue;
        IG_TRY(fuse(n, &next, user));
    }
    return IG_OK;
}

ig_status ig_pass_fuse_conv(ig_model *model, ig_pass_env *env) { return ig_graph_each(model->graph, visit, env); }
