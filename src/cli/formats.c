/* igata formats: what can be read and written, and which operators. */
#include "cli/cli.h"

#include <jansson.h>
#include <string.h>

static json_t *operators_json(size_t format) {
    json_t *list = json_array();
    for (size_t k = 0;; k++) {
        ig_pair op = ig_format_operator(format, k);
        if (!op.key) return list;
        json_array_append_new(list, json_pack("{s:s,s:s}", "operator", op.key, "onnx", op.value));
    }
}

static json_t *format_json(const ig_format_info *f) {
    json_t *o = json_pack("{s:s,s:s,s:s,s:b,s:b}", "name", f->name, "title", f->title, "extensions", f->extensions, "reads",
                          f->reads, "writes", f->writes);
    if (f->domain) json_object_set_new(o, "domain", json_string(f->domain));
    if (f->domain) json_object_set_new(o, "operators", json_integer((json_int_t)f->n_operators));
    return o;
}

static int list_all(const cli_call *call) {
    static const char *const headings[] = {"format", "reads", "writes", "operators", "extensions", "what it is"};
    json_t *list = json_array();
    cli_table *table = cli_table_new("lllrll", headings);
    for (size_t i = 0; i < ig_format_count(); i++) {
        ig_format_info f = ig_format_at(i);
        cli_table_cell(table, "%s", f.name);
        cli_table_cell(table, "%s", f.reads ? "yes" : "no");
        cli_table_cell(table, "%s", f.writes ? "yes" : "no");
        if (f.domain)
            cli_table_cell(table, "%zu", f.n_operators);
        else
            cli_table_cell(table, "%s", strncmp(f.name, "onnx", 4) == 0 ? "all" : "-");
        cli_table_cell(table, "%s", f.extensions);
        cli_table_cell(table, "%s", f.title);
        json_array_append_new(list, format_json(&f));
    }
    if (call->json) {
        cli_table_free(table);
        cli_json_print(json_pack("{s:o}", "formats", list));
        return CLI_DONE;
    }
    cli_table_print(table, "", stdout);
    json_decref(list);
    return CLI_DONE;
}

static int list_operators(const cli_call *call, size_t format) {
    static const char *const headings[] = {"operator", "becomes"};
    ig_format_info f = ig_format_at(format);
    if (call->json) {
        json_t *o = format_json(&f);
        json_object_set_new(o, "operators", operators_json(format));
        cli_json_print(o);
        return CLI_DONE;
    }
    if (!f.domain) {
        printf("%s has no operators of its own\n", f.title);
        return CLI_DONE;
    }
    cli_table *table = cli_table_new("ll", headings);
    for (size_t k = 0; k < f.n_operators; k++) {
        ig_pair op = ig_format_operator(format, k);
        cli_table_cell(table, "%s", op.key);
        cli_table_cell(table, "%s", op.value[0] ? op.value : "several");
    }
    cli_table_print(table, "", stdout);
    return CLI_DONE;
}

static int run(const cli_call *call) {
    if (call->n == 0) return list_all(call);
    for (size_t i = 0; i < ig_format_count(); i++)
        if (strcmp(ig_format_at(i).name, call->operands[0]) == 0) return list_operators(call, i);
    return cli_usage("formats", "there is no format '%s'", call->operands[0]);
}

const cli_command cli_formats = {
    .arguments = "[FORMAT]",
    .description =
        "Lists the formats of model files, what igata can do with each, how many of its operators it lowers to ONNX's, and the "
        "extensions that name them. A file's format is found by its content first. With FORMAT, the operators themselves and "
        "the "
        "ONNX operators that they become.",
    .most = 1,
    .examples = {{"igata formats", "a table of the formats"}, {"igata formats tflite", "the operators of TFLite that run"}},
    .run = run,
};
