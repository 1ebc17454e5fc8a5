/* Computes in 8-bit integers what a quantized model says in floats between DequantizeLinear and QuantizeLinear.
 *
 *     y = Q(Conv(DQ(x), DQ(w), DQ(b)))   =>   y = QLinearConv(x, w, y's scale, b)
 *     y = Q(Add(DQ(a), DQ(b)))           =>   y = com.microsoft.QLinearAdd(a, b, y's scale)
 *     y = Q(Gemm(DQ(a), DQ(b), DQ(c)))   =>   y = com.microsoft.QGemm(a, b, c); the same for MatMul
 *     y = Q(MaxPool(DQ(x)))              =>   y = MaxPool(x), where both have one scale; also for what only moves elements
 *
 * Right because the integer operators are defined as these very sequences; sums are exact, so that results differ by rounding
 * of the last step at most. A Relu or Clip before the Q goes when the Q cuts at the same places. Scales and zero points must be
 * constants: one for activations, one or one for each filter for weights; a bias is an int32 of the scale of the sums, or
 * becomes one. */
#include "passes/match.h"

#include <math.h>

/* A quantized value with its scale and zero point (NULL: 0). */
typedef struct quantized {
    ig_value *x, *scale, *zero;
    ig_dtype dtype;
} quantized;

static bool is_constant(const ig_value *v) {
    return v && v->constant && !v->is_input && !v->constant->bad && !v->constant->sparse;
}

static bool is_bytes(ig_dtype t) { return t == IG_U8 || t == IG_I8; }

/* What a QuantizeLinear or DequantizeLinear says; filters > 0: there may be one scale for each of them, along `axis`. */
static bool read_linear(ig_node *n, int64_t filters, int64_t axis, int rank, quantized *q) {
    q->scale = n->in[1];
    q->zero = n->n_in > 2 ? n->in[2] : NULL;
    if (!n->schema || !is_constant(q->scale) || q->scale->constant->dtype != IG_F32 || (q->zero && !is_constant(q->zero)))
        return false;
    if (ig_schema_attr_find(n->schema, "block_size") && ig_attr_int(n, "block_size")) return false;
    if (q->zero && q->zero->constant->count != q->scale->constant->count) return false;
    if (q->scale->constant->count == 1) return true;
    int64_t own = ig_schema_attr_find(n->schema, "axis") ? ig_attr_int(n, "axis") : 1;
    return filters && (int64_t)q->scale->constant->count == filters && (own < 0 ? own + rank : own) == axis;
}

/* The value comes out of a DequantizeLinear of 8 bits. */
static bool dequantized(const ig_value *v, quantized *q) {
    ig_node *n = v ? v->producer : NULL;
    if (!n || !ig_node_is(n, "", "DequantizeLinear") || !n->in[0] || !read_linear(n, 0, 0, 0, q)) return false;
    q->x = n->in[0];
    q->dtype = q->zero ? q->zero->constant->dtype : q->x->type ? q->x->type->dtype : IG_UNDEFINED;
    return is_bytes(q->dtype) && ig_match_dtype(q->x, q->dtype);
}

/* The same for a constant weight with `filters` filters along `axis`. */
static bool weight(const ig_value *v, int64_t filters, int64_t axis, quantized *q) {
    ig_node *n = v ? v->producer : NULL;
    if (!n || !ig_node_is(n, "", "DequantizeLinear") || !is_constant(n->in[0])) return false;
    q->x = n->in[0];
    q->dtype = q->x->constant->dtype;
    return is_bytes(q->dtype) && read_linear(n, filters, axis, q->x->constant->rank, q);
}

static double number(const ig_value *v, size_t i) {
    const ig_tensor *t = v ? ig_match_content(v) : NULL;
    return t ? ig_load_as_f64(t->dtype, t->data, t->count == 1 ? 0 : i) : 0;
}

/* The QuantizeLinear behind a value, past activations that it does itself. Nodes on the way go to `old`. */
static bool quantizes(ig_value *v, quantized *q, ig_node **old, size_t *n_old) {
    ig_node *n = ig_match_only_reader(v), *q_node = n;
    bool relu = n && ig_node_is(n, "", "Relu"), clip = n && ig_node_is(n, "", "Clip");
    if ((relu || clip) && n->schema && n->out[0]) q_node = ig_match_only_reader(n->out[0]);
    if (!q_node || !ig_node_is(q_node, "", "QuantizeLinear") || !read_linear(q_node, 0, 0, 0, q)) return false;
    q->x = q_node->out[0];
    q->dtype = q->zero ? q->zero->constant->dtype : IG_U8;
    if (!is_bytes(q->dtype) || q_node->in[0] != (q_node == n ? v : n->out[0])) return false;
    double low = -INFINITY, high = INFINITY, scale = number(q->scale, 0), zero = number(q->zero, 0);
    double least = q->dtype == IG_U8 ? 0 : -128;
    if (relu) low = 0;
    if (clip) {
        if (n->schema->since < 11) return false;
        if (n->n_in > 1 && n->in[1] && !ig_match_scalar(n->in[1], &low)) return false;
        if (n->n_in > 2 && n->in[2] && !ig_match_scalar(n->in[2], &high)) return false;
    }
    if ((least - zero) * scale < low - 1e-6 * scale || (least + 255 - zero) * scale > high + 1e-6 * scale) return false;
    if (q_node != n) old[(*n_old)++] = n;
    old[(*n_old)++] = q_node;
    return true;
}

/* The zero point, made when it is absent. */
static ig_value *zero_of(ig_build *b, const quantized *q) { return q->zero ? q->zero : ig_build_scalar(b, q->dtype, 0); }

/* The bias as int32 in the scale of the sums: what a DequantizeLinear has when its scale is that, or rounded. `filters`
 * entries. False when it is something else; *out stays NULL without a bias. */
static bool bias_of(ig_build *b, const ig_value *v, const quantized *x, const quantized *w, int64_t filters, ig_value **out) {
    *out = NULL;
    if (!v) return true;
    const ig_node *n = v->producer;
    const ig_value *ints = n && ig_node_is(n, "", "DequantizeLinear") ? n->in[0] : v;
    const ig_tensor *t = is_constant(ints) ? ig_match_content(ints) : NULL;
    quantized q = {0};
    if (!t || (int64_t)t->count != filters || t->rank != 1 || t->dtype != (ints == v ? IG_F32 : IG_I32)) return false;
    if (ints != v && (!read_linear(v->producer, filters, 0, 1, &q))) return false;
    ig_tensor *made;
    if (ig_tensor_new(&made, v->graph->model->context, IG_I32, 1, &filters, NULL) != IG_OK) return false;
    for (int64_t i = 0; i < filters; i++) {
        double value = ig_load_as_f64(t->dtype, t->data, (size_t)i), sum = number(x->scale, 0) * number(w->scale, (size_t)i);
        if (ints != v) value = (value - number(q.zero, (size_t)i)) * number(q.scale, (size_t)i);
        double rounded = nearbyint(value / sum);
        if (!(fabs(rounded) < 0x1p30)) {
            ig_tensor_free(made);
            return false;
        }
        ((int32_t *)made->data)[i] = (int32_t)rounded;
    }
    *out = ig_build_tensor(b, made);
    return *out != NULL;
}

static ig_status finish(ig_node *made, const ig_build *b, const ig_value *name_from, ig_value *out, ig_node **old, size_t n_old,
                        ig_pass_env *env) {
    if (!made || b->failed) return ig_oom(env->err);
    made->name = name_from->producer->name;
    ig_node_resolve(made);
    for (size_t i = 0; i < n_old / 2; i++) { /* readers go before what they read */
        ig_node *t = old[i];
        old[i] = old[n_old - 1 - i];
        old[n_old - 1 - i] = t;
    }
    ig_node_take_over(made, out, old, n_old);
    env->changes++;
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------------- rules */

static ig_status fuse_conv(ig_node *n, ig_pass_env *env) {
    quantized x, w, y;
    ig_node *old[4] = {n};
    size_t n_old = 1;
    ig_value *bias;
    int64_t filters = n->in[1] && n->in[1]->type && n->in[1]->type->rank > 2 ? n->in[1]->type->dims[0].value : 0;
    if (filters < 1 || !dequantized(n->in[0], &x) || !weight(n->in[1], filters, 0, &w) ||
        !quantizes(n->out[0], &y, old, &n_old))
        return IG_OK;
    ig_build b = ig_build_before(old[n_old - 1]);
    if (!bias_of(&b, n->n_in > 2 ? n->in[2] : NULL, &x, &w, filters, &bias)) return IG_OK;
    ig_value *zero_w = w.zero;
    if (!zero_w) zero_w = ig_build_scalar(&b, w.dtype, 0);
    ig_value *in[] = {x.x, x.scale, zero_of(&b, &x), w.x, w.scale, zero_w, y.scale, zero_of(&b, &y), bias};
    ig_node *made = ig_build_node(&b, "", "QLinearConv", in, IG_COUNT_OF(in), 1);
    if (made && !ig_node_copy_attributes(made, n)) return ig_oom(env->err);
    return finish(made, &b, n->out[0], y.x, old, n_old, env);
}

static ig_status fuse_pair(ig_node *n, const char *op, ig_pass_env *env) {
    quantized a, c, y;
    ig_node *old[4] = {n};
    size_t n_old = 1;
    if (n->schema->since < 7 || !dequantized(n->in[0], &a) || !dequantized(n->in[1], &c) || a.dtype != c.dtype ||
        !quantizes(n->out[0], &y, old, &n_old) || y.dtype != a.dtype)
        return IG_OK;
    ig_build b = ig_build_before(old[n_old - 1]);
    if (!ig_model_import(n->graph, "com.microsoft", 1)) return ig_oom(env->err);
    ig_value *in[] = {a.x, a.scale, zero_of(&b, &a), c.x, c.scale, zero_of(&b, &c), y.scale, zero_of(&b, &y)};
    return finish(ig_build_node(&b, "com.microsoft", op, in, IG_COUNT_OF(in), 1), &b, n->out[0], y.x, old, n_old, env);
}

static ig_status fuse_add(ig_node *n, ig_pass_env *env) { return fuse_pair(n, "QLinearAdd", env); }
static ig_status fuse_mul(ig_node *n, ig_pass_env *env) { return fuse_pair(n, "QLinearMul", env); }

/* Gemm with plain factors, or MatMul with a matrix on the right. */
static ig_status fuse_product(ig_node *n, ig_pass_env *env) {
    bool gemm = ig_node_is(n, "", "Gemm");
    quantized a, w, y;
    ig_node *old[4] = {n};
    size_t n_old = 1;
    ig_value *bias = NULL;
    int64_t axis = gemm && ig_attr_int(n, "transB") ? 0 : 1;
    if (ig_match_rank(n->in[1]) != 2 || !ig_dim_known(n->in[1]->type->dims[axis])) return IG_OK;
    int64_t cols = n->in[1]->type->dims[axis].value;
    if (cols < 1 || (gemm && (ig_attr_float(n, "alpha") != 1 || ig_attr_float(n, "beta") != 1))) return IG_OK;
    if (!dequantized(n->in[0], &a) || !weight(n->in[1], cols, axis, &w) || !quantizes(n->out[0], &y, old, &n_old)) return IG_OK;
    if (y.dtype != a.dtype) return IG_OK;
    ig_build b = ig_build_before(old[n_old - 1]);
    if (gemm && !bias_of(&b, n->n_in > 2 ? n->in[2] : NULL, &a, &w, cols, &bias)) return IG_OK;
    ig_value *zero_a = zero_of(&b, &a), *zero_w = zero_of(&b, &w), *zero_y = zero_of(&b, &y);
    ig_node *made;
    if (gemm) {
        if (!ig_model_import(n->graph, "com.microsoft", 1)) return ig_oom(env->err);
        ig_value *in[] = {a.x, a.scale, zero_a, w.x, w.scale, zero_w, bias, y.scale, zero_y};
        made = ig_build_node(&b, "com.microsoft", "QGemm", in, IG_COUNT_OF(in), 1);
        ig_build_int(&b, "transA", ig_attr_int(n, "transA"));
        ig_build_int(&b, "transB", ig_attr_int(n, "transB"));
    } else {
        ig_value *in[] = {a.x, a.scale, zero_a, w.x, w.scale, zero_w, y.scale, zero_y};
        made = ig_build_node(&b, "", "QLinearMatMul", in, IG_COUNT_OF(in), 1);
    }
    return finish(made, &b, n->out[0], y.x, old, n_old, env);
}

/* Only element 0 of the inputs is data. */
static ig_status fuse_move(ig_node *n, ig_pass_env *env) {
    quantized x, y;
    ig_node *old[4] = {n};
    size_t n_old = 1;
    if (ig_node_is(n, "", "MaxPool") && (n->schema->since < 12 || (n->n_out > 1 && n->out[1] && n->out[1]->n_uses)))
        return IG_OK;
    if (!dequantized(n->in[0], &x) || !quantizes(n->out[0], &y, old, &n_old) || n_old != 2 || y.dtype != x.dtype) return IG_OK;
    if (number(x.scale, 0) != number(y.scale, 0) || number(x.zero, 0) != number(y.zero, 0) || n->n_in > 4) return IG_OK;
    ig_value *in[4];
    for (uint32_t i = 0; i < n->n_in; i++) in[i] = i ? n->in[i] : x.x;
    ig_build b = ig_build_before(old[n_old - 1]);
    ig_node *made = ig_build_node(&b, n->domain, n->op, in, n->n_in, 1);
    if (made && !ig_node_copy_attributes(made, n)) return ig_oom(env->err);
    return finish(made, &b, n->out[0], y.x, old, n_old, env);
}

static const struct rule {
    const char *op;
    ig_status (*fuse)(ig_node *n, ig_pass_env *env);
} rules[] = {
    {"Conv", fuse_conv},         {"Add", fuse_add},      {"Mul", fuse_mul},        {"Gemm", fuse_product},
    {"MatMul", fuse_product},    {"MaxPool", fuse_move}, {"Reshape", fuse_move},   {"Flatten", fuse_move},
    {"Transpose", fuse_move},    {"Squeeze", fuse_move}, {"Unsqueeze", fuse_move}, {"DepthToSpace", fuse_move},
    {"SpaceToDepth", fuse_move},
};

/* From the end: a fused node and what goes with it stand behind the node that is looked at next. */
static ig_status visit(ig_graph *g, void *user) {
    for (ig_node *n = g->last, *previous; n; n = previous) {
        previous = n->previous;
        if (!n->schema || !n->n_out || !n->out[0] || n->n_in < 1 || !n->in[0]) continue;
        for (size_t i = 0; i < IG_COUNT_OF(rules); i++) {
            if (!ig_node_is(n, "", rules[i].op)) continue;
            IG_TRY(rules[i].fuse(n, user));
            break;
        }
    }
    return IG_OK;
}

ig_status ig_pass_fuse_qdq(ig_model *model, ig_pass_env *env) { return ig_graph_each(model->graph, visit, env); }
