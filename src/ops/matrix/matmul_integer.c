/* Products of quantized matrices: MatMulInteger and QLinearMatMul, and onnxruntime's MatMulIntegerToFloat,
 * DynamicQuantizeMatMul, QGemm and MatMulInteger16. */
#include "ops/matrix/integer.h"

#include "ops/loops/real.h"
#include "ops/nn/reals.h"

static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }

static ig_stack left(const ig_tensor *t) { return ig_stack_of(t->rank, t->dims, (ig_stack_options){0}); }
static ig_stack right(const ig_tensor *t) { return ig_stack_of(t->rank, t->dims, (ig_stack_options){.right = true}); }

/* Output 0 of the type `dtype` from matrices a and b. */
static ig_status infer_product(ig_infer *c, size_t a, size_t b, ig_dtype dtype) {
    ig_shape out;
    IG_TRY(ig_product_shape(c, a, (ig_stack_options){0}, b, (ig_stack_options){0}, &out));
    return ig_infer_set(c, 0, dtype, out.rank < 0 ? NULL : &out);
}

static ig_int_product product_of(const ig_call *c, const ig_tensor *a, const ig_tensor *b) {
    return (ig_int_product){.a = left(a),
                            .b = right(b),
                            .a_tensor = a,
                            .b_tensor = b,
                            .a_data = a->data,
                            .a_signed = a->dtype == IG_I8,
                            .state = c->state,
                            .base = {.scale = 1, .out_row = (size_t)right(b).cols, .out_col = 1}};
}

/* Scales of all rows of A or columns of B, of every matrix. */
typedef struct scales {
    float *rows, *cols; /* NULL: the scale is in `scale` already */
    size_t n_rows, n_cols;
} scales;

static ig_status lane_scales(ig_call *c, const ig_tensor *t, size_t lanes, size_t matrices, float **out) {
    if (!ig_lane_param_fits(t, lanes, matrices))
        return ig_call_fail(c, "a scale with %zu entries doesn't fit its matrix", t->count);
    *out = ig_call_scratch(c, lanes * matrices * sizeof **out);
    if (!*out) return ig_oom(c->err);
    for (size_t k = 0; k < matrices; k++)
        for (size_t i = 0; i < lanes; i++) ig_to_f32(t->dtype, t->data, ig_lane_param(t, lanes, k, i), 1, *out + k * lanes + i);
    return IG_OK;
}

static float scalar(const ig_tensor *t) { return (float)ig_load_as_f64(t->dtype, t->data, 0); }

/* Puts the scales of both operands where ig_requantize wants them; `by` is what all are divided by. */
static ig_status set_scales(ig_call *c, ig_int_product *p, scales *s, const ig_tensor *a_scale, const ig_tensor *b_scale,
                            float by) {
    *s = (scales){.n_rows = p->a.rows, .n_cols = p->b.cols};
    float a = a_scale->count == 1 ? scalar(a_scale) : 1;
    p->base.scale = 1;
    if (a_scale->count != 1) IG_TRY(lane_scales(c, a_scale, p->a.rows, ig_stack_count(&p->a), &s->rows));
    if (b_scale->count == 1) {
        p->base.scale = a * scalar(b_scale) / by;
        return IG_OK;
    }
    size_t matrices = ig_stack_count(&p->b);
    IG_TRY(lane_scales(c, b_scale, p->b.cols, matrices, &s->cols));
    for (size_t i = 0; i < p->b.cols * matrices; i++) s->cols[i] = a * s->cols[i] / by;
    return IG_OK;
}

static void each(void *arg, ig_requantize *r, size_t a_matrix, size_t b_matrix) {
    const scales *s = arg;
    r->row_scale = s->rows ? s->rows + a_matrix * s->n_rows : NULL;
    r->col_scale = s->cols ? s->cols + b_matrix * s->n_cols : NULL;
}

/* ---------------------------------------------------------------------------------------------------------- MatMulInteger */

static ig_status infer_integer(ig_infer *c) { return infer_product(c, 0, 1, IG_I32); }
static ig_status prepare_integer(ig_prepare *p) { return ig_int_product_prepare(p, 1, (ig_stack_options){0}, 3); }

static ig_status run_integer(ig_call *c) {
    ig_int_product p = product_of(c, c->in[0], c->in[1]);
    p.a_zero = input(c, 2);
    p.b_zero = input(c, 3);
    p.out = c->out[0]->data;
    return ig_int_product_run(c, &p);
}

/* --------------------------------------------------------------------------------------------------- MatMulIntegerToFloat */

static ig_status infer_to_float(ig_infer *c) {
    ig_dtype dtype = ig_infer_dtype(c, 2);
    return infer_product(c, 0, 1, dtype ? dtype : ig_infer_dtype(c, 3));
}

static ig_status prepare_to_float(ig_prepare *p) { return ig_int_product_prepare(p, 1, (ig_stack_options){0}, 5); }

/* A bias of one entry for each column, as floats. */
static ig_status set_bias(ig_call *c, ig_int_product *p, const ig_tensor *bias) {
    const void *data;
    if (bias && bias->count != p->b.cols)
        return ig_call_fail(c, "the bias has %zu entries for %zu columns", bias->count, p->b.cols);
    IG_TRY(ig_real_in(c, bias, IG_F32, &data));
    p->base.float_bias = data;
    return IG_OK;
}

static ig_status run_to_float(ig_call *c) {
    ig_int_product p = product_of(c, c->in[0], c->in[1]);
    scales s;
    void *out;
    p.a_zero = input(c, 4);
    p.b_zero = input(c, 5);
    IG_TRY(set_bias(c, &p, input(c, 6)));
    IG_TRY(set_scales(c, &p, &s, c->in[2], c->in[3], 1));
    IG_TRY(ig_real_out(c, 0, IG_F32, &out));
    p.base.dtype = IG_F32;
    p.base.out = out;
    p.each = each;
    p.each_arg = &s;
    IG_TRY(ig_int_product_run(c, &p));
    ig_real_done(c, 0, IG_F32, out);
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------- DynamicQuantizeMatMul */

static ig_status infer_dynamic(ig_infer *c) { return infer_product(c, 0, 1, IG_F32); }
static ig_status prepare_dynamic(ig_prepare *p) { return ig_int_product_prepare(p, 1, (ig_stack_options){0}, 3); }

/* All of A to uint8 with the scale and zero point that fit its range, as DynamicQuantizeLinear has them. */
static void quantize(const float *x, size_t n, uint8_t *out, float *scale, int32_t *zero) {
    float low = 0, high = 0;
    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    float s = high == low ? 1 : (high - low) / 255, z = ig_round_f32(-low / s);
    z = z < 0 ? 0 : z > 255 ? 255 : z;
    for (size_t i = 0; i < n; i++) {
        float v = ig_round_f32(x[i] / s) + z;
        out[i] = (uint8_t)(int32_t)(v > 0 ? (v < 255 ? v : 255) : 0);
    }
    *scale = s;
    *zero = (int32_t)z;
}

static ig_status run_dynamic(ig_call *c) {
    const ig_tensor *a = c->in[0];
    ig_int_product p = product_of(c, a, c->in[1]);
    scales s;
    float scale;
    int32_t zero;
    uint8_t *q = ig_call_scratch(c, a->count);
    if (!q) return ig_oom(c->err);
    quantize(a->data, a->count, q, &scale, &zero);
    uint8_t zero_byte = (uint8_t)zero;
    ig_tensor a_zero = {.kind = IG_KIND_TENSOR, .dtype = IG_U8, .count = 1, .bytes = 1, .data = &zero_byte};
    ig_tensor a_scale = {.kind = IG_KIND_TENSOR, .dtype = IG_F32, .count = 1, .bytes = 4, .data = &scale};
    p.a_data = q;
    p.a_signed = false;
    p.a_zero = &a_zero;
    p.b_zero = input(c, 3);
    IG_TRY(set_bias(c, &p, input(c, 4)));
    IG_TRY(set_scales(c, &p, &s, &a_scale, c->in[2], 1));
    p.base.dtype = IG_F32;
    p.base.out = c->out[0]->data;
    p.each = each;
    p.each_arg = &s;
    return ig_int_product_run(c, &p);
}

/* ---------------------------------------------------------------------------------------------------------- QLinearMatMul */

static ig_status infer_linear(ig_infer *c) {
    ig_dtype dtype = ig_infer_dtype(c, 7);
    return infer_product(c, 0, 3, dtype ? dtype : ig_infer_dtype(c, 0));
}

static ig_status prepare_linear(ig_prepare *p) { return ig_int_product_prepare(p, 3, (ig_stack_options){0}, 5); }

/* Elements of an operand as the numbers they stand for. lane_of: the lane of an element from its place in a matrix. */
static ig_status dequantize(ig_call *c, const ig_tensor *t, const ig_tensor *scale, const ig_tensor *zero, const ig_stack *s,
                            bool rows, float **out) {
    size_t lanes = rows ? s->rows : s->cols, matrices = ig_stack_count(s), inner = s->cols;
    if (!ig_lane_param_fits(scale, lanes, matrices) || !ig_lane_param_fits(zero, lanes, matrices))
        return ig_call_fail(c, "a scale or zero point doesn't fit its matrix");
    float *v = *out = ig_call_scratch(c, t->count * sizeof *v);
    if (!v) return ig_oom(c->err);
    ig_to_f32(t->dtype, t->data, 0, t->count, v);
    for (size_t i = 0; i < t->count; i++) {
        size_t place = i % (s->rows * inner), matrix = i / (s->rows * inner), lane = rows ? place / inner : place % inner;
        float z = zero ? (float)ig_load_as_f64(zero->dtype, zero->data, ig_lane_param(zero, lanes, matrix, lane)) : 0;
        v[i] = (v[i] - z) * (float)ig_load_as_f64(scale->dtype, scale->data, ig_lane_param(scale, lanes, matrix, lane));
    }
    return IG_OK;
}

/* Quantized floats have no integer product. */
static ig_status run_linear_float(ig_call *c) {
    const ig_tensor *a = c->in[0], *b = c->in[3], *zero = c->in[7];
    ig_tensor *y = c->out[0];
    ig_product p = {.dtype = IG_F32, .a = left(a), .b = right(b), .tail = ig_gemm_of(0, 0, 0)};
    float *fa, *fb, *out = ig_call_scratch(c, y->count * sizeof *out), scale = scalar(c->in[6]);
    if (!out) return ig_oom(c->err);
    if (y->count == 0) return IG_OK;
    memset(out, 0, y->count * sizeof *out);
    IG_TRY(dequantize(c, a, c->in[1], c->in[2], &p.a, true, &fa));
    IG_TRY(dequantize(c, b, c->in[4], c->in[5], &p.b, false, &fb));
    p.a_data = fa;
    p.b_data = fb;
    p.out = out;
    IG_TRY(ig_product_run(c, &p));
    float z = scalar(zero);
    for (size_t i = 0; i < y->count; i++) out[i] = out[i] / scale + z;
    ig_from_f32(y->dtype, y->data, 0, y->count, out);
    return IG_OK;
}

static bool is_byte(const ig_tensor *t) { return t->dtype == IG_U8 || t->dtype == IG_I8; }

static ig_status run_linear(ig_call *c) {
    const ig_tensor *y_scale = c->in[6], *y_zero = c->in[7];
    ig_tensor *y = c->out[0];
    if (y_scale->count != 1 || y_zero->count != 1) return ig_call_fail(c, "the result needs one scale and one zero point");
    if (!is_byte(c->in[0]) || !is_byte(c->in[3]) || !is_byte(y)) return run_linear_float(c);
    ig_int_product p = product_of(c, c->in[0], c->in[3]);
    scales s;
    p.a_zero = c->in[2];
    p.b_zero = c->in[5];
    IG_TRY(set_scales(c, &p, &s, c->in[1], c->in[4], scalar(y_scale)));
    p.base.dtype = y->dtype;
    p.base.zero = scalar(y_zero);
    p.base.out = y->data;
    p.each = each;
    p.each_arg = &s;
    return ig_int_product_run(c, &p);
}

/* ------------------------------------------------------------------------------------------------------------------ QGemm */

static ig_stack_options gemm_left(const ig_node *node) { return (ig_stack_options){.transpose = ig_attr_int(node, "transA")}; }
static ig_stack_options gemm_right(const ig_node *node) {
    return (ig_stack_options){.transpose = ig_attr_int(node, "transB"), .right = true};
}

static ig_status infer_gemm(ig_infer *c) {
    ig_shape out, s;
    for (size_t i = 0; i < 4; i += 3)
        if (ig_infer_shape(c, i, &s) && s.rank != 2) return ig_infer_fail(c, "input %zu has rank %d, not 2", i, s.rank);
    IG_TRY(ig_product_shape(c, 0, gemm_left(c->node), 3, gemm_right(c->node), &out));
    ig_dtype dtype = ig_infer_has(c, 8) ? ig_infer_dtype(c, 8) : IG_F32;
    return ig_infer_set(c, 0, dtype, out.rank < 0 ? NULL : &out);
}

static ig_status prepare_gemm(ig_prepare *p) { return ig_int_product_prepare(p, 3, gemm_right(p->node), 5); }

static ig_status run_gemm(ig_call *c) {
    const ig_tensor *a = c->in[0], *b = c->in[3], *bias = input(c, 6), *y_scale = input(c, 7), *y_zero = input(c, 8);
    ig_int_product p = product_of(c, a, b);
    scales s;
    p.a = ig_stack_of(2, a->dims, gemm_left(c->node));
    p.b = ig_stack_of(2, b->dims, gemm_right(c->node));
    p.base.out_row = p.b.cols;
    p.a_zero = c->in[2];
    p.b_zero = c->in[5];
    if (c->in[1]->count != 1) return ig_call_fail(c, "the scale of A has %zu entries, not 1", c->in[1]->count);
    if (y_scale && (y_scale->count != 1 || (y_zero && y_zero->count != 1)))
        return ig_call_fail(c, "the result needs one scale");
    IG_TRY(set_scales(c, &p, &s, c->in[1], c->in[4], y_scale && y_zero ? scalar(y_scale) : 1));
    float alpha = ig_attr_float(c->node, "alpha");
    p.base.scale *= alpha;
    size_t m = p.a.rows, n = p.b.cols;
    if (bias && bias->count == m * n && m != 1) { /* a whole matrix: added to sums that are kept */
        int32_t *sums = ig_call_scratch(c, m * n * sizeof *sums);
        if (!sums) return ig_oom(c->err);
        p.out = sums;
        IG_TRY(ig_int_product_run(c, &p));
        for (size_t i = 0; i < m * n; i++) sums[i] = (int32_t)((uint32_t)sums[i] + (uint32_t)((const int32_t *)bias->data)[i]);
        p.base.dtype = c->out[0]->dtype;
        p.base.out = c->out[0]->data;
        p.base.zero = y_zero ? scalar(y_zero) : 0;
        each(&s, &p.base, 0, 0);
        for (size_t i = 0; i < m; i++) ig_requantize_row(&p.base, sums + i * n, i, 0, n);
        return IG_OK;
    }
    int32_t *room = ig_call_scratch(c, ig_max_size(m, n) * sizeof *room);
    if (!room) return ig_oom(c->err);
    if (bias) {
        bool of_rows = bias->rank == 2 && bias->dims[1] == 1 && bias->count == m && m != 1;
        if (!of_rows && bias->count != n && bias->count != 1) return ig_call_fail(c, "C can't be broadcast to the result");
        for (size_t i = 0; i < (of_rows ? m : n); i++) room[i] = ((const int32_t *)bias->data)[bias->count == 1 ? 0 : i];
        *(of_rows ? &p.base.row_bias : &p.base.col_bias) = room;
    }
    p.base.dtype = c->out[0]->dtype;
    p.base.out = c->out[0]->data;
    p.base.zero = y_zero ? scalar(y_zero) : 0;
    p.each = each;
    p.each_arg = &s;
    return ig_int_product_run(c, &p);
}

/* -------------------------------------------------------------------------------------------------------- MatMulInteger16 */

static ig_status infer_16(ig_infer *c) {
    ig_dtype a = ig_infer_dtype(c, 0), b = ig_infer_dtype(c, 1);
    return infer_product(c, 0, 1, a == IG_U16 && b == IG_U16 ? IG_U32 : IG_I32);
}

static ig_status widen(ig_call *c, const ig_tensor *t, const void **out) {
    int32_t *wide = ig_call_scratch(c, t->count * sizeof *wide);
    if (!wide) return ig_oom(c->err);
    for (size_t i = 0; i < t->count; i++) wide[i] = (int32_t)ig_load_as_i64(t->dtype, t->data, i);
    *out = wide;
    return IG_OK;
}

static ig_status run_16(ig_call *c) {
    ig_product p = {
        .dtype = IG_I32, .a = left(c->in[0]), .b = right(c->in[1]), .out = c->out[0]->data, .tail = ig_gemm_of(0, 0, 0)};
    IG_TRY(widen(c, c->in[0], &p.a_data));
    IG_TRY(widen(c, c->in[1], &p.b_data));
    return ig_product_run(c, &p);
}

const ig_op ig_op_mat_mul_integer = {"", "MatMulInteger", 10, 0, 0, infer_integer, run_integer, prepare_integer, NULL};
const ig_op ig_op_qlinear_mat_mul = {"", "QLinearMatMul", 10, 0, 0, infer_linear, run_linear, prepare_linear, NULL};
const ig_op ig_op_ms_mat_mul_integer_to_float = {"com.microsoft", "MatMulIntegerToFloat", 1,   0, 0, infer_to_float,
                                                 run_to_float,    prepare_to_float,       NULL};
const ig_op ig_op_ms_dynamic_quantize_mat_mul = {"com.microsoft", "DynamicQuantizeMatMul", 1,   0, 0, infer_dynamic,
                                                 run_dynamic,     prepare_dynamic,         NULL};
const ig_op ig_op_ms_q_gemm = {"com.microsoft", "QGemm", 1, 0, 0, infer_gemm, run_gemm, prepare_gemm, NULL};
const ig_op ig_op_ms_mat_mul_integer16 = {"com.microsoft", "MatMulInteger16", 1, 0, 0, infer_16, run_16, NULL, NULL};
