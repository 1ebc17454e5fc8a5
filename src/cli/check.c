/* igata check: everything wrong with models. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>

static const char *const severities[] = {"note", "warning", "error"};

static void print_item(const char *path, const ig_report_item *item) {
    static const cli_style styles[] = {CLI_PLAIN, CLI_YELLOW, CLI_RED};
    char *name = cli_clean(path), *message = cli_clean(item->message);
    printf("%s: %s%s%s: %s [%s]\n", name, cli_style_on(stdout, styles[item->severity]), severities[item->severity],
           cli_style_off(stdout), message, item->rule);
    free(name);
    free(message);
    bool where = item->where && item->where[0], hint = item->hint && item->hint[0];
    char *place = cli_clean(item->where), *advice = cli_clean(item->hint);
    if (where || hint)
        printf("  %s%s%s%s%s\n", where ? "at " : "", place, where && hint ? "; " : "", hint ? "hint: " : "", advice);
    free(place);
    free(advice);
}

static json_t *report_json(const char *path, const ig_report *report) {
    json_t *items = json_array();
    for (size_t i = 0; i < ig_report_count(report); i++) {
        ig_report_item item = ig_report_at(report, i);
        json_array_append_new(items, json_pack("{s:s,s:o,s:o,s:o,s:o}", "severity", severities[item.severity], "rule",
                                               cli_json_text(item.rule), "message", cli_json_text(item.message), "where",
                                               cli_json_text(item.where), "hint", cli_json_text(item.hint)));
    }
    return json_pack("{s:o,s:b,s:I,s:I,s:o}", "model", cli_json_text(path), "valid", ig_report_errors(report) == 0, "errors",
                     (json_int_t)ig_report_errors(report), "warnings", (json_int_t)ig_report_warnings(report), "findings",
                     items);
}

static const char *plural(size_t n) { return n == 1 ? "" : "s"; }

/* One model; what it says goes to `list` or is printed. */
static int check_one(const char *path, ig_context *context, json_t *list, bool many) {
    ig_error err;
    ig_model *model;
    ig_report *report = NULL;
    if (ig_model_open(&model, path, &(ig_open_options){IG_OPTIONS(ig_open_options), .context = context}, &err)) {
        if (list)
            json_array_append_new(list, json_pack("{s:o,s:b,s:o}", "model", cli_json_text(path), "valid", 0, "error",
                                                  cli_json_text(err.message)));
        return cli_fail(path, &err);
    }
    int code = CLI_DONE;
    if (ig_model_check(&report, model, &err))
        code = cli_fail(path, &err);
    else {
        size_t errors = ig_report_errors(report), warnings = ig_report_warnings(report);
        code = errors ? CLI_NO : CLI_DONE;
        if (list)
            json_array_append_new(list, report_json(path, report));
        else {
            for (size_t i = 0; i < ig_report_count(report); i++) {
                ig_report_item item = ig_report_at(report, i);
                print_item(path, &item);
            }
            char *name = cli_clean(path);
            printf("%s%s%zu error%s, %zu warning%s\n", many ? name : "", many ? ": " : "", errors, plural(errors), warnings,
                   plural(warnings));
            free(name);
        }
        ig_report_free(report);
    }
    ig_model_free(model);
    return code;
}

typedef struct options {
    cli_list ops;
} options;

static int run(const cli_call *call) {
    const options *o = call->options;
    ig_context *context;
    int worst = cli_context(&context, &o->ops);
    if (worst != CLI_DONE) return worst;
    json_t *list = call->json ? json_array() : NULL;
    for (size_t i = 0; i < call->n; i++) {
        int code = check_one(call->operands[i], context, list, call->n > 1);
        if (code > worst) worst = code;
    }
    if (list) cli_json_print(json_pack("{s:o}", "models", list));
    ig_context_free(context);
    return worst;
}

static const cli_option table[] = {CLI_OPERATORS_OPTION(options, ops)};

const cli_command cli_check = {
    .arguments = "MODEL...",
    .description =
        "Checks models against the standard of their format and of their operators: structure, names, order, types, shapes, "
        "attributes, external data. Reports everything it finds, each with its place and what to do. Nothing is run.",
    .least = 1,
    .most = SIZE_MAX,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata check model.onnx", "errors and warnings, exit code 1 when there are errors"},
                 {"igata check --json models/*.onnx", "many models, for a program"}},
    .run = run,
};
