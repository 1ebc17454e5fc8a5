/* igata cut-outputs: end a model at other values. */
#include "cli/cli.h"

typedef struct options {
    cli_edit edit;
} options;

static ig_status make(ig_model **made, ig_model *model, const cli_call *call, ig_error *err) {
    return ig_model_extract(made, model, NULL, 0, call->operands + 2, call->n - 2, err);
}

static int run(const cli_call *call) {
    const options *o = call->options;
    return cli_edit_make(call, &o->edit, make);
}

static const cli_option table[] = {
    CLI_EDIT_OPTIONS(options),
};

const cli_command cli_cut_outputs = {
    .arguments = "MODEL OUTPUT VALUE...",
    .description = "Ends a model at the given values: they become its only outputs, and what they don't need goes.",
    .least = 3,
    .most = SIZE_MAX,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata cut-outputs classifier.onnx features.onnx pool5", "features instead of classes"},
                 {"igata cut-outputs model.onnx half.onnx h6", "to find where a result goes wrong"}},
    .run = run,
};
