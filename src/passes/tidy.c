/* What a lowered model is given to others as: rules write each operator as if it stood alone, and leave behind what their
 * neighbours make needless. Only passes that keep to the operators of ai.onnx, and make nothing larger. */
#include "passes/passes.h"

ig_status ig_model_tidy(ig_model *model, ig_error *err) {
    static const char *const names[] = {"infer-types",    "cancel-transposes", "move-quantized",
                                        "fold-constants", "remove-noop",       "remove-dead"};
    for (size_t i = 0; i < IG_COUNT_OF(names); i++) {
        ig_pass_env env = {.err = err, .compact = true};
        IG_TRY(ig_pass_find(names[i])->run(model, &env));
    }
    return IG_OK;
}
