/* igata check: everything wrong with models. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *const severities[] = {"note", "warning", "error"};

typedef struct options {
    cli_list ops;
    const char *target;
    bool weights, sarif;
} options;

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

/* --------------------------------------------------------------------------------------------------------------- SARIF */

/* A path as a URI reference (RFC 3986): what isn't unreserved or a slash is escaped. */
static json_t *uri_of(const char *path) {
    size_t n = strlen(path), at = 0;
    char *uri = cli_alloc(3 * n + 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)path[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || strchr("-._~/", ch);
        at += (size_t)sprintf(uri + at, plain ? "%c" : "%%%02X", ch);
    }
    json_t *text = json_string(uri);
    free(uri);
    return text;
}

/* One finding as a result object of SARIF 2.1.0 (OASIS, section 3.27). */
static json_t *sarif_result(const char *path, const ig_report_item *item) {
    char *text =
        item->hint && item->hint[0] ? cli_print("%s (hint: %s)", item->message, item->hint) : cli_print("%s", item->message);
    json_t *places = json_array();
    if (item->where && item->where[0])
        json_array_append_new(places, json_pack("{s:o}", "fullyQualifiedName", cli_json_text(item->where)));
    json_t *location =
        json_pack("{s:{s:{s:o}},s:o}", "physicalLocation", "artifactLocation", "uri", uri_of(path), "logicalLocations", places);
    json_t *result = json_pack("{s:o,s:s,s:{s:o},s:[o]}", "ruleId", cli_json_text(item->rule), "level",
                               severities[item->severity], "message", "text", cli_json_text(text), "locations", location);
    free(text);
    return result;
}

static json_t *sarif_log(json_t *results) {
    json_t *rules = json_array(), *known = json_object(), *result;
    size_t i;
    json_array_foreach(results, i, result) {
        const char *id = json_string_value(json_object_get(result, "ruleId"));
        if (json_object_get(known, id)) continue;
        json_object_set_new(known, id, json_true());
        json_array_append_new(rules, json_pack("{s:s}", "id", id));
    }
    json_decref(known);
    return json_pack("{s:s,s:s,s:[{s:{s:{s:s,s:s,s:o}},s:o}]}", "$schema", "https://json.schemastore.org/sarif-2.1.0.json",
                     "version", "2.1.0", "runs", "tool", "driver", "name", "igata", "version", ig_version(), "rules", rules,
                     "results", results);
}

/* -------------------------------------------------------------------------------------------------------------- models */

static const char *plural(size_t n) { return n == 1 ? "" : "s"; }

static void print_report(const char *path, const ig_report *report, bool many) {
    for (size_t i = 0; i < ig_report_count(report); i++) {
        ig_report_item item = ig_report_at(report, i);
        print_item(path, &item);
    }
    size_t errors = ig_report_errors(report), warnings = ig_report_warnings(report);
    char *name = cli_clean(path);
    printf("%s%s%zu error%s, %zu warning%s\n", many ? name : "", many ? ": " : "", errors, plural(errors), warnings,
           plural(warnings));
    free(name);
}

/* A model that can't even be opened, as an item of `list`. */
static int unopened(const char *path, const ig_error *err, json_t *list, bool sarif) {
    if (list && sarif) {
        ig_report_item item = {2, "open", err->message, err->detail, err->hint};
        json_array_append_new(list, sarif_result(path, &item));
    } else if (list) {
        json_array_append_new(
            list, json_pack("{s:o,s:b,s:o}", "model", cli_json_text(path), "valid", 0, "error", cli_json_text(err->message)));
    }
    return cli_fail(path, err);
}

/* One model; what it says goes to `list` or is printed. */
static int check_one(const char *path, const options *o, ig_context *context, json_t *list, bool many) {
    ig_error err;
    ig_model *model;
    ig_report *report = NULL;
    if (ig_model_open(&model, path, &(ig_open_options){IG_OPTIONS(ig_open_options), .context = context}, &err))
        return unopened(path, &err, list, o->sarif);
    int code = CLI_DONE;
    const ig_check_options how = {IG_OPTIONS(ig_check_options), .weights = o->weights, .target = o->target};
    if (ig_model_check(&report, model, &how, &err)) {
        code = cli_fail(path, &err);
    } else {
        code = ig_report_errors(report) ? CLI_NO : CLI_DONE;
        for (size_t i = 0; list && o->sarif && i < ig_report_count(report); i++) {
            ig_report_item item = ig_report_at(report, i);
            json_array_append_new(list, sarif_result(path, &item));
        }
        if (list && !o->sarif) json_array_append_new(list, report_json(path, report));
        if (!list) print_report(path, report, many);
        ig_report_free(report);
    }
    ig_model_free(model);
    return code;
}

static int run(const cli_call *call) {
    const options *o = call->options;
    ig_context *context;
    int worst = cli_context(&context, &o->ops);
    if (worst != CLI_DONE) return worst;
    json_t *list = call->json || o->sarif ? json_array() : NULL;
    for (size_t i = 0; i < call->n; i++) {
        int code = check_one(call->operands[i], o, context, list, call->n > 1);
        if (code > worst) worst = code;
    }
    if (list) cli_json_print(o->sarif ? sarif_log(list) : json_pack("{s:o}", "models", list));
    ig_context_free(context);
    return worst;
}

static const cli_option table[] = {
    CLI_OPERATORS_OPTION(options, ops),
    CLI_OPTION(options, weights, "weights", 0, CLI_FLAG, NULL,
               "also read all weights: NaN, infinities, denormal numbers, nothing but zeros"),
    CLI_CHOICE(options, target, "for", 0, "RUNTIME", "also say what this runtime would refuse",
               "onnxruntime openvino tensorrt coreml tflite"),
    CLI_OPTION(options, sarif, "sarif", 0, CLI_FLAG, NULL, "findings as SARIF 2.1.0, for annotations in reviews"),
};

const cli_command cli_check = {
    .arguments = "MODEL...",
    .description =
        "Checks models against the standard of their format and of their operators: structure, names, order, types, shapes, "
        "attributes, external data, and what a graph could do without. Reports everything it finds, each with its place and "
        "what "
        "to do. Nothing is run.",
    .least = 1,
    .most = SIZE_MAX,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata check model.onnx", "errors and warnings, exit code 1 when there are errors"},
                 {"igata check --for tensorrt --sarif models/*.onnx", "what TensorRT would refuse, for a review"}},
    .run = run,
};
