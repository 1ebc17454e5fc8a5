/* igata bench: the time of repeated runs. */
#define _GNU_SOURCE
#include "cli/cli.h"

#include <jansson.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

typedef struct options {
    cli_source source;
    double seconds;
    bool profile;
} options;

enum { LEAST_RUNS = 5, MOST_RUNS = 1 << 20 };

typedef struct figures {
    double *ms; /* of each run, sorted */
    size_t runs;
    double first_ms, mean_ms, load_ms, peak_rss_mb;
    double gflop; /* two operations a multiply-add; 0: unknown */
    int64_t threads;
} figures;

typedef struct op_time {
    const char *op;
    uint64_t ns;
    size_t count;
} op_time;

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int64_t cores(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* Outputs are kept from run to run: a session writes into those that fit. */
static ig_status run_once(const cli_ready *r, ig_tensor **outputs, size_t n, double *ms, ig_error *err) {
    double start = cli_now_ms();
    ig_status status =
        ig_session_run(r->session, r->names, (const ig_tensor *const *)r->values, r->n, NULL, outputs, n, NULL, err);
    *ms = cli_now_ms() - start;
    return status;
}

static ig_status measure(figures *f, const cli_ready *r, double seconds, ig_error *err) {
    size_t n = ig_session_output_count(r->session), cap = 1024;
    ig_tensor **outputs = cli_alloc(n * sizeof *outputs);
    double warm, sum = 0;
    ig_status status = run_once(r, outputs, n, &f->first_ms, err);
    for (int i = 0; i < 2 && status == IG_OK; i++) status = run_once(r, outputs, n, &warm, err);
    f->ms = cli_alloc(cap * sizeof *f->ms);
    double end = cli_now_ms() + seconds * 1e3, told = 0;
    while (status == IG_OK && f->runs < MOST_RUNS && (f->runs < LEAST_RUNS || cli_now_ms() < end)) {
        if (f->runs == cap) {
            double *more = cli_alloc(2 * cap * sizeof *more);
            memcpy(more, f->ms, cap * sizeof *more);
            free(f->ms);
            f->ms = more;
            cap *= 2;
        }
        status = run_once(r, outputs, n, &f->ms[f->runs], err);
        sum += f->ms[f->runs++];
        if (cli_now_ms() - told < 200) continue;
        told = cli_now_ms();
        cli_progress("run %zu, %.3f ms", f->runs, f->ms[f->runs - 1]);
    }
    cli_progress(NULL);
    f->mean_ms = f->runs ? sum / (double)f->runs : 0;
    qsort(f->ms, f->runs, sizeof *f->ms, ascending);
    f->gflop = (double)ig_session_multiply_adds(r->session) * 2e-9;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) f->peak_rss_mb = (double)usage.ru_maxrss / 1024;
    for (size_t i = 0; i < n; i++) ig_tensor_free(outputs[i]);
    free(outputs);
    return status;
}

/* The smallest time that at least this part of the runs stayed within. */
static double percentile(const figures *f, double part) {
    size_t rank = (size_t)(part * (double)f->runs + 0.999999);
    return f->ms[rank ? rank - 1 : 0];
}

static double median(const figures *f) {
    size_t m = f->runs / 2;
    return f->runs % 2 ? f->ms[m] : (f->ms[m - 1] + f->ms[m]) / 2;
}

/* ------------------------------------------------------------------------------------------------------------- profile */

static int slowest_first(const void *a, const void *b) {
    const op_time *x = a, *y = b;
    return (x->ns < y->ns) - (x->ns > y->ns);
}

/* Time by operator over the profiled runs; *runs how many there were. To be freed. */
static op_time *by_operator(const ig_session *session, size_t *n, size_t *runs) {
    const ig_node_time *times;
    size_t count = ig_session_profile(session, &times);
    op_time *ops = cli_alloc(count * sizeof *ops);
    *n = 0;
    *runs = count ? times[count - 1].run - times[0].run + 1 : 1;
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < *n && strcmp(ops[k].op, times[i].op) != 0) k++;
        if (k == *n) ops[(*n)++].op = times[i].op;
        ops[k].ns += times[i].ns;
        ops[k].count++;
    }
    qsort(ops, *n, sizeof *ops, slowest_first);
    return ops;
}

/* A session of its own records the time of nodes, so that recording does not slow what is measured. */
static int profile(json_t **out, const cli_call *call, const options *o) {
    cli_ready r = {0};
    figures f = {0};
    ig_error err;
    int code = cli_open(&r, "bench", call->operands[0], &o->source, true);
    if (code == CLI_DONE) code = cli_read_inputs(&r, "bench", &o->source, true);
    if (code == CLI_DONE && measure(&f, &r, o->seconds < 1 ? o->seconds : 1, &err) != IG_OK)
        code = cli_fail(call->operands[0], &err);
    if (code == CLI_DONE) {
        size_t n, runs;
        op_time *ops = by_operator(r.session, &n, &runs);
        uint64_t total = 0;
        for (size_t i = 0; i < n; i++) total += ops[i].ns;
        *out = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(*out,
                                  json_pack("{s:o,s:f,s:f,s:f}", "op", cli_json_text(ops[i].op), "nodes",
                                            (double)ops[i].count / (double)runs, "ms", (double)ops[i].ns * 1e-6 / (double)runs,
                                            "percent", total ? (double)ops[i].ns * 100 / (double)total : 0.0));
        free(ops);
    }
    free(f.ms);
    cli_ready_free(&r);
    return code;
}

/* ------------------------------------------------------------------------------------------------------------- answers */

static void print_json(const char *path, const figures *f, json_t *operators, const cli_ready *r) {
    json_t *latency = json_pack("{s:f,s:f,s:f,s:f,s:f,s:f}", "min", f->ms[0], "median", median(f), "mean", f->mean_ms, "p90",
                                percentile(f, 0.9), "p99", percentile(f, 0.99), "max", f->ms[f->runs - 1]);
    json_t *root = json_pack("{s:o,s:o,s:I,s:I,s:f,s:f,s:f,s:s}", "model", cli_json_text(path), "latency_ms", latency, "runs",
                             (json_int_t)f->runs, "threads", (json_int_t)f->threads, "load_ms", f->load_ms, "first_run_ms",
                             f->first_ms, "peak_rss_mb", f->peak_rss_mb, "cpu", ig_context_cpu(r->context));
    json_object_set_new(root, "runs_per_s", json_real(1e3 / f->mean_ms));
    json_object_set_new(root, "gflop", f->gflop > 0 ? json_real(f->gflop) : json_null());
    json_object_set_new(root, "gflops_per_s", f->gflop > 0 ? json_real(f->gflop * 1e3 / median(f)) : json_null());
    if (operators) json_object_set(root, "operators", operators);
    cli_json_print(root);
}

static void print_table(const figures *f, const json_t *operators) {
    static const char *const headings[] = {"latency", "min", "median", "mean", "p90", "p99", "max"};
    const double ms[] = {f->ms[0], median(f), f->mean_ms, percentile(f, 0.9), percentile(f, 0.99), f->ms[f->runs - 1]};
    cli_table *table = cli_table_new("lrrrrrr", headings);
    cli_table_cell(table, "ms");
    for (size_t i = 0; i < CLI_COUNT(ms); i++) cli_table_cell(table, "%.3f", ms[i]);
    cli_table_print(table, "", stdout);
    printf("%zu runs on %lld thread%s · %.1f runs/s · loaded in %.1f ms · first run %.1f ms · peak memory %.1f MB\n", f->runs,
           (long long)f->threads, f->threads == 1 ? "" : "s", 1e3 / f->mean_ms, f->load_ms, f->first_ms, f->peak_rss_mb);
    if (f->gflop > 0) printf("%.3g GFLOP a run · %.1f GFLOP/s\n", f->gflop, f->gflop * 1e3 / median(f));
    if (!operators) return;
    static const char *const columns[] = {"operator", "nodes", "ms", "%"};
    table = cli_table_new("lrrr", columns);
    for (size_t i = 0; i < json_array_size(operators); i++) {
        const json_t *o = json_array_get(operators, i);
        cli_table_cell(table, "%s", json_string_value(json_object_get(o, "op")));
        cli_table_cell(table, "%.4g", json_number_value(json_object_get(o, "nodes")));
        cli_table_cell(table, "%.3f", json_number_value(json_object_get(o, "ms")));
        cli_table_cell(table, "%.1f", json_number_value(json_object_get(o, "percent")));
    }
    printf("\n");
    cli_table_print(table, "", stdout);
}

static int run(const cli_call *call) {
    options o = *(const options *)call->options;
    cli_ready r = {0};
    figures f = {0};
    ig_error err;
    json_t *operators = NULL;
    if (o.seconds <= 0) o.seconds = 3;
    int code = cli_open(&r, "bench", call->operands[0], &o.source, false);
    if (code == CLI_DONE) code = cli_read_inputs(&r, "bench", &o.source, true);
    if (code == CLI_DONE && measure(&f, &r, o.seconds, &err) != IG_OK) code = cli_fail(call->operands[0], &err);
    f.load_ms = r.load_ms;
    f.threads = o.source.threads ? o.source.threads : cores();
    if (code == CLI_DONE && o.profile) code = profile(&operators, call, &o);
    if (code == CLI_DONE && call->json)
        print_json(call->operands[0], &f, operators, &r);
    else if (code == CLI_DONE)
        print_table(&f, operators);
    json_decref(operators);
    free(f.ms);
    cli_ready_free(&r);
    return code;
}

static const cli_option table[] = {
    CLI_SOURCE_OPTIONS(options),
    CLI_OPTION(options, seconds, "seconds", 0, CLI_NUMBER, "S", "how long to measure (default: 3)"),
    CLI_OPTION(options, profile, "profile", 0, CLI_FLAG, NULL, "also say which operators take the time"),
};

const cli_command cli_bench = {
    .arguments = "MODEL",
    .description =
        "Loads a model, runs it a few times to warm up, then measures each of as many runs as fit into the given time (at "
        "least 5). Inputs that are not given are made up; free dimensions are 1 unless --dim says otherwise.",
    .least = 1,
    .most = 1,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata bench model.onnx --threads 2 --profile", "latency, throughput, time by operator"},
                 {"igata bench model.onnx -i inputs.npz --seconds 10 --json", "on given inputs, for a program"}},
    .run = run,
};
