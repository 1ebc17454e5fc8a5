/* igata add-outputs: show values as outputs. */
#include "cli/cli.h"

typedef struct options {
    cli_edit edit;
} options;

static ig_status make(ig_model **made, ig_model *model, const cli_call *call, ig_error *err) {
    *made = model;
    return ig_model_add_outputs(model, call->operands + 2, call->n - 2, err);
}

static int run(const cli_call *call) {
    const options *o = call->options;
    return cli_edit_make(call, &o->edit, make);
}

static const cli_option table[] = {
    CLI_EDIT_OPTIONS(options),
};

const cli_command cli_add_outputs = {
    .arguments = "MODEL OUTPUT [VALUE...]",
    .description = "Makes values outputs of the model as well, behind those that it has; without values, all results of nodes.",
    .least = 2,
    .most = SIZE_MAX,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata add-outputs model.onnx debug.onnx conv1_out", "look at one value"},
                 {"igata add-outputs model.onnx debug.onnx", "look at all"}},
    .run = run,
};
