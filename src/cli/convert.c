/* igata convert: another format, another opset, another IR version. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    const char *from, *weights, *to;
    cli_list opsets, ops;
    int64_t ir_version, seed;
    bool external, inline_external, force, verify;
} options;

/* True when the output is of the format that the model was read from: then its operators stay as they are. */
static bool same_format(const ig_model *model, const char *path, const char *to) {
    const char *dot = strrchr(path, '.'), *format = ig_model_format(model);
    bool same = false;
    for (size_t i = 0; i < ig_format_count(); i++) {
        ig_format_info f = ig_format_at(i);
        if (strcmp(f.name, format) != 0) continue;
        same = to ? strcmp(to, f.name) == 0 : false;
        for (const char *e = f.extensions; !to && dot && *e; e += strcspn(e, " "), e += *e == ' ')
            same |= strcspn(e, " ") == strlen(dot + 1) && strncmp(e, dot + 1, strlen(dot + 1)) == 0;
    }
    return same;
}

typedef struct verdict {
    bool done;
    double max_abs;
    ig_difference worst;
    char output[80];
} verdict;

static void compare_outputs(const cli_ready *a, ig_tensor *const *expected, ig_tensor *const *actual, size_t n, verdict *v) {
    v->worst.equal = true;
    for (size_t i = 0; i < n; i++) {
        ig_difference d;
        ig_tensor_compare(&d, actual[i], expected[i], 1e-3, 1e-5);
        if (d.max_abs > v->max_abs) v->max_abs = d.max_abs;
        if (d.equal || !v->worst.equal) continue;
        v->worst = d;
        snprintf(v->output, sizeof v->output, "%s", ig_session_output(a->session, i).name);
    }
}

static void free_tensors(ig_tensor **tensors, size_t n) {
    for (size_t i = 0; i < n; i++) ig_tensor_free(tensors[i]);
    free(tensors);
}

/* Runs the model and what was written on the same random inputs. */
static int verify(const cli_call *call, verdict *v) {
    const options *o = call->options;
    const cli_source source = {.random = true, .seed = o->seed, .format = o->from, .weights = o->weights, .ops = o->ops};
    const cli_source written = {.format = o->to, .ops = o->ops, .seed = o->seed};
    cli_ready a = {0}, b = {0};
    ig_error err;
    int code = cli_open(&a, "convert", call->operands[0], &source, false);
    if (code == CLI_DONE) code = cli_read_inputs(&a, "convert", &source, true);
    if (code == CLI_DONE) code = cli_open(&b, "convert", call->operands[1], &written, false);
    size_t n = code == CLI_DONE ? ig_session_output_count(a.session) : 0;
    ig_tensor **expected = cli_alloc((n + 1) * sizeof *expected), **actual = cli_alloc((n + 1) * sizeof *actual);
    const ig_tensor *const *values = (const ig_tensor *const *)a.values;
    if (code == CLI_DONE && ig_session_run(a.session, a.names, values, a.n, NULL, expected, n, NULL, &err))
        code = cli_fail(call->operands[0], &err);
    if (code == CLI_DONE && ig_session_run(b.session, a.names, values, a.n, NULL, actual, n, NULL, &err))
        code = cli_fail(call->operands[1], &err);
    if (code == CLI_DONE) {
        v->done = true;
        compare_outputs(&a, expected, actual, n, v);
        if (!v->worst.equal) code = CLI_NO;
    }
    free_tensors(expected, n);
    free_tensors(actual, n);
    cli_ready_free(&a);
    cli_ready_free(&b);
    return code;
}

static int convert(ig_model *model, const cli_call *call) {
    const options *o = call->options;
    const char *out = call->operands[1];
    ig_error err;
    ig_model *converted = NULL;
    ig_convert_options how = {IG_OPTIONS(ig_convert_options), .ir_version = o->ir_version};
    const ig_save_options save = {IG_OPTIONS(ig_save_options), .format = o->to, .overwrite = o->force, .external = o->external,
                                  .inline_external = o->inline_external};
    int code = cli_parse_opsets("convert", &o->opsets, &how);
    if (code != CLI_DONE) return code;
    bool as_it_is = !o->opsets.n && !o->ir_version && same_format(model, out, o->to);
    if (!as_it_is && ig_model_convert(&converted, model, &how, &err)) return cli_fail(call->operands[0], &err);
    if (ig_model_save(converted ? converted : model, out, &save, &err)) code = cli_fail(out, &err);
    ig_model_free(converted);
    return code;
}

static int report(const cli_call *call, int code, const verdict *v) {
    char *in = cli_clean(call->operands[0]), *out = cli_clean(call->operands[1]);
    if (call->json) {
        json_t *root =
            json_pack("{s:o,s:o}", "model", cli_json_text(call->operands[0]), "written", cli_json_text(call->operands[1]));
        if (v->done)
            json_object_set_new(root, "verified",
                                json_pack("{s:b,s:o}", "equal", v->worst.equal, "max_abs", cli_json_number(v->max_abs)));
        cli_json_print(root);
    } else if (v->done && v->worst.equal) {
        printf("%s agrees with %s on random inputs: max abs diff %.3g\n", out, in, v->max_abs);
    } else if (v->done) {
        printf("%s differs from %s on random inputs: output '%s', %s\n", out, in, v->output,
               v->worst.reason[0] ? v->worst.reason : "values");
    }
    free(in);
    free(out);
    return code;
}

static int run(const cli_call *call) {
    const options *o = call->options;
    const char *in = call->operands[0];
    ig_error err;
    ig_model *model;
    ig_context *context;
    verdict v = {0};
    int code = cli_context(&context, &o->ops);
    if (code != CLI_DONE) return code;
    const ig_open_options open = {IG_OPTIONS(ig_open_options), .context = context, .format = o->from, .weights = o->weights};
    if (ig_model_open(&model, in, &open, &err)) {
        code = cli_fail(in, &err);
    } else {
        code = convert(model, call);
        ig_model_free(model);
    }
    ig_context_free(context);
    if (code != CLI_DONE) return code;
    if (o->verify) code = verify(call, &v);
    return code == CLI_DONE || v.done ? report(call, code, &v) : code;
}

static const cli_option table[] = {
    CLI_OPTION(options, opsets, "opset", 0, CLI_LIST, "[DOMAIN=]N", "version of the operators to convert to, up or down"),
    CLI_OPTION(options, ir_version, "ir-version", 0, CLI_WHOLE, "N",
               "version of the file format (default: as it is, or as the opset needs)"),
    CLI_OPTION(options, verify, "verify", 0, CLI_FLAG, NULL, "run both models on the same random inputs and compare"),
    CLI_OPTION(options, seed, "seed", 0, CLI_WHOLE, "N", "seed of the random inputs"),
    CLI_OPTION(options, external, "external", 0, CLI_FLAG, NULL, "put weights into a side file beside the model"),
    CLI_OPTION(options, inline_external, "inline-external", 0, CLI_FLAG, NULL, "put all weights into the model file"),
    CLI_OPTION(options, force, "force", 'f', CLI_FLAG, NULL, "overwrite a file that exists"),
    CLI_OPTION(options, to, "to", 0, CLI_TEXT, "FORMAT", "format to write (default: by the name)"),
    CLI_OPTION(options, weights, "weights", 0, CLI_TEXT, "FILE", "weights file of a format that keeps them apart"),
    CLI_OPTION(options, ops, "ops", 0, CLI_LIST, "FILE", "shared library with operators of one's own"),
    CLI_OPTION(options, from, "from", 0, CLI_TEXT, "FORMAT", "format of the model (default: by its content)"),
};

const cli_command cli_convert = {
    .arguments = "MODEL OUTPUT",
    .description = "Writes a model in another format, for another opset or for another version of the file format. Operators "
                   "are converted "
                   "up and down; when some can't be, all of them are named with the reason, and nothing is written.",
    .least = 2,
    .most = 2,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata convert model.onnx older.onnx --opset 13 --verify",
                  "for runtimes that know opset 13, compared on random inputs"},
                 {"igata convert model.onnx model.onnxtxt", "as text"}},
    .run = run,
};
