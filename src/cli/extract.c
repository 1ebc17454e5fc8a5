/* igata extract: the part of a model between values. */
#include "cli/cli.h"

typedef struct options {
    cli_list inputs, outputs;
    cli_edit edit;
} options;

static ig_status make(ig_model **made, ig_model *model, const cli_call *call, ig_error *err) {
    const options *o = call->options;
    cli_words in = cli_split(&o->inputs), out = cli_split(&o->outputs);
    ig_status status =
        ig_model_extract(made, model, (const char *const *)in.items, in.n, (const char *const *)out.items, out.n, err);
    cli_words_free(&in);
    cli_words_free(&out);
    return status;
}

static int run(const cli_call *call) {
    const options *o = call->options;
    if (!o->inputs.n && !o->outputs.n) return cli_usage("extract", "say where the part begins or ends: --inputs, --outputs");
    return cli_edit_make(call, &o->edit, make);
}

static const cli_option table[] = {
    CLI_OPTION(options, inputs, "inputs", 0, CLI_LIST, "A,B", "values that become the inputs (default: the model's inputs)"),
    CLI_OPTION(options, outputs, "outputs", 0, CLI_LIST, "A,B",
               "values that become the outputs (default: the model's outputs)"),
    CLI_EDIT_OPTIONS(options),
};

const cli_command cli_extract = {
    .arguments = "MODEL OUTPUT",
    .description =
        "Writes the part of a model that computes some of its values from others. Inputs of the model that this doesn't need, "
        "nodes, weights and functions go.",
    .least = 2,
    .most = 2,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata extract model.onnx head.onnx --inputs features", "all that comes after the value features"},
                 {"igata extract model.onnx block.onnx --inputs h3 --outputs h4", "one block"}},
    .run = run,
};
