#include "passes/match.h"

#include <math.h>

ig_node *ig_match_only_reader(const ig_value *v) { return v && v->n_uses == 1 ? v->uses->node : NULL; }

const ig_tensor *ig_match_content(const ig_value *v) {
    ig_tensor *t;
    if (!v || !v->constant || v->is_input || ig_const_tensor(v->graph->model, v->constant, &t, NULL) != IG_OK) return NULL;
    return t->kind == IG_KIND_TENSOR ? t : NULL;
}

const ig_tensor *ig_match_constant(const ig_value *v) {
    const ig_tensor *t = ig_match_content(v);
    if (!t) return NULL;
    size_t align = t->dtype == IG_STRING ? 1 : ig_min_size(ig_max_size(ig_dtype_bytes(t->dtype), 1), 8);
    return (uintptr_t)t->data % align == 0 ? t : NULL;
}

bool ig_match_scalar(const ig_value *v, double *value) {
    ig_tensor *t;
    if (!v || !v->constant || v->is_input || v->constant->count != 1) return false;
    if (ig_const_tensor(v->graph->model, v->constant, &t, NULL) != IG_OK || t->kind != IG_KIND_TENSOR) return false;
    if (!ig_dtype_is_float(t->dtype) && !ig_dtype_is_int(t->dtype)) return false;
    *value = ig_load_as_f64(t->dtype, t->data, 0);
    return true;
}

bool ig_match_dtype(const ig_value *v, ig_dtype dtype) {
    return v && v->type && v->type->kind == IG_KIND_TENSOR && v->type->dtype == dtype;
}

int ig_match_rank(const ig_value *v) { return v && v->type && v->type->kind == IG_KIND_TENSOR ? v->type->rank : IG_UNRANKED; }

bool ig_match_same_type(const ig_value *a, const ig_value *b) {
    if (!a->type || !b->type || a->type->kind != IG_KIND_TENSOR || b->type->kind != IG_KIND_TENSOR) return false;
    if (a->type->dtype != b->type->dtype || a->type->rank < 0 || a->type->rank != b->type->rank) return false;
    for (int i = 0; i < a->type->rank; i++)
        if (!ig_dim_equal(a->type->dims[i], b->type->dims[i])) return false;
    return true;
}

/* Operators with one input and at most two float attributes. */
static const struct simple {
    const char *op, *name;
    const char *params[2];
} simple[] = {
    {"Relu", "Relu", {NULL}},           {"Sigmoid", "Sigmoid", {NULL}},
    {"Tanh", "Tanh", {NULL}},           {"LeakyRelu", "LeakyRelu", {"alpha"}},
    {"Elu", "Elu", {"alpha"}},          {"HardSigmoid", "HardSigmoid", {"alpha", "beta"}},
    {"HardSwish", "HardSwish", {NULL}}, {"Swish", "Swish", {"alpha"}},
    {"Softplus", "Softplus", {NULL}},
};

static bool match_clip(const ig_node *n, ig_match_activation *m) {
    double low = -INFINITY, high = INFINITY;
    if (n->schema->since < 11) {
        low = (double)ig_attr_float(n, "min");
        high = (double)ig_attr_float(n, "max");
    } else {
        if (n->n_in > 1 && n->in[1] && !ig_match_scalar(n->in[1], &low)) return false;
        if (n->n_in > 2 && n->in[2] && !ig_match_scalar(n->in[2], &high)) return false;
    }
    m->name = "Clip";
    m->params[0] = (float)low;
    m->params[1] = (float)high;
    m->n_params = 2;
    return true;
}

static bool match_single(const ig_value *v, ig_match_activation *m) {
    ig_node *n = ig_match_only_reader(v);
    bool gelu = n && (ig_node_is(n, "com.microsoft", "Gelu") || (ig_node_is(n, "com.microsoft", "FastGelu") && n->n_in == 1));
    if (!n || !n->schema || (!gelu && ig_node_domain(n)[0]) || n->in[0] != v || n->n_out != 1) return false;
    m->nodes[0] = n;
    m->nodes[1] = NULL;
    m->out = n->out[0];
    m->n_params = 0;
    if (gelu) {
        m->name = n->op[0] == 'F' ? "FastGelu" : "Gelu";
        return true;
    }
    if (ig_node_is(n, "", "Clip")) return match_clip(n, m);
    if (ig_node_is(n, "", "Gelu")) {
        m->name = ig_attr_is(n, "approximate", "tanh") ? "FastGelu" : "Gelu";
        return true;
    }
    for (size_t i = 0; i < IG_COUNT_OF(simple); i++) {
        if (!ig_node_is(n, "", simple[i].op)) continue;
        m->name = simple[i].name;
        while (m->n_params < 2 && simple[i].params[m->n_params]) {
            m->params[m->n_params] = ig_attr_float(n, simple[i].params[m->n_params]);
            m->n_params++;
        }
        return true;
    }
    return false;
}

/* v * Sigmoid(v) and v * HardSigmoid(v). */
static bool match_gate(const ig_value *v, ig_match_activation *m) {
    if (v->n_uses != 2 || !v->uses->node || !v->uses->next->node) return false;
    ig_node *a = v->uses->node, *b = v->uses->next->node;
    ig_node *mul = ig_node_is(a, "", "Mul") ? a : b, *gate = mul == a ? b : a;
    bool sigmoid = ig_node_is(gate, "", "Sigmoid"), hard = ig_node_is(gate, "", "HardSigmoid");
    if (mul == gate || !ig_node_is(mul, "", "Mul") || (!sigmoid && !hard) || !gate->schema || mul->n_in != 2) return false;
    if (ig_match_only_reader(gate->out[0]) != mul || (mul->in[0] != gate->out[0] && mul->in[1] != gate->out[0])) return false;
    if (hard && (fabsf(ig_attr_float(gate, "alpha") - 1.0f / 6) > 1e-6f || ig_attr_float(gate, "beta") != 0.5f)) return false;
    m->name = hard ? "HardSwish" : "Silu";
    m->n_params = 0;
    m->out = mul->out[0];
    m->nodes[0] = gate;
    m->nodes[1] = mul;
    return true;
}

bool ig_match_activation_of(ig_value *v, ig_match_activation *m) { return v && (match_single(v, m) || match_gate(v, m)); }

void ig_build_activation(ig_build *b, const ig_match_activation *m) {
    ig_build_str(b, "activation", m->name);
    if (!m->n_params || b->failed) return;
    float *params = IG_NEW_ARRAY(&b->graph->model->arena, float, m->n_params);
    ig_attr attr = {.name = ig_model_name(b->graph->model, "activation_params"), .kind = IG_ATTR_FLOATS, .n = m->n_params};
    if (!params || !attr.name) {
        b->failed = true;
        return;
    }
    memcpy(params, m->params, m->n_params * sizeof *params);
    attr.floats = params;
    if (!ig_attr_put(b->last, &attr)) b->failed = true;
}

bool ig_model_import(ig_graph *graph, const char *domain, int64_t version) {
    ig_model *m = graph->model;
    ig_name name = ig_model_name(m, domain);
    if (!name) return false;
    if (ig_graph_opset(graph, name)) return true;
    ig_opset opset = {.domain = name, .domain_given = true, .version = version};
    return IG_PUSH(&m->arena, graph->function ? &graph->function->opsets : &m->opsets, opset);
}

bool ig_node_copy_attributes(ig_node *to, const ig_node *from) {
    for (const ig_attr *a = from->attrs; a; a = a->next)
        if (!ig_attr_put(to, a)) return false;
    return true;
}

void ig_node_take_over(ig_node *to, ig_value *out, ig_node *const *old, size_t n) {
    ig_node_set_output(out->producer, out->index, NULL);
    ig_node_set_output(to, 0, out);
    for (size_t i = 0; i < n; i++)
        if (old[i]) ig_node_erase(old[i]);
}
