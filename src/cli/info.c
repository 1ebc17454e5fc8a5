/* igata info: what a model is. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    const char *signature, *weights, *format;
    cli_list ops;
} options;

static bool has(const char *text) { return text && text[0]; }

static json_t *values_json(const ig_value_facts *values, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:o,s:o,s:b}", "name", cli_json_text(values[i].name), "type",
                                              cli_json_text(values[i].type), "has_default", values[i].has_default));
    return list;
}

static json_t *info_json(const char *path, const ig_info *info) {
    json_t *o = json_object(), *list = json_array(), *types = json_object(), *metadata = json_array();
    const struct {
        const char *key, *value;
    } texts[] = {{"model", path},
                 {"format", info->format},
                 {"title", info->title},
                 {"producer", info->producer},
                 {"producer_version", info->producer_version},
                 {"domain", info->domain},
                 {"graph", info->graph_name},
                 {"doc", info->doc}};
    for (size_t i = 0; i < CLI_COUNT(texts); i++)
        if (has(texts[i].value)) json_object_set_new(o, texts[i].key, cli_json_text(texts[i].value));
    for (size_t i = 0; i < info->n_opsets; i++)
        json_array_append_new(list, json_pack("{s:o,s:I}", "domain", cli_json_text(info->opsets[i].domain), "version",
                                              (json_int_t)info->opsets[i].version));
    json_object_set_new(o, "opsets", list);
    json_object_set_new(o, "file_bytes", json_integer((json_int_t)info->file_bytes));
    json_object_set_new(o, "inputs", values_json(info->inputs, info->n_inputs));
    json_object_set_new(o, "outputs", values_json(info->outputs, info->n_outputs));
    list = json_array();
    for (size_t i = 0; i < info->n_ops; i++)
        json_array_append_new(list, json_pack("{s:o,s:o,s:I,s:b}", "domain", cli_json_text(info->ops[i].domain), "op",
                                              cli_json_text(info->ops[i].op), "count", (json_int_t)info->ops[i].count,
                                              "supported", info->ops[i].supported));
    json_object_set_new(o, "operators", list);
    json_object_set_new(o, "nodes", json_integer((json_int_t)info->n_nodes));
    json_object_set_new(o, "functions", json_integer((json_int_t)info->n_functions));
    json_object_set_new(o, "initializers", json_integer((json_int_t)info->n_initializers));
    json_object_set_new(o, "parameters", json_integer((json_int_t)info->parameters));
    json_object_set_new(o, "weight_bytes", json_integer((json_int_t)info->weight_bytes));
    for (int d = 0; d < IG_DTYPE_COUNT; d++)
        if (info->parameters_of[d])
            json_object_set_new(types, ig_dtype_name((ig_dtype)d),
                                json_pack("{s:I,s:I}", "parameters", (json_int_t)info->parameters_of[d], "bytes",
                                          (json_int_t)info->bytes_of[d]));
    json_object_set_new(o, "weights", types);
    json_object_set_new(o, "multiply_adds", info->work_known ? json_integer((json_int_t)info->multiply_adds) : json_null());
    json_object_set_new(o, "activation_bytes",
                        info->work_known ? json_integer((json_int_t)info->activation_bytes) : json_null());
    json_object_set_new(o, "work_with_free_dims_as_1", json_boolean(info->work_known && info->work_assumed));
    json_object_set_new(o, "runs", json_boolean(info->unsupported_nodes == 0));
    json_object_set_new(o, "unsupported_nodes", json_integer((json_int_t)info->unsupported_nodes));
    for (size_t i = 0; i < info->n_metadata; i++)
        json_array_append_new(metadata, json_pack("{s:o,s:o}", "key", cli_json_text(info->metadata[i].key), "value",
                                                  cli_json_text(info->metadata[i].value)));
    json_object_set_new(o, "metadata", metadata);
    return o;
}

static void print_values(cli_table *table, const char *what, const ig_value_facts *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        cli_table_cell(table, "%s", what);
        cli_table_cell(table, "%.80s", values[i].name);
        cli_table_cell(table, "%s%s", values[i].type, values[i].has_default ? "  (has a default)" : "");
    }
}

typedef struct share {
    ig_dtype dtype;
    uint64_t bytes;
} share;

static int largest_first(const void *a, const void *b) {
    const share *x = a, *y = b;
    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static void print_weights(const ig_info *info) {
    char amount[32], size[32];
    share shares[IG_DTYPE_COUNT];
    size_t n = 0;
    for (int d = 0; d < IG_DTYPE_COUNT; d++)
        if (info->bytes_of[d]) shares[n++] = (share){(ig_dtype)d, info->bytes_of[d]};
    qsort(shares, n, sizeof *shares, largest_first);
    printf("  weights    %s parameters", cli_amount(amount, (double)info->parameters));
    for (size_t i = 0; i < n; i++)
        printf("%s%s %s", i ? ", " : " · ", cli_bytes(size, shares[i].bytes), ig_dtype_name(shares[i].dtype));
    printf("\n");
    if (!info->work_known) return;
    printf("  work       %s multiply-adds", cli_amount(amount, (double)info->multiply_adds));
    printf(" · peak activations %s%s\n", cli_bytes(size, info->activation_bytes),
           info->work_assumed ? " (free dimensions taken as 1)" : "");
}

/* "a 3, b 2" of the operators that `wanted` says, cut after `most`; to be freed. */
static char *list_operators(const ig_info *info, bool only_unsupported, size_t most) {
    char *list = cli_print("%s", "");
    size_t listed = 0, more = 0;
    for (size_t i = 0; i < info->n_ops; i++) {
        const ig_op_facts *op = &info->ops[i];
        if (only_unsupported && op->supported) continue;
        if (listed++ >= most) {
            more++;
            continue;
        }
        char *longer = cli_print("%s%s%.40s%s%.60s %llu", list, list[0] ? ", " : "", op->domain, op->domain[0] ? "." : "",
                                 op->op, (unsigned long long)op->count);
        free(list);
        list = longer;
    }
    char *clean = cli_clean(list), *whole = more ? cli_print("%s and %zu more", clean, more) : cli_print("%s", clean);
    free(list);
    free(clean);
    return whole;
}

static void print_head(const char *path, const ig_info *info) {
    char size[32];
    char *name = cli_clean(path), *title = cli_clean(info->title), *producer = cli_clean(info->producer);
    char *version = cli_clean(info->producer_version);
    printf("%s%s%s   %s · %s · %llu operator%s of %zu kind%s", cli_style_on(stdout, CLI_BOLD), name, cli_style_off(stdout),
           title, cli_bytes(size, info->file_bytes), (unsigned long long)info->n_nodes, info->n_nodes == 1 ? "" : "s",
           info->n_ops, info->n_ops == 1 ? "" : "s");
    for (size_t i = 0; i < info->n_opsets; i++) {
        char *domain = cli_clean(info->opsets[i].domain);
        printf("%s%s%s %lld", i ? ", " : " · ", domain[0] ? domain : "opset", "", (long long)info->opsets[i].version);
        free(domain);
    }
    if (producer[0]) printf(" · by %s%s%s", producer, version[0] ? " " : "", version);
    printf("\n");
    free(name);
    free(title);
    free(producer);
    free(version);
}

/* What the file says about itself, a line each. */
static void print_metadata(const ig_info *info) {
    enum { LINES = 12, WIDTH = 100 };
    for (size_t i = 0; i < info->n_metadata && i < LINES; i++) {
        const char *value = info->metadata[i].value;
        size_t length = strcspn(value, "\r\n");
        char *line = cli_print("%.*s", (int)(length < WIDTH ? length : WIDTH), value);
        char *clean = cli_clean(line), *key = cli_clean(info->metadata[i].key);
        printf("  %s  %.60s: %s%s\n", i ? "        " : "metadata", key, clean, value[strlen(line)] ? " …" : "");
        free(line);
        free(clean);
        free(key);
    }
    if (info->n_metadata > LINES) printf("            and %zu more (--json shows all)\n", info->n_metadata - LINES);
}

static void print_info(const char *path, const ig_info *info) {
    print_head(path, info);
    cli_table *table = cli_table_new("lll", NULL);
    print_values(table, "input ", info->inputs, info->n_inputs);
    print_values(table, "output", info->outputs, info->n_outputs);
    cli_table_print(table, "  ", stdout);
    char *ops = list_operators(info, false, 12), *missing = list_operators(info, true, 12);
    if (info->n_ops) printf("  operators  %s\n", ops);
    if (info->n_initializers) print_weights(info);
    print_metadata(info);
    if (info->unsupported_nodes == 0)
        printf("  runs here: yes\n");
    else
        printf("  runs here: no, %llu of %llu operators have no kernel: %s\n", (unsigned long long)info->unsupported_nodes,
               (unsigned long long)info->n_nodes, missing);
    free(ops);
    free(missing);
}

static int run(const cli_call *call) {
    const options *o = call->options;
    const char *path = call->operands[0];
    ig_open_options open = {IG_OPTIONS(ig_open_options), .format = o->format, .signature = o->signature, .weights = o->weights};
    ig_error err;
    ig_model *model;
    const ig_info *info = NULL;
    int code = cli_context(&open.context, &o->ops);
    if (code != CLI_DONE) return code;
    ig_status status = ig_model_open(&model, path, &open, &err);
    ig_context_free(open.context);
    if (status != IG_OK) return cli_fail(path, &err);
    if (ig_model_info(&info, model, &err))
        code = cli_fail(path, &err);
    else if (call->json)
        cli_json_print(info_json(path, info));
    else
        print_info(path, info);
    ig_info_free(info);
    ig_model_free(model);
    return code;
}

static const cli_option table[] = {
    CLI_OPERATORS_OPTION(options, ops),
    CLI_OPTION(options, signature, "signature", 0, CLI_TEXT, "NAME", "entry point of a model that has several"),
    CLI_OPTION(options, weights, "weights", 0, CLI_TEXT, "FILE", "weights file of a format that keeps them apart"),
    CLI_OPTION(options, format, "from", 0, CLI_TEXT, "FORMAT", "format of the model (default: by its content)"),
};

const cli_command cli_info = {
    .arguments = "MODEL",
    .description =
        "Says what a model is without reading its weights: format, inputs and outputs, operators and whether igata runs them, "
        "weights by type, and where shapes are known the multiply-adds of one run and the memory that its intermediate values "
        "need at once.",
    .least = 1,
    .most = 1,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata info model.onnx", "a few lines about a model"},
                 {"igata info model.onnx --json", "everything, for a program"}},
    .run = run,
};
