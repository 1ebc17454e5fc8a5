/* What adapters are made of. */
#include "convert/convert.h"
#include "ops/call.h"

#include <stdarg.h>
#include <stdio.h>

ig_status ig_adapt_refuse(ig_adapt *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(a->reason, sizeof a->reason, format, args);
    va_end(args);
    return IG_E_UNSUPPORTED;
}

const char *ig_adapt_side(const ig_adapt *a, char out[40]) {
    snprintf(out, 40, a->up ? "from version %d on" : "before version %d", a->version);
    return out;
}

ig_value *ig_adapt_in(const ig_adapt *a, uint32_t i) { return i < a->node->n_in ? a->node->in[i] : NULL; }
ig_value *ig_adapt_out(const ig_adapt *a, uint32_t i) { return i < a->node->n_out ? a->node->out[i] : NULL; }

/* ---- what is known of values ---- */

ig_dtype ig_adapt_dtype(const ig_value *v) {
    if (!v) return IG_UNDEFINED;
    if (v->constant) return v->constant->dtype;
    return v->type && v->type->kind == IG_KIND_TENSOR ? v->type->dtype : IG_UNDEFINED;
}

int ig_adapt_rank(const ig_value *v) {
    if (!v) return IG_UNRANKED;
    return v->constant ? v->constant->rank : ig_type_shape(v->type).rank;
}

int64_t ig_adapt_dim(const ig_value *v, int i) {
    int rank = ig_adapt_rank(v);
    if (i < 0) i += rank;
    if (i < 0 || i >= rank) return IG_UNKNOWN;
    return v->constant ? v->constant->dims[i] : ig_type_shape(v->type).dims[i].value;
}

enum { MOST_BYTES = 1 << 20, MOST_STEPS = 16 };

static const ig_tensor *content(ig_adapt *a, const ig_value *v, int depth);

/* Computes a node whose inputs are known. */
static const ig_tensor *evaluate(ig_adapt *a, const ig_value *v, int depth) {
    const ig_node *n = v->producer;
    const ig_op *op = n->schema ? ig_op_of(n) : NULL;
    if (!op || !op->run || (op->flags & (IG_OP_RANDOM | IG_OP_GRAPHS)) || n->n_in > 64 || n->n_out > 8) return NULL;
    const ig_tensor *in[64] = {NULL};
    ig_tensor *out[8] = {NULL}, *kept = NULL;
    for (uint32_t i = 0; i < n->n_in; i++)
        if (n->in[i] && !(in[i] = content(a, n->in[i], depth + 1))) return NULL;
    if (ig_node_evaluate(op, n, a->model->context, in, out, MOST_BYTES, NULL) == IG_OK) {
        for (uint32_t o = 0; o < n->n_out; o++)
            if (n->out[o] == v && out[o] && IG_PUSH(&a->model->arena, &a->model->tensors, out[o]))
                kept = out[o];
            else
                ig_tensor_free(out[o]);
    }
    return kept;
}

/* An input with a default is a constant where there were no others (before IR version 4), and where only this node reads it: it
 * then stops being an input when it becomes an attribute, so that nobody can give it another value in vain. */
static bool is_fixed(const ig_adapt *a, const ig_value *v) { return !v->is_input || a->fixed_inputs || v->n_uses == 1; }

static const ig_tensor *content(ig_adapt *a, const ig_value *v, int depth) {
    if (v->constant && is_fixed(a, v)) {
        ig_tensor *t;
        return ig_const_tensor(a->model, v->constant, &t, NULL) == IG_OK && t->kind == IG_KIND_TENSOR ? t : NULL;
    }
    return v->producer && depth < MOST_STEPS ? evaluate(a, v, depth) : NULL;
}

const ig_tensor *ig_adapt_content(ig_adapt *a, const ig_value *v) { return v ? content(a, v, 0) : NULL; }

bool ig_adapt_ints(ig_adapt *a, const ig_value *v, const int64_t **list, size_t *n) {
    const ig_tensor *t = ig_adapt_content(a, v);
    if (!t || !ig_dtype_is_int(t->dtype)) return false;
    int64_t *copy = IG_NEW_ARRAY(&a->model->arena, int64_t, t->count);
    if (!copy) return a->b.failed = true, false;
    for (size_t i = 0; i < t->count; i++) copy[i] = ig_load_as_i64(t->dtype, t->data, i);
    *list = copy;
    *n = t->count;
    return true;
}

/* ---- constants ---- */

/* Constant takes floats only before version 9; an initializer of the main graph does as well. */
static bool needs_initializer(const ig_adapt *a, const ig_tensor *t) {
    int version = a->up ? a->version : a->version - 1;
    bool plain = t->dtype == IG_F32 || t->dtype == IG_F16 || t->dtype == IG_F64;
    return version < 9 && !plain && !a->node->graph->function && !*ig_node_domain(a->node);
}

ig_value *ig_adapt_tensor(ig_adapt *a, ig_tensor *tensor) {
    if (tensor && needs_initializer(a, tensor)) {
        a->built = true;
        return ig_build_tensor(&a->b, tensor);
    }
    ig_const *c = tensor ? ig_const_create(a->model, NULL, tensor) : NULL;
    ig_value *v = c ? ig_build_op(&a->b, "Constant", NULL, 0) : NULL;
    ig_attr attr = {.name = ig_model_name(a->model, "value"), .kind = IG_ATTR_TENSOR, .t = c};
    if (!v || !attr.name || !ig_attr_put(v->producer, &attr)) {
        a->b.failed = true;
        return NULL;
    }
    v->type = ig_tensor_type(&a->model->arena, tensor);
    a->built = true;
    return v;
}

static ig_value *list_value(ig_adapt *a, ig_dtype dtype, int rank, const void *list, size_t n) {
    ig_tensor *t = NULL;
    int64_t dims[1] = {(int64_t)n};
    if (ig_tensor_new(&t, a->model->context, dtype, rank, dims, NULL) == IG_OK && t->bytes) memcpy(t->data, list, t->bytes);
    return ig_adapt_tensor(a, t);
}

ig_value *ig_adapt_i64s(ig_adapt *a, const int64_t *list, size_t n) { return list_value(a, IG_I64, 1, list, n); }
ig_value *ig_adapt_i64(ig_adapt *a, int64_t v) { return list_value(a, IG_I64, 0, &v, 1); }
ig_value *ig_adapt_f32s(ig_adapt *a, const float *list, size_t n) { return list_value(a, IG_F32, 1, list, n); }

ig_value *ig_adapt_scalar(ig_adapt *a, ig_dtype dtype, double v) {
    ig_tensor *t = NULL;
    if (ig_tensor_new(&t, a->model->context, dtype, 0, NULL, NULL) == IG_OK) ig_store_f64(dtype, t->data, 0, v);
    return ig_adapt_tensor(a, t);
}

/* ---- changing the node ---- */

/* A node that was taken out: adapters meet it again in the list of nodes to change. */
static void erase_node(ig_node *n) {
    ig_node_erase(n);
    n->graph = NULL;
}

/* Takes out what only the dropped value needed. Chains of constants are short. */
static void drop_unused(ig_adapt *a, ig_value *v, int depth) {
    if (!v || v->uses || (v->is_input && !v->constant) || depth == MOST_STEPS) return;
    ig_node *n = v->producer;
    if (n) {
        const ig_op *op = n->schema ? ig_op_of(n) : NULL;
        if (!op || (op->flags & (IG_OP_RANDOM | IG_OP_GRAPHS)) || n == a->node) return;
        for (uint32_t o = 0; o < n->n_out; o++)
            if (n->out[o] && n->out[o]->uses) return;
        erase_node(n);
        for (uint32_t i = 0; i < n->n_in; i++) drop_unused(a, n->in[i], depth + 1);
        for (uint32_t o = 0; o < n->n_out; o++)
            if (n->out[o]) ig_value_remove(n->out[o]);
    } else if (v->constant) {
        ig_graph_remove_input(v);
        ig_value_remove(v);
    }
}

void ig_adapt_set(ig_adapt *a, uint32_t i, ig_value *v) {
    ig_node *n = a->node;
    if (i >= n->n_in && (!v || !ig_node_resize(n, i + 1, n->n_out))) {
        if (v) a->b.failed = true;
        return;
    }
    ig_value *old = n->in[i];
    if (!ig_node_set_input(n, i, v)) a->b.failed = true;
    if (old != v) drop_unused(a, old, 0);
}

void ig_adapt_trim(ig_adapt *a) {
    ig_node *n = a->node;
    uint32_t in = n->n_in, out = n->n_out;
    while (in && !n->in[in - 1]) in--;
    while (out && (!n->out[out - 1] || (!n->out[out - 1]->uses && a->to && out > a->to->max_out))) out--;
    if ((in != n->n_in || out != n->n_out) && !ig_node_resize(n, in, out)) a->b.failed = true;
}

void ig_adapt_give(ig_adapt *a, uint32_t i, ig_node *to, uint32_t k) {
    ig_value *v = ig_adapt_out(a, i), *made = to ? to->out[k] : NULL;
    if (!v || !made || a->b.failed) return;
    ig_node_set_output(a->node, i, NULL);
    v->producer = NULL;
    ig_node_set_output(to, k, v);
    if (!ig_value_replace(made, v)) a->b.failed = true;
    ig_value_remove(made);
    a->built = true;
}

void ig_adapt_give_value(ig_adapt *a, uint32_t i, ig_value *made) {
    if (made) ig_adapt_give(a, i, made->producer, made->index);
}

ig_node *ig_adapt_behind(ig_adapt *a, uint32_t i, const char *op) {
    ig_value *v = ig_adapt_out(a, i), *made = v ? ig_value_new(a->node->graph, NULL, NULL) : NULL;
    ig_name name = ig_model_name(a->model, op);
    ig_node *n = v && made && name ? ig_node_new(a->node->graph, name, NULL, 1, 1) : NULL;
    if (!n) {
        if (v) a->b.failed = true;
        return NULL;
    }
    ig_node_move(n, a->node->next);
    ig_node_set_output(a->node, i, made);
    if (!ig_node_set_input(n, 0, made)) a->b.failed = true;
    ig_node_set_output(n, 0, v);
    a->built = true;
    return a->b.last = n;
}

void ig_adapt_erase(ig_adapt *a) {
    ig_node *n = a->node;
    if (a->b.failed) return;
    erase_node(n);
    a->gone = true;
    for (uint32_t i = 0; i < n->n_in; i++) drop_unused(a, n->in[i], 0);
}

void ig_adapt_copy_attrs(ig_adapt *a, ig_node *to) {
    for (const ig_attr *attr = a->node->attrs; to && attr; attr = attr->next)
        if (!ig_attr_put(to, attr)) a->b.failed = true;
}
