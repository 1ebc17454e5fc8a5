/* igata diff: what changed between two models. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    const char *from;
} options;

static json_t *item_json(const ig_difference_item *d) {
    json_t *o = json_pack("{s:s,s:s,s:o}", "what", d->what, "how", d->how, "where", cli_json_text(d->where));
    if (d->before) json_object_set_new(o, "before", cli_json_text(d->before));
    if (d->after) json_object_set_new(o, "after", cli_json_text(d->after));
    if (!d->numbers) return o;
    json_object_set_new(o, "elements", json_integer((json_int_t)d->count));
    json_object_set_new(o, "changed", json_integer((json_int_t)d->changed));
    json_object_set_new(o, "max_abs", cli_json_number(d->max_abs));
    json_object_set_new(o, "norm", cli_json_number(d->norm));
    json_object_set_new(o, "relative", cli_json_number(d->relative));
    return o;
}

static void print_item(const ig_difference_item *d) {
    char sign = strcmp(d->how, "added") == 0 ? '+' : strcmp(d->how, "removed") == 0 ? '-' : '~';
    cli_style style = sign == '+' ? CLI_GREEN : sign == '-' ? CLI_RED : CLI_YELLOW;
    printf("%s%c %s%s%s%s %s", cli_style_on(stdout, style), sign, d->what, d->where[0] ? " " : "", d->where,
           cli_style_off(stdout), d->how);
    if (d->numbers)
        printf(": %llu of %llu elements, the most by %.3g, norm %.3g (%.3g %%)", (unsigned long long)d->changed,
               (unsigned long long)d->count, d->max_abs, d->norm, 100 * d->relative);
    else if (d->before && d->after && strcmp(d->before, d->after) != 0)
        printf(": %s -> %s", d->before, d->after);
    else if (d->before || d->after)
        printf(": %s", d->after ? d->after : d->before);
    printf("\n");
}

static void print(const cli_call *call, const ig_differences *list) {
    json_t *items = json_array();
    size_t n = ig_differences_count(list);
    for (size_t i = 0; i < n; i++) {
        ig_difference_item d = ig_differences_at(list, i);
        if (call->json)
            json_array_append_new(items, item_json(&d));
        else
            print_item(&d);
    }
    if (call->json)
        cli_json_print(json_pack("{s:o,s:o,s:b,s:O}", "before", cli_json_text(call->operands[0]), "after",
                                 cli_json_text(call->operands[1]), "equal", n == 0, "differences", items));
    else
        printf("%zu difference%s\n", n, n == 1 ? "" : "s");
    json_decref(items);
}

static int run(const cli_call *call) {
    const options *o = call->options;
    const cli_edit edit = {.from = o->from};
    ig_error err;
    ig_model *before = NULL, *after = NULL;
    ig_differences *list;
    int code = cli_edit_open(&before, call->operands[0], &edit);
    if (code == CLI_DONE) code = cli_edit_open(&after, call->operands[1], &edit);
    if (code == CLI_DONE && ig_model_diff(&list, before, after, &err)) {
        code = cli_fail(call->operands[0], &err);
    } else if (code == CLI_DONE) {
        print(call, list);
        code = ig_differences_count(list) ? CLI_NO : CLI_DONE;
        ig_differences_free(list);
    }
    ig_model_free(before);
    ig_model_free(after);
    return code;
}

static const cli_option table[] = {
    CLI_OPTION(options, from, "from", 0, CLI_TEXT, "FORMAT", "format of both models (default: by their content)"),
};

const cli_command cli_diff = {
    .arguments = "BEFORE AFTER",
    .description =
        "Compares two models: versions, inputs and outputs, weights (with the norms of what changed), nodes, attributes, "
        "functions. The exit code is 1 when they differ.",
    .least = 2,
    .most = 2,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata diff model.onnx optimized.onnx", "what an optimizer did"},
                 {"igata diff --json epoch1.onnx epoch2.onnx", "for programs"}},
    .run = run,
};
