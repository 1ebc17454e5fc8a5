/* igata infer-shapes: types and shapes of all values, written into the model. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    const char *format, *weights, *to;
    cli_list dims, shapes, ops;
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

/* "NAME=1,3,?,224": a size for each dim, "?" for one that stays free. */
static int parse_shape(const char *text, ig_input_shape *shape) {
    const char *equals = strrchr(text, '=');
    if (!equals) return cli_usage("infer-shapes", "--shape wants NAME=N,N,..., not '%s'", text);
    int64_t *dims = cli_alloc((strlen(equals) + 1) * sizeof *dims);
    *shape = (ig_input_shape){.name = cli_print("%.*s", (int)(equals - text), text), .dims = dims};
    for (const char *p = equals + 1; *p; p++) {
        char *end = (char *)(uintptr_t)p;
        int64_t n = *p == '?' ? -1 : strtoll(p, &end, 10);
        if (*p == '?') end++;
        if (end == p || n < -1 || (*end && *end != ',') || shape->rank >= 32)
            return cli_usage("infer-shapes", "'%s' is no shape: numbers and '?' with commas between are", equals + 1);
        dims[shape->rank++] = n;
        p = *end ? end : end - 1;
    }
    return CLI_DONE;
}

static void free_shapes(ig_input_shape *shapes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free((char *)(uintptr_t)shapes[i].name);
        free((int64_t *)(uintptr_t)shapes[i].dims);
    }
    free(shapes);
}

static int infer(ig_model *model, const cli_call *call, const ig_dim_value *dims, const ig_input_shape *shapes) {
    const options *o = call->options;
    ig_error err;
    ig_report *report;
    const ig_infer_types_options how = {IG_OPTIONS(ig_infer_types_options),
                                        .strict = o->strict,
                                        .no_data_propagation = !o->propagate,
                                        .dims = dims,
                                        .n_dims = o->dims.n,
                                        .shapes = shapes,
                                        .n_shapes = o->shapes.n};
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
    ig_input_shape *shapes = cli_alloc(o->shapes.n * sizeof *shapes);
    int code = cli_parse_dims("infer-shapes", &o->dims, &dims);
    for (size_t i = 0; i < o->shapes.n && code == CLI_DONE; i++) code = parse_shape(o->shapes.items[i], &shapes[i]);
    if (code == CLI_DONE) code = cli_context(&open.context, &o->ops);
    if (code == CLI_DONE && ig_model_open(&model, call->operands[0], &open, &err)) {
        code = cli_fail(call->operands[0], &err);
    } else if (code == CLI_DONE) {
        code = infer(model, call, dims, shapes);
        ig_model_free(model);
    }
    cli_dims_free(dims, o->dims.n);
    free_shapes(shapes, o->shapes.n);
    ig_context_free(open.context);
    return code;
}

static const cli_option table[] = {
    CLI_OPERATORS_OPTION(options, ops),
    CLI_OPTION(options, strict, "strict", 0, CLI_FLAG, NULL, "the first contradiction is an error"),
    CLI_OPTION(options, propagate, "data-propagation", 0, CLI_FLAG, NULL,
               "also compute the contents of values that shapes depend on"),
    CLI_OPTION(options, dims, "dim", 0, CLI_LIST, "NAME=N", "size of a named free dimension"),
    CLI_OPTION(options, shapes, "shape", 0, CLI_LIST, "NAME=N,...", "shape of an input, '?' for a dim that stays free"),
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
                 {"igata infer-shapes model.onnx shaped.onnx --dim batch=8 --shape image=?,3,224,224",
                  "with sizes that are known"}},
    .run = run,
};
