/* Any bytes as a TFLite model: opening, decoding every constant, checking and lowering never fail in a bad way, and what is
 * right stays a valid model when it is lowered and tidied. */
#include "formats/lower.h"
#include "passes/passes.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ig_status decode_all(ig_graph *g, void *user) {
    ig_tensor *t;
    IG_UNUSED(user);
    for (size_t i = 0; i < g->initializers.n; i++) {
        ig_const *c = g->initializers.items[i]->constant;
        if (!c->bad && ig_const_tensor(g->model, c, &t, NULL) == IG_OK && t->count != (size_t)c->count) abort();
    }
    return IG_OK;
}

static void must_be_valid(const ig_model *m, const char *when) {
    ig_error err = {0};
    if (ig_model_validate(m, &err) == IG_OK) return;
    fprintf(stderr, "%s: %s\n", when, err.message);
    abort();
}

static void lower(ig_model *m) {
    ig_model *copy;
    for (size_t i = 0; i < m->findings.n; i++)
        if (m->findings.items[i].severity == IG_ERROR) return;
    must_be_valid(m, "as read");
    if (ig_model_clone(&copy, m, NULL) != IG_OK) return;
    if (ig_model_lower(copy, NULL) == IG_OK && ig_graph_sort(copy->graph, NULL) == IG_OK) {
        must_be_valid(copy, "lowered");
        if (ig_model_tidy(copy, NULL) == IG_OK) must_be_valid(copy, "tidied");
    }
    ig_model_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ig_context *context;
    ig_context_options limits = {IG_OPTIONS(ig_context_options), .limits = {.memory = 64 << 20, .depth = 16}};
    if (size == 0 || ig_context_create(&context, &limits, NULL) != IG_OK) return 0;
    ig_open_options options = {IG_OPTIONS(ig_open_options), .context = context, .format = "tflite"};
    ig_model *m;
    ig_report *report;
    if (ig_model_open_memory(&m, data, size, &options, NULL) == IG_OK) {
        ig_graph_each(m->graph, decode_all, NULL);
        if (ig_model_check(&report, m, NULL, NULL) == IG_OK) ig_report_free(report);
        lower(m);
        ig_model_free(m);
    }
    if (ig_context_memory(context, NULL) != 0) abort();
    ig_context_free(context);
    return 0;
}
