#include "ops/nn/norm.h"

#include "ops/loops/copy.h"
#include "ops/loops/map.h"
#include "ops/nn/reals.h"

#include <math.h>

enum { LANES = 16, RUN = 1024 }; /* partial sums; elements that are summed in the element's own type */

/* Sums of f(x): short runs in as many partial sums as vectors have lanes, which add up in double. */
#define SUM(name, TYPE, EXPR)                                                                                                  \
    static double name(const TYPE *x, size_t n, TYPE m) {                                                                      \
        double sum = 0;                                                                                                        \
        IG_UNUSED(m);                                                                                                          \
        for (size_t first = 0; first < n; first += RUN) {                                                                      \
            size_t last = ig_min_size(first + RUN, n), i = first;                                                              \
            TYPE part[LANES] = {0};                                                                                            \
            for (; i + LANES <= last; i += LANES)                                                                              \
                for (size_t k = 0; k < LANES; k++) {                                                                           \
                    const TYPE v = x[i + k];                                                                                   \
                    part[k] += EXPR;                                                                                           \
                }                                                                                                              \
            for (; i < last; i++) {                                                                                            \
                const TYPE v = x[i];                                                                                           \
                part[0] += EXPR;                                                                                               \
            }                                                                                                                  \
            for (size_t k = 0; k < LANES; k++) sum += (double)part[k];                                                         \
        }                                                                                                                      \
        return sum;                                                                                                            \
    }
SUM(sum_f32, float, v)
SUM(sum_f64, double, v)
SUM(squares_f32, float, (v - m) * (v - m))
SUM(squares_f64, double, (v - m) * (v - m))

#define NORM(type, TYPE)                                                                                                       \
    ig_moments ig_moments_##type(const TYPE *x, size_t n, bool center, double epsilon) {                                       \
        double mean = center && n ? sum_##type(x, n, 0) / (double)n : 0;                                                       \
        double variance = n ? squares_##type(x, n, (TYPE)mean) / (double)n : 0;                                                \
        return (ig_moments){mean, 1 / sqrt(variance + epsilon)};                                                               \
    }                                                                                                                          \
    void ig_normalize_##type(const TYPE *x, TYPE *y, size_t n, ig_moments m, const TYPE *weight, const TYPE *bias) {           \
        const TYPE mean = (TYPE)m.mean, scale = (TYPE)m.scale;                                                                 \
        if (weight && bias)                                                                                                    \
            IG_EACH (i, n) {                                                                                                   \
                y[i] = (x[i] - mean) * scale * weight[i] + bias[i];                                                            \
            }                                                                                                                  \
        else if (weight)                                                                                                       \
            IG_EACH (i, n) {                                                                                                   \
                y[i] = (x[i] - mean) * scale * weight[i];                                                                      \
            }                                                                                                                  \
        else                                                                                                                   \
            IG_EACH (i, n) {                                                                                                   \
                y[i] = (x[i] - mean) * scale + (bias ? bias[i] : 0);                                                           \
            }                                                                                                                  \
    }
NORM(f32, float)
NORM(f64, double)

ig_status ig_broadcast_real(ig_call *c, const ig_tensor *t, ig_dtype type, int rank, const int64_t *dims, const void **data) {
    IG_TRY(ig_real_in(c, t, type, data));
    if (!t) return IG_OK;
    if (t->rank > rank) return ig_call_fail(c, "an input of rank %d can't be broadcast to rank %d", t->rank, rank);
    ig_copy r = {.rank = rank};
    size_t count = 1;
    int64_t step = 1;
    bool same = true;
    ig_steps_of(rank, dims, r.to);
    for (int k = rank - 1; k >= 0; k--) {
        int own = k - (rank - t->rank);
        int64_t d = own >= 0 ? t->dims[own] : 1;
        if (d != 1 && d != dims[k])
            return ig_call_fail(c, "an input with %lld elements along a dim can't be broadcast to %lld", (long long)d,
                                (long long)dims[k]);
        r.dims[k] = dims[k];
        r.from[k] = d == 1 ? 0 : step;
        same &= d == dims[k];
        step *= d;
        count *= (size_t)dims[k];
    }
    if (same) return IG_OK;
    size_t size = ig_dtype_bytes(type);
    void *all = ig_call_scratch(c, count * size);
    if (!all) return ig_oom(c->err);
    ig_copy_region(c->threads, &r, size, all, *data);
    *data = all;
    return IG_OK;
}
