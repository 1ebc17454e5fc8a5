#include "graph/build.h"

ig_node *ig_build_node(ig_build *b, const char *domain, const char *op, ig_value *const *in, size_t n_in, size_t n_out) {
    ig_model *m = b->graph->model;
    while (n_in && !in[n_in - 1] && !b->failed) n_in--;
    ig_name name = ig_model_name(m, op), where = domain && domain[0] ? ig_model_name(m, domain) : NULL;
    b->last = NULL;
    if (b->failed || !name || (domain && domain[0] && !where)) goto failed;
    ig_node *n = ig_node_new(b->graph, name, where, (uint32_t)n_in, (uint32_t)n_out);
    if (!n) goto failed;
    if (b->before) ig_node_move(n, b->before);
    for (size_t i = 0; i < n_in; i++)
        if (in[i] && !ig_node_set_input(n, (uint32_t)i, in[i])) goto failed;
    for (size_t i = 0; i < n_out; i++) {
        ig_value *v = ig_value_new(b->graph, NULL, NULL);
        if (!v) goto failed;
        ig_node_set_output(n, (uint32_t)i, v);
    }
    return b->last = n;
failed:
    b->failed = true;
    return NULL;
}

ig_value *ig_build_op(ig_build *b, const char *op, ig_value *const *in, size_t n_in) {
    return ig_build_out(ig_build_node(b, NULL, op, in, n_in, 1), 0);
}

#define PUT(call)                                                                                                              \
    if (b->failed || !b->last || !(call)) b->failed = true

void ig_build_int(ig_build *b, const char *name, int64_t value) { PUT(ig_attr_put_int(b->last, name, value)); }
void ig_build_float(ig_build *b, const char *name, float value) { PUT(ig_attr_put_float(b->last, name, value)); }
void ig_build_str(ig_build *b, const char *name, const char *value) { PUT(ig_attr_put_str(b->last, name, value)); }
void ig_build_ints(ig_build *b, const char *name, const int64_t *values, size_t n) {
    PUT(ig_attr_put_ints(b->last, name, values, n));
}

ig_value *ig_build_tensor(ig_build *b, ig_tensor *tensor) {
    if (!tensor || b->failed) {
        ig_tensor_free(tensor);
        b->failed = true;
        return NULL;
    }
    ig_graph *g = b->graph;
    while (g->outer) g = g->outer; /* subgraphs capture it */
    ig_name name = ig_model_fresh_name(g->model, "c");
    ig_const *c = name ? ig_const_create(g->model, name, tensor) : NULL;
    if (!name) ig_tensor_free(tensor);
    ig_value *v = c ? ig_graph_add_initializer(g, c) : NULL;
    if (!v) b->failed = true;
    return v;
}

static ig_value *build_list(ig_build *b, ig_dtype dtype, int rank, const void *values, size_t n) {
    ig_tensor *t = NULL;
    int64_t dims[1] = {(int64_t)n};
    if (ig_tensor_new(&t, b->graph->model->context, dtype, rank, dims, NULL) == IG_OK && t->bytes)
        memcpy(t->data, values, t->bytes);
    return ig_build_tensor(b, t);
}

ig_value *ig_build_i64(ig_build *b, int64_t value) { return build_list(b, IG_I64, 0, &value, 1); }
ig_value *ig_build_f32(ig_build *b, float value) { return build_list(b, IG_F32, 0, &value, 1); }
ig_value *ig_build_i64s(ig_build *b, const int64_t *values, size_t n) { return build_list(b, IG_I64, 1, values, n); }
ig_value *ig_build_f32s(ig_build *b, const float *values, size_t n) { return build_list(b, IG_F32, 1, values, n); }

ig_value *ig_build_scalar(ig_build *b, ig_dtype dtype, double value) {
    ig_tensor *t = NULL;
    if (ig_tensor_new(&t, b->graph->model->context, dtype, 0, NULL, NULL) == IG_OK) ig_store_f64(dtype, t->data, 0, value);
    return ig_build_tensor(b, t);
}

ig_value *ig_build_cast(ig_build *b, ig_value *value, ig_dtype dtype) {
    if (value && value->type && value->type->kind == IG_KIND_TENSOR && value->type->dtype == dtype) return value;
    ig_value *cast = IG_BUILD(b, "Cast", value);
    ig_build_int(b, "to", dtype);
    return cast;
}

void ig_build_replace(ig_build *b, ig_value *old, ig_value *with) {
    if (b->failed || !old) return;
    if (!with || !ig_value_replace(old, with)) b->failed = true;
}
