/* Softmax, LogSoftmax, Hardmax (1, 11, 13) and QLinearSoftmax of com.microsoft. Before version 13 the dims from `axis` on count
 * as one. */
#include "kernels/kernels.h"
#include "ops/args.h"
#include "ops/loops/lanes.h"
#include "ops/loops/real.h"

#include <math.h>

enum { RUN = 1024 };

static ig_status infer_softmax(ig_infer *c) {
    ig_shape x;
    int axis;
    if (ig_infer_shape(c, 0, &x)) IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
    return ig_infer_same(c);
}

/* ------------------------------------------------------------------------------------------------------- lane by lane */

static void softmax_f32(const void *arg, const float *in, float *out, size_t n) {
    const ig_folds *k = arg;
    double sum = k->exp_sum(in, out, n, k->max(in, n));
    k->scale(out, n, (float)(1 / sum));
}

/* The exponentials go through a small block, because `out` may be `in`. */
static void log_softmax_f32(const void *arg, const float *in, float *out, size_t n) {
    const ig_folds *k = arg;
    float most = k->max(in, n), block[RUN];
    double sum = 0;
    for (size_t i = 0; i < n; i += RUN) sum += k->exp_sum(in + i, block, ig_min_size(RUN, n - i), most);
    k->less(in, out, n, most, (float)log(sum));
}

/* Half floats go through the steps of the operator's function body, each rounded to the type: subtract the largest, raise,
 * sum, divide. A sum of bfloat16 rounds with every term, but for no longer than SHORT, so that it can't stand still. */
enum { SHORT = 16 };

typedef struct half_steps {
    const ig_folds *folds;
    void (*widen)(const uint16_t *in, size_t n, float *out);
    void (*narrow)(const float *in, size_t n, uint16_t *out);
    bool rounds_sums;
} half_steps;

static void round_run(const half_steps *h, float *x, size_t n) {
    uint16_t block[RUN];
    h->narrow(x, n, block);
    h->widen(block, n, x);
}

static float rounded(const half_steps *h, float x) {
    round_run(h, &x, 1);
    return x;
}

static float sum_half(const half_steps *h, const float *x, size_t n) {
    float total = 0;
    for (size_t i = 0; i < n; i += SHORT) {
        float sum = 0;
        for (size_t k = i; k < ig_min_size(n, i + SHORT); k++) sum = h->rounds_sums ? rounded(h, sum + x[k]) : sum + x[k];
        total += sum;
    }
    return rounded(h, total);
}

static void softmax_half(const void *arg, const float *in, float *out, size_t n) {
    const half_steps *h = arg;
    float most = h->folds->max(in, n);
    for (size_t i = 0; i < n; i += RUN) {
        size_t some = ig_min_size(RUN, n - i);
        h->folds->less(in + i, out + i, some, most, 0);
        round_run(h, out + i, some);
        h->folds->exp_sum(out + i, out + i, some, 0);
        round_run(h, out + i, some);
    }
    float sum = sum_half(h, out, n);
    for (size_t i = 0; i < n; i++) out[i] /= sum;
}

static double largest_f64(const double *x, size_t n) {
    double m = -(double)INFINITY;
    for (size_t i = 0; i < n; i++) m = x[i] > m ? x[i] : m;
    return m;
}

static void softmax_f64(const void *arg, const double *in, double *out, size_t n) {
    IG_UNUSED(arg);
    double most = largest_f64(in, n), sum = 0;
    for (size_t i = 0; i < n; i++) sum += out[i] = exp(in[i] - most);
    for (size_t i = 0; i < n; i++) out[i] /= sum;
}

static void log_softmax_f64(const void *arg, const double *in, double *out, size_t n) {
    IG_UNUSED(arg);
    double most = largest_f64(in, n), sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp(in[i] - most);
    double less = log(sum);
    for (size_t i = 0; i < n; i++) out[i] = in[i] - most - less;
}

/* 1 for the first of the largest, 0 for the others. */
#define HARDMAX(name, type)                                                                                                    \
    static void name(const void *arg, const type *in, type *out, size_t n) {                                                   \
        size_t best = 0;                                                                                                       \
        IG_UNUSED(arg);                                                                                                        \
        for (size_t i = 1; i < n; i++) {                                                                                       \
            if (in[i] > in[best] || (in[i] != in[i] && in[best] == in[best])) best = i;                                        \
        }                                                                                                                      \
        for (size_t i = 0; i < n; i++) out[i] = i == best;                                                                     \
    }
HARDMAX(hardmax_f32, float)
HARDMAX(hardmax_f64, double)

/* ------------------------------------------------------------------------------------------------------------- kernels */

static ig_status lanes_for(ig_call *c, int64_t wanted, bool coerced, ig_lanes *lanes) {
    const ig_tensor *x = c->in[0];
    int axis;
    IG_TRY(ig_call_axis(c, wanted, x->rank, &axis));
    *lanes = coerced ? ig_lanes_coerced(x->rank, x->dims, axis) : ig_lanes_of(x->rank, x->dims, axis);
    return IG_OK;
}

static ig_status map_lanes(ig_call *c, const ig_lane_map *map) {
    ig_lanes lanes;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(lanes_for(c, ig_attr_int(c->node, "axis"), c->node->schema->since < 13, &lanes));
    return ig_lanes_map(c, &lanes, c->in[0], c->out[0], map, ig_kernels_of(c->context)->folds);
}

static ig_status map_halves(ig_call *c) {
    static const ig_lane_map map = {.f32 = softmax_half};
    const ig_kernels *k = ig_kernels_of(c->context);
    bool brain = c->in[0]->dtype == IG_BF16;
    half_steps h = {k->folds, brain ? k->loops->bf16_to_f32 : k->loops->f16_to_f32,
                    brain ? k->loops->f32_to_bf16 : k->loops->f32_to_f16, brain};
    ig_lanes lanes;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(lanes_for(c, ig_attr_int(c->node, "axis"), c->node->schema->since < 13, &lanes));
    return ig_lanes_map(c, &lanes, c->in[0], c->out[0], &map, &h);
}

#define SOFTMAX_OP(symbol, text)                                                                                               \
    static ig_status run_##symbol(ig_call *c) {                                                                                \
        static const ig_lane_map map = {.f32 = symbol##_f32, .f64 = symbol##_f64};                                             \
        return map_lanes(c, &map);                                                                                             \
    }                                                                                                                          \
    const ig_op ig_op_##symbol = {                                                                                             \
        .name = text, .domain = "", .since = 1, .flags = IG_OP_INPLACE, .infer = infer_softmax, .run = run_##symbol};

static ig_status run_softmax(ig_call *c) {
    static const ig_lane_map map = {.f32 = softmax_f32, .f64 = softmax_f64};
    bool half = c->in[0]->dtype == IG_F16 || c->in[0]->dtype == IG_BF16;
    return half ? map_halves(c) : map_lanes(c, &map);
}

const ig_op ig_op_softmax = {
    .name = "Softmax", .domain = "", .since = 1, .flags = IG_OP_INPLACE, .infer = infer_softmax, .run = run_softmax};
SOFTMAX_OP(log_softmax, "LogSoftmax")
SOFTMAX_OP(hardmax, "Hardmax")

/* ------------------------------------------------------------------------------------------------------ QLinearSoftmax */

/* The input's zero point falls out of a softmax. The arithmetic is what onnxruntime defines, whose operator this is:
 * exponentials in fixed point, and the output's scale as a whole number of codes for 1. */
typedef struct quantized {
    float scale, y_scale;
    int64_t y_zero, low, high;
} quantized;

static void softmax_i64(const void *arg, const int64_t *in, int64_t *out, size_t n) {
    const quantized *q = arg;
    int64_t most = INT64_MIN;
    const double one = fmin((double)UINT32_MAX / (double)n, 0x7FFFFF), codes = floor(1 / (double)q->y_scale);
    double sum = 0;
    for (size_t i = 0; i < n; i++) most = ig_max_i64(most, in[i]);
    for (size_t i = 0; i < n; i++) sum += rint(one * exp((double)(in[i] - most) * (double)q->scale));
    for (size_t i = 0; i < n; i++) {
        double y = rint(rint(one * exp((double)(in[i] - most) * (double)q->scale)) * codes / sum);
        out[i] = y > 1e6 ? q->high : ig_clamp_i64((int64_t)y + q->y_zero, q->low, q->high);
    }
}

static ig_status quantization(ig_call *c, quantized *q) {
    for (size_t i = 1; i < 5; i++) {
        const ig_tensor *t = i < c->n_in ? c->in[i] : NULL;
        ig_dtype wanted = i % 2 ? IG_F32 : c->in[0]->dtype;
        if (!t && i % 2 == 0) continue;
        if (!t || t->kind != IG_KIND_TENSOR || t->count != 1 || t->dtype != wanted)
            return ig_call_fail(c, "input %zu is no single scale or zero point", i);
    }
    bool is_signed = c->in[0]->dtype == IG_I8;
    const ig_tensor *zero = c->n_in > 4 ? c->in[4] : NULL;
    q->scale = *(const float *)c->in[1]->data;
    q->y_scale = *(const float *)c->in[3]->data;
    q->y_zero = zero ? ig_load_as_i64(zero->dtype, zero->data, 0) : 0;
    q->low = is_signed ? -128 : 0;
    q->high = is_signed ? 127 : 255;
    return q->scale > 0 && q->y_scale > 0 ? IG_OK : ig_call_fail(c, "the scales aren't positive");
}

static int64_t qlinear_axis(const ig_node *node, bool *coerced) {
    *coerced = ig_attr_int(node, "opset") < 13;
    return ig_attr_given(node, "axis") ? ig_attr_int(node, "axis") : *coerced ? 1 : -1;
}

static ig_status infer_qlinear_softmax(ig_infer *c) {
    ig_shape x;
    bool coerced;
    int axis;
    if (ig_infer_shape(c, 0, &x) && x.rank) IG_TRY(ig_infer_axis(c, qlinear_axis(c->node, &coerced), x.rank, false, &axis));
    return ig_infer_same(c);
}

static ig_status run_qlinear_softmax(ig_call *c) {
    static const ig_lane_map map = {.i64 = softmax_i64};
    ig_lanes lanes;
    quantized q;
    bool coerced;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(quantization(c, &q));
    int64_t axis = qlinear_axis(c->node, &coerced);
    IG_TRY(lanes_for(c, axis, coerced, &lanes));
    return ig_lanes_map(c, &lanes, c->in[0], c->out[0], &map, &q);
}

const ig_op ig_op_ms_qlinear_softmax = {.name = "QLinearSoftmax",
                                        .domain = "com.microsoft",
                                        .since = 1,
                                        .infer = infer_qlinear_softmax,
                                        .run = run_qlinear_softmax};
