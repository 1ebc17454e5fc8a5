/* igata run: inputs in, outputs out. */
#include "cli/cli.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    cli_source source;
    const char *output, *output_format, *profile, *labels;
    bool raw, force;
    int64_t top;
} options;

typedef struct results {
    cli_ready ready;
    ig_tensor **outputs;
    size_t n;
} results;

/* ------------------------------------------------------------------------------------------------------------- summary */

typedef struct statistics {
    double min, max, mean;
    size_t nans;
} statistics;

static statistics measure(const ig_tensor *t) {
    statistics s = {.min = INFINITY, .max = -INFINITY};
    double sum = 0;
    for (size_t i = 0; i < ig_tensor_count(t); i++) {
        double v = ig_tensor_get_f64(t, i);
        if (isnan(v)) {
            s.nans++;
            continue;
        }
        sum += v;
        if (v < s.min) s.min = v;
        if (v > s.max) s.max = v;
    }
    size_t n = ig_tensor_count(t) - s.nans;
    s.mean = n ? sum / (double)n : NAN;
    if (!n) s.min = s.max = NAN;
    return s;
}

/* The first values as text; to be freed. */
static char *first_values(const ig_tensor *t, size_t n) {
    char *list = cli_print("%s", "");
    size_t count = ig_tensor_count(t);
    for (size_t i = 0; i < n && i < count; i++) {
        const char *between = i ? " " : "";
        char *more;
        if (ig_tensor_dtype(t) == IG_STRING) {
            ig_str s = ig_tensor_string(t, i);
            char *text = cli_clean_str((ig_str){s.s, s.n < 24 ? s.n : 24});
            more = cli_print("%s%s\"%s\"", list, between, text);
            free(text);
        } else if (!cli_is_real(t))
            more = cli_print("%s%s(…)", list, between);
        else
            more = cli_print("%s%s%.5g", list, between, ig_tensor_get_f64(t, i));
        free(list);
        list = more;
    }
    if (n >= count) return list;
    char *more = cli_print("%s …", list);
    free(list);
    return more;
}

static void add_rows(cli_table *table, const char *name, const ig_tensor *t, int depth) {
    char *type = cli_type_text(t);
    bool dense = ig_tensor_kind(t) == IG_KIND_TENSOR;
    char *values = dense ? first_values(t, 6) : cli_print("%s", "");
    cli_table_cell(table, "%s", name);
    cli_table_cell(table, "%s", type);
    if (cli_is_real(t) && ig_tensor_count(t)) {
        statistics s = measure(t);
        cli_table_cell(table, "%.5g", s.min);
        cli_table_cell(table, "%.5g", s.mean);
        cli_table_cell(table, "%.5g", s.max);
    } else
        for (int i = 0; i < 3; i++) cli_table_cell(table, "%s", "");
    cli_table_cell(table, "%s", values);
    free(type);
    free(values);
    for (size_t i = 0; !dense && depth > 0 && i < 4 && ig_tensor_item(t, i); i++) {
        static const char *const parts[] = {"keys", "values"};
        char *part = ig_tensor_kind(t) == IG_KIND_MAP ? cli_print("%s.%s", name, parts[i & 1]) : cli_print("%s.%zu", name, i);
        add_rows(table, part, ig_tensor_item(t, i), depth - 1);
        free(part);
    }
}

static json_t *value_json(const char *name, const ig_tensor *t) {
    json_t *o = json_object(), *dims = json_array();
    char *type = cli_type_text(t);
    if (name) json_object_set_new(o, "name", cli_json_text(name));
    json_object_set_new(o, "type", cli_json_text(type));
    free(type);
    if (ig_tensor_kind(t) == IG_KIND_TENSOR) {
        for (int i = 0; i < ig_tensor_rank(t); i++) json_array_append_new(dims, json_integer(ig_tensor_dims(t)[i]));
        json_object_set_new(o, "dtype", json_string(ig_dtype_name(ig_tensor_dtype(t))));
        json_object_set_new(o, "shape", json_incref(dims));
    }
    json_decref(dims);
    if (cli_is_real(t) && ig_tensor_count(t)) {
        statistics s = measure(t);
        json_object_set_new(o, "min", cli_json_number(s.min));
        json_object_set_new(o, "mean", cli_json_number(s.mean));
        json_object_set_new(o, "max", cli_json_number(s.max));
        if (s.nans) json_object_set_new(o, "nans", json_integer((json_int_t)s.nans));
    }
    json_t *first = json_array();
    for (size_t i = 0; i < 8 && i < ig_tensor_count(t) && ig_tensor_kind(t) == IG_KIND_TENSOR; i++)
        if (ig_tensor_dtype(t) == IG_STRING)
            json_array_append_new(first, cli_json_str(ig_tensor_string(t, i)));
        else if (cli_is_real(t))
            json_array_append_new(first, cli_json_number(ig_tensor_get_f64(t, i)));
    json_object_set_new(o, "first", first);
    return o;
}

/* ------------------------------------------------------------------------------------------------------------- outputs */

static ig_file_format format_named(const char *name) {
    static const struct {
        const char *name;
        ig_file_format format;
    } formats[] = {{"npy", IG_FILE_NPY},   {"npz", IG_FILE_NPZ}, {"pb", IG_FILE_PB},
                   {"json", IG_FILE_JSON}, {"csv", IG_FILE_CSV}, {"raw", IG_FILE_RAW}};
    for (size_t i = 0; name && i < CLI_COUNT(formats); i++)
        if (strcmp(formats[i].name, name) == 0) return formats[i].format;
    return IG_FILE_AUTO;
}

static int write_outputs(const results *r, const options *o) {
    ig_error err;
    ig_tensors *all;
    ig_kind *kinds = cli_alloc(r->n * sizeof *kinds);
    ig_status status = ig_tensors_create(&all, r->ready.context, &err);
    for (size_t i = 0; i < r->n && status == IG_OK; i++) {
        ig_session_value v = ig_session_output(r->ready.session, i);
        kinds[i] = v.kind == IG_KIND_OPTIONAL ? IG_KIND_OPTIONAL : IG_KIND_NONE;
        status = ig_tensors_set(all, v.name, r->outputs[i], &err);
    }
    const ig_write_options options = {IG_OPTIONS(ig_write_options), .format = format_named(o->output_format),
                                      .raw_bits = o->raw, .overwrite = o->force, .kinds = kinds};
    if (status == IG_OK) status = ig_tensors_write(all, o->output, &options, &err);
    ig_tensors_free(all);
    free(kinds);
    return status == IG_OK ? CLI_DONE : cli_fail(o->output, &err);
}

static json_t *event_json(const ig_node_time *t) {
    json_t *args = json_pack("{s:o,s:o}", "node", cli_json_text(t->node), "output", cli_json_text(t->type));
    return json_pack("{s:o,s:s,s:s,s:f,s:f,s:i,s:i,s:o}", "name", cli_json_text(t->op), "cat", "node", "ph", "X", "ts",
                     (double)t->start_ns * 1e-3, "dur", (double)t->ns * 1e-3, "pid", 1, "tid", 1, "args", args);
}

/* The events of Chrome's trace viewer (about:tracing, Perfetto). */
static int write_trace(const results *r, const options *o) {
    const ig_node_time *times;
    size_t n = ig_session_profile(r->ready.session, &times);
    FILE *f = fopen(o->profile, o->force ? "w" : "wx");
    if (!f) {
        ig_error err = {.status = IG_E_IO, .message = "can't make this file, or it exists", .hint = "--force overwrites files"};
        return cli_fail(o->profile, &err);
    }
    json_t *events = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(events, event_json(&times[i]));
    json_t *trace = json_pack("{s:o,s:s}", "traceEvents", events, "displayTimeUnit", "ms");
    bool good = json_dumpf(trace, f, JSON_COMPACT) == 0;
    json_decref(trace);
    if (fclose(f) == 0 && good) return CLI_DONE;
    ig_error err = {.status = IG_E_IO, .message = "could not write this file"};
    return cli_fail(o->profile, &err);
}

static json_t *outputs_json(const results *r) {
    json_t *list = json_array();
    for (size_t i = 0; i < r->n; i++)
        json_array_append_new(list, value_json(ig_session_output(r->ready.session, i).name, r->outputs[i]));
    return list;
}

static void print_outputs(const results *r) {
    static const char *const headings[] = {"output", "type", "min", "mean", "max", "values"};
    cli_table *table = cli_table_new("llrrrl", headings);
    for (size_t i = 0; i < r->n; i++) add_rows(table, ig_session_output(r->ready.session, i).name, r->outputs[i], 2);
    cli_table_print(table, "", stdout);
}

static int show(const results *r, const options *o, bool as_json) {
    json_t *top = NULL;
    if (o->labels || o->top) {
        int code = cli_label(&top, r->ready.session, r->outputs, r->n, o->labels, o->top ? (size_t)o->top : 5);
        if (code != CLI_DONE) return code;
    }
    if (as_json) {
        json_t *root = json_pack("{s:o}", "outputs", outputs_json(r));
        if (top) json_object_set_new(root, "top", top);
        if (o->output) json_object_set_new(root, "written", cli_json_text(o->output));
        cli_json_print(root);
        return CLI_DONE;
    }
    if (top)
        cli_print_labels(top);
    else if (!o->output)
        print_outputs(r);
    json_decref(top);
    return CLI_DONE;
}

static int run(const cli_call *call) {
    const options *o = call->options;
    results r = {0};
    ig_error err;
    if (o->output_format && !o->output) return cli_usage("run", "--output-format says how -o writes; there is no -o");
    int code = cli_open(&r.ready, "run", call->operands[0], &o->source, o->profile != NULL);
    if (code == CLI_DONE) code = cli_read_inputs(&r.ready, "run", &o->source, false);
    if (code == CLI_DONE) {
        r.n = ig_session_output_count(r.ready.session);
        r.outputs = cli_alloc(r.n * sizeof *r.outputs);
        ig_status status = ig_session_run(r.ready.session, r.ready.names, (const ig_tensor *const *)r.ready.values, r.ready.n,
                                          NULL, r.outputs, r.n, NULL, &err);
        if (status != IG_OK) code = cli_fail(call->operands[0], &err);
    }
    if (code == CLI_DONE && o->output) code = write_outputs(&r, o);
    if (code == CLI_DONE && o->profile) code = write_trace(&r, o);
    if (code == CLI_DONE) code = show(&r, o, call->json);
    for (size_t i = 0; i < r.n; i++) ig_tensor_free(r.outputs[i]);
    free(r.outputs);
    cli_ready_free(&r.ready);
    return code;
}

static const cli_option table[] = {
    CLI_SOURCE_OPTIONS(options),
    CLI_OPTION(options, output, "output", 'o', CLI_TEXT, "PATH", "write the outputs: an .npz file, or a folder"),
    CLI_CHOICE(options, output_format, "output-format", 0, "FORMAT", "npy, npz, pb, json, csv or raw (default: by PATH)",
               "npy npz pb json csv raw"),
    CLI_OPTION(options, raw, "raw", 0, CLI_FLAG, NULL, "types that NumPy lacks as their bits, not as wider types"),
    CLI_OPTION(options, force, "force", 'f', CLI_FLAG, NULL, "overwrite files that exist"),
    CLI_OPTION(options, labels, "labels", 0, CLI_TEXT, "FILE", "names of the classes, one a line: show the likeliest"),
    CLI_OPTION(options, top, "top", 0, CLI_WHOLE, "N", "how many classes to show (default: 5)"),
    CLI_OPTION(options, profile, "profile", 0, CLI_TEXT, "FILE", "write the time of every node as a Chrome trace"),
};

const cli_command cli_run = {
    .arguments = "MODEL",
    .description =
        "Runs a model of any format once. Inputs come from files: -i inputs.npz gives arrays by the inputs' names (when no "
        "name "
        "fits, by position), -i NAME=FILE one input from .npy, .pb, .json, .csv, .raw, .png or .jpg. Pictures are scaled to "
        "the "
        "input's size. Element types are converted when no value is lost but by rounding floats.\n"
        "\n"
        "In an archive the entries of a sequence are name.0, name.1 and so on, a map is name.keys and name.values, and a "
        "sequence of maps has a row of name.values for each map.\n"
        "\n"
        "Without -o a summary of the outputs is shown. With --output-format pb the files are output_<k>.pb by position.",
    .least = 1,
    .most = 1,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata run model.onnx -i inputs.npz -o outputs.npz", "arrays in, arrays out"},
                 {"igata run model.onnx -i image=cat.png --labels imagenet.txt --top 3", "what is in the picture"}},
    .run = run,
};
