/* igata join-weights: external weights into the model file. */
#include "cli/cli.h"

typedef struct options {
    cli_edit edit;
} options;

static ig_status make(ig_model **made, ig_model *model, const cli_call *call, ig_error *err) {
    (void)call;
    (void)err;
    *made = model;
    return IG_OK;
}

static int run(const cli_call *call) {
    const options *o = call->options;
    cli_edit edit = o->edit;
    edit.inline_external = true;
    return cli_edit_make(call, &edit, make);
}

static const cli_option table[] = {
    CLI_OPTION(options, edit.force, "force", 'f', CLI_FLAG, NULL, "overwrite a file that exists"),
    CLI_OPTION(options, edit.to, "to", 0, CLI_TEXT, "FORMAT", "format to write (default: by the name)"),
    CLI_OPTION(options, edit.from, "from", 0, CLI_TEXT, "FORMAT", "format of the model (default: by its content)"),
};

const cli_command cli_join_weights = {
    .arguments = "MODEL OUTPUT",
    .description =
        "Writes a model with all of its weights in the model file, also those that lie in files beside it. A model past 2 GB "
        "can't be written so.",
    .least = 2,
    .most = 2,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata join-weights split.onnx whole.onnx", "one file"},
                 {"igata join-weights split.onnx whole.onnx --force", "over one that exists"}},
    .run = run,
};
