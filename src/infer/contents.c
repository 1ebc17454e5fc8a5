/* Contents of values: constants of the file, and what follows from them through the graph. Small ones only: what shapes, axes,
 * scales and repeats are computed from. */
#include "infer/engine.h"
#include "ops/call.h"

enum { MAX_BYTES = 8192 };

/* Keeps a tensor until the end of the inference, taking over the reference. */
static const ig_tensor *keep(ig_engine *e, ig_tensor *t) {
    if (t && IG_PUSH(&e->arena, &e->made, t)) return t;
    ig_tensor_free(t);
    return NULL;
}

/* Kernels load whole elements: a copy where a file's bytes don't lie right. */
static const ig_tensor *aligned(ig_engine *e, const ig_tensor *t) {
    size_t align = ig_min_size(ig_max_size(ig_dtype_bytes(t->dtype), 1), 8);
    if (t->dtype == IG_STRING || (uintptr_t)t->data % align == 0) return t;
    ig_tensor *copy;
    return ig_tensor_copy(&copy, e->model->context, t, NULL) == IG_OK ? keep(e, copy) : NULL;
}

static const ig_tensor *decode(ig_engine *e, ig_const *c) {
    ig_tensor *t;
    if (c->bad || c->sparse || c->bytes > MAX_BYTES) return NULL;
    if (ig_const_tensor(e->model, c, &t, NULL) != IG_OK || t->kind != IG_KIND_TENSOR) return NULL;
    return aligned(e, t);
}

/* A tensor of whole numbers that are all known. */
static const ig_tensor *from_ints(ig_engine *e, const ig_ints *ints, const ig_type *type) {
    if (!ints || !type || type->kind != IG_KIND_TENSOR || !(ig_dtype_is_int(type->dtype) || type->dtype == IG_BOOL))
        return NULL;
    if (ig_dtype_bits(type->dtype) < 8 || ints->rank > 1) return NULL;
    for (size_t i = 0; i < ints->n; i++)
        if (!ig_dim_known(ints->values[i])) return NULL;
    ig_tensor *t;
    int64_t n = (int64_t)ints->n;
    if (ig_tensor_new(&t, e->model->context, type->dtype, ints->rank, &n, NULL) != IG_OK) return NULL;
    for (size_t i = 0; i < ints->n; i++) ig_store_i64(type->dtype, t->data, i, ints->values[i].value);
    return keep(e, t);
}

/* The constant is what the type says, which it need not be as the default of an input. */
static bool fits(const ig_const *c, const ig_type *type) {
    if (!type || type->rank != c->rank) return false;
    for (int i = 0; i < c->rank; i++)
        if (!ig_dim_is(type->dims[i], c->dims[i])) return false;
    return true;
}

const ig_tensor *ig_infer_content(ig_infer_frame *f, const ig_value *v) {
    const ig_tensor **data = &f->data[v->slot];
    if (*data) return *data;
    ig_engine *e = f->e;
    if (v->constant) {
        /* Until IR version 4 every initializer was an input too, and meant as a constant. */
        bool given = v->is_input && e->model->ir_version >= 4 && !e->options->fixed_defaults;
        *data = given || !fits(v->constant, f->types[v->slot]) ? NULL : decode(e, v->constant);
    } else if (f->ints[v->slot] && !e->options->no_propagation) {
        *data = from_ints(e, f->ints[v->slot], f->types[v->slot]);
    }
    return *data;
}

/* The tensor that a Constant node holds, shared. */
static const ig_tensor *of_constant_node(ig_infer_frame *f, const ig_node *node) {
    ig_const *c = ig_node_is(node, "", "Constant") ? ig_attr_const(node, "value") : NULL;
    return c ? decode(f->e, c) : NULL;
}

static bool small(const ig_type *t) {
    int64_t dims[IG_MAX_RANK], count;
    size_t bytes;
    if (!ig_type_static(t) || !t->dtype || t->rank > IG_MAX_RANK) return false;
    for (int i = 0; i < t->rank; i++) dims[i] = t->dims[i].value;
    return ig_dims_count(t->rank, dims, &count) && ig_dtype_size(t->dtype, count, &bytes) && bytes <= MAX_BYTES;
}

/* Whether a sum, difference or product of int64 passes its range. It wraps when it is run, but no shape comes of it. */
static bool overflows(const ig_node *node, const ig_tensor *const *data) {
    static const char *const names[] = {"Add", "Sub", "Mul"};
    size_t op = 0;
    while (op < 3 && !ig_node_is(node, "", names[op])) op++;
    if (op == 3 || node->n_in != 2 || data[0]->dtype != IG_I64 || data[1]->dtype != IG_I64) return false;
    size_t na = data[0]->count, nb = data[1]->count, n = ig_max_size(na, nb);
    if ((na != n && na != 1) || (nb != n && nb != 1)) return false;
    for (size_t i = 0; i < n; i++) {
        int64_t a = ig_load_as_i64(IG_I64, data[0]->data, na == 1 ? 0 : i),
                b = ig_load_as_i64(IG_I64, data[1]->data, nb == 1 ? 0 : i);
        if (op == 0   ? __builtin_add_overflow(a, b, &a)
            : op == 1 ? __builtin_sub_overflow(a, b, &a)
                      : __builtin_mul_overflow(a, b, &a))
            return true;
    }
    return false;
}

ig_status ig_infer_evaluate(ig_infer_frame *f, ig_step_types *s, const ig_op *op) {
    const ig_node *node = s->node;
    if (node->n_out == 1 && (s->out_data[0] = of_constant_node(f, node))) return IG_OK;
    bool constant = ig_node_is(node, "", "Constant");
    if (f->e->options->no_propagation && !constant) return IG_OK;
    if (!op || !op->run || (op->flags & (IG_OP_RANDOM | IG_OP_GRAPHS)) || (node->n_in == 0 && !constant)) return IG_OK;
    for (uint32_t i = 0; i < node->n_in; i++)
        if (node->in[i] && !s->data[i]) return IG_OK;
    for (uint32_t i = 0; i < node->n_out; i++)
        if (node->out[i] && !small(s->out[i])) return IG_OK;
    ig_engine *e = f->e;
    if (e->options->strict && overflows(node, s->data))
        return ig_infer_report(e, IG_ERROR, "overflow", node->graph, node, "", "", "%.80s passes the range of int64", node->op);
    ig_tensor **out = IG_NEW_ARRAY(&e->arena, ig_tensor *, node->n_out);
    if (!out) return ig_oom(e->err);
    ig_status status = ig_node_evaluate(op, node, e->model->context, s->data, out, MAX_BYTES, &e->why);
    if (status != IG_OK) return status == IG_E_MEMORY ? ig_oom(e->err) : IG_OK; /* the run will say so, if it gets there */
    for (uint32_t i = 0; i < node->n_out; i++)
        s->out_data[i] = out[i] && out[i]->kind == IG_KIND_TENSOR ? keep(e, out[i]) : (ig_tensor_free(out[i]), NULL);
    return IG_OK;
}
