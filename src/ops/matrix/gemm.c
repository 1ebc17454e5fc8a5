/* Gemm: alpha * A' * B' + beta * C on matrices; FusedGemm with an activation; GemmFastGelu, a MatMul with a bias and one. */
#include "ops/matrix/product.h"
#include "ops/nn/reals.h"

#include <math.h>

static ig_stack_options left(const ig_node *node) { return (ig_stack_options){.transpose = ig_attr_int(node, "transA")}; }
static ig_stack_options right(const ig_node *node) {
    return (ig_stack_options){.transpose = ig_attr_int(node, "transB"), .right = true};
}

/* C must be broadcastable to the result, not the other way round. */
static ig_status check_c(ig_infer *c, const ig_shape *out) {
    ig_shape bias;
    if (!ig_infer_shape(c, 2, &bias)) return IG_OK;
    if (bias.rank > 2) return ig_infer_fail(c, "C has rank %d, more than 2", bias.rank);
    for (int k = 0; k < bias.rank; k++) {
        ig_dim d = bias.dims[k], want = out->dims[k + 2 - bias.rank];
        if (ig_dim_is(d, 1) || !ig_dim_differ(d, want)) continue;
        char have[64], need[64];
        ig_dim_text(d, have, sizeof have);
        ig_dim_text(want, need, sizeof need);
        return ig_infer_fail(c, "C has %s elements along a dim of the result with %s", have, need);
    }
    return IG_OK;
}

static ig_status infer(ig_infer *c) {
    ig_shape out = {.rank = 2}, s;
    for (int k = 0; k < 2; k++) out.dims[k] = ig_dim_unknown();
    for (size_t i = 0; i < 2; i++)
        if (ig_infer_shape(c, i, &s) && s.rank != 2) return ig_infer_fail(c, "input %zu has rank %d, not 2", i, s.rank);
    if (ig_infer_shape(c, 0, &s)) out.dims[0] = s.dims[left(c->node).transpose ? 1 : 0];
    if (ig_infer_shape(c, 1, &s)) out.dims[1] = s.dims[right(c->node).transpose ? 0 : 1];
    ig_shape both;
    IG_TRY(ig_product_shape(c, 0, left(c->node), 1, right(c->node), &both));
    IG_TRY(check_c(c, &out));
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &out);
}

static ig_status prepare(ig_prepare *p) { return ig_product_prepare(p, 0, left(p->node), 1, right(p->node)); }

/* Steps between the rows and columns of C as it is broadcast: 0 along dims of 1 and missing ones. */
static void steps_of_c(const ig_tensor *t, size_t *row, size_t *col) {
    *col = t->rank >= 1 && t->dims[t->rank - 1] != 1;
    *row = t->rank == 2 && t->dims[0] != 1 ? (size_t)t->dims[1] : 0;
}

/* C becomes part of what follows the product in the kernel. */
static ig_status add_c_f32(ig_call *c, ig_gemm *tail, size_t m, size_t n, float beta) {
    const ig_tensor *t = c->in[2];
    const float *data = t->data;
    size_t row, col;
    steps_of_c(t, &row, &col);
    if (col) { /* rows of n, or one row for all */
        tail->beta = beta;
        tail->add = data;
        tail->add_row = row;
        if (row == 0 && beta == 1) {
            tail->add = NULL;
            tail->bias_cols = data;
        }
        return IG_OK;
    }
    size_t count = row ? m : n;
    float *bias = ig_call_scratch(c, count * sizeof *bias);
    if (!bias) return ig_oom(c->err);
    for (size_t i = 0; i < count; i++) bias[i] = beta * data[i * row];
    *(row ? &tail->bias_rows : &tail->bias_cols) = bias;
    return IG_OK;
}

/* Whole factors keep whole numbers exact; others go through doubles. */
#define FINISH(TYPE)                                                                                                           \
    do {                                                                                                                       \
        const TYPE *add = t ? t->data : NULL, a = (TYPE)(int64_t)alpha, b = (TYPE)(int64_t)beta;                               \
        TYPE *out = c->out[0]->data;                                                                                           \
        for (size_t i = 0; i < m; i++)                                                                                         \
            for (size_t j = 0; j < n; j++) out[i * n + j] = a * out[i * n + j] + (add ? b * add[i * row + j * col] : 0);       \
    } while (0)

static void finish_by_doubles(ig_tensor *y, const ig_tensor *t, size_t row, size_t col, size_t n, float alpha, float beta) {
    for (size_t i = 0; i < y->count; i++) {
        double v = (double)alpha * ig_load_as_f64(y->dtype, y->data, i);
        if (t) v += (double)beta * ig_load_as_f64(t->dtype, t->data, i / n * row + i % n * col);
        ig_store_f64(y->dtype, y->data, i, v);
    }
}

static ig_status finish_plain(ig_call *c, size_t m, size_t n, float alpha, float beta) {
    const ig_tensor *t = c->n_in > 2 && beta != 0 ? c->in[2] : NULL;
    size_t row = 0, col = 0;
    if (t) steps_of_c(t, &row, &col);
    if (c->in[0]->dtype != IG_F64 &&
        (truncf(alpha) != alpha || truncf(beta) != beta || fabsf(alpha) > 1e9f || fabsf(beta) > 1e9f)) {
        finish_by_doubles(c->out[0], t, row, col, n, alpha, beta);
        return IG_OK;
    }
    switch (c->in[0]->dtype) {
    case IG_F64: {
        const double *add = t ? t->data : NULL;
        double *out = c->out[0]->data;
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++)
                out[i * n + j] = (double)alpha * out[i * n + j] + (add ? (double)beta * add[i * row + j * col] : 0);
        break;
    }
    case IG_I32:
    case IG_U32: FINISH(uint32_t); break;
    default: FINISH(uint64_t);
    }
    return IG_OK;
}

/* Small floats as floats from beginning to end, so that only the result is rounded. */
static ig_status run_small_float(ig_call *c, ig_product *p, float beta) {
    ig_dtype dtype = c->in[0]->dtype;
    size_t m = p->a.rows, n = p->b.cols, row = 0, col = 0;
    const ig_tensor *t = c->n_in > 2 && beta != 0 ? c->in[2] : NULL;
    float *a = ig_call_scratch(c, c->in[0]->count * sizeof *a), *b = ig_call_scratch(c, c->in[1]->count * sizeof *b);
    float *out = ig_call_scratch(c, m * n * sizeof *out), *add = t ? ig_call_scratch(c, m * n * sizeof *add) : NULL;
    if (!a || !b || !out || (t && !add)) return ig_oom(c->err);
    ig_to_f32(dtype, c->in[0]->data, 0, c->in[0]->count, a);
    ig_to_f32(dtype, c->in[1]->data, 0, c->in[1]->count, b);
    if (t) {
        steps_of_c(t, &row, &col);
        for (size_t i = 0; i < m * n; i++) ig_to_f32(dtype, t->data, i / n * row + i % n * col, 1, add + i);
        p->tail.add = add;
        p->tail.add_row = n;
        p->tail.beta = beta;
    }
    p->dtype = IG_F32;
    p->a_data = a;
    p->b_data = b;
    p->out = out;
    IG_TRY(ig_product_run(c, p));
    ig_from_f32(dtype, c->out[0]->data, 0, m * n, out);
    return IG_OK;
}

static ig_status run(ig_call *c) {
    ig_dtype dtype = c->in[0]->dtype;
    float alpha = ig_attr_float(c->node, "alpha"), beta = ig_attr_float(c->node, "beta");
    ig_product p = {.dtype = dtype,
                    .a = ig_stack_of(2, c->in[0]->dims, left(c->node)),
                    .b = ig_stack_of(2, c->in[1]->dims, right(c->node)),
                    .a_data = c->in[0]->data,
                    .b_data = c->in[1]->data,
                    .state = c->state,
                    .out = c->out[0]->data,
                    .tail = ig_gemm_of(0, 0, 0)};
    size_t m = p.a.rows, n = p.b.cols;
    if (m == 0 || n == 0) return IG_OK;
    bool real = dtype == IG_F32 || dtype == IG_F16 || dtype == IG_BF16;
    ig_activation activation;
    IG_TRY(ig_activation_of_call(c, &activation));
    if (real) {
        p.tail.alpha = alpha;
        p.activation = activation;
    }
    if (dtype == IG_F32 && c->n_in > 2 && c->in[2] && beta != 0) IG_TRY(add_c_f32(c, &p.tail, m, n, beta));
    if (real && dtype != IG_F32) return run_small_float(c, &p, beta);
    IG_TRY(ig_product_run(c, &p));
    if (real) return IG_OK;
    IG_TRY(finish_plain(c, m, n, alpha, beta));
    if (dtype == IG_F64)
        ig_activate_f64(&activation, c->out[0]->data, m * n);
    else if (activation.kind != IG_ACT_NONE)
        return ig_call_fail(c, "an activation of whole numbers");
    return IG_OK;
}

static ig_status infer_gelu(ig_infer *c) {
    ig_shape out, bias;
    IG_TRY(ig_product_shape(c, 0, (ig_stack_options){0}, 1, (ig_stack_options){.right = true}, &out));
    if (out.rank > 0 && ig_infer_shape(c, 2, &bias) && (bias.rank != 1 || ig_dim_differ(bias.dims[0], out.dims[out.rank - 1])))
        return ig_infer_fail(c, "the bias doesn't have an entry for each column");
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), out.rank < 0 ? NULL : &out);
}

static ig_status prepare_gelu(ig_prepare *p) {
    return ig_product_prepare(p, 0, (ig_stack_options){0}, 1, (ig_stack_options){.right = true});
}

static ig_status run_gelu(ig_call *c) {
    const ig_tensor *bias = c->n_in > 2 ? c->in[2] : NULL;
    const void *cols;
    ig_product p = {.dtype = c->in[0]->dtype,
                    .a = ig_stack_of(c->in[0]->rank, c->in[0]->dims, (ig_stack_options){0}),
                    .b = ig_stack_of(c->in[1]->rank, c->in[1]->dims, (ig_stack_options){.right = true}),
                    .a_data = c->in[0]->data,
                    .b_data = c->in[1]->data,
                    .state = c->state,
                    .out = c->out[0]->data,
                    .activation = {.kind = IG_ACT_FAST_GELU},
                    .tail = ig_gemm_of(0, 0, 0)};
    IG_TRY(ig_real_in(c, bias, IG_F32, &cols));
    p.tail.bias_cols = cols;
    return ig_product_run(c, &p);
}

const ig_op ig_op_gemm = {"", "Gemm", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_fused_gemm = {"com.microsoft", "FusedGemm", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_gemm_fast_gelu = {"com.microsoft", "GemmFastGelu", 1, 0, 0, infer_gelu, run_gelu, prepare_gelu, NULL};
