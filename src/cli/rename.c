/* igata rename: other names for values, nodes and dims. */
#include "cli/cli.h"

typedef struct options {
    cli_list values, nodes, dims;
    const char *prefix;
    cli_edit edit;
} options;

static int rename_all(ig_model *model, const cli_call *call) {
    const options *o = call->options;
    const struct {
        ig_name_of what;
        const char *option;
        const cli_list *list;
    } kinds[] = {
        {IG_NAME_OF_VALUE, "value", &o->values}, {IG_NAME_OF_NODE, "node", &o->nodes}, {IG_NAME_OF_DIM, "dim", &o->dims}};
    ig_error err;
    int code = CLI_DONE;
    for (size_t k = 0; k < CLI_COUNT(kinds) && code == CLI_DONE; k++) {
        cli_pairs pairs;
        code = cli_split_pairs(&pairs, "rename", kinds[k].option, kinds[k].list);
        for (size_t i = 0; i < pairs.n && code == CLI_DONE; i++)
            if (ig_model_rename(model, kinds[k].what, pairs.items[i].key, pairs.items[i].value, &err))
                code = cli_fail(call->operands[0], &err);
        cli_pairs_free(&pairs);
    }
    if (code == CLI_DONE && o->prefix && ig_model_add_prefix(model, o->prefix, &err)) code = cli_fail(call->operands[0], &err);
    return code;
}

static int run(const cli_call *call) {
    const options *o = call->options;
    ig_model *model;
    if (!o->values.n && !o->nodes.n && !o->dims.n && !o->prefix) return cli_usage("rename", "nothing is to be renamed");
    int code = cli_edit_open(&model, call->operands[0], &o->edit);
    if (code != CLI_DONE) return code;
    code = rename_all(model, call);
    if (code == CLI_DONE) code = cli_edit_save(model, call, call->operands[1], &o->edit);
    ig_model_free(model);
    return code;
}

static const cli_option table[] = {
    CLI_OPTION(options, values, "value", 0, CLI_LIST, "A=B", "input, output, weight or any other value"),
    CLI_OPTION(options, nodes, "node", 0, CLI_LIST, "A=B", "node"),
    CLI_OPTION(options, dims, "dim", 0, CLI_LIST, "A=B", "named dimension"),
    CLI_OPTION(options, prefix, "prefix", 0, CLI_TEXT, "P", "put in front of the names of all values, nodes and functions"),
    CLI_EDIT_OPTIONS(options),
};

const cli_command cli_rename = {
    .arguments = "MODEL OUTPUT",
    .description =
        "Gives values, nodes and named dimensions other names, wherever the model says them. Each option may be given again.",
    .least = 2,
    .most = 2,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata rename model.onnx out.onnx --value input.1=pixels --value 495=scores", "readable inputs and outputs"},
                 {"igata rename model.onnx out.onnx --dim N=batch", "another name for a free dimension"}},
    .run = run,
};
