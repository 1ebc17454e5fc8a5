/* igata inline: bodies in place of calls of functions. */
#include "cli/cli.h"

typedef struct options {
    cli_list only, exclude;
    bool operators;
    cli_edit edit;
} options;

static ig_status make(ig_model **made, ig_model *model, const cli_call *call, ig_error *err) {
    const options *o = call->options;
    cli_words names = cli_split(o->only.n ? &o->only : &o->exclude);
    const ig_inline_options how = {IG_OPTIONS(ig_inline_options), .functions = (const char *const *)names.items,
                                   .n_functions = names.n, .exclude = o->exclude.n > 0, .operators = o->operators};
    ig_status status = ig_model_inline(made, model, &how, err);
    cli_words_free(&names);
    return status;
}

static int run(const cli_call *call) {
    const options *o = call->options;
    if (o->only.n && o->exclude.n) return cli_usage("inline", "--only and --exclude contradict each other");
    return cli_edit_make(call, &o->edit, make);
}

static const cli_option table[] = {
    CLI_OPTION(options, only, "only", 0, CLI_LIST, "DOMAIN.NAME", "calls of these functions only"),
    CLI_OPTION(options, exclude, "exclude", 0, CLI_LIST, "DOMAIN.NAME", "calls of all functions but these"),
    CLI_OPTION(options, operators, "operators", 0, CLI_FLAG, NULL,
               "also operators of the standard that are defined by a function"),
    CLI_EDIT_OPTIONS(options),
};

const cli_command cli_inline = {
    .arguments = "MODEL OUTPUT",
    .description =
        "Replaces calls of a model's functions by their bodies. Bodies that were written for another opset are converted to "
        "the "
        "model's. With --operators, operators such as Softsign or LayerNormalization, which the standard defines by a "
        "function, are replaced as well.",
    .least = 2,
    .most = 2,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata inline model.onnx flat.onnx", "for runtimes that know no functions"},
                 {"igata inline model.onnx flat.onnx --exclude local.attention", "but keep one"}},
    .run = run,
};
