/* Sets the types of all values, so that the passes after it can ask for them. Matches every node. Changes no node.
 *
 * What a file declares of results is forgotten first: it may be wrong, and a rewrite must rest on what the operators say. */
#include "infer/infer.h"
#include "passes/passes.h"

static ig_status forget(ig_graph *g, void *user) {
    IG_UNUSED(user);
    for (ig_node *n = g->first; n; n = n->next)
        for (uint32_t o = 0; o < n->n_out; o++)
            if (n->out[o]) n->out[o]->type = NULL;
    return IG_OK;
}

ig_status ig_pass_infer_types(ig_model *model, ig_pass_env *env) {
    IG_TRY(ig_graph_each(model->graph, forget, NULL));
    return ig_model_infer(model, &(ig_infer_options){.fixed_defaults = true}, env->err);
}
