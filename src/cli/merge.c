/* igata merge: two models in one. */
#include "cli/cli.h"

typedef struct options {
    cli_list map, inputs, outputs;
    const char *prefix1, *prefix2;
    cli_edit edit;
} options;

static int merge(const cli_call *call, ig_model *first, ig_model *second, const cli_pairs *map) {
    const options *o = call->options;
    ig_error err;
    ig_model *merged;
    cli_words in = cli_split(&o->inputs), out = cli_split(&o->outputs);
    const ig_merge_options how = {IG_OPTIONS(ig_merge_options),
                                  .map = map->items,
                                  .n_map = map->n,
                                  .prefix1 = o->prefix1,
                                  .prefix2 = o->prefix2,
                                  .inputs = (const char *const *)in.items,
                                  .n_inputs = in.n,
                                  .outputs = (const char *const *)out.items,
                                  .n_outputs = out.n};
    ig_status status = ig_model_merge(&merged, first, second, &how, &err);
    cli_words_free(&in);
    cli_words_free(&out);
    if (status) return cli_fail(NULL, &err);
    int code = cli_edit_save(merged, call, call->operands[2], &o->edit);
    ig_model_free(merged);
    return code;
}

static int run(const cli_call *call) {
    const options *o = call->options;
    ig_model *first = NULL, *second = NULL;
    cli_pairs map;
    int code = cli_split_pairs(&map, "merge", "map", &o->map);
    if (code == CLI_DONE) code = cli_edit_open(&first, call->operands[0], &o->edit);
    if (code == CLI_DONE) code = cli_edit_open(&second, call->operands[1], &o->edit);
    if (code == CLI_DONE) code = merge(call, first, second, &map);
    ig_model_free(first);
    ig_model_free(second);
    cli_pairs_free(&map);
    return code;
}

static const cli_option table[] = {
    CLI_OPTION(options, map, "map", 0, CLI_LIST, "A=B", "output A of the first model is input B of the second"),
    CLI_OPTION(options, prefix1, "prefix1", 0, CLI_TEXT, "P", "put in front of all names of the first model"),
    CLI_OPTION(options, prefix2, "prefix2", 0, CLI_TEXT, "P", "put in front of all names of the second model"),
    CLI_OPTION(options, inputs, "inputs", 0, CLI_LIST, "A,B", "inputs of the result (default: all that are not in the map)"),
    CLI_OPTION(options, outputs, "outputs", 0, CLI_LIST, "A,B", "outputs of the result (default: all that are not in the map)"),
    CLI_EDIT_OPTIONS(options),
};

const cli_command cli_merge = {
    .arguments = "FIRST SECOND OUTPUT",
    .description =
        "Joins two models: outputs of the first become inputs of the second. Both have to be of one IR version and of the same "
        "opsets (see igata convert), and may have no names in common but for those that prefixes tell apart.",
    .least = 3,
    .most = 3,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata merge features.onnx head.onnx whole.onnx --map features=x", "the second after the first"},
                 {"igata merge a.onnx b.onnx ab.onnx --map y=x --prefix1 a/ --prefix2 b/", "of models that share names"}},
    .run = run,
};
