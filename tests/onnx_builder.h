/* ONNX messages made by hand, for tests of files that no exporter writes. Everything lives in the builder's arena; memory is
 * not expected to run out. */
#ifndef IG_TESTS_ONNX_BUILDER_H
#define IG_TESTS_ONNX_BUILDER_H

#include "formats/onnx/messages.h"

#include <stdlib.h>

typedef struct builder {
    ig_arena *arena;
    ig_onnx_model model;
    ig_onnx_graph *graph; /* of the model */
} builder;

#define ADD(b, list, item)                                                                                                     \
    do {                                                                                                                       \
        if (!IG_PUSH((b)->arena, (list), (item))) abort();                                                                     \
    } while (0)

static inline ig_onnx_opset *build_opset(builder *b, const char *domain, int64_t version) {
    ig_onnx_opset *o = IG_NEW(b->arena, ig_onnx_opset);
    o->domain = ig_str_c(domain);
    o->has_version = true;
    o->version = version;
    ADD(b, &b->model.opset_import, o);
    return o;
}

/* IR version 10, opset 21, an empty graph "g". */
static inline void build_begin(builder *b, ig_arena *arena) {
    *b = (builder){.arena = arena};
    b->model.has_ir_version = true;
    b->model.ir_version = 10;
    b->model.graph = b->graph = IG_NEW(arena, ig_onnx_graph);
    b->graph->name = IG_STR("g");
    build_opset(b, "", 21);
}

/* "a,,b": three names, the second empty. "": none. */
static inline void build_names(builder *b, void *list, const char *names) {
    IG_VEC(ig_str) out = {0};
    for (const char *p = names; *names; p++) {
        if (*p && *p != ',') continue;
        ADD(b, &out, ((ig_str){names, (size_t)(p - names)}));
        if (!*p) break;
        names = p + 1;
        if (!*names) ADD(b, &out, ((ig_str){names, 0}));
    }
    memcpy(list, &out, sizeof out);
}

static inline ig_onnx_node *build_node_in(builder *b, ig_onnx_graph *g, const char *op, const char *in, const char *out) {
    ig_onnx_node *n = IG_NEW(b->arena, ig_onnx_node);
    n->op_type = ig_str_c(op);
    build_names(b, &n->input, in);
    build_names(b, &n->output, out);
    ADD(b, &g->node, &n->head);
    return n;
}

static inline ig_onnx_node *build_node(builder *b, const char *op, const char *in, const char *out) {
    return build_node_in(b, b->graph, op, in, out);
}

static inline ig_onnx_type *build_type(builder *b, int32_t elem_type) {
    ig_onnx_type *t = IG_NEW(b->arena, ig_onnx_type);
    t->value_case = 1;
    t->tensor_type = IG_NEW(b->arena, ig_onnx_type_tensor);
    t->tensor_type->has_elem_type = true;
    t->tensor_type->elem_type = elem_type;
    t->tensor_type->shape = IG_NEW(b->arena, ig_onnx_shape);
    ig_onnx_dim *d = IG_NEW(b->arena, ig_onnx_dim);
    d->value_case = 2;
    d->dim_param = IG_STR("n");
    ADD(b, &t->tensor_type->shape->dim, d);
    return t;
}

/* float[n] */
static inline ig_onnx_value_info *build_value(builder *b, const char *name) {
    ig_onnx_value_info *v = IG_NEW(b->arena, ig_onnx_value_info);
    v->name = ig_str_c(name);
    v->type = build_type(b, IG_F32);
    return v;
}

static inline void build_input(builder *b, const char *name) { ADD(b, &b->graph->input, &build_value(b, name)->head); }
static inline void build_output_in(builder *b, ig_onnx_graph *g, const char *name) {
    ADD(b, &g->output, &build_value(b, name)->head);
}
static inline void build_output(builder *b, const char *name) { build_output_in(b, b->graph, name); }

/* Rank 1, without content. */
static inline ig_onnx_tensor *build_tensor(builder *b, const char *name, ig_dtype dtype, int64_t n) {
    ig_onnx_tensor *t = IG_NEW(b->arena, ig_onnx_tensor);
    bool ok = true;
    t->name = ig_str_c(name);
    t->has_data_type = true;
    t->data_type = (int32_t)dtype;
    t->dims = ig_pb_pack(b->arena, IG_PB_INT64, &n, 1, &ok);
    return t;
}

static inline ig_onnx_tensor *build_initializer(builder *b, const char *name, ig_dtype dtype, int64_t n) {
    ig_onnx_tensor *t = build_tensor(b, name, dtype, n);
    ADD(b, &b->graph->initializer, &t->head);
    return t;
}

static inline ig_onnx_prop *build_prop(builder *b, const char *key, const char *value) {
    ig_onnx_prop *p = IG_NEW(b->arena, ig_onnx_prop);
    p->key = ig_str_c(key);
    p->value = ig_str_c(value);
    return p;
}

static inline ig_onnx_attr *build_attr(builder *b, ig_onnx_node *n, const char *name, int32_t type) {
    ig_onnx_attr *a = IG_NEW(b->arena, ig_onnx_attr);
    a->name = ig_str_c(name);
    a->has_type = true;
    a->type = type;
    ADD(b, &n->attribute, &a->head);
    return a;
}

/* A graph attribute, empty. */
static inline ig_onnx_graph *build_subgraph(builder *b, ig_onnx_node *n, const char *name) {
    ig_onnx_attr *a = build_attr(b, n, name, 5);
    a->g = IG_NEW(b->arena, ig_onnx_graph);
    a->g->name = ig_str_c(name);
    return a->g;
}

static inline ig_span build_end(builder *b) {
    ig_span out = {0};
    if (ig_pb_encode(b->arena, &ig_onnx_model_pb, &b->model, &out, NULL) != IG_OK) abort();
    return out;
}

#endif
