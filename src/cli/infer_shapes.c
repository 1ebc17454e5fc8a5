/* igata infer-shapes: types and shapes of all values, written into the model. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>

typedef struct options {
    const char *format, *weights, *to;
    cli_list dims, ops;
    bool strict, propagate, force;
} options;

static json_t *findings_json(const ig_report *report) {
    json_t *items = json_array();
    for (size_t i = 0; i < ig_report_count(report); i++) {
        ig_report_item item = ig_report_at(report, i);
        json_array_append_new(items, json_pack("{s:o,s:o,s:o,s:o}", "rule", cli_json_text(item.rule), "message",
                                               cli_json_text(item.message), "where", cli_json_text(item.where), "hint",
                                               cli_json_text(item.hint)));
    }
    return items;
}

static void print_findings(const char *path, const ig_report *report) {
    for (size_t i = 0; i < ig_report_count(report); i++) {
        ig_report_item item = ig_report_at(report, i);
        char *name = cli_clean(path), *message = cli_clean(item.message), *place = cli_clean(item.where);
        fprintf(stderr, "%s: warning: %s [%s]\n", name, message, item.rule);
        if (place[0]) fprintf(stderr, "  at %s\n", place);
        free(name);
        free(message);
        free(place);
    }
}

static int infer(ig_model *model, const cli_call *call, const ig_dim_value *dims) {
    const options *o = call->options;
    ig_error err;
    ig_report *report;
    const ig_infer_types_options how = {IG_OPTIONS(ig_infer_types_options), .strict = o->strict,
                                        .no_data_propagation = !o->propagate, .dims = dims, .n_dims = o->dims.n};
    if (ig_model_infer_types(model, &how, &report, &err)) return cli_fail(call->operands[0], &err);
    const ig_save_options save = {IG_OPTIONS(ig_save_options), .format = o->to, .overwrite = o->force};
    int code = ig_model_save(model, call->operands[1], &save, &err) ? cli_fail(call->operands[1], &err) : CLI_DONE;
    if (!call->json) print_findings(call->operands[0], report);
    if (call->json && code == CLI_DONE) {
        cli_json_print(json_pack("{s:o,s:o,s:o}", "model", cli_json_text(call->operands[0]), "written",
                                 cli_json_text(call->operands[1]), "findings", findings_json(report)));
    }
    ig_report_free(report);
    return code;
}

static int run(const cli_call *call) {
    const options *o = call->options;
    ig_error err;
    ig_model *model;
    ig_open_options open = {IG_OPTIONS(ig_open_options), .format = o->format, .weights = o->weights};
    ig_dim_value *dims;
    int code = cli_parse_dims("infer-shapes", &o->dims, &dims);
    if (code == CLI_DONE) code = cli_context(&open.context, &o->ops);
    if (code == CLI_DONE && ig_model_open(&model, call->operands[0], &open, &err)) {
        code = cli_fail(call->operands[0], &err);
    } else if (code == CLI_DONE) {
        code = infer(model, call, dims);
        ig_model_free(model);
    }
    cli_dims_free(dims, o->dims.n);
    ig_context_free(open.context);
    return code;
}

static const cli_option table[] = {
    CLI_OPERATORS_OPTION(options, ops),
    CLI_OPTION(options, strict, "strict", 0, CLI_FLAG, NULL, "the first contradiction is an error"),
    CLI_OPTION(options, propagate, "data-propagation", 0, CLI_FLAG, NULL,
               "also compute the contents of values that shapes depend on"),
    CLI_OPTION(options, dims, "dim", 0, CLI_LIST, "NAME=N", "size of a named free dimension"),
    CLI_OPTION(options, force, "force", 'f', CLI_FLAG, NULL, "overwrite a file that exists"),
    CLI_OPTION(options, to, "to", 0, CLI_TEXT, "FORMAT", "format to write (default: by the name)"),
    CLI_OPTION(options, weights, "weights", 0, CLI_TEXT, "FILE", "weights file of a format that keeps them apart"),
    CLI_OPTION(options, format, "from", 0, CLI_TEXT, "FORMAT", "format of the model (default: by its content)"),
};

const cli_command cli_infer_shapes = {
    .arguments = "MODEL OUTPUT",
    .description =
        "Infers the types and shapes of all values of a model and writes the model with them. Contradictions between "
        "operators and declared types are warnings, or with --strict the first one an error.",
    .least = 2,
    .most = 2,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata infer-shapes model.onnx shaped.onnx --data-propagation", "write all shapes that can be known"},
                 {"igata infer-shapes model.onnx shaped.onnx --dim batch=8", "with the dimension batch fixed"}},
    .run = run,
};
