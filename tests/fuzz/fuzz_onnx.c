/* Any bytes as an ONNX model: opening, decoding every constant, cloning, checking the structure and writing never fail in a bad
 * way, and what is written reads back as the same bytes. */
#include "formats/onnx/format.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void die(const char *what, const ig_error *err) {
    fprintf(stderr, "%s: %s\n", what, err->message);
    abort();
}

static ig_status decode_all(ig_graph *g, void *user) {
    ig_tensor *t;
    IG_UNUSED(user);
    for (size_t i = 0; i < g->initializers.n; i++) {
        ig_const *c = g->initializers.items[i]->constant;
        if (!c->bad && ig_const_tensor(g->model, c, &t, NULL) == IG_OK && !c->sparse && t->count != (size_t)c->count) abort();
    }
    for (const ig_node *n = g->first; n; n = n->next)
        for (const ig_attr *a = n->attrs; a; a = a->next)
            if (a->kind == IG_ATTR_TENSOR && a->t) ig_const_tensor(g->model, (ig_const *)(uintptr_t)a->t, &t, NULL);
    return IG_OK;
}

static bool right(const ig_model *m) {
    for (size_t i = 0; i < m->findings.n; i++)
        if (m->findings.items[i].severity == IG_ERROR) return false;
    return true;
}

static void check(ig_model *m, ig_context *context, const ig_open_options *options) {
    ig_error err = {0};
    ig_arena arena;
    ig_span first, second;
    ig_model *again, *clone;
    ig_graph_each(m->graph, decode_all, NULL);
    if (right(m) && ig_model_validate(m, &err) != IG_OK) die("not valid", &err);
    ig_arena_init(&arena, context);
    if (ig_onnx_write_memory(m, &arena, &first, &err) != IG_OK) die("not written", &err);
    if (ig_model_open_memory(&again, first.p, first.n, options, &err) != IG_OK) die("not read again", &err);
    if (ig_model_clone(&clone, again, &err) != IG_OK) die("not cloned", &err);
    ig_model_free(again);
    if (ig_onnx_write_memory(clone, &arena, &second, &err) != IG_OK) die("the clone is not written", &err);
    if (first.n != second.n || memcmp(first.p, second.p, first.n) != 0) die("written differently", &err);
    ig_model_free(clone);
    ig_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ig_context *context;
    ig_context_options limits = {IG_OPTIONS(ig_context_options), .limits = {.memory = 256 << 20, .depth = 16}};
    if (size == 0 || ig_context_create(&context, &limits, NULL) != IG_OK) return 0;
    ig_open_options options = {IG_OPTIONS(ig_open_options), .context = context, .format = "onnx"};
    ig_model *m;
    if (ig_model_open_memory(&m, data, size, &options, NULL) == IG_OK) {
        check(m, context, &options);
        ig_model_free(m);
    }
    if (ig_context_memory(context, NULL) != 0) abort();
    ig_context_free(context);
    return 0;
}
