/* igata split-weights: weights into a file of their own. */
#include "cli/cli.h"

#include <jansson.h>

typedef struct options {
    const char *from, *to;
    int64_t least;
    bool force;
} options;

static int run(const cli_call *call) {
    const options *o = call->options;
    ig_error err;
    ig_model *model;
    const char *in = call->operands[0], *out = call->operands[1];
    const ig_open_options open = {IG_OPTIONS(ig_open_options), .format = o->from};
    const ig_save_options save = {IG_OPTIONS(ig_save_options), .format = o->to, .overwrite = o->force, .external = true,
                                  .external_from = (uint64_t)o->least};
    if (ig_model_open(&model, in, &open, &err)) return cli_fail(in, &err);
    int code = ig_model_save(model, out, &save, &err) ? cli_fail(out, &err) : CLI_DONE;
    ig_model_free(model);
    if (code == CLI_DONE && call->json)
        cli_json_print(json_pack("{s:o,s:o}", "model", cli_json_text(in), "written", cli_json_text(out)));
    return code;
}

static const cli_option table[] = {
    CLI_OPTION(options, least, "least", 0, CLI_WHOLE, "BYTES", "smaller weights stay in the model file (default: 1024)"),
    CLI_OPTION(options, force, "force", 'f', CLI_FLAG, NULL, "overwrite files that exist"),
    CLI_OPTION(options, to, "to", 0, CLI_TEXT, "FORMAT", "format to write (default: by the name)"),
    CLI_OPTION(options, from, "from", 0, CLI_TEXT, "FORMAT", "format of the model (default: by its content)"),
};

const cli_command cli_split_weights = {
    .arguments = "MODEL OUTPUT",
    .description =
        "Writes a model with its weights in a side file, OUTPUT.data, as ONNX's external data: aligned, so that whoever reads "
        "the model can map it. Models past 2 GB are always written so.",
    .least = 2,
    .most = 2,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata split-weights model.onnx split.onnx", "writes split.onnx and split.onnx.data"},
                 {"igata split-weights model.onnx split.onnx --least 1", "all weights, however small"}},
    .run = run,
};
