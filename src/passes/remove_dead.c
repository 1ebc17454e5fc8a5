/* Erases nodes and initializers that nobody uses. Matches: a node none of whose outputs is read by a node or is a graph output.
 * Right because ONNX nodes have no effect but their outputs. */
#include "passes/passes.h"

ig_status ig_pass_remove_dead(ig_model *model, ig_pass_env *env) {
    env->changes += ig_graph_remove_dead(model->graph);
    return IG_OK;
}
