/* Any bytes as a GraphDef: opening, and turning what could be opened into ONNX, never fail in a bad way. What has become a
 * model of ONNX is a valid one. */
#include "formats/format.h"
#include "formats/lower.h"
#include "ops/schema.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool right(const ig_model *m) {
    for (size_t i = 0; i < m->findings.n; i++)
        if (m->findings.items[i].severity == IG_ERROR) return false;
    return true;
}

static void lower(ig_model *m) {
    ig_error err = {0};
    ig_model *clone;
    if (ig_model_clone(&clone, m, &err) != IG_OK) return;
    ig_model_resolve(clone);
    if (ig_model_lower(clone, &err) == IG_OK && right(m) && ig_model_validate(clone, &err) != IG_OK) {
        fprintf(stderr, "not valid: %s\n", err.message);
        abort();
    }
    ig_model_free(clone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ig_context *context;
    ig_context_options limits = {IG_OPTIONS(ig_context_options), .limits = {.memory = 256 << 20, .depth = 16, .nodes = 20000}};
    if (size == 0 || ig_context_create(&context, &limits, NULL) != IG_OK) return 0;
    ig_open_options options = {IG_OPTIONS(ig_open_options), .context = context, .format = "frozen-graph"};
    ig_model *m;
    if (ig_model_open_memory(&m, data, size, &options, NULL) == IG_OK) {
        lower(m);
        ig_model_free(m);
    }
    if (ig_context_memory(context, NULL) != 0) abort();
    ig_context_free(context);
    return 0;
}
