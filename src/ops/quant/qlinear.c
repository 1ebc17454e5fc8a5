/* Elementwise operators of com.microsoft on 8-bit numbers with scales: QLinearAdd, QLinearMul, QLinearLeakyRelu,
 * QLinearSigmoid, QLinearWhere, MulInteger. One number tells the scale and zero point of a whole tensor. */
#include "ops/loops/real.h"
#include "ops/math/elementwise.h"

typedef struct scaling {
    float scale, zero;
} scaling;

/* Inputs `at` (the scale) and `at` + 1 (the zero point, or absent). */
static ig_status read_scaling(ig_call *c, size_t at, scaling *s) {
    *s = (scaling){1, 0};
    for (size_t i = at; i < at + 2 && i < c->n_in; i++) {
        const ig_tensor *t = c->in[i];
        if (!t) continue;
        if (t->count != 1) return ig_call_fail(c, "input %zu has %zu elements, one number is expected", i, t->count);
        *(i == at ? &s->scale : &s->zero) = (float)ig_load_as_f64(t->dtype, t->data, 0);
    }
    return IG_OK;
}

typedef struct params {
    scaling a, b, out;
    float low, high;
} params;

static void set_range(params *p, ig_dtype t) {
    p->low = t == IG_I8 ? -128 : 0;
    p->high = t == IG_I8 ? 127 : 255;
}

static inline int32_t quantize(float v, const params *p) {
    float q = ig_round_f32(v / p->out.scale) + p->out.zero;
    return (int32_t)(q > p->low ? (q < p->high ? q : p->high) : p->low);
}
static inline float real(int32_t q, scaling s) { return ((float)q - s.zero) * s.scale; }

/* ------------------------------------------------------------------------------------------------------- sum, product */

IG_LOOP_2P(mul_u8, uint8_t, uint8_t, uint8_t, params, quantize(real(x, p.a) * real(y, p.b), &p))
IG_LOOP_2P(mul_i8, int8_t, int8_t, int8_t, params, quantize(real(x, p.a) * real(y, p.b), &p))
static const ig_loop add[] = {IG_REAL_ROW(qlinear_add_u8, IG_U8, IG_U8, IG_U8),
                              IG_REAL_ROW(qlinear_add_i8, IG_I8, IG_I8, IG_I8)};
static const ig_loop mul[] = {IG_ROW_2(mul_u8, IG_U8), IG_ROW_2(mul_i8, IG_I8)};

static ig_status run_pair(ig_call *c, const ig_loop *loops) {
    params p;
    IG_TRY(read_scaling(c, 1, &p.a));
    IG_TRY(read_scaling(c, 4, &p.b));
    IG_TRY(read_scaling(c, 6, &p.out));
    if (!c->out[0]) return IG_OK;
    set_range(&p, c->out[0]->dtype);
    const ig_loop *loop = ig_loop_pick(loops, 2, c->in[0]->dtype);
    if (!loop) return ig_call_no_kernel(c, c->in[0]->dtype);
    const ig_operand in[2] = {ig_operand_of(c->in[0]), ig_operand_of(c->in[3])};
    ig_params_add sum = {p.a.scale / p.out.scale, p.b.scale / p.out.scale, 0, p.out.zero};
    sum.c = -(p.a.zero * sum.a + p.b.zero * sum.b);
    const ig_loop_job job = {
        .loop = loop, .params = loops == add ? (const void *)&sum : &p, .out = ig_operand_of(c->out[0]), .in = in, .n_in = 2};
    return ig_loop_run(c, &job);
}
static ig_status run_add(ig_call *c) { return run_pair(c, add); }
static ig_status run_mul(ig_call *c) { return run_pair(c, mul); }

/* Broadcast of some inputs; the type is that of one of them or given. */
static ig_status infer_of(ig_infer *c, const size_t *inputs, size_t n, ig_dtype dtype) {
    ig_infer pick = *c;
    const ig_type *types[3];
    ig_shape shape;
    ig_status status;
    for (size_t k = 0; k < n; k++) types[k] = c->in[inputs[k]];
    ig_node node = *c->node;
    ig_value *values[3];
    for (size_t k = 0; k < n; k++) values[k] = c->node->in[inputs[k]];
    node.in = values;
    node.n_in = (uint32_t)n;
    pick.node = &node;
    pick.in = types;
    pick.n_in = n;
    bool known = ig_infer_broadcast_shape(&pick, 0, n, &shape, &status);
    IG_TRY(status);
    return known || dtype ? ig_infer_set(c, 0, dtype, known ? &shape : NULL) : IG_OK;
}
static ig_status infer_pair(ig_infer *c) { return infer_of(c, (const size_t[]){0, 3}, 2, ig_infer_dtype(c, 0)); }

/* --------------------------------------------------------------------------------------------- functions of one number */

IG_LOOP_1P(look_up, uint8_t, uint8_t, uint8_t *, p[x])
static const ig_loop look_up_loop = IG_ROW_1(look_up, IG_U8);

/* There are only 256 inputs: a table has the results, by the input's bits. */
static void make_table(uint8_t *table, ig_dtype t, const params *p, float (*f)(float v, float alpha), float alpha) {
    for (int i = 0; i < 256; i++) table[i] = (uint8_t)quantize(f(real(t == IG_I8 ? (int8_t)i : i, p->a), alpha), p);
}

static ig_status run_table(ig_call *c, float (*f)(float v, float alpha), float alpha) {
    uint8_t table[256], *look_in = table;
    params p;
    IG_TRY(read_scaling(c, 1, &p.a));
    IG_TRY(read_scaling(c, 3, &p.out));
    if (!c->out[0]) return IG_OK;
    set_range(&p, c->out[0]->dtype);
    make_table(table, c->in[0]->dtype, &p, f, alpha);
    ig_operand in = ig_operand_of(c->in[0]), out = ig_operand_of(c->out[0]);
    in.dtype = out.dtype = IG_U8;
    const ig_loop_job job = {.loop = &look_up_loop, .params = &look_in, .out = out, .in = &in, .n_in = 1};
    return ig_loop_run(c, &job);
}

static float leaky_relu(float v, float alpha) { return v < 0 ? alpha * v : v; }
static float sigmoid(float v, float alpha) {
    IG_UNUSED(alpha);
    return ig_sigmoid_f32(v);
}
static ig_status run_leaky_relu(ig_call *c) { return run_table(c, leaky_relu, ig_attr_float(c->node, "alpha")); }
static ig_status run_sigmoid(ig_call *c) { return run_table(c, sigmoid, 0); }

/* -------------------------------------------------------------------------------------------------------- Where, product */

static float same(float v, float alpha) {
    IG_UNUSED(alpha);
    return v;
}

typedef struct tables {
    uint8_t x[256], y[256];
} tables;
IG_LOOP_3P(pick, uint8_t, uint8_t, uint8_t, uint8_t, tables *, x ? p->x[y] : p->y[z])
static const ig_loop pick_loop = IG_LOOP_ROW(pick, IG_U8, IG_BOOL, IG_U8, IG_U8);

static ig_status run_where(ig_call *c) {
    tables t, *look_in = &t;
    params p;
    if (!c->out[0]) return IG_OK;
    ig_operand in[3] = {ig_operand_of(c->in[0]), ig_operand_of(c->in[1]), ig_operand_of(c->in[4])};
    ig_operand out = ig_operand_of(c->out[0]);
    IG_TRY(read_scaling(c, 7, &p.out));
    set_range(&p, out.dtype);
    IG_TRY(read_scaling(c, 2, &p.a));
    make_table(t.x, out.dtype, &p, same, 0);
    IG_TRY(read_scaling(c, 5, &p.a));
    make_table(t.y, out.dtype, &p, same, 0);
    in[1].dtype = in[2].dtype = out.dtype = IG_U8;
    const ig_loop_job job = {.loop = &pick_loop, .params = &look_in, .out = out, .in = in, .n_in = 3};
    return ig_loop_run(c, &job);
}
static ig_status infer_where(ig_infer *c) { return infer_of(c, (const size_t[]){0, 1, 4}, 3, ig_infer_dtype(c, 1)); }

typedef struct zeros {
    int32_t a, b;
} zeros;
IG_LOOP_2P(mul_integer, int32_t, int32_t, int32_t, zeros, (x - p.a) * (y - p.b))
static const ig_loop mul_integer_loop = IG_ROW_2(mul_integer, IG_I32);

static ig_status run_mul_integer(ig_call *c) {
    zeros z = {0, 0};
    for (size_t i = 1; i < c->n_in; i += 2) {
        if (!c->in[i]) continue;
        if (c->in[i]->count != 1)
            return ig_call_fail(c, "input %zu has %zu elements, one number is expected", i, c->in[i]->count);
        *(i == 1 ? &z.a : &z.b) = (int32_t)ig_load_as_i64(c->in[i]->dtype, c->in[i]->data, 0);
    }
    if (!c->out[0]) return IG_OK;
    const ig_operand in[2] = {ig_operand_of(c->in[0]), ig_operand_of(c->in[2])};
    const ig_loop_job job = {.loop = &mul_integer_loop, .params = &z, .out = ig_operand_of(c->out[0]), .in = in, .n_in = 2};
    return ig_loop_run(c, &job);
}
static ig_status infer_mul_integer(ig_infer *c) { return infer_of(c, (const size_t[]){0, 2}, 2, IG_I32); }

#define MS_OP(symbol, text, infer_, run_)                                                                                      \
    const ig_op ig_op_##symbol = {.domain = "com.microsoft", .name = text, .since = 1, .infer = infer_, .run = run_};

MS_OP(ms_qlinear_add, "QLinearAdd", infer_pair, run_add)
MS_OP(ms_qlinear_mul, "QLinearMul", infer_pair, run_mul)
MS_OP(ms_qlinear_leaky_relu, "QLinearLeakyRelu", ig_infer_same, run_leaky_relu)
MS_OP(ms_qlinear_sigmoid, "QLinearSigmoid", ig_infer_same, run_sigmoid)
MS_OP(ms_qlinear_where, "QLinearWhere", infer_where, run_where)
MS_OP(ms_mul_integer, "MulInteger", infer_mul_integer, run_mul_integer)
