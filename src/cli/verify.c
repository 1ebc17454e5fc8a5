/* igata verify: test cases as onnx keeps them. A case is a folder with model.onnx and test_data_set_<n>/input_<k>.pb and
 * output_<k>.pb. */
#define _GNU_SOURCE
#include "cli/cli.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct options {
    double rtol, atol;
    int64_t threads;
    cli_list ops;
} options;

enum { MAX_DEPTH = 16 };
static const double default_rtol = 1e-3, default_atol = 1e-7;

typedef struct verification {
    const options *options;
    ig_context *context;
    size_t cases, passed;
    cli_table *failures;
    json_t *list;
    char reason[2200]; /* why the case under way fails; empty: it doesn't */
} verification;

static char *join(const char *folder, const char *name) { return cli_print("%s/%s", folder, name); }

static bool is_there(const char *folder, const char *name, bool want_folder) {
    struct stat st;
    char *path = join(folder, name);
    bool found = stat(path, &st) == 0 && (want_folder ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode));
    free(path);
    return found;
}

static bool fail(verification *v, const char *what, const ig_error *err) {
    snprintf(v->reason, sizeof v->reason, "%s%s%s", what, what[0] ? ": " : "", err->message);
    return false;
}

/* --------------------------------------------------------------------------------------------------------------- cases */

/* Results that depend on the generator: only their type and shape can be compared. */
static bool is_random(const char *folder) { return strstr(folder, "bernoulli") || strstr(folder, "training_dropout"); }

static void read_tolerance(const char *folder, double *rtol, double *atol) {
    char *path = join(folder, "tol.json");
    json_t *o = json_load_file(path, 0, NULL);
    const json_t *r = json_object_get(o, "rtol"), *a = json_object_get(o, "atol");
    if (json_is_number(r)) *rtol = json_number_value(r);
    if (json_is_number(a)) *atol = json_number_value(a);
    json_decref(o);
    free(path);
}

static ig_status read_value(ig_tensor **out, const char *folder, const char *what, size_t k, const ig_session_value *value,
                            ig_error *err) {
    char *path = cli_print("%s/%s_%zu.pb", folder, what, k);
    const ig_read_options options = {IG_OPTIONS(ig_read_options), .format = IG_FILE_PB, .kind = value->kind};
    ig_status status = ig_tensor_read(out, path, &options, err);
    free(path);
    return status;
}

static bool has_file(const char *folder, const char *what, size_t k) {
    char name[64];
    snprintf(name, sizeof name, "%s_%zu.pb", what, k);
    return is_there(folder, name, false);
}

/* Reads input_<k>.pb for the inputs of the model: all of them, or when there are fewer files, those without defaults. */
static bool read_inputs(verification *v, const char *folder, ig_session *session, const char **names, ig_tensor **values,
                        size_t *n) {
    size_t count = ig_session_input_count(session), files = 0;
    ig_error err;
    while (has_file(folder, "input", files)) files++;
    *n = 0;
    for (size_t i = 0; i < count && *n < files; i++) {
        ig_session_value value = ig_session_input(session, i);
        if (files < count && value.has_default) continue;
        if (read_value(&values[*n], folder, "input", *n, &value, &err)) return fail(v, "input", &err);
        names[(*n)++] = value.name;
    }
    return true;
}

static bool same_type(const ig_tensor *a, const ig_tensor *b) {
    size_t dims = (size_t)ig_tensor_rank(a) * sizeof(int64_t);
    return ig_tensor_kind(a) == ig_tensor_kind(b) && ig_tensor_dtype(a) == ig_tensor_dtype(b) &&
           ig_tensor_rank(a) == ig_tensor_rank(b) && memcmp(ig_tensor_dims(a), ig_tensor_dims(b), dims) == 0;
}

/* The rounding of a sum of floats is as large as that of its largest terms: no result is known better than to one unit in the
 * last place of the largest, also where the exact one is 0 and a recorded result holds the rounding of whoever made it. */
static double float_noise(const ig_tensor *t) {
    if (ig_tensor_kind(t) != IG_KIND_TENSOR || ig_tensor_dtype(t) != IG_F32) return 0;
    const char *data = ig_tensor_data(t); /* of a file, wherever it lies there */
    float largest = 0, x;
    for (size_t i = 0; i < ig_tensor_count(t); i++) {
        memcpy(&x, data + i * sizeof x, sizeof x);
        if (isfinite(x) && fabsf(x) > largest) largest = fabsf(x);
    }
    return (double)largest * 0x1p-23;
}

static bool compare_outputs(verification *v, const char *folder, const char *set, ig_session *session,
                            ig_tensor *const *outputs) {
    double rtol = default_rtol, atol = default_atol;
    ig_error err;
    read_tolerance(folder, &rtol, &atol);
    if (v->options->rtol > 0) rtol = v->options->rtol; /* the user's word counts most */
    if (v->options->atol > 0) atol = v->options->atol;
    for (size_t k = 0; k < ig_session_output_count(session); k++) {
        ig_session_value value = ig_session_output(session, k);
        ig_tensor *expected;
        ig_difference d = {.equal = true};
        if (!has_file(set, "output", k)) continue;
        if (read_value(&expected, set, "output", k, &value, &err)) return fail(v, "expected output", &err);
        if (!is_random(folder))
            ig_tensor_compare(&d, outputs[k], expected, rtol, v->options->atol > 0 ? atol : fmax(atol, float_noise(expected)));
        else if (!same_type(outputs[k], expected))
            d = (ig_difference){.reason = "another type or shape than expected"};
        ig_tensor_free(expected);
        if (d.equal) continue;
        snprintf(v->reason, sizeof v->reason, "%.80s: %s", value.name, d.reason);
        return false;
    }
    return true;
}

static bool run_set(verification *v, const char *folder, const char *set, ig_session *session) {
    size_t inputs = ig_session_input_count(session), outputs = ig_session_output_count(session), n = 0;
    const char **names = cli_alloc(inputs * sizeof *names);
    ig_tensor **in = cli_alloc(inputs * sizeof *in), **out = cli_alloc(outputs * sizeof *out);
    ig_error err;
    bool good = read_inputs(v, set, session, names, in, &n);
    if (good && ig_session_run(session, names, (const ig_tensor *const *)in, n, NULL, out, outputs, NULL, &err))
        good = fail(v, "", &err);
    if (good) good = compare_outputs(v, folder, set, session, out);
    for (size_t i = 0; i < inputs; i++) ig_tensor_free(in[i]);
    for (size_t i = 0; i < outputs; i++) ig_tensor_free(out[i]);
    free(names);
    free(in);
    free(out);
    return good;
}

static bool run_case(verification *v, const char *folder) {
    ig_error err;
    ig_model *model = NULL;
    ig_session *session = NULL;
    char *path = join(folder, "model.onnx");
    const ig_session_options options = {IG_OPTIONS(ig_session_options), .threads = (unsigned)v->options->threads};
    const ig_open_options open = {IG_OPTIONS(ig_open_options), .context = v->context};
    bool good =
        ig_model_open(&model, path, &open, &err) == IG_OK && ig_session_create(&session, model, &options, &err) == IG_OK;
    if (!good) fail(v, "", &err);
    for (size_t s = 0; good; s++) {
        char name[48];
        snprintf(name, sizeof name, "test_data_set_%zu", s);
        if (!is_there(folder, name, true)) break;
        char *set = join(folder, name);
        good = run_set(v, folder, set, session);
        free(set);
    }
    ig_session_free(session);
    ig_model_free(model);
    free(path);
    return good;
}

static void note_case(verification *v, const char *folder) {
    v->reason[0] = 0;
    cli_progress("%zu cases, %zu failed · %s", v->cases, v->cases - v->passed, folder);
    v->cases++;
    if (run_case(v, folder)) {
        v->passed++;
        return;
    }
    cli_table_cell(v->failures, "%s", folder);
    cli_table_cell(v->failures, "%.160s", v->reason);
    json_array_append_new(v->list, json_pack("{s:o,s:o}", "case", cli_json_text(folder), "reason", cli_json_text(v->reason)));
}

/* -------------------------------------------------------------------------------------------------------------- folders */

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Names of the folders in a folder, sorted; to be freed. */
static char **folders_in(const char *folder, size_t *n) {
    DIR *dir = opendir(folder);
    char **names = NULL;
    size_t cap = 0;
    *n = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.' || !is_there(folder, e->d_name, true)) continue;
        if (*n == cap) {
            cap = cap * 2 + 64;
            char **more = cli_alloc(cap * sizeof *more);
            if (*n) memcpy(more, names, *n * sizeof *more);
            free(names);
            names = more;
        }
        names[(*n)++] = cli_print("%s", e->d_name);
    }
    if (dir) closedir(dir);
    if (*n) qsort(names, *n, sizeof *names, by_name);
    return names;
}

static void walk(verification *v, const char *folder, int depth) {
    if (is_there(folder, "model.onnx", false)) {
        note_case(v, folder);
        return;
    }
    size_t n;
    char **names = depth > 0 ? folders_in(folder, &n) : NULL;
    for (size_t i = 0; names && i < n; i++) {
        char *path = join(folder, names[i]);
        walk(v, path, depth - 1);
        free(path);
        free(names[i]);
    }
    free(names);
}

static int run(const cli_call *call) {
    static const char *const headings[] = {"case", "what is wrong"};
    verification v = {.options = call->options};
    int code = cli_context(&v.context, &v.options->ops);
    if (code != CLI_DONE) return code;
    v.failures = cli_table_new("ll", headings);
    v.list = json_array();
    for (size_t i = 0; i < call->n; i++) {
        size_t n = strlen(call->operands[i]);
        while (n > 1 && call->operands[i][n - 1] == '/') n--;
        char *folder = cli_print("%.*s", (int)n, call->operands[i]);
        size_t before = v.cases;
        walk(&v, folder, MAX_DEPTH);
        if (v.cases == before) cli_note("no test case (a folder with model.onnx) in %s", folder);
        free(folder);
    }
    cli_progress(NULL);
    if (call->json) {
        cli_table_free(v.failures);
        cli_json_print(
            json_pack("{s:I,s:I,s:o}", "cases", (json_int_t)v.cases, "passed", (json_int_t)v.passed, "failures", v.list));
    } else {
        if (v.passed < v.cases)
            cli_table_print(v.failures, "", stdout);
        else
            cli_table_free(v.failures);
        printf("%zu of %zu cases passed\n", v.passed, v.cases);
        json_decref(v.list);
    }
    ig_context_free(v.context);
    if (v.cases == 0) return CLI_INPUT;
    return v.passed == v.cases ? CLI_DONE : CLI_NO;
}

static const cli_option table[] = {
    CLI_OPERATORS_OPTION(options, ops),
    CLI_OPTION(options, rtol, "rtol", 0, CLI_NUMBER, "R", "relative tolerance (default: 1e-3)"),
    CLI_OPTION(options, atol, "atol", 0, CLI_NUMBER, "A", "absolute tolerance (default: 1e-7)"),
    CLI_OPTION(options, threads, "threads", 0, CLI_WHOLE, "N", "threads to compute with (default: one per core)"),
};

const cli_command cli_verify = {
    .arguments = "FOLDER...",
    .description =
        "Runs test cases in the form of onnx's backend tests, found in the given folders and below: a folder with model.onnx "
        "and test_data_set_<n>/input_<k>.pb, output_<k>.pb. A tol.json beside the model, {\"rtol\": 1e-3, \"atol\": 1e-7}, "
        "sets its tolerances; differences below one unit in the last place of an output's largest float never count. Of models "
        "with \"bernoulli\" or \"training_dropout\" in their path, whose results are random, "
        "only types and shapes are compared.",
    .least = 1,
    .most = SIZE_MAX,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata verify node/test_relu", "one case"},
                 {"igata verify --json onnx/backend/test/data", "all below a folder"}},
    .run = run,
};
