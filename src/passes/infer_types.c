/* Sets the types of all values, so that the passes after it can ask for them. Matches every node. Changes no node. */
#include "infer/infer.h"
#include "passes/passes.h"

ig_status ig_pass_infer_types(ig_model *model, ig_pass_env *env) {
    return ig_model_infer(model, &(ig_infer_options){.fixed_defaults = true}, env->err);
}
