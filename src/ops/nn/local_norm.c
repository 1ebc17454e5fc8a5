/* LRN, LpNormalization, MeanVarianceNormalization. */
#include "ops/args.h"
#include "ops/loops/copy.h"
#include "ops/loops/lanes.h"
#include "ops/nn/norm.h"
#include "ops/nn/reals.h"

#include <math.h>

/* ------------------------------------------------------------------------------------------------------------------- LRN */

static ig_status infer_lrn(ig_infer *c) {
    ig_shape x;
    if (ig_infer_shape(c, 0, &x) && x.rank < 2)
        return ig_infer_fail(c, "the input has rank %d: images and channels are needed", x.rank);
    if (ig_attr_int(c->node, "size") < 1)
        return ig_infer_fail(c, "attribute size is %lld", (long long)ig_attr_int(c->node, "size"));
    return ig_infer_same(c);
}

typedef struct lrn {
    size_t channels, inner;
    int64_t size;
    double alpha, beta, bias;
    const void *x;
    void *y;
} lrn;

/* x^-beta; the usual exponent by two roots. */
static inline double power(double x, double beta) { return beta == 0.75 ? 1 / (sqrt(x) * sqrt(sqrt(x))) : pow(x, -beta); }

#define LRN(name, TYPE)                                                                                                        \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const lrn *j = arg;                                                                                                    \
        for (size_t item = begin; item < end; item++) {                                                                        \
            int64_t channel = (int64_t)(item % j->channels), first = ig_max_i64(0, channel - (j->size - 1) / 2);               \
            int64_t last = ig_min_i64((int64_t)j->channels - 1, channel + j->size / 2);                                        \
            const TYPE *x = (const TYPE *)j->x + item * j->inner;                                                              \
            TYPE *y = (TYPE *)j->y + item * j->inner;                                                                          \
            for (size_t i = 0; i < j->inner; i++) y[i] = 0;                                                                    \
            for (int64_t k = first; k <= last; k++) {                                                                          \
                const TYPE *from = x + (k - channel) * (int64_t)j->inner;                                                      \
                for (size_t i = 0; i < j->inner; i++) y[i] += from[i] * from[i];                                               \
            }                                                                                                                  \
            for (size_t i = 0; i < j->inner; i++)                                                                              \
                y[i] = (TYPE)((double)x[i] * power(j->bias + j->alpha / (double)j->size * (double)y[i], j->beta));             \
        }                                                                                                                      \
    }
LRN(lrn_f32, float)
LRN(lrn_f64, double)

static ig_status run_lrn(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_dtype type = ig_real_type(x->dtype);
    void *y;
    if (x->count == 0) return IG_OK;
    lrn j = {.channels = (size_t)x->dims[1],
             .inner = x->count / (size_t)x->dims[0] / (size_t)x->dims[1],
             .size = ig_min_i64(ig_attr_int(c->node, "size"), INT32_MAX),
             .alpha = (double)ig_attr_float(c->node, "alpha"),
             .beta = (double)ig_attr_float(c->node, "beta"),
             .bias = (double)ig_attr_float(c->node, "bias")};
    IG_TRY(ig_real_in(c, x, type, &j.x));
    IG_TRY(ig_real_out(c, 0, type, &y));
    j.y = y;
    ig_parallel(c->threads, x->count / j.inner, 1 + 1024 / j.inner, type == IG_F64 ? lrn_f64 : lrn_f32, &j);
    ig_real_done(c, 0, type, y);
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------- LpNormalization */

static ig_status infer_lp(ig_infer *c) {
    ig_shape x;
    int axis;
    int64_t p = ig_attr_int(c->node, "p");
    if (p != 1 && p != 2) return ig_infer_fail(c, "attribute p is %lld, not 1 or 2", (long long)p);
    if (ig_infer_shape(c, 0, &x)) IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
    return ig_infer_same(c);
}

/* A lane of zeros stays one. */
#define LP(name, TYPE)                                                                                                         \
    static void name(const void *arg, const TYPE *in, TYPE *out, size_t n) {                                                   \
        bool two = *(const bool *)arg;                                                                                         \
        double sum = 0;                                                                                                        \
        for (size_t i = 0; i < n; i++) sum += two ? (double)in[i] * (double)in[i] : fabs((double)in[i]);                       \
        double norm = two ? sqrt(sum) : sum;                                                                                   \
        for (size_t i = 0; i < n; i++) out[i] = norm == 0 ? 0 : (TYPE)((double)in[i] / norm);                                  \
    }
LP(lp_f32, float)
LP(lp_f64, double)

static ig_status run_lp(ig_call *c) {
    static const ig_lane_map map = {lp_f32, lp_f64, NULL};
    const ig_tensor *x = c->in[0];
    bool two = ig_attr_int(c->node, "p") == 2;
    int axis;
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), x->rank, &axis));
    ig_lanes lanes = ig_lanes_of(x->rank, x->dims, axis);
    return ig_lanes_map(c, &lanes, x, c->out[0], &map, &two);
}

/* --------------------------------------------------------------------------------------------- MeanVarianceNormalization */

/* The dims over which means are taken, as bits. Version 1 spoke of channels. */
static bool mvn_axes(const ig_node *node, int rank, uint32_t *axes) {
    size_t n;
    *axes = 0;
    if (node->schema->since < 9) {
        for (int k = 0; k < rank; k++)
            if (k >= 2 || (k == 1 && ig_attr_int(node, "across_channels"))) *axes |= 1u << k;
        return true;
    }
    const int64_t *list = ig_attr_ints(node, "axes", &n);
    for (size_t i = 0; i < n; i++) {
        if (list[i] < -rank || list[i] >= rank) return false;
        *axes |= 1u << (list[i] < 0 ? list[i] + rank : list[i]);
    }
    return true;
}

static ig_status infer_mvn(ig_infer *c) {
    ig_shape x;
    uint32_t axes;
    if (ig_infer_shape(c, 0, &x) && !mvn_axes(c->node, x.rank, &axes))
        return ig_infer_fail(c, "an entry of axes is no dim of the input");
    return ig_infer_same(c);
}

typedef struct mvn {
    size_t n;
    bool variance;
    double epsilon; /* is added to the deviation */
    void *x;
} mvn;

#define MVN(name, TYPE, type)                                                                                                  \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const mvn *j = arg;                                                                                                    \
        for (size_t r = begin; r < end; r++) {                                                                                 \
            TYPE *x = (TYPE *)j->x + r * j->n;                                                                                 \
            ig_moments m = ig_moments_##type(x, j->n, true, 0);                                                                \
            m.scale = j->variance ? 1 / (1 / m.scale + j->epsilon) : 1;                                                        \
            ig_normalize_##type(x, x, j->n, m, NULL, NULL);                                                                    \
        }                                                                                                                      \
    }
MVN(mvn_f32, float, f32)
MVN(mvn_f64, double, f64)

/* Rows of what is averaged: the input with those dims moved to the end. */
static ig_status run_mvn(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_dtype type = ig_real_type(x->dtype);
    size_t size = ig_dtype_bytes(type);
    uint32_t axes;
    const void *from;
    void *y;
    if (!mvn_axes(c->node, x->rank, &axes)) return ig_call_fail(c, "an entry of axes is no dim of the input");
    if (x->count == 0) return IG_OK;
    mvn j = {.n = 1, .variance = c->node->schema->since >= 9 || ig_attr_int(c->node, "normalize_variance"), .epsilon = 1e-9};
    ig_copy there = {.rank = x->rank};
    int64_t steps[IG_MAX_RANK];
    ig_steps_of(x->rank, x->dims, steps);
    for (int pass = 0, at = 0; pass < 2; pass++)
        for (int k = 0; k < x->rank; k++) {
            if (((axes >> k) & 1) != (uint32_t)pass) continue;
            there.dims[at] = x->dims[k];
            there.from[at++] = steps[k];
            if (pass) j.n *= (size_t)x->dims[k];
        }
    ig_steps_of(x->rank, there.dims, there.to);
    IG_TRY(ig_real_in(c, x, type, &from));
    IG_TRY(ig_real_out(c, 0, type, &y));
    j.x = ig_call_scratch(c, x->count * size);
    if (!j.x) return ig_oom(c->err);
    ig_copy_region(c->threads, &there, size, j.x, from);
    ig_parallel(c->threads, x->count / j.n, 1 + 4096 / j.n, type == IG_F64 ? mvn_f64 : mvn_f32, &j);
    ig_copy back = there;
    memcpy(back.to, there.from, sizeof back.to);
    memcpy(back.from, there.to, sizeof back.from);
    ig_copy_region(c->threads, &back, size, y, j.x);
    ig_real_done(c, 0, type, y);
    return IG_OK;
}

const ig_op ig_op_lrn = {"", "LRN", 1, 0, 0, infer_lrn, run_lrn, NULL, NULL};
const ig_op ig_op_lp_normalization = {"", "LpNormalization", 1, 0, 0, infer_lp, run_lp, NULL, NULL};
const ig_op ig_op_mean_variance_normalization = {"", "MeanVarianceNormalization", 1, 0, 0, infer_mvn, run_mvn, NULL, NULL};
