/* What a runtime would refuse: operators, their versions and types, by tables of facts (tools/make_portability.py). */
#include "check/check.h"

#include <stdio.h>

void ig_check_portability(ig_check *c);

/* The runtime takes the operator's schema versions [since, until]; where `parameter` is a type parameter of the operator, or ""
 * for its first input, with these element types (0: any). Rows of one operator stand together. */
typedef struct fact {
    const char *domain, *op;
    int since, until;
    const char *parameter;
    uint32_t types;
} fact;

enum { NO_END = 32767 };

static const fact onnxruntime[] = {
#include "check/portability/onnxruntime.inc"
};
static const fact openvino[] = {
#include "check/portability/openvino.inc"
};
static const fact tensorrt[] = {
#include "check/portability/tensorrt.inc"
};
static const fact coreml[] = {
#include "check/portability/coreml.inc"
};
static const fact tflite[] = {
#include "check/portability/tflite.inc"
};

typedef struct runtime {
    ig_check_target about;
    const fact *facts;
    size_t n;
    int64_t least_opset, most_opset, most_ir; /* of ai.onnx; 0: no bound */
    bool expands;                             /* runs operators without a kernel as their function bodies */
    bool exact;                               /* a kernel without end is for this one version of the schema */
} runtime;

static const runtime runtimes[] = {
    {.about = {"onnxruntime", "onnxruntime 1.31 (CPU)", "list of kernels in the Python package onnxruntime 1.31.1"},
     .facts = onnxruntime,
     .n = IG_COUNT_OF(onnxruntime),
     .most_opset = 26,
     .most_ir = 13,
     .expands = true,
     .exact = true},
    {.about = {"openvino", "OpenVINO 2026.4", "operators that the Python package openvino 2026.4.1 converts"},
     .facts = openvino,
     .n = IG_COUNT_OF(openvino)},
    {.about = {"tensorrt", "TensorRT 10", "github.com/onnx/onnx-tensorrt, docs/operators.md of release 10.1"},
     .facts = tensorrt,
     .n = IG_COUNT_OF(tensorrt),
     .least_opset = 9,
     .most_opset = 20},
    {.about = {"coreml", "Core ML (ML Program, by onnxruntime)",
               "github.com/microsoft/onnxruntime, tools/ci_build/github/apple/coreml_supported_mlprogram_ops.md"},
     .facts = coreml,
     .n = IG_COUNT_OF(coreml)},
    {.about = {"tflite", "TFLite (by onnx2tf)", "github.com/PINTO0309/onnx2tf, README.md"},
     .facts = tflite,
     .n = IG_COUNT_OF(tflite)},
};

size_t ig_check_target_count(void) { return IG_COUNT_OF(runtimes); }

ig_check_target ig_check_target_at(size_t i) {
    return i < IG_COUNT_OF(runtimes) ? runtimes[i].about : (ig_check_target){NULL, NULL, NULL};
}

/* ---------------------------------------------------------------------------------------------------------------- nodes */

static int compare(const fact *f, const ig_schema *s) {
    int order = strcmp(f->domain, s->domain);
    return order ? order : strcmp(f->op, s->name);
}

/* The operator's first row, or NULL. */
static const fact *find(const runtime *r, const ig_schema *s) {
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&r->facts[middle], s) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < r->n && compare(&r->facts[low], s) == 0 ? &r->facts[low] : NULL;
}

static bool covers(const runtime *r, const fact *f, const ig_schema *s) {
    if (r->exact && f->until == NO_END) return f->since == s->since;
    return f->since <= s->since && s->since <= f->until;
}

static ig_dtype element(const ig_type *t) {
    for (int depth = 0; t && t->of && depth < 8; depth++) t = t->of;
    return t ? t->dtype : IG_UNDEFINED;
}

static bool names(const fact *f, const ig_schema *s, const ig_formal *formal, size_t i, bool input) {
    if (!f->parameter[0]) return input && i == 0;
    return formal && (strcmp(s->types[formal->types].name, f->parameter) == 0 || strcmp(formal->name, f->parameter) == 0);
}

static const char *source_of(const runtime *r, char *out, size_t size) {
    snprintf(out, size, "known from: %s", r->about.source);
    return out;
}

static void report_type(ig_check *c, const runtime *r, const ig_node *n, const char *which, const fact *f, ig_dtype dtype) {
    char allowed[500], source[200];
    size_t at = 0;
    allowed[0] = '\0';
    for (int t = 1; t < IG_DTYPE_COUNT; t++)
        if (f->types >> t & 1 && at < sizeof allowed)
            at += (size_t)snprintf(allowed + at, sizeof allowed - at, "%s%s", at ? ", " : "", ig_dtype_name((ig_dtype)t));
    ig_report_node(c, IG_ERROR, "portability", n, which, source_of(r, source, sizeof source),
                   "%s takes %s of type %s here, not %s", r->about.title, n->schema->name, allowed, ig_dtype_name(dtype));
}

/* Arguments whose types a row of the version in force speaks of. */
static void check_argument(ig_check *c, const runtime *r, const ig_node *n, const fact *first, uint32_t i, bool input) {
    const ig_value *v = input ? n->in[i] : n->out[i];
    const ig_formal *formal = input ? ig_schema_input(n->schema, i) : ig_schema_output(n->schema, i);
    ig_dtype dtype = v ? element(v->type) : IG_UNDEFINED;
    if (!dtype) return;
    for (const fact *f = first; f < r->facts + r->n && compare(f, n->schema) == 0; f++) {
        if (!f->types || f->types >> dtype & 1 || !covers(r, f, n->schema) || !names(f, n->schema, formal, i, input)) continue;
        char which[160];
        snprintf(which, sizeof which, "%s %u '%.80s'", input ? "input" : "output", i, ig_name_text(v->name));
        report_type(c, r, n, which, f, dtype);
        return;
    }
}

static void check_node(ig_check *c, const runtime *r, const ig_node *n) {
    const ig_schema *s = n->schema;
    if (!s || n->function || ig_node_is(n, "", "Constant")) return;
    const fact *first = find(r, s), *f = first;
    while (f && f < r->facts + r->n && compare(f, s) == 0 && !covers(r, f, s)) f++;
    bool taken = f && f < r->facts + r->n && compare(f, s) == 0;
    if (!taken && r->expands && s->is_function) return;
    if (!taken) {
        char source[200];
        ig_report_node(c, IG_ERROR, "portability", n, "", source_of(r, source, sizeof source),
                       "%s does not take version %d of %s%s", r->about.title, s->since, s->name,
                       first ? "" : ", nor another one");
        return;
    }
    for (uint32_t i = 0; i < n->n_in; i++) check_argument(c, r, n, first, i, true);
    for (uint32_t i = 0; i < n->n_out; i++) check_argument(c, r, n, first, i, false);
}

static const runtime *target_of(const ig_check *c) {
    for (size_t i = 0; c->options->target && i < IG_COUNT_OF(runtimes); i++)
        if (strcmp(runtimes[i].about.name, c->options->target) == 0) return &runtimes[i];
    return NULL;
}

static void check_graph(ig_check *c, ig_graph *g) {
    for (const ig_node *n = g->first; n; n = n->next) check_node(c, target_of(c), n);
}

void ig_check_portability(ig_check *c) {
    const runtime *r = target_of(c);
    if (!r) return;
    int64_t opset = ig_graph_opset(c->model->graph, NULL), ir = c->model->ir_version;
    if (opset && ((r->most_opset && opset > r->most_opset) || opset < r->least_opset))
        ig_report_add(c, IG_ERROR, "portability", "model", "convert it with --opset",
                      "%s takes opsets %lld to %lld, the model has %lld", r->about.title,
                      (long long)ig_max_i64(r->least_opset, 1), (long long)r->most_opset, (long long)opset);
    if (r->most_ir && ir > r->most_ir)
        ig_report_add(c, IG_ERROR, "portability", "model", "convert it with --ir-version",
                      "%s takes IR versions up to %lld, the model has %lld", r->about.title, (long long)r->most_ir,
                      (long long)ir);
    ig_check_each_graph(c, check_graph);
}
