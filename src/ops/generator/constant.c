/* Constant and Identity: values that come from elsewhere. */
#include "ops/math/elementwise.h"

/* Output 0 becomes the value, of any kind: copied into the planned place, or another reference to it. */
static ig_status put(ig_call *c, const ig_tensor *value) {
    ig_tensor *out = c->n_out ? c->out[0] : NULL;
    bool plain = value->kind == IG_KIND_TENSOR && value->dtype != IG_STRING && out && out->bytes == value->bytes;
    if (!plain) return ig_call_set(c, 0, ig_call_keep(c, value));
    if (out->bytes && out->data != value->data) memcpy(out->data, value->data, out->bytes);
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------ Constant */

/* The attribute that holds the value; exactly one does. */
static const ig_attr *value_attr(const ig_node *node) {
    static const char *const names[] = {"value",       "sparse_value", "value_int",    "value_ints",
                                        "value_float", "value_floats", "value_string", "value_strings"};
    for (size_t i = 0; i < IG_COUNT_OF(names); i++)
        if (ig_attr_given(node, names[i])) return ig_attr_find(node, names[i]);
    return NULL;
}

static ig_dtype list_type(ig_attr_kind kind) {
    switch (kind) {
    case IG_ATTR_INT:
    case IG_ATTR_INTS: return IG_I64;
    case IG_ATTR_FLOAT:
    case IG_ATTR_FLOATS: return IG_F32;
    case IG_ATTR_STRING:
    case IG_ATTR_STRINGS: return IG_STRING;
    default: return IG_UNDEFINED;
    }
}

static bool is_list(ig_attr_kind kind) { return kind == IG_ATTR_INTS || kind == IG_ATTR_FLOATS || kind == IG_ATTR_STRINGS; }

static ig_status infer_content(ig_infer *c, const ig_attr *a) {
    enum { MOST = IG_MAX_RANK * 2 };
    ig_dim values[MOST];
    if (!c->out_ints) return IG_OK;
    if (a->kind == IG_ATTR_INT) {
        values[0] = ig_dim_of(a->i);
        return ig_infer_set_ints(c, 0, 0, values, 1);
    }
    if (a->kind == IG_ATTR_INTS && a->n <= MOST) {
        for (size_t i = 0; i < a->n; i++) values[i] = ig_dim_of(a->ints[i]);
        return ig_infer_set_ints(c, 0, 1, values, a->n);
    }
    if (a->kind != IG_ATTR_TENSOR || a->t->bad || a->t->rank > 1 || a->t->count > MOST) return IG_OK;
    if (!ig_dtype_is_int(a->t->dtype) && a->t->dtype != IG_BOOL) return IG_OK;
    ig_tensor *t;
    if (ig_const_tensor(c->node->graph->model, a->t, &t, NULL) != IG_OK) return IG_OK;
    for (size_t i = 0; i < t->count; i++) values[i] = ig_dim_of(ig_load_as_i64(t->dtype, t->data, i));
    return ig_infer_set_ints(c, 0, t->rank, values, t->count);
}

static ig_status infer_constant(ig_infer *c) {
    const ig_attr *a = value_attr(c->node);
    ig_shape shape = {.rank = 0};
    if (!a) return ig_infer_fail(c, "there is no attribute with the value");
    ig_dtype dtype = list_type(a->kind);
    if (is_list(a->kind)) {
        shape.rank = 1;
        shape.dims[0] = ig_dim_of((int64_t)a->n);
    } else if (a->kind == IG_ATTR_TENSOR || a->kind == IG_ATTR_SPARSE) {
        dtype = a->t->dtype;
        if (a->t->rank < 0 || a->t->rank > IG_MAX_RANK) return IG_OK;
        shape.rank = a->t->rank;
        for (int d = 0; d < shape.rank; d++) shape.dims[d] = ig_dim_of(a->t->dims[d]);
    } else if (!dtype) {
        return ig_infer_fail(c, "attribute '%.80s' is of a kind that holds no value", ig_name_text(a->name));
    }
    IG_TRY(ig_infer_set(c, 0, dtype, &shape));
    return infer_content(c, a);
}

/* Decoding a stored tensor is not for threads: it happens here, and the model keeps the tensor. */
static ig_status prepare_constant(ig_prepare *p) {
    const ig_attr *a = value_attr(p->node);
    ig_tensor *t = NULL;
    if (a && (a->kind == IG_ATTR_TENSOR || a->kind == IG_ATTR_SPARSE))
        IG_TRY(ig_const_tensor(p->node->graph->model, a->t, &t, p->err));
    p->state = t;
    return IG_OK;
}

static void release_constant(ig_context *context, void *state) {
    IG_UNUSED(context);
    IG_UNUSED(state);
}

static ig_status copy_strings(ig_call *c, const ig_str *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!ig_tensor_set_string(c->out[0], i, s[i])) return ig_oom(c->err);
    return IG_OK;
}

/* A sparse tensor as the dense one that it stands for. */
static ig_status spread(ig_call *c, const ig_tensor *sparse) {
    ig_tensor *out = c->out[0], *values = sparse->items[0], *indices = sparse->items[1];
    if (out->dtype == IG_STRING) return ig_call_no_kernel(c, IG_STRING);
    if (out->bytes) memset(out->data, 0, out->bytes);
    size_t size = ig_dtype_bytes(out->dtype);
    for (size_t i = 0; i < values->count; i++) {
        int64_t at = 0;
        for (int d = 0; d < out->rank && indices->rank == 2; d++)
            at = at * out->dims[d] + ig_load_as_i64(indices->dtype, indices->data, i * (size_t)out->rank + (size_t)d);
        if (indices->rank == 1) at = ig_load_as_i64(indices->dtype, indices->data, i);
        if (at < 0 || (uint64_t)at >= out->count)
            return ig_call_fail(c, "index %zu of the sparse value is outside of its shape", i);
        if (size)
            memcpy((char *)out->data + (size_t)at * size, (const char *)values->data + i * size, size);
        else
            ig_store_bits(out->dtype, out->data, (size_t)at, ig_load_bits(values->dtype, values->data, i));
    }
    return IG_OK;
}

static ig_status run_constant(ig_call *c) {
    const ig_attr *a = value_attr(c->node);
    const ig_tensor *stored = c->state;
    if (!a || !c->out[0]) return IG_OK;
    if (stored) return stored->kind == IG_KIND_SPARSE ? spread(c, stored) : put(c, stored);
    switch (a->kind) {
    case IG_ATTR_INT: *(int64_t *)c->out[0]->data = a->i; break;
    case IG_ATTR_FLOAT: *(float *)c->out[0]->data = a->f; break;
    case IG_ATTR_STRING: return copy_strings(c, &a->s, 1);
    case IG_ATTR_STRINGS: return copy_strings(c, a->strings, a->n);
    case IG_ATTR_INTS:
        if (a->n) memcpy(c->out[0]->data, a->ints, a->n * sizeof *a->ints);
        break;
    case IG_ATTR_FLOATS:
        if (a->n) memcpy(c->out[0]->data, a->floats, a->n * sizeof *a->floats);
        break;
    default: return ig_call_fail(c, "attribute '%.80s' is of a kind that holds no value", ig_name_text(a->name));
    }
    return IG_OK;
}

const ig_op ig_op_constant = {.domain = "",
                              .name = "Constant",
                              .since = 1,
                              .infer = infer_constant,
                              .run = run_constant,
                              .prepare = prepare_constant,
                              .release = release_constant};

/* ------------------------------------------------------------------------------------------------------------ Identity */

static ig_dim same(ig_syms *syms, ig_dim x) {
    IG_UNUSED(syms);
    return x;
}
static ig_status infer_identity(ig_infer *c) { return ig_infer_unary(c, same); }
static ig_status run_identity(ig_call *c) { return put(c, c->in[0]); }

const ig_op ig_op_identity = {
    .domain = "", .name = "Identity", .since = 1, .flags = IG_OP_VIEW, .infer = infer_identity, .run = run_identity};
/* Marks that onnxruntime leaves in models for other devices. */
const ig_op ig_op_memcpy_from_host = {
    .domain = "", .name = "MemcpyFromHost", .since = 1, .flags = IG_OP_VIEW, .infer = infer_identity, .run = run_identity};
const ig_op ig_op_memcpy_to_host = {
    .domain = "", .name = "MemcpyToHost", .since = 1, .flags = IG_OP_VIEW, .infer = infer_identity, .run = run_identity};
