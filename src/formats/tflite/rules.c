#include "formats/tflite/rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* -------------------------------------------------------------------------------------------------------------- asking */

ig_dtype ig_tfl_type(const ig_value *v) {
    return v && v->type && v->type->kind == IG_KIND_TENSOR ? v->type->dtype : IG_UNDEFINED;
}

int ig_tfl_rank(const ig_value *v) { return v && v->type && v->type->kind == IG_KIND_TENSOR ? v->type->rank : IG_UNRANKED; }

int64_t ig_tfl_dim(const ig_value *v, int axis) {
    int rank = ig_tfl_rank(v);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank || !ig_dim_known(v->type->dims[axis])) return -1;
    return v->type->dims[axis].value;
}

bool ig_tfl_static(const ig_value *v) { return v && ig_type_static(v->type); }

bool ig_tfl_is_float(const ig_value *v) { return ig_dtype_is_float(ig_tfl_type(v)); }

bool ig_tfl_is_complex(const ig_value *v) { return ig_dtype_number(ig_tfl_type(v)) == IG_NUMBER_COMPLEX; }

bool ig_tfl_quantized(const ig_value *v) {
    ig_dtype t = ig_tfl_type(v);
    bool small = t == IG_I8 || t == IG_U8 || t == IG_I16 || t == IG_I4 || t == IG_U4 || t == IG_I2;
    return small && v->quant && v->quant->n > 0;
}

bool ig_tfl_same_quant(const ig_value *a, const ig_value *b) {
    if (!ig_tfl_quantized(a) || !ig_tfl_quantized(b)) return ig_tfl_quantized(a) == ig_tfl_quantized(b);
    const ig_quant *p = a->quant, *q = b->quant;
    if (p->n != q->n || p->block != q->block || (p->n > 1 && p->axis != q->axis)) return false;
    for (size_t i = 0; i < p->n; i++) {
        int64_t zero_p = p->zero_points ? p->zero_points[i] : 0, zero_q = q->zero_points ? q->zero_points[i] : 0;
        if (p->scales[i] != q->scales[i] || zero_p != zero_q) return false;
    }
    return ig_tfl_type(a) == ig_tfl_type(b);
}

const ig_tensor *ig_tfl_const(ig_lower *l, const ig_value *v) {
    ig_tensor *t;
    if (!v || !v->constant || v->is_input || v->constant->bad) return NULL;
    return ig_const_tensor(l->model, v->constant, &t, NULL) == IG_OK && t->kind == IG_KIND_TENSOR ? t : NULL;
}

bool ig_tfl_ints(ig_lower *l, const ig_value *v, int64_t *out, size_t cap, size_t *n) {
    const ig_tensor *t = ig_tfl_const(l, v);
    if (!t || t->count > cap || !(ig_dtype_is_int(t->dtype) || t->dtype == IG_BOOL)) return false;
    *n = t->count;
    for (size_t i = 0; i < t->count; i++) out[i] = ig_load_as_i64(t->dtype, t->data, i);
    return true;
}

bool ig_tfl_number(ig_lower *l, const ig_value *v, double *out) {
    const ig_tensor *t = ig_tfl_const(l, v);
    if (!t || t->count != 1 || t->dtype == IG_STRING || ig_dtype_number(t->dtype) == IG_NUMBER_COMPLEX) return false;
    *out = ig_load_as_f64(t->dtype, t->data, 0);
    return true;
}

ig_status ig_tfl_need_rank(ig_lower *l, const ig_value *v, int *rank) {
    *rank = ig_tfl_rank(v);
    return *rank >= 0 ? IG_OK : ig_lower_refuse(l, "the rank of '%.80s' is not known", v ? ig_name_text(v->name) : "");
}

ig_status ig_tfl_axis(ig_lower *l, const ig_value *v, int64_t axis, int *out) {
    int rank;
    IG_TRY(ig_tfl_need_rank(l, v, &rank));
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return ig_lower_refuse(l, "axis %lld of a tensor of rank %d", (long long)axis, rank);
    *out = (int)axis;
    return IG_OK;
}

ig_status ig_tfl_need_opset(ig_lower *l, int64_t version) {
    ig_model *m = l->model;
    for (size_t i = 0; i < m->opsets.n; i++) {
        ig_opset *o = &m->opsets.items[i];
        if (ig_domain_canonical(o->domain)[0]) continue;
        o->version = ig_max_i64(o->version, version);
        return IG_OK;
    }
    ig_opset onnx = {.domain = ig_model_name(m, ""), .domain_given = true, .version_given = true, .version = version};
    return onnx.domain && IG_PUSH(&m->arena, &m->opsets, onnx) ? IG_OK : ig_oom(l->err);
}

/* ------------------------------------------------------------------------------------------------------------ building */

/* One attribute "name=value". */
static void put_attr(ig_lower *l, const char *name, const char *value) {
    int64_t ints[IG_MAX_RANK];
    size_t n = 0;
    if (value[strspn(value, "-0123456789,.")]) {
        ig_build_str(&l->b, name, value);
    } else if (strchr(value, '.')) {
        ig_build_float(&l->b, name, strtof(value, NULL));
    } else if (!strchr(value, ',')) {
        ig_build_int(&l->b, name, strtoll(value, NULL, 10));
    } else {
        for (char *end; *value && n < IG_COUNT_OF(ints); value = *end ? end + 1 : end) ints[n++] = strtoll(value, &end, 10);
        ig_build_ints(&l->b, name, ints, n);
    }
}

ig_value *ig_tfl_op(ig_lower *l, const char *op, const char *attrs, ig_value *const *in, size_t n) {
    ig_value *v = ig_build_op(&l->b, op, in, n);
    char text[200];
    snprintf(text, sizeof text, "%s", attrs ? attrs : "");
    for (char *p = text; v && *p;) {
        char *word = p;
        p += strcspn(p, " ");
        if (*p) *p++ = 0;
        char *equals = strchr(word, '=');
        if (!equals) break;
        *equals = 0;
        put_attr(l, word, equals + 1);
    }
    return v;
}

ig_value *ig_tfl_list(ig_lower *l, const int64_t *values, size_t n) { return ig_build_i64s(&l->b, values, n); }

ig_value *ig_tfl_ints1(ig_lower *l, int64_t value) { return ig_tfl_list(l, &value, 1); }

ig_value *ig_tfl_scalar(ig_lower *l, const ig_value *like, double value) {
    ig_dtype t = ig_tfl_type(like);
    return ig_build_scalar(&l->b, t == IG_UNDEFINED || ig_tfl_quantized(like) ? IG_F32 : t, value);
}

ig_value *ig_tfl_i64(ig_lower *l, ig_value *v) {
    const ig_tensor *t = ig_tfl_const(l, v);
    if (!t || !ig_dtype_is_int(t->dtype)) return ig_build_cast(&l->b, v, IG_I64);
    if (t->dtype == IG_I64) return v;
    ig_tensor *copy = NULL;
    if (ig_tensor_new(&copy, l->model->context, IG_I64, t->rank, t->dims, NULL) == IG_OK)
        for (size_t i = 0; i < t->count; i++) ((int64_t *)copy->data)[i] = ig_load_as_i64(t->dtype, t->data, i);
    return ig_build_tensor(&l->b, copy);
}

ig_value *ig_tfl_reshape_to(ig_lower *l, ig_value *v, ig_value *shape) {
    ig_value *y = IG_BUILD(&l->b, "Reshape", v, shape);
    ig_build_int(&l->b, "allowzero", 1);
    return y;
}

ig_value *ig_tfl_reshape(ig_lower *l, ig_value *v, const int64_t *dims, size_t n) {
    bool zero = false, open = false;
    for (size_t i = 0; i < n; i++) {
        zero |= dims[i] == 0;
        open |= dims[i] < 0;
    }
    ig_value *y = IG_BUILD(&l->b, "Reshape", v, ig_tfl_list(l, dims, n));
    if (zero && !open) ig_build_int(&l->b, "allowzero", 1);
    return y;
}

ig_value *ig_tfl_transpose(ig_lower *l, ig_value *v, const int64_t *perm, size_t n) {
    bool same = true;
    for (size_t i = 0; i < n; i++) same &= perm[i] == (int64_t)i;
    if (same) return v;
    ig_value *y = IG_BUILD(&l->b, "Transpose", v);
    ig_build_ints(&l->b, "perm", perm, n);
    return y;
}

ig_value *ig_tfl_squeeze(ig_lower *l, ig_value *v, int64_t axis) {
    return IG_BUILD(&l->b, "Squeeze", v, ig_tfl_ints1(l, axis));
}

ig_value *ig_tfl_unsqueeze(ig_lower *l, ig_value *v, int64_t axis) {
    return IG_BUILD(&l->b, "Unsqueeze", v, ig_tfl_ints1(l, axis));
}

ig_value *ig_tfl_slice(ig_lower *l, ig_value *v, int64_t axis, int64_t from, int64_t to) {
    return IG_BUILD(&l->b, "Slice", v, ig_tfl_ints1(l, from), ig_tfl_ints1(l, to), ig_tfl_ints1(l, axis));
}

ig_value *ig_tfl_concat(ig_lower *l, ig_value *const *in, size_t n, int64_t axis) {
    ig_value *y = ig_build_op(&l->b, "Concat", in, n);
    ig_build_int(&l->b, "axis", axis);
    return y;
}

ig_value *ig_tfl_shape(ig_lower *l, ig_value *v, int64_t from, int64_t to) {
    int rank = ig_tfl_rank(v);
    int64_t dims[IG_MAX_RANK];
    bool known = rank >= 0;
    if (known && from < 0) from += rank;
    if (known && to > rank) to = rank;
    if (known && to < 0) to += rank;
    for (int64_t i = from; known && i < to; i++) {
        dims[i - from] = ig_tfl_dim(v, (int)i);
        known = dims[i - from] >= 0;
    }
    if (known) return ig_tfl_list(l, dims, to > from ? (size_t)(to - from) : 0);
    ig_value *shape = IG_BUILD(&l->b, "Shape", v);
    if (from != 0) ig_build_int(&l->b, "start", from);
    if (to != INT64_MAX && to != rank) ig_build_int(&l->b, "end", to);
    return shape;
}

ig_tfl_size ig_tfl_size_of(ig_lower *l, ig_value *v, int axis) {
    int64_t dim = ig_tfl_dim(v, axis);
    if (dim >= 0) return (ig_tfl_size){dim, NULL};
    return (ig_tfl_size){-1, ig_tfl_shape(l, v, axis, axis + 1)};
}

ig_tfl_size ig_tfl_size_times(ig_lower *l, ig_tfl_size size, int64_t factor, int64_t divisor) {
    if (!size.computed) return (ig_tfl_size){size.value * factor / divisor, NULL};
    if (factor != 1) size.computed = IG_BUILD(&l->b, "Mul", size.computed, ig_tfl_ints1(l, factor));
    if (divisor != 1) size.computed = IG_BUILD(&l->b, "Div", size.computed, ig_tfl_ints1(l, divisor));
    return size;
}

ig_value *ig_tfl_sizes(ig_lower *l, const ig_tfl_size *sizes, size_t n) {
    int64_t dims[IG_MAX_RANK];
    ig_value *parts[IG_MAX_RANK];
    bool known = true;
    for (size_t i = 0; i < n; i++) {
        dims[i] = sizes[i].value;
        known &= !sizes[i].computed;
    }
    if (known) return ig_tfl_list(l, dims, n);
    for (size_t i = 0; i < n; i++) parts[i] = sizes[i].computed ? sizes[i].computed : ig_tfl_ints1(l, sizes[i].value);
    return ig_tfl_concat(l, parts, n, 0);
}

ig_value *ig_tfl_resize(ig_lower *l, ig_value *v, const ig_tfl_size *sizes, size_t n) {
    int64_t dims[IG_MAX_RANK];
    size_t computed = 0, zeros = 0;
    for (size_t i = 0; i < n; i++) {
        dims[i] = sizes[i].computed ? -1 : sizes[i].value;
        computed += sizes[i].computed != NULL;
        zeros += dims[i] == 0;
    }
    if (computed > 1 || (computed && zeros)) return ig_tfl_reshape_to(l, v, ig_tfl_sizes(l, sizes, n));
    return ig_tfl_reshape(l, v, dims, n);
}

ig_value *ig_tfl_filled(ig_lower *l, ig_value *shape, ig_dtype dtype, double value) {
    return IG_BUILD(&l->b, "Expand", ig_build_scalar(&l->b, dtype, value), shape);
}

/* ---------------------------------------------------------------------------------------------------------- in and out */

/* Scales and zero points as constants in the shape that DequantizeLinear wants. */
static ig_value *scales_of(ig_lower *l, const ig_value *v) {
    const ig_quant *q = v->quant;
    if (q->n == 1) return ig_build_f32(&l->b, q->scales[0]);
    if (!q->block) return ig_build_f32s(&l->b, q->scales, q->n);
    int64_t dims[IG_MAX_RANK];
    ig_tensor *t = NULL;
    int rank = ig_tfl_rank(v);
    for (int i = 0; i < rank; i++) dims[i] = ig_tfl_dim(v, i) / (i == rank - 1 ? q->block : 1);
    if (ig_tensor_new(&t, l->model->context, IG_F32, rank, dims, NULL) == IG_OK && t->count == q->n)
        memcpy(t->data, q->scales, t->bytes);
    return ig_build_tensor(&l->b, t);
}

static ig_value *zeros_of(ig_lower *l, const ig_value *v, ig_dtype dtype) {
    const ig_quant *q = v->quant;
    int64_t dims[IG_MAX_RANK] = {(int64_t)q->n};
    int rank = q->n == 1 ? 0 : 1;
    if (q->block && q->n > 1) {
        rank = ig_tfl_rank(v);
        for (int i = 0; i < rank; i++) dims[i] = ig_tfl_dim(v, i) / (i == rank - 1 ? q->block : 1);
    }
    ig_tensor *t = NULL;
    if (ig_tensor_create(&t, l->model->context, dtype, rank, dims, NULL) == IG_OK && q->zero_points)
        for (size_t i = 0; i < t->count && i < q->n; i++) ig_store_i64(dtype, t->data, i, q->zero_points[i]);
    return ig_build_tensor(&l->b, t);
}

/* Scales fit the shape, so that ONNX's operators take them. */
static bool quant_fits(const ig_value *v) {
    const ig_quant *q = v->quant;
    if (q->n == 1) return true;
    if (!q->block) return ig_tfl_dim(v, q->axis) == (int64_t)q->n;
    int64_t count = 1;
    if (!ig_tfl_static(v) || ig_tfl_rank(v) < 1 || ig_tfl_dim(v, -1) % q->block) return false;
    for (int i = 0; i < ig_tfl_rank(v); i++) count *= ig_tfl_dim(v, i) / (i == ig_tfl_rank(v) - 1 ? q->block : 1);
    return count == (int64_t)q->n;
}

/* 2-bit integers came to ONNX later than the version that is lowered to: constants of them are widened. */
static ig_value *widen(ig_lower *l, ig_value *v) {
    const ig_tensor *t = ig_tfl_const(l, v);
    ig_tensor *wide = NULL;
    if (!t) return ig_build_cast(&l->b, v, IG_I8);
    if (ig_tensor_new(&wide, l->model->context, IG_I8, t->rank, t->dims, NULL) == IG_OK)
        for (size_t i = 0; i < t->count; i++) ((int8_t *)wide->data)[i] = (int8_t)ig_load_as_i64(t->dtype, t->data, i);
    return ig_build_tensor(&l->b, wide);
}

ig_value *ig_tfl_dequantize(ig_lower *l, ig_value *v) {
    ig_dtype dtype = ig_tfl_type(v);
    if (!ig_tfl_quantized(v)) return v;
    if (!quant_fits(v)) {
        ig_lower_refuse(l, "the scales of '%.80s' don't fit its shape", ig_name_text(v->name));
        l->b.failed = true;
        return NULL;
    }
    ig_value *numbers = dtype == IG_I2 ? widen(l, v) : v;
    ig_value *y = IG_BUILD(&l->b, "DequantizeLinear", numbers, scales_of(l, v), zeros_of(l, v, dtype == IG_I2 ? IG_I8 : dtype));
    if (v->quant->n > 1) ig_build_int(&l->b, "axis", v->quant->block ? ig_tfl_rank(v) - 1 : v->quant->axis);
    if (v->quant->n > 1 && v->quant->block) ig_build_int(&l->b, "block_size", v->quant->block);
    return y;
}

ig_value *ig_tfl_real(ig_lower *l, uint32_t input) {
    ig_value *v = ig_lower_in(l, input);
    ig_dtype dtype = ig_tfl_type(v), to = l->node->n_out ? ig_tfl_type(l->node->out[0]) : IG_UNDEFINED;
    if ((dtype == IG_F16 || dtype == IG_BF16) && to != dtype) return ig_build_cast(&l->b, v, IG_F32);
    return ig_tfl_quantized(v) ? ig_tfl_dequantize(l, v) : v;
}

ig_value *ig_tfl_real_moved(ig_lower *l, ig_value *moved, const ig_value *from) {
    if (!moved || !ig_tfl_quantized(from)) return moved;
    if (!moved->type) moved->type = ig_type_tensor(&l->model->arena, ig_tfl_type(from), NULL);
    if (!moved->type) l->b.failed = true;
    moved->quant = from->quant;
    return ig_tfl_dequantize(l, moved);
}

ig_value *ig_tfl_real_transposed(ig_lower *l, ig_value *v, const int64_t *perm, size_t n) {
    ig_value *turned = ig_tfl_transpose(l, v, perm, n);
    ig_dtype dtype = ig_tfl_type(v), to = l->node->n_out ? ig_tfl_type(l->node->out[0]) : IG_UNDEFINED;
    if (turned && (dtype == IG_F16 || dtype == IG_BF16) && to != dtype) return ig_build_cast(&l->b, turned, IG_F32);
    if (!turned || !ig_tfl_quantized(v)) return turned;
    if (turned == v) return ig_tfl_dequantize(l, v);
    ig_quant *q = IG_NEW(&l->model->arena, ig_quant);
    ig_shape shape = {.rank = (int)n};
    for (size_t i = 0; i < n; i++) shape.dims[i] = ig_tfl_rank(v) == (int)n ? v->type->dims[perm[i]] : ig_dim_unknown();
    turned->type = ig_type_tensor(&l->model->arena, dtype, &shape);
    if (!q || !turned->type) {
        l->b.failed = true;
        return NULL;
    }
    *q = *v->quant;
    for (size_t i = 0; i < n; i++)
        if (perm[i] == v->quant->axis) q->axis = (int)i;
    turned->quant = q;
    return ig_tfl_dequantize(l, turned);
}

ig_value *ig_tfl_real_channels_first(ig_lower *l, uint32_t input) {
    ig_value *v = ig_lower_in(l, input);
    int rank = ig_tfl_rank(v);
    int64_t perm[IG_MAX_RANK] = {0, rank - 1};
    for (int i = 2; i < rank; i++) perm[i] = i - 1;
    return ig_tfl_real_transposed(l, v, perm, (size_t)ig_max_i64(rank, 0));
}

/* TFLite's kernels round ties away from zero, ONNX's to the even number. A scale that is smaller by a few units in its last
 * place makes of each tie a number that is a little farther from zero, and moves nothing else. */
static ig_value *scales_away(ig_lower *l, const ig_value *like) {
    const ig_quant *q = like->quant;
    float *scales = IG_NEW_ARRAY(&l->model->arena, float, q->n);
    if (!scales) {
        l->b.failed = true;
        return NULL;
    }
    for (size_t i = 0; i < q->n; i++) scales[i] = q->scales[i] * IG_TFL_AWAY;
    return q->n == 1 ? ig_build_f32(&l->b, scales[0]) : ig_build_f32s(&l->b, scales, q->n);
}

ig_value *ig_tfl_quantize(ig_lower *l, ig_value *real, const ig_value *like) {
    if (!ig_tfl_quantized(like)) return real;
    ig_value *y = IG_BUILD(&l->b, "QuantizeLinear", real, scales_away(l, like), zeros_of(l, like, ig_tfl_type(like)));
    if (like->quant->n > 1) ig_build_int(&l->b, "axis", like->quant->axis);
    return y;
}

void ig_tfl_out(ig_lower *l, uint32_t o, ig_value *v) {
    if (o >= l->node->n_out || !l->node->out[o]) return;
    ig_value *old = l->node->out[o];
    if (v && (!v->producer || v->type || v->graph != old->graph)) v = IG_BUILD(&l->b, "Identity", v);
    if (v) v->quant = old->quant;
    ig_lower_out(l, o, v);
}

void ig_tfl_out_cast(ig_lower *l, uint32_t o, ig_value *v) {
    if (o >= l->node->n_out || !l->node->out[o]) return;
    ig_dtype dtype = ig_tfl_type(l->node->out[o]);
    ig_tfl_out(l, o, dtype == IG_UNDEFINED ? v : ig_build_cast(&l->b, v, dtype));
}

void ig_tfl_out_real(ig_lower *l, uint32_t o, ig_value *v) {
    if (o >= l->node->n_out || !l->node->out[o]) return;
    ig_tfl_out(l, o, ig_tfl_quantize(l, v, l->node->out[o]));
}

static ig_value *channels_last(ig_lower *l, ig_value *v, int rank) {
    int64_t perm[IG_MAX_RANK] = {0};
    for (int i = 1; i < rank - 1; i++) perm[i] = i + 1;
    perm[rank - 1] = 1;
    return ig_tfl_transpose(l, v, perm, (size_t)rank);
}

void ig_tfl_out_channels_first(ig_lower *l, uint32_t o, ig_value *v, int rank) {
    if (o >= l->node->n_out || !l->node->out[o]) return;
    ig_tfl_out(l, o, channels_last(l, ig_tfl_quantize(l, v, l->node->out[o]), rank));
}

void ig_tfl_out_moved(ig_lower *l, uint32_t o, ig_value *v, const ig_value *from) {
    if (o >= l->node->n_out || !l->node->out[o]) return;
    const ig_value *out = l->node->out[o];
    if (ig_tfl_same_quant(from, out)) {
        ig_tfl_out(l, o, v);
        return;
    }
    ig_tfl_out_real(l, o, ig_tfl_real_moved(l, v, from));
}

ig_value *ig_tfl_activate(ig_lower *l, ig_value *v) {
    static const char name[] = "fused_activation_function";
    const ig_value *out = l->node->n_out ? l->node->out[0] : NULL;
    if (ig_tfl_attr_is(l, name, "RELU")) return IG_BUILD(&l->b, "Relu", v);
    if (ig_tfl_attr_is(l, name, "RELU6")) return IG_BUILD(&l->b, "Clip", v, ig_tfl_scalar(l, out, 0), ig_tfl_scalar(l, out, 6));
    if (ig_tfl_attr_is(l, name, "RELU_N1_TO_1"))
        return IG_BUILD(&l->b, "Clip", v, ig_tfl_scalar(l, out, -1), ig_tfl_scalar(l, out, 1));
    if (ig_tfl_attr_is(l, name, "TANH")) return IG_BUILD(&l->b, "Tanh", v);
    if (ig_tfl_attr_is(l, name, "SIGN_BIT"))
        return ig_build_cast(&l->b, IG_BUILD(&l->b, "Less", v, ig_tfl_scalar(l, out, 0)), IG_F32);
    return v;
}

void ig_tfl_set_state(ig_lower *l, uint32_t input, ig_value *v) {
    ig_value *state = ig_lower_in(l, input);
    if (!state || !v) return;
    if (state->graph != l->node->graph) return;
    for (ig_use *u = state->uses, *next; u; u = next) { /* readers that come after this node */
        next = u->next;
        bool later = u->node == NULL;
        for (const ig_node *n = l->node->next; n && !later; n = n->next) later = n == u->node;
        if (!later) continue;
        bool ok = u->node ? ig_node_set_input(u->node, u->index, v) : ig_graph_set_output(u->graph, u->index, v);
        if (!ok) l->b.failed = true;
    }
}
