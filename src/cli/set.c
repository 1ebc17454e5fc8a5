/* igata set: what a model says of itself, shapes of inputs, versions. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct options {
    const char *texts[IG_TEXT_COUNT];
    const char *batch, *model_version;
    cli_list dims, shapes, metadata, remove;
    cli_list opsets;
    int64_t ir_version;
    cli_edit edit;
} options;

static int set_texts(ig_model *model, const cli_call *call) {
    const options *o = call->options;
    ig_error err;
    for (int i = 0; i < IG_TEXT_COUNT; i++)
        if (o->texts[i] && ig_model_set_text(model, (ig_model_text)i, o->texts[i], &err))
            return cli_fail(call->operands[0], &err);
    if (o->model_version) {
        char *end;
        long long version = strtoll(o->model_version, &end, 10);
        if (end == o->model_version || *end) return cli_usage("set", "--model-version wants a number");
        if (ig_model_set_version(model, version, &err)) return cli_fail(call->operands[0], &err);
    }
    for (size_t i = 0; i < o->remove.n; i++)
        if (ig_model_set_metadata(model, o->remove.items[i], NULL, &err)) return cli_fail(call->operands[0], &err);
    cli_pairs pairs;
    int code = cli_split_pairs(&pairs, "set", "metadata", &o->metadata);
    for (size_t i = 0; i < pairs.n && code == CLI_DONE; i++)
        if (ig_model_set_metadata(model, pairs.items[i].key, pairs.items[i].value, &err))
            code = cli_fail(call->operands[0], &err);
    cli_pairs_free(&pairs);
    return code;
}

/* Replaces *model where shapes or versions change. */
static int replace(ig_model **model, ig_model *made) {
    ig_model_free(*model);
    *model = made;
    return CLI_DONE;
}

static int set_shapes(ig_model **model, const cli_call *call) {
    const options *o = call->options;
    ig_error err;
    ig_model *made;
    cli_pairs dims = {0}, shapes = {0};
    int code = cli_split_pairs(&dims, "set", "dim", &o->dims);
    if (code == CLI_DONE) code = cli_split_pairs(&shapes, "set", "shape", &o->shapes);
    size_t n = 0;
    ig_reshape *changes = cli_alloc((o->dims.n + o->shapes.n + 1) * sizeof *changes);
    for (size_t i = 0; i < shapes.n; i++)
        changes[n++] = (ig_reshape){.name = shapes.items[i].key, .shape = shapes.items[i].value};
    for (size_t i = 0; i < dims.n; i++) changes[n++] = (ig_reshape){.dim = dims.items[i].key, .shape = dims.items[i].value};
    if (o->batch) changes[n++] = (ig_reshape){.shape = o->batch};
    if (code == CLI_DONE && n)
        code = ig_model_reshape(&made, *model, changes, n, &err) ? cli_fail(call->operands[0], &err) : replace(model, made);
    free(changes);
    cli_pairs_free(&dims);
    cli_pairs_free(&shapes);
    return code;
}

static int set_versions(ig_model **model, const cli_call *call) {
    const options *o = call->options;
    ig_error err;
    ig_model *made;
    ig_convert_options how = {IG_OPTIONS(ig_convert_options), .ir_version = o->ir_version};
    if (!o->opsets.n && !o->ir_version) return CLI_DONE;
    int code = cli_parse_opsets("set", &o->opsets, &how);
    if (code != CLI_DONE) return code;
    return ig_model_convert(&made, *model, &how, &err) ? cli_fail(call->operands[0], &err) : replace(model, made);
}

static int run(const cli_call *call) {
    const options *o = call->options;
    ig_model *model;
    int code = cli_edit_open(&model, call->operands[0], &o->edit);
    if (code != CLI_DONE) return code;
    code = set_texts(model, call);
    if (code == CLI_DONE) code = set_shapes(&model, call);
    if (code == CLI_DONE) code = set_versions(&model, call);
    if (code == CLI_DONE) code = cli_edit_save(model, call, call->operands[1], &o->edit);
    ig_model_free(model);
    return code;
}

static const cli_option table[] = {
    CLI_OPTION(options, batch, "batch", 0, CLI_TEXT, "N", "first dimension of all inputs: a number, a name, or ? for unknown"),
    CLI_OPTION(options, dims, "dim", 0, CLI_LIST, "NAME=N", "size of a named free dimension"),
    CLI_OPTION(options, shapes, "shape", 0, CLI_LIST, "INPUT=1,3,H,?",
               "whole shape of an input: numbers, names, ? for unknown"),
    CLI_OPTION(options, metadata, "metadata", 0, CLI_LIST, "KEY=TEXT", "entry of the model's metadata"),
    CLI_OPTION(options, remove, "remove-metadata", 0, CLI_LIST, "KEY", "take an entry out"),
    CLI_OPTION(options, texts[IG_TEXT_DOC], "doc", 0, CLI_TEXT, "TEXT", "doc string of the model"),
    CLI_OPTION(options, texts[IG_TEXT_PRODUCER], "producer", 0, CLI_TEXT, "TEXT", "program that made the model"),
    CLI_OPTION(options, texts[IG_TEXT_PRODUCER_VERSION], "producer-version", 0, CLI_TEXT, "TEXT", "version of that program"),
    CLI_OPTION(options, texts[IG_TEXT_DOMAIN], "domain", 0, CLI_TEXT, "TEXT", "name space of the model"),
    CLI_OPTION(options, texts[IG_TEXT_GRAPH_NAME], "graph-name", 0, CLI_TEXT, "TEXT", "name of the main graph"),
    CLI_OPTION(options, texts[IG_TEXT_GRAPH_DOC], "graph-doc", 0, CLI_TEXT, "TEXT", "doc string of the main graph"),
    CLI_OPTION(options, model_version, "model-version", 0, CLI_TEXT, "N", "version of the model"),
    CLI_OPTION(options, opsets, "opset", 0, CLI_LIST, "[DOMAIN=]N", "convert to another version of the operators"),
    CLI_OPTION(options, ir_version, "ir-version", 0, CLI_WHOLE, "N", "version of the file format"),
    CLI_EDIT_OPTIONS(options),
};

const cli_command cli_set = {
    .arguments = "MODEL OUTPUT",
    .description = "Sets what a model says of itself, and the shapes of its inputs: all other shapes follow, and what "
                   "contradicts them is an "
                   "error that names the place.",
    .least = 2,
    .most = 2,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata set model.onnx out.onnx --batch 8", "a fixed batch"},
                 {"igata set model.onnx out.onnx --metadata author=me --doc 'Digits, second try'", "texts"}},
    .run = run,
};
