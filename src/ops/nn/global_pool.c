/* GlobalMaxPool, GlobalAveragePool, GlobalLpPool: one result for each channel of each image. */
#include "ops/nn/pool.h"
#include "ops/nn/reals.h"

#include <math.h>

ig_status ig_pool_global_infer(ig_infer *c) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (x.rank < 2) return ig_infer_fail(c, "the input has rank %d: images and channels are needed", x.rank);
    for (int k = 2; k < x.rank; k++) x.dims[k] = ig_dim_of(1);
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

typedef struct planes {
    const void *x;
    void *y;
    size_t n; /* elements of a plane */
    double p;
} planes;

enum { LANES = 8 };

/* Eight partial results keep the loop free of a chain of dependent operations, and the error small. JOIN brings two together.
 */
#define GLOBAL(name, TYPE, FIRST, STEP, JOIN, FINISH)                                                                          \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const planes *j = arg;                                                                                                 \
        const double p = j->p;                                                                                                 \
        IG_UNUSED(p);                                                                                                          \
        for (size_t item = begin; item < end; item++) {                                                                        \
            const TYPE *in = (const TYPE *)j->x + item * j->n;                                                                 \
            TYPE part[LANES], y = FIRST;                                                                                       \
            for (size_t k = 0; k < LANES; k++) part[k] = FIRST;                                                                \
            size_t i = 0;                                                                                                      \
            for (; i + LANES <= j->n; i += LANES)                                                                              \
                for (size_t k = 0; k < LANES; k++) {                                                                           \
                    const TYPE x = in[i + k], a = part[k];                                                                     \
                    part[k] = STEP;                                                                                            \
                }                                                                                                              \
            for (; i < j->n; i++) {                                                                                            \
                const TYPE x = in[i], a = part[0];                                                                             \
                part[0] = STEP;                                                                                                \
            }                                                                                                                  \
            for (size_t k = 0; k < LANES; k++) {                                                                               \
                const TYPE x = part[k], a = y;                                                                                 \
                y = JOIN;                                                                                                      \
            }                                                                                                                  \
            ((TYPE *)j->y)[item] = (TYPE)(FINISH);                                                                             \
        }                                                                                                                      \
    }

#define LARGER(x, a) ((x) > (a) || (x) != (x) ? (x) : (a))
GLOBAL(max_f32, float, -INFINITY, LARGER(x, a), LARGER(x, a), y)
GLOBAL(max_f64, double, -INFINITY, LARGER(x, a), LARGER(x, a), y)
GLOBAL(mean_f32, float, 0, a + x, a + x, (double)y / (double)j->n)
GLOBAL(mean_f64, double, 0, a + x, a + x, y / (double)j->n)
GLOBAL(lp2_f32, float, 0, a + x * x, a + x, sqrtf(y))
GLOBAL(lp2_f64, double, 0, a + x * x, a + x, sqrt(y))
GLOBAL(lp_f32, float, 0, a + powf(fabsf(x), (float)p), a + x, pow((double)y, 1 / p))
GLOBAL(lp_f64, double, 0, a + pow(fabs(x), p), a + x, pow(y, 1 / p))

static ig_status run(ig_call *c, ig_range_fn f32, ig_range_fn f64, double p) {
    const ig_tensor *x = c->in[0];
    ig_dtype type = ig_real_type(x->dtype);
    size_t n = c->out[0]->count;
    void *y;
    if (!ig_dtype_is_float(x->dtype)) return ig_call_no_kernel(c, x->dtype);
    if (n == 0) return IG_OK;
    planes j = {.n = x->count / n, .p = p};
    IG_TRY(ig_real_in(c, x, type, &j.x));
    IG_TRY(ig_real_out(c, 0, type, &y));
    j.y = y;
    ig_parallel(c->threads, n, 1 + 8192 / (j.n + 1), type == IG_F64 ? f64 : f32, &j);
    ig_real_done(c, 0, type, y);
    return IG_OK;
}

static ig_status run_max(ig_call *c) { return run(c, max_f32, max_f64, 0); }
static ig_status run_mean(ig_call *c) { return run(c, mean_f32, mean_f64, 0); }

static ig_status run_lp(ig_call *c) {
    double p = c->node->schema->since < 2 ? (double)ig_attr_float(c->node, "p") : (double)ig_attr_int(c->node, "p");
    return p == 2 ? run(c, lp2_f32, lp2_f64, p) : run(c, lp_f32, lp_f64, p);
}

const ig_op ig_op_global_max_pool = {"", "GlobalMaxPool", 1, 0, 0, ig_pool_global_infer, run_max, NULL, NULL};
const ig_op ig_op_global_average_pool = {"", "GlobalAveragePool", 1, 0, 0, ig_pool_global_infer, run_mean, NULL, NULL};
const ig_op ig_op_global_lp_pool = {"", "GlobalLpPool", 1, 0, 0, ig_pool_global_infer, run_lp, NULL, NULL};
