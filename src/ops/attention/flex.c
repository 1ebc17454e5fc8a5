/* FlexAttention: attention with graphs that change the scores and the weights. */
#include "ops/loops/real.h"
#include "ops/matrix/product.h"
#include "ops/nn/reals.h"

#include <math.h>

/* The type of scores and weights. */
static ig_dtype precision_of(const ig_node *node, ig_dtype dtype) {
    int64_t type = ig_attr_given(node, "softmax_precision") ? ig_attr_int(node, "softmax_precision") : 0;
    if (type == IG_F32 || type == IG_F64 || type == IG_F16 || type == IG_BF16) return (ig_dtype)type;
    return dtype == IG_F64 ? IG_F64 : IG_F32;
}

static ig_status infer_graph(ig_infer *c, const char *attr, const ig_type *scores) {
    ig_graph *graph = ig_attr_graph(c->node, attr);
    const ig_type *const *out;
    size_t n;
    if (!graph || !c->body) return IG_OK;
    return c->body(c, graph, &scores, 1, &out, &n);
}

static ig_status infer(ig_infer *c) {
    ig_shape q, k, v;
    ig_dtype dtype = ig_infer_dtype(c, 0);
    for (size_t i = 0; i < 3; i++) IG_TRY(ig_infer_rank(c, i, 4));
    bool has_q = ig_infer_shape(c, 0, &q), has_k = ig_infer_shape(c, 1, &k), has_v = ig_infer_shape(c, 2, &v);
    ig_dim none = ig_dim_unknown(), batch = has_q ? q.dims[0] : none, size = has_q ? q.dims[3] : none;
    ig_dim heads = has_k ? k.dims[1] : none, keys = has_k ? k.dims[2] : none, q_heads = has_q ? q.dims[1] : none;
    if (has_k) IG_TRY(ig_infer_join(c, "batch sizes", k.dims[0], &batch));
    if (has_k) IG_TRY(ig_infer_join(c, "sizes of heads", k.dims[3], &size));
    if (has_v) IG_TRY(ig_infer_join(c, "batch sizes", v.dims[0], &batch));
    if (has_v) IG_TRY(ig_infer_join(c, "numbers of heads", v.dims[1], &heads));
    if (has_v) IG_TRY(ig_infer_join(c, "lengths", v.dims[2], &keys));
    if (ig_dim_known(q_heads) && ig_dim_known(heads) && (heads.value < 1 || q_heads.value % heads.value))
        return ig_infer_fail(c, "%lld heads of Q can't share %lld heads of K", (long long)q_heads.value,
                             (long long)heads.value);
    ig_shape scores = {.rank = 4, .dims = {batch, q_heads, has_q ? q.dims[2] : none, keys}};
    const ig_type *type = ig_type_tensor(c->arena, dtype ? precision_of(c->node, dtype) : IG_UNDEFINED, &scores);
    if (!type) return ig_oom(c->err);
    IG_TRY(infer_graph(c, "score_mod", type));
    IG_TRY(infer_graph(c, "prob_mod", type));
    scores.dims[3] = has_v ? v.dims[3] : ig_dim_unknown();
    return ig_infer_set(c, 0, dtype, &scores);
}

/* The tensor through a graph of the node, if it has that one; the old reference goes. */
static ig_status modify(ig_call *c, const char *attr, ig_tensor **scores) {
    if (!ig_attr_graph(c->node, attr)) return IG_OK;
    ig_tensor *out[1] = {NULL}, *in = *scores;
    IG_TRY(ig_call_graph(c, attr, &in, 1, out));
    bool same = out[0] && out[0]->kind == IG_KIND_TENSOR && out[0]->dtype == in->dtype && out[0]->rank == in->rank &&
                memcmp(out[0]->dims, in->dims, (size_t)in->rank * sizeof *in->dims) == 0;
    ig_tensor_free(in);
    *scores = out[0];
    return same ? IG_OK : ig_call_fail(c, "graph '%s' gives another shape or type than it takes", attr);
}

/* In place over rows of n, in float or double; what is stored is rounded to the scores' type. */
#define SOFTMAX(name, TYPE)                                                                                                    \
    static void name(TYPE *x, size_t rows, size_t n) {                                                                         \
        for (size_t r = 0; r < rows; r++, x += n) {                                                                            \
            TYPE most = -INFINITY, sum = 0;                                                                                    \
            for (size_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;                                                   \
            for (size_t i = 0; i < n; i++) sum += x[i] = most == -INFINITY ? 0 : IG_EXP(x[i] - most);                          \
            for (size_t i = 0; i < n; i++) x[i] = sum > 0 ? x[i] / sum : 0 * x[i];                                             \
        }                                                                                                                      \
    }
SOFTMAX(softmax_f32, float)
SOFTMAX(softmax_f64, double)

static ig_status softmax(ig_call *c, ig_tensor *t) {
    ig_dtype type = ig_real_type(t->dtype);
    size_t n = (size_t)t->dims[3];
    const void *in;
    if (t->count == 0) return IG_OK;
    IG_TRY(ig_real_in(c, t, type, &in));
    void *x = (void *)(uintptr_t)in;
    if (type == IG_F64) {
        softmax_f64(x, t->count / n, n);
    } else {
        softmax_f32(x, t->count / n, n);
        if (t->dtype != IG_F32) ig_from_f32(t->dtype, t->data, 0, t->count, x);
    }
    return IG_OK;
}

/* Heads of queries that share a head of keys are rows of one matrix: they lie one after the other. */
typedef struct sizes {
    int64_t batch, heads, kv_heads, q_len, kv_len, size, v_size;
} sizes;

static ig_status multiply(ig_call *c, ig_dtype type, const sizes *s, const void *a, int64_t a_cols, const void *b,
                          int64_t b_cols, bool transposed, double scale, void *out) {
    int64_t da[4] = {s->batch, s->kv_heads, s->heads / s->kv_heads * s->q_len, a_cols},
            db[4] = {s->batch, s->kv_heads, s->kv_len, b_cols};
    ig_product p = {.dtype = type,
                    .a = ig_stack_of(4, da, (ig_stack_options){0}),
                    .b = ig_stack_of(4, db, (ig_stack_options){.transpose = transposed, .right = true}),
                    .a_data = a,
                    .b_data = b,
                    .out = out,
                    .tail = ig_gemm_of(0, 0, 0)};
    p.tail.alpha = (float)scale;
    return ig_product_run(c, &p);
}

static ig_status attend(ig_call *c, const sizes *s, ig_dtype type, ig_tensor **scores) {
    const void *q, *k, *v, *weights;
    void *raw, *y;
    double scale = ig_attr_given(c->node, "scale") ? (double)ig_attr_float(c->node, "scale") : 1 / sqrt((double)s->size);
    IG_TRY(ig_real_in(c, c->in[0], type, &q));
    IG_TRY(ig_real_in(c, c->in[1], type, &k));
    IG_TRY(ig_real_in(c, c->in[2], type, &v));
    ig_tensor *t = *scores;
    raw = t->dtype == type ? t->data : ig_call_scratch(c, t->count * ig_dtype_bytes(type));
    if (!raw) return ig_oom(c->err);
    IG_TRY(multiply(c, type, s, q, s->size, k, s->size, true, scale, raw));
    if (t->dtype != type)
        for (size_t i = 0; i < t->count; i++) ig_store_f64(t->dtype, t->data, i, ig_load_as_f64(type, raw, i));
    IG_TRY(modify(c, "score_mod", scores));
    IG_TRY(softmax(c, *scores));
    IG_TRY(modify(c, "prob_mod", scores));
    IG_TRY(ig_real_in(c, *scores, type, &weights));
    IG_TRY(ig_real_out(c, 0, type, &y));
    if (s->kv_len == 0 && c->out[0]->count) memset(y, 0, c->out[0]->count * ig_dtype_bytes(type));
    IG_TRY(multiply(c, type, s, weights, s->kv_len, v, s->v_size, false, 1, y));
    ig_real_done(c, 0, type, y);
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *q = c->in[0], *k = c->in[1], *v = c->in[2];
    sizes s = {q->dims[0], q->dims[1], k->dims[1], q->dims[2], k->dims[2], q->dims[3], v->dims[3]};
    if (k->dims[0] != s.batch || v->dims[0] != s.batch) return ig_call_fail(c, "Q, K and V have different batches");
    if (c->out[0]->count == 0) return IG_OK;
    ig_dtype precision = precision_of(c->node, q->dtype), type = q->dtype == IG_F64 || precision == IG_F64 ? IG_F64 : IG_F32;
    ig_tensor *scores = NULL;
    IG_TRY(ig_tensor_new(&scores, c->context, precision, 4, (int64_t[]){s.batch, s.heads, s.q_len, s.kv_len}, c->err));
    ig_status status = attend(c, &s, type, &scores);
    ig_tensor_free(scores);
    return status;
}

const ig_op ig_op_preview_flex_attention = {"ai.onnx.preview", "FlexAttention", 1, 0, IG_OP_GRAPHS, infer, run, NULL, NULL};
