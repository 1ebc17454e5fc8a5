/* igata tensors: the weights of a model, listed or taken out. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    const char *output, *format, *weights;
    bool raw, force;
} options;

/* "float[64,3,7,7]"; to be freed. */
static char *type_text(const ig_weight_facts *w) {
    char *text = cli_print("%s[", ig_dtype_name(w->dtype) ? ig_dtype_name(w->dtype) : "?");
    for (int i = 0; i < w->rank; i++) {
        char *more = cli_print(i ? "%s,%lld" : "%s%lld", text, (long long)w->dims[i]);
        free(text);
        text = more;
    }
    char *whole = cli_print("%s]", text);
    free(text);
    return whole;
}

static json_t *weight_json(const ig_weight_facts *w) {
    json_t *dims = json_array();
    for (int i = 0; i < w->rank; i++) json_array_append_new(dims, json_integer(w->dims[i]));
    return json_pack("{s:o,s:s,s:o,s:I}", "name", cli_json_text(w->name), "dtype",
                     ig_dtype_name(w->dtype) ? ig_dtype_name(w->dtype) : "?", "shape", dims, "bytes", (json_int_t)w->bytes);
}

static void list_weights(ig_model *model, bool as_json) {
    static const char *const headings[] = {"name", "type", "size"};
    json_t *list = json_array();
    cli_table *table = cli_table_new("llr", headings);
    char size[32];
    uint64_t bytes = 0;
    size_t n = ig_model_weight_count(model);
    for (size_t i = 0; i < n; i++) {
        ig_weight_facts w = ig_model_weight_at(model, i);
        char *type = type_text(&w);
        cli_table_cell(table, "%s", w.name);
        cli_table_cell(table, "%s", type);
        cli_table_cell(table, "%s", cli_bytes(size, w.bytes));
        free(type);
        json_array_append_new(list, weight_json(&w));
        bytes += w.bytes;
    }
    if (as_json) {
        cli_table_free(table);
        cli_json_print(json_pack("{s:o,s:I}", "tensors", list, "bytes", (json_int_t)bytes));
        return;
    }
    json_decref(list);
    cli_table_print(table, "", stdout);
    printf("%zu tensors, %s\n", n, cli_bytes(size, bytes));
}

static int extract(ig_model *model, const char *path, const options *o, bool as_json) {
    ig_error err;
    ig_tensors *all;
    size_t n = ig_model_weight_count(model);
    ig_status status = ig_tensors_create(&all, ig_model_context(model), &err);
    for (size_t i = 0; i < n && status == IG_OK; i++) {
        ig_tensor *t;
        status = ig_model_weight(&t, model, i, &err);
        if (status != IG_OK) break;
        status = ig_tensors_set(all, ig_model_weight_at(model, i).name, t, &err);
        ig_tensor_free(t);
    }
    if (status != IG_OK) {
        ig_tensors_free(all);
        return cli_fail(path, &err);
    }
    const ig_write_options options = {IG_OPTIONS(ig_write_options), .raw_bits = o->raw, .overwrite = o->force};
    status = ig_tensors_write(all, o->output, &options, &err);
    n = ig_tensors_count(all);
    ig_tensors_free(all);
    if (status != IG_OK) return cli_fail(o->output, &err);
    if (as_json) cli_json_print(json_pack("{s:o,s:I}", "written", cli_json_text(o->output), "tensors", (json_int_t)n));
    return CLI_DONE;
}

static int run(const cli_call *call) {
    const options *o = call->options;
    ig_error err;
    ig_model *model;
    const ig_open_options open = {IG_OPTIONS(ig_open_options), .format = o->format, .weights = o->weights};
    if (ig_model_open(&model, call->operands[0], &open, &err)) return cli_fail(call->operands[0], &err);
    int code = CLI_DONE;
    if (o->output)
        code = extract(model, call->operands[0], o, call->json);
    else
        list_weights(model, call->json);
    ig_model_free(model);
    return code;
}

static const cli_option table[] = {
    CLI_OPTION(options, output, "output", 'o', CLI_TEXT, "PATH", "extract: an .npz file, or a folder for .npy files"),
    CLI_OPTION(options, raw, "raw", 0, CLI_FLAG, NULL, "types that NumPy lacks as their bits, not as wider types"),
    CLI_OPTION(options, force, "force", 'f', CLI_FLAG, NULL, "overwrite files that exist"),
    CLI_OPTION(options, weights, "weights", 0, CLI_TEXT, "FILE", "weights file of a format that keeps them apart"),
    CLI_OPTION(options, format, "from", 0, CLI_TEXT, "FORMAT", "format of the model (default: by its content)"),
};

const cli_command cli_tensors = {
    .arguments = "MODEL",
    .description = "Lists the weights of a model or of a weights file: name, type, shape, size. Their content is not read. "
                   "With -o they are "
                   "extracted under their names.",
    .least = 1,
    .most = 1,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata tensors model.onnx", "what weights there are"},
                 {"igata tensors model.onnx -o weights.npz", "all of them as a NumPy archive"}},
    .run = run,
};
