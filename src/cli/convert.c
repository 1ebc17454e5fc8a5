/* igata convert: another format. */
#include "cli/cli.h"

#include <jansson.h>

typedef struct options {
    const char *from, *weights, *to;
    bool external, inline_external, force;
} options;

static int run(const cli_call *call) {
    const options *o = call->options;
    const char *in = call->operands[0], *out = call->operands[1];
    ig_error err;
    ig_model *model;
    const ig_open_options open = {IG_OPTIONS(ig_open_options), .format = o->from, .weights = o->weights};
    const ig_save_options save = {IG_OPTIONS(ig_save_options), .format = o->to, .overwrite = o->force, .external = o->external,
                                  .inline_external = o->inline_external};
    if (ig_model_open(&model, in, &open, &err)) return cli_fail(in, &err);
    int code = ig_model_save(model, out, &save, &err) ? cli_fail(out, &err) : CLI_DONE;
    ig_model_free(model);
    if (call->json && code == CLI_DONE)
        cli_json_print(json_pack("{s:o,s:o}", "model", cli_json_text(in), "written", cli_json_text(out)));
    return code;
}

static const cli_option table[] = {
    CLI_OPTION(options, external, "external", 0, CLI_FLAG, NULL, "put weights into a side file beside the model"),
    CLI_OPTION(options, inline_external, "inline-external", 0, CLI_FLAG, NULL, "put all weights into the model file"),
    CLI_OPTION(options, force, "force", 'f', CLI_FLAG, NULL, "overwrite a file that exists"),
    CLI_OPTION(options, to, "to", 0, CLI_TEXT, "FORMAT", "format to write (default: by the name)"),
    CLI_OPTION(options, weights, "weights", 0, CLI_TEXT, "FILE", "weights file of a format that keeps them apart"),
    CLI_OPTION(options, from, "from", 0, CLI_TEXT, "FORMAT", "format of the model (default: by its content)"),
};

const cli_command cli_convert = {
    .arguments = "MODEL OUTPUT",
    .description = "Writes a model in another format.",
    .least = 2,
    .most = 2,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata convert model.onnx model.onnxtxt", "as text"}, {"igata convert model.onnxtxt model.onnx", "and back"}},
    .run = run,
};
